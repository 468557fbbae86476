"""Losses where rows do not reach: values by hand, what is refused, scores and labels at the edge."""

import math

import numpy as np
import pytest

from rows.row import draw
from wengert import Variable
from wengert import functions as F
from wengert.errors import DtypeError, InputError, ShapeError
from wengert.testing import gradcheck

MSE, SCE, BCE = F.mean_squared_error, F.sigmoid_cross_entropy, F.binary_cross_entropy
SOFTMAX, SLOPE, ACCURACY = F.softmax_cross_entropy, F.softmax_cross_entropy_slope, F.accuracy
PAIRED = [pytest.param(f, id=f.__name__) for f in (MSE, SCE, BCE)]  # of two operands of one shape
LABELLED = [pytest.param(f, id=f.__name__) for f in (SOFTMAX, ACCURACY)]  # of scores, and a label for each row
CHECKED = [pytest.param(f, id=f.__name__) for f in (SOFTMAX, SLOPE)]


def gradients(f, *arrays):
    """The value, and the gradient in each array."""
    xs = [Variable(a) for a in arrays]
    out = f(*xs)
    out.backward()
    return out.data, *[x.grad.data for x in xs]


def log(x):
    return math.log(x)


# Values by hand


def test_mean_squared_error_by_hand():
    x0, x1 = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[1.0, 4.0], [0.0, 6.0]])
    value, g0, g1 = gradients(MSE, x0, x1)
    assert value == (0 + 4 + 9 + 1) / 4  # over all entries; the book divides by the two rows
    np.testing.assert_array_equal(g0, [[0.0, -1.0], [1.5, -0.5]])
    np.testing.assert_array_equal(g1, -g0)


def test_softmax_cross_entropy_by_hand():
    x = np.log([[1.0, 2.0, 1.0], [3.0, 1.0, 4.0]])  # softmax: (1, 2, 1) / 4 and (3, 1, 4) / 8
    value, g = gradients(lambda x: SOFTMAX(x, np.array([1, 2])), x)
    np.testing.assert_allclose(value, log(2), rtol=1e-15)
    np.testing.assert_allclose(g, [[1 / 8, -1 / 4, 1 / 8], [3 / 16, 1 / 16, -1 / 4]], rtol=1e-14)
    np.testing.assert_allclose(SLOPE(x, np.array([1, 2])).data, g, rtol=1e-14)


def test_sigmoid_cross_entropy_by_hand():
    x, t = np.log([3.0, 1.0, 1 / 3]), np.array([1.0, 0.0, 0.25])  # sigmoid: 3/4, 1/2, 1/4
    value, gx, gt = gradients(SCE, x, t)
    np.testing.assert_allclose(value, (log(4 / 3) + log(2) + 0.25 * log(4) + 0.75 * log(4 / 3)) / 3, rtol=1e-15)
    np.testing.assert_allclose(gx, [-1 / 12, 1 / 6, 0.0], rtol=1e-15, atol=1e-16)
    np.testing.assert_allclose(gt, -x / 3, rtol=1e-15)


def test_binary_cross_entropy_by_hand():
    p, t = np.array([0.75, 0.5, 0.25]), np.array([1.0, 0.0, 0.25])
    value, gp, gt = gradients(BCE, p, t)
    np.testing.assert_allclose(value, (log(4 / 3) + log(2) + 0.25 * log(4) + 0.75 * log(4 / 3)) / 3, rtol=1e-15)
    np.testing.assert_allclose(gp, [-4 / 9, 2 / 3, 0.0], rtol=1e-15, atol=1e-16)
    np.testing.assert_allclose(gt, [-log(3) / 3, 0.0, log(3) / 3], rtol=1e-15, atol=1e-16)


def test_cross_entropies_of_scores_and_of_their_probabilities_agree():
    x, t = draw(4, 3), draw(4, 3, low=0, high=1, seed=1)
    value, gx, gt = gradients(SCE, x, t)
    again = gradients(lambda x, t: BCE(F.sigmoid(x), t), x, t)
    for mine, other in zip((value, gx, gt), again, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-14)


