"""Learning rates beside PyTorch's own: every scheduler, for a hundred steps, on groups with an lr of their own."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import Parameter, optimizers

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -e .[parity]")

# The schedulers have the same names and arguments on both sides.
CALLS: list[tuple[str, Callable[[Any, Any], Any]]] = [
    ("StepLR", lambda s, o: s.StepLR(o, 7, gamma=0.3)),
    ("MultiStepLR", lambda s, o: s.MultiStepLR(o, [3, 20, 20, 60], gamma=0.3)),
    ("ExponentialLR", lambda s, o: s.ExponentialLR(o, 0.97)),
    ("ConstantLR", lambda s, o: s.ConstantLR(o, 0.2, 11)),
    ("LinearLR", lambda s, o: s.LinearLR(o)),
    ("LinearLR, settings", lambda s, o: s.LinearLR(o, 0.01, 0.9, 37)),
    ("PolynomialLR", lambda s, o: s.PolynomialLR(o, 50, 2.0)),
    ("CosineAnnealingLR", lambda s, o: s.CosineAnnealingLR(o, 100)),
    ("CosineAnnealingLR, up again", lambda s, o: s.CosineAnnealingLR(o, 13, 0.01)),
    ("CosineAnnealingWarmRestarts", lambda s, o: s.CosineAnnealingWarmRestarts(o, 8)),
    ("CosineAnnealingWarmRestarts, longer", lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.001)),
    ("LambdaLR", lambda s, o: s.LambdaLR(o, lambda step: 0.95**step + 0.1)),
    (
        "SequentialLR",
        lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1, total_iters=10), s.CosineAnnealingLR(o, 90)], [10]),
    ),
    (
        "SequentialLR of three",
        lambda s, o: s.SequentialLR(
            o, [s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.9), s.PolynomialLR(o, 40)], [4, 30]
        ),
    ),
]


def pair() -> tuple[Any, Any]:
    ours, theirs = [], []
    for settings in ({}, {"lr": 0.01}):
        ours.append({"params": Parameter(np.ones(2)), **settings})
        theirs.append({"params": torch.ones(2, requires_grad=True), **settings})
    return optimizers.SGD(0.5).setup(ours), torch.optim.SGD(theirs, lr=0.5)


def compare(ours: Any, theirs: Any, steps: int, advance: Callable[[int], tuple[Any, ...]] = lambda i: ()) -> None:
    first, second = pair()
    mine, yours = ours(first), theirs(second)
    for i in range(steps):
        given = [group.lr for group in first.groups]
        wanted = [group["lr"] for group in second.param_groups]
        np.testing.assert_allclose(given, wanted, rtol=1e-10, atol=1e-13, err_msg=f"step {i}")
        mine.step(*advance(i))
        second.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of steps with an argument, in PyTorch's own SequentialLR
            yours.step(*advance(i))


@pytest.mark.parametrize("make", [call[1] for call in CALLS], ids=[call[0] for call in CALLS])
def test_a_hundred_steps(make: Callable[[Any, Any], Any]) -> None:
    compare(lambda o: make(optimizers, o), lambda o: make(torch.optim.lr_scheduler, o), 100)


@pytest.mark.parametrize("line", ["cos", "linear"])
def test_one_cycle(line: str) -> None:
    compare(
        lambda o: optimizers.OneCycleLR(o, 0.3, 100, pct_start=0.2, anneal_strategy=line, div_factor=10, final_div_factor=50),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(
            o, 0.3, 100, pct_start=0.2, anneal_strategy=line, div_factor=10, final_div_factor=50, cycle_momentum=False
        ),
        100,
    )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"mode": "max", "patience": 2, "factor": 0.5},
        {"patience": 0, "threshold": 0.1, "threshold_mode": "abs", "cooldown": 3},
        {"patience": 1, "min_lr": 0.003, "eps": 0.001},
    ],
)
def test_plateau(settings: dict[str, Any]) -> None:
    metrics = np.exp(-np.arange(150) / 20) + 0.05 * np.random.default_rng(0).normal(size=150)
    compare(
        lambda o: optimizers.ReduceLROnPlateau(o, **settings),
        lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, **settings),
        150,
        lambda i: (float(metrics[i]),),
    )


CHAINED = {
    "step": (lambda m, o: m.StepLR(o, 3, 0.5)),
    "milestones": (lambda m, o: m.MultiStepLR(o, [2, 5], 0.3)),
    "exponential": (lambda m, o: m.ExponentialLR(o, 0.8)),
    "constant": (lambda m, o: m.ConstantLR(o, 0.5, 4)),
    "linear": (lambda m, o: m.LinearLR(o, 0.25, total_iters=4)),
    "polynomial": (lambda m, o: m.PolynomialLR(o, 8, 2.0)),
    "cosine": (lambda m, o: m.CosineAnnealingLR(o, 5, 0.01)),
    "plateau": (lambda m, o: m.ReduceLROnPlateau(o, patience=1, factor=0.5)),
}


@pytest.mark.parametrize("second", CHAINED)
@pytest.mark.parametrize("first", CHAINED)
def test_two_schedulers_and_an_lr_set_by_hand(first: str, second: str) -> None:
    """In any order of their steps, with the lr changed between, and with a resume in the middle."""
    rng = np.random.default_rng(len(first) * 31 + len(second))
    ours = optimizers.SGD(0.5).setup([Parameter(np.ones(1))])
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.5)
    mine = [CHAINED[name](optimizers, ours) for name in (first, second)]
    others = [CHAINED[name](torch.optim.lr_scheduler, theirs) for name in (first, second)]
    theirs.step()
    for turn in range(14):
        if turn in (3, 9):
            ours.lr = theirs.param_groups[0]["lr"] = 0.3 / turn
        which = int(rng.integers(2))
        for pair, name in ((mine, first if not which else second), (others, first if not which else second)):
            pair[which].step(*([1.0] if name == "plateau" else []))
        np.testing.assert_allclose(ours.lr, theirs.param_groups[0]["lr"], rtol=1e-9, atol=1e-12, err_msg=str(turn))
        if turn == 6:
            states = [scheduler.state() for scheduler in mine]
            lr, ours = ours.lr, optimizers.SGD(0.5).setup([Parameter(np.ones(1))])
            mine = [CHAINED[name](optimizers, ours) for name in (first, second)]
            for scheduler, state in zip(mine, states, strict=True):
                scheduler.load_state(state)
            assert ours.lr == lr


EVERY = CHAINED | {
    "restarts": (lambda m, o: m.CosineAnnealingWarmRestarts(o, 3, 2)),
    "one cycle": (lambda m, o: m.OneCycleLR(o, 2.0, 40, **({"cycle_momentum": False} if m is not optimizers else {}))),
    "function": (lambda m, o: m.LambdaLR(o, lambda steps: 1 / (1 + steps))),
    "in a row": (lambda m, o: m.SequentialLR(o, [m.LinearLR(o, 0.5, total_iters=3), m.ExponentialLR(o, 0.7)], [3])),
}


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("first", EVERY)
def test_several_schedulers_of_two_groups(first: str, own: bool, tmp_path: Path) -> None:
    """Of two or three, with groups that have an lr of their own, or are given one later; and with a resume."""
    rng = np.random.default_rng(len(first) + own)
    settings: dict[str, Any] = {"lr": 0.3} if own else {}

    def made() -> optimizers.Optimizer:
        weights = Parameter(np.ones(1)), Parameter(np.ones(1))
        return optimizers.SGD(1.0).setup([{"params": weights[0]}, {"params": weights[1], **settings}])

    for turn, second in enumerate(EVERY):
        names = (first, second, str(rng.choice(list(EVERY))))[: 2 + turn % 2]
        by_hand, resumed = (int(each) for each in rng.integers(0, 9, 2))
        weights = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
        theirs = torch.optim.SGD([{"params": weights[:1]}, {"params": weights[1:], **settings}], lr=1.0)
        others = [EVERY[name](torch.optim.lr_scheduler, theirs) for name in names]
        theirs.step()
        ours = made()
        mine = [EVERY[name](optimizers, ours) for name in names]
        for step in range(10):
            if step == by_hand:
                ours.groups[1].lr = theirs.param_groups[1]["lr"] = 0.23
            if step == resumed:
                path = tmp_path / f"{turn}.safetensors"
                wengert.save_checkpoint(path, optimizer=ours, scheduler=dict(zip("abc", mine, strict=False)))
                ours = made()
                mine = [EVERY[name](optimizers, ours) for name in names]
                wengert.load_checkpoint(path, optimizer=ours, scheduler=dict(zip("abc", mine, strict=False)))
            for name, one, other in zip(names, mine, others, strict=True):
                for each in (one, other):
                    each.step(*([1.0] if name == "plateau" else []))
            rates = [group["lr"] for group in theirs.param_groups]
            if min(rates) < 0:  # PyTorch's cosine below its floor; here 0 is the lowest
                assert all(group.lr >= 0 for group in ours.groups)
                break
            np.testing.assert_allclose(
                [group.lr for group in ours.groups], rates, rtol=1e-9, atol=1e-12, err_msg=f"{names} {step}"
            )
