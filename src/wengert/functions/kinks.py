"""For formulas: operations of this package within them, and kinks, where a derivative is a choice.

At a kink, such as that of abs at 0, the documents of a function say which number is taken for its derivative.  That
number does not change along with the input, and so nothing follows from it for the next derivative: where a gradient
that needs one passes a kink, the next derivative is nan.
"""

from collections.abc import Callable
from typing import Any

from wengert.core.operation import operation
from wengert.core.recorded import Recorded

__all__ = ["chosen", "corner", "moves", "within"]


def within(operation: Any, *values: Any, **options: Any) -> Any:
    """An operation of this package in a formula: recorded on Variables, and an array on arrays.

    Example:
        >>> import numpy as np
        >>> from wengert.functions import sign
        >>> float(within(sign, np.array(-2.0)))
        -1.0
    """
    result = operation(*values, **options)
    return result if any(isinstance(value, Recorded) for value in values) else result.data


def moves(x: Any) -> bool:
    """Whether a value in a formula is one that further derivatives are taken in.

    Example:
        >>> import numpy as np
        >>> moves(np.array(1.0))
        False
    """
    return isinstance(x, Recorded) and x.requires_grad


def chosen(gradient: Any, where: Callable[[], Any], x: Any = None) -> Any:
    """A gradient that is a choice at kinks: the same number, whose own derivative there is nan.

    Args:
        gradient: What the formula gives, with everything that arrives from above in it.
        where: Gives the places of the kinks, as booleans that broadcast to ``gradient``; not called where no further
            derivative can be asked for.
        x: The input, broadcasting to ``gradient``, where the next derivative in it is nan whatever arrives from above:
            where the function has no second derivative on either side of the kink.

    Example:
        >>> import numpy as np
        >>> from wengert import Variable
        >>> x = Variable(np.array([0.0, 1.0]))
        >>> y = chosen(x * 2, lambda: x == 0)
        >>> y.backward()
        >>> y, x.grad
        (variable([0. 2.]), variable([nan  2.]))
    """
    return _chosen(gradient, x, at=_data(where())) if moves(gradient) or moves(x) else gradient


@operation(broadcasts=True)
def _chosen(xp, gradient, x, /, *, at):
    return gradient


@_chosen.derivative("gradient")
def _(xp, g, at):
    return chosen(g, lambda: at) * _gap(xp, g, at)


@_chosen.derivative("x")
def _(xp, g, at):
    return chosen(g, lambda: at) * (_gap(xp, g, at) - 1.0)


def _gap(xp, g, at):
    """Ones, and nan at kinks from which something is asked: what asks nothing of one keeps its numbers."""
    return xp.where(xp.logical_and(at, g != 0), float("nan"), xp.ones_like(g))


@operation
def corner(xp, x, /, *, where):
    """``x`` itself, for compositions: the gradient that passes it is `chosen`.

    Args:
        where: Gives the places of the kinks, as in `chosen`.

    Example:
        >>> import numpy as np
        >>> corner(np.array([0.0, 1.0]), where=lambda: np.array([True, False]))
        variable([0. 1.])
    """
    return x


@corner.derivative("x")
def _(g, x, where):
    return chosen(g, where, x)


def _data(value: Any) -> Any:
    return value.data if isinstance(value, Recorded) else value
