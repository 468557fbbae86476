"""Activations, and the two operations that layers are made of: linear and embed_id.

All are one operation each, with a derivative that keeps the output where that is enough.
"""

from math import prod
from typing import Any

from wengert import random
from wengert.backends import namespace_of
from wengert.core.modes import current_config
from wengert.core.operation import operation
from wengert.core.real import real_numbers, real_valued, sum_over
from wengert.core.recorded import Recorded
from wengert.errors import DtypeError, InputError, ShapeError, message
from wengert.functions.arithmetic import add, multiply
from wengert.functions.elementwise import _gate, _gate_slope
from wengert.functions.indexing import get_item
from wengert.functions.kinks import moves, within
from wengert.functions.shape import itself, reshape

__all__ = [
    "alpha_dropout",
    "celu",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "embed_id",
    "gelu",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "rrelu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "swish",
    "tanhshrink",
    "threshold",
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
    return _positive(xp, x)


@relu.derivative("x")
def _(xp, g, out):
    return xp.where(out > 0, g, 0.0)  # a product with the condition would be nan where g is infinite


def _positive(xp, x):
    if getattr(x, "size", 1) > 4096 and xp.isdtype(x.dtype, "real floating"):
        return xp.clip(x, 0, float("inf"))  # NumPy's maximum of an array and a number takes several times as long
    return xp.maximum(real_numbers("relu", x), 0)


@operation(real=True)
def leaky_relu(xp, x, /, slope=0.2):
    """x where it is positive, ``slope`` times x elsewhere.

    At kinks: the derivative at 0 is ``slope``.

    Example:
        >>> import numpy as np
        >>> leaky_relu(np.array([-1.0, 2.0]))
        variable([-0.2  2. ])
    """
    return xp.maximum(x, x * slope) if 0 < slope <= 1 else xp.where(x > 0, x, x * slope)


@leaky_relu.derivative("x")
def _(xp, g, x, slope):
    return xp.where(x > 0, g, g * slope)


@operation(real=True)
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
_CUBIC = 0.044715


@operation(real=True)
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
        out = xp.erfc(x * -_ROOT_HALF)
        out *= 0.5
        out *= x
        return out
    if approximate == "tanh":
        out = xp.tanh(_gelu_angle(x))
        out += 1
        out *= 0.5
        out *= x
        return out
    raise InputError(f"gelu: approximate must be 'none' or 'tanh', and is {approximate!r}.")


@gelu.derivative("x")
def _(xp, g, x, approximate):
    if approximate == "none":
        slope = x * x
        slope *= -0.5
        slope = xp.exp(slope)
        slope *= x
        slope *= _ROOT_2_OVER_PI
        slope += xp.erfc(x * -_ROOT_HALF)
    else:
        t = xp.tanh(_gelu_angle(x))
        slope = x * (3 * _ROOT_2_OVER_PI * _CUBIC)
        slope *= x
        slope += _ROOT_2_OVER_PI
        slope *= xp.tanh_slope(x, t)
        slope += t
        slope += 1
    slope *= 0.5
    slope *= g
    return slope


def _gelu_angle(x):
    """sqrt(2 / pi) * (x + 0.044715 * x**3)."""
    angle = x * (_ROOT_2_OVER_PI * _CUBIC)
    angle *= x
    angle += _ROOT_2_OVER_PI
    angle *= x
    return angle


@operation(real=True)
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


@operation(real=True)
def silu(xp, x):
    """x * sigmoid(x), also called swish (Elfwing et al. 2017).

    Example:
        >>> import numpy as np
        >>> silu(np.array([0.0]))
        variable([0.])
    """
    out = xp.sigmoid(x)
    out *= x
    return out


@silu.derivative("x")
def _(xp, g, x):
    s = within(_gate, x)
    slope = within(_gate, -x) if moves(x) else 1 - s
    slope *= x
    slope += 1
    slope *= s  # s * (1 + x * (1 - s))
    slope *= g
    return slope


@operation(real=True)
def softplus(xp, x):
    """log(1 + exp(x)), without overflow.

    Example:
        >>> import numpy as np
        >>> softplus(np.array([1000.0]))
        variable([1000.])
    """
    return _softplus(xp, x)


@softplus.derivative("x")
def _(g, x):
    return g * within(_gate, x)


def _softplus(xp, x):
    """max(x, 0) + log(1 + exp(-abs(x))), which logaddexp takes many times as long for."""
    out = xp.log1p(xp.exp(xp.abs(x) * -1.0))
    out += _positive(xp, x)
    return out


@operation(real=True)
def softmax(xp, x, /, axis=-1):
    """exp(x) over its sum along ``axis``, without overflow.

    Shapes: x (..., n, ...) -> the same

    Example:
        >>> import numpy as np
        >>> softmax(np.array([1.0, 1.0]))
        variable([0.5 0.5])
    """
    if not x.size:  # which has no largest entry
        return xp.exp(x)
    out = xp.exp(x - (xp.max(x, axis=axis, keepdims=True) + 0.0))  # unsigned integers would wrap
    out /= xp.sum(out, axis=axis, keepdims=True)
    return out


@softmax.derivative("x")
def _(xp, g, out, axis):
    in_x = g * out
    in_x -= out * xp.sum(in_x, axis=axis, keepdims=True)
    return in_x


@operation(real=True)
def log_softmax(xp, x, /, axis=-1):
    """The logarithm of softmax along ``axis``.

    Shapes: x (..., n, ...) -> the same

    Example:
        >>> import numpy as np
        >>> log_softmax(np.array([0.0, -1000.0]))
        variable([    0. -1000.])
    """
    if not x.size:  # which has no largest entry
        return xp.exp(x)
    out = x - (xp.max(x, axis=axis, keepdims=True) + 0.0)  # integers have logarithms of another dtype
    out -= xp.log(xp.sum(xp.exp(out), axis=axis, keepdims=True))
    return out


@log_softmax.derivative("x")
def _(xp, g, out, axis):
    spread = xp.exp(out)
    spread *= xp.sum(g, axis=axis, keepdims=True)
    return g - spread


@operation(real=True)
def celu(xp, x, /, alpha=1.0):
    """x where it is positive, alpha * (exp(x / alpha) - 1) elsewhere (Barron 2017): an ELU without a kink.

    Example:
        >>> import numpy as np
        >>> celu(np.array([0.0, 2.0]))
        variable([0. 2.])
    """
    return xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0) / alpha))


