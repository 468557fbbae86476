"""What holds for all shapes, layouts and indices, tried on many drawn at random: the same ones at every run.

Every reference is worked out in NumPy alone: the derivative of each entry, summed over where its input was broadcast.
"""

import math
from dataclasses import dataclass
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, reject, settings
from numpy.testing import assert_allclose, assert_array_equal

from wengert import Variable
from wengert import functions as F
from wengert.errors import ShapeError
from wengert.testing import gradcheck, numerical_grad

FEW, SOME, MANY = (settings(max_examples=n, deadline=None, derandomize=True, database=None) for n in (15, 100, 200))

SIZES = st.sampled_from([2, 3, 1, 2, 3, 2, 3, 0])  # an array with one axis of none is empty: not too many of them
SHAPES = st.sampled_from([2, 3, 1, 4, 0]).flatmap(lambda n: st.tuples(*[SIZES] * n))
LAYOUTS = st.sampled_from(["C", "F", "reversed", "stepped", "read-only"])
DTYPES = st.sampled_from([np.float64, np.float64, np.float32])
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def broadcastable(draw, count, shapes=SHAPES):
    """So many shapes that broadcast to the one drawn first: axes are left out in front, or are 1."""
    full = draw(shapes)
    drawn = []
    for _operand in range(count):
        kept = draw(st.sampled_from([0, 0, 0, 1, len(full) // 2, len(full)]))
        drawn.append(tuple(draw(st.sampled_from([n, n, 1])) for n in full[kept:]))
    return drawn


def laid_out(array, layout):
    """The same entries in memory in another way."""
    if layout == "F":
        return np.array(array, order="F")
    if layout == "reversed":
        return np.asarray(np.flip(np.flip(array).copy()))
    if layout == "stepped" and array.ndim:
        return np.repeat(array, 2, axis=-1)[..., ::2]
    array = np.array(array)
    array.flags.writeable = layout != "read-only"
    return array


def sum_to(g, shape):
    """``g`` summed over the axes along which ``shape`` was broadcast."""
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1 != g.shape[i]), keepdims=True).reshape(shape)


def assert_close(got, expected, dtype=np.float64):
    """Close to within rounding, in proportion to the largest entry."""
    scale = 1.0 + np.max(np.abs(expected), initial=0.0)
    assert_allclose(got, expected, rtol=0, atol=scale * (1e-10 if dtype == np.float64 else 1e-4))


def narrower(*arrays):
    """The less exact of their dtypes."""
    return min((array.dtype for array in arrays), key=lambda dtype: dtype.itemsize)


# Broadcasting


@dataclass(frozen=True)
class Elementwise:
    """A function of entries: NumPy's own, its partial derivatives times ``g``, and where its operands lie."""

    reference: Any
    partials: tuple[Any, ...] = ()  # in its last operands; a comparison has none
    ranges: tuple[Any, ...] = ((-2.0, 2.0), (-2.0, 2.0))  # a set of them is drawn from either side of zero


def _share(first):
    """The half of a tie, the whole of a win."""
    return lambda g, x, y: g * np.where(x == y, 0.5, first(x, y))


_AWAY = (0.5, 2.0, "either side")
_POSITIVE = (0.5, 2.0)
_LARGER = (_share(np.greater), _share(np.less))
_SMALLER = (_share(np.less), _share(np.greater))
_ZERO = (lambda g, x, y: 0 * g, lambda g, x, y: 0 * g)

ELEMENTWISE = {
    "add": Elementwise(np.add, (lambda g, x, y: g, lambda g, x, y: g)),
    "subtract": Elementwise(np.subtract, (lambda g, x, y: g, lambda g, x, y: -g)),
    "multiply": Elementwise(np.multiply, (lambda g, x, y: g * y, lambda g, x, y: g * x)),
    "tanh_slope": Elementwise(
        lambda x, y: x * (1 - y**2), (lambda g, x, y: g * (1 - y**2), lambda g, x, y: -2 * g * x * y)
    ),
    "divide": Elementwise(np.divide, (lambda g, x, y: g / y, lambda g, x, y: -g * x / y**2), ((-2.0, 2.0), _AWAY)),
    "power": Elementwise(
        np.power,
        (lambda g, x, y: g * y * x ** (y - 1), lambda g, x, y: g * x**y * np.log(x)),
        (_POSITIVE, (-2.0, 2.0)),
    ),
    "remainder": Elementwise(
        np.remainder, (lambda g, x, y: g, lambda g, x, y: -g * np.floor_divide(x, y)), ((-2.0, 2.0), _AWAY)
    ),
    "floor_divide": Elementwise(np.floor_divide, _ZERO, ((-2.0, 2.0), _AWAY)),
    "atan2": Elementwise(
        np.arctan2,
        (lambda g, x, y: g * y / (x**2 + y**2), lambda g, x, y: -g * x / (x**2 + y**2)),
        (_AWAY, _AWAY),
    ),
    "hypot": Elementwise(
        np.hypot,
        (lambda g, x, y: g * x / np.sqrt(x**2 + y**2), lambda g, x, y: g * y / np.sqrt(x**2 + y**2)),
        (_AWAY, _AWAY),
    ),
    "logaddexp": Elementwise(
        np.logaddexp, (lambda g, x, y: g / (1 + np.exp(y - x)), lambda g, x, y: g / (1 + np.exp(x - y)))
    ),
    "logaddexp2": Elementwise(
        np.logaddexp2, (lambda g, x, y: g / (1 + 2 ** (y - x)), lambda g, x, y: g / (1 + 2 ** (x - y)))
    ),
    "copysign": Elementwise(
        np.copysign, (lambda g, x, y: g * np.where((x > 0) == (y > 0), 1, -1), _ZERO[1]), (_AWAY, _AWAY)
    ),
    "maximum": Elementwise(np.maximum, _LARGER),
    "minimum": Elementwise(np.minimum, _SMALLER),
    "fmax": Elementwise(np.fmax, _LARGER),
    "fmin": Elementwise(np.fmin, _SMALLER),
    "heaviside": Elementwise(np.heaviside, (_ZERO[0], lambda g, x, y: np.where(x == 0, g, 0.0))),
    "clip": Elementwise(
        np.clip,
        (
            lambda g, x, low, high: np.where((low <= x) & (x <= high), g, 0.0),
            lambda g, x, low, high: np.where(x < low, g, 0.0),
            lambda g, x, low, high: np.where(x > high, g, 0.0),
        ),
        ((-2.0, 2.0), (-1.5, -0.1), (0.1, 1.5)),
    ),
    "where": Elementwise(
        np.where,
        (lambda g, c, x, y: np.where(c, g, 0.0), lambda g, c, x, y: np.where(c, 0.0, g)),
        ("condition", (-2.0, 2.0), (-2.0, 2.0)),
    ),
    **{
        name: Elementwise(getattr(np, name))
        for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
    },
    **{
        name: Elementwise(getattr(np, name), ranges=("condition", "condition"))
        for name in ("logical_and", "logical_or", "logical_xor")
    },
    "isclose": Elementwise(np.isclose),
}
OTHERS = {"matmul", "vecdot", "cross", "solve", "broadcast_to"}  # below, each by itself


def broadcasting():
    """The functions declared with ``broadcasts=True``, each once, whatever else it is called."""
    found = {name: getattr(F, name) for name in F.__all__}
    return {id(f): f for f in found.values() if getattr(f, "rule", None) and f.rule.broadcasts}.values()


def test_every_broadcasting_function_is_tried():
    assert {f.rule.name for f in broadcasting()} == set(ELEMENTWISE) | OTHERS


def entries(rng, shape, dtype, interval):
    if interval == "condition":
        return rng.random(shape) < 0.5
    low, high = interval[:2]
    values = np.round(rng.uniform(low, high, shape) * 64) / 64  # the same in float32, and a tie now and then
    if len(interval) == 3:
        values = values * rng.choice([-1.0, 1.0], shape)
    return np.asarray(values, dtype)


@dataclass
class Operand:
    """What is passed for an operand, and the array it stands for."""

    given: Any
    array: Any

    @property
    def plain(self):
        return self.given.data if isinstance(self.given, Variable) else self.given


@st.composite
def operand(draw, shape, interval, recorded):
    rng = np.random.default_rng(draw(SEEDS))
    kind = draw(st.sampled_from(["variable", "variable", "constant", "array", "integers", "number", "whole number"]))
    if interval == "condition":
        kind = draw(st.sampled_from(["array", "constant", "number"]))
    elif recorded:
        kind = "variable"
    if kind in ("number", "whole number"):
        number = entries(rng, (), np.float64, interval).item()
        if kind == "whole number" and interval != (0.1, 1.5):
            number = -1 if interval[1] < 0 else 1
        return Operand(number, np.asarray(number))
    array = entries(rng, shape, draw(DTYPES) if interval != "condition" else bool, interval)
    if kind == "integers":
        array = np.where(np.asarray(array) < 0, -1, 1)
    array = laid_out(array, draw(LAYOUTS))
    if kind in ("variable", "constant"):
        return Operand(Variable(array, requires_grad=kind == "variable"), array)
    return Operand(array, array)


@st.composite
def operands(draw, spec):
    count = len(spec.ranges)
    shapes = draw(broadcastable(count))
    recorded = (
        draw(st.integers(count - len(spec.partials), count - 1)) if spec.partials else draw(st.integers(0, count - 1))
    )
    return [draw(operand(shapes[i], spec.ranges[i], i == recorded)) for i in range(count)]


@pytest.mark.parametrize("name", sorted(ELEMENTWISE))
def test_broadcasting(name):
    spec = ELEMENTWISE[name]

    @SOME
    @given(operands(spec), SEEDS)
    def holds(xs, seed):
        out = getattr(F, name)(*[x.given for x in xs])
        expected = np.asarray(spec.reference(*[x.plain for x in xs]))
        assert (out.shape, out.dtype) == (expected.shape, expected.dtype)
        assert_allclose(out.data, expected, rtol=1e-5 if expected.dtype == np.float32 else 1e-12)
        assert out.requires_grad == bool(spec.partials)
        if not spec.partials:
            return
        g = np.random.default_rng(seed).uniform(-1, 1, out.shape).astype(out.dtype)
        out.backward(gradient=g)
        # In float64, at the values that float32 holds: the steps of floor are where they were.
        wide = [a.astype(float) if a.dtype.kind == "f" else a for a in np.broadcast_arrays(*[x.array for x in xs])]
        for x, partial in zip(xs[-len(spec.partials) :], spec.partials, strict=True):
            if not isinstance(x.given, Variable) or not x.given.requires_grad:
                continue
            gradient = x.given.grad
            assert (gradient.shape, gradient.dtype) == (x.array.shape, x.array.dtype)
            narrow = np.float32 in (out.dtype, x.array.dtype)
            assert_close(
                gradient.data, sum_to(partial(g.astype(float), *wide), x.array.shape), np.float32 if narrow else float
            )

    holds()


@SOME
@given(broadcastable(2), st.data())
def test_clip_without_a_bound(shapes, data):
    x = data.draw(operand(shapes[0], (-2.0, 2.0), True))
    bound = data.draw(operand(shapes[1], (-2.0, 2.0), True))
    for low in (True, False):
        for leaf in (x.given, bound.given):
            leaf.cleargrad()
        out = F.clip(x.given, bound.given) if low else F.clip(x.given, None, bound.given)
        assert_array_equal(out.data, (np.maximum if low else np.minimum)(x.array, bound.array))
        out.backward()
        a, b = np.broadcast_arrays(x.array, bound.array)
        inside = (a >= b if low else a <= b).astype(float)
        assert_close(x.given.grad.data, sum_to(inside, x.array.shape))
        assert_close(bound.given.grad.data, sum_to(1 - inside, bound.array.shape))


@st.composite
def clashing(draw):
    """Two shapes, of which an axis, counted from the last, differs, and is 1 in neither."""
    axis = draw(st.integers(1, 3))
    sizes = draw(st.permutations([0, 2, 3]))
    shapes = []
    for size in sizes[:2]:
        before = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=1, max_side=2))
        shapes.append((*before, size, *[1] * (axis - 1)))
    return shapes


