"""The memory that training takes: how far the peak of a process rises above where it stood once all was set up.

Each library is measured in a process of its own, ``python -m benchmarks.memory LIBRARY NETWORK``; on Linux only.
"""

import ctypes
import gc
import subprocess
import sys
from pathlib import Path

from benchmarks import pictures
from benchmarks.networks import MNIST, STEPS, Network

# By title: the steps of each library, and what they are made of.
NETWORKS = {
    "784-1000-1000-10, batch 100": (STEPS, MNIST),
    "784-1000-1000-10, batch 2000": (STEPS, Network(MNIST.sizes, 2000, "relu", "Adam", 1e-3)),
    "10 layers of 512, batch 2000": (STEPS, Network((512,) * 11, 2000, "relu", "Adam", 1e-4)),
    "CNN, 32 and 64 kernels, batch 512": (pictures.STEPS, 512),
}


def measure(title):
    """MiB by library."""
    answer = {}
    for library in NETWORKS[title][0]:
        command = [sys.executable, "-m", "benchmarks.memory", library, title]
        answer[library] = float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return answer


def _measure_here(library, title):
    steps, argument = NETWORKS[title]
    step = steps[library](argument)
    # What a library's matrix product keeps for itself, once and for all, is no part of a step.
    STEPS[library](Network((300, 300, 3), 300, "relu", "SGD", 0.1))()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    for _ in range(3):
        step()
    return (_status("VmHWM") - before) / 1024


def _status(name):
    """A figure of this process, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


if __name__ == "__main__":
    print(_measure_here(*sys.argv[1:]))
