"""Functions of real numbers: whole numbers do not wrap round, halves are summed in single precision, tails keep digits."""

import mpmath
import numpy as np
import pytest

from rows import activation, loss, reduction
from wengert import Variable
from wengert import functions as F
from wengert import layers as L
from wengert.errors import InputError, ShapeError
from wengert.testing import gradcheck

RNG = np.random.default_rng(5)
WHOLE = {
    "int64": np.array([[[250, 3, 7, 9], [1, 0, 2, 200]]]),
    "int32": np.array([[[250, 3, 7, 9], [1, 0, 2, 200]]], np.int32),
    "uint8": np.array([[[250, 3, 7, 9], [1, 0, 2, 200]]], np.uint8),
    "bool": np.array([[[True, False, True, True], [False, False, True, False]]]),
}
ONE = {
    **{name: getattr(F, name) for name in ("mean", "var", "std", "norm", "logsumexp", "softmax", "log_softmax", "softmin")},
    **{name: getattr(F, name) for name in ("sigmoid", "silu", "gelu", "softplus", "log_sigmoid", "mish", "softsign", "elu", "celu", "selu")},
    **{name: getattr(F, name) for name in ("leaky_relu", "hardsigmoid", "hardswish", "tanhshrink", "softshrink", "glu")},
    "gelu tanh": lambda x: F.gelu(x, approximate="tanh"),
    "norm 3": lambda x: F.norm(x, 3),
    "avg_pool1d": lambda x: F.avg_pool1d(x, 2),
    "avg_pool1d padded": lambda x: F.avg_pool1d(x, 3, 1, 1, count_include_pad=False),
    "lp_pool1d": lambda x: F.lp_pool1d(x, 2, 2),
    "adaptive_avg_pool1d": lambda x: F.adaptive_avg_pool1d(x, 3),
}
PAIRS = {
    **{name: getattr(F, name) for name in ("mean_squared_error", "mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss")},
    **{name: getattr(F, name) for name in ("kl_divergence", "poisson_nll_loss", "cosine_similarity", "pairwise_distance")},
    **{name: getattr(F, name) for name in ("sigmoid_cross_entropy", "binary_cross_entropy_with_logits")},
    "mse sum": lambda x, t: F.mse_loss(x, t, reduction="sum"),
    "gaussian_nll_loss": lambda x, t: F.gaussian_nll_loss(x, t, t),
    "triplet_margin_loss": lambda x, t: F.triplet_margin_loss(x, t, x),
    "margin_ranking_loss": lambda x, t: F.margin_ranking_loss(x, t, np.ones(x.shape, int)),
    "cosine_embedding_loss": lambda x, t: F.cosine_embedding_loss(x, t, np.ones(x.shape[:-1], int)),
    "by name": lambda x, t: F.l1_loss(x=x, t=t),
}


@pytest.mark.parametrize("dtype", WHOLE)
@pytest.mark.parametrize("name", [*ONE, *PAIRS])
@pytest.mark.filterwarnings("ignore:overflow")
def test_whole_numbers_are_real(name, dtype):
    x = WHOLE[dtype]
    args = (x,) if name in ONE else (x, x[:, ::-1].copy())
    function = ONE.get(name) or PAIRS[name]
    found, wanted = function(*args), function(*(a.astype(float) for a in args))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found.data, wanted.data, rtol=1e-14)


@pytest.mark.parametrize("row", [r for r in (*activation.ROWS, *loss.ROWS, *reduction.ROWS) if r.order and not r.zero], ids=lambda r: r.name)
def test_halves_follow_double(row):
    if row.name in ("prod", "cumprod", "cumulative_prod", "linear", "embed_id", "dropout"):
        pytest.skip("no sums of its own")
    function = row.function or getattr(F, row.name)
    for call in row.calls:
        args = [a.astype(np.float16) if isinstance(a, np.ndarray) and a.dtype == np.float64 else a for a in call.args]
        wide = [a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype == np.float16 else a for a in args]
        found, wanted = function(*args, **call.options), function(*wide, **call.options)
        if getattr(found, "dtype", None) == np.float16:  # not a pair
            np.testing.assert_allclose(found.data, wanted.data, rtol=4e-3, atol=4e-3)


def test_large_batches_of_halves():
    x = Variable(np.zeros((70_000, 4), np.float16))
    for f in (F.cross_entropy, F.softmax_cross_entropy):
        x.cleargrad()
        out = f(x, np.zeros(70_000, int))
        out.backward()
        assert out.dtype == x.grad.dtype == np.float16
        assert abs(out.item() - np.log(4)) < 1e-3
        assert np.isfinite(x.grad.data).all() and (x.grad.data != 0).any()


