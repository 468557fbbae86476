"""What a model trains and saves stays so: nothing takes the place of a parameter, buffer or layer in silence.

Also what a parameter answers that waits for its shape, and what plain data among the attributes costs.
"""

import copy
import math
import pickle
import time
from collections import OrderedDict, UserDict, UserList, defaultdict, deque
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import Parameter, Variable, initializers
from wengert import functions as F
from wengert.errors import DeclarationError, DtypeError, ShapeError, UnsizedError, WengertError
from wengert.layers import (
    BatchNorm,
    Buffer,
    Conv2d,
    ConvTranspose1d,
    Dropout,
    GroupNorm,
    Layer,
    LayerNorm,
    Linear,
    Sequential,
)
from wengert.layers import layer as house
from wengert.optimizers import SGD


def plain(*shape: int) -> Any:
    return np.ones(shape, np.float32)


OTHERS = {
    "an array": lambda p: np.zeros(p.shape, p.dtype),
    "a Variable": lambda p: Variable(np.zeros(p.shape, p.dtype)),
    "a constant": lambda p: Variable(np.zeros(p.shape, p.dtype), requires_grad=False),
    "a result": lambda p: p * 0.5,
    "a list": lambda p: p.data.tolist(),
    "a number": lambda p: 0.5,
}


@pytest.mark.parametrize("what", OTHERS)
@pytest.mark.parametrize("name", ["weight", "running_mean"])
def test_nothing_takes_the_place_of_a_parameter_or_buffer(name, what):
    layer = BatchNorm(3)
    before, kept = dict(layer.named_state()), getattr(layer, name)
    with pytest.raises(DeclarationError, match=f"BatchNorm.{name} is a .*neither trained nor saved"):
        setattr(layer, name, OTHERS[what](kept))
    assert dict(layer.named_state()) == before and getattr(layer, name) is kept


def test_the_ways_out_of_it_are_ways_out():
    layer = Linear(2, in_size=3)
    value = np.full((3, 2), 0.5, np.float32)
    layer.weight.data = value
    assert layer.weight.data is value and "weight" in dict(layer.named_parameters())
    layer.weight = Parameter(value * 2)
    assert [p.shape for p in layer.parameters()] == [(3, 2), (2,)]
    layer.weight = layer.weight
    layer.bias = None
    assert list(dict(layer.named_parameters())) == ["weight"]
    del layer.weight
    layer.weight = value
    assert not list(layer.parameters())
    layer = Linear(2, in_size=3)
    before = layer.weight.data.copy()
    with wengert.no_grad():
        layer.weight *= 0.5
    assert isinstance(layer.weight, Parameter) and np.array_equal(layer.weight.data, before * np.float32(0.5))


def test_a_layer_gives_its_place_to_layers_alone():
    model = Layer()
    model.head = Linear(2, in_size=3)
    for wrong in (np.tanh, plain(2), "head", 3, [np.tanh], {}):
        with pytest.raises(DeclarationError, match=r"Layer.head is a layer"):
            model.head = wrong
    model.head = Linear(1, in_size=3)
    model.head = [Linear(1, in_size=3)]
    model.head = None
    assert not list(model.parameters())


COLLECTIONS = {
    "list": lambda p: [p, p],
    "dict": lambda p: {"a": p},
    "nested": lambda p: {"a": [[p]]},
}


@pytest.mark.parametrize("kind", COLLECTIONS)
@pytest.mark.parametrize("other", ["same", "tuple", "array"])
def test_collections_of_parameters_are_looked_at_when_they_are_replaced(kind, other):
    layer = Layer()
    layer.weights = COLLECTIONS[kind](Parameter(plain(3)))

    def change(values: Any) -> Any:
        if isinstance(values, dict):
            return {key: change(value) for key, value in values.items()}
        if isinstance(values, list):
            inside = [change(value) for value in values]
            return tuple(inside) if other == "tuple" else np.stack(inside) if other == "array" else inside
        return values.data * 0.5

    with pytest.raises(DeclarationError, match=r"Layer.weights\S* is a parameter"):
        layer.weights = change(layer.weights)
    layer.weights = [Parameter(plain(2))]  # other parameters may take their place
    layer.weights = []


