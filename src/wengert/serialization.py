"""Saving and loading: weights, and whole training runs, each in one safetensors file.

A file is written beside its place and then moved there: at every moment the name stands for a whole file, the old one
or the new.  Nothing is pickled, nothing in a file is run, and nothing is changed before everything in it has been
checked against what it is loaded into.

Weights go where the parameters are that they are loaded into: to NumPy, to JAX.  A layer without a size has no arrays
yet, and takes them of the library that they were saved from.  ``like=array`` takes all to the library of that array.
"""

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import isfinite, prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wengert import random
from wengert.backends import namespace_named, namespace_of
from wengert.core.recorded import Recorded
from wengert.data.loader import DataLoader
from wengert.errors import DataError, DeclarationError, InputError, describe
from wengert.files import replacing
from wengert.layers.layer import Layer, Unsized
from wengert.optimizers.optimizer import Optimizer, list_differences
from wengert.optimizers.schedulers import ReduceLROnPlateau, Scheduler
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
        ...     save(f"{folder}/weights", Linear(3, in_size=2))
        ...     load(f"{folder}/weights", Linear(3, in_size=2))
    """
    check_layer("save", model)
    arrays = arrays_of("save", model)
    library = _library(model)
    write_arrays(Path(path), arrays, {"library": library} if library else {})


def load(path: str | os.PathLike[str], model: Layer, *, like: Any = None) -> None:
    """Read the weights of a model from a safetensors file; layers without a size yet take it from there.

    Args:
        path: The file.
        model: The model.
        like: An array: all weights become arrays of its library.  Where None, each stays in the library of its
            parameter, and those of layers without a size in the library that they were saved from.

    Raises:
        DataError: the file is missing, damaged, or its names, shapes or dtypes are not the model's; the message lists
            all that differs, and the model is as it was.

    Example:
        >>> import tempfile
        >>> from wengert.layers import Linear
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(f"{folder}/weights", Linear(3, in_size=2))
        ...     layer = Linear(3)
        ...     load(f"{folder}/weights", layer)
        >>> layer
        Linear(2 -> 3)  9 parameters
    """
    check_layer("load", model)
    with opened(Path(path)) as file:
        different, _ = _compare_model(model, file.headers)
        refuse(path, different)
        weights, different = _placed(model, file.arrays(), like, file.metadata.get("library"))
        refuse(path, different)
    _put(weights)


def save_checkpoint(
    path: str | os.PathLike[str],
    *,
    model: Layer | Mapping[str, Layer] | None = None,
    optimizer: Optimizer | Mapping[str, Optimizer] | None = None,
    scheduler: "AnyScheduler | Mapping[str, AnyScheduler] | None" = None,
    loader: DataLoader | Mapping[str, DataLoader] | None = None,
    epoch: int = 0,
    metadata: dict[str, Any] | None = None,
) -> None:
    """Write all that a training run needs to go on, bit for bit, as if it had never stopped.

    That is the weights, what optimizers keep and their settings, how far schedulers have come, where loaders stand, and
    Wengert's generator.  Hooks of optimizers are code, and are not written; `load_checkpoint` checks that they are the
    same.

    Args:
        path: The file; its name is left as it is.
        model: A model, or several by name.  The one that is named ``""`` is written as a model given by itself is,
            so that it can be loaded without the others.
        optimizer: An optimizer, or several by name.
        scheduler: A scheduler, or several by name.
        loader: A loader, or several by name.
        epoch: How far the run has come.
        metadata: Whatever else is to be kept, of what JSON can hold.

    Raises:
        InputError: a layer has not been called yet, an optimizer keeps what cannot be written, or ``metadata``, or a
            scheduler's state, is more than JSON can hold.
        DataError: the file cannot be written; what was there before is as it was.

    Example:
        >>> import tempfile
        >>> from wengert.layers import Linear
        >>> from wengert.optimizers import Adam, StepLR
        >>> model = Linear(3, in_size=2)
        >>> optimizer = Adam().setup(model)
        >>> parts = {"model": model, "optimizer": optimizer, "scheduler": StepLR(optimizer, 10)}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_checkpoint(f"{folder}/run", **parts, epoch=5)
        ...     load_checkpoint(f"{folder}/run", **parts)
        {'epoch': 5, 'metadata': {}}
    """
    arrays: dict[str, Any] = {}
    record: dict[str, Any] = {
        "version": _VERSION,
        "epoch": epoch,
        "metadata": metadata or {},
        "random": random.get_state(),
        "models": [],
        "libraries": {},
        "optimizers": {},
        "schedulers": {},
        "loaders": {},
    }
    for prefix, each in _by_prefix("model", model, Layer):
        arrays |= {f"{prefix}{name}": array for name, array in arrays_of("save_checkpoint", each).items()}
        record["models"].append(prefix)
        library = _library(each)
        if library:
            record["libraries"][prefix] = library
    for prefix, each in _by_prefix("optimizer", optimizer, Optimizer):
        _check_writable(each)
        arrays |= {f"{prefix}{name}": array for name, array in each.state(copy=False).items()}
        record["optimizers"][prefix] = _settings(each)
    for prefix, each in _by_prefix("scheduler", scheduler, AnyScheduler):
        record["schedulers"][prefix] = {"class": type(each).__name__, "state": each.state()}
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
            "save_checkpoint: epoch, metadata and the states of schedulers are written as JSON, "
            f"which cannot hold them: {error}."
        ) from error
    write_arrays(Path(path), arrays, {"wengert": text})


def load_checkpoint(
    path: str | os.PathLike[str],
    *,
    model: Layer | Mapping[str, Layer] | None = None,
    optimizer: Optimizer | Mapping[str, Optimizer] | None = None,
    scheduler: "AnyScheduler | Mapping[str, AnyScheduler] | None" = None,
    loader: DataLoader | Mapping[str, DataLoader] | None = None,
    like: Any = None,
) -> dict[str, Any]:
    """Put back what `save_checkpoint` wrote: weights, optimizers with their settings, schedulers, loaders, and chance.

    What is not given is left out; Wengert's generator is always put back.

    Args:
        path: The file.
        model: A model, or several by name, as they were saved.
        optimizer: An optimizer, or several by name.
        scheduler: A scheduler, or several by name.
        loader: A loader, or several by name.
        like: An array: all weights become arrays of its library.  Where None, each stays in the library of its
            parameter, and those of layers without a size in the library that they were saved from.

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
    schedulers = _by_prefix("scheduler", scheduler, AnyScheduler)
    loaders = _by_prefix("loader", loader, DataLoader)
    with opened(Path(path)) as file:
        record = _read_record(path, file.metadata)
        different = compare_random("random", record["random"])
        shapes: dict[Parameter, tuple[int, ...]] = {}
        for prefix, each in models:
            lines, found = _compare_model(each, _below(prefix, file.headers))
            shapes |= found
            different += [f"{prefix}{line}" for line in lines]
        for prefix, each in optimizers:
            lines = _compare_settings(each, record["optimizers"].get(prefix))
            held = _below(prefix, file.headers)
            lines += list_differences(each.expected_state(shapes) | each.expected_settings(held), held)
            different += [f"{prefix}{line}" for line in lines]
        for prefix, each in schedulers:
            different += [f"{prefix}{line}" for line in _compare_scheduler(each, record["schedulers"].get(prefix))]
        states = {}
        for prefix, each in loaders:
            states[prefix] = record["loaders"].get(prefix, {}) | {"order": None}
            if f"{prefix}order" in file.headers:
                states[prefix] |= file.arrays(prefix)
            different += [f"{prefix}{line}" for line in each.differences(states[prefix])]
        refuse(path, different)
        # Shapes and types are right, so that all can be read: now the numbers.
        weights: list[tuple[Parameter, Any]] = []
        for prefix, each in models:
            placed, lines = _placed(each, file.arrays(prefix), like, record["libraries"].get(prefix))
            weights += placed
            different += [f"{prefix}{line}" for line in lines]
        kept = [(each, record["optimizers"][prefix]["options"], file.arrays(prefix)) for prefix, each in optimizers]
        for (prefix, each), (_, options, arrays) in zip(optimizers, kept, strict=True):
            lines = each.differences(arrays, options=options, shapes=shapes)
            different += [f"{prefix}{line}" for line in lines]
        refuse(path, different)
    # Everything has been read and checked: from here on nothing can fail.
    _put(weights)
    for prefix, each in schedulers:
        each.load_state(record["schedulers"][prefix]["state"])
    for each, options, arrays in kept:  # after schedulers, for an lr that was set by hand
        each.load_options(options)
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
    return arrays


