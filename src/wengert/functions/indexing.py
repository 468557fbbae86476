"""Picking entries and writing entries: indexing, recorded assignment, take, sort.

Reading by an index and adding at an index are each other's derivative; writing is its own.
"""

from typing import Any

from wengert.backends import namespace_of
from wengert.core.operation import operation
from wengert.core.recorded import Recorded
from wengert.errors import DtypeError, message

__all__ = [
    "argmax",
    "argmin",
    "argsort",
    "get_item",
    "nonzero",
    "scatter_add",
    "searchsorted",
    "sort",
    "take",
    "take_along_axis",
    "update",
]


def get_item(x: Any, index: Any) -> Any:
    """The entries of ``x`` at ``index``: ``x[index]``, with NumPy's basic, advanced and boolean indexing.

    Raises:
        IndexError: the index lies outside an axis, or names too many axes.

    Example:
        >>> import numpy as np
        >>> from wengert import Variable
        >>> x = Variable(np.array([1.0, 2.0, 3.0]))
        >>> get_item(x, [0, 0, 2])
        variable([1. 1. 3.])
    """
    return _get_item(x, index=plain_index(index))


@operation(view=True)
def _get_item(xp, x, *, index):
    return x[index] if xp.checks_index else xp.picked(x, index)


@_get_item.derivative("x")
def _(xp, g, x_shape, index):
    return xp.placed(x_shape, index, g)


def scatter_add(shape: tuple[int, ...], dtype: Any, index: Any, values: Any) -> Any:
    """Zeros of ``shape`` with ``values`` added at ``index``; entries named twice receive both.

    Example:
        >>> import numpy as np
        >>> scatter_add((3,), float, [0, 0, 2], np.array([1.0, 2.0, 3.0]))
        variable([3. 0. 3.])
    """
    return _scatter_add(values, shape=tuple(shape), dtype=dtype, index=plain_index(index))


@operation
def _scatter_add(xp, values, *, shape, dtype, index):
    return xp.scatter_add(shape, dtype, index, values)


@_scatter_add.derivative("values")
def _(g, index):
    return g[index]


def update(x: Any, index: Any, value: Any) -> Any:
    """A copy of ``x`` with ``value`` at ``index``: what ``x[index] = value`` records.

    ``value`` broadcasts into the place.  Where an index names an entry twice the last write, row by row, stands,
    and only that one has a derivative.

    Raises:
        DtypeError: ``x`` holds integers or booleans, and would cut off a value that needs a gradient.
        IndexError: the index lies outside an axis.

    Cost: a copy of ``x``; neither operand is kept.

    Example:
        >>> import numpy as np
        >>> update(np.zeros(3), 1, 5.0)
        variable([0. 5. 0.])
    """
    check_taken_in(x, value)
    return _update(x, value, index=plain_index(index))


def check_taken_in(x: Any, value: Any) -> None:
    """Refuse to write a value that needs a gradient into an array that would cut it off.

    Raises:
        DtypeError: ``x`` holds integers, booleans or complex numbers.

    Example:
        >>> import numpy as np
        >>> check_taken_in(np.zeros(2), 1.0)
    """
    if not isinstance(value, Recorded) or not value.requires_grad:
        return
    array = x.data if isinstance(x, Recorded) else x
    if not namespace_of((array,)).isdtype(array.dtype, "real floating"):
        raise DtypeError(
            message(
                f"an array of {array.dtype} cannot take in a value that needs a gradient.",
                [("x", x), ("value", value)],
                "make the array of floating point, for example x.astype(float).",
            )
        )


@operation(broadcasts=True)
def _update(xp, x, value, /, *, index, region=None):
    return xp.update(x, index, value)


@_update.derivative("x", "value")
def _(xp, g, owned, value_shape, index, region, wanted):
    """What was there before has a gradient elsewhere only; what was written has that of its place."""
    in_value = None
    if wanted[1]:
        in_value = xp.entries(g, index, region)
        arrays = [part for part in (index if isinstance(index, tuple) else (index,)) if hasattr(part, "dtype")]
        shape = g.shape if region is None else region.shape
        standing = namespace_of(arrays).last_writes(shape, index)
        if standing is not None:
            in_value = xp.where(standing, in_value, 0.0)
        missing = len(value_shape) - in_value.ndim  # NumPy drops leading axes of length 1 from what is written
        if missing > 0:
            in_value = xp.reshape(in_value, (1,) * missing + in_value.shape)
    return xp.cleared(g, owned, index, region) if wanted[0] else None, in_value


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """The entries of ``x`` along ``axis`` at ``indices``; of ``x`` laid flat where ``axis`` is None.

    Shapes: x (..., n, ...), indices (k, ...) -> (..., k, ..., ...)

    Raises:
        IndexError: an index lies outside the axis.

    Example:
        >>> import numpy as np
        >>> take(np.array([[1.0, 2.0], [3.0, 4.0]]), [1, 1], axis=0)
        variable([[3. 4.]
                  [3. 4.]])
    """
    if axis is None or (not x.shape and axis in (0, -1)):
        from wengert.functions.shape import reshape

        return get_item(reshape(x, (-1,)), _as_index(indices))
    ndim = len(x.shape)
    if not -ndim <= axis < ndim:
        raise IndexError(f"take: axis {axis} of an array of {ndim} axes.")
    return get_item(x, (slice(None),) * (axis % ndim) + (_as_index(indices),))


