"""Every row of the table of operations, turned into tests."""

import gc
import weakref

import numpy as np
import pytest

import wengert
from rows import all_rows
from rows.row import Row
from wengert import Variable
from wengert import functions as F
from wengert.core.recorded import Recorded
from wengert.testing import gradcheck

ROWS = all_rows()
CASES = [pytest.param(row, c, id=f"{row.name}-{i}") for row in ROWS for i, c in enumerate(row.calls)]
DIFFERENTIABLE = [
    pytest.param(row, c, id=f"{row.name}-{i}") for row in ROWS if row.order for i, c in enumerate(row.calls)
]
KINKS = [pytest.param(row, k, id=f"{row.name}-{i}") for row in ROWS for i, k in enumerate(row.kinks)]
FAILURES = [pytest.param(row, f, id=f"{row.name}-{i}") for row in ROWS for i, f in enumerate(row.failures)]


def function(row: Row):
    return row.function or getattr(F, row.name)


def convert(tree, leaf):
    """The arguments with every float64 array replaced."""
    if isinstance(tree, np.ndarray) and tree.dtype == np.float64:
        return leaf(tree)
    if isinstance(tree, tuple | list):
        return type(tree)(convert(item, leaf) for item in tree)
    return tree


def flat(out):
    if isinstance(out, tuple | list):
        return [leaf for item in out for leaf in flat(item)]
    return [out]


def leaves_of(tree):
    return [leaf for leaf in flat(tree) if isinstance(leaf, Variable)]


def data(out):
    return [np.asarray(leaf.data if isinstance(leaf, Recorded) else leaf) for leaf in flat(out)]


def backward(out, seed=0):
    """Gradients of a randomly weighted sum of the outputs."""
    rng = np.random.default_rng(seed)
    total = 0.0
    for leaf in flat(out):
        if isinstance(leaf, Variable) and leaf.requires_grad:
            total = total + F.sum(leaf * rng.uniform(0.5, 1.5, leaf.shape).astype(leaf.dtype))
    total.backward()


@pytest.mark.parametrize(("row", "c"), CASES)
def test_value(row, c):
    out = function(row)(*c.args, **c.options)
    assert all(isinstance(leaf, Recorded | bool) and not getattr(leaf, "requires_grad", False) for leaf in flat(out))
    if row.reference is None:
        return
    expected = [np.asarray(leaf) for leaf in flat(row.reference(*c.args, **c.options))]
    got = data(out)
    assert [g.shape for g in got] == [e.shape for e in expected]
    for g, e in zip(got, expected, strict=True):
        np.testing.assert_allclose(g, e, rtol=row.rtol, atol=1e-12)


@pytest.mark.parametrize(("row", "c"), DIFFERENTIABLE)
def test_derivatives(row, c):
    assert gradcheck(lambda *xs: function(row)(*xs, **c.options), *c.args, order=row.order)


@pytest.mark.parametrize(("row", "c"), DIFFERENTIABLE)
def test_each_result_and_each_input_alone(row, c):
    """Of several results one is asked for, then of several inputs one needs a gradient: the parts of the whole."""
    names = [f"{i}" for i, leaf in enumerate(leaves_of(convert(c.args, lambda a: Variable(a))))]
    args = convert(c.args, lambda a: Variable(a.copy()))
    results = [leaf for leaf in flat(function(row)(*args, **c.options)) if isinstance(leaf, Variable) and leaf.requires_grad]
    whole = gradients(results, args)
    if len(results) > 1:
        apart = [gradients([result], args, place=i) for i, result in enumerate(results)]
        for total, *parts in zip(whole, *apart, strict=True):
            np.testing.assert_allclose(sum(parts), total, rtol=1e-10, atol=1e-10 * (1 + np.max(np.abs(total), initial=0)))
    for place in range(len(names)) if len(names) > 1 else ():
        counter = iter(range(len(names)))
        args = convert(c.args, lambda a: Variable(a) if next(counter) == place else a)  # noqa: B023
        results = flat(function(row)(*args, **c.options))
        alone = [leaf for leaf in results if isinstance(leaf, Variable) and leaf.requires_grad]
        if alone and len(alone) == len([leaf for leaf in results if isinstance(leaf, Variable)]):
            (got,) = gradients(alone, args)
            np.testing.assert_allclose(got, whole[place], rtol=1e-10, atol=1e-12)


def gradients(results, args, place=0):
    """Of the sum of results, each weighted with random numbers that go by its place, in every input."""
    for leaf in leaves_of(args):
        leaf.cleargrad()
    total = 0.0
    for i, leaf in enumerate(results, start=place):
        total = total + F.sum(leaf * np.random.default_rng(i).normal(size=leaf.shape))
    if results:
        total.backward(retain_graph=True)
    return [np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.data for leaf in leaves_of(args)]


