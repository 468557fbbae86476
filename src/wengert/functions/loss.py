"""Losses, and accuracy.

With ``reduction="mean"`` a loss is the mean over the examples (or entries), with ``"sum"`` their sum, and with
``"none"`` there is one value for each.
"""

import math
from typing import Any

from wengert.backends import namespace_of
from wengert.core.operation import operation
from wengert.core.real import real_valued
from wengert.core.recorded import Recorded
from wengert.errors import DtypeError, InputError, ShapeError, message
from wengert.functions.activation import log_softmax, relu, softplus
from wengert.functions.arithmetic import absolute, add, divide, multiply, negative, subtract
from wengert.functions.elementwise import _gate, clip, exp, log, maximum, sqrt, where
from wengert.functions.indexing import get_item, take_along_axis
from wengert.functions.kinks import corner, within
from wengert.functions.reduction import mean, norm, sum
from wengert.functions.shape import moveaxis, reshape

__all__ = [
    "accuracy",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "kl_divergence",
    "l1_loss",
    "margin_ranking_loss",
    "mean_squared_error",
    "mse_loss",
    "multi_margin_loss",
    "nll_loss",
    "pairwise_distance",
    "poisson_nll_loss",
    "sigmoid_cross_entropy",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax_cross_entropy",
    "softmax_cross_entropy_slope",
    "triplet_margin_loss",
]


@operation(real=True)
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
    difference = x0 - x1
    return xp.mean(difference * difference)


@mean_squared_error.derivative("x0")
def _(xp, g, x0, x1):
    return (x0 - x1) * (g * (2.0 / max(x0.size, 1)))


@mean_squared_error.derivative("x1")
def _(xp, g, x0, x1):
    return (x1 - x0) * (g * (2.0 / max(x0.size, 1)))


@mean_squared_error.explain
def _(x0, x1):
    return _unlike(x0, x1, "reshape one of them to the shape of the other.")


def _unlike(x: Any, y: Any, fix: str) -> tuple[str, str] | None:
    """What is wrong with two operands that must have one shape; None where they have."""
    differ = getattr(x, "shape", ()) != getattr(y, "shape", ())
    return ("the shapes differ, and do not broadcast here.", fix) if differ else None


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
    return _softmax_cross_entropy(x, t=_checked_labels("softmax_cross_entropy", x, t))


@operation(real=True)
def _softmax_cross_entropy(xp, x, *, t):
    return xp.softmax_cross_entropy(x, t)


@_softmax_cross_entropy.derivative("x")
def _(xp, g, x, t):
    return xp.softmax_cross_entropy_slope(x, t) * g


