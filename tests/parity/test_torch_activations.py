"""Activations beside PyTorch's in float64: values and gradients at random places and at every kink."""

from typing import Any

import numpy as np
import pytest

from wengert import Variable, layers, random
from wengert import functions as F
from wengert.core.modes import using_config

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -e .[parity]")
N = torch.nn.functional

KINKS = np.array([-6.0, -3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0])
PLACES = np.concatenate([KINKS, np.random.default_rng(0).uniform(-8, 8, 30), [-50.0, 50.0]]).reshape(6, 7)
PAIRS: list[tuple[str, Any, Any]] = [
    ("relu", F.relu, N.relu),
    ("relu6", F.relu6, N.relu6),
    ("leaky_relu", lambda x: F.leaky_relu(x, 0.1), lambda x: N.leaky_relu(x, 0.1)),
    ("elu", lambda x: F.elu(x, 0.7), lambda x: N.elu(x, 0.7)),
    ("celu", lambda x: F.celu(x, 0.5), lambda x: N.celu(x, 0.5)),
    ("selu", F.selu, N.selu),
    ("gelu", F.gelu, N.gelu),
    ("gelu, tanh", lambda x: F.gelu(x, "tanh"), lambda x: N.gelu(x, approximate="tanh")),
    ("silu", F.silu, N.silu),
    ("swish", F.swish, N.silu),
    ("mish", F.mish, N.mish),
    ("softplus", F.softplus, lambda x: N.softplus(x, threshold=100)),
    ("softsign", F.softsign, N.softsign),
    ("log_sigmoid", F.log_sigmoid, N.logsigmoid),
    ("sigmoid", F.sigmoid, torch.sigmoid),
    ("hardtanh", F.hardtanh, N.hardtanh),
    ("hardtanh, bounds", lambda x: F.hardtanh(x, -0.5, 3), lambda x: N.hardtanh(x, -0.5, 3)),
    ("hardsigmoid", F.hardsigmoid, N.hardsigmoid),
    ("hardswish", F.hardswish, N.hardswish),
    ("hardshrink", F.hardshrink, N.hardshrink),
    ("softshrink", F.softshrink, N.softshrink),
    ("softshrink, bound", lambda x: F.softshrink(x, 1.0), lambda x: N.softshrink(x, 1.0)),
    ("tanhshrink", F.tanhshrink, N.tanhshrink),
    ("threshold", lambda x: F.threshold(x, 1.0, 7.0), lambda x: N.threshold(x, 1.0, 7.0)),
    ("softmin", F.softmin, lambda x: N.softmin(x, dim=-1)),
    ("softmax", lambda x: F.softmax(x, axis=0), lambda x: N.softmax(x, dim=0)),
    ("log_softmax", F.log_softmax, lambda x: N.log_softmax(x, dim=-1)),
    ("glu", lambda x: F.glu(x, 0), lambda x: N.glu(x, 0)),
    ("rrelu, all alike", lambda x: F.rrelu(x, 0.2, 0.2), lambda x: N.rrelu(x, 0.2, 0.2, training=True)),
]


def compare(mine: Any, theirs: Any, *arrays: Any, rtol: float = 1e-10) -> None:
    xs = [Variable(a.copy()) for a in arrays]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, z = mine(*xs), theirs(*ts)
    weight = np.random.default_rng(1).normal(size=y.shape)
    F.sum(y * weight).backward()
    (z * torch.tensor(weight)).sum().backward()
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-10, atol=1e-10)
    for x, t in zip(xs, ts, strict=True):
        np.testing.assert_allclose(x.grad.data, t.grad.numpy(), rtol=rtol, atol=1e-10)


@pytest.mark.parametrize(("mine", "theirs"), [p[1:] for p in PAIRS], ids=[p[0] for p in PAIRS])
def test_value_and_gradient(mine: Any, theirs: Any) -> None:
    # PyTorch takes for the slope of its hardsigmoid the float32 that is nearest to 1/6.
    compare(mine, theirs, PLACES, rtol=1e-7 if mine is F.hardsigmoid else 1e-10)


@pytest.mark.parametrize("shape", [(6, 7), (2, 7, 3), (1, 7, 2, 3)])
@pytest.mark.parametrize("weights", [1, 7])
def test_prelu(shape: tuple[int, ...], weights: int) -> None:
    x = np.resize(PLACES, shape)
    compare(F.prelu, N.prelu, x, np.random.default_rng(2).uniform(-1, 1, weights))


def test_rrelu_outside_training() -> None:
    with using_config("train", False):
        compare(F.rrelu, N.rrelu, PLACES)


def test_rrelu_draws_between_its_bounds_and_its_gradient_is_its_slope() -> None:
    random.seed(0)
    x = Variable(np.full(10_000, -1.0))
    y = F.rrelu(x, 0.1, 0.3)
    assert -0.3 <= y.data.min() < -0.299 and -0.101 < y.data.max() <= -0.1
    assert abs(y.data.mean() + 0.2) < 0.002
    F.sum(y).backward()
    np.testing.assert_array_equal(x.grad.data, -y.data)


