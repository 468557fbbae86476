"""Callbacks: what is told of the training as it goes.

Derive from `Callback` and write the hooks that matter.  Those with a smaller ``order`` are told first, and those of
one order as they were given: evaluation comes before everything else, checkpoints after it.
"""

import csv
import io
import os
import re
import sys
import time
from collections.abc import Callable
from math import sqrt
from operator import length_hint
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from tqdm import tqdm

from wengert.backends import namespace_of
from wengert.errors import DataError, InputError, describe
from wengert.files import write_atomically
from wengert.layers.layer import Buffer, Layer, Unsized
from wengert.serialization import save
from wengert.training.tensorboard import EventWriter

if TYPE_CHECKING:
    from wengert.training.trainer import Trainer

__all__ = [
    "CSVLog",
    "Callback",
    "Checkpoint",
    "Curves",
    "EarlyStopping",
    "Evaluation",
    "GradientNorms",
    "Progress",
    "Schedule",
    "Snapshot",
    "TensorBoard",
    "latest",
]


class Callback:
    """The base of every callback: each hook is told the Trainer, whose attributes say how far it has come.

    Example:
        >>> class Shout(Callback):
        ...     def epoch_end(self, trainer):
        ...         print(f"epoch {trainer.epoch}: {trainer.history[-1]['loss']:.3f}!")
    """

    order: ClassVar[int] = 0

    def start(self, trainer: "Trainer") -> None:
        """``fit`` begins or, after ``load_state``, goes on."""

    def epoch_start(self, trainer: "Trainer") -> None:
        """An epoch begins."""

    def batch_end(self, trainer: "Trainer") -> None:
        """A batch is over: ``trainer.step`` counts it, and ``trainer.last_loss`` is its loss."""

    def epoch_end(self, trainer: "Trainer") -> None:
        """An epoch is over: ``trainer.epoch`` counts it, and ``trainer.history[-1]`` is its row."""

    def end(self, trainer: "Trainer") -> None:
        """All epochs are over."""

    def exception(self, trainer: "Trainer", error: BaseException) -> None:
        """``fit`` ends otherwise: by an error, or by `Interrupted`, between batches."""

    def state(self) -> Any:
        """What to save of this in a checkpoint, as JSON can hold it; None for nothing."""
        return None

    def kept(self) -> Layer | None:
        """Arrays to save of this in a checkpoint, as a Snapshot of the model."""
        return None

    def load_state(self, state: Any, kept: Layer | None = None) -> None:
        """Go on from what `state` and `kept` gave."""

    def differences(self, state: Any) -> list[str]:
        """One line for everything in which what `state` gave does not fit; nothing is changed.

        A Trainer asks for it before it loads anything: what this does not find, `load_state` is expected to take.
        """
        return []


class Snapshot(Layer):
    """The weights of a model as they are now, to be put back later.

    Example:
        >>> from wengert.layers import Linear
        >>> model = Linear(1, in_size=1, bias=False)
        >>> before = Snapshot(model)
        >>> model.weight.data = model.weight.data + 1
        >>> before.put_back(model)
        >>> bool(np.all(model.weight.data == before.weights["weight"].data))
        True
    """

    def __init__(self, model: Layer) -> None:
        self.weights: dict[str, Buffer] = {}
        for name, parameter in model.named_state():
            self.weights[name] = Buffer(np.zeros((), parameter.dtype))
            self.weights[name].data = _copy(parameter.data)

    def put_back(self, model: Layer) -> None:
        """Give the model the weights again."""
        for name, parameter in model.named_state():
            parameter.data = _copy(self.weights[name].data)


