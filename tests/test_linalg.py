"""Linear algebra where rows do not reach: singular and degenerate matrices, what is kept, how errors read."""

import numpy as np
import pytest

from rows.row import draw
from wengert import Variable, grad, hessian
from wengert import functions as F
from wengert.errors import NotDifferentiableError, ShapeError
from wengert.testing import gradcheck

LinAlgError = np.linalg.LinAlgError


def gradient(f, x):
    x = Variable(np.array(x, dtype=float))
    F.sum(f(x)).backward()
    return x.grad.data


def rotation(n):
    return np.linalg.qr(draw(n, n, seed=5))[0]


# Products


@pytest.mark.parametrize(
    ("x_shape", "y_shape", "product_shape"),
    [((6, 5, 3), (3, 4), "one product"), ((6, 5, 3), (3,), "one product"), ((6, 5, 3), (6, 3, 4), "many")],
)
def test_matmul_sums_over_rows_in_one_product(x_shape, y_shape, product_shape):
    x, y = Variable(draw(*x_shape)), Variable(draw(*y_shape))
    rng = np.random.default_rng(0)
    out = x @ y
    cotangent = rng.normal(size=out.shape)
    out.backward(gradient=cotangent)
    letters = {2: "nij,jk->nik", 1: "nij,j->ni", 3: "nij,njk->nik"}[len(y_shape)]
    inputs, result = letters.split("->")
    left, right = inputs.split(",")
    np.testing.assert_allclose(x.grad.data, np.einsum(f"{result},{right}->{left}", cotangent, y.data), rtol=1e-12)
    np.testing.assert_allclose(y.grad.data, np.einsum(f"{result},{left}->{right}", cotangent, x.data), rtol=1e-12)


def test_a_product_with_a_constant_keeps_the_constant_alone():
    constant, y = draw(3, 3), Variable(draw(3, 2))
    for out in (F.matmul(constant, y), F.tensordot(constant, y, axes=1), F.einsum("ij,jk->ik", constant, y)):
        arrays = [kept for kept in out.creator.kept if isinstance(kept, np.ndarray)]
        assert arrays and not any(np.shares_memory(array, y.data) for array in arrays)


def test_matmul_names_its_operands_and_the_way_out():
    images, weight = Variable(np.ones((32, 784)), name="images"), Variable(np.ones((1000, 784)), name="weight")
    with pytest.raises(ShapeError) as caught:
        images @ weight
    assert str(caught.value) == (
        "matmul: the inner axes differ, 784 and 1000.\n"
        "    x   (32, 784) float64  images\n"
        "    y   (1000, 784) float64  weight\n"
        "    Fix: matmul needs x.shape[-1] == y.shape[-2]; y.mT, of shape (784, 1000), fits."
    )


def test_einsum_says_where_subscripts_do_not_fit():
    with pytest.raises(ShapeError) as caught:
        F.einsum("ij,jk->ik", np.ones((2, 3)), Variable(np.ones((4, 5)), name="weight"))
    assert str(caught.value) == (
        "einsum: in 'ij,jk->ik' 'j' stands for axes of 3 and 4.\n"
        "    operand 0   (2, 3) float64\n"
        "    operand 1   (4, 5) float64  weight"
    )


def test_einsum_multiplies_small_products_first():
    column = Variable(np.ones((1000, 1)))
    out = F.einsum("ij,kj,kl->il", column, Variable(np.ones((1000, 1))), Variable(np.ones((1000, 2))))
    largest, stack = 0, [out.creator]
    while stack:
        function = stack.pop()
        largest = max([largest, *[int(np.prod(shape)) for shape in function.shapes]])
        stack.extend(edge for edge in function.edges if edge.depth)
    assert out.shape == (1000, 2) and largest == 2000


