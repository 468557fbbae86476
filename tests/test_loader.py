"""Loaders with worker processes, with chance, with a collate function; and where they stand."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wengert import random
from wengert.data import Arrays, DataLoader, Dataset, SequenceLoader, Spiral, Subset, collate, random_split
from wengert.data.workers import Workers
from wengert.errors import DataError, InputError, ShapeError


class Drawn:
    """Examples that are drawn anew every time, some slower than others."""

    def __init__(self, count: int = 12) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[float, int]:
        time.sleep(0.01 * (index % 3 == 0))
        return random.generator().random(), index


class Faulty(Drawn):
    """Examples of which one cannot be made."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault

    def __getitem__(self, index: int) -> tuple[float, int]:
        if index == 5:
            if self.fault == "error":
                raise KeyError("no such example")
            if self.fault == "stop":
                raise StopIteration
            if self.fault == "own":
                raise Unsendable(1, 2)
            if self.fault == "die":
                os._exit(3)
            if self.fault == "hang":
                time.sleep(100)
        return 0.0, index


class Unsendable(Exception):
    """An exception that pickle writes, and cannot read."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


class Pids(Drawn):
    """Examples that say in which process they were made."""

    def __getitem__(self, index: int) -> tuple[float, int]:
        return float(os.getpid()), index


class Tripled(Dataset):
    def prepare(self) -> None:
        self.data = np.arange(12.0)
        self.label = np.arange(12)


def triple(x: Any) -> Any:
    return x * 3


def total(examples: list[Any]) -> float:
    return float(sum(x for x, _ in examples))


def batches(loader: Any) -> list[list[list[float]]]:
    return [[part.tolist() for part in batch] for batch in loader]


def gone(pid: int) -> bool:
    """Whether a process ends within a few seconds."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.1)
    return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")


# Chance


@pytest.mark.parametrize("seed", [None, 7])
def test_batches_do_not_depend_on_the_number_of_workers(seed: int | None) -> None:
    drawn = []
    for workers, prefetch in ((0, 2), (1, 1), (3, 4)):
        random.seed(11)
        loader = DataLoader(Drawn(), 2, seed=seed, workers=workers, prefetch=prefetch)
        drawn.append([batches(loader), batches(loader), random.get_state()])
    assert drawn[0] == drawn[1] == drawn[2]
    first, second, _ = drawn[0]
    assert sorted(sum((t for _, t in first), [])) == list(range(12))
    values = sum((x for x, _ in first + second), [])
    assert len(set(values)) == 24  # every example drew its own


def test_examples_draw_without_disturbing_anyone() -> None:
    before = random.get_state()
    loader = DataLoader(Drawn(), 4, False, seed=1)
    first = batches(loader)
    assert random.get_state() == before
    assert first == batches(DataLoader(Drawn(), 4, False, seed=1)) != batches(loader)
    # By their place in the round, whatever the batches are.
    flat = sum((x for x, _ in batches(DataLoader(Drawn(), 3, False, seed=1))), [])
    assert flat == sum((x for x, _ in first), [])


