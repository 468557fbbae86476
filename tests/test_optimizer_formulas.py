"""Optimizers that PyTorch has not, beside their papers' formulas written out here in plain NumPy; and the groups."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from wengert import Parameter, load_checkpoint, save_checkpoint
from wengert import functions as F
from wengert.errors import DataError, DtypeError, GraphError, InputError, ShapeError
from wengert.layers import Linear
from wengert.models import MLP
from wengert.optimizers import (
    LAMB,
    SGD,
    Adam,
    AdamW,
    Adan,
    ClipGrad,
    ClipValue,
    ExponentialLR,
    Lion,
    Momentum,
    Muon,
    Optimizer,
    PolynomialLR,
    WeightDecay,
)

SHAPES = [(3, 4), (5,), (), (101, 90)]  # the last is too large to be gathered with the others


def slope(p: Any, step: int) -> Any:
    """The gradient of a bumpy bowl, with noise."""
    return p - 1 + 0.5 * np.sin(3 * p) + 0.1 * np.random.default_rng((step, p.ndim)).normal(size=p.shape)


def starts(shapes: list[Any]) -> list[Any]:
    return [np.random.default_rng(10 + i).normal(size=shape) for i, shape in enumerate(shapes)]


def compare(optimizer: Optimizer, reference: Any, shapes: Any = SHAPES) -> None:
    """A hundred steps: ``reference(p, g, t, memory)`` gives the new p, and keeps what it likes in ``memory``."""
    mine = [Parameter(start.copy()) for start in starts(shapes)]
    plain = starts(shapes)
    memories: list[dict[str, Any]] = [{} for _ in plain]
    optimizer.setup(mine)
    for t in range(1, 101):
        for p in mine:
            p.grad = np.asarray(slope(p.data, t))
        optimizer.update()
        for i, p in enumerate(plain):
            plain[i] = reference(p, slope(p, t), t, memories[i])
            np.testing.assert_allclose(mine[i].data, plain[i], rtol=1e-10, atol=1e-11, err_msg=f"step {t}")


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adan(decay: float) -> None:
    """Algorithm 1 of the paper, with its betas (what is added), and the authors' correction of the bias."""
    eta, b1, b2, b3 = 0.01, 0.02, 0.08, 0.01

    def reference(p: Any, g: Any, t: int, memory: dict[str, Any]) -> Any:
        m, v, n = (memory.get(name, np.zeros_like(p)) for name in "mvn")
        change = g - memory.get("g", g)
        m = (1 - b1) * m + b1 * g
        v = (1 - b2) * v + b2 * change
        n = (1 - b3) * n + b3 * (g + (1 - b2) * change) ** 2
        memory.update(m=m, v=v, n=n, g=g)
        m, v, n = m / (1 - (1 - b1) ** t), v / (1 - (1 - b2) ** t), n / (1 - (1 - b3) ** t)
        return (p - eta / (np.sqrt(n) + 1e-8) * (m + (1 - b2) * v)) / (1 + decay * eta)

    compare(Adan(eta, weight_decay=decay), reference)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_lion(decay: float) -> None:
    """Program 1 of the paper."""

    def reference(p: Any, g: Any, t: int, memory: dict[str, Any]) -> Any:
        m = memory.get("m", np.zeros_like(p))
        update = np.sign((1 - 0.9) * g + 0.9 * m) + decay * p
        memory["m"] = (1 - 0.99) * g + 0.99 * m
        return p - 0.01 * update

    compare(Lion(0.01, weight_decay=decay), reference)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_lamb(decay: float) -> None:
    """Algorithm 2 of the paper, with the identity for phi."""

    def reference(p: Any, g: Any, t: int, memory: dict[str, Any]) -> Any:
        m = memory["m"] = 0.9 * memory.get("m", 0) + 0.1 * g
        v = memory["v"] = 0.999 * memory.get("v", 0) + 0.001 * g**2
        r = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-6) + decay * p
        return p - 0.01 * np.linalg.norm(p) / np.linalg.norm(r) * r

    compare(LAMB(0.01, weight_decay=decay), reference)


def test_lamb_converges() -> None:
    p, target = Parameter(np.array([-1.0, 2.0, 0.5])), np.array([3.0, -1.0, 0.2])
    optimizer = LAMB(0.05).setup([p])
    scheduler = PolynomialLR(optimizer, 400)
    for _ in range(400):
        optimizer.update(lambda: ((p - target) ** 2).sum())
        scheduler.step()
    np.testing.assert_allclose(p.data, target, atol=0.02)


def test_lamb_begins_at_zero() -> None:
    p = Parameter(np.zeros(2))
    optimizer = LAMB(0.1, eps=0.0).setup([p])
    p.grad = np.array([1.0, -2.0])
    optimizer.update()
    np.testing.assert_allclose(p.data, [-0.1, 0.1], atol=1e-12)
    p.grad = p.data * 0
    LAMB(0.1).setup([p]).update()
    np.testing.assert_allclose(p.data, [-0.1, 0.1], atol=1e-12)


