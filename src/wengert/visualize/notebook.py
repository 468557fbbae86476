"""What values, layers and graphs show of themselves: in a notebook as HTML and SVG, in a terminal as a tree of text.

Showing computes nothing anew, keeps nothing alive, and never fails: what cannot be shown is left out.
"""

from collections import Counter
from collections.abc import Callable
from functools import wraps
from html import escape
from itertools import product
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from wengert.core.function import maker_of
from wengert.errors import InputError, WengertError
from wengert.files import write_atomically
from wengert.visualize.roles import role_of
from wengert.visualize.svg import Node, nodes_behind, svg_of

__all__ = ["Graph", "graph", "layer_html", "variable_html"]

_LINES = 400  # of a graph in a terminal
_SMALL = 60  # nodes of a graph that is shown below its value
_CELLS = 12  # rows and columns of numbers
_TILES = 40  # rows and columns of a heat map

_FONT = "font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:12px"
_CELL = "padding:2px 8px;text-align:{side};border:1px solid rgba(128,128,128,.3);color:inherit"
_ABOVE, _BELOW, _NO_NUMBER = "214,120,30", "66,99,201", "205,30,70"  # zero, and neither; they show on light and dark


def graph(output: Any, verbose: bool = True) -> "Graph":
    """The graph behind a value, to look at: a picture in a notebook, a tree in a terminal.

    Args:
        verbose: Show shape and dtype beside the names of values.

    Raises:
        GraphError: nothing was recorded.
        InputError: it has more than 2,000 nodes.

    Example:
        >>> import numpy as np
        >>> from wengert import Variable
        >>> x0, x1 = Variable(np.array(1.0), name="x0"), Variable(np.array(2.0), name="x1")
        >>> graph((x0 + x1) * x1)
        () float64 = multiply
        ├─ () float64 = add
        │  ├─ x0 () float64
        │  └─ x1 () float64  #1
        └─ x1 () float64  → #1
    """
    return Graph(nodes_behind(output), verbose)


