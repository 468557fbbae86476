"""Wengert: automatic differentiation and deep learning that you can read, on NumPy."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wengert import errors, functions, random
from wengert.core.function import Function
from wengert.core.modes import Observer, no_grad, observing, test_mode, using_config
from wengert.core.operation import operation
from wengert.derivatives import (
    checkpoint,
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
)
from wengert.random import seed
from wengert.variable import Parameter, Variable, as_array, as_variable

if TYPE_CHECKING:
    from wengert import data, interop, layers, models, optimizers, serialization, testing, training, visualize
    from wengert.layers import Layer
    from wengert.models import Model
    from wengert.serialization import load, load_checkpoint, save, save_checkpoint

__version__ = "0.1.0"

__all__ = [
    "Function",
    "Layer",
    "Model",
    "Observer",
    "Parameter",
    "Variable",
    "as_array",
    "as_variable",
    "checkpoint",
    "data",
    "elementwise_grad",
    "errors",
    "functions",
    "grad",
    "hessian",
    "hvp",
    "interop",
    "jacobian",
    "jvp",
    "layers",
    "load",
    "load_checkpoint",
    "models",
    "no_grad",
    "observing",
    "operation",
    "optimizers",
    "random",
    "save",
    "save_checkpoint",
    "seed",
    "serialization",
    "stop_gradient",
    "test_mode",
    "testing",
    "training",
    "using_config",
    "value_and_grad",
    "visualize",
    "vjp",
]

# What differentiation does not need is loaded when it is first asked for.
_LATER = {
    "Layer": "layers",
    "Model": "models",
    "load": "serialization",
    "load_checkpoint": "serialization",
    "save": "serialization",
    "save_checkpoint": "serialization",
}
_ROOMS = ("data", "interop", "layers", "models", "optimizers", "serialization", "testing", "training", "visualize")


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"wengert.{name}")
    if name in _LATER:
        return getattr(import_module(f"wengert.{_LATER[name]}"), name)
    raise AttributeError(f"module 'wengert' has no attribute {name!r}")
