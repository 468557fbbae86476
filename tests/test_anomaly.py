"""wengert.detect_anomaly: the first NaN or infinity is told where it was born; what was meant to be infinite is not."""

import contextvars
import gc
import threading
import weakref

import numpy as np
import pytest

import wengert
from wengert import Function, Layer, Parameter, Variable, detect_anomaly, no_grad
from wengert import functions as F
from wengert.core.modes import Observer, observing
from wengert.errors import AnomalyError
from wengert.models import MLP

DRAWS = np.random.default_rng(0)
A = np.array


@pytest.fixture(autouse=True)
def _numpy_is_silent():
    """NumPy's own warnings would be errors here, before ours."""
    with np.errstate(all="ignore"):
        yield


def v(x, name=None, dtype=float):
    return Variable(A(x, dtype=dtype), name=name)


def line_with(text):
    """The number of the line of this file that ends in the comment ``text``."""
    with open(__file__, encoding="utf-8") as file:
        return next(number for number, line in enumerate(file, 1) if line.rstrip().endswith(f"# {text}"))


def anomaly(f, **options):
    """The message of the anomaly in ``f``, with what it says of layers."""
    with pytest.raises(AnomalyError) as raised, detect_anomaly(**options):
        f()
    return "\n".join([str(raised.value), *getattr(raised.value, "__notes__", [])])