@pytest.mark.parametrize("name", sorted(ELEMENTWISE))
def test_clashing_shapes(name):
    count = len(ELEMENTWISE[name].ranges)

    @FEW
    @given(clashing(), st.permutations(range(count)), DTYPES)
    def holds(shapes, order, dtype):
        arrays = [np.ones((shapes + [()])[i], dtype) for i in order]
        with pytest.raises(ShapeError) as caught:
            getattr(F, name)(*[Variable(a) for a in arrays])
        assert str(caught.value).startswith(f"{name}: axis -")
        assert all(str(a.shape) in str(caught.value) for a in arrays)

    holds()


def pair(draw, *shapes, spread=None):
    """Two recorded operands; ``spread`` is added to the first, to keep its matrices from being singular."""
    made = []
    for shape in shapes:
        rng = np.random.default_rng(draw(SEEDS))
        array = rng.uniform(-1, 1, shape)
        if spread is not None and not made:
            array = array + spread
        made.append(laid_out(array.astype(draw(DTYPES)), draw(LAYOUTS)))
    return made, [Variable(array) for array in made]


def check_pair(f, reference, arrays, variables, formula, seed):
    """``formula`` gives, of ``g`` and the operands, the gradients as if nothing had been broadcast."""
    out = f(*variables)
    expected = reference(*arrays)
    assert (out.shape, out.dtype) == (expected.shape, expected.dtype)
    dtype = narrower(*arrays)
    assert_close(out.data, expected, dtype)
    g = np.random.default_rng(seed).uniform(-1, 1, out.shape).astype(out.dtype)
    out.backward(gradient=g)
    for variable, gradient in zip(variables, formula(g.astype(float), *[a.astype(float) for a in arrays]), strict=True):
        assert (variable.grad.shape, variable.grad.dtype) == (variable.shape, variable.dtype)
        assert_close(variable.grad.data, sum_to(gradient, variable.shape), dtype)


