"""Kinks and edges: what a derivative is where there is none, or several, and where numbers run out.

Docstrings promise most of it under "At kinks".  Where they are silent the answer is PyTorch's.
"""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import wengert
from wengert import Variable
from wengert import functions as F
from wengert.errors import ShapeError

INF, NAN = np.inf, np.nan
BOTH = (np.float64, np.float32)


def kink(name, f, inputs, value, *gradients, dtypes=BOTH):
    """``f`` of these inputs, its value, and the gradient in each of them of the sum of its entries."""
    return [pytest.param(dtype, f, inputs, value, gradients, id=f"{name}-{dtype.__name__}") for dtype in dtypes]


def table(*rows):
    return [case for row in rows for case in row]


def check(dtype, f, inputs, value, gradients):
    xs = [Variable(np.array(x, dtype)) for x in inputs]
    out = f(*xs)
    out.backward()
    assert out.dtype == dtype
    rtol, atol = (1e-12, 1e-15) if dtype is np.float64 else (1e-6, 1e-7)
    assert_allclose(out.data, value, rtol=rtol, atol=atol)
    assert len(gradients) == len(xs)
    for x, gradient in zip(xs, gradients, strict=True):
        assert x.grad.dtype == dtype
        assert x.grad.shape == x.shape
        assert_allclose(x.grad.data, gradient, rtol=rtol, atol=atol)


TIES = table(
    kink("max", F.max, [[1.0, 3.0, 3.0]], 3.0, [0.0, 0.5, 0.5]),
    kink("max, all equal", F.max, [[2.0, 2.0, 2.0, 2.0]], 2.0, [0.25] * 4),
    kink("max, infinities", F.max, [[INF, 1.0, INF]], INF, [0.5, 0.0, 0.5]),
    kink("max, signed zeros", F.max, [[0.0, -0.0]], 0.0, [0.5, 0.5]),
    kink("max of rows", lambda x: F.max(x, axis=1), [[[1.0, 1.0], [0.0, 2.0]]], [1.0, 2.0], [[0.5, 0.5], [0.0, 1.0]]),
    kink("max over two axes", lambda x: F.max(x, axis=(0, 1)), [[[4.0, 1.0], [0.0, 4.0]]], 4.0, [[0.5, 0], [0, 0.5]]),
    kink("min", F.min, [[1.0, 1.0, 3.0]], 1.0, [0.5, 0.5, 0.0]),
    kink("min, infinities", F.min, [[-INF, 1.0, -INF]], -INF, [0.5, 0.0, 0.5]),
    kink("ptp", F.ptp, [[1.0, 1.0, 3.0]], 2.0, [-0.5, -0.5, 1.0]),
    kink("ptp, all equal", F.ptp, [[1.0, 1.0]], 0.0, [0.0, 0.0]),
    *[
        kink(f.__name__, f, [[1.0, 2.0], [1.0, other]], [1.0, out], [0.5, first], [0.5, 1.0 - first])
        for f, other, out, first in [
            (F.maximum, 3.0, 3.0, 0.0),
            (F.fmax, 3.0, 3.0, 0.0),
            (F.minimum, 3.0, 2.0, 1.0),
            (F.fmin, 3.0, 2.0, 1.0),
        ]
    ],
    *[
        kink(f"{f.__name__}, a number", lambda x, f=f: f(x, 2.0), [[2.0]], [2.0], [0.5])
        for f in (F.maximum, F.minimum, F.fmax, F.fmin)
    ],
    *[
        kink(f"{f.__name__}, infinities", f, [[INF, -INF], [INF, -INF]], [INF, -INF], [0.5, 0.5], [0.5, 0.5])
        for f in (F.maximum, F.minimum, F.fmax, F.fmin)
    ],
    *[
        kink(f"{f.__name__}, nans", f, [[1.0, NAN, NAN], [NAN, 2.0, NAN]], [NAN] * 3, [1, 1, 1], [1, 1, 1])
        for f in (F.maximum, F.minimum)
    ],
    *[kink(f"{f.__name__}, one nan", f, [[1.0, NAN], [NAN, 2.0]], [1, 2], [1, 0], [0, 1]) for f in (F.fmax, F.fmin)],
    *[kink(f"{f.__name__}, two nans", f, [[NAN], [NAN]], [NAN], [1.0], [0.0]) for f in (F.fmax, F.fmin)],
    kink("median, odd", F.median, [[1.0, 1.0, 2.0]], 1.0, [0.0, 1.0, 0.0]),
    kink("median, even", F.median, [[3.0, 1.0, 2.0, 10.0]], 2.5, [0.5, 0.0, 0.5, 0.0]),
    kink("median, even, all equal", F.median, [[1.0] * 4], 1.0, [0.0, 0.5, 0.5, 0.0]),
    kink("quantile at an entry", lambda x: F.quantile(x, 0.25), [[5.0, 1.0, 1.0, 2.0, 3.0]], 1.0, [0, 0, 1, 0, 0]),
    kink("sort", lambda x: F.sort(x) * np.arange(1, 4, dtype=x.dtype), [[2.0, 1.0, 2.0]], [1.0, 4.0, 6.0], [2, 1, 3]),
    kink(
        "sort, descending",
        lambda x: F.sort(x, descending=True) * np.arange(1, 4, dtype=x.dtype),
        [[2.0, 1.0, 2.0]], [2.0, 4.0, 3.0], [1, 3, 2],
    ),
)  # fmt: skip

