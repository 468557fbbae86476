"""A Variable has what a NumPy array has: the same names, parameters, values and dtypes."""

from inspect import Parameter, signature
from typing import Any

import numpy as np
import pytest

from rows.row import draw
from test_numpy_agrees import differs, of_dtype, result_of
from wengert import Variable
from wengert.core.modes import no_grad
from wengert.errors import DtypeError, InputError
from wengert.testing import gradcheck

# What writes into the array: see the tests of writes.
IN_PLACE = {"fill", "partition", "put", "resize", "setfield", "sort"}
LEFT_OUT = {
    "base": "who owns the memory: x.data.base",
    "byteswap": "the bytes of a number in another order are not its value",
    "ctypes": "addresses are for C: x.data.ctypes",
    "data": "the array itself, where NumPy's is a buffer of bytes",
    "dump": "pickle.dump takes a Variable",
    "dumps": "pickle.dumps takes a Variable",
    "getfield": "of arrays with fields, which hold no numbers",
    "setflags": "how memory may be used: x.data.setflags",
    "tofile": "x.data.tofile writes the numbers",
    "view": "bytes read as another type are not the value: x.data.view",
}
NAMES = sorted(name for name in dir(np.ndarray) if name[0] != "_")
A, C, X = draw(3, 4), draw(4, 2, seed=1), draw(5, seed=2)
WHERE = np.resize([True, False, True, True], (3, 4))


@pytest.mark.parametrize("name", NAMES)
def test_what_an_array_has_a_variable_has(name: str) -> None:
    if name in IN_PLACE:
        pytest.skip("written in place")
    if name in LEFT_OUT:
        return
    theirs, ours = getattr(np.ndarray, name), getattr(Variable, name)
    assert callable(theirs) == callable(ours)
    if not callable(theirs):
        return
    try:
        wanted = signature(theirs).parameters
    except ValueError:
        pytest.skip("this NumPy does not say what its methods take")
    have = signature(ours).parameters
    optional = [
        parameter for parameter in have.values() if parameter.kind is not Parameter.KEYWORD_ONLY and parameter.name != "self"
    ]
    for place, parameter in enumerate(p for p in wanted.values() if p.name != "self"):
        if parameter.kind is Parameter.VAR_KEYWORD:
            names = {"keepdims", "initial", "where", "mean"} if name != "clip" else set()
            wordy = {"mean": {"keepdims", "where"}, "max": {"keepdims", "initial", "where"}}
            names = wordy.get({"min": "max", "sum": "max", "prod": "max"}.get(name, name), names - {"initial"})
            assert names <= have.keys()
        elif parameter.kind is Parameter.KEYWORD_ONLY:
            assert parameter.name in have
        else:
            assert optional[place].kind is parameter.kind or parameter.kind is not Parameter.VAR_POSITIONAL
            assert optional[place].name == parameter.name or parameter.kind in (
                Parameter.POSITIONAL_ONLY, Parameter.VAR_POSITIONAL
            )  # fmt: skip


def test_what_is_left_out_is_left_out() -> None:
    assert [name for name in set(LEFT_OUT) - {"data"} if hasattr(Variable(A), name) or name not in NAMES] == []


CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    *[
        (name, args, options)
        for name in ("sum", "prod", "mean", "max", "min", "var", "std", "any", "all")
        for args, options in [
            ((), {}), ((0,), {}), ((), {"axis": (0, 1), "keepdims": True}), ((-1,), {"keepdims": True}),
            ((), {"where": WHERE, "axis": 1, **({"initial": 0.5} if name in ("max", "min") else {})}),
        ]
    ],
    *[(name, (), {"initial": 2.5, "axis": 0}) for name in ("sum", "prod", "max", "min")],
    *[(name, (0, np.float64), {}) for name in ("sum", "prod", "mean", "var", "std", "cumsum", "cumprod")],
    *[(name, (1, None, None, 1), {}) for name in ("var", "std")],
    *[(name, (1,), {"mean": np.ones((3, 1))}) for name in ("var", "std")],
    *[(name, args, {}) for name in ("cumsum", "cumprod", "argmax", "argmin", "argsort", "squeeze") for args in ((), (0,))],
    ("argmax", (1,), {"keepdims": True}),
    ("argsort", (), {"kind": "stable"}),
    ("argpartition", (2,), {}),
    ("argpartition", (1, 0), {}),
    ("astype", (np.float32,), {}),
    ("astype", (np.float64,), {"copy": False, "order": "C", "casting": "unsafe"}),
    ("astype", (np.int64, "K", "unsafe", True, True), {}),
    ("astype", (bool,), {}),
    ("clip", (-0.5, 0.5), {}),
    ("clip", (), {"max": 1.0}),
    ("clip", (0,), {}),
    ("compress", ([True, False, True],), {"axis": 0}),
    ("compress", ([False, True],), {}),
    ("conj", (), {}),
    ("conjugate", (), {}),
    ("copy", (), {}),
    ("copy", ("F",), {}),
    ("diagonal", (1,), {}),
    ("diagonal", (0, 1, 0), {}),
    ("dot", (C,), {}),
    ("dot", ([1.0, 2.0, 3.0, 4.0],), {}),
    ("flatten", (), {}),
    ("flatten", ("F",), {}),
    ("item", (5,), {}),
    ("item", (1, 2), {}),
    ("item", ((2, 0),), {}),
    ("nonzero", (), {}),
    ("ravel", ("F",), {}),
    ("ravel", (), {"order": "C"}),
    ("repeat", (2,), {}),
    ("repeat", ([1, 0, 2],), {"axis": 0}),
    ("reshape", (2, 6), {}),
    ("reshape", (-1,), {}),
    ("reshape", ((4, 3),), {"order": "F"}),
    ("reshape", (2, -1), {"order": "F", "copy": True}),
    ("round", (), {}),
    ("round", (1,), {}),
    ("swapaxes", (0, 1), {}),
    ("take", ([0, 5, -1],), {}),
    ("take", ([[0, 1], [7, -9]], 1), {"mode": "wrap"}),
    ("tobytes", (), {}),
    ("tobytes", ("F",), {}),
    ("to_device", ("cpu",), {}),
    ("tolist", (), {}),
    ("trace", (), {}),
    ("trace", (1, 1, 0), {}),
    ("trace", (0, 0, 1, np.float64), {}),
    ("transpose", (), {}),
    ("transpose", (1, 0), {}),
    ("transpose", ((1, 0),), {}),
    *[(name, (), {}) for name in ("T", "mT", "real", "imag", "shape", "ndim", "size", "dtype", "itemsize", "nbytes", "strides",
                                  "device")],
]  # fmt: skip
IDS = [f"{name}-{i}" for i, (name, _, _) in enumerate(CALLS)]
DTYPES = ["int64", "int32", "uint8", "bool", "float16", "float32", "float64", "complex128"]


def asked(array: Any, name: str, args: Any, options: Any) -> Any:
    attribute = getattr(array, name)
    return attribute(*args, **options) if callable(attribute) else attribute


@pytest.mark.parametrize(("name", "args", "options"), CALLS, ids=IDS)
def test_methods_of_constants_are_numpys(name: str, args: Any, options: Any) -> None:
    for dtype in DTYPES:
        array = A.astype(dtype) if dtype in ("float32", "float64") else of_dtype(dtype, A)
        right = result_of(asked, (array, name, args, options), {})
        for variable in (Variable(array, requires_grad=False), Variable(array)):
            with no_grad():
                found = result_of(asked, (variable, name, args, options), {})
            assert not differs(found, right), (dtype, found, right)


