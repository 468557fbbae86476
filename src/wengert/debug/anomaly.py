"""Where a NaN or an infinity was born: the operation, the line that ran it, and the entries that went in.

Every result and every gradient is looked at as it is made, so the first one that is not finite is caught in the act.
"""

import math
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, ref

import numpy as np

from wengert import functions as F
from wengert.backends import namespace_of
from wengert.core.function import Function, maker_of, value_at
from wengert.core.modes import Observer, observing
from wengert.core.recorded import Leaf, Recorded
from wengert.debug.arrays import data_of, first_index
from wengert.debug.lines import line_of
from wengert.debug.sources import formulas_of
from wengert.errors import AnomalyError, describe, laid_out
from wengert.lines import Line, user_line

__all__ = ["detect_anomaly"]


@contextmanager
def detect_anomaly(*, inf: bool = True) -> Iterator[None]:
    """Stop at the first NaN or infinity inside the ``with`` block, forward, backward, or in a derivative of one.

    A NaN that comes of inputs without one is born there, and an infinity that comes of finite inputs: that raises.
    An operation on single entries is judged entry by entry, any other by its inputs as a whole.
    An infinity in a constant, such as a mask full of ``-inf``, is taken as meant: operations pass it on, and when
    it turns into a NaN or into a loss the error tells where it came in.
    A NaN that was there before, and a parameter that is not finite, raise at the first operation whose result shows it.
    Going back, each gradient has to be finite, whatever the forward pass went through.

    What an operation does not let through is no anomaly: ``softmax`` of ``-inf`` is 0.
    The logarithm of 0 is one, also where a ``logsumexp`` would take it: where that is meant, use ``inf=False``.

    Args:
        inf: False looks for NaN alone, and lets infinities be.

    Raises:
        AnomalyError: inside the block, at the first NaN or infinity.

    Example:
        >>> import numpy as np, wengert
        >>> x = wengert.Variable(np.array([4.0, 0.0]), name="x")
        >>> with detect_anomaly(), np.errstate(divide="ignore"):
        ...     np.sqrt(x).sum().backward()
        Traceback (most recent call last):
        wengert.errors.AnomalyError: sqrt: its derivative in x is inf at [1], and the gradient that arrived is finite.
        ...
    """
    with observing(_Anomalies(inf)):
        yield


class _Ran(NamedTuple):
    """What is remembered of a call: where it ran, inside which layers, and in the derivative of which other call."""

    name: str
    line: Line | None
    layers: tuple["ref[Any]", ...]
    within: "_Ran | None"


def _before(function: Any) -> _Ran:
    """A call that ran before the block."""
    return _Ran(function.operation_name, line_of(function), (), None)


class _Operand(NamedTuple):
    name: str
    value: Any  # as it was given
    array: Any  # a NumPy array of floating point


class _Pass:
    """A pass back that is under way: the function it has reached, and the gradient that arrived there."""

    __slots__ = ("function", "gradient")

    def __init__(self) -> None:
        self.function: Any = None
        self.gradient: Any = None


class _Here(threading.local):
    """What goes on in this thread."""

    def __init__(self) -> None:
        self.layers: tuple[ref[Any], ...] = ()
        self.passes: list[_Pass] = []
        self.options: dict[str, Any] = {}