CLIP = table(
    kink("numbers", lambda x: F.clip(x, 1, 3), [[0.0, 1.0, 2.0, 3.0, 4.0]], [1.0, 1.0, 2.0, 3.0, 3.0], [0, 1, 1, 1, 0]),
    kink("recorded bounds", F.clip, [[0.0, 1.0, 2.0, 3.0, 4.0], 1.0, 3.0], [1, 1, 2, 3, 3], [0, 1, 1, 1, 0], 1.0, 1.0),
    kink("signed zero", lambda x: F.clip(x, 0.0, 1.0), [[-0.0, 0.0]], [0.0, 0.0], [1.0, 1.0]),
    kink("no lower bound", lambda x, top: F.clip(x, None, top), [[1.0, 2.0, 3.0], 2.0], [1, 2, 2], [1, 1, 0], 1.0),
    kink("no upper bound", lambda x, low: F.clip(x, low), [[1.0, 2.0, 3.0], 2.0], [2, 2, 3], [0, 1, 1], 1.0),
    kink("no bounds", lambda x: F.clip(x, None, None), [[1.0, INF]], [1.0, INF], [1.0, 1.0]),
    kink("infinite bounds", lambda x: F.clip(x, -INF, INF), [[1.0, INF]], [1.0, INF], [1.0, 1.0]),
    kink("bounds that meet", lambda x: F.clip(x, 1, 1), [[0.0, 1.0, 2.0]], [1.0, 1.0, 1.0], [0.0, 1.0, 0.0]),
    kink("crossed bounds, off them", F.clip, [[0.0, 2.0, 4.0], 3.0, 1.0], [1.0, 1.0, 1.0], [0, 0, 0], 0.0, 3.0),
    kink("crossed bounds, on the upper", F.clip, [[1.0], 3.0, 1.0], [1.0], [0.0], 0.0, 1.0),
)  # fmt: skip

AT_ZERO = table(
    kink("abs", F.abs, [[0.0, -0.0, INF, -INF]], [0.0, 0.0, INF, INF], [0.0, 0.0, 1.0, -1.0]),
    kink("fabs", F.fabs, [[0.0, -0.0, INF, -INF]], [0.0, 0.0, INF, INF], [0.0, 0.0, 1.0, -1.0]),
    kink("sign", F.sign, [[0.0, -0.0, 1.0]], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]),
    kink("copysign", F.copysign, [[0.0, 1.0, -1.0], [-1.0, 0.0, -0.0]], [0.0, 1.0, -1.0], [0, 1, 1], [0, 0, 0]),
    kink("heaviside", F.heaviside, [[0.0, -0.0, 1.0], [0.5, 0.5, 0.5]], [0.5, 0.5, 1.0], [0, 0, 0], [1, 1, 0]),
    kink("relu", F.relu, [[0.0, -0.0]], [0.0, 0.0], [0.0, 0.0]),
    kink("leaky_relu", F.leaky_relu, [[0.0, -0.0]], [0.0, 0.0], [0.2, 0.2]),
    kink("elu", F.elu, [[0.0, -0.0]], [0.0, 0.0], [1.0, 1.0]),
    kink("elu, alpha=2", lambda x: F.elu(x, 2.0), [[0.0]], [0.0], [2.0]),
    kink("gelu", F.gelu, [[0.0]], [0.0], [0.5]),
    kink("gelu, tanh", lambda x: F.gelu(x, approximate="tanh"), [[0.0]], [0.0], [0.5]),
    kink("silu", F.silu, [[0.0]], [0.0], [0.5]),
    kink("square", F.square, [[0.0]], [0.0], [0.0]),
    kink("sinc", F.sinc, [[0.0, 1e-8, 1.0]], [1.0, 1.0, 0.0], [0.0, -(np.pi**2) / 3 * 1e-8, -1.0]),
    kink("hypot", F.hypot, [[0.0, 0.0, 3.0], [0.0, 2.0, 0.0]], [0.0, 2.0, 3.0], [0, 0, 1], [0, 1, 0]),
    kink("atan2, axes", F.atan2, [[0.0, 0.0, 1.0], [1.0, -1.0, 0.0]], [0.0, np.pi, np.pi / 2], [1, -1, 0], [0, 0, -1]),
    kink("atan2, origin", F.atan2, [[0.0], [0.0]], [0.0], [0.0], [0.0]),
    kink("norm", F.norm, [[0.0, 0.0]], 0.0, [0.0, 0.0]),
    *[
        kink(f"norm, ord={ord}", lambda x, ord=ord: F.norm(x, ord), [[0.0, -0.0]], 0.0, [0.0, 0.0])
        for ord in (0.5, 1, 1.5, 2, 3, 4, INF, -INF)
    ],
    *[
        kink(f"norm, ord={ord}, one entry", lambda x, ord=ord: F.norm(x, ord), [[0.0, -2.0]], 2.0, [0.0, -1.0])
        for ord in (0.5, 1, 1.5, 2, 3, 4, INF)
    ],
    kink("norm of rows", lambda x: F.norm(x, axis=1), [[[0.0, 0.0], [3.0, 4.0]]], [0.0, 5.0], [[0, 0], [0.6, 0.8]]),
    kink("norm, largest tie", lambda x: F.norm(x, INF), [[2.0, -2.0]], 2.0, [0.5, -0.5]),
    kink("matrix_norm", F.matrix_norm, [np.zeros((2, 2))], 0.0, np.zeros((2, 2))),
    kink("var of equals", F.var, [[2.0, 2.0]], 0.0, [0.0, 0.0]),
    kink("std of equals", F.std, [[2.0, 2.0]], 0.0, [0.0, 0.0]),
    kink("std of one", F.std, [[5.0]], 0.0, [0.0]),
    kink("std of one row of equals", lambda x: F.std(x, axis=1), [[[2.0, 2.0], [1.0, 3.0]]], [0, 1], [[0, 0], [-0.5, 0.5]]),
    kink("std of equals whose mean is rounded", F.std, [[0.1, 0.1, 0.1]], 0.0, [0.0, 0.0, 0.0]),
)  # fmt: skip

