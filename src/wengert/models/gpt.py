"""GPT: a transformer that tells what comes next."""

from functools import partial
from typing import Any

import numpy as np

from wengert import functions as F
from wengert.backends import namespace_of
from wengert.core.modes import no_grad
from wengert.errors import ShapeError, message
from wengert.layers.attention import Cache, LearnedPositions
from wengert.layers.dropout import Dropout
from wengert.layers.embedding import Embedding
from wengert.layers.layer import Layer, evaluating
from wengert.layers.linear import Linear, checked_size
from wengert.layers.normalization import LayerNorm
from wengert.layers.transformer import TransformerEncoder, TransformerEncoderLayer
from wengert.models.language import TiedScores, beginning, check_ids, draw_next
from wengert.models.model import Model

__all__ = ["GPT"]


class GPT(Model):
    """A language model of causal attention, with GPT-2's layers (Radford et al. 2019).

    Shapes: ids (batch, length) of integers, of at most ``block_size`` -> the scores of what comes next
        (batch, length, vocab_size)

    Vectors begin with standard deviation 0.02, and what each layer adds begins smaller the more layers there are.

    Args:
        vocab_size: The number of tokens [1, ...].
        block_size: The greatest length of a sequence [1, ...].
        num_layers: The number of layers [1, ...].
        heads: The number of heads in each [1, ...].
        size: The number of features [1, ...], a multiple of ``heads``.
        dropout: The share of vectors, attention weights, units and results that becomes zero in training [0, 1).
        tied: Whether scores are made with the vectors of the tokens (Press and Wolf 2017).
        bias: Whether the linear maps and the norms add a bias.
        dtype: The type of the parameters.

    Raises:
        InputError: a size or share is out of range.
        ShapeError: the sequences are longer than ``block_size``.

    Example:
        >>> model = GPT(vocab_size=10, block_size=8, num_layers=2, heads=2, size=16)
        >>> model(np.array([[1, 2, 3]])).shape
        (1, 3, 10)
        >>> model.generate(np.array([1, 2]), 20, top_k=5).shape
        (22,)
    """

    def __init__(
        self,
        vocab_size: int,
        block_size: int,
        num_layers: int,
        heads: int,
        size: int,
        *,
        dropout: float = 0.1,
        tied: bool = True,
        bias: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        self.block_size = checked_size("GPT", "block_size", block_size)
        checked_size("GPT", "num_layers", num_layers)
        self.embedding = Embedding(vocab_size, size, dtype=dtype)
        self.positions = LearnedPositions(block_size, size, dtype=dtype)
        self.dropout = Dropout(dropout)
        layers = [
            TransformerEncoderLayer(
                size,
                heads,
                dropout=dropout,
                activation=partial(F.gelu, approximate="tanh"),
                norm_first=True,
                bias=bias,
                dtype=dtype,
            )
            for _ in range(num_layers)
        ]
        self.encoder = TransformerEncoder(layers, norm=LayerNorm(size, bias=bias, dtype=dtype))
        self.scores: Layer = (
            TiedScores(self.embedding) if tied else Linear(vocab_size, in_size=size, bias=False, dtype=dtype)
        )
        _shrink(self.embedding.weight, 0.02)
        for layer in layers:
            _shrink(layer.attention.output.weight, (2 * num_layers) ** -0.5)
            _shrink(layer.contract.weight, (2 * num_layers) ** -0.5)

    def forward(self, ids: Any, cache: Cache | None = None) -> Any:
        """See the class.

        Args:
            cache: A dictionary, empty at first, in which keys and values are kept: ``ids`` go on where those of the
                calls before with this dictionary ended, and nothing is computed twice.

        Example:
            >>> model, cache = GPT(vocab_size=10, block_size=4, num_layers=1, heads=1, size=4), {}
            >>> model(np.array([[1, 2, 3]]), cache).shape, model(np.array([[4]]), cache).shape
            ((1, 3, 10), (1, 1, 10))
        """
        check_ids(ids)
        start = next((int(keys.shape[2]) for keys, _ in (cache or {}).values()), 0)
        if start + ids.shape[1] > self.block_size:
            raise ShapeError(
                message(
                    f"the sequences are longer than the {self.block_size} tokens that the model was made for.",
                    [("ids", ids)],
                    "cut them, or make the model with a greater block_size.",
                )
            )
        x = self.dropout(self.positions(self.embedding(ids), start))
        return self.scores(self.encoder(x, causal=True, cache=cache))

    def generate(
        self, ids: Any, count: int, *, temperature: float = 1.0, top_k: int | None = None, cache: bool = True
    ) -> Any:
        """``ids`` continued by ``count`` more, each drawn from the scores that the model gives it.

        The model sees the last ``block_size`` of them.

        Shapes: ids (batch, length) or (length,) -> the same, longer by ``count``

        Args:
            ids: What to begin with, one at least.
            count: How many to add [0, ...].
            temperature: What scores are divided by; towards 0 only the best is left, and 0 takes the best.
            top_k: How many of the best may be drawn; all where None.
            cache: Whether keys and values are kept from token to token, in place of computing them again.

        Raises:
            InputError: the temperature is negative, ``top_k`` or ``count`` is out of range, or there is no beginning.

        Example:
            >>> model = GPT(vocab_size=10, block_size=4, num_layers=1, heads=1, size=4)
            >>> model.generate(np.array([[1], [2]]), 2, temperature=0).shape
            (2, 3)
        """
        found = beginning(ids, count)
        kept: Cache = {}
        new = found  # what is not in the cache yet
        with no_grad(), evaluating(self):
            for _ in range(count):
                if cache and found.shape[1] <= self.block_size:
                    scores = self(new, kept)
                else:  # the block moves on with every token: all stand at other positions, and have other keys
                    scores = self(found[:, -self.block_size :])
                following = draw_next(scores[:, -1], temperature, top_k)
                new = following[:, None]
                found = namespace_of((found,)).concat([found, new], axis=1)
        return found[0] if len(ids.shape) == 1 else found

    def details(self) -> str:
        return f"block_size={self.block_size}"


def _shrink(parameter: Any, factor: float) -> None:
    parameter.data = parameter.data * factor
