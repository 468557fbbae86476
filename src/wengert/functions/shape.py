"""Shapes: the same entries in another arrangement.  A derivative keeps shapes, and no data."""

from collections.abc import Callable, Sequence
from operator import index
from typing import Any

import numpy as np  # for places and counts, which are plain whole numbers whichever library the entries belong to

from wengert.core.operation import operation
from wengert.core.recorded import Recorded, make_result
from wengert.errors import InputError, ShapeError, message
from wengert.functions.indexing import get_item

__all__ = [
    "array_split",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_arrays",
    "broadcast_to",
    "column_stack",
    "concat",
    "concatenate",
    "dsplit",
    "dstack",
    "expand_dims",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "hsplit",
    "hstack",
    "matrix_transpose",
    "moveaxis",
    "pad",
    "permute_dims",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "rot90",
    "split",
    "squeeze",
    "stack",
    "sum_to",
    "swapaxes",
    "tile",
    "transpose",
    "unstack",
    "vsplit",
    "vstack",
]


def _shape(x: Any) -> tuple[int, ...]:
    return tuple(getattr(x, "shape", ()))


def _place_of(name: str, x: Any, axis: int) -> int:
    """The axis, counted from the first."""
    ndim = len(_shape(x))
    if not -ndim <= axis < ndim:
        raise ShapeError(message(f"{name}: there is no axis {axis}.", [("x", x)]))
    return index(axis) % ndim


@operation(view=True)
def reshape(xp, x, /, shape):
    """The same entries, in the same order, in another shape; one length may be -1, and is worked out.

    Raises:
        ShapeError: the shape has room for another number of entries.

    Example:
        >>> import numpy as np
        >>> reshape(np.arange(4.0), (2, 2))
        variable([[0. 1.]
                  [2. 3.]])
    """
    return xp.reshape(x, shape)


@reshape.derivative("x")
def _(xp, g, x_shape):
    return xp.reshape(g, x_shape)


@operation(view=True)
def permute_dims(xp, x, /, axes):
    """The axes in another order.

    Shapes: x (n0, n1, ...) -> (n[axes[0]], n[axes[1]], ...)

    Raises:
        ShapeError: ``axes`` does not name each axis once.

    Example:
        >>> import numpy as np
        >>> permute_dims(np.zeros((2, 3, 4)), (2, 0, 1)).shape
        (4, 2, 3)
    """
    return xp.permute_dims(x, tuple([axis + x.ndim if axis < 0 else axis for axis in axes]))  # JAX counts from 0


@permute_dims.derivative("x")
def _(xp, g, axes):
    ndim = len(axes)
    inverse = [0] * ndim
    for i, axis in enumerate(axes):
        inverse[axis % ndim] = i
    return xp.permute_dims(g, tuple(inverse))


def transpose(x: Any, axes: Any = None) -> Any:
    """The axes in reverse order, or in the order of ``axes``.

    Example:
        >>> import numpy as np
        >>> transpose(np.zeros((2, 3))).shape
        (3, 2)
    """
    return permute_dims(x, tuple(range(len(_shape(x))))[::-1] if axes is None else tuple(axes))


@operation(view=True)
def matrix_transpose(xp, x):
    """The last two axes exchanged.

    Shapes: x (..., n, m) -> (..., m, n)

    Example:
        >>> import numpy as np
        >>> matrix_transpose(np.zeros((5, 2, 3))).shape
        (5, 3, 2)
    """
    return xp.matrix_transpose(x)


@matrix_transpose.derivative("x")
def _(xp, g):
    return xp.matrix_transpose(g)


@operation(view=True)
def expand_dims(xp, x, /, axis=0):
    """New axes of length 1, standing at ``axis`` (a number or several) of the result.

    Example:
        >>> import numpy as np
        >>> expand_dims(np.zeros((2, 3)), -1).shape
        (2, 3, 1)
    """
    return xp.expand_dims(x, axis=axis)


@expand_dims.derivative("x")
def _(xp, g, x_shape):
    return xp.reshape(g, x_shape)


