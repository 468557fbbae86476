"""why: the verdict on a gradient, the paths, the cuts, and what each use contributes."""

import gc
import math
import weakref

import numpy as np
import pytest

import wengert
from wengert import Function, Variable, checkpoint, no_grad, stop_gradient, why
from wengert import functions as F
from wengert.errors import DtypeError
from wengert.layers import Linear, Sequential, Sigmoid


@pytest.fixture
def x():
    return Variable(np.random.default_rng(1).uniform(0.5, 1.5, 4))


@pytest.fixture
def w():
    return Variable(np.random.default_rng(2).uniform(0.5, 1.5, 4), name="w")


def reasons(report):
    return [cut.reason for cut in report.cuts]


class TestCuts:
    def check(self, report, reason, operation, text):
        assert report.verdict == "cut"
        assert report.answer.startswith("x.grad is None: every path from the loss is cut")
        assert [(cut.reason, cut.operation) for cut in report.cuts] == [(reason, operation)]
        assert text in report.cuts[0].line.text
        assert report.norm is None and report.number_of_paths == 0
        assert report.paths[-1].cut == report.cuts[0]
        assert report.cuts[0].text in repr(report) and "Fix:" in repr(report)

    def test_detached(self, x, w):
        self.check(why(x, lambda: F.sum(F.exp(x.detach()) * w)), "detached", "exp", "F.exp(x.detach())")

    def test_stopped_further_on(self, x, w):
        report = why(x, lambda: F.sum(stop_gradient(F.exp(x)) * w))
        self.check(report, "detached", "multiply", "stop_gradient(F.exp(x))")
        assert [step.operation for step in report.paths[0].steps] == ["sum", "multiply"]

    def test_data_and_views_of_it(self, x, w):
        self.check(why(x, lambda: F.sum(w[:2] * x.data[1:3])), "data", "multiply", "x.data[1:3]")

    def test_under_no_grad(self, x, w):
        def loss():
            with no_grad():
                mean = F.tanh(x)
            return F.sum(mean * 2.0 * w)

        self.check(why(x, loss), "no_grad", "tanh", "F.tanh(x)")

    def test_a_comparison(self, x, w):
        self.check(why(x, lambda: F.sum((x > 0.7) * w)), "integer", "greater", "x > 0.7")

    def test_an_index(self, x, w):
        self.check(why(x, lambda: F.sum(w[F.argmax(x)])), "integer", "argmax", "F.argmax(x)")

    def test_a_new_variable(self, x, w):
        self.check(why(x, lambda: F.sum(Variable(x.data) * w)), "new variable", "multiply", "Variable(x.data)")

    def test_the_loss_itself(self, x):
        def loss():
            with no_grad():
                return F.sum(x * x)

        report = why(x, loss)
        assert report.verdict == "cut"
        assert report.cuts[0].reason == "no_grad" and report.cuts[0].operation == "multiply"

    def test_what_does_not_reach_the_loss_is_no_cut(self, x, w):
        def loss():
            with no_grad():
                F.sum(x * w)
            np.sum(x.detach() * w)
            return F.sum(x * w)

        report = why(x, loss)
        assert report.verdict == "ordinary" and not report.cuts

    def test_one_path_of_two(self, x, w):
        report = why(x, lambda: F.sum(x * w + x.detach() * w))
        assert report.verdict == "ordinary"
        assert reasons(report) == ["detached"]
        assert [path.cut is None for path in report.paths] == [True, False]

    def test_by_the_memory_of_what_is_kept(self, x, w):
        loss = F.sum(w * x.detach())
        assert reasons(why(x, loss)) == ["detached"]
        y = F.exp(x)
        loss = F.sum(F.matmul(w, y.data))
        report = why(x, loss)
        assert report.verdict == "no path"  # y stands beside this loss, not behind it
        loss = F.sum(w * y.data) + F.sum(y)
        assert reasons(why(x, loss)) == ["detached"]

    def test_other_data_is_not_mistaken(self, x, w):
        both = np.ones(8)
        x, other = Variable(both[:4]), both[4:]
        report = why(x, lambda: F.sum(w * other))
        assert report.verdict == "no path" and not report.cuts
        assert "no path leads from the loss to x" in report.answer


