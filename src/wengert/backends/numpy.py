"""NumPy, which is the Array API standard already, and the kernels it lacks."""
# The whole of NumPy's namespace is the point of this file.
# ruff: noqa: F403, F405

import builtins
import math
from typing import Any

import numpy as np
from numpy import *
from numpy.linalg import (  # noqa: F401
    cholesky,
    det,
    eigh,
    eigvalsh,
    inv,
    matrix_rank,
    pinv,
    qr,
    slogdet,
    solve,
    svd,
    svdvals,
)

from wengert.backends.convolution import *
from wengert.backends.placed import Placed
from wengert.backends.regions import cleared, entries, shows  # noqa: F401
from wengert.backends.saved import fingerprint as _bits_of
from wengert.backends.special import erf, erfc  # noqa: F401
from wengert.errors import DtypeError

__all__ = ["checked_array", "ndarray", "scatter_add", "update"]

ndarray = np.ndarray
checks_index = True  # NumPy refuses an index of an entry that is not there


def check_type(kind: type) -> None:
    """Refuse a class of arrays whose operators mean something else than NumPy's own, and whose derivatives would."""
    if issubclass(kind, np.ma.MaskedArray):
        raise DtypeError("a masked array would lose its mask.\n    Fix: fill it first, with masked.filled(value).")
    if issubclass(kind, np.ndarray) and kind not in (np.ndarray, np.memmap):
        raise DtypeError(f"a {kind.__name__} is more than an array.\n    Fix: convert it, with numpy.asarray(array).")


def checked_array(data: Any) -> Any:
    """``data`` as a plain array of numbers, without a copy; refused where that would lose something."""
    if data.dtype.kind not in "biufc":
        raise DtypeError(
            f"an array of dtype {data.dtype} does not hold numbers.\n"
            "    Fix: convert it, for example with data.astype(float)."
        )
    return np.asarray(data)


# NumPy's own reductions go through several Python functions: for small arrays those cost more than the sum.


def sum(x: Any, axis: Any = None, **options: Any) -> Any:
    """``numpy.sum``, as the ufunc that it is."""
    return np.add.reduce(x, axis=axis, **options)


def max(x: Any, axis: Any = None, **options: Any) -> Any:
    """``numpy.max``."""
    return np.maximum.reduce(x, axis=axis, **options)


def min(x: Any, axis: Any = None, **options: Any) -> Any:
    """``numpy.min``."""
    return np.minimum.reduce(x, axis=axis, **options)


_BITS: dict[Any, Any] = {np.dtype(f"f{size}"): np.dtype(f"i{size}") for size in (2, 4, 8)}


def where(condition: Any, /, *choices: Any) -> Any:
    """``numpy.where``; large arrays of floating point are chosen by their bits, without a branch for each entry."""
    if len(choices) == 2 and isinstance(condition, np.ndarray) and condition.size > 4096:
        x, y = choices
        dtype = x.dtype if isinstance(x, np.ndarray) else getattr(y, "dtype", None)
        bits = _BITS.get(dtype)
        if bits and condition.dtype == np.bool_:
            x, y = (_bits(choice, condition.shape, dtype, bits) for choice in choices)
            if x is not None and y is not None:
                out = condition.astype(bits)
                np.negative(out, out=out)
                if y.ndim == 0 and y == 0:
                    out &= x
                else:
                    out &= x ^ y
                    out ^= y
                return out.view(dtype)
    return np.where(condition, *choices)


def _bits(choice: Any, shape: tuple[int, ...], dtype: Any, bits: Any) -> Any:
    """The bits of a plain number or of an array of just this shape and dtype; None for all else."""
    if type(choice) is float or type(choice) is int:
        return np.asarray(choice, dtype=dtype).view(bits)
    if isinstance(choice, np.ndarray) and choice.shape == shape and choice.dtype == dtype:
        return choice.view(bits)
    return None