def take_along_axis(x: Any, indices: Any, axis: int = -1) -> Any:
    """For each line of ``x`` along ``axis``, its entries at the matching line of ``indices``.

    Shapes: x (..., n, ...), indices (..., k, ...) -> (..., k, ...), the other axes broadcasting

    Raises:
        IndexError: an index lies outside the axis.

    Example:
        >>> import numpy as np
        >>> x = np.array([[3.0, 1.0], [2.0, 4.0]])
        >>> take_along_axis(x, argsort(x, axis=1), axis=1)
        variable([[1. 3.]
                  [2. 4.]])
    """
    return _take_along_axis(x, indices=plain_index(indices), axis=axis)


@operation
def _take_along_axis(xp, x, *, indices, axis):
    return xp.take_along_axis(x, indices, axis=axis)


@_take_along_axis.derivative("x")
def _(xp, g, x_shape, indices, axis):
    axis %= len(x_shape)
    arange = namespace_of((indices,)).arange
    index = tuple(
        indices if i == axis else arange(size).reshape((-1,) + (1,) * (len(x_shape) - 1 - i))
        for i, size in enumerate(x_shape)
    )
    return xp.scatter_add(x_shape, g.dtype, index, g)


def sort(x: Any, axis: int | None = -1, *, descending: bool = False) -> Any:
    """The entries of ``x`` in order along ``axis``; of ``x`` laid flat where ``axis`` is None.

    At kinks: equal entries keep their order, and each has its own derivative.

    Example:
        >>> import numpy as np
        >>> sort(np.array([3.0, 1.0, 2.0]))
        variable([1. 2. 3.])
    """
    if axis is None:
        from wengert.functions.shape import reshape

        x, axis = reshape(x, (-1,)), -1
    return take_along_axis(x, argsort(x, axis=axis, descending=descending), axis=axis)


@operation(differentiable=False)
def argsort(xp, x, /, axis=-1, *, descending=False):
    """The indices that put ``x`` in order along ``axis``; equal entries keep their order.

    Example:
        >>> import numpy as np
        >>> argsort(np.array([3.0, 1.0, 2.0]))
        variable([1 2 0])
    """
    if not descending:
        return xp.argsort(x, axis=axis, stable=True)
    size = x.shape[axis]
    return size - 1 - xp.flip(xp.argsort(xp.flip(x, axis=axis), axis=axis, stable=True), axis=axis)


@operation(differentiable=False)
def argmax(xp, x, /, axis=None, *, keepdims=False):
    """The index of the largest entry along ``axis``, the first of equals.

    Example:
        >>> import numpy as np
        >>> argmax(np.array([1.0, 5.0, 2.0]))
        variable(1)
    """
    return xp.argmax(x, axis=axis, keepdims=keepdims)


@operation(differentiable=False)
def argmin(xp, x, /, axis=None, *, keepdims=False):
    """The index of the smallest entry along ``axis``, the first of equals.

    Example:
        >>> import numpy as np
        >>> argmin(np.array([4.0, 5.0, 2.0]))
        variable(2)
    """
    return xp.argmin(x, axis=axis, keepdims=keepdims)


@operation(differentiable=False)
def nonzero(xp, x):
    """The indices of the entries that are not zero: a tuple, one array an axis.

    Example:
        >>> import numpy as np
        >>> nonzero(np.array([0.0, 5.0, 2.0]))[0]
        variable([1 2])
    """
    return tuple(xp.nonzero(x))


@operation(differentiable=False)
def searchsorted(xp, x1, x2, /, *, side="left"):
    """Where each of ``x2`` would go in the sorted ``x1``.

    Example:
        >>> import numpy as np
        >>> searchsorted(np.array([1.0, 2.0, 3.0]), np.array([2.5]))
        variable([2])
    """
    return xp.searchsorted(x1, x2, side=side)


def plain_index(index: Any) -> Any:
    """An index with the Variables in it replaced by their data, and a list, which is an array of one axis or more, told
    apart from a tuple, which is an index for each axis."""
    if isinstance(index, Recorded):
        return index.data
    if isinstance(index, tuple):
        return tuple([part.data if isinstance(part, Recorded) else part for part in index])
    return (index,) if isinstance(index, list) else index


def _as_index(indices: Any) -> Any:
    """Numbers, lists and arrays alike as one index, so that a list of lists is not taken for a tuple of indices."""
    return list(indices) if isinstance(indices, tuple) else indices
