"""Schedulers: what is refused, their states, and how they stand together; their rates are checked in parity/."""

import json
from typing import Any

import numpy as np
import pytest

from wengert import Parameter
from wengert.errors import DataError, DtypeError, GraphError, InputError
from wengert.optimizers import (
    SGD,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    Optimizer,
    PolynomialLR,
    ReduceLROnPlateau,
    Scheduler,
    SequentialLR,
    StepLR,
)

MAKES: list[Any] = [
    lambda o: StepLR(o, 3),
    lambda o: MultiStepLR(o, [2, 5]),
    lambda o: ExponentialLR(o, 0.9),
    lambda o: ConstantLR(o),
    lambda o: LinearLR(o),
    lambda o: PolynomialLR(o, 9),
    lambda o: CosineAnnealingLR(o, 7),
    lambda o: CosineAnnealingWarmRestarts(o, 2, 2),
    lambda o: OneCycleLR(o, 1.0, 30),
    lambda o: LambdaLR(o, lambda steps: 1 / (1 + steps)),
    lambda o: SequentialLR(o, [LinearLR(o), ExponentialLR(o, 0.5)], [5]),
]


def optimizer_with_groups() -> Optimizer:
    return SGD(0.5).setup([{"params": Parameter(np.ones(1))}, {"params": Parameter(np.ones(1)), "lr": 0.1}])


@pytest.mark.parametrize("make", MAKES)
def test_states_go_through_json(make: Any) -> None:
    optimizer, fresh = optimizer_with_groups(), optimizer_with_groups()
    scheduler = make(optimizer)
    for _ in range(7):
        scheduler.step()
    fresh.lr = 123.0
    resumed = make(fresh)
    resumed.load_state(json.loads(json.dumps(scheduler.state(), allow_nan=False)))
    for _ in range(7):
        assert [g.lr for g in fresh.groups] == [g.lr for g in optimizer.groups]
        scheduler.step()
        resumed.step()
    assert type(scheduler).__name__ in repr(scheduler)


def test_state_of_a_plateau_goes_through_json() -> None:
    optimizer, fresh = optimizer_with_groups(), optimizer_with_groups()
    scheduler, resumed = (ReduceLROnPlateau(each, patience=1, cooldown=1) for each in (optimizer, fresh))
    resumed.load_state(json.loads(json.dumps(scheduler.state(), allow_nan=False)))
    for _ in range(6):
        scheduler.step(1.0)
    resumed.load_state(json.loads(json.dumps(scheduler.state(), allow_nan=False)))
    for _ in range(6):
        assert [g.lr for g in fresh.groups] == [g.lr for g in optimizer.groups]
        scheduler.step(1.0)
        resumed.step(1.0)
    assert optimizer.lr < 0.01
    assert "patience=1" in repr(scheduler)


@pytest.mark.parametrize("make", [*MAKES, lambda o: ReduceLROnPlateau(o)])
def test_damaged_states_are_refused(make: Any) -> None:
    optimizer = optimizer_with_groups()
    scheduler = make(optimizer)
    good = scheduler.state()
    before = [g.lr for g in optimizer.groups]
    for damage in (
        {"steps": -1},
        {"steps": 1.5},
        {"steps": True},
        {"starts": [0.1]},
        {"starts": 3},
        {"starts": [0.1, -1.0]},
        {"starts": [0.1, float("nan")]},
        {"other": 1},
    ):
        with pytest.raises(DataError, match="this is not the state of"):
            scheduler.load_state(good | damage)
    with pytest.raises(DataError):
        scheduler.load_state(None)
    assert [g.lr for g in optimizer.groups] == before


def test_plateau_values_are_checked() -> None:
    scheduler = ReduceLROnPlateau(SGD())
    for value in (np.ones(2), "1.0", None):
        with pytest.raises(InputError, match="step takes a number"):
            scheduler.step(value)
    scheduler.step(Parameter(np.array(2.0)))
    assert scheduler.best == 2.0
    scheduler.step(np.float32(1.0))
    assert scheduler.best == 1.0
    with pytest.raises(DataError, match="damaged"):
        scheduler.load_state(scheduler.state() | {"best": "low"})