@operation(view=True)
def squeeze(xp, x, /, axis=None):
    """Without its axes of length 1: all of them, or those named.

    Raises:
        ShapeError: a named axis is longer than 1.

    Example:
        >>> import numpy as np
        >>> squeeze(np.zeros((2, 1, 3))).shape
        (2, 3)
    """
    return xp.squeeze(x, axis=axis)


@squeeze.derivative("x")
def _(xp, g, x_shape):
    return xp.reshape(g, x_shape)


@operation(broadcasts=True, view=True)
def broadcast_to(xp, x, /, shape):
    """``x`` repeated along new axes, and along axes of length 1.

    Raises:
        ShapeError: ``x`` does not broadcast to ``shape``.

    Example:
        >>> import numpy as np
        >>> broadcast_to(np.array([1.0, 2.0]), (2, 2))
        variable([[1. 2.]
                  [1. 2.]])
    """
    return xp.broadcast_to(x, shape)


@broadcast_to.derivative("x")
def _(g):  # the engine sums over the axes that were broadcast
    return g


@operation
def _sum_to(xp, x, *, shape, axes):
    return xp.reshape(xp.sum(x, axis=axes), shape)


@_sum_to.derivative("x")
def _(xp, g, x_shape, shape):
    return xp.broadcast_to(xp.reshape(g, (1,) * (len(x_shape) - len(shape)) + tuple(shape)), x_shape)


def sum_to(x: Any, shape: Any) -> Any:
    """``x`` summed down to a shape that broadcasts to its own: the derivative of `broadcast_to`.

    Raises:
        ShapeError: ``shape`` does not broadcast to the shape of ``x``.

    Example:
        >>> import numpy as np
        >>> sum_to(np.ones((2, 3)), (1, 3))
        variable([[2. 2. 2.]])
    """
    shape, full = tuple(shape), _shape(x)
    extra = len(full) - len(shape)
    if extra < 0 or any(want not in (1, have) for have, want in zip(full[extra:], shape, strict=True)):
        raise ShapeError(message(f"sum_to: {shape} does not broadcast to the shape of x.", [("x", x)]))
    axes = tuple(i for i in range(len(full)) if i < extra or (shape[i - extra] == 1 and full[i] != 1))
    return _sum_to(x, shape=shape, axes=axes)


def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """Each array broadcast to the shape of all of them together.

    Example:
        >>> import numpy as np
        >>> [a.shape for a in broadcast_arrays(np.zeros((2, 1)), np.zeros(3))]
        [(2, 3), (2, 3)]
    """
    shape = _broadcast_shape([_shape(array) for array in arrays])
    return tuple(broadcast_to(array, shape) for array in arrays)


def _broadcast_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    ndim = max((len(shape) for shape in shapes), default=0)
    full = []
    for axis in range(-ndim, 0):
        sizes = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        if len(sizes) > 1:
            raise ShapeError(f"broadcast_arrays: the shapes {', '.join(map(str, shapes))} differ in axis {axis}.")
        full.append(sizes.pop() if sizes else 1)
    return tuple(full)


def _sequence(name: str, arrays: Any) -> list[Any]:
    if isinstance(arrays, Recorded) or hasattr(arrays, "dtype"):
        arrays = [arrays[i] for i in range(len(arrays))]
    arrays = list(arrays)
    if not arrays:
        raise InputError(f"{name}: needs at least one array.")
    return arrays


def concat(arrays: Any, axis: int | None = 0) -> Any:
    """Arrays one after the other along an axis they have; laid flat first where ``axis`` is None.

    Shapes: (..., n, ...), (..., m, ...), ... -> (..., n + m + ..., ...)

    Raises:
        ShapeError: another axis differs in length.

    Example:
        >>> import numpy as np
        >>> concat([np.zeros(2), np.ones(1)])
        variable([0. 0. 1.])
    """
    arrays = _sequence("concat", arrays)
    if axis is None:
        return _concat(*[reshape(array, (-1,)) for array in arrays], axis=0)
    return _concat(*arrays, axis=axis)


@operation
def _concat(xp, *arrays, axis):
    return xp.concat(arrays, axis=axis)


