"""Products of arrays, and the diagonals and triangles of matrices; decompositions.py follows.

Every product of many axes is one contraction: two operands, the letters of their axes, and which of them remain.
Its derivative in an operand is a contraction again, so all orders are here once the first is.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

from wengert.backends import namespace_of
from wengert.core.operation import operation
from wengert.core.rule import broadcast_clash
from wengert.errors import InputError, ShapeError, WengertError, describe, message
from wengert.functions.arithmetic import multiply
from wengert.functions.creation import astype
from wengert.functions.kinks import within
from wengert.functions.reduction import sum as sum_
from wengert.functions.shape import permute_dims, reshape

__all__ = [
    "cross",
    "diag",
    "diagonal",
    "dot",
    "einsum",
    "inner",
    "kron",
    "matmul",
    "outer",
    "tensordot",
    "trace",
    "tril",
    "triu",
    "vdot",
    "vecdot",
]


@operation(broadcasts=True)
def matmul(xp, x, y):
    """Matrix product over the last two axes; leading axes broadcast.

    out[..., i, j] = sum over k of x[..., i, k] * y[..., k, j]

    Shapes: x (..., n, k), y (..., k, m) -> (..., n, m).
        A vector counts as one row on the left and one column on the right, and that axis is dropped again.

    Raises:
        ShapeError: the inner axes differ, or an operand is a scalar.

    Cost: n * k * m multiplications; remembers both operands.

    Example:
        >>> import numpy as np
        >>> matmul(np.ones((2, 3)), np.ones((3, 4))).shape
        (2, 4)
    """
    return x @ y


@matmul.derivative("x")
def _(g, y):
    if y.ndim == 2:
        return g @ y.mT
    if y.ndim == 1:
        return g[..., None] * y
    if g.ndim < y.ndim:  # x was a vector
        return (y @ g[..., None])[..., 0]
    return g @ y.mT


@matmul.derivative("y")
def _(xp, g, x, y_shape):
    if x.ndim == 2 == g.ndim:
        return x.mT @ g
    if x.ndim == 1:
        return g * x if len(y_shape) == 1 else x[:, None] * g[..., None, :]
    if len(y_shape) < 3:  # y met every row of x: one product of all rows, not one for each matrix and then their sum
        rows = xp.reshape(x, (prod(x.shape[:-1]), x.shape[-1]))
        return rows.mT @ xp.reshape(g, (rows.shape[0], *y_shape[1:]))
    return x.mT @ g


@matmul.explain
def _(x, y):
    left, right = _shape(x), _shape(y)
    if not left or not right:
        return "matmul takes no scalars.", "multiply by a scalar with x * y."
    columns, rows = left[-1], right[-2:][0]
    if columns == rows:
        if broadcast_clash([("x", left[:-2]), ("y", right[:-2])]) is None:
            return None
        return "the leading axes do not broadcast.", "they must be equal or 1, counted from the last but two."
    fix = f"matmul needs x.shape[-1] == y.shape[{max(-2, -len(right))}]"
    if len(right) > 1 and right[-1] == columns:
        fix += f"; y.mT, of shape {(*right[:-2], columns, rows)}, fits"
    elif len(left) > 1 and left[-2] == rows:
        fix += f"; x.mT, of shape {(*left[:-2], columns, rows)}, fits"
    elif len(left) > 1 and len(right) > 1 and left[-2] == right[-1]:
        fix += "; x.mT @ y.mT fits, and so does y @ x"
    return f"the inner axes differ, {columns} and {rows}.", fix + "."


def dot(x: Any, y: Any) -> Any:
    """NumPy's product: over the last axis of ``x`` and the last but one of ``y`` (or its only one).

    Unlike `matmul` it pairs all leading axes of one operand with all of the other; scalars multiply.

    Shapes: x (a..., k), y (b..., k, m) -> (a..., b..., m); y (k,) -> (a...)

    Raises:
        ShapeError: the axes that are summed differ.

    Example:
        >>> import numpy as np
        >>> dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        variable(11.0)
        >>> dot(np.ones((5, 2, 3)), np.ones((4, 3, 6))).shape
        (5, 2, 4, 6)
    """
    ndims = len(_shape(x)), len(_shape(y))
    if not all(ndims):
        return multiply(x, y)
    return matmul(x, y) if max(ndims) < 3 else tensordot(x, y, axes=((-1,), (-2 if ndims[1] > 1 else -1,)))


def vdot(x: Any, y: Any) -> Any:
    """The sum of the products of all entries, both operands laid flat.

    Raises:
        ShapeError: one has more entries than the other.

    Example:
        >>> import numpy as np
        >>> vdot(np.ones((2, 2)), np.ones((2, 2)))
        variable(4.0)
    """
    return vecdot(reshape(x, (-1,)), reshape(y, (-1,)))


@operation(broadcasts=True)
def vecdot(xp, x, y, /, axis=-1):
    """The sum of the products along ``axis``, one of each operand; the other axes broadcast.

    Shapes: x (..., n), y (..., n) -> (...)

    Raises:
        ShapeError: the lengths along the axis differ, or the other axes do not broadcast.

    Example:
        >>> import numpy as np
        >>> vecdot(np.ones((2, 3)), np.ones(3))
        variable([3. 3.])
    """
    return xp.vecdot(x, y, axis=axis)


@vecdot.derivative("x")
def _(xp, g, y, x_shape, axis):
    return _at_axis(xp, g[..., None] * xp.moveaxis(y, axis, -1), x_shape, axis)


@vecdot.derivative("y")
def _(xp, g, x, y_shape, axis):
    return _at_axis(xp, g[..., None] * xp.moveaxis(x, axis, -1), y_shape, axis)


def _at_axis(xp, g, shape, axis):
    """A gradient that has ``axis`` last, summed over the axes ``shape`` was broadcast along, and moved to its place."""
    rest = list(shape)
    rest.append(rest.pop(axis))
    extra = g.ndim - len(rest)
    axes = [*range(extra), *[i + extra for i, n in enumerate(rest) if n == 1 != g.shape[i + extra]]]
    if axes:
        g = xp.reshape(xp.sum(g, axis=tuple(axes)), tuple(rest))
    return xp.moveaxis(g, -1, axis)


def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """The sum of products over some axes of each operand; the rest stand side by side.

    Args:
        axes: How many axes, the last of ``x`` and the first of ``y``, in this order;
            or which: an axis of each, or a sequence of axes of each.

    Shapes: x (a..., k...), y (k..., b...) -> (a..., b...)

    Raises:
        ShapeError: the axes that are summed differ in length or number, or are not there.

    Example:
        >>> import numpy as np
        >>> tensordot(np.ones((2, 3)), np.ones((3, 4)), axes=1).shape
        (2, 4)
        >>> tensordot(np.ones((2, 3)), np.ones((3, 2)), axes=((0, 1), (1, 0)))
        variable(6.0)
    """
    shapes = _shape(x), _shape(y)
    summed = _summed_axes(axes, *map(len, shapes))
    if summed is None or [shapes[0][i] for i in summed[0]] != [shapes[1][i] for i in summed[1]]:
        fact = f"tensordot: axes {axes} do not name axes of x and as many of y, of the same lengths."
        raise ShapeError(message(fact, [("x", x), ("y", y)], "give axes as (axes of x, axes of y), in pairs."))
    if not all(shapes):
        return multiply(x, y)
    left = [chr(ord("a") + i) for i in range(len(shapes[0]))]
    right = [chr(ord("a") + i + len(left)) for i in range(len(shapes[1]))]
    for i, j in zip(*summed, strict=True):
        right[j] = left[i]
    out = [letter for letter in left if letter not in right] + [letter for letter in right if letter not in left]
    return _contract(x, y, subscripts=f"{''.join(left)},{''.join(right)}->{''.join(out)}")


def _summed_axes(axes: Any, x_ndim: int, y_ndim: int) -> tuple[list[int], list[int]] | None:
    """The axes of each operand that are summed, counted from 0; None where they are not there or not in pairs."""
    if isinstance(axes, int):
        if not 0 <= axes <= min(x_ndim, y_ndim):
            return None
        axes = range(x_ndim - axes, x_ndim), range(axes)
    pair = []
    for given, ndim in zip(axes, (x_ndim, y_ndim), strict=True):
        named = [given] if isinstance(given, int) else list(given)
        if any(not -ndim <= axis < ndim for axis in named):
            return None
        pair.append([axis % ndim for axis in named])
    left, right = pair
    return (left, right) if len(set(left)) == len(left) == len(right) == len(set(right)) else None


def inner(x: Any, y: Any) -> Any:
    """The sum of products over the last axis of both operands; scalars multiply.

    Shapes: x (a..., k), y (b..., k) -> (a..., b...)

    Raises:
        ShapeError: the last axes differ.

    Example:
        >>> import numpy as np
        >>> inner(np.ones((2, 3)), np.ones((4, 3))).shape
        (2, 4)
    """
    return tensordot(x, y, axes=(-1, -1)) if _shape(x) and _shape(y) else multiply(x, y)


def outer(x: Any, y: Any) -> Any:
    """All products of an entry of ``x`` and an entry of ``y``, both laid flat.

    Shapes: x of n entries, y of m entries -> (n, m)

    Example:
        >>> import numpy as np
        >>> outer(np.array([1.0, 2.0]), np.array([1.0, 10.0]))
        variable([[ 1. 10.]
                  [ 2. 20.]])
    """
    return multiply(reshape(x, (-1, 1)), reshape(y, (1, -1)))


def kron(x: Any, y: Any) -> Any:
    """The Kronecker product: a copy of ``y`` for every entry of ``x``, times that entry.

    Shapes: x (n, ...), y (m, ...) -> (n * m, ...); the one of fewer axes gains leading axes of 1

    Example:
        >>> import numpy as np
        >>> kron(np.array([1.0, 10.0]), np.array([1.0, 2.0]))
        variable([ 1.  2. 10. 20.])
    """
    left, right = _shape(x), _shape(y)
    if not left or not right:
        return multiply(x, y)
    ndim = max(len(left), len(right))
    left, right = (1,) * (ndim - len(left)) + left, (1,) * (ndim - len(right)) + right
    spread = reshape(x, tuple(n for size in left for n in (size, 1)))
    repeated = reshape(y, tuple(n for size in right for n in (1, size)))
    return reshape(multiply(spread, repeated), tuple(n * m for n, m in zip(left, right, strict=True)))


@operation(broadcasts=True)
def cross(xp, x, y, /, axis=-1):
    """The cross product of vectors of three entries, which lie along ``axis``; the other axes broadcast.

    Shapes: x (..., 3), y (..., 3) -> (..., 3)

    Raises:
        ShapeError: a vector has not three entries.

    Example:
        >>> import numpy as np
        >>> cross(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
        variable([0. 0. 1.])
    """
    if x.shape[axis] != 3 or y.shape[axis] != 3:
        fact = f"cross: vectors have 3 entries, and along axis {axis} these have {x.shape[axis]} and {y.shape[axis]}."
        raise ShapeError(message(fact, [("x", x), ("y", y)], "give vectors in the plane a third entry, 0."))
    return xp.cross(x, y, axis=axis)


@cross.derivative("x")
def _(xp, g, y, x_shape, axis):
    return _at_axis(xp, xp.cross(xp.moveaxis(y, axis, -1), xp.moveaxis(g, axis, -1)), x_shape, axis)


@cross.derivative("y")
def _(xp, g, x, y_shape, axis):
    return _at_axis(xp, xp.cross(xp.moveaxis(g, axis, -1), xp.moveaxis(x, axis, -1)), y_shape, axis)


# Diagonals and triangles


@operation(view=True)
def diagonal(xp, x, /, offset=0, axis1=0, axis2=1):
    """The entries on a diagonal of two axes, which give way to one, the last.

    Args:
        offset: Which diagonal: above the main one where positive, below it where negative.

    Shapes: x (n, m, ...) -> (..., k)

    Example:
        >>> import numpy as np
        >>> diagonal(np.array([[1.0, 2.0], [3.0, 4.0]]))
        variable([1. 4.])
    """
    return xp.diagonal(x, offset=offset, axis1=axis1, axis2=axis2)


@diagonal.derivative("x")
def _(xp, g, x_shape, offset, axis1, axis2):
    square = _on_diagonal(xp, g, x_shape[axis1], x_shape[axis2], offset)
    return square if len(x_shape) == 2 and axis1 % 2 == 0 else xp.moveaxis(square, (-2, -1), (axis1, axis2))


def _on_diagonal(xp, x, rows, columns, offset):
    """Matrices with the last axis of ``x`` on a diagonal, and zeros elsewhere."""
    first = offset if offset >= 0 else -offset * columns
    step = columns + 1
    places = (..., slice(first, first + x.shape[-1] * step, step))
    flat = xp.scatter_add((*x.shape[:-1], rows * columns), x.dtype, places, x)
    return xp.reshape(flat, (*x.shape[:-1], rows, columns))


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of a diagonal of two axes (see `diagonal`).

    Shapes: x (n, m, ...) -> (...)

    Example:
        >>> import numpy as np
        >>> trace(np.array([[1.0, 2.0], [3.0, 4.0]]))
        variable(5.0)
    """
    return sum_(diagonal(x, offset=offset, axis1=axis1, axis2=axis2), axis=-1)


@operation(view=True)
def diag(xp, x, /, k=0):
    """Diagonal ``k`` of a matrix; or, of a vector, the square matrix that has it there and zeros elsewhere.

    Shapes: x (n, m) -> (j,); x (n,) -> (n + abs(k), n + abs(k))

    Raises:
        ShapeError: ``x`` is neither a vector nor a matrix.

    Example:
        >>> import numpy as np
        >>> diag(np.array([1.0, 2.0]))
        variable([[1. 0.]
                  [0. 2.]])
    """
    if x.ndim == 2:
        return xp.diagonal(x, offset=k)
    if x.ndim != 1:
        raise ShapeError(message("diag: takes a vector or a matrix.", [("x", x)], "see diagonal for more axes."))
    n = x.shape[0] + abs(k)
    return _on_diagonal(xp, x, n, n, k)


@diag.derivative("x")
def _(xp, g, x_shape, k):
    return xp.diagonal(g, offset=k) if len(x_shape) == 1 else _on_diagonal(xp, g, x_shape[0], x_shape[1], k)


@operation
def tril(xp, x, /, k=0):
    """The lower triangle of matrices: entries above diagonal ``k`` become zero.

    Shapes: x (..., n, m) -> the same

    Raises:
        ShapeError: ``x`` has fewer than two axes.

    Example:
        >>> import numpy as np
        >>> tril(np.ones((2, 2)))
        variable([[1. 0.]
                  [1. 1.]])
    """
    _check_matrices("tril", x)
    return xp.tril(x, k)


@tril.derivative("x")
def _(xp, g, k):
    return xp.tril(g, k)


@operation
def triu(xp, x, /, k=0):
    """The upper triangle of matrices: entries below diagonal ``k`` become zero.

    Shapes: x (..., n, m) -> the same

    Raises:
        ShapeError: ``x`` has fewer than two axes.

    Example:
        >>> import numpy as np
        >>> triu(np.ones((2, 2)))
        variable([[1. 1.]
                  [0. 1.]])
    """
    _check_matrices("triu", x)
    return xp.triu(x, k)


@triu.derivative("x")
def _(xp, g, k):
    return xp.triu(g, k)


def _check_matrices(name: str, x: Any) -> None:
    if len(_shape(x)) < 2:
        raise ShapeError(message(f"{name}: takes matrices, of two axes or more.", [("x", x)]))


def _shape(x: Any) -> tuple[int, ...]:
    return tuple(getattr(x, "shape", ()))


# Einstein's notation


def einsum(subscripts: Any, *operands: Any) -> Any:
    """Products of operands whose axes have letters: those of one letter run together, and those not kept are summed.

    Several operands are multiplied in pairs, the order chosen to keep what lies between small.

    Args:
        subscripts: As NumPy has them, ``"ij,jk->ik"``: letters for the axes of each operand, and for the result.
            A letter twice in one operand takes a diagonal; ``...`` stands for further axes, which broadcast;
            a result that is not given has the letters that occur once, in alphabetical order.
            The call einsum(x, [0, 1], y, [1, 2], [0, 2]), with numbers for letters, is understood as well.

    Raises:
        InputError: the subscripts are not of this form, or do not fit the number of operands.
        ShapeError: an operand has more or fewer axes than letters, or a letter stands for different lengths.

    Cost: a matrix product for each pair of operands that is summed over; remembers the operands.

    Example:
        >>> import numpy as np
        >>> einsum("ij,jk->ik", np.ones((2, 3)), np.ones((3, 4))).shape
        (2, 4)
        >>> einsum("ii->i", np.array([[1.0, 2.0], [3.0, 4.0]]))
        variable([1. 4.])
    """
    if not isinstance(subscripts, str):
        subscripts, operands = _lettered((subscripts, *operands))
    try:
        preparations, pairs, order = _plan(subscripts, tuple([_shape(operand) for operand in operands]))
    except _Misfit as misfit:
        rows = [(f"operand {i}", operand) for i, operand in enumerate(operands)]
        raise misfit.kind(message(f"einsum: in {subscripts!r} {misfit.fact}.", rows, misfit.fix)) from None
    values = _alike(operands)
    for i, shape, diagonals, lone in preparations:
        value = values[i] if shape is None else reshape(values[i], shape)
        for axis1, axis2 in diagonals:
            value = diagonal(value, axis1=axis1, axis2=axis2)
        values[i] = sum_(value, axis=lone) if lone else value
    for i, j, pair in pairs:
        y, x = values.pop(j), values.pop(i)
        values.append(_contract(x, y, subscripts=pair) if pair else multiply(x, y))
    out = values[0] if order is None else permute_dims(values[0], order)
    if out.dtype.kind not in "iub":
        return out
    dtype = next(value.dtype for value in _alike(operands) if hasattr(value, "dtype"))
    return out if out.dtype == dtype else astype(out, dtype)  # whole numbers keep their own, as in NumPy's


def _alike(operands: Sequence[Any]) -> list[Any]:
    """The operands in the dtype of all, for the product of two whole numbers may wrap round before the third comes."""
    dtypes = {operand.dtype for operand in operands if hasattr(operand, "dtype")}
    if len(dtypes) < 2:
        return list(operands)
    dtype = namespace_of(()).result_type(*dtypes)
    return [
        astype(operand, dtype) if getattr(operand, "dtype", dtype) != dtype else operand for operand in operands
    ]


@operation
def _contract(xp, x, y, /, *, subscripts):
    """Two operands, each letter once in each; a letter of one operand alone is in the result."""
    x_order, y_order, batch, x_free, y_free, order = _layout(subscripts)[:6]
    x, y = xp.permute_dims(x, x_order), xp.permute_dims(y, y_order)  # (batch, free, summed), (batch, summed, free)
    lead, rows, summed = x.shape[:batch], x.shape[batch : batch + x_free], x.shape[batch + x_free :]
    columns = y.shape[y.ndim - y_free :]
    if summed:
        n, k, m = prod(rows), prod(summed), prod(columns)
        out = xp.reshape(x, (*lead, n, k)) @ xp.reshape(y, (*lead, k, m))
    else:
        out = xp.reshape(x, (*lead, *rows, *[1] * y_free)) * xp.reshape(y, (*lead, *[1] * x_free, *columns))
    return xp.permute_dims(xp.reshape(out, (*lead, *rows, *columns)), order)


@_contract.derivative("x")
def _(g, y, subscripts):
    return within(_contract, g, y, subscripts=_layout(subscripts)[6])


@_contract.derivative("y")
def _(g, x, subscripts):
    return within(_contract, g, x, subscripts=_layout(subscripts)[7])


@lru_cache(maxsize=1024)
def _layout(subscripts: str) -> tuple[Any, ...]:
    """The order of the axes of both operands for a matrix product, that of its result, and the two derivatives."""
    inputs, _, out = subscripts.partition("->")
    left, right = inputs.split(",")
    batch = [letter for letter in out if letter in left and letter in right]
    summed = [letter for letter in left if letter not in out]
    x_free = [letter for letter in out if letter not in right]
    y_free = [letter for letter in out if letter not in left]
    product = [*batch, *x_free, *y_free]
    return (
        tuple(left.index(letter) for letter in (*batch, *x_free, *summed)),
        tuple(right.index(letter) for letter in (*batch, *summed, *y_free)),
        len(batch),
        len(x_free),
        len(y_free),
        tuple(product.index(letter) for letter in out),
        f"{out},{right}->{left}",
        f"{out},{left}->{right}",
    )


class _Misfit(Exception):
    """Subscripts that do not fit: the error to raise, what is wrong, and the way out."""

    def __init__(self, kind: type[WengertError], fact: str, fix: str = "") -> None:
        self.kind, self.fact, self.fix = kind, fact, fix


@lru_cache(maxsize=1024)
def _plan(subscripts: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[list[Any], list[Any], Any]:
    """What to do with each operand, which pairs to multiply, and the order of the axes of the last result.

    Axes of 1 that broadcast are dropped, diagonals taken, and letters that nothing else has summed.
    Then every letter has one length, and each pair is a contraction.
    """
    terms, out = _spelt_out(subscripts, [len(shape) for shape in shapes])
    sizes = _sizes(terms, shapes)
    dropped, diagonals = [], []
    for i, shape in enumerate(shapes):
        kept = [axis for axis, n in enumerate(shape) if n == sizes[terms[i][axis]]]
        dropped.append(None if len(kept) == len(shape) else tuple(shape[axis] for axis in kept))
        terms[i], pairs = _once_each("".join(terms[i][axis] for axis in kept))
        diagonals.append(pairs)
    preparations = []
    for i, term in enumerate(terms):
        elsewhere = set(out).union(*terms[:i], *terms[i + 1 :])
        lone = tuple(axis for axis, letter in enumerate(term) if letter not in elsewhere)
        terms[i] = "".join(letter for letter in term if letter in elsewhere)
        if dropped[i] is not None or diagonals[i] or lone:
            preparations.append((i, dropped[i], diagonals[i], lone))
    path = []
    while len(terms) > 1:
        i, j, result = _cheapest_pair(terms, out, sizes)
        right, left = terms.pop(j), terms.pop(i)
        result = result if terms else out
        path.append((i, j, f"{left},{right}->{result}" if left and right else None))
        terms.append(result if left and right else left + right)
    return preparations, path, None if path and terms[0] == out else tuple(terms[0].index(letter) for letter in out)


def _spelt_out(subscripts: str, ndims: Sequence[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result, with letters of their own for the axes that ``...`` stands for."""
    inputs, arrow, out = subscripts.replace(" ", "").partition("->")
    given = inputs.split(",")
    if len(given) != len(ndims):
        raise _Misfit(InputError, f"there are {len(given)} operands, and {len(ndims)} were given")
    for term in (*given, out):
        letters = term.replace("...", "", 1)
        if letters and not (letters.isascii() and letters.isalpha()):
            raise _Misfit(InputError, f"{term!r} is not letters and at most one '...'")
    counts = [ndim - len(term.replace("...", "")) for term, ndim in zip(given, ndims, strict=True)]
    for i, (term, count) in enumerate(zip(given, counts, strict=True)):
        if count < 0 or (count and "..." not in term):
            raise _Misfit(ShapeError, f"{term!r} does not fit the {ndims[i]} axes of operand {i}")
    more = "".join(chr(ord("α") + i) for i in range(max(counts)))
    terms = [term.replace("...", more[len(more) - n :]) for term, n in zip(given, counts, strict=True)]
    every = "".join(terms)
    if not arrow:
        return terms, more + "".join(sorted(c for c in set(every) if c not in more and every.count(c) == 1))
    if more and "..." not in out:
        raise _Misfit(InputError, "the result has no place for the axes of '...'", "write '...' after the arrow too.")
    out = out.replace("...", more)
    if len(set(out)) < len(out) or not set(out) <= set(every):
        raise _Misfit(InputError, "the result must name letters of the operands, each once")
    return terms, out


def _sizes(terms: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
    """How long the axes of each letter are."""
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        own: dict[str, int] = {}
        for letter, n in zip(term, shape, strict=True):
            here, everywhere = own.setdefault(letter, n), sizes.setdefault(letter, n)
            if n != here or (n != everywhere and 1 not in (n, everywhere)):
                which = f"{letter!r}" if letter.isascii() else "an axis of '...'"
                raise _Misfit(ShapeError, f"{which} stands for axes of {here if n != here else everywhere} and {n}")
            sizes[letter] = n if everywhere == 1 else everywhere
    return sizes


def _once_each(term: str) -> tuple[str, list[tuple[int, int]]]:
    """A term with each letter once, and the diagonals to take for that, one after the other."""
    pairs = []
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            first = term.index(letter)
            second = term.index(letter, first + 1)
            pairs.append((first, second))
            term = term[:first] + term[first + 1 : second] + term[second + 1 :] + letter
    return term, pairs


def _cheapest_pair(terms: Sequence[str], out: str, sizes: dict[str, int]) -> tuple[int, int, str]:
    """The two operands whose product is smallest against what it replaces; of equals, the one of least work."""
    best: tuple[Any, ...] = ()
    for j in range(1, len(terms)):
        for i in range(j):
            union = dict.fromkeys(terms[i] + terms[j])
            needed = set(out).union(*[term for k, term in enumerate(terms) if k not in (i, j)])
            result = "".join(letter for letter in union if letter in needed)
            size, left, right = (prod(sizes[c] for c in letters) for letters in (result, terms[i], terms[j]))
            found = (size - left - right, prod(sizes[c] for c in union), i, j, result)
            best = min(best, found) if best else found
    return best[2:]


def _lettered(arguments: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """The call with a list of numbers after each operand, in letters."""
    given = list(arguments)
    out = _letters(given.pop()) if len(given) % 2 else None
    terms = [_letters(numbers) for numbers in given[1::2]]
    return ",".join(terms) + ("" if out is None else f"->{out}"), tuple(given[::2])


def _letters(numbers: Any) -> str:
    """Numbers as letters in the same order."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    try:
        return "".join("..." if number is Ellipsis else alphabet[range(52).index(number)] for number in numbers)
    except (TypeError, ValueError):
        raise InputError(
            f"einsum: {describe(numbers)} is not a list of numbers from 0 to 51 and '...'.\n"
            "    Fix: write einsum('ij,jk->ik', x, y), or einsum(x, [0, 1], y, [1, 2], [0, 2])."
        ) from None