@celu.derivative("x")
def _(xp, g, x, alpha):
    return g * xp.exp(xp.where(x > 0, 0.0, x) / alpha)


_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


@operation(real=True)
def selu(xp, x):
    """An ELU, scaled so that mean 0 and variance 1 are kept from layer to layer (Klambauer et al. 2017).

    out = s * x where x is positive, s * a * (exp(x) - 1) elsewhere; s = 1.0507..., a = 1.6732...

    At kinks: the derivative at 0 is s * a.

    Example:
        >>> import numpy as np
        >>> selu(np.array([0.0, 1.0]))
        variable([0.         1.05070099])
    """
    return xp.where(x > 0, _SELU_SCALE * x, (_SELU_SCALE * _SELU_ALPHA) * xp.expm1(xp.minimum(x, 0)))


@selu.derivative("x")
def _(xp, g, x):
    return g * xp.where(x > 0, _SELU_SCALE, (_SELU_SCALE * _SELU_ALPHA) * xp.exp(xp.where(x > 0, 0.0, x)))


@operation
def hardtanh(xp, x, /, low=-1.0, high=1.0):
    """x, brought to ``low`` or ``high`` where it lies beyond.

    At kinks: the derivative on a bound is 0.

    Raises:
        InputError: ``low`` is not below ``high``.

    Example:
        >>> import numpy as np
        >>> hardtanh(np.array([-3.0, 0.5, 3.0]))
        variable([-1.   0.5  1. ])
    """
    if not low < high:
        raise InputError(f"hardtanh: low must be below high, and they are {low} and {high}.")
    return xp.clip(real_numbers("hardtanh", x), low, high)


@hardtanh.derivative("x")
def _(xp, g, x, low, high):
    return xp.where((x > low) & (x < high), g, 0.0)


