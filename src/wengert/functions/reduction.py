"""Reductions: many entries to one, along an axis, several, or all.

Ties of max and min share the gradient evenly, to every order, which is right where what is made of them is the same for
each of the equal entries, as in a softmax; that of a quantile goes to the entries it is read from, of equals as they
stand in the order.  A product's derivative never divides by an entry.
"""

import builtins
from typing import Any

from wengert.backends import namespace_of
from wengert.core.operation import operation
from wengert.core.real import real_numbers
from wengert.core.recorded import Recorded
from wengert.errors import InputError, ShapeError, message
from wengert.functions.arithmetic import abs as abs_
from wengert.functions.arithmetic import add, divide, multiply, subtract
from wengert.functions.comparison import isnan, less, not_equal
from wengert.functions.creation import astype
from wengert.functions.elementwise import where
from wengert.functions.indexing import get_item, sort
from wengert.functions.kinks import chosen
from wengert.functions.shape import broadcast_to, concat, expand_dims, moveaxis, pad, permute_dims, reshape

__all__ = [
    "amax",
    "amin",
    "average",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "cumulative_prod",
    "cumulative_sum",
    "diff",
    "logsumexp",
    "max",
    "mean",
    "median",
    "min",
    "norm",
    "percentile",
    "prod",
    "ptp",
    "quantile",
    "std",
    "sum",
    "var",
    "vector_norm",
]


def _axes(ndim: int, axis: Any) -> tuple[int, ...]:
    return tuple(a % ndim for a in _listed(ndim, axis)) if ndim else ()  # a scalar may be named an axis, as in NumPy


def _listed(ndim: int, axis: Any) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    return tuple(axis) if isinstance(axis, tuple | list) else (axis,)


def _kept(shape: Any, axis: Any) -> tuple[int, ...]:
    """The shape of the result with the reduced axes kept, each of length 1."""
    axes = _axes(len(shape), axis)
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _scale(top: float, shape: Any, axis: Any, correction: float) -> float:
    """``top`` over the degrees of freedom: nan where there are none."""
    freedom = _count(shape, axis) - correction
    return top / freedom if freedom > 0 else float("nan")


def _spread(xp: Any, total: Any, shape: Any, axis: Any, correction: float) -> Any:
    """A sum over the degrees of freedom: where there are none infinite, and nan if the sum is 0, as NumPy has it."""
    if _count(shape, axis) > correction:
        return total * _scale(1.0, shape, axis, correction)
    return xp.where(total > 0, xp.full_like(total, float("inf")), float("nan"))


def _count(shape: Any, axis: Any) -> int:
    count = 1
    for i in _axes(len(shape), axis):
        count *= shape[i]
    return count


@operation
def _sum(xp, x, *, axis, keepdims):
    return xp.sum(x, axis=axis, keepdims=keepdims)


@_sum.derivative("x")
def _(xp, g, x_shape, axis, keepdims):
    if axis is not None and not keepdims:
        g = xp.reshape(g, _kept(x_shape, axis))
    return xp.broadcast_to(g, x_shape)


def sum(x: Any, axis: Any = None, keepdims: bool = False, *, dtype: Any = None) -> Any:
    """The sum of the entries.

    Args:
        dtype: The type to convert the entries to, and to add in.

    Shapes: x (..., n, ...) -> (..., ...); with ``keepdims`` (..., 1, ...)

    Example:
        >>> import numpy as np
        >>> sum(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
        variable([4. 6.])
    """
    return _sum(x if dtype is None else astype(x, dtype), axis=axis, keepdims=keepdims)


@operation(real="or complex")
def mean(xp, x, /, axis=None, keepdims=False):
    """The arithmetic mean of the entries.

    Shapes: x (..., n, ...) -> (..., ...); with ``keepdims`` (..., 1, ...)

    Example:
        >>> import numpy as np
        >>> mean(np.array([1.0, 2.0, 6.0]))
        variable(3.0)
    """
    return xp.mean(x, axis=axis, keepdims=keepdims)


