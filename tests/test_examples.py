"""Every example runs as a user would run it, small, and what it sets out to make smaller becomes smaller."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHAKESPEARE = ROOT.parent / "shared" / "data" / "tinyshakespeare" / "input.txt"
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))
# How much of what the last line tells of the beginning may be left at the end.
MOST = {
    "character_gpt": 0.9,
    "character_lstm": 0.9,
    "differential_equation": 0.2,
    "digits_cnn": 0.6,
    "gan": 0.7,
    "grad_cam": 0.6,
    "neural_style": 0.5,
    "regression_with_uncertainty": 0.5,
    "reinforce": 0.7,
    "rosenbrock": 0.01,
    "variational_autoencoder": 0.7,
}


def run(name: str, *arguments: str) -> tuple[float, float]:
    """What the last line says of the beginning and the end: ``... 2.3 -> 0.1``."""
    answer = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / f"{name}.py"), "--quick", *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr
    found = re.search(r"(-?[\d.]+) -> (-?[\d.]+)$", answer.stdout.strip())
    assert found, answer.stdout
    return float(found[1]), float(found[2])


def test_every_example_is_here() -> None:
    assert list(MOST) == EXAMPLES


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str) -> None:
    arguments = []
    if name.startswith("character"):
        if not SHAKESPEARE.exists():
            pytest.skip("Tiny Shakespeare is not beside the project")
        arguments = ["--text", str(SHAKESPEARE)]
    if name == "digits_cnn":
        pytest.importorskip("sklearn")
    first, last = run(name, *arguments)
    assert last < MOST[name] * first if first > 0 else last < first
