"""Samplers: which examples a round over the data takes, and in what order."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from wengert import random
from wengert.data.places import as_array
from wengert.errors import InputError, describe

__all__ = ["WeightedRandomSampler", "WeightedSampler"]


class WeightedSampler:
    """Examples drawn by weight, anew each time round: for a `DataLoader`, as ``sampler=``.

    Example i is drawn with probability ``weights[i] / sum(weights)``. For classes that come equally often, weigh each
    example by one over the size of its class.

    Args:
        weights: (n,), a number from 0 on for each example of the data set.
        size: Examples in a round [1, ...]; where None, n.
        replacement: Whether an example may be drawn again in the same round.

    Raises:
        InputError: a weight is negative or not finite, all are 0, or there are fewer examples to draw than ``size``.

    Example:
        >>> t = np.array([0, 0, 0, 1])
        >>> sampler = WeightedSampler(1 / np.bincount(t)[t])
        >>> len(sampler), sorted(set(WeightedSampler([0, 1, 1], 50)))
        (4, [1, 2])
    """

    def __init__(self, weights: Any, size: int | None = None, replacement: bool = True) -> None:
        weights = as_array("WeightedSampler", weights)
        if weights.ndim != 1 or weights.dtype.kind not in "biuf" or not weights.size:
            raise InputError(f"WeightedSampler takes a row of weights, and was given {describe(weights)}.")
        self.weights = np.asarray(weights, np.float64)
        if not np.isfinite(self.weights).all() or (self.weights < 0).any() or not self.weights.any():
            raise InputError("WeightedSampler: weights are finite numbers from 0 on, and not all of them are 0.")
        size = len(self.weights) if size is None else size
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise InputError(f"WeightedSampler: size is a whole number from 1 on, and this is {size!r}.")
        there = np.count_nonzero(self.weights)
        if not replacement and size > there:
            raise InputError(
                f"WeightedSampler: {size} examples are more than the {there} with a weight above 0.\n"
                "    Fix: a smaller size, or replacement=True."
            )
        self.size, self.replacement = int(size), replacement

    def __len__(self) -> int:
        return self.size

    def order(self, draws: np.random.Generator) -> np.ndarray:
        """The numbers of the examples of one round, (size,) of int64.

        Args:
            draws: Where chance comes from.

        Example:
            >>> WeightedSampler([0.0, 1.0]).order(np.random.default_rng(0))
            array([1, 1])
        """
        share = self.weights / self.weights.max()  # so that the sum of large ones is finite
        return draws.choice(len(share), self.size, replace=self.replacement, p=share / share.sum())

    def __iter__(self) -> Iterator[int]:
        return iter(self.order(random.generator()).tolist())


WeightedRandomSampler = WeightedSampler  # PyTorch's name