def test_einsum_of_one_operand_is_a_variable():
    assert isinstance(F.einsum("ij->ij", np.ones((2, 2))), Variable)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: F.matmul(x, y),
        lambda x, y: F.einsum("ij,jk,ik->k", x, y, x),
        lambda x, y: F.tensordot(x, y, axes=((0, 1), (1, 0))),
        lambda x, y: F.solve(x, y),
        lambda x, y: F.inv(x) * F.det(x) + y,
        lambda x, y: F.slogdet(x)[1] * y,
        lambda x, y: F.cholesky(x @ x.mT) * y,
        lambda x, y: F.eigvalsh(x + x.mT) * y,
        lambda x, y: F.svdvals(x) * y,
        lambda x, y: F.qr(x)[1] * y,
        lambda x, y: F.pinv(x[:, :2]) @ y,
    ],
)
def test_third_order(f):
    assert gradcheck(f, draw(3, 3) + 3 * np.eye(3), draw(3, 3, seed=1), order=3)


# Determinants


def test_determinant_of_singular_matrices_has_its_cofactors_for_a_derivative():
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
    cofactors = [[-3.0, 6.0, -3.0], [6.0, -12.0, 6.0], [-3.0, 6.0, -3.0]]
    np.testing.assert_allclose(gradient(F.det, x), cofactors, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradient(F.det, np.ones((3, 3))), np.zeros((3, 3)), atol=1e-12)  # of rank 1
    np.testing.assert_array_equal(gradient(F.det, np.zeros((1, 1))), [[1.0]])
    np.testing.assert_allclose(gradient(F.det, np.diag([2.0, 0.0])), np.diag([0.0, 2.0]), atol=1e-14)


@pytest.mark.parametrize(("n", "rank"), [(n, rank) for n in range(1, 5) for rank in range(n + 1)])
def test_second_derivative_of_a_determinant_at_every_rank(n, rank):
    """That in entries (i, j) and (k, l) is, up to its sign, the minor without their rows and columns."""
    x = draw(n, rank) @ draw(rank, n, seed=1)
    expected = np.zeros((n, n, n, n))
    for i, j, k, m in np.ndindex(n, n, n, n):
        if i != k and j != m:
            rows, columns = ([at for at in range(n) if at not in pair] for pair in ((i, k), (j, m)))
            sign = (-1) ** (i + j + k + m) * (1 if (i < k) == (j < m) else -1)
            expected[i, j, k, m] = sign * np.linalg.det(x[np.ix_(rows, columns)])
    np.testing.assert_allclose(hessian(F.det)(x), expected, rtol=1e-10, atol=1e-12)


def test_third_derivative_of_a_determinant_at_a_singular_matrix_is_an_error():
    def curvature(x):
        return np.sum(hessian(F.det)(x) * draw(2, 2, 2, 2))

    np.testing.assert_array_equal(grad(curvature)(np.diag([2.0, 1.0])), np.zeros((2, 2)))
    with pytest.raises(LinAlgError) as caught:
        grad(curvature)(np.diag([2.0, 0.0]))
    assert "in the derivative of cofactor" in caught.value.__notes__[0]


def test_slogdet_of_a_singular_matrix():
    x = Variable(np.diag([2.0, 0.0]))
    sign, logarithm = F.slogdet(x)
    assert (sign.data, logarithm.data) == (0.0, -np.inf)
    with pytest.raises(LinAlgError) as caught:
        logarithm.backward()
    assert "in the derivative of slogdet" in caught.value.__notes__[0]


def test_the_sign_of_slogdet_has_a_derivative_of_zero():
    np.testing.assert_array_equal(gradient(lambda x: F.slogdet(x)[0], -np.eye(3)), np.zeros((3, 3)))


def test_not_positive_definite():
    with pytest.raises(LinAlgError, match="not positive definite") as caught:
        F.cholesky(Variable(-np.eye(2), name="covariance"))
    assert "cholesky" in caught.value.__notes__[0] and "covariance" in caught.value.__notes__[0]


def outer_square(v):
    """Of an eigenvector that which does not see its sign."""
    return v[..., :, :1] @ v[..., :, :1].mT


READERS = [
    ("eigvalsh", lambda v, upper: np.linalg.eigvalsh(v, "U" if upper else "L")),
    ("eigh, values", lambda v, upper: np.linalg.eigh(v, "U" if upper else "L")[0]),
    ("eigh, a vector", lambda v, upper: outer_square(np.linalg.eigh(v, "U" if upper else "L")[1])),
    ("cholesky", lambda v, upper: np.linalg.cholesky(v, upper=upper)),
]


