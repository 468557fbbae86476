"""Reductions at their kinks and edges, against answers worked out by hand."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import wengert
from wengert import Variable
from wengert import functions as F
from wengert.errors import InputError


def gradient(f, values):
    x = Variable(np.array(values))
    f(x).backward()
    return x.grad.data


@pytest.mark.parametrize(
    ("f", "values", "expected"),
    [
        (F.max, [1.0, 3.0, 3.0], [0.0, 0.5, 0.5]),
        (F.min, [2.0, 2.0, 3.0, 2.0], [1 / 3, 1 / 3, 0.0, 1 / 3]),
        (F.norm, [0.0, 0.0], [0.0, 0.0]),
        (F.std, [2.0, 2.0, 2.0], [0.0, 0.0, 0.0]),
        (F.std, [0.1, 0.1, 0.1], [0.0, 0.0, 0.0]),
        (lambda x: F.norm(x, 1), [0.0, -2.0], [0.0, -1.0]),
        (lambda x: F.norm(x, 3), [0.0, -2.0], [0.0, -1.0]),
        (lambda x: F.norm(x, np.inf), [2.0, -2.0], [0.5, -0.5]),
        (F.median, [3.0, 1.0, 2.0, 10.0], [0.5, 0.0, 0.5, 0.0]),
        (F.prod, [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
        (F.prod, [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
        (lambda x: F.sum(F.cumulative_prod(x)), [2.0, 0.0, 3.0], [1.0, 8.0, 0.0]),
        (F.logsumexp, [-np.inf, 0.0], [0.0, 1.0]),
        (F.logsumexp, [1000.0, 1000.0], [0.5, 0.5]),
        (lambda x: F.average(x, weights=np.array([1.0, 3.0])), [np.inf, 1.0], [0.25, 0.75]),
    ],
)
def test_kinks(f, values, expected):
    assert_allclose(gradient(f, values), expected, rtol=1e-12)


def test_logsumexp_of_nothing_finite():
    x = Variable(np.array([-np.inf, -np.inf]))
    with np.errstate(divide="ignore"):
        y = F.logsumexp(x)
    y.backward()
    assert y.data == -np.inf
    assert_array_equal(x.grad.data, [0.0, 0.0])


def test_product_of_two_zeros_to_second_order():
    x = Variable(np.array([0.0, 0.0, 3.0]))
    F.prod(x).backward(create_graph=True)
    g = x.grad
    x.cleargrad()
    g[0].backward()
    assert_array_equal(x.grad.data, [0.0, 3.0, 0.0])


def test_running_totals_begin_rightly_where_entries_are_infinite():
    x = np.array([np.inf, 1.0])
    assert_array_equal(F.cumulative_sum(x, include_initial=True).data, [0.0, np.inf, np.inf])
    assert_array_equal(F.cumulative_prod(x, include_initial=True).data, [1.0, np.inf, np.inf])


def test_variance_without_degrees_of_freedom_is_nan():
    x = Variable(np.array([1.0]))
    y = F.var(x, correction=1)
    y.backward()
    assert np.isnan(y.data)
    assert np.isnan(x.grad.data).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_variance_without_degrees_of_freedom_is_numpys(dtype):
    x = np.array([[1.0, 2.0, 4.0], [1.0, 1.0, 1.0]], dtype)
    for correction in (2, 3, 4.5):
        for axis in (None, 0, 1):
            for f, right in ((F.var, np.var), (F.std, np.std)):
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    expected = right(x, axis=axis, ddof=correction)
                found = f(x, axis=axis, correction=correction)
                assert found.dtype == expected.dtype
                np.testing.assert_allclose(found.data, expected, rtol=1e-6)


def test_types():
    assert F.mean(np.array([1, 2])).data == 1.5
    assert F.mean(np.ones(3, np.float32)).dtype == np.float32
    assert F.var(np.ones(3, np.float32)).dtype == np.float32
    assert F.sum(np.array([True, True])).data == 2
    assert not F.sum(np.array([1, 2])).requires_grad


def test_sum_of_nothing_is_zero():
    x = Variable(np.zeros((0, 2)))
    y = F.sum(x)
    y.backward()
    assert y.data == 0
    assert x.grad.shape == (0, 2)


def test_median_reads_equal_entries_as_they_stand_in_the_order():
    assert_array_equal(gradient(F.median, [2.0, 1.0, 2.0, 3.0, 2.0]), [0.0, 0.0, 1.0, 0.0, 0.0])
    assert_array_equal(gradient(F.max, [2.0, 1.0, 2.0]), [0.5, 0.0, 0.5])


@pytest.mark.parametrize("f", [F.median, lambda x: F.quantile(x, 0.1), lambda x: F.quantile(x, np.array([0.0, 0.1]))])
def test_quantiles_of_what_is_no_number_are_none(f):
    assert np.isnan(f(Variable(np.array([1.0, np.nan, 3.0]))).data).all()


@pytest.mark.parametrize("ord", [0.5, 0.1, 1, 2, 3, -1, -2.0])
def test_norm_at_entries_of_zero(ord):
    """Both sides rise or fall alike: the derivative there is 0, and that of the other entries is right."""
    with np.errstate(divide="ignore"):
        slope = gradient(lambda x: F.norm(x, ord), [0.0, 3.0])
    assert_allclose(slope, [0.0, 1.0 if ord > 0 else 0.0], rtol=1e-12)


ENTRIES = np.array([3.0, 1.0, 4.0, 1.5, 9.0, 2.6])
HOLES = np.where(ENTRIES == 4.0, np.nan, ENTRIES)


@pytest.mark.parametrize("q", [0.125, 0.33, 0.9, 0.51])
@pytest.mark.parametrize(
    "f",
    [
        lambda q: np.quantile(ENTRIES, q),
        lambda q: np.percentile(ENTRIES, 100 * q),
        lambda q: np.nanquantile(HOLES, q),
        lambda q: np.nanpercentile(HOLES, 100 * q),
        lambda q: np.sum(np.quantile(ENTRIES.reshape(2, 3), q, axis=1, keepdims=True) * np.array([[2.0], [3.0]])),
        lambda q: np.sum(np.quantile(ENTRIES, np.array([[0.3], [0.5]]) * q) ** 2),
        lambda q: np.quantile(ENTRIES * q, q * q),
        lambda q: np.quantile(np.array([2.0]), q) * q,
    ],
)
def test_quantiles_have_a_derivative_in_the_share(f, q):
    step = 1e-6
    slope = (f(q + step) - f(q - step)) / (2 * step)
    assert_allclose(wengert.grad(f)(q), slope, rtol=1e-7)
    assert_allclose(wengert.grad(lambda q: f(q[0]))(np.array([q])), [slope], rtol=1e-7)
    assert_allclose(f(Variable(np.array(q))).data, f(q), rtol=1e-15)


def test_the_share_of_a_quantile_that_falls_on_an_entry():
    """The slope of the line above, and at the end below."""
    for f in (np.quantile, np.nanquantile):
        slopes = [wengert.grad(lambda q, f=f: f(ENTRIES, q))(q) for q in (0.0, 0.2, 1.0)]
        assert_allclose(slopes, [2.5, 5.5, 25.0], rtol=1e-12)
    with pytest.raises(InputError, match="method="):
        np.quantile(ENTRIES, Variable(np.array(0.3)), method="hazen")


# The oldest NumPy gives nan for an infinite entry itself, and takes the share in other steps.
with np.errstate(invalid="ignore"):
    NUMPY_QUANTILES_ARE_TODAYS = np.isinf(np.quantile(np.array([0.0, np.inf]), 1.0))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_quantiles_are_numpys_to_the_last_bit(dtype):
    rng = np.random.default_rng(0)
    few_bits = 0 if NUMPY_QUANTILES_ARE_TODAYS else 8 * np.finfo(dtype).eps
    for size in range(1, 10):
        x = rng.normal(size=(2, size)).astype(dtype)
        if NUMPY_QUANTILES_ARE_TODAYS:
            x[1, -1] = np.inf
        shares = [0, 1, 0.0, 1.0, float(rng.random()), np.float32(0.3), np.array(0.7), rng.random(3), np.array([0, 1])]
        with np.errstate(invalid="ignore"):
            for q in shares:
                got, expected = F.quantile(x, q, axis=1), np.quantile(x, q, axis=1)
                assert got.dtype == expected.dtype
                assert_allclose(got.data, expected, rtol=few_bits)
            assert_allclose(F.percentile(x, 30, axis=1).data, np.percentile(x, 30, axis=1), rtol=few_bits)
            assert_allclose(F.median(x, axis=1).data, np.median(x, axis=1), rtol=few_bits)


def test_norm_of_order_0_counts():
    y = F.norm(Variable(np.array([[0.0, 3.0], [2.0, -1.0]], np.float32)), 0, axis=1)
    assert y.dtype == np.float32
    assert_array_equal(y.data, [1.0, 2.0])


@pytest.mark.parametrize("f", [F.sum, F.prod, F.cumsum, F.cumprod, F.cumulative_sum, F.cumulative_prod])
def test_types_to_compute_in(f):
    x = Variable(np.array([1.0, 2.0, 3.0], np.float32))
    y = f(x, dtype=np.float64)
    assert y.dtype == np.float64
    F.sum(y).backward()
    assert x.grad.dtype == np.float32
    wide = Variable(np.array([1.0, 2.0, 3.0]))
    F.sum(f(wide)).backward()
    assert_array_equal(x.grad.data, wide.grad.data)
    assert not f(x, dtype=np.int64).requires_grad
    assert f(x, dtype=np.int64).dtype == np.int64


def test_differences_taken_no_time_are_a_variable():
    assert isinstance(F.diff(np.ones(2), n=0), Variable)
    assert np.diff(Variable(np.ones(2)), n=0, prepend=0.0).shape == np.diff(np.ones(2), n=0, prepend=0.0).shape
    x = Variable(np.ones(2))
    F.sum(F.diff(x, n=0)).backward()
    assert_array_equal(x.grad.data, [1.0, 1.0])


def test_mean_by_weights_that_sum_to_zero_along_one_line():
    weights = np.array([[1.0, -1.0], [1.0, 1.0]])
    with pytest.raises(ZeroDivisionError, match="sum to zero"):
        F.average(Variable(np.ones((2, 2))), axis=1, weights=weights)


def test_scalars_beside_entries_keep_what_they_are():
    assert_array_equal(F.diff(np.array([1, 2]), prepend=0.5).data, [0.5, 1.0])
    assert F.diff(np.ones(2, np.float32), append=0.5).dtype == np.float32


@pytest.mark.parametrize(("shape", "axis"), [((2, 0), -1), ((2, 0), 1), ((0, 3), 0), ((2, 0, 3), 1), ((0,), 0)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_shares_of_nothing_are_nothing_and_its_logarithm_is_minus_infinity(shape, axis, dtype):
    x = Variable(np.ones(shape, dtype))
    for f in (F.softmax, F.log_softmax, F.softmin):
        y = f(x, axis=axis)
        assert y.shape == shape
        assert y.dtype == dtype
        F.sum(y * y).backward()
        assert x.grad.shape == shape
    for result in (F.logsumexp(x, axis=axis), np.logaddexp.reduce(x, axis=axis)):
        right = np.logaddexp.reduce(x.data, axis=axis)
        assert result.dtype == right.dtype
        assert_array_equal(result.data, right)
        F.sum(result * 2.0).backward()