@pytest.mark.parametrize("new", [lambda p: p.data * 0.5, lambda p: Variable(p.data * 0.5)])
@pytest.mark.parametrize("key", [0, "a"])
def test_an_entry_that_is_lost_is_an_error_at_the_next_step(key, new):
    model = Layer()
    model.inner = Layer()
    model.inner.weights = {key: Parameter(plain(3))} if key else [Parameter(plain(3))]
    model.other = Parameter(plain(3))
    optimizer = SGD(0.1).setup(model)

    def step() -> None:
        model.cleargrads()
        F.sum(model.inner.weights[key] * model.other * 2.0).backward()
        optimizer.update()

    step()
    model.inner.weights[key] = new(model.inner.weights[key])
    with pytest.raises(DeclarationError, match=rf"inner.weights\[{key!r}\] was a parameter"):
        step()
    model.inner.weights[key] = Parameter(plain(3))
    step()
    model.inner.state = [plain(3)]
    step()  # an array that was none before is data


@pytest.mark.parametrize("kind", [Parameter, Buffer])
def test_data_is_an_array(kind):
    p = kind(plain(2))
    p.data = Variable(plain(2) * 2)
    assert type(p.data) is np.ndarray and p.data.tolist() == [2.0, 2.0]
    p.data = p.data - 0.5 * p
    assert type(p.data) is np.ndarray
    for wrong in ([1.0, 2.0], 1.0, None, "ab", object()):
        with pytest.raises(DtypeError, match="the data of a parameter is an array"):
            p.data = wrong
    p.data = np.float32(3)
    assert type(p.data) is np.ndarray and p.shape == ()
    if kind is Parameter:
        with pytest.raises(DtypeError, match="cannot have a gradient"):
            p.data = np.arange(2)
    else:
        p.data = np.arange(2)
    assert copy.deepcopy(p).data is not p.data and isinstance(pickle.loads(pickle.dumps(p)), kind)


def test_a_variable_whose_data_is_one_says_so():
    x = Variable(np.ones(2))
    x.data = x.data * Variable(np.ones(2))
    with pytest.raises(DtypeError, match="data of a Variable is itself a Variable"):
        x * 2


def test_stepping_by_hand_on_data_trains():
    wengert.seed(0)
    layer, x, losses = Linear(1, in_size=2), plain(4, 2), []
    for _ in range(5):
        loss = F.mean(layer(x) ** 2)
        layer.cleargrads()
        loss.backward()
        losses.append(loss.item())
        for p in layer.parameters():
            p.data = p.data - 0.05 * p.grad
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0] / 2


# What waits for its shape

ASKED = {
    "count": lambda p: sum(each.size for each in [p]),
    "math.prod": lambda p: math.prod(p.shape),
    "np.prod": lambda p: np.prod(p.shape),
    "nbytes": lambda p: p.data.nbytes,
    "np.size": np.size,
    "np.zeros": lambda p: np.zeros(p.shape),
    "randn": lambda p: np.random.randn(*p.shape),
    "fans": lambda p: (6 / (p.shape[0] + p.shape[1])) ** 0.5,
    "kaiming": lambda p: initializers.kaiming_normal(p.shape),
    "xavier": lambda p: initializers.xavier_uniform(p.shape),
    "orthogonal": lambda p: initializers.orthogonal(p.shape),
    "normal": lambda p: initializers.normal(p.shape),
    "eye": lambda p: initializers.eye(p.shape),
    "compare": lambda p: p.shape[0] > 3,
    "sum": lambda p: p.sum(),
    "np.sum": np.sum,
    "norm": np.linalg.norm,
    "operator": lambda p: p * 2.0,
    "reflected": lambda p: 2.0 - p,
    "matmul": lambda p: plain(4, 2) @ p,
    "item": lambda p: p.item(),
    "tolist": lambda p: p.tolist(),
    "len": len,
    "index": lambda p: p[0],
    "transpose": lambda p: p.T,
    "data": lambda p: p.data + 1,
    "data.mean": lambda p: p.data.mean(),
    "np of data": lambda p: np.sum(p.data),
    "array and data": lambda p: plain(3) * p.data,
    "data[0]": lambda p: p.data[0],
    "for": lambda p: list(p.data),
}


@pytest.mark.parametrize("asked", ASKED)
def test_what_waits_for_its_shape_says_which_call_is_missing(asked):
    with pytest.raises((UnsizedError, DtypeError), match="first call"):
        ASKED[asked](Linear(2).weight)


