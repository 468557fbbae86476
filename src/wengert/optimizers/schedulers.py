"""Schedulers: the learning rate as a formula of the number of steps taken.  Next: averaging.py.

``step()`` is called once an epoch, or once an update, as the scheduler's numbers are meant.
``save_checkpoint(..., scheduler=scheduler)`` saves how far it has come.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import cos, inf, pi
from typing import Any

import numpy as np

from wengert.core.recorded import Recorded
from wengert.errors import DataError, DtypeError, GraphError, InputError, describe
from wengert.optimizers.optimizer import Optimizer, checked_number

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "Scheduler",
    "SequentialLR",
    "StepLR",
]


class Scheduler:
    """The base of schedulers: derive from it and write ``formula``.

    It sets the optimizer's ``lr``, and that of each of its groups that has one of its own, or is given one later.  The
    lr that it starts from is the optimizer's; or, where another scheduler has set that one, the lr that the other
    started from.

    Several schedulers of one optimizer, and an lr that is set by hand between steps, go together as in PyTorch: a step
    changes the lr that it finds by as much as the formula changes.  Schedulers that are not ``relative`` (PyTorch's
    that do not chain: `LambdaLR`, `OneCycleLR`, `CosineAnnealingWarmRestarts`) set what their formula says.

    Args:
        optimizer: The optimizer, after its `setup`.

    Raises:
        DtypeError: it is no optimizer.

    Example:
        >>> class HalfLR(Scheduler):
        ...     def formula(self, start, steps):
        ...         return start / 2**steps
        >>> from wengert.optimizers import SGD
        >>> optimizer = SGD(0.5)
        >>> scheduler = HalfLR(optimizer)
        >>> scheduler.step()
        >>> optimizer.lr
        0.25
    """

    relative = True  # whether a step changes the lr that is there
    floor = 0.0  # what the formula falls to: changes are in the distance from it
    _alone = False

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = _checked_optimizer(self, optimizer)
        self.starts = [_start(each if _has_own(each) else optimizer) for each in _places(optimizer)]
        self.steps = 0
        self._before = list(self.starts)  # what the formula gave last, for each lr
        self._apply()

    def formula(self, start: float, steps: int) -> float:
        """The learning rate after ``steps`` steps, where ``start`` was the first."""
        raise NotImplementedError(f"{type(self).__name__}.formula is not written: it computes a learning rate.")

    def step(self) -> None:
        """Go on by one step.

        Raises:
            GraphError: the optimizer has been given other groups since.
        """
        self.steps += 1
        self._apply()

    def state(self) -> dict[str, Any]:
        """How far it has come, as what JSON can hold."""
        return {
            "steps": self.steps,
            "starts": list(self.starts),
            "rates": [float(each.lr) for each in _places(self.optimizer)],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave, and set the optimizer's lr.

        Raises:
            DataError: it is not the state of such a scheduler; nothing has been changed then.
        """
        _refuse(self, self.differences(state))
        starts = [float(start) for start in state["starts"]]
        rates = state.get("rates", [self.formula(start, state["steps"]) for start in starts])  # older: it was alone
        self.steps, self.starts = state["steps"], _spread(self.optimizer, starts)
        self._before = [self.formula(start, self.steps) for start in self.starts]
        for each, start in zip(_set_rates(self.optimizer, rates), self.starts, strict=True):
            if _has_own(each):
                each._scheduled = (start, each.lr)

    def differences(self, state: Any) -> list[str]:
        """One line for everything in which what `state` gave does not fit this scheduler; nothing is changed.

        Example:
            >>> from wengert.optimizers import SGD
            >>> StepLR(SGD(1.0), 2).differences({"steps": -1, "starts": [1.0]})
            ['steps is -1, and should be a whole number from 0 on']
        """
        lines = _list_damage(self, state)
        if lines:
            return lines
        rates, count = state.get("rates", state["starts"]), len(state["starts"])
        if not isinstance(rates, list | tuple) or len(rates) != count or not all(_is_rate(each) for each in rates):
            return [f"rates is damaged: {describe(rates)}"]
        for start in state["starts"]:
            try:
                checked_number(self.optimizer, "lr", self.formula(float(start), state["steps"]))
            except Exception as error:  # noqa: BLE001 (a formula may raise whatever it likes)
                lines.append(f"no learning rate comes of {state['steps']} steps from {start}: {error}")
        return lines

    def __repr__(self) -> str:
        shown = {name: value for name, value in vars(self).items() if name[0] != "_" and name != "floor"}
        settings = [f"{name}={value!r}" for name, value in shown.items() if isinstance(value, int | float | list)]
        return f"{type(self).__name__}({', '.join(settings)})"

    def _apply(self) -> None:
        places = _places(self.optimizer)
        if len(places) != len(self.starts):
            raise GraphError(
                f"{type(self).__name__}: the optimizer has other groups than when this scheduler was made.\n"
                "    Fix: call setup first, and then make the scheduler."
            )
        rates = [(self.formula(start, self.steps), each.lr) for each, start in zip(places, self.starts, strict=True)]
        for i, (each, (now, lr)) in enumerate(zip(places, rates, strict=True)):
            before, self._before[i] = self._before[i], now
            if not _has_own(each):  # it follows the optimizer
                continue
            if self._alone or not self.relative or lr == before:
                lr = now
            elif before != self.floor:
                lr = self.floor + (lr - self.floor) * (now - self.floor) / (before - self.floor)
            else:  # it had come to its end
                lr = lr + (now - before)
            each.lr = max(lr, 0.0) if isinstance(lr, float) else lr
            each._scheduled = (self.starts[i], each.lr)


