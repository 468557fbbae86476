"""Where the nodes of a graph stand in a picture, and how its lines run: arrows point down, chains are straight.

In four steps, after Sugiyama: every node gets a layer; an arrow over several layers gets a stop in each one it passes;
each layer is put in an order that has few crossings; and the places across follow from what should be straight
(Brandes and Koepf, "Fast and simple horizontal coordinate assignment", 2001).
Nothing is drawn by chance, so that the same graph always gives the same picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

__all__ = ["Arrangement", "arrange"]

_ACROSS, _BESIDE_A_LINE, _DOWN = 18.0, 10.0, 22.0  # what is left free between nodes, lines and layers
_WORK = 120_000  # how many places the ordering may look at, which bounds its rounds for large graphs


class Point(NamedTuple):
    """A place that a line passes straight down, from ``top`` to ``bottom``."""

    x: float
    top: float
    bottom: float


@dataclass
class Arrangement:
    """The middle of each node, the points that each edge passes from its start to its end, and the size of it all."""

    centres: list[tuple[float, float]]
    routes: list[list[Point]]
    width: float
    height: float


class _Grid:
    """The graph in layers: nodes, and after them the stops, joined from each layer to the next alone."""

    def __init__(self, sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> None:
        count = len(sizes)
        self.widths = [width for width, _ in sizes]
        self.level = _levels(count, edges)
        self.source = list(range(count))  # of a stop, the node whose line it carries
        self.up: list[list[int]] = [[] for _ in sizes]
        self.down: list[list[int]] = [[] for _ in sizes]
        self.count = count
        lines: dict[int, list[int]] = {}  # what carries the line of a node, layer after layer: its arrows share it
        self.stops: list[list[int]] = []
        for start, end in edges:
            line = lines.setdefault(start, [start])
            while self.level[line[-1]] < self.level[end] - 1:
                line.append(self._stop(line[-1]))
            passed = line[: self.level[end] - self.level[start]]
            if passed[-1] not in self.up[end]:
                self._join(passed[-1], end)
            self.stops.append(passed[1:])
        self.loose = {node for node in range(count) if not self.up[node] and len(self.down[node]) == 1}
        self.layers: list[list[int]] = [[] for _ in range(max(self.level) + 1)]
        for node in sorted(range(len(self.level)), key=lambda node: (self.source[node], node)):
            self.layers[self.level[node]].append(node)

    def _stop(self, above: int) -> int:
        stop = len(self.level)
        self.level.append(self.level[above] + 1)
        self.widths.append(0.0)
        self.source.append(self.source[above])
        self.up.append([])
        self.down.append([])
        self._join(above, stop)
        return stop

    def _join(self, above: int, below: int) -> None:
        self.down[above].append(below)
        self.up[below].append(above)

    def gap(self, left: int, right: int) -> float:
        """How far apart the middles of two neighbours must be at least."""
        free = _ACROSS if max(left, right) < self.count else _BESIDE_A_LINE
        return (self.widths[left] + self.widths[right]) / 2 + free


def arrange(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> Arrangement:
    """Place nodes of these sizes, such that every edge leads down.

    Args:
        sizes: The width and height of each node.
        edges: Pairs of nodes, from above to below; no way along them comes back to where it began.
            Where a choice is free, nodes stand from left to right in the order of their numbers.

    Example:
        >>> arrange([(20, 10), (20, 10), (20, 10)], [(0, 2), (1, 2)]).centres
        [(10.0, 5.0), (48.0, 5.0), (29.0, 38.9)]
    """
    grid = _Grid(sizes, edges)
    _order(grid)
    across = _across(grid)
    left = min(x - width / 2 for x, width in zip(across, grid.widths, strict=True))
    across = [x - left for x in across]
    tops, bottoms, middle = [], [], [0.0] * len(sizes)
    y = 0.0
    for layer in grid.layers:
        height = max((sizes[node][1] for node in layer if node < grid.count), default=0.0)
        tops.append(y)
        bottoms.append(y + height)
        for node in layer:
            if node < grid.count:
                middle[node] = y + height / 2
        slant = max((abs(across[node] - across[below]) for node in layer for below in grid.down[node]), default=0.0)
        y += height + _DOWN + min(slant / 10, 2 * _DOWN)  # room for lines that lead far across

    def passed(node: int) -> Point:
        if node >= grid.count:
            return Point(across[node], tops[grid.level[node]], bottoms[grid.level[node]])
        half = sizes[node][1] / 2
        return Point(across[node], middle[node] - half, middle[node] + half)

    routes = [
        [passed(node) for node in (start, *stops, end)] for (start, end), stops in zip(edges, grid.stops, strict=True)
    ]
    width = max(x + width / 2 for x, width in zip(across, grid.widths, strict=True))
    return Arrangement(list(zip(across, middle, strict=False)), routes, width, bottoms[-1])


def _levels(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The layer of each node: below all it comes from, and no further from what follows than it has to be."""
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for start, end in dict.fromkeys(edges):
        above[end].append(start)
        below[start].append(end)
    level, missing = [0] * count, [len(each) for each in above]
    order = [node for node in range(count) if not above[node]]
    for node in order:  # which grows
        for end in below[node]:
            level[end] = max(level[end], level[node] + 1)
            missing[end] -= 1
            if not missing[end]:
                order.append(end)

    # A chain moves as one: down to where it is used, if no more lines lead into it than out of it.  Those from nodes
    # that begin one line only do not count, for these follow.
    loose = [not above[node] and len(below[node]) == 1 for node in range(count)]
    held = [[start for start in starts if not loose[start]] for starts in above]
    chain: dict[int, list[int]] = {}
    for node in order:
        before = held[node][0] if len(held[node]) == 1 else None
        joined = before is not None and [end for end in below[before] if not loose[end]] == [node]
        chain[node] = [*chain.pop(before), node] if before is not None and joined and before in chain else [node]
    for last in reversed(order):
        if last in chain and below[last]:
            room = min(level[end] for end in below[last]) - 1 - level[last]
            if len(held[chain[last][0]]) <= len(below[last]):
                for node in chain[last]:
                    level[node] += room
    lowest = min(level, default=0)
    return [each - lowest for each in level]


