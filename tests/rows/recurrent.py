"""Rows of recurrent.py: the references go step by step, one sequence at a time."""

import numpy as np
from scipy.special import expit

from rows.row import Row, call, draw, failure
from wengert.errors import DtypeError, InputError, ShapeError

TIME, BATCH, IN, SIZE = 3, 2, 2, 2


def weights(gates, seed=0, in_size=IN, size=SIZE):
    shapes = [(in_size, gates * size), (size, gates * size), (gates * size,), (gates * size,)]
    return [draw(*shape, seed=seed + i) for i, shape in enumerate(shapes)]


X, H, C = draw(TIME, BATCH, IN), draw(BATCH, SIZE, seed=1), draw(BATCH, SIZE, seed=2)
LENGTHS = np.array([3, 1])


def sequences(step, x, states, lengths, reverse):
    """Every sequence on its own, over its own steps."""
    steps, count, _ = x.shape
    lengths = np.full(count, steps) if lengths is None else lengths
    out = np.zeros((steps, count, states[0].shape[1]))
    last = [state.copy() for state in states]
    for k in range(count):
        now = [state[k] for state in states]
        order = range(lengths[k])
        for t in reversed(order) if reverse else order:
            now = step(x[t, k], *now)
            out[t, k] = now[0]
        for state, value in zip(last, now, strict=True):
            state[k] = value
    return (out, *last)


def rnn(x, h, w, u, b=0.0, d=0.0, *, nonlinearity="tanh", lengths=None, reverse=False):
    activation = np.tanh if nonlinearity == "tanh" else lambda z: np.maximum(z, 0)
    h = np.zeros((x.shape[1], len(u))) if h is None else h
    return sequences(lambda x, h: [activation(x @ w + b + h @ u + d)], x, [h], lengths, reverse)


def lstm(x, h, c, w, u, b=0.0, d=0.0, *, lengths=None, reverse=False):
    def step(x, h, c):
        i, f, a, o = np.split(x @ w + b + h @ u + d, 4)
        c = expit(f) * c + expit(i) * np.tanh(a)
        return [expit(o) * np.tanh(c), c]

    zeros = np.zeros((x.shape[1], len(u)))
    return sequences(step, x, [zeros if h is None else h, zeros if c is None else c], lengths, reverse)


def gru(x, h, w, u, b=0.0, d=0.0, *, lengths=None, reverse=False):
    def step(x, h):
        (r, z, n), (s, y, m) = np.split(x @ w + b, 3), np.split(h @ u + d, 3)
        r, z = expit(r + s), expit(z + y)
        return [(1 - z) * np.tanh(n + r * m) + z * h]

    h = np.zeros((x.shape[1], len(u))) if h is None else h
    return sequences(step, x, [h], lengths, reverse)


def calls(gates, *states):
    full = weights(gates)
    return [
        call(X, *states, *full),
        call(X, *states, *full, reverse=True),
        call(X, *states, *full[:3], lengths=LENGTHS),
        call(X, *states, *full, lengths=LENGTHS, reverse=True),
        call(X, *(None for _ in states), *full[:2], lengths=np.array([0, 2])),
        call(X.swapaxes(0, 1), *(np.concatenate([s, s])[:TIME] for s in states), *full),
        call(draw(1, 1, 1), *(s[:1, :1] for s in states), *weights(gates, 0, 1, 1)),
    ]


def failures(gates, *states):
    w, u, b, d = weights(gates)
    return [
        failure(ShapeError, ("2 axes", "(time, batch, features)"), X[0], *states, w, u),
        failure(ShapeError, ("3 features", str(w.shape)), draw(3, 2, 3), *states, w, u),
        failure(ShapeError, ("weight_hh", "(2, "), X, *states, w, u[:, :1]),
        failure(ShapeError, "bias_ih has", X, *states, w, u, b[1:]),
        failure(ShapeError, "bias_hh has", X, *states, w, u, b, d[1:]),
        failure(ShapeError, ("initial state h", "(2, 2)"), X, states[0][:1], *states[1:], w, u),
        failure(InputError, "no steps", X[:0], *states, w, u),
        failure(InputError, ("length 4", "3 steps"), X, *states, w, u, lengths=np.array([4, 1])),
        failure(ShapeError, "each of the 2", X, *states, w, u, lengths=np.array([1])),
        failure(DtypeError, "integers", X, *states, w, u, lengths=np.array([1.0, 2.0])),
    ]


ROWS = [
    Row(
        "rnn",
        [*calls(1, H), call(X, H, *weights(1), nonlinearity="relu"), call(X, H, *weights(1), nonlinearity="relu", lengths=LENGTHS)],
        rnn,
        failures=[*failures(1, H), failure(InputError, "'sin'", X, H, *weights(1), nonlinearity="sin")],
    ),
    Row("lstm", calls(4, H, C), lstm, failures=failures(4, H, C)),
    Row("gru", calls(3, H), gru, failures=failures(3, H)),
]
