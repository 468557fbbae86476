"""L-BFGS and weight averages beside PyTorch's own, in float64."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from wengert import Parameter
from wengert import functions as F
from wengert.models import MLP
from wengert.optimizers import LBFGS, ExponentialMovingAverage

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -e .[parity]")


@pytest.fixture(autouse=True)
def float64_scalars() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def rosenbrock(p: Any) -> Any:
    return ((1 - p[:-1]) ** 2 + 100 * (p[1:] - p[:-1] ** 2) ** 2).sum()


def bowl(p: Any) -> Any:
    return ((p**2).sum() + 0.1 * (p**4).sum() + (p[:-1] * p[1:]).sum() - p.sum()) / 10


# PyTorch ends a line search with the evaluations that max_eval leaves, even before it has moved; ours is finished.
# So max_eval is large here.
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("f", "size", "settings"),
    [
        (rosenbrock, 2, {"max_iter": 1, "history_size": 10}),
        (rosenbrock, 6, {"max_iter": 1, "history_size": 10}),
        (rosenbrock, 6, {"max_iter": 20, "history_size": 100}),
        (rosenbrock, 6, {"max_iter": 5, "history_size": 4, "lr": 0.5}),
        (bowl, 30, {"max_iter": 4, "history_size": 3}),
        (bowl, 30, {"max_iter": 10, "history_size": 3, "line_search": False}),
        (rosenbrock, 5, {"max_iter": 10, "history_size": 3, "line_search": False, "lr": 1e-3}),
    ],
)
def test_a_hundred_steps(f: Any, size: int, settings: dict[str, Any], seed: int) -> None:
    start = np.random.default_rng(seed).normal(size=size)
    p, q = Parameter(start.copy()), torch.tensor(start, requires_grad=True)
    search = settings.get("line_search", True)
    theirs = {name: value for name, value in settings.items() if name != "line_search"}
    optimizer = LBFGS(**settings, max_eval=10_000).setup([p])
    reference = torch.optim.LBFGS([q], **theirs, max_eval=10_000, line_search_fn="strong_wolfe" if search else None)

    def closure() -> Any:
        reference.zero_grad()
        loss = f(q)
        loss.backward()
        return loss

    for step in range(100 // settings["max_iter"]):
        mine, yours = optimizer.update(lambda: f(p)), reference.step(closure)
        assert mine.item() == pytest.approx(yours.item(), rel=1e-6, abs=1e-9), step
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-6, atol=1e-8, err_msg=f"update {step}")


def test_a_network() -> None:
    model = MLP((8, 1), activation=F.tanh, in_size=2)
    rng = np.random.default_rng(0)
    for p in model.parameters():
        p.data = rng.normal(size=p.shape)
    x, t = rng.normal(size=(20, 2)), rng.normal(size=(20, 1))
    mine = list(model.parameters())
    yours = [torch.tensor(p.data, requires_grad=True) for p in mine]
    optimizer = LBFGS(max_iter=4, max_eval=1000).setup(model)
    reference = torch.optim.LBFGS(yours, max_iter=4, max_eval=1000, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> Any:
        reference.zero_grad()
        w, b, v, c = yours
        loss = ((torch.tanh(torch.tensor(x) @ w + b) @ v + c - torch.tensor(t)) ** 2).mean()
        loss.backward()
        return loss

    for _ in range(8):
        optimizer.update(lambda: F.mean_squared_error(model(x), t))
        reference.step(closure)
    for p, q in zip(mine, yours, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-6, atol=1e-8)


def test_averages() -> None:
    model = MLP((3, 2), in_size=2)
    twin = torch.nn.ParameterList([torch.tensor(p.data, dtype=torch.float64) for p in model.parameters()])
    for p in model.parameters():
        p.data = p.data.astype(np.float64)
    average = ExponentialMovingAverage(model, 0.9)
    reference = torch.optim.swa_utils.AveragedModel(twin, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    reference.update_parameters(twin)  # the first is a copy
    rng = np.random.default_rng(0)
    for _ in range(100):
        for p, q in zip(model.parameters(), twin, strict=True):
            p.data = p.data + rng.normal(size=p.shape)
            q.data = torch.tensor(p.data)
        average.update()
        reference.update_parameters(twin)
    for mine, yours in zip(average.averages.values(), reference.module, strict=True):
        np.testing.assert_allclose(mine.data, yours.detach().numpy(), rtol=1e-12, atol=1e-13)