POWERS = table(
    *[
        kink(f"x**{exponent!r}", lambda x, y=exponent: x**y, [[0.0, 2.0, -1.0]], value, gradient)
        for exponent, value, gradient in [
            (0, [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]),
            (0.0, [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]),
            (1, [0.0, 2.0, -1.0], [1.0, 1.0, 1.0]),
            (2, [0.0, 4.0, 1.0], [0.0, 4.0, -2.0]),
            (2.0, [0.0, 4.0, 1.0], [0.0, 4.0, -2.0]),
            (3, [0.0, 8.0, -1.0], [0.0, 12.0, 3.0]),
        ]
    ],
    kink("x**1.5", lambda x: x**1.5, [[0.0]], [0.0], [0.0]),
    kink("x**-2", lambda x: x**-2, [[-2.0]], [0.25], [0.25]),
    kink("0**array", lambda x: x ** np.array([0, 1, 2, 3]).astype(x.dtype), [[0.0] * 4], [1, 0, 0, 0], [0, 1, 0, 0]),
    kink("negative**array", lambda x: x ** np.array([2, 3, 0, -1]).astype(x.dtype), [[-2.0] * 4], [4, -8, 1, -0.5], [-4, 12, 0, -0.25]),
    kink("0**recorded, above 0", F.power, [[0.0, 0.0, 0.0], [1.0, 1.5, 2.0]], [0, 0, 0], [1, 0, 0], [0, 0, 0]),
    kink("number 0**recorded, above 0", lambda y: 0**y, [[0.5, 1.0, 2.0]], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
    kink("number 2**recorded", lambda y: 2**y, [[0.0, 1.0]], [1.0, 2.0], [np.log(2), 2 * np.log(2)]),
)  # fmt: skip

SATURATED = table(
    kink("sigmoid", F.sigmoid, [[1000.0, -1000.0]], [1.0, 0.0], [0.0, 0.0]),
    kink("tanh", F.tanh, [[1000.0, -1000.0]], [1.0, -1.0], [0.0, 0.0]),
    kink("softplus", F.softplus, [[1000.0, -1000.0]], [1000.0, 0.0], [1.0, 0.0]),
    kink("silu", F.silu, [[1000.0, -1000.0]], [1000.0, 0.0], [1.0, 0.0]),
    *[
        kink(f"silu, the lowest {dtype.__name__}", F.silu, [[0.5 * np.finfo(dtype).min]], [0.0], [0.0], dtypes=(dtype,))
        for dtype in BOTH
    ],
    kink("gelu", F.gelu, [[1000.0, -1000.0]], [1000.0, 0.0], [1.0, 0.0]),
    kink("gelu, tanh", lambda x: F.gelu(x, approximate="tanh"), [[1000.0, -1000.0]], [1000.0, 0.0], [1.0, 0.0]),
    kink("elu", F.elu, [[1000.0, -1000.0, INF, -INF]], [1000.0, -1.0, INF, -1.0], [1.0, 0.0, 1.0, 0.0]),
    kink("erf", F.erf, [[1000.0, -1000.0]], [1.0, -1.0], [0.0, 0.0]),
    kink("erfc", F.erfc, [[1000.0, -1000.0]], [0.0, 2.0], [0.0, 0.0]),
    kink("expm1", F.expm1, [[0.0, -1000.0]], [0.0, -1.0], [1.0, 0.0]),
    kink("logaddexp", F.logaddexp, [[1000.0, -1000.0], [-1000.0, 1000.0]], [1000.0, 1000.0], [1.0, 0.0], [0.0, 1.0]),
    kink("logaddexp, one infinity", F.logaddexp, [[-INF, INF], [0.0, 0.0]], [0.0, INF], [0.0, 1.0], [1.0, 0.0]),
    kink("logaddexp, infinities", F.logaddexp, [[INF], [INF]], [INF], [0.5], [0.5]),
    kink("logaddexp2, one infinity", F.logaddexp2, [[-INF, INF], [0.0, 0.0]], [0.0, INF], [0.0, 1.0], [1.0, 0.0]),
    *[
        kink(f"{f.__name__}, nothing finite", f, [[-INF], [-INF]], [-INF], [0.0], [0.0])
        for f in (F.logaddexp, F.logaddexp2)
    ],
    kink("logsumexp", F.logsumexp, [[1000.0, -1000.0]], 1000.0, [1.0, 0.0]),
    kink("logsumexp, masked", F.logsumexp, [[-INF, 0.0, 0.0]], np.log(2), [0.0, 0.5, 0.5]),
    kink("logsumexp, infinite", F.logsumexp, [[INF, 1.0]], INF, [1.0, 0.0]),
    kink("logsumexp, twice infinite", F.logsumexp, [[INF, -INF, INF]], INF, [0.5, 0.0, 0.5]),
    kink("softmax", lambda x: F.softmax(x)[0], [[1000.0, -1000.0]], 1.0, [0.0, 0.0]),
    kink("softmax, masked", lambda x: F.softmax(x)[1], [[-INF, 0.0, 0.0]], 0.5, [0.0, 0.25, -0.25]),
    kink("log_softmax", lambda x: F.log_softmax(x)[0], [[-1000.0, 1000.0]], -2000.0, [1.0, -1.0]),
    kink("log_softmax, masked", lambda x: F.log_softmax(x)[1], [[-INF, 0.0, 0.0]], -np.log(2), [0.0, 0.5, -0.5]),
    kink(
        "softmax_cross_entropy",
        lambda x: F.softmax_cross_entropy(x, np.array([0, 1])),
        [[[1000.0, -1000.0], [1000.0, -1000.0]]], 1000.0, [[0.0, 0.0], [0.5, -0.5]],
    ),
    kink("softmax_cross_entropy, masked", lambda x: F.softmax_cross_entropy(x, np.array([0])), [[[0.0, -INF]]], 0.0, [[0, 0]]),
    kink(
        "sigmoid_cross_entropy",
        lambda x: F.sigmoid_cross_entropy(x, np.array([0, 1, 0, 1])),
        [[1000.0, 1000.0, -1000.0, -1000.0]], 500.0, [0.25, 0.0, 0.0, -0.25],
    ),
    kink("sigmoid_cross_entropy at 0", lambda x: F.sigmoid_cross_entropy(x, np.array([0])), [[0.0]], np.log(2), [0.5]),
    # 0 * log 0 is 0 here, and a logarithm ends at -100.
    kink(
        "binary_cross_entropy",
        lambda p: F.binary_cross_entropy(p, np.array([0, 1, 0, 1])),
        [[0.0, 0.0, 1.0, 1.0]], 50.0, [0.0, -2.5e11, 2.5e11, 0.0],
    ),
)  # fmt: skip

PRODUCTS = table(
    kink("prod, one zero", F.prod, [[0.0, 2.0, 3.0]], 0.0, [6.0, 0.0, 0.0]),
    kink("prod, two zeros", F.prod, [[0.0, 0.0, 3.0]], 0.0, [0.0, 0.0, 0.0]),
    kink("prod of rows", lambda x: F.prod(x, axis=1), [[[0.0, 2.0], [3.0, 4.0]]], [0, 12], [[2, 0], [4, 3]]),
    kink("cumulative_prod, one zero", F.cumulative_prod, [[2.0, 0.0, 3.0]], [2.0, 0.0, 0.0], [1.0, 8.0, 0.0]),
    kink("cumulative_prod, two zeros", F.cumulative_prod, [[2.0, 0, 3, 0, 5]], [2, 0, 0, 0, 0], [1.0, 8.0, 0, 0, 0]),
    kink("cumulative_prod, first zero", F.cumulative_prod, [[0.0, 2.0, 3.0]], [0.0, 0.0, 0.0], [9.0, 0.0, 0.0]),
)

STEPS = table(
    *[
        kink(f.__name__, f, [[-1.0, 0.0, 1.0, 2.0]], [-1.0, 0.0, 1.0, 2.0], [0.0] * 4)
        for f in (F.floor, F.ceil, F.trunc, F.round)
    ],
    kink("round, halves", F.round, [[0.5, 1.5, -0.5]], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]),
    kink("round, decimals", lambda x: F.round(x, decimals=1), [[0.25, 1.0]], [0.2, 1.0], [0.0, 0.0]),
    kink("floor_divide", F.floor_divide, [[4.0, -4.0], [2.0, 2.0]], [2.0, -2.0], [0.0, 0.0], [0.0, 0.0]),
    kink("remainder", F.remainder, [[4.0, -4.0], [2.0, 2.0]], [0.0, 0.0], [1.0, 1.0], [-2.0, 2.0]),
    kink("nan_to_num", lambda x: F.nan_to_num(x, posinf=9.0, neginf=8.0), [[NAN, INF, -INF, 1.0]], [0, 9, 8, 1], [0, 0, 0, 1]),
    kink("where", lambda x, y: F.where(np.array([True, False]), x, y), [[1, NAN], [NAN, 2]], [1, 2], [1, 0], [0, 1]),
)  # fmt: skip

