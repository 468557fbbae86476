"""Trainer: the training loop, with what is told of it as it goes, and exact resumption.

It is these ten lines, and those remain as good a way to train:

    for epoch in range(epochs):
        total = 0.0
        for x, t in train_loader:
            y = model(x)
            loss = F.softmax_cross_entropy(y, t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            total += loss.item() * len(t)
        print(epoch + 1, total / len(train_loader.dataset))

Everything else (bars, evaluation, checkpoints, logs) is a callback: see callbacks.py.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from math import isfinite
from operator import length_hint
from pathlib import Path
from typing import Any

import numpy as np

from wengert import random
from wengert.core.modes import no_grad
from wengert.core.recorded import Recorded
from wengert.data.loader import DataLoader
from wengert.errors import DataError, InputError, ShapeError, WengertError, describe, message
from wengert.layers.layer import Layer, evaluating
from wengert.optimizers.closure import ClosureOptimizer
from wengert.optimizers.optimizer import Optimizer
from wengert.serialization import compare_random, load_checkpoint, plain, save_checkpoint
from wengert.training.callbacks import Callback, Evaluation, Snapshot, latest
from wengert.training.metrics import Mean, as_metric, as_numpy
from wengert.trees import leaves_of

__all__ = ["DivergenceError", "Interrupted", "Trainer"]

_VERSION = 1


class DivergenceError(WengertError, FloatingPointError):
    """The loss is not finite: training has failed, and going on would only spoil the weights."""


_NO_MORE = object()


class Interrupted(KeyboardInterrupt):
    """Somebody asked the run to stop; raised between batches, where it can be resumed exactly."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.signal = number