class TestForward:
    def test_names_the_operation_the_line_the_index_and_the_inputs(self):
        x, w = v([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "x"), v([1.0, 0.0, 2.0], "scale")

        def step():
            return x / w  # divided

        text = anomaly(step)
        assert text.startswith("divide: out[0, 1] is inf, and its inputs are finite.")
        assert f"test_anomaly.py:{line_with('divided')} in step: return x / w" in text
        assert "(2, 3) float64  x: x[0, 1] = 2.0; from 1.0 to 6.0" in text
        assert "(3,) float64  scale: y[1] = 0.0; from 0.0 to 2.0" in text
        assert "Fix: " in text

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
    @pytest.mark.parametrize("shape", [(), (1,), (3, 5), (70, 30)])
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_one_entry_anywhere_is_found(self, dtype, shape, value):
        array = DRAWS.standard_normal(shape).astype(dtype)
        index = tuple(int(DRAWS.integers(0, n)) for n in shape)
        array[index] = value
        for x in (Variable(array), Variable(array.T), Variable(np.repeat(array[..., None], 2, -1)[..., 0])):
            assert "there before" in anomaly(lambda x=x: x * 1.0)

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_large_numbers_are_finite(self, dtype):
        x = Variable(np.full((10, 10), np.finfo(dtype).max))
        with detect_anomaly(), np.errstate(all="raise"):
            y = -x
        assert y.dtype == dtype

    def test_integers_and_booleans_are_left_alone(self):
        with detect_anomaly():
            assert not F.isnan(v([1.0])).data.any()
            assert (F.argmax(v([1.0, 2.0])) + 1).item() == 2

    def test_reductions_and_products_tell_what_went_in(self):
        text = anomaly(lambda: F.matmul(v([[1e200, 1.0], [2.0, -3.0]]), v([[1e200, 0.0], [0.0, 1.0]])))
        assert text.startswith("matmul: out[0, 0] is inf")
        assert "from -3.0 to 1e+200" in text
        text = anomaly(lambda: F.sum(v([1.0, 1e308, 1.5e308])))
        assert text.startswith("sum: out is inf")
        assert "largest x[2] = 1.5e+308; from 1.0 to 1.5e+308" in text

    def test_inside_layers(self):
        model = MLP((4, 2))
        model(np.ones((3, 5)))
        list(model.parameters())[2].data[1, 0] = np.nan
        text = anomaly(lambda: model(np.ones((3, 5))))
        assert "linear: weight[1, 0] = nan: it was there before" in text
        assert "in MLP.layers.1 (Linear)" in text

    def test_off_the_tape(self):
        def step():
            with no_grad():
                return np.log(v([1.0, -1.0]))

        assert anomaly(step).startswith("log: out[1] is nan, and its inputs are finite.")
        assert anomaly(lambda: F.log(A([0.0]))).startswith("log: out[0] is -inf")

    def test_an_operation_of_one_s_own_by_a_name_that_is_taken(self):
        @wengert.operation
        def log(xp, x, base):
            return xp.log(x) / xp.log(base)

        assert "input1[0] = 1.0" in anomaly(lambda: log(A([2.0]), A([1.0])))

    def test_several_results(self):
        @wengert.operation
        def both(xp, x):
            return x * 1.0, xp.log(x)

        assert anomaly(lambda: both(v([1.0, 0.0]))).startswith("both: out[1][1] is -inf")

    def test_function_classes(self):
        class Log(Function):
            def forward(self, x):
                return np.log(x)

            def backward(self, g):
                (x,) = self.inputs
                return np.log(x - 4.0) * g  # wrong on purpose

        text = anomaly(lambda: Log()(v([1.0, -2.0])))
        assert text.startswith("Log: out[1] is nan")
        assert "input0[1] = -2.0" in text
        text = anomaly(lambda: Log()(v([1.0, 2.0])).sum().backward())
        assert text.startswith("log, in the derivative of Log: out[0] is nan")
        assert f"test_anomaly.py:{line_with('wrong on purpose')} " in text

    def test_a_checkpoint(self):
        assert anomaly(lambda: wengert.checkpoint(lambda x: np.log(x))(v([0.0]))).startswith("log: out[0] is -inf")
        text = anomaly(lambda: wengert.checkpoint(lambda x: np.sqrt(x).sum())(v([0.0])).backward())
        assert text.startswith("sqrt: its derivative in x is inf at [0]")


class TestBackward:
    def test_names_the_derivative_its_formula_and_both_lines(self):
        x = v([4.0, 0.0])

        def step():
            y = np.sqrt(x)  # the root
            y.sum().backward()  # the way back

        text = anomaly(step)
        assert text.startswith("sqrt: its derivative in x is inf at [1], and the gradient that arrived is finite.")
        assert "formula    g * (0.5 / out)" in text
        assert f"test_anomaly.py:{line_with('the root')} in step" in text
        assert f"test_anomaly.py:{line_with('the way back')} in step" in text
        assert "gradient[1] = 1.0" in text
        assert "out[1] = 0.0; from 0.0 to 2.0" in text
        assert x.grad is None

    def test_the_input_among_several(self):
        text = anomaly(lambda: F.sum(v([0.0]) ** v([0.5])).backward())
        assert text.startswith("power: its derivative in x is inf at [0]")
        assert "x[0] = 0.0" in text and "y[0] = 0.5" in text
        text = anomaly(lambda: F.sum(A([2.0]) / (v([1e-200]))).backward())
        assert text.startswith("divide: its derivative in y is -inf at [0]")

    def test_a_where_that_chooses_too_late(self):
        x = v([1.0, 0.0])
        text = anomaly(lambda: F.where(x.data > 0, np.sqrt(x), 0.0).sum().backward())
        assert text.startswith("sqrt: its derivative in x is nan at [1]")
        assert "gradient[1] = 0.0" in text

    def test_the_layer_is_remembered(self):
        class Root(Layer):
            def forward(self, x):
                return np.sqrt(x)

        class Net(Layer):
            def __init__(self):
                self.roots = [Root()]

            def forward(self, x):
                return self.roots[0](x * 1.0)

        net = Net()
        assert anomaly(lambda: net(v([0.0])).sum().backward()).endswith("\nin Net.roots.0 (Root)")
        assert anomaly(lambda: net(v([0.0])).sum().backward(create_graph=True)).endswith("\nin Net.roots.0 (Root)")

    def test_after_a_layer_nobody_speaks_of_it(self):
        model = MLP((4, 2))

        def step():
            model(np.ones((3, 5)))
            np.sqrt(v([0.0])).sum().backward()

        assert "MLP" not in anomaly(step)

    def test_gradients_that_add_up_to_infinity(self):
        x = v([1e-9])

        def step():
            y = x * 1.0
            (y * 1e308 + y * 1.5e308).sum().backward()

        assert "the gradients that meet at its input x add up to gradient[0] = inf" in anomaly(step)

    def test_gradients_that_overflow_where_they_are_left(self):
        x = v([1.0])

        def step():
            for _ in range(2):
                (x * 1e308).sum().backward()

        assert "grad[0] = inf, with the gradient that was there before" in anomaly(step)
        half = v([1.0], dtype=np.float16)
        assert "in its dtype, float16" in anomaly(lambda: (F.astype(half, float) * 1e6).sum().backward())

    def test_what_backward_is_given(self):
        assert "it was given gradient[1] = nan" in anomaly(lambda: (v([1.0, 2.0]) * 2.0).backward(gradient=A([0.0, np.nan])))

    def test_second_order_in_the_derivative_s_own_operations(self):
        x = v([4.0, 0.0])

        def step():
            y = np.sqrt(x).sum()  # the first root
            y.backward(create_graph=True)  # recorded

        text = anomaly(step)
        assert text.startswith("divide, in the derivative of sqrt in x: out[1] is inf, and its inputs are finite.")
        assert f"ran at    tests/test_anomaly.py:{line_with('recorded')} " in text.replace(__file__, "tests/test_anomaly.py")
        assert f"sqrt at   tests/test_anomaly.py:{line_with('the first root')} " in text.replace(__file__, "tests/test_anomaly.py")
        assert "g * (0.5 / out)" in text

    def test_second_order_on_the_way_back(self):
        z = v([1.0, 0.0])

        def step():
            y = (z**1.5).sum()  # first
            y.backward(create_graph=True)  # second
            g = z.grad
            z.cleargrad()
            g.sum().backward()  # third

        text = anomaly(step)
        assert text.startswith("power, in the derivative of power: its derivative in x is inf at [1]")
        for which in ("first", "second", "third"):
            assert f"test_anomaly.py:{line_with(which)} " in text


    def test_a_call_from_before(self):
        y = np.sqrt(v([0.0])).sum()
        assert "sqrt: its derivative in x is inf at [0]" in anomaly(y.backward)


class TestFromOutside:
    def test_data(self):
        text = anomaly(lambda: F.linear(A([[1.0, np.nan]]), v(np.ones((2, 3)))))
        assert text.startswith("linear: x[0, 1] = nan: it was there before")

    def test_a_parameter_that_is_infinite(self):
        p = Parameter(A([1.0, np.inf]), "weight")
        text = anomaly(lambda: p * 2.0)
        assert text.startswith("multiply: x[1] = inf: it was there before")
        assert "weight" in text

    def test_an_option(self):
        assert "fill_value = nan: it was there before" in anomaly(lambda: F.full_like(A([1.0]), np.nan))

    def test_what_does_not_show_is_no_anomaly(self):
        x = v([1.0, np.nan])
        with detect_anomaly():
            F.where(A([True, False]), x, 0.0).sum().backward()
            F.full_like(A([1.0]), -np.inf)
            F.empty_like(np.full(1000, np.nan))


class TestInfinitiesThatAreMeant:
    MASK = np.where(np.tri(4) > 0, 0.0, -np.inf)

    @pytest.mark.parametrize("create_graph", [False, True])
    @pytest.mark.parametrize("mask", [
        lambda s: s + TestInfinitiesThatAreMeant.MASK,
        lambda s: F.where(np.tri(4) > 0, s, -np.inf),
        lambda s: F.where(np.tri(4) > 0, s * 2.0, F.full_like(s, -np.inf)),
    ])  # fmt: skip
    @pytest.mark.parametrize("f", [F.softmax, F.log_softmax, F.logsumexp, lambda s: F.max(s, axis=-1)])
    def test_masked_scores(self, mask, f, create_graph):
        x, c = Variable(DRAWS.standard_normal((4, 4))), DRAWS.standard_normal((4, 4))
        with detect_anomaly():
            y = f(mask(x))
            y = F.where(np.isfinite(y.data), y, 0.0)
            (y * y * c[tuple(map(slice, y.shape))]).sum().backward(create_graph=create_graph)
            if create_graph:
                g = x.grad
                x.cleargrad()
                (g * c).sum().backward()
        assert np.isfinite(x.grad.data).all()

    def test_assigned(self):
        x = Variable(DRAWS.standard_normal((4, 4)))
        with detect_anomaly():
            s = x * 1.0
            s[np.tri(4) == 0] = -np.inf
            (F.softmax(s) ** 2).sum().backward()

    @pytest.mark.parametrize("mask", [MASK, np.tri(4) > 0])
    def test_attention(self, mask):
        q, k, u = (Variable(DRAWS.standard_normal((2, 4, 3))) for _ in range(3))
        with detect_anomaly():
            F.sum(F.scaled_dot_product_attention(q, k, u, mask) ** 2).backward()

    def test_an_infinity_that_turns_into_nan_is_told_from_where_it_came(self):
        x = v([1.0, 2.0])

        def step():
            s = x + A([0.0, -np.inf])  # masked
            t = s * 2.0
            return t - t  # spoiled

        text = anomaly(step)
        assert text.startswith("subtract: out[1] is nan, and no input is nan there.")
        assert f"test_anomaly.py:{line_with('spoiled')} " in text
        came = text.split("inf in x")[1].split("\n")[0]
        assert "came into add as y[1] = -inf" in came and f"test_anomaly.py:{line_with('masked')} " in came

    def test_after_an_assignment_too(self):
        def step():
            s = v([1.0, 2.0]) * 1.0
            s[0] = np.inf
            return s - s

        assert "came into update as value = inf" in anomaly(step)

    def test_a_loss_that_is_infinite(self):
        text = anomaly(lambda: F.sum(v([1.0, 2.0]) + A([0.0, np.inf])).backward())
        assert text.startswith("sum: out = inf, and backward starts from it.")
        assert "came into add as y[1] = inf" in text

    def test_a_new_infinity_beside_one_that_is_meant(self):
        assert anomaly(lambda: v([1.0, 1e200]) * A([-np.inf, 1e200])).startswith("multiply: out[1] is inf")

    def test_inf_false_looks_for_nan_alone(self):
        x = v([1.0, 0.0])
        with detect_anomaly(inf=False):
            F.logsumexp(np.log(x.data) + v([1.0, 2.0])).backward()
            np.sqrt(x).sum().backward()
        assert np.isinf(x.grad.data[1])
        text = anomaly(lambda: np.log(x) * 0.0, inf=False)
        assert text.startswith("multiply: out[1] is nan")
        assert "was born in log" in text
        x.cleargrad()
        text = anomaly(lambda: (np.sqrt(x * x) * A([1.0, 1.0])).sum().backward(), inf=False)
        assert text.startswith("multiply: its derivative in x is nan at [1], and the gradient that arrived is infinite.")


class TestManners:
    def test_results_are_the_same(self):
        def step():
            wengert.seed(0)
            model = MLP((4, 2))
            x = Variable(np.random.default_rng(0).standard_normal((3, 5)))
            y = F.softmax_cross_entropy(model(x), A([0, 1, 1]))
            y.backward(create_graph=True)
            g = x.grad
            x.cleargrad()
            (g * g).sum().backward()
            return x.grad.data

        expected = step()
        with detect_anomaly():
            np.testing.assert_array_equal(step(), expected)

    def test_keeps_nothing_alive(self):
        x = v(np.arange(3.0))
        with detect_anomaly():
            s = x + A([0.0, -np.inf, 0.0])
            y = F.softmax(s)
            function, array = weakref.ref(y.creator), weakref.ref(s.data)
            gc.disable()
            try:
                del s, y
                assert function() is None and array() is None
            finally:
                gc.enable()

    def test_nests_with_itself_and_with_others(self):
        class Count(Observer):
            calls = 0

            def forward(self, function, inputs, outputs):
                self.calls += 1

        @detect_anomaly()
        def again(depth):
            return again(depth - 1) if depth else np.log(v([0.0]))

        count = Count()
        with observing(count), detect_anomaly(), detect_anomaly(inf=False):
            v([1.0]) * 2.0
            with pytest.raises(AnomalyError, match="log"):
                again(3)
        assert count.calls == 2
        assert np.isinf((np.log(v([0.0]))).data).all()  # over: nobody watches any more

    def test_after_an_anomaly_the_block_goes_on(self):
        x = v([0.0])
        with detect_anomaly():
            for _ in range(2):
                with pytest.raises(AnomalyError, match="^sqrt: its derivative"):
                    np.sqrt(x).sum().backward()
            with pytest.raises(AnomalyError, match="^log: out"):
                np.log(x)
            (x * x).sum().backward()
        assert x.grad.item() == 0.0

    def test_threads(self):
        found = {}

        def work(number):
            x = v([float(number % 2)])
            try:
                with detect_anomaly(), np.errstate(all="ignore"):
                    for _ in range(50):
                        np.log(x + 0.0)
            except AnomalyError as error:
                found[number] = str(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == [0, 2, 4]

    def test_one_watch_in_several_threads(self):
        """Which layer is running is a matter of each thread."""
        inside, done, notes = threading.Event(), threading.Event(), []

        class Slow(Layer):
            def forward(self, x):
                inside.set()
                assert done.wait(10)
                return x

        def other():
            inside.wait(10)
            try:
                np.sqrt(v([0.0])).sum().backward()
            except AnomalyError as error:
                notes.append(getattr(error, "__notes__", []))
            done.set()

        with detect_anomaly():
            thread = threading.Thread(target=contextvars.copy_context().run, args=(other,))
            thread.start()
            Slow()(v([1.0]))
            thread.join()
        assert notes == [[]]

    def test_jax(self):
        jax = pytest.importorskip("jax")
        jnp = jax.numpy

        def slope(x):
            return wengert.grad(lambda x: F.sum(F.sqrt(x)))(x)

        text = anomaly(lambda: F.log(Variable(jnp.asarray([1.0, 0.0]))))
        assert text.startswith("log: out[1] is -inf, and its inputs are finite.")
        text = anomaly(lambda: slope(jnp.asarray([1.0, 0.0])))
        assert text.startswith("sqrt: its derivative in x is inf at [1]")
        with detect_anomaly():  # while a step is traced nobody can know
            assert np.isinf(jax.jit(slope)(jnp.asarray([1.0, 0.0]))[1])
            slope(jnp.asarray([1.0, 2.0]))
