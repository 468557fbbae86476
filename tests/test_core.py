"""The tape: recording, going back, and letting go."""

import gc
import threading
import weakref

import numpy as np
import pytest

import wengert
from wengert import Function, Variable, no_grad, operation, using_config
from wengert import functions as F
from wengert.core.modes import current_config
from wengert.errors import (
    DeclarationError,
    DtypeError,
    GraphError,
    InputError,
    NotDifferentiableError,
    ShapeError,
)


def v(x, **options):
    return Variable(np.array(x, dtype=float), **options)


class TestVariable:
    @pytest.mark.parametrize("data", [1.0, [1.0], None, "x", (1,)])
    def test_takes_arrays_only(self, data):
        with pytest.raises(DtypeError, match="as_variable"):
            Variable(data)

    def test_repr_is_the_book_s(self):
        assert repr(v([1.0, 2.0])) == "variable([1. 2.])"
        assert repr(Variable(np.array([[1, 2, 3], [4, 5, 6]]))) == "variable([[1 2 3]\n          [4 5 6]])"
        assert repr(v(7.0)) == "variable(7.0)"

    def test_integers_are_constants(self):
        x = Variable(np.array([1, 2]))
        assert not x.requires_grad
        with pytest.raises(DtypeError, match="int64"):
            Variable(np.array([1, 2]), requires_grad=True)
        with pytest.raises(GraphError, match="floating"):
            F.sum(x).backward()

    @pytest.mark.parametrize("data", [np.array(["a"]), np.ma.masked_array([1.0], [True]), np.array([None])])
    def test_other_data_is_refused(self, data):
        with pytest.raises(DtypeError):
            Variable(data)

    def test_results_are_always_arrays(self):
        y = v(2.0) * v(3.0)
        assert isinstance(y.data, np.ndarray)
        assert y.shape == ()

    def test_numbers_are_weak(self):
        x = Variable(np.ones(2, np.float32))
        for y in (x * 2.0, 2.0 * x, x / 3, x**2, x + 1, 1 - x, F.mean(x), F.softmax(x)):
            assert y.dtype == np.float32

    def test_gradient_must_fit(self):
        x = v([1.0, 2.0])
        with pytest.raises(ShapeError, match=r"\(2,\)"):
            x.grad = np.ones(3)
        with pytest.raises(ShapeError):
            (x * 1.0).backward(gradient=np.ones((2, 1)))

    def test_a_recorded_value_is_no_plain_number(self):
        with pytest.raises(DtypeError, match="item"):
            float(v(1.0) * 2)
        assert (v(1.0) * 2).item() == 2.0
        with no_grad():
            assert float(v(1.0)) == 1.0


