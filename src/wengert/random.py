"""The one source of chance: initial weights, dropout and shuffles all draw from the generator kept here.

Its state is part of a checkpoint, so a resumed run continues bit for bit; NumPy's own global generator is never used.
"""

from functools import cache
from typing import Any

import numpy as np

from wengert.errors import InputError
from wengert.tracing import refuse_draw

__all__ = ["generator", "get_state", "seed", "set_state"]


def seed(n: int) -> None:
    """Start the generator afresh, so that what follows is drawn the same at every run.

    Raises:
        InputError: ``n`` is negative or no integer.

    Example:
        >>> seed(0)
        >>> a = generator().random()
        >>> seed(0)
        >>> a == generator().random()
        True
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
        raise InputError(f"seed: a whole number from 0 on, and this is {n!r}.")
    _generator().bit_generator.state = np.random.PCG64(int(n)).state


def generator() -> "np.random.Generator":
    """The generator that everything in Wengert draws from.

    Raises:
        GraphError: inside ``jax.jit``, where the same numbers would be drawn for ever.

    Example:
        >>> seed(1)
        >>> generator().integers(10)
        np.int64(4)
    """
    refuse_draw()
    return _generator()


@cache  # made when first asked for: NumPy's generators take longer to load than the rest of Wengert
def _generator() -> "np.random.Generator":
    return np.random.Generator(np.random.PCG64())


def get_state() -> dict[str, Any]:
    """The state of the generator: numbers and text only, as JSON can hold them.

    Example:
        >>> sorted(get_state())
        ['bit_generator', 'has_uint32', 'state', 'uinteger']
    """
    return dict(_generator().bit_generator.state)


def set_state(state: dict[str, Any]) -> None:
    """Put the generator back in a state that `get_state` gave.

    Raises:
        InputError: the state is not one of this generator.

    Example:
        >>> state = get_state()
        >>> a = _generator().random()
        >>> set_state(state)
        >>> a == _generator().random()
        True
    """
    try:
        _generator().bit_generator.state = state
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"set_state: not a state of this generator ({error}).") from error
