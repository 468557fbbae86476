"""Values and slopes from denormal to huge numbers: what is rounded is no more than the input by a few units.

SWEPT has, for every function of single numbers and every loss, what mpmath says it is; GROUPS has those of several
entries, which are compared with themselves in the next wider dtype.  A function that is in neither is in WITHOUT, with
the reason.  What is swept: the value, the first derivative and the second.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import scipy.special

from wengert import Variable
from wengert import functions as F
from wengert.functions import activation, arithmetic, elementwise, loss, normalization, reduction
from wengert.scipy_adapters import SPECIAL

RNG = np.random.default_rng(8)
WIDER = {np.float16: np.float64, np.float32: np.float64, np.float64: np.longdouble}
UNITS = 16  # of the last place, for each order of derivative one more time
STEP = "its derivative is zero, or its value a choice between inputs"
RANDOM = "random"
WITHOUT = {
    **dict.fromkeys(["add", "subtract", "multiply", "negative", "positive", "rsub", "conj", "real"], "one rounding, or none"),
    **dict.fromkeys(["floor_divide", "ceil", "floor", "trunc", "round", "rint", "sign", "heaviside"], STEP),
    **dict.fromkeys(["where", "clip", "maximum", "minimum", "fmax", "fmin", "copysign", "nan_to_num"], STEP),
    **dict.fromkeys(["dropout", "alpha_dropout", "dropout1d", "dropout2d", "dropout3d", "rrelu"], RANDOM),
    **dict.fromkeys(["max", "min", "ptp", "count_nonzero", "accuracy"], STEP),
    **dict.fromkeys(["sum", "cumulative_sum", "cumsum", "diff", "average"], "sums in the dtype, as NumPy has them"),
    **dict.fromkeys(["prod", "cumulative_prod", "cumprod"], "products in the dtype, as NumPy has them"),
    **dict.fromkeys(["embed_id", "linear"], "products of matrices, in the dtype"),
    "tanh_slope": "a polynomial",
    "softmax_cross_entropy_slope": "the derivative of softmax_cross_entropy, which is swept",
}


@dataclass(frozen=True)
class Swept:
    """A function of one number, and mpmath's."""

    name: str
    exact: Callable[[Any], Any]
    ours: Callable[[Any], Any]
    low: float = -np.inf
    high: float = np.inf
    kinks: tuple[float, ...] = ()
    floors: tuple[float, float, float] = (0.0, 0.0, 0.0)  # sizes below which no digits are promised, by order
    order: int = 2
    range: float = np.inf  # the largest size that is tried
    tag: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.tag}".strip()


def one(name: str, exact: Any = None, ours: Any = None, low: float = -np.inf, high: float = np.inf, **more: Any) -> Swept:
    exact = getattr(mp, name) if exact is None else exact
    return Swept(name, exact, getattr(F, name) if ours is None else ours, low, high, **more)


def like(value: float | list[float], x: Any) -> Any:
    """A constant beside ``x``: of its shape and dtype, or, of a list, one more axis."""
    return np.broadcast_to(np.asarray(value, x.dtype), (*x.shape, len(value)) if isinstance(value, list) else x.shape)


def beside(x: Any, value: float) -> Any:
    """Rows of ``x`` and a constant."""
    return F.stack([x, like(value, x)], axis=-1)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def softplus(x: Any) -> Any:
    return mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x))


def erfc(x: Any) -> Any:
    return mp.erfc(x) if abs(x) < 1e5 else mp.mpf(2 if x < 0 else 0)


def normal(x: Any) -> Any:
    return erfc(-x / mp.sqrt(2)) / 2


def power(p: float) -> Any:
    return lambda x: x ** (int(p) if p == int(p) else mp.mpf(p))


def bent(above: Any, below: Any) -> Any:
    return lambda x: above(x) if x > 0 else below(x)


def huber(delta: float) -> Any:
    return lambda x: x * x / 2 if abs(x) <= delta else delta * (abs(x) - mp.mpf(delta) / 2)


def of_logits(t: float) -> Any:
    return lambda x: t * softplus(-x) + (1 - t) * softplus(x)


