"""Recorded: an array, and the call that made it.

This is all the tape needs to know of a value.
``Variable``, with its operators and methods, is built on it above the functions.  Next: function.py.
"""

from typing import TYPE_CHECKING, Any, ClassVar
from weakref import ref

if TYPE_CHECKING:
    from wengert.core.function import Function, Item

__all__ = ["Recorded", "WeakLeaf", "make_result", "result_type", "results_are"]


class Recorded:
    """An array, and where it came from.

    A leaf is what a program starts from: it has no ``node``.
    On the tape a leaf is its own edge; any other value is reached by way of the call that made it.
    """

    __slots__ = ("__weakref__", "_grad", "data", "name", "node", "requires_grad")

    data: Any
    node: "Function | Item | WeakLeaf | None"
    requires_grad: bool
    name: str | None
    _grad: "Recorded | None"

    depth: ClassVar[int] = 0  # as an edge: a leaf stands at the bottom of the tape

    def leaf(self) -> "Recorded | None":
        """As an edge: the leaf itself."""
        return self


class WeakLeaf:
    """The edge to a leaf from the graph of a gradient, which the leaf itself holds in its ``grad``.

    Held strongly, the leaf and its gradient would keep each other alive.
    """

    __slots__ = ("leaf",)

    depth: ClassVar[int] = 0

    def __init__(self, leaf: Recorded) -> None:
        self.leaf: ref[Recorded] = ref(leaf)


_new = object.__new__
_Result: type[Recorded] = Recorded


def results_are(cls: type[Recorded]) -> None:
    """From now on the results of operations are instances of ``cls``."""
    global _Result
    _Result = cls


def result_type() -> type[Recorded]:
    """The class that results of operations are made of."""
    return _Result


def make_result(data: Any, node: Any = None) -> Any:
    """A value on the tape, made by ``node``; a constant where that is None."""
    result = _new(_Result)
    result.data = data
    result.node = node
    result.requires_grad = node is not None
    result.name = None
    result._grad = None
    return result
