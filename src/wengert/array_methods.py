"""What an array of NumPy can be asked, by attribute or method, on a Variable: the same names, arguments and meaning.

A method is the NumPy function of its name (numpy_protocol.py), so what needs no gradient is NumPy's own result, and
what cannot be recorded is refused.  Those asked most often go straight to ``wengert.functions`` where no rare option
is given.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from wengert import functions as F
from wengert import numpy_writes
from wengert.core.modes import current_config, note_exit
from wengert.core.recorded import Recorded
from wengert.errors import DtypeError, InputError
from wengert.numpy_protocol import call_function

if TYPE_CHECKING:  # what a method returns is a Variable, which lives upstairs
    from wengert.variable import Variable

__all__ = ["ArrayMethods", "Flat"]

_ABSENT: Any = np._NoValue  # an argument that was not given, where None means something


class ArrayMethods(Recorded):
    """The attributes and methods of ``numpy.ndarray``."""

    __slots__ = ()

    # The array inside

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.data.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """The type of the entries."""
        return self.data.dtype

    @property
    def itemsize(self) -> int:
        """The bytes of one entry."""
        return self.data.dtype.itemsize  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        """The bytes of all entries."""
        return self.data.nbytes  # type: ignore[no-any-return]

    @property
    def device(self) -> Any:
        """Where the entries are: ``"cpu"`` for NumPy."""
        return self.data.device

    @property
    def flags(self) -> Any:
        """How a NumPy array lies in memory: see ``numpy.ndarray.flags``."""
        return self.data.flags

    @property
    def strides(self) -> tuple[int, ...]:
        """How many bytes lie between neighbours along each axis of a NumPy array."""
        return self.data.strides  # type: ignore[no-any-return]

    @property
    def T(self) -> "Variable":  # noqa: N802 (NumPy's name)
        """The axes in reverse order."""
        return F.transpose(self)

    @property
    def mT(self) -> "Variable":  # noqa: N802 (the Array API standard's name)
        """The last two axes exchanged."""
        return F.matrix_transpose(self)

    @property
    def real(self) -> "Variable":
        """The real parts: of real numbers, these themselves."""
        return call_function(np.real, (self,), {})

    @property
    def imag(self) -> "Variable":
        """The imaginary parts: of real numbers, zeros."""
        return call_function(np.imag, (self,), {})

    @property
    def flat(self) -> "Flat":
        """The entries one by one, row by row: to go through, to pick from and to write into.

        Example:
            >>> from wengert import Variable
            >>> x = Variable(np.array([[1.0, 2.0], [3.0, 4.0]]))
            >>> x.flat[1:3], len(x.flat)
            (variable([2. 3.]), 4)
        """
        return Flat(self)

    def item(self, *args: Any) -> Any:
        """The entry at a place, or the one entry of an array of size 1, as a Python number.

        Args:
            *args: The place: nothing, a number into the entries laid flat, or an index along each axis.
        """
        if self.node is not None:
            note_exit("item()")
        return self.data.item(*args)

    def tolist(self) -> Any:
        """The entries as Python numbers in nested lists: like `item`, for the numbers alone."""
        if self.node is not None:
            note_exit("tolist()")
        return self.data.tolist()

    def tobytes(self, order: Any = "C") -> bytes:
        """The entries as bytes: like `item`, for the numbers alone."""
        if self.node is not None:
            note_exit("tobytes()")
        return np.asarray(self.data).tobytes(order)

    def to_device(self, device: Any, /, *, stream: Any = None) -> "Variable":
        """The Array API standard's way to another device: of NumPy, which has one, the value itself.

        Raises:
            InputError: there is no such device, or the data is of another library.
        """
        if device != getattr(self.data, "device", None) or stream is not None:
            raise InputError(
                f"to_device: the data is on {self.data.device}, and does not move to {device!r} by itself.\n"
                "    Fix: make a Variable of data that is there."
            )
        return cast("Variable", self)

    # Reductions

    def sum(
        self,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        *,
        keepdims: bool = False,
        initial: Any = _ABSENT,
        where: Any = True,
    ) -> "Variable":
        """See `wengert.functions.sum`; ``where`` and ``initial`` as of ``numpy.sum``."""
        if dtype is None and out is None and initial is _ABSENT and where is True:
            return F.sum(self, axis=axis, keepdims=keepdims)
        return _reduced(np.sum, self, axis, dtype, out, keepdims, initial=initial, where=where)

    def prod(
        self,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        *,
        keepdims: bool = False,
        initial: Any = _ABSENT,
        where: Any = True,
    ) -> "Variable":
        """See `wengert.functions.prod`; ``where`` and ``initial`` as of ``numpy.prod``."""
        return _reduced(np.prod, self, axis, dtype, out, keepdims, initial=initial, where=where)

    def mean(
        self, axis: Any = None, dtype: Any = None, out: Any = None, *, keepdims: bool = False, where: Any = True
    ) -> "Variable":
        """See `wengert.functions.mean`; ``where`` as of ``numpy.mean``."""
        if dtype is None and out is None and where is True:
            return F.mean(self, axis=axis, keepdims=keepdims)
        return _reduced(np.mean, self, axis, dtype, out, keepdims, where=where)

    def var(
        self,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: float | None = None,
        *,
        keepdims: bool = False,
        where: Any = True,
        mean: Any = _ABSENT,
        correction: float | None = None,
    ) -> "Variable":
        """See `wengert.functions.var`; ``ddof`` is NumPy's older name of ``correction``."""
        ddof = _correction(correction, ddof)
        if dtype is None and out is None and where is True and mean is _ABSENT and _recorded(self):
            return F.var(self, axis=axis, keepdims=keepdims, correction=ddof)
        return _reduced(np.var, self, axis, dtype, out, keepdims, ddof=ddof, where=where, mean=mean)

    def std(
        self,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: float | None = None,
        *,
        keepdims: bool = False,
        where: Any = True,
        mean: Any = _ABSENT,
        correction: float | None = None,
    ) -> "Variable":
        """See `wengert.functions.std`; ``ddof`` is NumPy's older name of ``correction``."""
        ddof = _correction(correction, ddof)
        if dtype is None and out is None and where is True and mean is _ABSENT and _recorded(self):
            return F.std(self, axis=axis, keepdims=keepdims, correction=ddof)
        return _reduced(np.std, self, axis, dtype, out, keepdims, ddof=ddof, where=where, mean=mean)

    def max(
        self, axis: Any = None, out: Any = None, *, keepdims: bool = False, initial: Any = _ABSENT, where: Any = True
    ) -> "Variable":
        """See `wengert.functions.max`; ``where`` and ``initial`` as of ``numpy.max``."""
        if out is None and initial is _ABSENT and where is True:
            return F.max(self, axis=axis, keepdims=keepdims)
        return _reduced(np.max, self, axis, None, out, keepdims, initial=initial, where=where)

    def min(
        self, axis: Any = None, out: Any = None, *, keepdims: bool = False, initial: Any = _ABSENT, where: Any = True
    ) -> "Variable":
        """See `wengert.functions.min`; ``where`` and ``initial`` as of ``numpy.min``."""
        if out is None and initial is _ABSENT and where is True:
            return F.min(self, axis=axis, keepdims=keepdims)
        return _reduced(np.min, self, axis, None, out, keepdims, initial=initial, where=where)

    def any(self, axis: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True) -> "Variable":
        """See `wengert.functions.any`."""
        return _reduced(np.any, self, axis, None, out, keepdims, where=where)

    def all(self, axis: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True) -> "Variable":
        """See `wengert.functions.all`."""
        return _reduced(np.all, self, axis, None, out, keepdims, where=where)

    def cumsum(self, axis: int | None = None, dtype: Any = None, out: Any = None) -> "Variable":
        """See `wengert.functions.cumsum`."""
        return call_function(np.cumsum, (self, axis), _given(dtype=dtype, out=out))

    def cumprod(self, axis: int | None = None, dtype: Any = None, out: Any = None) -> "Variable":
        """See `wengert.functions.cumprod`."""
        return call_function(np.cumprod, (self, axis), _given(dtype=dtype, out=out))

    def trace(
        self, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None
    ) -> "Variable":
        """See `wengert.functions.trace`."""
        return call_function(np.trace, (self, offset, axis1, axis2), _given(dtype=dtype, out=out))

    # Elementwise

    def conj(self) -> "Variable":
        """The complex conjugates: of real numbers, the value itself, as in NumPy."""
        return cast("Variable", self) if self.dtype.kind != "c" else call_function(np.conjugate, (self,), {})

    conjugate = conj

    def clip(self, min: Any = None, max: Any = None, out: Any = None, **kwargs: Any) -> "Variable":
        """See `wengert.functions.clip`; further arguments are those of ``numpy.clip``."""
        return call_function(np.clip, (self, min, max), {**_given(out=out), **kwargs})

    def round(self, decimals: int = 0, out: Any = None) -> "Variable":
        """See `wengert.functions.round`."""
        return call_function(np.round, (self, decimals), _given(out=out))

    def astype(
        self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
    ) -> "Variable":
        """See `wengert.functions.astype`.

        Args:
            order, subok: Of no meaning here: how results lie in memory is not promised.
            casting: Which conversions are allowed, in NumPy's words.
            copy: False for the value itself where it has this dtype already.

        Raises:
            DtypeError: ``casting`` does not allow this conversion.
        """
        if casting != "unsafe" and not np.can_cast(self.dtype, dtype, cast(Any, casting)):
            raise DtypeError(f"astype: {self.dtype} does not become {np.dtype(dtype)} by casting={casting!r}.")
        if not copy and self.dtype == np.dtype(dtype):
            return cast("Variable", self)
        return F.astype(self, dtype)

    # Shape

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> "Variable":
        """See `wengert.functions.reshape`; the shape may be one tuple or several numbers.

        Args:
            order: "C" to read and write row by row, "F" column by column.
            copy: True for memory of its own.
        """
        new = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
        if order == "C" and copy is None:
            return F.reshape(self, new)
        return call_function(np.reshape, (self, new), {"order": order, **_given(copy=copy)})

    def flatten(self, order: str = "C") -> "Variable":
        """A copy of all entries along one axis, in the ``order`` of `reshape`."""
        return F.copy(self.ravel(order))

    def ravel(self, order: str = "C") -> "Variable":
        """All entries along one axis, in the ``order`` of `reshape`."""
        return F.ravel(self) if order == "C" else call_function(np.ravel, (self, order), {})

    def transpose(self, *axes: Any) -> "Variable":
        """See `wengert.functions.transpose`; the axes may be one tuple or several numbers."""
        order = axes[0] if len(axes) == 1 and isinstance(axes[0], tuple | list | None) else axes
        return F.transpose(self, order or None)

    def swapaxes(self, axis1: int, axis2: int) -> "Variable":
        """See `wengert.functions.swapaxes`."""
        return F.swapaxes(self, axis1, axis2)

    def squeeze(self, axis: Any = None) -> "Variable":
        """See `wengert.functions.squeeze`."""
        return F.squeeze(self, axis=axis)

    def repeat(self, repeats: Any, axis: int | None = None) -> "Variable":
        """See `wengert.functions.repeat`."""
        return call_function(np.repeat, (self, repeats, axis), {})

    def copy(self, order: str = "C") -> "Variable":
        """See `wengert.functions.copy`; ``order`` is how it lies in memory."""
        return F.copy(self, order=order) if isinstance(self.data, np.ndarray) else F.copy(self)

    # Picking and order

    def take(
        self, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise"
    ) -> "Variable":
        """See `wengert.functions.take`; ``mode`` as of ``numpy.take``."""
        return call_function(np.take, (self, indices, axis), _given(out=out, mode=None if mode == "raise" else mode))

    def choose(self, choices: Any, out: Any = None, mode: str = "raise") -> "Variable":
        """The entries of ``choices`` that these indices name: see ``numpy.choose``."""
        return call_function(np.choose, (self, choices), _given(out=out, mode=None if mode == "raise" else mode))

    def compress(self, condition: Any, axis: int | None = None, out: Any = None) -> "Variable":
        """The entries along ``axis`` where ``condition`` holds."""
        return call_function(np.compress, (condition, self, axis), _given(out=out))

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> "Variable":
        """See `wengert.functions.diagonal`."""
        return F.diagonal(self, offset, axis1, axis2)

    def nonzero(self) -> "tuple[Variable, ...]":
        """See `wengert.functions.nonzero`."""
        return call_function(np.nonzero, (self,), {})

    def argmax(self, axis: int | None = None, out: Any = None, *, keepdims: bool = False) -> "Variable":
        """See `wengert.functions.argmax`."""
        return call_function(np.argmax, (self, axis, out), {"keepdims": keepdims})

    def argmin(self, axis: int | None = None, out: Any = None, *, keepdims: bool = False) -> "Variable":
        """See `wengert.functions.argmin`."""
        return call_function(np.argmin, (self, axis, out), {"keepdims": keepdims})

    def argsort(
        self,
        axis: int | None = -1,
        kind: Any = None,
        order: Any = None,
        *,
        stable: bool | None = None,
        descending: bool = False,
    ) -> "Variable":
        """See `wengert.functions.argsort`, of which ``descending`` is."""
        if descending:
            return F.argsort(self, axis=axis, descending=True)
        return call_function(np.argsort, (self, axis), _given(kind=kind, order=order, stable=stable))

    def argpartition(self, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None) -> "Variable":
        """The indices of ``numpy.argpartition``."""
        return call_function(np.argpartition, (self, kth, axis, kind, order), {})

    def searchsorted(self, v: Any, side: str = "left", sorter: Any = None) -> "Variable":
        """Where ``v`` would stand among these entries, which are in order: see `wengert.functions.searchsorted`."""
        return call_function(np.searchsorted, (self, v, side, sorter), {})

    # In place

    def sort(self, axis: int = -1, kind: Any = None, order: None = None, *, stable: bool | None = None) -> None:
        """Put the entries in order along ``axis``, in place; `wengert.functions.sort` makes a sorted copy.

        Equal entries keep their order, whatever ``kind`` and ``stable`` are; ``order`` is for records, and stays None.
        """
        numpy_writes.sort(self, axis)

    def partition(self, kth: Any, axis: int = -1, kind: str = "introselect", order: None = None) -> None:
        """Put the ``kth`` smallest entry at its place along ``axis``, the smaller ones before it, in place."""
        numpy_writes.partition(self, kth, axis)

    def fill(self, value: Any) -> None:
        """Make every entry ``value``, in place."""
        numpy_writes.fill(self, value)

    def put(self, indices: Any, values: Any, mode: str = "raise") -> None:
        """Write ``values``, over again where they are few, at places of the array laid flat: ``numpy.put``."""
        numpy_writes.put(self, indices, values, mode)

    # Products

    def dot(self, other: Any, out: Any = None) -> "Variable":
        """See `wengert.functions.dot`."""
        return call_function(np.dot, (self, other), _given(out=out))

    def matmul(self, other: Any) -> "Variable":
        """See `wengert.functions.matmul`."""
        return F.matmul(self, other)


