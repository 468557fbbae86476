"""Back over the tape: each function once, deepest first, without recursion.

A gradient waits at its edge until everything above has sent its part; so a function is passed when it is the deepest
one left.  First-order passes run the formulas on plain arrays; with ``create_graph`` the same formulas run on
Variables, and what they compute is itself on the tape.
"""

from collections.abc import Iterable, Sequence
from sys import getrefcount
from threading import RLock
from typing import Any

from wengert.backends import namespace_of
from wengert.backends.placed import Placed
from wengert.backends.saved import Watched
from wengert.core.function import Function, Item, living_functions, maker_of, value_at, wrong_gradient
from wengert.core.memory import SCALAR
from wengert.core.modes import Observer, current_config, using_config
from wengert.core.real import sum_over
from wengert.core.recorded import Leaf, Recorded, make_result, set_gradient
from wengert.errors import DtypeError, GraphError, MutationError, ShapeError, describe, laid_out, message
from wengert.lines import Line, user_frame
from wengert.tracing import active, refuse_leak

__all__ = [
    "accumulate_into_leaves",
    "backpropagate",
    "cut",
    "edges_below",
    "edges_leading_to",
    "fit",
    "freed",
    "unchain_behind",
]

# Several threads may add to one leaf's gradient.  An observer that is told of it may go back itself.
_adding = RLock()


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
        A gradient for each leaf or target that was reached.
        Every one that somebody else may write into is a copy, so each is safe to hand out.
    """
    roots = list(roots)
    observer = current_config().observer
    if observer is not None:
        observer.start(roots, create_graph)
    try:
        if create_graph:
            with using_config("enable_backprop", True):
                return _go_back(roots, True, True, retain_grad, targets, observer)
        arrived = _go_back(roots, False, retain_graph, retain_grad, targets, observer)
        if not retain_graph:
            frame = user_frame()
            if frame is not None:
                place = frame.f_code, frame.f_lineno
                for edge, _ in roots:
                    if edge.depth:
                        maker_of(edge)[0].passed_by = place
        return arrived
    finally:
        if observer is not None:
            observer.end()


def _go_back(
    roots: list[tuple[Any, Any]],
    recording: bool,
    retain_graph: bool,
    retain_grad: bool,
    targets: Sequence[Any] | None,
    observer: Observer | None,
) -> dict[Any, Any]:
    relevant = None if targets is None else edges_leading_to(targets, [edge for edge, _ in roots])
    stops = frozenset(targets or ())
    arrived: dict[Any, Any] = {}  # what the targets above the leaves received
    waiting: dict[Any, Any] = {}  # the gradient gathered so far at each edge; in the end, at each leaf
    owned = set()  # edges whose gradient nobody else holds: it may be added to in place
    levels: dict[int, list[Any]] = {}  # the edges where a gradient waits, by depth
    xp: Any = None
    for edge, g in roots:
        if relevant is not None and edge not in relevant:
            continue
        xp = g.__array_namespace__() if recording else namespace_of((g,))
        if edge in waiting:
            waiting[edge] = waiting[edge] + g
        else:
            waiting[edge] = g
            levels.setdefault(edge.depth, []).append(edge)

    for depth in range(max(levels, default=0), 0, -1):
        level = levels.pop(depth, None)
        if level is None:
            continue
        for edge in level:
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
                    level.append(function)
                gathered[place] = g
                continue
            kept = edge.kept
            if kept.__class__ is not tuple:
                if kept is None:
                    raise freed(edge)
                if kept.__class__ is Watched and kept.changed() is not None:
                    raise _written_into(edge, kept.changed())
            if g.__class__ is list:
                g = tuple(g)
            elif retain_grad:
                _retain(edge.made(), g)
            if observer is not None:
                observer.backward(edge, g)
            plan, asks_owned = edge.plan, False
            if plan is None:
                gradients = edge.gradients(g, xp, recording)
            else:
                if recording:
                    kept = edge.kept_variables()
                if plan.asks_owned:
                    asks_owned = True
                    kept = (*kept, edge in owned)
                gradients = plan.run(xp, g, kept)
            shapes, place = edge.shapes, -1
            for below in edge.edges:
                place += 1
                if relevant is not None and below not in relevant:
                    continue
                gradient = gradients[place]
                if gradient.__class__ is float or (gradient.data if recording else gradient).shape != shapes[place]:
                    gradient = fit(edge, place, gradient, shapes[place], xp)
                held = waiting.get(below)
                if gradient.__class__ is Placed and (held is None or observer is not None):
                    gradient = gradient.dense(xp)
                    if held is None:
                        owned.add(below)
                if held is None:
                    depth_below = below.depth
                    if (not depth_below or asks_owned) and not recording:
                        passed_on = gradient is g
                        if (not passed_on or edge in owned) and _nobody_else_holds(gradients, place, 1 + passed_on):
                            owned.add(below)
                    waiting[below] = gradient
                    if not depth_below:
                        pass
                    elif depth_below in levels:
                        levels[depth_below].append(below)
                    else:
                        levels[depth_below] = [below]
                elif recording:
                    waiting[below] = held + gradient
                elif below in owned:
                    if gradient.__class__ is Placed:
                        held = xp.add_at(held, gradient.index, gradient.values)
                    else:
                        held += gradient
                    waiting[below] = held
                else:
                    waiting[below] = held + (gradient.dense(xp) if gradient.__class__ is Placed else gradient)
                    owned.add(below)
                if observer is not None:
                    observer.accumulate(edge, place, below, gradient, waiting[below])
            if not retain_graph:
                edge.kept = None
                if observer is not None:
                    observer.free(edge)

    arrived |= waiting
    for edge, g in arrived.items():
        if g.dtype.kind == "c":
            raise DtypeError(
                "backward: the way back leads through complex numbers, which are constants here.\n"
                "    Fix: write the formula with real and imaginary parts as arrays of their own."
            )
        if edge not in owned and not recording:
            arrived[edge] = xp.asarray(g, copy=True)
    return _apart(arrived, roots) if recording else arrived


def _apart(arrived: dict[Any, Any], roots: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Recorded gradients, each a value of its own, so that writing into one is not seen through another."""
    seen = {id(seed) for _, seed in roots}
    for edge, g in arrived.items():
        if id(g) in seen or g.memory not in (None, SCALAR):
            arrived[edge] = make_result(g.data, g.node)
        seen.add(id(g))
    return arrived


