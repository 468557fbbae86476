"""Convolution, pooling and resizing beside PyTorch's own, over random sizes and options, in float64."""

from typing import Any

import numpy as np
import pytest

from wengert import Variable, layers
from wengert import functions as F
from wengert.errors import ShapeError

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -e .[parity]")

AXES = [1, 2, 3]
pytestmark = pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel:UserWarning")  # of PyTorch


def compare(ours: Any, theirs: Any, *arrays: Any, order: int = 2) -> None:
    """Values, gradients of a random weighting, and gradients of a random weighting of those."""
    rng = np.random.default_rng(0)
    mine = [Variable(a.copy()) for a in arrays]
    yours = [torch.tensor(a, requires_grad=True) for a in arrays]
    out, expected = ours(*mine), theirs(*yours)
    close(out, expected)
    assert out.dtype == np.float64
    weights = rng.normal(size=out.shape)
    # A power, so that the gradient depends on all arrays and the second derivatives reach every formula.
    F.sum(out * out * weights).backward(create_graph=True)
    first = [v.grad for v in mine]
    first_expected = torch.autograd.grad((expected * expected * torch.tensor(weights)).sum(), yours, create_graph=True)
    total, total_expected = 0.0, 0.0
    for g, e in zip(first, first_expected, strict=True):
        close(g, e)
        weights = rng.normal(size=g.shape)
        total, total_expected = total + F.sum(g * weights), total_expected + (e * torch.tensor(weights)).sum()
    if order == 2:
        for v in mine:
            v.cleargrad()
        total.backward()
        for g, e in zip([v.grad for v in mine], torch.autograd.grad(total_expected, yours), strict=True):
            close(g, e)


def close(mine: Any, yours: Any) -> None:
    yours = yours.detach().numpy()
    assert mine.shape == yours.shape
    scale = max(1.0, float(np.abs(yours).max(initial=0.0)))
    np.testing.assert_allclose(mine.data, yours, rtol=1e-10, atol=1e-10 * scale)


def single(arrays: list[Any], ours: Any, theirs: Any) -> None:
    """In float32 the results, and all gradients, are float32, and agree as far as that goes."""
    mine = [Variable(a.astype(np.float32)) for a in arrays]
    yours = [torch.tensor(a.astype(np.float32), requires_grad=True) for a in arrays]
    out, expected = ours(*mine), theirs(*yours)
    assert out.dtype == np.float32
    F.sum(out).backward()
    expected.sum().backward()
    for v, e in zip([out, *[v.grad for v in mine]], [expected, *[e.grad for e in yours]], strict=True):
        assert v.dtype == np.float32
        e = e.detach().numpy()
        np.testing.assert_allclose(v.data, e, rtol=1e-4, atol=1e-4 * max(1.0, float(np.abs(e).max(initial=0.0))))


def each(rng: Any, low: int, high: int, axes: int) -> Any:
    """A number, or one for each axis."""
    return int(rng.integers(low, high)) if rng.random() < 0.5 else tuple(rng.integers(low, high, axes).tolist())


def as_tuple(value: Any, axes: int) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,) * axes


