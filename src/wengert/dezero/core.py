"""The book's core.py: Variable, Parameter, Function, the switches, and arithmetic."""

from dataclasses import replace
from typing import Any

from wengert import functions as F
from wengert.core import modes
from wengert.core.modes import current_config, no_grad, test_mode, using_config
from wengert.dezero.classes import class_of
from wengert.dezero.variable import Function, Parameter, Variable, as_array, as_variable, publish, returns

__all__ = [
    "Add",
    "Config",
    "Div",
    "Function",
    "Mul",
    "Neg",
    "Parameter",
    "Pow",
    "Sub",
    "Variable",
    "add",
    "as_array",
    "as_variable",
    "div",
    "mul",
    "neg",
    "no_grad",
    "pow",
    "rdiv",
    "rsub",
    "setup_variable",
    "sub",
    "test_mode",
    "using_config",
]


class _Switches(type):
    """The switches as attributes of a class: read and set for this thread, as they stand in `core.modes`."""

    @property
    def enable_backprop(cls) -> bool:
        return current_config().enable_backprop

    @enable_backprop.setter
    def enable_backprop(cls, value: bool) -> None:
        modes._config.set(replace(current_config(), enable_backprop=value))

    @property
    def train(cls) -> bool:
        return current_config().train

    @train.setter
    def train(cls, value: bool) -> None:
        modes._config.set(replace(current_config(), train=value))


class Config(metaclass=_Switches):
    """``Config.enable_backprop`` and ``Config.train``.

    Example:
        >>> with test_mode():
        ...     Config.train
        False
    """


_own = returns(Variable)
_power = _own(F.power)

add, sub, rsub = _own(F.add), _own(F.subtract), _own(F.rsub)
mul, div, rdiv = _own(F.multiply), _own(F.divide), _own(F.rdiv)
neg = _own(F.negative)


def pow(x: Any, c: Any) -> Any:
    """x to the power of c."""
    return _power(x, c)


Add, Sub, Mul = class_of(add, "Add"), class_of(sub, "Sub"), class_of(mul, "Mul")
Div, Neg, Pow = class_of(div, "Div"), class_of(neg, "Neg"), class_of(pow, "Pow", "c")


def setup_variable() -> None:
    """Do nothing: a Variable has its operators from the beginning."""


publish(globals())
