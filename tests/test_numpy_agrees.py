"""Every NumPy function that meets Variables gives NumPy's value, shape and dtype: on constants of any dtype, since
NumPy itself runs there, and on what is recorded, as far as it is not refused."""

import operator
import sys
import warnings
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from test_numpy_protocol import CASES, INDEX, A, B, C, D, P, S, T, X, Y, Z, replaced
from wengert import Variable
from wengert.errors import WengertError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import coverage_table

if not np.__version__.startswith("2.4."):
    pytest.skip("other versions of NumPy have other values and errors here and there", allow_module_level=True)


FUNCTIONS = coverage_table.numpy_functions()

# Written in place: what they do to Variables is tried where writes are.
IN_PLACE = {"np.copyto", "np.fill_diagonal", "np.place", "np.put", "np.put_along_axis", "np.putmask"}
# No arrays of numbers go in.
OF_DATES_AND_FILES = {
    "np.busday_count", "np.busday_offset", "np.datetime_as_string", "np.is_busday", "np.isnat", "np.save", "np.savetxt",
    "np.savez", "np.savez_compressed",
}  # fmt: skip

N = np.array([[0, 1, 2], [2, 1, 0]])  # indices and whole numbers stay what they are

# Calls of functions that test_numpy_protocol.py, where derivatives are tried, does not call.
MORE: dict[str, list[Any]] = {
    "all": [(A,)],
    "allclose": [(A, A), (A, B)],
    "any": [(A,)],
    "argmax": [(A,)],
    "argmin": [(A,)],
    "argpartition": [(X, 2)],
    "argsort": [(A,)],
    "argwhere": [(A,)],
    "array2string": [(A,)],
    "array_equal": [(A, A), (A, X)],
    "array_equiv": [(A, A)],
    "array_repr": [(A,)],
    "array_str": [(A,)],
    "astype": [(A, np.float32), (A, complex), (A, int)],
    "bincount": [(INDEX,)],
    "can_cast": [(np.int8, np.int64)],
    "choose": [([0, 1, 1, 0, 1], [X, Y]), ([7, -1], [Z[0], [1.0, 2.0]], None, "wrap"), (N, [A[0, 0], D, B[:2, :3]])],
    "common_type": [(A, B)],
    "count_nonzero": [(A,)],
    "diag_indices_from": [(S,)],
    "digitize": [(X, np.arange(3))],
    "einsum_path": [("ij,jk", A, C)],
    "empty_like": [(A,)],
    "flatnonzero": [(A,)],
    "float_power": [(2.0, X), (P, [1.0, 2.0, 3.0, 4.0]), (X, 2), ([1, 2, 3, 4, 5], P[0, 0])],
    "histogram": [(X,)],
    "histogram2d": [(X, Y)],
    "histogram_bin_edges": [(X,)],
    "histogramdd": [(A,)],
    "i0": [(X,)],
    "insert": [
        (A, 1, 5.0, 1), (A, 1, Z, 1), (A, [1], Z[:, None], 1), (A, [1], B[:, :2], 1), (A, [1, 3], B[:, :2], 1),
        (A, slice(0, 2), 3.0, 1), (A, -1, B[0], 0), (A, [0, 0, 2], D, 0), (T, 1, 0.5, 2), (T, [2, -1], T[:, :2], 1),
        (A, 2, [1, 2]), (A, [1, 2], X[:2]), (A, np.array([True, False, True]), 0.0, 0), (A, 1, A, 0), (X, [], 1.0),
    ],
    "intersect1d": [(X, X[::2])],
    "isclose": [(A, B)],
    "iscomplex": [(A,)],
    "iscomplexobj": [(A,)],
    "isin": [(A, X)],
    "isneginf": [(A,)],
    "isposinf": [(A,)],
    "isreal": [(A,)],
    "isrealobj": [(A,)],
    "ix_": [(X, Y)],
    "lexsort": [((X, Y),)],
    "may_share_memory": [(A, B)],
    "min_scalar_type": [(D,)],
    "nanargmax": [(A,)],
    "nanargmin": [(A,)],
    "ndim": [(A,)],
    "nonzero": [(A,)],
    "packbits": [(A,)],
    "piecewise": [(X, X > 0, [1.0, 2.0]), (X, [X > 0, X < -1], [np.negative, 2.0, np.square])],
    "polyadd": [(X, Z), (Z, Z), (Z, -Z), (D, Z)],
    "polydiv": [(X, Z)],
    "polymul": [(X, Z), (D, Z), (np.append(0.0, X), Z)],
    "polysub": [(Z, Z), (X, D)],
    "ravel_multi_index": [((N, N), (3, 3))],
    "real_if_close": [(A,)],
    "result_type": [(A, np.float32)],
    "roots": [(Z,)],
    "searchsorted": [(np.sort(X), Y)],
    "select": [([A > 0], [A]), ([A > 0, B > 0], [A, B], 1)],
    "shape": [(A,)],
    "shares_memory": [(A, A)],
    "size": [(A,), (A, 1)],
    "sort_complex": [(X,)],
    "take_along_axis": [(A, N.ravel(), None), (A, N, 1)],
    "tril_indices_from": [(S,)],
    "trim_zeros": [(np.array([0.0, 1.0, 0.0, 2.0, 0.0]),)],
    "triu_indices_from": [(S,)],
    "unpackbits": [(A,)],
    "unravel_index": [(N, (2, 2))],
    "linalg.cholesky": [(S @ S.T,)],
    "linalg.eig": [(S,)],
    "linalg.eigh": [(S,)],
    "linalg.eigvals": [(S,)],
    "linalg.eigvalsh": [(S,), (S, "U")],
    "linalg.lstsq": [(C, X[:4])],
    "linalg.matrix_rank": [(S,)],
    "linalg.svd": [(A,), (A, False)],
    "fft.hfft": [(X,)],
    **{f"fft.{inverse}{name}": [(X,)] for inverse in ("", "i") for name in ("fft", "rfft")},
    **{f"fft.{inverse}{name}": [(A,)] for inverse in ("", "i") for name in ("fft2", "fftn", "rfft2", "rfftn")},
    "fft.ihfft": [(X,)],
}  # fmt: skip

