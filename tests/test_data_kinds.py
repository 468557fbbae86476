"""Data of other libraries, examples in parts, classes of one's own, streams, and pictures of every mode."""

import json
from collections import OrderedDict, UserDict, namedtuple
from dataclasses import dataclass
from itertools import count

import numpy as np
import pytest

from wengert import Variable, random, seed
from wengert import functions as F
from wengert.data import (
    Arrays,
    DataLoader,
    Dataset,
    ImageFolder,
    SequenceLoader,
    Subset,
    WeightedSampler,
    collate,
    random_split,
)
from wengert.data.transforms import (
    AsType,
    CenterCrop,
    Compose,
    Convert,
    Flatten,
    Normalize,
    Pad,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
    ToArray,
    ToFloat,
)
from wengert.errors import DataError, DtypeError, InputError, ShapeError
from wengert.models import MLP
from wengert.optimizers import SGD
from wengert.training import Checkpoint, Trainer

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

        np.testing.assert_array_equal(collate([Mine()[2], Mine()[-1]])[1], expected[2:], name)
        for _, t in DataLoader(Mine(transform=lambda x: x), 4, shuffle=False):
            np.testing.assert_array_equal(t, expected, name)
        for given in (data, Arrays(data), Mine()):
            part = next(iter(DataLoader(Subset(given, [3, 0]), 2, shuffle=False)))
            np.testing.assert_array_equal(np.asarray(part[0] if isinstance(part, tuple) else part), expected[[3, 0]], name)


def test_values_that_are_no_numbers():
    pandas = pytest.importorskip("pandas")
    for column in (["a", None], [1, None, "x"]):
        with pytest.raises(DtypeError, match=r"(?s)object.*Fix"):
            Arrays(pandas.Series(column, dtype=object))


def test_values_of_each_dtype_are_right_or_refused():
    """What a column holds comes out of a batch, in its own dtype; what an array cannot hold is refused."""
    pandas, columns = pytest.importorskip("pandas"), []
    for values, dtype in [
        ([1, 2, 3], "Int64"), ([1, None, 3], "Int64"), ([True, False, True], "boolean"), ([True, None, True], "boolean"),
        ([1.5, None, 2.5], "Float64"), (["a", "b", "ab"], None), (["a", None, "b"], None), (["a", "b", "a"], "category"),
        ([3, 4, 3], "category"), ([3, None, 3], "category"), ([1, 2**60, 3], None), ([0.5, None, 2.0], None),
    ]:
        columns.append(pandas.Series(values, dtype=dtype, index=[2, 0, 1]))
    columns.append(pandas.Series(pandas.to_datetime(["2020-01-01", "2021-01-01", "2022-01-01"])))
    columns += [columns[-1].dt.tz_localize("UTC"), pandas.Series([1, "a", None], dtype=object)]
    columns += [pandas.DataFrame({"a": [1, 2, 3], "b": [True, False, True]}), pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})]
    polars = pytest.importorskip("polars")
    columns += [polars.Series([1, None, 3]), polars.Series([1.0, None]), polars.Series(["a", "b"]), polars.Series([True, None])]
    columns += [polars.DataFrame({"a": [1, None], "b": [1.0, 2.0]}), polars.DataFrame({"a": [1, 2], "b": ["x", "y"]})]
    taken = 0
    for column in columns:
        try:
            batches = [batch for (batch,) in DataLoader(Arrays(column), 2, shuffle=False)]
        except DtypeError as error:
            assert "Fix" in str(error) and ("missing" in str(error) or "Python objects" in str(error))
            continue
        taken += 1
        wanted = column.to_numpy()
        found = np.concatenate(batches)
        np.testing.assert_array_equal(found, wanted.astype(str) if wanted.dtype == object else wanted)
        assert found.dtype.kind != "O"
    assert taken == 11


