"""wengert.guard: data that changed behind the tape is an error that names it, and nothing else is."""

import gc
import sys
import threading
import weakref

import numpy as np
import pytest

import wengert
from wengert import Function, Parameter, Variable, guard, optimizers
from wengert import functions as F
from wengert import layers as L
from wengert.errors import MutationError
from wengert.layers import Sequential

DRAWS = np.random.default_rng(0)


def v(*shape, name=None):
    return Variable(DRAWS.standard_normal(shape), name=name)


def line_with(text):
    """The number of the line of this file that ends in the comment ``text``."""
    with open(__file__, encoding="utf-8") as file:
        return next(number for number, line in enumerate(file, 1) if line.rstrip().endswith(f"# {text}"))


class TestWhatChanged:
    def test_data_written_into_between_forward_and_backward(self):
        x = Variable(np.array(3.0), name="x")
        with guard():
            y = x * x  # the call
            x.data[...] = 100.0
            with pytest.raises(MutationError, match="multiply: its input x was changed") as raised:
                y.backward()
        text = str(raised.value)
        assert "() float64  x" in text
        assert f"needed by    multiply, tests/test_guard.py:{line_with('the call')}" in text.replace(__file__, "tests/test_guard.py")
        assert "guard(find_writer=True)" in text
        assert x.grad is None

    def test_an_intermediate_value_is_told_by_what_made_it(self):
        x = v(3)
        with guard():
            h = np.exp(x)
            y = np.sin(h).sum()
            h.data[1] = 0.0
            with pytest.raises(MutationError, match=r"sin: its input x(.|\n)*made by +exp, "):
                y.backward()

    def test_a_result_that_is_needed(self):
        x = v(3)
        with guard():
            y = np.exp(x)
            y.data[0] = 1.0
            with pytest.raises(MutationError, match="exp: its result"):
                y.backward(gradient=v(3))

    def test_a_constant_that_is_needed(self):
        x, c = v(3), Variable(np.ones(3), requires_grad=False)
        with guard():
            y = (x * c).sum()
            c.data[2] = 2.0
            with pytest.raises(MutationError, match="multiply: its input y"):
                y.backward()

    @pytest.mark.parametrize("shape", [(), (3,), (40, 50), (301, 7)])
    @pytest.mark.parametrize("layout", ["C", "F", "strided", "broadcast"])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_every_bit_counts(self, shape, layout, dtype):
        array = DRAWS.standard_normal(shape).astype(dtype)
        if layout == "F":
            array = np.asfortranarray(array)
        if layout == "strided" and shape:
            array = np.repeat(array, 2, axis=-1)[..., ::2]
        data = np.broadcast_to(array, (5, *array.shape)) if layout == "broadcast" else array
        x = Variable(data)
        bits = array.reshape(-1)[-1:].view(f"u{array.itemsize}")
        for place in DRAWS.integers(0, array.size, 3):
            for bit in (0, 8 * array.itemsize - 1):
                with guard():
                    y = (x * x).sum()
                    index = np.unravel_index(place, array.shape)
                    changed = np.array(array[index]).view(bits.dtype) ^ bits.dtype.type(1 << bit)
                    array[index] = changed.view(dtype)
                    with pytest.raises(MutationError):
                        y.backward()

    def test_entries_that_change_places_or_signs(self):
        for change in (lambda a: a[::-1].copy(), lambda a: np.sort(a), lambda a: -a):
            x = v(5000)
            with guard():
                y = (x * x).sum()
                x.data[...] = change(x.data)
                with pytest.raises(MutationError):
                    y.backward()

    def test_a_write_through_a_view(self):
        x = v(100, 100)
        view = x.data[10:20]
        with guard():
            y = (x * x).sum()
            view[3, 3] += 1.0
            with pytest.raises(MutationError):
                y.backward()

    def test_a_function_class_and_a_second_order_pass(self):
        class Square(Function):
            def forward(self, x):
                return x**2

            def backward(self, g):
                (x,) = self.inputs
                return 2 * x * g

        x = v(3)
        with guard():
            y = Square()(x).sum()
            x.data[0] = 7.0
            with pytest.raises(MutationError, match="Square: its input 0"):
                y.backward()
            y = (np.sin(x) * x).sum()
            (g,) = [wengert.grad(lambda x: (np.sin(x) * x).sum())(x)]
            x.data[0] = 8.0
            with pytest.raises(MutationError):
                F.sum(g * g).backward()

    def test_several_results_and_tuples(self):
        a, b = v(3, 3), v(3)
        with guard():
            q, r = np.linalg.qr(a)
            q.data[0, 0] += 1.0
            with pytest.raises(MutationError, match="qr: its result"):
                (q.sum() + r.sum()).backward()
            y = F.stack([b, b * b]).sum()
            b.data[0] += 1.0
            with pytest.raises(MutationError):
                y.backward()

    def test_says_between_which_lines(self):
        x = v(3)
        with guard():
            y = x * x  # before
            x.data[0] = 5.0
            z = x * x  # after
            with pytest.raises(MutationError) as raised:
                y.sum().backward()
        text = str(raised.value)
        assert f"test_guard.py:{line_with('before')} " in text.split("not before")[1].split("\n")[0]
        assert f"test_guard.py:{line_with('after')} " in text.split("not after")[1].split("\n")[0]
        assert z.shape == (3,)