@pytest.mark.parametrize("f", [pytest.param(f, id=name) for name, f in READERS])
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("other", [0.0, np.nan, 7.0, "the same"])
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3)])
def test_what_reads_one_triangle_has_its_derivative(f, upper, other, shape):
    """In an entry of it that of both entries it stands for, and 0 in the other triangle, whatever is there."""
    whole = draw(*shape) @ draw(*shape).swapaxes(-1, -2) + np.eye(3)
    read = np.triu(np.ones((3, 3), bool)) if upper else np.tril(np.ones((3, 3), bool))
    x = whole if other == "the same" else np.where(read, whole, other)

    def symmetric(v):
        v = F.where(read, v, 0.0)
        return f(v + v.mT - F.where(np.eye(3, dtype=bool), v, 0.0), upper)

    out = f(x, upper)
    weights, direction = draw(*out.shape, seed=1), np.where(read, draw(*shape, seed=2), 0.0)
    np.testing.assert_allclose(f(Variable(x), upper).data, out, rtol=0)
    np.testing.assert_array_equal(f(Variable(x), upper).data, f(x, upper))
    got = grad(lambda v: np.sum(f(v, upper) * weights))(x)
    np.testing.assert_array_equal(got[..., ~read], 0.0)
    np.testing.assert_allclose(got, grad(lambda v: np.sum(symmetric(v) * weights))(whole), rtol=1e-10, atol=1e-12)
    step = 1e-6
    change = (f(x + step * direction, upper) - f(x - step * direction, upper)) / (2 * step)
    np.testing.assert_allclose(np.sum(got * direction), np.sum(change * weights), rtol=1e-6)
    before, after = (grad(lambda v: np.sum(f(v, upper) * weights))(x + s * step * direction) for s in (-1, 1))
    second = grad(lambda v: np.sum(grad(lambda u: np.sum(f(u, upper) * weights))(v) * direction))(x)
    np.testing.assert_allclose(second, (after - before) / (2 * step), rtol=1e-5, atol=1e-7)


def test_signs_of_eigenvectors_are_those_of_the_triangle_that_is_read():
    for seed in range(20):
        x = draw(4, 4, seed=seed)
        for triangle in "LUlu":
            got = np.linalg.eigh(Variable(x), triangle)
            np.testing.assert_array_equal(got.eigenvectors.data, np.linalg.eigh(x, triangle).eigenvectors)


def test_gradients_above_the_diagonal_of_a_factor_do_not_matter():
    x = draw(3, 3) @ draw(3, 3).T + np.eye(3)
    noise = np.triu(draw(3, 3, seed=2), 1)
    np.testing.assert_allclose(gradient(lambda v: F.cholesky(v) * (1 + noise), x), gradient(F.cholesky, x), rtol=1e-12)
    np.testing.assert_allclose(gradient(lambda v: F.qr(v)[1] * (1 + noise.T), x), gradient(lambda v: F.qr(v)[1], x), rtol=1e-12)


# Equal eigenvalues and singular values


def test_eigenvalues_that_are_equal_have_a_gradient():
    turn = rotation(3)
    for x in (np.eye(3), np.zeros((3, 3)), turn @ np.diag([1.0, 1.0, 2.0]) @ turn.T):
        for values in (F.eigvalsh, lambda v: F.eigh(v)[0]):
            np.testing.assert_allclose(gradient(values, x), np.eye(3), atol=1e-12)  # the trace
            squares = gradient(lambda v, f=values: f(v) ** 2, x)
            np.testing.assert_allclose(squares, 2 * np.tril(x) + 2 * np.tril(x, -1), atol=1e-12)


@pytest.mark.parametrize("parted", [0.0, 1e-16])
def test_eigenvectors_of_equal_eigenvalues_have_none(parted):
    x = Variable(np.diag([1.0, 1.0 + parted, 3.0]))
    loss = F.sum(F.eigh(x)[1] * draw(3, 3))
    with pytest.raises(NotDifferentiableError, match="eigh: a gradient reaches vectors that are not determined"):
        loss.backward()


