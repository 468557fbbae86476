"""Models beside the same networks in PyTorch, with its weights, which are loaded from its files and saved for it.

The networks are written here with the names that torchvision and Hugging Face give their parameters.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wengert import Variable, layers, models, no_grad, test_mode
from wengert import functions as F
from wengert.interop import torch_weights
from wengert.optimizers import AdamW

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -e .[parity]")
from safetensors.torch import load_file, save_file  # noqa: E402 (they need it)
from torch import nn  # noqa: E402

# The same networks in PyTorch


def vgg16(batch_norm: bool, hidden: int, classes: int) -> Any:
    class VGG(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            parts: list[Any] = []
            before = 3
            for filters in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0):
                if not filters:
                    parts.append(nn.MaxPool2d(2, 2))
                    continue
                norm = [nn.BatchNorm2d(filters)] if batch_norm else []
                parts += [nn.Conv2d(before, filters, 3, padding=1), *norm, nn.ReLU()]
                before = filters
            self.features = nn.Sequential(*parts)
            self.avgpool = nn.AdaptiveAvgPool2d(7)
            self.classifier = nn.Sequential(
                nn.Linear(512 * 49, hidden),
                nn.ReLU(),
                nn.Dropout(0.0),
                nn.Linear(hidden, hidden),
                nn.ReLU(),
                nn.Dropout(0.0),
                nn.Linear(hidden, classes),
            )

        def forward(self, x: Any) -> Any:
            return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))

    return VGG()


class Basic(nn.Module):
    expansion = 1

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(before, width, stride)

    def forward(self, x: Any) -> Any:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (y + self.downsample(x)).relu()


class Narrow(nn.Module):
    expansion = 4

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = shortcut(before, 4 * width, stride)

    def forward(self, x: Any) -> Any:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()
        return (self.bn3(self.conv3(y)) + self.downsample(x)).relu()


def shortcut(before: int, after: int, stride: int) -> Any:
    if before == after and stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))


def resnet(block: Any, counts: tuple[int, ...], width: int, classes: int) -> Any:
    class ResNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.maxpool = nn.MaxPool2d(3, 2, 1)
            before = width
            for stage, count in enumerate(counts):
                blocks = []
                for position in range(count):
                    blocks.append(block(before, width << stage, 2 if stage and not position else 1))
                    before = (width << stage) * block.expansion
                setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
            self.fc = nn.Linear(before, classes)

        def forward(self, x: Any) -> Any:
            x = self.maxpool(self.bn1(self.conv1(x)).relu())
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            return self.fc(x.mean(dim=(2, 3)))

    return ResNet()


class Squeezing(nn.Module):
    def __init__(self, before: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(before, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, 4 * squeezed, 1)
        self.expand3x3 = nn.Conv2d(squeezed, 4 * squeezed, 3, padding=1)

    def forward(self, x: Any) -> Any:
        x = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(x).relu(), self.expand3x3(x).relu()], 1)


def squeezenet(version: str, classes: int) -> Any:
    def pool() -> Any:
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    def fires(*sizes: tuple[int, int]) -> list[Any]:
        return [Squeezing(*size) for size in sizes]

    first, middle, last = [(128, 16)], [(128, 32), (256, 32)], [(256, 48), (384, 48), (384, 64)]
    if version == "1.0":
        parts = [nn.Conv2d(3, 96, 7, 2), nn.ReLU(), pool(), *fires((96, 16), *first, (128, 32)), pool()]
        parts += [*fires((256, 32), *last), pool(), *fires((512, 64))]
    else:
        parts = [nn.Conv2d(3, 64, 3, 2), nn.ReLU(), pool(), *fires((64, 16), *first), pool()]
        parts += [*fires(*middle), pool(), *fires(*last, (512, 64))]

    class SqueezeNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(*parts)
            self.classifier = nn.Sequential(
                nn.Dropout(0.0), nn.Conv2d(512, classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
            )

        def forward(self, x: Any) -> Any:
            return torch.flatten(self.classifier(self.features(x)), 1)

    return SqueezeNet()


class Conv1D(nn.Module):
    def __init__(self, after: int, before: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(before, after))
        self.bias = nn.Parameter(torch.empty(after))

    def forward(self, x: Any) -> Any:
        return x @ self.weight + self.bias


class GPT2Attention(nn.Module):
    def __init__(self, size: int, heads: int, length: int) -> None:
        super().__init__()
        self.heads = heads
        self.register_buffer("bias", torch.tril(torch.ones(length, length)).view(1, 1, length, length))
        self.c_attn = Conv1D(3 * size, size)
        self.c_proj = Conv1D(size, size)

    def forward(self, x: Any) -> Any:
        n, t, size = x.shape
        q, k, v = (
            part.view(n, t, self.heads, size // self.heads).transpose(1, 2) for part in self.c_attn(x).split(size, 2)
        )
        scores = q @ k.transpose(2, 3) / (size // self.heads) ** 0.5
        scores = scores.masked_fill(self.bias[:, :, :t, :t] == 0, float("-inf"))
        return self.c_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, size))


class GPT2Block(nn.Module):
    def __init__(self, size: int, heads: int, length: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(size)
        self.attn = GPT2Attention(size, heads, length)
        self.ln_2 = nn.LayerNorm(size)
        self.mlp = nn.ModuleDict({"c_fc": Conv1D(4 * size, size), "c_proj": Conv1D(size, 4 * size)})

    def forward(self, x: Any) -> Any:
        x = x + self.attn(self.ln_1(x))
        hidden = nn.functional.gelu(self.mlp["c_fc"](self.ln_2(x)), approximate="tanh")
        return x + self.mlp["c_proj"](hidden)


class GPT2(nn.Module):
    def __init__(self, words: int, length: int, count: int, heads: int, size: int) -> None:
        super().__init__()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(words, size),
                "wpe": nn.Embedding(length, size),
                "h": nn.ModuleList([GPT2Block(size, heads, length) for _ in range(count)]),
                "ln_f": nn.LayerNorm(size),
            }
        )
        self.lm_head = nn.Linear(size, words, bias=False)
        self.lm_head.weight = self.transformer["wte"].weight

    def forward(self, ids: Any) -> Any:
        parts = self.transformer
        x = parts["wte"](ids) + parts["wpe"](torch.arange(ids.shape[1]))
        for block in parts["h"]:
            x = block(x)
        return self.lm_head(parts["ln_f"](x))


# How they are compared


def shaken(module: Any) -> Any:
    """Numbers everywhere that are not what things begin with."""
    generator = torch.Generator().manual_seed(0)
    for name, value in module.state_dict().items():
        if value.dtype.is_floating_point and ".attn.bias" not in name:
            noise = torch.randn(value.shape, generator=generator, dtype=torch.float64)
            if value.dim() > 1:
                value.copy_(noise * (2 / (value[0].numel())) ** 0.5)
            else:  # around one where it multiplies, and is above zero
                value.copy_(noise.abs() * 0.2 + (1 if name.endswith(("weight", "var")) else -0.1))
    return module


def state(module: Any) -> dict[str, Any]:
    return {name: value.clone().contiguous() for name, value in module.state_dict().items()}


def close(ours: Any, theirs: Any, tolerance: float, label: str) -> None:
    ours = ours.data if isinstance(ours, Variable) else ours
    theirs = theirs.detach().numpy()
    assert ours.dtype == theirs.dtype
    scale = np.abs(theirs).max()
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * scale, err_msg=label)


def check_files(path: Path, ours: Any, theirs: Any, fresh: Any) -> None:
    """Loaded from PyTorch's file, and what is saved is that file again."""
    save_file(state(theirs), path / "theirs")
    torch_weights.load(ours, path / "theirs")
    torch_weights.save(ours, path / "ours")
    back = load_file(path / "ours")
    wanted = {name: value for name, value in state(theirs).items() if not name.endswith(".attn.bias")}
    assert back.keys() == wanted.keys()
    for name, value in wanted.items():
        assert torch.equal(back[name], value) and back[name].dtype == value.dtype, name
    missing = fresh.load_state_dict(back, strict=False)
    assert not missing.unexpected_keys and all(name.endswith(".attn.bias") for name in missing.missing_keys)