@pytest.mark.parametrize("nesterov", [True, False])
def test_muon(nesterov: bool) -> None:
    """As its authors describe it; their weights are (outputs, inputs), ours the other way about."""

    def newton_schulz(g: Any) -> Any:
        a, b, c = 3.4445, -4.7750, 2.0315
        x = g / (np.sqrt((g**2).sum()) + 1e-7)
        if g.shape[0] > g.shape[1]:
            x = x.T
        for _ in range(5):
            gram = x @ x.T
            x = a * x + b * gram @ x + c * gram @ gram @ x
        return x.T if g.shape[0] > g.shape[1] else x

    def reference(p: Any, g: Any, t: int, memory: dict[str, Any]) -> Any:
        m = memory["m"] = 0.95 * memory.get("m", 0) + 0.05 * g
        theirs = (0.05 * g + 0.95 * m if nesterov else m).T
        update = newton_schulz(theirs) * max(1, theirs.shape[0] / theirs.shape[1]) ** 0.5
        return p * (1 - 0.02 * 0.01) - 0.02 * update.T

    compare(Muon(0.02, nesterov=nesterov), reference, [(3, 4), (7, 2), (5, 5), (1, 6)])


def test_muon_makes_steps_orthogonal() -> None:
    p = Parameter(np.zeros((6, 4)))
    optimizer = Muon(1.0, weight_decay=0.0).setup([p])
    p.grad = np.random.default_rng(0).normal(size=(6, 4))
    optimizer.update()
    values = np.linalg.svd(p.data, compute_uv=False)
    assert (values > 0.6).all() and (values < 1.3).all()