FINITE = [*TIES, *CLIP, *AT_ZERO, *POWERS, *SATURATED, *PRODUCTS, *STEPS]

# Here the derivative is infinite, or there is none: a nan or an infinity is the answer, and NumPy warns of it.
STEEP = table(
    kink("sqrt", F.sqrt, [[0.0, 4.0]], [0.0, 2.0], [INF, 0.25]),
    kink("cbrt", F.cbrt, [[0.0]], [0.0], [INF]),
    kink("log", F.log, [[0.0]], [-INF], [INF]),
    kink("reciprocal", F.reciprocal, [[0.0]], [INF], [-INF]),
    kink("asin", F.asin, [[1.0, -1.0]], [np.pi / 2, -np.pi / 2], [INF, INF]),
    kink("acosh", F.acosh, [[1.0]], [0.0], [INF]),
    kink("atanh", F.atanh, [[1.0]], [INF], [INF]),
    kink("x**0.5", lambda x: x**0.5, [[0.0]], [0.0], [INF]),
    kink("x**-1", lambda x: x**-1, [[0.0]], [INF], [-INF]),
    kink("0**recorded, below 0", F.power, [[0.0], [-1.0]], [INF], [-INF], [-INF]),
    kink("negative**recorded", F.power, [[-2.0, -2.0], [2.0, 3.0]], [4.0, -8.0], [-4.0, 12.0], [NAN, NAN]),
    kink("0**recorded, at 0", F.power, [[0.0], [0.0]], [1.0], [0.0], [0.0]),
    kink("number 0**recorded, at 0", lambda y: 0.0**y, [[0.0]], [1.0], [0.0]),
    kink("number 0**recorded, below 0", lambda y: 0.0**y, [[-1.0]], [INF], [-INF]),
    kink("negative number**recorded", lambda y: (-2.0) ** y, [[2.0, 3.0]], [4.0, -8.0], [NAN, NAN]),
    kink("x log x", lambda x: x * F.log(x), [[0.0]], [NAN], [NAN]),
    kink("where, not taken, outside its domain", lambda x: F.where(x > 0, F.log(x), 0.0), [[-1.0, 2.0]], [0, np.log(2)], [0, 0.5]),
    kink("where, chosen within as well", lambda x: F.where(x > 0, F.sqrt(F.where(x > 0, x, 1.0)), 0.0), [[0.0, 4.0]], [0, 2], [0, 0.25]),
    kink("logsumexp, nothing finite", F.logsumexp, [[-INF, -INF]], -INF, [0.0, 0.0]),
)  # fmt: skip


