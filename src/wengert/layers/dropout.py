"""Dropout: noise while training, so that no unit relies on another.

Next: embedding.py.
"""

from typing import Any

from wengert import functions as F
from wengert.errors import InputError
from wengert.layers.layer import Layer

__all__ = ["Dropout"]


class Dropout(Layer):
    """Each entry becomes zero with probability ``ratio``, and the others grow by 1 / (1 - ratio), while training.

    Args:
        ratio: The share that becomes zero [0, 1).

    Raises:
        InputError: ``ratio`` is outside that range.

    Example:
        >>> import numpy as np
        >>> from wengert.core.modes import test_mode
        >>> with test_mode():
        ...     Dropout(0.5)(np.ones(3))
        variable([1. 1. 1.])
    """

    def __init__(self, ratio: float = 0.5) -> None:
        if not 0 <= ratio < 1:
            raise InputError(f"Dropout: ratio is a share from 0 to below 1, and this is {ratio!r}.")
        self.ratio = ratio

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.dropout(x, self.ratio)

    def details(self) -> str:
        return f"{self.ratio:g}"
