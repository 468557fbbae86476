"""Recorded: an array, and the call that made it.

This is all the tape needs to know of a value.
``Variable``, with its operators and methods, is built on it above the functions.  Next: function.py.
"""

from typing import Any, ClassVar
from weakref import ref

__all__ = ["Leaf", "Recorded", "make_result", "result_type", "results_are", "set_gradient"]


class Recorded:
    """An array, and where a gradient of it goes.

    That is ``node``: the call that made the value; a `Leaf` for what a program starts from; None for a constant.
    """

    __slots__ = ("__weakref__", "_grad", "data", "memory", "name", "node")

    # What `backends` says where one stands in the place of an array.
    _no_array: ClassVar[str] = (
        "the data of a Variable is itself a Variable, where it must be an array.\n"
        "    Fix: where it was set, write x.data = value.data."
    )

    data: Any
    node: Any
    memory: Any  # of a view, what it is a view of; of what has views, these; else None (see memory.py)
    name: str | None
    _grad: "Recorded | None"

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow into this value."""
        return self.node is not None


# For what happens at every step: a class derived from Recorded may look at what is set.
set_gradient: Any = Recorded.__dict__["_grad"].__set__


class Leaf:
    """The edge to a value that a program starts from: here going back ends.

    It holds the value weakly, as everything on the tape does.
    A leaf holds its gradient, which may hold the tape it was computed on: neither keeps the other alive for ever.
    """

    __slots__ = ("leaf",)

    depth: ClassVar[int] = 0  # as an edge: it stands at the bottom of the tape

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
    result.memory = None
    result.name = None
    result._grad = None
    return result