def test_arrays_of_numpys_that_are_more_than_arrays():
    masked = np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0])
    for make in (lambda: Arrays(masked), lambda: collate([masked, masked])):
        with pytest.raises(DtypeError, match=r"(?s)lose its mask.*masked\.filled"):
            make()
    assert Arrays(np.ma.masked_array([1.0, 2.0]))[1] == (2.0,)
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix([[1.0, 2.0], [3.0, 4.0]])
    assert Arrays(matrix)[0][0].shape == (2,)
    for data in ([1, 2], (1, 2), range(1, 3), memoryview(bytes([1, 2]))):
        assert Arrays(data)[:][0].tolist() == [1, 2]
    for data in ((i for i in range(3)), {1, 2}, {"x": 1}, object(), np.array([1, "a"], object)):
        with pytest.raises(DtypeError, match="Fix"):
            Arrays(data)
    with pytest.raises(ShapeError):
        Arrays([[1, 2], [3]])


def test_a_table_may_be_kept_as_it_is():
    pandas = pytest.importorskip("pandas")

    class Files(Dataset):
        def __init__(self):
            self.data = pandas.DataFrame({"path": ["a", "bb", "ccc"], "label": [0, 1, 2]}, index=[2, 1, 0])

        def __getitem__(self, i):
            row = self.data.iloc[i]
            return len(row["path"]), row["label"]

    ((x, t),) = DataLoader(Files(), 3, shuffle=False)
    assert x.tolist() == [1, 2, 3] and t.tolist() == [0, 1, 2]

    class Column(Dataset):
        data = label = pandas.Series([10, 20, 30], index=[2, 0, 1])

    assert [int(t) for _, t in (Column()[i] for i in range(3))] == [10, 20, 30]


Point = namedtuple("Point", "x y")


@dataclass(frozen=True)
class Example:
    image: object
    extra: object = None


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


def test_examples_keep_their_classes():
    batch = collate([Example(np.ones(2), OrderedDict(a=1, b=(2,))), Example(np.zeros(2), OrderedDict(b=(4,), a=3))])
    assert type(batch) is Example and batch.image.shape == (2, 2)
    assert type(batch.extra) is OrderedDict and batch.extra["a"].tolist() == [1, 3] and batch.extra["b"][0].tolist() == [2, 4]
    ((x, more),) = DataLoader([(i, Example(i)) for i in range(4)], 4, shuffle=False, workers=1)
    assert x.tolist() == more.image.tolist() == [0, 1, 2, 3] and more.extra is None
    assert collate([UserDict(a=1), UserDict(a=2)])["a"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("examples", "words"),
    [
        ([(1, None), (2, 3)], r"example\[1\] is None in 1 of 2"),
        ([1, "a"], "text and numbers"),
        ([object(), object()], "Python objects"),
        ([{1, 2}, {3}], "Python objects"),
        ([2**70, 1], "Python objects"),
        ([b"a\0", b"b"], "zeros at the end"),
        ([(1, {"a": "x"}), (1, {"a": 2})], r"example\[1\]\['a'\]: text and numbers"),
        ([(1, {"a": 1}), (1, (1,))], r"(?s)example\[1\]: .*different parts.*dict of \['a'\].*tuple of \[0\]"),
        ([Point(1, 2), (1, 2)], r"different parts"),
        ([{0: 1}, (1,)], r"different parts"),
        ([Example(1, (np.ones(2),)), Example(1, (np.ones(3),))], r"example\.extra\[0\]: .*\(2,\), \(3,\)"),
    ],
)
def test_examples_that_do_not_go_together(examples, words):
    with pytest.raises((ShapeError, DtypeError), match=words):
        collate(examples)


@pytest.mark.parametrize("kind", [Arrays, Subset, Dataset])
def test_examples_of_a_class_of_ones_own_are_asked_for(kind):
    """No batch is taken from the arrays behind a class that makes its examples otherwise."""

    class Mine(kind):
        def __getitem__(self, i):
            return (self.values[i] * 100,)

        def __len__(self):
            return 3

    made = {Arrays: lambda: Mine(np.arange(5)), Subset: lambda: Mine(Arrays(np.arange(5)), [0, 1, 2]), Dataset: Mine}
    for mine in (made[kind](), Mine.__new__(Mine)):  # with and without its __init__
        mine.values = np.arange(5)
        if kind is Dataset:
            mine.data = np.arange(5)
        ((x,),) = DataLoader(mine, 4, shuffle=False)
        assert x.tolist() == [0, 100, 200]
        assert next(iter(DataLoader(Subset(mine, [2, 1]), 2, shuffle=False)))[0].tolist() == [200, 100]


