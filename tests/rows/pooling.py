"""Pooling, beside windows gone through one by one, and resizing."""

from math import ceil, prod

import numpy as np

from rows.convolution import each, meetings, slid
from rows.row import Row, call, draw, failure
from wengert import Variable
from wengert import functions as F
from wengert.backends import namespace_of
from wengert.errors import InputError, ShapeError
from wengert.functions.convolution import Window


def summed(x, *, window):
    out = np.zeros((*x.shape[:2], *window.out))
    for i, _, at in meetings(window):
        out[(..., *i)] += x[(..., *at)]
    return out


def spread(y, *, window):
    out = np.zeros((*y.shape[:2], *window.size))
    for i, _, at in meetings(window):
        out[(..., *at)] += y[(..., *i)]
    return out


def largest(x, *, window):
    out = np.full((*x.shape[:2], *window.out), -np.inf)
    for i, _, at in meetings(window):
        out[(..., *i)] = np.maximum(out[(..., *i)], x[(..., *at)])
    return out


def winners(x, window):
    """Which entry each result is, for every example and channel."""
    for n, c in np.ndindex(*x.shape[:2]):
        found = {}
        for i, _, at in meetings(window):
            if i not in found or x[(n, c, *at)] > x[(n, c, *found[i])]:
                found[i] = at
        for i, at in found.items():
            yield (n, c, *i), (n, c, *at)


def pooled(x, kernel, stride, padding, dilation, ceil_mode):
    n = x.ndim - 2
    kernel = each(kernel, n)
    window = slid(x.shape[2:], kernel, kernel if stride is None else stride, padding, dilation)
    if ceil_mode:
        out = []
        for m, k, s, d, p in zip(*window[:-1], strict=True):
            count = ceil((m + 2 * p - d * (k - 1) - 1) / s) + 1
            out.append(count - 1 if (count - 1) * s >= m + p else count)
        window = window._replace(out=tuple(out))
    return window


