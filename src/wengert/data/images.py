"""Pictures of handwritten digits: 1,797 small ones that come with scikit-learn, and MNIST's 70,000 from files."""

import gzip
import zlib
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from struct import unpack

import numpy as np

from wengert.errors import DataError

__all__ = ["digits", "mnist"]

_MOST = 300_000  # pictures in a file: EMNIST's largest has 280,000
_BLOCK = 1 << 20
_IMAGES, _LABELS = "{}-images-idx3-ubyte.gz", "{}-labels-idx1-ubyte.gz"


def digits(*, flat: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """1,797 pictures of digits, 8 by 8 points of 0 to 1, float32, and what they show, from scikit-learn.

    Args:
        flat: Pictures as rows of 64 points; or (1, 8, 8), as convolutions take them.

    Raises:
        DataError: scikit-learn is not installed.

    Example:
        >>> x, t = digits()  # doctest: +SKIP
        >>> x.shape, t.shape  # doctest: +SKIP
        ((1797, 64), (1797,))
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataError("digits: the pictures come with scikit-learn.\n    Fix: pip install scikit-learn.") from error
    found = load_digits()
    x = (found.images / 16).astype(np.float32)
    return x.reshape(len(x), -1) if flat else x[:, np.newaxis], found.target.astype(np.int64)


def mnist(
    directory: str | PathLike[str], train: bool | None = None, *, flat: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """MNIST's pictures of digits, 28 by 28 points of 0 to 1, float32, and what they show.

    Reads ``train-images-idx3-ubyte.gz`` and ``train-labels-idx1-ubyte.gz``, 60,000 pictures to train on, or the same
    with ``t10k`` for ``train``, 10,000 to test on; only the two that are asked for need be there.

    Args:
        directory: Where the files are.
        train: Which of the two; where None, those to train on if they are there, else the others.
        flat: Pictures as rows of 784 points; or (1, 28, 28), as convolutions take them.

    Raises:
        DataError: a file is missing, damaged or not what it claims to be.

    Example:
        >>> x, t = mnist("data/mnist")  # doctest: +SKIP
    """
    folder = Path(directory)
    if train is None:
        train = (folder / _IMAGES.format("train")).exists() or not (folder / _IMAGES.format("t10k")).exists()
    name = "train" if train else "t10k"
    images, labels = folder / _IMAGES.format(name), folder / _LABELS.format(name)
    x = _read_idx(images, (28, 28))
    t = _read_idx(labels, ())
    if len(x) != len(t):
        raise DataError(f"{labels}: {len(t)} labels for the {len(x)} pictures of {images.name}.")
    if t.max() > 9:
        raise DataError(f"{labels}: label {t.max()}, at number {t.argmax()}, is no digit.")
    pixels = x.astype(np.float32) * np.float32(1 / 255)
    return pixels.reshape(len(x), -1) if flat else pixels[:, np.newaxis], t.astype(np.int64)


def _read_idx(path: Path, item: tuple[int, ...]) -> np.ndarray:
    """The bytes of a compressed IDX file of items of this shape.

    The file says how much it holds, and no more than that is ever unpacked: a small file cannot fill the memory.
    """
    axes = 1 + len(item)
    try:
        with gzip.open(path) as file:
            header = file.read(4 + 4 * axes)
            if len(header) < 4 + 4 * axes:
                raise DataError(f"{path}: it ends within its first {4 + 4 * axes} bytes.")
            magic, count, *shape = unpack(f">{1 + axes}I", header)
            if magic != 0x800 + axes:
                raise DataError(
                    f"{path}: it begins with {magic:#010x}, and an IDX file of {axes} axes with {0x800 + axes:#010x}."
                )
            if tuple(shape) != item:
                raise DataError(f"{path}: its items have shape {tuple(shape)}, and MNIST's {item}.")
            if not 0 < count <= _MOST:
                raise DataError(f"{path}: it claims to hold {count} items, and 1 to {_MOST} are credible.")
            size = count * (28 * 28 if item else 1)
            data = b"".join(_blocks(file, size + 1))
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: it cannot be read: {error}.") from error
    if len(data) != size:
        much = "more" if len(data) > size else f"only {len(data)}"
        raise DataError(f"{path}: it claims {count} items, which is {size} bytes, and holds {much}.")
    return np.frombuffer(data, np.uint8).reshape(count, *item)


def _blocks(file: gzip.GzipFile, most: int) -> Iterator[bytes]:
    while most > 0:
        block = file.read(min(most, _BLOCK))
        if not block:
            return
        most -= len(block)
        yield block
