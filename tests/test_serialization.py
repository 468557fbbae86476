"""Weights and checkpoints: what comes back, what is refused, and that a resumed run is the run itself."""

import json
import os
import stat
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wengert import Parameter, random
from wengert import functions as F
from wengert.data import Arrays, DataLoader
from wengert.errors import DataError, DeclarationError, InputError
from wengert.layers import Dropout, Layer, Linear, Sequential
from wengert.models import MLP
from wengert.optimizers import (
    SGD,
    Adam,
    ClipGrad,
    ExponentialLR,
    Momentum,
    Optimizer,
    ReduceLROnPlateau,
    StepLR,
)
from wengert.serialization import load, load_checkpoint, save, save_checkpoint


def weights(model: Layer) -> dict[str, Any]:
    return {name: p.data.copy() for name, p in model.named_parameters()}


def assert_same(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype
        np.testing.assert_array_equal(a[name], b[name])


# Weights


def test_weights_come_back(tmp_path: Path) -> None:
    model, other = MLP((4, 3), in_size=2), MLP((4, 3), in_size=2)
    save(tmp_path / "weights", model)
    load(str(tmp_path / "weights"), other)
    assert_same(weights(model), weights(other))
    assert os.listdir(tmp_path) == ["weights"]  # of exactly this name


def test_weights_give_layers_their_size(tmp_path: Path) -> None:
    model, lazy = MLP((4, 3), in_size=2), MLP((4, 3))
    save(tmp_path / "w", model)
    state = random.get_state()
    load(tmp_path / "w", lazy)
    assert random.get_state() == state
    assert_same(weights(model), weights(lazy))
    lazy(np.ones((1, 2), np.float32)).sum().backward()
    SGD(0.1).setup(lazy).update()


def test_every_layout_and_dtype_comes_back(tmp_path: Path) -> None:
    def build() -> Layer:
        layer = Layer()
        layer.turned = Parameter(np.arange(6.0).reshape(2, 3).T)
        layer.strided = Parameter(np.arange(10, dtype=np.float32)[::-2])
        layer.scalar = Parameter(np.array(3.0))
        layer.empty = Parameter(np.zeros((0, 3)))
        layer.half = Parameter(np.ones(2, np.float16))
        layer.counts = Parameter(np.arange(3), requires_grad=False)
        layer.big_endian = Parameter(np.arange(3.0).astype(">f8"))
        return layer

    model, other = build(), build()
    for p in other.parameters():
        p.data = p.data * 0
    save(tmp_path / "w", model)
    load(tmp_path / "w", other)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert a.shape == b.shape
        np.testing.assert_array_equal(a.data, b.data)
        b.data += 1  # what was loaded can be written into


def test_a_model_without_a_size_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)layers\.0\.weight and 3 more has no size.*call the model once"):
        save(tmp_path / "w", MLP((4, 3)))
    with pytest.raises(InputError, match="no size"):
        save_checkpoint(tmp_path / "w", model=MLP((4, 3)))
    assert not list(tmp_path.iterdir())


def test_all_that_differs_is_listed_and_nothing_changed(tmp_path: Path) -> None:
    save(tmp_path / "w", Sequential(Linear(4, in_size=2), Linear(3, in_size=4), Linear(1, in_size=9)))
    model = Sequential(Linear(4, in_size=2), Linear(5, in_size=4), Linear(1, in_size=9, dtype=np.float64))
    model.extra = Linear(1)
    before = weights(model[0])
    with pytest.raises(DataError) as error:
        load(tmp_path / "w", model)
    assert str(error.value).splitlines() == [
        f"{tmp_path / 'w'}: it does not fit what it is loaded into:",
        "    layers.1.weight: its shape is (4, 3), and should be (4, 5)",
        "    layers.1.bias: its shape is (3,), and should be (5,)",
        "    layers.2.weight: its dtype is float32, and should be float64",
        "    layers.2.bias: its dtype is float32, and should be float64",
        "    extra.weight is missing",
        "    extra.bias is missing",
    ]
    assert_same(before, weights(model[0]))
    with pytest.raises(DataError, match=r"weight: its shape is \(2, 4\), and should be \(None, 3\)"):
        save(tmp_path / "one", Linear(4, in_size=2))
        load(tmp_path / "one", Linear(3))
    with pytest.raises(DataError, match=r"layers\.0\.weight is not wanted"):
        load(tmp_path / "w", Layer())


