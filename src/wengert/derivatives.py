"""Derivatives as functions: grad and its kin take a function and give the function that computes its derivative.

Arrays in give arrays out; Variables in give Variables out, on the tape, so they nest to any order.
A Variable that the function takes from outside (a closure, a layer's Parameter) counts as well: what depends on one
that needs a gradient is a Variable on its tape.  Inside `no_grad` nothing is put on a tape.

Arguments may be trees: nested tuples, lists, mappings and dataclasses of arrays, which keep their classes.  What is no
number of floating point there (None, a string, a whole number) is passed on as it is, and its gradient is None.
The function may write into its arguments; the caller's arrays stay as they are.

A result that does not depend on any argument has most often left the tape (``x.item()``, ``x.data``, ``argmax``), and
is an error; a function that is constant is meant with ``allow_unused=True``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from inspect import signature
from operator import index
from typing import Any

from wengert import functions as F
from wengert.backends import namespace_of
from wengert.core.backward import backpropagate, edges_leading_to
from wengert.core.modes import current_config, note_exit, noting_exits, using_config
from wengert.core.recorded import Recorded, make_result
from wengert.errors import DtypeError, GraphError, InputError, ShapeError, describe, laid_out, message
from wengert.recomputing import checkpoint
from wengert.standins import active, argument, constant_in, is_recorded, sources_of
from wengert.trees import flatten, holds, leaves_of, place_of
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


def grad(f: Callable[..., Any], argnums: Argnums = 0, *, allow_unused: bool = False) -> Callable[..., Any]:
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
    with_value = value_and_grad(f, argnums, allow_unused=allow_unused)

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return with_value(*args, **kwargs)[1]

    return gradient


def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, *, allow_unused: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """The value of ``f`` and its gradient (see `grad`), from one run.

    Example:
        >>> import numpy as np
        >>> value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 2.0]))
        (array(5.), array([2., 4.]))
    """

    @wraps(f)
    def both(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        run = _Run("grad", f, args, kwargs, argnums, allow_unused)
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


def elementwise_grad(f: Callable[..., Any], argnums: Argnums = 0, *, allow_unused: bool = False) -> Callable[..., Any]:
    """The derivative of each entry of ``f(x)`` in the same entry of ``x``, for functions that work entry by entry.

    Where entries mix, it is the gradient of the sum of ``f(x)``.

    Example:
        >>> import numpy as np
        >>> elementwise_grad(lambda x: x ** 2)(np.array([1.0, 2.0]))
        array([2., 4.])
    """

    @wraps(f)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        run = _Run("elementwise_grad", f, args, kwargs, argnums, allow_unused)
        return run.structured(run.pull([F.ones_like(run.single_output())]))

    return derivative


def vjp(f: Callable[..., Any], *args: Any, allow_unused: bool = False) -> tuple[Any, Callable[..., tuple[Any, ...]]]:
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
    run = _Run("vjp", f, args, {}, range(len(args)), allow_unused)
    run.check_reached()

    def pull(cotangent: Any) -> tuple[Any, ...]:
        given = run.match_outputs("cotangent", cotangent)
        along = [g for g in given if is_recorded(g)]
        return tuple(run.structured(run.pull(given, recording=run.records(along)), along))

    return run.finish_output(), pull


def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], *, allow_unused: bool = False
) -> tuple[Any, Any]:
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
    run = _Run("jvp", f, tuple(primals), {}, range(len(primals)), allow_unused)
    given = run.match_inputs("tangent", tuple(tangents))
    along = [t for t in given if is_recorded(t)]
    pushed = [run.finish(part, along) for part in run.push(given, along)]
    return run.finish_output(), run.rebuild_output(pushed)


def jacobian(f: Callable[..., Any], argnums: Argnums = 0, *, allow_unused: bool = False) -> Callable[..., Any]:
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
        run = _Run("jacobian", f, args, kwargs, argnums, allow_unused)
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


def hessian(f: Callable[..., Any], argnums: Argnums = 0, *, allow_unused: bool = False) -> Callable[..., Any]:
    """All second derivatives of ``f``, which returns a scalar: the Jacobian of its gradient.

    Example:
        >>> import numpy as np
        >>> hessian(lambda x: (x ** 3).sum())(np.array([1.0, 2.0]))
        array([[ 6.,  0.],
               [ 0., 12.]])
    """
    return jacobian(grad(f, argnums, allow_unused=allow_unused), argnums)


def hvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], *, allow_unused: bool = False
) -> Any:
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
        gradients = list(leaves_of(grad(f, every, allow_unused=allow_unused)(*values)))
        directions = _matched("hvp", "tangent", tangents, gradients)
        gradients = [gradient for gradient in gradients if gradient is not None]
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
    leaves, rebuild = flatten(x)
    if any(is_recorded(leaf) for leaf in leaves):
        note_exit("stop_gradient")
    return rebuild([make_result(leaf.data) if isinstance(leaf, Recorded) else leaf for leaf in leaves])


class _Run:
    """One recorded run of a function on stand-ins for the arguments that are differentiated."""

    def __init__(
        self,
        name: str,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        argnums: Argnums,
        allow_unused: bool,
    ) -> None:
        self.name, self.allow_unused = name, allow_unused
        self.one = not isinstance(argnums, Sequence)
        given_numbers: Any = [argnums] if self.one else argnums
        numbers = [index(number) for number in given_numbers]
        for number in numbers:
            if not -len(args) <= number < len(args):
                raise InputError(f"{name}: argnums {number} of a call with {len(args)} positional arguments.")
        numbers = [number % len(args) for number in numbers]
        if len(set(numbers)) != len(numbers):
            raise InputError(f"{name}: argnums {argnums} names an argument twice.")
        handed, self.rebuild_inputs = flatten(tuple(args[number] for number in numbers))
        passed = {id(leaf) for leaf in handed}
        sources = [_source(leaf) for leaf in handed]  # None in place of each constant
        if any(x is None for x in sources):
            _check_constants(name, f, [(number, args[number]) for number in numbers])
        self.arrays_out = not (holds(args, Recorded) or holds(kwargs, Recorded))
        recording = current_config().enable_backprop
        with using_config("enable_backprop", True), noting_exits() as self.exits:
            stand_ins = [None if x is None else argument(x) for x in sources]
            self.targets = [x.node for x in stand_ins if x is not None]
            values = list(args)
            filled = [leaf if x is None else x for leaf, x in zip(handed, stand_ins, strict=True)]
            for number, value in zip(numbers, self.rebuild_inputs(filled), strict=True):
                values[number] = value
            with active(self.targets):
                out = f(*values, **kwargs)
        parts, self.build_output = flatten(out)
        computed = any(is_recorded(part) for part in parts)  # beside what was computed None may stand
        self.parts = [
            None if part is None and computed else _output(name, part, i, out) for i, part in enumerate(parts)
        ]
        self.outputs = [part for part in self.parts if part is not None]
        # What was passed as a Variable leads on to the tape outside; other stand-ins end here, and are constants now.
        self.leaves = [x if x is None or id(x) in passed else make_result(x.data) for x in sources]
        self.inputs = [x for x in self.leaves if x is not None]
        self.joints = {e: x.shape for e, x in zip(self.targets, self.inputs, strict=True) if id(x) in passed}
        self.own = [edge for edge in self.targets if edge not in self.joints]
        self.sources: dict[Any, Any] = {}  # all on the tape outside that the outputs are a function of
        if recording:
            self.sources = self.joints | self.reached(self.outputs)

    def reached(self, values: Iterable[Any]) -> dict[Any, Any]:
        """What values depend on outside."""
        return sources_of([value.node for value in values if value.node is not None], self.own, self.joints)

    def records(self, along: Sequence[Any] = ()) -> bool:
        """Whether what is computed now goes on the tape outside; ``along`` are directions that are on it."""
        return bool(self.sources or along) and current_config().enable_backprop

    def single_output(self) -> Any:
        """The output, where it must be one array."""
        if len(self.parts) != 1:
            raise ShapeError(f"{self.name}: the function must return one array, and returned {len(self.parts)}.")
        return self.outputs[0]

    def check_reached(self) -> None:
        """Raise where no output depends on any input."""
        roots = [out.node for out in self.outputs if out.node is not None]
        found = edges_leading_to(self.targets, roots)
        self._check(root for root in roots if root in found)

    def _check(self, found: Iterable[Any]) -> None:
        if self.targets and self.outputs and not self.allow_unused and not any(True for _ in found):
            rows = [("it returned", describe(out)) for out in self.outputs[:3]]
            rows += [(f"by {how}", repr(line)) for line, how in self.exits.items()]
            call = "f, ..., allow_unused=True" if self.name in ("vjp", "jvp", "hvp") else "f, allow_unused=True"
            raise GraphError(
                laid_out(
                    f"{self.name}: the result does not depend on what is differentiated: "
                    "it is a constant, or has left the tape.",
                    rows,
                    "compute it from the argument itself: item(), .data, detach(), comparisons, argmax and no_grad() "
                    f"make constants. If it is meant to be constant, {self.name}({call}) gives zeros.",
                )
            )

    def pull(self, cotangents: Sequence[Any], recording: bool | None = None) -> list[Any]:
        """Take a cotangent of each output back to the inputs."""
        recording = self.records() if recording is None else recording
        roots = [
            (out.node, g if recording else g.data)
            for out, g in zip(self.outputs, cotangents, strict=True)
            if out.node is not None
        ]
        with active(self.targets):  # also for what runs once more on the way
            arrived = backpropagate(roots, create_graph=recording, retain_graph=True, targets=self.targets)
        self._check(edge for edge in self.targets if edge in arrived)
        return [_like(x, arrived.get(edge)) for x, edge in zip(self.inputs, self.targets, strict=True)]

    def push(self, tangents: Sequence[Any], along: Sequence[Any] = ()) -> list[Any]:
        """Take a tangent of each input forward to the outputs; ``along`` are those of them that are on a tape."""
        recording = self.records(along)
        with using_config("enable_backprop", True):
            cotangents = [Variable(F.zeros_like(out).data) for out in self.outputs]
            gradients = self.pull(cotangents, recording=True)
        roots = [
            (g.node, t if recording else t.data)
            for g, t in zip(gradients, tangents, strict=True)
            if g.node is not None
        ]
        targets = [cotangent.node for cotangent in cotangents if cotangent.node is not None]
        arrived = backpropagate(roots, create_graph=recording, targets=targets)
        return [_like(out, arrived.get(c.node)) for out, c in zip(self.outputs, cotangents, strict=True)]

    def rebuild_output(self, values: Sequence[Any]) -> Any:
        """Values, one for each output, in the structure of the result."""
        rest = iter(values)
        return self.build_output([None if part is None else next(rest) for part in self.parts])

    def structured(self, gradients: Sequence[Any], along: Sequence[Any] = ()) -> Any:
        """Gradients in the structure of the arguments, with None for what is a constant there."""
        rest = iter([self.finish(g, along) for g in gradients])
        rebuilt = self.rebuild_inputs([None if x is None else next(rest) for x in self.leaves])
        return rebuilt[0] if self.one else rebuilt

    def finish(self, value: Any, along: Sequence[Any] = ()) -> Any:
        """What is handed out: an array where arrays came in and nothing outside counts; else a Variable.

        On the tape outside it is a function of all that the outputs are a function of, also where it is constant in
        some of that: the derivative of a linear function is.
        """
        if not self.records(along):
            return value.data if self.arrays_out else make_result(value.data)
        reached = self.reached([value])
        if not reached:
            value = make_result(value.data)
        wanted = self.sources | self.reached(along)
        missing = {edge: shape for edge, shape in wanted.items() if edge not in reached}
        return constant_in(value, missing) if missing else value

    def finish_output(self) -> Any:
        """The value of the function, in its own structure."""
        return self.rebuild_output([self.finish(out) for out in self.outputs])

    def match_outputs(self, what: str, given: Any) -> list[Any]:
        """Cotangents, one for each output, as Variables."""
        return _matched(self.name, what, given, self.parts)

    def match_inputs(self, what: str, given: Any) -> list[Any]:
        """Tangents, one for each input, as Variables; what stands in the place of a constant is not looked at."""
        return _matched(self.name, what, given, self.leaves)


def _source(leaf: Any) -> Any:
    """The Variable in a leaf of the arguments, or around its array; None for what is no array of floating point."""
    if is_recorded(leaf):
        return leaf
    if isinstance(leaf, float) or (hasattr(leaf, "dtype") and hasattr(leaf, "shape")):
        x = Variable(as_array(leaf))
        if x.node is not None:
            return x
    return None


def _check_constants(name: str, f: Callable[..., Any], arguments: Sequence[tuple[int, Any]]) -> None:
    """Raise for arrays that have no derivative, and for arguments with nothing to differentiate in them."""
    for number, argument_ in arguments:
        leaves = list(leaves_of(argument_))
        constants = [i for i, leaf in enumerate(leaves) if _source(leaf) is None]
        arrays = [i for i in constants if getattr(leaves[i], "ndim", 0) or isinstance(leaves[i], Recorded | complex)]
        wrong = arrays or (constants if len(constants) == len(leaves) else [])
        if not wrong:
            continue
        leaf = leaves[wrong[0]]
        place = place_of(argument_, wrong[0], _parameter_name(f, number))
        fix = "convert it, for example with .astype(float), or leave it out of argnums."
        if hasattr(leaf, "cleargrads"):
            fix = (
                "a layer or model is not an argument: let the function use it, call backward() on the result, and find "
                "the gradients in parameter.grad; or give a list of its parameters' arrays. Or leave it out of argnums."
            )
        raise DtypeError(
            f"{name}: an argument to be differentiated must be of floating point, and {place} is {describe(leaf)}.\n"
            f"    Fix: {fix}"
        )


def _parameter_name(f: Callable[..., Any], number: int) -> str:
    """What a function calls its positional argument of this number."""
    try:
        parameters = list(signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return positional[number] if number < len(positional) else f"argument {number}"


def _output(name: str, part: Any, number: int, out: Any) -> Any:
    if isinstance(part, Recorded):
        return part
    if hasattr(part, "dtype") or isinstance(part, int | float):
        return make_result(as_array(part))
    place = "" if part is out else f" ({place_of(out, number, 'result')})"
    raise DtypeError(f"{name}: the function must return arrays, and returned {describe(part)}{place}.")


def _constant(value: Any) -> Any:
    return value if isinstance(value, Recorded) else make_result(as_array(value))


def _like(x: Any, g: Any) -> Any:
    """What arrived for ``x`` as a Variable of its dtype; zeros where nothing did."""
    if g is None:
        return F.zeros_like(x)
    if not isinstance(g, Recorded):
        return make_result(namespace_of((x.data,)).asarray(g, dtype=x.dtype))
    return g if g.dtype == x.dtype else F.astype(g, x.dtype)  # type: ignore[attr-defined]


def _matched(name: str, what: str, given: Any, wanted: Sequence[Any]) -> list[Any]:
    """Tangents or cotangents as Variables, one for each of ``wanted`` that is not None."""
    leaves = list(leaves_of(given))
    if len(leaves) != len(wanted):
        got, want = (", ".join(str(getattr(x, "shape", x)) for x in each) for each in (leaves, wanted))
        raise ShapeError(f"{name}: a {what} has the shape of what it belongs to; got {got}, wanted {want}.")
    matched = []
    for i, (leaf, x) in enumerate(zip(leaves, wanted, strict=True)):
        if x is None:
            continue
        part = _constant(leaf)
        if part.shape != x.shape:
            place = "" if leaf is given else f" at {place_of(given, i, what + 's')}"
            raise ShapeError(
                f"{name}: a {what} has the shape of what it belongs to; got {part.shape}{place}, wanted {x.shape}."
            )
        matched.append(part)
    return matched


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


def _check_sequences(name: str, primals: Any, tangents: Any) -> None:
    for what, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, tuple | list):
            raise DtypeError(
                f"{name}: {what} is a tuple or list with one entry an argument, and this is {describe(given)}.\n"
                f"    Fix: write ({what.removesuffix('s')},)."
            )
