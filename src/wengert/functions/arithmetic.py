"""Arithmetic: what the operators of a Variable call.  Operands broadcast against each other."""

import math

from wengert.core.operation import operation
from wengert.functions.kinks import chosen, moves

__all__ = [
    "abs",
    "absolute",
    "add",
    "div",
    "divide",
    "fabs",
    "floor_divide",
    "mod",
    "mul",
    "multiply",
    "neg",
    "negative",
    "positive",
    "pow",
    "power",
    "rdiv",
    "remainder",
    "rsub",
    "sub",
    "subtract",
    "true_divide",
]


@operation(broadcasts=True)
def add(xp, x, y):
    """x + y, elementwise.

    Example:
        >>> import numpy as np
        >>> add(np.array([1.0, 2.0]), 10.0)
        variable([11. 12.])
    """
    return x + y


@add.derivative("x")
def _(g):
    return g


@add.derivative("y")
def _(g):
    return g


@operation(broadcasts=True)
def subtract(xp, x, y):
    """x - y, elementwise.

    Example:
        >>> import numpy as np
        >>> subtract(np.array([1.0, 2.0]), 10.0)
        variable([-9. -8.])
    """
    return x - y


@subtract.derivative("x")
def _(g):
    return g


@subtract.derivative("y")
def _(g):
    return -g


@operation(broadcasts=True)
def multiply(xp, x, y):
    """x * y, elementwise.

    Example:
        >>> import numpy as np
        >>> multiply(np.array([1.0, 2.0]), 10.0)
        variable([10. 20.])
    """
    return x * y


@multiply.derivative("x")
def _(g, y):
    return g * y


@multiply.derivative("y")
def _(g, x):
    return g * x


@operation(broadcasts=True)
def divide(xp, x, y):
    """x / y, elementwise.

    Example:
        >>> import numpy as np
        >>> divide(np.array([1.0, 2.0]), 10.0)
        variable([0.1 0.2])
    """
    return x / y


@divide.derivative("x")
def _(g, y):
    return g / y


@divide.derivative("y")
def _(g, y, out):
    return -g * (out / y)


@operation(broadcasts=True)
def power(xp, x, y):
    """x to the power of y, elementwise.

    At kinks: x**0 has derivative 0 in x, also at x = 0.  In y the derivative of 0**y is 0 from y = 0 on and -inf
        below, and that of a negative number nan; where they jump or grow without bound the second derivative is nan.

    Example:
        >>> import numpy as np
        >>> power(np.array([2.0, 3.0]), 2)
        variable([4. 9.])
    """
    if isinstance(y, int) and y < 0 and not isinstance(x, int | float) and not xp.isdtype(x.dtype, "real floating"):
        return x ** float(y)
    return _power(x, y)


def _power(x, y):
    """x**y; of floating-point arrays small whole powers are products, which take a tenth of the time."""
    if type(y) in (int, float) and y in (3, 4, 5) and getattr(x, "dtype", "") in ("float32", "float64"):
        square = x * x
        return square * x if y == 3 else square * square if y == 4 else square * square * x
    return x**y


@power.derivative("x")
def _(xp, g, x, y):
    if isinstance(y, int | float):
        if y == 2:
            return g * (2 * x)
        if y == 1:
            return g
        return g * (y * _power(x, y - 1)) if y else g * 0
    # At 0**0 the exponent is moved, for 0 * 0**-1 is nan; elsewhere y = 0 has a second derivative that counts, 1 / x.
    corner = xp.logical_and(x == 0, y == 0)
    gradient = g * (y * x ** xp.where(corner, 1.0, y - 1.0))
    return chosen(gradient, lambda: _steep(xp, x, y), x, y) if moves(y) else gradient


@power.derivative("y")
def _(xp, g, x, y, out):
    if isinstance(x, int | float):
        if x > 0:
            return g * (out * math.log(x))
        x = xp.full_like(out, x)
    gradient = g * (out * xp.log(xp.where(xp.logical_and(x == 0, y >= 0), 1.0, x)))
    return chosen(gradient, lambda: _steep(xp, x, y), y, x) if moves(x) else gradient


def _steep(xp, x, y):
    """Where x**y jumps or is infinitely steep in y: at x = 0, for y from 0 to 1."""
    return xp.logical_and(x == 0, xp.logical_and(y >= 0, y <= 1))


@operation
def negative(xp, x):
    """-x, elementwise.

    Example:
        >>> import numpy as np
        >>> negative(np.array([1.0, -2.0]))
        variable([-1.  2.])
    """
    return -x


@negative.derivative("x")
def _(g):
    return -g


@operation
def positive(xp, x):
    """+x, elementwise.

    Example:
        >>> import numpy as np
        >>> positive(np.array([1.0, -2.0]))
        variable([ 1. -2.])
    """
    return +x


@positive.derivative("x")
def _(g):
    return g


@operation
def abs(xp, x):
    """The size of x, elementwise.

    At kinks: the derivative at 0 is 0; where what is made of it changes with ``x``, as in abs(x)**2, the second is nan.

    Example:
        >>> import numpy as np
        >>> abs(np.array([1.0, -2.0]))
        variable([1. 2.])
    """
    return xp.abs(x)


@abs.derivative("x")
def _(xp, g, x):
    return chosen(g * xp.sign(x), lambda: x == 0, x, above=g)


@operation
def fabs(xp, x):
    """The size of x as a number of floating point, elementwise.

    At kinks: those of `abs`.

    Example:
        >>> import numpy as np
        >>> fabs(np.array([1, -2]))
        variable([1. 2.])
    """
    return xp.fabs(x)


@fabs.derivative("x")
def _(xp, g, x):
    return chosen(g * xp.sign(x), lambda: x == 0, x, above=g)


@operation(broadcasts=True)
def remainder(xp, x, y):
    """What is left of x after whole multiples of y, with the sign of y: x - y * floor(x / y).

    At kinks: where x is a multiple of y it jumps, and the derivative is that of the right-hand side.

    Example:
        >>> import numpy as np
        >>> remainder(np.array([5.5, -1.0]), 2.0)
        variable([1.5 1. ])
    """
    return xp.remainder(x, y)


@remainder.derivative("x")
def _(g):
    return g


@remainder.derivative("y")
def _(xp, g, x, y):
    return -g * xp.floor(x / y)


@operation(broadcasts=True)
def floor_divide(xp, x, y):
    """The whole number of times y goes into x; its derivative is zero.

    Example:
        >>> import numpy as np
        >>> floor_divide(np.array([5.5, -1.0]), 2.0)
        variable([ 2. -1.])
    """
    return x // y


floor_divide.constant("x", "y")


def rsub(x, y):
    """y - x: the book's name for the reflected operator.

    Example:
        >>> import numpy as np
        >>> rsub(np.array(1.0), 10.0)
        variable(9.0)
    """
    return subtract(y, x)


def rdiv(x, y):
    """y / x: the book's name for the reflected operator.

    Example:
        >>> import numpy as np
        >>> rdiv(np.array(2.0), 10.0)
        variable(5.0)
    """
    return divide(y, x)


sub, mul, neg, pow = subtract, multiply, negative, power
div = true_divide = divide
mod, absolute = remainder, abs
