"""Wengert beside PyTorch eager and NumPy by hand, in one run: ``python -m benchmarks``."""
