"""The book's dataloaders.py: Wengert's loaders, which shuffle by NumPy's global generator."""

from typing import Any

import numpy as np

from wengert import data as house
from wengert.dezero.cuda import as_cupy

__all__ = ["DataLoader", "SeqDataLoader"]


class _Loader(house.DataLoader):
    """What the book's loaders have besides."""

    gpu = False

    @property
    def data_size(self) -> int:
        """The number of examples."""
        return len(self.dataset)

    @property
    def max_iter(self) -> int:
        """The number of batches."""
        return len(self)

    def to_cpu(self) -> None:
        """Give batches as NumPy's arrays, as is always done."""

    def to_gpu(self) -> None:
        """See `cuda.as_cupy`."""
        as_cupy(np.zeros(()))


class DataLoader(_Loader):
    """`wengert.data.DataLoader`; batches on the graphics card (``gpu=True``) need CuPy, which there is not.

    Example:
        >>> from wengert.dezero.datasets import Spiral
        >>> loader = DataLoader(Spiral(), 100)
        >>> loader.max_iter, next(loader)[0].shape
        (3, (100, 2))
    """

    def __init__(self, dataset: Any, batch_size: int, shuffle: bool = True, gpu: bool = False) -> None:
        super().__init__(dataset, batch_size, shuffle)
        if gpu:
            self.to_gpu()

    def _new_order(self) -> Any:
        return np.random.permutation(len(self.dataset)) if self.shuffle else None


class SeqDataLoader(_Loader, house.SequenceLoader):
    """`wengert.data.SequenceLoader`.

    Example:
        >>> from wengert.dezero.datasets import SinCurve
        >>> next(SeqDataLoader(SinCurve(), 30))[0].shape
        (30, 1)
    """

    def __init__(self, dataset: Any, batch_size: int, gpu: bool = False) -> None:
        house.SequenceLoader.__init__(self, dataset, batch_size)
        if gpu:
            self.to_gpu()
