"""Checking derivatives: numerical differentiation, and gradcheck, one line for any function.

A cotangent of ones hides transposed and summed gradients, so gradcheck always draws random ones.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from wengert import functions as F
from wengert.core.backward import backpropagate
from wengert.core.modes import using_config
from wengert.core.recorded import Recorded
from wengert.errors import InputError, WengertError
from wengert.trees import flatten
from wengert.variable import Variable, as_array

__all__ = ["GradientError", "gradcheck", "numerical_grad"]


class GradientError(WengertError, AssertionError):
    """A derivative that differs from finite differences."""


def numerical_grad(
    f: Callable[..., Any],
    *xs: Any,
    method: Literal["central", "forward"] = "central",
    eps: float = 1e-4,
    argnum: int = 0,
) -> Any:
    """The gradient of the sum of ``f(*xs)`` in ``xs[argnum]``, by finite differences in float64.

    central: (f(x + h) - f(x - h)) / 2h, with an error of order h**2
    forward: (f(x + h) - f(x)) / h, with an error of order h

    Cost: two runs of ``f`` for every entry of the argument (one more than one, for ``forward``).

    Raises:
        InputError: ``method`` is neither.

    Example:
        >>> import numpy as np
        >>> round(float(numerical_grad(lambda x: x ** 2, np.array(3.0))), 6)
        6.0
    """
    if method not in ("central", "forward"):
        raise InputError(f"numerical_grad: method must be 'central' or 'forward', and is {method!r}.")
    values = [np.array(as_array(x), dtype=float) if i == argnum else x for i, x in enumerate(xs)]
    x = values[argnum]

    def total() -> float:
        with using_config("enable_backprop", False):
            out = f(*[Variable(v.copy()) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v for v in values])
        return float(np.sum(np.asarray(as_array(out), dtype=float)))

    gradient = np.zeros_like(x)
    at_x = total() if method == "forward" else 0.0
    for i in np.ndindex(x.shape):
        entry = x[i]
        x[i] = entry + eps
        above = total()
        if method == "central":
            x[i] = entry - eps
            gradient[i] = (above - total()) / (2 * eps)
        else:
            gradient[i] = (above - at_x) / eps
        x[i] = entry
    return gradient


def gradcheck(
    f: Callable[..., Any],
    *xs: Any,
    order: int = 2,
    eps: float = 1e-4,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    seed: int = 0,
) -> bool:
    """Compare the derivatives of ``f`` at ``xs`` with finite differences, up to ``order``.

    Every floating-point array among the arguments, also inside lists, tuples and dicts, is differentiated in float64.
    Outputs are weighted with random cotangents, which are differentiated in turn;
    each higher order is the derivative of the one before along a random direction.
    The difference is taken over four points: (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h.

    Args:
        f: A function of Variables that returns one or several of them.
        xs: Where to check; the arrays are left as they are.
        order: The highest order of derivative, 1 or more.
        eps: The step h, in proportion to the size of an entry where that is above one.

    Returns:
        True.

    Raises:
        GradientError: a derivative differs; the message is a table of where, and by how much.

    Example:
        >>> import numpy as np
        >>> from wengert import functions as F
        >>> gradcheck(F.tanh, np.array([0.1, 0.5]), order=3)
        True
    """
    if order < 1:
        raise InputError(f"gradcheck: order must be 1 or more, and is {order}.")
    rng = np.random.default_rng(seed)
    name = getattr(f, "__name__", repr(f))
    leaves, rebuild = flatten(xs)
    places = [i for i, leaf in enumerate(leaves) if _is_floating(leaf)]
    if not places:
        raise InputError(f"gradcheck: {name} was given nothing of floating point to differentiate.")
    point = [np.array(as_array(leaves[i]), dtype=np.float64) for i in places]

    def run(values: Sequence[Any]) -> list[Any]:
        filled = [as_array(leaf) if isinstance(leaf, Recorded) else leaf for leaf in leaves]
        for place, value in zip(places, values, strict=True):
            filled[place] = value
        outs, _ = flatten(f(*rebuild(filled)))
        return [out for out in outs if isinstance(out, Variable) and np.dtype(out.dtype).kind == "f"]

    count = len(point)
    shapes = [out.shape for out in run([Variable(p.copy()) for p in point])]
    point += [np.asarray(rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)) for shape in shapes]

    def scalar(values: Sequence[Any]) -> Any:  # the weighted sum of the outputs, of inputs and weights alike
        outs = run(values[:count])
        total: Any = 0.0
        for out, weight in zip(outs, values[count:], strict=True):
            total = total + F.sum(out * weight)
        return total

    step: Callable[[Sequence[Any]], Any] = scalar
    directions: list[Any] = []
    before: Callable[[Sequence[Any]], list[Any]] = list
    for current in range(1, order + 1):
        analytic = [_data(g) for g in _gradient(step, [Variable(p.copy()) for p in point], False, name)]
        if current == 1:
            numeric = [_entrywise(lambda vs: float(_data(scalar(vs))), point, i, eps) for i in range(len(point))]
        else:
            direction, previous = directions, before
            numeric = _along(previous, point, direction, eps)
        _compare(name, current, count, point, analytic, numeric, rtol, atol)
        directions = [np.asarray(rng.uniform(-1, 1, p.shape)) for p in point]

        def before(  # type: ignore[no-redef]
            values: Sequence[Any], inner: Callable[[Sequence[Any]], Any] = step
        ) -> list[Any]:
            return [_data(g) for g in _gradient(inner, values, False, name)]

        def step(  # type: ignore[no-redef]
            values: Sequence[Any],
            inner: Callable[[Sequence[Any]], Any] = step,
            along: list[Any] = directions,
        ) -> Any:
            total: Any = 0.0
            for g, v in zip(_gradient(inner, values, True, name), along, strict=True):
                if g is not None:
                    total = total + F.sum(g * v)
            return total

    return True


def _gradient(step: Callable[[Sequence[Any]], Any], values: Sequence[Any], recording: bool, name: str) -> list[Any]:
    with using_config("enable_backprop", True):
        total = step(values)
    if not isinstance(total, Recorded) or not total.requires_grad:
        return [np.zeros(v.shape) if not recording else None for v in values]
    seed = Variable(np.ones(()), requires_grad=False) if recording else np.ones(())
    arrived = backpropagate(
        [(total.node, seed)], create_graph=recording, targets=[v.node for v in values]
    )
    gradients = [arrived.get(v.node) for v in values]
    for v, g in zip(values, gradients, strict=True):
        if g is not None and g.shape != v.shape:
            raise GradientError(f"gradcheck of {name}: a gradient has shape {g.shape}, and its input {v.shape}.")
    return [g if g is not None or recording else np.zeros(v.shape) for g, v in zip(gradients, values, strict=True)]


def _entrywise(f: Callable[[Sequence[Any]], float], point: list[Any], which: int, eps: float) -> Any:
    out = np.zeros(point[which].shape)
    values = [p.copy() for p in point]
    with using_config("enable_backprop", False):
        for i in np.ndindex(out.shape):
            entry = point[which][i]
            h = eps * max(1.0, abs(entry))

            def at(t: float, i: Any = i, entry: Any = entry) -> float:
                values[which][i] = entry + t
                return f([Variable(v.copy()) for v in values])

            out[i] = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
            values[which][i] = entry
    return out


def _along(f: Callable[[Sequence[Any]], list[Any]], point: list[Any], direction: list[Any], eps: float) -> list[Any]:
    def at(t: float) -> list[Any]:
        return f([Variable(p + t * v) for p, v in zip(point, direction, strict=True)])

    parts = zip(at(eps), at(-eps), at(2 * eps), at(-2 * eps), strict=True)
    return [(8 * (a - b) - (c - d)) / (12 * eps) for a, b, c, d in parts]


def _compare(
    name: str,
    order: int,
    count: int,
    point: list[Any],
    analytic: list[Any],
    numeric: list[Any],
    rtol: float,
    atol: float,
) -> None:
    rows = []
    for i, (got, want) in enumerate(zip(analytic, numeric, strict=True)):
        if np.shape(got) != np.shape(want):
            raise GradientError(
                f"gradcheck of {name}, order {order}: the gradient of {_label(i, count)} has shape {np.shape(got)}, "
                f"and the input {np.shape(want)}."
            )
        scale = max(1.0, float(np.max(np.abs(want), initial=0.0)))
        wrong = ~(np.abs(got - want) <= atol * scale + rtol * np.abs(want))  # a nan is wrong
        for place in np.argwhere(wrong):
            at = tuple(int(k) for k in place)
            rows.append((_label(i, count), str(at), float(point[i][at]), float(got[at]), float(want[at])))
    if rows:
        head = f"{'where':<12} {'entry':<12} {'at':>13} {'derivative':>16} {'difference':>16}"
        lines = [f"{w:<12} {e:<12} {x:>13.6g} {g:>16.9g} {n:>16.9g}" for w, e, x, g, n in rows[:20]]
        more = [f"... and {len(rows) - 20} more"] if len(rows) > 20 else []
        raise GradientError(
            "\n    ".join([f"gradcheck of {name}: derivatives of order {order} differ.", head, *lines, *more])
        )


def _label(i: int, count: int) -> str:
    return f"input {i}" if i < count else f"cotangent {i - count}"


def _is_floating(leaf: Any) -> bool:
    return not isinstance(leaf, type) and np.dtype(getattr(leaf, "dtype", object)).kind == "f"


def _data(value: Any) -> Any:
    return np.asarray(value.data if isinstance(value, Recorded) else value, dtype=np.float64)
