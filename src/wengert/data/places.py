"""Rows by place: what a data set may be made of, and how some of its rows are asked for.  Next: dataset.py.

A Series or a table of pandas looks a number up among its labels, and one of Polars looks for a column: asked through
here, each gives the row that stands in that place.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.backends import namespace_of
from wengert.core.recorded import Recorded
from wengert.errors import DataError, DtypeError, ShapeError, describe, message

__all__ = ["as_array", "count_of", "joined", "row_of", "rows_of"]

_CODES = "numbers for names: numpy.unique(names, return_inverse=True)[1]; and fill or drop what is missing first."


def row_of(data: Any, index: int) -> Any:
    """The row, or the example, in this place.

    Args:
        data: A data set, an array, a list, a table.
        index: Its number, from 0 on.

    Example:
        >>> row_of([3, 1, 4], 1)
        1
    """
    if isinstance(data, Recorded):
        return data.data[index]
    if _has_labels(data):
        return as_array(type(data).__name__, _chosen(data, slice(index, index + 1)))[0]
    return data[index]


def rows_of(array: Any, rows: Any) -> Any:
    """Some rows of an array, as an array of their own.

    Args:
        array: An array, or a table.
        rows: A slice, or an array of numbers.

    Example:
        >>> rows_of(np.arange(5), np.array([3, 1]))
        array([3, 1])
    """
    if _has_labels(array):
        return as_array(type(array).__name__, _chosen(array, rows)).copy()
    if not isinstance(array, np.ndarray):
        return array[rows]
    if isinstance(rows, slice):
        return array[rows].copy()
    # take is the faster, but copies the whole of an array that does not lie in one piece.
    return array.take(rows, axis=0) if array.flags.c_contiguous else array[rows]


def count_of(owner: str, data: Any) -> int:
    """The number of examples.

    Raises:
        DataError: nobody knows it.

    Example:
        >>> count_of("Subset", [1, 2, 3])
        3
    """
    if hasattr(data, "__len__"):
        return len(data)
    raise DataError(
        f"{owner} asks for examples by number, and how many there are in {describe(data)} is not known.\n"
        "    Fix: write __len__ and __getitem__; or make a list of the examples first."
    )


def as_array(owner: str, data: Any) -> Any:
    """The values, as an array of NumPy or of another library known here; nothing is copied that need not be.

    Args:
        owner: Who asks.
        data: An array, a Series or a table of pandas or Polars, a DataArray of xarray, a tensor, a Variable, a buffer,
            or a list of numbers, arrays or text.

    Raises:
        DtypeError: the values are Python objects, some are missing that no whole number or bool can stand for, an
            array has a mask, or there are no values.
        ShapeError: entries of a list have different shapes.

    Example:
        >>> as_array("Arrays", memoryview(b"ab"))
        array([97, 98], dtype=uint8)
    """
    if type(data) is np.ndarray and data.dtype.kind != "O":
        return data
    if isinstance(data, Recorded):
        return data.data
    if isinstance(data, list | tuple):
        try:
            return joined(owner, data)
        except ValueError as error:
            raise ShapeError(f"{owner}: the entries of this list have different shapes.") from error
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        raise DtypeError(
            message(f"{owner}: a masked array would lose its mask.", [("array", data)], "masked.filled(value).")
        )
    if not isinstance(data, np.ndarray):
        try:
            if hasattr(data, "shape") and namespace_of((data,)) is not None:
                return data  # an array of another library that is known here
        except DtypeError:
            pass
    values = _values(owner, data)
    if values.dtype.kind == "O":
        values = _text(owner, data, values)
    if values.dtype.kind == "f" and _has_labels(data):
        _check_missing(owner, data, values)
    return values


def joined(owner: str, parts: Sequence[Any]) -> Any:
    """One array of many numbers, arrays or texts.

    Raises:
        ShapeError: they have different shapes.
        DtypeError: they are Python objects, or numbers and text.

    Example:
        >>> joined("Arrays", [1, 2.5])
        array([1. , 2.5])
    """
    if not {type(part) for part in parts} <= _PLAIN:
        parts = [part if type(part) in _PLAIN else _part(owner, part) for part in parts]
    values = np.array(parts)  # ValueError: of different shapes
    if values.dtype.kind in "OSU":
        _check_alike(owner, parts, values)
    return values


_PLAIN = {bool, int, float, np.ndarray}


def _part(owner: str, part: Any) -> Any:
    if isinstance(part, np.generic) or not (isinstance(part, Recorded) or hasattr(part, "__array__")):
        return part
    return as_array(owner, part)


def _check_alike(owner: str, parts: Sequence[Any], values: Any) -> None:
    """Refuse Python objects, text among numbers, and text that NumPy would shorten."""
    kinds = sorted({type(part).__name__ for part in parts})
    if values.dtype.kind == "O":
        raise DtypeError(f"{owner}: Python objects are no array ({', '.join(kinds[:4])}).\n    Fix: {_CODES}")
    if any(np.asarray(part).dtype.kind != values.dtype.kind for part in parts):
        raise DtypeError(f"{owner}: text and numbers are no array together ({', '.join(kinds[:4])}).")
    if any(isinstance(part, str | bytes) and part != back for part, back in zip(parts, values.tolist(), strict=True)):
        raise DtypeError(f"{owner}: NumPy's arrays of text drop zeros at the end, and one of these ends in zeros.")


def _has_labels(data: Any) -> bool:
    """Whether a number in brackets is looked up among labels or columns; read off what tables have in common."""
    kind = type(data)
    return hasattr(kind, "to_numpy") and hasattr(kind, "__array__")


def _chosen(data: Any, rows: Any) -> Any:
    return data.iloc[rows] if hasattr(type(data), "iloc") else data[rows]


def _values(owner: str, data: Any) -> Any:
    source = data.detach() if hasattr(data, "detach") else data  # a tensor that stands on a tape of its own
    try:
        values = source.to_numpy() if _has_labels(source) else np.asarray(source)
    except Exception as error:  # whatever the other library raises
        reason = str(error).splitlines()
        raise DtypeError(
            f"{owner}: {type(data).__name__} gives no array of NumPy's: {reason[0] if reason else error!r}"
        ) from error
    if values.dtype.kind == "O" and not values.ndim:
        raise DtypeError(
            f"{owner} takes arrays, and was given {describe(data)}.\n"
            "    Fix: numpy.asarray(...); list(...) of what is looped over; toarray() of a sparse matrix."
        )
    return values


def _text(owner: str, data: Any, values: Any) -> Any:
    """An array of Python objects that are all text, as an array of text."""
    if values.size and all(type(value) is str for value in values.flat):
        joined(owner, values.ravel().tolist())
        return values.astype(str)
    kinds = sorted({type(value).__name__ for value in values.ravel()[:1000].tolist()})
    raise DtypeError(
        f"{owner}: the values of this {type(data).__name__} are Python objects ({', '.join(kinds[:4])}).\n"
        f"    Fix: only the columns of numbers, with to_numpy(dtype=float) or astype(float); {_CODES}"
    )


def _check_missing(owner: str, data: Any, values: Any) -> None:
    """Refuse what became a NaN, and with it floating point, only because it is missing."""
    if not np.isnan(values).any():
        return
    dtypes = list(data.dtypes) if hasattr(data, "dtypes") and values.ndim == 2 else [data.dtype]
    columns = values.T if values.ndim == 2 else values[np.newaxis]
    for dtype, column in zip(dtypes, columns, strict=len(dtypes) > 1):
        if not any(word in str(dtype).lower() for word in ("float", "double")) and np.isnan(column).any():
            raise DtypeError(
                f"{owner}: a {type(data).__name__} of {dtype} has {int(np.isnan(column).sum())} missing values.\n"
                "    Fix: fill them (pandas fillna, Polars fill_null) or drop them; "
                "or make them NaN of floating point: astype(float), cast(Float64)."
            )
