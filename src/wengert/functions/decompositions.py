"""Determinants, inverses and factors of matrices; all work on stacks of matrices, over leading axes.

Rules: Giles, "An extended collection of matrix derivative results" (2008); for qr Walter and Lehmann, "Algorithmic
differentiation of linear algebra functions" (2018); for cholesky Murray, "Differentiation of the Cholesky
decomposition" (2016); for svd Townsend, "Differentiating the singular value decomposition" (2016).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from wengert.backends import namespace_of
from wengert.core.operation import operation
from wengert.core.real import real_numbers
from wengert.core.recorded import Recorded
from wengert.errors import InputError, NotDifferentiableError, ShapeError, message
from wengert.functions.arithmetic import abs as abs_
from wengert.functions.creation import astype, copy
from wengert.functions.kinks import related, within
from wengert.functions.linalg import _shape, matmul
from wengert.functions.reduction import max as max_
from wengert.functions.reduction import min as min_
from wengert.functions.reduction import norm
from wengert.functions.reduction import sum as sum_
from wengert.functions.shape import reshape

__all__ = [
    "cholesky",
    "cofactor",
    "det",
    "eigh",
    "eigvalsh",
    "inv",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
]


def _not_square(x: Any) -> tuple[str, str] | None:
    """Why a function of square matrices failed, where that is the reason."""
    shape = _shape(x)
    if len(shape) > 1 and shape[-1] == shape[-2]:
        return None
    return "it takes square matrices.", "the last two axes must have equally many entries."


@contextmanager
def _in_derivative_of(name: str) -> Iterator[None]:
    """Add to an error of the array library which derivative it arose in."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in the derivative of {name}, which does not exist where a matrix is singular.")
        raise


# Determinants and inverses


@operation
def det(xp, x):
    """The determinant.

    Its derivatives, the matrix of cofactors and the next one, are exact at singular matrices too; see `cofactor`.

    Shapes: x (..., n, n) -> (...)

    Raises:
        ShapeError: the matrices are not square.

    Cost: backward takes singular values; it remembers ``x``.

    Example:
        >>> import numpy as np
        >>> det(np.array([[2.0, 0.0], [0.0, 3.0]]))
        variable(6.0)
    """
    return xp.det(x)


det.explain(_not_square)


@det.derivative("x")
def _(g, x):
    return g[..., None, None] * within(cofactor, x)


@operation
def cofactor(xp, x):
    """The matrix of cofactors: det(x) times the transposed inverse, from singular values, so of singular matrices too.

    So is its derivative; the next one is there only where the matrices are not singular.

    Shapes: x (..., n, n) -> the same

    Raises:
        LinAlgError: in backward through its derivative, a matrix is singular (with NumPy).
        ShapeError: the matrices are not square.

    Example:
        >>> import numpy as np
        >>> cofactor(np.array([[2.0, 0.0], [0.0, 0.0]]))
        variable([[0. 0.]
                  [0. 2.]])
    """
    if _not_square(x):
        raise ValueError
    u, s, vh = xp.svd(real_numbers("cofactor", x))
    others = xp.prod(xp.where(xp.eye(x.shape[-1], dtype=bool), 1, s[..., None, :]), axis=-1)  # all values but one's own
    sign = xp.asarray(xp.det(u) * xp.det(vh))
    return (u * (sign[..., None] * others)[..., None, :]) @ vh


cofactor.explain(_not_square)


@cofactor.derivative("x")
def _(g, x):
    return within(_cofactor_slope, x, g)


@operation
def _cofactor_slope(xp, x, direction):
    """The change of the cofactors of ``x`` along a direction, and, as it is symmetric, what goes back from a gradient.

    Seen between the singular vectors, an entry of the diagonal changes by the sum of the others in the direction, and
    an entry beside it by its mirror image taken off; each times the product of all singular values but those two.
    """
    u, s, vh = xp.svd(x)
    products = _all_but_two(xp, s)
    inner = u.mT @ direction @ vh.mT
    sums = products @ xp.diagonal(inner, axis1=-2, axis2=-1)[..., None]
    sign = xp.asarray(xp.det(u) * xp.det(vh))
    return sign[..., None, None] * (u @ (sums * xp.eye(s.shape[-1], dtype=s.dtype) - products * inner.mT) @ vh)


