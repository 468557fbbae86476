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
_FEW = 4  # with more filters than this to each channel, products are quicker as matrices
_LINE = 1 << 16  # numbers that a line of weights repeated may fill


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
    line = None if bias is None else _line(bias, window.out[-1])
    if _is_depthwise(weight, groups):
        out[...] = 0 if line is None else line
        taps, several = _taps(weight, window.out[-1], groups)
        for k, met, sums, products in _meetings(np.ascontiguousarray(x), out, window, dtype):
            for j in range(several):
                np.multiply(met, taps[k, j, : met.shape[-2]], out=products)
                _add(sums[..., j::several], products)
        return _channels_first(out)
    size = filters // groups
    matrices = _matrices(weight, groups, dtype)
    for images, start, stop, columns in _columns(x, window, channels, groups, dtype):
        block = out[images, start:stop]
        rows = block.reshape(-1, filters)
        for group, column in enumerate(columns):
            np.matmul(column, matrices[group], out=rows[:, group * size : (group + 1) * size])
        if line is not None:
            block += line[: block.shape[-2]]
    return _channels_first(out)


def convolution_input(g: Any, weight: Any, *, window: Any, groups: int) -> Any:
    """The gradient in the input: every entry of ``g`` sends its multiple of the kernel to where its window lies."""
    dtype = np.result_type(g, weight)
    filters, channels = weight.shape[:2]
    size, count = filters // groups, prod(window.kernel)
    depthwise = _is_depthwise(weight, groups)
    if max(window.stride) == 1 and (size < 4 * channels or count == 1) and not depthwise:
        # What an entry is sent, its own window of g holds: cheaper to gather, unless g has many more channels.
        return convolution_output(g, _turned(weight, groups), window=_turned_window(window), groups=groups)
    g = _channels_last(g)
    out = np.zeros((len(g), *window.size, channels * groups), dtype)
    if depthwise:
        taps, several = _taps(weight, window.out[-1], groups)
        for k, met, came, products in _meetings(out, np.ascontiguousarray(g), window, dtype):
            for j in range(several):
                np.multiply(came[..., j::several], taps[k, j, : met.shape[-2]], out=products)
                _add(met, products)
        return _channels_first(out)
    # (groups, taps, size, channels)
    matrices = weight.reshape(groups, size, channels, count).transpose(0, 3, 1, 2).astype(dtype, order="C")
    sent = np.empty((count, 0, channels * groups), dtype)
    for images, start, stop in _blocks(len(g), window, count * channels * groups, dtype.itemsize):
        part = g[images, start:stop]
        rows = part.reshape(-1, filters)
        if sent.shape[1] != len(rows):
            sent = np.empty((count, len(rows), channels * groups), dtype)
        for group in range(groups):
            to = sent[..., group * channels : (group + 1) * channels]
            np.matmul(rows[:, group * size : (group + 1) * size], matrices[group], out=to)
        target, placed = out[images], sent.reshape(count, *part.shape[:-1], channels * groups)
        for k, results, entries in _places(window, start, stop):
            _add(target[:, *entries], placed[k][:, *results])
    return _channels_first(out)


def convolution_weight(x: Any, g: Any, *, window: Any, groups: int) -> Any:
    """The gradient in the weight: of each place in the kernel, the entries it met times what came of them."""
    dtype = np.result_type(x, g)
    filters, channels = g.shape[1], x.shape[1] // groups
    x, g = _channels_last(x), _channels_last(g)
    size = filters // groups
    total = np.zeros((groups, prod(window.kernel) * channels, size), dtype)
    if groups > 1 == channels and size <= _FEW:
        for k, met, came, products in _meetings(np.ascontiguousarray(x), np.ascontiguousarray(g), window, dtype):
            rows = products.reshape(-1, groups)
            for j in range(size):
                np.multiply(met, came[..., j::size], out=products)
                _add(total[:, k, j], np.ones(len(rows), dtype) @ rows)  # a sum, in the time of a product
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


