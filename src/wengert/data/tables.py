"""Tables of numbers from CSV files."""

import csv
from array import array
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from wengert.data.dataset import Dataset
from wengert.errors import DataError, DtypeError, InputError

__all__ = ["CSV"]


class CSV(Dataset):
    """A CSV file of numbers: every line is an example, and one column may be its label.

    ``data`` is (n, columns), ``label`` (n,), and ``columns`` the names of the columns of ``data``.

    Args:
        path: The file, in UTF-8.
        target: The column that is the label, by name or number (-1 is the last); None for none.
        header: Whether the first line has the columns' names; without it they are numbered.
        delimiter: What is between two columns.
        dtype: Of the data: a floating-point dtype.
        target_dtype: Of the label; where None, that of the data. ``np.int64`` for classes.
        transform, target_transform: What is done to each example, and to each label.

    Raises:
        DataError: the file is missing, empty, or no table of numbers; the line where it is not.
        InputError: there is no such column.
        DtypeError: ``dtype`` is not one of floating-point numbers, or ``target_dtype`` one of numbers.

    Example:
        >>> flowers = CSV("flowers.csv", target="species", target_dtype=np.int64)  # doctest: +SKIP
        >>> flowers.columns, flowers[0]  # doctest: +SKIP
        (['length', 'width'], (array([5.1, 3.5], dtype=float32), np.int64(0)))
    """

    def __init__(
        self,
        path: str | PathLike[str],
        target: str | int | None = None,
        *,
        header: bool = True,
        delimiter: str = ",",
        dtype: Any = np.float32,
        target_dtype: Any = None,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        if np.dtype(dtype).kind != "f":
            raise DtypeError(f"CSV: dtype is one of floating-point numbers, and this is {np.dtype(dtype)}.")
        if target_dtype is not None and np.dtype(target_dtype).kind not in "fiu":
            raise DtypeError(f"CSV: target_dtype is one of numbers, and this is {np.dtype(target_dtype)}.")
        self._path, self._target, self._header, self._delimiter = Path(path), target, header, delimiter
        self._dtype = np.dtype(dtype)
        self._target_dtype = np.dtype(dtype if target_dtype is None else target_dtype)
        self.columns: list[str] = []
        super().__init__(True, transform, target_transform)

    def prepare(self) -> None:
        """See the class."""
        try:
            with self._path.open(newline="", encoding="utf-8-sig") as file:
                self._read(csv.reader(file, delimiter=self._delimiter, strict=True))
        except FileNotFoundError as error:
            raise DataError(f"{self._path}: there is no such file.") from error
        except UnicodeDecodeError as error:
            raise DataError(f"{self._path}: it is not UTF-8 text: {error.reason}.") from error
        except OSError as error:
            raise DataError(f"{self._path}: it cannot be read: {error}.") from error

    def _read(self, reader: Any) -> None:
        names: list[str] | None = None
        place: int | None = None
        values = array("d")
        targets: list[Any] | array[float] = [] if self._target_dtype.kind in "iu" else array("d")
        read, read_target = _reader_of(self._dtype), _reader_of(self._target_dtype)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                raise DataError(f"{self._path}, line {reader.line_num}: {error}.") from error
            if not cells:
                continue
            if names is None:
                names = [cell.strip() for cell in cells] if self._header else [str(i) for i in range(len(cells))]
                place = self._place(names)
                self.columns = [name for i, name in enumerate(names) if i != place]
                if self._header:
                    continue
            if len(cells) != len(names):
                raise DataError(
                    f"{self._path}, line {reader.line_num}: {len(cells)} columns, and {len(names)} in the first line."
                )
            for i, cell in enumerate(cells):
                try:
                    if i == place:
                        targets.append(read_target(cell))
                    else:
                        values.append(read(cell))
                except ValueError as error:
                    raise DataError(
                        f"{self._path}, line {reader.line_num}, column {names[i]!r}: {cell[:40]!r} {error}."
                    ) from error
        if names is None or not (values or targets):
            raise DataError(f"{self._path}: there are no numbers in it.")
        count = len(targets) if place is not None else len(values) // len(names)
        self.data = np.frombuffer(values, np.float64).astype(self._dtype).reshape(count, len(self.columns))
        self.label = None if place is None else np.array(targets, self._target_dtype)

    def _place(self, names: list[str]) -> int | None:
        """The number of the column that is the label."""
        target = self._target
        if target is None:
            return None
        if isinstance(target, str):
            if names.count(target) != 1:
                many = "no column" if target not in names else f"{names.count(target)} columns"
                raise InputError(f"{self._path}: {many} of the name {target!r}; there are {', '.join(names)}.")
            return names.index(target)
        if not -len(names) <= target < len(names):
            raise InputError(f"{self._path}: there is no column {target} among {len(names)}.")
        return target % len(names)


def _reader_of(dtype: np.dtype) -> Callable[[str], Any]:
    """What reads a cell's number; it raises ValueError where the cell holds none, or one that the dtype does not."""
    kind: Any = int if dtype.kind in "iu" else float
    limits: Any = np.iinfo(dtype) if kind is int else np.finfo(dtype)
    low, high = kind(limits.min), kind(limits.max)

    def read(cell: str) -> Any:
        if not cell.isascii() or "_" in cell:  # Python reads 1_000, and digits of other scripts
            raise ValueError("is no number")
        try:
            value = kind(cell)
        except ValueError:
            wanted = "whole number" if kind is int else "number"
            raise ValueError(f"is no {wanted}" if cell.strip() else "is empty") from None
        if not low <= value <= high:
            raise ValueError(f"is no number that {dtype} can hold" if abs(value) < np.inf else "is no finite number")
        return value

    return read
