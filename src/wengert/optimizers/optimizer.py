"""Optimizer: from parameters and their gradients to better parameters.

An optimizer is one formula, written like the paper's on arrays of any library.  Here is what runs it: on NumPy in
place, piece by piece, so that what is computed in between stays in the processor's cache, and with all small
parameters side by side in one array; on other libraries on whole arrays.  Next: sgd.py, adam.py.
"""

from collections.abc import Callable, Iterable
from copy import copy as copy_of
from inspect import Parameter as Argument
from inspect import signature
from math import expm1, inf, isfinite, log
from operator import gt, is_
from sys import getrefcount
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np

from wengert.backends import namespace_of
from wengert.core.recorded import Recorded
from wengert.errors import DataError, DtypeError, GraphError, InputError, ShapeError, describe, message
from wengert.layers.layer import Layer, Unsized, parameters_below, refuse_lost
from wengert.migration import check_arguments, missing
from wengert.variable import Parameter, Variable

__all__ = ["Optimizer", "Slot", "bias_correction", "checked_number", "compute_gradients", "list_differences", "named"]

# Bytes of each array that a formula is run on at a time: so much of five or six arrays stays in the processor's caches,
# and is enough for a call of NumPy to cost little beside its work.
_PIECE = 256 * 1024
# Parameters of up to so many entries lie side by side: to copy their gradients costs less than more calls would.
_SMALL = 8192
# Arguments of one's own name, and not those that take whatever comes.
_OWN = (Argument.POSITIONAL_OR_KEYWORD, Argument.KEYWORD_ONLY)