def of_probability(t: float) -> Any:
    return lambda p: -t * mp.log(p) - (1 - t) * mp.log1p(-p)


def elu(x: Any) -> Any:
    return x if x > 0 else mp.expm1(x)


def between(x: Any, low: Any, high: Any) -> Any:
    return min(max(x, low), high)


def logaddexp(c: float, base: Any = None) -> Any:
    rate = 1 if base is None else mp.log(base)
    return lambda x: max(x, mp.mpf(c)) + mp.log1p(mp.exp(-abs(x - c) * rate)) / rate


def none(loss: Any, *args: Any, **options: Any) -> Any:
    """A loss of each entry, with constants beside it."""
    return lambda x: loss(x, *(like(a, x) for a in args), **options, reduction="none")


def each(loss: Any, *args: Any) -> Any:
    """The same for a loss that is always the mean, of one entry at a time."""
    return lambda x: F.stack([loss(F.reshape(part, (1,)), *(np.full(1, a, x.dtype) for a in args)) for part in x])


# The sigmoid and tanh have slopes of what they gave, as in PyTorch and JAX: less than a step from 1 nothing is left.
GIVEN = (0.0, 1.0, 1.0)
# The second derivative of log_ndtr is a product with a sum that cancels, down to -30, from where on a series is taken.
# A sum of ones and exponentials has lost what is less than a step from 1.
SUMMED = (1.0, 1.0, 1.0)
SELU = (mp.mpf(1.0507009873554805), mp.mpf(1.6732632423543772))