class Graph:
    """The graph behind a value, as it was when it was asked for: names and shapes alone, which keep nothing alive.

    As text each value stands above what it was computed from; what is used more than once is marked ``#1`` where it is
    told first, and is only named from there on.

    Example:
        >>> import numpy as np
        >>> from wengert import Variable
        >>> x = Variable(np.ones(3), name="x")
        >>> print(graph(np.tanh(x), verbose=False))
        result = tanh
        └─ x
    """

    def __init__(self, nodes: list[Node], verbose: bool = True) -> None:
        self.nodes = nodes
        self.verbose = verbose

    def __str__(self) -> str:
        # A value is known by the operation that made it: results of one operation share what is told of its inputs.
        operations = [node for node in self.nodes if node.role == "operation"]
        makers = [i if not node.inputs else node.inputs[0] for i, node in enumerate(self.nodes)]
        uses = Counter(makers[value] for operation in operations for value in operation.inputs)
        marks: dict[int, int] = {}
        lines: list[str] = []
        stack = [(0, "", "")]
        while stack:
            value, first, rest = stack.pop()
            if len(lines) == _LINES:
                return "\n".join([*lines, "…"])
            maker = makers[value]
            line = f"{first}{self._label(self.nodes[value])}"
            if maker != value:
                line += f" = {self.nodes[maker].name}"
            if maker in marks:
                lines.append(f"{line}  → #{marks[maker]}")
                continue
            if uses[maker] > 1:
                marks[maker] = len(marks) + 1
                line += f"  #{marks[maker]}"
            lines.append(line)
            inputs = self.nodes[maker].inputs
            for place in reversed(range(len(inputs))):
                last = place == len(inputs) - 1
                stack.append((inputs[place], rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  ")))
        return "\n".join(lines)

    def _label(self, node: Node) -> str:
        facts = node.facts if self.verbose else ""
        role = "result" if node.role == "output" else node.role
        called = node.name or ("" if facts and role == "result" else role)
        return f"{called} {facts}".strip()

    __repr__ = __str__

    def _repr_svg_(self) -> str:
        """How notebooks show it."""
        return svg_of(self.nodes, self.verbose)

    def save(self, to_file: str | Path) -> Path:
        """Write the picture to a file, whose name ends in .svg.

        Raises:
            InputError: another suffix.
        """
        path = Path(to_file)
        if path.suffix.lower() != ".svg":
            raise InputError(
                f"Graph.save: {path.name}: the suffix must be .svg.\n"
                "    Fix: wengert.visualize.plot_dot_graph writes .dot, .png and .pdf as well."
            )
        write_atomically(path, self._repr_svg_().encode())
        return path


def _never_fails(show: Callable[[Any], str]) -> Callable[[Any], str]:
    """What cannot be shown in HTML is shown as plain text: a cell of a notebook has other things to say."""

    @wraps(show)
    def shown(value: Any) -> str:
        try:
            return show(value)
        except Exception:  # noqa: BLE001
            try:
                text = repr(value)
            except Exception:  # noqa: BLE001
                text = type(value).__name__
            return f"<pre>{escape(text)}</pre>"

    return shown


@_never_fails
def variable_html(value: Any) -> str:
    """A Variable in a notebook: its facts, its numbers, its gradient, and folded away the graph behind it.

    Up to 12 rows and columns are a table of numbers, and more are a heat map: orange is above zero, blue below.

    Example:
        >>> import numpy as np
        >>> from wengert import Variable
        >>> "(2,) float64" in variable_html(Variable(np.ones(2)))
        True
    """
    made = role_of(value)
    if value.generation:
        made = f"made by <b>{escape(maker_of(value.node)[0].operation_name)}</b>"
    parts = [_numbers_html(value.data, [f"<b>{escape(str(value.name))}</b>"] if value.name else [], [made])]
    if value.grad is not None:
        parts.append(_numbers_html(value.grad.data, ["<b>grad</b>"], []))
    if value.generation:
        try:
            nodes = nodes_behind(value, _SMALL)
        except WengertError:
            nodes = []
        if nodes:
            parts.append(
                f'<details style="margin-top:6px"><summary>graph of {len(nodes)} nodes</summary>'
                f'<div style="overflow:auto">{svg_of(nodes)}</div></details>'
            )
    return f'<div style="{_FONT}">{"".join(parts)}</div>'


@_never_fails
def layer_html(layer: Any) -> str:
    """A layer in a notebook: what its `repr` says, as a table.

    Example:
        >>> from wengert.layers import Linear
        >>> "made at the first call" in layer_html(Linear(3))
        True
    """
    style = _CELL.format(side="left")
    head = "".join(f'<th style="{style};opacity:.75">{title}</th>' for title in ("path", "layer", "parameters"))
    rows = ("".join(f'<td style="{style}">{escape(text)}</td>' for text in row) for row in layer._described())
    return _table([head, *rows])


def _table(rows: list[str]) -> str:
    body = "".join(f'<tr style="background:transparent">{row}</tr>' for row in rows)
    return f'<table style="{_FONT};border-collapse:collapse;margin:4px 0">{body}</table>'


def _numbers_html(data: Any, before: list[str], after: list[str]) -> str:
    """Facts and numbers of one array, as far as it has any: parameters may wait for theirs, tracers have none."""
    axes = ", ".join("?" if axis is None else str(axis) for axis in data.shape)
    said = [*before, escape(f"({axes}{',' if len(data.shape) == 1 else ''}) {data.dtype}"), *after]
    numbers = ""
    try:
        array = np.asarray(data)
        if array.dtype.kind not in "biufc":
            array = array.astype(np.float32)  # such as bfloat16
        if array.dtype.kind in "biufc" and array.shape == tuple(data.shape):
            said += _summary(array)
            numbers = _sheet(array) if array.size else ""
    except Exception:  # noqa: BLE001 (whatever a library raises of an array that has no numbers)
        said.append("no numbers yet")
    return f'<div style="margin:4px 0">{" · ".join(said)}</div>{numbers}'


def _summary(array: np.ndarray) -> list[str]:
    """The least, the mean and the greatest of the numbers, and how many are none."""
    if not array.size:
        return ["no entries"]
    if array.dtype.kind == "b":
        return [f"{np.count_nonzero(array):,} of {array.size:,} True"] if array.size > 1 else []
    if array.dtype.kind == "c":
        return []
    said = []
    with np.errstate(all="ignore"):
        low, high = array.min(), array.max()
        if not (np.isfinite(low) and np.isfinite(high)):
            nan, infinite = int(np.isnan(array).sum()), int(np.isinf(array).sum())
            said = [f"<b>{count:,} {name}</b>" for count, name in ((nan, "NaN"), (infinite, "infinite")) if count]
            array = array[np.isfinite(array)]
            if not array.size:
                return said
            low, high = array.min(), array.max()
        if array.size > 1:
            mean = array.mean(dtype=np.float64)
            said += [f"{name} {_number(x)}" for name, x in (("min", low), ("mean", mean), ("max", high))]
    return said


def _number(x: Any) -> str:
    return str(x) if isinstance(x, np.bool_ | np.integer) else f"{x:.4g}"


def _sheet(array: np.ndarray) -> str:
    """The last two axes, at the first place of all others: as numbers, or where they are many as a heat map."""
    leading = max(array.ndim - 2, 0)
    part = np.atleast_2d(array[(0,) * leading])
    notes = [f"at [{', '.join(['0'] * leading + [':', ':'])}]"] if leading and array.size > part.size else []
    if max(part.shape) <= _CELLS:
        shown = _numbers_table(part)
    else:
        steps = [ceil(length / _TILES) for length in part.shape]
        if max(steps) > 1:
            notes.append(f"one of {steps[0] * steps[1]} entries is shown")
        shown = _heat_map(part[:: steps[0], :: steps[1]])
    note = f'<div style="opacity:.75">{", ".join(notes)}</div>' if notes else ""
    return shown + note


def _shades(part: np.ndarray) -> list[list[tuple[str, int]]]:
    """The colour of each number, and how strong it is, from 0 to 8."""
    with np.errstate(all="ignore"):
        strength = np.abs(part.astype(np.complex128 if part.dtype.kind == "c" else np.float64))
        finite = np.isfinite(strength)
        most = strength[finite].max(initial=0.0) or 1.0
        if part.size == 1 and finite.all():
            most = np.inf  # there is nothing to compare it with
        steps = np.where(finite, np.ceil(8 * (np.where(finite, strength, 0.0) / most)), 8).astype(int)
        below = part.real < 0
    colours = np.where(finite, np.where(below, _BELOW, _ABOVE), _NO_NUMBER)
    return [list(zip(*row, strict=True)) for row in zip(colours.tolist(), steps.tolist(), strict=True)]


def _numbers_table(part: np.ndarray) -> str:
    rows = []
    for numbers, shades in zip(part, _shades(part), strict=True):
        cells = [
            f'<td style="{_CELL.format(side="right")};background:rgba({colour},{step * 0.055:.3g})">{_number(x)}</td>'
            for x, (colour, step) in zip(numbers, shades, strict=True)
        ]
        rows.append("".join(cells))
    return _table(rows)


def _heat_map(part: np.ndarray) -> str:
    shades = _shades(part)
    rows, columns = part.shape
    tiles: dict[tuple[str, int], list[str]] = {}
    for row, column in product(range(rows), range(columns)):
        tiles.setdefault(shades[row][column], []).append(f"M{column} {row}h1v1h-1z")
    side = min(16, 320 / max(rows, columns))
    drawn = "".join(
        f'<path fill="rgb({colour})" fill-opacity="{step / 8:.3g}" d="{"".join(places)}"/>'
        for (colour, step), places in tiles.items()
        if step
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * side:.0f}" height="{rows * side:.0f}" '
        f'viewBox="0 0 {columns} {rows}" preserveAspectRatio="none" shape-rendering="crispEdges" role="img" '
        'style="outline:1px solid rgba(128,128,128,.5);display:block;margin:4px 0">'
        f"<title>orange above zero, blue below, red no number</title>{drawn}</svg>"
    )
