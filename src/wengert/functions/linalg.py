"""Products of arrays and the shapes of matrices; decompositions.py follows.

Every product's derivative is again a product.
"""

from math import prod
from typing import Any

from wengert.core.operation import operation
from wengert.core.recorded import Recorded
from wengert.errors import InputError, ShapeError, message
from wengert.functions.arithmetic import multiply, subtract
from wengert.functions.reduction import sum as sum_
from wengert.functions.shape import expand_dims, moveaxis, permute_dims, reshape, stack

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
    return xp.matmul(x, y)


@matmul.derivative("x")
def _(xp, g, x_shape, y):
    if y.ndim == 1:  # a column on the right: out[..., i] = x[..., i, k] y[k]
        return g * y if len(x_shape) == 1 else xp.expand_dims(g, axis=-1) * y
    if len(x_shape) == 1:  # a row on the left: out[..., j] = x[k] y[..., k, j]
        product = xp.matmul(y, xp.expand_dims(g, axis=-1))
        return xp.reshape(product, product.shape[:-1])
    return xp.matmul(g, xp.matrix_transpose(y))


@matmul.derivative("y")
def _(xp, g, x, y_shape):
    if x.ndim == 1:
        return g * x if len(y_shape) == 1 else xp.expand_dims(x, axis=-1) * xp.expand_dims(g, axis=-2)
    if len(y_shape) == 1:
        product = xp.matmul(xp.matrix_transpose(x), xp.expand_dims(g, axis=-1))
        return xp.reshape(product, product.shape[:-1])
    return xp.matmul(xp.matrix_transpose(x), g)


@matmul.explain
def _(x, y):
    if not x.shape or not y.shape:
        return "an operand is a scalar.", "multiply by a scalar with *."
    columns, rows = x.shape[-1], y.shape[-2 if len(y.shape) > 1 else 0]
    if columns != rows:
        fix = "matmul needs x.shape[-1] == y.shape[-2]"
        if len(y.shape) > 1 and y.shape[-1] == columns:
            fix += f"; y.mT, of shape {(*y.shape[:-2], y.shape[-1], y.shape[-2])}, fits"
        return f"the inner axes differ, {columns} and {rows}.", fix + "."
    return "the leading axes do not broadcast.", "leading axes must be equal or 1, counted from the last."


def _ndim(x: Any) -> int:
    return len(getattr(x, "shape", ()))


def dot(x: Any, y: Any) -> Any:
    """The sum of products over the last axis of ``x`` and the last but one of ``y`` (the only one of a vector).

    Unlike `matmul` it pairs all leading axes with one another; scalars multiply.

    Shapes: x (..., k), y (..., k, m) -> (..., ..., m)

    Raises:
        ShapeError: the summed axes differ.

    Example:
        >>> import numpy as np
        >>> dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        variable(11.)
    """
    if _ndim(x) == 0 or _ndim(y) == 0:
        return multiply(x, y)
    if _ndim(x) <= 2 and _ndim(y) <= 2:
        return matmul(x, y)
    return tensordot(x, y, axes=([-1], [max(_ndim(y) - 2, 0)]))


def vdot(x: Any, y: Any) -> Any:
    """The sum of products of all entries, both operands laid flat.

    Example:
        >>> import numpy as np
        >>> vdot(np.ones((2, 2)), np.ones((2, 2)))
        variable(4.)
    """
    return matmul(reshape(x, (-1,)), reshape(y, (-1,)))


def vecdot(x: Any, y: Any, axis: int = -1) -> Any:
    """The sum of products along ``axis``; the other axes broadcast.

    Shapes: x (..., n), y (..., n) -> (...)

    Raises:
        ShapeError: the lengths along the axis differ.

    Example:
        >>> import numpy as np
        >>> vecdot(np.ones((2, 3)), np.ones(3))
        variable([3. 3.])
    """
    if x.shape[axis] != y.shape[axis]:
        raise ShapeError(message("vecdot: the summed axes differ.", [("x", x), ("y", y)]))
    return sum_(multiply(x, y), axis=axis)


