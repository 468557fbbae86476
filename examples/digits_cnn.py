"""A convolutional network learns handwritten digits, with the Trainer.

Real data: 1,797 digits of 8 by 8 points that come with scikit-learn, a fifth of them held out.

    python examples/digits_cnn.py
"""

import argparse

import numpy as np

import wengert
from wengert import functions as F
from wengert.data import Arrays, DataLoader, digits
from wengert.layers import BatchNorm, Conv2d, Dropout, Flatten, Linear, MaxPool2d, Sequential
from wengert.optimizers import Adam
from wengert.training import Accuracy, Checkpoint, CSVLog, EarlyStopping, Progress, Trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--folder", help="where to write checkpoints and a log; a run in it is resumed by --resume")
    parser.add_argument("--resume", action="store_true", help="go on from the latest checkpoint in the folder")
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    options = parser.parse_args()
    if options.resume and not options.folder:
        parser.error("--resume needs --folder")

    wengert.seed(0)
    x, t = digits(flat=False)
    order = np.random.default_rng(0).permutation(len(x))
    held_out, train = order[:360], order[360:]
    if options.quick:
        train = train[:400]
    model = Sequential(
        *(Conv2d(16, 3, padding=1), BatchNorm(), F.relu),
        *(Conv2d(32, 3, padding=1), BatchNorm(), F.relu, MaxPool2d(2)),
        *(Flatten(), Dropout(0.3), Linear(10)),
    )
    callbacks = [EarlyStopping("valid_accuracy", patience=5, mode="max"), Progress()]
    if options.folder:
        callbacks += [Checkpoint(options.folder), CSVLog(f"{options.folder}/log.csv")]
    trainer = Trainer(
        model,
        Adam(0.002),
        F.softmax_cross_entropy,
        DataLoader(Arrays(x[train], t[train]), batch_size=64),
        valid_loader=DataLoader(Arrays(x[held_out], t[held_out]), batch_size=360, shuffle=False),
        epochs=2 if options.quick else options.epochs,
        metrics=[Accuracy()],
        callbacks=callbacks,
    )
    history = trainer.fit(resume=options.folder if options.resume else None)
    best = max(row["valid_accuracy"] for row in history)
    print(f"held-out accuracy {best:.4f} (of {len(held_out)} digits, best epoch)")
    print(f"loss {history[0]['loss']:.4f} -> {history[-1]['loss']:.4f}")


if __name__ == "__main__":
    main()
