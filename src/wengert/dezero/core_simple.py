"""The book's core_simple.py, of steps 23 to 32: gradients are arrays, and are not differentiated again."""

from typing import Any

import wengert
from wengert import functions as F
from wengert.core.recorded import Recorded
from wengert.dezero import core
from wengert.dezero.classes import class_of
from wengert.dezero.core import Config, as_array, no_grad, setup_variable, using_config
from wengert.dezero.variable import publish, returns, speaks
from wengert.errors import DeclarationError

__all__ = [
    "Add",
    "Config",
    "Div",
    "Function",
    "Mul",
    "Neg",
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
    "using_config",
]


@speaks
class Variable(core.Variable):
    """A Variable whose gradient is a plain array.

    Example:
        >>> import numpy as np
        >>> x = Variable(np.array(2.0))
        >>> y = x ** 2 + x
        >>> y.backward()
        >>> x.grad
        array(5.)
    """

    __slots__ = ()

    @property
    def grad(self) -> Any:
        """What backward left here: None, or an array of this one's shape."""
        return None if self._grad is None else self._grad.data

    @grad.setter
    def grad(self, gradient: Any) -> None:
        core.Variable.grad.__set__(self, gradient)  # type: ignore[attr-defined]

    def backward(self, retain_grad: bool = False) -> None:  # type: ignore[override]
        """Go back over the tape: see `wengert.Variable.backward`."""
        super().backward(retain_grad)


class Function(wengert.Function):
    """The book's Function: ``forward`` and ``backward`` both on arrays.

    Example:
        >>> import numpy as np
        >>> class Square(Function):
        ...     def forward(self, x):
        ...         return x ** 2
        ...     def backward(self, gy):
        ...         return 2 * self.inputs[0].data * gy
        >>> x = Variable(np.array(3.0))
        >>> y = Square()(x)
        >>> y.backward()
        >>> y, x.grad
        (variable(9.0), array(6.))
    """

    __call__ = returns(Variable)(wengert.Function.__call__)

    def gradients(self, g: Any, xp: Any, recording: bool) -> Any:
        """See `wengert.Function.gradients`."""
        assert self.kept is not None
        given = g if isinstance(g, tuple) else (g,)
        pairs = zip(given, self.kept[1], strict=True)
        back = self.backward(*[xp.zeros_like(out) if value is None else value for value, out in pairs])
        back = back if isinstance(back, tuple | list) else (back,)
        if len(back) != len(self.kept[0]):
            raise DeclarationError(
                f"{self.operation_name}.backward returned {len(back)} gradients for {len(self.kept[0])} inputs: "
                "return one for each (None for an input that has none)."
            )
        return [xp.asarray(back[i]) for i in self.wanted]


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


def as_variable(obj: Any) -> Any:
    """``obj`` itself where it is a Variable, else a new one around it."""
    return obj if isinstance(obj, Recorded) else Variable(obj)


publish(globals())
