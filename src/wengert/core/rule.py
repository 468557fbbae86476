"""What an operation is: its forward, its inputs and options by name, and the formulas of its derivative.

Here calls are bound, declarations checked, and failures put in words.  Next: operation.py.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from inspect import Parameter, Signature
from typing import Any, TypeVar

from wengert.core.plan import Plans, asks, shape_of
from wengert.core.real import in_floating_point
from wengert.core.recorded import Recorded
from wengert.errors import DeclarationError, DtypeError, ShapeError, WengertError, message

__all__ = ["Rule", "broadcast_clash"]

F = TypeVar("F", bound=Callable[..., Any])

# What a library raises where shapes do not fit.  No other error is explained by shapes: not an exhausted memory, say.
_OF_SHAPES = (ValueError, IndexError, TypeError, AttributeError)  # the last, of what has no shape
_SHAPES = re.compile(r"shape|ax[ie]s|broadcast|dimension|size|length|align|array split|operand|order", re.IGNORECASE)


class Rule:
    """An operation's own facts: its forward, inputs and options by name, its formulas, and the plans made of them."""

    def __init__(
        self, forward: Callable[..., Any], broadcasts: bool, differentiable: bool, view: bool, real: bool | str
    ) -> None:
        code = forward.__code__
        names = code.co_varnames
        positional = names[: code.co_argcount]
        keyword = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        self.name: str = forward.__name__.lstrip("_")  # what stands behind a function is called as it is
        self.variadic = bool(code.co_flags & 0x04)
        if code.co_flags & 0x08 or not positional or positional[0] != "xp":
            raise DeclarationError(f"{self.name}: an operation takes xp, then its inputs, and no **keywords.")
        slash = code.co_posonlyargcount or len(positional)
        rest = names[code.co_argcount + code.co_kwonlyargcount]  if self.variadic else None
        self.inputs: tuple[str, ...] = (*positional[1:slash], *((rest,) if rest else ()))
        self.options: tuple[str, ...] = (*positional[slash:], *keyword)
        taken = [name for name in ("g", "out", "owned", "xp") if name in self.inputs]
        if taken:
            raise DeclarationError(f"{self.name}: no input can be called {taken[0]}: it means something in formulas.")
        self.placed = positional[slash:]  # options that may also be given by position
        self.module: str = forward.__module__
        self.real = real
        self.forward = self._real(forward, range(1, 1 + len(self.inputs))) if real else forward
        self.broadcasts = broadcasts
        self.differentiable = differentiable
        self.view = view
        self.formulas: dict[tuple[int, ...], Callable[..., Any]] = {}
        self.constants: set[int] = set()
        self.plans = Plans(self)
        self.explanation: Callable[..., tuple[str, str] | None] | None = None
        given = forward.__defaults__ or ()
        self.defaults: dict[str, Any] = dict(zip(positional[len(positional) - len(given) :], given, strict=True))
        self.defaults |= forward.__kwdefaults__ or {}
        self.option_names = frozenset(self.options)
        self.option_defaults = {n: self.defaults[n] for n in self.options if n in self.defaults}
        self.signature = Signature(
            [
                *(_parameter(n, Parameter.POSITIONAL_OR_KEYWORD, self.defaults) for n in positional[1:]),
                *([Parameter(rest, Parameter.VAR_POSITIONAL)] if rest else []),
                *(_parameter(n, Parameter.KEYWORD_ONLY, self.defaults) for n in keyword),
            ]
        )

    @property
    def operation_name(self) -> str:
        """What messages and pictures call it."""
        return self.name

    def derivative(self, *names: str) -> Callable[[F], F]:
        """See `Operation.derivative`."""
        positions = tuple(self._position(name) for name in names)
        if not positions:
            raise DeclarationError(f"{self.name}.derivative: name the input, one of {', '.join(self.inputs)}.")

        def declare(formula: F) -> F:
            allowed = ["xp", "g", "owned", "out", *self.inputs, *(f"{n}_shape" for n in self.inputs), *self.options]
            if len(positions) > 1:
                allowed.append("wanted")
            for name in asks(formula):
                if name not in allowed:
                    raise DeclarationError(
                        f"{self.name}: the derivative in {', '.join(names)} asks for {name!r}; "
                        f"it may ask for {', '.join(allowed)}."
                    )
            self.formulas[positions] = self._real_formula(formula) if self.real else formula
            self.plans.clear()
            return formula

        return declare

    def _real(self, function: Callable[..., Any], places: Iterable[int]) -> Callable[..., Any]:
        return in_floating_point(function, places, self.name, complex=self.real == "or complex")

    def _real_formula(self, formula: Callable[..., Any]) -> Callable[..., Any]:
        names = [name for name in asks(formula) if name != "wanted"]
        arrays = ("g", "out", *self.inputs)
        real: Any = self._real(formula, [place for place, name in enumerate(names) if name in arrays])
        real.asks = " ".join(asks(formula))
        return real

    def constant(self, *names: str) -> None:
        """See `Operation.constant`."""
        for name in names:
            position = self._position(name)
            self.constants.add(position)
            self.formulas[(position,)] = _zero_of(name)
        self.plans.clear()

    def explain(self, explanation: F) -> F:
        """See `Operation.explain`."""
        self.explanation = explanation
        return explanation

    def _position(self, name: str) -> int:
        if name not in self.inputs:
            raise DeclarationError(f"{self.name} has no input {name!r}; its inputs are {', '.join(self.inputs)}.")
        return self.inputs.index(name)

    def bind(self, inputs: tuple[Any, ...], options: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Sort what a call was given into its inputs, in order, and its options, complete."""
        if not self.variadic:
            count = len(self.inputs)
            extra = inputs[count:]
            if len(extra) > len(self.placed):
                raise TypeError(f"{self.name}{self.signature} was given {len(inputs)} positional arguments.")
            for name, value in zip(self.placed, extra, strict=False):
                if name in options:
                    raise TypeError(f"{self.name}{self.signature} was given {name!r} twice.")
                options[name] = value
            inputs = inputs[:count]
            for name in self.inputs[len(inputs) :]:
                if name in options:
                    inputs = (*inputs, options.pop(name))
                elif name in self.defaults:
                    inputs = (*inputs, self.defaults[name])
                else:
                    raise TypeError(f"{self.name}{self.signature} was not given {name!r}.")
        complete = {**self.option_defaults, **options}
        if complete.keys() != self.option_names:
            unknown = [name for name in options if name not in self.options]
            missing = [name for name in self.options if name not in complete]
            fact = f"does not take {unknown[0]!r}" if unknown else f"was not given {missing[0]!r}"
            raise TypeError(f"{self.name}{self.signature} {fact}.")
        for name, value in complete.items():
            if isinstance(value, Recorded):
                raise DtypeError(
                    f"{self.name}: {name} is an option and no gradient flows into it, but it was given a Variable.\n"
                    f"    Fix: pass {name}=variable.data to treat it as a constant."
                )
        return inputs, complete

    def failed(self, error: Exception, inputs: Sequence[Any]) -> Exception:
        """The error to raise when the forward function raised ``error``: with shapes, names and the way out."""
        if isinstance(error, WengertError):
            return error
        names = self.inputs if not self.variadic else [f"{self.inputs[0]}[{i}]" for i in range(len(inputs))]
        operands = list(zip(names, inputs, strict=False))
        if isinstance(error, _OF_SHAPES):
            explained: tuple[str, str] | None = None
            if self.explanation is not None:
                with suppress(Exception):  # the explanation is a kindness, and must not hide the error itself
                    explained = self.explanation(*inputs)
            elif self.broadcasts:
                explained = broadcast_clash([(name, shape_of(value)) for name, value in operands])
            if explained:
                return ShapeError(message(f"{self.name}: {explained[0]}", operands, explained[1]))
            if type(error) is ValueError and _SHAPES.search(str(error)):
                return ShapeError(message(f"{self.name}: {error}", operands))
        error.add_note(message(f"in {self.name}:", operands))
        return error

    def complex_result(self, inputs: Sequence[Any]) -> DtypeError:
        """The error to raise where a result that needs a gradient is complex."""
        names = self.inputs if not self.variadic else [f"{self.inputs[0]}[{i}]" for i in range(len(inputs))]
        fix = "keep real and imaginary parts as two real arrays; complex numbers may be constants only."
        operands = list(zip(names, inputs, strict=False))
        return DtypeError(message(f"{self.name}: complex numbers have no gradient here.", operands, fix))


def _parameter(name: str, kind: Any, defaults: dict[str, Any]) -> Parameter:
    return Parameter(name, kind, default=defaults.get(name, Parameter.empty))


def _zero_of(name: str) -> Callable[..., Any]:
    def zero(xp: Any, x: Any) -> Any:
        return xp.zeros_like(x)

    zero.asks = f"xp {name}"  # type: ignore[attr-defined]
    return zero


def broadcast_clash(shapes: list[tuple[str, Any]]) -> tuple[str, str] | None:
    """What keeps named shapes from broadcasting against each other, and what would help; None where they do."""
    longest = max(len(shape) for _, shape in shapes)
    for axis in range(1, longest + 1):
        sizes = {shape[-axis]: name for name, shape in shapes if len(shape) >= axis and shape[-axis] != 1}
        if len(sizes) > 1:
            (first, _), (second, _) = list(sizes.items())[:2]
            return (
                f"axis -{axis} has {first} entries in one operand and {second} in another.",
                "axes broadcast where they are equal or one of them is 1, counted from the last.",
            )
    return None
