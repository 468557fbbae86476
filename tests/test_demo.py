"""The command line, as a user would run it."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from wengert.cli import main

MNIST = Path(__file__).parent.parent.parent / "shared" / "data" / "mnist"


def test_digits(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "out")]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"weights.safetensors", "curves.png", "graph.dot", "graph.svg"} <= names
    assert not any(name.startswith(".") for name in names)
    last = [line for line in capsys.readouterr().out.splitlines() if "held-out accuracy" in line][-1]
    assert float(last.split()[2]) >= 0.97


@pytest.mark.skipif(not MNIST.exists(), reason="MNIST's files are not beside the project")
def test_mnist(tmp_path, capsys):
    arguments = ["demo", "--data", "mnist", "--data-dir", str(MNIST), "--epochs", "1", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    assert "8000 digits to learn from, 2000 held out" in capsys.readouterr().out


def damaged(folder, how):
    folder.mkdir()
    images, labels = folder / "t10k-images-idx3-ubyte.gz", folder / "t10k-labels-idx1-ubyte.gz"
    header = np.array([2051, 5, 28, 28], ">u4").tobytes()
    images.write_bytes(gzip.compress(header + bytes(5 * 784)))
    labels.write_bytes(gzip.compress(np.array([2049, 5], ">u4").tobytes() + bytes(5)))
    content = images.read_bytes()
    if how == "missing":
        images.unlink()
    elif how == "cut":
        images.write_bytes(content[:-12])
    elif how == "flipped":
        images.write_bytes(content[:-8] + bytes(8))
    elif how == "text":
        images.write_bytes(b"hello")
    elif how == "huge":
        images.write_bytes(gzip.compress(np.array([2051, 2**31, 28, 28], ">u4").tobytes()))
    elif how == "label":
        labels.write_bytes(gzip.compress(np.array([2049, 5], ">u4").tobytes() + bytes([11] * 5)))


@pytest.mark.parametrize("how", ["missing", "cut", "flipped", "text", "huge", "label"])
def test_a_damaged_file_is_one_line_that_names_it(tmp_path, capsys, how):
    damaged(tmp_path / "data", how)
    out = tmp_path / "out"
    assert main(["demo", "--data", "mnist", "--data-dir", str(tmp_path / "data"), "--out", str(out)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert ("labels" if how == "label" else "images") in error
    assert not out.exists()


def test_an_interrupted_run_writes_nothing(tmp_path, monkeypatch):
    from wengert.optimizers import AdamW

    def stop(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(AdamW, "update", stop)
    assert main(["demo", "--out", str(tmp_path / "out")]) == 130
    assert not (tmp_path / "out").exists()
    shutil.rmtree(tmp_path)
