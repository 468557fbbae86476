"""JAX: immutable arrays, compiled by XLA; Wengert's tape is traced whole by ``jax.jit``."""
# ruff: noqa: F403, F405

import builtins
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import sigmoid  # noqa: F401
from jax.numpy import *  # type: ignore[assignment]
from jax.numpy.linalg import (  # noqa: F401
    det,
    inv,
    matrix_rank,
    pinv,
    qr,
    slogdet,
    solve,
    svd,
    svdvals,
)
from jax.scipy.special import erf, erfc  # noqa: F401

from wengert.backends.jax_convolution import *
from wengert.backends.numpy import fingerprint as _fingerprint_of_numpy
from wengert.errors import DtypeError
from wengert.tracing import traces

__all__ = ["checked_array", "ndarray", "scatter_add", "update"]

ndarray = jax.Array
checks_index = False  # JAX takes the nearest entry for one that is not there


def is_traced(array: Any) -> builtins.bool:
    """Whether ``jax.jit`` and its kin are tracing what this array stands for."""
    return isinstance(array, jax.core.Tracer)


try:
    from jax._src.core import trace_state_clean
except ImportError:  # no public name says it: while tracing, an array that is made is a traced one

    def trace_state_clean() -> builtins.bool:
        return not is_traced(jnp.zeros(()))


traces(lambda: not trace_state_clean(), is_traced)


def picked(x: Any, index: Any) -> Any:
    """``x[index]``; an index that is known, and not traced, must be one of an entry that is there.

    Raises:
        IndexError: it is not.
    """
    parts = index if isinstance(index, tuple) else (index,)
    if not builtins.any(is_traced(part) for part in parts):
        known = tuple([np.asarray(part) if isinstance(part, jax.Array) else part for part in parts])
        np.broadcast_to(np.False_, x.shape)[known if isinstance(index, tuple) else known[0]]
    return x[_arrays(index)]


def check_type(kind: type) -> None:
    """All of JAX's classes of arrays have the same operators."""


def checked_array(data: Any) -> Any:
    """``data`` itself: JAX has arrays of numbers only."""
    if not isinstance(data, jax.Array):
        raise DtypeError(f"{type(data).__name__} is not a JAX array.\n    Fix: convert it with jax.numpy.asarray.")
    return data


def scatter_add(shape: tuple[int, ...], dtype: Any, index: Any, values: Any) -> Any:
    """Zeros of ``shape`` with ``values`` added at ``index``; entries named twice receive both."""
    return jnp.zeros(shape, dtype=dtype).at[_arrays(index)].add(values)


def placed(shape: tuple[int, ...], index: Any, values: Any) -> Any:
    """The same."""
    return scatter_add(shape, values.dtype, index, values)


def last_writes(shape: tuple[int, ...], index: Any) -> Any:
    """Which of the entries written at ``index`` still stand afterwards."""
    index = _arrays(index)
    count = jnp.zeros(shape, dtype=int)[index]
    order = jnp.arange(count.size).reshape(count.shape)
    return jnp.zeros(shape, dtype=int).at[index].set(order)[index] == order


def shows(out: Any, data: Any) -> builtins.bool:
    """Whether ``out`` may stand for a view of ``data``: JAX has none, and what NumPy would give is looked up later."""
    return True


def entries(g: Any, index: Any, region: Any) -> Any:
    """The entries at ``index``: what is written through a view is written into the whole, laid flat."""
    return g[_arrays(index)]


def cleared(g: Any, owned: builtins.bool, index: Any, region: Any) -> Any:
    """``g`` with zeros there."""
    return g.at[_arrays(index)].set(0)


def update(x: Any, index: Any, value: Any) -> Any:
    """A copy of ``x`` with ``value`` at ``index``."""
    place = x.at[_arrays(index)]
    extra = jnp.ndim(value) - jnp.ndim(place.get())
    return place.set(jnp.reshape(value, jnp.shape(value)[extra:]) if extra > 0 else value)


def _arrays(index: Any) -> Any:
    """An index whose lists are arrays: JAX asks for that."""
    if isinstance(index, tuple):
        return tuple(jnp.asarray(part) if isinstance(part, list) else part for part in index)
    return jnp.asarray(index) if isinstance(index, list) else index


def linear(x: Any, weight: Any, bias: Any) -> Any:
    """``x @ weight + bias``."""
    return x @ weight if bias is None else x @ weight + bias


def cholesky(x: Any, *, upper: builtins.bool = False) -> Any:
    """The factor of the symmetric matrix that one triangle of ``x`` stands for."""
    factor = jnp.linalg.cholesky(x.mT if upper else x, symmetrize_input=False)
    return factor.mT if upper else factor


def eigh(x: Any, UPLO: str = "L") -> Any:
    """The eigenvalues and eigenvectors of the symmetric matrix that one triangle of ``x`` stands for."""
    return jnp.linalg.eigh(x, UPLO, symmetrize_input=False)


def eigvalsh(x: Any, UPLO: str = "L") -> Any:
    """The eigenvalues alone."""
    return eigh(x, UPLO)[0]

def sum_powers(x: Any, power: float, axis: Any) -> Any:
    """The sum of the sizes to a power along axes, which stay with length 1."""
    return jnp.sum(x * x if power == 2 else jnp.abs(x) ** power, axis=axis, keepdims=True)


def tanh_slope(c: Any, y: Any) -> Any:
    """``c * (1 - y * y)``."""
    return c * (1 - y * y)


def outside_range(index: Any, count: int) -> int | None:
    """An entry of ``index`` that is negative or not below ``count``; None where there is none, or nobody can know yet."""
    if isinstance(index, jax.core.Tracer) or not index.size:
        return None
    low, high = int(index.min()), int(index.max())
    return low if low < 0 else high if high >= count else None


def dropout_mask(generator: Any, shape: tuple[int, ...], dtype: Any, ratio: float) -> Any:
    """Zero with probability ``ratio``, else what makes up for the zeros; drawn when a compiled step is traced."""
    dtype = dtype if dtype.kind == "f" else jnp.dtype(float)
    return jnp.asarray((generator.random(shape, dtype="float32") >= ratio) / (1 - ratio), dtype=dtype)


def softmax_cross_entropy(x: Any, t: Any) -> Any:
    """The mean over the rows of log sum exp(x) less the score of the label."""
    rows = x.reshape(-1, x.shape[-1])
    score = jnp.take_along_axis(rows, t.reshape(-1, 1), axis=1)[:, 0]
    return (jax.scipy.special.logsumexp(rows, axis=1) - score).mean()


def softmax_cross_entropy_slope(x: Any, t: Any) -> Any:
    """Its derivative in ``x``."""
    p = jax.nn.softmax(x, axis=-1)
    return (p - jax.nn.one_hot(t, x.shape[-1], dtype=x.dtype)) / (x.size // x.shape[-1] or 1)


def surely(condition: Any) -> builtins.bool:
    """Whether a condition holds anywhere; False while a step is traced, when nobody can know yet."""
    return not isinstance(condition, jax.core.Tracer) and builtins.bool(jnp.any(condition))


def fingerprint(x: Any) -> Any:
    """What tells an array from others; nothing but its shape while a step is traced."""
    return x.shape if isinstance(x, jax.core.Tracer) else _fingerprint_of_numpy(np.asarray(x))