class Trainer:
    """Trains a model: ``fit()`` goes ``epochs`` times over the batches of ``train_loader``.

    Ctrl-C, or SIGTERM, lets the batch under way finish, saves where a `Checkpoint` is among the callbacks, and ends:
    ``fit`` then returns, or for SIGTERM leaves the program with status 143. A second one stops at once.
    From a checkpoint, ``fit(resume=path)`` goes on as if the run had never stopped, bit for bit, from the middle of an
    epoch too. For that the callbacks are to be made anew as they were. A loader that is no `DataLoader` goes on
    exactly where its order is fixed, or drawn from Wengert's generator when a loop begins.

    Args:
        model: The model.
        optimizer: An optimizer; where it is not set up yet, it is set up on the model.  One that evaluates the loss as
            often as it needs, such as LBFGS, computes each batch again and again: take all the data in one, and no
            dropout.
        loss: From what the model gives and what is wanted, a scalar: the mean over the batch.
        train_loader: Batches, each a tuple of the model's inputs and, last, what is wanted. Others need a class of
            one's own that writes `compute`.
        valid_loader: Batches to evaluate on after each epoch.
        epochs: How many times to go over the data, counted from the beginning of the run [0, ...).
        metrics: `Metric` objects, or functions of ``y`` and ``t`` that give the mean over a batch.
        callbacks: What is told of the training as it goes.
        stop_on_nan: Whether a loss that is not finite is an error.

    Raises:
        InputError: something is of the wrong kind, or the optimizer is set up on another model.
        DataError: a loader gives no batches.

    Example:
        >>> from wengert import functions as F
        >>> from wengert.data import DataLoader, Spiral
        >>> from wengert.models import MLP
        >>> from wengert.optimizers import Adam
        >>> random.seed(0)
        >>> loader = DataLoader(Spiral(), batch_size=30)
        >>> trainer = Trainer(MLP((10, 3)), Adam(0.05), F.softmax_cross_entropy, loader, epochs=20)
        >>> history = trainer.fit()
        >>> history[-1]["loss"] < history[0]["loss"]
        True
        >>> history[-1]["epoch"], history[-1]["step"]
        (20, 200)
    """

    def __init__(
        self,
        model: Layer,
        optimizer: Optimizer,
        loss: Callable[..., Any],
        train_loader: Iterable[Any],
        *,
        valid_loader: Iterable[Any] | None = None,
        epochs: int = 1,
        metrics: Sequence[Any] = (),
        callbacks: Sequence[Callback] = (),
        stop_on_nan: bool = True,
    ) -> None:
        _check_parts(model, optimizer, loss, epochs, callbacks)
        self.model = model
        self.optimizer = optimizer if optimizer.target is not None else optimizer.setup(model)
        self.loss = loss
        self.train_loader = train_loader
        self.valid_loader = valid_loader
        self.epochs = epochs
        self.metrics = [Mean("loss"), *map(as_metric, deepcopy(list(metrics)))]
        names = [metric.name for metric in self.metrics]
        if len(set(names)) < len(names):
            raise InputError(f"Trainer: two metrics have one name: {', '.join(names)}.\n    Fix: metric.name = '...'.")
        self.stop_on_nan = stop_on_nan
        given = list(callbacks) if valid_loader is None else [Evaluation(valid_loader), *callbacks]
        self.callbacks = sorted(given, key=lambda callback: callback.order)

        self.epoch = 0  # epochs that are over
        self.batch = 0  # batches that are over in the epoch under way
        self.step = 0  # batches that are over in all
        self.history: list[dict[str, Any]] = []  # a row for each epoch
        self.last_loss = float("nan")  # of the batch before
        self.stopped = ""  # why there are to be no more epochs
        self.saved: Path | None = None  # the checkpoint written last
        self._batches: Iterator[Any] | None = None  # the epoch under way
        self._random_before: dict[str, Any] = {}  # the generator when it began
        self._whole = True  # whether no batch is under way
        self._signal = 0  # that asked to stop
        self._due: tuple[str, int] | None = None  # what callbacks are being told, and from which one on
        self._telling = False

    # The loop

    def fit(self, resume: str | os.PathLike[str] | None = None, *, like: Any = None) -> list[dict[str, Any]]:
        """Train until ``epochs`` epochs are over, or a callback stops it; go on where an earlier call was interrupted.

        Args:
            resume: A checkpoint to go on from, or a folder, from its latest; None begins, or goes on, here.
            like: An array of the library that the weights of the checkpoint are to go to; see `load`.

        Returns:
            The history: for each epoch its number, ``step``, ``lr``, the loss and the metrics.

        Raises:
            DataError: the checkpoint is missing, damaged or of another model; or a loader gives no batches.
            DivergenceError: the loss is not finite.
            ShapeError: the loss is no scalar.
        """
        if resume is not None:
            self.load(resume, like=like)
        if not self._whole:
            raise InputError(
                "Trainer: an error ended the training in the middle of a batch, and it cannot go on from there.\n"
                "    Fix: fit(resume=...) from a checkpoint, or a new Trainer."
            )
        _check_loader("train_loader", self.train_loader)
        if self.valid_loader is not None:
            _check_loader("valid_loader", self.valid_loader)
        self._signal = 0
        try:
            with self._listening():
                self._tell("start")
                if self._due is not None:  # a callback failed: a full disk, say
                    self._tell(self._due[0])
                while not self.finished:
                    self._run_epoch()
                self._tell("end")
        except Interrupted as interruption:
            self._tell("exception", interruption)
            where = f"after epoch {self.epoch}" + (f", batch {self.batch} of the next" if self.batch else "")
            goes_on = f"fit(resume={str(self.saved)!r}) goes on" if self.saved else "no Checkpoint, so nothing is saved"
            print(f"interrupted {where}: {goes_on}.", file=sys.stderr, flush=True)
            if interruption.signal == signal.SIGTERM:
                raise SystemExit(128 + signal.SIGTERM) from None
        except BaseException as error:
            self._tell("exception", error)
            raise
        return self.history

    def _run_epoch(self) -> None:
        if self._batches is None:
            self._whole = False
            self._tell("epoch_start")
            for metric in self.metrics:
                metric.reset()
            self._random_before = random.get_state()
            self._batches = iter(self.train_loader)
        while True:
            self._whole = False  # a batch that is being made or trained on cannot be gone on from
            batch = next(self._batches, _NO_MORE)
            if batch is _NO_MORE:
                break
            self._train(batch)
            self.batch += 1
            self.step += 1
            self._due = "batch_end", 0
            self._whole = True
            self._tell("batch_end")
            self._stop_if_asked()
        if not self.batch:
            raise DataError(
                "Trainer: train_loader gave no batches in this epoch.\n"
                "    Fix: give what can be gone over again and again, such as a DataLoader."
            )
        self.epoch, self.batch, self._batches = self.epoch + 1, 0, None
        row = {"epoch": self.epoch, "step": self.step, "lr": float(self.optimizer.lr)}
        self.history.append(row | {metric.name: _plain(metric.result()) for metric in self.metrics})
        self._due = "epoch_end", 0
        self._whole = True
        self._tell("epoch_end")
        if not self.finished:  # else there is nothing to stop, and what comes at the end is not left out
            self._stop_if_asked()

    def _train(self, batch: Any) -> None:
        if isinstance(self.optimizer, ClosureOptimizer):
            self._train_by_closure(batch)
            return
        loss, y, t = self.compute(batch)
        self.last_loss = self._checked(loss)
        self.model.cleargrads()
        loss.backward()
        self.optimizer.update()
        _take_in(self.metrics, self.last_loss, batch, y, t)

    def _train_by_closure(self, batch: Any) -> None:
        """The same for an optimizer that evaluates the loss itself; what counts is the loss before its step."""
        first: list[Any] = []

        def closure() -> Any:
            self.model.cleargrads()
            loss, y, t = self.compute(batch)
            if not first:
                self.last_loss = self._checked(loss)
                first.extend((y, t))
            return loss

        self.optimizer.update(closure)
        _take_in(self.metrics, self.last_loss, batch, *first)

    def compute(self, batch: Any) -> tuple[Any, Any, Any]:
        """The loss of a batch, what the model gave and what was wanted; a class of one's own may do it otherwise.

        Where metrics are not asked for, the last two may be None.

        Raises:
            InputError: the batch is no tuple of inputs and, last, what is wanted.

        Example:
            >>> class Autoencoding(Trainer):
            ...     def compute(self, batch):
            ...         (x,) = batch
            ...         y = self.model(x)
            ...         return self.loss(y, x), y, x
        """
        several = isinstance(batch, tuple | list)
        if not several or len(batch) < 2:
            what = f"a {type(batch).__name__} of {len(batch)}" if several else describe(batch)
            raise InputError(
                f"Trainer: a batch is a tuple of inputs and, last, what is wanted, and this is {what}.\n"
                "    Fix: derive from Trainer, and write compute(batch)."
            )
        *inputs, t = batch
        y = self.model(*inputs)
        return self.loss(y, t), y, t

    def evaluate(self, loader: Iterable[Any]) -> dict[str, Any]:
        """The loss and the metrics over all batches of a loader, without training.

        Raises:
            DataError: it gives no batches.
        """
        metrics = deepcopy(self.metrics)
        for metric in metrics:
            metric.reset()
        count = 0
        with no_grad(), evaluating(self.model):
            for batch in loader:
                loss, y, t = self.compute(batch)
                _take_in(metrics, _scalar(loss), batch, y, t)
                count += 1
        if not count:
            raise DataError("Trainer: the loader to evaluate on gives no batches.")
        return {metric.name: _plain(metric.result()) for metric in metrics}

    @property
    def finished(self) -> bool:
        """Whether there are to be no more epochs."""
        return self.epoch >= self.epochs or bool(self.stopped)

    def stop(self, reason: str) -> None:
        """Let this epoch be the last: for callbacks."""
        self.stopped = reason

    def _tell(self, hook: str, *arguments: Any) -> None:
        """Tell every callback; after an error in one of them, `fit` goes on from that one."""
        if hook not in ("batch_end", "epoch_end"):
            for callback in self.callbacks:
                getattr(callback, hook)(self, *arguments)
            return
        self._due = hook, self._due[1] if self._due is not None and self._due[0] == hook else 0
        self._telling = True
        try:
            for place in range(self._due[1], len(self.callbacks)):
                self._due = hook, place
                getattr(self.callbacks[place], hook)(self, *arguments)
            self._due = None
        except Exception:
            raise
        except BaseException:  # at any line: what the callback has done by then is not known
            self._whole = False
            raise
        finally:
            self._telling = False

    def _checked(self, loss: Any) -> float:
        value = _scalar(loss)
        if self.stop_on_nan and not isfinite(value):
            raise DivergenceError(
                f"Trainer: the loss is {value} in epoch {self.epoch + 1}, batch {self.batch + 1} (step "
                f"{self.step + 1}); before it, it was {self.last_loss:g}. The weights are those from before this batch."
                "\n    Fix: a smaller learning rate, ClipGrad, or stop_on_nan=False to go on all the same."
            )
        return value

    # Interruption

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Take note of SIGINT and SIGTERM, and of a second one at once."""

        def note(number: int, _: Any) -> None:
            if self._signal:
                raise KeyboardInterrupt
            self._signal = number
            os.write(2, b"\nstopping after this batch; once more stops at once\n")  # print may be under way itself

        before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():  # nobody else may
            for each in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(each) not in (signal.SIG_IGN, None):
                    before[each] = signal.signal(each, note)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop_if_asked(self) -> None:
        if self._signal:
            self._whole = True
            raise Interrupted(self._signal)

    # Checkpoints

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a checkpoint, from which `load` goes on; between batches, as callbacks do.

        The weights in it can be read by ``load_checkpoint(path, model=model)``.

        Raises:
            InputError: a callback has failed, and others have not been told yet of what it was told.
        """
        if self._due is not None and not self._telling:
            raise InputError(
                f"Trainer.save: a callback failed in {self._due[0]}, and those after it have not been told of it.\n"
                "    Fix: call fit() again, which goes on from there; or load an earlier checkpoint."
            )
        kept = {name: layer for name, each in self._named_callbacks() if (layer := each.kept()) is not None}
        record = {
            "version": _VERSION,
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "history": self.history,
            "last_loss": self.last_loss,
            "stopped": self.stopped,
            "random_before": self._random_before,
            "kept": list(kept),
            "loaders": list(self._loaders()),
            "metrics": {metric.name: metric.state() for metric in self.metrics},
            "callbacks": {name: each.state() for name, each in self._named_callbacks()},
        }
        try:
            text = json.dumps(record)  # a text by itself: nans and infinities, which losses can be, may stand in it
        except TypeError as error:
            raise InputError(f"Trainer: the state of a callback or metric is more than JSON holds: {error}.") from error
        models: dict[str, Layer] = {"": self.model, **kept}  # the model has no name, as where it is saved alone
        save_checkpoint(
            path,
            model=models,
            optimizer=self.optimizer,
            loader=self._loaders(),
            epoch=self.epoch,
            metadata={"trainer": text},
        )
        self.saved = Path(path)

    def load(self, path: str | os.PathLike[str], *, like: Any = None) -> None:
        """Go on from a checkpoint at the next `fit`; of a folder, from the latest in it.

        Args:
            path: The checkpoint, or the folder.
            like: An array: all weights become arrays of its library.  Where None, each stays in the library of its
                parameter, and those of layers without a size in the library that they were saved from.

        Raises:
            DataError: it is missing, damaged, not written by a Trainer, or of another model, optimizer or data; nothing
                has been changed then.
        """
        place = Path(path)
        if place.is_dir():
            found = latest(place)
            if found is None:
                raise DataError(f"{place}: there is no checkpoint in this folder.\n    Fix: fit() begins anew.")
            place = found
        before = random.get_state()
        try:
            record = _read(place, load_checkpoint(place)["metadata"])
            self._compare(place, record)
            models: dict[str, Layer] = {"": self.model}
            snapshots = {name: Snapshot(self.model) for name, _ in self._named_callbacks() if name in record["kept"]}
            loaders = {name: each for name, each in self._loaders().items() if name in record["loaders"]}
            batches = None
            if record["batch"] and "train" not in loaders:
                batches = self._drawn_again(record)
            load_checkpoint(place, model=models | snapshots, optimizer=self.optimizer, loader=loaders, like=like)
        except BaseException:
            random.set_state(before)
            raise
        self._due = None
        for name in ("epoch", "batch", "step", "history", "last_loss", "stopped"):
            setattr(self, name, record[name])
        self._random_before = record["random_before"]
        for metric in self.metrics:
            metric.load_state(record["metrics"][metric.name])
        for name, callback in self._named_callbacks():
            if record["callbacks"].get(name) is not None:
                callback.load_state(record["callbacks"][name], snapshots.get(name))
        self.saved = place
        self._whole = True
        if self.batch and batches is None:
            batches = iter(self.train_loader)
        self._batches = batches

    def _drawn_again(self, record: dict[str, Any]) -> Iterator[Any]:
        """The rest of an epoch of a loader that keeps no state: its order drawn again, without the batches done."""
        random.set_state(record["random_before"])
        batches = iter(self.train_loader)
        for _ in range(record["batch"]):
            if next(batches, None) is None:
                raise DataError(f"Trainer: train_loader gives less than the {record['batch']} batches that were done.")
        return batches

    def _compare(self, path: Path, record: dict[str, Any]) -> None:
        different = []
        wanted, saved = [metric.name for metric in self.metrics], list(record["metrics"])
        if wanted != saved:
            different.append(f"metrics: saved with {', '.join(saved)}, and here they are {', '.join(wanted)}")
        for metric in self.metrics if wanted == saved else []:
            lines = metric.differences(record["metrics"][metric.name])
            different += [f"metric {metric.name}: {line}" for line in lines]
        if ("train" in record["loaders"]) != ("train" in self._loaders()):
            different.append("train_loader: saved with a DataLoader, and here there is none, or the other way round")
        for name, callback in self._named_callbacks():
            state = record["callbacks"].get(name)
            if state is not None:
                different += [f"{name}: {line}" for line in callback.differences(state)]
        if record["batch"] and "train" not in record["loaders"]:
            different += compare_random("random_before", record["random_before"])
        if different:
            raise DataError("\n    ".join([f"{path}: it does not fit this Trainer:", *map(plain, different)]))

    def _loaders(self) -> dict[str, DataLoader]:
        """Those whose state is saved."""
        loaders = {"train": self.train_loader, "valid": self.valid_loader}
        return {name: loader for name, loader in loaders.items() if isinstance(loader, DataLoader)}

    def _named_callbacks(self) -> list[tuple[str, Callback]]:
        """Each with its class and which of that class it is: the same in a Trainer that is made anew."""
        names: list[str] = []
        for callback in self.callbacks:
            kind = type(callback).__name__
            names.append(f"{kind} {sum(name.startswith(f'{kind} ') for name in names)}")
        return list(zip(names, self.callbacks, strict=True))


