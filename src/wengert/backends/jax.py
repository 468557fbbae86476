"""JAX: immutable arrays, compiled by XLA; Wengert's tape is traced whole by ``jax.jit``."""
# ruff: noqa: F403, F405

from typing import Any

import jax
import jax.numpy as jnp
from jax.numpy import *  # type: ignore[assignment]

from jax.numpy.linalg import cholesky, det, eigh, eigvalsh, inv, pinv, qr, slogdet, solve, svd  # noqa: F401
from jax.scipy.special import erf, erfc  # noqa: F401

from wengert.errors import DtypeError

__all__ = ["checked_array", "ndarray", "scatter_add", "update"]

ndarray = jax.Array


def checked_array(data: Any) -> Any:
    """``data`` itself: JAX has arrays of numbers only."""
    if not isinstance(data, jax.Array):
        raise DtypeError(f"{type(data).__name__} is not a JAX array.\n    Fix: convert it with jax.numpy.asarray.")
    return data


def scatter_add(shape: tuple[int, ...], dtype: Any, index: Any, values: Any) -> Any:
    """Zeros of ``shape`` with ``values`` added at ``index``; entries named twice receive both."""
    return jnp.zeros(shape, dtype=dtype).at[index].add(values)


def last_writes(shape: tuple[int, ...], index: Any) -> Any:
    """Which of the entries written at ``index`` still stand afterwards."""
    count = jnp.zeros(shape, dtype=int)[index]
    order = jnp.arange(count.size).reshape(count.shape)
    return jnp.zeros(shape, dtype=int).at[index].set(order)[index] == order


def update(x: Any, index: Any, value: Any) -> Any:
    """A copy of ``x`` with ``value`` at ``index``."""
    return x.at[index].set(value)


def linear(x: Any, weight: Any, bias: Any) -> Any:
    """``x @ weight + bias``."""
    return x @ weight if bias is None else x @ weight + bias


def outside_range(index: Any, count: int) -> int | None:
    """An entry of ``index`` that is negative or not below ``count``; None where there is none, or nobody can know yet."""
    if isinstance(index, jax.core.Tracer) or not index.size:
        return None
    low, high = int(index.min()), int(index.max())
    return low if low < 0 else high if high >= count else None


def dropout_mask(generator: Any, shape: tuple[int, ...], dtype: Any, ratio: float) -> Any:
    """Zero with probability ``ratio``, else what makes up for the zeros; drawn when a compiled step is traced."""
    return jnp.asarray((generator.random(shape) >= ratio) / (1 - ratio), dtype=dtype)


def softmax_cross_entropy(x: Any, t: Any) -> Any:
    """The mean over the rows of log sum exp(x) less the score of the label."""
    rows = x.reshape(-1, x.shape[-1])
    score = jnp.take_along_axis(rows, t.reshape(-1, 1), axis=1)[:, 0]
    return (jax.scipy.special.logsumexp(rows, axis=1) - score).mean()


def softmax_cross_entropy_slope(x: Any, t: Any) -> Any:
    """Its derivative in ``x``."""
    p = jax.nn.softmax(x, axis=-1)
    return (p - jax.nn.one_hot(t, x.shape[-1], dtype=x.dtype)) / (x.size // x.shape[-1] or 1)


def cofactor(x: Any) -> Any:
    """The matrix of cofactors, from the singular values: exact where the matrix is singular, too."""
    u, s, vt = jnp.linalg.svd(x)
    sign = jnp.linalg.det(u) * jnp.linalg.det(vt)
    n = x.shape[-1]
    others = jnp.stack([jnp.prod(jnp.delete(s, i, axis=-1), axis=-1) for i in range(n)], axis=-1)
    return sign[..., None, None] * ((u * others[..., None, :]) @ vt)
