"""NumPy's own functions on Variables: what ``__array__``, ``__array_ufunc__`` and ``__array_function__`` lead to.

A NumPy function is found by its name, among the adapters first, then in ``wengert.functions``; arguments go over by
name, and one that has no meaning there is refused.  A function without a derivative raises, and what needs no gradient
runs on the data: never zeros, a detached number or an array of objects in silence.
"""

from collections.abc import Callable, Iterator
from functools import partial
from inspect import Parameter, signature
from sys import modules
from typing import Any

import numpy as np

from wengert import functions as F
from wengert.core.modes import current_config
from wengert.core.recorded import Recorded, make_result
from wengert.errors import DtypeError, InputError, NotDifferentiableError, message
from wengert.numpy_writes import WRITES, plain_destination, store_all, ufunc_at

__all__ = ["call_function", "call_ufunc", "find", "is_constant", "operand", "to_array"]

# NumPy's words for what is called otherwise in the Array API standard, and so here.
_STANDARD_ARGUMENTS = {"ddof": "correction", "newshape": "shape"}

# Functions whose result does not change with small changes of their arguments, or is no array: they run on the data.
_CONSTANT = frozenset(
    [
        "all",
        "allclose",
        "angle",  # of real numbers: 0 or pi
        "any",
        "argmax",
        "argmin",
        "argpartition",
        "argsort",
        "argwhere",
        "array2string",
        "array_equal",
        "array_equiv",
        "array_repr",
        "array_str",
        "can_cast",
        "common_type",
        "count_nonzero",
        "diag_indices_from",
        "digitize",
        "einsum_path",
        "flatnonzero",
        "isclose",
        "iscomplex",
        "iscomplexobj",
        "isin",
        "isneginf",
        "isposinf",
        "isreal",
        "isrealobj",
        "ix_",
        "lexsort",
        "linalg_matrix_rank",
        "may_share_memory",
        "min_scalar_type",
        "nanargmax",
        "nanargmin",
        "nonzero",
        "ravel_multi_index",
        "result_type",
        "save",
        "savetxt",
        "savez",
        "savez_compressed",
        "searchsorted",
        "shares_memory",
        "tril_indices_from",
        "triu_indices_from",
        "unravel_index",
    ]
)
# Arguments that say how to compute and not what, or ask for what holds anyway.
_NO_MATTER = frozenset(["casting", "kind", "like", "optimize", "overwrite_input", "stable", "subok"])

# Arguments that are arrays: of several such, those that are given as lists are read as NumPy reads them.
_OPERANDS = frozenset(
    ["a", "append", "b", "m", "prepend", "q", "start", "stop", "v", "weights", "x", "x1", "x2", "y"]
)
_SEQUENCES = frozenset(("arrays", "tup"))  # arguments that are lists of arrays

_REDUCTIONS = {
    "add": "sum",
    "logaddexp": "logsumexp",
    "logical_and": "all",
    "logical_or": "any",
    "maximum": "max",
    "minimum": "min",
    "multiply": "prod",
}


def to_array(value: Any, dtype: Any = None, copy: bool | None = None) -> Any:
    """A constant's data as a NumPy array; a Variable that needs a gradient would lose it, and is refused.

    Raises:
        DtypeError: ``value`` requires a gradient, and the tape is recording.

    Example:
        >>> from wengert import Variable
        >>> np.asarray(Variable(np.array([1, 2])))
        array([1, 2])
    """
    if _needs_gradient(value):
        raise DtypeError(
            message(
                "a Variable that requires a gradient cannot become a plain array: its derivative would be lost.",
                [("variable", value)],
                "np.stack or np.concatenate join Variables; assign into an array made by np.zeros_like(variable, "
                "shape=...) or wengert.functions.zeros(shape), where A[i] = variable is recorded; variable.data is the "
                "array alone, a constant: no gradient flows through it.",
            )
        )
    return np.array(value.data, dtype=dtype, copy=copy)


