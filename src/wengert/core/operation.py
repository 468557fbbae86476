"""How an operation is declared, and what happens when it is called.

An operation is two functions of an array namespace ``xp``: its forward, and one formula of its derivative per input.
A formula names what it needs (``xp``, ``g`` the gradient that arrives, ``out``, an input, ``<input>_shape``,
an option), and only that is kept.  Inputs may be recorded; options, which follow a ``/`` or a ``*``, never are.
Next: backward.py.
"""

from collections.abc import Callable, Sequence
from functools import partial
from inspect import Parameter, Signature
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload
from weakref import ref

from wengert.backends import namespace_of, namespaces
from wengert.core.function import Function, kept_variable, record, result_edge
from wengert.core.modes import current_config
from wengert.core.recorded import Recorded, make_result
from wengert.errors import (
    DeclarationError,
    DtypeError,
    NotDifferentiableError,
    ShapeError,
    WengertError,
    message,
)

if TYPE_CHECKING:  # what an operation returns is a Variable, which lives upstairs
    from wengert.variable import Variable

__all__ = ["Call", "Operation", "Rule", "operation"]

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
F = TypeVar("F", bound=Callable[..., Any])
_VARIADIC, _POSITIONAL_ONLY, _KEYWORD_ONLY = Parameter.VAR_POSITIONAL, Parameter.POSITIONAL_ONLY, Parameter.KEYWORD_ONLY


class Operation(Protocol[P, R]):
    """What ``@operation`` makes: the public function, with the means to declare its derivative."""

    __name__: str
    rule: "Rule"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...

    def derivative(self, *names: str) -> Callable[[F], F]:
        """Declare the formula of the derivative in one input (or in several, told which are ``wanted``)."""

    def constant(self, *names: str) -> None:
        """Declare that the derivative in these inputs is zero."""

    def explain(self, explanation: F) -> F:
        """Declare how to put a failed call in words: from the inputs, ``(fact, fix)``, or None where it fits."""


@overload
def operation(
    forward: Callable[Concatenate[Any, P], Any], *, broadcasts: bool = False, differentiable: bool = True
) -> "Operation[P, Variable]": ...
@overload
def operation(
    forward: None = None, *, broadcasts: bool = False, differentiable: bool = True
) -> "Callable[[Callable[Concatenate[Any, P], Any]], Operation[P, Variable]]": ...
def operation(forward: Any = None, *, broadcasts: bool = False, differentiable: bool = True) -> Any:
    """Make a differentiable operation of a function of a namespace and arrays.

    Args:
        forward: Takes ``xp``, then the inputs; options follow a ``/`` or a ``*``.
        broadcasts: The inputs broadcast against each other, and their gradients are to be summed back.
        differentiable: False for comparisons, indices and the like: their results are always constants.

    Raises:
        DeclarationError: ``forward`` does not begin with ``xp`` or takes ``**keywords``.

    Example:
        >>> import numpy as np, wengert
        >>> @operation
        ... def cube(xp, x):
        ...     return x * x * x
        >>> @cube.derivative("x")
        ... def _(g, x):
        ...     return g * 3 * x * x
        >>> x = wengert.Variable(np.array(2.0))
        >>> cube(x)
        variable(8.0)
    """
    if forward is None:
        return partial(operation, broadcasts=broadcasts, differentiable=differentiable)
    rule = Rule(forward, broadcasts, differentiable)
    plain_pair = len(rule.inputs) == 2 and differentiable and not (rule.options or rule.variadic or rule.defaults)
    public: Any = _pair(rule) if plain_pair else _general(rule)
    for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(public, attribute, getattr(forward, attribute))
    public.__signature__ = rule.signature
    public.rule, public.derivative, public.constant, public.explain = rule, rule.derivative, rule.constant, rule.explain
    return public


class Plan:
    """What a call keeps, and how the formulas are fed from it, for one choice of inputs that need a gradient."""

    __slots__ = ("keep", "origins", "rule", "run", "wanted")

    def __init__(self, rule: "Rule", wanted: tuple[int, ...]) -> None:
        self.rule = rule
        self.wanted = wanted
        chosen: dict[tuple[int, ...], Callable[..., Any]] = {}
        for positions, formula in rule.formulas.items():
            if any(position in wanted for position in positions):
                chosen[positions] = formula
        if rule.variadic:  # one formula for all inputs alike
            chosen = dict(rule.formulas) or {(0,): partial(_missing, rule.name, rule.inputs[0])}
        else:
            covered = {position for positions in chosen for position in positions}
            for position in wanted:
                if position not in covered:
                    chosen[(position,)] = partial(_missing, rule.name, rule.inputs[position])
        names = {positions: rule.asks(formula) for positions, formula in chosen.items()}
        keeps = list(dict.fromkeys(n for asked in names.values() for n in asked if n not in ("xp", "g", "wanted")))
        self.keep = rule.keeper(keeps)
        # For a formula that is itself recorded: which kept values were inputs (their position), and which the output.
        self.origins = [rule.inputs.index(n) if n in rule.inputs else -1 if n == "out" else None for n in keeps]
        self.run = _runner(rule, wanted, keeps, chosen)


