"""Which values show the memory of others, as NumPy's views do.

A family is an array and all that shows its memory.  A view holds the value that it is a view of; the root, whose
memory it is, knows the views by weak references only, in the order of their making.  Nothing is noted for a value that
is no view and has none.  What a write does to a family stands in ``functions/writing.py``.
"""

from collections.abc import Callable
from typing import Any
from weakref import ref

from wengert.core.recorded import Recorded

__all__ = ["SCALAR", "View", "note_view", "root_of", "views_of"]

# The memory of a value that NumPy gives as a scalar: a scalar cannot be written into, and ``s += 1`` makes a new one.
SCALAR = "scalar"


class View:
    """Of a value that shows the memory of another one: which, and how it is made of it."""

    __slots__ = ("base", "made_off_tape", "operate", "options")

    def __init__(
        self, base: Recorded, operate: Callable[..., Any], options: dict[str, Any], made_off_tape: bool
    ) -> None:
        self.base = base
        self.operate = operate  # the call that made the view: operate(base, **options)
        self.options = options
        self.made_off_tape = made_off_tape  # under no_grad, of a value that is on the tape

    def again(self) -> Any:
        """The view as it is now, made of its base once more."""
        return self.operate(self.base, **self.options)


class _Views(list["ref[Recorded]"]):
    """Weak references to the views of a root."""

    __slots__ = ("limit",)

    def __init__(self) -> None:
        self.limit = 16

    def add(self, view: Recorded) -> None:
        """Note one more, and forget the dead when there may be as many of them as of the living."""
        if len(self) >= self.limit:
            self[:] = [each for each in self if each() is not None]
            self.limit = 2 * len(self) + 16
        self.append(ref(view))


def note_view(view: Any, base: Any, operate: Callable[..., Any], options: dict[str, Any]) -> None:
    """From now on ``view``, which is ``operate(base, **options)``, shows the memory of ``base``."""
    if base.memory is SCALAR:  # of which NumPy makes scalars, and arrays of their own
        view.memory = SCALAR if view.data.ndim == 0 else None
        return
    view.memory = View(base, operate, options, view.node is None and base.node is not None)
    root = root_of(base)
    if root.memory is None:
        root.memory = _Views()
    root.memory.add(view)


def root_of(value: Any) -> Any:
    """The member of the family of ``value`` whose memory it is."""
    while value.memory.__class__ is View:
        value = value.memory.base
    return value


def views_of(root: Any) -> list[Any]:
    """The living views of a root, each after the one that it was made of."""
    if root.memory.__class__ is not _Views:
        return []
    views: list[Any] = [each() for each in root.memory]
    return [view for view in views if view is not None and root_of(view) is root]
