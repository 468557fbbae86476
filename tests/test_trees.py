"""Trees of arguments and results: their classes, constants in them, and what messages call their places."""

from collections import OrderedDict, UserDict, defaultdict, namedtuple
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from wengert import Variable, checkpoint, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from wengert import functions as F
from wengert.errors import DtypeError, ShapeError
from wengert.layers import Linear
from wengert.testing import gradcheck
from wengert.trees import flatten, leaves_of, place_of

W, B = np.array([1.0, 2.0]), np.array([3.0, 5.0])

Pair = namedtuple("Pair", "w b")


class Table(OrderedDict):
    """A mapping with an attribute of its own."""


class Row(list):
    """A list with an attribute of its own."""


@dataclass
class Plain:
    w: Any
    b: Any
    steps: int = 3
    name: str = "plain"


@dataclass(frozen=True, slots=True)
class Frozen:
    w: Any
    b: Any


@dataclass
class Strict:
    w: Any
    b: Any
    size: int = field(init=False)

    def __post_init__(self):
        assert isinstance(self.w, np.ndarray), "made once, of arrays"
        self.size = len(self.w)


def table():
    made = Table(w=W, b=B)
    made.note = "kept"
    return made


def row():
    made = Row([W, B])
    made.note = "kept"
    return made


# Each with the way to read w and b
TREES = {
    "dict": ({"w": W, "b": B}, lambda p: (p["w"], p["b"])),
    "OrderedDict": (OrderedDict(w=W, b=B), lambda p: (p["w"], p["b"])),
    "defaultdict": (defaultdict(lambda: 7.0, w=W, b=B), lambda p: (p["w"] * p["missing"] / 7.0, p["b"])),
    "UserDict": (UserDict(w=W, b=B), lambda p: (p["w"], p["b"])),
    "read-only": (MappingProxyType({"w": W, "b": B}), lambda p: (p["w"], p["b"])),
    "own mapping": (table(), lambda p: (p["w"], p["b"] if p.note == "kept" else None)),
    "own list": (row(), lambda p: (p[0], p[1] if p.note == "kept" else None)),
    "named tuple": (Pair(W, B), lambda p: (p.w, p.b)),
    "dataclass": (Plain(W, B), lambda p: (p.w, p.b * p.steps / 3)),
    "frozen dataclass": (Frozen(W, B), lambda p: (p.w, p.b)),
    "strict dataclass": (Strict(W, B), lambda p: (p.w, p.b * p.size / 2)),
    "nested": ({"x": [Pair(W, None), OrderedDict(b=B)], 3: "text"}, lambda p: (p["x"][0].w, p["x"][1]["b"])),
}


