"""Attention and transformers beside PyTorch's, with its weights, over options drawn at random, in float64."""

from typing import Any

import numpy as np
import pytest

from wengert import Variable, layers, test_mode
from wengert import functions as F

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -e .[parity]")

RTOL, ATOL = 1e-10, 1e-12


def close(ours: Any, theirs: Any, label: str) -> None:
    ours = ours.data if isinstance(ours, Variable) else ours
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=RTOL, atol=ATOL, err_msg=label)


def tensor(variable: Variable) -> Any:
    return torch.tensor(variable.data, requires_grad=True)


def go_back(ours: Any, theirs: Any, rng: Any) -> None:
    close(ours, theirs, "forward")
    weights = rng.normal(size=ours.shape)
    (ours * weights).sum().backward()
    (theirs * torch.tensor(weights)).sum().backward()


def pairs(ours: Any, theirs: Any) -> list[tuple[Any, Any, Any]]:
    """Our parameters, each with its values and its gradient in PyTorch, which keeps some of them in one."""
    found = []

    def add(mine: Any, value: Any, gradient: Any) -> None:
        if mine is not None:
            found.append((mine, value.detach().t(), lambda: gradient().t()))

    def plain(mine: Any, other: Any) -> None:
        add(mine.weight, other.weight, lambda: other.weight.grad)
        if mine.bias is not None:
            add(mine.bias, other.bias, lambda: other.bias.grad)

    def attention(mine: Any, other: Any) -> None:
        size = mine.size
        for i, name in enumerate(("query", "key", "value")):
            part, rows = getattr(mine, name), slice(i * size, (i + 1) * size)
            if other.in_proj_weight is not None:
                whole = other.in_proj_weight
                add(part.weight, whole[rows], lambda whole=whole, rows=rows: whole.grad[rows])
            else:
                separate = getattr(other, f"{name[0]}_proj_weight")
                add(part.weight, separate, lambda separate=separate: separate.grad)
            if part.bias is not None:
                add(part.bias, other.in_proj_bias[rows], lambda rows=rows: other.in_proj_bias.grad[rows])
        plain(mine.output, other.out_proj)

    if isinstance(ours, layers.MultiHeadAttention):
        attention(ours, theirs)
        return found
    attention(ours.attention, theirs.self_attn)
    norms = [ours.attention_norm]
    if isinstance(ours, layers.TransformerDecoderLayer):
        attention(ours.cross_attention, theirs.multihead_attn)
        norms.append(ours.cross_attention_norm)
    norms.append(ours.feed_forward_norm)
    for i, norm in enumerate(norms):
        plain(norm, getattr(theirs, f"norm{i + 1}"))
    plain(ours.expand, theirs.linear1)
    plain(ours.contract, theirs.linear2)
    return found


def take_weights(both: list[tuple[Any, Any, Any]], rng: Any) -> None:
    for ours, value, _ in both:
        with torch.no_grad():  # biases and norms begin at zero and one, and would hide mistakes
            value += 0.1 * torch.tensor(rng.normal(size=tuple(value.shape)))
        ours.data = np.ascontiguousarray(value.numpy())


def check_gradients(both: list[tuple[Any, Any, Any]]) -> None:
    for i, (ours, _, gradient) in enumerate(both):
        close(ours.grad, gradient(), f"parameter {i} of shape {ours.shape}")


@pytest.mark.parametrize("trial", range(12))
def test_scaled_dot_product_attention(trial: int) -> None:
    rng = np.random.default_rng((trial, 0))
    count, heads, queries, keys, size, value_size = (int(n) for n in rng.integers(1, 6, 6))
    q, k, v = (
        Variable(rng.normal(size=(count, heads, length, features)))
        for length, features in ((queries, size), (keys, size), (keys, value_size))
    )
    tq, tk, tv = (tensor(x) for x in (q, k, v))
    kind = ["none", "causal", "boolean", "additive"][trial % 4]
    mask = their_mask = None
    if kind == "boolean":
        mask = rng.random((count, 1, queries, keys)) < 0.6
        mask[..., 0] = True  # rows with nothing allowed: their answer has depended on the version
        their_mask = torch.tensor(mask)
    elif kind == "additive":
        mask = Variable(rng.normal(size=(heads, queries, keys)))
        their_mask = tensor(mask)
    scale = float(rng.uniform(0.1, 2)) if trial % 3 == 0 else None
    ours = F.scaled_dot_product_attention(q, k, v, mask, causal=kind == "causal", scale=scale)
    theirs = torch.nn.functional.scaled_dot_product_attention(
        tq, tk, tv, their_mask, is_causal=kind == "causal", scale=scale
    )
    go_back(ours, theirs, rng)
    for mine, other in ((q, tq), (k, tk), (v, tv)):
        close(mine.grad, other.grad, kind)
    if kind == "additive":
        close(mask.grad, their_mask.grad, "mask")


