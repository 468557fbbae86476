"""L-BFGS: Newton's method that learns the curvature from its own steps.  Next: newton.py."""

from collections.abc import Callable
from math import isfinite, sqrt
from typing import Any, NamedTuple

import numpy as np

from wengert.backends import namespace_of
from wengert.errors import DataError, InputError
from wengert.layers.layer import Unsized
from wengert.optimizers.closure import ClosureOptimizer, flatten, put_vector
from wengert.optimizers.optimizer import checked_number, compute_gradients
from wengert.variable import Parameter

__all__ = ["LBFGS"]


class LBFGS(ClosureOptimizer):
    """Limited-memory BFGS: steps as of Newton's method, the Hessian estimated from the last few steps.

    d = -H g,  H the inverse Hessian that takes changes y of the gradient to the moves s that caused them
    p = p + a d,  a found by a line search for the strong Wolfe conditions

    For small smooth problems and the gradient of all the data: one `update` is up to ``max_iter`` such steps.

    Nocedal and Wright, Numerical optimization, 2006, algorithms 3.5, 3.6 and 7.4.

    Args:
        lr: The first step length that is tried; without a line search, the step length [0, ...).
        max_iter: The most steps in an update [1, ...).
        max_eval: After so many evaluations an update begins no other step; 5/4 ``max_iter`` where None [1, ...).
        tolerance_grad: It stops where no entry of the gradient is larger [0, ...).
        tolerance_change: It stops where no entry of a step, or the change of the loss, is larger [0, ...).
        history_size: How many steps are remembered [1, ...).
        line_search: Whether step lengths are searched for; without, every step is taken unseen.

    Raises:
        InputError: a setting is out of range; or, when updating, there is no closure, or the loss is infinity or nan.

    Example:
        >>> from wengert import Parameter
        >>> p = Parameter(np.array([-1.2, 1.0]))
        >>> def rosenbrock():
        ...     return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
        >>> optimizer = LBFGS(max_iter=50).setup([p])
        >>> optimizer.update(rosenbrock)
        variable(24.199999999999996)
        >>> np.round(p.data, 4)
        array([1., 1.])
    """

    def __init__(
        self,
        lr: float = 1.0,
        max_iter: int = 20,
        *,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 10,
        line_search: bool = True,
    ) -> None:
        super().__init__(lr)
        self.max_iter = _checked_count("max_iter", max_iter)
        self.max_eval = _checked_count("max_eval", max_iter * 5 // 4 if max_eval is None else max_eval)
        self.tolerance_grad = checked_number(self, "tolerance_grad", tolerance_grad)
        self.tolerance_change = checked_number(self, "tolerance_change", tolerance_change)
        self.history_size = _checked_count("history_size", history_size)
        self.line_search = bool(line_search)
        self._memory: _Memory | None = None

    def setup(self, target: Any) -> "LBFGS":
        """Choose what to optimize: a model, or parameters; see `Optimizer.setup`."""
        self._memory = None
        return super().setup(target)

    def update(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take up to ``max_iter`` steps.

        Args:
            closure: Computes the loss and returns it; it is called again and again, and ``backward`` is called here.

        Returns:
            The loss before the first step.
        """
        self._check_closure(closure)
        first = compute_gradients(self, closure, self._parameters())  # type: ignore[arg-type]
        parameters = self._moving()
        problem = _Problem(self, closure, parameters)
        here = problem.point(first)
        if not isfinite(here.f):
            raise InputError(f"LBFGS.update: the loss is {here.f} before the first step.")
        memory = self._memory
        if memory is None or memory.move.shape != here.x.shape or type(memory.move) is not type(here.x):
            memory = self._memory = _Memory(here.x)
        if not here.x.size or _largest(here.g) <= self.tolerance_grad:
            return first
        for iteration in range(1, self.max_iter + 1):
            d = memory.direction(here, self.history_size)
            length = self.lr if memory.steps > 1 else self.lr * min(1.0, 1 / float(abs(here.g).sum()))
            slope = _dot(here.g, d)
            if slope > -self.tolerance_change:
                break
            if self.line_search:
                there = _search(problem, here, d, slope, length, self.tolerance_change)
                put_vector(problem.xp, parameters, there.x)
            elif iteration < self.max_iter:
                there = problem.evaluate(here, d, length)
            else:  # nobody asks what the loss is after the last step
                there = _Point(here.x + length * d, here.f, here.g, length, slope)
                put_vector(problem.xp, parameters, there.x)
            memory.move = there.length * d
            change, here = there.f - here.f, there
            if iteration == self.max_iter or problem.evaluations >= self.max_eval:
                break
            if _largest(here.g) <= self.tolerance_grad:
                break
            if _largest(memory.move) <= self.tolerance_change or abs(change) < self.tolerance_change:
                break
        return first

    # What is kept

    def state(self, *, copy: bool = True) -> dict[str, Any]:
        """What is remembered of past steps: copies of arrays by name, whether they are asked for or not."""
        expected, memory = self.expected_state(), self._memory
        answer: dict[str, Any] = {}
        if memory is None:
            return {name: np.zeros(shape, dtype or np.int64) for name, (shape, dtype) in expected.items()}
        count = len(memory.moves)
        answer["pairs"], answer["taken.steps"] = np.asarray(count), np.asarray(memory.steps)
        for name, rows in (("moves", memory.moves), ("turns", memory.turns)):
            shape, dtype = expected[name]
            answer[name] = np.zeros(shape, dtype)
            for i, row in enumerate(rows):
                answer[name][i] = row
        answer["move"], answer["gradient"] = np.array(memory.move), np.array(memory.gradient)
        return answer

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave.

        Raises:
            DataError: something is missing, left over, of another shape or dtype, or out of range; nothing has been
                changed then.
        """
        different = self.differences(state)
        if different:
            raise DataError("\n    ".join(["this is not the state of this LBFGS:", *different]))
        moving = [p.data for p in self._parameters() if p.requires_grad and not isinstance(p.data, Unsized)]
        self._memory = None
        if not moving or not int(state["taken.steps"]):
            return
        xp = namespace_of(moving[:1])  # `update` refuses parameters of several libraries
        memory = self._memory = _Memory(xp.asarray(state["move"], copy=True))
        memory.steps, count = int(state["taken.steps"]), int(state["pairs"])
        memory.moves = [xp.asarray(row, copy=True) for row in state["moves"][:count]]
        memory.turns = [xp.asarray(row, copy=True) for row in state["turns"][:count]]
        memory.move = xp.asarray(state["move"], copy=True)
        memory.gradient = xp.asarray(state["gradient"], copy=True)

    def _damages(self, state: dict[str, Any]) -> list[str]:
        lines, pairs = super()._damages(state), int(state["pairs"])
        if not 0 <= pairs <= self.history_size:
            lines.append(f"pairs is {pairs}, and should be up to {self.history_size}")
        return lines

    def expected_state(self, shapes: dict[Parameter, tuple[int, ...]] | None = None) -> dict[str, tuple[Any, Any]]:
        """The shape and dtype of everything that `state` gives; see `Optimizer.expected_state`."""
        shapes = shapes or {}
        sizes, dtypes = [0], []
        for parameter in self._parameters():
            waits = not hasattr(parameter.data, "size")
            if parameter.requires_grad and (not waits or parameter in shapes):
                sizes.append(int(np.prod(shapes.get(parameter, parameter.shape))))
                dtypes.append(parameter.dtype)
        size, dtype = sum(sizes), np.result_type(*dtypes) if dtypes else np.dtype(np.float64)
        history = ((self.history_size, size), dtype)
        vector = ((size,), dtype)
        return {
            "moves": history,
            "turns": history,
            "move": vector,
            "gradient": vector,
            "pairs": ((), None),
            "taken.steps": ((), None),
        }


class _Point(NamedTuple):
    """Where an evaluation was made: the parameters, loss and gradient, and on a line the length and slope."""

    x: Any
    f: float
    g: Any
    length: float = 0.0
    slope: float = 0.0


class _Problem:
    """The loss as a function of one vector."""

    def __init__(self, optimizer: LBFGS, closure: Any, parameters: list[Parameter]) -> None:
        self.optimizer, self.closure, self.parameters = optimizer, closure, parameters
        self.xp = namespace_of([p.data for p in parameters])
        self.evaluations = 0

    def point(self, loss: Any) -> _Point:
        """Where the parameters are, after going back from ``loss``."""
        self.evaluations += 1
        xp = self.xp
        if not self.parameters:
            return _Point(xp.zeros((0,)), float(loss.data), xp.zeros((0,)))
        x = flatten(xp, [p.data for p in self.parameters])
        gradients = [xp.zeros_like(p.data) if p._grad is None else p._grad.data for p in self.parameters]
        return _Point(x, float(loss.data), flatten(xp, gradients))

    def evaluate(self, start: _Point, d: Any, length: float) -> _Point:
        """Go there and look."""
        put_vector(self.xp, self.parameters, start.x + length * d)
        loss = compute_gradients(self.optimizer, self.closure, self.optimizer._parameters())
        x, f, g, *_ = self.point(loss)
        return _Point(x, f, g, length, _dot(g, d))


class _Memory:
    """The last moves, and how the gradient turned over each: what is known of the curvature."""

    def __init__(self, x: Any) -> None:
        self.steps = 0
        self.moves: list[Any] = []
        self.turns: list[Any] = []
        self.move: Any = x * 0
        self.gradient: Any = x * 0

    def direction(self, here: _Point, limit: int) -> Any:
        """Learn from the last move, and give the next direction: algorithm 7.4."""
        g = here.g
        if self.steps:
            turn = g - self.gradient
            if _dot(turn, self.move) > 1e-10:  # else the curvature along the move is not that of a minimum
                self.moves = [*self.moves, self.move][-limit:]
                self.turns = [*self.turns, turn][-limit:]
        self.steps += 1
        self.gradient = g
        pairs = list(zip(self.moves, self.turns, strict=True))
        d, weights = -g, []
        for move, turn in reversed(pairs):
            weight = _dot(move, d) / _dot(turn, move)
            weights.append(weight)
            d = d - weight * turn
        if pairs:
            move, turn = pairs[-1]
            d = _dot(turn, move) / _dot(turn, turn) * d
        for (move, turn), weight in zip(pairs, reversed(weights), strict=True):
            d = d + (weight - _dot(turn, d) / _dot(turn, move)) * move
        return d


def _search(problem: _Problem, start: _Point, d: Any, slope: float, length: float, tolerance: float) -> _Point:
    """A point on the line where the loss has fallen enough, and its slope is flat enough: algorithms 3.5 and 3.6."""
    enough, flat, most = 1e-4, 0.9, 25
    start = start._replace(length=0.0, slope=slope)
    widest = _largest(d)

    def too_high(point: _Point) -> bool:
        return not point.f <= start.f + enough * point.length * slope  # or nan

    # Grow the step until it is good, or a good one lies behind it.
    before, here = start, problem.evaluate(start, d, length)
    for tried in range(most):
        if too_high(here) or (tried > 1 and here.f >= before.f):
            break
        if abs(here.slope) <= -flat * slope:
            return here
        if here.slope >= 0:
            break
        low, high = here.length + 0.01 * (here.length - before.length), 10 * here.length
        before, here = here, problem.evaluate(start, d, _minimum_of_cubic(before, here, low, high))
    else:
        tried, before = most, start
    ends = [before, here]

    # Shrink the stretch between the two around a good step.
    stuck = False
    for _ in range(tried, most):
        low, high = sorted(end.length for end in ends)
        if (high - low) * widest < tolerance:
            break
        length = _minimum_of_cubic(ends[0], ends[1], low, high)
        margin = 0.1 * (high - low)
        if min(high - length, length - low) < margin:  # too close to an end to tell much
            if stuck or not low < length < high:
                length = high - margin if high - length < length - low else low + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        best = _lower(ends)
        here = problem.evaluate(start, d, length)
        if too_high(here) or here.f >= ends[best].f:
            ends[1 - best] = here
            continue
        if abs(here.slope) <= -flat * slope:
            return here
        if here.slope * (ends[1 - best].length - ends[best].length) >= 0:
            ends[1 - best] = ends[best]
        ends[best] = here
    return ends[_lower(ends)]


def _lower(ends: list[_Point]) -> int:
    return 1 if ends[1].f < ends[0].f else 0  # the first, which lies on known ground, where the other is nan


def _minimum_of_cubic(a: _Point, b: _Point, low: float, high: float) -> float:
    """Where the cubic through two points with their slopes is least, between ``low`` and ``high``: equation 3.59."""
    a, b = sorted((a, b), key=lambda point: point.length)
    width = b.length - a.length
    if width and isfinite(a.f) and isfinite(b.f) and isfinite(a.slope) and isfinite(b.slope):
        mean = a.slope + b.slope - 3 * (a.f - b.f) / (a.length - b.length)
        square = mean * mean - a.slope * b.slope
        if square >= 0:
            root = sqrt(square)
            below = b.slope - a.slope + 2 * root
            if below:
                return min(max(b.length - width * ((b.slope + root - mean) / below), low), high)
    return (low + high) / 2


def _dot(x: Any, y: Any) -> float:
    return float(x @ y)


def _largest(x: Any) -> float:
    return float(abs(x).max()) if x.size else 0.0


def _checked_count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer) or value != int(value) or value < 1:
        raise InputError(f"LBFGS: {name} is a whole number from 1 on, and this is {value!r}.")
    return int(value)
