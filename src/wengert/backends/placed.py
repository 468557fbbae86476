"""What a gradient is that has entries at an index only, before it is added to the rest: nothing but index and entries.

A thousand reads ``x[i]`` send back a thousand gradients of the shape of ``x``, each with one entry that is not zero.
"""

from typing import Any

__all__ = ["Placed"]


class Placed:
    """Zeros of ``shape`` with ``values`` added at ``index``, not made yet."""

    __slots__ = ("index", "shape", "values")

    def __init__(self, shape: tuple[int, ...], index: Any, values: Any) -> None:
        self.shape = shape
        self.index = index
        self.values = values

    def dense(self, xp: Any) -> Any:
        """The array that this stands for."""
        return xp.scatter_add(self.shape, self.values.dtype, self.index, self.values)
