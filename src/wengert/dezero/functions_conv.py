"""The book's functions_conv.py: convolutions and pooling of images (batch, channels, height, width)."""

from typing import Any

from wengert import functions as F
from wengert.core.modes import no_grad
from wengert.core.operation import operation
from wengert.dezero.classes import class_of
from wengert.dezero.core import Variable
from wengert.dezero.utils import get_deconv_outsize, pair
from wengert.dezero.variable import publish, returns
from wengert.functions.convolution import convolution_output, convolve

__all__ = [
    "AveragePooling",
    "Col2im",
    "Conv2d",
    "Deconv2d",
    "Im2col",
    "Pooling",
    "average_pooling",
    "col2im",
    "col2im_array",
    "conv2d",
    "conv2d_simple",
    "deconv2d",
    "im2col",
    "im2col_array",
    "pooling",
    "pooling_simple",
]

_own = returns(Variable)

im2col, col2im = _own(F.im2col), _own(F.col2im)


@operation
def convolution(xp, x, weight, bias=None, *, window, groups=1):  # type: ignore[no-untyped-def]
    """`wengert.functions.convolution_output`, added up in the book's order: figures agree to the last bit."""
    y = xp.tensordot(xp.gather_windows(x, window=window), weight, axes=((1, 2, 3), (1, 2, 3)))
    return xp.permute_dims(y if bias is None else y + bias, (0, 3, 1, 2))


for _places, _formula in convolution_output.rule.formulas.items():
    convolution.derivative(*[convolution_output.rule.inputs[place] for place in _places])(_formula)


@_own
def conv2d(x: Any, W: Any, b: Any = None, stride: Any = 1, pad: Any = 0) -> Any:
    """`wengert.functions.conv2d`."""
    return convolve(convolution, "conv2d", 2, x, W, b, stride, pad)


@_own
def deconv2d(x: Any, W: Any, b: Any = None, stride: Any = 1, pad: Any = 0, outsize: Any = None) -> Any:
    """`wengert.functions.conv_transpose2d`; ``outsize`` (height, width) tells between the sizes that lead to one.

    Example:
        >>> import numpy as np
        >>> deconv2d(np.ones((1, 4, 3, 3)), np.ones((4, 2, 3, 3)), stride=2, outsize=(8, 8)).shape
        (1, 2, 8, 8)
    """
    stride, pad = pair(stride), pair(pad)
    extra: Any = 0
    if outsize is not None:
        sizes = zip(pair(outsize), x.shape[2:], W.shape[2:], stride, pad, strict=True)
        extra = tuple(out - get_deconv_outsize(size, k, s, p) for out, size, k, s, p in sizes)
    return F.conv_transpose2d(x, W, b, stride, pad, extra)


@_own
def pooling(x: Any, kernel_size: Any, stride: Any = 1, pad: Any = 0) -> Any:
    """The largest entry of every window: `wengert.functions.max_pool2d`."""
    return F.max_pool2d(x, kernel_size, stride, pad)


@_own
def average_pooling(x: Any, kernel_size: Any, stride: Any = 1, pad: Any = 0) -> Any:
    """The mean of every window: `wengert.functions.avg_pool2d`."""
    return F.avg_pool2d(x, kernel_size, stride, pad)


conv2d_simple, pooling_simple = conv2d, pooling


def im2col_array(img: Any, kernel_size: Any, stride: Any, pad: Any, to_matrix: bool = True) -> Any:
    """`im2col` of an array, as an array."""
    with no_grad():
        return F.im2col(img, kernel_size, stride, pad, to_matrix).data


def col2im_array(
    col: Any, img_shape: Any, kernel_size: Any, stride: Any, pad: Any, to_matrix: bool = True
) -> Any:
    """`col2im` of an array, as an array."""
    with no_grad():
        return F.col2im(col, img_shape, kernel_size, stride, pad, to_matrix).data


Conv2d = class_of(conv2d, "Conv2d", "stride", "pad")
Deconv2d = class_of(deconv2d, "Deconv2d", "stride", "pad", "outsize")
Pooling = class_of(pooling, "Pooling", "kernel_size", "stride", "pad")
AveragePooling = class_of(average_pooling, "AveragePooling", "kernel_size", "stride", "pad")
Im2col = class_of(im2col, "Im2col", "kernel_size", "stride", "pad", "to_matrix")
Col2im = class_of(col2im, "Col2im", "input_shape", "kernel_size", "stride", "pad", "to_matrix")

publish(globals())
