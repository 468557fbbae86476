"""One training step of an MLP in each library, from the same weights and batch.

Each step clears the gradients, goes forward and back, updates, and returns the loss.
A library is imported by the step that uses it, so that memory is measured with no other library around.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Network:
    """Linear layers of these sizes, the activation between them, softmax cross-entropy, and SGD or Adam."""

    sizes: tuple[int, ...]
    rows: int
    activation: str
    optimizer: str
    lr: float

    def start(self):
        """The batch, its labels, and weight and bias of each layer: the same for every library."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.rows, self.sizes[0]), dtype=np.float32)
        t = rng.integers(0, self.sizes[-1], self.rows)
        layers = []
        for before, after in zip(self.sizes, self.sizes[1:], strict=False):
            weight = rng.standard_normal((before, after), dtype=np.float32) * np.float32((2 / before) ** 0.5)
            layers.append((weight, np.zeros(after, dtype=np.float32)))
        return x, t, layers


SPIRAL = Network((2, 10, 3), 30, "sigmoid", "SGD", 0.1)
MNIST = Network((784, 1000, 1000, 10), 100, "relu", "Adam", 1e-3)


def wengert_step(network):
    from wengert import functions as F
    from wengert import optimizers
    from wengert.models import MLP

    x, t, layers = network.start()
    model = MLP(network.sizes[1:], activation=getattr(F, network.activation), in_size=network.sizes[0])
    for layer, (weight, bias) in zip(model.layers, layers, strict=True):
        layer.weight.data, layer.bias.data = weight, bias
    optimizer = getattr(optimizers, network.optimizer)(lr=network.lr).setup(model)

    def step():
        model.cleargrads()
        loss = F.softmax_cross_entropy(model(x), t)
        loss.backward()
        optimizer.update()
        return loss.item()

    return step


def torch_step(network):
    import torch

    torch.set_num_threads(2)
    x, t, layers = network.start()
    activation = {"sigmoid": torch.nn.Sigmoid, "relu": torch.nn.ReLU}[network.activation]
    modules = []
    for weight, bias in layers:
        linear = torch.nn.Linear(*weight.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight.T))
            linear.bias.copy_(torch.from_numpy(bias))
        modules += [linear, activation()]
    model = torch.nn.Sequential(*modules[:-1])
    optimizer = getattr(torch.optim, network.optimizer)(model.parameters(), lr=network.lr)
    x, t = torch.from_numpy(x), torch.from_numpy(t)

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), t)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def dezero_step(network):
    from benchmarks import dezero_style as dz

    x, t, layers = network.start()
    layers = [(dz.Variable(weight), dz.Variable(bias)) for weight, bias in layers]
    parameters = [each for layer in layers for each in layer]
    activation = {"sigmoid": dz.Sigmoid, "relu": dz.ReLU}[network.activation]
    optimizer = getattr(dz, network.optimizer)(parameters, network.lr)

    def step():
        for each in parameters:
            each.cleargrad()
        y = x
        for weight, bias in layers[:-1]:
            y = activation()(dz.Linear()(y, weight, bias))
        loss = dz.SoftmaxCrossEntropy(t)(dz.Linear()(y, *layers[-1]))
        loss.backward()
        optimizer.update()
        return loss.data.item()

    return step


def step_by_hand(network):
    """The limit: no tape, and every large array but the activations made once.

    Parameters lie in one flat array and gradients in another, so that an update is a few calls on arrays as long as
    the cache holds well, however many layers there are.
    """
    x, t, layers = network.start()
    p = np.concatenate([array.reshape(-1) for layer in layers for array in layer])
    g = np.empty_like(p)
    parameters, gradients, start = [], [], 0
    for array in (array for layer in layers for array in layer):
        for flat, views in ((p, parameters), (g, gradients)):
            views.append(flat[start : start + array.size].reshape(array.shape))
        start += array.size
    layers = list(zip(parameters[::2], parameters[1::2], gradients[::2], gradients[1::2], strict=True))
    rows, sigmoid = np.arange(network.rows), network.activation == "sigmoid"
    update = {"SGD": _sgd, "Adam": _adam}[network.optimizer](p, g, network.lr)

    def step():
        inputs, y = [], x
        for i, (weight, bias, _, _) in enumerate(layers):
            inputs.append(y)
            y = y @ weight
            y += bias
            if i == len(layers) - 1:
                break
            if sigmoid:
                np.negative(y, out=y)
                np.exp(y, out=y)
                y += 1
                np.reciprocal(y, out=y)
            else:
                np.maximum(y, 0, out=y)
        y -= y.max(axis=1, keepdims=True)
        score = y[rows, t]
        np.exp(y, out=y)
        total = y.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - score).mean()
        y /= total
        y[rows, t] -= 1
        y *= 1 / len(y)
        for i in reversed(range(len(layers))):
            weight, _, g_weight, g_bias = layers[i]
            np.matmul(inputs[i].T, y, out=g_weight)
            y.sum(axis=0, out=g_bias)
            if i:
                h = inputs[i]
                y = y @ weight.T
                y *= h * (1 - h) if sigmoid else h > 0
        update()
        return loss.item()

    return step


def _sgd(p, g, lr):
    def update():
        p.__isub__(lr * g)

    return update


def _adam(p, g, lr, beta1=0.9, beta2=0.999, eps=1e-8, piece=32768):
    m, v, scratch = np.zeros(p.shape, p.dtype), np.zeros(p.shape, p.dtype), np.empty(piece, p.dtype)
    pieces = []
    for start in range(0, p.size, piece):
        arrays = [array[start : start + piece] for array in (p, g, m, v)]
        pieces.append((*arrays, scratch[: len(arrays[0])]))
    t = 0

    def update():
        nonlocal t
        t += 1
        root = (1 - beta2**t) ** 0.5
        rate = lr * root / (1 - beta1**t)
        for p, g, m, v, s in pieces:
            m *= beta1
            np.multiply(g, 1 - beta1, out=s)
            m += s
            v *= beta2
            np.multiply(g, g, out=s)
            s *= 1 - beta2
            v += s
            np.sqrt(v, out=s)
            s += eps * root
            np.divide(m, s, out=s)
            s *= rate
            p -= s

    return update


STEPS = {"wengert": wengert_step, "torch": torch_step, "DeZero-style": dezero_step, "by hand": step_by_hand}
