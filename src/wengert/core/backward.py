"""Back over the tape: each function once, deepest first, without recursion.

A gradient waits at its edge until everything above has sent its part; so a function is passed when it is the deepest
one left.  First-order passes run the formulas on plain arrays; with ``create_graph`` the same formulas run on
Variables, and what they compute is itself on the tape.
"""

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import Any

from wengert.backends import namespace_of
from wengert.core.function import Function, Item, freed, wrong_gradient
from wengert.core.modes import current_config, using_config
from wengert.core.recorded import Recorded, WeakLeaf, make_result
from wengert.errors import ShapeError

__all__ = ["accumulate_into_leaves", "backpropagate", "edges_leading_to", "unchain_behind"]


def backpropagate(
    roots: Iterable[tuple[Any, Any]],
    *,
    create_graph: bool = False,
    retain_graph: bool = False,
    retain_grad: bool = False,
    targets: Sequence[Any] | None = None,
) -> dict[Any, Any]:
    """Take gradients back from the roots, and return what arrived, by edge.

    Args:
        roots: Edges to start from, each with the gradient to start with: arrays, or Variables for ``create_graph``.
        create_graph: Record what the formulas compute, so that it can be differentiated again.
        retain_graph: Keep what the functions kept, so that the same tape can be gone over again.
        retain_grad: Leave the gradient of every intermediate value that is still held in its ``grad``.
        targets: The edges to stop at, nothing else being needed; all leaves where None.

    Returns:
        Every gradient that nobody may write into is a copy, so each is safe to hand out.
    """
    if create_graph:
        with using_config("enable_backprop", True):
            return _go_back(list(roots), True, True, retain_grad, targets)
    return _go_back(list(roots), False, retain_graph, retain_grad, targets)


def _go_back(
    roots: list[tuple[Any, Any]], recording: bool, retain_graph: bool, retain_grad: bool, targets: Sequence[Any] | None
) -> dict[Any, Any]:
    observer = current_config().observer
    relevant = None if targets is None else edges_leading_to(targets, [edge for edge, _ in roots])
    arrived: dict[Any, Any] = {}  # what the leaves and targets received: the answer
    waiting: dict[Any, Any] = {}  # the gradient gathered so far at each edge that is still to be passed
    owned = set()  # edges whose gradient is a sum made here, and may be added to in place
    heap: list[tuple[int, int, Any]] = []
    order = 0  # breaks ties, so that functions are never compared
    xp: Any = None
    for edge, g in roots:
        if relevant is not None and (edge if edge.depth else edge.leaf()) not in relevant:
            continue
        xp = g.__array_namespace__() if recording else namespace_of((g,))
        if not edge.depth:
            arrived[edge.leaf()] = g
        elif edge in waiting:
            waiting[edge] = waiting[edge] + g
        else:
            waiting[edge] = g
            heappush(heap, (-edge.depth, order, edge))
            order += 1
    stops = frozenset(targets or ())

    while heap:
        edge = heappop(heap)[2]
        g = waiting.pop(edge)
        if relevant is not None and edge in stops:
            arrived[edge] = g
            continue
        if edge.__class__ is Item:  # several results: gather their gradients at the function
            function, place = edge.function, edge.position
            if retain_grad:
                _retain(function.results[place](), g)
            gathered = waiting.get(function)
            if gathered is None:
                gathered = waiting[function] = [None] * len(function.results)
                heappush(heap, (-function.depth, order, function))
                order += 1
            gathered[place] = g if gathered[place] is None else gathered[place] + g
            continue
        kept = edge.kept
        if kept is None:
            raise freed(edge)
        if g.__class__ is list:
            g = tuple(g)
        elif retain_grad:
            _retain(edge.results[0](), g)
        if observer is not None:
            observer.backward(edge, g)
        edges, shapes, place = edge.edges, edge.shapes, -1
        for gradient in edge.gradients(g, xp, recording):
            place += 1
            below = edges[place]
            if relevant is not None and (below if below.depth else below.leaf()) not in relevant:
                continue
            if gradient.__class__ is float or gradient.shape != shapes[place]:
                gradient = _fit(edge, place, gradient, shapes[place], xp)
            if below.depth:
                held = waiting.get(below)
                if held is None:
                    waiting[below] = gradient
                    heappush(heap, (-below.depth, order, below))
                    order += 1
                elif below in owned:
                    held += gradient
                    waiting[below] = held
                else:
                    waiting[below] = held + gradient
                    owned.add(below)
            else:
                below = below.leaf()
                if below is None:
                    continue
                held = arrived.get(below)
                if held is None:
                    arrived[below] = gradient
                    if _is_new(gradient, g, kept):
                        owned.add(below)
                elif below in owned:
                    held += gradient
                    arrived[below] = held
                else:
                    arrived[below] = held + gradient
                    owned.add(below)
            if observer is not None:
                observer.accumulate(edge, place, below, gradient, (waiting if below.depth else arrived)[below])
        if not retain_graph:
            edge.kept = None
            if observer is not None:
                observer.free(edge)

    for edge, g in arrived.items():
        if edge not in owned and not recording:
            arrived[edge] = xp.asarray(g, copy=True)
    return arrived


