"""Linear: a weighted sum of the inputs, the layer that all others are measured against.

Next: dropout.py.
"""

from typing import Any

import numpy as np

from wengert import functions as F
from wengert import random
from wengert.errors import DtypeError, InputError, ShapeError, message
from wengert.layers.layer import Layer, Unsized, size
from wengert.variable import Parameter

__all__ = ["Linear", "lecun_normal"]


class Linear(Layer):
    """A weighted sum of the inputs for each output: ``out = x @ weight + bias``.

    Shapes: x (..., in_size) -> (..., out_size); weight (in_size, out_size), bias (out_size,).

    The weights begin normally distributed with variance 1 / in_size (LeCun et al., Efficient BackProp, 1998), so that
    outputs vary as much as inputs do; the bias begins at zero.

    Args:
        out_size: The number of outputs [1, ...].
        in_size: The number of inputs [1, ...]; where None, the first call tells.
        bias: Whether a bias is added.
        dtype: The type of the parameters.

    Raises:
        InputError: a size is no whole number from 1 on.
        DtypeError: ``dtype`` is no floating-point type.

    Example:
        >>> layer = Linear(3)
        >>> layer(np.ones((4, 2), dtype=np.float32)).shape
        (4, 3)
        >>> layer
        Linear(2 -> 3)  9 parameters
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, out_size: int, in_size: int | None = None, *, bias: bool = True, dtype: Any = np.float32
    ) -> None:
        out_size = checked_size("Linear", "out_size", out_size)
        dtype = checked_dtype("Linear", dtype)
        self.weight = Unsized((None, out_size), dtype, lecun_normal).parameter()
        self.bias = Unsized((out_size,), dtype, np.zeros).parameter() if bias else None
        if in_size is not None:
            self._size(np.zeros(checked_size("Linear", "in_size", in_size)))

    def forward(self, x: Any) -> Any:
        """See the class."""
        weight, bias = self.weight, self.bias
        if weight.data.__class__ is Unsized or (bias is not None and bias.data.__class__ is Unsized):
            self._size(x)
        try:
            return F.linear(x, weight, bias)
        except ShapeError as error:
            in_size, out_size = weight.shape
            if getattr(x, "shape", ())[-1:] != (out_size,) or in_size == out_size:
                raise
            raise ShapeError(
                message(
                    f"Linear({out_size}, {in_size}) takes {in_size} columns and gives {out_size}: the size of what it "
                    "gives comes first.",
                    [("x", x), ("weight", weight)],
                    f"PyTorch's Linear({out_size}, {in_size}) is Linear({in_size}, in_size={out_size}).",
                )
            ) from error

    def _size(self, x: Any) -> None:
        if not getattr(x, "shape", ()):
            raise DtypeError("Linear: the first input must be an array with at least one axis, to tell in_size by.")
        size(self.bias, x)
        size(self.weight, x, x.shape[-1])  # last: another thread may look whether it is there

    def details(self) -> str:
        in_size, out_size = self.weight.shape
        return f"{in_size} -> {out_size}{'' if self.bias is not None else ', bias=False'}"


def lecun_normal(shape: tuple[int, ...], dtype: Any) -> Any:
    """Normally distributed numbers of variance 1 over the number of inputs, which is all axes but the last.

    Example:
        >>> lecun_normal((2, 3), np.float32).dtype
        dtype('float32')
    """
    inputs = 1
    for axis in shape[:-1]:
        inputs *= axis
    drawn = np.float64 if np.dtype(dtype) == np.float64 else np.float32  # the two types generators can draw
    numbers = random.generator().standard_normal(shape, drawn) * float(inputs**-0.5)
    return numbers.astype(dtype, copy=False)


def checked_size(owner: str, name: str, value: Any) -> int:
    """A size as an int, refused unless it is a whole number from 1 on."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"{owner}: {name} is a whole number from 1 on, and this is {value!r}.")
    return int(value)


def checked_dtype(owner: str, dtype: Any) -> Any:
    """A dtype as NumPy's, refused unless it is one of floating point."""
    try:
        answer = np.dtype(dtype)
    except TypeError:
        answer = None
    if answer is None or answer.kind != "f":
        raise DtypeError(f"{owner}: dtype is a floating-point type such as numpy.float32, and this is {dtype!r}.")
    return answer
