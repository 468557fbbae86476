"""Worker processes that make batches ahead of time.  The loader in loader.py decides which; nothing is decided here.

A worker lives as long as the pipe it is told its tasks through: when the loader is dropped, a loop is left early or the
main process dies, the pipe closes, and the worker ends, whatever it is doing.
"""

import hashlib
import multiprocessing
import os
import pickle
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any
from weakref import finalize

import numpy as np

from wengert import random
from wengert.data.places import row_of
from wengert.errors import DataError, InputError

__all__ = ["Task", "Workers", "batch_of", "streams"]

# How far one example's stream of random numbers lies from the next: an odd fraction of PCG64's period, by the golden
# ratio, as NumPy's own PCG64.jumped; a power of two would leave the streams alike in their last bits.
_JUMP = 0x9E3779B97F4A7C15F39CC0605CEDC835

Task = tuple[Any, int, int]  # the numbers of the examples; the seed of the round; the place of the first in the round


def streams(seed: int, first: int) -> Generator[int, None, None]:
    """Place after place in a round, from ``first`` on: at each, Wengert's generator begins a stream of its own.

    So the same numbers are drawn for an example wherever, and in whatever order, the examples are made.  When this is
    closed, the generator is where it was before.

    Example:
        >>> with closing(streams(5, 0)) as places:
        ...     a = [random.generator().random() for _ in zip(range(2), places)]
        >>> with closing(streams(5, 1)) as places:
        ...     a[1] == [random.generator().random() for _ in zip(range(1), places)][0]
        True
    """
    bits: Any = random.generator().bit_generator
    kept, start = bits.state, np.random.PCG64(seed).state
    try:
        for place in count(first):
            bits.state = start
            bits.advance(place * _JUMP % 2**128)
            yield place
    finally:
        bits.state = kept


def batch_of(dataset: Any, collate: Callable[[list[Any]], Any], task: Task) -> Any:
    """The examples of one batch, asked for one by one and put together.

    Example:
        >>> batch_of([10, 20, 30], list, (np.array([2, 0]), 5, 0))
        [30, 10]
    """
    rows, seed, first = task
    examples = []
    numbers: Iterable[int] = range(rows.start, rows.stop) if isinstance(rows, slice) else rows.tolist()
    with closing(streams(seed, first)) as places:
        for number, _ in zip(numbers, places, strict=False):
            try:
                examples.append(row_of(dataset, number))
            except StopIteration as error:  # it would end the loop, as if that were all the data
                raise DataError(f"example {number} of {type(dataset).__name__} raised StopIteration.") from error
            except Exception as error:
                error.add_note(f"This was example {number} of {type(dataset).__name__}.")
                raise
    return collate(examples)


