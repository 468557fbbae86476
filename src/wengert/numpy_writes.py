"""NumPy's functions that write into an array: ``np.copyto``, ``np.put``, ``np.add.at`` and their kin, and ``out=``.

Each is an assignment, and so recorded and seen by every view.  Where an array of NumPy's own is to be written into, no
gradient could be kept: a value that needs one is refused with the way out.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import functions as F
from wengert.core.recorded import Recorded
from wengert.errors import DtypeError, InputError, NotDifferentiableError, ShapeError, message
from wengert.functions.writing import assign, write

__all__ = ["WRITES", "fill", "partition", "put", "sort", "store", "store_all", "ufunc_at"]


def store(out: Any, result: Any, name: str) -> Any:
    """Write ``result`` into ``out``, as the function ``name`` does that was given ``out=``.

    Raises:
        NotDifferentiableError: ``out`` is an array of NumPy's own, and ``result`` needs a gradient.
        DtypeError: the dtype of ``out`` does not hold the result.
        ShapeError: ``out`` has another shape.

    Example:
        >>> from wengert import Variable
        >>> y = Variable(np.zeros(2)) * 1.0
        >>> store(y, np.array([1.0, 2.0]), "numpy.add") is y, y
        (True, variable([1. 2.]))
    """
    if not isinstance(out, Recorded):
        raise plain_destination(name, out, result)
    if not isinstance(result, Recorded):
        result = F.copy(result)
    if result.shape != out.data.shape:
        try:
            fits = np.broadcast_shapes(result.shape, out.data.shape) == out.data.shape
        except ValueError:
            fits = False
        if not fits:
            raise ShapeError(message(f"{name}: out has another shape.", [("out", out), ("result", result)]))
        result = F.broadcast_to(result, out.data.shape)
    assign(out, result)
    return out


def store_all(out: Any, results: Any, name: str) -> Any:
    """The same for one result and one place, or for several and a tuple of places, None where one is not asked for."""
    if not isinstance(results, tuple):
        return store(out[0] if isinstance(out, tuple) else out, results, name)
    return tuple(
        [result if place is None else store(place, result, name) for place, result in zip(out, results, strict=True)]
    )


def plain_destination(name: str, out: Any, value: Any) -> NotDifferentiableError:
    """The error of writing a value that needs a gradient into an array of NumPy's own."""
    return NotDifferentiableError(
        message(
            f"{name}: an array of NumPy's own (out=, or the array written into) cannot take in a value that needs a "
            "gradient: it would be lost.",
            [("array", out), ("value", value)],
            "make the array with np.zeros_like(variable, shape=...) or wengert.functions.zeros(shape), and write into "
            "that; or write a = a + b instead of a += b.",
        )
    )


def fill(a: Any, value: Any) -> None:
    """``a.fill(value)``: every entry becomes ``value``, a scalar.

    Example:
        >>> from wengert import Variable
        >>> y = Variable(np.zeros(2)) * 1.0
        >>> fill(y, 3.0)
        >>> y
        variable([3. 3.])
    """
    write(a, ..., value)


def sort(a: Any, axis: int = -1) -> None:
    """``a.sort()``: in place, unlike ``np.sort(a)``.

    Example:
        >>> from wengert import Variable
        >>> y = Variable(np.array([3.0, 1.0])) * 1.0
        >>> sort(y)
        >>> y
        variable([1. 3.])
    """
    assign(a, F.sort(a, axis=axis))


def partition(a: Any, kth: Any, axis: int = -1) -> None:
    """``a.partition(kth)``: in place, the ``kth`` smallest at its place, the smaller before it.

    Example:
        >>> from wengert import Variable
        >>> y = Variable(np.array([3.0, 1.0, 2.0])) * 1.0
        >>> partition(y, 0)
        >>> y[0]
        variable(1.0)
    """
    assign(a, F.take_along_axis(a, np.argpartition(np.asarray(a.data), kth, axis=axis), axis=axis))


