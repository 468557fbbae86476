"""Layers and models: what is found in them, how they get their sizes, and what their errors say."""

import copy
import pickle
import sys
from typing import Any

import numpy as np
import pytest

from wengert import Parameter, Variable, no_grad, random, test_mode
from wengert import functions as F
from wengert.errors import DeclarationError, DtypeError, InputError, ShapeError
from wengert.layers import AlphaDropout, Dropout, Embedding, Layer, Linear, Sequential, Unsized
from wengert.layers.layer import parameters_below
from wengert.models import MLP, Model


def parameter(*shape: int) -> Parameter:
    return Parameter(np.zeros(shape))


def paths(layer: Layer) -> list[str]:
    return [path for path, _ in layer.named_parameters()]


# What is found


class Nested(Layer):
    def __init__(self) -> None:  # without super().__init__(), which need not be called
        self.size = 3
        self.first = parameter(1)
        self.inner = Linear(2, in_size=3)
        self.nothing = None
        self.many = [Linear(1, in_size=1, bias=False), (parameter(2), {"key": parameter(3)})]
        self.last = parameter(4)


def test_parameters_are_found_in_order_of_assignment() -> None:
    assert paths(Nested()) == [
        "first",
        "inner.weight",
        "inner.bias",
        "many.0.weight",
        "many.1.0",
        "many.1.1.key",
        "last",
    ]
    layer = Nested()
    assert [p for _, p in layer.named_parameters()] == list(layer.parameters()) == list(layer.params())


def test_layers_are_found_with_their_paths() -> None:
    assert [path for path, _ in Nested().named_layers()] == ["", "inner", "many.0"]


def test_what_is_shared_is_found_once() -> None:
    layer = Layer()
    layer.a = layer.b = parameter(1)
    layer.c = layer.d = Linear(2, in_size=3)
    layer.e = Layer()
    layer.e.weight = layer.a
    assert paths(layer) == ["a", "c.weight", "c.bias"]
    assert len(list(layer.parameters())) == 3


def test_layers_that_hold_each_other_are_found_once() -> None:
    outer, inner = Layer(), Layer()
    outer.inner, inner.outer, inner.weight = inner, outer, parameter(1)
    outer.more = [outer, inner]
    outer.more.append(outer.more)
    assert paths(outer) == ["inner.weight"]


def test_attributes_may_be_set_again() -> None:
    layer = Nested()
    layer.first = None
    assert "first" not in paths(layer)
    layer.first = parameter(9)
    assert paths(layer)[0] == "first"
    del layer.inner
    layer.inner = parameter(1)
    assert paths(layer)[-1] == "inner"


def test_layers_appended_later_are_found() -> None:
    layer = Layer()
    layer.layers = []
    assert paths(layer) == []
    layer.layers.append(Linear(1, in_size=1))
    assert paths(layer) == ["layers.0.weight", "layers.0.bias"]


def test_methods_are_not_disturbed_by_attributes_of_their_names() -> None:
    layer = Layer()
    layer.parameters = [parameter(1)]
    layer.layers = [Linear(1, in_size=1)]
    assert paths(layer) == ["parameters.0", "layers.0.weight", "layers.0.bias"]
    layer.cleargrads()


def test_a_set_of_parameters_is_refused() -> None:
    layer = Layer()
    layer.loose = {parameter(1)}
    with pytest.raises(DeclarationError, match="loose is a set"):
        paths(layer)
    with pytest.raises(DeclarationError, match="a set has no order"):
        layer.parameters()
    layer.loose = {1, 2}
    assert paths(layer) == []


def test_plain_variables_are_not_parameters() -> None:
    layer = Layer()
    layer.state = Variable(np.zeros(2))
    assert paths(layer) == []


def test_cleargrads() -> None:
    layer = Linear(2, in_size=3)
    layer(np.ones((1, 3), np.float32)).sum().backward()
    assert layer.weight.grad is not None
    layer.cleargrads()
    assert layer.weight.grad is None and layer.bias.grad is None


# Calls


class Branch(Layer):
    def forward(self, x: Any, *, factor: float = 1.0, both: bool = False) -> Any:
        return (x * factor, x) if both else x * factor


def test_forward_takes_keywords_and_returns_what_it_likes() -> None:
    x = Variable(np.ones(2))
    assert Branch()(x, factor=3.0).data.tolist() == [3.0, 3.0]
    assert Branch()(x, both=True)[1] is x


def test_forward_must_be_written() -> None:
    with pytest.raises(NotImplementedError, match=r"Layer\.forward is not written"):
        Layer()(1)


def test_a_call_costs_two_frames() -> None:
    seen = []
    layer = Branch()
    x = np.ones(2)

    def count(frame: Any, event: str, _: Any) -> None:
        if event == "call":
            seen.append(frame.f_code.co_name)

    sys.setprofile(count)
    try:
        layer(x)
    finally:
        sys.setprofile(None)
    assert seen == ["__call__", "forward"]


