"""Normalization: entries brought to mean zero and variance one over a batch, a row, a channel or a group of channels.

All are one operation, `_normalize`, on a view of the input in which the axes to normalize over are apart.  Beside its
result it gives the statistics it found: its derivative begins from them, and so does the derivative of that.
"""

from math import prod
from typing import Any

import numpy as np

from wengert.backends import namespace_of
from wengert.core.modes import current_config
from wengert.core.operation import operation
from wengert.core.real import real_numbers, real_valued
from wengert.core.recorded import Recorded
from wengert.errors import DtypeError, InputError, ShapeError, message
from wengert.functions.arithmetic import add, divide
from wengert.functions.creation import astype
from wengert.functions.elementwise import sqrt
from wengert.functions.shape import permute_dims, reshape

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"]


def batch_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    *,
    training: bool | None = None,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Each channel brought to mean 0 and variance 1 over the batch, then scaled (Ioffe and Szegedy 2015).

    out = (x - mean) / sqrt(var + eps) * weight + bias

    In training the mean and the variance are those of the batch, and the running ones move towards them by a share of
    ``momentum`` (the variance towards the unbiased one); else they are the running ones.

    Shapes: x (n, channels, ...) -> the same; all others (channels,)

    Args:
        running_mean: A Variable or Parameter, whose data is replaced in training; or None.
        running_var: The same for the variance.
        training: Whether this is training; where None, the switch ``train`` tells.
        momentum: The share of the batch in the running statistics [0, 1].
        eps: What keeps the division from zero.

    Raises:
        ShapeError: ``x`` has no axis of channels, a channel has a single entry in training, or shapes do not fit.
        InputError: there are no running statistics outside training.

    Example:
        >>> import numpy as np
        >>> batch_norm(np.array([[1.0], [3.0]]), training=True, eps=0)
        variable([[-1.]
                  [ 1.]])
    """
    training = current_config().train if training is None else training
    x = _floating("batch_norm", x, weight)
    channels = _channels("batch_norm", x, 2)
    _check_scales("batch_norm", x, (channels,), weight, bias, running_mean, running_var)
    if not training:
        return _by_running("batch_norm", x, 1, running_mean, running_var, weight, bias, eps)
    count = x.size // channels
    _check_count("batch_norm", x, count)
    view, axes = ((x.shape[0], channels, prod(x.shape[2:])), (0, 2)) if x.ndim > 2 else (x.shape, (0,))
    turned = x.ndim > 2 and _channels_lie_last(x)
    if turned:  # as convolutions leave them: a matrix of which each column is a channel
        x, view, axes = permute_dims(x, (0, *range(2, x.ndim), 1)), (count, channels), (0,)
    scale = (1, channels, 1)[: len(view)]
    out, var, mean = _normalized(x, weight, bias, view=view, axes=axes, scale=scale, eps=eps, centred=True)
    if turned:
        out = permute_dims(out, (0, x.ndim - 1, *range(1, x.ndim - 1)))
    _follow("batch_norm", running_mean, mean.data.reshape(-1), momentum)
    _follow("batch_norm", running_var, var.data.reshape(-1) * (count / (count - 1)), momentum)
    return out


def instance_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    *,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Each channel of each example brought to mean 0 and variance 1, then scaled (Ulyanov et al. 2016).

    Shapes: x (n, channels, *space) -> the same; all others (channels,)

    Args:
        running_mean: As for `batch_norm`; it moves towards the mean over the examples.
        running_var: As for `batch_norm`.
        use_input_stats: Whether to normalize by the statistics of ``x``, and not by the running ones.

    Raises:
        ShapeError: ``x`` has no axes of space, a channel has a single entry, or shapes do not fit.
        InputError: there are no running statistics, and they are to be used.

    Example:
        >>> import numpy as np
        >>> instance_norm(np.array([[[1.0, 3.0], [5.0, 5.0]]]), eps=1e-9)
        variable([[[-1.  1.]
                   [ 0.  0.]]])
    """
    x = _floating("instance_norm", x, weight)
    channels = _channels("instance_norm", x, 3)
    _check_scales("instance_norm", x, (channels,), weight, bias, running_mean, running_var)
    if not use_input_stats:
        return _by_running("instance_norm", x, 1, running_mean, running_var, weight, bias, eps)
    count = prod(x.shape[2:])
    _check_count("instance_norm", x, count)
    view = (x.shape[0], channels, count)
    out, var, mean = _normalized(
        x, weight, bias, view=view, axes=(2,), scale=(1, channels, 1), eps=eps, centred=True
    )
    if running_mean is not None or running_var is not None:
        examples = max(view[0], 1)
        _follow("instance_norm", running_mean, mean.data.sum(axis=(0, 2)) * (1 / examples), momentum)
        share = count / (count - 1) / examples
        _follow("instance_norm", running_var, var.data.sum(axis=(0, 2)) * share, momentum)
    return out


