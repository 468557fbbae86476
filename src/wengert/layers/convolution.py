"""Convolutions, and their transposes, as layers.  Next: pooling.py."""

from collections.abc import Callable
from math import prod
from typing import Any, ClassVar

import numpy as np

from wengert import functions as F
from wengert.errors import InputError, ShapeError, message
from wengert.functions.convolution import check_spatial, whole
from wengert.functions.shape import as_batch, stands_alone
from wengert.layers.layer import Layer, Unsized, size, wait
from wengert.layers.linear import checked_dtype, checked_size, lecun_normal
from wengert.variable import Parameter

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class _Convolution(Layer):
    """What convolutions of all axes share."""

    axes: ClassVar[int]

    weight: Parameter
    bias: Parameter | None

    def _set_up(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        in_channels: int | None,
    ) -> tuple[int, int | None]:
        """Check and keep the settings; the counts of channels out and in."""
        name = type(self).__name__
        out_channels = checked_size(name, "out_channels", out_channels)
        if in_channels is not None:
            in_channels = checked_size(name, "in_channels", in_channels)
        self.kernel_size = whole(name, "kernel_size", kernel_size, self.axes, 1)
        self.stride = whole(name, "stride", stride, self.axes, 1)
        self.dilation = whole(name, "dilation", dilation, self.axes, 1)
        self.groups = checked_size(name, "groups", groups)
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise InputError(f'{name}: padding is numbers, "same" or "valid", and this is {padding!r}.')
        self.padding = padding if isinstance(padding, str) else whole(name, "padding", padding, self.axes, 0)
        for which, count in (("out_channels", out_channels), ("in_channels", in_channels)):
            if count is not None and count % self.groups:
                raise InputError(f"{name}: {which}, {count}, do not split into {self.groups} groups.")
        return out_channels, in_channels

    def _make(
        self, shape: tuple[int | None, ...], out: int, bias: bool, dtype: Any, initial: Callable[..., Any]
    ) -> None:
        dtype = checked_dtype(type(self).__name__, dtype)
        self.weight = Unsized(shape, dtype, initial).parameter()
        self.bias = Unsized((out,), dtype, np.zeros).parameter() if bias else None

    def forward(self, x: Any) -> Any:
        """See the class."""
        if stands_alone(x, self.axes + 2):
            return as_batch(self.forward, x)
        if wait(self.weight, self.bias):
            self._size(x, self._channels(x))
        return self._convolve(x)

    def _size(self, like: Any, channels: int) -> None:
        raise NotImplementedError

    def _convolve(self, x: Any) -> Any:
        raise NotImplementedError

    def _channels(self, x: Any) -> int:
        """How many channels the first input has."""
        name = type(self).__name__
        check_spatial(name, "x", x, self.axes)
        channels = int(x.shape[1])
        if channels % self.groups:
            fact = f"{name}: {channels} channels do not split into {self.groups} groups."
            raise ShapeError(message(fact, [("x", x)], "choose groups that divide the channels."))
        return channels

    def _settings(self, channels: tuple[int | None, int], **others: tuple[Any, Any]) -> str:
        """For `details`: the channels, and whichever settings are not the usual."""
        ones, zeros = (1,) * self.axes, (0,) * self.axes
        settings = {
            "stride": (self.stride, ones),
            "padding": (self.padding, zeros),
            "dilation": (self.dilation, ones),
            "groups": (self.groups, 1),
            **others,
            "bias": (self.bias is not None, True),
        }
        first, last = channels
        parts = [f"{first} -> {last}", f"kernel_size={_short(self.kernel_size)}"]
        parts += [f"{name}={_short(value)}" for name, (value, usual) in settings.items() if value != usual]
        return ", ".join(parts)


