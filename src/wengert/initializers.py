"""What parameters begin with: each function draws, from Wengert's generator, an array of a shape and a dtype.

``layer.weight.data = kaiming_normal(layer.weight.shape)`` sets a parameter;
`layers.Unsized` takes one as it is, or with its options by ``functools.partial``.

A matrix is the weight of a linear layer, (inputs, outputs); what has more axes is that of a convolution,
(outputs, inputs, *kernel).
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import random
from wengert.errors import DtypeError, InputError, ShapeError

__all__ = [
    "constant",
    "dirac",
    "eye",
    "gain",
    "identity",
    "kaiming_normal",
    "kaiming_uniform",
    "normal",
    "ones",
    "orthogonal",
    "sparse",
    "truncated_normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

Shape = tuple[int, ...]


def zeros(shape: Shape, dtype: Any = np.float32) -> Any:
    """Zeros.

    Example:
        >>> zeros((2,))
        array([0., 0.], dtype=float32)
    """
    return np.zeros(shape, _floating(dtype))


def ones(shape: Shape, dtype: Any = np.float32) -> Any:
    """Ones.

    Example:
        >>> ones((2,))
        array([1., 1.], dtype=float32)
    """
    return np.ones(shape, _floating(dtype))


def constant(shape: Shape, dtype: Any = np.float32, *, value: float) -> Any:
    """One value everywhere.

    Example:
        >>> constant((2,), value=0.5)
        array([0.5, 0.5], dtype=float32)
    """
    return np.full(shape, value, _floating(dtype))


def uniform(shape: Shape, dtype: Any = np.float32, *, low: float = 0.0, high: float = 1.0) -> Any:
    """Numbers evenly between ``low`` and ``high``.

    Raises:
        InputError: ``low`` is above ``high``.

    Example:
        >>> uniform((2, 3)).shape
        (2, 3)
    """
    if not low <= high:
        raise InputError(f"uniform: low must not be above high, and they are {low} and {high}.")
    return _drawn(lambda g, drawn: g.random(shape, drawn) * (high - low) + low, dtype)


def normal(shape: Shape, dtype: Any = np.float32, *, mean: float = 0.0, std: float = 1.0) -> Any:
    """Normally distributed numbers.

    Raises:
        InputError: ``std`` is negative.

    Example:
        >>> normal((2, 3), std=0.02).dtype
        dtype('float32')
    """
    if not std >= 0:
        raise InputError(f"normal: std is a number from 0 on, and is {std}.")
    return _drawn(lambda g, drawn: g.standard_normal(shape, drawn) * std + mean, dtype)


def truncated_normal(
    shape: Shape,
    dtype: Any = np.float32,
    *,
    mean: float = 0.0,
    std: float = 1.0,
    low: float = -2.0,
    high: float = 2.0,
) -> Any:
    """Normally distributed numbers, those beyond ``low`` and ``high`` drawn again.

    Raises:
        InputError: ``std`` is not above 0, or hardly a number would fall between ``low`` and ``high``.

    Example:
        >>> bool(abs(truncated_normal((100,), std=0.02, low=-0.04, high=0.04)).max() <= 0.04)
        True
    """
    if not std > 0:
        raise InputError(f"truncated_normal: std is a number above 0, and is {std}.")
    share = (math.erf((high - mean) / (std * 2**0.5)) - math.erf((low - mean) / (std * 2**0.5))) / 2
    if not share > 1e-3:
        raise InputError(
            f"truncated_normal: of the numbers with mean {mean} and std {std} a share of {max(share, 0):.2g} lies "
            f"between {low} and {high}.\n    Fix: choose bounds nearer to the mean, or draw from uniform."
        )

    def draw(generator: np.random.Generator, drawn: Any) -> Any:
        out = generator.standard_normal(shape, drawn) * std + mean
        while (beyond := (out < low) | (out > high)).any():
            out[beyond] = generator.standard_normal(int(beyond.sum()), drawn) * std + mean
        return out

    return _drawn(draw, dtype)


def gain(nonlinearity: str, slope: float = 0.01) -> float:
    """By how much a layer's weights are to be larger, so that what follows does not shrink its outputs.

    1 for ``"linear"`` and ``"sigmoid"``, 5/3 for ``"tanh"``, sqrt(2) for ``"relu"``, sqrt(2 / (1 + slope**2)) for
    ``"leaky_relu"``, 3/4 for ``"selu"``.

    Raises:
        InputError: it is none of these.

    Example:
        >>> gain("tanh")
        1.6666666666666667
    """
    gains = {
        "linear": 1.0,
        "sigmoid": 1.0,
        "tanh": 5 / 3,
        "relu": 2**0.5,
        "leaky_relu": (2 / (1 + slope**2)) ** 0.5,
        "selu": 0.75,
    }
    if nonlinearity not in gains:
        raise InputError(f"gain: nonlinearity is one of {', '.join(gains)}, and not {nonlinearity!r}.")
    return gains[nonlinearity]


def xavier_uniform(shape: Shape, dtype: Any = np.float32, *, gain: float = 1.0) -> Any:
    """Evenly distributed numbers of variance 2 * gain**2 / (fan_in + fan_out) (Glorot and Bengio 2010).

    Raises:
        ShapeError: ``shape`` has fewer than two axes.

    Example:
        >>> bool(abs(xavier_uniform((100, 50))).max() <= 0.2)
        True
    """
    fan_in, fan_out = _fans("xavier_uniform", shape)
    bound = gain * (6 / (fan_in + fan_out)) ** 0.5
    return uniform(shape, dtype, low=-bound, high=bound)


def xavier_normal(shape: Shape, dtype: Any = np.float32, *, gain: float = 1.0) -> Any:
    """Normally distributed numbers of variance 2 * gain**2 / (fan_in + fan_out) (Glorot and Bengio 2010).

    Raises:
        ShapeError: ``shape`` has fewer than two axes.

    Example:
        >>> xavier_normal((100, 50)).shape
        (100, 50)
    """
    fan_in, fan_out = _fans("xavier_normal", shape)
    return normal(shape, dtype, std=gain * (2 / (fan_in + fan_out)) ** 0.5)


def kaiming_uniform(
    shape: Shape,
    dtype: Any = np.float32,
    *,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    slope: float = 0.0,
) -> Any:
    """Evenly distributed numbers of variance gain**2 / fan (He et al. 2015).

    Args:
        mode: ``"fan_in"`` keeps the variance on the way forward, ``"fan_out"`` that of gradients on the way back.
        nonlinearity: What follows the layer: see `gain`.
        slope: That of a leaky ReLU.

    Raises:
        ShapeError: ``shape`` has fewer than two axes.
        InputError: an option has none of its values.

    Example:
        >>> kaiming_uniform((100, 50), nonlinearity="relu").shape
        (100, 50)
    """
    bound = 3**0.5 * _kaiming_std("kaiming_uniform", shape, mode, nonlinearity, slope)
    return uniform(shape, dtype, low=-bound, high=bound)


def kaiming_normal(
    shape: Shape,
    dtype: Any = np.float32,
    *,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    slope: float = 0.0,
) -> Any:
    """Normally distributed numbers of variance gain**2 / fan; options and errors are those of `kaiming_uniform`.

    Example:
        >>> kaiming_normal((16, 3, 3, 3), mode="fan_out").shape
        (16, 3, 3, 3)
    """
    return normal(shape, dtype, std=_kaiming_std("kaiming_normal", shape, mode, nonlinearity, slope))


def orthogonal(shape: Shape, dtype: Any = np.float32, *, gain: float = 1.0) -> Any:
    """A random matrix with orthogonal rows or columns, whichever are fewer, of length ``gain`` (Saxe et al. 2013).

    More than two axes are seen as a matrix of the first against all others.

    Raises:
        ShapeError: ``shape`` has fewer than two axes.

    Example:
        >>> w = orthogonal((3, 2), np.float64)
        >>> np.allclose(w.T @ w, np.eye(2))
        True
    """
    if len(shape) < 2:
        raise ShapeError(f"orthogonal: two axes or more, and not {tuple(shape)}.")
    rows, columns = shape[0], math.prod(shape[1:])
    long, short = max(rows, columns), min(rows, columns)
    q, r = np.linalg.qr(random.generator().standard_normal((long, short)))
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)  # else the signs would not be evenly distributed
    return (gain * (q if rows >= columns else q.T)).reshape(shape).astype(_floating(dtype))


def eye(shape: Shape, dtype: Any = np.float32) -> Any:
    """Ones on the diagonal of a matrix, which a linear layer passes its inputs through by; also called `identity`.

    Raises:
        ShapeError: ``shape`` has not two axes.

    Example:
        >>> eye((2, 3), np.float64)
        array([[1., 0., 0.],
               [0., 1., 0.]])
    """
    if len(shape) != 2:
        raise ShapeError(f"eye: two axes, and not {tuple(shape)}.")
    return np.eye(*shape, dtype=_floating(dtype))


def dirac(shape: Shape, dtype: Any = np.float32, *, groups: int = 1) -> Any:
    """The weight of a convolution that passes its inputs through: a one in the middle of each channel's own kernel.

    Raises:
        ShapeError: ``shape`` is not (outputs, inputs, *kernel), or the outputs do not fall into so many groups.

    Example:
        >>> dirac((2, 2, 3), np.float64)[1]
        array([[0., 0., 0.],
               [0., 1., 0.]])
    """
    if len(shape) < 3:
        raise ShapeError(f"dirac: the shape of a convolution's weight, (outputs, inputs, *kernel), not {tuple(shape)}.")
    if groups < 1 or shape[0] % groups:
        raise ShapeError(f"dirac: {shape[0]} outputs do not fall into {groups} groups of one size.")
    out = np.zeros(shape, _floating(dtype))
    middle = tuple(length // 2 for length in shape[2:])
    size = shape[0] // groups
    for group in range(groups):
        for channel in range(min(size, shape[1])):
            out[(group * size + channel, channel, *middle)] = 1
    return out


def sparse(shape: Shape, dtype: Any = np.float32, *, sparsity: float, std: float = 0.01) -> Any:
    """Normally distributed numbers, of which a share in each column is zero: each output hears few inputs.

    (Martens 2010.)

    Args:
        sparsity: The share of zeros in each column, rounded up to whole entries [0, 1].
        std: The standard deviation of the others.

    Raises:
        ShapeError: ``shape`` has not two axes.
        InputError: ``sparsity`` is no share.

    Example:
        >>> int((sparse((10, 4), sparsity=0.9) == 0).sum())
        36
    """
    if len(shape) != 2:
        raise ShapeError(f"sparse: two axes, and not {tuple(shape)}.")
    if not 0 <= sparsity <= 1:
        raise InputError(f"sparse: sparsity is a share from 0 to 1, and is {sparsity!r}.")
    out = normal(shape, dtype, std=std)
    places = random.generator().random(shape).argsort(axis=0)[: math.ceil(sparsity * shape[0])]
    np.put_along_axis(out, places, 0, axis=0)
    return out


def _floating(dtype: Any) -> Any:
    answer = np.dtype(dtype)
    if answer.kind != "f":
        raise DtypeError(f"parameters are of a floating-point type such as numpy.float32, and not {answer}.")
    return answer


def _drawn(draw: Callable[[np.random.Generator, Any], Any], dtype: Any) -> Any:
    """What is drawn in one of the two types that generators can draw, and then converted."""
    dtype = _floating(dtype)
    return np.asarray(draw(random.generator(), np.float64 if dtype == np.float64 else np.float32)).astype(dtype)


def _fans(name: str, shape: Shape) -> tuple[int, int]:
    """How many inputs each output is computed from, and how many outputs each input goes into."""
    if len(shape) < 2:
        raise ShapeError(f"{name}: fans are those of two axes or more, and the shape is {tuple(shape)}.")
    if 0 in shape:
        raise ShapeError(f"{name}: the shape {tuple(shape)} has no entries.")
    if len(shape) == 2:
        return shape[0], shape[1]
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def _kaiming_std(name: str, shape: Shape, mode: str, nonlinearity: str, slope: float) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise InputError(f"{name}: mode is 'fan_in' or 'fan_out', and not {mode!r}.")
    fan_in, fan_out = _fans(name, shape)
    return gain(nonlinearity, slope) / (fan_in if mode == "fan_in" else fan_out) ** 0.5


identity = eye
