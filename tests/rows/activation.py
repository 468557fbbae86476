"""Rows of activation.py."""

import numpy as np
from scipy import special

from rows.row import Row, call, draw, failure, kink
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


def halves(x, axis=-1):
    return np.split(x, 2, axis=axis)


def prelu(x, weight):
    slopes = weight.reshape(weight.shape + (1,) * (x.ndim - 2)) if weight.size > 1 else weight.reshape(())
    return np.where(x > 0, x, x * slopes)


W, B, WIDE = draw(3, 2), draw(2), [call(draw(3, 5, low=-8, high=8)), call(draw(4, 3, low=-5, high=5).T[::-1]), *PLAIN[2:]]
MANY = np.linspace(-1, 1, 5001)  # which take another way through NumPy
ROWS = [
    Row("relu", PLAIN, lambda x: np.maximum(x, 0), kinks=[kink([0.0, 0], [0.0, -0.0]), kink(MANY > 0, MANY)]),
    Row(
        "leaky_relu",
        [*PLAIN, call(X, 0.01), call(X, 1.5), call(X, 0.0), call(X, -0.5)],
        lambda x, slope=0.2: np.where(x > 0, x, slope * x),
        kinks=[kink([0.2, 0.2], [0.0, -0.0]), kink([3.0, 1], [0.0, 2], 3.0)],
    ),
    Row(
        "elu",
        [*PLAIN, call(X, alpha=0.5)],
        lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(x)),
        kinks=[kink([1.0, 1, 0], [0.0, 1000, -1000]), kink([2.0], [0.0], 2.0)],
    ),
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
        "alpha_dropout",
        [],  # at random, or x itself: see test_random.py
        lambda x, ratio: x,
        failures=[failure(InputError, "1.0", X, 1.0), failure(InputError, "-0.1", X, -0.1)],
    ),
    Row(
        "linear",
        [call(X, W, B), call(X, W), call(draw(3), W, B), call(draw(2, 4, 3), W, B), call(draw(2, 4, 0), draw(0, 2), B), call(draw(2, 0, 3), W, B), call(EMPTY, W, B), call(draw(3, 4).T[::-1], W, B)],
        linear,
        failures=[failure(ShapeError, "784 columns against 100 rows", draw(32, 784), draw(100, 10))],
    ),
    Row(
        "embed_id",
        [call(np.array([2, 0, 2]), W), call(np.array([[1], [1]]), W), call(np.array([], dtype=int), W), call(np.array(1), W)],
        lambda x, weight, padding_idx=None: weight[x],
        kinks=[kink(np.array([[1.0], [0], [1]]), np.arange(3), W, padding_idx=1)],
        failures=[
            failure(InputError, ("3", "3 rows"), np.array([3]), W),
            failure(InputError, "-1", np.array([-1]), W),
            failure(DtypeError, "integers", np.array([1.0]), W),
        ],
    ),
    Row("celu", [*PLAIN, call(X, alpha=0.5)], lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(x / alpha)), kinks=[kink([1.0, 1, 0], [0.0, 1000, -1000])]),
    Row(
        "selu",
        PLAIN,
        lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0))),
        kinks=[kink([1.7580993408473766, 1.0507009873554805, 0], [0.0, 1000, -1000])],
    ),
    Row("relu6", WIDE, lambda x: np.clip(x, 0, 6), kinks=[kink([0.0, 1, 0], [0.0, 3, 6])]),
    Row(
        "hardtanh",
        [*PLAIN, call(X, -0.5, high=1.5)],
        lambda x, low=-1, high=1: np.clip(x, low, high),
        kinks=[kink([0.0, 1, 0], [-1.0, 0, 1])],
        failures=[failure(InputError, ("hardtanh", "2", "1"), X, 2, 1)],
    ),
    Row("hardsigmoid", WIDE, lambda x: np.clip((x + 3) / 6, 0, 1), kinks=[kink([0.0, 0], [-3.0, 3])]),
    Row("hardswish", WIDE, lambda x: x * np.clip(x + 3, 0, 6) / 6, kinks=[kink([0.0, 1], [-3.0, 3])]),
    Row("hardshrink", [*PLAIN, call(X, 1.0)], lambda x, bound=0.5: np.where(abs(x) > bound, x, 0), kinks=[kink([0.0, 0], [-0.5, 0.5])]),
    Row(
        "softshrink",
        [*PLAIN, call(X, bound=1.0)],
        lambda x, bound=0.5: np.sign(x) * np.maximum(abs(x) - bound, 0),
        kinks=[kink([0.0, 0], [-0.5, 0.5])],
        failures=[failure(InputError, "-1", X, -1)],
    ),
    Row("tanhshrink", PLAIN, lambda x: x - np.tanh(x)),
    Row("threshold", [call(X, 0.5, 7), call(SCALAR, 0.1, -1.0), call(EMPTY, 0, 0)], lambda x, t, v: np.where(x > t, x, v), kinks=[kink([0.0, 1], [0.5, 0.6], 0.5, 7)]),
    Row("mish", PLAIN, lambda x: x * np.tanh(np.logaddexp(x, 0))),
    Row("softsign", PLAIN, lambda x: x / (1 + np.abs(x))),
    Row("log_sigmoid", PLAIN, special.log_expit),
    Row("softmin", ALONG, lambda x, axis=-1: special.softmax(-x, axis=axis)),
    Row(
        "glu",
        [call(draw(3, 4)), call(draw(4, 3).T, axis=1), call(draw(4, 2, 2), axis=0), call(draw(0, 4)), call(draw(6), -1)],
        lambda x, axis=-1: halves(x, axis)[0] * special.expit(halves(x, axis)[1]),
        failures=[failure(ShapeError, ("axis -1", "(2, 3)"), X), failure(ShapeError, "axis 2", X, 2)],
    ),
    Row(
        "prelu",
        [call(X, draw(3, seed=1)), call(X, draw(1)), call(SCALAR, draw(1)), call(draw(2, 3, 2), draw(3)), call(draw(5), draw())],
        prelu,
        failures=[failure(ShapeError, ("(2, 3)", "(2,)"), X, B), failure(ShapeError, "(3,)", draw(3), draw(3))],
    ),
    Row(
        "rrelu",
        [call(X, 0.25, 0.25), call(SCALAR, 0.5, 0.5)],  # all slopes alike: at random see test_random.py
        lambda x, lower, upper: np.where(x > 0, x, lower * x),
        kinks=[kink([0.25], [0.0], 0.25, 0.25)],
        failures=[failure(InputError, ("0.5", "0.2"), X, 0.5, 0.2)],
    ),
    *[
        Row(
            f"dropout{n}d",
            [],
            lambda x, ratio: x,
            failures=[failure(ShapeError, words, draw(3), 0.5), failure(InputError, "1.0", draw(*(2,) * (n + 2)), 1.0)],
        )
        for n, words in ((1, "channels, length"), (2, "channels, height, width"), (3, "channels, depth, height"))
    ],
]