def accumulate_into_leaves(arrived: dict[Any, Any], recording: bool) -> None:
    """Add to the ``grad`` of each leaf what arrived there, in the leaf's own dtype."""
    for leaf, g in arrived.items():
        dtype = leaf.data.dtype
        if recording:
            if g.dtype != dtype:
                g = g.__array_namespace__().astype(g, dtype)
            leaf._grad = g if leaf._grad is None else leaf._grad + g
        else:
            xp = namespace_of((leaf.data,))
            if g.dtype != dtype or not isinstance(g, xp.ndarray):
                g = xp.asarray(g, dtype=dtype)
            leaf._grad = make_result(g if leaf._grad is None else leaf._grad.data + g)


def edges_leading_to(targets: Sequence[Any], roots: Iterable[Any]) -> set[Any]:
    """The edges on the way from the roots to the targets, both ends included."""
    found = set(targets)
    floor = min((edge.depth for edge in targets), default=0)
    seen: set[Any] = set(targets)
    stack: list[tuple[Any, bool]] = [(root, False) for root in roots]
    while stack:
        edge, done = stack.pop()
        if done:
            if any(_resolve(below) in found for below in edges_below(edge)):
                found.add(edge)
            continue
        if edge in seen or edge.depth <= floor:  # nothing so low can come from a target
            continue
        seen.add(edge)
        stack.append((edge, True))
        stack.extend((below, False) for below in edges_below(edge))
    return found


def edges_below(edge: Any) -> Sequence[Any]:
    """The edges one step further back."""
    if isinstance(edge, Item):
        return (edge.function,)
    return edge.edges if edge.depth else ()


def unchain_behind(root: Any) -> None:
    """Cut the tape behind ``root``: every value on it that is still held becomes a leaf."""
    root = root.function if isinstance(root, Item) else root
    stack: list[Any] = [root]
    seen = {root}
    while stack:
        edge = stack.pop()
        function = edge.function if isinstance(edge, Item) else edge
        if not function.depth:
            continue
        if function is not root:
            for result in function.results:
                value = result()
                if value is not None:
                    value.node = None
        for below in function.edges:
            if below not in seen:
                seen.add(below)
                stack.append(below)
        function.edges, function.kept = (), None


def _resolve(edge: Any) -> Any:
    return edge.leaf() if isinstance(edge, WeakLeaf) else edge


def _is_new(gradient: Any, g: Any, kept: tuple[Any, ...]) -> bool:
    """Whether a formula made this array itself, and nobody else can see it."""
    if gradient is g or getattr(gradient, "base", None) is not None:
        return False
    return not any([gradient is value for value in kept])


def _retain(value: Recorded | None, g: Any) -> None:
    if value is not None:
        value._grad = g if isinstance(g, Recorded) else make_result(namespace_of((g,)).asarray(g, copy=True))


def _fit(function: Function, position: int, gradient: Any, shape: Any, xp: Any) -> Any:
    """Sum a gradient over the axes its input was broadcast along, if the operation broadcasts; else it is wrong."""
    got = getattr(gradient, "shape", None)
    if got is None and isinstance(gradient, float) and shape == ():
        return xp.asarray(gradient)
    if got is None or not function.broadcasts or len(got) < len(shape):
        raise wrong_gradient(function, position, gradient, shape)
    extra = len(got) - len(shape)
    axes = tuple(range(extra)) + tuple(
        i + extra for i, (have, want) in enumerate(zip(got[extra:], shape, strict=True)) if want == 1 and have != 1
    )
    summed = xp.reshape(xp.sum(gradient, axis=axes), shape) if axes else gradient
    if summed.shape != shape:
        raise ShapeError(str(wrong_gradient(function, position, gradient, shape)))
    return summed
