"""Where the entries of a view lie in the memory of the array that it shows: for NumPy's arrays.

Any view of an array that fills its memory without gaps is a start and a stride for each axis; laid over another array of
that size, they show the same entries of it.
"""

from typing import Any

import numpy as np

__all__ = ["Region", "cleared", "entries", "has_gaps", "memory_order", "owner_of", "region_of", "shows"]


def shows(out: Any, data: Any) -> bool:
    """Whether ``out``, which was made of ``data``, is a view of its memory.

    Example:
        >>> a = np.zeros((2, 3))
        >>> shows(a[1:], a), shows(a[1:].T, a[1:]), shows(a * 1, a)
        (True, True, False)
    """
    base = getattr(out, "base", None)
    return out is data or (base is not None and (base is data or base is data.base))


def owner_of(array: Any) -> Any:
    """The array whose memory a view shows; the array itself where it is none.

    Example:
        >>> a = np.zeros((2, 3))
        >>> owner_of(a.T[1:]) is a
        True
    """
    owner = below = array
    while (below := getattr(below, "base", None)) is not None:  # some views stand behind an object that is no array
        if isinstance(below, np.ndarray):
            owner = below
    return owner


class Region:
    """The entries that a view shows of a whole array: start, strides and shape, counted in entries.

    ``order`` is the order of the axes in the memory of the whole, None where it is their own.
    """

    __slots__ = ("order", "shape", "start", "strides")

    def __init__(self, start: int, shape: tuple[int, ...], strides: tuple[int, ...], order: Any) -> None:
        self.start = start
        self.shape = shape
        self.strides = strides
        self.order = order

    def of(self, array: Any) -> Any:
        """The entries here of a contiguous array whose axes stand in the ``order`` of the whole's memory: a view."""
        size = array.itemsize
        strides = tuple([stride * size for stride in self.strides])
        return np.ndarray(self.shape, array.dtype, array, self.start * size, strides)

    def places(self, shape: tuple[int, ...]) -> Any:
        """For each entry of the view, its place in the whole of this shape, laid flat row by row."""
        numbers = np.arange(int(np.prod(shape))).reshape(shape)
        return self.of(numbers if self.order is None else np.ascontiguousarray(numbers.transpose(self.order)))


def region_of(view: Any, whole: Any) -> Region:
    """Where ``view`` lies in ``whole``, an array without gaps.

    Example:
        >>> a = np.zeros((2, 3))
        >>> region_of(a.T[1:], a).places((2, 3))
        array([[1, 4],
               [2, 5]])
    """
    size = whole.itemsize
    start = (view.__array_interface__["data"][0] - whole.__array_interface__["data"][0]) // size
    return Region(start, view.shape, tuple([stride // size for stride in view.strides]), memory_order(whole))


def memory_order(array: Any) -> Any:
    """The order in which the axes of an array without gaps lie in memory; None where it is their own."""
    if array.flags.c_contiguous:
        return None
    return tuple(sorted(range(array.ndim), key=lambda axis: (-array.strides[axis], axis)))


def has_gaps(array: Any) -> bool:
    """Whether the entries of an array leave memory out, or lie in it more than once."""
    order = memory_order(array)
    return order is not None and not array.transpose(order).flags.c_contiguous


def entries(g: Any, index: Any, region: Region | None) -> Any:
    """A copy of the entries at ``index`` of the view of ``g`` that lies at ``region``; of ``g`` itself where None."""
    if region is not None:
        g = region.of(_as_in_memory(g, region.order, False))
    return np.array(g[index], copy=True)


def cleared(g: Any, owned: bool, index: Any, region: Region | None) -> Any:
    """``g`` with zeros there: in place where it is ``owned``, which makes many writes into one array cheap."""
    order = None if region is None else region.order
    flat = _as_in_memory(g, order, not owned)
    part = flat if region is None else region.of(flat)
    part[index] = 0
    return g if np.may_share_memory(flat, g) else flat if order is None else flat.transpose(np.argsort(order))


def _as_in_memory(g: Any, order: Any, copy: bool) -> Any:
    """``g`` with its axes in the order of memory, contiguous: itself, seen so, where it lies so already."""
    turned = g if order is None else g.transpose(order)
    return np.array(turned, order="C", copy=True if copy else None)
