"""NumPy functions that ``wengert.functions`` has not, or has with other arguments, written with those it has.

Each has NumPy's name (``linalg_`` before those of numpy.linalg), NumPy's argument names and NumPy's meaning, and
NumPy's own documentation describes it.  Arguments that are left away here are refused by numpy_protocol.py.
"""
# The arguments bear NumPy's names, and shadow Python's.
# ruff: noqa: A001, A002, D103

from collections.abc import Callable
from inspect import isfunction
from itertools import chain
from math import pi
from typing import Any, NamedTuple

import numpy as np

from wengert import functions as F
from wengert.core.recorded import Recorded
from wengert.errors import InputError, ShapeError

__all__ = ["ACCUMULATIONS", "ADAPTERS", "operand"]


def operand(value: Any) -> Any:
    """An argument as NumPy reads it: lists and tuples become arrays, of Variables where Variables are in them.

    Example:
        >>> operand([1.0, 2.0])
        array([1., 2.])
    """
    if value.__class__ is not list and value.__class__ is not tuple:
        return value
    if _has_variables(value):
        return F.stack([operand(part) for part in value])
    return np.asarray(value)


def _has_variables(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_variables, value))
    return isinstance(value, Recorded)


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


def _data(value: Any) -> Any:
    """The array itself, where only a constant is wanted."""
    return np.asarray(value.data if isinstance(value, Recorded) else value)


# Elementwise


def divmod(x1: Any, x2: Any) -> Any:
    return F.floor_divide(x1, x2), F.remainder(x1, x2)


def float_power(x1: Any, x2: Any) -> Any:
    return F.power(F.astype(x1, float), x2)


def expit(x: Any) -> Any:  # of scipy.special
    return F.sigmoid(x)


def fmod(x1: Any, x2: Any) -> Any:
    return F.copysign(F.remainder(abs(x1), abs(x2)), x1)


def ldexp(x1: Any, x2: Any) -> Any:
    return F.multiply(x1, np.exp2(_data(x2)).astype(x1.dtype))


def modf(x: Any) -> Any:
    whole = F.trunc(x)
    return F.copysign(x - whole, x), whole


def around(a: Any, decimals: int = 0) -> Any:
    return F.round(a, decimals=decimals)


def imag(val: Any) -> Any:
    return F.zeros_like(F.real(val))


def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low, high = (operand(a_min if min is None else min)), (operand(a_max if max is None else max))
    return F.clip(a, low, high)


def real_if_close(a: Any, tol: Any = 100) -> Any:
    return F.real(a)


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


def choose(a: Any, choices: Any) -> Any:
    a, *choices = F.broadcast_arrays(a, *choices)
    return F.take_along_axis(F.stack(choices), F.expand_dims(a, axis=0), axis=0)[0]


# Reductions


def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    a, weights = operand(a), operand(weights)
    if weights is None:
        result = F.mean(a, axis=axis, keepdims=keepdims)
        total = F.multiply(F.ones_like(result), np.size(a) / np.size(result))
    else:
        if weights.shape != a.shape:
            if weights.ndim != 1 or not isinstance(axis, int):
                raise ShapeError(
                    f"numpy.average: weights of shape {tuple(weights.shape)} for an array of shape {tuple(a.shape)}.\n"
                    "    Fix: give them the array's shape, or one axis and its length."
                )
            weights = F.reshape(weights, [-1 if i == axis % a.ndim else 1 for i in range(a.ndim)])
            weights = F.broadcast_to(weights, a.shape)
        total = F.sum(weights, axis=axis, keepdims=keepdims)
        result = F.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (result, F.broadcast_to(total, result.shape)) if returned else result


