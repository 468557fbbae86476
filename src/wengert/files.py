"""Writing a file so that at every moment it is either the old one or the new one, whole."""

import os
import secrets
from pathlib import Path

__all__ = ["write_atomically"]


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write beside the place, then move there; what a link leads to, and not the link, is replaced.

    Raises:
        OSError: the place cannot be written to.
    """
    place = Path(os.path.realpath(path))
    part = place.with_name(f".{secrets.token_hex(8)}.part")
    # Made by us, so that it has the rights of any new file.
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, place)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