@mean.derivative("x")
def _(xp, g, x_shape, axis, keepdims):
    g = g * (1.0 / (_count(x_shape, axis) or 1))
    return xp.broadcast_to(xp.reshape(g, _kept(x_shape, axis)), x_shape)


@operation(real="or complex")
def var(xp, x, /, axis=None, keepdims=False, *, correction=0):
    """The variance: the mean of the squared distances from the mean.

    out = sum((x - mean(x))**2) / (n - correction)

    Example:
        >>> import numpy as np
        >>> var(np.array([1.0, 3.0]))
        variable(1.0)
    """
    centred = x - xp.mean(x, axis=axis, keepdims=True)
    if centred.dtype.kind == "c":
        centred = xp.abs(centred)
    return _spread(xp, xp.sum(centred * centred, axis=axis, keepdims=keepdims), x.shape, axis, correction)


@var.derivative("x")
def _(xp, g, x, axis, correction):
    g = xp.reshape(g * _scale(2.0, x.shape, axis, correction), _kept(x.shape, axis))
    return (x - xp.mean(x, axis=axis, keepdims=True)) * g


@operation(real="or complex")
def std(xp, x, /, axis=None, keepdims=False, *, correction=0):
    """The standard deviation: the square root of the variance.

    At kinks: where all entries are equal the derivative is 0, and the second one nan.

    Example:
        >>> import numpy as np
        >>> std(np.array([1.0, 3.0]))
        variable(1.0)
    """
    centred = _centred(xp, x, axis)
    if centred.dtype.kind == "c":
        centred = xp.abs(centred)
    if _count(x.shape, axis) > correction:
        return _length(xp, centred, axis, keepdims, _scale(1.0, x.shape, axis, correction))
    return xp.sqrt(_spread(xp, xp.sum(centred * centred, axis=axis, keepdims=keepdims), x.shape, axis, correction))


def _centred(xp, x, axis):
    """``x`` less its mean, of the distances from the first entry: 0 where all are equal, and exact far from zero."""
    axes = _axes(x.ndim, axis)
    apart = x - x[tuple([slice(1) if i in axes else slice(None) for i in range(x.ndim)])]
    return apart - xp.mean(apart, axis=axis, keepdims=True)


def _length(xp, x, axis, keepdims, share=1.0, ord=2):
    """(sum(abs(x)**ord) * share)**(1 / ord); where the powers overflow or vanish, of entries brought near 1 first."""
    total = xp.sum_powers(x, ord, axis)
    info = xp.finfo(x.dtype)
    # Of a power far from 1 the root has the rounding of its exponent, 1 / ord, many times over; a square root has none.
    low, high = (float(info.smallest_normal) / float(info.eps), float(info.max)) if ord == 2 else (2.0**-30, 2.0**30)
    if xp.surely((total < low) | (total > high)):
        top = xp.max(xp.abs(x), axis=axis, keepdims=True, initial=0.0)
        top = xp.where((top == 0) | ~xp.isfinite(top), 1.0, top)
        out = _root(xp, xp.sum_powers(x / top, ord, axis) * share, ord) * top
    else:
        out = _root(xp, total * share, ord)
    return out if keepdims else xp.reshape(out, _dropped(x.shape, axis))


def _root(xp, x, ord):
    return xp.sqrt(x) if ord == 2 else x ** (1.0 / ord)


def _dropped(shape: Any, axis: Any) -> tuple[int, ...]:
    """The shape of the result without the reduced axes."""
    axes = _axes(len(shape), axis)
    return tuple(n for i, n in enumerate(shape) if i not in axes)


@std.derivative("x")
def _(xp, g, x, out, axis, correction):
    # The distance is divided by the deviation before all else: 1 / out would overflow where out is tiny.
    g, out = (xp.reshape(part, _kept(x.shape, axis)) for part in (g, out))
    steps = _centred(xp, x, axis) / xp.where(out == 0, 1.0, out)
    gradient = steps * xp.where(out == 0, 0.0, g * _scale(1.0, x.shape, axis, correction))
    return chosen(gradient, lambda: out == 0, x)