class Optimizer:
    """The base of every optimizer: derive from it, name what is kept for each parameter, and write ``formula``.

    Args:
        lr: The learning rate [0, ...).
        weight_decay: How much of each parameter is added to its gradient, an L2 penalty [0, ...).

    Raises:
        InputError: a setting is no number, not finite, or out of range.

    Example:
        >>> class HeavyBall(Optimizer):
        ...     keeps = ("velocity",)
        ...     def formula(self, xp, p, g, t, velocity):
        ...         velocity *= 0.9
        ...         velocity -= self.lr * g
        ...         p += velocity
        ...         return p, velocity
        >>> p = Parameter(np.array([1.0]))
        >>> optimizer = HeavyBall(lr=0.1).setup([p])
        >>> (p * p).backward()
        >>> optimizer.update()
        >>> p
        variable([0.8])
    """

    keeps: ClassVar[tuple[str, ...]] = ()  # names of the arrays kept for each parameter, of its shape, zero at first
    decoupled: ClassVar[bool] = False  # whether the formula itself applies weight_decay
    whole: ClassVar[bool] = False  # whether the formula needs each parameter by itself and in its shape, as a norm does
    _parent: "Optimizer | None" = None  # of a group: the optimizer that it belongs to

    def __new__(cls, *given: Any, **options: Any) -> Self:
        """Refuse what the constructor does not take, in the words of who comes from another library."""
        if len(given) > 1 and isinstance(given[0], Layer | Iterable):
            checked_number(object.__new__(cls), "lr", given[0])
        check_arguments(cls, given, options)
        return super().__new__(cls)

    def __init__(self, lr: float = 0.01, *, weight_decay: float = 0.0) -> None:
        self.lr = lr
        self.weight_decay = checked_number(self, "weight_decay", weight_decay)
        self.hooks: list[Callable[[list[Parameter]], None]] = []
        self._target: Layer | list[Parameter] | None = None
        self._groups: list[Self] = []

    def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
        """One step: from parameter ``p``, gradient ``g``, step number ``t`` and what is kept, the new ``p`` and kept.

        Written with ``xp``, operators and augmented assignment (``m *= 0.9``), it works in place where arrays allow
        that.  It never writes into ``g``.
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

    @property
    def groups(self) -> list[Self]:
        """The groups given to `setup`, each with an ``lr`` and other settings that may be read and set.

        What a group has not been given it takes from the optimizer.  Without groups, the optimizer alone.

        Example:
            >>> from wengert.layers import Linear
            >>> from wengert.optimizers import SGD
            >>> optimizer = SGD(0.1).setup([{"params": Linear(1)}, {"params": Linear(1), "lr": 0.01}])
            >>> optimizer.lr = 0.5
            >>> [group.lr for group in optimizer.groups]
            [0.5, 0.01]
        """
        return self._groups or [self]

    def setup(self, target: Layer | Iterable[Parameter] | Iterable[dict[str, Any]]) -> Self:
        """Choose what to optimize: a model, parameters, or groups of either with settings of their own.

        Args:
            target: A model; parameters; or a dictionary for each group, with a model or parameters under ``"params"``
                and beside it the settings that are this group's own: ``{"params": model.head, "lr": 0.1}``.

        Raises:
            DtypeError: it is none of these.
            InputError: a group has no ``"params"``, a setting that is not the optimizer's or out of range, or a
                parameter that another group has already.

        Example:
            >>> from wengert.layers import Linear
            >>> from wengert.optimizers import SGD
            >>> SGD(0.1).setup(Linear(1))
            SGD(lr=0.1, weight_decay=0.0, maximize=False)
        """
        given = _as_list(target)
        self._groups, self._target = [], None
        if isinstance(given, list) and given and all(isinstance(each, dict) for each in given):
            self._groups = [self._group(i, each) for i, each in enumerate(given)]
            self._target = []
            owners: dict[Parameter, int] = {}
            for i, group in enumerate(self._groups):
                for parameter in group._own_parameters():
                    if owners.setdefault(parameter, i) != i:
                        first = owners[parameter]
                        self._target, self._groups = None, []
                        raise InputError(
                            f"{type(self).__name__}.setup: groups {first} and {i} share a parameter, "
                            f"{describe(parameter)}.\n    Fix: put each parameter into one group."
                        )
        else:
            self._target = self._checked_target(given)
        self._slots: dict[Parameter, Slot] = {}
        self._batches: list[_Flat | _Whole] | None = None  # as arranged for the two lists that follow
        self._listed: list[Parameter] = []
        self._idle: list[Parameter] = []
        return self

    def add_hook(self, hook: Callable[[list[Parameter]], None]) -> None:
        """Before every update, call ``hook`` on the parameters that have a gradient; see hooks.py."""
        if not callable(hook):
            raise InputError(f"{type(self).__name__}.add_hook takes a function, and was given {describe(hook)}.")
        self.hooks.append(hook)

    # Groups

    def _checked_target(self, target: Any) -> Layer | list[Parameter]:
        if isinstance(target, Layer):
            return target
        parameters = target if isinstance(target, list) else [target]
        wrong = [each for each in parameters if not isinstance(each, Parameter)]
        if wrong:
            raise DtypeError(
                f"{type(self).__name__}.setup takes a model or its parameters, and was given "
                f"{describe(wrong[0])}.\n    Fix: {type(self).__name__}(lr=...).setup(model)."
            )
        return list(dict.fromkeys(parameters))

    def _group(self, number: int, given: dict[str, Any]) -> Self:
        """An object of the same class, for its formula, that has only what is its own."""
        if "params" not in given:
            raise InputError(
                f"{type(self).__name__}.setup: group {number} has no 'params'.\n"
                '    Fix: {"params": model.head, "lr": 0.1}.'
            )
        group = object.__new__(type(self))
        vars(group).update({"_parent": self, "_target": self._checked_target(_as_list(given["params"])), "_groups": []})
        vars(group).update(self._checked_settings(number, {name: given[name] for name in given if name != "params"}))
        return group

    def _checked_settings(self, number: int, given: dict[str, Any]) -> dict[str, Any]:
        """A group's settings as attributes, checked by making an optimizer with them."""
        known = self.options()
        unknown = [name for name in given if name not in known]
        if unknown:
            raise InputError(
                f"{type(self).__name__}.setup: group {number} has {unknown[0]!r}, which is no setting of "
                f"{type(self).__name__}.\n    Fix: its settings are {', '.join(known)}."
            )
        takes = signature(type(self)).parameters
        probe = type(self)(**{name: value for name, value in {**known, **given}.items() if name in takes})
        for name in given.keys() - takes.keys():
            setattr(probe, name, given[name])
        return {name: vars(probe)[name] for name in ("_lr" if name == "lr" else name for name in given)}

    def _own_settings(self) -> dict[str, Any]:
        """What a group has of its own."""
        return {name: value for name, value in self.options().items() if name in vars(self) or f"_{name}" in vars(self)}

    def _own_parameters(self) -> list[Parameter]:
        target = self._target
        return target if isinstance(target, list) else parameters_below(target)  # type: ignore[arg-type]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # What a group has not, it takes from its optimizer.
            parent = vars(self).get("_parent")
            if parent is None:
                raise missing("Optimizer", type(self).__name__, name)
            return getattr(parent, name)

    # A step

    def update(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step: change every parameter that has a gradient.

        A parameter's data lies in an array of the optimizer's from its first step on: the array that it was made
        from is never changed.

        Args:
            closure: Computes the loss and returns it, and leaves going back to `update`: it clears the gradients, runs
                the closure, and calls ``backward`` before the step.

        Returns:
            The loss that the closure returned, from before the step.

        Raises:
            GraphError: `setup` has not been called.
            ShapeError: a gradient has another shape than its parameter, or the loss is no scalar.
            DtypeError: a gradient has another dtype than its parameter, or the loss is no Variable.

        Example:
            >>> from wengert.optimizers import SGD
            >>> p = Parameter(np.array([1.0, 2.0]))
            >>> optimizer = SGD(lr=0.1).setup([p])
            >>> (p * p).sum().backward()
            >>> optimizer.update()
            >>> p
            variable([0.8 1.6])
            >>> optimizer.update(lambda: (p * p).sum())
            variable(3.2000000000000006)
        """
        loss = None
        if closure is not None:
            loss = compute_gradients(self, closure, self._parameters())
        parameters = self._parameters()
        for hook in self.hooks:
            hook([parameter for parameter in parameters if parameter._grad is not None])
        if type(self).update_one is not Optimizer.update_one:
            for parameter in parameters:
                if parameter._grad is not None:
                    self._owner(parameter).update_one(parameter)
            return loss
        batches = self._batches
        if batches is None or not self._as_arranged(parameters, batches):
            batches = self._arrange(parameters)
        for batch in batches:
            owner: Any = batch.owner
            batch.step(owner.formula, 0.0 if self.decoupled else owner.weight_decay)
        return loss

    def update_one(self, parameter: Parameter) -> None:
        """Change one parameter: a class that writes this, as in the book, needs no ``formula``."""
        raise NotImplementedError(
            f"{type(self).__name__} is written as a formula, which updates all parameters at once."
        )

    def _parameters(self) -> list[Parameter]:
        target = self._target
        name = type(self).__name__
        if target is None:
            raise GraphError(
                f"{name}: there is nothing to optimize yet.\n    Fix: call {name}(...).setup(model) first."
            )
        if self._parent is not None:
            raise GraphError(f"{name}: a group holds settings.\n    Fix: call the optimizer it is a group of.")
        if self._groups:
            return list(dict.fromkeys(each for group in self._groups for each in group._own_parameters()))
        return target if isinstance(target, list) else parameters_below(target)

    def _owners(self) -> dict[Parameter, Self]:
        """The group of each parameter; the first, where a layer has been put into two since."""
        return {each: group for group in reversed(self._groups) for each in group._own_parameters()}

    def _owner(self, parameter: Parameter) -> Self:
        return self._owners().get(parameter, self)

    def _as_arranged(self, parameters: list[Parameter], batches: "list[_Flat | _Whole]") -> bool:
        """Gather the gradients; False where the parameters, or those that have a gradient, are not as arranged."""
        listed = self._listed
        if len(parameters) != len(listed) or not all(map(is_, parameters, listed)):
            return False
        for parameter in self._idle:
            if parameter._grad is not None:
                return False
        return all(batch.gather() for batch in batches)

    def _arrange(self, parameters: list[Parameter]) -> "list[_Flat | _Whole]":
        """Put the parameters that have a gradient into batches, and gather their gradients."""
        if self._listed:
            for group in self.groups:
                if isinstance(group._target, Layer):
                    refuse_lost(group._target, self._listed, parameters)
        live = [parameter for parameter in parameters if parameter._grad is not None]
        for parameter in live:
            self._check(parameter)
        owners = self._owners()
        self._slots = {parameter: self._slot(parameter) for parameter in parameters if _has_data(parameter)}
        together: dict[Any, list[Slot]] = {}
        for parameter in live:
            slot, data = self._slots[parameter], parameter.data
            alone = self.whole or not isinstance(data, np.ndarray) or data.size > _SMALL
            key = parameter if alone else (owners.get(parameter), data.dtype, slot.steps)
            together.setdefault(key, []).append(slot)
        batches: list[_Flat | _Whole] = []
        for slots in together.values():
            batch = slots[0].batch
            if batch is None or not batch.holds(slots):
                flat = isinstance(slots[0].parameter.data, np.ndarray)
                batch = _Flat(slots, self.whole) if flat else _Whole(slots)
            batch.owner = owners.get(slots[0].parameter, self)
            batches.append(batch)
        self._batches, self._listed = batches, list(parameters)
        self._idle = [parameter for parameter in parameters if parameter._grad is None]
        for batch in batches:
            batch.gather()
        return batches

    def _check(self, parameter: Parameter) -> None:
        """Refuse a parameter, or its gradient, before anything is changed."""
        if not _fits(parameter):
            _refuse_gradient(self._name(parameter), parameter)

    def _name(self, parameter: Parameter) -> str:
        return self._names(self._parameters())[parameter]

    def _slot(self, parameter: Parameter) -> "Slot":
        slot = self._slots.get(parameter)
        if slot is None or slot.shape != parameter.data.shape:
            return Slot(parameter, len(self.keeps))
        slot.follow()
        return slot

    # What is kept from step to step

    def slots(self) -> list["Slot"]:
        """What is kept for each parameter, in order; zeros where no step has been taken.

        Example:
            >>> from wengert.optimizers import Adam
            >>> optimizer = Adam().setup([Parameter(np.zeros(3))])
            >>> optimizer.slots()[0].kept
            [array([0., 0., 0.]), array([0., 0., 0.])]
        """
        self._slots = {parameter: self._slot(parameter) for parameter in self._parameters() if _has_data(parameter)}
        return list(self._slots.values())

    def state(self, *, copy: bool = True) -> dict[str, Any]:
        """What is kept for each parameter, by path: copies of its arrays, and the number of steps taken.

        With groups, paths begin with the number of the group, and its own settings are there too.

        Args:
            copy: Whether arrays are copies; those that are not, the next step changes.

        Example:
            >>> from wengert.layers import Linear
            >>> from wengert.optimizers import Momentum
            >>> sorted(Momentum().setup(Linear(1, in_size=2, bias=False)).state())
            ['weight.steps', 'weight.velocity']
        """
        answer: dict[str, Any] = {}
        slots, names = self.slots(), self._names(self._parameters())
        for slot in slots:
            name = names[slot.parameter]
            for kept, array in zip(self.keeps, slot.kept, strict=True):
                answer[f"{name}.{kept}"] = namespace_of((array,)).asarray(array, copy=True) if copy else array
            answer[f"{name}.steps"] = np.asarray(slot.steps) if isinstance(slot.steps, int) else slot.steps
        for i, group in enumerate(self._groups):
            for setting, value in group._own_settings().items():
                number = isinstance(value, int | float)
                answer[f"groups.{i}.{setting}"] = np.asarray(value, np.float64) if number else value
        return answer

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave.

        Raises:
            DataError: something is missing, left over, of another shape or dtype, or out of range; nothing has been
                changed then.
            InputError: a setting of a group is out of range; nothing has been changed then.

        Example:
            >>> from wengert.optimizers import Momentum
            >>> optimizer = Momentum().setup([Parameter(np.zeros(3))])
            >>> optimizer.load_state(optimizer.state())
        """
        different = list_differences(self.expected_state() | self.expected_settings(state), state)
        if different:
            raise DataError("\n    ".join([f"this is not the state of this {type(self).__name__}:", *different]))
        settings = [self._settings_in(state, i) for i in range(len(self._groups))]
        different = self._damages(state)
        if different:
            raise DataError("\n    ".join([f"this is not the state of this {type(self).__name__}:", *different]))
        for group, own in zip(self._groups, settings, strict=True):
            vars(group).update(own)
        slots, names = self.slots(), self._names(self._parameters())
        for slot in slots:
            name = names[slot.parameter]
            slot.load([state[f"{name}.{kept}"] for kept in self.keeps], state[f"{name}.steps"])
        self._batches = None

    def differences(
        self,
        state: dict[str, Any],
        *,
        options: dict[str, Any] | None = None,
        shapes: dict[Parameter, tuple[int, ...]] | None = None,
    ) -> list[str]:
        """One line for everything in which what `state` gave does not fit this optimizer; nothing is changed.

        Args:
            state: What `state` gave.
            options: What `options` gave, where that is to be loaded too.
            shapes: Of parameters that still wait for theirs.

        Example:
            >>> from wengert.optimizers import Momentum
            >>> optimizer = Momentum().setup([Parameter(np.zeros(3))])
            >>> optimizer.differences(optimizer.state(), options={"momentum": 7.0})
            ['Momentum: momentum is a number from 0 to below 1, and this is float 7.0.']
        """
        unknown = (options or {}).keys() - self.options().keys()
        if unknown:
            return [f"{name} is no setting of {type(self).__name__}" for name in sorted(unknown)]
        try:
            settled = self._settled(options or {})
        except InputError as error:
            return [_first_line(error)]
        lines = list_differences(settled.expected_state(shapes) | settled.expected_settings(state), state)
        return lines or settled._damages(state)

    def _settled(self, options: dict[str, Any]) -> Self:
        """A copy that has these settings, which are checked as when an optimizer is made."""
        settled = copy_of(self)
        if any(getattr(self, name) != value for name, value in options.items()):
            takes = [each for each in signature(type(self)).parameters.values() if each.kind in _OWN]
            known = self.options() | options
            if all(each.name in known or each.default is not Argument.empty for each in takes):
                type(self)(**{each.name: known[each.name] for each in takes if each.name in known})
        settled.load_options(options)
        return settled

    def _damages(self, state: dict[str, Any]) -> list[str]:
        """One line for every number out of range, where shapes and dtypes are right."""
        lines = [
            f"{name} is negative"
            for name, value in state.items()
            if name.endswith(".steps") and isinstance(value, np.ndarray | np.generic) and np.any(value < 0)  # type: ignore[operator]
        ]
        for i in range(len(self._groups)):
            try:
                self._settings_in(state, i)
            except InputError as error:
                lines.append(f"groups.{i}: {_first_line(error)}")
        return lines

    def _settings_in(self, state: dict[str, Any], number: int) -> dict[str, Any]:
        """A group's own settings as they are in ``state``, checked, as attributes."""
        group, prefix = self._groups[number], f"groups.{number}."
        own = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        return self._checked_settings(
            number, {name: _setting(name, value, getattr(group, name)) for name, value in own.items()}
        )

    def expected_settings(self, state: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
        """The same for settings of groups: a group may have been given more after `setup` than it has here.

        Example:
            >>> from wengert.optimizers import SGD
            >>> state = {"groups.0.lr": np.asarray(0.5)}
            >>> SGD().setup([{"params": Parameter(np.zeros(3))}]).expected_settings(state)
            {'groups.0.lr': ((), <class 'float'>)}
        """
        known = [f"groups.{i}.{setting}" for i in range(len(self._groups)) for setting in self.options()]
        return {name: ((), float) for name in known if name in state}

    def expected_state(self, shapes: dict[Parameter, tuple[int, ...]] | None = None) -> dict[str, tuple[Any, Any]]:
        """The shape and dtype of everything that `state` gives, None for any integer type, float for any floating one.

        Args:
            shapes: Of parameters that still wait for theirs.
        """
        shapes = shapes or {}
        answer: dict[str, tuple[Any, Any]] = {}
        for parameter, name in self._names(self._parameters()).items():
            if _has_data(parameter) or parameter in shapes:
                shape = shapes.get(parameter, parameter.shape)
                answer |= {f"{name}.{kept}": (shape, parameter.dtype) for kept in self.keeps}
                answer[f"{name}.steps"] = ((), None)
        for i, group in enumerate(self._groups):
            answer |= {f"groups.{i}.{setting}": ((), float) for setting in group._own_settings()}
        return answer

    def options(self) -> dict[str, Any]:
        """The settings by name, as a checkpoint saves them.

        Example:
            >>> from wengert.optimizers import AdaDelta
            >>> AdaDelta(lr=0.5).options()
            {'lr': 0.5, 'weight_decay': 0.0, 'rho': 0.95, 'eps': 1e-06}
        """
        if self._parent is not None:
            return {name: getattr(self, name) for name in self._parent.options()}
        settings = {
            name.removeprefix("_"): value for name, value in vars(self).items() if name == "_lr" or name[0] != "_"
        }
        return {name: settings[name] for name in settings if isinstance(settings[name], bool | int | float | str)}

    def load_options(self, options: dict[str, Any]) -> None:
        """Take on settings by name, as `options` gave them.

        Example:
            >>> from wengert.optimizers import Momentum
            >>> optimizer = Momentum()
            >>> optimizer.load_options(Momentum(lr=0.5).options())
            >>> optimizer.lr
            0.5
        """
        for name, value in options.items():
            now = getattr(self, name)
            setattr(self, name, int(value) if isinstance(now, int) and not isinstance(now, bool) else value)

    def __getstate__(self) -> dict[str, Any]:
        # In a copy the parameters are arrays by themselves, no longer side by side.
        return {**vars(self)} | ({"_batches": None} if self._parent is None else {})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.options().items())})"

    def _names(self, parameters: list[Parameter]) -> dict[Parameter, str]:
        if self._groups:
            return {
                parameter: f"{i}.{name}"
                for i, group in reversed(list(enumerate(self._groups)))
                for parameter, name in group._names(group._own_parameters()).items()
            }
        if isinstance(self._target, Layer):
            return {parameter: path for path, parameter in self._target.named_parameters()}
        return {parameter: str(i) for i, parameter in enumerate(parameters)}


