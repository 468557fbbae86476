"""Optimizers: formulas by hand, how they are run, what is refused, and hooks."""

import copy
import gc
import pickle
import weakref
from functools import partial
from typing import Any

import numpy as np
import pytest

from wengert import Parameter, Variable
from wengert import functions as F
from wengert.errors import DataError, DtypeError, GraphError, InputError, ShapeError
from wengert.layers import Layer, Linear
from wengert.models import MLP
from wengert.optimizers import (
    ASGD,
    LAMB,
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    Adamax,
    AdamW,
    Adan,
    ClipGrad,
    ClipValue,
    FreezeParam,
    Lion,
    Momentum,
    MomentumSGD,
    Muon,
    NAdam,
    NesterovMomentum,
    Optimizer,
    PolynomialLR,
    RAdam,
    RMSprop,
    Rprop,
    WeightDecay,
)
from wengert.optimizers.optimizer import bias_correction

ALL = [SGD, Momentum, NesterovMomentum, RMSprop, AdaGrad, AdaDelta, Adam, AdamW]
ALL += [ASGD, Adamax, NAdam, RAdam, Adan, Lion, Rprop, LAMB]
WITH_OPTIONS = [  # which keep more, or go another way
    partial(Adam, amsgrad=True),
    partial(RMSprop, centered=True, momentum=0.9),
    partial(AdaGrad, lr_decay=0.1, initial_accumulator_value=0.5),
    partial(Momentum, dampening=0.5, maximize=True),
]


def parameter(value: Any, gradient: Any = None, dtype: Any = np.float64) -> Parameter:
    p = Parameter(np.array(value, dtype))
    if gradient is not None:
        p.grad = np.array(gradient, dtype)
    return p


def drawn(*shape: int, seed: int = 0, dtype: Any = np.float64) -> Any:
    return np.random.default_rng((seed, *shape)).normal(size=shape).astype(dtype)


def train(optimizer: Optimizer, parameters: list[Parameter], steps: int, seed: int = 0) -> None:
    """Some steps with gradients that depend on nothing but the parameters."""
    for step in range(steps):
        for i, p in enumerate(parameters):
            p.grad = np.sin(3 * p.data + drawn(*p.shape, seed=seed + 100 * step + i).astype(p.dtype))
        optimizer.update()


# Formulas: two steps by hand, from p = 1, with gradients 0.5 and 0.25


def two_steps(optimizer: Optimizer) -> float:
    p = parameter([1.0])
    optimizer.setup([p])
    for g in (0.5, 0.25):
        p.grad = np.array([g])
        optimizer.update()
    return float(p.data[0])


def test_sgd_by_hand() -> None:
    assert two_steps(SGD(0.1)) == pytest.approx(1 - 0.05 - 0.025, abs=1e-15)
    assert two_steps(SGD(0.1, weight_decay=0.2)) == pytest.approx(0.93 - 0.1 * (0.25 + 0.2 * 0.93), abs=1e-15)


def test_momentum_by_hand() -> None:
    assert MomentumSGD is Momentum
    assert two_steps(Momentum(0.1, 0.9)) == pytest.approx(1 - 0.05 - 0.1 * 0.7, abs=1e-15)
    assert two_steps(NesterovMomentum(0.1, 0.9)) == pytest.approx(
        1 - 0.1 * (0.5 + 0.45) - 0.1 * (0.25 + 0.63), abs=1e-15
    )


def test_adaptive_by_hand() -> None:
    assert two_steps(AdaGrad(0.1, eps=0.0)) == pytest.approx(1 - 0.1 - 0.1 * 0.25 / 0.3125**0.5, abs=1e-15)
    first = 0.1 * 0.5 / (0.5 * 0.1)
    second = 0.1 * 0.25 / (0.99 * 0.0025 + 0.01 * 0.0625) ** 0.5
    assert two_steps(RMSprop(0.1, 0.99, 0.0)) == pytest.approx(1 - first - second, abs=1e-14)
    s = 0.05 * 0.25
    d = (1e-6 / (s + 1e-6)) ** 0.5 * 0.5
    s2, u = 0.95 * s + 0.05 * 0.0625, 0.05 * d * d
    d2 = ((u + 1e-6) / (s2 + 1e-6)) ** 0.5 * 0.25
    assert two_steps(AdaDelta()) == pytest.approx(1 - d - d2, abs=1e-15)