@operation(real=True)
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

    Shapes: x (..., classes), t (...) of integers -> that of x

    Raises:
        ShapeError: the labels are not one for each row of scores.
        DtypeError: the labels are not integers.
        InputError: a label is negative, or not below the number of classes.

    Example:
        >>> import numpy as np
        >>> softmax_cross_entropy_slope(np.zeros((1, 2)), np.array([0]))
        variable([[-0.5  0.5]])
    """
    return _softmax_cross_entropy_slope(x, t=_checked_labels("softmax_cross_entropy_slope", x, t))


def _checked_labels(name: str, x: Any, t: Any) -> Any:
    labels = t.data if isinstance(t, Recorded) else t
    _check_label_array(name, x, labels)
    _check_label_range(name, labels, x.shape[-1])
    return labels


def _check_label_array(name: str, x: Any, labels: Any) -> None:
    if not hasattr(labels, "dtype"):
        raise DtypeError(message(f"{name}: labels must be an array of integers.", [("t", labels)]))
    shape = getattr(x, "shape", None)
    if shape is None:
        raise DtypeError(message(f"{name}: scores must be an array.", [("x", x)]))
    if labels.shape != shape[:-1] or not shape:
        raise ShapeError(
            message(
                f"{name}: one label for each row of scores.",
                [("x", x), ("t", labels)],
                f"labels for these scores have shape {tuple(shape[:-1])}.",
            )
        )
    xp = namespace_of((labels,))
    if not xp.isdtype(labels.dtype, "integral"):
        raise DtypeError(
            message(f"{name}: labels must be integers.", [("t", labels)], "convert them with .astype(int).")
        )


def _check_label_range(name: str, labels: Any, classes: int) -> None:
    outside = namespace_of((labels,)).outside_range(labels, classes)
    if outside is not None:
        raise InputError(
            f"{name}: label {outside} of {classes} classes.\n"
            f"    Fix: labels are whole numbers from 0 to {classes - 1}."
        )


@operation(real=True)
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
    return xp.mean(xp.maximum(x, 0) - x * t + xp.log1p(xp.exp(-xp.abs(x))))


@sigmoid_cross_entropy.derivative("x")
def _(xp, g, x, t):
    slope = (1 - t) * within(_gate, x) - t * within(_gate, -x)  # sigmoid(x) - t would cancel
    return slope * (g * (1.0 / max(x.size, 1)))


@sigmoid_cross_entropy.derivative("t")
def _(g, x):
    return x * (g * (-1.0 / max(x.size, 1)))


@sigmoid_cross_entropy.explain
def _(x, t):
    return _unlike(x, t, "give one label for each score.")


@real_valued("p", "t")
def binary_cross_entropy(p: Any, t: Any, weight: Any = None, *, reduction: str = "mean") -> Any:
    """-t log p - (1 - t) log(1 - p), of probabilities ``p``; each logarithm is at least -100.

    Shapes: p (...), t the same, weight broadcasting to them -> (), or (...) for ``reduction="none"``

    Args:
        weight: What each entry is multiplied by; a constant.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ShapeError: the shapes differ.
        InputError: a probability or a target is below 0 or above 1.

    For a probability of 0 or 1 the derivative is PyTorch's, (p - t) * 1e12.

    Example:
        >>> import numpy as np
        >>> binary_cross_entropy(np.array([1.0, 0.5]), np.array([1, 0]))
        variable(0.34657359027997264)
    """
    _check_reduction("binary_cross_entropy", reduction)
    if weight is None:
        return _binary_cross_entropy(p, t, reduction=reduction)
    return _weighted("binary_cross_entropy", _binary_cross_entropy(p, t, reduction="none"), weight, reduction)


@operation(real=True)
def _binary_cross_entropy(xp, p, t, *, reduction):
    if p.shape != t.shape:
        raise ValueError("the shapes differ")
    if xp.surely((p < 0) | (p > 1)):
        fact = "binary_cross_entropy: a probability is below 0 or above 1."
        raise InputError(message(fact, [("p", p)], "give scores to binary_cross_entropy_with_logits."))
    if xp.surely((t < 0) | (t > 1)):
        fact = "binary_cross_entropy: a target is below 0 or above 1."
        fix = "targets are probabilities; of more than two classes cross_entropy takes scores and labels."
        raise InputError(message(fact, [("t", t)], fix))
    return 0 - _reduced(xp, t * _log(xp, p) + (1 - t) * _log_rest(xp, p), reduction)  # so that none is 0, and not -0


def _log(xp, p):
    return xp.maximum(xp.log(xp.maximum(p, 5e-324 if p.dtype.char == "d" else 1.4e-45)), -100.0)


def _log_rest(xp, p):
    """log(1 - p), of which 1 - p would lose small probabilities."""
    return xp.where(p == 1, -100.0, xp.log1p(-xp.where(p == 1, 0.0, p)))


@_binary_cross_entropy.derivative("p")
def _(xp, g, p, t, reduction):
    return within(_binary_slope, p, t) * (g * _share(p, reduction))


@operation(real=True)
def _binary_slope(xp, p, t):
    spread = p * (1 - p)
    return (p - t) / xp.where(spread == 0, 1e-12, spread)  # of the certain, PyTorch's


@_binary_slope.derivative("p")
def _(xp, g, p, t):
    # As the derivative of the quotient its parts would cancel.
    certain = (p == 0) | (p == 1)
    inner = xp.where(certain, 0.5, p)
    return g * xp.where(certain, 1e12, t / inner / inner + (1 - t) / (1 - inner) / (1 - inner))


@_binary_slope.derivative("t")
def _(xp, g, p):
    spread = p * (1 - p)
    return -g / xp.where(spread == 0, 1e-12, spread)


@_binary_cross_entropy.derivative("t")
def _(xp, g, p, reduction):
    return (_log_rest(xp, p) - _log(xp, p)) * (g * _share(p, reduction))


@_binary_cross_entropy.explain
def _(p, t):
    return _unlike(p, t, "give one label for each probability.")


@operation(differentiable=False)
def accuracy(xp, y, t):
    """The share of rows whose highest score is at the label; it has no derivative.

    Shapes: y (..., classes), t (...) of integers -> ()

    Raises:
        ShapeError: the labels are not one for each row, or there is one column of scores.

    Example:
        >>> import numpy as np
        >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
        variable(0.5)
    """
    if t.shape != y.shape[:-1]:
        raise ValueError("the shapes do not fit: there is one label for each row of scores")
    if y.shape[-1] == 1:
        fix = "compare (y[..., 0] > 0) with t, or (y[..., 0] > 0.5) where y holds probabilities, and take the mean."
        raise ShapeError(message("accuracy: scores of one column have no highest.", [("y", y), ("t", t)], fix))
    return xp.mean(xp.argmax(y, axis=-1) == t)


# Reductions


def _check_reduction(name: str, reduction: Any, *more: str) -> None:
    allowed = ("mean", "sum", "none", *more)
    if reduction not in allowed:
        raise InputError(f"{name}: reduction is one of {', '.join(map(repr, allowed))}, and not {reduction!r}.")


def _reduced(xp, entries, reduction):
    return xp.mean(entries) if reduction == "mean" else xp.sum(entries) if reduction == "sum" else entries


def _share(x, reduction):
    """What the derivative of a reduction is in each entry."""
    return 1.0 / max(x.size, 1) if reduction == "mean" else 1.0


def _reduce(entries: Any, reduction: str) -> Any:
    return mean(entries) if reduction == "mean" else sum(entries) if reduction == "sum" else entries


def _weighted(name: str, entries: Any, weight: Any, reduction: str) -> Any:
    weighted = multiply(entries, _in_dtype(_constant(name, "weight", weight), entries))
    if weighted.shape != entries.shape:
        raise ShapeError(message(f"{name}: weight must broadcast to x.", [("weight", weight), ("x", entries)]))
    return _reduce(weighted, reduction)


def _constant(name: str, which: str, value: Any) -> Any:
    """The array of what no gradient flows into."""
    if isinstance(value, Recorded):
        if value.requires_grad:
            raise DtypeError(
                f"{name}: {which} is a constant and no gradient flows into it, but this Variable needs one.\n"
                f"    Fix: pass {which}=variable.data."
            )
        return value.data
    return value


def _in_dtype(constant: Any, like: Any) -> Any:
    """A constant array in the dtype of another, or a number as it is."""
    if not hasattr(constant, "dtype"):
        return constant
    return namespace_of((constant,)).astype(constant, like.dtype)


def _check_pair(name: str, x: Any, t: Any, names: tuple[str, str] = ("x", "t")) -> None:
    """Two operands of one shape: broadcasting here is a mistake more often than not."""
    if not hasattr(x, "shape") or tuple(x.shape) != tuple(getattr(t, "shape", (None,))):
        raise ShapeError(
            message(
                f"{name}: the shapes differ, and do not broadcast here.",
                list(zip(names, (x, t), strict=True)),
                "reshape one of them to the shape of the other.",
            )
        )


def _target(t: Any, x: Any) -> Any:
    """Labels of integers or booleans in the dtype of what they are compared with."""
    array = t.data if isinstance(t, Recorded) else t
    return _in_dtype(array, x) if array.dtype.kind in "iub" else t


# Of scores for classes


def cross_entropy(
    x: Any,
    t: Any,
    weight: Any = None,
    *,
    axis: int | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """-log softmax(x)[t], or for probabilities ``t`` of the classes -sum(t * log softmax(x)): PyTorch's.

    The mean is over the weights of the labels that count, and 0 where none does; for probabilities, over the examples.
    (`softmax_cross_entropy` is the plain mean with the classes along the last axis, and faster.)

    Shapes: x (classes,), t () or (classes,) -> ();
        x (n, classes, ...), t (n, ...) or that of x -> (), or (n, ...) for ``reduction="none"``

    Args:
        t: Integers from 0 to classes - 1; or of floating point and of the shape of ``x``, probabilities.
        weight: One for each class, a constant of shape (classes,).
        axis: Where the classes lie; where None, along the second axis, or the only one.
        ignore_index: The label that does not count.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        label_smoothing: How much of each label is spread evenly over all classes [0, 1].

    Raises:
        ShapeError: labels, scores and weights do not fit.
        InputError: a label is not below the number of classes, or an option is out of its range.

    Example:
        >>> import numpy as np
        >>> cross_entropy(np.zeros((2, 4)), np.array([0, 3]))
        variable(1.3862943611198906)
    """
    scores, target = [hasattr(v, "dtype") and v.dtype.kind not in "iub" for v in (x, t)]
    if not scores and (target or getattr(x, "shape", ()) == getattr(t, "shape", ())):  # most likely two sets of labels
        fact = "cross_entropy: scores must be an array of floating point."
        fix = "scores come first, and then labels; scores that are whole numbers become x.astype(float)."
        raise DtypeError(message(fact, [("x", x), ("t", t)], fix))
    return _cross_entropy(x, t, weight, axis, ignore_index, reduction, label_smoothing)


@real_valued("x")
def _cross_entropy(
    x: Any, t: Any, weight: Any, axis: int | None, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    name = "cross_entropy"
    _check_reduction(name, reduction)
    if not 0 <= label_smoothing <= 1:
        raise InputError(f"{name}: label_smoothing is a share from 0 to 1, and is {label_smoothing!r}.")
    x, classes = _classes_last(name, x, axis)
    weight = _class_weight(name, x, weight, classes)
    kind = getattr(t.data if isinstance(t, Recorded) else t, "dtype", None)
    probabilities = kind is not None and namespace_of((x.data,)).isdtype(kind, "real floating")
    if probabilities and len(t.shape) == len(x.shape):
        t, _ = _classes_last(name, t, axis)
        _check_pair(name, x, t)
        if label_smoothing:
            t = add(multiply(t, 1 - label_smoothing), label_smoothing / classes)
        rows = _soft_cross_entropy(x, t if weight is None else multiply(t, weight))
        return _reduce(rows, reduction)
    index, valid, counts = _labels(name, x, t, weight, ignore_index)
    scores = reshape(x, (-1, classes))
    rows = multiply(where(valid != 0, _row_cross_entropy(scores, index=index), 0.0), counts)
    if label_smoothing:
        logs = log_softmax(scores)
        even = multiply(mean(logs if weight is None else multiply(logs, weight), axis=1), negative(valid))
        rows = add(multiply(rows, 1 - label_smoothing), multiply(even, label_smoothing))
    return _reduce_rows(rows, counts, x.shape[:-1], reduction)


@real_valued("x")
def nll_loss(
    x: Any,
    t: Any,
    weight: Any = None,
    *,
    axis: int | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """-x[t], of the logarithms of probabilities: `cross_entropy` after `log_softmax`.

    Shapes, options and errors are those of `cross_entropy`.

    Example:
        >>> import numpy as np
        >>> nll_loss(np.log([[0.25, 0.75]]), np.array([0]))
        variable(1.3862943611198906)
    """
    _check_reduction("nll_loss", reduction)
    x, classes = _classes_last("nll_loss", x, axis)
    index, valid, counts = _labels("nll_loss", x, t, _class_weight("nll_loss", x, weight, classes), ignore_index)
    rows = multiply(where(valid != 0, negative(get_item(reshape(x, (-1, classes)), index)), 0.0), counts)
    return _reduce_rows(rows, counts, x.shape[:-1], reduction)


@operation(real=True)
def _row_cross_entropy(xp, x, *, index):
    rest = x - xp.max(x, axis=1, keepdims=True)
    return xp.log(xp.sum(xp.exp(rest), axis=1)) - rest[index]


@_row_cross_entropy.derivative("x")
def _(xp, g, x, index):
    e = xp.exp(x - xp.max(x, axis=1, keepdims=True))
    e *= g[:, None] / xp.sum(e, axis=1, keepdims=True)
    return e - xp.scatter_add(x.shape, x.dtype, index, g)


@operation(real=True)
def _soft_cross_entropy(xp, x, t):
    return -xp.sum(t * _log_softmax(xp, x), axis=-1)


@_soft_cross_entropy.derivative("x")
def _(xp, g, x, t):
    p = xp.exp(_log_softmax(xp, x))
    return (p * xp.sum(t, axis=-1, keepdims=True) - t) * g[..., None]


@_soft_cross_entropy.derivative("t")
def _(xp, g, x):
    return _log_softmax(xp, x) * -g[..., None]


def _log_softmax(xp, x):
    shifted = x - xp.max(x, axis=-1, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=-1, keepdims=True))


def _classes_last(name: str, x: Any, axis: int | None) -> tuple[Any, int]:
    array = x.data if isinstance(x, Recorded) else x
    if not hasattr(array, "dtype") or not namespace_of((array,)).isdtype(array.dtype, "real floating"):
        raise DtypeError(message(f"{name}: scores must be an array of floating point.", [("x", x)]))
    axis = min(1, x.ndim - 1) if axis is None else axis
    if not -x.ndim <= axis < x.ndim or not x.shape[axis]:
        raise ShapeError(message(f"{name}: there are no classes along axis {axis}.", [("x", x)]))
    return moveaxis(x, axis, -1), x.shape[axis]


def _class_weight(name: str, x: Any, weight: Any, classes: int) -> Any:
    if weight is None:
        return None
    weight = _constant(name, "weight", weight)
    if tuple(getattr(weight, "shape", ())) != (classes,):
        raise ShapeError(
            message(f"{name}: weight is one for each class, ({classes},).", [("weight", weight), ("x", x)])
        )
    return _in_dtype(weight, x)


def _labels(name: str, x: Any, t: Any, weight: Any, ignore_index: int) -> tuple[Any, Any, Any]:
    """The index of each label's score among rows of scores; which labels count, as 0 or 1; and their weights."""
    labels = t.data if isinstance(t, Recorded) else t
    _check_label_array(name, x, labels)
    xp = namespace_of((x.data, labels))
    labels = xp.reshape(labels, (-1,))
    counted = labels != ignore_index
    labels = xp.where(counted, labels, 0)
    _check_label_range(name, labels, x.shape[-1])
    valid = xp.astype(counted, x.dtype)
    return (xp.arange(labels.size), labels), valid, valid if weight is None else weight[labels] * valid


