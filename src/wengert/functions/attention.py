"""Attention, and where things stand in a sequence: scaled dot products, causal masks, sinusoids and rotations."""

from typing import Any

from wengert import random
from wengert.backends import namespace_of
from wengert.core.modes import current_config
from wengert.core.operation import operation
from wengert.core.real import real_valued
from wengert.core.recorded import Recorded, make_result
from wengert.errors import DtypeError, InputError, ShapeError, message
from wengert.functions.creation import astype
from wengert.functions.shape import _broadcast_shape

__all__ = ["apply_rotary", "causal_mask", "scaled_dot_product_attention", "sinusoidal_encoding"]

_INFINITY = float("inf")


@real_valued("query", "key", "value")
def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    mask: Any = None,
    *,
    causal: bool = False,
    dropout_ratio: float = 0.0,
    scale: float | None = None,
    need_weights: bool = False,
) -> Any:
    """Means of the values, weighted by how well each key answers a query (Vaswani et al. 2017).

    weights = softmax(query @ key.mT * scale);  out = weights @ value

    A query that may attend to no key has weights of zero, and so a result of zero, without any gradient.

    Shapes: query (..., n, d), key (..., m, d), value (..., m, e) -> (..., n, e), with leading axes that broadcast;
        with ``need_weights`` also the weights (..., n, m), before dropout.

    Args:
        mask: Booleans, True where a query may attend to a key, or numbers to add to the products (minus infinity:
            may not), which may need a gradient; broadcast to (..., n, m).
        causal: Query i may only attend to keys 0 to i.
        dropout_ratio: The share of the weights that becomes zero in training [0, 1).
        scale: What the products are multiplied by; 1 / sqrt(d) where None.

    Raises:
        ShapeError: the shapes do not fit one another.
        InputError: the ratio is outside its range.
        DtypeError: the mask holds integers.

    Cost: remembers its inputs and the weights.

    Example:
        >>> import numpy as np
        >>> value = np.array([[1.0], [3.0]])
        >>> scaled_dot_product_attention(np.zeros((2, 4)), np.zeros((2, 4)), value)
        variable([[2.]
                  [2.]])
        >>> scaled_dot_product_attention(np.zeros((2, 4)), np.zeros((2, 4)), value, causal=True)
        variable([[1.]
                  [2.]])
    """
    name = "scaled_dot_product_attention"
    if not 0 <= dropout_ratio < 1:
        raise InputError(f"{name}: dropout_ratio is a share from 0 to below 1, and this is {dropout_ratio!r}.")
    shape = _weights_shape(name, query, key, value, mask)
    array = query.data if isinstance(query, Recorded) else query
    xp = namespace_of((array,))
    allowed, bias = None, None
    if mask is not None:
        if xp.isdtype(mask.dtype, "bool"):
            allowed = mask.data if isinstance(mask, Recorded) else mask
        elif xp.isdtype(mask.dtype, "real floating"):
            bias = mask if mask.dtype == array.dtype else astype(mask, array.dtype)
        else:
            raise DtypeError(
                message(
                    f"{name}: a mask holds booleans or floating-point numbers.",
                    [("mask", mask)],
                    "convert a mask of zeros and ones with .astype(bool).",
                )
            )
    if causal:
        triangle = xp.arange(shape[-2])[:, None] >= xp.arange(shape[-1])
        allowed = triangle if allowed is None else allowed & triangle
    factor = None
    if dropout_ratio and current_config().train:
        factor = xp.dropout_mask(random.generator(), shape, array.dtype, dropout_ratio)
    scale = float(query.shape[-1] or 1) ** -0.5 if scale is None else scale
    out, weights = _attention(query, key, value, bias, allowed=allowed, factor=factor, scale=scale)
    return (out, weights) if need_weights else out


@operation(broadcasts=True, real=True)
def _attention(xp, query, key, value, bias, *, allowed, factor, scale):
    scores = xp.matmul(query * scale, xp.matrix_transpose(key))
    if bias is not None:
        scores = scores + bias
    kernel = getattr(xp, "masked_softmax", None)  # NumPy's, in place
    weights = kernel(scores, allowed) if kernel else _softmax(xp, scores, allowed)
    return xp.matmul(weights if factor is None else weights * factor, value), weights


def _softmax(xp, scores, allowed):
    if allowed is not None:
        scores = xp.where(allowed, scores, -_INFINITY)
    top = xp.max(scores, axis=-1, keepdims=True, initial=-_INFINITY)
    weights = xp.exp(scores - xp.where(top == -_INFINITY, 0, top))
    total = xp.sum(weights, axis=-1, keepdims=True)
    return weights / xp.where(total == 0, 1, total)


@_attention.derivative("query", "key", "value", "bias")
def _(xp, g, query, key, value, out, factor, scale, wanted):
    (g_out, g_weights), (out, weights) = g, out
    in_query, in_key, in_value, _ = wanted
    slope = d_query = d_key = d_value = None
    if g_out is not None:
        used = weights if factor is None else weights * factor
        d_value = xp.matmul(xp.matrix_transpose(used), g_out) if in_value else None
        slope = xp.matmul(g_out, xp.matrix_transpose(value))
        if factor is not None:
            slope = slope * factor
        slope -= xp.expand_dims(xp.vecdot(g_out, out), -1)  # the sum of slope * weights, from smaller arrays
    if g_weights is not None:
        more = g_weights - xp.expand_dims(xp.vecdot(g_weights, weights), -1)
        slope = more if slope is None else slope + more
    slope *= weights
    if in_query:
        d_query = xp.matmul(slope, key)
        d_query *= scale
    if in_key:
        d_key = xp.matmul(xp.matrix_transpose(slope), query)
        d_key *= scale
    if in_value and d_value is None:
        d_value = xp.zeros_like(value)
    return d_query, d_key, d_value, slope


