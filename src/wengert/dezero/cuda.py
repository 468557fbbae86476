"""The book's cuda.py: which library an array belongs to.  Wengert computes on graphics cards through JAX, not CuPy."""

from typing import Any

import numpy as np

from wengert.backends import namespace_of
from wengert.core.recorded import Recorded
from wengert.errors import DtypeError

gpu_enable = False


def get_array_module(x: Any) -> Any:
    """NumPy, or the namespace of another library whose array this is.

    Example:
        >>> get_array_module(np.ones(3)).__name__
        'numpy'
    """
    x = x.data if isinstance(x, Recorded) else x
    space = namespace_of((x,)) if hasattr(x, "dtype") else np
    return np if space is np or space.ndarray is np.ndarray else space


def as_numpy(x: Any) -> Any:
    """The data as an array of NumPy's.

    Example:
        >>> as_numpy(2.0)
        array(2.)
    """
    return np.asarray(x.data if isinstance(x, Recorded) else x)


def as_cupy(x: Any) -> Any:
    """There is no CuPy here.

    Raises:
        DtypeError: always.
    """
    raise DtypeError(
        "CuPy is not among the libraries that Wengert computes with.\n"
        "    Fix: for a graphics card give JAX's arrays, jax.numpy.asarray(x), to the same functions."
    )