@pytest.mark.parametrize(("dtype", "f", "inputs", "value", "gradients"), FINITE)
def test_kink(dtype, f, inputs, value, gradients):
    """Without a warning from NumPy: each is an error in these tests."""
    check(dtype, f, inputs, value, gradients)


@pytest.mark.parametrize(("dtype", "f", "inputs", "value", "gradients"), STEEP)
def test_kink_without_a_finite_derivative(dtype, f, inputs, value, gradients):
    with np.errstate(all="ignore"):
        check(dtype, f, inputs, value, gradients)


def hessian(f, values):
    """Second derivatives of the sum of ``f``, a row at a time."""
    x = Variable(np.array(values))
    F.sum(f(x)).backward(create_graph=True)
    gradient, rows = x.grad, []
    for i in range(x.size):
        x.cleargrad()
        if gradient.requires_grad:
            gradient[i].backward(retain_graph=True)
        rows.append(np.zeros(x.shape) if x.grad is None else x.grad.data)
    return np.array(rows)


SECOND = [
    ("prod, one zero", F.prod, [0.0, 2.0, 3.0], [[0, 3, 2], [3, 0, 0], [2, 0, 0]]),
    ("prod, two zeros", F.prod, [0.0, 0.0, 3.0], [[0, 3, 0], [3, 0, 0], [0, 0, 0]]),
    ("prod, two zeros of four", F.prod, [0.0, 2.0, 0.0, 5.0], [[0, 0, 10, 0], [0] * 4, [10, 0, 0, 0], [0] * 4]),
    ("prod, three zeros", F.prod, [0.0, 0.0, 0.0], np.zeros((3, 3))),
    ("cumulative_prod, one zero", F.cumulative_prod, [2.0, 0.0, 3.0], [[0, 4, 0], [4, 0, 2], [0, 2, 0]]),
    ("cumulative_prod, two zeros", F.cumulative_prod, [0.0, 0.0, 3.0], [[0, 4, 0], [4, 0, 0], [0, 0, 0]]),
    ("var of equals", F.var, [2.0, 2.0], [[0.5, -0.5], [-0.5, 0.5]]),
    ("std of equals", F.std, [2.0, 2.0], np.full((2, 2), NAN)),
    ("max", F.max, [1.0, 3.0, 3.0], np.zeros((3, 3))),
    ("maximum", lambda x: F.maximum(x[:1], x[1:]), [2.0, 2.0], np.zeros((2, 2))),
    ("abs", F.abs, [0.0], [[0.0]]),
    ("fabs", F.fabs, [0.0], [[0.0]]),
    ("relu", F.relu, [0.0], [[0.0]]),
    ("leaky_relu", F.leaky_relu, [0.0], [[0.0]]),
    ("norm", F.norm, [0.0, 0.0], np.diag([NAN, NAN])),
    ("norm, one entry", F.norm, [0.0, -2.0], [[0.5, 0.0], [0.0, 0.0]]),
    ("norm, ord=3", lambda x: F.norm(x, 3), [0.0, -2.0], np.zeros((2, 2))),
    ("square", F.square, [0.0], [[2.0]]),
    ("x**0", lambda x: x**0, [0.0], [[0.0]]),
    ("x**1", lambda x: x**1, [0.0], [[0.0]]),
    ("x**2", lambda x: x**2, [0.0, -1.0], [[2.0, 0.0], [0.0, 2.0]]),
    ("x**3", lambda x: x**3, [0.0, -1.0], [[0.0, 0.0], [0.0, -6.0]]),
    ("sinc", F.sinc, [0.0], [[-(np.pi**2) / 3]]),
    ("softplus", F.softplus, [0.0, 1000.0, -1000.0], np.diag([0.25, 0.0, 0.0])),
    ("sigmoid", F.sigmoid, [1000.0, -1000.0], np.zeros((2, 2))),
    ("tanh", F.tanh, [1000.0, -1000.0], np.zeros((2, 2))),
    ("logsumexp, masked", F.logsumexp, [-np.inf, 0.0, 0.0], [[0, 0, 0], [0, 0.25, -0.25], [0, -0.25, 0.25]]),
    ("log_softmax", lambda x: F.log_softmax(x)[0], [1000.0, -1000.0], np.zeros((2, 2))),
    (
        "softmax_cross_entropy",
        lambda x: F.softmax_cross_entropy(x[None], np.array([1])),
        [1000.0, -1000.0],
        np.zeros((2, 2)),
    ),
    ("sigmoid_cross_entropy", lambda x: F.sigmoid_cross_entropy(x, np.array([0])), [1000.0], [[0.0]]),
]


@pytest.mark.parametrize(("f", "values", "expected"), [pytest.param(*row[1:], id=row[0]) for row in SECOND])
def test_second_derivative(f, values, expected):
    assert_allclose(hessian(f, values), expected, rtol=1e-12, atol=1e-15)


