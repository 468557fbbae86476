"""How an operation is declared, and what happens when it is called.

An operation is two functions of an array namespace ``xp``: its forward, and one formula of its derivative per input.
A formula names what it needs (``xp``, ``g`` the gradient that arrives, ``out``, an input, ``<input>_shape``,
an option), and only that is kept.  Inputs may be recorded; options, which follow a ``/`` or a ``*``, never are.
Next: backward.py.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, overload
from weakref import ref

from wengert.backends import namespaces
from wengert.backends.saved import settled
from wengert.core.backward import fit, freed
from wengert.core.function import Function, living, record, result_edge, watched
from wengert.core.memory import SCALAR, note_view
from wengert.core.modes import current_config, note_exit
from wengert.core.plan import Plan
from wengert.core.recorded import Recorded, make_result
from wengert.core.rule import Rule

if TYPE_CHECKING:  # what an operation returns is a Variable, which lives upstairs
    from wengert.variable import Variable

__all__ = ["Call", "Operation", "operation", "record_call"]

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
F = TypeVar("F", bound=Callable[..., Any])


class Operation(Protocol[P, R]):
    """What ``@operation`` makes: the public function, with the means to declare its derivative."""

    __name__: str
    rule: Rule

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...

    def derivative(self, *names: str) -> Callable[[F], F]:
        """Declare the formula of the derivative in one input (or in several, told which are ``wanted``)."""

    def constant(self, *names: str) -> None:
        """Declare that the derivative in these inputs is zero."""

    def explain(self, explanation: F) -> F:
        """Declare how to put a failed call in words: from the inputs, ``(fact, fix)``, or None where it fits."""


@overload
def operation(
    forward: Callable[Concatenate[Any, P], Any],
    *,
    broadcasts: bool = False,
    differentiable: bool = True,
    view: bool = False,
    real: bool | str = False,
) -> "Operation[P, Variable]": ...
@overload
def operation(
    forward: None = None,
    *,
    broadcasts: bool = False,
    differentiable: bool = True,
    view: bool = False,
    real: bool | str = False,
) -> "Callable[[Callable[Concatenate[Any, P], Any]], Operation[P, Variable]]": ...
def operation(
    forward: Any = None,
    *,
    broadcasts: bool = False,
    differentiable: bool = True,
    view: bool = False,
    real: bool | str = False,
) -> Any:
    """Make a differentiable operation of a function of a namespace and arrays.

    Args:
        forward: Takes ``xp``, then the inputs; options follow a ``/`` or a ``*``.
        broadcasts: The inputs broadcast against each other, and their gradients are to be summed back.
        differentiable: False for comparisons, indices and the like: their results are always constants.
        view: The result may show the memory of the first input, as NumPy's views do, and be written through.
        real: Integers and booleans become floating point, and halves are computed in float32, forward and backward.
            Complex numbers are refused; with ``"or complex"`` they pass.

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
        return partial(operation, broadcasts=broadcasts, differentiable=differentiable, view=view, real=real)
    rule = Rule(forward, broadcasts, differentiable, view, real)
    plain = differentiable and not (rule.options or rule.variadic or rule.defaults or view)
    count = len(rule.inputs)
    public: Any = _single(rule) if plain and count == 1 else _pair(rule) if plain and count == 2 else _general(rule)
    for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(public, attribute, getattr(forward, attribute))
    public.__signature__ = rule.signature
    public.rule, public.derivative, public.constant, public.explain = rule, rule.derivative, rule.constant, rule.explain
    return public


