"""Neural style (Gatys et al. 2016): a picture with the content of one and the style of another.

It is not a network that learns here but the picture: its features are to be those of the content, and the products of
its features, the Gram matrices, those of the style. The features are those of a small random network, which carry
texture (Ustyuzhaninov et al. 2017) but know nothing of objects: expect patterns, and no painter.

    python examples/neural_style.py --out picture.png
"""

import argparse

import numpy as np

import wengert
from wengert import functions as F
from wengert.layers import Conv2d
from wengert.optimizers import Adam


def content_picture(size: int) -> np.ndarray:
    """A disc before a slope, (1, 3, size, size) of 0 to 1."""
    y, x = np.mgrid[0:size, 0:size] / size
    disc = (x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.09
    return np.stack([np.where(disc, 0.9, 0.2 * y), np.where(disc, 0.6, 0.3 * x), np.where(disc, 0.1, 0.5)])[None]


def style_picture(size: int) -> np.ndarray:
    """Waves of three colours, (1, 3, size, size) of 0 to 1."""
    y, x = np.mgrid[0:size, 0:size]
    return np.stack([0.5 + 0.5 * np.sin(x / 1.5 + y / k) for k in (2.0, 3.0, 5.0)])[None]


def gram(maps):
    """How often features occur together, wherever they do: (features, features)."""
    rows = maps.reshape(maps.shape[1], -1)
    return F.matmul(rows, rows.T) / rows.shape[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--out", help="a PNG file to write (by Matplotlib)")
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    options = parser.parse_args()
    steps, size = (30, 24) if options.quick else (options.steps, options.size)

    wengert.seed(0)
    layers = [Conv2d(24, 3, padding=1), Conv2d(24, 3, padding=1), Conv2d(24, 3, padding=1)]

    def features(picture):
        found = []
        for layer in layers:
            picture = F.relu(layer(picture))
            found.append(picture)
        return found

    content, style = (make(size).astype(np.float32) for make in (content_picture, style_picture))
    with wengert.no_grad():
        wanted_content = features(content)[1].data
        wanted_style = [gram(maps).data for maps in features(style)]

    picture = wengert.Parameter(content.copy(), "picture")
    optimizer = Adam(0.02).setup([picture])
    first = None
    for step in range(steps + 1):
        maps = features(picture)
        content_loss = F.mean_squared_error(maps[1], wanted_content)
        style_loss = sum(F.mean_squared_error(gram(m), g) for m, g in zip(maps, wanted_style, strict=True))
        loss = content_loss + 30 * style_loss
        first = loss.item() if first is None else first
        if step % (steps // 5) == 0:
            print(f"step {step}: content {content_loss.item():.5f}, style {style_loss.item():.5f}")
        if step < steps:
            picture.cleargrad()
            loss.backward()
            optimizer.update()
            picture.data = np.clip(picture.data, 0, 1)
    if options.out:
        from matplotlib.image import imsave

        imsave(options.out, np.moveaxis(picture.data[0], 0, -1))
    print(f"loss {first:.4f} -> {loss.item():.4f}")


if __name__ == "__main__":
    main()
