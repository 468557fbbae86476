"""Optimizer: from parameters and their gradients to better parameters.

An optimizer is one formula, written like the paper's on arrays of any library.  Here is what runs it: on NumPy in
place, piece by piece, so that what is computed in between stays in the processor's cache, and with all small
parameters side by side in one array; on other libraries on whole arrays.  Next: sgd.py, adam.py.
"""

from collections.abc import Callable, Iterable, Iterator
from math import expm1, inf, isfinite, log
from operator import is_
from typing import Any, ClassVar, Self

import numpy as np

from wengert.backends import namespace_of
from wengert.core.recorded import Recorded
from wengert.errors import DataError, DtypeError, GraphError, InputError, ShapeError, describe, message
from wengert.layers.layer import Layer, parameters_below
from wengert.variable import Parameter, Variable

__all__ = ["Optimizer", "Slot", "bias_correction", "checked_number"]

# Bytes of each array that a formula is run on at a time: with what it computes in between, this much of five or six
# arrays stays in a second-level cache of 1 MB, and is enough for a call of NumPy to be cheap beside its work.
_PIECE = 96 * 1024
_SMALL = 8192  # parameters of up to so many entries are gathered: copying their gradients is cheaper than calls


class Optimizer:
    """The base of every optimizer: derive from it, name what is kept for each parameter, and write ``formula``.

    Args:
        lr: The learning rate [0, ...).
        weight_decay: How much of each parameter is added to its gradient (an L2 penalty) [0, ...).

    Raises:
        InputError: a setting is no number, not finite, or out of range.

    Example:
        >>> from wengert.layers import Linear
        >>> class HeavyBall(Optimizer):
        ...     keeps = ("velocity",)
        ...     def formula(self, xp, p, g, t, velocity):
        ...         velocity *= 0.9
        ...         velocity -= self.lr * g
        ...         p += velocity
        ...         return p, velocity
        >>> optimizer = HeavyBall(lr=0.1).setup(Linear(1, 2))
    """

    keeps: ClassVar[tuple[str, ...]] = ()  # names of the arrays kept for each parameter, of its shape, at first zero
    decoupled: ClassVar[bool] = False  # whether the formula itself applies weight_decay

    _target: Layer | list[Parameter] | None = None
    _slots: dict[Parameter, "Slot"]

    def __init__(self, lr: float = 0.01, *, weight_decay: float = 0.0) -> None:
        self.lr = lr
        self.weight_decay = checked_number(self, "weight_decay", weight_decay)
        self.hooks: list[Callable[[list[Parameter]], None]] = []

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """One step: from parameter ``p``, gradient ``g``, step number ``t`` and what is kept, the new ``p`` and kept.

        Write it with ``xp``, operators and augmented assignment (``m *= 0.9``), which works in place where arrays
        allow it.  Never write into ``g``.
        """
        raise NotImplementedError(f"{type(self).__name__}.formula is not written: it computes a step.")

    @property
    def lr(self) -> Any:
        """The learning rate."""
        return self._lr

    @lr.setter
    def lr(self, value: Any) -> None:
        self._lr = checked_number(self, "lr", value)

    @property
    def target(self) -> Any:
        """What `setup` was given."""
        return self._target

    def setup(self, target: Layer | Iterable[Parameter]) -> Self:
        """Choose what to optimize: a model, or parameters.

        Raises:
            DtypeError: it is neither.

        Example:
            >>> from wengert.layers import Linear
            >>> from wengert.optimizers import SGD
            >>> SGD(0.1).setup(Linear(1)).lr
            0.1
        """
        if isinstance(target, Parameter):
            target = [target]
        if not isinstance(target, Layer):
            wrong = [target]
            if isinstance(target, Iterable) and not isinstance(target, Recorded):
                target = list(target)
                wrong = [each for each in target if not isinstance(each, Parameter)]
            if wrong:
                raise DtypeError(
                    f"{type(self).__name__}.setup takes a model or its parameters, and was given "
                    f"{describe(wrong[0])}.\n    Fix: {type(self).__name__}(lr=...).setup(model)."
                )
            target = list(dict.fromkeys(target))
        self._target = target
        self._slots = {}
        self._batches: list[_Batch] | None = None
        self._listed: list[Parameter] = []
        self._idle: list[Parameter] = []
        return self

    def add_hook(self, hook: Callable[[list[Parameter]], None]) -> None:
        """Before every update, call ``hook`` on the parameters that have a gradient; see hooks.py."""
        if not callable(hook):
            raise InputError(f"{type(self).__name__}.add_hook takes a function, and was given {describe(hook)}.")
        self.hooks.append(hook)

    def cleargrads(self) -> None:
        """Forget the gradient of every parameter."""
        for parameter in self._parameters():
            parameter.cleargrad()

    # A step

    def update(self) -> None:
        """Take one step: change every parameter that has a gradient.

        A parameter belongs to the optimizer from its first step on: its data then lies in an array of the
        optimizer's, and the array that was given to it is never changed.

        Raises:
            GraphError: `setup` has not been called.
            ShapeError: a gradient has another shape than its parameter.
            DtypeError: a gradient has another dtype than its parameter.

        Example:
            >>> from wengert.optimizers import SGD
            >>> p = Parameter(np.array([1.0, 2.0]))
            >>> optimizer = SGD(lr=0.1).setup([p])
            >>> (p * p).sum().backward()
            >>> optimizer.update()
            >>> p
            variable([0.8 1.6])
        """
        parameters = self._parameters()
        if self.hooks:
            for hook in self.hooks:
                hook([parameter for parameter in parameters if parameter._grad is not None])
        if self._one_by_one:
            for parameter in parameters:
                if parameter._grad is not None:
                    self.update_one(parameter)
            return
        batches = self._batches
        if (
            batches is None
            or len(parameters) != len(self._listed)
            or not all(map(is_, parameters, self._listed))
            or any([parameter._grad is not None for parameter in self._idle])
            or not all([batch.gather() for batch in batches])
        ):
            batches = self._arrange(parameters)
        decay = 0.0 if self.decoupled else self.weight_decay
        for batch in batches:
            batch.step(self.formula, decay)

    def update_one(self, parameter: Parameter) -> None:
        """Change one parameter; a class that writes this, as in the book, needs no ``formula``."""
        raise NotImplementedError(f"{type(self).__name__} is written as a formula, and updates all parameters at once.")

    @property
    def _one_by_one(self) -> bool:
        return type(self).update_one is not Optimizer.update_one

    def _parameters(self) -> list[Parameter]:
        target = self._target
        if target is None:
            name = type(self).__name__
            raise GraphError(f"{name}: there is nothing to optimize yet.\n    Fix: call {name}(...).setup(model) first.")
        return target if type(target) is list else parameters_below(target)  # type: ignore[arg-type]

    def _arrange(self, parameters: list[Parameter]) -> list["_Batch"]:
        """Put the parameters that have a gradient into batches, and gather their gradients."""
        live = [parameter for parameter in parameters if parameter._grad is not None]
        names = self._names(parameters)
        for parameter in live:
            _check_gradient(names[parameter], parameter)
        slots = self._slots = {p: self._slot(p) for p in parameters if p.data is not None}
        groups: dict[Any, list[Slot]] = {}
        for parameter in live:
            slot = slots[parameter]
            xp = namespace_of((parameter.data,))
            if xp.ndarray is not np.ndarray:
                slot.batch = None
                key: Any = ("whole", parameter)
            else:
                small = parameter.data.size <= _SMALL
                key = (parameter.data.dtype, slot.t) if small else parameter
            groups.setdefault(key, []).append(slot)
        batches = [
            (_Whole if isinstance(key, tuple) and key[0] == "whole" else _Pieces)(group) for key, group in groups.items()
        ]
        self._batches, self._listed, self._idle = batches, list(parameters), [p for p in parameters if p._grad is None]
        for batch in batches:
            batch.gather()
        return batches

    def _slot(self, parameter: Parameter) -> "Slot":
        slot = self._slots.get(parameter)
        if slot is None or slot.shape != parameter.data.shape:
            slot = Slot(parameter, len(self.keeps))
        return slot

    # What is kept from step to step

    def slots(self) -> list["Slot"]:
        """What is kept for each parameter, in order; made afresh where no step has been taken.

        Example:
            >>> from wengert.optimizers import Adam
            >>> optimizer = Adam().setup([Parameter(np.zeros(3))])
            >>> optimizer.slots()[0].kept
            [array([0., 0., 0.]), array([0., 0., 0.])]
        """
        parameters = [parameter for parameter in self._parameters() if parameter.data is not None]
        self._slots = {parameter: self._slot(parameter) for parameter in parameters}
        return list(self._slots.values())

    def state(self) -> dict[str, Any]:
        """What is kept for each parameter, by path: copies of its arrays, and the number of steps taken.

        Example:
            >>> from wengert.layers import Linear
            >>> from wengert.optimizers import Momentum
            >>> sorted(Momentum().setup(Linear(1, 2, bias=False)).state())
            ['weight.steps', 'weight.velocity']
        """
        answer: dict[str, Any] = {}
        names = self._names(self._parameters())
        for slot in self.slots():
            name = names[slot.parameter]
            for kept, array in zip(self.keeps, slot.kept, strict=True):
                answer[f"{name}.{kept}"] = namespace_of((array,)).asarray(array, copy=True)
            answer[f"{name}.steps"] = np.asarray(slot.t) if isinstance(slot.t, int) else slot.t
        return answer

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave.

        Raises:
            DataError: something is missing, left over, or of another shape or dtype; nothing has been changed then.

        Example:
            >>> from wengert.optimizers import Momentum
            >>> optimizer = Momentum().setup([Parameter(np.zeros(3))])
            >>> optimizer.load_state(optimizer.state())
        """
        differences = self.differences(state)
        if differences:
            raise DataError("\n    ".join([f"this is not the state of this {type(self).__name__}:", *differences]))
        names = self._names(self._parameters())
        for slot in self.slots():
            name = names[slot.parameter]
            slot.load([state[f"{name}.{kept}"] for kept in self.keeps], state[f"{name}.steps"])
        self._batches = None

    def differences(self, state: dict[str, Any]) -> list[str]:
        """One line for everything in which ``state`` does not fit this optimizer and its parameters."""
        names = self._names(self._parameters())
        wanted: dict[str, tuple[Any, Any]] = {}
        for slot in self.slots():
            name = names[slot.parameter]
            wanted |= {f"{name}.{kept}": (slot.shape, slot.parameter.data.dtype) for kept in self.keeps}
            wanted[f"{name}.steps"] = ((), None)
        return differences(wanted, state)

    def options(self) -> dict[str, float | bool | str]:
        """The settings by name, as a checkpoint saves them.

        Example:
            >>> from wengert.optimizers import Momentum
            >>> Momentum(lr=0.5).options()
            {'lr': 0.5, 'weight_decay': 0.0, 'momentum': 0.9}
        """
        public = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return {"lr": self.lr} | {n: value for n, value in public.items() if isinstance(value, bool | int | float | str)}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.options().items())})"

    def _names(self, parameters: list[Parameter]) -> dict[Parameter, str]:
        if isinstance(self._target, Layer):
            return {parameter: path for path, parameter in self._target.named_parameters()}
        return {parameter: parameter.name or str(i) for i, parameter in enumerate(parameters)}


class Slot:
    """What an optimizer keeps for one parameter: the number of steps taken, and arrays of the parameter's shape."""

    __slots__ = ("_t", "batch", "kept", "parameter", "shape")

    def __init__(self, parameter: Parameter, count: int) -> None:
        xp = namespace_of((parameter.data,))
        self.parameter = parameter
        self.shape = parameter.data.shape
        self.kept = [xp.zeros_like(parameter.data) for _ in range(count)]
        self.batch: _Batch | None = None
        # An array where steps may be compiled: a number would be the same in each.
        self._t: Any = 0 if xp.ndarray is np.ndarray else xp.asarray(0)

    @property
    def t(self) -> Any:
        """The number of steps taken."""
        return self._t if self.batch is None else self.batch.t

    def load(self, kept: list[Any], t: Any) -> None:
        """Go on from these."""
        xp = namespace_of((self.parameter.data,))
        self.batch = None
        self.kept = [xp.asarray(array, copy=True) for array in kept]
        self._t = int(t) if xp.ndarray is np.ndarray else xp.asarray(t)


