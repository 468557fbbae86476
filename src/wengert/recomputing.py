"""Checkpoints: a stretch of program that forgets what it computed, and runs again when going back."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

import numpy as np

from wengert import random
from wengert.backends import namespace_of
from wengert.core.backward import backpropagate
from wengert.core.function import Function, Item, living, record, value_at
from wengert.core.modes import Observer, Observers, current_config, current_observers, using_config
from wengert.core.recorded import Recorded, make_result
from wengert.errors import GraphError, laid_out
from wengert.standins import active, argument, is_recorded
from wengert.trees import flatten
from wengert.variable import Variable

__all__ = ["checkpoint"]


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f``, forgetting what it computes on the way and running once more when going back: memory for time.

    Only the arguments are kept.
    Gradients flow to them and to whatever else ``f`` uses, such as the parameters of a layer.
    In the second run ``np.random`` and Wengert's generator draw the same numbers, and the buffers of layers (running
    statistics) begin as they did in the first and stand as before afterwards: a batch is counted once.

    Raises:
        GraphError: when going back, where the second run does not compute what the first did: it draws from another
            generator, or uses a value that has changed since, such as the variable of a loop.

    Example:
        >>> import numpy as np
        >>> from wengert import grad
        >>> grad(checkpoint(lambda x: (x ** 2).sum()))(np.array([1.0, 2.0]))
        array([2., 4.])
    """

    @wraps(f)
    def forgetful(*args: Any, **kwargs: Any) -> Any:
        if not current_config().enable_backprop:
            return f(*args, **kwargs)
        leaves, rebuild = flatten(args)
        chance = _chance()
        passed = [i for i, leaf in enumerate(leaves) if is_recorded(leaf)]
        # The first run is recorded only to learn what it computes, and of what; its tape is dropped at once.
        values = list(leaves)
        for i in passed:
            values[i] = argument(Variable(leaves[i].data))
        own = [values[i].node for i in passed]
        watch = _Watch(own)
        others = [other for other in current_observers() if not isinstance(other, _Watch)]
        with active(own), using_config("observer", Observers(*others, watch)):
            outs, rebuild_output = flatten(f(*rebuild(values), **kwargs))
        for outer in current_observers():
            if isinstance(outer, _Watch):  # of its first run's operations it is told by this call alone
                outer.before = watch.before | outer.before
        del values
        live = [i for i, out in enumerate(outs) if is_recorded(out)]
        if not live:
            return rebuild_output(outs)
        watch.finish([outs[i] for i in live])
        outside = watch.living_outside()
        call = _Again()
        call.run, call.chance, call.config = (lambda values: f(*rebuild(values), **kwargs)), chance, current_config()
        call.leaves = [None if i in passed else leaf for i, leaf in enumerate(leaves)]
        call.passed, call.trail, call.before = passed, watch.trail, watch.before
        call.outside = outside
        call.edges = (*[leaves[i].node for i in passed], *outside.values())
        call.wanted = tuple(range(len(call.edges)))
        call.shapes = (*[leaves[i].shape for i in passed], *[_edge_shape(edge) for edge in outside.values()])
        call.kept = tuple([leaves[i].data for i in passed])
        results = record(call, tuple([outs[i].data for i in live]), len(live) > 1)
        for i, result in zip(live, results, strict=True):
            outs[i] = result
        if call.config.observer is not None:
            call.config.observer.forward(call, tuple([leaves[i] for i in passed]), results)
        return rebuild_output(outs)

    return forgetful


