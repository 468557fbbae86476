"""Convolution: a kernel that slides over its input, in any number of axes, its transpose, and the windows themselves.

Three products of three things (input, weight, gradient of the output): each gives one of them from the other two, so
that the derivatives of each are the other two, and all orders are here.  Pooling slides as well: pooling.py follows.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from operator import index
from typing import Any, NamedTuple

from wengert.core.operation import operation
from wengert.errors import InputError, ShapeError, message
from wengert.functions.shape import as_batch, permute_dims, reshape, stands_alone

__all__ = [
    "col2im",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "convolution_input",
    "convolution_output",
    "convolution_weight",
    "fold",
    "gather_windows",
    "im2col",
    "scatter_windows",
    "unfold",
]


class Window(NamedTuple):
    """How a window slides over the spatial axes: of each axis a number.

    Result i, on an axis, meets with place k of the kernel entry ``i * stride + k * dilation - before`` of the input,
    or padding where there is none.
    """

    size: tuple[int, ...]  # of the input
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]  # padding before the first entry; what follows the last is what the results reach to
    out: tuple[int, ...]  # of the result


_AXES = {1: "length", 2: "height, width", 3: "depth, height, width"}


# The three products


@operation(real="or complex")
def convolution_output(xp, x, weight, bias=None, *, window, groups=1):
    """The sum of the products of a kernel with each window of ``x``, in any number of axes: what `conv2d` is made of.

    out[n, o, i] = bias[o] + sum over c, k of x[n, c, i * stride + k * dilation - before] * weight[o, c, k]

    Shapes: x (batch, channels, *window.size), weight (filters, channels / groups, *window.kernel), bias (filters,)
        -> (batch, filters, *window.out)

    Cost: on NumPy the result lies in memory with its channels last.

    Example:
        >>> import numpy as np
        >>> window = Window(size=(4,), kernel=(2,), stride=(1,), dilation=(1,), before=(0,), out=(3,))
        >>> convolution_output(np.array([[[1.0, 2.0, 4.0, 8.0]]]), np.array([[[-1.0, 1.0]]]), window=window)
        variable([[[1. 2. 4.]]])
    """
    return xp.convolution_output(x, weight, bias, window=window, groups=groups)


@convolution_output.derivative("x")
def _(xp, g, weight, window, groups):
    return xp.convolution_input(g, weight, window=window, groups=groups)


@convolution_output.derivative("weight")
def _(xp, g, x, window, groups):
    return xp.convolution_weight(x, g, window=window, groups=groups)


@convolution_output.derivative("bias")
def _(xp, g):
    rows = xp.reshape(xp.permute_dims(g, (0, *range(2, g.ndim), 1)), (-1, g.shape[1]))
    return xp.ones_like(rows[:, 0]) @ rows  # a sum, in the time of a product


@operation(real="or complex")
def convolution_input(xp, y, weight, *, window, groups=1):
    """The derivative of `convolution_output` in its input, which is the transposed convolution.

    Shapes: y (batch, filters, *window.out), weight (filters, channels / groups, *window.kernel)
        -> (batch, channels, *window.size)

    Example:
        >>> import numpy as np
        >>> window = Window(size=(4,), kernel=(2,), stride=(1,), dilation=(1,), before=(0,), out=(3,))
        >>> convolution_input(np.array([[[1.0, 0.0, 2.0]]]), np.array([[[-1.0, 1.0]]]), window=window)
        variable([[[-1.  1. -2.  2.]]])
    """
    return xp.convolution_input(y, weight, window=window, groups=groups)


@convolution_input.derivative("y")
def _(xp, g, weight, window, groups):
    return xp.convolution_output(g, weight, window=window, groups=groups)


@convolution_input.derivative("weight")
def _(xp, g, y, window, groups):
    return xp.convolution_weight(g, y, window=window, groups=groups)


@operation(real="or complex")
def convolution_weight(xp, x, y, *, window, groups=1):
    """The derivative of `convolution_output` in its weight.

    Shapes: x (batch, channels, *window.size), y (batch, filters, *window.out)
        -> (filters, channels / groups, *window.kernel)

    Example:
        >>> import numpy as np
        >>> window = Window(size=(4,), kernel=(2,), stride=(1,), dilation=(1,), before=(0,), out=(3,))
        >>> convolution_weight(np.array([[[1.0, 2.0, 4.0, 8.0]]]), np.array([[[1.0, 0.0, 0.0]]]), window=window)
        variable([[[1. 2.]]])
    """
    return xp.convolution_weight(x, y, window=window, groups=groups)


@convolution_weight.derivative("x")
def _(xp, g, y, window, groups):
    return xp.convolution_input(y, g, window=window, groups=groups)


@convolution_weight.derivative("y")
def _(xp, g, x, window, groups):
    return xp.convolution_output(x, g, window=window, groups=groups)


# Convolution as layers want it


def conv1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Convolution over one axis; see `conv2d`.

    Shapes: x (batch, channels, length) or without batch, weight (filters, channels / groups, kernel), bias (filters,)
        -> (batch, filters, length out)

    Example:
        >>> import numpy as np
        >>> conv1d(np.array([[[1.0, 2.0, 4.0, 8.0]]]), np.array([[[-1.0, 1.0]]]))
        variable([[[1. 2. 4.]]])
    """
    return _convolve("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Convolution over two axes: every filter slides over the input, and is multiplied with what lies under it.

    out[n, o, i, j] = bias[o] + sum over c, k, l of x[n, c, i*s + k*d - p, j*s + l*d - p] * weight[o, c, k, l],
    with stride s, dilation d and padding p of each axis.

    Args:
        stride: How far the filter moves from one result to the next: a number, or one for each axis [1, ...).
        padding: How many zeros stand around the input, a number or one for each axis [0, ...); ``"same"``, as many as
            leave the size as it is, where the stride is 1; or ``"valid"``, none.
        dilation: How far the entries are apart that neighbouring weights meet [1, ...).
        groups: In how many groups channels and filters are split, each seeing only its own [1, ...).

    Shapes: x (batch, channels, height, width), or one without the batch,
        weight (filters, channels / groups, kernel height, kernel width), bias (filters,)
        -> (batch, filters, height out, width out), where an axis of size n has
        floor((n + 2p - d (k - 1) - 1) / s) + 1 results

    Raises:
        ShapeError: the channels do not fit, the kernel is larger than the padded input, or an axis is missing.
        InputError: an option is out of its range.

    Cost: one product for each weight and result; remembers input and weight, and no windows.

    Example:
        >>> import numpy as np
        >>> conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)))
        variable([[[[4. 4.]
                    [4. 4.]]]])
        >>> conv2d(np.ones((8, 3, 28, 28)), np.ones((16, 3, 5, 5)), stride=2, padding=2).shape
        (8, 16, 14, 14)
    """
    return _convolve("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


def conv3d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Convolution over three axes; see `conv2d`.

    Shapes: x (batch, channels, depth, height, width), weight (filters, channels / groups, *kernel), bias (filters,)
        -> (batch, filters, depth out, height out, width out)

    Example:
        >>> import numpy as np
        >>> conv3d(np.ones((1, 2, 4, 4, 4)), np.ones((5, 2, 3, 3, 3)), padding="same").shape
        (1, 5, 4, 4, 4)
    """
    return _convolve("conv3d", 3, x, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Transposed convolution over one axis; see `conv_transpose2d`.

    Shapes: x (batch, channels, length), weight (channels, filters / groups, kernel), bias (filters,)
        -> (batch, filters, length out)

    Example:
        >>> import numpy as np
        >>> conv_transpose1d(np.array([[[1.0, 2.0]]]), np.array([[[1.0, 10.0]]]), stride=2)
        variable([[[ 1. 10.  2. 20.]]])
    """
    return _convolve_back("conv_transpose1d", 1, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Transposed convolution over two axes: every entry puts its multiple of a filter into the result.

    It is the derivative of the `conv2d` with the same weight and options in that function's input, and gives back the
    size which that function started from.

    Args:
        stride: How far apart neighbouring entries put their filters: a number, or one for each axis [1, ...).
        padding: How many rows and columns are cut off around the result [0, ...).
        output_padding: How many are added after the last, for several sizes lead to one where the stride is
            above 1 [0, ...), below stride or dilation.
        groups: In how many groups channels and filters are split [1, ...).
        dilation: How far apart neighbouring weights go [1, ...).

    Shapes: x (batch, channels, height, width), weight (channels, filters / groups, kernel height, kernel width),
        bias (filters,) -> (batch, filters, height out, width out), where an axis of size n becomes
        (n - 1) s - 2 padding + dilation (k - 1) + output_padding + 1

    Raises:
        ShapeError: the channels do not fit, nothing is left of the result, or an axis is missing.
        InputError: an option is out of its range.

    Example:
        >>> import numpy as np
        >>> conv_transpose2d(np.ones((8, 16, 7, 7)), np.ones((16, 3, 4, 4)), stride=2, padding=1).shape
        (8, 3, 14, 14)
    """
    return _convolve_back("conv_transpose2d", 2, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Transposed convolution over three axes; see `conv_transpose2d`.

    Shapes: x (batch, channels, depth, height, width), weight (channels, filters / groups, *kernel), bias (filters,)
        -> (batch, filters, depth out, height out, width out)

    Example:
        >>> import numpy as np
        >>> conv_transpose3d(np.ones((1, 2, 2, 2, 2)), np.ones((2, 3, 2, 2, 2)), stride=2).shape
        (1, 3, 4, 4, 4)
    """
    return _convolve_back("conv_transpose3d", 3, x, weight, bias, stride, padding, output_padding, groups, dilation)


def _convolve(name: str, ndim: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups):
    """`convolve` with `convolution_output`."""
    return convolve(convolution_output, name, ndim, x, weight, bias, stride, padding, dilation, groups)


def convolve(product: Any, name: str, ndim: int, x, weight, bias, stride, padding, dilation=1, groups=1) -> Any:
    """What is asked for, checked, and handed to the product, which is `convolution_output` or has its arguments."""
    if stands_alone(x, ndim + 2):
        options = stride, padding, dilation, groups
        return as_batch(lambda x: convolve(product, name, ndim, x, weight, bias, *options), x)
    size, kernel = check_spatial(name, "x", x, ndim), check_spatial(name, "weight", weight, ndim)
    groups = whole(name, "groups", groups, 1, 1)[0]
    channels, filters = x.shape[1], weight.shape[0]
    if channels != weight.shape[1] * groups or filters % groups:
        fact = (
            f"{name}: x has {channels} channels, and {_filters(filters, groups)} of weight take {weight.shape[1]} each."
            if channels != weight.shape[1] * groups
            else f"{name}: {filters} filters do not split into {groups} groups."
        )
        fix = f"weight is (filters, channels of x / groups, {_AXES[ndim]}), and groups divides both counts."
        raise ShapeError(message(fact, [("x", x), ("weight", weight)], fix))
    _check_bias(name, bias, filters)
    window = sliding(name, size, kernel, stride, padding, dilation)
    return product(x, weight, bias, window=window, groups=groups)


def _convolve_back(name: str, ndim: int, x, weight, bias, stride, padding, output_padding, groups, dilation):
    if stands_alone(x, ndim + 2):
        options = stride, padding, output_padding, groups, dilation
        return as_batch(lambda x: _convolve_back(name, ndim, x, weight, bias, *options), x)
    out, kernel = check_spatial(name, "x", x, ndim), check_spatial(name, "weight", weight, ndim)
    groups = whole(name, "groups", groups, 1, 1)[0]
    channels = x.shape[1]
    if channels != weight.shape[0] or channels % groups:
        fact = (
            f"{name}: x has {channels} channels, and weight takes {weight.shape[0]}."
            if channels != weight.shape[0]
            else f"{name}: {channels} channels do not split into {groups} groups."
        )
        fix = f"weight is (channels of x, filters / groups, {_AXES[ndim]}), and groups divides both counts."
        raise ShapeError(message(fact, [("x", x), ("weight", weight)], fix))
    _check_bias(name, bias, weight.shape[1] * groups)
    window = _sliding_back(
        name,
        out,
        kernel,
        whole(name, "stride", stride, ndim, 1),
        whole(name, "padding", padding, ndim, 0),
        whole(name, "output_padding", output_padding, ndim, 0),
        whole(name, "dilation", dilation, ndim, 1),
    )
    result = convolution_input(x, weight, window=window, groups=groups)
    return result if bias is None else result + reshape(bias, (-1, *[1] * ndim))


def _filters(filters: int, groups: int) -> str:
    return f"the {filters} filters" if groups == 1 else f"the {filters} filters in {groups} groups"


def _check_bias(name: str, bias: Any, filters: int) -> None:
    if bias is not None and getattr(bias, "shape", None) != (filters,):
        raise ShapeError(
            message(f"{name}: there are {filters} filters, and bias is not one number for each.", [("bias", bias)])
        )


# How a window slides; pooling.py uses these too


def check_spatial(name: str, operand: str, x: Any, ndim: int) -> tuple[int, ...]:
    """The sizes of the spatial axes of an operand, refused unless there are two axes before them."""
    shape = tuple(getattr(x, "shape", ()))
    if len(shape) != ndim + 2:
        first = "batch, channels" if operand == "x" else "filters, channels"
        fix = f"its axes are ({first}, {_AXES[ndim]})"
        fix += "; one example becomes a batch with x[None]." if operand == "x" and len(shape) == ndim + 1 else "."
        fact = f"{name}: {operand} has {ndim + 2} axes, and this has {len(shape)}."
        raise ShapeError(message(fact, [(operand, x)], fix))
    return shape[2:]


def whole(name: str, option: str, value: Any, count: int, least: int) -> tuple[int, ...]:
    """A whole number, or one for each axis, as one for each axis."""
    try:
        values = (index(value),) * count
    except TypeError:
        try:
            values = tuple([index(one) for one in value])
        except TypeError:
            values = ()
    if len(values) != count or min(values) < least or isinstance(value, bool):
        several = f", or {count} of them, one for each axis" if count > 1 else ""
        raise InputError(f"{name}: {option} is a whole number from {least} on{several}, and this is {value!r}.")
    return values


def sliding(name: str, size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Window:
    """The window of a kernel that slides over axes of these sizes, with checked options."""
    count = len(size)
    if not isinstance(padding, str):
        padding = whole(name, "padding", padding, count, 0)
    stride, dilation = whole(name, "stride", stride, count, 1), whole(name, "dilation", dilation, count, 1)
    return _sliding(name, tuple(size), tuple(kernel), stride, padding, dilation)


@lru_cache(maxsize=512)
def _sliding(name: str, size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Window:
    spans = tuple([d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)])
    if padding == "valid":
        padding = (0,) * len(size)
    if padding == "same":
        if any(s != 1 for s in stride):
            raise InputError(
                f'{name}: padding="same" keeps the size, and a stride of {stride} does not.\n'
                "    Fix: give the padding in numbers."
            )
        before, after = tuple([(n - 1) // 2 for n in spans]), tuple([n // 2 for n in spans])
    elif isinstance(padding, str):
        raise InputError(f'{name}: padding is a number, one for each axis, "same" or "valid", and this is {padding!r}.')
    else:
        before = after = padding
    padded = tuple([a + n + b for a, n, b in zip(before, size, after, strict=True)])
    if min(kernel) < 1 or any(n < span for n, span in zip(padded, spans, strict=True)):
        dilated = f", with dilation {dilation} of {spans}," if spans != kernel else ""
        raise ShapeError(
            f"{name}: the kernel, of {kernel},{dilated} does not fit into an input of {size}, "
            f"with padding of {padded}.\n"
            "    Fix: take a smaller kernel, more padding, or a larger input."
        )
    out = tuple([(n - span) // s + 1 for n, span, s in zip(padded, spans, stride, strict=True)])
    return Window(size, kernel, stride, dilation, before, out)


@lru_cache(maxsize=512)
def _sliding_back(
    name: str, out: Any, kernel: Any, stride: Any, padding: Any, output_padding: Any, dilation: Any
) -> Window:
    """The window of a transposed convolution, whose input is the result of the one it transposes."""
    for extra, s, d in zip(output_padding, stride, dilation, strict=True):
        if extra >= max(s, d):
            raise InputError(
                f"{name}: output_padding is below stride or dilation, and {output_padding} is not, "
                f"for stride {stride} and dilation {dilation}."
            )
    size = []
    for n, k, s, p, extra, d in zip(out, kernel, stride, padding, output_padding, dilation, strict=True):
        size.append((n - 1) * s - 2 * p + d * (k - 1) + 1 + extra)
    if min(*size, *out, *kernel) < 1:
        raise ShapeError(
            f"{name}: nothing is left of the result: it would have sizes {tuple(size)}, "
            f"of an input of {out} and a kernel of {kernel}, with padding {padding} cut off at each end.\n"
            "    Fix: cut off less, or take a larger input."
        )
    return Window(tuple(size), kernel, stride, dilation, padding, out)


# Windows as arrays


@operation
def gather_windows(xp, x, *, window):
    """Every window of ``x``, side by side, with zeros for padding; `unfold` and `im2col` are made of it.

    Shapes: x (batch, channels, *window.size) -> (batch, channels, *window.kernel, *window.out)

    Example:
        >>> import numpy as np
        >>> window = Window(size=(3,), kernel=(2,), stride=(1,), dilation=(1,), before=(0,), out=(2,))
        >>> gather_windows(np.array([[[1.0, 2.0, 3.0]]]), window=window)
        variable([[[[1. 2.]
                    [2. 3.]]]])
    """
    return xp.gather_windows(x, window=window)


@gather_windows.derivative("x")
def _(xp, g, window):
    return xp.scatter_windows(g, window=window)


@operation(real="or complex")
def scatter_windows(xp, windows, *, window):
    """The sum, for every entry, of what all windows hold of it: the derivative of `gather_windows`.

    Shapes: windows (batch, channels, *window.kernel, *window.out) -> (batch, channels, *window.size)

    Example:
        >>> import numpy as np
        >>> window = Window(size=(3,), kernel=(2,), stride=(1,), dilation=(1,), before=(0,), out=(2,))
        >>> scatter_windows(np.ones((1, 1, 2, 2)), window=window)
        variable([[[1. 2. 1.]]])
    """
    return xp.scatter_windows(windows, window=window)


@scatter_windows.derivative("windows")
def _(xp, g, window):
    return xp.gather_windows(g, window=window)


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Every window of an image as a column, as PyTorch arranges them.

    Shapes: x (batch, channels, height, width) -> (batch, channels * kernel height * kernel width, windows)

    Raises:
        ShapeError: the kernel does not fit into the image, or an axis is missing.

    Example:
        >>> import numpy as np
        >>> unfold(np.ones((1, 3, 4, 4)), 2, stride=2).shape
        (1, 12, 4)
    """
    size = check_spatial("unfold", "x", x, 2)
    kernel = whole("unfold", "kernel_size", kernel_size, 2, 1)
    window = sliding("unfold", size, kernel, stride, padding, dilation)
    batch, channels = x.shape[:2]
    return reshape(gather_windows(x, window=window), (batch, channels * prod(kernel), prod(window.out)))


def fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """An image from the columns of `unfold`: where windows overlap, the sum.

    Args:
        output_size: The size of the image.

    Shapes: x (batch, channels * kernel height * kernel width, windows) -> (batch, channels, height, width)

    Raises:
        ShapeError: the columns are not those of such an image.

    Example:
        >>> import numpy as np
        >>> fold(np.ones((1, 12, 4)), 4, 2, stride=2).shape
        (1, 3, 4, 4)
    """
    size = whole("fold", "output_size", output_size, 2, 1)
    kernel = whole("fold", "kernel_size", kernel_size, 2, 1)
    window = sliding("fold", size, kernel, stride, padding, dilation)
    shape = tuple(getattr(x, "shape", ()))
    if len(shape) != 3 or shape[1] % prod(kernel) or shape[2] != prod(window.out):
        fact = f"fold: these are not the windows of {kernel} of an image of {size}, which has {prod(window.out)}."
        fix = f"x is (batch, channels * {prod(kernel)}, {prod(window.out)})."
        raise ShapeError(message(fact, [("x", x)], fix))
    windows = reshape(x, (shape[0], shape[1] // prod(kernel), *kernel, *window.out))
    return scatter_windows(windows, window=window)


def im2col(x: Any, kernel_size: Any, stride: Any = 1, pad: Any = 0, to_matrix: bool = True) -> Any:
    """Every window of an image as a row of a matrix, as the book arranges them.

    Args:
        to_matrix: Whether the windows are rows of a matrix, or keep their axes.

    Shapes: x (batch, channels, height, width) -> (batch * height out * width out, channels * kernel height * kernel
        width), or (batch, channels, kernel height, kernel width, height out, width out)

    Raises:
        ShapeError: the kernel does not fit into the image, or an axis is missing.

    Example:
        >>> import numpy as np
        >>> im2col(np.ones((1, 3, 7, 7)), kernel_size=5).shape
        (9, 75)
    """
    kernel = whole("im2col", "kernel_size", kernel_size, 2, 1)
    window = sliding("im2col", check_spatial("im2col", "x", x, 2), kernel, stride, pad, 1)
    windows = gather_windows(x, window=window)
    if not to_matrix:
        return windows
    batch, channels = x.shape[:2]
    rows = permute_dims(windows, (0, 4, 5, 1, 2, 3))
    return reshape(rows, (batch * prod(window.out), channels * prod(kernel)))


def col2im(
    x: Any, input_shape: Sequence[int], kernel_size: Any, stride: Any = 1, pad: Any = 0, to_matrix: bool = True
) -> Any:
    """An image from the windows of `im2col`: where they overlap, the sum.

    Args:
        input_shape: The shape of the images.

    Shapes: x as `im2col` returns it -> input_shape

    Raises:
        ShapeError: the windows are not those of such images.

    Example:
        >>> import numpy as np
        >>> col2im(np.ones((4, 4)), (1, 1, 3, 3), kernel_size=2)
        variable([[[[1. 2. 1.]
                    [2. 4. 2.]
                    [1. 2. 1.]]]])
    """
    shape = whole("col2im", "input_shape", input_shape, 4, 0)
    kernel = whole("col2im", "kernel_size", kernel_size, 2, 1)
    window = sliding("col2im", shape[2:], kernel, stride, pad, 1)
    batch, channels = shape[:2]
    wanted: tuple[int, ...] = (batch, channels, *kernel, *window.out)
    if to_matrix:
        wanted = (batch * prod(window.out), channels * prod(kernel))
    if tuple(getattr(x, "shape", ())) != wanted:
        fact = f"col2im: these are not the windows of {kernel} of images of shape {shape}."
        raise ShapeError(message(fact, [("x", x)], f"x has shape {wanted}."))
    if to_matrix:
        x = permute_dims(reshape(x, (batch, *window.out, channels, *kernel)), (0, 3, 4, 5, 1, 2))
    return scatter_windows(x, window=window)
