"""Why a gradient is None, zero, huge or not finite: the paths from the loss to a value, and what happens on each.

What ran on the tape is read off the tape, what ran off it is heard while the loss is computed once more, and the norm
of every contribution is heard on one pass back, which writes no gradient and frees nothing.
The report is words and numbers only: it keeps nothing alive itself.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, WeakSet, ref

import numpy as np

from wengert import random
from wengert.backends import namespace_of
from wengert.backends.saved import Settled
from wengert.core.backward import backpropagate
from wengert.core.function import living_functions, maker_of, result_edge
from wengert.core.modes import Observer, current_config, observing, using_config
from wengert.core.recorded import Recorded
from wengert.debug.arrays import arrays_in, data_of, owner_of
from wengert.debug.holds import functions_behind
from wengert.debug.lines import layer_of, line_of, remembering_lines
from wengert.errors import DtypeError, WengertError, describe, message
from wengert.lines import Line, shown, user_line

__all__ = ["Cut", "Path", "Share", "Step", "Why", "why"]

SMALL, LARGE = 1e-8, 1e3  # what is outside is called small or large: the root of the mean square of the entries
_SHOWN = 10  # rows of each table
_MANY = 10**9  # paths are counted no further


class Step(NamedTuple):
    """One operation on the way back, with the norm of the gradient before and after it (None: not known)."""

    operation: str
    line: Line | None
    layer: str | None
    before: float | None
    after: float | None

    @property
    def factor(self) -> float:
        """What the norm is multiplied by; nan where that is not known."""
        if self.before is None or self.after is None or not self.before:
            return math.nan
        return self.after / self.before


class Cut(NamedTuple):
    """A place where no gradient passes.

    ``reason`` is "no_grad", "no derivative", "integer", "detached", "data" or "new variable" for what left the tape;
    "declared zero", "zeros" or "cancelled" for a gradient that came to nothing on it.
    """

    reason: str
    operation: str
    line: Line | None
    text: str


class Path(NamedTuple):
    """A way from the loss to the value: its operations, the loss's first, and where it is cut (None: it is not)."""

    steps: tuple[Step, ...]
    cut: Cut | None


class Share(NamedTuple):
    """One use of the value: the norm of what it contributes to the gradient, and its share of the sum of norms."""

    operation: str
    input: str
    line: Line | None
    norm: float
    share: float