def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, *, eps: float = 1e-5) -> Any:
    """The last axes brought to mean 0 and variance 1, each entry then scaled by its own weight (Ba et al. 2016).

    Shapes: x (..., *normalized_shape) -> the same; weight and bias normalized_shape

    Args:
        normalized_shape: The lengths of the axes to normalize over, or of the last.

    Raises:
        ShapeError: ``x`` does not end in ``normalized_shape``, or weight or bias are of another shape.

    Example:
        >>> import numpy as np
        >>> layer_norm(np.array([[1.0, 3.0], [5.0, 5.0]]), 2, eps=1e-9)
        variable([[-1.  1.]
                  [ 0.  0.]])
    """
    x = _floating("layer_norm", x, weight)
    options = _over_last_axes("layer_norm", x, normalized_shape, weight, bias)
    return _normalized(x, weight, bias, eps=eps, centred=True, **options)[0]


def rms_norm(x: Any, normalized_shape: Any, weight: Any = None, *, eps: float | None = None) -> Any:
    """The last axes divided by their root mean square, each entry then scaled (Zhang and Sennrich 2019).

    out = x / sqrt(mean(x**2) + eps) * weight

    Shapes: x (..., *normalized_shape) -> the same; weight normalized_shape

    Args:
        normalized_shape: The lengths of the axes to normalize over, or of the last.
        eps: What keeps the division from zero; where None, the smallest step of the dtype from 1.

    Raises:
        ShapeError: ``x`` does not end in ``normalized_shape``, or weight is of another shape.

    Example:
        >>> import numpy as np
        >>> rms_norm(np.array([[1.0, 7.0]]), 2)
        variable([[0.2 1.4]])
    """
    x = _floating("rms_norm", x, weight)
    options = _over_last_axes("rms_norm", x, normalized_shape, weight, None)
    eps = float(namespace_of(()).finfo(x.dtype).eps) if eps is None else eps
    return _normalized(x, weight, None, eps=eps, centred=False, **options)[0]


def group_norm(x: Any, groups: int, weight: Any = None, bias: Any = None, *, eps: float = 1e-5) -> Any:
    """Each group of channels of each example brought to mean 0 and variance 1, each channel then scaled.

    (Wu and He 2018.)

    Shapes: x (n, channels, ...) -> the same; weight and bias (channels,)

    Args:
        groups: How many groups the channels fall into, one after the other [1, channels].

    Raises:
        ShapeError: the channels do not fall into so many groups of one size, or shapes do not fit.

    Example:
        >>> import numpy as np
        >>> group_norm(np.array([[1.0, 3.0, 7.0, 5.0]]), 2, eps=1e-9)
        variable([[-1.  1.  1. -1.]])
    """
    x = _floating("group_norm", x, weight)
    channels = _channels("group_norm", x, 2)
    _check_scales("group_norm", x, (channels,), weight, bias)
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1 or channels % groups:
        raise ShapeError(
            message(
                f"group_norm: {channels} channels do not fall into {groups!r} groups of one size.",
                [("x", x)],
                f"choose a number that divides {channels}.",
            )
        )
    if not prod(x.shape[1:]):
        raise ShapeError(message("group_norm: a group has no entries.", [("x", x)]))
    size = channels // groups
    view: tuple[int, ...] = (x.shape[0], groups, size)
    axes: tuple[int, ...] = (2,)
    scale: tuple[int, ...] = (1, groups, size)
    if x.ndim > 2:
        view, axes, scale = (*view, prod(x.shape[2:])), (2, 3), (*scale, 1)
    return _normalized(x, weight, bias, view=view, axes=axes, scale=scale, eps=eps, centred=True)[0]


