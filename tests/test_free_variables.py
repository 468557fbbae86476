"""Variables that a differentiated function takes from outside: what depends on them stands on their tape."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import product

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
    value_and_grad,
    vjp,
)
from wengert import functions as F
from wengert.errors import GraphError
from wengert.layers import Layer

S = np.array([0.3, -0.9])
W = np.array([0.7, -1.3])
P = np.array([0.6, 1.2])


def weighted(f):
    return lambda s: F.sum(F.multiply(f(s), W))


def both(pair):
    return F.multiply(pair[0], 0.4) + pair[1]


# Every transformation as a map of functions from two numbers to two numbers
TRANSFORMS = {
    "grad": lambda f: grad(weighted(f)),
    "value_and_grad": lambda f: lambda s: both(value_and_grad(weighted(f))(s)),
    "elementwise_grad": lambda f: elementwise_grad(f),
    "vjp": lambda f: lambda s: vjp(f, s)[1](W)[0] + vjp(f, s)[0],
    "jvp": lambda f: lambda s: both(jvp(f, (s,), (W,))),
    "jacobian": lambda f: lambda s: F.matmul(jacobian(f)(s), W),
    "hessian": lambda f: lambda s: F.matmul(hessian(weighted(f))(s), W),
    "hvp": lambda f: lambda s: hvp(weighted(f), (s,), (W,))[0],
    "checkpoint": lambda f: lambda s: F.multiply(checkpoint(f)(s), s),
}


class Scale(Layer):
    def __init__(self, weight):
        self.weight = weight

    def forward(self, s):
        return network(self.weight, s)


def network(p, s):
    return F.tanh(p * s[::-1] + 0.3) * F.exp(s * p) + p


# How the function comes by p, from the leaf that the gradient is asked of
KINDS = {
    "leaf": lambda leaf: lambda s: network(leaf, s),
    "intermediate": lambda leaf: (lambda h: lambda s: network(h, s))(leaf * 1.0),
    "one of several results": lambda leaf: (lambda h: lambda s: network(h[1], s))(F.split(F.concatenate([S, leaf]), 2)),
    "in a layer": Scale,
    "in a checkpoint": lambda leaf: checkpoint(lambda s: network(leaf, s)),
    "in an object": lambda leaf: (lambda holder: lambda s: network(holder["p"], s))({"p": leaf}),
}


def slope(f, at, h=1e-5):
    """The gradient of a scalar function of arrays by central differences of fourth order."""
    steps = h * np.eye(at.size)

    def along(step):
        return (8 * (f(at + step) - f(at - step)) - (f(at + 2 * step) - f(at - 2 * step))) / (12 * h)

    return np.array([along(step) for step in steps])


def number(value):
    return float(value.data) if isinstance(value, Variable) else float(value)


def check(transform, kind, leaf_class=Variable):
    """The first derivative in p by backward, and the second by backward of that."""
    v = np.array([0.2, -0.5])

    def loss(p):
        return F.sum(F.multiply(transform(KINDS[kind](p))(S), W) ** 2)

    def plain(p):  # the same with p a constant
        return number(F.sum(F.multiply(transform(lambda s: network(p, s))(S), W) ** 2))

    p = leaf_class(P.copy())
    value = loss(p)
    assert isinstance(value, Variable)
    np.testing.assert_allclose(number(value), plain(P), rtol=1e-12)
    value.backward(create_graph=True)
    first = p.grad
    np.testing.assert_allclose(first.data, slope(plain, P), rtol=1e-6, atol=1e-7)
    p.cleargrad()
    F.sum(first * v).backward()

    def first_of_arrays(p):
        return grad(lambda p: F.sum(F.multiply(transform(lambda s: network(p, s))(S), W) ** 2))(p) @ v

    np.testing.assert_allclose(p.grad.data, slope(first_of_arrays, P), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_gradient_in_what_comes_from_outside(name, kind):
    check(TRANSFORMS[name], kind, Parameter)


PAIRS = [
    (outer, inner, list(KINDS)[i % len(KINDS)])
    for i, (outer, inner) in enumerate(product(TRANSFORMS, TRANSFORMS))
    if (outer, inner) != ("hessian", "hessian")
]


@pytest.mark.parametrize(("outer", "inner", "kind"), PAIRS)
def test_transformations_of_transformations(outer, inner, kind):
    def transform(f):
        return TRANSFORMS[outer](TRANSFORMS[inner](f))

    def loss(p):
        return F.sum(F.multiply(transform(KINDS[kind](p))(S), W) ** 2)

    p = Variable(P.copy())
    loss(p).backward()
    np.testing.assert_allclose(
        p.grad.data, slope(lambda p: number(loss(Variable(p, requires_grad=False))), P), rtol=2e-6, atol=1e-6
    )
    # The same where an enclosing transformation differentiates, and where p is handed over instead
    np.testing.assert_allclose(grad(loss)(P), p.grad.data, rtol=1e-12)
    by_hand = grad(lambda p: F.sum(F.multiply(transform(lambda s: network(p, s))(S), W) ** 2))(P)
    np.testing.assert_allclose(by_hand, p.grad.data, rtol=1e-12)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_arrays_come_out_where_nothing_outside_counts(name):
    p = Variable(P)
    if name != "checkpoint":
        for f in (lambda s: network(P, s), lambda s: network(Variable(P, requires_grad=False), s), lambda s: network(p.data, s)):
            assert not isinstance(TRANSFORMS[name](f)(S), Variable) or not TRANSFORMS[name](f)(S).requires_grad
        assert type(grad(weighted(lambda s: network(P, s)))(S)) is np.ndarray
    out = TRANSFORMS[name](lambda s: network(p, s))(S)
    assert isinstance(out, Variable)
    assert out.requires_grad
    with no_grad():
        out = TRANSFORMS[name](lambda s: network(p, s))(S)
    assert not getattr(out, "requires_grad", False)


def test_under_no_grad_arrays_give_arrays_and_variables_constants():
    p, s = Variable(P), Variable(S)
    with no_grad():
        assert type(grad(lambda s: F.sum(network(p, s)))(S)) is np.ndarray
        value, pull = vjp(lambda s: network(p, s), S)
        assert type(value) is type(pull(W)[0]) is np.ndarray
        out = grad(lambda s: F.sum(network(p, s)))(s)
    assert isinstance(out, Variable)
    assert not out.requires_grad
    # a function that turns recording off inside sees a constant
    np.testing.assert_allclose(grad(lambda s: F.sum(s * _off(s)))(S), np.cos(S))


def _off(s):
    with no_grad():
        return grad(lambda s: F.sum(F.sin(s)))(s)


def test_a_pullback_on_its_own_is_on_the_tape_too():
    p = Variable(P)
    value, pull = vjp(lambda s: network(p, s), S)
    F.sum(pull(W)[0] ** 2).backward(retain_graph=True)

    def plain(p):
        return np.sum(vjp(lambda s: network(p, s), S)[1](W)[0] ** 2)

    np.testing.assert_allclose(p.grad.data, slope(plain, P), rtol=1e-7)
    p.cleargrad()
    F.sum(value * W).backward()
    np.testing.assert_allclose(p.grad.data, slope(lambda p: np.sum(network(Variable(p), S).data * W), P), rtol=1e-7)


def test_where_recording_is_off_for_a_part():
    p = Variable(P)
    _, pull = vjp(lambda s: network(p, s), S)
    with no_grad():
        assert type(pull(W)[0]) is np.ndarray
        _, later = vjp(lambda s: network(p, s), S)
    assert type(later(W)[0]) is np.ndarray  # a value that was not put on a tape has no pullback on one
    assert isinstance(pull(W)[0], Variable)


def test_nothing_is_added_to_the_tape_where_all_counts_already():
    x = Variable(S)
    for out in (grad(lambda u: F.sum(u**3))(x), elementwise_grad(lambda u: F.tanh(u * x))(x), jvp(F.tanh, (x,), (W,))[1]):
        assert out.creator.operation_name != "constant"


def test_gradients_that_are_constant_in_what_comes_from_outside():
    """The slope of x + p does not depend on p; asking for its derivative in p is no mistake."""
    for inner, expected in (
        (lambda p: grad(lambda x: x + p)(2.0), 0.0),
        (lambda p: grad(lambda x: x * x + p)(2.0), 0.0),
        (lambda p: jvp(lambda x: 3.0 * x + p, (2.0,), (1.0,))[1], 0.0),
        (lambda p: jvp(lambda a, b: a * 2.0, (1.0, 2.0), (1.0, p))[1], 0.0),
        (lambda p: vjp(lambda x: (x * 2.0, p), 1.0)[1]((1.0, p))[0], 0.0),
        (lambda p: grad(lambda x: grad(lambda y: p * y + x)(1.0))(2.0) + p, 1.0),
        (lambda p: F.sum(hessian(lambda x: F.sum(x * p))(S)), 0.0),
        (lambda p: hvp(lambda x: x * p, (2.0,), (1.0,))[0], 0.0),
    ):
        np.testing.assert_array_equal(grad(inner)(0.7), expected)
        p = Variable(np.array(0.7))
        inner(p).backward()
        np.testing.assert_array_equal(p.grad.data, expected)


def test_a_variable_that_the_function_makes_and_drops_is_its_own_affair():
    assert type(grad(lambda s: F.sum(s * Variable(P)))(S)) is np.ndarray
    np.testing.assert_array_equal(grad(lambda s: grad(lambda u: F.sum(u * Variable(P)) + F.sum(s))(s) @ W)(S), [0.0, 0.0])


def test_physics_informed():
    """The loss of a differential equation in the parameters of a network, to third order inside."""
    p = Parameter(np.array(0.7))

    def u(s):
        return np.sin(p * s)

    third = elementwise_grad(elementwise_grad(elementwise_grad(u)))
    loss = np.mean(third(S) ** 2) + np.mean(u(S) ** 2)
    loss.backward()

    def plain(c):
        return np.array(np.mean((-(c**3) * np.cos(c * S)) ** 2) + np.mean(np.sin(c * S) ** 2))

    np.testing.assert_allclose(p.grad.data, slope(plain, np.array([0.7]))[0], rtol=1e-8)


class TestThreads:
    @pytest.mark.parametrize("name", [name for name in TRANSFORMS if name != "hessian"])
    @pytest.mark.parametrize("passed", [True, False])
    def test_a_pool_inside(self, name, passed):
        """Derivatives taken in a pool of threads are those taken in turn, and never less."""

        def part(x, p):
            if passed:  # the argument comes to the thread as one
                return TRANSFORMS[name](lambda s: network(p, s))(x)
            return TRANSFORMS[name](lambda s: network(x, s))(S)  # or is used there without being passed

        def in_turn(x):
            return F.sum(F.stack([part(x * c, P) for c in (1.0, 0.5)]) ** 2)

        def pooled(x):
            with ThreadPoolExecutor(2) as pool:
                return F.sum(F.stack(list(pool.map(lambda c: part(x * c, P), (1.0, 0.5)))) ** 2)

        expected = grad(in_turn)(S)
        np.testing.assert_allclose(grad(pooled)(S), expected, rtol=1e-12)
        np.testing.assert_allclose(expected, slope(lambda s: number(in_turn(Variable(s))), S), rtol=1e-6)

    def test_a_pool_inside_a_checkpoint_is_right_or_refused(self):
        def f(x):
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(lambda: x * x * P).result() * 2.0

        try:
            got = grad(lambda x: F.sum(checkpoint(f)(x)))(S)
        except GraphError as error:
            assert "threads" in str(error)  # noqa: PT017
        else:
            np.testing.assert_allclose(got, 4 * S * P)

    def test_many_threads_at_once(self):
        p, found = Variable(P), {}

        def work(i):
            for _ in range(20):
                found[i] = grad(lambda s: F.sum(network(p, s) * i))(S)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        one = grad(lambda s: F.sum(network(P, s)))(S)
        for i in range(4):
            np.testing.assert_allclose(found[i].data, one * i)
