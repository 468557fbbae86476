"""What ImageNet's thousand classes are called.

The names that ship beside this file are the words of WordNet 3.0 (Copyright 2006 by Princeton University, whose
licence lets them be used and passed on with this notice), in the order in which published models number the classes.
"""

import ast
import json
from os import PathLike
from pathlib import Path

from wengert.data.text import read_text
from wengert.errors import DataError

__all__ = ["ImageNet"]


class ImageNet:
    """The names of ImageNet's classes, as in the book: ``ImageNet.labels()[340]``."""

    @staticmethod
    def labels(path: str | PathLike[str] | None = None) -> dict[int, str]:
        """What each class is called.

        Args:
            path: A file of 1,000 names to use instead of WordNet's: one a line; or a list or dict of them, in JSON or
                as Python writes it. The file is read as data, and nothing in it is run.

        Raises:
            DataError: the file is missing, or does not hold 1,000 names.

        Example:
            >>> ImageNet.labels()[340]
            'zebra'
        """
        place = Path(__file__).with_name("imagenet_classes.txt") if path is None else Path(path)
        text = read_text(place, most=2**20).strip()
        names = _parsed(place, text) if text[:1] in ("{", "[") else text.splitlines()
        if isinstance(names, dict):
            names = {str(key): name for key, name in names.items()}
            if names.keys() != {str(number) for number in range(len(names))}:
                raise DataError(f"{place}: its classes are not numbered from 0 on.")
            names = [names[str(number)] for number in range(len(names))]
        if len(names) != 1000 or not all(isinstance(name, str) and name.strip() for name in names):
            raise DataError(f"{place}: it does not hold 1,000 names, but {len(names)} entries.")
        return {number: name.strip() for number, name in enumerate(names)}


def _parsed(path: Path, text: str) -> list | dict:
    try:
        try:
            value = json.loads(text)
        except ValueError:
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise DataError(f"{path}: it is neither JSON nor a list or dict of names ({type(error).__name__}).") from error
    if not isinstance(value, list | dict):
        raise DataError(f"{path}: it is neither a list nor a dict of names.")
    return value