LEADING = broadcastable(2, st.sampled_from([1, 2, 0]).flatmap(lambda n: st.tuples(*[SIZES] * n)))


def product_gradients(g, x, y):
    """Of matmul, an entry at a time: out[..., i, j] = sum over k of x[..., i, k] * y[..., k, j]."""
    rows, columns = x if x.ndim > 1 else x[None, :], y if y.ndim > 1 else y[:, None]
    g = g if y.ndim > 1 else g[..., None]
    g = g if x.ndim > 1 else g[..., None, :]
    gx = np.einsum("...ij,...kj->...ik", g, np.broadcast_to(columns, (*g.shape[:-2], *columns.shape[-2:])))
    gy = np.einsum("...ij,...ik->...kj", g, np.broadcast_to(rows, (*g.shape[:-2], *rows.shape[-2:])))
    return gx, gy if y.ndim > 1 else gy[..., 0]


@MANY
@given(
    LEADING,
    SIZES,
    SIZES,
    SIZES,
    st.sampled_from(["matrices", "vector left", "vector right", "vectors"]),
    SEEDS,
    st.data(),
)
def test_matmul_broadcasts(leading, n, k, m, kind, seed, data):
    first, second = leading
    left = (k,) if kind in ("vector left", "vectors") else (*first, n, k)
    right = (k,) if kind in ("vector right", "vectors") else (*second, k, m)
    arrays, variables = pair(data.draw, left, right)
    check_pair(F.matmul, lambda x, y: np.asarray(np.matmul(x, y)), arrays, variables, product_gradients, seed)


