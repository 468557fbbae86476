"""Data sets: examples by number.  Next: loader.py."""

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.errors import DataError, DtypeError, ShapeError, describe, message

__all__ = ["Arrays", "Dataset", "join"]


class Dataset:
    """Examples by number, each with its label, as in the book: derive from it, and set ``data`` and ``label``.

    Args:
        train: Whether these are the examples to train on, or those to test on: for ``prepare`` to go by.
        transform: Applied to each example when it is asked for.
        target_transform: Applied to each label.

    Example:
        >>> class Squares(Dataset):
        ...     def prepare(self):
        ...         self.data = np.arange(5.0)
        ...         self.label = self.data ** 2
        >>> squares = Squares()
        >>> len(squares), float(squares[3][1])
        (5, 9.0)
        >>> squares[1:3]
        (array([1., 2.]), array([1., 4.]))
    """

    def __init__(
        self,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.train = train
        self.transform = transform
        self.target_transform = target_transform
        self.data: Any = None
        self.label: Any = None
        self.prepare()

    def prepare(self) -> None:
        """Set ``data``, and ``label`` where there are labels; every data set writes its own."""

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        if isinstance(index, slice):
            examples = [self[i] for i in range(len(self))[index]]
            return join([x for x, _ in examples]), join([t for _, t in examples])
        count = len(self)
        if not -count <= index < count:
            raise IndexError(f"{type(self).__name__}: there is no example {index} among {count}.")
        x = self.data[index]
        t = None if self.label is None else self.label[index]
        if self.transform is not None:
            x = self.transform(x)
        if self.target_transform is not None and t is not None:
            t = self.target_transform(t)
        return x, t

    def __len__(self) -> int:
        if self.data is None:
            raise DataError(f"{type(self).__name__} has no data.\n    Fix: set self.data in prepare().")
        return len(self.data)

    def arrays(self) -> tuple[Any, ...] | None:
        """The arrays whose rows are the examples, where that is all there is to it; else None.

        Example:
            >>> Dataset().arrays() is None
            True
        """
        changed = self.transform is not None or self.target_transform is not None
        if changed or type(self).__getitem__ is not Dataset.__getitem__ or not isinstance(self.data, np.ndarray):
            return None
        if self.label is None:
            return (self.data, None)
        fits = isinstance(self.label, np.ndarray) and len(self.label) == len(self.data)
        return (self.data, self.label) if fits else None


class Arrays:
    """Arrays side by side: example i is row i of each.

    Args:
        arrays: Arrays of one length.

    Raises:
        ShapeError: their lengths differ, or one has no axis.
        DtypeError: one is no array.
        DataError: there is none.

    Example:
        >>> points = Arrays(np.zeros((5, 2)), np.arange(5))
        >>> len(points), points[2:4][1]
        (5, array([2, 3]))
    """

    def __init__(self, *arrays: Any) -> None:
        if not arrays:
            raise DataError("Arrays: there is no array.\n    Fix: Arrays(inputs, labels).")
        for array in arrays:
            if not (hasattr(array, "shape") and hasattr(array, "dtype")):
                raise DtypeError(f"Arrays takes arrays, and was given {describe(array)}.\n    Fix: numpy.asarray(...).")
        if any(not array.shape or array.shape[0] != arrays[0].shape[0] for array in arrays):
            rows = [(str(i), array) for i, array in enumerate(arrays)]
            raise ShapeError(message("Arrays: every array has one row for each example.", rows))
        self._arrays = arrays

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(array[index] for array in self._arrays)

    def __len__(self) -> int:
        return self._arrays[0].shape[0]  # type: ignore[no-any-return]

    def arrays(self) -> tuple[Any, ...]:
        """The arrays themselves.

        Example:
            >>> Arrays(np.arange(3)).arrays()
            (array([0, 1, 2]),)
        """
        return self._arrays

    def __repr__(self) -> str:
        return f"Arrays({', '.join(describe(array) for array in self._arrays)})"


def join(parts: list[Any]) -> Any:
    """One array of many examples, or None where each is None.

    Raises:
        ShapeError: they have different shapes.

    Example:
        >>> join([1, 2])
        array([1, 2])
    """
    if parts and all(part is None for part in parts):
        return None
    try:
        return np.array(parts)
    except ValueError as error:
        shapes = sorted({np.shape(part) for part in parts}, key=str)
        raise ShapeError(
            f"examples of different shapes cannot be put in one batch: {', '.join(map(str, shapes[:4]))}.\n"
            "    Fix: bring them to one shape in the data set's transform."
        ) from error