def test_adam_by_hand() -> None:
    m, v = (0.09 * 0.5 + 0.1 * 0.25) / 0.19, (0.999 * 0.001 * 0.25 + 0.001 * 0.0625) / (1 - 0.999**2)
    second = 0.1 * m / (v**0.5 + 1e-8)
    assert two_steps(Adam(0.1)) == pytest.approx(1 - 0.1 * 0.5 / (0.5 + 1e-8) - second, abs=1e-12)
    first = 0.99 - 0.1 * 0.5 / (0.5 + 1e-8)
    assert two_steps(AdamW(0.1, weight_decay=0.1)) == pytest.approx(0.99 * first - second, abs=1e-12)


@pytest.mark.parametrize(
    ("kind", "option", "more"),
    [(Adam, {"amsgrad": True}, "largest"), (RMSprop, {"centered": True}, "mean"), (RMSprop, {"momentum": 0.9}, "velocity")],
)
def test_options_that_keep_more(kind: Any, option: dict[str, Any], more: str) -> None:
    """For one group alone, they go the ways of two optimizers; what they need is there from the first step on."""
    p, q = parameter(drawn(3)), parameter(drawn(4))
    optimizer = kind(0.1).setup([{"params": p, **option}, {"params": q}])
    twins = [parameter(drawn(3)), parameter(drawn(4))]
    apart = [kind(0.1, **option).setup(twins[:1]), kind(0.1).setup(twins[1:])]
    for step in range(5):
        for a, b in zip((p, q), twins, strict=True):
            a.grad = b.grad = np.sin(3 * a.data) + step
        optimizer.update()
        for each in apart:
            each.update()
    np.testing.assert_array_equal(p.data, twins[0].data)
    np.testing.assert_array_equal(q.data, twins[1].data)
    assert f"0.0.{more}" in optimizer.state() and f"0.{more}" not in apart[1].state()
    resumed = kind(0.1).setup([{"params": parameter(drawn(3)), **option}, {"params": parameter(drawn(4))}])
    resumed.load_state(optimizer.state())
    np.testing.assert_array_equal(resumed.state()[f"0.0.{more}"], optimizer.state()[f"0.0.{more}"])
    vars(apart[1]).update(option)
    twins[1].grad = drawn(4)
    with pytest.raises(InputError, match=rf"(?s)it needs .*{more}.*before the first update"):
        apart[1].update()


def test_centered_of_equal_gradients_is_a_number() -> None:
    """The mean of squares less the square of the mean is zero then, but for rounding."""
    p = parameter([1.0, 2.0])
    optimizer = RMSprop(1e-6, 0.5, centered=True).setup([p])
    for _ in range(200):
        p.grad = np.array([0.7, 3.3])
        optimizer.update()
    assert np.isfinite(p.data).all()


def test_bias_correction_does_not_cancel() -> None:
    assert bias_correction(np, 0.999999, 1) == pytest.approx(1e-6, rel=1e-9)
    assert bias_correction(np, 0.0, 5) == 1.0
    jnp = pytest.importorskip("jax.numpy")
    assert float(bias_correction(jnp, 0.999, jnp.asarray(1))) == pytest.approx(0.001, rel=1e-6)


# How formulas are run


@pytest.mark.parametrize("kind", [*ALL, *WITH_OPTIONS])
def test_size_and_neighbours_make_no_difference(kind: Any) -> None:
    """Gathered with others, alone, or in pieces: the same bits."""
    shapes = [(3, 4), (), (5,), (0, 2), (300, 301), (8193,), (1,)]
    for dtype in (np.float32, np.float64):
        together = [parameter(drawn(*shape), dtype=dtype) for shape in shapes]
        train(kind(weight_decay=0.01).setup(together), together, 3)
        for i, shape in enumerate(shapes):
            alone = parameter(drawn(*shape), dtype=dtype)
            optimizer = kind(weight_decay=0.01).setup([alone])
            for step in range(3):
                alone.grad = np.sin(3 * alone.data + drawn(*shape, seed=100 * step + i).astype(dtype))
                optimizer.update()
            assert alone.dtype == dtype and alone.shape == shape
            np.testing.assert_array_equal(alone.data, together[i].data)


