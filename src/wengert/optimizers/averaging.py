"""The average of a model's weights over the steps of its training."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from wengert.backends import namespace_of
from wengert.errors import DtypeError, GraphError, describe
from wengert.layers.layer import Buffer, Layer, Unsized
from wengert.optimizers.optimizer import checked_number

__all__ = ["ExponentialMovingAverage"]


class ExponentialMovingAverage(Layer):
    """A running average of a model's parameters, which often predicts better than any single step's.

    average = decay average + (1 - decay) p,  the parameters themselves at first

    It is a layer: called, it is the model with the averages in place of its parameters, and `save` and
    `save_checkpoint` write it like any model, with the model's buffers.

    Args:
        model: The model.  Buffers, such as running statistics, are not averaged: they are the model's own.
        decay: How much of the average is left after an update [0, 1).

    Raises:
        DtypeError: ``model`` is none.
        InputError: ``decay`` is out of range.

    Example:
        >>> import numpy as np
        >>> from wengert.layers import Linear
        >>> model = Linear(1, in_size=1, bias=False)
        >>> model.weight.data = np.array([[1.0]])
        >>> average = ExponentialMovingAverage(model, decay=0.75)
        >>> model.weight.data = np.array([[5.0]])  # a step of training
        >>> average.update()
        >>> with average.applied():
        ...     print(model.weight)
        variable([[2.]])
        >>> model.weight
        variable([[5.]])
    """

    def __init__(self, model: Layer, decay: float = 0.999) -> None:
        if not isinstance(model, Layer):
            raise DtypeError(f"ExponentialMovingAverage is of a model, and was given {describe(model)}.")
        self.decay = checked_number(self, "decay", decay, below=1)
        self.averages: dict[str, Buffer] = {}
        self.statistics: dict[str, Buffer] = {}  # the model's own buffers, so that they are saved too
        self._model = _Model(model)
        self._applied = False
        self._follow()

    def update(self) -> None:
        """Take the model's parameters into the average: call it after each step.

        Raises:
            GraphError: inside `applied`, where the parameters are the averages.
        """
        if self._applied:
            raise GraphError(
                "ExponentialMovingAverage.update: the averages are applied.\n    Fix: leave the with block."
            )
        known = list(self.averages)
        self._follow()
        for name, parameter in self._model.layer.named_parameters():
            if name in known and not isinstance(parameter.data, Unsized):
                average = self.averages[name]
                if isinstance(average.data, Unsized):
                    average.data = _copy(parameter.data)
                    continue
                data = average.data
                data *= self.decay
                data += (1 - self.decay) * parameter.data
                average.data = data

    @contextmanager
    def applied(self) -> Iterator[Layer]:
        """The model, with copies of the averages for its parameters until the block is left.

        Raises:
            GraphError: they are applied already.
        """
        if self._applied:
            raise GraphError("ExponentialMovingAverage.applied: the averages are applied already.")
        self._follow()
        parameters = dict(self._model.layer.named_parameters())
        before = {name: parameter.data for name, parameter in parameters.items()}
        self._applied = True
        try:
            for name, parameter in parameters.items():
                if not isinstance(self.averages[name].data, Unsized):
                    parameter.data = _copy(self.averages[name].data)
            yield self._model.layer
        finally:
            self._applied = False
            for name, parameter in parameters.items():
                parameter.data = before[name]

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Call the model with the averages for its parameters."""
        with self.applied() as model:
            return model(*inputs, **options)

    _may_lack = "statistics."  # what older files do not have

    def _follow(self) -> None:
        """An average for every parameter that has none yet, and the buffers that there are."""
        for name, value in self._model.layer.named_state():
            if isinstance(value, Buffer) and name not in self.statistics:
                self.statistics[name] = value
        for name, parameter in self._model.layer.named_parameters():
            if name not in self.averages:
                average = self.averages[name] = Buffer(np.zeros(()))
                average.data = parameter.data if isinstance(parameter.data, Unsized) else _copy(parameter.data)


class _Model:
    """Holds the model where a layer does not look for layers: its weights are not those of the average."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer


def _copy(data: Any) -> Any:
    return namespace_of((data,)).asarray(data, copy=True)
