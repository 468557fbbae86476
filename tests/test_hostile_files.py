"""Files that lie: damaged, hostile or not what they seem.  A clear error or a true result, and nothing in between."""

import json
import os
import pickle
import struct
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wengert import Parameter, random
from wengert.data import Arrays, DataLoader
from wengert.errors import DataError, WengertError
from wengert.interop import torch_weights
from wengert.layers import BatchNorm, Layer, Linear, Sequential
from wengert.optimizers import LBFGS, Adam, LambdaLR, Momentum, ReduceLROnPlateau, StepLR
from wengert.serialization import load, load_checkpoint, opened, save, save_checkpoint, write_arrays

WEIGHT = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
BIAS = {"dtype": "F32", "shape": [3], "data_offsets": [24, 36]}
GOOD = {"weight": WEIGHT, "bias": BIAS}


def file_of(header: Any, data: bytes = bytes(36), length: int | None = None) -> bytes:
    """A file with this header, whatever that is, and this length of it, whatever it has."""
    text = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


class Payload:
    """What a pickle would run: it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def twice(name: str, *parts: dict[str, Any]) -> str:
    return "{" + ", ".join(f'"{name}": {json.dumps(part)}' for part in parts) + f', "bias": {json.dumps(BIAS)}}}'


HOSTILE: dict[str, bytes] = {
    "no bytes": b"",
    "a few bytes": b"abc",
    "only a length": struct.pack("<Q", 0),
    "only zeros": bytes(1000),
    "cut in the header": file_of(GOOD)[:50],
    "cut in the arrays": file_of(GOOD)[:-1],
    "bytes to spare": file_of(GOOD) + b"x",
    "a header of 2**60": file_of(GOOD, length=2**60),
    "a header of 2**63": file_of(GOOD, length=2**63),
    "a header of 2**64 - 1": file_of(GOOD, length=2**64 - 1),
    "a header as long as the file": file_of(GOOD, length=len(file_of(GOOD))),
    "no JSON": file_of("{weight}"),
    "no UTF-8": file_of(b"\xff\xfe" * 20),
    "UTF-16": file_of(json.dumps(GOOD).encode("utf-16")),
    "a list": file_of([GOOD]),
    "a number": file_of("3"),
    "null": file_of("null"),
    "deep lists": file_of("[" * 100_000),
    "deep objects": file_of('{"a":' * 100_000 + "1" + "}" * 100_000),
    "deep metadata": file_of('{"__metadata__":' + "[" * 50_000 + "]" * 50_000 + "}"),
    "a long number": file_of(json.dumps(GOOD).replace("24", "9" * 10_000, 1)),
    "overlapping arrays": file_of({"weight": WEIGHT, "bias": BIAS | {"data_offsets": [12, 24]}}),
    "one array in another": file_of(
        {"weight": WEIGHT | {"data_offsets": [0, 24]}, "bias": BIAS | {"data_offsets": [0, 12]}}
    ),
    "a gap": file_of({"weight": WEIGHT, "bias": BIAS | {"data_offsets": [28, 40]}}, bytes(40)),
    "offsets past the end": file_of({"weight": WEIGHT, "bias": BIAS | {"data_offsets": [2**40, 2**40 + 12]}}),
    "offsets that wrap": file_of({"weight": WEIGHT, "bias": BIAS | {"data_offsets": [2**64 - 12, 2**64]}}),
    "offsets backwards": file_of({"weight": WEIGHT, "bias": BIAS | {"data_offsets": [36, 24]}}),
    "negative offsets": file_of({"weight": WEIGHT, "bias": BIAS | {"data_offsets": [-12, 0]}}),
    "one offset": file_of({"weight": WEIGHT, "bias": BIAS | {"data_offsets": [24]}}),
    "negative shape": file_of({"weight": WEIGHT | {"shape": [-2, -3]}, "bias": BIAS}),
    "overflowing shape": file_of({"weight": WEIGHT | {"shape": [2**62, 2**62]}, "bias": BIAS}),
    "overflowing to the right size": file_of({"weight": WEIGHT | {"shape": [2**63 + 3, 2]}, "bias": BIAS}),
    "overflowing and empty": file_of({"weight": WEIGHT | {"shape": [2**62, 2**62, 0], "data_offsets": [0, 0]}}, b""),
    "a fraction for a shape": file_of({"weight": WEIGHT | {"shape": [2.5, 3]}, "bias": BIAS}),
    "a word for a shape": file_of({"weight": WEIGHT | {"shape": "23"}, "bias": BIAS}),
    "thousands of axes": file_of({"weight": WEIGHT | {"shape": [2, 3] + [1] * 5000}, "bias": BIAS}),
    "unknown dtype": file_of({"weight": WEIGHT | {"dtype": "Q99"}, "bias": BIAS}),
    "an object's dtype": file_of({"weight": WEIGHT | {"dtype": "O"}, "bias": BIAS}),
    "another dtype": file_of({"weight": WEIGHT | {"dtype": "I32"}, "bias": BIAS}),
    "a small foreign dtype": file_of({"weight": WEIGHT | {"dtype": "F4", "data_offsets": [0, 3]}}, bytes(3)),
    "complex numbers": file_of({"weight": WEIGHT | {"dtype": "C64", "shape": [1, 3]}, "bias": BIAS}),
    "an array twice": file_of(twice("weight", WEIGHT, WEIGHT)),
    "an array twice, apart": file_of(twice("weight", WEIGHT, BIAS)),
    "a field twice": file_of(json.dumps(GOOD).replace('"shape"', '"dtype": "F32", "shape"', 1)),
    "metadata twice": file_of('{"__metadata__": {}, "__metadata__": {}, ' + json.dumps(GOOD)[1:]),
    "a word of metadata twice": file_of('{"__metadata__": {"a": "1", "a": "2"}, ' + json.dumps(GOOD)[1:]),
    "NaN for metadata": file_of({"__metadata__": {"a": float("nan")}} | GOOD),
    "numbers for metadata": file_of({"__metadata__": {"a": 3}} | GOOD),
    "a list for metadata": file_of({"__metadata__": []} | GOOD),
    "names that climb": file_of({"../../evil": WEIGHT, "/etc/passwd": BIAS}),
    "a name of a megabyte": file_of({"w" * 10**6: WEIGHT, "bias": BIAS}),
    "a name for the terminal": file_of({"\x1b[2J\r\nbias is missing": WEIGHT, "bias": BIAS}),
    "no name": file_of({"": WEIGHT, "bias": BIAS}),
    "a hundred thousand names": file_of(
        {f"w{n}": BIAS | {"shape": [0], "data_offsets": [0, 0]} for n in range(10**5)}, b""
    ),
    "a zip file": b"PK\x03\x04" + bytes(100),
    "an image": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "a NumPy file": b"\x93NUMPY\x01\x00v\x00" + bytes(100),
}

Loader = Callable[[Path, Any], Any]
LOADERS: dict[str, Loader] = {
    "load": load,
    "load_checkpoint": lambda path, model: load_checkpoint(path, model=model),
    "torch_weights.load": lambda path, model: torch_weights.load(model, path),
}


def state_of(model: Layer) -> list[Any]:
    return [np.array(parameter.data) for _, parameter in model.named_state()]


def check_refused(path: Path, loader: Loader, model: Any = None) -> str:
    """Refused, with an error that names the file, is short, and can be shown; the model and chance are as before."""
    model = Linear(3, in_size=2) if model is None else model
    before, chance = state_of(model), random.get_state()
    with pytest.raises(DataError) as caught:
        loader(path, model)
    text = str(caught.value)
    assert str(path) in text and len(text) < 60_000
    assert all(line.isprintable() for line in text.split("\n"))
    assert random.get_state() == chance
    for old, new in zip(before, state_of(model), strict=True):
        np.testing.assert_array_equal(old, new)
    return text


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused(case: str, loader: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(HOSTILE[case])
    check_refused(path, LOADERS[loader])
    assert os.listdir(tmp_path) == ["file"] and path.read_bytes() == HOSTILE[case]


def test_the_file_they_are_made_from_is_good(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(file_of(GOOD, np.arange(9, dtype="<f4").tobytes()))
    layer = Linear(3, in_size=2)
    load(path, layer)
    np.testing.assert_array_equal(layer.weight.data, [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(layer.bias.data, [6, 7, 8])


@pytest.mark.parametrize("loader", LOADERS)
def test_nothing_in_a_file_is_run(loader: str, tmp_path: Path) -> None:
    path, witness = tmp_path / "file", tmp_path / "witness"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps(Payload(witness), protocol))
        text = check_refused(path, LOADERS[loader])
        assert protocol < 2 or "Fix: with the library that wrote it, write it as safetensors" in text
    # In the place of the arrays of a file that is otherwise good: it stays numbers.
    program = pickle.dumps(Payload(witness))
    program += bytes(-len(program) % 4)
    count = len(program) // 4
    path.write_bytes(file_of({"weight": WEIGHT | {"shape": [count], "data_offsets": [0, 4 * count]}}, program))
    layer = Layer()
    layer.weight = Parameter(np.zeros(count, np.float32))
    if loader == "load_checkpoint":
        check_refused(path, LOADERS[loader], layer)
    else:
        LOADERS[loader](path, layer)
        assert layer.weight.data.tobytes() == program
    assert not witness.exists()


@pytest.mark.parametrize("start", [b"\x80\x02", b"\x80\x04", b"PK"])
def test_a_header_whose_length_begins_like_a_pickle_is_no_pickle(start: bytes, tmp_path: Path) -> None:
    length = int.from_bytes(start, "little")
    path = tmp_path / "file"
    path.write_bytes(file_of(json.dumps(GOOD).ljust(length)))
    load(path, Linear(3, in_size=2))


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("case", ["a header of 2**60", "overflowing shape", "offsets past the end"])
def test_what_a_file_claims_is_not_allocated(case: str, loader: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(HOSTILE[case])
    check_refused(path, LOADERS[loader])  # which has imported whatever is needed
    tracemalloc.start()
    try:
        check_refused(path, LOADERS[loader])
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited by Linux's rules")
def test_memory_stays_within_bounds(tmp_path: Path) -> None:
    """All of them in a process that may take little more than it has: what no tracing of Python's memory would see."""
    import subprocess

    for number, content in enumerate(HOSTILE.values()):
        (tmp_path / str(number)).write_bytes(content)
    program = (
        "import resource, sys\nfrom pathlib import Path\nimport safetensors\n"
        "from test_hostile_files import LOADERS, DataError, Linear\n"
        "used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 300_000_000,) * 2)\n"
        "for path in sorted(Path(sys.argv[1]).iterdir()):\n"
        "    for loader in LOADERS.values():\n"
        "        try: loader(path, Linear(3, in_size=2))\n"
        "        except DataError: continue\n"
        "        sys.exit(f'{path} was taken')\n"
    )
    folder = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(folder.parent / "src"), *sys.path])}
    result = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