def test_two_parameters_of_one_path_are_refused(tmp_path: Path) -> None:
    layer = Layer()
    layer.by_key = {1: Parameter(np.ones(1)), "1": Parameter(np.ones(1))}
    with pytest.raises(DeclarationError, match=r"two parameters have the path by_key\.1"):
        save(tmp_path / "w", layer)


def test_arguments_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="save takes a path and a model"):
        save(tmp_path / "w", {"weight": np.ones(3)})
    with pytest.raises(InputError, match="model is of class Layer"):
        save_checkpoint(tmp_path / "w", model=3)
    with pytest.raises(InputError, match="optimizer is of class Optimizer"):
        load_checkpoint(tmp_path / "w", optimizer={"a": 3})


def test_weights_of_jax_come_back(tmp_path: Path) -> None:
    jax = pytest.importorskip("jax")
    layer = Linear(3)
    layer(jax.numpy.ones((1, 2), np.float32))
    save(tmp_path / "w", layer)
    before = np.asarray(layer.weight.data)
    layer.weight.data = layer.weight.data * 0
    load(tmp_path / "w", layer)
    assert isinstance(layer.weight.data, jax.Array)
    np.testing.assert_array_equal(layer.weight.data, before)
    half = Layer()
    half.weight = Parameter(jax.numpy.asarray([1.5, 2.5], jax.numpy.bfloat16))
    save(tmp_path / "half", half)
    half.weight.data = half.weight.data * 0
    load(tmp_path / "half", half)
    assert half.weight.data.tolist() == [1.5, 2.5] and half.weight.dtype == jax.numpy.bfloat16


# The file


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w"
    save(path, Linear(3, in_size=2))
    before = path.read_bytes()

    def fails(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    for module, name in (("os", "fdopen"), ("os", "fsync"), ("os", "replace")):
        with monkeypatch.context() as patch:
            patch.setattr(f"{module}.{name}", fails)
            with pytest.raises(DataError, match=f"{path}: it cannot be written: no space left on device"):
                save(path, Linear(4, in_size=2))
        assert path.read_bytes() == before and os.listdir(tmp_path) == ["w"]

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("os.replace", interrupted)
        save(path, Linear(4, in_size=2))
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["w"]


@pytest.mark.skipif(os.name != "posix", reason="rights are POSIX's")
def test_rights_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    save(tmp_path / "w", Linear(3, in_size=2))
    assert stat.S_IMODE((tmp_path / "w").stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "real")
    save(tmp_path / "link", Linear(3, in_size=2))
    assert (tmp_path / "link").is_symlink() and (tmp_path / "folder" / "real").is_file()


def test_places_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written"):
        save(tmp_path / "no" / "such" / "folder", Linear(3, in_size=2))
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="cannot be written"):
        save(tmp_path / "folder", Linear(3, in_size=2))
    assert os.listdir(tmp_path) == ["folder"]
    with pytest.raises(DataError, match="there is no such file"):
        load(tmp_path / "none", Linear(3, in_size=2))
    with pytest.raises(DataError, match="damaged"):
        load(tmp_path / "folder", Linear(3, in_size=2))