@pytest.mark.parametrize(("row", "k"), KINKS)
def test_kink(row, k):
    args = convert(k.args, lambda a: Variable(a.copy()))
    with np.errstate(all="ignore"):
        out = function(row)(*args, **k.options)
        expected = row.reference(*k.args, **k.options)
        np.testing.assert_allclose(out.data, expected, rtol=1e-14, atol=1e-16)
        weights = np.random.default_rng(0).normal(size=out.shape)
        out.backward(gradient=weights)
        assert len(k.slopes) == len(leaves_of(args))
        for leaf, slope in zip(leaves_of(args), k.slopes, strict=True):
            np.testing.assert_allclose(leaf.grad.data, np.broadcast_to(weights * slope, leaf.shape), rtol=2e-15, atol=1e-300)


@pytest.mark.parametrize(("row", "c"), DIFFERENTIABLE)
def test_float32_stays_float32(row, c):
    if "float32" in row.skips:
        pytest.skip(row.skips["float32"])
    args = convert(c.args, lambda a: Variable(a.astype(np.float32)))
    out = function(row)(*args, **c.options)
    assert all(leaf.dtype == np.float32 for leaf in flat(out) if leaf.requires_grad)
    if any(leaf.requires_grad for leaf in flat(out)):
        backward(out)
    assert all(leaf.grad is None or leaf.grad.dtype == np.float32 for leaf in leaves_of(args))


@pytest.mark.parametrize(("row", "c"), DIFFERENTIABLE)
def test_leaves_no_trace(row, c):
    """Inputs are not written to, nothing of the graph outlives its result, and gradients are writable and apart."""
    args = convert(c.args, lambda a: Variable(a.copy()))
    before = [leaf.data.copy() for leaf in leaves_of(args)]
    gc.disable()
    try:
        out = function(row)(*args, **c.options)
        made = [leaf for leaf in flat(out) if leaf.requires_grad]
        creators = [weakref.ref(leaf.creator) for leaf in made if leaf.creator is not None]
        if made:
            backward(out)
        del out, made
        assert all(creator() is None for creator in creators)
    finally:
        gc.enable()
    for leaf, old in zip(leaves_of(args), before, strict=True):
        np.testing.assert_array_equal(leaf.data, old)
    gradients = [leaf.grad.data for leaf in leaves_of(args) if leaf.grad is not None]
    assert all(g.flags.writeable for g in gradients)
    assert not any(np.shares_memory(a, b) for i, a in enumerate(gradients) for b in gradients[:i])


@pytest.mark.parametrize(
    ("row", "c", "numpy_function"),
    [
        pytest.param(row, c, f, id=f"{getattr(f, '__name__', f)}-{i}")
        for row in ROWS
        for f in row.numpy
        for i, c in enumerate(row.calls)
    ],
)
def test_numpy_function_is_recorded(row, c, numpy_function):
    args = convert(c.args, lambda a: Variable(a.copy()))
    if not leaves_of(args):
        pytest.skip("nothing here that could be recorded")
    out = numpy_function(*args, **c.options)
    assert all(isinstance(leaf, Variable) for leaf in flat(out))
    if row.order:
        assert any(leaf.requires_grad for leaf in flat(out)) or row.zero
    for g, e in zip(data(out), data(function(row)(*c.args, **c.options)), strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("row", "c"), CASES)
def test_jax_agrees(row, c):
    jax = pytest.importorskip("jax", reason="JAX is an optional extra")
    if "jax" in row.skips:
        pytest.skip(row.skips["jax"])
    jnp = jax.numpy

    def run(to_array):
        def arrays(tree):
            if isinstance(tree, np.ndarray):
                array = to_array(tree)
                return Variable(array) if tree.dtype == np.float64 else array
            return type(tree)(arrays(item) for item in tree) if isinstance(tree, tuple | list) else tree

        args = arrays(c.args)
        out = function(row)(*args, **c.options)
        if row.order and any(leaf.requires_grad for leaf in flat(out)):
            rng = np.random.default_rng(0)
            total = 0.0
            for leaf in flat(out):
                if leaf.requires_grad:
                    total = total + F.sum(leaf * to_array(rng.uniform(0.5, 1.5, leaf.shape)))
            total.backward()
        return data(out) + [np.asarray(x.grad.data) for x in leaves_of(args) if x.grad is not None]

    with jax.enable_x64(True):
        for g, e in zip(run(jnp.asarray), run(np.array), strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(("row", "f"), FAILURES)
def test_failure_is_explained(row, f):
    with pytest.raises(f.error) as caught:
        function(row)(*f.args, **f.options)
    text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert all(word in text for word in f.words), text


def test_every_operation_has_a_row():
    named = {row.name for row in ROWS}
    aliases = {}
    for name in F.__all__:
        aliases.setdefault(getattr(F, name), set()).add(name)
    missing = {sorted(names)[0] for names in aliases.values() if not names & named}
    assert missing == set()


def test_package_is_imported():
    assert wengert.__version__
