"""The book's functions.py: Wengert's functions under the book's names, arguments and defaults."""

from typing import Any

import numpy as np

from wengert import functions as F
from wengert.core.modes import current_config
from wengert.dezero.classes import class_of
from wengert.dezero.core import add, as_variable, div, mul, neg, pow, rsub, sub
from wengert.dezero.cuda import as_numpy
from wengert.dezero.functions_conv import (
    average_pooling,
    col2im,
    conv2d,
    conv2d_simple,
    deconv2d,
    im2col,
    pooling,
    pooling_simple,
)
from wengert.dezero.variable import Variable, publish, returns
from wengert.errors import InputError, ShapeError, message

__all__ = [
    "BatchNorm",
    "BroadcastTo",
    "Clip",
    "Cos",
    "Exp",
    "GetItem",
    "LeakyReLU",
    "Linear",
    "Log",
    "LogSoftmax",
    "MatMul",
    "Max",
    "MeanSquaredError",
    "Min",
    "ReLU",
    "Reshape",
    "Sigmoid",
    "Sin",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Sum",
    "SumTo",
    "Tanh",
    "Transpose",
    "accuracy",
    "add",
    "average",
    "average_pooling",
    "batch_norm",
    "batch_nrom",
    "binary_cross_entropy",
    "broadcast_to",
    "clip",
    "col2im",
    "conv2d",
    "conv2d_simple",
    "cos",
    "deconv2d",
    "div",
    "dropout",
    "embed_id",
    "exp",
    "expand_dims",
    "flatten",
    "get_item",
    "im2col",
    "leaky_relu",
    "linear",
    "linear_simple",
    "log",
    "log_softmax",
    "matmul",
    "max",
    "mean",
    "mean_squared_error",
    "mean_squared_error_simple",
    "min",
    "mul",
    "neg",
    "pooling",
    "pooling_simple",
    "pow",
    "relu",
    "reshape",
    "rsub",
    "sigmoid",
    "sigmoid_cross_entropy",
    "sigmoid_simple",
    "sin",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_simple",
    "softmax_simple",
    "sub",
    "sum",
    "sum_to",
    "tanh",
    "transpose",
]

_own = returns(Variable)

# Elementwise

sin, cos, tanh, exp, log = _own(F.sin), _own(F.cos), _own(F.tanh), _own(F.exp), _own(F.log)
sigmoid, relu, leaky_relu = _own(F.sigmoid), _own(F.relu), _own(F.leaky_relu)
sigmoid_simple = sigmoid


@_own
def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """The entries, brought between ``x_min`` and ``x_max``."""
    return F.clip(x, x_min, x_max)


# Shapes, sums and products

reshape, transpose, expand_dims = _own(F.reshape), _own(F.transpose), _own(F.expand_dims)
flatten, broadcast_to, sum_to = _own(F.flatten), _own(F.broadcast_to), _own(F.sum_to)
sum, max, min, mean = _own(F.sum), _own(F.max), _own(F.min), _own(F.mean)
average = mean


@_own
def get_item(x: Any, slices: Any) -> Any:
    """x[slices]."""
    return F.get_item(x, slices)


@_own
def matmul(x: Any, W: Any) -> Any:
    """The matrix product."""
    return F.matmul(x, W)


@_own
def linear(x: Any, W: Any, b: Any = None) -> Any:
    """x @ W + b; ``b`` of any shape that broadcasts, as in the book."""
    if b is None or np.shape(b) == np.shape(W)[1:]:
        return F.linear(x, W, b)
    return F.add(F.linear(x, W), b)


linear_simple = linear


# Classes and probabilities: along axis 1, where Wengert's are along the last


@_own
def softmax(x: Any, axis: int = 1) -> Any:
    """exp(x), divided by its sum along the axis."""
    return F.softmax(x, axis=axis)


@_own
def log_softmax(x: Any, axis: int = 1) -> Any:
    """The logarithm of `softmax`."""
    return F.log_softmax(x, axis=axis)


softmax_simple = softmax


# Losses


@_own
def mean_squared_error(x0: Any, x1: Any) -> Any:
    """The sum of the squared differences, divided by the number of rows.

    Raises:
        ShapeError: the shapes differ, other than by axes of length 1 in front.

    Example:
        >>> mean_squared_error(np.zeros((2, 3)), np.ones((2, 3)))
        variable(3.0)
    """
    x0, x1 = _lined_up(x0, x1), _lined_up(x1, x0)
    return _by_rows("mean_squared_error", F.mean_squared_error(x0, x1), x0)


@_own
def softmax_cross_entropy(x: Any, t: Any) -> Any:
    """The mean of -log softmax(x)[t]: see `wengert.functions.softmax_cross_entropy`."""
    return F.softmax_cross_entropy(x, t)


@_own
def sigmoid_cross_entropy(x: Any, t: Any) -> Any:
    """-t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), summed, and divided by the number of rows."""
    return _by_rows("sigmoid_cross_entropy", F.sigmoid_cross_entropy(x, _like(t, x)), x)


