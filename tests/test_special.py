"""NumPy's kernels that stand in for slower or missing functions: accuracy, special values, and layouts in memory."""

import numpy as np
import pytest
from scipy import special

from wengert import Variable
from wengert import functions as F
from wengert.backends import numpy as backend

DENSE = np.concatenate([np.linspace(-28, 28, 200_001), np.linspace(-1, 1, 50_001), np.logspace(-300, 2, 5_001)])
LAYOUTS = [
    lambda x: x,
    lambda x: x.T,
    lambda x: x[::-1],
    lambda x: x[:, ::2],
    lambda x: x[:, :, ::-1].T,
    lambda x: np.moveaxis(x, 0, -1),
    lambda x: np.broadcast_to(x, (2, *x.shape)),
    lambda x: x[0, 0, 0],
    lambda x: x[:0],
]


@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_error_functions_in_double(name: str) -> None:
    got, wanted = getattr(backend, name)(DENSE), getattr(special, name)(DENSE)
    moderate = np.abs(DENSE) < 2  # beyond, SciPy's own rounding of x * x shows
    np.testing.assert_array_max_ulp(got[moderate], wanted[moderate], 12)
    np.testing.assert_allclose(got, wanted, rtol=2e-13, atol=1e-305)


def test_the_tail_in_double() -> None:
    # To 17 digits, by mpmath.
    got = backend.erfc(np.array([5.0, 10.0, 20.0, 26.0]))
    wanted = [1.537459794428035e-12, 2.088487583762545e-45, 5.395865611607901e-176, 5.663192408856143e-296]
    np.testing.assert_allclose(got, wanted, rtol=2e-15)


@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_error_functions_in_single(name: str) -> None:
    x = DENSE[np.abs(DENSE) < 1e30].astype(np.float32)
    got, wanted = getattr(backend, name)(x), getattr(special, name)(x.astype(np.float64))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, wanted, rtol=1.3e-7, atol=1.5e-45)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_error_functions_of_special_values(dtype: type) -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype)
    got = backend.erf(x)
    np.testing.assert_array_equal(got, np.array([0, 0, 1, -1, np.nan], dtype))
    assert np.signbit(got).tolist()[:4] == [False, True, False, True]
    np.testing.assert_array_equal(backend.erfc(x), np.array([1, 1, 0, 2, np.nan], dtype))
    assert got.dtype == dtype


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_error_functions_of_any_layout(layout, dtype) -> None:
    x = layout((3 * np.random.default_rng(0).standard_normal((21, 50, 32))).astype(dtype))
    before = x.copy()
    np.testing.assert_allclose(backend.erfc(x), special.erfc(x.astype(np.float64)), rtol=2e-7, atol=1.5e-45)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.int64])
def test_where_is_numpys(layout, dtype) -> None:
    rng = np.random.default_rng(0)
    x, y = (layout((9 * rng.standard_normal((21, 50, 32))).astype(dtype)) for _ in range(2))
    if dtype != np.int64 and x.size > 9 and x.flags.writeable:
        for array, values in ((x, [np.inf, np.nan, -0.0]), (y, [np.nan, -np.inf, 0.0])):
            array[(0,) * (x.ndim - 1)][:3] = values
    condition = np.asarray(y > 0)
    cases = [(x, y), (x, 0.0), (0.0, y), (x, -0.0), (x, 7), (1.5, 0), (x, True), (x, np.float64(2)), (x, y[..., :1] if y.ndim else y)]
    for choices in [*cases, (x, y.astype(np.float64))]:
        got, wanted = backend.where(condition, *choices), np.where(condition, *choices)
        np.testing.assert_array_equal(got, wanted)
        assert got.dtype == wanted.dtype
        if got.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(got), np.signbit(wanted))
    np.testing.assert_array_equal(backend.where(np.asarray(x), x, y), np.where(x, x, y))


def test_an_infinite_gradient_stops_where_relu_is_zero() -> None:
    x = Variable(np.tile(np.array([-1.0, 2.0, 0.0], np.float32), 2000))
    F.relu(x).backward(gradient=np.full(6000, np.inf, np.float32))
    np.testing.assert_array_equal(x.grad.data[:3], [0, np.inf, 0])


@pytest.mark.parametrize("slope", [-0.5, 0.0, 0.1, 1.0, 2.0])
def test_leaky_relu_of_any_slope(slope: float) -> None:
    x = np.array([-3.0, -0.0, 2.0])
    np.testing.assert_array_equal(F.leaky_relu(x, slope).data, np.where(x > 0, x, x * slope))


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_of_integers_and_of_large_numbers(approximate: str) -> None:
    np.testing.assert_array_equal(
        F.gelu(np.array([-1, 2]), approximate).data, F.gelu(np.array([-1.0, 2.0]), approximate).data
    )
    x = Variable(np.array([-1e12, 1e12], np.float32))
    out = F.gelu(x, approximate)
    out.sum().backward()
    np.testing.assert_array_equal(out.data, np.maximum(x.data, 0))
    np.testing.assert_array_equal(x.grad.data, [0, 1])


def test_log_softmax_of_integers() -> None:
    np.testing.assert_allclose(F.log_softmax(np.array([0, 1])).data, special.log_softmax([0.0, 1.0]))


def test_a_batch_of_rows_without_features() -> None:
    np.testing.assert_array_equal(F.linear(np.ones((2, 4, 0)), np.ones((0, 5)), np.ones(5)).data, np.ones((2, 4, 5)))


def test_what_may_not_be_attended_to_may_be_anything() -> None:
    key = np.ones((4, 2))
    key[3] = np.nan
    query, value = np.ones((3, 2)), np.arange(4.0)[:, None]
    out = F.scaled_dot_product_attention(query, key, value, np.array([True, True, True, False]))
    np.testing.assert_allclose(out.data, np.ones((3, 1)))