def _matrices(weight: Any, groups: int, dtype: Any) -> Any:
    """The weights of each group as a matrix (taps * channels, filters)."""
    filters, channels = weight.shape[:2]
    split = weight.reshape(groups, filters // groups, channels, -1).transpose(0, 3, 2, 1)
    return split.astype(dtype, order="C").reshape(groups, -1, filters // groups)


def _turned(weight: Any, groups: int) -> Any:
    """The weights of the convolution that goes back, of stride 1: filters and channels change places, taps turn round."""
    filters, channels, *kernel = weight.shape
    split = weight.reshape(groups, filters // groups, channels, *kernel).swapaxes(1, 2)
    turned = np.flip(split, axis=tuple(range(3, split.ndim)))
    return turned.reshape(groups * channels, filters // groups, *kernel)


def _turned_window(window: Any) -> Any:
    """How it slides, over the result of the other."""
    spans = [d * (k - 1) for k, d in zip(window.kernel, window.dilation, strict=True)]
    before = tuple([span - b for span, b in zip(spans, window.before, strict=True)])
    return window._replace(size=window.out, out=window.size, before=before)


def _line(values: Any, times: int) -> Any:
    """(..., n) repeated into (..., times, n) where that is not long: NumPy is the quicker the longer it runs."""
    return np.repeat(values[..., None, :], times if times * values.shape[-1] <= _LINE else 1, axis=-2)


# Few channels to a group: then there is nothing to multiply as matrices, and entries are multiplied tap by tap


def _is_depthwise(weight: Any, groups: int) -> bool:
    return bool(groups > 1 == weight.shape[1] and len(weight) <= _FEW * groups)


def _taps(weight: Any, times: int, groups: int) -> tuple[Any, int]:
    """The weights as lines (taps, several, times, channels), and how many filters each channel has."""
    several = len(weight) // groups
    return _line(weight.reshape(groups, several, -1).transpose(2, 1, 0), times), several


def _meetings(x: Any, g: Any, window: Any, dtype: Any) -> Iterator[tuple[int, Any, Any, Any]]:
    """For each block of results and place in the kernel: entries of ``x``, those of ``g`` they meet, and room as for x."""
    room = np.empty(0, dtype)
    for images, start, stop in _blocks(len(g), window, 8 * g.shape[-1], dtype.itemsize):
        entries_of, results_of = x[images], g[images, start:stop]
        for k, results, entries in _places(window, start, stop):
            met = entries_of[:, *entries]
            if room.size < met.size:
                room = np.empty(met.size, dtype)
            yield k, met, results_of[:, *results], room[: met.size].reshape(met.shape)


# Windows side by side


def _columns(
    x: Any, window: Any, channels: int, groups: int, dtype: Any
) -> Iterator[tuple[slice, int, int, Iterator[Any]]]:
    """The windows of ``x`` block by block: of each group a matrix (results, taps * channels)."""
    taps = prod(window.kernel)
    narrow = groups == 1 and channels < _NARROW
    whole = np.dtype((np.void, channels * dtype.itemsize))  # a run of channels, copied as one
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
                    copy = column.reshape(shape)
                    if part.dtype == dtype:
                        copy, windows = copy.view(whole), windows.view(whole)
                    np.copyto(copy, windows)
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


# Sums and maxima of windows, along one axis after the other: fewer entries to go over than in all places of a kernel


@lru_cache(maxsize=512)
def _steps(window: Any) -> list[Any]:
    """Windows along one axis each, which one after the other do what ``window`` does."""
    steps, size = [], window.size
    for axis in range(len(size)):
        out = (*size[:axis], window.out[axis], *size[axis + 1 :])
        kernel, stride, dilation = ([n if a == axis else 1 for a, n in enumerate(each)] for each in window[1:4])
        before = [n if a == axis else 0 for a, n in enumerate(window.before)]
        if out != size or kernel[axis] > 1:
            steps.append(type(window)(size, tuple(kernel), tuple(stride), tuple(dilation), tuple(before), out))
        size = out
    return steps or [window]


def _fold(combine: Any, x: Any, window: Any, fill: Any, out: Any = None) -> Any:
    """What ``combine`` makes of the entries of each window, into ``out``; of those that are padding, ``fill``."""
    if out is None:
        out = np.empty_like(x, shape=(*x.shape[:2], *window.out))
    places = [(results, entries) for _, results, entries in _all_places(window)]
    inside = [entries for results, entries in places if out[results].shape == out.shape]
    if len(inside) == len(places) > 1:
        combine(x[inside[0]], x[inside[1]], out=out)
        places = places[2:]
    else:
        out[...] = fill
    for results, entries in places:
        block = out[results]
        combine(block, x[entries], out=block)
    return out


def _fold_all(combine: Any, x: Any, window: Any, fill: Any) -> Any:
    out = np.empty_like(x, shape=(*x.shape[:2], *window.out))
    *steps, last = _steps(window)
    for part in _parts(x):
        block = x[part]
        for step in steps:
            block = _fold(combine, block, step, fill)
        _fold(combine, block, last, fill, out[part])
    return out


def sum_windows(x: Any, *, window: Any) -> Any:
    """The sum of each window."""
    return _fold_all(np.add, x, window, 0)


def max_windows(x: Any, *, window: Any) -> Any:
    """The largest entry of each window; padding is never it."""
    return _fold_all(np.maximum, x, window, _lowest(x.dtype))


def _lowest(dtype: Any) -> Any:
    return -np.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min


def spread_windows(g: Any, *, window: Any) -> Any:
    """To each entry the sum of ``g`` over the windows it is in."""
    out = np.empty_like(g, shape=(*g.shape[:2], *window.size))
    for part in _parts(out):
        block = g[part]
        for step in reversed(_steps(window)):
            sums, apart = _beginning(block, step, g.dtype)
            for _, results, entries in _all_places(step):
                if apart:
                    sums[entries] = block[results]
                else:
                    _add(sums[entries], block[results])
            block = sums
        out[part] = block
    return out


def place_maxima(g: Any, x: Any, out: Any, *, window: Any) -> Any:
    """``g`` where the first largest entry of each window is, zeros elsewhere; windows that overlap add up."""
    result, apart = _beginning(x, window, g.dtype)
    parts = list(_parts(x))
    left = np.empty_like(out[parts[0]] if parts else out, dtype=g.dtype)  # what has no place yet, and
    taken, found = np.empty_like(left), np.empty_like(left, dtype=bool)  # what has one: they lie as ``out`` does
    for part in parts:
        left[: len(out[part])] = g[part]
        for results, entries, rest in _meeting_maxima(window):
            where, chosen, waiting = (array[: len(out[part])][results] for array in (found, taken, left))
            if rest:
                chosen = waiting
            else:
                np.equal(x[part][entries], out[part][results], out=where)
                _take(waiting, where, chosen)
            if apart:
                result[part][entries] = chosen
            else:
                _add(result[part][entries], chosen)
    return result


def pick_maxima(v: Any, x: Any, out: Any, *, window: Any) -> Any:
    """The entries of ``v`` where the first largest entry of each window of ``x`` is."""
    result = np.zeros_like(out, dtype=v.dtype)
    for part in _parts(x):
        for results, entries, rest in reversed(_meeting_maxima(window)):  # so that the first is written last
            where = True if rest else np.equal(x[part][entries], out[part][results])
            np.copyto(result[part][results], v[part][entries], where=where)
    return result


@lru_cache(maxsize=512)
def _meeting_maxima(window: Any) -> list[tuple[Any, Any, bool]]:
    """For each place in the kernel results and entries, and whether the largest must be here if it was not before."""
    places = [(results, entries, False) for _, results, entries in _all_places(window)]
    for results, entries, _ in places[-1:]:
        everywhere = all(r.stop - r.start == n for r, n in zip(results[2:], window.out, strict=True))
        places[-1] = results, entries, everywhere
    return places


def _beginning(like: Any, window: Any, dtype: Any) -> tuple[Any, bool]:
    """An array for what is sent to the entries, and whether each is sent one value at most, which need not be added."""
    apart = all(d * (k - 1) < s for d, k, s in zip(window.dilation, window.kernel, window.stride, strict=True))
    covered = window.kernel == window.stride and not any(window.before)
    covered = covered and all(s * n == m for s, n, m in zip(window.stride, window.out, window.size, strict=True))
    make = np.empty_like if covered else np.zeros_like
    return make(like, dtype=dtype, shape=(*like.shape[:2], *window.size)), apart


def _take(left: Any, found: Any, taken: Any) -> None:
    """Move what ``left`` holds where it is found over to ``taken``, zeros elsewhere; ``found`` is overwritten.

    By bits: quicker than a choice, and unlike a product exact for inf.
    """
    bits = _BITS.get(left.dtype.itemsize)
    if bits is None:
        taken[...] = np.where(found, left, 0)
        np.copyto(left, 0, where=found)
    else:
        left, taken, found = left.view(bits), taken.view(bits), found.view(np.int8)
        np.negative(found, out=found)
        taken[...] = found
        taken &= left
        left ^= taken


_BITS = {2: np.int16, 4: np.int32, 8: np.int64}