def accumulate_into_leaves(arrived: dict[Any, Any], recording: bool) -> None:
    """Add to the ``grad`` of each leaf what arrived there, in the leaf's own dtype."""
    if active():
        for edge, g in arrived.items():
            leaf = edge.leaf()
            if leaf is not None:
                refuse_leak(leaf, g.data if recording else g, "the gradient")
    with _adding:
        _accumulate_into_leaves(arrived, recording)


def _accumulate_into_leaves(arrived: dict[Any, Any], recording: bool) -> None:
    observer = current_config().observer
    for edge, g in arrived.items():
        leaf = edge.leaf()
        if leaf is None:  # nobody holds it any more
            continue
        dtype, before = leaf.data.dtype, leaf._grad
        if recording:
            if g.dtype != dtype:
                g = g.__array_namespace__().astype(g, dtype)
            set_gradient(leaf, g if before is None else before + g)
        else:
            xp = namespace_of((leaf.data,))
            if g.dtype != dtype or not isinstance(g, xp.ndarray):
                g = xp.asarray(g, dtype=dtype)
            set_gradient(leaf, make_result(g if before is None else before.data + g))
        if observer is not None:
            observer.deposit(leaf, before)


def edges_leading_to(targets: Sequence[Any], roots: Iterable[Any]) -> set[Any]:
    """The edges on the way from the roots to the targets, both ends included."""
    found = set(targets)
    floor = min((edge.depth for edge in targets), default=0)
    seen: set[Any] = set(targets)
    stack: list[tuple[Any, bool]] = [(root, False) for root in roots]
    while stack:
        edge, done = stack.pop()
        if done:
            if any(below in found for below in edges_below(edge)):
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