class Slot:
    """What is kept for one parameter: the number of steps taken, and arrays of the parameter's shape.

    In a library whose steps may be compiled the number is an array as well: a number would be the same in each.
    """

    __slots__ = ("batch", "kept", "parameter", "shape", "steps")

    def __init__(self, parameter: Parameter, count: int) -> None:
        xp = namespace_of((parameter.data,))
        self.parameter = parameter
        self.shape = parameter.data.shape
        self.batch: _Flat | _Whole | None = None
        self.kept = [xp.zeros_like(parameter.data) for _ in range(count)]
        self.steps: Any = 0 if xp.ndarray is np.ndarray else xp.asarray(0)

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        return None, {name: getattr(self, name) for name in self.__slots__} | {"batch": None}

    def load(self, kept: list[Any], steps: Any) -> None:
        """Go on from these."""
        data = self.parameter.data
        xp = namespace_of((data,))
        self.batch = None
        self.kept = [xp.asarray(array, dtype=data.dtype, copy=True) for array in kept]
        self.steps = int(steps) if xp.ndarray is np.ndarray else xp.asarray(steps)

    def follow(self) -> None:
        """Go over to another library or dtype when the parameter has."""
        data = self.parameter.data
        counted = isinstance(self.steps, int)
        if counted != isinstance(data, np.ndarray) or any(array.dtype != data.dtype for array in self.kept):
            self.load(self.kept, self.steps)