@pytest.mark.parametrize("trial", range(16))
def test_multi_head_attention(trial: int) -> None:
    rng = np.random.default_rng((trial, 1))
    heads, width, count, queries, keys, key_size, value_size = (int(n) for n in rng.integers(1, 5, 7))
    size = heads * width
    bias, cross, masked, padded, own_sizes = (bool(b) for b in rng.integers(0, 2, 5))
    sizes = {"key_size": key_size, "value_size": value_size} if cross and own_sizes else {}
    their_sizes = {"kdim": key_size, "vdim": value_size} if cross and own_sizes else {}
    ours = layers.MultiHeadAttention(size, heads, bias=bias, dtype=np.float64, **sizes)
    theirs = torch.nn.MultiheadAttention(
        size, heads, bias=bias, batch_first=True, dtype=torch.float64, **their_sizes
    )
    both = pairs(ours, theirs)
    take_weights(both, rng)
    x = Variable(rng.normal(size=(count, queries, size)))
    xs = [x]
    if cross:
        xs.append(Variable(rng.normal(size=(count, keys, sizes.get("key_size", size)))))
        xs.append(Variable(rng.normal(size=(count, keys, sizes.get("value_size", size)))))
    else:
        keys = queries
    txs = [tensor(x) for x in xs]
    mask = key_mask = None
    if masked:
        mask = rng.random((queries, keys)) < 0.6
        mask[:, 0] = True
    if padded:
        key_mask = rng.random((count, keys)) < 0.6
        key_mask[:, 0] = True
    out, weights = ours(*xs, mask=mask, key_mask=key_mask, need_weights=True)
    their_out, their_weights = theirs(
        *(txs if cross else txs * 3),
        attn_mask=None if mask is None else ~torch.tensor(mask),  # PyTorch's layers say what is not allowed
        key_padding_mask=None if key_mask is None else ~torch.tensor(key_mask),
        average_attn_weights=False,
    )
    close(weights, their_weights, "weights")
    go_back(out, their_out, rng)
    for mine, other in zip(xs, txs, strict=True):
        close(mine.grad, other.grad, "input")
    check_gradients(both)


@pytest.mark.parametrize("trial", range(6))
def test_one_example_without_a_batch(trial: int) -> None:
    rng = np.random.default_rng((trial, 4))
    cross, masked, padded = (bool(b) for b in rng.integers(0, 2, 3))
    ours = layers.MultiHeadAttention(6, 2, dtype=np.float64)
    theirs = torch.nn.MultiheadAttention(6, 2, batch_first=True, dtype=torch.float64)
    both = pairs(ours, theirs)
    take_weights(both, rng)
    x, y = Variable(rng.normal(size=(4, 6))), Variable(rng.normal(size=(3, 6)))
    tx, ty = tensor(x), tensor(y)
    key, their_key = (y, ty) if cross else (x, tx)
    mask = rng.random((2, 4, len(key))) < 0.6 if masked else None
    key_mask = rng.random(len(key)) < 0.6 if padded else None
    for part in (mask, key_mask):
        if part is not None:
            part[..., 0] = True
    out, weights = ours(x, key if cross else None, mask=mask, key_mask=key_mask, need_weights=True)
    their_out, their_weights = theirs(
        *(tx, their_key, their_key),
        attn_mask=None if mask is None else ~torch.tensor(mask),
        key_padding_mask=None if key_mask is None else ~torch.tensor(key_mask),
        average_attn_weights=False,
    )
    close(weights, their_weights, "weights")
    go_back(out, their_out, rng)
    close(x.grad, tx.grad, "x")
    if cross:
        close(y.grad, ty.grad, "y")
    check_gradients(both)


def test_transformer_layers_without_a_batch() -> None:
    rng = np.random.default_rng(5)
    common = {"dropout": 0.0}
    encoder = layers.TransformerEncoderLayer(6, 2, 5, dtype=np.float64, **common)
    their_encoder = torch.nn.TransformerEncoderLayer(6, 2, 5, dtype=torch.float64, batch_first=True, **common)
    decoder = layers.TransformerDecoderLayer(6, 2, 5, dtype=np.float64, **common)
    their_decoder = torch.nn.TransformerDecoderLayer(6, 2, 5, dtype=torch.float64, batch_first=True, **common)
    both = pairs(encoder, their_encoder) + pairs(decoder, their_decoder)
    take_weights(both, rng)
    x, y = Variable(rng.normal(size=(4, 6))), Variable(rng.normal(size=(3, 6)))
    tx, ty = tensor(x), tensor(y)
    out = decoder(y, encoder(x))
    their_out = their_decoder(ty, their_encoder(tx), tgt_mask=torch.triu(torch.ones(3, 3, dtype=torch.bool), 1))
    go_back(out, their_out, rng)
    close(x.grad, tx.grad, "x")
    close(y.grad, ty.grad, "y")
    check_gradients(both)