class TestFindWriter:
    def test_names_the_line(self):
        def deep(array):
            array = array.reshape(-1)
            array[1] = 9.0  # the writer
            return array

        x = v(2, 2)
        with guard(find_writer=True):
            y = np.sin(x).sum()
            deep(x.data)
            with pytest.raises(MutationError) as raised:
                y.backward()
        written = str(raised.value).split("written at")[1].split("\n")[0]
        assert f"test_guard.py:{line_with('the writer')} in deep" in written

    def test_a_line_of_the_function_that_holds_the_block(self):
        x = v(2000)
        with guard(find_writer=True):
            y = np.sin(x).sum()
            x.data.sort()  # in the open
            y = y * 2.0
            with pytest.raises(MutationError, match=f"written at .*test_guard.py:{line_with('in the open')} "):
                y.backward()

    def test_after_a_call_has_come_back(self):
        def no_harm():
            return 1.0

        x = v(2)
        with guard(find_writer=True):
            y = np.sin(x).sum()
            x.data[0] = no_harm()  # after the call
            with pytest.raises(MutationError, match=f"written at .*test_guard.py:{line_with('after the call')} "):
                y.backward()

    def test_on_the_line_of_backward_itself(self):
        x = v(2)
        with guard(find_writer=True):
            y = np.sin(x).sum()
            with pytest.raises(MutationError, match="written at .*this very line"):
                x.data[0] = 1.0; y.backward()  # noqa: E702 (this very line)

    def test_data_written_back_is_no_change(self):
        x = v(2)
        with guard(find_writer=True):
            y = np.sin(x).sum()
            old = x.data.copy()
            x.data[...] = 0.0
            x.data[...] = old
            y.backward()
        np.testing.assert_array_equal(x.grad.data, np.cos(x.data))

    def test_leaves_no_trace_behind(self):
        frame, before = sys._getframe(), sys.gettrace()
        own = frame.f_trace
        with pytest.raises(KeyError), guard(find_writer=True):
            raise KeyError
        assert sys.gettrace() is before
        assert frame.f_trace is own


def train(model, optimizer, x, t, steps=3):
    losses = []
    for _ in range(steps):
        loss = F.softmax_cross_entropy(model(x), t)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        losses.append(loss.item())
    return losses


