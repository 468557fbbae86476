"""Grad-CAM (Selvaraju et al. 2017): where does a network look?

A small network learns to tell on which of four shapes a noisy picture has; the gradient of a score in the last
feature maps then says which places of the picture the score rests on. As the place of each shape is known, it is
counted how often the brightest point lies on the shape; by chance it would be about its share of the picture.

    python examples/grad_cam.py
"""

import argparse

import numpy as np

import wengert
from wengert import functions as F
from wengert.data import Arrays, DataLoader
from wengert.layers import BatchNorm, Conv2d, Linear, Sequential
from wengert.models import Model
from wengert.optimizers import Adam

SHAPES = np.array(
    [
        ["#####", "#...#", "#...#", "#...#", "#####"],  # a square
        ["..#..", "..#..", "#####", "..#..", "..#.."],  # a cross
        ["#...#", ".#.#.", "..#..", ".#.#.", "#...#"],  # a saltire
        ["#....", "##...", "###..", "####.", "#####"],  # a triangle
    ]
)


def pictures(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures (count, 1, 20, 20), their shapes, and where the shape lies (row, column)."""
    t = rng.integers(0, 4, count)
    places = rng.integers(0, 16, (count, 2))
    x = 0.2 * rng.standard_normal((count, 1, 20, 20))
    for picture, shape, (row, column) in zip(x, t, places, strict=True):
        picture[0, row : row + 5, column : column + 5] += [[c == "#" for c in line] for line in SHAPES[shape]]
    return x.astype(np.float32), t, places


class Network(Model):
    """Feature maps of the picture's size, then scores of their means."""

    def __init__(self) -> None:
        self.features = Sequential(
            *(Conv2d(16, 3, padding=1), BatchNorm(), F.relu),
            *(Conv2d(16, 3, padding=1), BatchNorm(), F.relu),
            *(Conv2d(16, 3, padding=1), F.relu),
        )
        self.scores = Linear(4)

    def head(self, maps):
        return self.scores(maps.max(axis=(2, 3)))

    def forward(self, x):
        return self.head(self.features(x))


def grad_cam(model: Network, x: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """For each picture a map (height, width) of what speaks for its class."""
    with wengert.test_mode(), wengert.no_grad():
        maps = model.features(x).data
        slopes = wengert.grad(lambda maps: model.head(maps)[np.arange(len(x)), classes].sum())(maps)
    weights = slopes.mean(axis=(2, 3), keepdims=True)  # how much each feature counts
    return np.maximum((weights * maps).sum(axis=1), 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    options = parser.parse_args()
    count, epochs = (300, 3) if options.quick else (2000, options.epochs)

    wengert.seed(0)
    rng = np.random.default_rng(0)
    x, t, _ = pictures(count, rng)
    x_test, t_test, places = pictures(200, rng)
    model = Network()
    optimizer = Adam(0.005).setup(model)
    losses = []
    for epoch in range(1, epochs + 1):
        total = 0.0
        for images, labels in DataLoader(Arrays(x, t), 32):
            loss = F.softmax_cross_entropy(model(images), labels)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            total += loss.item() * len(images)
        losses.append(total / count)
        print(f"epoch {epoch}: training loss {losses[-1]:.4f}")
    with wengert.no_grad(), wengert.test_mode():
        found = model(x_test).data.argmax(axis=1)
    maps = grad_cam(model, x_test, found)
    brightest = np.stack(np.unravel_index(maps.reshape(200, -1).argmax(axis=1), (20, 20)), axis=1)
    on_shape = ((brightest >= places) & (brightest < places + 5)).all(axis=1)
    for line in maps[0] / max(maps[0].max(), 1e-9):
        print("".join(" .:-=+*#%@"[int(point * 9.99)] for point in line))
    print(f"held-out accuracy {(found == t_test).mean():.3f}")
    print(f"the brightest point lies on the shape in {on_shape.mean():.0%}; by chance it would in {25 / 400:.0%}")
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")


if __name__ == "__main__":
    main()