class TestBackward:
    def test_the_book_s_figures(self):
        x, y = v(2.0), v(3.0)
        z = x * x + y * y
        z.backward()
        assert (z.item(), x.grad.item(), y.grad.item()) == (13.0, 4.0, 6.0)
        x = v(2.0)
        a = x * x
        b = a * a + a * a
        b.backward()
        assert (b.item(), x.grad.item()) == (32.0, 64.0)

    def test_gradients_accumulate_and_clear(self):
        x = v(3.0)
        (x + x).backward()
        (x + x + x).backward()
        assert x.grad.item() == 5.0
        x.cleargrad()
        assert x.grad is None

    def test_gradients_are_nobody_else_s(self):
        x, y = v([1.0, 2.0]), v([3.0, 4.0])
        (x + y).backward()
        x.grad.data[0] = 99.0
        assert y.grad.data[0] == 1.0
        seed = np.ones(2)
        z = v([1.0, 2.0])
        (z + 0.0).backward(gradient=seed)
        z.grad.data[0] = 99.0
        assert seed[0] == 1.0

    def test_kept_gradients_of_the_middle(self):
        x = v(2.0)
        y = x * x
        z = y * 3.0
        z.backward(retain_grad=True)
        assert (z.grad.item(), y.grad.item()) == (1.0, 3.0)
        x = v(2.0)
        y = x * x
        z = y * 3.0
        z.backward()
        assert z.grad is None
        assert y.grad is None

    def test_newton_with_second_derivatives(self):
        x = v(2.0)
        figures = []
        for _ in range(10):
            figures.append(x.item())
            y = x**4 - 2 * x**2
            x.cleargrad()
            y.backward(create_graph=True)
            gx = x.grad
            x.cleargrad()
            gx.backward()
            x = Variable(x.data - gx.data / x.grad.data)
        expected = [2, 1.45454545, 1.15104679, 1.02532593, 1.00090848, 1.00000124, 1, 1, 1, 1]
        np.testing.assert_allclose(figures, expected, rtol=1e-7)

    def test_double_backward_in_a_computation(self):
        x = v(2.0)
        y = x**2
        y.backward(create_graph=True)
        gx = x.grad
        x.cleargrad()
        (gx**3 + y).backward()
        assert x.grad.item() == 100.0

    def test_a_freed_graph_says_so(self):
        x = v(2.0)
        y = x * x
        y.backward()
        with pytest.raises(GraphError, match="retain_graph"):
            y.backward()
        y = x * x
        y.backward(retain_graph=True)
        y.backward()
        assert x.grad.item() == 12.0

    def test_no_graph_says_so(self):
        with pytest.raises(GraphError, match="leaf"):
            v(1.0).backward()
        with no_grad():
            y = v(1.0) * 2.0
        with pytest.raises(GraphError, match="no_grad"):
            y.backward()

    def test_a_failed_backward_leaves_nothing(self):
        @operation
        def broken(xp, x):
            return x * 1.0

        @broken.derivative("x")
        def _(g):
            raise RuntimeError("on purpose")

        x = v(1.0)
        y = x * 3.0 + broken(x)
        with pytest.raises(RuntimeError, match="on purpose"):
            y.backward()
        assert x.grad is None

    def test_leaf_dtype_wins(self):
        x = Variable(np.ones(2, np.float32))
        (x * np.ones(2)).backward()
        assert x.grad.dtype == np.float32

    def test_frozen_variables_get_nothing(self):
        x, w = v(1.0), v(2.0, requires_grad=False)
        y = x * w
        y.backward()
        assert w.grad is None
        assert not (w * 2.0).requires_grad

    def test_several_results_and_any_of_them(self):
        x = v([1.0, 2.0, 3.0])
        a, b, c = F.unstack(x)
        (a * 2.0 + c * 5.0).backward()
        np.testing.assert_array_equal(x.grad.data, [2.0, 0.0, 5.0])
        assert a.creator is b.creator is c.creator
        (one,) = F.unstack(v([4.0]))
        assert one.generation == 1

    def test_unchain_backward(self):
        x = v(1.0)
        h = x * 2.0
        y = h * 3.0
        y.unchain_backward()
        assert h.creator is None
        (h * 5.0).backward()
        assert (h.grad.item(), x.grad) == (5.0, None)
        (y * 2.0).backward()
        assert (y.grad.item(), h.grad.item()) == (2.0, 5.0)

    def test_wrong_shapes_from_a_formula_are_errors(self):
        @operation
        def odd(xp, x):
            return x * 1.0

        @odd.derivative("x")
        def _(xp, g):
            return xp.sum(g)

        with pytest.raises(ShapeError, match="odd"):
            odd(v([1.0, 2.0])).backward()


