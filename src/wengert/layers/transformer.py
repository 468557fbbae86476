"""Transformers: attention and a feed-forward network, each around a residual connection, in layers.

Sequences are batch first: (batch, length, size).  Masks are True where attending is allowed.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from wengert import functions as F
from wengert.layers.attention import Cache, MultiHeadAttention
from wengert.layers.dropout import Dropout
from wengert.layers.layer import Layer
from wengert.layers.linear import Linear, checked_size
from wengert.layers.normalization import LayerNorm
from wengert.layers.sequential import check_callable

__all__ = ["TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder", "TransformerEncoderLayer"]

Activation = Callable[[Any], Any]


class _TransformerLayer(Layer):
    """What the two kinds of layer share: a residual connection around each part, and the feed-forward network."""

    norm_first: bool
    dropout: Dropout

    def _feed_forward_parts(
        self, size: int, hidden: int | None, activation: Activation, bias: bool, dtype: Any
    ) -> None:
        check_callable(activation, "the activation")
        self.activation = activation
        hidden = 4 * size if hidden is None else checked_size(type(self).__name__, "hidden", hidden)
        self.expand = Linear(hidden, in_size=size, bias=bias, dtype=dtype)
        self.contract = Linear(size, in_size=hidden, bias=bias, dtype=dtype)

    def _feed_forward(self, x: Any) -> Any:
        return self.contract(self.dropout(self.activation(self.expand(x))))

    def _around(self, part: Callable[[Any], Any], norm: Layer, x: Any) -> Any:
        """A part and its residual connection; the norm stands before the part, or after the sum."""
        if self.norm_first:
            return x + self.dropout(part(norm(x)))
        return norm(x + self.dropout(part(x)))


class TransformerEncoderLayer(_TransformerLayer):
    """Self-attention, then a feed-forward network, each with a residual connection and a norm (Vaswani et al. 2017).

    x = norm(x + attention(x)), and the same with the network; with ``norm_first``, x = x + attention(norm(x))

    Shapes: x ([batch,] length, size) -> the same

    Args:
        size: The number of features [1, ...], a multiple of ``heads``.
        heads: The number of heads [1, ...].
        hidden: The number of units between the two maps of the feed-forward network; 4 * size where None.
        dropout: The share of attention weights, units and results of the parts that becomes zero in training [0, 1).
        activation: What stands between the two maps.
        norm_first: Whether the norms stand before the parts, which trains more steadily (Xiong et al. 2020).
        bias: Whether the linear maps and the norms add a bias.
        rotary: Whether queries and keys turn with their position.
        eps: What keeps the norms from dividing by zero.
        dtype: The type of the parameters.

    Raises:
        InputError: a size or share is out of range.

    Example:
        >>> layer = TransformerEncoderLayer(8, 2)
        >>> layer(np.ones((2, 5, 8), np.float32), causal=True).shape
        (2, 5, 8)
    """

    def __init__(
        self,
        size: int,
        heads: int,
        hidden: int | None = None,
        *,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        norm_first: bool = False,
        bias: bool = True,
        rotary: bool = False,
        eps: float = 1e-5,
        dtype: Any = np.float32,
    ) -> None:
        self.norm_first = norm_first
        self.dropout = Dropout(dropout)
        self.attention = MultiHeadAttention(size, heads, bias=bias, dropout=dropout, rotary=rotary, dtype=dtype)
        self.attention_norm = LayerNorm(size, eps, bias=bias, dtype=dtype)
        self._feed_forward_parts(size, hidden, activation, bias, dtype)
        self.feed_forward_norm = LayerNorm(size, eps, bias=bias, dtype=dtype)

    def forward(
        self, x: Any, mask: Any = None, *, key_mask: Any = None, causal: bool = False, cache: Cache | None = None
    ) -> Any:
        """See the class; the masks and the cache are those of `MultiHeadAttention.forward`."""
        x = self._around(
            lambda x: self.attention(x, mask=mask, key_mask=key_mask, causal=causal, cache=cache),
            self.attention_norm,
            x,
        )
        return self._around(self._feed_forward, self.feed_forward_norm, x)


class TransformerDecoderLayer(_TransformerLayer):
    """Self-attention, attention to what an encoder gave, and a feed-forward network (Vaswani et al. 2017).

    Each part has a residual connection and a norm, as in `TransformerEncoderLayer`, whose arguments these are.

    Shapes: x ([batch,] n, size), memory ([batch,] m, size) -> ([batch,] n, size)

    Raises:
        InputError: a size or share is out of range.

    Example:
        >>> layer = TransformerDecoderLayer(8, 2)
        >>> layer(np.ones((2, 5, 8), np.float32), np.ones((2, 3, 8), np.float32)).shape
        (2, 5, 8)
    """

    def __init__(
        self,
        size: int,
        heads: int,
        hidden: int | None = None,
        *,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        norm_first: bool = False,
        bias: bool = True,
        rotary: bool = False,
        eps: float = 1e-5,
        dtype: Any = np.float32,
    ) -> None:
        self.norm_first = norm_first
        self.dropout = Dropout(dropout)
        self.attention = MultiHeadAttention(size, heads, bias=bias, dropout=dropout, rotary=rotary, dtype=dtype)
        self.attention_norm = LayerNorm(size, eps, bias=bias, dtype=dtype)
        self.cross_attention = MultiHeadAttention(size, heads, bias=bias, dropout=dropout, dtype=dtype)
        self.cross_attention_norm = LayerNorm(size, eps, bias=bias, dtype=dtype)
        self._feed_forward_parts(size, hidden, activation, bias, dtype)
        self.feed_forward_norm = LayerNorm(size, eps, bias=bias, dtype=dtype)

    def forward(
        self,
        x: Any,
        memory: Any,
        mask: Any = None,
        memory_mask: Any = None,
        *,
        key_mask: Any = None,
        memory_key_mask: Any = None,
        causal: bool = True,
    ) -> Any:
        """See the class.

        Args:
            x: What has been written so far.
            memory: What the encoder gave.
            mask: Which entries of ``x`` each may attend to: see `MultiHeadAttention.forward`.
            memory_mask: Which entries of ``memory`` each may attend to.
            key_mask: Which entries of ``x`` count (batch, n).
            memory_key_mask: Which entries of ``memory`` count (batch, m).
            causal: Whether each may only attend to itself and those before, as must be where the next is to be told.

        Example:
            >>> x = np.ones((1, 2, 4), np.float32)
            >>> TransformerDecoderLayer(4, 1)(x, x, memory_key_mask=np.array([[True, False]])).shape
            (1, 2, 4)
        """
        x = self._around(
            lambda x: self.attention(x, mask=mask, key_mask=key_mask, causal=causal), self.attention_norm, x
        )
        x = self._around(
            lambda x: self.cross_attention(x, memory, mask=memory_mask, key_mask=memory_key_mask),
            self.cross_attention_norm,
            x,
        )
        return self._around(self._feed_forward, self.feed_forward_norm, x)


class TransformerEncoder(Layer):
    """Encoder layers one after the other, and a norm after the last, which is due where they have ``norm_first``.

    Args:
        layers: The layers.
        norm: What stands after the last; nothing where None.

    Raises:
        DeclarationError: one of them cannot be called.

    Example:
        >>> layers = [TransformerEncoderLayer(8, 2, norm_first=True) for _ in range(2)]
        >>> encoder = TransformerEncoder(layers, norm=LayerNorm(8))
        >>> encoder(np.ones((2, 5, 8), np.float32)).shape
        (2, 5, 8)
    """

    def __init__(self, layers: Iterable[Layer], *, norm: Layer | None = None) -> None:
        self.layers = _checked_layers(layers)
        self.norm = norm

    def forward(
        self, x: Any, mask: Any = None, *, key_mask: Any = None, causal: bool = False, cache: Cache | None = None
    ) -> Any:
        """See the class; the masks and the cache are those of `MultiHeadAttention.forward`."""
        options = {} if cache is None else {"cache": cache}  # layers of one's own need not know of it
        for layer in self.layers:
            x = layer(x, mask, key_mask=key_mask, causal=causal, **options)
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(Layer):
    """Decoder layers one after the other, and a norm after the last, which is due where they have ``norm_first``.

    Args:
        layers: The layers.
        norm: What stands after the last; nothing where None.

    Raises:
        DeclarationError: one of them cannot be called.

    Example:
        >>> decoder = TransformerDecoder([TransformerDecoderLayer(8, 2) for _ in range(2)])
        >>> decoder(np.ones((2, 5, 8), np.float32), np.ones((2, 3, 8), np.float32)).shape
        (2, 5, 8)
    """

    def __init__(self, layers: Iterable[Layer], *, norm: Layer | None = None) -> None:
        self.layers = _checked_layers(layers)
        self.norm = norm

    def forward(
        self,
        x: Any,
        memory: Any,
        mask: Any = None,
        memory_mask: Any = None,
        *,
        key_mask: Any = None,
        memory_key_mask: Any = None,
        causal: bool = True,
    ) -> Any:
        """See the class; the masks are those of `TransformerDecoderLayer.forward`."""
        for layer in self.layers:
            x = layer(x, memory, mask, memory_mask, key_mask=key_mask, memory_key_mask=memory_key_mask, causal=causal)
        return x if self.norm is None else self.norm(x)


def _checked_layers(layers: Iterable[Layer]) -> list[Layer]:
    checked = list(layers)
    for position, layer in enumerate(checked):
        check_callable(layer, f"layer {position}")
    return checked