def test_what_waits_answers_what_it_knows():
    weight, bias = Linear(2).weight, Linear(2).bias
    assert weight.ndim == 2 and weight.dtype == np.float32 and weight.shape == (None, 2) and weight.shape[1] == 2
    assert str(weight) == "variable(unsized (?, 2) float32)" and weight.grad is None
    assert (bias.size, bias.shape, bias.data.nbytes) == (2, (2,), 8)
    assert repr(Conv2d(4, 3, groups=2)).startswith("Conv2d(? -> 4")
    for other in (copy.deepcopy(weight), pickle.loads(pickle.dumps(weight))):
        assert other.shape == (None, 2)
    with pytest.raises(ShapeError, match="does not fit the parameter, which waits"):
        Linear(2).weight.data = plain(3, 3)


EARLY = {
    "Linear": (lambda: Linear(2), (5, 3), {"weight": (3, 2), "bias": (2,)}),
    "Conv2d": (lambda: Conv2d(2, 3), (5, 4, 6, 6), {"weight": (2, 4, 3, 3), "bias": (2,)}),
    "ConvTranspose1d": (lambda: ConvTranspose1d(2, 3), (5, 4, 6), {"weight": (4, 2, 3), "bias": (2,)}),
    "BatchNorm": (lambda: BatchNorm(), (5, 3), dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (3,))),
    "GroupNorm": (lambda: GroupNorm(1), (5, 3), {"weight": (3,), "bias": (3,)}),
    "LayerNorm": (lambda: LayerNorm(), (5, 3), {"weight": (3,), "bias": (3,)}),
}


@pytest.mark.parametrize("kind", EARLY)
def test_one_of_a_layers_parameters_may_be_set_before_the_first_call(kind):
    make, shape, shapes = EARLY[kind]
    for name in shapes:
        layer = make()
        value = np.full(shapes[name], 0.25, np.float32)
        getattr(layer, name).data = value
        layer.eval()(plain(*shape))
        assert np.array_equal(getattr(layer, name).data, value)
        assert {path: each.shape for path, each in layer.named_state()} == shapes


# Plain data among the attributes

LARGE = {
    "words": lambda n: ["w"] * n,
    "dictionary": lambda n: dict.fromkeys(range(n), 1),
    "transitions": lambda n: [[0.0, 1] for _ in range(n)],
    "nested": lambda n: {"train": [(0.0, [1])] * n, "test": {"a": list(range(n))}},
    "set": lambda n: set(range(n)),
    "arrays": lambda n: [np.zeros(1)] * n,
}


@pytest.mark.parametrize("kind", LARGE)
def test_plain_data_costs_a_step_nothing(kind):
    model = Linear(2, in_size=3)
    model.data = LARGE[kind](50_000)
    list(model.parameters())  # looked through once
    best = math.inf
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(20):
            house.parameters_below(model)
        best = min(best, (time.perf_counter() - start) / 20)
    assert best < 2e-4  # looking through takes milliseconds


@pytest.mark.parametrize("kind", ["words", "dictionary", "transitions"])
def test_what_is_added_to_plain_data_is_found(kind):
    model = Layer()
    model.data = LARGE[kind](1000)
    assert not list(model.parameters())
    new = Parameter(plain(2))
    if kind == "dictionary":
        model.data["new"] = [new]
    else:
        model.data.append([new])
    assert list(model.parameters()) == [new]
    model.data = LARGE[kind](1000)
    assert not list(model.parameters())
    model.data = [*["w"] * 1000, new]
    assert list(model.parameters()) == [new]


def test_small_collections_are_always_looked_through():
    model = Layer()
    model.parts = {"encoder": ["w"] * 1000, "head": None}
    model.slots = [None] * 3
    assert not list(model.parameters())
    model.parts["head"] = Linear(1, in_size=1)
    model.slots[1] = Parameter(plain(1))
    assert len(list(model.parameters())) == 3
    again = copy.deepcopy(model)
    assert len(list(again.parameters())) == 3 and len(list(pickle.loads(pickle.dumps(again)).parameters())) == 3


# Modes


def test_a_model_has_a_mode_of_its_own():
    model = Sequential(Linear(3, in_size=3), Sequential(Dropout(0.5)))
    assert model.training and model.eval() is model
    assert not model.training and not model[1][0].training
    x = Variable(np.ones((4, 3), np.float32))
    assert np.array_equal(model(x).data, model(x).data) and np.array_equal(model[1](x).data, x.data)
    with wengert.test_mode():
        model[1].train()
        assert model[1].training and not np.array_equal(model(x).data, model(x).data)
    model.train(None)
    with wengert.test_mode():
        assert not model.training and np.array_equal(model(x).data, model(x).data)
    assert model.training
    with pytest.raises(wengert.errors.InputError, match="mode is True, False or None"):
        model.train(1)