class TestZero:
    def test_a_saturated_relu(self, x):
        report = why(x, lambda: F.sum(F.relu(-x)))
        assert report.verdict == "zero" and report.norm == 0.0
        assert "relu at " in report.answer and "gave zero for all 4 entries of x" in report.answer
        assert [(cut.reason, cut.operation) for cut in report.cuts] == [("zeros", "relu")]
        assert report.paths[0].cut == report.cuts[0]

    def test_declared(self, x, w):
        report = why(x, lambda: F.sum(F.where(x, w, 0.0)))
        assert report.verdict == "zero" and reasons(report) == ["declared zero"]

    def test_one_entry_left_is_no_zero(self, x):
        report = why(x, lambda: F.sum(F.relu(x - np.array([0.0, 9.0, 9.0, 9.0]))))
        assert report.verdict == "ordinary" and not report.cuts

    def test_uses_that_cancel(self, x):
        report = why(x, lambda: F.sum(x * 3.0 - x * 3.0))
        assert report.verdict == "zero"
        assert report.answer == "x.grad is zero: the 2 uses of x cancel."
        assert [share.share for share in report.shares] == [0.5, 0.5]
        assert report.cancellation == 0.0 and "they cancel" in repr(report)

    def test_cancelled_further_up(self, x):
        def loss():
            y = F.exp(x)
            return F.sum(y * 3.0 - y * 3.0)

        report = why(x, loss)
        assert [(cut.reason, cut.operation) for cut in report.cuts] == [("cancelled", "exp")]
        assert [path.cut for path in report.paths] == list(report.cuts) * 2

    def test_lost_in_the_dtype(self):
        x = Variable(np.ones(3, np.float16))
        loss = F.sum(x * np.full(3, 1e-12))
        report = why(x, loss)
        loss.backward()
        assert x.grad.dtype == np.float16 and not x.grad.data.any()
        assert report.verdict == "zero" and "too small for its dtype, float16" in report.answer

    def test_no_entries(self):
        report = why(x := Variable(np.zeros(0)), lambda: F.sum(x))
        assert report.verdict == "zero" and "no entries" in report.answer
        report = why(x := Variable(np.ones(3)), lambda: F.sum(x[:0]))
        assert report.verdict == "zero" and "empty" in report.answer


class TestSizes:
    def test_shares(self, x, w):
        a, b = np.random.default_rng(3).normal(size=(2, 4))
        report = why(x, lambda: F.sum(x * a) + F.sum(F.exp(x) * b))
        norms = [np.linalg.norm(a), np.linalg.norm(np.exp(x.data) * b)]
        found = {share.operation: (share.norm, share.share) for share in report.shares}
        assert found["multiply"] == pytest.approx((norms[0], norms[0] / sum(norms)))
        assert found["exp"] == pytest.approx((norms[1], norms[1] / sum(norms)))
        assert report.norm == pytest.approx(np.linalg.norm(a + np.exp(x.data) * b))
        assert report.shares[0].norm >= report.shares[1].norm

    def test_large(self, x):
        def loss():
            h = x
            for i in range(20):
                h = h * (100.0 if i == 7 else 2.0)
            return F.sum(h)

        report = why(x, loss)
        assert report.verdict == "large" and report.norm == pytest.approx(2 * 100 * 2.0**19)
        assert "multiply at " in report.answer and "by 1e+02" in report.answer
        assert max(step.factor for step in report.way) == pytest.approx(100)
        assert report.way[-1].after == pytest.approx(report.norm)
        assert math.prod(step.factor for step in report.way) == pytest.approx(report.norm)

    def test_vanishing_through_layers(self):
        wengert.seed(1)
        model = Sequential(*[part for _ in range(12) for part in (Linear(4, in_size=4), Sigmoid())])
        first = model[0].weight
        first.name = "first"
        data = np.ones((3, 4))
        report = why(first, lambda: F.mean(model(data)))
        assert report.verdict == "small"
        assert report.answer.startswith("first.grad is small")
        layers = {step.layer for step in report.way if step.layer}
        assert len(layers) == 24 and all(layer.startswith("Sequential.") for layer in layers)
        assert "by layer" in repr(report)

    def test_not_finite(self, x):
        report = why(x, lambda: F.sum(F.sqrt(x * 0.0) * 2.0))
        assert report.verdict == "not finite"
        assert "sqrt at " in report.answer

    def test_norms_that_would_overflow(self):
        x = Variable(np.ones(2))
        report = why(x, lambda: F.sum(x * 1e200))
        assert report.norm == pytest.approx(math.sqrt(2) * 1e200)

    def test_matches_backward(self, x, w):
        def loss():
            return F.sum(F.tanh(x * w) ** 2 + F.exp(x))

        report = why(x, loss)
        loss().backward()
        assert report.norm == pytest.approx(np.linalg.norm(x.grad.data), rel=1e-12)