CASES: dict[str, tuple[Callable[..., Any], Callable[[], Any]]] = {
    "vgg16": (lambda **o: models.VGG16(7, hidden=9, dropout=0.0, **o), lambda: vgg16(False, 9, 7)),
    "vgg16_bn": (
        lambda **o: models.VGG16(7, hidden=9, dropout=0.0, batch_norm=True, **o),
        lambda: vgg16(True, 9, 7),
    ),
    "resnet18": (lambda **o: models.ResNet18(7, width=8, **o), lambda: resnet(Basic, (2, 2, 2, 2), 8, 7)),
    "resnet34": (lambda **o: models.ResNet34(7, width=6, **o), lambda: resnet(Basic, (3, 4, 6, 3), 6, 7)),
    "resnet50": (lambda **o: models.ResNet50(7, width=6, **o), lambda: resnet(Narrow, (3, 4, 6, 3), 6, 7)),
    "resnet101": (lambda **o: models.ResNet101(7, width=4, **o), lambda: resnet(Narrow, (3, 4, 23, 3), 4, 7)),
    "resnet152": (lambda **o: models.ResNet152(7, width=4, **o), lambda: resnet(Narrow, (3, 8, 36, 3), 4, 7)),
    "squeezenet1_0": (
        lambda **o: models.SqueezeNet(7, version="1.0", dropout=0.0, **o),
        lambda: squeezenet("1.0", 7),
    ),
    "squeezenet1_1": (lambda **o: models.SqueezeNet(7, dropout=0.0, **o), lambda: squeezenet("1.1", 7)),
}


