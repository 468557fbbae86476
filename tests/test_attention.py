"""Attention, transformers and GPT: masks, positions, and what they refuse."""

from functools import partial
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import Variable, test_mode
from wengert import functions as F
from wengert.errors import DtypeError, InputError, ShapeError
from wengert.layers import (
    LearnedPositions,
    MultiHeadAttention,
    SinusoidalPositions,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from wengert.layers.attention import Cache
from wengert.models import GPT
from wengert.optimizers import Adam
from wengert.testing import gradcheck


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def test_rows_with_nothing_allowed_are_zero_and_so_are_their_gradients() -> None:
    q, k, v = (Variable(normal(3, 4, seed=i)) for i in range(3))
    mask = np.ones((3, 3), bool)
    mask[1] = False
    for shut in (mask, np.where(mask, 0.0, -np.inf)):
        for x in (q, k, v):
            x.cleargrad()
        out = F.scaled_dot_product_attention(q, k, v, shut)
        assert not out.data[1].any() and out.data[0].all()
        out.sum().backward()
        assert not q.grad.data[1].any() and q.grad.data[0].all()
        assert all(np.isfinite(x.grad.data).all() for x in (q, k, v))


def test_what_is_shut_out_does_not_matter_even_where_it_is_large() -> None:
    q, k, v = (normal(3, 4, seed=i) for i in range(3))
    far = k.copy()
    far[2] = 1e200
    mask = np.array([True, True, False])
    a, b = (F.scaled_dot_product_attention(q, keys, v, mask) for keys in (k, far))
    np.testing.assert_array_equal(a.data, b.data)


def test_a_float64_mask_leaves_float32_as_it_is() -> None:
    q = Variable(normal(3, 4).astype(np.float32))
    mask = Variable(np.zeros((3, 3)))
    out = F.scaled_dot_product_attention(q, q, q, mask)
    out.sum().backward()
    assert out.dtype == q.grad.dtype == np.float32 and mask.grad.dtype == np.float64


def test_dropout_drops_weights_and_keeps_their_sum_on_average() -> None:
    q, v = np.zeros((200, 4)), np.ones((100, 1))
    run = partial(F.scaled_dot_product_attention, q, np.zeros((100, 4)), v, dropout_ratio=0.5)
    out = run().data
    assert out.std() > 0.05
    np.testing.assert_allclose(out.mean(), 1, atol=0.03)
    with test_mode():
        np.testing.assert_allclose(run().data, 1)


def test_derivatives_with_dropout() -> None:
    def run(q: Any, k: Any, v: Any) -> Any:
        wengert.seed(5)
        return F.scaled_dot_product_attention(q, k, v, dropout_ratio=0.4, need_weights=True)

    assert gradcheck(run, normal(3, 2), normal(4, 2, seed=1), normal(4, 2, seed=2))


def test_third_order() -> None:
    assert gradcheck(F.scaled_dot_product_attention, normal(2, 1), normal(2, 1, seed=1), normal(2, 1, seed=2), order=3)


def test_no_keys_give_zeros() -> None:
    out = F.scaled_dot_product_attention(normal(2, 3), normal(0, 3), normal(0, 3))
    np.testing.assert_array_equal(out.data, np.zeros((2, 3)))


def test_rotary_products_depend_on_the_distance_alone() -> None:
    q, k = normal(1, 8), normal(1, 8, seed=1)
    for interleaved in (False, True):
        turn = partial(F.apply_rotary, interleaved=interleaved)
        a = turn(q, np.array([5])).data @ turn(k, np.array([3])).data.T
        b = turn(q, np.array([105])).data @ turn(k, np.array([103])).data.T
        np.testing.assert_allclose(a, b, rtol=1e-10)
        c = turn(q, np.array([5])).data @ turn(k, np.array([2])).data.T
        assert abs(a - c) > 1e-3


def test_multi_head_attention_to_second_order() -> None:
    layer = MultiHeadAttention(4, 2, rotary=True, dtype=np.float64)
    key_mask = np.array([[True, True, False], [True, True, True]])
    assert gradcheck(lambda x: layer(x, key_mask=key_mask, causal=True), normal(2, 3, 4))
    assert gradcheck(lambda x, y: layer(x, y, need_weights=True), normal(1, 2, 4), normal(1, 3, 4, seed=1))


@pytest.mark.parametrize("norm_first", [False, True])
def test_transformer_layers_to_second_order(norm_first: bool) -> None:
    options = {"dropout": 0.0, "norm_first": norm_first, "activation": F.gelu, "dtype": np.float64}
    assert gradcheck(TransformerEncoderLayer(4, 2, 3, **options), normal(1, 3, 4))
    assert gradcheck(TransformerDecoderLayer(4, 2, 3, **options), normal(1, 3, 4), normal(1, 2, 4, seed=1))


def test_masks_together() -> None:
    layer, x = MultiHeadAttention(4, 2), normal(2, 3, 4).astype(np.float32)
    mask = np.tri(3, dtype=bool)
    key_mask = np.array([[True, True, False], [True, True, True]])
    numbers = np.where(mask, 0.0, -np.inf).astype(np.float32)
    one = layer(x, mask=mask, key_mask=key_mask)
    for other in (
        layer(x, key_mask=key_mask, causal=True),
        layer(x, mask=numbers, key_mask=key_mask),
        layer(x, mask=mask & key_mask[:, None, None]),
        layer(x, mask=F.causal_mask(3), key_mask=Variable(key_mask, requires_grad=False)),
    ):
        np.testing.assert_allclose(other.data, one.data, rtol=1e-5, atol=1e-6)


def test_positions() -> None:
    x = normal(2, 3, 4).astype(np.float32)
    out = SinusoidalPositions()(x)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out.data - x, np.broadcast_to(F.sinusoidal_encoding(3, 4).data, x.shape), atol=1e-6)
    layer = LearnedPositions(5, 4)
    layer(x).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad.data, np.array([[2.0] * 4] * 3 + [[0.0] * 4] * 2))
    with pytest.raises(ShapeError, match=r"up to 2, 4"):
        LearnedPositions(2, 4)(x)


