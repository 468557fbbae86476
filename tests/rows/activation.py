"""Rows of activation.py."""

import numpy as np
from scipy import special

from rows.row import Row, call, draw, failure
from wengert.errors import DtypeError, InputError, ShapeError

X, SLANTED, SCALAR, EMPTY = draw(2, 3), draw(4, 3).T[::-1], draw(), draw(0, 3)
PLAIN = [call(X), call(SLANTED), call(SCALAR), call(EMPTY), call(draw(3, 1))]
ALONG = [call(X), call(draw(4)), call(SLANTED, axis=0), call(draw(2, 3, 4), axis=(0, -1)), call(EMPTY), call(draw(3, 1))]


def gelu(x, approximate="none"):
    if approximate == "none":
        return x * special.ndtr(x)
    return x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2


def linear(x, weight, bias=None):
    return x @ weight + (0 if bias is None else bias)


W, B = draw(3, 2), draw(2)
ROWS = [
    Row("relu", PLAIN, lambda x: np.maximum(x, 0)),
    Row("leaky_relu", [*PLAIN, call(X, 0.01)], lambda x, slope=0.2: np.where(x > 0, x, slope * x)),
    Row("elu", [*PLAIN, call(X, alpha=0.5)], lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(x))),
    Row(
        "gelu",
        [*PLAIN, call(X, approximate="tanh")],
        gelu,
        failures=[failure(InputError, ("gelu", "fast"), X, approximate="fast")],
    ),
    Row("sigmoid", PLAIN, special.expit),
    Row("silu", PLAIN, lambda x: x * special.expit(x)),
    Row("softplus", PLAIN, lambda x: np.logaddexp(x, 0)),
    Row("softmax", ALONG, lambda x, axis=-1: special.softmax(x, axis=axis)),
    Row("log_softmax", ALONG, lambda x, axis=-1: special.log_softmax(x, axis=axis)),
    Row(
        "dropout",
        [],  # at random, or x itself: see test_random.py
        lambda x, ratio: x,
        failures=[failure(InputError, "1.0", X, 1.0), failure(InputError, "-0.1", X, -0.1)],
    ),
    Row(
        "linear",
        [call(X, W, B), call(X, W), call(draw(3), W, B), call(draw(2, 4, 3), W, B), call(EMPTY, W, B), call(draw(3, 4).T[::-1], W, B)],
        linear,
        failures=[failure(ShapeError, "784 columns against 100 rows", draw(32, 784), draw(100, 10))],
    ),
    Row(
        "embed_id",
        [call(np.array([2, 0, 2]), W), call(np.array([[1], [1]]), W), call(np.array([], dtype=int), W), call(np.array(1), W)],
        lambda x, weight: weight[x],
        failures=[
            failure(InputError, ("3", "3 rows"), np.array([3]), W),
            failure(InputError, "-1", np.array([-1]), W),
            failure(DtypeError, "integers", np.array([1.0]), W),
        ],
    ),
]