def test_of_two_classes_softmax_is_sigmoid():
    x, bits = draw(5, 1), np.array([0, 1, 1, 0, 1])
    both = F.concat([np.zeros((5, 1)), x], axis=1)
    np.testing.assert_allclose(SOFTMAX(both, bits).data, SCE(x[:, 0], bits).data, rtol=1e-14)


def test_accuracy_by_hand():
    scores = np.array([[0.1, 0.9], [0.8, 0.2], [0.5, 0.5], [-3.0, -4.0]])  # at 1, 0, 0 (the first of equals), 0
    assert ACCURACY(scores, np.array([1, 1, 0, 1])).item() == 0.5
    assert ACCURACY(scores, np.array([1, 0, 0, 0])).item() == 1.0
    assert ACCURACY(scores[0], np.array(1)).item() == 1.0


def test_accuracy_has_no_derivative():
    assert not ACCURACY(Variable(draw(2, 3)), np.array([0, 1])).requires_grad


# Axes


@pytest.mark.parametrize("f", [pytest.param(f, id=f.__name__) for f in (SOFTMAX, ACCURACY)])
def test_rows_in_any_number_of_axes_count_alike(f):
    x, t = draw(6, 3), np.array([0, 2, 1, 1, 0, 2])
    whole = f(x, t).item()
    assert f(x.reshape(2, 3, 3), t.reshape(2, 3)).item() == pytest.approx(whole, rel=1e-15)
    assert f(x.reshape(1, 3, 2, 3), t.reshape(1, 3, 2)).item() == pytest.approx(whole, rel=1e-15)


@pytest.mark.parametrize("f", PAIRED)
def test_entries_in_any_number_of_axes_count_alike(f):
    x, t = draw(12, low=0.1, high=0.9), draw(12, low=0.1, high=0.9, seed=1)
    flat, deep = gradients(f, x, t), gradients(f, x.reshape(2, 2, 3), t.reshape(2, 2, 3))
    for mine, other in zip(deep, flat, strict=True):
        np.testing.assert_allclose(mine.ravel(), other.ravel(), rtol=1e-14)


def test_softmax_cross_entropy_gradient_keeps_three_axes():
    x, t = draw(2, 4, 3), np.array([[0, 1, 2, 0], [2, 2, 1, 0]])
    _, g = gradients(lambda x: SOFTMAX(x, t), x)
    np.testing.assert_allclose(g.reshape(8, 3), gradients(lambda x: SOFTMAX(x, t.ravel()), x.reshape(8, 3))[1])


# What is refused


@pytest.mark.parametrize("f", PAIRED)
@pytest.mark.parametrize(("x_shape", "t_shape"), [((4, 1), (4,)), ((4,), (4, 1)), ((4, 3), (3,)), ((4, 3), (1, 3)), ((4,), ())])
def test_operands_do_not_broadcast(f, x_shape, t_shape):
    with pytest.raises(ShapeError) as caught:
        f(Variable(np.full(x_shape, 0.5)), np.zeros(t_shape))
    text = str(caught.value)
    assert all(part in text for part in (f.__name__, str(x_shape), str(t_shape), "Fix:"))


@pytest.mark.parametrize("f", PAIRED)
def test_a_number_is_no_operand(f):
    with pytest.raises(ShapeError, match=r"float 1\.0"):
        f(np.full(4, 0.5), 1.0)


@pytest.mark.parametrize("f", [*PAIRED, pytest.param(SOFTMAX, id=SOFTMAX.__name__), pytest.param(ACCURACY, id=ACCURACY.__name__)])
def test_a_list_of_labels_is_refused(f):
    with pytest.raises(DtypeError, match="list"):
        f(np.full((2, 2), 0.5), [0, 1])