def relu6(x: Any) -> Any:
    """The positive part, at most 6: min(max(x, 0), 6).

    At kinks: the derivative at 0 and at 6 is 0.

    Example:
        >>> import numpy as np
        >>> relu6(np.array([-1.0, 2.0, 8.0]))
        variable([0. 2. 6.])
    """
    return hardtanh(x, 0.0, 6.0)


@operation(real=True)
def hardsigmoid(xp, x):
    """x / 6 + 1/2, at least 0 and at most 1: a sigmoid of three straight lines.

    At kinks: the derivative at -3 and at 3 is 0.

    Example:
        >>> import numpy as np
        >>> hardsigmoid(np.array([-4.0, 0.0, 1.5]))
        variable([0.   0.5  0.75])
    """
    return xp.clip(x + 3, 0.0, 6.0) / 6


@hardsigmoid.derivative("x")
def _(xp, g, x):
    return xp.where((x > -3) & (x < 3), g / 6, 0.0)


@operation(real=True)
def hardswish(xp, x):
    """x * hardsigmoid(x) (Howard et al. 2019).

    At kinks: the derivative at -3 is 0, and at 3 it is 1.

    Example:
        >>> import numpy as np
        >>> hardswish(np.array([-4.0, 3.0]))
        variable([-0.  3.])
    """
    return x * (xp.clip(x + 3, 0.0, 6.0) / 6)


@hardswish.derivative("x")
def _(xp, g, x):
    return g * xp.where(x >= 3, 1.0, xp.where(x > -3, x / 3 + 0.5, 0.0))


@operation
def hardshrink(xp, x, /, bound=0.5):
    """x where its size is above ``bound``, 0 elsewhere.

    At kinks: the derivative on a bound is 0.

    Example:
        >>> import numpy as np
        >>> hardshrink(np.array([-2.0, 0.4, 0.6]))
        variable([-2.   0.   0.6])
    """
    return xp.where(xp.abs(real_numbers("hardshrink", x)) <= bound, 0.0, x)


@hardshrink.derivative("x")
def _(xp, g, x, bound):
    return xp.where(xp.abs(x) <= bound, 0.0, g)


@operation(real=True)
def softshrink(xp, x, /, bound=0.5):
    """x brought nearer to 0 by ``bound``, and to 0 where it is nearer than that.

    At kinks: the derivative on a bound is 0.

    Raises:
        InputError: ``bound`` is negative.

    Example:
        >>> import numpy as np
        >>> softshrink(np.array([-2.0, 0.4, 1.5]))
        variable([-1.5  0.   1. ])
    """
    if not bound >= 0:
        raise InputError(f"softshrink: bound is a number from 0 on, and is {bound}.")
    return xp.where(xp.abs(x) <= bound, 0.0, x - xp.sign(x) * bound)


@softshrink.derivative("x")
def _(xp, g, x, bound):
    return xp.where(xp.abs(x) <= bound, 0.0, g)


@operation(real=True)
def tanhshrink(xp, x):
    """x - tanh(x).

    Example:
        >>> import numpy as np
        >>> tanhshrink(np.array([0.0]))
        variable([0.])
    """
    return x - xp.tanh(x)


@tanhshrink.derivative("x")
def _(xp, g, x):
    t = xp.tanh(x)
    return g * (t * t)


@operation
def threshold(xp, x, /, threshold, value):
    """x where it is above ``threshold``, ``value`` elsewhere.

    At kinks: the derivative at the threshold is 0.

    Example:
        >>> import numpy as np
        >>> threshold(np.array([0.5, 2.0]), 1.0, -7.0)
        variable([-7.  2.])
    """
    return xp.where(real_numbers("threshold", x) > threshold, x, float(value))


@threshold.derivative("x")
def _(xp, g, x, threshold):
    return xp.where(x > threshold, g, 0.0)


@operation(real=True)
def mish(xp, x):
    """x * tanh(softplus(x)) (Misra 2019).

    Example:
        >>> import numpy as np
        >>> mish(np.array([0.0]))
        variable([0.])
    """
    return x * _tanh_softplus(xp.sigmoid(x), xp.sigmoid(-x))


@mish.derivative("x")
def _(g, x):
    return g * within(_mish_slope, x)


