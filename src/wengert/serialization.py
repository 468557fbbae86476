"""Saving and loading: weights, and the whole state of a training run, in safetensors files.

Files are written beside their place and then moved there, so that what was there before is never half overwritten.
Nothing is pickled, and nothing in a file is executed; a file is checked whole before anything is changed.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from wengert import random
from wengert.errors import DataError, GraphError, ShapeError, WengertError
from wengert.layers import Layer, Linear
from wengert.variable import Parameter

__all__ = ["load", "load_checkpoint", "save", "save_checkpoint"]


def save(path: str | Path, model: Layer) -> None:
    """Write the weights of ``model``, each under its path, to a safetensors file of exactly this name.

    Raises:
        GraphError: a layer has no weights yet, since it has seen no input.

    Example:
        >>> import os, tempfile
        >>> model, path = Linear(2, 3), os.path.join(tempfile.mkdtemp(), "model.safetensors")
        >>> save(path, model)
        >>> load(path, model)
    """
    _write(Path(path), _weights(model), {})


def load(path: str | Path, model: Layer) -> None:
    """Read weights into ``model``; where anything does not fit, nothing is changed.

    Raises:
        DataError: the file is missing, damaged, or no safetensors file.
        ShapeError: names, shapes or dtypes differ from the model's; the message lists all that do.
    """
    arrays, _ = _read(Path(path))
    _apply(_matched(Path(path), model, arrays))


def save_checkpoint(
    path: str | Path,
    *,
    model: Layer,
    optimizer: Any = None,
    loader: Any = None,
    epoch: int = 0,
    metadata: dict[str, Any] | None = None,
) -> None:
    """Write all that a training run needs to go on bit for bit: weights, optimizer, generators and epoch.

    Args:
        loader: A DataLoader with a seed of its own.
        metadata: Anything else that JSON can hold.

    Raises:
        GraphError: a layer has no weights yet.
    """
    arrays = {f"model.{name}": array for name, array in _weights(model).items()}
    state = {} if optimizer is None else optimizer.state()
    numbers = {}
    for name, value in state.items():
        if isinstance(value, np.ndarray):
            arrays[f"optimizer.{name}"] = value
        else:
            numbers[name] = value
    record = {
        "epoch": epoch,
        "optimizer": None if optimizer is None else numbers,
        "random": random.get_state(),
        "loader": None if loader is None else loader.state(),
        "metadata": metadata or {},
    }
    _write(Path(path), arrays, {"wengert": json.dumps(record)})


def load_checkpoint(path: str | Path, *, model: Layer, optimizer: Any = None, loader: Any = None) -> dict[str, Any]:
    """Put back what `save_checkpoint` wrote.

    Returns:
        ``{"epoch": ..., "metadata": ...}``

    Raises:
        DataError: the file is missing, damaged, or no checkpoint.
        ShapeError: names, shapes or dtypes differ from the model's.
    """
    path = Path(path)
    arrays, header = _read(path)
    try:
        record = json.loads(header["wengert"])
        epoch, state, metadata = int(record["epoch"]), record["random"], dict(record["metadata"])
        numbers, order = record["optimizer"], record["loader"]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: a safetensors file, but no checkpoint.") from error
    for name, given, kept in (("optimizer", optimizer, numbers), ("loader", loader, order)):
        if given is not None and kept is None:
            raise DataError(f"{path}: holds no state of {'an' if name == 'optimizer' else 'a'} {name}.")
    weights = {k.removeprefix("model."): v for k, v in arrays.items() if k.startswith("model.")}
    matched = _matched(path, model, weights)
    before = [(p, p.data) for p, _ in matched], random.get_state()
    _apply(matched)
    try:
        random.set_state(state)
        if optimizer is not None:
            slots = {k.removeprefix("optimizer."): v for k, v in arrays.items() if k.startswith("optimizer.")}
            optimizer.load_state({**slots, **numbers})
        if loader is not None:
            loader.load_state(order)
    except Exception as error:
        for parameter, data in before[0]:
            parameter.data = data
        random.set_state(before[1])
        if isinstance(error, WengertError):
            raise
        raise DataError(f"{path}: its state cannot be put back ({error}).") from error
    return {"epoch": epoch, "metadata": metadata}


def _weights(model: Layer) -> dict[str, Any]:
    _sized(model)
    return {name: np.asarray(p.data) for name, p in model.named_parameters()}


def _sized(model: Layer, prefix: str = "") -> None:
    for name, layer in _layers(model, prefix):
        if isinstance(layer, Linear) and layer.weight is None:
            raise GraphError(
                f"save: {name or 'the layer'} has no weight yet, since it has seen no input.\n"
                "    Fix: run the model once, or give in_size."
            )


def _layers(layer: Layer, prefix: str) -> Any:
    yield prefix.removesuffix("."), layer
    for name, child in layer.named_children():
        if isinstance(child, Layer):
            yield from _layers(child, f"{prefix}{name}.")


def _matched(path: Path, model: Layer, arrays: dict[str, Any]) -> list[tuple[Parameter, Any]]:
    """The parameters of the model with the arrays for them, or an error that lists all that differs."""
    wrong = []
    unsized = []
    for name, layer in _layers(model, ""):
        if isinstance(layer, Linear) and layer.weight is None:
            key = f"{name}.weight" if name else "weight"
            array = arrays.get(key)
            if array is None or array.ndim != 2 or array.shape[1] != layer.out_size:
                wrong.append(f"{key}: wanted (?, {layer.out_size}), the file has {_of(array)}")
            else:
                unsized.append((layer, key))
    named = dict(model.named_parameters())
    missing_yet = {key for _, key in unsized}
    for name, p in named.items():
        array = arrays.get(name)
        if array is None or array.shape != p.shape or array.dtype != p.dtype:
            wrong.append(f"{name}: wanted {p.shape} {p.dtype}, the file has {_of(array)}")
    for name in arrays:
        if name not in named and name not in missing_yet:
            wrong.append(f"{name}: the file has {_of(arrays[name])}, the model nothing")
    if wrong:
        raise ShapeError("\n    ".join([f"{path}: does not fit the model.", *wrong]))
    for layer, key in unsized:
        layer.set_size(arrays[key].shape[0])
        named[key] = layer.weight  # type: ignore[assignment]
    return [(p, arrays[name]) for name, p in named.items()]


def _of(array: Any) -> str:
    return "nothing" if array is None else f"{array.shape} {array.dtype}"


def _apply(matched: list[tuple[Parameter, Any]]) -> None:
    from wengert.backends import namespace_of

    for parameter, array in matched:
        parameter.data = namespace_of((parameter.data,)).asarray(array, copy=True)


def _write(path: Path, arrays: dict[str, Any], header: dict[str, str]) -> None:
    from safetensors.numpy import save as to_bytes

    write_atomically(path, to_bytes({k: np.ascontiguousarray(v) for k, v in arrays.items()}, metadata=header))


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that at every moment it is either the old one or the new one, whole."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file.") from error
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: damaged, or no safetensors file ({error}).") from error
