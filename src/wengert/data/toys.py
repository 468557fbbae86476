"""The book's toy data: a spiral to classify, and a wave to foresee."""

import numpy as np

from wengert import random
from wengert.data.dataset import Dataset

__all__ = ["SinCurve", "Spiral", "get_spiral"]


class Spiral(Dataset):
    """300 points in the plane, float32, on three arms of a spiral: the classes 0, 1 and 2.

    The points are the book's, the same at every run, and others where ``train`` is False.

    Example:
        >>> spiral = Spiral()
        >>> spiral.data.shape, spiral.data.dtype, spiral[0][1]
        ((300, 2), dtype('float32'), np.int64(1))
    """

    def prepare(self) -> None:
        """See the class."""
        # The book draws from NumPy's old global generator; one of our own gives its numbers, and disturbs nobody's.
        draws = np.random.RandomState(1984 if self.train else 2020)
        count, classes = 100, 3
        rate = np.tile(np.arange(count) / count, classes)
        t = np.repeat(np.arange(classes), count)
        theta = t * 4.0 + 4.0 * rate + draws.randn(count * classes) * 0.2
        x = np.stack([rate * np.sin(theta), rate * np.cos(theta)], axis=1).astype(np.float32)
        order = draws.permutation(count * classes)
        self.data, self.label = x[order], t[order]


class SinCurve(Dataset):
    """A sine wave with noise in 999 steps, and as labels the value after each; a cosine without where not ``train``.

    The noise, even between -0.05 and 0.05, is drawn from Wengert's generator.

    Example:
        >>> curve = SinCurve()
        >>> curve.data.shape, bool(curve.data[1] == curve.label[0])
        ((999, 1), True)
    """

    def prepare(self) -> None:
        """See the class."""
        x = np.linspace(0, 2 * np.pi, 1000)
        y = np.sin(x) + random.generator().uniform(-0.05, 0.05, size=x.shape) if self.train else np.cos(x)
        self.data, self.label = y[:-1, np.newaxis], y[1:, np.newaxis]


def get_spiral(train: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """The points and classes of `Spiral`.

    Example:
        >>> x, t = get_spiral()
        >>> x.shape, t.shape
        ((300, 2), (300,))
    """
    spiral = Spiral(train)
    return spiral.data, spiral.label
