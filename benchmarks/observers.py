"""What the tools that watch cost: a step inside each of them, over the bare step."""

import contextlib

import wengert
from benchmarks.cases import CASES
from benchmarks.timing import median_times

TOOLS = {
    "bare": contextlib.nullcontext,
    "an observer": lambda: wengert.observing(wengert.Observer()),
    "detect_anomaly": wengert.detect_anomaly,
    "guard": wengert.guard,
    "profile": wengert.profile,
    "trace": wengert.trace,
}
STEPS = ("chain", "mnist", "cnn")


def inside(tool, step):
    """The step, run inside a tool."""

    def run():
        with tool():
            return step()

    return run


def measure():
    """Yield the title of each case with the ratio to the bare step, by tool."""
    for name in STEPS:
        title, make, _ = CASES[name]
        step = make()["wengert"]
        times = median_times({label: inside(tool, step) for label, tool in TOOLS.items()})
        yield title, {label: seconds / times["bare"] for label, seconds in times.items() if label != "bare"}
