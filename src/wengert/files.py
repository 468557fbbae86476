"""Writing a file so that at every moment it is either the old one or the new one, whole."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["replacing", "write_atomically"]


@contextmanager
def replacing(path: str | Path) -> Iterator[Any]:
    """A file to write beside the place, and moved there at the end; what a link leads to is replaced, not the link.

    Raises:
        OSError: the place cannot be written to.
    """
    place = Path(os.path.realpath(path))
    part = place.with_name(f".{secrets.token_hex(8)}.part")
    # Made by us, so that it has the rights of any new file.
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, place)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write all of ``content`` to a file, as `replacing` does; an error names the file."""
    try:
        with replacing(path) as file:
            file.write(content)
    except OSError as error:
        error.filename = error.filename or str(path)  # a full disk gives none
        raise