class Progress(Callback):
    """A bar in the terminal over all batches of the run, with the row of the last epoch.

    Args:
        names: What to show of the row; the losses and metrics where None.
    """

    order = 1

    def __init__(self, names: list[str] | None = None) -> None:
        self.names = names
        self.bar: Any = None

    def start(self, trainer: "Trainer") -> None:
        """See the class."""
        loader: Any = trainer.train_loader
        total = trainer.epochs * length_hint(loader, 0) or None  # None where nobody knows
        self.bar = tqdm(
            total=total,
            initial=trainer.step,
            unit="step",
            file=sys.stdout,
            dynamic_ncols=True,
            mininterval=0.1 if sys.stdout.isatty() else 1.0,
        )
        self._show(trainer)

    def batch_end(self, trainer: "Trainer") -> None:
        """See the class."""
        self.bar.update()

    def epoch_end(self, trainer: "Trainer") -> None:
        """See the class."""
        self._show(trainer)

    def end(self, trainer: "Trainer") -> None:
        """See the class."""
        self.bar.close()
        if trainer.stopped:
            print(trainer.stopped)

    def exception(self, trainer: "Trainer", error: BaseException) -> None:
        """See the class."""
        if self.bar is not None:
            self.bar.close()

    def _show(self, trainer: "Trainer") -> None:
        self.bar.set_description(f"epoch {trainer.epoch}/{trainer.epochs}", refresh=False)
        if trainer.history:
            row = _numbers(trainer.history[-1])
            names = self.names or [name for name in row if name not in ("epoch", "step", "lr")]
            self.bar.set_postfix({name: f"{row[name]:.4g}" for name in names if name in row}, refresh=False)


class Evaluation(Callback):
    """Puts the loss and metrics over a loader into the history, as ``valid_loss`` and so on.

    Args:
        loader: The batches.
        prefix: What the names begin with.
        every: After how many epochs; after the last one always.
    """

    order = -1

    def __init__(self, loader: Any, prefix: str = "valid", *, every: int = 1) -> None:
        self.loader = loader
        self.prefix = prefix
        self.every = every

    def epoch_end(self, trainer: "Trainer") -> None:
        """See the class."""
        if trainer.epoch % self.every == 0 or trainer.finished:
            found = trainer.evaluate(self.loader)
            trainer.history[-1].update({f"{self.prefix}_{name}": value for name, value in found.items()})


class Schedule(Callback):
    """Moves a scheduler on by ``scheduler.step()``, or by ``scheduler.step(metric)`` where one is monitored.

    Args:
        scheduler: It knows its optimizer, and has ``step``; ``state`` and ``load_state`` too, to be resumed exactly.
        per: "epoch" or "step": after which it is moved on.
        monitor: A name in the history; after each epoch.

    Raises:
        InputError: ``scheduler`` has no ``step``, or ``per`` is another word.
    """

    def __init__(self, scheduler: Any, per: str = "epoch", *, monitor: str | None = None) -> None:
        if not callable(getattr(scheduler, "step", None)):
            raise InputError(f"Schedule: a scheduler has step(), and this is {scheduler!r}.")
        if per not in ("epoch", "step") or (monitor is not None and per != "epoch"):
            raise InputError(f"Schedule: per is 'epoch' or, where nothing is monitored, 'step', and this is {per!r}.")
        self.scheduler = scheduler
        self.per = per
        self.monitor = monitor

    def batch_end(self, trainer: "Trainer") -> None:
        """See the class."""
        if self.per == "step":
            self.scheduler.step()

    def epoch_end(self, trainer: "Trainer") -> None:
        """See the class."""
        if self.per == "epoch" and self.monitor is None:
            self.scheduler.step()
        elif self.monitor is not None:
            value = _monitored("Schedule", trainer, self.monitor)
            if value is not None:
                self.scheduler.step(value)

    def state(self) -> Any:
        """See `Callback`."""
        return self.scheduler.state() if hasattr(self.scheduler, "state") else None

    def load_state(self, state: Any, kept: Layer | None = None) -> None:
        """See `Callback`."""
        self.scheduler.load_state(state)

    def differences(self, state: Any) -> list[str]:
        """See `Callback`."""
        if not hasattr(self.scheduler, "load_state"):
            return [f"{type(self.scheduler).__name__} has no load_state, and was saved with a state"]
        return self.scheduler.differences(state) if hasattr(self.scheduler, "differences") else []


