"""Rows of loss.py."""

import itertools

import numpy as np
from scipy import special

from rows.row import Row, call, draw, failure, kink
from wengert import Variable
from wengert.errors import DtypeError, InputError, ShapeError

X, Y, T = draw(4, 3), draw(4, 3, seed=1), np.array([2, 0, 1, 2])
P, Q = draw(4, 3, low=0.1, high=0.9), draw(4, 3, low=0.1, high=0.9, seed=1)
BITS = np.array([[0, 1, 1]] * 4)


def picked(x, t):
    return np.take_along_axis(special.log_softmax(x, axis=-1), np.asarray(t)[..., None], axis=-1)


def slope(x, t):
    return (special.softmax(x, axis=-1) - np.eye(x.shape[-1])[t]) / np.size(t)


def reduced(entries, reduction, total=None):
    if reduction == "mean":
        return entries.mean() if total is None else entries.sum() / total
    return entries.sum() if reduction == "sum" else entries


def entrywise(f):
    """A loss of two operands and options, from that of each entry."""
    return lambda x, t, *, reduction="mean", **options: reduced(f(x, t, **options), reduction)


def logits(x, t, weight=1.0, pos_weight=1.0):
    return weight * (pos_weight * t * np.logaddexp(0, -x) + (1 - t) * np.logaddexp(0, x))


def huber(x, t, delta=1.0):
    d = abs(x - t)
    return np.where(d < delta, d * d / 2, delta * (d - delta / 2))


def smooth(x, t, beta=1.0):
    return huber(x, t, beta) / beta if beta else abs(x - t)


def divergence(x, t, log_target=False):
    return np.exp(t) * (t - x) if log_target else special.xlogy(t, t) - t * x


def kl(x, t, *, log_target=False, reduction="mean"):
    return divergence(x, t, log_target).sum() / len(x) if reduction == "batchmean" else reduced(divergence(x, t, log_target), reduction)


def poisson(x, t, log_input=True, full=False):
    entries = np.exp(x) - t * x if log_input else x - t * np.log(x + 1e-8)
    return entries + full * np.where(t > 1, t * np.log(np.maximum(t, 1)) - t + np.log(2 * np.pi * np.maximum(t, 1)) / 2, 0)


def gaussian(x, t, var, *, full=False, reduction="mean"):
    var = var[..., None] if var.ndim < x.ndim else var
    return reduced((np.log(var) + (x - t) ** 2 / var + full * np.log(2 * np.pi)) / 2, reduction)


def cosine(x, y, axis=1):
    return (x * y).sum(axis) / np.linalg.norm(x, axis=axis) / np.linalg.norm(y, axis=axis)


def cosine_embedding(x, y, t, *, margin=0.0, reduction="mean"):
    cos = cosine(x, y, -1)
    return reduced(np.where(t > 0, 1 - cos, np.maximum(cos - margin, 0)), reduction)


def distance(x, y, p=2.0, eps=1e-6, keepdims=False):
    return (abs(x - y + eps) ** p).sum(-1, keepdims=keepdims) ** (1 / p)


def triplet(x, near, far, *, margin=1.0, swap=False, reduction="mean", **options):
    away = distance(x, far, **options)
    away = np.minimum(away, distance(near, far, **options)) if swap else away
    return reduced(np.maximum(distance(x, near, **options) - away + margin, 0), reduction)


def multi_margin(x, t, *, p=1, margin=1.0, weight=None, reduction="mean"):
    weight = np.ones(x.shape[-1]) if weight is None else weight
    rows = [
        sum(max(0, margin - row[k] + row[i]) ** p for i in range(len(row)) if i != k) * weight[k] / len(row)
        for row, k in zip(x.reshape(-1, x.shape[-1]), np.ravel(t), strict=True)
    ]
    return reduced(np.reshape(rows, np.shape(t)), reduction)


