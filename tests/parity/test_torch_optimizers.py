"""A hundred steps of every optimizer, beside PyTorch's own, in float64."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from wengert import Parameter, optimizers

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -e .[parity]")


@pytest.fixture(autouse=True)
def float64_scalars() -> Iterator[None]:
    """PyTorch keeps products of momenta in its default type."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


SHAPES = [(3, 4), (5,), (), (101, 90)]  # the last is too large to be gathered with the others
TARGETS = [np.random.default_rng(i).normal(size=shape) for i, shape in enumerate(SHAPES)]
STARTS = [np.random.default_rng(10 + i).normal(size=shape) for i, shape in enumerate(SHAPES)]

PAIRS: list[tuple[str, Callable[[], Any], Callable[[Any], Any]]] = [
    ("SGD", lambda: optimizers.SGD(0.05), lambda p: torch.optim.SGD(p, lr=0.05)),
    (
        "SGD, weight decay",
        lambda: optimizers.SGD(0.05, weight_decay=0.1),
        lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=0.1),
    ),
    ("Momentum", lambda: optimizers.Momentum(0.05, 0.8), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8)),
    (
        "Momentum, weight decay",
        lambda: optimizers.Momentum(0.05, weight_decay=0.1),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1),
    ),
    (
        "NesterovMomentum",
        lambda: optimizers.NesterovMomentum(0.05),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    ),
    (
        "SGD, maximizing",
        lambda: optimizers.SGD(0.01, weight_decay=1.5, maximize=True),
        lambda p: torch.optim.SGD(p, lr=0.01, weight_decay=1.5, maximize=True),
    ),
    (
        "Momentum, dampened",
        lambda: optimizers.Momentum(0.05, 0.8, weight_decay=0.1, dampening=0.3),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8, weight_decay=0.1, dampening=0.3),
    ),
    (
        "Momentum, maximizing",
        lambda: optimizers.Momentum(0.001, weight_decay=0.1, dampening=1.2, maximize=True),
        lambda p: torch.optim.SGD(p, lr=0.001, momentum=0.9, weight_decay=0.1, dampening=1.2, maximize=True),
    ),
    (
        "NesterovMomentum, maximizing",
        lambda: optimizers.NesterovMomentum(0.001, weight_decay=0.1, maximize=True),
        lambda p: torch.optim.SGD(p, lr=0.001, momentum=0.9, weight_decay=0.1, nesterov=True, maximize=True),
    ),
    ("RMSprop", lambda: optimizers.RMSprop(), lambda p: torch.optim.RMSprop(p)),
    ("RMSprop, centered", lambda: optimizers.RMSprop(centered=True), lambda p: torch.optim.RMSprop(p, centered=True)),
    (
        "RMSprop, momentum",
        lambda: optimizers.RMSprop(0.001, momentum=0.9, weight_decay=0.1),
        lambda p: torch.optim.RMSprop(p, lr=0.001, momentum=0.9, weight_decay=0.1),
    ),
    (
        "RMSprop, centered, momentum",
        lambda: optimizers.RMSprop(0.002, 0.9, 1e-6, momentum=0.7, centered=True),
        lambda p: torch.optim.RMSprop(p, lr=0.002, alpha=0.9, eps=1e-6, momentum=0.7, centered=True),
    ),
    (
        "RMSprop, weight decay",
        lambda: optimizers.RMSprop(0.02, 0.9, 1e-6, weight_decay=0.1),
        lambda p: torch.optim.RMSprop(p, lr=0.02, alpha=0.9, eps=1e-6, weight_decay=0.1),
    ),
    (
        "AdaGrad",
        lambda: optimizers.AdaGrad(0.1, eps=1e-10, weight_decay=0.01),
        lambda p: torch.optim.Adagrad(p, lr=0.1, eps=1e-10, weight_decay=0.01),
    ),
    (
        "AdaGrad, falling rate",
        lambda: optimizers.AdaGrad(0.5, eps=1e-6, lr_decay=0.05, initial_accumulator_value=0.3),
        lambda p: torch.optim.Adagrad(p, lr=0.5, eps=1e-6, lr_decay=0.05, initial_accumulator_value=0.3),
    ),
    (
        "AdaDelta",
        lambda: optimizers.AdaDelta(rho=0.9, weight_decay=0.01),
        lambda p: torch.optim.Adadelta(p, lr=1.0, rho=0.9, weight_decay=0.01),
    ),
    ("Adam", lambda: optimizers.Adam(), lambda p: torch.optim.Adam(p)),
    (
        "Adam, weight decay",
        lambda: optimizers.Adam(0.02, beta1=0.8, beta2=0.9, eps=1e-4, weight_decay=0.1),
        lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.8, 0.9), eps=1e-4, weight_decay=0.1),
    ),
    (
        "Adam, amsgrad",
        lambda: optimizers.Adam(0.02, beta1=0.8, beta2=0.9, eps=1e-4, weight_decay=0.1, amsgrad=True),
        lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.8, 0.9), eps=1e-4, weight_decay=0.1, amsgrad=True),
    ),
    (
        "AdamW, amsgrad",
        lambda: optimizers.AdamW(0.02, beta2=0.9, amsgrad=True),
        lambda p: torch.optim.AdamW(p, lr=0.02, betas=(0.9, 0.9), amsgrad=True),
    ),
    ("AdamW", lambda: optimizers.AdamW(0.02), lambda p: torch.optim.AdamW(p, lr=0.02)),
    (
        "AdamW, strong decay",
        lambda: optimizers.AdamW(0.02, weight_decay=0.5),
        lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.5),
    ),
    ("Adamax", lambda: optimizers.Adamax(), lambda p: torch.optim.Adamax(p)),
    (
        "Adamax, weight decay",
        lambda: optimizers.Adamax(0.02, beta1=0.8, beta2=0.9, eps=1e-4, weight_decay=0.1),
        lambda p: torch.optim.Adamax(p, lr=0.02, betas=(0.8, 0.9), eps=1e-4, weight_decay=0.1),
    ),
    ("NAdam", lambda: optimizers.NAdam(), lambda p: torch.optim.NAdam(p)),
    (
        "NAdam, weight decay",
        lambda: optimizers.NAdam(0.02, beta1=0.8, beta2=0.9, eps=1e-4, momentum_decay=0.1, weight_decay=0.1),
        lambda p: torch.optim.NAdam(p, lr=0.02, betas=(0.8, 0.9), eps=1e-4, momentum_decay=0.1, weight_decay=0.1),
    ),
    (
        "NAdam, steady momentum",
        lambda: optimizers.NAdam(momentum_decay=0.0),
        lambda p: torch.optim.NAdam(p, momentum_decay=0.0),
    ),
    ("RAdam", lambda: optimizers.RAdam(0.01), lambda p: torch.optim.RAdam(p, lr=0.01)),
    (
        "RAdam, weight decay",
        lambda: optimizers.RAdam(0.02, beta1=0.8, beta2=0.9, eps=1e-4, weight_decay=0.1),
        lambda p: torch.optim.RAdam(p, lr=0.02, betas=(0.8, 0.9), eps=1e-4, weight_decay=0.1),
    ),
    (
        "RAdam that never adapts",
        lambda: optimizers.RAdam(0.02, beta1=0.9, beta2=0.5),
        lambda p: torch.optim.RAdam(p, lr=0.02, betas=(0.9, 0.5)),
    ),
    ("ASGD", lambda: optimizers.ASGD(), lambda p: torch.optim.ASGD(p)),
    (
        "ASGD, weight decay",
        lambda: optimizers.ASGD(0.05, 0.1, 0.5, 20, weight_decay=0.1),
        lambda p: torch.optim.ASGD(p, lr=0.05, lambd=0.1, alpha=0.5, t0=20, weight_decay=0.1),
    ),
    ("Rprop", lambda: optimizers.Rprop(), lambda p: torch.optim.Rprop(p)),
    (
        "Rprop, settings",
        lambda: optimizers.Rprop(0.1, shrink=0.4, grow=1.5, smallest=1e-3, largest=0.2),
        lambda p: torch.optim.Rprop(p, lr=0.1, etas=(0.4, 1.5), step_sizes=(1e-3, 0.2)),
    ),
]


