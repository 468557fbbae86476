"""Averages of weights: what they hold, when they are applied, and how they are saved."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from wengert import load, load_checkpoint, save, save_checkpoint
from wengert.errors import DtypeError, GraphError, InputError
from wengert.layers import Linear
from wengert.models import MLP
from wengert.optimizers import SGD, Adam, ExponentialMovingAverage


def step(model: Any, optimizer: Any, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(4, 3)).astype(np.float32)
    optimizer.update(lambda: (model(x) ** 2).mean())


def test_averages_and_weights_change_places() -> None:
    model = MLP((4, 2), in_size=3)
    optimizer = Adam(0.1).setup(model)
    average = ExponentialMovingAverage(model, 0.5)
    expected = {name: p.data.copy() for name, p in model.named_parameters()}
    for seed in range(5):
        step(model, optimizer, seed)
        average.update()
        for name, p in model.named_parameters():
            expected[name] = 0.5 * expected[name] + 0.5 * p.data
    weights = [p.data for p in model.parameters()]
    x = np.ones((1, 3), np.float32)
    plain = model(x).data
    with average.applied() as same:
        assert same is model
        for name, p in model.named_parameters():
            np.testing.assert_allclose(p.data, expected[name], rtol=1e-6)
            assert p.dtype == np.float32
        inside = model(x).data
        for p in model.parameters():
            p.data[...] = 7  # nor is the average changed by what is done here
    assert all(p.data is data for p, data in zip(model.parameters(), weights, strict=True))
    np.testing.assert_array_equal(model(x).data, plain)
    np.testing.assert_array_equal(average(x).data, inside)
    assert not np.allclose(inside, plain)


def test_training_goes_on_as_if_nothing_had_been_applied() -> None:
    model, twin = MLP((4, 2), in_size=3), MLP((4, 2), in_size=3)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        q.data = p.data.copy()
    average = ExponentialMovingAverage(model)
    first, second = Adam(0.1).setup(model), Adam(0.1).setup(twin)
    for seed in range(4):
        step(model, first, seed)
        step(twin, second, seed)
        average.update()
        with average.applied():
            model(np.ones((1, 3), np.float32))
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_weights_come_back_after_an_error() -> None:
    model = Linear(2, in_size=3)
    average = ExponentialMovingAverage(model)
    data = model.weight.data
    with pytest.raises(ZeroDivisionError), average.applied():
        raise ZeroDivisionError
    assert model.weight.data is data
    with average.applied():
        with pytest.raises(GraphError, match="applied already"), average.applied():
            pass
        with pytest.raises(GraphError, match="leave the with block"):
            average.update()


def test_what_is_refused() -> None:
    with pytest.raises(DtypeError, match="is of a model"):
        ExponentialMovingAverage([1])
    with pytest.raises(InputError, match="decay is a number from 0 to below 1"):
        ExponentialMovingAverage(Linear(1, in_size=1), 1.0)


def test_parameters_made_or_added_later_are_averaged() -> None:
    model = MLP((4, 2))
    average = ExponentialMovingAverage(model, 0.5)
    average.update()
    with average.applied():
        pass
    step(model, SGD(0.1).setup(model), 0)
    average.update()
    np.testing.assert_array_equal(average.averages["layers.0.weight"].data, model.layers[0].weight.data)
    model.layers.append(Linear(1, in_size=2))
    average.update()
    np.testing.assert_array_equal(average.averages["layers.2.bias"].data, model.layers[2].bias.data)


def test_averages_are_no_parameters_and_are_saved(tmp_path: Any) -> None:
    model = MLP((4, 2), in_size=3)
    average = ExponentialMovingAverage(model, 0.5)
    step(model, SGD(0.1).setup(model), 0)
    average.update()
    assert list(average.parameters()) == []
    assert [name for name, _ in average.named_state()] == [f"averages.{name}" for name, _ in model.named_parameters()]
    save_checkpoint(tmp_path / "run", model={"model": model, "average": average})
    save(tmp_path / "average", average)
    for twin in (MLP((4, 2), in_size=3), MLP((4, 2))):  # the second still waits for its sizes
        other = ExponentialMovingAverage(twin, 0.5)
        load_checkpoint(tmp_path / "run", model={"model": twin, "average": other})
        step(model, SGD(0.1).setup(model), 1)
        step(twin, SGD(0.1).setup(twin), 1)
        saved = pickle.loads(pickle.dumps(average))
        saved.update()
        load(tmp_path / "average", other)
        for mine, yours in zip(average.averages.values(), other.averages.values(), strict=True):
            np.testing.assert_array_equal(mine.data, yours.data)


def test_a_copy_averages_the_copied_model() -> None:
    model = Linear(2, in_size=3)
    average = ExponentialMovingAverage(model, 0.0)
    twin = copy.deepcopy(average)
    model.weight.data = model.weight.data + 1
    twin.update()
    assert not np.allclose(twin.averages["weight"].data, model.weight.data)


def test_jax() -> None:
    jax = pytest.importorskip("jax")
    model = Linear(1, in_size=2, bias=False)
    model.weight.data = jax.numpy.ones((2, 1))
    average = ExponentialMovingAverage(model, 0.75)
    model.weight.data = jax.numpy.full((2, 1), 5.0)
    average.update()
    with average.applied():
        assert isinstance(model.weight.data, jax.Array)
        np.testing.assert_allclose(model.weight.data, [[2.0], [2.0]])
