"""Ufuncs of scipy.special that differentiate on Variables: SciPy's own values, and the formulas of their derivatives.

Loaded when one of them first meets a Variable, by which time a program has imported SciPy; Wengert itself does not need
it.  Formulas: the NIST Digital Library of Mathematical Functions, chapters 5 (gamma) and 7 (error functions).
"""

from collections.abc import Callable
from math import log, pi, sqrt
from typing import Any

import numpy as np
from scipy import special

from wengert import functions as F
from wengert.core.operation import operation
from wengert.core.recorded import Recorded
from wengert.errors import DtypeError
from wengert.functions.kinks import within

__all__ = ["SPECIAL"]


def _one(name: str, slope: Callable[..., Any]) -> Callable[..., Any]:
    """A ufunc of one argument; ``slope(xp, x, out)`` is its derivative."""
    ufunc = getattr(special, name)

    def forward(xp, x):  # type: ignore[no-untyped-def]
        return ufunc(_numpys(name, x))

    return _made(name, forward, {"x": lambda xp, g, x, out: g * slope(xp, x, out)})


def _two(name: str, slope_x: Callable[..., Any], slope_y: Callable[..., Any]) -> Callable[..., Any]:
    """A ufunc of two arguments, that broadcast; ``slope_x(xp, x, y)`` and ``slope_y(xp, x, y)`` are its derivatives."""
    ufunc = getattr(special, name)

    def forward(xp, x, y):  # type: ignore[no-untyped-def]
        return ufunc(_numpys(name, x), _numpys(name, y))

    formulas = {
        "x": lambda xp, g, x, y: g * slope_x(xp, x, y),
        "y": lambda xp, g, x, y: g * slope_y(xp, x, y),
    }
    return _made(name, forward, formulas)


def _made(name: str, forward: Any, formulas: dict[str, Any]) -> Callable[..., Any]:
    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = f"See ``scipy.special.{name}``."
    made: Any = operation(forward, broadcasts=len(formulas) == 2)
    for place, formula in formulas.items():
        made.derivative(place)(formula)
    return made  # type: ignore[no-any-return]


def _numpys(name: str, x: Any) -> Any:
    if not isinstance(x, np.ndarray | np.generic | float | int):
        raise DtypeError(
            f"scipy.special.{name} is for NumPy's arrays, and this is one of {type(x).__module__.partition('.')[0]}.\n"
            "    Fix: convert it where that is meant, with numpy.asarray(variable.data)."
        )
    return x


@operation
def _polygamma(xp, x, /, n):  # type: ignore[no-untyped-def]
    return special.psi(_numpys("psi", x)) if n == 0 else np.asarray(special.polygamma(n, _numpys("psi", x)), x.dtype)


@_polygamma.derivative("x")
def _(g: Any, x: Any, n: int) -> Any:
    return g * _digamma(x, n + 1)


def _digamma(x: Any, n: int = 0) -> Any:
    """The n-th derivative of the digamma function, of an array or a Variable."""
    result = _polygamma(x, n=n)
    return result if isinstance(x, Recorded) else result.data


def _log_ratio(xp: Any, x: Any, y: Any) -> Any:
    return xp.log(x / y)


def _quotient(xp: Any, x: Any, y: Any) -> Any:
    """x / y, and 0 where x is."""
    zero = x == 0
    return xp.where(zero, 0.0, x / xp.where(zero, 1.0, y))


def _density(xp: Any, x: Any) -> Any:
    return xp.exp(-0.5 * x * x) * (1 / sqrt(2 * pi))


@operation
def _hazard(xp, x):  # type: ignore[no-untyped-def]
    """The normal density over its integral up to x, of which each vanishes long before their ratio does."""
    return sqrt(2 / pi) / special.erfcx(x * -sqrt(0.5))


@_hazard.derivative("x")
def _(g: Any, x: Any) -> Any:
    return g * within(_hazard_slope, x)


@operation
def _hazard_slope(xp, x):  # type: ignore[no-untyped-def]
    wide = np.asarray(x, np.float64)
    ratio, u = sqrt(2 / pi) / special.erfcx(wide * -sqrt(0.5)), 1 / np.minimum(wide, -1) ** 2
    # Far down the sum cancels.  There the ratio is -x * (1 + u * rest), and the sum rest / -x, of an asymptotic series.
    rest = np.polynomial.polynomial.polyval(u, [1, -2, 10, -74, 706, -8162, 110410])
    return np.asarray(-np.where(wide < -30, (1 + u * rest) * rest, ratio * (wide + ratio)), x.dtype)