class _Best:
    """The best value of something so far."""

    def __init__(self, owner: str, mode: str, min_delta: float = 0.0) -> None:
        if mode not in ("min", "max"):
            raise InputError(f"{owner}: mode is 'min' or 'max', and this is {mode!r}.")
        self.sign = 1.0 if mode == "min" else -1.0
        self.min_delta = min_delta
        self.value: float | None = None

    def improves(self, value: float) -> bool:
        """Whether this is better, and then the best; a nan never is."""
        better = value == value and (self.value is None or self.sign * value < self.sign * self.value - self.min_delta)
        if better:
            self.value = value
        return better


class EarlyStopping(Callback):
    """Ends the training when a metric has not become better for some epochs, and puts the best weights back.

    Args:
        monitor: A name in the history.
        patience: How many epochs without a better value end it [1, ...].
        min_delta: By how much it must be better to count [0, ...).
        mode: "min" or "max": which is better.
        restore_best: Whether to put back the weights of the best epoch at the end, also where all epochs were run.

    Raises:
        InputError: a setting is out of range, or the history has no such name.

    Example:
        >>> stopping = EarlyStopping("valid_accuracy", patience=5, mode="max")
    """

    def __init__(
        self,
        monitor: str = "valid_loss",
        patience: int = 10,
        *,
        min_delta: float = 0.0,
        mode: str = "min",
        restore_best: bool = True,
    ) -> None:
        if isinstance(patience, bool) or not isinstance(patience, int | np.integer) or patience < 1:
            raise InputError(f"EarlyStopping: patience is a whole number from 1 on, and this is {patience!r}.")
        if not min_delta >= 0:
            raise InputError(f"EarlyStopping: min_delta is a number from 0 on, and this is {min_delta!r}.")
        self.monitor = monitor
        self.patience = patience
        self.restore_best = restore_best
        self.best = _Best("EarlyStopping", mode, min_delta)
        self.best_epoch = 0
        self.waited = 0
        self._weights: Snapshot | None = None

    def epoch_end(self, trainer: "Trainer") -> None:
        """See the class."""
        value = _monitored("EarlyStopping", trainer, self.monitor)
        if value is None:
            return
        if self.best.improves(value):
            self.best_epoch, self.waited = trainer.epoch, 0
            if self.restore_best:
                self._weights = Snapshot(trainer.model)
            return
        self.waited += 1
        if self.waited >= self.patience:
            best = f"best {self.best.value:.6g} in epoch {self.best_epoch}" if self.best_epoch else "it was always nan"
            trainer.stop(f"stopped early after epoch {trainer.epoch}: {self.monitor}: {best}")

    def end(self, trainer: "Trainer") -> None:
        """See the class."""
        if self._weights is not None:
            self._weights.put_back(trainer.model)

    def state(self) -> Any:
        """See `Callback`."""
        return {"best": self.best.value, "best_epoch": self.best_epoch, "waited": self.waited}

    def kept(self) -> Layer | None:
        """See `Callback`."""
        return self._weights

    def load_state(self, state: Any, kept: Layer | None = None) -> None:
        """See `Callback`."""
        self.best.value, self.best_epoch, self.waited = state["best"], state["best_epoch"], state["waited"]
        self._weights = kept if self.restore_best and isinstance(kept, Snapshot) else None

    def differences(self, state: Any) -> list[str]:
        """See `Callback`."""
        return _list_damage(state, {"best": _is_best, "best_epoch": _is_count, "waited": _is_count})


