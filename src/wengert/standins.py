"""Stand-ins: values that take the place of others on the tape, and what a value depends on besides them."""

from collections.abc import Collection, Iterable
from typing import Any

from wengert.core.function import Item
from wengert.core.operation import operation
from wengert.core.recorded import Recorded

__all__ = ["argument", "constant_in", "is_recorded", "sources_of"]


@operation
def argument(xp, x):  # type: ignore[no-untyped-def]
    """The same value one step up the tape: what a differentiated function is handed, and may write into."""
    return x


@argument.derivative("x")
def _(g):  # type: ignore[no-untyped-def]
    return g


@operation
def constant_in(xp, x, value):  # type: ignore[no-untyped-def]
    """``value``, which is a function of ``x`` too, with derivative zero.

    A derivative may be constant; that it is one of ``x`` stays on the tape, as for any other function.
    """
    return value


@constant_in.derivative("x")
def _(xp, g, x_shape):  # type: ignore[no-untyped-def]
    return xp.broadcast_to(xp.sum(xp.zeros_like(g)), x_shape)


@constant_in.derivative("value")
def _(g):  # type: ignore[no-untyped-def]
    return g


def is_recorded(value: Any) -> bool:
    """Whether a value is a Variable that needs a gradient."""
    return isinstance(value, Recorded) and value.node is not None


def sources_of(roots: Iterable[Any], own: Collection[Any], joints: Collection[Any]) -> dict[Any, None]:
    """What edges depend on besides their own stand-ins.

    Args:
        roots: The edges to look below.
        own: Edges to stop at: what is behind these is no dependence on anything outside.
        joints: Edges to stop at that are such a dependence.

    Returns:
        The joints and the leaves that were reached; leaves that nobody holds any more are constants.
    """
    found: dict[Any, None] = {}
    seen = set(own)
    stack = list(roots)
    while stack:
        edge = stack.pop()
        if edge in seen:
            continue
        seen.add(edge)
        if edge in joints:
            found[edge] = None
        elif edge.__class__ is Item:
            stack.append(edge.function)
        elif edge.depth:
            stack += edge.edges
        elif edge.leaf() is not None:
            found[edge] = None
    return found