@SOME
@given(LEADING, SIZES, st.integers(-3, -1), SEEDS, st.data())
def test_vecdot_broadcasts(leading, n, axis, seed, data):
    first, second = ((1,) * (-1 - axis - len(s)) + s for s in leading)  # so that both have that axis
    shapes = [(*s[: len(s) + 1 + axis], n, *s[len(s) + 1 + axis :]) for s in (first, second)]
    arrays, variables = pair(data.draw, *shapes)

    def reference(x, y):
        return np.asarray((x * y).sum(axis=axis))

    def gradients(g, x, y):
        g = np.expand_dims(g, axis)
        return g * y + 0 * x, g * x + 0 * y

    check_pair(lambda x, y: F.vecdot(x, y, axis=axis), reference, arrays, variables, gradients, seed)


@SOME
@given(LEADING, st.integers(-3, -1), SEEDS, st.data())
def test_cross_broadcasts(leading, axis, seed, data):
    first, second = ((1,) * (-1 - axis - len(s)) + s for s in leading)
    shapes = [(*s[: len(s) + 1 + axis], 3, *s[len(s) + 1 + axis :]) for s in (first, second)]
    arrays, variables = pair(data.draw, *shapes)

    def product(x, y):
        x, y = (np.moveaxis(a, axis, 0) for a in np.broadcast_arrays(x, y))
        return np.stack([x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]], axis=axis)

    def gradients(g, x, y):
        return product(y, g), product(g, x)

    check_pair(lambda x, y: F.cross(x, y, axis=axis), product, arrays, variables, gradients, seed)


@SOME
@given(LEADING, SIZES, SIZES, st.booleans(), SEEDS, st.data())
def test_solve_broadcasts(leading, n, k, vector, seed, data):
    first, second = leading
    arrays, variables = pair(data.draw, (*first, n, n), (n,) if vector else (*second, n, k), spread=4 * np.eye(n))

    def gradients(g, a, b):
        b = b[:, None] if vector else b
        g = g[..., None] if vector else g
        inverse = np.broadcast_to(np.linalg.inv(a), (*g.shape[:-2], n, n))
        gb = np.einsum("...ji,...jk->...ik", inverse, g)
        ga = -np.einsum("...ik,...jl,...lk->...ij", gb, inverse, np.broadcast_to(b, (*g.shape[:-2], *b.shape[-2:])))
        return ga, gb[..., 0] if vector else gb

    check_pair(F.solve, np.linalg.solve, arrays, variables, gradients, seed)


def test_retained_gradient_has_the_dtype_of_its_value():
    x = Variable(np.ones((2, 1), np.float32))
    y = x * 2
    (y * np.ones(3)).backward(retain_grad=True)
    assert (x.grad.shape, x.grad.dtype) == (x.shape, x.dtype)
    assert (y.grad.shape, y.grad.dtype) == (y.shape, y.dtype)


