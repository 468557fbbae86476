"""Wengert: automatic differentiation and deep learning that you can read, on NumPy."""

from wengert import functions
from wengert import random as random
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

__version__ = "0.1.0"
