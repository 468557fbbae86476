"""L-BFGS and Newton's method: that they arrive, what they refuse, and what they keep.  L-BFGS's path: parity/."""

import copy
from typing import Any

import numpy as np
import pytest

from wengert import Parameter, load_checkpoint, save_checkpoint
from wengert import functions as F
from wengert.errors import DataError, DtypeError, GraphError, InputError, ShapeError
from wengert.layers import Linear
from wengert.models import MLP
from wengert.optimizers import LBFGS, ClipGrad, Newton


def rosenbrock(p: Any) -> Any:
    return ((1 - p[:-1]) ** 2 + 100 * (p[1:] - p[:-1] ** 2) ** 2).sum()


# L-BFGS


def test_lbfgs_finds_minima() -> None:
    p = Parameter(np.array([-1.2, 1.0, -0.5, 0.8]))
    optimizer = LBFGS(max_iter=100, max_eval=200, tolerance_change=1e-14).setup([p])
    first = optimizer.update(lambda: rosenbrock(p))
    assert first.item() > 100 and not np.isnan(first.item())
    np.testing.assert_allclose(p.data, np.ones(4), atol=1e-6)


def test_lbfgs_solves_a_quadratic_as_well_as_scipy() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(0)
    a = rng.normal(size=(8, 8))
    a, b = a @ a.T + np.eye(8), rng.normal(size=8)
    p = Parameter(np.zeros(8))
    LBFGS(max_iter=100, tolerance_change=1e-14).setup([p]).update(lambda: 0.5 * F.sum(p * (a @ p)) - F.sum(b * p))
    found = optimize.minimize(lambda x: 0.5 * x @ a @ x - b @ x, np.zeros(8), method="L-BFGS-B").x
    np.testing.assert_allclose(p.data, np.linalg.solve(a, b), atol=1e-6)
    np.testing.assert_allclose(p.data, found, atol=1e-4)


def test_lbfgs_meets_the_strong_wolfe_conditions() -> None:
    """Every step lowers the loss enough and flattens the slope enough, along its own direction."""
    for seed in range(5):
        p = Parameter(np.random.default_rng(seed).normal(size=4))
        optimizer = LBFGS(max_iter=1).setup([p])
        for _ in range(15):
            q = Parameter(p.data.copy())
            before = rosenbrock(q)
            before.backward()
            optimizer.update(lambda p=p: rosenbrock(p))
            move, g = p.data - q.data, q.grad.data
            after = Parameter(p.data.copy())
            loss = rosenbrock(after)
            loss.backward()
            if np.abs(move).max() < 1e-7:
                break
            assert loss.item() <= before.item() + 1e-4 * (g @ move) + 1e-12
            assert abs(after.grad.data @ move) <= 0.9 * abs(g @ move) + 1e-12


def test_lbfgs_trains_models_of_any_dtype_and_library() -> None:
    x = np.linspace(-1, 1, 20)[:, np.newaxis]
    for dtype in (np.float32, np.float64):
        model = MLP((6, 1), activation=F.tanh)
        inputs, t = x.astype(dtype), np.sin(3 * x).astype(dtype)
        optimizer = LBFGS(max_iter=60).setup(model)
        for _ in range(3):
            optimizer.update(lambda m=model, i=inputs, t=t: F.mean_squared_error(m(i), t))
        assert F.mean_squared_error(model(inputs), t).item() < 1e-2
        assert all(p.dtype == np.float32 for p in model.parameters())
    jax = pytest.importorskip("jax")
    p, q = Parameter(np.array([-1.2, 1.0], np.float32)), Parameter(jax.numpy.asarray([-1.2, 1.0]))
    for each in (p, q):
        LBFGS(max_iter=8).setup([each]).update(lambda each=each: rosenbrock(each))
    assert isinstance(q.data, jax.Array) and q.dtype == np.float32
    np.testing.assert_allclose(p.data, q.data, rtol=1e-2)


