"""JAX: immutable arrays, compiled by XLA; Wengert's tape is traced whole by ``jax.jit``."""
# ruff: noqa: F403, F405

from typing import Any

import jax
import jax.numpy as jnp
from jax.numpy import *  # type: ignore[assignment]

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
