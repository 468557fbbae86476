"""holds: what graphs keep alive, each array once, and who holds them by name."""

import gc
import weakref

import numpy as np
import pytest

import wengert
from wengert import Variable, checkpoint, holds
from wengert import functions as F
from wengert.debug.lines import layer_of, line_of, remembering_lines
from wengert.errors import DtypeError
from wengert.layers import Linear, Sequential


@pytest.fixture
def x():
    return Variable(np.random.default_rng(1).normal(size=(10, 10)), name="x")


def root_of(report, operation):
    (root,) = [root for root in report.roots if root.operation == operation]
    return root


class TestBehindOne:
    def test_counts_each_array_once(self, x):
        y = F.exp(x)
        loss = F.sum(y * y + y * 2.0)  # exp keeps y, and the product keeps it twice
        report = holds(loss)
        assert report.operations == 5 and report.depth == 4
        assert report.bytes == 800 and len(report.arrays) == 1
        assert report.leaf_bytes == 0

    def test_a_view_counts_its_base(self, x):
        big = np.zeros((100, 100))
        loss = F.sum(x * Variable(big[:10, :10], requires_grad=False))
        report = holds(loss)
        assert report.bytes == 80_000
        assert report.arrays[0].shape == (10, 10) and report.arrays[0].operation == "multiply"

    def test_windows_count_what_they_show(self, x):
        windows = np.lib.stride_tricks.sliding_window_view(np.zeros(109), 10)
        loss = F.sum(Variable(np.ones((100, 10))) * windows)
        assert holds(loss).bytes == 109 * 8

    def test_data_of_leaves_is_told_apart(self, x):
        w = Variable(np.ones((10, 10)))
        report = holds(F.sum(F.exp(x @ w)))
        assert report.bytes == 3 * 800 and report.leaf_bytes == 2 * 800
        assert "1.6 kB of it is data of leaves" in repr(report)

    def test_freed_graphs_are_structure(self, x):
        loss = F.sum(F.exp(x) * x)
        loss.backward()
        report = holds(loss)
        assert report.operations == report.freed == 3
        assert report.bytes == 0 and not report.arrays
        assert "only their structure is left" in repr(report)

    def test_tables(self, x):
        with remembering_lines():
            model = Sequential(Linear(20), Linear(5))
            loss = F.sum(F.exp(model(x)))
        report = holds(loss)
        assert sum(report.by_operation.values()) == report.bytes
        assert sum(report.by_line.values()) == report.bytes
        assert set(report.by_layer) == {"Sequential.layers.0", "Sequential.layers.1"}
        assert report.arrays == tuple(sorted(report.arrays, key=lambda row: -row.bytes))
        assert "by layer" in repr(report) and "F.sum(F.exp(model(x)))" in repr(report)

    def test_several_results_functions_and_checkpoints(self, x):
        class Cube(wengert.Function):
            def forward(self, x):
                self.more = np.zeros(1000)
                return x**3

            def backward(self, g):
                return 3 * self.inputs[0] ** 2 * g

        report = holds(Cube()(x))
        assert report.bytes == 8000 + 800 + 800  # its own attribute, input, and result
        parts = F.split(F.exp(x), 2)
        assert holds(parts[0]).bytes == 800
        assert holds(checkpoint(lambda v: F.exp(F.exp(v)))(x)).bytes == 800

    def test_nothing_recorded(self, x):
        report = holds(x)
        assert report.operations == report.bytes == 0 and "nothing was recorded" in repr(report)
        assert holds(Variable(np.arange(3))).operations == 0

    def test_only_variables(self):
        with pytest.raises(DtypeError, match="only a Variable"):
            holds(np.ones(3))

    def test_jax(self):
        jnp = pytest.importorskip("jax.numpy")
        x = Variable(jnp.ones(100))
        assert holds(F.sum(F.exp(x) * x)).bytes == 2 * x.data.nbytes


