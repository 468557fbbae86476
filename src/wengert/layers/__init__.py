"""Layers: functions that hold parameters.  Read layer.py, then linear.py."""

from wengert.layers.dropout import Dropout
from wengert.layers.embedding import Embedding
from wengert.layers.layer import Layer, Unsized, size
from wengert.layers.linear import Linear, lecun_normal
from wengert.layers.sequential import Sequential

__all__ = ["Dropout", "Embedding", "Layer", "Linear", "Sequential", "Unsized", "lecun_normal", "size"]
