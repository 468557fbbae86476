"""Derivatives as functions: grad and its kin take a function and give the function that computes its derivative.

Arrays in give arrays out; Variables in give Variables out, on the tape, so they nest to any order.
Arguments may be nested tuples, lists and dicts of arrays.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from operator import index
from typing import Any

from wengert import functions as F
from wengert import random
from wengert.backends import namespace_of
from wengert.core.backward import backpropagate, edges_below
from wengert.core.function import Function, Item, living, record, value_at
from wengert.core.modes import Observer, Observers, current_config, current_observers, using_config
from wengert.core.operation import operation
from wengert.core.recorded import Recorded, make_result
from wengert.errors import DtypeError, InputError, ShapeError, describe, message
from wengert.variable import Variable, as_array

__all__ = [
    "checkpoint",
    "elementwise_grad",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]

Argnums = int | Sequence[int]

# How many transformations are being evaluated around this one: their variables may be in use here without being passed.
_nesting: ContextVar[int] = ContextVar("wengert.derivatives.nesting", default=0)


def grad(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The gradient of ``f``, which returns a scalar, in the arguments ``argnums``.

    Returns:
        A function of the same arguments.
        It gives one gradient of the structure of the argument, or a tuple of them where ``argnums`` is a sequence.

    Raises:
        ShapeError: ``f`` does not return a scalar.
        DtypeError: an argument to be differentiated holds integers.

    Example:
        >>> import numpy as np
        >>> grad(lambda x: x ** 3)(np.array(2.0))
        array(12.)
        >>> grad(grad(lambda x: x ** 3))(np.array(2.0))
        array(12.)
    """
    with_value = value_and_grad(f, argnums)

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return with_value(*args, **kwargs)[1]

    return gradient