@pytest.mark.parametrize(("name", "args", "options"), CALLS, ids=IDS)
def test_methods_of_what_is_recorded_are_numpys(name: str, args: Any, options: Any) -> None:
    right = result_of(asked, (A, name, args, options), {})
    found = result_of(asked, (Variable(A), name, args, options), {})
    assert not differs(found, right, 1e-12), (found, right)
    if isinstance(found, Variable) and found.requires_grad and found.dtype == np.float64:
        assert gradcheck(lambda x: asked(x, name, args, options), A)


def test_every_method_is_tried() -> None:
    assert {name for name, _, _ in CALLS} | IN_PLACE | set(LEFT_OUT) == set(NAMES) - {"choose", "flags", "flat", "searchsorted"}


def test_indices_that_choose() -> None:
    places, choices = np.array([1, 0, 1]), [np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])]
    v = Variable(choices[1])
    picked = Variable(places).choose([choices[0], v])
    np.testing.assert_array_equal(picked.data, places.choose(choices))
    (picked * [1.0, 10.0, 100.0]).sum().backward()
    np.testing.assert_array_equal(v.grad.data, [1.0, 0.0, 100.0])
    assert not Variable(places).choose(choices, mode="clip").requires_grad


def test_searching() -> None:
    up = np.sort(X)
    for v in (Variable(up), Variable(up, requires_grad=False)):
        np.testing.assert_array_equal(v.searchsorted(0.1).data, up.searchsorted(0.1))
        np.testing.assert_array_equal(v.searchsorted([0.1, -3.0], "right").data, up.searchsorted([0.1, -3.0], "right"))
    order = np.argsort(X)
    np.testing.assert_array_equal(Variable(X).searchsorted(0.1, sorter=order).data, X.searchsorted(0.1, sorter=order))


def test_entries_one_by_one() -> None:
    v = Variable(A)
    assert len(v.flat) == 12
    assert [entry.item() for entry in v.flat] == A.ravel().tolist()
    for index in (3, -1, slice(1, 9, 3), [0, 5], A.ravel() > 0):
        np.testing.assert_array_equal(v.flat[index].data, A.flat[index])
    np.testing.assert_array_equal(v.flat.copy().data, A.flat.copy())
    assert gradcheck(lambda x: x.flat[2:7] * x.flat[1], A)


@pytest.mark.parametrize("index", [3, -1, slice(1, 9, 3), [0, 5], A.ravel() > 0])
@pytest.mark.parametrize("turned", [False, True])
def test_writing_entries_one_by_one(index: Any, turned: bool) -> None:
    array = (A.T if turned else A).copy("K")
    x = Variable(A)
    v = (x.T if turned else x) * 1.0
    v.flat[index] = 2.0 * x[0, 1]
    expected = array.copy("K")
    expected.flat[index] = 2.0 * A[0, 1]
    np.testing.assert_array_equal(v.data, expected)
    v.sum().backward()
    written = np.zeros(12)
    written[index] = 1.0
    gradient = (1.0 - written).reshape(array.shape)
    gradient = gradient.T if turned else gradient
    gradient[0, 1] += 2.0 * written.sum()
    np.testing.assert_array_equal(x.grad.data, gradient)


def test_a_conversion_that_is_none_can_be_the_value_itself() -> None:
    v = Variable(A)
    assert v.astype(float, copy=False) is v
    assert v.astype(float) is not v
    with pytest.raises(DtypeError, match="casting='safe'"):
        v.astype(np.float32, casting="safe")


def test_what_would_be_misread_is_refused() -> None:
    v = Variable(A)
    with pytest.raises(DtypeError, match="keepdims=True"):
        v.sum(0, True)
    with pytest.raises(DtypeError, match="keepdims=True"):
        v.max(0, True)
    with pytest.raises(InputError, match="initial="):
        v.max(where=A > 0)
    with pytest.raises(InputError, match="does not move"):
        v.to_device("gpu")


def test_flags() -> None:
    assert Variable(A).flags.c_contiguous
    assert Variable(A.T).flags.f_contiguous
