"""Adam's kin: Adamax, NAdam, RAdam and Adan.  Next: sign.py, whole.py."""

import math
from functools import lru_cache
from math import exp, expm1, log
from typing import Any

from wengert.optimizers.adam import Moments
from wengert.optimizers.optimizer import Optimizer, bias_correction, checked_number

__all__ = ["Adamax", "Adan", "NAdam", "RAdam"]


class Adamax(Moments):
    """Adam that goes by the largest of recent gradients in place of their average size.

    m = beta1 m + (1 - beta1) g
    u = max(beta2 u, abs(g) + eps)
    p = p - lr m / ((1 - beta1^t) u)

    Kingma and Ba, Adam: a method for stochastic optimization, 2015, section 7.

    Args:
        lr: The learning rate [0, ...).
        beta1: How much of the average gradient is left after a step [0, 1).
        beta2: How much of the largest gradient is left after a step [0, 1).
        eps: Keeps the division from zero [0, ...).
        weight_decay: How much of each parameter is added to its gradient [0, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import numpy as np
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([1.0, 100.0]))
        >>> optimizer = Adamax(lr=0.1).setup([p])
        >>> (p * p).sum().backward()
        >>> optimizer.update()
        >>> p
        variable([ 0.9 99.9])
    """

    keeps = ("m", "largest")

    def __init__(
        self,
        lr: float = 0.002,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        m, u = kept
        m *= self.beta1
        m += (1 - self.beta1) * g
        u = xp.maximum(self.beta2 * u, xp.abs(g) + self.eps)
        p -= self.lr / bias_correction(xp, self.beta1, t) * (m / u)
        return p, m, u


class NAdam(Moments):
    """Adam that takes the step along its average gradient ahead, as Nesterov's momentum does.

    mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2),  M_t = mu_1 mu_2 ... mu_t
    m, v = as in Adam
    p = p - lr ((1 - mu_t) / (1 - M_t) g + mu_(t+1) / (1 - M_(t+1)) m) / (sqrt(v / (1 - beta2^t)) + eps)

    Dozat, Incorporating Nesterov momentum into Adam, 2016.

    Args:
        lr: The learning rate [0, ...).
        beta1: How much of the average gradient is left after a step, in the end [0, 1).
        beta2: How much of the average square is left after a step [0, 1).
        eps: Keeps the division from zero [0, ...).
        momentum_decay: How fast the momentum grows to ``beta1`` [0, ...).
        weight_decay: How much of each parameter is added to its gradient [0, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import numpy as np
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([1.0, 100.0]))
        >>> optimizer = NAdam(lr=0.1).setup([p])
        >>> (p * p).sum().backward()
        >>> optimizer.update()
        >>> np.round(p.data, 3)
        array([ 0.894, 99.894])
    """

    def __init__(
        self,
        lr: float = 0.002,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        momentum_decay: float = 0.004,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
        self.momentum_decay = checked_number(self, "momentum_decay", momentum_decay)

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        m, v = self.averages(g, *kept)
        now, after = self._momentum(xp, t), self._momentum(xp, t + 1)
        product = _product(xp, self.beta1, self.momentum_decay, t)
        root = bias_correction(xp, self.beta2, t) ** 0.5
        step = self.lr * root * (1 - now) / (1 - product) * g
        step += self.lr * root * after / (1 - product * after) * m
        step /= xp.sqrt(v) + self.eps * root
        p -= step
        return p, m, v

    def _momentum(self, xp: Any, t: Any) -> Any:
        rate = self.momentum_decay * log(0.96)
        return self.beta1 * (1 - 0.5 * (exp(t * rate) if isinstance(t, int) else xp.exp(t * rate)))


def _product(xp: Any, beta: float, decay: float, t: Any) -> Any:
    """NAdam's M_t."""
    if isinstance(t, int):
        return _cached_series(exp, expm1, beta, decay, t)
    return _series(xp.exp, xp.expm1, beta, decay, t)


def _series(exp: Any, expm1: Any, beta: Any, decay: Any, t: Any) -> Any:
    """The product of mu_1 to mu_t from ``t`` alone: a step that is compiled has no past to multiply up.

    With q = 0.96^decay, log(1 - q^i / 2) is the sum over k of -q^(i k) / (k 2^k); powers of q have a sum over i.
    """
    if not beta:
        return 0.0
    rate = decay * log(0.96)
    answer = t * log(beta)
    for k in range(1, 54):
        powers = expm1(k * rate * t) / -math.expm1(-k * rate) if rate else t  # the sum of q^(i k) for i from 1 to t
        answer = answer - powers / (k * 2.0**k)
    return exp(answer)


_cached_series = lru_cache(maxsize=16)(_series)  # NumPy's pieces ask for the same one again and again


class RAdam(Moments):
    """Adam that begins as plain momentum, until it has seen enough gradients to know their size.

    m, v = as in Adam,  with  m' = m / (1 - beta1^t)
    r = 2 / (1 - beta2) - 1,  r_t = r - 2 t beta2^t / (1 - beta2^t)
    c_t = (1 - beta2^t) (r_t - 4) (r_t - 2) r / ((r - 4) (r - 2) r_t)
    where r_t > 5:  p = p - lr m' sqrt(c_t) / (sqrt(v) + eps)
    elsewhere:      p = p - lr m'

    Liu et al., On the variance of the adaptive learning rate and beyond, 2020.

    Args:
        lr: The learning rate [0, ...).
        beta1: How much of the average gradient is left after a step [0, 1).
        beta2: How much of the average square is left after a step [0, 1).
        eps: Keeps the division from zero [0, ...).
        weight_decay: How much of each parameter is added to its gradient [0, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import numpy as np
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([1.0, 100.0]))
        >>> optimizer = RAdam(lr=0.1).setup([p])
        >>> (p * p).sum().backward()
        >>> optimizer.update()
        >>> p
        variable([ 0.8 80. ])
    """

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        m, v = self.averages(g, *kept)
        correction = bias_correction(xp, self.beta2, t)
        longest = 2 / (1 - self.beta2) - 1
        length = longest - 2 * t * (1 - correction) / correction
        rate = self.lr / bias_correction(xp, self.beta1, t)
        known = length > 5
        if longest <= 5 or known is False:
            p -= rate * m
            return p, m, v
        part = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        adapted = m / (xp.sqrt(v) + self.eps)
        if known is True:
            p -= rate * (correction * part) ** 0.5 * adapted
        else:  # compiled: which of the two is not known yet
            p -= rate * xp.where(known, xp.abs(correction * part) ** 0.5 * adapted, m)
        return p, m, v


class Adan(Optimizer):
    """Nesterov's momentum in terms of gradients and their changes, divided by the size of both.

    d = g - (g of the step before),  0 at first
    m = beta1 m + (1 - beta1) g
    v = beta2 v + (1 - beta2) d
    n = beta3 n + (1 - beta3) (g + beta2 d)^2
    p = (p - lr (m' + beta2 v') / (sqrt(n') + eps)) / (1 + lr weight_decay)

    where m', v', n' are divided by 1 - beta^t, as in Adam.  Betas are what is left of an average, as everywhere here;
    the paper's are what is added.

    Xie et al., Adan: adaptive Nesterov momentum algorithm for faster optimizing deep models, 2022.

    Args:
        lr: The learning rate [0, ...).
        beta1: How much of the average gradient is left after a step [0, 1).
        beta2: How much of the average change is left after a step [0, 1).
        beta3: How much of the average square is left after a step [0, 1).
        eps: Keeps the division from zero [0, ...).
        weight_decay: How fast parameters shrink, apart from their gradients [0, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import numpy as np
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([1.0, 100.0]))
        >>> optimizer = Adan(lr=0.1).setup([p])
        >>> (p * p).sum().backward()
        >>> optimizer.update()
        >>> p
        variable([ 0.9 99.9])
    """

    keeps = ("m", "change", "square", "gradient")
    decoupled = True

    def __init__(
        self,
        lr: float = 0.001,
        *,
        beta1: float = 0.98,
        beta2: float = 0.92,
        beta3: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(lr, weight_decay=weight_decay)
        self.beta1 = checked_number(self, "beta1", beta1, below=1)
        self.beta2 = checked_number(self, "beta2", beta2, below=1)
        self.beta3 = checked_number(self, "beta3", beta3, below=1)
        self.eps = checked_number(self, "eps", eps)

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        m, v, n, before = kept
        d = (g - before) * (t > 1)
        m *= self.beta1
        m += (1 - self.beta1) * g
        v *= self.beta2
        v += (1 - self.beta2) * d
        d *= self.beta2
        d += g
        n *= self.beta3
        n += (1 - self.beta3) * (d * d)
        root = bias_correction(xp, self.beta3, t) ** 0.5
        step = self.lr * root / bias_correction(xp, self.beta1, t) * m
        step += self.lr * root * self.beta2 / bias_correction(xp, self.beta2, t) * v
        step /= xp.sqrt(n) + self.eps * root
        p -= step
        if self.weight_decay:
            p /= 1 + self.lr * self.weight_decay
        return p, m, v, n, g
