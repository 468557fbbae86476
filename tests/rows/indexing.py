"""Picking entries and writing entries."""

import numpy as np

from rows.row import Row, call, draw, failure

X, V, DEEP = draw(3, 4), draw(5), draw(2, 3, 4)
INDICES = [
    1,
    -1,
    slice(None, None, -2),
    (slice(1), 2),
    (..., 0),
    (None, 1),
    [0, 0, 2],
    np.array([[0, 1], [2, 0]]),
    ([0, 0, 1], [1, 1, 3]),
    (slice(None), [3, 0]),
    (np.array([[0], [2]]), np.array([1, 3])),
    X > 0,
    (X > 0)[:, 0],
    slice(0, 0),
    (),
]


def written(x, index, value):
    out = np.array(x, copy=True)
    out[index] = value
    return out


def added(shape, dtype, index, values):
    out = np.zeros(shape, dtype)
    np.add.at(out, index, values)
    return out


ROWS = [
    Row(
        "get_item",
        [call(X, index) for index in INDICES]
        + [call(DEEP, index) for index in (1, (1, 2), (..., 0), (0, slice(1, None), None), (slice(None), 0, [1, 1]))],
        lambda x, index: x[index],
        failures=[failure(IndexError, "(3, 4)", X, 7), failure(IndexError, "(3, 4)", X, (0, 0, 0))],
    ),
    Row(
        "update",
        [
            *[call(X, index, draw(*X[index].shape, seed=1)) for index in INDICES],
            call(X, 1, draw(seed=2)),
            call(X, (slice(None), 1), draw(1, seed=2)),
            call(X, slice(0, 2), draw(1, 1, 4, seed=2)),
            call(X, (1, slice(2)), draw(1, 1, 1, 2, seed=2)),
            call(draw(2, 3, 4), 1, draw(4, seed=2)),
            call(draw(2, 3, 4), (slice(None), [0, 2, 0]), draw(3, 1, seed=2)),
            call(draw(2, 3, 4), (1, ..., 2), draw(1, 1, 3, seed=2)),
            call(draw(2, 3, 4), np.array([0, 0]), draw(seed=2)),
            call(V, [0, 0, 2], draw(1, 1, 3, seed=2)),
        ],
        written,
    ),
    Row(
        "scatter_add",
        [
            call((4,), float, [0, 0, 3], draw(3)),
            call((2, 3), float, (slice(None), 1), draw(2)),
            call((2, 3, 4), float, (1, [0, 2, 0]), draw(3, 4)),
            call((3, 4), float, (None, 2), draw(1, 4)),
        ],
        added,
        skips={"float32": "the dtype is an option"},
    ),
    Row(
        "take",
        [call(X, [0, 0, 2], axis=0), call(X, np.array([[0, 3]]), axis=-1), call(X, [5, 5]), call(V, 2, axis=0), call(draw(), 0, axis=0)],
        np.take,
        [np.take],
        failures=[failure(IndexError, "take", X, 0, axis=5)],
    ),
    Row(
        "take_along_axis",
        [
            call(X, np.argsort(X, axis=1), axis=1),
            call(X, np.array([[0, 0, 1, 2]]), axis=0),
            call(X, np.array([[1], [1], [3]]), axis=-1),
        ],
        np.take_along_axis,
        [np.take_along_axis],
    ),
    Row("sort", [call(X), call(X, axis=0), call(X, axis=None), call(V), call(DEEP, axis=1)], np.sort, [np.sort]),
    Row("sort", [call(V, descending=True), call(X, axis=0, descending=True)], lambda x, axis=-1, descending=True: -np.sort(-x, axis)),
    Row("argsort", [call(X), call(X, axis=0)], np.argsort, [np.argsort], order=0),
    Row(
        "argsort",
        [call(np.array([2.0, 1.0, 2.0, 1.0]), descending=True), call(X, axis=0, descending=True)],
        lambda x, axis=-1, descending=True: np.argsort(-x, axis, stable=True),
        order=0,
    ),
    Row("argmax", [call(X), call(X, axis=1), call(X, axis=0, keepdims=True)], np.argmax, [np.argmax], order=0),
    Row("argmin", [call(X), call(X, axis=1)], np.argmin, [np.argmin], order=0),
    Row("nonzero", [call(X > 0)], np.nonzero, order=0, skips={"jax": "its shape depends on values"}),
    Row("searchsorted", [call(np.sort(V), draw(3))], np.searchsorted, order=0),
]