# Places


@pytest.mark.parametrize("loader", LOADERS)
def test_places_that_hold_no_file(loader: str, tmp_path: Path) -> None:
    assert "no such file" in check_refused(tmp_path / "none", LOADERS[loader])
    assert "folder" in check_refused(tmp_path, LOADERS[loader])
    check_refused(tmp_path / "none" / "deeper", LOADERS[loader])
    check_refused(tmp_path / ("x" * 5000), LOADERS[loader])
    with pytest.raises(DataError, match="no file can have this name"):
        LOADERS[loader](Path(f"{tmp_path}/a\0b"), Linear(3, in_size=2))


@pytest.mark.skipif(os.name != "posix", reason="pipes, links and devices are POSIX's")
@pytest.mark.parametrize("loader", LOADERS)
def test_pipes_and_devices_are_not_waited_for(loader: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    for name in ("pipe", "round", "zeros"):
        worker = threading.Thread(target=check_refused, args=(tmp_path / name, LOADERS[loader]), daemon=True)
        worker.start()
        worker.join(20)
        assert not worker.is_alive(), name
        check_refused(tmp_path / name, LOADERS[loader])


@pytest.mark.skipif(os.name != "posix", reason="rights are POSIX's")
@pytest.mark.parametrize("loader", LOADERS)
def test_a_file_that_may_not_be_read(loader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(file_of(GOOD))
    path.chmod(0)
    if os.access(path, os.R_OK):  # this is the administrator, who may read all

        def refused(*_: Any, **__: Any) -> Any:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr("builtins.open", refused)
    with pytest.raises(DataError) as caught:
        LOADERS[loader](path, Linear(3, in_size=2))
    monkeypatch.undo()
    assert f"{path}: it may not be read" in str(caught.value)


# Saving


SAVERS: dict[str, Callable[[Path, Any], None]] = {
    "save": save,
    "save_checkpoint": lambda path, model: save_checkpoint(path, model=model, optimizer=Adam().setup(model)),
    "torch_weights.save": lambda path, model: torch_weights.save(model, path),
}


@pytest.mark.parametrize("saver", SAVERS)
@pytest.mark.parametrize("where", ["os.fsync", "os.replace", "os.open", "os.fdopen"])
def test_what_was_there_stays_whole(saver: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    SAVERS[saver](path, Linear(3, in_size=2))
    before = path.read_bytes()
    for fault in (OSError(28, "No space left on device"), KeyboardInterrupt(), MemoryError()):

        def fails(*_: Any, fault: BaseException = fault, **__: Any) -> Any:
            raise fault

        with monkeypatch.context() as patch:
            patch.setattr(where, fails)
            with pytest.raises(DataError if isinstance(fault, OSError) else type(fault)) as caught:
                SAVERS[saver](path, Linear(5, in_size=4))
            if isinstance(fault, OSError):
                assert str(path) in str(caught.value) and "No space left" in str(caught.value)
        assert path.read_bytes() == before and os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(sys.platform != "linux", reason="a full disk is made by Linux's limit on files")
@pytest.mark.parametrize("saver", SAVERS)
def test_a_full_disk(saver: str, tmp_path: Path) -> None:
    """The write itself stops half way, as the system stops it."""
    import resource
    import signal

    path = tmp_path / "file"
    SAVERS[saver](path, Linear(3, in_size=2))
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(DataError, match="cannot be written"):
            SAVERS[saver](path, Linear(300, in_size=300))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["file"]


def test_a_process_that_is_killed_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    import subprocess

    path = tmp_path / "file"
    program = (
        "import sys, numpy as np\nfrom wengert.layers import Linear\nfrom wengert.serialization import save\n"
        "layer = Linear(500, in_size=500)\nn = 0\n"
        "while True:\n"
        "    layer.weight.data = np.full((500, 500), n, np.float32); save(sys.argv[1], layer); n += 1\n"
        "    print(n, flush=True)\n"
    )
    folder = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder.parent / "src"), *sys.path])}
    for saves in (1, 2, 3):
        process = subprocess.Popen([sys.executable, "-c", program, str(path)], env=environment, stdout=subprocess.PIPE)
        assert process.stdout is not None
        for _ in range(saves):
            process.stdout.readline()
        process.kill()
        process.communicate()
        layer = Linear(500, in_size=500)
        load(path, layer)
        assert len(np.unique(layer.weight.data)) == 1