class Workers:
    """Processes that make batches of one data set.

    Args:
        number: How many [1, ...].
        timeout: The longest to wait for a batch [s]; None waits as long as it takes.
    """

    def __init__(self, number: int, timeout: float | None) -> None:
        self.timeout = timeout
        self._digest = b""
        self._processes: list[Any] = []
        self._tasks: list[Connection] = []
        self._results: list[Connection] = []
        # Before the processes are there, so that those already started end where a later one fails to start.
        self._finalizer = finalize(self, _end, os.getpid(), self._processes, self._tasks, self._results)
        methods = multiprocessing.get_all_start_methods()
        context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        for index in range(number):
            (tasks, tell), (hear, results) = context.Pipe(duplex=False), context.Pipe(duplex=False)
            process = context.Process(
                target=_work, args=(tasks, results), name=f"wengert data worker {index}", daemon=True
            )
            self._tasks.append(tell)
            self._results.append(hear)
            process.start()
            self._processes.append(process)
            # Only the worker holds its ends, so that one side sees when the other is gone.
            tasks.close()
            results.close()

    def __len__(self) -> int:
        return len(self._processes)

    def load(self, dataset: Any, collate: Callable[[list[Any]], Any]) -> None:
        """Give every worker the data set, unless they have it already as it is now.

        Raises:
            InputError: the data set, a transform in it or the collate function cannot be sent.
        """
        try:
            content = bytes(ForkingPickler.dumps((dataset, collate)))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise InputError(
                f"DataLoader: {type(dataset).__name__} cannot be sent to worker processes: {error}.\n"
                "    Fix: functions with names at the top of a module instead of lambda; or workers=0."
            ) from error
        digest = hashlib.sha256(content).digest()
        if digest != self._digest:
            for index in range(len(self._processes)):
                self.send(index, content)
            self._digest = digest

    def send(self, number: int, task: Task | bytes) -> None:
        """Let the worker whose turn it is make batch ``number``."""
        index = number % len(self._processes)
        try:
            self._tasks[index].send(task)
        except (BrokenPipeError, ConnectionError) as error:
            raise self._ended(index) from error

    def receive(self, number: int) -> Any:
        """Batch ``number``, when it is ready.

        Raises:
            DataError: the worker has ended, or the time is up.
            Exception: what the data set raised in the worker, with the worker's traceback in its notes.
        """
        index = number % len(self._processes)
        results = self._results[index]
        try:
            if self.timeout is not None and not results.poll(self.timeout):
                raise DataError(f"DataLoader: no batch came within {self.timeout} s from worker {index}.")
            kind, content = results.recv()
        except (EOFError, ConnectionError) as error:
            raise self._ended(index) from error
        if kind == "batch":
            return content
        pickled, text = content
        failure = DataError("DataLoader: a worker failed.") if pickled is None else pickle.loads(pickled)
        failure.add_note(f"It happened in worker {index}:\n{text}")
        raise failure

    def end(self) -> None:
        """End the processes."""
        self._finalizer()

    def _ended(self, index: int) -> DataError:
        process = self._processes[index]
        process.join(1)
        return DataError(
            f"DataLoader: worker {index} ended before its work was done (exit code {process.exitcode}).\n"
            "    Fix: if it was killed for its memory, fewer workers; if this is a script, its main part belongs under "
            "if __name__ == '__main__'."
        )


def _end(owner: int, processes: list[Any], tasks: list[Connection], results: list[Connection]) -> None:
    if os.getpid() != owner:  # a fork of the process that they work for
        return
    for connection in (*tasks, *results):
        connection.close()
    deadline = time.monotonic() + 1
    for process in processes:
        process.join(max(0, deadline - time.monotonic()))
        if process.exitcode is None:
            process.kill()
            process.join()


def _work(tasks: Connection, results: Connection) -> None:
    """What a worker process runs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process hears it too, and ends its workers
    waiting: queue.SimpleQueue[Task | bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(tasks, waiting), daemon=True).start()
    dataset = collate = None
    failed: tuple[str, Any] | None = None
    while True:
        task = waiting.get()
        answer: tuple[str, Any]
        try:
            if isinstance(task, bytes):
                failed = None
                dataset, collate = pickle.loads(task)
                continue
            if failed is None:
                assert collate is not None
                answer = "batch", batch_of(dataset, collate, task)
            else:
                answer = failed
            content = ForkingPickler.dumps(answer)
        except Exception as error:
            answer = "error", (_pickled(error), traceback.format_exc())
            if isinstance(task, bytes):  # nobody waits for an answer to this
                failed = answer
                continue
            content = ForkingPickler.dumps(answer)
        try:
            results.send_bytes(content)
        except (BrokenPipeError, ConnectionError):
            return


def _listen(tasks: Connection, waiting: queue.SimpleQueue[Task | bytes]) -> None:
    """Take in tasks while examples are made: the main process never waits for us to listen, and we hear it go."""
    try:
        while True:
            waiting.put(tasks.recv())
    except BaseException:  # the pipe is closed, or was when the main process ended
        os._exit(0)


def _pickled(error: Exception) -> bytes | None:
    """The exception as the main process can read it; None where it cannot."""
    try:
        content = pickle.dumps(error)
        return content if isinstance(pickle.loads(content), Exception) else None
    except Exception:
        return None