def _reduce_rows(rows: Any, counts: Any, shape: Any, reduction: str) -> Any:
    if reduction == "mean":
        total = counts.sum()
        return divide(sum(rows), total + (total == 0))  # 0 where no label counts
    return sum(rows) if reduction == "sum" else reshape(rows, shape)


# Of two classes


@real_valued("x", "t")
def binary_cross_entropy_with_logits(
    x: Any, t: Any, weight: Any = None, *, pos_weight: Any = None, reduction: str = "mean"
) -> Any:
    """-p t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), without overflow; p is ``pos_weight``.

    Shapes: x (...), t the same, weight and pos_weight broadcasting to them -> (), or (...) for ``reduction="none"``

    Args:
        weight: What each entry is multiplied by; a constant.
        pos_weight: What the part of the positive labels is multiplied by; a constant.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> binary_cross_entropy_with_logits(np.array([0.0, -40.0]), np.array([1, 1]))
        variable(20.346573590279974)
    """
    name = "binary_cross_entropy_with_logits"
    _check_reduction(name, reduction)
    _check_pair(name, x, t)
    more = 0.0 if pos_weight is None else _in_dtype(_constant(name, "pos_weight", pos_weight), x) - 1
    plain = weight is None
    entries = _logits_cross_entropy(x, _target(t, x), more=more, reduction=reduction if plain else "none")
    return entries if plain else _weighted(name, entries, weight, reduction)


