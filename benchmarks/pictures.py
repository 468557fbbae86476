"""One training step of a small convolutional network, from the same weights and batch."""

import numpy as np

SHAPES = [(32, 1, 3, 3), (64, 32, 3, 3)]  # of the kernels; each is followed by ReLU and 2 x 2 max pooling


def start(rows):
    """The batch, its labels, and the weights: the same for both libraries."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, 1, 28, 28), dtype=np.float32)
    t = rng.integers(0, 10, rows)
    kernels = [rng.standard_normal(s, dtype=np.float32) * np.float32((2 / np.prod(s[1:])) ** 0.5) for s in SHAPES]
    return x, t, kernels, rng.standard_normal((64 * 7 * 7, 10), dtype=np.float32) * np.float32(0.02)


def wengert_step(rows):
    from wengert import functions as F
    from wengert import layers as L
    from wengert.layers import Sequential
    from wengert.optimizers import Adam

    x, t, kernels, weight = start(rows)
    blocks = [(L.Conv2d(s[0], 3, padding=1, in_channels=s[1]), F.relu, L.MaxPool2d(2)) for s in SHAPES]
    head = L.Linear(10, in_size=64 * 7 * 7)
    model = Sequential(*blocks[0], *blocks[1], L.Flatten(), head)
    for (convolution, _, _), kernel in zip(blocks, kernels, strict=True):
        convolution.weight.data, convolution.bias.data = kernel, np.zeros(len(kernel), np.float32)
    head.weight.data, head.bias.data = weight, np.zeros(10, np.float32)
    optimizer = Adam(lr=1e-3).setup(model)

    def step():
        model.cleargrads()
        loss = F.softmax_cross_entropy(model(x), t)
        loss.backward()
        optimizer.update()
        return loss.item()

    return step


def torch_step(rows):
    import torch

    torch.set_num_threads(2)
    x, t, kernels, weight = start(rows)
    modules = []
    for kernel in kernels:
        convolution = torch.nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
        with torch.no_grad():
            convolution.weight.copy_(torch.from_numpy(kernel))
            convolution.bias.zero_()
        modules += [convolution, torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
    head = torch.nn.Linear(64 * 7 * 7, 10)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight.T))
        head.bias.zero_()
    model = torch.nn.Sequential(*modules, torch.nn.Flatten(), head)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, t = torch.from_numpy(x), torch.from_numpy(t)

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), t)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


STEPS = {"wengert": wengert_step, "torch": torch_step}
