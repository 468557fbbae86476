"""Which line of the program, and which layer, each function on the tape was recorded for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from wengert.core.function import Function
from wengert.core.modes import Observer, observing
from wengert.lines import Line, user_line

__all__ = ["layer_of", "line_of", "paths_inside", "remembering_lines"]


@contextmanager
def remembering_lines() -> Iterator[None]:
    """Remember of every function recorded inside the ``with`` block which line, and which layer, it ran for.

    `line_of` and `layer_of` tell it as long as the function lives, also after the block.

    Example:
        >>> import numpy as np, wengert
        >>> x = wengert.Variable(np.array(2.0))
        >>> with remembering_lines():
        ...     y = x * x
        >>> line_of(y.creator).number, line_of((x * x).creator)
        (2, None)
    """
    with observing(_Remember()):
        yield


def line_of(function: Function) -> Line | None:
    """The line that recorded a function, where `remembering_lines` watched; else None."""
    return _lines.get(function)


def layer_of(function: Function) -> str | None:
    """The path of the layer that a function ran in, such as ``MLP.layers.1``, where `remembering_lines` watched."""
    return _layers.get(function)


_lines: WeakKeyDictionary[Function, Line] = WeakKeyDictionary()
_layers: WeakKeyDictionary[Function, str] = WeakKeyDictionary()


def paths_inside(layer: Any) -> dict[int, str]:
    """The path of a layer and of each one inside it, such as ``MLP.layers.1``, by id.

    Example:
        >>> import wengert
        >>> sorted(paths_inside(wengert.layers.Sequential(wengert.layers.Linear(2))).values())
        ['Sequential', 'Sequential.layers.0']
    """
    name = type(layer).__name__
    try:
        return {id(inner): f"{name}.{path}" if path else name for path, inner in layer.named_layers()}
    except Exception:  # a layer that cannot be walked goes by its class
        return {id(layer): name}


class _Remember(Observer):
    def __init__(self) -> None:
        self.running: list[str] = []  # the paths of the layers that are being called, the innermost last
        self.paths: dict[int, str] = {}  # of the layers inside the outermost one

    def enter(self, layer: Any, inputs: tuple[Any, ...]) -> None:
        if not self.running:
            self.paths = paths_inside(layer)
        inside = f"{self.running[-1]}.{type(layer).__name__}" if self.running else type(layer).__name__
        self.running.append(self.paths.get(id(layer), inside))

    def leave(self, layer: Any, result: Any) -> None:
        if self.running:  # it may have been entered before we watched
            self.running.pop()

    def forward(self, function: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        line = user_line()
        if line is not None:
            _lines[function] = line
        if self.running:
            _layers[function] = self.running[-1]
