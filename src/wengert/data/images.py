"""Pictures from files of bytes: handwritten digits, clothes, and what CIFAR shows.  Photographs: folders.py."""

import gzip
import re
import zlib
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from struct import unpack
from typing import Any

import numpy as np

from wengert.data.dataset import Dataset
from wengert.data.downloads import Remote, locate
from wengert.data.places import rows_of
from wengert.data.reading import blocks, read_file
from wengert.data.transforms import Compose, Flatten, Normalize, ToFloat
from wengert.errors import DataError, InputError

__all__ = ["CIFAR10", "CIFAR100", "FashionMNIST", "MNIST", "digits", "mnist"]

_MOST = 300_000  # pictures in a file: EMNIST's largest has 280,000
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
    x, t = _read_pair(images, labels)
    pixels = x.astype(np.float32) * np.float32(1 / 255)
    return pixels.reshape(len(x), -1) if flat else pixels[:, np.newaxis], t.astype(np.int64)


_FLAT = Compose([Flatten(), ToFloat(), Normalize(0.0, 255.0)])
_SCALED = Compose([ToFloat(), Normalize(0.0, 255.0)])


class _Pictures(Dataset):
    """Pictures of bytes, each with the number of its class."""

    _usual: Compose

    def take(self, rows: Any) -> tuple[Any, ...] | None:
        """See `Dataset.take`; the usual transform is done to a batch at one stroke."""
        if self.transform is not self._usual or self.target_transform is not None:
            return super().take(rows)
        if type(self).__getitem__ is not Dataset.__getitem__:
            return None
        x = rows_of(self.data, rows).astype(np.float32)
        x /= np.float32(255)
        flat = isinstance(self._usual.transforms[0], Flatten)
        return x.reshape(len(x), -1) if flat else x, rows_of(self.label, rows)

    def show(self, rows: int = 10, columns: int = 10) -> None:
        """Show the first pictures, in rows and columns, with Matplotlib.

        Example:
            >>> MNIST(root="data/mnist").show(4, 8)  # doctest: +SKIP
        """
        try:
            from matplotlib import pyplot
        except ImportError as error:
            raise DataError("show: pictures are drawn by Matplotlib.\n    Fix: pip install matplotlib.") from error
        x = self.data[: rows * columns]
        count, channels, height, width = x.shape
        sheet = np.zeros((rows * columns, channels, height, width), np.uint8)
        sheet[:count] = x
        sheet = sheet.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
        pyplot.imshow(sheet.reshape(rows * height, columns * width, channels).squeeze(), cmap="gray")
        pyplot.axis("off")
        pyplot.show()


class MNIST(_Pictures):
    """70,000 handwritten digits, 60,000 to train on and 10,000 to test on (LeCun, Cortes and Burges).

    ``data`` is (n, 1, 28, 28) of uint8, and ``label`` (n,) of int64.

    Args:
        train: Which of the two.
        transform: What is done to each picture; usually it becomes a row of 784 points of 0 to 1, float32. None leaves
            it as it is.
        target_transform: What is done to each label.
        root: A folder that has the files as they are published; where None, they are downloaded, once.

    Raises:
        DataError: a file is missing, damaged, not what it claims to be, or cannot be downloaded.

    Example:
        >>> train = MNIST()  # doctest: +SKIP
        >>> x, t = train[0]  # doctest: +SKIP
        >>> x.shape, t  # doctest: +SKIP
        ((784,), np.int64(5))
    """

    _usual = _FLAT
    _folder = "mnist"
    _urls: tuple[str, ...] = (
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    )
    _files: dict[str, tuple[str, int]] = {
        "train-images-idx3-ubyte.gz": ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9_912_422),
        "train-labels-idx1-ubyte.gz": ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28_881),
        "t10k-images-idx3-ubyte.gz": ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1_648_877),
        "t10k-labels-idx1-ubyte.gz": ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4_542),
    }
    _names = tuple("0123456789")

    def __init__(
        self,
        train: bool = True,
        transform: Callable[[Any], Any] | None = _FLAT,
        target_transform: Callable[[Any], Any] | None = None,
        *,
        root: str | PathLike[str] | None = None,
    ) -> None:
        self._root = root
        super().__init__(train, transform, target_transform)

    def prepare(self) -> None:
        """See the class."""
        part = "train" if self.train else "t10k"
        x, t = _read_pair(*(self._locate(name.format(part)) for name in (_IMAGES, _LABELS)))
        self.data, self.label = x[:, np.newaxis], t.astype(np.int64)

    def _locate(self, name: str) -> Path:
        file = Remote(name, *self._files[name], tuple(url + name for url in self._urls))
        return locate(file, self._folder, self._root)

    @classmethod
    def labels(cls) -> dict[int, str]:
        """What each class is called.

        Example:
            >>> MNIST.labels()[3]
            '3'
        """
        return dict(enumerate(cls._names))


