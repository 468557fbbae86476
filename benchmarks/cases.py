"""The cases: each gives, for each library, a function that runs it once and returns a figure to compare."""

import numpy as np
import torch

import wengert
from wengert import Variable
from wengert import functions as F
from wengert.models import MLP
from wengert.optimizers import SGD, Adam


def chain():
    rng = np.random.default_rng(0)
    x, c = (rng.uniform(0.9, 1.1, (10, 10)).astype("f") for _ in range(2))
    v, tx, tc = Variable(x), torch.tensor(x, requires_grad=True), torch.tensor(c)

    def ours():
        v.cleargrad()
        y = v
        for _ in range(100):
            y = y * c
        y.backward()
        return v.grad.data

    def theirs():
        tx.grad = None
        y = tx
        for _ in range(100):
            y = y * tc
        y.backward(torch.ones_like(y))
        return tx.grad.numpy()

    def by_hand():
        y = x
        for _ in range(100):
            y = y * c
        g = np.ones_like(y)
        for _ in range(100):
            g = g * c
        return g

    return {"wengert": ours, "torch": theirs, "by hand": by_hand}


def rosenbrock():
    def run(x0, x1, numbers, backward):
        def once():
            for x in (x0, x1):
                x.grad = None
            y = 100 * (x1 - x0**2) ** 2 + (x0 - 1) ** 2
            backward(y)
            return numbers(x0.grad), numbers(x1.grad)

        return once

    ours = run(Variable(np.array(0.0)), Variable(np.array(2.0)), lambda g: g.item(), lambda y: y.backward())
    leaf = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (0.0, 2.0)]
    return {"wengert": ours, "torch": run(*leaf, lambda g: g.item(), lambda y: y.backward())}


def sixth_derivative():
    x = np.array(1.0)

    def ours():
        v = Variable(x)
        y = F.tanh(v)
        for _ in range(6):
            v.cleargrad()
            y.backward(create_graph=True)
            y = v.grad
        v.cleargrad()
        return y.item()

    def theirs():
        v = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
        y = torch.tanh(v)
        for _ in range(6):
            (y,) = torch.autograd.grad(y, v, create_graph=True)
        return y.item()

    return {"wengert": ours, "torch": theirs}


def network(sizes, rows, activation, adam):
    def make():
        wengert.seed(0)
        rng = np.random.default_rng(0)
        x = rng.normal(size=(rows, sizes[0])).astype("f")
        t = rng.integers(0, sizes[-1], rows)
        ours_f, theirs_f = activation
        model = MLP(sizes[1:], activation=ours_f, in_size=sizes[0])
        optimizer = (Adam(lr=1e-3) if adam else SGD(lr=0.1)).setup(model)
        modules = []
        for layer in model.layers:
            linear = torch.nn.Linear(*layer.weight.shape)
            with torch.no_grad():
                linear.weight.copy_(torch.tensor(layer.weight.data.T.copy()))
                linear.bias.copy_(torch.tensor(layer.bias.data.copy()))
            modules += [linear, theirs_f()]
        net = torch.nn.Sequential(*modules[:-1])
        step = torch.optim.Adam(net.parameters(), lr=1e-3) if adam else torch.optim.SGD(net.parameters(), lr=0.1)
        tx, tt = torch.tensor(x), torch.tensor(t)

        def ours():
            loss = F.softmax_cross_entropy(model(x), t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            return loss.data

        def theirs():
            loss = torch.nn.functional.cross_entropy(net(tx), tt)
            step.zero_grad()
            loss.backward()
            step.step()
            return loss.detach().numpy()

        return {"wengert": ours, "torch": theirs}

    return make


SIGMOID = (F.sigmoid, torch.nn.Sigmoid)
RELU = (F.relu, torch.nn.ReLU)
CASES = [
    ("100 multiplications, 10 x 10", chain, 300),
    ("Rosenbrock", rosenbrock, 1000),
    ("sixth derivative of tanh", sixth_derivative, 30),
    ("spiral MLP, SGD", network((2, 10, 3), 30, SIGMOID, False), 1000),
    ("784-1000-1000-10 MLP, Adam", network((784, 1000, 1000, 10), 100, RELU, True), 60),
]