def gradient(xp: Any, p: Any, target: Any, step: int) -> Any:
    """Of a bumpy bowl, with noise that is the same on both sides."""
    noise = np.random.default_rng((step, p.ndim)).normal(size=tuple(p.shape))
    noise = noise if xp is np else torch.as_tensor(noise)
    return (p - target) + 0.5 * xp.sin(3 * p) + 0.1 * noise


@pytest.mark.parametrize(("ours", "theirs"), [pair[1:] for pair in PAIRS], ids=[pair[0] for pair in PAIRS])
@pytest.mark.parametrize("clip", [None, 1.0], ids=["", "clipped"])
def test_a_hundred_steps(ours: Callable[[], Any], theirs: Callable[[Any], Any], clip: float | None) -> None:
    mine = [Parameter(start.copy()) for start in STARTS]
    yours = [torch.tensor(start, requires_grad=True) for start in STARTS]
    optimizer, reference = ours().setup(mine), theirs(yours)
    if clip is not None:
        optimizer.add_hook(optimizers.ClipGrad(clip))
    for step in range(100):
        for p, q, target in zip(mine, yours, TARGETS, strict=True):
            p.grad = np.asarray(gradient(np, p.data, target, step))
            q.grad = gradient(torch, q.detach(), torch.as_tensor(target), step)
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(yours, clip)
        optimizer.update()
        reference.step()
        for p, q in zip(mine, yours, strict=True):
            np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-10, atol=1e-11, err_msg=f"step {step}")


def test_averages_of_asgd() -> None:
    p, q = Parameter(STARTS[0].copy()), torch.tensor(STARTS[0], requires_grad=True)
    optimizer, reference = optimizers.ASGD(0.05, start=20).setup([p]), torch.optim.ASGD([q], lr=0.05, t0=20)
    for step in range(100):
        p.grad = gradient(np, p.data, TARGETS[0], step)
        q.grad = gradient(torch, q.detach(), torch.as_tensor(TARGETS[0]), step)
        optimizer.update()
        reference.step()
        average = reference.state[q]["ax"].numpy()
        np.testing.assert_allclose(
            optimizer.slots()[0].kept[0], average, rtol=1e-10, atol=1e-11, err_msg=f"step {step}"
        )


def test_clipping_by_value() -> None:
    p, q = Parameter(STARTS[3].copy()), torch.tensor(STARTS[3], requires_grad=True)
    p.grad, q.grad = 3 * STARTS[3], torch.tensor(3 * STARTS[3])
    optimizers.ClipValue(0.5)([p])
    torch.nn.utils.clip_grad_value_([q], 0.5)
    np.testing.assert_array_equal(p.grad.data, q.grad.numpy())
