"""Metrics: how good a model is, over batches of any size.

A metric keeps sums and not means, so that what it gives is that of all examples together: a smaller last batch counts
for less.  Sums are kept in float64, whatever the model computes in.
"""

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from wengert.core.recorded import Recorded
from wengert.errors import DataError, InputError, ShapeError, message

__all__ = [
    "F1",
    "Accuracy",
    "ConfusionMatrix",
    "Mean",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "R2",
    "Recall",
    "RootMeanSquaredError",
    "TopKAccuracy",
    "as_metric",
]


class Metric:
    """The base of every metric: derive from it, give it a name, and write ``update`` and ``result``.

    Args:
        name: What the result is called in the history.
        shape: The shape of ``totals``, the float64 sums that are all a metric keeps; they begin at zero.

    Example:
        >>> class Positive(Metric):
        ...     def __init__(self):
        ...         super().__init__("positive", (2,))
        ...     def update(self, y, t):
        ...         self.totals += np.sum(y > 0), np.size(y)
        ...     def result(self):
        ...         return self.totals[0] / self.totals[1]
        >>> metric = Positive()
        >>> metric.update(np.array([1.0, -1.0]), None)
        >>> metric.update(np.array([1.0, 1.0]), None)
        >>> float(metric.result())
        0.75
    """

    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        self.name = name
        self.totals = np.zeros(shape)

    def update(self, y: Any, t: Any) -> None:
        """Take in a batch: what the model gave and what was wanted, as NumPy arrays."""
        raise NotImplementedError(f"{type(self).__name__}.update is not written: it takes in a batch.")

    def result(self) -> Any:
        """The metric of all that was taken in, a number or an array; nan where that was nothing."""
        raise NotImplementedError(f"{type(self).__name__}.result is not written: it computes the metric.")

    def reset(self) -> None:
        """Begin again with nothing."""
        self.totals = np.zeros_like(self.totals)

    def state(self) -> Any:
        """What has been taken in, as JSON can hold it."""
        return self.totals.tolist()

    def load_state(self, state: Any) -> None:
        """Go on from what `state` gave.

        Raises:
            DataError: it is the state of another metric.
        """
        different = self.differences(state)
        if different:
            raise DataError(f"{self.name}: {different[0]}.")
        self.totals = np.array(state, dtype=np.float64)

    def differences(self, state: Any) -> list[str]:
        """One line for everything in which what `state` gave does not fit this metric; nothing is changed.

        A class that writes its own `load_state` writes this too, or is not asked before a checkpoint is loaded.

        Example:
            >>> Mean("loss").differences([1.0, 2.0, 3.0])
            ['its sums have the shape (2,), and those saved have (3,)']
        """
        if type(self).load_state is not Metric.load_state:
            return []
        try:
            shape = np.array(state, dtype=np.float64).shape
        except (TypeError, ValueError, OverflowError):
            return ["its sums are damaged"]
        mine = self.totals.shape
        return [f"its sums have the shape {mine}, and those saved have {shape}"] if shape != mine else []


class Mean(Metric):
    """The mean of numbers that each stand for so many examples.

    Args:
        name: What it is called.
        function: From ``y`` and ``t``, a number for the batch, which counts ``len(t)`` times.

    Example:
        >>> mean = Mean("loss")
        >>> mean.add(1.0, 3)
        >>> mean.add(5.0, 1)
        >>> mean.result()
        2.0
    """

    def __init__(self, name: str, function: Callable[[Any, Any], Any] | None = None) -> None:
        super().__init__(name, (2,))
        self.function = function

    def add(self, value: float, count: int) -> None:
        """Take in a mean over ``count`` examples."""
        self.totals += value * count, count

    def update(self, y: Any, t: Any) -> None:
        """See `Metric`."""
        if self.function is None:
            raise InputError(f"{self.name}: there is no function of y and t.\n    Fix: Mean(name, function).")
        value = self.function(y, t)
        self.add(float(value.item() if hasattr(value, "item") else value), len(t))

    def result(self) -> float:
        """See `Metric`."""
        total, count = self.totals.tolist()
        return total / count if count else float("nan")