def _all_but_two(xp, s):
    """The products of all singular values but the i-th and j-th, as (..., n, n); 0 on the diagonal.

    Only by large ones is divided: where one of them is zero too, so is every product.
    """
    n = s.shape[-1]
    large, small = s[..., :-2], s[..., -2:]
    shares = xp.concat([1 / xp.where(large == 0, 1, large), xp.ones_like(small)], axis=-1)
    products = xp.prod(large, axis=-1)[..., None, None] * (shares[..., None, :] * shares[..., :, None])
    places = xp.arange(n)
    for i in range(small.shape[-1]):
        at = places == n - small.shape[-1] + i
        products = products * xp.where(at | at[:, None], 1, small[..., i, None, None])
    return xp.where(xp.eye(n, dtype=bool), 0, products)


@_cofactor_slope.derivative("direction")
def _(g, x):
    return within(_cofactor_slope, x, g)


@_cofactor_slope.derivative("x")
def _(xp, g, x, direction):
    # The third derivative of a determinant, of which the second along two directions is
    # det(x) * (tr(x^-1 g) tr(x^-1 direction) - tr(x^-1 g x^-1 direction)).
    with _in_derivative_of("cofactor"):
        inverse = xp.inv(x).mT
    first, second = inverse @ g.mT @ inverse, inverse @ direction.mT @ inverse
    traces = [xp.sum(part, axis=(-2, -1), keepdims=True) for part in (inverse * g, inverse * direction, second * g)]
    crossed = second @ g.mT @ inverse + first @ direction.mT @ inverse
    whole = (traces[0] * traces[1] - traces[2]) * inverse - traces[0] * second - traces[1] * first + crossed
    return xp.det(x)[..., None, None] * whole


@operation
def slogdet(xp, x):
    """The sign of the determinant, and the logarithm of its size: a pair, without overflow.

    The sign is constant.  Of a singular matrix the two are 0 and minus infinity.

    Shapes: x (..., n, n) -> (...), (...)

    Raises:
        LinAlgError: in backward, a matrix is singular (with NumPy).
        ShapeError: the matrices are not square.

    Example:
        >>> import numpy as np
        >>> slogdet(np.array([[2.0, 0.0], [0.0, 0.5]]))
        (variable(1.0), variable(0.0))
    """
    sign, logarithm = xp.slogdet(x)
    return xp.asarray(sign), xp.asarray(logarithm)


slogdet.explain(_not_square)


@slogdet.derivative("x")
def _(xp, g, x):
    if g[1] is None:
        return xp.zeros_like(x)
    with _in_derivative_of("slogdet"):
        return g[1][..., None, None] * xp.inv(x).mT


@operation
def inv(xp, x):
    """The inverse; to solve equations, `solve` is quicker and more exact.

    Shapes: x (..., n, n) -> the same

    Raises:
        LinAlgError: a matrix is singular (with NumPy).
        ShapeError: the matrices are not square.

    Example:
        >>> import numpy as np
        >>> inv(np.array([[2.0, 0.0], [0.0, 4.0]]))
        variable([[0.5  0.  ]
                  [0.   0.25]])
    """
    return xp.inv(x)


inv.explain(_not_square)


@inv.derivative("x")
def _(g, out):
    return -out.mT @ g @ out.mT


@operation(broadcasts=True)
def solve(xp, a, b):
    """The x with a @ x = b.

    Shapes: a (..., n, n), b (n,) -> (..., n); or b (..., n, k) -> (..., n, k), the leading axes broadcasting.
        A ``b`` of one axis is a vector, and any other a stack of matrices.

    Raises:
        LinAlgError: a matrix is singular (with NumPy).
        ShapeError: the matrices are not square, or ``b`` has other rows.

    Example:
        >>> import numpy as np
        >>> solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([2.0, 2.0]))
        variable([1.  0.5])
    """
    return xp.solve(a, b)