@pytest.mark.parametrize("f", LABELLED)
@pytest.mark.parametrize("t_shape", [(4, 1), (1, 4), (3,), (), (4, 3)])
def test_one_label_for_each_row(f, t_shape):
    with pytest.raises(ShapeError) as caught:
        f(draw(4, 3), np.zeros(t_shape, int))
    assert all(part in str(caught.value) for part in (f.__name__, "(4, 3)", str(t_shape)))


def test_a_single_score_has_no_row():
    with pytest.raises(ShapeError):
        SOFTMAX(np.array(1.0), np.array(0))


@pytest.mark.parametrize("f", CHECKED)
@pytest.mark.parametrize("t_shape", [(4, 1), (1,)])
def test_labels_do_not_broadcast(f, t_shape):
    with pytest.raises(ShapeError, match=r"\(4, 3\)"):
        f(draw(4, 3), np.zeros(t_shape, int))


@pytest.mark.parametrize("f", CHECKED)
@pytest.mark.parametrize("label", [-1, -3, 3, 100])
@pytest.mark.parametrize("dtype", [np.int8, np.int64])
def test_labels_outside_the_classes(f, label, dtype):
    with pytest.raises(InputError, match=rf"label {label} of 3 classes"):
        f(draw(4, 3), np.array([0, label, 2, 1], dtype))


@pytest.mark.parametrize("f", CHECKED)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, bool])
def test_labels_are_integers(f, dtype):
    with pytest.raises(DtypeError, match=rf"{np.dtype(dtype)}\b[\s\S]*astype\(int\)"):
        f(draw(4, 3), np.zeros(4, dtype))


def test_unsigned_labels():
    labels = np.array([0, 2, 1, 2])
    assert SOFTMAX(draw(4, 3), labels.astype(np.uint8)).item() == SOFTMAX(draw(4, 3), labels).item()
    with pytest.raises(InputError, match="label 255 of 3"):
        SOFTMAX(draw(4, 3), np.array([0, 1, 2, 255], np.uint8))


def test_labels_may_be_a_constant_variable():
    labels = np.array([0, 2, 1, 2])
    for f in (SOFTMAX, ACCURACY):
        assert f(draw(4, 3), Variable(labels, requires_grad=False)).item() == f(draw(4, 3), labels).item()


def test_a_refused_call_records_nothing():
    x = Variable(draw(4, 3))
    with pytest.raises(InputError):
        SOFTMAX(x, np.array([0, 1, 2, 3]))
    SOFTMAX(x, np.array([0, 1, 2, 0])).backward()
    np.testing.assert_allclose(x.grad.data.sum(axis=1), 0, atol=1e-15)


def test_a_list_of_scores_is_refused():
    with pytest.raises(DtypeError, match="list"):
        SOFTMAX([[1.0, 2.0]], np.array([0]))


@pytest.mark.parametrize("p", [2.0, -0.5])
def test_probabilities_lie_between_0_and_1(p):
    with pytest.raises(InputError):
        BCE(np.array([0.5, p]), np.array([1, 1]))


# No rows


@pytest.mark.parametrize(
    ("f", "t"),
    [
        (MSE, np.zeros((0, 3))),
        (SCE, np.zeros((0, 3))),
        (BCE, np.zeros((0, 3))),
        (SOFTMAX, np.zeros(0, int)),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_the_mean_over_no_rows_is_nan_and_its_gradient_empty(f, t):
    x = Variable(np.zeros((0, 3)))
    with pytest.warns(RuntimeWarning):  # NumPy's own, of a mean of nothing
        out = f(x, t)
    assert np.isnan(out.item())
    out.backward()
    assert x.grad.shape == (0, 3)


def test_the_accuracy_over_no_rows_is_nan():
    with pytest.warns(RuntimeWarning):
        assert np.isnan(ACCURACY(np.zeros((0, 3)), np.zeros(0, int)).item())


# Scores as large as they come


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [100.0, 1000.0, 1e30])
def test_softmax_cross_entropy_of_extreme_scores(dtype, size):
    x = np.array([[size, 0, -size], [size, -size, size], [-size, -size, -size]], dtype)
    value, g = gradients(lambda x: SOFTMAX(x, np.array([0, 1, 2])), x)
    expected = (0 + (2 * size + log(2)) + log(3)) / 3
    np.testing.assert_allclose(value, expected, rtol=1e-6 if dtype == np.float32 else 1e-15)
    third = 1 / 3
    exact = np.array([[0, 0, 0], [0.5, -1, 0.5], [third, third, third - 1]]) / 3
    np.testing.assert_allclose(g, exact, rtol=1e-6 if dtype == np.float32 else 1e-15, atol=1e-40)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [100.0, 1000.0, 1e30])
