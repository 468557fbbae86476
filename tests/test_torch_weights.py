"""PyTorch's weights without PyTorch: names, layouts, several files, and what is refused.

tests/parity/test_torch_models.py has the networks of PyTorch themselves.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from wengert import Parameter, random
from wengert.errors import DataError, DeclarationError, DtypeError, InputError, WengertError
from wengert.interop.torch_weights import load, save
from wengert.layers import BatchNorm2d, Buffer, Conv2d, Embedding, Layer, LayerNorm, Linear, Sequential
from wengert.models import GPT, MLP, LSTMLanguageModel, Model, ResNet18


class Net(Model):
    def __init__(self, dtype: Any = np.float32) -> None:
        self.features = Sequential(Conv2d(2, 3, in_channels=1, dtype=dtype), BatchNorm2d(2, dtype=dtype), np.tanh)
        self.head = Linear(3, in_size=2, dtype=dtype)


def arrays_for_net(dtype: Any = np.float32) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    shapes = {
        "features.0.weight": (2, 1, 3, 3),
        "features.0.bias": (2,),
        "features.1.weight": (2,),
        "features.1.bias": (2,),
        "features.1.running_mean": (2,),
        "features.1.running_var": (2,),
        "head.weight": (3, 2),
        "head.bias": (3,),
    }
    arrays: dict[str, Any] = {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}
    return arrays | {"features.1.num_batches_tracked": np.array(7)}


def state(model: Layer) -> dict[str, Any]:
    return {name: np.array(parameter.data) for name, parameter in model.named_state()}


def unchanged(model: Layer, before: dict[str, Any]) -> None:
    after = state(model)
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


def refused(model: Layer, source: Any, *options: Any) -> list[str]:
    before = state(model)
    with pytest.raises(DataError) as caught:
        load(model, source, *options)
    unchanged(model, before)
    return str(caught.value).splitlines()


# Names and layouts


def test_names_and_layouts(tmp_path: Path) -> None:
    arrays = arrays_for_net()
    save_file(arrays, tmp_path / "w")
    for source in (arrays, tmp_path / "w", str(tmp_path / "w")):
        net = Net()
        load(net, source)
        np.testing.assert_array_equal(net.head.weight.data, arrays["head.weight"].T)
        np.testing.assert_array_equal(net.features[0].weight.data, arrays["features.0.weight"])
        np.testing.assert_array_equal(net.features[1].running_var.data, arrays["features.1.running_var"])
        for parameter in net.parameters():
            assert parameter.data.flags.c_contiguous and parameter.data.flags.writeable
            assert parameter.requires_grad is not isinstance(parameter, Buffer)


def test_what_is_saved_is_what_was_loaded(tmp_path: Path) -> None:
    arrays, net = arrays_for_net(), Net()
    load(net, arrays)
    save(net, tmp_path / "w")
    back = load_file(tmp_path / "w")
    assert back.keys() == arrays.keys()
    for name in back:
        if name.endswith("num_batches_tracked"):  # which is not kept here
            assert back[name].dtype == np.int64 and back[name] == 0
        else:
            np.testing.assert_array_equal(back[name], arrays[name])
    from safetensors import safe_open

    with safe_open(tmp_path / "w", framework="np") as file:
        assert file.metadata() == {"format": "pt"}  # which Hugging Face asks for


def test_counts_of_batches_may_be_missing() -> None:
    arrays = arrays_for_net()
    del arrays["features.1.num_batches_tracked"]
    load(Net(), arrays)


def test_layers_without_a_size_take_it_from_the_weights() -> None:
    model = Sequential(Conv2d(2, 3), BatchNorm2d(), Linear(3), LayerNorm())
    rng = np.random.default_rng(0)
    arrays = {name.replace("features.", ""): array for name, array in arrays_for_net().items() if "head" not in name}
    arrays |= {"2.weight": rng.normal(size=(3, 5)), "2.bias": np.ones(3)}
    arrays |= {"3.weight": np.ones(3), "3.bias": np.ones(3)}
    arrays = {name: np.asarray(array, np.float32) if "num" not in name else array for name, array in arrays.items()}
    chance = random.get_state()
    load(model, arrays)
    assert random.get_state() == chance
    assert [p.shape for p in model[2].parameters()] == [(5, 3), (3,)]
    assert model(np.ones((1, 1, 7, 7), np.float32)).shape == (1, 2, 5, 3)
    with pytest.raises(InputError, match="has no size before the first"):
        save(Sequential(Linear(2)), "nowhere")


def test_lists_dictionaries_and_nested_sequentials() -> None:
    model = Layer()
    model.blocks = [Sequential(Sequential(Linear(1, in_size=2, bias=False)))]
    model.by_name = {"a": [Parameter(np.zeros(2))]}
    load(model, {"blocks.0.0.0.weight": np.array([[1, 2]], np.float32), "by_name.a.0": np.array([3.0, 4.0])})
    assert model.blocks[0][0][0].weight.data.tolist() == [[1], [2]]
    assert model.by_name["a"][0].data.tolist() == [3, 4]
    mlp = MLP((4, 1), in_size=2)
    save_names = {"layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"}
    load(mlp, {name: np.array(p.data.T) for name, p in mlp.named_parameters()})
    assert {name for name, _ in mlp.named_parameters()} == save_names


def test_two_layers_of_one_name_are_refused(tmp_path: Path) -> None:
    class Odd(Sequential):
        def __init__(self) -> None:
            super().__init__(Linear(2, in_size=2))
            setattr(self, "0", Linear(2, in_size=2))

    with pytest.raises(DeclarationError, match=r"two parameters would be called 0\.weight"):
        save(Odd(), tmp_path / "w")


def test_a_layer_that_knows_its_owner() -> None:
    outer, inner = Layer(), Linear(1, in_size=1)
    outer.inner, inner.outer = inner, outer
    load(outer, {"inner.weight": np.ones((1, 1), np.float32), "inner.bias": np.ones(1, np.float32)})
    assert inner.weight.data == 1


# What may be loaded from what


def test_smaller_types_become_larger_and_larger_ones_are_refused() -> None:
    half = {n: a if a.dtype.kind == "i" else a.astype(np.float16) for n, a in arrays_for_net().items()}
    net = Net()
    load(net, half)
    assert net.head.weight.dtype == np.float32
    np.testing.assert_array_equal(net.head.weight.data, half["head.weight"].T.astype(np.float32))
    double = Net(np.float64)
    load(double, arrays_for_net())
    np.testing.assert_array_equal(double.head.weight.data, arrays_for_net()["head.weight"].T.astype(float))
    lines = refused(Net(), arrays_for_net() | {"head.bias": np.ones(3)})
    assert lines[1:] == ["    head.bias: its dtype is float64, which float32 does not hold"]
    lines = refused(Net(), arrays_for_net() | {"head.bias": np.ones(3, np.int32)})
    assert lines[1:] == ["    head.bias: its dtype is int32, which float32 does not hold"]


def test_bfloat16(tmp_path: Path) -> None:
    """Written here by hand: NumPy has no such numbers, and need not have."""
    numbers = np.array([[1.0, -2.5], [3.140625, 1e38]], np.float32)
    halves = (numbers.view(np.uint32) >> 16).astype("<u2").tobytes()
    header = {
        "bias": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "weight": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [8, 16]},
    }
    text = json.dumps(header).encode()
    (tmp_path / "w").write_bytes(len(text).to_bytes(8, "little") + text + np.ones(2, "<f4").tobytes() + halves)
    layer = Linear(2, in_size=2)
    load(layer, tmp_path / "w")
    wanted = (numbers.view(np.uint32) & 0xFFFF0000).view(np.float32)
    np.testing.assert_array_equal(layer.weight.data, wanted.T)
    assert layer.weight.dtype == np.float32
    lines = refused(Linear(2, in_size=2, dtype=np.float16), tmp_path / "w")
    assert "    weight: its dtype is BF16, which float16 does not hold" in [
        line.replace("bfloat16", "BF16") for line in lines
    ]


def test_all_that_differs_is_one_error() -> None:
    arrays = arrays_for_net()
    arrays["fc.weight"] = arrays.pop("head.weight")
    arrays["head.bias"] = np.ones(4, np.float32)
    arrays["features.0.weight"] = np.ones((2, 3, 3), np.float32)
    assert refused(Net(), arrays) == [
        "the dictionary: it does not fit what it is loaded into:",
        "    features.0.weight: its shape is (2, 3, 3), and should be (2, 1, 3, 3)",
        "    head.weight is missing",
        "    head.bias: its shape is (4,), and should be (3,)",
        "    fc.weight is not wanted",
    ]
    turned = arrays_for_net()
    turned["head.weight"] = turned["head.weight"].T.copy()
    assert refused(Net(), turned)[1:] == ["    head.weight: its shape is (2, 3), and should be (3, 2)"]
    assert len(refused(ResNet18(2, width=2), {})) == 1 + 102


def test_a_fault_while_reading_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    save_file(arrays_for_net(), tmp_path / "w")
    net = Net()
    before = state(net)

    def fails(self: Any, name: str) -> Any:
        if name == "head.bias":
            raise OSError("the disk is gone")
        return arrays_for_net()[name]

    monkeypatch.setattr("wengert.serialization.OpenFile.array", fails)
    with pytest.raises(DataError, match="the disk is gone"):
        load(net, tmp_path / "w")
    unchanged(net, before)


# Mapping of names


def test_mapping() -> None:
    arrays = {f"module.{name}": array for name, array in arrays_for_net().items()}
    arrays["module.fc.weight"] = arrays.pop("module.head.weight")
    arrays["module.fc.bias"] = arrays.pop("module.head.bias")
    arrays["module.auxiliary.weight"] = np.ones(3)
    mapping = {"module.": "", "module.fc.": "head.", "module.auxiliary.": None}

    def function(name: str) -> str | None:
        return None if "auxiliary" in name else name.removeprefix("module.").replace("fc.", "head.")

    for each in (mapping, function):
        net = Net()
        load(net, arrays, each)
        np.testing.assert_array_equal(net.head.weight.data, arrays["module.fc.weight"].T)
    lines = refused(Net(), arrays, {"module.": "", "module.fc.bias": "head.bias"})
    assert lines[1:] == [
        "    head.weight is missing",
        "    fc.weight is not wanted (there it is module.fc.weight)",
        "    auxiliary.weight is not wanted (there it is module.auxiliary.weight)",
    ]
    lines = refused(Net(), arrays, mapping | {"module.features.0.bias": "head.bias"})
    assert "    module.features.0.bias and module.fc.bias are both head.bias" in lines
    lines = refused(Net(), arrays | {"module.fc.bias": np.ones(9)}, mapping)
    assert lines[1:] == ["    head.bias: its shape is (9,), and should be (3,) (there it is module.fc.bias)"]


# Tied parameters


def gpt_arrays(tied: bool = True) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {"transformer.wte.weight": (10, 4), "transformer.wpe.weight": (6, 4)}
    for n in range(2):
        h = f"transformer.h.{n}."
        shapes |= {f"{h}ln_{i}.{w}": (4,) for i in (1, 2) for w in ("weight", "bias")}
        shapes |= {f"{h}attn.c_attn.weight": (4, 12), f"{h}attn.c_attn.bias": (12,)}
        shapes |= {f"{h}attn.c_proj.weight": (4, 4), f"{h}attn.c_proj.bias": (4,)}
        shapes |= {f"{h}mlp.c_fc.weight": (4, 16), f"{h}mlp.c_fc.bias": (16,)}
        shapes |= {f"{h}mlp.c_proj.weight": (16, 4), f"{h}mlp.c_proj.bias": (4,)}
    shapes |= {"transformer.ln_f.weight": (4,), "transformer.ln_f.bias": (4,)}
    if not tied:
        shapes["lm_head.weight"] = (10, 4)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def gpt(tied: bool = True) -> GPT:
    return GPT(10, 6, 2, 2, 4, dropout=0.0, tied=tied)


def test_gpt2(tmp_path: Path) -> None:
    arrays = gpt_arrays()
    model = gpt()
    masks = {
        "transformer.h.0.attn.bias": np.ones((1, 1, 6, 6), np.uint8),
        "transformer.h.1.attn.masked_bias": np.array(-1e4),
    }
    load(model, arrays | masks)
    attention: Any = model.encoder.layers[1].attention  # type: ignore[attr-defined]
    for position, part in enumerate((attention.query, attention.key, attention.value)):
        place = slice(4 * position, 4 * position + 4)
        np.testing.assert_array_equal(part.weight.data, arrays["transformer.h.1.attn.c_attn.weight"][:, place])
        np.testing.assert_array_equal(part.bias.data, arrays["transformer.h.1.attn.c_attn.bias"][place])
    save(model, tmp_path / "w")
    back = load_file(tmp_path / "w")
    assert back.keys() == arrays.keys() | {"lm_head.weight"}
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
    ids = np.array([[1, 2, 3]])
    for given in (back, {name.removeprefix("transformer."): array for name, array in arrays.items()}):
        again = gpt()
        load(again, given)
        np.testing.assert_array_equal(model(ids).data, again(ids).data)


def test_tied_parameters_are_one() -> None:
    arrays = gpt_arrays()
    head = arrays["transformer.wte.weight"]
    load(gpt(), arrays | {"lm_head.weight": head})
    only_head = {name: array for name, array in arrays.items() if "wte" not in name} | {"lm_head.weight": head}
    model = gpt()
    load(model, only_head)
    np.testing.assert_array_equal(model.embedding.weight.data, head)
    lines = refused(gpt(), gpt_arrays(tied=False))
    assert lines[1:] == ["    lm_head.weight differs from what the same parameter has under another name"]
    load(gpt(tied=False), gpt_arrays(tied=False))
    assert refused(gpt(tied=False), arrays)[1:] == ["    lm_head.weight is missing"]
    nan = arrays["transformer.wte.weight"].copy()
    nan[0, 0] = np.nan
    load(gpt(), arrays | {"transformer.wte.weight": nan, "lm_head.weight": nan})


def test_a_shared_layer_has_both_names(tmp_path: Path) -> None:
    model = Layer()
    model.first = model.second = Linear(1, in_size=2)
    save(model, tmp_path / "w")
    assert sorted(load_file(tmp_path / "w")) == ["first.bias", "first.weight", "second.bias", "second.weight"]
    load(model, tmp_path / "w")
    load(model, {"second.weight": np.ones((1, 2), np.float32), "first.bias": np.ones(1, np.float32)})
    assert model.first.weight.data.tolist() == [[1], [1]]


def test_a_tied_recurrent_language_model(tmp_path: Path) -> None:
    model, other = (LSTMLanguageModel(10, 4, tied=True) for _ in range(2))
    save(model, tmp_path / "w")
    arrays = load_file(tmp_path / "w")
    assert set(arrays) == {"embedding.weight", "scores.weight"} | {
        f"network.{kind}_{way}_l0" for kind in ("weight", "bias") for way in ("ih", "hh")
    }
    assert arrays["network.weight_ih_l0"].shape == (16, 4)
    load(other, arrays)
    ids = np.array([[1, 2]])
    np.testing.assert_array_equal(model(ids)[0].data, other(ids)[0].data)


# Several files


def write_shards(folder: Path, arrays: dict[str, Any], **changes: Any) -> Path:
    names = sorted(arrays)
    parts = {"a-1.safetensors": names[::2], "a-2.safetensors": names[1::2]}
    for place, held in parts.items():
        save_file({name: arrays[name] for name in held}, folder / place)
    index = {"metadata": {"total_size": 3}, "weight_map": {n: place for place, held in parts.items() for n in held}}
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps(index | changes))
    return path


def test_shards(tmp_path: Path) -> None:
    path = write_shards(tmp_path, arrays_for_net())
    net, other = Net(), Net()
    load(net, path)
    load(other, arrays_for_net())
    for (name, a), (_, b) in zip(net.named_state(), other.named_state(), strict=True):
        np.testing.assert_array_equal(a.data, b.data, err_msg=name)


def test_hostile_indexes(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    save_file(arrays_for_net(), tmp_path / "outside.safetensors")
    path = write_shards(folder, arrays_for_net())
    good = json.loads(path.read_text())["weight_map"]
    cases: list[Any] = [
        {"weight_map": good | {"head.weight": place}}
        for place in (
            "../outside.safetensors",
            str(tmp_path / "outside.safetensors"),
            "..\\outside.safetensors",
            "C:outside.safetensors",
            "a-1.safetensors\0",
            "none.safetensors",
            "a-1.safetensors/",
            "model.safetensors.index.json",
            "x" * 5000 + ".safetensors",
            "",
            ".",
            3,
            None,
            ["a-1.safetensors"],
        )
    ]
    cases += [
        {"weight_map": good | {"head.weight": good["head.bias"], "head.bias": good["head.weight"]}},
        {"weight_map": good | {"\x1b[2J": "a-1.safetensors"}},
        {"weight_map": []},
        {"weight_map": {}},
        {},
        [],
        3,
    ]
    texts = [json.dumps(case) for case in cases]
    texts += ["", "[" * 10**5, '{"weight_map": {"a": "x", "a": "y"}}', '{"weight_map": NaN}', "\x00" * 100]
    for text in texts:
        path.write_text(text)
        lines = refused(Net(), path)
        assert str(folder) in lines[0] and all(line.isprintable() for line in lines) and len(str(lines)) < 3000
    path.write_bytes(b"\xff\xfe" + bytes(30))
    refused(Net(), path)
    refused(Net(), tmp_path / "none.json")
    (tmp_path / "folder.json").mkdir()
    refused(Net(), tmp_path / "folder.json")

    path = write_shards(folder, arrays_for_net())
    shard = folder / "a-2.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1])
    assert "a-2.safetensors: it is damaged" in refused(Net(), path)[0]


@pytest.mark.parametrize("seed", range(2))
def test_random_damage_to_an_index(seed: int, tmp_path: Path) -> None:
    path = write_shards(tmp_path, arrays_for_net())
    whole = path.read_bytes()
    rng = np.random.default_rng(seed)
    refusals = 0
    for _ in range(150):
        content = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 4)):
            content[place] = rng.integers(256)
        path.write_bytes(bytes(content))
        net = Net()
        before = state(net)
        try:
            load(net, path)
        except WengertError:
            refusals += 1
            unchanged(net, before)
        else:
            np.testing.assert_array_equal(net.head.weight.data, arrays_for_net()["head.weight"].T)
    assert 100 < refusals <= 150


# What is given


def test_arguments_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"torch_weights\.load takes a model and where its weights are"):
        load(tmp_path / "w", Linear(2, in_size=2))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"torch_weights\.save takes a model and a path"):
        save(tmp_path / "w", Linear(2, in_size=2))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a path or a dictionary of arrays"):
        load(Linear(2, in_size=2), 3)  # type: ignore[arg-type]
    for wrong in ({"weight": [[1.0]]}, {3: np.ones(2)}):
        with pytest.raises(DtypeError, match="the dictionary is of arrays by name"):
            load(Linear(2, in_size=2), wrong)  # type: ignore[arg-type]


def test_variables_and_other_layouts() -> None:
    table = Embedding(3, 2)
    load(table, {"weight": Parameter(np.asfortranarray(np.arange(6, dtype=np.float32).reshape(3, 2)))})
    np.testing.assert_array_equal(table.weight.data, np.arange(6).reshape(3, 2))
    given = np.ones((3, 2), ">f4")
    load(table, {"weight": given})
    table.weight.data += 1
    assert given.sum() == 6 and table.weight.dtype == np.float32  # its own memory


def test_arrays_of_jax_stay_jax() -> None:
    jax = pytest.importorskip("jax")
    layer = Linear(3)
    layer(jax.numpy.ones((1, 2), np.float32))
    load(layer, {"weight": np.ones((3, 2), np.float32), "bias": jax.numpy.zeros(3, np.float32)})
    assert isinstance(layer.weight.data, jax.Array) and isinstance(layer.bias.data, jax.Array)
    np.testing.assert_array_equal(layer.weight.data, np.ones((2, 3)))
