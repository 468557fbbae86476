"""A run that is killed, or asked to stop, and resumed gives the same bits as one that never stopped."""

import os
import random as draws
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import functions as F
from wengert import random
from wengert.data import Arrays, DataLoader
from wengert.layers import BatchNorm, Dropout, Linear, Sequential
from wengert.optimizers import Adam, CosineAnnealingLR, ReduceLROnPlateau
from wengert.training import (
    Accuracy,
    Callback,
    Checkpoint,
    CSVLog,
    EarlyStopping,
    Schedule,
    TensorBoard,
    Trainer,
    latest,
)

EPOCHS, BATCHES = 8, 8


class Telling(Callback):
    """Says in the output that a batch is over, for whoever waits to kill."""

    def batch_end(self, trainer: Trainer) -> None:
        print(trainer.step, flush=True)


def build(folder: Path, epochs: int = EPOCHS, *more: Callback, loader: Any = None, **options: Any) -> Trainer:
    wengert.seed(7)
    rng = np.random.default_rng(0)
    t = rng.integers(0, 3, 90)
    x = (rng.normal(size=(90, 5)) + 1.5 * np.eye(3, 5)[t]).astype(np.float32)
    model = Sequential(Linear(16), BatchNorm(), F.relu, Dropout(0.3), Linear(16), F.tanh, Dropout(0.2), Linear(3))
    optimizer = Adam(0.01).setup(model)
    return Trainer(
        model,
        optimizer,
        F.softmax_cross_entropy,
        loader or DataLoader(Arrays(x[:60], t[:60]), 8),
        valid_loader=DataLoader(Arrays(x[60:], t[60:]), 8, seed=3),
        epochs=epochs,
        metrics=[Accuracy()],
        callbacks=[
            Schedule(CosineAnnealingLR(optimizer, EPOCHS * BATCHES), per="step"),
            EarlyStopping(patience=3, min_delta=0.02),
            CSVLog(folder / "log.csv"),
            TensorBoard(folder / "events", every_steps=1),
            Checkpoint(folder / "checkpoints", **({"every_steps": 3, "monitor": "valid_loss"} | options)),
            *more,
        ],
    )


def life(folder: Path) -> subprocess.Popen[bytes]:
    """One process that begins, or goes on, and writes its weights where it comes to an end."""
    paths = [str(Path(__file__).parent), str(Path(wengert.__file__).parents[1])]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ":".join(paths)}
    program = f"import test_resume; test_resume.live({str(folder)!r})"
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def live(name: str) -> None:
    """What such a process does."""
    folder = Path(name)
    trainer = build(folder, EPOCHS, Telling())
    trainer.fit(resume=latest(folder / "checkpoints"))
    if trainer.finished:
        wengert.save(folder / "weights", trainer.model)


def steps_of(process: subprocess.Popen[bytes], count: int) -> int:
    """Wait for so many batches, and tell how many there were, fewer at the end."""
    assert process.stdout is not None
    for done in range(count):
        if not process.stdout.readline():
            return done
    return count


def finish(folder: Path) -> None:
    process = life(folder)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()


def traces(folder: Path) -> dict[str, Any]:
    """All that a run leaves behind, byte for byte; of TensorBoard's log what does not tell the time of day."""
    from test_training import events

    files = {path.name: path.read_bytes() for path in [folder / "weights", folder / "log.csv"]}
    files |= {path.name: path.read_bytes() for path in (folder / "checkpoints").iterdir()}
    *_, log = sorted((folder / "events").iterdir())  # a run that is killed before its first checkpoint leaves one more
    last = latest(folder / "checkpoints")
    assert last is not None
    files[last.name] = checkpoint(folder, last)
    files = {name: content for name, content in files.items() if not name.startswith("step-") or name == last.name}
    return files | {"events": events(log)}


def checkpoint(folder: Path, path: Path) -> Any:
    """What a checkpoint holds, without the name of TensorBoard's file, which tells the time."""
    trainer = build(folder)
    trainer.load(path)
    state = {name: parameter.data.tobytes() for name, parameter in trainer.model.named_state()}
    state |= {name: np.asarray(array).tobytes() for name, array in trainer.optimizer.state().items()}
    stopping = next(each for each in trainer.callbacks if isinstance(each, EarlyStopping))
    kept = stopping.kept()
    state |= {f"best {name}": p.data.tobytes() for name, p in kept.named_state()} if kept is not None else {}
    progress = (trainer.epoch, trainer.batch, trainer.step, trainer.stopped, trainer.history, stopping.state())
    return state, progress, random.get_state(), trainer.train_loader.state()["position"], trainer.valid_loader.state()  # type: ignore[attr-defined, union-attr]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run that never stopped."""
    folder = tmp_path_factory.mktemp("straight")
    finish(folder)
    return traces(folder)