def test_what_is_refused() -> None:
    x = normal(2, 3, 4).astype(np.float32)
    with pytest.raises(InputError, match="3 heads cannot share 4"):
        MultiHeadAttention(4, 3)
    with pytest.raises(InputError, match="dropout is a share"):
        MultiHeadAttention(4, 2, dropout=1.0)
    with pytest.raises(ShapeError, match=r"\(2, 3\) fit these keys"):
        MultiHeadAttention(4, 2)(x, key_mask=np.ones((3, 2), bool))
    with pytest.raises(ShapeError, match="key has the axes"):
        MultiHeadAttention(4, 2)(x, x[0])
    with pytest.raises(ShapeError, match="mask does not fit"):
        MultiHeadAttention(4, 2)(x, mask=np.ones((2, 2), bool))
    model = GPT(5, 3, 1, 1, 4)
    with pytest.raises(ShapeError, match="longer than the 3"):
        model(np.zeros((1, 4), int))
    with pytest.raises(ShapeError, match=r"\(batch, length\)"):
        model(np.zeros(3, int))
    with pytest.raises(DtypeError, match="integers"):
        model(np.zeros((1, 3)))
    with pytest.raises(InputError, match="nothing to go on"):
        model.generate(np.zeros(0, int), 2)


def test_gpt_does_not_look_ahead() -> None:
    model, ids = GPT(10, 8, 2, 2, 8), np.arange(8)[None]
    other = ids.copy()
    other[0, 5:] = 9
    with test_mode():
        a, b = model(ids).data, model(other).data
    np.testing.assert_allclose(a[:, :5], b[:, :5], rtol=1e-5, atol=1e-6)
    assert np.abs(a[:, 5:] - b[:, 5:]).max() > 1e-3


@pytest.mark.parametrize("tied", [True, False])
def test_gpt_learns_and_generates(tied: bool) -> None:
    text = (np.arange(10) + np.arange(5)[:, None]) % 5
    model = GPT(5, 9, 2, 2, 16, dropout=0.0, tied=tied)
    assert len(list(model.parameters())) == len({id(p) for p in model.parameters()}) == (36 if tied else 37)
    optimizer = Adam(0.01).setup(model)
    losses = []
    for _ in range(40):
        loss = F.softmax_cross_entropy(model(text[:, :-1]), text[:, 1:])
        model.cleargrads()
        loss.backward()
        optimizer.update()
        losses.append(loss.item())
    assert losses[-1] < 0.1 < 1 < losses[0]
    out = model.generate(np.array([2]), 20, temperature=0)  # past the block, seeing its last part
    np.testing.assert_array_equal(out, (2 + np.arange(21)) % 5)


