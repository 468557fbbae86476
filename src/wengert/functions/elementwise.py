"""Functions of each entry on its own.

A derivative keeps the output where the output is enough.  Kinks and steps are at the end.
"""

from wengert.core.operation import operation
from wengert.core.real import real_numbers
from wengert.errors import DtypeError, message
from wengert.functions.kinks import chosen, moves, within

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "ceil",
    "clip",
    "conj",
    "conjugate",
    "copysign",
    "cos",
    "cosh",
    "deg2rad",
    "degrees",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "fix",
    "floor",
    "fmax",
    "fmin",
    "heaviside",
    "hypot",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logaddexp2",
    "maximum",
    "minimum",
    "nan_to_num",
    "rad2deg",
    "radians",
    "real",
    "reciprocal",
    "rint",
    "round",
    "sign",
    "sin",
    "sinc",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "tanh",
    "tanh_slope",
    "trunc",
    "where",
]


@operation
def sin(xp, x):
    """Sine of an angle in radians, elementwise.

    Example:
        >>> import numpy as np
        >>> sin(np.array(0.5))
        variable(0.479425538604203)
    """
    return xp.sin(x)


@sin.derivative("x")
def _(xp, g, x):
    return g * xp.cos(x)


@operation
def cos(xp, x):
    """Cosine of an angle in radians, elementwise.

    Example:
        >>> import numpy as np
        >>> cos(np.array(0.5))
        variable(0.8775825618903728)
    """
    return xp.cos(x)


@cos.derivative("x")
def _(xp, g, x):
    return g * -xp.sin(x)


@operation
def tan(xp, x):
    """Tangent of an angle in radians, elementwise.

    Example:
        >>> import numpy as np
        >>> tan(np.array(0.5))
        variable(0.5463024898437905)
    """
    return xp.tan(x)


@tan.derivative("x")
def _(g, out):
    return g * (1 + out * out)


@operation
def asin(xp, x):
    """Inverse sine in radians, elementwise, of values from -1 to 1.

    Example:
        >>> import numpy as np
        >>> asin(np.array(0.5))
        variable(0.5235987755982989)
    """
    return xp.asin(x)


@asin.derivative("x")
def _(xp, g, x):
    return g / xp.sqrt(within(_unit_gap, x))


@operation
def acos(xp, x):
    """Inverse cosine in radians, elementwise, of values from -1 to 1.

    Example:
        >>> import numpy as np
        >>> acos(np.array(0.5))
        variable(1.0471975511965976)
    """
    return xp.acos(x)


@acos.derivative("x")
def _(xp, g, x):
    return -g / xp.sqrt(within(_unit_gap, x))


@operation
def _unit_gap(xp, x):
    """1 - x * x, as a product, which keeps its digits near 1; the slopes of the two factors would cancel near 0."""
    return (1 - x) * (1 + x)


@_unit_gap.derivative("x")
def _(g, x):
    return g * (-2 * x)


@operation
def atan(xp, x):
    """Inverse tangent in radians, elementwise.

    Example:
        >>> import numpy as np
        >>> atan(np.array(0.5))
        variable(0.4636476090008061)
    """
    return xp.atan(x)


@atan.derivative("x")
def _(g, x):
    return g * within(_bell, x)


@operation
def _bell(xp, x):
    return 1.0 / (1 + x * x)


@_bell.derivative("x")
def _(g, x, out):
    return -2 * g * (x * out * out)  # from the left, for the square of the output alone would vanish


@operation
def sinh(xp, x):
    """Hyperbolic sine, elementwise.

    Example:
        >>> import numpy as np
        >>> sinh(np.array(0.5))
        variable(0.5210953054937474)
    """
    return xp.sinh(x)


@sinh.derivative("x")
def _(xp, g, x):
    return g * xp.cosh(x)


@operation
def cosh(xp, x):
    """Hyperbolic cosine, elementwise.

    Example:
        >>> import numpy as np
        >>> cosh(np.array(0.5))
        variable(1.1276259652063807)
    """
    return xp.cosh(x)


