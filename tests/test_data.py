"""Data sets and loaders, the book's toy sets, and files of pictures, whole and damaged."""

import gzip
import os
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wengert import random
from wengert.data import (
    Arrays,
    DataLoader,
    Dataset,
    SeqDataLoader,
    SequenceLoader,
    SinCurve,
    Spiral,
    digits,
    get_spiral,
    mnist,
)
from wengert.errors import DataError, DtypeError, InputError, ShapeError

X, T = np.arange(20.0).reshape(10, 2), np.arange(10)


class Numbers(Dataset):
    def prepare(self) -> None:
        self.data, self.label = X, T


class Plain:
    """A data set that is neither of ours."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> tuple[Any, int]:
        assert type(index) is int
        return X[index], index


def labels(batches: Any) -> list[list[int]]:
    return [t.tolist() for _, t in batches]


# Data sets


def test_dataset_by_number_and_slice() -> None:
    numbers = Numbers()
    assert len(numbers) == 10 and numbers.train
    x, t = numbers[3]
    assert x.tolist() == [6.0, 7.0] and t == 3
    assert numbers[-1][1] == 9 and numbers[np.int64(2)][1] == 2
    x, t = numbers[7:]
    assert x.shape == (3, 2) and t.tolist() == [7, 8, 9]
    assert numbers[::-4][1].tolist() == [9, 5, 1]
    for index in (10, -11):
        with pytest.raises(IndexError, match="no example"):
            numbers[index]
    assert labels([numbers[:]]) == [list(range(10))]


def test_transforms() -> None:
    numbers = Numbers(False, transform=lambda x: x.sum(), target_transform=lambda t: -t)
    assert not numbers.train
    assert numbers[2] == (9.0, -2)
    assert numbers[1:3][0].tolist() == [5.0, 9.0] and numbers[1:3][1].tolist() == [-1, -2]
    ((x, t),) = DataLoader(numbers, 10, shuffle=False)
    assert x.tolist() == X.sum(1).tolist() and t.tolist() == (-T).tolist()


def test_data_without_labels() -> None:
    class Bare(Dataset):
        def prepare(self) -> None:
            self.data = X

    assert Bare()[0][1] is None
    for bare in (Bare(), Bare(transform=lambda x: x)):
        for x, t in DataLoader(bare, 5, shuffle=False):
            assert x.shape == (5, 2) and t is None


def test_a_dataset_without_data_says_so() -> None:
    with pytest.raises(DataError, match=r"set self\.data in prepare"):
        len(Dataset())


def test_arrays() -> None:
    arrays = Arrays(X, T, T * 2)
    assert len(arrays) == 10 and [part.tolist() for part in arrays[1]] == [[2.0, 3.0], 1, 2]
    assert repr(Arrays(T)) == "Arrays((10,) int64)"
    assert len(list(arrays)) == 10
    with pytest.raises(ShapeError, match=r"(?s)one row for each example.*\(10, 2\).*\(9,\)"):
        Arrays(X, T[:9])
    with pytest.raises(ShapeError):
        Arrays(np.float64(3.0), T)
    assert Arrays([1, 2])[1] == (2,)  # a list is a row of values, too
    with pytest.raises(DtypeError, match="dict"):
        Arrays({"x": [1, 2]})
    with pytest.raises(DataError):
        Arrays()


# Loaders


@pytest.mark.parametrize("dataset", [Numbers(), Arrays(X, T), Numbers(transform=lambda x: x)])
def test_loaders_go_once_through_the_data(dataset: Any) -> None:
    loader = DataLoader(dataset, 4, shuffle=False)
    assert len(loader) == 3
    assert labels(loader) == labels(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    shuffled = DataLoader(dataset, 4)
    first, second = labels(shuffled), labels(shuffled)
    assert first != second and sorted(sum(first, [])) == sorted(sum(second, [])) == list(range(10))
    for x, t in shuffled:
        np.testing.assert_array_equal(x, X[t])


def test_drop_last() -> None:
    loader = DataLoader(Numbers(), 4, shuffle=False, drop_last=True)
    assert len(loader) == 2 and labels(loader) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert labels(DataLoader(Numbers(), 11, drop_last=True)) == []
    assert [len(t) for _, t in DataLoader(Numbers(), np.int64(5), drop_last=True)] == [5, 5]


def test_any_sequence_can_be_loaded() -> None:
    assert labels(DataLoader(Plain(), 2, shuffle=False)) == [[0, 1], [2, 3], [4]]
    assert sorted(sum(labels(DataLoader(Plain(), 2)), [])) == [0, 1, 2, 3, 4]
    assert [batch.tolist() for batch in DataLoader([3, 1, 2], 2, shuffle=False)] == [[3, 1], [2]]


def test_batches_are_copies() -> None:
    mine = np.zeros((4, 2))
    for shuffle in (False, True):
        for (x,) in DataLoader(Arrays(mine), 2, shuffle):
            x += 1
    assert mine.max() == 0


def test_examples_of_different_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"different shapes cannot be put in one batch: \(2,\), \(3,\)"):
        list(DataLoader([np.zeros(2), np.zeros(3)], 2))


def test_orders_are_drawn_from_wengerts_generator_or_the_loaders_own() -> None:
    drawn = []
    for _ in range(2):
        random.seed(3)
        drawn.append([labels(DataLoader(Numbers(), 3)) for _ in range(2)])
    assert drawn[0] == drawn[1] and drawn[0][0] != drawn[0][1]
    before = random.get_state()
    own = labels(DataLoader(Numbers(), 3, seed=5))
    assert own == labels(DataLoader(Numbers(), 3, seed=5)) != labels(DataLoader(Numbers(), 3, seed=6))
    assert random.get_state() == before


def test_a_loop_left_early_begins_again_at_the_beginning() -> None:
    loader = DataLoader(Numbers(), 4, shuffle=False)
    for _ in loader:
        break
    assert len(labels(loader)) == 3
    assert [t.tolist() for (_, t), _ in zip(loader, range(1), strict=False)] == [[0, 1, 2, 3]]
    assert len(labels(loader)) == 3


def test_loops_over_one_loader_may_be_nested() -> None:
    loader = DataLoader(Numbers(), 5, shuffle=False)
    assert [(a[0], b[0]) for _, a in loader for _, b in loader] == [(0, 0), (0, 5), (5, 0), (5, 5)]


def test_next_and_reset_as_in_the_book() -> None:
    loader = DataLoader(Numbers(), 4, shuffle=False)
    assert next(loader)[1][0] == 0 and loader.next()[1][0] == 4
    loader.reset()
    assert [next(loader)[1][0] for _ in range(3)] == [0, 4, 8]
    with pytest.raises(StopIteration):
        next(loader)
    assert next(loader)[1][0] == 0


@pytest.mark.parametrize("size", [0, -1, 1.5, True, None, "4"])
def test_batch_sizes_are_checked(size: Any) -> None:
    for kind in (DataLoader, SequenceLoader):
        with pytest.raises(InputError, match="batch_size is a whole number from 1 on"):
            kind(Numbers(), size)


def test_loaders_check_what_they_are_given() -> None:
    with pytest.raises(DataError, match="is empty"):
        DataLoader(Arrays(np.zeros((0, 2))), 1)
    with pytest.raises(InputError, match="seed"):
        DataLoader(Numbers(), 1, seed=-1)
    with pytest.raises(InputError, match="8 readers cannot share 5 examples"):
        SequenceLoader(Plain(), 8)


def test_sequence_loader() -> None:
    assert SeqDataLoader is SequenceLoader
    loader = SequenceLoader(Numbers(), 3)
    assert labels(loader) == labels(loader) == [[0, 3, 6], [1, 4, 7], [2, 5, 8], [3, 6, 9]]


# Where a loader stands


@pytest.mark.parametrize("seed", [None, 4])
@pytest.mark.parametrize("stop", [1, 3])
def test_a_loader_goes_on_where_it_stood(seed: int | None, stop: int) -> None:
    random.seed(0)
    loader = DataLoader(Numbers(), 4, seed=seed)
    labels(loader)
    kept, rest = [], []
    for number, (_, t) in enumerate(loader, 1):
        kept.append(t.tolist())
        if number == stop:
            state, generator = loader.state(), random.get_state()
    rest = kept[stop:]
    following = labels(loader)

    resumed = DataLoader(Numbers(), 4, seed=seed)
    resumed.load_state(state)
    random.set_state(generator)
    assert labels(resumed) == rest
    assert labels(resumed) == following


def test_a_loop_that_has_ended_or_was_left_does_not_count() -> None:
    loader = DataLoader(Numbers(), 4, seed=0)
    assert loader.state()["position"] is None
    labels(loader)
    assert loader.state()["position"] is None
    for _ in loader:
        assert loader.state()["position"] == 1
        break
    assert loader.state()["position"] is None
    batches = iter(loader)
    next(batches)
    assert loader.state()["position"] == 1
    loader.reset()
    assert loader.state()["position"] is None


def test_a_state_that_was_loaded_can_be_saved_again() -> None:
    loader = DataLoader(Numbers(), 4, seed=0)
    state = next((loader.state() for _ in loader), None)
    loader.load_state(state)
    assert loader.state()["position"] == 1 and loader.state()["order"].tolist() == state["order"].tolist()


def test_states_are_checked() -> None:
    loader = DataLoader(Numbers(), 4, seed=0)
    for _ in loader:
        state = loader.state()
        break
    for change, words in [
        ({"examples": 11}, "examples: saved with 11, and here it is 10"),
        ({"batch_size": 5}, "batch_size: saved with 5, and here it is 4"),
        ({"position": 4}, "position: 4 is no number of batches from 0 to 3"),
        ({"position": -1}, "position"),
        ({"position": True}, "position"),
        ({"order": None}, "order: saved without shuffle"),
        ({"order": np.zeros(10, int)}, "order: does not name every example once"),
        ({"order": np.arange(10.0)}, "order"),
        ({"order": [1]}, "order"),
        ({"generator": None}, "seed"),
        ({"generator": {"bit_generator": "PCG64"}}, "generator: not a state"),
        ({"generator": {"bit_generator": "MT19937", "state": {}}}, "generator: not a state"),
    ]:
        with pytest.raises(DataError, match=words):
            loader.load_state(state | change)
    with pytest.raises(DataError, match="position is missing"):
        loader.load_state({"examples": 10})
    assert loader.state()["position"] is None
    with pytest.raises(DataError, match="order: saved with shuffle"):
        DataLoader(Numbers(), 4, False, seed=0).load_state(state)


# The book's toy sets


@pytest.mark.parametrize("train", [True, False])
def test_spiral_is_the_books(train: bool) -> None:
    draws = np.random.RandomState(1984 if train else 2020)
    points, classes = [], []
    for j in range(3):
        for i in range(100):
            rate = i / 100
            theta = j * 4.0 + 4.0 * rate + draws.randn() * 0.2
            points.append([1.0 * rate * np.sin(theta), 1.0 * rate * np.cos(theta)])
            classes.append(j)
    order = draws.permutation(300)
    state = np.random.get_state()[1].copy(), random.get_state()
    x, t = get_spiral(train)
    np.testing.assert_array_equal(x, np.array(points, np.float32)[order])
    np.testing.assert_array_equal(t, np.array(classes)[order])
    assert x.dtype == np.float32 and t.dtype.kind == "i"
    spiral = Spiral(train)
    np.testing.assert_array_equal(spiral.data, x)
    np.testing.assert_array_equal(np.random.get_state()[1], state[0])
    assert random.get_state() == state[1]


def test_sin_curve() -> None:
    grid = np.linspace(0, 2 * np.pi, 1000)
    curve = SinCurve()
    assert curve.data.shape == curve.label.shape == (999, 1) and len(curve) == 999
    np.testing.assert_array_equal(curve.data[1:], curve.label[:-1])
    noise = curve.data[:, 0] - np.sin(grid[:-1])
    assert 0.04 < np.abs(noise).max() <= 0.05
    np.testing.assert_array_equal(SinCurve(train=False).label[:, 0], np.cos(grid[1:]))


def test_digits() -> None:
    pytest.importorskip("sklearn")
    x, t = digits()
    assert x.shape == (1797, 64) and x.dtype == np.float32 and (x.min(), x.max()) == (0, 1)
    assert t.dtype == np.int64 and set(t.tolist()) == set(range(10))
    assert digits(flat=False)[0].shape == (1797, 1, 8, 8)


def test_digits_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    with pytest.raises(DataError, match="pip install scikit-learn"):
        digits()


# MNIST's files


def images(count: int = 3, *, rows: int = 28, columns: int = 28, magic: int = 0x803, claim: int | None = None) -> bytes:
    pixels = (np.arange(count * rows * columns) % 256).astype(np.uint8).tobytes()
    return struct.pack(">4I", magic, count if claim is None else claim, rows, columns) + pixels


def marks(values: list[int], magic: int = 0x801) -> bytes:
    return struct.pack(">2I", magic, len(values)) + bytes(values)


def write(folder: Path, name: str, pictures: bytes, answers: bytes) -> None:
    (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(pictures))
    (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(answers))


def test_mnist_is_read(tmp_path: Path) -> None:
    write(tmp_path, "t10k", images(3), marks([7, 0, 9]))
    x, t = mnist(tmp_path)
    assert x.shape == (3, 784) and x.dtype == np.float32 and t.tolist() == [7, 0, 9] and t.dtype == np.int64
    assert (x.min(), x.max()) == (0, 1)
    assert mnist(str(tmp_path), flat=False)[0].shape == (3, 1, 28, 28)
    write(tmp_path, "train", images(2), marks([1, 2]))
    assert len(mnist(tmp_path)[0]) == len(mnist(tmp_path, train=True)[0]) == 2
    assert len(mnist(tmp_path, train=False)[0]) == 3


def test_mnist_itself() -> None:
    folder = os.environ.get("WENGERT_MNIST")
    if not folder:
        pytest.skip("WENGERT_MNIST does not say where MNIST's test files are")
    x, t = mnist(folder, train=False)
    assert x.shape == (10_000, 784) and t[:5].tolist() == [7, 2, 1, 0, 4]
    assert abs(float(x.mean()) - 0.1325) < 1e-3


@pytest.mark.parametrize(
    ("pictures", "answers", "words"),
    [
        (b"", marks([1]), "it ends within its first 16 bytes"),
        (images()[:10], marks([1]), "it ends within its first 16 bytes"),
        (images(magic=0x801), marks([1]), "it begins with 0x00000801"),
        (images(rows=27), marks([1]), r"its items have shape \(27, 28\)"),
        (images(columns=2**32 - 1, count=0), marks([1]), "its items have shape"),
        (images(claim=2**32 - 1), marks([1]), "claims to hold 4294967295 items"),
        (images(claim=0), marks([1]), "claims to hold 0 items"),
        (images(claim=4), marks([1]), "claims 4 items, which is 3136 bytes, and holds only 2352"),
        (images(claim=2), marks([1]), "and holds more"),
        (images(), marks([1, 2]), "2 labels for the 3 pictures"),
        (images(), marks([1, 2, 10]), "label 10, at number 2, is none of the ten classes"),
        (images(), marks([1, 2, 3], 0x803), "it begins with 0x00000803"),
        (images(), marks([1, 2, 3])[:-1], "holds only 2"),
    ],
)
def test_damaged_mnist_is_refused(tmp_path: Path, pictures: bytes, answers: bytes, words: str) -> None:
    write(tmp_path, "t10k", pictures, answers)
    with pytest.raises(DataError, match=words) as error:
        mnist(tmp_path)
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


def test_damaged_compression_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "t10k", images(), marks([1, 2, 3]))
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    checksum = bytearray(whole)
    checksum[-6] ^= 1
    body = bytearray(whole)
    body[len(body) // 2] ^= 0xFF
    for damaged in (
        whole[:-9],
        whole[: len(whole) // 2],
        bytes(checksum),
        bytes(body),
        b"no gzip",
        b"\x1f\x8b",
        whole[:12],
    ):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz: it (cannot be read|ends within)") as error:
            mnist(tmp_path)
        assert "\n" not in str(error.value)


def test_every_damaged_byte_is_noticed(tmp_path: Path) -> None:
    """One byte changed anywhere in what is compressed never gives other pictures in silence."""
    write(tmp_path, "t10k", images(1), marks([1]))
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    expected, _ = mnist(tmp_path)
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0x55
        path.write_bytes(bytes(damaged))
        try:
            x, _ = mnist(tmp_path)
        except DataError:
            continue
        np.testing.assert_array_equal(x, expected)  # a byte of gzip's own header that means nothing, such as its time


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz: there is no such file"):
        mnist(tmp_path)
    write(tmp_path, "t10k", images(), marks([1, 2, 3]))
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz: there is no such file"):
        mnist(tmp_path, train=True)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz: there is no such file"):
        mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        mnist(tmp_path)


def test_a_small_file_cannot_fill_the_memory(tmp_path: Path) -> None:
    bomb = struct.pack(">4I", 0x803, 1, 28, 28) + bytes(200_000_000)
    write(tmp_path, "t10k", bomb, marks([1]))
    tracemalloc.start()
    with pytest.raises(DataError, match="and holds more"):
        mnist(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    bold = struct.pack(">4I", 0x803, 299_999, 28, 28) + bytes(1000)
    write(tmp_path, "t10k", bold, marks([1]))
    tracemalloc.start()
    with pytest.raises(DataError, match="holds only 1000"):
        mnist(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
