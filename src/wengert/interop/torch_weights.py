"""Weights from PyTorch, and for it: safetensors files under PyTorch's names and in its layout.

Each layer knows what PyTorch's of its kind would call its parameters, and how it lays them out; a model whose layers
are assigned under the same names as in PyTorch fits as it is.  PyTorch itself is not needed.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wengert.backends import namespace_of
from wengert.core.recorded import Recorded
from wengert.errors import DataError, DeclarationError, DtypeError, InputError, describe
from wengert.layers.attention import MultiHeadAttention
from wengert.layers.layer import Layer, Unsized
from wengert.layers.linear import Linear
from wengert.layers.normalization import BatchNorm, InstanceNorm
from wengert.layers.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from wengert.layers.sequential import Sequential
from wengert.layers.transformer import TransformerDecoderLayer, TransformerEncoderLayer
from wengert.models.gpt import GPT
from wengert.models.language import TiedScores
from wengert.serialization import arrays_of, check_layer, opened, plain, read_json, refuse, write_arrays
from wengert.variable import Parameter

__all__ = ["load", "save"]

Names = Mapping[str, str | None] | Callable[[str], str | None]


def load(model: Layer, source: str | os.PathLike[str] | Mapping[str, Any], mapping: Names | None = None) -> None:
    """Give a model the weights of PyTorch's.

    `GPT` takes those of Hugging Face's GPT-2.  Counts of batches are left out where a norm does not count; numbers of a
    smaller type become the model's, and those of a larger one are refused, as are names of a tied parameter whose
    arrays differ.

    Args:
        model: The model; layers without a size yet take it from the weights.
        source: A safetensors file, the ``.json`` index of several, or arrays by name: a ``state_dict()``.
        mapping: For names that differ from the model's, what beginnings become, as in
            ``{"module.": "", "head.": "fc."}``, the longest first, or a function from name to name; None leaves an
            array out.

    Raises:
        DataError: a file is missing or damaged, or names, shapes or dtypes do not fit; the message lists all that
            differs, and the model is as it was.

    Example:
        >>> model = Sequential(Linear(1), np.tanh)
        >>> load(model, {"0.weight": np.array([[1.0, 2.0]], np.float32), "0.bias": np.array([0.5], np.float32)})
        >>> model[0].weight
        variable([[1.]
                  [2.]])
    """
    check_layer("torch_weights.load", model, "a model and where its weights are")
    entries = _checked_entries(model)
    with ExitStack() as stack:
        label, given, read = _open(source, stack)
        names, lines = _renamed(model, list(given), mapping)
        lines += _compare(entries, {name: given[there] for name, there in names.items()})
        refuse(label, [_with_origin(line, names) for line in lines])
        arrays: dict[Parameter, Any] = {}
        for entry in entries:
            if entry.name in names and entry.parameters:
                for parameter, array in zip(entry.parameters, _ours(entry, read(names[entry.name])), strict=True):
                    if not np.array_equal(arrays.setdefault(parameter, array), array, equal_nan=True):
                        lines.append(f"{entry.name} differs from what the same parameter has under another name")
        refuse(label, lines)
    # Everything has been read and checked: from here on nothing can fail.
    for parameter, array in arrays.items():
        before = parameter.data
        parameter.data = array if isinstance(before, Unsized) else namespace_of((before,)).asarray(array)


def save(model: Layer, path: str | os.PathLike[str]) -> None:
    """Write the weights of a model to a safetensors file, for PyTorch to load.

    There, ``module.load_state_dict(safetensors.torch.load_file(path))`` takes it.

    Raises:
        InputError: a layer has not been called yet, and so does not know its size.
        DataError: the file cannot be written; what was there before is as it was.

    Example:
        >>> import tempfile
        >>> model = Sequential(Linear(2, in_size=3), np.tanh)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(model, f"{folder}/weights.safetensors")
        ...     load(model, f"{folder}/weights.safetensors")
    """
    check_layer("torch_weights.save", model, "a model and a path")
    arrays_of("torch_weights.save", model)  # which refuses a model without a size
    arrays = {entry.name: _theirs(entry) for entry in _checked_entries(model)}
    arrays = {name: array for name, array in arrays.items() if array is not None}
    write_arrays(Path(path), arrays, {"format": "pt"})


# What PyTorch has for a model


class _Entry(NamedTuple):
    """One array of PyTorch's: its name, what it is made of here, and how."""

    name: str
    parameters: tuple[Parameter, ...]
    turned: bool = False  # a matrix that is (outputs, inputs) there
    axis: int = 0  # along which there several lie side by side
    counts: bool = False  # a whole number there
    filled: Any = None  # what is written where nothing here corresponds


