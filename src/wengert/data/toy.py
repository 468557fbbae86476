"""The book's toy sets: a spiral of three classes, and a noisy sine."""

import numpy as np

from wengert.data.dataset import Dataset

__all__ = ["SinCurve", "Spiral", "get_spiral"]


def get_spiral(train: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """300 points of a plane on three arms of a spiral, each arm a class.

    Shapes: (300, 2) float32 and (300,) int64

    Example:
        >>> x, t = get_spiral()
        >>> x.shape, t[:5].tolist()
        ((300, 2), [1, 1, 2, 1, 2])
    """
    rng = np.random.RandomState(1984 if train else 2020)  # the book's draws, without touching NumPy's own generator
    points, classes = 100, 3
    x = np.zeros((points * classes, 2), np.float32)
    t = np.zeros(points * classes, np.int64)
    for j in range(classes):
        for i in range(points):
            radius = i / points
            angle = j * 4.0 + 4.0 * radius + rng.randn() * 0.2
            x[points * j + i] = radius * np.sin(angle), radius * np.cos(angle)
            t[points * j + i] = j
    order = rng.permutation(points * classes)
    return x[order], t[order]


class Spiral(Dataset):
    """`get_spiral` as a dataset.

    Example:
        >>> len(Spiral())
        300
    """

    def prepare(self) -> None:
        """Compute the points."""
        self.data, self.label = get_spiral(self.train)


class SinCurve(Dataset):
    """A sine with noise, each value to be told from the one before (a cosine without noise to test with).

    Shapes: 999 pairs of (1,) and (1,)

    Example:
        >>> len(SinCurve())
        999
    """

    def prepare(self) -> None:
        """Compute the curve."""
        x = np.linspace(0, 2 * np.pi, 1000)
        rng = np.random.RandomState(0)
        y = np.sin(x) + rng.uniform(-0.05, 0.05, size=x.shape) if self.train else np.cos(x)
        self.data, self.label = y[:-1, np.newaxis], y[1:, np.newaxis]
