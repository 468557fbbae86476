"""The switches: is the tape recording, is this training, who is watching.

They nest, are restored when an error passes through, and are local to the thread and the async task.  A thread begins
with the switches as they are by default, wherever it is started; what is handed to a ``ThreadPoolExecutor`` runs with
those of the caller.  What every thread is to see is set on the model: `Layer.eval` and `Layer.train`.
This is the only state that a program shares without passing it on.  Next: recorded.py.
"""

import contextlib
import dis
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, fields, replace
from functools import lru_cache, wraps
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR, isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from types import CodeType, FrameType
from typing import Any

from wengert.errors import DeclarationError, GraphError, InputError
from wengert.lines import Line, user_line

__all__ = [
    "Config",
    "Observer",
    "Observers",
    "current_config",
    "current_observers",
    "no_grad",
    "note_exit",
    "noting_exits",
    "observing",
    "test_mode",
    "unwatched",
    "using_config",
]


class Observer:
    """Told of everything the tape does, as it happens; override what interests you.

    With no observer set the tape pays one comparison a call.
    """

    def enter(self, layer: Any, inputs: tuple[Any, ...]) -> None:
        """``layer`` is called."""

    def leave(self, layer: Any, result: Any) -> None:
        """The call of ``layer`` is over; ``result`` is None where it failed."""

    def begin(self, operation: Any, options: dict[str, Any]) -> None:
        """An operation is about to run: its `Rule`, or a Function; either has an ``operation_name``."""

    def forward(self, function: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """``function`` ran on ``inputs`` and gave the Variables ``outputs``; ``function.kept`` is what it keeps."""

    def unrecorded(self, name: str, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """The operation ``name`` ran off the tape: on constants, under ``no_grad``, or as it has no derivative."""

    def start(self, roots: Sequence[tuple[Any, Any]], create_graph: bool) -> None:
        """A backward pass begins, at these edges and with these gradients."""

    def backward(self, function: Any, gradient: Any) -> None:
        """Going back has reached ``function``, and ``gradient`` is all that has arrived at its output."""

    def accumulate(self, function: Any, position: int, edge: Any, contribution: Any, total: Any) -> None:
        """``function`` sent ``contribution`` to its input ``position``, whose gradient is now ``total``."""

    def free(self, function: Any) -> None:
        """What ``function`` kept has been let go."""

    def deposit(self, leaf: Any, before: Any) -> None:
        """After a backward pass, ``leaf.grad`` has been written; it was ``before``."""

    def end(self) -> None:
        """The backward pass is over, or has failed."""

    def replace(self, value: Any) -> None:
        """The data of ``value``, a statistic that is kept from call to call, is about to be replaced."""


class Observers(Observer):
    """Several observers as one: each is told in turn."""

    def __init__(self, *observers: Observer) -> None:
        self.observers = observers


def _tell(event: str) -> Any:
    def tell(self: Observers, *facts: Any) -> None:
        for observer in self.observers:
            getattr(observer, event)(*facts)

    return tell


for _event in [name for name in vars(Observer) if not name.startswith("_")]:
    setattr(Observers, _event, _tell(_event))


@dataclass(frozen=True, slots=True)
class Config:
    """The switches as they stand: replaced whole, never changed in place."""

    enable_backprop: bool = True
    train: bool = True
    observer: Observer | None = None


_config: ContextVar[Config] = ContextVar("wengert.config", default=Config())  # noqa: B039 (it is frozen)
current_config = _config.get


_unwatched = {(enable, train): Config(enable, train) for enable in (False, True) for train in (False, True)}


def unwatched(function: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Call ``function`` while nobody is told of anything: `using_config` would be slower."""
    config = _config.get()
    token = _config.set(_unwatched[config.enable_backprop, config.train])
    try:
        return function(*inputs, **options)
    finally:
        _config.reset(token)


class _Switch(ContextDecorator):
    """One switch set for the length of a ``with`` block, or of every call of the function that it decorates."""

    def __init__(self, name: str, value: Any) -> None:
        self._name, self._value = name, value
        self._tokens: list[Token[Config]] = []

    def __enter__(self) -> None:
        _refuse_to_leak(sys._getframe(1))
        self._tokens.append(_config.set(replace(_config.get(), **{self._name: self._value})))

    def __exit__(self, *error: Any) -> None:
        _config.reset(self._tokens.pop())

    def _recreate_cm(self) -> "_Switch":
        return _Switch(self._name, self._value)  # a decorated function may run in several threads at once

    def __call__(self, function: Any) -> Any:
        if isgeneratorfunction(function) or isasyncgenfunction(function):
            raise DeclarationError(
                f"{getattr(function, '__qualname__', function)} is a generator: the switch would be set while it is "
                "made, and not while it runs.\n    Fix: inside it, set the switch around what is computed, and yield "
                "outside of that block."
            )
        if not iscoroutinefunction(function):
            return super().__call__(function)

        @wraps(function)
        async def within(*args: Any, **options: Any) -> Any:
            with self._recreate_cm():
                return await function(*args, **options)

        return within


def _refuse_to_leak(frame: FrameType | None) -> None:
    """Refuse a block around a ``yield``: whoever takes what is yielded would go on with the switch set.

    A generator that is a context manager, or a fixture of pytest, means just that; where it is used inside another
    generator, the block there is looked at instead.
    """
    while frame is not None and frame.f_code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
        driver = frame.f_back
        if driver is not None and driver.f_globals.get("__name__", "").startswith("_pytest"):
            return
        if driver is None or driver.f_code.co_filename != contextlib.__file__:
            if _yields_inside(frame.f_code, frame.f_lasti):
                raise GraphError(
                    f"a switch is set around a yield in {frame.f_code.co_qualname}, line {frame.f_lineno}: whoever "
                    "takes what is yielded would go on with the switch set.\n"
                    "    Fix: compute inside the block, and yield outside of it."
                )
            return
        while driver is not None and driver.f_code.co_filename == contextlib.__file__:
            driver = driver.f_back
        frame = driver


@lru_cache(maxsize=1024)
def _yields_inside(code: CodeType, place: int) -> bool:
    """Whether the ``with`` block that is entered at this place of a generator's code has a ``yield`` in it."""
    body = dis.Bytecode(code)
    steps = list(body)
    entries = [(entry.start, entry.end, entry.target) for entry in body.exception_entries]  # type: ignore[attr-defined]

    def handler(offset: int) -> int | None:
        return next((target for start, end, target in entries if start <= offset < end), None)

    closing = [offset.offset for offset, after in zip(steps, steps[1:], strict=False) if "WITH_EXCEPT" in after.opname]
    block = next((handler(step.offset) for step in steps if step.offset > place), None)
    if block not in closing:  # entered by a call of __enter__
        return False

    def inside(offset: int) -> bool:
        seen: set[int] = set()
        at = handler(offset)
        while at is not None and at not in seen:
            if at == block:
                return True
            seen.add(at)
            at = handler(at)
        return False

    # What follows a yield tells it from the waiting of an await.
    return any(
        step.opname == "YIELD_VALUE" and (after.arg or 0) & 3 in (1, 2) and inside(step.offset)
        for step, after in zip(steps, steps[1:], strict=False)
    )


def _carry(config: Config, function: Callable[..., Any], /, *args: Any, **options: Any) -> Any:
    token = _config.set(replace(config, observer=None))  # an observer is told of one thread
    try:
        return function(*args, **options)
    finally:
        _config.reset(token)


_submit: Any = ThreadPoolExecutor.submit


@wraps(_submit)
def _submit_with_switches(pool: Any, function: Any, /, *args: Any, **options: Any) -> Any:
    config = _config.get()
    if config.enable_backprop and config.train:
        return _submit(pool, function, *args, **options)
    return _submit(pool, _carry, config, function, *args, **options)


# A pool's threads are nobody's: what runs there is the caller's, who would else predict with dropout in silence.
ThreadPoolExecutor.submit = _submit_with_switches  # type: ignore[method-assign]


def using_config(name: str, value: Any) -> _Switch:
    """Set one switch for the length of a ``with`` block: ``enable_backprop``, ``train`` or ``observer``.

    It is the thread's own: see the head of core/modes.py.  It decorates functions and coroutines too.

    Raises:
        InputError: there is no switch of that name.
        GraphError: the block is around a ``yield``.

    Example:
        >>> with using_config("train", False):
        ...     current_config().train
        False
    """
    names = [field.name for field in fields(Config)]
    if name not in names:
        raise InputError(f"using_config: there is no switch {name!r}; there are {', '.join(names)}.")
    return _Switch(name, value)


def no_grad() -> _Switch:
    """Record nothing inside the ``with`` block: results are constants and keep nothing alive.

    Example:
        >>> import numpy as np, wengert
        >>> x = wengert.Variable(np.array(3.0))
        >>> with no_grad():
        ...     y = x * x
        >>> y.requires_grad
        False
    """
    return using_config("enable_backprop", False)


def test_mode() -> _Switch:
    """Evaluate instead of train inside the ``with`` block: dropout passes everything on, averages stand still.

    The switch is the thread's own: a ``threading.Thread`` started inside does not have it, and what is handed to a
    ``ThreadPoolExecutor`` does.  ``model.eval()`` and ``model.train()`` set a mode of the model itself, which every
    thread sees and which goes before this switch.

    Example:
        >>> with test_mode():
        ...     current_config().train
        False
    """
    return using_config("train", False)


test_mode.__test__ = False  # type: ignore[attr-defined]  # its name is the book's; it is no test


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Tell ``observer`` what the tape does inside the ``with`` block, besides those that are told already.

    Example:
        >>> import numpy as np, wengert
        >>> class Count(Observer):
        ...     calls = 0
        ...     def forward(self, function, inputs, outputs):
        ...         self.calls += 1
        >>> count = Count()
        >>> with observing(count):
        ...     y = wengert.Variable(np.array(3.0)) * 2.0
        >>> count.calls
        1
    """
    others = current_observers()
    with using_config("observer", Observers(*others, observer) if others else observer):
        yield


def current_observers() -> tuple[Observer, ...]:
    """All that are told at present."""
    observer = current_config().observer
    return observer.observers if isinstance(observer, Observers) else () if observer is None else (observer,)


_exits: ContextVar[dict[Line, str] | None] = ContextVar("wengert.exits", default=None)


def note_exit(what: str) -> None:
    """A recorded value leaves the tape by ``what``: remember the line, where someone asked for that."""
    exits = _exits.get()
    if exits is not None and len(exits) < 3 and not what.endswith("_like"):  # which are of a shape alone
        line = user_line()
        if line is not None:
            exits.setdefault(line, what)


class noting_exits:  # noqa: N801 (a ``with`` block)
    """Remember the first lines where recorded values leave the tape (``item()``, comparisons), each with how."""

    __slots__ = ("token",)

    def __enter__(self) -> dict[Line, str]:
        exits: dict[Line, str] = {}
        self.token = _exits.set(exits)
        return exits

    def __exit__(self, *error: Any) -> None:
        _exits.reset(self.token)
