"""Optimizers: each one formula.  Read optimizer.py, then sgd.py, adaptive.py, adam.py and hooks.py."""

from wengert.optimizers.adam import Adam, AdamW
from wengert.optimizers.adaptive import AdaDelta, AdaGrad, RMSprop
from wengert.optimizers.hooks import ClipGrad, ClipValue, FreezeParam, WeightDecay
from wengert.optimizers.optimizer import Optimizer
from wengert.optimizers.sgd import SGD, Momentum, MomentumSGD, NesterovMomentum

__all__ = [
    "SGD",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "ClipGrad",
    "ClipValue",
    "FreezeParam",
    "Momentum",
    "MomentumSGD",
    "NesterovMomentum",
    "Optimizer",
    "RMSprop",
    "WeightDecay",
]
