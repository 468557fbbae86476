"""What an operation costs on tapes of different lengths: forward, backward and freeing of a chain; flat is the aim."""

from benchmarks.cases import chain
from benchmarks.timing import check_equal, median_times

LENGTHS = (10, 100, 1_000, 10_000, 100_000, 1_000_000)


def measure(lengths=LENGTHS):
    """Yield each length with the microseconds an operation takes, by library."""
    for length in lengths:
        runs = chain(length)
        check_equal(f"{length} multiplications", runs, 1e-4, times=1)
        rounds = 9 if length <= 10_000 else 3 if length <= 100_000 else 1
        times = median_times(runs, rounds)
        yield length, {library: seconds / length * 1e6 for library, seconds in times.items()}