class _Conv(_Convolution):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        in_channels: int | None = None,
        dtype: Any = np.float32,
    ) -> None:
        out, channels = self._set_up(out_channels, kernel_size, stride, padding, dilation, groups, in_channels)
        if padding_mode not in _MODES:
            modes = ", ".join(_MODES)
            raise InputError(f"{type(self).__name__}: padding_mode is one of {modes}, and this is {padding_mode!r}.")
        self.padding_mode = padding_mode
        self._make((out, None, *self.kernel_size), out, bias, dtype, _normal)
        if channels is not None:
            self._size(np.zeros(()), channels)

    def _convolve(self, x: Any) -> Any:
        padding: Any = self.padding
        if self.padding_mode != "zeros" and padding != "valid":
            check_spatial(type(self).__name__, "x", x, self.axes)
            x, padding = F.pad(x, ((0, 0), (0, 0), *self._widths()), mode=_MODES[self.padding_mode]), 0
        function: Any = (F.conv1d, F.conv2d, F.conv3d)[self.axes - 1]
        return function(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _widths(self) -> list[tuple[int, int]]:
        """How many entries padding adds before and after, on each axis."""
        if not isinstance(self.padding, str):
            return [(n, n) for n in self.padding]
        if any(s != 1 for s in self.stride):
            raise InputError(f'{type(self).__name__}: padding="same" keeps the size, and a stride above 1 does not.')
        spans = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        return [(n // 2, n - n // 2) for n in spans]

    def _size(self, like: Any, channels: int) -> None:
        size(self.bias, like)
        size(self.weight, like, channels // self.groups)  # last: another thread may look whether it is there

    def details(self) -> str:
        out, channels = self.weight.shape[:2]
        channels = channels * self.groups if isinstance(channels, int) else channels
        return self._settings((channels, out), padding_mode=(self.padding_mode, "zeros"))


class _ConvTranspose(_Convolution):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        *,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        in_channels: int | None = None,
        dtype: Any = np.float32,
    ) -> None:
        name = type(self).__name__
        out, channels = self._set_up(out_channels, kernel_size, stride, padding, dilation, groups, in_channels)
        if isinstance(self.padding, str):
            raise InputError(f"{name}: padding is a number, or one for each axis, and this is {padding!r}.")
        self.output_padding = whole(name, "output_padding", output_padding, self.axes, 0)
        self._make((None, out // self.groups, *self.kernel_size), out, bias, dtype, self._initial)
        if channels is not None:
            self._size(np.zeros(()), channels)

    def _convolve(self, x: Any) -> Any:
        function: Any = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[self.axes - 1]
        settings = self.stride, self.padding, self.output_padding, self.groups, self.dilation
        return function(x, self.weight, self.bias, *settings)

    def _size(self, like: Any, channels: int) -> None:
        size(self.bias, like)
        size(self.weight, like, channels)  # last: another thread may look whether it is there

    def _initial(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Every result is met by kernel / stride entries of each channel of its group."""
        weight = _normal((shape[1], shape[0] // self.groups, *shape[2:]), dtype)
        weight = np.concatenate([weight, *[_normal(weight.shape, dtype) for _ in range(self.groups - 1)]], axis=1)
        return np.ascontiguousarray(np.swapaxes(weight, 0, 1)) * weight.dtype.type(prod(self.stride) ** 0.5)

    def details(self) -> str:
        channels, out = self.weight.shape[:2]
        extra = (self.output_padding, (0,) * self.axes)
        return self._settings((channels, out * self.groups), output_padding=extra)


class Conv1d(_Conv):
    """Convolution over one axis; see `Conv2d` for the arguments.

    Shapes: x ([batch,] in_channels, length) -> ([batch,] out_channels, length out);
        weight (out_channels, in_channels / groups, kernel), bias (out_channels,).

    Example:
        >>> Conv1d(8, 3, padding="same")(np.ones((2, 4, 10), dtype=np.float32)).shape
        (2, 8, 10)
    """

    axes = 1


class Conv2d(_Conv):
    """Filters that slide over the input: see `functions.conv2d` for the formula.

    Shapes: x ([batch,] in_channels, height, width) -> ([batch,] out_channels, height out, width out);
        weight (out_channels, in_channels / groups, kernel height, kernel width), bias (out_channels,).

    The weights begin normally distributed with variance 1 over the number of inputs of a result, so that results vary
    as much as inputs do; the bias begins at zero.

    Args:
        out_channels: The number of filters [1, ...).
        kernel_size: Their size, a number or one for each axis [1, ...).
        stride: How far a filter moves from one result to the next [1, ...).
        padding: How far the input is continued around it [0, ...); or ``"same"`` or ``"valid"``.
        dilation: How far apart the entries are that neighbouring weights meet [1, ...).
        groups: In how many groups channels and filters are split, each seeing only its own [1, ...).
        bias: Whether every filter adds a number.
        padding_mode: With what it is continued: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        in_channels: The number of channels of the input [1, ...); where None, the first call tells.
        dtype: The type of the parameters.

    Raises:
        InputError: a setting is out of its range.
        DtypeError: ``dtype`` is no floating-point type.

    Example:
        >>> layer = Conv2d(32, 3, padding=1)
        >>> layer(np.ones((8, 1, 28, 28), dtype=np.float32)).shape
        (8, 32, 28, 28)
        >>> layer
        Conv2d(1 -> 32, kernel_size=3, padding=1)  320 parameters
    """

    axes = 2


class Conv3d(_Conv):
    """Convolution over three axes; see `Conv2d` for the arguments.

    Shapes: x ([batch,] in_channels, depth, height, width) -> ([batch,] out_channels, depth out, height out, width out);
        weight (out_channels, in_channels / groups, *kernel), bias (out_channels,).

    Example:
        >>> Conv3d(2, 3, stride=2)(np.ones((1, 1, 7, 7, 7), dtype=np.float32)).shape
        (1, 2, 3, 3, 3)
    """

    axes = 3


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution over one axis; see `ConvTranspose2d` for the arguments.

    Shapes: x ([batch,] in_channels, length) -> ([batch,] out_channels, length out);
        weight (in_channels, out_channels / groups, kernel), bias (out_channels,).

    Example:
        >>> ConvTranspose1d(8, 4, stride=2, padding=1)(np.ones((2, 4, 10), dtype=np.float32)).shape
        (2, 8, 20)
    """

    axes = 1


class ConvTranspose2d(_ConvTranspose):
    """Entries that put a multiple of a filter each into a larger result: see `functions.conv_transpose2d`.

    Shapes: x ([batch,] in_channels, height, width) -> ([batch,] out_channels, height out, width out);
        weight (in_channels, out_channels / groups, kernel height, kernel width), bias (out_channels,).

    The weights begin normally distributed, so that results vary as much as inputs do; the bias begins at zero.

    Args:
        out_channels: The number of channels of the result [1, ...).
        kernel_size: The size of the filters, a number or one for each axis [1, ...).
        stride: How far apart neighbouring entries put their filters [1, ...).
        padding: How much is cut off around the result [0, ...).
        output_padding: How much is added after the last [0, ...), below stride or dilation.
        dilation: How far apart neighbouring weights go [1, ...).
        groups: In how many groups channels in and out are split [1, ...).
        bias: Whether a number is added to every channel.
        in_channels: The number of channels of the input [1, ...); where None, the first call tells.
        dtype: The type of the parameters.

    Raises:
        InputError: a setting is out of its range.
        DtypeError: ``dtype`` is no floating-point type.

    Example:
        >>> layer = ConvTranspose2d(1, 4, stride=2, padding=1)
        >>> layer(np.ones((8, 16, 14, 14), dtype=np.float32)).shape
        (8, 1, 28, 28)
        >>> layer
        ConvTranspose2d(16 -> 1, kernel_size=4, stride=2, padding=1)  257 parameters
    """

    axes = 2


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution over three axes; see `ConvTranspose2d` for the arguments.

    Shapes: x ([batch,] in_channels, depth, height, width) -> ([batch,] out_channels, depth out, height out, width out);
        weight (in_channels, out_channels / groups, *kernel), bias (out_channels,).

    Example:
        >>> ConvTranspose3d(2, 2, stride=2)(np.ones((1, 1, 3, 3, 3), dtype=np.float32)).shape
        (1, 2, 6, 6, 6)
    """

    axes = 3


def _normal(shape: tuple[int, ...], dtype: Any) -> Any:
    """Weights (out, in, *kernel) that give to every result the variance of its inputs."""
    return np.ascontiguousarray(np.moveaxis(lecun_normal((*shape[1:], shape[0]), dtype), -1, 0))


def _short(value: Any) -> Any:
    """One number where it is the same for every axis."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else repr(value)
