"""Sequential: one thing after the other."""

from collections.abc import Callable, Iterator
from typing import Any

from wengert.errors import DeclarationError, describe
from wengert.layers.layer import Layer

__all__ = ["Sequential", "check_callable"]


class Sequential(Layer):
    """Layers and functions, each called on what the one before returned.

    Args:
        layers: Layers, or anything that can be called with one argument.

    Raises:
        DeclarationError: one of them cannot be called, or is a class and no instance.

    Example:
        >>> import numpy as np
        >>> from wengert import functions as F
        >>> from wengert.layers import Linear
        >>> model = Sequential(Linear(10, in_size=2), F.relu, Linear(1, in_size=10))
        >>> model(np.ones((5, 2), dtype=np.float32)).shape
        (5, 1)
        >>> model[0]
        Linear(2 -> 10)  30 parameters
    """

    def __init__(self, *layers: Callable[..., Any]) -> None:
        for position, layer in enumerate(layers):
            check_callable(layer, f"layer {position}")
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        """See the class."""
        for layer in self.layers:
            x = layer(x)
        return x

    def append(self, layer: Callable[..., Any]) -> None:
        """Put one more at the end.

        Example:
            >>> model = Sequential()
            >>> model.append(abs)
            >>> len(model)
            1
        """
        check_callable(layer, "the layer to append")
        self.layers.append(layer)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int | slice) -> Any:
        return Sequential(*self.layers[index]) if isinstance(index, slice) else self.layers[index]

    def __setitem__(self, index: int, layer: Callable[..., Any]) -> None:
        """Put another in the place of one: a new head, say."""
        check_callable(layer, f"layer {index}")
        self.layers[index] = layer

    def __delitem__(self, index: int | slice) -> None:
        del self.layers[index]

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        return iter(self.layers)


def check_callable(layer: Any, which: str) -> None:
    """Refuse what cannot be called, and a class given in place of a layer."""
    if isinstance(layer, type) and issubclass(layer, Layer):
        raise DeclarationError(
            f"{which} is the class {layer.__name__}, not a layer.\n    Fix: write {layer.__name__}(...)."
        )
    if not callable(layer):
        raise DeclarationError(f"{which} is {describe(layer)}, which is neither a layer nor a function.")
