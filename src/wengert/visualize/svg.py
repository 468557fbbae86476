"""The graph behind a value as SVG: values round, operations square, drawn here and the same on every machine."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from math import inf, sqrt
from typing import Any
from unicodedata import east_asian_width

import numpy as np

from wengert.core.function import maker_of
from wengert.errors import GraphError, InputError
from wengert.visualize.layout import Point, arrange
from wengert.visualize.roles import role_of

__all__ = ["LIMIT", "Node", "nodes_behind", "svg_of"]

LIMIT = 2_000  # of nodes in a picture

_FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
_NAME, _FACTS = 12.0, 10.0  # sizes of letters
_MARGIN = 14.0
_LONGEST = 32  # letters of a name

# What each part is drawn in: the area, its border, the border's width, the letters.
_COLOURS = {
    "operation": ("#e8eefc", "#4263c9", 1.2, "#1c2f6b"),
    "result": ("#ffffff", "#7b8794", 1.0, "#27313d"),
    "output": ("#efe9fd", "#6d4fc2", 2.0, "#3b2478"),
    "leaf": ("#fff2d2", "#b7791f", 1.2, "#553a06"),
    "parameter": ("#dcf4e4", "#2a8f53", 2.4, "#0f4526"),
    "constant": ("#f3f4f6", "#7c8594", 1.0, "#434c59"),
}


@dataclass
class Node:
    """A value or an operation in a picture: facts alone, which keep nothing alive.

    ``role`` is "operation", "output", "result", "leaf", "parameter" or "constant".  ``inputs`` are the numbers of the
    nodes it comes from, in order.
    """

    role: str
    name: str = ""
    shape: tuple[Any, ...] | None = None
    dtype: str = ""
    inputs: list[int] = field(default_factory=list)

    @property
    def facts(self) -> str:
        """Shape and dtype, as far as they are known."""
        if self.shape is None:
            return ""
        axes = ", ".join("?" if axis is None else str(axis) for axis in self.shape)
        return f"({axes}{',' if len(self.shape) == 1 else ''}) {self.dtype}".strip()


def nodes_behind(output: Any, limit: int = LIMIT) -> list[Node]:
    """All that stands behind a value: the value first, and every node before what it is made of.

    A constant that no derivative needs, such as the 1 of ``x + 1``, is known to be there, and no more.
    A value that nobody holds has no name, and the dtype of all others where these have one.

    Raises:
        GraphError: nothing was recorded.
        InputError: there are more than ``limit`` nodes.

    Example:
        >>> import numpy as np
        >>> from wengert import Variable
        >>> x = Variable(np.ones(3), name="x")
        >>> for node in nodes_behind(x * 2.0):
        ...     print(node.role, node.name, node.facts, node.inputs)
        output  (3,) float64 [1]
        operation multiply  [2, 3]
        leaf x (3,) float64 []
        constant 2.0  []
    """
    if not output.generation:
        raise GraphError("a graph cannot be shown: nothing was recorded for this value; it has no creator.")
    nodes: dict[Any, Node] = {}
    below: dict[Any, list[Any]] = {}  # keys are the edge of a leaf, a function, and (function, place) for a result
    constants: dict[Any, Node] = {}
    facts: dict[Any, tuple[Any, str]] = {}  # shapes and dtypes, as calls know them
    root = _key(output.node)
    stack = [root]
    while stack:
        key = stack.pop()
        if key in nodes:
            continue
        if len(nodes) == limit:
            raise InputError(
                f"a graph of more than {limit:,} nodes makes no picture that can be read.\n"
                "    Fix: look at it in the page of wengert.trace, or write it as DOT text with get_dot_graph."
            )
        if key in constants:
            nodes[key], below[key] = constants[key], []
        elif isinstance(key, tuple):
            function, place = key
            nodes[key] = _node("output" if key == root else "result", function.results[place]())
            below[key] = [function]
        elif key.depth:
            nodes[key] = Node("operation", key.operation_name)
            below[key] = _inputs(key, constants, facts)
        else:
            leaf = key.leaf()
            nodes[key], below[key] = _node("leaf" if leaf is None else role_of(leaf), leaf), []
        stack.extend(other for other in reversed(below[key]) if other not in nodes)

    numbers = {key: number for number, key in enumerate(nodes)}
    values = [node for node in nodes.values() if node.role not in ("operation", "constant")]
    for key, node in nodes.items():
        node.inputs = [numbers[other] for other in below[key]]
        if node.shape is None and key in facts:
            node.shape, node.dtype = facts[key]
    usual = {node.dtype for node in values if node.dtype}
    for node in values:
        node.dtype = node.dtype or ("".join(usual) if len(usual) == 1 else "")
    return list(nodes.values())


def _key(edge: Any) -> Any:
    return maker_of(edge) if edge.depth else edge


def _node(role: str, value: Any) -> Node:
    """What a value that someone may still hold tells of itself."""
    name, data = str(getattr(value, "name", None) or ""), getattr(value, "data", None)
    return Node(role, name) if data is None else Node(role, name, tuple(data.shape), str(data.dtype))


def _inputs(function: Any, constants: dict[Any, Node], facts: dict[Any, tuple[Any, str]]) -> list[Any]:
    """The keys of what a call was given, in order; what it knows of these values, and of its results, is noted."""
    kept, count, optional = _kept(function)
    for place in range(len(function.results)):
        if -1 - place in kept:
            _note(facts, (function, place), kept[-1 - place])
    edges = dict(zip(function.wanted, zip(function.edges, function.shapes, strict=True), strict=True))
    keys: list[Any] = []
    for position in range(count):
        if position in edges:
            edge, shape = edges[position]
            keys.append(_key(edge))
            _note(facts, keys[-1], kept.get(position))
            facts.setdefault(keys[-1], (tuple(shape), ""))
        elif kept.get(position, None if position in optional else "") is not None:
            keys.append((function, "constant", position))
            constants[keys[-1]] = _constant(kept.get(position))
    return keys


def _kept(function: Any) -> tuple[dict[int, Any], int, set[int]]:
    """What a call keeps: inputs by position, and results as -1, -2, ...

    And how many inputs it had, as far as one can tell, and which of them may have been left out.
    """
    least = max(function.wanted) + 1
    if function.kept is None and function.plan is None:
        return {}, least, set()
    if function.plan is None:
        arrays, outs = function.kept
        return {**dict(enumerate(arrays)), **{-1 - place: out for place, out in enumerate(outs)}}, len(arrays), set()
    rule = function.plan.rule
    kept: dict[int, Any] = {}
    for origin, value in zip(function.plan.origins, function.kept or (), strict=False):
        if origin is None:  # an option, or a shape
            continue
        if origin < 0 and function.several:
            kept |= {-1 - place: out for place, out in enumerate(value)}
        elif origin >= 0 and rule.variadic:
            kept |= dict(enumerate(value))
            least = max(least, len(value))
        else:
            kept[origin] = value
    if rule.variadic:
        return kept, least, set()
    return kept, len(rule.inputs), {i for i, name in enumerate(rule.inputs) if name in rule.defaults}


def _note(facts: dict[Any, tuple[Any, str]], key: Any, array: Any) -> None:
    if hasattr(array, "dtype"):
        facts[key] = tuple(array.shape), str(array.dtype)


def _constant(value: Any) -> Node:
    """A number is shown as it is; of an array shape and dtype, and the entry where there is one alone."""
    if value is None:
        return Node("constant", "constant")
    if isinstance(value, np.ndarray | np.generic) and not value.ndim:
        value = value.item()
    if not hasattr(value, "dtype"):
        text = repr(value)
        return Node("constant", text if len(text) <= 8 or not isinstance(value, float) else f"{value:.6g}")
    return Node("constant", "", tuple(value.shape), str(value.dtype))


# Drawing


def svg_of(nodes: list[Node], verbose: bool = True) -> str:
    """The picture of these nodes: inputs above, the value below.

    Args:
        verbose: Write shape and dtype below the names of values.

    Example:
        >>> svg_of([Node("output", "y", (), "float64", [1]), Node("operation", "sin", inputs=[2]), Node("leaf", "x")])
        '<svg xmlns="http://www.w3.org/2000/svg" ...</svg>'
    """
    texts = [_texts(node, verbose) for node in nodes]
    sizes = [_size(node, lines) for node, lines in zip(nodes, texts, strict=True)]
    edges = [(above, number) for number, node in enumerate(nodes) for above in node.inputs]
    arranged = arrange(sizes, edges)
    lines, heads = _arrows(edges, arranged.routes)
    width, height = arranged.width + 2 * _MARGIN, arranged.height + 2 * _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{-_MARGIN:g} {-_MARGIN:g} {width:.1f} {height:.1f}" role="img" font-family="{_FONT}" '
        'text-anchor="middle"><title>The graph of a computation</title>',
        f'<rect x="{0.5 - _MARGIN:g}" y="{0.5 - _MARGIN:g}" width="{width - 1:.1f}" height="{height - 1:.1f}" rx="8" '
        'fill="#fdfdfe" stroke="#d8dde4"/>',
        f'<path fill="none" stroke="#64707f" stroke-width="1.2" d="{lines}"/><path fill="#64707f" d="{heads}"/>',
    ]
    for node, written, size, centre in zip(nodes, texts, sizes, arranged.centres, strict=True):
        parts += _drawn(node, written, size, centre)
    return "".join([*parts, "</svg>"])


def _texts(node: Node, verbose: bool) -> list[tuple[str, float]]:
    """The lines written into a node, each with the size of its letters."""
    lines = [(node.name, _NAME)]
    if verbose and node.role != "operation":
        lines.append((node.facts, _FACTS))
    return [(_short(text), size) for text, size in lines if text]


def _short(text: str) -> str:
    text = _printable(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _printable(text: str) -> str:
    """Without what no XML may hold."""
    return "".join([letter if letter.isprintable() else " " for letter in text])


def _size(node: Node, lines: list[tuple[str, float]]) -> tuple[float, float]:
    """The width and height in which the lines find room."""
    width = max((_width(text, size) for text, size in lines), default=0.0)
    if node.role == "operation":
        return width + 22, 26.0
    height = 40.0 if len(lines) == 2 else 28.0 if lines else 16.0
    reach = 2 * 11 / height if len(lines) == 2 else 2 * 5 / height  # how high the letters stand, as a share of half
    return max(width / sqrt(1 - reach * reach) + 8, height), height


def _width(text: str, size: float) -> float:
    """Of letters that are all of one width, and of those that are twice as wide."""
    return size * 0.61 * sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _arrows(edges: list[tuple[int, int]], routes: list[list[Point]]) -> tuple[str, str]:
    """The lines and the heads of all edges; several between the same two nodes run side by side.

    What edges share is drawn once.
    """
    alike, drawn = Counter(edges), Counter[tuple[int, int]]()
    curves: dict[str, None] = {}
    heads: dict[str, None] = {}
    straight: dict[str, list[tuple[float, float]]] = {}  # the stretches on each vertical line
    for edge, route in zip(edges, routes, strict=True):
        aside = 9 * (drawn[edge] - (alike[edge] - 1) / 2)
        drawn[edge] += 1
        y = route[0].bottom - (1.5 if aside else 0)  # an ellipse ends higher beside its middle
        for start, end in pairwise(route):
            x, below, tip = f"{start.x + aside:.1f}", f"{end.x + aside:.1f}", end.top
            if end is route[-1]:
                heads[f"M{below} {tip:.1f}l-3.5 -7h7z"] = None
                tip -= 6
            if x == below:
                straight.setdefault(x, []).append((y, tip))
            else:
                half = (y + tip) / 2
                curves[f"M{x} {y:.1f}C{x} {half:.1f} {below} {half:.1f} {below} {tip:.1f}"] = None
            y = end.bottom
            if end is not route[-1]:
                straight.setdefault(below, []).append((end.top, y))
    for x, stretches in straight.items():
        stretches.sort()
        top, bottom = stretches[0]
        for start_y, end_y in [*stretches[1:], (inf, inf)]:
            if start_y > bottom:
                curves[f"M{x} {top:.1f}V{bottom:.1f}"] = None
                top = start_y
            bottom = max(bottom, end_y)
    return "".join(curves), "".join(heads)


def _drawn(node: Node, lines: list[tuple[str, float]], size: tuple[float, float], centre: Any) -> Iterator[str]:
    """A node: what it says in full where the mouse rests on it, its shape, and its lines."""
    (width, height), (x, y) = size, centre
    area, border, stroke, letters = _COLOURS[node.role]
    said = " ".join(part for part in (node.role, node.name, node.facts) if part)
    yield f"<g><title>{escape(_printable(said))}</title>"
    style = f'fill="{area}" stroke="{border}" stroke-width="{stroke:g}"'
    if node.role == "operation":
        left, top = x - width / 2, y - height / 2
        yield f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="4" {style}/>'
    else:
        dashes = ' stroke-dasharray="4 3"' if node.role == "constant" else ""
        yield f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{width / 2:.1f}" ry="{height / 2:.1f}" {style}{dashes}/>'
    baselines = (y - 2.5, y + 10.5) if len(lines) == 2 else (y + 4,)
    for (text, letter), baseline in zip(lines, baselines, strict=False):
        yield f'<text x="{x:.1f}" y="{baseline:.1f}" font-size="{letter:g}" fill="{letters}">{escape(text)}</text>'
    yield "</g>"