class StepLR(Scheduler):
    """Falls by a factor every ``step_size`` steps: start gamma^floor(steps / step_size).

    Args:
        optimizer: The optimizer, after its `setup`.
        step_size: How many steps the lr stays [1, ...).
        gamma: The factor [0, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> from wengert.optimizers import SGD
        >>> optimizer = SGD(1.0)
        >>> scheduler = StepLR(optimizer, 2)
        >>> [(optimizer.lr, scheduler.step())[0] for _ in range(4)]
        [1.0, 1.0, 0.1, 0.1]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size = _checked_count(self, "step_size", step_size)
        self.gamma = checked_number(self, "gamma", gamma)
        super().__init__(optimizer)

    def formula(self, start: float, steps: int) -> float:
        """See the class."""
        return start * self.gamma ** (steps // self.step_size)


class MultiStepLR(Scheduler):
    """Falls by a factor at each milestone: start gamma^(how many milestones are reached).

    Args:
        optimizer: The optimizer, after its `setup`.
        milestones: Numbers of steps.
        gamma: The factor [0, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> from wengert.optimizers import SGD
        >>> optimizer = SGD(1.0)
        >>> scheduler = MultiStepLR(optimizer, [1, 3], gamma=0.5)
        >>> [(optimizer.lr, scheduler.step())[0] for _ in range(4)]
        [1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self.milestones = sorted(_checked_count(self, "milestones", each) for each in milestones)
        self.gamma = checked_number(self, "gamma", gamma)
        super().__init__(optimizer)

    def formula(self, start: float, steps: int) -> float:
        """See the class."""
        return start * self.gamma ** bisect_right(self.milestones, steps)


class ExponentialLR(Scheduler):
    """Falls by a factor every step: start gamma^steps.

    Args:
        optimizer: The optimizer, after its `setup`.
        gamma: The factor [0, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> from wengert.optimizers import SGD
        >>> optimizer = SGD(1.0)
        >>> scheduler = ExponentialLR(optimizer, 0.5)
        >>> [(optimizer.lr, scheduler.step())[0] for _ in range(4)]
        [1.0, 0.5, 0.25, 0.125]
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = checked_number(self, "gamma", gamma)
        super().__init__(optimizer)

    def formula(self, start: float, steps: int) -> float:
        """See the class."""
        return start * self.gamma**steps


class ConstantLR(Scheduler):
    """A part of the lr for ``total_iters`` steps, then all of it.

    Args:
        optimizer: The optimizer, after its `setup`.
        factor: The part [0, ...).
        total_iters: For how many steps [1, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> from wengert.optimizers import SGD
        >>> optimizer = SGD(1.0)
        >>> scheduler = ConstantLR(optimizer, 0.5, total_iters=2)
        >>> [(optimizer.lr, scheduler.step())[0] for _ in range(4)]
        [0.5, 0.5, 1.0, 1.0]
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5) -> None:
        self.factor = checked_number(self, "factor", factor)
        self.total_iters = _checked_count(self, "total_iters", total_iters)
        super().__init__(optimizer)

    def formula(self, start: float, steps: int) -> float:
        """See the class."""
        return start * (self.factor if steps < self.total_iters else 1)


class LinearLR(Scheduler):
    """From one part of the lr to another in equal steps: a warm-up.

    Args:
        optimizer: The optimizer, after its `setup`.
        start_factor: The part at first [0, ...).
        end_factor: The part in the end [0, ...).
        total_iters: In how many steps [1, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> from wengert.optimizers import SGD
        >>> optimizer = SGD(1.0)
        >>> scheduler = LinearLR(optimizer, 0.5, total_iters=2)
        >>> [(optimizer.lr, scheduler.step())[0] for _ in range(4)]
        [0.5, 0.75, 1.0, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        self.start_factor = checked_number(self, "start_factor", start_factor)
        self.end_factor = checked_number(self, "end_factor", end_factor)
        self.total_iters = _checked_count(self, "total_iters", total_iters)
        super().__init__(optimizer)

    def formula(self, start: float, steps: int) -> float:
        """See the class."""
        part = min(steps, self.total_iters) / self.total_iters
        return start * (self.start_factor + (self.end_factor - self.start_factor) * part)


class PolynomialLR(Scheduler):
    """To zero in ``total_iters`` steps: start (1 - steps / total_iters)^power.

    Args:
        optimizer: The optimizer, after its `setup`.
        total_iters: In how many steps [1, ...).
        power: 1 falls evenly, more falls faster at first [0, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> from wengert.optimizers import SGD
        >>> optimizer = SGD(1.0)
        >>> scheduler = PolynomialLR(optimizer, 2, power=2)
        >>> [(optimizer.lr, scheduler.step())[0] for _ in range(4)]
        [1.0, 0.25, 0.0, 0.0]
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0) -> None:
        self.total_iters = _checked_count(self, "total_iters", total_iters)
        self.power = checked_number(self, "power", power)
        super().__init__(optimizer)

    def formula(self, start: float, steps: int) -> float:
        """See the class."""
        return start * (1 - min(steps, self.total_iters) / self.total_iters) ** self.power


class CosineAnnealingLR(Scheduler):
    """Down to ``eta_min`` in ``T_max`` steps, as a cosine falls; and, where it goes on, up again.

    eta_min + (start - eta_min) (1 + cos(pi steps / T_max)) / 2

    Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts, 2017.

    Args:
        optimizer: The optimizer, after its `setup`.
        T_max: In how many steps [1, ...).
        eta_min: The lowest lr [0, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> from wengert.optimizers import SGD
        >>> optimizer = SGD(1.0)
        >>> scheduler = CosineAnnealingLR(optimizer, 2)
        >>> [(round(optimizer.lr, 6), scheduler.step())[0] for _ in range(4)]
        [1.0, 0.5, 0.0, 0.5]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max = _checked_count(self, "T_max", T_max)
        self.eta_min = self.floor = checked_number(self, "eta_min", eta_min)
        super().__init__(optimizer)

    def formula(self, start: float, steps: int) -> float:
        """See the class."""
        return _between(start, self.eta_min, steps / self.T_max)


class CosineAnnealingWarmRestarts(Scheduler):
    """Down to ``eta_min`` as a cosine falls, again and again; each time takes ``T_mult`` times as long.

    Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts, 2017.

    Args:
        optimizer: The optimizer, after its `setup`.
        T_0: The length of the first fall, in steps [1, ...).
        T_mult: How much longer each next one is; a whole number [1, ...).
        eta_min: The lowest lr [0, ...).

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> from wengert.optimizers import SGD
        >>> optimizer = SGD(1.0)
        >>> scheduler = CosineAnnealingWarmRestarts(optimizer, 2)
        >>> [(round(optimizer.lr, 6), scheduler.step())[0] for _ in range(4)]
        [1.0, 0.5, 1.0, 0.5]
    """

    relative = False

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> None:
        self.T_0 = _checked_count(self, "T_0", T_0)
        self.T_mult = _checked_count(self, "T_mult", T_mult)
        self.eta_min = checked_number(self, "eta_min", eta_min)
        super().__init__(optimizer)

    def formula(self, start: float, steps: int) -> float:
        """See the class."""
        length = self.T_0
        if self.T_mult == 1:
            steps %= length
        while steps >= length:
            steps -= length
            length *= self.T_mult
        return _between(start, self.eta_min, steps / length)


class OneCycleLR(Scheduler):
    """Up from ``max_lr / div_factor`` to ``max_lr``, and down to a ``final_div_factor``th of where it began.

    All groups get the same lr; momentum is left as it is.

    Smith and Topin, Super-convergence: very fast training of neural networks using large learning rates, 2018.

    Args:
        optimizer: The optimizer, after its `setup`.
        max_lr: The highest lr [0, ...).
        total_steps: How many steps there are [1, ...).
        pct_start: The part of them that it rises in [0, 1].
        anneal_strategy: ``"cos"`` or ``"linear"``: the line it takes.
        div_factor: How much lower it begins (0, ...).
        final_div_factor: How much lower still it ends (0, ...).

    Raises:
        InputError: a setting is out of range; or, when stepping, ``total_steps`` have been taken.

    Example:
        >>> from wengert.optimizers import SGD
        >>> optimizer = SGD()
        >>> scheduler = OneCycleLR(optimizer, 1.0, 5, pct_start=0.4, anneal_strategy="linear", div_factor=2)
        >>> [(round(optimizer.lr, 3), scheduler.step())[0] for _ in range(4)]
        [0.5, 1.0, 0.667, 0.333]
    """

    relative = False

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float,
        total_steps: int,
        *,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> None:
        self.max_lr = checked_number(self, "max_lr", max_lr)
        self.total_steps = _checked_count(self, "total_steps", total_steps)
        self.pct_start = checked_number(self, "pct_start", pct_start)
        self.anneal_strategy = anneal_strategy
        self.div_factor = checked_number(self, "div_factor", div_factor)
        self.final_div_factor = checked_number(self, "final_div_factor", final_div_factor)
        if self.pct_start > 1:
            raise InputError(f"OneCycleLR: pct_start is a part, from 0 to 1, and this is {pct_start!r}.")
        if anneal_strategy not in ("cos", "linear"):
            raise InputError(f"OneCycleLR: anneal_strategy is 'cos' or 'linear', and this is {anneal_strategy!r}.")
        if not self.div_factor or not self.final_div_factor:
            raise InputError("OneCycleLR: div_factor and final_div_factor divide, and must not be zero.")
        for each in _driven(_checked_optimizer(self, optimizer)):
            each.lr = self.max_lr / self.div_factor  # what it starts from, and others after it
        super().__init__(optimizer)

    def step(self) -> None:
        """Go on by one step."""
        if self.steps >= self.total_steps:
            raise InputError(
                f"OneCycleLR: all of total_steps, {self.total_steps}, have been taken.\n"
                "    Fix: total_steps is epochs times batches where step is called after each batch."
            )
        super().step()

    def formula(self, start: float, steps: int) -> float:
        """See the class."""
        first = self.max_lr / self.div_factor
        top, end = self.pct_start * self.total_steps - 1, self.total_steps - 1
        if steps <= top:
            return self._line(first, self.max_lr, steps / top if top else 1.0)
        part = min((steps - top) / (end - top), 1.0) if end > top else 1.0
        return self._line(self.max_lr, first / self.final_div_factor, part)

    def _line(self, start: float, end: float, part: float) -> float:
        return _between(start, end, part) if self.anneal_strategy == "cos" else start + (end - start) * part


class LambdaLR(Scheduler):
    """Any formula: start lr_lambda(steps).

    Args:
        optimizer: The optimizer, after its `setup`.
        lr_lambda: From the number of steps, the factor.  It is code, and no part of the state.

    Raises:
        InputError: it is no function.

    Example:
        >>> from wengert.optimizers import SGD
        >>> optimizer = SGD(1.0)
        >>> scheduler = LambdaLR(optimizer, lambda steps: 1 / (1 + steps))
        >>> [(optimizer.lr, scheduler.step())[0] for _ in range(2)]
        [1.0, 0.5]
    """

    relative = False

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        if not callable(lr_lambda):
            raise InputError(f"LambdaLR takes a function of the number of steps, and was given {describe(lr_lambda)}.")
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def formula(self, start: float, steps: int) -> float:
        """See the class."""
        return start * self.lr_lambda(steps)


class SequentialLR(Scheduler):
    """One scheduler after another; each counts its steps from its own milestone.

    Args:
        optimizer: The optimizer, after its `setup`.
        schedulers: Schedulers of this optimizer; they are not stepped by themselves any more.
        milestones: The number of steps at which each but the first takes over, in order.

    Raises:
        InputError: a scheduler is another optimizer's or has no formula, or milestones are not one fewer, or not in
            order.

    Example:
        >>> from wengert.optimizers import SGD
        >>> optimizer = SGD(1.0)
        >>> parts = LinearLR(optimizer, 0.5, total_iters=2), ExponentialLR(optimizer, 0.1)
        >>> scheduler = SequentialLR(optimizer, parts, [2])
        >>> [(optimizer.lr, scheduler.step())[0] for _ in range(4)]
        [0.5, 0.75, 1.0, 0.1]
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[Scheduler], milestones: Sequence[int]) -> None:
        self.schedulers = list(schedulers)
        self.milestones = [_checked_count(self, "milestones", each) for each in milestones]
        for each in self.schedulers:
            if not isinstance(each, Scheduler) or each.optimizer is not optimizer:
                raise InputError(
                    f"SequentialLR takes schedulers with a formula, of its own optimizer, and was given {each!r}."
                )
        if len(self.milestones) != len(self.schedulers) - 1 or sorted(set(self.milestones)) != self.milestones:
            raise InputError(
                f"SequentialLR: {len(self.schedulers)} schedulers need one milestone fewer, each later than the last, "
                f"and these are {self.milestones}."
            )
        self._alone = True  # the others have changed the lr each for itself when they were made
        super().__init__(optimizer)
        self._alone = False

    def step(self) -> None:
        """Go on by one step; at a milestone the next scheduler begins with its own lr, as in PyTorch."""
        self._alone = self.steps + 1 in self.milestones
        try:
            super().step()
        finally:
            self._alone = False

    def formula(self, start: float, steps: int) -> float:
        """See the class."""
        now = bisect_right(self.milestones, steps)
        return self.schedulers[now].formula(start, steps - (self.milestones[now - 1] if now else 0))


class ReduceLROnPlateau:
    """Falls by a factor where what is watched has not become better for more than ``patience`` steps.

    Args:
        optimizer: The optimizer, after its `setup`.
        mode: ``"min"`` where less is better, ``"max"`` where more is.
        factor: What the lr is multiplied by [0, 1).
        patience: For how many steps no better value is borne [0, ...).
        threshold: How much better a value must be to count [0, ...).
        threshold_mode: ``"rel"``: that part of the best value; ``"abs"``: that much.
        cooldown: For how many steps after a fall nothing is counted [0, ...).
        min_lr: The lowest lr [0, ...).
        eps: A fall by no more than this is left out [0, ...).

    Raises:
        InputError: a setting is out of range; or, when stepping, the value is no number.
        DtypeError: ``optimizer`` is none.

    Example:
        >>> from wengert.optimizers import SGD
        >>> optimizer = SGD(1.0)
        >>> scheduler = ReduceLROnPlateau(optimizer, patience=1)
        >>> [(scheduler.step(loss), optimizer.lr)[1] for loss in (3.0, 2.0, 2.0, 2.0)]
        [1.0, 1.0, 1.0, 0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        self.optimizer = _checked_optimizer(self, optimizer)
        if mode not in ("min", "max"):
            raise InputError(f"ReduceLROnPlateau: mode is 'min' or 'max', and this is {mode!r}.")
        if threshold_mode not in ("rel", "abs"):
            raise InputError(f"ReduceLROnPlateau: threshold_mode is 'rel' or 'abs', and this is {threshold_mode!r}.")
        self.mode, self.threshold_mode = mode, threshold_mode
        self.factor = checked_number(self, "factor", factor, below=1)
        self.patience = _checked_count(self, "patience", patience, 0)
        self.threshold = checked_number(self, "threshold", threshold)
        self.cooldown = _checked_count(self, "cooldown", cooldown, 0)
        self.min_lr = checked_number(self, "min_lr", min_lr)
        self.eps = checked_number(self, "eps", eps)
        self.steps = self.bad_steps = self.cooling = 0
        self.best: float | None = None

    def step(self, metrics: Any) -> None:
        """Look at a value, and go on by one step.

        Args:
            metrics: What is watched: a number, or an array or Variable of one.
        """
        value = metrics.data if isinstance(metrics, Recorded) else metrics
        if getattr(value, "shape", ()) != () or isinstance(value, str | bytes | bool | None):
            raise InputError(f"ReduceLROnPlateau.step takes a number, and was given {describe(metrics)}.")
        value = float(value)
        self.steps += 1
        if self._is_better(value):
            self.best, self.bad_steps = value, 0
        else:
            self.bad_steps += 1
        if self.cooling:
            self.cooling -= 1
            self.bad_steps = 0
        if self.bad_steps > self.patience:
            self.bad_steps, self.cooling = 0, self.cooldown
            for each in _driven(self.optimizer):
                lower = max(each.lr * self.factor, self.min_lr)
                if each.lr - lower > self.eps:
                    each.lr = lower

    def state(self) -> dict[str, Any]:
        """What has been seen, and the lrs, as what JSON can hold."""
        return {
            "steps": self.steps,
            "starts": [each.lr for each in _places(self.optimizer)],
            "best": self.best,
            "bad_steps": self.bad_steps,
            "cooling": self.cooling,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave, and set the optimizer's lr.

        Raises:
            DataError: it is not the state of such a scheduler; nothing has been changed then.
        """
        _refuse(self, self.differences(state))
        _set_rates(self.optimizer, state["starts"])
        self.steps, self.best = state["steps"], state["best"]
        self.bad_steps, self.cooling = state["bad_steps"], state["cooling"]

    def differences(self, state: Any) -> list[str]:
        """One line for everything in which what `state` gave does not fit this scheduler; nothing is changed."""
        lines = _list_damage(self, state)
        if lines:
            return lines
        damaged = [name for name in ("bad_steps", "cooling") if not _is_count(state[name])]
        best = state["best"]
        if best is not None and (not _is_number(best) or best != best):
            damaged.append("best")
        return [f"{name} is damaged: {describe(state[name])}" for name in damaged]

    def __repr__(self) -> str:
        settings = {name: value for name, value in vars(self).items() if isinstance(value, int | float | str)}
        return f"ReduceLROnPlateau({', '.join(f'{name}={value!r}' for name, value in settings.items())})"

    def _is_better(self, value: float) -> bool:
        best = self.best
        sign = 1 if self.mode == "min" else -1
        if best is None:
            return sign * value < inf
        margin = self.threshold if self.threshold_mode == "abs" else self.threshold * best
        return value < best - margin if self.mode == "min" else value > best + margin


def _between(start: float, end: float, part: float) -> float:
    """From ``start`` at 0 to ``end`` at 1, along a cosine."""
    return end + (start - end) * (1 + cos(pi * part)) / 2


def _places(optimizer: Optimizer) -> list[Any]:
    """The optimizer and its groups: where an lr may stand."""
    return [optimizer, *[group for group in optimizer.groups if group is not optimizer]]


def _has_own(place: Any) -> bool:
    """Whether it has an lr of its own, as a group may be given at any time."""
    return "_lr" in vars(place)


def _driven(optimizer: Optimizer) -> list[Any]:
    """The optimizer, and its groups that have an lr of their own."""
    return [each for each in _places(optimizer) if _has_own(each)]


def _spread(optimizer: Optimizer, values: Sequence[float]) -> list[float]:
    """A number for each place, from those that were saved: in older files, for those with an lr of their own alone."""
    places = _places(optimizer)
    if len(values) == len(places):
        return list(values)
    own = iter(values)
    return [next(own) if _has_own(each) else values[0] for each in places]


def _set_rates(optimizer: Optimizer, rates: Sequence[float]) -> list[Any]:
    """Set each lr; a group that has none gets one where it was given one before it was saved. The places."""
    places, rates = _places(optimizer), _spread(optimizer, rates)
    for each, lr in zip(places, rates, strict=True):
        if _has_own(each) or lr != rates[0]:
            each.lr = lr
    return places


def _start(driven: Any) -> float:
    """The lr that schedulers begin with: as it was before the one that has set it."""
    start, lr = vars(driven).get("_scheduled", (None, None))
    return start if start is not None and driven.lr == lr else driven.lr


def _checked_optimizer(scheduler: Any, optimizer: Any) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise DtypeError(
            f"{type(scheduler).__name__} drives the lr of an optimizer, and was given {describe(optimizer)}.\n"
            f"    Fix: {type(scheduler).__name__}(optimizer, ...)."
        )
    return optimizer


def _list_damage(scheduler: Any, state: Any) -> list[str]:
    """What differs in the steps and starts that all schedulers have."""
    now = scheduler.state()
    if not isinstance(state, dict) or state.keys() | {"rates"} != now.keys() | {"rates"}:
        return [f"it has {', '.join(state) if isinstance(state, dict) else state!r}, and should have {', '.join(now)}"]
    lines, starts, count = [], state["starts"], len(now["starts"])
    fits = isinstance(starts, list | tuple) and len(starts) in (count, len(_driven(scheduler.optimizer)))
    if not fits or not all(map(_is_rate, starts)):
        lines.append(f"starts is {starts!r}, and should be {count} learning rate{'s' if count > 1 else ''}")
    if not _is_count(state["steps"]):
        lines.append(f"steps is {state['steps']!r}, and should be a whole number from 0 on")
    return lines


def _refuse(scheduler: Any, different: list[str]) -> None:
    if different:
        raise DataError("\n    ".join([f"this is not the state of this {type(scheduler).__name__}:", *different]))


def _is_number(value: Any) -> bool:
    """Whether it is a number, and no larger than a float can be."""
    return isinstance(value, float) or (type(value) is int and -(2**1023) < value < 2**1023)


def _is_rate(value: Any) -> bool:
    return _is_number(value) and 0 <= value < inf


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _checked_count(owner: Any, name: str, value: Any, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{type(owner).__name__}: {name} is a whole number from {least} on, and this is {value!r}.")
    return int(value)