class _Flat:
    """NumPy parameters side by side in one array, which is worked on in place, a piece at a time."""

    owner: Any  # the optimizer or group whose settings apply

    def __init__(self, slots: list[Slot], whole: bool) -> None:
        self.slots = slots
        self.in_shape = whole
        self.t = slots[0].steps
        p = np.concatenate([slot.parameter.data.reshape(-1) for slot in slots])
        rows = zip(*[slot.kept for slot in slots], strict=True)
        flat = [p, *(np.concatenate([array.reshape(-1) for array in row]) for row in rows)]
        self.gathered = np.empty_like(p) if len(slots) > 1 else None  # the gradients side by side
        self.g: Any = self.gathered
        self.members: list[tuple[Parameter, Any, Any]] = []
        start = 0
        for slot in slots:
            stop = start + slot.parameter.data.size
            slot.parameter.data, *slot.kept = [array[start:stop].reshape(slot.shape) for array in flat]
            slot.batch = self
            place = None if self.gathered is None else self.gathered[start:stop].reshape(slot.shape)
            self.members.append((slot.parameter, slot.parameter.data, place))
            start = stop
        length = _PIECE // p.itemsize
        pieces = [slice(i, i + length) for i in range(0, p.size, length)]
        self.pieces: list[tuple[Any, list[Any]]] = [(piece, [array[piece] for array in flat]) for piece in pieces]
        if whole:
            self.pieces = [(..., [slots[0].parameter.data, *slots[0].kept])]
        self.whole = p
        self.holders: list[int] = []
        del p, flat
        self.holders = self._count_holders()

    def _count_holders(self) -> list[int]:
        return [getrefcount(self.whole), *[getrefcount(data) for _, data, _ in self.members]]

    def _in_use(self) -> bool:
        """Whether somebody else holds an array that a step would write into, as a tape that is still needed does."""
        return any(map(gt, self._count_holders(), self.holders))

    def holds(self, slots: list[Slot]) -> bool:
        """Whether these are the parameters that lie here, still do, and may be written into."""
        return (
            self.slots == slots
            and not self._in_use()
            and all(parameter.data is data for parameter, data, _ in self.members)
        )

    def gather(self) -> bool:
        """Take up the gradients; False where one is missing or does not fit, or data is in use or no longer here."""
        if self._in_use():
            return False
        for parameter, data, place in self.members:
            gradient = parameter._grad
            if gradient is None or parameter.data is not data:
                return False
            g = gradient.data
            if g.shape != data.shape or g.dtype != data.dtype:
                return False
            if place is None:
                self.g = g if self.in_shape else g.reshape(-1)
            else:
                place[...] = g
        return True

    def step(self, formula: Callable[..., tuple[Any, ...]], decay: float) -> None:
        """Run the formula."""
        self.t = t = self.t + 1
        for slot in self.slots:
            slot.steps = t
        for piece, arrays in self.pieces:
            g = self.g[piece]
            if decay:
                g = g + decay * arrays[0]
            for old, new in zip(arrays, formula(np, arrays[0], g, t, *arrays[1:]), strict=True):
                if new is not old:  # the formula does not work in place
                    old[...] = new
        self.g = self.gathered