def test_labels_and_loaders_that_are_not_whole():
    class Short(Dataset):
        def prepare(self):
            self.data, self.label = np.arange(10), np.arange(12)

    with pytest.raises(ShapeError, match="12 labels for 10 examples"):
        DataLoader(Short(), 2)

    class Bare(DataLoader):
        def __init__(self, dataset):
            self.dataset = dataset

    with pytest.raises(AttributeError, match="super"):
        iter(Bare(Arrays(VALUES)))
    assert not hasattr(DataLoader(Arrays(VALUES), 2), "nothing")
    with pytest.raises(InputError, match=r"Arrays\(\*columns\.values\(\)\)"):
        DataLoader({"x": VALUES, "t": VALUES}, 2)
    assert len(list(DataLoader({0: 1.0, 1: 2.0}, 1))) == 2


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
    with pytest.raises(DataError, match=r"(?s)can be gone through once.*Fix: give the function"):
        list(loader)
    left = DataLoader(map(abs, range(5)), 2)
    next(iter(left))
    with pytest.raises(DataError, match="gone through once"):
        next(iter(left))
    for source in (Anew(), examples, {0: 1, 1: 2, 2: 3, 3: 4}.items()):
        again = DataLoader(source, 2, drop_last=True)
        assert [len(batch[0]) for _ in range(2) for batch in again] == [2, 2, 2, 2]
        assert len(next(again)[0]) == len(again.next()[0]) == 2

    class Own(Dataset):
        def __iter__(self):
            return examples()

    assert [t.tolist() for _, t in DataLoader(Own(), 3)] == [[0, 1, 2], [3, 4]]
    for make, words in [
        (lambda: DataLoader(examples(), 2, shuffle=True), "shuffle=True"),
        (lambda: DataLoader(examples(), 2, workers=1), "workers"),
        (lambda: DataLoader(examples(), 2, sampler=[0]), "a sampler"),
        (lambda: DataLoader(Anew, 2), "of a class, give an instance"),
        (lambda: DataLoader(3, 2), "int 3"),
    ]:
        with pytest.raises(InputError, match=words):
            make()
    for make in (lambda: SequenceLoader(Anew(), 2), lambda: Subset(examples(), [0]), lambda: random_split(examples(), 1)):
        with pytest.raises(DataError, match="not known"):
            make()
    with pytest.raises(TypeError, match="not known"):
        len(loader)
    with pytest.raises(DataError, match="gave no example"):
        list(DataLoader(iter([]), 2))
    assert next(iter(DataLoader(zip(count(), "abc"), 3)))[1].tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("stop", [1, 2])
def test_a_stream_goes_on_where_it_stood(stop):
    def examples():
        for i in range(5):
            yield random.generator().random(), i

    def numbers(loader):
        return [[part.tolist() for part in batch] for batch in loader]

    random.seed(2)
    loader, seen = DataLoader(examples, 2), []
    for batch in loader:
        seen.append([part.tolist() for part in batch])
        if len(seen) == stop:
            state, generator = loader.state(), random.get_state()
    following = numbers(loader)
    resumed = DataLoader(examples, 2)
    resumed.load_state(json.loads(json.dumps(state)))
    random.set_state(generator)
    assert numbers(resumed) == seen[stop:] and numbers(resumed) == following
    assert len({x for batch in seen + following for x in batch[0]}) == 10
    shorter = DataLoader(lambda: iter([]), 2)
    shorter.load_state(state)
    with pytest.raises(DataError, match=f"less than the {stop} batches"):
        next(iter(shorter))
    with pytest.raises(DataError, match="examples: saved with None"):
        DataLoader(Arrays(VALUES), 2, shuffle=False).load_state(state)


def test_an_error_in_a_stream_says_which_example_it_was():
    def examples():
        yield 1
        raise KeyError("no more")

    before = random.get_state()
    with pytest.raises(KeyError) as error:
        list(DataLoader(examples, 1, seed=0))
    assert "example 1 of examples()" in error.value.__notes__[0] and random.get_state() == before