# Smooth functions made of ones with a kink, at the kink: the second derivative is right in every entry, or nan.
PAIR = np.array([[2.0, 2.0]])
SMOOTH = [
    ("abs", lambda x: F.abs(x) ** 2, [0.0], [[2.0]]),
    ("fabs", lambda x: F.fabs(x) ** 2, [0.0], [[2.0]]),
    ("abs", lambda x: F.abs(x) * F.abs(x), [0.0, 1.0], np.diag([2.0, 2.0])),
    ("abs", lambda x: F.log1p(F.exp(-F.abs(x))) + F.maximum(x, 0.0), [0.0], [[0.25]]),
    ("abs", lambda x: F.cosh(F.abs(x)), [0.0], [[1.0]]),
    ("abs", lambda x: F.abs(x) ** 3, [0.0], [[0.0]]),
    ("l1_loss", lambda x: F.l1_loss(x, np.array([1.0, 1.0])) ** 2, [1.0, 1.0], np.full((2, 2), NAN)),
    ("l1_loss", lambda x: F.l1_loss(x, np.array([1.0]), reduction="none") ** 2, [1.0], [[2.0]]),
    ("norm", lambda x: F.norm(x) ** 2, [0.0, 0.0], np.diag([2.0, 2.0])),
    ("norm", lambda x: F.norm(x) * F.norm(x), [0.0, 0.0], np.diag([2.0, 2.0])),
    ("norm", lambda x: F.norm(F.reshape(x, (2, 2)), axis=1) ** 2, [0.0, 0.0, 3.0, 4.0], np.diag([2.0, 2.0, 2.0, 2.0])),
    ("norm", lambda x: F.norm(x, 3) ** 3, [0.0, 0.0], np.zeros((2, 2))),
    ("norm", lambda x: F.norm(x, 4) ** 4, [0.0, 1.0], np.diag([0.0, 12.0])),
    ("norm", lambda x: F.norm(x, 1.5), [0.0, 1.0], np.diag([NAN, 0.0])),
    ("norm", lambda x: F.norm(x, np.inf) ** 2, [0.0], [[2.0]]),
    ("norm", lambda x: F.norm(x, 1) ** 2, [0.0], [[2.0]]),
    ("norm", lambda x: F.norm(x) / F.norm(x + 1) * F.norm(x), [0.0], [[2.0]]),
    ("matrix_norm", lambda x: F.matrix_norm(F.reshape(x, (2, 2))) ** 2, [0.0] * 4, np.diag([2.0] * 4)),
    ("matrix_norm", lambda x: F.matrix_norm(F.reshape(x, (2, 1)), np.inf) ** 2, [0.0, 1.0], np.diag([0.0, 2.0])),
    ("std", lambda x: F.std(x) ** 2, [2.0, 2.0], [[0.5, -0.5], [-0.5, 0.5]]),
    ("std", lambda x: F.std(F.reshape(x, (2, 2)), axis=1) ** 2, [2.0, 2.0, 1.0, 5.0],
     np.kron(np.eye(2), [[0.5, -0.5], [-0.5, 0.5]])),
    ("hypot", lambda x: F.hypot(x[:1], x[1:]) ** 2, [0.0, 0.0], np.diag([2.0, 2.0])),
    ("hypot", lambda x: F.hypot(x, 0.0) ** 2, [0.0], [[2.0]]),
    ("atan2", lambda x: F.hypot(x[0], x[1]) * F.sin(F.atan2(x[0], x[1])), [0.0, 0.0], np.zeros((2, 2))),
    ("copysign", lambda x: F.copysign(x, 1.0) ** 2, [0.0], [[2.0]]),
    ("maximum", lambda x: F.maximum(x, -x) ** 2, [0.0], [[2.0]]),
    ("maximum", lambda x: F.maximum(x, 0.0) ** 3, [0.0], [[0.0]]),
    ("minimum", lambda x: F.minimum(x, -x) ** 2, [0.0], [[2.0]]),
    ("fmax", lambda x: F.fmax(x[0], x[1]) * F.fmin(x[0], x[1]), [1.0, 1.0], [[0.0, 1.0], [1.0, 0.0]]),
    ("maximum", lambda x: F.maximum(x[0], x[1]) * F.minimum(x[0], x[1]), [1.0, 1.0], [[0.0, 1.0], [1.0, 0.0]]),
    ("power", lambda x: x[0] ** x[1], [0.0, 2.0], np.diag([2.0, 0.0])),
    ("power", lambda x: x[0] ** x[1], [0.0, 1.0], [[0.0, NAN], [NAN, NAN]]),
    ("power", lambda x: x[0] ** x[1], [0.0, 0.0], np.full((2, 2), NAN)),
    ("power", lambda x: F.sqrt(x * x) ** 2, [0.0], [[2.0]]),
    ("lp_pool2d", lambda x: F.lp_pool2d(F.reshape(x, (1, 1, 2, 2)), 2, (1, 2)) ** 2, [0.0, 0.0, 0.0, 3.0], np.diag([2.0] * 4)),
    ("kl_divergence", lambda t: F.kl_divergence(np.log(PAIR[0]), t, reduction="sum"), [0.0, 0.5], np.diag([NAN, 2.0])),
    ("cosine_similarity", lambda x: F.cosine_similarity(x[None], PAIR), [0.0, 0.0], np.zeros((2, 2))),
    ("cosine_similarity", lambda x: F.cosine_similarity(F.reshape(x, (2, 2)), PAIR), [0.0, 0.0, 3.0, 3.0],
     np.kron(np.diag([0.0, 1.0]), np.array([[-1.0, 1.0], [1.0, -1.0]]) / 36)),
    ("pairwise_distance", lambda x: F.pairwise_distance(x, PAIR[0], eps=0.0) ** 2, [2.0, 2.0], np.diag([2.0, 2.0])),
    ("max", lambda x: F.log(F.sum(F.exp(x - F.max(x)))) + F.max(x), [1.0, 1.0], [[0.25, -0.25], [-0.25, 0.25]]),
    ("min", lambda x: F.log(F.sum(F.exp(F.min(x) - x))) - F.min(x), [1.0, 1.0], [[0.25, -0.25], [-0.25, 0.25]]),
    ("logsumexp", lambda x: F.exp(F.logsumexp(x)), [-INF, 0.0], np.diag([0.0, 1.0])),
    ("logaddexp", lambda x: F.exp(F.logaddexp(x[0], x[1])), [-INF, -INF], np.zeros((2, 2))),
    ("logaddexp2", lambda x: F.exp2(F.logaddexp2(x[0], x[1])), [-INF, -INF], np.zeros((2, 2))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("f", "values", "expected"), [pytest.param(*row[1:], id=f"{row[0]}-{i}") for i, row in enumerate(SMOOTH)]
)
def test_second_derivative_of_what_is_smooth_is_right_or_nan(f, values, expected):
    with np.errstate(all="ignore"):
        got = hessian(f, values)
    assert_allclose(got, np.where(np.isnan(got), NAN, expected), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("f", "values"),
    [
        (lambda x: F.sum(F.abs(x) * np.array([1.0, 2.0, 3.0])), [0.0, 1.0, -1.0]),
        (lambda x: F.sum(F.maximum(x, 0.0) ** 2), [-1.0, 2.0, 1.0]),
        (lambda x: F.sum(F.norm(F.reshape(x[:2], (2, 1)) - F.reshape(x[:2], (1, 2)) + F.eye(2))), [1.0, 4.0]),
    ],
)
def test_a_kink_that_nothing_asks_of_spoils_nothing(f, values):
    assert np.all(np.isfinite(hessian(f, values)))


def test_distances_of_all_pairs_have_a_second_derivative():
    """Those of points from themselves are 0, and stay so: nothing is asked of them."""
    x = np.array([[0.0, 0.0], [3.0, 4.0], [1.0, -1.0]])

    def energy(points):
        apart = points[:, None] - points[None]
        return F.sum(1 / (F.norm(apart, axis=-1) + np.eye(3)))

    def by_pairs(points):
        return sum(2 / F.norm(points[i] - points[j]) for i in range(3) for j in range(i))

    assert_allclose(wengert.hessian(energy)(x), wengert.hessian(by_pairs)(x), rtol=1e-10)


# Functions of one input that bend, and where: beyond a first derivative of one side, or between the two, the second one
# is that of one side, or between the two, too.
BENDS = [
    ("elu", F.elu, [0.0]),
    ("elu", lambda x: F.elu(x, 2.0), [0.0]),
    ("hardshrink", F.hardshrink, [-0.5, 0.5]),
    ("hardsigmoid", F.hardsigmoid, [-3.0, 3.0]),
    ("hardswish", F.hardswish, [-3.0, 3.0]),
    ("hardtanh", F.hardtanh, [-1.0, 1.0]),
    ("leaky_relu", F.leaky_relu, [0.0]),
    ("prelu", lambda x: F.prelu(x, np.array(0.3)), [0.0]),
    ("relu", F.relu, [0.0]),
    ("relu6", F.relu6, [0.0, 6.0]),
    ("rrelu", F.rrelu, [0.0]),
    ("selu", F.selu, [0.0]),
    ("softshrink", F.softshrink, [-0.5, 0.5]),
    ("softsign", F.softsign, [0.0]),
    ("threshold", lambda x: F.threshold(x, 0.3, 0.3), [0.3]),
    ("remainder", lambda x: F.remainder(x, 2.0), [0.0, 2.0]),
    ("clip", lambda x: F.clip(x, -1.0, 1.0), [-1.0, 1.0]),
    ("clip", lambda x: F.clip(0.5, x, 1.0), [0.5]),
    ("clip", lambda x: F.clip(0.5, None, x), [0.5]),
    ("maximum", lambda x: F.maximum(x, 0.5), [0.5]),
    ("minimum", lambda x: F.minimum(0.5, x), [0.5]),
    ("fmax", lambda x: F.fmax(0.5, x), [0.5]),
    ("fmin", lambda x: F.fmin(x, 0.5), [0.5]),
    ("abs", F.abs, [0.0]),
    ("copysign", lambda x: F.copysign(x, -1.0), [0.0]),
    ("sort", lambda x: F.sort(F.concat([x, 1.0 - x])), [0.5]),
    ("median", lambda x: F.median(F.concat([x, np.array([0.5]), 1.0 - 2.0 * x])), [0.5]),
    ("quantile", lambda x: F.quantile(F.concat([x, np.array([0.5, 0.0])]), 0.7), [0.5]),
    ("max_pool2d", lambda x: F.max_pool2d(F.reshape(F.concat([x, 1.0 - x]), (1, 1, 1, 2)), (1, 2)), [0.5]),
    ("adaptive_max_pool2d", lambda x: F.adaptive_max_pool2d(F.reshape(F.concat([x, 1.0 - x]), (1, 1, 1, 2)), 1), [0.5]),
    ("huber_loss", lambda x: F.huber_loss(x, np.zeros(1)), [-1.0, 1.0]),
    ("smooth_l1_loss", lambda x: F.smooth_l1_loss(x, np.zeros(1)), [-1.0, 1.0]),
]


@pytest.mark.parametrize(("f", "at"), [pytest.param(f, at, id=f"{name}-{at}") for name, f, places in BENDS for at in places])
def test_second_derivative_at_a_bend_is_between_those_of_its_sides(f, at):
    def curved(x):
        out = f(x)
        return out + 0.7 * out**2 + F.sin(out)

    with wengert.test_mode():
        here = hessian(curved, [at])
        sides = [hessian(curved, [at + step]) for step in (-1e-9, 1e-9)]
    assert np.isnan(here) or np.min(sides) - 1e-6 <= here <= np.max(sides) + 1e-6


# Those whose kinks are of matrices are in test_linalg.py.
OF_MATRICES = {"eigh", "pinv", "svd"}


def test_every_kink_that_is_documented_is_tried_to_second_order():
    tried = {getattr(F, row[0]) for row in [*SMOOTH, *BENDS]} | {getattr(F, name) for name in OF_MATRICES}
    assert {name for name in F.__all__ if "At kinks" in getattr(F, name).__doc__ and getattr(F, name) not in tried} == set()


def test_every_formula_with_a_guard_is_of_a_function_whose_kink_is_documented():
    """Where a formula looks for zeros, or asks for a sign, it stands in for a derivative that is not there."""
    without = {"binary_cross_entropy": "at the ends of what it takes", "diagonal": "an axis is compared", "heaviside": "only in its value at the jump has it a derivative"}
    private = {"_norm": "norm", "_binary_slope": "binary_cross_entropy"}
    found = set()
    for path in sorted(Path(F.__file__).parent.glob("*.py")):
        for node in ast.parse(path.read_text()).body if path.stem != "kinks" else ():
            formula = isinstance(node, ast.FunctionDef) and [ast.unparse(d) for d in node.decorator_list]
            if not formula or ".derivative(" not in formula[0]:
                continue
            source = ast.unparse(node)
            if re.search(r"== 0\b|\.sign\(|chosen\(", source):
                found.add(formula[0].partition(".")[0])
    names = {private.get(name, name) for name in found}
    assert {"abs", "norm", "std", "hypot", "atan2", "copysign", "power"} <= names
    assert {name for name in names if "At kinks" not in (getattr(F, name).__doc__ or "")} == set(without)


@pytest.mark.parametrize("y", [0.0, 1.0, 2.0])
def test_mixed_derivative_of_a_power(y):
    """d/dx d/dy of x**y is x**(y - 1) * (1 + y log x)."""
    at = 2.0
    expected = at ** (y - 1) * (1 + y * np.log(at))
    assert_allclose(hessian(lambda v: v[0] ** v[1], [at, y])[0, 1], expected, rtol=1e-12)
    assert_allclose(hessian(lambda v: v[0] ** v[1], [at, y])[1, 0], expected, rtol=1e-12)


def test_indices_of_equal_entries():
    x = np.array([2.0, 1.0, 2.0, 1.0])
    assert_array_equal(F.argsort(x).data, [1, 3, 0, 2])
    assert_array_equal(F.argsort(x, descending=True).data, [0, 2, 1, 3])
    assert F.argmax(x).data == 0
    assert F.argmin(x).data == 1
    assert not F.argsort(Variable(x)).requires_grad


ELEMENTWISE = [
    F.abs,
    F.sign,
    F.negative,
    F.square,
    F.exp,
    F.log,
    F.sqrt,
    F.tanh,
    F.sigmoid,
    F.relu,
    F.leaky_relu,
    F.elu,
    F.gelu,
    F.silu,
    F.softplus,
    F.sinc,
    F.floor,
    F.round,
    F.sort,
    F.cumulative_sum,
    F.cumulative_prod,
    F.ravel,
    F.flip,
    F.copy,
]


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("f", ELEMENTWISE)
def test_no_entries(f, dtype):
    x = Variable(np.zeros(0, dtype))
    y = f(x)
    assert (y.shape, y.dtype) == ((0,), dtype)
    y.backward()
    assert (x.grad.shape, x.grad.dtype) == ((0,), dtype)


ROWWISE = [
    F.sum,
    F.mean,
    F.max,
    F.min,
    F.prod,
    F.var,
    F.std,
    F.norm,
    F.logsumexp,
    F.median,
    F.ptp,
    F.average,
    F.softmax,
    F.log_softmax,
]


@pytest.mark.parametrize("f", ROWWISE)
def test_no_rows(f):
    x = Variable(np.zeros((0, 3)))
    y = f(x, axis=1)
    assert y.shape == ((0, 3) if f in (F.softmax, F.log_softmax) else (0,))
    y.backward()
    assert x.grad.shape == (0, 3)


@pytest.mark.parametrize(("name", "value"), [("sum", 0.0), ("prod", 1.0), ("norm", 0.0)])
def test_nothing_to_reduce(name, value):
    x = Variable(np.zeros((2, 0)))
    y = getattr(F, name)(x, axis=1)
    y.backward()
    assert_array_equal(y.data, [value, value])
    assert x.grad.shape == (2, 0)


@pytest.mark.parametrize("name", ["max", "min", "median", "ptp"])
def test_nothing_to_choose_from(name):
    with pytest.raises(ShapeError):
        getattr(F, name)(Variable(np.zeros((2, 0))), axis=1)


def test_a_number_against_nothing():
    x, y = Variable(np.array(2.0)), Variable(np.zeros((0, 3)))
    (x * y).backward()
    assert_array_equal(x.grad.data, 0.0)
    assert y.grad.shape == (0, 3)


@pytest.mark.parametrize("name", ["sigmoid", "silu", "softmax", "softmin", "log_softmax", "logsumexp", "softplus"])
def test_unsigned_integers_do_not_wrap(name: str) -> None:
    function = getattr(F, name)
    numbers = np.array([3, 0, 2], np.uint8)
    np.testing.assert_allclose(function(numbers).data, function(numbers.astype(float)).data, rtol=2e-3)
