"""Time the cases, the cost of an operation and memory, and print tables: all, or those named on the command line.

Each case gives the same figures in every library before it is timed.
"""

import gc
import os
import sys

import torch

from benchmarks import length, memory, observers
from benchmarks.cases import CASES
from benchmarks.networks import STEPS
from benchmarks.timing import check_equal, median_times


def head(title):
    columns = "".join(f"{library:>14}" for library in STEPS)
    ratios = "".join(f"{'/' + library:>14}" for library in STEPS if library != "wengert")
    print(f"\n{title:<38}{columns}   wengert{ratios}", flush=True)


def row(title, figures, unit, digits=0):
    columns = "".join(f"{_figure(figures, library, unit, digits):>14}" for library in STEPS)
    ratios = "".join(f"{_ratio(figures, library):>14}" for library in STEPS if library != "wengert")
    print(f"{title:<38}{columns}{'':>10}{ratios}", flush=True)


def _figure(figures, library, unit, digits):
    return f"{figures[library]:,.{digits}f} {unit}" if library in figures else "-"


def _ratio(figures, library):
    return f"{figures['wengert'] / figures[library]:.2f}" if library in figures else "-"


def main(names):
    known = (*CASES, "length", "memory", "observers")
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"there is no case {unknown[0]!r}; there are {', '.join(known)}.")
    names = names or known
    torch.set_num_threads(2)
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    print(f"{cores} cores, load {load:.1f}" + (": busy, so trust no figure below" if load > cores / 2 else ""))
    gc.collect()
    gc.freeze()  # else each collection walks the imported libraries, torch's 200,000 objects among them
    if any(name in CASES for name in names):
        head("a run")
    for name in names:
        if name in CASES:
            title, make, tolerance = CASES[name]
            runs = make()
            check_equal(title, runs, tolerance)
            row(title, {library: seconds * 1e6 for library, seconds in median_times(runs).items()}, "µs", digits=1)
    if "length" in names:
        head("an operation, in a chain of")
        for count, figures in length.measure():
            row(f"{count:,}", figures, "µs", digits=2)
    if "memory" in names:
        head("peak memory of training")
        for title in memory.NETWORKS:
            row(title, memory.measure(title), "MiB", digits=1)
    if "observers" in names:
        labels = [label for label in observers.TOOLS if label != "bare"]
        print(f"\n{'a step watched, over the bare step':<38}{''.join(f'{label:>16}' for label in labels)}")
        for title, ratios in observers.measure():
            print(f"{title:<38}{''.join(f'{ratios[label]:>16.2f}' for label in labels)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
