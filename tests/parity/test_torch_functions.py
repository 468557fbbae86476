"""Every function that PyTorch has too, beside PyTorch's own, on calls drawn at random.

Values, gradients and gradients of gradients in float64; values and gradients in float32.
TABLE says which function of PyTorch it is and how to draw a call; WITHOUT says why a function is not in it.
"""

import math
import operator
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pytest

from wengert import Variable
from wengert import functions as F
from wengert.core.modes import test_mode
from wengert.variable import as_array

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -e .[parity]")
TF, LA = torch.nn.functional, torch.linalg

DRAWS = 6  # calls of each function
WINDOWS = "what convolution and pooling are made of, which PyTorch keeps to itself"
WITHOUT = {
    "alpha_dropout": "random, as dropout",
    "apply_rotary": "PyTorch has no rotations by position",
    "convolution_input": WINDOWS,
    "convolution_output": WINDOWS,
    "convolution_weight": WINDOWS,
    "dropout": "random: each library draws its own mask",
    "dropout1d": "random, as dropout",
    "dropout2d": "random, as dropout",
    "dropout3d": "random, as dropout",
    "empty_like": "the values of its result are left open",
    "gather_windows": WINDOWS,
    "max_windows": WINDOWS,
    "pick_maxima": WINDOWS,
    "place_maxima": WINDOWS,
    "scatter_windows": WINDOWS,
    "sinusoidal_encoding": "PyTorch has no encoding of positions",
    "spread_windows": WINDOWS,
    "sum_windows": WINDOWS,
}


# Drawing calls


class Draw:
    """The random numbers of one call, the same at every run."""

    def __init__(self, name: str, number: int) -> None:
        self.rng = np.random.default_rng((zlib.crc32(name.encode()), number))
        self.number = number

    def turn(self, *choices: Any) -> Any:
        """One of the choices; the calls of a function take them in turn, so that each has its turn."""
        return choices[self.number % len(choices)]

    def pick(self, *choices: Any) -> Any:
        """One of the choices, at random."""
        return choices[self.rng.integers(len(choices))]

    def array(self, *shape: int, low: float = -2.0, high: float = 2.0) -> Any:
        """Numbers evenly between ``low`` and ``high``."""
        return np.asarray(self.rng.uniform(low, high, shape))

    def ties(self, *shape: int) -> Any:
        """Small whole numbers, among them zeros and equals."""
        return np.asarray(self.rng.integers(-2, 3, shape).astype(float))

    def integers(self, *shape: int, high: int) -> Any:
        """Whole numbers from 0 up to, not including, ``high``."""
        return np.asarray(self.rng.integers(0, high, shape))

    def bits(self, *shape: int) -> Any:
        """True and False."""
        return np.asarray(self.rng.integers(0, 2, shape).astype(bool))

    def shape(self) -> tuple[int, ...]:
        """A shape of any number of axes, in turn."""
        return self.turn((2, 3), (), (4,), (2, 1, 3), (2, 0), (1,))

    def axis(self, ndim: int) -> int:
        """An axis, counted from either end."""
        return int(self.rng.integers(-ndim, ndim))

    def axes(self, ndim: int) -> Any:
        """What a reduction takes: None, an axis, or several."""
        several = tuple(int(a) for a in self.rng.permutation(ndim)[: int(self.rng.integers(1, ndim + 1))])
        return self.turn(None, self.axis(ndim), several, self.axis(ndim))

    def matrices(self, *, extra: int = 0) -> Any:
        """Square matrices, or with ``extra`` more rows, far from singular, with distinct singular values."""
        *lead, n = self.turn((2,), (3,), (2, 3), (1,), (2, 1, 2), (4,))
        diagonal = np.eye(n + max(extra, 0), n + max(-extra, 0)) * (3.0 + np.arange(n + max(-extra, 0)))
        return self.array(*lead, *diagonal.shape, low=-0.7, high=0.7) + diagonal


def given(*args: Any, **options: Any) -> tuple[Any, dict[str, Any]]:
    """What a drawing returns: arguments of both functions, in which every floating array is differentiated."""
    return tuple([np.asarray(arg) if isinstance(arg, np.generic) else arg for arg in args]), options


@dataclass(frozen=True)
class Pair:
    """A function of PyTorch, taking our arguments, and how to draw them."""

    theirs: Callable[..., Any]
    draw: Callable[[Draw], tuple[Any, dict[str, Any]]]
    ours: Callable[..., Any] | None = None  # in place of the function itself
    draws: int = DRAWS
    order: int = 2  # of derivatives that PyTorch has


def unary(theirs: Callable[..., Any], low: float = -2.0, high: float = 2.0) -> Pair:
    """Of each entry on its own."""
    return Pair(theirs, lambda d: given(d.array(*d.shape(), low=low, high=high)))


def stepping(theirs: Callable[..., Any]) -> Pair:
    """The same with whole numbers and zeros, in every second call."""
    return Pair(theirs, lambda d: given(d.turn(d.array, d.ties)(*d.shape())))


