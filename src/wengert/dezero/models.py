"""The book's models.py: layers as the book names them, so that its files of weights fit.

Wengert's own VGG16 and ResNet have torchvision's names.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert import models as house
from wengert.dezero import functions as F
from wengert.dezero import layers as L
from wengert.dezero import utils
from wengert.errors import InputError

__all__ = [
    "MLP",
    "VGG16",
    "BottleneckA",
    "BottleneckB",
    "BuildingBlock",
    "Model",
    "ResNet",
    "ResNet50",
    "ResNet101",
    "ResNet152",
    "Sequential",
    "SqueezeNet",
]

_WEIGHTS = "https://github.com/koki0702/dezero-models/releases/download/v0.1/"

SqueezeNet = house.SqueezeNet  # the book's is empty


class Model(L.Layer):
    """The layer that is trained, saved and drawn as a whole.

    Example:
        >>> class TwoLayers(Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.l1 = L.Linear(10)
        ...         self.l2 = L.Linear(1)
        ...     def forward(self, x):
        ...         return self.l2(F.sigmoid(self.l1(x)))
        >>> TwoLayers()(np.ones((5, 2))).shape
        (5, 1)
    """

    def plot(self, *inputs: Any, to_file: Any = "model.png") -> Any:
        """Run the model on ``inputs``, and draw the graph of what it did: see `utils.plot_dot_graph`."""
        return utils.plot_dot_graph(self.forward(*inputs), verbose=True, to_file=to_file)


class Sequential(Model):
    """Layers and functions one after the other, those of layers called ``l0``, ``l1``, ...

    Example:
        >>> model = Sequential(L.Linear(10), F.relu, L.Linear(1))
        >>> model(np.ones((5, 2))).shape
        (5, 1)
    """

    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        for i, layer in enumerate(layers):
            setattr(self, f"l{i}", layer)
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        """See the class."""
        for layer in self.layers:
            x = layer(x)
        return x


class MLP(Model):
    """Linear layers ``l0``, ``l1``, ..., with an activation between each and the next.

    Example:
        >>> model = MLP((10, 1))
        >>> model(np.ones((5, 2))).shape, model.l0.W.shape
        ((5, 1), (2, 10))
    """

    def __init__(self, fc_output_sizes: Sequence[int], activation: Callable[[Any], Any] = F.sigmoid) -> None:
        self.activation = activation
        self.layers = [L.Linear(out_size) for out_size in fc_output_sizes]
        for i, layer in enumerate(self.layers):
            setattr(self, f"l{i}", layer)

    def forward(self, x: Any) -> Any:
        """See the class."""
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


class VGG16(Model):
    """Thirteen convolutions ``conv1_1`` to ``conv5_3`` and three dense layers ``fc6`` to ``fc8``.

    Args:
        pretrained: Whether to download the book's weights (528 MB).
    """

    WEIGHTS_PATH = _WEIGHTS + "vgg16.npz"

    def __init__(self, pretrained: bool = False) -> None:
        self._stages = []
        for stage, (count, filters) in enumerate([(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)], 1):
            names = [f"conv{stage}_{i}" for i in range(1, count + 1)]
            for name in names:
                setattr(self, name, L.Conv2d(filters, kernel_size=3, stride=1, pad=1))
            self._stages.append(names)
        self.fc6, self.fc7, self.fc8 = L.Linear(4096), L.Linear(4096), L.Linear(1000)
        if pretrained:
            self.load_weights(utils.get_file(self.WEIGHTS_PATH))

    def forward(self, x: Any) -> Any:
        """See the class."""
        for names in self._stages:
            for name in names:
                x = F.relu(getattr(self, name)(x))
            x = F.pooling(x, 2, 2)
        x = F.flatten(x)
        x = F.dropout(F.relu(self.fc6(x)))
        x = F.dropout(F.relu(self.fc7(x)))
        return self.fc8(x)

    @staticmethod
    def preprocess(image: Any, size: tuple[int, int] | None = (224, 224), dtype: Any = np.float32) -> Any:
        """An image of Pillow's as the array (3, height, width) that the weights were made for."""
        image = image.convert("RGB")
        image = image.resize(size) if size else image
        blue_first = np.asarray(image, dtype=dtype)[:, :, ::-1]
        return (blue_first - np.array([103.939, 116.779, 123.68], dtype=dtype)).transpose(2, 0, 1)


class ResNet(Model):
    """A residual network of 50, 101 or 152 layers.

    Args:
        pretrained: Whether to download the book's weights.

    Raises:
        InputError: there is none of so many layers.
    """

    WEIGHTS_PATH = _WEIGHTS + "resnet{}.npz"

    def __init__(self, n_layers: int = 152, pretrained: bool = False) -> None:
        counts = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}.get(n_layers)
        if counts is None:
            raise InputError(f"ResNet: n_layers is 50, 101 or 152, and this is {n_layers!r}.")
        self.conv1 = L.Conv2d(64, 7, 2, 3, in_channels=3)
        self.bn1 = L.BatchNorm()
        self.res2 = BuildingBlock(counts[0], 64, 64, 256, 1)
        self.res3 = BuildingBlock(counts[1], 256, 128, 512, 2)
        self.res4 = BuildingBlock(counts[2], 512, 256, 1024, 2)
        self.res5 = BuildingBlock(counts[3], 1024, 512, 2048, 2)
        self.fc6 = L.Linear(1000)
        if pretrained:
            self.load_weights(utils.get_file(self.WEIGHTS_PATH.format(n_layers)))

    def forward(self, x: Any) -> Any:
        """See the class."""
        x = F.pooling(F.relu(self.bn1(self.conv1(x))), kernel_size=3, stride=2)
        x = self.res5(self.res4(self.res3(self.res2(x))))
        return self.fc6(F.mean(x, axis=(2, 3)))