def test_names_that_no_file_can_hold(tmp_path: Path) -> None:
    for name in ("\ud800", "__metadata__"):
        layer = Layer()
        setattr(layer, name, Parameter(np.ones(2)))
        with pytest.raises(DataError, match="cannot be written"):
            save(tmp_path / "file", layer)
    layer = Layer()
    layer.weight = Parameter(np.ones(2, np.longdouble))
    with pytest.raises(DataError, match="cannot be written"):
        save(tmp_path / "file", layer)
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match="cannot be written"):
        save(f"{tmp_path}/a\0b", Linear(3, in_size=2))


def test_complex_numbers_come_back(tmp_path: Path) -> None:
    layer = Layer()
    layer.value = Parameter(np.array([1 + 2j], np.complex64), requires_grad=False)
    save(tmp_path / "file", layer)
    layer.value.data = layer.value.data * 0
    load(tmp_path / "file", layer)
    assert layer.value.data.tolist() == [1 + 2j]


# Records of training runs


@pytest.mark.parametrize(
    "text", ['{"version": 1, "version": 1}', '{"version": NaN}', '{"version": 1e999}', "[" * 10**5]
)
def test_records_are_strict(text: str, tmp_path: Path) -> None:
    header = {"__metadata__": {"wengert": text}} | GOOD
    (tmp_path / "file").write_bytes(file_of(header))
    text = check_refused(tmp_path / "file", LOADERS["load_checkpoint"])
    assert "the record of its training run is damaged" in text


