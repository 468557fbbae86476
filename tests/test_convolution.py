"""Convolution and pooling: memory, layouts, dtypes, and the layers."""

import copy
import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest

from wengert import Variable, no_grad, optimizers, random, vjp
from wengert import functions as F
from wengert.backends import convolution as windows
from wengert.errors import DtypeError, InputError, ShapeError
from wengert.layers import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    MaxPool3d,
    PixelShuffle,
    Sequential,
    Upsample,
)


def draw(*shape: int, dtype: Any = np.float32, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


# The functions


def test_every_layout_gives_the_same() -> None:
    x, weight = draw(3, 8, 5, 6, dtype=float), draw(4, 8, 3, 3, dtype=float)
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    turned = np.ascontiguousarray(x.transpose(3, 2, 1, 0)).transpose(3, 2, 1, 0)
    wide = np.repeat(x, 2, axis=3)[..., ::2]
    for function in (
        lambda v: F.conv2d(v, weight, padding=1),
        lambda v: F.conv2d(v, weight[:, :, :1, :1]),
        lambda v: F.conv2d(v, weight[:, :2], padding=1, groups=4),
        lambda v: F.conv2d(v, weight.reshape(32, 1, 3, 3)[::4], padding=1, groups=8),
        lambda v: F.conv2d(v, weight.reshape(32, 1, 3, 3)[::2], stride=2, groups=8),
        lambda v: F.conv_transpose2d(v, weight.transpose(1, 0, 2, 3), stride=2),
        lambda v: F.max_pool2d(v, 2),
        lambda v: F.max_pool2d(v, 3, 1, 1),
        lambda v: F.avg_pool2d(v, 2),
    ):
        results = []
        for array in (x, last, turned, wide):
            v = Variable(array)
            out = function(v)
            F.sum(out * draw(*out.shape, dtype=float, seed=1)).backward()
            results.append((out.data, v.grad.data))
        for out, g in results[1:]:
            np.testing.assert_allclose(out, results[0][0], rtol=1e-12, atol=1e-13)
            np.testing.assert_allclose(g, results[0][1], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("block", [1 << 10, 1 << 21])
@pytest.mark.parametrize(
    "channels, filters, groups, options",
    [
        (6, 6, 6, {"padding": 1}),
        (6, 6, 6, {"stride": 2, "padding": 2}),
        (4, 12, 4, {"dilation": 2, "padding": 3}),
        (2, 20, 2, {"padding": 1}),  # too many filters to a channel to go tap by tap
        (8, 4, 4, {}),
        (24, 16, 2, {"padding": (0, 4)}),
        (8, 64, 1, {"padding": 1}),
        (9, 6, 1, {"padding": 4, "dilation": (1, 2)}),
    ],
)
def test_groups_are_convolutions_of_their_own(channels, filters, groups, options, block, monkeypatch) -> None:
    monkeypatch.setattr(windows, "_BLOCK", block)  # the smaller cuts images into lines
    x = draw(3, channels, 7, 8, dtype=float)
    weight, bias = draw(filters, channels // groups, 3, 3, dtype=float, seed=1), draw(filters, dtype=float, seed=2)
    out, pull = vjp(lambda *arrays: F.conv2d(*arrays, groups=groups, **options), x, weight, bias)
    g = draw(*out.shape, dtype=float, seed=3)
    # The same as products of matrices of whole windows.
    windows_of, fold = vjp(lambda x: F.unfold(x, 3, **options), x)
    columns = windows_of.reshape(3, groups, channels // groups * 9, -1)
    matrix, rows = weight.reshape(groups, filters // groups, -1), g.reshape(3, groups, filters // groups, -1)
    wanted = np.einsum("gfk,ngkl->ngfl", matrix, columns).reshape(out.shape) + bias[:, None, None]
    (in_x,) = fold(np.einsum("gfk,ngfl->ngkl", matrix, rows).reshape(windows_of.shape))
    in_weight = np.einsum("ngfl,ngkl->gfk", rows, columns).reshape(weight.shape)
    for one, other in zip([out, *pull(g)], [wanted, in_x, in_weight, g.sum((0, 2, 3))], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("groups", [2, 8])
def test_what_is_infinite_stays_in_its_group(groups: int) -> None:
    x = draw(2, 8, 5, 5)
    x[:, 0, 2, 2] = np.inf
    out = F.conv2d(x, draw(8, 8 // groups, 3, 3, seed=1), padding=1, groups=groups).data
    assert np.isfinite(out[:, 8 // groups :]).all()
    assert not np.isfinite(out[:, 0]).all()


def test_large_arrays_are_rectified_as_small_ones() -> None:
    x = draw(2, 16, 15, 15)
    x[0, 0, 0, :5] = [np.nan, np.inf, -np.inf, 0, -0.0]
    for dtype in (np.float16, np.float32, np.float64, np.int8):
        with np.errstate(invalid="ignore"):
            large = Variable(x.astype(dtype), requires_grad=dtype != np.int8)
        out = F.relu(large)
        assert out.dtype == dtype
        np.testing.assert_array_equal(out.data, np.where(large.data < 0, 0, large.data))
        np.testing.assert_array_equal(F.relu(large.data[0, 0]).data, out.data[0, 0])


def test_activations_keep_their_channels_last_in_memory() -> None:
    x = F.max_pool2d(F.relu(F.conv2d(draw(2, 8, 6, 6), draw(16, 8, 3, 3))), 2)
    assert x.data.transpose(0, 2, 3, 1).flags.c_contiguous


def test_max_pooling_never_finds_padding() -> None:
    x = np.full((1, 1, 2, 2), -1.0)
    assert (F.max_pool2d(x, 2, padding=1).data == -1.0).all()
    assert (F.max_pool2d(x.astype(int), 2, padding=1).data == -1).all()


def test_equal_entries_send_the_gradient_to_the_first() -> None:
    x = Variable(np.zeros((1, 1, 2, 2)))
    F.sum(F.max_pool2d(x, 2)).backward()
    np.testing.assert_array_equal(x.grad.data, [[[[1.0, 0.0], [0.0, 0.0]]]])


def test_a_nan_is_not_passed_over() -> None:
    x = np.array([[[1.0, np.nan, 3.0, 4.0]]])
    np.testing.assert_array_equal(F.max_pool1d(x, 2).data, [[[np.nan, 4.0]]])


@pytest.mark.parametrize("block", [1 << 9, 1 << 21])
@pytest.mark.parametrize("options", [(2,), (3, 2, 1), (3, 1, 1, 2), ((1, 3), (2, 1)), (2, 3), (3, 2, 1, 1, True)])
def test_the_gradient_is_the_transpose_of_the_choice(options, block, monkeypatch) -> None:
    """Of equals the first, of windows with a nan some entry; <place(y), v> = <y, pick(v)>."""
    monkeypatch.setattr(windows, "_BLOCK", block)
    x = np.random.default_rng(0).integers(0, 3, (3, 4, 8, 8)).astype(float)
    x[0, 0, 3, 3], x[1, 1, 5] = np.nan, -np.inf
    x, v = Variable(x), draw(*x.shape, dtype=float, seed=1)
    out = F.max_pool2d(x, *options)
    largest, y = out.data, Variable(draw(*out.shape, dtype=float, seed=2))
    out.backward(gradient=y, create_graph=True)
    placed = x.grad
    placed.backward(gradient=v, retain_graph=True)
    np.testing.assert_allclose((placed.data * v).sum(), (y.data * y.grad.data).sum(), rtol=1e-12)
    found = ~np.isnan(largest)
    assert np.isin(y.grad.data[found], v).all()
    y.cleargrad()
    placed.backward(gradient=x.data)
    np.testing.assert_array_equal(y.grad.data[found], largest[found])


def test_pictures_of_bytes_are_convolved_in_the_type_of_the_weight() -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(1, 3, 4, 4)
    for weight in (draw(2, 3, 2, 2), draw(2, 3, 1, 1), draw(3, 1, 2, 2)):
        groups = 3 // weight.shape[1]
        out = F.conv2d(picture, weight, groups=groups)
        assert out.dtype == np.float32
        np.testing.assert_allclose(
            out.data, F.conv2d(picture.astype(float), weight.astype(float), groups=groups).data, rtol=1e-5, atol=1e-4
        )
    assert F.avg_pool2d(picture, 2).dtype == np.float64


def test_half_precision_stays() -> None:
    x, weight = Variable(draw(1, 2, 4, 4, dtype=np.float16)), Variable(draw(2, 2, 3, 3, dtype=np.float16))
    out = F.max_pool2d(F.conv2d(x, weight), 2)
    F.sum(out).backward()
    assert out.dtype == x.grad.dtype == weight.grad.dtype == np.float16


def test_a_convolution_keeps_its_input_and_weight_and_no_windows() -> None:
    x, weight = Variable(draw(64, 16, 32, 32)), Variable(draw(16, 16, 3, 3))
    tracemalloc.start()
    try:
        out = F.conv2d(x, weight, padding=1)
        kept, peak = tracemalloc.get_traced_memory()
        assert kept < 1.02 * out.data.nbytes
        assert peak < out.data.nbytes + (4 << 20)  # all windows would be 9 times the input: 37 MB
        F.sum(out).backward()
        _, peak = tracemalloc.get_traced_memory()
        assert peak < 3 * out.data.nbytes + (6 << 20)
    finally:
        tracemalloc.stop()


def test_third_derivatives() -> None:
    """Of a function with known ones: the cube of a convolution of one entry."""
    x, w = Variable(np.full((1, 1, 1), 2.0)), np.full((1, 1, 1), 3.0)
    y = F.sum(F.conv1d(x, w) ** 3)
    for expected in (3 * 6.0**2 * 3, 6 * 6.0 * 9, 6 * 27.0):
        x.cleargrad()
        y.backward(create_graph=True)
        y = x.grad
        assert y.item() == pytest.approx(expected)
    x = Variable(np.array([[[1.0, 2.0]]]))
    y = F.sum(F.max_pool1d(x, 2) ** 3)
    for expected in ([0.0, 12.0], [0.0, 12.0], [0.0, 6.0]):
        x.cleargrad()
        F.sum(y).backward(create_graph=True)
        y = x.grad
        np.testing.assert_allclose(y.data, [[expected]])


# The layers


def step(layer: Layer, x: Any) -> None:
    optimizer = optimizers.SGD(0.1).setup(layer)
    F.sum(layer(x)).backward()
    optimizer.update()


@pytest.mark.parametrize("kind", [Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d])
def test_first_call_tells_the_channels(kind: Any) -> None:
    layer = kind(6, 3, groups=2)
    assert "? -> 6" in repr(layer)
    assert "made at the first call" in repr(layer)
    x = draw(2, 4, *[5] * kind.axes)
    out = layer(x)
    assert out.shape[:2] == (2, 6)
    assert out.dtype == layer.weight.dtype == np.float32
    assert "4 -> 6" in repr(layer)
    assert kind(6, 3, groups=2, in_channels=4)(x).shape == out.shape
    transposed = kind in (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)
    assert layer.weight.shape == ((4, 3) if transposed else (6, 2)) + (3,) * kind.axes
    before = layer.weight.data.copy()
    step(layer, x)
    assert not np.array_equal(before, layer.weight.data)


@pytest.mark.parametrize("kind", [Conv2d, ConvTranspose2d])
def test_layers_are_copied_and_pickled(kind: Any) -> None:
    for layer in (kind(4, 3), kind(4, 3, in_channels=2, bias=False, dtype=float)):
        x = draw(1, 2, 6, 6)
        twin = pickle.loads(pickle.dumps(layer))
        random.seed(0)
        expected = copy.deepcopy(layer)(x)
        random.seed(0)
        np.testing.assert_array_equal(twin(x).data, expected.data)


@pytest.mark.parametrize(
    ("layer", "channels"),
    [
        (Conv2d(64, 3, padding=1), 32),
        (Conv2d(64, 3, padding=1, groups=4), 32),
        (ConvTranspose2d(64, 4, stride=2, padding=1), 32),
        (ConvTranspose2d(64, 4, stride=2, padding=1, groups=4), 32),
    ],
)
def test_results_begin_as_varied_as_inputs(layer: Any, channels: int) -> None:
    random.seed(0)
    with no_grad():
        out = layer(draw(4, channels, 24, 24)).data[:, :, 2:-2, 2:-2]
    assert 0.9 < out.std() < 1.1


def test_layers_are_their_functions() -> None:
    x = draw(2, 4, 7, 6)
    layer = Conv2d(6, (3, 2), stride=(2, 1), padding=[1, 0], dilation=(1, 2), groups=2)
    out = layer(x)
    expected = F.conv2d(x, layer.weight, layer.bias, (2, 1), (1, 0), (1, 2), 2)
    np.testing.assert_array_equal(out.data, expected.data)
    back = ConvTranspose2d(6, 3, stride=2, padding=1, output_padding=1, dilation=1, groups=2)
    out = back(x)
    expected = F.conv_transpose2d(x, back.weight, back.bias, 2, 1, 1, 2, 1)
    np.testing.assert_array_equal(out.data, expected.data)
    for layer, function in (
        (MaxPool2d(3, 2, 1, 1, ceil_mode=True), lambda v: F.max_pool2d(v, 3, 2, 1, 1, True)),
        (MaxPool2d(np.int64(2)), lambda v: F.max_pool2d(v, 2)),
        (AvgPool2d(3, 2, 1, True, False), lambda v: F.avg_pool2d(v, 3, 2, 1, True, False)),
        (AdaptiveAvgPool2d((None, 4)), lambda v: F.adaptive_avg_pool2d(v, (None, 4))),
        (Upsample(size=9), lambda v: F.interpolate(v, 9)),
        (Upsample(scale_factor=2, mode="bilinear"), lambda v: F.interpolate(v, scale_factor=2, mode="bilinear")),
        (Upsample((5, 9), None, "bicubic", True), lambda v: F.interpolate(v, (5, 9), None, "bicubic", True)),
        (PixelShuffle(2), lambda v: F.pixel_shuffle(v, 2)),
        (Flatten(), lambda v: F.flatten(v)),
    ):
        np.testing.assert_array_equal(layer(x).data, function(x).data)
    assert MaxPool3d(2)(draw(1, 1, 4, 4, 4)).shape == (1, 1, 2, 2, 2)
    assert AdaptiveMaxPool1d(3)(draw(1, 2, 7)).shape == (1, 2, 3)


@pytest.mark.parametrize(("mode", "numpy_mode"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")])
@pytest.mark.parametrize("padding", [1, (2, 1), "same"])
def test_padding_modes(mode: str, numpy_mode: Any, padding: Any) -> None:
    x = draw(1, 2, 5, 6, dtype=float)
    layer = Conv2d(3, 3, padding=padding, padding_mode=mode, dtype=float)
    v = Variable(x)
    out = layer(v)
    a, b = {"same": (1, 1), 1: (1, 1)}.get(padding, padding)
    padded = Variable(np.pad(x, ((0, 0), (0, 0), (a, a), (b, b)), mode=numpy_mode))
    np.testing.assert_allclose(out.data, F.conv2d(padded, layer.weight, layer.bias).data, rtol=1e-12)
    F.sum(out).backward()
    F.sum(F.conv2d(padded, layer.weight, layer.bias)).backward()
    np.testing.assert_allclose(v.grad.data.sum(), padded.grad.data.sum(), rtol=1e-12)
    plain = Conv2d(3, 3, padding="valid", padding_mode=mode)(x.astype(np.float32))
    assert plain.shape == (1, 3, 3, 4)


def test_what_layers_say() -> None:
    assert repr(Conv2d(8, 3)) == "Conv2d(? -> 8, kernel_size=3)  parameters made at the first call"
    layer = Conv2d(8, (3, 1), stride=2, padding="valid", groups=2, bias=False, padding_mode="reflect", in_channels=4)
    assert (
        "4 -> 8, kernel_size=(3, 1), stride=2, padding='valid', groups=2, padding_mode='reflect', bias=False"
        in repr(layer)
    )
    assert repr(MaxPool2d((2, 1), 2, 1)).startswith("MaxPool2d((2, 1), stride=2, padding=1)")
    assert repr(Upsample(scale_factor=2)) == "Upsample(scale_factor=2, mode='nearest')"


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Conv2d(0, 3), InputError, "out_channels"),
        (lambda: Conv2d(4, 0), InputError, "kernel_size"),
        (lambda: Conv2d(4, (3, 3, 3)), InputError, "kernel_size"),
        (lambda: Conv2d(4, 3, stride=0), InputError, "stride"),
        (lambda: Conv2d(4, 3, padding="full"), InputError, "padding"),
        (lambda: Conv2d(4, 3, padding_mode="mirror"), InputError, "padding_mode"),
        (lambda: Conv2d(4, 3, groups=3), InputError, "out_channels, 4"),
        (lambda: Conv2d(4, 3, groups=2, in_channels=3), InputError, "in_channels, 3"),
        (lambda: Conv2d(4, 3, dtype=int), DtypeError, "floating"),
        (lambda: Conv2d(4, 3, stride=2, padding="same", padding_mode="reflect")(draw(1, 1, 5, 5)), InputError, "same"),
        (lambda: Conv2d(4, 3)(draw(5, 5)), ShapeError, "4 axes"),
        (lambda: Conv2d(4, 3, in_channels=2)(draw(1, 3, 5, 5)), ShapeError, "3 channels"),
        (lambda: Conv2d(4, 3, groups=2)(draw(1, 3, 5, 5)), ShapeError, "2 groups"),
        (lambda: ConvTranspose2d(4, 3, padding="same"), InputError, "padding"),
        (lambda: MaxPool2d(0), InputError, "kernel_size"),
        (lambda: AdaptiveAvgPool2d(0), InputError, "output_size"),
        (lambda: Upsample(), InputError, "size"),
        (lambda: PixelShuffle(0), InputError, "upscale_factor"),
    ],
)
def test_layers_refuse(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_a_network_learns() -> None:
    """Which half of a picture is bright."""
    random.seed(0)
    t = np.arange(32) % 2
    x = draw(32, 1, 8, 8) * 0.3
    x[t == 0, :, :4] += 1
    x[t == 1, :, 4:] += 1
    model = Sequential(Conv2d(4, 3, padding=1), F.relu, MaxPool2d(2), Conv2d(8, 3), F.relu, Flatten(), Linear(2))
    optimizer = optimizers.Adam(0.01).setup(model)
    for _ in range(30):
        model.cleargrads()
        loss = F.softmax_cross_entropy(model(x), t)
        loss.backward()
        optimizer.update()
    assert loss.item() < 0.1
