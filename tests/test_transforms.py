"""Transforms of examples: values, dtypes, images of Pillow's, chance."""

import pickle
from typing import Any

import numpy as np
import pytest

from wengert import random
from wengert.data import DataLoader, Dataset
from wengert.data.transforms import (
    AsType,
    CenterCrop,
    Compose,
    Convert,
    Flatten,
    Lambda,
    Normalize,
    Pad,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
    ToArray,
    ToFloat,
    ToInt,
    ToPIL,
)
from wengert.errors import DataError, DtypeError, InputError, ShapeError

COLOURED = np.random.default_rng(0).integers(0, 256, (3, 17, 23), np.uint8)
EVERY = [
    AsType(np.float64),
    CenterCrop(5),
    Flatten(),
    Normalize(1.0, 2.0),
    Pad(2),
    RandomCrop(4, pad=1),
    RandomHorizontalFlip(),
    RandomRotation(30),
    RandomVerticalFlip(),
    Resize((6, 9)),
    ToArray(),
    ToFloat(),
    ToInt(),
    Compose([Flatten(), Lambda(np.sqrt)]),
]


@pytest.fixture
def pillow() -> Any:
    return pytest.importorskip("PIL.Image")


@pytest.mark.parametrize("transform", EVERY, ids=lambda each: type(each).__name__)
def test_every_transform(transform: Any) -> None:
    x = np.random.default_rng(1).uniform(0, 100, (2, 10, 12)).astype(np.float32)
    before = x.copy()
    random.seed(5)
    result = transform(x)
    random.seed(5)
    again = transform(x)
    np.testing.assert_array_equal(result, again)
    np.testing.assert_array_equal(x, before)
    if not isinstance(transform, AsType):
        assert result.dtype == np.float32
    assert pickle.loads(pickle.dumps(transform)) == transform
    assert type(transform).__name__ in repr(transform)
    if type(transform).__name__[:6] not in ("AsType", "ToArra", "ToFloa", "ToInt", "Normal", "Flatte", "Compos"):
        with pytest.raises(ShapeError, match="rows and columns"):
            for _ in range(50):  # chance may leave it as it is
                transform(np.zeros(3))


def test_as_type() -> None:
    assert AsType(np.uint8)(np.array([0.0, 255.9])).tolist() == [0, 255]
    assert ToInt()([1, 2]).dtype == np.int64 and ToFloat()(COLOURED).dtype == np.float32
    assert AsType(np.uint8)(np.zeros(0)).shape == (0,)
    for dtype, x in [
        (np.uint8, np.array([256.0])),
        (np.uint8, np.array([-1])),
        (np.int8, COLOURED),
        (np.int64, np.array([np.nan])),
        (np.int64, np.array([1.0, np.inf])),
        (np.int64, np.array([2.0**63])),
        (np.uint8, np.array([1, 300])),
    ]:
        with pytest.raises(InputError, match="cannot hold"):
            AsType(dtype)(x)
    with pytest.raises(InputError, match="ToInt: int64 cannot hold numbers from nan to nan"):
        ToInt()(np.float64("nan"))


def test_normalize() -> None:
    x = np.random.default_rng(2).random((3, 4, 5))
    mean, std = [0.1, 0.2, 0.3], (1.0, 2.0, 4.0)
    expected = np.stack([(x[i] - mean[i]) / std[i] for i in range(3)])
    np.testing.assert_allclose(Normalize(mean, std)(x), expected, rtol=1e-15)
    np.testing.assert_allclose(Normalize([0.1], np.float64(2))(x), (x - 0.1) / 2, rtol=1e-15)
    assert Normalize(mean, 3)(x.astype(np.float32)).dtype == np.float32
    assert Normalize(mean, std)(x[:, 0, 0]).shape == (3,)
    with pytest.raises(DtypeError, match="ToFloat"):
        Normalize()(COLOURED)
    with pytest.raises(ShapeError, match="2 numbers for the first axis"):
        Normalize([1, 2])(x)
    for setting in ({"std": 0}, {"std": [1, -1]}, {"std": np.nan}, {"mean": "a"}, {"mean": [[1.0]]}, {"mean": np.inf}):
        with pytest.raises(InputError, match="Normalize"):
            Normalize(**setting)


def test_the_books_pipeline() -> None:
    x = np.arange(4, dtype=np.uint8).reshape(1, 2, 2) * 51
    result = Compose([Flatten(), ToFloat(), Normalize(0.0, 255.0)])(x)
    assert result.dtype == np.float32 and result.tolist() == pytest.approx([0.0, 0.2, 0.4, 0.6])
    assert Compose()(3) == 3


@pytest.mark.parametrize("size", [(5, 7), (17, 23), (40, 30), 1, (3, 60)])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_resize_is_pillows(pillow: Any, size: Any, mode: str) -> None:
    image = pillow.fromarray(np.moveaxis(COLOURED, 0, -1))
    rows, columns = size if isinstance(size, tuple) else (size, size)
    expected = np.asarray(image.resize((columns, rows), getattr(pillow.Resampling, mode.upper())))
    result = Resize(size, mode)(COLOURED)
    assert result.dtype == np.uint8 and result.shape == (3, rows, columns)
    difference = np.abs(np.moveaxis(result, 0, -1).astype(int) - expected)
    assert difference.max() <= (1 if mode == "bilinear" else 0)  # Pillow rounds between the two directions
    np.testing.assert_array_equal(np.asarray(Resize(size, mode)(image)), np.moveaxis(result, 0, -1))