@_hazard_slope.derivative("x")
def _(g: Any, x: Any, out: Any) -> Any:
    ratio = within(_hazard, x)
    return -g * (out * (x + ratio) + ratio * (1 + out))


# Of the inverses: exp(y * y) is erfcx(y) / erfc(y), and what y is the inverse of is known to the last digit, while the
# rounding of y would grow as its square.


@operation
def _erfinv_slope(xp, x):  # type: ignore[no-untyped-def]
    return _risen(special.erfinv(_numpys("erfinv", x)), 1 - np.abs(x))


@_erfinv_slope.derivative("x")
def _(g: Any, x: Any, out: Any) -> Any:
    return 2 * g * _value("erfinv", x) * out * out


@operation
def _erfcinv_slope(xp, x):  # type: ignore[no-untyped-def]
    return _risen(special.erfcinv(_numpys("erfcinv", x)), np.minimum(x, 2 - x))


@_erfcinv_slope.derivative("x")
def _(g: Any, x: Any, out: Any) -> Any:
    return -2 * g * _value("erfcinv", x) * out * out


def _risen(y: Any, tail: Any) -> Any:
    """sqrt(pi) / 2 * exp(y * y), with erfc(abs(y)) known; infinite where that is 0."""
    none = tail == 0
    return np.where(none, np.inf, (sqrt(pi) / 2) * special.erfcx(np.abs(y)) / np.where(none, 1, tail))


@operation
def _ndtri_slope(xp, x):  # type: ignore[no-untyped-def]
    x = _numpys("ndtri", x)
    return _risen(special.ndtri(x) * sqrt(0.5), 2 * np.minimum(x, 1 - x)) * sqrt(8)


@_ndtri_slope.derivative("x")
def _(g: Any, x: Any, out: Any) -> Any:
    return g * _value("ndtri", x) * out * out


SPECIAL: dict[str, Callable[..., Any]] = {
    "cbrt": F.cbrt,
    "erf": F.erf,
    "erfc": F.erfc,
    "exp2": F.exp2,
    "expit": F.sigmoid,
    "expm1": F.expm1,
    "log1p": F.log1p,
    "log_expit": F.log_sigmoid,
    "psi": lambda x: _polygamma(x, n=0),
    "entr": _one("entr", lambda xp, x, out: -xp.log(x) - 1),
    "erfcinv": _one("erfcinv", lambda xp, x, out: -within(_erfcinv_slope, x)),
    "erfinv": _one("erfinv", lambda xp, x, out: within(_erfinv_slope, x)),
    "exp10": _one("exp10", lambda xp, x, out: log(10) * out),
    "gamma": _one("gamma", lambda xp, x, out: out * _digamma(x)),
    "gammaln": _one("gammaln", lambda xp, x, out: _digamma(x)),
    "log_ndtr": _one("log_ndtr", lambda xp, x, out: within(_hazard, x)),
    "logit": _one("logit", lambda xp, x, out: 1 / (x * (1 - x))),
    "ndtr": _one("ndtr", lambda xp, x, out: _density(xp, x)),
    "ndtri": _one("ndtri", lambda xp, x, out: within(_ndtri_slope, x)),
    "rgamma": _one("rgamma", lambda xp, x, out: -out * _digamma(x)),
    "beta": _two(
        "beta",
        lambda xp, x, y: _value("beta", x, y) * (_digamma(x) - _digamma(x + y)),
        lambda xp, x, y: _value("beta", x, y) * (_digamma(y) - _digamma(x + y)),
    ),
    "betaln": _two(
        "betaln",
        lambda xp, x, y: _digamma(x) - _digamma(x + y),
        lambda xp, x, y: _digamma(y) - _digamma(x + y),
    ),
    "kl_div": _two("kl_div", _log_ratio, lambda xp, x, y: 1 - x / y),
    "rel_entr": _two("rel_entr", lambda xp, x, y: _log_ratio(xp, x, y) + 1, lambda xp, x, y: -_quotient(xp, x, y)),
    "xlog1py": _two("xlog1py", lambda xp, x, y: xp.log1p(y), lambda xp, x, y: _quotient(xp, x, 1 + y)),
    "xlogy": _two("xlogy", lambda xp, x, y: xp.log(y), _quotient),
}


def _value(name: str, *args: Any) -> Any:
    """A function of the table in a formula: recorded on Variables, and an array on arrays."""
    result = SPECIAL[name](*args)
    return result if any(isinstance(arg, Recorded) for arg in args) else result.data