class _Batch:
    """Parameters that are updated together."""

    t: Any

    def gather(self) -> bool:
        """Take up the gradients; False where something has changed and the parameters must be arranged anew."""
        raise NotImplementedError

    def step(self, formula: Callable[..., tuple[Any, ...]], decay: float) -> None:
        """Run the formula."""
        raise NotImplementedError


class _Pieces(_Batch):
    """NumPy parameters that lie side by side in one array, which is worked on in place, piece by piece."""

    def __init__(self, slots: list[Slot]) -> None:
        self.t = slots[0].t
        arrays = [slot.parameter.data for slot in slots]
        dtype = arrays[0].dtype
        p = np.concatenate([array.reshape(-1) for array in arrays])
        kept = [np.concatenate([array.reshape(-1) for array in row]) for row in zip(*[s.kept for s in slots], strict=True)]
        self.g = np.empty_like(p) if len(slots) > 1 else None
        self.members: list[tuple[Parameter, Any, Any]] = []
        start = 0
        for slot in slots:
            shape = slot.shape
            stop = start + slot.parameter.data.size
            view = p[start:stop].reshape(shape)
            slot.parameter.data = view
            slot.kept = [array[start:stop].reshape(shape) for array in kept]
            slot.batch = self
            self.members.append((slot.parameter, view, None if self.g is None else self.g[start:stop].reshape(shape)))
            start = stop
        length = max(1, _PIECE // dtype.itemsize)
        self.pieces = [
            (slice(i, i + length), tuple(array[i : i + length] for array in (p, *kept))) for i in range(0, p.size, length)
        ]

    def gather(self) -> bool:
        alone = self.g is None
        for parameter, data, place in self.members:
            gradient = parameter._grad
            if gradient is None or parameter.data is not data:
                return False
            g = gradient.data
            if g.shape != data.shape or g.dtype != data.dtype:
                return False
            if alone:
                self.whole = g.reshape(-1)
            else:
                place[...] = g
        return True

    def step(self, formula: Callable[..., tuple[Any, ...]], decay: float) -> None:
        self.t = t = self.t + 1
        whole = self.whole if self.g is None else self.g
        for piece, (p, *kept) in self.pieces:
            g = whole[piece]
            if decay:
                g = g + decay * p
            results = formula(np, p, g, t, *kept)
            for old, new in zip((p, *kept), results, strict=True):
                if new is not old:  # the formula did not work in place
                    old[...] = new
        self.whole = None


class _Whole(_Batch):
    """One parameter of a library whose arrays cannot be written into."""

    def __init__(self, slots: list[Slot]) -> None:
        (self.slot,) = slots
        ...
