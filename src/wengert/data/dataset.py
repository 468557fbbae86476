"""Data sets: examples by number; parts of them; and examples put together into a batch.  Next: loader.py."""

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Any

import numpy as np

from wengert import random
from wengert.data.places import as_array, count_of, joined, row_of, rows_of
from wengert.errors import DataError, DtypeError, InputError, ShapeError, describe, message
from wengert.trees import branches, like

__all__ = ["ArrayDataset", "Arrays", "Dataset", "Subset", "TupleDataset", "collate", "join", "random_split"]


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

    # A class of one's own need not call super().__init__().
    train: bool = True
    transform: Callable[[Any], Any] | None = None
    target_transform: Callable[[Any], Any] | None = None
    data: Any = None
    label: Any = None

    def __init__(
        self,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.train = train
        self.transform = transform
        self.target_transform = target_transform
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
        x = row_of(self.data, index % count)
        t = None if self.label is None else row_of(self.label, index % count)
        if self.transform is not None:
            x = self.transform(x)
        if self.target_transform is not None and t is not None:
            t = self.target_transform(t)
        return x, t

    def __len__(self) -> int:
        if self.data is None:
            raise DataError(f"{type(self).__name__} has no data.\n    Fix: set self.data in prepare().")
        count = len(self.data)
        if isinstance(self.label, np.ndarray | list | tuple) and len(self.label) != count:
            raise ShapeError(f"{type(self).__name__}: there are {len(self.label)} labels for {count} examples.")
        return count

    def arrays(self) -> tuple[Any, ...] | None:
        """The arrays whose rows are the examples, where that is all there is to it; else None.

        Example:
            >>> Dataset().arrays() is None
            True
        """
        changed = self.transform is not None or self.target_transform is not None
        if changed or type(self).__getitem__ is not Dataset.__getitem__:
            return None
        arrays = (self.data, self.label)
        whole = all(isinstance(each, np.ndarray) and each.dtype.kind != "O" for each in arrays if each is not None)
        return arrays if whole and self.data is not None else None

    def take(self, rows: Any) -> tuple[Any, ...] | None:
        """A batch of the examples of these numbers, made at one stroke; None where they must be asked for one by one.

        Args:
            rows: A slice, or an array of numbers.

        Example:
            >>> from wengert.data import Spiral
            >>> Spiral().take(slice(0, 4))[0].shape
            (4, 2)
        """
        arrays = self.arrays()
        return None if arrays is None else tuple(None if array is None else rows_of(array, rows) for array in arrays)


class Arrays:
    """Arrays side by side: example i is row i of each.

    Args:
        arrays: Arrays of one length; or the like of them: a Series or a table of pandas or Polars, a DataArray of
            xarray, tensors, Variables, buffers and lists are taken by their values, row by row.

    Raises:
        ShapeError: their lengths differ, or one has no axis.
        DtypeError: one is no array, is of Python objects, has a mask, or misses whole numbers.
        DataError: there is none.

    Example:
        >>> points = Arrays(np.zeros((5, 2)), np.arange(5))
        >>> len(points), points[2:4][1]
        (5, array([2, 3]))
    """

    def __init__(self, *arrays: Any) -> None:
        if not arrays:
            raise DataError("Arrays: there is no array.\n    Fix: Arrays(inputs, labels).")
        arrays = tuple([as_array("Arrays", array) for array in arrays])
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

    def take(self, rows: Any) -> tuple[Any, ...] | None:
        """A batch of the examples of these numbers, as in `Dataset`.

        Example:
            >>> Arrays(np.arange(5) * 2).take(np.array([3, 1]))
            (array([6, 2]),)
        """
        if type(self).__getitem__ is not Arrays.__getitem__:
            return None
        return tuple(rows_of(array, rows) for array in self._arrays)

    def __repr__(self) -> str:
        return f"Arrays({', '.join(describe(array) for array in self._arrays)})"


ArrayDataset = TupleDataset = Arrays  # PyTorch's word, more or less, and Chainer's


class Subset:
    """Some examples of a data set, by number.

    Args:
        dataset: Any data set.
        rows: The numbers of its examples, in the order wanted.

    Raises:
        InputError: a number is no whole number, or there is no example of it.

    Example:
        >>> part = Subset(Arrays(np.arange(5) * 10), [4, 0])
        >>> len(part), part[0]
        (2, (np.int64(40),))
    """

    def __init__(self, dataset: Any, rows: Any) -> None:
        numbers, count = np.asarray(rows), count_of("Subset", dataset)
        if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
            raise InputError(f"Subset takes a row of whole numbers, and was given {describe(numbers)}.")
        outside = (numbers < 0) | (numbers >= count)
        if outside.any():
            raise InputError(f"Subset: there is no example {numbers[outside][0]} among {count}.")
        self.dataset = dataset
        self.rows = numbers.astype(np.intp)

    def __getitem__(self, index: Any) -> Any:
        rows = self.rows[index]
        return Subset(self.dataset, rows) if isinstance(index, slice) else row_of(self.dataset, int(rows))

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: Any) -> tuple[Any, ...] | None:
        """A batch of the examples of these numbers, as in `Dataset`.

        Example:
            >>> Subset(Arrays(np.arange(5) * 10), [4, 0, 2]).take(slice(1, 3))
            (array([ 0, 20]),)
        """
        if type(self).__getitem__ is not Subset.__getitem__ or not isinstance(self.dataset, Arrays | Dataset | Subset):
            return None
        return self.dataset.take(self.rows[rows])