@solve.derivative("a", "b")
def _(xp, g, a, out, b_shape, wanted):
    if len(b_shape) == 1:
        column = xp.solve(a.mT, g[..., None])
        return -column * out[..., None, :] if wanted[0] else None, column[..., 0] if wanted[1] else None
    column = xp.solve(a.mT, g)
    return -column @ out.mT if wanted[0] else None, column if wanted[1] else None


@solve.explain
def _(a, b):
    left, right = _shape(a), _shape(b)
    if _not_square(a):
        return "a is not square.", "the last two axes of a must have equally many entries; see pinv for others."
    if not right or right[-2:][0] != left[-1]:
        rows = right[-2:][0] if right else "no"
        hint = "; b[..., None] makes columns of vectors" if len(right) > 1 and right[-1] == left[-1] else ""
        return f"a has {left[-1]} rows and b has {rows}.", f"b must be ({left[-1]},) or (..., {left[-1]}, k){hint}."
    return None


@operation
def pinv(xp, x, /, rtol=None):
    """The Moore-Penrose inverse (Golub and Pereyra 1973).

    Args:
        rtol: Singular values up to this share of the largest count as zero [0, 1);
            by default the larger side of the matrix times the rounding unit of its dtype.

    At kinks: where the rank changes it jumps; the derivative is that along changes which keep the rank.

    Shapes: x (..., m, n) -> (..., n, m)

    Example:
        >>> import numpy as np
        >>> pinv(np.array([[2.0], [0.0]]))
        variable([[0.5 0. ]])
    """
    if rtol is None:
        rtol = max(x.shape[-2:]) * float(xp.finfo(xp.result_type(x.dtype, 1.0)).eps)
    return xp.pinv(x, rtol=rtol)


@pinv.derivative("x")
def _(g, x, out):
    p, gt = out.mT, g.mT
    left, right = gt @ out @ p, p @ (out @ gt)
    return left - x @ (out @ left) + right - (right @ out) @ x - p @ g @ p


@operation(differentiable=False)
def matrix_rank(xp, x, /, *, rtol=None):
    """How many singular values are not zero.

    Args:
        rtol: Singular values up to this share of the largest count as zero, as in `pinv`.

    Shapes: x (..., m, n) -> (...)

    Example:
        >>> import numpy as np
        >>> matrix_rank(np.ones((3, 3)))
        variable(1)
    """
    return xp.matrix_rank(x, rtol=rtol)


# Factors


@operation
def cholesky(xp, x, /, *, upper=False):
    """The lower triangular factor of symmetric positive definite matrices, x = out @ out.mT; or the upper one.

    As in NumPy only the lower triangle of ``x`` is read (with ``upper``, the upper one), and taken for the other too.
    So an entry of it beside the diagonal has the gradient of both, and an entry that is not read has none.

    Shapes: x (..., n, n) -> the same

    Raises:
        LinAlgError: a matrix is not positive definite (with NumPy).
        ShapeError: the matrices are not square.

    Example:
        >>> import numpy as np
        >>> cholesky(np.array([[4.0, 0.0], [0.0, 9.0]]))
        variable([[2. 0.]
                  [0. 3.]])
    """
    return xp.cholesky(x, upper=upper)


cholesky.explain(_not_square)


@cholesky.derivative("x")
def _(xp, g, out, upper):
    transposed, g = (out, g.mT) if upper else (out.mT, g)
    middle = transposed @ xp.tril(g)  # Murray's (9), and its symmetric part at once
    middle = 0.5 * (xp.tril(middle) + xp.tril(middle, -1).mT)
    return _as_read(xp, xp.solve(transposed, xp.solve(transposed, middle).mT), upper)


def _as_read(xp, symmetric, upper):
    """The gradient of a triangle, from that of the symmetric matrix that it stands for."""
    triangle = xp.triu if upper else xp.tril
    return triangle(symmetric) + triangle(symmetric.mT, 1 if upper else -1)