@_own
def binary_cross_entropy(p: Any, t: Any) -> Any:
    """-t log p - (1 - t) log(1 - p), summed, and divided by the number of rows."""
    return _by_rows("binary_cross_entropy", F.binary_cross_entropy(p, _like(t, p)), p)


mean_squared_error_simple, softmax_cross_entropy_simple = mean_squared_error, softmax_cross_entropy
accuracy = _own(F.accuracy)


def _like(t: Any, x: Any) -> Any:
    return t if t.ndim == x.ndim else t.reshape(x.shape)


def _lined_up(x: Any, other: Any) -> Any:
    """x with the axes of length 1 in front that ``other`` has besides, where it is as large."""
    shape, wanted = getattr(x, "shape", ()), getattr(other, "shape", ())
    missing = len(wanted) - len(shape)
    return x.reshape(wanted) if shape and missing > 0 and (1,) * missing + tuple(shape) == tuple(wanted) else x


def _by_rows(name: str, mean: Any, x: Any) -> Any:
    """From a mean over all entries, that over the rows."""
    if not x.ndim:
        raise ShapeError(message(f"{name}: there are no rows.", [("x", x)], "give an array with at least one axis."))
    columns = x.size / (len(x) or 1)
    return mean if columns == 1 else mean * columns


# What layers are made of


@_own
def dropout(x: Any, dropout_ratio: float = 0.5) -> Any:
    """While training, each entry 0 with this probability, drawn from NumPy's global generator, as in the book.

    Raises:
        InputError: the ratio is not from 0 to below 1.
    """
    if not 0 <= dropout_ratio < 1:
        raise InputError(f"dropout: the ratio is a probability from 0 to below 1, and this is {dropout_ratio!r}.")
    x = as_variable(x)
    if not current_config().train:
        return x
    kept = np.random.rand(*x.shape) > dropout_ratio
    return x * (kept / (1.0 - dropout_ratio)).astype(x.dtype if x.dtype.kind == "f" else float)


@_own
def batch_nrom(
    x: Any, gamma: Any, beta: Any, mean: Any, var: Any, decay: float = 0.9, eps: float = 2e-5
) -> Any:
    """Each channel brought to mean 0 and variance 1: `wengert.functions.batch_norm`.

    The arrays ``mean`` and ``var`` are changed while training.  A single entry of each channel has variance 0 and gives
    beta: the book's programs draw the weights of their layers with a batch of one.
    """
    if current_config().train and x.ndim > 1 and x.size == x.shape[1]:
        mean[...] = decay * mean + (1 - decay) * as_numpy(x).reshape(mean.shape)
        var[...] = decay * var
        shape = (1, -1) + (1,) * (x.ndim - 2)
        return as_variable(x) * 0.0 * reshape(gamma, shape) + reshape(beta, shape)
    now_mean, now_var = Variable(np.asarray(mean)), Variable(np.asarray(var))
    out = F.batch_norm(x, now_mean, now_var, gamma, beta, momentum=1 - decay, eps=eps)
    mean[...], var[...] = now_mean.data, now_var.data
    return out


batch_norm = batch_nrom


@_own
def embed_id(x: Any, W: Any) -> Any:
    """The rows of W that the integers x name."""
    return F.embed_id(x, W)


Sin, Cos, Tanh = class_of(sin, "Sin"), class_of(cos, "Cos"), class_of(tanh, "Tanh")
Exp, Log = class_of(exp, "Exp"), class_of(log, "Log")
Reshape, Transpose = class_of(reshape, "Reshape", "shape"), class_of(transpose, "Transpose", "axes")
Sum = class_of(sum, "Sum", "axis", "keepdims")
SumTo, BroadcastTo = class_of(sum_to, "SumTo", "shape"), class_of(broadcast_to, "BroadcastTo", "shape")
MatMul, Linear = class_of(matmul, "MatMul"), class_of(linear, "Linear")
GetItem, Clip = class_of(get_item, "GetItem", "slices"), class_of(clip, "Clip", "x_min", "x_max")
Sigmoid, ReLU = class_of(sigmoid, "Sigmoid"), class_of(relu, "ReLU")
LeakyReLU = class_of(leaky_relu, "LeakyReLU", "slope")
Softmax, LogSoftmax = class_of(softmax, "Softmax", "axis"), class_of(log_softmax, "LogSoftmax", "axis")
MeanSquaredError = class_of(mean_squared_error, "MeanSquaredError")
SoftmaxCrossEntropy = class_of(softmax_cross_entropy, "SoftmaxCrossEntropy")
BatchNorm = class_of(batch_nrom, "BatchNorm", "mean", "var", "decay", "eps")
Max, Min = class_of(max, "Max", "axis", "keepdims"), class_of(min, "Min", "axis", "keepdims")

publish(globals())
