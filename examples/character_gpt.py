"""A small GPT learns to write, character by character, from any text.

    python examples/character_gpt.py --text shakespeare.txt

Without --text it looks for Tiny Shakespeare in ../shared/data, and takes its own documents otherwise.
"""

import argparse
from pathlib import Path

import numpy as np

import wengert
from wengert import functions as F
from wengert.models import GPT
from wengert.optimizers import AdamW, ClipGrad

ROOT = Path(__file__).resolve().parent.parent
SHAKESPEARE = ROOT.parent / "shared" / "data" / "tinyshakespeare" / "input.txt"


def read(path: str | None) -> str:
    if path is not None:
        return Path(path).read_text(encoding="utf-8")
    if SHAKESPEARE.exists():
        return SHAKESPEARE.read_text(encoding="utf-8")
    return "".join(file.read_text(encoding="utf-8") for file in sorted(ROOT.glob("*.md")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", help="the file to learn from")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    options = parser.parse_args()
    steps, size, length = (30, 32, 32) if options.quick else (options.steps, 96, 64)

    wengert.seed(0)
    text = read(options.text)
    characters = sorted(set(text))
    number = {character: i for i, character in enumerate(characters)}
    ids = np.array([number[character] for character in text])
    cut = len(ids) * 9 // 10
    train, held_out = ids[:cut], ids[cut:]
    print(f"{len(text):,} characters, {len(characters)} different")

    model = GPT(len(characters), length, num_layers=2, heads=4, size=size, dropout=0.1)
    optimizer = AdamW(lr=0.002, weight_decay=0.01).setup(model)
    optimizer.add_hook(ClipGrad(1.0))
    rng = wengert.random.generator()

    def batch(source: np.ndarray, count: int = 16) -> tuple[np.ndarray, np.ndarray]:
        starts = rng.integers(0, len(source) - length, count)
        rows = source[starts[:, None] + np.arange(length + 1)]
        return rows[:, :-1], rows[:, 1:]

    def loss_of(x: np.ndarray, t: np.ndarray) -> wengert.Variable:
        return F.softmax_cross_entropy(model(x).reshape(-1, len(characters)), t.reshape(-1))

    def evaluate() -> float:
        with wengert.no_grad(), wengert.test_mode():
            return float(np.mean([loss_of(*batch(held_out)).item() for _ in range(4 if options.quick else 20)]))

    first = evaluate()
    for step in range(1, steps + 1):
        loss = loss_of(*batch(train))
        model.cleargrads()
        loss.backward()
        optimizer.update()
        if step % (steps // 10) == 0:
            print(f"step {step}: training loss {loss.item():.3f}")
    last = evaluate()
    written = model.generate(ids[:1], 60 if options.quick else 300, temperature=0.8)
    print("".join(characters[i] for i in written))
    print(f"held-out loss (nats a character) {first:.4f} -> {last:.4f}")


if __name__ == "__main__":
    main()
