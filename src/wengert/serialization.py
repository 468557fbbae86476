"""Saving and loading: weights, and whole training runs, each in one safetensors file.

A file is written beside its place and then moved there: at every moment the name stands for a whole file, the old one
or the new.  Nothing is pickled, nothing in a file is run, and nothing is changed before everything in it has been
checked against what it is loaded into.
"""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wengert import random
from wengert.backends import namespace_of
from wengert.data.loader import DataLoader
from wengert.errors import DataError, DeclarationError, InputError, describe
from wengert.files import write_atomically
from wengert.layers.layer import Layer, Unsized
from wengert.optimizers.optimizer import Optimizer, list_differences
from wengert.variable import Parameter

__all__ = ["load", "load_checkpoint", "save", "save_checkpoint"]

_VERSION = 1


def save(path: str | os.PathLike[str], model: Layer) -> None:
    """Write the weights of a model to a safetensors file of exactly this name, each under its path.

    Raises:
        InputError: a layer has not been called yet, and so does not know its size.
        DataError: the file cannot be written; what was there before is as it was.

    Example:
        >>> import tempfile
        >>> from wengert.layers import Linear
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(f"{folder}/weights", Linear(3, 2))
        ...     load(f"{folder}/weights", Linear(3, 2))
    """
    check_layer("save", model)
    write_arrays(Path(path), arrays_of("save", model), {})


def load(path: str | os.PathLike[str], model: Layer) -> None:
    """Read the weights of a model from a safetensors file; layers without a size yet take it from there.

    Raises:
        DataError: the file is missing, damaged, or its names, shapes or dtypes are not the model's; the message lists
            all that differs, and the model is as it was.

    Example:
        >>> import tempfile
        >>> from wengert.layers import Linear
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(f"{folder}/weights", Linear(3, 2))
        ...     layer = Linear(3)
        ...     load(f"{folder}/weights", layer)
        >>> layer
        Linear(2 -> 3)  9 parameters
    """
    check_layer("load", model)
    with opened(Path(path)) as file:
        different, _ = _compare_model(model, file.headers)
        refuse(path, different)
        _put_weights(model, file.arrays())


def save_checkpoint(
    path: str | os.PathLike[str],
    *,
    model: Layer | dict[str, Layer] | None = None,
    optimizer: Optimizer | dict[str, Optimizer] | None = None,
    loader: DataLoader | dict[str, DataLoader] | None = None,
    epoch: int = 0,
    metadata: dict[str, Any] | None = None,
) -> None:
    """Write all that a training run needs to go on, bit for bit, as if it had never stopped.

    That is the weights, what optimizers keep and their settings, where loaders stand, and Wengert's generator.
    Hooks of optimizers are code, and are not written; `load_checkpoint` checks that they are the same.

    Args:
        path: The file; its name is left as it is.
        model: A model, or several by name.
        optimizer: An optimizer, or several by name.
        loader: A loader, or several by name.
        epoch: How far the run has come.
        metadata: Whatever else is to be kept, of what JSON can hold.

    Raises:
        InputError: a layer has not been called yet, an optimizer keeps what cannot be written, or ``metadata`` is more
            than JSON can hold.
        DataError: the file cannot be written; what was there before is as it was.

    Example:
        >>> import tempfile
        >>> from wengert.layers import Linear
        >>> from wengert.optimizers import Adam
        >>> model = Linear(3, 2)
        >>> optimizer = Adam().setup(model)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_checkpoint(f"{folder}/run", model=model, optimizer=optimizer, epoch=5)
        ...     load_checkpoint(f"{folder}/run", model=model, optimizer=optimizer)
        {'epoch': 5, 'metadata': {}}
    """
    arrays: dict[str, Any] = {}
    record: dict[str, Any] = {
        "version": _VERSION,
        "epoch": epoch,
        "metadata": metadata or {},
        "random": random.get_state(),
        "models": [],
        "optimizers": {},
        "loaders": {},
    }
    for prefix, each in _by_prefix("model", model, Layer):
        arrays |= {f"{prefix}{name}": array for name, array in arrays_of("save_checkpoint", each).items()}
        record["models"].append(prefix)
    for prefix, each in _by_prefix("optimizer", optimizer, Optimizer):
        _check_writable(each)
        arrays |= {f"{prefix}{name}": np.asarray(array) for name, array in each.state().items()}
        record["optimizers"][prefix] = _settings(each)
    for prefix, each in _by_prefix("loader", loader, DataLoader):
        state = each.state()
        order = state.pop("order")
        if order is not None:
            arrays[f"{prefix}order"] = order
        record["loaders"][prefix] = state
    try:
        text = json.dumps(record, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"save_checkpoint: metadata and epoch are written as JSON, which cannot hold them: {error}."
        ) from error
    write_arrays(Path(path), arrays, {"wengert": text})


