"""Regression that knows how sure it is.

The network gives a mean and a variance (Nix and Weigend 1994), and learns by the likelihood; five of them together
(Lakshminarayanan et al. 2017) also disagree where there were no data. What it says is checked on fresh data: of the
values, 90% should lie in its 90% intervals.

    python examples/regression_with_uncertainty.py
"""

import argparse

import numpy as np

import wengert
from wengert import functions as F
from wengert.data import Arrays, DataLoader
from wengert.models import MLP
from wengert.optimizers import Adam


def sample(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A wave whose noise grows from left to right, on [-1, 1]."""
    x = rng.uniform(-1, 1, (count, 1))
    y = np.sin(3 * x) + (0.05 + 0.15 * (x + 1)) * rng.standard_normal((count, 1))
    return x.astype(np.float32), y.astype(np.float32)


def split(out):
    """Mean and variance from what the network gives."""
    return out[:, :1], F.softplus(out[:, 1:]) + 1e-4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    options = parser.parse_args()
    epochs, members = (25, 2) if options.quick else (options.epochs, options.members)

    wengert.seed(0)
    rng = np.random.default_rng(0)
    x, y = sample(500, rng)
    x_test, y_test = sample(2000, rng)

    def loss_of(model: MLP, x: np.ndarray, y: np.ndarray) -> wengert.Variable:
        mean, variance = split(model(x))
        return F.gaussian_nll_loss(mean, y, variance, full=True)

    def predict(models: list[MLP], x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The mean, the variance of the noise, and the variance among the models."""
        with wengert.no_grad():
            outs = [split(model(x)) for model in models]
        means = np.stack([mean.data for mean, _ in outs])
        return means.mean(axis=0), np.mean([variance.data for _, variance in outs], axis=0), means.var(axis=0)

    models = [MLP((32, 32, 2), F.tanh, in_size=1) for _ in range(members)]
    with wengert.no_grad():
        first = np.mean([loss_of(model, x_test, y_test).item() for model in models])
    for i, model in enumerate(models, 1):
        optimizer = Adam(0.005).setup(model)
        for _ in range(epochs):
            for batch in DataLoader(Arrays(x, y), 50):
                loss = loss_of(model, *batch)
                model.cleargrads()
                loss.backward()
                optimizer.update()
        print(f"model {i}: training loss of the last batch {loss.item():.4f}")
    with wengert.no_grad():
        last = np.mean([loss_of(model, x_test, y_test).item() for model in models])

    mean, noise, among = predict(models, x_test)
    inside = np.abs(y_test - mean) < 1.645 * np.sqrt(noise + among)
    print(f"{inside.mean():.1%} of fresh values lie in the 90% intervals")
    for at in (-0.9, 0.9, 3.0):
        point = np.array([[at]], np.float32)
        _, noise, among = predict(models, point)
        truth = f"{0.05 + 0.15 * (at + 1):.3f}" if abs(at) <= 1 else "no data here"
        print(f"x = {at:4}: noise {noise.item() ** 0.5:.3f} (truth {truth}), among models {among.item() ** 0.5:.3f}")
    print(f"negative log-likelihood on fresh data {first:.4f} -> {last:.4f}")


if __name__ == "__main__":
    main()
