"""NumPy's own functions on Variables: what ``__array__``, ``__array_ufunc__`` and ``__array_function__`` lead to.

Where nothing needs a gradient, NumPy's function itself runs on the data.  Else the one that answers for it is found, by
the function itself and not by its name: among the adapters first, then in ``wengert.functions``; arguments go over by
name, and one that has no meaning there is refused.  A function without a derivative raises: never zeros, a detached
number or an array of objects in silence.
"""

import operator
from collections.abc import Callable, Iterable
from functools import partial
from inspect import Parameter, Signature, signature
from sys import modules
from typing import Any, cast

import numpy as np

from wengert import functions as F
from wengert.backends import namespace_of, namespaces
from wengert.core.memory import SCALAR
from wengert.core.modes import Observer, current_config, unwatched
from wengert.core.recorded import Recorded, make_result
from wengert.errors import DtypeError, InputError, NotDifferentiableError, describe, laid_out, message
from wengert.lines import user_frame
from wengert.numpy_writes import WRITES, plain_destination, store_all, ufunc_at

__all__ = ["bits", "call_function", "call_ufunc", "find", "is_constant", "operand", "otherwise", "to_array"]

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
# Functions that call another, which may use Variables of its own: arguments do not tell what needs a gradient.
_CALLING = frozenset(["apply_along_axis", "apply_over_axes", "piecewise"])
# Functions that give views, which the functions here know of.  (Those that sometimes do are asked afterwards.)
_VIEWS = frozenset(
    [
        "array_split",
        "atleast_1d",
        "atleast_2d",
        "atleast_3d",
        "broadcast_arrays",
        "broadcast_to",
        "diagonal",
        "dsplit",
        "expand_dims",
        "flip",
        "fliplr",
        "flipud",
        "hsplit",
        "linalg_diagonal",
        "linalg_matrix_transpose",
        "matrix_transpose",
        "moveaxis",
        "ravel",
        "reshape",
        "rollaxis",
        "rot90",
        "split",
        "squeeze",
        "stride_tricks_sliding_window_view",
        "swapaxes",
        "transpose",
        "unstack",
        "vsplit",
    ]
)
_CARRIED_FIRST = _CALLING | _VIEWS
# Arguments of reductions that leave entries out, or bring in another.
_IN_PART = frozenset(["initial", "mean", "where"])
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
        namespace_of((value.data,))  # one that waits for its shape says so
        asker = _asker()
        fix = next((fix for package, fix in _ADVICE.items() if asker.startswith(package)), "")
        rows = [("variable", describe(value)), *([("asked by", asker)] if asker else [])]
        raise DtypeError(
            laid_out(
                "a Variable that requires a gradient cannot become a plain array: its derivative would be lost.",
                rows,
                fix
                or "np.stack or np.concatenate join Variables; assign into an array made by np.zeros_like(variable, "
                "shape=...) or wengert.functions.zeros(shape), where A[i] = variable is recorded; variable.data is the "
                "array alone, a constant: no gradient flows through it.",
            )
        )
    return np.array(value.data, dtype=dtype, copy=copy)


# What to write where another library asks for a plain array.
_ADVICE = {
    "pandas.": "take the values of the other side, as in variable * series.to_numpy().",
    "scipy.sparse.": "a matrix that is not sparse is recorded: matrix.toarray() @ variable.",
    "scipy.special.": "wengert.functions has logsumexp, softmax and log_softmax, which are recorded.",
}


def _asker() -> str:
    """The function of another library that is running; "" where none is."""
    frame, asker = user_frame(), ""
    while frame is not None and "site-packages" in frame.f_code.co_filename:
        asker = f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_name}"
        frame = frame.f_back
    return asker


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
    if out is not None and _writes_into(out, args, kwargs):
        result = call_function(function, args, {name: value for name, value in kwargs.items() if name != "out"})
        return store_all(out, result, _spelled(function))
    if _needs_gradient(args, kwargs):
        try:
            return _carriers[function](args, kwargs)
        except (InputError, NotDifferentiableError):
            if _NAMES.get(function) not in _CONSTANT:
                raise
            return _on_data(function, args, kwargs)
    carried = partial(_carried, function, args, kwargs)
    if _NAMES.get(function) in _CARRIED_FIRST or not _is_numpys((args, kwargs)):
        result = carried()
        return _on_data(function, args, kwargs) if result is None else result
    return _on_data(function, args, kwargs, carried)


