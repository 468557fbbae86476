"""Shapes."""

import numpy as np

from rows.row import Row, call, draw, failure
from wengert.errors import InputError, ShapeError

X, Y, V = draw(2, 3), draw(2, 3, seed=1), draw(4)
ONE = draw(2, 1, 3)


def like_numpy(name, *calls, **options):
    return Row(name, calls, getattr(np, name), [getattr(np, name)], **options)


ROWS = [
    like_numpy(
        "reshape",
        *[call(X, shape) for shape in ((3, 2), (-1,), (6, 1))],
        call(draw(), (1,)),
        call(draw(0, 3), (3, 0)),
        failures=[failure(ShapeError, ("reshape", "(2, 3)"), X, (4,))],
    ),
    like_numpy("permute_dims", call(draw(2, 3, 4), (2, 0, 1)), call(draw(2, 3, 4), (-1, 0, 1))),
    like_numpy("transpose", call(X), call(draw(2, 3, 4), (1, 2, 0)), call(V), call(draw())),
    like_numpy("matrix_transpose", call(X), call(draw(2, 3, 4))),
    Row(
        "expand_dims",
        [call(X, axis=0), call(X, axis=-1), call(X, axis=(0, -1)), call(draw(), axis=0)],
        np.expand_dims,
        [np.expand_dims],
    ),
    like_numpy("squeeze", call(ONE), call(ONE, axis=1), call(ONE, axis=-2), failures=[failure(ShapeError, "squeeze", X, axis=0)]),
    like_numpy("broadcast_to", call(V, (2, 4)), call(ONE, (2, 5, 3)), call(draw(), (2, 2)), failures=[failure(ShapeError, "broadcast_to", X, (4,))]),
    Row(
        "sum_to",
        [call(X, (1, 3)), call(X, (3,)), call(X, ()), call(X, (2, 3)), call(draw(2, 3, 4), (3, 1))],
        lambda x, shape: _sum_to(x, shape),
        failures=[failure(ShapeError, "(2,)", X, (2,))],
    ),
    like_numpy("broadcast_arrays", call(draw(2, 1), draw(3, seed=1)), failures=[failure(ShapeError, "axis -1", X, V)]),
    like_numpy(
        "concat",
        call([X, Y]),
        call([X, draw(2, 1)], axis=1),
        call([X, Y], axis=-1),
        call([X, V], axis=None),
        call((X, draw(0, 3)), axis=0),
        failures=[failure(InputError, "at least one", []), failure(ShapeError, "concat", [X, V])],
    ),
    like_numpy("stack", call([X, Y]), call([X, Y], axis=1), call((X, Y), axis=-1), call([draw(), draw(seed=1)])),
    like_numpy("unstack", call(X), call(X, axis=1)),
    like_numpy("split", call(V, 2), call(X, [1], axis=1), failures=[failure(ShapeError, "equal parts", X, 2, axis=1)]),
    like_numpy("array_split", call(draw(5), 2), call(X, 2, axis=1)),
    like_numpy("hsplit", call(V, 2), call(draw(2, 4), 2)),
    like_numpy("vsplit", call(X, 2)),
    like_numpy("dsplit", call(draw(1, 2, 4), 2)),
    like_numpy("hstack", call([X, Y]), call([V, draw(2)])),
    like_numpy("vstack", call([X, Y]), call([V, draw(4, seed=1)])),
    like_numpy("dstack", call([X, Y]), call([V, draw(4, seed=1)])),
    like_numpy("column_stack", call([V, draw(4, seed=1)]), call([V, draw(4, 2)])),
    like_numpy("tile", call(V, 2), call(X, (2, 1)), call(X, (2, 1, 2)), call(draw(), 3)),
    like_numpy("repeat", call(X, 2), call(X, 2, axis=1), call(X, [1, 2], axis=0), call(V, 0), call(draw(), 2, axis=0)),
    like_numpy("flip", call(X), call(X, axis=0), call(X, axis=(0, 1))),
    like_numpy("fliplr", call(X)),
    like_numpy("flipud", call(X)),
    like_numpy("rot90", *[call(X, k) for k in range(5)]),
    like_numpy("roll", call(X, 1), call(X, -1, axis=1), call(X, (1, 2), axis=(0, 1))),
    Row(
        "pad",
        [
            call(V, 1),
            call(X, ((1, 0), (2, 1))),
            call(X, 1, constant_values=3.0),
            *[call(draw(3, 4), ((1, 2), (2, 0)), mode=mode) for mode in ("edge", "reflect", "symmetric", "wrap")],
        ],
        np.pad,
        [np.pad],
        failures=[failure(InputError, "mode", X, 1, mode="mean")],
    ),
    like_numpy("moveaxis", call(draw(2, 3, 4), 0, -1), call(draw(2, 3, 4), (0, 1), (2, 0))),
    like_numpy("swapaxes", call(draw(2, 3, 4), 0, -1)),
    Row("flatten", [call(draw(2, 3, 4)), call(draw(2, 3, 4), 0)], lambda x, a=1: x.reshape(*x.shape[:a], -1)),
    like_numpy("ravel", call(X), call(draw())),
    like_numpy("atleast_1d", call(draw()), call(X)),
    like_numpy("atleast_2d", call(draw()), call(V), call(X)),
    like_numpy("atleast_3d", call(draw()), call(V), call(X), call(ONE)),
]


def _sum_to(x, shape):
    extra = x.ndim - len(shape)
    axes = tuple(i for i in range(x.ndim) if i < extra or shape[i - extra] == 1)
    return x.sum(axis=axes).reshape(shape)