def _normalized(x: Any, weight: Any, bias: Any, **options: Any) -> Any:
    """`_normalize`: halves in single precision, and single in double where its squares overflow."""
    array = x.data if isinstance(x, Recorded) else x
    if weight is not None and weight.dtype.kind in "iub":
        weight = astype(weight, array.dtype)
    if bias is not None and bias.dtype.kind in "iub":
        bias = astype(bias, array.dtype)
    if array.dtype.char != "e":
        with np.errstate(over="ignore"):
            out = _normalize(x, weight, bias, **options)
        xp = namespace_of((array,))
        if array.dtype.char != "f" or not xp.surely(~xp.isfinite(out[1].data)):
            return out
    wide = "float32" if array.dtype.char == "e" else "float64"
    parts = [None if part is None else astype(part, wide) for part in (x, weight, bias)]
    dtype = namespace_of(()).result_type(*(part.dtype for part in (x, weight, bias) if part is not None))
    out, *statistics = _normalize(*parts, **options)
    return astype(out, dtype), *statistics


@operation
def _normalize(xp, x, weight, bias, /, *, view, axes, scale, eps, centred):
    """The normalized entries; the variance; and, where ``centred``, the mean.

    Not centred, the variance is the mean of the squares.

    Args:
        view: The shape to see ``x`` in.
        axes: Those of its axes to normalize over.
        scale: The shape to see ``weight`` and ``bias`` in, which broadcasts to ``view``.
    """
    out, share = xp.reshape(x, view), 1.0 / prod([view[axis] for axis in axes])
    if centred:
        mean = _sum(xp, out, axes) * share
        out = out - mean
    var = _sum_products(xp, out, out, axes) * share
    deviation = xp.sqrt(var + eps)
    if centred and _lies_far(mean, deviation):
        out, mean = _centred(xp, xp.reshape(x, view), axes, share)
        var = _sum_products(xp, out, out, axes) * share
        deviation = xp.sqrt(var + eps)
    inverse = 1 / deviation
    if centred:
        out *= inverse
    else:
        out = out * inverse
    # From here on in place where that keeps the dtype.
    if weight is not None:
        weight = xp.reshape(weight, scale)
        if weight.dtype == out.dtype:
            out *= weight
        else:
            out = out * weight
    if bias is not None:
        bias = xp.reshape(bias, scale)
        if bias.dtype == out.dtype:
            out += bias
        else:
            out = out + bias
    out = xp.reshape(out, x.shape)
    return (out, var, mean) if centred else (out, var)