@pytest.mark.parametrize("kind", [*ALL, *WITH_OPTIONS])
def test_arrays_of_the_caller_are_not_changed(kind: Any) -> None:
    for shape in ((3,), (9000,)):
        array, gradient = drawn(*shape), drawn(*shape, seed=1)
        before = array.copy(), gradient.copy()
        p, q = Parameter(array), parameter([1.0], [1.0])
        p.grad = gradient
        optimizer = kind(0.1, weight_decay=0.1).setup([p, q])
        optimizer.update()
        optimizer.update()
        np.testing.assert_array_equal(array, before[0])
        np.testing.assert_array_equal(gradient, before[1])
        assert not np.array_equal(p.data, array)


def test_gradients_of_any_layout_are_taken() -> None:
    p, q = Parameter(drawn(200, 100)), Parameter(drawn(4, 3).T)
    start = p.data.copy(), q.data.copy()
    g, h = drawn(100, 200, seed=1).T, np.broadcast_to(np.float64(2.0), (3, 4))
    p._grad, q._grad = Variable(g), Variable(h)
    SGD(0.5).setup([p, q]).update()
    np.testing.assert_array_equal(p.data, start[0] - 0.5 * g)
    np.testing.assert_array_equal(q.data, start[1] - 0.5 * h)


def test_a_formula_that_makes_new_arrays_works_too() -> None:
    class Functional(Optimizer):
        keeps = ("velocity",)

        def formula(self, xp: Any, p: Any, g: Any, t: Any, *kept: Any) -> tuple[Any, ...]:
            v = 0.9 * kept[0] + g
            return p - self.lr * v, v

    ours, theirs = [parameter(drawn(5)), parameter(drawn(9000))], [parameter(drawn(5)), parameter(drawn(9000))]
    train(Functional(0.1).setup(ours), ours, 4)
    train(Momentum(0.1).setup(theirs), theirs, 4)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_an_optimizer_written_as_in_the_book() -> None:
    class BookSGD(Optimizer):
        def __init__(self, lr: float = 0.01) -> None:
            super().__init__()
            self.lr = lr

        def update_one(self, param: Any) -> None:
            param.data = param.data - self.lr * param.grad.data

    p, q = parameter([1.0], [0.5]), parameter([1.0])
    BookSGD(0.1).setup([p, q]).update()
    assert (p.data[0], q.data[0]) == (0.95, 1.0)
    with pytest.raises(NotImplementedError, match="SGD is written as a formula"):
        SGD().update_one(p)
    with pytest.raises(NotImplementedError, match="formula is not written"):
        Optimizer(0.1).setup([p]).update()


def test_parameters_without_a_gradient_wait_with_their_own_count() -> None:
    p, q, lone = parameter(drawn(3)), parameter(drawn(4)), parameter(drawn(4))
    both, single = Adam(0.1).setup([p, q]), Adam(0.1).setup([lone])
    gradients = [drawn(4, seed=i) for i in range(6)]
    for i, g in enumerate(gradients):
        p.grad = np.ones(3)
        q.cleargrad()
        if i % 2:
            q.grad, lone.grad = g, g
            single.update()
        before = q.data.copy()
        both.update()
        if not i % 2:
            np.testing.assert_array_equal(q.data, before)
    np.testing.assert_array_equal(q.data, lone.data)
    assert [slot.steps for slot in both.slots()] == [6, 3]


def test_data_that_was_replaced_is_noticed() -> None:
    for shape in ((3,), (9000,)):
        p, q = parameter(np.ones(shape)), parameter(drawn(2), [0.0, 0.0])
        optimizer = Momentum(0.1, 0.5).setup([p, q])
        p.grad = np.ones(shape)
        optimizer.update()
        mine = np.full(shape, 5.0)
        p.data = mine
        optimizer.update()
        np.testing.assert_allclose(p.data, 5 - 0.1 * 1.5, atol=1e-15)
        np.testing.assert_array_equal(mine, np.full(shape, 5.0))
        p.data -= 1.0  # in place, in the optimizer's own array
        optimizer.update()
        np.testing.assert_allclose(p.data, 4 - 0.15 - 0.175, atol=1e-15)


