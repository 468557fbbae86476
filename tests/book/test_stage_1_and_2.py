"""Steps 1 to 24: a variable, functions, backward, and code that reads like arithmetic."""

import gc
import unittest
import weakref

import numpy as np
import pytest

import wengert.dezero as dezero
import wengert.dezero.functions as F
from wengert.dezero import Function, Variable, as_array, no_grad, using_config
from wengert.dezero.core_simple import Variable as SimpleVariable


class Square(Function):
    def forward(self, x):
        return x**2

    def backward(self, gy):
        (x,) = self.inputs
        return 2 * x * gy


class Exp(Function):
    def forward(self, x):
        return np.exp(x)

    def backward(self, gy):
        (x,) = self.inputs
        return F.exp(x) * gy


def square(x):
    return Square()(x)


def exp(x):
    return Exp()(x)


def numerical_diff(f, x, eps=1e-4):
    above, below = f(Variable(as_array(x.data + eps))), f(Variable(as_array(x.data - eps)))
    return (above.data - below.data) / (2 * eps)


def squared_exp_of_square():
    x = Variable(np.array(0.5))
    return x, square(exp(square(x)))


def test_step_01_a_box_around_an_array():
    x = Variable(np.array(1.0))
    assert x.data == 1.0
    x.data = np.array(2.0)
    assert x.data == 2.0


def test_step_02_functions_make_variables():
    y = square(Variable(np.array(10)))
    assert isinstance(y, Variable)
    assert y.data == 100
    with pytest.raises(NotImplementedError):
        Function()(Variable(np.array(10.0)))


def test_step_03_composition():
    assert squared_exp_of_square()[1].data == 1.648721270700128


def test_step_04_numerical_differentiation():
    assert numerical_diff(square, Variable(np.array(2.0))) == 4.000000000004
    assert numerical_diff(lambda x: square(exp(square(x))), Variable(np.array(0.5))) == 3.2974426293330694


def test_step_05_the_chain_rule_goes_from_the_output():
    x, y = squared_exp_of_square()
    order = []
    call = y.creator
    while call is not None:
        order.append(type(call).__name__)
        call = call.inputs[0].creator
    assert order == ["Square", "Exp", "Square"]


def test_step_06_backward_by_hand():
    x = Variable(np.array(0.5))
    a = square(x)
    b = exp(a)
    y = square(b)
    g = Variable(np.array(1.0))
    for value in (y, b, a):
        g = value.creator.backward(g)
    assert g.data == 3.297442541400256


def test_step_07_the_links_lead_back():
    x = Variable(np.array(0.5))
    a = square(x)
    b = exp(a)
    y = square(b)
    assert y.creator.inputs[0] is b
    assert b.creator.inputs[0] is a
    assert a.creator.inputs[0] is x
    assert a.creator.outputs[0]() is a
    y.backward()
    assert x.grad.data == 3.297442541400256


def test_step_08_a_loop_and_no_recursion():
    x = y = Variable(np.array(1.0))
    for _ in range(5000):
        y = y * 1.0
    y.backward()
    assert x.grad.data == 1.0


def test_step_09_only_arrays_are_taken():
    x, y = squared_exp_of_square()
    y.backward()
    assert x.grad.data == 3.297442541400256
    assert isinstance(y.data, np.ndarray)
    Variable(None)
    with pytest.raises(TypeError):
        Variable(1.0)


def test_step_10_unit_tests_and_a_gradient_check():
    class SquareTest(unittest.TestCase):
        def test_forward(self):
            self.assertEqual(square(Variable(np.array(2.0))).data, np.array(4.0))

        def test_backward(self):
            x = Variable(np.array(3.0))
            square(x).backward()
            self.assertEqual(x.grad.data, np.array(6.0))

        def test_gradient_check(self):
            x = Variable(np.random.rand(1))
            square(x).backward()
            self.assertTrue(np.allclose(x.grad.data, numerical_diff(square, x)))

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(SquareTest).run(result)
    assert result.testsRun == 3
    assert result.wasSuccessful()


class Add(Function):
    def forward(self, x0, x1):
        return (x0 + x1,)

    def backward(self, gy):
        return gy, gy


def add(x0, x1):
    out = Add()(x0, x1)
    return out[0] if isinstance(out, tuple) else out


def test_step_11_several_inputs():
    assert add(Variable(np.array(2)), Variable(np.array(3))).data == 5


def test_step_12_star_arguments():
    y = F.add(Variable(np.array(2)), Variable(np.array(3)))
    assert repr(y) == "variable(5)"