@SOME
@given(broadcastable(2), DTYPES, LAYOUTS, SEEDS)
def test_broadcast_to_and_sum_to_are_each_others_derivative(shapes, dtype, layout, seed):
    shape, full = shapes[0], np.broadcast_shapes(*shapes)
    rng = np.random.default_rng(seed)
    x = Variable(laid_out(rng.uniform(-1, 1, shape).astype(dtype), layout))
    g = Variable(laid_out(rng.uniform(-1, 1, full).astype(dtype), layout))
    wide = F.broadcast_to(x, full)
    assert_array_equal(wide.data, np.broadcast_to(x.data, full))
    wide.backward(gradient=g.data)
    summed = F.sum_to(g, shape)
    assert (summed.dtype, x.grad.dtype) == (dtype, dtype)
    assert_close(summed.data, sum_to(g.data, shape), dtype)
    assert_close(x.grad.data, sum_to(g.data, shape), dtype)
    summed.backward(gradient=x.data)
    assert_array_equal(g.grad.data, wide.data)


# Indexing


def positions(length):
    """Places on an axis, counted from either end, and repeated now and then."""
    return st.integers(-length, length - 1)


@st.composite
def mixed_indices(draw, shape):
    """A tuple of slices, numbers, arrays of integers, masks, lists, new axes and an ellipsis."""
    together = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3))  # what the arrays broadcast to
    parts: list[Any] = []
    axis, masked = 0, False
    stop = draw(st.integers(0, len(shape)))
    while axis < stop:
        length = shape[axis]
        kinds = ["slice", "slice", "new"] + ["number", "array", "list"] * (length > 0)
        if not masked and together in ((), (1,)) or (len(together) == 1 and not masked):
            kinds.append("mask")
        kind = draw(st.sampled_from(kinds))
        if kind == "new":
            parts.append(None)
            continue
        if kind == "slice":
            parts.append(draw(st.slices(length)))
        elif kind == "number":
            parts.append(draw(positions(length)))
        elif kind == "mask":
            # As many as the arrays are long, or one for all of them.
            wanted = together[0] if len(together) == 1 and together[0] <= length else min(1, length)
            if len(together) == 1 and wanted not in (1, together[0]):
                parts.append(draw(st.slices(length)))
            else:
                mask = np.zeros(length, bool)
                mask[draw(st.permutations(range(length)))[:wanted]] = True
                parts.append(mask)
                masked = True
        else:
            smaller = tuple(draw(st.sampled_from([n, 1])) for n in together)
            chosen = draw(
                hnp.arrays(np.intp, smaller[draw(st.integers(0, len(smaller))) :], elements=positions(length))
            )
            parts.append(
                chosen.tolist() if kind == "list" and chosen.size and chosen.ndim else laid_out(chosen, draw(LAYOUTS))
            )
        axis += 1
    if draw(st.booleans()):  # the axes left out may be anywhere
        place = draw(st.integers(0, len(parts)))
        if not any(part is not None for part in parts[place:]):
            parts.insert(place, Ellipsis)
    return tuple(parts)


@st.composite
def ellipsis_first(draw, shape):
    """An ellipsis, and the last axes by name."""
    count = draw(st.integers(0, len(shape)))
    parts = [
        draw(st.one_of(st.slices(n), positions(n), hnp.arrays(np.intp, (2,), elements=positions(n))))
        if n
        else slice(None)
        for n in shape[len(shape) - count :]
    ]
    return (Ellipsis, *parts)


@st.composite
def masks(draw, shape):
    """A mask over the first axes, perhaps in a tuple with slices for the rest."""
    count = draw(st.integers(0, len(shape)))
    mask = laid_out(draw(hnp.arrays(bool, shape[:count])), draw(LAYOUTS))
    if draw(st.booleans()):
        return mask if count else bool(mask)
    return (mask, *[draw(st.slices(n)) for n in shape[count:]])


@st.composite
def indices(draw, shape):
    strategies = [
        hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True, max_dims=6),
        masks(shape),
        mixed_indices(shape),
        ellipsis_first(shape),
    ]
    if shape and all(shape):
        strategies.append(hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2, max_side=3)))
        strategies.append(st.lists(positions(shape[0]), min_size=1, max_size=4))
        strategies.append(positions(shape[0]).map(np.int64))
    return draw(st.one_of(strategies))


@st.composite
def indexed(draw):
    """An array, each of whose entries is another whole number, and an index into it."""
    shape = draw(SHAPES)
    array = np.random.default_rng(draw(SEEDS)).permutation(math.prod(shape)).reshape(shape) + 1.0
    return laid_out(array.astype(draw(DTYPES)), draw(LAYOUTS)), draw(indices(shape))


@settings(MANY, max_examples=400)
@given(indexed(), SEEDS)
def test_reading(case, seed):
    array, index = case
    expected = array[index]
    x = Variable(array)
    y = x[index]
    assert (y.shape, y.dtype) == (np.shape(expected), array.dtype)
    assert_array_equal(y.data, expected)
    g = np.random.default_rng(seed).uniform(-1, 1, y.shape).astype(array.dtype)
    y.backward(gradient=g)
    reference = np.zeros(array.shape)
    np.add.at(reference, index, g)
    assert (x.grad.shape, x.grad.dtype) == (array.shape, array.dtype)
    assert_close(x.grad.data, reference, array.dtype)