def call_function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``np.sum(variable)`` and the like: the answer to ``__array_function__``.

    Raises:
        NotDifferentiableError: the function has no derivative here, and one is needed.
        InputError: an argument that cannot be honoured.

    Example:
        >>> from wengert import Variable
        >>> np.cumsum(Variable(np.array([1.0, 2.0])))
        variable([1. 3.])
    """
    if function in WRITES:
        return _call_write(function, args, kwargs)
    out = kwargs.get("out")
    if out is not None:
        if not _writes_into(out, (args, kwargs)):
            return _on_data(function, args, kwargs)
        result = call_function(function, args, {name: value for name, value in kwargs.items() if name != "out"})
        return store_all(out, result, _spelled(function))
    try:
        return _carriers[function](args, kwargs)
    except (InputError, NotDifferentiableError):  # what cannot be recorded may still be computed
        if _needs_gradient((args, kwargs)) and _name(function) not in _CONSTANT:
            raise
    return _on_data(function, args, kwargs)


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """``np.sin(variable)``, ``array * variable``, ``np.add.reduce(variable)``: the answer to ``__array_ufunc__``.

    Raises:
        NotDifferentiableError: the function has no derivative here, or would write into an array, and one is needed.
        InputError: an argument that cannot be honoured.

    Example:
        >>> from wengert import Variable
        >>> np.ones(2) * Variable(np.array([1.0, 2.0]))
        variable([1. 2.])
    """
    if method == "at":
        return _call_at(ufunc, inputs)
    if any(place is not None for place in options.get("out", ())):
        if not _writes_into(options["out"], (inputs, options)):
            return _on_data(getattr(ufunc, method), inputs, options)
        return _call_into(ufunc, method, inputs, options)
    try:
        if not options and method == "__call__":
            return _functions[ufunc](*map(operand, inputs))
        return _call_method(ufunc, method, tuple(map(operand, inputs)), options)
    except (InputError, NotDifferentiableError):
        if _needs_gradient((inputs, options)):
            raise
    return _on_data(getattr(ufunc, method), inputs, options)


def operand(value: Any) -> Any:
    """An argument as NumPy reads it: lists and tuples become arrays, of Variables where Variables are in them.

    Example:
        >>> operand([1.0, 2.0])
        array([1., 2.])
    """
    if value.__class__ is not list and value.__class__ is not tuple:
        return value
    if next(_variables(value), None) is None:
        return np.asarray(value)
    return F.stack([operand(part) for part in value])


def _call_method(ufunc: Any, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A ufunc called with options, or one of its methods: reduce, accumulate, outer."""
    name = ufunc.__name__
    if options.get("where", True) is not True:
        raise _refused_argument(f"numpy.{name}", "where", "choose between results with np.where(condition, x, y).")
    options = {key: value for key, value in options.items() if key not in ("out", "where") and key not in _NO_MATTER}
    dtype = options.pop("dtype", None)
    if dtype is not None:
        inputs = tuple(_cast(inputs, dtype, f"numpy.{name}"))
    axis = options.get("axis", 0)
    if method == "reduce" and name in _REDUCTIONS:
        initial = options.pop("initial", None)
        result = getattr(F, _REDUCTIONS[name])(*inputs, **{"axis": axis, **options})
        return result if initial is None else _functions[ufunc](result, initial)
    if method == "accumulate":
        from wengert.numpy_adapters import ACCUMULATIONS

        if name in ACCUMULATIONS:
            return ACCUMULATIONS[name](*inputs, axis=axis)
    function = _functions[ufunc]
    if method == "outer":
        x, y = inputs
        return function(F.reshape(x, (*np.shape(x), *[1] * np.ndim(y))), y)
    if method != "__call__":
        raise _without_derivative(f"numpy.{name}.{method}")
    for option in options:
        if option not in ("axis", "keepdims") or name != "vecdot":
            raise _refused_argument(f"numpy.{name}", option)
    return function(*inputs, **options)


# Writing into arrays that are there already


def _writes_into(out: Any, given: Any) -> bool:
    """Whether a Variable is written into, or a value that needs a gradient into a plain array: both are not NumPy's."""
    places = out if isinstance(out, tuple) else (out,)
    return any(isinstance(place, Recorded) for place in places) or (
        any(place is not None for place in places) and _needs_gradient(given)
    )


