"""What part a value has on the tape."""

from typing import Any

from wengert.core.recorded import Recorded

__all__ = ["role_of"]


def role_of(value: Any) -> str:
    """What a value is to the tape: "constant", "parameter", "leaf" or "result".

    A Parameter is known by the name of its class: layers stand above the pictures of the tape.

    Example:
        >>> import numpy as np, wengert
        >>> x = wengert.Variable(np.ones(2))
        >>> role_of(x), role_of(x * 2.0), role_of(np.ones(2)), role_of(wengert.Parameter(np.ones(2)))
        ('leaf', 'result', 'constant', 'parameter')
    """
    edge = value.node if isinstance(value, Recorded) else None
    if edge is not None and edge.depth:
        return "result"
    if any(kind.__name__ == "Parameter" for kind in type(value).__mro__):
        return "parameter"
    return "constant" if edge is None else "leaf"
