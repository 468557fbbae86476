"""The profile: what it counts, that its times add up, and that it changes nothing."""

import gc
import json
import time
import weakref
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import Variable
from wengert import functions as F
from wengert.debug.profile import Profile
from wengert.errors import InputError
from wengert.layers import Layer, Linear
from wengert.models import MLP
from wengert.optimizers import SGD


def rows(table: Any) -> dict[Any, Any]:
    return {row[0] if len(row) != 8 else (row.name, row.order): row for row in table}


def sleepy(seconds: float, back: float) -> Any:
    """The identity, which takes its time."""

    @wengert.operation
    def nap(xp, x):
        time.sleep(seconds)
        return x + 0

    @nap.derivative("x")
    def _(g):
        time.sleep(back)
        return g * 1

    return nap


class Napping(Layer):
    def __init__(self, nap: Any) -> None:
        self.nap = nap
        self.inner = Linear(3, in_size=3)

    def forward(self, x: Any) -> Any:
        return self.nap(self.inner(x))


class TestCounts:
    def test_calls_and_bytes(self):
        x = Variable(np.ones((4, 8)))
        with wengert.profile() as p:
            y = np.tanh(x) * np.tanh(x)
            z = y.reshape(8, 4)
        found = rows(p.by_operation())
        assert found["tanh", 1].calls == 2
        assert found["tanh", 1].made == 2 * 4 * 8 * 8
        assert found["tanh", 1].kept == 2 * 4 * 8 * 8  # tanh keeps its result, and multiply's are the same arrays
        assert found["multiply", 1].kept == 0
        assert found["reshape", 1].made == 0  # it sees the same memory
        assert z.shape == (8, 4)

    def test_what_the_program_brought_is_neither_made_nor_kept(self):
        x = Variable(np.ones(100))
        with wengert.profile() as p:
            y = x * np.full(100, 2.0)
        (row,) = p.by_operation()
        assert (row.made, row.kept) == (800, 0)
        assert y.data[0] == 2

    def test_live_bytes(self):
        x = Variable(np.ones(1000))
        with wengert.profile() as p, wengert.no_grad():
            a = x + 1
            b = a + 1
            del a
            c = b + 1
            assert p.live_bytes == 16_000
            del b
        assert p.live_bytes == 8_000
        assert p.peak_bytes == 16_000
        del c
        assert p.live_bytes == 8_000  # as it was at the end

    def test_peak_counts_gradients(self):
        x = Variable(np.ones(1000))
        with wengert.profile() as p:
            y = (x * x * x).sum()
            before = p.live_bytes
            y.backward()
        assert p.peak_bytes >= before + 8000

    def test_off_the_tape(self):
        with wengert.profile() as p, wengert.no_grad():
            F.exp(Variable(np.ones(3)))
        (row,) = p.by_operation()
        assert (row.name, row.calls, row.kept, row.backward) == ("exp", 1, 0, 0.0)

    def test_second_order_is_told_apart(self):
        x = Variable(np.array([0.5, 0.7]))
        with wengert.profile() as p:
            (x * x * x).sum().backward(create_graph=True)
            g, x.grad = x.grad, None
            g.sum().backward()
        found = rows(p.by_operation())
        assert found["multiply", 1].calls == 2
        assert found["multiply", 2].calls >= 2
        assert found["multiply", 2].backward > 0
        assert max(order for _, order in found) == 2
        assert p.operations < p.total - p.going_back

    def test_lines(self):
        x = Variable(np.ones(3))
        with wengert.profile() as p:
            y = F.sin(x)
            (y * 2).sum().backward(create_graph=True)
        found = {row.line.text: row for row in p.by_line()}
        assert found["y = F.sin(x)"].calls == 3  # itself, and the cosine and product that take it back
        assert found["y = F.sin(x)"].backward > 0
        assert set(found) == {"y = F.sin(x)", "(y * 2).sum().backward(create_graph=True)"}

    def test_layers(self):
        model = MLP((5, 3))
        x = np.ones((2, 4), np.float32)
        with wengert.profile() as p:
            loss = F.softmax_cross_entropy(model(x), np.array([0, 1]))
            loss.backward()
        found = {row.path: row for row in p.by_layer()}
        assert set(found) == {"MLP", "MLP.layers.0", "MLP.layers.1", ""}
        inner = [found["MLP.layers.0"], found["MLP.layers.1"]]
        model_row = found["MLP"]
        assert model_row.kind == "MLP" and inner[0].kind == "Linear" and model_row.calls == 1
        assert model_row.forward == pytest.approx(model_row.own_forward + sum(row.forward for row in inner))
        assert model_row.backward == pytest.approx(model_row.own_backward + sum(row.backward for row in inner))
        assert inner[0].backward > 0 and found[""].backward > 0
        assert sum(row.backward for row in p.by_operation()) == pytest.approx(model_row.backward + found[""].backward)