@operation
def qr(xp, x, /, mode="reduced"):
    """The factors of x = q @ r: orthonormal columns, and an upper triangle.

    Args:
        mode: ``"reduced"``, or ``"complete"`` for a square q, whose further columns have no derivative.

    Shapes: x (..., m, n), k = min(m, n) -> (..., m, k), (..., k, n); complete: (..., m, m), (..., m, n)

    Raises:
        InputError: there is no such mode here.
        LinAlgError: in backward, the first min(m, n) columns depend on one another (with NumPy).
        NotDifferentiableError: in backward, the mode is complete and there are more rows than columns.

    Example:
        >>> import numpy as np
        >>> q, r = qr(np.array([[3.0], [4.0]]))
        >>> q * r
        variable([[3.]
                  [4.]])
    """
    if mode not in ("reduced", "complete"):
        raise InputError(f"qr: mode must be 'reduced' or 'complete', and is {mode!r}.\n    Fix: qr(x)[1] is r alone.")
    q, r = xp.qr(x, mode=mode)
    return q, r


@qr.derivative("x")
def _(xp, g, out, mode):
    (q, r), (gq, gr) = out, g
    if r.shape[-2] > r.shape[-1]:
        fact = "qr: the columns of q beyond those of x are not determined, and have no derivative."
        raise NotDifferentiableError(message(fact, [("q", q), ("r", r)], "use mode='reduced'."))
    m, extra = r.shape[-2], None
    if m < r.shape[-1]:  # the columns beyond the square part are q @ r, and depend on the square part through q
        extra, beyond = r[..., m:], None if gr is None else gr[..., m:]
        r, gr = r[..., :m], None if gr is None else gr[..., :m]
        if beyond is not None:
            more = q @ (extra @ beyond.mT)
            gq = more if gq is None else gq + more
    inner = 0 if gr is None else r @ gr.mT
    inner = inner if gq is None else inner - gq.mT @ q
    right = q @ (xp.tril(inner) + xp.tril(inner, -1).mT)
    with _in_derivative_of("qr"):
        square = xp.solve(r, (right if gq is None else right + gq).mT).mT
    if extra is None:
        return square
    return xp.concat([square, xp.zeros_like(extra) if beyond is None else q @ beyond], axis=-1)


@operation
def eigh(xp, x, /, UPLO="L"):
    """The eigenvalues of symmetric matrices, in ascending order, and their eigenvectors, in columns.

    As in NumPy one triangle of ``x`` is read, and taken for the other too.  So an entry of it beside the diagonal has
    the gradient of both, and an entry that is not read has none.
    An eigenvector is determined up to its sign, and so its derivative is: ask for what does not depend on the sign.

    Args:
        UPLO: Which triangle is read: ``"L"`` for the lower, ``"U"`` for the upper.

    At kinks: equal eigenvalues (to within rounding) each have a derivative for the eigenvectors that were found;
        sums and the like, in which they stand alike, have the right one.  The vectors have none.

    Shapes: x (..., n, n) -> (..., n), (..., n, n)

    Raises:
        InputError: ``UPLO`` is something else.
        NotDifferentiableError: in backward, a gradient reaches eigenvectors of equal eigenvalues; or a second
            derivative depends on them.
        ShapeError: the matrices are not square.

    Example:
        >>> import numpy as np
        >>> eigh(np.array([[2.0, 0.0], [0.0, 3.0]]))[0]
        variable([2. 3.])
    """
    values, vectors = xp.eigh(x, UPLO="U" if _reads_upper("eigh", UPLO) else "L")
    return values, vectors


eigh.explain(_not_square)


def _reads_upper(name: str, triangle: Any) -> bool:
    if triangle not in ("L", "l", "U", "u"):
        raise InputError(f"{name}: UPLO is {triangle!r}.\n    Fix: give 'L' or 'U'.")
    return triangle in "Uu"