@pytest.mark.parametrize("rotary", [False, True])
def test_what_goes_on_from_a_cache_is_what_all_at_once_gives(rotary: bool) -> None:
    """In parts of any length, also with masks; and the gradients too."""
    layers = [TransformerEncoderLayer(8, 2, dropout=0.0, rotary=rotary, dtype=np.float64) for _ in range(2)]
    encoder, x = TransformerEncoder(layers), normal(2, 7, 8)
    key_mask = np.random.default_rng(0).random((2, 7)) < 0.7
    key_mask[:, 0] = True
    numbers = normal(7, 7, seed=1)
    for options in (
        lambda i, j: {},
        lambda i, j: {"key_mask": key_mask[:, :j]},
        lambda i, j: {"mask": numbers[i:j, :j]},
        lambda i, j: {"mask": numbers[i:j, :j] > -1, "key_mask": key_mask[:, :j]},
    ):
        cache: Cache = {}
        v, w = Variable(x.copy()), Variable(x.copy())
        whole = encoder(v, causal=True, **options(0, 7))
        parts = [
            encoder(w[:, i:j], causal=True, cache=cache, **options(i, j)) for i, j in ((0, 3), (3, 4), (4, 6), (6, 7))
        ]
        together = F.concat(parts, axis=1)
        np.testing.assert_allclose(together.data, whole.data, rtol=1e-11, atol=1e-12)
        weights = normal(2, 7, 8, seed=2)
        (whole * weights).sum().backward()
        (together * weights).sum().backward()
        np.testing.assert_allclose(w.grad.data, v.grad.data, rtol=1e-10, atol=1e-11)


def test_gpt_goes_on_from_a_cache() -> None:
    model, ids = GPT(20, 9, 2, 2, 8, dtype=np.float64), np.random.default_rng(0).integers(0, 20, (3, 9))
    cache: Cache = {}
    with test_mode():
        parts = [model(ids[:, i:j], cache).data for i, j in ((0, 4), (4, 5), (5, 9))]
        np.testing.assert_allclose(np.concatenate(parts, axis=1), model(ids).data, rtol=1e-12, atol=1e-13)
        with pytest.raises(ShapeError, match="longer than the 9"):
            model(ids[:, :1], cache)
    assert {keys.shape for keys, _ in cache.values()} == {(3, 2, 9, 4)}


@pytest.mark.parametrize("length", [1, 6, 7, 11])
def test_gpt_generates_the_same_without_a_cache(length: int) -> None:
    """Before the block is full, and after, when it moves on."""
    model = GPT(20, 7, 2, 2, 8, dtype=np.float64)
    begin = np.random.default_rng(length).integers(0, 20, (3, length))
    for options in ({"temperature": 0}, {"temperature": 2.0}, {"temperature": 1.5, "top_k": 5}):
        drawn = []
        for cache in (True, False):
            wengert.seed(7)
            drawn.append(model.generate(begin, 14, cache=cache, **options))
        np.testing.assert_array_equal(*drawn)


def test_with_a_cache_no_token_is_passed_twice() -> None:
    class Counted(GPT):
        passed = 0

        def forward(self, ids: Any, cache: Any = None) -> Any:
            self.passed += ids.shape[1]
            return super().forward(ids, cache)

    model = Counted(20, 64, 1, 2, 8)
    model.generate(np.arange(5), 60)  # until the block is full
    assert model.passed == 5 + 59


def test_gpt_generates_the_same_from_the_same_seed() -> None:
    model = GPT(20, 6, 1, 2, 8)
    drawn = []
    for seed in (3, 3, 4):
        wengert.seed(seed)
        drawn.append(model.generate(np.array([[1, 2], [3, 4]]), 12, temperature=2.0, top_k=15))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any() and drawn[0].shape == (2, 14)
