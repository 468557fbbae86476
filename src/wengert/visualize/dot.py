"""The computational graph as DOT text, and in files: SVG drawn here, PNG and PDF by Graphviz."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from wengert.core.function import maker_of, value_at
from wengert.errors import GraphError, InputError, WengertError
from wengert.files import write_atomically
from wengert.visualize.svg import nodes_behind, svg_of

__all__ = ["get_dot_graph", "plot_dot_graph"]


def get_dot_graph(output: Any, verbose: bool = True) -> str:
    """The graph behind ``output`` as DOT text: values orange, operations blue.

    Args:
        verbose: Write shape and dtype beside the names of values.

    Raises:
        GraphError: nothing was recorded.

    Example:
        >>> import numpy as np
        >>> from wengert import Variable
        >>> text = get_dot_graph(Variable(np.array(1.0), name="x") * 2.0)
        >>> text.splitlines()[0], "multiply" in text
        ('digraph g {', True)
    """
    if output.creator is None:
        raise GraphError("get_dot_graph: nothing was recorded for this value; it has no creator.")
    ids: dict[Any, int] = {}
    lines = ["digraph g {"]

    def number(key: Any) -> int:
        return ids.setdefault(key, len(ids))

    def value(key: Any, label: str) -> int:
        if key not in ids:
            lines.append(f'v{number(key)} [label="{quoted(label)}", color=orange, style=filled]')
        return ids[key]

    stack = [output.creator]
    seen = {output.creator}
    while stack:
        function = stack.pop()
        name = quoted(function.operation_name)
        lines.append(f'f{number(function)} [label="{name}", color=lightblue, style=filled, shape=box]')
        for place, result in enumerate(function.results):
            living = result()
            key = (function, place)
            lines.append(f"f{ids[function]} -> v{value(key, _label(living, verbose))}")
        for place, edge in enumerate(function.edges):
            key = edge
            if edge.depth:
                key = below, _ = maker_of(edge)
                if below not in seen:
                    seen.add(below)
                    stack.append(below)
            shape = str(tuple(function.shapes[place])) if verbose else ""
            source = value(key, _label(value_at(edge), verbose) or shape)
            lines.append(f"v{source} -> f{ids[function]}")
    return "\n".join([*lines, "}"]) + "\n"


def plot_dot_graph(output: Any, verbose: bool = True, to_file: str | Path = "graph.dot") -> Path:
    """Write the graph behind ``output`` to a file, of the kind that its suffix says.

    SVG is always drawn here, so that a picture is the same on every machine; PNG and PDF are drawn by Graphviz.

    Args:
        verbose: Write shape and dtype beside the names of values.
        to_file: A path that ends in .dot, .svg, .png or .pdf.

    Raises:
        GraphError: nothing was recorded.
        InputError: another suffix; or an SVG would have more than 2,000 nodes.
        WengertError: Graphviz is needed, and not installed, or fails.
    """
    path = Path(to_file)
    kind = path.suffix.removeprefix(".").lower()
    if kind not in ("dot", "svg", "png", "pdf"):
        raise InputError(f"plot_dot_graph: {path.name}: the suffix must be .dot, .svg, .png or .pdf.")
    if kind == "svg":
        write_atomically(path, svg_of(nodes_behind(output), verbose).encode())
        return path
    return draw(get_dot_graph(output, verbose), path, kind)


def draw(text: str, path: Path, kind: str) -> Path:
    """Write DOT text to a file as it is where ``kind`` is "dot", and else as what Graphviz makes of it.

    Raises:
        WengertError: Graphviz is needed, and not installed, or fails.
    """
    content = text.encode()
    if kind != "dot":
        program = shutil.which("dot")
        if program is None:
            raise WengertError(
                f"plot_dot_graph: Graphviz is not installed, and {path.name} is drawn by it.\n"
                "    Fix: install it, or write .svg with wengert.visualize.plot_dot_graph, or .dot: these need nothing."
            )
        run = subprocess.run([program, f"-T{kind}"], input=content, capture_output=True, timeout=60, check=False)
        if run.returncode:
            raise WengertError(f"plot_dot_graph: Graphviz failed: {run.stderr.decode(errors='replace').strip()}")
        content = run.stdout
    write_atomically(path, content)
    return path


def _label(value: Any, verbose: bool) -> str:
    if value is None:
        return ""
    name = value.name or ""
    if not verbose or value.data is None:
        return name
    return f"{name}{': ' if name else ''}{tuple(value.shape)} {value.dtype}"


def quoted(text: str) -> str:
    """A label inside the quotes of DOT text."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