@eigh.derivative("x")
def _(xp, g, x, out, UPLO):
    (values, vectors), (g_values, g_vectors) = out, g
    whole = None
    if g_values is not None and isinstance(x, Recorded):
        whole = within(_of_eigenvalues, x, g_values, UPLO=UPLO.upper(), moving=related(g_values, x))
    elif g_values is not None:
        whole = (vectors * g_values[..., None, :]) @ vectors.mT
    if g_vectors is not None:
        inner = vectors.mT @ g_vectors
        gaps = _off_diagonal(xp, values[..., None, :] - values[..., :, None])
        floor, asked = _rounding(values), _mirrored(inner)
        turned = within(_over, 0.5 * (inner - inner.mT), gaps, floor=floor, of="eigh", asked=asked)
        turned = vectors @ turned @ vectors.mT
        whole = turned if whole is None else whole + turned
    return _as_read(xp, whole, UPLO in "Uu")


@operation
def eigvalsh(xp, x, /, UPLO="L"):
    """The eigenvalues of symmetric matrices, in ascending order; see `eigh`.

    Args:
        UPLO: Which triangle is read: ``"L"`` for the lower, ``"U"`` for the upper.

    Shapes: x (..., n, n) -> (..., n)

    Cost: backward takes the eigenvectors; it remembers ``x``.

    Example:
        >>> import numpy as np
        >>> eigvalsh(np.array([[2.0, 0.0], [0.0, 3.0]]))
        variable([2. 3.])
    """
    return xp.eigvalsh(x, UPLO="U" if _reads_upper("eigvalsh", UPLO) else "L")


eigvalsh.explain(_not_square)


@eigvalsh.derivative("x")
def _(xp, g, x, UPLO):
    return _as_read(xp, within(_of_eigenvalues, x, g, UPLO=UPLO.upper(), moving=related(g, x)), UPLO in "Uu")


@operation
def _of_eigenvalues(xp, x, weights, /, *, UPLO, moving):
    """The matrix that has the eigenvectors of ``x`` and ``weights`` for eigenvalues.

    Args:
        moving: Whether the weights may change along with ``x``, and that unlike one another.
    """
    vectors = xp.eigh(x, UPLO=UPLO)[1]
    return (vectors * weights[..., None, :]) @ vectors.mT


@_of_eigenvalues.derivative("x", "weights")
def _(xp, g, x, weights, UPLO, moving, wanted):
    # Between the eigenvectors, a change of x times (weight i - weight j) / (value i - value j).
    values, vectors = xp.eigh(x, UPLO=UPLO)
    inner = vectors.mT @ (0.5 * (g + g.mT)) @ vectors
    whole = None
    if wanted[0]:
        gaps = _off_diagonal(xp, values[..., None, :] - values[..., :, None])
        change = inner * (weights[..., None, :] - weights[..., :, None])
        asked = abs(_data(inner)) if moving else None
        whole = vectors @ within(_over, change, gaps, floor=_rounding(values), of="eigvalsh", asked=asked) @ vectors.mT
        whole = _as_read(xp, whole, UPLO == "U")
    return whole, xp.diagonal(inner, axis1=-2, axis2=-1) if wanted[1] else None


@operation
def svd(xp, x, /, full_matrices=True):
    """The singular value decomposition x = u @ diag(s) @ vh, with s in descending order.

    Args:
        full_matrices: Square ``u`` and ``vh``; the further vectors of matrices that are not square have no derivative.

    Two singular vectors, one of u and one of vh, are determined up to a sign in common, and so their derivatives are:
    ask for what does not depend on the sign.

    At kinks: equal singular values (to within rounding) each have a derivative for the vectors that were found;
        sums and the like, in which they stand alike, have the right one.  So has a singular value of zero.

    Shapes: x (..., m, n), k = min(m, n) -> (..., m, m), (..., k), (..., n, n); without ``full_matrices``
        (..., m, k), (..., k), (..., k, n)

    Raises:
        NotDifferentiableError: in backward, a gradient reaches vectors of equal singular values, or of the full form
            of matrices that are not square; or a second derivative depends on vectors of equal values.

    Example:
        >>> import numpy as np
        >>> svd(np.array([[2.0, 0.0], [0.0, 3.0]]))[1]
        variable([3. 2.])
    """
    u, s, vh = xp.svd(x, full_matrices=full_matrices)
    return u, s, vh


