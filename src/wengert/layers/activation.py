"""Activations as layers, for `Sequential` and where a setting is to be kept: each is the function of that name.

Settings are fields: ``LeakyReLU(0.1)``, ``LeakyReLU(slope=0.1)``.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from wengert import functions as F
from wengert.layers.layer import Layer
from wengert.layers.linear import checked_dtype, checked_size
from wengert.variable import Parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Activation",
    "HardShrink",
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "SoftShrink",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softsign",
    "Tanh",
    "TanhShrink",
    "Threshold",
]


class Activation(Layer):
    """The base of these: a function without parameters, whose settings are the fields of a dataclass.

    Example:
        >>> LeakyReLU(0.1)
        LeakyReLU(slope=0.1)
    """

    def details(self) -> str:
        return ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in _fields(self))


def _fields(layer: Activation) -> Any:
    return fields(layer) if hasattr(layer, "__dataclass_fields__") else ()  # type: ignore[arg-type]


class ReLU(Activation):
    """`functions.relu`: max(x, 0)."""

    def forward(self, x: Any) -> Any:
        return F.relu(x)


class ReLU6(Activation):
    """`functions.relu6`: min(max(x, 0), 6)."""

    def forward(self, x: Any) -> Any:
        return F.relu6(x)


class Sigmoid(Activation):
    """`functions.sigmoid`: 1 / (1 + exp(-x))."""

    def forward(self, x: Any) -> Any:
        return F.sigmoid(x)


class LogSigmoid(Activation):
    """`functions.log_sigmoid`: log(sigmoid(x))."""

    def forward(self, x: Any) -> Any:
        return F.log_sigmoid(x)


class Tanh(Activation):
    """`functions.tanh`."""

    def forward(self, x: Any) -> Any:
        return F.tanh(x)


class SiLU(Activation):
    """`functions.silu`: x * sigmoid(x), also called swish."""

    def forward(self, x: Any) -> Any:
        return F.silu(x)


class Mish(Activation):
    """`functions.mish`: x * tanh(softplus(x))."""

    def forward(self, x: Any) -> Any:
        return F.mish(x)


class SELU(Activation):
    """`functions.selu`: an ELU that keeps mean 0 and variance 1."""

    def forward(self, x: Any) -> Any:
        return F.selu(x)


class HardSigmoid(Activation):
    """`functions.hardsigmoid`: a sigmoid of three straight lines."""

    def forward(self, x: Any) -> Any:
        return F.hardsigmoid(x)


class HardSwish(Activation):
    """`functions.hardswish`: x * hardsigmoid(x)."""

    def forward(self, x: Any) -> Any:
        return F.hardswish(x)


class Softplus(Activation):
    """`functions.softplus`: log(1 + exp(x))."""

    def forward(self, x: Any) -> Any:
        return F.softplus(x)


class Softsign(Activation):
    """`functions.softsign`: x / (1 + abs(x))."""

    def forward(self, x: Any) -> Any:
        return F.softsign(x)


class TanhShrink(Activation):
    """`functions.tanhshrink`: x - tanh(x)."""

    def forward(self, x: Any) -> Any:
        return F.tanhshrink(x)


@dataclass(eq=False, repr=False)
class LeakyReLU(Activation):
    """`functions.leaky_relu`: x where it is positive, ``slope`` times x elsewhere."""

    slope: float = 0.2

    def forward(self, x: Any) -> Any:
        return F.leaky_relu(x, self.slope)


@dataclass(eq=False, repr=False)
class RReLU(Activation):
    """`functions.rrelu`: a leaky ReLU whose slopes are drawn in training."""

    lower: float = 1 / 8
    upper: float = 1 / 3

    def forward(self, x: Any) -> Any:
        return F.rrelu(x, self.lower, self.upper)


@dataclass(eq=False, repr=False)
class ELU(Activation):
    """`functions.elu`: x where it is positive, alpha * (exp(x) - 1) elsewhere."""

    alpha: float = 1.0

    def forward(self, x: Any) -> Any:
        return F.elu(x, self.alpha)


@dataclass(eq=False, repr=False)
class CELU(Activation):
    """`functions.celu`: x where it is positive, alpha * (exp(x / alpha) - 1) elsewhere."""

    alpha: float = 1.0

    def forward(self, x: Any) -> Any:
        return F.celu(x, self.alpha)


@dataclass(eq=False, repr=False)
class GELU(Activation):
    """`functions.gelu`: x times the normal distribution function; ``approximate="tanh"`` takes a tanh for it."""

    approximate: str = "none"

    def forward(self, x: Any) -> Any:
        return F.gelu(x, self.approximate)


@dataclass(eq=False, repr=False)
class HardTanh(Activation):
    """`functions.hardtanh`: x, brought to ``low`` or ``high`` where it lies beyond."""

    low: float = -1.0
    high: float = 1.0

    def forward(self, x: Any) -> Any:
        return F.hardtanh(x, self.low, self.high)


@dataclass(eq=False, repr=False)
class HardShrink(Activation):
    """`functions.hardshrink`: x where its size is above ``bound``, 0 elsewhere."""

    bound: float = 0.5

    def forward(self, x: Any) -> Any:
        return F.hardshrink(x, self.bound)


@dataclass(eq=False, repr=False)
class SoftShrink(Activation):
    """`functions.softshrink`: x brought nearer to 0 by ``bound``."""

    bound: float = 0.5

    def forward(self, x: Any) -> Any:
        return F.softshrink(x, self.bound)


@dataclass(eq=False, repr=False)
class Threshold(Activation):
    """`functions.threshold`: x where it is above ``threshold``, ``value`` elsewhere."""

    threshold: float
    value: float

    def forward(self, x: Any) -> Any:
        return F.threshold(x, self.threshold, self.value)


@dataclass(eq=False, repr=False)
class GLU(Activation):
    """`functions.glu`: the first half along ``axis`` times the sigmoid of the second."""

    axis: int = -1

    def forward(self, x: Any) -> Any:
        return F.glu(x, self.axis)


@dataclass(eq=False, repr=False)
class Softmax(Activation):
    """`functions.softmax`: exp(x) over its sum along ``axis``."""

    axis: Any = -1

    def forward(self, x: Any) -> Any:
        return F.softmax(x, self.axis)


@dataclass(eq=False, repr=False)
class LogSoftmax(Activation):
    """`functions.log_softmax`: the logarithm of softmax along ``axis``."""

    axis: Any = -1

    def forward(self, x: Any) -> Any:
        return F.log_softmax(x, self.axis)


@dataclass(eq=False, repr=False)
class Softmin(Activation):
    """`functions.softmin`: the softmax of -x along ``axis``."""

    axis: Any = -1

    def forward(self, x: Any) -> Any:
        return F.softmin(x, self.axis)


class PReLU(Layer):
    """A leaky ReLU that learns its slope, or one for each channel: `functions.prelu` (He et al. 2015).

    Shapes: x (n, channels, ...) -> the same; weight (channels,)

    Args:
        channels: The number of slopes [1, ...]: 1, or the number of channels.
        initial: What they begin with.
        dtype: Their type.

    Raises:
        InputError: ``channels`` is no whole number from 1 on.

    Example:
        >>> PReLU()(np.array([-4.0, 2.0]))
        variable([-1.  2.])
    """

    weight: Parameter

    def __init__(self, channels: int = 1, initial: float = 0.25, *, dtype: Any = np.float32) -> None:
        count = checked_size("PReLU", "channels", channels)
        self.weight = Parameter(np.full(count, initial, checked_dtype("PReLU", dtype)))

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.prelu(x, self.weight)

    def details(self) -> str:
        return str(self.weight.size)
