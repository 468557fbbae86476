"""Operators and NumPy's functions with what is no array of a known library: the other side may answer, else both are named."""

import operator
from typing import Any

import numpy as np
import pytest
from scipy import sparse, special

import wengert
from wengert import Observer, Variable, numpy_protocol, observing
from wengert import functions as F
from wengert.core.modes import no_grad
from wengert.errors import DtypeError, WengertError

NAMES = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift", "divmod"]
SYMBOLS = [divmod if name == "divmod" else getattr(operator, {"and": "and_", "or": "or_"}.get(name, name)) for name in NAMES]
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
REFLECTED = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le", "eq": "eq", "ne": "ne"}
VALUES = [Variable(np.array([1.0, 2.0])), Variable(np.array([1, 2])), Variable(np.array([True, False]))]


class Answering:
    """Of another library, which knows what to do with a Variable."""

    __hash__ = None  # type: ignore[assignment]


class Silent:
    """Of another library, which does not."""


for _name in [*(f"__r{name}__" for name in NAMES), *(f"__{name}__" for name in REFLECTED)]:
    setattr(Answering, _name, lambda self, other, name=_name: (name, other))


@pytest.mark.parametrize("v", VALUES)
def test_the_other_side_may_answer(v: Any) -> None:
    for name, symbol in zip(NAMES[:-1], SYMBOLS[:-1], strict=True):
        answer, other = symbol(v, Answering())
        assert answer == f"__r{name}__"
        assert other is v
    for symbol in COMPARISONS:
        answer, other = symbol(v, Answering())
        assert answer == f"__{REFLECTED[symbol.__name__]}__"
        assert other is v


@pytest.mark.parametrize("v", VALUES)
def test_else_both_sides_are_named(v: Any) -> None:
    for symbol in [*SYMBOLS, *COMPARISONS]:
        for pair in ((v, Silent()), (Silent(), v)):
            with pytest.raises(TypeError, match="Silent") as caught:
                symbol(*pair)
            assert "Variable" in str(caught.value) or str(v.shape) in str(caught.value)
    for ufunc in (np.add, np.matmul, np.equal):
        for pair in ((v, Silent()), (Silent(), v)):
            with pytest.raises(TypeError, match="Variable(.|\n)*Silent|Silent(.|\n)*Variable"):
                ufunc(*pair)


def test_functions_leave_to_others_what_is_theirs() -> None:
    class Unit:
        __array_ufunc__ = None

        def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
            return "theirs"

    for v in VALUES:
        assert np.concatenate([v, Unit()]) == np.dot(v, Unit()) == "theirs"  # type: ignore[list-item]


def test_libraries_are_not_mixed() -> None:
    jnp = pytest.importorskip("jax.numpy")
    for v in VALUES:
        for call in (lambda v: v + jnp.ones(2), lambda v: np.add(v, jnp.ones(2)), lambda v: np.add(jnp.ones(2), v)):
            with pytest.raises(DtypeError, match="different libraries"):
                call(v)


def test_membership_is_numpys() -> None:
    data = np.arange(6.0).reshape(2, 3)
    for v in (Variable(data), Variable(data, requires_grad=False)):
        for value in (3.0, 7, np.array(2.0), [0.0, 1.0, 2.0], [0.0, 4.0, 7.0], [9.0, 9.0, 9.0]):
            assert (value in v) == (value in data)


def test_series_and_frames() -> None:
    pandas = pytest.importorskip("pandas")
    series, frame = pandas.Series([3.0, 4.0]), pandas.DataFrame([[1.0, 2.0], [3.0, 4.0]])
    data = np.array([1.0, 2.0])
    recorded, constant = Variable(data), Variable(data, requires_grad=False)
    for symbol in (operator.add, operator.mul, operator.sub, operator.truediv, operator.pow):
        for other in (series, frame):
            for swap in (False, True):
                with pytest.raises(DtypeError, match=r"\(2,\) float64(.|\n)*asked by +pandas(.|\n)*to_numpy"):
                    symbol(*((other, recorded) if swap else (recorded, other)))
                found = symbol(*((other, constant) if swap else (constant, other)))
                assert type(found) is type(other)
                assert found.equals(symbol(*((other, data) if swap else (data, other))))
    assert (recorded < series).all()
    np.testing.assert_array_equal((recorded * series.to_numpy()).data, [3.0, 8.0])


