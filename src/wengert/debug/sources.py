"""What an operation and its derivative are, in the words of the source."""

import ast
import inspect
from collections.abc import Callable
from textwrap import dedent
from typing import Any

from wengert.core.function import Function

__all__ = ["formulas_of", "source_of"]


def formulas_of(operation: Any) -> list[tuple[tuple[int, ...], str]]:
    """The derivative formulas of an operation: the positions of the inputs each is for, and its source.

    Args:
        operation: A call on the tape, or the rule of an operation.

    Example:
        >>> import numpy as np, wengert
        >>> formulas_of((wengert.Variable(np.array(2.0)) * 3.0).creator)
        [((0,), 'g * y'), ((1,), 'g * x')]
    """
    if isinstance(operation, Function) and operation.plan is None:
        return [(tuple(operation.wanted), source_of(type(operation).backward))]
    rule = operation.plan.rule if isinstance(operation, Function) else operation
    return [
        (positions, "0" if set(positions) <= rule.constants else source_of(formula))
        for positions, formula in sorted(rule.formulas.items())
    ]


def source_of(function: Callable[..., Any]) -> str:
    """What a function returns as its source has it; its whole body where that is more than a ``return``.

    The docstring is left out; "" where there is no source.

    Example:
        >>> def double(x):
        ...     return 2 * x
        >>> source_of(double) in ("2 * x", "")  # an interpreter's own lines may have no source
        True
    """
    try:
        text = dedent(inspect.getsource(function))
        tree = ast.parse(text)
    except (OSError, TypeError, SyntaxError):
        return ""
    body = next((node.body for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)), None)
    if body is None:
        lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
        return (ast.get_source_segment(text, lambdas[0].body) or "") if len(lambdas) == 1 else ""
    if len(body) > 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    if len(body) == 1 and isinstance(body[0], ast.Return) and body[0].value is not None:
        return ast.get_source_segment(text, body[0].value) or ""
    lines = text.splitlines()[body[0].lineno - 1 : body[-1].end_lineno]
    return dedent("\n".join(lines))
