"""Normalization layers: BatchNorm, InstanceNorm, GroupNorm, LayerNorm and RMSNorm.

All begin with a weight of one and a bias of zero, where they have them.
"""

from typing import Any, ClassVar

import numpy as np

from wengert import functions as F
from wengert.core.modes import current_config
from wengert.errors import DtypeError, InputError, ShapeError, message
from wengert.functions.shape import as_batch, stands_alone
from wengert.layers.layer import Buffer, Layer, Unsized, size, wait
from wengert.layers.linear import checked_dtype, checked_size
from wengert.variable import Parameter, as_array

__all__ = [
    "BatchNorm",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "InstanceNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "RMSNorm",
]


class _Channelwise(Layer):
    """What normalization of each channel by itself has in common."""

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Buffer | None
    running_var: Buffer | None
    batches: Buffer | None

    axes: ClassVar[tuple[int, ...]] = ()  # how many axes an input may have; any number where empty

    def __init__(
        self,
        channels: int | None,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        dtype: Any,
    ) -> None:
        name = type(self).__name__
        dtype = checked_dtype(name, dtype)
        self.eps, self.momentum = _checked_eps(name, eps), _checked_momentum(name, momentum)
        self.weight = Unsized((None,), dtype, np.ones).parameter() if affine else None
        self.bias = Unsized((None,), dtype, np.zeros).parameter() if affine else None
        self.running_mean = _waiting(dtype, np.zeros) if track_running_stats else None
        self.running_var = _waiting(dtype, np.ones) if track_running_stats else None
        # Counted only where the mean is over all batches: the shares of the batches are then 1, 1/2, 1/3, ...
        self.batches = Buffer(np.zeros((), dtype)) if track_running_stats and momentum is None else None
        if channels is not None:
            self._size(np.zeros(0, dtype), checked_size(name, "channels", channels))

    def _size(self, like: Any, channels: int) -> None:
        for each in (self.weight, self.bias, self.running_mean, self.running_var):
            size(each, like, channels)

    def _prepare(self, x: Any) -> Any:
        """Check an input, take the number of channels from the first, and tell the share of this batch."""
        if not hasattr(x, "shape"):
            raise DtypeError(message(f"{type(self).__name__}: x must be an array.", [("x", x)]))
        if self.axes and len(x.shape) not in self.axes:
            wanted = " or ".join(str(n) for n in self.axes)
            raise ShapeError(message(f"{type(self).__name__}: x must have {wanted} axes.", [("x", x)]))
        first = next((each for each in (self.weight, self.running_mean) if each is not None), None)
        if first is not None and len(x.shape) > 1:
            if wait(self.weight, self.bias, self.running_mean, self.running_var):
                self._size(x, x.shape[1])
            if first.shape != x.shape[1:2]:
                raise ShapeError(
                    message(
                        f"{type(self).__name__}: x has {x.shape[1]} channels, and this layer {first.shape[0]}.",
                        [("x", x)],
                        "channels lie along the second axis.",
                    )
                )
        return (self.momentum or 0.0) if self.batches is None else 1 / (self.batches.data + 1)

    def _count(self) -> None:
        """Count a batch, once it has passed."""
        if self.batches is not None and current_config().train:
            self.batches.data = as_array(self.batches.data + 1)

    def details(self) -> str:
        known = next((each for each in (self.weight, self.running_mean) if each is not None), None)
        channels = [] if known is None else [str(known.shape[0])]
        defaults = type(self).__init__.__defaults__ or ()
        settings = {
            "eps": self.eps,
            "momentum": self.momentum,
            "affine": self.weight is not None,
            "track_running_stats": self.running_mean is not None,
        }
        changed = [f"{n}={v}" for (n, v), usual in zip(settings.items(), defaults[1:], strict=False) if v != usual]
        return ", ".join(channels + changed)


class BatchNorm(_Channelwise):
    """Each channel brought to mean 0 and variance 1 over the batch, then scaled: `functions.batch_norm`.

    In training, by the batch's own mean and variance; in test mode by running ones, which are saved with the weights.
    Without ``track_running_stats`` there are none, and every batch goes by its own.

    Shapes: x (n, channels, ...) -> the same; weight and bias (channels,)

    Args:
        channels: The number of channels [1, ...]; where None, the first call tells.
        eps: What keeps the division from zero [0, ...).
        momentum: The share of each batch in the running statistics [0, 1]; where None, all batches have equal shares.
        affine: Whether there are weight and bias.
        track_running_stats: Whether there are running statistics.
        dtype: The type of all of these.

    Raises:
        InputError: a setting is out of its range.
        ShapeError: an input has another number of channels.

    Example:
        >>> layer = BatchNorm()
        >>> layer(np.ones((8, 3, 5), np.float32)).shape
        (8, 3, 5)
        >>> layer.running_mean
        variable([0.1 0.1 0.1])
    """

    def __init__(
        self,
        channels: int | None = None,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__(channels, eps, momentum, affine, track_running_stats, dtype)

    def forward(self, x: Any) -> Any:
        """See the class."""
        share = self._prepare(x)
        out = F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=current_config().train or self.running_mean is None,
            momentum=share,
            eps=self.eps,
        )
        self._count()
        return out


