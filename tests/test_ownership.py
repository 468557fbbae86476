"""Whose an array is: what is saved stays as it was, and what is handed out is the caller's own."""

from typing import Any

import numpy as np
import pytest

import wengert
from wengert import Function, Variable, grad, operation
from wengert import functions as F
from wengert.backends import saved
from wengert.errors import MutationError

SIZES = {"small": 5, "medium": 5_000, "large": 300_000}  # copied; copied once; watched


def total(x: Any, buffer: Any) -> Any:
    return F.sum(x * buffer)


WRITES = {
    "all": lambda a: a.__setitem__(..., 7.0),
    "one entry": lambda a: a.__setitem__(-1, 7.0),
    "by a view made before": lambda a: None,
    "in place": lambda a: a.__imul__(3.0),
    "reversed": lambda a: a.__setitem__(slice(None), a[::-1].copy()),
    "two exchanged": lambda a: a.__setitem__([0, -1], a[[-1, 0]]),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_buffer_that_is_used_again_is_right_or_an_error(size: str, write: str, dtype: Any) -> None:
    n = SIZES[size]
    x = Variable(np.ones(n, dtype))
    buffer = np.arange(1, n + 1).astype(dtype)
    view, before = buffer[1:], buffer.copy()
    loss = total(x, buffer)
    WRITES[write](buffer)
    if write == "by a view made before":
        view[-1] = 0.0
    if size == "large":
        with pytest.raises(MutationError, match=r"(?s)multiply needs an array.*Fix"):
            loss.backward()
        assert x.grad is None
    else:
        loss.backward()
        np.testing.assert_array_equal(x.grad.data, before)


@pytest.mark.parametrize("size", SIZES)
def test_a_buffer_that_nobody_writes_into(size: str) -> None:
    n = SIZES[size]
    x, buffer = Variable(np.ones(n)), np.arange(float(n))
    losses = [total(x, buffer) for _ in range(3)]
    for loss in losses:
        loss.backward()
    np.testing.assert_array_equal(x.grad.data, 3 * buffer)
    buffer[:] = 1.0  # after the pass it is free


USES = {
    "multiply": lambda x, a: x * a,
    "the other way round": lambda x, a: a * x,
    "divide": lambda x, a: x / a,
    "matmul": lambda x, a: x @ a,
    "power": lambda x, a: (x + 2.0) ** a,
    "where": lambda x, a: F.where(a > 0.5, x, x * 2.0),
    "condition": lambda x, a: F.where(a, x * 3.0, x),
    "index": lambda x, a: x[a],
    "take": lambda x, a: F.take(x, a),
    "take_along_axis": lambda x, a: F.take_along_axis(x, a, axis=0),
    "mask": lambda x, a: x[a],
    "linear": lambda x, a: F.linear(a.reshape(1, -1), F.reshape(x, (-1, 1))),
    "einsum": lambda x, a: np.einsum("i,i", x, a),
    "hypot": lambda x, a: F.hypot(x, a),
    "a class": lambda x, a: Product()(x, a),
}


class Product(Function):
    def forward(self, x: Any, y: Any) -> Any:
        return x * y

    def backward(self, g: Any) -> Any:
        x, y = self.inputs
        return g * y, g * x


@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize("n", [7, 3000])
def test_every_kind_of_use(name: str, n: int) -> None:
    rng = np.random.default_rng(0)
    buffer: Any = rng.uniform(0.5, 1.5, n)
    if name in ("condition", "mask"):
        buffer = buffer > 1
    elif name in ("index", "take", "take_along_axis"):
        buffer = rng.integers(0, n, n)
    x, use = rng.uniform(0.5, 1.5, n), USES[name]
    weights = rng.standard_normal(np.shape(use(Variable(x), buffer).data))
    expected = grad(lambda v: F.sum(use(v, buffer.copy()) * weights))(x)

    def program(v: Any) -> Any:
        out = F.sum(use(v, buffer) * weights)
        buffer[...] = 0
        return out

    np.testing.assert_array_equal(grad(program)(x), expected)


def test_copies_are_shared_while_an_array_stays_as_it_is() -> None:
    x, buffer = Variable(np.ones(5000)), np.arange(5000.0)
    calls = [(x * buffer).creator for _ in range(3)]
    assert len({id(call.kept[0]) for call in calls}) == 1
    buffer[0] = 1.0
    assert (x * buffer).creator.kept[0] is not calls[0].kept[0]
    del calls
    key = id(buffer)
    assert saved._copies[key][1]() is None  # nothing is held for an array alone
    del buffer
    assert key not in saved._copies


def test_what_cannot_be_written_into_is_kept_as_it_is() -> None:
    constant = np.arange(5000.0)
    constant.flags.writeable = False
    assert (Variable(np.ones(5000)) * constant).creator.kept[0] is constant


@pytest.mark.parametrize("layout", ["C", "F", "strided", "reversed", "repeated", "windows", "0-d", "empty"])
@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int64, np.bool_, np.complex128])
def test_fingerprints(layout: str, dtype: Any) -> None:
    rng = np.random.default_rng(1)
    whole = (rng.standard_normal((301, 70)) * 10).astype(dtype)
    array = {
        "C": whole,
        "F": np.asfortranarray(whole),
        "strided": whole[::3, 1::2],
        "reversed": whole[::-1, ::-1],
        "repeated": np.broadcast_to(whole[0], (40, 70)),
        "windows": np.lib.stride_tricks.sliding_window_view(whole[0], 9),
        "0-d": whole[0, :1].reshape(()),
        "empty": whole[:0],
    }[layout]
    before = saved.fingerprint(array)
    assert saved.fingerprint(array) == before
    for place in rng.integers(0, max(array.size, 1), 20) if array.size else ():
        changed = array.copy()
        changed.flat[place] = not changed.flat[place] if dtype is np.bool_ else changed.flat[place] + 1
        assert saved.fingerprint(changed) != before
    if array.size > 1 and layout != "repeated":
        turned = array.copy()
        turned[...] = array.reshape(-1)[::-1].reshape(array.shape)
        assert (saved.fingerprint(turned) == saved.fingerprint(array.copy())) == np.array_equal(turned, array)