def assert_same(straight: dict[str, Any], folder: Path) -> None:
    found = traces(folder)
    assert found.keys() == straight.keys()
    for name in straight:
        assert found[name] == straight[name], name


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.long)])
def test_killed_at_any_moment(tmp_path: Path, straight: dict[str, Any], kills: int) -> None:
    chance = draws.Random(kills)
    killed = 0
    while killed < kills:
        process = life(tmp_path)
        steps_of(process, chance.randint(1, max(2, 60 // kills)))
        time.sleep(chance.uniform(0, 0.004))  # a batch takes about as long
        os.kill(process.pid, signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL, errors.decode()
        killed += 1
    finish(tmp_path)
    assert_same(straight, tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_asked_to_stop(tmp_path: Path, straight: dict[str, Any], number: int, status: int) -> None:
    process = life(tmp_path)
    steps_of(process, 10)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == status
    text = errors.decode()
    assert "stopping after this batch" in text and "Traceback" not in text
    last = latest(tmp_path / "checkpoints")
    assert f"fit(resume='{last}') goes on" in text and not (tmp_path / "weights").exists()
    finish(tmp_path)
    assert_same(straight, tmp_path)


# In one process


def stop_at(trainer: Trainer, step: int, number: int = signal.SIGINT, times: int = 1) -> None:
    class Stopping(Callback):
        def batch_end(self, trainer: Trainer) -> None:
            if trainer.step == step:
                for _ in range(times):
                    signal.raise_signal(number)

    trainer.callbacks.insert(0, Stopping())


def weights(trainer: Trainer) -> dict[str, bytes]:
    return {name: parameter.data.tobytes() for name, parameter in trainer.model.named_state()}


@pytest.mark.parametrize("step", [1, 5, 8, 12, 16])  # the last batch of an epoch among them
def test_fit_again_after_ctrl_c(tmp_path: Path, step: int, capfd: pytest.CaptureFixture[str]) -> None:
    one = build(tmp_path / "one", 2)
    one.fit()
    before = signal.getsignal(signal.SIGINT)
    two = build(tmp_path / "two", 2)
    stop_at(two, step)
    history = two.fit()
    assert two.step == step and len(history) == step // 8 - (step % 8 == 0)
    assert signal.getsignal(signal.SIGINT) is before
    assert f"batch {(step - 1) % 8 + 1} of the next" in capfd.readouterr().err
    two.fit()
    assert weights(one) == weights(two) and one.history == two.history
    three = build(tmp_path / "two", 2)
    three.callbacks = [each for each in three.callbacks if not isinstance(each, Checkpoint)]
    three.fit(resume=tmp_path / "two" / "checkpoints")  # a run that is over stays so
    assert weights(one) == weights(three) and one.history == three.history


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    trainer = build(tmp_path, 2)
    stop_at(trainer, 5, times=2)
    with pytest.raises(KeyboardInterrupt) as stopped:
        trainer.fit()
    assert type(stopped.value) is KeyboardInterrupt
    assert latest(tmp_path / "checkpoints") == tmp_path / "checkpoints" / "step-000003.safetensors"
    again = build(tmp_path, 2)
    again.fit(resume=tmp_path / "checkpoints")
    one = build(tmp_path / "one", 2)
    one.fit()
    assert weights(one) == weights(again)


def test_sigterm_leaves_the_program(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    trainer = build(tmp_path, 2)
    trainer.callbacks = [each for each in trainer.callbacks if not isinstance(each, Checkpoint)]
    stop_at(trainer, 2, signal.SIGTERM)
    with pytest.raises(SystemExit) as left:
        trainer.fit()
    assert left.value.code == 143
    assert "no Checkpoint, so nothing is saved" in capfd.readouterr().err


def test_in_a_thread_nobody_listens(tmp_path: Path) -> None:
    from threading import Thread

    trainer = build(tmp_path, 1)
    thread = Thread(target=trainer.fit)
    thread.start()
    thread.join()
    assert trainer.finished


def test_a_longer_run_goes_on_from_a_shorter_one(tmp_path: Path) -> None:
    build(tmp_path / "two", 2).fit()
    two = build(tmp_path / "two", 4)
    two.fit(resume=tmp_path / "two" / "checkpoints")
    one = build(tmp_path / "one", 4)
    one.fit()
    assert weights(one) == weights(two) and one.history == two.history


class Plain:
    """Batches in a new order each time, by a loader that keeps no state."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.x, self.t = rng.normal(size=(40, 5)).astype(np.float32), rng.integers(0, 3, 40)

    def __iter__(self) -> Any:
        order = random.generator().permutation(40)
        for start in range(0, 40, 8):
            rows = order[start : start + 8]
            yield self.x[rows], self.t[rows]


@pytest.mark.parametrize("step", [2, 5, 7])
def test_a_loader_without_state(tmp_path: Path, step: int) -> None:
    one = build(tmp_path / "one", 3, loader=Plain())
    one.fit()
    two = build(tmp_path / "two", 3, loader=Plain())
    stop_at(two, step)
    two.fit()
    three = build(tmp_path / "two", 3, loader=Plain())
    three.fit(resume=tmp_path / "two" / "checkpoints")
    assert weights(one) == weights(three) and one.history == three.history


def test_early_stopping_is_remembered(tmp_path: Path) -> None:
    """Where the best weights lie before the checkpoint, and where the run was stopped before it."""

    def make(folder: Path) -> Trainer:
        trainer = build(folder, 6, keep=None)
        trainer.callbacks = [each for each in trainer.callbacks if not isinstance(each, EarlyStopping)]
        trainer.callbacks.insert(1, EarlyStopping("lr", patience=2, mode="max"))  # which only falls
        return trainer

    one = make(tmp_path / "one")
    one.fit()
    assert one.epoch == 3 and "best 0.00961" in one.stopped
    for step in (8, 12, 24):
        two = make(tmp_path / f"{step}")
        two.callbacks = [each for each in two.callbacks if not isinstance(each, Checkpoint | TensorBoard)]
        two.fit(resume=tmp_path / "one" / "checkpoints" / f"step-{step:06d}.safetensors")
        assert weights(one) == weights(two) and one.history == two.history and one.stopped == two.stopped


def test_groups_keep_their_settings(tmp_path: Path) -> None:
    def make(folder: Path, epochs: int) -> Trainer:
        trainer = build(folder, epochs)
        layers = trainer.model.layers  # type: ignore[attr-defined]
        groups = [{"params": layers[0]}, {"params": [*layers[4].parameters(), *layers[7].parameters()], "lr": 0.03}]
        trainer.optimizer = Adam(0.01).setup(groups)
        trainer.callbacks[1] = Schedule(CosineAnnealingLR(trainer.optimizer, 4))
        return trainer

    one = make(tmp_path / "one", 4)
    one.fit()
    make(tmp_path / "two", 2).fit()
    two = make(tmp_path / "two", 4)
    two.fit(resume=tmp_path / "two" / "checkpoints")
    assert weights(one) == weights(two) and one.history == two.history


def test_a_plateau_is_remembered(tmp_path: Path) -> None:
    def make(folder: Path, epochs: int) -> Trainer:
        trainer = build(folder, epochs)
        plateau = ReduceLROnPlateau(trainer.optimizer, "max", factor=0.5, patience=1)  # of a loss that falls
        trainer.callbacks = [Schedule(plateau, monitor="valid_loss"), *trainer.callbacks[:1], *trainer.callbacks[2:]]
        trainer.callbacks.sort(key=lambda callback: callback.order)
        return trainer

    one = make(tmp_path / "one", 6)
    one.fit()
    assert len({row["lr"] for row in one.history}) > 1
    make(tmp_path / "two", 3).fit()
    two = make(tmp_path / "two", 6)
    two.fit(resume=tmp_path / "two" / "checkpoints")
    assert weights(one) == weights(two) and one.history == two.history


def test_the_best_is_remembered(tmp_path: Path) -> None:
    def make(epochs: int) -> Trainer:
        trainer = build(tmp_path, epochs, every_steps=None, monitor="lr", mode="max")
        trainer.callbacks = [each for each in trainer.callbacks if not isinstance(each, EarlyStopping)]
        return trainer

    make(1).fit()
    best = (tmp_path / "checkpoints" / "best.safetensors").read_bytes()
    make(3).fit(resume=tmp_path / "checkpoints")
    assert (tmp_path / "checkpoints" / "best.safetensors").read_bytes() == best


def test_tensorboard_without_its_file(tmp_path: Path) -> None:
    build(tmp_path, 1).fit()
    for path in (tmp_path / "events").iterdir():
        path.unlink()
    from wengert.errors import DataError

    with pytest.raises(DataError, match=r"(?s)TensorBoard: the log.*missing, or shorter.*put the file back"):
        build(tmp_path, 2).fit(resume=tmp_path / "checkpoints")
