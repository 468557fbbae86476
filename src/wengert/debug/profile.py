"""A profile: where the time of a program goes, by operation, by layer and by line, and how much memory it takes.

`Profile` is the observer.  Its clock stands still while it works itself, so that times are those of the program.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter_ns
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, ref

import numpy as np

from wengert.backends.saved import Settled
from wengert.core.function import Function, watched
from wengert.core.modes import Observer, Observers, observing
from wengert.core.recorded import make_result
from wengert.debug.arrays import arrays_in, data_of, memory_of
from wengert.debug.lines import paths_inside
from wengert.debug.words import aligned, in_bytes
from wengert.errors import InputError
from wengert.files import write_atomically
from wengert.lines import Line, user_line

__all__ = [
    "LayerRow",
    "LineRow",
    "OperationRow",
    "Profile",
    "Table",
    "profile",
]


@contextmanager
def profile(*, limit: int = 200_000) -> Iterator["Profile"]:
    """Measure everything the tape does inside the ``with`` block.

    Times are those of the clock on the wall, less what watching costs, to about a microsecond an operation.  Where a
    library computes asynchronously, as JAX does, the time of an operation is that of handing it over.

    Args:
        limit: After so many operations, formulas and layers no more are written down for `Profile.save`; the tables
            go on.

    Raises:
        InputError: ``limit`` is negative.

    Example:
        >>> import numpy as np, wengert
        >>> x = wengert.Variable(np.ones((8, 8)))
        >>> with wengert.profile() as p:
        ...     y = (x @ x + 1.0).sum()
        ...     y.backward()
        >>> sorted((row.name, row.calls, row.made) for row in p.by_operation())
        [('add', 1, 512), ('matmul', 1, 512), ('sum', 1, 8)]
        >>> p.total >= p.operations + p.going_back
        True
        >>> print(p)  # doctest: +SKIP
        >>> path = p.save("profile.json")  # doctest: +SKIP
    """
    if limit < 0:
        raise InputError(f"profile: limit={limit}: it is a number from 0 on.")
    measured = Profile(limit)
    with observing(measured):
        measured.begin_measuring()
        try:
            yield measured
        finally:
            measured.finish()


class OperationRow(NamedTuple):
    """All calls of one operation; times in seconds."""

    name: str
    order: int  # 1; 2 for what a backward pass ran to take back one of order 1, and so on
    calls: int
    forward: float
    backward: float  # its formulas, without operations that these ran themselves, which have rows of their own
    made: int  # bytes of new arrays
    kept: int  # bytes of arrays kept for going back
    share: float  # of the total

    @property
    def seconds(self) -> float:
        """Forward and backward together."""
        return self.forward + self.backward


class LayerRow(NamedTuple):
    """All calls of one layer; times in seconds, with what is inside it, and in ``own_`` without."""

    path: str  # "" for what ran outside of layers
    kind: str
    calls: int
    forward: float  # from entering to leaving
    backward: float  # of the operations that ran in it, whichever pass went back through them
    own_forward: float
    own_backward: float
    made: int
    kept: int
    share: float  # of the total, with what is inside

    @property
    def seconds(self) -> float:
        """Forward and backward together."""
        return self.forward + self.backward


class LineRow(NamedTuple):
    """All operations of one line of the program; times in seconds."""

    line: Line | None
    calls: int
    forward: float
    backward: float  # of the operations that ran on it, whichever pass went back through them
    made: int
    kept: int
    share: float  # of the total

    @property
    def seconds(self) -> float:
        """Forward and backward together."""
        return self.forward + self.backward


class Profile(Observer):
    """What was measured; `print` it, or read its attributes.

    An operation's time is that of its forward function.  What operations a backward pass runs, with ``create_graph``,
    have rows of their own, of order 2 and higher, and count as going back; by layer and by line they are with the
    operation that they take back.  Arrays are those that operations and formulas gave; what they made and let go of
    on the way is not seen.

    Attributes:
        total: Seconds from the beginning to the end.
        operations: Of these, in operations, outside of backward passes.
        going_back: In backward passes, with adding to the ``grad`` of leaves.
        formulas: Of that, in formulas and the operations they ran; the rest is finding the way.
        rest: In the rest of the program.
        watching: Seconds that measuring took, which are in none of the others.
        live_bytes: Of the arrays made here that are alive, at the end.
        peak_bytes: The most it was.
        left_out: How many operations, formulas and layers `save` leaves out, beyond the limit.
    """

    def __init__(self, limit: int = 200_000) -> None:
        self.limit = limit
        self.left_out = 0
        self.operations = self.going_back = self.formulas = 0.0
        self.live_bytes = self.peak_bytes = 0
        self._calls: dict[_Source, _Sums] = {}
        self._recorded: WeakKeyDictionary[Function, _Sums] = WeakKeyDictionary()
        self._layers: dict[str, _LayerSums] = {}
        self._open: list[_Call] = []  # the layers now running
        self._inside: tuple[str, ...] = ()  # their paths
        self._paths: dict[int, str] = {}  # of all layers inside the outermost, by id
        self._passes: list[_Pass] = []
        self._running: tuple[_Source, int] | None = None  # the operation that has begun, and when
        self._ended: int | None = None  # when the last pass ended, where only its deposits have followed
        self._live: dict[int, _Watched] = {}
        self._spans: list[tuple[str, str, int, int, tuple[Any, ...]]] = []
        self._levels: list[tuple[int, int]] = [(0, 0)]  # of live bytes, each with its time
        # The clock, in nanoseconds: it begins at 0, and stands still between _pause and _resume.
        self._now = 0
        self._stopped = False
        self._origin = self._offset = perf_counter_ns()
        self._finished = False
        self._costs = _Costs(0, 0, 0)

    @property
    def total(self) -> float:
        """See the class."""
        return (self._now if self._finished else perf_counter_ns() - self._offset) / 1e9

    @property
    def rest(self) -> float:
        """See the class."""
        return self.total - self.operations - self.going_back

    @property
    def watching(self) -> float:
        """See the class."""
        return (self._offset - self._origin) / 1e9

    def begin_measuring(self) -> None:
        """Set the clock going."""
        self._costs = _measured_costs()
        self._origin = self._offset = perf_counter_ns()

    def finish(self) -> None:
        """The end of what is measured."""
        self._pause()
        self._finished = True
        self._live.clear()  # from here on arrays go without a word

    # What the tape tells

    def enter(self, layer: Any, inputs: tuple[Any, ...]) -> None:
        """See `Observer`."""
        now = self._pause()
        self._ended = None
        kind = type(layer).__name__
        if not self._open:
            self._paths = paths_inside(layer)
        path = self._paths.get(id(layer)) or f"{self._inside[-1]}.{kind}()"  # made in the call, and no attribute
        self._open.append(_Call(path, kind, now, self._inside, tuple(map(_fact, inputs))))
        self._inside = (*self._inside, path)
        self._resume(self._costs.event)

    def leave(self, layer: Any, result: Any) -> None:
        """See `Observer`."""
        now = self._pause()
        self._ended = None
        if self._open:
            call = self._open.pop()
            self._inside = call.outside
            time = now - call.began
            sums = self._layers.setdefault(call.path, _LayerSums(call.kind))
            sums.calls += 1
            if not self._passes:  # else a pass runs it again, and what it takes is going back
                sums.own += time - call.within
                if call.path not in call.outside:
                    sums.forward += time
            if self._open:
                self._open[-1].within += time
            results = result if isinstance(result, tuple) else (result,)
            self._span("layer", call.path, call.began, time, (call.inputs, tuple(map(_fact, results))))
        self._resume(self._costs.event)

    def begin(self, operation: Any, options: dict[str, Any]) -> None:
        """See `Observer`."""
        now = self._pause()
        self._ended = None
        going = self._passes[-1] if self._passes else None
        if going is None:
            source = _Source(operation.operation_name, 1, self._inside, user_line())
        elif len(self._open) > going.layers or going.sums is None:  # it runs a piece of program again
            source = _Source(operation.operation_name, going.order + 1, self._inside, user_line())
        else:
            source = going.sums.source._replace(name=operation.operation_name, order=going.order + 1)
        self._running = (source, now)
        self._resume()

    def forward(self, function: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """See `Observer`."""
        now = self._pause(self._costs.inside)
        ran = self._ran(now, inputs, outputs)
        if ran is not None:
            sums, foreign = ran
            self._recorded[function] = sums
            sums.kept += self._keep(function.kept, foreign)
        self._resume(self._costs.outside)

    def unrecorded(self, name: str, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """See `Observer`."""
        self._ran(self._pause(self._costs.inside), inputs, outputs)
        self._resume(self._costs.outside)

    def start(self, roots: Sequence[tuple[Any, Any]], create_graph: bool) -> None:
        """See `Observer`."""
        now = self._pause()
        self._ended = None
        self._passes.append(_Pass(now, len(self._open)))
        self._resume(self._costs.event)

    def backward(self, function: Any, gradient: Any) -> None:
        """See `Observer`."""
        now = self._pause()
        if self._passes:
            going = self._passes[-1]
            self._passed(going, now)
            sums = self._recorded.get(function)
            if sums is None:  # it was recorded before we watched
                sums = self._sums(_Source(function.operation_name, 1, (), None))
            gradients = gradient if isinstance(gradient, tuple) else (gradient,)
            going.reach(sums, now, tuple(map(_fact, gradients)))
        self._resume(self._costs.event)

    def accumulate(self, function: Any, position: int, edge: Any, contribution: Any, total: Any) -> None:
        """See `Observer`."""
        now = self._pause()
        if self._passes:
            self._passes[-1].last = now
            self._watch(contribution)
            self._watch(total)
        self._resume(self._costs.event)

    def free(self, function: Any) -> None:
        """See `Observer`."""
        now = self._pause()
        if self._passes:
            self._passes[-1].last = now
        self._resume(self._costs.event)

    def deposit(self, leaf: Any, before: Any) -> None:
        """See `Observer`."""
        now = self._pause()
        if self._ended is not None:
            self.going_back += (now - self._ended) / 1e9
            self._ended = now
            self._watch(leaf._grad)
        self._resume(self._costs.event)

    def end(self) -> None:
        """See `Observer`."""
        now = self._pause()
        if self._passes:
            going = self._passes.pop()
            self._passed(going, now)
            time = now - going.began
            self._span("backward", "backward pass", going.began, time, ((), ()))
            if self._passes:
                self._passes[-1].nested += time
            else:
                self.going_back += time / 1e9
                self.formulas += going.formulas / 1e9
                self._ended = now
        self._resume(self._costs.event)

    # What is asked

    def by_operation(self) -> "Table":
        """A row (`OperationRow`) for each operation, the longest first."""
        groups: dict[Any, list[_Sums]] = {}
        for sums in self._calls.values():
            groups.setdefault((sums.source.name, sums.source.order), []).append(sums)
        rows = []
        for (name, order), group in groups.items():
            forward, backward = _seconds(group, "forward"), _seconds(group, "backward")
            share = self._share(forward + backward)
            rows.append(OperationRow(name, order, _sum(group, "calls"), forward, backward, *_bytes(group), share))
        shown = [(_ordinal(row.order, row.name), row) for row in _longest_first(rows)]
        return _table("operation", [(name, row, ()) for name, row in shown])

    def by_layer(self) -> "Table":
        """A row (`LayerRow`) for each layer, and one, with the path "", for what ran outside, the longest first."""
        within: dict[str, list[_Sums]] = {}
        own: dict[str, list[_Sums]] = {}
        for sums in self._calls.values():
            own.setdefault(sums.source.layers[-1] if sums.source.layers else "", []).append(sums)
            for path in set(sums.source.layers):
                within.setdefault(path, []).append(sums)
        rows = []
        for path, layer in self._layers.items():
            group = within.get(path, [])
            times = (layer.forward / 1e9, _going_back(group), layer.own / 1e9, _going_back(own.get(path, [])))
            share = self._share(times[0] + times[1])
            rows.append(LayerRow(path, layer.kind, layer.calls, *times, *_bytes(group), share))
        group = own.get("", [])
        if group:
            forward, backward = _going_forward(group), _going_back(group)
            times, share = (forward, backward) * 2, self._share(forward + backward)
            rows.append(LayerRow("", "", 0, *times, *_bytes(group), share))
        shown = []
        for row in _longest_first(rows):
            name = f"{row.path} ({row.kind})" if row.path else "(outside of layers)"
            shown.append((name, row, (_milliseconds(row.own_forward), _milliseconds(row.own_backward))))
        return _table("layer", shown, ("own fwd", "own bwd"))

    def by_line(self) -> "Table":
        """A row (`LineRow`) for each line of the program that runs operations, the longest first."""
        groups: dict[Line | None, list[_Sums]] = {}
        for sums in self._calls.values():
            groups.setdefault(sums.source.line, []).append(sums)
        rows = []
        for line, group in groups.items():
            forward, backward = _going_forward(group), _going_back(group)
            calls = _sum(group, "calls")
            rows.append(LineRow(line, calls, forward, backward, *_bytes(group), self._share(forward + backward)))
        shown = [(repr(row.line) if row.line else "(not known)", row, ()) for row in _longest_first(rows)]
        return _table("line", shown)

    def save(self, path: str | Path) -> Path:
        """Write a trace for Perfetto or ``chrome://tracing``, and return its path.

        Each operation, formula and layer is a bar, with shapes and dtypes; live bytes are a curve above them.

        Raises:
            OSError: the file cannot be written.
        """
        events: list[dict[str, Any]] = [
            {"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "wengert"}},
            {"ph": "M", "name": "thread_name", "pid": 1, "tid": 1, "args": {"name": "program"}},
        ]
        for category, name, began, time, (inputs, outputs, *more) in self._spans:
            arguments: dict[str, Any] = {"inputs": list(map(_words, inputs)), "outputs": list(map(_words, outputs))}
            for source in more:
                arguments |= {"layer": source.layers[-1] if source.layers else "", "line": repr(source.line or "")}
                arguments |= {"order": source.order}
            events.append(
                {"ph": "X", "name": name, "cat": category, "pid": 1, "tid": 1}
                | {"ts": began / 1000, "dur": time / 1000, "args": arguments}
            )
        for now, level in self._levels:
            events.append({"ph": "C", "name": "live bytes", "pid": 1, "ts": now / 1000, "args": {"bytes": level}})
        content = {"traceEvents": events, "displayTimeUnit": "ms", "otherData": {"left out": self.left_out}}
        write_atomically(path, json.dumps(content).encode())
        return Path(path)

    def __repr__(self) -> str:
        """The whole, and the table by operation."""
        formulas = f", of it {_milliseconds(self.formulas)} ms in formulas"
        parts = [
            ("total", self.total, ""),
            ("operations", self.operations, ""),
            ("going back", self.going_back, formulas if self.going_back else ""),
            ("the rest", self.rest, ""),
        ]
        text = [f"{name:<10}  {_milliseconds(part):>11} ms  {self._share(part):6.1%}{of}" for name, part, of in parts]
        text.append(f"watching took {_milliseconds(self.watching)} ms more, which are left out")
        text.append(f"live arrays made here: {in_bytes(self.peak_bytes)} at the peak, {in_bytes(self.live_bytes)} now")
        if self.left_out:
            text.append(f"beyond the limit of {self.limit:,}: {self.left_out:,} bars, which save leaves out")
        return "\n".join([*text, "", str(self.by_operation())])

    # How it is done

    def _pause(self, unseen: int = 0) -> int:
        """Stop the clock, so many nanoseconds ago."""
        self._stopped = True
        now = perf_counter_ns() - self._offset - unseen
        if now > self._now:
            self._now = now
        return self._now

    def _resume(self, unseen: int = 0) -> None:
        """Let the clock go on, in so many nanoseconds."""
        if self.live_bytes != self._levels[-1][1] and len(self._levels) <= self.limit:
            self._levels.append((self._now, self.live_bytes))
        self._stopped = False
        self._offset = perf_counter_ns() - self._now + unseen

    def _sums(self, source: "_Source") -> "_Sums":
        sums = self._calls.get(source)
        if sums is None:
            sums = self._calls[source] = _Sums(source)
        return sums

    def _span(self, category: str, name: str, began: int, time: int, facts: tuple[Any, ...]) -> None:
        if len(self._spans) < self.limit:
            self._spans.append((category, name, began, time, facts))
        else:
            self.left_out += 1

    def _ran(self, now: int, inputs: Any, outputs: Any) -> "tuple[_Sums, set[int]] | None":
        """Take in a call that is over; return its sums, and the memory (by id) that its inputs brought from outside."""
        if self._running is None:
            return None
        (source, began), self._running = self._running, None
        time = now - began
        sums = self._sums(source)
        sums.calls += 1
        sums.forward += time
        if self._passes:
            self._passes[-1].nested += time
        else:
            self.operations += time / 1e9
        foreign = {id(memory) for memory in map(memory_of, inputs) if memory is not None} - self._live.keys()
        for output in outputs:
            sums.made += self._watch(output, foreign)
        facts = (tuple(map(_fact, inputs)), tuple(map(_fact, outputs)), source)
        self._span("forward", source.name, began, time, facts)
        return sums, foreign

    def _passed(self, going: "_Pass", now: int) -> None:
        """Take in the function that going back has left behind."""
        sums = going.sums
        if sums is None:
            return
        time = (going.last or now) - going.since
        sums.backward += max(0, time - going.nested)
        going.formulas += time
        self._span("backward", sums.source.name, going.since, time, (going.gradient, (), sums.source))
        going.sums = None

    def _watch(self, value: Any, foreign: Any = ()) -> int:
        """The bytes of an array that has not been seen before, and is watched from now on."""
        memory = memory_of(value)
        if memory is None or id(memory) in self._live or id(memory) in foreign:
            return 0
        try:
            self._live[id(memory)] = watched = _Watched(memory, self._gone)
        except TypeError:  # a kind of array that takes no weak reference
            return 0
        size: int = memory.nbytes
        watched.key, watched.size, watched.kept = id(memory), size, False
        self.live_bytes += size
        if self.live_bytes > self.peak_bytes:
            self.peak_bytes = self.live_bytes
        return size

    def _gone(self, watched: Any) -> None:
        """An array has died: in the program, or in what we do ourselves."""
        stopped = self._stopped
        if not stopped:
            self._pause()
        if self._live.pop(watched.key, None) is not None:
            self.live_bytes -= watched.size
        if not stopped:
            self._resume()

    def _keep(self, kept: Any, foreign: set[int]) -> int:
        """The bytes of arrays that are kept for the first time, but for those that came from outside."""
        size = 0
        given = {id(array) for array in kept.given()} if isinstance(kept, Settled) else ()
        for array in arrays_in(kept):
            if id(array) in given:  # a copy of what the program brought
                continue
            memory = memory_of(array)
            if memory is None or id(memory) in foreign:
                continue
            watched = self._live.get(id(memory))
            if watched is None:  # a mask or an index, which was no operation's result
                size += memory.nbytes
            elif not watched.kept:
                watched.kept = True
                size += watched.size
        return size

    def _share(self, seconds: float) -> float:
        return seconds / (self.total or 1.0)


class _Source(NamedTuple):
    """What an operation counts under."""

    name: str
    order: int
    layers: tuple[str, ...]  # the paths of those around it, the outermost first
    line: Line | None


class _Sums:
    """What is summed over the calls of one source; times in nanoseconds."""

    __slots__ = ("backward", "calls", "forward", "kept", "made", "source")

    def __init__(self, source: _Source) -> None:
        self.source = source
        self.calls = self.forward = self.backward = self.made = self.kept = 0


class _LayerSums:
    """The same over the calls of a layer."""

    __slots__ = ("calls", "forward", "kind", "own")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.calls = self.forward = self.own = 0


class _Call:
    """A layer that is running."""

    __slots__ = ("began", "inputs", "kind", "outside", "path", "within")

    def __init__(self, path: str, kind: str, began: int, outside: tuple[str, ...], inputs: tuple[Any, ...]) -> None:
        self.path, self.kind, self.began, self.outside, self.inputs = path, kind, began, outside, inputs
        self.within = 0  # the time of the layers inside


class _Pass:
    """A backward pass that is under way, and the function it has reached."""

    __slots__ = ("began", "formulas", "gradient", "last", "layers", "nested", "order", "since", "sums")

    def __init__(self, began: int, layers: int) -> None:
        self.began, self.layers = began, layers  # the layers open at its beginning
        self.formulas = self.nested = 0
        self.order = 1
        self.sums: _Sums | None = None

    def reach(self, sums: _Sums, since: int, gradient: tuple[Any, ...]) -> None:
        self.sums, self.since, self.gradient = sums, since, gradient
        self.last = 0  # when it was last heard of
        self.nested = 0  # the time of what ran inside, which counts there
        self.order = sums.source.order


class _Watched(ref[Any]):
    """A weak reference to memory."""

    __slots__ = ("kept", "key", "size")

    key: int
    size: int
    kept: bool


class _Costs(NamedTuple):
    """What watching costs besides the observer's own work, in nanoseconds."""

    inside: int  # an operation, between its beginning and its end
    outside: int  # and around these
    event: int  # any other event