class TestTimes:
    def test_go_where_they_belong(self):
        model = Napping(sleepy(0.02, 0.03))
        x = np.ones((2, 3), np.float32)
        with wengert.profile() as p:
            y = model(x).sum()
            time.sleep(0.01)
            y.backward()
        found = rows(p.by_operation())
        assert found["nap", 1].forward >= 0.02
        assert found["nap", 1].backward >= 0.03
        layers = {row.path: row for row in p.by_layer()}
        assert layers["Napping"].own_forward >= 0.02 and layers["Napping"].own_backward >= 0.03
        assert layers["Napping.inner"].forward == layers["Napping.inner"].own_forward < layers["Napping"].forward - 0.02
        assert p.by_operation()[0].name == "nap"
        assert p.rest >= 0.01
        assert p.total == pytest.approx(p.operations + p.going_back + p.rest)
        assert p.formulas <= p.going_back

    def test_rows_add_up(self):
        x = Variable(np.ones(10))
        with wengert.profile() as p:
            for _ in range(5):
                (F.exp(x) * x).sum().backward(create_graph=True)
        table = p.by_operation()
        assert sum(row.seconds for row in table) == pytest.approx(p.operations + p.formulas)
        assert sum(row.seconds for row in p.by_line()) == pytest.approx(p.operations + p.formulas)
        assert sum(row.share for row in table) <= 1
        assert [row.seconds for row in table] == sorted((row.seconds for row in table), reverse=True)

    def test_watching_is_left_out(self):
        """Small operations take about as long as when nobody watches, though watching them takes longer still."""
        x = Variable(np.array(0.5))

        def chain() -> float:
            began = time.perf_counter()
            y = x
            for _ in range(100):
                y = y * 1.001
            return time.perf_counter() - began

        bare, watched, totals = [], [], []
        for _ in range(60):
            bare.append(chain())
            with wengert.profile() as p:
                watched.append(chain())
            totals.append(p.total)
        assert min(watched) > 3 * min(bare)
        assert 0.4 * min(bare) < min(totals) < 2.5 * min(bare)


class TestManners:
    def test_results_are_the_same_to_the_bit(self):
        def train(watched: bool) -> list[Any]:
            wengert.seed(3)
            model = MLP((8, 3))
            optimizer = SGD(0.1).setup(model)
            x, t = wengert.random.generator().normal(size=(6, 4)), np.arange(6) % 3
            model(x)

            def step() -> None:
                loss = F.softmax_cross_entropy(model(x), t)
                model.cleargrads()
                loss.backward()
                optimizer.update()

            for _ in range(3):
                if watched:
                    with wengert.profile():
                        step()
                else:
                    step()
            return [parameter.data for parameter in model.parameters()]

        for bare, watched in zip(train(False), train(True), strict=True):
            np.testing.assert_array_equal(bare, watched)

    def test_nothing_is_kept_alive(self):
        gc.disable()
        try:
            with wengert.profile() as p:
                x = Variable(np.ones(3))
                y = F.exp(x)
                function, array = weakref.ref(y.creator), weakref.ref(y.data)
                y.sum().backward()
                del y
                assert function() is None and array() is None
            assert p.by_operation()
        finally:
            gc.enable()

    def test_errors_pass_through_and_the_rest_is_measured(self):
        x = Variable(np.ones(3))
        with wengert.profile() as p:
            with pytest.raises(wengert.errors.ShapeError):
                x + np.ones(4)
            F.exp(x)
        assert [(row.name, row.calls) for row in p.by_operation()] == [("exp", 1)]
        with pytest.raises(RuntimeError), wengert.profile() as p:
            raise RuntimeError
        total = p.total
        assert total == p.total

    def test_a_formula_that_fails(self):
        @wengert.operation
        def wrong(xp, x):
            return x * 1

        @wrong.derivative("x")
        def _(g):
            raise ZeroDivisionError

        x = Variable(np.ones(3))
        with wengert.profile() as p:
            with pytest.raises(ZeroDivisionError):
                wrong(x).sum().backward()
            F.exp(x).sum().backward()
        assert {row.name for row in p.by_operation()} == {"wrong", "sum", "exp"}
        assert p.going_back > 0

    def test_what_was_recorded_before(self):
        y = F.exp(Variable(np.ones(3))).sum()
        with wengert.profile() as p:
            y.backward()
        found = rows(p.by_operation())
        assert found["exp", 1].calls == 0 and found["exp", 1].backward > 0
        assert [row.line for row in p.by_line()] == [None]

    def test_functions_as_classes_and_recomputing(self):
        class Square(wengert.Function):
            def forward(self, x):
                return x * x

            def backward(self, g):
                return self.inputs[0] * g * 2

        x = Variable(np.ones(3))
        with wengert.profile() as p:
            Square()(x).sum().backward()
            wengert.checkpoint(F.tanh)(x).sum().backward()
        found = rows(p.by_operation())
        assert found["Square", 1].backward > 0
        assert found["tanh", 2].calls == 1  # once more on the way back
        assert p.formulas <= p.going_back

    def test_within_another(self):
        x = Variable(np.ones(3))
        with wengert.profile() as outer:
            F.exp(x)
            with wengert.profile() as inner:
                F.sin(x)
        assert {row.name for row in outer.by_operation()} == {"exp", "sin"}
        assert {row.name for row in inner.by_operation()} == {"sin"}

    def test_jax_and_its_compiler(self):
        jax = pytest.importorskip("jax")
        x = jax.numpy.ones(4)
        with wengert.profile() as p:
            jax.jit(lambda x: F.exp(Variable(x)).data)(x)
            assert p.live_bytes == 0  # a tracer has no memory
            y = F.exp(Variable(x))
        assert p.by_operation()[0].calls == 2
        assert p.live_bytes == y.data.nbytes

    def test_limit(self):
        with pytest.raises(InputError), wengert.profile(limit=-1):
            pass
        x = Variable(np.ones(3))
        with wengert.profile(limit=2) as p:
            for _ in range(5):
                F.exp(x)
        assert p.left_out == 3 and "3 bars" in repr(p)
        assert p.by_operation()[0].calls == 5


