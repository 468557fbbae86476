"""The book's layers.py: parameters W and b, drawn from NumPy's global generator, and recurrent layers with a state."""

import io
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any
from weakref import ref
from zipfile import BadZipFile

import numpy as np

import wengert
from wengert.core.modes import current_config
from wengert.core.recorded import Recorded
from wengert.dezero import functions as F
from wengert.dezero.utils import pair
from wengert.dezero.variable import Parameter
from wengert.errors import DataError, InputError, ShapeError, message
from wengert.files import write_atomically
from wengert.layers import layer as house
from wengert.layers.linear import checked_dtype, checked_size

__all__ = ["LSTM", "RNN", "BatchNorm", "Conv2d", "Deconv2d", "EmbedID", "Layer", "Linear", "Parameter"]


class Layer(house.Layer):
    """Wengert's Layer, which remembers the inputs and outputs of its last call, and saves its weights as the book does.

    What the tape leads to is held until the next call, so that ``layer.outputs[0]()`` is there for its gradient to be
    looked at; all else is held weakly.

    Example:
        >>> layer = Linear(3)
        >>> y = layer(np.ones((2, 4), np.float32))
        >>> layer.outputs[0]() is y
        True
    """

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        out = super().__call__(*inputs, **options)
        self.inputs = [_reference(value) for value in inputs]
        self.outputs = [_reference(value) for value in (out if isinstance(out, tuple) else (out,))]
        return out

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("inputs", "outputs")}

    def to_cpu(self) -> None:
        """Hold every parameter as NumPy's array."""
        for _, parameter in self._named_weights():
            parameter.to_cpu()

    def to_gpu(self) -> None:
        """Hold every parameter as CuPy's array: see `cuda.as_cupy`."""
        for _, parameter in self._named_weights():
            parameter.to_gpu()

    def save_weights(self, path: str | PathLike[str]) -> None:
        """Write the weights to a NumPy archive of exactly this name, each under its place, such as ``l1/W``.

        Raises:
            InputError: a layer has not been called yet, and so has no weights.
        """
        arrays = {name: parameter.data for name, parameter in self._named_weights()}
        waiting = [name for name, array in arrays.items() if array is None]
        if waiting:
            raise InputError(
                f"save_weights: {', '.join(waiting)}: these wait for their shape.\n"
                "    Fix: call the model once before it is saved."
            )
        buffer = io.BytesIO()
        plain: dict[str, Any] = {name: np.asarray(array) for name, array in arrays.items()}
        np.savez_compressed(buffer, **plain)
        write_atomically(Path(path), buffer.getvalue())

    def load_weights(self, path: str | PathLike[str]) -> None:
        """Read the weights from such an archive; layers that wait for their shape take it from there.

        Raises:
            DataError: the file is missing or damaged, or its names and shapes are not the model's, which is as it was.
        """
        try:
            with open(path, "rb") as stream, np.load(stream) as file:
                found = {name: file[name] for name in file.files}
        except (OSError, ValueError, TypeError, EOFError, BadZipFile) as error:
            raise DataError(f"load_weights: {path} cannot be read: {error}") from error
        lines, weights = [], dict(self._named_weights())
        for name, parameter in weights.items():
            if name not in found:
                lines.append(f"{name} is missing")
            elif parameter.data is not None and parameter.data.shape != found[name].shape:
                lines.append(f"{name}: its shape is {found[name].shape}, and should be {parameter.data.shape}")
        lines += [f"{name} is not wanted" for name in found if name not in weights]
        if lines:
            raise DataError("\n    ".join([f"load_weights: {path} does not fit this {type(self).__name__}:", *lines]))
        for name, parameter in weights.items():
            parameter.data = found[name]

    def _named_weights(self) -> Iterator[tuple[str, Any]]:
        """Every parameter by its place in the book's words; those reached only through a list, by the number in it."""
        by_attribute = dict(_named(self, "", set()))
        seen = {id(parameter) for parameter in by_attribute.values()}
        yield from by_attribute.items()
        for path, parameter in self.named_state():
            if id(parameter) not in seen:
                yield path.replace(".", "/"), parameter


