"""Stand-ins: values that take the place of others on the tape, and what a value depends on besides them."""

from collections.abc import Collection, Iterable
from typing import Any

from wengert.core.function import Function, Item, living, record
from wengert.core.modes import current_config
from wengert.core.operation import operation
from wengert.core.recorded import Recorded

__all__ = ["active", "argument", "constant_in", "is_recorded", "sources_of"]


@operation
def argument(xp, x):  # type: ignore[no-untyped-def]
    """The same value one step up the tape: what a differentiated function is handed, and may write into."""
    return x


@argument.derivative("x")
def _(g):  # type: ignore[no-untyped-def]
    return g


def is_recorded(value: Any) -> bool:
    """Whether a value is a Variable that needs a gradient."""
    return isinstance(value, Recorded) and value.node is not None


_active: set[Any] = set()  # the stand-ins of all runs that are going on, in any thread


class active:  # noqa: N801 (a ``with`` block, as no_grad is)
    """Let these stand-ins be something to depend on, for the length of a ``with`` block; afterwards they are past."""

    __slots__ = ("edges",)

    def __init__(self, edges: Collection[Any]) -> None:
        self.edges = edges

    def __enter__(self) -> None:
        _active.update(self.edges)

    def __exit__(self, *error: Any) -> None:
        _active.difference_update(self.edges)


def sources_of(roots: Iterable[Any], own: Collection[Any], joints: dict[Any, Any]) -> dict[Any, Any]:
    """What edges depend on besides their own stand-ins.

    Args:
        roots: The edges to look below.
        own: Edges to stop at: what is behind these is no dependence on anything outside.
        joints: Edges to stop at that are such a dependence, each with its shape.

    Returns:
        The joints, the leaves and the stand-ins of runs that are going on, as far as they were reached, each with its
        shape.  Leaves that nobody holds any more are constants.
    """
    found: dict[Any, Any] = {}
    seen = set(own)
    stack = list(roots)
    while stack:
        edge = stack.pop()
        if edge in seen:
            continue
        seen.add(edge)
        if edge in joints:
            found[edge] = joints[edge]
        elif edge.__class__ is Item:
            stack.append(edge.function)
        elif not edge.depth:
            leaf = edge.leaf()
            if leaf is not None:
                found[edge] = leaf.shape
        elif edge in _active:
            found[edge] = edge.shapes[0]
        else:
            stack += edge.edges
    return found


def constant_in(value: Any, sources: dict[Any, Any]) -> Any:
    """``value``, as a function of these edges too, with derivative zero.

    A derivative may be constant; that it is one of some variables stays on the tape, as for any other function.
    """
    call = _ConstantIn()
    places = ({} if value.node is None else {value.node: value.shape}) | sources
    call.edges, call.shapes = tuple(places), tuple(places.values())
    call.wanted, call.kept = tuple(range(len(places))), ()
    call.leads_on = value.node is not None
    (result,) = record(call, (value.data,), False)
    observer = current_config().observer
    if observer is not None:
        observer.forward(call, call.inputs, (result,))
    return result


class _ConstantIn(Function):
    __slots__ = ("leads_on",)

    leads_on: bool  # whether the first edge is that of the value itself

    @property
    def operation_name(self) -> str:
        """What messages and pictures call it."""
        return "constant"

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The value, and what it is constant in."""
        return tuple(living(edge, None) for edge in self.edges)

    @property
    def outputs(self) -> tuple[Any, ...]:
        """The result, behind a weak reference."""
        return self.results

    def gradients(self, g: Any, xp: Any, recording: bool) -> list[Any]:
        """All of it to the value, and zeros to the others."""
        space = g.__array_namespace__() if recording else xp
        zero = space.sum(space.zeros_like(g))
        zeros = [space.broadcast_to(zero, shape) for shape in self.shapes]
        return [g, *zeros[1:]] if self.leads_on else zeros