def test_sigmoid_cross_entropy_of_extreme_scores(dtype, size):
    x, t = np.array([size, size, -size, -size], dtype), np.array([1, 0, 1, 0])
    value, g = gradients(lambda x: SCE(x, t), x)
    assert value == dtype(size / 2)
    np.testing.assert_allclose(g, [0, 0.25, -0.25, 0], rtol=0, atol=1e-37)
    assert abs(g[[1, 2]]).tolist() == [0.25, 0.25]


@pytest.mark.parametrize("f", [lambda x: SOFTMAX(x, np.array([0, 1])), lambda x: SCE(x, np.array([[1, 0], [0, 1]]))])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_second_derivative_at_extreme_scores_is_zero(f, dtype):
    x = Variable(np.array([[1000.0, -1000.0], [1000.0, -1000.0]], dtype))
    f(x).backward(create_graph=True)
    g = x.grad
    x.cleargrad()
    F.sum(g * np.array([[1.0, 2.0], [3.0, 4.0]], dtype)).backward()
    np.testing.assert_allclose(x.grad.data, 0, atol=1e-37)
    assert x.grad.dtype == dtype


def test_a_class_ruled_out_by_minus_infinity():
    value, g = gradients(lambda x: SOFTMAX(x, np.array([1])), np.array([[-np.inf, 0.0, 0.0]]))
    np.testing.assert_allclose(value, log(2), rtol=1e-15)
    np.testing.assert_allclose(g, [[0.0, -0.5, 0.5]], rtol=1e-15)