def notes(error: pytest.ExceptionInfo[BaseException]) -> list[str]:
    return getattr(error.value, "__notes__", [])


def test_errors_say_in_which_layer() -> None:
    model = MLP((4, 3))
    model.layers[1] = Linear(3, in_size=9)
    with pytest.raises(ShapeError) as error:
        model(np.ones((2, 5), np.float32))
    assert notes(error) == ["in MLP.layers.1 (Linear)"]


def test_errors_from_elsewhere_say_it_too() -> None:
    class Broken(Layer):
        def forward(self, x: Any) -> Any:
            raise KeyError("x")

    model = Sequential(Sequential(F.relu, Broken()))
    with pytest.raises(KeyError) as error:
        model(np.ones(2))
    assert notes(error) == ["in Sequential.layers.0.layers.1 (Broken)"]


def test_errors_in_a_layer_made_during_the_call() -> None:
    class Makes(Layer):
        def forward(self, x: Any) -> Any:
            return Linear(2, in_size=3)(x)

    with pytest.raises(ShapeError) as error:
        Makes()(np.ones((1, 7), np.float32))
    assert notes(error)[-1] == "in Makes"


def test_an_error_caught_and_raised_again_keeps_its_notes() -> None:
    error = ValueError("mine")
    error.add_note("first")

    class Raises(Layer):
        def forward(self, x: Any) -> Any:
            raise error

    layer = Raises()
    for _ in range(2):
        with pytest.raises(ValueError, match="mine"):
            layer(1)
    assert error.__notes__ == ["first", "in Raises"]


# Linear