def test_data_of_another_dtype_is_followed() -> None:
    p = parameter([1.0], [1.0])
    optimizer = Momentum(0.1, 0.5).setup([p])
    optimizer.update()
    p.data = p.data.astype(np.float32)
    p.grad = np.ones(1, np.float32)
    optimizer.update()
    assert p.dtype == np.float32 and p.data[0] == pytest.approx(1 - 0.1 - 0.15)


def test_parameters_made_or_added_later_are_found() -> None:
    model = MLP((4, 2))
    optimizer = Adam().setup(model)
    optimizer.update()
    x = np.ones((3, 5), np.float32)
    model(x).sum().backward()
    before = [p.data.copy() for p in model.parameters()]
    optimizer.update()
    assert all(not np.array_equal(p.data, b) for p, b in zip(model.parameters(), before, strict=True))
    model.layers.append(Linear(1, in_size=2))
    model.cleargrads()
    model(x).sum().backward()
    before_weight = model.layers[-1].weight.data.copy()
    optimizer.update()
    assert not np.array_equal(model.layers[-1].weight.data, before_weight)
    assert [slot.steps for slot in optimizer.slots()] == [2, 2, 2, 2, 1, 1]


def test_shared_parameters_take_one_step() -> None:
    layer = Layer()
    layer.a = layer.b = parameter([1.0], [1.0])
    for target in (layer, [layer.a, layer.b]):
        layer.a.data = np.ones(1)
        SGD(0.5).setup(target).update()
        assert layer.a.data[0] == 0.5


def test_what_is_kept_goes_with_its_parameter() -> None:
    """No entry outlives its parameter, and none is found again under a number that another object has now."""
    model = Layer()
    model.weight = parameter([1.0], [1.0])
    optimizer = Momentum(0.1).setup(model)
    optimizer.update()
    gone = weakref.ref(model.weight)
    model.weight = parameter([1.0], [1.0])
    optimizer.update()
    gc.collect()
    assert gone() is None
    assert optimizer.slots()[0].kept[0].tolist() == [1.0]


def test_two_optimizers_may_share_parameters() -> None:
    p = parameter(drawn(3))
    q = parameter(drawn(3))
    first, second, plain = SGD(0.1).setup([p]), SGD(0.2).setup([p]), SGD(0.1).setup([q])
    for _ in range(3):
        p.grad, q.grad = np.ones(3), np.ones(3)
        first.update()
        second.update()
        for _ in range(3):
            plain.update()
    np.testing.assert_allclose(p.data, q.data, atol=1e-15)


def test_the_learning_rate_may_change() -> None:
    p = parameter([1.0], [1.0], np.float32)
    optimizer = SGD(0.5).setup([p])
    optimizer.update()
    optimizer.lr = np.float64(0.25)
    optimizer.update()
    assert type(optimizer.lr) is float and p.dtype == np.float32 and p.data[0] == 0.25


RATES = (0.1, 0.02, 0.02, 0.02, 0.5, 1.0, 0.05, 0.05) + (0.1, 0.05, 0.05, 0.1, 0.2, 0.05, 0.01)


def test_training_converges() -> None:
    """A line through points: every optimizer finds it; Lion, whose steps do not shrink, with a rate that does."""
    x = np.linspace(-1, 1, 50)[:, np.newaxis]
    lines = [kind for kind in ALL if kind is not LAMB]  # its steps are a part of the weight: of one entry, to its zero
    for kind, lr in zip(lines, RATES, strict=True):
        model = Linear(1, in_size=1, dtype=np.float64)
        optimizer = (kind(rho=0.9, eps=1e-2) if kind is AdaDelta else kind(lr=lr)).setup(model)
        scheduler = PolynomialLR(optimizer, 400) if kind is Lion else None
        for _ in range(400):
            if scheduler is not None:
                scheduler.step()
            model.cleargrads()
            F.mean_squared_error(model(x), 3 * x + 1).backward()
            optimizer.update()
        assert abs(model.weight.data[0, 0] - 3) < 0.05 and abs(model.bias.data[0] - 1) < 0.05, kind


# What is refused


@pytest.mark.parametrize("lr", [-0.1, float("nan"), float("inf"), "0.1", None, True, np.ones(2), 1j])
def test_learning_rates_are_checked(lr: Any) -> None:
    with pytest.raises(InputError, match="SGD: lr is a number from 0 on"):
        SGD(lr)
    optimizer = SGD()
    with pytest.raises(InputError):
        optimizer.lr = lr