def nansum(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return F.sum(F.where(F.isnan(a), 0.0, a), axis=axis, keepdims=keepdims)


def nanprod(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return F.prod(F.where(F.isnan(a), 1.0, a), axis=axis, keepdims=keepdims)


def nancumsum(a: Any, axis: Any = None) -> Any:
    return F.cumsum(F.where(F.isnan(a), 0.0, a), axis=axis)


def nancumprod(a: Any, axis: Any = None) -> Any:
    return F.cumprod(F.where(F.isnan(a), 1.0, a), axis=axis)


def nanmean(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return nansum(a, axis, keepdims) / _count(a, axis, keepdims)


def nanvar(a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    missing = F.isnan(a)
    apart = F.where(missing, 0.0, a - nanmean(a, axis, True))
    freedom = _count(a, axis, keepdims) - ddof
    return F.sum(F.square(apart), axis=axis, keepdims=keepdims) / np.where(freedom > 0, freedom, np.nan)


def nanstd(a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    return F.sqrt(nanvar(a, axis, ddof, keepdims))


def nanmax(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return _nan_extreme(F.max, -np.inf, a, axis, keepdims)


def nanmin(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return _nan_extreme(F.min, np.inf, a, axis, keepdims)


def _nan_extreme(reduce: Any, neutral: float, a: Any, axis: Any, keepdims: bool) -> Any:
    result = reduce(F.where(F.isnan(a), neutral, a), axis=axis, keepdims=keepdims)
    return F.where(_count(a, axis, keepdims) == 0, np.nan, result)


def _count(a: Any, axis: Any, keepdims: bool) -> Any:
    """How many entries are numbers, in a dtype that does not widen float32."""
    return np.sum(~np.isnan(_data(a)), axis=axis, keepdims=keepdims, dtype=a.dtype)


def quantile(a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    if method != "linear":
        raise InputError(f"numpy.quantile: method {method!r} is not recorded.\n    Fix: leave it away, for 'linear'.")
    axes = tuple(range(a.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(i % a.ndim for i in axes)
    rest = [i for i in range(a.ndim) if i not in axes]
    lines = F.reshape(F.permute_dims(a, (*rest, *axes)), (*[a.shape[i] for i in rest], -1))
    lines, q = F.sort(lines, axis=-1), operand(q)
    position = F.multiply(q, lines.shape[-1] - 1)
    below = np.floor(_data(position)).astype(int)
    above = np.minimum(below + 1, lines.shape[-1] - 1)
    share = F.astype(position - below, a.dtype)
    low, high = lines[..., below], lines[..., above]
    result = low + share * (high - low)
    result = F.where(F.isnan(lines[(..., -1, *[None] * np.ndim(q))]), np.nan, result)
    result = F.permute_dims(result, (*range(len(rest), result.ndim), *range(len(rest))))
    kept = [1 if i in axes else size for i, size in enumerate(a.shape)]
    return F.reshape(result, (*np.shape(q), *kept)) if keepdims else result


def percentile(a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    return quantile(a, F.divide(operand(q), 100), axis, method, keepdims)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = F.moveaxis(_array(y), axis, -1)
    if x is not None:
        x = _array(x)
        x = x if x.ndim == 1 else F.moveaxis(x, axis, -1)
        dx = x[..., 1:] - x[..., :-1]
    return F.sum(dx * (y[..., 1:] + y[..., :-1]) * 0.5, axis=-1)


def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Any:
    rows = [_observations(part, rowvar) for part in (m, y) if part is not None]
    x = rows[0] if len(rows) == 1 else F.concat(rows, axis=0)
    ddof = (0 if bias else 1) if ddof is None else ddof
    weights: Any = None
    for given in (fweights, aweights):
        if given is not None:
            weights = operand(given) if weights is None else weights * operand(given)
    if weights is None:
        apart = x - F.mean(x, axis=1, keepdims=True)
        return apart @ apart.mT / (x.shape[1] - ddof)
    total = F.sum(weights)
    apart = x - F.sum(x * weights, axis=1, keepdims=True) / total
    lost = ddof if aweights is None else ddof * F.sum(weights * operand(aweights)) / total
    return (apart * weights) @ apart.mT / (total - lost) if ddof else (apart * weights) @ apart.mT / total


def _observations(m: Any, rowvar: bool) -> Any:
    """A row a variable, as a Variable."""
    m = F.copy(_floating(m))
    if m.ndim < 2:
        return F.reshape(m, (1, -1))
    return m if rowvar else m.mT


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    c = cov(x, y, rowvar)
    if c.ndim == 0:
        return c / c
    deviation = F.sqrt(F.diagonal(c))
    return F.clip(c / F.expand_dims(deviation, axis=1) / deviation, -1.0, 1.0)


def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    places = _data(x)
    if weights is None:
        return np.bincount(places, minlength=minlength)
    return F.scatter_add((max(places.max(initial=-1) + 1, minlength),), weights.dtype, places, weights)


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    flat = F.reshape(ary, (-1,))
    parts = [to_begin, flat[1:] - flat[:-1], to_end]
    return F.concat([F.reshape(_array(part), (-1,)) for part in parts if part is not None])


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    ends = []
    for end in (prepend, append):
        end = None if end is None else _array(end)
        if end is not None and end.ndim == 0:
            end = F.broadcast_to(end, [1 if i == axis % a.ndim else size for i, size in enumerate(a.shape)])
        ends.append(end)
    parts = [part for part in (ends[0], a, ends[1]) if part is not None]
    return F.diff(F.concat(parts, axis=axis) if len(parts) > 1 else a, n=n, axis=axis)


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    axes = tuple(range(f.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    spacings = varargs or (1.0,)
    if len(spacings) == 1:
        spacings *= len(axes)
    if len(spacings) != len(axes):
        raise InputError(f"numpy.gradient: {len(spacings)} spacings for {len(axes)} axes.")
    results = tuple(_gradient(f, operand(h), i, edge_order) for h, i in zip(spacings, axes, strict=True))
    return results[0] if len(results) == 1 else results


def _gradient(f: Any, spacing: Any, axis: int, edge_order: int) -> Any:
    if f.shape[axis] < edge_order + 1:
        raise ShapeError(
            f"numpy.gradient: axis {axis} of {f.shape[axis]} entries is too short for edge_order {edge_order}."
        )
    f = F.moveaxis(f, axis, -1)
    h = spacing
    if np.ndim(spacing):
        h = spacing[1:] - spacing[:-1]
        if h.shape[0] != f.shape[-1] - 1:
            raise ShapeError(f"numpy.gradient: {len(spacing)} coordinates for {f.shape[-1]} entries of axis {axis}.")
    slope = (f[..., 1:] - f[..., :-1]) / h
    before, after = (h[:-1], h[1:]) if np.ndim(h) else (h, h)
    inner = (slope[..., 1:] * before + slope[..., :-1] * after) / (before + after)
    ends = []
    for near, beyond in ((0, 1), (-1, -2)):
        end = slope[..., near]
        if edge_order == 2:
            step, next_step = (h[near], h[beyond]) if np.ndim(h) else (h, h)
            end = end + (end - slope[..., beyond]) * (step / (step + next_step))
        ends.append(F.expand_dims(end, axis=-1))
    return F.moveaxis(F.concat([ends[0], inner, ends[1]], axis=-1), -1, axis)


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    x, xp, fp = _floating(x), _floating(xp), _floating(fp)
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


def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    a, v = _array(a), _array(v)
    if len(v) > len(a):
        a, v = v, a
    n, m = len(a), len(v)
    padded = F.pad(a, (m - 1, m - 1))
    full = padded[np.arange(n + m - 1)[:, None] + np.arange(m)] @ v[::-1]
    if mode not in _CONVOLUTIONS:
        raise InputError(f"numpy.convolve: mode {mode!r} is none of {', '.join(_CONVOLUTIONS)}.")
    return full[_CONVOLUTIONS[mode](n, m)]


_CONVOLUTIONS: dict[str, Callable[[int, int], slice]] = {
    "full": lambda n, m: slice(None),
    "same": lambda n, m: slice((m - 1) // 2, (m - 1) // 2 + n),
    "valid": lambda n, m: slice(m - 1, n),
}


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    a, v = _array(a), _array(v)
    if len(v) > len(a):
        return convolve(v, a[::-1], mode)[::-1]
    return convolve(a, v[::-1], mode)


# Polynomials


def polyval(p: Any, x: Any) -> Any:
    x = operand(x)
    result = F.zeros_like(x)
    for coefficient in _array(p):
        result = result * x + coefficient
    return result


def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    powers = range(len(x) if N is None else N)
    return F.stack([x**i for i in (powers if increasing else reversed(powers))], axis=-1)


def polyfit(x: Any, y: Any, deg: int, rcond: Any = None) -> Any:
    x, y = _floating(x), _floating(y)
    columns = vander(x, int(deg) + 1)
    scale = F.sqrt(F.sum(F.square(columns), axis=0))
    rcond = len(x) * float(np.finfo(x.dtype).eps) if rcond is None else rcond
    solution = F.pinv(columns / scale, rtol=rcond) @ y
    return solution / (scale if y.ndim == 1 else F.expand_dims(scale, axis=1))


def polyadd(a1: Any, a2: Any) -> Any:
    a1, a2 = _array(a1), _array(a2)
    n = max(len(a1), len(a2))
    return F.pad(a1, (n - len(a1), 0)) + F.pad(a2, (n - len(a2), 0))


def polysub(a1: Any, a2: Any) -> Any:
    return polyadd(a1, F.negative(_array(a2)))


def polymul(a1: Any, a2: Any) -> Any:
    return convolve(a1, a2)


def polyder(p: Any, m: int = 1) -> Any:
    for _ in range(m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1, dtype=p.dtype)
    return p


def polyint(p: Any, m: int = 1) -> Any:
    for _ in range(m):
        p = F.pad(p / np.arange(len(p), 0, -1, dtype=p.dtype), (0, 1))
    return p


# Shape


def atleast_1d(*arys: Any) -> Any:
    return _each(F.atleast_1d, arys)


def atleast_2d(*arys: Any) -> Any:
    return _each(F.atleast_2d, arys)


def atleast_3d(*arys: Any) -> Any:
    return _each(F.atleast_3d, arys)


def _each(function: Callable[..., Any], arrays: tuple[Any, ...]) -> Any:
    results = tuple(function(_array(array)) for array in arrays)
    return results[0] if len(results) == 1 else results


def append(arr: Any, values: Any, axis: Any = None) -> Any:
    arr, values = _array(arr), _array(values)
    if axis is None:
        return F.concat([F.reshape(arr, (-1,)), F.reshape(values, (-1,))])
    return F.concat([arr, values], axis=axis)


def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    arr = _array(arr)
    values = F.astype(_array(values), arr.dtype)
    if axis is None:
        arr, axis = F.reshape(arr, (-1,)), 0
    if arr.ndim != 1 or values.ndim > 1:
        raise InputError("numpy.insert: only insertion into an array of one axis is recorded; use np.concatenate.")
    n = arr.shape[0]
    places = np.arange(n)[obj] if isinstance(obj, slice) else _data(obj)
    count = max(np.size(places), values.size)
    order = np.insert(np.arange(n), places, np.arange(n, n + count))
    return F.concat([arr, F.broadcast_to(values, (count,))])[order]


def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    if axis is None:
        arr, axis = F.reshape(arr, (-1,)), 0
    obj = obj if isinstance(obj, slice) else _data(obj)
    return F.take(arr, np.delete(np.arange(arr.shape[axis]), obj), axis=axis)


def resize(a: Any, new_shape: Any) -> Any:
    new_shape = (new_shape,) if isinstance(new_shape, int) else tuple(new_shape)
    return F.reshape(a, (-1,))[np.resize(np.arange(a.size), new_shape)]


def compress(condition: Any, a: Any, axis: Any = None) -> Any:
    return F.take(a, np.flatnonzero(_data(condition)), axis=axis)


def extract(condition: Any, arr: Any) -> Any:
    return F.reshape(arr, (-1,))[np.flatnonzero(_data(condition))]


def trim_zeros(filt: Any, trim: str = "fb") -> Any:
    filt = _array(filt)
    kept = np.flatnonzero(_data(filt))
    if filt.ndim != 1 or not kept.size:
        return filt[:0] if filt.ndim == 1 else _refuse_axes("numpy.trim_zeros")
    start = kept[0] if "f" in trim.lower() else 0
    stop = kept[-1] + 1 if "b" in trim.lower() else len(filt)
    return filt[start:stop]


def _refuse_axes(name: str) -> Any:
    raise InputError(f"{name}: only an array of one axis is recorded.")


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


def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    axis, start = axis % a.ndim, start + a.ndim if start < 0 else start
    return F.moveaxis(a, axis, start - 1 if axis < start else start)


def reshape(a: Any, shape: Any = None, order: str = "C", *, newshape: Any = None) -> Any:
    shape = newshape if shape is None else shape
    if order == "C":
        return F.reshape(a, shape)
    if order != "F":
        raise InputError(
            f"numpy.reshape: order {order!r} depends on how data lies in memory.\n    Fix: give 'C' or 'F'."
        )
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return F.transpose(F.reshape(F.transpose(a), shape[::-1]))


def ravel(a: Any, order: str = "C") -> Any:
    return reshape(a, (-1,), order)


def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    n = len(xi)
    grids = []
    for i, x in enumerate(map(_array, xi)):
        place = 1 - i if indexing == "xy" and n > 1 and i < 2 else i
        grids.append(F.reshape(x, [-1 if j == place else 1 for j in range(n)]))
    return tuple(grids) if sparse else F.broadcast_arrays(*grids)


def stride_tricks_sliding_window_view(x: Any, window_shape: Any, axis: Any = None) -> Any:
    sizes = (window_shape,) if isinstance(window_shape, int) else tuple(window_shape)
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(sizes) != len(axes):
        raise InputError(f"numpy.lib.stride_tricks.sliding_window_view: {len(sizes)} windows for {len(axes)} axes.")
    ndim = x.ndim
    for size, i in zip(sizes, axes, strict=True):
        i %= ndim
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
    axes = tuple(range(x.ndim)) if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)
    return F.roll(x, tuple(x.shape[i] // 2 for i in axes), axis=axes)


def fft_ifftshift(x: Any, axes: Any = None) -> Any:
    axes = tuple(range(x.ndim)) if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)
    return F.roll(x, tuple(-(x.shape[i] // 2) for i in axes), axis=axes)


# What an array is


def shape(a: Any) -> Any:
    return a.shape


def ndim(a: Any) -> Any:
    return a.ndim


def size(a: Any, axis: Any = None) -> Any:
    axes = (axis,) if isinstance(axis, int) else axis
    return a.size if axes is None else _product(a.shape[i] for i in axes)


def _product(numbers: Any) -> int:
    result = 1
    for number in numbers:
        result *= number
    return result


# New arrays


def zeros_like(a: Any, dtype: Any = None, shape: Any = None) -> Any:
    return _like(F.zeros_like, a, dtype, shape)


def empty_like(prototype: Any, dtype: Any = None, shape: Any = None) -> Any:
    return _like(F.zeros_like, prototype, dtype, shape)


def ones_like(a: Any, dtype: Any = None, shape: Any = None) -> Any:
    return _like(F.ones_like, a, dtype, shape)


def full_like(a: Any, fill_value: Any, dtype: Any = None, shape: Any = None) -> Any:
    value = F.astype(_array(fill_value), a.dtype if dtype is None else dtype)
    return F.broadcast_to(value, a.shape if shape is None else shape)


def _like(make: Any, a: Any, dtype: Any, shape: Any) -> Any:
    result = make(a, dtype=dtype)
    return result if shape is None else F.broadcast_to(make(F.reshape(result, (-1,))[:1]), shape)


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0
) -> Any:
    start, stop = _floating(start), _floating(stop)
    parts = num - 1 if endpoint else num
    step = (stop - start) / max(parts, 1)
    places = np.arange(num, dtype=step.dtype).reshape((-1,) + (1,) * step.ndim)
    result = start + places * step
    if endpoint and num > 1:
        result = F.update(result, -1, stop)
    result = F.moveaxis(result, 0, axis) if axis else result
    result = result if dtype is None else F.astype(result, dtype)
    return (result, step) if retstep else result


def logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, axis: int = 0) -> Any:
    return F.power(base, linspace(start, stop, num, endpoint, axis=axis))


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, axis: int = 0) -> Any:
    start, stop = _floating(start), _floating(stop)
    ratio = F.log(stop / start)
    result = start * F.exp(linspace(F.zeros_like(ratio), ratio, num, endpoint))
    return F.moveaxis(result, 0, axis) if axis else result


def unique(ar: Any) -> Any:
    return F.reshape(ar, (-1,))[np.unique(_data(ar), return_index=True)[1]]


def unique_values(x: Any) -> Any:
    return unique(x)


def union1d(ar1: Any, ar2: Any) -> Any:
    return unique(append(ar1, ar2))


# Picking


def take(a: Any, indices: Any, axis: Any = None, mode: str = "raise") -> Any:
    places = _data(indices)
    if mode != "raise":
        length = a.size if axis is None else a.shape[axis]
        places = places % length if mode == "wrap" else np.clip(places, 0, length - 1)
    return F.take(a, places, axis=axis)


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


def diagflat(v: Any, k: int = 0) -> Any:
    return F.diag(F.reshape(_array(v), (-1,)), k)


def matvec(x1: Any, x2: Any) -> Any:
    return F.matmul(x1, F.expand_dims(x2, axis=-1))[..., 0]


def vecmat(x1: Any, x2: Any) -> Any:
    return F.matmul(F.expand_dims(x1, axis=-2), x2)[..., 0, :]


def linalg_diagonal(x: Any, *, offset: int = 0) -> Any:
    return F.diagonal(x, offset, -2, -1)


def linalg_trace(x: Any, *, offset: int = 0) -> Any:
    return F.trace(x, offset, -2, -1)


def linalg_cond(x: Any, p: Any = None) -> Any:
    if p in (None, 2, -2):
        s = F.svdvals(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return F.matrix_norm(x, ord=p) * F.matrix_norm(F.inv(x), ord=p)


def linalg_lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    a, b = _floating(a), _floating(b)
    rows, columns = a.shape
    rcond = float(np.finfo(a.dtype).eps) * max(rows, columns) if rcond is None else max(rcond, 0.0)
    s = F.svdvals(a)
    rank = int(np.sum(_data(s) > rcond * np.max(_data(s), initial=0.0)))
    x = F.pinv(a, rtol=rcond) @ b
    residuals = F.sum(F.square(b - a @ x), axis=0, keepdims=b.ndim == 1)
    return x, residuals if rank == columns < rows else residuals[..., :0], rank, s


def linalg_pinv(a: Any, rcond: Any = None, *, rtol: Any = np._NoValue) -> Any:
    if rcond is None and rtol is np._NoValue:
        rcond = 1e-15
    return F.pinv(a, rtol=rcond if rtol is np._NoValue else rtol)


def linalg_norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if axis is None and (ord is None or (ord == "fro" and x.ndim == 2)):
        return F.norm(x, keepdims=keepdims)
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(axes) == 1:
        return linalg_vector_norm(x, axis=axes[0], keepdims=keepdims, ord=2 if ord is None else ord)
    if len(axes) != 2:
        raise InputError(f"numpy.linalg.norm: ord {ord!r} is of vectors or matrices, and {len(axes)} axes are neither.")
    axes = tuple(i % x.ndim for i in axes)
    result = F.matrix_norm(F.moveaxis(x, axes, (-2, -1)), ord="fro" if ord is None else ord)
    return F.expand_dims(result, axis=axes) if keepdims else result


def linalg_vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    if ord == 0:
        return F.sum(F.astype(F.not_equal(x, 0), x.dtype), axis=axis, keepdims=keepdims)
    if ord < 0 and ord != -np.inf:
        return F.sum(abs(x) ** ord, axis=axis, keepdims=keepdims) ** (1 / ord)
    return F.norm(x, ord, axis=axis, keepdims=keepdims)


def linalg_tensorinv(a: Any, ind: int = 2) -> Any:
    rows = _product(a.shape[ind:])
    return F.reshape(F.inv(F.reshape(a, (rows, -1))), (*a.shape[ind:], *a.shape[:ind]))


def linalg_tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    a, b = _array(a), _array(b)
    if axes is not None:
        a = F.permute_dims(a, [*(i for i in range(a.ndim) if i not in axes), *axes])
    inner = a.shape[b.ndim :]
    return F.reshape(F.solve(F.reshape(a, (b.size, -1)), F.reshape(b, (-1,))), inner)


class EighResult(NamedTuple):
    """As numpy.linalg.eigh returns."""

    eigenvalues: Any
    eigenvectors: Any


class QRResult(NamedTuple):
    """As numpy.linalg.qr returns."""

    Q: Any
    R: Any


class SlogdetResult(NamedTuple):
    """As numpy.linalg.slogdet returns."""

    sign: Any
    logabsdet: Any


class SVDResult(NamedTuple):
    """As numpy.linalg.svd returns."""

    U: Any
    S: Any
    Vh: Any


def linalg_eigh(a: Any) -> Any:
    return EighResult(*F.eigh(a))


def linalg_slogdet(a: Any) -> Any:
    return SlogdetResult(*F.slogdet(a))


def linalg_qr(a: Any, mode: str = "reduced") -> Any:
    return F.qr(a)[1] if mode == "r" else QRResult(*F.qr(a, mode=mode))


def linalg_svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    if not compute_uv:
        return F.svdvals(a)
    return SVDResult(*F.svd(a, full_matrices=full_matrices))


# The tables


def _running(extreme: Any) -> Any:
    def running(x: Any, axis: int = 0) -> Any:
        data = _data(x)
        places = np.arange(data.shape[axis]).reshape([-1 if i == axis % data.ndim else 1 for i in range(data.ndim)])
        latest = np.maximum.accumulate(np.where(data == extreme.accumulate(data, axis=axis), places, 0), axis=axis)
        return F.take_along_axis(x, latest, axis=axis)

    return running


def _running_logaddexp(x: Any, axis: int = 0) -> Any:
    lines = F.moveaxis(x, axis, 0)
    results = [lines[0]]
    for line in lines[1:]:
        results.append(F.logaddexp(results[-1], line))
    return F.stack(results, axis=axis)


ACCUMULATIONS: dict[str, Callable[..., Any]] = {
    "add": lambda x, axis: F.cumsum(x, axis=axis),
    "logaddexp": _running_logaddexp,
    "maximum": _running(np.maximum),
    "minimum": _running(np.minimum),
    "multiply": lambda x, axis: F.cumprod(x, axis=axis),
}

ADAPTERS: dict[str, Callable[..., Any]] = {
    name: function
    for name, function in globals().items()
    if isfunction(function) and function.__module__ == __name__ and name[0] != "_" and name != "operand"
}