class Pairs:
    """Examples one after the other, of dicts, in batches of unequal size."""

    def __iter__(self):
        for i in range(5):
            yield {"x": np.array([i, 1.0], np.float32)}, {"label": i % 2}


class ByName(MLP):
    def forward(self, x):
        return super().forward(x["x"])


def loss_by_name(y, t):
    return F.softmax_cross_entropy(y, t["label"])


def test_a_trainer_learns_from_a_stream_of_dicts(tmp_path):
    def trainer(*callbacks):
        seed(4)
        return Trainer(ByName((3, 2)), SGD(0.1), loss_by_name, DataLoader(Pairs(), 2), epochs=3, callbacks=callbacks)

    whole = trainer()
    whole.fit()
    stopped = trainer(Checkpoint(tmp_path))
    stopped.epochs = 2
    stopped.fit()
    resumed = trainer(Checkpoint(tmp_path))
    resumed.fit(resume=tmp_path)
    for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        np.testing.assert_array_equal(a.data, b.data)
    batch = collate(list(Pairs()))
    (loss,) = whole.evaluate(DataLoader(Pairs(), 2)).values()
    np.testing.assert_allclose(loss, loss_by_name(whole.model(batch[0]), batch[1]).item(), rtol=1e-5)


# Samplers and shares


def test_samplers():
    data = Arrays(np.arange(10))
    listed = DataLoader(data, 2, sampler=[7, 7, 0])
    assert len(listed) == 2 and [x.tolist() for (x,) in listed] == [[7, 7], [0]] and not listed.shuffle
    assert [x.tolist() for (x,) in DataLoader(data, 2, sampler=[7, 7, 0], drop_last=True)] == [[7, 7]]

    weights = np.r_[np.zeros(5), np.ones(4), 4.0]
    loader = DataLoader(data, 4, sampler=WeightedSampler(weights, 4000), seed=1)
    first, second = (np.concatenate([x for (x,) in loader]) for _ in range(2))
    assert first.tolist() != second.tolist() and first.min() >= 5
    assert abs((first == 9).mean() - 0.5) < 0.05 and abs((second == 5).mean() - 0.125) < 0.035
    (once,) = DataLoader(data, 5, sampler=WeightedSampler(weights, 5, replacement=False))
    assert sorted(once[0].tolist()) == [5, 6, 7, 8, 9]
    for wrong, words in [
        ({"sampler": [10]}, "from 0 to 9"), ({"sampler": [-1]}, "from 0 to 9"), ({"sampler": [0.5]}, "from 0 to 9"),
        ({"sampler": iter([])}, "gives no number"),
    ]:
        with pytest.raises(DataError, match=words):
            iter(DataLoader(data, 2, **wrong))
    once = DataLoader(data, 2, sampler=iter([1, 2]))
    assert len(list(once)) == 1
    with pytest.raises(DataError, match="looped over anew"):
        iter(once)
    with pytest.raises(TypeError, match="not known"):
        len(once)
    with pytest.raises(InputError, match="sampler"):
        DataLoader(data, 2, shuffle=True, sampler=[0])
    for weights, size, replacement in [([-1, 1], 2, True), ([0, 0], 1, True), ([np.nan], 1, True), ([1, 0], 2, False),
                                       ([[1]], 1, True), ([1], 0, True), (["a"], 1, True)]:
        with pytest.raises(InputError, match="WeightedSampler"):
            WeightedSampler(weights, size, replacement)
    assert set(WeightedSampler([1e308, 1e308], 50)) == {0, 1}


@pytest.mark.parametrize("own", [None, 5])
def test_sampled_rounds_are_gone_on_with_exactly(own):
    def make():
        return DataLoader(Arrays(np.arange(10)), 3, sampler=WeightedSampler(np.arange(10)), seed=own)

    random.seed(8)
    loader, seen = make(), []
    for (x,) in loader:
        seen.append(x.tolist())
        if len(seen) == 2:
            state, generator = loader.state(), random.get_state()
    following = [x.tolist() for (x,) in loader]
    resumed = make()
    resumed.load_state(state)
    random.set_state(generator)
    assert [x.tolist() for (x,) in resumed] == seen[2:] and [x.tolist() for (x,) in resumed] == following
    for other in (DataLoader(Arrays(np.arange(10)), 3, False, seed=own), DataLoader(Arrays(np.arange(10)), 3, seed=own)):
        with pytest.raises(DataError, match="order"):
            other.load_state(state)


