"""A summary of a model: its layers as a tree, with shapes, parameters, memory and the work of a forward pass.

The work is counted operation by operation, by the rules of `COUNTS`.
"""

from collections import Counter
from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from wengert import random
from wengert.backends.saved import Settled
from wengert.core.modes import Observer, observing, test_mode, using_config
from wengert.debug.arrays import arrays_in, memory_of
from wengert.debug.words import aligned, in_bytes
from wengert.errors import InputError

__all__ = ["COUNTS", "LayerSummary", "Summary", "summary"]


def summary(model: Any, x: Any = None, *, shape: Any = None) -> "Summary":
    """Run a model once, and say what each layer made of its input, and what that took.

    The pass is in test mode and recorded, and leaves the model as any call in test mode does: gradients and buffers
    are as before, and so is the random generator.  Only parameters that wait for their shape are made, and stay; as
    they draw just what the first call would have drawn, the generator then stays where the pass has left it.

    One multiplication with an addition counts as two floating-point operations, padding's zeros included.  An
    elementwise function, such as tanh, counts one for each entry of its result, and a reduction one for each entry it
    reads; moving data counts nothing, and what NumPy computes of plain arrays is not seen.  Operations without a rule
    are named in ``not_counted``.  A rule for an operation of one's own is an entry of `COUNTS`.

    Args:
        model: A layer.
        x: Its input, an array or Variable; a tuple for several.
        shape: In place of ``x``, the shape of an input of float32 zeros; a tuple of shapes for several.

    Raises:
        InputError: neither ``x`` nor ``shape`` is given, or both, or ``shape`` is none.

    Example:
        >>> from wengert.models import MLP
        >>> found = summary(MLP((10, 3)), shape=(5, 2))
        >>> print(found)
        layer       class            shapes             parameters   size   kept  FLOPs
        (model)     MLP(sigmoid)     (5, 2) -> (5, 3)           63  252 B  200 B    615
          layers.0  Linear(2 -> 10)  (5, 2) -> (5, 10)          30  120 B    0 B    250
          layers.1  Linear(10 -> 3)  (5, 10) -> (5, 3)          33  132 B    0 B    315
        parameters         63 in 252 B, all trainable
        kept for backward  200 B
        FLOPs              615 for one forward pass
        >>> found.parameters, found.flops, found.rows[1].outputs
        (63, 615, ((5, 10),))
    """
    inputs = _inputs(x, shape)
    state = list(model.named_state())
    waiting = any(_unsized(parameter) for _, parameter in state)
    trained = {id(parameter) for _, parameter in model.named_parameters()}
    buffers = [(part, part.data) for _, part in state if id(part) not in trained and not _unsized(part)]
    generator = None if waiting else random.get_state()
    counter = _Counter([memory_of(value) for value in inputs], {id(part) for _, part in state})
    try:
        with using_config("enable_backprop", True), test_mode(), observing(counter):
            result = model(*inputs)
    finally:
        for buffer, before in buffers:
            buffer.data = before
        if generator is not None:
            random.set_state(generator)
    del result
    return Summary(model, inputs, counter)


class LayerSummary(NamedTuple):
    """What a layer is and did; numbers are of all its calls, with what is inside it."""

    path: str
    kind: str
    details: str
    calls: int
    inputs: tuple[tuple[int, ...], ...]  # the shapes of its first call
    outputs: tuple[tuple[int, ...], ...]
    parameters: int
    parameter_bytes: int
    kept_bytes: int  # of arrays that it made and the pass kept for going back, each counted where it is first kept
    flops: int