def scatter_add(shape: tuple[int, ...], dtype: Any, index: Any, values: Any) -> Any:
    """Zeros of ``shape`` with ``values`` added at ``index``; entries named twice receive both."""
    out = np.zeros(shape, dtype=dtype)
    if _names_entries_once(index):
        out[index] = values
    else:
        np.add.at(out, index, values)
    return out


def placed(shape: tuple[int, ...], index: Any, values: Any) -> Any:
    """The same, not made yet: whoever adds it to an array need not go over all of it."""
    return Placed(shape, index, values)


def add_at(x: Any, index: Any, values: Any) -> Any:
    """``x`` with ``values`` added at ``index``, in place; a scalar is none, and a new array is made."""
    if x.__class__ is not ndarray:
        x = np.array(x)
    if _names_entries_once(index):
        x[index] += values
    else:
        np.add.at(x, index, values)
    return x


def last_writes(shape: tuple[int, ...], index: Any) -> Any:
    """Which of the entries written at ``index`` still stand afterwards; None where all of them do."""
    if _names_entries_once(index):
        return None
    writer, index = np.empty(shape, dtype=np.intp), _row_by_row(index)
    order = np.arange(writer[index].size).reshape(writer[index].shape)
    writer[index] = order
    return writer[index] == order


def update(x: Any, index: Any, value: Any) -> Any:
    """A copy of ``x`` with ``value`` at ``index``; of the values for one entry the last, row by row, stands."""
    out = np.array(x, copy=True)
    write(out, index, value)
    return out


def write(x: Any, index: Any, value: Any) -> None:
    """``x[index] = value``; of the values for one entry the last, row by row, stands."""
    x[_row_by_row(index)] = _in_rows(value)


def _row_by_row(index: Any) -> Any:
    """An index that NumPy, which writes in the order of memory, goes through row by row."""
    return tuple(map(_in_rows, index)) if isinstance(index, tuple) else _in_rows(index)


def _in_rows(value: Any) -> Any:
    return np.asarray(value, order="C") if isinstance(value, np.ndarray) else value


def _names_entries_once(index: Any) -> Any:
    """Whether no entry can be named twice: slices and numbers, and at most a boolean mask."""
    if isinstance(index, np.ndarray) and index.dtype == np.bool_:
        return True
    parts = index if isinstance(index, tuple) else (index,)
    return builtins.all(part is None or part is Ellipsis or isinstance(part, int | slice | np.integer) for part in parts)


def linear(x: Any, weight: Any, bias: Any) -> Any:
    """``x @ weight + bias``, the bias added in place to the fresh product."""
    if x.ndim > 2:  # as one matrix: NumPy would multiply those of a batch one after the other
        out = linear(x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), weight, bias)
        return out.reshape(*x.shape[:-1], weight.shape[1])
    out = x @ weight
    if bias is None:
        return out
    if out.dtype == bias.dtype:
        out += bias
        return out
    return out + bias