def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """The sum of products over several axes of each operand.

    Args:
        axes: How many axes, the last of ``x`` and the first of ``y``; or the axes of each, in two sequences.

    Raises:
        ShapeError: the summed axes differ in length.

    Example:
        >>> import numpy as np
        >>> tensordot(np.ones((2, 3)), np.ones((3, 4)), axes=1).shape
        (2, 4)
    """
    if isinstance(axes, int):
        left, right = list(range(_ndim(x) - axes, _ndim(x))), list(range(axes))
    else:
        left, right = ([axis] if isinstance(axis, int) else list(axis) for axis in axes)
    left, right = [axis % max(_ndim(x), 1) for axis in left], [axis % max(_ndim(y), 1) for axis in right]
    if len(left) != len(right) or [x.shape[i] for i in left] != [y.shape[i] for i in right]:
        raise ShapeError(
            message(f"tensordot: the axes {left} of x and {right} of y differ in length.", [("x", x), ("y", y)])
        )
    x_free = [i for i in range(_ndim(x)) if i not in left]
    y_free = [i for i in range(_ndim(y)) if i not in right]
    x_shape, y_shape = tuple(x.shape[i] for i in x_free), tuple(y.shape[i] for i in y_free)
    inner_size = prod(x.shape[i] for i in left)
    x2 = reshape(permute_dims(x, tuple(x_free + left)), (prod(x_shape), inner_size))
    y2 = reshape(permute_dims(y, tuple(right + y_free)), (inner_size, prod(y_shape)))
    return reshape(matmul(x2, y2), x_shape + y_shape)


def inner(x: Any, y: Any) -> Any:
    """The sum of products over the last axis of both operands.

    Shapes: x (..., k), y (..., k) -> (..., ...)

    Example:
        >>> import numpy as np
        >>> inner(np.ones((2, 3)), np.ones((4, 3))).shape
        (2, 4)
    """
    if _ndim(x) == 0 or _ndim(y) == 0:
        return multiply(x, y)
    return tensordot(x, y, axes=([-1], [-1]))


def outer(x: Any, y: Any) -> Any:
    """All products of an entry of ``x`` and an entry of ``y``, both laid flat.

    Shapes: x (n entries), y (m entries) -> (n, m)

    Example:
        >>> import numpy as np
        >>> outer(np.array([1.0, 2.0]), np.array([1.0, 10.0]))
        variable([[ 1. 10.]
                  [ 2. 20.]])
    """
    return multiply(reshape(x, (-1, 1)), reshape(y, (1, -1)))


def kron(x: Any, y: Any) -> Any:
    """The Kronecker product: a copy of ``y`` for every entry of ``x``, times that entry.

    Example:
        >>> import numpy as np
        >>> kron(np.array([1.0, 10.0]), np.array([1.0, 2.0]))
        variable([ 1.  2. 10. 20.])
    """
    ndim = max(_ndim(x), _ndim(y))
    x = reshape(x, (1,) * (ndim - _ndim(x)) + tuple(getattr(x, "shape", ())))
    y = reshape(y, (1,) * (ndim - _ndim(y)) + tuple(getattr(y, "shape", ())))
    x_pairs = tuple(size for n in x.shape for size in (n, 1))
    y_pairs = tuple(size for n in y.shape for size in (1, n))
    shape = tuple(n * m for n, m in zip(x.shape, y.shape, strict=True))
    return reshape(multiply(reshape(x, x_pairs), reshape(y, y_pairs)), shape)


def cross(x: Any, y: Any, axis: int = -1) -> Any:
    """The cross product of vectors of three entries along ``axis``.

    Raises:
        ShapeError: an operand has not three entries along the axis.

    Example:
        >>> import numpy as np
        >>> cross(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
        variable([0. 0. 1.])
    """
    if not _ndim(x) or not _ndim(y) or x.shape[axis] != 3 or y.shape[axis] != 3:
        raise ShapeError(message(f"cross: both operands need 3 entries along axis {axis}.", [("x", x), ("y", y)]))
    x = x if isinstance(x, Recorded) else multiply(x, 1)
    y = y if isinstance(y, Recorded) else multiply(y, 1)
    x, y = moveaxis(x, axis, -1), moveaxis(y, axis, -1)
    (a, b, c), (d, e, f) = ([v[..., i] for i in range(3)] for v in (x, y))
    parts = [
        subtract(multiply(b, f), multiply(c, e)),
        subtract(multiply(c, d), multiply(a, f)),
        subtract(multiply(a, e), multiply(b, d)),
    ]
    return moveaxis(stack(parts, axis=-1), -1, axis)


@operation
def diagonal(xp, x, /, offset=0, axis1=0, axis2=1):
    """The entries on a diagonal of two axes; the diagonal becomes the last axis.

    Shapes: x (n, m, ...) -> (..., k)

    Example:
        >>> import numpy as np
        >>> diagonal(np.array([[1.0, 2.0], [3.0, 4.0]]))
        variable([1. 4.])
    """
    return xp.diagonal(x, offset=offset, axis1=axis1, axis2=axis2)


