"""An LSTM learns to write, character by character; it reads the text in order, and carries its state along.

Going back through time is cut off after every batch (truncated backpropagation).

    python examples/character_lstm.py --text shakespeare.txt

Without --text it looks for Tiny Shakespeare in ../shared/data, and takes its own documents otherwise.
"""

import argparse
from pathlib import Path

import numpy as np

import wengert
from wengert import functions as F
from wengert.models import LSTMLanguageModel
from wengert.optimizers import Adam, ClipGrad

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
    steps, size, length, readers = (30, 32, 25, 16) if options.quick else (options.steps, 128, 50, 32)

    wengert.seed(0)
    text = read(options.text)
    characters = sorted(set(text))
    number = {character: i for i, character in enumerate(characters)}
    ids = np.array([number[character] for character in text])
    cut = len(ids) * 9 // 10
    print(f"{len(text):,} characters, {len(characters)} different")

    model = LSTMLanguageModel(len(characters), size)
    optimizer = Adam(0.005).setup(model)
    optimizer.add_hook(ClipGrad(1.0))

    def loss_of(rows: np.ndarray, state: tuple | None) -> tuple[wengert.Variable, tuple]:
        scores, state = model(rows[:, :-1], state)
        return F.softmax_cross_entropy(scores.reshape(-1, len(characters)), rows[:, 1:].reshape(-1)), state

    def evaluate() -> float:
        rows = ids[cut:][: 8 * 201].reshape(8, 201)
        with wengert.no_grad(), wengert.test_mode():
            return float(loss_of(rows, None)[0].item())

    first = evaluate()
    share = (cut - 1) // readers  # of the text, for each of the readers
    state, at = None, 0
    for step in range(1, steps + 1):
        if at + length + 1 > share:
            state, at = None, 0
        rows = ids[np.arange(readers)[:, None] * share + at + np.arange(length + 1)]
        at += length
        loss, state = loss_of(rows, state)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        state = tuple(part.detach() for part in state)
        if step % (steps // 10) == 0:
            print(f"step {step}: training loss {loss.item():.3f}")
    last = evaluate()
    written = model.generate(ids[:1], 60 if options.quick else 300, temperature=0.8)
    print("".join(characters[i] for i in written))
    print(f"held-out loss (nats a character) {first:.4f} -> {last:.4f}")


if __name__ == "__main__":
    main()
