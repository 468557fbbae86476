"""Plots, by Matplotlib: the curves of a training run."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from wengert.errors import WengertError
from wengert.files import write_atomically

__all__ = ["plot_curves"]


def plot_curves(curves: Mapping[str, Sequence[float]], to_file: str | Path, x_label: str = "epoch") -> Path:
    """Write a picture with one panel for each named curve.

    Raises:
        WengertError: Matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise WengertError("plots need Matplotlib: python -m pip install matplotlib") from error
    figure = Figure(figsize=(4.5 * len(curves), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    for i, (name, values) in enumerate(curves.items()):
        axes = figure.add_subplot(1, len(curves), i + 1)
        axes.plot(range(1, len(values) + 1), values, marker="o", markersize=3)
        axes.set(xlabel=x_label, title=name)
        axes.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    path = Path(to_file)
    write_atomically(path, buffer.getvalue())
    return path