def _measured_costs() -> _Costs:
    """Measure them: on an operation that does nothing."""
    rounds, count = 7, 20
    probe = Profile(0)
    observer, result = Observers(probe), make_result(np.zeros(()))
    found = []
    for _ in range(rounds):
        before, began = sum(sums.forward for sums in probe._calls.values()), probe._pause()
        probe._resume()
        for _ in range(count):
            watched(Function(), lambda: result, (), {}, observer)
        middle = probe._pause()
        probe._resume()
        for _ in range(count):
            observer.free(None)
        end = probe._pause()
        probe._resume()
        inside = (sum(sums.forward for sums in probe._calls.values()) - before) // count
        found.append((inside, max(0, (middle - began) // count - inside), (end - middle) // count))
    return _Costs(*(sorted(costs)[rounds // 2] for costs in zip(*found, strict=True)))


# Arrays and their memory


def _fact(value: Any) -> Any:
    """Shape and dtype of an array, else the type of a value."""
    array = data_of(value)
    shape = getattr(array, "shape", None)
    return type(array).__name__ if shape is None else (shape, array.dtype)


def _words(fact: Any) -> str:
    return fact if isinstance(fact, str) else f"{tuple(fact[0])} {fact[1]}"


# Tables


class Table(list[Any]):
    """Rows, which print as a table."""

    def __init__(self, rows: Sequence[Any], text: Callable[[], str]) -> None:
        super().__init__(rows)
        self._text = text

    def __repr__(self) -> str:
        """The table."""
        return self._text()


def _table(subject: str, shown: Sequence[tuple[str, Any, tuple[str, ...]]], more: tuple[str, ...] = ()) -> Table:
    """The table of these rows, each with its name and what follows its times."""
    most = 40

    def text() -> str:
        head = (subject, "calls", "ms forward", "backward", *more, "made", "kept", "share")
        body = [
            (
                name,
                f"{row.calls:,}" if row.calls else "",
                _milliseconds(row.forward),
                _milliseconds(row.backward),
                *cells,
                in_bytes(row.made),
                in_bytes(row.kept),
                f"{row.share:.1%}",
            )
            for name, row, cells in shown[:most]
        ]
        left_out = [f"and {len(shown) - most} more"] if len(shown) > most else []
        return "\n".join([aligned([head, *body]), *left_out])

    return Table([row for _, row, _ in shown], text)


def _longest_first(rows: Any) -> list[Any]:
    return sorted(rows, key=lambda row: -row.seconds)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.3f}"


def _ordinal(order: int, name: str) -> str:
    return name if order == 1 else f"{name}, order {order}"


def _sum(group: list[_Sums], attribute: str) -> int:
    return sum(getattr(sums, attribute) for sums in group)


def _seconds(group: list[_Sums], attribute: str) -> float:
    return _sum(group, attribute) / 1e9


def _going_forward(group: list[_Sums]) -> float:
    """Seconds in the operations of the program itself."""
    return _seconds([sums for sums in group if sums.source.order == 1], "forward")


def _going_back(group: list[_Sums]) -> float:
    """Seconds in formulas and in the operations that they ran."""
    return _seconds(group, "backward") + _seconds([sums for sums in group if sums.source.order > 1], "forward")


def _bytes(group: list[_Sums]) -> tuple[int, int]:
    return _sum(group, "made"), _sum(group, "kept")
