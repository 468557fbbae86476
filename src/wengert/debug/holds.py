"""What the tape keeps alive: behind one value, or in the whole process, and who in the program holds on to it.

The reports are words and numbers only: they keep nothing alive themselves.
"""

import gc
import inspect
import sys
from collections import Counter, deque
from collections.abc import Iterable
from types import CellType, CoroutineType, FrameType, FunctionType, GeneratorType
from typing import Any, NamedTuple, overload

from wengert.core.function import Function, Item, living_functions, maker_of, value_at
from wengert.core.recorded import Recorded
from wengert.debug.arrays import arrays_in, owner_of
from wengert.debug.lines import layer_of, line_of
from wengert.debug.words import in_bytes
from wengert.errors import DtypeError, describe, message
from wengert.lines import Line, shown

__all__ = ["Held", "Kept", "Living", "Root", "functions_behind", "holds"]


class Kept(NamedTuple):
    """An array that the tape keeps, and the first operation found to keep it."""

    bytes: int
    shape: tuple[int, ...]
    dtype: str
    operation: str
    line: Line | None
    layer: str | None


class Root(NamedTuple):
    """A result that nothing recorded uses, and what its graph keeps alive."""

    value: str  # in words: shape, dtype and name
    operation: str  # which made it
    operations: int  # behind it
    depth: int
    bytes: int
    line: Line | None
    held_by: tuple[str, ...]  # such as "losses[3] in train.py:20 in main"; empty where nobody was found


class Held:
    """What the graph behind one value keeps alive.

    Attributes:
        value: The value, in words.
        operations: How many operations stand behind it.
        depth: The longest way down, in operations.
        freed: How many of them keep nothing any more, as backward has passed them.
        bytes: What the others keep, each array once; of a view, all of the array that it is a view of.
        leaf_bytes: How much of that is data of leaves (parameters, inputs), which live without this graph as well.
        arrays: A `Kept` for each array, the largest first.
        by_operation, by_line, by_layer: Bytes by the operation, line or layer that keeps them, the most first.
    """

    def __init__(self, x: Recorded, limit: int) -> None:
        functions = functions_behind([x.node])
        leaves = _leaf_arrays(functions)
        kept = _kept(functions)
        self.value = _in_words(x)
        self.operations = len(functions)
        self.depth = x.node.depth if functions else 0
        self.freed = sum(function.kept is None for function in functions)
        self.bytes = sum(row.bytes for row in kept.values())
        self.leaf_bytes = sum(row.bytes for key, row in kept.items() if key in leaves)
        self.arrays = tuple(sorted(kept.values(), key=lambda row: -row.bytes))
        self.by_operation = _by("operation", self.arrays)
        self.by_line = _by("line", self.arrays)
        self.by_layer = _by("layer", self.arrays)
        self._limit = limit

    def __repr__(self) -> str:
        if not self.operations:
            return f"{self.value}: nothing was recorded for it, so it keeps nothing else alive."
        lines = [
            f"{self.value}: {_count(self.operations, 'operation')}, depth {self.depth}, "
            f"keeping {in_bytes(self.bytes)} in {_count(len(self.arrays), 'array')}"
        ]
        if self.leaf_bytes:
            leaves = in_bytes(self.leaf_bytes)
            lines.append(f"    {leaves} of it is data of leaves, which live without this graph as well")
        if self.freed:
            lines.append(f"    {self.freed} of the operations are freed by backward: only their structure is left")
        for title, table in (("operation", self.by_operation), ("layer", self.by_layer), ("line", self.by_line)):
            if table:
                lines.append(f"by {title}")
                lines += [f"    {in_bytes(size):>10}   {key}" for key, size in list(table.items())[: self._limit]]
        if self.arrays:
            lines.append("largest arrays")
        for row in self.arrays[: self._limit]:
            place = f"   {row.line}" if row.line else ""
            lines.append(f"    {in_bytes(row.bytes):>10}   {row.shape} {row.dtype}   {row.operation}{place}")
        return "\n".join(lines)


