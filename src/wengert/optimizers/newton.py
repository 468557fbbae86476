"""Newton's method, with the whole Hessian.  Next: schedulers.py."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from wengert.backends import namespace_of
from wengert.core.modes import no_grad
from wengert.derivatives import grad, jacobian
from wengert.errors import DtypeError, InputError, ShapeError, describe
from wengert.optimizers.closure import ClosureOptimizer, flatten, put_vector
from wengert.optimizers.optimizer import checked_number
from wengert.variable import Parameter, Variable

__all__ = ["Newton"]

_MOST = 4096  # entries of all parameters together: a Hessian of 128 MiB, and as many passes back


class Newton(ClosureOptimizer):
    """Newton's method: a step to where the gradient of the quadratic through here is zero.

    p = p - lr (H + damping I)^-1 g,  H the Hessian of the loss in all parameters together

    For a handful of parameters: each step takes a pass back for every entry.  It goes to the nearest stationary point,
    which need not be a minimum; a large ``damping`` turns its steps towards those of gradient descent.

    Args:
        lr: The step length [0, ...).
        damping: What is added to the diagonal of the Hessian [0, ...).

    Raises:
        InputError: a setting is out of range; or, when updating, there is no closure, there are too many parameters, or
            the Hessian is singular.

    Example:
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([2.0]))
        >>> optimizer = Newton().setup([p])
        >>> for step in range(6):
        ...     loss = optimizer.update(lambda: (p ** 4 - 2 * p ** 2).sum())
        >>> np.round(p.data, 6)
        array([1.])
    """

    def __init__(self, lr: float = 1.0, damping: float = 0.0) -> None:
        super().__init__(lr)
        self.damping = checked_number(self, "damping", damping)

    def update(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step.

        Args:
            closure: Computes the loss from the parameters and returns it, without ``backward``.

        Returns:
            The loss before the step.
        """
        self._check_closure(closure)
        if self._waiting():
            closure()  # type: ignore[misc]  # gives parameters that wait for it their shapes
        parameters = self._moving()
        size = sum(p.size for p in parameters)
        if size > _MOST:
            raise InputError(
                f"Newton: the Hessian of {size:,} parameters is too large; the most is {_MOST:,}.\n"
                "    Fix: use LBFGS, which needs no Hessian."
            )
        if not size:
            return closure()  # type: ignore[misc]
        seen: list[Any] = [None, None]  # the loss and the gradient, which the Hessian needs on its way
        every = range(len(parameters))

        def loss(*values: Any) -> Any:
            with _in_place_of(parameters, values):
                seen[0] = closure()  # type: ignore[misc]
            if not isinstance(seen[0], Variable):
                raise DtypeError(f"Newton.update: the closure returns the loss, a Variable, not {describe(seen[0])}.")
            if seen[0].shape != ():
                raise ShapeError(f"Newton.update: the loss is a scalar, and this is {describe(seen[0])}.")
            return seen[0]

        def slope(*values: Any) -> Any:
            seen[1] = grad(loss, every)(*values)
            return seen[1]

        data = [p.data for p in parameters]
        xp = namespace_of(data)
        with no_grad():  # nothing but numbers is wanted, also where the loss is of other Variables too
            blocks = jacobian(slope, every)(*data)
        rows = [
            xp.concat([xp.reshape(block, (p.size, q.size)) for block, q in zip(row, parameters, strict=True)], axis=1)
            for row, p in zip(blocks, parameters, strict=True)
        ]
        step = self._solve(xp, xp.concat(rows), flatten(xp, [_data(g) for g in seen[1]]))
        put_vector(xp, parameters, flatten(xp, data) - self.lr * step)
        return Variable(seen[0].data, requires_grad=False)

    def _waiting(self) -> bool:
        return any(not hasattr(p.data, "size") for p in self._parameters())

    def _solve(self, xp: Any, hessian: Any, g: Any) -> Any:
        damped = hessian + self.damping * xp.eye(g.size, dtype=g.dtype)
        try:
            step = xp.solve(damped, g)
        except np.linalg.LinAlgError:
            step = g * np.nan
        if not bool(xp.all(xp.isfinite(step))):
            raise InputError(
                "Newton: the Hessian is singular, or holds infinity or nan: there is no step to take.\n"
                "    Fix: give a damping above zero, or look for parameters that the loss does not depend on."
            )
        return step


@contextmanager
def _in_place_of(parameters: Sequence[Parameter], values: Sequence[Any]) -> Iterator[None]:
    """Let the parameters stand for these values on the tape, so that a closure is a function of them."""
    before = [(p.data, p.node) for p in parameters]
    for p, value in zip(parameters, values, strict=True):
        p.data, p.node = value.data, value.node
    try:
        yield
    finally:
        for p, (data, node) in zip(parameters, before, strict=True):
            p.data, p.node = data, node


def _data(value: Any) -> Any:
    return value.data if isinstance(value, Variable) else value
