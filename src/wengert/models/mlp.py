"""MLP: linear layers with an activation between them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert import functions as F
from wengert.errors import InputError, describe
from wengert.layers.linear import Linear
from wengert.layers.sequential import check_callable
from wengert.models.model import Model

__all__ = ["MLP"]


class MLP(Model):
    """A multi-layer perceptron: linear layers, with an activation between each and the next.

    Args:
        sizes: The number of outputs of each layer [1, ...].
        activation: What stands between the layers.
        in_size: The number of inputs; where None, the first call tells.
        dtype: The type of the parameters.

    Raises:
        InputError: there are no sizes, or one is no whole number from 1 on.

    Example:
        >>> model = MLP((10, 3), in_size=2)
        >>> model
        MLP(sigmoid)  63 parameters
          layers.0  Linear(2 -> 10)  30 parameters
          layers.1  Linear(10 -> 3)  33 parameters
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: Callable[[Any], Any] = F.sigmoid,
        *,
        in_size: int | None = None,
        dtype: Any = np.float32,
    ) -> None:
        if not isinstance(sizes, Sequence | np.ndarray) or isinstance(sizes, str) or not len(sizes):
            raise InputError(
                f"MLP: sizes is a sequence of numbers of outputs such as (100, 10), not {describe(sizes)}."
            )
        check_callable(activation, "the activation")
        self.activation = activation
        before = [in_size, *sizes] if in_size is not None else [None] * len(sizes)
        self.layers = [Linear(size, in_size=before[i], dtype=dtype) for i, size in enumerate(sizes)]

    def forward(self, x: Any) -> Any:
        """See the class."""
        *hidden, last = self.layers
        activation = self.activation
        for layer in hidden:
            x = activation(layer(x))
        return last(x)

    def details(self) -> str:
        return str(getattr(self.activation, "__name__", type(self.activation).__name__))
