"""Handwritten digits: those that ship inside scikit-learn, and MNIST from its own files."""

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from wengert.errors import DataError, WengertError

__all__ = ["digits", "mnist"]


def digits() -> tuple[np.ndarray, np.ndarray]:
    """The 1,797 handwritten digits of 8 by 8 pixels that ship inside scikit-learn (Alpaydin and Kaynak 1998).

    Shapes: (1797, 64) float32 from 0 to 1, and (1797,) int64

    Raises:
        WengertError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise WengertError("the digits ship inside scikit-learn: python -m pip install scikit-learn") from error
    bunch: Any = load_digits()
    return (bunch.data / 16.0).astype(np.float32), bunch.target.astype(np.int64)


def mnist(directory: str | Path, train: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """MNIST from its gzip files in ``directory``: the 10,000 test images, or (``train``) the 60,000 others.

    Shapes: (n, 784) float32 from 0 to 1, and (n,) int64

    Raises:
        DataError: a file is missing, cut short, damaged, or not what it claims to be.
    """
    stem = "train" if train else "t10k"
    folder = Path(directory)
    images = _read(folder / f"{stem}-images-idx3-ubyte.gz", 2051, (28, 28))
    labels = _read(folder / f"{stem}-labels-idx1-ubyte.gz", 2049, ())
    if len(images) != len(labels):
        raise DataError(f"{folder}: {len(images)} images and {len(labels)} labels.")
    if labels.size and labels.max() > 9:
        raise DataError(f"{folder / f'{stem}-labels-idx1-ubyte.gz'}: a label is {labels.max()}, above 9.")
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255), labels.astype(np.int64)


_MOST = 100_000  # entries that a file may claim


def _read(path: Path, magic: int, item: tuple[int, ...]) -> np.ndarray:
    """The entries of an IDX file, which never takes more memory than its header may claim."""
    header_size = 8 + 4 * len(item)
    try:
        with gzip.open(path, "rb") as file:
            header = file.read(header_size)
            if len(header) < header_size:
                raise DataError(f"{path}: cut short inside its header.")
            found, count, *shape = (int(n) for n in np.frombuffer(header, ">u4"))
            if found != magic:
                raise DataError(f"{path}: not the MNIST file it is named after (it begins with {found}, not {magic}).")
            if tuple(shape) != item or count > _MOST:
                raise DataError(f"{path}: claims {count} entries of shape {tuple(shape)}; MNIST's have shape {item}.")
            size = count * int(np.prod(item, dtype=int))
            body = file.read(size + 1)  # one more, so that the checksum at the end is read and compared
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: damaged or cut short ({error}).") from error
    if len(body) != size:
        raise DataError(f"{path}: claims {count} entries, and holds {'more' if len(body) > size else 'fewer'}.")
    return np.frombuffer(body, np.uint8).reshape(count, *item)