@cosh.derivative("x")
def _(xp, g, x):
    return g * xp.sinh(x)


@operation
def tanh(xp, x):
    """Hyperbolic tangent, elementwise.

    Example:
        >>> import numpy as np
        >>> tanh(np.array(0.5))
        variable(0.46211715726000974)
    """
    return xp.tanh(x)


@tanh.derivative("x")
def _(xp, g, out):
    return xp.tanh_slope(g, out)


@operation(broadcasts=True)
def tanh_slope(xp, c, y):
    """c * (1 - y * y), elementwise: the derivative of tanh where it is y, times c.

    One operation of its own keeps the tapes of high derivatives short.

    Example:
        >>> import numpy as np
        >>> tanh_slope(np.array(2.0), np.array(0.5))
        variable(1.5)
    """
    return xp.tanh_slope(c, y)


@tanh_slope.derivative("c")
def _(xp, g, y):
    return xp.tanh_slope(g, y)


@tanh_slope.derivative("y")
def _(g, c, y):
    return -2 * g * c * y


@operation
def asinh(xp, x):
    """Inverse hyperbolic sine, elementwise.

    Example:
        >>> import numpy as np
        >>> asinh(np.array(0.5))
        variable(0.48121182505960347)
    """
    return xp.asinh(x)


@asinh.derivative("x")
def _(xp, g, x):
    return g / xp.hypot(x, xp.ones_like(x))  # x * x would overflow


@operation
def acosh(xp, x):
    """Inverse hyperbolic cosine, elementwise, of values from 1 up.

    Example:
        >>> import numpy as np
        >>> acosh(np.array(1.5))
        variable(0.9624236501192069)
    """
    return xp.acosh(x)


@acosh.derivative("x")
def _(xp, g, x):
    return g / (xp.sqrt(x - 1) * xp.sqrt(x + 1))


@operation
def atanh(xp, x):
    """Inverse hyperbolic tangent, elementwise, of values between -1 and 1.

    Example:
        >>> import numpy as np
        >>> atanh(np.array(0.5))
        variable(0.5493061443340549)
    """
    return xp.atanh(x)


@atanh.derivative("x")
def _(g, x):
    return g / within(_unit_gap, x)


@operation
def exp(xp, x):
    """The exponential, elementwise.

    Example:
        >>> import numpy as np
        >>> exp(np.array(0.5))
        variable(1.6487212707001282)
    """
    return xp.exp(x)


@exp.derivative("x")
def _(g, out):
    return g * out


@operation
def exp2(xp, x):
    """Two to the power of x, elementwise.

    Example:
        >>> import numpy as np
        >>> exp2(np.array(0.5))
        variable(1.4142135623730951)
    """
    return xp.exp2(x)


@exp2.derivative("x")
def _(g, out):
    return g * (out * 0.6931471805599453)


@operation
def expm1(xp, x):
    """exp(x) - 1, elementwise, exact near zero.

    Example:
        >>> import numpy as np
        >>> expm1(np.array(0.5))
        variable(0.6487212707001282)
    """
    return xp.expm1(x)


@expm1.derivative("x")
def _(xp, g, x):
    return g * xp.exp(x)  # of the output, near -1, one would cancel


@operation
def log(xp, x):
    """The natural logarithm, elementwise.

    Example:
        >>> import numpy as np
        >>> log(np.array(0.5))
        variable(-0.6931471805599453)
    """
    return xp.log(x)


@log.derivative("x")
def _(g, x):
    return g / x


@operation
def log1p(xp, x):
    """log(1 + x), elementwise, exact near zero.

    Example:
        >>> import numpy as np
        >>> log1p(np.array(0.5))
        variable(0.4054651081081644)
    """
    return xp.log1p(x)


@log1p.derivative("x")
def _(g, x):
    return g / (1 + x)