def test_streams_look_independent() -> None:
    """Streams that lie a power of two apart are alike in their last bits; these must not be."""

    class Words:
        def __len__(self) -> int:
            return 4000

        def __getitem__(self, index: int) -> Any:
            return random.generator().integers(2**64, size=2, dtype=np.uint64)

    (words,) = DataLoader(Words(), 4000, False, seed=0)
    bits = (words[:, :, np.newaxis] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.045  # 5.7 standard deviations
    flips = (bits[1:] ^ bits[:-1]).mean(axis=0)
    assert np.abs(flips - 0.5).max() < 0.045


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop", [1, 4])
def test_a_loop_is_gone_on_with_exactly(workers: int, stop: int) -> None:
    loader = DataLoader(Drawn(), 2, workers=workers)
    kept: list[Any] = []
    for batch in loader:
        kept.append([part.tolist() for part in batch])
        if len(kept) == stop:
            state, generator = loader.state(), random.get_state()
    rest, following = kept[stop:], batches(loader)
    order = state.pop("order")
    state = json.loads(json.dumps(state)) | {"order": order}

    random.seed(99)
    resumed = DataLoader(Drawn(), 2, workers=2 - workers)
    resumed.load_state(state)
    random.set_state(generator)
    assert resumed.state()["position"] == stop
    assert batches(resumed) == rest
    assert batches(resumed) == following


def test_states_with_draws_are_checked() -> None:
    loader = DataLoader(Drawn(), 4, seed=0)
    for _ in loader:
        state = loader.state()
        break
    assert type(state["draws"]) is int
    for wrong in (-1, 2**63, 1.5, True):
        with pytest.raises(DataError, match="draws"):
            loader.load_state(state | {"draws": wrong})
    with pytest.raises(DataError, match="draws is missing"):
        loader.load_state({name: value for name, value in state.items() if name != "draws"})


# Workers


def test_workers_are_kept_from_round_to_round_and_end_with_the_loader() -> None:
    loader = DataLoader(Pids(), 3, False, workers=2)
    first = {int(pid) for x, _ in loader for pid in x}
    second = {int(pid) for x, _ in loader for pid in x}
    assert first == second and len(first) == 2 and os.getpid() not in first
    del loader
    assert all(gone(pid) for pid in first)


@needs_proc
@pytest.mark.parametrize("stepping", [False, True])
def test_workers_end_when_a_loop_is_left(stepping: bool) -> None:
    loader = DataLoader(Pids(100), 3, False, workers=2)
    if stepping:
        pids = {int(next(loader)[0][0]), int(next(loader)[0][0])}
        del loader  # with no collection of garbage
    else:
        pids = set()
        for x, _ in loader:
            pids.add(int(x[0]))
            if len(pids) == 2:
                break
        assert len(list(loader)) == 34
    assert len(pids) == 2 and all(gone(pid) for pid in pids)


def test_loops_with_workers_may_be_nested() -> None:
    loader = DataLoader(Drawn(4), 2, False, workers=1)
    assert [(a[0], b[0]) for _, a in loader for _, b in loader] == [(0, 0), (0, 2), (2, 0), (2, 2)]


def test_workers_see_the_data_set_as_it_is_now() -> None:
    dataset = Tripled(transform=triple)
    loader = DataLoader(dataset, 12, False, workers=1)
    assert next(iter(loader))[0].tolist() == (np.arange(12.0) * 3).tolist()
    loader = DataLoader(dataset, 6, False, workers=1)
    assert batches(loader)[0][0] == [0.0, 3.0, 6.0, 9.0, 12.0, 15.0]
    dataset.data = dataset.data + 1
    assert batches(loader)[0][0] == [3.0, 6.0, 9.0, 12.0, 15.0, 18.0]


def test_no_worker_is_started_where_rows_are_taken_at_one_stroke(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wengert.data.loader.Workers", None)
    before = random.get_state()
    assert len(list(DataLoader(Spiral(), 100, False, workers=4))) == 3
    assert random.get_state() == before


def test_large_batches_and_many_ahead_do_not_block() -> None:
    """Tasks and results larger than any pipe holds, in both directions at once."""
    loader = DataLoader(range(200_000), 50_000, workers=2, prefetch=8)
    assert sorted(np.concatenate(list(loader)).tolist()) == list(range(200_000))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_says_which_example_it_was(workers: int) -> None:
    loader = DataLoader(Faulty("error"), 2, False, workers=workers)
    seen = []
    with pytest.raises(KeyError, match="no such example") as error:
        for _, t in loader:
            seen.append(t.tolist())
    assert seen == [[0, 1], [2, 3]]
    notes = "\n".join(error.value.__notes__)
    assert "example 5 of Faulty" in notes
    if workers:
        assert "worker 0" in notes and 'raise KeyError("no such example")' in notes and "test_loader.py" in notes
    loader.dataset = Drawn()
    assert len(list(loader)) == 6


@pytest.mark.parametrize("workers", [0, 1])
def test_a_stop_iteration_does_not_end_the_data(workers: int) -> None:
    with pytest.raises(DataError, match="example 5 of Faulty raised StopIteration"):
        list(DataLoader(Faulty("stop"), 2, False, workers=workers))


def test_an_error_that_cannot_be_sent_comes_as_text() -> None:
    with pytest.raises(DataError, match="a worker failed") as error:
        list(DataLoader(Faulty("own"), 2, False, workers=1))
    assert "Unsendable: 1 and 2" in "\n".join(error.value.__notes__)


def test_a_worker_that_dies_is_noticed() -> None:
    start = time.perf_counter()
    with pytest.raises(DataError, match=r"worker 0 ended before its work was done \(exit code 3\)"):
        list(DataLoader(Faulty("die"), 2, False, workers=2))
    assert time.perf_counter() - start < 60


def test_a_worker_that_is_killed_is_noticed() -> None:
    loader = iter(DataLoader(Pids(1000), 1, False, workers=1, prefetch=1))
    pid = int(next(loader)[0][0])
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(DataError, match="worker 0 ended"):
        for _ in range(10):
            next(loader)
    with pytest.raises(StopIteration):
        next(loader)


def test_a_worker_that_hangs_is_noticed_and_ended() -> None:
    loader = iter(DataLoader(Faulty("hang"), 5, False, workers=1, timeout=20))
    next(loader)
    assert isinstance(loader._workers, Workers)  # type: ignore[attr-defined]
    loader._workers.timeout = 0.5  # type: ignore[attr-defined]  # it has started by now
    with pytest.raises(DataError, match=r"no batch came within 0\.5 s from worker 0"):
        next(loader)


def test_what_cannot_be_sent_is_said_at_once() -> None:
    loader = DataLoader(Tripled(transform=lambda x: x), 2, workers=1)
    with pytest.raises(InputError, match="(?s)Tripled cannot be sent to worker processes.*lambda.*workers=0"):
        next(loader)
    assert len(list(DataLoader(Tripled(transform=lambda x: x), 2))) == 6


def test_collate_functions() -> None:
    for workers in (0, 1):
        loader = DataLoader(Tripled(), 6, False, collate=total, workers=workers)
        assert list(loader) == [15.0, 51.0]


def test_settings_are_checked() -> None:
    for setting in ({"workers": -1}, {"workers": 1.5}, {"prefetch": 0}, {"timeout": 0}, {"timeout": "1"}):
        with pytest.raises(InputError, match=next(iter(setting))):
            DataLoader(Drawn(), 2, **setting)


def test_sequence_loader_with_workers() -> None:
    expected = [t.tolist() for _, t in SequenceLoader(Drawn(), 4)]
    assert expected == [[(i + 3 * reader) % 12 for reader in range(4)] for i in range(3)]
    assert [t.tolist() for _, t in SequenceLoader(Drawn(), 4, workers=2)] == expected


def run(program: str, tmp_path: Path, *, wait: bool = True) -> Any:
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(program))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, str(path)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    return process.communicate(timeout=100) if wait else process


SCRIPT = """
    import os, sys, time
    import numpy as np
    from wengert.data import DataLoader

    class Pids:
        def __len__(self):
            return 1000
        def __getitem__(self, index):
            time.sleep(SLEEP if index > 4 else 0)
            return os.getpid()

    def main():
        loader = DataLoader(Pids(), 1, False, workers=2)
        pids = sorted({int(pid[0]) for pid, _ in zip(loader, range(4))})
        batches = iter(loader)
        print(*{int(next(batches)[0]) for _ in range(4)}, flush=True)
        REST
"""


@needs_proc
@pytest.mark.parametrize("sleep", [0, 60])
def test_workers_end_when_the_main_process_is_killed(tmp_path: Path, sleep: int) -> None:
    program = SCRIPT.replace("SLEEP", str(sleep)).replace("REST", "time.sleep(60)")
    process = run(textwrap.dedent(program) + '\nif __name__ == "__main__":\n    main()\n', tmp_path, wait=False)
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 2
    process.kill()
    process.communicate()
    assert all(gone(pid) for pid in pids)


@needs_proc
@pytest.mark.parametrize("rest", ["return batches", "raise KeyboardInterrupt", "sys.exit(0)"])
def test_a_program_ends_in_the_middle_of_a_loop(tmp_path: Path, rest: str) -> None:
    program = SCRIPT.replace("SLEEP", "0").replace("REST", rest)
    start = time.perf_counter()
    output, errors = run(textwrap.dedent(program) + '\nif __name__ == "__main__":\n    kept = main()\n', tmp_path)
    assert time.perf_counter() - start < 60
    assert len(output.split()) == 2 and all(gone(int(pid)) for pid in output.split())
    assert errors.count("Traceback") == (rest == "raise KeyboardInterrupt"), errors


def test_a_script_without_a_main_part_fails_and_does_not_hang(tmp_path: Path) -> None:
    program = SCRIPT.replace("SLEEP", "0").replace("REST", "return")
    _, errors = run(textwrap.dedent(program) + "\nmain()\n", tmp_path)
    assert "if __name__ == '__main__'" in errors and "ended before its work was done" in errors


# Parts of data sets, and batches


def test_subsets() -> None:
    arrays = Arrays(np.arange(10) * 10, np.arange(10))
    part = Subset(arrays, [7, 2, 5])
    assert [int(t) for _, t in (part[i] for i in range(3))] == [7, 2, 5] and part[-1][1] == 5
    assert [t.tolist() for _, t in DataLoader(part, 2, False)] == [[7, 2], [5]]
    assert [t.tolist() for _, t in DataLoader(Subset(part, [2, 0]), 2, False)] == [[5, 7]]
    assert len(part[1:]) == 2 and part[1:][0][1] == 2
    assert [t.tolist() for _, t in DataLoader(Subset(Tripled(transform=triple), [4, 1]), 2, False)] == [[4, 1]]
    for wrong in ([10], [-1], [1.5], [[1]]):
        with pytest.raises(InputError, match="Subset"):
            Subset(arrays, wrong)


def test_random_split() -> None:
    random.seed(4)
    first, second = random_split(Arrays(np.arange(10)), 7, 2)
    assert (len(first), len(second)) == (7, 2)
    rows = [*first.rows.tolist(), *second.rows.tolist()]
    assert len(set(rows)) == 9 and rows != sorted(rows)
    random.seed(4)
    assert random_split(Arrays(np.arange(10)), 7, 2)[0].rows.tolist() == first.rows.tolist()
    for wrong in ((11,), (5, 6), (-1,), (1.5,)):
        with pytest.raises(InputError, match="random_split"):
            random_split(Arrays(np.arange(10)), *wrong)  # type: ignore[arg-type]


def test_collate() -> None:
    batch = collate([{"x": np.ones(2), "t": (1, 2)}, {"x": np.zeros(2), "t": (3, 4)}])
    assert batch["x"].tolist() == [[1, 1], [0, 0]] and [part.tolist() for part in batch["t"]] == [[1, 3], [2, 4]]
    for wrong in ([{"x": 1}, {"y": 1}], [(1, 2), (1,)], [np.ones(2), np.ones(3)], [(1, 2), 3]):
        with pytest.raises(ShapeError, match="cannot be put in one batch"):
            collate(wrong)