def test_damaged_files_are_refused_and_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "w"
    model = MLP((4, 3), in_size=2)
    optimizer = Adam().setup(model)
    save_checkpoint(path, model=model, optimizer=optimizer)
    whole = path.read_bytes()
    before, generator = weights(model), random.get_state()
    length = struct.unpack("<Q", whole[:8])[0]
    damaged = [whole[:n] for n in (0, 1, 7, 8, 9, 8 + length // 2, 8 + length, len(whole) - 1)]
    damaged += [
        whole + b"x",
        struct.pack("<Q", 2**63) + whole[8:],
        struct.pack("<Q", len(whole)) + whole[8:],
        struct.pack("<Q", 0) + whole[8:],
        whole[:8] + b"[" + whole[9:],
        whole[:8] + b"\xff" * length + whole[8 + length :],
        whole.replace(b'"F32"', b'"F64"', 1),
        whole.replace(b'"F32"', b'"F99"', 1),
        whole.replace(b'"F32"', b'"U32"', 1),
        b"\x80\x04\x95" + bytes(50),
        b"PK\x03\x04" + bytes(50),
    ]
    random_bytes = np.random.default_rng(0)
    for _ in range(200):
        changed = bytearray(whole)
        for position in random_bytes.integers(0, 8 + length, random_bytes.integers(1, 4)):
            changed[position] = random_bytes.integers(256)
        damaged.append(bytes(changed))
    refused = 0
    for content in damaged:
        path.write_bytes(content)
        try:
            load_checkpoint(path, model=model, optimizer=optimizer)
        except DataError as error:
            refused += 1
            assert str(path) in str(error)
            assert_same(before, weights(model))
            assert random.get_state() == generator
        else:  # what was changed was a digit of a setting, or of the generator's state
            path.write_bytes(whole)
            load_checkpoint(path, model=model, optimizer=optimizer)
    assert refused > 150


# Checkpoints


class Net(Sequential):
    def __init__(self) -> None:
        super().__init__(Linear(16), F.relu, Dropout(0.3), Linear(3))


def setting(seed: int) -> tuple[Any, Any, Any]:
    random.seed(seed)
    points = np.random.default_rng(0)
    x, t = points.normal(size=(50, 4)).astype(np.float32), points.integers(0, 3, 50)
    model = Net()
    optimizer = Adam(0.01, weight_decay=0.01).setup(model)
    optimizer.add_hook(ClipGrad(1.0))
    return model, optimizer, DataLoader(Arrays(x, t), 8)


def run(model: Any, optimizer: Any, loader: Any, steps: int, at: Any = None) -> int:
    """So many steps, however many times round that is; ``at(step)`` after each."""
    done = 0
    while True:
        for x, t in loader:
            loss = F.softmax_cross_entropy(model(x), t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            optimizer.lr *= 0.99
            done += 1
            if at is not None:
                at(done)
            if done == steps:
                return done


@pytest.mark.parametrize("stop", [5, 7, 9])  # a round has seven batches
def test_a_resumed_run_is_the_run_itself(tmp_path: Path, stop: int) -> None:
    path = tmp_path / "checkpoint"
    model, optimizer, loader = setting(1)

    def keep(step: int) -> None:
        if step == stop:
            save_checkpoint(
                path, model=model, optimizer=optimizer, loader=loader, epoch=3, metadata={"name": "an ünusual run"}
            )

    run(model, optimizer, loader, 20, keep)
    end = random.get_state()

    again, optimizer2, loader2 = setting(99)
    assert load_checkpoint(path, model=again, optimizer=optimizer2, loader=loader2) == {
        "epoch": 3,
        "metadata": {"name": "an ünusual run"},
    }
    run(again, optimizer2, loader2, 20 - stop)
    assert_same(weights(model), weights(again))
    assert random.get_state() == end
    assert optimizer2.lr == optimizer.lr
    for a, b in zip(optimizer.slots(), optimizer2.slots(), strict=True):
        assert a.steps == b.steps
        np.testing.assert_array_equal(a.kept, b.kept)


def test_a_run_resumed_in_another_process_is_the_run_itself(tmp_path: Path) -> None:
    model, optimizer, loader = setting(1)
    path = tmp_path / "checkpoint"

    def keep(step: int) -> None:
        if step == 5:
            save_checkpoint(path, model=model, optimizer=optimizer, loader=loader)

    run(model, optimizer, loader, 10, keep)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_serialization import *\n"
        "parts = setting(5); path = Path(sys.argv[2])\n"
        "load_checkpoint(path, model=parts[0], optimizer=parts[1], loader=parts[2])\n"
        "run(*parts, 5); save(path.with_name('end'), parts[0])\n"
    )
    folder = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder.parent / "src"), *sys.path])}
    subprocess.run([sys.executable, "-c", program, str(folder), str(path)], check=True, env=environment)
    again = Net()
    load(tmp_path / "end", again)
    assert_same(weights(model), weights(again))


