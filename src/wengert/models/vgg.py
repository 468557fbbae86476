"""VGG: 3x3 convolutions in five stages, then three dense layers.  Next: resnet.py.

Layers stand where torchvision has them, so that its weights fit: see `wengert.interop.torch_weights`.
"""

from typing import Any

import numpy as np

from wengert import functions as F
from wengert.layers.convolution import Conv2d
from wengert.layers.dropout import Dropout
from wengert.layers.linear import Linear
from wengert.layers.normalization import BatchNorm2d
from wengert.layers.pooling import AdaptiveAvgPool2d, MaxPool2d
from wengert.layers.sequential import Sequential
from wengert.models.model import Model

__all__ = ["VGG16", "before_relu"]

# The filters of each stage.
_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class VGG16(Model):
    """Thirteen convolutions and three dense layers (Simonyan and Zisserman 2015, configuration D).

    Shapes: x (batch, in_channels, height, width), of 32 pixels at least -> scores (batch, classes)

    Whatever the size of the image, its features are brought to 7 x 7, which they are for 224 x 224.
    Weights before a rectifier begin with variance 2 / inputs (He et al. 2015).

    Args:
        classes: The number of classes [1, ...].
        batch_norm: Whether each convolution is followed by batch normalization (Ioffe and Szegedy 2015).
        in_channels: The number of channels of the image [1, ...].
        hidden: The number of units of each dense layer but the last [1, ...].
        dropout: The share of those units that becomes zero in training [0, 1).
        dtype: The type of the parameters.

    Raises:
        InputError: a size or share is out of range.

    Example:
        >>> model = VGG16(10, hidden=16)
        >>> model(np.ones((1, 3, 32, 32), np.float32)).shape
        (1, 10)
        >>> [name for name, _ in model.named_parameters()][:2]
        ['features.layers.0.weight', 'features.layers.0.bias']
    """

    def __init__(
        self,
        classes: int = 1000,
        *,
        batch_norm: bool = False,
        in_channels: int = 3,
        hidden: int = 4096,
        dropout: float = 0.5,
        dtype: Any = np.float32,
    ) -> None:
        parts: list[Any] = []
        channels = in_channels
        for stage in _STAGES:
            for filters in stage:
                parts.append(before_relu(Conv2d(filters, 3, padding=1, in_channels=channels, dtype=dtype)))
                parts += [BatchNorm2d(filters, dtype=dtype)] if batch_norm else []
                parts.append(F.relu)
                channels = filters
            parts.append(MaxPool2d(2))
        self.features = Sequential(*parts)
        self.pool = AdaptiveAvgPool2d(7)
        self.classifier = Sequential(
            before_relu(Linear(hidden, in_size=channels * 7 * 7, dtype=dtype)),
            F.relu,
            Dropout(dropout),
            before_relu(Linear(hidden, in_size=hidden, dtype=dtype)),
            F.relu,
            Dropout(dropout),
            Linear(classes, in_size=hidden, dtype=dtype),
        )

    def forward(self, x: Any) -> Any:
        """See the class."""
        return self.classifier(F.flatten(self.pool(self.features(x))))


def before_relu(layer: Any) -> Any:
    """A layer whose weights, of variance 1 / inputs, are given 2 / inputs: a rectifier lets half of it pass.

    Example:
        >>> layer = before_relu(Linear(100, in_size=50, dtype=np.float64))
        >>> bool(abs(layer.weight.data.var() * 50 - 2) < 0.2)
        True
    """
    layer.weight.data = layer.weight.data * 2**0.5
    return layer
