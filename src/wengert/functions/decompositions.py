"""Determinants, inverses and factorisations of matrices; all work on stacks of matrices, over leading axes.

The rules are those of Giles, "An extended collection of matrix derivative results" (2008), and, for qr,
of Walter and Lehmann, "Algorithmic differentiation of linear algebra functions" (2018).
"""

from typing import Any

from wengert.core.operation import operation
from wengert.core.recorded import Recorded
from wengert.errors import InputError, NotDifferentiableError, ShapeError, message
from wengert.functions.arithmetic import abs as abs_
from wengert.functions.creation import copy
from wengert.functions.linalg import matmul
from wengert.functions.reduction import max as max_
from wengert.functions.reduction import min as min_
from wengert.functions.reduction import norm
from wengert.functions.reduction import sum as sum_

__all__ = [
    "cholesky",
    "cofactor",
    "det",
    "eigh",
    "eigvalsh",
    "inv",
    "matrix_norm",
    "matrix_power",
    "multi_dot",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
]


def _square(name: str, x: Any) -> None:
    if len(x.shape) < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(message(f"{name}: needs square matrices.", [("x", x)]))


@operation
def det(xp, x):
    """The determinant.

    At singular matrices the derivative, the matrix of cofactors, is taken there too; its own derivative is not.

    Shapes: x (..., n, n) -> (...)

    Example:
        >>> import numpy as np
        >>> det(np.array([[2.0, 0.0], [0.0, 3.0]]))
        variable(6.)
    """
    _square("det", x)
    return xp.det(x)


@det.derivative("x")
def _(xp, g, x):
    return xp.expand_dims(g, axis=(-2, -1)) * xp.cofactor(x)


@operation
def cofactor(xp, x):
    """The matrix of cofactors: det(x) times the transposed inverse, of singular matrices too.

    Shapes: x (..., n, n) -> (..., n, n)

    Example:
        >>> import numpy as np
        >>> cofactor(np.array([[2.0, 0.0], [0.0, 0.0]]))
        variable([[0. 0.]
                  [0. 2.]])
    """
    return xp.cofactor(x)


@cofactor.derivative("x")
def _(xp, g, x):
    # C = det(x) inv(x)^T, and d C = (tr(inv(x) dx) inv(x)^T - (inv(x) dx inv(x))^T) det(x)
    inverse = xp.inv(x)
    inverse_t = xp.matrix_transpose(inverse)
    scale = xp.expand_dims(xp.det(x), axis=(-2, -1))
    inner = xp.sum(g * inverse_t, axis=(-2, -1), keepdims=True)
    return scale * (inner * inverse_t - xp.matmul(xp.matmul(inverse_t, xp.matrix_transpose(g)), inverse_t))


@operation
def slogdet(xp, x):
    """The sign of the determinant, and the logarithm of its size, without overflow.

    Shapes: x (..., n, n) -> (...), (...)

    Example:
        >>> import numpy as np
        >>> slogdet(np.array([[2.0, 0.0], [0.0, 3.0]]))
        (variable(1.), variable(1.79175947))
    """
    _square("slogdet", x)
    sign, logarithm = xp.slogdet(x)
    return xp.asarray(sign), xp.asarray(logarithm)


@slogdet.derivative("x")
def _(xp, g, x):
    if g[1] is None:
        return xp.zeros_like(x)
    return xp.expand_dims(g[1], axis=(-2, -1)) * xp.matrix_transpose(xp.inv(x))


@operation
def inv(xp, x):
    """The inverse.

    Shapes: x (..., n, n) -> (..., n, n)

    Raises:
        LinAlgError: a matrix is singular (with NumPy).

    Example:
        >>> import numpy as np
        >>> inv(np.array([[2.0, 0.0], [0.0, 4.0]]))
        variable([[0.5  0.  ]
                  [0.   0.25]])
    """
    _square("inv", x)
    return xp.inv(x)


@inv.derivative("x")
def _(xp, g, out):
    transposed = xp.matrix_transpose(out)
    return -xp.matmul(xp.matmul(transposed, g), transposed)


@operation(broadcasts=True)
def _solve(xp, x, y):
    return xp.solve(x, y)