def load_checkpoint(
    path: str | os.PathLike[str],
    *,
    model: Layer | dict[str, Layer] | None = None,
    optimizer: Optimizer | dict[str, Optimizer] | None = None,
    loader: DataLoader | dict[str, DataLoader] | None = None,
) -> dict[str, Any]:
    """Put back what `save_checkpoint` wrote: weights, optimizers with their settings, loaders, and Wengert's generator.

    What is not given is left out; the generator is always put back.

    Returns:
        ``{"epoch": ..., "metadata": ...}`` as they were given.

    Raises:
        DataError: the file is missing, damaged, or does not fit what it is loaded into; the message lists all that
            differs, and nothing has been changed.

    Example:
        >>> load_checkpoint("nowhere")
        Traceback (most recent call last):
        wengert.errors.DataError: nowhere: there is no such file.
    """
    models = _by_prefix("model", model, Layer)
    optimizers = _by_prefix("optimizer", optimizer, Optimizer)
    loaders = _by_prefix("loader", loader, DataLoader)
    with opened(Path(path)) as file:
        record = _read_record(path, file.metadata)
        different = _compare_random(record["random"])
        shapes: dict[Parameter, tuple[int, ...]] = {}
        for prefix, each in models:
            lines, found = _compare_model(each, _below(prefix, file.headers))
            shapes |= found
            different += [f"{prefix}{line}" for line in lines]
        for prefix, each in optimizers:
            lines = _compare_settings(each, record["optimizers"].get(prefix))
            lines += list_differences(each.expected_state(shapes), _below(prefix, file.headers))
            different += [f"{prefix}{line}" for line in lines]
        states = {}
        for prefix, each in loaders:
            states[prefix] = record["loaders"].get(prefix, {}) | {"order": None}
            if f"{prefix}order" in file.headers:
                states[prefix] |= file.arrays(prefix)
            different += [f"{prefix}{line}" for line in each.differences(states[prefix])]
        refuse(path, different)
        weights = [(each, file.arrays(prefix)) for prefix, each in models]
        kept = [(each, record["optimizers"][prefix]["options"], file.arrays(prefix)) for prefix, each in optimizers]
        refuse(path, [f"{name} is negative" for *_, arrays in kept for name in arrays if _is_negative(name, arrays)])
    # Everything has been read and checked: from here on nothing can fail.
    for each, arrays in weights:
        _put_weights(each, arrays)
    for each, options, arrays in kept:
        for name, value in options.items():
            setattr(each, name, value)
        each.load_state(arrays)
    for prefix, each in loaders:
        each.load_state(states[prefix])
    random.set_state(record["random"])
    return {"epoch": record["epoch"], "metadata": record["metadata"]}


# Models


def arrays_of(who: str, model: Layer) -> dict[str, Any]:
    """The weights of a model by path."""
    arrays: dict[str, Any] = {}
    waiting = []
    for name, parameter in model.named_state():
        if name in arrays:
            raise DeclarationError(
                f"{who}: two parameters have the path {name}.\n    Fix: rename a key of the dictionary."
            )
        if isinstance(parameter.data, Unsized):
            waiting.append(name)
        arrays[name] = parameter.data
    if waiting:
        raise InputError(
            f"{who}: {waiting[0]}{f' and {len(waiting) - 1} more' if waiting[1:] else ''} has no size before the first "
            "call.\n    Fix: call the model once on an input, or give its layers their in_size."
        )
    return {name: np.asarray(array) for name, array in arrays.items()}


def _compare_model(model: Layer, given: dict[str, Any]) -> tuple[list[str], dict[Parameter, tuple[int, ...]]]:
    """What differs, one line each, and the shapes that parameters without one would take on."""
    wanted: dict[str, tuple[Any, Any]] = {}
    shapes = {}
    for name, parameter in model.named_state():
        shape = parameter.shape
        if isinstance(parameter.data, Unsized) and name in given and parameter.data.fits(tuple(given[name].shape)):
            shape = shapes[parameter] = tuple(given[name].shape)
        wanted[name] = (shape, parameter.dtype)
    return list_differences(wanted, given), shapes


def _put_weights(model: Layer, arrays: dict[str, Any]) -> None:
    for name, parameter in model.named_state():
        before = parameter.data
        parameter.data = arrays[name] if isinstance(before, Unsized) else namespace_of((before,)).asarray(arrays[name])


# Optimizers and the generator


def _settings(optimizer: Optimizer) -> dict[str, Any]:
    return {
        "class": type(optimizer).__name__,
        "options": optimizer.options(),
        "hooks": [getattr(hook, "__qualname__", None) or repr(hook).partition(" at 0x")[0] for hook in optimizer.hooks],
    }