def _carried(function: Any, args: Any, kwargs: Any) -> Any:
    """What the function that answers for NumPy's gives; None where it cannot."""
    try:
        return _carriers[function](args, kwargs)
    except (DtypeError, InputError, NotDifferentiableError):
        return None


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
    if options and _writes_into(options.get("out"), inputs, options):
        return _call_into(ufunc, method, inputs, options)
    needed = _needs_gradient(inputs, options)
    if not needed and _is_numpys((inputs, options)):
        try:
            namespaces[tuple([type(_unwrapped(value)) for value in inputs if not isinstance(value, _READ)])]
        except DtypeError:
            if any(map(_is_foreign, inputs)):
                return NotImplemented
            raise
        return _on_data(ufunc if method == "__call__" else getattr(ufunc, method), inputs, options)
    try:
        if not options and method == "__call__":
            return _functions[ufunc](*map(operand, inputs))
        return _call_method(ufunc, method, tuple(map(operand, inputs)), options)
    except (InputError, NotDifferentiableError):
        if needed:
            raise
    except DtypeError:
        if any(map(_is_foreign, inputs)):
            return NotImplemented
        raise
    return _on_data(getattr(ufunc, method), inputs, options)


def otherwise(symbol: Any, x: Any, y: Any, error: DtypeError) -> Any:
    """What an operator gives where its function refused an operand: one is no array, or no real one.

    Lists are read as NumPy reads them, and complex numbers meet constants; whoever is of another library may answer.

    Args:
        symbol: The operator, of the module ``operator``.
        error: Why the function refused.

    Example:
        >>> otherwise(operator.add, np.array([1.0, 2.0]), [10, 20], DtypeError())
        array([11., 22.])
    """
    if isinstance(x, list | tuple) or isinstance(y, list | tuple):
        return symbol(operand(x), operand(y))
    if (isinstance(x, complex) or isinstance(y, complex)) and (symbol in _COMPARISONS or not _needs_gradient(x, y)):
        return _constants(symbol(_unwrapped(x), _unwrapped(y)))
    other = y if isinstance(x, Recorded) else x
    if not _is_foreign(other):
        raise error
    if symbol in _REFLECTED:  # else Python would compare identities, and give one bool
        answer = getattr(other, _REFLECTED[symbol])(x if other is y else y)
        if answer is NotImplemented:
            fix = "compare with numbers and arrays; `x is y` asks whether two things are one."
            raise DtypeError(message(f"{symbol.__name__}: these do not compare.", [("x", x), ("y", y)], fix))
        return answer
    return NotImplemented


_REFLECTED = {operator.eq: "__eq__", operator.ne: "__ne__"}
_COMPARISONS = frozenset([operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge])


def bits(symbol: Any, x: Any, y: Any = None) -> Any:
    """The operators ``& | ^ ~ << >>``: logic on booleans, and on the bits of integers, all of them constants.

    Example:
        >>> bits(operator.and_, np.array([6, 5]), 3)
        variable([2 1])
    """
    given = (x,) if symbol is operator.invert else (x, y)
    if any(isinstance(value, list | tuple) for value in given):
        return symbol(*map(operand, given))
    if any(map(_is_foreign, given)):
        return NotImplemented
    for value in given:
        kind = getattr(getattr(value, "dtype", None), "kind", "b" if isinstance(value, bool | int) else "f")
        if kind not in "biu":
            raise DtypeError(
                message(
                    f"{symbol.__name__.strip('_')}: bits are those of booleans and integers.",
                    [("operand", value)],
                    "compare first, as in (x > 0) & (y > 0).",
                )
            )
    if symbol in _LOGIC and all(isinstance(value, bool) or getattr(value, "dtype", "") == "bool" for value in given):
        return _LOGIC[symbol](*given)
    arrays = tuple(map(_unwrapped, given))
    return make_result(namespace_of(arrays).asarray(symbol(*arrays)))


_LOGIC: dict[Any, Any] = {
    operator.and_: F.logical_and,
    operator.or_: F.logical_or,
    operator.xor: F.logical_xor,
    operator.invert: F.logical_not,
}


