"""Arrays as the tools look at them: which there are in what a call keeps, whose memory they are, and where in them."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from wengert.backends.regions import owner_of
from wengert.core.recorded import Recorded

__all__ = ["arrays_in", "data_of", "first_index", "memory_of", "owner_of"]


def arrays_in(value: Any) -> Iterator[Any]:
    """The arrays in nested tuples, lists and dictionaries; of Variables their data.

    Example:
        >>> [array.shape for array in arrays_in((np.ones(1), {"a": [np.ones(2)]}, "text"))]
        [(1,), (2,)]
    """
    value = data_of(value)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        for part in value:
            yield from arrays_in(part)
    elif hasattr(value, "dtype") and hasattr(value, "shape"):
        yield value


def data_of(value: Any) -> Any:
    """The data of a Variable; anything else as it is.

    Example:
        >>> import wengert
        >>> data_of(wengert.Variable(np.ones(1))), data_of(2.0)
        (array([1.]), 2.0)
    """
    return value.data if isinstance(value, Recorded) else value


def first_index(mask: Any) -> tuple[int, ...]:
    """The index of the first entry that is true.

    Example:
        >>> first_index(np.array([[False, False], [False, True]]))
        (1, 1)
    """
    mask = np.asarray(mask)
    return tuple(int(i) for i in np.unravel_index(int(mask.argmax()), mask.shape))


def memory_of(value: Any) -> Any:
    """The array that owns the memory of an array or Variable; None for numbers, and while a compiler traces.

    Example:
        >>> a = np.zeros((2, 3))
        >>> memory_of(a.T[1:]) is a, memory_of(1.0) is None
        (True, True)
    """
    array = data_of(value)
    return owner_of(array) if _has_memory(array.__class__) else None


@cache
def _has_memory(kind: Any) -> bool:
    return hasattr(kind, "nbytes") and hasattr(kind, "shape") and not any(c.__name__ == "Tracer" for c in kind.__mro__)
