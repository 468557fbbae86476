"""Normalization beside PyTorch's, over random shapes and options, in float64: values, all gradients, running statistics."""

from typing import Any

import numpy as np
import pytest

from wengert import Variable, layers, test_mode
from wengert import functions as F

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -e .[parity]")

test_mode.__test__ = False  # type: ignore[attr-defined]  # a name of Wengert's, and no test
SEEDS = range(12)


def drawn(rng: Any, *shape: int) -> Any:
    return rng.normal(size=shape) * rng.uniform(0.5, 3) + rng.uniform(-2, 2)


def shape_of(rng: Any, channels: int, least: int) -> tuple[int, ...]:
    return (int(rng.integers(2, 5)), channels, *map(int, rng.integers(2, 5, rng.integers(least, 4))))


def close(mine: Any, theirs: Any) -> None:
    np.testing.assert_allclose(mine, theirs.detach().numpy(), rtol=1e-10, atol=1e-10)


def compare(mine: Any, theirs: Any, arrays: list[Any], rng: Any) -> None:
    """Values, gradients, and the gradient of a weighted sum of the gradients of the input."""
    xs = [None if a is None else Variable(a.copy()) for a in arrays]
    ts = [None if a is None else torch.tensor(a, requires_grad=True) for a in arrays]
    y, z = mine(*xs), theirs(*ts)
    close(y.data, z)
    weight, along = rng.normal(size=y.shape), rng.normal(size=xs[0].shape)
    F.sum(y * weight).backward(create_graph=True)
    leaves = [t for t in ts if t is not None]
    first = torch.autograd.grad((z * torch.tensor(weight)).sum(), leaves, create_graph=True)
    for x, g in zip([x for x in xs if x is not None], first, strict=True):
        close(x.grad.data, g)
    gx = xs[0].grad
    if not gx.requires_grad:  # a straight line: PyTorch's second derivative is zeros, and here there is none
        zeros = torch.autograd.grad((first[0] * torch.tensor(along)).sum(), leaves, allow_unused=True)
        assert not any(z is not None and z.any() for z in zeros)
        return
    for x in xs:
        if x is not None:
            x.cleargrad()
    F.sum(gx * along).backward()
    second = torch.autograd.grad((first[0] * torch.tensor(along)).sum(), leaves, allow_unused=True)
    for x, g in zip([x for x in xs if x is not None], second, strict=True):
        if g is not None:
            close(x.grad.data, g)


def maybe(rng: Any, array: Any) -> Any:
    return array if rng.random() < 0.7 else None


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(seed: int, training: bool) -> None:
    rng = np.random.default_rng(seed)
    channels, eps = int(rng.integers(1, 5)), float(rng.choice([1e-5, 0.1]))
    momentum = float(rng.uniform())
    arrays = [drawn(rng, *shape_of(rng, channels, 0)), maybe(rng, drawn(rng, channels)), maybe(rng, drawn(rng, channels))]
    mean, var = drawn(rng, channels), rng.uniform(0.5, 2, channels)
    mine = [Variable(a.copy(), requires_grad=False) for a in (mean, var)]
    theirs = [torch.tensor(a) for a in (mean, var)]
    options = {"training": training, "momentum": momentum, "eps": eps}
    compare(
        lambda x, w, b: F.batch_norm(x, *mine, w, b, **options),
        lambda x, w, b: torch.nn.functional.batch_norm(x, *theirs, w, b, **options),
        arrays,
        rng,
    )
    for a, b in zip(mine, theirs, strict=True):
        close(a.data, b)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("own", [True, False])
def test_instance_norm(seed: int, own: bool) -> None:
    rng = np.random.default_rng(seed)
    channels, eps = int(rng.integers(1, 5)), float(rng.choice([1e-5, 0.1]))
    arrays = [drawn(rng, *shape_of(rng, channels, 1)), drawn(rng, channels), drawn(rng, channels)]
    mean, var = drawn(rng, channels), rng.uniform(0.5, 2, channels)
    mine = [Variable(a.copy(), requires_grad=False) for a in (mean, var)]
    theirs = [torch.tensor(a) for a in (mean, var)]
    options = {"use_input_stats": own, "momentum": 0.3, "eps": eps}
    compare(
        lambda x, w, b: F.instance_norm(x, *mine, w, b, **options),
        lambda x, w, b: torch.nn.functional.instance_norm(x, *theirs, w, b, **options),
        arrays,
        rng,
    )
    for a, b in zip(mine, theirs, strict=True):
        close(a.data, b)


