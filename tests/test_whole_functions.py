"""Every function of ``wengert.functions`` on whole numbers, booleans, halves and complex numbers, from the table of rows.

Of whole numbers and booleans the result is that of the same numbers in floating point: nothing wraps round.  What NumPy
has under the same name has NumPy's dtype as well.  Complex numbers give NumPy's value, or an error in words.
"""

from typing import Any

import numpy as np
import pytest

from rows import all_rows
from wengert import Variable
from wengert import functions as F
from wengert.errors import WengertError

pytestmark = pytest.mark.filterwarnings("ignore")  # of what overflows and divides by zero

ROWS: dict[str, list[Any]] = {}
for _row in all_rows():
    ROWS.setdefault(_row.name, []).append(_row)
NAMES = sorted(F.__all__)

# Left out altogether, and why.
RANDOM = "draws its own numbers"
LEFT_OUT = {
    "alpha_dropout": RANDOM,
    "dropout": RANDOM,
    "dropout1d": RANDOM,
    "dropout2d": RANDOM,
    "dropout3d": RANDOM,
    "rrelu": RANDOM,
    "empty_like": "its values are left open",
    "place_maxima": "a step of max_pool2d's derivative, of what that has found among its own numbers",
    "pick_maxima": "the same",
    "tanh_slope": "a step of tanh's derivative, of what tanh gave, which is never whole",
}
# Not of whole numbers: they go on as NumPy's own arithmetic does, which wraps round in the dtype of its operands.
NUMPYS_ARITHMETIC = {"rsub"}
# Where NumPy's dtype is not ours, and why.
OTHER_DTYPE = {
    "conj": "of booleans booleans, and not int8",
    "conjugate": "of booleans booleans, and not int8",
    "diff": "a number put before or behind leaves halves what they are",
    "einsum": "a number leaves halves what they are",
    "pow": "x**2 of booleans is that of the operator",
    "power": "x**2 of booleans is that of the operator",
    "percentile": "of shares of another dtype",
    "quantile": "of shares of another dtype",
}
# Beside other dtypes: what is written goes into the dtype that is there, as with NumPy.
WRITES = {"update"}
# Beside their own results of floating point, and not beside NumPy's, and why.
NOT_NUMPYS = {
    "argsort": "of equals the order is kept here",
    "reciprocal": "PyTorch's, of floating point: NumPy's is 0 from 2 on",
}
# Calls that NumPy refuses, and that have an answer here.
ANSWERED = {
    "percentile": "of booleans",
    "pow": "of whole numbers with negative powers, which are fractions",
    "power": "of whole numbers with negative powers, which are fractions",
    "quantile": "of booleans",
}
# Of booleans another call.
ANOTHER_OF_BOOLEANS = {"scaled_dot_product_attention": "a mask of booleans hides, and one of numbers is added"}
# Calls that are refused, though not of floating point, and why.
REFUSED = {
    "cross_entropy": "targets that are probabilities become labels of another shape",
    "scaled_dot_product_attention": "a mask of numbers becomes one of whole numbers, which is refused",
    "rsub": "NumPy has no difference of booleans",
}


def convert(tree: Any, leaf: Any) -> Any:
    """The arguments with every float64 array replaced; of the arrays of a call, each in its turn."""
    if isinstance(tree, np.ndarray) and tree.dtype == np.float64:
        return leaf(tree)
    if isinstance(tree, tuple | list) and not hasattr(tree, "_fields"):
        return type(tree)(convert(item, leaf) for item in tree)
    if isinstance(tree, dict):
        return {name: convert(item, leaf) for name, item in tree.items()}
    return tree


def of_dtype(dtype: str, scale: float, array: Any) -> Any:
    if dtype == "complex128":
        return array + 1j * np.resize([0.5, -1.5, 2.0], array.shape)
    if dtype == "bool":
        return array > 0
    if dtype[0] == "f":
        return array.astype(dtype)
    numbers = np.nan_to_num(np.clip(array, -1e6, 1e6)) * scale
    return (np.abs(numbers) if dtype[0] == "u" else numbers).astype(dtype)


def result_of(function: Any, args: Any, options: Any) -> Any:
    try:
        return function(*args, **options)
    except Exception as error:  # noqa: BLE001
        return error


def parts(out: Any) -> list[Any]:
    if isinstance(out, list | tuple):
        return [part for item in out for part in parts(item)]
    return [np.asarray(out.data if isinstance(out, Variable) else out)]