class ResNet50(ResNet):
    """`ResNet` of 50 layers."""

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__(50, pretrained)


class ResNet101(ResNet):
    """`ResNet` of 101 layers."""

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__(101, pretrained)


class ResNet152(ResNet):
    """`ResNet` of 152 layers."""

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__(152, pretrained)


class BuildingBlock(L.Layer):
    """A stage of a `ResNet`: ``a``, which changes the shape, then ``b1``, ``b2``, ..., which keep it.

    Example:
        >>> BuildingBlock(2, 4, 2, 8, 2)(np.ones((1, 4, 6, 6), np.float32)).shape
        (1, 8, 3, 3)
    """

    def __init__(
        self,
        n_layers: int,
        in_channels: int,
        mid_channels: int,
        out_channels: int,
        stride: int,
        downsample_fb: bool = False,
    ) -> None:
        self.a = BottleneckA(in_channels, mid_channels, out_channels, stride, downsample_fb)
        self._rest = [f"b{i}" for i in range(1, n_layers)]
        for name in self._rest:
            setattr(self, name, BottleneckB(out_channels, mid_channels))

    def forward(self, x: Any) -> Any:
        """See the class."""
        x = self.a(x)
        for name in self._rest:
            x = getattr(self, name)(x)
        return x


class BottleneckB(L.Layer):
    """Three convolutions around which x passes."""

    def __init__(self, in_channels: int, mid_channels: int) -> None:
        self._three(in_channels, mid_channels, in_channels, 1, 1)

    def _three(self, in_channels: int, mid: int, out: int, first: int, second: int) -> None:
        """Convolutions 1x1, 3x3 and 1x1, the first two with these strides."""
        self.conv1, self.bn1 = L.Conv2d(mid, 1, first, 0, nobias=True, in_channels=in_channels), L.BatchNorm()
        self.conv2, self.bn2 = L.Conv2d(mid, 3, second, 1, nobias=True, in_channels=mid), L.BatchNorm()
        self.conv3, self.bn3 = L.Conv2d(out, 1, 1, 0, nobias=True, in_channels=mid), L.BatchNorm()

    def _change(self, x: Any) -> Any:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return self.bn3(self.conv3(x))

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.relu(self._change(x) + x)


class BottleneckA(BottleneckB):
    """Three convolutions, and a fourth that brings x to their shape.

    Args:
        downsample_fb: Whether the stride is that of the 3x3 convolution, and not of the first.
    """

    def __init__(
        self, in_channels: int, mid_channels: int, out_channels: int, stride: int = 2, downsample_fb: bool = False
    ) -> None:
        self._three(in_channels, mid_channels, out_channels, *((1, stride) if downsample_fb else (stride, 1)))
        self.conv4 = L.Conv2d(out_channels, 1, stride, 0, nobias=True, in_channels=in_channels)
        self.bn4 = L.BatchNorm()

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.relu(self._change(x) + self.bn4(self.conv4(x)))
