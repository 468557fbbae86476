"""Windows that slide over NumPy arrays: products with them (convolution), sums and maxima of them (pooling).

Arrays are (batch, channels, *spatial) to whoever indexes them; results lie in memory with the channels last, and what
elementwise functions make of those does too, so that a network's activations are never transposed.  A product copies
the windows of a block of the result side by side, a matrix small enough to stay in the cache, and is one matrix
product; backward copies them again, so nothing is kept.  What a ``window`` is: functions/convolution.py.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

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

_BLOCK = 2 << 20  # bytes of windows, or of entries, to work on at a time
_NARROW = 8  # with fewer channels than this, runs along the last spatial axis are longer than runs of channels


# Where things are


@lru_cache(maxsize=512)
def _places(window: Any, start: int, stop: int) -> list[tuple[int, tuple[slice, ...], tuple[slice, ...]]]:
    """For each place in the kernel: the results (of those from ``start`` to ``stop`` on the first spatial axis,
    counted from ``start``) that meet an entry there, and the entries they meet; padding is left out."""
    found = []
    for number, place in enumerate(product(*map(range, window.kernel))):
        results, entries = [], []
        for axis, k in enumerate(place):
            step, offset = window.stride[axis], k * window.dilation[axis] - window.before[axis]
            low, high = (start, stop) if axis == 0 else (0, window.out[axis])
            first = max(low, -(offset // step))
            last = min(high, (window.size[axis] - 1 - offset) // step + 1)
            if last <= first:
                break
            results.append(slice(first - low, last - low))
            entries.append(slice(first * step + offset, (last - 1) * step + offset + 1, step))
        else:
            found.append((number, tuple(results), tuple(entries)))
    return found


def _all_places(window: Any) -> list[tuple[int, tuple[slice, ...], tuple[slice, ...]]]:
    """The same for the whole result, as indices of arrays with batch and channels first."""
    both = (slice(None), slice(None))
    return [(n, both + results, both + entries) for n, results, entries in _places(window, 0, window.out[0])]


def _blocks(count: int, window: Any, entries: int, itemsize: int) -> Iterator[tuple[slice, int, int]]:
    """Cut the result into images, or lines of an image, whose windows of ``entries`` numbers fill a block."""
    lines = max(1, _BLOCK // max(1, prod(window.out[1:]) * entries * itemsize))
    if lines >= window.out[0]:
        images = lines // window.out[0]
        for i in range(0, count, images):
            yield slice(i, min(i + images, count)), 0, window.out[0]
    else:
        for i in range(count):
            for start in range(0, window.out[0], lines):
                yield slice(i, i + 1), start, min(start + lines, window.out[0])


def _parts(array: Any) -> Iterator[slice]:
    """Cut a batch into parts that fill a block."""
    images = max(1, _BLOCK * len(array) // max(1, array.nbytes))
    for i in range(0, len(array), images):
        yield slice(i, i + images)


def _add(place: Any, values: Any) -> None:
    """Add in place to a part of an array; ``a[i] += v`` would also write the sum a second time."""
    place += values


def _channels_last(x: Any) -> Any:
    return x.transpose(0, *range(2, x.ndim), 1)


def _channels_first(x: Any) -> Any:
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


# Convolution: one product, and the two that are its derivatives


def convolution_output(x: Any, weight: Any, bias: Any = None, *, window: Any, groups: int) -> Any:
    """out[n, o, i] = bias[o] + sum over c, k of x[n, c, i * stride + k * dilation - before] * weight[o, c, k]."""
    dtype = np.result_type(x, weight) if bias is None else np.result_type(x, weight, bias)
    filters, channels = weight.shape[:2]
    x = _channels_last(x)
    out = np.empty((len(x), *window.out, filters), dtype)
    if _is_depthwise(weight, groups):
        out[...] = 0
        for images in _parts(out):
            for k, results, entries in _places(window, 0, window.out[0]):
                _add(out[images][:, *results], x[images][:, *entries] * _tap(weight, k))
            if bias is not None:
                _add(out[images], bias)
        return _channels_first(out)
    size = filters // groups
    matrices = _matrices(weight, groups, dtype)
    for images, start, stop, columns in _columns(x, window, channels, groups, dtype):
        block = out[images, start:stop].reshape(-1, filters)
        for group, column in enumerate(columns):
            np.matmul(column, matrices[group], out=block[:, group * size : (group + 1) * size])
        if bias is not None:
            block += bias
    return _channels_first(out)


def convolution_input(g: Any, weight: Any, *, window: Any, groups: int) -> Any:
    """The gradient in the input: every entry of ``g`` sends its multiple of the kernel to where its window lies."""
    dtype = np.result_type(g, weight)
    filters, channels = weight.shape[:2]
    g = _channels_last(g)
    out = np.zeros((len(g), *window.size, channels * groups), dtype)
    if _is_depthwise(weight, groups):
        for images in _parts(out):
            for k, results, entries in _places(window, 0, window.out[0]):
                _add(out[images][:, *entries], g[images][:, *results] * _tap(weight, k))
        return _channels_first(out)
    size, taps = filters // groups, prod(window.kernel)
    # (groups, taps, size, channels)
    matrices = weight.reshape(groups, size, channels, taps).transpose(0, 3, 1, 2).astype(dtype, order="C")
    buffer = None
    for images, start, stop in _blocks(len(g), window, taps * channels, dtype.itemsize):
        part = g[images, start:stop]
        rows = part.reshape(-1, filters)
        if buffer is None or buffer.shape[1] != len(rows):
            buffer = np.empty((taps, len(rows), channels), dtype)
        for group in range(groups):
            np.matmul(rows[:, group * size : (group + 1) * size], matrices[group], out=buffer)
            sent = buffer.reshape(taps, *part.shape[:-1], channels)
            target = out[images, ..., group * channels : (group + 1) * channels]
            for k, results, entries in _places(window, start, stop):
                _add(target[:, *entries], sent[k][:, *results])
    return _channels_first(out)


def convolution_weight(x: Any, g: Any, *, window: Any, groups: int) -> Any:
    """The gradient in the weight: of each place in the kernel, the entries it met times what came of them."""
    dtype = np.result_type(x, g)
    filters, channels = g.shape[1], x.shape[1] // groups
    x, g = _channels_last(x), _channels_last(g)
    size = filters // groups
    total = np.zeros((groups, prod(window.kernel) * channels, size), dtype)
    if channels == size == 1:
        for images in _parts(g):
            for k, results, entries in _places(window, 0, window.out[0]):
                met, came = x[images][:, *entries], g[images][:, *results]
                total[:, k, 0] += (met * came).sum(axis=tuple(range(met.ndim - 1)))
    else:
        for images, start, stop, columns in _columns(x, window, channels, groups, dtype):
            rows = g[images, start:stop].reshape(-1, filters)
            for group, column in enumerate(columns):
                total[group] += column.T @ rows[:, group * size : (group + 1) * size]
    # (groups, *kernel, channels, size) -> (filters, channels, *kernel)
    total = total.reshape(groups, *window.kernel, channels, size)
    last = total.ndim - 1
    total = total.transpose(0, last, last - 1, *range(1, last - 1))
    return np.ascontiguousarray(total).reshape(filters, channels, *window.kernel)


def _is_depthwise(weight: Any, groups: int) -> bool:
    """One channel to each filter, and one filter to each channel: then there is nothing to multiply as matrices."""
    return len(weight) == groups > 1 and weight.shape[1] == 1


def _tap(weight: Any, k: int) -> Any:
    """The weights at one place in the kernel, one for each channel."""
    return weight.reshape(len(weight), -1)[:, k]


def _matrices(weight: Any, groups: int, dtype: Any) -> Any:
    """The weights of each group as a matrix (taps * channels, filters)."""
    filters, channels = weight.shape[:2]
    split = weight.reshape(groups, filters // groups, channels, -1).transpose(0, 3, 2, 1)
    return split.astype(dtype, order="C").reshape(groups, -1, filters // groups)


def _columns(
    x: Any, window: Any, channels: int, groups: int, dtype: Any
) -> Iterator[tuple[slice, int, int, Iterator[Any]]]:
    """The windows of ``x`` block by block: of each group a matrix (results, taps * channels)."""
    taps = prod(window.kernel)
    narrow = channels < _NARROW
    column: Any = np.empty(0, dtype)
    for images, start, stop in _blocks(len(x), window, taps * channels, dtype.itemsize):
        padded = _padded(x, images, start, stop, window, narrow, dtype)
        results = (len(padded), stop - start, *window.out[1:])
        needed = prod(results) * taps * channels
        if column.size != needed:
            column = np.empty(needed, dtype)

        def matrices(padded: Any = padded, results: Any = results, column: Any = column) -> Iterator[Any]:
            for group in range(groups):
                part = padded[..., group * channels : (group + 1) * channels]
                batch, *spatial, last = part.strides
                steps = [s * step for s, step in zip(spatial, window.stride, strict=True)]
                inner = [s * step for s, step in zip(spatial, window.dilation, strict=True)]
                shape, strides = (*results, *window.kernel, channels), (batch, *steps, *inner, last)
                windows = as_strided(part, shape, strides, writeable=False)
                if taps == 1 and part.dtype == dtype:
                    yield windows.reshape(-1, channels)
                elif narrow:
                    n = len(results)
                    turned = windows.transpose(*range(n, windows.ndim), *range(n))
                    np.copyto(column.reshape(turned.shape), turned)
                    yield column.reshape(taps * channels, -1).T
                else:
                    np.copyto(column.reshape(shape), windows)
                    yield column.reshape(-1, taps * channels)

        yield images, start, stop, matrices()


def _padded(x: Any, images: slice, start: int, stop: int, window: Any, narrow: bool, dtype: Any) -> Any:
    """The entries that the windows from ``start`` to ``stop`` cover, with zeros for padding; ``x`` itself if it can be."""
    shape, source, target = [], [], []
    inside = True
    for axis, size in enumerate(window.size):
        low, high = (start, stop) if axis == 0 else (0, window.out[axis])
        first = low * window.stride[axis] - window.before[axis]
        last = (high - 1) * window.stride[axis] + window.dilation[axis] * (window.kernel[axis] - 1) + 1
        last -= window.before[axis]
        begin, end = min(max(first, 0), size), max(min(last, size), 0)
        end = max(begin, end)
        inside = inside and first >= 0 and last <= size
        shape.append(last - first)
        source.append(slice(begin, end))
        target.append(slice(begin - first, end - first))
    part = x[images, *source]
    if inside and (narrow or part.strides[-1] == part.itemsize):
        return part
    channels = x.shape[-1]
    if narrow:
        padded = _channels_last(np.zeros((len(part), channels, *shape), dtype))
    else:
        padded = np.zeros((len(part), *shape, channels), dtype)
    padded[:, *target] = part
    return padded


# Windows themselves


def gather_windows(x: Any, *, window: Any) -> Any:
    """The windows side by side, (batch, channels, *kernel, *out), with zeros for padding."""
    out = np.zeros((*x.shape[:2], prod(window.kernel), *window.out), x.dtype)
    for k, results, entries in _all_places(window):
        out[:, :, k][results] = x[entries]
    return out.reshape(*x.shape[:2], *window.kernel, *window.out)


def scatter_windows(windows: Any, *, window: Any) -> Any:
    """The sum of what all windows hold of each entry."""
    out = np.zeros((*windows.shape[:2], *window.size), windows.dtype)
    flat = windows.reshape(*windows.shape[:2], -1, *window.out)
    for k, results, entries in _all_places(window):
        _add(out[entries], flat[:, :, k][results])
    return out


# Sums and maxima of windows


def sum_windows(x: Any, *, window: Any) -> Any:
    """The sum of each window."""
    out = np.zeros_like(x, shape=(*x.shape[:2], *window.out))
    for part in _parts(x):
        for _, results, entries in _all_places(window):
            _add(out[part][results], x[part][entries])
    return out


def spread_windows(g: Any, *, window: Any) -> Any:
    """To each entry the sum of ``g`` over the windows it is in."""
    out = np.zeros_like(g, shape=(*g.shape[:2], *window.size))
    for part in _parts(out):
        for _, results, entries in _all_places(window):
            _add(out[part][entries], g[part][results])
    return out


def max_windows(x: Any, *, window: Any) -> Any:
    """The largest entry of each window; padding is never it."""
    out = np.empty_like(x, shape=(*x.shape[:2], *window.out))
    places = _all_places(window)
    _, results, entries = places[0]
    begun = out[results].shape == out.shape
    for part in _parts(x):
        if begun:
            out[part] = x[part][entries]
        else:
            out[part] = -np.inf if x.dtype.kind == "f" else False if x.dtype.kind == "b" else np.iinfo(x.dtype).min
        for _, results, others in places[begun:]:
            block = out[part][results]
            np.maximum(block, x[part][others], out=block)
    return out


def place_maxima(g: Any, x: Any, out: Any, *, window: Any) -> Any:
    """``g`` where the first largest entry of each window is, zeros elsewhere; windows that overlap add up."""
    apart = all(d * (k - 1) < s for d, k, s in zip(window.dilation, window.kernel, window.stride, strict=True))
    covered = apart and [s * n for s, n in zip(window.stride, window.out, strict=True)] == list(window.size)
    covered = covered and window.kernel == window.stride and not any(window.before)
    result = (np.empty_like if covered else np.zeros_like)(x, dtype=g.dtype)
    for part in _parts(x):
        held = np.empty_like(out[part], dtype=g.dtype)  # lies in memory as ``out`` does
        held[...] = g[part]
        for results, entries, first in _first_maxima(x[part], out[part], window):
            if apart:
                _choose(held[results], first, result[part][entries])
            else:
                chosen = np.empty_like(held[results])
                _choose(held[results], first, chosen)
                _add(result[part][entries], chosen)
    return result


def pick_maxima(v: Any, x: Any, out: Any, *, window: Any) -> Any:
    """The entries of ``v`` where the first largest entry of each window of ``x`` is."""
    result = np.zeros_like(out, dtype=v.dtype)
    for part in _parts(x):
        for results, entries, first in _first_maxima(x[part], out[part], window):
            np.copyto(result[part][results], v[part][entries], where=first)
    return result


def _first_maxima(x: Any, out: Any, window: Any) -> Iterator[tuple[Any, Any, Any]]:
    """For each place in the kernel: results, entries, and whether the result is that entry and none before it."""
    waiting = np.ones_like(out, dtype=bool)
    for _, results, entries in _all_places(window):
        first = np.equal(x[entries], out[results])
        left = waiting[results]
        first &= left
        left ^= first
        yield results, entries, first


_BITS = {2: np.int16, 4: np.int32, 8: np.int64}


def _choose(g: Any, where: Any, out: Any) -> None:
    """``out = g where it holds, else 0``: by bits, which is quicker than a choice, and unlike a product exact for inf."""
    bits = _BITS.get(g.dtype.itemsize)
    if bits is None:
        out[...] = np.where(where, g, 0)
    else:
        np.bitwise_and(g.view(bits), np.negative(where.view(np.int8)), out=out.view(bits))
