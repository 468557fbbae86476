"""Model: the layer that is trained, saved and shown as a whole.  Next: mlp.py."""

from pathlib import Path
from typing import Any

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

    def plot(self, *inputs: Any, to_file: str | Path = "model.dot") -> Any:
        """Run the model on ``inputs``, and draw the graph of what it did, as in the book.

        The file's suffix says how: .dot and .svg need nothing, .png and .pdf need Graphviz.

        Raises:
            InputError: the suffix is another one; or an SVG would have more than 2,000 nodes.
            WengertError: Graphviz is needed, and not installed, or fails.
        """
        from wengert.visualize import plot_dot_graph  # only needed here

        return plot_dot_graph(self(*inputs), to_file=to_file)