def test_settings_are_checked() -> None:
    for make, words in [
        (lambda: Adam(beta1=1.0), "Adam: beta1 is a number from 0 to below 1"),
        (lambda: Adam(beta2=-0.1), "Adam: beta2"),
        (lambda: AdamW(eps=-1), "AdamW: eps"),
        (lambda: Adam(weight_decay=float("nan")), "Adam: weight_decay"),
        (lambda: Momentum(momentum=1.5), "Momentum: momentum"),
        (lambda: RMSprop(alpha=2), "RMSprop: alpha"),
        (lambda: AdaDelta(rho=1), "AdaDelta: rho"),
        (lambda: AdaGrad(eps=float("inf")), "AdaGrad: eps"),
        (lambda: NAdam(momentum_decay=-1), "NAdam: momentum_decay"),
        (lambda: RAdam(beta1=1), "RAdam: beta1"),
        (lambda: Adamax(beta2=None), "Adamax: beta2"),
        (lambda: Adan(beta3=1), "Adan: beta3"),
        (lambda: Lion(beta1="0.9"), "Lion: beta1"),
        (lambda: LAMB(eps=-1), "LAMB: eps"),
        (lambda: Muon(momentum=1), "Muon: momentum"),
        (lambda: ASGD(alpha=-1), "ASGD: alpha"),
        (lambda: Rprop(shrink=1), "Rprop: shrink"),
        (lambda: Rprop(grow=0.9), "Rprop: shrink < 1 <= grow"),
        (lambda: Rprop(smallest=1, largest=0.5), "Rprop: smallest <= largest"),
        (lambda: WeightDecay(-1), "WeightDecay: rate"),
        (lambda: ClipGrad("1"), "ClipGrad: max_norm"),
        (lambda: ClipValue(-1), "ClipValue: limit"),
    ]:
        with pytest.raises(InputError, match=words):
            make()
    with pytest.raises(InputError, match=r"Adam\(lr=\.\.\.\)\.setup\(model\)"):
        Adam(Linear(2))


def test_update_without_setup() -> None:
    with pytest.raises(GraphError, match=r"call Adam\(\.\.\.\)\.setup\(model\) first"):
        Adam().update()
    with pytest.raises(GraphError):
        Adam().state()


@pytest.mark.parametrize("target", [None, 3, "model", [1], Variable(np.ones(2)), np.ones(2), [Linear(1)]])
def test_targets_are_checked(target: Any) -> None:
    with pytest.raises(DtypeError, match="takes a model or its parameters"):
        SGD().setup(target)


def test_setup_takes_a_generator_of_parameters() -> None:
    model = Linear(1, in_size=2)
    model(np.ones((1, 2), np.float32)).sum().backward()
    before = model.weight.data.copy()
    SGD(0.1).setup(model.params()).update()
    assert not np.array_equal(before, model.weight.data)


@pytest.mark.parametrize("size", [3, 9000])
def test_gradients_are_checked_before_anything_changes(size: int) -> None:
    model = Layer()
    model.good, model.layers = parameter([1.0], [1.0]), [Layer()]
    model.layers[0].bad = parameter(np.ones(size))
    bad = model.layers[0].bad
    optimizer = SGD(0.1).setup(model)
    bad._grad = Variable(np.ones(size + 1))
    with pytest.raises(ShapeError, match=r"(?s)shape of its parameter.*layers\.0\.bad"):
        optimizer.update()
    bad._grad = Variable(np.ones(size, np.float32))
    with pytest.raises(DtypeError, match=r"(?s)dtype of its parameter.*layers\.0\.bad"):
        optimizer.update()
    assert model.good.data[0] == 1.0 and optimizer.slots()[0].steps == 0
    bad.cleargrad()
    optimizer.update()
    assert model.good.data[0] == 0.9


# State


@pytest.mark.parametrize("kind", [*ALL, *WITH_OPTIONS])
def test_state_round_trip(kind: Any) -> None:
    shapes = [(3,), (2, 2), (9000,)]
    first = [parameter(drawn(*shape)) for shape in shapes]
    optimizer = kind().setup(first)
    train(optimizer, first, 3)
    second = [parameter(p.data) for p in first]
    resumed = kind().setup(second)
    state = optimizer.state()
    resumed.load_state(state)
    train(optimizer, first, 3, seed=7)
    train(resumed, second, 3, seed=7)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.data, b.data)
    assert all(int(state[f"{i}.steps"]) == 3 for i in range(3))