@pytest.mark.parametrize("name", TREES)
def test_a_tree_keeps_its_class(name):
    tree, read = TREES[name]
    before = [np.copy(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves_of(tree)]

    def f(p):
        assert type(p) is type(tree)
        w, b = read(p)
        return F.sum(w * w * b)

    for given in (tree, flatten(tree)[1]([Variable(x) if isinstance(x, np.ndarray) else x for x in leaves_of(tree)])):
        value, gradient = value_and_grad(f)(given)
        assert type(gradient) is type(tree)
        got_w, got_b = (getattr(part, "data", part) for part in _of(gradient, name))
        np.testing.assert_allclose(got_w, 2 * W * B)
        np.testing.assert_allclose(got_b, W * W)
        constants = [leaf for leaf in leaves_of(gradient) if leaf is None]
        assert len(constants) == sum(not isinstance(leaf, np.ndarray) for leaf in leaves_of(tree))
        direction = gradient  # a gradient is a direction: None stands where a constant does
        _, tangent = jvp(f, (given,), (direction,))
        expected = np.sum((2 * W * B) ** 2) + np.sum((W * W) ** 2)
        np.testing.assert_allclose(getattr(tangent, "data", tangent), expected)
        (product,) = hvp(f, (given,), (direction,))
        assert type(product) is type(tree)
        assert type(vjp(f, given)[1](1.0)[0]) is type(tree)
        assert type(hessian(f)(given)) is type(tree)
        if not constants:
            assert type(jacobian(lambda p: p)(given)) is type(tree)
        assert float(np.sum(value.data if isinstance(value, Variable) else value)) == np.sum(W * W * B)
        checkpointed = grad(lambda p: checkpoint(f)(p) * 1.0)(given)
        np.testing.assert_allclose(getattr(_of(checkpointed, name)[0], "data", _of(checkpointed, name)[0]), 2 * W * B)
    for leaf, was in zip(leaves_of(tree), before, strict=True):
        np.testing.assert_array_equal(leaf, was)
    if isinstance(tree, dict):
        assert "missing" not in tree


def _of(gradient, name):
    if name == "nested":
        return gradient["x"][0].w, gradient["x"][1]["b"]
    if isinstance(gradient, list):
        return gradient[0], gradient[1]
    return (gradient["w"], gradient["b"]) if hasattr(gradient, "keys") else (gradient.w, gradient.b)


def test_constants_are_passed_on_and_have_no_gradient():
    tree = {"w": 2.0, "none": None, "text": "tanh", "count": 3, "flag": True, "f": np.sin, "numpy": np.int64(2)}

    def f(p):
        assert p["none"] is None
        assert (p["text"], p["count"], p["flag"], p["numpy"]) == ("tanh", 3, True, 2)
        return p["f"](p["w"]) * p["count"]

    got = grad(f)(tree)
    np.testing.assert_allclose(got.pop("w"), 3 * np.cos(2.0))
    assert got == dict.fromkeys(["none", "text", "count", "flag", "f", "numpy"])


@pytest.mark.parametrize(
    ("tree", "place"),
    [
        ({"a": 1.0, "layers": [1.0, Pair(np.array([1, 2]), 2.0)]}, r"p\['layers'\]\[1\]\.w is \(2,\) int"),
        (Plain(1.0, [2.0, np.array([True])]), r"p\.b\[1\] is \(1,\) bool"),
        ([1.0, Variable(np.array(3))], r"p\[1\] is \(\) int"),
        ((1.0, 2j), r"p\[1\] is complex"),
        ({"a": 1, "b": None}, r"p\['a'\] is int 1"),
        (3, "p is int 3"),
        (Linear(2, in_size=2), r"p is Linear(.|\n)*backward\(\)"),
        ([Linear(2, in_size=2)], r"p\[0\] is Linear(.|\n)*backward\(\)"),
    ],
)
def test_messages_name_the_place(tree, place):
    with pytest.raises(DtypeError, match=rf"floating point, and {place}"):
        grad(lambda q, p: q, 1)(1.0, tree)


def test_messages_name_the_place_in_results_and_directions():
    with pytest.raises(DtypeError, match=r"returned str 'text' \(result\['a'\]\[1\]\)"):
        jacobian(lambda x: {"a": [x, "text"]})(1.0)
    with pytest.raises(ShapeError, match=r"got \(2,\) at tangents\[0\]\['b'\], wanted \(\)"):
        jvp(lambda p: p["a"] * p["b"], ({"a": 1.0, "b": 2.0},), ({"a": 1.0, "b": W},))
    _, pull = vjp(lambda x: {"a": x, "b": x}, 1.0)
    with pytest.raises(ShapeError, match=r"got \(2,\) at cotangents\['b'\], wanted \(\)"):
        pull({"a": 1.0, "b": W})


def test_none_may_stand_beside_results():
    close = np.testing.assert_array_equal
    first, nothing = jacobian(lambda x: (x * x, None))(3.0)
    close(first, 6.0)
    value, pull = vjp(lambda x: {"a": x * x, "b": None}, 3.0)
    close(pull({"a": 2.0, "b": None})[0], 12.0)
    value, tangent = jvp(lambda x: [None, x * x], (3.0,), (1.0,))
    close(tangent[1], 6.0)
    assert nothing is value[0] is tangent[0] is None
    with pytest.raises(ShapeError, match="returned 2"):
        grad(lambda x: (x * x, None))(3.0)


def test_results_keep_their_classes():
    out = jacobian(lambda x: OrderedDict(a=Pair(x, x * x)))(np.array(3.0))
    assert type(out) is OrderedDict
    assert type(out["a"]) is Pair
    np.testing.assert_array_equal(out["a"].b, 6.0)
    value, _ = vjp(lambda x: Frozen(x, x * x), np.array(3.0))
    assert type(value) is Frozen
    got = checkpoint(lambda x: Frozen(x * 2.0, None))(Variable(W))
    assert type(got) is Frozen
    assert got.w.requires_grad


def test_the_way_to_build_a_tree_holds_no_leaves():
    class Thing:
        pass

    import weakref

    thing = Thing()
    alive = weakref.ref(thing)
    leaves, build = flatten({"a": [thing], "b": Pair(thing, Frozen(thing, 1))})
    del thing
    leaves.clear()
    assert alive() is None
    assert build([1, 2, 3, 4]) == {"a": [1], "b": Pair(2, Frozen(3, 4))}


def test_places():
    tree = {"a": [1, (2, 3)], "b": Pair(4, Plain(5, 6))}
    names = [place_of(tree, i, "t") for i in range(8)]
    assert [eval(name, {"t": tree}) for name in names] == list(leaves_of(tree))


def test_gradcheck_takes_trees():
    assert gradcheck(lambda p: p["w"] * p["b"], OrderedDict(w=W, b=B))