def test_several_models_and_optimizers(tmp_path: Path) -> None:
    def build() -> Any:
        models = {"generator": Linear(3, in_size=2), "critic": Linear(1, in_size=3)}
        kept = {"generator": Adam(0.1).setup(models["generator"]), "critic": SGD(0.2).setup(models["critic"])}
        return models, kept

    models, optimizers = build()
    x = np.ones((4, 2), np.float32)
    models["critic"](models["generator"](x)).sum().backward()
    for optimizer in optimizers.values():
        optimizer.update()
    save_checkpoint(tmp_path / "c", model=models, optimizer=optimizers)
    others, more = build()
    load_checkpoint(tmp_path / "c", model=others, optimizer=more)
    for name in models:
        assert_same(weights(models[name]), weights(others[name]))
    assert more["generator"].slots()[0].steps == 1
    load_checkpoint(tmp_path / "c", model={"critic": Linear(1, in_size=3)})
    with pytest.raises(DataError, match=r"model\[c\]\.weight is missing"):
        load_checkpoint(tmp_path / "c", model={"c": Linear(1, in_size=3)})
    with pytest.raises(DataError, match=r"model\.weight is missing"):
        load_checkpoint(tmp_path / "c", model=Linear(1, in_size=3))


def test_what_does_not_fit_is_listed_and_nothing_changed(tmp_path: Path) -> None:
    model, optimizer, loader = setting(1)
    for x, _ in loader:
        model(x)
        save_checkpoint(tmp_path / "c", model=model, optimizer=optimizer, loader=loader)
        break
    other = Sequential(Linear(16), Linear(4))
    momentum = Momentum().setup(other)
    before = random.get_state()
    with pytest.raises(DataError) as error:
        load_checkpoint(
            tmp_path / "c", model=other, optimizer=momentum, loader=DataLoader(loader.dataset, 9, shuffle=False)
        )
    lines = str(error.value).splitlines()
    for line in [
        "model.layers.1.weight is missing",
        "model.layers.3.weight is not wanted",
        "optimizer.class: saved with 'Adam', and here it is 'Momentum'",
        "optimizer.hooks: saved with ['ClipGrad(1.0)'], and here it is []",
        "optimizer.layers.0.weight.velocity is missing",
        "optimizer.layers.0.weight.m is not wanted",
        "loader.batch_size: saved with 8, and here it is 9",
        "loader.order: saved with shuffle or a sampler, and here it is without",
    ]:
        assert "    " + line in lines
    assert random.get_state() == before and other[0].weight.shape == (None, 16)


def test_a_checkpoint_may_be_of_parts(tmp_path: Path) -> None:
    model = Linear(3, in_size=2)
    save_checkpoint(tmp_path / "c", model=model, epoch=2)
    twin = Linear(3)
    assert load_checkpoint(tmp_path / "c", model=twin)["epoch"] == 2
    assert_same(weights(model), weights(twin))
    for part in ({"optimizer": SGD().setup(model)}, {"loader": DataLoader(Arrays(np.arange(3)), 1)}):
        with pytest.raises(DataError, match="has not been saved|is missing"):
            load_checkpoint(tmp_path / "c", **part)
    save(tmp_path / "w", model)
    with pytest.raises(DataError, match="arrays and no training run"):
        load_checkpoint(tmp_path / "w", model=model)