@_normalize.derivative("x", "weight", "bias")
def _(xp, g, x, weight, out, weight_shape, bias_shape, view, axes, scale, eps, centred, wanted):
    # The gradients of weight and bias, and the means that the gradient of x takes off, are all sums of g and of
    # g * (x - mean): first over the axes they have in common, which leaves little to go on with.
    # With w the weight and s the standardized x,  in_x = (g w - mean(g w) - s mean(g w s)) / sqrt(var + eps).
    g, g_var, g_mean = g if centred else (*g, None)
    kernel = getattr(xp, "normalize_rows_slope", None)  # NumPy's, for the weighted rows of layer_norm and rms_norm
    if kernel and weight is not None and axes == (1,) and g_var is None and g_mean is None:
        rows, mean = xp.reshape(x, view), out[2] if centred else None
        if centred and _lies_far(mean, xp.sqrt(out[1] + eps)):
            rows, mean = _centred(xp, rows, axes, 1.0 / view[1])[0], xp.zeros_like(mean)
        in_x, in_weight, in_bias = kernel(xp.reshape(g, view), rows, xp.reshape(weight, (-1,)), mean, out[1], eps)
        in_bias = xp.reshape(in_bias, bias_shape) if wanted[2] else None
        return xp.reshape(in_x, x.shape), xp.reshape(in_weight, weight_shape), in_bias
    share = 1.0 / prod([view[axis] for axis in axes])
    deviation = xp.sqrt(out[1] + eps)
    inverse = 1 / deviation
    x_view = xp.reshape(x, view)
    if centred:
        far = _lies_far(out[2], deviation)
        centre = _centred(xp, x_view, axes, share)[0] if far else x_view - out[2]
    else:
        centre = x_view
    g = xp.zeros_like(centre) if g is None else xp.reshape(g, view)
    shared = tuple(axis for axis, n in enumerate(scale) if n == 1)
    common = tuple(axis for axis in axes if axis in shared)
    sums = _sum(xp, g, common) if common else g
    products = _sum_products(xp, g, centre, common) if common else g * centre
    products *= inverse
    in_weight = xp.reshape(xp.sum(products, axis=shared), weight_shape) if wanted[1] else None
    in_bias = xp.reshape(xp.sum(sums, axis=shared), bias_shape) if wanted[2] else None
    if not wanted[0]:
        return None, in_weight, in_bias
    rest = tuple(axis for axis in axes if axis not in common)
    if weight is None:
        in_x = 1.0 * g
        along = xp.sum(products, axis=rest, keepdims=True) if rest else products
        level = xp.sum(sums, axis=rest, keepdims=True) if rest else sums
    else:
        weight = xp.reshape(weight, scale)
        in_x = g * weight
        along = _sum_products(xp, products, weight, rest) if rest else products * weight
        level = _sum_products(xp, sums, weight, rest) if rest else sums * weight
    if g_var is not None:
        along = along - 2 * (out[1] + eps) * g_var
    along = along * inverse * share
    if centred:
        in_x -= level * share
        centre *= along  # it was made here, and has done its work
    else:
        centre = centre * along
    in_x -= centre
    in_x *= inverse
    if g_mean is not None:
        in_x += g_mean * share
    return xp.reshape(in_x, x.shape), in_weight, in_bias


def _lies_far(mean, deviation):
    """Whether a mean is so large beside the deviation from it that its own rounding shows in the differences."""
    mean, deviation = (part.data if isinstance(part, Recorded) else part for part in (mean, deviation))
    xp = namespace_of((mean, deviation))
    return xp.surely(xp.abs(mean) > 32 * deviation)


def _centred(xp, x, axes, share):
    """``x`` less its mean, and the mean: of the distances from the first entry, which far from zero are exact."""
    first = x[tuple([slice(1) if axis in axes else slice(None) for axis in range(x.ndim)])]
    apart = x - first
    level = xp.sum(apart, axis=axes, keepdims=True) * share
    return apart - level, first + level


def _sum(xp, x, axes):
    """The sum over some axes, which stay with length 1: on NumPy as a product with ones, which takes half the time."""
    if xp is namespace_of(()):
        if axes == (0,) and x.ndim == 2:
            return (xp.ones_like(x[:, 0]) @ x)[None]
        if x.ndim - 1 in axes:
            return _sum_products(xp, x, xp.ones_like(x[(slice(0, 1),) * (x.ndim - 1)]), axes)
    return xp.sum(x, axis=axes, keepdims=True)


def _sum_products(xp, x, y, axes):
    """The sum of x * y over some axes, which stay with length 1."""
    last = x.ndim - 1
    if last not in axes:
        return _sum(xp, x * y, axes)
    out = xp.expand_dims(xp.vecdot(x, y), -1)  # products of vectors make no array in between
    return xp.sum(out, axis=axes, keepdims=True) if len(axes) > 1 else out


@operation(broadcasts=True)
def _scale_around(xp, x, mean, scale):
    out = x - mean
    if out.dtype == scale.dtype:
        out *= scale
        return out
    return out * scale


@_scale_around.derivative("x")
def _(g, scale):
    return g * scale


@_scale_around.derivative("mean")
def _(g, scale):
    return -g * scale


@_scale_around.derivative("scale")
def _(g, x, mean):
    return g * (x - mean)