def _is_negative(name: str, arrays: dict[str, Any]) -> bool:
    return name.endswith(".steps") and not arrays[name].ndim and bool(arrays[name] < 0)


def _check_writable(optimizer: Optimizer) -> None:
    kept = [name for name, value in vars(optimizer).items() if isinstance(value, dict) and value and name[0] != "_"]
    if type(optimizer).update_one is not Optimizer.update_one and kept:
        raise InputError(
            f"save_checkpoint: {type(optimizer).__name__} keeps {kept[0]} by itself, which cannot be written.\n"
            "    Fix: write it as a formula, with what it keeps named in `keeps`."
        )


def _compare_settings(optimizer: Optimizer, given: Any) -> list[str]:
    if given is None:
        return ["has not been saved"]
    mine = _settings(optimizer)
    if not isinstance(given, dict) or not isinstance(given.get("options"), dict):
        return ["its settings are damaged"]
    lines = [
        f"{name}: saved with {given.get(name)!r}, and here it is {mine[name]!r}"
        for name in ("class", "hooks")
        if given.get(name) != mine[name]
    ]
    if lines:
        return lines
    for name in mine["options"].keys() | given["options"].keys():
        here, there = mine["options"].get(name), given["options"].get(name)
        if _kind(here) != _kind(there) or (name == "lr" and there < 0):
            lines.append(f"{name}: saved as {there!r}, and here it is {here!r}")
    return sorted(lines)


def _kind(value: Any) -> Any:
    """What a setting may be exchanged for."""
    if isinstance(value, bool | str):
        return type(value)
    return "number" if isinstance(value, int | float) and isfinite(value) else None


def _compare_random(state: Any) -> list[str]:
    before = random.get_state()
    try:
        random.set_state(state)
    except Exception:  # noqa: BLE001 (whatever a hostile state may raise)
        return ["random: not a state of Wengert's generator"]
    finally:
        random.set_state(before)
    return []


def _read_record(path: Any, metadata: dict[str, str]) -> dict[str, Any]:
    wanted = {"epoch": int, "metadata": dict, "random": dict, "models": list, "optimizers": dict, "loaders": dict}
    if "wengert" not in metadata:
        raise DataError(f"{path}: it holds arrays and no training run.\n    Fix: load(path, model) reads weights.")
    try:
        record = read_json(metadata["wengert"])
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: the record of its training run is damaged: {plain(error)}.") from error
    if not isinstance(record, dict) or record.get("version") != _VERSION:
        raise DataError(f"{path}: it was written by another version of Wengert.")
    for name, kind in wanted.items():
        if name != "epoch" and not isinstance(record.get(name), kind):
            raise DataError(
                f"{path}: the record of its training run is damaged: {name} is {describe(record.get(name))}."
            )
    if not all(isinstance(state, dict) for state in record["loaders"].values()):
        raise DataError(f"{path}: the record of its training run is damaged: loaders.")
    return record


# Files

_HEADER_LIMIT = 100_000_000  # bytes, as in safetensors


class _Header(NamedTuple):
    """What a file says of an array before the array is read."""

    shape: tuple[int, ...]
    dtype: Any


class _ForeignType:
    """A type of entries that NumPy has not: equal to none."""

    kind = "V"

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return self.name


