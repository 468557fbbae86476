"""A training that is disturbed between two batches, at any moment, goes on to the same end."""

import errno
import os
import signal

import numpy as np
import pytest

import wengert
from wengert import functions as F
from wengert.data import Arrays, DataLoader
from wengert.errors import DataError, InputError
from wengert.layers import Linear
from wengert.optimizers import SGD, ExponentialLR
from wengert.training import Callback, Checkpoint, CSVLog, EarlyStopping, TensorBoard, Trainer

X = np.random.default_rng(0).standard_normal((12, 3)).astype(np.float32)
Y = X @ np.array([[1.0], [2.0], [-1.0]], np.float32)


class Fails(Callback):
    """Raises at one of the things that it is told."""

    def __init__(self, at, error):
        self.at, self.error, self.told = at, error, 0

    def _count(self):
        self.told += 1
        if self.told == self.at:
            raise self.error

    def batch_end(self, trainer):
        self._count()

    def epoch_end(self, trainer):
        self._count()


class Decays(Callback):
    def epoch_end(self, trainer):
        self.scheduler.step()

    def start(self, trainer):
        if not hasattr(self, "scheduler"):
            self.scheduler = ExponentialLR(trainer.optimizer, 0.5)


class Ended(Callback):
    times = 0

    def end(self, trainer):
        self.times += 1


def made(*callbacks, epochs=3):
    wengert.seed(0)
    model = Linear(1, in_size=3)
    ended = Ended()
    loader = DataLoader(Arrays(X, Y), 4, seed=1)
    trainer = Trainer(model, SGD(0.1), F.mse_loss, loader, epochs=epochs, callbacks=[*callbacks, Decays(), ended])
    return trainer, model, ended


def end_of(trainer, model):
    return model.weight.data.copy(), trainer.optimizer.lr, [row["loss"] for row in trainer.history]


@pytest.mark.parametrize("at", range(1, 13))
def test_a_callback_that_fails(at, tmp_path):
    trainer, model, ended = made()
    trainer.fit()
    expected = end_of(trainer, model)
    error = OSError(errno.ENOSPC, "no space left on device")
    trainer, model, ended = made(Fails(at, error))
    with pytest.raises(OSError):
        trainer.fit()
    with pytest.raises(InputError, match=r"(?s)have not been told.*Fix"):
        trainer.save(tmp_path / "late")
    trainer.fit()
    got = end_of(trainer, model)
    np.testing.assert_array_equal(got[0], expected[0])
    assert got[1:] == expected[1:]
    assert trainer.finished and ended.times == 1


@pytest.mark.parametrize("at", [1, 4, 12])
def test_a_callback_that_is_cut_off(at, tmp_path):
    """What it had done by then nobody knows: the same Trainer does not go on, and a checkpoint does."""
    trainer, model, _ = made()
    trainer.fit()
    expected = end_of(trainer, model)
    trainer, model, ended = made(Fails(at, KeyboardInterrupt()))
    trainer.save(tmp_path / "first")
    with pytest.raises(KeyboardInterrupt):
        trainer.fit()
    with pytest.raises(InputError, match=r"(?s)cannot go on.*Fix"):
        trainer.fit()
    trainer, model, ended = made()
    trainer.fit(resume=tmp_path / "first")
    np.testing.assert_array_equal(end_of(trainer, model)[0], expected[0])


def test_a_checkpoint_after_a_failure_begins_where_it_was_written(tmp_path):
    trainer, model, _ = made()
    trainer.fit()
    expected = end_of(trainer, model)
    trainer, model, _ = made(Fails(4, OSError(errno.ENOSPC, "no space left on device")))
    trainer.save(tmp_path / "first")
    with pytest.raises(OSError):
        trainer.fit()
    trainer.fit(resume=tmp_path / "first")
    np.testing.assert_array_equal(end_of(trainer, model)[0], expected[0])


class Interrupts(Callback):
    def __init__(self, at):
        self.at, self.told = at, 0

    def batch_end(self, trainer):
        self.told += 1
        if self.told == self.at:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("at", range(1, 10))
def test_ctrl_c_between_batches(at, capsys):
    trainer, model, _ = made()
    trainer.fit()
    expected = end_of(trainer, model)
    trainer, model, ended = made(Interrupts(at))
    trainer.fit()
    while not ended.times:
        assert not trainer.finished or trainer.batch == 0
        trainer.fit()
    got = end_of(trainer, model)
    np.testing.assert_array_equal(got[0], expected[0])
    assert got[1:] == expected[1:] and ended.times == 1


class LastEpoch(Callback):
    """Ctrl-C while the last epoch is being closed."""

    def epoch_end(self, trainer):
        if trainer.epoch == trainer.epochs:
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_at_the_very_end_leaves_nothing_out(capsys):
    trainer, model, ended = made(LastEpoch(), epochs=4)
    best = EarlyStopping("loss", patience=5, restore_best=True)
    trainer.callbacks.insert(0, best)
    trainer.fit()
    assert trainer.finished and ended.times == 1


def test_a_checkpoint_that_cannot_be_written(tmp_path, monkeypatch):
    trainer, model, _ = made()
    trainer.fit()
    expected = end_of(trainer, model)
    trainer, model, ended = made(Checkpoint(tmp_path))
    import wengert.files as files

    names = [name for name in vars(files) if name.startswith("write")]
    whole, broken = os.replace, []

    def full(*paths, **options):
        if not broken:
            broken.append(paths)
            raise OSError(errno.ENOSPC, "no space left on device")
        return whole(*paths, **options)

    assert names
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises((OSError, wengert.errors.DataError)):
        trainer.fit()
    trainer.fit()
    got = end_of(trainer, model)
    np.testing.assert_array_equal(got[0], expected[0])
    assert got[1:] == expected[1:] and broken


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="the system has no limit for the size of a file")
@pytest.mark.parametrize("limit", [0, 1, 40, 100, 200, 300, 400, 500, 700, 1000])
@pytest.mark.parametrize("logs", [["TensorBoard"], ["CSVLog"], ["Checkpoint"], ["TensorBoard", "CSVLog", "Checkpoint"]])
def test_a_disk_that_is_full_at_any_byte(logs, limit, tmp_path):
    """The run goes on where it stood, and what it leaves is what it leaves where there was room: nothing torn or twice."""
    import resource

    def left(folder, full):
        folder.mkdir()
        every = {
            "TensorBoard": lambda: TensorBoard(folder, every_steps=1),
            "CSVLog": lambda: CSVLog(folder / "log.csv"),
            "Checkpoint": lambda: Checkpoint(folder / "saved", every_steps=2),
        }
        trainer, model, _ = made(*[every[name]() for name in logs])
        limits, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            if full:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
            trainer.fit()
        except OSError as error:
            assert full and str(folder) in str(error)
        except DataError as error:
            assert full and "cannot be written" in str(error)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, ignored)
        trainer.fit()
        names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if "tfevents" not in path.name)
        return names, [lengths(path) for path in folder.glob("*tfevents*")], end_of(trainer, model)

    def lengths(path):
        content, found = path.read_bytes(), []
        while content:
            length = int.from_bytes(content[:8], "little")
            assert len(content) >= length + 16
            content = content[length + 16 :]
            found.append(length)
        return found

    got, expected = left(tmp_path / "full", True), left(tmp_path / "free", False)
    assert got[:2] == expected[:2]
    np.testing.assert_array_equal(got[2][0], expected[2][0])
    assert got[2][1:] == expected[2][1:]