@pytest.mark.parametrize("seed", range(3))
def test_embedding_with_padding(seed: int) -> None:
    rng = np.random.default_rng(seed)
    index = rng.integers(0, 5, (3, 4))
    compare(
        lambda w: F.embed_id(index, w, padding_idx=2),
        lambda w: N.embedding(torch.tensor(index), w, padding_idx=2),
        rng.normal(size=(5, 3)),
    )


def test_the_padding_of_an_embedding_begins_at_zero_and_stays() -> None:
    layer = layers.Embedding(5, 3, padding_idx=-1)
    assert layer.padding_idx == 4 and not layer.weight.data[4].any() and layer.weight.data[:4].all()
    F.sum(layer(np.array([4, 1, 4]))).backward()
    assert layer.weight.grad.data.tolist() == [[0, 0, 0], [1, 1, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_channels_drop_out_whole(axes: int) -> None:
    random.seed(0)
    x = np.ones((200, 10, *(3,) * axes))
    y = getattr(layers, f"Dropout{axes}d")(0.4)(Variable(x)).data.reshape(2000, -1)
    assert (y == y[:, :1]).all()
    kept = y[:, 0] != 0
    np.testing.assert_allclose(y[kept], 1 / 0.6)
    assert abs(kept.mean() - 0.6) < 0.05


LAYERS = [
    (layers.ReLU(), F.relu),
    (layers.ReLU6(), F.relu6),
    (layers.Sigmoid(), F.sigmoid),
    (layers.LogSigmoid(), F.log_sigmoid),
    (layers.Tanh(), F.tanh),
    (layers.SiLU(), F.silu),
    (layers.Mish(), F.mish),
    (layers.SELU(), F.selu),
    (layers.HardSigmoid(), F.hardsigmoid),
    (layers.HardSwish(), F.hardswish),
    (layers.Softplus(), F.softplus),
    (layers.Softsign(), F.softsign),
    (layers.TanhShrink(), F.tanhshrink),
    (layers.LeakyReLU(0.3), lambda x: F.leaky_relu(x, 0.3)),
    (layers.RReLU(0.3, 0.3), lambda x: F.leaky_relu(x, 0.3)),
    (layers.ELU(0.3), lambda x: F.elu(x, 0.3)),
    (layers.CELU(0.3), lambda x: F.celu(x, 0.3)),
    (layers.GELU("tanh"), lambda x: F.gelu(x, "tanh")),
    (layers.HardTanh(-2, 3), lambda x: F.hardtanh(x, -2, 3)),
    (layers.HardShrink(2), lambda x: F.hardshrink(x, 2)),
    (layers.SoftShrink(2), lambda x: F.softshrink(x, 2)),
    (layers.Threshold(1, 2), lambda x: F.threshold(x, 1, 2)),
    (layers.GLU(0), lambda x: F.glu(x, 0)),
    (layers.Softmax(0), lambda x: F.softmax(x, 0)),
    (layers.LogSoftmax(0), lambda x: F.log_softmax(x, 0)),
    (layers.Softmin(0), lambda x: F.softmin(x, 0)),
]


@pytest.mark.parametrize(("layer", "function"), LAYERS, ids=lambda v: type(v).__name__)
def test_layers_are_their_functions(layer: Any, function: Any) -> None:
    np.testing.assert_array_equal(layer(PLACES).data, function(PLACES).data)
    assert hash(layer) != hash(type(layer)()) if not layer.details() else "=" in repr(layer)


def test_prelu_layer() -> None:
    layer = layers.PReLU(7)
    assert [p.shape for p in layer.parameters()] == [(7,)] and layer.weight.data.tolist() == [0.25] * 7
    F.sum(layer(Variable(PLACES.astype(np.float32)))).backward()
    np.testing.assert_allclose(layer.weight.grad.data, np.minimum(PLACES, 0).sum(axis=0), rtol=1e-6)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_alpha_dropout(ratio: float) -> None:
    """Each library draws its own mask: of equal entries, both make the same two numbers."""
    x = Variable(np.full(2000, 1.5))
    tx = torch.full((2000,), 1.5, dtype=torch.float64, requires_grad=True)
    y, ty = F.alpha_dropout(x, ratio), N.alpha_dropout(tx, ratio, training=True)
    np.testing.assert_allclose(np.unique(y.data), np.unique(ty.detach().numpy()), rtol=1e-12)
    weights = np.random.default_rng(0).normal(size=2000)
    (y * weights).sum().backward()
    (ty * torch.tensor(weights)).sum().backward()
    slopes = np.unique(np.round(x.grad.data / weights, 12))
    np.testing.assert_allclose(slopes, np.unique(np.round(tx.grad.numpy() / weights, 12)), atol=1e-11)
    np.testing.assert_array_equal((x.grad.data != 0), y.data == y.data.max())
