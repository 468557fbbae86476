"""Data: examples by number, and loaders that make batches of them.  Read places.py, dataset.py, then loader.py."""

from wengert.data import transforms
from wengert.data.dataset import ArrayDataset, Arrays, Dataset, Subset, TupleDataset, collate, random_split
from wengert.data.downloads import cache_dir, download
from wengert.data.folders import ImageFolder
from wengert.data.imagenet import ImageNet
from wengert.data.images import CIFAR10, CIFAR100, MNIST, FashionMNIST, digits, mnist
from wengert.data.loader import DataLoader, SeqDataLoader, SequenceLoader
from wengert.data.samplers import WeightedRandomSampler, WeightedSampler
from wengert.data.tables import CSV
from wengert.data.text import Bytes, Text, TinyShakespeare, Vocabulary, read_text
from wengert.data.toys import SinCurve, Spiral, get_spiral

__all__ = [
    "ArrayDataset",
    "Arrays",
    "Bytes",
    "CIFAR10",
    "CIFAR100",
    "CSV",
    "DataLoader",
    "Dataset",
    "FashionMNIST",
    "ImageFolder",
    "ImageNet",
    "MNIST",
    "SeqDataLoader",
    "SequenceLoader",
    "SinCurve",
    "Spiral",
    "Subset",
    "Text",
    "TinyShakespeare",
    "TupleDataset",
    "Vocabulary",
    "WeightedRandomSampler",
    "WeightedSampler",
    "cache_dir",
    "collate",
    "digits",
    "download",
    "get_spiral",
    "mnist",
    "random_split",
    "read_text",
    "transforms",
]
