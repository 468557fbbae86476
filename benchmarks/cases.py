"""The timed cases: each gives, for each library, a function that runs it once and returns figures to compare."""

import numpy as np
import torch

from benchmarks import dezero_style as dz
from benchmarks import pictures
from benchmarks.networks import MNIST, SPIRAL, STEPS
from wengert import Variable
from wengert import functions as F


def chain(length=100):
    """y = x c c ... c and the gradient in x, float32.

    The nearer to 1 is c the longer the chain, for on infinities and denormal numbers the processor takes other times.
    """
    rng = np.random.default_rng(0)
    x, c = (np.exp(rng.uniform(-1, 1, (10, 10)) / n).astype(np.float32) for n in (1, length))
    x_torch, c_torch = torch.tensor(x, requires_grad=True), torch.tensor(c)
    ones = torch.ones_like(x_torch)

    def run_on(x, c, backward, numbers):
        def run():
            x.grad = None
            y = x
            for _ in range(length):
                y = y * c
            backward(y)
            return numbers(x.grad)

        return run

    def by_hand():
        y, g = x, np.ones_like(x)
        for _ in range(length):
            y = y * c
        for _ in range(length):
            g = g * c
        return g

    return {
        "wengert": run_on(Variable(x), c, Variable.backward, lambda g: g.data),
        "torch": run_on(x_torch, c_torch, lambda y: y.backward(ones), lambda g: g.numpy()),
        "DeZero-style": run_on(dz.Variable(x), c, dz.Variable.backward, lambda g: g.data),
        "by hand": by_hand,
    }


def rosenbrock():
    """The value and both derivatives at (0, 2), on arrays of no axes."""
    a, b = np.array(0.0), np.array(2.0)

    def run_on(x0, x1, number):
        def run():
            x0.grad = x1.grad = None
            y = 100 * (x1 - x0**2) ** 2 + (x0 - 1) ** 2
            y.backward()
            return number(y), number(x0.grad), number(x1.grad)

        return run

    def by_hand():
        step, height = a - 1, b - a**2
        return 100 * height**2 + step**2, 2 * step - 400 * a * height, 200 * height

    return {
        "wengert": run_on(Variable(a), Variable(b), lambda v: v.data),
        "torch": run_on(*[torch.tensor(v, requires_grad=True) for v in (a, b)], lambda v: v.detach().numpy()),
        "DeZero-style": run_on(dz.Variable(a), dz.Variable(b), lambda v: v.data),
        "by hand": by_hand,
    }


def sixth_derivative():
    """The sixth derivative of tanh at 1, by differentiating six times.

    By hand it is a polynomial in tanh, found once: what no tape that runs six passes can come near.
    """
    x = np.array(1.0)
    p = np.polynomial.Polynomial([0, 1])
    for _ in range(6):
        p = p.deriv() * np.polynomial.Polynomial([1, 0, -1])
    coefficients = p.coef[::-1].tolist()

    def run_on(variable, tanh):
        def run():
            v = variable(x)
            y = tanh(v)
            for _ in range(6):
                v.cleargrad()
                y.backward(create_graph=True)
                y = v.grad
            v.cleargrad()
            return y.data

        return run

    def on_torch():
        v = torch.tensor(x, requires_grad=True)
        y = torch.tanh(v)
        for _ in range(6):
            (y,) = torch.autograd.grad(y, v, create_graph=True)
        return y.detach().numpy()

    def by_hand():
        t = np.tanh(x)
        y = 0.0
        for coefficient in coefficients:
            y = y * t + coefficient
        return y

    return {
        "wengert": run_on(Variable, F.tanh),
        "torch": on_torch,
        "DeZero-style": run_on(dz.Variable, lambda v: dz.Tanh()(v)),
        "by hand": by_hand,
    }


def training(network):
    """A step of training."""
    return lambda: {library: make(network) for library, make in STEPS.items()}


def pictures_of(rows):
    """A step of training a convolutional network."""
    return lambda: {library: make(rows) for library, make in pictures.STEPS.items()}


# By the name on the command line: title, case, and how far libraries may differ (DeZero adds Adam's eps elsewhere).
CASES = {
    "chain": ("100 multiplications, 10 x 10", chain, 1e-4),
    "rosenbrock": ("Rosenbrock", rosenbrock, 1e-12),
    "tanh": ("sixth derivative of tanh", sixth_derivative, 1e-9),
    "spiral": ("2-10-3 MLP, SGD, batch 30", training(SPIRAL), 1e-4),
    "cnn": ("CNN, 32 and 64 kernels, batch 64", pictures_of(64), 1e-3),
    "cnn-512": ("the same, batch 512", pictures_of(512), 1e-3),
    "mnist": ("784-1000-1000-10 MLP, Adam, batch 100", training(MNIST), 2e-3),
}
