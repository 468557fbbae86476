"""Loaders: a data set in batches, in a new order each time round; or as parallel sequences.  Next: workers.py."""

from collections.abc import Callable, Iterator
from typing import Any
from weakref import proxy, ref

import numpy as np

from wengert import random
from wengert.data.dataset import Arrays, Dataset, Subset, by_place
from wengert.data.dataset import collate as put_together
from wengert.data.workers import Task, Workers, batch_of
from wengert.errors import DataError, InputError, describe

__all__ = ["DataLoader", "SeqDataLoader", "SequenceLoader"]

_MOST = 2**63  # the seed of a round is below


class DataLoader:
    """A data set in batches: every loop over it goes once through the data, from the beginning.

    Args:
        dataset: Anything with a length whose examples can be asked for by number; or anything that can be looped over,
            a generator for example, whose examples come in its own order.
        batch_size: Examples in a batch [1, ...].
        shuffle: Whether they come in a new order each time; by default they do where they are asked for by number.
        drop_last: Whether to leave out a last batch that has fewer examples.
        seed: A number starts a generator of the loader's own; where None, orders are drawn from Wengert's.
        collate: Makes a batch of a list of examples; where None, `wengert.data.collate`.
        workers: Processes that make batches ahead of time; with 0 they are made here, when they are asked for. Where
            all of a batch can be taken from arrays at one stroke, no process is started.
        prefetch: Batches that each worker makes ahead [1, ...].
        timeout: The longest to wait for a worker's batch [s]; None waits as long as it takes.

    Examples that are asked for one by one (those with a transform, say) each find in `wengert.random` a stream of
    random numbers of their own, begun anew from the loader's generator each time round: so batches are the same
    whatever the number of workers, and the same again in a run that is resumed.

    Raises:
        InputError: a setting is no number, or too small; or the data set cannot be sent to a worker.
        DataError: the data set is empty; or, in a loop, a worker has ended, or is not done in time.

    An exception in a worker is raised where the loop is, with the number of the example and the worker's traceback in
    its notes. A script that uses workers has its main part under ``if __name__ == "__main__"``.

    Example:
        >>> from wengert.data import Arrays
        >>> loader = DataLoader(Arrays(np.arange(5.0), np.arange(5)), batch_size=2, shuffle=False)
        >>> for x, t in loader:
        ...     print(x, t)
        [0. 1.] [0 1]
        [2. 3.] [2 3]
        [4.] [4]
        >>> len(loader)
        3
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        shuffle: bool | None = None,
        *,
        drop_last: bool = False,
        seed: int | None = None,
        collate: Callable[[list[Any]], Any] | None = None,
        workers: int = 0,
        prefetch: int = 2,
        timeout: float | None = None,
    ) -> None:
        dataset = by_place(type(self).__name__, dataset)
        self._streams = not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__"))
        if self._streams:
            _check_stream(type(self).__name__, dataset, shuffle, workers)
        self.dataset = dataset
        self.collate = collate
        self.workers = _whole_number(type(self).__name__, "workers", workers, 0)
        self.prefetch = _whole_number(type(self).__name__, "prefetch", prefetch, 1)
        if timeout is not None and not (isinstance(timeout, int | float) and timeout > 0):
            raise InputError(f"{type(self).__name__}: timeout is a number of seconds above 0, and this is {timeout!r}.")
        self.timeout = timeout
        self.batch_size = _whole_number(type(self).__name__, "batch_size", batch_size, 1)
        self.shuffle = not self._streams if shuffle is None else shuffle
        self.drop_last = drop_last
        self._own = None
        if seed is not None:
            self._own = np.random.Generator(np.random.PCG64(_whole_number(type(self).__name__, "seed", seed, 0)))
        if not self._streams and not len(dataset):
            raise DataError(f"{type(self).__name__}: the data set, of class {type(dataset).__name__}, is empty.")
        # Who loops holds the round; a loop that was left early lets go of it, and so it no longer counts.
        self._latest: ref[_Round] | None = None
        self._resumed: _Round | None = None
        self._stepping: _Round | None = None
        self._idle: Workers | None = None  # between rounds; a round that is left early takes its workers with it

    def __len__(self) -> int:
        if self._streams:
            raise TypeError(f"{type(self).__name__}: how many examples {_named(self.dataset)} has is not known.")
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (1 if rest and not self.drop_last else 0)

    def __iter__(self) -> Iterator[Any]:
        if self._streams:
            return self._stream()
        if self._resumed is not None:
            begun, self._resumed = self._resumed, None
            begun.loader = self
        else:
            begun = _Round(self, self._new_order())
        self._latest = ref(begun)
        self._stepping = None
        return begun

    def _stream(self) -> Iterator[Any]:
        """The batches of examples that come one after the other."""
        examples: list[Any] = []
        found = False
        for example in self.dataset:
            found = True
            examples.append(example)
            if len(examples) == self.batch_size:
                yield (self.collate or put_together)(examples)
                examples = []
        if examples and not self.drop_last:
            yield (self.collate or put_together)(examples)
        if not found:
            raise DataError(
                f"{type(self).__name__}: {_named(self.dataset)} gave no example; one that has been looped over has "
                "none left.\n    Fix: for several rounds, give a class whose __iter__ begins anew, or a list."
            )

    def __next__(self) -> Any:
        if self._streams:
            raise InputError(f"{type(self).__name__}: loop over it: {_named(self.dataset)} is not asked by number.")
        if self._stepping is None:
            begun = iter(self)
            assert isinstance(begun, _Round)
            begun.loader = proxy(self)  # so that the two, with their workers, go when the loader is dropped
            self._stepping = begun
        try:
            return next(self._stepping)
        except StopIteration:
            self._stepping = None
            raise

    def next(self) -> Any:
        """The same as ``next(loader)``, as in the book."""
        return next(self)

    def reset(self) -> None:
        """Begin again from the beginning."""
        self._stepping = self._resumed = self._latest = None

    def state(self) -> dict[str, Any]:
        """Where the loop over this loader stands: for `load_state` to go on from.

        Example:
            >>> from wengert.data import Arrays
            >>> loader = DataLoader(Arrays(np.arange(6)), 2, seed=0)
            >>> for (x,) in loader:
            ...     state = loader.state()
            ...     break
            >>> state["position"]
            1

        Raises:
            InputError: the examples come one after the other, and nobody knows how to go on from there.
        """
        if self._streams:
            raise InputError(
                f"{type(self).__name__}: where {_named(self.dataset)} stands cannot be kept.\n"
                "    Fix: for a run that is to be resumed, give examples that can be asked for by number."
            )
        current = self._resumed or (self._latest() if self._latest is not None else None)
        under_way = current is not None and not current.done
        return {
            "examples": len(self.dataset),
            "batch_size": self.batch_size,
            "position": current.position if current is not None and under_way else None,
            "order": current.order if current is not None and under_way else None,
            "draws": current.draws if current is not None and under_way else None,
            "generator": None if self._own is None else dict(self._own.bit_generator.state),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Let the next loop go on from where `state` was asked for.

        Raises:
            DataError: it is the state of a loader of other data or other batches; nothing has been changed then.

        Example:
            >>> from wengert.data import Arrays
            >>> loader = DataLoader(Arrays(np.arange(6)), 2, shuffle=False)
            >>> state = loader.state() | {"position": 2}
            >>> loader.load_state(state)
            >>> list(loader)
            [(array([4, 5]),)]
        """
        different = self.differences(state)
        if different:
            raise DataError("\n    ".join([f"this is not the state of this {type(self).__name__}:", *different]))
        self.reset()
        if self._own is not None:
            self._own.bit_generator.state = state["generator"]
        if state["position"] is not None:
            self._resumed = _Round(proxy(self), state["order"], state["position"], state["draws"])

    def differences(self, state: dict[str, Any]) -> list[str]:
        """One line for everything in which ``state`` does not fit this loader."""
        names = ("examples", "batch_size", "position", "order", "draws", "generator")
        missing = [name for name in names if name not in state]
        if missing:
            return [f"{name} is missing" for name in missing]
        lines = []
        for name, mine in (("examples", len(self.dataset)), ("batch_size", self.batch_size)):
            if state[name] != mine:
                lines.append(f"{name}: saved with {state[name]!r}, and here it is {mine}")
        position, order, generator = state["position"], state["order"], state["generator"]
        if position is not None and not (type(position) is int and 0 <= position <= len(self)):
            lines.append(f"position: {position!r} is no number of batches from 0 to {len(self)}")
        if position is not None and (order is None) == self.shuffle:
            lines.append(
                f"order: saved {'without' if order is None else 'with'} shuffle, and here it is {self.shuffle}"
            )
        elif order is not None and not _is_order(order, len(self.dataset)):
            lines.append("order: does not name every example once")
        draws = state["draws"]
        if draws is not None and not (type(draws) is int and 0 <= draws < _MOST):
            lines.append(f"draws: {draws!r} is no whole number from 0 to {_MOST - 1}")
        if (generator is None) != (self._own is None):
            lines.append("seed: saved with one and here there is none, or the other way round")
        elif generator is not None:
            try:
                np.random.PCG64().state = generator
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                lines.append(f"generator: not a state of one ({error})")
        return lines

    def _new_order(self) -> Any:
        if not self.shuffle:
            return None
        return (self._own or random.generator()).permutation(len(self.dataset))

    def _new_draws(self) -> int:
        return int((self._own or random.generator()).integers(_MOST))

    def _rows(self, order: Any, number: int) -> Any:
        """The numbers of the examples in the batch of this number."""
        start = number * self.batch_size
        rows = slice(start, min(start + self.batch_size, len(self.dataset)))
        return rows if order is None else order[rows]