def _check_parts(model: Any, optimizer: Any, loss: Any, epochs: Any, callbacks: Any) -> None:
    if not isinstance(model, Layer):
        raise InputError(f"Trainer: the model is a Layer, and this is {describe(model)}.")
    if not isinstance(optimizer, Optimizer):
        raise InputError(f"Trainer: the optimizer is an Optimizer, and this is {describe(optimizer)}.")
    if not callable(loss):
        raise InputError(f"Trainer: the loss is a function of y and t, and this is {describe(loss)}.")
    if isinstance(epochs, bool) or not isinstance(epochs, int | np.integer) or epochs < 0:
        raise InputError(f"Trainer: epochs is a whole number from 0 on, and this is {epochs!r}.")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise InputError(f"Trainer: callbacks are of class Callback, and this is {describe(callback)}.")
    if optimizer.target is not None:
        targets = [group.target for group in optimizer.groups]
        theirs = {p for each in targets for p in (each.parameters() if isinstance(each, Layer) else each)}
        if theirs.isdisjoint(model.parameters()):
            raise InputError(
                "Trainer: the optimizer is set up on other parameters than this model's.\n"
                "    Fix: leave setup() to Trainer, or call optimizer.setup(model)."
            )


def _check_loader(name: str, loader: Any) -> None:
    if not isinstance(loader, Iterable):
        raise InputError(f"Trainer: {name} gives batches, and this is {describe(loader)}.")
    if not length_hint(loader, 1):  # 1 where nobody knows
        raise DataError(
            f"Trainer: {name} gives no batches.\n    Fix: a smaller batch_size, or drop_last=False."
            if getattr(loader, "drop_last", False)
            else f"Trainer: {name} gives no batches."
        )