class Call(Function):
    """One call of an operation on the tape."""

    __slots__ = ("plan",)

    plan: Plan  # type: ignore[misc]

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
        kept = dict(zip(self.plan.origins, self.kept or (None,) * len(self.plan.origins), strict=True))
        if self.plan.rule.variadic:
            return tuple(living(edge, None) for edge in self.edges)
        return tuple(living(e, kept.get(i)) for i, e in zip(self.plan.wanted, self.edges, strict=True))

    @property
    def outputs(self) -> tuple[Any, ...]:
        """The results, each behind a weak reference: ``f.outputs[0]()``."""
        return self.results

    def backward(self, *gradients: Any) -> Any:
        """The gradient of each of `inputs` from that of each result, as Variables: the book's ``f.backward(gy)``."""
        if self.kept is None:
            raise freed(self)
        g = gradients if self.several else gradients[0]
        xp = gradients[0].__array_namespace__()
        kept = self.kept_variables()
        back = self.plan.run(xp, g, (*kept, False) if self.plan.asks_owned else kept)
        fitted = tuple([fit(self, i, gx, self.shapes[i], xp) for i, gx in enumerate(back)])
        return fitted if len(fitted) > 1 else fitted[0]

    def kept_variables(self) -> Sequence[Any]:
        """What was kept, with inputs and output as Variables again, each on its old edge."""
        assert self.kept is not None
        plan, edges = self.plan, self.edges
        if self.several or plan.rule.variadic:
            return self._kept_families()
        values = list(self.kept)
        for place, source in plan.sources:
            values[place] = make_result(values[place], self if source < 0 else edges[source])
        return values

    def _kept_families(self) -> Sequence[Any]:
        """The same for an operation of any number of inputs, or several results: what is kept of them are tuples."""
        plan, values = self.plan, []
        edges = dict(zip(plan.wanted, self.edges, strict=True))
        for origin, value in zip(plan.origins, self.kept or (), strict=True):
            if origin is None:
                values.append(value)
            elif origin < 0 and self.several:
                values.append(tuple(make_result(out, result_edge(self, i)) for i, out in enumerate(value)))
            elif origin < 0:
                values.append(make_result(value, self))
            elif plan.rule.variadic:
                values.append(tuple(make_result(v, edges[i]) if i in edges else v for i, v in enumerate(value)))
            else:
                values.append(make_result(value, edges[origin]) if origin in edges else value)
        return values


def _general(rule: Rule) -> Callable[..., Any]:
    """The public function of an operation: any number of inputs, and options."""
    forward, count, simple = rule.forward, len(rule.inputs), not rule.options and not rule.variadic
    differentiable, views = rule.differentiable, rule.view

    def operate(*inputs: Any, **options: Any) -> Any:
        config = current_config()
        if not simple or options or len(inputs) != count:
            inputs, options = rule.bind(inputs, options)
        if config.observer is not None:
            return watched(rule, operate, inputs, options, config.observer)
        arrays = []
        edges = []
        needs = 0
        bit = 1
        for value in inputs:
            if isinstance(value, Recorded):
                arrays.append(value.data)
                edge = value.node
                if edge is not None:
                    edges.append(edge)
                    needs += bit
            else:
                arrays.append(value)
            bit += bit
        xp = namespaces[tuple(map(type, arrays))]
        try:
            out = forward(xp, *arrays, **options)
        except Exception as error:
            raise rule.failed(error, inputs) from error
        if not differentiable:
            if needs:
                note_exit(rule.name)
            needs = 0
        elif not config.enable_backprop:
            needs = 0
        results = record_call(rule, xp, inputs, arrays, edges, needs, out, options)
        if views and isinstance(inputs[0], Recorded):
            if out.__class__ is tuple:
                for i, (part, result) in enumerate(zip(out, results, strict=True)):
                    if xp.shows(part, arrays[0]):
                        note_view(result, inputs[0], partial(_one_of, operate, i), options)
            elif xp.shows(out, arrays[0]):
                note_view(results, inputs[0], operate, options)
        return results

    return operate


def _one_of(operate: Callable[..., Any], place: int, x: Any, **options: Any) -> Any:
    return operate(x, **options)[place]