def test_an_eigenvector_apart_from_equal_ones_has_a_gradient():
    turn = rotation(4)
    x = turn @ np.diag([1.0, 1.0, 1.0, 3.0]) @ turn.T

    def leading(v):
        v = 0.5 * (v + v.mT)
        vector = F.eigh(v)[1][:, 3:]
        return vector @ vector.mT

    assert gradcheck(leading, x, order=1)
    # By perturbation theory: dP = (P dx Q + Q dx P) / gap with Q = 1 - P, for a gap of 2 to all the others.
    change = draw(4, 4, seed=3)
    change = change + change.T
    p = turn[:, 3:] @ turn[:, 3:].T
    dp = (p @ change @ (np.eye(4) - p) + (np.eye(4) - p) @ change @ p) / 2
    weights = draw(4, 4, seed=4)
    got = np.sum(gradient(lambda v: leading(v) * weights, x) * change)
    np.testing.assert_allclose(got, np.sum(dp * weights), rtol=1e-12)


VALUES = [F.eigvalsh, lambda x: F.eigh(x)[0], F.svdvals, lambda x: F.svd(x)[1]]


@pytest.mark.parametrize("values", VALUES)
def test_second_derivative_at_equal_values(values):
    """There is none to be found, even of a sum of squares, whose gradient changes by as much as its values do."""
    for x in (np.eye(3), np.diag([2.0, 2.0, 1.0]), np.diag([0.0, 0.0, 1.0])):
        for loss in (lambda v: F.sum(values(v) * np.arange(3.0)), lambda v: F.sum(values(v) ** 2)):
            with pytest.raises(NotDifferentiableError, match="not determined"):
                hessian(loss)(x)


def test_second_derivative_of_a_sum_of_equal_values():
    assert gradcheck(lambda x: F.sum(F.eigvalsh(x)), np.eye(3))
    assert gradcheck(lambda x: F.sum(F.eigh(x)[0]), np.eye(3))
    assert gradcheck(lambda x: F.sum(F.svdvals(x)), 2.0 * np.eye(3))
    assert gradcheck(lambda x: F.sum(F.svdvals(x) ** 2), np.diag([2.0, 1.0, 0.0]))
    assert gradcheck(lambda x: F.svdvals(x)[0] ** 2, np.outer([1.0, 2.0], [3.0, 1.0]))


def test_a_function_of_equal_eigenvalues_by_way_of_their_vectors_has_none():
    """tr(c v f(s) v.mT) has one, but not from vectors that are any of many."""
    weights = draw(3, 3)

    def by_vectors(x):
        values, vectors = F.eigh(x)
        return F.sum((vectors * F.exp(values)) @ vectors.mT * weights)

    with pytest.raises(NotDifferentiableError, match="eigh: a gradient reaches vectors"):
        gradient(by_vectors, np.eye(3))


@pytest.mark.parametrize("x", [np.zeros((2, 1)), np.zeros((2, 2)), np.zeros((1, 3))])
@pytest.mark.parametrize("ord", [2, "nuc"])
def test_second_derivative_of_the_square_of_a_norm_of_singular_values_at_zero_is_an_error(ord, x):
    with pytest.raises(NotDifferentiableError, match="not determined"):
        hessian(lambda v: F.matrix_norm(v, ord) ** 2)(x)


def test_singular_values_that_are_equal_or_zero_have_a_gradient():
    u, v = rotation(4)[:, :3], rotation(3)
    for s in ([2.0, 2.0, 1.0], [2.0, 1.0, 0.0], [2.0, 0.0, 0.0], [1.0, 1.0, 1.0]):
        x = (u * s) @ v.T
        for values in (F.svdvals, lambda w: F.svd(w)[1], lambda w: F.svd(w, full_matrices=False)[1]):
            np.testing.assert_allclose(gradient(lambda w, f=values: f(w) ** 2, x), 2 * x, atol=1e-12)


@pytest.mark.parametrize("transposed", [False, True])
def test_leading_singular_vectors_of_a_matrix_of_low_rank_have_a_gradient(transposed):
    x = (rotation(5)[:, :2] * [3.0, 2.0]) @ rotation(4)[:, :2].T
    x = x.T if transposed else x

    def leading(w):
        u, s, vh = F.svd(w, full_matrices=False)
        first = u[:, :1] @ vh[:1]
        return first, u[:, :1] @ u[:, :1].mT, vh[:1].mT @ vh[:1], s[:1]

    assert gradcheck(leading, x, order=1)


