"""The Trainer, its callbacks and metrics."""

import csv
import json
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as reference

import wengert
from wengert import functions as F
from wengert import random
from wengert.core.modes import current_config
from wengert.data import Arrays, DataLoader
from wengert.errors import DataError, InputError, ShapeError, WengertError
from wengert.layers import Dropout, Linear, Sequential
from wengert.models import MLP
from wengert.optimizers import LBFGS, SGD, Adam, Newton, Optimizer, StepLR
from wengert.serialization import opened, write_arrays
from wengert.training import (
    F1,
    R2,
    Accuracy,
    Callback,
    Checkpoint,
    ConfusionMatrix,
    CSVLog,
    Curves,
    DivergenceError,
    EarlyStopping,
    Evaluation,
    EventWriter,
    Mean,
    MeanAbsoluteError,
    MeanSquaredError,
    Precision,
    Progress,
    Recall,
    RootMeanSquaredError,
    Schedule,
    TensorBoard,
    TopKAccuracy,
    Trainer,
    latest,
)
from wengert.training.tensorboard import crc32c


def blobs(count: int = 50, seed: int = 0) -> Arrays:
    rng = np.random.default_rng(seed)
    t = rng.integers(0, 3, count)
    return Arrays((rng.normal(size=(count, 4)) + 2 * np.eye(3, 4)[t]).astype(np.float32), t)


def trainer(*callbacks: Callback, epochs: int = 3, model: Any = None, **options: Any) -> Trainer:
    options = {"valid_loader": DataLoader(blobs(30, 1), 8, shuffle=False), "metrics": [Accuracy()]} | options
    model = model or Sequential(Linear(8), F.relu, Dropout(0.2), Linear(3))
    loader = options.pop("loader") if "loader" in options else DataLoader(blobs(), 8)
    return Trainer(model, Adam(0.02), F.softmax_cross_entropy, loader, epochs=epochs, callbacks=callbacks, **options)


def weights(model: Any) -> dict[str, Any]:
    return {name: parameter.data.copy() for name, parameter in model.named_state()}


