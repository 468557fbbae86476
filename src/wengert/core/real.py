"""Functions of real numbers: whole numbers become floating point for them, and halves are computed in single precision.

Integers do not wrap round so, and sums of halves do not overflow or lose their last entries.  Complex numbers are
refused, but where the formula is theirs as well.  Next: rule.py.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

from wengert.errors import DtypeError, message

__all__ = ["in_floating_point", "real_numbers", "real_valued", "sum_over"]

F = TypeVar("F", bound=Callable[..., Any])


def in_floating_point(
    function: Callable[..., Any], places: Iterable[int], name: str = "", complex: bool = False
) -> Callable[..., Any]:
    """``function``, with the arrays at these places of its positional arguments converted, and its halves again halves.

    Integers and booleans take the dtype of the floating-point arguments; where there are none they become float64.

    Args:
        name: What messages call it.
        complex: Whether it takes complex numbers; where not, they are refused.
    """
    chosen = tuple(places)

    def run(*values: Any, **options: Any) -> Any:
        for place in chosen:
            dtype = getattr(values[place], "dtype", None)
            if dtype is not None and dtype.char not in "fd":
                return _converted(function, chosen, values, options, name, complex)
        return function(*values, **options)

    if chosen != (1,):
        return run

    def run_one(first: Any, x: Any, *rest: Any, **options: Any) -> Any:  # most operations: at every call
        dtype = getattr(x, "dtype", None)
        if dtype is None or dtype.char in "fd":
            return function(first, x, *rest, **options)
        return _converted(function, chosen, (first, x, *rest), options, name, complex)

    return run_one


def real_numbers(name: str, x: Any) -> Any:
    """``x`` itself, or the error of complex numbers where a formula is for real ones."""
    dtype = getattr(x, "dtype", None)
    if dtype is not None and dtype.kind == "c":
        fix = "give it the real and the imaginary part, or np.abs(x), whichever is meant."
        raise DtypeError(message(f"{name}: this is for real numbers, and not for complex ones.", [("x", x)], fix))
    return x


def real_valued(*names: str) -> Callable[[F], F]:
    """The same for a function made of operations, by the names of its arguments: the conversions are recorded."""

    def decorate(function: F) -> F:
        order = function.__code__.co_varnames
        places = tuple((order.index(name), name) for name in names)

        @wraps(function)
        def run(*values: Any, **options: Any) -> Any:
            count = len(values)
            for place, name in places:
                value = values[place] if place < count else options.get(name)
                dtype = getattr(value, "dtype", None)
                if dtype is not None and dtype.char not in "fd":
                    break
            else:
                return function(*values, **options)
            given = [name for place, name in places if place >= count and name in options]
            positions = (*(place for place, _ in places if place < count), *range(count, count + len(given)))
            rest = {name: value for name, value in options.items() if name not in given}

            def call(*args: Any, **more: Any) -> Any:
                return function(*args[:count], **dict(zip(given, args[count:], strict=True)), **more)

            every = (*values, *(options[name] for name in given))
            return _converted(call, positions, every, rest, function.__name__.lstrip("_"), False)

        return run  # type: ignore[return-value]

    return decorate


def sum_over(xp: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """The sum over some axes, of halves in single precision: in their own, adding ones ends at 2048."""
    if x.dtype.char != "e":
        return xp.sum(x, axis=axes)
    return xp.astype(xp.sum(x, axis=axes, dtype="float32"), x.dtype)


def _converted(
    function: Any, places: tuple[int, ...], values: tuple[Any, ...], options: dict[str, Any], name: str, complex: bool
) -> Any:
    parts = [part for place in places for part in _parts(values[place]) if hasattr(part, "dtype")]
    if not complex:
        for part in parts:
            real_numbers(name, part)
    dtypes = [part.dtype for part in parts]
    if any(dtype.kind not in "iubf" for dtype in dtypes):
        return function(*values, **options)
    floating = [dtype for dtype in dtypes if dtype.kind == "f"]
    half = bool(floating) and all(dtype.char == "e" for dtype in floating)
    target = "float32" if half else max(floating, key=lambda dtype: dtype.itemsize) if floating else float
    out = function(
        *(_as(value, target, "iube") if place in places else value for place, value in enumerate(values)), **options
    )
    return _as(out, "float16", "f") if half else out


def _parts(value: Any) -> Any:
    return value if isinstance(value, tuple) else (value,)


def _as(value: Any, dtype: Any, kinds: str) -> Any:
    """Arrays of these kinds, or these types of floating point, in another dtype; all else as it is."""
    if isinstance(value, tuple):
        return tuple(_as(part, dtype, kinds) for part in value)
    given = getattr(value, "dtype", None)
    if given is None or not (given.char in kinds if given.kind == "f" else given.kind in kinds):
        return value
    return value.astype(dtype)