@real_valued("x", "mean", "var", "weight", "bias")
def _by_running(
    name: str, x: Any, axis: int, mean: Any, var: Any, weight: Any, bias: Any, eps: float
) -> Any:
    """``x`` normalized by given statistics, which may need a gradient."""
    if mean is None or var is None:
        raise InputError(
            f"{name}: there is no running mean and variance to normalize by.\n"
            "    Fix: pass running_mean and running_var, or normalize by the statistics of the input."
        )
    shape = (-1,) + (1,) * (x.ndim - axis - 1)
    deviation = sqrt(add(var, eps))
    scale = divide(1.0, deviation) if weight is None else divide(weight, deviation)
    out = _scale_around(x, reshape(mean, shape), reshape(scale, shape))
    return out if bias is None else add(out, reshape(bias, shape))


def _follow(name: str, running: Any, now: Any, momentum: float) -> None:
    """Move a running statistic towards that of a batch."""
    if running is None:
        return
    if not isinstance(running, Recorded):
        raise DtypeError(
            message(
                f"{name}: running statistics are replaced in training, and so must be Variables.",
                [("running", running)],
                "pass Variable(array, requires_grad=False), and find what has become of it in its data.",
            )
        )
    observer = current_config().observer
    if observer is not None:
        observer.replace(running)
    before = running.data
    running.data = namespace_of((before, now)).astype(before * (1 - momentum) + now * momentum, before.dtype)


def _over_last_axes(name: str, x: Any, normalized_shape: Any, weight: Any, bias: Any) -> dict[str, Any]:
    """The view, axes and scale of a normalization over the last axes."""
    whole = isinstance(normalized_shape, int) or not hasattr(normalized_shape, "__iter__")
    shape = (normalized_shape,) if whole else tuple(normalized_shape)
    if not shape or not prod(shape):
        raise ShapeError(f"{name}: normalized_shape is at least one axis, each with at least one entry, not {shape}.")
    if tuple(x.shape[-len(shape) :]) != shape:
        raise ShapeError(message(f"{name}: x does not end in normalized_shape, {shape}.", [("x", x)]))
    _check_scales(name, x, shape, weight, bias)
    size = prod(shape)
    return {"view": (x.size // size, size), "axes": (1,), "scale": (1, size)}


def _channels_lie_last(x: Any) -> bool:
    """Whether the entries of one place in all channels are neighbours in memory."""
    array = x.data if isinstance(x, Recorded) else x
    strides = getattr(array, "strides", None)
    return bool(strides and array.shape[1] > 1 and strides[1] == array.itemsize)


def _floating(name: str, x: Any, weight: Any) -> Any:
    """``x``; where it holds integers or booleans, in the dtype of a weight of floating point, or as float64."""
    array = x.data if isinstance(x, Recorded) else x
    if not hasattr(array, "dtype"):
        raise DtypeError(message(f"{name}: x must be an array.", [("x", x)], "make one of it with np.asarray."))
    if array.dtype.kind in "iub":
        return astype(x, float if getattr(weight, "dtype", x.dtype).kind in "iub" else weight.dtype)
    return real_numbers(name, x)


def _channels(name: str, x: Any, axes: int) -> int:
    """The number of channels, which lie along the second axis."""
    if x.ndim < axes:
        space = ", *space" if axes > 2 else ""
        raise ShapeError(
            message(f"{name}: x must be of shape (n, channels{space}).", [("x", x)], "add the axes that are missing.")
        )
    if not x.shape[1]:
        raise ShapeError(message(f"{name}: there are no channels.", [("x", x)]))
    return int(x.shape[1])


def _check_count(name: str, x: Any, count: int) -> None:
    if count < 2:
        raise ShapeError(
            message(
                f"{name}: a variance takes two entries of each channel or more, and here is {count}.",
                [("x", x)],
                "use a larger batch, or normalize by the running statistics.",
            )
        )


def _check_scales(name: str, x: Any, shape: tuple[int, ...], weight: Any, bias: Any, *running: Any) -> None:
    named = zip(("weight", "bias", "running_mean", "running_var"), (weight, bias, *running), strict=False)
    for which, value in named:
        if value is not None and tuple(value.shape) != shape:
            raise ShapeError(
                message(f"{name}: {which} must be of shape {shape}.", [("x", x), (which, value)])
            )