class Checkpoint(Callback):
    """Writes checkpoints ``step-000120.safetensors`` into a folder, and weights ``best.safetensors``.

    A checkpoint is for ``Trainer.fit(resume=...)``; the best weights are for ``wengert.load``.
    Each file is at every moment whole. When the training is interrupted or over, a last one is written.

    Args:
        folder: Where; made where it is missing.
        every_epochs: After how many epochs [1, ...]; None for never.
        every_steps: After how many batches [1, ...]; None for never.
        every_seconds: After how many seconds, at the end of a batch; None for never.
        keep: How many checkpoints to keep, the latest [1, ...]; None for all.
        monitor: A name in the history: the weights where it is best are kept beside; None for none.
        mode: "min" or "max": which is better.

    Raises:
        InputError: a setting is out of range; or, at the start, the folder holds checkpoints that are not from before
            this point of the run.
    """

    order = 2

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        every_epochs: int | None = 1,
        every_steps: int | None = None,
        every_seconds: float | None = None,
        keep: int | None = 2,
        monitor: str | None = None,
        mode: str = "min",
    ) -> None:
        counts = {"every_epochs": every_epochs, "every_steps": every_steps, "keep": keep}
        for name, value in counts.items():
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1):
                raise InputError(f"Checkpoint: {name} is a whole number from 1 on or None, and this is {value!r}.")
        self.folder = Path(folder)
        self.every_epochs = every_epochs
        self.every_steps = every_steps
        self.every_seconds = every_seconds
        self.keep = keep
        self.monitor = monitor
        self.best = _Best("Checkpoint", mode)
        self._saved_at = 0.0

    def start(self, trainer: "Trainer") -> None:
        """See the class."""
        self.folder.mkdir(parents=True, exist_ok=True)
        later = [path.name for step, path in _checkpoints(self.folder) if step > trainer.step or not trainer.step]
        if later:
            raise InputError(
                f"Checkpoint: {self.folder} holds checkpoints that are not from before step {trainer.step} of this "
                f"run: {', '.join(later[:3])}.\n    Fix: fit(resume=folder) goes on from the latest; or use another "
                "folder, or move them away."
            )
        for part in self.folder.glob(".*.part"):  # what a killed run was writing
            if re.fullmatch(r"\.[0-9a-f]{16}\.part", part.name):
                part.unlink(missing_ok=True)
        self._saved_at = time.monotonic()

    def batch_end(self, trainer: "Trainer") -> None:
        """See the class."""
        by_step = self.every_steps is not None and trainer.step % self.every_steps == 0
        by_time = self.every_seconds is not None and time.monotonic() - self._saved_at >= self.every_seconds
        if by_step or by_time:
            self._save(trainer)

    def epoch_end(self, trainer: "Trainer") -> None:
        """See the class."""
        if self.monitor is not None:
            value = _monitored("Checkpoint", trainer, self.monitor)
            if value is not None and self.best.improves(value):
                # Before the checkpoint that knows of it: a run that is killed between the two finds it again.
                save(self.folder / "best.safetensors", trainer.model)
        if trainer.finished or (self.every_epochs is not None and trainer.epoch % self.every_epochs == 0):
            self._save(trainer)

    def exception(self, trainer: "Trainer", error: BaseException) -> None:
        """See the class."""
        from wengert.training.trainer import Interrupted  # which stands above the callbacks

        if isinstance(error, Interrupted):
            self._save(trainer)

    def state(self) -> Any:
        """See `Callback`."""
        return {"best": self.best.value}

    def load_state(self, state: Any, kept: Layer | None = None) -> None:
        """See `Callback`."""
        self.best.value = state["best"]

    def differences(self, state: Any) -> list[str]:
        """See `Callback`."""
        return _list_damage(state, {"best": _is_best})

    def _save(self, trainer: "Trainer") -> None:
        trainer.save(self.folder / f"step-{trainer.step:06d}.safetensors")
        self._saved_at = time.monotonic()
        if self.keep is not None:
            for _, path in _checkpoints(self.folder)[: -self.keep]:
                path.unlink(missing_ok=True)


def latest(folder: str | os.PathLike[str]) -> Path | None:
    """The checkpoint of the latest step that `Checkpoint` wrote into a folder; None where there is none.

    Example:
        >>> latest("nowhere") is None
        True
    """
    found = _checkpoints(Path(folder))
    return found[-1][1] if found else None


def _checkpoints(folder: Path) -> list[tuple[int, Path]]:
    names = [(re.fullmatch(r"step-(\d+)\.safetensors", path.name), path) for path in folder.glob("step-*")]
    return sorted((int(match[1]), path) for match, path in names if match)


