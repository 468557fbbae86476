"""An array in short, for a page: its numbers where they are few, else statistics, a histogram and a picture."""

import base64
import math
from typing import Any

import numpy as np

from wengert.debug.arrays import first_index

__all__ = ["FINE", "INFINITE", "NOT_A_NUMBER", "digest", "health"]

FINE, INFINITE, NOT_A_NUMBER = 0, 1, 2
_SAMPLE = 4096  # entries that a histogram is made of
_PIXELS = 4096  # of a picture
_BINS = 32


def digest(array: Any, whole: int = 64) -> Any:
    """What a page shows of an array, as JSON: a number; or shape and data; or shape, statistics and pictures.

    Numbers that are not finite are written "NaN", "Infinity" and "-Infinity".

    Args:
        array: Of any library.
        whole: As many entries are written out.

    Example:
        >>> import numpy as np
        >>> digest(np.array(2.0)), digest(np.array([1.0, np.nan]))
        (2.0, {'shape': [2], 'data': [1.0, 'NaN']})
        >>> digest(np.arange(100.0))["stats"]["max"]
        99.0
    """
    try:
        values = np.asarray(array)
    except Exception:  # noqa: BLE001 (a tracer of a compiler has no numbers, and says so in its own way)
        return {"shape": _shape(array), "note": "the numbers are not known while this is compiled"}
    shape = list(values.shape)
    if values.dtype.kind not in "fiub":
        return {"shape": shape, "note": f"{values.dtype} is not shown"}
    if values.ndim == 0:
        return _number(values.item())
    if values.size <= whole:
        return {"shape": shape, "data": [_number(value) for value in values.ravel().tolist()]}
    answer: dict[str, Any] = {"shape": shape, "stats": _statistics(values)}
    sample = _sample(values)
    if len(sample):
        low, high = float(sample.min()), float(sample.max())
        room = high - low
        if math.isfinite(room) and room > 0:
            counts = np.histogram(sample, _BINS, (low, high))[0].tolist()
        else:
            counts = [len(sample)]
        answer["histogram"] = {"low": low, "high": high, "counts": counts}
        answer["image"] = _image(values, low, high)
    if answer["stats"]["nans"] or answer["stats"]["infs"]:
        answer["bad"] = list(first_index(~np.isfinite(values)))
    return answer


def health(summary: Any) -> int:
    """Whether what `digest` gave tells of an entry that is `INFINITE` or `NOT_A_NUMBER`; else `FINE`.

    Example:
        >>> health(2.0) == FINE, health({"shape": [2], "data": [1.0, "-Infinity"]}) == INFINITE
        (True, True)
    """
    if not isinstance(summary, dict):
        summary = {"data": [summary]}
    stats, data = summary.get("stats", {"nans": 0, "infs": 0}), summary.get("data", ())
    if stats["nans"] or "NaN" in data:
        return NOT_A_NUMBER
    return INFINITE if stats["infs"] or "Infinity" in data or "-Infinity" in data else FINE


def _statistics(values: Any) -> dict[str, Any]:
    nans = infs = 0
    if values.dtype.kind == "f" and not math.isfinite(_total(values)):
        nans, infs = int(np.isnan(values).sum()), int(np.isinf(values).sum())
    numbers = values if not nans + infs else values[np.isfinite(values)]
    if not numbers.size:
        return {"min": None, "max": None, "mean": None, "std": None, "zeros": 0, "nans": nans, "infs": infs}
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(np.mean(numbers, dtype=None if numbers.dtype.itemsize > 2 else np.float32))
        flat = np.ravel(numbers, order="K")
        square = float(np.dot(flat, flat)) / flat.size if flat.dtype.kind == "f" else float(np.mean(flat * 1.0 * flat))
        deviation = math.sqrt(max(square - mean * mean, 0.0)) if math.isfinite(square) else math.nan
        if deviation * deviation < 1e-4 * mean * mean:  # too much was cancelled
            deviation = float(np.std(numbers, dtype=np.float64))
    return {
        "min": _number(float(numbers.min())),
        "max": _number(float(numbers.max())),
        "mean": _number(mean),
        "std": _number(deviation),
        "zeros": int(np.count_nonzero(values == 0)),
        "nans": nans,
        "infs": infs,
    }


def _sample(values: Any) -> Any:
    """A few thousand finite entries from all over the array."""
    flat = values.reshape(-1) if values.flags.c_contiguous else np.ravel(values, order="K")
    # A stride without small factors, so that it does not run along an axis.
    stride = max(1, len(flat) // _SAMPLE) | 1
    sample = flat[::stride].astype(np.float64)
    return sample[np.isfinite(sample)]


def _image(values: Any, low: float, high: float) -> dict[str, Any]:
    plane, note = _plane(values)
    steps = [1, 1]
    while plane[:: steps[0], :: steps[1]].size > _PIXELS:
        longer = int(plane.shape[1] / steps[1] > plane.shape[0] / steps[0])
        steps[longer] *= 2
    plane = plane[:: steps[0], :: steps[1]]
    if steps != [1, 1]:
        thinned = f"every {steps[0]}. row and {steps[1]}. column"
        note = f"{note}, {thinned}" if note else thinned
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = (plane.astype(np.float64) - low) * (254 / (high - low) if high > low else 0.0)
        shades = np.where(np.isfinite(scaled), np.clip(scaled, 0, 254), 255).astype(np.uint8)
    return {
        "rows": shades.shape[0],
        "columns": shades.shape[1],
        "low": low,
        "high": high,
        "data": base64.b64encode(shades.tobytes()).decode(),
        "note": note,
    }


def _plane(values: Any) -> tuple[Any, str]:
    """Two axes of the array, and which they are: of small pictures the first four channels, side by side."""
    if values.ndim == 1:
        return values[np.newaxis], ""
    if values.ndim == 2:
        return values, ""
    first = (0,) * (values.ndim - 3)
    channels = values[first][:4]
    if len(channels) == 4 and channels[0].size <= _PIXELS // 4:
        plane = np.block([[channels[0], channels[1]], [channels[2], channels[3]]])
        return plane, f"[{', '.join([*map(str, first), '0:4'])}] of {values.shape}"
    return channels[0], f"[{', '.join([*map(str, first), '0'])}] of {values.shape}"


def _total(values: Any) -> float:
    """A sum that is finite only where every entry is: quicker than looking at each."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.add.reduce(values, axis=None))


def _shape(array: Any) -> list[int]:
    return [int(size) for size in getattr(array, "shape", ())]


def _number(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return value