@pytest.mark.parametrize("name", CASES)
def test_images(name: str, tmp_path: Path) -> None:
    make, make_theirs = CASES[name]
    size = 32 if name.startswith("vgg") else 64
    x = np.random.default_rng(0).normal(size=(3, 3, size, size))
    labels = np.array([1, 0, 6])
    theirs = shaken(make_theirs().double())
    ours = make(dtype=np.float64)
    check_files(tmp_path, ours, theirs, make_theirs())

    single = make()
    torch_weights.load(single, {key: value.float() for key, value in state(theirs).items()})
    with test_mode():
        close(ours(x), theirs.eval()(torch.tensor(x)), 1e-8, "float64 in test mode")
        their_single = make_theirs().eval()
        their_single.load_state_dict(state(theirs))
        small = x.astype(np.float32)
        close(single(small), their_single(torch.tensor(small)), 1e-4, "float32 in test mode")

    # One step of training: the loss, every gradient, and the running statistics afterwards.
    loss = F.softmax_cross_entropy(ours(x), labels)
    loss.backward()
    their_loss = nn.functional.cross_entropy(theirs.train()(torch.tensor(x)), torch.tensor(labels))
    their_loss.backward()
    close(loss, their_loss, 1e-8, "loss")
    after = make(dtype=np.float64)
    gradients = {key: value.grad for key, value in theirs.named_parameters()}
    torch_weights.load(after, gradients | dict(theirs.named_buffers()))
    for (path, a), (_, b) in zip(ours.named_state(), after.named_state(), strict=True):
        computed = a.data if isinstance(a, layers.Buffer) else a.grad.data
        scale = max(np.abs(b.data).max(), 1e-6)  # the gradient of a bias before a norm is zero, but for rounding
        np.testing.assert_allclose(computed, b.data, rtol=1e-8, atol=1e-8 * scale, err_msg=path)


def test_gpt2(tmp_path: Path) -> None:
    ids = np.random.default_rng(0).integers(0, 20, (2, 9))
    theirs = shaken(GPT2(20, 12, 3, 2, 8).double())
    ours = models.GPT(20, 12, 3, 2, 8, dropout=0.0, dtype=np.float64)
    check_files(tmp_path, ours, theirs, GPT2(20, 12, 3, 2, 8))
    out, their_out = ours(ids), theirs(torch.tensor(ids))
    close(out, their_out, 1e-8, "scores")
    cotangent = np.random.default_rng(1).normal(size=out.shape)
    (out * cotangent).sum().backward()
    (their_out * torch.tensor(cotangent)).sum().backward()
    after = models.GPT(20, 12, 3, 2, 8, dtype=np.float64)
    torch_weights.load(after, {name: p.grad for name, p in theirs.named_parameters()})  # which has a tied one once
    for (label, a), (_, b) in zip(ours.named_parameters(), after.named_parameters(), strict=True):
        np.testing.assert_allclose(a.grad.data, b.data, rtol=1e-8, atol=1e-10, err_msg=label)

    # As on the Hub: the network without its head, and names without a beginning.
    bare = {n.removeprefix("transformer."): v for n, v in state(theirs).items() if not n.startswith("lm_head")}
    again = models.GPT(20, 12, 3, 2, 8, dropout=0.0, dtype=np.float64)
    torch_weights.load(again, bare)
    np.testing.assert_array_equal(again(ids).data, out.data)

    # Untied, and in single precision.
    loose = models.GPT(20, 12, 3, 2, 8, dropout=0.0, tied=False)
    torch_weights.load(loose, {name: value.float() for name, value in state(theirs).items()})
    close(loose(ids), theirs.float()(torch.tensor(ids)), 1e-4, "float32")


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_recurrent(kind: str, both_ways: bool, bias: bool, tmp_path: Path) -> None:
    def fresh() -> Any:
        return getattr(nn, kind)(3, 4, 2, bidirectional=both_ways, bias=bias).double()

    theirs = fresh()
    ours = getattr(layers, kind)(4, num_layers=2, bidirectional=both_ways, bias=bias, dtype=np.float64)  # size from the file
    check_files(tmp_path, ours, theirs, fresh())
    x = np.random.default_rng(0).normal(size=(5, 2, 3))
    close(ours(x)[0], theirs(torch.tensor(x))[0], 1e-10, "outputs")


