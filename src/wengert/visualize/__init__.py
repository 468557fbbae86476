"""Pictures: the computational graph as DOT text."""

from wengert.visualize.dot import get_dot_graph, plot_dot_graph

__all__ = ["get_dot_graph", "plot_dot_graph"]
