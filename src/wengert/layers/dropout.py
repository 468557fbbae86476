"""Dropout: noise while training, so that no unit relies on another.

Next: embedding.py.
"""

from typing import Any

from wengert import functions as F
from wengert.errors import InputError
from wengert.layers.layer import Layer

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d"]


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
            raise InputError(f"{type(self).__name__}: ratio is a share from 0 to below 1, and this is {ratio!r}.")
        self.ratio = ratio

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.dropout(x, self.ratio)

    def details(self) -> str:
        return f"{self.ratio:g}"


class AlphaDropout(Dropout):
    """Dropout that leaves mean 0 and variance 1 as they are, for networks of SELU: `functions.alpha_dropout`.

    Example:
        >>> import numpy as np
        >>> AlphaDropout(0.5)(np.ones((8, 3))).shape
        (8, 3)
    """

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.alpha_dropout(x, self.ratio)


class Dropout1d(Dropout):
    """Whole channels become zero together: `functions.dropout1d`.

    Shapes: x ([n,] channels, length) -> the same

    Example:
        >>> import numpy as np
        >>> Dropout1d(0.5)(np.ones((8, 3, 4))).shape
        (8, 3, 4)
    """

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.dropout1d(x, self.ratio)


class Dropout2d(Dropout):
    """Whole channels of images become zero together: `functions.dropout2d`.

    Shapes: x ([n,] channels, height, width) -> the same

    Example:
        >>> import numpy as np
        >>> Dropout2d(0.5)(np.ones((8, 3, 4, 4))).shape
        (8, 3, 4, 4)
    """

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.dropout2d(x, self.ratio)


class Dropout3d(Dropout):
    """Whole channels of volumes become zero together: `functions.dropout3d`.

    Shapes: x ([n,] channels, depth, height, width) -> the same

    Example:
        >>> import numpy as np
        >>> Dropout3d(0.5)(np.ones((8, 3, 4, 4, 4))).shape
        (8, 3, 4, 4, 4)
    """

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.dropout3d(x, self.ratio)
