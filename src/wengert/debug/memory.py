"""Which arrays there are in what a call keeps, and whose memory they are."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from wengert.core.recorded import Recorded

__all__ = ["arrays_in", "memory_of", "owner_of"]


def arrays_in(value: Any) -> Iterator[Any]:
    """The arrays in nested tuples, lists and dictionaries; of Variables their data.

    Example:
        >>> [array.shape for array in arrays_in((np.ones(1), {"a": [np.ones(2)]}, "text"))]
        [(1,), (2,)]
    """
    if isinstance(value, Recorded):
        value = value.data
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        for part in value:
            yield from arrays_in(part)
    elif hasattr(value, "dtype") and hasattr(value, "shape"):
        yield value


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


def memory_of(value: Any) -> Any:
    """The array that owns the memory of an array or Variable; None for numbers, and while a compiler traces.

    Example:
        >>> a = np.zeros((2, 3))
        >>> memory_of(a.T[1:]) is a, memory_of(1.0) is None
        (True, True)
    """
    array = value.data if isinstance(value, Recorded) else value
    return owner_of(array) if _has_memory(array.__class__) else None


@cache
def _has_memory(kind: Any) -> bool:
    return hasattr(kind, "nbytes") and hasattr(kind, "shape") and not any(c.__name__ == "Tracer" for c in kind.__mro__)