def record_call(
    rule: Rule, xp: Any, inputs: Any, arrays: Any, edges: Any, needs: int, out: Any, options: dict[str, Any]
) -> Any:
    """The results of a call, on the tape where the inputs that ``needs`` names are."""
    several = out.__class__ is tuple
    scalar = not several and not isinstance(out, xp.ndarray)
    if scalar:
        out = xp.asarray(out)
    if several and not all([isinstance(part, xp.ndarray) for part in out]):
        out = tuple([xp.asarray(part) for part in out])
    if not needs:
        if several:
            return tuple([make_result(part) for part in out])
        result = make_result(out)
        if scalar:
            result.memory = SCALAR
        return result
    if len(edges) < len(arrays) and any([part.dtype.kind == "c" for part in (out if several else (out,))]):
        raise rule.complex_result(inputs)
    call = Call()
    call.plan = plan = rule.plans[needs]
    call.edges = tuple(edges)
    call.shapes = tuple([arrays[i].shape for i in plan.wanted])
    kept = plan.keep((tuple(arrays), out, options) if rule.variadic else (*arrays, out, options))
    call.kept = settled(kept, plan.constants, inputs) if plan.constants else kept
    results = record(call, out if several else (out,), several)
    if several:
        return results
    if scalar:
        results[0].memory = SCALAR
    return results[0]


# The same for one input, and for two, without options: written out, for this is the path of every operator and of most
# time.


def _single(rule: Rule) -> Callable[..., Any]:
    forward, plans = rule.forward, rule.plans

    def operate(x: Any) -> Any:
        config = current_config()
        if config.observer is not None:
            return watched(rule, operate, (x,), {}, config.observer)
        if isinstance(x, Recorded):
            data = x.data
            edge = x.node
        else:
            data = x
            edge = None
        xp = namespaces[type(data)]
        try:
            out = forward(xp, data)
        except Exception as error:
            raise rule.failed(error, (x,)) from error
        if not isinstance(out, xp.ndarray):  # a scalar of NumPy's, or several results
            needs = edge is not None and config.enable_backprop
            return record_call(rule, xp, (x,), (data,), (edge,), needs, out, {})
        if edge is None or not config.enable_backprop:
            return make_result(out)
        call = Call()
        call.plan = plan = plans[1]
        call.edges = (edge,)
        call.shapes = (data.shape,)
        call.depth = edge.depth + 1
        call.kept = plan.keep((data, out))
        result = make_result(out, call)
        call.made = ref(result)
        return result

    return operate


def _pair(rule: Rule) -> Callable[..., Any]:
    forward, plans = rule.forward, rule.plans

    def operate(x: Any, y: Any) -> Any:
        config = current_config()
        if config.observer is not None:
            return watched(rule, operate, (x, y), {}, config.observer)
        if isinstance(x, Recorded):
            x_data = x.data
            x_edge: Any = x.node
        else:
            x_data = x
            x_edge = None
        if isinstance(y, Recorded):
            y_data = y.data
            y_edge = y.node
        else:
            y_data = y
            y_edge = None
        kind = type(x_data)
        xp = namespaces[kind if kind is type(y_data) else (kind, type(y_data))]
        try:
            out = forward(xp, x_data, y_data)
        except Exception as error:
            raise rule.failed(error, (x, y)) from error
        scalar = not isinstance(out, xp.ndarray)
        if scalar:
            out = xp.asarray(out)
        if not config.enable_backprop or (x_edge is None and y_edge is None):
            result = make_result(out)
            if scalar:
                result.memory = SCALAR
            return result
        if (x_edge is None or y_edge is None) and out.dtype.kind == "c":  # only a constant can have made it so
            raise rule.complex_result((x, y))
        call = Call()
        constant = None
        if y_edge is None:
            constant = y
            call.plan = plan = plans[1]
            call.edges = (x_edge,)
            call.shapes = (x_data.shape,)
            call.depth = x_edge.depth + 1
        elif x_edge is None:
            constant = x
            call.plan = plan = plans[2]
            call.edges = (y_edge,)
            call.shapes = (y_data.shape,)
            call.depth = y_edge.depth + 1
        else:
            call.plan = plan = plans[3]
            call.edges = (x_edge, y_edge)
            call.shapes = (x_data.shape, y_data.shape)
            x_depth, y_depth = x_edge.depth, y_edge.depth
            call.depth = (x_depth if x_depth > y_depth else y_depth) + 1
        kept = plan.keep((x_data, y_data, out))
        if constant.__class__ is xp.ndarray and plan.constants:
            kept = settled(kept, plan.constants, (x, y))
        call.kept = kept
        result = make_result(out, call)
        if scalar:
            result.memory = SCALAR
        call.made = ref(result)
        return result

    return operate