def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """``np.put``: ``v``, repeated as often as needed, at the places ``ind`` of ``a`` laid flat.

    Raises:
        IndexError: a place lies outside ``a``, and ``mode`` is ``raise``.

    Example:
        >>> from wengert import Variable
        >>> y = Variable(np.zeros((2, 2))) * 1.0
        >>> put(y, [0, 3], [5.0, 6.0])
        >>> y
        variable([[5. 0.]
                  [0. 6.]])
    """
    places = np.asarray(_constant(ind)).ravel()
    size = a.data.size
    if mode == "raise":
        outside = places[(places < -size) | (places >= size)]
        if outside.size:
            raise IndexError(f"put: index {outside[0]} is out of bounds for an array of {size} entries.")
        places = places % size if size else places
    elif mode == "wrap":
        places = places % size
    elif mode == "clip":
        places = np.clip(places, 0, size - 1)
    else:
        raise InputError(f"put: mode is raise, wrap or clip, and was {mode!r}.")
    if places.size and np.size(_constant(v)):
        write(a, np.unravel_index(places, a.data.shape), _repeated(v, places.size))


def place(arr: Any, mask: Any, vals: Any) -> None:
    """``np.place``: ``vals``, one after the other and over again, where ``mask`` holds.

    Example:
        >>> from wengert import Variable
        >>> y = Variable(np.array([1.0, 2.0, 3.0])) * 1.0
        >>> place(y, [True, False, True], [7.0, 8.0])
        >>> y
        variable([7. 2. 8.])
    """
    where = np.asarray(_constant(mask)).astype(bool)
    if where.size != arr.data.size:
        raise ShapeError(message("place: mask and array have the same number of entries.", [("arr", arr)]))
    where = where.reshape(arr.data.shape)
    count = int(where.sum())
    if not count:
        return
    if not np.size(_constant(vals)):
        raise InputError("place: there are no values to take.\n    Fix: give one value at least.")
    write(arr, where, _repeated(vals, count))


def putmask(a: Any, mask: Any, values: Any) -> None:
    """``np.putmask``: where ``mask`` holds, the entry of ``values``, repeated to the size of ``a``, at the same place.

    Example:
        >>> from wengert import Variable
        >>> y = Variable(np.array([1.0, 2.0, 3.0])) * 1.0
        >>> putmask(y, [False, True, True], [7.0, 8.0])
        >>> y
        variable([1. 8. 7.])
    """
    where = np.asarray(_constant(mask)).astype(bool)
    if where.size != a.data.size:
        raise ShapeError(message("putmask: mask and array have the same number of entries.", [("a", a)]))
    where = where.reshape(a.data.shape)
    if not where.any() or not np.size(_constant(values)):
        return
    write(a, where, _repeated(values, a.data.size)[np.flatnonzero(where)])


def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """``np.copyto``: ``src``, which broadcasts, into ``dst``, where ``where`` holds.

    Raises:
        DtypeError: ``casting`` does not allow the change of dtype.

    Example:
        >>> from wengert import Variable
        >>> y = Variable(np.zeros(3)) * 1.0
        >>> copyto(y, 1.0, where=[True, False, True])
        >>> y
        variable([1. 0. 1.])
    """
    src = _as_operand(src)
    dtype = getattr(src, "dtype", None)
    if dtype is not None and not np.can_cast(dtype, dst.data.dtype, casting):
        raise DtypeError(message(f"copyto: casting={casting!r} does not allow this.", [("dst", dst), ("src", src)]))
    where = _constant(where)
    if where is True:
        write(dst, ..., src)
        return
    where = np.broadcast_to(np.asarray(where), dst.data.shape)
    write(dst, where, F.broadcast_to(src, dst.data.shape)[where] if np.ndim(_constant(src)) else src)


