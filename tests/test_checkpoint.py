"""A checkpoint's second run: the same as the first, or an error; and what is counted is counted once."""

import gc
import random as python_random
from collections import OrderedDict

import numpy as np
import pytest

import wengert
from wengert import Parameter, Variable, checkpoint, grad, hessian, jacobian, value_and_grad
from wengert import functions as F
from wengert import layers as L
from wengert.errors import GraphError
from wengert.layers import Buffer, Layer

X = np.array([0.3, 0.7, -1.1])
DIFFERS = r"does not compute what it did the first time(.|\n)*they differ +at step(.|\n)*Fix: pass all"


def loops(make):
    """Three checkpoints one after the other, each of which uses the variable of the loop."""

    def f(x):
        for k in (2.0, 3.0, 5.0):
            x = make(k, x)
        return F.sum(x)

    return f


class TestChanges:
    @pytest.mark.parametrize("at", [1.0, 0.0], ids=["", "where the results are alike"])
    @pytest.mark.parametrize("array", [False, True])
    def test_the_variable_of_a_loop(self, at, array):
        def f(x):
            for k in (2.0, 3.0, 5.0):
                factor = np.full(3, k) if array else k
                x = checkpoint(lambda v: v * factor)(x)  # noqa: B023 (the mistake that is meant)
            return F.sum(x)

        with pytest.raises(GraphError, match=DIFFERS):
            grad(f)(np.full(3, at))
        bound = loops(lambda k, x: checkpoint(lambda v, k: v * k)(x, k))
        np.testing.assert_array_equal(grad(bound)(np.full(3, at)), [30.0] * 3)

    def test_another_variable_of_the_same_value(self):
        def f(x, ws):
            for w in ws:
                x = checkpoint(lambda v: v * w)(x)  # noqa: B023 (the mistake that is meant)
            return F.sum(x)

        ws = [Parameter(np.array(2.0)), Parameter(np.array(2.0))]
        with pytest.raises(GraphError, match="from outside"):
            f(Variable(X), ws).backward()

    def test_a_parameter_updated_before_going_back(self):
        w = Parameter(np.array(2.0))
        y = F.sum(checkpoint(lambda v: v * w)(Variable(X)))
        w.data = np.array(3.0)
        with pytest.raises(GraphError, match=DIFFERS):
            y.backward()

    @pytest.mark.parametrize(
        "draw",
        [
            lambda: np.random.default_rng().normal(size=3),
            lambda: python_random.random(),
            lambda: np.random.default_rng().permutation(3).astype(float),
        ],
    )
    def test_generators_of_one_s_own(self, draw):
        drawn = iter([draw(), draw() + 0.25])
        with pytest.raises(GraphError, match=DIFFERS):
            grad(lambda x: F.sum(checkpoint(lambda v: v * next(drawn))(x)))(X)

    def test_one_entry_of_many_and_another_order(self):
        big = np.random.default_rng(0).normal(size=5000)
        for change in (lambda a: a.__setitem__(1234, 0.5), lambda a: a.sort()):
            held = big.copy()
            x = Variable(np.zeros(5000))
            y = F.sum(checkpoint(lambda v, held=held: v * held.copy())(x))
            change(held)
            with pytest.raises(GraphError, match=DIFFERS):
                y.backward()

    @pytest.mark.parametrize(
        ("second", "where"),
        [
            (lambda v: F.sin(v), "multiply, and sin in the second"),
            (lambda v: v * 2.0 * 1.0, "the results, and multiply in the second"),
            (lambda v: (v * 2.0, v * 2.0), "the results"),
            (lambda v: 3.0, "multiply, and the results in the second"),
            (lambda v: v[:2] * 2.0, "multiply, and get_item in the second"),
        ],
    )
    def test_another_program(self, second, where):
        runs = iter([lambda v: v * 2.0, second])
        with pytest.raises(GraphError, match=where):
            grad(lambda x: F.sum(checkpoint(lambda v: next(runs)(v))(x)))(X)

    @pytest.mark.parametrize(
        ("first", "second"),
        [(lambda a, b: a * 2.0, lambda a, b: b * 2.0), (lambda a, b: a / b, lambda a, b: b / a)],
    )
    def test_other_inputs_of_the_same_values(self, first, second):
        runs = iter([first, second])
        out = F.sum(checkpoint(lambda a, b: next(runs)(a, b))(Variable(X), Variable(X)))
        with pytest.raises(GraphError, match=DIFFERS):
            out.backward()

    def test_inside_another_checkpoint(self):
        held = [2.0]

        def inner(v):
            return checkpoint(lambda u: u * held[0])(v)

        x = Variable(np.zeros(3))
        y = F.sum(checkpoint(lambda v: inner(v) * 2.0)(x))
        held[0] = 3.0
        with pytest.raises(GraphError, match=DIFFERS):
            y.backward()
        assert x.grad is None

    def test_what_does_not_change_is_no_difference(self):
        nan = np.array([np.nan, 1.0, np.inf])
        for f in (
            lambda v: v * nan + float("nan"),
            lambda v: F.sum(v[np.array([0, 0, 2])] * v[::2][:1]) * F.concatenate([v, v]),
            lambda v: F.where(v > 0, v, -v) * Variable(np.ones(3)),  # a leaf of its own, made anew in each run
            lambda v: grad(lambda u: F.sum(u * u * u))(v),
            lambda v: F.broadcast_to(v[0], (40, 40)).T * np.longdouble(2.0),
            lambda v: v.astype(np.float16).astype(np.float64) * 3.0,
        ):
            got = grad(lambda x, f=f: F.sum(checkpoint(f)(x)))(X)
            np.testing.assert_array_equal(got, grad(lambda x, f=f: F.sum(f(x)))(X))


