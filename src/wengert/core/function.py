"""Function: one call on the tape; and the class to derive from to write an operation as the book does.

The graph holds functions strongly and values weakly: a function knows the edges it came from (other functions, and
leaves) and its results only through weak references.  So no cycle exists, and dropping the loss frees it all.
Operations declared with ``@operation`` record a ``Call``, the other kind of Function.  Next: plan.py.
"""

import gc
from collections.abc import Sequence
from copy import copy
from types import CodeType
from typing import Any, ClassVar
from weakref import ref

from wengert.backends import namespace_of
from wengert.backends.saved import noted, saved
from wengert.core.modes import Observer, current_config, unwatched, using_config
from wengert.core.recorded import Recorded, make_result
from wengert.errors import DeclarationError, DtypeError, ShapeError, describe, message

__all__ = ["Function", "Item", "living", "living_functions", "maker_of", "record", "result_edge", "value_at", "watched"]


class Function:
    """An operation written as a class, as in the book: ``forward`` on arrays, ``backward`` on Variables.

    ``forward`` takes and returns plain arrays (a tuple for several results).
    ``backward`` takes the gradient of each result and returns that of each input, all of them Variables,
    so that what it computes can itself be differentiated; ``self.inputs`` are the inputs as Variables.
    Every input and result is kept until backward has passed: an ``@operation`` keeps only what it names.
    An instance called again records the later call on a copy of itself, so each ``y.creator`` stays true.

    Example:
        >>> import numpy as np, wengert
        >>> class Square(Function):
        ...     def forward(self, x):
        ...         return x ** 2
        ...     def backward(self, gy):
        ...         (x,) = self.inputs
        ...         return 2 * x * gy
        >>> x = wengert.Variable(np.array(3.0))
        >>> y = Square()(x)
        >>> y.backward()
        >>> y, x.grad
        (variable(9.0), variable(6.0))
    """

    __slots__ = ("__weakref__", "depth", "edges", "kept", "made", "passed_by", "shapes", "wanted")

    edges: tuple[Any, ...]  # where each recorded input came from, in order
    wanted: tuple[int, ...]  # the positions of those inputs among all inputs
    shapes: tuple[Any, ...]  # their shapes
    kept: tuple[Any, ...] | None  # what backward needs; None once it has been freed
    made: Any  # a weak reference to the result; a tuple of them where forward returned a tuple, and ``g`` is one too
    depth: int  # as an edge: one more than the deepest edge below
    passed_by: tuple[CodeType, int]  # the line that asked for the backward pass from here; not set where there was none

    plan: ClassVar[Any] = None  # an operation's call has one, and is run by it
    broadcasts: ClassVar[bool] = False

    def __call__(self, *inputs: Any) -> Any:
        config = current_config()
        if config.observer is not None:
            return watched(self, self, inputs, {}, config.observer)
        call = copy(self) if hasattr(self, "depth") else self
        notes: list[Any] = []
        values = tuple([value if isinstance(value, Recorded) else make_result(saved(value, notes)) for value in inputs])
        arrays = tuple(value.data for value in values)
        xp = namespace_of(arrays)
        out = call.forward(*arrays)
        several = isinstance(out, tuple)
        outs = tuple(xp.asarray(array) for array in (out if several else (out,)))
        wanted = tuple(i for i, value in enumerate(values) if value.node is not None)
        if not wanted or not config.enable_backprop:
            results = tuple(make_result(array) for array in outs)
            return results if several else results[0]
        call.wanted = wanted
        call.edges = tuple(values[i].node for i in wanted)
        call.shapes = tuple(arrays[i].shape for i in wanted)
        call.kept = (arrays, outs)
        if notes:
            call.kept = noted(call.kept, notes)
        results = record(call, outs, several)
        return results if several else results[0]

    def forward(self, *arrays: Any) -> Any:
        """Compute the results from plain arrays."""
        raise NotImplementedError(f"{type(self).__name__}.forward is not written: it computes results from arrays.")

    def backward(self, *gradients: Any) -> Any:
        """Compute the gradient of each input from the gradient of each result, as Variables."""
        raise NotImplementedError(f"{type(self).__name__}.backward is not written: it takes gradients back.")

    @property
    def operation_name(self) -> str:
        """What messages and pictures call it."""
        return type(self).__name__

    @property
    def generation(self) -> int:
        """The deepest generation among the inputs; a leaf has generation 0."""
        return self.depth - 1

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The inputs as Variables; one that nobody holds any more and nothing kept has ``data`` None."""
        arrays = self.kept[0] if self.kept is not None else (None,) * (max(self.wanted) + 1)
        places = dict(zip(self.wanted, self.edges, strict=True))
        return tuple(
            living(places[i], array) if i in places else make_result(array) for i, array in enumerate(arrays)
        )

    @property
    def several(self) -> bool:
        """Whether the results, and so their gradients, are a tuple."""
        return self.made.__class__ is tuple

    @property
    def results(self) -> tuple["ref[Recorded]", ...]:
        """A weak reference to each result."""
        return self.made if self.made.__class__ is tuple else (self.made,)

    def leaf(self) -> Any:
        """The value that stands here, where the tape was cut (``depth`` 0): as an edge, it is that value's leaf."""
        return self.results[0]()

    @property
    def outputs(self) -> tuple[Any, ...]:
        """The results, each behind a call, as behind a weak reference: ``f.outputs[0]()``."""
        arrays = self.kept[1] if self.kept is not None else (None,) * len(self.results)
        return tuple(Output(self, i, array) for i, array in enumerate(arrays))

    def gradients(self, g: Any, xp: Any, recording: bool) -> Sequence[Any]:
        """The gradient of each wanted input, from that of the result: what the backward pass asks of a function."""
        assert self.kept is not None
        arrays, outs = self.kept
        given = g if isinstance(g, tuple) else (g,)
        filled = [xp.zeros_like(out) if value is None else value for value, out in zip(given, outs, strict=True)]
        values = [value if isinstance(value, Recorded) else make_result(xp.asarray(value)) for value in filled]
        with using_config("enable_backprop", recording):
            back = self.backward(*values)
        back = back if isinstance(back, tuple | list) else (back,)
        if len(back) != len(arrays):
            raise DeclarationError(
                f"{self.operation_name}.backward returned {len(back)} gradients for {len(arrays)} inputs: "
                "return one for each (None for an input that has none)."
            )
        for i in self.wanted:
            if not isinstance(back[i], Recorded):
                raise DtypeError(
                    f"{self.operation_name}.backward returned {describe(back[i])} as the gradient of input {i}, "
                    "which needs one: return a Variable."
                )
        return [back[i] if recording else back[i].data for i in self.wanted]