def _runner(
    rule: "Rule", wanted: tuple[int, ...], keeps: list[str], chosen: dict[tuple[int, ...], Callable[..., Any]]
) -> Callable[[Any, Any, Any], Sequence[Any]]:
    """A function of ``xp``, ``g`` and what was kept that runs the chosen formulas, feeding each what it asks for."""
    places = {name: i for i, name in enumerate(("xp", "g", *keeps))}
    steps = []
    for positions, formula in sorted(chosen.items()):
        asked = rule.asks(formula)
        if "wanted" in asked:
            formula = partial(formula, wanted=tuple(position in wanted for position in positions))
            asked.remove("wanted")
        steps.append((positions, formula, [places[name] for name in asked]))

    # The shapes that most formulas have, written out, for this is the path of every backward pass.
    asks = [asked for _, _, asked in steps]
    one, g_only = len(steps) == 1, [1]

    def g_and_one(asked: list[int]) -> bool:
        return len(asked) == 2 and asked[0] == 1 and asked[1] > 1

    if any(len(positions) > 1 for positions, _, _ in steps) or rule.variadic:
        return _joint_runner(rule, wanted, steps)
    (_, first, _), (_, second, _) = steps[0], steps[-1]
    if one and asks[0] == g_only:
        return lambda xp, g, kept: (first(g),)
    if one and g_and_one(asks[0]):
        return lambda xp, g, kept: (first(g, kept[0]),)
    if len(steps) == 2 and asks == [g_only, g_only]:
        return lambda xp, g, kept: (first(g), second(g))
    if len(steps) == 2 and all(map(g_and_one, asks)):
        i, j = asks[0][1] - 2, asks[1][1] - 2
        return lambda xp, g, kept: (first(g, kept[i]), second(g, kept[j]))
    fed = [(formula, _picker(asked)) for _, formula, asked in steps]

    def run(xp: Any, g: Any, kept: Any) -> Sequence[Any]:
        frame = (xp, g, *kept)
        return [formula(*pick(frame)) for formula, pick in fed]

    return run


def _joint_runner(rule: "Rule", wanted: tuple[int, ...], steps: list[Any]) -> Callable[[Any, Any, Any], Sequence[Any]]:
    """The same where one formula serves several inputs."""
    fed = [(positions, formula, _picker(asked)) for positions, formula, asked in steps]

    def run(xp: Any, g: Any, kept: Any) -> Sequence[Any]:
        frame = (xp, g, *kept)
        if rule.variadic:
            ((_, formula, pick),) = fed
            gradients = formula(*pick(frame))
            return [gradients[i] for i in wanted]
        found: dict[int, Any] = {}
        for positions, formula, pick in fed:
            out = formula(*pick(frame))
            found.update(zip(positions, out if len(positions) > 1 else (out,), strict=True))
        return [found[i] for i in wanted]

    return run