class Living:
    """All graphs that are alive in the process.

    Attributes:
        roots: A `Root` for each result that no recorded operation uses, the one that keeps most first.
        operations: How many operations are alive, those of all roots together.
        bytes: What they keep, each array once: less than the sum over the roots, where roots share arrays.
    """

    def __init__(self, limit: int) -> None:
        gc.collect()  # what only waits to be collected is no leak
        functions = living_functions()
        self.operations = len(functions)
        kept = {function: {key: row.bytes for key, row in _kept([function]).items()} for function in functions}
        sizes = {key: size for arrays in kept.values() for key, size in arrays.items()}
        self.bytes = sum(sizes.values())
        used = {id(maker_of(edge)[0]) for function in functions for edge in function.edges if edge.depth}
        tops = [function for function in functions if id(function) not in used]
        counted = []
        for top in tops:
            behind = functions_behind([top])
            keys = set().union(*[kept[function] for function in behind])
            counted.append((sum(sizes[key] for key in keys), len(behind), top))
        counted.sort(key=lambda row: row[:2], reverse=True)
        holders = _Holders()
        holders.own |= {id(functions), id(tops), id(kept), id(counted), *map(id, counted)}
        self.roots = tuple(
            _root(size, count, top, holders if place < limit else None)
            for place, (size, count, top) in enumerate(counted)
        )
        self._limit = limit

    def __repr__(self) -> str:
        if not self.roots:
            return "no graph is alive"
        total = f"{_count(self.operations, 'operation')}, keeping {in_bytes(self.bytes)}"
        lines = [f"{_count(len(self.roots), 'graph')} alive: {total}"]
        for root in self.roots[: self._limit]:
            made = f", made at {root.line}" if root.line else ""
            lines.append(f"    {root.operation}, {root.value}{made}")
            size = f"{_count(root.operations, 'operation')}, depth {root.depth}, keeping {in_bytes(root.bytes)}"
            lines.append(f"        {size}")
            lines += [f"        held by {holder}" for holder in root.held_by or ("nobody that was found",)]
        if len(self.roots) > self._limit:
            lines.append(f"    and {len(self.roots) - self._limit} more: holds(limit=...) shows them")
        if not any(root.line for root in self.roots):
            lines.append("    The lines are known of what ran inside wengert.debug.lines.remembering_lines().")
        return "\n".join(lines)


@overload
def holds(x: None = None, *, limit: int = 10) -> Living: ...
@overload
def holds(x: Any, *, limit: int = 10) -> Held: ...
def holds(x: Any = None, *, limit: int = 10) -> Held | Living:
    """What the graph behind ``x`` keeps alive; without ``x``, all living graphs, and who holds them.

    The second finds what a training loop leaks: ``losses.append(loss)`` and ``total += loss`` keep the graph of every
    step, and are reported by name, with the line of the function they are variables of.
    ``loss.item()`` is what such a line should use.
    It collects garbage first, and looks through the whole process: some hundredths of a second at least.

    Args:
        x: A Variable.
        limit: As many rows are shown, and so many of the largest graphs are looked up holders for.

    Returns:
        A `Held` or a `Living`: reports with attributes, which hold nothing themselves.

    Raises:
        DtypeError: ``x`` is no Variable.

    Example:
        >>> import numpy as np, wengert
        >>> x = wengert.Variable(np.ones(1000))
        >>> y = (x * x).sum()
        >>> report = holds(y)
        >>> report.operations, report.bytes, report.leaf_bytes  # x, which the product keeps
        (2, 8000, 8000)
        >>> kept = [(wengert.Variable(np.ones(3)) * 2.0).sum()]
        >>> any("kept[0]" in holder for root in holds(limit=99).roots for holder in root.held_by)
        True
    """
    if x is None:
        return Living(limit)
    if not isinstance(x, Recorded):
        fix = "give a Variable, or nothing for all living graphs."
        raise DtypeError(message("holds: only a Variable has a graph behind it.", [("x", x)], fix))
    return Held(x, limit)


def functions_behind(edges: Iterable[Any]) -> list[Any]:
    """Every function that these edges lead to, each once."""
    stack = [maker_of(edge)[0] for edge in edges if edge is not None and edge.depth]
    seen = set(stack)
    found = []
    while stack:
        function = stack.pop()
        found.append(function)
        for edge in function.edges:
            if edge.depth:
                below, _ = maker_of(edge)
                if below not in seen:
                    seen.add(below)
                    stack.append(below)
    return found


