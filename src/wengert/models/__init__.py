"""Models: layers put together.  Read model.py, then sequential.py."""

from wengert.models.model import Model
from wengert.models.sequential import MLP, Sequential

__all__ = ["MLP", "Model", "Sequential"]