def _named(layer: Any, prefix: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    for name, value in vars(layer).items():
        if id(value) in seen or not isinstance(value, wengert.Parameter | house.Layer):
            continue
        seen.add(id(value))
        if isinstance(value, house.Layer):
            yield from _named(value, f"{prefix}{name}/", seen)
        else:
            yield prefix + name, value


def _reference(value: Any) -> Any:
    """What gives the value when called: weakly, but where the tape leads to it, as the book's tape holds its values."""
    if isinstance(value, np.ndarray) or (isinstance(value, Recorded) and value.node is None):
        return ref(value)
    return lambda: value


def _normal(shape: tuple[int, ...], inputs: int, dtype: Any) -> Any:
    """Normally distributed with variance 1 / inputs, of the numbers the book draws: NumPy's global generator's."""
    return np.random.randn(*shape).astype(dtype) * float(np.sqrt(1 / inputs))


class _Weighted(Layer):
    """What `Linear` and the convolutions share: W, drawn when the size of the input is known, and b."""

    W: Parameter
    b: Parameter | None

    def _make(self, out: int, nobias: bool, dtype: Any) -> None:
        name = type(self).__name__
        self.dtype = checked_dtype(name, dtype)
        self.W = Parameter(None, name="W")
        self.b = None if nobias else Parameter(np.zeros(checked_size(name, "out", out), self.dtype), name="b")


class Linear(_Weighted):
    """x @ W + b: see `wengert.layers.Linear`.

    Example:
        >>> Linear(3, in_size=2).W.shape
        (2, 3)
    """

    def __init__(
        self, out_size: int, nobias: bool = False, dtype: Any = np.float32, in_size: int | None = None
    ) -> None:
        self.in_size, self.out_size = in_size, out_size
        self._make(out_size, nobias, dtype)
        if in_size is not None:
            self._init_W()

    def _init_W(self) -> None:  # noqa: N802 (the book's name)
        size = checked_size("Linear", "in_size", self.in_size)
        self.W.data = _normal((size, self.out_size), size, self.dtype)

    def forward(self, x: Any) -> Any:
        """See the class."""
        if self.W.data is None:
            self.in_size = x.shape[-1]
            self._init_W()
        return F.linear(x, self.W, self.b)


class Conv2d(_Weighted):
    """Filters that slide over images: see `wengert.layers.Conv2d`.

    Example:
        >>> Conv2d(8, 3, pad=1)(np.ones((2, 3, 5, 5), np.float32)).shape
        (2, 8, 5, 5)
    """

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        pad: Any = 0,
        nobias: bool = False,
        dtype: Any = np.float32,
        in_channels: int | None = None,
    ) -> None:
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride, self.pad = kernel_size, stride, pad
        self._make(out_channels, nobias, dtype)
        if in_channels is not None:
            self._init_W()

    def _init_W(self) -> None:  # noqa: N802 (the book's name)
        channels, kernel = checked_size(type(self).__name__, "in_channels", self.in_channels), pair(self.kernel_size)
        self.W.data = _normal((*self._channels(channels), *kernel), channels * kernel[0] * kernel[1], self.dtype)

    def _channels(self, channels: int) -> tuple[int, int]:
        return self.out_channels, channels

    def forward(self, x: Any) -> Any:
        """See the class."""
        if self.W.data is None:
            self.in_channels = x.shape[1]
            self._init_W()
        return self._slide(x)

    def _slide(self, x: Any) -> Any:
        return F.conv2d(x, self.W, self.b, self.stride, self.pad)


class Deconv2d(Conv2d):
    """The transposed convolution: see `wengert.layers.ConvTranspose2d`.

    Example:
        >>> Deconv2d(8, 4, stride=2, pad=1)(np.ones((2, 3, 5, 5), np.float32)).shape
        (2, 8, 10, 10)
    """

    def _channels(self, channels: int) -> tuple[int, int]:
        return channels, self.out_channels

    def _slide(self, x: Any) -> Any:
        return F.deconv2d(x, self.W, self.b, self.stride, self.pad)