@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_cells(kind: str, tmp_path: Path) -> None:
    theirs = getattr(nn, kind)(3, 4).double()
    ours = getattr(layers, kind)(4, dtype=np.float64)
    check_files(tmp_path, ours, theirs, getattr(nn, kind)(3, 4).double())
    x = np.random.default_rng(0).normal(size=(2, 3))
    out, their_out = ours(x), theirs(torch.tensor(x))
    close(out[0] if kind == "LSTMCell" else out, their_out[0] if kind == "LSTMCell" else their_out, 1e-10, "state")


@pytest.mark.parametrize("sizes", [(None, None), (6, 5)])
def test_attention(sizes: Any, tmp_path: Path) -> None:
    def fresh() -> Any:
        return nn.MultiheadAttention(8, 2, kdim=sizes[0], vdim=sizes[1], batch_first=True).double()

    theirs = shaken(fresh())
    ours = layers.MultiHeadAttention(8, 2, key_size=sizes[0], value_size=sizes[1], dtype=np.float64)
    check_files(tmp_path, ours, theirs, fresh())
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(2, n, size or 8)) for n, size in ((3, 8), (4, sizes[0]), (4, sizes[1])))
    close(ours(q, k, v), theirs(*map(torch.tensor, (q, k, v)))[0], 1e-10, "out")


@pytest.mark.parametrize("norm_first", [False, True])
def test_transformers(norm_first: bool, tmp_path: Path) -> None:
    options: dict[str, Any] = {"dropout": 0.0, "norm_first": norm_first}

    def fresh() -> Any:
        their_options = options | {"batch_first": True, "dtype": torch.float64}
        encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 12, **their_options), 2, nn.LayerNorm(8).double(), False
        )
        decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 12, **their_options), 2)
        return nn.ModuleDict({"encoder": encoder, "decoder": decoder})

    ours = layers.Layer()
    options["dtype"] = np.float64
    ours.encoder = layers.TransformerEncoder(
        [layers.TransformerEncoderLayer(8, 2, 12, **options) for _ in range(2)], norm=layers.LayerNorm(8, dtype=np.float64)
    )
    ours.decoder = layers.TransformerDecoder([layers.TransformerDecoderLayer(8, 2, 12, **options) for _ in range(2)])
    del options["dtype"]
    theirs = shaken(fresh())
    check_files(tmp_path, ours, theirs, fresh())
    x, y = (np.random.default_rng(i).normal(size=(2, 4, 8)) for i in range(2))
    memory = theirs["encoder"](torch.tensor(x))
    close(ours.encoder(x), memory, 1e-8, "encoder")
    mask = nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)
    out = theirs["decoder"](torch.tensor(y), memory, tgt_mask=mask, tgt_is_causal=True)
    close(ours.decoder(y, ours.encoder(x)), out, 1e-8, "decoder")


def test_norms_embeddings_and_convolutions(tmp_path: Path) -> None:
    def fresh() -> Any:
        return nn.ModuleList(
            [
                nn.Embedding(9, 4),
                nn.Conv1d(4, 6, 3, groups=2),
                nn.ConvTranspose1d(6, 4, 3, groups=2),
                nn.BatchNorm1d(4, momentum=None),
                nn.InstanceNorm1d(4, affine=True, track_running_stats=True),
                nn.GroupNorm(2, 4),
                nn.PReLU(4),
                nn.LayerNorm(10),
                nn.Linear(10, 3, bias=False),
            ]
        ).double()

    f8 = np.float64
    ours = layers.Sequential(
        layers.Embedding(9, 4, dtype=f8),
        layers.Conv1d(6, 3, groups=2, dtype=f8),
        layers.ConvTranspose1d(4, 3, groups=2, dtype=f8),
        layers.BatchNorm1d(momentum=None, dtype=f8),
        layers.InstanceNorm1d(affine=True, track_running_stats=True, dtype=f8),
        layers.GroupNorm(2, 4, dtype=f8),
        layers.PReLU(4, dtype=f8),
        layers.LayerNorm(dtype=f8),
        layers.Linear(3, bias=False, dtype=f8),
    )

    ids = np.random.default_rng(0).integers(0, 9, (5, 10))

    def theirs_out(x: Any) -> Any:
        for position, module in enumerate(theirs):
            x = module(x)
            x = x.transpose(1, 2) if position == 0 else x
        return x

    def ours_out(x: Any) -> Any:
        for position, layer in enumerate(ours):
            x = layer(x)
            x = F.swapaxes(x, 1, 2) if position == 0 else x
        return x

    theirs = shaken(fresh())
    for _ in range(2):
        theirs_out(torch.tensor(ids))
    assert theirs[3].num_batches_tracked == 2
    theirs[4].num_batches_tracked.zero_()  # which PyTorch counts and does not use
    check_files(tmp_path, ours, theirs, fresh())
    assert ours[3].batches.data == 2
    close(ours_out(ids), theirs_out(torch.tensor(ids)), 1e-10, "training")
    close(ours[3].running_var, theirs[3].running_var, 1e-10, "running variance")
    with test_mode():
        theirs.eval()
        close(ours_out(ids), theirs_out(torch.tensor(ids)), 1e-10, "test")