def test_sparse_matrices() -> None:
    matrix = sparse.csr_array(np.array([[1.0, 0.0], [2.0, 3.0]]))
    recorded, constant = Variable(np.array([1.0, 2.0])), Variable(np.array([1.0, 2.0]), requires_grad=False)
    for pair in ((matrix, recorded), (recorded, matrix)):
        for symbol in (operator.matmul, operator.mul):
            with pytest.raises(DtypeError, match=r"\(2,\) float64(.|\n)*asked by +scipy.sparse(.|\n)*toarray"):
                symbol(*pair)
        with pytest.raises(TypeError, match="csr_array"):
            operator.add(*pair)
    np.testing.assert_array_equal(matrix @ constant, [1.0, 8.0])
    np.testing.assert_array_equal(constant @ matrix, [5.0, 6.0])
    np.testing.assert_array_equal((matrix.toarray() @ recorded).data, [1.0, 8.0])


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    for v in VALUES[:2]:
        for other in (torch.ones(2), torch.tensor(2.0)):
            for symbol in (operator.add, operator.mul, operator.matmul, operator.lt):
                for pair in ((v, other), (other, v)):
                    with pytest.raises(TypeError, match="'Variable' and 'Tensor'|'Tensor' and 'Variable'"):
                        symbol(*pair)
            for symbol in (operator.eq, operator.ne):  # of which Python would make one bool
                with pytest.raises(DtypeError, match="do not compare"):
                    symbol(v, other)


def test_functions_of_scipy_that_ask_for_arrays_name_ours() -> None:
    v = Variable(np.array([1.0, 2.0]))
    for name in ("logsumexp", "softmax", "log_softmax"):
        with pytest.raises(DtypeError, match=rf"asked by +scipy.special._logsumexp.{name}(.|\n)*wengert.functions has"):
            getattr(special, name)(v)
        np.testing.assert_allclose(getattr(F, name)(v).data, getattr(special, name)(v.data))
        assert not getattr(special, name)(v.detach()).shape or name != "logsumexp"


def test_scipys_ufuncs_want_numpys_arrays() -> None:
    jnp = pytest.importorskip("jax.numpy")
    v = Variable(jnp.ones(2))
    np.testing.assert_allclose(special.erf(v).data, special.erf(np.ones(2)), rtol=1e-6)
    with pytest.raises(DtypeError, match="gammaln is for NumPy's arrays"):
        special.gammaln(v)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_scipys_ufuncs_give_gradients_of_the_dtype(dtype: Any) -> None:
    v = Variable(np.array([0.3, 0.6], dtype))
    for ufunc in (special.gammaln, special.logit, special.psi, lambda x: special.xlogy(x, x), special.ndtr):
        v.cleargrad()
        found = ufunc(v)
        assert found.dtype == ufunc(v.data).dtype
        found.sum().backward()
        assert v.grad.dtype == dtype


def test_a_point_where_a_product_is_nothing() -> None:
    """x log y has the derivative 0 in y where x is 0, whatever y is."""
    x, y = Variable(np.array([0.0, 0.0, 2.0])), Variable(np.array([0.0, 3.0, 4.0]))
    with np.errstate(divide="ignore"):
        special.xlogy(x, y).sum().backward()
    np.testing.assert_allclose(x.grad.data, [-np.inf, np.log(3.0), np.log(4.0)])
    np.testing.assert_array_equal(y.grad.data, [0.0, 0.0, 0.5])


# What constants give is seen as before