def test_scores_shifted_alike_have_the_same_loss():
    x, t = draw(4, 3), np.array([0, 2, 1, 2])
    for shift in (1e3, -1e3):
        np.testing.assert_allclose(SOFTMAX(x + shift, t).data, SOFTMAX(x, t).data, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_binary_cross_entropy_of_certain_probabilities(dtype):
    """Each logarithm is at least -100; the derivative's denominator at least 1e-12, as PyTorch has it."""
    p, t = np.array([0, 1, 0, 1], dtype), np.array([1, 0, 0, 1], dtype)
    value, gp, gt = gradients(BCE, p, t)
    assert value == 50
    np.testing.assert_allclose(gp, [-2.5e11, 2.5e11, 0, 0], rtol=1e-6)
    np.testing.assert_array_equal(gt, [25, -25, 25, -25])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_binary_cross_entropy_of_small_probabilities_is_exact(dtype):
    p = np.array([1e-20, 1e-35], dtype)
    np.testing.assert_allclose(BCE(p, np.array([1, 1])).data, 27.5 * log(10), rtol=1e-6)


# Dtypes


@pytest.mark.parametrize("f", PAIRED)
@pytest.mark.parametrize("t_dtype", [np.float32, np.int64, np.int32, np.uint8, bool])
def test_float32_stays_float32_whatever_the_labels(f, t_dtype):
    x, t = draw(4, 3, low=0.1, high=0.9).astype(np.float32), (np.arange(12) % 2).reshape(4, 3)
    value, g = gradients(lambda x: f(x, t.astype(t_dtype)), x)
    assert value.dtype == g.dtype == np.float32
    exact, slope = gradients(lambda x: f(x, t.astype(float)), x.astype(float))
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    np.testing.assert_allclose(g, slope, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("t_dtype", [np.int64, np.int32, np.uint8])
def test_softmax_cross_entropy_of_float32_stays_float32(t_dtype):
    x, t = draw(4, 3).astype(np.float32), np.array([0, 2, 1, 2], t_dtype)
    value, g = gradients(lambda x: SOFTMAX(x, t), x)
    assert value.dtype == g.dtype == SLOPE(x, t).dtype == np.float32
    np.testing.assert_allclose(value, SOFTMAX(x.astype(float), t).data, rtol=1e-6)


def test_mean_squared_error_takes_integers_on_either_side():
    x, t = np.array([0.5, 2.0], np.float32), np.array([1, 4], np.uint8)
    for value, g in (gradients(lambda x: MSE(x, t), x), gradients(lambda x: MSE(t, x), x)):
        assert value == 2.125 and value.dtype == np.float32
        np.testing.assert_array_equal(g, np.array([-0.5, -2.0], np.float32))


def test_each_gradient_has_the_dtype_of_its_operand():
    for f in (MSE, SCE, BCE):
        for x_dtype, t_dtype in ((np.float32, np.float64), (np.float64, np.float32)):
            _, gx, gt = gradients(f, np.full(3, 0.5, x_dtype), np.full(3, 0.25, t_dtype))
            assert (gx.dtype, gt.dtype) == (x_dtype, t_dtype)


@pytest.mark.parametrize(("dtype", "difference"), [(np.uint8, 20), (np.int8, 100), (np.int32, 100_000)])
def test_mean_squared_error_of_integers_does_not_wrap(dtype, difference):
    assert MSE(np.zeros(2, dtype), np.full(2, difference, dtype)).item() == difference**2


def test_mean_squared_error_of_booleans():
    assert MSE(np.array([True, False]), np.array([True, True])).item() == 0.5


@pytest.mark.parametrize("f", [SCE, BCE])
def test_integer_scores_leave_soft_targets_whole(f):
    x, t = np.array([0, 1]), np.array([0.5, 0.25])
    assert f(x, t).item() == pytest.approx(f(x.astype(float), t).item())


def test_softmax_cross_entropy_of_small_integers_does_not_wrap():
    with np.errstate(all="ignore"):
        assert SOFTMAX(np.array([[-100, 100]], np.int8), np.array([0])).item() == pytest.approx(200)


# Derivatives


@pytest.mark.parametrize("f", PAIRED)
def test_second_order_in_both_operands(f):
    x, t = draw(2, 3, low=0.2, high=0.8), draw(2, 3, low=0.2, high=0.8, seed=1)
    assert gradcheck(f, x, t)
    assert gradcheck(lambda x: f(x, x * x), x)  # one value on both sides


def test_second_order_of_softmax_cross_entropy():
    labels = np.array([[0, 2], [1, 1]])
    assert gradcheck(lambda x: SOFTMAX(x, labels), draw(2, 2, 3), order=3)
    assert gradcheck(lambda x: SLOPE(x, labels), draw(2, 2, 3))


def test_hessian_of_softmax_cross_entropy_by_hand():
    x = np.log([[1.0, 2.0, 1.0]])
    p = np.array([0.25, 0.5, 0.25])
    hessian = np.stack([gradients(lambda x, i=i: SLOPE(x, np.array([1]))[0, i], x)[1][0] for i in range(3)])
    np.testing.assert_allclose(hessian, np.diag(p) - np.outer(p, p), rtol=1e-14)


@pytest.mark.parametrize("f", PAIRED)
def test_the_gradient_of_the_loss_is_scaled_by_what_arrives(f):
    x, t = draw(3, low=0.2, high=0.8), draw(3, low=0.2, high=0.8, seed=1)
    for once, thrice in zip(gradients(f, x, t), gradients(lambda x, t: f(x, t) * 3, x, t), strict=True):
        np.testing.assert_allclose(thrice, 3 * once, rtol=1e-14)


# Compiled by JAX


BITS, LABELS = np.array([[0, 1, 1], [1, 0, 1]]), np.array([2, 0])
COMPILED = [
    pytest.param(MSE, draw(2, 3, low=0.2, high=0.8, seed=1), id="mean_squared_error"),
    pytest.param(MSE, BITS, id="mean_squared_error, integers"),
    pytest.param(SCE, BITS, id="sigmoid_cross_entropy"),
    pytest.param(BCE, BITS, id="binary_cross_entropy"),
    pytest.param(SOFTMAX, LABELS, id="softmax_cross_entropy"),
]


@pytest.fixture
def jax():
    return pytest.importorskip("jax", reason="JAX is an optional extra")


@pytest.mark.parametrize(("f", "t"), COMPILED)
def test_inside_jit(jax, f, t):
    """The value, the gradient, and the gradient of its squares, with the labels traced as well."""

    def step(x, t):
        x = Variable(x)
        out = f(x, t)
        out.backward(create_graph=True)
        g = x.grad
        x.cleargrad()
        F.sum(g * g).backward()
        return out.data, g.data, x.grad.data

    x = draw(2, 3, low=0.2, high=0.8).astype(np.float32)
    t = t.astype(np.float32) if t.dtype.kind == "f" else t
    compiled = jax.jit(step)(jax.numpy.asarray(x), jax.numpy.asarray(t))
    for got, expected in zip(compiled, step(x.astype(float), t), strict=True):
        assert isinstance(got, jax.Array) and got.dtype == np.float32
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_accuracy_inside_jit(jax):
    step = jax.jit(lambda y, t: ACCURACY(y, t).data)
    y, t = draw(6, 3), np.array([0, 1, 2, 0, 1, 2])
    assert float(step(y, t)) == pytest.approx(ACCURACY(y, t).item())


@pytest.mark.parametrize("size", [1000.0, -1000.0])
def test_extreme_scores_inside_jit(jax, size):
    @jax.jit
    def step(x):
        x = Variable(x)
        loss = SOFTMAX(x, jax.numpy.asarray([0, 1])) + SCE(x, jax.numpy.asarray([[0, 1], [1, 1]]))
        loss.backward()
        return loss.data, x.grad.data

    x = np.array([[size, 0.0], [0.0, size]], np.float32)
    expected = gradients(lambda x: SOFTMAX(x, np.array([0, 1])) + SCE(x, np.array([[0, 1], [1, 1]])), x.astype(float))
    for got, want in zip(step(x), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-37)


def test_what_is_known_while_tracing_is_checked(jax):
    """Shapes and types are; the labels themselves nobody knows yet."""
    jnp = jax.numpy
    x, step = jnp.zeros((2, 3)), jax.jit(lambda x, t: SOFTMAX(x, t).data)
    with pytest.raises(ShapeError, match=r"\(2, 1\)"):
        step(x, jnp.zeros((2, 1), int))
    with pytest.raises(DtypeError, match="integers"):
        step(x, jnp.zeros(2))
    with pytest.raises(ShapeError, match=r"\(2, 1\)"):
        jax.jit(lambda x, t: MSE(x, t).data)(jnp.zeros((2, 1)), jnp.zeros(2))
    assert step(x, jnp.asarray([0, 7])).shape == ()


def test_labels_in_jax_arrays_are_checked_outside_jit(jax):
    with pytest.raises(InputError, match="label 7 of 3"):
        SOFTMAX(jax.numpy.zeros((2, 3)), jax.numpy.asarray([0, 7]))


def test_labels_in_floats_are_no_probabilities():
    x = np.zeros((5, 4))
    with pytest.raises(DtypeError, match=r"(?s)labels must be integers.*astype\(int\)"):
        F.cross_entropy(x, np.zeros(5))
    assert F.cross_entropy(x, np.zeros(5).astype(int)).item() == pytest.approx(math.log(4))