def _call_write(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``np.copyto`` and its kin."""
    bound = signature(WRITES[function]).bind(*args, **kwargs).arguments
    (_, target), *rest = bound.items()
    if isinstance(target, Recorded):
        return WRITES[function](*args, **kwargs)
    values = [value for _, value in rest]
    if _needs_gradient(values):
        raise plain_destination(_spelled(function), target, next(_variables(values)))
    return function(*_plain(args), **_plain(kwargs))


def _call_at(ufunc: Any, inputs: tuple[Any, ...]) -> None:
    """``np.add.at`` and its kin."""
    target, *rest = inputs
    if isinstance(target, Recorded):
        ufunc_at(ufunc, target, *rest)
    elif _needs_gradient(rest):
        raise plain_destination(f"numpy.{ufunc.__name__}.at", target, next(_variables(rest)))
    else:
        ufunc.at(*_plain(inputs))


def _call_into(ufunc: Any, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A ufunc with ``out=``, and perhaps ``where=``, which leaves the rest of ``out`` as it is."""
    name = f"numpy.{ufunc.__name__}"
    options = dict(options)
    out = options.pop("out")
    where = options.pop("where", True)
    for place in out:
        if place is not None and not isinstance(place, Recorded):
            raise plain_destination(name, place, next(_variables((inputs, options))))
    result = call_ufunc(ufunc, method, inputs, options)
    if where is not True:
        result = tuple(
            [
                part if place is None else F.where(where, part, place)
                for place, part in zip(out, result if isinstance(result, tuple) else (result,), strict=True)
            ]
        )
        result = result if len(result) > 1 else result[0]
    return store_all(out, result, name)


# Finding the function that answers for one of NumPy's


def find(function: Any) -> Any:
    """The function that answers for one of NumPy's, or for a ufunc of scipy.special, or None where there is none.

    Example:
        >>> find(np.absolute).__name__
        'abs'
    """
    if isinstance(function, np.ufunc) and not any(
        getattr(library, function.__name__, None) is function for library in (np, modules.get("scipy.special"))
    ):  # somebody else's, whatever its name
        return None
    if getattr(function, "__module__", None) == "numpy.lib.scimath":  # numpy.emath, complex beyond the real functions
        return None
    from wengert.numpy_adapters import ADAPTERS

    found = ADAPTERS.get(_name(function)) or getattr(F, function.__name__, None)
    return found if callable(found) else None


def is_constant(function: Any) -> bool:
    """Whether a NumPy function runs on the data even where a gradient is needed: it has none, by nature.

    Example:
        >>> is_constant(np.allclose), is_constant(np.sum)
        (True, False)
    """
    return _name(function) in _CONSTANT


def _name(function: Any) -> str:
    """How a NumPy function is named here: ``sum``, ``linalg_norm``."""
    module = getattr(function, "__module__", None) or "numpy"
    return "_".join([*module.split(".")[1:][-1:], function.__name__])


class _Functions(dict[Any, Callable[..., Any]]):
    """From a NumPy function to the one that answers for it, found once."""

    def __missing__(self, function: Any) -> Callable[..., Any]:
        answer = self[function] = find(function) or partial(_refuse, function)
        return answer


class _Carriers(dict[Any, Callable[[Any, Any], Any]]):
    """The same, behind a step that carries NumPy's arguments over."""

    def __missing__(self, function: Any) -> Callable[[Any, Any], Any]:
        found = find(function)
        carrier = self[function] = partial(_refuse, function) if found is None else _carrier(function, found)
        return carrier


_functions = _Functions()
_carriers = _Carriers()


def _carrier(function: Any, target: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """A function of NumPy's arguments, args and kwargs, that calls ``target`` with them under its own names."""
    theirs, ours = signature(function).parameters, signature(target).parameters
    if any(parameter.kind is Parameter.VAR_POSITIONAL for parameter in theirs.values()):
        return partial(_carry_all, function, target, ours)
    open_ended = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in ours.values())
    names, places = list(theirs), list(ours)
    renamed: dict[str, str | None] = {}
    for place, (name, parameter) in enumerate(theirs.items()):
        other = _STANDARD_ARGUMENTS.get(name)
        if name in ours:
            renamed[name] = name
        elif other in ours:
            renamed[name] = other
        elif place < len(places) and places[place] not in theirs and parameter.default is Parameter.empty:
            renamed[name] = places[place]
        else:
            renamed[name] = None
    straight = 0  # arguments that stand at the same place in both
    while straight < min(len(names), len(places)) and renamed[names[straight]] == places[straight]:
        straight += 1
    listed = names[0] in _SEQUENCES and function is not np.block
    operands = [place for place, name in enumerate(names) if name in _OPERANDS]
    # A default of NumPy's that is another here is always given.
    defaults = {
        other: theirs[name].default
        for name, other in renamed.items()
        if other is not None
        and theirs[name].default is not Parameter.empty
        and theirs[name].default is not np._NoValue
        and theirs[name].default != ours[other].default
    }

    def carry(args: Any, kwargs: Any) -> Any:
        if listed and args:
            args = [[operand(part) for part in args[0]], *args[1:]]
        elif len(operands) > 1:
            args = [operand(value) if place in operands else value for place, value in enumerate(args)]
            kwargs = {name: operand(value) if name in _OPERANDS else value for name, value in kwargs.items()}
        if not kwargs and not defaults and len(args) <= straight:
            return target(*args)
        carried: dict[str, Any] = {}
        dtype = None
        for name, value in {**dict(zip(names, args, strict=False)), **kwargs}.items():
            other = renamed.get(name)
            if name not in theirs:  # one of NumPy's **kwargs
                if name not in ours and not open_ended:
                    raise _refused_argument(_spelled(function), name)
                carried[name] = value
            elif other is not None:
                if value is not np._NoValue:
                    if carried.get(other, value) is not value:
                        raise _refused_argument(_spelled(function), name, "it has two names here: give one.")
                    carried[other] = value
            elif name == "dtype":
                dtype = value
            elif not _holds_anyway(name, value, theirs[name].default):
                raise _refused_argument(_spelled(function), name)
        if dtype is not None:
            for name in {places[0], *_OPERANDS} & carried.keys():
                carried[name] = _cast(carried[name], dtype, _spelled(function))
        return target(**(defaults | carried))

    return carry


def _carry_all(function: Any, target: Callable[..., Any], ours: Any, args: Any, kwargs: Any) -> Any:
    """The same for a function of any number of arguments."""
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in ours.values()):
        return target(*args, **kwargs)
    args = tuple(map(operand, args))
    for name in list(kwargs):
        if name not in ours:
            if not _holds_anyway(name, kwargs[name], None):
                raise _refused_argument(_spelled(function), name)
            kwargs = {key: value for key, value in kwargs.items() if key != name}
    return target(*args, **kwargs)