@svd.derivative("x")
def _(xp, g, x, out, full_matrices):
    (u, s, vh), (gu, gs, gvh) = out, g
    if gu is None and gvh is None and isinstance(x, Recorded):
        return within(_of_singular_values, x, gs, of="svd", moving=related(gs, x), alike=False)
    m, n = x.shape[-2:]
    if full_matrices and m != n:
        if gu is not None or gvh is not None:
            shapes = [("u", u), ("vh", vh)]
            fact = "svd: the vectors beyond the first min(m, n) are not determined by x, and have no derivative."
            raise NotDifferentiableError(message(fact, shapes, "use svd(x, full_matrices=False)."))
        u, vh = u[..., : s.shape[-1]], vh[..., : s.shape[-1], :]
    row, column = s[..., None, :], s[..., :, None]
    rounding = _rounding(s)
    gaps = None if gu is None and gvh is None else _off_diagonal(xp, (row - column) * (row + column))
    floor = None if gaps is None else rounding * (_data(row) + _data(column))
    left = 0 if gs is None else u * gs[..., None, :]  # what stands before vh
    beyond = 0
    if gu is not None:
        inner = u.mT @ gu
        turned = within(_over, inner - inner.mT, gaps, floor=floor, of="svd", asked=_mirrored(inner))
        left = left + u @ (turned * row)
        if m > n:
            left = left + within(_over, gu - u @ inner, row, floor=rounding, of="svd")
    if gvh is not None:
        inner = vh @ gvh.mT
        turned = within(_over, inner - inner.mT, gaps, floor=floor, of="svd", asked=_mirrored(inner))
        left = left + u @ (column * turned)
        if n > m:
            beyond = u @ within(_over, gvh.mT - vh.mT @ inner, row, floor=rounding, of="svd").mT
    return left @ vh + beyond


@operation
def svdvals(xp, x):
    """The singular values, in descending order; see `svd`.

    Shapes: x (..., m, n) -> (..., min(m, n))

    Cost: backward takes the singular vectors; it remembers ``x``.

    Example:
        >>> import numpy as np
        >>> svdvals(np.array([[2.0, 0.0], [0.0, 3.0]]))
        variable([3. 2.])
    """
    return xp.svdvals(x)


@svdvals.derivative("x")
def _(g, x):
    return within(_of_singular_values, x, g, of="svdvals", moving=related(g, x), alike=False)


@operation
def _of_singular_values(xp, x, weights, /, *, of, moving, alike):
    """The matrix that has the singular vectors of ``x`` and ``weights`` for singular values.

    Where the weights are alike it is a multiple of the orthogonal factor of the polar decomposition: unlike the
    vectors it is determined, up to zeros among the singular values.

    Args:
        of: The function whose derivative it is in.
        moving: Whether the weights may change along with ``x``.
        alike: Whether they are all the same, and change alike.
    """
    u, _, vh = xp.svd(x, full_matrices=False)
    return (u * weights[..., None, :]) @ vh


@_of_singular_values.derivative("x", "weights")
def _(xp, g, x, weights, of, moving, alike, wanted):
    # Between the singular vectors: the symmetric part of a change times (weight i - weight j) / (value i - value j),
    # and the other part times the same with sums.
    u, s, vh = xp.svd(x, full_matrices=False)
    left, right = u.mT @ g, g @ vh.mT
    inner = left @ vh.mT
    if not wanted[0]:
        return None, xp.diagonal(inner, axis1=-2, axis2=-1)
    m, n = x.shape[-2:]
    row, column, rounding = s[..., None, :], s[..., :, None], _rounding(s)
    weight_row, weight_column = weights[..., None, :], weights[..., :, None]

    def over(part, weight, gaps):
        return within(_over, part * weight, gaps, floor=rounding, of=of, asked=abs(_data(part)) if moving else None)

    change = over(0.5 * (inner - inner.mT), weight_row + weight_column, row + column)
    if not alike:
        gaps = _off_diagonal(xp, row - column)
        change = change + over(0.5 * (inner + inner.mT), weight_row - weight_column, gaps)
    out = u @ change @ vh
    if m > n:
        out = out + over(right - u @ inner, weight_row, row) @ vh
    if n > m:
        out = out + u @ over(left - inner @ vh, weight_column, column)
    return out, xp.diagonal(inner, axis1=-2, axis2=-1) if wanted[1] else None


