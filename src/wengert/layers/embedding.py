"""Embedding: a table of vectors, one for each word, letter or item."""

from typing import Any

import numpy as np

from wengert import functions as F
from wengert import random
from wengert.errors import InputError
from wengert.layers.layer import Layer
from wengert.layers.linear import checked_dtype, checked_size
from wengert.variable import Parameter

__all__ = ["Embedding"]


class Embedding(Layer):
    """The rows of a table that integers name: ``out = weight[x]``.

    Shapes: x of any shape s, integers from 0 to count - 1 -> (*s, size); weight (count, size).

    The rows begin normally distributed with variance 1.

    Args:
        count: The number of rows [1, ...].
        size: The length of each [1, ...].
        dtype: The type of the rows.
        padding_idx: A row that begins with zeros and is not learned: for what fills up sequences that are too short.

    Raises:
        InputError: a size is no whole number from 1 on, or there is no row ``padding_idx``.

    Example:
        >>> Embedding(10, 4)(np.array([[1, 2, 3]])).shape
        (1, 3, 4)
    """

    def __init__(self, count: int, size: int, *, padding_idx: int | None = None, dtype: Any = np.float32) -> None:
        shape = checked_size("Embedding", "count", count), checked_size("Embedding", "size", size)
        dtype = checked_dtype("Embedding", dtype)
        drawn = np.float64 if dtype == np.float64 else np.float32
        if padding_idx is not None and not -count <= padding_idx < count:
            raise InputError(f"Embedding: padding_idx {padding_idx} of a table of {count} rows.")
        self.padding_idx = None if padding_idx is None else padding_idx % count
        self.weight = Parameter(random.generator().standard_normal(shape, drawn).astype(dtype, copy=False))
        if padding_idx is not None:
            self.weight.data[padding_idx] = 0

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.embed_id(x, self.weight, padding_idx=self.padding_idx)

    def details(self) -> str:
        count, size = self.weight.shape
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{count} -> {size}{padding}"
