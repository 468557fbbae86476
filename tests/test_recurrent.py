"""Recurrent layers and language models: what their parts have in common, and what they refuse."""

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import Variable, test_mode
from wengert import functions as F
from wengert.errors import InputError, ShapeError
from wengert.layers import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from wengert.models import GRULanguageModel, LSTMLanguageModel
from wengert.models.language import draw_next
from wengert.optimizers import Adam
from wengert.testing import gradcheck

NETWORKS = [RNN, LSTM, GRU]
CELLS = [RNNCell, LSTMCell, GRUCell]


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def parts(state: Any) -> tuple[Any, ...]:
    return state if isinstance(state, tuple) else (state,)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("both_ways", [False, True])
def test_second_derivatives_through_layers(network: Any, both_ways: bool) -> None:
    layer = network(2, in_size=2, num_layers=2, bidirectional=both_ways, dtype=np.float64)

    def run(x: Any) -> Any:
        out, state = layer(x, lengths=np.array([3, 1]))
        return [out, *parts(state)]

    assert gradcheck(run, normal(3, 2, 2))


@pytest.mark.parametrize("network", NETWORKS)
def test_third_order(network: Any) -> None:
    weights = {RNN: 1, LSTM: 4, GRU: 3}[network]
    function = {RNN: F.rnn, LSTM: F.lstm, GRU: F.gru}[network]
    states = [normal(1, 1, seed=1)] * (2 if network is LSTM else 1)
    assert gradcheck(function, normal(2, 1, 1), *states, normal(1, weights), normal(1, weights, seed=2), order=3)


@pytest.mark.parametrize("function", [F.rnn, F.gru])
def test_one_value_in_two_places(function: Any) -> None:
    gates = 1 if function is F.rnn else 3
    bias = normal(gates * 2)

    def run(h: Any, b: Any) -> Any:  # the state is also the only step, and both biases are one
        return function(F.expand_dims(h), h, normal(2, gates * 2, seed=1), normal(2, gates * 2, seed=2), b, b)

    assert gradcheck(run, normal(2, 2, seed=3), bias)


@pytest.mark.parametrize("function", [F.rnn, F.gru])
def test_two_biases_get_gradients_of_their_own(function: Any) -> None:
    gates = 1 if function is F.rnn else 3
    x, w, u = normal(2, 1, 2), normal(2, gates * 2), normal(2, gates * 2)
    b, d = Variable(np.zeros(gates * 2)), Variable(np.zeros(gates * 2))
    function(x, None, w, u, b, d)[0].backward()
    before = d.grad.data.copy()
    b.grad.data += 1
    np.testing.assert_array_equal(d.grad.data, before)


