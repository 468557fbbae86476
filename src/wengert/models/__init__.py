"""Models: layers that are a whole.  Read model.py, then mlp.py."""

from wengert.layers.sequential import Sequential
from wengert.models.mlp import MLP
from wengert.models.model import Model

__all__ = ["MLP", "Model", "Sequential"]
