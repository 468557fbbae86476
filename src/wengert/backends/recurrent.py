"""Recurrent networks over whole sequences on NumPy's arrays, forward and back.

All inputs are multiplied at once before the first step and all weights get their gradient at once after the last;
what lies between, step by step, writes into buffers made beforehand.  Arrays are time first: (time, batch, features).
The logistic function is taken as (1 + tanh(z / 2)) / 2, so that all gates of a step are one call of tanh.
"""

from typing import Any

import numpy as np

__all__ = ["gru", "gru_slopes", "lstm", "lstm_slopes", "rnn", "rnn_slopes", "takes"]


def takes(xp: Any) -> bool:
    """Whether arrays of this namespace can be written into, as the kernels do."""
    return getattr(xp, "ndarray", None) is np.ndarray


class _Sequence:
    """The order of the steps, and which sequences have ended (or, in reverse, not begun) at each."""

    def __init__(self, steps: int, idle: Any, reverse: bool) -> None:
        self.idle = idle
        self.partial = [False] * steps if idle is None else idle.any(axis=(1, 2)).tolist()
        self.order = range(steps - 1, -1, -1) if reverse else range(steps)
        self.reverse = reverse

    def states(self, first: Any, dtype: Any) -> tuple[Any, Any, Any]:
        """A buffer for the state at first and after each step, and its views by step: the state before, and after."""
        buffer = np.empty((len(self.order) + 1, *first.shape), dtype)
        buffer[-1 if self.reverse else 0] = first
        return (buffer, *self.views(buffer))

    def views(self, buffer: Any) -> tuple[Any, Any]:
        """The state before each step, and after it."""
        return (buffer[1:], buffer[:-1]) if self.reverse else (buffer[:-1], buffer[1:])

    def last(self, buffer: Any) -> Any:
        """The state after the last step, apart from the buffer, which would be kept alive by it."""
        return buffer[0 if self.reverse else -1].copy()

    def hold(self, t: int, before: Any, after: Any) -> None:
        """Let idle sequences keep the state that they had."""
        if self.partial[t]:
            np.copyto(after[t], before[t], where=self.idle[t])

    def shown(self, after: Any) -> Any:
        """The states as outputs: zero where a sequence is idle."""
        return after if self.idle is None else np.where(self.idle, after.dtype.type(0), after)

    def active(self, array: Any) -> Any:
        """What arrives at the outputs, or None, as far as it counts."""
        return array if array is None or self.idle is None else np.where(self.idle, array.dtype.type(0), array)


def _projected(x: Any, weight: Any, bias: Any) -> Any:
    """``x @ weight + bias`` for all steps at once."""
    out = x.reshape(-1, x.shape[-1]) @ weight
    if bias is not None:
        out += bias
    return out.reshape(*x.shape[:-1], weight.shape[1])


def _sum(bias_ih: Any, bias_hh: Any) -> Any:
    return bias_ih if bias_hh is None else bias_hh if bias_ih is None else bias_ih + bias_hh


def _common(*arrays: Any) -> Any:
    return np.result_type(*[array for array in arrays if array is not None])


def _first(g: Any, like: Any) -> Any:
    """The gradient that arrives at a last state, as a buffer to add to."""
    return np.zeros(like.shape, like.dtype) if g is None else np.array(g, dtype=like.dtype)


def _gradients(x: Any, before: Any, d_x: Any, d_h: Any, weight_ih: Any, wanted: Any) -> tuple[Any, ...]:
    """The gradients of x, weight_ih, weight_hh, bias_ih, bias_hh, from those of the two products that they go into."""
    shared = d_x is d_h
    d_x, d_h = d_x.reshape(-1, d_x.shape[-1]), d_h.reshape(-1, d_h.shape[-1])
    in_x, in_weight_ih, in_weight_hh, in_bias_ih, in_bias_hh = wanted
    d_bias_ih = d_x.sum(axis=0) if in_bias_ih else None
    d_bias_hh = None
    if in_bias_hh:
        d_bias_hh = d_bias_ih.copy() if shared and d_bias_ih is not None else d_h.sum(axis=0)
    return (
        (d_x @ weight_ih.T).reshape(x.shape) if in_x else None,
        x.reshape(-1, x.shape[-1]).T @ d_x if in_weight_ih else None,
        before.reshape(-1, before.shape[-1]).T @ d_h if in_weight_hh else None,
        d_bias_ih,
        d_bias_hh,
    )


