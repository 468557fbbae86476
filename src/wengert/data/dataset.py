"""Data sets: examples by number; parts of them; and examples put together into a batch.  Next: loader.py."""

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import random
from wengert.core.recorded import Recorded
from wengert.errors import DataError, DtypeError, InputError, ShapeError, describe, message

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

    def __setattr__(self, name: str, value: Any) -> None:
        # What is asked for by name elsewhere is asked for by place here.
        object.__setattr__(self, name, by_place(type(self).__name__, value) if name in ("data", "label") else value)

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
        arrays = tuple([by_place("Arrays", array) for array in arrays])
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

    def take(self, rows: Any) -> tuple[Any, ...]:
        """A batch of the examples of these numbers.

        Example:
            >>> Arrays(np.arange(5) * 2).take(np.array([3, 1]))
            (array([6, 2]),)
        """
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
        numbers = np.asarray(rows)
        if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
            raise InputError(f"Subset takes a row of whole numbers, and was given {describe(numbers)}.")
        outside = (numbers < 0) | (numbers >= len(dataset))
        if outside.any():
            raise InputError(f"Subset: there is no example {numbers[outside][0]} among {len(dataset)}.")
        self.dataset = dataset
        self.rows = numbers.astype(np.intp)

    def __getitem__(self, index: Any) -> Any:
        rows = self.rows[index]
        return Subset(self.dataset, rows) if isinstance(index, slice) else self.dataset[int(rows)]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: Any) -> tuple[Any, ...] | None:
        """A batch of the examples of these numbers, as in `Dataset`.

        Example:
            >>> Subset(Arrays(np.arange(5) * 10), [4, 0, 2]).take(slice(1, 3))
            (array([ 0, 20]),)
        """
        take = getattr(self.dataset, "take", None) if isinstance(self.dataset, Arrays | Dataset | Subset) else None
        return None if take is None else take(self.rows[rows])


def random_split(dataset: Any, *sizes: float) -> list[Subset]:
    """A data set in parts of these sizes, shuffled by Wengert's generator; no example is in two of them.

    Args:
        dataset: Any data set.
        sizes: Whole numbers of examples; or shares that add up to 1, of which what is left by rounding down goes to
            the first parts, one example each.

    Raises:
        InputError: a size is negative, they add up to more than there is, or shares do not add up to 1.

    Example:
        >>> train, test = random_split(Arrays(np.arange(10)), 8, 2)
        >>> len(train), len(test), sorted(int(x) for part in (train, test) for (x,) in part) == list(range(10))
        (8, 2, True)
    """
    if sizes and all(isinstance(size, float | np.floating) and 0 <= size <= 1 for size in sizes):
        if abs(sum(sizes) - 1) > 1e-9:
            raise InputError(f"random_split: shares add up to 1, and {sizes} to {sum(sizes):g}.")
        counts = [int(len(dataset) * size + 1e-9) for size in sizes]
        left = len(dataset) - sum(counts)
        sizes = tuple([count + (i < left) for i, count in enumerate(counts)])
    if any(isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 0 for size in sizes):
        raise InputError(f"random_split: sizes are whole numbers from 0 on, or shares, and these are {sizes}.")
    if sum(sizes) > len(dataset):
        raise InputError(f"random_split: {sizes} add up to {sum(sizes)}, and there are {len(dataset)} examples.")
    order = random.generator().permutation(len(dataset))
    ends = np.cumsum(sizes)
    return [Subset(dataset, order[end - int(size) : end]) for size, end in zip(sizes, ends, strict=True)]


# Libraries whose arrays have names for their rows, or live elsewhere: their values are taken.
_BY_VALUE = frozenset(["pandas", "polars", "xarray", "torch", "cudf", "pyarrow"])


def by_place(owner: str, data: Any) -> Any:
    """Data whose examples can be asked for by number: Series, frames, tensors and Variables by their values.

    Raises:
        DtypeError: the values are no numbers, and no text either.

    Example:
        >>> by_place("Arrays", np.arange(3))
        array([0, 1, 2])
    """
    if isinstance(data, Recorded):
        return data.data
    if type(data).__module__.partition(".")[0] not in _BY_VALUE or not hasattr(data, "shape"):
        return data
    detached = data.detach() if hasattr(data, "detach") else data
    values = np.asarray(detached)
    if values.dtype == object:
        kinds = sorted({type(value).__name__ for value in values.ravel()[:1000]})
        raise DtypeError(
            f"{owner}: the values of this {type(data).__name__} are of dtype object ({', '.join(kinds[:4])}).\n"
            "    Fix: numbers with .to_numpy(dtype=float), names of classes with numpy.unique(values, "
            "return_inverse=True)[1]; fill or drop what is missing first."
        )
    return values


def rows_of(array: Any, rows: Any) -> Any:
    """Some rows of an array, as an array of their own.

    Example:
        >>> rows_of(np.arange(5), np.array([3, 1]))
        array([3, 1])
    """
    if not isinstance(array, np.ndarray):
        return array[rows]
    if isinstance(rows, slice):
        return array[rows].copy()
    # take is the faster, but copies the whole of an array that does not lie in one piece.
    return array.take(rows, axis=0) if array.flags.c_contiguous else array[rows]


def collate(examples: list[Any]) -> Any:
    """A batch of a list of examples: tuples and dicts part by part, to any depth, and everything else as one array.

    A list inside an example is an array of its own, unless tuples or dicts are in it.

    Raises:
        ShapeError: their parts have different shapes, or they have not the same parts.

    Example:
        >>> collate([(1.0, "a"), (2.0, "b")])
        (array([1., 2.]), array(['a', 'b'], dtype='<U1'))
        >>> collate([(np.zeros(2), {"x": 1}), (np.zeros(2), {"x": 2})])[1]
        {'x': array([1, 2])}
    """
    if all(isinstance(each, list) for each in examples):  # an example that is a list has parts, like a tuple
        examples = [tuple(each) for each in examples]
    return _together(examples, "")


def _together(examples: list[Any], place: str) -> Any:
    first = examples[0]
    where = f"{place}: " if place else ""
    if isinstance(first, dict):
        if any(not isinstance(each, dict) or each.keys() != first.keys() for each in examples):
            raise ShapeError(f"{where}examples with different keys cannot be put in one batch.")
        return {key: _together([each[key] for each in examples], f"{place}[{key!r}]") for key in first}
    if isinstance(first, tuple) or (isinstance(first, list) and any(isinstance(p, tuple | dict) for p in first)):
        if any(not isinstance(each, tuple | list) or len(each) != len(first) for each in examples):
            raise ShapeError(f"{where}examples of different numbers of parts cannot be put in one batch.")
        columns = zip(*examples, strict=True)
        parts = [_together(list(column), f"{place}[{i}]") for i, column in enumerate(columns)]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    try:
        return join(examples)
    except ShapeError as error:
        raise ShapeError(f"{where}{error}") from error


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
    parts = [by_place("join", part) for part in parts]
    try:
        return np.array(parts)
    except ValueError as error:
        shapes = sorted({np.shape(part) for part in parts}, key=str)
        raise ShapeError(
            f"examples of different shapes cannot be put in one batch: {', '.join(map(str, shapes[:4]))}.\n"
            "    Fix: bring them to one shape in the data set's transform."
        ) from error
