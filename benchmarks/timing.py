"""How long functions take, side by side in one process.

Libraries take turns in blocks, not in single runs: the threads of one library's matrix product go on spinning for
tens of milliseconds after it, and would take the processor from the next library.  So before each block there is
a pause and runs that are not counted.
"""

import gc
import statistics
import time

import numpy as np

PAUSE = 0.1  # seconds, until idle threads sleep
BLOCK = 0.1  # seconds that a block lasts at least


def check_equal(title, runs, tolerance, times=4):
    """Refuse to time what does not agree, on the first runs (which for training are steps after each other)."""
    for _ in range(times):
        answers = {library: np.asarray(run(), dtype=np.float64) for library, run in runs.items()}
        for library, answer in answers.items():
            message = f"{title}: {library} differs from torch"
            np.testing.assert_allclose(answer, answers["torch"], rtol=tolerance, err_msg=message)


def median_times(runs, rounds=11):
    """Seconds a run by library: the median over blocks, with each block's garbage collections in it."""
    counts = {library: _count(run) for library, run in runs.items()}
    times = {library: [] for library in runs}
    for _ in range(rounds):
        for library, run in runs.items():
            times[library].append(_block(run, counts[library]))
    return {library: statistics.median(values) for library, values in times.items()}


def _count(run):
    """How many runs make a block, by the fastest of a few."""
    fastest, start = float("inf"), time.perf_counter()
    for _ in range(5):
        before = time.perf_counter()
        run()
        fastest = min(fastest, time.perf_counter() - before)
        if time.perf_counter() - start > 1:
            break
    return max(1, round(BLOCK / fastest))


def _block(run, count):
    gc.collect()
    time.sleep(PAUSE)
    for _ in range(min(count - 1, 2)):
        run()
    start = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - start) / count