@operation
def max(xp, x, /, axis=None, keepdims=False):
    """The largest entry.

    At kinks: equal entries share the gradient evenly.

    Raises:
        ShapeError: there is no entry.

    Example:
        >>> import numpy as np
        >>> max(np.array([1.0, 5.0, 2.0]))
        variable(5.0)
    """
    return xp.max(x, axis=axis, keepdims=keepdims)


@operation
def min(xp, x, /, axis=None, keepdims=False):
    """The smallest entry.

    At kinks: equal entries share the gradient evenly.

    Raises:
        ShapeError: there is no entry.

    Example:
        >>> import numpy as np
        >>> min(np.array([1.0, 5.0, 2.0]))
        variable(1.0)
    """
    return xp.min(x, axis=axis, keepdims=keepdims)


def _extreme(xp, g, x, out, axis):
    kept = _kept(x.shape, axis)
    share = xp.astype(x == xp.reshape(out, kept), x.dtype)
    return xp.reshape(g, kept) * (share / xp.sum(share, axis=axis, keepdims=True))


max.derivative("x")(_extreme)
min.derivative("x")(_extreme)


@operation(real=True)
def logsumexp(xp, x, /, axis=None, keepdims=False):
    """log(sum(exp(x))), without overflow.

    At kinks: entries of inf share the gradient evenly; where all are -inf it is 0.

    Example:
        >>> import numpy as np
        >>> logsumexp(np.array([1000.0, 1000.0]))
        variable(1000.6931471805599)
    """
    if not _count(x.shape, axis):  # the logarithm of nothing
        out = xp.sum(xp.exp(x), axis=axis, keepdims=True) - float("inf")
    else:
        top = xp.max(x, axis=axis, keepdims=True)
        top = xp.where(xp.isfinite(top), top, 0) + 0.0  # of unsigned integers the differences would wrap
        out = xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True)) + top
    return out if keepdims else xp.reshape(out, _dropped(x.shape, axis))


@logsumexp.derivative("x")
def _(xp, g, x, out, axis):
    array = x.data if isinstance(x, Recorded) else x
    largest = float(namespace_of((array,)).finfo(array.dtype).max)
    kept = _kept(x.shape, axis)
    g, out = xp.reshape(g, kept), xp.reshape(out, kept)
    level = xp.minimum(xp.where(out == float("-inf"), 0.0, out), largest)  # finite, for inf - inf is nan
    weight = xp.exp(xp.minimum(x, largest) - level)
    total = xp.sum(weight, axis=axis, keepdims=True)  # 1, but for what out was rounded by; where out is inf, a count
    return g / xp.where(total == 0, 1.0, total) * weight


@operation
def _prod(xp, x, *, axis, keepdims):
    return xp.prod(x, axis=axis, keepdims=keepdims)


@_prod.derivative("x")
def _(xp, g, x, axis):
    # The product of all other entries, from products of what comes before and after: no entry is divided by.
    axes = _axes(x.ndim, axis)
    others = tuple(i for i in range(x.ndim) if i not in axes)
    order = others + axes
    moved = xp.permute_dims(x, order)
    flat = xp.reshape(moved, (*moved.shape[: len(others)], _count(x.shape, axis)))
    rest = _product_before(xp, flat) * xp.flip(_product_before(xp, xp.flip(flat, axis=-1)), axis=-1)
    inverse = tuple(order.index(i) for i in range(x.ndim))
    return xp.reshape(g, _kept(x.shape, axis)) * xp.permute_dims(xp.reshape(rest, moved.shape), inverse)


def _product_before(xp, x):
    """Along the last axis, the product of the entries before each."""
    if not x.shape[-1]:
        return x
    ones = xp.ones_like(x[..., :1])
    return xp.concat([ones, xp.cumulative_prod(x[..., :-1], axis=-1)], axis=-1)


def prod(x: Any, axis: Any = None, keepdims: bool = False, *, dtype: Any = None) -> Any:
    """The product of the entries.

    Args:
        dtype: The type to convert the entries to, and to multiply in.

    Cost: its derivative takes a few running products, and is right where entries are zero.

    Example:
        >>> import numpy as np
        >>> prod(np.array([2.0, 3.0, 4.0]))
        variable(24.0)
    """
    return _prod(x if dtype is None else astype(x, dtype), axis=axis, keepdims=keepdims)