@_concat.derivative("arrays")
def _(xp, g, arrays_shape, axis):
    before = (slice(None),) * (axis % g.ndim)
    gradients, start = [], 0
    for shape in arrays_shape:
        stop = start + shape[axis]
        gradients.append(g[(*before, slice(start, stop))])
        start = stop
    return gradients


def stack(arrays: Any, axis: int = 0) -> Any:
    """Arrays of one shape along a new axis.

    Shapes: k of (..., ...) -> (..., k, ...)

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> stack([np.zeros(2), np.ones(2)])
        variable([[0. 0.]
                  [1. 1.]])
    """
    return _stack(*_sequence("stack", arrays), axis=axis)


@operation
def _stack(xp, *arrays, axis):
    return xp.stack([xp.asarray(array) for array in arrays], axis=axis)


@_stack.derivative("arrays")
def _(g, arrays_shape, axis):
    before = (slice(None),) * (axis % g.ndim)
    return [g[(*before, i)] for i in range(len(arrays_shape))]


@operation(view=True)
def unstack(xp, x, /, *, axis=0):
    """The entries along an axis, each an array of its own: a tuple.

    Shapes: x (..., k, ...) -> k of (..., ...)

    Example:
        >>> import numpy as np
        >>> unstack(np.array([1.0, 2.0]))
        (variable(1.0), variable(2.0))
    """
    return tuple(xp.asarray(part) for part in xp.unstack(x, axis=axis))


@unstack.derivative("x")
def _(xp, g, axis):
    like = next(part for part in g if part is not None)
    return xp.stack([xp.zeros_like(like) if part is None else part for part in g], axis=axis)


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """``x`` cut along an axis: into equal parts, or at the given places.

    Raises:
        ShapeError: the axis does not divide into so many equal parts, or does not exist.

    Example:
        >>> import numpy as np
        >>> split(np.arange(4.0), 2)
        [variable([0. 1.]), variable([2. 3.])]
    """
    if np.ndim(indices_or_sections) == 0:
        size, sections = _shape(x)[_place_of("split", x, axis)], index(indices_or_sections)
        if sections < 1 or size % sections:
            raise ShapeError(message(f"split: axis {axis} does not divide into {sections} equal parts.", [("x", x)]))
    return array_split(x, indices_or_sections, axis)


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """As `split`, but the first parts may be one longer than the rest.

    Example:
        >>> import numpy as np
        >>> array_split(np.arange(3.0), 2)
        [variable([0. 1.]), variable([2.])]
    """
    axis = _place_of("array_split", x, axis)
    size = _shape(x)[axis]
    if np.ndim(indices_or_sections) == 0:
        sections = index(indices_or_sections)
        if sections < 1:
            raise ShapeError(message(f"array_split: {sections} parts are asked for.", [("x", x)]))
        length, longer = divmod(size, sections)
        lengths = [length + 1] * longer + [length] * (sections - longer)
        places = [0]
        for length in lengths:
            places.append(places[-1] + length)
    else:
        places = [0, *(int(place) for place in indices_or_sections), size]
    before = (slice(None),) * axis
    return [get_item(x, (*before, slice(start, stop))) for start, stop in zip(places, places[1:], strict=False)]


def hsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """`split` along the second axis (the first of a vector).

    Example:
        >>> import numpy as np
        >>> len(hsplit(np.zeros((2, 4)), 2))
        2
    """
    return split(x, indices_or_sections, 0 if len(_shape(x)) == 1 else 1)


def vsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """`split` along the first axis.

    Example:
        >>> import numpy as np
        >>> len(vsplit(np.zeros((2, 4)), 2))
        2
    """
    return split(x, indices_or_sections, 0)


def dsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """`split` along the third axis.

    Example:
        >>> import numpy as np
        >>> len(dsplit(np.zeros((2, 4, 6)), 3))
        3
    """
    return split(x, indices_or_sections, 2)


def hstack(arrays: Any) -> Any:
    """Arrays side by side: along the second axis (the first of vectors).

    Example:
        >>> import numpy as np
        >>> hstack([np.zeros((2, 1)), np.ones((2, 2))]).shape
        (2, 3)
    """
    arrays = [atleast_1d(array) for array in _sequence("hstack", arrays)]
    return concat(arrays, axis=0 if len(arrays[0].shape) == 1 else 1)