def _checked_entries(model: Layer) -> list[_Entry]:
    entries = list(_entries(model, ""))
    names = set()
    for entry in entries:
        if entry.name in names:
            raise DeclarationError(
                f"torch_weights: two parameters would be called {entry.name}.\n    Fix: rename an attribute."
            )
        names.add(entry.name)
    return entries


def _entries(layer: Layer, prefix: str, outside: tuple[Layer, ...] = ()) -> Iterator[_Entry]:
    """The arrays of a layer and of those inside it; a parameter in two places is there under both names."""
    if layer in outside:
        return
    special = next((_SPECIAL[kind] for kind in type(layer).__mro__ if kind in _SPECIAL), None)
    if special is not None:
        yield from special(layer, prefix)
        return
    renamed = next((_RENAMED[kind] for kind in type(layer).__mro__ if kind in _RENAMED), {})
    for attribute, value in vars(layer).items():
        name = renamed.get(attribute, attribute)
        if isinstance(value, Parameter):
            if attribute != "batches" or not isinstance(layer, BatchNorm | InstanceNorm):
                yield _Entry(prefix + name, (value,), turned=isinstance(layer, _TURNED) and len(value.shape) == 2)
        else:
            yield from _inside(value, prefix + name, (*outside, layer))
    if isinstance(layer, BatchNorm | InstanceNorm) and layer.running_mean is not None:
        counter = () if layer.batches is None else (layer.batches,)
        yield _Entry(f"{prefix}num_batches_tracked", counter, counts=True, filled=np.zeros((), np.int64))


def _inside(value: Any, name: str, outside: tuple[Layer, ...]) -> Iterator[_Entry]:
    if isinstance(value, Parameter):
        yield _Entry(name, (value,))
    elif isinstance(value, Layer):
        yield from _entries(value, f"{name}." if name else "", outside)
    elif isinstance(value, list | tuple | dict):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in items:
            # A Sequential holds its layers in a list, and PyTorch's by number alone.
            yield from _inside(each, f"{name}{key}" if name[-1:] in ("", ".") else f"{name}.{key}", outside)


def _attention(layer: MultiHeadAttention, prefix: str) -> Iterator[_Entry]:
    parts = layer.query, layer.key, layer.value
    if len({part.weight.shape for part in parts}) == 1:
        yield _Entry(f"{prefix}in_proj_weight", tuple(part.weight for part in parts), turned=True)
    else:
        for part, letter in zip(parts, "qkv", strict=True):
            yield _Entry(f"{prefix}{letter}_proj_weight", (part.weight,), turned=True)
    if layer.query.bias is not None:
        yield _Entry(f"{prefix}in_proj_bias", _biases(*parts))
    yield from _entries(layer.output, f"{prefix}out_proj.")


def _recurrent(layer: RNN | LSTM | GRU, prefix: str) -> Iterator[_Entry]:
    for number, cells in enumerate(layer.layers):
        for cell, way in zip(cells, ("", "_reverse"), strict=False):
            for entry in _entries(cell, prefix):
                yield entry._replace(name=f"{entry.name}_l{number}{way}")


def _tied_scores(layer: TiedScores, prefix: str) -> Iterator[_Entry]:
    yield _Entry(f"{prefix}weight", (layer.embedding.weight,))