def as_metric(metric: Any) -> Metric:
    """A metric as it is; a function of ``y`` and ``t`` as the mean of what it gives.

    Raises:
        InputError: it is neither.

    Example:
        >>> from wengert import functions as F
        >>> as_metric(F.accuracy).name
        'accuracy'
    """
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, type) or not callable(metric):
        raise InputError(
            f"a metric is a Metric or a function of y and t, and this is {metric!r}.\n    Fix: metrics=[Accuracy()]."
        )
    return Mean(getattr(metric, "__name__", type(metric).__name__), metric)


def as_numpy(value: Any) -> Any:
    """A Variable, or an array of any library, as a NumPy array; None as it is.

    Example:
        >>> as_numpy(None) is None
        True
    """
    return None if value is None else np.asarray(value.data if isinstance(value, Recorded) else value)


# Classes


class Accuracy(Mean):
    """The share of classes told right: those with the largest score.

    Shapes: y (..., classes) of scores, or t's shape of integers; t (...) of integers

    A row of scores with a nan in it is wrong.

    Args:
        axis: Along which the classes lie.

    Example:
        >>> accuracy = Accuracy()
        >>> accuracy.update(np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]]), np.array([1, 0, 0]))
        >>> accuracy.result()
        0.6666666666666666
    """

    def __init__(self, axis: int = -1) -> None:
        super().__init__("accuracy")
        self.axis = axis

    def update(self, y: Any, t: Any) -> None:
        """See `Metric`."""
        self.totals += np.sum(_classes(self.name, y, t, self.axis) == t), t.size


class TopKAccuracy(Mean):
    """The share of examples whose class is among the ``k`` of the largest scores; of equal scores the first counts.

    Shapes: y (..., classes), t (...) of integers

    Args:
        k: How many [1, ...].
        axis: Along which the classes lie.

    Raises:
        InputError: ``k`` is no whole number from 1 on, or a label is no class.

    Example:
        >>> top = TopKAccuracy(2)
        >>> top.update(np.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]]), np.array([1, 2]))
        >>> top.name, top.result()
        ('top_2_accuracy', 0.5)
    """

    def __init__(self, k: int, axis: int = -1) -> None:
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise InputError(f"TopKAccuracy: k is a whole number from 1 on, and this is {k!r}.")
        super().__init__(f"top_{k}_accuracy")
        self.k = k
        self.axis = axis

    def update(self, y: Any, t: Any) -> None:
        """See `Metric`."""
        scores = _scores(self.name, y, t, self.axis)
        _check_range(self.name, "t", t, scores.shape[-1])
        own = np.take_along_axis(scores, t[..., np.newaxis], axis=-1)
        earlier = np.arange(scores.shape[-1]) < t[..., np.newaxis]
        better = np.sum((scores > own) | ((scores == own) & earlier), axis=-1)
        right = (better < self.k) & ~np.isnan(scores).any(axis=-1)
        self.totals += np.sum(right), t.size


class ConfusionMatrix(Metric):
    """How often each class was taken for each: rows are what it was, columns what it was taken for.

    Shapes: y (..., classes) of scores, or t's shape of integers; t (...) of integers

    Args:
        classes: The number of classes [1, ...].
        axis: Along which they lie.

    Raises:
        InputError: a class is outside of 0 to classes - 1, or a score is nan.

    Example:
        >>> matrix = ConfusionMatrix(2)
        >>> matrix.update(np.array([0, 1, 1]), np.array([0, 0, 1]))
        >>> matrix.result()
        array([[1, 1],
               [0, 1]])
    """

    def __init__(self, classes: int, axis: int = -1, *, name: str = "confusion_matrix") -> None:
        if isinstance(classes, bool) or not isinstance(classes, int | np.integer) or classes < 1:
            raise InputError(f"{name}: classes is a whole number from 1 on, and this is {classes!r}.")
        super().__init__(name, (classes, classes))
        self.axis = axis

    def update(self, y: Any, t: Any) -> None:
        """See `Metric`."""
        found = _classes(self.name, y, t, self.axis)
        for which, values in (("t", t), ("y", found)):
            _check_range(self.name, which, values, len(self.totals))
        np.add.at(self.totals, (t.ravel(), found.ravel()), 1)

    def result(self) -> Any:
        """See `Metric`."""
        return self.totals.astype(np.int64)


