"""Activations, and the two operations that layers are made of: linear and embed_id.

All are one operation each, with a derivative that keeps the output where that is enough.
"""

from typing import Any

from wengert import random
from wengert.backends import namespace_of
from wengert.core.modes import current_config
from wengert.core.operation import operation
from wengert.core.recorded import Recorded
from wengert.errors import DtypeError, InputError, message
from wengert.functions.arithmetic import multiply
from wengert.functions.indexing import get_item

__all__ = [
    "dropout",
    "elu",
    "embed_id",
    "gelu",
    "leaky_relu",
    "linear",
    "log_softmax",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "swish",
]


@operation
def relu(xp, x):
    """The positive part: max(x, 0).

    At kinks: the derivative at 0 is 0.

    Example:
        >>> import numpy as np
        >>> relu(np.array([-1.0, 2.0]))
        variable([0. 2.])
    """
    return xp.maximum(x, 0)


@relu.derivative("x")
def _(g, out):
    return g * (out > 0)


@operation
def leaky_relu(xp, x, /, slope=0.2):
    """x where it is positive, ``slope`` times x elsewhere.

    At kinks: the derivative at 0 is ``slope``.

    Example:
        >>> import numpy as np
        >>> leaky_relu(np.array([-1.0, 2.0]))
        variable([-0.2  2. ])
    """
    return xp.where(x > 0, x, x * slope)


@leaky_relu.derivative("x")
def _(xp, g, x, slope):
    return xp.where(x > 0, g, g * slope)


@operation
def elu(xp, x, /, alpha=1.0):
    """x where it is positive, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2015).

    At kinks: the derivative at 0 is ``alpha``.

    Example:
        >>> import numpy as np
        >>> elu(np.array([0.0, 2.0]))
        variable([0. 2.])
    """
    return xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0)))


@elu.derivative("x")
def _(xp, g, x, alpha):
    return g * xp.where(x > 0, 1.0, alpha * xp.exp(xp.where(x > 0, 0.0, x)))


_ROOT_HALF = 0.7071067811865476
_ROOT_2_OVER_PI = 0.7978845608028654


@operation
def gelu(xp, x, /, approximate="none"):
    """x times the normal distribution function of x (Hendrycks and Gimpel 2016).

    out = x * (1 + erf(x / sqrt 2)) / 2, or with ``approximate="tanh"``
    out = x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2

    Raises:
        InputError: ``approximate`` is neither ``"none"`` nor ``"tanh"``.

    Example:
        >>> import numpy as np
        >>> gelu(np.array([0.0]))
        variable([0.])
    """
    if approximate == "none":
        return x * (0.5 * xp.erfc(x * -_ROOT_HALF))
    if approximate == "tanh":
        return 0.5 * x * (1 + xp.tanh(_ROOT_2_OVER_PI * (x + 0.044715 * x * x * x)))
    raise InputError(f"gelu: approximate must be 'none' or 'tanh', and is {approximate!r}.")


@gelu.derivative("x")
def _(xp, g, x, approximate):
    if approximate == "none":
        return g * (0.5 * xp.erfc(x * -_ROOT_HALF) + x * xp.exp(-0.5 * x * x) * (0.5 * _ROOT_2_OVER_PI))
    t = xp.tanh(_ROOT_2_OVER_PI * (x + 0.044715 * x * x * x))
    return g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (_ROOT_2_OVER_PI * (1 + 0.134145 * x * x)))


@operation
def sigmoid(xp, x):
    """The logistic function 1 / (1 + exp(-x)), without overflow.

    Example:
        >>> import numpy as np
        >>> sigmoid(np.array([0.0, 1000.0]))
        variable([0.5 1. ])
    """
    return xp.sigmoid(x)


@sigmoid.derivative("x")
def _(g, out):
    return g * (out * (1 - out))


@operation
def silu(xp, x):
    """x * sigmoid(x), also called swish (Elfwing et al. 2017).

    Example:
        >>> import numpy as np
        >>> silu(np.array([0.0]))
        variable([0.])
    """
    return x * xp.sigmoid(x)


@silu.derivative("x")
def _(xp, g, x):
    s = xp.sigmoid(x)
    return g * (s + x * s * (1 - s))


@operation
def softplus(xp, x):
    """log(1 + exp(x)), without overflow.

    Example:
        >>> import numpy as np
        >>> softplus(np.array([1000.0]))
        variable([1000.])
    """
    return xp.logaddexp(x, xp.zeros_like(x))


@softplus.derivative("x")
def _(xp, g, x):
    return g * xp.sigmoid(x)


@operation
def softmax(xp, x, /, axis=-1):
    """exp(x) over its sum along ``axis``, without overflow.

    Shapes: x (..., n, ...) -> the same

    Example:
        >>> import numpy as np
        >>> softmax(np.array([1.0, 1.0]))
        variable([0.5 0.5])
    """
    e = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
    return e / xp.sum(e, axis=axis, keepdims=True)


