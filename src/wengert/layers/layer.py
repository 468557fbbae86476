"""Layer: something that is called on arrays and holds parameters.

A layer keeps no books: its parameters and the layers inside it are found by looking through its attributes, in the
order in which they were assigned, and through the lists, tuples and dictionaries among them.  Next: linear.py.
"""

import math
from collections import UserDict, UserList, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from threading import RLock
from typing import Any, ClassVar, Self

import numpy as np

from wengert.backends import namespace_of
from wengert.core.modes import current_config, test_mode, using_config
from wengert.core.recorded import Recorded, set_gradient
from wengert.errors import DeclarationError, InputError, UnsizedError, describe, message
from wengert.migration import answers, check_arguments
from wengert.variable import Parameter

__all__ = ["Buffer", "Layer", "Unsized", "evaluating", "parameters_below", "refuse_lost", "size", "wait", "walk"]


class Buffer(Parameter):
    """What a layer remembers and does not learn: it is saved and loaded with the parameters, and has no gradient.

    Example:
        >>> Buffer(np.zeros(3)).requires_grad
        False
    """

    __slots__ = ()

    def __init__(self, data: Any, name: str | None = None) -> None:
        super().__init__(data, name, requires_grad=False)


@answers("Layer")
class Layer:
    """The base of every layer and model: parameters and layers as attributes, and ``forward``.

    Assign parameters, layers, and lists, tuples or dictionaries of them to attributes; write ``forward``.
    ``super().__init__()`` need not be called.

    Other data may stand among the attributes.  What is large is looked through once, and after that only where it
    grows: a parameter or layer that takes the place of one of its entries later on must be assigned anew.

    Raises:
        DeclarationError: what is no parameter, buffer or layer is assigned in place of one; or one stands where it is
            not looked for: in the class itself, in ``__slots__``, in an array of objects.

    Example:
        >>> import numpy as np
        >>> class Scale(Layer):
        ...     def __init__(self, size):
        ...         self.factor = Parameter(np.full(size, 2.0))
        ...     def forward(self, x):
        ...         return x * self.factor
        >>> scale = Scale(3)
        >>> scale(np.ones(3))
        variable([2. 2. 2.])
        >>> scale
        Scale  3 parameters
    """

    _own_training: bool | None = None  # set by train and eval; None: that of the switch
    _plain: "_Plain"  # what is known to hold neither parameters nor layers

    def __new__(cls, *inputs: Any, **options: Any) -> Self:
        """Refuse what the constructor does not take, in the words of who comes from another library."""
        check_arguments(cls, inputs, options)
        return super().__new__(cls)

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse parameters and layers where they are not looked for."""
        super().__init_subclass__(**options)
        for name, value in vars(cls).items():
            if _BUFFER <= _kinds[type(value)] <= _LAYER:
                raise DeclarationError(
                    f"{cls.__name__}.{name} belongs to the class, where it would be neither trained nor saved.\n"
                    f"    Fix: self.{name} = ... in __init__."
                )
        if vars(cls).get("__slots__"):
            raise DeclarationError(
                f"{cls.__name__} has __slots__, where parameters and layers are not looked for.\n"
                "    Fix: leave __slots__ out."
            )

    def __setattr__(self, name: str, value: Any) -> None:
        held = vars(self).get(name)
        if held is not None and held is not value and value is not None:
            _refuse_loss(self, name, held, value)
        if value.__class__ is np.ndarray and value.dtype == object and any(_kinds[type(each)] for each in value.flat):
            raise DeclarationError(
                f"{type(self).__name__}.{name} is an array of Python objects with parameters or layers in it, which is "
                "not looked through.\n    Fix: keep them in a list or a dictionary."
            )
        if isinstance(value, Parameter) and value.name is None:
            value.name = name  # what pictures and messages call it
        object.__setattr__(self, name, value)

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        config, mode = current_config(), self._own_training
        if mode is not None and mode is not config.train:
            with using_config("train", mode):
                return Layer.__call__(self, *inputs, **options)
        observer = config.observer
        if observer is not None:
            observer.enter(self, inputs)
        result = None
        try:
            result = self.forward(*inputs, **options)
            return result
        except Exception as error:
            _say_where(error, self)
            raise
        finally:
            if observer is not None:
                observer.leave(self, result)

    def train(self, mode: bool | None = True) -> Self:
        """Give this layer and all inside it a mode of their own, which every thread sees.

        It goes before the switch that `test_mode` sets, and is for a part of a model as for the whole.

        Args:
            mode: True to train; False to evaluate, as `eval` does; None to follow the switch again.

        Returns:
            The layer itself.

        Raises:
            InputError: ``mode`` is none of these.

        Example:
            >>> import numpy as np
            >>> from wengert.layers import Dropout
            >>> layer = Dropout(0.5).eval()
            >>> layer(np.ones(3))
            variable([1. 1. 1.])
            >>> layer.training, layer.train().training
            (False, True)
        """
        if not (mode is None or isinstance(mode, bool)):
            raise InputError(f"{type(self).__name__}.train: mode is True, False or None, and this is {describe(mode)}.")
        for _, layer in self.named_layers():
            layer._own_training = mode
        return self

    def eval(self) -> Self:
        """Evaluate from now on: dropout passes everything on, averages stand still; see `train`.

        Example:
            >>> Layer().eval().training
            False
        """
        return self.train(False)

    @property
    def training(self) -> bool:
        """Whether this layer trains: by its own mode, or else by the switch as it stands in this thread.

        Setting it sets the mode of this layer alone.
        """
        return current_config().train if self._own_training is None else self._own_training

    @training.setter
    def training(self, mode: bool) -> None:
        self._own_training = bool(mode)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Compute the result; every layer writes its own."""
        raise NotImplementedError(f"{type(self).__name__}.forward is not written: it computes the result of a call.")

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter of this layer and of those inside it, each once, in order of assignment.

        Raises:
            DeclarationError: an attribute is a set with parameters or layers in it: a set has no order.

        Example:
            >>> import numpy as np
            >>> layer = Layer()
            >>> layer.weight = Parameter(np.zeros((2, 3)))
            >>> [parameter.shape for parameter in layer.parameters()]
            [(2, 3)]
        """
        return iter(parameters_below(self))

    def params(self) -> Iterator[Parameter]:
        """The same as `parameters`, under the book's name."""
        return iter(parameters_below(self))

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its path, such as ``layers.0.weight``.

        Example:
            >>> import numpy as np
            >>> outer, inner = Layer(), Layer()
            >>> inner.weight = Parameter(np.zeros((2, 3)))
            >>> outer.layers = [inner]
            >>> [path for path, _ in outer.named_parameters()]
            ['layers.0.weight']
        """
        return ((path, value) for path, value in self.named_state() if not isinstance(value, Buffer))

    def named_state(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter and buffer with its path: what is saved.

        Example:
            >>> layer = Layer()
            >>> layer.count = Buffer(np.zeros(()))
            >>> [path for path, _ in layer.named_state()], list(layer.named_parameters())
            (['count'], [])
        """
        return ((path, value) for path, value in walk(self) if isinstance(value, Parameter))

    def named_layers(self) -> Iterator[tuple[str, "Layer"]]:
        """Every layer with its path, this one first, with the path ``""``.

        Example:
            >>> outer = Layer()
            >>> outer.layers = [Layer(), Layer()]
            >>> [path for path, _ in outer.named_layers()]
            ['', 'layers.0', 'layers.1']
        """
        yield "", self
        yield from ((path, value) for path, value in walk(self) if isinstance(value, Layer))

    def cleargrads(self) -> None:
        """Forget the gradient of every parameter."""
        for parameter in parameters_below(self):
            set_gradient(parameter, None)

    def details(self) -> str:
        """What `repr` says of this layer besides its class: its sizes and settings."""
        return ""

    def __repr__(self) -> str:
        rows = [(f"  {path}" if path else "", *rest) for path, *rest in self._described()]
        widths = [max(len(row[column]) for row in rows[1:] or rows) for column in (0, 1)]
        lines = [f"{rows[0][1]}  {rows[0][2]}", *(f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c}" for a, b, c in rows[1:])]
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        """How notebooks show it: what `repr` says, as a table."""
        from wengert.visualize.notebook import layer_html  # only needed here

        return layer_html(self)

    def _described(self) -> list[tuple[str, str, str]]:
        """For this layer and each inside it the path, the class with its details, and the number of parameters."""
        rows = []
        for path, layer in self.named_layers():
            held = parameters_below(layer)
            waiting = any(isinstance(parameter.data, Unsized) for parameter in held)
            count = sum(parameter.size for parameter in held if not isinstance(parameter.data, Unsized))
            text = f"{count:,} parameters" if count != 1 else "1 parameter"
            if waiting:
                text = f"{text}, and more at the first call" if count else "parameters made at the first call"
            details = f"({layer.details()})" if layer.details() else ""
            rows.append((path, f"{type(layer).__name__}{details}", text if held else ""))
        return rows


class _UnknownLength:
    """An axis's length until the first call tells it: equal to None, and no number."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other is None or other is self

    def __hash__(self) -> int:
        return hash(None)

    def __repr__(self) -> str:
        return "None"

    def __str__(self) -> str:
        return "?"  # what layers print

    def __reduce__(self) -> str:
        return "_unknown"  # the one that there is


_unknown = _UnknownLength()


class Unsized:
    """What a parameter holds in place of data until the first call tells its shape.

    Args:
        shape: The shape, with None for each axis that is not known yet.  What is read there later is equal to None, and
            says which call is missing where it is computed with.
        dtype: The type of the entries.
        initial: From the whole shape and the dtype, the array to begin with.

    Example:
        >>> import numpy as np
        >>> weight = Unsized((None, 3), np.float32, np.zeros).parameter()
        >>> weight
        variable(unsized (?, 3) float32)
        >>> size(weight, np.ones((5, 2)), 2)
        >>> weight.shape
        (2, 3)
    """

    __slots__ = ("axes", "dtype", "initial")

    _no_array: ClassVar[str] = (
        "a parameter waits for its shape, which the first call of its layer tells.\n"
        "    Fix: call the model once on an example, or give sizes when it is made, as in Linear(10, in_size=784)."
    )

    def __init__(self, shape: tuple[Any, ...], dtype: Any, initial: Callable[[tuple[int, ...], Any], Any]) -> None:
        self.axes: tuple[int | None, ...] = tuple(None if axis is _unknown else axis for axis in shape)
        self.dtype = np.dtype(dtype)
        self.initial = initial

    @property
    def shape(self) -> tuple[Any, ...]:
        """The length of each axis."""
        return tuple(_unknown if axis is None else axis for axis in self.axes)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.axes)

    @property
    def size(self) -> int:
        """The number of entries, where all axes are known."""
        known = [axis for axis in self.axes if axis is not None]
        if len(known) < len(self.axes):
            raise self._missing("size")
        return math.prod(known)

    @property
    def nbytes(self) -> int:
        """The bytes of the entries, where all axes are known."""
        return self.size * self.dtype.itemsize

    def _missing(self, asked: str) -> UnsizedError:
        return UnsizedError(f"{asked}: this is {self!r}: {self._no_array}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in Unsized.__slots__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        raise self._missing(name)

    def parameter(self) -> Parameter:
        """A parameter that waits for its shape."""
        waiting = Parameter(np.zeros((), self.dtype))
        waiting.data = self
        return waiting

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether this is a shape that the parameter may come to have.

        Example:
            >>> Unsized((None, 3), float, np.zeros).fits((2, 3))
            True
        """
        return len(shape) == len(self.axes) and all(
            have > 0 if want is None else have == want for have, want in zip(shape, self.axes, strict=True)
        )

    def __repr__(self) -> str:
        axes = ", ".join(map(str, self.shape))
        return f"unsized ({axes}{',' if len(self.axes) == 1 else ''}) {self.dtype}"


def _refusing(name: str) -> Any:
    def refuse(self: Any, *_: Any, **__: Any) -> Any:
        if isinstance(self, Unsized):
            raise self._missing(name)
        raise UnsizedError(f"{name}: the length of this axis is not known: {Unsized._no_array}")

    return refuse


_ASKS = (
    "add sub mul truediv floordiv mod pow matmul radd rsub rmul rtruediv rpow rmatmul iadd isub imul itruediv "
    "lt le gt ge neg abs float int bool len getitem setitem iter array array_ufunc array_function"
)
for _name in _ASKS.split():
    setattr(Unsized, f"__{_name}__", _refusing(f"__{_name}__"))
for _name in (*_ASKS.split(), "index", "rfloordiv", "rmod", "divmod", "rdivmod"):
    if not _name.startswith(("array", "get", "set", "iter", "len", "bool")):
        setattr(_UnknownLength, f"__{_name}__", _refusing(f"__{_name}__"))

_sizing = RLock()  # several threads may make a layer's first call


def size(parameter: Parameter | None, like: Any, *known: int) -> None:
    """Give a parameter that waits for its shape an array, of the library of ``like``; leave any other as it is.

    Args:
        parameter: The parameter, or None.
        like: An array or Variable.
        known: The lengths of the axes that were not known.

    Raises:
        InputError: an axis would have no entries.

    Example:
        >>> import numpy as np
        >>> bias = Unsized((3,), np.float32, np.zeros).parameter()
        >>> size(bias, np.ones(2))
        >>> bias
        variable([0. 0. 0.])
    """
    if parameter is None or not isinstance(parameter.data, Unsized):
        return
    with _sizing:
        unsized, rest = parameter.data, iter(known)
        if not isinstance(unsized, Unsized):
            return
        shape = tuple(next(rest) if axis is None else axis for axis in unsized.axes)
        if 0 in known:
            raise InputError(f"a parameter of shape {shape} would have no entries: the first input has an empty axis.")
        like = like.data if isinstance(like, Recorded) else like
        parameter.data = namespace_of((like,)).asarray(unsized.initial(shape, unsized.dtype))


def wait(*parameters: Parameter | None) -> bool:
    """Whether one of these waits for its shape: some may have been set before the first call.

    Example:
        >>> import numpy as np
        >>> wait(Unsized((None, 3), float, np.zeros).parameter(), None)
        True
    """
    for parameter in parameters:  # noqa: SIM110  (at every call: without a generator)
        if parameter is not None and parameter.data.__class__ is Unsized:
            return True
    return False


def walk(layer: Layer) -> list[tuple[str, Any]]:
    """Everything inside a layer with its path, each once: parameters and layers.

    Example:
        >>> outer = Layer()
        >>> outer.layers = [Layer()]
        >>> [path for path, _ in walk(outer)]
        ['layers.0']
    """
    found: list[tuple[str, Any]] = []
    _walk(vars(layer).items(), "", {id(layer)}, found)
    return found


def parameters_below(layer: Layer) -> list[Parameter]:
    """The parameters of a layer and of those inside it, each once: what optimizers ask for at every update.

    Example:
        >>> parameters_below(Layer())
        []
    """
    found: dict[Parameter, None] = {}
    _gather(layer, {id(layer)}, found)
    return list(found)


# What an attribute is, by its class: each class is looked at once.
_OTHER, _BUFFER, _PARAMETER, _LAYER, _SEQUENCE, _MAPPING, _SET = range(7)


class _Kinds(dict[type, int]):
    def __missing__(self, kind: type) -> int:
        answer = _OTHER
        for bases, number in (
            (Buffer, _BUFFER),
            (Parameter, _PARAMETER),
            (Layer, _LAYER),
            ((list, tuple, deque, UserList), _SEQUENCE),
            ((dict, UserDict), _MAPPING),
            ((set, frozenset), _SET),
        ):
            if issubclass(kind, bases):
                answer = number
                break
        self[kind] = answer
        return answer


_kinds = _Kinds()


def _walk(items: Any, prefix: str, seen: set[int], found: list[tuple[str, Any]]) -> None:
    for name, value in items:
        kind = _kinds[type(value)]
        if kind == _OTHER or id(value) in seen:
            continue
        path = f"{prefix}{name}"
        if kind == _SET:
            _refuse_set(value, path)
            continue
        seen.add(id(value))
        if kind in (_PARAMETER, _BUFFER, _LAYER):
            found.append((path, value))
        if kind == _LAYER:
            _walk(vars(value).items(), f"{path}.", seen, found)
        elif kind == _MAPPING:
            _walk(value.items(), f"{path}.", seen, found)
        elif kind == _SEQUENCE and any(map(_kinds.__getitem__, set(map(type, value)))):
            _walk(enumerate(value), f"{path}.", seen, found)


class _Plain(dict[str, tuple[Any, int]]):
    """By attribute what was looked through and found to be plain data, and how long it was: held, so that it is it."""


_kinds[_Plain] = _OTHER
_LARGE = 256  # what is quicker looked through than remembered
_FEW = 32  # so many entries are looked at again each time


def _gather(layer: Layer, seen: set[int], found: dict[Parameter, None]) -> None:
    """The same for parameters alone, without paths: a program does this at every step."""
    attributes = vars(layer)
    plain: Any = attributes.get("_plain")
    large = None
    for name, value in attributes.items():
        kind = _kinds[type(value)]
        if kind <= _BUFFER:
            continue
        if kind == _PARAMETER:
            found[value] = None
        elif kind == _LAYER:
            if id(value) not in seen:
                seen.add(id(value))
                _gather(value, seen, found)
        elif plain is None or name not in plain or not _still_plain(plain, name, value):
            looked_at = _look_through(value, kind, seen, found)
            if looked_at is not None and looked_at > _LARGE:
                large = [*(large or ()), (name, (value, len(value)))]
    if large:
        if plain is None:
            plain = attributes["_plain"] = _Plain()
        plain.update(large)


def _look_through(values: Any, kind: int, seen: set[int], found: dict[Parameter, None]) -> int | None:
    """Gather what is in a collection; how many entries it has, collections in it included, or None if not all plain."""
    if kind == _SET:
        _refuse_set(values, "")
        return len(values)
    if id(values) in seen:
        return 0
    seen.add(id(values))
    entries = values.values() if kind == _MAPPING else values
    count: int | None = len(values)
    if len(values) > _FEW and not any(map(_kinds.__getitem__, set(map(type, entries)))):
        return count
    for value in entries:
        inner = _kinds[type(value)]
        if inner == _OTHER:
            continue
        if inner <= _LAYER:
            count = None
            if inner == _PARAMETER:
                found[value] = None
            elif inner == _LAYER and id(value) not in seen:
                seen.add(id(value))
                _gather(value, seen, found)
        else:
            more = _look_through(value, inner, seen, found)
            count = None if count is None or more is None else count + more
    return count


def _still_plain(plain: _Plain, name: str, values: Any) -> bool:
    """Whether what was plain data is the same, and what was added to it plain too."""
    held, length = plain[name]
    now = len(values)
    if held is not values:
        del plain[name]
        return False
    if now <= _FEW:
        again: Iterable[Any] = values if not isinstance(values, dict | UserDict) else values.values()
    elif now > length:
        if isinstance(values, set | frozenset):
            return False
        entries = values.data if isinstance(values, UserDict) else values
        again = islice(reversed(entries.values() if isinstance(entries, dict) else entries), now - length)
    else:
        again = ()
    for value in again:
        kind = _kinds[type(value)]
        if kind != _OTHER and (kind <= _LAYER or (now > length and _look_through(value, kind, set(), {}) is None)):
            del plain[name]
            return False
    if now != length:
        plain[name] = values, now
    return True


def _refuse_loss(layer: Layer, name: str, held: Any, value: Any) -> None:
    """Refuse to put something else in the place of what is trained and saved."""
    kind, other = _kinds[type(held)], _kinds[type(value)]
    place = f"{type(layer).__name__}.{name}"
    if kind in (_BUFFER, _PARAMETER, _LAYER):
        if other in (_BUFFER, _PARAMETER, _LAYER) or (
            other in (_SEQUENCE, _MAPPING) and _holds_something(value, other)
        ):
            return
        raise _loss(place, held, value, name)
    if kind in (_SEQUENCE, _MAPPING) and name not in vars(layer).get("_plain", ()):
        _refuse_losses(place, held, value)


def _refuse_losses(place: str, held: Any, value: Any) -> None:
    """The same for a collection in place of another, entry by entry; a shorter one leaves out what it leaves out."""
    before = held if _kinds[type(held)] == _MAPPING else dict(enumerate(held))
    if _is_array(value):
        lost: dict[Parameter, None] = {}
        _look_through(held, _kinds[type(held)], set(), lost)
        for each in lost:
            raise _loss(place, each, value)
    if _kinds[type(value)] not in (_SEQUENCE, _MAPPING):
        return
    after = value if _kinds[type(value)] == _MAPPING else dict(enumerate(value))
    for key, each in before.items():
        new, kind = after.get(key), _kinds[type(each)]
        if new is each or new is None:
            continue
        if kind in (_SEQUENCE, _MAPPING):
            _refuse_losses(f"{place}[{key!r}]", each, new)
        elif kind in (_BUFFER, _PARAMETER) and _is_array(new):
            raise _loss(f"{place}[{key!r}]", each, new)


def _holds_something(values: Any, kind: int) -> bool:
    return _look_through(values, kind, set(), {}) is None


def _is_array(value: Any) -> bool:
    return not isinstance(value, Parameter) and hasattr(value, "shape") and hasattr(value, "dtype")


def _loss(place: str, held: Any, value: Any, name: str = "") -> DeclarationError:
    """The error, with the way out; ``name`` is that of the attribute, and empty for an entry of a collection."""
    if isinstance(held, Layer):
        what, fix = "layer", f"assign a layer; or, to do without it, del model.{name} first, or assign None."
    else:
        what = "buffer" if isinstance(held, Buffer) else "parameter"
        numbers = "value.data" if isinstance(value, Recorded) else "value"
        one = f"layer.{name}" if name else "entry"
        fix = (
            f"{one}.data = {numbers} for other numbers; {type(held).__name__}({numbers}) for another {what}; "
            f"or, to do without it, {f'del layer.{name} first, or' if name else ''} assign None."
        ).replace("  ", " ")
    return DeclarationError(
        message(f"{place} is a {what}; what takes its place would be neither trained nor saved.", [("new", value)], fix)
    )


def refuse_lost(layer: Layer, before: Iterable[Parameter], now: Iterable[Parameter]) -> None:
    """Refuse that a parameter has gone while an array of its shape stands in a list or dictionary: it was there.

    Collections do not say when an entry is replaced; optimizers ask when the parameters have changed.

    Raises:
        DeclarationError: so it is.

    Example:
        >>> layer = Layer()
        >>> layer.weights = [Parameter(np.zeros(3))]
        >>> before = parameters_below(layer)
        >>> layer.weights[0] = layer.weights[0] * 0.5
        >>> refuse_lost(layer, before, parameters_below(layer))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        wengert.errors.DeclarationError: weights[0] was a parameter; what took its place is neither trained nor saved...
    """
    here = set(now)
    lost = [parameter for parameter in before if parameter not in here and not isinstance(parameter.data, Unsized)]
    if not lost:
        return
    for path, each in _arrays_in_collections(layer):
        for parameter in lost:
            if tuple(each.shape) == parameter.shape and each.dtype == parameter.dtype:
                raise DeclarationError(
                    message(
                        f"{path} was a parameter; what took its place is neither trained nor saved.",
                        [("before", parameter), ("now", each)],
                        "set entry.data for other numbers, or put a Parameter there; or take the entry out.",
                    )
                )


def _arrays_in_collections(layer: Layer) -> Iterator[tuple[str, Any]]:
    for path, inside in layer.named_layers():
        stack = [(f"{path}.{name}" if path else name, value) for name, value in vars(inside).items()]
        seen: set[int] = set()
        while stack:
            place, value = stack.pop()
            kind = _kinds[type(value)]
            if kind not in (_SEQUENCE, _MAPPING) or id(value) in seen:
                continue
            seen.add(id(value))
            for key, each in value.items() if kind == _MAPPING else enumerate(value):
                if _is_array(each):
                    yield f"{place}[{key!r}]", each
                else:
                    stack.append((f"{place}[{key!r}]", each))


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Inside the ``with`` block ``model`` evaluates, whatever mode of its own it or a part of it has.

    Example:
        >>> model = Layer().train()
        >>> with evaluating(model):
        ...     model.training
        False
        >>> model.training
        True
    """
    inside = [layer for _, layer in model.named_layers()] if isinstance(model, Layer) else []
    own = [layer for layer in inside if layer._own_training]
    with test_mode():
        for layer in own:
            layer._own_training = False
        try:
            yield
        finally:
            for layer in own:
                layer._own_training = True


def _refuse_set(values: Any, path: str) -> None:
    if any(_kinds[type(value)] for value in values):
        raise DeclarationError(
            f"{path or 'an attribute of a layer'} is a set with parameters or layers in it, and a set has no order.\n"
            "    Fix: keep them in a list or a dictionary."
        )


def _say_where(error: Exception, layer: Layer) -> None:
    """Note on the error the path of the innermost layer it was raised in, as seen from this one."""
    try:
        innermost, before = getattr(error, "_raised_in", (layer, None))
        path = next((path for path, other in layer.named_layers() if other is innermost), None)
        if path is None:  # made during the call, and so not to be found among the attributes
            innermost, path, before = layer, "", None
        name = type(layer).__name__ + (f".{path} ({type(innermost).__name__})" if path else "")
        note = f"in {name}"
        notes = getattr(error, "__notes__", [])
        if before in notes:
            notes[notes.index(before)] = note
        else:
            error.add_note(note)
        error._raised_in = (innermost, note)  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 (what matters is the error on its way, not what can be said of it)
        return
