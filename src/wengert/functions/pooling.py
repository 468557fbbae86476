"""Pooling, which makes of every window one number, and resizing: fewer entries, or more.

A window slides as in convolution.py.  Average pooling is a sum of windows, whose transpose is its derivative;
max pooling finds the first largest entry, and sends the gradient there.
"""

from collections.abc import Callable
from functools import lru_cache
from math import floor, prod
from typing import Any

import numpy as np  # for counts and places, which are plain numbers whichever library the entries belong to

from wengert.backends import namespace_of
from wengert.core.operation import operation
from wengert.core.real import real_numbers, real_valued
from wengert.core.recorded import Recorded
from wengert.errors import InputError, ShapeError, message
from wengert.functions.arithmetic import power
from wengert.functions.comparison import greater
from wengert.functions.convolution import Window, check_spatial, sliding, whole
from wengert.functions.creation import astype
from wengert.functions.elementwise import where
from wengert.functions.indexing import get_item
from wengert.functions.kinks import corner
from wengert.functions.linalg import tensordot
from wengert.functions.reduction import mean
from wengert.functions.shape import as_batch, itself, moveaxis, permute_dims, reshape, squeeze, stack, stands_alone

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "interpolate",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_windows",
    "pick_maxima",
    "pixel_shuffle",
    "pixel_unshuffle",
    "place_maxima",
    "spread_windows",
    "sum_windows",
    "upsample",
]


# Sums and maxima of windows


@operation(real="or complex")
def sum_windows(xp, x, *, window):
    """The sum of every window, in any number of axes: what `avg_pool2d` is made of.

    Shapes: x (batch, channels, *window.size) -> (batch, channels, *window.out)

    Example:
        >>> import numpy as np
        >>> window = Window(size=(3,), kernel=(2,), stride=(1,), dilation=(1,), before=(0,), out=(2,))
        >>> sum_windows(np.array([[[1.0, 2.0, 3.0]]]), window=window)
        variable([[[3. 5.]]])
    """
    return xp.sum_windows(x, window=window)


@sum_windows.derivative("x")
def _(xp, g, window):
    return xp.spread_windows(g, window=window)


@operation(real="or complex")
def spread_windows(xp, y, *, window):
    """For every entry the sum of ``y`` over the windows it is in: the derivative of `sum_windows`.

    Shapes: y (batch, channels, *window.out) -> (batch, channels, *window.size)

    Example:
        >>> import numpy as np
        >>> window = Window(size=(3,), kernel=(2,), stride=(1,), dilation=(1,), before=(0,), out=(2,))
        >>> spread_windows(np.ones((1, 1, 2)), window=window)
        variable([[[1. 2. 1.]]])
    """
    return xp.spread_windows(y, window=window)


@spread_windows.derivative("y")
def _(xp, g, window):
    return xp.sum_windows(g, window=window)


@operation
def max_windows(xp, x, *, window):
    """The largest entry of every window, in any number of axes: what `max_pool2d` is made of.

    Shapes: x (batch, channels, *window.size) -> (batch, channels, *window.out)

    Example:
        >>> import numpy as np
        >>> window = Window(size=(3,), kernel=(2,), stride=(1,), dilation=(1,), before=(0,), out=(2,))
        >>> max_windows(np.array([[[1.0, 2.0, 3.0]]]), window=window)
        variable([[[2. 3.]]])
    """
    return xp.max_windows(real_numbers("max_windows", x), window=window)


@max_windows.derivative("x")
def _(xp, g, x, out, window):
    return xp.place_maxima(g, x, out, window=window)


@operation
def place_maxima(xp, y, x, largest, /, *, window):
    """``y`` where the first largest entry of each window of ``x`` is, zeros elsewhere: `max_windows`' derivative.

    Shapes: y and largest (batch, channels, *window.out), x (batch, channels, *window.size) -> that of x;
        largest is what `max_windows` gave

    Example:
        >>> import numpy as np
        >>> window = Window(size=(3,), kernel=(2,), stride=(1,), dilation=(1,), before=(0,), out=(2,))
        >>> x = np.array([[[1.0, 3.0, 2.0]]])
        >>> place_maxima(np.ones((1, 1, 2)), x, max_windows(x, window=window), window=window)
        variable([[[0. 2. 0.]]])
    """
    return xp.place_maxima(y, x, largest, window=window)