@softmax.derivative("x")
def _(xp, g, out, axis):
    weighted = g * out
    return weighted - out * xp.sum(weighted, axis=axis, keepdims=True)


@operation
def log_softmax(xp, x, /, axis=-1):
    """The logarithm of softmax along ``axis``.

    Shapes: x (..., n, ...) -> the same

    Example:
        >>> import numpy as np
        >>> log_softmax(np.array([0.0, -1000.0]))
        variable([    0. -1000.])
    """
    shifted = x - xp.max(x, axis=axis, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))


@log_softmax.derivative("x")
def _(xp, g, out, axis):
    return g - xp.exp(out) * xp.sum(g, axis=axis, keepdims=True)


def dropout(x: Any, dropout_ratio: float = 0.5) -> Any:
    """In training, each entry set to zero with probability ``dropout_ratio`` and the rest scaled up to make up for it.

    In test mode, ``x`` itself.

    Args:
        dropout_ratio: The probability [0, 1).

    Raises:
        InputError: the ratio is outside its range.

    Example:
        >>> import numpy as np
        >>> from wengert.core.modes import test_mode
        >>> with test_mode():
        ...     dropout(np.ones(3), 0.5)
        variable([1. 1. 1.])
    """
    if not 0 <= dropout_ratio < 1:
        raise InputError(f"dropout: the ratio is a probability from 0 up to, not including, 1, and is {dropout_ratio}.")
    if not current_config().train or dropout_ratio == 0:
        return x if isinstance(x, Recorded) else multiply(x, 1)
    array = x.data if isinstance(x, Recorded) else x
    mask = namespace_of((array,)).dropout_mask(random.generator(), array.shape, array.dtype, dropout_ratio)
    return multiply(x, mask)


@operation
def linear(xp, x, weight, bias=None):
    """The affine map of a layer: x @ weight + bias.

    out[..., o] = sum over i of x[..., i] * weight[i, o], plus bias[o]

    Shapes: x (..., i), weight (i, o), bias (o,) or None -> (..., o)

    Raises:
        ShapeError: the columns of ``x`` are not the rows of ``weight``, or the bias has another length.

    Cost: remembers ``x`` and ``weight``.

    Example:
        >>> import numpy as np
        >>> linear(np.ones((2, 3)), np.ones((3, 1)), np.ones(1))
        variable([[4.]
                  [4.]])
    """
    if weight.ndim != 2 or x.ndim == 0 or (bias is not None and bias.shape != weight.shape[1:]):
        raise ValueError("x (..., i), weight (i, o) and bias (o,) do not fit")
    return xp.linear(x, weight, bias)


@linear.derivative("x")
def _(xp, g, weight):
    return xp.matmul(g, xp.matrix_transpose(weight))


@linear.derivative("weight")
def _(xp, g, x):
    if x.ndim != 2:
        x = xp.reshape(x, (-1, x.shape[-1]))
        g = xp.reshape(g, (-1, g.shape[-1]))
    return xp.matmul(xp.matrix_transpose(x), g)


@linear.derivative("bias")
def _(xp, g):
    return xp.sum(g, axis=tuple(range(g.ndim - 1)))


@linear.explain
def _(x, weight, bias=None):
    if len(weight.shape) == 2 and x.shape and x.shape[-1] != weight.shape[0]:
        fact = f"{x.shape} @ {weight.shape}: {x.shape[-1]} columns against {weight.shape[0]} rows."
        return fact, f"the last axis of x must have {weight.shape[0]} entries."
    return "x (..., i), weight (i, o) and bias (o,) do not fit.", "compare the shapes above with these."


def embed_id(x: Any, weight: Any) -> Any:
    """The rows of ``weight`` that the integers ``x`` name.

    Shapes: x (...), weight (n, d) -> (..., d)

    Raises:
        DtypeError: ``x`` does not hold integers.
        InputError: an index is negative, or beyond the last row.

    Example:
        >>> import numpy as np
        >>> embed_id(np.array([1, 0]), np.array([[1.0, 2.0], [3.0, 4.0]]))
        variable([[3. 4.]
                  [1. 2.]])
    """
    index = x.data if isinstance(x, Recorded) else x
    xp = namespace_of((index,))
    if not (hasattr(index, "dtype") and xp.isdtype(index.dtype, "integral")):
        raise DtypeError(message("embed_id: indices must be integers.", [("x", x)], "convert it with .astype(int)."))
    outside = xp.outside_range(index, weight.shape[0])
    if outside is not None:
        raise InputError(f"embed_id: index {outside} of a table of {weight.shape[0]} rows.")
    return get_item(weight, index)


swish = silu