SHAPELY = {"axis": [0, -1, None, (0, 1)], "keepdims": [True], "ddof": [1, 3, 5], "correction": [1], "rowvar": [False]}


def calls() -> Iterator[Any]:
    """All calls to try: a function, its arguments, its options."""
    for parameters in CASES:
        yield parameters.values
    for name, several in MORE.items():
        function = FUNCTIONS[f"np.{name}"]
        for args in several:
            yield function, args, {}
    for name, function in FUNCTIONS.items():
        if isinstance(function, np.ufunc) and name not in OF_DATES_AND_FILES and not function.signature:
            yield function, (A, B)[: function.nin], {}
            yield function, (X, Y)[: function.nin], {"dtype": np.float64}
            yield function, (D, D)[: function.nin], {}
            if function.nin == 2:
                yield function, (X, 2), {}
                yield function, (X[:2], [1, 2]), {}
                yield function, (3, X), {}
    for ufunc in {function for function in FUNCTIONS.values() if isinstance(function, np.ufunc)}:
        if ufunc.nin == 2 and ufunc.nout == 1 and not ufunc.signature:
            yield ufunc.outer, (X, Z), {}
            yield ufunc.accumulate, (A,), {"axis": 1}
            yield ufunc.reduceat, (X, [0, 2]), {}
            yield ufunc.reduce, (A,), {}
            yield ufunc.reduce, (A,), {"axis": 1, "keepdims": True}
            yield ufunc.reduce, (A,), {"axis": 1, "initial": 1}
            yield ufunc.reduce, (A,), {"axis": 1, "initial": 1, "where": A > 0}
    yield from variations()


