"""Reading files that may claim, or be, more than is credible: never more than a bound, and a block at a time."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from wengert.errors import DataError

__all__ = ["blocks", "read_file"]

_BLOCK = 1 << 20


def blocks(file: BinaryIO | gzip.GzipFile, most: int) -> Iterator[bytes]:
    """The next bytes of a file, up to ``most``: memory grows with what is there, not with what is claimed."""
    while most > 0:
        block = file.read(min(most, _BLOCK))
        if not block:
            return
        most -= len(block)
        yield block


def read_file(path: Path, most: int) -> bytes:
    """All of a file.

    Raises:
        DataError: it is missing, unreadable, or has more than ``most`` bytes.
    """
    try:
        with path.open("rb") as file:
            content = b"".join(blocks(file, most + 1))
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file.") from error
    except OSError as error:
        raise DataError(f"{path}: it cannot be read: {error}.") from error
    if len(content) > most:
        raise DataError(f"{path}: it has more than {most} bytes.")
    return content