class _Whole:
    """One parameter of a library whose arrays cannot be written into."""

    owner: Any

    def __init__(self, slots: list[Slot]) -> None:
        (self.slot,) = slots
        self.slot.batch = self

    def holds(self, slots: list[Slot]) -> bool:
        return slots[0] is self.slot and not isinstance(self.slot.parameter.data, np.ndarray)

    def gather(self) -> bool:
        parameter = self.slot.parameter
        return parameter._grad is not None and not isinstance(parameter.data, np.ndarray) and _fits(parameter)

    def step(self, formula: Callable[..., tuple[Any, ...]], decay: float) -> None:
        slot = self.slot
        p, g = slot.parameter.data, slot.parameter._grad.data  # type: ignore[union-attr]
        slot.steps = slot.steps + 1
        if decay:
            g = g + decay * p
        slot.parameter.data, *slot.kept = formula(namespace_of((p, g)), p, g, slot.steps, *slot.kept)


def bias_correction(xp: Any, beta: float, t: Any) -> Any:
    """1 - beta**t: what a running average that began at zero must be divided by after ``t`` steps.

    Example:
        >>> bias_correction(np, 0.9, 1)
        0.09999999999999998
    """
    if not beta:
        return 1.0
    return -expm1(t * log(beta)) if isinstance(t, int) else -xp.expm1(t * log(beta))