@np.errstate(over="ignore")
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), and 0 where exp(-x) is beyond the dtype."""
    out = np.exp(x * -1.0)  # unsigned integers have no negative
    out += 1
    return np.divide(1, out, out=out if out.ndim else None)


@np.errstate(over="ignore", under="ignore")
def sum_powers(x: Any, power: float, axis: Any) -> Any:
    """The sum of the sizes to a power along axes, which stay with length 1."""
    return np.add.reduce(x * x if power == 2 else np.abs(x) ** power, axis=axis, keepdims=True)


def tanh_slope(c: Any, y: Any) -> Any:
    """``c * (1 - y * y)``."""
    return c * (1 - y * y)


def normalize_rows_slope(g: Any, x: Any, weight: Any, mean: Any, var: Any, eps: float) -> Any:
    """The derivative of layer normalization of rows (mean None: not centred) in them, the weight and the bias.

    It goes through blocks of rows that stay in the cache, and sums by products with BLAS.
    """
    g, share = np.ascontiguousarray(g), 1.0 / x.shape[1]
    inverse = 1 / np.sqrt(var + eps)
    in_x, in_weight, in_bias = np.empty_like(g), np.zeros_like(weight), np.zeros_like(weight)
    count = builtins.max(1, 2**18 // x.shape[1])
    for start in range(0, len(g), count):
        block = slice(start, start + count)
        g_block, out, scale = g[block], in_x[block], inverse[block]
        centre = x[block].copy() if mean is None else x[block] - mean[block]
        np.multiply(g_block, centre, out=out)
        in_weight += scale[:, 0] @ out
        in_bias += np.ones(len(out), g.dtype) @ g_block
        centre *= (out @ weight)[:, None] * scale * scale * share
        np.multiply(g_block, weight, out=out)
        out -= centre
        if mean is not None:
            out -= (g_block @ weight)[:, None] * share
        out *= scale
    return in_x, in_weight, in_bias


def masked_softmax(scores: Any, allowed: Any) -> Any:
    """The softmax along the last axis over what is allowed (None: everything), zeros where nothing is; in place."""
    if allowed is not None:
        if np.broadcast_shapes(scores.shape, allowed.shape) == scores.shape:
            np.copyto(scores, -np.inf, where=~allowed)
        else:
            scores = np.where(allowed, scores, -np.inf)
    top = np.maximum.reduce(scores, axis=-1, keepdims=True, initial=-np.inf)
    scores -= np.where(top == -np.inf, 0, top)
    np.exp(scores, out=scores)
    total = np.vecdot(scores, np.ones(scores.shape[-1:], scores.dtype))[..., None]
    scores /= np.where(total == 0, 1, total)
    return scores


def outside_range(index: Any, count: int) -> int | None:
    """An entry of ``index`` that is negative or not below ``count``; None where there is none."""
    if not index.size:
        return None
    low, high = int(index.min()), int(index.max())
    return low if low < 0 else high if high >= count else None


def dropout_mask(generator: Any, shape: tuple[int, ...], dtype: Any, ratio: float) -> Any:
    """Zero with probability ``ratio``, else what makes up for the zeros."""
    dtype = dtype if dtype.kind == "f" else np.dtype(float)
    draws = generator.random(shape, dtype=np.float32)
    mask = np.where(draws >= ratio, dtype.type(1 / (1 - ratio)), dtype.type(0))
    mask.flags.writeable = False  # so that the tape need not copy it: see saved.py
    return mask


def softmax_cross_entropy(x: Any, t: Any) -> Any:
    """The mean over the rows of log sum exp(x) less the score of the label."""
    rows = x.reshape(-1, x.shape[-1])
    top = np.maximum.reduce(rows, axis=1, keepdims=True)
    rows = rows - top
    score = rows[np.arange(len(rows)), t.reshape(-1)]
    return np.add.reduce(np.log(np.add.reduce(np.exp(rows), axis=1)) - score) / len(rows)


def softmax_cross_entropy_slope(x: Any, t: Any) -> Any:
    """Its derivative in ``x``."""
    rows = x.reshape(-1, x.shape[-1])
    e = rows - np.maximum.reduce(rows, axis=1, keepdims=True)
    np.exp(e, e)
    e /= np.add.reduce(e, axis=1, keepdims=True)
    e[np.arange(len(rows)), t.reshape(-1)] -= 1
    e *= 1.0 / (len(rows) or 1)
    return e.reshape(x.shape)


def surely(condition: Any) -> bool:
    """Whether a condition holds anywhere."""
    return bool(np.logical_or.reduce(condition, axis=None))


def fingerprint(x: Any) -> Any:
    """What tells an array from others: its shape, its dtype and a sum over its bits."""
    if x.dtype == np.longdouble:
        x = x.astype(np.float64)  # which has no bits that mean nothing
    return x.shape, x.dtype.str, _bits_of(x)
