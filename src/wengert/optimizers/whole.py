"""Formulas that need each parameter whole: LAMB, for its norms, and Muon, for its matrices.  Next: hooks.py."""

from typing import Any

from wengert.errors import ShapeError, message
from wengert.optimizers.adam import Moments
from wengert.optimizers.optimizer import Optimizer, bias_correction, checked_number
from wengert.variable import Parameter

__all__ = ["LAMB", "Muon"]


class LAMB(Moments):
    """Adam whose step for each parameter is as long, for its lr, as the parameter itself: for large batches.

    r = m' / (sqrt(v') + eps) + weight_decay p,  with m', v' as in Adam
    p = p - lr norm(p) / norm(r) r,  without the norms where one of them is zero

    You et al., Large batch optimization for deep learning: training BERT in 76 minutes, 2020.

    Args:
        lr: The learning rate [0, ...).
        beta1: How much of the average gradient is left after a step [0, 1).
        beta2: How much of the average square is left after a step [0, 1).
        eps: Keeps the division from zero [0, ...).
        weight_decay: How much of each parameter is added to its step [0, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import numpy as np
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([3.0, 4.0]))
        >>> optimizer = LAMB(lr=0.1, eps=0.0).setup([p])
        >>> (p * p).sum().backward()
        >>> optimizer.update()
        >>> np.round(p.data, 4)
        array([2.6464, 3.6464])
    """

    decoupled = True
    whole = True

    def __init__(
        self,
        lr: float = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        m, v = self.averages(g, *kept)
        root = bias_correction(xp, self.beta2, t) ** 0.5
        r = root / bias_correction(xp, self.beta1, t) * (m / (xp.sqrt(v) + self.eps * root))
        if self.weight_decay:
            r += self.weight_decay * p
        length, step = _norm(xp, p), _norm(xp, r)
        usual = (length > 0) & (step > 0)
        p -= self.lr * xp.where(usual, length / xp.where(usual, step, xp.ones_like(step)), xp.ones_like(step)) * r
        return p, m, v


class Muon(Optimizer):
    """Momentum for matrices, each step made orthogonal: all directions of a weight's step are equally long.

    m = momentum m + (1 - momentum) g
    s = momentum m + (1 - momentum) g with ``nesterov``, else m
    p = p - lr sqrt(max(1, columns / rows)) orthogonal(s) - lr weight_decay p

    where orthogonal(s) is close to U V^T of the singular value decomposition s = U S V^T: five steps of
    x = a x + (b x x^T + c (x x^T)^2) x from x = s / norm(s).  A weight has a row for each input here, as in `Linear`.

    Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024.

    For hidden weights only.  Biases, embeddings and the last layer want another optimizer, such as `AdamW`.

    Args:
        lr: The learning rate [0, ...).
        momentum: How much of the average gradient is left after a step [0, 1).
        nesterov: Whether to take the step ahead along the average gradient.
        weight_decay: How fast parameters shrink, apart from their gradients [0, ...).

    Raises:
        InputError: a setting is out of range.
        ShapeError: a parameter is no matrix; when updating.

    Example:
        >>> import numpy as np
        >>> from wengert import Parameter
        >>> p = Parameter(np.zeros((2, 2)))
        >>> optimizer = Muon(lr=1.0, weight_decay=0.0).setup([p])
        >>> p.grad = np.array([[0.0, 3.0], [-3.0, 0.0]])
        >>> optimizer.update()
        >>> bool((np.abs(np.linalg.svd(p.data)[1] - 0.95) < 0.3).all())
        True
    """

    keeps = ("m",)
    decoupled = True
    whole = True

    def __init__(
        self, lr: float = 0.02, *, momentum: float = 0.95, nesterov: bool = True, weight_decay: float = 0.01
    ) -> None:
        super().__init__(lr, weight_decay=weight_decay)
        self.momentum = checked_number(self, "momentum", momentum, below=1)
        self.nesterov = bool(nesterov)

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """See the class."""
        (m,) = kept
        m *= self.momentum
        m += (1 - self.momentum) * g
        s = self.momentum * m + (1 - self.momentum) * g if self.nesterov else m
        rows, columns = p.shape
        p *= 1 - self.lr * self.weight_decay
        p -= self.lr * max(1.0, columns / max(rows, 1)) ** 0.5 * _orthogonal(xp, s)
        return p, m

    def _check(self, parameter: Parameter) -> None:
        if parameter.data.ndim != 2:
            raise ShapeError(
                message(
                    "Muon is for matrices, which this parameter is not.",
                    [(self._name(parameter), parameter)],
                    "Muon().setup([p for p in model.parameters() if p.ndim == 2]), and AdamW for the others.",
                )
            )
        super()._check(parameter)


def _orthogonal(xp: Any, x: Any) -> Any:
    """Every singular value brought close to 1, between 0.7 and 1.2, by a polynomial that is odd in x."""
    upright = x.shape[0] > x.shape[1]
    if upright:
        x = x.T  # so that the products are of the smaller side
    x = x / (_norm(xp, x) + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.775 * square + 2.0315 * (square @ square)) @ x
    return x.T if upright else x


def _norm(xp: Any, x: Any) -> Any:
    return xp.sqrt(xp.sum(x * x))