# Numbers that do not fit, in files that are otherwise good: all is asked before anything is changed


def rewrite(path: Path, arrays: dict[str, Any], change: Callable[[Any], Any]) -> None:
    """The same checkpoint with some arrays put in place of others, and its record changed."""
    with opened(path) as file:
        found, record = file.arrays(), json.loads(file.metadata["wengert"])
    change(record)
    assert found.keys() >= arrays.keys()
    write_arrays(path, found | arrays, {"wengert": json.dumps(record)})


def grouped_run() -> dict[str, Any]:
    model = Sequential(Linear(4, in_size=3), Linear(2, in_size=4))
    first, second = model.layers
    optimizer = Momentum().setup([{"params": first, "lr": 0.5}, {"params": second, "momentum": 0.5}])
    return {"model": model, "optimizer": optimizer, "scheduler": StepLR(optimizer, 3)}


def lbfgs_run() -> dict[str, Any]:
    model = Linear(2, in_size=3)
    optimizer = LBFGS(history_size=3).setup(model)
    optimizer.update(lambda: (model(np.ones((2, 3), np.float32)) ** 2).sum())
    return {"model": model, "optimizer": optimizer, "scheduler": ReduceLROnPlateau(optimizer)}


def within(record: Any, place: str, value: Any) -> None:
    *path, last = place.split("/")
    for name in path:
        record = record[name]
    record[last] = value
    if value is None and not path:
        del record[last]  # a part that is not there at all


