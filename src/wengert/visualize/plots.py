"""Plots, by Matplotlib: curves, gradient norms, histograms, filters, a confusion matrix, images; one line each.

Each writes a PNG and returns its path; without ``to_file`` it returns the Figure, which a notebook shows.
No state is shared: pyplot is not used.
"""

import io
from collections.abc import Mapping, Sequence
from functools import partial
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from wengert.debug.arrays import data_of
from wengert.errors import InputError, ShapeError, WengertError, message
from wengert.files import write_atomically

__all__ = [
    "plot_confusion",
    "plot_curves",
    "plot_filters",
    "plot_gradient_norms",
    "plot_histograms",
    "plot_images",
]

# Colours that all can tell apart (Okabe and Ito 2008).
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")


def plot_curves(
    curves: Mapping[str, Sequence[float]],
    to_file: str | Path | None = None,
    x_label: str = "epoch",
    *,
    log: bool = False,
) -> Any:
    """Curves of a training run, a panel for each name; ``valid_loss`` and the like go with ``loss``.

    Args:
        curves: The values of each name, one for each epoch.
        to_file: Where to; None for the Figure.
        x_label: What the values are counted by.
        log: Whether the vertical axes are logarithmic.

    Returns:
        The path, or the Figure.

    Raises:
        InputError: there are no curves.
        WengertError: Matplotlib is not installed.

    Example:
        >>> curves = {"loss": [1.0, 0.5], "valid_loss": [1.1, 0.7], "accuracy": [0.6, 0.8]}
        >>> [axes.get_title() for axes in plot_curves(curves, log=True).axes]
        ['loss', 'accuracy']
    """
    if not curves:
        raise InputError("plot_curves: there are no curves.")
    panels: dict[str, list[str]] = {}
    for name in curves:
        base = name.removeprefix("valid_")
        panels.setdefault(base if base in curves else name, []).append(name)
    figure = _figure(4.5 * len(panels), 3.4)
    for i, (title, names) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), i + 1)
        for name, colour in zip(sorted(names, key=len), _COLOURS, strict=False):
            label = "validation" if name != title else "training"
            steps = range(1, len(curves[name]) + 1)
            axes.plot(steps, curves[name], color=colour, marker="o", markersize=3, label=label)
        axes.set(xlabel=x_label, title=title)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if log:
            axes.set_yscale("log")
        axes.grid(alpha=0.3)
        if len(names) > 1:
            axes.legend(frameon=False)
    return _given(figure, to_file)


def plot_gradient_norms(
    norms: Mapping[str, Sequence[float]], to_file: str | Path | None = None, *, steps: Sequence[int] | None = None
) -> Any:
    """Gradient norms over the steps of a run: a line for each layer, or, of more than seven, a row of a map.

    Args:
        norms: The norms of each layer, as ``training.callbacks.GradientNorms`` collects them.
        to_file: Where to; None for the Figure.
        steps: At which steps they were; 1, 2, ... where None.

    Returns:
        The path, or the Figure.

    Raises:
        InputError: there are no norms, or not as many of each layer as there are steps.
        WengertError: Matplotlib is not installed.

    Example:
        >>> plot_gradient_norms({"layers.0": [1.0, 0.5], "layers.1": [2.0, 0.1]}).axes[0].get_ylabel()
        'norm of the gradient'
    """
    counts = {len(values) for values in norms.values()}
    places = list(steps) if steps is not None else list(range(1, max(counts, default=0) + 1))
    if not places or counts != {len(places)}:
        raise InputError(
            f"plot_gradient_norms: {len(norms)} layers with {sorted(counts)} norms each, at {len(places)} steps.\n"
            "    Fix: collect one norm of each layer at every step."
        )
    if len(norms) <= len(_COLOURS):
        figure = _figure(7.0, 3.6)
        axes = figure.add_subplot()
        for (name, values), colour in zip(norms.items(), _COLOURS, strict=False):
            axes.plot(places, values, color=colour, label=name or "(model)", linewidth=1.2)
        if any(value > 0 for values in norms.values() for value in values):
            axes.set_yscale("log")
        axes.set(xlabel="step", ylabel="norm of the gradient")
        axes.grid(alpha=0.3)
        figure.legend(loc="outside right upper", frameon=False)
        return _given(figure, to_file)
    with np.errstate(divide="ignore", invalid="ignore"):
        powers = np.ma.masked_invalid(np.log10(np.array(list(norms.values()), dtype=np.float64)))
    figure = _figure(8.0, 1.2 + 0.22 * len(norms))
    axes = figure.add_subplot()
    shown = axes.imshow(powers, aspect="auto", cmap="viridis", interpolation="nearest")
    axes.set_yticks(range(len(norms)), [name or "(model)" for name in norms], fontsize=8)
    ticks = sorted({round(i) for i in np.linspace(0, len(places) - 1, min(len(places), 8))})
    axes.set_xticks(ticks, [str(places[i]) for i in ticks])
    axes.set(xlabel="step")
    figure.colorbar(shown, ax=axes, label="log10 of the norm of the gradient", aspect=40)
    return _given(figure, to_file)