def assert_same(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


class Script(Callback):
    """Says at every batch what the validation loss is to be, and remembers what it is told."""

    def __init__(self, values: list[float] | None = None) -> None:
        self.values = values
        self.told: list[str] = []

    def start(self, trainer: Trainer) -> None:
        self.told.append("start")

    def epoch_start(self, trainer: Trainer) -> None:
        self.told.append(f"epoch_start {trainer.epoch}")

    def batch_end(self, trainer: Trainer) -> None:
        self.told.append(f"batch_end {trainer.batch} {trainer.step}")

    def epoch_end(self, trainer: Trainer) -> None:
        self.told.append(f"epoch_end {trainer.epoch}")
        if self.values:
            trainer.history[-1]["valid_loss"] = self.values[trainer.epoch - 1]

    def end(self, trainer: Trainer) -> None:
        self.told.append("end")

    def exception(self, trainer: Trainer, error: BaseException) -> None:
        self.told.append(type(error).__name__)


# The loop


def test_it_is_the_plain_loop() -> None:
    run = trainer(epochs=3, valid_loader=None)
    history = run.fit()

    wengert.seed(0)
    model = Sequential(Linear(8), F.relu, Dropout(0.2), Linear(3))
    optimizer = Adam(0.02).setup(model)
    loader = DataLoader(blobs(), 8)
    for epoch in range(3):
        total = right = 0.0
        for x, t in loader:
            y = model(x)
            loss = F.softmax_cross_entropy(y, t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            total += loss.item() * len(t)
            right += (y.data.argmax(1) == t).sum()
        assert history[epoch] == {
            "epoch": epoch + 1,
            "step": 7 * (epoch + 1),
            "lr": 0.02,
            "loss": total / 50,
            "accuracy": right / 50,
        }
    assert_same(weights(run.model), weights(model))


def test_hooks_are_called_in_order() -> None:
    script = Script()
    trainer(script, epochs=2, loader=DataLoader(blobs(), 25)).fit()
    assert script.told == [
        "start",
        "epoch_start 0",
        "batch_end 1 1",
        "batch_end 2 2",
        "epoch_end 1",
        "epoch_start 1",
        "batch_end 1 3",
        "batch_end 2 4",
        "epoch_end 2",
        "end",
    ]


def test_evaluation_neither_trains_nor_disturbs() -> None:
    seen = []

    class Watching(Sequential):
        def forward(self, x: Any) -> Any:
            seen.append((current_config().train, current_config().enable_backprop))
            return super().forward(x)

    run = trainer(model=Watching(Linear(3), Dropout(0.5)), epochs=1)
    run.fit()
    assert seen == [(True, True)] * 7 + [(False, False)] * 4
    before, state = weights(run.model), random.get_state()
    assert run.evaluate(run.valid_loader) == run.evaluate(run.valid_loader)  # no dropout
    assert random.get_state() == state
    assert_same(before, weights(run.model))
    whole = run.evaluate(DataLoader(blobs(30, 1), 30, shuffle=False))
    assert run.history[-1]["valid_loss"] == pytest.approx(whole["loss"], rel=1e-6)  # whatever the batches
    assert run.history[-1]["valid_accuracy"] == whole["accuracy"]


def test_another_computation() -> None:
    class Autoencoding(Trainer):
        def compute(self, batch: Any) -> Any:
            (x,) = batch
            y = self.model(x)
            return self.loss(y, x), y, x

    data = Arrays(blobs().arrays()[0])
    run = Autoencoding(Linear(4), Adam(0.05), F.mean_squared_error, DataLoader(data, 8), epochs=5, metrics=[R2()])
    history = run.fit()
    assert history[-1]["loss"] < history[0]["loss"] and history[-1]["r2"] > history[0]["r2"]


def test_fit_again_trains_longer() -> None:
    run = trainer(epochs=2)
    run.fit()
    assert len(run.fit()) == 2
    run.epochs = 4
    run.fit()
    wengert.seed(0)
    straight = trainer(epochs=4)
    assert straight.fit() == run.history
    assert_same(weights(straight.model), weights(run.model))


# Errors


def test_arguments_are_checked() -> None:
    model, loader, loss = MLP((3,)), DataLoader(blobs(), 8), F.softmax_cross_entropy
    with pytest.raises(InputError, match="the model is a Layer"):
        Trainer(3, Adam(), loss, loader)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="the optimizer is an Optimizer"):
        Trainer(model, 0.1, loss, loader)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="loss is a function"):
        Trainer(model, Adam(), "mse", loader)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="epochs is a whole number"):
        Trainer(model, Adam(), loss, loader, epochs=1.5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="callbacks are of class Callback"):
        Trainer(model, Adam(), loss, loader, callbacks=[print])  # type: ignore[list-item]
    with pytest.raises(InputError, match="other parameters than this model's"):
        Trainer(model, Adam().setup(MLP((3,))), loss, loader)
    with pytest.raises(InputError, match=r"a metric is a Metric.*\n.*metrics=\[Accuracy\(\)\]"):
        Trainer(model, Adam(), loss, loader, metrics=[Accuracy])
    with pytest.raises(InputError, match="two metrics have one name: loss, accuracy, accuracy"):
        Trainer(model, Adam(), loss, loader, metrics=[Accuracy(), F.accuracy])


def test_empty_loaders() -> None:
    with pytest.raises(DataError, match=r"train_loader gives no batches.\n.*drop_last=False"):
        trainer(loader=DataLoader(blobs(5), 8, drop_last=True)).fit()
    with pytest.raises(DataError, match="valid_loader gives no batches"):
        trainer(valid_loader=[]).fit()
    with pytest.raises(DataError, match=r"gave no batches in this epoch.*\n.*again and again"):
        trainer(loader=iter(list(DataLoader(blobs(), 8)))).fit()
    with pytest.raises(InputError, match="train_loader gives batches, and this is int 3"):
        trainer(loader=3).fit()


def test_a_batch_that_is_no_pair() -> None:
    with pytest.raises(InputError, match=r"a batch is a tuple.*\n.*write compute\(batch\)"):
        trainer(loader=DataLoader(Arrays(np.zeros((4, 2))), 2)).fit()


def test_a_loss_that_is_no_scalar() -> None:
    loader = DataLoader(blobs(), 8)
    with pytest.raises(ShapeError, match=r"(?s)the loss is a scalar.*\(8, 3\) float32.*mean\(\)"):
        Trainer(Linear(3), SGD(), lambda y, t: y * 1, loader).fit()
    with pytest.raises(ShapeError, match="the loss is a scalar Variable"):
        Trainer(Linear(3), SGD(), lambda y, t: 1.0, loader).fit()