def _order(grid: _Grid) -> None:
    """Sort the layers by the mean place of what each node is joined to, down and up in turn; the best of it stands."""
    best, fewest = [list(layer) for layer in grid.layers], _crossings(grid)
    for turn in range(max(4, min(24, _WORK // len(grid.level)))):
        if not fewest:
            break
        downwards = turn % 2 == 0
        beside = grid.up if downwards else grid.down
        for number in range(1, len(grid.layers)) if downwards else range(len(grid.layers) - 2, -1, -1):
            known = {node: i for i, node in enumerate(grid.layers[number - 1 if downwards else number + 1])}
            layer = grid.layers[number]
            joined = [node for node in layer if beside[node]]
            means = {node: sum(known[other] for other in beside[node]) / len(beside[node]) for node in joined}
            moved = iter(sorted(means, key=means.__getitem__))
            grid.layers[number] = [next(moved) if node in means else node for node in layer]
        crossings = _crossings(grid)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in grid.layers], crossings
    grid.layers = best


def _crossings(grid: _Grid) -> int:
    """How often lines cross."""
    total = 0
    for upper, lower in zip(grid.layers, grid.layers[1:], strict=False):
        place = {node: i for i, node in enumerate(lower)}
        ends = [end for node in upper for end in sorted(place[other] for other in grid.down[node])]
        tree = [0] * (len(lower) + 1)  # how many ends so far lie at or left of a place: a Fenwick tree
        for seen, end in enumerate(ends):
            i = end + 1
            while i:
                total -= tree[i]
                i &= i - 1
            total += seen
            i = end + 1
            while i < len(tree):
                tree[i] += 1
                i += i & -i
    return total


def _across(grid: _Grid) -> list[float]:
    """The middle of each node and stop from left to right: the mean of four layouts that each lean to one corner."""
    layouts: list[list[float]] = []
    for upwards in (False, True):
        for mirrored in (False, True):
            layers = [layer[::-1] if mirrored else layer for layer in grid.layers]
            layers = layers[::-1] if upwards else layers
            xs = _packed(grid, layers, _columns(grid, layers, grid.down if upwards else grid.up))
            layouts.append([-x for x in xs] if mirrored else xs)
    spans = [(min(xs), max(xs)) for xs in layouts]
    low, high = min(spans, key=lambda span: span[1] - span[0])
    for number, (least, most) in enumerate(spans):
        shift = high - most if number % 2 else low - least
        layouts[number] = [x + shift for x in layouts[number]]
    xs = [sum(sorted(places)[1:3]) / 2 for places in zip(*layouts, strict=True)]
    for layer in grid.layers:  # what begins one line only comes as near to its end as its neighbours let it
        for left, node in zip([None, *layer], layer, strict=False):
            if node in grid.loose and xs[node] > xs[grid.down[node][0]]:
                xs[node] = max(xs[grid.down[node][0]], -inf if left is None else xs[left] + grid.gap(left, node))
        for right, node in zip([None, *layer[::-1]], layer[::-1], strict=False):
            if node in grid.loose and xs[node] < xs[grid.down[node][0]]:
                xs[node] = min(xs[grid.down[node][0]], inf if right is None else xs[right] - grid.gap(node, right))
    return xs


def _columns(grid: _Grid, layers: list[list[int]], beside: list[list[int]]) -> list[int]:
    """For each node the first of the column it stands in: a node stands in that of its median neighbour, where it can.

    The lines of long edges come first: nothing makes them bend.  What begins one line only, such as a parameter, gives
    way to what was computed.
    """
    column = list(range(len(grid.level)))
    loose = {node for node in grid.loose if any(grid.up[other] for other in grid.up[grid.down[node][0]])}
    place: dict[int, int] = {}
    for layer in layers:
        going_on = {
            node: next((other for other in beside[node] if other >= grid.count), None) if node >= grid.count else None
            for node in layer
        }
        bound, bounds = len(grid.level), []  # right of each node, the leftmost place that a long line needs
        for node in reversed(layer):
            bounds.append(bound)
            other = going_on[node]
            bound = bound if other is None else min(bound, place[other])
        reached = -1
        for node, bound in zip(layer, reversed(bounds), strict=True):
            known = sorted([o for o in beside[node] if o not in loose and node not in loose], key=place.__getitem__)
            line = going_on[node]
            medians = [line] if line is not None else known[(len(known) - 1) // 2 : len(known) // 2 + 1]
            for other in medians:
                if reached < place[other] < bound:
                    column[node], reached = column[other], place[other]
                    break
        place = {node: i for i, node in enumerate(layer)}
    return column


def _packed(grid: _Grid, layers: list[list[int]], column: list[int]) -> list[float]:
    """Columns as far left as they can stand, and then as far right as their right neighbours let them."""
    right: dict[int, dict[int, float]] = {first: {} for first in column}
    waits = dict.fromkeys(right, 0)
    for layer in layers:
        for left, node in zip(layer, layer[1:], strict=False):
            gaps = right[column[left]]
            if column[node] not in gaps:
                waits[column[node]] += 1
            gaps[column[node]] = max(gaps.get(column[node], 0.0), grid.gap(left, node))
    xs = dict.fromkeys(right, 0.0)
    order = [first for first, count in waits.items() if not count]
    for first in order:  # which grows
        for other, gap in right[first].items():
            xs[other] = max(xs[other], xs[first] + gap)
            waits[other] -= 1
            if not waits[other]:
                order.append(other)
    for first in reversed(order):
        if right[first]:
            xs[first] = min(xs[other] - gap for other, gap in right[first].items())
    return [xs[first] for first in column]