def test_step_13_a_gradient_for_each_input():
    x, y = Variable(np.array(2.0)), Variable(np.array(3.0))
    z = add(square(x), square(y))
    z.backward()
    assert (z.data, x.grad.data, y.grad.data) == (13.0, 4.0, 6.0)


def test_step_14_the_same_variable_twice_and_again():
    x = Variable(np.array(3.0))
    add(x, x).backward()
    assert x.grad.data == 2.0
    x.cleargrad()
    add(add(x, x), x).backward()
    assert x.grad.data == 3.0


def test_step_15_generations_grow_with_the_graph():
    x = Variable(np.array(1.0))
    a = x * 2.0
    b, c = a + 1.0, a * 3.0
    y = b * c
    assert [value.generation for value in (x, a, b, c, y)] == [0, 1, 2, 2, 3]


def test_step_16_each_function_once_and_the_deepest_first():
    x = Variable(np.array(2.0))
    a = square(x)
    y = add(square(a), square(a))
    y.backward()
    assert (y.data, x.grad.data) == (32.0, 64.0)


def test_step_17_no_cycles():
    gc.disable()
    try:
        for _ in range(10):
            x = Variable(np.random.randn(10000))
            y = square(square(square(x)))
        watched = weakref.ref(y.creator)
        del y
        assert watched() is None
    finally:
        gc.enable()


def test_step_18_what_need_not_be_kept():
    x0, x1 = Variable(np.array(1.0)), Variable(np.array(1.0))
    t = F.add(x0, x1)
    y = F.add(x0, t)
    y.backward()
    assert (y.grad, t.grad) == (None, None)
    assert (x0.grad.data, x1.grad.data) == (2.0, 1.0)
    with using_config("enable_backprop", False):
        assert square(Variable(np.array(2.0))).creator is None
    with no_grad():
        assert not dezero.Config.enable_backprop
        assert square(Variable(np.array(2.0))).creator is None
    assert dezero.Config.enable_backprop


def test_step_19_it_looks_like_an_array():
    x = Variable(np.array([[1, 2, 3], [4, 5, 6]]))
    x.name = "x"
    assert (x.name, x.shape, x.ndim, x.size, x.dtype, len(x)) == ("x", (2, 3), 2, 6, np.int64, 2)
    assert repr(x) == "variable([[1 2 3]\n          [4 5 6]])"


def test_step_20_operators():
    a, b, c = Variable(np.array(3.0)), Variable(np.array(2.0)), Variable(np.array(1.0))
    y = a * b + c
    y.backward()
    assert repr(y) == "variable(7.0)"
    assert (a.grad.data, b.grad.data) == (2.0, 3.0)


def test_step_21_beside_arrays_and_numbers():
    x = Variable(np.array(2.0))
    assert repr(x + np.array(3.0)) == "variable(5.0)"
    assert repr(x + 3.0) == "variable(5.0)"
    assert repr(3.0 * x + 1.0) == "variable(7.0)"
    assert isinstance(np.array([2.0]) + x, Variable)


def test_step_22_more_operators():
    x = Variable(np.array(2.0))
    assert [repr(value) for value in (-x, 2.0 - x, x - 1.0, 3.0 / x, x**3)] == [
        "variable(-2.0)",
        "variable(0.0)",
        "variable(1.0)",
        "variable(1.5)",
        "variable(8.0)",
    ]


def test_step_23_a_package():
    for kind in (Variable, SimpleVariable):
        x = kind(np.array(1.0))
        y = (x + 3) ** 2
        y.backward()
        assert repr(y) == "variable(16.0)"
        assert float(np.asarray(getattr(x.grad, "data", x.grad))) == 8.0
    assert dezero.is_simple_core is False
    dezero.setup_variable()


def goldstein_price(x, y):
    first = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
    second = 30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    return first * second


@pytest.mark.parametrize("kind", [Variable, SimpleVariable])
@pytest.mark.parametrize(
    ("function", "value", "gradients"),
    [
        (lambda x, y: x**2 + y**2, 2.0, (2.0, 2.0)),
        (lambda x, y: 0.26 * (x**2 + y**2) - 0.48 * x * y, 0.04, (0.04, 0.04)),
        (goldstein_price, 1876.0, (-5376.0, 8064.0)),
    ],
    ids=["sphere", "matyas", "goldstein_price"],
)
def test_step_24_test_functions(kind, function, value, gradients):
    x, y = kind(np.array(1.0)), kind(np.array(1.0))
    z = function(x, y)
    z.backward()
    found = [float(np.asarray(getattr(v.grad, "data", v.grad))) for v in (x, y)]
    assert np.allclose(z.data, value, rtol=1e-14)
    assert np.allclose(found, gradients, rtol=1e-14)