def test_a_loss_of_nan_names_the_batch_and_leaves_the_weights() -> None:
    data = blobs()
    data.arrays()[0][29] = np.nan
    script = Script()
    run = trainer(script, loader=DataLoader(data, 8, shuffle=False), epochs=2)
    with pytest.raises(DivergenceError, match=r"the loss is nan in epoch 1, batch 4 \(step 4\)") as error:
        run.fit()
    assert isinstance(error.value, FloatingPointError) and isinstance(error.value, WengertError)
    assert all(np.isfinite(array).all() for array in weights(run.model).values())
    assert script.told[-2:] == ["batch_end 3 3", "DivergenceError"]
    with pytest.raises(InputError, match="in the middle of a batch"):
        run.fit()
    going_on = trainer(loader=DataLoader(data, 8, shuffle=False), epochs=1, stop_on_nan=False)
    assert np.isnan(going_on.fit()[0]["loss"])


# Callbacks


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    trainer(Progress(), EarlyStopping("loss", 1, mode="max"), epochs=3).fit()
    out = capsys.readouterr().out
    assert "epoch 2/3" in out and "valid_accuracy=" in out and "14/21" in out
    assert "stopped early after epoch 2: loss" in out


def test_evaluation_every_so_often() -> None:
    run = trainer(
        Evaluation(DataLoader(blobs(20, 2), 8), "test", every=2),
        EarlyStopping("test_loss"),
        epochs=5,
        valid_loader=None,
    )
    run.fit()
    assert ["test_loss" in row for row in run.history] == [False, True, False, True, True]
    with pytest.raises(
        InputError, match=r"(?s)EarlyStopping: the history has no 'valid_loss', but epoch.*valid_loader"
    ):
        trainer(EarlyStopping(), valid_loader=None).fit()


@pytest.mark.parametrize("restore", [True, False])
def test_early_stopping(restore: bool) -> None:
    values = [3.0, 2.0, 2.5, float("nan"), 1.95, 1.0]

    class Remember(Callback):
        weights: dict[int, Any] = {}

        def epoch_end(self, trainer: Trainer) -> None:
            self.weights[trainer.epoch] = weights(trainer.model)

    remember = Remember()
    stopping = EarlyStopping(patience=3, min_delta=0.1, restore_best=restore)
    run = trainer(Script(values), stopping, remember, epochs=6)
    run.fit()
    assert run.epoch == 5 and stopping.best_epoch == 2 and stopping.best.value == 2.0
    assert run.stopped == "stopped early after epoch 5: valid_loss: best 2 in epoch 2"
    assert_same(weights(run.model), remember.weights[2 if restore else 5])
    with pytest.raises(InputError, match="patience is a whole number"):
        EarlyStopping(patience=0)
    with pytest.raises(InputError, match="min_delta"):
        EarlyStopping(min_delta=-1)
    with pytest.raises(InputError, match="mode is 'min' or 'max'"):
        EarlyStopping(mode="least")