def rows_of(name: str) -> list[Any]:
    """The rows of a function, or of the one it is another name of."""
    function = getattr(F, name)
    return ROWS.get(name) or next(rows for key, rows in ROWS.items() if getattr(F, key, None) is function)


def numpys(name: str, row: Any) -> Any:
    """NumPy's function of that name, if it takes the same arguments."""
    if name in NOT_NUMPYS:
        return None
    candidates = [getattr(module, key, None) for module in (np, np.linalg) for key in (name, getattr(F, name).__name__)]
    return next((f for f in candidates if f is not None and (f in row.numpy or name not in ROWS)), None)


def calls_of(name: str) -> Any:
    for row in rows_of(name):
        for place, call in enumerate(row.calls):
            yield row, row.function or getattr(F, name), call, place % 2 == 1


def differs(found: Any, wanted: Any, dtype_too: bool) -> str:
    """In what a result is another; nothing where it is not."""
    for ours, right in zip(parts(found), parts(wanted), strict=True):
        tolerance = {"e": 5e-3, "f": 1e-5}.get(ours.dtype.char, 1e-9)
        if dtype_too and ours.dtype != right.dtype:
            return f"is {ours.dtype}, and NumPy's {right.dtype}"
        if ours.shape != right.shape or not np.allclose(ours, right, tolerance, tolerance, equal_nan=True):
            return f"is {ours!r}, and not {right!r}"
    return ""


def check(name: str, dtype: str, scale: float) -> str:
    """What is wrong with the first call that is, beside NumPy's function, or the same of floating point."""
    for row, function, call, wrapped in calls_of(name):

        def leaf(array: Any) -> Any:
            return of_dtype(dtype, scale, array)

        def given(array: Any, wrapped: bool = wrapped) -> Any:
            return Variable(leaf(array), requires_grad=False) if wrapped else leaf(array)

        def wide(array: Any) -> Any:
            return leaf(array).astype(float)

        theirs = numpys(name, row)
        wanted = result_of(theirs or function, *convert((call.args, call.options), leaf if theirs else wide))
        found = result_of(function, *convert((call.args, call.options), given))
        if isinstance(wanted, Exception):
            if not isinstance(found, Exception) and name not in ANSWERED:
                return f"{call}: gives {found!r}, and the other raises {wanted!r}"
        elif isinstance(found, Exception):
            if name not in REFUSED:
                return f"{call}: raises {found!r}"
        else:
            difference = differs(found, wanted, dtype_too=theirs is not None and name not in OTHER_DTYPE)
            if difference:
                return f"{call}: {difference}"
    return ""


@pytest.mark.parametrize(("dtype", "scale"), [("int64", 3), ("int32", 3), ("int8", 60), ("uint8", 60), ("bool", 1)])
def test_whole_numbers_do_not_wrap_round(dtype: str, scale: float) -> None:
    wrong = [
        f"{name}: {line}"
        for name in NAMES
        if name not in LEFT_OUT and name not in NUMPYS_ARITHMETIC
        if dtype != "bool" or name not in ANOTHER_OF_BOOLEANS
        for line in [check(name, dtype, scale)]
        if line
    ]
    assert not wrong, "\n".join(wrong)


def test_halves_are_summed_in_more() -> None:
    wrong = []
    for name in set(NAMES) - set(LEFT_OUT):
        for row, function, call, _ in calls_of(name):
            halves = convert((call.args, call.options), lambda a: a.astype(np.float16))
            wide = convert((call.args, call.options), lambda a: a.astype(np.float16).astype(float))
            theirs = numpys(name, row)
            found, wanted = result_of(function, *halves), result_of(function, *wide)
            if isinstance(wanted, Exception) or (isinstance(found, TypeError) and "float16 is unsupported" in str(found)):
                continue
            if isinstance(found, Exception):
                wrong.append(f"{name} {call}: raises {found!r}")
                continue
            for ours, right in zip(parts(found), parts(wanted), strict=True):
                far = np.abs(right).max(initial=1.0, where=np.isfinite(right)) if right.dtype.kind == "f" else 0
                if ours.shape != right.shape or not np.allclose(ours, right, 4e-3, 2e-3 * far, equal_nan=True):
                    wrong.append(f"{name} {call}: is {ours!r}, and not {right!r}")
            numpys_own = result_of(theirs, *halves) if theirs else TypeError()
            if not isinstance(numpys_own, Exception) and name not in OTHER_DTYPE:
                dtypes = [[part.dtype for part in parts(out)] for out in (found, numpys_own)]
                if dtypes[0] != dtypes[1]:
                    wrong.append(f"{name} {call}: is {dtypes[0]}, and NumPy's {dtypes[1]}")
    assert not wrong, "\n".join(wrong)


