"""The error function on NumPy arrays, which NumPy itself lacks.

erfc(x) = exp(-x * x) * s * Q(t) for x from 0 on, with s = 1 / (x + k), t = (x - k) * s and a polynomial Q: the form of
Shepherd and Laframboise, Mathematics of Computation 36 (1981).  It is smooth from 0 to where erfc is zero, so one
formula without branches serves all entries.  The coefficients are Chebyshev approximations made for this file, with
a relative error below 1e-17 (double) and 3e-9 (single).  What is single is computed in double, in blocks that stay in
the cache.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["erf", "erfc"]

_BLOCK = 1 << 14  # entries; the five arrays of a block fill 640 kilobytes

# k, where erfc is zero in the dtype, and the coefficients of Q, highest power first.
_DOUBLE = (
    3.5,
    27.4,
    [
        3.194159903898397e-09,
        8.791830267391674e-09,
        -2.163618823998496e-08,
        -8.279506973111203e-08,
        1.1630697816962291e-07,
        5.496608616783219e-07,
        -7.96800108137739e-07,
        -3.3914445177903036e-06,
        7.244508695354009e-06,
        1.8646953286248663e-05,
        -7.477723849600575e-05,
        -4.206210427003785e-05,
        0.000714531722572303,
        -0.0013053547014051678,
        -0.0031770503479773143,
        0.026518619882562725,
        -0.09231870663807033,
        0.22573862164736672,
        -0.43525602671690355,
        0.6941136466346453,
        -0.9377997245671119,
        1.08705558926226,
    ],
)
_SINGLE = (
    3.0,
    10.1,
    [
        -0.000328124514748079,
        -0.00048747362245496413,
        0.003080860042548756,
        -0.0012236405131756218,
        -0.02683960452516718,
        0.11952846087032061,
        -0.3104660506828796,
        0.5902283433487979,
        -0.8833944856936683,
        1.0740069072538734,
    ],
)
# erf(x) / x in powers of x * x, for sizes below a half, where 1 - erfc(x) would cancel.
_CENTRE = [
    1.4725865480556744e-06,
    -1.4845849259707869e-05,
    0.00012053335124353741,
    -0.0008548297753674966,
    0.00522397737302147,
    -0.026866170632887928,
    0.11283791670925353,
    -0.37612638903183476,
    1.1283791670955126,
]


def erf(x: Any) -> Any:
    """The error function, in the dtype of ``x`` (float64 for integers)."""
    return _in_blocks(_erf, x)


def erfc(x: Any) -> Any:
    """1 - erf(x), without cancellation where ``x`` is large."""
    return _in_blocks(_erfc, x)


def _in_blocks(function: Callable[[Any, Any, bool], Any], x: Any) -> Any:
    """``function(x, spare, single)`` block by block of the entries as they lie in memory."""
    x = np.asarray(x)
    if x.dtype.kind != "f":
        x = x.astype(np.float64)
    out = np.empty_like(x)
    if x.strides != out.strides:  # there are gaps between the entries, or they run backwards
        x = x.copy(order="K")
    entries, results = x.ravel(order="K"), out.ravel(order="K")
    single = x.dtype.itemsize <= 4
    spare = np.empty((5, min(_BLOCK, entries.size)))
    for start in range(0, entries.size, _BLOCK):
        block = entries[start : start + _BLOCK]
        y, *others = spare[:, : len(block)]
        y[...] = block
        results[start : start + _BLOCK] = function(y, others, single)
    return out


def _erfc(y: Any, spare: Any, single: bool) -> Any:
    size, part, inverse, out = spare
    np.abs(y, out=size)
    _tail(size, part, inverse, out, single)
    negative = np.less(y, 0)
    np.multiply(negative, 2.0, out=y)
    np.subtract(1.0, y, out=part)
    out *= part  # 2 - erfc(-x) where x is negative
    out += y
    return out


def _erf(y: Any, spare: Any, single: bool) -> Any:
    size, part, inverse, out = spare
    np.abs(y, out=size)
    near = size < 0.5
    _tail(size, part, inverse, out, single)
    np.subtract(1.0, out, out=out)
    np.copysign(out, y, out=out)
    if near.any():
        np.multiply(y, y, out=size)
        _polynomial(_CENTRE, size, part)
        part *= y
        np.copyto(out, part, where=near)
    return out


def _tail(x: Any, part: Any, inverse: Any, out: Any, single: bool) -> None:
    """erfc of ``x``, which is not negative, into ``out``; the others are overwritten."""
    shift, end, coefficients = _SINGLE if single else _DOUBLE
    np.minimum(x, end, out=x)  # a nan stays one
    np.add(x, shift, out=inverse)
    np.reciprocal(inverse, out=inverse)
    np.subtract(x, shift, out=part)
    part *= inverse
    _polynomial(coefficients, part, out)
    out *= inverse
    if not single:
        # exp(-x * x) in two factors, of which the first has an exact argument: the rounding of x * x would show.
        coarse = inverse
        np.multiply(x, 16.0, out=coarse)
        np.trunc(coarse, out=coarse)
        coarse *= 0.0625
        np.subtract(coarse, x, out=part)
        x += coarse
        part *= x
        np.exp(part, out=part)
        out *= part
        x = coarse
    np.multiply(x, x, out=x)
    np.negative(x, out=x)
    np.exp(x, out=x)
    out *= x


def _polynomial(coefficients: list[float], x: Any, out: Any) -> None:
    np.multiply(x, coefficients[0], out=out)
    out += coefficients[1]
    for coefficient in coefficients[2:]:
        out *= x
        out += coefficient