@_solve.derivative("x")
def _(xp, g, x, out):
    return -xp.matmul(xp.solve(xp.matrix_transpose(x), g), xp.matrix_transpose(out))


@_solve.derivative("y")
def _(xp, g, x):
    return xp.solve(xp.matrix_transpose(x), g)


def solve(x: Any, y: Any) -> Any:
    """The solution of linear equations: the z with x @ z = y.

    Shapes: x (..., n, n), y (n,) or (..., n, k) -> the shape of y, the leading axes broadcasting

    Raises:
        LinAlgError: a matrix is singular (with NumPy).
        ShapeError: the rows of ``x`` and ``y`` differ.

    Example:
        >>> import numpy as np
        >>> solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([2.0, 2.0]))
        variable([1.  0.5])
    """
    _square("solve", x)
    if not y.shape or y.shape[-2 if len(y.shape) > 1 else 0] != x.shape[-1]:
        raise ShapeError(message("solve: x and y have different numbers of rows.", [("x", x), ("y", y)]))
    if len(y.shape) == 1:
        return _solve(x, _variable(y)[:, None])[..., 0]
    return _solve(x, y)


def _variable(x: Any) -> Any:
    return x if isinstance(x, Recorded) else copy(x)


@operation
def cholesky(xp, x):
    """The lower triangular factor of symmetric positive definite matrices: x = out @ out.mT.

    Only the lower triangle of ``x`` is read; the gradient is given symmetric, as for symmetric changes of ``x``.

    Shapes: x (..., n, n) -> (..., n, n)

    Raises:
        LinAlgError: a matrix is not positive definite (with NumPy).

    Example:
        >>> import numpy as np
        >>> cholesky(np.array([[4.0, 0.0], [0.0, 9.0]]))
        variable([[2. 0.]
                  [0. 3.]])
    """
    _square("cholesky", x)
    return xp.cholesky(x)


@cholesky.derivative("x")
def _(xp, g, out):
    transposed = xp.matrix_transpose(out)
    middle = xp.tril(xp.matmul(transposed, g))
    middle = middle - 0.5 * (middle * _identity(xp, out))
    inner = xp.solve(transposed, xp.matrix_transpose(xp.solve(transposed, xp.matrix_transpose(middle))))
    return 0.5 * (inner + xp.matrix_transpose(inner))


def _identity(xp, like):
    """Ones on the diagonal, of the shape of ``like``."""
    ones = xp.ones_like(like)
    return xp.tril(ones) * xp.triu(ones)


@operation
def qr(xp, x):
    """The factors of x = q @ r, with orthonormal columns in q and an upper triangle in r (reduced form).

    Shapes: x (..., m, n) with m >= n -> (..., m, n), (..., n, n)

    Raises:
        ShapeError: the matrix has more columns than rows.

    Example:
        >>> import numpy as np
        >>> q, r = qr(np.array([[3.0], [4.0]]))
        >>> abs(r)
        variable([[5.]])
    """
    if len(x.shape) < 2 or x.shape[-2] < x.shape[-1]:
        raise ShapeError(message("qr: needs at least as many rows as columns.", [("x", x)]))
    q, r = xp.qr(x)
    return q, r


@qr.derivative("x")
def _(xp, g, out):
    q, r = out
    gq = xp.zeros_like(q) if g[0] is None else g[0]
    gr = xp.zeros_like(r) if g[1] is None else g[1]
    m = xp.matmul(r, xp.matrix_transpose(gr)) - xp.matmul(xp.matrix_transpose(gq), q)
    lower = xp.tril(m, -1)
    symmetric = lower + xp.matrix_transpose(lower) + m * _identity(xp, m)
    right = gq + xp.matmul(q, symmetric)
    return xp.matrix_transpose(xp.solve(r, xp.matrix_transpose(right)))


@operation
def eigh(xp, x):
    """The eigenvalues, in ascending order, and eigenvectors, in columns, of symmetric matrices.

    Only the lower triangle of ``x`` is read; the gradient is given symmetric.
    An eigenvector is fixed up to its sign: derivatives mean something only for functions that do not depend on it.

    Shapes: x (..., n, n) -> (..., n), (..., n, n)

    Raises:
        NotDifferentiableError: in backward, eigenvectors received a gradient and two eigenvalues are equal.

    Example:
        >>> import numpy as np
        >>> eigh(np.array([[2.0, 0.0], [0.0, 3.0]]))[0]
        variable([2. 3.])
    """
    _square("eigh", x)
    values, vectors = xp.eigh(x)
    return values, vectors


