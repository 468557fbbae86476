"""The base of optimizers that evaluate the loss themselves, as often as they need.  Next: lbfgs.py, newton.py."""

from collections.abc import Callable, Iterable
from typing import Any, Self

from wengert.errors import DtypeError, InputError
from wengert.layers.layer import Layer, Unsized
from wengert.optimizers.optimizer import Optimizer
from wengert.variable import Parameter

__all__ = ["ClosureOptimizer"]


class ClosureOptimizer(Optimizer):
    """An optimizer of all parameters together, as one vector, whose `update` needs a closure.

    It has no groups, no weight decay and no hooks: what they would change is the gradient, and not the loss that steps
    are judged by.  Penalties belong into the closure.
    """

    def setup(self, target: Layer | Iterable[Parameter] | Iterable[dict[str, Any]]) -> Self:
        """Choose what to optimize: a model, or parameters; see `Optimizer.setup`."""
        super().setup(target)
        if self._groups:
            self._target, self._groups = None, []
            raise InputError(
                f"{type(self).__name__} moves all parameters together, and has no groups.\n"
                f"    Fix: {type(self).__name__}(...).setup(model)."
            )
        return self

    def add_hook(self, hook: Callable[[list[Parameter]], None]) -> None:
        """Refused: a changed gradient would no longer be that of the loss."""
        raise InputError(
            f"{type(self).__name__} compares gradients with losses, and takes no hooks.\n"
            "    Fix: write penalties into the closure; requires_grad = False leaves a parameter as it is."
        )

    def _check_closure(self, closure: Any) -> None:
        if not callable(closure):
            raise InputError(
                f"{type(self).__name__}.update needs a closure, which computes the loss and returns it.\n"
                f"    Fix: optimizer.update(lambda: F.mean_squared_error(model(x), t))."
            )

    def _moving(self) -> list[Parameter]:
        """The parameters that are optimized.  They are known, and of one library, once the closure has run."""
        moving = [p for p in self._parameters() if p.requires_grad and not isinstance(p.data, Unsized)]
        if len({type(p.data) for p in moving}) > 1:
            raise DtypeError(f"{type(self).__name__}: parameters of different libraries cannot move together.")
        return moving


def flatten(xp: Any, arrays: Iterable[Any]) -> Any:
    """Arrays as one vector.

    Example:
        >>> import numpy as np
        >>> flatten(np, [np.array(1.0), np.array([[2.0, 3.0]])])
        array([1., 2., 3.])
    """
    return xp.concat([xp.reshape(array, (-1,)) for array in arrays])


def put_vector(xp: Any, parameters: Iterable[Parameter], vector: Any) -> None:
    """Cut a vector up again: parts of it become the parameters' data.

    Example:
        >>> import numpy as np
        >>> p, q = Parameter(np.array(0.0)), Parameter(np.zeros(2))
        >>> put_vector(np, [p, q], np.array([1.0, 2.0, 3.0]))
        >>> p, q
        (variable(1.0), variable([2. 3.]))
    """
    start = 0
    for parameter in parameters:
        stop = start + parameter.data.size
        part = xp.reshape(vector[start:stop], parameter.data.shape)
        parameter.data = xp.astype(part, parameter.data.dtype)
        start = stop