def variations() -> Iterator[Any]:
    """The first call of each function, along other axes and with the options of reductions."""
    first: dict[Any, tuple[Any, ...]] = {}
    for parameters in CASES:
        function, args, options = parameters.values
        if not options:
            first.setdefault(function, args)
    for name, several in MORE.items():
        first.setdefault(FUNCTIONS[f"np.{name}"], several[0])
    for function, args in first.items():
        if isinstance(function, np.ufunc):
            continue
        try:
            parameters = signature(function).parameters
        except ValueError:
            continue
        names = list(parameters)
        for option, values in SHAPELY.items():
            if option in parameters and option not in names[: len(args)]:
                for value in values:
                    yield function, args, {option: value}
                    if "keepdims" in parameters and option == "axis":
                        yield function, args, {option: value, "keepdims": True}
        if "where" in parameters:
            where = np.resize([True, False, True], np.shape(args[0]))
            initial = {"initial": 0.5} if "initial" in parameters else {}
            for option in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}):
                yield function, args, {"where": where, **initial, **option}
                if initial:
                    yield function, args, {**initial, **option}


def named(call: Any) -> Any:
    function = call[0]
    return getattr(function, "__qualname__", None) or getattr(function, "__name__", "call")


def shapes(args: Any) -> list[Any]:
    return [getattr(value, "shape", value) for value in args]


CALLS = list(calls())


def of_dtype(dtype: str, array: Any) -> Any:
    """An array of floating point in another type, so that something is left of it."""
    if dtype == "complex128":
        return array + 1j * np.resize([0.5, -1.5, 2.0], array.shape)
    if dtype == "bool":
        return array > 0
    scaled = array if dtype == "float16" else np.nan_to_num(array) * 3
    return (np.abs(scaled) if dtype == "uint8" else scaled).astype(dtype)


def result_of(function: Any, args: Any, options: Any) -> Any:
    """What a call gives, or the error it raises."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **options)
    except Exception as error:  # noqa: BLE001
        return error


def differs(found: Any, right: Any, rtol: float = 0.0) -> str:
    """In what a result is not NumPy's; nothing where it is."""
    if isinstance(right, Exception):
        return "" if isinstance(found, Exception) else f"gives {found!r}, and NumPy raises {right!r}"
    if isinstance(found, Exception):
        return f"raises {found!r}"
    if isinstance(right, list | tuple):
        if type(found) is not type(right) or len(found) != len(right):
            return f"is a {type(found).__name__} of other parts than NumPy's {type(right).__name__}"
        return next(filter(None, (differs(f, r, rtol) for f, r in zip(found, right, strict=True))), "")
    if isinstance(right, np.ndarray | np.generic):
        if not isinstance(found, Variable | np.ndarray | np.generic):
            return f"is a {type(found).__name__}"
        data = found.data if isinstance(found, Variable) else found
        if data.shape != right.shape or data.dtype != right.dtype:
            return f"is {data.shape} {data.dtype}, and NumPy's {right.shape} {right.dtype}"
        same = np.allclose(data, right, rtol=rtol, atol=rtol, equal_nan=True) if rtol else np.array_equal(
            data, right, equal_nan=right.dtype.kind in "fc"
        )  # fmt: skip
        return "" if same else f"is {data!r}, and NumPy's {right!r}"
    return "" if type(found) is type(right) and found == right else f"is {found!r}, and NumPy's {right!r}"


UNINITIALISED = {np.empty_like}
LENIENT = {np.linspace, np.logspace}  # which take axis=None


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool", "float16", "complex128"])
def test_constants_are_numpys_affair(dtype: str) -> None:
    wrong = []
    for function, args, options in CALLS:
        if function in UNINITIALISED:
            continue
        arrays = [of_dtype(dtype, array) for array in floats((args, options))]
        right = result_of(function, *replaced((args, options), iter(arrays)))
        constants = [Variable(array, requires_grad=False) for array in arrays]
        found = result_of(function, *replaced((args, options), iter(constants)))
        difference = differs(found, right)
        if difference:
            wrong.append(f"{named((function,))}{options}: {difference}")
    assert not wrong, "\n".join(wrong)


