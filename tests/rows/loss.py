"""Rows of loss.py."""

import numpy as np
from scipy import special

from rows.row import Row, call, draw, failure
from wengert.errors import DtypeError, InputError, ShapeError

X, Y, T = draw(4, 3), draw(4, 3, seed=1), np.array([2, 0, 1, 2])
P, Q = draw(4, 3, low=0.1, high=0.9), draw(4, 3, low=0.1, high=0.9, seed=1)
BITS = np.array([[0, 1, 1]] * 4)


def picked(x, t):
    return np.take_along_axis(special.log_softmax(x, axis=-1), np.asarray(t)[..., None], axis=-1)


def slope(x, t):
    return (special.softmax(x, axis=-1) - np.eye(x.shape[-1])[t]) / np.size(t)


LABELS = [call(X, T), call(draw(3), np.array(1)), call(draw(2, 2, 3), np.array([[0, 1], [2, 0]])), call(draw(3, 4).T, T), call(draw(2, 1), np.array([0, 0]))]
ROWS = [
    Row(
        "mean_squared_error",
        [call(X, Y), call(draw(), draw(seed=1)), call(X, BITS)],
        lambda x, y: np.mean((x - y) ** 2),
        failures=[failure(ShapeError, ("(4, 1)", "(4,)"), draw(4, 1), draw(4))],
    ),
    Row(
        "softmax_cross_entropy",
        LABELS,
        lambda x, t: -picked(x, t).mean(),
        failures=[
            failure(ShapeError, "(4, 1)", X, T[:, None]),
            failure(InputError, "label 3 of 3", X, T + 1),
            failure(InputError, "label -1", X, T - 1),
            failure(DtypeError, "integers", X, T.astype(float)),
        ],
    ),
    Row("softmax_cross_entropy_slope", LABELS, slope),
    Row(
        "sigmoid_cross_entropy",
        [call(X, P), call(X, BITS), call(draw(), draw(seed=1))],
        lambda x, t: np.mean(np.logaddexp(x, 0) - x * t),
        failures=[failure(ShapeError, "(4,)", draw(4, 1), draw(4))],
    ),
    Row(
        "binary_cross_entropy",
        [call(P, BITS)],
        lambda p, t: -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p)),
        failures=[failure(ShapeError, "(4,)", draw(4, 1), draw(4))],
    ),
    Row("accuracy", [call(X, T)], lambda y, t: np.mean(y.argmax(-1) == t), order=0),
]