# Gradients


TABLE = np.array([1.0, 2.0, 3.0])


@operation
def looked_up(xp, x):  # type: ignore[no-untyped-def]
    """A function whose derivative is read off a table."""
    return x * TABLE


@looked_up.derivative("x")
def _(g):  # type: ignore[no-untyped-def]
    return TABLE


class LookedUp(Function):
    def forward(self, x: Any) -> Any:
        self.slope = np.array([1.0, 2.0, 3.0])
        return x * self.slope

    def backward(self, g: Any) -> Any:
        return Variable(self.slope, requires_grad=False)


class ForBoth(Function):
    """Its two inputs have one gradient, the very same array."""

    def forward(self, x: Any, y: Any) -> Any:
        return x + y

    def backward(self, g: Any) -> Any:
        return g, g


@pytest.mark.parametrize("f", [looked_up, lambda x: LookedUp()(x)], ids=["formula", "class"])
def test_a_table_of_somebody_elses_is_not_added_into(f: Any) -> None:
    for _ in range(3):  # the same program gives the same numbers
        x = Variable(np.ones(3))
        y = x * 1.0
        (f(y) + f(y) + y).sum().backward()
        np.testing.assert_array_equal(x.grad.data, [3.0, 5.0, 7.0])
        leaf = Variable(np.ones(3))
        f(leaf).sum().backward()
        leaf.grad[...] = -1.0
        leaf.grad.data[...] = -2.0
        np.testing.assert_array_equal(TABLE, [1.0, 2.0, 3.0])


def test_gradients_are_safe_to_write_into() -> None:
    for create_graph in (False, True):
        x, y = Variable(np.ones(3)), Variable(np.ones(3))
        seed = np.array([1.0, 2.0, 3.0])
        out = ForBoth()(x, y)
        out.backward(gradient=seed, create_graph=create_graph)
        x.grad += 1.0
        x.grad[0] = 10.0
        np.testing.assert_array_equal(y.grad.data, [1.0, 2.0, 3.0])
        np.testing.assert_array_equal(seed, [1.0, 2.0, 3.0])
        z = x + y
        z.backward(gradient=seed, create_graph=create_graph, retain_grad=True)
        z.grad *= 0.0
        np.testing.assert_array_equal(y.grad.data, [2.0, 4.0, 6.0])


@pytest.mark.parametrize("create_graph", [False, True])
def test_no_gradient_shares_memory_with_anything(create_graph: bool) -> None:
    x, w = Variable(np.ones((2, 3))), Variable(np.ones((3, 2)))
    seed = np.ones((2, 2))
    out = F.concat([x.reshape(3, 2), w]).reshape(2, 6)[:, :2] @ np.eye(2)
    out.backward(gradient=seed, create_graph=create_graph)
    held = [x.data, w.data, seed, out.data, x.grad.data, w.grad.data]
    for i, a in enumerate(held):
        for b in held[:i]:
            if create_graph:  # recorded ones may share it: a write makes a copy first
                continue
            assert not np.shares_memory(a, b)


def test_functions_of_derivatives_hand_out_what_is_the_callers_own() -> None:
    a = np.array([1.0, 2.0])
    for f in (lambda x: F.sum(x), lambda x: F.sum(x * TABLE[:2]), lambda x: F.sum(x * x)):
        first = grad(f)(a)
        again = first.copy()
        first += 5.0
        np.testing.assert_array_equal(grad(f)(a), again)
    jacobian = wengert.jacobian(lambda x: x)(a)
    jacobian[...] = 0.0
    np.testing.assert_array_equal(wengert.jacobian(lambda x: x)(a), np.eye(2))


def test_many_reads_of_one_array_cost_what_they_read() -> None:
    import time

    def seconds(n: int) -> float:
        best = np.inf
        for _ in range(3):
            start = time.process_time()
            x = Variable(np.ones(n))
            s = 0.0
            for i in range(0, n, 4):
                s = s + x[i]
            s.backward()
            best = min(best, time.process_time() - start)
        return best

    assert seconds(16_000) < 10 * seconds(3_000)  # n would be 5.3, n squared 28