class Why:
    """The answer, as text and in parts.

    Attributes:
        verdict: "no path", "cut", "constant", "freed", "zero", "small", "ordinary", "large" or "not finite";
            "unknown" where the numbers are not known, as while a compiler traces the program.
        answer: The same in a sentence.
        fix: What to do; "" where nothing needs doing.
        norm: The norm of the gradient; None where there is none.
        number_of_paths: How many paths lead to the value on the tape, counted up to a thousand million.
        paths: At most ten on the tape, as different as can be; then one for each cut where it was left.
        cuts: Every `Cut` behind the loss that concerns the value.
        shares: A `Share` for each use of the value, the largest first.
        way: The `Step` objects of the path along which the gradient is largest, the loss's first.
    """

    def __init__(self, x: Recorded) -> None:
        self.verdict = ""
        self.answer = ""
        self.fix = ""
        self.notes: list[str] = []
        self.norm: float | None = None
        self.number_of_paths = 0
        self.paths: tuple[Path, ...] = ()
        self.cuts: tuple[Cut, ...] = ()
        self.shares: tuple[Share, ...] = ()
        self.way: tuple[Step, ...] = ()
        self._name = x.name or "x"
        self._value = describe(x)

    @property
    def cancellation(self) -> float | None:
        """The norm of the gradient over the sum of the norms of its contributions: near 0 where they cancel."""
        total = sum(share.norm for share in self.shares)
        return None if self.norm is None or not total or not math.isfinite(total) else self.norm / total

    def __repr__(self) -> str:
        lines = [self.answer, f"    {self._name}   {self._value}", *(f"    {note}" for note in self.notes)]
        lines += self._told_paths()
        off = {path.cut for path in self.paths}
        others = [cut for cut in self.cuts if cut not in off]
        if others:
            lines.append("elsewhere no gradient passes")
            lines += _at_most([f"    {_told_cut(cut)}" for cut in others])
        if len(self.shares) > 1 or self.verdict == "large":
            lines.append(f"uses of {self._name}, by their share of the gradient")
            lines += _at_most([_told_share(share) for share in self.shares])
            if self.cancellation is not None and self.cancellation < 0.1:
                lines.append(f"    they cancel: together they have {self.cancellation:.1e} of their norms' sum")
        if self.verdict in ("small", "large", "ordinary", "zero") and self.way:
            lines += self._told_way()
        if self.paths and not any(step.line for path in self.paths for step in path.steps):
            lines.append("    The lines are known of what ran inside wengert.debug.lines.remembering_lines().")
        if self.fix:
            lines.append(f"    Fix: {self.fix}")
        return "\n".join(lines)

    def _told_paths(self) -> list[str]:
        if not self.paths:
            return []
        number = f"more than {_MANY:,}" if self.number_of_paths >= _MANY else f"{self.number_of_paths:,}"
        on_tape = sum(path.cut is None or path.cut.reason in _ON_TAPE for path in self.paths)
        more = f", {on_tape} of them shown" if on_tape < self.number_of_paths else ""
        lines = [f"paths on the tape from the loss to {self._name}: {number}{more}"]
        rows: Counter[str] = Counter()
        for path in self.paths:
            steps = [f"{step.operation}{_short_place(step.line)}" for step in path.steps]
            if len(steps) > 8:
                steps = [*steps[:4], f"{len(steps) - 8} more", *steps[-4:]]
            off = path.cut is not None and path.cut.reason not in _ON_TAPE
            row = "    " + " <- ".join([*(steps or ["loss"]), "(off the tape)" if off else self._name])
            rows[row + (f"\n        cut: {_told_cut(path.cut)}" if path.cut else "")] += 1
        for row, count in rows.items():
            first, *rest = row.split("\n")
            lines += [f"{first}   ({count} alike)" if count > 1 else first, *rest]
        return lines

    def _told_way(self) -> list[str]:
        first, last = self.way[0].before, self.way[-1].after
        if first is None or last is None:
            return []
        lines = [f"norm along the largest way back ({len(self.way)} long): {first:.2g} -> {last:.2g}"]
        small = self.verdict in ("small", "zero")
        rated = [step for step in self.way if not math.isnan(step.factor)]
        lines.append(f"    steps that {'shrink' if small else 'grow'} it most")
        for step in sorted(rated, key=lambda step: step.factor, reverse=not small)[:3]:
            place = f"   {step.line}" if step.line else f"   {step.layer}" if step.layer else ""
            lines.append(f"    {step.factor:>10.2g} times   {step.operation}{place}")
        layers = _by_layer(rated)
        if len(layers) > 1:
            lines.append("    by layer")
            lines += _at_most([f"    {factor:>10.2g} times   {layer}" for layer, factor in layers])
        return lines


_ON_TAPE = ("declared zero", "zeros", "cancelled")
_DETACHED = "as a constant: by detach(), stop_gradient() or .data"
_FIXES = {
    "no_grad": "compute it outside no_grad().",
    "no derivative": "use an operation that has a derivative.",
    "integer": "what is chosen or counted has no slope: let the gradient flow through values instead.",
    "detached": "use the value itself, without detach(), stop_gradient() or .data.",
    "data": "use the Variable itself instead of its .data.",
    "new variable": "use the Variable itself instead of making another of its data.",
    "declared zero": "its derivative is zero everywhere: let the gradient flow through another input or operation.",
    "zeros": "what went in lies where the operation is flat, or is multiplied by zero: look at those values.",
}