def _holds_anyway(name: str, value: Any, default: Any) -> bool:
    """Whether an argument asks for nothing but what is done without it."""
    if value is None or value is np._NoValue or name in _NO_MATTER or (name == "where" and value is True):
        return True
    return type(value) in (bool, int, str) and type(default) is type(value) and bool(value == default)


def _cast(value: Any, dtype: Any, name: str) -> Any:
    """Operands in the dtype to compute in: one array, or a list of them."""
    if np.dtype(dtype).kind != "f":
        raise _refused_argument(name, "dtype", "only types of floating point have a derivative; leave it away.")
    if isinstance(value, list | tuple):
        return [_cast(part, dtype, name) for part in value]
    return F.astype(value, dtype) if hasattr(value, "dtype") else value


# On the data alone


def _needs_gradient(value: Any) -> bool:
    """Whether a Variable is in there that requires a gradient, while the tape is recording."""
    return current_config().enable_backprop and any(part.requires_grad for part in _variables(value))


def _variables(value: Any) -> Iterator[Recorded]:
    if isinstance(value, Recorded):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _variables(part)
    elif isinstance(value, dict):
        yield from _variables(list(value.values()))


def _on_data(function: Any, args: Any, kwargs: Any) -> Any:
    """What NumPy makes of the data: arrays as constants, all else as it is."""
    result = function(*_plain(args), **_plain(kwargs))
    out = kwargs.get("out")
    if out is None:
        return _constants(result)
    return out[0] if isinstance(out, tuple) and len(out) == 1 else out


def _plain(value: Any) -> Any:
    """Arguments with Variables replaced by their data."""
    if isinstance(value, Recorded):
        if not isinstance(value.data, np.ndarray):
            raise DtypeError(
                f"NumPy's function would copy {type(value.data).__name__} data to NumPy.\n"
                "    Fix: convert it where that is meant, with numpy.asarray(variable.data)."
            )
        return value.data
    if isinstance(value, tuple) and type(value) is not tuple:
        return type(value)(*map(_plain, value))
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return value


def _constants(result: Any) -> Any:
    """Results with arrays made constant Variables."""
    if isinstance(result, np.ndarray | np.generic) and result.dtype.kind in "biufc":
        return make_result(np.asarray(result))
    if isinstance(result, tuple) and type(result) is not tuple:
        return type(result)(*map(_constants, result))
    if isinstance(result, list | tuple):
        return type(result)(map(_constants, result))
    return result


# Refusing


def _spelled(function: Any) -> str:
    module = getattr(function, "__module__", None) or ("numpy" if hasattr(np, function.__name__) else "scipy.special")
    return f"{module}.{function.__name__}"


def _refuse(function: Any, *_: Any) -> Any:
    raise _without_derivative(_spelled(function))


def _without_derivative(name: str) -> NotDifferentiableError:
    return NotDifferentiableError(
        f"{name}: there is no derivative of this function.\n"
        "    Fix: give it variable.data to compute with constants, or write it with the functions of wengert.functions."
    )


def _refused_argument(name: str, argument: str, fix: str = "") -> InputError:
    return InputError(
        f"{name}: {argument}= cannot be honoured where a gradient is recorded.\n"
        f"    Fix: {fix or 'leave it away, or give variable.data to compute with constants.'}"
    )