@eigh.derivative("x")
def _(xp, g, out):
    values, vectors = out
    transposed = xp.matrix_transpose(vectors)
    inner = 0.0
    if g[1] is not None:
        inner = _over_gaps(xp, "eigh", values) * xp.matmul(transposed, g[1])
    if g[0] is not None:
        inner = inner + xp.expand_dims(g[0], axis=-2) * _identity(xp, vectors)
    full = xp.matmul(xp.matmul(vectors, inner), transposed)
    return 0.5 * (full + xp.matrix_transpose(full))


def _over_gaps(xp, name, values):
    """1 / (values[j] - values[i]) off the diagonal, and 0 on it."""
    gaps = xp.expand_dims(values, axis=-2) - xp.expand_dims(values, axis=-1)
    diagonal = _identity(xp, gaps) == 1
    if _concrete_any(xp, xp.logical_and(gaps == 0, xp.logical_not(diagonal))):
        raise NotDifferentiableError(
            f"{name}: two of the values are equal, so their vectors are not determined and have no derivative."
        )
    return xp.where(diagonal, 0.0, 1.0 / xp.where(diagonal, 1.0, gaps))


def _concrete_any(xp, condition):
    """Whether a condition holds anywhere; False where that cannot be known while a step is being compiled."""
    array = condition.data if isinstance(condition, Recorded) else condition
    try:
        return bool(array.any())
    except Exception:
        return False


def eigvalsh(x: Any) -> Any:
    """The eigenvalues of symmetric matrices, in ascending order (see `eigh`).

    Example:
        >>> import numpy as np
        >>> eigvalsh(np.array([[2.0, 0.0], [0.0, 3.0]]))
        variable([2. 3.])
    """
    return eigh(x)[0]


@operation
def _svd(xp, x):
    u, s, vt = xp.svd(x, full_matrices=False)
    return u, s, vt


@_svd.derivative("x")
def _(xp, g, out):
    u, s, vt = out
    v, ut = xp.matrix_transpose(vt), xp.matrix_transpose(u)
    s_row, s_column = xp.expand_dims(s, axis=-2), xp.expand_dims(s, axis=-1)
    square = xp.matmul(ut, u)
    inner = 0.0
    outside = 0.0
    if g[0] is not None or g[2] is not None:
        over = _over_gaps(xp, "svd", s * s)
    if g[0] is not None:
        product = xp.matmul(ut, g[0])
        inner = inner + over * (product - xp.matrix_transpose(product)) * s_row
        rest = g[0] - xp.matmul(u, product)
        outside = outside + xp.matmul(rest / s_row, vt)
    if g[2] is not None:
        gv = xp.matrix_transpose(g[2])
        product = xp.matmul(vt, gv)
        inner = inner + s_column * (over * (product - xp.matrix_transpose(product)))
        rest = gv - xp.matmul(v, product)
        outside = outside + xp.matmul(u, xp.matrix_transpose(rest / s_row))
    if g[1] is not None:
        inner = inner + xp.expand_dims(g[1], axis=-2) * _identity(xp, square)
    return xp.matmul(xp.matmul(u, inner), vt) + outside


def svd(x: Any, full_matrices: bool = False) -> Any:
    """The singular value decomposition x = u @ diag(s) @ vt, with s in descending order (reduced form).

    Singular vectors are fixed up to a common sign: derivatives mean something only for functions that do not
    depend on it.

    Shapes: x (..., m, n), k = min(m, n) -> (..., m, k), (..., k), (..., k, n)

    Raises:
        NotDifferentiableError: ``full_matrices`` of a matrix that is not square; in backward, vectors received a
            gradient and two singular values are equal.

    Example:
        >>> import numpy as np
        >>> svd(np.array([[2.0, 0.0], [0.0, 3.0]]))[1]
        variable([3. 2.])
    """
    if full_matrices and x.shape[-1] != x.shape[-2]:
        raise NotDifferentiableError(
            message("svd: the extra vectors of the full form are not determined.", [("x", x)], "full_matrices=False.")
        )
    return _svd(x)


