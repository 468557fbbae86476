"""Recurrent layers: cells that take one step, and networks of them over whole sequences.

A network holds its cells; each cell runs over the whole sequence as one operation (functions/recurrent.py).
Parameters have PyTorch's names, gates its order; weights are (in, out), as in Linear.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from wengert import functions as F
from wengert import random
from wengert.errors import InputError, ShapeError, describe, message
from wengert.functions.shape import as_batch, stands_alone
from wengert.layers.layer import Layer, Unsized, size
from wengert.layers.linear import checked_dtype, checked_size
from wengert.variable import Parameter

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]


class _Cell(Layer):
    """What the cells share: their parameters, and a step as a sequence of one."""

    gates: ClassVar[int]
    state_names: ClassVar[tuple[str, ...]] = ("h",)

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self, hidden_size: int, *, in_size: int | None = None, bias: bool = True, dtype: Any = np.float32
    ) -> None:
        owner = type(self).__name__
        self.hidden_size = checked_size(owner, "hidden_size", hidden_size)
        dtype = checked_dtype(owner, dtype)
        initial = partial(_uniform, self.hidden_size**-0.5)
        columns = self.gates * self.hidden_size
        self.weight_ih = Unsized((None, columns), dtype, initial).parameter()
        self.weight_hh = Parameter(initial((self.hidden_size, columns), dtype))
        self.bias_ih = Parameter(initial((columns,), dtype)) if bias else None
        self.bias_hh = Parameter(initial((columns,), dtype)) if bias else None
        if in_size is not None:
            size(self.weight_ih, self.weight_hh, checked_size(owner, "in_size", in_size))

    def sequence(self, x: Any, *states: Any, lengths: Any = None, reverse: bool = False) -> tuple[Any, ...]:
        """Every step of ``x`` (time, batch, in): the states, and the last state (for an LSTM, and cell).

        Example:
            >>> states, last = GRUCell(4).sequence(np.ones((5, 2, 3), np.float32))
            >>> states.shape, last.shape
            ((5, 2, 4), (2, 4))
        """
        if self.weight_ih.data.__class__ is Unsized:
            size(self.weight_ih, x, x.shape[-1])
        states = states or (None,) * len(self.state_names)
        return self._run(x, states, lengths=lengths, reverse=reverse)

    def _run(self, x: Any, states: Sequence[Any], **options: Any) -> tuple[Any, ...]:
        raise NotImplementedError

    def _step(self, x: Any, states: Sequence[Any]) -> tuple[Any, ...]:
        if stands_alone(x, 2):
            return as_batch(self._step, x, states)  # type: ignore[no-any-return]
        if len(getattr(x, "shape", ())) != 2:
            raise ShapeError(message("a cell takes one step, x ([batch,] in).", [("x", x)]))
        return self.sequence(F.expand_dims(x), *states)[1:]

    @property
    def _weights(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def details(self) -> str:
        in_size = self.weight_ih.shape[0]
        bias = "" if self.bias_ih is not None else ", bias=False"
        return f"{in_size} -> {self.hidden_size}{bias}"


class RNNCell(_Cell):
    """One step of a plain recurrent network: see `wengert.functions.rnn`.

    Shapes: x ([batch,] in), h ([batch,] hidden_size) or None for zeros -> the new state ([batch,] hidden_size).

    Weights and biases begin evenly distributed between -1 / sqrt(hidden_size) and 1 / sqrt(hidden_size).

    Args:
        hidden_size: The number of entries of the state [1, ...].
        in_size: The number of inputs [1, ...]; where None, the first call tells.
        bias: Whether biases are added.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        dtype: The type of the parameters.

    Raises:
        InputError: a size is no whole number from 1 on, or there is no such nonlinearity.

    Example:
        >>> cell = RNNCell(4, in_size=3)
        >>> h = cell(np.ones((2, 3), np.float32))
        >>> cell(np.ones((2, 3), np.float32), h).shape
        (2, 4)
    """

    gates = 1

    def __init__(
        self,
        hidden_size: int,
        *,
        in_size: int | None = None,
        bias: bool = True,
        nonlinearity: str = "tanh",
        dtype: Any = np.float32,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise InputError(f"{type(self).__name__}: nonlinearity is 'tanh' or 'relu', and this is {nonlinearity!r}.")
        self.nonlinearity = nonlinearity
        super().__init__(hidden_size, in_size=in_size, bias=bias, dtype=dtype)

    def forward(self, x: Any, h: Any = None) -> Any:
        """See the class."""
        return self._step(x, (h,))[0]

    def _run(self, x: Any, states: Sequence[Any], **options: Any) -> tuple[Any, ...]:
        return F.rnn(x, *states, *self._weights, nonlinearity=self.nonlinearity, **options)


class LSTMCell(_Cell):
    """One step of long short-term memory: see `wengert.functions.lstm`.

    Shapes: x ([batch,] in), state a pair (h, c) of ([batch,] hidden_size), or None for zeros -> the new pair.

    Weights and biases begin evenly distributed between -1 / sqrt(hidden_size) and 1 / sqrt(hidden_size).

    Args:
        hidden_size: The number of entries of the state [1, ...].
        in_size: The number of inputs [1, ...]; where None, the first call tells.
        bias: Whether biases are added.
        dtype: The type of the parameters.

    Raises:
        InputError: a size is no whole number from 1 on, or the state is no pair.

    Example:
        >>> cell = LSTMCell(4, in_size=3)
        >>> h, c = cell(np.ones((2, 3), np.float32))
        >>> h, c = cell(np.ones((2, 3), np.float32), (h, c))
        >>> h.shape, c.shape
        ((2, 4), (2, 4))
    """

    gates = 4
    state_names = ("h", "c")

    def forward(self, x: Any, state: Any = None) -> tuple[Any, Any]:
        """See the class."""
        h, c = self._step(x, _pair("LSTMCell", state))
        return h, c

    def _run(self, x: Any, states: Sequence[Any], **options: Any) -> tuple[Any, ...]:
        h, c = states
        return F.lstm(x, h, c, *self._weights, **options)


class GRUCell(_Cell):
    """One step of gated recurrent units: see `wengert.functions.gru`.

    Shapes: x ([batch,] in), h ([batch,] hidden_size) or None for zeros -> the new state ([batch,] hidden_size).

    Weights and biases begin evenly distributed between -1 / sqrt(hidden_size) and 1 / sqrt(hidden_size).

    Args:
        hidden_size: The number of entries of the state [1, ...].
        in_size: The number of inputs [1, ...]; where None, the first call tells.
        bias: Whether biases are added.
        dtype: The type of the parameters.

    Raises:
        InputError: a size is no whole number from 1 on.

    Example:
        >>> cell = GRUCell(4, in_size=3)
        >>> h = cell(np.ones((2, 3), np.float32))
        >>> cell(np.ones((2, 3), np.float32), h).shape
        (2, 4)
    """

    gates = 3

    def forward(self, x: Any, h: Any = None) -> Any:
        """See the class."""
        return self._step(x, (h,))[0]

    def _run(self, x: Any, states: Sequence[Any], **options: Any) -> tuple[Any, ...]:
        return F.gru(x, *states, *self._weights, **options)


class _Recurrent(Layer):
    """What the networks share: layers of cells, in one direction or both."""

    cell: ClassVar[type[_Cell]]

    def __init__(
        self,
        hidden_size: int,
        *,
        in_size: int | None = None,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: Any = np.float32,
    ) -> None:
        owner = type(self).__name__
        if not 0 <= dropout < 1:
            raise InputError(f"{owner}: dropout is a share from 0 to below 1, and this is {dropout!r}.")
        self.hidden_size = checked_size(owner, "hidden_size", hidden_size)
        self.batch_first = bool(batch_first)
        self.dropout = dropout
        directions = 2 if bidirectional else 1
        sizes = [in_size] + [directions * hidden_size] * (checked_size(owner, "num_layers", num_layers) - 1)
        self.layers = [[self._cell(before, bias, dtype) for _ in range(directions)] for before in sizes]

    def forward(self, x: Any, state: Any = None, *, lengths: Any = None) -> tuple[Any, Any]:
        """See the class."""
        if stands_alone(x, 3):
            if lengths is not None:
                raise InputError(
                    f"{type(self).__name__}: lengths are those of a batch, and here is one sequence.\n"
                    "    Fix: cut it, x[:length]."
                )
            return as_batch(self._run, x, state, axis=1)  # type: ignore[no-any-return]
        if len(getattr(x, "shape", ())) != 3:
            axes = "(batch, time, in)" if self.batch_first else "(time, batch, in)"
            fix = "one sequence alone has (time, in)."
            raise ShapeError(message(f"the sequences have the axes {axes}.", [("x", x)], fix))
        out, last = self._run(F.swapaxes(x, 0, 1) if self.batch_first else x, state, lengths)
        return F.swapaxes(out, 0, 1) if self.batch_first else out, last

    def _run(self, x: Any, state: Any, lengths: Any = None) -> tuple[Any, Any]:
        """The outputs of all steps, time first, and the last state."""
        given = self._given(state, x.shape[1])
        last: list[tuple[Any, ...]] = []
        for position, cells in enumerate(self.layers):
            if position and self.dropout:
                x = F.dropout(x, self.dropout)
            outs = []
            for direction, cell in enumerate(cells):
                out, *end = cell.sequence(x, *given[len(last)], lengths=lengths, reverse=direction == 1)
                outs.append(out)
                last.append(tuple(end))
            x = outs[0] if len(outs) == 1 else F.concat(outs, axis=-1)
        ends = tuple(F.stack(parts) for parts in zip(*last, strict=True))
        return x, ends if len(ends) > 1 else ends[0]

    def _cell(self, in_size: int | None, bias: bool, dtype: Any) -> _Cell:
        return self.cell(self.hidden_size, in_size=in_size, bias=bias, dtype=dtype)

    def _given(self, state: Any, count: int) -> list[tuple[Any, ...]]:
        """The initial states by layer and direction."""
        names = self.cell.state_names
        states = _pair(type(self).__name__, state) if len(names) > 1 else (state,)
        rows = len(self.layers) * len(self.layers[0])
        for name, value in zip(names, states, strict=True):
            if value is not None and tuple(value.shape) != (rows, count, self.hidden_size):
                raise ShapeError(
                    message(
                        f"the initial state {name} does not fit {len(self.layers)} layers of "
                        f"{len(self.layers[0])} directions and {count} sequences.",
                        [(name, value)],
                        f"it must be {(rows, count, self.hidden_size)} here.",
                    )
                )
        return [tuple(None if value is None else value[row] for value in states) for row in range(rows)]

    def details(self) -> str:
        in_size = self.layers[0][0].weight_ih.shape[0]
        parts = [f"{in_size} -> {self.hidden_size}"]
        parts += [f"num_layers={len(self.layers)}"] if len(self.layers) > 1 else []
        parts += ["bidirectional"] if len(self.layers[0]) > 1 else []
        return ", ".join(parts)


class RNN(_Recurrent):
    """A plain recurrent network over whole sequences: see `wengert.functions.rnn`.

    Shapes: x (time, batch, in), or (batch, time, in) with ``batch_first``; the state, at first and at last,
        (num_layers * directions, batch, hidden_size) -> the outputs (time, batch, directions * hidden_size), or batch
        first, and the last state.  For one sequence alone, all without the axis of the batch.

    The first state is zero where None is given.
    With ``lengths``, integers (batch,), outputs past the end of a sequence are zero, and the last state is that at the
    true end; the reverse direction begins there.

    Args:
        hidden_size: The number of entries of the state [1, ...].
        in_size: The number of inputs [1, ...]; where None, the first call tells.
        num_layers: The number of layers, each reading the one before [1, ...].
        nonlinearity: ``"tanh"`` or ``"relu"``.
        bias: Whether biases are added.
        batch_first: Whether the axes of ``x`` and the outputs are (batch, time, features).
        dropout: The share of the outputs of each layer but the last that becomes zero while training [0, 1).
        bidirectional: Whether each layer also reads from end to beginning.
        dtype: The type of the parameters.

    Raises:
        InputError: a size is no whole number from 1 on, or a setting is out of range.
        ShapeError: the input, a state or the lengths do not fit.

    Example:
        >>> network = RNN(4, in_size=3, bidirectional=True)
        >>> states, last = network(np.ones((5, 2, 3), np.float32))
        >>> states.shape, last.shape
        ((5, 2, 8), (2, 2, 4))
    """

    cell = RNNCell

    def __init__(
        self,
        hidden_size: int,
        *,
        in_size: int | None = None,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: Any = np.float32,
    ) -> None:
        self.nonlinearity = nonlinearity
        super().__init__(
            hidden_size,
            in_size=in_size,
            num_layers=num_layers,
            bias=bias,
            batch_first=batch_first,
            dropout=dropout,
            bidirectional=bidirectional,
            dtype=dtype,
        )

    def _cell(self, in_size: int | None, bias: bool, dtype: Any) -> _Cell:
        return RNNCell(self.hidden_size, in_size=in_size, bias=bias, nonlinearity=self.nonlinearity, dtype=dtype)


class LSTM(_Recurrent):
    """Long short-term memory over whole sequences: see `wengert.functions.lstm`.

    The state is a pair (h, c); all else is as in `RNN`, but that there is no ``nonlinearity``.

    Example:
        >>> network = LSTM(4, in_size=3, num_layers=2, batch_first=True)
        >>> states, (h, c) = network(np.ones((2, 5, 3), np.float32), lengths=np.array([5, 2]))
        >>> states.shape, h.shape, c.shape
        ((2, 5, 4), (2, 2, 4), (2, 2, 4))
        >>> network
        LSTM(3 -> 4, num_layers=2)  304 parameters
          layers.0.0  LSTMCell(3 -> 4)  144 parameters
          layers.1.0  LSTMCell(4 -> 4)  160 parameters
    """

    cell = LSTMCell


class GRU(_Recurrent):
    """Gated recurrent units over whole sequences: see `wengert.functions.gru`.

    All is as in `RNN`, but that there is no ``nonlinearity``.

    Example:
        >>> states, last = GRU(4)(np.ones((5, 2, 3), np.float32))
        >>> states.shape, last.shape
        ((5, 2, 4), (1, 2, 4))
    """

    cell = GRUCell


def _uniform(bound: float, shape: tuple[int, ...], dtype: Any) -> Any:
    return random.generator().uniform(-bound, bound, shape).astype(dtype, copy=False)


def _pair(owner: str, state: Any) -> Sequence[Any]:
    if state is None:
        return (None, None)
    if not isinstance(state, tuple | list) or len(state) != 2:
        raise InputError(f"{owner}: the state is a pair (h, c), and this is {describe(state)}.")
    return state
