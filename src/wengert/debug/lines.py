"""Where in the user's program something happened: the innermost line that is not the library's own."""

import linecache
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

__all__ = ["Line", "user_line"]

_LIBRARY = str(Path(__file__).parents[1]) + "/"
_NUMPY = str(Path(np.__file__).parent) + "/"


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
        return f"{_shown(self.file)}:{self.number}{within}{text}"


def user_line() -> Line | None:
    """The innermost line now running that is neither this library's nor NumPy's; None where there is none.

    It costs about a microsecond.

    Example:
        >>> user_line().function
        '<module>'
    """
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if not _is_library(code.co_filename):
            return Line(code.co_filename, frame.f_lineno, code.co_name)
        frame = frame.f_back  # type: ignore[assignment]
    return None


@cache
def _is_library(file: str) -> bool:
    return file.startswith((_LIBRARY, _NUMPY, "<frozen"))


@cache
def _shown(file: str) -> str:
    """The path from the working directory, where that is shorter."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file
