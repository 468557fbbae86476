"""Functions of each entry on its own."""

from dataclasses import replace

import numpy as np
import scipy.special

from rows.row import Row, call, draw, kink

NAN = np.nan
SHAPES = [(2, 3), (), (0,), (1, 2)]


def smooth(name, reference, low, high, numpy=None, **options):
    """A row for a function of one input, drawn from its domain: ordinary, 0-d, empty, and strided backwards."""
    calls = [call(draw(*shape, low=low, high=high)) for shape in SHAPES]
    calls.append(call(draw(6, low=low, high=high)[::-2]))
    return Row(name, calls, reference, numpy=[reference if numpy is None else numpy], **options)


def pair(name, reference, low=-2.0, high=2.0, **options):
    """A row for a function of two inputs that broadcast."""
    a, b = dict(low=low, high=high), dict(low=low, high=high, seed=1)
    calls = [
        call(draw(2, 3, **a), draw(2, 3, **b)),
        call(draw(2, 1, **a), draw(3, **b)),
        call(draw(**a), draw(2, **b)),
        call(draw(2, **a), draw(**b)),
        call(draw(0, **a), draw(1, **b)),
        call(draw(3, **a), 0.7),
        call(draw(3, 2, **a).T, draw(6, **b)[::2]),
    ]
    return Row(name, calls, reference, numpy=[reference], **options)


def step(name, reference):
    return Row(name, [call(draw(2, 3)), call(draw())], reference, numpy=[reference], zero=True)


# Near zero, where its derivative comes from a series: from 40 digits.
SINC = (
    [0.0, 1e-9, 0.001, 0.01, 0.03, -0.049, 1.0],
    [0.0, -3.2898681336964531e-9, -0.0032898648867278963, -0.032895434481712399, -0.098608403636004572, 0.16082185896693726, -1.0],
)
HALVES = ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
TIES = ([1.0, np.inf, -np.inf], [1.0, np.inf, -np.inf])
INFINITE = ([np.inf, -np.inf, np.inf, -np.inf, 0.0], [np.inf, -np.inf, 0.0, 0.0, -np.inf])
SHARES = ([0.5, 0.0, 1.0, 0.0, 1.0], [0.5, 0.0, 0.0, 1.0, 0.0])