def checked_number(owner: Any, name: str, value: Any, *, below: float = inf) -> Any:
    """A setting as a float, refused unless it is a finite number from 0 to ``below``; another library's array as it is.

    Example:
        >>> checked_number(Optimizer(), "rho", np.float32(0.5), below=1)
        0.5
    """
    if not isinstance(value, bool | int | float | np.ndarray | np.generic) and hasattr(value, "shape"):
        return value  # a number on its way through a compiled step
    number = None
    if isinstance(value, int | float | np.number | np.ndarray) and not isinstance(value, bool) and not np.shape(value):
        number = float(value)
    if number is None or not (isfinite(number) and 0 <= number < below):
        bound = f"from 0 to below {below:g}" if isfinite(below) else "from 0 on"
        kind = type(owner).__name__
        fix = f"\n    Fix: {kind}(lr=...).setup(model)." if isinstance(value, Layer | Iterable) else ""
        raise InputError(f"{kind}: {name} is a number {bound}, and this is {describe(value)}.{fix}")
    return number


def named(optimizer: Any, kept: tuple[Any, ...]) -> dict[str, Any]:
    """What is kept, by name: for a formula that keeps more with some settings than with others.

    Raises:
        InputError: a setting has been changed since the first step, and what it needs has not been kept.

    Example:
        >>> from wengert.optimizers import Momentum
        >>> named(Momentum(), (np.zeros(2),))
        {'velocity': array([0., 0.])}
    """
    names = optimizer.keeps
    if len(names) != len(kept):
        raise InputError(
            f"{type(optimizer).__name__}: with its settings as they are it needs {', '.join(names)}, "
            f"and from the first step on it has kept {len(kept)} arrays.\n"
            "    Fix: choose what it goes by before the first update."
        )
    return dict(zip(names, kept, strict=True))