def _gpt(model: GPT, prefix: str) -> Iterator[_Entry]:
    """Hugging Face's GPT-2, whose linear maps are (inputs, outputs) as here, those of queries, keys, values in one."""
    inside = f"{prefix}transformer."
    yield _Entry(f"{inside}wte.weight", (model.embedding.weight,))
    yield _Entry(f"{inside}wpe.weight", (model.positions.weight,))
    for number, layer in enumerate(model.encoder.layers):
        before: Any = layer
        path = f"{inside}h.{number}."
        heads = before.attention
        yield from _entries(before.attention_norm, f"{path}ln_1.")
        parts = heads.query, heads.key, heads.value
        yield _Entry(f"{path}attn.c_attn.weight", tuple(part.weight for part in parts), axis=1)
        if heads.query.bias is not None:
            yield _Entry(f"{path}attn.c_attn.bias", _biases(*parts))
        yield from _as_they_are(heads.output, f"{path}attn.c_proj.")
        yield from _entries(before.feed_forward_norm, f"{path}ln_2.")
        yield from _as_they_are(before.expand, f"{path}mlp.c_fc.")
        yield from _as_they_are(before.contract, f"{path}mlp.c_proj.")
        # Not weights, but the causal mask, which older files hold too.
        yield _Entry(f"{path}attn.bias", ())
        yield _Entry(f"{path}attn.masked_bias", ())
    if model.encoder.norm is not None:
        yield from _entries(model.encoder.norm, f"{inside}ln_f.")
    yield from _entries(model.scores, f"{prefix}lm_head.")


def _as_they_are(layer: Layer, prefix: str) -> Iterator[_Entry]:
    return (entry._replace(turned=False) for entry in _entries(layer, prefix))


def _biases(*layers: Linear) -> tuple[Parameter, ...]:
    return tuple(layer.bias for layer in layers if layer.bias is not None)


_TURNED = (Linear, RNNCell, LSTMCell, GRUCell)
_SPECIAL: dict[type, Callable[[Any, str], Iterator[_Entry]]] = {
    GPT: _gpt,
    GRU: _recurrent,
    LSTM: _recurrent,
    MultiHeadAttention: _attention,
    RNN: _recurrent,
    TiedScores: _tied_scores,
}
_IN_ENCODER = {
    "attention": "self_attn",
    "attention_norm": "norm1",
    "expand": "linear1",
    "contract": "linear2",
    "feed_forward_norm": "norm2",
}
_IN_DECODER = {"cross_attention": "multihead_attn", "cross_attention_norm": "norm2", "feed_forward_norm": "norm3"}
_RENAMED: dict[type, dict[str, str]] = {
    Sequential: {"layers": ""},
    TransformerEncoderLayer: _IN_ENCODER,
    TransformerDecoderLayer: _IN_ENCODER | _IN_DECODER,
}


# Between the two layouts


def _shape(entry: _Entry) -> tuple[int | None, ...]:
    """PyTorch's shape, with None for what is not known yet."""
    shapes: list[Any] = [p.shape[::-1] if entry.turned else p.shape for p in entry.parameters]
    first = list(shapes[0])
    if len(shapes) > 1:
        first[entry.axis] = sum(shape[entry.axis] for shape in shapes)
    return tuple(first)


def _ours(entry: _Entry, array: Any) -> list[Any]:
    """PyTorch's array as those of our parameters, each in memory of its own."""
    parts = [array]
    if len(entry.parameters) > 1:
        axis = 1 - entry.axis if entry.turned else entry.axis
        ends = np.cumsum([parameter.shape[axis] for parameter in entry.parameters])
        parts = np.split(array, ends[:-1], axis=entry.axis)
    turned = [part.T if entry.turned else part for part in parts]
    return [np.array(part, p.dtype, order="C") for part, p in zip(turned, entry.parameters, strict=True)]


def _theirs(entry: _Entry) -> Any:
    if not entry.parameters:
        return entry.filled
    arrays = [np.asarray(parameter.data) for parameter in entry.parameters]
    arrays = [array.T if entry.turned else array for array in arrays]
    array = arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=entry.axis)
    return array.astype(np.int64) if entry.counts else array


def _compare(entries: list[_Entry], given: dict[str, Any]) -> list[str]:
    """One line for all that is missing, left over, or of another shape or dtype."""
    lines = []
    found = {parameter for entry in entries if entry.name in given for parameter in entry.parameters}
    for entry in entries:
        if not entry.parameters:
            continue
        if entry.name not in given:
            if not found.issuperset(entry.parameters):
                lines.append(f"{entry.name} is missing")
            continue
        have, want = given[entry.name], _shape(entry)
        shape = tuple(have.shape)
        dtype = entry.parameters[0].dtype
        if not Unsized(want, dtype, np.zeros).fits(shape):
            lines.append(f"{entry.name}: its shape is {shape}, and should be {want}")
        elif not (have.dtype.kind in "iu" if entry.counts else _holds(dtype, have.dtype)):
            lines.append(f"{entry.name}: its dtype is {have.dtype}, which {dtype} does not hold")
    known = {entry.name for entry in entries}
    return lines + [f"{name} is not wanted" for name in given if name not in known]


