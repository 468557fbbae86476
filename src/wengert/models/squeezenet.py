"""SqueezeNet: few parameters, by convolutions that are squeezed before they expand.

Layers stand where torchvision has them, so that its weights fit: see `wengert.interop.torch_weights`.
"""

from typing import Any

import numpy as np

from wengert import functions as F
from wengert.errors import InputError
from wengert.layers.convolution import Conv2d
from wengert.layers.dropout import Dropout
from wengert.layers.layer import Layer
from wengert.layers.pooling import MaxPool2d
from wengert.layers.sequential import Sequential
from wengert.models.model import Model
from wengert.models.vgg import before_relu

__all__ = ["Fire", "SqueezeNet"]

# The squeezed channels of the eight fire modules; each expands to eight times as many.
_SQUEEZED = (16, 16, 32, 32, 48, 48, 64, 64)
# The filters of the first convolution, their size, and the fire modules that a pooling stands before.
_VERSIONS = {"1.0": (96, 7, (0, 3, 7)), "1.1": (64, 3, (0, 2, 4))}


class Fire(Layer):
    """A 1x1 convolution to few channels, then 1x1 and 3x3 ones side by side (Iandola et al. 2016, fig. 1).

    Shapes: x (batch, in_channels, height, width) -> (batch, 2 * expanded, height, width)

    Args:
        in_channels: The number of channels of x [1, ...].
        squeezed: The number of channels between [1, ...].
        expanded: The number of filters of each of the two that expand [1, ...].
        dtype: The type of the parameters.

    Raises:
        InputError: a size is out of range.

    Example:
        >>> Fire(8, 2, 4)(np.ones((1, 8, 5, 5), np.float32)).shape
        (1, 8, 5, 5)
    """

    def __init__(self, in_channels: int, squeezed: int, expanded: int, dtype: Any = np.float32) -> None:
        self.squeeze = before_relu(Conv2d(squeezed, 1, in_channels=in_channels, dtype=dtype))
        self.expand1x1 = before_relu(Conv2d(expanded, 1, in_channels=squeezed, dtype=dtype))
        self.expand3x3 = before_relu(Conv2d(expanded, 3, padding=1, in_channels=squeezed, dtype=dtype))

    def forward(self, x: Any) -> Any:
        """See the class."""
        x = F.relu(self.squeeze(x))
        return F.concat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], axis=1)


class SqueezeNet(Model):
    """Eight `Fire` modules, and a convolution whose mean over the image are the scores (Iandola et al. 2016).

    Shapes: x (batch, in_channels, height, width), of 32 pixels at least -> scores (batch, classes)

    Args:
        classes: The number of classes [1, ...].
        version: ``"1.0"``, as in the paper, or ``"1.1"``, which pools sooner and so computes less than half.
        in_channels: The number of channels of the image [1, ...].
        dropout: The share of the features that becomes zero in training [0, 1).
        dtype: The type of the parameters.

    Raises:
        InputError: there is no such version, or a size or share is out of range.

    Example:
        >>> SqueezeNet(10)(np.ones((1, 3, 32, 32), np.float32)).shape
        (1, 10)
    """

    def __init__(
        self,
        classes: int = 1000,
        version: str = "1.1",
        *,
        in_channels: int = 3,
        dropout: float = 0.5,
        dtype: Any = np.float32,
    ) -> None:
        if version not in _VERSIONS:
            raise InputError(f'SqueezeNet: version is "1.0" or "1.1", and this is {version!r}.')
        channels, size, pooled = _VERSIONS[version]
        parts: list[Any] = [before_relu(Conv2d(channels, size, stride=2, in_channels=in_channels, dtype=dtype)), F.relu]
        for position, squeezed in enumerate(_SQUEEZED):
            parts += [MaxPool2d(3, 2, ceil_mode=True)] if position in pooled else []
            parts.append(Fire(channels, squeezed, 4 * squeezed, dtype))
            channels = 8 * squeezed
        self.features = Sequential(*parts)
        self.classifier = Sequential(
            Dropout(dropout), before_relu(Conv2d(classes, 1, in_channels=channels, dtype=dtype)), F.relu
        )

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.mean(self.classifier(self.features(x)), axis=(2, 3))