def floats(value: Any) -> list[Any]:
    from test_numpy_protocol import arrays_in

    return arrays_in(value)


def astray(function: Any) -> bool:
    """Whether NumPy's own loops go wrong: these take several entries at once in a reduction that goes one by one."""
    return getattr(function, "__name__", "") in ("reduce", "reduceat") and function.__self__ in (np.arctan2, np.power)


def test_what_is_recorded_is_numpys() -> None:
    wrong = []
    for function, args, options in CALLS:
        if function in UNINITIALISED or astray(function):
            continue
        arrays = floats((args, options))
        right = result_of(function, args, options)
        found = result_of(function, *replaced((args, options), iter([Variable(array) for array in arrays])))
        if isinstance(found, WengertError):  # refused, in words
            continue
        if isinstance(right, Exception) and ("dtype" in options or function in LENIENT):
            continue
        difference = differs(found, right, 1e-10)
        if difference:
            wrong.append(f"{named((function,))}{shapes(args)}{options}: {difference}")
    assert not wrong, "\n".join(wrong)


def spoilt(array: Any) -> Any:
    """With nan, infinities and zeros among the entries."""
    out = array.copy()
    if out.size:
        rng = np.random.default_rng(0)
        places = rng.integers(out.size, size=max(1, out.size // 3))
        out.reshape(-1)[places] = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0], len(places))
    return out


UNUSUAL = {
    "spoilt": spoilt,
    "ties": np.round,
    "zeros": np.zeros_like,
    "nothing in rows": lambda array: array[..., :0] if array.ndim else array,
    "no rows": lambda array: array[:0] if array.ndim else array,
    "one row": lambda array: array[:1] if array.ndim else array,
    "no axes": lambda array: array.reshape(-1)[0].reshape(()) if array.size else array,
    "one axis more": lambda array: np.stack([array, array + 1]),
    "negative": lambda array: -np.abs(array),
    "turned": lambda array: array[::-1] if array.ndim else array,
    "column by column": np.asfortranarray,
}
# Where the two part: NumPy says nothing of the order of equals, and of what infinities do between others; and it raises
# where there is a result, or returns a shape that others do not.
PARTED = {
    "spoilt": {np.argsort, np.quantile, np.geomspace, np.interp, np.linalg.cond},
    "ties": {np.argsort},
    "zeros": {np.argsort, np.linalg.cond},
    "nothing in rows": {np.average, np.nanquantile, np.nanpercentile},
    "no rows": {np.average, np.nanquantile, np.nanpercentile, np.take},
    "no axes": {np.average, np.correlate, np.linalg.tensorinv, np.linalg.matrix_rank, np.linalg.vector_norm},
    "one axis more": {np.nanpercentile},
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_what_is_recorded_is_numpys_for_unusual_arrays(kind: str) -> None:
    wrong = []
    for function, args, options in CALLS:
        if function in UNINITIALISED | LENIENT | PARTED.get(kind, set()) or "dtype" in options or astray(function):
            continue
        arrays = [np.array(UNUSUAL[kind](array)) for array in floats((args, options))]
        right = result_of(function, *replaced((args, options), iter(arrays)))
        found = result_of(function, *replaced((args, options), iter([Variable(array) for array in arrays])))
        if not isinstance(found, WengertError):  # refused, in words
            difference = differs(found, right, 1e-9)
            if difference:
                wrong.append(f"{named((function,))}{shapes(args)}{options}: {difference}")
    assert not wrong, "\n".join(wrong)


def test_every_name_is_called() -> None:
    called = {function for function, _, _ in CALLS}
    left_out = {name for name, function in FUNCTIONS.items() if function not in called}
    assert left_out == IN_PLACE | OF_DATES_AND_FILES


# Operators

BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
    operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge, operator.and_, operator.or_,
    operator.xor, operator.lshift, operator.rshift, operator.matmul, divmod,
]  # fmt: skip
UNARY = [operator.neg, operator.pos, operator.abs, operator.invert]
LEFT = np.array([[3.0, -1.0], [2.0, 1.0]])
OTHERS: list[Any] = [
    LEFT[::-1] + 1, LEFT[0], LEFT[1, 0], 2, 2.0, 0.5, True, 2j, [1, 2], [[1.5, 2.0], [3.0, 4.0]], (2, 1), (True, False),
    np.float32(1.5), np.int8(2), np.complex64(1j), np.arange(2, dtype=np.uint8), np.array(1.5),
]  # fmt: skip