class Summary:
    """What `summary` found: `print` it, or read its attributes.

    Attributes:
        rows: A `LayerSummary` for each layer, the model first.
        parameters: How many numbers are learnt, those of shared parameters once.
        trainable: Of these, how many need a gradient.
        parameter_bytes: Of the parameters.
        buffer_bytes: Of what layers remember and do not learn.
        kept_bytes: Of what the pass kept for going back, besides parameters and inputs.
        bytes: All three together.
        flops: Floating-point operations of the pass.
        operations: The same by operation.
        not_counted: How often each operation ran that there is no rule for.
    """

    def __init__(self, model: Any, inputs: tuple[Any, ...], counter: "_Counter") -> None:
        own = {id(parameter) for _, parameter in model.named_parameters()}
        parameters = [parameter for _, parameter in model.named_parameters() if not _unsized(parameter)]
        buffers = [part for _, part in model.named_state() if id(part) not in own and not _unsized(part)]
        self.parameters = sum(parameter.size for parameter in parameters)
        self.trainable = sum(parameter.size for parameter in parameters if parameter.requires_grad)
        self.parameter_bytes = sum(map(_size, parameters))
        self.buffer_bytes = sum(map(_size, buffers))
        self.kept_bytes = counter.kept
        self.bytes = self.parameter_bytes + self.buffer_bytes + self.kept_bytes
        self.flops = counter.flops
        self.operations = dict(counter.operations.most_common())
        self.not_counted = dict(counter.not_counted.most_common())
        self.rows = [_row(path, layer, counter.layers.get(id(layer))) for path, layer in model.named_layers()]
        self._unmade = [path for path, parameter in model.named_parameters() if _unsized(parameter)]

    def __repr__(self) -> str:
        """The table, and the totals."""
        table = [("layer", "class", "shapes", "parameters", "size", "kept", "FLOPs")]
        above: list[str] = []
        for row in self.rows:
            while above and not row.path.startswith(f"{above[-1]}."):
                above.pop()
            name = row.path.removeprefix(f"{above[-1]}.") if above else row.path
            indent = "  " * (len(above) + 1) if row.path else ""
            if row.path:
                above.append(row.path)
            kind = f"{row.kind}({row.details})" if row.details else row.kind
            shapes = f"{_shapes(row.inputs)} -> {_shapes(row.outputs)}" if row.calls else "not called"
            shapes += f", {row.calls} calls" if row.calls > 1 else ""
            count = f"{row.parameters:,}" if row.parameters else ""
            size = in_bytes(row.parameter_bytes) if row.parameters else ""
            kept, flops = (in_bytes(row.kept_bytes), _thousands(row.flops)) if row.calls else ("", "")
            table.append((f"{indent}{name or '(model)'}", kind, shapes, count, size, kept, flops))
        fixed = self.parameters - self.trainable
        trainable = f"{self.trainable:,} trainable and {fixed:,} not" if fixed else "all trainable"
        lines = [
            aligned(table, left=3),
            f"parameters         {self.parameters:,} in {in_bytes(self.parameter_bytes)}, {trainable}",
            f"buffers            {in_bytes(self.buffer_bytes)}" if self.buffer_bytes else "",
            f"kept for backward  {in_bytes(self.kept_bytes)}",
            f"FLOPs              {_thousands(self.flops)} for one forward pass",
        ]
        if self.not_counted:
            names = ", ".join(f"{name} ({times})" for name, times in self.not_counted.items())
            lines.append(f"not counted        {names}")
        if self._unmade:
            lines.append(f"not made yet       {', '.join(self._unmade)}")
        return "\n".join(line for line in lines if line)


class _Call:
    """What a layer did in all its calls."""

    def __init__(self, inputs: Any) -> None:
        self.inputs = inputs
        self.outputs: Any = ()
        self.calls = self.kept = self.flops = 0