class Item:
    """The edge to one result of a function that has several: going back, the gradients are gathered here."""

    __slots__ = ("depth", "function", "position")

    def __init__(self, function: Function, position: int) -> None:
        self.function = function
        self.position = position
        self.depth = function.depth

    def leaf(self) -> Any:
        """The value that stands here, where the tape was cut: see `Function.leaf`."""
        return self.function.results[self.position]()

    def __eq__(self, other: object) -> bool:  # any two edges to the same result are one
        return isinstance(other, Item) and self.function is other.function and self.position == other.position

    def __hash__(self) -> int:
        return hash((id(self.function), self.position))


class Output:
    """A result of a function, for whoever asks: the living Variable, or a stand-in while its data is kept."""

    __slots__ = ("array", "function", "position")

    def __init__(self, function: Function, position: int, array: Any) -> None:
        self.function, self.position, self.array = function, position, array

    def __call__(self) -> Any:
        value = self.function.results[self.position]()
        if value is not None or self.array is None:
            return value
        return make_result(self.array, result_edge(self.function, self.position))


def result_edge(function: Function, position: int) -> Any:
    """The edge of one result of a function."""
    return Item(function, position) if function.several else function


def maker_of(edge: Any) -> tuple[Any, int]:
    """The function that an edge above the leaves leads to, and which of its results stands there."""
    return (edge.function, edge.position) if isinstance(edge, Item) else (edge, 0)


def living_functions() -> list[Any]:
    """Every function on any tape of the process."""
    return [
        thing
        for thing in gc.get_objects()
        if issubclass(type(thing), Function) and hasattr(thing, "made")  # type() asks no proxy what it stands for
    ]


def value_at(edge: Any) -> Any:
    """The Variable at an edge, where someone still holds it; else None."""
    if not edge.depth:
        return edge.leaf()
    function, position = maker_of(edge)
    return function.results[position]()


def living(edge: Any, data: Any) -> Any:
    """The Variable at an edge: the very one, where someone still holds it, or a stand-in on the same edge."""
    value = value_at(edge)
    return make_result(data, edge) if value is None else value


def record(function: Any, outs: tuple[Any, ...], several: bool) -> tuple[Any, ...]:
    """Put a call on the tape: give it its depth, and make its results."""
    function.depth = max([edge.depth for edge in function.edges]) + 1
    if several:
        results = tuple([make_result(out, Item(function, i)) for i, out in enumerate(outs)])
        function.made = tuple([ref(result) for result in results])
        return results
    result = make_result(outs[0], function)
    function.made = ref(result)
    return (result,)


def watched(operation: Any, call: Any, inputs: tuple[Any, ...], options: dict[str, Any], observer: Observer) -> Any:
    """Run an operation for an observer: it hears that it begins, and what came of it."""
    observer.begin(operation, options)
    out = unwatched(call, inputs, options)
    results = out if out.__class__ is tuple else (out,)
    if results and results[0].node is not None:
        observer.forward(maker_of(results[0].node)[0], inputs, results)
    else:
        observer.unrecorded(operation.operation_name, inputs, results)
    return out


def wrong_gradient(function: Any, position: int, got: Any, shape: Any) -> ShapeError:
    """The error of a formula whose gradient does not fit its input."""
    return ShapeError(
        message(
            f"{function.operation_name}: the gradient of input {position} has the wrong shape.",
            [("got", got)],
            f"the formula must return the input's shape, {tuple(shape)}.",
        )
    )