def test_lbfgs_survives_a_loss_that_is_not_defined_everywhere() -> None:
    p = Parameter(np.array([5.0]))
    with np.errstate(all="ignore"):
        LBFGS(lr=100.0, max_iter=50).setup([p]).update(lambda: (p - F.log(p)).sum())
    np.testing.assert_allclose(p.data, [1.0], atol=1e-5)


def test_lbfgs_leaves_constants_and_callers_arrays_alone() -> None:
    start = np.array([3.0])
    p, frozen, unused = Parameter(start), Parameter(np.array([2.0]), requires_grad=False), Parameter(np.array([4.0]))
    LBFGS().setup([p, frozen, unused]).update(lambda: ((p - frozen) ** 2).sum())
    np.testing.assert_allclose([p.data[0], frozen.data[0], unused.data[0]], [2, 2, 4], atol=1e-6)
    assert start[0] == 3.0


def test_lbfgs_at_a_minimum_stays() -> None:
    p = Parameter(np.ones(2))
    LBFGS().setup([p]).update(lambda: rosenbrock(p))
    assert p.data.tolist() == [1.0, 1.0]
    assert LBFGS().setup([]).update(lambda: (p * p).sum()).item() == 2.0


def test_lbfgs_goes_on_from_a_file_bit_for_bit(tmp_path: Any) -> None:
    def build() -> tuple[Any, Any, Any]:
        model = MLP((3, 1), activation=F.tanh, in_size=2)
        optimizer = LBFGS(max_iter=3, history_size=4).setup(model)
        x = np.random.default_rng(0).normal(size=(10, 2)).astype(np.float32)
        return model, optimizer, lambda: F.mean_squared_error(model(x), x[:, :1] * x[:, 1:])

    for updates in (0, 1, 3):
        model, optimizer, loss = build()
        for _ in range(updates):
            optimizer.update(loss)
        save_checkpoint(tmp_path / "run", model=model, optimizer=optimizer)
        other, resumed, again = build()
        load_checkpoint(tmp_path / "run", model=other, optimizer=resumed)
        twin = copy.deepcopy(optimizer)
        for _ in range(3):
            assert optimizer.update(loss).item() == resumed.update(again).item()
        for p, q in zip(model.parameters(), other.parameters(), strict=True):
            np.testing.assert_array_equal(p.data, q.data)
        assert np.array_equal(twin.state()["moves"], resumed.state()["moves"]) is False


def test_lbfgs_refuses() -> None:
    p = Parameter(np.ones(2))
    for make, words in [
        (lambda: LBFGS(-1), "LBFGS: lr"),
        (lambda: LBFGS(max_iter=0), "LBFGS: max_iter is a whole number from 1 on"),
        (lambda: LBFGS(history_size=2.5), "LBFGS: history_size"),
        (lambda: LBFGS(max_eval="3"), "LBFGS: max_eval"),
        (lambda: LBFGS(tolerance_grad=-1), "LBFGS: tolerance_grad"),
        (lambda: LBFGS().setup([{"params": p}]), "has no groups"),
        (lambda: LBFGS().add_hook(ClipGrad(1.0)), "takes no hooks"),
        (lambda: LBFGS().setup([p]).update(), "needs a closure"),
        (lambda: LBFGS().setup([p]).update(lambda: (p * np.nan).sum()), "the loss is nan before the first step"),
    ]:
        with pytest.raises(InputError, match=words):
            make()
    with pytest.raises(GraphError, match=r"LBFGS\(...\).setup\(model\) first"):
        LBFGS().update(lambda: p)
    optimizer = LBFGS(history_size=3).setup([p])
    with pytest.raises(DataError, match="pairs is 9, and should be up to 3"):
        optimizer.load_state({**optimizer.state(), "pairs": np.asarray(9)})
    with pytest.raises(DataError, match="moves: its shape is"):
        optimizer.load_state({**optimizer.state(), "moves": np.zeros((1, 1))})


# Newton