class _FromMatrix(ConfusionMatrix):
    """A score of each class from the matrix, or one for all.

    ``average`` is "macro", the mean over the classes that occur in ``y`` or ``t``; "weighted", the same weighted by how
    often each occurs in ``t``; "micro", of all examples together; "binary", the score of class 1 of two; or None, the
    scores of all.  Where nothing is divided by nothing it is 0.
    """

    label = ""

    def __init__(self, classes: int = 2, average: str | None = "macro", axis: int = -1) -> None:
        super().__init__(classes, axis, name=self.label)
        known = ("macro", "micro", "weighted", "binary", None)
        if average not in known or (average == "binary" and classes != 2):
            raise InputError(
                f"{self.label}: average is 'macro', 'micro', 'weighted', None or, of two classes, 'binary', and this "
                f"is {average!r} of {classes} classes."
            )
        self.average = average

    def score(self, right: Any, found: Any, wanted: Any) -> Any:
        """From how many of each class were right, found and wanted, as fraction."""
        raise NotImplementedError

    def result(self) -> Any:
        """See `Metric`."""
        right, found, wanted = np.diag(self.totals), self.totals.sum(axis=0), self.totals.sum(axis=1)
        if self.average == "micro":
            right, found, wanted = (each.sum(keepdims=True) for each in (right, found, wanted))
        above, below = self.score(right, found, wanted)
        scores = np.divide(above, below, out=np.zeros(len(below)), where=below > 0)
        if self.average == "micro":
            return float(scores[0])
        if self.average == "weighted":
            return float((scores * wanted).sum() / wanted.sum()) if wanted.any() else float("nan")
        if self.average == "macro":
            occur = found + wanted > 0
            return float(scores[occur].mean()) if occur.any() else float("nan")
        return float(scores[1]) if self.average == "binary" else scores


class Precision(_FromMatrix):
    """Of what was taken for a class, the share that was of it.

    Shapes: y (..., classes) of scores, or t's shape of integers; t (...) of integers

    Args:
        classes: The number of classes [1, ...].
        average: "macro", the mean over the classes that occur; "weighted", "micro", "binary" or None: see above.
        axis: Along which the classes lie.

    Example:
        >>> precision = Precision(2, "binary")
        >>> precision.update(np.array([1, 1, 0]), np.array([1, 0, 0]))
        >>> precision.result()
        0.5
    """

    label = "precision"

    def score(self, right: Any, found: Any, wanted: Any) -> Any:
        """See the class."""
        return right, found


class Recall(_FromMatrix):
    """Of what was of a class, the share that was taken for it; arguments as of `Precision`.

    Example:
        >>> recall = Recall(2, None)
        >>> recall.update(np.array([1, 1, 0]), np.array([1, 0, 0]))
        >>> recall.result()
        array([0.5, 1. ])
    """

    label = "recall"

    def score(self, right: Any, found: Any, wanted: Any) -> Any:
        """See the class."""
        return right, wanted


class F1(_FromMatrix):
    """The harmonic mean of precision and recall; arguments as of `Precision`.

    Example:
        >>> f1 = F1(2, "binary")
        >>> f1.update(np.array([1, 1, 0]), np.array([1, 0, 0]))
        >>> round(f1.result(), 4)
        0.6667
    """

    label = "f1"

    def score(self, right: Any, found: Any, wanted: Any) -> Any:
        """See the class."""
        return 2 * right, found + wanted


# Numbers


class MeanSquaredError(Mean):
    """The mean of (y - t)**2 over all entries.

    Shapes: y and t of one shape

    Example:
        >>> error = MeanSquaredError()
        >>> error.update(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
        >>> error.result()
        2.0
    """

    def __init__(self, name: str = "mean_squared_error") -> None:
        super().__init__(name)

    def update(self, y: Any, t: Any) -> None:
        """See `Metric`."""
        self.totals += np.sum(_errors(self.name, y, t) ** 2), y.size


