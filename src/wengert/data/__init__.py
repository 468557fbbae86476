"""Data: examples by number, and loaders that make batches of them.  Read dataset.py, then loader.py."""

from wengert.data.dataset import Arrays, Dataset
from wengert.data.images import digits, mnist
from wengert.data.loader import DataLoader, SeqDataLoader, SequenceLoader
from wengert.data.toys import SinCurve, Spiral, get_spiral

__all__ = [
    "Arrays",
    "DataLoader",
    "Dataset",
    "SeqDataLoader",
    "SequenceLoader",
    "SinCurve",
    "Spiral",
    "digits",
    "get_spiral",
    "mnist",
]