def test_linear_is_what_it_says() -> None:
    layer = Linear(2, in_size=3, dtype=np.float64)
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(layer(x).data, x @ layer.weight.data + layer.bias.data)
    assert layer.weight.shape == (3, 2) and layer.bias.data.tolist() == [0.0, 0.0]
    assert paths(Linear(2, in_size=3, bias=False)) == ["weight"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("in_size", [None, 3])
def test_linear_keeps_its_dtype(dtype: Any, in_size: int | None) -> None:
    layer = Linear(2, in_size=in_size, dtype=dtype)
    y = layer(np.ones((4, 3), dtype))
    y.sum().backward()
    assert y.dtype == layer.weight.dtype == layer.bias.dtype == layer.weight.grad.dtype == dtype


def test_linear_begins_with_variance_one_over_in_size() -> None:
    random.seed(0)
    layer = Linear(300, in_size=500)
    assert abs(float(layer.weight.data.std()) * 500**0.5 - 1) < 0.01
    assert abs(float(layer.weight.data.mean())) < 1e-3


def test_weights_are_drawn_from_wengerts_generator() -> None:
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    drawn = []
    for _ in range(2):
        random.seed(7)
        drawn.append([p.data for p in MLP((3, 2), in_size=4).parameters()])
    for a, b in zip(*drawn, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_size_is_taken_from_the_first_call() -> None:
    layer = Linear(3)
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight.data, Unsized)
    assert weight.shape == (None, 3) and weight.dtype == np.float32
    assert layer(Variable(np.ones((5, 2), np.float32))).shape == (5, 3)
    assert layer.weight is weight and layer.bias is bias and weight.shape == (2, 3)
    with pytest.raises(ShapeError):
        layer(np.ones((5, 4), np.float32))


def test_what_waits_for_its_size_can_be_frozen() -> None:
    model = Sequential(Linear(3), Linear(2))
    for each in parameters_below(model[0]):
        each.requires_grad = False
    model(np.ones((5, 4), np.float32)).sum().backward()
    assert model[0].weight.grad is None and model[1].weight.grad is not None


def test_size_of_first_input_must_be_known() -> None:
    with pytest.raises(DtypeError, match="at least one axis"):
        Linear(3)(np.float32(1.0))
    with pytest.raises(DtypeError, match="at least one axis"):
        Linear(3)([1.0])
    with pytest.raises(InputError, match=r"\(0, 3\)"):
        Linear(3)(np.ones((5, 0), np.float32))


def test_a_failed_first_call_leaves_the_layer_as_it_was() -> None:
    layer = Linear(3)
    with pytest.raises(InputError):
        layer(np.ones((5, 0), np.float32))
    assert layer(np.ones((5, 2), np.float32)).shape == (5, 3)


def test_size_in_jax() -> None:
    jnp = pytest.importorskip("jax.numpy")
    layer = Linear(3)
    y = layer(jnp.ones((5, 2), jnp.float32))
    assert type(y.data) is type(jnp.ones(1)) and y.dtype == jnp.float32
    y.sum().backward()
    assert layer.weight.grad.shape == (2, 3)


@pytest.mark.parametrize("size", [0, -1, 2.0, True, "3", None])
def test_sizes_are_checked(size: Any) -> None:
    with pytest.raises(InputError, match="out_size is a whole number from 1 on"):
        Linear(size)
    if size is not None:
        with pytest.raises(InputError, match="in_size is a whole number from 1 on"):
            Linear(2, in_size=size)
    with pytest.raises(InputError, match="count is a whole number"):
        Embedding(size, 2)


@pytest.mark.parametrize("dtype", [int, "no such type", np.complex64, object])
def test_dtypes_are_checked(dtype: Any) -> None:
    with pytest.raises(DtypeError, match="floating-point type"):
        Linear(2, dtype=dtype)


def test_numpy_sizes_are_sizes() -> None:
    assert Linear(np.int64(2), in_size=np.int32(3)).weight.shape == (3, 2)


# The others


def test_embedding() -> None:
    layer = Embedding(5, 2)
    x = np.array([[0, 4], [4, 4]])
    y = layer(x)
    np.testing.assert_array_equal(y.data, layer.weight.data[x])
    assert y.dtype == np.float32
    y.sum().backward()
    assert layer.weight.grad.data[:, 0].tolist() == [1, 0, 0, 0, 3]


def test_dropout() -> None:
    layer = Dropout(0.25)
    x = np.ones(10_000, np.float32)
    y = layer(x)
    assert set(np.unique(y.data)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs(float((y.data == 0).mean()) - 0.25) < 0.02
    with test_mode():
        np.testing.assert_array_equal(layer(x).data, x)
    for ratio in (1.0, 1.5, -1, float("nan")):
        with pytest.raises(InputError, match="ratio is a share"):
            Dropout(ratio)


def test_alpha_dropout_leaves_mean_and_variance() -> None:
    layer = AlphaDropout(0.3)
    x = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    y = layer(x)
    assert y.dtype == np.float32
    assert abs(float(y.data.mean())) < 0.02 and abs(float(y.data.var()) - 1) < 0.02
    counts = np.unique(y.data, return_counts=True)[1]
    assert abs(counts.max() / y.size - 0.3) < 0.01  # those that have become the least that selu gives
    with test_mode():
        np.testing.assert_array_equal(layer(x).data, x)
    with pytest.raises(InputError, match="ratio is a share"):
        AlphaDropout(1.0)


def test_sequential() -> None:
    model = Sequential(Linear(3, in_size=2), F.relu, lambda x: x * 2.0)
    model.append(Linear(1, in_size=3))
    assert model(np.ones((4, 2), np.float32)).shape == (4, 1)
    assert len(model) == 4 and len(model[1:3]) == 2 and list(model)[0] is model[0]
    assert paths(model) == ["layers.0.weight", "layers.0.bias", "layers.3.weight", "layers.3.bias"]
    assert Sequential()(5) == 5
    with pytest.raises(DeclarationError, match="layer 1 is the class Dropout"):
        Sequential(F.relu, Dropout)
    with pytest.raises(DeclarationError, match="layer 0 is int 3"):
        Sequential(3)


def test_mlp() -> None:
    model = MLP((5, 4, 3), F.relu)
    assert model(np.ones((2, 7), np.float32)).shape == (2, 3)
    assert [layer.weight.shape for layer in model.layers] == [(7, 5), (5, 4), (4, 3)]
    assert [layer.weight.shape for layer in MLP([5, 4], in_size=7).layers] == [(7, 5), (5, 4)]
    x = np.ones((2, 7), np.float32)
    a, b, c = model.layers
    np.testing.assert_array_equal(model(x).data, c(F.relu(b(F.relu(a(x))))).data)
    for sizes in ((), 3, "10", {3}):
        with pytest.raises(InputError, match="MLP: sizes is a sequence"):
            MLP(sizes)
    with pytest.raises(InputError, match="out_size"):
        MLP((3, 0))
    with pytest.raises(DeclarationError, match="the activation is"):
        MLP((3, 2), "relu")


def test_repr_shows_the_tree() -> None:
    model = MLP((10, 3))
    assert repr(model).splitlines() == [
        "MLP(sigmoid)  parameters made at the first call",
        "  layers.0  Linear(? -> 10)  parameters made at the first call",
        "  layers.1  Linear(? -> 3)   parameters made at the first call",
    ]
    with no_grad():
        model(np.ones((1, 2), np.float32))
    model.layers.append(Dropout(0.5))
    assert repr(model).splitlines() == [
        "MLP(sigmoid)  63 parameters",
        "  layers.0  Linear(2 -> 10)  30 parameters",
        "  layers.1  Linear(10 -> 3)  33 parameters",
        "  layers.2  Dropout(0.5)",
    ]
    assert repr(Model()) == "Model"
    assert repr(Linear(1, in_size=1, bias=False)) == "Linear(1 -> 1, bias=False)  1 parameter"


def test_models_are_copied_and_pickled_before_and_after_a_call() -> None:
    x = np.ones((2, 3), np.float32)
    model = Sequential(Linear(4), F.relu, Linear(2))
    for _ in range(2):
        for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert paths(twin) == paths(model)
            assert twin[0].weight is not model[0].weight
            assert twin(x).shape == (2, 2)
        model(x).sum().backward()
    np.testing.assert_array_equal(copy.deepcopy(model)(x).data, model(x).data)