@operation(broadcasts=True)
def _over(xp, x, gaps, /, *, floor, of, asked=None):
    """``x / gaps``; where a gap is no more than ``floor`` it is zero, and ``x``, or what is ``asked``, must be zero."""
    closed = abs(gaps) <= floor
    if xp.surely(closed & ((abs(x) if asked is None else asked) > 0)):
        fact = f"{of}: a gradient reaches vectors that are not determined: their values are equal, or zero."
        fix = "a loss of values alone has a first derivative, of vectors of distinct values all; or change x a little."
        raise NotDifferentiableError(message(fact, fix=fix))
    return xp.where(closed, 0, x / xp.where(closed, 1, gaps))


@_over.derivative("x")
def _(g, gaps, floor, of):
    return within(_over, g, gaps, floor=floor, of=of)


@_over.derivative("gaps")
def _(g, gaps, out, floor, of):
    return within(_over, -g * out, gaps, floor=floor, of=of)


def _off_diagonal(xp, gaps):
    """The gaps with infinity on the diagonal, where a value meets itself and nothing is divided."""
    ones = xp.ones_like(gaps)
    return xp.where(xp.tril(ones) * xp.triu(ones) > 0, float("inf"), gaps)


def _mirrored(inner: Any) -> Any:
    """Where a matrix or its transposed has an entry."""
    sizes = abs(_data(inner))
    return sizes + sizes.mT


def _rounding(values: Any) -> Any:
    """How far apart values of a matrix may be found though they are equal, as (..., 1, 1)."""
    array = _data(values)
    xp = namespace_of((array,))
    return 8 * float(xp.finfo(array.dtype).eps) * xp.max(abs(array), axis=-1, initial=0)[..., None, None]


def _data(value: Any) -> Any:
    return value.data if isinstance(value, Recorded) else value


# Norms


@operation
def _nuclear_norm(xp, x):
    return xp.sum(xp.svdvals(x), axis=-1)


@_nuclear_norm.derivative("x")
def _(xp, g, x):
    weights = xp.broadcast_to(g[..., None], (*g.shape, min(x.shape[-2:])))
    return within(_of_singular_values, x, weights, of="the nuclear norm", moving=related(g, x), alike=True)


# Compositions


def matrix_norm(x: Any, ord: Any = "fro", keepdims: bool = False) -> Any:
    """A norm of matrices, over the last two axes.

    Args:
        ord: ``"fro"``, the root of the sum of squares; ``"nuc"``, the sum of the singular values;
            2 and -2, the largest and smallest singular value;
            1 and -1, the largest and smallest sum of the sizes of a column; infinity and minus infinity, of a row.

    At kinks: equal values share the gradient evenly; at entries, matrices and singular values of zero it is
        a derivative along one side.

    Shapes: x (..., m, n) -> (...); with ``keepdims`` (..., 1, 1)

    Raises:
        InputError: there is no such norm.
        ShapeError: ``x`` has fewer than two axes, or a largest entry is asked for where there is none.

    Example:
        >>> import numpy as np
        >>> matrix_norm(np.array([[3.0, 0.0], [0.0, 4.0]]))
        variable(5.0)
        >>> matrix_norm(np.array([[3.0, 0.0], [0.0, 4.0]]), "nuc")
        variable(7.0)
    """
    if len(_shape(x)) < 2:
        raise ShapeError(message("matrix_norm: takes matrices, of two axes or more.", [("x", x)]))
    x = astype(x, float) if x.dtype.kind in "iub" else x
    if ord == "fro":
        return norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord == "nuc":
        out = _nuclear_norm(x)
    elif ord in (2, -2):
        out = (max_ if ord == 2 else min_)(svdvals(x), axis=-1)
    elif ord in (1, -1, float("inf"), float("-inf")):
        sums = sum_(abs_(x), axis=-2 if abs(ord) == 1 else -1)
        out = (max_ if ord > 0 else min_)(sums, axis=-1)
    else:
        raise InputError(f"matrix_norm: ord must be 'fro', 'nuc', 1, -1, 2, -2 or an infinity, and is {ord!r}.")
    return reshape(out, (*_shape(out), 1, 1)) if keepdims else out