@pytest.mark.parametrize("recording", [True, False])
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool", "float16", "float32", "float64", "complex128"])
def test_operators_are_numpys(dtype: str, recording: bool) -> None:
    """Between constants and whatever NumPy takes, on either side; and so where the tape records, as far as it does."""
    wrong = []
    array = of_dtype(dtype, LEFT) if dtype not in ("float32", "float64") else LEFT.astype(dtype)
    recorded = recording and dtype[0] == "f"
    value = Variable(array, requires_grad=recorded)
    for symbol in BINARY:
        for other in OTHERS:
            for wrapped in (False, True) if isinstance(other, np.ndarray) else (False,):
                theirs = Variable(other, requires_grad=False) if wrapped else other
                for swap in (False, True):
                    pair, given = ((other, array), (theirs, value)) if swap else ((array, other), (value, theirs))
                    right, found = result_of(symbol, pair, {}), result_of(symbol, given, {})
                    if symbol is operator.pow and isinstance(right, ValueError):  # an integer to a negative power
                        continue
                    if recorded and isinstance(found, WengertError) and np.iscomplexobj(right):
                        continue
                    difference = differs(found, right, 1e-6 if dtype != "float16" else 1e-2)
                    if difference:
                        wrong.append(f"{symbol.__name__}{pair}: {difference}")
                    elif not isinstance(found, Exception | tuple):
                        assert isinstance(found, Variable)
    for symbol in UNARY:
        difference = differs(result_of(symbol, (value,), {}), result_of(symbol, (array,), {}))
        if difference:
            wrong.append(f"{symbol.__name__}: {difference}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("other", [[3.0, -2.0], (3.0, -2.0), [[3.0], [-2.0]], np.float64(3.0), [Variable(np.array(3.0)), 2.0]])
@pytest.mark.parametrize("symbol", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod])
def test_operators_with_lists_are_recorded(symbol: Any, other: Any) -> None:
    data = np.array([1.3, 2.6])
    array = np.array([getattr(part, "data", part) for part in other]) if isinstance(other, list | tuple) else other
    for swap in (False, True):
        x, y = Variable(data), Variable(data)
        with np.errstate(invalid="ignore"):
            ours, plain = (symbol(other, x), symbol(array, y)) if swap else (symbol(x, other), symbol(y, array))
            weights = np.random.default_rng(0).normal(size=ours.shape)
            (ours * weights).sum().backward()
            (plain * weights).sum().backward()
        np.testing.assert_array_equal(x.grad.data, y.grad.data)


def test_matmul_with_lists() -> None:
    x = Variable(np.array([1.0, 2.0]))
    ((x @ [[1.0, 2.0], [3.0, 4.0]]) * [1.0, 10.0]).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [21.0, 43.0])
    x.cleargrad()
    (([[1.0, 2.0], [3.0, 4.0]] @ x) * [1.0, 10.0]).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [31.0, 42.0])


def test_an_operand_of_no_gradient_keeps_its_object() -> None:
    """``+x`` is a copy, as in NumPy, and not the value itself."""
    x = Variable(np.ones(2))
    assert +x is not x