class Heard(Observer):
    def __init__(self) -> None:
        self.names: list[str] = []

    def begin(self, operation: Any, options: Any) -> None:
        self.names.append(operation.operation_name)

    def unrecorded(self, name: str, inputs: Any, outputs: Any) -> None:
        assert self.names[-1] == name
        assert all(isinstance(value, Variable) for value in outputs)


def test_an_observer_hears_of_what_numpy_computed() -> None:
    c, heard = Variable(np.array([1, 2, 3])), Heard()
    with observing(heard):
        for call in (lambda: np.sin(c), lambda: np.std(c), lambda: np.add.reduce(c), lambda: np.frexp(c), lambda: c + c,
                     lambda: np.reshape(c, (3, 1)), lambda: c.mean()):  # fmt: skip
            call()
        np.shape(c)
    assert [name for name in heard.names if name != "shape"] == [
        "sin", "std", "add.reduce", "frexp", "add", "reshape", "mean"
    ]  # fmt: skip


def test_a_trace_shows_what_numpy_computed() -> None:
    with wengert.trace() as trace:
        np.std(Variable(np.array([1, 2, 3])))
    assert [trace.rules[operation["rule"]]["name"] for operation in trace.operations] == ["std"]


def test_functions_that_call_back_see_what_they_use() -> None:
    w, c = Variable(np.array(2.0)), Variable(np.arange(6.0).reshape(2, 3), requires_grad=False)
    for call, right in (
        (lambda: np.apply_along_axis(lambda line: line * w, 1, c), 15.0),
        (lambda: np.piecewise(c, [c > 2], [lambda x: x * w, 0.0]), 12.0),
    ):
        w.cleargrad()
        call().sum().backward()
        assert w.grad.data == right


@pytest.mark.parametrize(
    ("function", "here"),
    [(np.ravel, True), (np.real, True), (np.diag, True), (np.split, True), (np.atleast_1d, True), (np.trim_zeros, True),
     (np.nan_to_num, False), (np.std, False), (np.sort, False), (np.tril, False)],
)  # fmt: skip
def test_views_of_constants_are_made_here(function: Any, here: bool, monkeypatch: Any) -> None:
    """NumPy's own function would hand out memory that nobody knows to be another Variable's."""
    c = Variable(np.arange(4.0).reshape(2, 2), requires_grad=False)
    monkeypatch.setitem(numpy_protocol._carriers, function, lambda args, kwargs: "made here")
    given = (c[0],) if function is np.trim_zeros else (c, 2) if function is np.split else (c,)
    assert (isinstance(function(*given), str)) == here


def test_one_hot_from_comparisons_and_bits() -> None:
    c = Variable(np.arange(5))
    np.testing.assert_array_equal(((c > 0) & (c < 3) | (c == 4)).data, [0, 1, 1, 0, 1])
    np.testing.assert_array_equal((c & 1 ^ 3).data, np.arange(5) & 1 ^ 3)
    np.testing.assert_array_equal((1 << c >> 1).data, 1 << np.arange(5) >> 1)
    np.testing.assert_array_equal((~c).data, ~np.arange(5))
    with pytest.raises(WengertError, match="bits are those of booleans and integers"):
        Variable(np.ones(2)) & 1


def test_integers_of_another_library() -> None:
    jnp = pytest.importorskip("jax.numpy")
    c = Variable(jnp.arange(5))
    for found in (c & 3, c << 1, ~c, np.sum(c), c.sum(), c.std(), c * 2):
        assert isinstance(found.data, jnp.ndarray)
    with pytest.raises(DtypeError, match="different libraries"):
        c & np.arange(5)


def test_what_is_recorded_is_numpys_affair_inside_no_grad() -> None:
    data = np.array([3.0, 1.0, 2.0])
    v = Variable(data)
    with no_grad():
        assert not np.quantile(v, 0.3, method="lower").requires_grad
        assert np.quantile(v, 0.3, method="lower").data == np.quantile(data, 0.3, method="lower")
        np.testing.assert_array_equal(np.add.reduceat(v, [0, 1]).data, [3.0, 3.0])
        np.testing.assert_array_equal((v * (1j)).data, data * 1j)
