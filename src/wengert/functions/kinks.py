"""For formulas: operations of this package within them, and kinks, where a derivative is a choice.

At a kink, such as that of abs at 0, the documents of a function say which number is taken for its derivative.  Where
what arrives from above depends on the same values as the input, as in abs(x)**2, the next derivative does not follow
from that number: it has the slope twice, and the mean of squares is not the square of a mean.  There it is nan.
"""

from collections.abc import Callable
from typing import Any

from wengert.backends import namespace_of
from wengert.core.operation import operation
from wengert.core.recorded import Recorded

__all__ = ["chosen", "corner", "moves", "related", "within"]


def within(operation: Any, *values: Any, **options: Any) -> Any:
    """An operation of this package in a formula: recorded on Variables, and an array on arrays.

    Example:
        >>> import numpy as np
        >>> from wengert.functions import sign
        >>> float(within(sign, np.array(-2.0)))
        -1.0
    """
    if any([isinstance(value, Recorded) for value in values]):
        return operation(*values, **options)
    return operation.rule.forward(namespace_of(values), *values, **options)


def moves(x: Any) -> bool:
    """Whether a value in a formula is one that further derivatives are taken in.

    Example:
        >>> import numpy as np
        >>> moves(np.array(1.0))
        False
    """
    return isinstance(x, Recorded) and x.requires_grad


def chosen(gradient: Any, where: Callable[[], Any], x: Any, *others: Any, above: Any = None) -> Any:
    """A gradient that is a choice at kinks: the same number, whose own derivative there is nan.

    Where it depends on nothing that the inputs come from, it is left as it is: that of w * abs(x) in ``x`` may be
    differentiated in ``w``, which gives the same choice.

    Args:
        gradient: What the formula gives, with everything that arrives from above in it.
        where: Gives the places of the kinks, as booleans that broadcast to ``gradient``; not called where no further
            derivative can be asked for.
        x: The input that it is the gradient of.
        others: What else the kink is one of.
        above: What arrives, where the formula only multiplies it by numbers that do not change with the inputs.

    Example:
        >>> import numpy as np
        >>> from wengert import Variable
        >>> x = Variable(np.array([0.0, 1.0]))
        >>> y = chosen(x * 2, lambda: x == 0, x)
        >>> y.backward()
        >>> y, x.grad
        (variable([0. 2.]), variable([nan  2.]))
    """
    if not moves(gradient):
        return gradient
    at = _data(where())
    xp = namespace_of((at,))
    if not xp.surely(at) and xp.surely(xp.ones_like(at)):  # there is no kink, and that is certain
        return gradient
    return _chosen(gradient, x, at=at) if related(gradient if above is None else above, x, *others) else gradient


def related(x: Any, *others: Any) -> bool:
    """Whether a value on the tape comes from something that one of the others comes from, too.

    Example:
        >>> import numpy as np
        >>> from wengert import Variable
        >>> x, y = Variable(np.array(1.0)), Variable(np.array(2.0))
        >>> related(x * y, y * 2), related(x * 3, y * 2)
        (True, False)
    """
    if not moves(x):
        return False
    sources = _leaves(x)
    return any(not sources.isdisjoint(_leaves(other)) for other in others)


def _leaves(x: Any) -> set[int]:
    """What a value comes from: the leaves of its tape, by their identity."""
    edges, seen, found = [x.node] if moves(x) else [], set(), set()
    while edges:
        edge = edges.pop()
        if id(edge) not in seen:
            seen.add(id(edge))
            call = getattr(edge, "function", edge)  # of an edge to one of several results
            if not edge.depth:
                found.add(id(edge if edge.leaf() is None else edge.leaf()))
            else:
                edges += call.edges
    return found


@operation(broadcasts=True)
def _chosen(xp, gradient, x, /, *, at):
    return gradient


@_chosen.derivative("gradient")
def _(xp, g, gradient, at):
    return chosen(g, lambda: at, gradient) * _gap(xp, g, at)


@_chosen.derivative("x")
def _(xp, g, x, at):
    return chosen(g, lambda: at, x) * (_gap(xp, g, at) - 1.0)


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