def rnn(
    x: Any, h: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any, *, idle: Any, reverse: bool, relu: bool
) -> tuple[Any, ...]:
    """The outputs and the last state; then what `rnn_slopes` needs: all states."""
    sequence = _Sequence(len(x), idle, reverse)
    dtype = _common(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    inputs = _projected(x, weight_ih, _sum(bias_ih, bias_hh)).astype(dtype, copy=False)
    states, before, after = sequence.states(h, dtype)
    for t in sequence.order:
        z = after[t]
        np.matmul(before[t], weight_hh, out=z)
        z += inputs[t]
        if relu:
            np.maximum(z, 0, out=z)
        else:
            np.tanh(z, out=z)
        sequence.hold(t, before, after)
    return sequence.shown(after), sequence.last(states), states


def rnn_slopes(
    g: Any, x: Any, weight_ih: Any, weight_hh: Any, out: Any, *, idle: Any, reverse: bool, relu: bool, wanted: Any
) -> tuple[Any, ...]:
    """The gradients of x, h, weight_ih, weight_hh, bias_ih, bias_hh."""
    states = out[2]
    sequence = _Sequence(len(x), idle, reverse)
    before, after = sequence.views(states)
    slopes = (after > 0).astype(states.dtype) if relu else 1 - after * after
    if idle is not None:
        slopes *= ~idle
    g_out, g_h = sequence.active(g[0]), _first(g[1], states[0])
    back, spare = np.ascontiguousarray(weight_hh.T), np.empty_like(g_h)
    for t in reversed(sequence.order):
        if g_out is not None:
            g_h += g_out[t]
        slopes[t] *= g_h
        if sequence.partial[t]:
            np.multiply(g_h, idle[t], out=spare)
            g_h = slopes[t] @ back
            g_h += spare
        else:
            np.matmul(slopes[t], back, out=g_h)
    in_x, _, *rest = wanted
    d_x, *others = _gradients(x, before, slopes, slopes, weight_ih, (in_x, *rest))
    return (d_x, g_h, *others)


def lstm(
    x: Any,
    h: Any,
    c: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any,
    bias_hh: Any,
    *,
    idle: Any,
    reverse: bool,
) -> tuple[Any, ...]:
    """The outputs, the last state and cell; then what `lstm_slopes` needs: all states, cells and gates."""
    size = h.shape[1]
    sequence = _Sequence(len(x), idle, reverse)
    dtype = _common(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh)
    scale = np.full(4 * size, 0.5, dtype)  # of what goes into tanh, and of what comes out, by gate
    scale[2 * size : 3 * size] = 1
    shift = 1 - scale
    bias = _sum(bias_ih, bias_hh)
    gates = _projected(x, weight_ih * scale, None if bias is None else bias * scale).astype(dtype, copy=False)
    recurrent = weight_hh * scale
    states, before, after = sequence.states(h, dtype)
    cells, cells_before, cells_after = sequence.states(c, dtype)
    product, part = np.empty(gates.shape[1:], dtype), np.empty(h.shape, dtype)
    for t in sequence.order:
        z, cell = gates[t], cells_after[t]
        np.matmul(before[t], recurrent, out=product)
        z += product
        np.tanh(z, out=z)
        z *= scale
        z += shift
        take, keep, candidate, give = z[:, :size], z[:, size : 2 * size], z[:, 2 * size : 3 * size], z[:, 3 * size :]
        np.multiply(keep, cells_before[t], out=cell)
        np.multiply(take, candidate, out=part)
        cell += part
        np.tanh(cell, out=part)
        np.multiply(give, part, out=after[t])
        sequence.hold(t, before, after)
        sequence.hold(t, cells_before, cells_after)
    return sequence.shown(after), sequence.last(states), sequence.last(cells), states, cells, gates


def lstm_slopes(
    g: Any, x: Any, weight_ih: Any, weight_hh: Any, out: Any, *, idle: Any, reverse: bool, wanted: Any
) -> tuple[Any, ...]:
    """The gradients of x, h, c, weight_ih, weight_hh, bias_ih, bias_hh."""
    states, cells, gates = out[3:]
    steps, count, size = len(x), states.shape[1], states.shape[2]
    sequence = _Sequence(steps, idle, reverse)
    before, _ = sequence.views(states)
    cells_before, cells_after = sequence.views(cells)
    take, keep, candidate, give = (gates[..., k * size : (k + 1) * size] for k in range(4))

    # What a gradient at the cell (or, of the last gate, at the state) is multiplied by to give that before each gate.
    slopes = 1 - gates
    slopes *= gates
    slopes[..., :size] *= candidate
    slopes[..., size : 2 * size] *= cells_before
    slopes[..., 2 * size : 3 * size] = take - take * candidate * candidate
    squashed = np.tanh(cells_after)
    slopes[..., 3 * size :] *= squashed
    squashed *= squashed
    to_cell = np.subtract(1, squashed, out=squashed)  # from the state to the cell that it was made of
    to_cell *= give
    if idle is not None:
        slopes *= ~idle
        to_cell *= ~idle
        keep = np.where(idle, keep.dtype.type(1), keep)

    g_out, g_h, g_c = sequence.active(g[0]), _first(g[1], states[0]), _first(g[2], cells[0])
    back, spare = np.ascontiguousarray(weight_hh.T), np.empty_like(g_h)
    by_gate = slopes.reshape(steps, count, 4, size)
    for t in reversed(sequence.order):
        if g_out is not None:
            g_h += g_out[t]
        to_cell_now = to_cell[t]
        to_cell_now *= g_h
        g_c += to_cell_now
        of_cell, of_state = by_gate[t, :, :3], by_gate[t, :, 3]
        of_cell *= g_c[:, None]
        of_state *= g_h
        g_c *= keep[t]
        if sequence.partial[t]:
            np.multiply(g_h, idle[t], out=spare)
            g_h = slopes[t] @ back
            g_h += spare
        else:
            np.matmul(slopes[t], back, out=g_h)
    in_x, _, _, *rest = wanted
    d_x, *others = _gradients(x, before, slopes, slopes, weight_ih, (in_x, *rest))
    return (d_x, g_h, g_c, *others)


def gru(
    x: Any, h: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any, *, idle: Any, reverse: bool
) -> tuple[Any, ...]:
    """The outputs and the last state; then what `gru_slopes` needs: all states, gates, and candidates from the state."""
    size = h.shape[1]
    sequence = _Sequence(len(x), idle, reverse)
    dtype = _common(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    scale = np.full(3 * size, 0.5, dtype)
    scale[2 * size :] = 1
    gates = _projected(x, weight_ih * scale, None if bias_ih is None else bias_ih * scale).astype(dtype, copy=False)
    recurrent, bias = weight_hh * scale, None
    if bias_hh is not None:
        gates[..., : 2 * size] += 0.5 * bias_hh[: 2 * size]
        bias = bias_hh[2 * size :]
    states, before, after = sequence.states(h, dtype)
    inner = np.empty((len(x), *h.shape), dtype)
    product, part = np.empty(gates.shape[1:], dtype), np.empty(h.shape, dtype)
    for t in sequence.order:
        z, old, new, m = gates[t], before[t], after[t], inner[t]
        np.matmul(old, recurrent, out=product)
        both, reset, update, candidate = z[:, : 2 * size], z[:, :size], z[:, size : 2 * size], z[:, 2 * size :]
        both += product[:, : 2 * size]
        np.tanh(both, out=both)
        both *= 0.5
        both += 0.5
        m[...] = product[:, 2 * size :]
        if bias is not None:
            m += bias
        np.multiply(reset, m, out=part)
        candidate += part
        np.tanh(candidate, out=candidate)
        np.subtract(old, candidate, out=new)
        new *= update
        new += candidate
        sequence.hold(t, before, after)
    return sequence.shown(after), sequence.last(states), states, gates, inner


def gru_slopes(
    g: Any, x: Any, weight_ih: Any, weight_hh: Any, out: Any, *, idle: Any, reverse: bool, wanted: Any
) -> tuple[Any, ...]:
    """The gradients of x, h, weight_ih, weight_hh, bias_ih, bias_hh."""
    states, gates, inner = out[2:]
    steps, count, size = len(x), states.shape[1], states.shape[2]
    sequence = _Sequence(steps, idle, reverse)
    before, _ = sequence.views(states)
    reset, update, candidate = (gates[..., k * size : (k + 1) * size] for k in range(3))

    # By column: the candidate as x makes it, reset, update, the candidate as h makes it.
    # So x is behind the first three, and h behind the last three.
    slopes = np.empty((steps, count, 4, size), states.dtype)
    by_x, by_reset, by_update, by_h = (slopes[:, :, k] for k in range(4))
    np.multiply(1 - update, 1 - candidate * candidate, out=by_x)
    np.multiply(by_x, reset, out=by_h)
    np.multiply(by_h, inner * (1 - reset), out=by_reset)
    np.multiply(before - candidate, update * (1 - update), out=by_update)
    if idle is not None:
        slopes *= ~idle[..., None]
        update = np.where(idle, update.dtype.type(1), update)

    g_out, g_h = sequence.active(g[0]), _first(g[1], states[0])
    back, spare = np.ascontiguousarray(weight_hh.T), np.empty_like(g_h)
    flat = slopes.reshape(steps, count, 4 * size)
    for t in reversed(sequence.order):
        if g_out is not None:
            g_h += g_out[t]
        now = slopes[t]
        now *= g_h[:, None]
        np.multiply(g_h, update[t], out=spare)
        np.matmul(flat[t, :, size:], back, out=g_h)
        g_h += spare
    in_x, _, *rest = wanted
    rolled = np.concatenate([weight_ih[:, 2 * size :], weight_ih[:, : 2 * size]], axis=1)
    d_x, d_ih, d_hh, d_bias, d_bias_hh = _gradients(
        x, before, flat[..., : 3 * size], flat[..., size:], rolled, (in_x, *rest)
    )
    d_ih, d_bias = (None if d is None else np.roll(d, -size, axis=-1) for d in (d_ih, d_bias))
    return d_x, g_h, d_ih, d_hh, d_bias, d_bias_hh
