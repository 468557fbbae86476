"""What is done to an example when it is asked for: pictures turned into arrays, cut, scaled, turned over by chance.

A picture is an array whose last two axes are its rows and columns, such as (28, 28) or (3, 32, 32), or an image of
Pillow's, which stays one. Chance is drawn from Wengert's generator, so a run that is resumed repeats it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wengert import random
from wengert.errors import DataError, DtypeError, InputError, ShapeError, describe

__all__ = [
    "AsType",
    "CenterCrop",
    "Compose",
    "Convert",
    "Flatten",
    "Lambda",
    "Normalize",
    "Pad",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "ToArray",
    "ToFloat",
    "ToInt",
    "ToPIL",
    "converted",
]

Size = int | tuple[int, int]


@dataclass(frozen=True)
class Compose:
    """One transform after the other.

    Example:
        >>> Compose([Flatten(), ToFloat(), Normalize(0.0, 255.0)])(np.full((1, 1, 2), 51, np.uint8))
        array([0.2, 0.2], dtype=float32)
    """

    transforms: Sequence[Callable[[Any], Any]] = ()

    def __call__(self, x: Any) -> Any:
        for transform in self.transforms:
            x = transform(x)
        return x


@dataclass(frozen=True)
class Lambda:
    """Any function.  One with a name at the top of a module can be sent to worker processes; a ``lambda`` cannot.

    Example:
        >>> Lambda(np.sqrt)(9.0)
        np.float64(3.0)
    """

    function: Callable[[Any], Any]

    def __call__(self, x: Any) -> Any:
        return self.function(x)


# Kinds and shapes of arrays


@dataclass(frozen=True)
class AsType:
    """The numbers as another dtype; they must be among those it can hold, but fractions are cut off.

    Raises:
        InputError: the dtype cannot hold one of the numbers: 300 in uint8, 70000 in float16.
        DtypeError: they are complex, and the dtype is not.

    Example:
        >>> AsType(np.int64)(np.array([1.0, 2.9]))
        array([1, 2])
    """

    dtype: Any = np.float32

    def __call__(self, x: Any) -> Any:
        x, dtype = _array(x), np.dtype(self.dtype)
        if x.dtype.kind == "c" and dtype.kind != "c":
            who = type(self).__name__
            raise DtypeError(f"{who}: {dtype} cannot hold complex numbers.\n    Fix: x.real, or abs(x).")
        if dtype.kind == "f" and x.dtype.kind in "fiu" and x.size and not np.can_cast(x.dtype, dtype):
            _check_finite(type(self).__name__, x, dtype)
        if dtype.kind in "iu" and x.dtype.kind in "fiu" and x.size and not np.can_cast(x.dtype, dtype):
            low, high = x.min(), x.max()  # a NaN is both
            bounds = np.iinfo(dtype)
            # In whole numbers: the highest of 64 bits is no float, and would be rounded up.
            if not (np.isfinite(low) and np.isfinite(high)) or int(low) < bounds.min or int(high) > bounds.max:
                raise InputError(f"{type(self).__name__}: {dtype} cannot hold numbers from {low} to {high}.")
        return x.astype(dtype)


@dataclass(frozen=True)
class ToFloat(AsType):
    """The numbers as float32.

    Example:
        >>> ToFloat()(np.array([1, 2])).dtype
        dtype('float32')
    """


@dataclass(frozen=True)
class ToInt(AsType):
    """The numbers as int64.

    Example:
        >>> ToInt()(np.array([1.5, 2]))
        array([1, 2])
    """

    dtype: Any = np.int64


@dataclass(frozen=True)
class Flatten:
    """All in one row.

    Example:
        >>> Flatten()(np.zeros((1, 28, 28))).shape
        (784,)
    """

    def __call__(self, x: Any) -> Any:
        return _array(x).reshape(-1)


@dataclass(frozen=True)
class Normalize:
    """(x - mean) / std, in x's own dtype.

    Args:
        mean, std: A number each, or a number for each entry of x's first axis: for each colour, that is.

    Raises:
        InputError: ``std`` is zero or less, or something is not finite.
        DtypeError: x is of integers.
        ShapeError: x's first axis is of another length.

    Example:
        >>> Normalize(mean=[1.0, 2.0], std=2.0)(np.ones((2, 1, 2)))
        array([[[ 0. ,  0. ]],
               [[-0.5, -0.5]]])
    """

    mean: Any = 0.0
    std: Any = 1.0

    def __post_init__(self) -> None:
        for name, value in (("mean", np.asarray(self.mean)), ("std", np.asarray(self.std))):
            if value.dtype.kind not in "iuf" or value.ndim > 1 or not np.isfinite(value).all():
                raise InputError(f"Normalize: {name} is a finite number, or a row of them, and this is {value}.")
        if (np.asarray(self.std) <= 0).any():
            raise InputError(f"Normalize: std is above 0, and this is {self.std}.")

    def __call__(self, x: Any) -> Any:
        x = _array(x)
        if x.dtype.kind != "f":
            raise DtypeError(f"Normalize takes floating-point numbers, not {describe(x)}.\n    Fix: ToFloat().")
        return (x - self._along(self.mean, x)) / self._along(self.std, x)

    def _along(self, values: Any, x: Any) -> Any:
        values = np.asarray(values, x.dtype)
        if not values.ndim:
            return values
        if not x.ndim or len(values) not in (1, len(x)):
            raise ShapeError(f"Normalize: {len(values)} numbers for the first axis of {describe(x)}.")
        return values.reshape(-1, *[1] * (x.ndim - 1))


# Pictures of Pillow's


@dataclass(frozen=True)
class Convert:
    """An image of Pillow's in another mode: ``"RGB"``, ``"L"`` for grey; ``"BGR"`` is RGB with red and blue exchanged.

    Numbers of 16 bits, 0 to 65535, are scaled to 0 to 255 where the mode has 8 bits; the modes of 16 bits and more,
    ``"I;16"``, ``"I"`` and ``"F"``, take each other's numbers as they are.

    Raises:
        DataError: an image of 32 bits or floating point, which has no range, is to be one of 8 bits; or Pillow cannot
            convert the one mode to the other.
        InputError: ``"I;16"`` cannot hold the numbers.

    Example:
        >>> Convert("RGB")(image).mode  # doctest: +SKIP
        'RGB'
    """

    mode: str = "RGB"

    def __call__(self, image: Any) -> Any:
        if not _is_image(image):
            raise DtypeError(f"Convert takes an image of Pillow's, and was given {describe(image)}.")
        if self.mode != "BGR":
            return converted(image, self.mode)
        return _image(_pixels(converted(image, "RGB"))[::-1])


@dataclass(frozen=True)
class ToArray:
    """An image of Pillow's as an array (channels, rows, columns), its numbers as they are; arrays stay.

    That is 0 to 255, or 0 to 65535 of an image of 16 bits; those of 32 bits and floating point have no range.

    Raises:
        DataError: the image is of a mode whose numbers are something else: ``"P"``, ``"1"``, ``"CMYK"`` and others.
        InputError: the dtype cannot hold the numbers.
        DtypeError: a dtype of whole numbers would cut the fractions off an image of floating point.

    Example:
        >>> ToArray()(np.zeros((2, 2), np.uint8)).dtype
        dtype('float32')
    """

    dtype: Any = np.float32

    def __call__(self, image: Any) -> Any:
        if _is_image(image):
            image = _pixels(image)
            if image.dtype.kind == "f" and np.dtype(self.dtype).kind != "f":
                raise DtypeError(
                    f"ToArray: {np.dtype(self.dtype)} would cut off the fractions of an image of floating point.\n"
                    "    Fix: ToArray(), of float32; then scale it."
                )
            if image.ndim == 2:
                image = image[np.newaxis]
        return AsType(self.dtype)(image)


@dataclass(frozen=True)
class ToPIL:
    """An array of uint8, (rows, columns), (1, rows, columns) or (3, rows, columns), as an image of Pillow's.

    Raises:
        DtypeError: it is of another dtype.
        ShapeError: it is of another shape.
        DataError: Pillow is not installed.

    Example:
        >>> ToPIL()(np.zeros((3, 4, 5), np.uint8)).size  # doctest: +SKIP
        (5, 4)
    """

    def __call__(self, x: Any) -> Any:
        x = np.asarray(x)
        if x.dtype != np.uint8:
            raise DtypeError(
                f"ToPIL takes numbers from 0 to 255, not {describe(x)}.\n"
                "    Fix: AsType('uint8'), and before it 255 times what goes from 0 to 1."
            )
        if not (x.ndim == 2 or (x.ndim == 3 and x.shape[0] in (1, 3, 4))):
            raise ShapeError(f"ToPIL takes (rows, columns) or (1, 3 or 4, rows, columns), and was given {x.shape}.")
        return _image(x[0] if x.ndim == 3 and len(x) == 1 else x)


# Geometry: all of it on the last two axes


@dataclass(frozen=True)
class Resize:
    """The picture at another size.

    Every point of the result is a mean of the points around its place, weighted by a triangle as wide as the picture is
    made smaller, so that nothing is skipped; ``mode="nearest"`` takes the nearest point instead.

    Args:
        size: (rows, columns), or a number for both, as in the book.
        mode: ``"bilinear"`` or ``"nearest"``.

    Raises:
        InputError: ``size`` or ``mode`` is none of these.

    Example:
        >>> Resize(2)(np.arange(16.0).reshape(4, 4))
        array([[ 3.57142857,  5.14285714],
               [ 9.85714286, 11.42857143]])
    """

    size: Size
    mode: str = "bilinear"

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", _pair("Resize", self.size))
        if self.mode not in ("bilinear", "nearest"):
            raise InputError(f"Resize: mode is 'bilinear' or 'nearest', and this is {self.mode!r}.")

    def __call__(self, x: Any) -> Any:
        if _is_image(x) and x.mode == "RGBA" and self.mode == "bilinear":
            # As Pillow does it: what is transparent lends its neighbours no colour.
            return _on_pixels(x.convert("RGBa"), self._resized).convert("RGBA")
        return _on_pixels(x, self._resized)

    def _resized(self, x: Any) -> Any:
        rows, columns = self.size  # type: ignore[misc]
        if not x.shape[-2] or not x.shape[-1]:
            raise ShapeError(f"Resize: there is nothing in a picture of {describe(x)}.")
        if self.mode == "nearest":
            places = [((np.arange(n) + 0.5) * old / n).astype(int) for n, old in zip((rows, columns), x.shape[-2:])]
            return x[..., places[0][:, np.newaxis], places[1]]
        kind = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
        result = _triangles(x.shape[-2], rows).astype(kind) @ x @ _triangles(x.shape[-1], columns).astype(kind).T
        return result if x.dtype.kind == "f" else np.rint(result).astype(x.dtype)  # means stay within the bounds


@dataclass(frozen=True)
class CenterCrop:
    """The middle of the picture.

    Args:
        size: (rows, columns), or a number for both.

    Raises:
        ShapeError: the picture is smaller.

    Example:
        >>> CenterCrop(2)(np.arange(16).reshape(4, 4))
        array([[ 5,  6],
               [ 9, 10]])
    """

    size: Size

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", _pair("CenterCrop", self.size))

    def __call__(self, x: Any) -> Any:
        def middle(x: Any) -> Any:
            down, right = _room("CenterCrop", x, self.size)
            return _cut(x, down // 2, right // 2, self.size)

        return _on_pixels(x, middle)


@dataclass(frozen=True)
class RandomCrop:
    """A part of the picture, anywhere in it.

    Args:
        size: (rows, columns), or a number for both.
        pad: Points added around the picture first [0, ...].
        fill: What these are.

    Raises:
        ShapeError: the picture is smaller.

    Example:
        >>> RandomCrop(2)(np.arange(16).reshape(4, 4)).shape
        (2, 2)
    """

    size: Size
    pad: int = 0
    fill: float = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", _pair("RandomCrop", self.size))
        Pad(self.pad)

    def __call__(self, x: Any) -> Any:
        def part(x: Any) -> Any:
            x = _padded(x, self.pad, self.fill) if self.pad else x
            down, right = _room("RandomCrop", x, self.size)
            draws = random.generator()
            return _cut(x, int(draws.integers(down + 1)), int(draws.integers(right + 1)), self.size)

        return _on_pixels(x, part)


@dataclass(frozen=True)
class RandomHorizontalFlip:
    """The picture, or what a mirror shows of it: left is right.

    Args:
        probability: Of the mirror [0, 1].

    Example:
        >>> RandomHorizontalFlip(probability=1)(np.array([[1, 2, 3]]))
        array([[3, 2, 1]])
    """

    probability: float = 0.5
    _axis: int = field(default=-1, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise InputError(f"{type(self).__name__}: a probability is from 0 to 1, and this is {self.probability}.")

    def __call__(self, x: Any) -> Any:
        flip = random.generator().random() < self.probability
        return _on_pixels(x, lambda x: np.flip(x, self._axis)) if flip else x


@dataclass(frozen=True)
class RandomVerticalFlip(RandomHorizontalFlip):
    """The picture, or the picture upside down, as water shows it.

    Example:
        >>> RandomVerticalFlip(probability=1)(np.array([[1], [2]]))
        array([[2],
               [1]])
    """

    _axis: int = field(default=-2, init=False, repr=False)


@dataclass(frozen=True)
class RandomRotation:
    """The picture turned about its middle, by the nearest points; what comes in from outside is filled.

    Args:
        degrees: By how much at most, to either side [0, ...].
        fill: What is outside.

    Example:
        >>> RandomRotation(10)(np.ones((3, 8, 8))).shape
        (3, 8, 8)
    """

    degrees: float
    fill: float = 0

    def __post_init__(self) -> None:
        if not 0 <= self.degrees < math.inf:
            raise InputError(f"RandomRotation: degrees are a number from 0 on, and this is {self.degrees}.")

    def __call__(self, x: Any) -> Any:
        angle = math.radians(random.generator().uniform(-self.degrees, self.degrees))
        return _on_pixels(x, lambda x: _rotated(x, angle, self.fill))


@dataclass(frozen=True)
class Pad:
    """The picture with a border.

    Args:
        amount: The points on every side, or (above and below, left and right) [0, ...].
        fill: What the border is.

    Example:
        >>> Pad((0, 1), fill=7)(np.array([[1, 2]]))
        array([[7, 1, 2, 7]])
    """

    amount: Size
    fill: float = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", _pair("Pad", self.amount, low=0))

    def __call__(self, x: Any) -> Any:
        return _on_pixels(x, lambda x: _padded(x, self.amount, self.fill))


def _pair(who: str, size: Any, low: int = 1) -> tuple[int, int]:
    pair = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(pair) != 2 or any(
        isinstance(n, bool) or not isinstance(n, int | np.integer) or not low <= n <= 2**16 for n in pair
    ):
        raise InputError(f"{who}: a number of points from {low} to {2**16}, or two of them, and this is {size!r}.")
    return int(pair[0]), int(pair[1])


def _is_image(x: Any) -> bool:
    return hasattr(x, "getbands") and hasattr(x, "convert")  # Pillow's, without importing it


_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N")
_WIDE = {"I": "int32", "F": "float32"} | dict.fromkeys(_SIXTEEN_BITS, "uint16")  # numbers beyond 0 to 255
_LIGHT = ("L", "RGB", "RGBA", "RGBa", *_WIDE)  # the modes whose numbers are amounts of light, with what shows of them


def converted(image: Any, mode: str) -> Any:
    """An image of Pillow's in another mode, 16 bits scaled to 8 where the mode has 8: Pillow cuts off at 255.

    Raises:
        DataError: the image is of 32 bits or floating point, which have no range that it could be scaled from; or
            Pillow cannot convert the one mode to the other.
        InputError: a mode of more bits cannot hold the numbers.

    Example:
        >>> converted(image, "RGB").mode  # doctest: +SKIP
        'RGB'
    """
    if image.mode == mode:
        return image.convert(mode)  # reads the file, where it has not been read
    if image.mode in _WIDE:
        # Grey of 16 bits from these files is read as 32 bits by some versions of Pillow.
        sixteen = image.mode in _SIXTEEN_BITS or (image.mode == "I" and image.format in ("PNG", "PPM"))
        numbers = np.asarray(image)
        if mode in _WIDE:
            return _image(AsType(_WIDE[mode])(numbers), mode)
        if not sixteen:
            raise DataError(
                f"an image of Pillow's mode {image.mode!r} holds numbers of no fixed range, and {mode!r} those from "
                "0 to 255.\n    Fix: ToArray(), which keeps the numbers, and scale them as the picture wants it; "
                "ImageFolder with mode=None leaves the images as they are."
            )
        image = _image(np.rint(numbers / 257).astype(np.uint8))
    try:
        return (image.convert("LA") if image.mode == "La" else image).convert(mode)
    except ValueError as error:
        raise DataError(f"Pillow cannot make {mode!r} of an image of mode {image.mode!r}: {error}.") from error


def _pixels(image: Any) -> Any:
    """The points of an image of Pillow's: (rows, columns), or (channels, rows, columns)."""
    if image.mode not in _LIGHT:
        raise DataError(
            f"the numbers in an image of Pillow's mode {image.mode!r} are no amounts of red, green and blue, or grey.\n"
            "    Fix: put Convert('RGB') before it."
        )
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def _array(x: Any) -> Any:
    """The array, or the points of an image."""
    return _pixels(x) if _is_image(x) else np.asarray(x)


