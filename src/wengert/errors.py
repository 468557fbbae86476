"""The family of errors, and how a message is laid out.

Each error is also the built-in exception a caller would catch.
A message says what was asked (the operation and the fact), what was there (one line an operand), and what to do.
"""

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = [
    "AnomalyError",
    "DataError",
    "DeclarationError",
    "DtypeError",
    "GraphError",
    "InputError",
    "MutationError",
    "NotDifferentiableError",
    "ShapeError",
    "UnsizedError",
    "WengertError",
    "describe",
    "laid_out",
    "message",
]


class WengertError(Exception):
    """Base of every error that Wengert raises of its own accord."""


class ShapeError(WengertError, ValueError):
    """Shapes, axes or sizes that do not fit one another."""


class InputError(WengertError, ValueError):
    """A value outside what an operation, layer or setting accepts."""


class DtypeError(WengertError, TypeError):
    """Data of a type that cannot be used here: integers that should have a gradient, a list for an array."""


class GraphError(WengertError, RuntimeError):
    """The tape cannot be walked: nothing was recorded, or what it kept has been freed."""


class NotDifferentiableError(WengertError, NotImplementedError):
    """A derivative was asked for that does not exist here."""


class DeclarationError(WengertError, TypeError):
    """An operation, function or layer that is declared wrongly."""


class AnomalyError(WengertError, ArithmeticError):
    """A NaN or an infinity was born where `detect_anomaly` watched."""


class MutationError(GraphError):
    """Data that going back needs was changed between the forward pass and the backward pass, where `guard` watched."""


class UnsizedError(InputError, AttributeError):
    """Something was asked of a parameter that waits for its shape, and only an array could answer."""


class DataError(WengertError, ValueError):
    """A file that is missing parts, damaged, or not what it claims to be."""


def describe(value: Any) -> str:
    """One operand in words: its shape, dtype and name, or its value where it is no array.

    Example:
        >>> import numpy as np
        >>> describe(np.zeros((2, 3), np.float32))
        '(2, 3) float32'
    """
    shape = getattr(value, "shape", None)
    if shape is None:
        text = repr(value)
        return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
    name = getattr(value, "name", None)
    label = f"  {name}" if isinstance(name, str) else ""
    return f"{tuple(shape)} {getattr(value, 'dtype', '')}{label}"


def message(fact: str, operands: Iterable[tuple[str, Any]] = (), fix: str = "") -> str:
    """Lay out an error: the fact, a line for each named operand, and the way out."""
    return laid_out(fact, [(name, describe(value)) for name, value in operands], fix)


def laid_out(fact: str, rows: Sequence[tuple[str, str]], fix: str) -> str:
    """The same, of rows that are words already; where they have several lines, these stand below each other.

    Example:
        >>> print(laid_out("that went wrong.", [("where", "here"), ("why", "so")], "do otherwise."))
        that went wrong.
            where   here
            why     so
            Fix: do otherwise.
    """
    width = max((len(name) for name, _ in rows), default=0)
    blank = "\n" + " " * (width + 7)
    lines = [fact, *(f"    {name:<{width}}   {text.replace(chr(10), blank)}" for name, text in rows)]
    if fix:
        lines.append(f"    Fix: {fix}")
    return "\n".join(lines)