def test_shares_of_a_data_set():
    data = Arrays(np.arange(10))
    for shares in ((0.8, 0.2), ([0.8, 0.2],), ([8, 2],), (np.array([0.8, 0.2]),)):
        parts = random_split(data, *shares)
        assert [len(part) for part in parts] == [8, 2]
        assert sorted(np.concatenate([part.rows for part in parts]).tolist()) == list(range(10))
    assert [len(part) for part in random_split(data, 1 / 3, 1 / 3, 1 / 3)] == [4, 3, 3]
    assert [len(part) for part in random_split(Arrays(np.arange(100)), 0.29, 0.71)] == [29, 71]
    one, two = (random_split(data, 0.5, 0.5, seed=3)[0].rows.tolist() for _ in range(2))
    assert one == two
    for wrong in ((0.8, 0.3), (0.5, 0.4), (-0.5, 1.5), (0.5, 5), (float("nan"), 1.0)):
        with pytest.raises(InputError, match="random_split"):
            random_split(data, *wrong)


MODES = ["1", "L", "P", "PA", "LA", "La", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "I", "F", "I;16", "I;16B"]


@pytest.mark.parametrize("mode", MODES)
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
        with pytest.raises(DataError, match=r"(?s)no fixed range.*Fix: ToArray"):
            Convert("RGB")(image)
        return
    image = pillow_image(pillow, mode)
    if mode == "La":
        with pytest.raises(DataError, match="Convert"):
            ToArray()(image)
        assert Convert("RGB")(image).mode == "RGB"
        return
    expected = np.moveaxis(np.asarray(image.convert("RGB")), -1, 0)
    np.testing.assert_array_equal(ToArray(np.uint8)(Convert("RGB")(image)), expected)
    if mode not in ("L", "RGB", "RGBA", "RGBa"):
        with pytest.raises(DataError, match=r"Fix: put Convert\('RGB'\)"):
            ToArray()(image)


def test_shares():
    data = Arrays(np.arange(11))
    assert [len(part) for part in random_split(data, 0.8, 0.2)] == [9, 2]
    assert [len(part) for part in random_split(data, 0.1, 0.2, 0.7)] == [2, 2, 7]
    assert sorted(int(x) for part in random_split(data, 0.3, 0.7) for (x,) in part) == list(range(11))
    with pytest.raises(InputError, match="add up to 1"):
        random_split(data, 0.5, 0.2)


def pillow_image(pillow, mode):
    draws = np.random.default_rng(7)
    wide = {"I": (np.int32, -100, 100_000), "F": (np.float32, 0, 2), "I;16": (np.uint16, 0, 65536)}
    if mode in ("I;16B", *wide):
        dtype, low, high = wide[mode.removesuffix("B")]
        numbers = draws.uniform(low, high, (6, 9)).astype(dtype)
        return pillow.fromarray(numbers) if mode != "I;16B" else pillow.frombytes(mode, (9, 6), numbers.astype(">u2").tobytes())
    image = pillow.fromarray(draws.integers(0, 256, (6, 9, 4), np.uint8))
    way = {"La": ("RGB", "LA", "La"), "PA": ("RGB", "P", "PA"), "RGBa": ("RGBa",), "RGBA": ()}.get(mode, ("RGB", mode))
    for step in way:
        image = image.convert(step)
    return image


CHANGES = [CenterCrop(4), RandomCrop(4, pad=1), RandomHorizontalFlip(1), RandomVerticalFlip(1), RandomRotation(40), Pad(1),
           Resize((3, 4)), Resize((9, 12)), Resize((3, 4), "nearest")]