@operation
def log2(xp, x):
    """The logarithm to base 2, elementwise.

    Example:
        >>> import numpy as np
        >>> log2(np.array(0.5))
        variable(-1.0)
    """
    return xp.log2(x)


@log2.derivative("x")
def _(g, x):
    return g / x * 1.4426950408889634  # a product with x could overflow


@operation
def log10(xp, x):
    """The logarithm to base 10, elementwise.

    Example:
        >>> import numpy as np
        >>> log10(np.array(0.5))
        variable(-0.3010299956639812)
    """
    return xp.log10(x)


@log10.derivative("x")
def _(g, x):
    return g / x * 0.4342944819032518


@operation
def sqrt(xp, x):
    """The square root, elementwise.

    Example:
        >>> import numpy as np
        >>> sqrt(np.array(4.0))
        variable(2.0)
    """
    return xp.sqrt(x)


@sqrt.derivative("x")
def _(g, out):
    return g * (0.5 / out)


@operation
def cbrt(xp, x):
    """The cube root, elementwise.

    Example:
        >>> import numpy as np
        >>> cbrt(np.array(8.0))
        variable(2.0)
    """
    return xp.cbrt(x)


@cbrt.derivative("x")
def _(g, out):
    return g / (3 * out * out)


@operation
def square(xp, x):
    """The square, elementwise.

    Example:
        >>> import numpy as np
        >>> square(np.array(3.0))
        variable(9.0)
    """
    return xp.square(x)


@square.derivative("x")
def _(g, x):
    return g * (2 * x)


@operation
def reciprocal(xp, x):
    """One over x, elementwise.

    Example:
        >>> import numpy as np
        >>> reciprocal(np.array(4.0))
        variable(0.25)
    """
    return 1.0 / x


@reciprocal.derivative("x")
def _(g, out):
    return -g * (out * out)


@operation
def erf(xp, x):
    """The error function, elementwise: 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to x.

    Example:
        >>> import numpy as np
        >>> erf(np.array(0.5))
        variable(0.5204998778130465)
    """
    return xp.erf(real_numbers("erf", x))


@erf.derivative("x")
def _(xp, g, x):
    return g * (1.1283791670955126 * xp.exp(-x * x))


@operation
def erfc(xp, x):
    """1 - erf(x), elementwise, exact in the tail.

    Example:
        >>> import numpy as np
        >>> erfc(np.array([0.5]))
        variable([0.47950012])
    """
    return xp.erfc(real_numbers("erfc", x))


@erfc.derivative("x")
def _(xp, g, x):
    return g * (-1.1283791670955126 * xp.exp(-x * x))


@operation
def deg2rad(xp, x):
    """An angle in degrees as radians, elementwise.

    Example:
        >>> import numpy as np
        >>> deg2rad(np.array(180.0))
        variable(3.141592653589793)
    """
    return xp.deg2rad(x)


@deg2rad.derivative("x")
def _(g):
    return g * 0.017453292519943295


@operation
def rad2deg(xp, x):
    """An angle in radians as degrees, elementwise.

    Example:
        >>> import numpy as np
        >>> rad2deg(np.array(0.5))
        variable(28.64788975654116)
    """
    return xp.rad2deg(x)


@rad2deg.derivative("x")
def _(g):
    return g * 57.29577951308232


@operation(broadcasts=True)
def atan2(xp, x, y):
    """The angle in radians of the point (y, x): the inverse tangent of x / y in the right quadrant.

    At kinks: at (0, 0) the derivative is 0, and the second one nan.

    Example:
        >>> import numpy as np
        >>> atan2(np.array(1.0), np.array(1.0))
        variable(0.7853981633974483)
    """
    return xp.atan2(x, y)


@atan2.derivative("x")
def _(xp, g, x, y):
    return chosen(g * within(_turn, x, y), lambda: xp.logical_and(x == 0, y == 0), x)


@atan2.derivative("y")
def _(xp, g, x, y):
    return chosen(-g * within(_turn, y, x), lambda: xp.logical_and(x == 0, y == 0), y)