class OpenFile:
    """An open file: its arrays, first by what it says of them."""

    def __init__(self, path: Path, file: Any, start: int, header: dict[str, Any]) -> None:
        self._path, self._file, self._start, self._header = path, file, start, header
        self.metadata: dict[str, str] = file.metadata() or {}
        self.headers: dict[str, _Header] = {}
        for name in file.keys():  # noqa: SIM118 (it is no dictionary)
            part = file.get_slice(name)
            self.headers[name] = _Header(tuple(part.get_shape()), _dtype(part.get_dtype()))

    def array(self, name: str) -> Any:
        """One of them, read; bfloat16, where NumPy has not learned it, as float32, which holds the same numbers."""
        if str(self.headers[name].dtype) != "BF16":
            return self._file.get_tensor(name)
        begin, end = self._header[name]["data_offsets"]
        halves = np.fromfile(self._path, "<u2", (end - begin) // 2, offset=self._start + begin)
        return (halves.astype(np.uint32) << 16).view(np.float32).reshape(self.headers[name].shape)

    def arrays(self, prefix: str = "") -> dict[str, Any]:
        """Those whose names begin so, read."""
        return {name.removeprefix(prefix): self.array(name) for name in self.headers if name.startswith(prefix)}


def _dtype(code: str) -> Any:
    """NumPy's dtype for safetensors' word; for one that NumPy has not, one that fits nothing."""
    words = {"F": "float", "BF": "bfloat", "I": "int", "U": "uint", "C": "complex", "BOOL": "bool"}
    letters = code.rstrip("0123456789")
    try:
        return np.dtype(words[letters] + code[len(letters) :])
    except (KeyError, TypeError):
        return _ForeignType(code)


@contextmanager
def opened(path: Path) -> Iterator[OpenFile]:
    """A safetensors file to read from.

    Raises:
        DataError: there is none, or it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        start, header = _read_header(path)
        with safe_open(path, framework="np") as file:
            yield OpenFile(path, file, start, header)
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file.") from error
    except PermissionError as error:
        raise DataError(f"{path}: it may not be read: {error}.") from error
    except (SafetensorError, OSError, UnicodeError) as error:
        raise _damaged(path, error) from error


def _read_header(path: Path) -> tuple[int, dict[str, Any]]:
    """Where the arrays begin, and the header; refused is what the library would wait for, or take without a word."""
    try:
        mode = os.stat(path).st_mode
    except ValueError as error:
        raise DataError(f"{str(path)!r}: no file can have this name: {error}.") from error
    if not stat.S_ISREG(mode):
        raise _damaged(path, "it is a folder or a device")
    with open(path, "rb") as file:
        start = file.read(8)
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > min(size - 8, _HEADER_LIMIT):
            if start.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
                raise DataError(
                    f"{path}: it is pickled, and to read that could run whatever program is in it.\n"
                    "    Fix: with the library that wrote it, write it as safetensors."
                )
            raise _damaged(path, f"of {size} bytes, {length} should be its header")
        header = file.read(length)
    try:
        return 8 + length, read_json(header)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"its header: {error}") from error


def _damaged(path: Path, why: Any) -> DataError:
    return DataError(f"{path}: it is damaged, or no safetensors file: {plain(why)}.")


def read_json(text: str | bytes) -> Any:
    """JSON, and nothing else: no name twice in one object, no number that is not finite.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is too deep.

    Example:
        >>> read_json('{"a": [1, 2.5]}')
        {'a': [1, 2.5]}
        >>> read_json('{"a": 1, "a": 2}')
        Traceback (most recent call last):
        ValueError: 'a' is there twice
    """
    text = text if isinstance(text, str) else text.decode()
    return json.loads(text, object_pairs_hook=_once, parse_constant=_finite, parse_float=_finite)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"{twice!r} is there twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


def write_arrays(path: Path, arrays: dict[str, Any], metadata: dict[str, str]) -> None:
    """Write a safetensors file.

    Raises:
        DataError: it cannot be written; what was there before is as it was.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save as to_bytes

    try:
        if "__metadata__" in arrays:
            raise ValueError("__metadata__ is a word of the format, and no name for an array")
        content = to_bytes({name: np.asarray(array, order="C") for name, array in arrays.items()}, metadata=metadata)
        write_atomically(path, content)
    except (OSError, SafetensorError, ValueError) as error:
        raise DataError(f"{path}: it cannot be written: {plain(error)}.") from error


def check_layer(who: str, model: Any, wanted: str = "a path and a model, in this order,") -> None:
    """Refuse what is no model."""
    if not isinstance(model, Layer):
        raise InputError(f"{who} takes {wanted} and was given {describe(model)} for the model.")


def _by_prefix(kind: str, given: Any, wanted: type) -> list[tuple[str, Any]]:
    """One thing, or several by name, each with what names in the file begin with."""
    if given is None:
        return []
    several = given if isinstance(given, dict) else {None: given}
    for each in several.values():
        if not isinstance(each, wanted):
            raise InputError(
                f"checkpoint: {kind} is of class {wanted.__name__}, or a dictionary of such, not {describe(each)}."
            )
    return [(f"{kind}." if name is None else f"{kind}[{name}].", each) for name, each in several.items()]


def _below(prefix: str, arrays: dict[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def refuse(path: Any, different: list[str]) -> None:
    """Raise one error for all that differs.

    Example:
        >>> refuse("weights", [])
    """
    if different:
        lines = [plain(line) for line in different[:_LINE_LIMIT]]
        if len(different) > _LINE_LIMIT:
            lines.append(f"and {len(different) - _LINE_LIMIT} more")
        raise DataError("\n    ".join([f"{path}: it does not fit what it is loaded into:", *lines]))


_LINE_LIMIT = 500  # more than the arrays of any model but the largest


def plain(text: Any) -> str:
    """What a file says, as one line that can be shown: a hostile one may name an array what it likes.

    Example:
        >>> print(plain("two\\nlines"))
        two\\nlines
    """
    line = str(text)
    line = line if len(line) <= 400 else line[:397] + "..."
    return line if line.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