def cut(edge: Any) -> None:
    """Make an edge a leaf, for everything that was computed from its value: going back ends there."""
    if not edge.depth:
        return
    value = value_at(edge)
    if value is not None and value.node == edge:
        value.node = Leaf(value)
    edge.depth = 0
    if edge.__class__ is not Item:
        edge.edges, edge.kept = (), None


def unchain_behind(root: Any) -> None:
    """Cut the tape from ``root`` on: every value on it becomes a leaf."""
    stack: list[Any] = [root]
    while stack:
        edge = stack.pop()
        if edge.depth:
            stack.extend(maker_of(edge)[0].edges)
            cut(edge)


def freed(function: Any) -> GraphError:
    """The error of going back a second time: which graph was gone back through before, and by which line."""
    roots = [each for each in living_functions() if hasattr(each, "passed_by")]
    before = [root for root in roots if root in edges_leading_to([function], [root])]
    rows = []
    for root in before[:3]:
        value = next((value for value in [result() for result in root.results] if value is not None), None)
        name = f"that of {describe(value)}, made by {root.operation_name}" if value is not None else root.operation_name
        code, number = root.passed_by
        rows += [("graph", name), ("freed", f"by {Line(code.co_filename, number, code.co_name)}")]
    fact = f"backward: {function.operation_name} has already been passed, and what it kept was freed."
    fix = "call backward(retain_graph=True) the first time, or run the forward pass again."
    return GraphError(laid_out(fact, rows, fix))


def _written_into(function: Any, array: Any) -> MutationError:
    """The error of going back over a large array of NumPy's own that was written into since."""
    return MutationError(
        message(
            f"backward: {function.operation_name} needs an array as it was, and it has been written into since.",
            [("array", array)],
            "make a new array for each step, or give the operation a copy; "
            "wengert.guard(find_writer=True) finds the line that wrote.",
        )
    )


def _nobody_else_holds(gradients: Sequence[Any], place: int, here: int) -> bool:
    """Whether an array that a formula returned is the pass's own: ``here`` of its references are the caller's.

    Beside these there are that of the sequence and that of the count itself.  A formula may return an array that it
    keeps, or that somebody reads later: that one has more.
    """
    return getrefcount(gradients[place]) == 2 + here and getattr(gradients[place], "base", None) is None


def _retain(value: Recorded | None, g: Any) -> None:
    if value is None:
        return
    dtype = value.data.dtype
    if isinstance(g, Recorded):
        if g.data.dtype == dtype:
            value._grad = make_result(g.data, g.node)
        else:
            value._grad = g.__array_namespace__().astype(g, dtype)  # type: ignore[attr-defined]
    else:
        value._grad = make_result(namespace_of((g,)).asarray(g, dtype=dtype, copy=True))


def fit(function: Function, position: int, gradient: Any, shape: Any, xp: Any) -> Any:
    """Sum a gradient over the axes its input was broadcast along, if the operation broadcasts; else it is wrong."""
    got = getattr(gradient, "shape", None)
    if got is None and isinstance(gradient, float) and shape == ():
        return xp.asarray(gradient)
    if got == tuple(shape):
        return gradient
    if got is None or not function.broadcasts or len(got) < len(shape):
        raise wrong_gradient(function, position, gradient, shape)
    extra = len(got) - len(shape)
    axes = tuple(range(extra)) + tuple(
        i + extra for i, (have, want) in enumerate(zip(got[extra:], shape, strict=True)) if want == 1 and have != 1
    )
    summed = xp.reshape(sum_over(xp, gradient, axes), shape) if axes else gradient
    if summed.shape != shape:
        raise ShapeError(str(wrong_gradient(function, position, gradient, shape)))
    return summed
