"""Pictures in folders, a folder for each class; read with Pillow when they are asked for."""

import warnings
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from wengert.data.dataset import Dataset
from wengert.data.transforms import ToArray, converted
from wengert.errors import DataError

__all__ = ["ImageFolder"]

_ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


class ImageFolder(Dataset):
    """Pictures in folders: those in ``root/cat/`` and below are of class ``cat``.

    Classes and pictures are numbered in the order of their names. ``data`` is the paths, ``label`` (n,) of int64,
    ``classes`` the names.

    Args:
        root: The folder that holds a folder for each class.
        transform: What is done to each picture, an image of Pillow's; usually it becomes an array (3, rows, columns)
            of uint8.
        target_transform: What is done to each label.
        mode: Pillow's mode that every picture is brought to; numbers of 16 bits are scaled to 0 to 255. Where None,
            each has its own, as it stands in its file: ``transform=ToArray()`` then keeps the numbers.
        most: Points a picture may have.

    Raises:
        DataError: Pillow is not installed, there are no pictures, or one that is asked for cannot be read.

    Example:
        >>> pets = ImageFolder("pets", transform=Compose([Resize(64), ToArray()]))  # doctest: +SKIP
        >>> pets.classes, pets[0][0].shape  # doctest: +SKIP
        (['cat', 'dog'], (3, 64, 64))
    """

    def __init__(
        self,
        root: str | PathLike[str],
        transform: Callable[[Any], Any] | None = ToArray(np.uint8),  # noqa: B008 (it is frozen)
        target_transform: Callable[[Any], Any] | None = None,
        *,
        mode: str | None = "RGB",
        most: int = 100_000_000,
    ) -> None:
        self._root, self._mode, self._most = Path(root), mode, most
        self.classes: list[str] = []
        super().__init__(True, transform, target_transform)

    def prepare(self) -> None:
        """See the class."""
        try:
            import PIL  # noqa: F401
        except ImportError as error:
            raise DataError("ImageFolder: pictures are read with Pillow.\n    Fix: pip install pillow.") from error
        try:
            self.classes = sorted(each.name for each in self._root.iterdir() if each.is_dir())
        except OSError as error:
            raise DataError(f"{self._root}: it cannot be read: {error}.") from error
        self.data, numbers = [], []
        for number, name in enumerate(self.classes):
            paths = [path for path in (self._root / name).rglob("*") if path.suffix.lower() in _ENDINGS]
            if not paths:
                raise DataError(f"{self._root / name}: there is no picture in it.")
            self.data += sorted(paths)
            numbers += [number] * len(paths)
        if not self.data:
            raise DataError(f"{self._root}: there is no folder in it, and so no class.")
        self.label = np.array(numbers, np.int64)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        if isinstance(index, slice):
            return super().__getitem__(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"ImageFolder: there is no example {index} among {len(self)}.")
        x, t = self._read(self.data[index]), self.label[index]
        return (
            x if self.transform is None else self.transform(x),
            t if self.target_transform is None else self.target_transform(t),
        )

    def _read(self, path: Path) -> Any:
        from PIL import Image

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                with Image.open(path) as image:  # only its header is read yet
                    if image.width * image.height > self._most:
                        size = f"{image.width} by {image.height}"
                        raise DataError(f"{path}: {size} points are more than {self._most}, and are not read.")
                    if self._mode is None:
                        image.load()
                        return image.copy()
                    return converted(image, self._mode)
        except DataError as error:
            error.add_note(f"This was {path}.")
            raise
        except Exception as error:  # Pillow's readers raise SyntaxError, struct.error and others
            reason = str(error).splitlines()
            raise DataError(f"{path}: it cannot be read as a picture: {reason[0] if reason else error!r}.") from error
