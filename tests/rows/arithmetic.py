"""Arithmetic."""

import numpy as np

from rows.elementwise import NAN, pair, smooth
from rows.row import Row, call, draw, failure, kink
from wengert.errors import DtypeError, ShapeError

CLASH = [failure(ShapeError, ("axis -1", "(2, 3)", "(2, 2)"), draw(2, 3), draw(2, 2))]

ROWS = [
    pair("add", np.add, failures=CLASH),
    pair("subtract", np.subtract),
    pair("multiply", np.multiply, failures=[*CLASH, failure(DtypeError, "list", draw(2), [1.0, 2.0])]),
    pair("divide", np.divide, low=0.5),
    Row(
        "power",
        [
            *[call(draw(2, 3, low=0.5), y) for y in (2, 3, 0, 1, -1, 0.5, -1.5)],
            call(draw(2, 3), 2),
            call(draw(2, 3), 3),
            call(draw(2, 1, low=0.5), draw(3)),
            call(2.0, draw(3)),
            call(np.array([0.0, 1.0]), 0),
            call(np.array([0.0, 1.0]), 2),
            call(np.array([-2.0, 1.0, -1.0, 3.0]), np.array([2, 3, -1, 0], np.int8)),
        ],
        np.power,
        numpy=[np.power],
        kinks=[
            kink([0.0, 1, 0, 0], [0.0] * 4, np.array([0, 1, 2, 3])),
            kink(([0.0, 1, 0, 0], [0.0] * 4), [0.0] * 4, [0.0, 1, 1.5, 2]),
            kink(([-np.inf, 2], [-np.inf, 0]), [0.0, 1], [-1.0, 2]),
            kink(([-4.0, 12], [NAN, NAN]), [-2.0, -2], [2.0, 3]),
            kink([-np.inf, 0, 0, 0], 0.0, [-1.0, 0, 0.5, 1]),
            kink([0.0, 0], [0.0, -1], 0),
        ],
    ),
    Row("power", [call(np.array([1, 2, 4]), -1), call(np.array([1, 2, 4]), -1.0)], lambda x, y: 1 / x, order=0),
    smooth("negative", np.negative, -2, 2),
    smooth("positive", np.positive, -2, 2),
    smooth("abs", np.abs, 0.2, 2, kinks=[kink([0.0, 0, -1, 1], [0.0, -0.0, -np.inf, 2])]),
    smooth("fabs", np.fabs, 0.2, 2, kinks=[kink([0.0, 0, -1, 1], [0.0, -0.0, -np.inf, 2])]),
    pair("remainder", np.remainder, low=0.6, kinks=[kink(([1.0, 1], [-2.0, 2]), [4.0, -4], [2.0, 2])]),
    Row("floor_divide", [call(draw(3, low=0.6), draw(3, low=0.6, seed=1))], np.floor_divide, [np.floor_divide], zero=True),
    Row("rsub", [call(draw(3), draw(3, seed=1))], lambda x, y: y - x),
    Row("rdiv", [call(draw(3, low=0.5), draw(3, seed=1))], lambda x, y: y / x),
]
