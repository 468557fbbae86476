"""Windows that slide over JAX arrays: the kernels of convolution.py in the words of XLA.

What is linear is written once, forward; JAX transposes it.  Each kernel is compiled whole, also where nothing around it
is.
"""

from functools import partial
from itertools import product
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

__all__ = [
    "convolution_input",
    "convolution_output",
    "convolution_weight",
    "gather_windows",
    "max_windows",
    "pick_maxima",
    "place_maxima",
    "scatter_windows",
    "spread_windows",
    "sum_windows",
]


_compiled = partial(jax.jit, static_argnames=("window",))
_compiled_product = partial(jax.jit, static_argnames=("window", "groups"))


@_compiled_product
def convolution_output(x: Any, weight: Any, bias: Any = None, *, window: Any, groups: int) -> Any:
    """out[n, o, i] = bias[o] + sum over c, k of x[n, c, i * stride + k * dilation - before] * weight[o, c, k]."""
    dtype = jnp.result_type(x, weight)
    out = lax.conv_general_dilated(
        x.astype(dtype),
        weight.astype(dtype),
        window.stride,
        [(before, after) for before, after, _ in _padding(window)],
        rhs_dilation=window.dilation,
        feature_group_count=groups,
    )
    return out if bias is None else out + bias.reshape(-1, *[1] * len(window.size))


@_compiled_product
def convolution_input(g: Any, weight: Any, *, window: Any, groups: int) -> Any:
    """The gradient in the input."""
    dtype = jnp.result_type(g, weight)
    shape = (g.shape[0], weight.shape[1] * groups, *window.size)
    if max(window.stride) > 1 < max(window.dilation):
        # XLA's compiler for the CPU aborts the process over some transposes with both: spread the kernel out instead.
        spans = [d * (k - 1) + 1 for k, d in zip(window.kernel, window.dilation, strict=True)]
        apart = (slice(None), slice(None), *[slice(None, None, d) for d in window.dilation])
        weight = jnp.zeros((*weight.shape[:2], *spans), weight.dtype).at[apart].set(weight)
        window = window._replace(kernel=tuple(spans), dilation=(1,) * len(spans))
    return _transposed(
        lambda x: convolution_output(x, weight, window=window, groups=groups), shape, dtype, g.astype(dtype)
    )


@_compiled_product
def convolution_weight(x: Any, g: Any, *, window: Any, groups: int) -> Any:
    """The gradient in the weight."""
    dtype = jnp.result_type(x, g)
    shape = (g.shape[1], x.shape[1] // groups, *window.kernel)
    return _transposed(
        lambda weight: convolution_output(x, weight, window=window, groups=groups), shape, dtype, g.astype(dtype)
    )


@_compiled
def gather_windows(x: Any, *, window: Any) -> Any:
    """The windows side by side, (batch, channels, *kernel, *out), with zeros for padding."""
    return _stacked(x, 0, window).reshape(*x.shape[:2], *window.kernel, *window.out)


@_compiled
def scatter_windows(windows: Any, *, window: Any) -> Any:
    """The sum of what all windows hold of each entry."""
    shape = (*windows.shape[:2], *window.size)
    return _transposed(lambda x: gather_windows(x, window=window), shape, windows.dtype, windows)


@_compiled
def sum_windows(x: Any, *, window: Any) -> Any:
    """The sum of each window."""
    return _stacked(x, 0, window).sum(axis=2, dtype=x.dtype)


@_compiled
def spread_windows(g: Any, *, window: Any) -> Any:
    """To each entry the sum of ``g`` over the windows it is in."""
    return _transposed(lambda x: sum_windows(x, window=window), (*g.shape[:2], *window.size), g.dtype, g)


@_compiled
def max_windows(x: Any, *, window: Any) -> Any:
    """The largest entry of each window; padding is never it."""
    return _stacked(x, _lowest(x.dtype), window).max(axis=2)


@_compiled
def place_maxima(g: Any, x: Any, out: Any, *, window: Any) -> Any:
    """``g`` where the first largest entry of each window is, zeros elsewhere; windows that overlap add up."""
    return _transposed(lambda v: pick_maxima(v, x, out, window=window), x.shape, g.dtype, g)


@_compiled
def pick_maxima(v: Any, x: Any, out: Any, *, window: Any) -> Any:
    """The entries of ``v`` where the first largest entry of each window of ``x`` is."""
    first = _stacked(x, _lowest(x.dtype), window).argmax(axis=2, keepdims=True)
    return jnp.take_along_axis(_stacked(v, 0, window), first, axis=2)[:, :, 0]


def _stacked(x: Any, fill: Any, window: Any) -> Any:
    """The windows, (batch, channels, taps, *out), with ``fill`` for padding."""
    padded = lax.pad(x, jnp.asarray(fill, x.dtype), [(0, 0, 0), (0, 0, 0), *_padding(window)])
    taps = []
    for place in product(*map(range, window.kernel)):
        axes = zip(place, window.dilation, window.stride, window.out, strict=True)
        taps.append(padded[:, :, *[slice(k * d, k * d + (n - 1) * s + 1, s) for k, d, s, n in axes]])
    return jnp.stack(taps, axis=2)


def _padding(window: Any) -> list[tuple[int, int, int]]:
    """Of each axis the padding before, after (less than none where entries are left over) and between."""
    axes = zip(*window, strict=True)
    return [(b, (n - 1) * s + d * (k - 1) + 1 - size - b, 0) for size, k, s, d, b, n in axes]


def _lowest(dtype: Any) -> Any:
    if jnp.issubdtype(dtype, jnp.floating):
        return -jnp.inf
    return jnp.iinfo(dtype).min if jnp.issubdtype(dtype, jnp.integer) else False


def _transposed(function: Any, shape: tuple[int, ...], dtype: Any, g: Any) -> Any:
    """The transpose of a linear function of arrays of this shape, at ``g``."""
    if not prod(shape) or not g.size:
        return jnp.zeros(shape, dtype)
    return jax.linear_transpose(function, jax.ShapeDtypeStruct(shape, dtype))(g)[0]