def _kept(functions: Iterable[Any]) -> dict[int, Kept]:
    """The arrays that these functions keep, by the identity of the one that owns the memory."""
    found: dict[int, Kept] = {}
    for function in functions:
        for array in arrays_in(_holdings(function)):
            owner = owner_of(array)
            if id(owner) not in found:
                facts = (int(owner.nbytes), tuple(array.shape), str(array.dtype))
                found[id(owner)] = Kept(*facts, function.operation_name, line_of(function), layer_of(function))
    return found


def _holdings(function: Any) -> list[Any]:
    """What a function keeps for going back, and whatever else its class lets it hold."""
    slots = [
        slot
        for cls in type(function).__mro__
        if cls is not Function and issubclass(cls, Function)
        for slot in cls.__dict__.get("__slots__", ())
        if slot not in ("chance", "plan")
    ]
    own = [getattr(function, slot, None) for slot in slots]
    return [function.kept, *own, *getattr(function, "__dict__", {}).values()]


def _leaf_arrays(functions: Iterable[Any]) -> set[int]:
    values = [value_at(edge) for function in functions for edge in function.edges if not edge.depth]
    return {id(owner_of(value.data)) for value in values if value is not None}


def _by(attribute: str, rows: Iterable[Kept]) -> dict[Any, int]:
    sizes: Counter[Any] = Counter()
    for row in rows:
        key = getattr(row, attribute)
        if key is not None:
            sizes[key] += row.bytes
    return dict(sizes.most_common())


def _root(size: int, count: int, top: Any, holders: "_Holders | None") -> Root:
    values = [value for value in (result() for result in top.results) if value is not None]
    held_by: list[str] = []
    if holders is not None:
        holders.own.add(id(values))
        for target in values or [top]:
            held_by += holders.of(target)
        holders.own.discard(id(values))
    words = ", ".join(map(_in_words, values)) or "a result that is gone"
    facts = (words, top.operation_name, count, top.depth, size, line_of(top))
    return Root(*facts, tuple(dict.fromkeys(held_by)))