SWEEPS = [
    *[one(name) for name in ("sin", "cos", "tan", "sinh", "cosh", "exp", "expm1", "atan", "asinh")],
    one("tanh", floors=GIVEN),
    one("exp2", lambda x: mp.mpf(2) ** x),
    one("square", lambda x: x * x),
    one("reciprocal", lambda x: 1 / x),
    one("asin", low=-1, high=1),
    one("acos", low=-1, high=1),
    one("acosh", low=1),
    one("atanh", low=-1, high=1),
    one("log", low=0),
    one("log1p", low=-1),
    one("log2", lambda x: mp.log(x) / mp.log(2), low=0),
    one("log10", lambda x: mp.log(x) / mp.log(10), low=0),
    one("sqrt", low=0),
    one("cbrt", lambda x: mp.sign(x) * mp.cbrt(abs(x))),
    one("erf"),
    one("erfc", erfc),
    one("sinc", lambda x: mp.sin(mp.pi * x) / (mp.pi * x), range=1e4),
    one("deg2rad", lambda x: x * mp.pi / 180),
    one("rad2deg", lambda x: x * 180 / mp.pi),
    one("abs", abs),
    one("fabs", abs),
    *[one("divide", lambda x, c=c: x / c, lambda x, c=c: F.divide(x, like(c, x)), tag=f"x {c}") for c in (3.0, 3e-4)],
    *[one("divide", lambda x, c=c: c / x, lambda x, c=c: F.divide(like(c, x), x), tag=f"y {c}") for c in (3.0, 3e-4)],
    one("rdiv", lambda x: 3 / x, lambda x: F.rdiv(x, 3.0)),
    one("remainder", lambda x: x - 3 * mp.floor(x / 3), lambda x: F.remainder(x, 3.0), range=2.9, kinks=(0,)),
    *[one("power", power(p), lambda x, p=p: F.power(x, p), low=-np.inf if p == int(p) else 0, tag=str(p)) for p in (0.5, -0.5, 1.5, 2, 3, 4, 5, 7, -1, -2, -3)],
    *[one("power", lambda x, b=b: mp.mpf(b) ** x, lambda x, b=b: F.power(b, x), tag=f"of {b}") for b in (2.0, 0.5, 10.0, 1 + 2**-10)],
    *[one("power", lambda x, b=b: mp.mpf(b) ** x, lambda x, b=b: F.power(like(b, x), x), tag=f"of {b}s") for b in (2.0, 0.5)],
    *[one("hypot", lambda x, c=c: mp.sqrt(x * x + mp.mpf(c) ** 2), lambda x, c=c: F.hypot(x, like(c, x)), tag=str(c), range=5e4 if c > 1e4 else np.inf) for c in (1.0, 2.0**-13, 2.0**12)],
    *[one("atan2", lambda x, c=c: mp.atan2(x, c), lambda x, c=c: F.atan2(x, like(c, x)), tag=f"x {c}") for c in (1.0, 2.0**-10, 2.0**12)],
    *[one("atan2", lambda x, c=c: mp.atan2(c, x), lambda x, c=c: F.atan2(like(c, x), x), tag=f"y {c}") for c in (1.0, 2.0**-10, 2.0**12)],
    *[one("logaddexp", logaddexp(c), lambda x, c=c: F.logaddexp(x, like(c, x)), tag=str(c)) for c in (0.0, 1.0, -3.0)],
    *[one("logaddexp2", logaddexp(c, 2), lambda x, c=c: F.logaddexp2(x, like(c, x)), tag=str(c)) for c in (0.0, 1.0, -3.0)],
    # Activations
    one("relu", lambda x: max(x, 0)),
    one("leaky_relu", bent(lambda x: x, lambda x: x * mp.mpf(0.2))),
    one("prelu", bent(lambda x: x, lambda x: x / 4), lambda x: F.prelu(x, np.asarray(0.25, x.dtype))),
    one("elu", elu),
    one("celu", bent(lambda x: x, lambda x: mp.expm1(x * 4) / 4), lambda x: F.celu(x, 0.25)),
    one("selu", bent(lambda x: SELU[0] * x, lambda x: SELU[0] * SELU[1] * mp.expm1(x))),
    one("gelu", lambda x: x * normal(x)),
    one("gelu", lambda x: x * sigmoid(2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf(0.044715) * x**3)), lambda x: F.gelu(x, "tanh"), floors=(1.0, 4.0, 8.0), range=1e4, tag="tanh"),
    one("sigmoid", sigmoid, floors=GIVEN, range=85),
    one("silu", lambda x: x * sigmoid(x), range=85),
    one("softplus", softplus, range=85),
    one("log_sigmoid", lambda x: -softplus(-x), range=85),
    one("mish", lambda x: x * (1 - 2 / (1 + (1 + mp.exp(x)) ** 2)), range=85),
    one("softsign", lambda x: x / (1 + abs(x))),
    one("tanhshrink", lambda x: x - mp.tanh(x), floors=SUMMED),
    one("hardsigmoid", lambda x: between(x / 6 + mp.mpf(1) / 2, 0, 1), kinks=(-3, 3)),
    one("hardswish", lambda x: x * between(x / 6 + mp.mpf(1) / 2, 0, 1), kinks=(-3, 3)),
    one("hardtanh", lambda x: between(x, -1, 1), kinks=(-1, 1)),
    one("relu6", lambda x: between(x, 0, 6), kinks=(6,)),
    one("hardshrink", lambda x: x if abs(x) > 0.5 else mp.mpf(0), kinks=(0.5, -0.5)),
    one("softshrink", lambda x: x - mp.sign(x) / 2 if abs(x) > 0.5 else mp.mpf(0), kinks=(0.5, -0.5)),
    one("threshold", lambda x: x if x > 0.5 else mp.mpf(7), lambda x: F.threshold(x, 0.5, 7.0), kinks=(0.5,)),
    one("glu", lambda x: 3 * sigmoid(x), lambda x: F.glu(F.stack([like(3.0, x), x], axis=-1))[..., 0], range=85),
    one("softmax", sigmoid, lambda x: F.softmax(beside(x, 0.0))[..., 0], floors=GIVEN),
    one("softmin", lambda x: sigmoid(-x), lambda x: F.softmin(beside(x, 0.0))[..., 0], floors=GIVEN),
    one("log_softmax", lambda x: -softplus(-x), lambda x: F.log_softmax(beside(x, 0.0))[..., 0], floors=SUMMED),
    # Losses
    *[one("binary_cross_entropy_with_logits", of_logits(t), none(F.binary_cross_entropy_with_logits, t), range=85, tag=str(t)) for t in (0.0, 1.0, 0.25)],
    *[one("sigmoid_cross_entropy", of_logits(t), each(F.sigmoid_cross_entropy, t), range=85, tag=str(t)) for t in (0.0, 1.0, 0.25)],
    *[one("binary_cross_entropy", of_probability(t), none(F.binary_cross_entropy, t), low=1e-40 if t else 0, high=1, tag=str(t)) for t in (0.0, 1.0, 0.25)],
    *[one("huber_loss", huber(d), none(F.huber_loss, 0.0, delta=d), kinks=(d, -d), tag=str(d)) for d in (1.0, 64.0)],
    *[one("smooth_l1_loss", lambda x, d=d: huber(d)(x) / d, none(F.smooth_l1_loss, 0.0, beta=d), kinks=(d, -d), tag=str(d)) for d in (1.0, 64.0)],
    one("mse_loss", lambda x: x * x, none(F.mse_loss, 0.0)),
    one("mean_squared_error", lambda x: x * x, each(F.mean_squared_error, 0.0)),
    one("l1_loss", abs, none(F.l1_loss, 0.0)),
    one("soft_margin_loss", softplus, none(F.soft_margin_loss, -1.0), range=85),
    one("hinge_embedding_loss", lambda x: max(1 - x, 0), none(F.hinge_embedding_loss, -1.0), kinks=(1,)),
    one("margin_ranking_loss", lambda x: max(-x, 0), none(F.margin_ranking_loss, 0.0, 1.0)),
    one("poisson_nll_loss", lambda x: mp.exp(x) - 2 * x, none(F.poisson_nll_loss, 2.0), range=1e30),
    one("poisson_nll_loss", lambda x: x - 2 * mp.log(x + mp.mpf(1e-8)), none(F.poisson_nll_loss, 2.0, log_input=False), low=0, tag="rate"),
    one("kl_divergence", lambda t: t * mp.log(t) + t / 2, lambda t: F.kl_divergence(like(-0.5, t), t, reduction="none"), low=2e-38, tag="t"),
    one("kl_divergence", lambda t: mp.exp(t) * (t + 1 / mp.mpf(2)), lambda t: F.kl_divergence(like(-0.5, t), t, log_target=True, reduction="none"), tag="log t", range=85),
    one("gaussian_nll_loss", lambda x: (mp.log(mp.mpf(1) / 4) + 4 * x * x) / 2, none(F.gaussian_nll_loss, 0.0, 0.25)),
    one("gaussian_nll_loss", lambda v: (mp.log(v) + 9 / v) / 2, lambda v: F.gaussian_nll_loss(like(3.0, v), like(0.0, v), v, eps=0.0, reduction="none"), low=1e-9, tag="var"),
    # SciPy's
    one("special.ndtr", normal, scipy.special.ndtr),
    one("special.log_ndtr", lambda x: mp.log(normal(x)) if x < 5 else mp.log1p(-normal(-x)), scipy.special.log_ndtr, range=1e6, floors=(0, 0, 50)),
    one("special.entr", lambda x: -x * mp.log(x), scipy.special.entr, low=0),
    one("special.exp10", lambda x: mp.mpf(10) ** x, scipy.special.exp10),
    one("special.logit", lambda x: mp.log(x / (1 - x)), scipy.special.logit, low=0, high=1, order=1),
    one("special.xlogy", lambda x: 3 * mp.log(x), lambda x: scipy.special.xlogy(like(3.0, x), x), low=0),
    one("special.xlog1py", lambda x: 3 * mp.log1p(x), lambda x: scipy.special.xlog1py(like(3.0, x), x), low=-1),
]
GAMMA = "SciPy's own polygamma: see its documents for its accuracy"
SPECIAL_WITHOUT = {
    **dict.fromkeys(["psi", "gamma", "gammaln", "rgamma", "beta", "betaln"], GAMMA),
    **dict.fromkeys(["kl_div", "rel_entr"], "their logarithm of a quotient, which may overflow, is exact near 1"),
    **dict.fromkeys(["cbrt", "erf", "erfc", "exp2", "expit", "expm1", "log1p", "log_expit"], "functions of this package"),
    **dict.fromkeys(["erfinv", "erfcinv", "ndtri"], "inverses: see test_inverses"),
}