@pytest.mark.parametrize(("s", "part"), [([2.0, 2.0], 0), ([2.0, 2.0], 2), ([1.0, 0.0], 0)])
def test_singular_vectors_of_equal_or_zero_singular_values_have_none(s, part):
    x = Variable((rotation(3)[:, :2] * s) @ rotation(2).T)
    found = F.svd(x, full_matrices=False)[part]
    with pytest.raises(NotDifferentiableError, match="svd: a gradient reaches vectors"):
        F.sum(found * draw(*found.shape)).backward()


def test_full_singular_vectors_of_a_matrix_that_is_not_square_have_none():
    x = Variable(draw(3, 2))
    u, s, vh = F.svd(x)
    assert u.shape == (3, 3)
    F.sum(s).backward(retain_graph=True)
    np.testing.assert_allclose(x.grad.data, gradient(F.svdvals, x.data), rtol=1e-12)
    with pytest.raises(NotDifferentiableError, match="full_matrices=False"):
        F.sum(vh).backward()


def test_complete_qr_of_a_tall_matrix_has_no_derivative():
    q, r = F.qr(Variable(draw(3, 2)), mode="complete")
    assert q.shape == (3, 3) and r.shape == (3, 2)
    with pytest.raises(NotDifferentiableError, match="reduced"):
        F.sum(r).backward()


def test_qr_of_dependent_columns_has_no_derivative():
    with pytest.raises(LinAlgError) as caught:
        gradient(lambda x: F.qr(x)[1], np.diag([1.0, 0.0]))
    assert "in the derivative of qr" in caught.value.__notes__[0]


@pytest.mark.parametrize("which", [0, 1])
def test_one_factor_of_qr_alone(which):
    for shape in ((4, 3), (3, 3), (2, 4)):
        assert gradcheck(lambda x: F.qr(x)[which], draw(*shape))


def test_pseudo_inverse_of_constant_rank():
    assert gradcheck(lambda x, y: F.pinv(x @ y), draw(4, 2), draw(2, 3))
    assert gradcheck(lambda x, y: F.pinv(F.concat([x @ y, 1e-9 * x @ y])[:, ::-1], rtol=1e-6), draw(2, 2), draw(2, 4))


@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_matrix_norm_of_zeros_has_a_finite_gradient(ord):
    assert np.all(np.isfinite(gradient(lambda x: F.matrix_norm(x, ord), np.zeros((2, 3)))))


def test_matrix_norm_shares_the_gradient_of_equal_sums():
    np.testing.assert_array_equal(gradient(lambda x: F.matrix_norm(x, 1), np.ones((2, 2))), np.full((2, 2), 0.5))


def test_integers_are_constants():
    x = np.array([[2, 1], [1, 3]])
    assert F.inv(x).dtype == F.pinv(x).dtype == np.float64
    assert (F.matrix_rank(x).item(), F.einsum("ii", x).item(), F.trace(x).item()) == (2, 5, 5)


def test_degenerate_matrices_in_a_traced_step():
    jax = pytest.importorskip("jax", reason="JAX is an optional extra")

    def step(x):
        v = Variable(x)
        values, vectors = F.eigh(v)
        F.sum(values * 2.0 + vectors[0] * 0.0).backward()
        return v.grad.data

    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.jit(step)(jax.numpy.eye(3)), 2 * np.eye(3), atol=1e-12)


@pytest.mark.parametrize(
    "x",
    [np.eye(3), 2.0 * np.eye(4)[:, :2], np.eye(4)[[2, 0]], np.stack([np.diag([2.0, 2.0, 1.0]), -np.eye(3)])],
    ids=["square", "tall", "wide", "stack"],
)
def test_nuclear_norm_at_equal_singular_values_to_second_order(x):
    assert gradcheck(lambda x: F.matrix_norm(x, "nuc"), x, order=2)


def test_nuclear_norm_has_no_second_derivative_at_a_singular_matrix():
    x = Variable(np.diag([1.0, 0.0, 0.0]))
    F.matrix_norm(x, "nuc").backward(create_graph=True)
    with pytest.raises(NotDifferentiableError, match="nuclear norm"):
        F.sum(x.grad * np.arange(9.0).reshape(3, 3)).backward()
