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
    from wengert import data, debug, interop, layers, models, optimizers, serialization, testing, training, visualize
    from wengert.debug.anomaly import detect_anomaly
    from wengert.debug.guard import guard
    from wengert.debug.holds import holds
    from wengert.debug.profile import profile
    from wengert.debug.why import why
    from wengert.layers import Layer
    from wengert.models import Model
    from wengert.serialization import load, load_checkpoint, save, save_checkpoint
    from wengert.visualize.summary import summary
    from wengert.visualize.trace import trace

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
    "debug",
    "detect_anomaly",
    "elementwise_grad",
    "errors",
    "functions",
    "grad",
    "guard",
    "hessian",
    "holds",
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
    "profile",
    "random",
    "save",
    "save_checkpoint",
    "seed",
    "serialization",
    "stop_gradient",
    "summary",
    "test_mode",
    "testing",
    "training",
    "trace",
    "using_config",
    "value_and_grad",
    "visualize",
    "vjp",
    "why",
]

# What differentiation does not need is loaded when it is first asked for.
_LATER = {
    "Layer": "layers",
    "Model": "models",
    "detect_anomaly": "debug.anomaly",
    "guard": "debug.guard",
    "holds": "debug.holds",
    "load": "serialization",
    "load_checkpoint": "serialization",
    "profile": "debug.profile",
    "save": "serialization",
    "save_checkpoint": "serialization",
    "summary": "visualize.summary",
    "trace": "visualize.trace",
    "why": "debug.why",
}
_ROOMS = frozenset(
    ["data", "debug", "interop", "layers", "models", "optimizers", "serialization", "testing", "training", "visualize"]
)


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"wengert.{name}")
    if name in _LATER:
        return getattr(import_module(f"wengert.{_LATER[name]}"), name)
    raise AttributeError(f"module 'wengert' has no attribute {name!r}")