def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., tuple[Any, Any]]:
    """The value of ``f`` and its gradient (see `grad`), from one run.

    Example:
        >>> import numpy as np
        >>> value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 2.0]))
        (array(5.), array([2., 4.]))
    """

    @wraps(f)
    def both(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        run = _Run("grad", f, args, kwargs, argnums)
        value = run.single_output()
        if value.shape != ():
            raise ShapeError(
                message(
                    "grad: the function must return a scalar.",
                    [("it returned", value)],
                    "sum over it, or use jacobian or elementwise_grad.",
                )
            )
        gradients = run.pull([F.ones_like(value)])
        return run.finish(value), run.structured(gradients)

    return both


def elementwise_grad(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The derivative of each entry of ``f(x)`` in the same entry of ``x``, for functions that work entry by entry.

    Where entries mix, it is the gradient of the sum of ``f(x)``.

    Example:
        >>> import numpy as np
        >>> elementwise_grad(lambda x: x ** 2)(np.array([1.0, 2.0]))
        array([2., 4.])
    """

    @wraps(f)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        run = _Run("elementwise_grad", f, args, kwargs, argnums)
        return run.structured(run.pull([F.ones_like(run.single_output())]))

    return derivative


def vjp(f: Callable[..., Any], *args: Any) -> tuple[Any, Callable[..., tuple[Any, ...]]]:
    """The value of ``f(*args)``, and the function that takes a cotangent back to every argument.

    pull(v)[i] = v @ (d f / d args[i])

    Returns:
        ``f(*args)``, and ``pull(cotangent)``, which gives a tuple with a gradient for each argument
        and may be called again.

    Raises:
        ShapeError: the cotangent has not the shape of the value.

    Example:
        >>> import numpy as np
        >>> value, pull = vjp(lambda x, y: x * y, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        >>> pull(np.array([1.0, 10.0]))
        (array([ 3., 40.]), array([ 1., 20.]))
    """
    run = _Run("vjp", f, args, {}, range(len(args)))

    def pull(cotangent: Any) -> tuple[Any, ...]:
        given = run.match_outputs("cotangent", cotangent)
        recorded = any(_recorded(g) for g in given)
        gradients = run.pull(given, recording=recorded)
        return tuple(run.rebuild_inputs(gradients) if recorded else run.structured(gradients))

    return run.finish_output(), pull


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of ``f(*primals)``, and its derivative in the direction ``tangents``.

    It is two passes back: the pullback is linear in its cotangent, and its transpose is the pushforward.

    Returns:
        The value, and the tangent, of the value's shape.

    Raises:
        ShapeError: the tangents have not the shapes of the primals.

    Example:
        >>> import numpy as np
        >>> jvp(lambda x: x ** 2, [np.array([1.0, 2.0])], [np.array([1.0, 10.0])])
        (array([1., 4.]), array([ 2., 40.]))
    """
    _check_sequences("jvp", primals, tangents)
    run = _Run("jvp", f, tuple(primals), {}, range(len(primals)))
    pushed = run.push(run.match_inputs("tangent", tuple(tangents)))
    return run.finish_output(), run.rebuild_output([run.finish(part) for part in pushed])


def jacobian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """All first derivatives of ``f``: for an output of shape ``o`` and an input of shape ``i``, one of ``o + i``.

    Cost: one pass back for each entry of the output, or of the input where those are fewer.

    Returns:
        A function of the same arguments; its result has the structure of the output and, inside, of the argument.

    Example:
        >>> import numpy as np
        >>> jacobian(lambda x: x ** 2)(np.array([1.0, 2.0]))
        array([[2., 0.],
               [0., 4.]])
    """

    @wraps(f)
    def matrix(*args: Any, **kwargs: Any) -> Any:
        run = _Run("jacobian", f, args, kwargs, argnums)
        outs, ins = run.outputs, run.inputs
        if sum(x.size for x in ins) < sum(y.size for y in outs):
            columns = [run.push(basis) for basis in _basis(ins)]
            blocks = [_assemble([column[i] for column in columns], ins, y.shape, last=True) for i, y in enumerate(outs)]
        else:
            blocks = []
            for y in outs:
                others = [F.zeros_like(other) for other in outs]
                rows = []
                for (unit,) in _basis([y]):
                    seeds = [unit if other is y else zero for other, zero in zip(outs, others, strict=True)]
                    rows.append(run.pull(seeds))
                blocks.append([_stack_rows([row[i] for row in rows], y.shape, x) for i, x in enumerate(ins)])
        finished = [run.structured(block) for block in blocks]
        return run.rebuild_output(finished)

    return matrix


def hessian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """All second derivatives of ``f``, which returns a scalar: the Jacobian of its gradient.

    Example:
        >>> import numpy as np
        >>> hessian(lambda x: (x ** 3).sum())(np.array([1.0, 2.0]))
        array([[ 6.,  0.],
               [ 0., 12.]])
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of the scalar ``f(*primals)`` times ``tangents``, without the Hessian.

    Returns:
        A tuple with one array for each primal.

    Raises:
        ShapeError: the tangents have not the shapes of the primals.

    Example:
        >>> import numpy as np
        >>> hvp(lambda x: (x ** 3).sum(), [np.array([1.0, 2.0])], [np.array([1.0, 1.0])])
        (array([ 6., 12.]),)
    """
    _check_sequences("hvp", primals, tangents)
    primals, tangents = tuple(primals), tuple(tangents)
    every = range(len(primals))

    def slope(*values: Any) -> Any:
        gradients, _ = _flatten(grad(f, every)(*values))
        directions = [_constant(direction) for direction in _flatten(tangents)[0]]
        _same_shapes("hvp", "tangent", directions, gradients)
        total: Any = 0.0
        for gradient, direction in zip(gradients, directions, strict=True):
            total = total + F.sum(gradient * direction)
        return total

    return grad(slope, every)(*primals)


def stop_gradient(x: Any) -> Any:
    """``x`` as a constant: the same values, through which no gradient flows.

    Example:
        >>> import numpy as np
        >>> grad(lambda x: x * stop_gradient(x))(np.array(3.0))
        array(3.)
    """
    leaves, rebuild = _flatten(x)
    return rebuild([make_result(leaf.data) if isinstance(leaf, Recorded) else leaf for leaf in leaves])


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f``, forgetting what it computes on the way and running once more when going back: memory for time.

    Only the arguments are kept.
    Gradients flow to them and to whatever else ``f`` uses, such as the parameters of a layer;
    random numbers are drawn alike in both runs.

    Example:
        >>> import numpy as np
        >>> grad(checkpoint(lambda x: (x ** 2).sum()))(np.array([1.0, 2.0]))
        array([2., 4.])
    """

    @wraps(f)
    def forgetful(*args: Any, **kwargs: Any) -> Any:
        if not current_config().enable_backprop:
            return f(*args, **kwargs)
        leaves, rebuild = _flatten(args)
        state = random.get_state()
        # The first run is recorded only to learn which values from outside f uses; its tape is dropped at once.
        inputs = [Variable(leaf.data) if _recorded(leaf) else leaf for leaf in leaves]
        watcher = _Functions()
        others = [other for other in current_observers() if not isinstance(other, _Functions)]
        with using_config("observer", Observers(*others, watcher)):
            outs, rebuild_output = _flatten(f(*rebuild(inputs), **kwargs))
        own = {value.node for value in inputs if isinstance(value, Recorded)}
        outside = list(
            dict.fromkeys(
                below
                for function in watcher.functions
                for below in edges_below(function)
                if below not in own and (below.function if isinstance(below, Item) else below) not in watcher.functions
            )
        )
        watcher.functions.clear()
        passed = [i for i, leaf in enumerate(leaves) if _recorded(leaf)]
        live = [i for i, out in enumerate(outs) if _recorded(out)]
        if not live:
            return rebuild_output(outs)
        call = _Again()
        call.run, call.state, call.config = (lambda values: f(*rebuild(values), **kwargs)), state, current_config()
        call.leaves = [None if i in passed else leaf for i, leaf in enumerate(leaves)]
        call.passed = passed
        call.edges = (*[leaves[i].node for i in passed], *outside)
        call.wanted = tuple(range(len(call.edges)))
        call.shapes = (*[leaves[i].shape for i in passed], *[_edge_shape(edge) for edge in outside])
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

    __slots__ = ("config", "leaves", "passed", "run", "state")

    run: Callable[[list[Any]], Any]
    state: Any
    config: Any
    leaves: list[Any]
    passed: list[int]

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
        for place, edge, array in zip(self.passed, self.edges, self.kept, strict=False):
            values[place] = _alias(make_result(array, edge)) if recording else Variable(array)
        now = random.get_state()
        random.set_state(self.state)
        try:
            with using_config("train", self.config.train), using_config("enable_backprop", True):
                outs = [out for out in _flatten(self.run(values))[0] if _recorded(out)]
        finally:
            random.set_state(now)
        given = g if isinstance(g, tuple) else (g,)
        roots = [(out.node, seed) for out, seed in zip(outs, given, strict=True) if seed is not None]
        own = [values[i].node for i in self.passed]
        targets = [*own, *self.edges[len(own) :]]
        arrived = backpropagate(roots, create_graph=recording, targets=targets)
        zero = [None if edge in arrived else shape for edge, shape in zip(targets, self.shapes, strict=True)]
        like = given[0] if given[0] is not None else next(part for part in given if part is not None)
        space = like.__array_namespace__() if recording else xp
        return [
            arrived[edge] if shape is None else space.broadcast_to(space.sum(space.zeros_like(like)), shape)
            for edge, shape in zip(targets, zero, strict=True)
        ]


class _Functions(Observer):
    """Collects every function that is recorded."""

    def __init__(self) -> None:
        self.functions: dict[Any, None] = {}

    def forward(self, function: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """Remember the function."""
        self.functions[function] = None


class _Run:
    """One recorded run of a function on fresh stand-ins for the arguments that are differentiated."""

    def __init__(
        self, name: str, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Argnums
    ) -> None:
        self.name = name
        self.one = not isinstance(argnums, Sequence)
        given_numbers: Any = [argnums] if self.one else argnums
        numbers = [index(number) for number in given_numbers]
        for number in numbers:
            if not -len(args) <= number < len(args):
                raise InputError(f"{name}: argnums {number} of a call with {len(args)} positional arguments.")
        numbers = [number % len(args) for number in numbers]
        if len(set(numbers)) != len(numbers):
            raise InputError(f"{name}: argnums {argnums} names an argument twice.")
        given, self.rebuild_inputs = _flatten(tuple(args[number] for number in numbers))
        outer = any(isinstance(leaf, Recorded) for leaf in _flatten((args, kwargs))[0])
        self.nested = _nesting.get() > 0
        self.arrays_out = not outer
        self.inputs = [_stand_in(name, leaf) for leaf in given]
        self.recording = outer or self.nested
        values = list(args)
        for number, value in zip(numbers, self.rebuild_inputs(self.inputs), strict=True):
            values[number] = value
        with _inside_a_transformation():
            out = f(*values, **kwargs)
        parts, self.rebuild_output = _flatten(out)
        self.outputs = [_as_output(name, part) for part in parts]
        self.targets = [x.node for x in self.inputs]

    def single_output(self) -> Any:
        """The output, where it must be one array."""
        if len(self.outputs) != 1:
            raise ShapeError(f"{self.name}: the function must return one array, and returned {len(self.outputs)}.")
        return self.outputs[0]

    def pull(self, cotangents: Sequence[Any], recording: bool | None = None) -> list[Any]:
        """Take a cotangent of each output back to the inputs."""
        recording = self.recording if recording is None else recording or self.recording
        roots = [
            (out.node, g if recording else g.data)
            for out, g in zip(self.outputs, cotangents, strict=True)
            if out.requires_grad
        ]
        arrived = backpropagate(roots, create_graph=recording, retain_graph=True, targets=self.targets)
        gradients: list[Any] = []
        for x, edge in zip(self.inputs, self.targets, strict=True):
            g: Any = arrived.get(edge)
            if g is None:
                g = F.zeros_like(x)
            elif not isinstance(g, Recorded):
                g = make_result(namespace_of((x.data,)).asarray(g, dtype=x.dtype))
            elif g.dtype != x.dtype:  # type: ignore[attr-defined]
                g = F.astype(g, x.dtype)
            gradients.append(g)
        return gradients

    def push(self, tangents: Sequence[Any]) -> list[Any]:
        """Take a tangent of each input forward to the outputs."""
        with using_config("enable_backprop", True):
            cotangents = [Variable(F.zeros_like(out).data) for out in self.outputs]
            gradients = self.pull(cotangents, recording=True)
        recording = self.recording or any(_recorded(t) for t in tangents)
        roots = [
            (g.node, t if recording else t.data)
            for g, t in zip(gradients, tangents, strict=True)
            if g.requires_grad
        ]
        targets = [cotangent.node for cotangent in cotangents if cotangent.requires_grad]
        arrived = backpropagate(roots, create_graph=recording, targets=targets)
        pushed = []
        for out, cotangent in zip(self.outputs, cotangents, strict=True):
            t: Any = arrived.get(cotangent.node)
            if t is None:
                t = F.zeros_like(out)
            if not isinstance(t, Recorded):
                t = make_result(namespace_of((out.data,)).asarray(t, dtype=out.dtype))
            elif t.dtype != out.dtype:  # type: ignore[attr-defined]
                t = F.astype(t, out.dtype)
            pushed.append(t)
        return pushed

    def structured(self, gradients: Sequence[Any]) -> Any:
        """Gradients in the structure of the arguments."""
        rebuilt = self.rebuild_inputs([self.finish(g) for g in gradients])
        return rebuilt[0] if self.one else rebuilt

    def finish(self, value: Any) -> Any:
        """An array where arrays came in, and nothing outside depends on it; else the Variable."""
        if self.arrays_out and not (self.nested and value.requires_grad and _reaches_outside(value, self.targets)):
            return value.data
        return value

    def finish_output(self) -> Any:
        """The value of the function, in its own structure."""
        return self.rebuild_output([self.finish(out) for out in self.outputs])

    def match_outputs(self, what: str, given: Any) -> list[Any]:
        """Cotangents, one for each output, as Variables."""
        parts = [_constant(part) for part in _flatten(given)[0]]
        _same_shapes(self.name, what, parts, self.outputs)
        return parts

    def match_inputs(self, what: str, given: Any) -> list[Any]:
        """Tangents, one for each input, as Variables."""
        parts = [_constant(part) for part in _flatten(given)[0]]
        _same_shapes(self.name, what, parts, self.inputs)
        return parts


@operation
def _alias(xp, x):  # type: ignore[no-untyped-def]
    """The same value at another place on the tape."""
    return x


@_alias.derivative("x")
def _(g):  # type: ignore[no-untyped-def]
    return g


@contextmanager
def _inside_a_transformation() -> Iterator[None]:
    token = _nesting.set(_nesting.get() + 1)
    try:
        with using_config("enable_backprop", True):
            yield
    finally:
        _nesting.reset(token)


def _stand_in(name: str, leaf: Any) -> Any:
    """A fresh Variable in place of an argument, joined to it on the tape where that is on one."""
    if _recorded(leaf):
        with using_config("enable_backprop", True):
            return _alias(leaf)
    data = as_array(leaf)
    if not namespace_of((data,)).isdtype(data.dtype, "real floating"):
        raise DtypeError(
            f"{name}: an argument to be differentiated must be of floating point, and this is {describe(data)}.\n"
            "    Fix: convert it, for example with .astype(float), or leave it out of argnums."
        )
    return Variable(data)


def _as_output(name: str, part: Any) -> Any:
    if isinstance(part, Recorded):
        return part
    if hasattr(part, "dtype") or isinstance(part, int | float):
        return make_result(as_array(part))
    raise DtypeError(f"{name}: the function must return arrays, and returned {describe(part)}.")


def _constant(value: Any) -> Any:
    return value if isinstance(value, Recorded) else make_result(as_array(value))


def _recorded(value: Any) -> bool:
    return isinstance(value, Recorded) and value.requires_grad


def _same_shapes(name: str, what: str, given: Sequence[Any], wanted: Sequence[Any]) -> None:
    if len(given) != len(wanted) or any(g.shape != w.shape for g, w in zip(given, wanted, strict=False)):
        got, want = ", ".join(str(g.shape) for g in given), ", ".join(str(w.shape) for w in wanted)
        raise ShapeError(f"{name}: a {what} has the shape of what it belongs to; got {got}, wanted {want}.")


def _reaches_outside(value: Any, targets: Sequence[Any]) -> bool:
    """Whether a value depends on anything but the stand-ins: on what an enclosing transformation differentiates."""
    seen = set(targets)
    stack = [value.node]
    while stack:
        edge = stack.pop()
        if edge in seen:
            continue
        if not edge.depth:
            leaf = edge.leaf()
            if leaf is not None and leaf not in seen:
                return True
        seen.add(edge)
        stack.extend(edges_below(edge))
    return False


def _edge_shape(edge: Any) -> Any:
    value = value_at(edge)
    if value is None:
        return None if edge.depth else ()
    return value.shape


def _basis(values: Sequence[Any]) -> Iterator[list[Any]]:
    """Each unit vector of the space of these values together."""
    for value in values:
        for i in range(value.size):
            flat = F.update(F.reshape(F.zeros_like(value), (-1,)), i, 1.0)
            unit = F.reshape(flat, value.shape)
            yield [unit if other is value else F.zeros_like(other) for other in values]


def _stack_rows(rows: Sequence[Any], shape: tuple[int, ...], like: Any) -> Any:
    if not rows:
        return make_result(namespace_of((like.data,)).zeros(shape + like.shape, dtype=like.dtype))
    return F.reshape(F.stack(rows, axis=0), shape + like.shape)


def _assemble(columns: Sequence[Any], ins: Sequence[Any], shape: tuple[int, ...], *, last: bool) -> list[Any]:
    """Columns, one for each entry of the inputs in turn, as one block for each input."""
    blocks, start = [], 0
    for x in ins:
        part = columns[start : start + x.size]
        start += x.size
        if part:
            blocks.append(F.reshape(F.stack(part, axis=-1), shape + x.shape))
        else:
            blocks.append(make_result(namespace_of((x.data,)).zeros(shape + x.shape, dtype=x.dtype)))
    return blocks


def _flatten(tree: Any) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    """The leaves of nested tuples, lists and dicts, and the way to build the same structure of others."""
    if isinstance(tree, dict):
        keys = list(tree)
        leaves, rebuild = _flatten([tree[key] for key in keys])
        return leaves, lambda values: dict(zip(keys, rebuild(values), strict=True))
    if isinstance(tree, tuple | list):
        parts = [_flatten(item) for item in tree]
        sizes = [len(part) for part, _ in parts]
        kind: Any = type(tree)

        def build(values: Sequence[Any]) -> Any:
            built, start = [], 0
            for (_, rebuild), size in zip(parts, sizes, strict=True):
                built.append(rebuild(values[start : start + size]))
                start += size
            return kind(*built) if hasattr(kind, "_fields") else kind(built)

        return [leaf for part, _ in parts for leaf in part], build
    return [tree], lambda values: values[0]


def _check_sequences(name: str, primals: Any, tangents: Any) -> None:
    for what, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, tuple | list):
            raise DtypeError(
                f"{name}: {what} is a tuple or list with one entry an argument, and this is {describe(given)}.\n"
                f"    Fix: write ({what.removesuffix('s')},)."
            )