class TestChance:
    DRAWS = {
        "np.random": lambda v: v * np.random.normal(size=3),
        "np.random's order": lambda v: v * np.random.permutation(3),
        "dropout": lambda v: F.dropout(v, 0.5),
        "the book's dropout": lambda v: v * (np.random.rand(*v.shape) > 0.5) / 0.5,
        "both": lambda v: F.dropout(v * np.random.rand(), 0.5),
    }

    @pytest.mark.parametrize("name", DRAWS)
    def test_is_drawn_alike_and_goes_on_as_if_nothing_had_run(self, name):
        f = self.DRAWS[name]
        np.random.seed(1)
        wengert.seed(1)
        value, gradient = value_and_grad(lambda x: F.sum(checkpoint(f)(x)))(X)
        after = np.random.rand(), wengert.random.generator().random()
        np.random.seed(1)
        wengert.seed(1)
        plain_value, plain = value_and_grad(lambda x: F.sum(f(x)))(X)
        np.testing.assert_array_equal(gradient, plain)
        np.testing.assert_array_equal(value, plain_value)
        assert after == (np.random.rand(), wengert.random.generator().random())

    @pytest.mark.parametrize("order", [grad, lambda f: jacobian(grad(f))], ids=["first", "second"])
    def test_in_one_checkpoint_of_many(self, order):
        def block(v):
            return F.dropout(v * np.random.rand(3), 0.3)

        found = []
        for each in (block, checkpoint(block)):
            np.random.seed(2)
            wengert.seed(2)
            derivative = order(lambda x, each=each: F.sum(each(each(each(x * x)))))(X)
            found.append((derivative, np.random.rand(), wengert.random.generator().random()))
        np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-15)
        assert found[0][1:] == found[1][1:]


class Counter(Layer):
    """A layer that counts its calls, in one of the ways that people write it."""

    def __init__(self, in_place):
        self.count = Buffer(np.zeros(()))
        self.in_place = in_place
        self.inner = L.BatchNorm1d(3)

    def forward(self, x):
        if self.in_place:
            self.count.data[...] = self.count.data + 1
        else:
            self.count.data = self.count.data + 1
        return self.inner(x) * self.count.data  # what is counted counts in the result, too


class Walk(Layer):
    """A statistic that each call moves on from where it stands: the second run must begin where the first did."""

    def __init__(self):
        self.u = Buffer(np.array([1.0, 0.5, 0.25]))

    def forward(self, x):
        self.u.data = np.tanh(self.u.data * 1.5)
        return x * self.u.data


def functional(means):
    return lambda x: F.batch_norm(x, means[0], means[1], np.ones(3), np.zeros(3), training=True)


LAYERS = {
    "BatchNorm1d": lambda: L.BatchNorm1d(3),
    "BatchNorm of all batches": lambda: L.BatchNorm1d(3, momentum=None),
    "BatchNorm without a size": lambda: L.BatchNorm1d(),
    "in a Sequential": lambda: L.Sequential(L.Linear(3, in_size=3), L.BatchNorm1d(3), L.Dropout(0.5)),
    "counts": lambda: Counter(False),
    "counts in place": lambda: Counter(True),
    "moves on": Walk,
}


def statistics(model):
    return {path: np.array(value.data) for path, value in model.named_state() if isinstance(value, Buffer)}