@diagonal.derivative("x")
def _(xp, g, x_shape, offset, axis1, axis2):
    ndim, length = len(x_shape), g.shape[-1]
    axis1, axis2 = axis1 % ndim, axis2 % ndim
    rows = range(-min(offset, 0), -min(offset, 0) + length)
    columns = range(max(offset, 0), max(offset, 0) + length)
    # The two axes stand apart among the others: put them first, where a pair of index lists lands last.
    others = [i for i in range(ndim) if i not in (axis1, axis2)]
    shape = tuple(x_shape[i] for i in (*others, axis1, axis2))
    placed = xp.scatter_add(shape, g.dtype, (..., list(rows), list(columns)), g)
    order = [*others, axis1, axis2]
    return xp.permute_dims(placed, tuple(order.index(i) for i in range(ndim)))


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of a diagonal.

    Example:
        >>> import numpy as np
        >>> trace(np.eye(3))
        variable(3.)
    """
    return sum_(diagonal(x, offset=offset, axis1=axis1, axis2=axis2), axis=-1)


def diag(x: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix with a given diagonal and zeros elsewhere.

    Shapes: x (n, m) -> (k,), x (n,) -> (n + abs(k), n + abs(k))

    Raises:
        ShapeError: ``x`` has neither one axis nor two.

    Example:
        >>> import numpy as np
        >>> diag(np.array([1.0, 2.0]))
        variable([[1. 0.]
                  [0. 2.]])
    """
    from wengert.functions.indexing import scatter_add

    if _ndim(x) == 2:
        return diagonal(x, offset=k)
    if _ndim(x) != 1:
        raise ShapeError(message("diag: takes a vector or a matrix.", [("x", x)]))
    n = x.shape[0]
    rows, columns = range(-min(k, 0), n - min(k, 0)), range(max(k, 0), n + max(k, 0))
    return scatter_add((n + abs(k), n + abs(k)), x.dtype, (list(rows), list(columns)), x)


@operation
def tril(xp, x, /, k=0):
    """The lower triangle of matrices: entries above diagonal ``k`` become zero.

    Example:
        >>> import numpy as np
        >>> tril(np.ones((2, 2)))
        variable([[1. 0.]
                  [1. 1.]])
    """
    return xp.tril(x, k)


@tril.derivative("x")
def _(xp, g, k):
    return xp.tril(g, k)


@operation
def triu(xp, x, /, k=0):
    """The upper triangle of matrices: entries below diagonal ``k`` become zero.

    Example:
        >>> import numpy as np
        >>> triu(np.ones((2, 2)))
        variable([[1. 1.]
                  [0. 1.]])
    """
    return xp.triu(x, k)


@triu.derivative("x")
def _(xp, g, k):
    return xp.triu(g, k)


def einsum(subscripts: str, *operands: Any) -> Any:
    """Sums of products, named by subscripts as in Einstein's notation.

    Each operand's diagonals are taken first and its lone indices summed; what is left is multiplied out
    pair by pair, with matrix products.

    Args:
        subscripts: NumPy's notation: ``"ij,jk->ik"``; an omitted output, and ``...`` for leading axes, are understood.

    Raises:
        InputError: the subscripts are not of this form, or are too many or too few for the operands.
        ShapeError: an index stands for axes of different lengths.

    Example:
        >>> import numpy as np
        >>> einsum("ij,jk->ik", np.ones((2, 3)), np.ones((3, 4))).shape
        (2, 4)
        >>> einsum("ii->i", np.array([[1.0, 2.0], [3.0, 4.0]]))
        variable([1. 4.])
    """
    if not isinstance(subscripts, str):
        raise InputError("einsum: give the subscripts as text, as in einsum('ij,jk->ik', x, y).")
    terms, output = _parse(subscripts.replace(" ", ""), operands)
    sizes: dict[str, int] = {}
    for term, operand in zip(terms, operands, strict=True):
        for letter, size in zip(term, operand.shape, strict=True):
            if sizes.get(letter, 1) not in (1, size) and size != 1:
                raise ShapeError(
                    message(
                        f"einsum: index {letter} stands for {sizes[letter]} and for {size} entries.",
                        [(f"operand {i}", o) for i, o in enumerate(operands)],
                    )
                )
            sizes[letter] = max(sizes.get(letter, 1), size) if size else 0
    left_term, left = _reduced(terms[0], operands[0], set("".join(terms[1:])) | set(output), sizes)
    for i in range(1, len(terms)):
        keep = set("".join(terms[i + 1 :])) | set(output)
        right_term, right = _reduced(terms[i], operands[i], keep | set(left_term), sizes)
        left_term, left = _pairwise(left_term, left, right_term, right, keep, sizes)
    left_term, left = _reduced(left_term, left, set(output), sizes)
    return permute_dims(left, tuple(left_term.index(letter) for letter in output))