class SequenceLoader(DataLoader):
    """A long sequence in parallel: batch by batch, ``batch_size`` readers each go one example on.

    The readers begin at equal distances, and go on from the end of the data to its beginning; a loop ends when they
    have read as much as the data holds.

    Args:
        dataset: A sequence of examples, in order.
        batch_size: The number of readers [1, ...].
        collate, workers, prefetch, timeout: As in `DataLoader`.

    Raises:
        InputError: ``batch_size`` is no whole number from 1 on, or larger than the data set.
        DataError: the data set is empty.

    Example:
        >>> from wengert.data import Arrays
        >>> for (x,) in SequenceLoader(Arrays(np.arange(6)), 2):
        ...     print(x)
        [0 3]
        [1 4]
        [2 5]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        *,
        collate: Callable[[list[Any]], Any] | None = None,
        workers: int = 0,
        prefetch: int = 2,
        timeout: float | None = None,
    ) -> None:
        super().__init__(
            dataset, batch_size, False, collate=collate, workers=workers, prefetch=prefetch, timeout=timeout
        )
        if self.batch_size > len(dataset):
            raise InputError(f"SequenceLoader: {batch_size} readers cannot share {len(dataset)} examples.")

    def _rows(self, order: Any, number: int) -> Any:
        count = len(self.dataset)
        return (np.arange(self.batch_size) * (count // self.batch_size) + number) % count


def _named(dataset: Any) -> str:
    return f"this {type(dataset).__name__}"


def _check_stream(owner: str, dataset: Any, shuffle: bool | None, workers: Any) -> None:
    if not hasattr(dataset, "__iter__"):
        raise InputError(
            f"{owner} takes a data set: examples by number, with a length, or in a row, and was given "
            f"{describe(dataset)}.\n    Fix: write __len__ and __getitem__, or __iter__; call a generator function."
        )
    if shuffle or workers:
        asked = "shuffle=True" if shuffle else "workers"
        raise InputError(
            f"{owner}: {asked} asks for examples by number, and {_named(dataset)} gives them in a row.\n"
            "    Fix: leave it away, or give list(examples)."
        )


class _Round:
    """Once through the data."""

    def __init__(self, loader: DataLoader, order: Any, position: int = 0, draws: int | None = None) -> None:
        self.loader = loader
        self.order = order
        self.position = position  # the number of batches given out
        self.draws = draws  # what the streams of the examples begin from; None before the first that needs one
        self.done = False
        self._workers: Workers | None = None
        self._told = 0  # the number of batches that workers have been told to make, or that needed none

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.done or self.position >= len(self.loader):
            self.done = True
            # The workers have nothing under way: the next round can have them.
            self.loader._idle, self._workers = self._workers or self.loader._idle, None
            raise StopIteration
        try:
            batch = self._batch()
        except BaseException:
            # At once: the traceback holds on to the workers.
            workers, self.done, self._workers = self._workers, True, None
            if workers is not None:
                workers.end()
            raise
        self.position += 1
        return batch

    def _batch(self) -> Any:
        loader = self.loader
        dataset = loader.dataset
        if self._workers is None and loader.collate is None and isinstance(dataset, Arrays | Dataset | Subset):
            taken = dataset.take(loader._rows(self.order, self.position))
            if taken is not None:
                return taken
        if self.draws is None:
            self.draws = loader._new_draws()
        if not loader.workers:
            return batch_of(dataset, loader.collate or put_together, self._task(self.position))
        if self._workers is None:
            self._workers = self._engaged()
            self._told = self.position
        until = min(self.position + loader.workers * loader.prefetch, len(loader))
        for number in range(self._told, until):
            self._workers.send(number, self._task(number))
        self._told = max(self._told, until)
        return self._workers.receive(self.position)

    def _task(self, number: int) -> Task:
        assert self.draws is not None
        return self.loader._rows(self.order, number), self.draws, number * self.loader.batch_size

    def _engaged(self) -> Workers:
        """Workers that have the data set: those of the round before, or new ones."""
        loader = self.loader
        workers, loader._idle = loader._idle, None
        if workers is None or len(workers) != loader.workers:
            workers = Workers(loader.workers, loader.timeout)
        workers.timeout = loader.timeout
        workers.load(loader.dataset, loader.collate or put_together)
        return workers


def _is_order(order: Any, count: int) -> bool:
    return (
        isinstance(order, np.ndarray)
        and order.dtype.kind == "i"
        and order.shape == (count,)
        and np.array_equal(np.sort(order), np.arange(count))
    )


def _whole_number(owner: str, name: str, value: Any, low: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        raise InputError(f"{owner}: {name} is a whole number from {low} on, and this is {value!r}.")
    return int(value)


SeqDataLoader = SequenceLoader  # the book's name
