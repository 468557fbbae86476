"""Determinants, inverses, factors.  Vectors are fixed up to their sign: rows look at functions that do not see it."""

import numpy as np

from rows.row import Row, call, draw, failure
from wengert import functions as F
from wengert.errors import InputError, ShapeError

A = draw(3, 3) + 3 * np.eye(3)
STACK = draw(2, 2, 2) + 3 * np.eye(2)
DEEP = draw(1, 2, 3, 3, seed=1) + 3 * np.eye(3)
NONE, EMPTY = draw(0, 2, 2), draw(0, 0)
TALL, WIDE = draw(4, 3), draw(2, 3)
ONE = draw(1, 1)
SQUARE = [failure(ShapeError, ("square", "(4, 3)"), TALL), failure(ShapeError, "square", draw(3))]
SINGULAR = [failure(np.linalg.LinAlgError, ("Singular", "in inv", "x", "(2, 2)"), np.zeros((2, 2)))]


def mt(x):
    return F.matrix_transpose(x) if hasattr(x, "backward") else np.swapaxes(x, -1, -2)


def read_below(x):
    """Matrices whose lower triangle is that of positive definite ones, and whose upper one is anything."""
    return np.tril(x @ mt(x) + np.eye(x.shape[-1])) + np.triu(x, 1)


def seen_from_outside(vectors, values):
    """What symmetric matrices with these vectors are: the same whatever the signs."""
    return (vectors[..., :1] * 2.0) @ mt(vectors[..., :1]) - vectors[..., 1:] @ mt(vectors[..., 1:] * values[..., None, 1:])


def eigen(eigh):
    def f(x, UPLO="L"):
        values, vectors = eigh(x, UPLO)
        return values, seen_from_outside(vectors, values)

    return f


def singular(svd):
    def f(x, full_matrices=False):
        u, s, vh = svd(x, full_matrices=full_matrices)
        product = (u * s[..., None, :] ** 2) @ vh
        return seen_from_outside(u, s), s, seen_from_outside(mt(vh), s), product

    return f


