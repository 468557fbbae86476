"""Time each case in turns, in one process, and print medians and ratios.

Each case gives the same figures in every library before it is timed.
"""

import gc
import statistics
import time

import numpy as np
import torch

from benchmarks.cases import CASES


def median_times(runs, rounds):
    for run in runs.values():
        run()
    times = {name: [] for name in runs}
    gc.collect()
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def main():
    torch.set_num_threads(2)
    print(f"{'case':<34}{'wengert':>12}{'torch':>12}{'by hand':>12}{'wengert/torch':>16}")
    for name, make, rounds in CASES:
        runs = make()
        answers = {library: np.asarray(run()) for library, run in runs.items()}
        for library, answer in answers.items():
            np.testing.assert_allclose(answer, answers["torch"], rtol=2e-3, atol=1e-5, err_msg=f"{name}: {library}")
        medians = median_times(runs, rounds)
        columns = "".join(
            f"{medians[library] * 1e6:>9.0f} µs" if library in medians else f"{'-':>12}"
            for library in ("wengert", "torch", "by hand")
        )
        print(f"{name:<34}{columns}{medians['wengert'] / medians['torch']:>16.2f}")


main()
