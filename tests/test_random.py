"""The one source of chance."""

import json

import numpy as np
import pytest

from wengert import Variable, random
from wengert.errors import InputError
from wengert.functions import dropout


def test_seed_repeats_and_state_survives_json():
    random.seed(3)
    first = random.generator().random(4)
    state = json.loads(json.dumps(random.get_state()))
    second = random.generator().random(4)
    random.set_state(state)
    np.testing.assert_array_equal(random.generator().random(4), second)
    random.seed(3)
    np.testing.assert_array_equal(random.generator().random(4), first)


def test_numpys_own_generator_is_left_alone():
    np.random.seed(0)
    expected = np.random.rand()
    np.random.seed(0)
    random.seed(9)
    random.generator().random(10)
    assert np.random.rand() == expected


@pytest.mark.parametrize("n", [-1, 1.5, True, "0"])
def test_a_wrong_seed_is_refused(n):
    with pytest.raises(InputError):
        random.seed(n)


@pytest.mark.parametrize("state", [{}, 3, {"bit_generator": "MT19937"}])
def test_a_wrong_state_is_refused(state):
    with pytest.raises(InputError):
        random.set_state(state)


def test_dropout_keeps_or_scales_and_the_gradient_is_its_mask():
    random.seed(0)
    x = Variable(np.ones((50, 40), np.float32))
    y = dropout(x, 0.25)
    assert y.dtype == np.float32
    assert set(np.unique(y.data)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((y.data == 0).mean() - 0.25) < 0.05
    y.backward()
    np.testing.assert_array_equal(x.grad.data, y.data)
    assert dropout(x, 0.0) is not x  # what is written into it is not seen in x
    assert dropout(x, 0.0).data is x.data
