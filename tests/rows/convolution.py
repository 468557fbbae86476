"""Convolutions, beside sums written out entry by entry; the windows they are made of."""

from itertools import product

import numpy as np

from rows.row import Row, call, draw, failure
from wengert.errors import InputError, ShapeError
from wengert.functions.convolution import Window


def each(value, count):
    return tuple(value) if isinstance(value, tuple | list) else (value,) * count


def meetings(window):
    """Every result, every place in the kernel, and the entry they meet; padding is left out."""
    for i in np.ndindex(*window.out):
        for k in np.ndindex(*window.kernel):
            at = tuple(
                a * s + b * d - p
                for a, s, b, d, p in zip(i, window.stride, k, window.dilation, window.before, strict=True)
            )
            if all(0 <= a < n for a, n in zip(at, window.size, strict=True)):
                yield i, k, at


def halves(count, *channels):
    return [slice(count * i // channels[0], count * (i + 1) // channels[0]) for i in range(channels[0])]


def forward(x, weight, bias=None, *, window, groups=1):
    out = np.zeros((len(x), len(weight), *window.out))
    for (i, k, at), (c, o) in product(
        meetings(window), zip(halves(x.shape[1], groups), halves(len(weight), groups), strict=True)
    ):
        out[(slice(None), o, *i)] += x[(slice(None), c, *at)] @ weight[(o, slice(None), *k)].T
    return out if bias is None else out + bias.reshape(-1, *[1] * len(window.out))


def to_input(y, weight, *, window, groups=1):
    channels = weight.shape[1] * groups
    out = np.zeros((len(y), channels, *window.size))
    for (i, k, at), (c, o) in product(
        meetings(window), zip(halves(channels, groups), halves(len(weight), groups), strict=True)
    ):
        out[(slice(None), c, *at)] += y[(slice(None), o, *i)] @ weight[(o, slice(None), *k)]
    return out


def to_weight(x, y, *, window, groups=1):
    channels, filters = x.shape[1], y.shape[1]
    out = np.zeros((filters, channels // groups, *window.kernel))
    for (i, k, at), (c, o) in product(
        meetings(window), zip(halves(channels, groups), halves(filters, groups), strict=True)
    ):
        out[(o, slice(None), *k)] += y[(slice(None), o, *i)].T @ x[(slice(None), c, *at)]
    return out


def slid(size, kernel, stride=1, padding=0, dilation=1):
    n = len(size)
    stride, dilation = each(stride, n), each(dilation, n)
    spans = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    before = after = each(padding, n)
    if padding == "same":
        before, after = tuple((s - 1) // 2 for s in spans), tuple(s // 2 for s in spans)
    if padding == "valid":
        before = after = (0,) * n
    out = tuple(
        (m + a + b - span) // s + 1 for m, a, b, span, s in zip(size, before, after, spans, stride, strict=True)
    )
    return Window(tuple(size), tuple(kernel), stride, dilation, before, out)


def conv(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return forward(
        x, weight, bias, window=slid(x.shape[2:], weight.shape[2:], stride, padding, dilation), groups=groups
    )


def conv_transpose(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    n, kernel = x.ndim - 2, weight.shape[2:]
    options = [each(option, n) for option in (stride, padding, output_padding, dilation)]
    size = tuple(
        (m - 1) * s - 2 * p + d * (k - 1) + 1 + e
        for m, k, s, p, e, d in zip(x.shape[2:], kernel, *options, strict=True)
    )
    window = Window(size, kernel, options[0], options[3], options[1], x.shape[2:])
    out = to_input(x, weight, window=window, groups=groups)
    return out if bias is None else out + bias.reshape(-1, *[1] * n)


def gather(x, *, window):
    out = np.zeros((*x.shape[:2], *window.kernel, *window.out))
    for i, k, at in meetings(window):
        out[(..., *k, *i)] = x[(..., *at)]
    return out


def scatter(windows, *, window):
    out = np.zeros((*windows.shape[:2], *window.size))
    for i, k, at in meetings(window):
        out[(..., *at)] += windows[(..., *k, *i)]
    return out


def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    kernel = each(kernel_size, 2)
    windows = gather(x, window=slid(x.shape[2:], kernel, stride, padding, dilation))
    return windows.reshape(len(x), x.shape[1] * kernel[0] * kernel[1], -1)


def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    kernel = each(kernel_size, 2)
    window = slid(each(output_size, 2), kernel, stride, padding, dilation)
    return scatter(x.reshape(len(x), -1, *kernel, *window.out), window=window)


def im2col(x, kernel_size, stride=1, pad=0, to_matrix=True):
    windows = gather(x, window=slid(x.shape[2:], each(kernel_size, 2), stride, pad))
    return (
        windows.transpose(0, 4, 5, 1, 2, 3).reshape(-1, x.shape[1] * windows.shape[2] * windows.shape[3])
        if to_matrix
        else windows
    )


def col2im(x, input_shape, kernel_size, stride=1, pad=0, to_matrix=True):
    kernel = each(kernel_size, 2)
    window = slid(input_shape[2:], kernel, stride, pad)
    if to_matrix:
        x = x.reshape(input_shape[0], *window.out, input_shape[1], *kernel).transpose(0, 3, 4, 5, 1, 2)
    return scatter(x, window=window)


LINE = slid((6,), (3,), 2, 1)
PLANE = slid((4, 5), (2, 3), (2, 1), (1, 0), (1, 2))
SPACE = slid((3, 2, 3), (2, 2, 1), 1, (0, 1, 0))
FAR = slid((2, 2), (2, 2), 3, 3)  # with windows that lie in the padding altogether

ROWS = [
    Row(
        "convolution_output",
        [
            call(draw(2, 2, 6), draw(3, 2, 3), draw(3), window=LINE),
            call(draw(2, 2, 4, 5), draw(4, 1, 2, 3), window=PLANE, groups=2),
            call(draw(1, 3, 3, 2, 3), draw(3, 1, 2, 2, 1), draw(3), window=SPACE, groups=3),
            call(draw(1, 1, 2, 2), draw(1, 1, 2, 2), window=FAR),
            call(draw(1, 9, 3), draw(2, 9, 2), draw(2), window=slid((3,), (2,), 1, 1)),
        ],
        forward,
    ),
    Row(
        "convolution_input",
        [
            call(draw(2, 3, 3), draw(3, 2, 3), window=LINE),
            call(draw(1, 4, 3, 1), draw(4, 1, 2, 3), window=PLANE, groups=2),
            call(draw(1, 3, 2, 3, 3), draw(3, 1, 2, 2, 1), window=SPACE, groups=3),
            call(draw(1, 1, *FAR.out), draw(1, 1, 2, 2), window=FAR),
        ],
        to_input,
    ),
    Row(
        "convolution_weight",
        [
            call(draw(2, 2, 6), draw(2, 3, 3), window=LINE),
            call(draw(2, 2, 4, 5), draw(2, 4, 3, 1), window=PLANE, groups=2),
            call(draw(1, 3, 3, 2, 3), draw(1, 3, 2, 3, 3), window=SPACE, groups=3),
            call(draw(1, 1, 2, 2), draw(1, 1, *FAR.out), window=FAR),
        ],
        to_weight,
    ),
    Row(
        "gather_windows",
        [
            call(draw(2, 2, 6), window=LINE),
            call(draw(1, 2, 4, 5), window=PLANE),
            call(draw(1, 1, 3, 2, 3), window=SPACE),
        ],
        gather,
    ),
    Row(
        "scatter_windows",
        [
            call(draw(2, 2, 3, 3), window=LINE),
            call(draw(1, 2, 2, 3, 3, 1), window=PLANE),
            call(draw(1, 1, 2, 2, 1, 2, 3, 3), window=SPACE),
        ],
        scatter,
    ),
    Row(
        "conv1d",
        [
            call(draw(2, 3, 5), draw(4, 3, 2), draw(4)),
            call(draw(1, 2, 6), draw(2, 1, 3), draw(2), 2, 1, 1, 2),
            call(draw(1, 2, 5), draw(2, 2, 2), padding="same", dilation=3),
            call(draw(0, 2, 5), draw(2, 2, 2), draw(2)),
            call(draw(1, 2, 5), draw(2, 2, 1), padding="valid", stride=np.int64(2)),
            call(draw(1, 2, 2), draw(2, 2, 2)),
        ],
        conv,
        failures=[
            failure(ShapeError, ("(4,)", "(3,)", "does not fit"), draw(1, 1, 3), draw(1, 1, 4)),
            failure(ShapeError, ("(7,)", "dilation", "(5,)"), draw(1, 1, 5), draw(1, 1, 3), dilation=3),
            failure(ShapeError, ("3 axes", "has 1"), draw(3), draw(1, 1, 4)),
        ],
    ),
    Row(
        "conv2d",
        [
            call(draw(2, 2, 4, 3), draw(3, 2, 2, 3), draw(3)),
            call(draw(1, 2, 4, 4), draw(2, 2, 3, 3), None, 1, 1),
            call(draw(1, 2, 5, 4), draw(4, 1, 3, 2), draw(4), stride=(2, 1), padding=[1, 2], dilation=(1, 2), groups=2),
            call(draw(1, 3, 3, 3), draw(3, 1, 2, 2), draw(3), padding="same", groups=np.int64(3)),
            call(draw(1, 9, 2, 2), draw(2, 9, 1, 1), draw(2)),
            call(draw(1, 2, 5, 5), draw(2, 2, 1, 1), stride=2),
            call(draw(1, 4, 3, 3).transpose(0, 3, 1, 2)[:, :2], draw(1, 2, 2, 2), draw(1)),
            call(draw(1, 1, 6, 6), draw(1, 1, 2, 2), stride=3),
        ],
        conv,
        failures=[
            failure(ShapeError, ("3 channels", "take 2", "(1, 3, 4, 4)"), draw(1, 3, 4, 4), draw(1, 2, 2, 2)),
            failure(ShapeError, ("4 channels", "2 groups", "take 4"), draw(1, 4, 4, 4), draw(2, 4, 2, 2), groups=2),
            failure(ShapeError, ("3 filters", "2 groups"), draw(1, 4, 4, 4), draw(3, 2, 2, 2), groups=2),
            failure(ShapeError, ("(3, 3)", "(2, 2)", "does not fit"), draw(1, 1, 2, 2), draw(1, 1, 3, 3)),
            failure(ShapeError, ("2 filters", "bias"), draw(1, 1, 2, 2), draw(2, 1, 1, 1), draw(3)),
            failure(ShapeError, "4 axes", 3.0, draw(2, 1, 1, 1)),
            failure(ShapeError, ("weight has 4 axes", "filters"), draw(1, 1, 2, 2), draw(1, 2)),
            failure(InputError, ("stride", "from 1 on", "0"), draw(1, 1, 2, 2), draw(2, 1, 1, 1), stride=0),
            failure(InputError, ("padding", "-1"), draw(1, 1, 2, 2), draw(2, 1, 1, 1), padding=-1),
            failure(InputError, ("padding", "(1, 1, 1)"), draw(1, 1, 2, 2), draw(2, 1, 1, 1), padding=(1, 1, 1)),
            failure(InputError, ("dilation", "1.5"), draw(1, 1, 2, 2), draw(2, 1, 1, 1), dilation=1.5),
            failure(InputError, ("groups", "from 1 on"), draw(1, 1, 2, 2), draw(2, 1, 1, 1), groups=0),
            failure(InputError, ("same", "stride"), draw(1, 1, 2, 2), draw(2, 1, 1, 1), padding="same", stride=2),
            failure(InputError, ('"same"', "'full'"), draw(1, 1, 2, 2), draw(2, 1, 1, 1), padding="full"),
        ],
    ),
    Row(
        "conv3d",
        [
            call(draw(1, 2, 2, 3, 2), draw(2, 2, 2, 2, 1), draw(2)),
            call(draw(1, 1, 3, 3, 3), draw(1, 1, 2, 2, 2), None, (1, 2, 1), (0, 1, 0), (2, 1, 1)),
        ],
        conv,
    ),
    Row(
        "conv_transpose1d",
        [
            call(draw(2, 2, 3), draw(2, 3, 2), draw(3)),
            call(draw(1, 4, 3), draw(4, 1, 3), draw(2), stride=3, padding=1, output_padding=2, groups=2, dilation=2),
        ],
        conv_transpose,
    ),
    Row(
        "conv_transpose2d",
        [
            call(draw(1, 2, 2, 3), draw(2, 2, 3, 2), draw(2)),
            call(draw(1, 2, 2, 3), draw(2, 1, 3, 2), None, (2, 3), [1, 0], (1, 2), 2, (2, 1)),
            call(draw(1, 3, 2, 2), draw(3, 1, 2, 2), draw(3), groups=3),
            call(draw(0, 2, 2, 2), draw(2, 1, 2, 2), draw(1)),
        ],
        conv_transpose,
        failures=[
            failure(ShapeError, ("3 channels", "takes 2"), draw(1, 3, 2, 2), draw(2, 1, 2, 2)),
            failure(ShapeError, ("3 channels", "2 groups"), draw(1, 3, 2, 2), draw(3, 1, 2, 2), groups=2),
            failure(
                ShapeError,
                ("nothing is left", "(0, 0)"),
                draw(1, 1, 2, 2),
                draw(1, 1, 2, 2),
                padding=2,
                output_padding=0,
                stride=2,
            ),
            failure(ShapeError, ("2 filters", "bias"), draw(1, 1, 2, 2), draw(1, 2, 1, 1), draw(3)),
            failure(InputError, ("output_padding", "(1, 1)"), draw(1, 1, 2, 2), draw(1, 1, 2, 2), output_padding=1),
        ],
    ),
    Row(
        "conv_transpose3d",
        [call(draw(1, 2, 2, 1, 2), draw(2, 1, 2, 2, 1), draw(1), 2, (0, 0, 0), (1, 0, 1))],
        conv_transpose,
    ),
    Row(
        "unfold",
        [call(draw(2, 2, 3, 4), 2), call(draw(1, 2, 5, 5), (2, 3), dilation=[2, 1], padding=1, stride=2)],
        unfold,
        failures=[failure(ShapeError, ("(5, 5)", "(3, 4)"), draw(1, 1, 3, 4), 5)],
    ),
    Row(
        "fold",
        [call(draw(2, 8, 6), (3, 4), 2), call(draw(1, 12, 9), np.int64(5), (2, 3), (2, 1), 1, 2)],
        fold,
        failures=[
            failure(ShapeError, ("(2, 2)", "(3, 4)", "which has 6"), draw(2, 8, 5), (3, 4), 2),
            failure(ShapeError, "channels * 4", draw(2, 7, 6), (3, 4), 2),
        ],
    ),
    Row(
        "im2col",
        [
            call(draw(2, 2, 4, 3), 2),
            call(draw(1, 2, 4, 5), (3, 2), stride=(1, 2), pad=1),
            call(draw(1, 2, 4, 5), 3, 1, 1, to_matrix=False),
        ],
        im2col,
        failures=[failure(ShapeError, ("im2col", "(5, 5)", "(3, 4)"), draw(1, 1, 3, 4), 5)],
    ),
    Row(
        "col2im",
        [
            call(draw(12, 8), (2, 2, 4, 3), 2),
            call(draw(12, 12), (1, 2, 4, 5), (3, 2), stride=(1, 2), pad=1),
            call(draw(1, 2, 3, 3, 4, 5), [1, 2, 4, 5], 3, 1, 1, to_matrix=False),
        ],
        col2im,
        failures=[failure(ShapeError, ("(12, 8)", "(11, 8)"), draw(11, 8), (2, 2, 4, 3), 2)],
    ),
]
