"""Names of other libraries are answered with what they are called here, and what is advised works."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import wengert
from wengert import Variable, functions, layers, optimizers
from wengert.errors import InputError, ShapeError
from wengert.migration import ARGUMENTS, NAMES

THINGS = {
    "Variable": lambda: Variable(np.array([[1.0, 2.0], [3.0, 4.0]])),
    "Layer": lambda: layers.Linear(3, in_size=2),
    "Optimizer": lambda: optimizers.Adam(),
    "wengert.functions": lambda: functions,
    "wengert.layers": lambda: layers,
    "wengert.optimizers": lambda: optimizers,
}
ROWS = [pytest.param(kind, name, id=f"{kind}.{name}") for kind, rows in NAMES.items() for name in rows]


@pytest.mark.parametrize(("kind", "name"), ROWS)
def test_each_name_is_answered(kind, name):
    thing = THINGS[kind]()
    with pytest.raises(AttributeError) as caught:
        getattr(thing, name)
    assert NAMES[kind][name] in str(caught.value) and "Fix" in str(caught.value)
    assert not hasattr(thing, name)


def code_in(fix):
    try:
        compile(fix, "fix", "exec")
    except SyntaxError:
        return None
    return fix


@pytest.mark.parametrize(("kind", "name"), ROWS)
def test_what_is_advised_works(kind, name):
    fix = NAMES[kind][name]
    code = code_in(fix) or code_in(fix.partition(",")[0]) or code_in(fix.partition(" (")[0])
    model = layers.Linear(3, in_size=2)
    optimizer = optimizers.Adam(lr=0.1).setup(model)
    x = Variable(np.array([[1.0, 2.0], [3.0, 4.0]])) * 1.0
    (model(np.ones((1, 2), np.float32)) ** 2).sum().backward()
    y, z = x.copy(), x.copy()
    here = {
        "x": x, "y": y, "z": z, "np": np, "wengert": wengert, "model": model, "optimizer": optimizer, "shape": (2, 2, 2),
        "axes": (1, 0), "axis": 0, "value": 2.0, "mask": x.data > 1, "index": np.array([[0, 1]]), "parts": 2, "k": 1,
        "dtype": np.float32, "state": optimizer.state(), "labels": np.array([0, 1]), "classes": 2, "weight": x,
        "loss": (x * x).sum(),
    }  # fmt: skip
    if kind.startswith("wengert."):
        here |= vars(THINGS[kind]())
    if name == "view":
        here["shape"] = (4, 1)
    if code is None or any(word in code for word in ("path", "self", "=...", "Trainer")):
        pytest.skip("words, or a file")
    with wengert.no_grad() if "no_grad" in fix else wengert.using_config("train", True):
        if "no_grad" in fix:
            here["x"] = Variable(np.ones((2, 2)))
        exec(code, here)


def test_arguments():
    for make, words in [
        (lambda: layers.Linear(784, 10)(np.ones((2, 784), np.float32)), "Linear(10, in_size=784)"),
        (lambda: layers.Linear(784, 10, False), "in_size"),
        (lambda: layers.Conv2d(3, 16, 5), "Conv2d(16, 5, in_channels=3)"),
        (lambda: layers.Conv1d(3, 16, 5), "Conv1d(16, 5, in_channels=3)"),
        (lambda: layers.LSTM(10, 20), "LSTM(20, in_size=10)"),
        (lambda: layers.Linear(in_features=784, out_features=10), "in_size"),
        (lambda: optimizers.Adam(betas=(0.9, 0.99)), "beta1 and beta2"),
        (lambda: optimizers.Adam(layers.Linear(3).parameters()), "Adam(lr=...).setup(model)"),
        (lambda: optimizers.SGD(layers.Linear(3), 0.1), "SGD(lr=...).setup(model)"),
        (lambda: optimizers.SGD([{"params": []}]), "SGD(lr=...).setup(model)"),
        (lambda: optimizers.SGD(0.1, momentum=0.9), "Momentum(lr, momentum)"),
    ]:
        with pytest.raises((TypeError, InputError, ShapeError)) as caught:
            make()
        assert words in str(caught.value) and "Fix" in str(caught.value)
    layers.Linear(10, in_size=784)
    layers.Conv2d(16, 5, in_channels=3)


@pytest.mark.parametrize("module", [layers, optimizers])
def test_what_arguments_are_called_is_what_they_are_called(module):
    """No name of the table is taken by the class that it would be asked of under another meaning."""
    taken = set()
    for name in module.__all__:
        kind = getattr(module, name)
        if inspect.isclass(kind):
            taken |= set(inspect.signature(kind).parameters)
    for fix in ARGUMENTS.values():
        first = fix.partition(" ")[0]
        if first.isidentifier() and module is layers and first.islower() and first not in ("the", "lr", "beta1"):
            assert first in taken, fix


def test_what_is_asked_by_python_itself():
    for thing in (THINGS["Variable"](), THINGS["Layer"](), THINGS["Optimizer"]()):
        twin = copy.deepcopy(thing)
        assert type(twin) is type(thing)
        with pytest.raises(AttributeError, match="no_such_name"):
            thing.no_such_name  # noqa: B018
    assert pickle.loads(pickle.dumps(THINGS["Variable"]())).shape == (2, 2)
