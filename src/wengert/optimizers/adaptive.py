"""Optimizers that give every entry a step of its own, by how large its gradients have been.  Next: adam.py."""

from typing import Any

from wengert.optimizers.optimizer import Optimizer, checked_number

__all__ = ["AdaDelta", "AdaGrad", "RMSprop"]


class AdaGrad(Optimizer):
    """Entries whose gradients have been large take smaller steps.

    s = s + g^2
    p = p - lr g / (sqrt(s) + eps)

    Duchi, Hazan and Singer, Adaptive subgradient methods, 2011.

    Args:
        lr: The learning rate [0, ...).
        eps: Keeps the division from zero [0, ...).
        weight_decay: How much of each parameter is added to its gradient [0, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import numpy as np
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([1.0, 100.0]))
        >>> optimizer = AdaGrad(lr=0.1).setup([p])
        >>> (p * p).sum().backward()
        >>> optimizer.update()
        >>> p
        variable([ 0.9 99.9])
    """

    keeps = ("squares",)

    def __init__(self, lr: float = 0.001, eps: float = 1e-8, *, weight_decay: float = 0.0) -> None:
        super().__init__(lr, weight_decay=weight_decay)
        self.eps = checked_number(self, "eps", eps)

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        (s,) = kept
        s += g * g
        p -= self.lr * (g / (xp.sqrt(s) + self.eps))
        return p, s


class RMSprop(Optimizer):
    """AdaGrad with a memory: it goes by the size of recent gradients.

    s = alpha s + (1 - alpha) g^2
    p = p - lr g / (sqrt(s) + eps)

    Tieleman and Hinton, Lecture 6.5 of Neural networks for machine learning, 2012.

    Args:
        lr: The learning rate [0, ...).
        alpha: How much of the average is left after a step [0, 1).
        eps: Keeps the division from zero [0, ...).
        weight_decay: How much of each parameter is added to its gradient [0, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import numpy as np
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([1.0, 100.0]))
        >>> optimizer = RMSprop(lr=0.01).setup([p])
        >>> (p * p).sum().backward()
        >>> optimizer.update()
        >>> p
        variable([ 0.9 99.9])
    """

    keeps = ("squares",)

    def __init__(self, lr: float = 0.01, alpha: float = 0.99, eps: float = 1e-8, *, weight_decay: float = 0.0) -> None:
        super().__init__(lr, weight_decay=weight_decay)
        self.alpha = checked_number(self, "alpha", alpha, below=1)
        self.eps = checked_number(self, "eps", eps)

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        (s,) = kept
        s *= self.alpha
        s += (1 - self.alpha) * (g * g)
        p -= self.lr * (g / (xp.sqrt(s) + self.eps))
        return p, s


class AdaDelta(Optimizer):
    """RMSprop that finds its learning rate itself, from the size of its recent steps.

    s = rho s + (1 - rho) g^2
    d = sqrt(u + eps) / sqrt(s + eps) g
    u = rho u + (1 - rho) d^2
    p = p - lr d

    Zeiler, ADADELTA: an adaptive learning rate method, 2012.

    Args:
        rho: How much of the averages is left after a step [0, 1).
        eps: Keeps the division from zero, and sets the size of the first steps [0, ...).
        lr: A factor of all steps [0, ...).
        weight_decay: How much of each parameter is added to its gradient [0, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import numpy as np
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([1.0, 100.0]))
        >>> optimizer = AdaDelta().setup([p])
        >>> (p * p).sum().backward()
        >>> optimizer.update()
        >>> np.round(1000 * (np.array([1.0, 100.0]) - p.data), 2)
        array([4.47, 4.47])
    """

    keeps = ("squares", "steps_squared")

    def __init__(self, rho: float = 0.95, eps: float = 1e-6, lr: float = 1.0, *, weight_decay: float = 0.0) -> None:
        super().__init__(lr, weight_decay=weight_decay)
        self.rho = checked_number(self, "rho", rho, below=1)
        self.eps = checked_number(self, "eps", eps)

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        s, u = kept
        s *= self.rho
        s += (1 - self.rho) * (g * g)
        d = xp.sqrt((u + self.eps) / (s + self.eps)) * g
        u *= self.rho
        u += (1 - self.rho) * (d * d)
        p -= self.lr * d
        return p, s, u
