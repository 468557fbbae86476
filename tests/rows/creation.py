"""New arrays."""

import numpy as np

from rows.row import Row, call, draw, failure
from wengert.errors import InputError

ROWS = [
    *[
        Row(name, [call(draw(2, 3)), call(draw()), call(draw(2), shape=(2, 1), dtype=np.float32)], getattr(np, name), [getattr(np, name)], order=0)
        for name in ("zeros_like", "ones_like")
    ],
    Row("empty_like", [call(draw(2, 3))], None, order=0, skips={"jax": "its values are left open"}),
    Row("full_like", [call(draw(2, 3), 7.0), call(draw(2), 7.0, shape=(3,))], np.full_like, [np.full_like], order=0),
    Row("zeros", [call((2, 3))], np.zeros, order=0),
    Row("ones", [call((2, 3))], np.ones, order=0),
    Row("full", [call((2,), 7.0)], np.full, order=0),
    Row("arange", [call(3), call(1, 7, 2)], np.arange, order=0),
    Row("eye", [call(3), call(2, 3, k=1)], np.eye, order=0),
    Row(
        "linspace",
        [
            call(draw(), draw(seed=1), 5),
            call(draw(2), draw(3, 1), num=4, endpoint=False, axis=-1),
            call(draw(2), 1, 7, retstep=True),
            call(draw(2), 0.0, 1),
            call(draw(), 1.0, 0),
            call(draw(2), 1.0, 0, endpoint=False),
        ],
        np.linspace,
        [np.linspace],
        failures=[failure(InputError, "num", 0.0, 1.0, -1)],
    ),
    Row("copy", [call(draw(2, 3)), call(draw())], np.copy, [np.copy]),
    Row("astype", [call(draw(2, 3), np.float64)], np.astype, skips={"float32": "it converts"}),
    Row("linspace", [call(draw(2), 0.0, 1, retstep=True)], np.linspace, order=0),
]
