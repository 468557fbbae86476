"""NumPy functions that ``wengert.functions`` has not, or has with other arguments, written with those it has.

Each has NumPy's name (``linalg_`` before those of numpy.linalg), NumPy's argument names and NumPy's meaning, and
NumPy's own documentation describes it.  Arguments that are left away here are refused by numpy_protocol.py.
"""
# The arguments bear NumPy's names, and shadow Python's.
# ruff: noqa: A001, A002, D103, N803

from collections.abc import Callable
from functools import partial, reduce
from inspect import isfunction, signature
from itertools import accumulate, chain
from math import pi, prod
from typing import Any, cast

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from wengert import functions as F
from wengert.core.operation import operation
from wengert.core.recorded import Recorded
from wengert.errors import InputError, ShapeError
from wengert.numpy_protocol import operand

__all__ = ["ACCUMULATIONS", "ADAPTERS", "IN_PART", "fold"]


def _array(value: Any) -> Any:
    """An operand that has a shape."""
    value = operand(value)
    return value if hasattr(value, "shape") else np.asarray(value)


def _floating(value: Any) -> Any:
    """An operand of floating point; Python's numbers stay such, and take on the dtype of what they meet."""
    value = operand(value)
    if not hasattr(value, "dtype"):
        return float(value)
    return value if value.dtype.kind in "fc" else F.astype(value, float)


def _double(value: Any) -> Any:
    """An operand in the precision that NumPy computes in where it takes no less."""
    value = _array(value)
    return F.astype(value, np.promote_types(value.dtype, float))


def _data(value: Any) -> Any:
    """The array itself, where only a constant is wanted."""
    return np.asarray(value.data if isinstance(value, Recorded) else value)


def _axes(x: Any, axis: Any) -> tuple[int, ...]:
    """The axes that are meant, counted from the first: all of them where none is named."""
    if axis is None:
        return tuple(range(x.ndim))
    return normalize_axis_tuple(tuple(axis) if isinstance(axis, list) else axis, x.ndim)


def _one_axis(x: Any, axis: Any) -> int:
    axes = _axes(x, axis)
    if len(axes) != 1:
        raise InputError(f"this goes along one axis, and not along {axis}.\n    Fix: give axis= a number.")
    return axes[0]


# Elementwise


def ldexp(x1: Any, x2: Any) -> Any:
    if _data(x2).dtype.kind not in "iub":
        raise InputError("numpy.ldexp: x2 is a whole number.\n    Fix: write x1 * np.exp2(x2).")
    half = _data(x2) // 2  # of which the power cannot overflow
    for exponent in (half, _data(x2) - half):
        x1 = F.multiply(x1, np.exp2(exponent).astype(x1.dtype))
    return x1


def frexp(x: Any) -> Any:
    exponent = np.frexp(_data(x))[1]
    return ldexp(x, -exponent), exponent


def modf(x: Any) -> Any:
    whole = F.trunc(x)
    return F.copysign(F.where(F.isinf(x), 0.0, x - whole), x), whole


def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    if (a_min is not None or a_max is not None) and (min is not None or max is not None):
        raise InputError("numpy.clip: min and max are other names of a_min and a_max.\n    Fix: give each once.")
    return F.clip(a, operand(a_min if min is None else min), operand(a_max if max is None else max))


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None and y is None:
        return F.nonzero(condition)
    return F.where(_array(condition), operand(x), operand(y))


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    result = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = F.where(condition, operand(choice), result)
    return result


def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    if isinstance(condlist, Recorded) or np.ndim(condlist[0]) < np.ndim(x):
        condlist = [condlist]
    conditions = [_data(condition).astype(bool) for condition in condlist]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.logical_or.reduce(conditions))
    if len(funclist) != len(conditions):
        raise InputError(f"numpy.piecewise: {len(conditions)} conditions against {len(funclist)} functions.")
    result = F.zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        part = function(x[condition], *args, **kw) if callable(function) else function
        result = F.update(result, condition, part)
    return result


def choose(a: Any, choices: Any, mode: str = "raise") -> Any:
    a, choices = _array(a), list(map(operand, choices))
    dtype = np.result_type(*[getattr(choice, "dtype", choice) for choice in choices])
    choices = [choice if hasattr(choice, "shape") else np.asarray(choice, dtype) for choice in choices]
    places = _data(a)
    if mode == "raise":
        if np.any((places < 0) | (places >= len(choices))):
            raise InputError(f"numpy.choose: an index is outside the {len(choices)} choices.")
    else:
        a = _inside(places, len(choices), mode)
    a, *choices = F.broadcast_arrays(a, *choices)
    return F.take_along_axis(F.stack(choices), F.expand_dims(a, axis=0), axis=0)[0]


# Reductions


def _leaving_out_nan(reduce: Callable[..., Any], neutral: float) -> Callable[..., Any]:
    """A reduction that takes a nan for the number that changes nothing."""

    def reduced(x: Any, *args: Any, **options: Any) -> Any:
        return reduce(F.where(F.isnan(x), neutral, x), *args, **options)

    reduced.__signature__ = signature(reduce)  # type: ignore[attr-defined]
    return reduced


nansum, nancumsum = _leaving_out_nan(F.sum, 0.0), _leaving_out_nan(F.cumsum, 0.0)
nanprod, nancumprod = _leaving_out_nan(F.prod, 1.0), _leaving_out_nan(F.cumprod, 1.0)


