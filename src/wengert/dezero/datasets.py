"""The book's datasets.py: Wengert's data sets under the book's names."""

from pathlib import Path
from typing import Any

import numpy as np

from wengert.data import CIFAR10, CIFAR100, MNIST, Dataset, ImageNet, Spiral, TinyShakespeare, get_spiral, read_text
from wengert.data import SinCurve as _SinCurve
from wengert.data.downloads import locate
from wengert.dezero.utils import cache_dir

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "MNIST",
    "Dataset",
    "ImageNet",
    "Shakespear",
    "SinCurve",
    "Spiral",
    "get_spiral",
    "load_cache_npz",
    "save_cache_npz",
]


class SinCurve(_SinCurve):
    """`wengert.data.SinCurve`, whose noise is drawn from NumPy's global generator.

    Example:
        >>> SinCurve().data.shape
        (999, 1)
    """

    def prepare(self) -> None:
        """See the class."""
        super().prepare()
        if self.train:
            x = np.linspace(0, 2 * np.pi, 1000)
            y = np.sin(x) + np.random.uniform(-0.05, 0.05, size=x.shape)
            self.data, self.label = y[:-1, np.newaxis], y[1:, np.newaxis]


class Shakespear(TinyShakespeare):
    """A million characters of Shakespeare's plays, all of them, numbered as they first occur.

    Raises:
        DataError: the file cannot be downloaded.

    Example:
        >>> plays = Shakespear()  # doctest: +SKIP
        >>> plays.id_to_char[0]  # doctest: +SKIP
        'F'
    """

    def __init__(self, train: bool = True, transform: Any = None, target_transform: Any = None) -> None:
        Dataset.__init__(self, train, transform, target_transform)

    def prepare(self) -> None:
        """See the class."""
        text = read_text(locate(self._file, "tinyshakespeare", None))
        self.id_to_char = dict(enumerate(dict.fromkeys(text)))
        self.char_to_id = {char: number for number, char in self.id_to_char.items()}
        numbers = np.array([self.char_to_id[char] for char in text])
        self.data, self.label = numbers[:-1], numbers[1:]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def _cache_path(filename: str, train: bool) -> Path:
    return Path(cache_dir) / f"{filename.rsplit('/', 1)[-1]}.{'train' if train else 'test'}.npz"


def load_cache_npz(filename: str, train: bool = False) -> tuple[Any, Any]:
    """The arrays that `save_cache_npz` kept under this name; None, None where there are none."""
    path = _cache_path(filename, train)
    if not path.exists():
        return None, None
    with np.load(path) as file:
        return file["data"], file["label"]


def save_cache_npz(data: Any, label: Any, filename: str, train: bool = False) -> str:
    """Keep two arrays in ``~/.dezero`` under this name, unless there are some already."""
    path = _cache_path(filename, train)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, data=data, label=label)
    return str(path)