class RootMeanSquaredError(MeanSquaredError):
    """The square root of the mean of (y - t)**2 over all entries, not the mean of the batches' roots.

    Example:
        >>> error = RootMeanSquaredError()
        >>> error.update(np.array([1.0, 1.0]), np.array([1.0, 9.0]))
        >>> error.update(np.array([1.0, 1.0]), np.array([1.0, 1.0]))
        >>> error.result()
        4.0
    """

    def __init__(self) -> None:
        super().__init__("root_mean_squared_error")

    def result(self) -> float:
        """See `Metric`."""
        return sqrt(super().result())


class MeanAbsoluteError(Mean):
    """The mean of abs(y - t) over all entries.

    Example:
        >>> error = MeanAbsoluteError()
        >>> error.update(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
        >>> error.result()
        1.0
    """

    def __init__(self) -> None:
        super().__init__("mean_absolute_error")

    def update(self, y: Any, t: Any) -> None:
        """See `Metric`."""
        self.totals += np.sum(np.abs(_errors(self.name, y, t))), y.size


class R2(Metric):
    """The share of the variance of ``t`` that ``y`` accounts for: 1 - sum((t - y)**2) / sum((t - mean(t))**2).

    The variance is gathered batch by batch without cancellation (Chan et al. 1979).

    Example:
        >>> r2 = R2()
        >>> r2.update(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
        >>> r2.update(np.array([3.0, 4.0]), np.array([3.0, 5.0]))
        >>> round(r2.result(), 4)
        0.8857
    """

    def __init__(self) -> None:
        super().__init__("r2", (4,))  # number, mean of t, squares of t about it, squares of the errors

    def update(self, y: Any, t: Any) -> None:
        """See `Metric`."""
        errors = _errors(self.name, y, t)
        if not t.size:
            return
        n, mean, squares, wrong = self.totals
        m = np.float64(t.size)
        shift = t.mean(dtype=np.float64) - mean
        about = np.sum((t - t.mean(dtype=np.float64)) ** 2, dtype=np.float64)
        self.totals = np.array(
            [n + m, mean + shift * m / (n + m), squares + about + shift**2 * n * m / (n + m), wrong + np.sum(errors**2)]
        )

    def result(self) -> float:
        """See `Metric`."""
        _, _, squares, wrong = self.totals.tolist()
        return 1 - wrong / squares if squares else float("nan")


def _scores(name: str, y: Any, t: Any, axis: int) -> Any:
    """The scores with the classes last."""
    fits = y.ndim == t.ndim + 1 and -y.ndim <= axis < y.ndim and np.moveaxis(y, axis, -1).shape[:-1] == t.shape
    if fits and y.shape[axis] == 1:
        raise ShapeError(
            message(
                f"{name}: one column of scores does not tell two classes apart by which is the larger.",
                [("y", y), ("t", t)],
                "make classes of it: update((y[:, 0] > 0).astype(int), t) for logits, > 0.5 for probabilities.",
            )
        )
    if not fits or t.dtype.kind not in "iu":
        raise ShapeError(
            message(
                f"{name}: y has t's axes and one more, for the classes, and t is of integers.",
                [("y", y), ("t", t)],
                "of one score for two classes, make classes: update((y > 0).astype(int), t).",
            )
        )
    return np.moveaxis(y, axis, -1)


def _classes(name: str, y: Any, t: Any, axis: int) -> Any:
    """The classes that were found; -1 where a score is nan."""
    if y.shape == t.shape and y.dtype.kind in "iu" and t.dtype.kind in "iu":
        return y
    scores = _scores(name, y, t, axis)
    return np.where(np.isnan(scores).any(axis=-1), -1, scores.argmax(axis=-1))


def _check_range(name: str, which: str, values: Any, classes: int) -> None:
    wrong = values[(values < 0) | (values >= classes)]
    if wrong.size:
        raise InputError(f"{name}: {which} names class {wrong[0]} among {classes} (-1 where scores are nan).")


def _errors(name: str, y: Any, t: Any) -> Any:
    if y.shape != t.shape:
        raise ShapeError(message(f"{name}: y and t have one shape.", [("y", y), ("t", t)], "reshape one of them."))
    return y.astype(np.float64) - t