class TestOperation:
    def test_a_formula_may_ask_only_for_what_there_is(self):
        @operation
        def f(xp, x, /, power=2):
            return x**power

        with pytest.raises(DeclarationError, match=r"asks for 'y'.*x_shape"):
            f.derivative("x")(lambda g, y: g)
        with pytest.raises(DeclarationError, match="no input 'z'"):
            f.derivative("z")
        with pytest.raises(DeclarationError, match="xp"):
            operation(lambda x: x)

    def test_a_missing_derivative_raises_when_asked_for(self):
        @operation
        def bare(xp, x):
            return x * 1.0

        with pytest.raises(NotDifferentiableError, match="bare"):
            bare(v(1.0)).backward()

    def test_only_what_is_named_is_kept(self):
        x = v(np.ones(3))
        assert F.tanh(x).creator.kept[0] is not x.data
        assert (x + x).creator.kept == ()
        assert len((x * 2.0).creator.kept) == 1

    def test_options_take_no_variables(self):
        with pytest.raises(DtypeError, match="axis"):
            F.sum(v([1.0]), axis=v(0.0))

    @pytest.mark.parametrize("args", [(), (1.0, 2.0, 3.0, 4.0)])
    def test_arguments_are_counted(self, args):
        with pytest.raises(TypeError):
            F.sum(*args)
        with pytest.raises(TypeError, match="nonsense"):
            F.sum(v(1.0), nonsense=1)

    def test_signature_and_help(self):
        import inspect

        assert str(inspect.signature(F.tanh)) == "(x)"
        assert F.tanh.__doc__.startswith("Hyperbolic")

    def test_libraries_do_not_mix(self):
        jax = pytest.importorskip("jax", reason="JAX is an optional extra")
        with pytest.raises(DtypeError, match="jax and numpy"):
            v([1.0]) * jax.numpy.ones(1)


class Square(Function):
    def forward(self, x):
        return x**2

    def backward(self, gy):
        (x,) = self.inputs
        return 2 * x * gy


class TestFunction:
    def test_the_book_s_links(self):
        f, g = Square(), Square()
        x = v(3.0)
        a = f(x)
        y = g(a)
        assert y.creator is g
        assert g.inputs[0] is a
        assert a.creator is f
        assert f.inputs[0] is x
        assert f.outputs[0]() is a
        assert (f.generation, g.generation, y.generation) == (0, 1, 2)
        assert isinstance((x * x).creator, Function)

    def test_to_any_order(self):
        assert wengert.grad(wengert.grad(lambda x: Square()(Square()(x))))(np.array(2.0)) == 48.0

    def test_a_second_call_is_a_function_of_its_own(self):
        f = Square()
        w, x = v(3.0), v(5.0)
        y, z = f(w), f(x)
        assert z.creator.inputs[0] is x
        y.backward()
        z.backward()
        assert (x.grad.item(), y.creator is z.creator) == (10.0, False)

    def test_unwritten_methods_raise(self):
        with pytest.raises(NotImplementedError):
            Function()(v(1.0))

    def test_gradients_are_counted(self):
        class Wrong(Function):
            def forward(self, x, y):
                return x + y

            def backward(self, gy):
                return gy

        with pytest.raises(DeclarationError, match="2 inputs"):
            Wrong()(v(1.0), v(2.0)).backward()

    def test_several_results(self):
        class Both(Function):
            def forward(self, x):
                return x + 1, x * 2

            def backward(self, ga, gb):
                return ga + 2 * gb

        x = v([1.0, 2.0])
        a, b = Both()(x)
        b.backward()
        np.testing.assert_array_equal(x.grad.data, [2.0, 2.0])


class TestAssignment:
    def test_differentiates_and_spares_what_was_saved(self):
        x = v([1.0, 2.0, 3.0])
        y = x * 1.0
        z = y * y
        y[0] = 10.0
        y[1] += 5.0
        (z + y).backward()
        np.testing.assert_array_equal(x.grad.data, [2.0, 5.0, 7.0])

    def test_a_leaf_is_refused(self):
        x = v([1.0])
        with pytest.raises(GraphError, match="copy"):
            x[0] = 2.0
        with no_grad():
            x[0] = 2.0
        assert x.data[0] == 2.0

    def test_the_caller_s_array_is_spared(self):
        a = np.zeros(2)
        z = Variable(a, requires_grad=False)
        z[0] = v(1.0)
        assert z.requires_grad
        assert a[0] == 0.0

    def test_of_entries_named_twice_the_last_counts(self):
        a = v([1.0, 2.0])
        z = Variable(np.zeros(2), requires_grad=False)
        z[[0, 0]] = a
        z.backward()
        np.testing.assert_array_equal(a.grad.data, [0.0, 1.0])

    def test_integers_would_cut_off(self):
        z = Variable(np.zeros(2, int))
        with pytest.raises(DtypeError):
            z[0] = v(1.5)