def why(x: Any, of: Any = None) -> Why:
    """Why the gradient of ``x`` is what it is: None, zero, vanishing, exploding, or just ordinary.

    Args:
        x: A Variable: a leaf such as a parameter, or something computed.
        of: The loss, whose graph is still alive; or, better, a function of no arguments that computes it.
            The function is run once (buffers of layers move as they do in any run, the generator of random numbers is
            put back), so that what ran off the tape is known as well, and lines.
            Where it is left out, the living graphs that ``x`` is part of are looked for.

    Returns:
        A `Why`: its text is the report, its attributes are the parts.
        Of a value that is no scalar the gradient of its sum is explained.
        "Small" and "large" are a root mean square of the entries below 1e-8, and above 1e3.

    Raises:
        DtypeError: ``x`` or the loss is no Variable.

    What leaves Wengert is followed as far as its data can be recognised: ``x.data`` and views of it, but not what plain
    NumPy computes from them.

    Example:
        >>> import numpy as np, wengert
        >>> from wengert import functions as F
        >>> x = wengert.Variable(np.array([-1.0, -2.0]))
        >>> report = why(x, lambda: F.sum(F.relu(x)))
        >>> report.verdict, report.cuts[0].operation
        ('zero', 'relu')
        >>> why(x, lambda: F.sum(x.detach() * wengert.Variable(np.ones(2)))).cuts[0].reason
        'detached'
    """
    if not isinstance(x, Recorded):
        raise DtypeError(message("why: x must be a Variable.", [("x", x)], "give the Variable whose grad puzzles you."))
    answer = Why(x)
    if x.node is None:
        _constant(answer, x)
        return answer
    if of is None:
        roots = _living_roots(x)
        if not roots:
            _explain_nothing_found(answer, x)
            return answer
        names = ", ".join(describe(root) for root in roots[:3])
        answer.notes.append(f"from {len(roots)} living result{'s' if len(roots) > 1 else ''}: {names}")
        _Explanation(answer, x, roots, None).run()
        return answer
    watch = None
    if not isinstance(of, Recorded) and callable(of):
        watch = _Watch(x)
        of = _run(of, watch)
        answer._value = describe(x)  # the run may have given an unsized parameter its shape
    if not isinstance(of, Recorded):
        fix = "return the loss as the Variable it is: item(), float() and .data take it off the tape."
        raise DtypeError(message("why: the loss must be a Variable.", [("of", of)], fix))
    _Explanation(answer, x, [of], watch).run()
    return answer


def _run(of: Callable[[], Any], watch: "_Watch") -> Any:
    state = random.get_state()
    try:
        with remembering_lines(), observing(watch):
            return of()
    finally:
        random.set_state(state)


def _constant(answer: Why, x: Recorded) -> None:
    answer.verdict = "constant"
    kind = x.data.dtype.kind
    if kind in "biu":
        because = f"its dtype is {x.data.dtype}, and only floating-point values have gradients"
        answer.fix = "make it of floating-point data."
    elif kind == "c":
        because, answer.fix = "complex values have no gradient here", "keep real and imaginary parts as two arrays."
    else:
        because = "it is frozen, detached, or was computed off the tape (from constants or under no_grad())"
        answer.fix = "set requires_grad = True on a leaf; go back to where a computed value left the tape."
    answer.answer = f"{answer._name}.grad is None: {answer._name} is a constant; {because}."


def _explain_nothing_found(answer: Why, x: Recorded) -> None:
    answer.verdict = "no path"
    answer.answer = f"{answer._name} is part of no living graph: nothing that is still held was computed from it."
    answer.fix = f"say how the loss is computed: wengert.why({answer._name}, lambda: ...)."
    if x._grad is not None:
        answer.notes.append(f"{answer._name}.grad is there, of norm {_told(_measure(x._grad.data))}")


def _living_roots(x: Recorded) -> list[Any]:
    """The results that nothing recorded uses and that were computed from ``x``; those not freed, if there are any."""
    functions = living_functions()
    above = _users(functions)
    stack = [function for function, _ in above.get(x.node, ())]
    seen = set(stack)
    tops = []
    while stack:
        function = stack.pop()
        users = [user for edge in _edges_of(function) for user, _ in above.get(edge, ())]
        if not users:
            tops.append(function)
        for user in users:
            if user not in seen:
                seen.add(user)
                stack.append(user)
    alive = [top for top in tops if all(f.kept is not None for f in functions_behind([top]) if f in seen)]
    results = [result() for top in alive or tops for result in top.results]
    return [result for result in results if result is not None and result.node is not None]


def _edges_of(function: Any) -> list[Any]:
    """The edges that stand for the results of a function."""
    return [result_edge(function, position) for position in range(len(function.results))]


def _users(functions: Iterable[Any]) -> dict[Any, list[tuple[Any, int]]]:
    """Who uses an edge: functions, and which of their own edges it is."""
    above: dict[Any, list[tuple[Any, int]]] = {}
    for function in functions:
        for position, edge in enumerate(function.edges):
            above.setdefault(edge, []).append((function, position))
    return above