def test_muon_refuses_what_is_no_matrix_before_anything_changes() -> None:
    model = Linear(2, in_size=3)
    model.weight.grad, model.bias.grad = np.ones((3, 2), np.float32), np.ones(2, np.float32)
    before = model.weight.data.copy()
    with pytest.raises(ShapeError, match=r"(?s)Muon is for matrices.*bias.*AdamW for the others"):
        Muon().setup(model).update()
    np.testing.assert_array_equal(model.weight.data, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whole_formulas_keep_the_dtype_and_the_callers_arrays(dtype: Any) -> None:
    for kind in (LAMB, Muon):
        start, g = np.ones((3, 2), dtype), np.asfortranarray(np.random.default_rng(0).normal(size=(3, 2)).astype(dtype))
        before = g.copy()
        p = Parameter(start)
        p.grad = g
        optimizer = kind(0.1, weight_decay=0.1).setup([p])
        optimizer.update()
        optimizer.update()
        assert p.dtype == dtype and optimizer.slots()[0].kept[0].dtype == dtype
        np.testing.assert_array_equal(start, np.ones((3, 2)))
        np.testing.assert_array_equal(g, before)


def test_muon_on_jax() -> None:
    jax = pytest.importorskip("jax")
    start = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    p, q = Parameter(start), Parameter(jax.numpy.asarray(start))
    here, there = Muon(0.1).setup([p]), Muon(0.1).setup([q])
    for step in range(5):
        g = np.random.default_rng(step).normal(size=(3, 5)).astype(np.float32)
        p.grad, q.grad = g, jax.numpy.asarray(g)
        here.update()
        there.update()
    np.testing.assert_allclose(p.data, q.data, rtol=1e-4, atol=1e-5)


# Closures


def test_update_with_a_closure_is_a_whole_step() -> None:
    model, twin = MLP((4, 1), in_size=2), MLP((4, 1), in_size=2)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        q.data = p.data.copy()
    x, t = np.ones((3, 2), np.float32), np.zeros((3, 1), np.float32)
    ours, theirs = Adam().setup(model), Adam().setup(twin)
    for _ in range(3):
        loss = ours.update(lambda: F.mean_squared_error(model(x), t))
        twin.cleargrads()
        expected = F.mean_squared_error(twin(x), t)
        expected.backward()
        theirs.update()
        assert loss.item() == expected.item()
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_closures_are_checked() -> None:
    p = Parameter(np.ones(2))
    optimizer = SGD(0.1).setup([p])
    with pytest.raises(DtypeError, match="the closure returns the loss"):
        optimizer.update(lambda: None)
    with pytest.raises(ShapeError, match="the loss is a scalar"):
        optimizer.update(lambda: p * 2)

    def habit() -> Any:
        loss = (p * p).sum()
        loss.backward()
        return loss

    with pytest.raises(GraphError, match="the closure called backward"):
        optimizer.update(habit)
    assert p.data.tolist() == [1.0, 1.0]
    assert optimizer.update() is None


# Groups


def grouped(optimizer: Optimizer, *groups: dict[str, Any]) -> tuple[Optimizer, Linear, Linear]:
    first, second = Linear(2, in_size=3, dtype=np.float64), Linear(1, in_size=2, dtype=np.float64)
    settings = [*groups, {}, {}][:2]
    optimizer.setup([{"params": first, **settings[0]}, {"params": second.parameters(), **settings[1]}])
    return optimizer, first, second


def give_gradients(*layers: Linear, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    for layer in layers:
        for p in layer.parameters():
            p.grad = rng.normal(size=p.shape)


def test_groups_are_as_optimizers_of_their_own() -> None:
    cases: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
        (SGD, {"lr": 0.5}, {"weight_decay": 0.3}),
        (AdamW, {"lr": 0.01, "beta1": 0.5}, {"weight_decay": 0.3, "eps": 1e-3}),
        (LAMB, {"beta2": 0.9}, {}),
    ]
    for kind, one, two in cases:
        optimizer, first, second = grouped(kind(0.1), one, two)
        twins = copy.deepcopy(first), copy.deepcopy(second)
        apart = [kind(**{"lr": 0.1, **own}).setup(twin) for own, twin in zip((one, two), twins, strict=True)]
        for step in range(5):
            give_gradients(first, second, seed=step)
            give_gradients(*twins, seed=step)
            optimizer.update()
            for each in apart:
                each.update()
        for layer, twin in zip((first, second), twins, strict=True):
            for p, q in zip(layer.parameters(), twin.parameters(), strict=True):
                np.testing.assert_array_equal(p.data, q.data)


def test_groups_take_what_they_have_not_from_the_optimizer() -> None:
    optimizer, first, second = grouped(Momentum(0.1), {}, {"lr": 0.01})
    assert optimizer.groups[0].target is first and [g.lr for g in optimizer.groups] == [0.1, 0.01]
    optimizer.lr, optimizer.momentum = 1.0, 0.0
    give_gradients(first, second)
    before = [p.data.copy() for layer in (first, second) for p in layer.parameters()]
    optimizer.update()
    moved = [(b - p.data) / p.grad.data for p, b in zip([*first.params(), *second.params()], before, strict=True)]
    for change, lr in zip(moved, (1.0, 1.0, 0.01, 0.01), strict=True):
        np.testing.assert_allclose(change, lr)
    optimizer.groups[1].lr = 0.5
    assert [g.lr for g in optimizer.groups] == [1.0, 0.5] and optimizer.lr == 1.0
    assert SGD().setup(first).groups[0].lr == 0.01


def test_groups_find_parameters_made_later() -> None:
    model = MLP((2, 1))
    optimizer = SGD(0.0).setup([{"params": model.layers[0]}, {"params": model.layers[1], "lr": 1.0}])
    model(np.ones((4, 3), np.float32)).sum().backward()
    before = [p.data.copy() for p in model.parameters()]
    optimizer.update()
    changed = [not np.array_equal(p.data, b) for p, b in zip(model.parameters(), before, strict=True)]
    assert changed[:2] == [False, False] and changed[3]


def test_groups_are_checked() -> None:
    a, b = Linear(1, in_size=2), Linear(1, in_size=2)
    for groups, kind, words in [
        ([{"lr": 0.1}], InputError, "group 0 has no 'params'"),
        ([{"params": a}, {"params": b, "betas": 1}], InputError, "group 1 has 'betas', which is no setting of Adam"),
        ([{"params": a, "lr": -1}], InputError, "Adam: lr is a number from 0 on"),
        ([{"params": a, "beta1": 1.0}], InputError, "Adam: beta1 is a number from 0 to below 1"),
        ([{"params": a}, {"params": [a.bias]}], InputError, "groups 0 and 1 share a parameter"),
        ([{"params": [1]}], DtypeError, "Adam.setup takes a model or its parameters"),
        ([{"params": a}, b], DtypeError, "Adam.setup takes a model or its parameters"),
        ({"params": a}, DtypeError, "Adam.setup takes a model or its parameters"),
    ]:
        optimizer = Adam()
        with pytest.raises(kind, match=words):
            optimizer.setup(groups)
        with pytest.raises(GraphError):
            optimizer.update()
    optimizer = Adam().setup([{"params": a}])
    with pytest.raises(GraphError, match="a group holds settings"):
        optimizer.groups[0].update()


def test_groups_without_parameters_of_a_kind_are_fine() -> None:
    optimizer = SGD(0.1).setup([{"params": []}, {"params": Parameter(np.ones(1))}])
    optimizer.update()
    assert optimizer.groups[0].target == []


def test_hooks_see_all_groups() -> None:
    optimizer, first, second = grouped(SGD(1.0), {"lr": 2.0})
    optimizer.add_hook(ClipGrad(1.0))
    give_gradients(first, second)
    optimizer.update()
    norm = sum(float((p.grad.data**2).sum()) for layer in (first, second) for p in layer.params())
    assert norm == pytest.approx(1.0, rel=1e-5)


def test_a_book_optimizer_has_groups() -> None:
    class Book(Optimizer):
        def __init__(self, lr: float = 0.01) -> None:
            super().__init__()
            self.lr = lr

        def update_one(self, param: Any) -> None:
            param.data = param.data - self.lr * param.grad.data

    p, q = Parameter(np.ones(1)), Parameter(np.ones(1))
    p.grad, q.grad = np.ones(1), np.ones(1)
    Book(0.1).setup([{"params": p}, {"params": q, "lr": 0.5}]).update()
    assert (p.data[0], q.data[0]) == (0.9, 0.5)


def test_state_of_groups_goes_through_a_file_bit_for_bit(tmp_path: Any) -> None:
    def build() -> tuple[Optimizer, Linear, Linear]:
        return grouped(AdamW(0.1), {"lr": 0.3, "weight_decay": 0.1}, {"beta1": 0.5})

    optimizer, first, second = build()
    scheduler = ExponentialLR(optimizer, 0.7)
    for step in range(3):
        give_gradients(first, second, seed=step)
        optimizer.update()
        scheduler.step()
    optimizer.groups[1].beta1 = 0.123456789
    assert "0.weight.m" in optimizer.state() and "1.1.v" in optimizer.state()
    models = {"first": first, "second": second}
    save_checkpoint(tmp_path / "run", model=models, optimizer=optimizer, metadata={"scheduler": scheduler.state()})
    resumed, third, fourth = build()
    after = ExponentialLR(resumed, 0.7)
    found = load_checkpoint(tmp_path / "run", model={"first": third, "second": fourth}, optimizer=resumed)
    after.load_state(found["metadata"]["scheduler"])
    assert [g.options() for g in resumed.groups] == [g.options() for g in optimizer.groups]
    for step in range(3):
        for run, layers, rates in ((optimizer, (first, second), scheduler), (resumed, (third, fourth), after)):
            give_gradients(*layers, seed=10 + step)
            run.update()
            rates.step()
    for one, two in ((first, third), (second, fourth)):
        for p, q in zip(one.parameters(), two.parameters(), strict=True):
            np.testing.assert_array_equal(p.data, q.data)


def test_state_of_other_groups_is_refused() -> None:
    optimizer, *_ = grouped(SGD(0.1), {"lr": 0.3})
    other, *_ = grouped(SGD(0.1), {}, {"lr": 0.3})
    with pytest.raises(DataError, match="groups.1.lr is missing"):
        other.load_state(optimizer.state())
    damaged = {**optimizer.state(), "groups.0.lr": np.asarray(-1.0)}
    with pytest.raises(InputError, match="lr is a number from 0 on"):
        optimizer.load_state(damaged)
    assert optimizer.groups[0].lr == 0.3


def test_groups_are_pickled_and_copied() -> None:
    optimizer, first, second = grouped(Adam(0.1), {"lr": 0.3}, {"eps": 0.1})
    give_gradients(first, second)
    optimizer.update()
    for twin in (pickle.loads(pickle.dumps(optimizer)), copy.deepcopy(optimizer)):
        assert [g.options() for g in twin.groups] == [g.options() for g in optimizer.groups]
        assert twin.groups[0]._parent is twin
        twin.update()
        assert not np.array_equal(twin.groups[0].target.weight.data, first.weight.data)
        np.testing.assert_array_equal(twin.groups[1].target[0].grad.data, second.weight.grad.data)


def test_unknown_attributes_are_still_errors() -> None:
    with pytest.raises(AttributeError, match="'Adam' has no attribute 'betas'"):
        _ = Adam().betas
    optimizer, *_ = grouped(Adam())
    with pytest.raises(AttributeError, match="betas"):
        _ = optimizer.groups[0].betas


# Clipping: the hooks beside what they are to do


def test_clipping_by_value_and_by_norm() -> None:
    rng = np.random.default_rng(0)
    gradients = [rng.normal(size=shape) * 3 for shape in SHAPES]
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    for hook, clipped in [
        (ClipGrad(2.0), [g * 2.0 / (norm + 1e-6) for g in gradients]),
        (ClipGrad(2 * norm), gradients),
        (ClipValue(0.7), [np.minimum(np.maximum(g, -0.7), 0.7) for g in gradients]),
        (WeightDecay(0.5), [g + 0.5 for g in gradients]),
    ]:
        parameters = [Parameter(np.ones(shape)) for shape in SHAPES]
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = g.copy()
        hook(parameters)
        for p, g in zip(parameters, clipped, strict=True):
            np.testing.assert_allclose(p.grad.data, g, rtol=1e-13)