class BatchNorm1d(BatchNorm):
    """`BatchNorm` of inputs (n, channels) or (n, channels, length).

    Example:
        >>> BatchNorm1d(3)(np.ones((8, 3), np.float32)).shape
        (8, 3)
    """

    axes = (2, 3)


class BatchNorm2d(BatchNorm):
    """`BatchNorm` of images (n, channels, height, width).

    Example:
        >>> BatchNorm2d(3)(np.ones((8, 3, 4, 4), np.float32)).shape
        (8, 3, 4, 4)
    """

    axes = (4,)


class BatchNorm3d(BatchNorm):
    """`BatchNorm` of volumes (n, channels, depth, height, width).

    Example:
        >>> BatchNorm3d(3)(np.ones((8, 3, 4, 4, 4), np.float32)).shape
        (8, 3, 4, 4, 4)
    """

    axes = (5,)


class InstanceNorm(_Channelwise):
    """Each channel of each example brought to mean 0 and variance 1: `functions.instance_norm`.

    With ``track_running_stats``, test mode goes by running statistics, as in `BatchNorm`.

    Shapes: x (n, channels, *space) -> the same; weight and bias (channels,)

    Args:
        channels: As for `BatchNorm`, and so are all others.

    Example:
        >>> InstanceNorm()(np.ones((8, 3, 5), np.float32)).shape
        (8, 3, 5)
    """

    def __init__(
        self,
        channels: int | None = None,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__(channels, eps, momentum, affine, track_running_stats, dtype)

    def forward(self, x: Any) -> Any:
        """See the class."""
        if self.axes and stands_alone(x, self.axes[0]):
            return as_batch(self.forward, x)
        share = self._prepare(x)
        out = F.instance_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            use_input_stats=current_config().train or self.running_mean is None,
            momentum=share,
            eps=self.eps,
        )
        self._count()
        return out


class InstanceNorm1d(InstanceNorm):
    """`InstanceNorm` of inputs ([n,] channels, length).

    Example:
        >>> InstanceNorm1d()(np.ones((8, 3, 4), np.float32)).shape
        (8, 3, 4)
    """

    axes = (3,)


class InstanceNorm2d(InstanceNorm):
    """`InstanceNorm` of images ([n,] channels, height, width).

    Example:
        >>> InstanceNorm2d()(np.ones((8, 3, 4, 4), np.float32)).shape
        (8, 3, 4, 4)
    """

    axes = (4,)


class InstanceNorm3d(InstanceNorm):
    """`InstanceNorm` of volumes ([n,] channels, depth, height, width).

    Example:
        >>> InstanceNorm3d()(np.ones((8, 3, 4, 4, 4), np.float32)).shape
        (8, 3, 4, 4, 4)
    """

    axes = (5,)


class GroupNorm(Layer):
    """Each group of channels of each example brought to mean 0 and variance 1: `functions.group_norm`.

    Shapes: x (n, channels, ...) -> the same; weight and bias (channels,)

    Args:
        groups: How many groups the channels fall into [1, channels].
        channels: The number of channels [1, ...]; where None, the first call tells.
        eps: What keeps the division from zero [0, ...).
        affine: Whether there are weight and bias.
        dtype: Their type.

    Raises:
        InputError: a setting is out of its range, or the channels do not fall into so many groups.

    Example:
        >>> GroupNorm(2)(np.ones((8, 4, 5), np.float32)).shape
        (8, 4, 5)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        groups: int,
        channels: int | None = None,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        dtype: Any = np.float32,
    ) -> None:
        dtype = checked_dtype("GroupNorm", dtype)
        self.groups, self.eps = checked_size("GroupNorm", "groups", groups), _checked_eps("GroupNorm", eps)
        self.weight = Unsized((None,), dtype, np.ones).parameter() if affine else None
        self.bias = Unsized((None,), dtype, np.zeros).parameter() if affine else None
        if channels is not None:
            if checked_size("GroupNorm", "channels", channels) % groups:
                raise InputError(f"GroupNorm: {channels} channels do not fall into {groups} groups of one size.")
            size(self.weight, np.zeros(0), channels)
            size(self.bias, np.zeros(0), channels)

    def forward(self, x: Any) -> Any:
        """See the class."""
        if wait(self.weight, self.bias) and len(getattr(x, "shape", ())) > 1:
            size(self.weight, x, x.shape[1])
            size(self.bias, x, x.shape[1])
        return F.group_norm(x, self.groups, self.weight, self.bias, eps=self.eps)

    def details(self) -> str:
        channels = () if self.weight is None else (str(self.weight.shape[0]),)
        return ", ".join((f"groups={self.groups}", *channels))


class LayerNorm(Layer):
    """The last axes brought to mean 0 and variance 1, each entry then scaled by its own: `functions.layer_norm`.

    Shapes: x (..., *normalized_shape) -> the same; weight and bias normalized_shape

    Args:
        normalized_shape: The lengths of the axes to normalize over, or of the last; where None, the last axis, whose
            length the first call tells.
        eps: What keeps the division from zero [0, ...).
        elementwise_affine: Whether there is a weight, and a bias unless ``bias`` is False.
        bias: Whether there is a bias.
        dtype: Their type.

    Raises:
        InputError: a length is no whole number from 1 on, or ``eps`` is out of its range.

    Example:
        >>> LayerNorm(5)(np.ones((8, 3, 5), np.float32)).shape
        (8, 3, 5)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: Any = None,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
    ) -> None:
        self.normalized_shape = _checked_shape("LayerNorm", normalized_shape)
        self.eps = _checked_eps("LayerNorm", eps)
        self.weight = _entrywise("LayerNorm", self.normalized_shape, dtype, np.ones) if elementwise_affine else None
        both = elementwise_affine and bias
        self.bias = _entrywise("LayerNorm", self.normalized_shape, dtype, np.zeros) if both else None

    def forward(self, x: Any) -> Any:
        """See the class."""
        shape = _settle(self, x, self.weight, self.bias)
        return F.layer_norm(x, shape, self.weight, self.bias, eps=self.eps)

    def details(self) -> str:
        return _lengths(self.normalized_shape)