def test_a_state_dict_itself(tmp_path: Path) -> None:
    theirs = nn.Linear(3, 2)
    ours = layers.Linear(2)
    torch_weights.load(ours, dict(theirs.named_parameters()))  # which need gradients
    np.testing.assert_array_equal(ours.weight.data.T, theirs.weight.detach().numpy())
    before = theirs.weight.detach().numpy().copy()
    ours.weight.data += 1
    np.testing.assert_array_equal(theirs.weight.detach().numpy(), before)  # which shares no memory

    half = nn.Linear(3, 2).bfloat16()
    torch_weights.load(ours, half.state_dict())
    np.testing.assert_array_equal(ours.weight.data.T, half.weight.detach().float().numpy())
    save_file(half.state_dict(), tmp_path / "half")
    again = layers.Linear(2)
    torch_weights.load(again, tmp_path / "half")
    np.testing.assert_array_equal(again.weight.data, ours.weight.data)
    assert again.weight.dtype == np.float32


@pytest.mark.long
def test_gpt_learns_as_in_torch() -> None:
    """From the same weights and batches the held-out losses stay together, to far less than their own noise."""
    path = Path(__file__).resolve().parents[3] / "shared" / "data" / "tinyshakespeare" / "input.txt"
    if not path.exists():
        pytest.skip("Tiny Shakespeare is not there")
    text = np.frombuffer(path.read_bytes(), np.uint8)
    words, ids = np.unique(text, return_inverse=True)
    length, size, steps = 64, 64, 400
    torch.manual_seed(0)
    theirs = GPT2(len(words), length, 2, 4, size)
    for name, value in theirs.named_parameters():
        if value.dim() > 1:
            nn.init.normal_(value, std=0.02)
        else:
            nn.init.constant_(value, 1.0 if "ln_" in name and name.endswith("weight") else 0.0)
    ours = models.GPT(len(words), length, 2, 4, size, dropout=0.0)
    torch_weights.load(ours, state(theirs))
    optimizer = AdamW(lr=1e-3, weight_decay=0.01).setup(ours)
    their_optimizer = torch.optim.AdamW(theirs.parameters(), lr=1e-3, weight_decay=0.01)
    rng = np.random.default_rng(0)
    cut = len(ids) * 9 // 10

    def batch(low: int, high: int, count: int) -> tuple[Any, Any]:
        rows = ids[rng.integers(low, high - length, count)[:, None] + np.arange(length + 1)]
        return rows[:, :-1], rows[:, 1:]

    def losses(x: Any, t: Any) -> tuple[Any, Any]:
        mine = F.softmax_cross_entropy(ours(x), t)
        scores = theirs(torch.from_numpy(x))
        return mine, nn.functional.cross_entropy(scores.flatten(0, 1), torch.from_numpy(t).flatten())

    for _ in range(steps):
        mine, other = losses(*batch(0, cut, 16))
        ours.cleargrads()
        mine.backward()
        optimizer.update()
        their_optimizer.zero_grad()
        other.backward()
        their_optimizer.step()
    with no_grad(), torch.no_grad():
        held_out = [losses(*batch(cut, len(ids), 16)) for _ in range(20)]
    mean, their_mean = (float(np.mean([pair[i].item() for pair in held_out])) for i in range(2))
    noise = float(np.std([pair[0].item() for pair in held_out]))
    print(f"held-out loss after {steps} steps: {mean:.4f}, PyTorch's {their_mean:.4f}, between batches {noise:.4f}")
    assert mean < 2.6
    assert abs(mean - their_mean) < 0.2 * noise