@pytest.mark.parametrize("function", [F.rnn, F.lstm, F.gru])
def test_only_what_is_wanted(function: Any) -> None:
    gates, states = {F.rnn: (1, 1), F.lstm: (4, 2), F.gru: (3, 1)}[function]
    args = [normal(3, 2, 2), *[normal(2, 2)] * states, normal(2, gates * 2), normal(2, gates * 2)]
    args += [normal(gates * 2), normal(gates * 2)]
    everything = [Variable(a) for a in args]
    function(*everything)[0].backward()
    for i, a in enumerate(args):
        alone = Variable(a)
        function(*args[:i], alone, *args[i + 1 :])[0].backward()
        np.testing.assert_allclose(alone.grad.data, everything[i].grad.data, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("function", [F.rnn, F.lstm, F.gru])
def test_only_one_result_used(function: Any) -> None:
    gates, states = {F.rnn: (1, 1), F.lstm: (4, 2), F.gru: (3, 1)}[function]
    args = [normal(3, 2, 2), *[normal(2, 2)] * states, normal(2, gates * 2), normal(2, gates * 2)]
    for which in range(1 + states):
        assert gradcheck(lambda *xs, which=which: function(*xs)[which], *args)


@pytest.mark.parametrize("network", NETWORKS)
def test_sequence_in_pieces(network: Any) -> None:
    layer, x = network(3, in_size=2, num_layers=2), normal(6, 2, 2).astype(np.float32)
    whole, last = layer(x)
    first, state = layer(x[:4])
    second, end = layer(x[4:], state)
    np.testing.assert_allclose(np.concatenate([first.data, second.data]), whole.data, rtol=1e-5, atol=1e-6)
    for a, b in zip(parts(end), parts(last), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", CELLS)
def test_cells_take_the_steps_of_sequences(kind: Any) -> None:
    cell, x = kind(3, in_size=2), normal(4, 2, 2).astype(np.float32)
    out, *last = cell.sequence(x)
    state = None
    for t in range(4):
        state = cell(x[t], state)
        np.testing.assert_allclose(parts(state)[0].data, out.data[t], rtol=1e-5, atol=1e-6)
    for a, b in zip(parts(state), last, strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("network", NETWORKS)
def test_what_lies_past_the_end_does_not_matter(network: Any) -> None:
    layer = network(3, in_size=2, num_layers=2, bidirectional=True, batch_first=True)
    x = normal(2, 5, 2).astype(np.float32)
    other = x.copy()
    other[1, 2:] = 100
    lengths = np.array([5, 2])
    (a, state_a), (b, state_b) = layer(x, lengths=lengths), layer(other, lengths=lengths)
    np.testing.assert_array_equal(a.data, b.data)
    assert not a.data[1, 2:].any()
    for p, q in zip(parts(state_a), parts(state_b), strict=True):
        np.testing.assert_array_equal(p.data, q.data)
    alone, state = layer(x[1:, :2])
    np.testing.assert_allclose(a.data[1:, :2], alone.data, rtol=1e-5, atol=1e-6)
    for p, q in zip(parts(state_a), parts(state), strict=True):
        np.testing.assert_allclose(p.data[:, 1:], q.data, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("network", NETWORKS)
def test_float32_is_kept(network: Any) -> None:
    layer = network(3, num_layers=2, bidirectional=True)
    x = Variable(normal(4, 2, 2).astype(np.float32))
    out, state = layer(x, lengths=np.array([4, 3]))
    (out * out).sum().backward()
    assert {v.dtype for v in (out, *parts(state), x.grad)} == {np.dtype(np.float32)}
    assert {p.grad.dtype for p in layer.parameters()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("network", NETWORKS)
def test_dropout_stands_between_layers_and_only_in_training(network: Any) -> None:
    layer, x = network(50, in_size=2, num_layers=2, dropout=0.5), normal(2, 1, 2).astype(np.float32)
    wengert.seed(1)
    a = layer(x)[0]
    b = layer(x)[0]
    assert (a.data != b.data).any() and a.data.all()  # the last layer's own outputs are not dropped
    with test_mode():
        np.testing.assert_array_equal(layer(x)[0].data, layer(x)[0].data)
    single = network(5, in_size=2, dropout=0.5)
    np.testing.assert_array_equal(single(x)[0].data, single(x)[0].data)


def test_the_last_state_does_not_keep_the_sequence() -> None:
    out, h, c = F.lstm(normal(50, 2, 2), None, None, normal(2, 12), normal(3, 12))
    whole = weakref.ref(out.data.base if out.data.base is not None else out.data)
    del out
    gc.collect()
    assert whole() is None and h.shape == c.shape == (2, 3)


@pytest.mark.parametrize("network", NETWORKS)
def test_layers_can_be_copied_and_pickled(network: Any) -> None:
    layer = network(3)
    x = normal(4, 2, 2).astype(np.float32)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        twin(x)
    out = layer(x)[0]
    np.testing.assert_array_equal(copy.deepcopy(layer)(x)[0].data, out.data)


def test_what_is_refused() -> None:
    x = normal(4, 2, 3).astype(np.float32)
    with pytest.raises(InputError, match="hidden_size is a whole number"):
        LSTM(0)
    with pytest.raises(InputError, match="dropout is a share"):
        GRU(3, dropout=1.0)
    with pytest.raises(InputError, match="'sin'"):
        RNN(3, nonlinearity="sin")
    with pytest.raises(TypeError):
        LSTM(3, nonlinearity="tanh")  # type: ignore[call-arg]
    with pytest.raises(ShapeError, match=r"\(batch, time, in\)"):
        GRU(3, batch_first=True)(x[0, 0])
    with pytest.raises(InputError, match="lengths are those of a batch"):
        GRU(3)(x[0], lengths=np.array([2]))
    with pytest.raises(InputError, match="a pair"):
        LSTM(3)(x, np.zeros((1, 2, 3), np.float32))
    with pytest.raises(ShapeError, match=r"it must be \(2, 2, 3\) here"):
        GRU(3, num_layers=2)(x, np.zeros((1, 2, 3), np.float32))
    with pytest.raises(ShapeError, match="x has 3 features"):
        GRU(3, in_size=5)(x)
    with pytest.raises(ShapeError, match="one step"):
        GRUCell(3)(x)


@pytest.mark.parametrize("kind", [LSTMLanguageModel, GRULanguageModel])
@pytest.mark.parametrize("tied", [False, True])
def test_language_models_learn(kind: Any, tied: bool) -> None:
    text = (np.arange(12) + np.arange(6)[:, None]) % 6
    model = kind(6, 16, num_layers=2, tied=tied)
    optimizer = Adam(0.02).setup(model)
    losses = []
    for _ in range(60):
        scores, _ = model(text[:, :-1])
        loss = F.softmax_cross_entropy(scores, text[:, 1:])
        model.cleargrads()
        loss.backward()
        optimizer.update()
        losses.append(loss.item())
    assert losses[-1] < 0.1 < 1 < losses[0]
    np.testing.assert_array_equal(model.generate(np.array([3, 4]), 5, temperature=0), [3, 4, 5, 0, 1, 2, 3])


def test_language_models_generate_the_same_from_the_same_seed() -> None:
    model = LSTMLanguageModel(20, 8)
    drawn = []
    for seed in (3, 3, 4):
        wengert.seed(seed)
        drawn.append(model.generate(np.array([[1, 2], [3, 4]]), 12, temperature=1.5, top_k=10))
    assert drawn[0].shape == (2, 14) and (drawn[0][:, :2] == [[1, 2], [3, 4]]).all()
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()


def test_draws_have_the_probabilities_they_should() -> None:
    scores = np.log(np.array([0.1, 0.2, 0.3, 0.4]))
    rows = np.tile(scores, (20000, 1))
    shares = np.bincount(draw_next(rows), minlength=4) / 20000
    np.testing.assert_allclose(shares, [0.1, 0.2, 0.3, 0.4], atol=0.015)
    shares = np.bincount(draw_next(rows, temperature=0.5, top_k=2), minlength=4) / 20000
    np.testing.assert_allclose(shares, [0, 0, 9 / 25, 16 / 25], atol=0.015)
    for options in ({"temperature": -1.0}, {"top_k": 0}):
        with pytest.raises(InputError):
            draw_next(rows, **options)