def plot_histograms(model: Any, to_file: str | Path | None = None, *, gradients: bool = False, bins: int = 40) -> Any:
    """How the weights of a model are distributed, or their gradients: a panel for each parameter.

    Entries that are not finite are left out, and counted in the panel.

    Args:
        model: A layer.
        to_file: Where to; None for the Figure.
        gradients: Whether to show gradients; parameters that have none are left out.
        bins: How many bars each has [1, ...).

    Returns:
        The path, or the Figure.

    Raises:
        InputError: there is nothing to show.
        WengertError: Matplotlib is not installed.

    Example:
        >>> from wengert.layers import Linear
        >>> [axes.get_title() for axes in plot_histograms(Linear(3, in_size=2)).axes]
        ['weight  (2, 3)', 'bias  (3,)']
    """
    shown = []
    for path, parameter in model.named_parameters():
        value = parameter.grad if gradients else parameter
        if value is not None and hasattr(value.data, "nbytes"):  # else there is none, or it waits for its shape
            shown.append((path, _array(value)))
    if not shown:
        what = "no parameter has a gradient" if gradients else "the model has no parameters yet"
        fix = "call loss.backward() first." if gradients else "call the model once, where they wait for their shape."
        raise InputError(f"plot_histograms: {what}.\n    Fix: {fix}")
    figure, grid = _grid(len(shown), 2.6, 2.0, most=5)
    for i, (axes, (path, values)) in enumerate(zip(grid, shown, strict=True)):
        finite = values[np.isfinite(values)].astype(np.float64)
        axes.hist(finite, bins=bins, color=_COLOURS[1 if gradients else 0])
        axes.set_title(f"{path}  {values.shape}", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.locator_params(nbins=4)
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.xaxis.get_offset_text().set_fontsize(7)
        axes.spines[["top", "right"]].set_visible(False)
        if finite.size < values.size:
            text = f"{values.size - finite.size:,} not finite"
            axes.text(0.97, 0.93, text, transform=axes.transAxes, ha="right", va="top", fontsize=8)
        if i == 0:
            axes.set_ylabel("entries", fontsize=8)
    return _given(figure, to_file)


def plot_filters(weight: Any, to_file: str | Path | None = None, *, limit: int = 64) -> Any:
    """The filters of a convolution over two axes: in colour where they have three channels, else channel by channel.

    In colour every filter is stretched to the whole range; otherwise all share one scale around zero.

    Shapes: weight (filters, channels, height, width)

    Args:
        weight: The weight, or the layer that has it.
        to_file: Where to; None for the Figure.
        limit: As many pictures are shown, the first ones [1, ...).

    Returns:
        The path, or the Figure.

    Raises:
        ShapeError: the weight does not have four axes.
        WengertError: Matplotlib is not installed.

    Example:
        >>> len(plot_filters(np.ones((6, 3, 5, 5))).axes)
        6
    """
    values = _array(getattr(weight, "weight", weight))
    if values.ndim != 4 or not values.size:
        raise ShapeError(
            message(
                "plot_filters: this is no weight of filters.",
                [("weight", values)],
                "it has the axes (filters, channels, height, width); a layer that waits for its shape is called first.",
            )
        )
    filters, channels = values.shape[:2]
    colour = channels == 3
    pictures = np.moveaxis(values, 1, -1) if colour else values.reshape(-1, *values.shape[2:])
    names = [f"{i}" for i in range(filters)]
    if not colour and channels > 1:
        names = [f"{i}, {c}" for i in range(filters) for c in range(channels)]
    count, pictures = len(pictures), pictures[:limit].astype(np.float64)
    columns = channels if not colour and 1 < channels <= 16 else max(8, ceil(sqrt(len(pictures))))
    figure, grid = _grid(len(pictures), 0.85, 0.95, most=columns, extra=0.0 if colour else 0.9)
    largest = float(np.abs(pictures).max()) or 1.0
    shown = None
    for axes, picture, name in zip(grid, pictures, names, strict=False):
        if colour:
            low, high = picture.min(), picture.max()
            axes.imshow((picture - low) / ((high - low) or 1.0), interpolation="nearest")
        else:
            shown = axes.imshow(picture, cmap="PuOr_r", vmin=-largest, vmax=largest, interpolation="nearest")
        axes.set_title(name, fontsize=7, pad=2)
        axes.set_axis_off()
    which = "filters" if colour or channels == 1 else "filter, channel"
    figure.suptitle(which if count == len(pictures) else f"{which}: the first {len(pictures)} of {count}", fontsize=9)
    if shown is not None:
        figure.colorbar(shown, ax=grid, shrink=0.8)
    return _given(figure, to_file)


def plot_confusion(matrix: Any, to_file: str | Path | None = None, *, classes: Sequence[str] | None = None) -> Any:
    """A confusion matrix: in each cell the count and its share of the row; the colour is the share.

    Shapes: matrix (classes, classes), rows what it was, columns what it was taken for

    Args:
        matrix: Counts, as ``training.ConfusionMatrix`` gives them.
        to_file: Where to; None for the Figure.
        classes: Their names; 0, 1, ... where None.

    Returns:
        The path, or the Figure.

    Raises:
        ShapeError: it is not square, or there are not as many names.
        WengertError: Matplotlib is not installed.

    Example:
        >>> figure = plot_confusion(np.array([[8, 2], [1, 9]]), classes=["cat", "dog"])
        >>> [text.get_text() for text in figure.axes[0].texts][:2]
        ['8\\n80%', '2\\n20%']
    """
    counts = _array(matrix)
    names = [str(i) for i in range(len(counts))] if classes is None else [str(name) for name in classes]
    if counts.ndim != 2 or counts.shape != (len(names), len(names)) or not names:
        fix = "rows and columns are the classes, and each has a name."
        operands = [("matrix", counts), ("classes", classes)]
        raise ShapeError(message("plot_confusion: the matrix does not fit.", operands, fix))
    rows = counts.sum(axis=1, keepdims=True)
    rates = counts / np.where(rows == 0, 1, rows)
    side = 1.6 + 0.52 * len(names)
    figure = _figure(side + 1.2, side)
    axes = figure.add_subplot()
    shown = axes.imshow(rates, cmap="Blues", vmin=0, vmax=1)
    if max(map(len, names)) > 3:
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    else:
        axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="taken for", ylabel="was")
    for i, j in np.ndindex(counts.shape):
        rate = "<1%" if rates[i, j] < 0.005 else f"{rates[i, j]:.0%}"
        text = f"{counts[i, j]:,.0f}\n{rate}" if counts[i, j] else "0"
        colour = "white" if rates[i, j] > 0.6 else "black"
        axes.text(j, i, text, ha="center", va="center", fontsize=8, color=colour)
    figure.colorbar(shown, ax=axes, label="share of the row", shrink=0.8)
    return _given(figure, to_file)