class TestLiving:
    def test_a_list_of_losses(self, x):
        losses = []
        with remembering_lines():
            for scale in (1.0, 2.0, 3.0):
                losses.append(F.sum(F.exp(x * scale)))
        report = holds()
        mine = [root for root in report.roots if any("losses[" in holder for holder in root.held_by)]
        assert [root.bytes for root in mine] == [800] * 3
        held_by = {holder for root in mine for holder in root.held_by}
        places = {holder.partition(" in ")[0] for holder in held_by}
        assert places == {"losses[0]", "losses[1]", "losses[2]"}
        assert all("test_holds.py:" in holder and "in test_a_list_of_losses" in holder for holder in held_by)
        assert all(root.line.text == "losses.append(F.sum(F.exp(x * scale)))" for root in mine)
        assert "held by losses[" in repr(report)

    def test_a_running_total(self, x):
        total = 0.0
        for scale in (1.0, 2.0, 3.0):
            loss = F.sum(F.exp(x * scale))
            total += loss
        del loss
        root = root_of(holds(), "add")
        assert root.operations == 12 and root.depth == 6 and root.bytes == 2400
        assert root.held_by[0].startswith("total in ") and root.held_by[0].endswith("in test_a_running_total")

    def test_an_attribute(self, x):
        class Trainer:
            pass

        class Slotted:
            __slots__ = ("best",)

        trainer, slotted = Trainer(), Slotted()
        trainer.last_loss = F.sum(x)
        trainer.history = {"train": [F.exp(x)]}
        slotted.best = F.cos(x)
        report = holds()
        assert root_of(report, "sum").held_by == ("Trainer.last_loss",)
        assert root_of(report, "exp").held_by == ("Trainer.history['train'][0]",)
        assert root_of(report, "cos").held_by == ("Slotted.best",)

    def test_a_global(self, x):
        globals()["leaked"] = F.exp(x)
        try:
            assert root_of(holds(), "exp").held_by[0].startswith("leaked in ")
            assert "test_holds.py" in root_of(holds(), "exp").held_by[0]
        finally:
            del globals()["leaked"]

    def test_a_gradient_with_a_graph(self, x):
        F.sum(x**3).backward(create_graph=True)
        assert any("x.grad in " in holder for root in holds().roots for holder in root.held_by)

    def test_a_closure_and_a_generator(self, x):
        def make():
            kept = F.exp(x)
            return lambda: kept

        def wait():
            waiting = F.cos(x)
            yield
            del waiting

        function, generator = make(), wait()
        next(generator)
        report = holds()
        assert "kept in what " in root_of(report, "exp").held_by[0]
        assert root_of(report, "cos").held_by[0].startswith("waiting in ")
        assert callable(function)

    def test_shared_arrays_count_once_in_all(self, x):
        before = holds().bytes
        one, two = F.sum(F.exp(x) * 2.0), F.sum(x * x)
        three = F.cos(x)
        report = holds()
        assert report.bytes - before == 1600  # exp's result; x
        assert sum(root.bytes for root in report.roots if root.operation in ("sum", "cos")) == 800 + 800 + 800
        assert one is not None and two is not None and three is not None

    def test_only_the_largest_are_looked_up(self, x):
        kept = [F.exp(Variable(np.ones(size))) for size in (1, 3, 9, 2, 5)]
        report = holds(limit=2)
        assert [bool(root.held_by) for root in report.roots[:3]] == [True, True, False]
        sizes = [root.bytes for root in report.roots]
        assert sizes == sorted(sizes, reverse=True)
        assert "more: holds(limit=...) shows them" in repr(report)
        assert kept

    def test_garbage_is_no_leak(self, x):
        before = len(holds().roots)
        cycle = [F.exp(x)]
        cycle.append(cycle)
        del cycle
        assert len(holds().roots) == before

    def test_keeps_nothing_alive(self, x):
        losses = [F.sum(F.exp(x))]
        single = F.cos(x)
        gone = [weakref.ref(losses[0]), weakref.ref(losses[0].creator), weakref.ref(single), weakref.ref(single.data)]
        gc.disable()
        try:
            reports = holds(), holds(losses[0]), holds(single)
            del losses, single
            assert [each() for each in gone] == [None] * 4
        finally:
            gc.enable()
        assert reports[0].roots

    def test_locals_of_the_program_stay(self, x):
        loss = F.sum(x)
        before = locals()
        holds()
        assert before["loss"] is loss and locals()["x"] is x


class TestLines:
    def test_are_remembered_as_long_as_the_function_lives(self, x):
        with remembering_lines():
            y = F.exp(x)
        z = F.exp(x)
        assert line_of(y.creator).text == "y = F.exp(x)" and line_of(z.creator) is None
        assert layer_of(y.creator) is None

    def test_layers(self, x):
        class Twice(wengert.Layer):
            def __init__(self):
                self.inner = Linear(10)

            def forward(self, x):
                return self.inner(x) * 2.0

        with remembering_lines():
            y = Twice()(x)
        assert layer_of(y.creator) == "Twice"
        assert layer_of(y.creator.edges[0]) == "Twice.inner"

    def test_a_call_that_fails_leaves_the_layer(self, x):
        class Broken(wengert.Layer):
            def forward(self, x):
                raise ValueError

        with remembering_lines():
            with pytest.raises(ValueError):
                Broken()(x)
            y = F.exp(x)
        assert layer_of(y.creator) is None