def _check_finite(who: str, x: Any, dtype: np.dtype) -> None:
    most = np.finfo(dtype).max
    low, high = (x.min(), x.max()) if x.dtype.kind != "f" else (np.nanmin(x, initial=0), np.nanmax(x, initial=0))
    if any(np.isfinite(each) and abs(float(each)) > float(most) for each in (low, high)):
        raise InputError(f"{who}: {dtype} cannot hold numbers from {low} to {high}.")


def _image(pixels: Any, mode: str | None = None) -> Any:
    """An image of Pillow's of these points; of the mode, or of that which their shape and dtype suggest."""
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError("ToPIL: images are Pillow's.\n    Fix: pip install pillow.") from error
    pixels = np.ascontiguousarray(pixels if pixels.ndim == 2 else np.moveaxis(pixels, 0, -1))
    if mode is None:
        return Image.fromarray(pixels)
    if mode in _SIXTEEN_BITS:
        pixels = pixels.astype(">u2" if mode == "I;16B" else "=u2" if mode == "I;16N" else "<u2")
    return Image.frombytes(mode, pixels.shape[1::-1], pixels.tobytes())


def _on_pixels(x: Any, change: Callable[[Any], Any]) -> Any:
    """The change made to the array; or to the points of an image, and an image again."""
    if _is_image(x):
        return _image(change(_pixels(x)), x.mode)
    x = np.asarray(x)
    if x.ndim < 2:
        raise ShapeError(f"a picture has rows and columns, and this is {describe(x)}.")
    return np.ascontiguousarray(change(x))