@operation(real=True)
def _mish_slope(xp, x):
    s, q = xp.sigmoid(x), xp.sigmoid(-x)
    ratio = 2 * q / (1 + q * q)  # with it squared, 1 - t * t without cancellation
    return _tanh_softplus(s, q) + x * (ratio * ratio) * s


@_mish_slope.derivative("x")
def _(xp, g, x):
    s, q = within(_gate, x), within(_gate, -x)
    ratio = 2 * q / (1 + q * q)
    return g * (ratio * ratio * s * (2 + x * (q - 2 * s * _tanh_softplus(s, q))))


def _tanh_softplus(s, q):
    """tanh(log(1 + exp(x))), of s = sigmoid(x) and q = sigmoid(-x): it is (1 - q**2) / (1 + q**2)."""
    return s * (1 + q) / (1 + q * q)


@operation(real=True)
def softsign(xp, x):
    """x / (1 + abs(x)).

    Example:
        >>> import numpy as np
        >>> softsign(np.array([1.0, -3.0]))
        variable([ 0.5  -0.75])
    """
    return x / (1 + xp.abs(x))


@softsign.derivative("x")
def _(xp, g, x):
    size = 1 + xp.abs(x)
    return g / size / size  # its square would overflow


@operation(real=True)
def log_sigmoid(xp, x):
    """log(sigmoid(x)), without overflow.

    Example:
        >>> import numpy as np
        >>> log_sigmoid(np.array([-1000.0]))
        variable([-1000.])
    """
    return -_softplus(xp, x * -1.0)


@log_sigmoid.derivative("x")
def _(g, x):
    return g * within(_gate, -x)


def softmin(x: Any, axis: Any = -1) -> Any:
    """The softmax of -x: exp(-x) over its sum along ``axis``.

    Shapes: x (..., n, ...) -> the same

    Example:
        >>> import numpy as np
        >>> softmin(np.array([1.0, 1.0]))
        variable([0.5 0.5])
    """
    return softmax(multiply(x, -1.0), axis=axis)


@operation(real=True)
def _glu(xp, x, *, axis):
    x, gate = _halves(x, axis)
    return x * xp.sigmoid(gate)


@_glu.derivative("x")
def _(xp, g, x, axis):
    x, gate = _halves(x, axis)
    in_x = g * within(_gate, gate)
    return xp.concat([in_x, g * x * within(_gate_slope, gate)], axis=axis)


def _halves(x, axis):
    before, half = (slice(None),) * axis, x.shape[axis] // 2
    return x[(*before, slice(None, half))], x[(*before, slice(half, None))]


def glu(x: Any, axis: int = -1) -> Any:
    """The first half along ``axis``, times the sigmoid of the second (Dauphin et al. 2017).

    Shapes: x (..., 2n, ...) -> (..., n, ...)

    Raises:
        ShapeError: there is no such axis, or its length is odd.

    Example:
        >>> import numpy as np
        >>> glu(np.array([3.0, 0.0]))
        variable([1.5])
    """
    shape = tuple(getattr(x, "shape", ()))
    if not -len(shape) <= axis < len(shape) or shape[axis] % 2:
        raise ShapeError(message(f"glu: axis {axis} is to be cut in halves.", [("x", x)], "its length must be even."))
    return _glu(x, axis=axis % len(shape))


@operation(broadcasts=True, real=True)
def _prelu(xp, x, weight):
    return xp.where(x > 0, x, x * weight)


@_prelu.derivative("x")
def _(xp, g, x, weight):
    return xp.where(x > 0, g, g * weight)


@_prelu.derivative("weight")
def _(xp, g, x):
    return xp.where(x > 0, 0.0, g * x)


def prelu(x: Any, weight: Any) -> Any:
    """x where it is positive, ``weight`` times x elsewhere: a leaky ReLU that learns its slopes (He et al. 2015).

    Shapes: x (n, channels, ...), weight (channels,); or x of any shape, weight (1,) or () -> the shape of x

    At kinks: the derivative at 0 is ``weight``.

    Raises:
        ShapeError: there is neither one weight nor one for each channel.

    Example:
        >>> import numpy as np
        >>> prelu(np.array([[-1.0, -1.0]]), np.array([0.5, 0.1]))
        variable([[-0.5 -0.1]])
    """
    shape, slopes = tuple(x.shape), tuple(weight.shape)
    if slopes in ((), (1,)):
        weight = reshape(weight, ())
    elif len(shape) > 1 and slopes == shape[1:2]:
        weight = reshape(weight, slopes + (1,) * (len(shape) - 2))
    else:
        raise ShapeError(
            message(
                "prelu: one weight, or one for each channel along the second axis.",
                [("x", x), ("weight", weight)],
            )
        )
    return _prelu(x, weight)