def matrix_power(x: Any, n: int) -> Any:
    """The matrix product of ``n`` copies of ``x``; of its inverse where ``n`` is negative.

    Shapes: x (..., m, m) -> the same

    Raises:
        InputError: ``n`` is not a whole number.
        LinAlgError: ``n`` is negative and a matrix singular (with NumPy).
        ShapeError: the matrices are not square.

    Cost: about 2 log2(n) products.

    Example:
        >>> import numpy as np
        >>> matrix_power(np.array([[1.0, 1.0], [0.0, 1.0]]), 3)
        variable([[1. 3.]
                  [0. 1.]])
    """
    if not hasattr(n, "__index__"):
        raise InputError(f"matrix_power: n must be a whole number, and is {n!r}.")
    wrong = _not_square(x)
    if wrong:
        raise ShapeError(message(f"matrix_power: {wrong[0]}", [("x", x)], wrong[1]))
    n = n.__index__()
    if n == 0:
        return _identity(x)
    square, n = (inv(x), -n) if n < 0 else (x, n)
    out = None
    while n:
        if n % 2:
            out = square if out is None else matmul(out, square)
        n //= 2
        square = matmul(square, square) if n else square
    return out if out is not x else copy(x)


@operation
def _identity(xp, x):
    return xp.tril(xp.triu(xp.ones_like(x)))


_identity.constant("x")


def multi_dot(arrays: Sequence[Any]) -> Any:
    """The matrix product of several arrays, taken in the order that needs the fewest multiplications.

    Shapes: (n, k), (k, ...), ..., (..., m) -> (n, m).
        A vector may come first, as a row, and last, as a column, and that axis is dropped again.

    Raises:
        ShapeError: fewer than two arrays, other than matrices, or axes that differ.

    Example:
        >>> import numpy as np
        >>> multi_dot([np.ones((2, 3)), np.ones((3, 4)), np.ones((4, 1))]).shape
        (2, 1)
    """
    arrays = list(arrays)
    shapes = [_shape(array) for array in arrays]
    if len(arrays) < 2 or any(len(s) != 2 and (len(s) != 1 or 0 < i < len(shapes) - 1) for i, s in enumerate(shapes)):
        fact = "multi_dot: takes two or more matrices, of which the first and last may be vectors."
        raise ShapeError(message(fact, [(f"arrays[{i}]", array) for i, array in enumerate(arrays)]))
    if len(shapes[0]) == 1:
        shapes[0] = (1, *shapes[0])
    if len(shapes[-1]) == 1:
        shapes[-1] = (*shapes[-1], 1)
    for i, (left, right) in enumerate(pairwise(shapes)):
        if left[1] != right[0]:
            fact = f"multi_dot: arrays[{i}] has {left[1]} columns and arrays[{i + 1}] {right[0]} rows."
            raise ShapeError(message(fact, [(f"arrays[{j}]", array) for j, array in enumerate(arrays)]))
    sides = [shape[0] for shape in shapes] + [shapes[-1][1]]
    splits = _cheapest_splits(sides)

    def product(first: int, last: int) -> Any:
        if first == last:
            return arrays[first]
        split = splits[first, last]
        return matmul(product(first, split), product(split + 1, last))

    return product(0, len(arrays) - 1)


def _cheapest_splits(sides: Sequence[int]) -> dict[tuple[int, int], int]:
    """For each run of a chain of matrices, after which of them to split it: matrix i is sides[i] by sides[i + 1]."""
    count = len(sides) - 1
    cost = {(i, i): 0 for i in range(count)}
    splits = {}
    for length in range(1, count):
        for first in range(count - length):
            last = first + length
            cost[first, last], splits[first, last] = min(
                (cost[first, k] + cost[k + 1, last] + sides[first] * sides[k + 1] * sides[last + 1], k)
                for k in range(first, last)
            )
    return splits