class TestPaths:
    def test_are_counted_without_going_them(self, x):
        def loss():
            h = x
            for _ in range(300):
                h = h * 0.5 + h * 0.5
            return F.sum(h)

        report = why(x, loss)
        assert report.number_of_paths == 10**9
        assert len(report.paths) == 10
        assert "more than 1,000,000,000, 10 of them shown" in repr(report)
        assert {len(path.steps) for path in report.paths} == {601}
        assert len(repr(report)) < 10_000

    def test_exactly(self, x):
        def loss():
            h = x
            for _ in range(3):
                h = h * 0.5 + h * 0.5
            return F.sum(h)

        report = why(x, loss)
        assert report.number_of_paths == 8 == len(report.paths)
        assert all([s.operation for s in path.steps] == ["sum", *["add", "multiply"] * 3] for path in report.paths)

    def test_lines(self, x):
        def loss():
            y = F.exp(x)
            return F.sum(y)

        first, second = why(x, loss).paths[0].steps
        assert (first.line.text, second.line.text) == ("return F.sum(y)", "y = F.exp(x)")
        assert first.line.number == second.line.number + 1 == loss.__code__.co_firstlineno + 2

    def test_several_results(self, x):
        def loss():
            first, second = F.split(x, 2)
            return F.sum(first * 2.0) + F.sum(stop_gradient(second))

        report = why(x, loss)
        assert report.verdict == "ordinary" and report.norm == pytest.approx(math.sqrt(8))
        assert reasons(report) == ["detached"]

    def test_the_result_of_several(self, x):
        first, second = F.split(x * 1.0, 2)
        loss = F.sum(first * 2.0) + F.sum(second)
        report = why(first, loss)
        assert report.norm == pytest.approx(math.sqrt(8)) and report.number_of_paths == 1

    def test_to_itself(self, x):
        for y in (x, x * 2.0):
            report = why(y, y)
            assert report.verdict == "ordinary" and report.norm == 2.0 and report.number_of_paths == 1

    def test_a_deep_tape(self, x):
        def loss():
            h = x
            for _ in range(3000):
                h = h + 1.0
            return F.sum(h)

        report = why(x, loss)
        assert report.number_of_paths == 1 and len(report.way) == 3001


class TestOtherAnswers:
    def test_a_constant(self):
        for data in (np.arange(3), np.ones(3, complex), np.ones(3)):
            x = Variable(data, requires_grad=False)
            report = why(x, lambda x=x: F.sum(x))
            assert report.verdict == "constant"
            assert str(data.dtype) in repr(report)

    def test_freed(self, x):
        loss = F.sum(F.exp(x) * x)
        loss.backward()
        report = why(x, loss)
        assert report.verdict == "freed"
        assert "retain_graph=True" in report.fix
        assert report.number_of_paths == 2 and len(report.paths) == 2
        assert not report.shares

    def test_a_computed_value_gets_none(self, x):
        y = x * 2.0
        report = why(y, F.sum(y * y))
        assert report.verdict == "ordinary" and "retain_grad=True" in repr(report)

    def test_not_yet(self, x):
        loss = F.sum(x * x)
        assert "backward has not passed" in repr(why(x, loss))
        loss.backward(retain_graph=True)
        assert "backward has not passed" not in repr(why(x, loss))

    def test_without_a_loss(self, x):
        gc.collect()
        assert why(x).verdict == "no path" and "no living graph" in why(x).answer
        first, second = F.sum(x * 2.0), F.sum(F.exp(x))
        report = why(x)
        assert report.verdict == "ordinary"
        assert report.norm == pytest.approx(np.linalg.norm(2.0 + np.exp(x.data)))
        assert "2 living results" in repr(report)
        first.backward()
        assert why(x).norm == pytest.approx(np.linalg.norm(np.exp(x.data)))  # the other is freed
        second.backward()
        assert why(x).verdict == "freed"

    def test_no_derivative(self, x):
        @wengert.operation
        def half(xp, x):
            return x / 2

        report = why(x, lambda: F.sum(half(x)))
        assert report.verdict == "cut" and "no derivative is declared" in report.answer

    def test_wrong_arguments(self, x):
        with pytest.raises(DtypeError, match="x must be a Variable"):
            why(x.data)
        with pytest.raises(DtypeError, match="item"):
            why(x, lambda: F.sum(x).item())
        with pytest.raises(ZeroDivisionError):
            why(x, lambda: 1 / 0)


