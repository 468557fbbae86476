"""NumPy, which is the Array API standard already, and the kernels it lacks."""
# The whole of NumPy's namespace is the point of this file.
# ruff: noqa: F403, F405

from typing import Any

import numpy as np
from numpy import *

from wengert.errors import DtypeError

__all__ = ["checked_array", "ndarray", "scatter_add", "update"]

ndarray = np.ndarray


def checked_array(data: Any) -> Any:
    """``data`` as a plain array of numbers, without a copy; refused where that would lose something."""
    if isinstance(data, np.ma.MaskedArray):
        raise DtypeError("a masked array would lose its mask.\n    Fix: fill it first, with masked.filled(value).")
    if data.dtype.kind not in "biufc":
        raise DtypeError(
            f"an array of dtype {data.dtype} does not hold numbers.\n"
            "    Fix: convert it, for example with data.astype(float)."
        )
    return np.asarray(data)


def scatter_add(shape: tuple[int, ...], dtype: Any, index: Any, values: Any) -> Any:
    """Zeros of ``shape`` with ``values`` added at ``index``; entries named twice receive both."""
    out = np.zeros(shape, dtype=dtype)
    if _names_entries_once(index):
        out[index] = values
    else:
        np.add.at(out, index, values)
    return out


def last_writes(shape: tuple[int, ...], index: Any) -> Any:
    """Which of the entries written at ``index`` still stand afterwards; None where all of them do."""
    if _names_entries_once(index):
        return None
    writer = np.empty(shape, dtype=np.intp)
    order = np.arange(writer[index].size).reshape(writer[index].shape)
    writer[index] = order
    return writer[index] == order


def update(x: Any, index: Any, value: Any) -> Any:
    """A copy of ``x`` with ``value`` at ``index``."""
    out = np.array(x, copy=True)
    out[index] = value
    return out


def _names_entries_once(index: Any) -> bool:
    """Whether no entry can be named twice: slices and numbers, and at most a boolean mask."""
    if isinstance(index, np.ndarray) and index.dtype == np.bool_:
        return True
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is Ellipsis or isinstance(part, int | slice | np.integer) for part in parts)