class _Anomalies(Observer):
    def __init__(self, inf: bool) -> None:
        self.inf = inf
        self.here = _Here()
        self.ran: WeakKeyDictionary[Any, _Ran] = WeakKeyDictionary()
        self.sources: dict[int, tuple[ref[Any], str]] = {}  # where the infinities in a call's result come from

    # Forward

    def enter(self, layer: Any, inputs: tuple[Any, ...]) -> None:
        self.here.layers = (*self.here.layers, ref(layer))

    def leave(self, layer: Any, result: Any) -> None:
        self.here.layers = self.here.layers[:-1]

    def begin(self, operation: Any, options: dict[str, Any]) -> None:
        self.here.options = options

    def forward(self, function: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        here = self.here
        options, here.options = here.options, {}
        within = self._around() if here.passes else None
        self.ran[function] = ran = _Ran(function.operation_name, user_line(), here.layers, within)
        for place, out in enumerate(outputs):
            if not _finite(out.data):
                rule = function.plan.rule if function.plan is not None else None
                self._look(ran, rule, _inputs(rule, inputs, options), out, place if len(outputs) > 1 else None)

    def unrecorded(self, name: str, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        here = self.here
        options, here.options = here.options, {}
        if name == "empty_like":  # whatever stood in memory
            return
        for place, out in enumerate(outputs):
            if not _finite(out.data):
                rule = getattr(getattr(F, name, None), "rule", None)
                if rule is not None and not rule.variadic and len(rule.inputs) != len(inputs):  # another of this name
                    rule = None
                ran = _Ran(name, user_line(), here.layers, self._around() if here.passes else None)
                self._look(ran, rule, _inputs(rule, inputs, options), out, place if len(outputs) > 1 else None)

    def _around(self) -> _Ran | None:
        """The call whose derivative is being computed, where an operation runs in one."""
        function = self.here.passes[-1].function
        if function is None or type(function).gradients is not Function.gradients:  # as a checkpoint, which runs again
            return None
        return self.ran.get(function) or _before(function)

    def _look(self, ran: _Ran, rule: Any, operands: list[_Operand], out: Any, place: int | None) -> None:
        """Judge a result that is not finite: raise, or remember where its infinities come from."""
        result = np.asarray(out.data)
        entrywise = rule is not None and rule.module in _ENTRYWISE and _fit([o.array for o in operands], result.shape)
        kinds = (np.isnan, np.isinf) if self.inf else (np.isnan,)
        for kind in kinds:
            born = _born(kind, result, operands, entrywise)
            if born.any():
                raise self._birth(ran, operands, result, first_index(born), place)
            if kind(result).any():
                for operand in operands:
                    if kind(operand.array).any() and (kind is np.isnan or _is_leaf(operand.value)):
                        raise self._met(ran, operands, operand, first_index(kind(operand.array)))
        self._remember(out, self._source(ran, operands))

    def _source(self, ran: _Ran, operands: list[_Operand]) -> str:
        """Where the infinities in a result come from: one of the inputs, or this call."""
        for operand in operands:
            infinite = np.isinf(operand.array)
            if infinite.any():
                known = self.sources.get(id(_stands_for(operand.value)))
                entry = _entry(operand.name, operand.array, first_index(infinite))
                return known[1] if known else f"came into {ran.name} as {entry}, {ran.line}"
        return f"was born in {ran.name}, {ran.line}"

    def _remember(self, out: Any, source: str) -> None:
        value, sources = _stands_for(out), self.sources
        key = id(value)
        sources[key] = ref(value, lambda _: sources.pop(key, None)), source  # type: ignore[func-returns-value]

    def _birth(
        self, ran: _Ran, operands: list[_Operand], result: Any, index: tuple[int, ...], place: int | None
    ) -> AnomalyError:
        value, finite = result[index], all(np.isfinite(operand.array).all() for operand in operands)
        entry = f"out{'' if place is None else f'[{place}]'}{_at(index)}"
        inputs = "its inputs are finite" if finite else f"no input is {'nan' if np.isnan(value) else 'infinite'} there"
        rows = [("ran at", _where(ran.line)), *_rows(operands, index, result.shape)]
        for operand in operands:
            known = self.sources.get(id(_stands_for(operand.value)))
            if known and np.isinf(operand.array).any():
                rows.append((f"inf in {operand.name}", known[1]))
        fix = f"keep the inputs where {ran.name} is finite: by a bound, an epsilon, or a where before it."
        if np.isinf(value):
            fix += "  Where the infinity is meant, detect_anomaly(inf=False)."
        return self._error(f"{entry} is {value}, and {inputs}.", rows, fix, ran, forward=True)

    def _met(self, ran: _Ran, operands: list[_Operand], operand: _Operand, index: tuple[int, ...]) -> AnomalyError:
        entry = _entry(operand.name, operand.array, index)
        rows = [("ran at", _where(ran.line)), *_rows(operands)]
        fix = "look at what made this value: the data that was read, or the step that last wrote the parameter."
        return self._error(f"{entry}: it was there before, and spoils the result.", rows, fix, ran, forward=True)

    # Backward

    def start(self, roots: Sequence[tuple[Any, Any]], create_graph: bool) -> None:
        for edge, gradient in roots:
            array, value = data_of(gradient), value_at(edge)
            if not _finite(array) and self._bad(array).any():
                entry = _entry("gradient", np.asarray(array), first_index(self._bad(array)))
                rows = [("backward", repr(user_line()))]
                fix = "look at what made this gradient."
                raise AnomalyError(laid_out(f"backward: it was given {entry} to start from.", rows, fix))
            if edge.depth and value is not None and not _finite(value.data):
                array = np.asarray(value.data)
                if np.isnan(array).any() or self._bad(array).all():
                    raise self._bad_root(edge, value, array)
        self.here.passes.append(_Pass())

    def _bad_root(self, edge: Any, value: Any, array: Any) -> AnomalyError:
        function = maker_of(edge)[0]
        known = self.sources.get(id(_stands_for(value)))
        rows = [("backward", repr(user_line())), ("it", known[1] if known else "was there before")]
        fix = "keep what is meant to be infinite, such as a mask, out of the loss; or detect_anomaly(inf=False)."
        entry = _entry("out", array, first_index(self._bad(array)))
        ran = self.ran.get(function) or _before(function)
        return self._error(f"{entry}, and backward starts from it.", rows, fix, ran)

    def backward(self, function: Any, gradient: Any) -> None:
        if self.here.passes:
            now = self.here.passes[-1]
            now.function, now.gradient = function, gradient

    def accumulate(self, function: Any, position: int, edge: Any, contribution: Any, total: Any) -> None:
        if not _finite(data_of(total)) and self._bad(data_of(total)).any():
            part, whole = np.asarray(data_of(contribution)), np.asarray(data_of(total))
            raise self._on_the_way_back(function, position, part, whole)

    def deposit(self, leaf: Any, before: Any) -> None:
        array = leaf._grad.data
        if not _finite(array) and self._bad(array).any():
            entry = _entry("grad", np.asarray(array), first_index(self._bad(array)))
            how = f"in its dtype, {array.dtype}" if before is None else "with the gradient that was there before"
            rows = [("leaf", describe(leaf)), ("backward", repr(user_line()))]
            fix = "scale the loss down, or compute in a larger dtype."
            raise AnomalyError(laid_out(f"backward: {entry}, {how}; what arrived is finite.", rows, fix))

    def end(self) -> None:
        if self.here.passes:
            self.here.passes.pop()

    def _bad(self, array: Any) -> Any:
        array = np.asarray(array)
        return ~np.isfinite(array) if self.inf else np.isnan(array)

    def _on_the_way_back(self, function: Any, position: int, contribution: Any, total: Any) -> AnomalyError:
        """What ``function`` sent to an input is not finite, or what it adds up to with what others sent there."""
        number, rule = function.wanted[position], function.plan.rule if function.plan is not None else None
        name, ran = _input_name(rule, number), self.ran.get(function) or _before(function)
        rows = [("ran at", _where(ran.line)), ("backward", repr(user_line()))]
        bad = self._bad(contribution)
        if not bad.any():
            index = first_index(self._bad(total))
            entry = _entry("gradient", total, index)
            rows += _rows([_Operand("this part", contribution, contribution)], index, total.shape)
            fix = "scale the loss down, or compute in a larger dtype."
            return self._error(f"the gradients that meet at its input {name} add up to {entry}.", rows, fix, ran)
        index = first_index(bad)
        every = rule is not None and rule.variadic
        formula = next((text for places, text in formulas_of(function) if every or number in places), "")
        parts = _parts(self.here.passes[-1].gradient)
        arrived = _operands(["gradient"] * len(parts), parts)
        finite = all(np.isfinite(operand.array).all() for operand in arrived)
        rows = [("formula", formula), *rows, *_rows([*arrived, *_kept(function)], index, contribution.shape)]
        place = f" at {_at(index)}" if index else ""
        fact = f"its derivative in {name} is {contribution[index]}{place}, and the gradient that arrived is "
        fact += "finite." if finite else "infinite."
        fix = f"keep {name} where the derivative is finite; with a where, choose before the operation, not after it."
        return self._error(fact, rows, fix, ran)

    def _error(
        self, fact: str, rows: list[tuple[str, str]], fix: str, ran: _Ran, forward: bool = False
    ) -> AnomalyError:
        """The error, with the story of the call: in which derivative it ran, inside which layers."""
        name, layers, around = ran.name, () if forward else ran.layers, ran.within
        if around:
            of, formula = _running(self.here.passes[-1].function) if forward else ("", "")
            name = f"{name}, in the derivative of {around.name}{of}"
            rows = [*rows, ("formula", formula)] if formula else rows
        while around:
            rows, layers = [*rows, (f"{around.name} at", _where(around.line))], around.layers
            if around.within:
                rows[-1] = (rows[-1][0], f"{rows[-1][1]}, in the derivative of {around.within.name}")
            around = around.within
        error = AnomalyError(laid_out(f"{name}: {fact}", rows, fix))
        if layers:  # as a layer says it of errors that pass through it; those that rise inside one hear it from there
            error.add_note(f"in {_path(layers)}")
        return error


# Operations of single entries: a result's entry comes of the inputs' entries that stand at its place.
_ENTRYWISE = ("wengert.functions.arithmetic", "wengert.functions.elementwise")


def _finite(array: Any) -> bool:
    """Whether all entries are finite, or of integers, or not known yet (while a step is traced)."""
    if isinstance(array, np.ndarray | np.generic):
        kind = array.dtype.kind
        if kind == "f":
            if not array.ndim:
                return math.isfinite(array.item())
            flat: Any = array.ravel("K")
            # A sum of squares is finite only where all are, and the fastest to be had.  Where it overflows: look again.
            if math.isfinite(np.vdot(flat, flat)):
                return True
        elif kind != "c":
            return True
        return bool(np.isfinite(array).all())
    xp = namespace_of((array,))
    return not (_floating(array) and xp.surely(~xp.isfinite(array)))


def _floating(value: Any) -> bool:
    """Whether it is a number or an array that can be nan."""
    if isinstance(value, float) or not hasattr(value, "dtype"):
        return isinstance(value, float)
    xp: Any = namespace_of((value,))
    return bool(xp.isdtype(value.dtype, ("real floating", "complex floating")))


def _parts(value: Any) -> Sequence[Any]:
    return value if isinstance(value, tuple | list) else (value,)


def _is_leaf(value: Any) -> bool:
    return isinstance(value, Recorded) and isinstance(value.node, Leaf)


def _stands_for(value: Any) -> Any:
    """What a value is known by, also after it has been assigned into: the call that made it, or itself."""
    edge = value.node if isinstance(value, Recorded) else None
    return maker_of(edge)[0] if edge is not None and edge.depth else value


def _fit(arrays: Sequence[Any], shape: tuple[int, ...]) -> bool:
    """Whether each of these arrays broadcasts to a shape."""
    try:
        return all(np.broadcast_shapes(array.shape, shape) == shape for array in arrays)
    except ValueError:
        return False


def _born(kind: Any, result: Any, operands: Sequence[_Operand], entrywise: bool) -> Any:
    """Which entries of a result are nan (or infinite) of inputs that are not."""
    born = kind(result)
    for operand in operands:
        came = kind(operand.array)
        born = born & ~(came if entrywise else came.any())
    return born


def _operands(names: Sequence[str], values: Sequence[Any]) -> list[_Operand]:
    """Those of the values that are of floating point, with names; what cannot be looked at is left out."""
    found = []
    for name, value in zip(names, values, strict=False):
        try:
            if _floating(data_of(value)):
                found.append(_Operand(name, value, np.asarray(data_of(value))))
        except Exception:  # noqa: BLE001 (no array of a known library, or one that is being traced)
            continue
    return found


def _inputs(rule: Any, inputs: Sequence[Any], options: dict[str, Any]) -> list[_Operand]:
    """What went into a call: inputs, and options such as a value to fill with."""
    names = [_input_name(rule, i) for i in range(len(inputs))]
    return _operands([*names, *options], [*inputs, *options.values()])


def _input_name(rule: Any, number: int) -> str:
    if rule is None:
        return f"input{number}"
    return f"{rule.inputs[0]}[{number}]" if rule.variadic else str(rule.inputs[number])


def _kept(function: Any) -> list[_Operand]:
    """What a call on the tape keeps, by name."""
    if function.kept is None:
        return []
    if function.plan is None:
        parts = [part for each in function.kept for part in _parts(each)]
        return _operands([f"kept{i}" for i in range(len(parts))], parts)
    rule, found = function.plan.rule, []
    for origin, value in zip(function.plan.origins, function.kept, strict=True):
        if origin is not None:
            name = "out" if origin < 0 else rule.inputs[origin]
            several = isinstance(value, tuple)
            found += _operands([f"{name}[{i}]" for i in range(len(value))] if several else [name], _parts(value))
    return found


def _running(function: Any) -> tuple[str, str]:
    """Of the formula that is running now: which derivative of the function it is, and its source."""
    if function.plan is None:
        return "", ""
    rule, frame = function.plan.rule, sys._getframe(1)
    codes = {getattr(formula, "__code__", None): places for places, formula in rule.formulas.items()}
    while frame is not None:
        places = codes.get(frame.f_code)
        if places:
            return f" in {', '.join(rule.inputs[i] for i in places)}", dict(formulas_of(function)).get(places, "")
        frame = frame.f_back  # type: ignore[assignment]
    return "", ""


def _path(layers: Sequence["ref[Any]"]) -> str:
    """The innermost of these layers, as seen from the outermost: ``MLP.layers.1 (Linear)``."""
    living = [layer for layer in (reference() for reference in layers) if layer is not None]
    for inner in reversed(living):
        path = next((path for path, layer in living[0].named_layers() if layer is inner), None)
        if path is not None:
            return type(living[0]).__name__ + (f".{path} ({type(inner).__name__})" if path else "")
    return "a layer that is gone"


# Words


def _where(line: Line | None) -> str:
    return "a line before the block" if line is None else repr(line)


def _at(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]" if index else ""


def _entry(name: str, array: Any, index: tuple[int, ...]) -> str:
    return f"{name}{_at(index)} = {array[index]}"


def _rows(
    operands: Sequence[_Operand], index: tuple[int, ...] | None = None, shape: tuple[int, ...] = ()
) -> list[tuple[str, str]]:
    return [(operand.name, _told(operand, index, shape)) for operand in operands]


def _told(operand: _Operand, index: tuple[int, ...] | None, shape: tuple[int, ...]) -> str:
    """An array in words: the entry at a place of the result, or else its first that is not finite, or its largest."""
    array = operand.array
    if not array.size:
        return describe(operand.value)
    wrong, which = ~np.isfinite(array), ""
    if index is not None and _fit([array], shape):
        here = index[len(shape) - array.ndim :]
        own = tuple(0 if length == 1 else i for i, length in zip(here, array.shape, strict=True))
    elif wrong.any():
        own, which = first_index(wrong), "first "
    else:
        size = abs(array)
        own, which = first_index(size == size.max()), "largest "
    entry = f"{which if array.size > 1 else ''}{_entry(operand.name, array, own)}"
    label = describe(operand.value) if hasattr(operand.value, "shape") else "a number"
    span = f"; from {np.fmin.reduce(array, axis=None)} to {np.fmax.reduce(array, axis=None)}" if array.size > 1 else ""
    return f"{label}: {entry}{span}"
