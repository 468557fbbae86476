"""The book's optimizers.py: Wengert's optimizers and hooks; Adam's rate is ``alpha``."""

from wengert.optimizers import (
    SGD,
    AdaDelta,
    AdaGrad,
    ClipGrad,
    FreezeParam,
    MomentumSGD,
    Optimizer,
    WeightDecay,
)
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
        super().__init__(alpha, beta1, beta2, eps)

    @property
    def alpha(self) -> float:
        """The learning rate."""
        return self.lr

    @alpha.setter
    def alpha(self, value: float) -> None:
        self.lr = value