def _weights_shape(name: str, query: Any, key: Any, value: Any, mask: Any) -> tuple[int, ...]:
    """The shape of the weights, or an error."""
    operands = [("query", query), ("key", key), ("value", value), *([("mask", mask)] if mask is not None else [])]

    def refuse(fact: str, fix: str) -> ShapeError:
        return ShapeError(message(f"{name}: {fact}", operands, fix))

    if min(len(operand.shape) for _, operand in operands[:3]) < 2:
        raise refuse("an operand has no two axes.", "query, key and value have the axes (..., length, features).")
    if query.shape[-1] != key.shape[-1]:
        raise refuse(
            f"queries have {query.shape[-1]} features, and keys {key.shape[-1]}.", "give them the same last axis."
        )
    if key.shape[-2] != value.shape[-2]:
        raise refuse(f"there are {key.shape[-2]} keys, and {value.shape[-2]} values.", "give each key one value.")
    pair = (query.shape[-2], key.shape[-2])
    try:
        leading = _broadcast_shape([tuple(operand.shape[:-2]) for _, operand in operands])
    except ShapeError:
        raise refuse("the leading axes do not broadcast.", "they must be equal or 1, counted from the last.") from None
    if mask is not None:
        tail = tuple(mask.shape[-2:])
        if any(have not in (1, want) for have, want in zip(reversed(tail), reversed(pair), strict=False)):
            raise refuse("the mask does not fit.", f"its last two axes broadcast to (queries, keys), {pair} here.")
    return (*leading, *pair)


def causal_mask(length: int, keys: int | None = None) -> Any:
    """Which keys each query may attend to where none may look ahead: True at (i, j) for j up to i.

    Shapes: -> (length, keys) of booleans; as many keys as queries where ``keys`` is None

    Example:
        >>> causal_mask(2, 3)
        variable([[ True False False]
                  [ True  True False]])
    """
    xp = namespace_of(())
    return make_result(xp.arange(length)[:, None] >= xp.arange(length if keys is None else keys))


def sinusoidal_encoding(length: int, size: int, *, base: float = 10000.0, dtype: Any = None) -> Any:
    """Vectors that tell positions apart by sines and cosines of falling frequency (Vaswani et al. 2017).

    out[p, 2 i] = sin(p / base ** (2 i / size));  out[p, 2 i + 1] = cos(p / base ** (2 i / size))

    Shapes: -> (length, size)

    Example:
        >>> sinusoidal_encoding(2, 2)
        variable([[0.         1.        ]
                  [0.84147098 0.54030231]])
    """
    xp = namespace_of(())
    angles = xp.arange(length)[:, None] * base ** (-xp.arange(0, size, 2) / max(size, 1))
    both = xp.stack([xp.sin(angles), xp.cos(angles)], axis=-1)
    return make_result(xp.astype(xp.reshape(both, (length, 2 * angles.shape[1]))[:, :size], dtype or float))


@real_valued("x")
def apply_rotary(x: Any, positions: Any = None, *, base: float = 10000.0, interleaved: bool = False) -> Any:
    """Queries or keys turned by an angle that grows with their position (Su et al. 2021).

    Pair i of the features turns by p / base ** (2 i / size) radians at position p, so that the product of a query and
    a key depends on how far apart they are, and not on where they stand.

    Shapes: x (..., length, size), size even -> the same

    Args:
        positions: Where each entry stands, (length,) or broadcast to (..., length); 0, 1, 2, ... where None.
        interleaved: Whether pair i is the features 2 i and 2 i + 1, as in the paper,
            or i and i + size / 2, as in most models.

    Raises:
        ShapeError: there is an odd number of features, or the positions do not fit.

    Example:
        >>> import numpy as np
        >>> apply_rotary(np.array([[1.0, 0.0], [1.0, 0.0]]))
        variable([[1.         0.        ]
                  [0.54030231 0.84147098]])
    """
    if len(x.shape) < 2 or x.shape[-1] % 2:
        raise ShapeError(
            message("apply_rotary: features turn in pairs.", [("x", x)], "x has the shape (..., length, an even size).")
        )
    array = x.data if isinstance(x, Recorded) else x
    xp = namespace_of((array,))
    places = xp.arange(x.shape[-2]) if positions is None else positions
    places = xp.asarray(places.data if isinstance(places, Recorded) else places)
    if len(places.shape) > len(x.shape) - 1 or any(
        have not in (1, want) for have, want in zip(reversed(places.shape), reversed(x.shape[:-1]), strict=False)
    ):
        raise ShapeError(
            message(
                "apply_rotary: the positions do not fit.",
                [("x", x), ("positions", places)],
                f"they broadcast to {tuple(x.shape[:-1])} here.",
            )
        )
    angles = places[..., None] * base ** (-xp.arange(0, x.shape[-1], 2) / max(x.shape[-1], 1))
    cos, sin = (xp.astype(turn(angles), array.dtype) for turn in (xp.cos, xp.sin))
    return _rotate(x, cos=cos, sin=sin, interleaved=interleaved)


@operation
def _rotate(xp, x, *, cos, sin, interleaved):
    return _turned(xp, x, cos, sin, interleaved)


@_rotate.derivative("x")
def _(xp, g, cos, sin, interleaved):
    return _turned(xp, g, cos, -sin, interleaved)  # back by the same angle


def _turned(xp: Any, x: Any, cos: Any, sin: Any, interleaved: bool) -> Any:
    half = x.shape[-1] // 2
    a, b = (x[..., ::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    a, b = a * cos - b * sin, b * cos + a * sin
    return xp.reshape(xp.stack([a, b], axis=-1), x.shape) if interleaved else xp.concat([a, b], axis=-1)
