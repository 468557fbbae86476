"""Recurrent layers beside PyTorch's, with its weights, over options drawn at random, in float64."""

from typing import Any

import numpy as np
import pytest

from wengert import Variable, layers

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -e .[parity]")

KINDS = ["RNN", "LSTM", "GRU"]


def close(ours: Any, theirs: Any, label: str) -> None:
    ours = ours.data if isinstance(ours, Variable) else ours
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-10, atol=1e-12, err_msg=label)


def pairs(cell: Any, theirs: Any, suffix: str) -> list[tuple[Any, Any]]:
    """Our parameters of a cell, each with its own in PyTorch."""
    names = ["weight_ih", "weight_hh"] + (["bias_ih", "bias_hh"] if cell.bias_ih is not None else [])
    return [(getattr(cell, name), getattr(theirs, name + suffix)) for name in names]


def take_weights(both: list[tuple[Any, Any]]) -> None:
    for ours, theirs in both:
        ours.data = np.ascontiguousarray(theirs.detach().numpy().T)


def check_gradients(both: list[tuple[Any, Any]]) -> None:
    for ours, theirs in both:
        close(ours.grad, theirs.grad.t(), f"a parameter of shape {ours.shape}")


def compare(outs: Any, their_outs: Any, rng: Any) -> None:
    """Values, and a way back from all of them, weighted at random."""
    total, their_total = 0.0, 0.0
    for a, b in zip(outs, their_outs, strict=True):
        close(a, b, "forward")
        assert a.shape == tuple(b.shape)
        weights = rng.normal(size=a.shape)
        total = total + (a * weights).sum()
        their_total = their_total + (b * torch.tensor(weights)).sum()
    total.backward()
    their_total.backward()


def tensor(variable: Variable) -> Any:
    return torch.tensor(variable.data, requires_grad=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trial", range(12))
def test_sequences(kind: str, trial: int) -> None:
    rng = np.random.default_rng((trial, len(kind), ord(kind[0])))
    in_size, hidden, count, steps = (int(n) for n in rng.integers(1, 7, 4))
    layer_count = int(rng.integers(1, 4))
    both_ways, batch_first, bias, with_state, with_lengths = (bool(b) for b in rng.integers(0, 2, 5))
    options: dict[str, Any] = {"bias": bias, "batch_first": batch_first, "bidirectional": both_ways}
    if kind == "RNN":
        options["nonlinearity"] = str(rng.choice(["tanh", "relu"]))
    ours = getattr(layers, kind)(hidden, in_size=in_size, num_layers=layer_count, dtype=np.float64, **options)
    theirs = getattr(torch.nn, kind)(in_size, hidden, layer_count, dtype=torch.float64, **options)
    both = [
        pair
        for i, cells in enumerate(ours.layers)
        for cell, suffix in zip(cells, ("", "_reverse"), strict=False)
        for pair in pairs(cell, theirs, f"_l{i}{suffix}")
    ]
    take_weights(both)

    x = Variable(rng.normal(size=(count, steps, in_size) if batch_first else (steps, count, in_size)))
    tx = tensor(x)
    rows = layer_count * (2 if both_ways else 1)
    states = [Variable(rng.normal(size=(rows, count, hidden))) for _ in range(2 if kind == "LSTM" else 1)]
    their_states = [tensor(state) for state in states]
    state = (tuple(states) if kind == "LSTM" else states[0]) if with_state else None
    their_state = (tuple(their_states) if kind == "LSTM" else their_states[0]) if with_state else None

    if with_lengths:
        lengths = rng.integers(1, steps + 1, count)
        lengths[rng.integers(count)] = steps
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            tx, torch.tensor(lengths), batch_first=batch_first, enforce_sorted=False
        )
        packed_out, their_last = theirs(packed, their_state)
        their_out, _ = torch.nn.utils.rnn.pad_packed_sequence(packed_out, batch_first=batch_first)
        out, last = ours(x, state, lengths=lengths)
    else:
        their_out, their_last = theirs(tx, their_state)
        out, last = ours(x, state)

    outs = [out, *(last if kind == "LSTM" else [last])]
    their_outs = [their_out, *(their_last if kind == "LSTM" else [their_last])]
    compare(outs, their_outs, rng)
    close(x.grad, tx.grad, "x")
    check_gradients(both)
    for a, b in zip(states, their_states, strict=True):
        if with_state:
            close(a.grad, b.grad, "a state")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("with_state", [True, False])
def test_one_sequence_without_a_batch(kind: str, batch_first: bool, with_state: bool) -> None:
    rng = np.random.default_rng((len(kind), batch_first, with_state))
    options: dict[str, Any] = {"batch_first": batch_first, "bidirectional": True}
    ours = getattr(layers, kind)(4, num_layers=2, dtype=np.float64, **options)
    theirs = getattr(torch.nn, kind)(3, 4, 2, dtype=torch.float64, **options)
    x = Variable(rng.normal(size=(5, 3)))
    tx = tensor(x)
    ours(x)  # which takes the number of features from it
    both = [
        pair
        for i, cells in enumerate(ours.layers)
        for cell, suffix in zip(cells, ("", "_reverse"), strict=True)
        for pair in pairs(cell, theirs, f"_l{i}{suffix}")
    ]
    take_weights(both)
    states = [Variable(rng.normal(size=(4, 4))) for _ in range(2 if kind == "LSTM" else 1)]
    their_states = [tensor(state) for state in states]
    state, their_state = None, None
    if with_state:
        state, their_state = (states, tuple(their_states)) if kind == "LSTM" else (states[0], their_states[0])
    out, last = ours(x, state)
    their_out, their_last = theirs(tx, their_state)
    compare([out, *(last if kind == "LSTM" else [last])], [their_out, *(their_last if kind == "LSTM" else [their_last])], rng)
    close(x.grad, tx.grad, "x")
    check_gradients(both)
    for a, b in zip(states, their_states, strict=True):
        if with_state:
            close(a.grad, b.grad, "a state")


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_without_a_batch(kind: str) -> None:
    rng = np.random.default_rng(len(kind))
    ours = getattr(layers, f"{kind}Cell")(5, in_size=3, dtype=np.float64)
    theirs = getattr(torch.nn, f"{kind}Cell")(3, 5, dtype=torch.float64)
    both = pairs(ours, theirs, "")
    take_weights(both)
    state = their_state = None
    for _ in range(3):
        x = rng.normal(size=3)
        state, their_state = ours(x, state), theirs(torch.tensor(x), their_state)
    compare(*[s if kind == "LSTM" else [s] for s in (state, their_state)], rng)
    check_gradients(both)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [True, False])
def test_cells(kind: str, bias: bool) -> None:
    rng = np.random.default_rng((len(kind), bias))
    ours = getattr(layers, f"{kind}Cell")(5, in_size=3, bias=bias, dtype=np.float64)
    theirs = getattr(torch.nn, f"{kind}Cell")(3, 5, bias, dtype=torch.float64)
    both = pairs(ours, theirs, "")
    take_weights(both)
    xs = [Variable(rng.normal(size=(4, 3))) for _ in range(3)]
    txs = [tensor(x) for x in xs]
    state = their_state = None
    for x, tx in zip(xs, txs, strict=True):
        state, their_state = ours(x, state), theirs(tx, their_state)
    outs, their_outs = (state, their_state) if kind == "LSTM" else ([state], [their_state])
    compare(outs, their_outs, rng)
    for x, tx in zip(xs, txs, strict=True):
        close(x.grad, tx.grad, "x")
    check_gradients(both)