class _Again(Function):
    """A stretch of program that runs again when going back."""

    __slots__ = ("before", "chance", "config", "leaves", "outside", "passed", "run", "trail")

    run: Callable[[list[Any]], Any]
    chance: Any
    config: Any
    leaves: list[Any]
    passed: list[int]
    outside: dict[int, Any]
    trail: list[tuple[str, Any]]
    before: dict[Any, Any]

    @property
    def operation_name(self) -> str:
        """What messages and pictures call it."""
        return "checkpoint"

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The arguments, as Variables."""
        kept = (*(self.kept or ()), *[None] * len(self.edges))
        return tuple(living(edge, array) for edge, array in zip(self.edges, kept, strict=False))

    @property
    def outputs(self) -> tuple[Any, ...]:
        """The results, each behind a weak reference."""
        return self.results

    def gradients(self, g: Any, xp: Any, recording: bool) -> Sequence[Any]:
        """Run the stretch again, recorded this time, and take the gradients back through it."""
        assert self.kept is not None
        values = list(self.leaves)
        with using_config("enable_backprop", True):
            for place, edge, array in zip(self.passed, self.edges, self.kept, strict=False):
                values[place] = argument(make_result(array, edge) if recording else Variable(array))
        own = [values[i].node for i in self.passed]
        watch = _Watch(own)
        with (
            active(own),
            _repeating(self.chance, self.before, watch),
            using_config("train", self.config.train),
            using_config("enable_backprop", True),
            using_config("observer", Observers(*current_observers(), watch)),
        ):
            outs = [out for out in flatten(self.run(values))[0] if is_recorded(out)]
        watch.finish(outs)
        self._compare(watch)
        given = g if isinstance(g, tuple) else (g,)
        roots = [(out.node, seed) for out, seed in zip(outs, given, strict=True) if seed is not None]
        targets = [*own, *self.outside.values()]
        with active(own):
            arrived = backpropagate(roots, create_graph=recording, targets=targets)
        zero = [None if edge in arrived else shape for edge, shape in zip(targets, self.shapes, strict=True)]
        like = given[0] if given[0] is not None else next(part for part in given if part is not None)
        space = like.__array_namespace__() if recording else xp
        return [
            arrived[edge] if shape is None else space.broadcast_to(space.sum(space.zeros_like(like)), shape)
            for edge, shape in zip(targets, zero, strict=True)
        ]

    def _compare(self, second: "_Watch") -> None:
        """Raise where the second run is another than the first."""
        where = None
        for i, (was, now) in enumerate(zip(self.trail, second.trail, strict=False)):  # either ends with the results
            if was != now:
                where = f"at step {i + 1}: {was[0]}" + (f", and {now[0]} in the second" if now[0] != was[0] else "")
                break
        else:
            if any(second.outside.get(number) != edge for number, edge in self.outside.items()):
                where = "in the Variables that it uses from outside"
        if where is not None:
            raise GraphError(
                laid_out(
                    "checkpoint: run again when going back, the function does not compute what it did the first time.",
                    [("they differ", where)],
                    "pass all that may change meanwhile as an argument: the variable of a loop, what a generator of "
                    "your own draws; update parameters after going back, and use no threads in the function.",
                )
            )


class _Watch(Observer):
    """What a run does: each operation with what it keeps, the values from outside, and the statistics it counts."""

    def __init__(self, own: Sequence[Any]) -> None:
        self.numbers: dict[Any, Any] = {edge: ("argument", i) for i, edge in enumerate(own)}
        self.trail: list[tuple[str, Any]] = []
        self.outside: dict[int, Any] = {}
        self.before: dict[Any, Any] = {}
        self.layers = 0

    def forward(self, function: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """Note what the derivative of this call is computed from."""
        edges = tuple([self.number(edge) for edge in function.edges])
        inner = _fingerprint(getattr(function, "trail", ()))  # of a checkpoint inside
        self.numbers[function] = len(self.trail)
        self.trail.append((function.operation_name, hash((edges, _fingerprint(function.kept), inner))))

    def number(self, edge: Any) -> Any:
        """What an edge is called in this run: the same in another that does the same."""
        if edge.__class__ is Item:
            return self.number(edge.function), edge.position
        number = self.numbers.get(edge)
        if number is None:
            number = self.numbers[edge] = ("outside", len(self.outside))
            self.outside[number[1]] = edge
        return number

    def finish(self, outs: Sequence[Any]) -> None:
        """Note the results."""
        edges = tuple([self.number(out.node) for out in outs])
        self.trail.append(("the results", hash((edges, _fingerprint(tuple([out.data for out in outs]))))))
        self.numbers.clear()

    def living_outside(self) -> dict[int, Any]:
        """The edges from outside, by number, without those of leaves that only the run itself held."""
        return {i: edge for i, edge in self.outside.items() if edge.depth or edge.leaf() is not None}

    def enter(self, layer: Any, inputs: tuple[Any, ...]) -> None:
        """Remember the buffers of the outermost layer, and so of all inside it."""
        if not self.layers:
            learned = {id(parameter) for _, parameter in layer.named_parameters()}
            for _, value in layer.named_state():
                if id(value) not in learned:
                    self.replace(value)
        self.layers += 1

    def leave(self, layer: Any, result: Any) -> None:
        """The layer is done."""
        self.layers -= 1

    def replace(self, value: Any) -> None:
        """Remember a statistic as it is before it is counted on."""
        array = hasattr(value.data, "__dlpack__") or isinstance(value.data, np.generic)  # and not yet to be sized
        if array and value not in self.before:
            self.before[value] = _copy(value.data)


@contextmanager
def _repeating(chance: Any, before: dict[Any, Any], watch: _Watch) -> Iterator[None]:
    """Begin with the chance and the statistics of the first run, and leave both as if nothing had run."""
    now, counted = _chance(), {value: value.data for value in before}
    try:
        _set_chance(chance)
        for value, data in before.items():
            value.data = _copy(data)
        yield
    finally:
        _set_chance(now)
        for value, data in (watch.before | counted).items():
            value.data = data


def _chance() -> Any:
    return random.get_state(), np.random.get_state(legacy=False)


def _set_chance(chance: Any) -> None:
    random.set_state(chance[0])
    np.random.set_state(chance[1])


def _copy(array: Any) -> Any:
    return namespace_of((array,)).asarray(array, copy=True)


def _fingerprint(value: Any) -> Any:
    """A number or text that tells values apart; the same for equal ones."""
    if isinstance(value, Recorded):
        value = value.data
    if hasattr(value, "__dlpack__"):
        return namespace_of((value,)).fingerprint(value)
    if isinstance(value, tuple | list):
        return tuple([_fingerprint(part) for part in value])
    if isinstance(value, dict):
        return tuple([(_fingerprint(key), _fingerprint(part)) for key, part in value.items()])
    if isinstance(value, slice):
        return "slice", _fingerprint((value.start, value.stop, value.step))
    if value is None or isinstance(value, int | float | complex | str | np.generic):
        return repr(value)
    return type(value).__name__


def _edge_shape(edge: Any) -> Any:
    value = value_at(edge)
    if value is None:
        return None if edge.depth else ()
    return value.shape