@operation(real=True)
def _logits_cross_entropy(xp, x, t, *, more, reduction):
    rest = xp.log1p(xp.exp(-xp.abs(x)))  # with max(x, 0) it is the softplus of x
    ones, zeros = (1 + more) * t * (rest + xp.maximum(-x, 0)), (1 - t) * (rest + xp.maximum(x, 0))
    return _reduced(xp, ones + zeros, reduction)


@_logits_cross_entropy.derivative("x")
def _(xp, g, x, t, more, reduction):
    slope = (1 - t) * within(_gate, x) - (1 + more) * t * within(_gate, -x)
    return slope * (g * _share(x, reduction))


@_logits_cross_entropy.derivative("t")
def _(xp, g, x, more, reduction):
    # The two logarithms differ by x itself, in which they would cancel.
    slope = -x if type(more) is float else more * xp.logaddexp(-x, xp.zeros_like(x)) - x
    return slope * (g * _share(x, reduction))


# Of a difference


@real_valued("x", "t")
def mse_loss(x: Any, t: Any, *, reduction: str = "mean") -> Any:
    """The squared differences.

    Shapes: x (...), t the same -> (), or (...) for ``reduction="none"``

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0]), reduction="sum")
        variable(4.0)
    """
    _check_reduction("mse_loss", reduction)
    _check_pair("mse_loss", x, t)
    if reduction == "mean":
        return mean_squared_error(x, t)
    difference = subtract(x, _target(t, x))
    return _reduce(multiply(difference, difference), reduction)


@real_valued("x", "t")
def l1_loss(x: Any, t: Any, *, reduction: str = "mean") -> Any:
    """The sizes of the differences.

    Shapes: x (...), t the same -> (), or (...) for ``reduction="none"``

    At kinks: where the two are equal the derivative is 0; where a second one depends on it, that is nan.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> l1_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
        variable(1.0)
    """
    _check_reduction("l1_loss", reduction)
    _check_pair("l1_loss", x, t)
    return _reduce(absolute(subtract(x, _target(t, x))), reduction)


@operation(real=True)
def _huber(xp, d, *, delta, scale, reduction):
    size = xp.abs(d)
    near = xp.minimum(size, delta)
    size -= near * 0.5
    near *= scale  # first, for the product may overflow
    size *= near
    return _reduced(xp, size, reduction)


@_huber.derivative("d")
def _(xp, g, d, delta, scale, reduction):
    return xp.clip(d, -delta, delta) * (g * (scale * _share(d, reduction)))


