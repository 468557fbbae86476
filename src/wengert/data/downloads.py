"""Files from the network: kept in a folder, checked, gone on with where a transfer broke off."""

import hashlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedRandom
from os import PathLike
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tqdm import tqdm

from wengert.errors import DataError, InputError

if sys.platform != "win32":
    import fcntl

__all__ = ["Remote", "cache_dir", "download", "locate"]

_BLOCK = 1 << 18


@dataclass(frozen=True)
class Remote:
    """A file on the network: its name, what its bytes are, and where it lies.

    Example:
        >>> Remote("a.gz", "0" * 64, 10, ("https://example.org/a.gz",)).name
        'a.gz'
    """

    name: str
    sha256: str
    size: int
    urls: tuple[str, ...]


def cache_dir() -> Path:
    """The folder for files from the network: what WENGERT_HOME says, or one in the platform's place for such files.

    Example:
        >>> cache_dir().is_absolute()
        True
    """
    chosen = os.environ.get("WENGERT_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        place = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        place = Path.home() / "Library" / "Caches"
    else:
        named = os.environ.get("XDG_CACHE_HOME", "")
        place = Path(named) if os.path.isabs(named) else Path.home() / ".cache"
    return place / "wengert"


def locate(file: Remote, folder: str, root: str | PathLike[str] | None) -> Path:
    """Where a file of a data set is: in ``root`` if that is given, else in the cache, where it is downloaded to.

    Raises:
        DataError: it is not in ``root``, or cannot be downloaded.

    Example:
        >>> locate(Remote("a.gz", "0" * 64, 10, ()), "mine", root="/nowhere")
        Traceback (most recent call last):
            ...
        wengert.errors.DataError: /nowhere/a.gz: there is no such file.
    """
    if root is None:
        return download(file.urls, file.name, folder=cache_dir() / folder, sha256=file.sha256, size=file.size)
    path = Path(root) / file.name
    if not path.exists():
        raise DataError(f"{path}: there is no such file.")
    return path


def download(
    urls: str | Sequence[str],
    name: str | None = None,
    *,
    folder: str | PathLike[str] | None = None,
    sha256: str | None = None,
    size: int | None = None,
    timeout: float = 30.0,
    progress: bool = True,
) -> Path:
    """A file from the network, or from the folder if it is there already.

    What is in the folder under this name is always whole: it comes there at one stroke, after its bytes were checked.
    What came of a transfer that broke off stays beside it, and the next goes on from there, if ``sha256`` is given.

    Args:
        urls: Where the file lies, http or https; several are tried one after the other, each a second time at the end.
        name: Its name in the folder; where None, the last part of the first URL.
        folder: Where it is kept; where None, `cache_dir`.
        sha256: The checksum of its bytes, in hexadecimal digits.
        size: How many bytes it has; no more are ever taken in.
        timeout: The longest to wait for the other side [s].
        progress: Whether to show a bar, where there is a terminal.

    Raises:
        InputError: an URL or the name cannot be used.
        DataError: the file could not be had from any of the places; what went wrong at each.

    Example:
        >>> download("https://example.org/data.csv", sha256="...")  # doctest: +SKIP
        PosixPath('/home/ann/.cache/wengert/data.csv')
    """
    places = [urls] if isinstance(urls, str) else list(urls)
    for url in places:
        if urlsplit(url).scheme not in ("http", "https"):
            raise InputError(f"download: an URL begins with http:// or https://, and this is {url!r}.")
    if name is None and places:
        name = unquote(urlsplit(places[0]).path.rsplit("/", 1)[-1])
    if not name or name in (".", "..") or re.search(r'[/\\:\0*?"<>|]', name):
        raise InputError(f"download: {name!r} is no name for a file.\n    Fix: download(url, 'name').")
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise InputError(f"download: a SHA-256 checksum has 64 hexadecimal digits, and this is {sha256!r}.")
    target = Path(cache_dir() if folder is None else folder) / name
    if target.is_file():
        return target
    from http.client import HTTPException  # here, for they take longer to load than the rest of the data room

    failures: dict[str, str] = {}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _part_of(target) as part:
            if target.is_file():  # another process was faster
                return target
            for url in places * 2:
                try:
                    _transfer(url, part, size, timeout, name if progress else None, resume=sha256 is not None)
                    _check(part, sha256, size)
                except (OSError, HTTPException, ValueError) as error:
                    failures[url] = f"{type(error).__name__}: {error}".splitlines()[0]
                    continue
                part.flush()
                os.fsync(part.fileno())
                if sys.platform == "win32":
                    part.close()
                os.replace(part.name, target)
                return target
    except OSError as error:
        raise DataError(f"{target}: it cannot be written: {error}.") from error
    raise DataError(
        "\n    ".join(
            [
                f"{target}: it could not be downloaded.",
                *(f"{url}   {reason}" for url, reason in failures.items()),
                "Fix: put the file there by hand, or say in which folder it is (root=...).",
            ]
        )
    )


def _transfer(url: str, part: BufferedRandom, size: int | None, timeout: float, name: str | None, resume: bool) -> None:
    """Bring ``part`` to its end from this place."""
    import urllib.error
    import urllib.request

    have = part.seek(0, os.SEEK_END) if resume else 0
    if size is not None and have == size:
        return
    headers = {"User-Agent": "wengert", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # there is nothing after what we have: it is not from this file, or whole
            if not have:
                raise
            return
        raise
    with answer:
        begins = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
        if answer.status != 206 or begins is None or int(begins[1]) != have:
            if answer.status == 206 and have:
                raise OSError("it sent another part than was asked for")
            have = 0
        part.seek(have)
        part.truncate()
        length = answer.headers.get("Content-Length")
        end = have + int(length) if length is not None else size
        if size is not None and end != size:
            raise OSError(f"it has {end} bytes there, and should have {size}")
        # None lets tqdm see whether there is a terminal.
        hidden = True if name is None else None
        with tqdm(total=end, initial=have, desc=name, unit="B", unit_scale=True, disable=hidden, leave=False) as bar:
            while block := answer.read(_BLOCK if size is None else min(_BLOCK, size - have + 1)):
                have += len(block)
                if size is not None and have > size:
                    raise OSError(f"it sends more than the {size} bytes it should have")
                part.write(block)
                bar.update(len(block))
        part.flush()
        if end is not None and have < end:
            raise OSError(f"it broke off after {have} of {end} bytes")


def _check(part: BufferedRandom, sha256: str | None, size: int | None) -> None:
    """Whether these are the bytes; where they are not, they are thrown away."""
    part.seek(0)
    found = hashlib.file_digest(part, "sha256").hexdigest()
    have = part.tell()
    if (size is not None and have != size) or (sha256 is not None and found != sha256.lower()):
        part.seek(0)
        part.truncate()
        raise OSError(f"its {have} bytes have SHA-256 {found[:16]}..., and should have {str(sha256)[:16]}...")


@contextmanager
def _part_of(target: Path) -> Iterator[Any]:
    """The file that has what has come so far, ours alone until the block ends."""
    path = target.with_name(f"{target.name}.part")
    while True:
        part: Any = open(path, "r+b" if path.exists() else "w+b")  # noqa: SIM115 (it is closed below)
        if sys.platform == "win32":  # there, nobody can move or delete it while we have it open
            break
        with suppress(OSError):  # some network folders have no locks
            fcntl.flock(part, fcntl.LOCK_EX)
        try:
            if os.path.samestat(os.fstat(part.fileno()), os.stat(path)):
                break
        except FileNotFoundError:
            pass
        part.close()  # while we waited, it was finished and moved away
        if target.is_file():
            part = open(target, "rb")  # noqa: SIM115
            break
    with part:
        yield part
        if not part.closed and not target.is_file() and part.seek(0, os.SEEK_END) == 0:
            path.unlink(missing_ok=True)