def test_hostile_records_are_refused(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    path = tmp_path / "c"
    model = Linear(3, in_size=2)
    optimizer = Adam().setup(model)
    loader = DataLoader(Arrays(np.arange(6)), 2, seed=1)
    for _ in loader:
        save_checkpoint(path, model=model, optimizer=optimizer, loader=loader)
        break
    arrays = load_file(path)
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        record = json.loads(file.metadata()["wengert"])
    settings = record["optimizers"]["optimizer."]

    def options(**changes: Any) -> dict[str, Any]:
        return {"optimizers": {"optimizer.": settings | {"options": settings["options"] | changes}}}

    before, generator = weights(model), random.get_state()
    records: list[Any] = ["", "[" * 100_000, "{}", "[]", "nonsense", "9" * 5000]
    for change in [
        {"version": 2},
        {"random": {}},
        {"random": record["random"] | {"state": {"state": -1, "inc": 2**200}}},
        {"random": record["random"] | {"bit_generator": "MT19937"}},
        {"random": None},
        {"metadata": 3},
        {"models": {}},
        {"optimizers": []},
        {"optimizers": {"optimizer.": 3}},
        {"optimizers": {"optimizer.": settings | {"options": 3}}},
        options(lr="0.1"),
        options(lr=float("nan")),
        options(lr=-1.0),
        options(lr=True),
        options(lr={"a": 1}),
        options(formula=1.0),
        options(_target=1.0),
        {"loaders": {"loader.": 3}},
        {"loaders": {"loader.": {}}},
        {"loaders": {"loader.": record["loaders"]["loader."] | {"position": 10**30}}},
        {"loaders": {"loader.": record["loaders"]["loader."] | {"generator": {"bit_generator": "PCG64", "state": 3}}}},
    ]:
        records.append(json.dumps(record | change))
    cases = [(arrays, text) for text in records]
    good = json.dumps(record)
    cases += [
        (arrays | {"optimizer.bias.steps": np.asarray(-1)}, good),
        (arrays | {"optimizer.bias.steps": np.asarray(1.5)}, good),
        (arrays | {"optimizer.bias.steps": np.zeros(3, int)}, good),
        (arrays | {"loader.order": np.full(6, 3)}, good),
        (arrays | {"loader.order": np.arange(10**6)}, good),
        ({name: array for name, array in arrays.items() if name != "loader.order"}, good),
    ]
    for tensors, text in cases:
        save_file(tensors, path, metadata={"wengert": text})
        with pytest.raises(DataError) as error:
            load_checkpoint(path, model=model, optimizer=optimizer, loader=loader)
        assert str(path) in str(error.value) and len(str(error.value)) < 2000
        assert_same(before, weights(model))
        assert random.get_state() == generator and optimizer.lr == 0.001
    save_file(arrays, path, metadata={"wengert": good})
    load_checkpoint(path, model=model, optimizer=optimizer, loader=loader)


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    class ByItself(Optimizer):
        def __init__(self) -> None:
            super().__init__()
            self.vs = {0: 1}

        def update_one(self, parameter: Any) -> None: ...

    with pytest.raises(InputError, match="ByItself keeps vs by itself"):
        save_checkpoint(tmp_path / "c", optimizer=ByItself().setup(Linear(1, in_size=1)))
    for metadata in ({"a": object()}, {"a": float("nan")}, {"a": np.float32(1)}):
        with pytest.raises(InputError, match="JSON"):
            save_checkpoint(tmp_path / "c", metadata=metadata)
    assert not list(tmp_path.iterdir())


# Files, as the format's own library writes and reads them


def test_files_are_those_of_the_format(tmp_path: Path) -> None:
    """Byte for byte what safetensors writes: every type, scalars, empty and transposed arrays, names of any letters."""
    from safetensors.numpy import save as to_bytes

    from wengert.serialization import write_arrays

    types = ["bool", "u1", "i1", "i2", "u2", "f2", "i4", "u4", "f4", "c8", "f8", "i8", "u8"]
    arrays = {
        f"{name} é {kind}\n": np.ones(shape, kind) for kind in types for name, shape in (("0", ()), ("2", (0, 3)))
    }
    arrays |= {kind: np.arange(6).reshape(2, 3).astype(kind) for kind in types}
    stored = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    given = arrays | {"f4": np.asarray(arrays["f4"], order="F"), "i4": arrays["i4"].astype(">i4")}
    for metadata in ({}, {"one": 'with "quotes"'}):
        write_arrays(tmp_path / "file", given, metadata)
        assert (tmp_path / "file").read_bytes() == to_bytes(stored, metadata=metadata)


@pytest.mark.skipif(sys.platform != "linux", reason="the most memory a process had is read as Linux tells it")
@pytest.mark.parametrize("whole_run", [False, True])
def test_saving_takes_no_more_memory_than_one_array(tmp_path: Path, whole_run: bool) -> None:
    """Of 504 MB in arrays of 21 MB, of which each is copied by itself, as it is not in the order of the file."""
    program = (
        "import sys, numpy as np, wengert\n"
        "from wengert.layers import Layer\nfrom wengert.optimizers import Momentum\n"
        "def most():\n"
        "    text = open('/proc/self/status').read()\n"
        "    return int(text.partition('VmHWM:')[2].split()[0]) * 1024\n"
        "whole_run = sys.argv[2] == 'True'\n"
        "model = Layer()\n"
        "for i in range(12 if whole_run else 24):\n"
        "    data = np.asfortranarray(np.full((2100, 2500), i, np.float32)) if not whole_run else "
        "np.full((2100, 2500), i, np.float32)\n"
        "    setattr(model, f'w{i}', wengert.Parameter(data))\n"
        "optimizer = Momentum().setup(model)\n"
        "for slot in optimizer.slots() if whole_run else []: slot.kept[0][...] = 1\n"
        "small = Layer(); small.w = wengert.Parameter(np.ones(3)); wengert.save(sys.argv[1], small)\n"
        "before = most()\n"
        "if whole_run: wengert.save_checkpoint(sys.argv[1], model=model, optimizer=optimizer)\n"
        "else: wengert.save(sys.argv[1], model)\n"
        "print(most() - before)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent / "src"), *sys.path])}
    result = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "file"), str(whole_run)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "file").stat().st_size > 500_000_000
    assert int(result.stdout) < 40_000_000
    (tmp_path / "file").unlink()


