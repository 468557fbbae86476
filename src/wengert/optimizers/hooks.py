"""Hooks: what is done to gradients before every update.  ``optimizer.add_hook(ClipGrad(1.0))``."""

from collections.abc import Iterator
from math import inf, isfinite, sqrt
from typing import Any

import numpy as np

from wengert.backends import namespace_of
from wengert.errors import DtypeError, InputError, describe
from wengert.layers.layer import Layer, parameters_below
from wengert.optimizers.optimizer import checked_number
from wengert.variable import Parameter

__all__ = ["ClipGrad", "ClipValue", "FreezeParam", "WeightDecay"]


class WeightDecay:
    """Add to each gradient ``rate`` times its parameter: the gradient of the penalty ``rate / 2 * sum(p**2)``.

    Args:
        rate: How strong the penalty is [0, ...).

    Raises:
        InputError: ``rate`` is out of range.

    Example:
        >>> p = Parameter(np.array([1.0, 2.0]))
        >>> p.grad = np.zeros(2)
        >>> WeightDecay(0.5)([p])
        >>> p.grad
        variable([0.5 1. ])
    """

    def __init__(self, rate: float) -> None:
        self.rate = checked_number(self, "rate", rate)

    def __call__(self, parameters: list[Parameter]) -> None:
        for parameter, g in _gradients(parameters):
            parameter.grad = g + self.rate * parameter.data

    def __repr__(self) -> str:
        return f"WeightDecay({self.rate!r})"


class ClipGrad:
    """Shrink all gradients alike where the norm of all of them together exceeds ``max_norm``.

    Args:
        max_norm: The largest norm that is let through [0, ...).

    Raises:
        InputError: ``max_norm`` is out of range; or, when called, a gradient holds infinity or nan, whose share
            would be spread to all parameters.

    Example:
        >>> p = Parameter(np.array([1.0, 2.0]))
        >>> p.grad = np.array([3.0, 4.0])
        >>> ClipGrad(1.0)([p])
        >>> np.round(p.grad.data, 3)
        array([0.6, 0.8])
    """

    def __init__(self, max_norm: float) -> None:
        self.max_norm = checked_number(self, "max_norm", max_norm)

    def __call__(self, parameters: list[Parameter]) -> None:
        gradients = list(_gradients(parameters))
        if not gradients:
            return
        if not all(isinstance(g, np.ndarray) for _, g in gradients):
            self._clip_whole(gradients)
            return
        norm = _norm([g for _, g in gradients])
        if not isfinite(norm):
            names = [p.name or str(i) for i, (p, g) in enumerate(gradients) if not np.isfinite(g).all()]
            raise InputError(
                f"ClipGrad: infinity or nan in the gradient of {len(names)} of {len(gradients)} parameters, first in "
                f"{names[0]}.\n    Fix: lower the learning rate, or look for the operation that made it."
            )
        rate = self.max_norm / (norm + 1e-6)
        if rate < 1:
            for parameter, g in gradients:
                parameter.grad = g * rate

    def _clip_whole(self, gradients: list[tuple[Parameter, Any]]) -> None:
        """The same for libraries whose steps may be compiled: nothing here depends on a number being known."""
        xp = namespace_of([g for _, g in gradients])
        norm = xp.sqrt(sum(xp.sum(g * g) for _, g in gradients))
        rate = xp.minimum(self.max_norm / (norm + 1e-6), 1.0)
        for parameter, g in gradients:
            parameter.grad = g * xp.astype(rate, g.dtype)

    def __repr__(self) -> str:
        return f"ClipGrad({self.max_norm!r})"


class ClipValue:
    """Cut every entry of every gradient to the range from ``-limit`` to ``limit``.

    Args:
        limit: The largest value that is let through [0, ...).

    Raises:
        InputError: ``limit`` is out of range.

    Example:
        >>> p = Parameter(np.array([1.0, 2.0]))
        >>> p.grad = np.array([-3.0, 0.5])
        >>> ClipValue(1.0)([p])
        >>> p.grad
        variable([-1.   0.5])
    """

    def __init__(self, limit: float) -> None:
        self.limit = checked_number(self, "limit", limit)

    def __call__(self, parameters: list[Parameter]) -> None:
        for parameter, g in _gradients(parameters):
            parameter.grad = namespace_of((g,)).clip(g, -self.limit, self.limit)

    def __repr__(self) -> str:
        return f"ClipValue({self.limit!r})"


class FreezeParam:
    """Leave these parameters, and those of these layers, as they are.

    ``parameter.requires_grad = False`` does the same and saves computing the gradients.

    Args:
        frozen: Layers and parameters.

    Raises:
        DtypeError: one is neither.

    Example:
        >>> p, q = Parameter(np.ones(2)), Parameter(np.ones(2))
        >>> p.grad, q.grad = np.ones(2), np.ones(2)
        >>> FreezeParam(p)([p, q])
        >>> p.grad, q.grad
        (None, variable([1. 1.]))
    """

    def __init__(self, *frozen: Layer | Parameter) -> None:
        for each in frozen:
            if not isinstance(each, Layer | Parameter):
                raise DtypeError(f"FreezeParam takes layers and parameters, and was given {describe(each)}.")
        self.frozen = frozen

    def __call__(self, parameters: list[Parameter]) -> None:
        for each in self.frozen:
            for parameter in parameters_below(each) if isinstance(each, Layer) else [each]:
                parameter.cleargrad()

    def __repr__(self) -> str:
        return f"FreezeParam({len(self.frozen)} layers and parameters)"


def _gradients(parameters: list[Parameter]) -> Iterator[tuple[Parameter, Any]]:
    for parameter in parameters:
        if parameter._grad is not None:
            yield parameter, parameter._grad.data


def _norm(arrays: list[Any]) -> float:
    """The norm of all entries together; on a scale of their largest where their squares overflow."""
    squares = sum(float(np.vdot(g, g)) for g in arrays)
    if isfinite(squares):
        return sqrt(squares)
    largest = max(float(np.max(np.abs(g), initial=0)) for g in arrays)
    if not isfinite(largest):
        return inf
    return largest * sqrt(sum(float(np.sum(np.square(g.astype(np.float64) / largest))) for g in arrays))