def _compare_model(model: Layer, given: dict[str, Any]) -> tuple[list[str], dict[Parameter, tuple[int, ...]]]:
    """What differs, one line each, and the shapes that parameters without one would take on."""
    wanted: dict[str, tuple[Any, Any]] = {}
    shapes = {}
    for name, parameter in model.named_state():
        if name not in given and _may_lack(model, name):
            continue
        shape = parameter.shape
        if isinstance(parameter.data, Unsized) and name in given and parameter.data.fits(tuple(given[name].shape)):
            shape = shapes[parameter] = tuple(given[name].shape)
        wanted[name] = (shape, parameter.dtype)
    return list_differences(wanted, given), shapes


def _may_lack(model: Layer, name: str) -> bool:
    """Whether a file may be without it: older versions did not write it."""
    prefix = getattr(model, "_may_lack", None)
    return prefix is not None and name.startswith(prefix)


def _library(model: Layer) -> str:
    """The library that all of a model's arrays are of; "" for NumPy, or for several."""
    spaces = {namespace_of((parameter.data,)) for _, parameter in model.named_state()}
    names = {space.__name__.rpartition(".")[2] for space in spaces if space.ndarray is not np.ndarray}
    return names.pop() if len(names) == len(spaces) == 1 else ""


def _placed(
    model: Layer, arrays: dict[str, Any], like: Any, saved_from: Any
) -> tuple[list[tuple[Parameter, Any]], list[str]]:
    """The array that each parameter is to have, of the library it belongs to; and what that library cannot hold."""
    like = like.data if isinstance(like, Recorded) else like
    placed, lines = [], []
    for name, parameter in model.named_state():
        if name not in arrays and _may_lack(model, name):
            continue
        if like is not None:
            xp = namespace_of((like,))
        else:
            xp = _namespace(saved_from) if isinstance(parameter.data, Unsized) else namespace_of((parameter.data,))
        array = xp.asarray(arrays[name])
        if array.dtype != arrays[name].dtype:
            lines.append(f"{name}: its dtype is {arrays[name].dtype}, which becomes {array.dtype} in this library")
        placed.append((parameter, array))
    return placed, lines