@SOME
@given(SHAPES.filter(all), st.data())
def test_a_recorded_index_is_its_data(shape, data):
    if not shape:
        shape = (3,)
    array = np.arange(1.0, math.prod(shape) + 1).reshape(shape)
    chosen = data.draw(hnp.arrays(np.intp, (3,), elements=positions(shape[0])))
    x = Variable(array)
    for index in (Variable(chosen), (Variable(chosen), ...)):
        assert_array_equal(x[index].data, array[chosen])
    assert_array_equal(x[x > 2].data, array[array > 2])


def picked(shape, index):
    """The flat places that an index names, in the order in which it reads them."""
    places = np.arange(math.prod(shape)).reshape(shape)[index]
    return np.asarray(places)


@st.composite
def written_values(draw, shape, *, longer):
    """A number, an array or a Variable that broadcasts to ``shape``; each entry another whole number below zero."""
    kind = draw(st.sampled_from(["number", "array", "variable", "variable", "variable"]))
    if kind == "number":
        return draw(st.sampled_from([-1000, -1000.0]))
    smaller = tuple(draw(st.sampled_from([n, n, 1])) for n in shape)
    smaller = smaller[draw(st.integers(0, len(smaller))) :] if draw(st.booleans()) else smaller
    if longer and len(smaller) == len(shape) and draw(st.booleans()):
        smaller = (1, *smaller)  # NumPy drops leading axes of length 1
    array = -1000.0 - np.random.default_rng(draw(SEEDS)).permutation(math.prod(smaller)).reshape(smaller)
    array = laid_out(array.astype(draw(DTYPES)), draw(LAYOUTS))
    return Variable(array) if kind == "variable" else array


@st.composite
def writing(draw, *, longer):
    array, index = draw(indexed())
    value = draw(written_values(np.shape(array[index]), longer=longer))
    try:
        array.copy()[index] = value.data if isinstance(value, Variable) else value
    except (TypeError, ValueError):  # into a number, and through a mask, NumPy writes no leading axes
        reject()
    return array, index, value


def gradient_of_written(value, written, g):
    """Each entry of ``value`` is unlike any other: its gradient is that of the places where it is found."""
    entries = value.data.astype(float)
    return np.array([g[written == entry].sum() for entry in entries.reshape(-1)]).reshape(entries.shape)


@settings(MANY, max_examples=400)
@given(writing(longer=True), SEEDS)
def test_assignment(case, seed):
    array, index, value = case
    expected = array.copy()
    expected[index] = value.data if isinstance(value, Variable) else value
    x = Variable(array)
    y = x.copy()
    y[index] = value
    assert y.dtype == array.dtype
    assert_array_equal(y.data, expected)
    assert_array_equal(x.data, array)
    g = np.random.default_rng(seed).uniform(-1, 1, array.shape).astype(array.dtype)
    y.backward(gradient=g)
    g = g.astype(float)
    assert (x.grad.shape, x.grad.dtype) == (array.shape, array.dtype)
    assert_close(x.grad.data, np.where(expected < 0, 0.0, g), array.dtype)
    if isinstance(value, Variable) and picked(array.shape, index).size:
        assert (value.grad.shape, value.grad.dtype) == (value.shape, value.dtype)
        assert_close(value.grad.data, gradient_of_written(value, y.data, g), narrower(value, array))
    elif isinstance(value, Variable):
        assert value.grad is None or not value.grad.data.any()


@st.composite
def written_twice(draw):
    """An index that names some entries of the first axis again and again, and a Variable, laid out alike."""
    length = draw(st.integers(1, 3))
    named = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=2, max_side=3))
    rest = draw(st.sampled_from([(), (), (1,), (2,), (2, 1)]))
    rng = np.random.default_rng(draw(SEEDS))
    layout = draw(LAYOUTS)
    index = laid_out(rng.integers(-length, length, named), layout)
    value = -1.0 - rng.permutation(math.prod(named + rest)).reshape(named + rest)
    return laid_out(np.zeros((length, *rest)), draw(LAYOUTS)), index, Variable(laid_out(value, layout))


@MANY
@given(written_twice(), SEEDS)
def test_assignment_where_entries_are_named_twice(case, seed):
    array, index, value = case
    expected = array.copy()
    for place, part in zip(index.reshape(-1), value.data.reshape(-1, *array.shape[1:]), strict=True):
        expected[place] = part
    x = Variable(array)
    y = x.copy()
    y[index] = value
    assert_array_equal(y.data, expected)
    g = np.random.default_rng(seed).uniform(-1, 1, y.shape)
    y.backward(gradient=g)
    assert_close(x.grad.data, np.where(y.data < 0, 0.0, g))
    assert_close(value.grad.data, gradient_of_written(value, y.data, g))


