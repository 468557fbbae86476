"""A result that does not depend on what is differentiated: an error that says where it left the tape."""

import numpy as np
import pytest

from wengert import (
    Parameter,
    Variable,
    checkpoint,
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    stop_gradient,
    value_and_grad,
    vjp,
)
from wengert import functions as F
from wengert.errors import GraphError

X = np.array([0.3, 0.7, -1.1])

EACH = {
    "grad": lambda f, x, **o: grad(f, **o)(x),
    "value_and_grad": lambda f, x, **o: value_and_grad(f, **o)(x)[1],
    "elementwise_grad": lambda f, x, **o: elementwise_grad(f, **o)(x),
    "vjp": lambda f, x, **o: vjp(f, x, **o)[1](1.0)[0],
    "jvp": lambda f, x, **o: jvp(f, (x,), (x,), **o)[1],
    "jacobian": lambda f, x, **o: jacobian(f, **o)(x),
    "hessian": lambda f, x, **o: hessian(f, **o)(x),
    "hvp": lambda f, x, **o: hvp(f, (x,), (x,), **o)[0],
}
SHAPES = {"jvp": (), "hessian": (3, 3)}


def off(x):
    with no_grad():
        return F.sum(x * x)


# How a result leaves the tape, and what the message says of where
LEAVING = {
    "item": (lambda x: x[0].item() ** 2, "by item"),
    "data": (lambda x: np.sum(x.data), ""),
    "an array of the data": (lambda x: np.sum(np.asarray(x.data)), ""),
    "a number of the data": (lambda x: float(x.data[0]) * 3, ""),
    "argmax": (lambda x: F.argmax(x), "by argmax"),
    "comparison": (lambda x: F.sum(F.where(x > 0, 1.0, 2.0)), "by greater"),
    "detach": (lambda x: np.sum(x.detach() ** 2), "by detach"),
    "stop_gradient": (lambda x: F.sum(stop_gradient(x)), "by stop_gradient"),
    "tolist": (lambda x: sum(x.tolist()), "by tolist"),
    "no_grad": (off, ""),
    "integers": (lambda x: F.sum(F.astype(x, int)), ""),
    "a leaf of its own": (lambda x: F.sum(Variable(x.data) ** 2), ""),
    "a constant": (lambda x: 3.0, ""),
    "another variable": (lambda x: F.sum(Parameter(X) * x.data), ""),
    "in a checkpoint": (lambda x: checkpoint(lambda u: np.sum(u.data))(x), ""),
}


@pytest.mark.parametrize("way", LEAVING)
@pytest.mark.parametrize("name", EACH)
def test_a_result_off_the_tape_is_an_error(name, way):
    f, where = LEAVING[way]
    for x in (X, Variable(X)):
        with pytest.raises(GraphError, match=r"does not depend on what is differentiated(.|\n)*allow_unused=True") as raised:
            EACH[name](f, x)
        assert where in str(raised.value)
        if where:
            assert "test_left_the_tape.py:" in str(raised.value)


@pytest.mark.parametrize("way", LEAVING)
@pytest.mark.parametrize("name", EACH)
def test_a_constant_function_may_be_asked_for(name, way):
    f, _ = LEAVING[way]
    np.testing.assert_array_equal(EACH[name](f, X, allow_unused=True), np.zeros(SHAPES.get(name, 3)))


def test_vjp_says_so_before_anything_is_pulled():
    with pytest.raises(GraphError, match="vjp: the result does not depend"):
        vjp(lambda x: x.data, X)
    vjp(lambda x: x.data, X, allow_unused=True)


def test_where_another_variable_counts_it_is_no_excuse():
    p = Parameter(np.array(2.0))
    with pytest.raises(GraphError, match="does not depend"):
        grad(lambda x: p * x.item())(3.0)
    got = grad(lambda x: p * x.item(), allow_unused=True)(3.0)
    assert got.data == 0.0


def test_what_is_unused_among_what_is_used_has_gradient_zero():
    np.testing.assert_array_equal(grad(lambda a, b: a * 2.0, (0, 1))(1.0, X)[1], np.zeros(3))
    np.testing.assert_array_equal(grad(lambda p: p["a"] * 2.0)({"a": 1.0, "b": X})["b"], np.zeros(3))
    _, pull = vjp(lambda a, b: (a * 2.0, X), 1.0, X)
    np.testing.assert_array_equal(pull((1.0, X))[1], np.zeros(3))


LINEAR = [
    lambda x: 3.0 * x,
    lambda x: F.floor(x) + x,
    lambda x: F.relu(x) * 2.0,
    lambda x: np.abs(x),
    lambda x: -x,
]


@pytest.mark.parametrize("f", LINEAR)
def test_derivatives_of_constant_derivatives_are_zero(f):
    for at in (0.7, Variable(np.array(0.7))):
        for second in (
            grad(grad(f)),
            grad(grad(grad(f))),
            hessian(f),
            elementwise_grad(elementwise_grad(f)),
            jacobian(jacobian(f)),
            lambda x: hvp(f, (x,), (1.0,))[0],
            lambda x: jvp(grad(f), (x,), (1.0,))[1],
            lambda x: vjp(grad(f), x)[1](1.0)[0],
            grad(lambda x: jvp(f, (x,), (1.0,))[1]),
            grad(lambda x: vjp(f, x)[1](1.0)[0]),
            grad(checkpoint(grad(f))),
            grad(lambda x: grad(lambda y: f(y) + f(x))(0.2)),
        ):
            np.testing.assert_array_equal(getattr(second(at), "data", second(at)), 0.0)


def test_a_constant_derivative_of_a_variable_is_on_its_tape():
    x = Variable(X)
    out = elementwise_grad(lambda x: 2.0 * x)(x)
    F.sum(out).backward()
    np.testing.assert_array_equal(x.grad.data, np.zeros(3))


def test_nothing_to_differentiate_is_nothing_to_miss():
    assert grad(lambda x, y: 3.0, ())(1.0, 2.0) == ()
    assert jacobian(lambda x: x[:0])(X).shape == (0, 3)
    assert jacobian(lambda x: ())(X) == ()
