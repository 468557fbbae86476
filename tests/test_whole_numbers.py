"""Whole numbers that come out of NumPy are whole numbers everywhere; booleans and fractions are not."""

import numpy as np
import pytest

from wengert import functions as F
from wengert import layers as L
from wengert import models, optimizers
from wengert.data import Arrays, DataLoader, random_split
from wengert.errors import InputError, ShapeError
from wengert.training import F1, Accuracy, Checkpoint, ConfusionMatrix, EarlyStopping, Precision, TopKAccuracy, Trainer

MAKE = {
    "ConfusionMatrix": ConfusionMatrix,
    "F1": F1,
    "Precision": Precision,
    "TopKAccuracy": TopKAccuracy,
    "EarlyStopping": lambda n: EarlyStopping(patience=n),
    "Checkpoint": lambda n: Checkpoint("/nowhere", every_steps=n),
    "Trainer": lambda n: Trainer(L.Linear(1), optimizers.SGD(0.1), F.mse_loss, [1], epochs=n),
    "Linear": L.Linear,
    "Linear in": lambda n: L.Linear(2, in_size=n),
    "Conv2d": lambda n: L.Conv2d(n, 3),
    "Conv2d kernel": lambda n: L.Conv2d(2, n),
    "MaxPool2d": L.MaxPool2d,
    "Embedding": lambda n: L.Embedding(n, n),
    "LSTM": L.LSTM,
    "MultiHeadAttention": lambda n: L.MultiHeadAttention(6, n),
    "BatchNorm1d": L.BatchNorm1d,
    "GroupNorm": lambda n: L.GroupNorm(n, 6),
    "LayerNorm": L.LayerNorm,
    "MLP": lambda n: models.MLP((n, n)),
    "StepLR": lambda n: optimizers.StepLR(optimizers.SGD(0.1), n),
    "CosineAnnealingLR": lambda n: optimizers.CosineAnnealingLR(optimizers.SGD(0.1), n),
    "MultiStepLR": lambda n: optimizers.MultiStepLR(optimizers.SGD(0.1), [n]),
    "ReduceLROnPlateau": lambda n: optimizers.ReduceLROnPlateau(optimizers.SGD(0.1), patience=n),
    "DataLoader": lambda n: DataLoader(Arrays(np.arange(6)), n),
    "random_split": lambda n: random_split(Arrays(np.arange(6)), n, n),
}


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_whole_numbers(name, kind):
    MAKE[name](kind(3))


@pytest.mark.parametrize("name", sorted(set(MAKE) - {"LayerNorm"}))
@pytest.mark.parametrize("number", [True, 3.0, np.float64(3.0), "3"])
def test_what_is_none(name, number):
    with pytest.raises((InputError, TypeError, ShapeError)):
        MAKE[name](number)


def test_one_column_of_scores():
    t = np.array([1, 0, 1])
    for metric in (Accuracy(), F1(2, "binary"), ConfusionMatrix(2), TopKAccuracy(1)):
        with pytest.raises(ShapeError, match=r"(?s)one column.*Fix.*> 0"):
            metric.update(np.array([[2.0], [-1.0], [3.0]]), t)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted", None])
def test_scores_like_scikit_learns(average):
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for _ in range(20):
        t, y = rng.integers(0, 4, 30), rng.integers(0, 5, 30)
        metric = F1(6, average)
        metric.update(y, t)
        labels = range(6) if average is None else None
        expected = sklearn.f1_score(t, y, average=average, labels=labels, zero_division=0)
        np.testing.assert_allclose(metric.result(), expected)
