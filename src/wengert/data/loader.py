"""Loaders: a data set in batches, in a new order each time round; or as parallel sequences.  Next: workers.py."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any
from weakref import proxy, ref

import numpy as np

from wengert import random
from wengert.data.dataset import Arrays, Dataset, Subset
from wengert.data.dataset import collate as put_together
from wengert.data.places import count_of
from wengert.data.workers import Task, Workers, batch_of, streams
from wengert.errors import DataError, DtypeError, InputError, describe

__all__ = ["DataLoader", "SeqDataLoader", "SequenceLoader"]

_MOST = 2**63  # the seed of a round is below


class DataLoader:
    """A data set in batches: every loop over it goes once through the data, from the beginning.

    Args:
        dataset: Anything with a length whose examples can be asked for by number; or what gives examples one after
            the other, in an order of its own: anything that can be looped over, or a generator function, which is
            called anew each time round. A generator, a file or a ``map`` can be gone through once.
        batch_size: Examples in a batch [1, ...].
        shuffle: Whether they come in a new order each time; where None, they do if they are asked for by number and
            there is no sampler.
        drop_last: Whether to leave out a last batch that has fewer examples.
        seed: A number starts a generator of the loader's own; where None, orders are drawn from Wengert's.
        sampler: The numbers of the examples of a round, in order; gone through anew each time round. A list, a
            `WeightedSampler`, or anything that can be looped over.
        collate: Makes a batch of a list of examples; where None, `wengert.data.collate`.
        workers: Processes that make batches ahead of time; with 0 they are made here, when they are asked for. Where
            all of a batch can be taken from arrays at one stroke, no process is started.
        prefetch: Batches that each worker makes ahead [1, ...].
        timeout: The longest to wait for a worker's batch [s]; None waits as long as it takes.

    Examples that are asked for one by one (those with a transform, say) each find in `wengert.random` a stream of
    random numbers of their own, begun anew from the loader's generator each time round: so batches are the same
    whatever the number of workers, and the same again in a run that is resumed. Examples that come one after the other
    are gone through again up to where the run stood; it goes on exactly if they are the same ones. A sampler of your
    own makes the same rounds again if it draws from ``wengert.random``.

    Raises:
        InputError: a setting is no number, or too small; the data set cannot be sent to a worker; or examples that
            come one after the other are to be shuffled, sampled, or made by workers.
        DataError: the data set is empty; or, in a loop, a worker has ended, or is not done in time, a generator has
            been gone through already, or the sampler gives no numbers of examples.
        DtypeError: ``len(loader)`` is asked for, and the number of examples is not known.

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
        sampler: Iterable[int] | None = None,
        collate: Callable[[list[Any]], Any] | None = None,
        workers: int = 0,
        prefetch: int = 2,
        timeout: float | None = None,
    ) -> None:
        if isinstance(dataset, Mapping) and set(dataset) != set(range(len(dataset))):
            raise InputError(
                f"{type(self).__name__}: examples are asked for by number, and this {type(dataset).__name__} has other "
                "keys.\n    Fix: Arrays(*columns.values()) of a dict of columns, list(examples.values()) of examples."
            )
        self._streams = not _is_numbered(dataset)
        self._spent = False  # whether a loop has begun on what can be gone through once
        if self._streams:
            _check_stream(type(self).__name__, dataset, shuffle, sampler, workers)
        elif sampler is not None and shuffle:
            raise InputError(f"{type(self).__name__}: a sampler gives the order, and shuffle=True asks for another.")
        self.dataset = dataset
        self.sampler = sampler
        self.collate = collate
        self.workers = _whole_number(type(self).__name__, "workers", workers, 0)
        self.prefetch = _whole_number(type(self).__name__, "prefetch", prefetch, 1)
        if timeout is not None and not (isinstance(timeout, int | float) and timeout > 0):
            raise InputError(f"{type(self).__name__}: timeout is a number of seconds above 0, and this is {timeout!r}.")
        self.timeout = timeout
        self.batch_size = _whole_number(type(self).__name__, "batch_size", batch_size, 1)
        self.shuffle = not self._streams and sampler is None if shuffle is None else shuffle
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

    def __getattr__(self, name: str) -> Any:
        if name in ("dataset", "_streams", "_resumed") or name in DataLoader.__init__.__annotations__:
            raise AttributeError(
                f"{type(self).__name__} has no {name} yet.\n    Fix: super().__init__(dataset, batch_size) first."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __len__(self) -> int:
        examples: Any = self.dataset if self.sampler is None else self.sampler
        if self._streams or not hasattr(examples, "__len__"):
            raise DtypeError(
                f"{type(self).__name__}: the number of batches is not known: {_named(examples)} gives its examples "
                "one after the other.\n    Fix: count them in a loop, or give a list of them."
            )
        return self._batches(len(examples))

    def _batches(self, examples: int) -> int:
        whole, rest = divmod(examples, self.batch_size)
        return whole + (1 if rest and not self.drop_last else 0)

    def __iter__(self) -> Iterator[Any]:
        if self._resumed is not None:
            begun, self._resumed = self._resumed, None
            begun.loader = self
        else:
            begun = self._round(None if self._streams else self._new_order())
        self._latest = ref(begun)
        self._stepping = None
        return begun

    def _round(self, order: Any, position: int = 0, draws: int | None = None) -> "_Round":
        return (_Stream if self._streams else _Round)(self, order, position, draws)

    def __next__(self) -> Any:
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
        """
        current = self._resumed or (self._latest() if self._latest is not None else None)
        under_way = current is not None and not current.done
        return {
            "examples": None if self._streams else len(self.dataset),
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
            self._resumed = self._round(state["order"], state["position"], state["draws"])
            self._resumed.loader = proxy(self)

    def differences(self, state: dict[str, Any]) -> list[str]:
        """One line for everything in which ``state`` does not fit this loader."""
        names = ("examples", "batch_size", "position", "order", "draws", "generator")
        missing = [name for name in names if name not in state]
        if missing:
            return [f"{name} is missing" for name in missing]
        lines = []
        examples = None if self._streams else len(self.dataset)
        for name, mine in (("examples", examples), ("batch_size", self.batch_size)):
            if state[name] != mine:
                lines.append(f"{name}: saved with {state[name]!r}, and here it is {mine}")
        position, order, generator = state["position"], state["order"], state["generator"]
        ordered = self.shuffle or self.sampler is not None
        if position is not None and (order is None) == ordered:
            lines.append(
                f"order: saved {'without' if order is None else 'with'} shuffle or a sampler, and here it is "
                f"{'with' if ordered else 'without'}"
            )
        elif order is not None and not _is_order(order, len(self.dataset), once=self.sampler is None):
            lines.append(f"order: does not name {'every example once' if self.sampler is None else 'examples'}")
        elif position is not None:
            most = None if self._streams else self._batches(len(self.dataset if order is None else order))
            if not (type(position) is int and position >= 0 and (most is None or position <= most)):
                lines.append(f"position: {position!r} is no number of batches from 0 to {most}")
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
        draws = self._own or random.generator()
        if self.sampler is not None:
            return _sampled(type(self).__name__, self.sampler, draws, len(self.dataset))
        return draws.permutation(len(self.dataset)) if self.shuffle else None

    def _new_draws(self) -> int:
        return int((self._own or random.generator()).integers(_MOST))

    def _rows(self, order: Any, number: int) -> Any:
        """The numbers of the examples in the batch of this number."""
        start = number * self.batch_size
        rows = slice(start, min(start + self.batch_size, len(self.dataset if order is None else order)))
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
        DataError: the data set is empty, or how many examples it has is not known.

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
        count_of(type(self).__name__, dataset)
        super().__init__(
            dataset, batch_size, False, collate=collate, workers=workers, prefetch=prefetch, timeout=timeout
        )
        if self.batch_size > len(dataset):
            raise InputError(f"SequenceLoader: {batch_size} readers cannot share {len(dataset)} examples.")

    def _rows(self, order: Any, number: int) -> Any:
        count = len(self.dataset)
        return (np.arange(self.batch_size) * (count // self.batch_size) + number) % count


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
        if self.done or self.position >= self.batches:
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

    @property
    def batches(self) -> int:
        """The number of batches in the round."""
        return self.loader._batches(len(self.loader.dataset if self.order is None else self.order))

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
        until = min(self.position + loader.workers * loader.prefetch, self.batches)
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


class _Stream(_Round):
    """Once through examples that come one after the other."""

    _examples: Iterator[Any] | None = None

    def __next__(self) -> Any:
        if self.done:
            raise StopIteration
        loader, size = self.loader, self.loader.batch_size
        try:
            if self._examples is None:
                self._begin()
            examples = self._following(self.position * size, size)
            if not examples and not self.position:
                raise DataError(f"{type(loader).__name__}: {_named(loader.dataset)} gave no example.")
            if not examples or (len(examples) < size and loader.drop_last):
                raise StopIteration
            batch = (loader.collate or put_together)(examples)
        except BaseException:
            self.done, self._examples = True, None
            raise
        self.position += 1
        return batch

    def _begin(self) -> None:
        loader = self.loader
        dataset: Any = loader.dataset
        examples = iter(dataset if hasattr(dataset, "__iter__") else dataset())
        if examples is dataset:
            if loader._spent:
                raise DataError(
                    f"{type(loader).__name__}: {_named(dataset)} can be gone through once, and a loop over it has "
                    "begun before.\n    Fix: give the function that makes it, DataLoader(examples) for "
                    "DataLoader(examples()), a class whose __iter__ begins anew, or a list."
                )
            loader._spent = True
        if self.draws is None:
            self.draws = loader._new_draws()
        self._examples = examples
        for number in range(self.position):  # what a run that is resumed has seen
            if not self._following(number * loader.batch_size, loader.batch_size):
                raise DataError(
                    f"{type(loader).__name__}: {_named(dataset)} gave less than the {self.position} batches that were "
                    "done when the state was saved."
                )

    def _following(self, first: int, size: int) -> list[Any]:
        """The next examples; fewer where there are no more."""
        assert self.draws is not None and self._examples is not None
        examples: list[Any] = []
        with closing(streams(self.draws, first)) as places:
            for _, place in zip(range(size), places, strict=False):
                try:
                    examples.append(next(self._examples))
                except StopIteration:
                    break
                except Exception as error:
                    error.add_note(f"This was example {place} of {_named(self.loader.dataset)}.")
                    raise
        return examples


def _is_numbered(dataset: Any) -> bool:
    """Whether examples are asked for by number, and not one after the other."""
    kind = type(dataset)
    if isinstance(dataset, Dataset) and hasattr(kind, "__iter__"):  # a class of one's own that gives them itself
        return kind.__getitem__ is not Dataset.__getitem__ or dataset.data is not None
    return hasattr(kind, "__len__") and hasattr(kind, "__getitem__")


def _check_stream(owner: str, dataset: Any, shuffle: Any, sampler: Any, workers: Any) -> None:
    makes = callable(dataset) and not isinstance(dataset, type) and not hasattr(dataset, "__getitem__")
    if not hasattr(type(dataset), "__iter__") and not makes:
        raise InputError(
            f"{owner} takes a data set, and was given {describe(dataset)}.\n"
            "    Fix: write __len__ and __getitem__ for examples by number, or __iter__ for one after the other; "
            "of a class, give an instance."
        )
    asked = [("shuffle=True", shuffle), ("a sampler", sampler is not None), ("workers", workers)]
    for name, wanted in asked:
        if wanted:
            raise InputError(
                f"{owner}: {name} asks for examples by number, and {_named(dataset)} gives them one after the other.\n"
                "    Fix: leave it out, or give list(examples)."
            )


def _named(dataset: Any) -> str:
    return f"{dataset.__name__}()" if hasattr(dataset, "__name__") else f"this {type(dataset).__name__}"


def _sampled(owner: str, sampler: Any, draws: np.random.Generator, count: int) -> Any:
    """The numbers of a round's examples."""
    numbers = np.asarray(sampler.order(draws) if hasattr(sampler, "order") else list(sampler))
    if not numbers.size:
        raise DataError(
            f"{owner}: the sampler gives no number of an example.\n"
            "    Fix: give something that can be looped over anew each time round: a list, or a class with __iter__."
        )
    if not _is_order(numbers, count, once=False):
        given = describe(numbers)
        raise DataError(f"{owner}: a sampler gives whole numbers from 0 to {count - 1}, and this one {given}.")
    return numbers.astype(np.int64)


def _is_order(order: Any, count: int, *, once: bool) -> bool:
    if not (isinstance(order, np.ndarray) and order.dtype.kind in "iu" and order.ndim == 1 and order.size):
        return False
    if once:
        return order.shape == (count,) and np.array_equal(np.sort(order), np.arange(count))
    return bool(order.min() >= 0 and order.max() < count)


def _whole_number(owner: str, name: str, value: Any, low: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        raise InputError(f"{owner}: {name} is a whole number from {low} on, and this is {value!r}.")
    return int(value)


SeqDataLoader = SequenceLoader  # the book's name