@operation
def _cumulative_sum(xp, x, *, axis):
    return xp.cumulative_sum(x, axis=axis)


@_cumulative_sum.derivative("x")
def _(xp, g, axis):
    return xp.flip(xp.cumulative_sum(xp.flip(g, axis=axis), axis=axis), axis=axis)


def cumulative_sum(x: Any, axis: int | None = None, *, dtype: Any = None, include_initial: bool = False) -> Any:
    """The running sum along an axis, which a vector need not name.

    Args:
        dtype: The type to convert the entries to, and to add in.
        include_initial: Begin with a zero, so that the result is one longer.

    Raises:
        InputError: ``x`` has several axes, and none is named.

    Example:
        >>> import numpy as np
        >>> cumulative_sum(np.array([1.0, 2.0, 3.0]))
        variable([1. 3. 6.])
    """
    axis = _line("cumulative_sum", x, axis)
    out = _cumulative_sum(x if dtype is None else astype(x, dtype), axis=axis)
    return _with_initial(out, axis, 0) if include_initial else out


@operation
def _cumulative_prod(xp, x, *, axis):
    return xp.cumulative_prod(x, axis=axis)


@_cumulative_prod.derivative("x")
def _(xp, g, x, axis):
    # d out[j] / d x[i] = (product before i) * (product of i + 1 .. j), so with after[i] the sum over j of
    # g[j] times the latter, after[i] = g[i] + x[i + 1] after[i + 1]: a recurrence from the end, made by doubling.
    x, g = xp.moveaxis(x, axis, -1), xp.moveaxis(g, axis, -1)
    n = x.shape[-1]
    if not n:
        return xp.moveaxis(g, -1, axis)
    after = g
    factor = xp.concat([x[..., 1:], xp.zeros_like(x[..., :1])], axis=-1)
    step = 1
    while step < n:
        nothing = xp.zeros_like(x[..., :step])
        after = after + factor * xp.concat([after[..., step:], nothing], axis=-1)
        factor = factor * xp.concat([factor[..., step:], nothing], axis=-1)
        step *= 2
    return xp.moveaxis(_product_before(xp, x) * after, -1, axis)


def cumulative_prod(x: Any, axis: int | None = None, *, dtype: Any = None, include_initial: bool = False) -> Any:
    """The running product along an axis, which a vector need not name.

    Args:
        dtype: The type to convert the entries to, and to multiply in.
        include_initial: Begin with a one, so that the result is one longer.

    Raises:
        InputError: ``x`` has several axes, and none is named.

    Cost: the derivative takes n log n products of an axis of n entries, and is right where entries are zero.

    Example:
        >>> import numpy as np
        >>> cumulative_prod(np.array([1.0, 2.0, 3.0]))
        variable([1. 2. 6.])
    """
    axis = _line("cumulative_prod", x, axis)
    out = _cumulative_prod(x if dtype is None else astype(x, dtype), axis=axis)
    return _with_initial(out, axis, 1) if include_initial else out


def _line(name: str, x: Any, axis: int | None) -> int:
    if axis is None:
        if len(x.shape) != 1:
            raise InputError(message(f"{name}: name the axis.", [("x", x)], "give axis=, as in axis=0."))
        return 0
    return _place(name, x, axis)


def _place(name: str, x: Any, axis: int) -> int:
    """The axis, counted from the first."""
    ndim = len(x.shape)
    if not -ndim <= axis < ndim:
        raise ShapeError(message(f"{name}: there is no axis {axis}.", [("x", x)]))
    return axis % ndim


def _with_initial(out: Any, axis: int, value: float) -> Any:
    return pad(out, [(int(i == axis), 0) for i in range(len(out.shape))], constant_values=value)


def cumsum(x: Any, axis: int | None = None, *, dtype: Any = None) -> Any:
    """NumPy's running sum: of ``x`` laid flat where ``axis`` is None.

    Example:
        >>> import numpy as np
        >>> cumsum(np.array([[1.0, 2.0], [3.0, 4.0]]))
        variable([ 1.  3.  6. 10.])
    """
    return cumulative_sum(x if x.shape and axis is not None else reshape(x, (-1,)), axis=axis, dtype=dtype)


