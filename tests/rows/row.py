"""What a row of the table of operations says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Call", "Failure", "Kink", "Row", "call", "draw", "failure", "kink"]


@dataclass(frozen=True)
class Call:
    """Arguments to try a function with."""

    args: tuple[Any, ...]
    options: dict[str, Any]


@dataclass(frozen=True)
class Kink:
    """Arguments at which no difference can tell the derivative, and what it is, to the last digits.

    ``slopes`` has for each differentiated array, in its order, the derivative of what stands at the same place of the
    result; where the result is one number, of that.
    """

    slopes: tuple[Any, ...]
    args: tuple[Any, ...]
    options: dict[str, Any]


@dataclass(frozen=True)
class Failure:
    """Arguments that must be refused, with this error, whose message says all of these words."""

    args: tuple[Any, ...]
    options: dict[str, Any]
    error: type[Exception]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One function of ``wengert.functions``.

    Every float64 array among a call's positional arguments (also inside lists and tuples) is differentiated.
    """

    name: str  # its name in wengert.functions
    calls: Sequence[Call]
    reference: Callable[..., Any] | None  # the same on NumPy arrays, from NumPy, SciPy or PyTorch
    numpy: Sequence[Callable[..., Any]] = ()  # NumPy functions that are this one, called with the same arguments
    order: int = 2  # the highest order of derivative that is checked; 0: it has none
    zero: bool = False  # the derivative is zero everywhere
    failures: Sequence[Failure] = ()
    kinks: Sequence[Kink] = ()
    skips: dict[str, str] = field(default_factory=dict)  # a backend or check, and the reason it is left out
    function: Callable[..., Any] | None = None  # called in place of the function of that name
    rtol: float = 1e-10  # of the value against the reference, in float64


def call(*args: Any, **options: Any) -> Call:
    """Arguments to try a function with."""
    return Call(args, options)


def kink(slopes: Any, *args: Any, **options: Any) -> Kink:
    """Arguments at a kink, lists as arrays, and the derivatives there: one, or a tuple with one for each array."""
    arrays = tuple(np.array(arg, float) if isinstance(arg, list) else arg for arg in args)
    return Kink(slopes if isinstance(slopes, tuple) else (slopes,), arrays, options)


def failure(error: type[Exception], words: str | tuple[str, ...], *args: Any, **options: Any) -> Failure:
    """Arguments that must be refused."""
    return Failure(args, options, error, (words,) if isinstance(words, str) else words)


def draw(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 0) -> Any:
    """Float64 numbers, evenly between ``low`` and ``high``, the same at every run."""
    return np.random.default_rng((seed, *shape)).uniform(low, high, shape)