@operation(broadcasts=True, real=True)
def _turn(xp, x, y):
    """y / (x * x + y * y), and 0 at the origin: step by step, for the squares would leave the dtype early."""
    distance = _distance(xp, x, y)
    return y / distance / distance


@_turn.derivative("x")
def _(xp, g, x, y):
    return -2 * g * (within(_cosine, x, y) * within(_turn, x, y) / _distance(xp, x, y))


@_turn.derivative("y")
def _(xp, g, x, y):
    along, across, distance = within(_cosine, x, y), within(_cosine, y, x), _distance(xp, x, y)
    return g * ((along - across) * (along + across) / distance / distance)


def _distance(xp, x, y):
    """That of the point (x, y) from the origin, and 1 there: whose square would leave the dtype long before."""
    origin = xp.logical_and(x == 0, y == 0)
    return xp.where(origin, 1.0, xp.hypot(xp.where(origin, 1.0, x), y))


@operation(broadcasts=True, real=True)
def _cosine(xp, x, y):
    """x / hypot(x, y), and 0 at the origin: an operation, for as a quotient it has a slope of which most cancels."""
    return x / _distance(xp, x, y)


@_cosine.derivative("x")
def _(xp, g, x, y):
    sine = within(_cosine, y, x)
    return g * (sine * sine / _distance(xp, x, y))


@_cosine.derivative("y")
def _(xp, g, x, y):
    return -g * (within(_cosine, x, y) * within(_cosine, y, x) / _distance(xp, x, y))


@operation(broadcasts=True)
def hypot(xp, x, y):
    """sqrt(x**2 + y**2), without overflow.

    At kinks: at (0, 0) the derivative is 0, and the second one nan.

    Example:
        >>> import numpy as np
        >>> hypot(np.array(3.0), np.array(4.0))
        variable(5.0)
    """
    return xp.hypot(x, y)


@hypot.derivative("x")
def _(xp, g, x, y, out):
    return chosen(g * _share_of_length(xp, x, y, out), lambda: out == 0, x)


@hypot.derivative("y")
def _(xp, g, x, y, out):
    return chosen(g * _share_of_length(xp, y, x, out), lambda: out == 0, y)


def _share_of_length(xp, x, y, out):
    return within(_cosine, x, y) if moves(x) or moves(y) else x / xp.where(out == 0, 1.0, out)


@operation(broadcasts=True)
def logaddexp(xp, x, y):
    """log(exp(x) + exp(y)), without overflow.

    At kinks: where both are inf they share the gradient evenly; where both are -inf it is 0.

    Example:
        >>> import numpy as np
        >>> logaddexp(np.array(0.0), np.array(0.0))
        variable(0.6931471805599453)
    """
    return xp.logaddexp(x, y)


@logaddexp.derivative("x")
def _(xp, g, x, y):
    return g * _share(xp, x, y, "exp")


@logaddexp.derivative("y")
def _(xp, g, x, y):
    return g * _share(xp, y, x, "exp")


def _share(xp, x, y, power):
    """The share of x in the sum of two powers."""
    same = xp.logical_and(x == y, xp.isinf(x))  # their difference is nan
    share = within(_gate, x - xp.where(same, -x, y), power=power)
    return xp.where(xp.logical_and(same, x > 0), 0.5, share)


_RATES = {"exp": 1.0, "exp2": 0.6931471805599453}


@operation(real=True)
def _gate(xp, x, /, power="exp"):
    """1 / (1 + power(-x)), for formulas: unlike that of sigmoid its derivative comes of x, and keeps its digits where
    this is all but 1."""
    if power == "exp":
        return xp.sigmoid(x)
    less = getattr(xp, power)(-xp.abs(x))
    return xp.where(x > 0, 1.0, less) / (less + 1.0)


@_gate.derivative("x")
def _(g, x, power):
    return g * within(_gate_slope, x, power=power)