def _holds(dtype: Any, given: Any) -> bool:
    """Whether every number of one floating-point type is one of the other."""
    name = "bfloat16" if str(given) == "BF16" else str(given)
    if name == str(dtype):
        return True
    if name == "bfloat16":
        given = np.dtype(np.float32)  # of which it is the first half
    return bool(given.kind == dtype.kind == "f" and np.can_cast(given, dtype))


# Where weights come from


def _open(source: Any, stack: ExitStack) -> tuple[Any, dict[str, Any], Callable[[str], Any]]:
    """What to call it in errors, what it says of its arrays, and what reads one."""
    if isinstance(source, Mapping):
        arrays = {name: _as_array(name, value) for name, value in source.items()}
        return "the dictionary", arrays, arrays.__getitem__
    if not isinstance(source, str | os.PathLike):
        raise InputError(
            f"torch_weights.load: weights are a path or a dictionary of arrays, and this is {describe(source)}."
        )
    path = Path(source)
    if path.suffix != ".json":
        file = stack.enter_context(opened(path))
        return path, dict(file.headers), file.array
    places = _read_index(path)
    files = {place: stack.enter_context(opened(path.parent / place)) for place in sorted(set(places.values()))}
    headers = {}
    for name, place in places.items():
        if name not in files[place].headers:
            raise DataError(f"{path}: it is damaged: {plain(repr(name))} is not in {place}.")
        headers[name] = files[place].headers[name]
    return path, headers, lambda name: files[places[name]].array(name)


def _read_index(path: Path) -> dict[str, str]:
    """In which file each array is; only files beside the index may be named."""
    try:
        if path.stat().st_size > 100_000_000:
            raise DataError(f"{path}: it is too large to be an index.")
        content = read_json(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file.") from error
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: it is damaged, or no index: {plain(error)}.") from error
    places = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(places, dict):
        raise DataError(f"{path}: it is damaged, or no index: there is no weight_map.")
    for place in places.values():
        if not isinstance(place, str) or not re.fullmatch(r"[\w. -]{1,200}\.safetensors", place):
            raise DataError(f"{path}: it is damaged: {plain(repr(place))} is no name of a safetensors file beside it.")
    return places


def _as_array(name: Any, value: Any) -> Any:
    if isinstance(value, Recorded):
        value = value.data
    if hasattr(value, "detach"):  # a tensor of PyTorch's
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
    if not isinstance(name, str) or not hasattr(value, "shape"):
        raise DtypeError(f"torch_weights.load: the dictionary is of arrays by name, and {name!r} is {describe(value)}.")
    return np.asarray(value)


def _renamed(model: Layer, given: list[str], mapping: Names | None) -> tuple[dict[str, str], list[str]]:
    """The name in the source for each name that is looked for, and what went wrong."""
    names: dict[str, str] = {}
    lines = []
    bare = isinstance(model, GPT)
    for there in given:
        name = _rename(there, mapping)
        if name is None:
            continue
        if name in names:
            lines.append(f"{names[name]} and {there} are both {name}")
        names[name] = there
        bare = bare and not name.startswith("transformer.")
    if bare:  # Hugging Face's files of the network without its head
        names = {n if n.startswith("lm_head.") else f"transformer.{n}": there for n, there in names.items()}
    return names, lines


def _rename(name: str, mapping: Names | None) -> str | None:
    if mapping is None:
        return name
    if not isinstance(mapping, Mapping):
        return mapping(name)
    for beginning in sorted(mapping, key=len, reverse=True):
        if name.startswith(beginning):
            after = mapping[beginning]
            return None if after is None else after + name[len(beginning) :]
    return name


def _with_origin(line: str, names: dict[str, str]) -> str:
    """With the name that the source has for it, where that is another."""
    name = next((part for part in (line.partition(":")[0], line.rsplit(" is ", 1)[0]) if part in names), None)
    return line if name is None or names[name] == name else f"{line} (there it is {names[name]})"