def cross_entropy(x, t, weight=None, *, axis=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    axis = (1 if x.ndim > 1 else 0) if axis is None else axis
    x = np.moveaxis(x, axis, -1)
    classes = x.shape[-1]
    weight = np.ones(classes) if weight is None else weight
    total = None
    if np.issubdtype(t.dtype, np.floating):
        q = np.moveaxis(t, axis, -1) * (1 - label_smoothing) + label_smoothing / classes
    else:
        valid = t != ignore_index
        safe = np.where(valid, t, 0)
        q = (np.eye(classes)[safe] * (1 - label_smoothing) + label_smoothing / classes) * valid[..., None]
        total = (weight[safe] * valid).sum()
    return reduced(-(q * weight * special.log_softmax(x, axis=-1)).sum(-1), reduction, total)


def nll(x, t, weight=None, *, axis=None, ignore_index=-100, reduction="mean"):
    x = np.moveaxis(x, (1 if x.ndim > 1 else 0) if axis is None else axis, -1)
    weight = np.ones(x.shape[-1]) if weight is None else weight
    valid = t != ignore_index
    safe = np.where(valid, t, 0)
    rows = -np.take_along_axis(x, safe[..., None], -1)[..., 0] * weight[safe] * valid
    return reduced(rows, reduction, (weight[safe] * valid).sum())


def ctc(x, t, input_lengths, target_lengths, *, blank=0, reduction="mean", zero_infinity=False):
    """All ways there are, one after the other."""
    single = x.ndim == 2
    x = x[:, None] if single else x
    lengths = np.ravel(target_lengths)
    rows = [t[i] for i in range(len(lengths))] if t.ndim == 2 else np.split(t, np.cumsum(lengths)[:-1])
    losses = []
    for n, (steps, length) in enumerate(zip(np.ravel(input_lengths), lengths, strict=True)):
        total = 0.0
        for way in itertools.product(range(x.shape[2]), repeat=int(steps)):
            merged = [k for k, _ in itertools.groupby(way) if k != blank]
            if merged == list(rows[n][:length]):
                total += np.exp(sum(x[step, n, k] for step, k in enumerate(way)))
        losses.append(-np.log(total) if total else 0.0 if zero_infinity else np.inf)
    if reduction == "mean":
        return np.mean(losses / np.maximum(lengths, 1))
    return reduced(np.array(losses[0] if single else losses), reduction)


REDUCTIONS = ("mean", "sum", "none")
IMAGE, MAP = draw(2, 3, 2, 2), np.array([[[2, 0], [1, 1]], [[0, -100], [2, 2]]])
CLASS_WEIGHT = np.array([1, 3, 2])  # no floats: it is a constant, and not differentiated
SIGNS, SIGN = np.array([[1, -1, 1]] * 4), np.array([1, -1, -1, 1])
STEPS = special.log_softmax(draw(4, 3, 3), axis=-1)
SEQUENCES, INPUTS, TARGETS = np.array([[1, 2], [2, 2], [1, 0]]), np.array([4, 3, 2]), np.array([2, 2, 1])
LABELS = [call(X, T), call(draw(3), np.array(1)), call(draw(2, 2, 3), np.array([[0, 1], [2, 0]])), call(draw(3, 4).T, T), call(draw(2, 1), np.array([0, 0])), call(X * 400, T)]
ROWS = [
    Row(
        "mean_squared_error",
        [call(X, Y), call(draw(), draw(seed=1)), call(X, BITS)],
        lambda x, y: np.mean((x - y) ** 2),
        failures=[failure(ShapeError, ("(4, 1)", "(4,)"), draw(4, 1), draw(4))],
    ),
    Row(
        "softmax_cross_entropy",
        LABELS,
        lambda x, t: -picked(x, t).mean(),
        failures=[
            failure(ShapeError, "(4, 1)", X, T[:, None]),
            failure(InputError, "label 3 of 3", X, T + 1),
            failure(InputError, "label -1", X, T - 1),
            failure(DtypeError, "integers", X, T.astype(float)),
        ],
    ),
    Row("softmax_cross_entropy_slope", LABELS, slope),
    Row(
        "sigmoid_cross_entropy",
        [call(X, P), call(X, BITS), call(draw(), draw(seed=1))],
        lambda x, t: np.mean(np.logaddexp(x, 0) - x * t),
        failures=[failure(ShapeError, "(4,)", draw(4, 1), draw(4))],
    ),
    Row(
        "binary_cross_entropy",
        [call(P, BITS), call(P, Q), *(call(P, Q, BITS[0], reduction=r) for r in REDUCTIONS)],
        lambda p, t, weight=1.0, *, reduction="mean": reduced(-weight * (t * np.log(p) + (1 - t) * np.log(1 - p)), reduction),
        failures=[
            failure(ShapeError, "(4,)", draw(4, 1), draw(4)),
            failure(InputError, ("'max'", "'none'"), P, Q, reduction="max"),
            failure(InputError, "below 0 or above 1", P - 1, Q),
            failure(InputError, "below 0 or above 1", P + 1, Q),
        ],
    ),
    Row(  # a logarithm ends at -100
        "binary_cross_entropy",
        [call(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0, 1, 0, 1]), reduction="none")],
        lambda p, t, reduction: np.where(p == t, 0.0, 100.0),
        order=0,
    ),
    Row(
        "accuracy",
        [call(X, T), call(draw(2, 4, 3), np.array([[0, 1, 2, 0], [1, 1, 0, 2]])), call(draw(3), np.array(1))],
        lambda y, t: np.mean(y.argmax(-1) == t),
        order=0,
    ),
    Row(
        "binary_cross_entropy_with_logits",
        [
            call(X, P),
            call(X, BITS, BITS.T[:, :1].T, reduction="sum"),
            call(X, P, pos_weight=CLASS_WEIGHT),
            call(X, P, CLASS_WEIGHT, pos_weight=CLASS_WEIGHT, reduction="none"),
            call(draw(), draw(seed=1)),
        ],
        lambda x, t, weight=1.0, *, pos_weight=1.0, reduction="mean": reduced(logits(x, t, weight, pos_weight), reduction),
        failures=[failure(ShapeError, "(4,)", draw(4, 1), draw(4))],
    ),
    Row("mse_loss", [call(X, Y, reduction=r) for r in REDUCTIONS], entrywise(lambda x, t: (x - t) ** 2)),
    Row(
        "l1_loss",
        [call(X, Y, reduction=r) for r in REDUCTIONS],
        entrywise(lambda x, t: abs(x - t)),
        kinks=[kink(([0.0, 1], [0.0, -1]), [1.0, 2], [1.0, 1], reduction="none")],
    ),
    Row(
        "huber_loss",
        [*(call(X, Y, reduction=r) for r in REDUCTIONS), call(X, BITS, delta=0.3), call(draw(), draw(seed=1))],
        entrywise(huber),
        failures=[failure(InputError, ("delta", "0"), X, Y, delta=0)],
    ),
    Row(
        "smooth_l1_loss",
        [*(call(X, Y, reduction=r) for r in REDUCTIONS), call(X, BITS, beta=0.3), call(X, Y, beta=0)],
        entrywise(smooth),
        failures=[failure(InputError, ("beta", "-1"), X, Y, beta=-1), failure(ShapeError, "(4,)", draw(4, 1), draw(4))],
    ),
    Row(
        "kl_divergence",
        [*(call(X, P, reduction=r) for r in (*REDUCTIONS, "batchmean")), call(X, Y, log_target=True), call(X, BITS)],
        kl,
        failures=[failure(InputError, "batchmean", X, P, reduction="max")],
    ),
    Row(
        "gaussian_nll_loss",
        [call(X, Y, P), call(X, Y, P[:, :1], full=True), call(X, BITS, P[:, 0], reduction="none"), call(X, Y, P, reduction="sum")],
        gaussian,
        failures=[failure(ShapeError, "(3,)", X, Y, P[0]), failure(InputError, "negative", X, Y, -P)],
    ),
    Row(
        "poisson_nll_loss",
        [call(X, P), call(P, Q, log_input=False), call(X, Q * 4, full=True), *(call(X, BITS, reduction=r) for r in REDUCTIONS)],
        entrywise(poisson),
    ),
    Row(
        "cosine_similarity",
        [call(X, Y), call(X, Y, axis=0), call(IMAGE, draw(2, 3, 2, 2, seed=1)), call(draw(3), draw(3, seed=1), axis=-1)],
        cosine,
        failures=[failure(ShapeError, "axis 1", draw(3), draw(3))],
    ),
    Row(
        "pairwise_distance",
        [call(X, Y), call(X, Y, 3.0, keepdims=True), call(draw(3), X, eps=0.1)],
        distance,
    ),
    Row(
        "cosine_embedding_loss",
        [*(call(X, Y, SIGN, margin=-0.5, reduction=r) for r in REDUCTIONS), call(draw(3), draw(3, seed=1), np.array(1))],
        cosine_embedding,
        failures=[failure(InputError, "1 or -1", X, Y, SIGN * 0), failure(ShapeError, "(3, 4)", X, Y.T, SIGN), failure(ShapeError, "one t", X, Y, SIGN[:2])],
    ),
    Row(
        "triplet_margin_loss",
        [*(call(X, Y, P, reduction=r) for r in REDUCTIONS), call(X, Y, P, swap=True, margin=5.0, p=3.0, eps=0.1)],
        triplet,
        failures=[failure(ShapeError, ("negative", "(3, 4)"), X, Y, P.T)],
    ),
    Row(
        "margin_ranking_loss",
        [call(X, Y, SIGNS, margin=0.3, reduction=r) for r in REDUCTIONS],
        lambda x, y, t, *, margin, reduction: reduced(np.maximum(margin - t * (x - y), 0), reduction),
        failures=[failure(InputError, "1 or -1", X, Y, BITS)],
    ),
    Row(
        "hinge_embedding_loss",
        [call(X, SIGNS, margin=0.5, reduction=r) for r in REDUCTIONS],
        entrywise(lambda x, t, margin: np.where(t > 0, x, np.maximum(margin - x, 0))),
        failures=[failure(InputError, "1 or -1", X, BITS)],
    ),
    Row(
        "soft_margin_loss",
        [call(X, SIGNS, reduction=r) for r in REDUCTIONS],
        entrywise(lambda x, t: np.logaddexp(0, -t * x)),
        failures=[failure(ShapeError, "(4,)", draw(4, 1), SIGN)],
    ),
    Row(
        "multi_margin_loss",
        [call(X, T), call(X, T, p=2, margin=0.5, reduction="none"), call(X, T, weight=CLASS_WEIGHT, reduction="sum"), call(draw(3), np.array(1))],
        multi_margin,
        failures=[
            failure(InputError, ("p", "3"), X, T, p=3),
            failure(InputError, "label 3 of 3", X, T + 1),
            failure(ShapeError, "(2,)", X, T, weight=np.ones(2)),
        ],
    ),
    Row(
        "cross_entropy",
        [
            call(X, T),
            call(X * 400, T),
            call(draw(3), np.array(1)),
            call(IMAGE, MAP, CLASS_WEIGHT, reduction="mean"),
            call(IMAGE, MAP, CLASS_WEIGHT, reduction="none", label_smoothing=0.2),
            call(IMAGE, MAP, label_smoothing=0.2, reduction="mean"),
            call(X, T, CLASS_WEIGHT, ignore_index=2, label_smoothing=0.3),
            call(X, T, reduction="sum"),
            call(X, P),
            call(X, P, CLASS_WEIGHT, label_smoothing=0.1, reduction="none"),
            call(IMAGE, draw(2, 3, 2, 2, low=0, high=1), reduction="sum"),
            call(draw(2, 2, 3), np.array([[0, 1], [2, 0]]), axis=-1),
            call(draw(3, 4).T, T),
        ],
        cross_entropy,
        failures=[
            failure(InputError, "label 3 of 3", X, T + 1),
            failure(InputError, "label -1 of 3", X, T - 1),
            failure(ShapeError, "(3,)", X, T[:3]),
            failure(ShapeError, ("weight", "(2,)", "(3,)"), X, T, np.ones(2)),
            failure(DtypeError, ("weight", "constant"), X, T, Variable(np.ones(3))),
            failure(ShapeError, "axis 5", X, T, axis=5),
            failure(ShapeError, "(3, 4)", X, P.T),
            failure(InputError, ("label_smoothing", "1.5"), X, T, label_smoothing=1.5),
            failure(InputError, "'average'", X, T, reduction="average"),
            failure(DtypeError, "integers", X, T > 0),
            failure(DtypeError, "floating", T, T),
        ],
    ),
    Row(
        "nll_loss",
        [
            call(X, T),
            call(draw(3), np.array(1)),
            call(IMAGE, MAP, CLASS_WEIGHT),
            call(IMAGE, MAP, reduction="none"),
            call(X, T, CLASS_WEIGHT, ignore_index=2, reduction="sum"),
            call(draw(2, 2, 3), np.array([[0, 1], [2, 0]]), axis=-1),
        ],
        nll,
        failures=[failure(InputError, "label 3 of 3", X, T + 1)],
    ),
    Row(
        "ctc_loss",
        [
            call(STEPS, SEQUENCES, INPUTS, TARGETS),
            call(STEPS, np.array([1, 2, 2, 2, 1]), INPUTS, TARGETS, reduction="sum"),
            call(STEPS, SEQUENCES, INPUTS, TARGETS * 0, reduction="none"),
            call(STEPS[::-1], SEQUENCES - 1, INPUTS, TARGETS - 1, blank=2, reduction="none"),
            call(STEPS, np.array([[1, 1], [2, 2], [2, 2]]), np.array([4, 3, 2]), np.array([2, 2, 2]), zero_infinity=True),
            call(STEPS[:, 0], np.array([1, 2]), np.array(4), np.array(2), reduction="none"),
        ],
        ctc,
        failures=[
            failure(InputError, "blank 3 of 3", STEPS, SEQUENCES, INPUTS, TARGETS, blank=3),
            failure(InputError, "is the blank, 1", STEPS, SEQUENCES, INPUTS, TARGETS, blank=1),
            failure(InputError, ("input_lengths", "4", "5"), STEPS, SEQUENCES, INPUTS + 1, TARGETS),
            failure(InputError, "label 3 of 3", STEPS, SEQUENCES + 1, INPUTS, TARGETS),
            failure(ShapeError, "as long as target_lengths", STEPS, SEQUENCES, INPUTS, TARGETS + 1),
            failure(ShapeError, "in all", STEPS, np.array([1, 2]), INPUTS, TARGETS),
            failure(ShapeError, "(steps, n, classes)", STEPS, SEQUENCES, INPUTS[:2], TARGETS),
            failure(DtypeError, "integers", STEPS, SEQUENCES * 1.0, INPUTS, TARGETS),
        ],
    ),
]