def plot_images(
    images: Any, to_file: str | Path | None = None, *, titles: Sequence[Any] | None = None, columns: int | None = None
) -> Any:
    """Images as a grid.

    Integers are shades from 0 to 255; what else lies between 0 and 1 is shown as it is, and anything beyond is
    stretched, all images alike, from their smallest to their largest entry.

    Shapes: images (n, height, width), (n, 1, height, width) or, in colour, (n, 3, height, width)

    Args:
        images: An array or Variable.
        to_file: Where to; None for the Figure.
        titles: What stands above each.
        columns: How many in a row; about as many as there are rows where None.

    Returns:
        The path, or the Figure.

    Raises:
        ShapeError: they are of another shape, or there are not as many titles.
        InputError: there are no columns.
        WengertError: Matplotlib is not installed.

    Example:
        >>> figure = plot_images(np.zeros((3, 1, 8, 8)), titles=["a", "b", "c"])
        >>> [axes.get_title() for axes in figure.axes]
        ['a', 'b', 'c']
    """
    values = _array(images)
    if values.ndim not in (3, 4) or (values.ndim == 4 and values.shape[1] not in (1, 3)) or not values.size:
        fix = "they have the axes (n, height, width) or (n, 1 or 3 channels, height, width)."
        raise ShapeError(message("plot_images: these are no images.", [("images", values)], fix))
    if titles is not None and len(titles) != len(values):
        raise ShapeError(f"plot_images: {len(titles)} titles for {len(values)} images.")
    if columns is not None and columns < 1:
        raise InputError(f"plot_images: columns={columns}: it is a number from 1 on.")
    if values.ndim == 4:
        values = values[:, 0] if values.shape[1] == 1 else np.moveaxis(values, 1, -1)
    low, high = 0.0, 255.0 if values.dtype.kind in "iu" else 1.0
    least, most = float(np.nanmin(values)), float(np.nanmax(values))
    if least < low or most > high:
        low, high = least, most
    values = (values.astype(np.float64) - low) / ((high - low) or 1.0)
    height = 1.1 * values.shape[1] / values.shape[2]
    height += 0.25 if titles is not None else 0.0
    figure, grid = _grid(len(values), 1.1, height, most=columns or max(4, ceil(sqrt(len(values)))))
    for i, (axes, picture) in enumerate(zip(grid, values, strict=True)):
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_axis_off()
        if titles is not None:
            axes.set_title(str(titles[i]), fontsize=8, pad=3)
    return _given(figure, to_file)


def _figure(width: float, height: float) -> Any:
    """An empty figure, of a size in inches."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise WengertError("plots need Matplotlib: python -m pip install matplotlib") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    setattr(figure, "_repr_png_", partial(_png, figure))  # what notebooks ask for
    return figure


def _grid(count: int, width: float, height: float, most: int, extra: float = 0.0) -> tuple[Any, list[Any]]:
    """A figure and so many axes in it, in rows of at most ``most``."""
    columns = min(count, most)
    rows = ceil(count / columns)
    figure = _figure(width * columns + extra, height * rows + 0.3)
    return figure, [figure.add_subplot(rows, columns, i + 1) for i in range(count)]


def _given(figure: Any, to_file: str | Path | None) -> Any:
    """The figure, or the path it is written to."""
    if to_file is None:
        return figure
    path = Path(to_file)
    write_atomically(path, _png(figure))
    return path


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def _array(value: Any) -> Any:
    return np.asarray(data_of(value))