ROWS = [
    Row(
        "det",
        [call(A), call(STACK), call(DEEP), call(ONE), call(A.T[::-1]), call(NONE), call(EMPTY), call(-A)],
        np.linalg.det,
        [np.linalg.det],
        failures=SQUARE,
    ),
    Row(
        "cofactor",
        [call(A), call(STACK), call(DEEP), call(ONE), call(-A), call(NONE)],
        lambda x: np.linalg.det(x)[..., None, None] * mt(np.linalg.inv(x)),
        failures=SQUARE,
    ),
    Row(
        "slogdet",
        [call(A), call(STACK), call(DEEP), call(ONE), call(-A), call(NONE), call(EMPTY)],
        lambda x: tuple(np.linalg.slogdet(x)),
        [np.linalg.slogdet],
        failures=SQUARE,
    ),
    Row(
        "inv",
        [call(A), call(STACK), call(DEEP), call(ONE), call(A.T[::-1]), call(NONE), call(EMPTY)],
        np.linalg.inv,
        [np.linalg.inv],
        failures=SQUARE + SINGULAR,
    ),
    Row(
        "solve",
        [
            call(A, draw(3)),
            call(A, draw(3, 2)),
            call(A, draw(3, 0)),
            call(STACK, draw(2, 1)),
            call(STACK, draw(2)),
            call(STACK, draw(2, 2)),
            call(A, draw(2, 3, 1)),
            call(DEEP, draw(4, 1, 3, 2)),
            call(A.T, draw(2, 3).T),
            call(ONE, draw(1)),
            call(NONE, draw(2, 1)),
            call(EMPTY, draw(0)),
        ],
        np.linalg.solve,
        [np.linalg.solve],
        failures=[
            failure(ShapeError, ("a has 3 rows and b has 2", "(2,)"), A, draw(2)),
            failure(ShapeError, ("a has 2 rows and b has 4", "b[..., None]"), STACK, draw(4, 2)),
            failure(ShapeError, "b has no", A, draw()),
            failure(ShapeError, "a is not square", TALL, draw(4)),
            failure(np.linalg.LinAlgError, ("Singular", "in solve", "a", "(2, 2)"), np.ones((2, 2)), draw(2)),
        ],
    ),
    Row(
        "pinv",
        [call(TALL), call(WIDE), call(draw(2, 3, 2)), call(A), call(ONE), call(draw(3, 1).T), call(draw(3, 0))],
        np.linalg.pinv,
        [np.linalg.pinv],
        rtol=1e-9,
    ),
    Row(
        "matrix_rank",
        [call(A), call(np.ones((3, 2))), call(np.zeros((2, 2))), call(STACK), call(np.diag([1.0, 0.1]), rtol=0.5)],
        lambda x, rtol=None: np.linalg.matrix_rank(x, rtol=rtol),
        order=0,
    ),
    Row(
        "cholesky",
        [call(read_below(x)) for x in (A, STACK, DEEP, EMPTY)]
        + [call(mt(read_below(x)), upper=True) for x in (A, STACK)]
        + [call(np.abs(ONE))],
        np.linalg.cholesky,
        [np.linalg.cholesky],
        failures=SQUARE,
    ),
    Row(
        "qr",
        [call(TALL), call(A), call(STACK), call(WIDE), call(draw(2, 2, 4)), call(draw(2, 3, 2)), call(A, mode="complete")]
        + [call(WIDE, mode="complete"), call(draw(4, 1)), call(draw(1, 4)), call(ONE), call(TALL[::-1])],
        lambda x, mode="reduced": tuple(np.linalg.qr(x, mode=mode)),
        failures=[failure(InputError, ("'r'", "qr(x)[1]"), TALL, mode="r")],
    ),
    Row(
        "eigh",
        [call(A), call(STACK), call(DEEP), call(ONE), call(draw(4, 4)), call(NONE), call(A.T[::-1])]
        + [call(A, UPLO="U"), call(DEEP, UPLO="u")],
        eigen(np.linalg.eigh),
        function=eigen(F.eigh),
        rtol=1e-9,
        failures=[failure(InputError, ("eigh: UPLO is 'M'", "'L' or 'U'"), A, UPLO="M")],
    ),
    Row(
        "eigvalsh",
        [call(A), call(STACK), call(DEEP), call(ONE), call(draw(4, 4)), call(NONE), call(EMPTY)]
        + [call(A, UPLO="U"), call(DEEP, UPLO="u")],
        np.linalg.eigvalsh,
        [np.linalg.eigvalsh],
        failures=[failure(InputError, ("eigvalsh: UPLO is 'M'", "'L' or 'U'"), A, UPLO="M"), *SQUARE],
    ),
    Row(
        "svd",
        [call(TALL), call(WIDE), call(A), call(A, full_matrices=True), call(STACK), call(draw(2, 3, 2)), call(draw(2, 2, 3))]
        + [call(draw(4, 1)), call(draw(1, 4)), call(ONE), call(TALL.T), call(NONE)],
        singular(np.linalg.svd),
        function=singular(F.svd),
        rtol=1e-9,
    ),
    Row(
        "svdvals",
        [call(TALL), call(WIDE), call(STACK), call(DEEP), call(ONE), call(draw(4, 1)), call(NONE), call(draw(0, 3))],
        np.linalg.svdvals,
        [np.linalg.svdvals],
    ),
    Row(
        "matrix_norm",
        [call(TALL, ord=ord) for ord in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)]
        + [call(STACK, ord=ord, keepdims=True) for ord in ("fro", "nuc", 1, 2, -2, -np.inf)]
        + [call(WIDE), call(ONE), call(draw(0, 3)), call(draw(2, 0), ord="nuc"), call(TALL.T[::-1], ord=1)],
        np.linalg.matrix_norm,
        [np.linalg.matrix_norm],
        failures=[
            failure(InputError, ("matrix_norm", "'fro'", "3"), A, ord=3),
            failure(ShapeError, ("matrix_norm", "(3,)"), draw(3)),
            failure(ValueError, "(0,)", draw(0, 0), ord=2),
        ],
    ),
    Row(
        "matrix_power",
        [call(A, n) for n in (0, 1, 2, 5, -1, -2)] + [call(STACK, 3), call(DEEP, 0), call(ONE, 7), call(A, np.int64(2))],
        np.linalg.matrix_power,
        [np.linalg.matrix_power],
        rtol=1e-9,
        failures=[
            failure(ShapeError, ("matrix_power", "square"), TALL, 2),
            failure(ShapeError, ("matrix_power", "square"), TALL, 0),
            failure(InputError, "whole number", A, 0.5),
            failure(np.linalg.LinAlgError, ("Singular", "in inv"), np.zeros((2, 2)), -1),
        ],
    ),
    Row(
        "multi_dot",
        [
            call([WIDE, A]),
            call([WIDE, A, draw(3, 1)]),
            call([draw(2), WIDE, A]),
            call([WIDE, A, draw(3)]),
            call([draw(2), WIDE, draw(3)]),
            call((draw(1, 5), draw(5, 2), WIDE, A, draw(3, 4))),
        ],
        np.linalg.multi_dot,
        [np.linalg.multi_dot],
        failures=[
            failure(ShapeError, "two or more", [A]),
            failure(ShapeError, "two or more", [A, draw(3), A]),
            failure(ShapeError, ("arrays[1] has 3 columns and arrays[2] 2 rows", "(2, 3)"), [WIDE, A, WIDE]),
        ],
    ),
]