# What is no array of any library, and NumPy reads.
_READ = (list, tuple, complex)


def _is_foreign(value: Any) -> bool:
    """Whether a value is of a library that is not known here: a series, a sparse matrix, a tensor."""
    if isinstance(value, (Recorded, np.ndarray, *_READ)):
        return False
    try:
        namespaces[type(value)]
    except DtypeError:
        return True
    return False


def _unwrapped(value: Any) -> Any:
    return value.data if isinstance(value, Recorded) else value


def operand(value: Any) -> Any:
    """An argument as NumPy reads it: lists and tuples become arrays, of Variables where Variables are in them.

    Example:
        >>> operand([1.0, 2.0])
        array([1., 2.])
    """
    if value.__class__ is not list and value.__class__ is not tuple:
        return value
    if not _variables(value):
        return np.asarray(value)
    return F.stack([operand(part) for part in value])


def _call_method(ufunc: Any, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A ufunc called with options, or one of its methods: reduce, accumulate, reduceat, outer."""
    name = ufunc.__name__
    if method != "reduce" and options.get("where", True) is not True:
        raise _refused_argument(f"numpy.{name}", "where", "choose between results with np.where(condition, x, y).")
    options = {key: value for key, value in options.items() if key != "out" and key not in _NO_MATTER}
    if options.get("where", True) is True:
        options.pop("where", None)
    dtype = options.pop("dtype", None)
    if dtype is not None:
        inputs = tuple(_cast(inputs, dtype, f"numpy.{name}"))
    axis = options.get("axis", 0)
    if method == "reduce" and name in _REDUCTIONS:
        if options.get("initial") is None or options["initial"] is np._NoValue:
            options.pop("initial", None)
        reduction = _REDUCTIONS[name]
        options = {"axis": axis, **options}
        if options.keys() & {"where", "initial"}:
            from wengert.numpy_adapters import IN_PART

            return IN_PART[reduction](*inputs, **options)
        return getattr(F, reduction)(*inputs, **options)
    if method == "accumulate":
        from wengert.numpy_adapters import ACCUMULATIONS

        if name in ACCUMULATIONS:
            return ACCUMULATIONS[name](*inputs, axis=axis)
    function = _functions[ufunc]
    if method in ("reduce", "accumulate", "reduceat"):
        if find(ufunc) is None:
            raise _without_derivative(f"numpy.{name}.{method}")
        from wengert.numpy_adapters import fold

        return fold(ufunc, method, function, *inputs, **{"axis": axis, **options})
    if method == "outer":
        x, y = (value if hasattr(value, "shape") else np.asarray(value) for value in inputs)
        return function(F.reshape(x, (*np.shape(x), *[1] * np.ndim(y))), y)
    for option in options:
        if option not in ("axis", "keepdims") or name != "vecdot":
            raise _refused_argument(f"numpy.{name}", option)
    return function(*inputs, **options)


# Writing into arrays that are there already


def _writes_into(out: Any, args: Any, kwargs: Any) -> bool:
    """Whether a Variable is written into, or a value that needs a gradient into a plain array: both are not NumPy's."""
    places = [place for place in (out if isinstance(out, tuple) else (out,)) if place is not None]
    return bool(places) and (any(isinstance(place, Recorded) for place in places) or _needs_gradient(args, kwargs))


def _call_write(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``np.copyto`` and its kin."""
    bound = signature(WRITES[function]).bind(*args, **kwargs).arguments
    (_, target), *rest = bound.items()
    if isinstance(target, Recorded):
        return WRITES[function](*args, **kwargs)
    values = [value for _, value in rest]
    if _needs_gradient(values):
        raise plain_destination(_spelled(function), target, _variables(values)[0])
    return function(*_plain(args), **_plain(kwargs))


def _call_at(ufunc: Any, inputs: tuple[Any, ...]) -> None:
    """``np.add.at`` and its kin."""
    target, *rest = inputs
    if isinstance(target, Recorded):
        ufunc_at(ufunc, target, *rest)
    elif _needs_gradient(rest):
        raise plain_destination(f"numpy.{ufunc.__name__}.at", target, _variables(rest)[0])
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
            raise plain_destination(name, place, _variables((inputs, options))[0])
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

# Where NumPy keeps its functions, and what stands before their names here: of functions with one name, each is itself.
_SPACES: dict[str, Any] = {
    "": np,
    "linalg_": np.linalg,
    "fft_": np.fft,
    "stride_tricks_": np.lib.stride_tricks,
}


def _named() -> dict[Any, str]:
    names: dict[Any, str] = {}
    for prefix, space in _SPACES.items():
        for name in dir(space):
            function = getattr(space, name)
            if isinstance(function, type(np.sum) | np.ufunc):
                own = function.__name__  # of two names the function's own
                names.setdefault(function, prefix + (own if getattr(space, own, None) is function else name))
    clip = cast(Any, np)._core.umath.clip  # what array.clip(variable, variable) calls, and NumPy does not show
    return {clip: "clip", **names}


_NAMES = _named()  # "sum", "linalg_norm"


def find(function: Any) -> Any:
    """The function that answers for one of NumPy's, or for a ufunc of scipy.special, or None where there is none.

    It is found by what it is, not by what it is called: ``scipy.special.kl_div`` is no loss.

    Example:
        >>> find(np.absolute).__name__
        'abs'
    """
    name = _NAMES.get(function)
    if name is None:
        name = getattr(function, "__name__", "")
        if function is None or getattr(modules.get("scipy.special"), name, None) is not function:
            return None
        from wengert.scipy_adapters import SPECIAL

        return SPECIAL.get(name)
    from wengert.numpy_adapters import ADAPTERS

    found = ADAPTERS.get(name) or getattr(F, name.removeprefix("linalg_"), None)
    return found if callable(found) else None


def is_constant(function: Any) -> bool:
    """Whether a NumPy function runs on the data even where a gradient is needed: it has none, by nature.

    Example:
        >>> is_constant(np.allclose), is_constant(np.sum)
        (True, False)
    """
    return _NAMES.get(function) in _CONSTANT


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


# The arguments of NumPy's functions that are written in C: only since NumPy 2.4 do they tell them themselves.
_IN_C: dict[str, Callable[..., Any]] = {
    "bincount": lambda x, /, weights=None, minlength=0: None,
    "can_cast": lambda from_, to, casting="safe": None,
    "concatenate": lambda arrays, /, axis=0, out=None, *, dtype=None, casting="same_kind": None,
    "copyto": lambda dst, src, casting="same_kind", where=True: None,
    "dot": lambda a, b, out=None: None,
    "empty_like": lambda prototype, /, dtype=None, order="K", subok=True, shape=None, *, device=None: None,
    "inner": lambda a, b, /: None,
    "lexsort": lambda keys, axis=-1: None,
    "may_share_memory": lambda a, b, /, max_work=0: None,
    "min_scalar_type": lambda a, /: None,
    "packbits": lambda a, /, axis=None, bitorder="big": None,
    "putmask": lambda a, /, mask, values: None,
    "ravel_multi_index": lambda multi_index, dims, mode="raise", order="C": None,
    "result_type": lambda *arrays_and_dtypes: None,
    "shares_memory": lambda a, b, /, max_work=-1: None,
    "unpackbits": lambda a, /, axis=None, count=None, bitorder="big": None,
    "unravel_index": lambda indices, shape, order="C": None,
    "vdot": lambda a, b, /: None,
    "where": lambda condition, x=None, y=None, /: None,
}


def _signature(function: Any) -> Signature:
    try:
        return signature(function)
    except ValueError:
        return signature(_IN_C[function.__name__])


def _carrier(function: Any, target: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """A function of NumPy's arguments, args and kwargs, that calls ``target`` with them under its own names."""
    theirs, ours = _signature(function).parameters, signature(target).parameters
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
        in_part: dict[str, Any] = {}
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
                if name not in _IN_PART:
                    raise _refused_argument(_spelled(function), name)
                in_part[name] = value
        if dtype is not None:
            for name in {places[0], *_OPERANDS} & carried.keys():
                carried[name] = _cast(carried[name], dtype, _spelled(function))
        if in_part:
            from wengert.numpy_adapters import IN_PART

            reduced = IN_PART.get(_NAMES.get(function, ""))
            if reduced is None:
                raise _refused_argument(_spelled(function), next(iter(in_part)))
            return reduced(carried.pop(places[0]), **(defaults | carried), **in_part)
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
        return [_cast(np.asarray(part) if isinstance(part, int | float) else part, dtype, name) for part in value]
    return F.astype(value, dtype) if hasattr(value, "dtype") else value


# On the data alone


def _needs_gradient(*values: Any) -> bool:
    """Whether a Variable is in there that requires a gradient, while the tape is recording."""
    return _on_tape(values) and current_config().enable_backprop


def _on_tape(values: Iterable[Any]) -> bool:
    for value in values:
        if isinstance(value, Recorded):
            if value.node is not None:
                return True
        elif isinstance(value, list | tuple):
            if _on_tape(value):
                return True
        elif isinstance(value, dict) and _on_tape(value.values()):
            return True
    return False


def _is_numpys(values: Iterable[Any]) -> bool:
    """Whether all Variables in there hold arrays of NumPy."""
    return all([isinstance(value.data, np.ndarray) for value in _variables(values)])


def _variables(value: Any) -> list[Recorded]:
    if isinstance(value, Recorded):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return []
    found = []
    for part in value:
        if isinstance(part, Recorded):
            found.append(part)
        elif isinstance(part, list | tuple | dict):
            found += _variables(part)
    return found


def _on_data(function: Any, args: Any, kwargs: Any, made_here: Callable[[], Any] | None = None) -> Any:
    """What NumPy makes of the data: arrays as constants, all else as it is.

    A view of the data is what ``made_here`` gives, if it can: the functions here know of views.
    """
    observer = current_config().observer
    if observer is not None:
        return _observed(function, args, kwargs, made_here, observer)
    result = function(*map(_plain, args), **_plain(kwargs)) if kwargs else function(*map(_plain, args))
    out = kwargs.get("out")
    if out is not None:
        return out[0] if isinstance(out, tuple) and len(out) == 1 else out
    if made_here is not None and _is_view(result, (args, kwargs)):
        made = made_here()
        if made is not None:
            return made
    return _constants(result)


def _is_view(result: Any, arguments: Any) -> bool:
    """Whether a result, or a part of it, lies in the memory of a Variable that was given."""
    if isinstance(result, list | tuple):
        return any([_is_view(part, arguments) for part in result])
    if not isinstance(result, np.ndarray):
        return False
    if result.base is None:
        return any(value.data is result for value in _variables(arguments))
    return any(np.may_share_memory(value.data, result) for value in _variables(arguments))


def _observed(
    function: Any, args: Any, kwargs: Any, made_here: Callable[[], Any] | None, observer: Observer
) -> Any:
    """The same for an observer: it hears of it as of an operation on constants."""
    operation = _operations[function]
    observer.begin(operation, {})
    result = unwatched(_on_data, (function, args, kwargs, made_here), {})
    outputs = tuple(_variables(result))
    if outputs:
        given = args if isinstance(function, np.ufunc) else tuple(_variables((args, kwargs)))
        observer.unrecorded(operation.operation_name, given, outputs)
    return result


class _Operation:
    """What an observer is shown of a NumPy function that has no rule here."""

    plan = None
    inputs = options = ()
    module = "numpy"
    variadic = False

    def __init__(self, function: Any) -> None:
        ufunc = getattr(function, "__self__", None)
        name = function.__name__
        self.operation_name = self.name = f"{ufunc.__name__}.{name}" if isinstance(ufunc, np.ufunc) else name
        self.forward = function
        self.formulas: dict[Any, Any] = {}


class _Operations(dict[Any, Any]):
    def __missing__(self, function: Any) -> Any:
        operation = self[function] = getattr(find(function), "rule", None) or _Operation(function)
        return operation


_operations = _Operations()


def _plain(value: Any) -> Any:
    """Arguments with Variables replaced by their data."""
    if isinstance(value, Recorded):
        if not isinstance(value.data, np.ndarray):
            raise DtypeError(
                f"NumPy's function would copy {type(value.data).__name__} data to NumPy.\n"
                "    Fix: convert it where that is meant, with numpy.asarray(variable.data)."
            )
        return value.data
    if isinstance(value, np.ndarray):
        if type(value) is not np.ndarray:
            namespaces[type(value)]  # which refuses arrays that are more than arrays
        return value
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
        constant = make_result(np.asarray(result))
        if isinstance(result, np.generic):
            constant.memory = SCALAR
        return constant
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