def compute_gradients(optimizer: Any, closure: Callable[[], Any], parameters: Iterable[Parameter]) -> Any:
    """Clear the gradients of ``parameters``, run the closure, go back from the loss it returns, and give that.

    Raises:
        DtypeError: the loss is no Variable.
        GraphError: there is nothing to go back over: most often the closure has called ``backward`` itself.

    Example:
        >>> p = Parameter(np.array(3.0))
        >>> compute_gradients(None, lambda: p * p, [p]), p.grad
        (variable(9.0), variable(6.0))
    """
    name = type(optimizer).__name__
    for parameter in parameters:
        parameter.cleargrad()
    loss = closure()
    if not isinstance(loss, Recorded):
        raise DtypeError(
            f"{name}.update: the closure returns the loss, a Variable, and returned {describe(loss)}.\n"
            f"    Fix: {name}(...).update(lambda: F.mean_squared_error(model(x), t))."
        )
    if loss.data.shape != ():
        raise ShapeError(f"{name}.update: the loss is a scalar, and this is {describe(loss)}.\n    Fix: take its mean.")
    if any(parameter._grad is not None for parameter in parameters):
        raise GraphError(
            f"{name}.update: the closure called backward, which update does.\n    Fix: return the loss only."
        )
    cast(Variable, loss).backward()
    return loss