class TestWords:
    def test_print(self):
        model = MLP((5, 3))
        x = np.ones((2, 4), np.float32)
        with wengert.profile() as p:
            model(x).sum().backward()
        text = str(p)
        for word in ("total", "operations", "going back", "the rest", "watching", "at the peak", "linear", "share"):
            assert word in text
        assert "MLP.layers.0 (Linear)" in str(p.by_layer()) and "(outside of layers)" in str(p.by_layer())
        assert "model(x).sum().backward()" in str(p.by_line())

    def test_empty(self):
        with wengert.profile() as p:
            pass
        assert p.by_operation() == [] and p.by_layer() == [] and p.by_line() == []
        assert "operation" in str(p) and isinstance(p, Profile)

    def test_save(self, tmp_path):
        model = MLP((5, 3))
        x = np.ones((2, 4), np.float32)
        with wengert.profile() as p:
            loss = F.softmax_cross_entropy(model(x), np.array([0, 1]))
            loss.backward()
        path = p.save(tmp_path / "profile.json")
        assert [each.name for each in tmp_path.iterdir()] == ["profile.json"]
        events = json.loads(path.read_text())["traceEvents"]
        bars = [event for event in events if event["ph"] == "X"]
        assert {bar["cat"] for bar in bars} == {"forward", "backward", "layer"}
        assert {event["name"] for event in events if event["ph"] == "M"} == {"process_name", "thread_name"}
        first = next(bar for bar in bars if bar["cat"] == "forward")
        assert first["args"]["inputs"][0] == "(2, 4) float32" and first["args"]["outputs"] == ["(2, 5) float32"]
        assert first["args"]["layer"] == "MLP.layers.0" and "model(x)" in first["args"]["line"]
        levels = [event["args"]["bytes"] for event in events if event["ph"] == "C"]
        assert max(levels) == p.peak_bytes and min(levels) >= 0
        # Bars of one thread lie within one another or apart, or the viewer drops them.
        ends: list[float] = []
        for bar in sorted(bars, key=lambda bar: (bar["ts"], -bar["dur"])):
            while ends and ends[-1] <= bar["ts"] + 1e-9:
                ends.pop()
            assert bar["dur"] >= 0 and (not ends or bar["ts"] + bar["dur"] <= ends[-1] + 1e-6)
            ends.append(bar["ts"] + bar["dur"])

    def test_save_writes_all_or_nothing(self, tmp_path):
        with wengert.profile() as p:
            pass
        with pytest.raises(OSError):
            p.save(tmp_path / "missing" / "profile.json")
        assert list(tmp_path.iterdir()) == []