def _namespace(saved_from: Any) -> Any:
    """The library of this name; where there is none here, no input can be of it, and NumPy is as good."""
    try:
        return namespace_named(saved_from)
    except ImportError:
        return namespace_of(())


def _put(weights: list[tuple[Parameter, Any]]) -> None:
    for parameter, array in weights:
        parameter.data = array


# Optimizers, schedulers and the generator

AnyScheduler = Scheduler | ReduceLROnPlateau


def _settings(optimizer: Optimizer) -> dict[str, Any]:
    return {
        "class": type(optimizer).__name__,
        "options": optimizer.options(),
        "hooks": [getattr(hook, "__qualname__", None) or repr(hook).partition(" at 0x")[0] for hook in optimizer.hooks],
    }


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
        fraction = type(here) is int and isinstance(there, float) and not there.is_integer()
        if _kind(here) != _kind(there) or fraction or (name == "lr" and there < 0):
            lines.append(f"{name}: saved as {there!r}, and here it is {here!r}")
    return sorted(lines)


def _kind(value: Any) -> Any:
    """What a setting may be exchanged for."""
    if isinstance(value, bool | str):
        return type(value)
    try:
        return "number" if isinstance(value, int | float) and isfinite(value) else None
    except OverflowError:  # an integer that is larger than any float
        return None


def _compare_scheduler(scheduler: Any, given: Any) -> list[str]:
    if given is None:
        return ["has not been saved"]
    if not isinstance(given, dict) or "state" not in given:
        return ["its state is damaged"]
    if given.get("class") != type(scheduler).__name__:
        return [f"class: saved with {given.get('class')!r}, and here it is {type(scheduler).__name__!r}"]
    return scheduler.differences(given["state"])  # type: ignore[no-any-return]


def compare_random(name: str, state: Any) -> list[str]:
    """One line where this is no state of Wengert's generator.

    Example:
        >>> compare_random("random", random.get_state())
        []
    """
    before = random.get_state()
    try:
        random.set_state(state)
    except Exception:  # noqa: BLE001 (whatever a hostile state may raise)
        return [f"{name}: not a state of Wengert's generator"]
    finally:
        random.set_state(before)
    return []


