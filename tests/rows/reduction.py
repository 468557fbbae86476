"""Reductions."""

import numpy as np
import scipy.special

from rows.row import Row, call, draw, failure, kink
from wengert.errors import InputError, ShapeError

X, V = draw(2, 3), draw(4)
SHARES = "the shares of its calls are of NumPy and float64"
WEIGHTS = "the weights of its calls are of NumPy and float64"
WAYS = [{}, {"axis": 0}, {"axis": -1}, {"axis": (0, 1)}, {"axis": 1, "keepdims": True}, {"keepdims": True}]


def ways(x=X, **more):
    return [call(x, **way, **more) for way in WAYS]


def reduction(name, reference, *calls, numpy=None, **options):
    x = draw(2, 3, 2).transpose(2, 0, 1)[:, ::-1]
    all_calls = [*ways(), call(draw()), call(x, axis=(0, -1)), call(draw(2, 1), axis=1), *calls]
    return Row(name, all_calls, reference, [reference] if numpy is None else numpy, **options)


def corrected(f):
    return lambda x, axis=None, keepdims=False, correction=0: f(x, axis=axis, keepdims=keepdims, ddof=correction)


ROWS = [
    reduction("sum", np.sum, call(draw(0)), call(draw(0, 3), axis=0)),
    reduction("mean", np.mean),
    reduction("prod", np.prod, call(np.array([0.0, 2.0, 3.0])), call(np.array([[0.0, 0.0, 2.0]]), axis=1), call(draw(0))),
    reduction("max", np.max, failures=[failure(ShapeError, "max", draw(0))], kinks=[kink([0.0, 0.5, 0.5], [1.0, 3, 3])]),
    reduction("min", np.min, failures=[failure(ShapeError, "min", draw(0))], kinks=[kink([0.5, 0.5, 0], [1.0, 1, 3])]),
    Row("var", [*ways(), call(V, correction=1)], corrected(np.var), [np.var]),
    Row(
        "std",
        [call(X), call(X, axis=-1), call(draw(3, 2), axis=0, keepdims=True), call(V, correction=1)],
        corrected(np.std),
        [np.std],
        kinks=[kink([0.0, 0, 0], [0.1, 0.1, 0.1]), kink([0.0], [5.0])],
    ),
    reduction("logsumexp", scipy.special.logsumexp, call(np.array([700.0, 800.0])), numpy=[], kinks=[
        kink([0.0, 0.5, 0.5], [-np.inf, 1.0, 1.0]),
        kink([0.5, 0, 0.5], [np.inf, 1.0, np.inf]),
        kink([0.0, 0], [-np.inf, -np.inf]),
    ]),
    Row("cumulative_sum", [call(V), call(X, axis=0), call(X, axis=-1), call(V, include_initial=True)], np.cumulative_sum, [np.cumulative_sum], failures=[failure(InputError, "axis", X)]),
    Row(
        "cumulative_prod",
        [call(V), call(X, axis=0), call(X, axis=-1), call(np.array([1.0, 0.0, 2.0, 0.0])), call(V, include_initial=True)],
        np.cumulative_prod,
        [np.cumulative_prod],
    ),
    Row("cumsum", [call(V), call(X), call(X, axis=1), call(draw(), axis=0)], np.cumsum, [np.cumsum]),
    Row("cumprod", [call(V), call(X), call(X, axis=1), call(draw(), axis=-1)], np.cumprod, [np.cumprod]),
    Row(
        "norm",
        [*ways(), *[call(V, ord=p) for p in (1, 2, 3, 1.5, 0.5, -1, -2.5, np.inf, -np.inf)], call(X, ord=3, axis=1)],
        lambda x, ord=2, axis=None, keepdims=False: np.linalg.vector_norm(x, ord=ord, axis=axis, keepdims=keepdims),
        [np.linalg.vector_norm],
        failures=[failure(InputError, ("ord", "matrix_norm"), X, ord="fro")],
        kinks=[
            *[kink([0.0, -1], [0.0, -2], ord=p) for p in (0.5, 1, 1.5, 2, 3, 4, np.inf)],
            *[kink([0.0, 0], [0.0, -0.0], ord=p) for p in (0.5, 1, 1.5, 2, 3, 4, np.inf, -np.inf)],
            kink([0.0, 0], [0.0, 3], ord=-1),
        ],
    ),
    reduction("median", np.median, call(draw(5)), call(draw(3, 4), axis=1), kinks=[kink([0.0, 0.5, 0.5, 0], [1.0] * 4)]),
    Row("quantile", [call(X, 0.3), call(X, 0.5, axis=0), call(V, 1.0), call(V, 0.0), call(X, np.array([[0.1, 0.4, 0.9]]), axis=1), call(draw(2, 3, 2), np.array([0.2, 0.7]), axis=(0, -1), keepdims=True)], np.quantile, [np.quantile], failures=[failure(InputError, "0 to 1", V, 2.0), failure(InputError, "0 to 1", V, np.array([0.5, np.nan])), failure(ShapeError, "no entry", draw(0), 0.5)], skips={"jax": SHARES, "float32": SHARES}),
    Row("percentile", [call(X, 30), call(X, 50, axis=0), call(V, np.array([5.0, 95.0]))], np.percentile, [np.percentile], skips={"jax": SHARES, "float32": SHARES}),
    Row("average", [call(X), call(X, axis=0), call(X, weights=draw(2, 3, low=0.5)), call(X, axis=1, weights=draw(3, low=0.5)), call(draw(2, 3, 4), axis=(2, 0), weights=draw(4, 2, low=0.5)), call(X, axis=0, weights=draw(2, 3, low=0.5), returned=True), call(X, returned=True)], np.average, [np.average], failures=[failure(ShapeError, ("neither", "(3,)"), X, weights=draw(3)), failure(ZeroDivisionError, "sum to zero", V, weights=np.zeros(4))], skips={"jax": WEIGHTS, "float32": WEIGHTS}),
    Row("ptp", [call(X), call(X, axis=0)], np.ptp, [np.ptp]),
    Row("diff", [call(V), call(X, axis=0), call(V, n=2), call(V, n=0), call(draw(), n=0), call(V, n=0, prepend=1.0), call(X, n=2, prepend=0.5, append=1.5), call(X, axis=0, append=2.0)], np.diff, [np.diff]),
    Row("count_nonzero", [call(np.array([0.0, 1.0, 2.0])), call(X, axis=0)], np.count_nonzero, [np.count_nonzero], order=0),
]
