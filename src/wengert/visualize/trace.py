"""A trace: everything the tape did, in order and with the numbers, as one page to step through.

`Trace` is the observer that writes the events down.  The page is built from ``page/``; it needs no network.
"""

import base64
import gzip
import html
import json
import os
import sys
import weakref
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from time import perf_counter_ns
from types import FrameType
from typing import Any

import numpy as np

from wengert.core.function import Function, maker_of
from wengert.core.modes import Observer, observing
from wengert.core.recorded import Leaf, Recorded
from wengert.debug.arrays import arrays_in, data_of, first_index, owner_of
from wengert.debug.sources import formulas_of, source_of
from wengert.errors import InputError
from wengert.files import write_atomically
from wengert.lines import Line, shown, user_frame
from wengert.visualize.digest import FINE, NOT_A_NUMBER, digest, health
from wengert.visualize.roles import role_of

__all__ = ["Trace", "trace"]


@contextmanager
def trace(title: str | None = None, *, whole: int = 64, limit: int = 200_000) -> Iterator["Trace"]:
    """Write down everything the tape does inside the ``with`` block, to be stepped through on a page.

    Args:
        title: What the page is headed by; the name of the program where None.
        whole: Arrays of at most so many entries are kept as numbers, larger ones as statistics, a histogram and a
            picture.
        limit: After so many operations nothing more is written down, and the page says so.

    Raises:
        InputError: ``whole`` or ``limit`` is less than 1.

    Example:
        >>> import numpy as np, wengert
        >>> x = wengert.Variable(np.array(3.0), name="x")
        >>> with wengert.trace() as t:
        ...     y = x * x
        ...     y.backward()
        >>> t
        Trace: 1 operation, 1 backward pass, 9 events
        >>> path = t.save("trace.html")  # doctest: +SKIP
    """
    if whole < 1 or limit < 1:
        raise InputError(f"trace: whole={whole}, limit={limit}: both are numbers from 1 on.")
    record = Trace(title, whole, limit)
    with observing(record):
        try:
            yield record
        finally:
            record.finish()


