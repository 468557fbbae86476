"""The book's transforms.py: Wengert's transforms; sizes are (width, height), as Pillow has them."""

from typing import Any

from wengert.data import transforms as house
from wengert.data.transforms import (
    AsType,
    Compose,
    Convert,
    Flatten,
    Normalize,
    RandomHorizontalFlip,
    ToArray,
    ToInt,
    ToPIL,
)
from wengert.dezero.utils import pair

__all__ = [
    "AsType",
    "CenterCrop",
    "Compose",
    "Convert",
    "Flatten",
    "Normalize",
    "RandomHorizontalFlip",
    "Resize",
    "ToArray",
    "ToFloat",
    "ToInt",
    "ToPIL",
]

ToFloat = AsType


class Resize(house.Resize):
    """`wengert.data.transforms.Resize`.

    Example:
        >>> import numpy as np
        >>> Resize((4, 2))(np.zeros((1, 8, 8))).shape
        (1, 2, 4)
    """

    def __init__(self, size: Any, mode: Any = "bilinear") -> None:
        super().__init__(pair(size)[::-1], {0: "nearest", 2: "bilinear"}.get(mode, mode))


class CenterCrop(house.CenterCrop):
    """`wengert.data.transforms.CenterCrop`.

    Example:
        >>> import numpy as np
        >>> CenterCrop((4, 2))(np.zeros((1, 8, 8))).shape
        (1, 2, 4)
    """

    def __init__(self, size: Any) -> None:
        super().__init__(pair(size)[::-1])