@real_valued("x")
def rrelu(x: Any, lower: float = 1 / 8, upper: float = 1 / 3) -> Any:
    """x where it is positive, x times a slope elsewhere: in training one drawn for each entry (Xu et al. 2015).

    The slopes lie evenly between ``lower`` and ``upper``; in test mode all are the mean of the two.

    At kinks: the derivative at 0 is the slope.

    Raises:
        InputError: ``lower`` is above ``upper``.

    Example:
        >>> import numpy as np
        >>> from wengert.core.modes import test_mode
        >>> with test_mode():
        ...     rrelu(np.array([-4.0, 2.0]), 0.2, 0.3)
        variable([-1.  2.])
    """
    if not lower <= upper:
        raise InputError(f"rrelu: lower must not be above upper, and they are {lower} and {upper}.")
    if not current_config().train:
        return leaky_relu(x, (lower + upper) / 2)
    array = x.data if isinstance(x, Recorded) else x
    draws = random.generator().random(array.shape) * (upper - lower) + lower
    return _prelu(x, namespace_of((array,)).asarray(draws, dtype=array.dtype))


def dropout(x: Any, dropout_ratio: float = 0.5) -> Any:
    """In training, each entry set to zero with probability ``dropout_ratio`` and the rest scaled up to make up for it.

    In test mode, the entries of ``x`` in a value of its own.

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
        return itself(x) if hasattr(x, "shape") else multiply(x, 1)
    array = x.data if isinstance(x, Recorded) else x
    return multiply(x, _mask(array, array.shape, dropout_ratio))


def alpha_dropout(x: Any, dropout_ratio: float = 0.5) -> Any:
    """Dropout that leaves mean 0 and variance 1 as they are, for networks of `selu` (Klambauer et al. 2017).

    In training, each entry becomes with probability p the least that selu gives, s = -1.7581, and all are then scaled
    and shifted: out = a * (x, or s) - a * s * p, where a = ((1 - p) * (1 + p * s ** 2)) ** -0.5.

    In test mode, ``x`` itself.

    Args:
        dropout_ratio: The probability p [0, 1).

    Raises:
        InputError: the ratio is outside its range.

    Example:
        >>> import numpy as np
        >>> from wengert.core.modes import test_mode
        >>> with test_mode():
        ...     alpha_dropout(np.ones(3), 0.5)
        variable([1. 1. 1.])
    """
    if not current_config().train or not 0 < dropout_ratio < 1:
        return dropout(x, dropout_ratio)
    array = x.data if isinstance(x, Recorded) else x
    mask = _mask(array, array.shape, dropout_ratio)
    dropped = namespace_of((mask,)).astype(mask == 0, mask.dtype)
    least = -1.6732632423543772 * 1.0507009873554805
    a = ((1 - dropout_ratio) * (1 + dropout_ratio * least**2)) ** -0.5
    return add(multiply(x, a * (1 - dropout_ratio) * mask), a * least * (dropped - dropout_ratio))


def _mask(array, shape, ratio):
    return namespace_of((array,)).dropout_mask(random.generator(), shape, array.dtype, ratio)


def _dropout_channels(name: str, x: Any, ratio: float, axes: int) -> Any:
    """Dropout of whole channels, each followed by so many axes."""
    shape = tuple(getattr(x, "shape", ()))
    if len(shape) not in (axes + 1, axes + 2):
        space = ", ".join(("depth", "height", "width")[3 - axes :] if axes > 1 else ["length"])
        raise ShapeError(message(f"{name}: x must be of shape ([n,] channels, {space}).", [("x", x)]))
    if not current_config().train or not 0 < ratio < 1:
        return dropout(x, ratio)
    array = x.data if isinstance(x, Recorded) else x
    return multiply(x, _mask(array, shape[:-axes] + (1,) * axes, ratio))


def dropout1d(x: Any, dropout_ratio: float = 0.5) -> Any:
    """`dropout` of whole channels: all entries of one become zero together (Tompson et al. 2015).

    Shapes: x ([n,] channels, length) -> the same

    Raises:
        ShapeError: ``x`` has another number of axes.
        InputError: the ratio is outside its range.

    Example:
        >>> import numpy as np
        >>> from wengert.core.modes import test_mode
        >>> with test_mode():
        ...     dropout1d(np.ones((2, 3)))
        variable([[1. 1. 1.]
                  [1. 1. 1.]])
    """
    return _dropout_channels("dropout1d", x, dropout_ratio, 1)


def dropout2d(x: Any, dropout_ratio: float = 0.5) -> Any:
    """`dropout` of whole channels of images.

    Shapes: x ([n,] channels, height, width) -> the same

    Raises:
        ShapeError: ``x`` has another number of axes.
        InputError: the ratio is outside its range.

    Example:
        >>> import numpy as np
        >>> dropout2d(np.ones((2, 3, 4, 4))).shape
        (2, 3, 4, 4)
    """
    return _dropout_channels("dropout2d", x, dropout_ratio, 2)


def dropout3d(x: Any, dropout_ratio: float = 0.5) -> Any:
    """`dropout` of whole channels of volumes.

    Shapes: x ([n,] channels, depth, height, width) -> the same

    Raises:
        ShapeError: ``x`` has another number of axes.
        InputError: the ratio is outside its range.

    Example:
        >>> import numpy as np
        >>> dropout3d(np.ones((2, 3, 4, 4, 4))).shape
        (2, 3, 4, 4, 4)
    """
    return _dropout_channels("dropout3d", x, dropout_ratio, 3)


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
        raise ValueError("the shapes of x (..., i), weight (i, o) and bias (o,) do not fit")
    out = xp.linear(x, weight, bias)
    if out.dtype.kind in "iub":  # which would wrap round
        return xp.linear(xp.astype(x, float), weight, bias)
    return out


@linear.derivative("x")
def _(xp, g, weight):
    return xp.linear(g, weight.mT, None)


@linear.derivative("weight")
def _(xp, g, x):
    if x.ndim != 2:
        count = prod(x.shape[:-1])  # and not -1, which an axis without entries leaves open
        x = xp.reshape(x, (count, x.shape[-1]))
        g = xp.reshape(g, (count, g.shape[-1]))
    return x.mT @ g


@linear.derivative("bias")
def _(xp, g):
    return sum_over(xp, g, tuple(range(g.ndim - 1)))


@linear.explain
def _(x, weight, bias=None):
    if len(weight.shape) == 2 and x.shape and x.shape[-1] != weight.shape[0]:
        fact = f"{x.shape} @ {weight.shape}: {x.shape[-1]} columns against {weight.shape[0]} rows."
        return fact, f"the last axis of x must have {weight.shape[0]} entries."
    if x.shape and len(weight.shape) == 2 and (bias is None or bias.shape in ((), (1,), weight.shape[1:])):
        return None
    return "x (..., i), weight (i, o) and bias (o,) do not fit.", "compare the shapes above with these."


@operation
def _embed_id(xp, weight, *, index, padding):
    return weight[index]


@_embed_id.derivative("weight")
def _(xp, g, weight_shape, index, padding):
    g = g * (index != padding)[..., None]
    return xp.scatter_add(weight_shape, g.dtype, index, g)


def embed_id(x: Any, weight: Any, *, padding_idx: int | None = None) -> Any:
    """The rows of ``weight`` that the integers ``x`` name.

    Shapes: x (...), weight (n, d) -> (..., d)

    Args:
        padding_idx: A row without a gradient: the one that fills up what is too short.

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
    if padding_idx is None:
        return get_item(weight, index)
    if not 0 <= padding_idx < weight.shape[0]:
        raise InputError(f"embed_id: padding_idx {padding_idx} of a table of {weight.shape[0]} rows.")
    return _embed_id(weight, index=index, padding=padding_idx)


swish = silu