@operation(real=True)
def _gate_slope(xp, x, /, power="exp"):
    less = getattr(xp, power)(xp.abs(x) * -1.0)
    total = less + 1.0
    slope = less / (total * total)
    return slope if power == "exp" else slope * _RATES[power]


@_gate_slope.derivative("x")
def _(xp, g, x, out, power):
    return -g * out * (xp.tanh(x * (0.5 * _RATES[power])) * _RATES[power])


@operation(broadcasts=True)
def logaddexp2(xp, x, y):
    """log2(2**x + 2**y), without overflow.

    At kinks: where both are inf they share the gradient evenly; where both are -inf it is 0.

    Example:
        >>> import numpy as np
        >>> logaddexp2(np.array(0.0), np.array(0.0))
        variable(1.0)
    """
    return xp.logaddexp2(x, y)


@logaddexp2.derivative("x")
def _(xp, g, x, y):
    return g * _share(xp, x, y, "exp2")


@logaddexp2.derivative("y")
def _(xp, g, x, y):
    return g * _share(xp, y, x, "exp2")


@operation(broadcasts=True)
def copysign(xp, x, y):
    """The size of ``x`` with the sign of ``y``.

    At kinks: at x = 0 the derivative is 0; where a second one depends on it, that is nan.  That in ``y`` is 0.

    Example:
        >>> import numpy as np
        >>> copysign(np.array(3.0), np.array(-0.5))
        variable(-3.0)
    """
    return xp.copysign(x, y)


@copysign.derivative("x")
def _(xp, g, x, out):
    return chosen(g * (xp.sign(x) * xp.sign(out)), lambda: x == 0, x, above=g)


copysign.constant("y")


@operation(real=True)
def sinc(xp, x):
    """sin(pi x) / (pi x), and 1 at 0.

    Example:
        >>> import numpy as np
        >>> sinc(np.array(0.5))
        variable(0.6366197723675814)
    """
    return xp.sinc(x)


@sinc.derivative("x")
def _(xp, g, x):
    # Near zero the difference of cos and sinc cancels, and its Taylor series takes over.
    pi2 = 9.869604401089358
    near = abs(x) < 0.3
    far = xp.where(near, 1.0, x)
    t = xp.where(near, x, 0.0)
    u = t * t * pi2
    series = 1.0
    for divisor in (304, 238, 180, 130, 88, 54, 28, 10):
        series = 1 - u / divisor * series
    turn = 3.141592653589793 * xp.remainder(far, 2.0)  # pi * far would lose the phase of large numbers
    return g * xp.where(near, -t * pi2 / 3 * series, (xp.cos(turn) - xp.sinc(far)) / far)


@operation
def conj(xp, x):
    """The complex conjugate; of real numbers, the numbers themselves.

    Raises:
        DtypeError: ``x`` is complex, of which no derivatives are taken here.

    Example:
        >>> import numpy as np
        >>> conj(np.array(2.0))
        variable(2.0)
    """
    return _real_only("conj", xp, x)


@conj.derivative("x")
def _(g):
    return g


@operation(view=True)
def real(xp, x):
    """The real part; of real numbers, the numbers themselves.

    Raises:
        DtypeError: ``x`` is complex, of which no derivatives are taken here.

    Example:
        >>> import numpy as np
        >>> real(np.array(2.0))
        variable(2.0)
    """
    return _real_only("real", xp, x)[...]


@real.derivative("x")
def _(g):
    return g


def _real_only(name, xp, x):
    if xp.isdtype(x.dtype, "complex floating"):
        raise DtypeError(message(f"{name}: complex numbers are not differentiated here.", [("x", x)]))
    return x


# Choices between operands


@operation(broadcasts=True)
def where(xp, condition, x, y):
    """``x`` where ``condition`` holds, else ``y``.

    Example:
        >>> import numpy as np
        >>> where(np.array([True, False]), np.array([1.0, 2.0]), 0.0)
        variable([1. 0.])
    """
    return xp.where(condition, x, y)