class _Size(NamedTuple):
    norm: float
    entries: int


def _measure(gradient: Any) -> _Size | None:
    """The norm of a gradient (of all parts of one for several results); None where the numbers are not known."""
    parts = gradient if isinstance(gradient, tuple | list) else (gradient,)
    norms, entries = [0.0], 0
    for part in parts:
        if part is None:
            continue
        try:
            values = np.asarray(data_of(part)).astype(np.float64)
        except Exception:  # a tracer of a compiler has no numbers
            return None
        largest = float(np.max(np.abs(values), initial=0.0))
        entries += values.size
        if largest and math.isfinite(largest):
            scaled = values.reshape(-1) / largest  # squares neither overflow nor vanish
            norms.append(largest * math.sqrt(float(scaled @ scaled)))
        else:
            norms.append(largest)
    return _Size(math.nan if any(map(math.isnan, norms)) else math.hypot(*norms), entries)


class _Watch(Observer):
    """Follows what is computed from ``x`` off the tape, while the loss is computed; everything is held weakly."""

    def __init__(self, x: Recorded) -> None:
        self.node = x.node
        self.recorded: WeakSet[Any] = WeakSet()  # functions that lead to x
        self.values: dict[int, tuple[Any, Cut]] = {}  # Variables off the tape that were computed from x
        self.memory: dict[int, list[tuple[Any, Cut | None]]] = {}  # their arrays, and those of x on the tape
        self.options: dict[str, Any] = {}  # of the operation that is running: an index may be made of x
        self.uses: WeakKeyDictionary[Any, list[Cut]] = WeakKeyDictionary()  # what functions got of them as constants
        self.note(x.data, None)

    def begin(self, operation: Any, options: dict[str, Any]) -> None:
        self.options = options

    def forward(self, function: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        if any(self._leads_to_x(edge) for edge in function.edges):
            self.recorded.add(function)
            for output in outputs:
                self.note(output.data, None)
        cuts = [self.left(value, function.operation_name) for value in self._given(inputs)]
        found = [cut for cut in cuts if cut is not None]
        if found:
            self.uses[function] = found

    def unrecorded(self, name: str, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        for value in self._given(inputs):
            if isinstance(value, Recorded) and value.node is not None and self._leads_to_x(value.node):
                cut: Cut | None = self._left_by(name, outputs)
            else:
                cut = self.left(value, name)
            if cut is not None:
                for output in outputs:
                    self.values[id(output)] = ref(output), cut
                    self.note(output.data, cut)
                return

    def left(self, value: Any, operation: str) -> Cut | None:
        """Where a value that ``operation`` uses as a constant, or as a leaf, left the tape; None: not from ``x``."""
        if not isinstance(value, Recorded):
            reason, array, words = "data", value, "as an array, its .data"
        elif value.node is None:
            known = self.values.get(id(value))
            if known is not None and known[0]() is value:
                return known[1]
            reason, array, words = "detached", value.data, _DETACHED
        elif value.node.depth or value.node is self.node:
            return None
        else:
            reason, array, words = "new variable", value.data, "as a new Variable made of its data, which is a leaf"
        for known_array, cut in reversed(self.memory.get(id(owner_of(array)), [])):
            if _same_memory(known_array(), array):
                line = user_line()
                return cut or Cut(reason, operation, line, f"{operation}{_at(line)} got it {words}")
        return None

    def note(self, array: Any, cut: Cut | None) -> None:
        """Remember whose data an array is."""
        try:
            self.memory.setdefault(id(owner_of(array)), []).append((ref(array), cut))
        except TypeError:  # some library's arrays know no weak references
            return

    def _given(self, inputs: tuple[Any, ...]) -> list[Any]:
        """The inputs of an operation, and the arrays among its options."""
        options, self.options = self.options, {}
        return [*inputs, *arrays_in(options)]

    def _leads_to_x(self, edge: Any) -> bool:
        return edge == self.node or (edge.depth > 0 and maker_of(edge)[0] in self.recorded)

    def _left_by(self, name: str, outputs: tuple[Any, ...]) -> Cut:
        line = user_line()
        place = f"{name}{_at(line)}"
        if not current_config().enable_backprop:
            return Cut("no_grad", name, line, f"{place} ran under no_grad()")
        kinds = {output.data.dtype.kind for output in outputs}
        if kinds <= set("biu"):
            return Cut("integer", name, line, f"{place} gives {outputs[0].data.dtype}, which has no gradient")
        return Cut("no derivative", name, line, f"{place} has no derivative")


def _same_memory(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.may_share_memory(one, other) and one.size > 0
    return one is not None and one is other


class _Back(Observer):
    """Measures every gradient of one pass back; what a checkpoint does inside is not part of it."""

    def __init__(self) -> None:
        self.nesting = 0
        self.arrived: dict[Any, _Size | None] = {}
        self.sent: dict[tuple[Any, int], _Size | None] = {}

    def start(self, roots: Sequence[tuple[Any, Any]], create_graph: bool) -> None:
        self.nesting += 1

    def backward(self, function: Any, gradient: Any) -> None:
        if self.nesting == 1:
            self.arrived[function] = _measure(gradient)

    def accumulate(self, function: Any, position: int, edge: Any, contribution: Any, total: Any) -> None:
        if self.nesting == 1:
            self.sent[function, position] = _measure(contribution)

    def end(self) -> None:
        self.nesting -= 1


class _Explanation:
    """The work on one answer: what is behind the roots, what left the tape there, and what one pass back shows."""

    def __init__(self, answer: Why, x: Recorded, roots: list[Any], watch: _Watch | None) -> None:
        self.answer, self.x, self.roots, self.watch = answer, x, roots, watch
        self.name = f"{answer._name}.grad"
        self.behind = sorted(functions_behind([root.node for root in roots]), key=lambda function: function.depth)
        self.users = _users(self.behind)
        self.counts: dict[Any, int] = {}  # of the functions that lead to x: by how many paths
        for function in self.behind:
            count = sum(
                1 if edge == x.node else self.counts.get(maker_of(edge)[0], 0) if edge.depth else 0
                for edge in function.edges
            )
            if count:
                self.counts[function] = min(count, _MANY)
        self.back = _Back()
        self.zeros: dict[tuple[Any, int], Cut] = {}

    def run(self) -> None:
        answer, node = self.answer, self.x.node
        tops = [maker_of(root.node)[0] for root in self.roots if root.node is not None and root.node.depth]
        itself = any(root.node == node for root in self.roots)
        answer.number_of_paths = min(sum(self.counts.get(top, 0) for top in tops) + itself, _MANY)
        off = self._off_tape()
        answer.cuts = tuple(dict.fromkeys(cut for _, cut in off))
        if answer.number_of_paths:
            self._explain_gradient()
        elif answer.cuts:
            answer.verdict = "cut"
            more = f", and {len(answer.cuts) - 1} more" if len(answer.cuts) > 1 else ""
            answer.answer = f"{self.name} is None: every path from the loss is cut: {answer.cuts[0].text}{more}."
            answer.fix = _FIXES[answer.cuts[0].reason]
        else:
            self._explain_no_path()
        answer.paths = (*self._paths(), *self._paths_off(off))

    def _explain_no_path(self) -> None:
        answer = self.answer
        answer.verdict = "no path"
        answer.answer = f"{self.name} is None: no path leads from the loss to {answer._name}."
        if all(root.node is None for root in self.roots):
            answer.notes.append("the loss is a constant: nothing was recorded for it")
        if self.watch is None:
            answer.fix = (
                f"give a function, wengert.why({answer._name}, lambda: ...), which tells what ran off the tape."
            )
        else:
            answer.fix = (
                f"use {answer._name} in what computes the loss; what plain NumPy makes of .data, and what item() and "
                "float() give, is off the tape and not seen here."
            )

    def _explain_gradient(self) -> None:
        answer, node = self.answer, self.x.node
        freed = [function for function in self.counts if function.kept is None]
        if freed:
            answer.verdict = "freed"
            answer.answer = f"{self.name} cannot be told any more: backward has freed what this graph kept."
            answer.fix = (
                "call backward(retain_graph=True), and why before the next step; or give the function that computes "
                f"the loss, without going back: wengert.why({answer._name}, lambda: ...)."
            )
            if self.x._grad is not None:
                answer.notes.append(f"{self.name} is there, of norm {_told(_measure(self.x._grad.data))}")
            return
        seeds = [(root.node, namespace_of((root.data,)).ones_like(root.data)) for root in self.roots]
        seeds = [(edge, g) for edge, g in seeds if edge is not None and edge.depth or edge == node]
        try:
            with using_config("observer", self.back), np.errstate(all="ignore"):
                gradient = backpropagate(seeds, retain_graph=True, targets=[node])[node]
        except WengertError as error:
            answer.verdict = "cut"
            answer.answer = f"{self.name} cannot be computed: {str(error).splitlines()[0]}"
            answer.fix = "go around that operation, or declare its derivative."
            return
        size = _measure(gradient)
        answer.norm = None if size is None else size.norm
        self.zeros = self._zeros()
        answer.cuts = tuple(dict.fromkeys((*answer.cuts, *self.zeros.values())))
        self._set_shares()
        answer.way = tuple(self._step(*use) for use in self._largest_way())
        self._judge(gradient, size)
        self._say_where_it_is()

    def _judge(self, gradient: Any, size: _Size | None) -> None:
        """The verdict on a gradient that is there."""
        answer = self.answer
        if size is None:
            answer.verdict = "unknown"
            answer.answer = f"{self.name} is not known: there are no numbers while the program is compiled."
            answer.fix = "ask outside jit."
            return
        norm, mean = size.norm, size.norm / math.sqrt(size.entries or 1)
        told = f"norm {_told(size)}"
        if not math.isfinite(norm):
            answer.verdict = "not finite"
            answer.answer = f"{self.name} is not finite{self._first_not_finite()}."
            answer.fix = "run the step inside wengert.detect_anomaly(), which stops at the first such number."
        elif not norm:
            answer.verdict = "zero"
            answer.answer = f"{self.name} is zero: {self._reason_for_zero(size)}."
        elif not _measure_in(gradient, self.x.data.dtype):
            answer.verdict = "zero"
            answer.answer = f"{self.name} is zero: {told} is too small for its dtype, {self.x.data.dtype}."
            answer.fix = "scale the loss up, or compute in a larger dtype."
        elif mean < SMALL:
            answer.verdict = "small"
            answer.answer = f"{self.name} is small ({told}){self._strongest(smallest=True)}."
            answer.fix = (
                "strengthen the steps that shrink it: other start values, activations, normalization, shortcuts."
            )
        elif mean > LARGE:
            answer.verdict = "large"
            answer.answer = f"{self.name} is large ({told}){self._strongest(smallest=False)}."
            answer.fix = "weaken the steps that grow it, take the mean where a sum is taken, or clip gradients."
        else:
            answer.verdict = "ordinary"
            answer.answer = f"{self.name} is ordinary ({told})."

    def _say_where_it_is(self) -> None:
        """A gradient that exists and is not in ``x.grad``."""
        if self.x._grad is None and self.x.node.depth:
            self.answer.notes.append(
                f"{self.name} is None all the same: {self.answer._name} was computed, and backward leaves gradients at "
                "leaves only, unless it is called with retain_grad=True"
            )
        elif self.x._grad is None:
            self.answer.notes.append(f"{self.name} is None so far: backward has not passed since it was cleared")

    def _reason_for_zero(self, size: _Size) -> str:
        if not size.entries:
            return "it has no entries"
        reasons = [cut for cut in self.answer.cuts if cut.reason in _ON_TAPE]
        if not reasons and not any(share.norm for share in self.answer.shares):
            return "what is used of it is empty"
        if not reasons:
            return f"the {len(self.answer.shares)} uses of {self.answer._name} cancel"
        self.answer.fix = _FIXES.get(reasons[0].reason, "")
        more = f", and {len(reasons) - 1} more like it" if len(reasons) > 1 else ""
        return reasons[0].text + more

    def _strongest(self, smallest: bool) -> str:
        """The step that shrinks, or grows, the gradient most."""
        rated = [step for step in self.answer.way if not math.isnan(step.factor)]
        if not rated:
            return ""
        step = (min if smallest else max)(rated, key=lambda step: step.factor)
        most = f"{step.operation}{_at(step.line)} multiplies it by {step.factor:.2g}"
        return f": {most}, the {'least' if smallest else 'most'} of the {len(rated)} on its way"

    def _first_not_finite(self) -> str:
        for (function, position), sent in self.back.sent.items():
            arrived = self.back.arrived[function]
            if sent and arrived and math.isfinite(arrived.norm) and not math.isfinite(sent.norm):
                where = f"its derivative in {_input_name(function, position)}"
                return f": {function.operation_name}{_at(line_of(function))} is the first to give such numbers, {where}"
        return ""

    def _zeros(self) -> dict[tuple[Any, int], Cut]:
        """Where a gradient that is not zero comes to nothing, by function and position (-1: where several meet)."""
        found = {}
        for function, arrived in self.back.arrived.items():
            for position in range(len(function.edges)):
                sent = self.back.sent.get((function, position))
                if arrived and arrived.norm and sent and sent.entries and not sent.norm:
                    found[function, position] = _zero(function, position, sent.entries, arrived.norm)
            into = [self.back.sent.get(use) for edge in _edges_of(function) for use in self.users.get(edge, ())]
            if arrived and not arrived.norm and any(size and size.norm for size in into):
                line = line_of(function)
                text = f"the gradients that meet at the result of {function.operation_name}{_at(line)} cancel"
                found[function, -1] = Cut("cancelled", function.operation_name, line, text)
        return found

    def _set_shares(self) -> None:
        uses = self.users.get(self.x.node, [])
        norms = [size.norm if (size := self.back.sent.get(use)) else math.nan for use in uses]
        total = sum(norms)
        rows = [
            Share(f.operation_name, _input_name(f, place), line_of(f), norm, norm / total if total else 0.0)
            for (f, place), norm in zip(uses, norms, strict=True)
        ]
        self.answer.shares = tuple(sorted(rows, key=lambda row: _rank(row.norm), reverse=True))

    def _largest_way(self) -> list[tuple[Any, int]]:
        """From the loss to x, where the gradient is largest at each step from x on."""
        way, edges = [], [self.x.node]
        while uses := [use for edge in edges for use in self.users.get(edge, ())]:
            use = max(uses, key=lambda use: _rank(size.norm if (size := self.back.sent.get(use)) else -1.0))
            way.append(use)
            edges = _edges_of(use[0])
        return way[::-1]

    def _step(self, function: Any, position: int) -> Step:
        before, after = self.back.arrived.get(function), self.back.sent.get((function, position))
        norms = (before.norm if before else None, after.norm if after else None)
        return Step(function.operation_name, line_of(function), layer_of(function), *norms)

    def _off_tape(self) -> list[tuple[Any, Cut]]:
        """What the functions behind the roots got from x as a constant; None stands for the loss itself."""
        watch = self.watch
        if watch is not None:
            found = [(function, cut) for function in self.behind for cut in watch.uses.get(function, ())]
            for root in self.roots:
                cut = watch.left(root, "the loss")
                if cut is not None:
                    found.append((None, cut))
            return found
        watch = _Watch(self.x)  # without a run: by the memory of what is kept
        for function in self.counts:
            for result in function.results:
                value = result()
                if value is not None:
                    watch.note(value.data, None)
        found = []
        for function in self.behind:
            name, line = function.operation_name, line_of(function)
            for array in _kept_constants(function):
                if watch.left(array, name):
                    found.append((function, Cut("detached", name, line, f"{name}{_at(line)} got it {_DETACHED}")))
        return found

    def _paths(self) -> list[Path]:
        """On the tape, taking the uses of x in turn, so that the paths differ where they begin."""
        ways = [self._upwards([use]) for use in self.users.get(self.x.node, [])[:_SHOWN]]
        found: list[Path] = []
        while ways and len(found) < _SHOWN:
            for way in list(ways):
                uses = next(way, None)
                if uses is None:
                    ways.remove(way)
                elif len(found) < _SHOWN:
                    cuts = [self.zeros[key] for f, place in uses for key in ((f, -1), (f, place)) if key in self.zeros]
                    found.append(Path(tuple(self._step(*use) for use in uses), cuts[0] if cuts else None))
        return found

    def _paths_off(self, off: list[tuple[Any, Cut]]) -> list[Path]:
        found = []
        for cut, function in list({cut: function for function, cut in off}.items())[:_SHOWN]:
            way = next(self._upwards([(function, -1)]), ()) if function is not None else ()
            found.append(Path(tuple(self._step(*use) for use in way), cut))
        return found

    def _upwards(self, uses: list[tuple[Any, int]]) -> Iterator[tuple[tuple[Any, int], ...]]:
        """Every path from these uses up to a root, the root's first."""
        stack = [iter(uses)]
        path: list[tuple[Any, int]] = []
        while stack:
            use = next(stack[-1], None)
            if use is None:
                stack.pop()
                if path:
                    path.pop()
                continue
            path.append(use)
            above = [user for edge in _edges_of(use[0]) for user in self.users.get(edge, ())]
            if above:
                stack.append(iter(above))
            else:
                yield tuple(reversed(path))
                path.pop()


def _zero(function: Any, position: int, entries: int, arrived: float) -> Cut:
    name, line = function.operation_name, line_of(function)
    number, rule = function.wanted[position], function.plan.rule if function.plan is not None else None
    if rule is not None and number in rule.constants:
        text = f"{name}{_at(line)} is declared to have the derivative zero in {_input_name(function, position)}"
        return Cut("declared zero", name, line, text)
    every = f"all {entries} entries" if entries > 1 else "the only entry"
    tiny = f"; what arrived had the norm {arrived:.2g}" if arrived < 1e-30 else ""
    text = f"{name}{_at(line)} gave zero for {every} of {_input_name(function, position)}{tiny}"
    return Cut("zeros", name, line, text)


def _kept_constants(function: Any) -> Iterator[Any]:
    """The inputs of a function that it keeps as constants."""
    wanted = function.wanted
    if function.kept is None:
        return
    if isinstance(function.kept, Settled):  # of arrays of NumPy's own copies are kept
        yield from function.kept.originals()
    if function.plan is None:
        first = function.kept[0] if function.kept else ()
        if isinstance(first, tuple):
            yield from (array for i, array in enumerate(first) if i not in wanted)
        return
    for origin, value in zip(function.plan.origins, function.kept, strict=True):
        if function.plan.rule.variadic and origin == 0 and isinstance(value, tuple):
            yield from (array for i, array in enumerate(value) if i not in wanted)
        elif origin is not None and origin >= 0 and origin not in wanted:
            yield value


def _input_name(function: Any, position: int) -> str:
    number = function.wanted[position]
    if function.plan is None:
        return f"input {number}"
    inputs = function.plan.rule.inputs
    return f"{inputs[0]}[{number}]" if function.plan.rule.variadic else str(inputs[number])


def _measure_in(gradient: Any, dtype: Any) -> bool:
    """Whether anything but zero is left of a gradient in the dtype of its leaf."""
    with np.errstate(all="ignore"):
        return bool(np.any(np.asarray(gradient).astype(dtype)))


def _rank(norm: float) -> float:
    return math.inf if math.isnan(norm) else norm


def _by_layer(way: list[Step]) -> list[tuple[str, float]]:
    """The factor of each layer on the way: of neighbouring steps in the same layer, from the first to the last."""
    found: list[tuple[str, float]] = []
    for step in way:
        if step.layer is not None and found and found[-1][0] == step.layer:
            found[-1] = (step.layer, found[-1][1] * step.factor)
        elif step.layer is not None:
            found.append((step.layer, step.factor))
    return found


def _told_share(share: Share) -> str:
    place = f"   {share.line}" if share.line else ""
    return f"    {share.share:>6.1%}   norm {share.norm:.2g}   {share.operation}, as {share.input}{place}"


def _told(size: _Size | None) -> str:
    return "not known" if size is None else f"{size.norm:.2g}"


def _at(line: Line | None) -> str:
    return f" at {shown(line.file)}:{line.number}" if line else ""


def _short_place(line: Line | None) -> str:
    return f" {PurePath(line.file).name}:{line.number}" if line else ""


def _told_cut(cut: Cut) -> str:
    return cut.text + (f"   | {cut.line.text}" if cut.line and cut.line.text else "")


def _at_most(rows: list[str]) -> list[str]:
    more = len(rows) - _SHOWN
    return rows if more <= 0 else [*rows[:_SHOWN], f"    and {more} more"]