@pytest.mark.parametrize("seed", SEEDS)
def test_layer_norm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(map(int, rng.integers(2, 5, rng.integers(1, 5))))
    last = shape[-int(rng.integers(1, len(shape) + 1)) :]
    eps = float(rng.choice([1e-5, 0.1]))
    compare(
        lambda x, w, b: F.layer_norm(x, last, w, b, eps=eps),
        lambda x, w, b: torch.nn.functional.layer_norm(x, last, w, b, eps=eps),
        [drawn(rng, *shape), maybe(rng, drawn(rng, *last)), maybe(rng, drawn(rng, *last))],
        rng,
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_rms_norm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(map(int, rng.integers(2, 5, rng.integers(1, 5))))
    last = shape[-int(rng.integers(1, len(shape) + 1)) :]
    eps = [None, 1e-5, 0.1][int(rng.integers(3))]
    compare(
        lambda x, w: F.rms_norm(x, last, w, eps=eps),
        lambda x, w: torch.nn.functional.rms_norm(x, last, w, eps=eps),
        [drawn(rng, *shape), maybe(rng, drawn(rng, *last))],
        rng,
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_group_norm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups, size = map(int, rng.integers(1, 4, 2))
    shape = shape_of(rng, groups * size, 1)
    compare(
        lambda x, w, b: F.group_norm(x, groups, w, b, eps=1e-3),
        lambda x, w, b: torch.nn.functional.group_norm(x, groups, w, b, eps=1e-3),
        [drawn(rng, *shape), drawn(rng, shape[1]), maybe(rng, drawn(rng, shape[1]))],  # PyTorch's second order needs a weight
        rng,
    )


PAIRS = [
    (layers.BatchNorm1d, torch.nn.BatchNorm1d, 0),
    (layers.BatchNorm1d, torch.nn.BatchNorm1d, 1),
    (layers.BatchNorm2d, torch.nn.BatchNorm2d, 2),
    (layers.BatchNorm3d, torch.nn.BatchNorm3d, 3),
    (layers.InstanceNorm1d, torch.nn.InstanceNorm1d, 1),
    (layers.InstanceNorm2d, torch.nn.InstanceNorm2d, 2),
    (layers.InstanceNorm3d, torch.nn.InstanceNorm3d, 3),
]


@pytest.mark.parametrize(("ours", "theirs", "space"), PAIRS)
@pytest.mark.parametrize("momentum", [0.1, 0.7, None])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("track", [True, False])
def test_layers_over_several_batches(ours: Any, theirs: Any, space: int, momentum: Any, affine: bool, track: bool) -> None:
    rng = np.random.default_rng(0)
    mine = ours(None, 1e-4, momentum, affine, track, dtype=np.float64)
    yours = theirs(3, 1e-4, momentum, affine, track).double()
    for _ in range(4):
        x = drawn(rng, 5, 3, *(4,) * space)
        close(mine(x).data, yours(torch.tensor(x)))
    yours.eval()
    standing = theirs.__name__.startswith("Instance") and momentum is None and track  # PyTorch's never move then
    with test_mode():
        if not standing:
            close(mine(x).data, yours(torch.tensor(x)))
    for name, buffer in yours.named_buffers():
        if name != "num_batches_tracked" and not standing:
            close(getattr(mine, name).data, buffer)


@pytest.mark.parametrize("options", [{}, {"eps": 0.1}, {"elementwise_affine": False}, {"bias": False}])
def test_layer_norm_layer(options: dict[str, Any]) -> None:
    x = drawn(np.random.default_rng(0), 4, 3, 5)
    mine, yours = layers.LayerNorm((3, 5), dtype=np.float64, **options), torch.nn.LayerNorm((3, 5), **options).double()
    close(mine(x).data, yours(torch.tensor(x)))
    assert [p for p, _ in mine.named_parameters()] == [p for p, _ in yours.named_parameters()]