def nanmean(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return nansum(a, axis, keepdims) / _count(a, axis, keepdims)


def nanvar(a: Any, axis: Any = None, correction: float = 0, keepdims: bool = False) -> Any:
    apart = F.where(F.isnan(a), 0.0, a - nanmean(a, axis, True))  # here, so that no nan is met on the way back
    freedom = _count(a, axis, keepdims) - correction
    return F.sum(F.square(apart), axis=axis, keepdims=keepdims) / np.where(freedom > 0, freedom, np.nan)


def _nan_extreme(reduce: Any, neutral: float, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    result = reduce(F.where(F.isnan(a), neutral, a), axis=axis, keepdims=keepdims)
    return F.where(_count(a, axis, keepdims) == 0, np.nan, result)


def _count(a: Any, axis: Any, keepdims: Any) -> Any:
    """How many entries are numbers, in a dtype that does not widen float32."""
    return np.sum(~np.isnan(_data(a)), axis=axis, keepdims=keepdims, dtype=a.dtype)


def nanquantile(a: Any, q: Any, axis: Any = None, keepdims: bool = False) -> Any:
    q = operand(q)
    if not np.all((_data(q) >= 0) & (_data(q) <= 1)):
        raise InputError(f"numpy.nanquantile: q is from 0 to 1, and is {q!r}.")
    lines, last, empty, kept = _lines_without_nan("nanquantile", a, axis, keepdims)
    places = F.multiply(F.reshape(q, (*np.shape(q), 1)), last)
    low = np.minimum(np.floor(_data(places)).astype(int), np.maximum(last - 1, 0))
    rows = np.arange(len(last))
    below, above = lines[rows, low], lines[rows, np.minimum(low + 1, last)]
    # As everywhere, Python's numbers take on the dtype of what they meet.
    dtype = a.dtype if isinstance(q, int | float) else np.promote_types(q.dtype, a.dtype)
    share, width = F.astype(places - low, dtype), above - below
    result = F.where(share < 0.5, below + share * width, above - (1.0 - share) * width)
    return F.reshape(F.where(empty, np.nan, result), (*np.shape(q), *kept))


def nanmedian(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    lines, last, empty, kept = _lines_without_nan("nanmedian", a, axis, keepdims)
    rows = np.arange(len(last))
    result = (lines[rows, last // 2] + lines[rows, (last + 1) // 2]) * 0.5
    return F.reshape(F.where(empty, np.nan, result), kept)


def nanpercentile(a: Any, q: Any, axis: Any = None, keepdims: bool = False) -> Any:
    q = operand(q)
    return nanquantile(a, q / 100 if isinstance(q, int | float) else F.divide(q, 100), axis, keepdims)


def _lines_without_nan(name: str, a: Any, axis: Any, keepdims: bool) -> tuple[Any, Any, Any, list[int]]:
    """The reduced axes as lines in order, where the last number of each stands, which have none, and the shape kept."""
    axes = _axes(a, axis)
    rest = [i for i in range(a.ndim) if i not in axes]
    count, length = (prod(a.shape[i] for i in group) for group in (rest, axes))
    if not length:
        raise InputError(f"numpy.{name}: there is no entry.")
    lines = F.sort(F.reshape(F.permute_dims(a, (*rest, *axes)), (count, length)), axis=1)  # nans come last
    nans = np.isnan(_data(lines))
    count = np.sum(~nans, axis=1)
    lines = F.where(nans, 0.0, lines)  # so that no nan is met on the way back
    kept = [1 if i in axes else n for i, n in enumerate(a.shape) if keepdims or i not in axes]
    return lines, np.maximum(count - 1, 0), count == 0, kept


# Reductions of a part of the entries, and of one more: NumPy's arguments ``where``, ``initial`` and ``mean``


def _only(x: Any, where: Any, neutral: Any) -> Any:
    """``x`` with what changes nothing in the place of the entries that are left out."""
    return x if where is True else F.where(F.broadcast_to(_array(where), x.shape), x, neutral)


def _in_part(reduce: Any, neutral: Any, combine: Any) -> Callable[..., Any]:
    def reduced(
        x: Any, axis: Any = None, keepdims: bool = False, where: Any = True, initial: Any = None, **options: Any
    ) -> Any:
        if initial is not None and np.ndim(initial):
            raise InputError(f"initial is one number, and is of shape {np.shape(initial)}.")
        x = _only(x, where, neutral)
        if not x.ndim and axis in (0, -1):  # NumPy takes a scalar for a line of one entry
            axis = None
        if initial is None:
            return reduce(x, axis=axis, keepdims=keepdims, **options)
        axes = _axes(x, axis)
        if combine in _EXTREMES and not prod(x.shape[i] for i in axes):
            shape = [1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes]
            return F.broadcast_to(F.astype(_array(initial), x.dtype), shape)
        result = reduce(x, axis=axis, keepdims=keepdims, **options)
        return combine(result, F.astype(_array(initial), result.dtype))

    return reduced


_EXTREMES = (F.maximum, F.minimum, F.fmax, F.fmin)  # which have no start of their own


def _extreme_in_part(name: str, reduce: Any, neutral: Any, combine: Any) -> Callable[..., Any]:
    reduced = _in_part(reduce, neutral, combine)

    def extreme(x: Any, axis: Any = None, keepdims: bool = False, where: Any = True, initial: Any = None) -> Any:
        if where is not True and initial is None:
            raise InputError(f"numpy.{name}: what is left may be nothing.\n    Fix: give initial= beside where=.")
        return reduced(x, axis, keepdims, where, initial)

    return extreme


def _nan_extreme_in_part(reduce: Any, neutral: float, combine: Any) -> Callable[..., Any]:
    """The first of what is left, or of ``initial``: then there is always one, and nan takes the place of nothing."""
    reduced = _leaving_out_nan(_in_part(reduce, neutral, combine), neutral)
    either = _nan_in_part(partial(_nan_extreme, reduce, neutral))

    def extreme(x: Any, *args: Any, initial: Any = None, **options: Any) -> Any:
        if initial is None:
            return either(x, *args, **options)
        return reduced(x, *args, initial=initial, **options)

    return extreme


def _nan_in_part(reduce: Any, combine: Any = None) -> Callable[..., Any]:
    """A reduction that leaves out nan leaves out more of them."""

    def reduced(x: Any, *args: Any, where: Any = True, initial: Any = None, **options: Any) -> Any:
        if initial is not None and np.ndim(initial):
            raise InputError(f"initial is one number, and is of shape {np.shape(initial)}.")
        result = reduce(_only(x, where, np.nan), *args, **options)
        return result if initial is None else combine(result, F.astype(_array(initial), result.dtype))

    return reduced


def _weights(x: Any, where: Any, axis: Any, keepdims: Any) -> Any:
    """How many entries are left."""
    return np.sum(np.broadcast_to(_data(operand(where)), x.shape), axis=axis, keepdims=keepdims, dtype=x.dtype)


def _mean_in_part(x: Any, axis: Any = None, keepdims: bool = False, *, where: Any) -> Any:
    return F.sum(_only(x, where, 0.0), axis=axis, keepdims=keepdims) / _weights(x, where, axis, keepdims)


def _var_in_part(
    x: Any, axis: Any = None, keepdims: bool = False, *, correction: float = 0, where: Any = True, mean: Any = None
) -> Any:
    mean = _mean_in_part(x, axis, True, where=where) if mean is None else operand(mean)
    freedom = np.maximum(_weights(x, where, axis, keepdims) - correction, 0)
    return F.sum(_only(F.square(x - mean), where, 0.0), axis=axis, keepdims=keepdims) / freedom


IN_PART: dict[str, Callable[..., Any]] = {
    "all": _in_part(F.all, True, F.logical_and),
    "any": _in_part(F.any, False, F.logical_or),
    "logsumexp": _in_part(F.logsumexp, -np.inf, F.logaddexp),
    "max": _extreme_in_part("max", F.max, -np.inf, F.maximum),
    "mean": _mean_in_part,
    "min": _extreme_in_part("min", F.min, np.inf, F.minimum),
    "nanmax": _nan_extreme_in_part(F.max, -np.inf, F.fmax),
    "nanmean": _nan_in_part(nanmean),
    "nanmin": _nan_extreme_in_part(F.min, np.inf, F.fmin),
    "nanprod": _nan_in_part(nanprod, F.multiply),
    "nanstd": _nan_in_part(lambda a, *args, **options: ADAPTERS["nanstd"](a, *args, **options)),
    "nansum": _nan_in_part(nansum, F.add),
    "nanvar": _nan_in_part(nanvar),
    "prod": _in_part(F.prod, 1.0, F.multiply),
    "std": lambda *args, **options: F.sqrt(_var_in_part(*args, **options)),
    "sum": _in_part(F.sum, 0.0, F.add),
    "var": _var_in_part,
}
IN_PART["amax"], IN_PART["amin"] = IN_PART["max"], IN_PART["min"]


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = _array(y)
    (place,) = _axes(y, axis)
    before = (slice(None),) * place
    if x is not None:
        x = _array(x)
        dx = F.diff(x, axis=axis if x.ndim > 1 else -1)
        dx = dx if x.ndim > 1 else F.reshape(dx, (-1, *[1] * (y.ndim - place - 1)))
    return F.sum(dx * (y[*before, 1:] + y[*before, :-1]) * 0.5, axis=axis)


def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    dtype: Any = None,
) -> Any:
    given = [F.copy(_array(part)) for part in (m, y) if part is not None]
    dtype = np.result_type(*[part.dtype for part in given], float) if dtype is None else dtype
    rows = [_observations(F.astype(given[0], dtype), rowvar)]
    if y is not None:  # which is a row where it has one, whatever rowvar says
        rows.append(_observations(F.astype(given[1], dtype), rowvar or given[1].shape[:1] == (1,)))
    x = rows[0] if len(rows) == 1 else F.concat(rows, axis=0)
    ddof = (0 if bias else 1) if ddof is None else ddof
    if ddof != int(ddof):
        raise InputError(f"numpy.cov: ddof is a whole number, and is {ddof}.")
    weights: Any = None
    for name, numbers in (("fweights", fweights), ("aweights", aweights)):
        if numbers is not None:
            numbers = _double(numbers)
            if numbers.shape != x.shape[1:] or np.any(_data(numbers) < 0):
                raise InputError(f"numpy.cov: {name} is a number from 0 up for each of the {x.shape[1]} observations.")
            if name == "fweights" and np.any(_data(numbers) % 1):
                raise InputError("numpy.cov: fweights counts observations.\n    Fix: give aweights.")
            weights = numbers if weights is None else weights * numbers
    if weights is None:
        apart = x - F.mean(x, axis=1, keepdims=True)
        return F.squeeze(apart @ apart.mT) * _inverse(max(x.shape[1] - ddof, 0))
    total = F.sum(weights)
    if not np.any(_data(weights)):
        raise InputError("numpy.cov: the weights sum to zero.")
    apart = x - F.sum(x * weights, axis=1, keepdims=True) / total
    lost = ddof if aweights is None else ddof * F.sum(weights * operand(aweights)) / total
    freedom = total - lost if ddof else total
    return F.squeeze(apart @ (apart * weights).mT) * (1.0 / freedom if _data(freedom) > 0 else _inverse(0))


def _inverse(freedom: float) -> float:
    """1 / freedom, and infinity where there is none."""
    return 1.0 / freedom if freedom else np.inf


def _observations(m: Any, rowvar: bool) -> Any:
    """A row a variable."""
    if m.ndim > 2:
        raise InputError("numpy.cov: there are more than two axes.\n    Fix: give a row for each variable.")
    if m.ndim < 2:
        return F.reshape(m, (1, -1))
    return m if rowvar else m.mT


def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = F.sqrt(F.diagonal(c))
    return F.clip(c / F.expand_dims(deviation, axis=1) / deviation, -1.0, 1.0)


def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    places = _data(x)
    if weights is None:
        return np.bincount(places, minlength=minlength)
    weights = _double(weights)
    if places.ndim != 1 or weights.shape != places.shape:
        raise ShapeError(f"numpy.bincount: weights of shape {weights.shape} for indices of shape {places.shape}.")
    return F.scatter_add((max(places.max(initial=-1) + 1, minlength),), weights.dtype, places, weights)


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    flat = F.reshape(_array(ary), (-1,))
    parts = [to_begin, flat[1:] - flat[:-1], to_end]
    return F.concat([F.astype(F.reshape(_array(part), (-1,)), flat.dtype) for part in parts if part is not None])


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    ends = [None if end is None else _array(end) for end in (prepend, append)]  # arrays, which have a dtype, to NumPy
    return F.diff(a, n, axis, prepend=ends[0], append=ends[1])


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    axes = _axes(f, axis)
    spacings = tuple(map(operand, varargs or (1.0,)))
    if len(spacings) == 1 and not np.ndim(spacings[0]):
        spacings *= len(axes)
    if len(spacings) != len(axes):
        raise InputError(f"numpy.gradient: {len(spacings)} spacings for {len(axes)} axes.")
    if edge_order not in (1, 2):
        raise InputError(f"numpy.gradient: edge_order is 1 or 2, and is {edge_order}.")
    results = tuple(_gradient(f, h, i, edge_order) for h, i in zip(spacings, axes, strict=True))
    return results[0] if len(results) == 1 else results


def _gradient(f: Any, spacing: Any, axis: int, edge_order: int) -> Any:
    if f.shape[axis] < edge_order + 1:
        raise ShapeError(
            f"numpy.gradient: axis {axis} of {f.shape[axis]} entries is too short for edge_order {edge_order}."
        )
    f = F.moveaxis(f, axis, -1)
    h, uneven = spacing, bool(np.ndim(spacing))
    if uneven:
        if np.ndim(spacing) > 1 or len(spacing) != f.shape[-1]:
            raise ShapeError(f"numpy.gradient: {len(spacing)} coordinates for {f.shape[-1]} entries of axis {axis}.")
        h = spacing[1:] - spacing[:-1]
        x, y = h[:-1], h[1:]
        weights = -y / (x * (x + y)), (y - x) / (x * y), x / (y * (x + y))
        inner = f[..., :-2] * weights[0] + f[..., 1:-1] * weights[1] + f[..., 2:] * weights[2]
    else:
        inner = (f[..., 2:] - f[..., :-2]) / (2.0 * h)
    ends = []
    for sign, here, near, far in ((1.0, 0, 1, 2), (-1.0, -1, -2, -3)):
        if edge_order == 1:
            end = (f[..., near] - f[..., here]) / (h[here] if uneven else h)
        else:
            weights = _edge_weights(h[here], h[near]) if uneven else (-1.5 / h, 2.0 / h, -0.5 / h)
            end = f[..., here] * weights[0] + f[..., near] * weights[1] + f[..., far] * weights[2]
        ends.append(F.expand_dims(sign * end, axis=-1))
    result = F.moveaxis(F.concat([ends[0], inner, ends[1]], axis=-1), -1, axis)
    return F.astype(result, f.dtype) if f.dtype.kind == "f" else result


def _edge_weights(x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Of an end and the two entries beside it, at distances x and y from one another."""
    return -(2.0 * x + y) / (x * (x + y)), (x + y) / (x * y), -x / (y * (x + y))


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    x, xp, fp = _double(x), _double(xp), _double(fp)
    if xp.ndim != 1 or not xp.size or xp.shape != fp.shape:
        raise ShapeError(f"numpy.interp: points are two vectors of one length, and not {xp.shape} and {fp.shape}.")
    if period is not None:
        x, xp = x % abs(period), xp % abs(period)
        order = np.argsort(_data(xp), kind="stable")
        xp, fp = xp[order], fp[order]
        xp = F.concat([xp[-1:] - abs(period), xp, xp[:1] + abs(period)])
        fp = F.concat([fp[-1:], fp, fp[:1]])
    place = np.clip(np.searchsorted(_data(xp), _data(x), side="right") - 1, 0, max(len(xp) - 2, 0))
    after = np.minimum(place + 1, len(xp) - 1)
    width = F.where(place == after, 1.0, xp[after] - xp[place])
    inside = fp[place] + (fp[after] - fp[place]) * ((x - xp[place]) / width)
    inside = F.where(F.less(x, xp[0]), fp[0] if left is None else left, inside)
    inside = F.where(F.equal(x, xp[-1]), fp[-1], inside)
    return F.where(F.greater(x, xp[-1]), fp[-1] if right is None else right, inside)


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * pi) -> Any:
    data = _data(p)
    return p + (np.unwrap(data, discont, axis, period=period) - data)


@operation
def _convolve(xp: Any, a: Any, v: Any) -> Any:
    return xp.convolve(a, v)


@_convolve.derivative("a")
def _(g: Any, v: Any, a_shape: Any) -> Any:
    return _overlaps(g, v, a_shape)


@_convolve.derivative("v")
def _(g: Any, a: Any, v_shape: Any) -> Any:
    return _overlaps(g, a, v_shape)


def _overlaps(g: Any, other: Any, shape: Any) -> Any:
    """For each entry of one operand, the gradient of what it went into, times what it met there."""
    result = _convolve(g, other[::-1])[other.shape[0] - 1 :][: shape[0]]
    return result if isinstance(g, Recorded) or isinstance(other, Recorded) else result.data


def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    a, v = F.atleast_1d(_array(a)), F.atleast_1d(_array(v))
    if len(v) > len(a):
        a, v = v, a
    n, m = len(a), len(v)
    full = _convolve(a, v)
    parts = {"full": slice(None), "same": slice((m - 1) // 2, (m - 1) // 2 + n), "valid": slice(m - 1, n)}
    if mode not in parts:
        raise InputError(f"numpy.convolve: mode {mode!r} is none of {', '.join(parts)}.")
    return full[parts[mode]]


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    a, v = F.atleast_1d(_array(a)), F.atleast_1d(_array(v))
    return convolve(v, a[::-1], mode)[::-1] if len(v) > len(a) else convolve(a, v[::-1], mode)


# Polynomials


def polyval(p: Any, x: Any) -> Any:
    x = operand(x)
    result = F.zeros_like(x)
    for coefficient in _array(p):
        result = result * x + coefficient
    return result


def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    x = _array(x)
    if x.ndim != 1:
        raise ShapeError(f"numpy.vander: x has one axis, and is of shape {x.shape}.")
    x = F.astype(x, np.promote_types(x.dtype, int))  # as NumPy has it: of float32, float64
    powers = range(len(x) if N is None else N)
    return F.stack([x**i for i in (powers if increasing else reversed(powers))], axis=-1)


def polyfit(x: Any, y: Any, deg: int, rcond: Any = None) -> Any:
    x, y = _floating(x), _floating(y)
    if not x.size or y.ndim not in (1, 2) or len(x) != len(y) or deg < 0:
        raise ShapeError(f"numpy.polyfit: points {x.shape} and {y.shape} give no polynomial of degree {deg}.")
    columns = vander(x, int(deg) + 1)
    scale = F.sqrt(F.sum(F.square(columns), axis=0))
    rcond = len(x) * float(np.finfo(x.dtype).eps) if rcond is None else rcond
    solution = F.pinv(columns / scale, rtol=rcond) @ y
    return solution / (scale if y.ndim == 1 else F.expand_dims(scale, axis=1))


def poly(seq_of_zeros: Any) -> Any:
    zeros = _array(seq_of_zeros)
    if zeros.ndim != 1:
        raise InputError("numpy.poly: that of a matrix is not recorded.\n    Fix: give its zeros, as a vector.")
    zeros = F.astype(zeros, np.mintypecode(zeros.dtype.char))  # of float16, float64
    result = F.ones_like(zeros, shape=(1,))
    for zero in zeros:
        result = F.pad(result, (0, 1)) - F.pad(zero * result, (1, 0))
    return result


def polyadd(a1: Any, a2: Any) -> Any:
    a1, a2 = F.atleast_1d(_array(a1)), F.atleast_1d(_array(a2))
    n = max(len(a1), len(a2))
    return F.pad(a1, (n - len(a1), 0)) + F.pad(a2, (n - len(a2), 0))


def _without_leading_zeros(p: Any) -> Any:
    p = F.atleast_1d(_array(p))
    if not p.shape[0]:
        return F.zeros(1, p.dtype)
    (places,) = np.nonzero(_data(p))
    return p[min(places[0] if places.size else len(p), len(p) - 1) :]


def polyder(p: Any, m: int = 1) -> Any:
    p = _vector("polyder", p)
    for _ in _times("polyder", m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


def polyint(p: Any, m: int = 1) -> Any:
    for _ in _times("polyint", m):
        p = _vector("polyint", p)
        p = F.pad(p / np.arange(len(p), 0, -1), (0, 1))
    return p


def _times(name: str, m: int) -> range:
    if m < 0:
        raise InputError(f"numpy.{name}: m is a whole number from 0 up, and is {m}.")
    return range(m)


# Shape


def append(arr: Any, values: Any, axis: Any = None) -> Any:
    arr, values = _array(arr), _array(values)
    if axis is None:
        return F.concat([F.reshape(arr, (-1,)), F.reshape(values, (-1,))])
    return F.concat([arr, values], axis=axis)


def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    arr = _array(arr)
    if axis is None:
        arr, axis = F.reshape(arr, (-1,)), 0
    (axis,) = _axes(arr, axis)
    n = arr.shape[axis]
    if not isinstance(obj, slice):
        obj = _data(operand(obj))
        obj = obj if obj.size else obj.astype(int)
    count = np.insert(np.arange(n), obj, -1).size - n
    values = F.astype(_array(values), arr.dtype)
    values = F.reshape(values, (*[1] * (arr.ndim - values.ndim), *values.shape))
    if not isinstance(obj, slice):
        if obj.ndim == 0:  # as an index into the result would be, it is an axis that is not there
            values = F.moveaxis(values, 0, axis)
        if obj.size == 1:
            count = values.shape[axis]
    values = F.broadcast_to(values, (*arr.shape[:axis], count, *arr.shape[axis + 1 :]))
    order = np.insert(np.arange(n), obj, np.arange(n, n + count))
    return F.take(F.concat([arr, values], axis=axis), order, axis=axis)


def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    if axis is None:
        arr, axis = F.reshape(arr, (-1,)), 0
    obj = obj if isinstance(obj, slice) else _data(obj)
    return F.take(arr, np.delete(np.arange(arr.shape[axis]), obj), axis=axis)


def resize(a: Any, new_shape: Any) -> Any:
    new_shape = (new_shape,) if isinstance(new_shape, int) else tuple(new_shape)
    if not a.size:
        return F.zeros_like(a, shape=new_shape)
    return F.reshape(a, (-1,))[np.resize(np.arange(a.size), new_shape)]


def trim_zeros(filt: Any, trim: str = "fb") -> Any:
    filt = _array(filt)
    kept = np.flatnonzero(_data(filt))
    if filt.ndim != 1:
        raise InputError("numpy.trim_zeros: there are several axes.\n    Fix: only an array of one axis is recorded.")
    if not kept.size:
        return filt[:0]
    start = kept[0] if "f" in trim.lower() else 0
    stop = kept[-1] + 1 if "b" in trim.lower() else len(filt)
    return filt[start:stop]


def block(arrays: Any) -> Any:
    depth = _depth(arrays)
    ndim = max([depth, *(np.ndim(leaf) for leaf in _leaves(arrays))])

    def assemble(part: Any, level: int) -> Any:
        if isinstance(part, list):
            return F.concat([assemble(inner, level - 1) for inner in part], axis=-level)
        part = _array(part)
        return F.reshape(part, (*[1] * (ndim - part.ndim), *part.shape))

    return assemble(arrays, depth)


def _depth(part: Any) -> int:
    return 1 + max(map(_depth, part), default=0) if isinstance(part, list) else 0


def _leaves(part: Any) -> Any:
    return chain.from_iterable(map(_leaves, part)) if isinstance(part, list) else [part]


def _rows(m: Any) -> Any:
    """A matrix; of a vector, one with the vector in each row."""
    return F.broadcast_to(m, (len(m), len(m))) if m.ndim == 1 else m


def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    (axis,), start = _axes(a, axis), start + a.ndim if start < 0 else start
    return F.moveaxis(a, axis, start - 1 if axis < start else start)


def reshape(
    a: Any, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: bool | None = None
) -> Any:
    shape = newshape if shape is None else shape
    if copy is not None:
        if not copy:
            np.reshape(_data(a), shape, cast(Any, order), copy=False)  # which says so where there is no other way
        return F.copy(reshape(a, shape, order)) if copy else reshape(a, shape, order)
    if order == "C":
        return F.reshape(a, shape)
    if order != "F":
        raise InputError(
            f"numpy.reshape: order {order!r} depends on how data lies in memory.\n    Fix: give 'C' or 'F'."
        )
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return F.transpose(F.reshape(F.transpose(a), shape[::-1]))


def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    n = len(xi)
    grids = []
    for i, x in enumerate(xi):
        place = 1 - i if indexing == "xy" and n > 1 and i < 2 else i
        grids.append(F.reshape(_array(x), [-1 if j == place else 1 for j in range(n)]))
    return tuple(grids) if sparse else F.broadcast_arrays(*grids)


def stride_tricks_sliding_window_view(x: Any, window_shape: Any, axis: Any = None) -> Any:
    sizes, axes = (window_shape,) if isinstance(window_shape, int) else tuple(window_shape), _axes(x, axis)
    if len(sizes) != len(axes):
        raise InputError(f"numpy.lib.stride_tricks.sliding_window_view: {len(sizes)} windows for {len(axes)} axes.")
    for size, i in zip(sizes, axes, strict=True):
        if not 0 <= size <= x.shape[i]:
            raise ShapeError(f"numpy.lib.stride_tricks.sliding_window_view: {size} of {x.shape[i]} entries.")
        places = np.arange(x.shape[i] - size + 1)[:, None] + np.arange(size)
        x = F.moveaxis(F.take(x, places, axis=i), i + 1, -1)
    return x


def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    lines = F.moveaxis(arr, axis, -1)
    around = lines.shape[:-1]
    results = [_array(func1d(lines[place], *args, **kwargs)) for place in np.ndindex(*around)]
    stacked = F.stack(results)
    made = stacked.ndim - 1
    stacked = F.reshape(stacked, (*around, *stacked.shape[1:]))
    axis %= arr.ndim
    return F.moveaxis(stacked, tuple(range(-made, 0)), tuple(range(axis, axis + made)))


def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    for axis in (axes,) if isinstance(axes, int) else axes:
        result = func(a, axis)
        a = result if result.ndim == a.ndim else F.expand_dims(result, axis=axis)
    return a


def fft_fftshift(x: Any, axes: Any = None) -> Any:
    axes = _axes(x, axes)
    return F.roll(x, tuple(x.shape[i] // 2 for i in axes), axis=axes)


def fft_ifftshift(x: Any, axes: Any = None) -> Any:
    axes = _axes(x, axes)
    return F.roll(x, tuple(-(x.shape[i] // 2) for i in axes), axis=axes)


# New arrays


def full_like(a: Any, fill_value: Any, dtype: Any = None, shape: Any = None) -> Any:
    value = F.astype(_array(fill_value), a.dtype if dtype is None else dtype)
    return F.broadcast_to(value, a.shape if shape is None else shape)


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    if np.ndim(base):
        raise InputError("numpy.logspace: base is an array.\n    Fix: write base ** np.linspace(start, stop).")
    result = F.power(base, F.linspace(operand(start), operand(stop), num, endpoint, axis=axis))
    return result if dtype is None else F.astype(result, dtype)


def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    start, stop = _double(start), _double(stop)
    if np.any(_data(start) * _data(stop) <= 0):
        raise InputError("numpy.geomspace: start and stop are not zero, and of one sign.")
    steps = F.linspace(0.0, F.log(F.divide(stop, start)), num, endpoint)
    result = F.moveaxis(start * F.exp(steps), 0, axis)
    return result if dtype is None else F.astype(result, dtype)


# Picking


def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    *,
    equal_nan: bool = True,
) -> Any:
    ar, find = _array(ar), cast(Any, np.unique)
    _, index, *more = find(_data(ar), True, return_inverse, return_counts, axis, equal_nan=equal_nan)
    values = F.take(ar, index, axis=axis)
    results = (values, index, *more) if return_index else (values, *more)
    return results if len(results) > 1 else values


def unique_values(x: Any) -> Any:
    return unique(x, equal_nan=False)


def _unique_with(more: Any) -> Callable[..., Any]:
    return lambda x: more(_data(x))._replace(values=unique_values(x))


unique_all, unique_counts, unique_inverse = map(_unique_with, (np.unique_all, np.unique_counts, np.unique_inverse))


def intersect1d(ar1: Any, ar2: Any) -> Any:
    values = unique(ar1)
    return values[np.isin(_data(values), _data(operand(ar2)))]


def setdiff1d(ar1: Any, ar2: Any) -> Any:
    values = unique(ar1)
    return values[~np.isin(_data(values), _data(operand(ar2)))]


def _inside(places: Any, length: int, mode: str) -> Any:
    """Indices beyond the ends, turned into such as are there."""
    if mode not in ("wrap", "clip"):
        raise InputError(f"mode is 'raise', 'wrap' or 'clip', and is {mode!r}.")
    return places % length if mode == "wrap" else np.clip(places, 0, length - 1)


def take(a: Any, indices: Any, axis: Any = None, mode: str = "raise") -> Any:
    places = _data(indices)
    if isinstance(indices, list | tuple) and not places.size:  # of no dtype yet
        places = places.astype(int)
    if mode != "raise":
        places = _inside(places, a.size if axis is None else a.shape[axis], mode)
    return F.take(a, places, axis=axis)


def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    if axis is None:
        arr, axis = F.reshape(arr, (-1,)), 0
    return F.take_along_axis(_array(arr), _array(indices), axis=axis)


def partition(a: Any, kth: Any, axis: Any = -1) -> Any:
    if axis is None:
        a, axis = F.reshape(a, (-1,)), -1
    return F.take_along_axis(a, np.argpartition(_data(a), kth, axis=axis), axis=axis)


# Linear algebra


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = F.moveaxis(_array(a), axisa, -1), F.moveaxis(_array(b), axisb, -1)
    return F.moveaxis(F.cross(a, b, axis=-1), -1, axisc)


def _vector(name: str, x: Any) -> Any:
    x = _array(x)
    if x.ndim != 1:
        raise ShapeError(f"numpy.{name}: a vector has one axis, and this is of shape {x.shape}.")
    return x


def _matrix(name: str, x: Any) -> Any:
    x = _array(x)
    if x.ndim < 2:
        raise ShapeError(f"numpy.{name}: a matrix has two axes or more, and this is of shape {x.shape}.")
    return x


def linalg_cond(x: Any, p: Any = None) -> Any:
    if p in (None, 2, -2):
        s = F.svdvals(x)
        result = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
        unknown = np.isnan(_data(result)) & ~np.any(np.isnan(_data(x)), axis=(-2, -1))
        return F.where(unknown, np.inf, result) if np.any(unknown) else result
    return F.matrix_norm(x, ord=p) * F.matrix_norm(F.inv(x), ord=p)


def linalg_lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    a, b = _floating(a), _floating(b)
    rows, columns = a.shape
    eps = float(np.finfo(a.dtype).eps)
    rcond = eps * max(rows, columns) if rcond is None else eps if rcond < 0 else rcond
    s = F.svdvals(a)
    rank = int(np.sum(_data(s) > rcond * np.max(_data(s), initial=0.0)))
    x = F.pinv(a, rtol=rcond) @ b
    residuals = F.sum(F.square(b - a @ x), axis=0, keepdims=b.ndim == 1)
    return x, residuals if rank == columns < rows else residuals[..., :0], np.intc(rank), s


def linalg_pinv(a: Any, rcond: Any = None, *, rtol: Any = np._NoValue) -> Any:
    if rcond is not None and rtol is not np._NoValue:
        raise InputError("numpy.linalg.pinv: rtol and rcond are the same.\n    Fix: give one of them.")
    if rtol is np._NoValue:
        rtol = 1e-15 if rcond is None else rcond
    return F.pinv(a, rtol=rtol)


def linalg_norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    axes = _axes(x, axis)
    if len(axes) == 1 or (axis is None and ord is None):
        return F.norm(x, 2 if ord is None else ord, axis=axes, keepdims=keepdims)
    if len(axes) != 2:
        raise InputError(f"numpy.linalg.norm: ord {ord!r} is of vectors or matrices, and {len(axes)} axes are neither.")
    result = F.matrix_norm(F.moveaxis(x, axes, (-2, -1)), ord="fro" if ord is None else ord)
    return F.expand_dims(result, axis=axes) if keepdims else result


def linalg_tensorinv(a: Any, ind: int = 2) -> Any:
    rows = prod(a.shape[ind:])
    return F.reshape(F.inv(F.reshape(a, (rows, -1))), (*a.shape[ind:], *a.shape[:ind]))


def linalg_tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    a, b = _array(a), _array(b)
    if axes is not None:
        a = F.permute_dims(a, [*(i for i in range(a.ndim) if i not in axes), *axes])
    inner = a.shape[b.ndim :]
    return F.reshape(F.solve(F.reshape(a, (b.size, -1)), F.reshape(b, (-1,))), inner)


# The classes of NumPy's results that have names, which it does not show.
_MATRIX = np.ones((1, 1))
_EighResult = type(np.linalg.eigh(_MATRIX))
_QRResult = type(np.linalg.qr(_MATRIX))
_SlogdetResult = type(np.linalg.slogdet(_MATRIX))
_SVDResult = type(np.linalg.svd(_MATRIX))


def linalg_svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    return _SVDResult(*F.svd(a, full_matrices=full_matrices)) if compute_uv else F.svdvals(a)


# Methods of ufuncs


def fold(
    ufunc: Any,
    method: str,
    function: Any,
    x: Any,
    indices: Any = None,
    axis: Any = 0,
    keepdims: bool = False,
    initial: Any = np._NoValue,
    where: Any = True,
) -> Any:
    """``reduce``, ``accumulate`` or ``reduceat`` of any ufunc that has a derivative: one entry after another."""
    if where is not True:
        raise InputError(f"numpy.{ufunc.__name__}.{method}: where= is not recorded.\n    Fix: pick the entries first.")
    x = _array(x)
    if not getattr(getattr(function, "rule", None), "differentiable", True):  # a comparison: NumPy's own will do
        raise InputError(f"numpy.{ufunc.__name__}.{method}: there is no derivative of this function.")
    if method == "accumulate":
        axis = _one_axis(x, axis)
        value = ufunc.accumulate(_data(x), axis=axis)  # which says so where NumPy would not
        return F.stack(list(accumulate(F.unstack(x, axis=axis), function)), axis=axis) if value.size else F.copy(x)
    if method == "reduceat":
        axis, places = _one_axis(x, axis), _data(indices)
        ends = [*places[1:], x.shape[axis]]
        parts = [F.take(x, np.arange(i, max(end, i + 1)), axis=axis) for i, end in zip(places, ends, strict=True)]
        return F.stack([ufunc.reduce(part, axis=axis, initial=None) for part in parts], axis=axis)
    start = ufunc.identity if initial is np._NoValue else initial
    first = () if start is None else (F.astype(_array(start), x.dtype),)
    value = ufunc.reduce(_data(x), axis=axis, keepdims=keepdims, initial=_data(first[0]) if first else None)
    axes = _axes(x, axis) if x.ndim else ()
    lines = F.moveaxis(x, axes, tuple(range(len(axes)))) if axes else x
    lines = F.reshape(lines, (prod(lines.shape[: len(axes)]), *lines.shape[len(axes) :]))
    result = reduce(function, (*first, *F.unstack(lines)))
    return F.reshape(F.broadcast_to(result, lines.shape[1:]), np.shape(value))


# The tables: what is one expression stands here, and what is longer above


def _running(extreme: Any) -> Any:
    def running(x: Any, axis: int = 0) -> Any:
        data = _data(x)
        places = np.arange(data.shape[axis]).reshape([-1 if i == axis % data.ndim else 1 for i in range(data.ndim)])
        kept = (data == extreme.accumulate(data, axis=axis)) | np.isnan(data)
        latest = np.maximum.accumulate(np.where(kept, places, 0), axis=axis)
        return F.take_along_axis(x, latest, axis=axis)

    return running


def _along(run: Any) -> Any:
    """A running result along one axis."""

    def accumulated(x: Any, axis: Any = 0) -> Any:
        return run(x, axis=_one_axis(x, axis))

    return accumulated


def _running_logaddexp(x: Any, axis: int = 0) -> Any:
    if not x.shape[axis]:
        return F.copy(x)
    lines = F.moveaxis(x, axis, 0)
    results = [lines[0]]
    for line in lines[1:]:
        results.append(F.logaddexp(results[-1], line))
    return F.stack(results, axis=axis)


ACCUMULATIONS: dict[str, Callable[..., Any]] = {
    "add": _along(F.cumsum),
    "logaddexp": _along(_running_logaddexp),
    "maximum": _along(_running(np.maximum)),
    "minimum": _along(_running(np.minimum)),
    "multiply": _along(F.cumprod),
}

ADAPTERS: dict[str, Callable[..., Any]] = {
    "around": lambda a, decimals=0: F.round(a, decimals=decimals),
    "compress": lambda condition, a, axis=None: F.take(a, np.flatnonzero(_data(condition)), axis=axis),
    "diagflat": lambda v, k=0: F.diag(F.reshape(_array(v), (-1,)), k),
    "cumulative_prod": lambda x, *, axis=None, dtype=None, include_initial=False: F.cumulative_prod(
        F.atleast_1d(x), axis, dtype=dtype, include_initial=include_initial
    ),
    "cumulative_sum": lambda x, *, axis=None, dtype=None, include_initial=False: F.cumulative_sum(
        F.atleast_1d(x), axis, dtype=dtype, include_initial=include_initial
    ),
    "divmod": lambda x1, x2: (F.floor_divide(x1, x2), F.remainder(x1, x2)),
    "dot": lambda a, b: F.dot(_array(a), _array(b)),
    "expit": lambda x: F.sigmoid(x),
    "extract": lambda condition, arr: F.reshape(arr, (-1,))[np.flatnonzero(_data(condition))],
    "float_power": lambda x1, x2: F.power(F.astype(_array(x1), float), F.astype(_array(x2), float)),
    "fmod": lambda x1, x2: F.copysign(F.remainder(abs(x1), abs(x2)), x1),
    "imag": lambda val: F.zeros_like(F.real(val)),
    "inner": lambda a, b: F.inner(_array(a), _array(b)),
    "kron": lambda a, b: F.kron(_array(a), _array(b)),
    "linalg_diagonal": lambda x, *, offset=0: F.diagonal(x, offset, -2, -1),
    "linalg_eigh": lambda a, UPLO="L": _EighResult(*F.eigh(a, UPLO)),
    "linalg_eigvalsh": lambda a, UPLO="L": F.eigvalsh(a, UPLO),
    "linalg_qr": lambda a, mode="reduced": F.qr(a)[1] if mode == "r" else _QRResult(*F.qr(a, mode=mode)),
    "linalg_slogdet": lambda a: _SlogdetResult(*F.slogdet(a)),
    "linalg_trace": lambda x, *, offset=0: F.trace(x, offset, -2, -1),
    "matvec": lambda x1, x2: F.matmul(_matrix("matvec", x1), F.expand_dims(x2, axis=-1))[..., 0],
    "nanmax": lambda a, axis=None, keepdims=False: _nan_extreme(F.max, -np.inf, a, axis, keepdims),
    "nanmin": lambda a, axis=None, keepdims=False: _nan_extreme(F.min, np.inf, a, axis, keepdims),
    "nanstd": lambda a, axis=None, correction=0, keepdims=False: F.sqrt(nanvar(a, axis, correction, keepdims)),
    "linalg_outer": lambda x1, x2, /: F.outer(*(_vector("linalg.outer", x) for x in (x1, x2))),
    "ndim": lambda a: a.ndim,
    "polymul": lambda a1, a2: convolve(_without_leading_zeros(a1), _without_leading_zeros(a2)),
    "polysub": lambda a1, a2: polyadd(a1, F.negative(_array(a2))),
    "ravel": lambda a, order="C": reshape(a, (-1,), order),
    "real_if_close": lambda a, tol=100: F.real(a),
    "setxor1d": lambda ar1, ar2: unique(append(setdiff1d(ar1, ar2), setdiff1d(ar2, ar1))),
    "shape": lambda a: a.shape,
    "size": lambda a, axis=None: prod(a.shape[i] for i in _axes(a, axis)),
    "tril": lambda m, k=0: F.tril(_rows(m), k),
    "triu": lambda m, k=0: F.triu(_rows(m), k),
    "union1d": lambda ar1, ar2: unique(append(ar1, ar2)),
    "vecmat": lambda x1, x2: F.matmul(F.expand_dims(x1, axis=-2), _matrix("vecmat", x2))[..., 0, :],
    **{
        name: function
        for name, function in globals().items()
        if isfunction(function) and function.__module__ == __name__ and name[0] != "_"
    },
}
