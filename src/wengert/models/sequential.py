"""Sequential: one thing after the other; and MLP, linear layers with an activation between them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from wengert import functions as F
from wengert.errors import DeclarationError, InputError, describe
from wengert.layers.layer import Layer
from wengert.layers.linear import Linear
from wengert.models.model import Model

__all__ = ["MLP", "Sequential"]


class Sequential(Model):
    """Layers and functions, each called on what the one before returned.

    Args:
        layers: Layers, or anything that can be called with one argument.

    Raises:
        DeclarationError: one of them cannot be called, or is a class and no instance.

    Example:
        >>> model = Sequential(Linear(10, 2), F.relu, Linear(1, 10))
        >>> model(np.ones((5, 2), dtype=np.float32)).shape
        (5, 1)
        >>> model[0]
        Linear(2 -> 10)  30 parameters
    """

    def __init__(self, *layers: Callable[..., Any]) -> None:
        for position, layer in enumerate(layers):
            _check_callable(layer, f"layer {position}")
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        """See the class."""
        for layer in self.layers:
            x = layer(x)
        return x

    def append(self, layer: Callable[..., Any]) -> None:
        """Put one more at the end."""
        _check_callable(layer, "the layer to append")
        self.layers.append(layer)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int | slice) -> Any:
        return Sequential(*self.layers[index]) if isinstance(index, slice) else self.layers[index]

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        return iter(self.layers)


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
            raise InputError(f"MLP: sizes is a sequence of numbers of outputs such as (100, 10), not {describe(sizes)}.")
        _check_callable(activation, "the activation")
        self.activation = activation
        before = [in_size, *sizes] if in_size is not None else [None] * len(sizes)
        self.layers = [Linear(size, before[i], dtype=dtype) for i, size in enumerate(sizes)]

    def forward(self, x: Any) -> Any:
        """See the class."""
        *hidden, last = self.layers
        activation = self.activation
        for layer in hidden:
            x = activation(layer(x))
        return last(x)

    def details(self) -> str:
        return str(getattr(self.activation, "__name__", type(self.activation).__name__))


def _check_callable(layer: Any, which: str) -> None:
    if isinstance(layer, type) and issubclass(layer, Layer):
        raise DeclarationError(f"{which} is the class {layer.__name__}, not a layer.\n    Fix: write {layer.__name__}(...).")
    if not callable(layer):
        raise DeclarationError(f"{which} is {describe(layer)}, which is neither a layer nor a function.")