class RMSNorm(Layer):
    """The last axes divided by their root mean square, each entry then scaled: `functions.rms_norm`.

    Shapes: x (..., *normalized_shape) -> the same; weight normalized_shape

    Args:
        normalized_shape: As for `LayerNorm`.
        eps: What keeps the division from zero [0, ...); where None, the smallest step of the input's dtype from 1.
        elementwise_affine: Whether there is a weight.
        dtype: Its type.

    Raises:
        InputError: a length is no whole number from 1 on, or ``eps`` is out of its range.

    Example:
        >>> RMSNorm(5)(np.ones((8, 3, 5), np.float32)).shape
        (8, 3, 5)
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: Any = None,
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: Any = np.float32,
    ) -> None:
        self.normalized_shape = _checked_shape("RMSNorm", normalized_shape)
        self.eps = None if eps is None else _checked_eps("RMSNorm", eps)
        self.weight = _entrywise("RMSNorm", self.normalized_shape, dtype, np.ones) if elementwise_affine else None

    def forward(self, x: Any) -> Any:
        """See the class."""
        shape = _settle(self, x, self.weight)
        return F.rms_norm(x, shape, self.weight, eps=self.eps)

    def details(self) -> str:
        return _lengths(self.normalized_shape)


def _waiting(dtype: Any, initial: Any) -> Buffer:
    """A buffer of one entry a channel that waits for the number of channels."""
    buffer = Buffer(np.zeros((), dtype))
    buffer.data = Unsized((None,), dtype, initial)
    return buffer


def _entrywise(name: str, shape: tuple[int | None, ...], dtype: Any, initial: Any) -> Parameter:
    parameter = Unsized(shape, checked_dtype(name, dtype), initial).parameter()
    if None not in shape:
        size(parameter, np.zeros(0))
    return parameter


def _settle(layer: Any, x: Any, *parameters: Parameter | None) -> tuple[int, ...]:
    """The shape to normalize over, taken from the first input where it is not known."""
    if None in layer.normalized_shape:
        known = next((p.shape for p in parameters if p is not None and not isinstance(p.data, Unsized)), None)
        if known is None and not getattr(x, "shape", ()):
            raise DtypeError(message(f"{type(layer).__name__}: the first input must have an axis.", [("x", x)]))
        layer.normalized_shape = tuple(x.shape[-1:]) if known is None else known
        for parameter in parameters:
            size(parameter, x, *layer.normalized_shape)
    return layer.normalized_shape  # type: ignore[no-any-return]


def _checked_shape(name: str, shape: Any) -> tuple[int | None, ...]:
    if shape is None:
        return (None,)
    lengths = shape if isinstance(shape, tuple | list) else (shape,)
    if not lengths:
        raise InputError(f"{name}: normalized_shape names at least one axis.")
    return tuple(checked_size(name, "normalized_shape", length) for length in lengths)


def _checked_eps(name: str, eps: Any) -> float:
    if not isinstance(eps, int | float) or not 0 <= eps < float("inf"):
        raise InputError(f"{name}: eps is a number from 0 on, and this is {eps!r}.")
    return float(eps)


def _checked_momentum(name: str, momentum: Any) -> float | None:
    if momentum is not None and not (isinstance(momentum, int | float) and 0 <= momentum <= 1):
        raise InputError(f"{name}: momentum is a share from 0 to 1, or None, and this is {momentum!r}.")
    return momentum


def _lengths(shape: tuple[int | None, ...]) -> str:
    return ", ".join("?" if length is None else str(length) for length in shape)