# Libraries


def jax_model(model: Layer) -> Any:
    """A model whose first call was on JAX arrays."""
    jnp = pytest.importorskip("jax.numpy")
    model(jnp.ones((1, 2), np.float32))
    return jnp


def test_weights_of_jax_give_a_layer_its_library(tmp_path: Path) -> None:
    model, fresh, sized = Linear(3), Linear(3), Linear(3, in_size=2)
    jnp = jax_model(model)
    save(tmp_path / "w", model)
    load(tmp_path / "w", fresh)
    assert isinstance(fresh.weight.data, jnp.ndarray)
    np.testing.assert_array_equal(fresh(jnp.ones((1, 2), np.float32)).data, model(jnp.ones((1, 2), np.float32)).data)
    load(tmp_path / "w", sized)  # it has a library, and stays in it
    assert isinstance(sized.weight.data, np.ndarray)


@pytest.mark.parametrize("known", [None, 2])
@pytest.mark.parametrize("start", [np.ones((1, 2), np.float32), None])
def test_weights_go_where_they_are_asked_to(tmp_path: Path, known: int | None, start: Any) -> None:
    model = Linear(3)
    jnp = jax_model(model) if start is None else pytest.importorskip("jax.numpy")
    if start is not None:
        model(start)
    optimizer = Adam().setup(model)
    save(tmp_path / "w", model)
    save_checkpoint(tmp_path / "run", model=model, optimizer=optimizer)
    for like in (jnp.zeros(0), Parameter(jnp.zeros(1)), np.zeros(0)):
        kind = np.ndarray if isinstance(like, np.ndarray) else jnp.ndarray
        one, two = Linear(3, in_size=known), Linear(3, in_size=known)
        again = Adam().setup(two)
        load(tmp_path / "w", one, like=like)
        load_checkpoint(tmp_path / "run", model=two, optimizer=again, like=like)
        for each in (one, two):
            assert isinstance(each.weight.data, kind) and each.weight.data.dtype == np.float32
            np.testing.assert_array_equal(each.weight.data, model.weight.data)
        two(np.ones((1, 2), np.float32) if kind is np.ndarray else jnp.ones((1, 2), np.float32)).sum().backward()
        again.update()
        assert isinstance(two.weight.data, kind)


def test_a_checkpoint_of_jax_goes_back_there(tmp_path: Path) -> None:
    models = {"one": MLP((4, 3)), "two": MLP((4, 3), in_size=2)}
    jnp = jax_model(models["one"])
    save_checkpoint(tmp_path / "run", model=models)
    fresh = {"one": MLP((4, 3)), "two": MLP((4, 3))}
    load_checkpoint(tmp_path / "run", model=fresh)
    assert all(isinstance(p.data, jnp.ndarray) for p in fresh["one"].parameters())
    assert all(isinstance(p.data, np.ndarray) for p in fresh["two"].parameters())
    assert_same({n: np.asarray(p.data) for n, p in models["one"].named_parameters()},
                {n: np.asarray(p.data) for n, p in fresh["one"].named_parameters()})  # fmt: skip


def test_a_library_that_is_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Linear(3)
    jax_model(model)
    save(tmp_path / "w", model)
    monkeypatch.setitem(sys.modules, "wengert.backends.jax", None)  # what cannot be imported
    fresh = Linear(3)
    load(tmp_path / "w", fresh)
    assert isinstance(fresh.weight.data, np.ndarray)


