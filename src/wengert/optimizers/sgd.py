"""Gradient descent, with and without momentum, and averaged.  Next: adaptive.py."""

from typing import Any

from wengert.optimizers.optimizer import Optimizer, checked_number

__all__ = ["ASGD", "SGD", "Momentum", "MomentumSGD", "NesterovMomentum"]


class SGD(Optimizer):
    """Stochastic gradient descent: a step against the gradient.

    p = p - lr g

    Args:
        lr: The learning rate [0, ...).
        weight_decay: How much of each parameter is added to its gradient [0, ...).
        maximize: Whether steps go along the gradient: up, with the weights still decaying.

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import numpy as np
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([1.0, 2.0]))
        >>> optimizer = SGD(lr=0.1).setup([p])
        >>> (p * p).sum().backward()
        >>> optimizer.update()
        >>> p
        variable([0.8 1.6])
    """

    def __init__(self, lr: float = 0.01, *, weight_decay: float = 0.0, maximize: bool = False) -> None:
        super().__init__(lr, weight_decay=weight_decay)
        self.maximize = bool(maximize)

    def slope(self, p: Any, g: Any) -> Any:
        """What to go against: the gradient or, with ``maximize``, its opposite."""
        if not self.maximize:
            return g
        return 2 * self.weight_decay * p - g if self.weight_decay else -g  # the decay, which is in g, is not turned

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *_: Any) -> tuple[Any, ...]:
        """See the class."""
        p -= self.lr * self.slope(p, g)
        return (p,)


class Momentum(SGD):
    """Gradient descent with momentum: a step along the gradients of the past, each weighing less than the next.

    v = momentum v + (1 - dampening) g,  and g at the first step
    p = p - lr v

    Polyak, Some methods of speeding up the convergence of iteration methods, 1964.

    Args:
        lr: The learning rate [0, ...).
        momentum: How much of the velocity is left after a step [0, 1).
        weight_decay: How much of each parameter is added to its gradient [0, ...).
        dampening: How much of the gradient is kept out of the velocity [0, ...).
        maximize: As for `SGD`.

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import numpy as np
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([1.0]))
        >>> optimizer = Momentum(lr=0.1).setup([p])
        >>> for step in range(2):
        ...     p.cleargrad()
        ...     (p * p).backward()
        ...     optimizer.update()
        >>> p
        variable([0.46])
    """

    keeps = ("velocity",)

    def __init__(
        self,
        lr: float = 0.01,
        momentum: float = 0.9,
        *,
        weight_decay: float = 0.0,
        dampening: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay=weight_decay, maximize=maximize)
        self.momentum = checked_number(self, "momentum", momentum, below=1)
        self.dampening = checked_number(self, "dampening", dampening)

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        (v,) = kept
        g = self.slope(p, g)
        v *= self.momentum
        v += (1 - self.dampening * (t > 1)) * g if self.dampening else g
        p -= self.lr * v
        return p, v


class NesterovMomentum(SGD):
    """Momentum that takes the gradient as if the step along the velocity had been taken already.

    v = momentum v + g
    p = p - lr (g + momentum v)

    Nesterov, A method for solving a convex programming problem with convergence rate O(1/k^2), 1983; in the form of
    Sutskever et al., On the importance of initialization and momentum in deep learning, 2013.

    Args:
        lr: The learning rate [0, ...).
        momentum: How much of the velocity is left after a step [0, 1).
        weight_decay: How much of each parameter is added to its gradient [0, ...).
        maximize: As for `SGD`.

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import numpy as np
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([1.0]))
        >>> optimizer = NesterovMomentum(lr=0.1).setup([p])
        >>> (p * p).backward()
        >>> optimizer.update()
        >>> p
        variable([0.62])
    """

    keeps = ("velocity",)

    def __init__(
        self, lr: float = 0.01, momentum: float = 0.9, *, weight_decay: float = 0.0, maximize: bool = False
    ) -> None:
        super().__init__(lr, weight_decay=weight_decay, maximize=maximize)
        self.momentum = checked_number(self, "momentum", momentum, below=1)

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        (v,) = kept
        g = self.slope(p, g)
        v *= self.momentum
        v += g
        p -= self.lr * (g + self.momentum * v)
        return p, v


class ASGD(Optimizer):
    """Gradient descent with a falling rate that also keeps the average of where it has been.

    rate = lr / (1 + decay lr (t - 1))^alpha
    p = p - rate (g + decay p)
    average = the mean of p from step ``start`` on; p itself before

    Polyak and Juditsky, Acceleration of stochastic approximation by averaging, 1992.  The average is among what is
    kept: ``optimizer.slots()[i].kept[0]``.

    Args:
        lr: The learning rate [0, ...).
        decay: How fast parameters shrink, and the rate falls [0, ...).
        alpha: How fast the rate falls [0, ...).
        start: The step from which on it averages [0, ...).
        weight_decay: How much of each parameter is added to its gradient [0, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import numpy as np
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([1.0]))
        >>> optimizer = ASGD(lr=0.1, decay=0.0, start=0).setup([p])
        >>> for step in range(3):
        ...     loss = optimizer.update(lambda: (p * p).sum())
        >>> p, np.round(optimizer.slots()[0].kept[0], 3)
        (variable([0.512]), array([0.576]))
    """

    keeps = ("average",)

    def __init__(
        self,
        lr: float = 0.01,
        decay: float = 1e-4,
        alpha: float = 0.75,
        start: float = 1e6,
        *,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(lr, weight_decay=weight_decay)
        self.decay = checked_number(self, "decay", decay)
        self.alpha = checked_number(self, "alpha", alpha)
        self.start = checked_number(self, "start", start)

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        (average,) = kept
        rate = self.lr / (1 + self.decay * self.lr * (t - 1)) ** self.alpha
        p *= 1 - self.decay * rate
        p -= rate * g
        count = t - 1 - self.start
        average += (p - average) / (max(1.0, count) if isinstance(t, int) else xp.maximum(1.0, count))
        return p, average


MomentumSGD = Momentum  # the book's name