def max_pool(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    return largest(x, window=pooled(x, kernel_size, stride, padding, dilation, ceil_mode))


def avg_pool(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    window = pooled(x, kernel_size, stride, padding, 1, ceil_mode)
    border = each(padding, len(window.size)) if count_include_pad else (0,) * len(window.size)
    size = tuple(n + 2 * b for n, b in zip(window.size, border, strict=True))
    before = tuple(p - b for p, b in zip(window.before, border, strict=True))
    count = summed(
        np.ones((1, 1, *size)), window=Window(size, window.kernel, window.stride, window.dilation, before, window.out)
    )
    return summed(x, window=window) / count


def lp_pool(x, p, kernel_size, stride=None, ceil_mode=False):
    powers = avg_pool(x**p, kernel_size, stride, 0, ceil_mode)
    return (powers * prod(each(kernel_size, x.ndim - 2))) ** (1 / p)


def alone(reference):
    """The same of one example without a batch."""
    return lambda x, *args, **options: reference(x[None], *args, **options)[0]


def adaptive(reduce):
    def function(x, output_size):
        given = each(output_size, x.ndim - 2)
        for axis, m in enumerate(given, start=2):
            n = x.shape[axis]
            m = n if m is None else m
            parts = [np.take(x, range(i * n // m, ceil((i + 1) * n / m)), axis=axis) for i in range(m)]
            x = np.stack([reduce(part, axis=axis) for part in parts], axis=axis)
        return x

    return function


def cubic(t):
    """The weights of the four points about t in [0, 1): the cubic through the inner two whose slope at each is 3/4 of
    the difference of its neighbours."""
    before, after = np.array([-0.75, 0, 0.75, 0]), np.array([0, -0.75, 0, 0.75])
    first, second = np.array([0, 1, 0, 0]), np.array([0, 0, 1, 0])
    return (
        (2 * t**3 - 3 * t**2 + 1) * first
        + (t**3 - 2 * t**2 + t) * before
        + (3 * t**2 - 2 * t**3) * second
        + (t**3 - t**2) * after
    )


def interpolate(x, size=None, scale_factor=None, mode="nearest", align_corners=False):
    n = x.ndim - 2
    for axis, (m, given) in enumerate(
        zip(x.shape[2:], each(size if size is not None else scale_factor, n), strict=True), start=2
    ):
        count, step = (given, m / given) if size is not None else (int(m * given), 1 / given)
        i = np.arange(count)
        lines = np.moveaxis(x, axis, -1)
        if mode == "nearest":
            lines = lines[..., (i * step).astype(int)]
        elif mode == "bicubic":
            at = i * (m - 1) / max(count - 1, 1) if align_corners else (i + 0.5) * step - 0.5
            places = np.clip(np.floor(at)[:, None] + [-1, 0, 1, 2], 0, m - 1).astype(int)
            lines = (lines[..., places] * [cubic(t) for t in at - np.floor(at)]).sum(-1)
        else:
            at = i * (m - 1) / max(count - 1, 1) if align_corners else (i + 0.5) * step - 0.5
            lines = np.apply_along_axis(lambda line, at=at: np.interp(at, np.arange(len(line)), line), -1, lines)
        x = np.moveaxis(lines, -1, axis)
    return x


def pixel_shuffle(x, r):
    n, c, h, w = x.shape
    out = np.zeros((n, c // (r * r), h * r, w * r))
    for a, b in np.ndindex(r, r):
        out[:, :, a::r, b::r] = x[:, a * r + b :: r * r]
    return out


def pixel_unshuffle(x, r):
    n, c, h, w = x.shape
    out = np.zeros((n, c * r * r, h // r, w // r))
    for a, b in np.ndindex(r, r):
        out[:, a * r + b :: r * r] = x[:, :, a::r, b::r]
    return out


def ordered(*shape, seed=0):
    """Numbers of which no two are close, so that the largest stays the largest."""
    return np.random.default_rng((seed, *shape)).permutation(prod(shape)).reshape(shape) / 4.0


LINE = slid((5,), (3,), 2, 1)
PLANE = slid((4, 5), (2, 3), (2, 1), (1, 0))
X, Y = ordered(2, 2, 5), ordered(1, 2, 4, 5)


def beside_maxima(name):
    """The function of that name, with an input that does not vary, and its maxima."""

    def function(y, *, window):
        x = X if window is LINE else Y
        xp = namespace_of((y.data if isinstance(y, Variable) else y,))
        x, top = (xp.asarray(array, dtype=y.dtype) for array in (x, largest(x, window=window)))
        return getattr(F, name)(y, x, top, window=window)

    return function


def place(y, *, window):
    out = np.zeros((X if window is LINE else Y).shape)
    for i, at in winners(X if window is LINE else Y, window):
        out[at] += y[i]
    return out


def pick(y, *, window):
    out = np.zeros((*y.shape[:2], *window.out))
    for i, at in winners(X if window is LINE else Y, window):
        out[i] = y[at]
    return out


TOO_LARGE = failure(ShapeError, ("(3, 3)", "(2, 4)", "does not fit"), draw(1, 1, 2, 4), 3)
TOO_PADDED = failure(InputError, ("half the kernel", "(2, 2)"), draw(1, 1, 4, 4), 3, padding=2)
TOO_FEW_AXES = failure(ShapeError, ("4 axes", "has 2"), draw(4, 4), 2)

ROWS = [
    Row("sum_windows", [call(draw(2, 2, 5), window=LINE), call(draw(1, 2, 4, 5), window=PLANE)], summed),
    Row(
        "spread_windows", [call(draw(2, 2, *LINE.out), window=LINE), call(draw(1, 2, *PLANE.out), window=PLANE)], spread
    ),
    Row("max_windows", [call(X, window=LINE), call(Y, window=PLANE)], largest),
    Row(
        "place_maxima",
        [call(draw(2, 2, *LINE.out), window=LINE), call(draw(1, 2, *PLANE.out), window=PLANE)],
        place,
        function=beside_maxima("place_maxima"),
    ),
    Row(
        "pick_maxima",
        [call(draw(2, 2, 5), window=LINE), call(draw(1, 2, 4, 5), window=PLANE)],
        pick,
        function=beside_maxima("pick_maxima"),
    ),
    Row(
        "max_pool1d",
        [
            call(ordered(2, 2, 6), 2),
            call(ordered(1, 2, 5), 3, 1, 1),
            call(-1 - ordered(1, 1, 5), 3, 2, 1, ceil_mode=True),
        ],
        max_pool,
    ),
    Row(
        "max_pool2d",
        [
            call(ordered(2, 2, 4, 4), 2),
            call(ordered(1, 2, 5, 5), 2),
            call(-1 - ordered(1, 2, 4, 4), (3, 2), [2, 1], (1, 0)),
            call(ordered(1, 2, 5, 4), np.int64(2), None, 1, 2, True),
            call(ordered(1, 1, 5, 5), 1, 2),
            call(ordered(0, 2, 4, 4), 2),
            call(ordered(1, 4, 4, 3).transpose(0, 3, 1, 2), 2),
        ],
        max_pool,
        failures=[
            TOO_LARGE,
            TOO_PADDED,
            TOO_FEW_AXES,
            failure(InputError, ("kernel_size", "from 1 on"), draw(1, 1, 4, 4), 0),
            failure(InputError, ("stride", "(1, 2, 3)"), draw(1, 1, 4, 4), 2, (1, 2, 3)),
        ],
    ),
    Row(
        "max_pool3d", [call(ordered(1, 1, 4, 3, 2), (2, 3, 1)), call(ordered(1, 1, 3, 3, 3), 2, 1, (1, 0, 0))], max_pool
    ),
    Row("avg_pool1d", [call(draw(2, 2, 6), 2), call(draw(1, 2, 5), 3, 2, 1, True, False)], avg_pool),
    Row(
        "avg_pool2d",
        [
            call(draw(2, 2, 4, 4), 2),
            call(draw(1, 2, 5, 4), (3, 2), (2, 1), [1, 0]),
            call(draw(1, 2, 5, 4), 3, 2, 1, count_include_pad=False),
            call(draw(1, 2, 6, 5), 3, 2, 1, ceil_mode=True),
            call(draw(1, 2, 5, 5), 2, 2, 0, True, False),
            call(draw(0, 2, 4, 4), 2),
        ],
        avg_pool,
        failures=[TOO_LARGE, TOO_PADDED, TOO_FEW_AXES],
    ),
    Row(
        "avg_pool3d",
        [call(draw(1, 1, 4, 3, 2), (2, 3, 1)), call(draw(1, 1, 3, 3, 3), 2, 1, (1, 0, 0), False, False)],
        avg_pool,
    ),
    *[
        Row(
            f"lp_pool{n}d",
            [
                call(x, 2, 2),
                call(x, np.int64(3), 2, 1),
                call(x, 1, each(2, n), None, True),
                call(x, 0.5, 3, 2, ceil_mode=True),
                call(x[:, ::-1], 2.5, (2,) * n),
                call(x[:0], 2, 2),
            ],
            lp_pool,
            failures=[
                failure(ShapeError, ("does not fit", f"{(8,) * n}"), x, 2, 8),
                failure(InputError, ("above 0", "0"), x, 0, 2),
                failure(InputError, ("above 0", "'2'"), x, "2", 2),
                failure(InputError, ("above 0", f"max_pool{n}d"), x, np.inf, 2),
                failure(InputError, ("kernel_size", "from 1 on"), x, 2, 0),
            ],
        )
        for n, x in (
            (1, draw(2, 2, 5, low=0.3)),
            (2, draw(1, 2, 5, 3, low=0.3)),
            (3, draw(1, 1, 3, 5, 3, low=0.3)),
        )
    ],
    *[
        Row(
            f"adaptive_{kind}_pool{n}d",
            [call(x, size) for size in sizes],
            adaptive(reduce),
            failures=[
                failure(ShapeError, f"{n + 2} axes", draw(), 2),
                failure(InputError, ("output_size", "from 1 on"), x, 0),
                failure(ShapeError, "without entries", np.zeros((1, 1, *[0] * n)), 1),
            ],
        )
        for kind, reduce in (("avg", np.mean), ("max", np.max))
        for n, x, sizes in (
            (1, ordered(2, 2, 7), (1, 3, 7, (2,))),
            (2, ordered(1, 2, 4, 5), (1, (2, 5), (None, 3), [3, np.int64(2)], 6)),
            (3, ordered(1, 1, 3, 2, 4), (1, (2, None, 3))),
        )
    ],
    *[
        Row(
            name,
            [
                call(draw(2, 2, 3), size=5),
                call(draw(2, 2, 3), scale_factor=2),
                call(draw(1, 2, 3, 4), size=(5, 3)),
                call(draw(1, 1, 3, 4), scale_factor=[2, 1.5]),
                call(draw(1, 1, 2, 2, 2), scale_factor=2),
                call(draw(1, 2, 4), size=np.int64(7), mode="linear"),
                call(draw(1, 2, 4), size=7, mode="linear", align_corners=True),
                call(draw(1, 1, 3, 4), scale_factor=2, mode="bilinear"),
                call(draw(1, 1, 3, 4), (2, 1), None, "bilinear", True),
                call(draw(1, 1, 3, 4), size=(3, 4), mode="bilinear"),
                call(draw(1, 2, 3, 4), size=(5, 3), mode="bicubic"),
                call(draw(1, 1, 5, 2), scale_factor=1.6, mode="bicubic"),
                call(draw(1, 1, 3, 4), (7, 1), None, "bicubic", True),
                call(draw(1, 1, 2, 3, 2), size=(3, 2, 3), mode="trilinear"),
            ],
            interpolate,
            failures=[
                failure(InputError, "one of size and scale_factor", draw(1, 1, 3)),
                failure(InputError, "one of size and scale_factor", draw(1, 1, 3), 3, 1),
                failure(InputError, ('"bilinear"', "'linear'"), draw(1, 1, 3, 3), 3, mode="linear"),
                failure(InputError, ('"trilinear"', "'bicubic'"), draw(1, 1, 3, 3, 3), 3, mode="bicubic"),
                failure(InputError, ("align_corners", "nearest"), draw(1, 1, 3, 3), 3, align_corners=True),
                failure(InputError, ("scale_factor", "-1"), draw(1, 1, 3, 3), scale_factor=-1),
                failure(InputError, ("nothing is left", "0.1"), draw(1, 1, 3, 3), scale_factor=0.1),
                failure(InputError, ("size", "from 1 on"), draw(1, 1, 3, 3), size=0),
                failure(ShapeError, "axes", draw(3, 3), 3),
                failure(ShapeError, "empty axis", draw(1, 1, 0), 3),
            ],
        )
        for name in ("interpolate", "upsample")
    ],
    *[
        Row(f"{name}{n}d", [call(ordered(2, *(5, 4, 6)[:n]) + 1, *args)], alone(reference))
        for name, args, reference in (
            ("max_pool", (2, 1, 1), max_pool),
            ("avg_pool", (3, 2, 1, True, False), avg_pool),
            ("lp_pool", (2, 3, 1), lp_pool),
            ("adaptive_avg_pool", (3,), adaptive(np.mean)),
            ("adaptive_max_pool", (3,), adaptive(np.max)),
        )
        for n in (1, 2, 3)
    ],
    Row(
        "pixel_shuffle",
        [call(draw(2, 8, 2, 3), 2), call(draw(1, 9, 1, 2), np.int64(3))],
        pixel_shuffle,
        failures=[failure(ShapeError, ("6 channels", "groups of 4"), draw(1, 6, 2, 2), 2)],
    ),
    Row(
        "pixel_unshuffle",
        [call(draw(2, 2, 4, 6), 2), call(draw(1, 1, 3, 6), 3)],
        pixel_unshuffle,
        failures=[failure(ShapeError, "(4, 5)", draw(1, 1, 4, 5), 2)],
    ),
]
