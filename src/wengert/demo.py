"""The demo: a network learns real handwritten digits, in seconds."""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from wengert import functions as F
from wengert import random, serialization
from wengert.core.modes import no_grad, test_mode
from wengert.data import Arrays, DataLoader, digits, mnist
from wengert.layers import Dropout, Layer, Linear, Sequential
from wengert.optimizers import AdamW
from wengert.visualize import plot_dot_graph
from wengert.visualize.plots import plot_curves

__all__ = ["run"]


def run(data: str, data_dir: Path | None, out: Path, epochs: int | None, seed: int) -> float:
    """Train, report, and write weights, curves and the graph of one step into ``out``, all at once at the end.

    Returns:
        The share of held-out digits that are told right.
    """
    random.seed(seed)
    if data == "mnist":
        assert data_dir is not None
        x, t = mnist(data_dir)
        held_out, epochs = len(x) // 5, epochs or 12
    else:
        x, t = digits()
        held_out, epochs = round(len(x) / 5), epochs or 50
    order = np.random.default_rng(seed).permutation(len(x))
    test, train = order[:held_out], order[held_out:]
    print(f"{data}: {len(train)} digits to learn from, {len(test)} held out")

    model = Sequential(Linear(256), F.relu, Dropout(0.4), Linear(256), F.relu, Dropout(0.4), Linear(10))
    optimizer = AdamW(lr=0.004, weight_decay=0.02).setup(model)
    loader = DataLoader(Arrays(x[train], t[train]), batch_size=64)
    losses: list[float] = []
    scores: list[float] = []
    start = time.perf_counter()
    loss: Any = None
    often = 0.1 if sys.stdout.isatty() else 1.0
    with tqdm(total=epochs * len(loader), unit="step", file=sys.stdout, dynamic_ncols=True, mininterval=often) as bar:
        for epoch in range(epochs):
            total = 0.0
            optimizer.lr = 0.004 * (1 - 0.95 * epoch / epochs)
            for images, labels in loader:
                loss = F.softmax_cross_entropy(model(images), labels)
                model.cleargrads()
                loss.backward()
                optimizer.update()
                total += loss.item() * len(images)
                bar.update()
            losses.append(total / len(train))
            scores.append(_accuracy(model, x[test], t[test]))
            bar.set_description(f"epoch {epoch + 1}/{epochs}")
            bar.set_postfix(loss=f"{losses[-1]:.4f}", accuracy=f"{scores[-1]:.4f}")
    print(f"held-out accuracy {scores[-1]:.4f} after {time.perf_counter() - start:.1f} s")

    step = F.softmax_cross_entropy(model(x[train[:64]]), t[train[:64]])
    written = _write(out, model, step, losses, scores)
    print(f"written into {out}: {', '.join(written)}")
    return scores[-1]


def _accuracy(model: Layer, x: Any, t: Any) -> float:
    with no_grad(), test_mode():
        return float(F.accuracy(model(x), t))


def _write(out: Path, model: Layer, step: Any, losses: list[float], scores: list[float]) -> list[str]:
    """Write everything into a folder of its own first, then move it into place file by file."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".writing-") as name:
        folder = Path(name)
        serialization.save(folder / "weights.safetensors", model)
        plot_curves({"training loss": losses, "held-out accuracy": scores}, folder / "curves.png")
        plot_dot_graph(step, to_file=folder / "graph.dot")
        plot_dot_graph(step, to_file=folder / "graph.svg")
        names = sorted(path.name for path in folder.iterdir())
        for each in names:
            (folder / each).replace(out / each)
    return names
