"""Pictures: the computational graph as a page, as SVG and as DOT text; layers as a table; training as plots."""

from wengert.visualize.dot import get_dot_graph, plot_dot_graph
from wengert.visualize.notebook import Graph, graph
from wengert.visualize.plots import (
    plot_confusion,
    plot_curves,
    plot_filters,
    plot_gradient_norms,
    plot_histograms,
    plot_images,
)

__all__ = [
    "Graph",
    "get_dot_graph",
    "graph",
    "plot_confusion",
    "plot_curves",
    "plot_dot_graph",
    "plot_filters",
    "plot_gradient_norms",
    "plot_histograms",
    "plot_images",
]