def _parse(subscripts: str, operands: tuple[Any, ...]) -> tuple[list[str], str]:
    """The subscripts with every ellipsis spelt out in letters of its own, and the output made explicit."""
    inputs, arrow, output = subscripts.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise InputError(f"einsum: {subscripts!r} is for {len(terms)} operands, and {len(operands)} were given.")
    hidden = 0
    for term, operand in zip(terms, operands, strict=True):
        named = len(term.replace("...", ""))
        if not term.replace("...", "").isalpha() and named or term.count("...") > 1:
            raise InputError(f"einsum: {term!r} in {subscripts!r} is not letters and at most one '...'.")
        if named > _ndim(operand) or ("..." not in term and named != _ndim(operand)):
            raise InputError(f"einsum: {term!r} names {named} axes of an operand of {_ndim(operand)}.")
        hidden = max(hidden, _ndim(operand) - named)
    used = set(subscripts)
    fresh = [chr(0x3B1 + i) for i in range(hidden)]
    spelt = []
    for term, operand in zip(terms, operands, strict=True):
        count = _ndim(operand) - len(term.replace("...", ""))
        spelt.append(term.replace("...", "".join(fresh[hidden - count :])))
    if arrow:
        out = output.replace("...", "".join(fresh))
        if len(set(out)) != len(out) or not set(out) <= set("".join(spelt)):
            raise InputError(f"einsum: the output {output!r} must name each index once, and only those of the inputs.")
        if "..." not in output and fresh:
            raise InputError(f"einsum: {subscripts!r} has '...' among the inputs but not in the output.")
    else:
        letters = "".join(spelt)
        out = "".join(fresh) + "".join(sorted(c for c in used if c.isalpha() and letters.count(c) == 1))
    return spelt, out


def _reduced(term: str, x: Any, keep: set[str], sizes: dict[str, int]) -> tuple[str, Any]:
    """Take the diagonals of repeated indices, and sum over indices that nothing else names."""
    for letter in sorted(set(term)):
        while term.count(letter) > 1:
            first = term.index(letter)
            second = term.index(letter, first + 1)
            x = diagonal(x, offset=0, axis1=first, axis2=second)
            term = term[:first] + term[first + 1 : second] + term[second + 1 :] + letter
    lone = tuple(i for i, letter in enumerate(term) if letter not in keep)
    if lone:
        for i in lone:
            if x.shape[i] == 1 and sizes[term[i]] > 1:
                x = multiply(x, sizes[term[i]])
        x = sum_(x, axis=lone)
        term = "".join(letter for letter in term if letter in keep)
    return term, x


def _pairwise(a: str, x: Any, b: str, y: Any, keep: set[str], sizes: dict[str, int]) -> tuple[str, Any]:
    """Multiply two operands out with one batched matrix product."""
    shared = [letter for letter in a if letter in b]
    batch = [letter for letter in shared if letter in keep]
    summed = [letter for letter in shared if letter not in keep]
    a_only = [letter for letter in a if letter not in b]
    b_only = [letter for letter in b if letter not in a]
    if any(x.shape[a.index(c)] != y.shape[b.index(c)] for c in shared) or not summed:
        # Axes of length 1 broadcast, and with nothing to sum the product is elementwise.
        order = [*batch, *a_only, *summed, *b_only]
        product = multiply(_aligned(a, x, order), _aligned(b, y, order))
        axes = tuple(order.index(letter) for letter in summed)
        if axes:
            product = sum_(product, axis=axes)
        return "".join(letter for letter in order if letter not in summed), product
    count = prod(sizes[c] for c in summed)
    x_shape = [x.shape[a.index(c)] for c in (*batch, *a_only)]
    y_shape = [y.shape[b.index(c)] for c in b_only]
    batch_shape = tuple(x_shape[: len(batch)])
    rows, columns = prod(x_shape[len(batch) :]), prod(y_shape)
    left = permute_dims(x, tuple(a.index(c) for c in (*batch, *a_only, *summed)))
    right = permute_dims(y, tuple(b.index(c) for c in (*batch, *summed, *b_only)))
    product = matmul(reshape(left, (*batch_shape, rows, count)), reshape(right, (*batch_shape, count, columns)))
    return "".join([*batch, *a_only, *b_only]), reshape(product, (*x_shape, *y_shape))


def _aligned(term: str, x: Any, order: list[str]) -> Any:
    """``x`` with its axes in the given order, and axes of length 1 for the indices it has not."""
    x = permute_dims(x, tuple(term.index(letter) for letter in order if letter in term))
    missing = tuple(i for i, letter in enumerate(order) if letter not in term)
    return expand_dims(x, axis=missing) if missing else x
