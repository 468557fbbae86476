"""Reductions at their kinks and edges, against answers worked out by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from wengert import Variable
from wengert import functions as F


def gradient(f, values):
    x = Variable(np.array(values))
    f(x).backward()
    return x.grad.data


@pytest.mark.parametrize(
    ("f", "values", "expected"),
    [
        (F.max, [1.0, 3.0, 3.0], [0.0, 0.5, 0.5]),
        (F.min, [2.0, 2.0, 3.0, 2.0], [1 / 3, 1 / 3, 0.0, 1 / 3]),
        (F.norm, [0.0, 0.0], [0.0, 0.0]),
        (F.std, [2.0, 2.0, 2.0], [0.0, 0.0, 0.0]),
        (lambda x: F.norm(x, 1), [0.0, -2.0], [0.0, -1.0]),
        (lambda x: F.norm(x, 3), [0.0, -2.0], [0.0, -1.0]),
        (lambda x: F.norm(x, np.inf), [2.0, -2.0], [0.5, -0.5]),
        (F.median, [3.0, 1.0, 2.0, 10.0], [0.5, 0.0, 0.5, 0.0]),
        (F.prod, [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
        (F.prod, [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
        (lambda x: F.sum(F.cumulative_prod(x)), [2.0, 0.0, 3.0], [1.0, 8.0, 0.0]),
        (F.logsumexp, [-np.inf, 0.0], [0.0, 1.0]),
        (F.logsumexp, [1000.0, 1000.0], [0.5, 0.5]),
        (lambda x: F.average(x, weights=np.array([1.0, 3.0])), [np.inf, 1.0], [0.25, 0.75]),
    ],
)
def test_kinks(f, values, expected):
    assert_allclose(gradient(f, values), expected, rtol=1e-12)


def test_logsumexp_of_nothing_finite():
    x = Variable(np.array([-np.inf, -np.inf]))
    with np.errstate(divide="ignore"):
        y = F.logsumexp(x)
    y.backward()
    assert y.data == -np.inf
    assert_array_equal(x.grad.data, [0.0, 0.0])


def test_product_of_two_zeros_to_second_order():
    x = Variable(np.array([0.0, 0.0, 3.0]))
    F.prod(x).backward(create_graph=True)
    g = x.grad
    x.cleargrad()
    g[0].backward()
    assert_array_equal(x.grad.data, [0.0, 3.0, 0.0])


def test_running_totals_begin_rightly_where_entries_are_infinite():
    x = np.array([np.inf, 1.0])
    assert_array_equal(F.cumulative_sum(x, include_initial=True).data, [0.0, np.inf, np.inf])
    assert_array_equal(F.cumulative_prod(x, include_initial=True).data, [1.0, np.inf, np.inf])


def test_variance_without_degrees_of_freedom_is_nan():
    x = Variable(np.array([1.0]))
    y = F.var(x, correction=1)
    y.backward()
    assert np.isnan(y.data)
    assert np.isnan(x.grad.data).all()


def test_types():
    assert F.mean(np.array([1, 2])).data == 1.5
    assert F.mean(np.ones(3, np.float32)).dtype == np.float32
    assert F.var(np.ones(3, np.float32)).dtype == np.float32
    assert F.sum(np.array([True, True])).data == 2
    assert not F.sum(np.array([1, 2])).requires_grad


def test_sum_of_nothing_is_zero():
    x = Variable(np.zeros((0, 2)))
    y = F.sum(x)
    y.backward()
    assert y.data == 0
    assert x.grad.shape == (0, 2)