def test_state_names_and_copies() -> None:
    model = MLP((2, 1), in_size=3)
    optimizer = Adam().setup(model)
    assert list(optimizer.state())[:3] == ["layers.0.weight.m", "layers.0.weight.v", "layers.0.weight.steps"]
    state = optimizer.state()
    state["layers.0.weight.m"][...] = 9
    assert optimizer.slots()[0].kept[0].max() == 0


def test_state_of_something_else_is_refused_whole() -> None:
    model = Linear(2, in_size=3)
    optimizer = Adam().setup(model)
    state = optimizer.state()
    del state["weight.m"]
    state["bias.v"] = np.zeros(5, np.float32)
    state["bias.m"] = np.ones(2)
    state["bias.steps"] = np.asarray(1.0)
    state["other"] = np.zeros(1)
    with pytest.raises(DataError) as error:
        optimizer.load_state(state)
    assert str(error.value).splitlines() == [
        "this is not the state of this Adam:",
        "    weight.m is missing",
        "    bias.m: its dtype is float64, and should be float32",
        "    bias.v: its shape is (5,), and should be (2,)",
        "    bias.steps: its dtype is float64, and should be an integer type",
        "    other is not wanted",
    ]
    assert optimizer.slots()[1].kept[0].max() == 0


def test_optimizers_are_pickled_and_copied_with_their_models() -> None:
    model = Linear(2, in_size=3)
    optimizer = Adam(0.5).setup(model)
    model(np.ones((1, 3), np.float32)).sum().backward()
    optimizer.update()
    twins = pickle.loads(pickle.dumps(optimizer)), copy.deepcopy(optimizer)
    for _ in range(2):
        optimizer.update()
        for twin in twins:
            twin.update()
            np.testing.assert_array_equal(twin.target.weight.data, model.weight.data)


# Hooks


def test_weight_decay_hook_is_the_option() -> None:
    p, q = parameter(drawn(3), drawn(3, seed=1)), parameter(drawn(3), drawn(3, seed=1))
    hooked = SGD(0.1).setup([p])
    hooked.add_hook(WeightDecay(0.5))
    hooked.update()
    SGD(0.1, weight_decay=0.5).setup([q]).update()
    np.testing.assert_allclose(p.data, q.data, atol=1e-15)


def test_weight_decay_adds_once_where_gradients_are_one_array() -> None:
    g = np.ones(2)
    p, q = parameter([1.0, 1.0]), parameter([1.0, 1.0])
    p._grad = q._grad = Variable(g)
    WeightDecay(1.0)([p, q])
    assert p.grad.data.tolist() == q.grad.data.tolist() == [2.0, 2.0] and g.tolist() == [1.0, 1.0]


def test_clip_grad() -> None:
    p, q = parameter([1.0], [3.0], np.float32), parameter([1.0, 1.0], [0.0, 4.0])
    ClipGrad(10.0)([p, q])
    assert p.grad.data[0] == 3.0
    ClipGrad(1.0)([p, q])
    np.testing.assert_allclose([p.grad.data[0], *q.grad.data], np.array([3, 0, 4]) / 5, rtol=1e-6)
    assert p.grad.dtype == np.float32
    p.grad = np.array([np.nan], np.float32)
    with pytest.raises(InputError, match="infinity or nan in the gradient of 1 of 2"):
        ClipGrad(1.0)([p, q])
    ClipGrad(1.0)([])


def test_clip_grad_of_what_overflows_when_squared() -> None:
    p = parameter([1.0, 1.0], [3e30, 4e30], np.float32)
    ClipGrad(1.0)([p])
    np.testing.assert_allclose(p.grad.data, [0.6, 0.8], rtol=1e-6)


def test_clip_value() -> None:
    p = parameter([1.0, 1.0, 1.0], [-3.0, 0.5, 2.0], np.float32)
    ClipValue(1.0)([p])
    assert p.grad.data.tolist() == [-1.0, 0.5, 1.0] and p.grad.dtype == np.float32