where.constant("condition")


@where.derivative("x")
def _(xp, g, condition):
    return xp.where(condition, g, 0)


@where.derivative("y")
def _(xp, g, condition):
    return xp.where(condition, 0, g)


@operation(broadcasts=True)
def maximum(xp, x, y):
    """The larger of each pair of entries; a nan where either is one.

    At kinks: equal entries share the gradient evenly; where both change and a second derivative depends on it, that is
        nan.  The gradient of a nan goes to both.

    Example:
        >>> import numpy as np
        >>> maximum(np.array([1.0, 5.0]), 2.0)
        variable([2. 5.])
    """
    return xp.maximum(x, y)


@maximum.derivative("x")
def _(xp, g, x, y):
    return _halves(xp, g, x, y, xp.logical_not(x < y), xp.logical_not(x <= y))


@maximum.derivative("y")
def _(xp, g, x, y):
    return _halves(xp, g, x, y, xp.logical_not(x > y), xp.logical_not(x >= y))


def _halves(xp, g, x, y, first, second):
    """Half of the gradient for each of two conditions that holds.

    Against a constant the next derivative is between those of the two sides, and theirs where they agree; where both
    move it does not follow.
    """
    gradient = g * (0.5 * (xp.astype(first, g.dtype) + second))
    return chosen(gradient, lambda: first != second, x, y, above=g) if moves(x) and moves(y) else gradient


@operation(broadcasts=True)
def minimum(xp, x, y):
    """The smaller of each pair of entries; a nan where either is one.

    At kinks: equal entries share the gradient evenly; where both change and a second derivative depends on it, that is
        nan.  The gradient of a nan goes to both.

    Example:
        >>> import numpy as np
        >>> minimum(np.array([1.0, 5.0]), 2.0)
        variable([1. 2.])
    """
    return xp.minimum(x, y)


@minimum.derivative("x")
def _(xp, g, x, y):
    return _halves(xp, g, x, y, xp.logical_not(x > y), xp.logical_not(x >= y))


@minimum.derivative("y")
def _(xp, g, x, y):
    return _halves(xp, g, x, y, xp.logical_not(x < y), xp.logical_not(x <= y))


@operation(broadcasts=True)
def fmax(xp, x, y):
    """The larger of each pair of entries, passing over nans.

    At kinks: equal entries share the gradient evenly; where both change and a second derivative depends on it, that is
        nan.  Where both are nan ``x`` has the gradient.

    Example:
        >>> import numpy as np
        >>> fmax(np.array([1.0, np.nan]), 2.0)
        variable([2. 2.])
    """
    return xp.fmax(x, y)


@fmax.derivative("x")
def _(xp, g, x, y):
    return _halves(xp, g, x, y, xp.logical_or(x > y, y != y), xp.logical_or(x >= y, y != y))


@fmax.derivative("y")
def _(xp, g, x, y):
    first, second = xp.logical_or(x > y, y != y), xp.logical_or(x >= y, y != y)
    return _halves(xp, g, x, y, xp.logical_not(first), xp.logical_not(second))


@operation(broadcasts=True)
def fmin(xp, x, y):
    """The smaller of each pair of entries, passing over nans.

    At kinks: equal entries share the gradient evenly; where both change and a second derivative depends on it, that is
        nan.  Where both are nan ``x`` has the gradient.

    Example:
        >>> import numpy as np
        >>> fmin(np.array([1.0, np.nan]), 2.0)
        variable([1. 2.])
    """
    return xp.fmin(x, y)


@fmin.derivative("x")
def _(xp, g, x, y):
    return _halves(xp, g, x, y, xp.logical_or(x < y, y != y), xp.logical_or(x <= y, y != y))


@fmin.derivative("y")
def _(xp, g, x, y):
    first, second = xp.logical_or(x < y, y != y), xp.logical_or(x <= y, y != y)
    return _halves(xp, g, x, y, xp.logical_not(first), xp.logical_not(second))