class RNN(Layer):
    """A plain recurrent layer, called step by step: h = tanh(x2h(x) + h2h(h)).

    Raises:
        ShapeError: the batch has another size than the state.

    Example:
        >>> rnn = RNN(5)
        >>> rnn(np.ones((1, 3), np.float32)).shape, rnn.h.shape
        ((1, 5), (1, 5))
    """

    def __init__(self, hidden_size: int, in_size: int | None = None) -> None:
        self.x2h = Linear(hidden_size, in_size=in_size)
        self.h2h = Linear(hidden_size, in_size=None if in_size is None else hidden_size, nobias=True)
        self.reset_state()

    def reset_state(self) -> None:
        """Forget the state, before another sequence."""
        self.h: Any = None

    def forward(self, x: Any) -> Any:
        """See the class."""
        _check_batch(self, x)
        self.h = F.tanh(self.x2h(x) if self.h is None else self.x2h(x) + self.h2h(self.h))
        return self.h


class LSTM(Layer):
    """Long short-term memory, called step by step, with the state h and the cell c.

    Raises:
        ShapeError: the batch has another size than the state.

    Example:
        >>> lstm = LSTM(5)
        >>> lstm(np.ones((1, 3), np.float32)).shape, lstm.c.shape
        ((1, 5), (1, 5))
    """

    def __init__(self, hidden_size: int, in_size: int | None = None) -> None:
        for gate in "fiou":
            setattr(self, f"x2{gate}", Linear(hidden_size, in_size=in_size))
        for gate in "fiou":
            setattr(self, f"h2{gate}", Linear(hidden_size, in_size=hidden_size, nobias=True))
        self.reset_state()

    def reset_state(self) -> None:
        """Forget the state, before another sequence."""
        self.h: Any = None
        self.c: Any = None

    def forward(self, x: Any) -> Any:
        """See the class."""
        _check_batch(self, x)

        def gate(name: str) -> Any:
            out = getattr(self, f"x2{name}")(x)
            return out if self.h is None else out + getattr(self, f"h2{name}")(self.h)

        forget, into, out = F.sigmoid(gate("f")), F.sigmoid(gate("i")), F.sigmoid(gate("o"))
        new = into * F.tanh(gate("u"))
        self.c = new if self.c is None else forget * self.c + new
        self.h = out * F.tanh(self.c)
        return self.h


def _check_batch(layer: Any, x: Any) -> None:
    if layer.h is not None and len(layer.h) != len(x):
        name = type(layer).__name__
        fact = f"{name}: the state is that of another batch."
        raise ShapeError(message(fact, [("x", x), ("h", layer.h)], "call reset_state() before another sequence."))


class EmbedID(Layer):
    """The rows of W that integers name: see `wengert.layers.Embedding`.

    Example:
        >>> EmbedID(10, 4)(np.array([1, 2])).shape
        (2, 4)
    """

    def __init__(self, in_size: int, out_size: int) -> None:
        self.W = Parameter(np.random.randn(in_size, out_size), name="W")

    def forward(self, x: Any) -> Any:
        """See the class."""
        return F.embed_id(x, self.W)


class BatchNorm(Layer):
    """Each channel brought to mean 0 and variance 1, then scaled by gamma and moved by beta.

    ``avg_mean`` and ``avg_var`` are parameters that are saved, and have no gradient.

    Example:
        >>> norm = BatchNorm()
        >>> norm(np.array([[1.0], [3.0]])).data.round(3)
        array([[-1.],
               [ 1.]])
    """

    def __init__(self) -> None:
        for name in ("avg_mean", "avg_var", "gamma", "beta"):
            setattr(self, name, Parameter(None, name=name))

    def forward(self, x: Any) -> Any:
        """See the class."""
        begins = {"avg_mean": np.zeros, "avg_var": np.ones, "gamma": np.ones, "beta": np.zeros}
        for name, begin in begins.items():
            parameter = getattr(self, name)
            if parameter.data is None:
                parameter.data = begin(x.shape[1], dtype=x.dtype)
        observer = current_config().observer
        if observer is not None:
            for name in ("avg_mean", "avg_var"):
                observer.replace(getattr(self, name))
        average = [getattr(self, name).data for name in ("avg_mean", "avg_var")]
        return F.batch_nrom(x, *[getattr(self, name) for name in ("gamma", "beta")], *average)
