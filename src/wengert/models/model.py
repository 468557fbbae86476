"""Model: the layer that is trained, saved and shown as a whole.  Next: sequential.py."""

from wengert.layers.layer import Layer

__all__ = ["Model"]


class Model(Layer):
    """A layer that is a whole model: derive from it, assign layers in ``__init__``, and write ``forward``.

    Example:
        >>> import numpy as np
        >>> from wengert import functions as F
        >>> from wengert.layers import Linear
        >>> class TwoLayers(Model):
        ...     def __init__(self, hidden, out):
        ...         self.first = Linear(hidden)
        ...         self.second = Linear(out)
        ...     def forward(self, x):
        ...         return self.second(F.sigmoid(self.first(x)))
        >>> model = TwoLayers(10, 1)
        >>> model(np.ones((5, 2), dtype=np.float32)).shape
        (5, 1)
        >>> model
        TwoLayers  41 parameters
          first   Linear(2 -> 10)  30 parameters
          second  Linear(10 -> 1)  11 parameters
    """
