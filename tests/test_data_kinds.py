"""Data of other libraries, examples in parts, classes of one's own, streams, and pictures of every mode."""

from collections import namedtuple
from itertools import count

import numpy as np
import pytest

from wengert import Variable
from wengert.data import Arrays, DataLoader, Dataset, ImageFolder, collate, random_split
from wengert.data.transforms import Convert, ToArray
from wengert.errors import DataError, DtypeError, InputError, ShapeError

VALUES = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]])


def kinds():
    yield "Variable", Variable(VALUES)
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(VALUES, index=[3, 0, 2, 1])
    yield "DataFrame", frame
    yield "Series", frame[1]
    for name, make in [
        ("polars", lambda m: m.DataFrame(VALUES)),
        ("xarray", lambda m: m.DataArray(VALUES, dims=("a", "b"), coords={"a": [3, 0, 2, 1]})),
        ("torch", lambda m: m.tensor(VALUES, requires_grad=True)),
    ]:
        try:
            yield name, make(__import__(name))
        except ImportError:
            continue
    jax = pytest.importorskip("jax")
    yield "jax", jax.numpy.asarray(VALUES.astype(np.float32))


def test_rows_are_asked_for_by_place():
    for name, data in kinds():
        expected = VALUES[:, 1] if name == "Series" else VALUES
        for given in (Arrays(data), data):
            found = [batch[0] if isinstance(batch, tuple) else batch for batch in DataLoader(given, 2, shuffle=False)]
            np.testing.assert_array_equal(np.concatenate([np.asarray(batch) for batch in found]), expected, name)

        class Mine(Dataset):
            def prepare(self, data=data):
                self.data, self.label = data, data

        np.testing.assert_array_equal(np.asarray(Mine()[2][1]), expected[2], name)


def test_values_that_are_no_numbers():
    pandas = pytest.importorskip("pandas")
    for column in (["a", None], [1, None, "x"]):
        with pytest.raises(DtypeError, match=r"(?s)object.*Fix"):
            Arrays(pandas.Series(column, dtype=object))


Point = namedtuple("Point", "x y")


def test_examples_in_parts():
    example = (np.ones(2), {"box": np.arange(4), "more": (1, {"deep": 2.0})}, Point(1, [3, 4]))
    image, target, point = collate([example, example, example])
    assert image.shape == (3, 2) and target["box"].shape == (3, 4)
    np.testing.assert_array_equal(target["more"][1]["deep"], [2.0, 2.0, 2.0])
    assert type(point) is Point and point.y.shape == (3, 2)
    other = (np.ones(2), {"box": np.arange(5), "more": (1, {"deep": 2.0})}, Point(1, [3, 4]))
    with pytest.raises(ShapeError, match=r"\[1\]\['box'\]: .*\(4,\), \(5,\)"):
        collate([example, other])
    with pytest.raises(ShapeError, match=r"\[1\]\['more'\]: "):
        collate([example, (np.ones(2), {"box": np.arange(4), "more": (1,)}, Point(1, [3, 4]))])


def test_a_class_of_ones_own():
    class Mine(Dataset):
        def __init__(self):
            self.x = np.arange(6.0)

        def __len__(self):
            return len(self.x)

        def __getitem__(self, i):
            return self.x[i], i

    assert sum(len(x) for x, _ in DataLoader(Mine(), 2)) == 6

    class Given(Dataset):
        def __init__(self):
            self.data = np.arange(4.0)

    assert len(Given()) == 4 and Given()[1] == (1.0, None)


def test_streams():
    def examples():
        for i in range(5):
            yield np.full(2, i), i

    class Anew:
        def __iter__(self):
            return examples()

    loader = DataLoader(examples(), 2)
    batches = list(loader)
    assert [t.tolist() for _, t in batches] == [[0, 1], [2, 3], [4]]
    with pytest.raises(DataError, match=r"(?s)none left.*Fix"):
        list(loader)
    again = DataLoader(Anew(), 2, drop_last=True)
    for _ in range(2):
        assert [t.tolist() for _, t in again] == [[0, 1], [2, 3]]
    for make, words in [
        (lambda: DataLoader(examples(), 2, shuffle=True), "shuffle=True"),
        (lambda: DataLoader(examples(), 2, workers=1), "workers"),
        (lambda: DataLoader(examples, 2), "call a generator function"),
        (lambda: loader.state(), "cannot be kept"),
        (lambda: next(again), "loop over it"),
    ]:
        with pytest.raises(InputError, match=words):
            make()
    with pytest.raises(TypeError, match="not known"):
        len(loader)
    assert next(iter(DataLoader(zip(count(), "abc"), 3)))[1].tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I", "F", "I;16", "I;16B"])
def test_pictures_of_every_mode(mode, tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    if mode.startswith("I;16"):
        numbers = np.array([[0, 1000, 30000, 65535]], np.uint16)
        image = pillow.fromarray(numbers)
        image = image if mode == "I;16" else pillow.frombytes("I;16B", (4, 1), numbers.astype(">u2").tobytes())
        np.testing.assert_array_equal(ToArray(np.float64)(image)[0], numbers)
        np.testing.assert_array_equal(np.asarray(Convert("RGB")(image))[..., 0], [[0, 4, 117, 255]])
        if mode == "I;16":
            (tmp_path / "cat").mkdir()
            image.save(tmp_path / "cat" / "a.png")
            np.testing.assert_array_equal(ImageFolder(tmp_path)[0][0][0], [[0, 4, 117, 255]])
        return
    if mode in ("I", "F"):
        numbers = np.array([[0, 1000, 70000]], {"I": np.int32, "F": np.float32}[mode])
        image = pillow.fromarray(numbers)
        np.testing.assert_array_equal(ToArray(np.float64)(image)[0], numbers)
        with pytest.raises(DataError, match=r"(?s)no fixed range.*Fix: make an array"):
            Convert("RGB")(image)
        return
    image = pillow.new("RGB", (3, 2), (200, 100, 50)).convert(mode)
    expected = np.moveaxis(np.asarray(image.convert("RGB")), -1, 0)
    np.testing.assert_array_equal(ToArray(np.uint8)(Convert("RGB")(image)), expected)
    if mode not in ("L", "RGB", "RGBA"):
        with pytest.raises(DataError, match=r"Fix: put Convert\('RGB'\)"):
            ToArray()(image)


def test_shares():
    data = Arrays(np.arange(11))
    assert [len(part) for part in random_split(data, 0.8, 0.2)] == [9, 2]
    assert [len(part) for part in random_split(data, 0.1, 0.2, 0.7)] == [2, 2, 7]
    assert sorted(int(x) for part in random_split(data, 0.3, 0.7) for (x,) in part) == list(range(11))
    with pytest.raises(InputError, match="add up to 1"):
        random_split(data, 0.5, 0.2)
