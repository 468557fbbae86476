"""A generative adversarial network (Goodfellow et al. 2014): points learn to lie on a ring of eight clusters.

Two networks play against each other, so neither loss tells how good the points are. That is measured here by the
energy distance between drawn points and real ones, which is zero where the distributions are the same.

    python examples/gan.py
"""

import argparse

import numpy as np

import wengert
from wengert import functions as F
from wengert.models import MLP
from wengert.optimizers import Adam

ANGLES = np.arange(8) * (np.pi / 4)
CENTRES = 2 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def real(count: int) -> np.ndarray:
    rng = wengert.random.generator()
    return (CENTRES[rng.integers(0, 8, count)] + 0.1 * rng.standard_normal((count, 2))).astype(np.float32)


def noise(count: int) -> np.ndarray:
    return wengert.random.generator().standard_normal((count, 2), dtype=np.float32)


def energy_distance(x: np.ndarray, y: np.ndarray) -> float:
    def mean_distance(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.linalg.norm(a[:, None] - b, axis=-1).mean())

    return 2 * mean_distance(x, y) - mean_distance(x, x) - mean_distance(y, y)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    options = parser.parse_args()
    steps = 600 if options.quick else options.steps

    wengert.seed(0)
    generator = MLP((64, 64, 2), F.relu, in_size=2)
    critic = MLP((64, 64, 1), F.leaky_relu, in_size=2)
    optimizer_g = Adam(0.001, beta1=0.5).setup(generator)
    optimizer_c = Adam(0.001, beta1=0.5).setup(critic)
    ones, zeros = np.ones((128, 1), np.float32), np.zeros((128, 1), np.float32)
    loss = F.binary_cross_entropy_with_logits

    def evaluate() -> float:
        with wengert.no_grad():
            return energy_distance(generator(noise(1000)).data, real(1000))

    first = evaluate()
    for step in range(1, steps + 1):
        # The critic learns to tell real points from drawn ones, which are constants here.
        drawn = generator(noise(128))
        loss_c = loss(critic(real(128)), ones) + loss(critic(drawn.detach()), zeros)
        critic.cleargrads()
        loss_c.backward()
        optimizer_c.update()
        # The generator learns to be taken for real.
        loss_g = loss(critic(drawn), ones)
        generator.cleargrads()
        loss_g.backward()
        optimizer_g.update()
        if step % (steps // 6) == 0:
            print(f"step {step}: critic {loss_c.item():.3f}, generator {loss_g.item():.3f}, distance {evaluate():.4f}")
    with wengert.no_grad():
        points = generator(noise(1000)).data
    distances = np.linalg.norm(points[:, None] - CENTRES, axis=-1)
    nearest = np.bincount(distances.argmin(axis=1), minlength=8)
    print(f"of 1000 points, nearest to each of the clusters: {nearest.tolist()}")
    print(f"within three standard deviations of one: {(distances.min(axis=1) < 0.3).mean():.0%} (of real ones 99%)")
    print(f"energy distance {first:.4f} -> {evaluate():.4f}")


if __name__ == "__main__":
    main()
