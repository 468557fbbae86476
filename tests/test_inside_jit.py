"""Inside somebody's own jax.jit: what is right there works, and what would be wrong in silence is an error."""

import numpy as np
import pytest

import wengert
from wengert import Parameter, Variable
from wengert import functions as F
from wengert.errors import GraphError
from wengert.layers import BatchNorm1d, Dropout, Linear, Sequential
from wengert.optimizers import SGD, Adam, Momentum

jax = pytest.importorskip("jax", reason="JAX is an optional extra")
X = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)


def model_of_jax_arrays(*layers):
    model = Sequential(*layers)
    with wengert.test_mode():
        model(X)
    for parameter in model.parameters():
        parameter.data = jax.numpy.asarray(parameter.data)
    for _, value in model.named_state():
        value.data = jax.numpy.asarray(value.data)
    return model


@pytest.mark.parametrize("make", [SGD, Momentum, Adam])
def test_a_step_of_a_model_made_outside(make):
    model = model_of_jax_arrays(Linear(2))
    before = [np.asarray(parameter.data) for parameter in model.parameters()]
    optimizer = make(0.1).setup(model)

    def step(x):
        loss = (model(x) ** 2).sum()
        model.cleargrads()
        loss.backward()
        optimizer.update()
        return loss.data

    with pytest.raises(GraphError, match=r"(?s)inside jax.jit the gradient.*made outside.*Fix"):
        jax.jit(step)(jax.numpy.asarray(X))
    for parameter, data in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(parameter.data, data)
        assert parameter.grad is None
    step(jax.numpy.asarray(X))  # outside it trains
    assert not np.allclose(list(model.parameters())[0].data, before[0])


def test_parameters_and_variables_made_outside():
    p = Parameter(jax.numpy.ones(3), name="scale")
    x = Variable(jax.numpy.ones(3), name="x")
    c = Variable(jax.numpy.ones(3), requires_grad=False, name="c")

    def writes(a):
        c[0] = a[0]

    def adds(a):
        with wengert.no_grad():
            nonlocal x
            x += a

    def sets(a):
        p.data = p.data * a

    def goes_back(a):
        (x * a).sum().backward()

    for f, name in ((writes, "c"), (adds, "x"), (sets, "scale"), (goes_back, "x")):
        with pytest.raises(GraphError, match=rf"(?s)inside jax.jit.*\(3,\) float32  {name}.*Fix"):
            jax.jit(f)(jax.numpy.ones(3))
    for value in (p, x, c):
        np.testing.assert_array_equal(value.data, np.ones(3))
    assert x.grad is None


def test_statistics_are_not_counted_once():
    model = model_of_jax_arrays(BatchNorm1d(3))
    with pytest.raises(GraphError, match="inside jax.jit the data"):
        jax.jit(lambda x: model(x).data)(jax.numpy.asarray(X))
    with wengert.test_mode():
        np.testing.assert_allclose(jax.jit(lambda x: model(x).data)(jax.numpy.asarray(X)), model(jax.numpy.asarray(X)).data, rtol=1e-5)


def test_draws():
    dropout = Dropout(0.5)
    for f in (
        lambda x: dropout(Variable(x)).data,
        lambda x: F.dropout(x).data,
        lambda x: Linear(2)(x).data,
        lambda x: x * wengert.random.generator().random(),
    ):
        with pytest.raises(GraphError, match=r"(?s)random number.*Fix"):
            jax.jit(f)(jax.numpy.asarray(X))
    with wengert.test_mode():
        jax.jit(lambda x: dropout(Variable(x)).data)(jax.numpy.asarray(X))
    wengert.seed(1)
    assert wengert.random.get_state() == wengert.random.get_state()


def test_a_step_that_takes_and_gives_arrays():
    def step(w, b, x):
        weight, bias = Parameter(w), Parameter(b)
        loss = (F.linear(x, weight, bias) ** 2).sum()
        loss.backward()
        SGD(0.01).setup([weight, bias]).update()
        y = weight * 2.0
        y[0] += 1.0
        return weight.data, bias.data, y.data

    w, b = jax.numpy.ones((3, 2)), jax.numpy.zeros(2)
    for mine, theirs in zip(jax.jit(step)(w, b, jax.numpy.asarray(X)), step(w, b, jax.numpy.asarray(X)), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)


def test_indices_that_are_not_there():
    x = Variable(jax.numpy.arange(3.0))
    for index in (7, -4, (0, 1), jax.numpy.asarray([0, 3]), np.asarray([3]), [0, 5]):
        with pytest.raises(IndexError):
            x[index]
    assert x[-1].item() == 2.0
    np.testing.assert_array_equal(x[jax.numpy.asarray([0, 2])].data, [0.0, 2.0])
    np.testing.assert_array_equal(x[x.data > 0.5].data, [1.0, 2.0])