class Flat:
    """The entries of a Variable row by row: what ``x.flat`` gives."""

    __slots__ = ("base",)

    def __init__(self, base: Any) -> None:
        self.base = base

    def __len__(self) -> int:
        return self.base.size  # type: ignore[no-any-return]

    def __iter__(self) -> "Iterator[Variable]":
        entries = F.ravel(self.base)
        return (entries[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> "Variable":
        return F.copy(F.get_item(F.ravel(self.base), index))

    def __setitem__(self, index: Any, value: Any) -> None:
        index = index.data if isinstance(index, Recorded) else index
        self.base[np.unravel_index(np.arange(len(self))[index], self.base.shape)] = value

    def copy(self) -> "Variable":
        """A copy of all entries along one axis."""
        return F.copy(F.ravel(self.base))


def _recorded(x: Recorded) -> bool:
    return x.node is not None and current_config().enable_backprop


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _reduced(function: Any, x: Any, axis: Any, dtype: Any, out: Any, keepdims: bool, **options: Any) -> Any:
    """A reduction with the options that were given."""
    if isinstance(dtype, bool) or isinstance(out, bool):
        raise DtypeError(
            f"{function.__name__}: {'dtype' if isinstance(dtype, bool) else 'out'} was given a bool.\n"
            "    Fix: write keepdims=True; as in NumPy, it is no positional argument."
        )
    given = {"axis": axis, "dtype": dtype, "out": out, "keepdims": keepdims or None}
    for name, value in options.items():
        given[name] = None if value is _ABSENT or (name == "where" and value is True) else value
    return call_function(function, (x,), _given(**given))


def _correction(correction: float | None, ddof: float | None) -> float:
    """The one number behind two names, 0 where neither is given."""
    if correction is None:
        return 0 if ddof is None else ddof
    if ddof is not None and correction != ddof:
        raise InputError(
            f"correction and ddof are names of one number, and were given as {correction} and {ddof}.\n"
            "    Fix: give one of them."
        )
    return correction
