"""Whether data was changed between the forward pass and the backward pass that needs it, and by which line.

Of every array that a call keeps, its bytes are remembered, or their checksum, and looked at again when going back.
"""

import sys
import weakref
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from wengert.core.function import maker_of, value_at
from wengert.core.modes import Observer, observing
from wengert.debug.arrays import arrays_in
from wengert.errors import MutationError, describe, laid_out
from wengert.lines import Line, user_frame, user_line

__all__ = ["guard"]

_STANDARD = str(Path(weakref.__file__).parent) + "/"
# Arrays of up to so many bytes are remembered whole.
_SMALL = 1024


@contextmanager
def guard(*, find_writer: bool = False) -> Iterator[None]:
    """Refuse to go back over data that was changed after the call that needs it, inside the ``with`` block.

    NumPy's arrays can be written into behind the tape, by ``x.data[...] = value`` or by whoever made the array;
    the gradient would then be a wrong number.
    Assignment on Variables (``x[i] = value``) is recorded and no such change; nor are the steps of optimizers.

    Args:
        find_writer: Look again after every line of this thread that is not the library's own, so that the error names
            the line that wrote.  It takes the place of a debugger's or profiler's trace function, and is slow.

    Raises:
        MutationError: from ``backward``, before a derivative is computed from data that has changed.

    Cost: each array that is kept is read twice more.

    Example:
        >>> import numpy as np, wengert
        >>> x = wengert.Variable(np.array([1.0, 2.0]), name="x")
        >>> with guard():
        ...     y = (x * x).sum()
        ...     x.data[0] = 5.0
        ...     y.backward()
        Traceback (most recent call last):
        wengert.errors.MutationError: multiply: its input x was changed after the call, and going back needs ...
        ...
    """
    watch = _Guard()
    with observing(watch), _Tracer(watch).tracing() if find_writer else nullcontext():
        yield


class _Saved:
    """What is remembered of a call: the line that ran it, and a print of each array that it keeps."""

    __slots__ = ("line", "prints", "writers")

    def __init__(self, line: Line | None, prints: list[Any]) -> None:
        self.line = line
        self.prints = prints
        self.writers: dict[int, Line | None] = {}  # which line changed an array, by its place, where that was seen