def test_functions_called_by_a_model_follow_its_mode():
    class Net(Layer):
        def forward(self, x):
            return F.dropout(x, 0.5)

    net, x = Net().eval(), plain(50)
    assert np.array_equal(net(x).data, x)
    assert not np.array_equal(net.train()(x).data, x)
    with pytest.raises(wengert.errors.WengertError):
        net.eval()("no array")
    assert wengert.core.modes.current_config().train


def test_evaluating_goes_before_a_mode_of_ones_own():
    from wengert.training import Trainer

    model = Sequential(Linear(2, in_size=3), Dropout(0.5), BatchNorm(2)).train()
    batches = [(np.arange(12, dtype=np.float32).reshape(4, 3), plain(4, 2))]
    trainer = Trainer(model, SGD(0.0), F.mean_squared_error, batches)
    model(batches[0][0])
    before = model[2].running_mean.data.copy()
    assert trainer.evaluate(batches) == trainer.evaluate(batches)
    assert np.array_equal(model[2].running_mean.data, before)
    assert all(layer.training for _, layer in model.named_layers())


@pytest.mark.parametrize(
    "collection",
    [
        lambda layer: deque([layer]),
        lambda layer: deque([layer], maxlen=3),
        lambda layer: UserList([layer]),
        lambda layer: UserDict(a=layer),
        lambda layer: OrderedDict(a=[layer]),
        lambda layer: defaultdict(list, a=deque([UserDict(b=layer)])),
    ],
)
def test_collections_of_every_class_are_looked_through(collection):
    model = Layer()
    model.parts = collection(Linear(2, in_size=3))
    assert len(list(model.parameters())) == len(list(model.named_parameters())) == 2
    model.parts = type(model.parts)()
    assert not list(model.parameters())


@pytest.mark.parametrize("kind", [deque, UserList, UserDict])
def test_what_is_added_to_plain_data_of_other_classes_is_found(kind):
    model = Layer()
    numbers = range(1000)
    model.memory = UserDict.fromkeys(numbers) if kind is UserDict else kind(numbers)
    assert not list(model.parameters())
    for new in (3.0, Linear(2, in_size=3)):
        if kind is UserDict:
            model.memory[str(new)] = new
        else:
            model.memory.append(new)
        assert len(list(model.parameters())) == (0 if new == 3.0 else 2)


def test_parameters_and_layers_stand_where_they_are_looked_for():
    model = Layer()
    with pytest.raises(DeclarationError, match="array of Python objects"):
        model.parts = np.array([Linear(2, in_size=3), None], dtype=object)
    model.words = np.array(["a", None], dtype=object)
    for value in (Parameter(np.ones(3)), Buffer(np.ones(3)), Linear(2, in_size=3)):
        with pytest.raises(DeclarationError, match=r"(?s)Model.part belongs to the class.*self.part = "):
            type("Model", (Layer,), {"part": value})
    with pytest.raises(DeclarationError, match="__slots__"):
        type("Model", (Layer,), {"__slots__": ("part",)})
    type("Model", (Layer,), {"__slots__": (), "size": 3})


def test_layers_in_a_row_are_replaced_and_left_out():
    model = Sequential(Linear(4, in_size=3), Linear(2, in_size=4), Linear(1, in_size=2))
    optimizer = SGD(0.1).setup(model)
    head = model[1] = Linear(5, in_size=4)
    del model[2]
    before = head.weight.data.copy()
    (model(np.ones((4, 3), np.float32)) ** 2).sum().backward()
    optimizer.update()
    assert len(model) == 2 and (head.weight.data != before).any()
    with pytest.raises(DeclarationError, match="layer 0"):
        model[0] = np.ones(3)


@pytest.mark.parametrize("recording", [True, False])
@pytest.mark.parametrize(
    "write",
    [lambda w: w.fill(0), lambda w: w.__setitem__(..., 0), lambda w: np.copyto(w, 0), np.asarray, lambda w: w.sort()],
)
def test_writing_into_what_waits_says_which_call_is_missing(write, recording):
    with wengert.using_config("enable_backprop", recording), pytest.raises(WengertError, match="call the model once"):
        write(Linear(2).weight)