class CSVLog(Callback):
    """The numbers of the history as a table, written anew after every epoch.

    Args:
        path: The file.
    """

    order = 1

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def epoch_end(self, trainer: "Trainer") -> None:
        """See the class."""
        rows = [_numbers(row) for row in trainer.history]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, text.getvalue().encode())


class TensorBoard(Callback):
    """The numbers of the history for ``tensorboard --logdir folder``, by step.

    A run that is resumed goes on in its file, from which what came after the checkpoint is cut.

    Args:
        folder: Where.
        every_steps: After how many batches the loss of the batch is written, as ``batch_loss``; None for never.
    """

    order = 1

    def __init__(self, folder: str | os.PathLike[str], *, every_steps: int | None = None) -> None:
        self.folder = Path(folder)
        self.every_steps = every_steps
        self.writer: EventWriter | None = None
        self._resumed: dict[str, Any] = {}
        self._described = False  # whether the model stands in the log

    def start(self, trainer: "Trainer") -> None:
        """See the class."""
        try:
            self.writer = EventWriter(self.folder, **self._resumed)
        except InputError as error:
            raise DataError(
                f"TensorBoard: the log of the run that is resumed cannot be gone on with: {error}\n"
                "    Fix: put the file back, or leave TensorBoard out."
            ) from None
        if not self._described and not trainer.step:
            self.writer.add_text("model", f"```\n{trainer.model!r}\n{trainer.optimizer!r}\n```", 0)
        self._described = True

    def batch_end(self, trainer: "Trainer") -> None:
        """See the class."""
        if self.every_steps is not None and trainer.step % self.every_steps == 0:
            assert self.writer is not None
            self.writer.add_scalar("batch_loss", trainer.last_loss, trainer.step)

    def epoch_end(self, trainer: "Trainer") -> None:
        """See the class."""
        assert self.writer is not None
        numbers = _numbers(trainer.history[-1])
        self.writer.add_scalars({name: numbers[name] for name in numbers if name != "step"}, trainer.step)

    def end(self, trainer: "Trainer") -> None:
        """See the class."""
        self._close()

    def exception(self, trainer: "Trainer", error: BaseException) -> None:
        """See the class."""
        self._close()

    def state(self) -> Any:
        """See `Callback`."""
        if self.writer is not None:
            self._resumed = {"name": self.writer.name, "size": self.writer.flush()}
        return self._resumed

    def load_state(self, state: Any, kept: Layer | None = None) -> None:
        """See `Callback`."""
        self._close()
        self._resumed, self._described = state, True

    def differences(self, state: Any) -> list[str]:
        """See `Callback`."""
        return [] if state == {} else _list_damage(state, {"name": _is_file_name, "size": _is_count})

    def _close(self) -> None:
        if self.writer is not None:
            self._resumed = {"name": self.writer.name, "size": self.writer.flush()}
            self.writer.close()
            self.writer = None


class Curves(Callback):
    """A picture of the history, a panel for each name, drawn anew after every epoch; by Matplotlib.

    Args:
        path: The file, a PNG.
        names: What to draw; the losses and metrics where None.
    """

    order = 1

    def __init__(self, path: str | os.PathLike[str], names: list[str] | None = None) -> None:
        self.path = Path(path)
        self.names = names

    def epoch_end(self, trainer: "Trainer") -> None:
        """See the class."""
        from wengert.visualize.plots import plot_curves  # which loads Matplotlib

        rows = [_numbers(row) for row in trainer.history]
        names = self.names or [name for name in rows[-1] if name not in ("epoch", "step", "lr")]
        plot_curves({name: [row.get(name, float("nan")) for row in rows] for name in names}, self.path)