class Halving:
    """A scheduler as the Trainer wants it."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer, self.seen = optimizer, []  # type: ignore[var-annotated]

    def step(self, metric: float | None = None) -> None:
        self.seen.append(metric)
        self.optimizer.lr /= 2

    def state(self) -> Any:
        return {"seen": self.seen}

    def load_state(self, state: Any) -> None:
        self.seen = state["seen"]


def test_schedules() -> None:
    run = trainer(epochs=3)
    by_epoch = Halving(run.optimizer)
    run.callbacks.append(Schedule(by_epoch, monitor="valid_loss"))
    history = run.fit()
    assert [row["lr"] for row in history] == [0.02, 0.01, 0.005]
    assert by_epoch.seen == [row["valid_loss"] for row in history]
    run = trainer(epochs=2)
    by_step = Halving(run.optimizer)
    run.callbacks.append(Schedule(by_step, per="step"))
    run.fit()
    assert len(by_step.seen) == 14 and run.optimizer.lr == 0.02 / 2**14
    with pytest.raises(InputError, match="a scheduler has step"):
        Schedule(3)
    with pytest.raises(InputError, match="per is 'epoch'"):
        Schedule(by_step, per="step", monitor="loss")


def test_csv_and_curves(tmp_path: Path) -> None:
    run = trainer(
        CSVLog(tmp_path / "logs" / "run.csv"), Curves(tmp_path / "curves.png"), metrics=[ConfusionMatrix(3)], epochs=2
    )
    run.fit()
    with open(tmp_path / "logs" / "run.csv") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "step", "lr", "loss", "valid_loss"]
    assert [float(row["valid_loss"]) for row in rows] == [row["valid_loss"] for row in run.history]
    assert np.sum(run.history[0]["valid_confusion_matrix"]) == 30
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"


# Checkpoints


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_last_checkpoints_and_the_best_are_kept(tmp_path: Path) -> None:
    class Remember(Callback):
        def epoch_end(self, trainer: Trainer) -> None:
            if trainer.epoch == 3:
                self.weights = weights(trainer.model)

    remember = Remember()
    run = trainer(
        Script([3.0, 2.0, 1.0, 5.0, 4.0]), remember, Checkpoint(tmp_path / "runs", monitor="valid_loss"), epochs=5
    )
    run.fit()
    assert names(tmp_path / "runs") == ["best.safetensors", "step-000028.safetensors", "step-000035.safetensors"]
    assert latest(tmp_path / "runs") == tmp_path / "runs" / "step-000035.safetensors"
    model = Sequential(Linear(8), F.relu, Dropout(0.2), Linear(3))
    wengert.load(tmp_path / "runs" / "best.safetensors", model)
    assert_same(weights(model), remember.weights)
    wengert.load_checkpoint(tmp_path / "runs" / "step-000035.safetensors", model=model)
    assert_same(weights(model), weights(run.model))


def test_when_checkpoints_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def steps(name: str, **options: Any) -> list[int]:
        trainer(Checkpoint(tmp_path / name, keep=None, **options), epochs=3).fit()
        return [int(each[5:11]) for each in names(tmp_path / name)]

    assert steps("epochs", every_epochs=2) == [14, 21]  # and always at the end
    assert steps("steps", every_epochs=None, every_steps=5) == [5, 10, 15, 20, 21]
    now = iter(range(100))
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    assert steps("seconds", every_epochs=None, every_seconds=8)[0] == 8
    monkeypatch.undo()
    for setting in ("every_epochs", "every_steps", "keep"):
        with pytest.raises(InputError, match=f"{setting} is a whole number from 1 on"):
            Checkpoint(tmp_path, **{setting: 0})


def test_a_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    run = trainer(Checkpoint(tmp_path, keep=None))
    run.fit()
    (tmp_path / f".{'0' * 16}.part").touch()  # as a killed run leaves it
    before = names(tmp_path)
    with pytest.raises(
        InputError, match=r"(?s)holds checkpoints that are not from before step 0.*fit\(resume=folder\)"
    ):
        trainer(Checkpoint(tmp_path)).fit()
    with pytest.raises(InputError, match="not from before step 7.*step-000014"):
        trainer(Checkpoint(tmp_path)).fit(resume=tmp_path / "step-000007.safetensors")
    assert names(tmp_path) == before
    trainer(Checkpoint(tmp_path)).fit(resume=tmp_path)
    assert not [name for name in names(tmp_path) if name.startswith(".")]


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    run = trainer(Checkpoint(tmp_path))
    run.fit()
    other = trainer(model=Sequential(Linear(9, in_size=4), F.relu, Dropout(0.2), Linear(3, in_size=9)))
    before, state = weights(other.model), random.get_state()
    with pytest.raises(DataError, match=r"(?s)layers\.0\.weight: its shape is \(4, 8\), and should be \(4, 9\)"):
        other.fit(resume=tmp_path)
    assert_same(before, weights(other.model))
    assert random.get_state() == state and other.epoch == 0
    with pytest.raises(DataError, match="metrics: saved with loss, accuracy, and here they are loss"):
        trainer(metrics=[]).fit(resume=tmp_path)
    with pytest.raises(DataError, match="train_loader: saved with a DataLoader"):
        trainer(loader=[next(iter(DataLoader(blobs(), 8)))]).fit(resume=tmp_path)
    with pytest.raises(DataError, match="batch_size: saved with 8, and here it is 9"):
        trainer(loader=DataLoader(blobs(), 9)).fit(resume=tmp_path)
    with pytest.raises(DataError, match="there is no checkpoint in this folder"):
        (tmp_path / "empty").mkdir()
        trainer().fit(resume=tmp_path / "empty")
    with pytest.raises(DataError, match="there is no such file"):
        trainer().fit(resume=tmp_path / "nothing")
    wengert.save_checkpoint(tmp_path / "plain", model=run.model)
    with pytest.raises(DataError, match="no checkpoint of a Trainer"):
        trainer().fit(resume=tmp_path / "plain")
    for text in ("{", "3", json.dumps({"version": 99}), json.dumps({"version": 1, "epoch": "x"})):
        wengert.save_checkpoint(tmp_path / "damaged", model=run.model, metadata={"trainer": text})
        with pytest.raises(DataError, match="damaged|another version"):
            trainer().fit(resume=tmp_path / "damaged")


# TensorBoard


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and values of a protocol buffer message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        value: Any
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            length, at = varint(data, at)
            value, at = data[at : at + length], at + length
        else:
            form, size = {1: ("<d", 8), 5: ("<f", 4)}[kind]
            (value,) = struct.unpack(form, data[at : at + size])
            at += size
        yield key >> 3, value
    assert at == len(data)


def records(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()

    def checked(data: bytes, crc: bytes) -> bytes:
        plain = crc32c(data)
        assert struct.unpack("<I", crc)[0] == ((plain >> 15 | plain << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32
        return data

    while content:
        (length,) = struct.unpack("<Q", checked(content[:8], content[8:12]))
        yield checked(content[12 : 12 + length], content[12 + length : 16 + length])
        content = content[16 + length :]


def events(path: Path) -> list[tuple[int, str, Any]]:
    """The step, tag and value of every event but the first, which tells the version."""
    found = []
    first, *rest = records(path)
    assert dict(fields(first))[3] == b"brain.Event:2"
    assert abs(dict(fields(first))[1] - time.time()) < 3600
    for record in rest:
        event = dict(fields(record))
        value = dict(fields(dict(fields(event[5]))[1]))
        if 2 in value:
            content = value[2]
        else:
            assert dict(fields(dict(fields(value[9]))[1])) == {1: b"text"}  # the plugin
            tensor = dict(fields(value[8]))
            assert tensor[1] == 7 and dict(fields(dict(fields(tensor[2]))[2])) == {1: 1}
            content = tensor[8].decode()
        found.append((event[2], value[1].decode(), content))
    return found


def test_checksums() -> None:
    # The vectors of RFC 3720, appendix B.4.
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_event_files(tmp_path: Path) -> None:
    with EventWriter(tmp_path / "deep" / "logs") as writer:
        writer.add_scalar("loss", 0.1, 3)
        writer.add_scalar("größe", float("nan"), 2**40)
        writer.add_scalar("far", -1e300, 0)
        writer.add_text("notes", "ä" * 200, 7)
    found = events(writer.folder / writer.name)
    assert found[0] == (3, "loss", np.float32(0.1))
    assert found[1][:2] == (2**40, "größe") and np.isnan(found[1][2])
    assert found[2] == (0, "far", -np.inf)
    assert found[3] == (7, "notes", "ä" * 200)


def test_tensorboard(tmp_path: Path) -> None:
    run = trainer(TensorBoard(tmp_path, every_steps=3), epochs=2)
    run.fit()
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("events.out.tfevents.")
    found = events(path)
    assert found[0][:2] == (0, "model") and "Linear" in found[0][2] and "Adam" in found[0][2]
    scalars = {(step, tag): value for step, tag, value in found[1:]}
    assert [step for step, tag in scalars if tag == "batch_loss"] == [3, 6, 9, 12]
    for row in run.history:
        for name in ("lr", "loss", "accuracy", "valid_loss", "valid_accuracy"):
            assert scalars[row["step"], name] == np.float32(row[name])


# Checkpoints that do not fit


class Counting(Callback):
    """A callback with a state of its own, which it checks."""

    def __init__(self) -> None:
        self.count = 0

    def batch_end(self, trainer: Trainer) -> None:
        self.count += 1

    def state(self) -> Any:
        return {"count": self.count}

    def load_state(self, state: Any, kept: Any = None) -> None:
        self.count = state["count"]

    def differences(self, state: Any) -> list[str]:
        return [] if isinstance(state["count"], int) else ["count is no number"]


def with_all(folder: Path, **options: Any) -> Trainer:
    run = trainer(EarlyStopping(), Counting(), TensorBoard(folder / "events"), Checkpoint(folder), epochs=2, **options)
    run.callbacks.insert(1, Schedule(StepLR(run.optimizer, 1)))
    return run


def within(record: Any, place: str, value: Any) -> None:
    *path, last = place.split("/")
    for name in path:
        record = record[name]
    record[last] = value


def rewrite(path: Path, change: Callable[[Any], Any]) -> None:
    """The same checkpoint with the Trainer's part of its record changed."""
    with opened(path) as file:
        arrays, record = file.arrays(), json.loads(file.metadata["wengert"])
    inner = json.loads(record["metadata"]["trainer"])
    change(inner)
    record["metadata"]["trainer"] = json.dumps(inner)
    write_arrays(path, arrays, {"wengert": json.dumps(record)})