class TestCounting:
    @pytest.mark.parametrize("name", LAYERS)
    @pytest.mark.parametrize("nested", [False, True])
    def test_once(self, name, nested):
        x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32) + 3
        found = []
        for wrap in (lambda f: f, (lambda f: checkpoint(lambda v: checkpoint(f)(v) * 1.0)) if nested else checkpoint):
            wengert.seed(3)
            model = LAYERS[name]()
            for _ in range(3):
                given = Variable(x)
                F.sum(wrap(lambda v, model=model: model(v))(given) ** 3).backward()
            gradients = [p.grad.data for p in model.parameters() if p.grad is not None]
            found.append((statistics(model), given.grad.data, gradients))
        (plain, slope, learned), (twice, slope_again, learned_again) = found
        assert plain.keys() == twice.keys() and plain
        for path, value in plain.items():
            np.testing.assert_array_equal(twice[path], value)
        np.testing.assert_allclose(slope_again, slope, rtol=1e-6)
        np.testing.assert_allclose(learned_again[-1] if learned else 0, learned[-1] if learned else 0, rtol=1e-6)

    def test_of_the_function_without_a_layer(self):
        x = np.random.default_rng(0).normal(size=(5, 3)) + 3
        results = []
        for wrap in (lambda f: f, checkpoint):
            means = [Variable(np.zeros(3), requires_grad=False), Variable(np.ones(3), requires_grad=False)]
            F.sum(wrap(functional(means))(Variable(x)) ** 3).backward()
            results.append([mean.data for mean in means])
        np.testing.assert_array_equal(*results)

    def test_in_the_book_s_package(self):
        from wengert import dezero
        from wengert.dezero import layers

        x = np.random.default_rng(0).normal(size=(5, 3))
        found = []
        for wrap in (lambda f: f, checkpoint):
            norm = layers.BatchNorm()
            norm(x)
            wrap(lambda v, norm=norm: norm(v))(dezero.Variable(x)).backward()
            found.append((norm.avg_mean.data, norm.avg_var.data))
        np.testing.assert_array_equal(*found)

    def test_once_for_all_passes_back(self):
        """Also where a stretch runs again for every row of a Jacobian, or fails."""
        norm = L.BatchNorm1d(3, dtype=float)
        x = np.random.default_rng(0).normal(size=(4, 3))
        jacobian(lambda x: checkpoint(norm)(x)[:2])(x)
        once = L.BatchNorm1d(3, dtype=float)
        once(x)
        np.testing.assert_array_equal(norm.running_mean.data, once.running_mean.data)
        runs = iter([1.0, None])
        walk = Walk()
        y = F.sum(checkpoint(lambda v: walk(v) * next(runs))(Variable(X)))
        before = walk.u.data
        with pytest.raises(TypeError):
            y.backward()
        assert walk.u.data is before


class TestShapesOfResults:
    def test_several_in_a_structure_and_to_second_order(self):
        p = Parameter(np.array(0.6))

        def f(d, k):
            return OrderedDict(a=[d["x"] * p * k], b=(F.sin(d["x"] * d["w"]), None), c=d["x"] > 0)

        def total(x, wrap):
            out = wrap(f)({"x": x, "w": x * 2.0}, 3.0)
            assert type(out) is OrderedDict
            assert out["b"][1] is None
            return F.sum(out["a"][0] * out["b"][0]) + F.sum(F.where(out["c"], x, 0.0))

        results = []
        for wrap in (checkpoint, lambda f: f, lambda f: checkpoint(checkpoint(f))):
            p.cleargrad()
            x = Variable(X)
            y = total(x, wrap)
            y.backward(create_graph=True)
            first = (x.grad.data.copy(), p.grad.data.copy())
            slope = F.sum(x.grad**2)
            x.cleargrad()
            p.cleargrad()
            slope.backward()
            results.append((*first, x.grad.data, p.grad.data, hessian(lambda x, wrap=wrap: total(x, wrap))(X).data))
        for other in results[1:]:
            for a, b in zip(results[0], other, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12)

    def test_arguments_may_be_written_into(self):
        def f(v):
            w = v * 1.0
            w[0] = w[1] * w[2]
            return w * v

        np.testing.assert_allclose(grad(lambda x: F.sum(checkpoint(f)(x)))(X), grad(lambda x: F.sum(f(x)))(X))

    def test_leaves_nothing_behind(self):
        def run():
            x = Variable(X)
            y = F.sum(checkpoint(lambda d: d["x"] * d["x"])({"x": x}))
            y.backward(create_graph=True)

        run()
        gc.collect()
        gc.disable()
        try:
            run()
            assert gc.collect() == 0
        finally:
            gc.enable()