class Trace(Observer):
    """What the tape did, event by event; `save` writes the page.

    It holds no array, Variable or function: it does not change when memory is freed, but tells of it.
    """

    def __init__(self, title: str | None = None, whole: int = 64, limit: int = 200_000) -> None:
        self.title = title or os.path.basename(sys.argv[0] or "") or "python"
        self.whole, self.limit = whole, limit
        self.lines: list[Line] = []
        self.layers: list[dict[str, Any]] = []
        self.rules: list[dict[str, Any]] = []
        self.values: list[dict[str, Any]] = []
        self.operations: list[dict[str, Any]] = []
        self.passes: list[dict[str, Any]] = []
        self.events: list[tuple[Any, ...]] = []
        self.summaries: list[Any] = []
        self.anomaly: dict[str, Any] | None = None
        self.full = False
        self._clock = _Clock()
        self._memory = _Memory(self._dropped)
        # What is alive is known by id, and forgotten when it dies: see _watch.
        self._watched: dict[int, Any] = {}
        self._values_by_key: dict[Any, int] = {}
        self._operations_by_id: dict[int, int] = {}
        self._leaves: list[Leaf] = []  # these are so small that they are kept
        self._lines: dict[Line, int] = {}
        self._rules: dict[Any, int] = {}
        self._health: list[int] = []  # of each value
        self._prints: dict[int, int] = {}  # what the data of a leaf looked like, by the value's number
        self._open_layers: list[int] = []
        self._paths: dict[int, str] = {}  # of all inside the outermost layer now running, by id
        self._open_passes: list[tuple[int, list[int]]] = []  # each with the operations gone back through
        self._gathered: dict[Any, int] = {}  # the summary of what has arrived at an edge
        self._arrived: dict[Any, int] = {}  # the same at the end of the last pass
        self._health_above = FINE
        self._beginning: Any = None
        self._options: dict[str, Any] = {}
        self._operation_began = self._backward_began = 0

    # What the tape tells

    def enter(self, layer: Any, inputs: tuple[Any, ...]) -> None:
        """A box opens."""
        parent = self._open_layers[-1] if self._open_layers else -1
        if self.full:
            self._open_layers.append(parent)
            return
        kind = type(layer).__name__
        if parent < 0:
            self._paths = {id(part): path or kind for path, part in [*layer.named_layers(), *layer.named_state()]}
        self._open_layers.append(len(self.layers))
        self.layers.append({"path": self._paths.get(id(layer), kind), "kind": kind, "parent": parent})

    def leave(self, layer: Any, result: Any) -> None:
        """It closes."""
        if self._open_layers:
            self._open_layers.pop()

    def begin(self, operation: Any, options: dict[str, Any]) -> None:
        """The clock starts."""
        self._beginning, self._options = operation, options
        self._operation_began = self._clock.now()

    def forward(self, function: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """An operation was recorded."""
        with self._clock:
            if self.full:
                return
            plan = function.plan
            kept = {id(array): array for array in arrays_in(function.kept)}
            for array in kept.values():
                self._memory.add(array)
            self._operations_by_id[id(function)] = len(self.operations)
            self._watch(function)
            self._operation(
                self._rule(function),
                inputs,
                outputs,
                recorded=True,
                kept=list(plan.kept_names) if plan is not None else ["inputs", "outputs"],
                kept_bytes=sum(array.nbytes for array in kept.values()),
            )

    def unrecorded(self, name: str, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """An operation ran off the tape."""
        with self._clock:
            if not self.full:
                self._operation(self._rule(self._beginning), inputs, outputs, recorded=False, kept=[], kept_bytes=0)

    def start(self, roots: Sequence[tuple[Any, Any]], create_graph: bool) -> None:
        """A backward pass begins."""
        with self._clock:
            number = len(self.passes)
            self.passes.append({"create_graph": create_graph, "line": self._line(user_frame())})
            self._open_passes.append((number, []))
            self._note("start", number, self._clock.now(), self._memory.live)
            for edge, gradient in roots:
                value = self._values_by_key.get(_key(edge))
                if value is not None:
                    self._memory.add(data_of(gradient))
                    summary = self._gathered[_key(edge)] = self._summary(gradient)
                    self._note("seed", value, summary, self._memory.live)

    def backward(self, function: Any, gradient: Any) -> None:
        """Going back has reached an operation."""
        with self._clock:
            number = self._operations_by_id.get(id(function), -1)
            if self._open_passes:
                self._open_passes[-1][1].append(number)
            if number >= 0:
                places = [(id(function), i) for i in range(len(function.results))]
                arrived = [self._gathered.pop(place, -1) for place in places]
                self._health_above = max([health(self.summaries[i]) for i in arrived if i >= 0], default=FINE)
                self._note("backward", number, arrived, self._clock.now(), self._memory.live)
        self._backward_began = self._clock.now()

    def accumulate(self, function: Any, position: int, edge: Any, contribution: Any, total: Any) -> None:
        """An operation sends its part to one of its inputs."""
        with self._clock:
            key = _key(edge)
            number, value = self._operations_by_id.get(id(function), -1), self._values_by_key.get(key)
            if number >= 0 and value is not None and not self.full:
                self.operations[number]["backward_ns"] += self._clock.now() - self._backward_began
                self._memory.add(data_of(contribution))
                self._memory.add(data_of(total))
                part = self._summary(contribution)
                whole = part if key not in self._gathered and total is contribution else self._summary(total)
                self._gathered[key] = whole
                self._note("contribution", number, function.wanted[position], value, part, whole, self._memory.live)
                state = health(self.summaries[part])
                if state > self._health_above and self.anomaly is None:
                    self._born(number, -1, data_of(contribution), state)
        self._backward_began = self._clock.now()

    def free(self, function: Any) -> None:
        """What an operation kept is let go."""
        number = self._operations_by_id.get(id(function))
        if number is not None:
            self._note("freed", number, self._memory.live)

    def end(self) -> None:
        """A backward pass is over."""
        if self._open_passes:
            number, _ = self._open_passes.pop()
            self._note("end", number, self._clock.now(), self._memory.live)
        if not self._open_passes:
            self._arrived, self._gathered = self._gathered, {}

    def deposit(self, leaf: Any, before: Any) -> None:
        """The ``grad`` of a leaf was written."""
        with self._clock:
            key = _key(leaf.node)
            value = self._values_by_key.get(key)
            if value is not None:
                arrived = self._arrived.get(key)
                after = arrived if before is None and arrived is not None else self._summary(leaf.grad)
                self._memory.add(leaf.grad.data)
                written = -1 if before is None else self._summary(before)
                self._note("grad", value, written, after, self._memory.live)

    # Writing it down

    def _note(self, *event: Any) -> None:
        if not self.full:
            self.events.append(event)

    def _operation(
        self,
        rule: int,
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        *,
        recorded: bool,
        kept: list[str],
        kept_bytes: int,
    ) -> None:
        number, frame = len(self.operations), user_frame()
        in_pass, gone_through = self._open_passes[-1] if self._open_passes else (-1, [])
        elapsed, self._beginning = self._clock.now() - self._operation_began, None
        given = len(inputs)
        while given and inputs[given - 1] is None:  # a bias that is not there
            given -= 1
        taken = [self._input(value, frame) for value in inputs[:given]]
        self.operations.append(
            {
                "rule": rule,
                "inputs": taken,
                "outputs": [self._new_value(value, "result", number, i) for i, value in enumerate(outputs)],
                "options": {name: _short(option) for name, option in self._options.items()},
                "layer": self._open_layers[-1] if self._open_layers and in_pass < 0 else -1,
                "line": self._line(frame),
                "in_pass": in_pass,
                "of": gone_through[-1] if gone_through else -1,
                "recorded": recorded,
                "kept": kept,
                "kept_bytes": kept_bytes,
                "forward_ns": elapsed,
                "backward_ns": 0,
            }
        )
        self._note("forward", number, self._clock.now(), self._memory.live)
        worst = max([self._health[value] for value in taken], default=FINE)
        for value, output in zip(self.operations[number]["outputs"], outputs, strict=True):
            if self._health[value] > worst and self.anomaly is None:
                self._born(number, value, data_of(output), self._health[value])
        self.full = number + 1 >= self.limit

    def _input(self, value: Any, frame: FrameType | None) -> int:
        """The number of a value that is used: known, or new."""
        edge = _edge(value)
        number = self._values_by_key.get(id(value) if edge is None else _key(edge))
        if number is None:
            number = self._new_value(value, role_of(value), -1, 0)
        elif edge is not None and not edge.depth:
            self._look_for_change(number, value)
        entry = self.values[number]
        if not entry["name"] and frame is not None and hasattr(value, "shape"):
            entry["name"] = next((name for name, held in frame.f_locals.items() if held is value), "")
        return number

    def _new_value(self, value: Any, role: str, maker: int, position: int) -> int:
        number, data, edge = len(self.values), data_of(value), _edge(value)
        self.values.append(
            {
                "name": self._paths.get(id(value)) or getattr(value, "name", None) or "",
                "role": role,
                "shape": [int(size) for size in getattr(data, "shape", ())],
                "dtype": str(getattr(data, "dtype", type(data).__name__)),
                "bytes": int(getattr(data, "nbytes", 0)),
                "maker": maker,
                "position": position,
                "summary": self._summary(data),
            }
        )
        self._health.append(health(self.summaries[-1]))
        self._memory.add(data, number if role in ("result", "constant") else None)
        if edge is None:
            if self._watch(value):
                self._values_by_key[id(value)] = number
        else:
            self._values_by_key[_key(edge)] = number
            if edge.depth:
                self._watch(maker_of(edge)[0])
            else:
                self._leaves.append(edge)
                self._prints[number] = _print_of(data)
        return number

    def _look_for_change(self, number: int, leaf: Any) -> None:
        """A parameter that an optimizer has changed since it was used last."""
        seen = _print_of(leaf.data)
        if seen != self._prints[number]:
            self._prints[number] = seen
            self._memory.add(leaf.data)
            summary = self._summary(leaf)
            self._health[number] = health(self.summaries[summary])
            self._note("changed", number, summary, self._memory.live)

    def _summary(self, value: Any) -> int:
        self.summaries.append(digest(data_of(value), self.whole))
        return len(self.summaries) - 1

    def _line(self, frame: FrameType | None) -> int:
        if frame is None:
            return -1
        line = Line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
        number = self._lines.setdefault(line, len(self.lines))
        if number == len(self.lines):
            self.lines.append(line)
        return number

    def _rule(self, operation: Any) -> int:
        """The number of what an operation is: by its rule, or by the class of a Function."""
        plan = getattr(operation, "plan", None)
        rule = None if isinstance(operation, Function) and plan is None else operation if plan is None else plan.rule
        key = type(operation) if rule is None else rule
        number = self._rules.setdefault(key, len(self.rules))
        if number == len(self.rules):
            formulas = formulas_of(operation) if rule is not None or hasattr(operation, "wanted") else []
            self.rules.append(
                {
                    "name": operation.operation_name,
                    "inputs": [] if rule is None else list(rule.inputs),
                    "options": [] if rule is None else list(rule.options),
                    "forward": source_of(type(operation).forward if rule is None else rule.forward),
                    "formulas": [{"inputs": list(places), "text": text} for places, text in formulas],
                }
            )
        return number

    def _born(self, number: int, value: int, data: Any, state: int) -> None:
        """Remember the first number that is not finite though all before it were."""
        operation = self.operations[number]
        rule = self.rules[operation["rule"]]
        bad = np.isnan(data) if state == NOT_A_NUMBER else np.isinf(data)
        index = list(first_index(bad))
        names = rule["inputs"] if len(rule["inputs"]) == len(operation["inputs"]) else []
        inputs = [
            {"name": names[i] if names else str(i), "value": each, "text": self._entry(each, index, np.shape(data))}
            for i, each in enumerate(operation["inputs"])
        ]
        kind = "NaN" if state == NOT_A_NUMBER else "Inf"
        self.anomaly = {
            "event": len(self.events) - 1,
            "kind": kind,
            "operation": number,
            "value": value,
            "index": index,
            "inputs": inputs,
        }

    def _entry(self, number: int, index: list[int], shape: tuple[int, ...]) -> str:
        """What stands in a value at an index, as far as the summary tells."""
        value = self.values[number]
        summary = self.summaries[value["summary"]]
        if not isinstance(summary, dict):
            return str(summary)
        if "data" in summary and tuple(value["shape"]) == shape:
            return str(summary["data"][int(np.ravel_multi_index(index, shape))])
        stats = summary.get("stats")
        return f"{stats['min']} … {stats['max']}" if stats else ""

    def _watch(self, thing: Any) -> bool:
        """Forget what is known by the id of ``thing`` when it dies, for another may be given that id."""
        key = id(thing)

        def forget(_: Any) -> None:
            self._watched.pop(key, None)
            self._operations_by_id.pop(key, None)
            self._values_by_key.pop(key, None)
            place = 0
            while self._values_by_key.pop((key, place), None) is not None:
                place += 1

        try:
            self._watched[key] = weakref.ref(thing, forget)
        except TypeError:  # a number
            return False
        return True

    def _dropped(self, number: int) -> None:
        self._note("dropped", number, self._memory.live)

    # When it is over

    def finish(self, names: Mapping[str, Any] | None = None) -> None:
        """Stop: name what the program still holds, and let go of everything."""
        frame = user_frame()
        for name, value in (names or (frame.f_locals if frame is not None else {})).items():
            edge = _edge(value)
            number = self._values_by_key.get(_key(edge)) if edge is not None else None
            if number is not None and not self.values[number]["name"]:
                self.values[number]["name"] = name
        self._watched.clear()
        self._values_by_key.clear()
        self._operations_by_id.clear()
        self._memory.clear()

    def to_json(self) -> dict[str, Any]:
        """All of it as plain lists and dictionaries: the format that the page reads."""
        from wengert import __version__

        return {
            "format": 1,
            "title": self.title,
            "wengert": __version__,
            "note": f"Nothing was written down after {self.limit:,} operations." if self.full else "",
            "lines": [
                {"file": shown(line.file), "line": line.number, "function": line.function, "text": line.text}
                for line in self.lines
            ],
            "layers": self.layers,
            "rules": self.rules,
            "values": self.values,
            "operations": self.operations,
            "passes": self.passes,
            "events": self.events,
            "summaries": self.summaries,
            "anomaly": self.anomaly,
        }

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page: one HTML file, whole or not at all, that needs no network.

        Raises:
            OSError: the file cannot be written.
        """
        text = json.dumps(self.to_json(), separators=(",", ":"), allow_nan=False)
        packed = base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()
        page = files("wengert.visualize").joinpath("trace_page.html").read_text(encoding="utf-8")
        page = page.replace("<title>Wengert trace</title>", f"<title>{html.escape(self.title)} · Wengert trace</title>")
        page = page.replace(_SLOT, _SLOT.replace("></", f">{packed}</"))
        write_atomically(Path(path), page.encode())
        return Path(path)

    def __repr__(self) -> str:
        counts = [(len(self.operations), "operation"), (len(self.passes), "backward pass"), (len(self.events), "event")]
        return "Trace: " + ", ".join(
            f"{count:,} {noun}{'' if count == 1 else 'es' if noun.endswith('s') else 's'}" for count, noun in counts
        )


_SLOT = '<script type="application/octet-stream" id="wengert-trace"></script>'


class _Clock:
    """Time, without that which is spent inside ``with clock:``."""

    def __init__(self) -> None:
        self._left_out = perf_counter_ns()
        self._stopped: int | None = None

    def now(self) -> int:
        """Nanoseconds."""
        return (perf_counter_ns() if self._stopped is None else self._stopped) - self._left_out

    def __enter__(self) -> None:
        self._stopped = perf_counter_ns()

    def __exit__(self, *_: object) -> None:
        assert self._stopped is not None
        self._left_out += perf_counter_ns() - self._stopped
        self._stopped = None


class _Memory:
    """The bytes of all arrays that were met and are alive: views count as what they look into."""

    def __init__(self, dropped: Callable[[int], None]) -> None:
        self.live = 0
        self._dropped = dropped
        self._arrays: dict[int, tuple[Any, int, list[int]]] = {}

    def add(self, array: Any, number: int | None = None) -> None:
        """Meet an array; ``dropped`` is called with ``number`` when its memory is let go."""
        array = owner_of(array)
        key = id(array)
        entry = self._arrays.get(key)
        if entry is None:
            try:
                entry = (weakref.ref(array, lambda _: self._gone(key)), int(array.nbytes), [])
            except (TypeError, AttributeError):  # a number, or a tracer of a compiler
                return
            self._arrays[key] = entry
            self.live += entry[1]
        if number is not None:
            entry[2].append(number)

    def _gone(self, key: int) -> None:
        _, size, numbers = self._arrays.pop(key)
        self.live -= size
        for number in numbers:
            self._dropped(number)

    def clear(self) -> None:
        """Wait for no array any more."""
        self._arrays.clear()


def _key(edge: Any) -> Any:
    """By what the value at an edge is known."""
    if not edge.depth:
        return id(edge)
    function, position = maker_of(edge)
    return id(function), position


def _edge(value: Any) -> Any:
    return value.node if isinstance(value, Recorded) else None


def _print_of(data: Any) -> int:
    """A checksum of an array; 0 for one of a library that has no bytes to show."""
    return zlib.crc32(np.ascontiguousarray(data).data) if isinstance(data, np.ndarray) else id(data)


def _short(option: Any) -> str:
    text = repr(option)
    return text if len(text) <= 60 else f"{text[:57]}..."