@settings(MANY, max_examples=300)
@given(writing(longer=False), SEEDS)
def test_assignment_in_place(case, seed):
    array, index, value = case
    expected = array.copy()
    expected[index] += value.data if isinstance(value, Variable) else value
    x = Variable(array)
    y = x.copy()
    y[index] += value
    assert_array_equal(y.data, expected)
    assert_array_equal(x.data, array)
    g = np.random.default_rng(seed).uniform(-1, 1, array.shape).astype(array.dtype)
    y.backward(gradient=g)
    g = g.astype(float)
    assert_close(x.grad.data, g, array.dtype)  # an entry named twice is written twice, from the same old entry
    if isinstance(value, Variable):
        assert value.grad is None or (value.grad.shape, value.grad.dtype) == (value.shape, value.dtype)
        got = np.zeros(value.shape) if value.grad is None else value.grad.data
        assert_close(got, gradient_of_written(value, y.data - array, g), narrower(value, array))


@MANY
@given(writing(longer=True), st.booleans(), SEEDS)
def test_assignment_spoils_nothing_that_was_kept(case, create_graph, seed):
    """``y * y`` keeps ``y``, ``exp`` keeps its own result: what is written into it later must not reach either."""
    array, index, value = case
    array = (array / 64).astype(array.dtype)
    rng = np.random.default_rng(seed)
    weights = [rng.uniform(-1, 1, array.shape).astype(array.dtype) for _ in range(2)]
    x = Variable(array)
    y = F.exp(x)
    before = y.data.copy()
    square = y * y
    y[index] = value
    assert_array_equal(square.data, before * before)
    assert_array_equal(x.data, array)
    total = F.sum(square * weights[0]) + F.sum(y * weights[1])
    total.backward(create_graph=create_graph)
    untouched = np.ones(array.shape)
    untouched[index] = 0
    wide = np.exp(array.astype(float))
    reference = 2 * weights[0] * wide**2 + untouched * weights[1] * wide
    assert_close(x.grad.data, reference, array.dtype)


@SOME
@given(SHAPES, st.data())
def test_reading_and_writing_to_second_order(shape, data):
    index = data.draw(indices(shape))
    rng = np.random.default_rng(data.draw(SEEDS))
    x, v = rng.uniform(-1, 1, shape), rng.uniform(-1, 1, np.shape(np.zeros(shape)[index]))

    def written(x, v):
        y = x * x
        kept = y * y
        y[index] = v * v * F.sum(x)
        y[index] += x[index] * v
        return y * y * kept, x[index] ** 3

    assert gradcheck(written, x, v)


# Reductions


def numpy_logsumexp(x, axis=None, keepdims=False):
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


REDUCTIONS = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "prod": np.prod,
    "var": np.var,
    "std": np.std,
    "logsumexp": numpy_logsumexp,
}
OF_NOTHING = {"sum", "prod"}  # the others have no value where there is no entry


@st.composite
def reduced(draw, shape):
    """All axes, one, several, or none, each counted from either end."""
    axes = st.integers(-len(shape), len(shape) - 1)
    if not shape:
        return draw(st.sampled_from([None, ()]))
    several = st.lists(axes, max_size=len(shape), unique_by=lambda axis: axis % len(shape)).map(tuple)
    return draw(st.one_of(st.none(), axes, several))


def reduced_shape(shape, axis):
    axes = range(len(shape)) if axis is None else [axis] if isinstance(axis, int) else axis
    return [shape[i] for i in axes]


@pytest.mark.parametrize("name", sorted(REDUCTIONS))
def test_reduction(name):
    f, reference = getattr(F, name), REDUCTIONS[name]

    @SOME
    @given(SHAPES, DTYPES, LAYOUTS, st.booleans(), SEEDS, st.data())
    def holds(shape, dtype, layout, keepdims, seed, data):
        axis = data.draw(reduced(shape))
        rng = np.random.default_rng(seed)
        # The entries differ by more than the step of the numerical gradient, so that no order changes on the way.
        order = rng.permutation(math.prod(shape)).reshape(shape)
        array = laid_out(((order + rng.uniform(0.2, 0.8, shape)) / 16 - 1).astype(dtype), layout)
        x = Variable(array)
        options = {"axis": axis, "keepdims": keepdims}
        if name in ("var", "std") and math.prod(reduced_shape(shape, axis)) > 1:
            options["correction"] = data.draw(st.sampled_from([0, 1]))
        if 0 in reduced_shape(shape, axis) and name not in OF_NOTHING:
            if name in ("max", "min"):
                with pytest.raises(ShapeError):
                    f(x, **options)
            return
        expected = np.asarray(reference(array, **options))
        out = f(x, **options)
        assert (out.shape, out.dtype) == (expected.shape, dtype)
        assert_close(out.data, expected, dtype)
        weight = rng.uniform(0.5, 1.5, out.shape) * rng.choice([-1.0, 1.0], out.shape)
        out.backward(gradient=weight)
        assert (x.grad.shape, x.grad.dtype) == (shape, dtype)
        assert x.grad.data.flags.writeable
        numerical = numerical_grad(lambda x: f(x, **options) * weight, array)
        tolerance = 1e-5 if dtype == np.float64 else 1e-3
        assert_allclose(x.grad.data, numerical, rtol=tolerance, atol=tolerance)

    holds()