def transformer_options(rng: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    norm_first, bias, gelu = (bool(b) for b in rng.integers(0, 2, 3))
    eps = float(rng.choice([1e-5, 1e-2]))
    ours = {"norm_first": norm_first, "bias": bias, "eps": eps, "activation": F.gelu if gelu else F.relu}
    theirs = {"norm_first": norm_first, "bias": bias, "layer_norm_eps": eps, "activation": "gelu" if gelu else "relu"}
    return {"dtype": np.float64, **ours}, {"dtype": torch.float64, "batch_first": True, **theirs}


@pytest.mark.parametrize("trial", range(8))
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_encoder_layer(trial: int, dropout: float) -> None:
    rng = np.random.default_rng((trial, 2))
    heads, width, count, length, hidden = (int(n) for n in rng.integers(1, 5, 5))
    options, their_options = transformer_options(rng)
    ours = layers.TransformerEncoderLayer(heads * width, heads, hidden, dropout=dropout, **options)
    theirs = torch.nn.TransformerEncoderLayer(heads * width, heads, hidden, dropout, **their_options)
    both = pairs(ours, theirs)
    take_weights(both, rng)
    x = Variable(rng.normal(size=(count, length, heads * width)))
    tx = tensor(x)
    key_mask = rng.random((count, length)) < 0.6
    key_mask[:, 0] = True
    theirs.train(dropout == 0)
    their_mask = torch.triu(torch.ones(length, length, dtype=torch.bool), 1)
    their_out = theirs(tx, src_mask=their_mask, src_key_padding_mask=~torch.tensor(key_mask))
    if dropout:
        with test_mode():
            out = ours(x, key_mask=key_mask, causal=True)
    else:
        out = ours(x, key_mask=key_mask, causal=True)
    go_back(out, their_out, rng)
    close(x.grad, tx.grad, "input")
    check_gradients(both)


@pytest.mark.parametrize("trial", range(8))
def test_decoder_layer(trial: int) -> None:
    rng = np.random.default_rng((trial, 3))
    heads, width, count, length, source, hidden = (int(n) for n in rng.integers(1, 5, 6))
    options, their_options = transformer_options(rng)
    ours = layers.TransformerDecoderLayer(heads * width, heads, hidden, dropout=0.0, **options)
    theirs = torch.nn.TransformerDecoderLayer(heads * width, heads, hidden, 0.0, **their_options)
    both = pairs(ours, theirs)
    take_weights(both, rng)
    x = Variable(rng.normal(size=(count, length, heads * width)))
    memory = Variable(rng.normal(size=(count, source, heads * width)))
    tx, tmemory = tensor(x), tensor(memory)
    memory_key_mask = rng.random((count, source)) < 0.6
    memory_key_mask[:, 0] = True
    out = ours(x, memory, memory_key_mask=memory_key_mask)
    their_out = theirs(
        tx,
        tmemory,
        tgt_mask=torch.triu(torch.ones(length, length, dtype=torch.bool), 1),
        memory_key_padding_mask=~torch.tensor(memory_key_mask),
    )
    go_back(out, their_out, rng)
    close(x.grad, tx.grad, "input")
    close(memory.grad, tmemory.grad, "memory")
    check_gradients(both)


@pytest.mark.parametrize("norm_first", [False, True])
def test_encoder_and_decoder(norm_first: bool) -> None:
    rng = np.random.default_rng(int(norm_first))
    common = {"dropout": 0.0, "norm_first": norm_first}
    kinds = [(layers.TransformerEncoder, layers.TransformerEncoderLayer, torch.nn.TransformerEncoderLayer)]
    kinds += [(layers.TransformerDecoder, layers.TransformerDecoderLayer, torch.nn.TransformerDecoderLayer)]
    x, y = Variable(rng.normal(size=(2, 4, 6))), Variable(rng.normal(size=(2, 3, 6)))
    tx, ty = tensor(x), tensor(y)
    ours, theirs = [], []
    both: list[Any] = []
    for stack, layer, their_layer in kinds:
        norm = layers.LayerNorm(6, dtype=np.float64) if norm_first else None
        ours.append(stack([layer(6, 2, 5, dtype=np.float64, **common) for _ in range(2)], norm=norm))
        prototype = their_layer(6, 2, 5, dtype=torch.float64, batch_first=True, **common)
        their_stack = getattr(torch.nn, stack.__name__)
        extra = {"enable_nested_tensor": False} if stack is layers.TransformerEncoder else {}
        theirs.append(
            their_stack(prototype, 2, torch.nn.LayerNorm(6, dtype=torch.float64) if norm_first else None, **extra)
        )
        for mine, other in zip(ours[-1].layers, theirs[-1].layers, strict=True):
            both += pairs(mine, other)
    take_weights(both, rng)
    out = ours[1](y, ours[0](x))
    their_out = theirs[1](ty, theirs[0](tx), tgt_mask=torch.triu(torch.ones(3, 3, dtype=torch.bool), 1))
    go_back(out, their_out, rng)
    close(x.grad, tx.grad, "x")
    close(y.grad, ty.grad, "y")
    check_gradients(both)