class _Holders:
    """Who holds an object, in the words of the program: names of variables, elements, attributes."""

    def __init__(self) -> None:
        self.own: set[int] = set()  # our own containers, which are not to be reported
        self.locals: dict[int, tuple[str, str]] = {}  # by identity of the value: the name, and where it is one
        self.spaces: dict[int, str] = {}  # by identity of a namespace: whose it is
        self.found: dict[int, list[tuple[str, str]]] = {}  # the names of containers looked up already
        running: list[FrameType | None] = list(sys._current_frames().values())
        while running:  # emptied, for one of these frames is our own
            frame = running.pop()
            if frame is not None:
                running.append(frame.f_back)
                if frame.f_code.co_filename != __file__:
                    self._read(frame)

    def of(self, target: Any) -> list[str]:
        """At most three holders of ``target``."""
        names = dict(reversed(self._names(target, ())))  # of those of one name, the first
        return [f"{name} in {where}" if where else name for name, where in reversed(names.items())][:3]

    def _read(self, frame: FrameType) -> None:
        """Note the variables of a function that is running now: the collector knows nothing of them."""
        if not frame.f_code.co_flags & inspect.CO_OPTIMIZED:
            self.spaces[id(frame.f_locals)] = shown(frame.f_code.co_filename)
            return
        for name, value in _variables(frame):
            self.locals.setdefault(id(value), (name, _place(frame)))

    def _names(self, target: Any, above: tuple[int, ...]) -> list[tuple[str, str]]:
        """The names of an object, each with the place where it is one; ``above`` are those it was reached from."""
        known = self.found.get(id(target))
        if known is not None:
            return known
        names = [self.locals[id(target)]] if id(target) in self.locals else []
        if len(above) < 6:
            holders = gc.get_referrers(target)
            self.own.add(id(holders))
            for holder in holders:
                if id(holder) not in self.own and id(holder) not in above:
                    names += self._through(holder, target, (*above, id(target)))
            self.own.discard(id(holders))
        if above:
            self.found[id(target)] = names
        return names

    def _through(self, holder: Any, target: Any, above: tuple[int, ...]) -> list[tuple[str, str]]:
        """The names of an object by way of one that holds it."""
        kind = type(holder)  # what a proxy pretends to be is not asked
        if issubclass(kind, dict):
            key = next((key for key, value in list(holder.items()) if value is target), None)
            return [] if key is None else self._entry(holder, key, above)
        if issubclass(kind, list | tuple | deque):
            place = next((i for i, value in enumerate(holder) if value is target), None)
            return [] if place is None else self._inside(holder, f"[{place}]", above)
        if issubclass(kind, set | frozenset):
            return self._inside(holder, " (a set)", above)
        if issubclass(kind, Recorded):
            return self._inside(holder, ".grad", above) if holder._grad is target else []
        if issubclass(kind, Item) or issubclass(kind, Function):
            return []  # the tape itself
        if issubclass(kind, CellType):
            return self._captured(holder)
        if issubclass(kind, FrameType):  # of a call that is over: a traceback keeps it
            frame, note = holder, ", kept by a traceback"
        elif issubclass(kind, GeneratorType):
            frame, note = holder.gi_frame, ", a generator"
        elif issubclass(kind, CoroutineType):
            frame, note = holder.cr_frame, ", a coroutine"
        else:
            attribute = _attribute(holder, target)
            return [(f"{kind.__name__}.{attribute}", "")] if attribute else []
        return [(name, _place(frame) + note) for name, value in _variables(frame) if value is target]

    def _entry(self, holder: dict[Any, Any], key: Any, above: tuple[int, ...]) -> list[tuple[str, str]]:
        """The names of an entry of a dictionary: a global variable, an attribute, or an element."""
        if id(holder) in self.spaces:
            return [(str(key), self.spaces[id(holder)])]
        if "__name__" in holder and "__loader__" in holder:  # a module
            return [(str(key), shown(holder.get("__file__") or str(holder["__name__"])))]
        owners = gc.get_referrers(holder)
        for owner in owners:
            if _dictionary(owner) is holder:
                return [(f"{type(owner).__name__}.{key}", "")]
            if issubclass(type(owner), type) and owner.__dict__.get(key) is holder[key]:
                return [(f"{owner.__name__}.{key}", "")]
        return self._inside(holder, f"[{_short(key)}]", above)

    def _inside(self, holder: Any, suffix: str, above: tuple[int, ...]) -> list[tuple[str, str]]:
        """The names of a part of a container: the container's, and which part."""
        return [(name + suffix, where) for name, where in self._names(holder, above)]

    def _captured(self, cell: CellType) -> list[tuple[str, str]]:
        """The names of a variable that functions share: as those that are not running know it."""
        names = []
        for cells in gc.get_referrers(cell):
            for function in gc.get_referrers(cells) if isinstance(cells, tuple) else ():
                if isinstance(function, FunctionType) and function.__closure__ is cells:
                    named = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
                    names += [(free, f"what {function.__qualname__} refers to") for free, each in named if each is cell]
        return names


def _variables(frame: FrameType) -> list[tuple[str, Any]]:
    """The local variables of a function's frame.

    Until Python 3.12 they are read into a copy, which stays with the frame and would keep alive what the function
    drops: it is emptied, unless the program or a debugger holds it too.
    """
    names = frame.f_locals
    variables = list(names.items())
    ours = type(names) is dict and sys.getrefcount(names) == 3 and sys.gettrace() is None
    if ours and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        names.clear()
    return variables


def _place(frame: FrameType) -> str:
    return f"{shown(frame.f_code.co_filename)}:{frame.f_lineno} in {frame.f_code.co_name}"


def _dictionary(thing: Any) -> Any:
    """The attributes of an object that has them in a dictionary."""
    try:
        return object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return None


def _attribute(holder: Any, target: Any) -> str | None:
    """The name of the attribute of ``holder`` that is ``target``."""
    slots = [slot for cls in type(holder).__mro__ for slot in _slots(cls)]
    try:
        own = [(slot, getattr(holder, slot, None)) for slot in slots]
        return next((str(n) for n, value in [*(_dictionary(holder) or {}).items(), *own] if value is target), None)
    except Exception:  # an object with attributes of its own kind is left out
        return None


def _slots(cls: type) -> tuple[str, ...]:
    slots = cls.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _in_words(value: Any) -> str:
    return describe(value) if value.data is not None else "a value without data"


def _short(key: Any) -> str:
    text = repr(key)
    return text if len(text) <= 40 else text[:37] + "..."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