def test_newton_minimizes_a_quadratic_in_one_step() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(5, 5))
    a, b = a @ a.T + np.eye(5), rng.normal(size=5)
    p, q = Parameter(rng.normal(size=(2,))), Parameter(rng.normal(size=(3, 1)))

    def loss() -> Any:
        x = F.concat([p, F.reshape(q, (-1,))])
        return 0.5 * F.sum(x * (a @ x)) - F.sum(b * x)

    before = loss().item()
    assert Newton().setup([p, q]).update(loss).item() == pytest.approx(before)
    np.testing.assert_allclose([*p.data, *q.data[:, 0]], np.linalg.solve(a, b), rtol=1e-10)


def test_newton_takes_the_steps_of_the_formula() -> None:
    p, x = Parameter(np.array([-1.2, 1.0])), np.array([-1.2, 1.0])
    optimizer = Newton(0.9, damping=0.5).setup([p])
    for _ in range(100):
        optimizer.update(lambda: rosenbrock(p))
        g = np.array([-2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0] ** 2), 200 * (x[1] - x[0] ** 2)])
        h = np.array([[2 - 400 * x[1] + 1200 * x[0] ** 2, -400 * x[0]], [-400 * x[0], 200.0]])
        x = x - 0.9 * np.linalg.solve(h + 0.5 * np.eye(2), g)
        np.testing.assert_allclose(p.data, x, rtol=1e-10)
    np.testing.assert_allclose(p.data, [1, 1], atol=1e-6)


def test_newton_trains_a_layer_that_waits_for_its_size() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(50, 3)), rng.normal(size=50) > 0
    t = t | (x[:, 0] > 0.5)
    model = Linear(1, dtype=np.float64)
    optimizer = Newton().setup(model)

    def loss() -> Any:
        return F.mean(F.softplus(model(x)[:, 0]) - model(x)[:, 0] * t.astype(float))

    for _ in range(8):
        optimizer.update(loss)
    model.cleargrads()
    loss().backward()
    assert max(np.abs(p.grad.data).max() for p in model.parameters()) < 1e-12
    assert all(p.requires_grad and p.data.dtype == np.float64 for p in model.parameters())


def test_newton_leaves_the_tape_as_it_was() -> None:
    p, frozen = Parameter(np.array([3.0], np.float32)), Parameter(np.ones(1, np.float32), requires_grad=False)
    Newton().setup([p, frozen]).update(lambda: ((p - frozen) ** 2).sum())
    assert p.dtype == np.float32 and p.data.tolist() == [1.0] and frozen.data.tolist() == [1.0]
    (p * p).sum().backward()
    assert p.grad.data.tolist() == [2.0]
    with pytest.raises(ZeroDivisionError):
        Newton().setup([p]).update(lambda: 1 / 0)
    p.cleargrad()
    (p * p).sum().backward()
    assert p.grad.data.tolist() == [2.0]


def test_newton_on_jax() -> None:
    jax = pytest.importorskip("jax")
    p = Parameter(jax.numpy.asarray([2.0, 3.0]))
    Newton().setup([p]).update(lambda: (p**2).sum())
    assert isinstance(p.data, jax.Array)
    np.testing.assert_allclose(p.data, [0.0, 0.0], atol=1e-6)


def test_newton_refuses() -> None:
    p = Parameter(np.ones(2))
    optimizer = Newton().setup([p])
    for make, words in [
        (lambda: Newton(damping=-1), "Newton: damping"),
        (lambda: Newton().setup([{"params": p}]), "has no groups"),
        (lambda: Newton().add_hook(ClipGrad(1.0)), "takes no hooks"),
        (lambda: optimizer.update(), "needs a closure"),
        (lambda: optimizer.update(lambda: p.sum()), "the Hessian is singular"),
        (lambda: optimizer.update(lambda: (p * p * np.nan).sum()), "the Hessian is singular, or holds"),
        (lambda: Newton().setup([Parameter(np.ones(5000))]).update(lambda: p), "too large; the most is 4,096"),
    ]:
        with pytest.raises(InputError, match=words):
            make()
    assert p.data.tolist() == [1.0, 1.0]
    with pytest.raises(DtypeError, match="the closure returns the loss"):
        optimizer.update(lambda: 1.0)
    with pytest.raises(ShapeError, match="the loss is a scalar"):
        optimizer.update(lambda: p * p)