class _Guard(Observer):
    def __init__(self) -> None:
        self.saved: weakref.WeakKeyDictionary[Any, _Saved] = weakref.WeakKeyDictionary()  # in the order of the calls
        self.look: Callable[[], None] = lambda: None  # the tracer's, for the line that runs and has not ended

    def forward(self, function: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        self.saved[function] = _Saved(user_line(), [_print(array) for array in _arrays(function)])

    def backward(self, function: Any, gradient: Any) -> None:
        saved = self.saved.get(function)
        if saved is None:  # it ran before the block
            return
        for place, (array, before) in enumerate(zip(_arrays(function), saved.prints, strict=True)):
            if _print(array) != before:
                self.look()
                raise self._changed(function, saved, place, array)

    def free(self, function: Any) -> None:
        self.saved.pop(function, None)

    def _changed(self, function: Any, saved: _Saved, place: int, array: Any) -> MutationError:
        what, value = _named(function, array)
        rows = [("array", describe(array if value is None else value))]
        if value is not None and value.node.depth and maker_of(value.node)[0] is not function:
            made = maker_of(value.node)[0]
            known = self.saved.get(made)
            rows.append(("made by", made.operation_name + (f", {known.line}" if known else "")))
        rows += [("needed by", f"{function.operation_name}, {saved.line}"), ("backward", repr(user_line()))]
        if place in saved.writers:
            rows.append(("written at", repr(saved.writers[place])))
            fix = "write into a copy there, or after backward."
        else:
            rows += self._between(array, saved)
            fix = "write into a copy, or after backward; guard(find_writer=True) finds the line that wrote."
        fact = f"{function.operation_name}: {what} was changed after the call, and going back needs it as it was."
        return MutationError(laid_out(fact, rows, fix))

    def _between(self, array: Any, first: _Saved) -> list[tuple[str, str]]:
        """The lines of the last call that kept the array as it was, and of the first that kept it as it is now."""
        now, last, then = _print(array), first, None
        for function, saved in list(self.saved.items()):
            for other, at_the_time in zip(_arrays(function), saved.prints, strict=False):
                if other is array and at_the_time == now:
                    then = then or saved
                elif other is array and then is None:
                    last = saved
        rows = [("not before", repr(last.line))]
        return [*rows, ("not after", repr(then.line))] if then else rows


class _Tracer:
    """Looks after every line of a program whether it has changed an array that a call keeps."""

    def __init__(self, watch: _Guard) -> None:
        self.watch = watch
        self.lines: list[Line | None] = []  # those that have begun and not ended, each in the function before it

    @contextmanager
    def tracing(self) -> Iterator[None]:
        """Trace this thread: what is called from now on, and what runs already."""
        frame: FrameType | None = sys._getframe(1)
        frames, before = [], sys.gettrace()
        while frame is not None:
            frames.append((frame, frame.f_trace))
            frame.f_trace = self.trace
            frame = frame.f_back
        self.lines, self.watch.look = [user_line()], self.look
        sys.settrace(self.trace)
        try:
            yield
        finally:
            sys.settrace(before)
            for frame, trace in frames:
                frame.f_trace = trace

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        """What Python calls at every line; a function of this library's own, or of Python's, is not followed."""
        if user_frame() is not frame or _is_standard(frame.f_code.co_filename):
            return None
        self.look()
        if event in ("call", "line"):
            self.lines[-1 if event == "line" else len(self.lines) :] = [user_line()]
        elif event == "return":
            del self.lines[-1:]
        return self.trace

    def look(self) -> None:
        """Remember the line that runs as the writer of whatever has changed."""
        for function, saved in list(self.watch.saved.items()):
            for place, (array, before) in enumerate(zip(_arrays(function), saved.prints, strict=False)):
                if place not in saved.writers and _print(array) != before:
                    saved.writers[place] = self.lines[-1] if self.lines else None


@cache
def _is_standard(file: str) -> bool:
    return file.startswith(_STANDARD) and "site-packages" not in file


def _arrays(function: Any) -> list[Any]:
    """The arrays of NumPy that a call keeps, each once; other libraries' cannot be written into."""
    return list({id(array): array for array in arrays_in(function.kept) if isinstance(array, np.ndarray)}.values())


def _print(array: Any) -> Any:
    """What tells an array from what it is after any change: its bytes, or their checksum where those are many."""
    if array.nbytes <= _SMALL:
        return array.tobytes()
    if 0 in array.strides:  # entries that broadcasting repeats
        array = array[tuple([slice(stride == 0) if stride == 0 else slice(None) for stride in array.strides])]
    if array.flags.f_contiguous:
        array = array.T
    return zlib.crc32(array if array.flags.c_contiguous else array.tobytes())


def _named(function: Any, array: Any) -> tuple[str, Any]:
    """What an array is to the call that keeps it, and the Variable that holds it, where somebody holds that."""
    plan = function.plan
    names = {} if plan is None or plan.rule.variadic else dict(enumerate(plan.rule.inputs))
    for number, edge in zip(function.wanted, function.edges, strict=True):
        value = value_at(edge)
        if value is not None and value.data is array:
            return f"its input {names.get(number, number)}", value
    for reference in function.results:
        value = reference()
        if value is not None and value.data is array:
            return "its result", value
    for origin, kept in zip(plan.origins, function.kept, strict=True) if plan is not None else ():
        if kept is array and origin is not None:
            return "its result" if origin < 0 else f"its input {names.get(origin, origin)}", None
    return "an array that it keeps", None
