"""Losses, each a mean over the examples, and accuracy."""

from typing import Any

from wengert.backends import namespace_of
from wengert.core.operation import operation
from wengert.core.recorded import Recorded
from wengert.errors import DtypeError, InputError, ShapeError, message

__all__ = [
    "accuracy",
    "binary_cross_entropy",
    "mean_squared_error",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "softmax_cross_entropy_slope",
]


@operation
def mean_squared_error(xp, x0, x1):
    """The mean of the squared differences, over all entries.

    (The book divides by the number of rows; the two agree for one column.)

    Shapes: x0 (...), x1 the same -> ()

    Raises:
        ShapeError: the shapes differ; they do not broadcast here.

    Example:
        >>> import numpy as np
        >>> mean_squared_error(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
        variable(2.0)
    """
    if x0.shape != x1.shape:
        raise ValueError("the shapes differ")
    difference = x0 - _like(xp, x1, x0)
    return xp.mean(difference * difference)


def _like(xp, x, other):
    """Integers and booleans in the dtype of the other operand, so that float32 stays float32."""
    return xp.astype(x, other.dtype) if x.dtype.kind in "iub" and other.dtype.kind not in "iub" else x


@mean_squared_error.derivative("x0")
def _(xp, g, x0, x1):
    return (x0 - _like(xp, x1, x0)) * (g * (2.0 / max(x0.size, 1)))


@mean_squared_error.derivative("x1")
def _(xp, g, x0, x1):
    return (x1 - _like(xp, x0, x1)) * (g * (2.0 / max(x0.size, 1)))


@mean_squared_error.explain
def _(x0, x1):
    return "the shapes differ, and do not broadcast here.", "reshape one of them to the shape of the other."


def softmax_cross_entropy(x: Any, t: Any) -> Any:
    """The mean of -log softmax(x)[t]: the loss of a classifier that gives a score to each class.

    Shapes: x (..., classes), t (...) of integers -> ()

    Raises:
        ShapeError: the labels are not one for each row of scores.
        DtypeError: the labels are not integers.
        InputError: a label is negative, or not below the number of classes.

    Example:
        >>> import numpy as np
        >>> softmax_cross_entropy(np.zeros((2, 4)), np.array([0, 3]))
        variable(1.3862943611198906)
    """
    labels = t.data if isinstance(t, Recorded) else t
    _check_labels("softmax_cross_entropy", x, labels)
    return _softmax_cross_entropy(x, t=labels)


@operation
def _softmax_cross_entropy(xp, x, *, t):
    return xp.softmax_cross_entropy(x, t)


@_softmax_cross_entropy.derivative("x")
def _(xp, g, x, t):
    return xp.softmax_cross_entropy_slope(x, t) * g


@operation
def _softmax_cross_entropy_slope(xp, x, *, t):
    return xp.softmax_cross_entropy_slope(x, t)


@_softmax_cross_entropy_slope.derivative("x")
def _(xp, g, x, t):
    e = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
    p = e / xp.sum(e, axis=-1, keepdims=True)
    weighted = g * p
    count = max(1, x.size // max(1, x.shape[-1]))
    return (weighted - p * xp.sum(weighted, axis=-1, keepdims=True)) * (1.0 / count)


def softmax_cross_entropy_slope(x: Any, t: Any) -> Any:
    """The derivative of `softmax_cross_entropy` in ``x``: (softmax(x) - onehot(t)) / rows.

    Shapes: x (..., classes), t (...) -> that of x

    Example:
        >>> import numpy as np
        >>> softmax_cross_entropy_slope(np.zeros((1, 2)), np.array([0]))
        variable([[-0.5  0.5]])
    """
    return _softmax_cross_entropy_slope(x, t=t)


def _check_labels(name: str, x: Any, labels: Any) -> None:
    if not hasattr(labels, "dtype"):
        raise DtypeError(message(f"{name}: labels must be an array of integers.", [("t", labels)]))
    if labels.shape != x.shape[:-1] or not x.shape:
        raise ShapeError(
            message(
                f"{name}: one label for each row of scores.",
                [("x", x), ("t", labels)],
                f"labels for these scores have shape {tuple(x.shape[:-1])}.",
            )
        )
    xp = namespace_of((labels,))
    if not xp.isdtype(labels.dtype, "integral"):
        raise DtypeError(
            message(f"{name}: labels must be integers.", [("t", labels)], "convert them with .astype(int).")
        )
    outside = xp.outside_range(labels, x.shape[-1])
    if outside is not None:
        raise InputError(
            f"{name}: label {outside} of {x.shape[-1]} classes.\n"
            f"    Fix: labels are whole numbers from 0 to {x.shape[-1] - 1}."
        )


@operation
def sigmoid_cross_entropy(xp, x, t):
    """The mean of -t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), without overflow.

    Shapes: x (...), t the same -> ()

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> sigmoid_cross_entropy(np.array([0.0, -40.0]), np.array([1, 1]))
        variable(20.346573590279974)
    """
    if x.shape != t.shape:
        raise ValueError("the shapes differ")
    t = xp.astype(t, x.dtype)
    return xp.mean(xp.maximum(x, 0) - x * t + xp.log1p(xp.exp(-xp.abs(x))))


@sigmoid_cross_entropy.derivative("x")
def _(xp, g, x, t):
    return (xp.sigmoid(x) - xp.astype(t, x.dtype)) * (g * (1.0 / max(x.size, 1)))


@sigmoid_cross_entropy.derivative("t")
def _(g, x):
    return x * (g * (-1.0 / max(x.size, 1)))


@sigmoid_cross_entropy.explain
def _(x, t):
    return "the shapes differ, and do not broadcast here.", "give one label for each score."


@operation
def binary_cross_entropy(xp, p, t):
    """The mean of -t log p - (1 - t) log(1 - p), of probabilities ``p``; each logarithm is at least -100.

    Shapes: p (...), t the same -> ()

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> binary_cross_entropy(np.array([1.0, 0.5]), np.array([1, 0]))
        variable(0.34657359027997264)
    """
    if p.shape != t.shape:
        raise ValueError("the shapes differ")
    t = xp.astype(t, p.dtype)
    return -xp.mean(t * _log(xp, p) + (1 - t) * _log(xp, 1 - p))


def _log(xp, p):
    tiny = 1.2e-38  # the smallest number that float32 holds in full
    return xp.where(p > tiny, xp.log(xp.maximum(p, tiny)), -100.0)


@binary_cross_entropy.derivative("p")
def _(xp, g, p, t):
    return (p - xp.astype(t, p.dtype)) / xp.maximum(p * (1 - p), 1e-12) * (g * (1.0 / max(p.size, 1)))


@binary_cross_entropy.explain
def _(p, t):
    return "the shapes differ, and do not broadcast here.", "give one label for each probability."


@operation(differentiable=False)
def accuracy(xp, y, t):
    """The share of rows whose highest score is at the label; it has no derivative.

    Shapes: y (..., classes), t (...) of integers -> ()

    Raises:
        ShapeError: the labels are not one for each row.

    Example:
        >>> import numpy as np
        >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
        variable(0.5)
    """
    if t.shape != y.shape[:-1]:
        raise ValueError("one label for each row of scores")
    return xp.mean(xp.argmax(y, axis=-1) == t)


@binary_cross_entropy.derivative("t")
def _(xp, g, p):
    return (_log(xp, 1 - p) - _log(xp, p)) * (g * (1.0 / max(p.size, 1)))