@real_valued("x", "t")
def huber_loss(x: Any, t: Any, *, delta: float = 1.0, reduction: str = "mean") -> Any:
    """d**2 / 2 for a difference d of a size up to ``delta``, and delta * (abs(d) - delta / 2) beyond (Huber 1964).

    Shapes: x (...), t the same -> (), or (...) for ``reduction="none"``

    Raises:
        ShapeError: the shapes differ.
        InputError: ``delta`` is not above 0.

    Example:
        >>> import numpy as np
        >>> huber_loss(np.array([0.0, 0.0]), np.array([1.0, 3.0]))
        variable(1.5)
    """
    _check_reduction("huber_loss", reduction)
    _check_pair("huber_loss", x, t)
    if not delta > 0:
        raise InputError(f"huber_loss: delta is a number above 0, and is {delta!r}.")
    return _huber(subtract(x, _target(t, x)), delta=delta, scale=1.0, reduction=reduction)


@real_valued("x", "t")
def smooth_l1_loss(x: Any, t: Any, *, beta: float = 1.0, reduction: str = "mean") -> Any:
    """d**2 / (2 beta) for a difference d of a size up to ``beta``, and abs(d) - beta / 2 beyond (Girshick 2015).

    Shapes: x (...), t the same -> (), or (...) for ``reduction="none"``

    Raises:
        ShapeError: the shapes differ.
        InputError: ``beta`` is negative.

    Example:
        >>> import numpy as np
        >>> smooth_l1_loss(np.array([0.0, 0.0]), np.array([1.0, 3.0]))
        variable(1.5)
    """
    _check_reduction("smooth_l1_loss", reduction)
    if not beta >= 0:
        raise InputError(f"smooth_l1_loss: beta is a number from 0 on, and is {beta!r}.")
    _check_pair("smooth_l1_loss", x, t)
    if beta == 0:
        return l1_loss(x, t, reduction=reduction)
    return _huber(subtract(x, _target(t, x)), delta=beta, scale=1 / beta, reduction=reduction)


# Of distributions


@real_valued("x", "t")
def kl_divergence(x: Any, t: Any, *, log_target: bool = False, reduction: str = "mean") -> Any:
    """t * (log t - x): how far the distribution ``t`` is from the one of logarithms ``x`` (Kullback and Leibler 1951).

    Shapes: x (...), t the same -> (), or (...) for ``reduction="none"``

    At kinks: where ``t`` is 0 so is the entry, and its derivative in ``t`` is taken to be -x, and the second one nan.

    Args:
        t: Probabilities; with ``log_target`` their logarithms.
        reduction: ``"mean"`` over all entries, ``"batchmean"`` over the first axis, ``"sum"`` or ``"none"``.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> kl_divergence(np.log([0.5, 0.5]), np.array([1.0, 0.0]), reduction="sum")
        variable(0.6931471805599453)
    """
    _check_reduction("kl_divergence", reduction, "batchmean")
    _check_pair("kl_divergence", x, t)
    if log_target:
        entries = multiply(exp(t), subtract(t, x))
    else:
        t = _target(t, x)
        positive, xp = _plain(t) > 0, namespace_of((_plain(t),))
        t = corner(t, where=lambda: xp.logical_not(positive))
        safe = where(positive, t, 1.0)
        entries = subtract(multiply(safe, log(safe)), multiply(t, x))
    if reduction == "batchmean":
        return multiply(sum(entries), 1.0 / max(1, x.shape[0] if x.shape else 1))
    return _reduce(entries, reduction)


