"""Recurrent language models: an embedding, a recurrent network, and scores for what comes next."""

from typing import Any, ClassVar

import numpy as np

from wengert import functions as F
from wengert import random
from wengert.backends import namespace_of
from wengert.core.modes import no_grad
from wengert.core.recorded import Recorded
from wengert.errors import DtypeError, InputError, ShapeError, message
from wengert.layers.embedding import Embedding
from wengert.layers.layer import Layer, evaluating
from wengert.layers.linear import Linear
from wengert.layers.recurrent import GRU, LSTM
from wengert.models.model import Model

__all__ = ["GRULanguageModel", "LSTMLanguageModel", "draw_next"]


class _RecurrentLanguageModel(Model):
    network_class: ClassVar[Any]

    def __init__(
        self,
        vocab_size: int,
        size: int,
        hidden_size: int | None = None,
        num_layers: int = 1,
        *,
        dropout: float = 0.0,
        tied: bool = False,
        dtype: Any = np.float32,
    ) -> None:
        hidden_size = size if hidden_size is None else hidden_size
        if tied and hidden_size != size:
            raise InputError(
                f"{type(self).__name__}: tied weights need states as long as the vectors, and these are "
                f"{hidden_size} and {size}."
            )
        self.dropout = dropout
        self.embedding = Embedding(vocab_size, size, dtype=dtype)
        self.network = self.network_class(
            hidden_size, in_size=size, num_layers=num_layers, batch_first=True, dropout=dropout, dtype=dtype
        )
        self.scores: Layer = (
            TiedScores(self.embedding) if tied else Linear(vocab_size, in_size=hidden_size, dtype=dtype)
        )
        if tied:
            self.embedding.weight.data = self.embedding.weight.data * float(size**-0.5)

    def forward(self, ids: Any, state: Any = None, *, lengths: Any = None) -> tuple[Any, Any]:
        """See the class."""
        check_ids(ids)
        x = F.dropout(self.embedding(ids), self.dropout)
        x, state = self.network(x, state, lengths=lengths)
        return self.scores(F.dropout(x, self.dropout)), state

    def generate(self, ids: Any, count: int, *, temperature: float = 1.0, top_k: int | None = None) -> Any:
        """``ids`` continued by ``count`` more, each drawn from the scores that the model gives it.

        Shapes: ids (batch, length) or (length,) -> the same, longer by ``count``

        Args:
            ids: What to begin with, one at least.
            count: How many to add [0, ...].
            temperature: What scores are divided by; towards 0 only the best is left, and 0 takes the best.
            top_k: How many of the best may be drawn; all where None.

        Raises:
            InputError: the temperature is negative, ``top_k`` or ``count`` is out of range, or there is no beginning.

        Example:
            >>> LSTMLanguageModel(10, 4).generate(np.array([1, 2]), 3).shape
            (5,)
        """
        batch = beginning(ids, count)
        found = batch
        state = None
        with no_grad(), evaluating(self):
            for _ in range(count):
                scores, state = self(batch, state)
                batch = draw_next(scores[:, -1], temperature, top_k)[:, None]
                found = namespace_of((found,)).concat([found, batch], axis=1)
        return found[0] if len(ids.shape) == 1 else found


class LSTMLanguageModel(_RecurrentLanguageModel):
    """A language model on an LSTM (Mikolov et al. 2010; Zaremba et al. 2014).

    Shapes: ids (batch, length) of integers -> the scores of what comes next (batch, length, vocab_size), and the state

    The state may be given to the next call, which then goes on where this one ended.

    Args:
        vocab_size: The number of tokens [1, ...].
        size: The length of the vector of each [1, ...].
        hidden_size: The length of the state; ``size`` where None.
        num_layers: The number of layers of the network [1, ...].
        dropout: The share of the vectors and outputs that becomes zero in training [0, 1).
        tied: Whether scores are made with the vectors of the tokens (Press and Wolf 2017).
        dtype: The type of the parameters.

    Raises:
        InputError: a size is out of range, or weights are tied whose sizes differ.

    Example:
        >>> model = LSTMLanguageModel(10, 4, num_layers=2)
        >>> scores, state = model(np.array([[1, 2, 3]]))
        >>> scores.shape
        (1, 3, 10)
    """

    network_class = LSTM