def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    """``np.put_along_axis``: for each line of ``arr`` along ``axis``, ``values`` at the matching ``indices``.

    Example:
        >>> from wengert import Variable
        >>> y = Variable(np.zeros((2, 2))) * 1.0
        >>> put_along_axis(y, np.array([[1], [0]]), 5.0, axis=1)
        >>> y
        variable([[0. 5.]
                  [5. 0.]])
    """
    indices = np.asarray(_constant(indices))
    shape = arr.data.shape
    if axis is None:
        if indices.ndim != 1:
            raise ShapeError("put_along_axis: with axis=None, indices have one axis.")
        write(arr, np.unravel_index(indices % arr.data.size, shape), values)
        return
    if indices.ndim != len(shape):
        raise ShapeError(message("put_along_axis: indices have as many axes as the array.", [("arr", arr)]))
    axis %= len(shape)
    index = tuple(
        indices if i == axis else np.arange(size).reshape((-1,) + (1,) * (len(shape) - 1 - i))
        for i, size in enumerate(shape)
    )
    write(arr, index, values)


def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """``np.fill_diagonal``: ``val``, repeated, on the main diagonal.

    Example:
        >>> from wengert import Variable
        >>> y = Variable(np.zeros((2, 2))) * 1.0
        >>> fill_diagonal(y, 1.0)
        >>> y
        variable([[1. 0.]
                  [0. 1.]])
    """
    shape = a.data.shape
    if len(shape) < 2 or (len(shape) > 2 and len(set(shape)) > 1):
        raise ShapeError(
            message("fill_diagonal: a has two axes or more, and beyond two all of one length.", [("a", a)])
        )
    if len(shape) == 2:
        step, stop = shape[1] + 1, None if wrap else shape[1] * shape[1]
    else:
        step, stop = 1 + int(np.cumprod(shape[:-1]).sum()), None
    put(a, np.arange(a.data.size)[:stop:step], val)


def ufunc_at(ufunc: Any, a: Any, indices: Any, *values: Any) -> None:
    """``ufunc.at``: ``a[indices] = ufunc(a[indices], value)``, done as often as an index names an entry.

    Example:
        >>> from wengert import Variable
        >>> y = Variable(np.zeros(2)) * 1.0
        >>> ufunc_at(np.add, y, [0, 0], 1.0)
        >>> y
        variable([2. 0.])
    """
    index = _plain_index(indices)
    shape = a.data.shape
    places = np.arange(a.data.size).reshape(shape)[index]
    operands = [F.ravel(F.broadcast_to(_as_operand(value), np.shape(places))) for value in values]
    places = np.ravel(places)
    if ufunc in (np.add, np.subtract):
        operand = operands[0] if ufunc is np.add else -operands[0]
        added = F.scatter_add((a.data.size,), operand.dtype, places, operand)
        assign(a, a + F.reshape(added, shape))
        return
    order = np.argsort(places, kind="stable")
    ranked = places[order]
    first = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]]) if places.size else places
    times = np.empty(places.size, int)  # how often an entry has been named before
    times[order] = np.arange(places.size) - np.repeat(first, np.diff(np.r_[first, places.size]))
    for time in range(times.max(initial=-1) + 1):
        chosen = np.flatnonzero(times == time)
        here = np.unravel_index(places[chosen], shape)
        write(a, here, ufunc(a[here], *[operand[chosen] for operand in operands]))


# NumPy's functions whose first argument is written into, and what does it here.
WRITES: dict[Any, Callable[..., None]] = {
    np.copyto: copyto,
    np.fill_diagonal: fill_diagonal,
    np.place: place,
    np.put: put,
    np.put_along_axis: put_along_axis,
    np.putmask: putmask,
}


def _constant(value: Any) -> Any:
    return value.data if isinstance(value, Recorded) else value


def _as_operand(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return F.stack([_as_operand(part) for part in value]) if value else np.asarray(value)
    return value


def _plain_index(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(map(_constant, index))
    return _constant(index)


def _repeated(values: Any, count: int) -> Any:
    """``values`` laid flat, over again or cut off, to so many entries."""
    values = _as_operand(values)
    if not np.ndim(_constant(values)):
        return F.broadcast_to(values, (count,))
    flat = F.ravel(values)
    return flat[np.arange(count) % flat.shape[0]]
