"""Rows of normalization.py."""

import numpy as np

from rows.row import Row, call, draw, failure
from wengert.errors import DtypeError, InputError, ShapeError

X, SPACE, SLANTED = draw(4, 3), draw(3, 4, 2, 2), draw(2, 4, 3).T
W3, B3, W4, B4 = draw(3, seed=1), draw(3, seed=2), draw(4, seed=1), draw(4, seed=2)
MEAN, VAR = draw(4, seed=3), draw(4, low=0.5, seed=4)


def standardized(x, axes, eps):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def scaled(x, weight, bias, shape):
    if weight is not None:
        x = x * weight.reshape(shape)
    return x if bias is None else x + bias.reshape(shape)


def channels(x):
    return (-1,) + (1,) * (x.ndim - 2)


def batch_norm(x, mean=None, var=None, weight=None, bias=None, *, training, momentum=0.1, eps=1e-5):
    if training:
        out = standardized(x, tuple(i for i in range(x.ndim) if i != 1), eps)
    else:
        out = (x - mean.reshape(channels(x))) / np.sqrt(var.reshape(channels(x)) + eps)
    return scaled(out, weight, bias, channels(x))


def instance_norm(x, mean=None, var=None, weight=None, bias=None, *, use_input_stats=True, eps=1e-5):
    if not use_input_stats:
        return batch_norm(x, mean, var, weight, bias, training=False, eps=eps)
    return scaled(standardized(x, tuple(range(2, x.ndim)), eps), weight, bias, channels(x))


def layer_norm(x, shape, weight=None, bias=None, *, eps=1e-5):
    last = 1 if isinstance(shape, int) else len(shape)
    return scaled(standardized(x, tuple(range(-last, 0)), eps), weight, bias, shape)


def rms_norm(x, shape, weight=None, *, eps=2.220446049250313e-16):
    axes = tuple(range(-1 if isinstance(shape, int) else -len(shape), 0))
    return scaled(x / np.sqrt((x * x).mean(axes, keepdims=True) + eps), weight, None, shape)


def group_norm(x, groups, weight=None, bias=None, *, eps=1e-5):
    out = standardized(x.reshape(len(x), groups, int(np.prod(x.shape[1:])) // groups), -1, eps).reshape(x.shape)
    return scaled(out, weight, bias, channels(x))


ROWS = [
    Row(
        "batch_norm",
        [
            call(X, None, None, W3, B3, training=True),
            call(X, training=True, eps=0.1),
            call(X, None, None, W3.astype(np.float32), B3.astype(np.float32), training=True),
            call(X, None, None, np.array([1, 2, 3], np.int8), training=True),
            call(SPACE, MEAN, VAR, W4.astype(np.float32), B4.astype(np.float32), training=False),
            call(SPACE, None, None, W4, B4, training=True),
            call(SPACE, None, None, W4, training=True),
            call(SLANTED, None, None, None, B4, training=True),
            call(SPACE, MEAN, VAR, W4, B4, training=False),
            call(X.T, MEAN, VAR, training=False),
            call(draw(0, 4), MEAN, VAR, W4, B4, training=False),
        ],
        batch_norm,
        failures=[
            failure(ShapeError, ("(n, channels)", "(3,)"), draw(3), training=True),
            failure(ShapeError, ("two entries", "1"), draw(1, 3), training=True),
            failure(ShapeError, ("weight", "(3,)", "(4,)"), X, None, None, W4, training=True),
            failure(ShapeError, ("running_var", "(4,)"), X, B3, VAR, training=False),
            failure(InputError, "running mean", X, training=False),
            failure(DtypeError, "Variable", X, B3, W3, training=True),
            failure(DtypeError, "real numbers", np.ones((3, 2), complex), training=True),
        ],
    ),
    Row(
        "instance_norm",
        [
            call(SPACE, None, None, W4, B4),
            call(SLANTED, eps=0.1),
            call(draw(0, 4, 2)),
            call(SPACE, MEAN, VAR, W4, B4, use_input_stats=False),
        ],
        instance_norm,
        failures=[
            failure(ShapeError, "(n, channels, *space)", X),
            failure(ShapeError, "two entries", draw(3, 4, 1)),
            failure(InputError, "running mean", SPACE, use_input_stats=False),
        ],
    ),
    Row(
        "layer_norm",
        [
            call(X, 3, W3, B3),
            call(X, 3, W3.astype(np.float32), B3.astype(np.float32)),
            call(X, (3,)),
            call(draw(4), 4, None, B4),
            call(SPACE, (2, 2), draw(2, 2), draw(2, 2, seed=1), eps=0.1),
            call(SPACE, (4, 2, 2), draw(4, 2, 2)),
            call(SLANTED, 2),
            call(draw(0, 3), 3, W3, B3),
        ],
        layer_norm,
        failures=[
            failure(ShapeError, ("(4, 3)", "(4,)"), X, 4),
            failure(ShapeError, "at least one", X, ()),
            failure(ShapeError, ("bias", "(3,)", "(4,)"), X, 3, W3, B4),
            failure(DtypeError, "real numbers", np.ones((3, 2), complex), 2),
        ],
    ),
    Row(
        "rms_norm",
        [call(X, 3, W3), call(SPACE, (2, 2), eps=0.1), call(SLANTED, (4, 2), draw(4, 2)), call(draw(0, 3), 3, W3)],
        rms_norm,
        failures=[failure(ShapeError, ("(4, 3)", "(4,)"), X, 4), failure(ShapeError, "weight", X, 3, W4)],
    ),
    Row(
        "group_norm",
        [
            call(SPACE, 2, W4, B4),
            call(SPACE, 4, W4, None, eps=0.1),
            call(SPACE, 1, None, B4),
            call(draw(3, 4), 2, W4, B4),
            call(SLANTED, 2),
            call(draw(0, 4, 2), 2, W4, B4),
        ],
        group_norm,
        failures=[failure(ShapeError, ("4 channels", "3 groups"), SPACE, 3), failure(ShapeError, "weight", SPACE, 2, W3)],
    ),
]
