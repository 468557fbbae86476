"""Optimizers that go by the signs of gradients: Lion and Rprop.  Next: whole.py."""

from typing import Any

from wengert.errors import InputError
from wengert.optimizers.optimizer import Optimizer, checked_number

__all__ = ["Lion", "Rprop"]


class Lion(Optimizer):
    """Steps of one size for all entries, in the direction of the average gradient's signs.

    p = p - lr (sign(beta1 m + (1 - beta1) g) + weight_decay p)
    m = beta2 m + (1 - beta2) g

    Chen et al., Symbolic discovery of optimization algorithms, 2023.

    Args:
        lr: The learning rate [0, ...); a third to a tenth of Adam's.
        beta1: How much the average weighs in the direction of a step [0, 1).
        beta2: How much of the average is left after a step [0, 1).
        weight_decay: How fast parameters shrink, apart from their gradients [0, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import numpy as np
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([1.0, 100.0]))
        >>> optimizer = Lion(lr=0.1).setup([p])
        >>> (p * p).sum().backward()
        >>> optimizer.update()
        >>> p
        variable([ 0.9 99.9])
    """

    keeps = ("m",)
    decoupled = True

    def __init__(self, lr: float = 1e-4, *, beta1: float = 0.9, beta2: float = 0.99, weight_decay: float = 0.0) -> None:
        super().__init__(lr, weight_decay=weight_decay)
        self.beta1 = checked_number(self, "beta1", beta1, below=1)
        self.beta2 = checked_number(self, "beta2", beta2, below=1)

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        (m,) = kept
        if self.weight_decay:
            p *= 1 - self.lr * self.weight_decay
        p -= self.lr * xp.sign(self.beta1 * m + (1 - self.beta1) * g)
        m *= self.beta2
        m += (1 - self.beta2) * g
        return p, m


class Rprop(Optimizer):
    """A step size for each entry: it grows while the gradient keeps its sign, and shrinks where it turns.

    s = clip(s * (grow, 1 or shrink, as g times the g before is positive, zero or negative), smallest, largest)
    g = 0 where it has turned
    p = p - s sign(g)

    For gradients of all the data, as signs of batches are noise.
    Riedmiller and Braun, A direct adaptive method for faster backpropagation learning: the RPROP algorithm, 1993.

    Args:
        lr: The first step size (0, ...).
        shrink: The factor where the sign turns (0, 1).
        grow: The factor where it stays [1, ...).
        smallest: The least step size [0, ...).
        largest: The greatest step size [0, ...).
        weight_decay: How much of each parameter is added to its gradient [0, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import numpy as np
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([1.0, 100.0]))
        >>> optimizer = Rprop(lr=0.1).setup([p])
        >>> (p * p).sum().backward()
        >>> optimizer.update()
        >>> p
        variable([ 0.9 99.9])
    """

    keeps = ("gradient", "step")

    def __init__(
        self,
        lr: float = 0.01,
        *,
        shrink: float = 0.5,
        grow: float = 1.2,
        smallest: float = 1e-6,
        largest: float = 50.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(lr, weight_decay=weight_decay)
        self.shrink = checked_number(self, "shrink", shrink, below=1)
        self.grow = checked_number(self, "grow", grow)
        self.smallest = checked_number(self, "smallest", smallest)
        self.largest = checked_number(self, "largest", largest)
        if self.grow < 1 or not self.shrink:
            raise InputError(f"Rprop: shrink < 1 <= grow, both above 0, and they are {self.shrink} and {self.grow}.")
        if self.smallest > self.largest:
            raise InputError(f"Rprop: smallest <= largest, and they are {self.smallest} and {self.largest}.")

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        before, s = kept
        s += self.lr * (t == 1)
        turn = xp.sign(g * before)
        s *= xp.where(turn > 0, self.grow, xp.where(turn < 0, self.shrink, xp.ones_like(s)))
        s = xp.clip(s, self.smallest, self.largest)
        g = xp.where(turn < 0, xp.zeros_like(g), g)
        p -= s * xp.sign(g)
        return p, g, s