MIXED = [("uint8", "float32"), ("int64", "float32"), ("int8", "float16"), ("bool", "float32"), ("float16", "float32")]


@pytest.mark.parametrize(("first", "second"), MIXED)
@pytest.mark.parametrize("turned", [False, True])
def test_whole_numbers_beside_others(first: str, second: str, turned: bool) -> None:
    """Arrays of a call in two dtypes, in turn: the value is that of the same numbers, and NumPy's in its dtype."""
    wrong = []
    for name in set(NAMES) - set(LEFT_OUT) - WRITES - (set(ANOTHER_OF_BOOLEANS) if first == "bool" else set()):
        for row, function, call, wrapped in calls_of(name):
            arrays: list[Any] = []

            def mixed(array: Any, arrays: Any = arrays) -> Any:
                dtype = (first, second)[(len(arrays) + turned) % 2]
                arrays.append(of_dtype(dtype, 20.0 if first[0] != "f" else 1.0, array))
                return arrays[-1]

            given = convert((call.args, call.options), mixed)
            if len(arrays) < 2:
                continue
            theirs = numpys(name, row)
            wide = iter([array.astype(float) for array in arrays])
            of_floats = convert((call.args, call.options), lambda _, wide=wide: next(wide))
            wanted = result_of(theirs, *given) if theirs else result_of(function, *of_floats)
            kept = iter([Variable(array, requires_grad=False) if wrapped else array for array in arrays])
            found = result_of(function, *convert((call.args, call.options), lambda _, kept=kept: next(kept)))
            if isinstance(wanted, Exception):
                continue
            if isinstance(found, Exception):
                if name not in REFUSED and "float16 is unsupported" not in str(found):
                    wrong.append(f"{name} {call}: raises {found!r}")
                continue
            for ours, right in zip(parts(found), parts(wanted), strict=True):
                far = min(np.abs(right).max(initial=1.0, where=np.isfinite(right)) if right.dtype.kind == "f" else 0, 1e4)
                coarse = "float16" in (first, second)
                if theirs and ours.dtype != right.dtype and name not in OTHER_DTYPE:
                    wrong.append(f"{name} {call}: is {ours.dtype}, and NumPy's {right.dtype}")
                right = right.astype(ours.dtype) if ours.dtype.kind == "f" else right  # with what overflows in it
                if not np.allclose(ours, right, 5e-3, (5e-3 if coarse else 1e-5) * far, equal_nan=True):
                    wrong.append(f"{name} {call}: is {ours!r}, and not {right!r}")
    assert not wrong, "\n".join(wrong)


def gradients(function: Any, call: Any, arrays: Any, wanted: Any) -> Any:
    """Those of a weighted sum in the arrays that are wanted, or the error."""
    values = [Variable(array) if want else array for array, want in zip(arrays, wanted, strict=True)]
    given, rng = iter(values), np.random.default_rng(0)

    def run() -> Any:
        out, total = function(*args, **options), Variable(np.float64(0.0), requires_grad=False)
        for part in out if isinstance(out, list | tuple) else [out]:
            if isinstance(part, Variable) and part.requires_grad:
                total = total + F.sum(part * rng.uniform(-1, 1, part.shape).astype(np.float32))
        if total.requires_grad:
            total.backward()
        return [None if value.grad is None else value.grad.data for value in values if isinstance(value, Variable)]

    args, options = convert((call.args, call.options), lambda _: next(given))
    return result_of(run, (), {})


