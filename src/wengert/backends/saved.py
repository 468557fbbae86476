"""What an operation saves of arrays that are not its own: numbers that stay as they were when the operation ran.

``buffer[:] = i; s = s + np.sum(x * buffer)`` writes into an array of NumPy's own that the tape still needs.  So the tape
keeps a copy of it, and of a large one, which it would cost too much to copy, a sum that tells whether it has changed:

- up to `SMALL` bytes it is copied;
- up to `MEDIUM` bytes it is copied too, but once for all operations that save it while it stays as it is;
- beyond that it is kept itself with its `fingerprint`, which is looked at again when going back.

An array that nobody can write into is kept as it is.
"""

from collections.abc import Iterator
from typing import Any
from weakref import ref

import numpy as np

from wengert.backends.regions import has_gaps, owner_of, region_of

__all__ = ["MEDIUM", "SMALL", "Settled", "Watched", "fingerprint", "noted", "saved", "settled"]

# An array that was given, what is kept of it, and its fingerprint where that is the array itself.
Note = tuple[Any, Any, int | None]

SMALL = 1024
MEDIUM = 1 << 20


class Settled(tuple[Any, ...]):
    """What a call keeps where arrays of NumPy's own were given: copies of them, or, of large ones, these themselves."""

    notes: list[Note]

    def originals(self) -> Iterator[Any]:
        """The arrays as they were given."""
        return (original for original, _, _ in self.notes)

    def given(self) -> list[Any]:
        """What is kept of them."""
        return [kept for _, kept, _ in self.notes]


class Watched(Settled):
    """The same with large arrays in it, which are looked at before they are used."""

    def changed(self) -> Any:
        """The first of the large arrays that has changed since; None where all are as they were."""
        return next((kept for _, kept, before in self.notes if before is not None and fingerprint(kept) != before), None)


def settled(kept: tuple[Any, ...], places: Any, inputs: Any) -> tuple[Any, ...]:
    """What a call keeps, so that writing into an array of NumPy's own that was given does not change it.

    Args:
        kept: What is to be kept.
        places: Which of it may have been given so, each with its place among the inputs; None for an option.
        inputs: What the call was given: where that is the array itself, and no Variable, it is NumPy's own.

    Example:
        >>> a = np.zeros(3)
        >>> kept = settled((a, 2.0), [(0, 0)], [a])
        >>> kept[0] is a, list(kept.originals())[0] is a
        (False, True)
    """
    notes: list[Note] = []
    values: Any = None
    for place, origin in places:
        value = kept[place]
        kind = value.__class__
        if kind is np.ndarray:
            if origin is not None and inputs[origin] is not value:
                continue
            if value.nbytes <= SMALL:
                copy = value.copy()
                notes.append((value, copy, None))
            else:
                copy = saved(value, notes)
        elif kind is tuple and not _FIXED.issuperset(map(type, value)):
            if origin is None:
                copy = saved(value, notes)
            else:  # all the inputs of an operation of any number of them
                copy = tuple([saved(v, notes) if v is x else v for v, x in zip(value, inputs, strict=True)])
        else:
            continue
        if values is None:
            values = list(kept)
        values[place] = copy
    return kept if values is None else noted(values, notes)


def noted(values: Any, notes: list[Note]) -> Settled:
    """What is kept, with the notes on it."""
    kind = Settled
    for note in notes:
        if note[2] is not None:
            kind = Watched
    kept = kind(values)
    kept.notes = notes
    return kept


# Classes of which nothing can be written into.
_FIXED = frozenset([bool, float, int, slice, str, type(None), type(...)])
_copies: dict[int, tuple["ref[Any]", "ref[Any]"]] = {}  # of arrays by id: the array, and the copy that tapes hold


def saved(value: Any, notes: list[Note]) -> Any:
    """``value`` to be kept, with what stands for the arrays in it; what there is to know of these goes into ``notes``.

    Example:
        >>> a = np.zeros(3)
        >>> saved(a, []) is a, saved(2.0, [])
        (False, 2.0)
    """
    if value.__class__ is np.ndarray:
        copy = value.copy() if value.nbytes <= SMALL else _saved_array(value, notes)
        if copy is not value:
            notes.append((value, copy, None))
        return copy
    if value.__class__ is tuple or value.__class__ is list:
        return value.__class__([saved(part, notes) for part in value])
    return value


def _saved_array(array: Any, notes: list[Note]) -> Any:
    owner = owner_of(array)
    if not array.flags.writeable and not owner.flags.writeable:
        return array
    if owner.nbytes < array.nbytes and not has_gaps(owner):  # it shows entries again and again
        return region_of(array, owner).of(saved(owner, notes))
    if array.nbytes <= MEDIUM:
        return _copy_of(array)
    notes.append((array, array, fingerprint(array)))
    return array


def _copy_of(array: Any) -> Any:
    key = id(array)
    known = _copies.get(key)
    if known is not None:
        twin: Any = known[1]()
        if twin is not None and twin.dtype == array.dtype and np.array_equal(twin, array):
            return twin
    copy = array.copy()
    _copies[key] = ref(array, lambda _: _copies.pop(key, None)), ref(copy)
    return copy


def fingerprint(array: Any) -> int:
    """A number that changes with any entry, or with the places of two of them: of sums over rows and over columns.

    It costs little more than to read the array once.

    Example:
        >>> a = np.arange(10.0)
        >>> before = fingerprint(a)
        >>> a[3] = 0.5
        >>> fingerprint(a) == before
        False
    """
    if not array.flags.c_contiguous:
        array = array.T if array.flags.f_contiguous else np.ascontiguousarray(array)
    octets = array.reshape(-1).view(np.uint8)
    whole = octets.size // 8 * 8
    words = octets[:whole].view(np.uint64)
    rows = len(words) // _COLUMNS
    body = words[: rows * _COLUMNS].reshape(rows, _COLUMNS)
    across, down = np.empty(rows, np.uint64), np.zeros(_COLUMNS, np.uint64)
    for start in range(0, rows, _ROWS):  # as many as stay in the cache for the second sum
        block = body[start : start + _ROWS]
        np.add.reduce(block, axis=1, out=across[start : start + _ROWS])
        down += np.add.reduce(block, axis=0)
    rest = words[rows * _COLUMNS :].tobytes() + octets[whole:].tobytes()
    return hash((across.tobytes(), down.tobytes(), rest))


_COLUMNS, _ROWS = 1024, 32
