"""Steps 25 to 36: pictures of graphs, and derivatives of derivatives."""

import math

import numpy as np
import pytest

import wengert.dezero.functions as F
from wengert.dezero import Function, Variable
from wengert.dezero.core_simple import Function as SimpleFunction
from wengert.dezero.core_simple import Variable as SimpleVariable
from wengert.dezero.utils import get_dot_graph, plot_dot_graph

# The descent of x ** 4 - 2 * x ** 2 from 2 by Newton's method.
NEWTON = [2.0, 1.45454545, 1.15104679, 1.02532593, 1.00090845, 1.00000124, 1.000000000002, 1.0, 1.0, 1.0]


def edges(text):
    return sum("->" in line for line in text.splitlines())


def test_step_25_dot_text():
    x = Variable(np.array(1.0), "x")
    y = -x
    y.name = "y"
    assert get_dot_graph(y, verbose=False) == (
        "digraph g {\n"
        '0 [label="y", color=orange, style=filled]\n'
        '1 [label="Neg", color=lightblue, style=filled, shape=box]\n'
        "2 -> 1\n"
        "1 -> 0\n"
        '2 [label="x", color=orange, style=filled]\n'
        "}"
    )


def test_step_26_the_graph_of_goldstein_and_price(tmp_path):
    x, y = Variable(np.array(1.0)), Variable(np.array(1.0))
    first = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
    second = 30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    z = first * second
    z.backward()
    x.name, y.name, z.name = "x", "y", "z"
    text = get_dot_graph(z, verbose=False)
    assert edges(text) == 108
    path = plot_dot_graph(z, verbose=False, to_file=tmp_path / "goldstein.dot")
    assert path.read_text() == text


class Sin(SimpleFunction):
    def forward(self, x):
        return np.sin(x)

    def backward(self, gy):
        return gy * np.cos(self.inputs[0].data)


def sine_series(x, threshold=1e-4):
    y = 0
    for i in range(100000):
        t = (-1) ** i / math.factorial(2 * i + 1) * x ** (2 * i + 1)
        y = y + t
        if abs(t.data) < threshold:
            return y
    raise AssertionError("the series does not end")


def test_step_27_a_function_of_ones_own_and_a_series():
    x = SimpleVariable(np.array(np.pi / 4))
    y = Sin()(x)
    y.backward()
    assert np.allclose([y.data, x.grad], [0.7071067811865476, 0.7071067811865476], rtol=1e-15)
    x = SimpleVariable(np.array(np.pi / 4))
    y = sine_series(x)
    y.backward()
    assert np.allclose([y.data, x.grad], [0.7071064695751781, 0.7071032148228457], rtol=1e-15)
    assert edges(get_dot_graph(y, verbose=False)) == 32


def test_step_28_gradient_descent():
    x0, x1 = Variable(np.array(0.0)), Variable(np.array(2.0))
    for _ in range(999):
        y = 100 * (x1 - x0**2) ** 2 + (x0 - 1) ** 2
        x0.cleargrad()
        x1.cleargrad()
        y.backward()
        x0.data -= 0.001 * x0.grad.data
        x1.data -= 0.001 * x1.grad.data
    assert np.allclose([x0.data, x1.data], [0.68349178, 0.46565060], atol=5e-9, rtol=0)


def test_step_29_newton_by_hand():
    x, path = Variable(np.array(2.0)), []
    for _ in range(10):
        path.append(float(x.data))
        y = x**4 - 2 * x**2
        x.cleargrad()
        y.backward()
        x.data -= x.grad.data / (12 * x.data**2 - 4)
    assert np.allclose(path, NEWTON, atol=5e-9, rtol=0)


def test_step_30_gradients_of_the_simple_core_are_arrays():
    x = SimpleVariable(np.array(2.0))
    y = x**2
    y.backward()
    assert type(x.grad) is np.ndarray


def test_step_31_gradients_are_variables():
    x = Variable(np.array(2.0))
    y = x**2
    y.backward()
    assert isinstance(x.grad, Variable)
    assert x.grad.creator is None


def test_step_32_backward_is_recorded_when_asked():
    x = Variable(np.array(2.0))
    y = x**2
    y.backward(create_graph=True)
    assert x.grad.creator is not None


def test_step_33_newton():
    x, path = Variable(np.array(2.0)), []
    for _ in range(10):
        path.append(float(x.data))
        y = x**4 - 2 * x**2
        x.cleargrad()
        y.backward(create_graph=True)
        gx = x.grad
        x.cleargrad()
        gx.backward()
        x.data -= gx.data / x.grad.data
    assert np.allclose(path, NEWTON, atol=5e-9, rtol=0)


def test_step_34_derivatives_of_the_sine():
    x = Variable(np.linspace(-7, 7, 200))
    y = F.sin(x)
    y.backward(create_graph=True)
    logs = [y.data]
    for _ in range(3):
        logs.append(x.grad.data)
        gx = x.grad
        x.cleargrad()
        gx.backward(create_graph=True)
    assert np.allclose([log[0] for log in logs], [-0.656987, 0.753902, 0.656987, -0.753902], atol=5e-7)


def derivative_of_tanh(order):
    x = Variable(np.array(1.0), "x")
    y = F.tanh(x)
    y.backward(create_graph=True)
    for _ in range(order - 1):
        gx = x.grad
        x.cleargrad()
        gx.backward(create_graph=True)
    return x.grad


@pytest.mark.parametrize(("order", "value"), [(2, -0.639700), (4, 0.665091)])
def test_step_35_derivatives_of_tanh(order, value):
    gx = derivative_of_tanh(order)
    assert np.allclose(gx.data, value, atol=5e-7)
    assert "Mul" in get_dot_graph(gx)


def test_step_35_the_graph_of_the_books_own_function():
    # Its 25 edges in the book are those of 9 calls; two of them only work on the ones that backward starts from, and
    # what is computed from constants alone is not on the tape.
    class Tanh(Function):
        def forward(self, x):
            return np.tanh(x)

        def backward(self, gy):
            y = self.outputs[0]()
            return gy * (1 - y * y)

    x = Variable(np.array(1.0), "x")
    y = Tanh()(x)
    y.backward(create_graph=True)
    gx = x.grad
    x.cleargrad()
    gx.backward(create_graph=True)
    assert np.allclose(x.grad.data, -0.639700, atol=5e-7)
    assert edges(get_dot_graph(x.grad, verbose=False)) == 25 - 5


def test_step_36_a_gradient_in_a_computation():
    x = Variable(np.array(2.0))
    y = x**2
    y.backward(create_graph=True)
    gx = x.grad
    x.cleargrad()
    z = gx**3 + y
    z.backward()
    assert repr(x.grad) == "variable(100.0)"