def _room(who: str, x: Any, size: Any) -> tuple[int, int]:
    down, right = x.shape[-2] - size[0], x.shape[-1] - size[1]
    if down < 0 or right < 0:
        raise ShapeError(f"{who}: {size[0]} by {size[1]} points out of a picture of {x.shape[-2]} by {x.shape[-1]}.")
    return down, right


def _cut(x: Any, top: int, left: int, size: Any) -> Any:
    return x[..., top : top + size[0], left : left + size[1]]


def _padded(x: Any, amount: Any, fill: float) -> Any:
    down, right = amount if isinstance(amount, tuple) else (amount, amount)
    widths = [(0, 0)] * (x.ndim - 2) + [(down, down), (right, right)]
    return np.pad(x, widths, constant_values=AsType(x.dtype)(fill))


def _rotated(x: Any, angle: float, fill: float) -> Any:
    rows, columns = x.shape[-2:]
    down, right = np.indices((rows, columns)) - np.array([rows - 1, columns - 1]).reshape(2, 1, 1) / 2
    sine, cosine = math.sin(angle), math.cos(angle)
    # Where each point of the result comes from.
    row = np.rint(cosine * down + sine * right + (rows - 1) / 2).astype(int)
    column = np.rint(cosine * right - sine * down + (columns - 1) / 2).astype(int)
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    return np.where(inside, x[..., row.clip(0, rows - 1), column.clip(0, columns - 1)], AsType(x.dtype)(fill))


def _triangles(old: int, new: int) -> Any:
    """(new, old): the weights of the old points in each of the new ones."""
    scale = old / new
    centers = (np.arange(new) + 0.5) * scale - 0.5
    weights = np.maximum(0, 1 - np.abs(np.arange(old) - centers[:, np.newaxis]) / max(scale, 1))
    return weights / weights.sum(axis=1, keepdims=True)