def list_differences(wanted: dict[str, tuple[Any, Any]], given: dict[str, Any]) -> list[str]:
    """One line for every array that is missing, left over, or of another shape or dtype than wanted.

    Example:
        >>> list_differences({"bias": ((3,), float)}, {"bias": np.zeros(4), "scale": np.zeros(4)})
        ['bias: its shape is (4,), and should be (3,)', 'scale is not wanted']
    """
    lines = []
    for name, (shape, dtype) in wanted.items():
        if name not in given:
            lines.append(f"{name} is missing")
            continue
        array = given[name]
        if tuple(array.shape) != tuple(shape):
            lines.append(f"{name}: its shape is {tuple(array.shape)}, and should be {tuple(shape)}")
        elif dtype is None or dtype is float:
            kinds, words = ("iu", "an integer type") if dtype is None else ("f", "a floating type")
            if array.dtype.kind not in kinds:
                lines.append(f"{name}: its dtype is {array.dtype}, and should be {words}")
        elif array.dtype != dtype:
            lines.append(f"{name}: its dtype is {array.dtype}, and should be {dtype}")
    return lines + [f"{name} is not wanted" for name in given if name not in wanted]


def _as_list(target: Any) -> Any:
    """Parameters or groups, which may come from a generator, as a list; anything else as it is."""
    listable = isinstance(target, Iterable) and not isinstance(target, Layer | Recorded | dict)
    return list(target) if listable else target


def _setting(name: str, value: Any, now: Any) -> Any:
    """A setting that was saved, as a number of the kind it has now; another library's array as it is."""
    if not isinstance(value, np.ndarray | np.generic):
        return value
    if not isinstance(now, int):
        return float(value)
    if not np.isfinite(value) or type(now)(value) != value:
        raise InputError(f"{name} is {value}, and should be a {type(now).__name__}, as {now} is.")
    return type(now)(value)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _has_data(parameter: Parameter) -> bool:
    return parameter.data is not None and not isinstance(parameter.data, Unsized)


def _fits(parameter: Parameter) -> bool:
    g: Any = parameter._grad.data  # type: ignore[union-attr]
    return g.shape == parameter.data.shape and g.dtype == parameter.data.dtype  # type: ignore[no-any-return]


def _refuse_gradient(name: str, parameter: Parameter) -> None:
    operands = [(name, parameter), ("gradient", parameter._grad)]
    if parameter._grad.data.shape != parameter.data.shape:  # type: ignore[union-attr]
        raise ShapeError(
            message("a gradient has the shape of its parameter.", operands, "cleargrads() before backward().")
        )
    if parameter._grad.data.dtype != parameter.data.dtype:  # type: ignore[union-attr]
        raise DtypeError(
            message("a gradient has the dtype of its parameter.", operands, "cleargrads() before backward().")
        )