def _read_record(path: Any, metadata: dict[str, str]) -> dict[str, Any]:
    wanted = {"epoch": object, "metadata": dict, "random": dict, "models": list, "optimizers": dict, "loaders": dict}
    if "wengert" not in metadata:
        raise DataError(f"{path}: it holds arrays and no training run.\n    Fix: load(path, model) reads weights.")
    try:
        record = read_json(metadata["wengert"])
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: the record of its training run is damaged: {plain(error)}.") from error
    if not isinstance(record, dict) or record.get("version") != _VERSION:
        raise DataError(f"{path}: it was written by another version of Wengert.")
    for name, kind in wanted.items():
        if name not in record or not isinstance(record[name], kind):
            raise DataError(
                f"{path}: the record of its training run is damaged: {name} is {describe(record.get(name))}."
            )
    for name in ("libraries", "schedulers"):  # which older files do not have
        if not isinstance(record.setdefault(name, {}), dict):
            raise DataError(f"{path}: the record of its training run is damaged: {name}.")
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
    """Write a safetensors file, one array after the other: no more than one is copied at a time.

    It is the length of a header, the header in JSON, and the arrays, those of the widest types first.

    Raises:
        DataError: it cannot be written; what was there before is as it was.
    """
    try:
        names, header = _lay_out(arrays, metadata)
        with replacing(path) as file:
            file.write(len(header).to_bytes(8, "little"))
            file.write(header)
            for name in names:
                file.write(_bytes_of(arrays[name]))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: it cannot be written: {plain(error)}.") from error


def _bytes_of(array: Any) -> Any:
    array = np.asarray(array, order="C")
    array = array.byteswap() if array.dtype.str[0] == ">" else array
    return array.reshape(-1).view(np.uint8)


# NumPy's types and the format's words for them, in the order that files have.
_WORDS = {"bool": "BOOL", "uint8": "U8", "int8": "I8", "float8_e5m2": "F8_E5M2", "float8_e4m3fn": "F8_E4M3"}
_WORDS |= {"int16": "I16", "uint16": "U16", "float16": "F16", "bfloat16": "BF16", "int32": "I32", "uint32": "U32"}
_WORDS |= {"float32": "F32", "complex64": "C64", "float64": "F64", "int64": "I64", "uint64": "U64"}


def _lay_out(arrays: dict[str, Any], metadata: dict[str, str]) -> tuple[list[str], bytes]:
    """The arrays in the order of the file, and its header."""
    if "__metadata__" in arrays:
        raise ValueError("__metadata__ is a word of the format, and no name for an array")
    types = {name: np.dtype(array.dtype) for name, array in arrays.items()}
    unknown = next((name for name in arrays if types[name].name not in _WORDS), None)
    if unknown is not None:
        raise ValueError(f"{unknown} is of dtype {types[unknown]}, for which the format has no word")
    rank = {name: i for i, name in enumerate(_WORDS)}
    names = sorted(arrays, key=lambda name: (-rank[types[name].name], name))
    header: dict[str, Any] = {"__metadata__": metadata}
    start = 0
    for name in names:
        shape = [int(axis) for axis in arrays[name].shape]
        stop = start + prod(shape) * types[name].itemsize
        header[name] = {"dtype": _WORDS[types[name].name], "shape": shape, "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    if len(text) > _HEADER_LIMIT:
        raise ValueError(f"its header would be of {len(text)} bytes, and can be of {_HEADER_LIMIT}")
    return names, text


def check_layer(who: str, model: Any, wanted: str = "a path and a model, in this order,") -> None:
    """Refuse what is no model."""
    if not isinstance(model, Layer):
        raise InputError(f"{who} takes {wanted} and was given {describe(model)} for the model.")


def _by_prefix(kind: str, given: Any, wanted: Any) -> list[tuple[str, Any]]:
    """One thing, or several by name, each with what names in the file begin with."""
    if given is None:
        return []
    several = given if isinstance(given, Mapping) else {"": given}
    for each in several.values():
        if not isinstance(each, wanted):
            name = getattr(wanted, "__name__", "Scheduler")
            raise InputError(f"checkpoint: {kind} is of class {name}, or a dictionary of such, not {describe(each)}.")
    return [(f"{kind}." if name == "" else f"{kind}[{name}].", each) for name, each in several.items()]


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
