"""Losses beside PyTorch's, over random options, in float64: values and gradients."""

from typing import Any

import numpy as np
import pytest

from wengert import Variable
from wengert import functions as F

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -e .[parity]")
N = torch.nn.functional

SEEDS = range(8)
REDUCTIONS = ("mean", "sum", "none")


def compare(mine: Any, theirs: Any, *arrays: Any) -> None:
    xs = [Variable(a.copy()) for a in arrays]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, z = mine(*xs), theirs(*ts)
    assert y.shape == tuple(z.shape)
    weight = np.asarray(np.random.default_rng(1).normal(size=y.shape))
    F.sum(y * weight).backward()
    (z * torch.tensor(weight)).sum().backward()
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-10, atol=1e-10)
    for x, t in zip(xs, ts, strict=True):
        np.testing.assert_allclose(x.grad.data, t.grad.numpy(), rtol=1e-10, atol=1e-10)


def tensor(array: Any) -> Any:
    return None if array is None else torch.tensor(array)


def scores_and_labels(rng: Any) -> tuple[Any, Any, Any]:
    classes, space = int(rng.integers(2, 5)), tuple(map(int, rng.integers(1, 4, rng.integers(0, 3))))
    rows = int(rng.integers(2, 6))
    weight = rng.uniform(0.5, 2, classes) if rng.random() < 0.5 else None
    return rng.normal(size=(rows, classes, *space)), rng.integers(0, classes, (rows, *space)), weight


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("kind", ["labels", "some ignored", "probabilities"])
def test_cross_entropy(seed: int, reduction: str, smoothing: float, kind: str) -> None:
    rng = np.random.default_rng(seed)
    x, t, weight = scores_and_labels(rng)
    ignore = -100
    if kind == "some ignored":
        ignore = int(rng.choice([-100, 1]))
        t = np.where(rng.random(t.shape) < 0.3, ignore, t)
        t.flat[0] = 0
    if kind == "probabilities":
        t = rng.dirichlet(np.ones(x.shape[1]), t.shape)
        t = np.moveaxis(t, -1, 1)
    options = {"ignore_index": ignore, "reduction": reduction, "label_smoothing": smoothing}
    if kind == "probabilities":
        compare(
            lambda x, t: F.cross_entropy(x, t, weight, **options),
            lambda x, t: N.cross_entropy(x, t, tensor(weight), **options),
            x,
            np.ascontiguousarray(t),
        )
        return
    compare(
        lambda x: F.cross_entropy(x, t, weight, **options),
        lambda x: N.cross_entropy(x, torch.tensor(t), tensor(weight), **options),
        x,
    )
    del options["label_smoothing"]
    compare(
        lambda x: F.nll_loss(x, t, weight, **options),
        lambda x: N.nll_loss(x, torch.tensor(t), tensor(weight), **options),
        x,
    )


def test_labels_that_are_all_ignored_give_nothing() -> None:
    assert F.cross_entropy(np.zeros((2, 3)), np.full(2, -100)).item() == 0.0  # where PyTorch has nan


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary(seed: int, reduction: str) -> None:
    rng = np.random.default_rng(seed)
    x, t = rng.normal(size=(4, 3)) * 10, rng.uniform(size=(4, 3))
    weight = rng.uniform(size=(4, 3)) if rng.random() < 0.5 else None
    positive = rng.uniform(0.5, 3, size=3) if rng.random() < 0.5 else None
    options = {"reduction": reduction}
    compare(
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, weight, pos_weight=positive, **options),
        lambda x, t: N.binary_cross_entropy_with_logits(x, t, tensor(weight), pos_weight=tensor(positive), **options),
        x,
        t,
    )
    compare(
        lambda p, t: F.binary_cross_entropy(p, t, weight, **options),
        lambda p, t: N.binary_cross_entropy(p, t, tensor(weight), **options),
        rng.uniform(0.01, 0.99, (4, 3)),
        t,
    )


PAIRED = [
    ("mse_loss", {}),
    ("l1_loss", {}),
    ("huber_loss", {"delta": 0.7}),
    ("smooth_l1_loss", {"beta": 0.7}),
    ("smooth_l1_loss", {"beta": 0.0}),
    ("poisson_nll_loss", {"full": True}),
    ("poisson_nll_loss", {"log_input": False}),
    ("kl_div", {}),
    ("kl_div", {"log_target": True}),
]


@pytest.mark.filterwarnings("ignore:reduction:UserWarning")  # PyTorch's, of the mean of kl_div
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "options"), PAIRED)
def test_of_two_operands(name: str, options: dict[str, Any], reduction: str) -> None:
    rng = np.random.default_rng(0)
    x, t = rng.uniform(0.1, 3, (4, 3)), rng.uniform(0.1, 3, (4, 3))
    options = {**options, "reduction": reduction}
    compare(lambda x, t: getattr(F, name)(x, t, **options), lambda x, t: getattr(N, name)(x, t, **options), x, t)


def test_kl_divergence_over_the_batch() -> None:
    rng = np.random.default_rng(0)
    compare(
        lambda x, t: F.kl_divergence(x, t, reduction="batchmean"),
        lambda x, t: N.kl_div(x, t, reduction="batchmean"),
        rng.normal(size=(4, 3)),
        rng.uniform(0.1, 1, (4, 3)),
    )


