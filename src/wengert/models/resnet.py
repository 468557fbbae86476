"""ResNet: blocks of convolutions, each adding to what it is given.  Next: squeezenet.py.

Layers have torchvision's names, so that its weights fit: see `wengert.interop.torch_weights`.
"""

from typing import Any, ClassVar

import numpy as np

from wengert import functions as F
from wengert.errors import DeclarationError
from wengert.layers.convolution import Conv2d
from wengert.layers.layer import Layer
from wengert.layers.linear import Linear
from wengert.layers.normalization import BatchNorm2d
from wengert.layers.pooling import MaxPool2d
from wengert.layers.sequential import Sequential
from wengert.models.model import Model
from wengert.models.vgg import before_relu

__all__ = ["BasicBlock", "Bottleneck", "ResNet", "ResNet18", "ResNet34", "ResNet50", "ResNet101", "ResNet152"]


class _Block(Layer):
    """What the two kinds share: the sum, and what brings x to the shape of what is added to it."""

    expansion: ClassVar[int]  # how many times ``width`` the result has channels

    downsample: Sequential | None

    def __init__(self, in_channels: int, width: int, stride: int = 1, dtype: Any = np.float32) -> None:
        self._set_up(in_channels, width, stride, dtype)
        channels = width * self.expansion
        same = stride == 1 and in_channels == channels
        self.downsample = (
            None
            if same
            else Sequential(_convolution(channels, 1, in_channels, stride, dtype), BatchNorm2d(channels, dtype=dtype))
        )

    def _set_up(self, in_channels: int, width: int, stride: int, dtype: Any) -> None:
        raise NotImplementedError

    def _change(self, x: Any) -> Any:
        raise NotImplementedError

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.relu(self._change(x) + (x if self.downsample is None else self.downsample(x)))


class BasicBlock(_Block):
    """Two 3x3 convolutions around which x passes: ``relu(x + change(x))`` (He et al. 2016, fig. 5 left).

    Shapes: x (batch, in_channels, height, width) -> (batch, width, height / stride, width / stride)

    Where the shape changes, x passes through a 1x1 convolution.

    Args:
        in_channels: The number of channels of x [1, ...].
        width: The number of filters of each convolution [1, ...].
        stride: How far the filters of the first move [1, ...].
        dtype: The type of the parameters.

    Raises:
        InputError: a size is out of range.

    Example:
        >>> BasicBlock(4, 8, stride=2)(np.ones((2, 4, 6, 6), np.float32)).shape
        (2, 8, 3, 3)
    """

    expansion = 1

    def _set_up(self, in_channels: int, width: int, stride: int, dtype: Any) -> None:
        self.conv1 = _convolution(width, 3, in_channels, stride, dtype)
        self.bn1 = BatchNorm2d(width, dtype=dtype)
        self.conv2 = _convolution(width, 3, width, 1, dtype)
        self.bn2 = BatchNorm2d(width, dtype=dtype)

    def _change(self, x: Any) -> Any:
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))


class Bottleneck(_Block):
    """A 3x3 convolution between two of 1x1, which make it narrow (He et al. 2016, fig. 5 right).

    Shapes: x (batch, in_channels, height, width) -> (batch, 4 * width, height / stride, width / stride)

    The stride is that of the 3x3 convolution, as in PyTorch's, and not of the first, as in the paper.

    Args:
        in_channels: The number of channels of x [1, ...].
        width: The number of filters of the first two convolutions [1, ...].
        stride: How far the 3x3 filters move [1, ...].
        dtype: The type of the parameters.

    Raises:
        InputError: a size is out of range.

    Example:
        >>> Bottleneck(4, 2, stride=2)(np.ones((2, 4, 6, 6), np.float32)).shape
        (2, 8, 3, 3)
    """

    expansion = 4

    def _set_up(self, in_channels: int, width: int, stride: int, dtype: Any) -> None:
        self.conv1 = _convolution(width, 1, in_channels, 1, dtype)
        self.bn1 = BatchNorm2d(width, dtype=dtype)
        self.conv2 = _convolution(width, 3, width, stride, dtype)
        self.bn2 = BatchNorm2d(width, dtype=dtype)
        self.conv3 = _convolution(4 * width, 1, width, 1, dtype)
        self.bn3 = BatchNorm2d(4 * width, dtype=dtype)

    def _change(self, x: Any) -> Any:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return self.bn3(self.conv3(x))