def test_freeze() -> None:
    model = MLP((2, 2), in_size=2)
    optimizer = SGD(0.1).setup(model)
    optimizer.add_hook(FreezeParam(model.layers[0], model.layers[1].bias))
    before = [p.data.copy() for p in model.parameters()]
    model(np.ones((1, 2), np.float32)).sum().backward()
    optimizer.update()
    changed = [not np.array_equal(p.data, b) for p, b in zip(model.parameters(), before, strict=True)]
    assert changed == [False, False, True, False]
    with pytest.raises(DtypeError, match="FreezeParam takes layers and parameters"):
        FreezeParam(3)


def test_hooks_of_ones_own() -> None:
    p, q = parameter([1.0], [1.0]), parameter([1.0])
    seen = []
    optimizer = SGD(0.1).setup([p, q])
    optimizer.add_hook(lambda params: seen.extend(params))
    optimizer.update()
    assert len(seen) == 1 and seen[0] is p
    with pytest.raises(InputError, match="add_hook takes a function"):
        optimizer.add_hook(3)


# JAX


@pytest.mark.parametrize("kind", [*ALL, *WITH_OPTIONS])
def test_jax_agrees_with_numpy(kind: Any) -> None:
    jax = pytest.importorskip("jax")
    ours = [parameter(drawn(3, 4), dtype=np.float32), parameter(drawn(5), dtype=np.float32)]
    theirs = [Parameter(jax.numpy.asarray(p.data)) for p in ours]
    here, there = kind(0.1, weight_decay=0.1).setup(ours), kind(0.1, weight_decay=0.1).setup(theirs)
    for optimizer in (here, there):
        optimizer.add_hook(ClipGrad(1.0))
        optimizer.add_hook(ClipValue(0.5))
        optimizer.add_hook(WeightDecay(0.01))
    for step in range(5):
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            g = drawn(*a.shape, seed=10 * step + i, dtype=np.float32)
            a.grad, b.grad = g, jax.numpy.asarray(g)
        here.update()
        there.update()
    for a, b in zip(ours, theirs, strict=True):
        assert isinstance(b.data, jax.Array) and b.dtype == np.float32
        np.testing.assert_allclose(a.data, b.data, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("kind", [*ALL, *WITH_OPTIONS])
def test_a_step_can_be_compiled(kind: Any) -> None:
    """One compiled step, called again and again, goes the way of plain steps: nothing in it stands still."""
    jax = pytest.importorskip("jax")
    start, gradients = drawn(4, dtype=np.float32), [drawn(4, seed=i, dtype=np.float32) for i in range(4)]

    @jax.jit
    def step(data: Any, g: Any, state: Any) -> Any:
        p = Parameter(data)
        optimizer = kind(0.1).setup([p])
        optimizer.load_state(state)
        optimizer.add_hook(ClipGrad(0.5))
        p.grad = g
        optimizer.update()
        return p.data, optimizer.state()

    data = jax.numpy.asarray(start)
    state = kind(0.1).setup([Parameter(data)]).state()
    plain = Parameter(start)
    optimizer = kind(0.1).setup([plain])
    optimizer.add_hook(ClipGrad(0.5))
    for g in gradients:
        data, state = step(data, jax.numpy.asarray(g), state)
        plain.grad = g
        optimizer.update()
        np.testing.assert_allclose(data, plain.data, rtol=2e-5, atol=2e-6)
    assert int(state["0.steps"]) == 4


def test_state_goes_over_to_another_library() -> None:
    jax = pytest.importorskip("jax")
    p, q = parameter(drawn(3), dtype=np.float32), parameter(drawn(3), dtype=np.float32)
    optimizer, plain = Adam(0.1).setup([p]), Adam(0.1).setup([q])
    for step in range(6):
        g = drawn(3, seed=step, dtype=np.float32)
        if step in (2, 4):  # there and back
            p.data = jax.numpy.asarray(p.data) if step == 2 else np.asarray(p.data)
        p.grad = jax.numpy.asarray(g) if step in (2, 3) else g
        q.grad = g
        optimizer.update()
        plain.update()
        np.testing.assert_allclose(p.data, q.data, rtol=2e-5, atol=1e-6)
    assert isinstance(p.data, np.ndarray) and optimizer.slots()[0].steps == 6