@pytest.mark.parametrize(("dtype", "scale"), [("int64", 3), ("int8", 20), ("uint8", 20), ("bool", 1)])
@pytest.mark.parametrize("turned", [False, True])
def test_slopes_beside_whole_numbers(dtype: str, scale: float, turned: bool) -> None:
    """Constants of whole numbers beside what is differentiated give the slopes that they give as floating point."""
    wrong = []
    for name in set(NAMES) - set(LEFT_OUT) - WRITES - (set(ANOTHER_OF_BOOLEANS) if dtype == "bool" else set()):
        for row, function, call, _ in calls_of(name):
            taken: list[Any] = []
            convert((call.args, call.options), lambda array, taken=taken: taken.append(array) or array)
            wanted = [place % 2 == turned for place in range(len(taken))]
            if not row.order or row.zero or len(taken) < 2:
                continue
            mixed = [a.astype(np.float32) if w else of_dtype(dtype, scale, a) for a, w in zip(taken, wanted, strict=True)]
            found = gradients(function, call, mixed, wanted)
            right = gradients(function, call, [array.astype(float) for array in mixed], wanted)
            if isinstance(right, Exception):
                continue
            if isinstance(found, Exception):
                if name not in REFUSED:
                    wrong.append(f"{name} {call}: raises {found!r}")
                continue
            for ours, theirs in zip(found, right, strict=True):
                if (ours is None) != (theirs is None):
                    wrong.append(f"{name} {call}: is {ours!r}, and not {theirs!r}")
                elif ours is not None:
                    far = min(np.abs(theirs).max(initial=1.0, where=np.isfinite(theirs)), 1e6)
                    if ours.dtype != np.float32 or not np.allclose(ours, theirs, 1e-3, 1e-4 * far, equal_nan=True):
                        wrong.append(f"{name} {call}: is {ours!r}, and not {theirs!r}")
    assert not wrong, "\n".join(wrong)


# What complex numbers mean to functions that NumPy does not have: those below are affine in their first array.
AFFINE = {
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "col2im", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "convolution_input", "convolution_output", "convolution_weight", "embed_id", "flatten", "fold", "gather_windows",
    "get_item", "im2col", "interpolate", "linear", "permute_dims", "pixel_shuffle", "pixel_unshuffle", "rsub",
    "scatter_windows", "spread_windows", "sum_to", "sum_windows", "unfold", "upsample",
}  # fmt: skip
# And these, with what they are in NumPy.
def turned_round(function: Any) -> Any:
    def run(x: Any, axis: int = -1, descending: bool = False) -> Any:
        out = function(x, axis=axis, kind="stable")
        return np.flip(out, axis) if descending else out

    return run


COMPLEX = {
    "argsort": turned_round(np.argsort),
    "eigh": np.linalg.eigh,
    "linspace": np.linspace,
    "matrix_rank": np.linalg.matrix_rank,
    "norm": lambda x, **options: F.norm(np.abs(x), **options),
    "qr": np.linalg.qr,
    "rdiv": lambda x, y: y / x,
    "reciprocal": lambda x: 1 / x,
    "sort": turned_round(np.sort),
    "svd": np.linalg.svd,
}
# Made of numbers, or asking of arrays what no dtype changes; or left to the functions that a step of a derivative is of.
NO_NUMBERS = {
    "accuracy", "all", "allclose", "any", "arange", "array_equal", "array_split", "astype", "causal_mask", "eye", "full",
    "nonzero", "ones", "scatter_add", "searchsorted", "sinusoidal_encoding", "update", "zeros",
}  # fmt: skip


def test_complex_numbers_are_numpys_or_refused() -> None:
    wrong = []
    for name in set(NAMES) - set(LEFT_OUT) - NO_NUMBERS:
        for row, function, call, _ in calls_of(name):
            taken: list[Any] = []
            convert((call.args, call.options), lambda array, taken=taken: taken.append(array) or array)
            if not taken or (name in COMPLEX and row.function):  # which makes something of the results
                continue

            def result(first: Any, function: Any = function, call: Any = call, taken: Any = taken) -> Any:
                given = iter([first, *taken[1:]])
                return result_of(function, *convert((call.args, call.options), lambda _: next(given)))

            first = of_dtype("complex128", 1.0, taken[0])
            found, theirs = result(first), COMPLEX.get(name) or numpys(name, row)
            if isinstance(found, WengertError) or (isinstance(found, TypeError) and "not supported for" in str(found)):
                continue  # in words, here or NumPy's
            wanted = result(first, theirs) if theirs else None
            if name in AFFINE:
                real, imaginary, none = (result(part) for part in (first.real.copy(), first.imag.copy(), 0 * taken[0]))
                pairs = zip(parts(real), parts(imaginary), parts(none), strict=True)
                wanted = [r + 1j * (i - n) for r, i, n in pairs]
            if isinstance(wanted, Exception) and isinstance(found, Exception):
                continue
            if wanted is None or isinstance(wanted, Exception) or isinstance(found, Exception):
                wrong.append(f"{name} {call}: is {found!r}, and {wanted!r} is wanted")
            else:
                difference = differs(found, wanted, dtype_too=theirs is not None)
                if difference:
                    wrong.append(f"{name} {call}: {difference}")
    assert not wrong, "\n".join(wrong)