@operation(broadcasts=True)
def clip(xp, x, min=None, max=None):
    """``x`` with what lies below ``min`` or above ``max`` brought to that bound; None is no bound.

    Where ``min`` is above ``max`` the result is ``max``, and so all of the gradient is its.

    At kinks: on a bound the gradient flows to ``x``, also where the two bounds are equal.

    Example:
        >>> import numpy as np
        >>> clip(np.array([-5.0, 0.5, 5.0]), 0.0, 1.0)
        variable([0.  0.5 1. ])
    """
    return xp.clip(x, min, max)


@clip.derivative("x")
def _(xp, g, x, min, max, out):
    inside = x == out
    return xp.where(inside if min is None or max is None else xp.logical_and(inside, min <= max), g, 0)


@clip.derivative("min")
def _(xp, g, x, min, max):
    below = x < min
    return xp.where(below if max is None else xp.logical_and(below, min <= max), g, 0)


@clip.derivative("max")
def _(xp, g, x, min, max):
    above = x > max if min is None else xp.maximum(x, min) > max
    return xp.where(above, g, 0)


@operation
def nan_to_num(xp, x, /, nan=0.0, posinf=None, neginf=None):
    """``x`` with nans and infinities replaced by numbers, which are constants.

    Example:
        >>> import numpy as np
        >>> nan_to_num(np.array([1.0, np.nan]))
        variable([1. 0.])
    """
    return xp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


@nan_to_num.derivative("x")
def _(xp, g, x):
    return xp.where(xp.isfinite(x), g, 0)


# Steps, whose derivative is zero


@operation
def sign(xp, x):
    """-1, 0 or 1, as x is negative, zero or positive.

    Example:
        >>> import numpy as np
        >>> sign(np.array([-2.0, 0.0]))
        variable([-1.  0.])
    """
    return xp.sign(x)


@operation
def floor(xp, x):
    """The largest whole number not above x.

    Example:
        >>> import numpy as np
        >>> floor(np.array(-0.5))
        variable(-1.0)
    """
    return xp.floor(x)


@operation
def ceil(xp, x):
    """The smallest whole number not below x.

    Example:
        >>> import numpy as np
        >>> ceil(np.array(0.5))
        variable(1.0)
    """
    return xp.ceil(x)


@operation
def trunc(xp, x):
    """The whole part of x, towards zero.

    Example:
        >>> import numpy as np
        >>> trunc(np.array(-1.5))
        variable(-1.0)
    """
    return xp.trunc(x)


@operation
def round(xp, x, /, decimals=0):
    """x rounded to ``decimals`` places; halves go to the even neighbour.

    Example:
        >>> import numpy as np
        >>> round(np.array(2.5))
        variable(2.0)
    """
    return xp.round(x, decimals=decimals)


@operation(broadcasts=True)
def heaviside(xp, x1, x2):
    """0 where x1 is negative, 1 where it is positive, and x2 where it is zero.

    Example:
        >>> import numpy as np
        >>> heaviside(np.array([-1.0, 0.0, 1.0]), 0.5)
        variable([0.  0.5 1. ])
    """
    return xp.heaviside(x1, x2)


@operation
def rint(xp, x):
    """x rounded to a whole number, as a number of floating point; halves go to the even neighbour.

    Example:
        >>> import numpy as np
        >>> rint(np.array([2.5, 3.5]))
        variable([2. 4.])
    """
    return xp.rint(x)


for _step in (sign, floor, ceil, trunc, round, rint):
    _step.constant("x")
heaviside.constant("x1")


@heaviside.derivative("x2")
def _(xp, g, x1):
    return xp.where(x1 == 0, g, 0)


arcsin, arccos, arctan, arctan2 = asin, acos, atan, atan2
arcsinh, arccosh, arctanh = asinh, acosh, atanh
radians, degrees = deg2rad, rad2deg
fix, conjugate = trunc, conj