class GradientNorms(Callback):
    """Collects the norm of the gradient of each layer over the steps: how far learning reaches down.

    A norm is that of all parameters that a layer has itself, as they are after the step: after hooks that clip or
    decay; nan where none has a gradient.  In a loop of one's own, call `record` between ``loss.backward()`` and
    ``cleargrads()``.

    Args:
        every: After how many steps to collect [1, ...).

    Attributes:
        steps: At which steps.
        norms: For each layer, by its path, a norm for each of them; ``plot_gradient_norms(norms)`` draws them.

    Raises:
        InputError: ``every`` is less than 1.

    Example:
        >>> from wengert.layers import Linear
        >>> layer, norms = Linear(1, in_size=2, bias=False), GradientNorms()
        >>> layer(np.array([[3.0, 4.0]])).sum().backward()
        >>> norms.record(layer)
        >>> norms.norms
        {'': [5.0]}
    """

    def __init__(self, every: int = 1) -> None:
        if every < 1:
            raise InputError(f"GradientNorms: every={every}: it is a number from 1 on.")
        self.every = every
        self.steps: list[int] = []
        self.norms: dict[str, list[float]] = {}

    def record(self, model: Layer, step: int | None = None) -> None:
        """Take in the gradients of a model, at this step; at the one after the last where None."""
        squares: dict[str, float] = {}
        for path, parameter in model.named_parameters():
            layer = path.rpartition(".")[0]
            self.norms.setdefault(layer, [float("nan")] * len(self.steps))
            if parameter.grad is not None:
                entries = np.asarray(parameter.grad.data, dtype=np.float64).ravel()
                squares[layer] = squares.get(layer, 0.0) + float(entries @ entries)
        for layer, norms in self.norms.items():
            norms.append(sqrt(squares.get(layer, float("nan"))))
        self.steps.append(step if step is not None else self.steps[-1] + 1 if self.steps else 1)

    def batch_end(self, trainer: "Trainer") -> None:
        """See the class."""
        if trainer.step % self.every == 0:
            self.record(trainer.model, trainer.step)

    def state(self) -> Any:
        """See `Callback`."""
        return {"steps": self.steps, "norms": self.norms}

    def load_state(self, state: Any, kept: Layer | None = None) -> None:
        """See `Callback`."""
        self.steps = list(state["steps"])
        self.norms = {layer: list(values) for layer, values in state["norms"].items()}

    def differences(self, state: Any) -> list[str]:
        """See `Callback`."""
        damage = _list_damage(state, {"steps": _are_counts, "norms": _are_norms})
        if not damage and any(len(values) != len(state["steps"]) for values in state["norms"].values()):
            damage = ["it has not as many norms as steps"]
        return damage


def _numbers(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if isinstance(value, int | float)}


def _monitored(owner: str, trainer: "Trainer", name: str) -> float | None:
    """A number of the last epoch; None where it is not evaluated in every epoch, and was not in this."""
    row = _numbers(trainer.history[-1])
    if name in row:
        return float(row[name])
    evaluated = [each.prefix for each in trainer.callbacks if isinstance(each, Evaluation) and each.every > 1]
    if any(name.startswith(f"{prefix}_") for prefix in evaluated):
        return None
    raise InputError(f"{owner}: the history has no {name!r}, but {', '.join(row)}.\n    Fix: valid_loader, or metrics.")


def _list_damage(state: Any, wanted: dict[str, Callable[[Any], bool]]) -> list[str]:
    """One line for every part of a state that is missing, left over, or not what it should be."""
    if not isinstance(state, dict) or state.keys() != wanted.keys():
        names = ", ".join(map(str, state)) if isinstance(state, dict) else repr(state)
        return [f"its state has {names}, and should have {', '.join(wanted)}"]
    return [f"{name} is damaged: {describe(state[name])}" for name, fits in wanted.items() if not fits(state[name])]


def _is_best(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value == value)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _are_counts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_count, value))


def _are_norms(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(values, list) and all(isinstance(each, float) for each in values) for values in value.values()
    )


def _is_file_name(value: Any) -> bool:
    """Whether it names a file in a folder, and none elsewhere."""
    return isinstance(value, str) and value.isprintable() and value.strip(".") != "" and not set(value) & set("/\\:")


def _copy(data: Any) -> Any:
    return data if isinstance(data, Unsized) else namespace_of((data,)).asarray(data, copy=True)
