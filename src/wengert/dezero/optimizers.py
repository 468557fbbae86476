"""The book's optimizers.py: Wengert's optimizers and hooks, with the book's arguments; Adam's rate is ``alpha``."""

from wengert.optimizers import (
    SGD,
    ClipGrad,
    FreezeParam,
    MomentumSGD,
    Optimizer,
    WeightDecay,
)
from wengert.optimizers import AdaDelta as _AdaDelta
from wengert.optimizers import AdaGrad as _AdaGrad
from wengert.optimizers import Adam as _Adam

__all__ = [
    "SGD",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "ClipGrad",
    "FreezeParam",
    "MomentumSGD",
    "Optimizer",
    "WeightDecay",
]


class Adam(_Adam):
    """`wengert.optimizers.Adam`, whose learning rate ``lr`` is also called ``alpha``.

    Example:
        >>> Adam(alpha=0.1).lr
        0.1
    """

    def __init__(self, alpha: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> None:
        super().__init__(alpha, beta1=beta1, beta2=beta2, eps=eps)

    @property
    def alpha(self) -> float:
        """The learning rate."""
        return self.lr

    @alpha.setter
    def alpha(self, value: float) -> None:
        self.lr = value


class AdaGrad(_AdaGrad):
    """`wengert.optimizers.AdaGrad`.

    Example:
        >>> AdaGrad(0.1, 1e-6).eps
        1e-06
    """

    def __init__(self, lr: float = 0.001, eps: float = 1e-8) -> None:
        super().__init__(lr, eps=eps)


class AdaDelta(_AdaDelta):
    """`wengert.optimizers.AdaDelta`.

    Example:
        >>> AdaDelta(0.9, 1e-5).rho
        0.9
    """

    def __init__(self, rho: float = 0.95, eps: float = 1e-6) -> None:
        super().__init__(rho=rho, eps=eps)