class TestModes:
    def test_nest_and_restore(self):
        with pytest.raises(ValueError, match="x"), no_grad():
            assert not current_config().enable_backprop
            with using_config("enable_backprop", True):
                assert current_config().enable_backprop
            raise ValueError("x")
        assert current_config().enable_backprop
        with pytest.raises(InputError, match="train"), using_config("nonsense", 1):
            pass

    def test_are_local_to_a_thread(self):
        seen = []
        with no_grad():
            thread = threading.Thread(target=lambda: seen.append(current_config().enable_backprop))
            thread.start()
            thread.join()
        assert seen == [True]


class TestMemory:
    def test_dropping_the_loss_frees_it_all_without_the_collector(self):
        gc.collect()
        gc.disable()
        try:
            x = v(np.ones(3))
            y = F.tanh(x * x)
            loss = F.sum(y * y)
            loss.backward(retain_grad=True)
            functions = [weakref.ref(f) for f in (loss.creator, y.creator)]
            gone = weakref.ref(x)
            del x, y, loss
            assert [f() for f in functions] == [None] * 2
            assert gone() is None
        finally:
            gc.enable()

    def test_a_long_chain(self):
        x = v(1.0)
        y = x
        for _ in range(200_000):
            y = y + 1.0
        y.backward()
        assert x.grad.item() == 1.0
        assert y.generation == 200_000
        del y

    @pytest.mark.long
    def test_a_million_operations(self):
        x = v(1.0)
        y = x
        for _ in range(1_000_000):
            y = y * 1.0
        y.backward()
        assert x.grad.item() == 1.0
        del y

    def test_a_wide_sum_is_not_quadratic(self):
        x = v(2.0)
        total = v(0.0)
        for square in [x * x for _ in range(20_000)]:
            total = total + square
        total.backward()
        assert x.grad.item() == 80_000.0


class Log(wengert.Observer):
    """All that an observer is told, in short."""

    def __init__(self):
        self.events = []

    def enter(self, layer, inputs):
        self.events.append(("enter", type(layer).__name__))

    def leave(self, layer, result):
        self.events.append(("leave", type(layer).__name__, None if result is None else result.shape))

    def begin(self, operation, options):
        self.events.append(("begin", operation.operation_name, options))

    def forward(self, function, inputs, outputs):
        self.events.append(("forward", function.operation_name, len(inputs)))

    def unrecorded(self, name, inputs, outputs):
        self.events.append(("unrecorded", name, len(inputs)))

    def start(self, roots, create_graph):
        self.events.append(("start", [edge.depth for edge, _ in roots], create_graph))

    def backward(self, function, gradient):
        self.events.append(("backward", function.operation_name))

    def accumulate(self, function, position, edge, contribution, total):
        total = total.data if isinstance(total, Variable) else total
        self.events.append(("accumulate", position, float(total)))

    def free(self, function):
        self.events.append(("free", function.operation_name))

    def deposit(self, leaf, before):
        self.events.append(("deposit", before, float(leaf.grad.data)))

    def end(self):
        self.events.append(("end",))


