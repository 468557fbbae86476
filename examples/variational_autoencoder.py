"""A variational autoencoder (Kingma and Welling 2014) learns to draw digits.

Its loss is the negative lower bound of the likelihood: how badly a digit is redrawn, and how far its code is from a
standard normal distribution.

    python examples/variational_autoencoder.py
"""

import argparse

import numpy as np

import wengert
from wengert import functions as F
from wengert.data import Arrays, DataLoader, digits
from wengert.layers import Linear
from wengert.models import Model
from wengert.optimizers import Adam


class VariationalAutoencoder(Model):
    """From a picture the mean and the log-variance of its code, and from a code the logits of a picture."""

    def __init__(self, points: int, hidden: int, code: int) -> None:
        self.code = code
        self.encoder = Linear(hidden, in_size=points)
        self.mean, self.log_variance = Linear(code, in_size=hidden), Linear(code, in_size=hidden)
        self.decoder, self.logits = Linear(hidden, in_size=code), Linear(points, in_size=hidden)

    def decode(self, z):
        return self.logits(F.relu(self.decoder(z)))

    def forward(self, x):
        h = F.relu(self.encoder(x))
        mean, log_variance = self.mean(h), self.log_variance(h)
        noise = wengert.random.generator().standard_normal(mean.shape).astype(mean.dtype)
        z = mean + F.exp(log_variance / 2) * noise  # so that the gradient passes through mean and variance
        redrawn = F.binary_cross_entropy_with_logits(self.decode(z), x, reduction="sum")
        divergence = (mean**2 + F.exp(log_variance) - log_variance - 1).sum() / 2
        return (redrawn + divergence) / len(x)


def show(pictures: np.ndarray) -> None:
    """Pictures of 8 by 8 points side by side, as text."""
    for row in np.concatenate(pictures.reshape(-1, 8, 8), axis=1):
        print("".join(" .:-=+*#%@"[int(point * 9.99)] for point in row))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    options = parser.parse_args()
    epochs = 5 if options.quick else options.epochs

    wengert.seed(0)
    x, _ = digits()
    train, held_out = x[:1437], x[1437:]
    model = VariationalAutoencoder(64, 128, 8)
    optimizer = Adam(0.002).setup(model)

    def evaluate() -> float:
        with wengert.no_grad():
            return model(held_out).item()

    first = evaluate()
    for epoch in range(1, epochs + 1):
        for (batch,) in DataLoader(Arrays(train), 64):
            loss = model(batch)
            model.cleargrads()
            loss.backward()
            optimizer.update()
        if epoch % max(1, epochs // 10) == 0:
            print(f"epoch {epoch}: held-out loss {evaluate():.2f}")
    with wengert.no_grad():
        drawn = F.sigmoid(model.decode(wengert.random.generator().standard_normal((8, model.code), dtype=np.float32)))
    show(drawn.data)
    print(f"held-out loss (nats a picture) {first:.4f} -> {evaluate():.4f}")


if __name__ == "__main__":
    main()