def vstack(arrays: Any) -> Any:
    """Arrays on top of one another: along the first axis, vectors as rows.

    Example:
        >>> import numpy as np
        >>> vstack([np.zeros(2), np.ones(2)]).shape
        (2, 2)
    """
    return concat([atleast_2d(array) for array in _sequence("vstack", arrays)], axis=0)


def dstack(arrays: Any) -> Any:
    """Arrays behind one another: along the third axis.

    Example:
        >>> import numpy as np
        >>> dstack([np.zeros(2), np.ones(2)]).shape
        (1, 2, 2)
    """
    return concat([atleast_3d(array) for array in _sequence("dstack", arrays)], axis=2)


def column_stack(arrays: Any) -> Any:
    """Vectors as the columns of a matrix; matrices side by side.

    Example:
        >>> import numpy as np
        >>> column_stack([np.zeros(2), np.ones(2)]).shape
        (2, 2)
    """
    columns = [reshape(a, (-1, 1)) if len(_shape(a)) < 2 else a for a in _sequence("column_stack", arrays)]
    return concat(columns, axis=1)


def _parted(x: Any) -> Any:
    """``x`` on its own, for functions that give copies in NumPy: whichever is written into is copied first."""
    x.memory = None
    return x


def tile(x: Any, repetitions: Any) -> Any:
    """``x`` laid out again and again along each axis.

    Example:
        >>> import numpy as np
        >>> tile(np.array([1.0, 2.0]), 2)
        variable([1. 2. 1. 2.])
    """
    counts = tuple(index(n) for n in np.atleast_1d(repetitions))
    ndim = max(len(counts), len(_shape(x)))
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - len(_shape(x))) + _shape(x)
    pairs = tuple(n for size in shape for n in (1, size))
    spread = tuple(n for count, size in zip(counts, shape, strict=True) for n in (count, size))
    whole = tuple(count * size for count, size in zip(counts, shape, strict=True))
    return _parted(reshape(broadcast_to(reshape(x, pairs), spread), whole))


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each entry along an axis ``repeats`` times in a row; of ``x`` laid flat where ``axis`` is None.

    Args:
        repeats: One number [0, ...), or one for each entry.

    Example:
        >>> import numpy as np
        >>> repeat(np.array([1.0, 2.0]), 2)
        variable([1. 1. 2. 2.])
    """
    if axis is None or not _shape(x):
        x, axis = reshape(x, (-1,)), 0 if axis is None else axis
    axis = _place_of("repeat", x, axis)
    shape = _shape(x)
    counts = [index(n) for n in np.atleast_1d(repeats)]
    if len(counts) not in (1, shape[axis]) or any(count < 0 for count in counts):
        raise ShapeError(
            message(
                f"repeat: {shape[axis]} entries are to be repeated {repeats!r} times.",
                [("x", x)],
                "give one number from 0 up, or one for each entry.",
            )
        )
    before, after = shape[: axis + 1], shape[axis + 1 :]
    if len(counts) == 1:
        spread = broadcast_to(reshape(x, (*before, 1, *after)), (*before, counts[0], *after))
        return _parted(reshape(spread, (*shape[:axis], shape[axis] * counts[0], *after)))
    return get_item(x, ((slice(None),) * axis) + (np.repeat(np.arange(shape[axis]), counts),))


@operation(view=True)
def flip(xp, x, /, axis=None):
    """The entries in reverse order along one axis, several, or all of them.

    Example:
        >>> import numpy as np
        >>> flip(np.array([1.0, 2.0]))
        variable([2. 1.])
    """
    return xp.flip(x, axis=axis)


@flip.derivative("x")
def _(xp, g, axis):
    return xp.flip(g, axis=axis)


def fliplr(x: Any) -> Any:
    """`flip` along the second axis.

    Example:
        >>> import numpy as np
        >>> fliplr(np.array([[1.0, 2.0]]))
        variable([[2. 1.]])
    """
    return flip(x, axis=1)


def flipud(x: Any) -> Any:
    """`flip` along the first axis.

    Example:
        >>> import numpy as np
        >>> flipud(np.array([1.0, 2.0]))
        variable([2. 1.])
    """
    return flip(x, axis=0)


def rot90(x: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """``x`` turned by a right angle ``k`` times, from the first of two axes towards the second.

    Example:
        >>> import numpy as np
        >>> rot90(np.array([[1.0, 2.0], [3.0, 4.0]]))
        variable([[2. 4.]
                  [1. 3.]])
    """
    if _place_of("rot90", x, axes[0]) == _place_of("rot90", x, axes[1]):
        raise ShapeError(message(f"rot90: axes {axes} name one axis twice.", [("x", x)]))
    k %= 4
    if k == 2:
        return flip(x, axis=axes)
    if k == 1:
        return swapaxes(flip(x, axis=axes[1]), *axes)
    return flip(swapaxes(x, *axes), axis=axes[1]) if k == 3 else reshape(x, _shape(x))


@operation
def roll(xp, x, /, shift, axis=None):
    """The entries moved on by ``shift`` places, those that fall off coming in at the other end.

    Example:
        >>> import numpy as np
        >>> roll(np.array([1.0, 2.0, 3.0]), 1)
        variable([3. 1. 2.])
    """
    return xp.roll(x, shift, axis=axis)


@roll.derivative("x")
def _(xp, g, shift, axis):
    back = tuple(-s for s in shift) if isinstance(shift, tuple | list) else -shift
    return xp.roll(g, back, axis=axis)


def pad(x: Any, pad_width: Any, mode: str = "constant", *, constant_values: float = 0.0) -> Any:
    """``x`` with more entries around it.

    Args:
        pad_width: How many before and after: a number, one pair for every axis alike, or a pair for each.
        mode: ``constant``, ``edge``, ``reflect``, ``symmetric`` or ``wrap``, as NumPy has them.

    Raises:
        InputError: there is no such mode here, or a width is negative or no whole number.

    Example:
        >>> import numpy as np
        >>> pad(np.array([1.0, 2.0]), 1)
        variable([0. 1. 2. 0.])
        >>> pad(np.array([1.0, 2.0]), (0, 2), mode="edge")
        variable([1. 2. 2. 2.])
    """
    if np.asarray(pad_width).dtype.kind not in "iu" or np.min(pad_width) < 0:
        raise InputError(f"pad: pad_width is whole numbers from 0 up, and is {pad_width!r}.")
    widths = np.broadcast_to(np.asarray(pad_width), (len(_shape(x)), 2))
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        raise InputError(f"pad: there is no mode {mode!r}.\n    Fix: use constant, edge, reflect, symmetric or wrap.")
    if not _shape(x):
        return reshape(x, ())  # no axis to pad along
    if mode == "constant":
        return _pad(x, widths=tuple((int(a), int(b)) for a, b in widths), value=constant_values)
    for axis, width in enumerate(widths):
        if not width.any():
            continue
        places = np.pad(np.arange(_shape(x)[axis]), tuple(width), mode=mode)  # type: ignore[call-overload]
        x = get_item(x, ((slice(None),) * axis) + (places,))
    return itself(x) if isinstance(x, Recorded) else make_result(x)


@operation
def _pad(xp, x, *, widths, value):
    return xp.pad(x, widths, constant_values=value)


@_pad.derivative("x")
def _(g, x_shape, widths):
    return g[tuple(slice(before, before + n) for (before, _), n in zip(widths, x_shape, strict=True))]


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Axes moved to other places, the rest keeping their order.

    Example:
        >>> import numpy as np
        >>> moveaxis(np.zeros((2, 3, 4)), 0, -1).shape
        (3, 4, 2)
    """
    ndim = len(_shape(x))
    sources = [_place_of("moveaxis", x, axis) for axis in np.atleast_1d(source).tolist()]
    targets = [_place_of("moveaxis", x, axis) for axis in np.atleast_1d(destination).tolist()]
    if len(sources) != len(targets) or len(set(sources)) != len(sources) or len(set(targets)) != len(targets):
        raise InputError(f"moveaxis: {source} to {destination} does not name each axis once.")
    order = [axis for axis in range(ndim) if axis not in sources]
    for target, axis in sorted(zip(targets, sources, strict=True)):
        order.insert(target, axis)
    return permute_dims(x, tuple(order))


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged.

    Example:
        >>> import numpy as np
        >>> swapaxes(np.zeros((2, 3, 4)), 0, 2).shape
        (4, 3, 2)
    """
    order = list(range(len(_shape(x))))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return permute_dims(x, tuple(order))


def flatten(x: Any, start_axis: int = 1) -> Any:
    """The axes from ``start_axis`` on as one, as before the dense layers of a network; `ravel` lays all flat.

    Example:
        >>> import numpy as np
        >>> flatten(np.zeros((5, 2, 3))).shape
        (5, 6)
    """
    shape = _shape(x)
    size = 1
    for n in shape[start_axis:]:
        size *= n
    return reshape(x, (*shape[:start_axis], size))


@operation(view=True)
def ravel(xp, x):
    """All entries along one axis; a view where they lie in memory in that order, as in NumPy.

    Example:
        >>> import numpy as np
        >>> ravel(np.zeros((2, 3))).shape
        (6,)
    """
    return xp.ravel(x)


@ravel.derivative("x")
def _(xp, g, x_shape):
    return xp.reshape(g, x_shape)


def atleast_1d(*arrays: Any) -> Any:
    """A scalar as a vector of one entry; anything else as it is; of several arrays a tuple.

    Example:
        >>> atleast_1d(1.0).shape
        (1,)
    """
    return _each(lambda shape: shape or (1,), arrays)


def atleast_2d(*arrays: Any) -> Any:
    """A vector as one row, a scalar as one entry; of several arrays a tuple.

    Example:
        >>> import numpy as np
        >>> atleast_2d(np.zeros(3)).shape
        (1, 3)
    """
    return _each(lambda shape: (1,) * (2 - len(shape)) + shape, arrays)


def atleast_3d(*arrays: Any) -> Any:
    """A vector of n as (1, n, 1), a matrix of n by m as (n, m, 1); of several arrays a tuple.

    Example:
        >>> import numpy as np
        >>> atleast_3d(np.zeros(3)).shape
        (1, 3, 1)
    """
    return _each(lambda shape: {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}.get(len(shape), shape), arrays)


def _each(new_shape: Callable[[tuple[int, ...]], tuple[int, ...]], arrays: tuple[Any, ...]) -> Any:
    """Every array in a shape that depends on its own."""
    results = tuple([reshape(array, new_shape(_shape(array))) for array in arrays])
    return results[0] if len(results) == 1 else results


concatenate = concat


@operation
def itself(xp, x):
    """The same entries in a value of its own: what is written into one is not seen in the other.

    Nothing is copied before that.

    Example:
        >>> import numpy as np
        >>> itself(np.array([1.0, 2.0]))
        variable([1. 2.])
    """
    return x


@itself.derivative("x")
def _(g):
    return g


# One example without the axis of a batch, as many functions of batches take it too


def stands_alone(x: Any, ndim: int) -> bool:
    """Whether ``x`` has one axis less than a batch, which has ``ndim``.

    Example:
        >>> import numpy as np
        >>> stands_alone(np.zeros((3, 4, 4)), 4)
        True
    """
    return len(getattr(x, "shape", ())) == ndim - 1


def as_batch(function: Callable[..., Any], *examples: Any, axis: int = 0) -> Any:
    """What ``function`` gives for a batch of one example, without the axis of the batch.

    Args:
        function: From batches to batches.
        examples: What it takes, without that axis: arrays, tuples of them, or None; and the same come out.
        axis: Where the axis of the batch is.

    Example:
        >>> import numpy as np
        >>> as_batch(lambda x: x.sum(axis=-1), np.array([1.0, 2.0]))
        variable(3.0)
    """
    out = function(*[_in_tree(lambda part: expand_dims(part, axis), example) for example in examples])
    return _in_tree(lambda part: squeeze(part, axis), out)


def _in_tree(change: Callable[[Any], Any], tree: Any) -> Any:
    """Every array in it changed."""
    if isinstance(tree, tuple | list):
        return tuple([_in_tree(change, part) for part in tree])
    return None if tree is None else change(tree)
