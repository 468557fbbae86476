"""Models for images: their sizes, their names, what they learn, and what they refuse."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wengert import functions as F
from wengert import layers, models, random
from wengert import save as save_weights
from wengert.core.modes import test_mode
from wengert.errors import DeclarationError, InputError
from wengert.models.resnet import BasicBlock, Bottleneck
from wengert.optimizers import SGD
from wengert.serialization import load


def count(model: Any) -> int:
    return sum(
        math.prod(parameter.shape) for parameter in model.parameters() if not isinstance(parameter, layers.Buffer)
    )


# As published with the weights of torchvision, for 1000 classes.
@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (models.ResNet18, 11_689_512),
        (models.ResNet34, 21_797_672),
        (models.ResNet50, 25_557_032),
        (models.ResNet101, 44_549_160),
        (models.ResNet152, 60_192_808),
        (lambda: models.SqueezeNet(version="1.0"), 1_248_424),
        (lambda: models.SqueezeNet(version="1.1"), 1_235_496),
    ],
)
def test_as_many_parameters_as_published(make: Any, parameters: int) -> None:
    assert count(make()) == parameters


@pytest.mark.parametrize(("batch_norm", "parameters"), [(False, 138_357_544), (True, 138_365_992)])
def test_vgg16_has_as_many_parameters_as_published(batch_norm: bool, parameters: int) -> None:
    small, hidden = models.VGG16(batch_norm=batch_norm, hidden=10), 4096  # which saves half a gigabyte
    features = count(small.features)
    dense = (512 * 49 + 1) * hidden + (hidden + 1) * hidden + (hidden + 1) * 1000
    assert features + dense == parameters
    assert count(small) == features + (512 * 49 + 1) * 10 + 11 * 10 + 11 * 1000


# SqueezeNet rectifies its scores: of a few classes, all might be zero by chance.
SMALL: dict[str, Any] = {
    "vgg": lambda: models.VGG16(3, hidden=8, in_channels=1, dropout=0.0, batch_norm=True),
    "basic": lambda: models.ResNet18(3, width=4, in_channels=1),
    "bottleneck": lambda: models.ResNet50(3, width=4, in_channels=1),
    "squeezenet 1.0": lambda: models.SqueezeNet(20, version="1.0", in_channels=1, dropout=0.0),
    "squeezenet 1.1": lambda: models.SqueezeNet(20, in_channels=1, dropout=0.0),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_few_steps_make_the_loss_less(name: str) -> None:
    model = SMALL[name]()
    optimizer = SGD(0.001).setup(model)
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(6, 1, 32, 32)).astype(np.float32), np.array([0, 1, 2, 0, 1, 2])
    losses = []
    for _ in range(4):
        loss = F.softmax_cross_entropy(model(x), labels)
        model.cleargrads()
        loss.backward()
        assert all(p.grad is not None and p.grad.dtype == np.float32 for _, p in model.named_parameters())
        optimizer.update()
        losses.append(float(loss.data))
    assert loss.dtype == np.float32
    assert min(losses[1:]) < losses[0]  # which of them depends on rounding: normalizing six examples, a step is rough


@pytest.mark.parametrize("name", SMALL)
def test_weights_come_back(name: str, tmp_path: Path) -> None:
    model, other = SMALL[name](), SMALL[name]()
    x = np.random.default_rng(0).normal(size=(2, 1, 33, 47)).astype(np.float32)  # of any size
    model(x)  # which moves the running statistics
    save_weights(tmp_path / "w", model)
    load(tmp_path / "w", other)
    with test_mode():
        np.testing.assert_array_equal(model(x).data, other(x).data)


def test_what_stands_where_in_torchvision() -> None:
    def named(model: Any, kind: type) -> list[str]:
        return [path.replace("layers.", "") for path, layer in model.named_layers() if isinstance(layer, kind)]

    vgg = models.VGG16(2, hidden=2)
    assert named(vgg.features, layers.Conv2d) == [str(n) for n in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)]
    assert named(vgg.classifier, layers.Linear) == ["0", "3", "6"]
    with_norm = models.VGG16(2, hidden=2, batch_norm=True)
    places = (0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40)
    assert named(with_norm.features, layers.Conv2d) == [str(n) for n in places]
    assert named(with_norm.features, layers.BatchNorm2d) == [str(n + 1) for n in places]
    for version, fires in (("1.0", (3, 4, 5, 7, 8, 9, 10, 12)), ("1.1", (3, 4, 6, 7, 9, 10, 11, 12))):
        net = models.SqueezeNet(2, version)
        assert named(net.features, models.squeezenet.Fire) == [str(n) for n in fires]
        assert named(net.classifier, layers.Conv2d) == ["1"]
    resnet = models.ResNet50(2, width=2)
    assert [path for path in named(resnet, layers.Conv2d) if path.startswith("layer1.")] == [
        *[f"layer1.0.conv{n}" for n in (1, 2, 3)],
        "layer1.0.downsample.0",
        *[f"layer1.{block}.conv{n}" for block in (1, 2) for n in (1, 2, 3)],
    ]


def test_signals_keep_their_size_through_a_deep_network() -> None:
    """Weights of variance 2 / inputs: without them, the features of a picture fade by 2 ** -6.5."""
    x = np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)
    features = models.VGG16(2, hidden=2).features(x).data
    assert 0.1 < np.sqrt((features**2).mean()) < 10


def test_blocks() -> None:
    x = np.random.default_rng(0).normal(size=(2, 8, 6, 6))
    assert BasicBlock(8, 8, dtype=np.float64).downsample is None
    assert Bottleneck(8, 2, dtype=np.float64).downsample is None
    assert BasicBlock(8, 8, 2, dtype=np.float64)(x).shape == (2, 8, 3, 3)
    block = BasicBlock(8, 8, dtype=np.float64)
    block.bn2.weight.data *= 0  # and then what passes around it is all
    np.testing.assert_array_equal(block(x).data, np.maximum(x, 0))


def test_same_seed_same_weights() -> None:
    random.seed(3)
    first = models.ResNet18(2, width=2)
    random.seed(3)
    second = models.ResNet18(2, width=2)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_what_is_refused() -> None:
    with pytest.raises(DeclarationError, match="names no blocks"):
        models.ResNet()
    with pytest.raises(InputError, match=r"version is .1\.0. or .1\.1., and this is '2\.0'"):
        models.SqueezeNet(version="2.0")
    for make in (models.ResNet18, models.SqueezeNet, models.VGG16):
        with pytest.raises(InputError, match="whole number from 1 on"):
            make(classes=0)
    with pytest.raises(InputError, match="dropout|ratio"):
        models.VGG16(2, hidden=2, dropout=1.5)
