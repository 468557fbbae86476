"""Trees: arrays in nested tuples, lists, mappings and dataclasses, taken apart and built again in their own classes.

A leaf is whatever is none of these: an array, a number, None, a string, a function.
"""

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from copy import copy
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from wengert.core.recorded import Recorded

__all__ = ["branches", "flatten", "holds", "leaves_of", "like", "place_of"]

Build = Callable[[Sequence[Any]], Any]


def flatten(tree: Any) -> tuple[list[Any], Build]:
    """The leaves of a tree in order, and the way to build the same tree of others.

    What is built has the class of what was given: an OrderedDict, a defaultdict with its default, a named tuple, a
    dataclass (whose ``__init__`` is not run again).

    Example:
        >>> leaves, build = flatten({"w": 1.0, "layers": [(2.0, None)]})
        >>> leaves
        [1.0, 2.0, None]
        >>> build([10.0, 20.0, None])
        {'w': 10.0, 'layers': [(20.0, None)]}
    """
    if _class_of_leaves(tree):
        return [tree], _first
    leaves: list[Any] = []
    builds: list[tuple[Build, int]] = []
    for part in _parts(tree):
        inner, build_part = flatten(part)
        leaves += inner
        builds.append((build_part, len(inner)))
    shell = like(tree, [None] * len(builds))  # the way to build a tree holds no leaves

    def build(values: Sequence[Any]) -> Any:
        built, start = [], 0
        for build_part, size in builds:
            built.append(build_part(values[start : start + size]))
            start += size
        return like(shell, built)

    return leaves, build


def leaves_of(tree: Any) -> Iterator[Any]:
    """The leaves alone.

    Example:
        >>> list(leaves_of([1.0, {"a": (2.0, 3.0)}]))
        [1.0, 2.0, 3.0]
    """
    if _class_of_leaves(tree):
        yield tree
    else:
        for part in _parts(tree):
            yield from leaves_of(part)


def holds(tree: Any, kind: type) -> bool:
    """Whether a leaf is of this class.

    Example:
        >>> holds([1.0, {"a": (2.0, "text")}], str)
        True
    """
    if _class_of_leaves(tree):
        return isinstance(tree, kind)
    return any(holds(part, kind) for part in _parts(tree))


def place_of(tree: Any, number: int, name: str) -> str:
    """Where a leaf stands, as a program would write it.

    Args:
        tree: The tree.
        number: The leaf's place among the leaves.
        name: What the tree itself is called.

    Example:
        >>> place_of({"w": 1.0, "layers": [(2.0, None)]}, 2, "p")
        "p['layers'][0][1]"
    """
    if not _class_of_leaves(tree):
        for step, part in zip(_steps(tree), _parts(tree), strict=True):
            count = sum(1 for _ in leaves_of(part))
            if number < count:
                return place_of(part, number, name + step)
            number -= count
    return name


def branches(tree: Any) -> dict[str, Any]:
    """The parts of a tree one step down, by the step as a program would write it.

    Example:
        >>> branches({"w": 1.0, "layers": [2.0]})
        {"['w']": 1.0, "['layers']": [2.0]}
    """
    return dict(zip(_steps(tree), _parts(tree), strict=True))


_LEAVES: set[type] = {np.ndarray, float, int, bool, str, bytes, type(None)}  # and every class found to be one


def _class_of_leaves(value: Any) -> bool:
    kind = type(value)
    if kind in _LEAVES:
        return True
    if kind in (tuple, list, dict):
        return False
    if isinstance(value, Recorded) or not (isinstance(value, tuple | list | Mapping) or is_dataclass(kind)):
        _LEAVES.add(kind)
        return True
    return False


def _parts(tree: Any) -> Sequence[Any]:
    """The parts of a tree one step down."""
    if isinstance(tree, tuple | list):
        return tree
    if isinstance(tree, Mapping):
        return [tree[key] for key in tree]
    return [getattr(tree, name) for name in _fields(tree)]


def _steps(tree: Any) -> list[str]:
    """The steps down to these parts, as a program would write them."""
    if isinstance(tree, tuple | list):
        names = getattr(tree, "_fields", None)
        return [f"[{i}]" for i in range(len(tree))] if names is None else [f".{name}" for name in names]
    if isinstance(tree, Mapping):
        return [f"[{key!r}]" for key in tree]
    return [f".{name}" for name in _fields(tree)]


def _fields(tree: Any) -> list[str]:
    return [field.name for field in fields(tree) if hasattr(tree, field.name)]


def like(tree: Any, parts: list[Any]) -> Any:
    """A tree of the class of ``tree``, of other parts one step down.

    Example:
        >>> like({"w": 1.0, "b": 2.0}, [3.0, 4.0])
        {'w': 3.0, 'b': 4.0}
    """
    kind: Any = type(tree)
    if kind is tuple or kind is list:
        return kind(parts)
    if isinstance(tree, Mapping):
        pairs = zip(tree, parts, strict=True)
        if kind is dict or not isinstance(tree, MutableMapping):
            return kind(dict(pairs))
        built = copy(tree)
        for key, part in pairs:
            built[key] = part
        return built
    if hasattr(kind, "_make"):  # a named tuple
        return kind._make(parts)
    if isinstance(tree, tuple):
        return kind(parts)
    built = copy(tree)
    if isinstance(tree, list):
        built[:] = parts
        return built
    for name, part in zip(_fields(tree), parts, strict=True):
        object.__setattr__(built, name, part)  # a frozen one, too
    return built


def _first(values: Sequence[Any]) -> Any:
    return values[0]