def points(dtype: Any, sweep: Swept, count: int) -> Any:
    """Some ``count`` of them from denormal to huge, of both signs, with what lies around 1 and the kinks."""
    info = np.finfo(dtype)
    size = np.concatenate(
        [
            np.exp(np.linspace(np.log(float(info.smallest_normal)), np.log(float(info.max) / 8), count // 6)),
            np.exp(np.linspace(-9, 6.6, count // 6)),
            np.linspace(3, 45, max(2, count // 12)),
            [float(info.smallest_subnormal) * 5],
        ]
    )
    steps = np.exp(np.linspace(np.log(4 * float(info.eps)), np.log(0.5), max(2, count // 24)))
    around = [c * (1 + sign * step) for c in {1.0, -1.0, *map(float, sweep.kinks)} for sign in (1, -1) for step in steps]
    every = np.unique(np.concatenate([size, -size, around]).astype(dtype))
    wide = every.astype(np.longdouble)
    inside = (wide > sweep.low) & (wide < sweep.high) & (abs(wide) <= sweep.range) & ~np.isin(every, (0, *sweep.kinks))
    return every[inside & np.isfinite(every)]


def exact(sweep: Swept, points: Any) -> Any:
    """The value and three derivatives at each point, by differences with more digits than they lose."""
    spare = 120 - np.log10(float(np.finfo(points.dtype).smallest_subnormal))
    found = []
    for point in points:
        with mp.workdps(int(spare + 3.3 * abs(np.log10(abs(float(point)))))):
            x = mp.mpf(float(point))
            near = min([abs(x), mp.mpf(1), *(abs(x - c) for c in (1, -1, *sweep.kinks) if x != c)])
            h = near * mp.mpf(10) ** -25
            left2, left, middle, right, right2 = (mp.re(sweep.exact(x + i * h)) for i in (-2, -1, 0, 1, 2))
            slopes = (right - left) / (2 * h), (right - 2 * middle + left) / h**2, (right2 - 2 * right + 2 * left - left2) / (2 * h**3)
            found.append([narrowed(value) for value in (middle, *slopes)])
    return np.array(found, np.longdouble).T


def narrowed(value: Any) -> Any:
    if value and mp.mag(value) > 1100:
        return np.longdouble(np.inf) * int(mp.sign(value))
    if value and mp.mag(value) < -1200:
        return np.longdouble(0)
    return np.longdouble(float(value)) if abs(value) > 1e-300 or not value else np.longdouble(float(value * 2**200)) / 2**200


def derivatives(function: Any, x: Any, order: int) -> list[Any]:
    v = Variable(x.copy())
    out = function(v)
    found = [out.data]
    for _ in range(order):
        v.cleargrad()
        if out.requires_grad:
            out.backward(gradient=np.ones_like(out.data), create_graph=True)
        out = Variable(np.zeros_like(x)) if v.grad is None else v.grad
        found.append(out.data)
    return found


def sweep_over(sweep: Swept, dtype: Any, count: int) -> None:
    x = points(dtype, sweep, count)
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        ours = derivatives(sweep.ours, x, sweep.order)
    wanted = exact(sweep, x)
    assert ours[0].dtype == dtype or sweep.name.startswith("special")
    for order, (found, want) in enumerate(zip(ours, wanted, strict=False)):
        # As if the input were rounded by so many units; results that are no normal numbers may vanish or be infinite.
        with np.errstate(all="ignore"):
            scale = abs(want) + abs(x.astype(np.longdouble) * wanted[order + 1]) + sweep.floors[order]
            allowed = UNITS * (order + 1) * float(info.eps) * np.where(np.isfinite(scale), scale, abs(want)) + float(info.smallest_normal)
            wrong = abs(found - want) > allowed
            wrong |= np.isnan(found)
            extreme = abs(want) > float(info.max) / 16  # its parts may overflow
            wrong &= ~extreme
            wrong |= extreme & (np.isnan(found) | (np.sign(found) != np.sign(want)))
        where = np.flatnonzero(wrong)
        assert not where.size, [(float(x[i]), float(found[i]), float(want[i])) for i in where[:4]] + [("order", order, len(where))]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16], ids=lambda d: d.__name__)
@pytest.mark.parametrize("sweep", SWEEPS, ids=str)
def test_numbers_in_the_tails(sweep, dtype):
    sweep_over(sweep, dtype, 4 if dtype == np.float64 else 12)


@pytest.mark.long
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16], ids=lambda d: d.__name__)
@pytest.mark.parametrize("sweep", SWEEPS, ids=str)
def test_numbers_in_the_tails_at_many_points(sweep, dtype):
    sweep_over(sweep, dtype, 1000)


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", ["erfinv", "erfcinv", "ndtri"])
def test_inverses(name, dtype):
    """Their slopes are of what they are the inverse of: exp(y * y) would have the rounding of y many times over."""
    tail = np.geomspace(1e-12 if name != "erfinv" else 1e-5, 0.4, 20)
    x = Variable((np.concatenate([tail, 1 - tail[-6:]]) if name != "erfinv" else np.concatenate([tail, -1 + tail])).astype(dtype))
    getattr(scipy.special, name)(x).backward(gradient=np.ones_like(x.data), create_graph=True)
    slope = x.grad
    with mp.workdps(50):
        for point, found in zip(x.data, slope.data, strict=True):
            p = mp.mpf(float(point))
            inner = mp.erfinv(p) if name == "erfinv" else -root_of_erfc(p) if name == "erfcinv" else root_of_erfc(2 * p)
            want = mp.sqrt(mp.pi) / 2 * mp.exp(inner**2) * {"erfinv": 1, "erfcinv": -1, "ndtri": mp.sqrt(8)}[name]
            assert abs(float(found / want) - 1) < UNITS * np.finfo(dtype).eps
    x.cleargrad()
    slope.backward(gradient=np.ones_like(x.data))
    y = getattr(scipy.special, name)(x.data)
    rate = {"erfinv": 2, "erfcinv": 2, "ndtri": 1}[name]
    np.testing.assert_allclose(x.grad.data, rate * y * slope.data**2, rtol=1e-5 if dtype == np.float32 else 1e-12)


def root_of_erfc(p: Any) -> Any:
    """Where erfc is p, by Newton's method on its logarithm."""
    if p > 0.5:
        return mp.erfinv(1 - p)
    y = mp.sqrt(-mp.log(p))
    for _ in range(30):
        y += (mp.log(mp.erfc(y)) - mp.log(p)) * mp.erfc(y) * mp.sqrt(mp.pi) / 2 * mp.exp(y * y)
    return y


# Of several entries


@dataclass(frozen=True)
class Group:
    """A function of several entries, beside itself in the next wider dtype."""

    name: str
    ours: Callable[..., Any]
    scales: tuple[float, ...] = (1e-300, 1e-25, 1e-8, 1.0, 1e8, 1e20, 1e200)  # those that the dtype has are tried
    offsets: tuple[float, ...] = (100.0, 1e4)
    loses: bool = False  # of entries that lie far from 0 the differences, in which inputs themselves have lost digits
    shape: tuple[int, ...] = (4, 6)
    tag: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.tag}".strip()


SMALL = (1e-300, 1e-25, 1e-8, 1.0, 1e4)
# Its denominator is made of the square of what is huge, in float64 where nothing is wider.
SQUARES = (1e-300, 1e-25, 1e-8, 1.0, 1e8, 1e20, 1e100)
OTHER = RNG.standard_normal((4, 6))
LABELS = np.array([1, 0, 5, 3])
SIGNS = np.array([1, -1, 1, -1])
SHARES = RNG.dirichlet(np.ones(6), 4)


def group(name: str, ours: Any = None, **more: Any) -> Group:
    return Group(name, getattr(F, name) if ours is None else ours, **more)


def same(x: Any, array: Any) -> Any:
    return np.asarray(array).astype(x.dtype)


GROUPS = [
    group("mean", lambda x: F.mean(x, axis=1)),
    group("var", lambda x: F.var(x, axis=1), scales=(1e-8, 1.0, 1e8, 1e15), loses=True),
    *[group("std", lambda x, c=c: F.std(x, axis=1, correction=c), loses=True, tag=str(c)) for c in (0, 1)],
    *[group("norm", lambda x, p=p: F.norm(x, p, axis=1), tag=str(p)) for p in (1, 2, 3, 1.5, np.inf)],
    group("logsumexp", lambda x: F.logsumexp(x, axis=1)),
    group("median", lambda x: F.median(x, axis=1)),
    group("quantile", lambda x: F.quantile(x, 0.25, axis=1)),
    group("percentile", lambda x: F.percentile(x, 25, axis=1)),
    group("softmax"),
    group("log_softmax"),
    group("softmin"),
    group("layer_norm", lambda x: F.layer_norm(x, 6), scales=SQUARES, loses=True),
    group("layer_norm", lambda x: F.layer_norm(x, 6, same(x, OTHER[0]), same(x, OTHER[1])), scales=SQUARES, loses=True, tag="weighted"),
    group("rms_norm", lambda x: F.rms_norm(x, 6, eps=1e-5), scales=SQUARES),
    group("batch_norm", lambda x: F.batch_norm(x, training=True), scales=SQUARES, loses=True),
    group("group_norm", lambda x: F.group_norm(x, 2), scales=SQUARES, loses=True),
    group("instance_norm", lambda x: F.instance_norm(F.reshape(x, (2, 2, 6))), scales=SQUARES, loses=True),
    group("cosine_similarity", lambda x: F.cosine_similarity(x, same(x, OTHER)), scales=(1e-4, 1.0, 1e8, 1e20, 1e200)),
    group("cosine_embedding_loss", lambda x: F.cosine_embedding_loss(x, same(x, OTHER), SIGNS), scales=(1e-2, 1.0, 1e4, 1e8)),
    group("pairwise_distance", lambda x: F.pairwise_distance(x, same(x, 0 * OTHER))),
    group("triplet_margin_loss", lambda x: F.triplet_margin_loss(x, same(x, 0 * OTHER), same(x, OTHER), margin=9.0), scales=(1e-8, 1.0), offsets=()),
    group("cross_entropy", lambda x: F.cross_entropy(x, LABELS)),
    group("cross_entropy", lambda x: F.cross_entropy(x, LABELS, label_smoothing=0.25), tag="smoothed"),
    group("cross_entropy", lambda x: F.cross_entropy(x, same(x, SHARES)), tag="of shares"),
    group("softmax_cross_entropy", lambda x: F.softmax_cross_entropy(x, LABELS)),
    group("nll_loss", lambda x: F.nll_loss(x, LABELS)),
    group("multi_margin_loss", lambda x: F.multi_margin_loss(x, LABELS), offsets=(100.0,)),
    group("ctc_loss", lambda x: F.ctc_loss(F.log_softmax(F.reshape(x, (4, 1, 6))), np.array([[1, 2]]), [4], [2]), scales=SMALL),
]


@pytest.mark.parametrize("dtype", WIDER, ids=lambda d: d.__name__)
@pytest.mark.parametrize("case", GROUPS, ids=str)
def test_groups_at_every_scale(case, dtype):
    """The largest error is a few units of the largest entry; of what lies far from 0, of the input's own."""
    wider, info = WIDER[dtype], np.finfo(dtype)
    if np.finfo(wider).eps >= info.eps / 8:
        pytest.skip("no wider dtype here")
    rng = np.random.default_rng(zlib.crc32(str(case).encode()))
    draws = [rng.standard_normal(case.shape) * scale for scale in case.scales if scale < float(info.max) / 1e3 and scale > float(info.smallest_normal)]
    draws += [rng.standard_normal(case.shape) + offset for offset in case.offsets if offset < float(info.max) / 1e2]
    for draw in draws:
        x = draw.astype(dtype)
        cotangent = None
        found = []
        for kind in (dtype, wider):
            v = Variable(x.astype(kind))
            out = case.ours(v)
            cotangent = rng.standard_normal(out.shape).astype(np.float16) if cotangent is None else cotangent
            out.backward(gradient=cotangent.astype(kind))
            assert out.dtype == v.grad.dtype == kind
            found.append((out.data.astype(wider), v.grad.data.astype(wider)))
        loss = abs(x).max(where=np.isfinite(x), initial=0) / x.std(axis=1, dtype=wider).min() if case.loses else 1.0
        for ours, wanted in zip(*found, strict=True):
            size = abs(wanted).max()
            if size > float(info.max) / 16:
                assert not np.isnan(ours).any()
                continue
            assert abs(ours - wanted).max() <= 2 * UNITS * max(1.0, float(loss)) * float(info.eps) * size + 8 * float(info.smallest_normal)


def test_every_function_is_swept():
    """A new function of single numbers, a new loss, a new norm has a line in one of the tables, or a reason."""
    swept = {sweep.name for sweep in SWEEPS} | {case.name for case in GROUPS} | set(WITHOUT)
    known = {id(getattr(F, name)) for name in swept if not name.startswith("special.")}
    names = [name for family in (arithmetic, elementwise, activation, loss, reduction, normalization) for name in family.__all__]
    assert not [name for name in names if id(getattr(F, name)) not in known]
    assert set(SPECIAL) == {s.name.removeprefix("special.") for s in SWEEPS if s.name.startswith("special.")} | set(SPECIAL_WITHOUT)
    assert not set(WITHOUT) & {s.name for s in (*SWEEPS, *GROUPS)}


# Single cases


@pytest.mark.parametrize("value", [1e10, 12345678.0, -3e9])
def test_rows_of_one_large_number_are_normalized_to_zero(value):
    x = Variable(np.full((4, 6), value, np.float32))
    for out in (F.layer_norm(x, 6), F.batch_norm(x, training=True), F.group_norm(x, 2), F.instance_norm(F.reshape(x, (2, 2, 6)))):
        np.testing.assert_array_equal(out.data, 0)
        g = RNG.standard_normal(out.shape).astype(np.float32)
        x.cleargrad()
        out.backward(gradient=g)
        assert abs(x.grad.data).max() < 1e4  # the slope is 1 / sqrt(eps), and not infinite or of the rounding of the mean


def test_gradients_of_halves_are_summed_in_single_precision():
    x, bias = Variable(np.ones((5000, 3), np.float16)), Variable(np.zeros(3, np.float16))
    weight = Variable(np.ones((3, 3), np.float16))
    for out in (x + bias, F.linear(x, weight, bias), x * 1.0 + bias):
        bias.cleargrad()
        F.sum(out).backward()
        assert bias.grad.dtype == np.float16
        np.testing.assert_array_equal(bias.grad.data, 5000)


def test_large_products_in_cosine_similarity():
    x = np.array([[3e25, 4e25]], np.float32)
    np.testing.assert_allclose(F.cosine_similarity(x, x[:, ::-1].copy()).data, [0.96], rtol=1e-6)


def test_cross_entropy_of_scores_far_from_zero():
    """The largest score is taken off before, and not after: 1e6 + log(2) - 1e6 has lost two digits in three."""
    x = Variable(np.array([[1e6, 1e6, 1e6 - 1]], np.float32))
    wanted = np.log(2 + np.exp(-1.0))
    for out in (F.cross_entropy(x, np.array([0])), F.softmax_cross_entropy(x, np.array([0]))):
        np.testing.assert_allclose(out.data, wanted, rtol=1e-6)
    np.testing.assert_allclose(F.cross_entropy(x, np.array([0]), label_smoothing=0.5).data, wanted + 0.5 / 3, rtol=1e-6)


def test_long_halves():
    """Seventy thousand halves, whose sum no half holds."""
    x = Variable(RNG.uniform(0.5, 1.5, 70_000).astype(np.float16))
    wide = x.data.astype(np.float64)
    for f in (F.mean, F.var, F.std, F.norm, F.logsumexp, lambda v: F.norm(v, 3), lambda v: F.mse_loss(v, np.zeros_like(v.data))):
        x.cleargrad()
        w = Variable(wide)
        found, wanted = f(x), f(w)
        found.backward()
        wanted.backward()
        np.testing.assert_allclose(found.data, wanted.data, rtol=1e-3)
        np.testing.assert_allclose(x.grad.data, w.grad.data, rtol=2e-3, atol=6e-8)
