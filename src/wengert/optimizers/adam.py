"""Adam, and AdamW, which lets weights decay by themselves.  Next: hooks.py."""

from typing import Any

from wengert.optimizers.optimizer import Optimizer, bias_correction, checked_number, named

__all__ = ["Adam", "AdamW", "Moments"]


class Moments(Optimizer):
    """What Adam and its kin have in common: running averages of the gradient and of its square.

    Example:
        >>> Moments.keeps
        ('m', 'v')
    """

    keeps = ("m", "v")

    def __init__(
        self,
        lr: float = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(lr, weight_decay=weight_decay)
        self.beta1 = checked_number(self, "beta1", beta1, below=1)
        self.beta2 = checked_number(self, "beta2", beta2, below=1)
        self.eps = checked_number(self, "eps", eps)

    def averages(self, g: Any, m: Any, v: Any) -> tuple[Any, Any]:
        """The running averages of the gradient and of its square, a step on."""
        m *= self.beta1
        m += (1 - self.beta1) * g
        square = g * g
        square *= 1 - self.beta2
        v *= self.beta2
        v += square
        return m, v


class Adam(Moments):
    """Steps along the average gradient, each entry's divided by the size of its recent gradients.

    m = beta1 m + (1 - beta1) g
    v = beta2 v + (1 - beta2) g^2
    p = p - lr m' / (sqrt(v') + eps),  where  m' = m / (1 - beta1^t),  v' = v / (1 - beta2^t)

    With ``amsgrad``, the largest v so far stands in place of v in v'.

    Kingma and Ba, Adam: a method for stochastic optimization, 2015.
    Reddi, Kale and Kumar, On the convergence of Adam and beyond, 2018.

    Args:
        lr: The learning rate [0, ...).
        beta1: How much of the average gradient is left after a step [0, 1).
        beta2: How much of the average square is left after a step [0, 1).
        eps: Keeps the division from zero [0, ...).
        weight_decay: How much of each parameter is added to its gradient [0, ...).
        amsgrad: Whether steps are divided by the largest average so far, and so never grow again.

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import numpy as np
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([1.0, 100.0]))
        >>> optimizer = Adam(lr=0.1).setup([p])
        >>> (p * p).sum().backward()
        >>> optimizer.update()
        >>> p
        variable([ 0.9 99.9])
    """

    @property
    def keeps(self) -> tuple[str, ...]:  # type: ignore[override]
        """What is kept: the largest average only where one of the groups goes by it."""
        optimizer: Any = self._parent or self
        return ("m", "v", "largest") if any(group.amsgrad for group in optimizer.groups) else ("m", "v")

    def __init__(
        self,
        lr: float = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
        self.amsgrad = bool(amsgrad)

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        m, v = self.averages(g, *kept[:2])
        largest = kept[2:]
        if self.amsgrad:
            largest = (xp.maximum(named(self, kept)["largest"], v),)
        # Both fractions are multiplied by sqrt(1 - beta2^t): the corrections are then numbers, and cost no pass.
        root = bias_correction(xp, self.beta2, t) ** 0.5
        size = xp.sqrt(largest[0] if self.amsgrad else v)
        size += self.eps * root
        step = self.lr * root / bias_correction(xp, self.beta1, t) * m
        step /= size
        p -= step
        return p, m, v, *largest


class AdamW(Adam):
    """Adam with weight decay apart from the gradient: weights shrink by themselves, however large their gradients.

    p = p - lr weight_decay p, and then as Adam

    Loshchilov and Hutter, Decoupled weight decay regularization, 2019.

    Args:
        lr: The learning rate [0, ...).
        beta1: How much of the average gradient is left after a step [0, 1).
        beta2: How much of the average square is left after a step [0, 1).
        eps: Keeps the division from zero [0, ...).
        weight_decay: How fast parameters shrink [0, ...).
        amsgrad: As for `Adam`.

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import numpy as np
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([1.0, 100.0]))
        >>> optimizer = AdamW(lr=0.1, weight_decay=0.1).setup([p])
        >>> (p * p).sum().backward()
        >>> optimizer.update()
        >>> p
        variable([ 0.89 98.9 ])
    """

    decoupled = True

    def __init__(
        self,
        lr: float = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad)

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        p *= 1 - self.lr * self.weight_decay
        return super().formula(xp, p, g, t, *kept)
