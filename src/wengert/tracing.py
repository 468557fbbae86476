"""Whether somebody else's compiler traces this program: inside ``jax.jit`` what Python does happens once, for ever.

A value that was made outside and is written into with what is traced would never change again, and a mask that is drawn
while tracing would be the same at every step.  Neither is done in silence.  The array library that traces says so here.
"""

from collections.abc import Callable
from typing import Any
from weakref import ref

from wengert.errors import GraphError, message

__all__ = ["active", "made_here", "refuse_draw", "refuse_leak", "traces"]

_probes: list[tuple[Callable[[], bool], Callable[[Any], bool]]] = []
_made: dict[int, "ref[Any]"] = {}  # what was made while tracing


def traces(now: Callable[[], bool], is_traced: Callable[[Any], bool]) -> None:
    """A library says how to know whether it traces now, and whether an array is one that it traces."""
    _probes.append((now, is_traced))


def active() -> bool:
    """Whether the program is being traced.

    Example:
        >>> active()
        False
    """
    return any([now() for now, _ in _probes])


def made_here(value: Any) -> None:
    """Remember a value that is made while tracing: it may be written into."""
    if active():
        key = id(value)
        _made[key] = ref(value, lambda _: _made.pop(key, None))


def refuse_leak(value: Any, data: Any, what: str) -> None:
    """Refuse to write what is traced into a value that was made before.

    Args:
        value: The Variable.
        data: The array that is to stand in it, or in its gradient.
        what: What would be written: "the data", "the gradient".

    Raises:
        GraphError: ``data`` is traced, and ``value`` was made outside.
    """
    if not any([is_traced(data) for _, is_traced in _probes]) or id(value) in _made:
        return
    if any([is_traced(value.data) for _, is_traced in _probes]):  # made of what is traced, or put there on purpose
        return
    raise GraphError(
        message(
            f"inside jax.jit {what} of a value that was made outside would be written once, while tracing, and never "
            "again.",
            [("variable", value)],
            "give the function the arrays, make Variables and Parameters of them inside it, and return the new arrays; "
            "or take the step outside jax.jit.",
        )
    )


def refuse_draw() -> None:
    """Refuse to draw random numbers while tracing.

    Raises:
        GraphError: the program is being traced.
    """
    if active():
        raise GraphError(
            "inside jax.jit a random number would be drawn once, while tracing, and be the same at every step.\n"
            "    Fix: draw it outside and pass it as an argument; run dropout in test mode; call a model once, before, "
            "so that its weights are drawn."
        )