def cumprod(x: Any, axis: int | None = None, *, dtype: Any = None) -> Any:
    """NumPy's running product: of ``x`` laid flat where ``axis`` is None.

    Example:
        >>> import numpy as np
        >>> cumprod(np.array([[1.0, 2.0], [3.0, 4.0]]))
        variable([ 1.  2.  6. 24.])
    """
    return cumulative_prod(x if x.shape and axis is not None else reshape(x, (-1,)), axis=axis, dtype=dtype)


@operation(real=True)
def _norm(xp, x, *, ord, axis, keepdims):
    return _length(xp, x, axis, keepdims, ord=ord)


@_norm.derivative("x")
def _(xp, g, x, out, ord, axis):
    kept = _kept(x.shape, axis)
    g, out = xp.reshape(g, kept), xp.reshape(out, kept)
    zero = out == 0
    if ord == 2:
        return chosen(x / xp.where(zero, 1.0, out) * g, lambda: zero, x)
    ratio = xp.where(x == 0, 1.0, abs(x)) / xp.where(zero, 1.0, out)
    gradient = g * xp.where(zero, 0.0, xp.sign(x) * ratio ** (ord - 1))
    return chosen(gradient, lambda: zero if ord > 2 else x == 0, x)


def norm(x: Any, ord: float | None = 2, axis: Any = None, keepdims: bool = False) -> Any:
    """The length of vectors: (sum of abs(x)**ord) ** (1 / ord), over all entries where ``axis`` is None.

    Args:
        ord: A number, or plus or minus infinity, for the largest or smallest size; 0 counts the entries that are
            not zero.

    At kinks: at the zero vector the derivative is 0, and the second one nan.  So they are in an entry of zero where
        ``ord`` is below 2; the derivative is 0 also below 1, where it grows without bound on both sides.

    Raises:
        InputError: ``ord`` is no number.

    Example:
        >>> import numpy as np
        >>> norm(np.array([3.0, 4.0]))
        variable(5.0)
    """
    if ord is None:
        ord = 2
    if isinstance(ord, Recorded):  # which the operation refuses, whatever its value is
        return _norm(x, ord=ord, axis=axis, keepdims=keepdims)
    if hasattr(ord, "item"):  # NumPy's number does not widen x
        ord = ord.item()
    if hasattr(x, "dtype") and x.dtype.kind not in "fV":  # V: bfloat16
        x = abs_(x) if x.dtype.kind == "c" else astype(x, float)
    if isinstance(ord, str):
        raise InputError(f"norm: ord is a number, and is {ord!r}.\n    Fix: matrix_norm has the norms with names.")
    if ord in (float("inf"), float("-inf")):
        return (max if ord > 0 else min)(abs_(x), axis=axis, keepdims=keepdims)
    if ord == 1:
        return sum(abs_(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return sum(astype(not_equal(x, 0), x.dtype), axis=axis, keepdims=keepdims)
    return _norm(x, ord=ord, axis=axis, keepdims=keepdims)


def _in_order(x: Any, axis: Any) -> Any:
    """The reduced axes as one, the last, its entries in order; of a line with a nan in it all are nan."""
    ndim = len(x.shape)
    axes = tuple(_place("quantile", x, i) for i in _listed(ndim, axis))
    if len(set(axes)) != len(axes):
        raise ShapeError(message(f"quantile: axis {axis} names one axis twice.", [("x", x)]))
    if not _count(x.shape, axis):
        raise ShapeError(message("quantile: there is no entry.", [("x", x)]))
    moved = moveaxis(x, axes, tuple(range(ndim - len(axes), ndim))) if axes else expand_dims(x, -1)
    rest = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    ordered = sort(reshape(moved, (*rest, _count(x.shape, axis))), axis=-1)
    return where(isnan(get_item(ordered, (..., slice(-1, None)))), float("nan"), ordered)  # a nan is last in order


def quantile(x: Any, q: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The value below which the share ``q`` of the entries lies, on a straight line between neighbours.

    Args:
        q: The share [0, 1], or an array of shares; it may need a gradient.

    Shapes: x (..., n, ...), q (k, ...) -> (k, ..., ..., ...)

    At kinks: equal entries keep their order, and the gradient goes to those picked.  That in a ``q`` which falls on an
        entry is that of the line above it; for q = 1 below it.

    Raises:
        InputError: ``q`` is outside its range.
        ShapeError: there is no entry.

    Example:
        >>> import numpy as np
        >>> quantile(np.array([1.0, 2.0, 4.0]), 0.75)
        variable(3.0)
        >>> quantile(np.array([1.0, 2.0, 4.0]), np.array([0.0, 0.5]))
        variable([1. 2.])
    """
    ordered = _in_order(real_numbers("quantile", x), axis)
    last = ordered.shape[-1] - 1
    xp = namespace_of((ordered.data,))
    shares = q.data if isinstance(q, Recorded) else q if type(q) in (int, float) else xp.asarray(q)
    if xp.surely(xp.asarray(xp.logical_not(xp.logical_and(shares >= 0, shares <= 1)))):
        raise InputError(f"quantile: q is from 0 to 1, and is {shares!r}.")
    if type(q) is int or (hasattr(shares, "dtype") and xp.isdtype(shares.dtype, "integral")):
        out = get_item(ordered, (..., shares * last))
    elif type(q) is float:  # the result has the dtype of x
        low = int(shares * last)
        out = _on_line(ordered, low, builtins.min(low + 1, last), shares * last - low)
    else:
        low = xp.astype(xp.floor(xp.asarray(shares * last)), int)
        if isinstance(q, Recorded) and q.requires_grad:  # which has a neighbour at the end, too
            low = xp.minimum(low, xp.asarray(last - 1 if last else 0))
        share = subtract(multiply(q, last), xp.asarray(low, dtype=shares.dtype))
        out = _on_line(ordered, low, xp.minimum(low + 1, xp.asarray(last)), share)
    extra, rest = len(getattr(shares, "shape", ())), len(ordered.shape) - 1
    out = permute_dims(out, (*range(rest, rest + extra), *range(rest))) if extra else out
    return reshape(out, (*out.shape[:extra], *_kept(x.shape, axis))) if keepdims else out


def _on_line(ordered: Any, low: Any, high: Any, share: Any) -> Any:
    """The value at a share of the way from one entry to another, taken from the nearer of the two as NumPy has it."""
    below, above = get_item(ordered, (..., low)), get_item(ordered, (..., high))
    step = subtract(above, below)
    if isinstance(share, float):
        return add(below, multiply(step, share)) if share < 0.5 else subtract(above, multiply(step, 1 - share))
    first, second = add(below, multiply(step, share)), subtract(above, multiply(step, subtract(1, share)))
    return where(less(share, 0.5), first, second)


def percentile(x: Any, q: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """`quantile`, with the share in percent [0, 100].

    Example:
        >>> import numpy as np
        >>> percentile(np.array([1.0, 2.0, 4.0]), 75)
        variable(3.0)
    """
    return quantile(x, q / 100, axis=axis, keepdims=keepdims)


def median(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The middle entry, or the mean of the middle two.

    At kinks: equal entries keep their order, and the gradient goes to those in the middle.

    Raises:
        ShapeError: there is no entry.

    Example:
        >>> import numpy as np
        >>> median(np.array([3.0, 1.0, 2.0, 10.0]))
        variable(2.5)
    """
    ordered = _in_order(x, axis)
    count = ordered.shape[-1]
    out = mean(get_item(ordered, (..., slice((count - 1) // 2, count // 2 + 1))), axis=-1)
    return reshape(out, _kept(x.shape, axis)) if keepdims else out


def average(
    x: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    """The mean, or the mean by ``weights``.

    Args:
        weights: In the shape of ``x``; or in that of the axes named, in their order.
        returned: Give the sum of the weights as well, in a pair.

    Raises:
        ShapeError: the weights have another shape.
        ZeroDivisionError: the weights sum to zero, as with NumPy.

    Example:
        >>> import numpy as np
        >>> average(np.array([1.0, 4.0]), weights=np.array([2.0, 1.0]))
        variable(2.0)
    """
    if weights is None:
        out = mean(x, axis=axis, keepdims=keepdims)
        total = namespace_of((out.data,)).full_like(out.data, _count(x.shape, axis))
        return (out, broadcast_to(total, out.shape)) if returned else out
    xp = namespace_of((x.data if isinstance(x, Recorded) else x,))
    dtype = xp.result_type(x.dtype, weights.dtype, *([float] if x.dtype.kind in "iub" else []))
    x, weights = (part if part.dtype == dtype else astype(part, dtype) for part in (x, weights))
    if weights.shape != x.shape:
        axes = tuple(_place("average", x, i) for i in _listed(len(x.shape), axis))
        if axis is None or weights.shape != tuple(x.shape[i] for i in axes):
            fact = "average: the weights have neither the shape of x nor that of the axes named."
            raise ShapeError(message(fact, [("x", x), ("weights", weights)], "name the axes they go along."))
        weights = permute_dims(weights, tuple(sorted(range(len(axes)), key=axes.__getitem__)))
        weights = broadcast_to(reshape(weights, [n if i in axes else 1 for i, n in enumerate(x.shape)]), x.shape)
    weighted = multiply(x, weights)
    total = sum(astype(weights, weighted.dtype), axis=axis, keepdims=keepdims)
    if namespace_of((total.data,)).surely(total.data == 0):
        fix = "give weights that do not sum to zero."
        raise ZeroDivisionError(message("average: the weights sum to zero.", [("weights", weights)], fix))
    out = divide(sum(weighted, axis=axis, keepdims=keepdims), total)
    return (out, astype(total, out.dtype)) if returned else out


def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest entry less the smallest.

    Example:
        >>> import numpy as np
        >>> ptp(np.array([1.0, 4.0]))
        variable(3.0)
    """
    return subtract(max(x, axis=axis, keepdims=keepdims), min(x, axis=axis, keepdims=keepdims))


def diff(x: Any, n: int = 1, axis: int = -1, *, prepend: Any = None, append: Any = None) -> Any:
    """Each entry along an axis less the one before, ``n`` times over.

    Args:
        prepend, append: Entries to put before and behind ``x`` first: an array of as many axes, or a scalar.

    Example:
        >>> import numpy as np
        >>> diff(np.array([1.0, 4.0, 9.0]))
        variable([3. 5.])
        >>> diff(np.array([1.0, 4.0, 9.0]), prepend=0.0)
        variable([1. 3. 5.])
    """
    if n < 0:
        raise InputError(f"diff: n is a whole number from 0 up, and is {n}.")
    if n == 0:
        return reshape(x, x.shape)
    axis = _place("diff", x, axis)
    if n == 0:  # as NumPy has it, also where there is something to prepend
        return reshape(x, x.shape)
    parts = [_entries(part, x, axis) for part in (prepend, x, append) if part is not None]
    out = concat(parts, axis=axis) if len(parts) > 1 else x
    before = (slice(None),) * axis
    differ = not_equal if out.dtype.kind == "b" else subtract
    for _round in range(n):
        out = differ(get_item(out, (*before, slice(1, None))), get_item(out, (*before, slice(None, -1))))
    return out


def _entries(value: Any, x: Any, axis: int) -> Any:
    """Entries to stand beside those of ``x`` along an axis; a scalar is one."""
    if getattr(value, "shape", ()):
        return value
    if not hasattr(value, "shape"):
        array = x.data if isinstance(x, Recorded) else x
        xp = namespace_of((array,))
        value = xp.asarray(value, dtype=xp.result_type(array, value))
    return broadcast_to(value, [1 if i == axis else n for i, n in enumerate(x.shape)])


@operation(differentiable=False)
def count_nonzero(xp, x, /, axis=None, keepdims=False):
    """How many entries are not zero.

    Example:
        >>> import numpy as np
        >>> count_nonzero(np.array([0.0, 4.0]))
        variable(1)
    """
    return xp.sum(x != 0, axis=axis, keepdims=keepdims)


amax, amin, vector_norm = max, min, norm