class TestLeavesNoTrace:
    def test_no_gradient_is_written_and_nothing_freed(self, x, w):
        w.grad = np.ones(4)
        loss = F.sum(F.exp(x) * w)
        why(x, loss)
        assert x.grad is None and w.grad.data.tolist() == [1.0] * 4
        loss.backward()
        np.testing.assert_array_equal(x.grad.data, np.exp(x.data) * w.data)

    def test_random_numbers(self, x):
        wengert.seed(3)
        wanted = F.dropout(x).data
        wengert.seed(3)
        why(x, lambda: F.sum(F.dropout(x)))
        np.testing.assert_array_equal(F.dropout(x).data, wanted)

    def test_keeps_nothing_alive(self, x):
        seen = []

        def loss():
            y = F.exp(x)
            seen.extend([weakref.ref(y), weakref.ref(y.data), weakref.ref(y.creator)])
            with no_grad():
                z = F.tanh(y)
            seen.extend([weakref.ref(z), weakref.ref(z.data)])
            return F.sum(y * z)

        gc.disable()
        try:
            report = why(x, loss)
            assert not [each for each in seen if each() is not None]
        finally:
            gc.enable()
        assert report.verdict == "ordinary"

    def test_other_observers_hear_the_run_and_not_the_pass(self, x):
        class Log(wengert.Observer):
            events = 0

            def begin(self, operation, options):
                Log.events += 1

            def start(self, roots, create_graph):
                raise AssertionError

        with wengert.observing(Log()):
            why(x, lambda: F.sum(x * x))
        assert Log.events == 2


class TestOtherFunctions:
    def test_a_function_class(self, x, w):
        class Product(Function):
            def forward(self, x, y):
                return x * y

            def backward(self, g):
                x, y = self.inputs
                return g * y, g * x

        report = why(x, lambda: F.sum(Product()(x, w)))
        assert report.verdict == "ordinary" and report.shares[0].operation == "Product"
        assert reasons(why(x, F.sum(Product()(x.detach(), w)))) == ["detached"]

    def test_checkpoint(self, x, w):
        report = why(x, lambda: F.sum(checkpoint(lambda v: F.exp(v) * w)(x)))
        assert report.verdict == "ordinary" and not report.cuts
        assert report.norm == pytest.approx(np.linalg.norm(np.exp(x.data) * w.data))
        assert [step.operation for step in report.way] == ["sum", "checkpoint"]
        flat = why(x, lambda: F.sum(checkpoint(lambda v: F.relu(-v) * w)(x)))
        assert [(cut.reason, cut.operation) for cut in flat.cuts] == [("zeros", "checkpoint")]
        steep = why(x, lambda: F.sum(checkpoint(lambda v: F.sqrt(v * 0.0) * w)(x)))
        assert steep.verdict == "not finite" and "checkpoint at " in steep.answer

    def test_variadic(self, x, w):
        report = why(x, lambda: F.sum(F.concat([x, w]) * 3.0))
        assert report.shares[0].operation == "concat" and report.norm == pytest.approx(6.0)

    def test_jax(self):
        jnp = pytest.importorskip("jax.numpy")
        x = Variable(jnp.asarray([1.0, 2.0]))
        assert why(x, lambda: F.sum(x * x)).norm == pytest.approx(math.sqrt(20))
        assert reasons(why(x, lambda: F.sum(x.detach() * Variable(jnp.ones(2))))) == ["detached"]

    def test_while_compiled(self):
        jax = pytest.importorskip("jax")
        verdicts = []

        def step(data):
            x = Variable(data)
            report = why(x, lambda: F.sum(x * x))
            verdicts.append(report.verdict)
            return data

        jax.jit(step)(jax.numpy.ones(2))
        assert verdicts == ["unknown"]
