"""The computational graph as the book's DOT text: its names of operations, and constants as nodes of their own.

The tape keeps of a call what a derivative needs, and so this file finds out what it does not say: the dtype of a value
that nobody holds any more, a constant that no formula asks for.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from wengert.core.function import maker_of, value_at
from wengert.core.operation import Call
from wengert.errors import GraphError, InputError
from wengert.visualize.dot import draw, quoted

__all__ = ["get_dot_graph", "plot_dot_graph"]

# What the book calls operations whose names are others here; of all the rest each word is capitalised.
_CLASSES = {
    "multiply": "Mul",
    "negative": "Neg",
    "subtract": "Sub",
    "divide": "Div",
    "power": "Pow",
    "permute_dims": "Transpose",
    "matmul": "MatMul",
    "relu": "ReLU",
    "leaky_relu": "LeakyReLU",
    "convolution": "Conv2d",
    "convolution_output": "Conv2d",
    "convolution_input": "Deconv2d",
    "max_windows": "Pooling",
    "gather_windows": "Im2col",
    "scatter_windows": "Col2im",
}


class _Value:
    """What is known of a value: its name, shape and dtype."""

    __slots__ = ("constant", "dtype", "name", "shape")

    def __init__(self, constant: bool = False) -> None:
        self.name: str | None = None
        self.shape: Any = None
        self.dtype: Any = None
        self.constant = constant

    def learn(self, *sources: Any) -> None:
        """Take what these Variables and arrays tell, each of which may be None."""
        for source in sources:
            if source is not None and getattr(source, "data", None) is not None:
                self.name = self.name or getattr(source, "name", None)
                self.shape, self.dtype = source.shape, source.dtype

    def label(self, verbose: bool, usual: Any) -> str:
        text = self.name or ""
        if verbose and self.shape is not None:
            dtype = self.dtype if self.constant else self.dtype or usual
            text += f"{': ' if text else ''}{tuple(self.shape)}{f' {dtype}' if dtype else ''}"
        return quoted(text)


def get_dot_graph(output: Any, verbose: bool = True) -> str:
    """The graph behind ``output`` as the book's DOT text, every node once.

    Of a constant that no derivative needs, such as the 1 of ``x + 1``, or that backward has freed, shape and dtype are
    left out.

    Args:
        verbose: Write shape and dtype beside the names of values.

    Raises:
        GraphError: nothing was recorded.

    Example:
        >>> from wengert.dezero import Variable
        >>> x = Variable(np.array(1.0), "x")
        >>> print(get_dot_graph(x * 2))
        digraph g {
        0 [label="() float64", color=orange, style=filled]
        1 [label="Mul", color=lightblue, style=filled, shape=box]
        2 -> 1
        3 -> 1
        1 -> 0
        2 [label="x: () float64", color=orange, style=filled]
        3 [label="() int64", color=orange, style=filled]
        }
    """
    if output.creator is None:
        raise GraphError("get_dot_graph: nothing was recorded for this value; it has no creator.")
    values: dict[Any, _Value] = {}
    calls = list(_calls_behind(output.creator, values))
    dtypes = {value.dtype for value in values.values() if value.dtype is not None and not value.constant}
    usual = next(iter(dtypes)) if len(dtypes) == 1 else None  # with one dtype throughout, it is that of all
    ids: dict[Any, int] = {}

    def number(key: Any) -> int:
        return ids.setdefault(key, len(ids))

    def line(key: Any) -> list[str]:
        value = values.pop(key, None)  # once each
        if value is None:
            return []
        return [f'{number(key)} [label="{value.label(verbose, usual)}", color=orange, style=filled]']

    lines = ["digraph g {", *line(_key(output.node))]
    for call, inputs, outputs in calls:
        lines.append(f'{number(call)} [label="{_class_name(call)}", color=lightblue, style=filled, shape=box]')
        lines += [f"{number(key)} -> {number(call)}" for key in inputs]
        lines += [f"{number(call)} -> {number(key)}" for key in outputs]
        for key in (*inputs, *outputs):
            lines += line(key)
    return "\n".join([*lines, "}"])


def _calls_behind(root: Any, values: dict[Any, _Value]) -> Iterator[tuple[Any, list[Any], list[Any]]]:
    """Each call with the keys of its inputs and outputs, whose facts are gathered in ``values``."""
    stack, seen = [root], {root}
    while stack:
        call = stack.pop()
        kept, count = _kept(call)
        outputs = [(call, place) for place in range(len(call.results))]
        for (_, place), result in zip(outputs, call.results, strict=True):
            values.setdefault((call, place), _Value()).learn(kept.get(-1 - place), result())
        places = {position: place for place, position in enumerate(call.wanted)}
        inputs: list[Any] = []
        for position in range(count):
            if position in places:
                edge = call.edges[places[position]]
                key = _key(edge)
                value = values.setdefault(key, _Value())
                value.shape = call.shapes[places[position]]
                value.learn(kept.get(position), value_at(edge))
                if isinstance(key, tuple) and key[0] not in seen:
                    seen.add(key[0])
                    stack.append(key[0])
            elif call.operation_name == "power":
                continue  # the book's exponent is no input
            else:
                key = (call, "constant", position)
                values[key] = _Value(constant=True)
                constant = kept.get(position)
                values[key].learn(constant if constant is None or hasattr(constant, "dtype") else np.asarray(constant))
            inputs.append(key)
        if call.operation_name == "softmax_cross_entropy":  # whose labels are an option here, and an input in the book
            inputs.append((call, "constant", count))
            values[inputs[-1]] = _Value(constant=True)
            values[inputs[-1]].learn(kept.get(None))
        yield call, inputs, outputs


def _kept(call: Any) -> tuple[dict[int | None, Any], int]:
    """What a call keeps: inputs by position, results as -1, -2, ..., an option as None; and how many inputs it had."""
    if isinstance(call, Call):
        rule = call.plan.rule
        if rule.variadic or call.several:
            return {}, max(call.wanted) + 1
        return dict(zip(call.plan.origins, call.kept or (), strict=False)), len(rule.inputs)
    if call.kept is None:
        return {}, max(call.wanted) + 1
    arrays, outs = call.kept
    return {**dict(enumerate(arrays)), **{-1 - place: out for place, out in enumerate(outs)}}, len(arrays)


def _key(edge: Any) -> Any:
    """A value: a leaf is its edge, a result its call and place."""
    return maker_of(edge) if edge.depth else edge


def _class_name(call: Any) -> str:
    name = str(call.operation_name)
    if not isinstance(call, Call):
        return name
    return _CLASSES.get(name, "".join(word.capitalize() for word in name.split("_")))


def plot_dot_graph(output: Any, verbose: bool = True, to_file: str | Path = "graph.png") -> Path:
    """Draw the graph behind ``output`` with Graphviz, into a file of any kind that it knows; or write ``.dot`` text.

    Raises:
        InputError: the file's name has no suffix.
        WengertError: Graphviz is needed, and not installed, or fails.
    """
    path = Path(to_file)
    kind = path.suffix[1:].lower()
    if not kind.isalnum():
        raise InputError(f"plot_dot_graph: {path.name}: the suffix says what to draw, such as .png, .svg or .dot.")
    return draw(get_dot_graph(output, verbose), path, kind)
