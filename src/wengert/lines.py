"""Where in the user's program something happened: the innermost line that is not the library's own."""

import contextlib
import linecache
import sys
from functools import cache
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import numpy as np

__all__ = ["Line", "shown", "user_frame", "user_line"]

_LIBRARY = str(Path(__file__).parent) + "/"
_NUMPY = str(Path(np.__file__).parent) + "/"
_WITH = contextlib.__file__  # which calls what a ``with`` block begins and ends with


class Line(NamedTuple):
    """A line of a program.

    Example:
        >>> Line("train.py", 12, "step")
        train.py:12 in step
    """

    file: str
    number: int
    function: str

    @property
    def text(self) -> str:
        """What stands there, without indentation; "" where the source cannot be read."""
        return linecache.getline(self.file, self.number).strip()

    def __repr__(self) -> str:
        within = f" in {self.function}" if self.function != "<module>" else ""
        text = f": {self.text}" if self.text else ""
        return f"{shown(self.file)}:{self.number}{within}{text}"


def user_line() -> Line | None:
    """The innermost line now running that is neither this library's nor NumPy's; None where there is none.

    It costs about a microsecond.

    Example:
        >>> user_line().function
        '<module>'
    """
    frame = user_frame()
    return None if frame is None else Line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def user_frame() -> FrameType | None:
    """The frame of that line: what is called there, and the names of its values."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_library(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


@cache
def _is_library(file: str) -> bool:
    return file.startswith((_LIBRARY, _NUMPY, _WITH, "<frozen"))


@cache
def shown(file: str) -> str:
    """The path from the working directory, where that is shorter."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file
