"""Optimizers that give every entry a step of its own, by how large its gradients have been.  Next: adam.py."""

from typing import Any

from wengert.optimizers.optimizer import Optimizer, checked_number, named

__all__ = ["AdaDelta", "AdaGrad", "RMSprop"]


class AdaGrad(Optimizer):
    """Entries whose gradients have been large take smaller steps.

    s = s + g^2,  from initial_accumulator_value on
    p = p - lr / (1 + lr_decay (t - 1)) g / (sqrt(s) + eps)

    Duchi, Hazan and Singer, Adaptive subgradient methods, 2011.

    Args:
        lr: The learning rate [0, ...).
        eps: Keeps the division from zero [0, ...).
        weight_decay: How much of each parameter is added to its gradient [0, ...).
        lr_decay: How fast the learning rate falls [0, ...).
        initial_accumulator_value: Where the sum of squares begins [0, ...).

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

    def __init__(
        self,
        lr: float = 0.001,
        *,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        lr_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
    ) -> None:
        super().__init__(lr, weight_decay=weight_decay)
        self.eps = checked_number(self, "eps", eps)
        self.lr_decay = checked_number(self, "lr_decay", lr_decay)
        self.initial_accumulator_value = checked_number(self, "initial_accumulator_value", initial_accumulator_value)

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        (s,) = kept
        if self.initial_accumulator_value:
            s += self.initial_accumulator_value * (t == 1)  # what is kept begins at zero
        s += g * g
        p -= self.lr / (1 + self.lr_decay * (t - 1)) * (g / (xp.sqrt(s) + self.eps))
        return p, s


class RMSprop(Optimizer):
    """AdaGrad with a memory: it goes by the size of recent gradients.

    s = alpha s + (1 - alpha) g^2
    d = g / (sqrt(s) + eps)
    p = p - lr d

    With ``momentum``, p = p - lr v, where v = momentum v + d.
    With ``centered``, s - m^2 stands in place of s in d, where m = alpha m + (1 - alpha) g: the variance of recent
    gradients (Graves, Generating sequences with recurrent neural networks, 2013).

    Tieleman and Hinton, Lecture 6.5 of Neural networks for machine learning, 2012.

    Args:
        lr: The learning rate [0, ...).
        alpha: How much of the averages is left after a step [0, 1).
        eps: Keeps the division from zero [0, ...).
        weight_decay: How much of each parameter is added to its gradient [0, ...).
        momentum: How much of the velocity is left after a step [0, 1).
        centered: Whether it goes by the variance of recent gradients in place of their squares.

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

    @property
    def keeps(self) -> tuple[str, ...]:  # type: ignore[override]
        """What is kept: the mean and the velocity only where one of the groups needs them."""
        optimizer: Any = self._parent or self
        settings = {"mean": "centered", "velocity": "momentum"}
        wanted = [n for n, each in settings.items() if any(getattr(group, each) for group in optimizer.groups)]
        return "squares", *wanted

    def __init__(
        self,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        *,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay=weight_decay)
        self.alpha = checked_number(self, "alpha", alpha, below=1)
        self.eps = checked_number(self, "eps", eps)
        self.momentum = checked_number(self, "momentum", momentum, below=1)
        self.centered = bool(centered)

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        memory = named(self, kept) if self.centered or self.momentum else {"squares": kept[0]}
        s = memory["squares"]
        s *= self.alpha
        s += (1 - self.alpha) * (g * g)
        memory["squares"] = s
        if self.centered:
            m = memory["mean"]
            m *= self.alpha
            m += (1 - self.alpha) * g
            memory["mean"] = m
            s = xp.maximum(s - m * m, 0)  # which rounding makes negative where gradients are alike
        d = g / (xp.sqrt(s) + self.eps)
        if self.momentum:
            v = memory["velocity"]
            v *= self.momentum
            v += d
            d = memory["velocity"] = v
        p -= self.lr * d
        return p, *memory.values(), *kept[len(memory) :]  # the rest is of other groups


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

    def __init__(self, lr: float = 1.0, *, rho: float = 0.95, eps: float = 1e-6, weight_decay: float = 0.0) -> None:
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