@place_maxima.derivative("y")
def _(xp, g, x, largest, window):
    return xp.pick_maxima(g, x, largest, window=window)


@operation
def pick_maxima(xp, y, x, largest, /, *, window):
    """The entries of ``y`` where the first largest of each window of ``x`` is: the transpose of `place_maxima`.

    Shapes: y and x (batch, channels, *window.size), largest (batch, channels, *window.out) -> that of largest

    Example:
        >>> import numpy as np
        >>> window = Window(size=(3,), kernel=(2,), stride=(1,), dilation=(1,), before=(0,), out=(2,))
        >>> x = np.array([[[1.0, 3.0, 2.0]]])
        >>> pick_maxima(np.array([[[5.0, 6.0, 7.0]]]), x, max_windows(x, window=window), window=window)
        variable([[[6. 6.]]])
    """
    return xp.pick_maxima(y, x, largest, window=window)


@pick_maxima.derivative("y")
def _(xp, g, x, largest, window):
    return xp.place_maxima(g, x, largest, window=window)


for _chooser in (place_maxima, pick_maxima):  # which entry is largest does not change in between
    _chooser.constant("x", "largest")


# Pooling


def max_pool1d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """The largest entry of every window of one axis; see `max_pool2d`.

    Shapes: x ([batch,] channels, length) -> ([batch,] channels, length out)

    Example:
        >>> import numpy as np
        >>> max_pool1d(np.array([[[1.0, 3.0, 2.0, 0.0]]]), 2)
        variable([[[3. 2.]]])
    """
    return _max_pool("max_pool1d", 1, x, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """The largest entry of every window.

    Args:
        kernel_size: The size of the window, a number or one for each axis [1, ...).
        stride: How far apart windows are; where None, as far as they are large.
        padding: How far the first window begins before the first entry [0, half the kernel]; padding is never the
            largest, as if it were minus infinity.
        dilation: How far apart the entries of a window are [1, ...).
        ceil_mode: Whether a window that begins within the input, or the padding before it, and ends beyond is one too.

    Shapes: x ([batch,] channels, height, width) -> ([batch,] channels, height out, width out)

    At kinks: of equal entries the first in the window has the derivative.

    Raises:
        ShapeError: the kernel is larger than the padded input, or an axis is missing.
        InputError: an option is out of its range.

    Example:
        >>> import numpy as np
        >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
        variable([[[[ 5.  7.]
                    [13. 15.]]]])
    """
    return _max_pool("max_pool2d", 2, x, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """The largest entry of every window of three axes; see `max_pool2d`.

    Shapes: x ([batch,] channels, depth, height, width) -> ([batch,] channels, depth out, height out, width out)

    Example:
        >>> import numpy as np
        >>> max_pool3d(np.ones((1, 2, 4, 4, 6)), 2).shape
        (1, 2, 2, 2, 3)
    """
    return _max_pool("max_pool3d", 3, x, kernel_size, stride, padding, dilation, ceil_mode)


def avg_pool1d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The mean of every window of one axis; see `avg_pool2d`.

    Shapes: x ([batch,] channels, length) -> ([batch,] channels, length out)

    Example:
        >>> import numpy as np
        >>> avg_pool1d(np.array([[[1.0, 3.0, 2.0, 0.0]]]), 2)
        variable([[[2. 1.]]])
    """
    return _avg_pool("avg_pool1d", 1, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The mean of every window.

    Args:
        kernel_size: The size of the window, a number or one for each axis [1, ...).
        stride: How far apart windows are; where None, as far as they are large.
        padding: How many zeros stand around the input [0, half the kernel].
        ceil_mode: Whether a window that begins within the input, or the padding before it, and ends beyond is one too.
        count_include_pad: Whether the zeros of the padding count.  What lies beyond the padding never does.

    Shapes: x ([batch,] channels, height, width) -> ([batch,] channels, height out, width out)

    Raises:
        ShapeError: the kernel is larger than the padded input, or an axis is missing.
        InputError: an option is out of its range.

    Example:
        >>> import numpy as np
        >>> avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
        variable([[[[ 2.5  4.5]
                    [10.5 12.5]]]])
    """
    return _avg_pool("avg_pool2d", 2, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool3d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The mean of every window of three axes; see `avg_pool2d`.

    Shapes: x ([batch,] channels, depth, height, width) -> ([batch,] channels, depth out, height out, width out)

    Example:
        >>> import numpy as np
        >>> avg_pool3d(np.ones((1, 2, 4, 4, 6)), 2).shape
        (1, 2, 2, 2, 3)
    """
    return _avg_pool("avg_pool3d", 3, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def lp_pool1d(x: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """The p-norm of every window of one axis; see `lp_pool2d`.

    Shapes: x ([batch,] channels, length) -> ([batch,] channels, length out)

    Example:
        >>> import numpy as np
        >>> lp_pool1d(np.array([[[3.0, 4.0, 0.0, 0.0]]]), 2, 2)
        variable([[[5. 0.]]])
    """
    return _lp_pool("lp_pool1d", 1, x, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(x: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """The p-norm of every window, but of the entries as they are, not of their absolute values.

    out = (sum of x ** p) ** (1 / p), where p is ``norm_type``

    With p = 1 it is the sum; the greater p, the nearer to the largest of positive entries.  Where the sum of an odd
    power is negative, or an entry of a fractional one, there is no root, and the result is nan.

    Args:
        norm_type: The power p (0, ...).
        kernel_size: The size of the window, a number or one for each axis [1, ...).
        stride: How far apart windows are; where None, as far as they are large.
        ceil_mode: Whether a window that begins within the input and ends beyond is one too; its sum is then the mean
            of the powers within, times the size of a whole window.

    Shapes: x ([batch,] channels, height, width) -> ([batch,] channels, height out, width out)

    At kinks: where the sum is zero the derivative is zero, and the second one nan.

    Raises:
        ShapeError: the kernel is larger than the input, or an axis is missing.
        InputError: an option is out of its range.

    Example:
        >>> import numpy as np
        >>> lp_pool2d(np.ones((1, 1, 4, 4)), 2, 2)
        variable([[[[2. 2.]
                    [2. 2.]]]])
    """
    return _lp_pool("lp_pool2d", 2, x, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(x: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """The p-norm of every window of three axes; see `lp_pool2d`.

    Shapes: x ([batch,] channels, depth, height, width) -> ([batch,] channels, depth out, height out, width out)

    Example:
        >>> import numpy as np
        >>> lp_pool3d(np.ones((1, 2, 4, 4, 6)), 3, 2).shape
        (1, 2, 2, 2, 3)
    """
    return _lp_pool("lp_pool3d", 3, x, norm_type, kernel_size, stride, ceil_mode)


def _max_pool(
    name: str, ndim: int, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Any:
    if stands_alone(x, ndim + 2):
        return as_batch(lambda x: _max_pool(name, ndim, x, kernel_size, stride, padding, dilation, ceil_mode), x)
    size = check_spatial(name, "x", x, ndim)
    return max_windows(x, window=_pooling(name, size, kernel_size, stride, padding, dilation, ceil_mode))


@real_valued("x")
def _avg_pool(
    name: str, ndim: int, x: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool
) -> Any:
    if stands_alone(x, ndim + 2):
        return as_batch(
            lambda x: _avg_pool(name, ndim, x, kernel_size, stride, padding, ceil_mode, count_include_pad), x
        )
    size = check_spatial(name, "x", x, ndim)
    window = _pooling(name, size, kernel_size, stride, padding, 1, ceil_mode)
    counts = _counts(window, count_include_pad)
    total = sum_windows(x, window=window)
    shares: Any = 1.0 / prod(window.kernel)
    if any(count != window.kernel[axis] for axis, several in enumerate(counts) for count in several):
        every = np.ones(())
        for several in counts:
            every = np.multiply.outer(every, np.asarray(several))
        shares = namespace_of((total.data,)).asarray(1.0 / every, dtype=total.dtype)
    return total * shares


@real_valued("x")
def _lp_pool(name: str, ndim: int, x: Any, norm_type: Any, kernel_size: Any, stride: Any, ceil_mode: bool) -> Any:
    number = isinstance(norm_type, int | float | np.number) and not isinstance(norm_type, bool)
    if not number or not 0 < norm_type < float("inf"):
        fix = f"\n    Fix: the largest entry of every window is max_pool{ndim}d." if norm_type == float("inf") else ""
        raise InputError(f"{name}: norm_type is a number above 0, and this is {norm_type!r}.{fix}")
    if stands_alone(x, ndim + 2):
        return as_batch(lambda x: _lp_pool(name, ndim, x, norm_type, kernel_size, stride, ceil_mode), x)
    p, kernel = float(norm_type), whole(name, "kernel_size", kernel_size, ndim, 1)
    window = _pooling(name, check_spatial(name, "x", x, ndim), kernel, stride, 0, 1, ceil_mode)
    x = corner(x, where=lambda: greater(spread_windows(astype(zero, x.dtype), window=window), 0))
    total = _avg_pool(name, ndim, power(x, p), kernel, stride, 0, ceil_mode, True) * prod(kernel)
    zero: Any = total.data == 0  # where a root has no slope: there it is taken of ones
    return where(zero, 0.0, power(where(zero, 1.0, total), 1 / p))


def _pooling(
    name: str, size: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Window:
    count = len(size)
    kernel = whole(name, "kernel_size", kernel_size, count, 1)
    padding = whole(name, "padding", padding, count, 0)
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise InputError(
            f"{name}: padding is at most half the kernel, so that every window meets an entry; "
            f"{padding} is more, for a kernel of {kernel}."
        )
    window = sliding(name, size, kernel, kernel if stride is None else stride, padding, dilation)
    return _ceiling(window) if ceil_mode else window


@lru_cache(maxsize=512)
def _ceiling(window: Window) -> Window:
    """The same with a last window that ends beyond the padding, where one begins before."""
    out = []
    for n, k, s, d, p in zip(*window[:-1], strict=True):
        results = -(-(n + 2 * p - d * (k - 1) - 1) // s) + 1
        out.append(results - ((results - 1) * s >= n + p))
    return window._replace(out=tuple(out))


@lru_cache(maxsize=512)
def _counts(window: Window, count_include_pad: bool) -> list[list[int]]:
    """Of each axis, by how many entries the sum of each window is to be divided."""
    counts = []
    for n, k, s, _, p, results in zip(*window, strict=True):
        low, high = (-p, n + p) if count_include_pad else (0, n)
        counts.append([min(i * s - p + k, high) - max(i * s - p, low) for i in range(results)])
    return counts


# One example that stands alone; layers use these too


# Pooling into a given number of parts


def adaptive_avg_pool1d(x: Any, output_size: Any) -> Any:
    """The mean of each of ``output_size`` parts of one axis; see `adaptive_avg_pool2d`.

    Shapes: x ([batch,] channels, length) -> ([batch,] channels, output_size)

    Example:
        >>> import numpy as np
        >>> adaptive_avg_pool1d(np.array([[[1.0, 3.0, 2.0]]]), 2)
        variable([[[2.  2.5]]])
    """
    return _adaptive("adaptive_avg_pool1d", 1, x, output_size, mean)


def adaptive_avg_pool2d(x: Any, output_size: Any) -> Any:
    """The mean of each part of the input, cut into parts so that the result has a given size.

    Part i of m, of an axis of n entries, is from entry floor(i n / m) to before entry ceil((i + 1) n / m).

    Args:
        output_size: A number, or one for each axis [1, ...); None leaves an axis as it is.

    Shapes: x ([batch,] channels, height, width) -> ([batch,] channels, *output_size)

    Raises:
        ShapeError: an axis is missing, or empty.
        InputError: a size is no whole number from 1 on.

    Example:
        >>> import numpy as np
        >>> adaptive_avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 1)
        variable([[[[7.5]]]])
    """
    return _adaptive("adaptive_avg_pool2d", 2, x, output_size, mean)


def adaptive_avg_pool3d(x: Any, output_size: Any) -> Any:
    """The mean of each part of three axes; see `adaptive_avg_pool2d`.

    Shapes: x ([batch,] channels, depth, height, width) -> ([batch,] channels, *output_size)

    Example:
        >>> import numpy as np
        >>> adaptive_avg_pool3d(np.ones((1, 2, 4, 4, 6)), (2, None, 3)).shape
        (1, 2, 2, 4, 3)
    """
    return _adaptive("adaptive_avg_pool3d", 3, x, output_size, mean)


def adaptive_max_pool1d(x: Any, output_size: Any) -> Any:
    """The largest entry of each of ``output_size`` parts of one axis; see `adaptive_avg_pool2d` for the parts.

    Shapes: x ([batch,] channels, length) -> ([batch,] channels, output_size)

    Example:
        >>> import numpy as np
        >>> adaptive_max_pool1d(np.array([[[1.0, 3.0, 2.0]]]), 2)
        variable([[[3. 3.]]])
    """
    return _adaptive("adaptive_max_pool1d", 1, x, output_size, _largest)


def adaptive_max_pool2d(x: Any, output_size: Any) -> Any:
    """The largest entry of each part of the input; see `adaptive_avg_pool2d` for the parts.

    Shapes: x ([batch,] channels, height, width) -> ([batch,] channels, *output_size)

    At kinks: of equal entries the first in the part has the derivative.

    Example:
        >>> import numpy as np
        >>> adaptive_max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 1)
        variable([[[[15.]]]])
    """
    return _adaptive("adaptive_max_pool2d", 2, x, output_size, _largest)


def adaptive_max_pool3d(x: Any, output_size: Any) -> Any:
    """The largest entry of each part of three axes; see `adaptive_avg_pool2d` for the parts.

    Shapes: x ([batch,] channels, depth, height, width) -> ([batch,] channels, *output_size)

    Example:
        >>> import numpy as np
        >>> adaptive_max_pool3d(np.ones((1, 2, 4, 4, 6)), (2, None, 3)).shape
        (1, 2, 2, 4, 3)
    """
    return _adaptive("adaptive_max_pool3d", 3, x, output_size, _largest)


def _adaptive(name: str, ndim: int, x: Any, output_size: Any, reduce: Callable[..., Any]) -> Any:
    if stands_alone(x, ndim + 2):
        return as_batch(lambda x: _adaptive(name, ndim, x, output_size, reduce), x)
    size = check_spatial(name, "x", x, ndim)
    given = tuple(output_size) if isinstance(output_size, list | tuple) else (output_size,) * ndim
    if len(given) == ndim:
        given = tuple([n if wanted is None else wanted for n, wanted in zip(size, given, strict=True)])
    if 0 in size:
        raise ShapeError(message(f"{name}: an axis without entries has no parts.", [("x", x)]))
    out = whole(name, "output_size", given, ndim, 1)
    for axis in range(ndim + 1, 1, -1):  # from the last on, so that the first of equals in a part is the first in order
        n, m = size[axis - 2], out[axis - 2]
        if n % m:
            before = (slice(None),) * axis
            parts = [get_item(x, (*before, slice(i * n // m, -(-(i + 1) * n // m)))) for i in range(m)]
            x = stack([reduce(part, axis=axis) for part in parts], axis=axis)
        else:
            x = reduce(reshape(x, (*x.shape[:axis], m, n // m, *x.shape[axis + 1 :])), axis=axis + 1)
    return x


def _largest(x: Any, axis: int) -> Any:
    """The largest entry along an axis, as one window, so that of equal entries the first has the derivative."""
    size = tuple(x.shape[2:])
    ones, zeros = (1,) * len(size), (0,) * len(size)
    before, behind = axis - 2, axis - 1
    kernel = (*ones[:before], x.shape[axis], *ones[behind:])
    window = Window(size, kernel, kernel, ones, zeros, out=(*size[:before], 1, *size[behind:]))
    return squeeze(max_windows(x, window=window), axis)


# Resizing


def interpolate(
    x: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool = False
) -> Any:
    """The same picture in another size, of one, two or three axes.

    Args:
        size: The sizes wanted, a number or one for each axis [1, ...).
        scale_factor: Or how many times the size it has, a number or one for each axis.
        mode: ``"nearest"``, the entry whose place the new one falls into; or ``"linear"``, ``"bilinear"`` or
            ``"trilinear"``, by the number of axes: between the two nearest of each axis; or, of two axes,
            ``"bicubic"``: along the cubic curve of the four nearest, with -3/4 for the slope that is free (Keys 1981).
        align_corners: Of all modes but ``"nearest"``, whether the first and last entries stay where they are, rather
            than the borders of the first and last.

    Shapes: x (batch, channels, *spatial) -> (batch, channels, *size)

    Raises:
        ShapeError: there are not one, two or three axes besides batch and channels, or one is empty.
        InputError: neither or both of size and scale_factor are given, or one is out of its range, or the mode is not
            one for this number of axes.

    Cost: all modes but ``"nearest"`` are a product with a matrix for each axis; an infinite entry fills its row and
        column.

    Example:
        >>> import numpy as np
        >>> x = np.array([[[0.0, 4.0]]])
        >>> interpolate(x, scale_factor=2)
        variable([[[0. 0. 4. 4.]]])
        >>> interpolate(x, size=4, mode="linear")
        variable([[[0. 1. 3. 4.]]])
        >>> interpolate(x, size=5, mode="linear", align_corners=True)
        variable([[[0. 1. 2. 3. 4.]]])
    """
    ndim = max(1, min(3, len(getattr(x, "shape", ())) - 2))
    sizes = check_spatial("interpolate", "x", x, ndim)
    if 0 in sizes:
        raise ShapeError(message("interpolate: nothing lies between the entries of an empty axis.", [("x", x)]))
    modes = {1: ("nearest", "linear"), 2: ("nearest", "bilinear", "bicubic"), 3: ("nearest", "trilinear")}[ndim]
    if mode not in modes:
        several = ", ".join(f'"{each}"' for each in modes)
        raise InputError(f"interpolate: of {ndim} axes the modes are {several}, and this is {mode!r}.")
    if align_corners and mode == "nearest":
        raise InputError('interpolate: align_corners is for all other modes, and this is "nearest".')
    out, steps = _new_sizes(sizes, size, scale_factor)
    if mode == "nearest" and x.dtype.kind == "f":  # whole numbers stay what they are
        x, sizes, steps = _repeat_whole(x, sizes, out, steps)
    for axis, (n, m, step) in enumerate(zip(sizes, out, steps, strict=True), start=2):
        if n == m and step == 1:
            continue
        if mode == "nearest":
            places = np.minimum(np.floor(np.arange(m) * step).astype(int), n - 1)
            x = get_item(x, (*(slice(None),) * axis, places))
        else:
            array = x.data if isinstance(x, Recorded) else x
            xp = namespace_of((array,))
            dtype = array.dtype if xp.isdtype(array.dtype, "real floating") else None
            matrix = xp.asarray((_cubic if mode == "bicubic" else _linear)(n, m, step, align_corners), dtype=dtype)
            x = moveaxis(tensordot(x, matrix, axes=((axis,), (1,))), -1, axis)
    return itself(x)


def upsample(
    x: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool = False
) -> Any:
    """Another name of `interpolate`.

    Example:
        >>> import numpy as np
        >>> upsample(np.ones((1, 3, 4, 4)), scale_factor=2).shape
        (1, 3, 8, 8)
    """
    return interpolate(x, size, scale_factor, mode, align_corners)


def _new_sizes(sizes: tuple[int, ...], size: Any, scale_factor: Any) -> tuple[tuple[int, ...], list[float]]:
    """The new sizes, and of each axis how far apart new entries are, where old ones are 1 apart."""
    if (size is None) == (scale_factor is None):
        raise InputError("interpolate: give one of size and scale_factor.")
    ndim = len(sizes)
    if size is not None:
        out = whole("interpolate", "size", size, ndim, 1)
        return out, [n / m for n, m in zip(sizes, out, strict=True)]
    factors = list(scale_factor) if isinstance(scale_factor, list | tuple) else [scale_factor] * ndim
    if len(factors) != ndim or not all(0 < factor < float("inf") for factor in factors):
        raise InputError(
            f"interpolate: scale_factor is a number above 0, or {ndim} of them, and this is {scale_factor!r}."
        )
    out = tuple([floor(n * factor) for n, factor in zip(sizes, factors, strict=True)])
    if min(out) < 1:
        raise InputError(f"interpolate: nothing is left of sizes {sizes} by scale_factor {scale_factor!r}.")
    return out, [1.0 / float(factor) for factor in factors]


def _repeat_whole(x: Any, sizes: tuple[int, ...], out: tuple[int, ...], steps: list[float]) -> Any:
    """Entries repeated along the axes that grow by a whole number, as spread over windows; the sizes and steps left."""
    axes = zip(sizes, out, steps, strict=True)
    factors = tuple([m // n if m % n == 0 and step == n / m else 1 for n, m, step in axes])
    if max(factors) == 1:
        return x, sizes, steps
    grown = tuple([n * factor for n, factor in zip(sizes, factors, strict=True)])
    ones = (1,) * len(sizes)
    window = Window(grown, factors, factors, ones, (0,) * len(sizes), sizes)
    steps = [step if factor == 1 else 1.0 for step, factor in zip(steps, factors, strict=True)]
    return spread_windows(x, window=window), grown, steps


def _linear(n: int, m: int, step: float, align_corners: bool) -> Any:
    """The matrix (m, n) of linear interpolation."""
    at = np.maximum(_places(n, m, step, align_corners), 0.0)
    low = np.minimum(np.floor(at).astype(int), n - 1)
    return _matrix(n, low, [1 - (at - low), at - low])


def _cubic(n: int, m: int, step: float, align_corners: bool) -> Any:
    """The matrix (m, n) of cubic interpolation; beyond the borders stands what is there."""
    at = _places(n, m, step, align_corners)
    low = np.floor(at).astype(int)
    a, weights = -0.75, []
    for offset in (-1, 0, 1, 2):
        d = np.abs(at - low - offset)
        near, far = ((a + 2) * d - (a + 3)) * d * d + 1, ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
        weights.append(np.where(d <= 1, near, far))
    return _matrix(n, low - 1, weights)


def _places(n: int, m: int, step: float, align_corners: bool) -> Any:
    """Where each of ``m`` new entries stands among ``n`` old ones."""
    i = np.arange(m)
    return i * ((n - 1) / (m - 1) if m > 1 else 0.0) if align_corners else (i + 0.5) * step - 0.5


def _matrix(n: int, first: Any, weights: list[Any]) -> Any:
    """The matrix (m, n) that weighs, for each new entry, the old ones from ``first`` on."""
    matrix = np.zeros((len(first), n))
    for offset, weight in enumerate(weights):
        np.add.at(matrix, (np.arange(len(first)), np.clip(first + offset, 0, n - 1)), weight)
    return matrix


def pixel_shuffle(x: Any, upscale_factor: int) -> Any:
    """Channels laid out as pixels: r * r channels become one, r times as large in both axes (Shi et al. 2016).

    Shapes: x (batch, channels * r * r, height, width) -> (batch, channels, height * r, width * r)

    Raises:
        ShapeError: the channels do not split into groups of r * r, or an axis is missing.

    Example:
        >>> import numpy as np
        >>> pixel_shuffle(np.arange(4.0).reshape(1, 4, 1, 1), 2)
        variable([[[[0. 1.]
                    [2. 3.]]]])
    """
    height, width = check_spatial("pixel_shuffle", "x", x, 2)
    r = whole("pixel_shuffle", "upscale_factor", upscale_factor, 1, 1)[0]
    batch, channels = x.shape[:2]
    if channels % (r * r):
        fact = f"pixel_shuffle: {channels} channels do not split into groups of {r * r}."
        raise ShapeError(message(fact, [("x", x)]))
    split = reshape(x, (batch, channels // (r * r), r, r, height, width))
    return reshape(permute_dims(split, (0, 1, 4, 2, 5, 3)), (batch, channels // (r * r), height * r, width * r))


def pixel_unshuffle(x: Any, downscale_factor: int) -> Any:
    """Pixels laid out as channels: the inverse of `pixel_shuffle`.

    Shapes: x (batch, channels, height * r, width * r) -> (batch, channels * r * r, height, width)

    Raises:
        ShapeError: height or width do not split into parts of r, or an axis is missing.

    Example:
        >>> import numpy as np
        >>> pixel_unshuffle(np.arange(4.0).reshape(1, 1, 2, 2), 2).shape
        (1, 4, 1, 1)
    """
    height, width = check_spatial("pixel_unshuffle", "x", x, 2)
    r = whole("pixel_unshuffle", "downscale_factor", downscale_factor, 1, 1)[0]
    batch, channels = x.shape[:2]
    if height % r or width % r:
        fact = f"pixel_unshuffle: a picture of {(height, width)} does not split into parts of {(r, r)}."
        raise ShapeError(message(fact, [("x", x)]))
    split = reshape(x, (batch, channels, height // r, r, width // r, r))
    return reshape(permute_dims(split, (0, 1, 3, 5, 2, 4)), (batch, channels * r * r, height // r, width // r))