OPTIONS, SCHEDULE = "optimizers/optimizer./options/", "schedulers/scheduler./state/"
GROUPED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"optimizer.groups.0.lr": -1.0}, {}, "lr is a number from 0 on"),
    ({"optimizer.groups.0.lr": np.nan}, {}, "lr is a number from 0 on"),
    ({"optimizer.groups.1.momentum": 1.5}, {}, "momentum is a number from 0 to below 1"),
    ({"optimizer.0.weight.steps": -3}, {}, "0.weight.steps is negative"),
    ({}, {OPTIONS + "momentum": 7.0}, "momentum is a number from 0 to below 1"),
    ({}, {OPTIONS + "weight_decay": -1}, "weight_decay is a number from 0 on"),
    ({}, {OPTIONS + "momentum": 10**400}, "momentum: saved as 1000"),
    ({}, {SCHEDULE + "steps": -1}, "steps is -1"),
    ({}, {SCHEDULE + "steps": "many"}, "steps is 'many'"),
    ({}, {SCHEDULE + "starts": [0.1]}, "starts is [0.1], and should be 3 learning rates"),
    ({}, {SCHEDULE + "starts": [0.1, 10**400]}, "starts is [0.1, 1000"),
    ({}, {SCHEDULE + "starts": [0.1, -1]}, "and should be 3 learning rates"),
    ({}, {SCHEDULE + "more": 1}, "and should have steps, starts"),
    ({}, {"schedulers/scheduler./state": None}, "and should have steps, starts"),
    ({}, {"schedulers/scheduler.": 3}, "scheduler.its state is damaged"),
    ({}, {"schedulers/scheduler./class": "LinearLR"}, "class: saved with 'LinearLR'"),
    ({}, {"schedulers": {}}, "scheduler.has not been saved"),
    ({}, {"schedulers": []}, "its training run is damaged: schedulers"),
    ({}, {"epoch": None}, "its training run is damaged: epoch"),
    ({}, {"random": None}, "its training run is damaged: random"),
    ({}, {"libraries": 3}, "its training run is damaged: libraries"),
]
CURVED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"optimizer.pairs": 9}, {}, "pairs is 9, and should be up to 3"),
    ({"optimizer.pairs": -1}, {}, "pairs is -1, and should be up to 3"),
    ({"optimizer.taken.steps": -1}, {}, "taken.steps is negative"),
    ({}, {OPTIONS + "history_size": 2}, "moves: its shape is (3, 8), and should be (2, 8)"),
    ({}, {OPTIONS + "history_size": 0}, "history_size is a whole number from 1 on"),
    ({}, {OPTIONS + "max_iter": 2.5}, "max_iter: saved as 2.5"),
    ({}, {SCHEDULE + "best": "low"}, "best is damaged"),
    ({}, {SCHEDULE + "best": 10**400}, "best is damaged"),
    ({}, {SCHEDULE + "cooling": -1}, "cooling is damaged"),
]