def layout(rng: Any, x: Any) -> Any:
    """The same numbers, at times with the channels last in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if rng.random() < 0.5 else x


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("axes", AXES)
def test_conv(axes: int, seed: int) -> None:
    rng = np.random.default_rng((1, axes, seed))
    groups = int(rng.choice([1, 1, 2, 3]))
    channels, filters = groups * int(rng.integers(1, 11 - 3 * axes + 1)), groups * int(rng.integers(1, 4))
    kernel, dilation, padding = rng.integers(1, 4, axes), each(rng, 1, 3, axes), each(rng, 0, 3, axes)
    stride = each(rng, 1, 4, axes)
    if rng.random() < 0.3:
        padding, stride = str(rng.choice(["same", "valid"])), 1
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, as_tuple(dilation, axes), strict=True)]
    sizes = [span + int(rng.integers(0, 4)) for span in spans]
    x = layout(rng, rng.normal(size=(int(rng.integers(1, 4)), channels, *sizes)))
    arrays = [x, rng.normal(size=(filters, channels // groups, *kernel)), rng.normal(size=filters)]
    if rng.random() < 0.3:
        arrays.pop()
    options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    ours, theirs = getattr(F, f"conv{axes}d"), getattr(torch.nn.functional, f"conv{axes}d")
    compare(lambda *a: ours(*a, **options), lambda *a: theirs(*a, **options), *arrays)
    single(arrays, lambda *a: ours(*a, **options), lambda *a: theirs(*a, **options))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("axes", AXES)
def test_conv_transpose(axes: int, seed: int) -> None:
    rng = np.random.default_rng((2, axes, seed))
    groups = int(rng.choice([1, 1, 2, 3]))
    channels, filters = groups * int(rng.integers(1, 4)), groups * int(rng.integers(1, 4))
    kernel, dilation, stride = rng.integers(1, 4, axes), each(rng, 1, 3, axes), each(rng, 1, 4, axes)
    limits = [max(s, d) for s, d in zip(as_tuple(stride, axes), as_tuple(dilation, axes), strict=True)]
    output_padding = tuple(int(rng.integers(0, limit)) for limit in limits)
    sizes = rng.integers(2, 5, axes)
    lengths = [
        (n - 1) * s + d * (k - 1) + 1
        for n, s, d, k in zip(sizes, as_tuple(stride, axes), as_tuple(dilation, axes), kernel, strict=True)
    ]
    padding = tuple(int(rng.integers(0, min(3, (n + 1) // 2))) for n in lengths)
    arrays = [
        layout(rng, rng.normal(size=(int(rng.integers(1, 4)), channels, *sizes))),
        rng.normal(size=(channels, filters // groups, *kernel)),
        rng.normal(size=filters),
    ]
    options = dict(stride=stride, padding=padding, output_padding=output_padding, dilation=dilation, groups=groups)
    ours, theirs = getattr(F, f"conv_transpose{axes}d"), getattr(torch.nn.functional, f"conv_transpose{axes}d")
    compare(lambda *a: ours(*a, **options), lambda *a: theirs(*a, **options), *arrays)
    single(arrays, lambda *a: ours(*a, **options), lambda *a: theirs(*a, **options))


@pytest.mark.parametrize(
    ("size", "channels", "filters", "groups", "batch"),
    [(70, 64, 8, 1, 2), (24, 3, 16, 1, 33), (20, 16, 16, 16, 40), (150, 20, 3, 1, 1), (10, 64, 64, 2, 50)],
)
def test_conv_of_many_blocks(size: int, channels: int, filters: int, groups: int, batch: int) -> None:
    """Inputs whose windows do not fit into one block of the kernels."""
    rng = np.random.default_rng(3)
    arrays = [
        rng.normal(size=(batch, channels, size, size)),
        rng.normal(size=(filters, channels // groups, 3, 3)),
        rng.normal(size=filters),
    ]
    for stride, padding in ((1, 1), (2, 0)):
        options = dict(stride=stride, padding=padding, groups=groups)
        compare(
            lambda *a, o=options: F.conv2d(*a, **o),
            lambda *a, o=options: torch.nn.functional.conv2d(*a, **o),
            *arrays,
            order=1,
        )


def pool_options(rng: Any, axes: int, dilated: bool) -> tuple[dict[str, Any], list[int]]:
    kernel = each(rng, 1, 4, axes)
    options: dict[str, Any] = dict(kernel_size=kernel, ceil_mode=bool(rng.random() < 0.5))
    if rng.random() < 0.7:
        options["stride"] = each(rng, 1, 4, axes)
    options["padding"] = tuple(int(rng.integers(0, k // 2 + 1)) for k in as_tuple(kernel, axes))
    dilation = each(rng, 1, 3, axes) if dilated else 1
    if dilated:
        options["dilation"] = dilation
    spans = [d * (k - 1) + 1 for k, d in zip(as_tuple(kernel, axes), as_tuple(dilation, axes), strict=True)]
    return options, [span + int(rng.integers(0, 5)) for span in spans]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("axes", AXES)
def test_max_pool(axes: int, seed: int) -> None:
    rng = np.random.default_rng((4, axes, seed))
    options, sizes = pool_options(rng, axes, True)
    # Few different numbers, so that many are equal: of those the first is the largest, in both.
    x = layout(rng, rng.integers(-4, 0, size=(2, 3, *sizes)).astype(float))
    ours, theirs = getattr(F, f"max_pool{axes}d"), getattr(torch.nn.functional, f"max_pool{axes}d")
    compare(lambda a: ours(a, **options), lambda a: theirs(a, **options), x)
    single([x], lambda a: ours(a, **options), lambda a: theirs(a, **options))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("axes", AXES)
def test_avg_pool(axes: int, seed: int) -> None:
    rng = np.random.default_rng((5, axes, seed))
    options, sizes = pool_options(rng, axes, False)
    options["count_include_pad"] = bool(rng.random() < 0.5)
    x = layout(rng, rng.normal(size=(2, 3, *sizes)))
    ours, theirs = getattr(F, f"avg_pool{axes}d"), getattr(torch.nn.functional, f"avg_pool{axes}d")
    compare(lambda a: ours(a, **options), lambda a: theirs(a, **options), x)
    single([x], lambda a: ours(a, **options), lambda a: theirs(a, **options))


@pytest.mark.parametrize("kind", ["avg", "max"])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("axes", AXES)
def test_adaptive_pool(axes: int, seed: int, kind: str) -> None:
    rng = np.random.default_rng((6, axes, seed))
    x = rng.normal(size=(2, 3, *rng.integers(1, 8, axes)))
    size = each(rng, 1, 7, axes)
    ours = getattr(F, f"adaptive_{kind}_pool{axes}d")
    theirs = getattr(torch.nn.functional, f"adaptive_{kind}_pool{axes}d")
    compare(lambda a: ours(a, size), lambda a: theirs(a, size), x)
    single([x], lambda a: ours(a, size), lambda a: theirs(a, size))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("axes", AXES)
def test_interpolate(axes: int, seed: int) -> None:
    rng = np.random.default_rng((7, axes, seed))
    x = rng.normal(size=(2, 3, *rng.integers(1, 7, axes)))
    mode = ["nearest", {1: "linear", 2: "bilinear", 3: "trilinear"}[axes]][seed % 2]
    if axes == 2 and seed > 4:
        mode = "bicubic"
    options: dict[str, Any] = dict(mode=mode)
    if rng.random() < 0.5:
        options["size"] = tuple(rng.integers(1, 13, axes).tolist())
    else:
        options["scale_factor"] = [1.0, 2.0, 1.7, 3.0][seed % 4]
    corners = mode != "nearest" and bool(rng.random() < 0.5)
    theirs = dict(options, align_corners=corners) if mode != "nearest" else options
    compare(
        lambda a: F.interpolate(a, align_corners=corners, **options),
        lambda a: torch.nn.functional.interpolate(a, **theirs),
        x,
    )


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("axes", AXES)
def test_lp_pool(axes: int, seed: int) -> None:
    rng = np.random.default_rng((9, axes, seed))
    options, sizes = pool_options(rng, axes, False)
    del options["padding"]
    if axes == 1:  # of which PyTorch takes numbers alone
        options = {name: value[0] if isinstance(value, tuple) else value for name, value in options.items()}
    power = [2, 1, 3, 0.5, 2.7, 4.0][seed % 6]
    x = layout(rng, rng.uniform(-2 if power in (2, 4) else 0.1, 2, size=(2, 3, *sizes)))
    ours, theirs = getattr(F, f"lp_pool{axes}d"), getattr(torch.nn.functional, f"lp_pool{axes}d")
    compare(lambda a: ours(a, power, **options), lambda a: theirs(a, power, **options), x)
    single([x], lambda a: ours(a, power, **options), lambda a: theirs(a, power, **options))


@pytest.mark.parametrize("power", [1, 2, 3])
def test_lp_pool_of_zeros_has_no_slope(power: int) -> None:
    x = np.array([[[0.0, 0.0, 1.0, 2.0]]])
    v, t = Variable(x), torch.tensor(x, requires_grad=True)
    (F.lp_pool1d(v, power, 2) * np.array([3.0, -2.0])).sum().backward()
    torch.nn.functional.lp_pool1d(t, power, 2).backward(torch.tensor([[[3.0, -2.0]]]))
    np.testing.assert_allclose(v.grad.data, t.grad.numpy(), rtol=1e-12)


ALONE = {
    "Conv": dict(kernel_size=3, stride=2, padding=1, dilation=1),
    "ConvTranspose": dict(kernel_size=3, stride=2, padding=1, output_padding=1),
    "MaxPool": dict(kernel_size=3, stride=2, padding=1, ceil_mode=True),
    "AvgPool": dict(kernel_size=3, stride=2, padding=1, count_include_pad=False),
    "LPPool": dict(norm_type=2, kernel_size=3, stride=2, ceil_mode=True),
    "AdaptiveAvgPool": dict(output_size=3),
    "AdaptiveMaxPool": dict(output_size=3),
    "InstanceNorm": {},
}


@pytest.mark.parametrize("kind", ALONE)
@pytest.mark.parametrize("axes", AXES)
def test_layers_of_one_example_without_a_batch(axes: int, kind: str) -> None:
    rng = np.random.default_rng((10, axes))
    options, sizes, own = ALONE[kind], (), {}
    if kind.startswith("Conv"):
        sizes, own = (2, 4), {"out_channels": 4, "dtype": np.float64}
    elif kind == "InstanceNorm":
        sizes, own = (2,), {"dtype": np.float64}
    theirs = getattr(torch.nn, f"{kind}{axes}d")(*sizes, **options).double()
    layer = getattr(layers, f"{kind}{axes}d")(**own, **options)
    x = rng.normal(size=(2, *(6, 5, 7)[:axes]))
    layer(x)  # which takes the number of channels from an example as well
    for (_, mine), other in zip(layer.named_parameters(), theirs.parameters(), strict=True):
        mine.data = other.detach().numpy()
    compare(layer, theirs, x)
    with pytest.raises(ShapeError, match="axes"):
        layer(x[0])


@pytest.mark.parametrize("axes", AXES)
def test_functions_of_one_example_without_a_batch(axes: int) -> None:
    rng = np.random.default_rng((11, axes))
    x, bias = rng.normal(size=(4, *(6, 5, 7)[:axes])), rng.normal(size=6)
    weight, back = rng.normal(size=(6, 2, *(3,) * axes)), rng.normal(size=(4, 3, *(3,) * axes))
    for name, kernel, options in (("conv", weight, dict(dilation=1)), ("conv_transpose", back, dict(output_padding=1))):
        options = dict(options, stride=2, padding=1, groups=2)
        mine, theirs = getattr(F, f"{name}{axes}d"), getattr(torch.nn.functional, f"{name}{axes}d")
        compare(lambda *a, f=mine, o=options: f(*a, **o), lambda *a, f=theirs, o=options: f(*a, **o), x, kernel, bias)


def test_windows_and_pixels() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(2, 4, 7, 6))
    options = dict(kernel_size=(3, 2), dilation=(1, 2), padding=(1, 0), stride=(2, 1))
    compare(lambda a: F.unfold(a, **options), lambda a: torch.nn.functional.unfold(a, **options), x)
    columns = rng.normal(size=F.unfold(x, **options).shape)
    compare(lambda a: F.fold(a, (7, 6), **options), lambda a: torch.nn.functional.fold(a, (7, 6), **options), columns)
    compare(lambda a: F.pixel_shuffle(a, 2), lambda a: torch.nn.functional.pixel_shuffle(a, 2), x)
    x = rng.normal(size=(2, 4, 6, 6))
    compare(lambda a: F.pixel_unshuffle(a, 3), lambda a: torch.nn.functional.pixel_unshuffle(a, 3), x)


def test_an_infinite_gradient_stays_where_it_belongs() -> None:
    x, g = np.array([[[1.0, 2.0, 4.0, 3.0]]]), np.array([[[np.inf, 1.0]]])
    v = Variable(x)
    t = torch.tensor(x, requires_grad=True)
    torch.nn.functional.max_pool1d(t, 2).backward(torch.tensor(g))
    F.sum(F.max_pool1d(v, 2) * g).backward()
    np.testing.assert_array_equal(v.grad.data, t.grad.numpy())
