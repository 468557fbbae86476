"""What parameters begin with: the distributions, where numbers are drawn from, and what is refused."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from wengert import initializers as I
from wengert import random
from wengert.errors import DtypeError, InputError, ShapeError
from wengert.layers import Unsized, size

DRAWN = [
    I.uniform,
    I.normal,
    I.truncated_normal,
    I.xavier_uniform,
    I.xavier_normal,
    I.kaiming_uniform,
    I.kaiming_normal,
    I.orthogonal,
    partial(I.sparse, sparsity=0.1),
]
ALL = [*DRAWN, I.zeros, I.ones, partial(I.constant, value=2.0), I.eye]
IDS = [getattr(f, "func", f).__name__ for f in ALL]


@pytest.mark.parametrize("f", ALL, ids=IDS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_shape_and_dtype(f: Any, dtype: Any) -> None:
    out = f((6, 4), dtype)
    assert out.shape == (6, 4) and out.dtype == dtype and out.flags.writeable
    assert f((6, 4)).dtype == np.float32


@pytest.mark.parametrize("f", ALL, ids=IDS)
def test_integers_are_refused(f: Any) -> None:
    with pytest.raises(DtypeError):
        f((6, 4), int)


@pytest.mark.parametrize("f", DRAWN, ids=IDS[: len(DRAWN)])
def test_numbers_come_from_wengerts_generator(f: Any) -> None:
    random.seed(3)
    first, second = f((6, 4)), f((6, 4))
    random.seed(3)
    np.testing.assert_array_equal(f((6, 4)), first)
    assert (first != second).any()


def check(out: Any, std: float, mean: float = 0.0) -> None:
    """Six standard errors: once in 500 million, and the seed stands."""
    assert abs(out.std() / std - 1) < 6 / (2 * out.size) ** 0.5 and abs(out.mean() - mean) < 6 * std / out.size**0.5


def test_uniform_and_normal() -> None:
    out = I.uniform((200, 100), low=-1, high=3)
    check(out, 4 / 12**0.5, 1)
    assert -1 <= out.min() < -0.99 and 2.99 < out.max() <= 3
    check(I.normal((200, 100), mean=2, std=0.5), 0.5, 2)


def test_truncated_normal() -> None:
    out = I.truncated_normal((200, 100), mean=1, std=2, low=0, high=2)
    assert 0 <= out.min() < 0.01 and 1.99 < out.max() <= 2
    # Of a standard normal between -a and a: variance 1 - 2 a phi(a) / (Phi(a) - Phi(-a)); here a is 1/2.
    check(out, 2 * (1 - 0.3520653267642995 / 0.3829249225480262) ** 0.5, 1)
    with pytest.raises(InputError, match="between 10 and 12"):
        I.truncated_normal((3,), low=10, high=12)


@pytest.mark.parametrize(("shape", "fan_in", "fan_out"), [((300, 100), 300, 100), ((100, 20, 3, 5), 300, 1500)])
def test_fans(shape: tuple[int, ...], fan_in: int, fan_out: int) -> None:
    """A matrix is (inputs, outputs); a convolution's weight (outputs, inputs, *kernel)."""
    xavier = 2 * (2 / (fan_in + fan_out)) ** 0.5
    check(I.xavier_normal(shape, gain=2), xavier)
    check(I.xavier_uniform(shape, gain=2), xavier)
    for f in (I.kaiming_normal, I.kaiming_uniform):
        check(f(shape), (2 / fan_in) ** 0.5)
        check(f(shape, mode="fan_out", nonlinearity="relu"), (2 / fan_out) ** 0.5)
        check(f(shape, slope=5**0.5), (1 / 3 / fan_in) ** 0.5)
        check(f(shape, nonlinearity="tanh"), 5 / 3 / fan_in**0.5)


def test_uniform_ones_keep_within_their_bound() -> None:
    out = I.kaiming_uniform((300, 100))
    bound = (6 / 300) ** 0.5
    assert 0.999 * bound < abs(out).max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize("shape", [(5, 5), (7, 4), (4, 7), (3, 4, 2), (8, 2, 2)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    w = I.orthogonal(shape, np.float64, gain=3).reshape(shape[0], -1)
    w = w if w.shape[0] >= w.shape[1] else w.T
    np.testing.assert_allclose(w.T @ w, 9 * np.eye(w.shape[1]), atol=1e-12)


def test_orthogonal_matrices_lean_to_no_side() -> None:
    diagonals = [np.diagonal(I.orthogonal((2, 2), np.float64)) for _ in range(400)]
    assert abs(np.mean(diagonals)) < 0.15


def test_eye_passes_through() -> None:
    x = np.random.default_rng(0).normal(size=(2, 4))
    np.testing.assert_array_equal(x @ I.eye((4, 4), np.float64), x)
    assert I.identity is I.eye


@pytest.mark.parametrize("groups", [1, 2])
def test_dirac(groups: int) -> None:
    w = I.dirac((4, 2, 3, 3), groups=groups)
    assert w.sum() == 2 * groups
    places = [tuple(map(int, place)) for place in np.argwhere(w)]
    assert places == [(k * (4 // groups) + i, i, 1, 1) for k in range(groups) for i in range(2)]


def test_sparse() -> None:
    out = I.sparse((50, 40), np.float64, sparsity=0.33, std=2)
    assert ((out == 0).sum(axis=0) == 17).all()
    check(out[out != 0], 2)
    assert len({tuple(column) for column in (out == 0).T}) > 30


def test_gain() -> None:
    assert [I.gain(n) for n in ("linear", "sigmoid", "tanh", "relu", "selu")] == [1, 1, 5 / 3, 2**0.5, 0.75]
    assert I.gain("leaky_relu", 2.0) == (2 / 5) ** 0.5


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: I.xavier_normal((3,)), ShapeError, "two axes or more"),
        (lambda: I.kaiming_uniform(()), ShapeError, "two axes or more"),
        (lambda: I.kaiming_normal((3, 0)), ShapeError, "no entries"),
        (lambda: I.kaiming_normal((3, 3), mode="fan"), InputError, "'fan'"),
        (lambda: I.kaiming_normal((3, 3), nonlinearity="gelu"), InputError, "'gelu'"),
        (lambda: I.orthogonal((3,)), ShapeError, "two axes"),
        (lambda: I.eye((3, 3, 3)), ShapeError, "two axes"),
        (lambda: I.dirac((3, 3)), ShapeError, "kernel"),
        (lambda: I.dirac((3, 3, 3), groups=2), ShapeError, "2 groups"),
        (lambda: I.sparse((3, 3), sparsity=2), InputError, "sparsity"),
        (lambda: I.uniform((3,), low=1, high=0), InputError, "low"),
        (lambda: I.normal((3,), std=-1), InputError, "std"),
        (lambda: I.truncated_normal((3,), std=0), InputError, "std"),
    ],
)
def test_what_is_refused(call: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_they_give_a_parameter_its_first_value() -> None:
    weight = Unsized((None, 3), np.float32, partial(I.kaiming_normal, nonlinearity="relu")).parameter()
    size(weight, np.ones(1), 5)
    assert weight.shape == (5, 3) and weight.dtype == np.float32