class TestNoFalseAlarm:
    @pytest.mark.parametrize("find_writer", [False, True])
    @pytest.mark.parametrize("kind", [optimizers.SGD, optimizers.MomentumSGD, optimizers.Adam])
    def test_training(self, kind, find_writer):
        def run():
            wengert.seed(0)
            model = Sequential(
                L.Conv2d(4, 3, in_channels=1), L.BatchNorm(4), F.relu, L.MaxPool2d(2), L.Flatten(), L.Dropout(0.5), L.Linear(3)
            )
            rng = np.random.default_rng(0)
            x, t = rng.standard_normal((6, 1, 8, 8)).astype(np.float32), rng.integers(0, 3, 6)
            return train(model, kind().setup(model), x, t)

        expected = run()
        with guard(find_writer=find_writer):
            assert run() == expected

    def test_an_update_between_two_losses_and_their_backward(self):
        p = Parameter(DRAWS.standard_normal(3))
        optimizer = optimizers.SGD(lr=0.5).setup([p])
        with guard():
            for _ in range(3):
                p.cleargrad()
                old, at = F.sum(p * p), p.data.copy()
                F.sum(p).backward()
                optimizer.update()
                p.cleargrad()
                old.backward()
                np.testing.assert_array_equal(p.grad.data, 2 * at)

    def test_a_step_by_hand_while_an_older_loss_is_still_held(self):
        """An array saved by two calls with a write between: only the first would go wrong, and nobody goes back there."""
        p = Parameter(DRAWS.standard_normal(3))
        with guard():
            held = F.sum(p * p)
            p.data -= 0.1
            F.sum(p * p).backward()
            np.testing.assert_array_equal(p.grad.data, 2 * p.data)
            with pytest.raises(MutationError):
                held.backward()

    def test_recorded_assignment(self):
        x, w = v(4), v(2)
        with guard():
            y = x * 2.0
            z = y * y
            y[1:3] = w
            (z.sum() + (y * y).sum()).backward()
        np.testing.assert_allclose(w.grad.data, 2 * w.data)

    def test_passed_twice_and_differentiated_twice(self):
        x = v(3)
        with guard():
            y = (np.tanh(x) * x).sum()
            y.backward(retain_graph=True)
            x.cleargrad()
            y.backward(create_graph=True)
            g = x.grad
            x.cleargrad()
            F.sum(g * g).backward()
        assert x.grad is not None

    def test_checkpoint(self):
        x, w = v(3), v(3)
        expected = wengert.grad(lambda x: (np.sin(x * w) * x).sum())(x.data).data
        with guard():
            wengert.checkpoint(lambda x: (np.sin(x * w) * x).sum())(x).backward()
        np.testing.assert_array_equal(x.grad.data, expected)

    def test_what_was_recorded_before_is_not_judged(self):
        x = v(3)
        y = (x * x).sum()
        x.data[0] = 1.0
        with guard():
            y.backward()

    def test_jax(self):
        jax = pytest.importorskip("jax")

        def step(x):
            return wengert.grad(lambda x: F.sum(F.tanh(x) * x))(x)

        x = jax.numpy.asarray(DRAWS.standard_normal(3), dtype="float32")
        with guard():
            np.testing.assert_allclose(step(x), jax.jit(step)(x), rtol=1e-6)


class TestManners:
    def test_keeps_nothing_alive(self):
        x = v(500)
        with guard():
            y = np.exp(x) * x
            array, function = weakref.ref(y.creator.kept[0]), weakref.ref(y.creator)
            gc.disable()
            try:
                del y
                assert function() is None
                x = None
                assert array() is None
            finally:
                gc.enable()

    def test_nests_and_keeps_to_its_thread(self):
        x, seen = v(3), []

        def elsewhere():
            y = (x * x).sum()
            x.data[0] += 1.0
            y.backward()
            seen.append(True)

        with guard(), guard():
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()
            y = (x * x).sum()
            x.data[0] += 1.0
            with pytest.raises(MutationError):
                y.backward()
        assert seen or getattr(sys.flags, "thread_inherit_context", False)