@pytest.mark.parametrize("layer", [L.BatchNorm1d(8), L.LayerNorm(64), L.GroupNorm(2, 8), L.InstanceNorm1d(8), L.RMSNorm(64)])
def test_normalized_halves(layer):
    x = (RNG.standard_normal((4, 8, 64)) * 20 + 200).astype(np.float16)
    g = RNG.standard_normal(x.shape).astype(np.float16)
    half, single = Variable(x), Variable(x.astype(np.float32))
    for v in (half, single):
        out = layer(v)
        F.sum(out * g.astype(v.dtype)).backward()
    assert half.grad.dtype == np.float16
    np.testing.assert_allclose(half.grad.data, single.grad.data, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("size", [1e-30, 1e20])
def test_single_precision_where_squares_leave_it(size):
    x = (RNG.standard_normal((3, 8)) * size).astype(np.float32)
    wide = x.astype(np.float64)
    for f in (F.norm, F.std):
        v, w = Variable(x), Variable(wide)
        f(v).backward()
        f(w).backward()
        np.testing.assert_allclose(f(v).item(), f(w).item(), rtol=1e-6)
        np.testing.assert_allclose(v.grad.data, w.grad.data, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(F.layer_norm(x, 8).data, F.layer_norm(wide, 8).data, rtol=1e-5)


def sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


TAILS = {
    "sigmoid": sigmoid,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "log_sigmoid": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "silu": lambda x: x * sigmoid(x),
    "mish": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
    "expm1": mpmath.expm1,
    "asinh": mpmath.asinh,
    "atan": mpmath.atan,
    "logaddexp": lambda x: mpmath.log(mpmath.exp(x) + 1),
    "logaddexp2": lambda x: mpmath.log(mpmath.mpf(2) ** x + 1, 2),
    "label 0": lambda x: mpmath.log1p(mpmath.exp(x)),
    "label 1": lambda x: mpmath.log1p(mpmath.exp(-x)),
}
CALLS = {
    "logaddexp": lambda x: F.logaddexp(x, 0.0),
    "logaddexp2": lambda x: F.logaddexp2(x, 0.0),
    "label 0": lambda x: F.binary_cross_entropy_with_logits(x, np.zeros(x.shape), reduction="sum"),
    "label 1": lambda x: F.binary_cross_entropy_with_logits(x, np.ones(x.shape), reduction="sum"),
}


def check_tail(name, dtype, count):
    far = 30.0 if dtype == np.float32 else 300.0
    size = np.concatenate([np.geomspace(1e-30, 1, count // 4), np.linspace(1, far, count // 4)])
    points = np.concatenate([-size, size if name != "sigmoid" else []]).astype(dtype)  # its slope is of its output
    x = Variable(points)
    CALLS.get(name, getattr(F, name, None))(x).sum().backward()
    with mpmath.workdps(420):  # of which the difference leaves a good hundred behind the smallest slope
        wanted = [float(mpmath.diff(TAILS[name], mpmath.mpf(float(p)), h=mpmath.mpf(10) ** -120)) for p in points]
    near_zero_slope = 1e-15 if name in ("silu", "mish") else 0  # a root, beside which the slope has no digits
    rtol = 40 * float(np.finfo(dtype).eps) * (8 if name in ("silu", "mish", "logaddexp2") else 1)
    np.testing.assert_allclose(x.grad.data, np.array(wanted), rtol=rtol, atol=near_zero_slope)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TAILS)
def test_slopes_in_the_tails(name, dtype):
    check_tail(name, dtype, 40)


@pytest.mark.long
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TAILS)
def test_slopes_in_the_tails_at_many_points(name, dtype):
    check_tail(name, dtype, 1000)


@pytest.mark.parametrize("zeros", [(), (2,), (1, 3), (0, 4)])
def test_slope_of_a_running_product(zeros):
    x = RNG.uniform(0.5, 2.0, (2, 5))
    x[:, list(zeros)] = 0.0
    gradcheck(lambda v: F.cumprod(v, axis=1), x)
    v = Variable(x)
    g = RNG.standard_normal(x.shape)
    F.sum(F.cumprod(v, axis=1) * g).backward()
    step = 1e-6
    for i in range(5):
        up, down = x.copy(), x.copy()
        up[:, i] += step
        down[:, i] -= step
        slope = ((np.cumprod(up, 1) - np.cumprod(down, 1)) * g).sum(1) / (2 * step)
        np.testing.assert_allclose(v.grad.data[:, i], slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("f", [F.cross_entropy, F.nll_loss])
@pytest.mark.parametrize("options", [{}, {"weight": np.array([1.0, 0.0, 1.0])}])
def test_no_label_counts(f, options):
    x = Variable(np.array([[-np.inf, 0.0, 1.0]]) if f is F.nll_loss else RNG.standard_normal((1, 3)))
    out = f(x, np.array([1 if options else -100]), **options)
    out.backward()
    assert out.item() == 0
    assert (x.grad.data == 0).all()


def test_what_is_refused():
    with pytest.raises(InputError, match="target"):
        F.binary_cross_entropy(np.full(2, 0.5), np.array([2.0, -1.0]))
    with pytest.raises(ShapeError, match="one column"):
        F.accuracy(np.ones((3, 1)), np.array([0, 1, 1]))
    with pytest.raises(ShapeError, match="heads"):
        L.MultiHeadAttention(8, 2)(np.ones((2, 3, 8), "f"), mask=np.ones((2, 3, 3), bool))