@pytest.mark.parametrize(
    ("make", "arrays", "changes", "says"),
    [(grouped_run, *case) for case in GROUPED] + [(lbfgs_run, *case) for case in CURVED],
    ids=lambda value: str(value)[:60] if isinstance(value, str) else "",
)
def test_numbers_that_do_not_fit_change_nothing(
    make: Callable[[], dict[str, Any]], arrays: dict[str, Any], changes: dict[str, Any], says: str, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    save_checkpoint(path, **make())
    there = {name: np.asarray(value) for name, value in arrays.items()}
    rewrite(path, there, lambda record: [within(record, place, value) for place, value in changes.items()])
    run = make()
    optimizer, scheduler = run["optimizer"], run["scheduler"]

    def now() -> tuple[Any, ...]:
        kept = {name: array.tolist() for name, array in optimizer.state().items()}
        return kept, optimizer.options(), [each.lr for each in optimizer.groups], scheduler.state()

    before = now()
    text = check_refused(path, lambda path, model: load_checkpoint(path, **run), run["model"])
    assert says in text
    assert now() == before


def test_the_checkpoints_they_are_made_from_are_good(tmp_path: Path) -> None:
    for make in (grouped_run, lbfgs_run):
        saved = make()
        save_checkpoint(tmp_path / "run", **saved)
        rewrite(tmp_path / "run", {}, lambda record: None)
        run = make()
        load_checkpoint(tmp_path / "run", **run)
        for (_, one), (_, two) in zip(saved["model"].named_state(), run["model"].named_state(), strict=True):
            np.testing.assert_array_equal(one.data, two.data)


def test_a_formula_that_has_no_learning_rate(tmp_path: Path) -> None:
    """A table of learning rates, and a step beyond its end."""
    model, optimizer = Linear(2, in_size=3), Adam()
    scheduler = LambdaLR(optimizer.setup(model), [1.0, 0.5, -1.0].__getitem__)
    save_checkpoint(tmp_path / "run", model=model, scheduler=scheduler)
    for steps, says in ((2, "lr is a number from 0 on"), (3, "no learning rate comes of 3 steps")):
        rewrite(tmp_path / "run", {}, lambda record, steps=steps: within(record, SCHEDULE + "steps", steps))  # type: ignore[misc]
        fresh = Linear(2, in_size=3)
        text = check_refused(
            tmp_path / "run", lambda path, model: load_checkpoint(path, model=model, scheduler=scheduler), fresh
        )
        assert says in text
    assert scheduler.steps == 0


# Random damage


def training() -> tuple[Any, Any, Any]:
    model = Sequential(Linear(4, in_size=3), BatchNorm(4), Linear(2, in_size=4))
    optimizer = Adam().setup(model)
    loader = DataLoader(Arrays(np.ones((6, 3), np.float32), np.zeros(6, int)), 2, seed=1)
    for x, _ in loader:
        model(x).sum().backward()
        optimizer.update()
        break
    return model, optimizer, loader


def damage(whole: bytes, rng: np.random.Generator) -> bytes:
    """Bits turned, bytes changed, cut out, doubled or put in; mostly in the header, where there is most to break."""
    content = bytearray(whole)
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    for _ in range(int(rng.integers(1, 4))):
        place = int(rng.integers(0, header if rng.random() < 0.8 else len(whole))) % max(len(content), 1)
        length = int(rng.integers(1, 20))
        match int(rng.integers(0, 6)):
            case 0 | 1:
                content[place] ^= 1 << int(rng.integers(8))
            case 2:
                content[place] = int(rng.integers(256))
            case 3:
                del content[place : place + length]
            case 4:
                content[place:place] = content[place : place + length]
            case 5:
                other = int(rng.integers(0, header))
                content[place : place + length] = whole[other : other + length]
    return bytes(content)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("loader", LOADERS)
def test_random_damage_is_refused_or_harmless(loader: str, seed: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    model, optimizer, batches = training()
    whole_run = loader == "load_checkpoint"
    if whole_run:
        save_checkpoint(path, model=model, optimizer=optimizer, loader=batches, epoch=3, metadata={"a": [1.5, "x"]})
    else:
        SAVERS[loader.replace("load", "save")](path, model)
    whole = path.read_bytes()
    rng = np.random.default_rng((seed, len(loader)))
    refused = 0
    for _ in range(150):
        content = damage(whole, rng)
        path.write_bytes(content)
        fresh, fresh_optimizer, fresh_batches = training()
        before, chance = state_of(fresh), random.get_state()
        try:
            if whole_run:
                answer = load_checkpoint(path, model=fresh, optimizer=fresh_optimizer, loader=fresh_batches)
            else:
                LOADERS[loader](path, fresh)
        except WengertError as error:
            refused += 1
            assert str(path) in str(error)
            assert random.get_state() == chance
            for old, new in zip(before, state_of(fresh), strict=True):
                np.testing.assert_array_equal(old, new)
            continue
        # It was taken: what is in the model now is what the file says, and all of it can be used.
        held = arrays_in(content, "model." if whole_run else "")
        for name, parameter in fresh.named_state():
            theirs = name.removeprefix("layers.") if loader.startswith("torch") else name
            array = held[theirs]
            np.testing.assert_array_equal(parameter.data, array.T if loader.startswith("torch") else array)
        with np.errstate(all="ignore"):  # where a number was changed, it may have become a very large one
            out = fresh(np.ones((2, 3), np.float32))
            assert out.dtype == np.float32
            if whole_run:
                assert set(answer) == {"epoch", "metadata"}
                assert sum(1 for _ in fresh_batches) <= 3
                out.sum().backward()
                fresh_optimizer.update()
    assert 50 < refused <= 150


def arrays_in(content: bytes, prefix: str) -> dict[str, Any]:
    """What a file says, read in the simplest way."""
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    types = {"F32": "<f4", "I64": "<i8"}
    return {
        name.removeprefix(prefix): np.frombuffer(
            content[8 + length :][part["data_offsets"][0] : part["data_offsets"][1]], types[part["dtype"]]
        ).reshape(part["shape"])
        for name, part in header.items()
        if name.startswith(prefix) and name != "__metadata__" and part["dtype"] in types
    }
