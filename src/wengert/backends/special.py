"""The error function on NumPy arrays, which NumPy itself lacks.

Rational approximations of W. J. Cody, Mathematics of Computation 23 (1969), in three ranges of the argument.
"""

from typing import Any

import numpy as np

__all__ = ["erf", "erfc"]

# Numerators and denominators, highest power first.
_NEAR = (
    [1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3],
    [1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3],
)
_MIDDLE = (
    [
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594e0,
        6.61191906371416295e1,
        2.98635138197400131e2,
        8.81952221241769090e2,
        1.71204761263407058e3,
        2.05107837782607147e3,
        1.23033935479799725e3,
    ],
    [
        1.0,
        1.57449261107098347e1,
        1.17693950891312499e2,
        5.37181101862009858e2,
        1.62138957456669019e3,
        3.29079923573345963e3,
        4.36261909014324716e3,
        3.43936767414372164e3,
        1.23033935480374942e3,
    ],
)
_FAR = (
    [
        1.63153871373020978e-2,
        3.05326634961232344e-1,
        3.60344899949804439e-1,
        1.25781726111229246e-1,
        1.60837851487422766e-2,
        6.58749161529837803e-4,
    ],
    [1.0, 2.56852019228982242e0, 1.87295284992346047e0, 5.27905102951428412e-1, 6.05183413124413191e-2, 2.33520497626869185e-3],
)
_ONE_OVER_ROOT_PI = 0.56418958354775628695


def erf(x: Any) -> Any:
    """The error function, in the dtype of ``x`` (float64 for integers)."""
    y, dtype = _prepared(x)
    near = np.abs(y) <= 0.46875
    tail = _tail(np.abs(y))
    out = np.where(near, _centre(np.where(near, y, 0.0)), np.copysign(1.0 - tail, y))
    return out.astype(dtype)


def erfc(x: Any) -> Any:
    """1 - erf(x), without cancellation where ``x`` is large."""
    y, dtype = _prepared(x)
    near = np.abs(y) <= 0.46875
    tail = _tail(np.abs(y))
    out = np.where(near, 1.0 - _centre(np.where(near, y, 0.0)), np.where(y < 0, 2.0 - tail, tail))
    return out.astype(dtype)


def _prepared(x: Any) -> tuple[Any, Any]:
    array = np.asarray(x)
    return array.astype(np.float64), array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)


def _centre(y: Any) -> Any:
    """erf for sizes up to 0.46875."""
    return y * _ratio(_NEAR, y * y)


def _tail(y: Any) -> Any:
    """erfc for sizes from 0.46875 up."""
    y = np.where(y > 30.0, 30.0, np.maximum(y, 0.46875))  # a nan stays one; beyond 27 all is zero
    far = y > 4.0
    inverse = 1.0 / (y * y)
    middle = _ratio(_MIDDLE, np.where(far, 1.0, y))
    distant = (_ONE_OVER_ROOT_PI - inverse * _ratio(_FAR, inverse)) / y
    # exp(-y*y) in two factors, of which the first has an exact argument: the rounding of y*y would show.
    coarse = np.trunc(y * 16.0) / 16.0
    return np.exp(-coarse * coarse) * np.exp(-(y - coarse) * (y + coarse)) * np.where(far, distant, middle)


def _ratio(coefficients: tuple[list[float], list[float]], y: Any) -> Any:
    return np.polyval(coefficients[0], y) / np.polyval(coefficients[1], y)
