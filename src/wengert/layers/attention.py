"""Attention over several heads, and layers that tell a network where things stand.

A mask is True where attending is allowed, in every function and layer here.  Next: transformer.py.
"""

from typing import Any

import numpy as np

from wengert import functions as F
from wengert import random
from wengert.backends import namespace_of
from wengert.core.recorded import Recorded
from wengert.errors import InputError, ShapeError, message
from wengert.functions.shape import as_batch, stands_alone
from wengert.layers.layer import Layer
from wengert.layers.linear import Linear, checked_dtype, checked_size
from wengert.variable import Parameter

__all__ = ["Cache", "LearnedPositions", "MultiHeadAttention", "SinusoidalPositions"]

Cache = dict[Layer, tuple[Any, Any]]  # of each attention layer the keys and values so far, (batch, heads, m, features)


class MultiHeadAttention(Layer):
    """Attention of several heads, each on its own projection of the features (Vaswani et al. 2017).

    head[i] = the attention of part i of query(x), key(y), value(y);  out = output(all heads side by side)

    Shapes: query (batch, n, size), key (batch, m, key_size), value (batch, m, value_size) -> (batch, n, size);
        with ``need_weights`` also the weights (batch, heads, n, m).  For one example alone, all without the batch.

    Args:
        size: The number of features [1, ...], a multiple of ``heads``.
        heads: The number of heads [1, ...].
        key_size: The number of features of the keys; ``size`` where None.
        value_size: The number of features of the values; that of the keys where None.
        bias: Whether the projections add a bias.
        dropout: The share of the weights that becomes zero in training [0, 1).
        rotary: Whether queries and keys turn with their position: see `wengert.functions.apply_rotary`.
        dtype: The type of the parameters.

    Raises:
        InputError: a size is no whole number from 1 on, ``heads`` does not divide ``size``, or a share is out of range.

    Example:
        >>> layer = MultiHeadAttention(8, 2)
        >>> x = np.ones((2, 5, 8), np.float32)
        >>> layer(x, causal=True).shape
        (2, 5, 8)
        >>> out, weights = layer(x, np.ones((2, 3, 8), np.float32), need_weights=True)
        >>> weights.shape
        (2, 2, 5, 3)
    """

    def __init__(
        self,
        size: int,
        heads: int,
        *,
        key_size: int | None = None,
        value_size: int | None = None,
        bias: bool = True,
        dropout: float = 0.0,
        rotary: bool = False,
        dtype: Any = np.float32,
    ) -> None:
        self.size = checked_size("MultiHeadAttention", "size", size)
        self.heads = checked_size("MultiHeadAttention", "heads", heads)
        if size % heads:
            raise InputError(f"MultiHeadAttention: {heads} heads cannot share {size} features evenly.")
        if not 0 <= dropout < 1:
            raise InputError(f"MultiHeadAttention: dropout is a share from 0 to below 1, and this is {dropout!r}.")
        self.dropout = dropout
        self.rotary = bool(rotary)
        key_size = size if key_size is None else key_size
        self.query = Linear(size, in_size=size, bias=bias, dtype=dtype)
        self.key = Linear(size, in_size=key_size, bias=bias, dtype=dtype)
        self.value = Linear(size, in_size=key_size if value_size is None else value_size, bias=bias, dtype=dtype)
        self.output = Linear(size, in_size=size, bias=bias, dtype=dtype)

    def forward(
        self,
        query: Any,
        key: Any = None,
        value: Any = None,
        mask: Any = None,
        *,
        key_mask: Any = None,
        causal: bool = False,
        need_weights: bool = False,
        cache: Cache | None = None,
    ) -> Any:
        """Attend from the queries to the keys.

        Args:
            query: What asks (batch, n, size).
            key: What is asked; the queries themselves where None.
            value: What is answered; the keys where None.
            mask: True where a query may attend to a key, or numbers to add;
                (n, m), or whatever broadcasts to (batch, heads, n, m).
            key_mask: True for the keys (batch, m) that count, and False for padding.
            causal: Whether query i may only attend to keys 0 to i.
            need_weights: Whether the weights are returned too.
            cache: Where keys and values are kept for calls that go on from this one: a dictionary, empty at first,
                for all layers of a network.  The keys of this call then come after those that are there, and
                ``causal``, masks and positions count all of them.

        Raises:
            ShapeError: the shapes do not fit one another.

        Example:
            >>> layer = MultiHeadAttention(4, 1)
            >>> layer(np.ones((1, 2, 4), np.float32), key_mask=np.array([[True, False]])).shape
            (1, 2, 4)
        """
        key = query if key is None else key
        value = key if value is None else value
        if stands_alone(query, 3):
            return as_batch(
                lambda query, key, value, key_mask: self.forward(
                    query, key, value, mask, key_mask=key_mask, causal=causal, need_weights=need_weights, cache=cache
                ),
                *(query, key, value, key_mask),
            )
        for name, x in (("query", query), ("key", key), ("value", value)):
            if len(getattr(x, "shape", ())) != 3:
                raise ShapeError(message(f"{name} has the axes (batch, length, features).", [(name, x)]))
        q, k, v = self._by_head(self.query(query)), self._by_head(self.key(key)), self._by_head(self.value(value))
        if mask is not None and len(mask.shape) == 3 and mask.shape[0] == q.shape[0] == self.heads > 1:
            raise ShapeError(
                message(
                    f"a mask of three axes may be one for each of {self.heads} heads or of {self.heads} examples.",
                    [("mask", mask), ("query", query)],
                    "say which: mask[:, None] is one for each example, and mask[None] one for each head.",
                )
            )
        past = 0 if cache is None or self not in cache else int(cache[self][0].shape[2])
        if self.rotary:
            q, k = (F.apply_rotary(part, np.arange(past, past + part.shape[2])) for part in (q, k))
        if cache is not None:
            if past:
                k, v = (F.concat(pair, axis=2) for pair in zip(cache[self], (k, v), strict=True))
            cache[self] = k, v
        if key_mask is not None:
            mask = self._narrowed(mask, self._checked_key_mask(key_mask, k.shape))
        if causal and past:
            xp = namespace_of((k.data,))
            mask = self._narrowed(mask, xp.arange(past, past + q.shape[2])[:, None] >= xp.arange(k.shape[2]))
            causal = False
        heads, weights = F.scaled_dot_product_attention(
            q, k, v, mask, causal=causal, dropout_ratio=self.dropout, need_weights=True
        )
        out = self.output(F.reshape(F.permute_dims(heads, (0, 2, 1, 3)), (*query.shape[:2], self.size)))
        return (out, weights) if need_weights else out

    def _by_head(self, x: Any) -> Any:
        count, length, size = x.shape
        return F.permute_dims(F.reshape(x, (count, length, self.heads, size // self.heads)), (0, 2, 1, 3))

    @staticmethod
    def _checked_key_mask(key_mask: Any, shape: Any) -> Any:
        """Which keys count, as a mask for every query."""
        array = key_mask.data if isinstance(key_mask, Recorded) else key_mask
        xp = namespace_of((array,))
        if tuple(array.shape) != (shape[0], shape[2]) or not xp.isdtype(array.dtype, "bool"):
            raise ShapeError(
                message(
                    "key_mask has a True or False for each key.",
                    [("key_mask", key_mask)],
                    f"booleans of shape {(shape[0], shape[2])} fit these keys.",
                )
            )
        return array[:, None, None, :]

    @staticmethod
    def _narrowed(mask: Any, allowed: Any) -> Any:
        """A mask, without what is not allowed."""
        if mask is None:
            return allowed
        if namespace_of((allowed,)).isdtype(mask.dtype, "bool"):
            return (mask.data if isinstance(mask, Recorded) else mask) & allowed
        return F.where(allowed, mask, -float("inf"))

    def details(self) -> str:
        return f"{self.size}, {self.heads} heads"


class SinusoidalPositions(Layer):
    """Adds to each vector of a sequence the sinusoids of its position: see `wengert.functions.sinusoidal_encoding`.

    Shapes: x (..., length, size) -> the same

    Example:
        >>> SinusoidalPositions()(np.zeros((1, 2, 2)))
        variable([[[0.         1.        ]
                   [0.84147098 0.54030231]]])
    """

    def __init__(self, base: float = 10000.0) -> None:
        self.base = base

    def forward(self, x: Any) -> Any:
        """See the class."""
        array = x.data if isinstance(x, Recorded) else x
        if len(array.shape) < 2:
            raise ShapeError(message("x has the axes (..., length, size).", [("x", x)]))
        table = F.sinusoidal_encoding(*array.shape[-2:], base=self.base, dtype=array.dtype)
        return F.add(x, namespace_of((array,)).asarray(table.data))


class LearnedPositions(Layer):
    """Adds to each vector of a sequence one that is learned for its position.

    Shapes: x (..., length, size), of at most the length given -> the same; weight (length, size)

    The vectors begin normally distributed with standard deviation 0.02, as in GPT-2.

    Args:
        length: The greatest length of a sequence [1, ...].
        size: The number of features [1, ...].
        dtype: The type of the parameter.

    Raises:
        InputError: a size is no whole number from 1 on.

    Example:
        >>> LearnedPositions(10, 4)(np.zeros((2, 3, 4), np.float32)).shape
        (2, 3, 4)
    """

    def __init__(self, length: int, size: int, dtype: Any = np.float32) -> None:
        shape = checked_size("LearnedPositions", "length", length), checked_size("LearnedPositions", "size", size)
        numbers = 0.02 * random.generator().standard_normal(shape)
        self.weight = Parameter(numbers.astype(checked_dtype("LearnedPositions", dtype)))

    def forward(self, x: Any, start: int = 0) -> Any:
        """See the class; ``start`` is the position of the first vector."""
        length, size = self.weight.shape
        if len(getattr(x, "shape", ())) < 2 or x.shape[-1] != size or start + x.shape[-2] > length:
            raise ShapeError(
                message(
                    f"there are vectors of {size} features for {length} positions.",
                    [("x", x)],
                    f"x has the shape (..., up to {length - start}, {size}).",
                )
            )
        return x + (self.weight if x.shape[-2] == length else self.weight[start : start + x.shape[-2]])

    def details(self) -> str:
        length, size = self.weight.shape
        return f"{length} x {size}"
