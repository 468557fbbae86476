"""Determinants, inverses, factorisations.  Vectors are fixed up to sign: rows look at functions that do not see it."""

import numpy as np

from rows.row import Row, call, draw, failure
from wengert import functions as F
from wengert.errors import ShapeError

A = draw(3, 3) + 3 * np.eye(3)
STACK = draw(2, 2, 2) + 3 * np.eye(2)
TALL, WIDE = draw(4, 3), draw(2, 3)
SQUARE = [failure(ShapeError, "square", TALL)]
SINGULAR = [failure(np.linalg.LinAlgError, ("Singular", "(2, 2)"), np.zeros((2, 2)))]


def symmetric(f):
    return lambda x: f(x + np.swapaxes(x, -1, -2))


def absolute(f, *which):
    """The sizes of the chosen parts, which no sign changes."""
    return lambda x: tuple(abs(part) for i, part in enumerate(f(x)) if i in which)


ROWS = [
    Row("det", [call(A), call(STACK), call(draw(1, 1))], np.linalg.det, [np.linalg.det], failures=SQUARE),
    Row("cofactor", [call(A), call(STACK)], lambda x: np.linalg.det(x)[..., None, None] * np.swapaxes(np.linalg.inv(x), -1, -2)),
    Row("slogdet", [call(A), call(STACK)], lambda x: tuple(np.linalg.slogdet(x)), [np.linalg.slogdet]),
    Row("inv", [call(A), call(STACK)], np.linalg.inv, [np.linalg.inv], failures=SQUARE + SINGULAR),
    Row(
        "solve",
        [call(A, draw(3)), call(A, draw(3, 2)), call(STACK, draw(2, 1)), call(STACK, draw(2))],
        np.linalg.solve,
        [np.linalg.solve],
        failures=[failure(ShapeError, "rows", A, draw(2))],
    ),
    Row(
        "cholesky",
        [call(A), call(STACK)],
        lambda x: np.linalg.cholesky(x @ np.swapaxes(x, -1, -2)),
        function=lambda x: F.cholesky(F.matmul(x, F.matrix_transpose(x))),
        failures=[],
    ),
    Row("qr", [call(TALL), call(A), call(STACK)], lambda x: tuple(np.linalg.qr(x)), [np.linalg.qr], failures=[failure(ShapeError, "rows", WIDE)]),
    Row(
        "eigh",
        [call(A), call(STACK)],
        symmetric(absolute(np.linalg.eigh, 0, 1)),
        function=lambda x: absolute(F.eigh, 0, 1)(F.add(x, F.matrix_transpose(x))),
        rtol=1e-8,
    ),
    Row(
        "eigvalsh",
        [call(A), call(STACK)],
        symmetric(np.linalg.eigvalsh),
        function=lambda x: F.eigvalsh(F.add(x, F.matrix_transpose(x))),
    ),
    Row(
        "svd",
        [call(TALL), call(WIDE), call(A)],
        absolute(lambda x: np.linalg.svd(x, full_matrices=False), 0, 1, 2),
        function=lambda x: absolute(F.svd, 0, 1, 2)(x),
        rtol=1e-8,
    ),
    Row("svdvals", [call(TALL), call(WIDE), call(STACK)], np.linalg.svdvals, [np.linalg.svdvals]),
    Row("pinv", [call(TALL), call(WIDE), call(draw(2, 3, 2))], np.linalg.pinv, [np.linalg.pinv], rtol=1e-9),
    Row(
        "matrix_norm",
        [call(TALL, ord=ord) for ord in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)] + [call(STACK, keepdims=True)],
        lambda x, ord="fro", keepdims=False: np.linalg.matrix_norm(x, ord=ord, keepdims=keepdims),
        [np.linalg.matrix_norm],
    ),
    Row("matrix_power", [call(A, n) for n in (0, 1, 2, 5, -2)], np.linalg.matrix_power, [np.linalg.matrix_power], rtol=1e-9),
    Row("multi_dot", [call([WIDE, A, draw(3, 1)])], np.linalg.multi_dot, [np.linalg.multi_dot]),
]