def test_numbers_that_a_library_cannot_hold_are_refused(tmp_path: Path) -> None:
    jax = pytest.importorskip("jax")
    model = Linear(3, in_size=2, dtype=np.float64)
    save(tmp_path / "w", model)
    with jax.enable_x64(False):
        fresh = Linear(3, dtype=np.float64)
        with pytest.raises(DataError, match="weight: its dtype is float64, which becomes float32 in this library"):
            load(tmp_path / "w", fresh, like=jax.numpy.zeros(0))
        assert fresh.weight.shape == (None, 3)


@pytest.mark.parametrize("library", ["convolution", "numpy.linalg", "os", ""])
def test_a_library_that_is_none_is_not_imported(tmp_path: Path, library: str) -> None:
    from wengert.serialization import write_arrays

    write_arrays(tmp_path / "w", {"weight": np.ones((2, 3), "f4"), "bias": np.ones(3, "f4")}, {"library": library})
    fresh = Linear(3)
    load(tmp_path / "w", fresh)
    assert isinstance(fresh.weight.data, np.ndarray)


# Schedulers


def scheduled(plateau: bool = False) -> tuple[Any, Any, Any]:
    model = MLP((4, 3), in_size=2)
    optimizer = Momentum(0.5).setup([{"params": model.layers[0]}, {"params": model.layers[1], "lr": 0.25}])
    return model, optimizer, (ReduceLROnPlateau(optimizer, patience=1) if plateau else StepLR(optimizer, 2, 0.5))


@pytest.mark.parametrize("plateau", [False, True])
def test_schedulers_come_back(tmp_path: Path, plateau: bool) -> None:
    _, optimizer, scheduler = scheduled(plateau)
    for _ in range(5):
        scheduler.step(*[1.0] * plateau)
    optimizer.groups[1].lr = 0.123  # by hand, until the next step
    save_checkpoint(tmp_path / "run", optimizer=optimizer, scheduler=scheduler)
    _, fresh, resumed = scheduled(plateau)
    load_checkpoint(tmp_path / "run", optimizer=fresh, scheduler=resumed)
    assert resumed.state() == scheduler.state()
    for _ in range(5):
        assert [group.lr for group in fresh.groups] == [group.lr for group in optimizer.groups]
        scheduler.step(*[1.0] * plateau)
        resumed.step(*[1.0] * plateau)


def test_several_schedulers(tmp_path: Path) -> None:
    optimizers = [SGD(1.0).setup(Linear(1, in_size=1)) for _ in range(2)]
    first, second = StepLR(optimizers[0], 1), ExponentialLR(optimizers[1], 0.5)
    first.step()
    second.step()
    second.step()
    save_checkpoint(tmp_path / "run", scheduler={"first": first, "second": second})
    fresh = [SGD(1.0).setup(Linear(1, in_size=1)) for _ in range(2)]
    load_checkpoint(tmp_path / "run", scheduler={"first": StepLR(fresh[0], 1), "second": ExponentialLR(fresh[1], 0.5)})
    assert [each.lr for each in fresh] == [0.1, 0.25]
    with pytest.raises(DataError, match=r"scheduler\[second\].class: saved with 'ExponentialLR', and here it is 'Step"):
        load_checkpoint(tmp_path / "run", scheduler={"second": StepLR(fresh[0], 1)})
    with pytest.raises(DataError, match="scheduler.has not been saved"):
        load_checkpoint(tmp_path / "run", scheduler=StepLR(fresh[0], 1))
    with pytest.raises(InputError, match="scheduler is of class"):
        save_checkpoint(tmp_path / "run", scheduler=fresh[0])  # type: ignore[arg-type]


def test_the_model_without_a_name(tmp_path: Path) -> None:
    one, two = Linear(3, in_size=2), Linear(3, in_size=2)
    save_checkpoint(tmp_path / "run", model={"": one, "other": two})
    fresh, other = Linear(3, in_size=2), Linear(3, in_size=2)
    load_checkpoint(tmp_path / "run", model=fresh)
    load_checkpoint(tmp_path / "run", model={"other": other})
    assert_same(weights(fresh), weights(one))
    assert_same(weights(other), weights(two))
