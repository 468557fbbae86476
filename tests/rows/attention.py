"""Rows of attention.py."""

import numpy as np
from scipy.special import softmax

from rows.row import Row, call, draw, failure
from wengert.errors import DtypeError, InputError, ShapeError

Q, K, V = draw(3, 2), draw(4, 2, seed=1), draw(4, 3, seed=2)
MANY = [draw(2, 2, 3, 2), draw(2, 2, 4, 2, seed=1), draw(2, 2, 4, 1, seed=2)]
MASK = np.array([[True, False, True, True], [True, True, False, False], [False, False, True, False]])
ONE_SHUT = MASK & np.array([[True], [False], [True]])


def attention(query, key, value, mask=None, *, causal=False, scale=None, need_weights=False):
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = query @ np.swapaxes(key, -1, -2) * scale
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    shut = np.all(scores == -np.inf, axis=-1, keepdims=True)
    weights = np.where(shut, 0.0, softmax(np.where(shut, 0.0, scores), axis=-1))
    return (weights @ value, weights) if need_weights else weights @ value


def rotary(x, positions=None, *, base=10000.0, interleaved=False):
    size = x.shape[-1]
    positions = np.arange(x.shape[-2]) if positions is None else positions
    turns = np.exp(1j * positions[..., None] * base ** (-np.arange(0, size, 2) / size))
    out = np.empty_like(x)
    first, second = (slice(0, None, 2), slice(1, None, 2)) if interleaved else (slice(0, size // 2), slice(size // 2, None))
    turned = (x[..., first] + 1j * x[..., second]) * turns
    out[..., first], out[..., second] = turned.real, turned.imag
    return out


def sinusoids(length, size, *, base=10000.0):
    out = np.zeros((length, size))
    for p in range(length):
        for i in range(size):
            angle = p / base ** ((i - i % 2) / size)
            out[p, i] = np.cos(angle) if i % 2 else np.sin(angle)
    return out


ROWS = [
    Row(
        "scaled_dot_product_attention",
        [
            call(Q, K, V),
            call(Q, K, V, MASK, scale=0.3),
            call(Q, K, V, ONE_SHUT, need_weights=True),
            call(Q, K, V, draw(3, 4, seed=3), causal=True),
            call(Q, K, V, np.array([0.0, 1.0, 2.0, 3.0]), need_weights=True),
            call(*MANY, causal=True, need_weights=True),
            call(*MANY, MASK[:, None, :][:2, :, :][:, None]),
            call(MANY[0], K, V, draw(2, 1, 1, 4, seed=3)),
            call(Q, MANY[1], MANY[2]),
            call(draw(1, 1), draw(1, 1, seed=1), draw(1, 1, seed=2), np.array([[False]])),
            call(Q * 1e3, K * 1e3, V, MASK),
        ],
        attention,
        failures=[
            failure(ShapeError, ("2 features", "keys 3"), Q, draw(4, 3), V),
            failure(ShapeError, ("4 keys", "3 values"), Q, K, V[:3]),
            failure(ShapeError, "two axes", Q[0], K, V),
            failure(ShapeError, ("leading axes", "(2, 3, 2)"), draw(2, 3, 2), draw(3, 4, 2), V),
            failure(ShapeError, ("mask does not fit", "(3, 4)"), Q, K, V, MASK[:, :3]),
            failure(DtypeError, "booleans", Q, K, V, MASK.astype(int)),
            failure(InputError, "1.0", Q, K, V, dropout_ratio=1.0),
        ],
    ),
    Row("causal_mask", [call(3), call(2, 4), call(0)], lambda n, m=None: np.tri(n, m, dtype=bool), order=0),
    Row("sinusoidal_encoding", [call(4, 6), call(3, 5, base=100.0), call(0, 2)], sinusoids, order=0),
    Row(
        "apply_rotary",
        [
            call(draw(3, 4)),
            call(draw(2, 3, 4), interleaved=True),
            call(draw(2, 3, 2), np.array([5, 0, 2]), base=10.0),
            call(draw(2, 2, 3, 2), np.array([[[0, 1, 2]], [[7, 8, 9]]])),
        ],
        rotary,
        failures=[
            failure(ShapeError, ("pairs", "(3, 5)"), draw(3, 5)),
            failure(ShapeError, ("positions", "(3,)"), draw(3, 4), np.arange(4)),
        ],
    ),
]