class ResNet(Model):
    """A residual network (He et al. 2016): derive from it, and name the kind of ``block`` and ``counts`` of them.

    Shapes: x (batch, in_channels, height, width) -> scores (batch, classes)

    A convolution, four stages of blocks, each of half the size and twice the channels of the one before, the mean over
    the image, and a dense layer.

    Args:
        classes: The number of classes [1, ...].
        in_channels: The number of channels of the image [1, ...].
        width: The width of the blocks of the first stage [1, ...].
        dtype: The type of the parameters.

    Raises:
        DeclarationError: ``ResNet`` itself is called, which has no blocks.
        InputError: a size is out of range.

    Example:
        >>> class Small(ResNet):
        ...     block, counts = BasicBlock, (1, 1, 1, 1)
        >>> Small(10, width=8)(np.ones((2, 3, 32, 32), np.float32)).shape
        (2, 10)
    """

    block: ClassVar[type[BasicBlock] | type[Bottleneck]]
    counts: ClassVar[tuple[int, int, int, int]]

    def __init__(self, classes: int = 1000, *, in_channels: int = 3, width: int = 64, dtype: Any = np.float32) -> None:
        if not hasattr(type(self), "block"):
            raise DeclarationError("ResNet: it names no blocks.\n    Fix: write ResNet50, or a class derived from it.")
        self._channels = width
        first = Conv2d(width, 7, stride=2, padding=3, bias=False, in_channels=in_channels, dtype=dtype)
        self.conv1 = before_relu(first)
        self.bn1 = BatchNorm2d(width, dtype=dtype)
        self.pool = MaxPool2d(3, 2, 1)
        self.layer1 = self._stage(width, self.counts[0], 1, dtype)
        self.layer2 = self._stage(2 * width, self.counts[1], 2, dtype)
        self.layer3 = self._stage(4 * width, self.counts[2], 2, dtype)
        self.layer4 = self._stage(8 * width, self.counts[3], 2, dtype)
        self.fc = Linear(classes, in_size=self._channels, dtype=dtype)

    def _stage(self, width: int, count: int, stride: int, dtype: Any) -> Sequential:
        blocks = []
        for step in (stride, *(1,) * (count - 1)):
            blocks.append(self.block(self._channels, width, step, dtype))
            self._channels = width * self.block.expansion
        return Sequential(*blocks)

    def forward(self, x: Any) -> Any:
        """See the class."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(F.mean(x, axis=(2, 3)))


class ResNet18(ResNet):
    """`ResNet` of 18 layers.

    Example:
        >>> ResNet18(10, width=4)(np.ones((2, 3, 32, 32), np.float32)).shape
        (2, 10)
    """

    block, counts = BasicBlock, (2, 2, 2, 2)


class ResNet34(ResNet):
    """`ResNet` of 34 layers.

    Example:
        >>> ResNet34(10, width=4)(np.ones((2, 3, 32, 32), np.float32)).shape
        (2, 10)
    """

    block, counts = BasicBlock, (3, 4, 6, 3)


class ResNet50(ResNet):
    """`ResNet` of 50 layers.

    Example:
        >>> ResNet50(10, width=4)(np.ones((2, 3, 32, 32), np.float32)).shape
        (2, 10)
    """

    block, counts = Bottleneck, (3, 4, 6, 3)


class ResNet101(ResNet):
    """`ResNet` of 101 layers.

    Example:
        >>> ResNet101(10, width=4)(np.ones((2, 3, 32, 32), np.float32)).shape
        (2, 10)
    """

    block, counts = Bottleneck, (3, 4, 23, 3)


class ResNet152(ResNet):
    """`ResNet` of 152 layers.

    Example:
        >>> ResNet152(10, width=4)(np.ones((2, 3, 32, 32), np.float32)).shape
        (2, 10)
    """

    block, counts = Bottleneck, (3, 8, 36, 3)


def _convolution(channels: int, size: int, in_channels: int, stride: int, dtype: Any) -> Conv2d:
    """Without a bias, which the norm that follows would take away."""
    layer = Conv2d(channels, size, stride=stride, padding=size // 2, bias=False, in_channels=in_channels, dtype=dtype)
    return before_relu(layer)  # type: ignore[no-any-return]
