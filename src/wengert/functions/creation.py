"""New arrays, as constants, and the changes of an array that keep its values: copy and astype."""

from typing import Any

from wengert.backends import namespace_of
from wengert.core.modes import current_config
from wengert.core.operation import operation
from wengert.core.recorded import Recorded, make_result
from wengert.errors import DtypeError, InputError, message
from wengert.functions.arithmetic import add, divide, multiply, subtract
from wengert.functions.elementwise import floor
from wengert.functions.indexing import update
from wengert.functions.shape import broadcast_to, moveaxis

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
def zeros_like(xp, x, /, *, dtype=None, shape=None):
    """Zeros of the shape and dtype of ``x``, where no other is given.

    Example:
        >>> import numpy as np
        >>> zeros_like(np.array([1.0, 2.0]))
        variable([0. 0.])
    """
    return xp.zeros_like(x, dtype=dtype, shape=shape)


@operation(differentiable=False)
def ones_like(xp, x, /, *, dtype=None, shape=None):
    """Ones of the shape and dtype of ``x``, where no other is given.

    Example:
        >>> import numpy as np
        >>> ones_like(np.array([3.0, 2.0]))
        variable([1. 1.])
    """
    return xp.ones_like(x, dtype=dtype, shape=shape)


@operation(differentiable=False)
def full_like(xp, x, /, fill_value, *, dtype=None, shape=None):
    """An array of the shape and dtype of ``x`` with one value everywhere.

    Example:
        >>> import numpy as np
        >>> full_like(np.array([3.0, 2.0]), 7.0)
        variable([7. 7.])
    """
    return xp.full_like(x, fill_value, dtype=dtype, shape=shape)


@operation(differentiable=False)
def empty_like(xp, x, /, *, dtype=None, shape=None):
    """An array of the shape and dtype of ``x``, its values left open.

    Example:
        >>> import numpy as np
        >>> empty_like(np.array([3.0, 2.0])).shape
        (2,)
    """
    return xp.empty_like(x, dtype=dtype, shape=shape)


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


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """``num`` evenly spaced numbers from ``start`` to ``stop``, which may be Variables, and arrays that broadcast.

    Args:
        endpoint: Whether ``stop`` is the last of them, or the next.
        retstep: Give the distance between neighbours as well, in a pair.
        dtype: The type of the result; whole numbers are rounded down, and constants.
        axis: The axis of the result that the numbers lie along.

    Shapes: start (...), stop (...) -> (num, ...)

    Raises:
        InputError: ``num`` is negative.

    Example:
        >>> linspace(0.0, 1.0, 3)
        variable([0.  0.5 1. ])
        >>> linspace(0.0, 1.0, 4, endpoint=False)
        variable([0.   0.25 0.5  0.75])
    """
    if num < 0:
        raise InputError(f"linspace: num is a whole number from 0 up, and is {num}.")
    ends = [value.data if isinstance(value, Recorded) else value for value in (start, stop)]
    xp = namespace_of(ends)
    kind = xp.result_type(*ends, 1.0)
    start, stop = (astype(value if hasattr(value, "shape") else xp.asarray(value), kind) for value in (start, stop))
    parts = num - 1 if endpoint else num
    step = divide(subtract(stop, start), parts) if parts > 0 else multiply(subtract(stop, start), float("nan"))
    places = xp.astype(xp.reshape(xp.arange(num), (-1,) + (1,) * len(step.shape)), kind)
    out = add(multiply(places, step), start) if parts > 0 else broadcast_to(start, (num, *step.shape))
    if endpoint and num > 1:
        out = update(out, -1, stop)  # and not what rounding makes of it
    out = moveaxis(out, 0, axis) if axis else out
    if dtype is not None:
        out = astype(out if xp.isdtype(xp.dtype(dtype), "real floating") else floor(out), dtype)
    if not retstep:
        return out
    return out, step if parts > 0 else make_result(xp.asarray(float("nan")))


def eye(n: int, m: int | None = None, *, k: int = 0, dtype: Any = None) -> Any:
    """Ones on diagonal ``k`` of an n by m matrix, zeros elsewhere.

    Example:
        >>> eye(2)
        variable([[1. 0.]
                  [0. 1.]])
    """
    return make_result(namespace_of(()).eye(n, m, k=k, dtype=dtype or float))


@operation
def copy(xp, x, /, order="K"):
    """The same values in an array of their own, recorded: a value that can be assigned to.

    Args:
        order: How a NumPy array lies in memory, in NumPy's words; "K" for as it lay before.

    Example:
        >>> import numpy as np
        >>> copy(np.array([1.0, 2.0]))
        variable([1. 2.])
    """
    return xp.asarray(x, copy=True) if order == "K" else xp.asarray(x, copy=True, order=order)


@copy.derivative("x")
def _(g):
    return g


def astype(x: Any, dtype: Any) -> Any:
    """``x`` in another type; the gradient comes back in the type of ``x``.

    To integers and booleans there is no derivative, and the result is a constant.

    Raises:
        DtypeError: ``dtype`` is complex, and ``x`` needs a gradient.

    Example:
        >>> import numpy as np
        >>> astype(np.array([1.5]), np.int64)
        variable([1])
    """
    array = x.data if isinstance(x, Recorded) else x
    xp = namespace_of((array,))
    target = xp.dtype(dtype)
    recorded = isinstance(x, Recorded) and x.requires_grad and current_config().enable_backprop
    if recorded and xp.isdtype(target, "complex floating"):
        fix = "keep real and imaginary parts as two real arrays, or convert x.data, a constant."
        raise DtypeError(message("astype: complex numbers have no gradient here.", [("x", x)], fix))
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