@pytest.mark.parametrize("mode", MODES)
def test_transforms_of_images_of_every_mode(mode):
    """An image of each mode comes out of each transform as its numbers would; or is refused."""
    pillow = pytest.importorskip("PIL.Image")
    image = pillow_image(pillow, mode)
    known = mode in ("L", "RGB", "RGBA", "RGBa", "I", "F", "I;16", "I;16B")
    for change in [*CHANGES, ToArray(), ToFloat(), AsType(np.float64), Flatten(), Compose([ToArray(), Normalize(1.0, 2.0)])]:
        if not known:
            with pytest.raises(DataError, match=r"Fix: put Convert\('RGB'\)"):
                change(image)
            continue
        numbers = np.asarray(image)
        numbers = numbers if numbers.ndim == 2 else np.moveaxis(numbers, -1, 0)
        random.seed(3)
        wanted = change(numbers[np.newaxis] if isinstance(change, Compose | ToArray) and numbers.ndim == 2 else numbers)
        random.seed(3)
        found = change(image)
        if change in CHANGES:
            assert found.mode == mode
            found = np.asarray(found) if numbers.ndim == 2 else np.moveaxis(np.asarray(found), -1, 0)
            if mode == "RGBA" and isinstance(change, Resize) and change.mode == "bilinear":
                np.testing.assert_array_equal(found[3], wanted[3])  # what shows; colours are weighed by it
                continue
        np.testing.assert_array_equal(found, wanted)


def test_what_is_transparent_lends_no_colour():
    pillow = pytest.importorskip("PIL.Image")
    points = np.array([[[200, 0, 0, 255], [0, 250, 0, 0]]], np.uint8)
    assert np.asarray(Resize(1)(pillow.fromarray(points))).tolist() == [[[199, 0, 0, 128]]]  # 200 * 128 / 255, and back


@pytest.mark.parametrize("mode", MODES)
def test_images_of_every_mode_in_every_other(mode):
    """As Pillow converts them, where it cuts nothing off; else the range is scaled or kept, or the image refused."""
    pillow = pytest.importorskip("PIL.Image")
    image = pillow_image(pillow, mode)
    numbers = np.asarray(image)
    for other in ("1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F", "I;16", "I;16B"):
        try:
            found = np.asarray(Convert(other)(image))
        except (DataError, InputError):
            continue
        if mode in ("I", "F", "I;16", "I;16B") and other in ("I", "F", "I;16", "I;16B"):
            np.testing.assert_array_equal(found, numbers.astype(found.dtype))
        elif mode in ("I", "F"):
            raise AssertionError(f"{mode} became {other}")
        elif mode in ("I;16", "I;16B"):
            grey = pillow.fromarray(np.rint(numbers / 257).astype(np.uint8))
            np.testing.assert_array_equal(found, np.asarray(grey.convert(other)))
        else:
            step = image.convert("LA") if mode == "La" else image
            np.testing.assert_array_equal(found, np.asarray(step.convert(other)))


def test_folders_of_pictures_that_keep_their_numbers(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    (tmp_path / "cat").mkdir()
    numbers = np.array([[0.25, 1.5]], np.float32)
    pillow.fromarray(numbers).save(tmp_path / "cat" / "a.tiff")
    with pytest.raises(DataError, match="mode=None") as error:
        ImageFolder(tmp_path)[0]
    assert "a.tiff" in error.value.__notes__[0]
    np.testing.assert_array_equal(ImageFolder(tmp_path, ToArray(), mode=None)[0][0], numbers[np.newaxis])
    with pytest.raises(DtypeError, match="cut off the fractions"):
        ImageFolder(tmp_path, mode=None)[0]
    (tmp_path / "cat" / "a.tiff").unlink()
    (tmp_path / "cat" / "b.pgm").write_bytes(b"P5 2 1 65535\n" + np.array([0, 65535], ">u2").tobytes())
    assert ImageFolder(tmp_path)[0][0].tolist() == [[[0, 255]]] * 3


def test_numbers_that_a_dtype_cannot_hold():
    for x in (np.array([70000]), np.array([1.0, -1e5]), np.array([np.nan, 1e5])):
        with pytest.raises(InputError, match="float16 cannot hold"):
            AsType(np.float16)(x)
    assert AsType(np.float16)(np.array([np.inf, np.nan, 65504])).tolist()[2] == 65504
    with pytest.raises(DtypeError, match="complex"):
        ToFloat()(np.array([1 + 2j]))
