"""Tables of numbers from CSV files."""

import csv
from array import array
from collections.abc import Callable, Mapping, Sequence
from math import nan
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from wengert.data.dataset import Dataset
from wengert.errors import DataError, DtypeError, InputError

__all__ = ["CSV"]


class CSV(Dataset):
    """A CSV file of numbers: every line is an example, and one column may be its label.

    ``data`` is (n, columns), ``label`` (n,), and ``columns`` the names of the columns of ``data``.  Where labels are
    names, ``classes`` has them in the order of the alphabet, and ``label`` their numbers, of int64.

    Args:
        path: The file, in UTF-8.
        target: The column that is the label, by name or number (-1 is the last); None for none.
        header: Whether the first line has the columns' names; without it they are numbered. Where None it has them, and
            a first line of numbers is an error, unless they are 0, 1, 2 and so on.
        delimiter: What is between two columns.
        dtype: Of the data: a floating-point dtype.
        target_dtype: Of the label; where None, that of the data, unless all labels are names. ``np.int64`` for numbers
            of classes, ``str`` for names also where they are digits.
        classes: The names of the classes, in the order of their numbers: ``train.classes`` for data to test on.
        missing: What a cell of the data becomes that is empty, ``nan``, ``na``, ``n/a``, ``null``, ``none`` or ``?``: a
            number, usually NaN; ``"mean"`` or ``"median"`` of its column; ``"refuse"`` for an error; or a dict of
            numbers by column. ``filled`` is that dict: ``missing=train.filled`` for data to test on.
        transform, target_transform: What is done to each example, and to each label.

    Raises:
        DataError: the file is missing, empty, or no table of numbers; the line where it is not, or where a label is
            missing or names none of the ``classes``; or a column has no number to take the mean of.
        InputError: there is no such column, or ``missing`` is none of these.
        DtypeError: ``dtype`` is not one of floating-point numbers, or ``target_dtype`` neither one of numbers nor str.

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
        header: bool | None = None,
        delimiter: str = ",",
        dtype: Any = np.float32,
        target_dtype: Any = None,
        classes: Sequence[str] | None = None,
        missing: float | str | Mapping[str, float] = nan,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        if np.dtype(dtype).kind != "f":
            raise DtypeError(f"CSV: dtype is one of floating-point numbers, and this is {np.dtype(dtype)}.")
        if target_dtype is not None and target_dtype is not str and np.dtype(target_dtype).kind not in "fiu":
            raise DtypeError(f"CSV: target_dtype is one of numbers, or str, and this is {np.dtype(target_dtype)}.")
        if classes is not None and (target is None or len(set(classes)) < len(classes)):
            raise InputError("CSV: classes are different names, those of a target.")
        self._path, self._target, self._header, self._delimiter = Path(path), target, header, delimiter
        self._dtype = np.dtype(dtype)
        self._names = target_dtype is str or classes is not None  # whether labels are names; they may turn out to be
        self._may_be_names = target_dtype is None
        self._target_dtype = np.dtype(dtype if target_dtype in (None, str) else target_dtype)
        self._missing = _checked_missing(missing)
        self._given_classes = None if classes is None else list(classes)
        self.columns: list[str] = []
        self.classes: list[str] = []
        self.filled: dict[str, float] = {}
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
        targets: Any = array("d")
        if self._names or self._target_dtype.kind in "iu":
            targets = []
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
                given, counted = [cell.strip() for cell in cells], [str(i) for i in range(len(cells))]
                if self._header is None and given != counted and not any(map(_is_name, given)):
                    raise DataError(
                        f"{self._path}: its first line has numbers where the names of the columns are looked for.\n"
                        "    Fix: header=False where it is an example; header=True where they are names."
                    )
                names = counted if self._header is False else given
                place = self._place(names)
                self.columns = [name for i, name in enumerate(names) if i != place]
                if self._header is not False:
                    continue
            if len(cells) != len(names):
                raise DataError(
                    f"{self._path}, line {reader.line_num}: {len(cells)} columns, and {len(names)} in the first line."
                )
            for i, cell in enumerate(cells):
                try:
                    if i != place:
                        missed = self._missing != "refuse" and cell.strip().lower() in _MISSING
                        values.append(nan if missed else read(cell))
                        continue
                    if self._may_be_names and not self._names and not targets and _is_name(cell):
                        self._names, targets = True, []
                    targets.append(self._name(cell) if self._names else read_target(cell))
                except ValueError as error:
                    raise DataError(
                        f"{self._path}, line {reader.line_num}, column {names[i]!r}: {cell[:40]!r} {error}."
                    ) from error
        if names is None or not (values or targets):
            raise DataError(f"{self._path}: there are no numbers in it.")
        count = len(targets) if place is not None else len(values) // len(names)
        data = np.frombuffer(values, np.float64).reshape(count, len(self.columns)).copy()
        self._fill(data)
        self.data = data.astype(self._dtype)
        if place is None:
            self.label = None
        elif self._names:
            self.classes = sorted(set(targets)) if self._given_classes is None else self._given_classes
            numbers = {name: number for number, name in enumerate(self.classes)}
            self.label = np.array([numbers[name] for name in targets], np.int64)
        else:
            self.label = np.array(targets, self._target_dtype)

    def _name(self, cell: str) -> str:
        """The name of a class; ValueError where it is none."""
        name = cell.strip()
        if name.lower() in _MISSING:
            raise ValueError("is no label")
        if self._given_classes is not None and name not in self._given_classes:
            raise ValueError(f"is none of the {len(self._given_classes)} classes")
        if self._may_be_names and self._given_classes is None and not _is_name(cell):
            raise ValueError("is a number among names; target_dtype=str reads it as a name")
        return name

    def _fill(self, data: Any) -> None:
        """Put numbers in the place of what is missing."""
        missing, gaps = self._missing, np.isnan(data)
        if missing == "refuse" or (isinstance(missing, float) and np.isnan(missing)):
            return
        if len(set(self.columns)) < len(self.columns):
            names = ", ".join(self.columns)
            raise InputError(f"{self._path}: columns of one name cannot be filled; there are {names}.")
        if isinstance(missing, dict):
            columns = zip(self.columns, gaps.T, strict=True)
            unknown = [name for name, gap in columns if gap.any() and name not in missing]
            if unknown:
                raise InputError(f"{self._path}: missing has no number for the column {unknown[0]!r}, which has gaps.")
            self.filled = {name: missing[name] for name in self.columns if name in missing}
        else:
            for name, column, gap in zip(self.columns, data.T, gaps.T, strict=True):
                if isinstance(missing, str) and gap.all():
                    raise DataError(f"{self._path}: the column {name!r} has no number to take the {missing} of.")
                known = column[~gap]
                self.filled[name] = float(getattr(np, missing)(known)) if isinstance(missing, str) else missing
        for i, name in enumerate(self.columns):
            if gaps[:, i].any():
                data[gaps[:, i], i] = self.filled[name]

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


_MISSING = frozenset(["", "nan", "na", "n/a", "null", "none", "?"])


def _is_name(cell: str) -> bool:
    if cell.strip().lower() in _MISSING:
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


def _checked_missing(missing: Any) -> Any:
    if isinstance(missing, Mapping):
        wrong = [value for value in missing.values() if not isinstance(value, int | float | np.number)]
        if not wrong:
            return {name: float(value) for name, value in missing.items()}
    elif isinstance(missing, str):
        if missing in ("refuse", "mean", "median"):
            return missing
    elif isinstance(missing, int | float | np.number) and not isinstance(missing, bool):
        return float(missing)
    raise InputError(
        f"CSV: missing is a number, 'mean', 'median', 'refuse' or a dict of numbers by column, and this is {missing!r}."
    )


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