def test_settings_are_checked() -> None:
    o = SGD()
    for make, words in [
        (lambda: StepLR(o, 0), "StepLR: step_size is a whole number from 1 on"),
        (lambda: StepLR(o, 2.5), "StepLR: step_size"),
        (lambda: StepLR(o, "3"), "StepLR: step_size"),
        (lambda: StepLR(o, 3, gamma=-1), "StepLR: gamma is a number"),
        (lambda: MultiStepLR(o, [0]), "MultiStepLR: milestones"),
        (lambda: ExponentialLR(o, None), "ExponentialLR: gamma"),
        (lambda: ConstantLR(o, -1), "ConstantLR: factor"),
        (lambda: LinearLR(o, total_iters=0), "LinearLR: total_iters"),
        (lambda: PolynomialLR(o, power=-1), "PolynomialLR: power"),
        (lambda: CosineAnnealingLR(o, True), "CosineAnnealingLR: T_max"),
        (lambda: CosineAnnealingWarmRestarts(o, 3, 0), "CosineAnnealingWarmRestarts: T_mult"),
        (lambda: OneCycleLR(o, 1.0, 10, pct_start=2), "OneCycleLR: pct_start"),
        (lambda: OneCycleLR(o, 1.0, 10, anneal_strategy="up"), "anneal_strategy is 'cos' or 'linear'"),
        (lambda: OneCycleLR(o, 1.0, 10, div_factor=0), "must not be zero"),
        (lambda: LambdaLR(o, 3), "LambdaLR takes a function"),
        (lambda: ReduceLROnPlateau(o, "least"), "mode is 'min' or 'max'"),
        (lambda: ReduceLROnPlateau(o, threshold_mode="x"), "threshold_mode is"),
        (lambda: ReduceLROnPlateau(o, factor=1.0), "factor is a number from 0 to below 1"),
        (lambda: ReduceLROnPlateau(o, patience=-1), "patience is a whole number from 0 on"),
        (lambda: SequentialLR(o, [StepLR(o, 1), StepLR(o, 2)], []), "need one milestone fewer"),
        (lambda: SequentialLR(o, [StepLR(o, 1)] * 3, [5, 5]), "need one milestone fewer"),
        (lambda: SequentialLR(o, [ReduceLROnPlateau(o)], []), "schedulers with a formula"),
        (lambda: SequentialLR(o, [StepLR(SGD(), 1)], []), "of its own optimizer"),
    ]:
        with pytest.raises(InputError, match=words):
            make()
    for kind in (lambda x: StepLR(x, 1), ReduceLROnPlateau):
        with pytest.raises(DtypeError, match="drives the lr of an optimizer"):
            kind("optimizer")
    with pytest.raises(NotImplementedError, match="Scheduler.formula is not written"):
        Scheduler(o)


def test_one_cycle_ends() -> None:
    scheduler = OneCycleLR(SGD(), 1.0, 2)
    scheduler.step()
    scheduler.step()
    with pytest.raises(InputError, match="all of total_steps, 2, have been taken"):
        scheduler.step()


def test_groups_without_an_lr_follow_the_optimizer() -> None:
    optimizer = optimizer_with_groups()
    scheduler = ExponentialLR(optimizer, 0.5)
    scheduler.step()
    assert [g.lr for g in optimizer.groups] == [0.25, 0.05]
    optimizer.setup([Parameter(np.ones(1))])
    with pytest.raises(GraphError, match="other groups than when this scheduler was made"):
        scheduler.step()


def test_a_scheduler_starts_from_what_the_user_has_set() -> None:
    """The lr that another scheduler has set is not a start; one that the user has set since is."""
    optimizer = SGD(1.0)
    LinearLR(optimizer, 0.25)
    assert optimizer.lr == 0.25
    assert ExponentialLR(optimizer, 0.5).starts == [1.0] and optimizer.lr == 0.25
    optimizer.lr = 3.0
    assert ExponentialLR(optimizer, 0.5).starts == [3.0]


def test_the_lr_reaches_the_step() -> None:
    p = Parameter(np.array([1.0]))
    optimizer = SGD(0.5).setup([p])
    scheduler = StepLR(optimizer, 1)
    for _ in range(2):
        p.grad = np.ones(1)
        optimizer.update()
        scheduler.step()
    assert p.data[0] == pytest.approx(1 - 0.5 - 0.05)