def _scalar(loss: Any) -> float:
    if not isinstance(loss, Recorded) or loss.data.shape != ():
        raise ShapeError(
            message("Trainer: the loss is a scalar Variable.", [("it is", loss)], "take its mean(), a Variable.")
        )
    return float(loss.data)


def _take_in(metrics: list[Any], loss: float, batch: Any, y: Any, t: Any) -> None:
    metrics[0].add(loss, next((len(leaf) for leaf in leaves_of((t, batch)) if getattr(leaf, "shape", ())), 1))
    if metrics[1:]:
        y, t = as_numpy(y), as_numpy(t)
        for metric in metrics[1:]:
            metric.update(y, t)


def _plain(result: Any) -> Any:
    """A result as JSON can hold it: a number, or nested lists."""
    return result.tolist() if hasattr(result, "tolist") else result


def _read(path: Path, metadata: dict[str, Any]) -> dict[str, Any]:
    wanted = {"epoch": int, "batch": int, "step": int, "history": list, "last_loss": float, "stopped": str}
    wanted |= {"random_before": dict, "kept": list, "loaders": list, "metrics": dict, "callbacks": dict}
    if not isinstance(metadata.get("trainer"), str):
        raise DataError(f"{path}: it is no checkpoint of a Trainer.\n    Fix: load_checkpoint(path, model=...).")
    try:
        record = json.loads(metadata["trainer"])
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: the record of its training is damaged: {plain(error)}.") from error
    if not isinstance(record, dict) or record.get("version") != _VERSION:
        raise DataError(f"{path}: it was written by another version of Trainer.")
    for name, kind in wanted.items():
        value = record.get(name)
        if not isinstance(value, kind) or (kind is int and (type(value) is not int or value < 0)):
            raise DataError(f"{path}: the record of its training is damaged: {name} is {plain(repr(value))}.")
    if not all(isinstance(row, dict) for row in record["history"]):
        raise DataError(f"{path}: the record of its training is damaged: history.")
    return record
