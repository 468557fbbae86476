"""The switches: is the tape recording, is this training, who is watching.

They nest, are restored when an error passes through, and are local to the thread and the async task.
This is the only state that a program shares without passing it on.  Next: recorded.py.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from typing import Any

from wengert.errors import InputError
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


@contextmanager
def using_config(name: str, value: Any) -> Iterator[None]:
    """Set one switch for the length of a ``with`` block: ``enable_backprop``, ``train`` or ``observer``.

    Raises:
        InputError: there is no switch of that name.

    Example:
        >>> with using_config("train", False):
        ...     current_config().train
        False
    """
    names = [field.name for field in fields(Config)]
    if name not in names:
        raise InputError(f"using_config: there is no switch {name!r}; there are {', '.join(names)}.")
    token = _config.set(replace(_config.get(), **{name: value}))
    try:
        yield
    finally:
        _config.reset(token)


def no_grad() -> AbstractContextManager[None]:
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


def test_mode() -> AbstractContextManager[None]:
    """Evaluate instead of train inside the ``with`` block: dropout passes everything on, averages stand still.

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


@contextmanager
def noting_exits() -> Iterator[dict[Line, str]]:
    """Remember the first lines where recorded values leave the tape (``item()``, comparisons), each with how."""
    exits: dict[Line, str] = {}
    token = _exits.set(exits)
    try:
        yield exits
    finally:
        _exits.reset(token)