def test_resize_floats() -> None:
    x = np.random.default_rng(3).random((2, 6, 8))
    np.testing.assert_allclose(Resize((6, 8))(x), x, rtol=1e-14)
    np.testing.assert_allclose(Resize((3, 2))(np.ones((6, 8))), 1, rtol=1e-14)
    assert Resize(3)(x.astype(np.float32)).dtype == np.float32
    for wrong in (0, -1, 1.5, (1, 2, 3), True, 10**9):
        with pytest.raises(InputError, match="Resize"):
            Resize(wrong)
    with pytest.raises(InputError, match="mode"):
        Resize(2, "cubic")
    with pytest.raises(ShapeError, match="nothing"):
        Resize(2)(np.zeros((0, 3)))


def test_crops() -> None:
    x = np.arange(30).reshape(5, 6)
    assert CenterCrop((3, 2))(x).tolist() == [[8, 9], [14, 15], [20, 21]]
    np.testing.assert_array_equal(CenterCrop((5, 6))(x), x)
    places = set()
    for _ in range(300):
        part = RandomCrop((4, 5))(x)
        places.add(int(part[0, 0]))
        np.testing.assert_array_equal(part, x[part[0, 0] // 6 :, part[0, 0] % 6 :][:4, :5])
    assert places == {0, 1, 6, 7}
    assert RandomCrop(7, pad=1, fill=-1)(x[:, :5]).tolist() == Pad(1, -1)(x[:, :5]).tolist()
    for transform in (CenterCrop(6), RandomCrop((5, 7))):
        with pytest.raises(ShapeError, match="out of a picture of 5 by 6"):
            transform(x)
    with pytest.raises(InputError):
        RandomCrop(2, pad=-1)


def test_pad() -> None:
    assert Pad((1, 0), fill=2.5)(np.ones((1, 2))).tolist() == [[2.5, 2.5], [1, 1], [2.5, 2.5]]
    assert Pad(1)(COLOURED).shape == (3, 19, 25) and Pad(0)(COLOURED).dtype == np.uint8
    with pytest.raises(InputError, match="cannot hold"):
        Pad(1, fill=300)(COLOURED)
    with pytest.raises(InputError, match="Pad"):
        Pad(-1)


@pytest.mark.parametrize(("kind", "axis"), [(RandomHorizontalFlip, -1), (RandomVerticalFlip, -2)])
def test_flips(kind: Any, axis: int) -> None:
    np.testing.assert_array_equal(kind(1)(COLOURED), np.flip(COLOURED, axis))
    np.testing.assert_array_equal(kind(0)(COLOURED), COLOURED)
    flipped = sum(bool((kind()(COLOURED) != COLOURED).any()) for _ in range(400))
    assert 150 < flipped < 250  # five standard deviations
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="probability"):
            kind(wrong)


def test_rotation(monkeypatch: pytest.MonkeyPatch) -> None:
    class Quarter:
        def uniform(self, low: float, high: float) -> float:
            assert (low, high) == (-90, 90)
            return 90.0

    np.testing.assert_array_equal(RandomRotation(0)(COLOURED), COLOURED)
    with monkeypatch.context() as patch:
        patch.setattr(random, "generator", Quarter)
        square = COLOURED[:, :17, :17]
        turned = RandomRotation(90)(square)
        assert any(np.array_equal(turned, np.rot90(square, turns, (1, 2))) for turns in (1, 3))
        wide = RandomRotation(90, fill=9)(COLOURED)
    assert (wide[:, :, :3] == 9).all() and (wide[:, :, -3:] == 9).all() and wide.dtype == np.uint8
    assert len({RandomRotation(45)(COLOURED).tobytes() for _ in range(5)}) > 1
    for wrong in (-1, float("inf"), float("nan")):
        with pytest.raises(InputError, match="degrees"):
            RandomRotation(wrong)


def test_images_of_pillows(pillow: Any) -> None:
    image = pillow.fromarray(np.moveaxis(COLOURED, 0, -1))
    np.testing.assert_array_equal(ToArray(np.uint8)(image), COLOURED)
    assert ToArray()(image).dtype == np.float32
    assert ToArray()(Convert("L")(image)).shape == (1, 17, 23)
    np.testing.assert_array_equal(ToArray(np.uint8)(ToPIL()(COLOURED)), COLOURED)
    assert ToPIL()(COLOURED[:1]).mode == ToPIL()(COLOURED[0]).mode == "L"
    np.testing.assert_array_equal(ToArray(np.uint8)(Convert("BGR")(image)), COLOURED[::-1])
    for transform in (CenterCrop(5), Pad(1), Resize(4), RandomHorizontalFlip(1), RandomCrop(17)):
        random.seed(0)
        changed = transform(image)
        assert changed.mode == "RGB"
        random.seed(0)
        np.testing.assert_array_equal(ToArray(np.uint8)(changed), transform(COLOURED))
    with pytest.raises(DataError, match="mode 'P'"):
        ToArray()(image.convert("P"))
    with pytest.raises(DtypeError, match="AsType"):
        ToPIL()(np.zeros((3, 2, 2)))
    with pytest.raises(ShapeError):
        ToPIL()(np.zeros((2, 2, 2), np.uint8))
    with pytest.raises(DtypeError, match="Convert"):
        Convert()(COLOURED)


def test_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(DataError, match="pip install pillow"):
        ToPIL()(COLOURED)


class Augmented(Dataset):
    def prepare(self) -> None:
        self.data = np.arange(6 * 64).reshape(6, 8, 8)
        self.label = np.arange(6)


def test_a_resumed_run_repeats_chance() -> None:
    dataset = Augmented(transform=Compose([RandomCrop(5), RandomHorizontalFlip()]))
    runs = []
    for workers in (0, 2):
        random.seed(3)
        loader = DataLoader(dataset, 2, workers=workers)
        runs.append([x.tolist() for _ in range(2) for x, _ in loader])
    assert runs[0] == runs[1] and runs[0][:3] != runs[0][3:]