def random_split(dataset: Any, *sizes: Any, seed: int | None = None) -> list[Subset]:
    """A data set in parts, shuffled; no example is in two of them.

    Args:
        dataset: Any data set.
        sizes: How many examples each part has; or what share of all, 1.0 together: the whole part of each share, and
            what is left over goes one by one to the first parts, as in PyTorch. A list of them will do as well.
        seed: A number starts a generator for this split alone; where None, the order is drawn from Wengert's.

    Raises:
        InputError: a size is negative, they add up to more than there is, or shares do not add up to 1.
        DataError: how many examples there are is not known.

    Example:
        >>> train, test = random_split(Arrays(np.arange(10)), 0.8, 0.2)
        >>> len(train), len(test), sorted(int(x) for part in (train, test) for (x,) in part) == list(range(10))
        (8, 2, True)
        >>> [len(part) for part in random_split(Arrays(np.arange(10)), [7, 2])]
        [7, 2]
    """
    if len(sizes) == 1 and np.ndim(sizes[0]) == 1:
        sizes = tuple(sizes[0])
    count = count_of("random_split", dataset)
    if sizes and all(isinstance(size, float | np.floating) for size in sizes):
        sizes = _shared_out(count, sizes)
    if any(isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 0 for size in sizes):
        raise InputError(f"random_split: sizes are whole numbers from 0 on, or shares, and these are {sizes}.")
    if sum(sizes) > count:
        raise InputError(f"random_split: {sizes} add up to {sum(sizes)}, and there are {count} examples.")
    draws = random.generator() if seed is None else np.random.default_rng(seed)
    order = draws.permutation(count)
    ends = np.cumsum(sizes, dtype=int)
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


def _shared_out(count: int, shares: tuple[Any, ...]) -> tuple[int, ...]:
    if not all(0 <= share <= 1 for share in shares) or abs(sum(shares) - 1) > 1e-6:
        raise InputError(f"random_split: shares are from 0 to 1 and add up to 1, and these are {shares}.")
    sizes = [int(count * float(share) + 1e-6) for share in shares]  # 0.29 of 100 is 28.999999999999996
    for part in range(count - sum(sizes)):
        sizes[part % len(sizes)] += 1
    return tuple(sizes)


def collate(examples: list[Any]) -> Any:
    """A batch of a list of examples, part by part: tuples, mappings and dataclasses to any depth, all else as an array.

    Named tuples, mappings and dataclasses keep their class. A list inside an example is an array of its own, unless
    tuples, mappings or dataclasses are in it.

    Raises:
        ShapeError: their parts have different shapes, or they have not the same parts.
        DtypeError: a part is a Python object, or missing from some examples, or text here and a number there.

    Example:
        >>> collate([(1.0, "a"), (2.0, "b")])
        (array([1., 2.]), array(['a', 'b'], dtype='<U1'))
        >>> collate([(np.zeros(2), {"x": 1}), (np.zeros(2), {"x": 2})])[1]
        {'x': array([1, 2])}
    """
    if examples and all(isinstance(each, list) for each in examples):  # an example itself has parts, like a tuple
        examples = [tuple(each) for each in examples]
    return _together(examples, "example")


def _together(examples: list[Any], place: str) -> Any:
    first = examples[0]
    if not _has_parts(first):
        return _joined(examples, place)
    rows = [branches(each) if _has_parts(each) else {} for each in examples]
    for each, row in zip(examples, rows, strict=True):
        if row.keys() != rows[0].keys() or isinstance(each, Mapping) != isinstance(first, Mapping):
            raise ShapeError(
                f"{place}: examples with different parts cannot be put in one batch.\n"
                f"    one       {_outline(first)}\n    another   {_outline(each)}"
            )
    parts = [_together([row[step] for row in rows], place + step) for step in rows[0]]
    return tuple(parts) if isinstance(first, list) else like(first, parts)


def _has_parts(value: Any) -> bool:
    if isinstance(value, list):
        return any(_has_parts(part) for part in value)
    return isinstance(value, tuple | Mapping) or (is_dataclass(value) and not isinstance(value, type))


def _outline(value: Any) -> str:
    return f"{type(value).__name__} of {', '.join(branches(value))}" if _has_parts(value) else describe(value)


def _joined(parts: list[Any], place: str) -> Any:
    if all(part is None for part in parts):
        return None
    missing = sum(part is None for part in parts)
    if missing:
        raise DtypeError(
            f"{place} is None in {missing} of {len(parts)} examples, which cannot be put in one batch.\n"
            "    Fix: the same kind of value in every example, or a collate function of your own."
        )
    try:
        return joined(place, parts)
    except ValueError as error:
        shapes = sorted({np.shape(part) for part in parts}, key=str)
        raise ShapeError(
            f"{place}: examples of different shapes cannot be put in one batch: {', '.join(map(str, shapes[:4]))}.\n"
            "    Fix: bring them to one shape in the data set's transform, or give a collate function."
        ) from error


def join(parts: list[Any]) -> Any:
    """One array of many examples, or None where each is None.

    Raises:
        ShapeError: they have different shapes.
        DtypeError: they are Python objects, some are None, or text and numbers.

    Example:
        >>> join([1, 2])
        array([1, 2])
    """
    return _joined(parts, "example")
