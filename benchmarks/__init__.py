"""Wengert beside PyTorch eager, the way of DeZero, and NumPy by hand, in one run: ``python -m benchmarks``."""

import os

# Two threads for every library, asked for before any of them is imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "2"
