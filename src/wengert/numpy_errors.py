"""NumPy's own error that would hide the one that was raised inside it.

``array[0] = variable`` asks the Variable for a plain number, and where that is refused NumPy raises an error of its own
in its place, "setting an array element with a sequence", with the reason and the way out far above it.
"""

import sys
from types import FrameType
from typing import Any

__all__ = ["let_it_say"]


def let_it_say(words: str, depth: int) -> None:
    """If the next thing that happens ``depth`` frames up is a ValueError, that error says ``words``.

    Python tells of it by way of a trace function, which is taken away again whatever happens.

    Example:
        >>> def refuse():
        ...     let_it_say("write otherwise", 1)
        ...     raise TypeError
        >>> def ask():
        ...     try:
        ...         refuse()
        ...     except TypeError:
        ...         pass
        >>> ask()
    """
    frame = sys._getframe(depth + 1)
    before, before_here = sys.gettrace(), frame.f_trace

    def tell(here: FrameType, event: str, what: Any) -> Any:
        sys.settrace(before)
        frame.f_trace = before_here
        if here is frame and event == "exception" and what[0] is ValueError:
            what[1].args = (words,)
        return before_here(here, event, what) if before_here is not None else None

    frame.f_trace = tell
    if before is None:
        sys.settrace(_nothing)


def _nothing(frame: FrameType, event: str, what: Any) -> None:
    """Frames that begin meanwhile are not traced."""