@real_valued("x", "t", "var")
def gaussian_nll_loss(
    x: Any, t: Any, var: Any, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """(log var + (x - t)**2 / var) / 2: that ``t`` is drawn from a normal distribution of mean ``x``.

    A variance below ``eps`` counts as ``eps``, while its gradient passes as it is.

    Shapes: x (...), t the same, var the same, or with a last axis of length 1, or without it -> (), or (...)

    Args:
        full: Whether to add the constant log(2 pi) / 2.

    Raises:
        ShapeError: the shapes do not fit.
        InputError: a variance is negative.

    Example:
        >>> import numpy as np
        >>> gaussian_nll_loss(np.array([1.0]), np.array([3.0]), np.array([1.0]))
        variable(2.0)
    """
    _check_reduction("gaussian_nll_loss", reduction)
    _check_pair("gaussian_nll_loss", x, t)
    shape, given = tuple(x.shape), tuple(var.shape)
    if given != shape and given == shape[:-1]:
        var = reshape(var, (*given, 1))
    elif given != shape and given != (*shape[:-1], 1):
        raise ShapeError(message("gaussian_nll_loss: var must be of the shape of x.", [("x", x), ("var", var)]))
    array = _plain(var)
    xp = namespace_of((array,))
    if xp.surely(array < 0):
        raise InputError(message("gaussian_nll_loss: a variance is negative.", [("var", var)]))
    var = add(var, xp.maximum(array, eps) - array)
    difference = subtract(x, _target(t, x))
    entries = multiply(add(log(var), divide(multiply(difference, difference), var)), 0.5)
    return _reduce(add(entries, 0.5 * math.log(2 * math.pi)) if full else entries, reduction)


@real_valued("x", "t")
def poisson_nll_loss(
    x: Any, t: Any, *, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Any:
    """exp(x) - t x: that ``t`` is drawn from a Poisson distribution, of which ``x`` is the logarithm of the rate.

    Shapes: x (...), t the same -> (), or (...) for ``reduction="none"``

    Args:
        log_input: Where False ``x`` is the rate itself, and the loss x - t log(x + eps).
        full: Whether to add Stirling's approximation of log(t!) where t is above 1.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> poisson_nll_loss(np.array([0.0]), np.array([3.0]))
        variable(1.0)
    """
    _check_reduction("poisson_nll_loss", reduction)
    _check_pair("poisson_nll_loss", x, t)
    t = _target(t, x)
    if log_input:
        entries = subtract(exp(x), multiply(t, x))
    else:
        entries = subtract(x, multiply(t, log(add(x, eps))))
    if full:
        safe = where(_plain(t) > 1, t, 1.0)
        constant = add(subtract(multiply(safe, log(safe)), safe), multiply(log(multiply(safe, 2 * math.pi)), 0.5))
        entries = add(entries, where(_plain(t) > 1, constant, 0.0))
    return _reduce(entries, reduction)


def _plain(x: Any) -> Any:
    return x.data if isinstance(x, Recorded) else x


# Of distances and margins


@real_valued("x1", "x2")
def cosine_similarity(x1: Any, x2: Any, axis: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors, which lie along ``axis``; the other axes broadcast.

    out = sum(x1 * x2) / (max(norm(x1), eps) * max(norm(x2), eps))

    Shapes: x1 (..., n, ...), x2 the same -> (..., ...)

    At kinks: of a vector shorter than ``eps`` the divisor is a constant.

    Raises:
        ShapeError: there is no such axis.

    Example:
        >>> import numpy as np
        >>> cosine_similarity(np.array([[3.0, 4.0]]), np.array([[3.0, 0.0]]))
        variable([0.6])
    """
    for name, x in (("x1", x1), ("x2", x2)):
        if not -len(x.shape) <= axis < len(x.shape):
            raise ShapeError(message(f"cosine_similarity: there is no axis {axis}.", [(name, x)], "name another."))
    # Each is divided first: products of large entries would overflow, and those of small ones vanish.
    return sum(multiply(divide(x1, _length(x1, axis, eps)), divide(x2, _length(x2, axis, eps))), axis=axis)


def _length(x: Any, axis: int, eps: float) -> Any:
    """max(norm(x), eps), the axis kept, without the kink of a norm at 0: what is too short has that of ones taken."""
    length = norm(x, axis=axis, keepdims=True)
    short = _plain(length) <= eps
    if not namespace_of((short,)).surely(short):
        return maximum(length, eps)
    return where(short, eps, norm(where(short, 1.0, x), axis=axis, keepdims=True))


@real_valued("x1", "x2")
def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False) -> Any:
    """The norm of x1 - x2 + eps over the last axis: (sum(abs(d)**p))**(1/p).

    Shapes: x1 (..., n), x2 broadcasting to it -> (...)

    Example:
        >>> import numpy as np
        >>> pairwise_distance(np.array([3.0, 0.0]), np.array([0.0, 4.0]), eps=0.0)
        variable(5.0)
    """
    return norm(add(subtract(x1, x2), eps), ord=p, axis=-1, keepdims=keepdims)


@real_valued("x1", "x2")
def cosine_embedding_loss(x1: Any, x2: Any, t: Any, *, margin: float = 0.0, reduction: str = "mean") -> Any:
    """1 - cos(x1, x2) where ``t`` is 1, max(0, cos(x1, x2) - margin) where it is -1.

    Shapes: x1 (n, d) or (d,), x2 the same, t (n,) or () -> (), or that of t for ``reduction="none"``

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> import numpy as np
        >>> cosine_embedding_loss(np.array([[3.0, 4.0]]), np.array([[1.0, 0.0]]), np.array([-1]), margin=0.6).shape
        ()
    """
    _check_reduction("cosine_embedding_loss", reduction)
    _check_signs("cosine_embedding_loss", t)
    _check_pair("cosine_embedding_loss", x1, x2, ("x1", "x2"))
    if not x1.shape or tuple(t.shape) != tuple(x1.shape[:-1]):
        raise ShapeError(message("cosine_embedding_loss: one t for each pair of vectors.", [("x1", x1), ("t", t)]))
    tiny = 1e-12
    squares = multiply(add(sum(multiply(x1, x1), axis=-1), tiny), add(sum(multiply(x2, x2), axis=-1), tiny))
    cosine = divide(sum(multiply(x1, x2), axis=-1), sqrt(squares))
    return _reduce(where(_plain(t) > 0, subtract(1.0, cosine), _positive(subtract(cosine, margin))), reduction)


@real_valued("anchor", "positive", "negative")
def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d being `pairwise_distance`.

    Shapes: all (n, d) or (d,) -> (), or (n,) for ``reduction="none"``

    Args:
        swap: Whether the negative is compared with whichever of the others is nearer (Balntas et al. 2016).

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> triplet_margin_loss(np.array([0.0]), np.array([1.0]), np.array([1.5]), eps=0.0)
        variable(0.5)
    """
    _check_reduction("triplet_margin_loss", reduction)
    _check_pair("triplet_margin_loss", anchor, positive, ("anchor", "positive"))
    _check_pair("triplet_margin_loss", anchor, negative, ("anchor", "negative"))
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        other = pairwise_distance(positive, negative, p, eps)
        far = where(_plain(other) < _plain(far), other, far)
    return _reduce(_positive(add(subtract(near, far), margin)), reduction)


@real_valued("x1", "x2")
def margin_ranking_loss(x1: Any, x2: Any, t: Any, *, margin: float = 0.0, reduction: str = "mean") -> Any:
    """max(0, -t * (x1 - x2) + margin): ``x1`` is to be above ``x2`` where ``t`` is 1, and below where it is -1.

    Shapes: all the same -> (), or that shape for ``reduction="none"``

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> margin_ranking_loss(np.array([2.0]), np.array([5.0]), np.array([1]))
        variable(3.0)
    """
    _check_reduction("margin_ranking_loss", reduction)
    _check_signs("margin_ranking_loss", t)
    _check_pair("margin_ranking_loss", x1, x2, ("x1", "x2"))
    _check_pair("margin_ranking_loss", x1, t, ("x1", "t"))
    return _reduce(_positive(add(multiply(_target(t, x1), subtract(x2, x1)), margin)), reduction)


@real_valued("x")
def hinge_embedding_loss(x: Any, t: Any, *, margin: float = 1.0, reduction: str = "mean") -> Any:
    """x where ``t`` is 1, max(0, margin - x) where it is -1: of distances.

    Shapes: x (...), t the same -> (), or (...) for ``reduction="none"``

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> hinge_embedding_loss(np.array([2.0, 0.5]), np.array([1, -1]), reduction="sum")
        variable(2.5)
    """
    _check_reduction("hinge_embedding_loss", reduction)
    _check_signs("hinge_embedding_loss", t)
    _check_pair("hinge_embedding_loss", x, t)
    return _reduce(where(_plain(t) == 1, x, _positive(subtract(margin, x))), reduction)


@real_valued("x")
def soft_margin_loss(x: Any, t: Any, *, reduction: str = "mean") -> Any:
    """log(1 + exp(-t * x)), without overflow; ``t`` is 1 or -1.

    Shapes: x (...), t the same -> (), or (...) for ``reduction="none"``

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> soft_margin_loss(np.array([0.0]), np.array([1]))
        variable(0.6931471805599453)
    """
    _check_reduction("soft_margin_loss", reduction)
    _check_signs("soft_margin_loss", t)
    _check_pair("soft_margin_loss", x, t)
    return _reduce(softplus(multiply(negative(_target(t, x)), x)), reduction)


@real_valued("x")
def multi_margin_loss(
    x: Any, t: Any, *, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean"
) -> Any:
    """The sum over the other classes of max(0, margin - x[t] + x[i])**p, over the number of classes.

    Shapes: x (n, classes) or (classes,), t (n,) or () of integers -> (), or that of t for ``reduction="none"``

    Args:
        p: 1 or 2.
        weight: One for each class, a constant of shape (classes,), by which the terms of its label are multiplied.

    Raises:
        ShapeError: the labels are not one for each row, or the weights not one for each class.
        InputError: ``p`` is neither 1 nor 2, or a label is not below the number of classes.

    Example:
        >>> import numpy as np
        >>> multi_margin_loss(np.array([[0.0, 1.0]]), np.array([0]))
        variable(1.0)
    """
    name = "multi_margin_loss"
    _check_reduction(name, reduction)
    if p not in (1, 2):
        raise InputError(f"{name}: p is 1 or 2, and is {p!r}.")
    x, classes = _classes_last(name, x, -1)
    weight = _class_weight(name, x, weight, classes)
    index, _, counts = _labels(name, x, t, weight, -1)
    xp = namespace_of((index[1],))
    others = xp.astype(xp.arange(classes) != index[1][:, None], x.dtype)
    scores = reshape(x, (-1, classes))
    gaps = relu(add(subtract(scores, reshape(get_item(scores, index), (-1, 1))), margin))
    gaps = multiply(gaps if p == 1 else multiply(gaps, gaps), others)
    return _reduce(reshape(multiply(sum(gaps, axis=1), counts / classes), x.shape[:-1]), reduction)


def _positive(x: Any) -> Any:
    """max(x, 0), with a derivative of 1 at 0."""
    return clip(x, 0.0, None)


def _check_signs(name: str, t: Any) -> None:
    array = _plain(t)
    if not hasattr(array, "dtype"):
        raise DtypeError(message(f"{name}: t must be an array.", [("t", t)]))
    if namespace_of((array,)).surely((array != 1) & (array != -1)):
        raise InputError(message(f"{name}: each entry of t is 1 or -1.", [("t", t)], "labels 0 and 1 are 2 * t - 1."))


# Of sequences


@real_valued("x")
def ctc_loss(
    x: Any,
    t: Any,
    input_lengths: Any,
    target_lengths: Any,
    *,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """-log of the probability of a sequence of labels, over all ways to align it with longer inputs.

    (Graves et al. 2006: connectionist temporal classification.)  A way repeats labels and puts blanks between them;
    between two equal labels there must be a blank.  Where there is no way the loss is infinite, and its gradient 0.

    Shapes: x (steps, n, classes), t (n, longest) or all sequences in one (sum of target_lengths,), lengths (n,)
        -> (), or (n,) for ``reduction="none"``; or x (steps, classes), t (length,), lengths ()

    Args:
        x: The logarithms of the probabilities of the classes at each step, as `log_softmax` gives them.
        t: Integers, none of them ``blank``.
        input_lengths: How many steps of each example count [1, steps].
        target_lengths: How many labels each example has [0, ...].
        blank: The class of no label.
        reduction: ``"mean"`` over the examples, each divided by the number of its labels, ``"sum"`` or ``"none"``.
        zero_infinity: Whether an infinite loss counts as 0.

    Cost: forward and backward each go once through the steps, for all examples and labels at once.

    Raises:
        ShapeError: the shapes do not fit.
        InputError: a length or a label is out of its range.

    Example:
        >>> import numpy as np
        >>> ctc_loss(np.log(np.full((2, 1, 2), 0.5)), np.array([[1]]), [2], [1])
        variable(0.2876820724517809)
    """
    _check_reduction("ctc_loss", reduction)
    single = len(x.shape) == 2
    if single:
        x = reshape(x, (x.shape[0], 1, x.shape[1]))
    xp = namespace_of((_plain(x), _plain(t)))
    steps, lengths = xp.reshape(xp.asarray(input_lengths), (-1,)), xp.reshape(xp.asarray(target_lengths), (-1,))
    labels = _padded_labels(xp, x, _plain(t), steps, lengths, blank, single)
    # A blank before, between and after the labels: 2 * longest + 1 states, which a way goes through in order.
    count, longest = labels.shape
    blanks = xp.full_like(labels, blank)
    states = xp.concat([xp.reshape(xp.stack([blanks, labels], axis=-1), (count, -1)), blanks[:, :1]], axis=1)
    if not longest:
        states = xp.full((count, 1), blank)
    places = xp.arange(2 * longest + 1)
    before = xp.concat([states[:, :2], states[:, :-2]], axis=1)[:, : 2 * longest + 1]
    jump = (places % 2 == 1) & (states != before)  # to here from two states before, over a blank
    final = (places == 2 * lengths[:, None]) | (places == 2 * lengths[:, None] - 1)
    index = xp.broadcast_to(states, (x.shape[0], *states.shape))
    entries = take_along_axis(x, index, axis=2)
    losses = _ctc(entries, jump=jump, final=final, steps=steps[:, None])
    if zero_infinity:
        losses = where(xp.isfinite(losses.data), losses, 0.0)
    if reduction == "mean":
        return mean(divide(losses, xp.astype(xp.maximum(lengths, 1), x.dtype)))
    if reduction == "sum":
        return sum(losses)
    return reshape(losses, ()) if single else losses


def _padded_labels(xp: Any, x: Any, t: Any, steps: Any, lengths: Any, blank: int, single: bool) -> Any:
    """The labels, checked, one row for each example, with blanks behind."""
    name = "ctc_loss"
    if len(x.shape) != 3 or not (steps.shape == lengths.shape == (x.shape[1],)):
        operands = [("x", x), ("input_lengths", steps), ("target_lengths", lengths)]
        raise ShapeError(message(f"{name}: x is (steps, n, classes), and there are n lengths of each.", operands))
    if not (hasattr(t, "dtype") and xp.isdtype(t.dtype, "integral")):
        raise DtypeError(message(f"{name}: labels must be an array of integers.", [("t", t)]))
    if not 0 <= blank < x.shape[2]:
        raise InputError(f"{name}: blank {blank} of {x.shape[2]} classes.")
    if xp.surely((steps < 1) | (steps > x.shape[0])):
        raise InputError(f"{name}: input_lengths are from 1 to the number of steps, {x.shape[0]}, not {steps}.")
    if xp.surely(lengths < 0):
        raise InputError(f"{name}: target_lengths are from 0 on, not {lengths}.")
    if t.ndim == 2 and not single:
        if t.shape[0] != x.shape[1] or xp.surely(lengths > t.shape[1]):
            raise ShapeError(message(f"{name}: t is (n, longest), at least as long as target_lengths say.", [("t", t)]))
        labels = t
    else:
        if t.ndim != 1 or xp.surely(xp.sum(lengths) != t.shape[0]):
            raise ShapeError(message(f"{name}: t has as many labels as target_lengths say in all.", [("t", t)]))
        longest = max([int(length) for length in lengths], default=0)
        starts = xp.cumulative_sum(lengths) - lengths
        place = starts[:, None] + xp.arange(longest)
        labels = t[xp.minimum(place, max(t.shape[0] - 1, 0))]
    inside = xp.arange(labels.shape[1]) < lengths[:, None]
    labels = xp.where(inside, labels, blank)
    _check_label_range(name, labels, x.shape[2])
    if xp.surely(inside & (labels == blank)):
        raise InputError(f"{name}: a label is the blank, {blank}.")
    return labels


_NEVER = -1e30  # the logarithm of no probability; finite, so that differences of two are numbers


@operation(real=True)
def _ctc(xp, x, *, jump, final, steps):
    way = _ctc_ways(xp, x, jump, steps)[-1]
    found = _ctc_total(xp, way, final)
    return xp.where(found > 0.1 * _NEVER, -found, float("inf"))


@_ctc.derivative("x")
def _(xp, g, x, jump, final, steps):
    # With a the ways to a state and b those from it to the end, exp(a + b - total) is the share that passes it.
    ways = _ctc_ways(xp, x, jump, steps)
    total = _ctc_total(xp, ways[-1], final)[:, None]
    possible = total > 0.1 * _NEVER
    end = xp.where(final, 0.0, xp.zeros_like(x[0]) + _NEVER)
    onward, shares = end, []
    for step in range(x.shape[0] - 1, -1, -1):
        if step < x.shape[0] - 1:
            here = onward + x[step + 1]
            over = xp.where(jump, here, _NEVER)
            here = xp.logaddexp(xp.logaddexp(here, _later(xp, here, 1)), _later(xp, over, 2))
            onward = xp.where(step < steps - 1, here, end)
        share = xp.where((step < steps) & possible, ways[step] + onward - total, _NEVER)
        shares.append(xp.exp(share) * -g[:, None])
    return xp.stack(shares[::-1])


def _ctc_ways(xp, x, jump, steps):
    """At each step, the logarithm of the probability of all ways to each state; after the last step the same."""
    way = xp.concat([x[0, :, :2], xp.zeros_like(x[0, :, 2:]) + _NEVER], axis=1)
    ways = [way]
    for step in range(1, x.shape[0]):
        over = xp.where(jump, _sooner(xp, way, 2), _NEVER)
        here = x[step] + xp.logaddexp(xp.logaddexp(way, _sooner(xp, way, 1)), over)
        way = xp.where(step < steps, here, way)
        ways.append(way)
    return ways


def _ctc_total(xp, way, final):
    ends = xp.where(final, way, _NEVER)
    top = xp.max(ends, axis=1, keepdims=True)
    return (xp.log(xp.sum(xp.exp(ends - top), axis=1, keepdims=True)) + top)[:, 0]


def _sooner(xp, x, count):
    """Each state's value moved on by some states."""
    return xp.concat([xp.zeros_like(x[:, :count]) + _NEVER, x[:, :-count]], axis=1)


def _later(xp, x, count):
    """Each state's value moved back by some states."""
    return xp.concat([x[:, count:], xp.zeros_like(x[:, :count]) + _NEVER], axis=1)


kl_div = kl_divergence
