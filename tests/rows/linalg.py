"""Products, and the shapes of matrices."""

import numpy as np

from rows.row import Row, call, draw, failure
from wengert.errors import InputError, ShapeError

A, B, V = draw(2, 3), draw(3, 4, seed=1), draw(3)
ROWS = [
    Row(
        "matmul",
        [
            call(A, B),
            call(V, B),
            call(A, V),
            call(V, draw(3, seed=1)),
            call(draw(5, 2, 3), B),
            call(A, draw(5, 3, 1)),
            call(draw(5, 1, 2, 3), draw(4, 3, 2)),
            call(draw(5, 2, 3), V),
            call(V, draw(5, 3, 2)),
            call(draw(0, 3), B),
            call(draw(3, 2).T, B[:, ::-1]),
        ],
        np.matmul,
        [np.matmul],
        failures=[
            failure(ShapeError, ("inner axes differ, 3 and 2", "y.mT, of shape (3, 2)"), A, draw(2, 3)),
            failure(ShapeError, "scalar", A, draw()),
        ],
    ),
    Row("dot", [call(A, B), call(V, V), call(A, V), call(draw(), V), call(draw(2, 2, 3), draw(4, 3, 2))], np.dot, [np.dot]),
    Row("vdot", [call(A, draw(2, 3, seed=1))], np.vdot, [np.vdot]),
    Row("vecdot", [call(A, draw(2, 3, seed=1)), call(A, V)], np.vecdot, [np.vecdot]),
    Row(
        "tensordot",
        [call(A, B, axes=1), call(draw(2, 3, 4), draw(4, 3, 2), axes=([1, 2], [1, 0])), call(A, B, axes=0)],
        np.tensordot,
        [np.tensordot],
        failures=[failure(ShapeError, "differ", A, A, axes=1)],
    ),
    Row("inner", [call(A, draw(4, 3)), call(V, V)], np.inner, [np.inner]),
    Row("outer", [call(V, draw(2)), call(A, V)], np.outer, [np.outer]),
    Row("kron", [call(A, draw(2, 2)), call(V, draw(2)), call(A, V)], np.kron, [np.kron]),
    Row("cross", [call(V, draw(3, seed=1)), call(A, V), call(draw(3, 2), draw(3, 2, seed=1), axis=0)], np.cross, [np.cross], failures=[failure(ShapeError, "3 entries", draw(2), draw(2))]),
    Row("diagonal", [call(A), call(A, offset=1), call(A, offset=-1), call(draw(3, 2, 4), offset=1, axis1=2, axis2=0)], np.diagonal, [np.diagonal]),
    Row("trace", [call(A), call(A, offset=1), call(draw(2, 3, 4), axis1=1, axis2=2)], np.trace, [np.trace]),
    Row("diag", [call(V), call(A), call(V, k=1), call(V, k=-2), call(A, k=1)], np.diag, [np.diag]),
    Row("tril", [call(A), call(draw(2, 3, 3), k=-1)], np.tril, [np.tril]),
    Row("triu", [call(A), call(draw(2, 3, 3), k=1)], np.triu, [np.triu]),
    Row(
        "einsum",
        [
            call("ij,jk->ik", A, B),
            call("ij,jk", A, B),
            call("ij->ji", A),
            call("ij->", A),
            call("ii->i", draw(3, 3)),
            call("ii", draw(3, 3)),
            call("iij->j", draw(2, 2, 3)),
            call("i,j->ij", V, draw(2)),
            call("ij,ij->i", A, draw(2, 3, seed=1)),
            call("...ij,...jk->...ik", draw(2, 2, 3), draw(3, 2)),
            call("...i->...", draw(2, 3)),
            call("ij,jk,kl->il", A, B, draw(4, 2)),
            call("ij,kj->", A, draw(4, 3)),
            call("bij,bjk->bik", draw(2, 2, 3), draw(2, 3, 1)),
            call("i,->i", V, draw()),
        ],
        np.einsum,
        [np.einsum],
        failures=[
            failure(InputError, "operands", "ij,jk->ik", A),
            failure(ShapeError, "index j", "ij,jk->ik", A, draw(2, 2)),
            failure(InputError, "output", "ij->ijk", A),
        ],
    ),
]