class _Counter(Observer):
    """Counts what runs, for every layer it runs in."""

    def __init__(self, given: list[Any], state: set[int]) -> None:
        self.layers: dict[int, _Call] = {}
        self.open: list[_Call] = []
        self.flops = self.kept = 0
        self.operations: Counter[str] = Counter()
        self.not_counted: Counter[str] = Counter()
        self.options: dict[str, Any] = {}
        self.state = state  # parameters and buffers, by id
        self.seen = {id(memory): memory for memory in given}  # held, so that no other can have its id

    def enter(self, layer: Any, inputs: tuple[Any, ...]) -> None:
        """See `Observer`."""
        call = self.layers.setdefault(id(layer), _Call(_shapes_in(inputs)))
        call.calls += 1
        self.open.append(call)

    def leave(self, layer: Any, result: Any) -> None:
        """See `Observer`."""
        call = self.open.pop()
        call.outputs = call.outputs or _shapes_in(result if isinstance(result, tuple) else (result,))

    def begin(self, operation: Any, options: dict[str, Any]) -> None:
        """See `Observer`."""
        self.options = options

    def forward(self, function: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """See `Observer`."""
        for value in inputs:
            if id(value) in self.state:
                memory = memory_of(value)
                self.seen[id(memory)] = memory
        kept = 0
        given = {id(array) for array in function.kept.given()} if isinstance(function.kept, Settled) else ()
        for array in arrays_in(function.kept):
            memory = None if id(array) in given else memory_of(array)
            if memory is not None and id(memory) not in self.seen:
                self.seen[id(memory)] = memory
                kept += memory.nbytes
        self._count(function.operation_name, inputs, outputs, kept)

    def unrecorded(self, name: str, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """See `Observer`."""
        self._count(name, inputs, outputs, 0)

    def _count(self, name: str, inputs: Any, outputs: Any, kept: int) -> None:
        flops = 0
        try:
            flops = int(COUNTS[name](inputs, outputs, self.options))
            self.operations[name] += flops
        except Exception:  # noqa: BLE001 (no rule, or none for such a call: either way it is not counted)
            self.not_counted[name] += 1
        self.flops += flops
        self.kept += kept
        for call in {id(call): call for call in self.open}.values():  # once where a layer calls itself
            call.flops += flops
            call.kept += kept


# The rules


def _each_output(inputs: Any, outputs: Any, options: Any) -> int:
    return outputs[0].size


def _each_input(inputs: Any, outputs: Any, options: Any) -> int:
    return inputs[0].size


def _times(count: int) -> Callable[[Any, Any, Any], int]:
    return lambda inputs, outputs, options: count * inputs[0].size


def _nothing(inputs: Any, outputs: Any, options: Any) -> int:
    return 0


def _matmul(inputs: Any, outputs: Any, options: Any) -> int:
    return 2 * outputs[0].size * inputs[0].shape[-1]


def _linear(inputs: Any, outputs: Any, options: Any) -> int:
    _, weight, bias = inputs
    return outputs[0].size * (2 * weight.shape[0] + (bias is not None))


def _vecdot(inputs: Any, outputs: Any, options: Any) -> int:
    return 2 * outputs[0].size * inputs[0].shape[options["axis"]]


def _contract(inputs: Any, outputs: Any, options: Any) -> int:
    """Every letter is a loop; without a sum there is nothing to add."""
    terms, _, out = options["subscripts"].partition("->")
    lengths: dict[str, int] = {}
    for letters, value in zip(terms.split(","), inputs, strict=True):
        lengths |= dict(zip(letters, value.shape, strict=True))
    return prod(lengths.values()) * (2 if set(lengths) - set(out) else 1)


def _convolution_output(inputs: Any, outputs: Any, options: Any) -> int:
    _, weight, bias = inputs
    return outputs[0].size * (2 * prod(weight.shape[1:]) + (bias is not None))


def _convolution_input(inputs: Any, outputs: Any, options: Any) -> int:
    y, weight = inputs
    return 2 * y.size * prod(weight.shape[1:])


def _convolution_weight(inputs: Any, outputs: Any, options: Any) -> int:
    _, y = inputs
    return 2 * y.size * prod(outputs[0].shape[1:])


def _windows_read(inputs: Any, outputs: Any, options: Any) -> int:
    return outputs[0].size * prod(options["window"].kernel)


def _windows_written(inputs: Any, outputs: Any, options: Any) -> int:
    return inputs[0].size * prod(options["window"].kernel)


def _attention(inputs: Any, outputs: Any, options: Any) -> int:
    """Both products in whole, whatever the mask; a softmax of five operations for each weight."""
    query, _, _, bias = inputs
    out, weights = outputs
    each = 2 * query.shape[-1] + 5 + (bias is not None) + (options["factor"] is not None)
    return query.size + weights.size * each + 2 * out.size * weights.shape[-1]


def _recurrent(each: int) -> Callable[[Any, Any, Any], int]:
    """The products with both weights, their sum with the biases, and so many operations for each entry of a state."""

    def count(inputs: Any, outputs: Any, options: Any) -> int:
        x = inputs[0]
        *_, weight_ih, weight_hh, bias_ih, bias_hh = inputs
        steps, gates = prod(x.shape[:-1]), weight_ih.shape[-1]
        products = 2 * (weight_ih.shape[0] + weight_hh.shape[0])
        sums = 1 + (bias_ih is not None) + (bias_hh is not None)
        return steps * gates * (products + sums) + each * outputs[0].size

    return count


def _normalize(inputs: Any, outputs: Any, options: Any) -> int:
    """The mean and taking it off, the mean of squares, the division; of each group four more for its scale."""
    x, weight, bias = inputs
    centred = options["centred"]
    each = 3 + 2 * centred + (weight is not None) + (bias is not None)
    return x.size * each + outputs[1].size * (4 + centred)


def _sum_to(inputs: Any, outputs: Any, options: Any) -> int:
    return inputs[0].size if inputs[0].size != outputs[0].size else 0


def _named(names: str, rule: Callable[[Any, Any, Any], int]) -> dict[str, Callable[[Any, Any, Any], int]]:
    return dict.fromkeys(names.split(), rule)


#: From the name of an operation, how many floating-point operations a call of it is, from its inputs, its results and
#: its options.
COUNTS: dict[str, Callable[[Any, Any, Any], int]] = {
    **_named(
        """add subtract multiply divide power negative abs remainder floor_divide
        sin cos tan asin acos atan sinh cosh tanh tanh_slope asinh acosh atanh exp exp2 expm1 log log1p log2 log10
        sqrt cbrt square reciprocal erf erfc deg2rad rad2deg atan2 hypot logaddexp logaddexp2 copysign sinc
        where maximum minimum fmax fmin clip nan_to_num sign floor ceil trunc round heaviside
        equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor logical_not
        isfinite isinf isnan signbit isclose
        relu leaky_relu elu gelu sigmoid silu softplus celu selu hardtanh hardsigmoid hardswish hardshrink softshrink
        tanhshrink threshold mish softsign log_sigmoid glu prelu""",
        _each_output,
    ),
    **_named("sum mean max min prod all any count_nonzero argmax argmin cumulative_sum cumulative_prod", _each_input),
    **_named("scatter_add place_maxima", _each_input),
    **_named("norm", _times(2)),
    **_named("mean_squared_error", _times(3)),
    **_named("var std logsumexp", _times(4)),
    **_named("softmax log_softmax softmax_cross_entropy row_cross_entropy", _times(5)),
    **_named(
        """reshape permute_dims matrix_transpose expand_dims squeeze broadcast_to concat stack unstack flip roll pad
        get_item update take_along_axis embed_id diagonal diag tril triu positive real conj identity
        zeros_like ones_like full_like empty_like copy astype convert gather_windows pick_maxima""",
        _nothing,
    ),
    **_named("sum_windows max_windows", _windows_read),
    **_named("spread_windows", _windows_written),
    **_named("scatter_windows", _each_input),
    "matmul": _matmul,
    "linear": _linear,
    "vecdot": _vecdot,
    "cross": lambda inputs, outputs, options: 3 * outputs[0].size,
    "contract": _contract,
    "convolution_output": _convolution_output,
    "convolution_input": _convolution_input,
    "convolution_weight": _convolution_weight,
    "attention": _attention,
    "rotate": _times(3),
    "rnn": _recurrent(1),
    "lstm": _recurrent(9),  # four gates; two products, a sum; tanh, and a product
    "gru": _recurrent(7),  # two gates; a product, tanh; a difference, a product, a sum
    "normalize": _normalize,
    "scale_around": lambda inputs, outputs, options: 2 * outputs[0].size,
    "sum_to": _sum_to,
}


# Details


def _inputs(x: Any, shape: Any) -> tuple[Any, ...]:
    if (x is None) == (shape is None):
        raise InputError("summary: it takes the model's input, or its shape.\n    Fix: summary(model, shape=(1, 10)).")
    if shape is None:
        return x if isinstance(x, tuple) else (x,)
    try:
        several = isinstance(shape, tuple | list) and bool(shape) and isinstance(shape[0], tuple | list)
        return tuple(np.zeros(each, np.float32) for each in (shape if several else (shape,)))
    except (TypeError, ValueError) as error:
        fix = "(1, 3, 224, 224), or a tuple of these for several inputs"
        raise InputError(f"summary: {shape!r} is no shape.\n    Fix: shape={fix}.") from error


def _row(path: str, layer: Any, call: _Call | None) -> LayerSummary:
    parameters = [parameter for parameter in layer.parameters() if not _unsized(parameter)]
    sizes = sum(parameter.size for parameter in parameters), sum(map(_size, parameters))
    did = call or _Call(())
    shapes = did.inputs, did.outputs
    return LayerSummary(path, type(layer).__name__, layer.details(), did.calls, *shapes, *sizes, did.kept, did.flops)


def _unsized(parameter: Any) -> bool:
    """Whether it waits for its shape."""
    return not hasattr(parameter.data, "nbytes")


def _size(parameter: Any) -> int:
    return parameter.data.nbytes


def _shapes_in(values: Any) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(array.shape) for array in arrays_in(values))


def _shapes(shapes: tuple[tuple[int, ...], ...]) -> str:
    shown = ", ".join(map(str, shapes[:2]))
    return f"{shown}, and {len(shapes) - 2} more" if len(shapes) > 2 else shown or "()"


def _thousands(count: int) -> str:
    """A count with three digits and its unit."""
    if count < 10_000:
        return f"{count:,}"
    size, unit = count / 1000, "k"
    for larger in ("M", "G", "T"):
        if size >= 999.5:
            size, unit = size / 1000, larger
    return f"{size:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f} {unit}"