def everything(run: Trainer) -> Any:
    progress = (run.epoch, run.batch, run.step, run.history, run.stopped, random.get_state(), repr(run.optimizer))
    metrics = [metric.state() for metric in run.metrics]
    return (
        {name: p.tolist() for name, p in weights(run.model).items()},
        progress,
        metrics,
        [each.state() for each in run.callbacks],
    )


def test_the_record_they_are_made_from_is_good(tmp_path: Path) -> None:
    one = with_all(tmp_path)
    one.fit()
    path = latest(tmp_path)
    assert path is not None
    rewrite(path, lambda record: None)
    two = with_all(tmp_path)
    two.load(path)
    assert (two.epoch, two.history) == (2, one.history)
    assert [each.state() for each in two.callbacks] == [each.state() for each in one.callbacks]


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        ("callbacks/Schedule 0/steps", -1, "Schedule 0: steps is -1"),
        ("callbacks/Schedule 0/starts", [-1], "Schedule 0: starts is"),
        ("callbacks/EarlyStopping 0/best", "low", "EarlyStopping 0: best is damaged"),
        ("callbacks/EarlyStopping 0/best", float("nan"), "EarlyStopping 0: best is damaged"),
        ("callbacks/EarlyStopping 0/waited", -1, "EarlyStopping 0: waited is damaged"),
        ("callbacks/EarlyStopping 0", {}, "EarlyStopping 0: its state has"),
        ("callbacks/EarlyStopping 0", 3, "EarlyStopping 0: its state has 3"),
        ("callbacks/Checkpoint 0/best", [1], "Checkpoint 0: best is damaged"),
        ("callbacks/TensorBoard 0/name", "../../elsewhere", "TensorBoard 0: name is damaged"),
        ("callbacks/TensorBoard 0/name", "..", "TensorBoard 0: name is damaged"),
        ("callbacks/TensorBoard 0/size", -1, "TensorBoard 0: size is damaged"),
        ("callbacks/TensorBoard 0/mode", "w", "TensorBoard 0: its state has"),
        ("callbacks/Counting 0/count", "x", "Counting 0: count is no number"),
        ("metrics/accuracy", [1.0], "metric accuracy: its sums have the shape"),
        ("metrics/accuracy", ["x", "y"], "metric accuracy: its sums are damaged"),
        ("metrics/accuracy", [[1], [1, 2]], "metric accuracy: its sums are damaged"),
        ("epoch", -1, "its training is damaged: epoch is -1"),
        ("step", True, "its training is damaged: step is True"),
        ("history", [1], "its training is damaged: history"),
        ("kept", ["EarlyStopping 0", "Counting 0"], r"model[Counting 0].weights.layers.0.weight is missing"),
    ],
)
def test_a_record_that_does_not_fit_changes_nothing(tmp_path: Path, place: str, value: Any, says: str) -> None:
    with_all(tmp_path).fit()
    path = latest(tmp_path)
    assert path is not None
    rewrite(path, lambda record: within(record, place, value))
    run = with_all(tmp_path, model=Sequential(Linear(8, in_size=4), F.relu, Dropout(0.2), Linear(3, in_size=8)))
    before = everything(run)
    with pytest.raises(DataError) as caught:
        run.fit(resume=path)
    assert says in str(caught.value)
    assert everything(run) == before


