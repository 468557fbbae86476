"""Shapes at their edges, against answers worked out by hand."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from wengert import Variable
from wengert import functions as F


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("constant", [1.0, 1.0, 1.0]),
        ("edge", [3.0, 1.0, 3.0]),
        ("reflect", [2.0, 3.0, 2.0]),  # 3 2 1 2 3 2 1
        ("symmetric", [2.0, 3.0, 2.0]),  # 2 1 1 2 3 3 2
        ("wrap", [2.0, 3.0, 2.0]),  # 2 3 1 2 3 1 2
    ],
)
def test_padding_sends_back_a_part_for_every_place(mode, expected):
    x = Variable(np.array([1.0, 2.0, 3.0]))
    F.sum(F.pad(x, 2, mode=mode)).backward()
    assert_array_equal(x.grad.data, expected)


def test_one_part_of_several_is_used():
    x = Variable(np.array([1.0, 2.0, 3.0]))
    F.unstack(x)[1].backward()
    assert_array_equal(x.grad.data, [0.0, 1.0, 0.0])


def test_unstacking_is_one_operation():
    parts = F.unstack(Variable(np.array([1.0, 2.0])))
    assert parts[0].creator is parts[1].creator


def test_sum_to_and_broadcast_to_undo_each_other_in_derivatives():
    x = Variable(np.arange(6.0).reshape(2, 3))
    F.sum(F.sum_to(x, (1, 3)) * np.array([1.0, 2.0, 3.0])).backward()
    assert_array_equal(x.grad.data, [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])


def test_views_do_not_tie_values_together():
    x = Variable(np.arange(4.0))
    y = F.reshape(x, (2, 2))
    F.sum(y).backward()
    x.grad.data[0] = 7.0
    assert_array_equal(y.data, [[0.0, 1.0], [2.0, 3.0]])


def test_flatten_keeps_the_first_axis_and_the_method_does_not():
    x = Variable(np.zeros((5, 2, 3)))
    assert F.flatten(x).shape == (5, 6)
    assert F.ravel(x).shape == x.flatten().shape == (30,)


def test_astype_sends_the_gradient_back_in_the_type_of_its_source():
    x = Variable(np.ones(2, np.float32))
    y = F.astype(x, np.float64)
    F.sum(y * y).backward()
    assert (y.dtype, x.grad.dtype) == (np.float64, np.float32)
    assert not F.astype(x, np.int64).requires_grad


def test_copy_has_data_of_its_own():
    x = Variable(np.zeros(2))
    y = F.copy(x)
    y.data[0] = 1.0
    assert x.data[0] == 0.0