def svdvals(x: Any) -> Any:
    """The singular values, in descending order (see `svd`).

    Example:
        >>> import numpy as np
        >>> svdvals(np.array([[2.0, 0.0], [0.0, 3.0]]))
        variable([3. 2.])
    """
    return _svd(x)[1]


@operation
def pinv(xp, x):
    """The Moore-Penrose inverse, of matrices whose rank does not change nearby (Golub and Pereyra 1973).

    Shapes: x (..., m, n) -> (..., n, m)

    Example:
        >>> import numpy as np
        >>> pinv(np.array([[2.0], [0.0]]))
        variable([[0.5 0. ]])
    """
    return xp.pinv(x)


@pinv.derivative("x")
def _(xp, g, x, out):
    p, pt, gt = out, xp.matrix_transpose(out), xp.matrix_transpose(g)
    first = -xp.matmul(xp.matmul(pt, g), pt)
    ppt = xp.matmul(p, pt)  # p p^T
    ptp = xp.matmul(pt, p)  # p^T p
    left = xp.matmul(gt, ppt)
    second = left - xp.matmul(x, xp.matmul(p, left))
    right = xp.matmul(ptp, gt)
    third = right - xp.matmul(xp.matmul(right, p), x)
    return first + second + third


def matrix_norm(x: Any, ord: Any = "fro", keepdims: bool = False) -> Any:
    """A norm of matrices, over the last two axes.

    Args:
        ord: ``"fro"`` the root of the sum of squares, ``"nuc"`` the sum of the singular values,
            2 and -2 the largest and smallest singular value, 1 and -1 the largest and smallest sum of a column's
            sizes, infinity and minus infinity those of a row.

    Shapes: x (..., m, n) -> (...); with ``keepdims`` (..., 1, 1)

    Raises:
        InputError: there is no such norm.

    Example:
        >>> import numpy as np
        >>> matrix_norm(np.array([[3.0, 0.0], [0.0, 4.0]]))
        variable(5.)
    """
    if len(x.shape) < 2:
        raise ShapeError(message("matrix_norm: needs matrices.", [("x", x)]))
    if ord == "fro":
        return norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord in ("nuc", 2, -2):
        s = svdvals(x)
        out = sum_(s, axis=-1) if ord == "nuc" else (max_ if ord == 2 else min_)(s, axis=-1)
    elif ord in (1, -1, float("inf"), float("-inf")):
        sums = sum_(abs_(x), axis=-2 if ord in (1, -1) else -1)
        out = (max_ if ord > 0 else min_)(sums, axis=-1)
    else:
        raise InputError(f"matrix_norm: ord {ord!r} is not 'fro', 'nuc', 1, -1, 2, -2 or an infinity.")
    return out[..., None, None] if keepdims else out


def matrix_power(x: Any, n: int) -> Any:
    """The matrix product of ``n`` copies of ``x``; of its inverse where ``n`` is negative.

    Example:
        >>> import numpy as np
        >>> matrix_power(np.array([[1.0, 1.0], [0.0, 1.0]]), 3)
        variable([[1. 3.]
                  [0. 1.]])
    """
    _square("matrix_power", x)
    if n < 0:
        return matrix_power(inv(x), -n)
    if n == 0:
        return _variable(x) * 0.0 + _eye_like(x)
    out: Any = None
    while n:
        if n & 1:
            out = _variable(x) if out is None else matmul(out, x)
        n >>= 1
        if n:
            x = matmul(x, x)
    return out


def _eye_like(x: Any) -> Any:
    from wengert.functions.creation import ones_like
    from wengert.functions.linalg import tril, triu

    ones = ones_like(x)
    return tril(ones) * triu(ones)


def multi_dot(arrays: Any) -> Any:
    """The matrix product of several arrays, from the left.

    Example:
        >>> import numpy as np
        >>> multi_dot([np.ones((2, 3)), np.ones((3, 4)), np.ones((4, 1))]).shape
        (2, 1)
    """
    out, *rest = arrays
    for array in rest:
        out = matmul(out, array)
    return out