def test_batches_that_are_not_there_any_more_change_nothing(tmp_path: Path) -> None:
    """Of a loader without a state, which is gone over again to where the checkpoint was."""
    batches = list(DataLoader(blobs(), 8))
    trainer(Checkpoint(tmp_path, every_steps=5, keep=None), loader=batches, epochs=1).fit()
    path = tmp_path / "step-000005.safetensors"
    for change, loader, says in (
        ({}, batches[:3], "train_loader gives less than the 5 batches that were done"),
        ({"random_before": {"state": 3}}, batches, "random_before: not a state of Wengert's generator"),
    ):
        rewrite(path, lambda record, change=change: record.update(change))  # type: ignore[misc]
        again = trainer(loader=loader, epochs=2, model=Sequential(Linear(8, in_size=4), F.relu, Dropout(0.2), Linear(3, in_size=8)))
        before = everything(again)
        with pytest.raises(DataError, match=says):
            again.load(path)
        assert everything(again) == before


# Optimizers that evaluate the loss themselves


def by_closure(folder: Path, optimizer: Optimizer, epochs: int, *callbacks: Callback) -> Trainer:
    wengert.seed(3)
    return Trainer(
        MLP((5, 3), F.tanh), optimizer, F.softmax_cross_entropy, [next(iter(DataLoader(blobs(), 50)))],
        epochs=epochs, metrics=[Accuracy()], callbacks=[Checkpoint(folder), *callbacks],
    )  # fmt: skip