ROWS = [
    smooth("sin", np.sin, -2, 2),
    smooth("cos", np.cos, -2, 2),
    smooth("tan", np.tan, -1.2, 1.2),
    smooth("asin", np.arcsin, -0.8, 0.8),
    smooth("acos", np.arccos, -0.8, 0.8),
    smooth("atan", np.arctan, -2, 2),
    smooth("sinh", np.sinh, -2, 2),
    smooth("cosh", np.cosh, -2, 2),
    smooth("tanh", np.tanh, -2, 2),
    smooth("asinh", np.arcsinh, -2, 2),
    smooth("acosh", np.arccosh, 1.5, 3),
    smooth("atanh", np.arctanh, -0.8, 0.8),
    smooth("exp", np.exp, -2, 2),
    smooth("exp2", np.exp2, -2, 2),
    smooth("expm1", np.expm1, -2, 2),
    smooth("log", np.log, 0.5, 3),
    smooth("log1p", np.log1p, -0.5, 3),
    smooth("log2", np.log2, 0.5, 3),
    smooth("log10", np.log10, 0.5, 3),
    smooth("sqrt", np.sqrt, 0.5, 3),
    smooth("cbrt", np.cbrt, 0.5, 3),
    smooth("square", np.square, -2, 2),
    smooth("reciprocal", np.reciprocal, 0.5, 3),
    Row("erf", [call(draw(2, 3)), call(draw())], scipy.special.erf),
    Row("erfc", [call(draw(2, 3)), call(draw())], scipy.special.erfc),
    smooth("deg2rad", np.deg2rad, -180, 180),
    smooth("rad2deg", np.rad2deg, -3, 3),
    replace(
        smooth("sinc", np.sinc, -2, 2, kinks=[kink(SINC[1], SINC[0])]),
        calls=[call(draw(2, 3)), call(draw()), call(draw(0)), call(draw(6)[::-2]), call(np.linspace(-0.06, 0.06, 9))],
    ),
    smooth("conj", np.conj, -2, 2),
    smooth("real", np.real, -2, 2),
    smooth("nan_to_num", np.nan_to_num, -2, 2, kinks=[kink([0.0, 0, 0, 1], [NAN, np.inf, -np.inf, 1])]),
    pair("atan2", np.arctan2, kinks=[kink(([1.0, -1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0]), [0.0, 0, 1, 0], [1.0, -1, 0, 0])]),
    Row("atan2", [call(np.array([0.0, 1.0]), np.array([1.0, 0.0])), call(0.0, draw(2, low=0.5))], np.arctan2),
    replace(pair("tanh_slope", lambda c, y: c * (1 - y**2)), numpy=()),
    pair("hypot", np.hypot, kinks=[kink(([0.0, 0.0, 1.0], [0.0, 1.0, 0.0]), [0.0, 0, 3], [0.0, 2, 0])]),
    pair("logaddexp", np.logaddexp, kinks=[kink(SHARES, *INFINITE)]),
    pair("logaddexp2", np.logaddexp2, kinks=[kink(SHARES, *INFINITE)]),
    pair("copysign", np.copysign, kinks=[kink(([0.0, 1, -1, -1], [0.0] * 4), [0.0, 1, -1, 2], [-1.0, 0, 1, -0.0])]),
    pair("maximum", np.maximum, kinks=[kink(HALVES, *TIES), kink(([1.0] * 2, [1.0] * 2), [NAN, 1], [1.0, NAN])]),
    pair("minimum", np.minimum, kinks=[kink(HALVES, *TIES), kink(([1.0] * 2, [1.0] * 2), [NAN, 1], [1.0, NAN])]),
    pair("fmax", np.fmax, kinks=[kink(HALVES, *TIES), kink(([0.0, 1, 1], [1.0, 0, 0]), [NAN, 1, NAN], [1.0, NAN, NAN])]),
    pair("fmin", np.fmin, kinks=[kink(HALVES, *TIES), kink(([0.0, 1, 1], [1.0, 0, 0]), [NAN, 1, NAN], [1.0, NAN, NAN])]),
    Row(
        "where",
        [
            call(np.array([True, False, True]), draw(3), draw(3, seed=1)),
            call(np.array([[True], [False]]), draw(3), 0.0),
            call(np.array(True), 1.0, draw(2)),
        ],
        np.where,
        numpy=[np.where],
    ),
    Row(
        "clip",
        [
            call(draw(2, 3), -0.5, 1.0),
            call(draw(2, 3), None, 0.5),
            call(draw(2, 3), draw(3, high=-0.5), draw(2, 1, low=0.5)),
            call(draw(2, 3), draw(3, high=0.5), draw(2, 1, low=-0.5)),  # in part the wrong way round
            call(draw(2, 3), draw(3, low=-0.5), None),
            call(draw(2, 3), None, draw(3, low=-0.5)),
        ],
        np.clip,
        numpy=[np.clip],
        kinks=[
            kink([0.0, 1, 1, 1, 0], [0.0, 1, 2, 3, 4], 1.0, 3.0),
            kink(([0.0, 1, 1, 1, 0], [1.0, 0, 0, 0, 0], [0.0, 0, 0, 0, 1]), [0.0, 1, 2, 3, 4], [1.0] * 5, [3.0] * 5),
            kink(([0.0, 1, 0], [1.0, 0, 0], [0.0, 0, 1]), [0.0, 1, 2], [1.0] * 3, [1.0] * 3),
            kink(([0.0] * 3, [0.0] * 3, [1.0] * 3), [0.0, 1, 4], [3.0] * 3, [1.0] * 3),
        ],
    ),
    step("sign", np.sign),
    step("floor", np.floor),
    step("ceil", np.ceil),
    step("trunc", np.trunc),
    Row("round", [call(draw(2, 3)), call(draw(3), decimals=1)], np.round, numpy=[np.round], zero=True),
    Row("rint", [call(draw(2, 3)), call(draw())], np.rint, numpy=[np.rint], zero=True),
    Row(
        "heaviside",
        [call(draw(2, 3), draw(3, seed=1)), call(draw(2), 0.5)],
        np.heaviside,
        numpy=[np.heaviside],
        kinks=[kink(([0.0] * 3, [0.0, 1, 0]), [-1.0, 0, 1], [0.5] * 3)],
    ),
]