def test_observer_sees_every_event():
    log = Log()
    x = v(3.0)
    with wengert.observing(log):
        (x * x + x).backward()
        wengert.functions.sum(np.ones(3), axis=0)
    assert log.events == [
        ("begin", "multiply", {}),
        ("forward", "multiply", 2),
        ("begin", "add", {}),
        ("forward", "add", 2),
        ("start", [2], False),
        ("backward", "add"),
        ("accumulate", 0, 1.0),
        ("accumulate", 1, 1.0),
        ("free", "add"),
        ("backward", "multiply"),
        ("accumulate", 0, 4.0),
        ("accumulate", 1, 7.0),
        ("free", "multiply"),
        ("end",),
        ("deposit", None, 7.0),
        ("begin", "sum", {"axis": 0, "keepdims": False}),
        ("unrecorded", "sum", 1),
    ]


def test_observer_sees_classes_layers_and_failures():
    class Twice(wengert.Function):
        def forward(self, x):
            return 2 * x

        def backward(self, gy):
            return 2 * gy

    class Inner(wengert.Layer):
        def forward(self, x):
            return Twice()(x)

    class Outer(wengert.Layer):
        def __init__(self):
            self.inner = Inner()

        def forward(self, x):
            return self.inner(x) @ x

    log, other = Log(), Log()
    with wengert.observing(log), wengert.observing(other), pytest.raises(wengert.errors.ShapeError):
        Outer()(v(np.ones((2, 3))))
    assert log.events == other.events == [
        ("enter", "Outer"),
        ("enter", "Inner"),
        ("begin", "Twice", {}),
        ("forward", "Twice", 1),
        ("leave", "Inner", (2, 3)),
        ("begin", "matmul", {}),
        ("leave", "Outer", None),
    ]
    x = v(1.0)
    y = Twice()(x)
    y.backward()
    log.events.clear()
    with wengert.observing(log), pytest.raises(wengert.errors.GraphError):
        y.backward()
    assert log.events == [("start", [1], False), ("end",)]


def test_observer_hears_second_order():
    log, x = Log(), v(3.0)
    with wengert.observing(log):
        y = wengert.functions.exp(x)
        log.events.clear()
        y.backward(create_graph=True)
        e = float(y.data)
        assert log.events == [
            ("start", [1], True),
            ("backward", "exp"),
            ("begin", "multiply", {}),
            ("forward", "multiply", 2),
            ("accumulate", 0, e),
            ("end",),
            ("deposit", None, e),
        ]
        slope, x.grad = x.grad, None
        log.events.clear()
        slope.backward()
    assert log.events[0] == ("start", [2], False) and log.events[-1] == ("deposit", None, e)
    assert [event[1] for event in log.events if event[0] == "backward"] == ["multiply", "exp"]


def test_a_define_by_run_step_inside_jit():
    jax = pytest.importorskip("jax", reason="JAX is an optional extra")
    jnp = jax.numpy
    rng = np.random.default_rng(0)
    x, w, t = rng.normal(size=(5, 3)).astype("f"), rng.normal(size=(3, 2)).astype("f"), rng.normal(size=(5, 2)).astype("f")

    def step(w, x, t):
        weight = Variable(w)
        loss = F.mean_squared_error(F.tanh(F.matmul(x, weight)), t)
        loss.backward()
        return loss.data, weight.data - 0.1 * weight.grad.data

    eager = step(w, x, t)
    compiled = jax.jit(step)(jnp.asarray(w), jnp.asarray(x), jnp.asarray(t))
    for a, b in zip(eager, compiled, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_going_back_twice_names_the_graph_and_the_line():
    x = v(np.ones(3))
    h = wengert.functions.exp(x)
    loss = wengert.functions.sum(h * h)
    loss.name = "loss"
    other = wengert.functions.sum(wengert.functions.sin(h))
    loss.backward()
    for root, where in ((loss, "sum"), (other, "exp")):
        with pytest.raises(GraphError) as error:
            root.backward()
        text = str(error.value)
        assert f"backward: {where} has already been passed" in text and "loss, made by sum" in text
        assert "test_core.py" in text and "loss.backward()" in text