class FashionMNIST(MNIST):
    """70,000 pictures of clothes in ten classes, in files like MNIST's (Xiao, Rasul and Vollgraf, 2017).

    Takes what `MNIST` takes, and raises what it raises.

    Example:
        >>> FashionMNIST.labels()[9]
        'ankle boot'
    """

    _folder = "fashion-mnist"
    _urls = (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    )
    _files = {
        "train-images-idx3-ubyte.gz": ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26_421_880),
        "train-labels-idx1-ubyte.gz": ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29_515),
        "t10k-images-idx3-ubyte.gz": ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4_422_102),
        "t10k-labels-idx1-ubyte.gz": ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5_148),
    }
    _names = (
        "T-shirt or top",
        "trousers",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    )


class CIFAR10(_Pictures):
    """60,000 coloured pictures in ten classes, 50,000 to train on and 10,000 to test on (Krizhevsky, 2009).

    ``data`` is (n, 3, 32, 32) of uint8, and ``label`` (n,) of int64. The binary files are read, which hold
    nothing but numbers.

    Args:
        train: Which of the two.
        transform: What is done to each picture; usually it becomes (3, 32, 32) points of 0 to 1, float32. None leaves
            it as it is.
        target_transform: What is done to each label.
        root: A folder that has ``cifar-10-binary.tar.gz``, or what is in it; where None, it is downloaded, once.

    Raises:
        DataError: a file is missing, damaged, not what it claims to be, or cannot be downloaded.

    Example:
        >>> x, t = CIFAR10(train=False)[0]  # doctest: +SKIP
        >>> CIFAR10.labels()[int(t)]  # doctest: +SKIP
        'cat'
    """

    _usual = _SCALED
    _archive = Remote(
        "cifar-10-binary.tar.gz",
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        170_052_171,
        ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    )
    _inside = "cifar-10-batches-bin"
    _train = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
    _test: tuple[str, ...] = ("test_batch.bin",)
    _classes: tuple[int, ...] = (10,)  # for each label of a picture, the number of its classes

    def __init__(
        self,
        train: bool = True,
        transform: Callable[[Any], Any] | None = _SCALED,
        target_transform: Callable[[Any], Any] | None = None,
        *,
        root: str | PathLike[str] | None = None,
    ) -> None:
        self._root = root
        super().__init__(train, transform, target_transform)

    def prepare(self) -> None:
        """See the class."""
        records = self._records(self._train if self.train else self._test)
        self.data = np.concatenate([x for x, _ in records])
        self.label = np.concatenate([t for _, t in records])[:, self._which()].astype(np.int64)

    def _which(self) -> int:
        return 0

    def _records(self, names: tuple[str, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
        record = len(self._classes) + 3 * 32 * 32
        most = 50_000 * record
        for folder in [] if self._root is None else [Path(self._root), Path(self._root) / self._inside]:
            if (folder / names[0]).exists():
                paths = [folder / name for name in names]
                return [self._parts(path, read_file(path, most)) for path in paths]
        path = locate(self._archive, "cifar", self._root)
        members = _read_tar(path, [f"{self._inside}/{name}" for name in names], most)
        return [self._parts(f"{path}: {name}", content) for name, content in members.items()]

    def _parts(self, path: Path | str, content: bytes) -> tuple[np.ndarray, np.ndarray]:
        count, rest = divmod(len(content), len(self._classes) + 3 * 32 * 32)
        if rest or not count:
            raise DataError(f"{path}: {len(content)} bytes are no whole number of pictures.")
        records = np.frombuffer(content, np.uint8).reshape(count, -1)
        labels = records[:, : len(self._classes)]
        wrong = (labels >= self._classes).any(axis=1)
        if wrong.any():
            first = int(wrong.argmax())
            raise DataError(f"{path}: the labels {labels[first].tolist()}, of picture {first}, name no class.")
        return records[:, len(self._classes) :].reshape(count, 3, 32, 32), labels

    @classmethod
    def labels(cls) -> dict[int, str]:
        """What each class is called.

        Example:
            >>> CIFAR10.labels()[0]
            'airplane'
        """
        names = "airplane automobile bird cat deer dog frog horse ship truck"
        return dict(enumerate(names.split()))


class CIFAR100(CIFAR10):
    """60,000 coloured pictures in a hundred classes, or in twenty that take five of them each.

    Args:
        train, transform, target_transform, root: As in `CIFAR10`; the archive is ``cifar-100-binary.tar.gz``.
        label_type: ``"fine"`` for the hundred, ``"coarse"`` for the twenty.

    Raises:
        InputError: ``label_type`` is neither.
        DataError: a file is missing, damaged, not what it claims to be, or cannot be downloaded.

    Example:
        >>> CIFAR100(label_type="coarse").label.max()  # doctest: +SKIP
        np.int64(19)
    """

    _archive = Remote(
        "cifar-100-binary.tar.gz",
        "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        168_513_733,
        ("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",),
    )
    _inside = "cifar-100-binary"
    _train = ("train.bin",)
    _test = ("test.bin",)
    _classes = (20, 100)

    def __init__(
        self,
        train: bool = True,
        transform: Callable[[Any], Any] | None = _SCALED,
        target_transform: Callable[[Any], Any] | None = None,
        label_type: str = "fine",
        *,
        root: str | PathLike[str] | None = None,
    ) -> None:
        if label_type not in ("fine", "coarse"):
            raise InputError(f"CIFAR100: label_type is 'fine' or 'coarse', and this is {label_type!r}.")
        self.label_type = label_type
        super().__init__(train, transform, target_transform, root=root)

    def _which(self) -> int:
        return 1 if self.label_type == "fine" else 0

    @classmethod
    def labels(cls, label_type: str = "fine") -> dict[int, str]:
        """What each class is called.

        Example:
            >>> CIFAR100.labels()[99], CIFAR100.labels("coarse")[1]
            ('worm', 'fish')
        """
        if label_type not in ("fine", "coarse"):
            raise InputError(f"CIFAR100: label_type is 'fine' or 'coarse', and this is {label_type!r}.")
        return dict(enumerate((_FINE if label_type == "fine" else _COARSE).split()))


_COARSE = """
aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices household_furniture
insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes large_omnivores_and_herbivores
medium_mammals non-insect_invertebrates people reptiles small_mammals trees vehicles_1 vehicles_2
"""
_FINE = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale willow_tree
wolf woman worm
"""


# Files


def _read_pair(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    x, t = _read_idx(images, (28, 28)), _read_idx(labels, ())
    if len(x) != len(t):
        raise DataError(f"{labels}: {len(t)} labels for the {len(x)} pictures of {images.name}.")
    if t.max() > 9:
        raise DataError(f"{labels}: label {t.max()}, at number {t.argmax()}, is none of the ten classes.")
    return x, t


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
            data = b"".join(blocks(file, size + 1))
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: it cannot be read: {error}.") from error
    if len(data) != size:
        much = "more" if len(data) > size else f"only {len(data)}"
        raise DataError(f"{path}: it claims {count} items, which is {size} bytes, and holds {much}.")
    return np.frombuffer(data, np.uint8).reshape(count, *item)


def _read_tar(path: Path, names: list[str], most: int) -> dict[str, bytes]:
    """The members of these names of a compressed tar archive, in this order.

    Nothing is written anywhere, whatever names the archive holds, and no more than ``most`` bytes are kept of each.
    """
    found: dict[str, bytes] = {}
    try:
        with gzip.open(path) as file:
            left = 8 * most  # of everything, so that an endless archive ends
            while len(found) < len(names) and len(header := file.read(512)) == 512 and any(header):
                size = _size_of(path, header)
                name = header[:100].split(b"\0")[0].decode("utf-8", "replace")
                if header[156:157] in (b"0", b"\0") and name in names:
                    if size > most:
                        raise DataError(f"{path}: {name} claims {size} bytes, and up to {most} are credible.")
                    found[name] = b"".join(blocks(file, size))
                    if len(found[name]) < size:
                        raise DataError(f"{path}: it ends within {name}.")
                    skip = -size % 512
                else:
                    skip = size + -size % 512
                left -= 512 + size
                if left < 0 or skip > left:
                    raise DataError(f"{path}: it claims more than {8 * most} bytes.")
                for _ in blocks(file, skip):
                    pass
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: it cannot be read: {error}.") from error
    for name in names:
        if name not in found:
            raise DataError(f"{path}: {name} is not in it.")
    return {name: found[name] for name in names}


def _size_of(path: Path, header: bytes) -> int:
    """The size of the member of a tar archive that this header begins."""
    checksum, size = (re.fullmatch(rb" *([0-7]+)[ \0]*", header[at]) for at in (slice(148, 156), slice(124, 136)))
    if checksum is None or size is None or int(checksum[1], 8) != sum(header) - sum(header[148:156]) + 8 * 32:
        raise DataError(f"{path}: it is no tar archive, or damaged.")
    return int(size[1], 8)
