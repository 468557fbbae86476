"""New arrays, as constants, and the changes of an array that keep its values: copy and astype."""

from typing import Any

from wengert.backends import namespace_of
from wengert.core.operation import operation
from wengert.core.recorded import Recorded, make_result

__all__ = [
    "arange",
    "astype",
    "copy",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "linspace",
    "ones",
    "ones_like",
    "zeros",
    "zeros_like",
]


@operation(differentiable=False)
def zeros_like(xp, x, /, *, dtype=None):
    """Zeros of the shape and dtype of ``x``.

    Example:
        >>> import numpy as np
        >>> zeros_like(np.array([1.0, 2.0]))
        variable([0. 0.])
    """
    return xp.zeros_like(x, dtype=dtype)


@operation(differentiable=False)
def ones_like(xp, x, /, *, dtype=None):
    """Ones of the shape and dtype of ``x``.

    Example:
        >>> import numpy as np
        >>> ones_like(np.array([3.0, 2.0]))
        variable([1. 1.])
    """
    return xp.ones_like(x, dtype=dtype)


@operation(differentiable=False)
def full_like(xp, x, /, fill_value, *, dtype=None):
    """An array of the shape and dtype of ``x`` with one value everywhere.

    Example:
        >>> import numpy as np
        >>> full_like(np.array([3.0, 2.0]), 7.0)
        variable([7. 7.])
    """
    return xp.full_like(x, fill_value, dtype=dtype)


@operation(differentiable=False)
def empty_like(xp, x, /, *, dtype=None):
    """An array of the shape and dtype of ``x``, its values left open.

    Example:
        >>> import numpy as np
        >>> empty_like(np.array([3.0, 2.0])).shape
        (2,)
    """
    return xp.empty_like(x, dtype=dtype)


def zeros(shape: Any, dtype: Any = None) -> Any:
    """Zeros.

    Example:
        >>> zeros((2, 2))
        variable([[0. 0.]
                  [0. 0.]])
    """
    return make_result(namespace_of(()).zeros(shape, dtype=dtype or float))


def ones(shape: Any, dtype: Any = None) -> Any:
    """Ones.

    Example:
        >>> ones(2)
        variable([1. 1.])
    """
    return make_result(namespace_of(()).ones(shape, dtype=dtype or float))


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """An array with one value everywhere.

    Example:
        >>> full(2, 7.0)
        variable([7. 7.])
    """
    return make_result(namespace_of(()).full(shape, fill_value, dtype=dtype))


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    """Evenly spaced numbers from ``start`` up to, not including, ``stop``.

    Example:
        >>> arange(3)
        variable([0 1 2])
    """
    low, high = (0, start) if stop is None else (start, stop)
    return make_result(namespace_of(()).arange(low, high, step, dtype=dtype))


def linspace(start: Any, stop: Any, num: int = 50) -> Any:
    """``num`` evenly spaced numbers from ``start`` to ``stop``, which may be Variables.

    Example:
        >>> linspace(0.0, 1.0, 3)
        variable([0.  0.5 1. ])
    """
    if not isinstance(start, Recorded) and not isinstance(stop, Recorded):
        return make_result(namespace_of(()).linspace(start, stop, num))
    array = start.data if isinstance(start, Recorded) else stop.data
    t = namespace_of((array,)).linspace(0.0, 1.0, num, dtype=array.dtype)
    return (1 - t) * start + t * stop


def eye(n: int, m: int | None = None, *, k: int = 0, dtype: Any = None) -> Any:
    """Ones on diagonal ``k`` of an n by m matrix, zeros elsewhere.

    Example:
        >>> eye(2)
        variable([[1. 0.]
                  [0. 1.]])
    """
    return make_result(namespace_of(()).eye(n, m, k=k, dtype=dtype or float))


@operation
def copy(xp, x):
    """The same values in an array of their own, recorded: a value that can be assigned to.

    Example:
        >>> import numpy as np
        >>> copy(np.array([1.0, 2.0]))
        variable([1. 2.])
    """
    return xp.asarray(x, copy=True)


@copy.derivative("x")
def _(g):
    return g


def astype(x: Any, dtype: Any) -> Any:
    """``x`` in another type; the gradient comes back in the type of ``x``.

    To integers and booleans there is no derivative, and the result is a constant.

    Example:
        >>> import numpy as np
        >>> astype(np.array([1.5]), np.int64)
        variable([1])
    """
    array = x.data if isinstance(x, Recorded) else x
    xp = namespace_of((array,))
    target = xp.dtype(dtype)
    convert = _astype if xp.isdtype(target, "real floating") else _convert
    return convert(x, dtype=target, source=array.dtype)


@operation
def _astype(xp, x, *, dtype, source):
    return xp.astype(x, dtype)


@_astype.derivative("x")
def _(xp, g, source):
    return xp.astype(g, source)


@operation(differentiable=False)
def _convert(xp, x, *, dtype, source):
    return xp.astype(x, dtype)