def binary(theirs: Callable[..., Any], low: float = -2.0, high: float = 2.0, ties: bool = False) -> Pair:
    """Of pairs of entries, which broadcast; also with a Python number on either side."""

    def draw(d: Draw) -> Any:
        shapes = d.turn(
            ((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((3,), None), (None, (2, 2)), ((), (2, 0, 1))
        )
        array = d.ties if ties and d.number % 2 else lambda *shape: d.array(*shape, low=low, high=high)
        return given(*[float(array()) if shape is None else array(*shape) for shape in shapes])

    def on_tensors(x: Any, y: Any) -> Any:
        like = x if isinstance(x, torch.Tensor) else y
        return theirs(*[torch.as_tensor(v, dtype=like.dtype) for v in (x, y)])

    return Pair(on_tensors, draw)


def reduction(
    theirs: Callable[..., Any], array: Callable[[Draw, Any], Any] = lambda d, s: d.array(*s), **options: Any
) -> Pair:
    """Along an axis, several or all, the axes kept or not.  An option is drawn from what is given for it."""

    def draw(d: Draw) -> Any:
        shape = d.pick((3,), (2, 3), (2, 3, 4), (3, 1, 2))
        drawn = {name: d.pick(*choices) for name, choices in options.items()}
        return given(array(d, shape), axis=d.axes(len(shape)), keepdims=d.pick(False, True), **drawn)

    return Pair(theirs, draw)


def with_ties(d: Draw, shape: Any) -> Any:
    return d.turn(d.array, d.ties)(*shape)


# Adapting arguments


def dim(theirs: Callable[..., Any]) -> Callable[..., Any]:
    """``axis`` and ``keepdims`` in PyTorch's words; every axis named where axis is None."""

    def call(x: Any, axis: Any = None, keepdims: bool = False, **options: Any) -> Any:
        return theirs(x, dim=tuple(range(x.ndim)) if axis is None else axis, keepdim=keepdims, **options)

    return call


def one_dim(theirs: Callable[..., Any]) -> Callable[..., Any]:
    """The same for what takes one axis alone: the axes are laid flat first."""

    def call(x: Any, *args: Any, axis: Any = None, keepdims: bool = False, **options: Any) -> Any:
        axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(a % x.ndim for a in axes)
        flat = torch.movedim(x, axes, tuple(range(-len(axes), 0))).flatten(-len(axes))
        out = theirs(flat, *args, dim=-1, **options)
        return out.reshape([1 if i in axes else n for i, n in enumerate(x.shape)]) if keepdims else out

    return call


def lined(theirs: Callable[..., Any], first: float) -> Callable[..., Any]:
    """Running sums and products, which may begin with a value of their own."""

    def call(x: Any, axis: Any = None, include_initial: bool = False) -> Any:
        if axis is None:
            x, axis = x.flatten(), 0
        out = theirs(x, dim=axis)
        return torch.cat([torch.full_like(out.narrow(axis, 0, 1), first), out], dim=axis) if include_initial else out

    return call


def average(x: Any, axis: Any = None, weights: Any = None, keepdims: bool = False) -> Any:
    if weights is None:
        return dim(torch.mean)(x, axis, keepdims)
    if weights.ndim == 1:
        weights = weights.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
    total = dim(torch.sum)
    return total(x * weights, axis, keepdims) / total(weights.expand(x.shape), axis, keepdims)


def draw_average(d: Draw) -> Any:
    axis = d.axis(3)
    shape = d.turn(None, (2, 3, 4), ((2, 3, 4)[axis],))
    weights = None if shape is None else d.array(*shape, low=0.5)
    return given(d.array(2, 3, 4), axis=axis, weights=weights, keepdims=d.pick(False, True))


def entries(x: Any, index: Any) -> Any:
    return x[index]


def written(x: Any, index: Any, value: Any) -> Any:
    out = x.clone()
    out[index] = value
    return out


def added(shape: Any, dtype: Any, index: Any, values: Any) -> Any:
    numbers = torch.arange(math.prod(shape)).reshape(shape)[index]
    return (
        torch.zeros(math.prod(shape), dtype=values.dtype)
        .index_add(0, numbers.flatten(), values.flatten())
        .reshape(shape)
    )


def draw_index(d: Draw, once: bool = False) -> Any:
    """An index of an array of (4, 3, 2); with ``once``, one that names no entry twice."""
    names = np.array([3, 0, 2]) if once else np.array([3, 0, 3, 1, 0])
    return d.turn(
        2,
        (slice(1, None, 2), None, ..., -1),
        names,
        d.bits(4, 3, 2),
        (slice(None), np.array([[0, 2]]) if once else np.array([[0, 2], [2, 2]])),
        (np.array([0, 1]), slice(None), np.array([1, 0])),
    )


def draw_update(d: Draw) -> Any:
    x, index = d.array(4, 3, 2), draw_index(d, once=True)
    shape = x[index].shape
    return given(x, index, d.pick(d.array(), d.array(*shape), 1.5))


def draw_scatter(d: Draw) -> Any:
    index = draw_index(d)
    values = d.array(*np.zeros((4, 3, 2))[index].shape)
    return given((4, 3, 2), np.float64, index, values)


def taken(x: Any, indices: Any, axis: Any = None) -> Any:
    return torch.take(x, indices) if axis is None else x[(slice(None),) * (axis % x.ndim) + (indices,)]


def draw_take(d: Draw) -> Any:
    axis = d.turn(None, d.axis(3))
    count = 24 if axis is None else (2, 3, 4)[axis]
    return given(d.array(2, 3, 4), d.integers(*d.pick((), (5,), (2, 3)), high=count), axis=axis)


def draw_take_along(d: Draw) -> Any:
    axis = d.axis(2)
    shape = [2, 3]
    shape[axis] = 4
    if d.pick(False, True):
        shape[1 + axis if axis < 0 else axis - 1] = 1
    return given(d.array(2, 3), d.integers(*shape, high=(2, 3)[axis]), axis=axis)


def padded(x: Any, pad_width: Any, mode: str = "constant", constant_values: float = 0.0) -> Any:
    widths = [n for pair in np.broadcast_to(pad_width, (x.ndim, 2))[::-1].tolist() for n in pair]
    if mode == "constant":
        return TF.pad(x, widths, value=constant_values)
    return TF.pad(x, widths[:2], mode={"edge": "replicate", "wrap": "circular", "reflect": "reflect"}[mode])


def draw_pad(d: Draw) -> Any:
    mode = d.turn("constant", "edge", "wrap", "reflect")
    if mode == "constant":
        pairs = [tuple(d.integers(2, high=3).tolist()) for _ in range(2)]
        return given(d.array(2, 3), d.pick(1, (0, 2), pairs), constant_values=d.pick(0.0, 1.5))
    return given(d.array(2, 1, 4), [(0, 0), (0, 0), tuple(d.integers(2, high=4).tolist())], mode=mode)


def draw_clip(d: Draw) -> Any:
    """Equal bounds are left out: PyTorch then gives neither a derivative."""
    low, high = d.turn(
        (-1.0, 1.0),
        (None, 1.0),
        (d.ties(3), None),
        (d.ties(2, 1) - 1, d.ties(3) + 0.5),
        (d.ties(3), d.array(2, 1)),
        (0.5, None),
    )
    return given(d.turn(d.array, d.ties)(2, 3), low, high)


def clamped(x: Any, low: Any, high: Any) -> Any:
    """Bounds as tensors, for PyTorch takes no number beside a tensor."""
    return torch.clamp(x, *[torch.tensor(b, dtype=x.dtype) if isinstance(b, float) else b for b in (low, high)])


def draw_special(d: Draw) -> Any:
    return given(d.rng.permutation([*d.array(3), 0.0, -0.0, np.nan, np.inf, -np.inf]).reshape(2, 4))


def draw_nan_to_num(d: Draw) -> Any:
    """Infinities only where they become numbers that can be weighted without overflow."""
    if d.turn(False, True):
        return given(d.array(4) + np.array([0, np.nan, np.inf, -np.inf]), nan=d.pick(0.0, 2.0), posinf=9.0, neginf=-9.0)
    return given(d.array(3) + np.array([0, np.nan, 0]))


def draw_power(d: Draw) -> Any:
    positive = d.array(2, 3, low=0.3)
    return d.turn(
        given(positive, d.array(3)),
        given(d.ties(4), d.pick(0, 1, 2, 3)),
        given(d.pick(0.5, 2.0), d.array(2, 2)),
        given(positive, d.pick(-1, -0.5, 0.5, 2.5)),
        given(d.array(2, 1), d.integers(3, high=4).astype(np.int16)),  # a wider type would make NumPy leave float32
        given(d.array(5), d.pick(-2, -1, 4)),
        given(d.ties(6, 1), np.arange(1, 4, dtype=np.int16)),  # at 0**0 PyTorch has a nan in the second derivative
    )


def draw_solve(d: Draw) -> Any:
    a, b = d.turn(
        ((3, 3), (3,)),
        ((3, 3), (3, 2)),
        ((2, 3, 3), (3, 4)),
        ((2, 2), (5, 2, 1)),
        ((4, 1, 3, 3), (2, 3, 2)),
        ((2, 3, 3), (3,)),
    )
    return given(d.array(*a, low=-0.7, high=0.7) + 3 * np.eye(a[-1]), d.array(*b))


def products(*shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> Callable[[Draw], Any]:
    """Two arrays, their shapes in turn."""

    def draw(d: Draw) -> Any:
        x, y = d.turn(*shapes)
        return given(d.array(*x), d.array(*y))

    return draw


def draw_vectors(d: Draw) -> Any:
    """Vectors of three entries along an axis."""
    x, y, axis = d.turn(((3,), (3,), -1), ((2, 3), (1, 3), -1), ((3, 4), (3, 4), 0), ((2, 3, 2), (2, 3, 1), 1))
    return given(d.array(*x), d.array(*y), axis=axis)


def draw_einsum(d: Draw) -> Any:
    subscripts, *shapes = d.turn(
        ("ij,jk->ik", (2, 3), (3, 4)),
        ("bij,bjk,k->bi", (2, 2, 3), (2, 3, 2), (2,)),
        ("ii->i", (3, 3)),
        ("...ij,...j->...i", (2, 2, 3), (3,)),
        ("ij,kj", (2, 3), (4, 3)),
        ("iij,jk->k", (2, 2, 3), (3, 2)),
        ("i,j->ji", (2,), (3,)),
        ("ijk->", (2, 3, 2)),
    )
    return given(subscripts, *[d.array(*shape) for shape in shapes])


def draw_tensordot(d: Draw) -> Any:
    x, y, axes = d.turn(
        ((2, 3, 4), (3, 4, 2), 2),
        ((2, 3), (3, 4), 1),
        ((2, 3), (4,), 0),
        ((2, 3, 4), (4, 2), ([2, 0], [0, 1])),
        ((2, 3), (4, 3), ([-1], [1])),
        ((3,), (3,), 1),
    )
    return given(d.array(*x), d.array(*y), axes=axes)


def draw_sequence(*shapes: tuple[int, ...]) -> Callable[[Draw], Any]:
    """A list of two or three arrays of one shape."""
    return lambda d: given([d.array(*d.turn(*shapes)) for _ in range(d.pick(2, 3))])


def draw_concat(d: Draw) -> Any:
    axis = d.turn(0, -1, 1, None)
    arrays = []
    for _ in range(3):
        shape = [2, 3, 2]
        shape[axis or 0] = int(d.integers(high=4))
        arrays.append(d.array(*shape))
    return given(arrays, axis=axis)


def draw_linear(d: Draw) -> Any:
    x = d.array(*d.turn((3,), (2, 3), (2, 4, 3), (0, 3)))
    return given(x, d.array(3, 2), d.pick(None, d.array(2)))


def draw_embed(d: Draw) -> Any:
    """No empty ones: PyTorch has no second derivative of those."""
    return given(d.integers(*d.turn((), (5,), (2, 3)), high=4), d.array(4, 2))


def draw_labels(d: Draw) -> Any:
    shape = d.turn((4,), (2, 3), (), (1,), (2, 1, 2))
    return given(d.array(*shape, 3, low=-5, high=5), d.integers(*shape, high=3).astype(d.pick(np.int64, np.int32)))


def cross_entropy(x: Any, t: Any) -> Any:
    return TF.cross_entropy(x.reshape(-1, x.shape[-1]), t.reshape(-1).long())


def cross_entropy_slope(x: Any, t: Any) -> Any:
    return (torch.softmax(x, -1) - TF.one_hot(t.long(), x.shape[-1])) / t.numel()


def targets(theirs: Callable[..., Any], low: float, high: float) -> Pair:
    """A loss of predictions and targets, which are numbers, bits, or as sure as can be."""

    def draw(d: Draw) -> Any:
        shape = d.turn((2, 3), (4,), (), (3, 1))
        t = d.pick(d.array(*shape, low=0.0, high=1.0), d.integers(*shape, high=2), d.bits(*shape))
        return given(d.array(*shape, low=low, high=high), t)

    return Pair(lambda x, t: theirs(x, t.to(x.dtype)), draw)


def signs(d: Draw, *shape: int) -> Any:
    return 2 * d.integers(*shape, high=2) - 1


def loss(theirs: Callable[..., Any], target: Callable[..., Any] = Draw.array, order: int = 2, **choices: Any) -> Pair:
    """A loss of predictions and targets of one shape, with any reduction.  An option is drawn from what is given for it."""

    def draw(d: Draw) -> Any:
        shape = d.turn((2, 3), (4,), (), (3, 1, 2))
        options = {name: d.pick(*values) for name, values in choices.items()}
        return given(
            d.array(*shape, low=0.3), target(d, *shape), **{"reduction": d.pick("mean", "sum", "none"), **options}
        )

    return Pair(lambda x, t, **options: theirs(x, t.to(x.dtype), **options), draw, order=order)


def divergence(x: Any, t: Any, reduction: str, **options: Any) -> Any:
    """PyTorch warns of its mean."""
    out = TF.kl_div(x, t, reduction="none" if reduction == "mean" else reduction, **options)
    return out.mean() if reduction == "mean" else out


def draw_classes(d: Draw) -> Any:
    """Scores with the classes in the second axis, labels of which some do not count, and whole numbers for weights."""
    shape = d.turn((4, 3), (2, 3, 4), (3,), (2, 3, 2, 2))
    labels = d.integers(*shape[:1], *shape[2:], high=3) if len(shape) > 1 else d.integers(high=3)
    ignored = d.pick(-100, 1)
    if ignored < 0 and labels.ndim:
        labels[0] = ignored
    weight = d.pick(None, 1 + d.integers(3, high=4))
    labels = np.where(labels == ignored, ignored if labels.ndim else (ignored + 1) % 3, labels)
    return given(d.array(*shape), labels, weight, ignore_index=ignored, reduction=d.pick("mean", "sum", "none"))


def draw_smoothed(d: Draw) -> Any:
    (x, labels, weight), options = draw_classes(d)
    if d.turn(False, False, True):
        return given(
            x,
            d.array(*x.shape, low=0, high=1),
            weight,
            reduction=options["reduction"],
            label_smoothing=d.pick(0.0, 0.2),
        )
    return given(x, labels, weight, **options, label_smoothing=d.pick(0.0, 0.2))


def draw_weighted_bits(d: Draw) -> Any:
    t = d.pick(d.array(2, 3, low=0, high=1), d.bits(2, 3))
    weight, positive = (d.pick(None, 1 + d.integers(*shape, high=4)) for shape in ((2, 3), (3,)))
    return given(d.array(2, 3, low=-9, high=9), t, weight, pos_weight=positive, reduction=d.pick("mean", "sum", "none"))


def floating_weights(function: Callable[..., Any], cast: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Weights are drawn as whole numbers, for they are constants, and made floating here."""

    def call(x: Any, t: Any, weight: Any = None, **options: Any) -> Any:
        if "pos_weight" in options:
            options["pos_weight"] = cast(options["pos_weight"], x)
            t = t.to(x.dtype) if isinstance(t, torch.Tensor) else t
        return function(x, t, weight=cast(weight, x), **options)

    return call


def weighted(name: str, draw: Callable[[Draw], Any], order: int = 2) -> Pair:
    def for_them(weight: Any, x: Any) -> Any:
        return None if weight is None else weight.to(x.dtype)

    def for_us(weight: Any, x: Any) -> Any:
        return None if weight is None else weight.astype(x.dtype)

    theirs, ours = getattr(TF, name), getattr(F, name)
    return Pair(floating_weights(theirs, for_them), draw, floating_weights(ours, for_us), order=order)


def draw_multi_margin(d: Draw) -> Any:
    x, t = d.turn((d.array(4, 3), d.integers(4, high=3)), (d.array(3), d.integers(high=3)))
    options = {"p": d.pick(1, 2), "margin": d.pick(1.0, 0.4), "reduction": d.pick("mean", "sum", "none")}
    return given(x, t, d.pick(None, 1 + d.integers(3, high=4)), **options)


def draw_variance(d: Draw) -> Any:
    shape = d.turn((3, 4), (3, 1), (3,))
    options = {"full": d.pick(False, True), "reduction": d.pick("mean", "sum", "none")}
    return given(d.array(3, 4), d.array(3, 4), d.array(*shape, low=0.2), **options)


def draw_cosine(d: Draw) -> Any:
    shape = d.turn((4, 3), (3,))
    options = {"margin": d.pick(0.0, 0.3), "reduction": d.pick("mean", "sum", "none")}
    return given(d.array(*shape), d.array(*shape), signs(d, *shape[:-1]), **options)


def draw_triplet(d: Draw) -> Any:
    options = {
        "margin": d.pick(1.0, 0.2),
        "p": d.pick(2.0, 3.0),
        "swap": d.turn(False, True),
        "reduction": d.pick("mean", "sum", "none"),
    }
    return given(*[d.array(*d.turn((5, 3), (5, 3), (3,))) for _ in range(3)], **options)


def draw_ctc(d: Draw) -> Any:
    """Long enough inputs: of none that fits PyTorch's gradient is nan."""
    blank = d.turn(0, 3)
    labels = d.integers(2, 3, high=3) + (blank == 0)
    lengths = np.array([7, d.pick(6, 7)]), d.integers(2, high=3) + 1
    return given(d.array(7, 2, 4), labels, *lengths, blank=blank, reduction=d.pick("mean", "sum", "none"))


def draw_rearranged(d: Draw) -> Any:
    return d.array(*d.turn((2, 3, 4), (3, 2), (1, 2, 3, 2)))


def draw_moveaxis(d: Draw) -> Any:
    count = d.pick(1, 2, 3)
    source, destination = ([int(a) - d.pick(0, 3) for a in d.rng.permutation(3)[:count]] for _ in range(2))
    return given(
        d.array(2, 3, 4), *((source[0], destination[0]) if count == 1 else (tuple(source), tuple(destination)))
    )


def draw_squeeze(d: Draw) -> Any:
    return given(d.array(1, 2, 1, 3, 1), axis=d.turn(None, 0, -1, (0, 2), (-1, 2)))


def unsqueezed(x: Any, axis: Any) -> Any:
    axes = axis if isinstance(axis, tuple) else (axis,)
    ndim = x.ndim + len(axes)
    return reduce(torch.unsqueeze, sorted(a % ndim for a in axes), x)


def draw_split(d: Draw) -> Any:
    return given(d.array(4, 6, 2), d.pick(1, 2, [1], [0, 1, 3], [2, 2]), axis=d.pick(0, 1, -2))


def places(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    return torch.tensor_split(x, indices_or_sections, dim=axis)


def draw_roll(d: Draw) -> Any:
    shift, axis = d.turn((2, None), (-1, 0), (5, -1), ((1, -2), (0, 1)), ((1, 1), (1, 1)))
    return given(d.array(3, 4), shift, axis=axis)


def draw_repeat(d: Draw) -> Any:
    axis = d.turn(None, 0, -1)
    return given(
        d.array(2, 3),
        d.integers(6 if axis is None else (2, 3)[axis], high=3).tolist() if d.pick(0, 1) else 2,
        axis=axis,
    )


def repeated(x: Any, repeats: Any, axis: Any = None) -> Any:
    repeats = repeats if isinstance(repeats, int) else torch.tensor(repeats)
    return torch.repeat_interleave(x, repeats, dim=axis)


def draw_diagonal(d: Draw) -> Any:
    shape = d.turn((3, 3), (2, 4), (2, 3, 4))
    axis1, axis2 = (int(a) - d.pick(0, len(shape)) for a in d.rng.permutation(len(shape))[:2])
    return given(d.array(*shape), offset=d.pick(0, 1, -1), axis1=axis1, axis2=axis2)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return torch.diagonal(x, offset=offset, dim1=axis1, dim2=axis2)


def triangle(theirs: Callable[..., Any]) -> Pair:
    return Pair(
        lambda x, k=0: theirs(x, diagonal=k),
        lambda d: given(d.array(*d.turn((3, 3), (2, 4), (2, 4, 3))), k=d.pick(0, 1, -1, 2)),
    )


def positive_definite(x: Any, eye: Callable[..., Any]) -> Any:
    """Symmetric by construction: so a derivative need not say what comes of other changes."""
    return x @ x.mT + eye(x.shape[-1], dtype=x.dtype)


def symmetric(x: Any) -> Any:
    return (x + x.mT) / 2


def squares(outs: Any, *which: int) -> Any:
    """Vectors that are determined up to their sign, squared."""
    return tuple(out * out if i in which else out for i, out in enumerate(outs))


def matrices(theirs: Callable[..., Any]) -> Pair:
    return Pair(theirs, lambda d: given(d.matrices()))


def constants(theirs: Callable[..., Any], *calls: tuple[Any, ...]) -> Pair:
    """Of plain numbers, the calls in turn."""
    return Pair(theirs, lambda d: given(*d.turn(*calls)))


def like(theirs: Callable[..., Any], *args: Any) -> Pair:
    return Pair(lambda x, *rest: theirs(x.detach(), *rest), lambda d: given(d.array(*d.shape()), *args))


def attention(query: Any, key: Any, value: Any, mask: Any = None, causal: bool = False, scale: Any = None) -> Any:
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):  # the others have one derivative only
        return TF.scaled_dot_product_attention(query, key, value, mask, is_causal=causal, scale=scale)


def draw_attention(d: Draw) -> Any:
    """Each query may attend to the first key: of none at all PyTorch's versions differ."""
    lead, n, m = d.turn(((), 3, 4), ((2,), 4, 4), ((2, 2), 2, 5))
    allowed = d.bits(n, m)
    allowed[:, 0] = True
    options = d.turn({}, {"causal": True}, {"mask": allowed}, {"mask": d.array(n, m)}, {"scale": 0.3})
    return given(d.array(*lead, n, 3), d.array(*lead, m, 3), d.array(*lead, m, 2), **options)


def axes_or_number(d: Draw, axes: int, *choices: int) -> Any:
    return d.pick(d.pick(*choices), tuple(d.pick(*choices) for _ in range(axes)))


def convolution(theirs: Callable[..., Any], axes: int) -> Pair:
    def draw(d: Draw) -> Any:
        groups, sizes = d.pick(1, 2), [d.pick(5, 6) for _ in range(axes)]
        same = d.turn(False, False, False, True)
        kernel = [3 if same else d.pick(1, 2, 3) for _ in range(axes)]
        stride = 1 if same else axes_or_number(d, axes, 1, 2)
        padding = "same" if same else d.pick(axes_or_number(d, axes, 0, 1, 2), "valid")
        dilation = axes_or_number(d, axes, 1, 2)
        x, weight = d.array(2, 2 * groups, *sizes), d.array(2 * groups, 2, *kernel)
        return given(x, weight, d.pick(None, d.array(2 * groups)), stride, padding, dilation, groups)

    return Pair(theirs, draw)


def transposed_convolution(theirs: Callable[..., Any], axes: int) -> Pair:
    def draw(d: Draw) -> Any:
        groups, kernel = d.pick(1, 2), [d.pick(2, 3) for _ in range(axes)]
        stride, output_padding = d.turn(
            (1, 0), (2, axes_or_number(d, axes, 0, 1)), (axes_or_number(d, axes, 1, 2, 3), 0)
        )
        padding, dilation = axes_or_number(d, axes, 0, 1), axes_or_number(d, axes, 1, 2)
        x, weight = d.array(2, 2 * groups, *[d.pick(2, 3) for _ in range(axes)]), d.array(2 * groups, 3, *kernel)
        return given(x, weight, d.pick(None, d.array(3 * groups)), stride, padding, output_padding, groups, dilation)

    return Pair(theirs, draw)


def draw_unfold(d: Draw) -> Any:
    """The shape of images, the shape of their windows, and the arguments: kernel, dilation, padding, stride."""
    kernel, dilation, padding, stride = [axes_or_number(d, 2, *c) for c in ((2, 3), (1, 2), (0, 1), (1, 2))]
    size = (5, 6)
    out = TF.unfold(torch.zeros(2, 3, *size), kernel, dilation, padding, stride).shape
    return size, out, (kernel, dilation, padding, stride)


def draw_fold(d: Draw) -> Any:
    size, out, arguments = draw_unfold(d)
    return given(d.array(*out), size, *arguments)


def windows(x: Any, kernel: Any, stride: int, pad: int, to_matrix: bool) -> Any:
    columns = TF.unfold(x, kernel, padding=pad, stride=stride)
    if to_matrix:
        return columns.mT.reshape(-1, columns.shape[1])
    out = [(n + 2 * pad - k) // stride + 1 for n, k in zip(x.shape[2:], kernel, strict=True)]
    return columns.reshape(*x.shape[:2], *kernel, *out)


def image(x: Any, shape: Any, kernel: Any, stride: int, pad: int, to_matrix: bool) -> Any:
    columns = (
        x.reshape(shape[0], -1, x.shape[1]).mT if to_matrix else x.reshape(shape[0], shape[1] * math.prod(kernel), -1)
    )
    return TF.fold(columns, shape[2:], kernel, padding=pad, stride=stride)


def draw_im2col(d: Draw) -> Any:
    return given(d.array(2, 3, 5, 6), d.pick((2, 2), (3, 2)), d.pick(1, 2), d.pick(0, 1), d.turn(True, False))


def draw_col2im(d: Draw) -> Any:
    (x, *arguments), _ = draw_im2col(d)
    return given(d.array(*windows(torch.tensor(x), *arguments).shape), x.shape, *arguments)


def draw_pooled(d: Draw, axes: int) -> tuple[Any, ...]:
    """Images, and the size, stride and padding of windows."""
    x = d.turn(d.array, d.ties)(2, 2, *[d.pick(5, 6) for _ in range(axes)])
    return x, axes_or_number(d, axes, 2, 3), d.pick(None, axes_or_number(d, axes, 1, 2)), axes_or_number(d, axes, 0, 1)


def average_pooling(theirs: Callable[..., Any], axes: int) -> Pair:
    return Pair(theirs, lambda d: given(*draw_pooled(d, axes), d.pick(False, True), d.pick(False, True)))


def max_pooling(theirs: Callable[..., Any], axes: int) -> Pair:
    return Pair(theirs, lambda d: given(*draw_pooled(d, axes), axes_or_number(d, axes, 1, 2), d.pick(False, True)))


def adaptive_pooling(theirs: Callable[..., Any], axes: int) -> Pair:
    """Without equals, of which the last test tells."""
    return Pair(theirs, lambda d: given(d.array(*draw_pooled(d, axes)[0].shape), axes_or_number(d, axes, 1, 2, 3, 7)))


def lp_pooling(theirs: Callable[..., Any], axes: int) -> Pair:
    """Of positive entries, for any power; and of entries of both signs, for an even one."""

    def draw(d: Draw) -> Any:
        _, size, stride, _ = draw_pooled(d, axes)
        low, power = d.turn((0.1, d.pick(1, 2, 3.5, 0.7)), (-2.0, 2))
        return given(d.array(2, 2, *(6,) * axes, low=low), power, size, stride, d.pick(False, True))

    return Pair(theirs, draw)


def draw_interpolated(d: Draw) -> Any:
    axes = d.turn(1, 2, 3)
    mode = d.pick(*("nearest", ("linear", "bilinear", "trilinear")[axes - 1]), *(["bicubic"] if axes == 2 else []))
    wanted = d.pick({"size": axes_or_number(d, axes, 1, 3, 4, 7)}, {"scale_factor": d.pick(2, 3, 0.5, 1.5)})
    return given(
        d.array(2, 2, *[d.pick(3, 4) for _ in range(axes)]),
        **wanted,
        mode=mode,
        align_corners=mode != "nearest" and d.pick(False, True),
    )


def interpolated(x: Any, mode: str, align_corners: bool, **wanted: Any) -> Any:
    return TF.interpolate(x, **wanted, mode=mode, align_corners=None if mode == "nearest" else align_corners)


def draw_normalized(d: Draw, channels: int = 4) -> tuple[Any, Any, Any]:
    """Examples, and a weight and a bias for each channel, or none."""
    shape = d.turn((3, channels, 5), (2, channels, 3, 4), (4, channels, 2))
    return d.array(*shape), *d.pick((None, None), (d.array(channels), d.array(channels)), (d.array(channels), None))


def with_running(normalize: Callable[..., Any], state: Callable[..., Any]) -> Callable[..., Any]:
    """The result, and the running mean and variance after the call, which begin with the numbers given."""

    def call(x: Any, weight: Any, bias: Any, running: Any, learn: bool, momentum: float, eps: float) -> Any:
        mean, var = [state(values, x) for values in running] if running else (None, None)
        out = normalize(x, mean, var, weight, bias, learn, momentum, eps)
        return (out, mean, var) if running else out

    return call


def running_pair(ours: Callable[..., Any], theirs: Callable[..., Any]) -> Pair:
    def draw(d: Draw) -> Any:
        running = d.pick(None, [d.array(4).tolist(), d.array(4, low=0.5).tolist()])
        return given(
            *draw_normalized(d), running, running is None or d.turn(True, False), d.pick(0.1, 0.4), d.pick(1e-5, 1e-2)
        )

    return Pair(
        with_running(theirs, lambda values, x: torch.tensor(values, dtype=x.dtype)),
        draw,
        with_running(ours, lambda values, x: Variable(np.array(values, x.dtype), requires_grad=False)),
    )


def draw_last_axes(d: Draw) -> Any:
    shape = d.turn((4,), (3, 4), (2, 3))
    return d.array(*d.pick((), (2,), (2, 2)), *shape), shape, d.pick(None, d.array(*shape))


def recurrent(theirs: Callable[..., Any], states: int) -> Callable[..., Any]:
    """Each sequence on its own, as long as it is, so that PyTorch need not be told how long each is."""

    def call(x: Any, *rest: Any, lengths: Any = None, reverse: bool = False, **options: Any) -> Any:
        size = rest[states + 1].shape[0]
        initial = [torch.zeros(x.shape[1], size, dtype=x.dtype) if h is None else h for h in rest[:states]]
        params = [p.mT if p.ndim == 2 else p for p in rest[states:] if p is not None]
        run = options.get("nonlinearity")
        function = theirs if run is None else {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}[run]
        outs, lasts = [], []
        for b in range(x.shape[1]):
            n = x.shape[0] if lengths is None else int(lengths[b])
            own = [h[None, b : b + 1] for h in initial]
            out, last = x.new_zeros(0, 1, size), own
            if n:
                sequence = x[:n, b : b + 1].flip(0) if reverse else x[:n, b : b + 1]
                hidden = own if states > 1 else own[0]
                out, *last = function(sequence, hidden, params, len(params) > 2, 1, 0.0, True, False, False)
            out = out.flip(0) if reverse else out
            outs.append(torch.cat([out, x.new_zeros(x.shape[0] - n, 1, size)]))
            lasts.append([h[0] for h in last])
        return torch.cat(outs, dim=1), *[torch.cat(parts) for parts in zip(*lasts, strict=True)]

    return call


def recurrent_pair(theirs: Callable[..., Any], gates: int, states: int, **options: Any) -> Pair:
    def draw(d: Draw) -> Any:
        initial = d.pick([None] * states, [d.array(2, 3) for _ in range(states)])
        biases = d.pick([None, None], [d.array(3 * gates), d.array(3 * gates)])
        lengths = d.turn(None, d.integers(2, high=5), np.array([4, 0]))
        chosen = {name: d.pick(*choices) for name, choices in options.items()}
        weights = d.array(2, 3 * gates, low=-1, high=1), d.array(3, 3 * gates, low=-1, high=1)
        return given(
            d.array(4, 2, 2), *initial, *weights, *biases, lengths=lengths, reverse=d.pick(False, True), **chosen
        )

    return Pair(recurrent(theirs, states), draw)


def in_test_mode(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        with test_mode():
            return function(*args)

    return call


TYPES = {"float32": torch.float32, "float64": torch.float64, "int64": torch.int64, "bool": torch.bool}

ACTIVATION = {
    "celu": Pair(TF.celu, lambda d: given(d.array(*d.shape()), d.pick(1.0, 0.3, 2.0))),
    "glu": Pair(TF.glu, lambda d: given(d.array(2, 4, 6), d.pick(-1, 1, 0, -2))),
    "hardshrink": Pair(TF.hardshrink, lambda d: given(d.array(*d.shape()), d.pick(0.5, 1.0))),
    "hardsigmoid": unary(lambda x: TF.relu6(x + 3) / 6, -5, 5),  # its own has no second derivative
    "hardswish": unary(TF.hardswish, -5, 5),
    "hardtanh": Pair(TF.hardtanh, lambda d: given(d.array(*d.shape()), d.pick(-1.0, 0.0), d.pick(0.5, 1.0))),
    "log_sigmoid": unary(TF.logsigmoid, -9, 9),
    "mish": unary(TF.mish, -9, 9),
    "prelu": Pair(
        TF.prelu,
        lambda d: given(*d.turn((d.array(2, 3, 4), d.array(3)), (d.array(2, 3), d.array(1)), (d.array(4), d.array(1)))),
    ),
    "relu6": unary(TF.relu6, -9, 9),
    "rrelu": Pair(
        TF.rrelu, lambda d: given(d.array(*d.shape()), d.pick(0.1, 0.2), d.pick(0.2, 0.9)), in_test_mode(F.rrelu)
    ),
    "selu": unary(TF.selu),
    "softmin": Pair(TF.softmin, lambda d: given(d.array(2, 3, 4, low=-9, high=9), d.axis(3))),
    "softshrink": Pair(TF.softshrink, lambda d: given(d.array(*d.shape()), d.pick(0.5, 1.0))),
    "softsign": unary(TF.softsign),
    "tanhshrink": unary(TF.tanhshrink),
    "threshold": Pair(TF.threshold, lambda d: given(d.array(*d.shape()), d.pick(0.5, -0.5), d.pick(0.0, 3.0))),
    "elu": Pair(TF.elu, lambda d: given(d.array(*d.shape()), alpha=d.pick(1.0, 0.3, 2.0))),
    "embed_id": Pair(TF.embedding, draw_embed),
    "gelu": Pair(TF.gelu, lambda d: given(d.array(*d.shape(), low=-6, high=6), approximate=d.pick("none", "tanh"))),
    "leaky_relu": Pair(
        lambda x, slope=0.2: TF.leaky_relu(x, slope), lambda d: given(d.array(*d.shape()), slope=d.pick(0.2, 0.01, 1.5))
    ),
    "linear": Pair(lambda x, weight, bias: TF.linear(x, weight.mT, bias), draw_linear),
    "log_softmax": Pair(
        lambda x, axis: torch.log_softmax(x, axis), lambda d: given(d.array(2, 3, 4, low=-9, high=9), axis=d.axis(3))
    ),
    "relu": stepping(torch.relu),
    "sigmoid": unary(torch.sigmoid, -9, 9),
    "silu": unary(TF.silu, -9, 9),
    "softmax": Pair(
        lambda x, axis: torch.softmax(x, axis), lambda d: given(d.array(2, 3, 4, low=-9, high=9), axis=d.axis(3))
    ),
    "softplus": unary(lambda x: TF.softplus(x, threshold=50), -9, 9),
}
ARITHMETIC = {
    "abs": stepping(torch.abs),
    "add": binary(torch.add),
    "divide": binary(torch.div, low=0.3),
    "fabs": stepping(torch.abs),
    "floor_divide": binary(lambda x, y: torch.div(x, y, rounding_mode="floor"), low=0.3, high=9),
    "multiply": binary(torch.mul),
    "negative": unary(torch.neg),
    "positive": unary(torch.positive),
    "power": Pair(torch.pow, draw_power, draws=7),
    "rdiv": binary(lambda x, y: y / x, low=0.3),
    "remainder": Pair(
        torch.remainder,
        lambda d: given(
            d.array(2, 3, low=-9, high=9), d.pick(-1, 1) * d.array(*d.turn((2, 1), (3,), ()), low=0.5, high=3)
        ),
    ),
    "rsub": binary(torch.rsub),
    "subtract": binary(torch.sub),
}
ATTENTION = {
    "causal_mask": constants(lambda n, m=None: torch.ones(n, m or n).tril().bool(), (3,), (2, 4), (4, 2), (1,)),
    "scaled_dot_product_attention": Pair(attention, draw_attention),
}
COMPARISON = {
    "all": reduction(dim(torch.all), lambda d, s: d.pick(d.bits(*s), d.ties(*s))),
    "allclose": Pair(
        torch.allclose, lambda d: given((x := d.array(3)), x + d.pick(0, 1e-9, 1e-6, 1e-2), atol=d.pick(0.0, 1e-5))
    ),
    "any": reduction(dim(torch.any), lambda d, s: d.pick(d.bits(*s), d.ties(*s))),
    "array_equal": Pair(torch.equal, lambda d: given((x := d.ties(3)), d.turn(x.copy(), x + 1, x[:, None]))),
    "equal": binary(torch.eq, ties=True),
    "greater": binary(torch.gt, ties=True),
    "greater_equal": binary(torch.ge, ties=True),
    "isclose": Pair(
        torch.isclose,
        lambda d: given(
            (x := d.array(4)), x + np.array([0, 1e-6, 1e-3, np.nan]), rtol=d.pick(0.0, 1e-5), atol=d.pick(1e-8, 1e-2)
        ),
    ),
    "isfinite": Pair(torch.isfinite, draw_special),
    "isinf": Pair(torch.isinf, draw_special),
    "isnan": Pair(torch.isnan, draw_special),
    "less": binary(torch.lt, ties=True),
    "less_equal": binary(torch.le, ties=True),
    "logical_and": Pair(torch.logical_and, lambda d: given(d.bits(2, 3), d.turn(d.bits, d.ties)(3))),
    "logical_not": Pair(torch.logical_not, lambda d: given(d.turn(d.bits, d.ties)(2, 3))),
    "logical_or": Pair(torch.logical_or, lambda d: given(d.bits(2, 3), d.turn(d.bits, d.ties)(3))),
    "logical_xor": Pair(torch.logical_xor, lambda d: given(d.bits(2, 3), d.turn(d.bits, d.ties)(3))),
    "not_equal": binary(torch.ne, ties=True),
    "signbit": Pair(torch.signbit, draw_special),
}
CONVOLUTION = {
    "col2im": Pair(image, draw_col2im),
    "conv1d": convolution(TF.conv1d, 1),
    "conv2d": convolution(TF.conv2d, 2),
    "conv3d": convolution(TF.conv3d, 3),
    "conv_transpose1d": transposed_convolution(TF.conv_transpose1d, 1),
    "conv_transpose2d": transposed_convolution(TF.conv_transpose2d, 2),
    "conv_transpose3d": transposed_convolution(TF.conv_transpose3d, 3),
    "fold": Pair(TF.fold, draw_fold),
    "im2col": Pair(windows, draw_im2col),
    "unfold": Pair(TF.unfold, lambda d: given(d.array(2, 3, 5, 6), *draw_unfold(d)[2])),
}
CREATION = {
    "arange": constants(
        lambda *a: torch.arange(*a, dtype=None if all(isinstance(n, int) for n in a) else torch.float64),
        (3,),
        (1, 7, 2),
        (0.0, 1.0, 0.3),
        (5, 0, -2),
        (0,),
    ),
    "astype": Pair(
        lambda x, dtype: x.to(TYPES[dtype]),
        lambda d: given(d.turn(d.array, d.ties)(2, 3), d.turn(*TYPES, "float64")),
        lambda x, dtype: F.astype(x, dtype),
    ),
    "copy": unary(torch.clone),
    "eye": constants(lambda n, m=None: torch.eye(n, m or n, dtype=torch.float64), (3,), (2, 4), (0,)),
    "full": constants(
        lambda shape, value: torch.full(shape, value, dtype=torch.float64 if isinstance(value, float) else None),
        ((2, 3), 1.5),
        ((), 2),
        ((0, 2), 0.0),
    ),
    "full_like": like(torch.full_like, 1.5),
    "linspace": constants(lambda *a: torch.linspace(*a, dtype=torch.float64), (0.0, 1.0, 5), (2.0, -1.0, 4), (0, 3, 1)),
    "ones": constants(lambda shape: torch.ones(shape, dtype=torch.float64), ((2, 3),), ((),), ((0,),)),
    "ones_like": like(torch.ones_like),
    "zeros": constants(lambda shape: torch.zeros(shape, dtype=torch.float64), ((2, 3),), ((),), ((0,),)),
    "zeros_like": like(torch.zeros_like),
}
DECOMPOSITIONS = {
    "cholesky": Pair(
        lambda x, upper: LA.cholesky(positive_definite(x, torch.eye), upper=upper),
        lambda d: given(d.matrices(), upper=d.pick(False, True)),
        lambda x, upper: F.cholesky(positive_definite(x, np.eye), upper=upper),
    ),
    "cofactor": matrices(lambda x: LA.det(x)[..., None, None] * LA.inv(x).mT),
    "det": matrices(LA.det),
    "eigh": Pair(
        lambda x: squares(LA.eigh(symmetric(x)), 1),
        lambda d: given(d.matrices()),
        lambda x: squares(F.eigh(symmetric(x)), 1),
    ),
    "eigvalsh": Pair(
        lambda x: LA.eigvalsh(symmetric(x)), lambda d: given(d.matrices()), lambda x: F.eigvalsh(symmetric(x))
    ),
    "inv": matrices(LA.inv),
    "matrix_norm": Pair(
        lambda x, ord, keepdims: LA.matrix_norm(x, ord, keepdim=keepdims),
        lambda d: given(
            d.matrices(extra=d.pick(0, 1, -1)),
            d.turn("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf),
            keepdims=d.pick(False, True),
        ),
        draws=8,
    ),
    "matrix_power": Pair(LA.matrix_power, lambda d: given(d.matrices(), d.turn(2, 0, 1, 3, -1, -2, 5)), draws=7),
    "matrix_rank": Pair(
        LA.matrix_rank, lambda d: given(d.array(2, 4, 2) @ d.array(2, 2, 3), **d.turn({}, {"rtol": 1e-3}))
    ),
    "multi_dot": Pair(
        LA.multi_dot,
        lambda d: given(
            [
                d.array(*s)
                for s in d.turn(
                    [(2, 3), (3, 4), (4, 1)], [(3,), (3, 2), (2,)], [(2, 3), (3, 1), (1, 4), (4, 2)], [(2, 3), (3,)]
                )
            ]
        ),
    ),
    "pinv": Pair(LA.pinv, lambda d: given(d.matrices(extra=d.turn(0, 1, -1)))),
    "qr": Pair(LA.qr, lambda d: given(d.matrices(extra=d.turn(0, 1, 2)), mode="reduced")),
    "slogdet": Pair(lambda x: tuple(LA.slogdet(x)), lambda d: given(d.matrices() * d.pick(-1, 1))),
    "solve": Pair(LA.solve, draw_solve),
    "svd": Pair(
        lambda x, **options: squares(LA.svd(x, **options), 0, 2),
        lambda d: given(
            d.matrices(extra=(extra := d.turn(0, 1, -1))), full_matrices=extra == 0 and d.pick(False, True)
        ),
        lambda x, **options: squares(F.svd(x, **options), 0, 2),
    ),
    "svdvals": Pair(LA.svdvals, lambda d: given(d.matrices(extra=d.turn(0, 1, -1)))),
}
ELEMENTWISE = {
    "acos": unary(torch.acos, -0.9, 0.9),
    "acosh": unary(torch.acosh, 1.1, 4),
    "asin": unary(torch.asin, -0.9, 0.9),
    "asinh": unary(torch.asinh),
    "atan": unary(torch.atan),
    "atan2": binary(torch.atan2),
    "atanh": unary(torch.atanh, -0.9, 0.9),
    "cbrt": unary(lambda x: torch.sign(x) * torch.abs(x) ** (1 / 3)),
    "ceil": stepping(torch.ceil),
    "clip": Pair(clamped, draw_clip),
    "conj": unary(torch.conj),
    "copysign": binary(torch.copysign),
    "cos": unary(torch.cos),
    "cosh": unary(torch.cosh),
    "deg2rad": unary(torch.deg2rad, -200, 200),
    "erf": unary(torch.erf, -5, 5),
    "erfc": unary(torch.erfc, -5, 5),
    "exp": unary(torch.exp),
    "exp2": unary(torch.exp2),
    "expm1": unary(torch.expm1, -1e-3, 2),
    "fix": stepping(torch.fix),
    "floor": stepping(torch.floor),
    "fmax": binary(torch.fmax),  # equals: here they share the gradient, there the first has it
    "fmin": binary(torch.fmin),
    "heaviside": Pair(
        lambda x, y: torch.where(x == 0, y, (x > 0).to(y.dtype)), lambda d: given(d.ties(2, 3), d.array(3))
    ),
    "hypot": binary(torch.hypot),
    "log": unary(torch.log, 0.1, 9),
    "log10": unary(torch.log10, 0.1, 9),
    "log1p": unary(torch.log1p, -0.9, 1e-3),
    "log2": unary(torch.log2, 0.1, 9),
    "logaddexp": binary(torch.logaddexp),
    "logaddexp2": binary(torch.logaddexp2),
    "maximum": binary(torch.maximum, ties=True),
    "minimum": binary(torch.minimum, ties=True),
    "nan_to_num": Pair(torch.nan_to_num, draw_nan_to_num),
    "rad2deg": unary(torch.rad2deg),
    "real": unary(torch.real),
    "reciprocal": unary(torch.reciprocal, 0.3),
    "round": Pair(
        lambda x, decimals: torch.round(x, decimals=decimals),
        lambda d: given(d.array(2, 3, low=-99, high=99), decimals=d.turn(0, 2, -1)),
    ),
    "rint": Pair(torch.round, lambda d: given(d.ties(5) / 2)),
    "sign": stepping(torch.sign),
    "sin": unary(torch.sin),
    "sinc": Pair(torch.sinc, lambda d: given(d.array(*d.shape(), low=0.2, high=3) * d.pick(-1, 1))),
    "sinh": unary(torch.sinh),
    "sqrt": unary(torch.sqrt, 0.1, 9),
    "square": unary(torch.square),
    "tan": unary(torch.tan, -1.2, 1.2),
    "tanh": unary(torch.tanh),
    "tanh_slope": Pair(lambda c, y: c * (1 - y * y), lambda d: given(d.array(2, 3), d.array(2, 3))),
    "trunc": stepping(torch.trunc),
    "where": Pair(
        torch.where,
        lambda d: given(
            d.bits(2, 3),
            *d.turn((d.array(2, 3), d.array(3)), (d.array(2, 1), 1.5), (d.array(), d.array(2, 3)), (0.0, d.array(3))),
        ),
    ),
}
INDEXING = {
    "argmax": Pair(
        lambda x, axis, keepdims: torch.argmax(x, dim=axis, keepdim=keepdims),
        lambda d: given(d.array(2, 3, 4), axis=d.turn(None, d.axis(3)), keepdims=d.pick(False, True)),
    ),
    "argmin": Pair(
        lambda x, axis, keepdims: torch.argmin(x, dim=axis, keepdim=keepdims),
        lambda d: given(d.array(2, 3, 4), axis=d.turn(None, d.axis(3)), keepdims=d.pick(False, True)),
    ),
    "argsort": Pair(
        lambda x, axis, descending: torch.argsort(x, dim=axis, descending=descending, stable=True),
        lambda d: given(d.turn(d.array, d.ties)(4, 5), axis=d.axis(2), descending=d.pick(False, True)),
    ),
    "get_item": Pair(entries, lambda d: given(d.array(4, 3, 2), draw_index(d))),
    "nonzero": Pair(
        lambda x: torch.nonzero(x, as_tuple=True), lambda d: given(d.turn(d.ties(2, 3), d.bits(5), d.ties(2, 1, 3)))
    ),
    "scatter_add": Pair(
        added, draw_scatter, lambda shape, dtype, index, values: F.scatter_add(shape, values.dtype, index, values)
    ),
    "searchsorted": Pair(
        lambda x, y, side: torch.searchsorted(x, y, side=side),
        lambda d: given(np.sort(d.ties(6)), d.ties(*d.pick((2, 3), (4,))), side=d.turn("left", "right")),
    ),
    "sort": Pair(
        lambda x, axis, descending: torch.sort(
            x.flatten() if axis is None else x, dim=-1 if axis is None else axis, descending=descending, stable=True
        )[0],
        lambda d: given(d.turn(d.array, d.ties)(3, 4), axis=d.pick(None, 0, -1), descending=d.pick(False, True)),
    ),
    "take": Pair(taken, draw_take),
    "take_along_axis": Pair(lambda x, indices, axis: torch.take_along_dim(x, indices, dim=axis), draw_take_along),
    "update": Pair(written, draw_update),
}
LINALG = {
    "cross": Pair(lambda x, y, axis: LA.cross(x, y, dim=axis), draw_vectors),
    "diag": Pair(
        lambda x, k: torch.diag(x, diagonal=k),
        lambda d: given(d.array(*d.turn((3,), (3, 3), (2, 4))), k=d.pick(0, 1, -1)),
    ),
    "diagonal": Pair(diagonal, draw_diagonal),
    "dot": Pair(
        lambda x, y: (
            x * y if not x.ndim or not y.ndim else torch.tensordot(x, y, dims=([-1], [-2 if y.ndim > 1 else -1]))
        ),
        products(((3,), (3,)), ((2, 3), (3, 4)), ((2, 2, 3), (4, 3, 2)), ((2, 3), (3,)), ((), (3,)), ((3,), (2, 3, 2))),
    ),
    "einsum": Pair(torch.einsum, draw_einsum, draws=8),
    "inner": Pair(torch.inner, products(((3,), (3,)), ((2, 3), (4, 3)), ((2, 2, 3), (4, 3)), ((), (3,)))),
    "kron": Pair(
        torch.kron, products(((2,), (3,)), ((2, 3), (3, 2)), ((2,), (2, 3)), ((2, 1, 2), (3, 2)), ((), (2, 2)))
    ),
    "matmul": Pair(
        torch.matmul,
        products(
            ((3,), (3,)),
            ((2, 3), (3, 4)),
            ((5, 1, 2, 3), (4, 3, 2)),
            ((2, 4, 3), (3,)),
            ((3,), (2, 3, 4)),
            ((5, 2, 3), (3, 2)),
        ),
    ),
    "outer": Pair(
        lambda x, y: torch.outer(x.flatten(), y.flatten()), products(((2,), (3,)), ((2, 2), (3,)), ((), (2,)))
    ),
    "tensordot": Pair(lambda x, y, axes: torch.tensordot(x, y, dims=axes), draw_tensordot),
    "trace": Pair(lambda x, **options: diagonal(x, **options).sum(-1), draw_diagonal),
    "tril": triangle(torch.tril),
    "triu": triangle(torch.triu),
    "vdot": Pair(
        lambda x, y: torch.vdot(x.flatten(), y.flatten()), products(((3,), (3,)), ((2, 3), (6,)), ((2, 2), (2, 2)))
    ),
    "vecdot": Pair(lambda x, y, axis: LA.vecdot(x, y, dim=axis), draw_vectors),
}
LOSS = {
    "binary_cross_entropy_with_logits": weighted("binary_cross_entropy_with_logits", draw_weighted_bits),
    "cosine_embedding_loss": Pair(TF.cosine_embedding_loss, draw_cosine),
    "cosine_similarity": Pair(
        TF.cosine_similarity,
        lambda d: given(*d.turn((d.array(4, 3), d.array(4, 3)), (d.array(2, 3, 4), d.array(3, 4))), d.pick(1, -1)),
    ),
    "cross_entropy": weighted("cross_entropy", draw_smoothed),
    "ctc_loss": Pair(
        lambda x, *args, **options: TF.ctc_loss(torch.log_softmax(x, -1), *args, **options),
        draw_ctc,
        lambda x, *args, **options: F.ctc_loss(F.log_softmax(x), *args, **options),
        order=1,
    ),
    "gaussian_nll_loss": Pair(TF.gaussian_nll_loss, draw_variance),
    "hinge_embedding_loss": loss(TF.hinge_embedding_loss, signs, margin=(1.0, 0.5)),
    "huber_loss": loss(TF.huber_loss, delta=(1.0, 0.5)),
    "kl_div": loss(
        divergence,
        lambda d, *s: d.array(*s, low=0.1, high=1),
        log_target=(False, True),
        reduction=("mean", "sum", "none", "batchmean"),
    ),
    "l1_loss": loss(TF.l1_loss),
    "margin_ranking_loss": Pair(
        TF.margin_ranking_loss,
        lambda d: given(
            d.array(5), d.array(5), signs(d, 5), margin=d.pick(0.0, 0.5), reduction=d.pick("mean", "sum", "none")
        ),
    ),
    "mse_loss": loss(TF.mse_loss),
    "multi_margin_loss": weighted("multi_margin_loss", draw_multi_margin, order=1),
    "nll_loss": weighted("nll_loss", draw_classes),
    "pairwise_distance": Pair(
        lambda x, y, p, keepdims: TF.pairwise_distance(x, y, p, keepdim=keepdims),
        lambda d: given(
            *d.turn((d.array(4, 3), d.array(4, 3)), (d.array(4, 3), d.array(3)), (d.array(3), d.array(3))),
            p=d.pick(2.0, 1.0, 3.0),
            keepdims=d.pick(False, True),
        ),
        lambda x, y, p, keepdims: F.pairwise_distance(x, y, p, keepdims=keepdims),
    ),
    "poisson_nll_loss": loss(
        TF.poisson_nll_loss, lambda d, *s: d.array(*s, low=0.2, high=4), log_input=(True, False), full=(True, False)
    ),
    "smooth_l1_loss": loss(TF.smooth_l1_loss, beta=(1.0, 0.5)),
    "soft_margin_loss": loss(TF.soft_margin_loss, signs),
    "triplet_margin_loss": Pair(TF.triplet_margin_loss, draw_triplet),
    "accuracy": Pair(lambda y, t: (y.argmax(-1) == t).double().mean(), draw_labels),
    "binary_cross_entropy": targets(TF.binary_cross_entropy, 0.05, 0.95),
    "mean_squared_error": targets(TF.mse_loss, -2, 2),
    "sigmoid_cross_entropy": targets(TF.binary_cross_entropy_with_logits, -9, 9),
    "softmax_cross_entropy": Pair(cross_entropy, draw_labels),
    "softmax_cross_entropy_slope": Pair(cross_entropy_slope, draw_labels),
}
NORMALIZATION = {
    "batch_norm": running_pair(
        lambda x, mean, var, weight, bias, learn, momentum, eps: F.batch_norm(
            x, mean, var, weight, bias, training=learn, momentum=momentum, eps=eps
        ),
        TF.batch_norm,
    ),
    "group_norm": Pair(
        TF.group_norm,
        lambda d: (lambda x, weight, bias: given(x, d.pick(1, 2, 4), weight, bias, eps=d.pick(1e-5, 1e-2)))(
            *draw_normalized(d)
        ),
    ),
    "instance_norm": running_pair(
        lambda x, mean, var, weight, bias, learn, momentum, eps: F.instance_norm(
            x, mean, var, weight, bias, use_input_stats=learn, momentum=momentum, eps=eps
        ),
        TF.instance_norm,
    ),
    "layer_norm": Pair(
        TF.layer_norm,
        lambda d: (
            lambda x, shape, weight: given(x, shape, weight, d.pick(None, d.array(*shape)), eps=d.pick(1e-5, 1e-2))
        )(*draw_last_axes(d)),
    ),
    "rms_norm": Pair(TF.rms_norm, lambda d: given(*draw_last_axes(d), eps=d.pick(None, 1e-5, 1e-2))),
}
POOLING = {
    "adaptive_avg_pool1d": adaptive_pooling(TF.adaptive_avg_pool1d, 1),
    "adaptive_avg_pool2d": adaptive_pooling(TF.adaptive_avg_pool2d, 2),
    "adaptive_avg_pool3d": adaptive_pooling(TF.adaptive_avg_pool3d, 3),
    "adaptive_max_pool1d": adaptive_pooling(TF.adaptive_max_pool1d, 1),
    "adaptive_max_pool2d": adaptive_pooling(TF.adaptive_max_pool2d, 2),
    "adaptive_max_pool3d": adaptive_pooling(TF.adaptive_max_pool3d, 3),
    "avg_pool1d": average_pooling(TF.avg_pool1d, 1),
    "avg_pool2d": average_pooling(TF.avg_pool2d, 2),
    "avg_pool3d": average_pooling(TF.avg_pool3d, 3),
    "interpolate": Pair(interpolated, draw_interpolated, draws=12),
    "lp_pool1d": lp_pooling(
        lambda x, p, size, *rest: TF.lp_pool1d(x, p, *[v[0] if isinstance(v, tuple) else v for v in (size, *rest)]), 1
    ),
    "lp_pool2d": lp_pooling(TF.lp_pool2d, 2),
    "lp_pool3d": lp_pooling(TF.lp_pool3d, 3),
    "max_pool1d": max_pooling(TF.max_pool1d, 1),
    "max_pool2d": max_pooling(TF.max_pool2d, 2),
    "max_pool3d": max_pooling(TF.max_pool3d, 3),
    "pixel_shuffle": Pair(
        TF.pixel_shuffle, lambda d: given(*d.turn((d.array(2, 8, 2, 3), 2), (d.array(1, 9, 2, 2), 3)))
    ),
    "pixel_unshuffle": Pair(
        TF.pixel_unshuffle, lambda d: given(*d.turn((d.array(2, 2, 4, 6), 2), (d.array(1, 2, 3, 6), 3)))
    ),
    "upsample": Pair(interpolated, draw_interpolated),
}
RECURRENT = {
    "gru": recurrent_pair(torch.gru, 3, 1),
    "lstm": recurrent_pair(torch.lstm, 4, 2),
    "rnn": recurrent_pair(torch.rnn_tanh, 1, 1, nonlinearity=("tanh", "relu")),
}
REDUCTION = {
    "average": Pair(average, draw_average),
    "count_nonzero": Pair(
        lambda x, axis: torch.count_nonzero(x, dim=axis), lambda d: given(d.ties(2, 3, 4), axis=d.axes(3))
    ),
    "cumprod": Pair(lined(torch.cumprod, 1), lambda d: given(d.turn(d.array, d.ties)(3, 4), axis=d.turn(None, 0, -1))),
    "cumsum": Pair(lined(torch.cumsum, 0), lambda d: given(d.array(3, 4), axis=d.turn(None, 0, -1))),
    "cumulative_prod": Pair(
        lined(torch.cumprod, 1),
        lambda d: given(d.turn(d.array, d.ties)(3, 4), axis=d.axis(2), include_initial=d.pick(False, True)),
    ),
    "cumulative_sum": Pair(
        lined(torch.cumsum, 0), lambda d: given(d.array(3, 4), axis=d.axis(2), include_initial=d.pick(False, True))
    ),
    "diff": Pair(
        lambda x, n, axis: torch.diff(x, n=n, dim=axis),
        lambda d: given(d.array(3, 4), n=d.turn(1, 2, 0, 3), axis=d.axis(2)),
    ),
    "logsumexp": reduction(dim(torch.logsumexp), lambda d, s: d.array(*s, low=-9, high=9)),
    "max": reduction(dim(torch.amax), with_ties),
    "mean": reduction(dim(torch.mean)),
    "median": reduction(one_dim(lambda x, dim: torch.quantile(x, 0.5, dim=dim))),
    "min": reduction(dim(torch.amin), with_ties),
    "norm": reduction(
        lambda x, ord, axis, keepdims: LA.vector_norm(x, ord, dim=axis, keepdim=keepdims),
        ord=(2, 1, 3, 2.5, 0.5, math.inf, -math.inf),
    ),
    "percentile": reduction(one_dim(lambda x, q, dim: torch.quantile(x, q / 100, dim=dim)), q=(0, 13.0, 50, 75.5, 100)),
    "prod": reduction(one_dim(torch.prod), with_ties),
    "ptp": reduction(
        lambda x, axis, keepdims: operator.sub(*[dim(f)(x, axis, keepdims) for f in (torch.amax, torch.amin)])
    ),
    "quantile": reduction(one_dim(lambda x, q, dim: torch.quantile(x, q, dim=dim)), q=(0, 0.13, 0.5, 0.755, 1)),
    "std": reduction(dim(torch.std), lambda d, s: d.array(*[max(2, n) for n in s]), correction=(0, 1, 0.5)),
    "sum": reduction(dim(torch.sum)),
    "var": reduction(dim(torch.var), lambda d, s: d.array(*[max(2, n) for n in s]), correction=(0, 1, 0.5)),
}
SHAPE = {
    "array_split": Pair(places, lambda d: given(d.array(5, 6), d.pick(1, 2, 4, 7, [1, 4], [0, 3]), axis=d.axis(2))),
    "atleast_1d": Pair(torch.atleast_1d, lambda d: given(d.array(*d.shape()))),
    "atleast_2d": Pair(torch.atleast_2d, lambda d: given(d.array(*d.shape()))),
    "atleast_3d": Pair(torch.atleast_3d, lambda d: given(d.array(*d.shape()))),
    "broadcast_arrays": Pair(
        torch.broadcast_tensors, lambda d: given(d.array(2, 1), d.array(3), d.turn(d.array(), d.array(4, 1, 1)))
    ),
    "broadcast_to": Pair(
        torch.broadcast_to,
        lambda d: given(
            *d.turn((d.array(3), (2, 3)), (d.array(), (2, 2)), (d.array(2, 1, 2), (2, 2, 3, 2)), (d.array(1), (0,)))
        ),
    ),
    "column_stack": Pair(
        torch.column_stack,
        lambda d: given(d.turn([d.array(3), d.array(3)], [d.array(3), d.array(3, 2)], [d.array(3, 1), d.array(3, 2)])),
    ),
    "concat": Pair(
        lambda arrays, axis: torch.cat([a.flatten() for a in arrays] if axis is None else arrays, dim=axis or 0),
        draw_concat,
    ),
    "dsplit": Pair(torch.dsplit, lambda d: given(d.array(2, 3, 4), d.turn(2, [1, 3], 1))),
    "dstack": Pair(torch.dstack, draw_sequence((3,), (2, 3), (2, 3, 2))),
    "expand_dims": Pair(unsqueezed, lambda d: given(d.array(2, 3), d.turn(0, -1, 1, (0, 2), (-1, 1), (0, -1)))),
    "flatten": Pair(torch.flatten, lambda d: given(d.array(2, 3, 4), d.turn(1, 0, 2))),
    "flip": Pair(
        lambda x, axis: torch.flip(
            x, list(range(x.ndim)) if axis is None else [axis] if isinstance(axis, int) else axis
        ),
        lambda d: given(d.array(2, 3, 4), axis=d.axes(3)),
    ),
    "fliplr": Pair(torch.fliplr, lambda d: given(draw_rearranged(d))),
    "flipud": Pair(torch.flipud, lambda d: given(draw_rearranged(d))),
    "hsplit": Pair(
        torch.hsplit, lambda d: given(*d.turn((d.array(4), 2), (d.array(2, 4), [1, 3]), (d.array(2, 4, 2), 4)))
    ),
    "hstack": Pair(torch.hstack, draw_sequence((), (3,), (2, 3), (2, 3, 2))),
    "matrix_transpose": Pair(lambda x: x.mT, lambda d: given(draw_rearranged(d))),
    "moveaxis": Pair(torch.moveaxis, draw_moveaxis),
    "pad": Pair(padded, draw_pad, draws=8),
    "permute_dims": Pair(
        torch.permute, lambda d: given(d.array(2, 3, 4), tuple(int(a) - d.pick(0, 3) for a in d.rng.permutation(3)))
    ),
    "ravel": Pair(torch.ravel, lambda d: given(d.array(*d.shape()))),
    "repeat": Pair(repeated, draw_repeat),
    "reshape": Pair(torch.reshape, lambda d: given(d.array(2, 3, 4), d.turn((4, 6), (-1,), (2, -1, 2), (1, 24, 1)))),
    "roll": Pair(lambda x, shift, axis: torch.roll(x, shift, axis), draw_roll),
    "rot90": Pair(
        lambda x, k, axes: torch.rot90(x, k, axes),
        lambda d: given(d.array(2, 3, 4), k=d.turn(0, 1, 2, 3, -1, 6), axes=d.pick((0, 1), (2, 0), (-1, 1))),
    ),
    "split": Pair(places, draw_split),
    "squeeze": Pair(lambda x, axis: torch.squeeze(x) if axis is None else torch.squeeze(x, axis), draw_squeeze),
    "stack": Pair(
        lambda arrays, axis: torch.stack(arrays, dim=axis),
        lambda d: given([d.array(2, 3) for _ in range(d.pick(1, 2, 3))], axis=d.axis(3)),
    ),
    "sum_to": Pair(
        lambda x, shape: x.sum_to_size(shape),
        lambda d: given(d.array(2, 3, 4), d.turn((1, 3, 1), (4,), (), (3, 1), (2, 3, 4), (1, 1, 1))),
    ),
    "swapaxes": Pair(torch.swapaxes, lambda d: given(d.array(2, 3, 4), d.axis(3), d.axis(3))),
    "tile": Pair(
        lambda x, n: torch.tile(x, n if isinstance(n, tuple) else (n,)),
        lambda d: given(d.array(*d.pick((3,), (2, 3), ())), d.turn(2, (2, 1), (3, 1, 2), (0,), 1)),
    ),
    "transpose": Pair(
        lambda x, axes: torch.permute(x, axes or tuple(range(x.ndim))[::-1]),
        lambda d: given(d.array(2, 3, 4), d.turn(None, (1, 2, 0), (-1, 0, 1))),
    ),
    "unstack": Pair(lambda x, axis: torch.unbind(x, dim=axis), lambda d: given(d.array(2, 3, 4), axis=d.axis(3))),
    "vsplit": Pair(torch.vsplit, lambda d: given(d.array(4, 2), d.turn(2, [1, 3], 4))),
    "vstack": Pair(torch.vstack, draw_sequence((), (3,), (2, 3), (2, 3, 2))),
}
FAMILIES = (
    *(
        ACTIVATION,
        ARITHMETIC,
        ATTENTION,
        COMPARISON,
        CONVOLUTION,
        CREATION,
        DECOMPOSITIONS,
        ELEMENTWISE,
        INDEXING,
        LINALG,
    ),
    *(LOSS, NORMALIZATION, POOLING, RECURRENT, REDUCTION, SHAPE),
)
TABLE = {name: pair for family in FAMILIES for name, pair in family.items()}


# Comparing


def converted(tree: Any, leaf: Callable[[Any], Any]) -> Any:
    """Arguments with every array replaced."""
    if isinstance(tree, np.ndarray):
        return leaf(tree)
    if isinstance(tree, tuple | list):
        return type(tree)([converted(item, leaf) for item in tree])
    return {key: converted(item, leaf) for key, item in tree.items()} if isinstance(tree, dict) else tree


class Here:
    """Calls and gradients in Wengert."""

    def __init__(self) -> None:
        self.leaves: list[Any] = []

    def leaf(self, array: Any) -> Any:
        if array.dtype.kind != "f":
            return array.copy()
        self.leaves.append(Variable(array.copy()))
        return self.leaves[-1]

    def gradients(self, total: Any) -> list[Any]:
        total.backward(create_graph=True)
        found = [Variable(np.zeros(v.shape, v.dtype)) if v.grad is None else v.grad for v in self.leaves]
        for v in self.leaves:
            v.cleargrad()
        return found

    @staticmethod
    def array(value: Any) -> Any:
        return np.asarray(as_array(value) if isinstance(value, Variable) else value)


class There:
    """The same in PyTorch."""

    def __init__(self) -> None:
        self.leaves: list[Any] = []

    def leaf(self, array: Any) -> Any:
        tensor = torch.tensor(array)
        if array.dtype.kind == "f":
            self.leaves.append(tensor.requires_grad_())
        return tensor

    def gradients(self, total: Any) -> list[Any]:
        return list(torch.autograd.grad(total, self.leaves, create_graph=True, materialize_grads=True))

    @staticmethod
    def array(value: Any) -> Any:
        return value.detach().resolve_conj().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def derivatives(side: Any, function: Callable[..., Any], args: Any, options: Any, order: int) -> list[list[Any]]:
    """The outputs, and for each order the gradients in all leaves of what came before, weighted at random.

    The weights are leaves in turn, so that the second order has both a product with the Hessian and one with the Jacobian.
    """
    rng = np.random.default_rng(0)
    out = function(*converted(args, side.leaf), **converted(options, side.leaf))
    values = list(out) if isinstance(out, tuple | list) else [out]
    results = [values]
    for _ in range(order):
        arrays = [side.array(value) for value in values]
        floating = [(value, a) for value, a in zip(values, arrays, strict=True) if a.dtype.kind == "f"]
        total: Any = 0.0
        for value, a in floating:
            weight = rng.uniform(0.5, 1.5, a.shape) * rng.choice([-1.0, 1.0], a.shape)
            total = total + (value * side.leaf(np.asarray(weight, dtype=a.dtype))).sum()
        if not floating:
            break
        values = side.gradients(total)
        results.append(values)
    return [[side.array(value) for value in values] for values in results]


def compare(name: str, number: int, dtype: Any, order: int, tolerance: float) -> None:
    pair = TABLE[name]
    args, options = converted(pair.draw(Draw(name, number)), lambda a: a.astype(dtype) if a.dtype.kind == "f" else a)
    order = min(order, pair.order)
    here = derivatives(Here(), pair.ours or getattr(F, name), args, options, order)
    there = derivatives(There(), pair.theirs, args, options, order)
    for level, ours, theirs in zip(("value", "gradient", "second gradient"), here, there, strict=False):
        assert len(ours) == len(theirs)
        for i, (mine, yours) in enumerate(zip(ours, theirs, strict=True)):
            where = f"{level} {i} of {name}(*{args}, **{options})"
            assert (mine.shape, mine.dtype) == (yours.shape, yours.dtype), where
            scale = max(1.0, float(np.max(np.abs(yours), initial=0.0, where=np.isfinite(yours))))
            np.testing.assert_allclose(mine, yours, rtol=tolerance, atol=tolerance * scale, err_msg=where)


CALLS = [
    pytest.param(name, number, id=f"{name}-{number}") for name, pair in TABLE.items() for number in range(pair.draws)
]


@pytest.mark.parametrize(("name", "number"), CALLS)
def test_float64(name: str, number: int) -> None:
    compare(name, number, np.float64, order=2, tolerance=1e-10)


@pytest.mark.parametrize(("name", "number"), CALLS)
def test_float32(name: str, number: int) -> None:
    compare(name, number, np.float32, order=1, tolerance=2e-5)


def test_every_function_is_compared_or_has_a_reason() -> None:
    assert set(TABLE) | set(WITHOUT) <= set(F.__all__)
    assert not set(TABLE) & set(WITHOUT)
    covered = {id(getattr(F, name)) for name in (*TABLE, *WITHOUT)}  # an alias is the same function
    assert [name for name in F.__all__ if id(getattr(F, name)) not in covered] == []


@pytest.mark.parametrize("size", [3, 2])
def test_adaptive_max_pooling_of_equals(size: int) -> None:
    """The first of them has the gradient, as in max_pool1d, whether or not the parts are of one length."""
    x, y = Variable(np.ones((1, 1, 4))), torch.ones(1, 1, 4, requires_grad=True)
    F.adaptive_max_pool1d(x, size).sum().backward()
    TF.adaptive_max_pool1d(y, size).sum().backward()
    np.testing.assert_array_equal(x.grad.data, y.grad.numpy())
