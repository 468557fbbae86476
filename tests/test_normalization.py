"""Normalization layers: what they learn, what they remember, how that is saved; and derivatives where rows do not reach."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import wengert
from rows.row import draw
from wengert import Variable, layers
from wengert import functions as F
from wengert.core.modes import using_config
from wengert.errors import DtypeError, InputError, ShapeError
from wengert.layers import BatchNorm, BatchNorm1d, BatchNorm2d, Buffer, GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from wengert.optimizers import SGD, Adam
from wengert.testing import gradcheck

LAZY = [BatchNorm, InstanceNorm, lambda: InstanceNorm(affine=True), lambda: GroupNorm(2), LayerNorm, RMSNorm]
IMAGES = draw(5, 4, 3, 6).astype(np.float32)


@pytest.mark.parametrize("make", LAZY)
def test_sizes_come_from_the_first_call_and_all_stays_float32(make: Any) -> None:
    layer = make()
    x = Variable(IMAGES)
    y = layer(x)
    assert y.shape == IMAGES.shape and y.dtype == np.float32
    F.sum(y * y).backward()
    assert x.grad.dtype == np.float32
    assert all(p.dtype == np.float32 for p in layer.parameters())
    assert all(p.grad is not None and p.grad.dtype == np.float32 for p in layer.parameters() if p.requires_grad)


@pytest.mark.parametrize("make", [BatchNorm1d, BatchNorm2d, layers.BatchNorm3d])
def test_layers_know_how_many_axes_to_expect(make: Any) -> None:
    with pytest.raises(ShapeError, match="axes"):
        make()(draw(2, 3, 4, 4, 4, 4))


def test_running_statistics_move_in_training_alone() -> None:
    layer = BatchNorm(3, momentum=0.25, dtype=np.float64)
    x = draw(6, 3)
    with using_config("train", False):
        layer(x)
    assert not layer.running_mean.data.any()
    layer(x)
    np.testing.assert_allclose(layer.running_mean.data, 0.25 * x.mean(0))
    np.testing.assert_allclose(layer.running_var.data, 0.75 + 0.25 * x.var(0, ddof=1))


def test_equal_shares_of_all_batches() -> None:
    layer = BatchNorm(3, momentum=None, dtype=np.float64)
    batches = [draw(6, 3, seed=i) for i in range(5)]
    for x in batches:
        layer(x)
    np.testing.assert_allclose(layer.running_mean.data, np.mean(batches, axis=(0, 1)))


def test_a_refused_batch_leaves_no_trace() -> None:
    layer = BatchNorm(3, momentum=None)
    with pytest.raises(ShapeError):
        layer(np.ones((1, 3), np.float32))
    assert layer.batches.data == 0 and not layer.running_mean.data.any()


@pytest.mark.parametrize("optimizer", [SGD, lambda lr: Adam(lr, weight_decay=0.1)])
def test_buffers_are_not_optimized(optimizer: Any) -> None:
    layer = BatchNorm(3)
    step = optimizer(0.1).setup(layer)
    F.sum(layer(Variable(draw(6, 3).astype(np.float32))) ** 2 * draw(6, 3, seed=1).astype(np.float32)).backward()
    before = layer.running_mean.data.copy(), layer.weight.data.copy()
    step.update()
    np.testing.assert_array_equal(layer.running_mean.data, before[0])
    assert (layer.weight.data != before[1]).all() and layer.running_mean.grad is None


@pytest.mark.parametrize("momentum", [0.1, None])
def test_buffers_are_saved_and_loaded(tmp_path: Any, momentum: Any) -> None:
    model = layers.Sequential(layers.Linear(3, in_size=2), BatchNorm(momentum=momentum))
    for i in range(3):
        model(draw(6, 2, seed=i).astype(np.float32))
    wengert.save(tmp_path / "weights", model)
    for fresh in (BatchNorm(3, momentum=momentum), BatchNorm(momentum=momentum)):
        other = layers.Sequential(layers.Linear(3, in_size=2), fresh)
        wengert.load(tmp_path / "weights", other)
        for (a, p), (b, q) in zip(model.named_parameters(), other.named_parameters(), strict=True):
            assert a == b
            np.testing.assert_array_equal(p.data, q.data)
        with using_config("train", False):
            x = draw(4, 2).astype(np.float32)
            np.testing.assert_array_equal(model(x).data, other(x).data)


def test_buffers_are_no_parameters() -> None:
    assert [path for path, _ in BatchNorm(3).named_parameters()] == ["weight", "bias"]
    assert len(list(BatchNorm(3).parameters())) == 2


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_remember_by_themselves(twin: Any) -> None:
    layer = BatchNorm(3)
    other = twin(layer)
    other(draw(6, 3).astype(np.float32))
    assert isinstance(other.running_mean, Buffer) and not other.running_mean.requires_grad
    assert other.running_mean.data.any() and not layer.running_mean.data.any()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: BatchNorm(0), InputError, "channels"),
        (lambda: BatchNorm(3, eps=-1), InputError, "eps"),
        (lambda: BatchNorm(3, momentum=2), InputError, "momentum"),
        (lambda: BatchNorm(3, dtype=int), DtypeError, "floating"),
        (lambda: BatchNorm(3)(draw(5, 4)), ShapeError, "x has 4 channels, and this layer 3"),
        (lambda: GroupNorm(2, 3), InputError, "3 channels"),
        (lambda: GroupNorm(0), InputError, "groups"),
        (lambda: LayerNorm(()), InputError, "at least one"),
        (lambda: LayerNorm((3, 0)), InputError, "normalized_shape"),
        (lambda: LayerNorm()(1.0), DtypeError, "axis"),
        (lambda: BatchNorm()(1.0), DtypeError, "array"),
        (lambda: RMSNorm(3, eps=float("nan")), InputError, "eps"),
        (lambda: layers.Embedding(3, 2, padding_idx=3), InputError, "padding_idx 3"),
    ],
)
def test_what_is_refused(make: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_layers_describe_themselves() -> None:
    assert repr(BatchNorm()) == "BatchNorm(?)  parameters made at the first call"
    assert repr(BatchNorm(3, momentum=None)).startswith("BatchNorm(3, momentum=None)")
    assert repr(LayerNorm((3, 5))) == "LayerNorm(3, 5)  30 parameters"
    assert repr(GroupNorm(2, 4)) == "GroupNorm(groups=2, 4)  8 parameters"


def test_third_order() -> None:
    assert gradcheck(lambda x, w: F.layer_norm(x, 3, w), draw(2, 3), draw(3), order=3)
    assert gradcheck(lambda x: F.batch_norm(x, training=True, eps=0.1), draw(3, 2), order=3)


def test_one_gradient_alone() -> None:
    """Asked for the weight's alone, or the bias's, it is that of all together."""
    x, w, b = draw(5, 3), draw(3), draw(3, seed=1)
    weights = draw(5, 3, seed=2)

    def gradients(*needed: bool) -> list[Any]:
        vs = [Variable(a.copy(), requires_grad=n) for a, n in zip((x, w, b), needed, strict=True)]
        F.sum(F.batch_norm(vs[0], None, None, *vs[1:], training=True) * weights).backward()
        return [v.grad.data if n else None for v, n in zip(vs, needed, strict=True)]

    whole = gradients(True, True, True)
    for i in range(3):
        np.testing.assert_allclose(gradients(*(j == i for j in range(3)))[i], whole[i], rtol=1e-12)


def test_float32_far_from_zero_in_test_mode() -> None:
    """(x - mean) * scale, and not x * scale - mean * scale, of which most digits cancel."""
    x = (draw(100, 2) + 1e4).astype(np.float32)
    mean, var = x.mean(0), x.var(0)
    out = F.batch_norm(x, mean, var, training=False)
    exact = (x.astype(float) - mean) / np.sqrt(var.astype(float) + 1e-5)
    np.testing.assert_allclose(out.data, exact, rtol=1e-5, atol=1e-5)


def test_jax_traces_a_training_step() -> None:
    jax = pytest.importorskip("jax", reason="JAX is an optional extra")
    x = draw(6, 3).astype(np.float32)

    def step(x: Any, mean: Any, var: Any) -> Any:
        running = Variable(mean, requires_grad=False), Variable(var, requires_grad=False)
        x = Variable(x)
        F.sum(F.batch_norm(x, *running, training=True) ** 3).backward()
        return x.grad.data, running[0].data, running[1].data

    mean, var = np.zeros(3, np.float32), np.ones(3, np.float32)
    for mine, theirs in zip(step(x, mean, var), jax.jit(step)(x, mean, var), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=1e-5)


def test_layer_norm_of_many_rows():
    """More than one block of the kernel, against each half alone."""
    x, w, b = (Variable(draw(*shape)) for shape in ((700, 900), (900,), (900,)))
    g = draw(700, 900, seed=1)
    F.layer_norm(x, 900, w, b).backward(gradient=g)
    whole = [v.grad.data for v in (x, w, b)]
    halves = [Variable(x.data[:350]), Variable(x.data[350:])]
    w.cleargrad()
    b.cleargrad()
    for half, part in zip(halves, (g[:350], g[350:]), strict=True):
        F.layer_norm(half, 900, w, b).backward(gradient=part)
    parts = [np.concatenate([h.grad.data for h in halves]), w.grad.data, b.grad.data]
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 4, 7), (5, 4, 3, 6), (2, 4, 3, 2, 5)])
def test_batches_that_lie_with_their_channels_last(shape: tuple[int, ...]) -> None:
    x, weight, bias, g = draw(*shape), draw(4, seed=1), draw(4, seed=2), draw(*shape, seed=3)
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)

    def normalized(x: Any, weight: Any, bias: Any) -> Any:
        return F.batch_norm(x, None, None, weight, bias, training=True)

    out, pull = wengert.vjp(normalized, x, weight, bias)
    got, pull_last = wengert.vjp(normalized, last, weight, bias)
    assert got.strides == last.strides
    for one, other in zip([got, *pull_last(g)], [out, *pull(g)], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)
    gradcheck(normalized, last, weight, bias)
    running = [Variable(np.zeros(4), requires_grad=False), Variable(np.ones(4), requires_grad=False)]
    F.batch_norm(last, *running, training=True)
    axes = (0, *range(2, len(shape)))
    np.testing.assert_allclose(running[0].data, 0.1 * x.mean(axes))
    np.testing.assert_allclose(running[1].data, 0.9 + 0.1 * x.var(axes, ddof=1))


def test_the_mean_of_what_lies_far_from_zero() -> None:
    x = (draw(64, 1000) + 1000).astype(np.float32)
    exact = x.astype(float)
    exact = (exact - exact.mean(1, keepdims=True)) / exact.std(1, keepdims=True)
    np.testing.assert_allclose(F.layer_norm(x, 1000, eps=0).data, exact, atol=2e-4)  # the entries are exact to 6e-5
    np.testing.assert_allclose(F.batch_norm(x.T, training=True, eps=0).data, exact.T, atol=2e-4)
