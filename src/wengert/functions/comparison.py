"""Comparisons and logic: their results are constants."""

from typing import Any

from wengert.core.operation import operation
from wengert.core.recorded import Recorded

__all__ = [
    "all",
    "allclose",
    "any",
    "array_equal",
    "equal",
    "greater",
    "greater_equal",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
    "signbit",
]


@operation(broadcasts=True, differentiable=False)
def equal(xp, x, y):
    """Where x == y.

    Example:
        >>> import numpy as np
        >>> equal(np.array([1.0, 2.0]), 2.0)
        variable([False  True])
    """
    return x == y


@operation(broadcasts=True, differentiable=False)
def not_equal(xp, x, y):
    """Where x != y.

    Example:
        >>> import numpy as np
        >>> not_equal(np.array([1.0, 2.0]), 2.0)
        variable([ True False])
    """
    return x != y


@operation(broadcasts=True, differentiable=False)
def less(xp, x, y):
    """Where x < y.

    Example:
        >>> import numpy as np
        >>> less(np.array([1.0, 2.0]), 2.0)
        variable([ True False])
    """
    return x < y


@operation(broadcasts=True, differentiable=False)
def less_equal(xp, x, y):
    """Where x <= y.

    Example:
        >>> import numpy as np
        >>> less_equal(np.array([1.0, 2.0]), 2.0)
        variable([ True  True])
    """
    return x <= y


@operation(broadcasts=True, differentiable=False)
def greater(xp, x, y):
    """Where x > y.

    Example:
        >>> import numpy as np
        >>> greater(np.array([1.0, 2.0]), 2.0)
        variable([False False])
    """
    return x > y


@operation(broadcasts=True, differentiable=False)
def greater_equal(xp, x, y):
    """Where x >= y.

    Example:
        >>> import numpy as np
        >>> greater_equal(np.array([1.0, 2.0]), 2.0)
        variable([False  True])
    """
    return x >= y


@operation(broadcasts=True, differentiable=False)
def logical_and(xp, x, y):
    """Where both hold.

    Example:
        >>> import numpy as np
        >>> logical_and(np.array([True, False]), np.array([True, True]))
        variable([ True False])
    """
    return xp.logical_and(x, y)


@operation(broadcasts=True, differentiable=False)
def logical_or(xp, x, y):
    """Where one holds, or both.

    Example:
        >>> import numpy as np
        >>> logical_or(np.array([True, False]), np.array([True, True]))
        variable([ True  True])
    """
    return xp.logical_or(x, y)


@operation(broadcasts=True, differentiable=False)
def logical_xor(xp, x, y):
    """Where just one holds.

    Example:
        >>> import numpy as np
        >>> logical_xor(np.array([True, False]), np.array([True, True]))
        variable([False  True])
    """
    return xp.logical_xor(x, y)


@operation(differentiable=False)
def logical_not(xp, x):
    """Where x does not hold.

    Example:
        >>> import numpy as np
        >>> logical_not(np.array([True, False]))
        variable([False  True])
    """
    return xp.logical_not(x)


@operation(differentiable=False)
def isfinite(xp, x):
    """Where x is neither infinite nor a nan.

    Example:
        >>> import numpy as np
        >>> isfinite(np.array([1.0, np.inf]))
        variable([ True False])
    """
    return xp.isfinite(x)


@operation(differentiable=False)
def isinf(xp, x):
    """Where x is infinite.

    Example:
        >>> import numpy as np
        >>> isinf(np.array([1.0, np.inf]))
        variable([False  True])
    """
    return xp.isinf(x)


@operation(differentiable=False)
def isnan(xp, x):
    """Where x is a nan.

    Example:
        >>> import numpy as np
        >>> isnan(np.array([1.0, np.nan]))
        variable([False  True])
    """
    return xp.isnan(x)


@operation(differentiable=False)
def signbit(xp, x):
    """Where the sign of x is minus, that of -0.0 too.

    Example:
        >>> import numpy as np
        >>> signbit(np.array([1.0, -0.0]))
        variable([False  True])
    """
    return xp.signbit(x)


@operation(differentiable=False)
def all(xp, x, /, axis=None, keepdims=False):
    """Whether every entry along ``axis`` holds.

    Example:
        >>> import numpy as np
        >>> all(np.array([True, False]))
        variable(False)
    """
    return xp.all(x, axis=axis, keepdims=keepdims)


@operation(differentiable=False)
def any(xp, x, /, axis=None, keepdims=False):
    """Whether an entry along ``axis`` holds.

    Example:
        >>> import numpy as np
        >>> any(np.array([True, False]))
        variable(True)
    """
    return xp.any(x, axis=axis, keepdims=keepdims)


@operation(broadcasts=True, differentiable=False)
def isclose(xp, x, y, /, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Where x and y differ by at most ``atol + rtol * abs(y)``.

    Example:
        >>> import numpy as np
        >>> isclose(np.array([1.0, 2.0]), 2.0)
        variable([False  True])
    """
    return xp.isclose(x, y, rtol=rtol, atol=atol, equal_nan=equal_nan)


def allclose(x: Any, y: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether x and y are close everywhere (see `isclose`).

    Example:
        >>> import numpy as np
        >>> allclose(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
        True
    """
    return bool(all(isclose(x, y, rtol=rtol, atol=atol, equal_nan=equal_nan)).data)


def array_equal(x: Any, y: Any) -> bool:
    """Whether x and y have the same shape and the same entries.

    Example:
        >>> import numpy as np
        >>> array_equal(np.array([1.0]), np.array([[1.0]]))
        False
    """
    shapes = [getattr(v.data if isinstance(v, Recorded) else v, "shape", ()) for v in (x, y)]
    return shapes[0] == shapes[1] and bool(all(equal(x, y)).data)
