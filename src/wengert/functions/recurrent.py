"""Recurrent networks over whole sequences: rnn, lstm and gru, each one operation for one layer in one direction.

On NumPy forward and derivative are kernels written by hand (backends/recurrent.py).  Beside each stands the same
network as a composition of elementary functions: it is what runs on other libraries, and what is recorded for
derivatives of higher order.
"""

from collections.abc import Callable
from typing import Any

from wengert.backends import namespace_of
from wengert.backends import recurrent as kernels
from wengert.core.backward import backpropagate
from wengert.core.modes import using_config
from wengert.core.operation import operation
from wengert.core.real import real_valued
from wengert.core.recorded import Leaf, Recorded, make_result
from wengert.errors import DtypeError, InputError, ShapeError, message
from wengert.functions.arithmetic import positive

__all__ = ["gru", "lstm", "rnn"]


@real_valued("x", "h", "weight_ih", "weight_hh", "bias_ih", "bias_hh")
def rnn(
    x: Any,
    h: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    *,
    nonlinearity: str = "tanh",
    lengths: Any = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """A plain recurrent network over whole sequences (Elman 1990), time first.

    h[t] = tanh(x[t] @ weight_ih + bias_ih + h[t - 1] @ weight_hh + bias_hh)

    Shapes: x (time, batch, in), h (batch, size) or None for zeros, weight_ih (in, size), weight_hh (size, size),
        biases (size,) or None -> the states (time, batch, size), and the last one (batch, size).

    Args:
        nonlinearity: ``"tanh"`` or ``"relu"``.
        lengths: How many steps of each sequence count, (batch,) of integers [0, time]; all where None.
            Outputs past the end are zero, and the last state is that at the true end.
        reverse: Go from the end of each sequence to its beginning; outputs stay in the order of ``x``.

    Raises:
        ShapeError: the shapes do not fit one another.
        InputError: the sequence has no steps, a length lies outside it, or there is no such nonlinearity.

    Example:
        >>> import numpy as np
        >>> states, last = rnn(np.ones((3, 1, 2)), None, np.zeros((2, 4)), np.zeros((4, 4)), np.ones(4))
        >>> states.shape, last.shape
        ((3, 1, 4), (1, 4))
    """
    if nonlinearity not in ("tanh", "relu"):
        raise InputError(f"rnn: nonlinearity must be 'tanh' or 'relu', and is {nonlinearity!r}.")
    weights = (weight_ih, weight_hh, bias_ih, bias_hh)
    (h,), idle = _checked("rnn", x, {"h": h}, weights, 1, lengths)
    out, last, *_ = _rnn(x, h, *weights, idle=idle, reverse=bool(reverse), relu=nonlinearity == "relu")
    return out, last


@operation
def _rnn(xp, x, h, weight_ih, weight_hh, bias_ih, bias_hh, *, idle, reverse, relu):
    run = kernels.rnn if kernels.takes(xp) else _rnn_composed
    return run(x, h, weight_ih, weight_hh, bias_ih, bias_hh, idle=idle, reverse=reverse, relu=relu)


@_rnn.derivative("x", "h", "weight_ih", "weight_hh", "bias_ih", "bias_hh")
def _(xp, g, x, h, weight_ih, weight_hh, bias_ih, bias_hh, out, idle, reverse, relu, wanted):
    if kernels.takes(xp):
        return kernels.rnn_slopes(
            g, x, weight_ih, weight_hh, out, idle=idle, reverse=reverse, relu=relu, wanted=wanted
        )
    inputs = (x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    return _recomputed(_rnn_composed, inputs, g, wanted, idle=idle, reverse=reverse, relu=relu)


def _rnn_composed(x, h, weight_ih, weight_hh, bias_ih, bias_hh, *, idle, reverse, relu):
    def step(xp, z, h):
        z = _affine(xp, h, weight_hh, bias_hh) + z
        return [xp.maximum(z, 0) if relu else xp.tanh(z)]

    return _composed(step, x, [h], weight_ih, bias_ih, idle, reverse)


@real_valued("x", "h", "c", "weight_ih", "weight_hh", "bias_ih", "bias_hh")
def lstm(
    x: Any,
    h: Any,
    c: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    *,
    lengths: Any = None,
    reverse: bool = False,
) -> tuple[Any, Any, Any]:
    """Long short-term memory over whole sequences (Hochreiter and Schmidhuber 1997; Gers et al. 2000), time first.

    i, f, a, o = the four parts of x[t] @ weight_ih + bias_ih + h[t - 1] @ weight_hh + bias_hh
    c[t] = sigmoid(f) * c[t - 1] + sigmoid(i) * tanh(a)
    h[t] = sigmoid(o) * tanh(c[t])

    Shapes: x (time, batch, in), h and c (batch, size) or None for zeros, weight_ih (in, 4 size),
        weight_hh (size, 4 size), biases (4 size,) or None
        -> the states (time, batch, size), and the last state and cell (batch, size).

    Args:
        lengths: See `rnn`.
        reverse: See `rnn`.

    Raises:
        ShapeError: the shapes do not fit one another.
        InputError: the sequence has no steps, or a length lies outside it.

    Cost: remembers the gates, states and cells of all steps: six times the size of the output.

    Example:
        >>> import numpy as np
        >>> states, h, c = lstm(np.ones((3, 1, 2)), None, None, np.zeros((2, 16)), np.zeros((4, 16)), np.ones(16))
        >>> states.shape, h.shape, c.shape
        ((3, 1, 4), (1, 4), (1, 4))
    """
    weights = (weight_ih, weight_hh, bias_ih, bias_hh)
    (h, c), idle = _checked("lstm", x, {"h": h, "c": c}, weights, 4, lengths)
    out, last, cell, *_ = _lstm(x, h, c, *weights, idle=idle, reverse=bool(reverse))
    return out, last, cell


@operation
def _lstm(xp, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh, *, idle, reverse):
    run = kernels.lstm if kernels.takes(xp) else _lstm_composed
    return run(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh, idle=idle, reverse=reverse)


@_lstm.derivative("x", "h", "c", "weight_ih", "weight_hh", "bias_ih", "bias_hh")
def _(xp, g, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh, out, idle, reverse, wanted):
    if kernels.takes(xp):
        return kernels.lstm_slopes(g, x, weight_ih, weight_hh, out, idle=idle, reverse=reverse, wanted=wanted)
    inputs = (x, h, c, weight_ih, weight_hh, bias_ih, bias_hh)
    return _recomputed(_lstm_composed, inputs, g, wanted, idle=idle, reverse=reverse)


def _lstm_composed(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh, *, idle, reverse):
    def step(xp, z, h, c):
        take, keep, candidate, give = _parts(_affine(xp, h, weight_hh, bias_hh) + z, 4)
        c = xp.sigmoid(keep) * c + xp.sigmoid(take) * xp.tanh(candidate)
        return [xp.sigmoid(give) * xp.tanh(c), c]

    return _composed(step, x, [h, c], weight_ih, bias_ih, idle, reverse)


@real_valued("x", "h", "weight_ih", "weight_hh", "bias_ih", "bias_hh")
def gru(
    x: Any,
    h: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    *,
    lengths: Any = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Gated recurrent units over whole sequences (Cho et al. 2014, the reset gate after the product), time first.

    r, z, n = the three parts of x[t] @ weight_ih + bias_ih;  s, y, m = those of h[t - 1] @ weight_hh + bias_hh
    r, z = sigmoid(r + s), sigmoid(z + y)
    h[t] = (1 - z) * tanh(n + r * m) + z * h[t - 1]

    Shapes: x (time, batch, in), h (batch, size) or None for zeros, weight_ih (in, 3 size),
        weight_hh (size, 3 size), biases (3 size,) or None
        -> the states (time, batch, size), and the last one (batch, size).

    Args:
        lengths: See `rnn`.
        reverse: See `rnn`.

    Raises:
        ShapeError: the shapes do not fit one another.
        InputError: the sequence has no steps, or a length lies outside it.

    Cost: remembers the gates and states of all steps: five times the size of the output.

    Example:
        >>> import numpy as np
        >>> states, last = gru(np.ones((3, 1, 2)), None, np.zeros((2, 12)), np.zeros((4, 12)), np.ones(12))
        >>> states.shape, last.shape
        ((3, 1, 4), (1, 4))
    """
    weights = (weight_ih, weight_hh, bias_ih, bias_hh)
    (h,), idle = _checked("gru", x, {"h": h}, weights, 3, lengths)
    out, last, *_ = _gru(x, h, *weights, idle=idle, reverse=bool(reverse))
    return out, last


@operation
def _gru(xp, x, h, weight_ih, weight_hh, bias_ih, bias_hh, *, idle, reverse):
    run = kernels.gru if kernels.takes(xp) else _gru_composed
    return run(x, h, weight_ih, weight_hh, bias_ih, bias_hh, idle=idle, reverse=reverse)


@_gru.derivative("x", "h", "weight_ih", "weight_hh", "bias_ih", "bias_hh")
def _(xp, g, x, h, weight_ih, weight_hh, bias_ih, bias_hh, out, idle, reverse, wanted):
    if kernels.takes(xp):
        return kernels.gru_slopes(g, x, weight_ih, weight_hh, out, idle=idle, reverse=reverse, wanted=wanted)
    inputs = (x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    return _recomputed(_gru_composed, inputs, g, wanted, idle=idle, reverse=reverse)


def _gru_composed(x, h, weight_ih, weight_hh, bias_ih, bias_hh, *, idle, reverse):
    def step(xp, z, h):
        reset, update, candidate = _parts(z, 3)
        more_reset, more_update, inner = _parts(_affine(xp, h, weight_hh, bias_hh), 3)
        reset, update = xp.sigmoid(more_reset + reset), xp.sigmoid(more_update + update)
        candidate = xp.tanh(reset * inner + candidate)
        return [candidate + update * (h - candidate)]

    return _composed(step, x, [h], weight_ih, bias_ih, idle, reverse)


def _composed(
    step: Callable[..., list[Any]], x: Any, states: list[Any], weight_ih: Any, bias_ih: Any, idle: Any, reverse: bool
) -> tuple[Any, ...]:
    """A network over whole sequences, of a function that gives the states after a step from those before."""
    recorded = next((value for value in (x, *states, weight_ih) if isinstance(value, Recorded)), None)
    xp: Any = namespace_of((x,)) if recorded is None else recorded.__array_namespace__()  # type: ignore[attr-defined]
    inputs = _affine(xp, x, weight_ih, bias_ih)
    steps = x.shape[0]
    outs: list[Any] = [None] * steps
    for t in reversed(range(steps)) if reverse else range(steps):
        after = step(xp, inputs[t], *states)
        outs[t] = after[0]
        if idle is not None:
            after = [xp.where(idle[t], old, new) for old, new in zip(states, after, strict=True)]
            outs[t] = xp.where(idle[t], 0, outs[t])
        states = after
    return (xp.stack(outs), *states)


def _affine(xp: Any, x: Any, weight: Any, bias: Any) -> Any:
    out = xp.matmul(x, weight)
    return out if bias is None else out + bias


def _parts(z: Any, count: int) -> list[Any]:
    size = z.shape[-1] // count
    return [z[..., k * size : (k + 1) * size] for k in range(count)]


def _recomputed(
    composition: Callable[..., tuple[Any, ...]],
    inputs: tuple[Any, ...],
    g: tuple[Any, ...],
    wanted: tuple[bool, ...],
    **options: Any,
) -> list[Any]:
    """The gradients of the wanted inputs, by running the composition on them, recorded, and going back over that.

    On Variables the way back is recorded too; on arrays it is not, and arrays come out.
    """
    recording = any(isinstance(part, Recorded) for part in g)
    with using_config("enable_backprop", True):
        # Edges of their own: two inputs may be one value, and what lies below it is for others to pass.
        own = [positive(_leaf(value)) if need else value for value, need in zip(inputs, wanted, strict=True)]
        outs = composition(*own, **options)
    places = [i for i, need in enumerate(wanted) if need]
    targets = [own[i].node for i in places]
    roots = [(out.node, part) for out, part in zip(outs, g, strict=False) if part is not None and out.node is not None]
    arrived = backpropagate(roots, create_graph=recording, targets=targets)
    gradients: list[Any] = [None] * len(inputs)
    for i, edge in zip(places, targets, strict=True):
        gradient = arrived.get(edge)
        if gradient is None:  # nothing that has a gradient depends on it
            value = inputs[i]
            gradient = value.__array_namespace__().zeros_like(value)
        gradients[i] = gradient
    return gradients


def _leaf(value: Any) -> Any:
    """A value that needs a gradient: itself, or an array made one."""
    if isinstance(value, Recorded):
        return value
    leaf = make_result(value)
    leaf.node = Leaf(leaf)
    return leaf


def _checked(
    name: str, x: Any, states: dict[str, Any], weights: tuple[Any, ...], gates: int, lengths: Any
) -> tuple[list[Any], Any]:
    """The initial states, zeros in place of None, and where sequences are past their end; or an error."""
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    operands = [("x", x), *states.items(), ("weight_ih", weight_ih), ("weight_hh", weight_hh)]
    operands += [(label, b) for label, b in (("bias_ih", bias_ih), ("bias_hh", bias_hh)) if b is not None]

    def refuse(fact: str, fix: str) -> ShapeError:
        return ShapeError(message(f"{name}: {fact}", operands, fix))

    if len(x.shape) != 3:
        raise refuse(f"x has {len(x.shape)} axes, not three.", "x has the axes (time, batch, features).")
    steps, count, features = x.shape
    if not steps:
        raise InputError(message(f"{name}: the sequences have no steps.", operands[:1], "give one step at least."))
    size = weight_hh.shape[0] if weight_hh.shape else 0
    if tuple(weight_hh.shape) != (size, gates * size):
        columns = f"{gates} * size" if gates > 1 else "size"
        raise refuse("weight_hh has the wrong shape.", f"weight_hh has the shape (size, {columns}).")
    if tuple(weight_ih.shape) != (features, gates * size):
        raise refuse(
            f"x has {features} features, and the state {size} entries.",
            f"a weight_ih that fits these has the shape {(features, gates * size)}.",
        )
    for label, bias in (("bias_ih", bias_ih), ("bias_hh", bias_hh)):
        if bias is not None and tuple(bias.shape) != (gates * size,):
            raise refuse(f"{label} has the wrong shape.", f"it must be {(gates * size,)} here.")
    for label, state in states.items():
        if state is not None and tuple(state.shape) != (count, size):
            raise refuse(f"the initial state {label} does not fit.", f"it must be {(count, size)} here.")
    array = x.data if isinstance(x, Recorded) else x
    xp = namespace_of((array,))
    zeros = [xp.zeros((count, size), dtype=array.dtype) if state is None else state for state in states.values()]
    return zeros, _idle(name, xp, lengths, steps, count)


def _idle(name: str, xp: Any, lengths: Any, steps: int, count: int) -> Any:
    """Which sequences are past their end at each step, (time, batch, 1); None where none ever is."""
    if lengths is None:
        return None
    lengths = xp.asarray(lengths.data if isinstance(lengths, Recorded) else lengths)
    if not xp.isdtype(lengths.dtype, "integral"):
        raise DtypeError(message(f"{name}: lengths must be integers.", [("lengths", lengths)]))
    if tuple(lengths.shape) != (count,):
        raise ShapeError(
            message(
                f"{name}: one length for each of the {count} sequences.",
                [("lengths", lengths)],
                f"lengths have the shape ({count},).",
            )
        )
    outside = xp.outside_range(lengths, steps + 1)
    if outside is not None:
        raise InputError(f"{name}: a sequence of length {outside} in an array of {steps} steps.")
    return (xp.arange(steps)[:, None] >= lengths)[:, :, None]