class GRULanguageModel(_RecurrentLanguageModel):
    """A language model on gated recurrent units; see `LSTMLanguageModel`, whose arguments these are.

    Example:
        >>> scores, state = GRULanguageModel(10, 4, tied=True)(np.array([[1, 2, 3]]))
        >>> scores.shape
        (1, 3, 10)
    """

    network_class = GRU


class TiedScores(Layer):
    """Scores made with the table of an embedding: ``out = x @ weight.T``.

    Shapes: x (..., size) -> (..., count), for a table (count, size)

    Example:
        >>> TiedScores(Embedding(10, 4))(np.ones((2, 4), np.float32)).shape
        (2, 10)
    """

    def __init__(self, embedding: Embedding) -> None:
        self.embedding = embedding

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.linear(x, F.matrix_transpose(self.embedding.weight))


def draw_next(scores: Any, temperature: float = 1.0, top_k: int | None = None) -> Any:
    """One index for each row of scores, drawn with probabilities softmax(scores / temperature).

    Shapes: scores (batch, n) -> (batch,) of integers

    Args:
        scores: An array or a Variable.
        temperature: What the scores are divided by; 0 takes the best.
        top_k: How many of the best may be drawn [1, ...]; all where None.

    Raises:
        InputError: the temperature is negative, or ``top_k`` is below one.

    Example:
        >>> draw_next(np.array([[0.0, 5.0, 1.0]]), temperature=0)
        array([1])
    """
    if not temperature >= 0:
        raise InputError(f"draw_next: temperature is a number from 0 on, and this is {temperature!r}.")
    if top_k is not None and (isinstance(top_k, bool) or not isinstance(top_k, int | np.integer) or top_k < 1):
        raise InputError(f"draw_next: top_k is a whole number from 1 on, and this is {top_k!r}.")
    array = scores.data if isinstance(scores, Recorded) else scores
    xp = namespace_of((array,))
    rows = np.asarray(array, dtype=float)  # a few numbers, drawn on this side whichever library made them
    if temperature == 0:
        return xp.asarray(rows.argmax(axis=-1))
    rows = (rows - rows.max(axis=-1, keepdims=True)) / temperature
    if top_k is not None and top_k < rows.shape[-1]:
        order = np.argsort(-rows, axis=-1, kind="stable")
        np.put_along_axis(rows, order[:, top_k:], -np.inf, axis=-1)
    heights = np.cumsum(np.exp(rows), axis=-1)
    draws = random.generator().random((len(rows), 1)) * heights[:, -1:]
    return xp.asarray((heights <= draws).sum(axis=-1))


def check_ids(ids: Any) -> None:
    """Refuse what is no table of token numbers (batch, length).

    Example:
        >>> check_ids(np.array([[1, 2]]))
    """
    if not hasattr(ids, "dtype") or np.dtype(ids.dtype).kind not in "iu":
        raise DtypeError(message("ids are an array of integers.", [("ids", ids)]))
    if len(ids.shape) != 2:
        raise ShapeError(message("ids have the axes (batch, length).", [("ids", ids)]))


def beginning(ids: Any, count: int) -> Any:
    """What to go on from, as a table (batch, length), refused where there is nothing in it.

    Example:
        >>> beginning(np.array([1, 2]), 3).shape
        (1, 2)
    """
    ids = ids.data if isinstance(ids, Recorded) else ids
    batch = ids[None] if len(getattr(ids, "shape", ())) == 1 else ids
    check_ids(batch)
    if not batch.shape[1]:
        raise InputError(message("generate: there is nothing to go on from.", [("ids", ids)], "give one id at least."))
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 0:
        raise InputError(f"generate: count is a whole number from 0 on, and this is {count!r}.")
    return batch