def test_lbfgs_is_the_plain_loop(tmp_path: Path) -> None:
    run = by_closure(tmp_path / "run", LBFGS(max_iter=3), 4)
    history = run.fit()
    wengert.seed(3)
    model, losses = MLP((5, 3), F.tanh), []
    ((x, t),) = [next(iter(DataLoader(blobs(), 50)))]
    optimizer = LBFGS(max_iter=3).setup(model)
    for _ in range(4):
        losses.append(float(optimizer.update(lambda: F.softmax_cross_entropy(model(x), t)).data))
    assert [row["loss"] for row in history] == pytest.approx(losses, abs=0)
    assert_same(weights(run.model), weights(model))
    assert history[-1]["loss"] < 0.3 * history[0]["loss"] and history[-1]["accuracy"] > 0.9


def test_lbfgs_is_resumed_exactly(tmp_path: Path) -> None:
    one = by_closure(tmp_path / "one", LBFGS(max_iter=3), 4)
    one.fit()
    by_closure(tmp_path / "two", LBFGS(max_iter=3), 2).fit()
    two = by_closure(tmp_path / "two", LBFGS(max_iter=3), 4)
    two.fit(resume=tmp_path / "two")
    assert_same(weights(one.model), weights(two.model))
    assert one.history == two.history


def test_newton_in_a_trainer(tmp_path: Path) -> None:
    """A quadratic loss, of which one step finds the minimum."""
    x = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    t = (x @ [[1.0], [-2.0]] + 0.5).astype(np.float32)
    run = Trainer(Linear(1), Newton(), F.mean_squared_error, [(x, t)], epochs=2, metrics=[MeanSquaredError()])
    history = run.fit()
    assert history[0]["loss"] == pytest.approx(history[0]["mean_squared_error"], rel=1e-5)
    assert history[1]["loss"] < 1e-9
    np.testing.assert_allclose(run.model.weight.data, [[1], [-2]], atol=1e-5)  # type: ignore[attr-defined]


@pytest.mark.parametrize("make", [LBFGS, Newton])
def test_a_loss_of_nan_leaves_the_weights_there_too(tmp_path: Path, make: Any) -> None:
    x = np.ones((4, 2), np.float32)
    run = Trainer(Linear(1, in_size=2), make(), F.mean_squared_error, [(x, x[:, :1] * np.float32(np.nan))])
    before = weights(run.model)
    with pytest.raises(DivergenceError, match="the loss is nan in epoch 1, batch 1"):
        run.fit()
    assert_same(before, weights(run.model))


# Another library


@pytest.mark.parametrize("sized", ["no", "by hand", "like"])
def test_a_run_on_jax_is_resumed_there(tmp_path: Path, sized: str) -> None:
    jnp = pytest.importorskip("jax.numpy")

    class OnJax:
        def __iter__(self) -> Iterator[Any]:
            yield from ((jnp.asarray(x), jnp.asarray(t)) for x, t in DataLoader(blobs(), 16, shuffle=False))

    def build(epochs: int, move: bool = True) -> Trainer:
        wengert.seed(5)
        model = MLP((5, 3), F.tanh, in_size=None if sized == "no" else 4)
        if sized != "no" and move:
            for _, parameter in model.named_state():
                parameter.data = jnp.asarray(parameter.data)
        stopping = EarlyStopping("loss", patience=3)
        return trainer(stopping, Checkpoint(tmp_path, keep=None), epochs=epochs, model=model, loader=OnJax(),
                       valid_loader=None)  # fmt: skip

    one = build(4)
    one.fit()
    for path in sorted(tmp_path.iterdir())[2:]:
        path.unlink()
    two = build(4, move=sized == "by hand")
    two.fit(resume=tmp_path, like=jnp.zeros(0) if sized == "like" else None)
    assert all(isinstance(p.data, jnp.ndarray) for p in two.model.parameters())
    assert_same(weights(one.model), weights(two.model))
    assert one.history == two.history


# Metrics


def taken(metric: Any, y: Any, t: Any, sizes: tuple[int, ...] = (1, 7, 2, 20)) -> Any:
    """The metric over batches of unequal sizes, half of it on the far side of a saved state."""
    at = 0
    for i, size in enumerate((*sizes, len(t) - sum(sizes))):
        metric.update(y[at : at + size], t[at : at + size])
        at += size
        if i == 1:
            state = json.loads(json.dumps(metric.state()))
            metric.reset()
            metric.load_state(state)
    return metric.result()


@pytest.fixture
def scores() -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    t = rng.integers(0, 5, 60)
    return (rng.normal(size=(60, 5)) + np.eye(5)[t]).astype(np.float32), t