# Other arrangements of the same entries


def check_arrangement(out, expected, x, back, seed):
    """``out`` holds the entries of ``x`` as NumPy has them, and ``back`` takes both it and its gradient home.

    Returns a gradient to try ``out`` alone with.
    """
    assert (out.shape, out.dtype) == (expected.shape, expected.dtype)
    assert_array_equal(out.data, expected)
    again = back(out)
    assert_array_equal(again.data, x.data)
    g = np.random.default_rng(seed).uniform(-1, 1, x.shape).astype(x.dtype)
    again.backward(gradient=g)
    assert (x.grad.shape, x.grad.dtype) == (x.shape, x.dtype)
    assert_array_equal(x.grad.data, g)
    x.cleargrad()
    return np.random.default_rng(seed).uniform(-1, 1, out.shape).astype(x.dtype)


@st.composite
def variables(draw, shapes=SHAPES):
    shape = draw(shapes)
    array = np.random.default_rng(draw(SEEDS)).uniform(-1, 1, shape).astype(draw(DTYPES))
    return Variable(laid_out(array, draw(LAYOUTS)))


@SOME
@given(variables(), SEEDS, st.data())
def test_reshape(x, seed, data):
    sizes = data.draw(st.permutations(x.shape))
    shape = tuple(sizes) if data.draw(st.booleans()) else (-1, *sizes[1:]) if sizes and all(sizes) else (x.size,)
    h = check_arrangement(F.reshape(x, shape), x.data.reshape(shape), x, lambda y: F.reshape(y, x.shape), seed)
    F.reshape(x, shape).backward(gradient=h)
    assert_array_equal(x.grad.data, h.reshape(x.shape))


@SOME
@given(variables(), SEEDS, st.data())
def test_transpose(x, seed, data):
    axes = data.draw(st.permutations(range(x.ndim)))
    inverse = tuple(np.argsort(axes).tolist())
    given_axes = tuple(axis - x.ndim if data.draw(st.booleans()) else axis for axis in axes)
    out = F.transpose(x, given_axes)
    h = check_arrangement(out, x.data.transpose(axes), x, lambda y: F.transpose(y, inverse), seed)
    F.transpose(x, given_axes).backward(gradient=h)
    assert_array_equal(x.grad.data, h.transpose(inverse))


@SOME
@given(variables(SHAPES.filter(bool)), SEEDS, st.data())
def test_split_and_concat(x, seed, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    places = sorted(data.draw(st.lists(st.integers(0, x.shape[axis]), max_size=3)))
    parts, expected = F.split(x, places, axis), np.split(x.data, places, axis)
    assert len(parts) == len(expected)
    for part, array in zip(parts, expected, strict=True):
        assert_array_equal(part.data, array)
    check_arrangement(F.concat(parts, axis), x.data, x, lambda y: F.concat(F.split(y, places, axis), axis), seed)
    # One part alone: the rest of the gradient is zero.
    chosen = data.draw(st.integers(0, len(parts) - 1))
    F.split(x, places, axis)[chosen].backward()
    marked = np.concatenate([np.full_like(a, i == chosen) for i, a in enumerate(expected)], axis)
    assert_array_equal(x.grad.data, marked)


@SOME
@given(variables(SHAPES.filter(lambda shape: shape and all(shape))), SEEDS, st.data())
def test_unstack_and_stack(x, seed, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    parts = F.unstack(x, axis=axis)
    for part, array in zip(parts, np.moveaxis(x.data, axis, 0), strict=True):
        assert_array_equal(part.data, array)
    check_arrangement(F.stack(parts, axis), x.data, x, lambda y: F.stack(F.unstack(y, axis=axis), axis), seed)
    chosen = data.draw(st.integers(0, len(parts) - 1))
    F.unstack(x, axis=axis)[chosen].backward()
    marked = np.zeros(x.shape)
    np.moveaxis(marked, axis, 0)[chosen] = 1
    assert_array_equal(x.grad.data, marked)
