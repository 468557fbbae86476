"""Comparisons and logic, whose results are constants."""

import numpy as np

from rows.row import Row, call, draw

A, B = np.array([1.0, 2.0, 3.0]), np.array([[1.0], [3.0]])
P, Q = np.array([True, False]), np.array([True, True])
ODD = np.array([1.0, np.inf, np.nan, -0.0])

ROWS = [
    *[
        Row(name, [call(A, B), call(A, 2.0), call(draw(0), 1.0)], getattr(np, name), [getattr(np, name)], order=0)
        for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "isclose")
    ],
    *[
        Row(name, [call(P, Q), call(A, 0.0)], getattr(np, name), [getattr(np, name)], order=0)
        for name in ("logical_and", "logical_or", "logical_xor")
    ],
    *[
        Row(name, [call(ODD)], getattr(np, name), [getattr(np, name)], order=0)
        for name in ("isfinite", "isinf", "isnan", "signbit", "logical_not")
    ],
    *[
        Row(name, [call(A > 1), call(A), call(B > 1, axis=0), call(B > 1, axis=-1, keepdims=True)], getattr(np, name), order=0)
        for name in ("all", "any")
    ],
    Row("allclose", [call(A, A), call(A, A + 1)], np.allclose, order=0),
    Row("array_equal", [call(A, A), call(A, B)], np.array_equal, order=0),
]