def test_equal_operands_and_those_at_a_bend() -> None:
    x, t = np.array([1.0, 1.0, 1.0, 0.0]), np.array([1.0, 1.5, 0.5, 3.0])
    for name, option in (("l1_loss", {}), ("huber_loss", {"delta": 0.5}), ("smooth_l1_loss", {"beta": 0.5})):
        mine, theirs = getattr(F, name), getattr(N, name)
        compare(lambda x, t, f=mine, o=option: f(x, t, **o), lambda x, t, f=theirs, o=option: f(x, t, **o), x, t)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("shape", [(4, 3), (4, 1), (4,)])
def test_gaussian(reduction: str, full: bool, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    var = rng.uniform(0.1, 2, shape)
    var.flat[0] = 1e-9  # below eps
    options = {"full": full, "reduction": reduction, "eps": 1e-3}
    compare(
        lambda x, t, v: F.gaussian_nll_loss(x, t, v, **options),
        lambda x, t, v: N.gaussian_nll_loss(x, t, v, **options),
        *rng.normal(size=(2, 4, 3)),
        var,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_of_distances_and_margins(reduction: str) -> None:
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, 6, 4))
    sign, signs = rng.choice([-1, 1], 6), rng.choice([-1, 1], (6, 4))
    labels = rng.integers(0, 4, 6)
    weight = rng.uniform(0.5, 2, 4)
    o = {"reduction": reduction}
    T = torch.tensor
    compare(lambda x, y: F.cosine_embedding_loss(x, y, sign, margin=0.1, **o), lambda x, y: N.cosine_embedding_loss(x, y, T(sign), margin=0.1, **o), a, b)
    compare(lambda x, y: F.margin_ranking_loss(x, y, signs, margin=0.1, **o), lambda x, y: N.margin_ranking_loss(x, y, T(signs), margin=0.1, **o), a, b)
    compare(lambda x: F.hinge_embedding_loss(x, signs, margin=0.5, **o), lambda x: N.hinge_embedding_loss(x, T(signs), margin=0.5, **o), a)
    compare(lambda x: F.soft_margin_loss(x, signs, **o), lambda x: N.soft_margin_loss(x, T(signs), **o), a)
    for p in (1, 2):
        compare(
            lambda x, p=p: F.multi_margin_loss(x, labels, p=p, margin=0.7, weight=weight, **o),
            lambda x, p=p: N.multi_margin_loss(x, T(labels), p=p, margin=0.7, weight=T(weight), **o),
            a,
        )
    for p, swap in ((2.0, False), (3.0, True), (1.0, True)):
        options = {"p": p, "swap": swap, "margin": 0.8, **o}
        compare(
            lambda *xs, options=options: F.triplet_margin_loss(*xs, **options),
            lambda *xs, options=options: N.triplet_margin_loss(*xs, **options),
            a, b, c,
        )  # fmt: skip


def test_margins_at_their_bend() -> None:
    one, zero = np.array([1.0, 0.5]), np.array([0.0, 0.0])
    signs = np.array([-1, -1])
    compare(lambda x: F.hinge_embedding_loss(x, signs), lambda x: N.hinge_embedding_loss(x, torch.tensor(signs)), one)
    compare(
        lambda x, y: F.margin_ranking_loss(x, y, -signs, margin=0.0),
        lambda x, y: N.margin_ranking_loss(x, y, torch.tensor(-signs), margin=0.0),
        zero,
        zero.copy(),
    )


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_cosine_similarity(axis: int) -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    compare(lambda x, y: F.cosine_similarity(x, y, axis), lambda x, y: N.cosine_similarity(x, y, axis), a, b)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.5])
def test_pairwise_distance(p: float) -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 3, 4))
    compare(lambda x, y: F.pairwise_distance(x, y, p), lambda x, y: N.pairwise_distance(x, y, p), a, b)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("joined", [True, False])
def test_ctc(seed: int, reduction: str, joined: bool) -> None:
    """Through log_softmax: PyTorch's own gradient takes for granted that it comes before."""
    rng = np.random.default_rng(seed)
    steps, count, classes, blank = 12, 4, 5, int(rng.integers(5))
    inputs, targets = rng.integers(8, steps + 1, count), rng.integers(0, 5, count)
    targets[0] = 4
    labels = (rng.integers(1, classes, (count, 4)) + blank) % classes
    t = np.concatenate([row[:n] for row, n in zip(labels, targets, strict=True)]) if joined else labels
    x = rng.normal(size=(steps, count, classes)) * 3
    options = {"blank": blank, "reduction": reduction, "zero_infinity": True}
    compare(
        lambda x: F.ctc_loss(F.log_softmax(x), t, inputs, targets, **options),
        lambda x: N.ctc_loss(x.log_softmax(-1), torch.tensor(t), torch.tensor(inputs), torch.tensor(targets), **options),
        x,
    )


def test_ctc_of_a_long_sequence_in_float32() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(300, 2, 20)), rng.integers(1, 20, (2, 80))
    mine, exact = Variable(x.astype(np.float32)), Variable(x)
    for v in (mine, exact):
        F.ctc_loss(F.log_softmax(v), t, [300, 250], [80, 60]).backward()
    assert mine.grad.dtype == np.float32
    np.testing.assert_allclose(mine.grad.data, exact.grad.data, atol=1e-5)


def test_ctc_that_cannot_be() -> None:
    x = Variable(np.log(np.full((2, 1, 3), 1 / 3)))
    out = F.ctc_loss(x, np.array([[1, 1]]), [2], [2])  # a blank must stand between the two
    assert out.item() == np.inf
    out.backward()
    assert not x.grad.data.any()
