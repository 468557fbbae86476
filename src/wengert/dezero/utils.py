"""The book's utils.py: pictures of graphs, gradient checks, downloads, and sizes of convolutions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wengert import functions as F
from wengert.core.modes import no_grad
from wengert.data.downloads import download
from wengert.dezero.cuda import as_numpy
from wengert.dezero.graph import get_dot_graph, plot_dot_graph
from wengert.dezero.variable import as_variable
from wengert.errors import InputError
from wengert.testing import numerical_grad as _numerical_grad

__all__ = [
    "array_allclose",
    "array_equal",
    "cache_dir",
    "get_conv_outsize",
    "get_deconv_outsize",
    "get_dot_graph",
    "get_file",
    "gradient_check",
    "logsumexp",
    "max_backward_shape",
    "numerical_grad",
    "pair",
    "plot_dot_graph",
    "reshape_sum_backward",
    "show_progress",
    "sum_to",
]

cache_dir = str(Path.home() / ".dezero")


# Arrays


def sum_to(x: Any, shape: Any) -> Any:
    """The array summed to a shape that would broadcast to its own.

    Example:
        >>> sum_to(np.ones((2, 3)), (1, 3))
        array([[2., 2., 2.]])
    """
    with no_grad():
        return F.sum_to(x, shape).data


def logsumexp(x: Any, axis: int = 1) -> Any:
    """log(sum(exp(x))) along the axis, which is kept, of an array.

    Example:
        >>> logsumexp(np.zeros((2, 1)))
        array([[0.],
               [0.]])
    """
    with no_grad():
        return F.logsumexp(x, axis=axis, keepdims=True).data


def reshape_sum_backward(gy: Any, x_shape: Sequence[int], axis: Any, keepdims: bool) -> Any:
    """The gradient of a sum in a shape that broadcasts to that of what was summed.

    Example:
        >>> reshape_sum_backward(as_variable(np.ones(2)), (2, 3), 1, False).shape
        (2, 1)
    """
    if keepdims or not x_shape:
        return gy
    return gy.reshape(max_backward_shape(np.broadcast_to(0.0, x_shape), axis))


def max_backward_shape(x: Any, axis: Any) -> list[int]:
    """The shape of x with each axis that was reduced of length 1.

    Example:
        >>> max_backward_shape(np.ones((2, 3)), -1)
        [2, 1]
    """
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple | list) else (axis,)
    return [1 if i in [a % x.ndim for a in axes] else n for i, n in enumerate(x.shape)]


def array_equal(a: Any, b: Any) -> bool:
    """Whether two arrays or Variables have one shape and the same entries.

    Example:
        >>> array_equal(np.ones(2), as_variable(np.ones(2)))
        True
    """
    return bool(np.array_equal(as_numpy(a), as_numpy(b)))


def array_allclose(a: Any, b: Any, rtol: float = 1e-4, atol: float = 1e-5) -> bool:
    """Whether two arrays or Variables have one shape, or one entry each, and entries close to each other.

    Example:
        >>> array_allclose(np.ones((3, 1)), np.ones((1, 3)))
        False
    """
    a, b = as_numpy(a), as_numpy(b)
    return (a.shape == b.shape or a.size == b.size == 1) and bool(np.allclose(a, b, rtol=rtol, atol=atol))


# Gradient checks


def gradient_check(f: Any, x: Any, *args: Any, rtol: float = 1e-4, atol: float = 1e-5, **kwargs: Any) -> bool:
    """Whether the derivative of ``f`` in ``x`` agrees with central differences, and where it does not is printed.

    The result is weighted with random numbers.  The step is 1e-4 for every entry, however large, for functions such as
    max that have corners; `wengert.testing.gradcheck` has finer differences, and higher orders.

    Example:
        >>> gradient_check(F.sin, np.array([0.5, 1.0]))
        True
    """
    x = as_variable(as_numpy(x).astype(float))
    y = as_variable(f(x, *args, **kwargs))
    weights = np.random.default_rng(0).uniform(0.5, 1.5, y.shape)
    total = F.sum(y * weights)
    if total.creator is not None:
        total.backward()
    found = np.zeros(x.shape) if x.grad is None else as_numpy(x.grad)
    expected = _numerical_grad(lambda x: f(as_variable(x), *args, **kwargs) * weights, x.data)
    wrong = ~np.isclose(found, expected, rtol=rtol, atol=atol)
    if not wrong.any():
        return True
    print(f"gradient_check: {wrong.sum()} of {wrong.size} derivatives differ, such as")
    for at in np.argwhere(wrong)[:10]:
        place = tuple(at.tolist())
        print(f"    {place}  derivative {found[place]:.9g}  difference {expected[place]:.9g}")
    return False


def numerical_grad(f: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    """The gradient of the sum of ``f`` in ``x``, by central differences in float64.

    Example:
        >>> numerical_grad(F.square, np.array([1, 2, 3])).round(6)
        array([2., 4., 6.])
    """
    return _numerical_grad(lambda x: f(as_variable(x), *args, **kwargs), as_numpy(x))


# Files


def get_file(url: str, file_name: str | None = None) -> str:
    """A file from the network, kept in ``~/.dezero``: see `wengert.data.downloads.download`."""
    return str(download(url, file_name, folder=cache_dir))


def show_progress(block_num: int, block_size: int, total_size: int) -> None:
    """Print how much of a download has come."""
    share = min(block_num * block_size / max(total_size, 1), 1.0)
    print(f"\r[{'#' * int(30 * share):.<30}] {100 * share:.2f}%", end="")


# Convolutions


def get_conv_outsize(input_size: int, kernel_size: int, stride: int, pad: int) -> int:
    """How many windows fit on an axis.

    Example:
        >>> get_conv_outsize(4, 3, 1, 1)
        4
    """
    return (input_size + 2 * pad - kernel_size) // stride + 1


def get_deconv_outsize(size: int, k: int, s: int, p: int) -> int:
    """From how many entries on an axis so many windows come.

    Example:
        >>> get_deconv_outsize(4, 3, 1, 1)
        4
    """
    return s * (size - 1) + k - 2 * p


def pair(x: Any) -> tuple[int, int]:
    """A number twice; two numbers as they are.

    Raises:
        InputError: it is neither.

    Example:
        >>> pair(3)
        (3, 3)
    """
    both = tuple(x) if isinstance(x, tuple | list) else (x, x)
    if len(both) != 2 or any(isinstance(n, bool) or not isinstance(n, int | np.integer) for n in both):
        raise InputError(f"pair: a whole number or two of them, and this is {x!r}.")
    return int(both[0]), int(both[1])
