"""Optimizers: each one formula.  Read optimizer.py, then sgd.py, adaptive.py, adam.py and hooks.py.

Beside them: optimizers that call the loss themselves (closure.py), schedulers of the learning rate, and averages.
"""

from typing import TYPE_CHECKING

from wengert.migration import answering
from wengert.optimizers.adam import Adam, AdamW
from wengert.optimizers.adam_variants import Adamax, Adan, NAdam, RAdam
from wengert.optimizers.adaptive import AdaDelta, AdaGrad, RMSprop
from wengert.optimizers.averaging import ExponentialMovingAverage
from wengert.optimizers.hooks import ClipGrad, ClipValue, FreezeParam, WeightDecay
from wengert.optimizers.lbfgs import LBFGS
from wengert.optimizers.newton import Newton
from wengert.optimizers.optimizer import Optimizer
from wengert.optimizers.schedulers import (
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    Scheduler,
    SequentialLR,
    StepLR,
)
from wengert.optimizers.sgd import ASGD, SGD, Momentum, MomentumSGD, NesterovMomentum
from wengert.optimizers.sign import Lion, Rprop
from wengert.optimizers.whole import LAMB, Muon

__all__ = [
    "ASGD",
    "LAMB",
    "LBFGS",
    "SGD",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Adan",
    "ClipGrad",
    "ClipValue",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "ExponentialMovingAverage",
    "FreezeParam",
    "LambdaLR",
    "LinearLR",
    "Lion",
    "Momentum",
    "MomentumSGD",
    "MultiStepLR",
    "Muon",
    "NAdam",
    "NesterovMomentum",
    "Newton",
    "OneCycleLR",
    "Optimizer",
    "PolynomialLR",
    "RAdam",
    "RMSprop",
    "ReduceLROnPlateau",
    "Rprop",
    "Scheduler",
    "SequentialLR",
    "StepLR",
    "WeightDecay",
]

if not TYPE_CHECKING:
    __getattr__ = answering("wengert.optimizers")