def test_metrics_of_classes(scores: tuple[Any, Any]) -> None:
    y, t = scores
    found = y.argmax(1)
    assert taken(Accuracy(), y, t) == pytest.approx(reference.accuracy_score(t, found))
    assert taken(TopKAccuracy(5), y, t) == 1
    for k in (1, 2, 4):
        assert taken(TopKAccuracy(k), y, t) == pytest.approx(reference.top_k_accuracy_score(t, y, k=k))
    np.testing.assert_array_equal(taken(ConfusionMatrix(5), y, t), reference.confusion_matrix(t, found))
    for ours, theirs in (
        (Precision, reference.precision_score),
        (Recall, reference.recall_score),
        (F1, reference.f1_score),
    ):
        assert taken(ours(5), y, t) == pytest.approx(theirs(t, found, average="macro"))
        np.testing.assert_allclose(taken(ours(5, None), y, t), theirs(t, found, average=None))
        assert taken(ours(2, "binary"), found % 2, t % 2) == pytest.approx(theirs(t % 2, found % 2))
        few = t < 2  # classes that occur in neither do not count
        only = np.where(found < 2, found, 0)[few]
        assert taken(ours(5), only, t[few], (1, 2, 3)) == pytest.approx(
            theirs(t[few], only, average="macro", zero_division=0)
        )


def test_classes_along_another_axis(scores: tuple[Any, Any]) -> None:
    y, t = scores
    y, t = y.reshape(2, 30, 5), t.reshape(2, 30)
    for metric in (Accuracy, lambda axis=-1: TopKAccuracy(2, axis), lambda axis=-1: F1(5, axis=axis)):
        last, middle = metric(), metric(axis=1)
        last.update(y, t)
        middle.update(np.moveaxis(y, -1, 1), t)
        assert last.result() == middle.result()


def test_ties_and_nans_are_no_luck() -> None:
    t = np.array([0, 1, 2])
    same = np.zeros((3, 3))
    for metric in (Accuracy(), TopKAccuracy(1)):
        metric.update(same, t)
        assert metric.result() == pytest.approx(1 / 3)
        metric.reset()
        metric.update(same * np.nan, t)
        assert metric.result() == 0
    with pytest.raises(InputError, match="y names class -1"):
        ConfusionMatrix(3).update(same * np.nan, t)


def test_metrics_of_numbers() -> None:
    rng = np.random.default_rng(4)
    t = (rng.normal(size=(60, 2)) + 1e4).astype(np.float32)  # where sums of squares would cancel
    y = t + rng.normal(size=t.shape).astype(np.float32)
    y64, t64 = y.astype(np.float64), t.astype(np.float64)
    assert taken(MeanSquaredError(), y, t) == pytest.approx(reference.mean_squared_error(t64, y64))
    assert taken(RootMeanSquaredError(), y, t) == pytest.approx(np.sqrt(reference.mean_squared_error(t64, y64)))
    assert taken(MeanAbsoluteError(), y, t) == pytest.approx(reference.mean_absolute_error(t64, y64))
    assert taken(R2(), y, t) == pytest.approx(reference.r2_score(t64.ravel(), y64.ravel()))
    assert taken(Mean("mine", lambda y, t: np.mean(y - t)), y64, t64) == pytest.approx(np.mean(y64 - t64))


def test_metrics_of_nothing_are_nan() -> None:
    for metric in (Accuracy(), TopKAccuracy(1), Precision(2), MeanSquaredError(), RootMeanSquaredError(), R2()):
        assert np.isnan(metric.result())


def test_metrics_refuse_what_does_not_fit() -> None:
    t = np.array([0, 1])
    with pytest.raises(ShapeError, match=r"accuracy: y has t's axes and one more"):
        Accuracy().update(np.zeros((2,)), t)
    with pytest.raises(ShapeError, match="accuracy"):
        Accuracy().update(np.zeros((2, 3)), t.astype(float))
    with pytest.raises(ShapeError, match="y and t have one shape"):
        MeanSquaredError().update(np.zeros((2, 1)), np.zeros(2))
    with pytest.raises(InputError, match="t names class 1 among 1"):
        ConfusionMatrix(1).update(np.zeros(2, int), t)
    with pytest.raises(InputError, match="t names class 7 among 3"):
        TopKAccuracy(2).update(np.zeros((1, 3)), np.array([7]))
    with pytest.raises(InputError, match="k is a whole number"):
        TopKAccuracy(0)
    with pytest.raises(InputError, match="classes is a whole number"):
        ConfusionMatrix(0)
    with pytest.raises(InputError, match="average is 'macro', 'micro', 'weighted', None or, of two classes, 'binary'"):
        F1(3, "binary")
    with pytest.raises(DataError, match="its sums have the shape"):
        Accuracy().load_state([1, 2, 3])
    with pytest.raises(InputError, match="no function of y and t"):
        Mean("loss").update(t, t)
