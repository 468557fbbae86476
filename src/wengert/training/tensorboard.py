"""Event files for TensorBoard, written by hand: scalars and text.

A file is a row of records (TFRecord): length, checksum of the length, data, checksum of the data.  The data of each is
one protocol buffer message, ``tensorflow.Event``, of which only the few fields used here are known.
"""

import os
import socket
import struct
import time
from math import copysign, inf
from pathlib import Path

from wengert.errors import InputError

__all__ = ["EventWriter", "crc32c"]


def _table() -> list[int]:
    """What one more byte does to a checksum (Castagnoli's polynomial, bits reversed)."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """The checksum CRC-32C (RFC 3720).

    Example:
        >>> hex(crc32c(b"123456789"))
        '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    """The checksum turned and shifted, so that checksums of data that holds checksums stay useful."""
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _varint(n: int) -> bytes:
    n &= 0xFFFFFFFFFFFFFFFF  # negative numbers are written as if they were unsigned
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes([*out, n])


# A field is its number and wire type in one varint, then its value.


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    largest = 3.4028235e38  # beyond which struct refuses
    number = copysign(inf, value) if abs(value) > largest else value
    return _varint(field << 3 | 5) + struct.pack("<f", number)


def _bytes(field: int, value: bytes | str) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _event(step: int, value: bytes) -> bytes:
    return _double(1, time.time()) + _integer(2, step) + _bytes(5, _bytes(1, value))


def _record(event: bytes) -> bytes:
    length = struct.pack("<Q", len(event))
    return length + _masked(length) + event + _masked(event)


class EventWriter:
    """Writes an event file in a folder, for ``tensorboard --logdir folder``.

    Args:
        folder: Where the file is made; the folder too, where it is missing.
        name: A file in it to go on with.
        size: Of that file, how many bytes to keep.

    Raises:
        InputError: the file to go on with is missing or shorter.
        OSError: a record cannot be written; those before it stay whole, and writing may go on.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, EventWriter(folder) as writer:
        ...     writer.add_scalar("loss", 0.5, step=1)
        ...     writer.add_text("notes", "a run", step=1)
    """

    def __init__(self, folder: str | os.PathLike[str], *, name: str | None = None, size: int | None = None) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if name is not None:
            path = self.folder / name
            if not path.is_file() or path.stat().st_size < (size or 0):
                raise InputError(f"EventWriter: {path} is missing, or shorter than {size} bytes.")
            if size is not None:
                os.truncate(path, size)
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115 (close() closes it)
            self.name = name
            return
        now = time.time()
        self.name = f"events.out.tfevents.{now:.6f}.{os.getpid()}.{socket.gethostname()}"
        self._file = open(self.folder / self.name, "xb", buffering=0)  # noqa: SIM115
        try:
            self._write(_double(1, now) + _bytes(3, "brain.Event:2"))
        except BaseException:
            self.close()
            (self.folder / self.name).unlink()
            raise

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        """Write a number, as float32."""
        self.add_scalars({tag: value}, step)

    def add_scalars(self, values: dict[str, float], step: int) -> None:
        """Write several numbers, each by itself, as float32: all of them or, where there is an error, none."""
        self._write(*[_event(step, _bytes(1, tag) + _float(2, value)) for tag, value in values.items()])

    def add_text(self, tag: str, text: str, step: int) -> None:
        """Write text, which TensorBoard shows as Markdown."""
        strings = 7  # DT_STRING
        tensor = _integer(1, strings) + _bytes(2, _bytes(2, _integer(1, 1))) + _bytes(8, text)
        self._write(_event(step, _bytes(1, tag) + _bytes(9, _bytes(1, _bytes(1, "text"))) + _bytes(8, tensor)))

    def _write(self, *events: bytes) -> None:
        end = self._file.seek(0, os.SEEK_END)
        rest = memoryview(b"".join(map(_record, events)))
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except BaseException as error:  # a full disk, say: what follows half a record could not be read
            os.ftruncate(self._file.fileno(), end)
            if isinstance(error, OSError):
                path = str(self.folder / self.name)
                raise OSError(error.errno, f"the log cannot be written: {error.strerror}", path) from error
            raise

    def flush(self) -> int:
        """Tell how long the file is: all that was written is with the system."""
        return self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "EventWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