class Rule:
    """An operation's own facts: its forward, inputs and options by name, its formulas, and the plans made of them."""

    def __init__(self, forward: Callable[..., Any], broadcasts: bool, differentiable: bool) -> None:
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
        self.placed = positional[slash:]  # options that may also be given by position
        self.module: str = forward.__module__
        self.forward = forward
        self.broadcasts = broadcasts
        self.differentiable = differentiable
        self.formulas: dict[tuple[int, ...], Callable[..., Any]] = {}
        self.constants: set[int] = set()
        self.plans: dict[int, Plan] = {}
        self.explanation: Callable[..., tuple[str, str] | None] | None = None
        given = forward.__defaults__ or ()
        self.defaults: dict[str, Any] = dict(zip(positional[len(positional) - len(given) :], given, strict=True))
        self.defaults |= forward.__kwdefaults__ or {}
        self.option_defaults = {n: self.defaults[n] for n in self.options if n in self.defaults}
        self.signature = Signature(
            [
                *(_parameter(n, Parameter.POSITIONAL_OR_KEYWORD, self.defaults) for n in positional[1:]),
                *([Parameter(rest, _VARIADIC)] if rest else []),
                *(_parameter(n, _KEYWORD_ONLY, self.defaults) for n in keyword),
            ]
        )

    def derivative(self, *names: str) -> Callable[[F], F]:
        """See `Operation.derivative`."""
        positions = tuple(self._position(name) for name in names)
        if not positions:
            raise DeclarationError(f"{self.name}.derivative: name the input, one of {', '.join(self.inputs)}.")

        def declare(formula: F) -> F:
            allowed = ["xp", "g", "out", *self.inputs, *(f"{n}_shape" for n in self.inputs), *self.options]
            if len(positions) > 1:
                allowed.append("wanted")
            for name in self.asks(formula):
                if name not in allowed:
                    raise DeclarationError(
                        f"{self.name}: the derivative in {', '.join(names)} asks for {name!r}; "
                        f"it may ask for {', '.join(allowed)}."
                    )
            self.formulas[positions] = formula
            self.plans.clear()
            return formula

        return declare

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

    @staticmethod
    def asks(formula: Any) -> list[str]:
        """The names of a formula's parameters."""
        if isinstance(formula, partial):
            return []
        asked: str | None = getattr(formula, "asks", None)
        return asked.split() if asked else list(formula.__code__.co_varnames[: formula.__code__.co_argcount])

    def keeper(self, names: list[str]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
        """How to pick what is kept from ``(*inputs, out, options)``."""
        places = {name: i for i, name in enumerate((*self.inputs, "out"))}
        if all(name in places for name in names):
            return _picker([places[name] for name in names])
        options = len(places)

        def keep(call: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(
                [
                    call[places[name]]
                    if name in places
                    else call[options][name]
                    if name in self.options
                    else _shape(call[places[name.removesuffix("_shape")]])
                    for name in names
                ]
            )

        return keep

    def plan(self, needs: int) -> Plan:
        """The plan for a call in which input ``i`` needs a gradient where bit ``i`` of ``needs`` is set."""
        plan = self.plans.get(needs)
        if plan is None:
            plan = self.plans[needs] = Plan(self, tuple(i for i in range(needs.bit_length()) if needs >> i & 1))
        return plan

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
        if len(complete) != len(self.options) or not all(name in complete for name in self.options):
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
        explained: tuple[str, str] | None = None
        if self.explanation is not None:
            try:
                explained = self.explanation(*inputs)
            except Exception:  # the explanation is a kindness, and must not hide the error itself
                explained = None
        elif self.broadcasts:
            explained = _broadcast_clash([(name, _shape(value)) for name, value in operands])
        if explained:
            return ShapeError(message(f"{self.name}: {explained[0]}", operands, explained[1]))
        if type(error) is ValueError:
            return ShapeError(message(f"{self.name}: {error}", operands))
        error.add_note(message(f"in {self.name}:", operands))
        return error


class Call(Function):
    """One call of an operation on the tape."""

    __slots__ = ("plan",)

    plan: Plan

    @property
    def operation_name(self) -> str:
        """The operation's name."""
        return self.plan.rule.name

    @property
    def wanted(self) -> tuple[int, ...]:  # type: ignore[override]  # planned once for all calls alike
        """The positions of the inputs that need a gradient."""
        return self.plan.wanted

    @property
    def broadcasts(self) -> bool:  # type: ignore[override]
        """Whether gradients are to be summed over broadcast axes."""
        return self.plan.rule.broadcasts

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The inputs that need a gradient, as Variables; one that nobody holds and nothing kept has ``data`` None."""
        from wengert.core.function import living

        kept = dict(zip(self.plan.origins, self.kept or (None,) * len(self.plan.origins), strict=True))
        if self.plan.rule.variadic:
            return tuple(living(edge, None) for edge in self.edges)
        return tuple(living(e, kept.get(i)) for i, e in zip(self.plan.wanted, self.edges, strict=True))

    @property
    def outputs(self) -> tuple[Any, ...]:
        """The results, each behind a weak reference: ``f.outputs[0]()``."""
        return self.results

    def gradients(self, g: Any, xp: Any, recording: bool) -> Sequence[Any]:
        """Run the formula of each wanted input: on arrays, or (``recording``) the same one on Variables."""
        return self.plan.run(xp, g, self._kept_variables() if recording else self.kept)

    def _kept_variables(self) -> list[Any]:
        """What was kept, with inputs and output as Variables again, each on its old edge."""
        assert self.kept is not None
        plan = self.plan
        edges = dict(zip(plan.wanted, self.edges, strict=True))
        values: list[Any] = []
        for origin, value in zip(plan.origins, self.kept, strict=True):
            if origin is None:
                values.append(value)
            elif origin < 0:
                several = isinstance(value, tuple)
                outs = value if several else (value,)
                made = tuple(make_result(out, result_edge(self, i)) for i, out in enumerate(outs))
                values.append(made if several else made[0])
            elif plan.rule.variadic:
                values.append(tuple(kept_variable(edges[i], v) if i in edges else v for i, v in enumerate(value)))
            else:
                values.append(kept_variable(edges[origin], value) if origin in edges else value)
        return values


_new_call: Callable[[], Any] = partial(object.__new__, Call)


def _general(rule: Rule) -> Callable[..., Any]:
    """The public function of an operation: any number of inputs, and options."""
    forward, count, variadic, simple = rule.forward, len(rule.inputs), rule.variadic, not rule.options
    differentiable = rule.differentiable

    def call(*inputs: Any, **options: Any) -> Any:
        if not simple or options or len(inputs) != count:
            inputs, options = rule.bind(inputs, options)
        arrays = []
        edges = []
        needs = 0
        bit = 1
        for value in inputs:
            if isinstance(value, Recorded):
                arrays.append(value.data)
                if differentiable and value.requires_grad:
                    edges.append(value.node or value)
                    needs += bit
            else:
                arrays.append(value)
            bit += bit
        xp = namespace_of(arrays)
        try:
            out = forward(xp, *arrays, **options)
        except Exception as error:
            raise rule.failed(error, inputs) from error
        several = isinstance(out, tuple)
        if not (several or isinstance(out, xp.ndarray)):
            out = xp.asarray(out)
        config = current_config()
        if needs and config.enable_backprop:
            call = _new_call()
            call.plan = plan = rule.plan(needs)
            call.edges = tuple(edges)
            call.shapes = tuple([arrays[i].shape for i in plan.wanted])
            call.kept = plan.keep((tuple(arrays), out, options) if variadic else (*arrays, out, options))
            results = record(call, out if several else (out,), several)
        else:
            call = None
            results = tuple([make_result(part) for part in out]) if several else (make_result(out),)
        if config.observer is not None and call is not None:
            config.observer.forward(call, inputs, results)
        return results if several else results[0]

    return call


def _pair(rule: Rule) -> Callable[..., Any]:
    """The same for two inputs and no options, written out: this is the path of every operator, and of most time."""
    forward, plans = rule.forward, rule.plans

    def call(x: Any, y: Any) -> Any:
        if isinstance(x, Recorded):
            x_data = x.data
            x_edge: Any = (x.node or x) if x.requires_grad else None
        else:
            x_data = x
            x_edge = None
        if isinstance(y, Recorded):
            y_data = y.data
            y_edge = (y.node or y) if y.requires_grad else None
        else:
            y_data = y
            y_edge = None
        kind = type(x_data)
        xp = namespaces[kind if kind is type(y_data) else (kind, type(y_data))]
        try:
            out = forward(xp, x_data, y_data)
        except Exception as error:
            raise rule.failed(error, (x, y)) from error
        if not isinstance(out, xp.ndarray):
            out = xp.asarray(out)
        config = current_config()
        if not config.enable_backprop or (x_edge is None and y_edge is None):
            return make_result(out)
        call = _new_call()
        if y_edge is None:
            call.plan = plan = plans.get(1) or rule.plan(1)
            call.edges = (x_edge,)
            call.shapes = (x_data.shape,)
            call.depth = x_edge.depth + 1
        elif x_edge is None:
            call.plan = plan = plans.get(2) or rule.plan(2)
            call.edges = (y_edge,)
            call.shapes = (y_data.shape,)
            call.depth = y_edge.depth + 1
        else:
            call.plan = plan = plans.get(3) or rule.plan(3)
            call.edges = (x_edge, y_edge)
            call.shapes = (x_data.shape, y_data.shape)
            x_depth, y_depth = x_edge.depth, y_edge.depth
            call.depth = (x_depth if x_depth > y_depth else y_depth) + 1
        call.kept = plan.keep((x_data, y_data, out))
        call.several = False
        result = make_result(out, call)
        call.results = (ref(result),)
        if config.observer is not None:
            config.observer.forward(call, (x, y), (result,))
        return result

    return call


def _picker(places: list[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """A function that takes these places of a tuple, as a tuple."""
    if len(places) == 1:
        return cast(Any, itemgetter(slice(places[0], places[0] + 1)))
    return cast(Any, itemgetter(*places) if places else itemgetter(slice(0)))


def _shape(value: Any) -> Any:
    return tuple(_shape(part) for part in value) if isinstance(value, tuple) else getattr(value, "shape", ())


def _parameter(name: str, kind: Any, defaults: dict[str, Any]) -> Parameter:
    return Parameter(name, kind, default=defaults.get(name, Parameter.empty))


def _zero_of(name: str) -> Callable[..., Any]:
    def zero(xp: Any, x: Any) -> Any:
        return xp.zeros_like(x)

    zero.asks = f"xp {name}"  # type: ignore[attr-defined]
    return zero


def _missing(operation_name: str, input_name: str, *_: Any) -> Any:
    raise NotDifferentiableError(f"{operation_name}: no derivative is declared in its input {input_name!r}.")


def _broadcast_clash(shapes: list[tuple[str, Any]]) -> tuple[str, str] | None:
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
