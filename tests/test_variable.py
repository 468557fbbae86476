"""Variable as an array: what it shows, its operators and methods, and what it refuses.  (The tape: test_core.py.)"""

import copy
import operator
import pickle

import numpy as np
import pytest

from wengert import Parameter, Variable, as_array, as_variable, no_grad
from wengert import functions as F
from wengert.errors import DtypeError, GraphError, InputError, ShapeError


def v(x, **options):
    return Variable(np.array(x, dtype=float), **options)


def const(x):
    return Variable(np.array(x), requires_grad=False)


def same(got, expected):
    """Entries, shape and dtype are equal."""
    assert isinstance(got, Variable)
    expected = np.asarray(expected)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got.data, expected, strict=True)


class TestWhatItTakes:
    @pytest.mark.parametrize(
        ("data", "says"),
        [
            (1.0, r"float 1\.0"),
            (True, "bool True"),
            (3, "int 3"),
            (1j, "complex 1j"),
            (None, "NoneType None"),
            ("abc", "str 'abc'"),
            ([1.0], r"list \[1\.0\]"),
            ((1.0,), "tuple"),
            ({}, "dict {}"),
            (range(3), "range"),
        ],
    )
    def test_no_array_and_the_way_to_make_one(self, data, says):
        with pytest.raises(DtypeError, match=says) as caught:
            Variable(data)
        assert "as_variable" in str(caught.value)
        assert isinstance(caught.value, TypeError)

    @pytest.mark.parametrize(
        ("data", "says"),
        [
            (np.array(["a"]), "<U1"),
            (np.array([None]), "object"),
            (np.array(["2020"], dtype="datetime64[Y]"), "datetime64"),
            (np.zeros(2, dtype=[("a", float)]), "does not hold numbers"),
            (np.ma.masked_array([1.0, 2.0], [True, False]), "mask"),
        ],
    )
    def test_arrays_of_no_numbers(self, data, says):
        with pytest.raises(DtypeError, match=says) as caught:
            Variable(data)
        assert "Fix:" in str(caught.value)

    def test_a_variable_is_no_data(self):
        with pytest.raises(DtypeError, match=r"\(1,\) float64"):
            Variable(v([1.0]))

    def test_numpy_scalars_are_arrays(self):
        x = Variable(np.float32(2.0))
        assert isinstance(x.data, np.ndarray)
        assert (x.shape, x.dtype) == ((), np.float32)

    def test_subclasses_of_arrays_may_mean_more_and_are_refused(self):
        class Tagged(np.ndarray):
            pass

        data = np.array([[1.0, 2.0]]).view(Tagged)
        with pytest.raises(DtypeError, match="Tagged"):
            Variable(data)
        with pytest.raises(DtypeError, match="Tagged"):
            v([[1.0, 2.0]]) * data

    def test_the_array_is_not_copied(self):
        data = np.zeros(3)
        assert Variable(data).data is data

    @pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g"])
    def test_floating_point_is_differentiated(self, dtype):
        x = Variable(np.ones(2, dtype))
        assert x.requires_grad
        F.sum(x * x).backward()
        assert x.grad.dtype == np.dtype(dtype)

    @pytest.mark.parametrize("dtype", ["?", "i1", "i8", "u4", "c8", "c16"])
    def test_other_numbers_are_constants(self, dtype):
        x = Variable(np.ones(2, dtype))
        assert not x.requires_grad
        assert not (x + x).requires_grad
        with pytest.raises(GraphError, match="constant"):
            F.sum(x).backward()
        with pytest.raises(DtypeError, match="cannot have a gradient"):
            Variable(np.ones(2, dtype), requires_grad=True)

    def test_requires_grad_is_given_by_keyword_only(self):
        assert not v(1.0, requires_grad=False).requires_grad
        with pytest.raises(TypeError):
            Variable(np.ones(1), "w", False)

    def test_as_variable(self):
        x = v(1.0)
        assert as_variable(x) is x
        same(as_variable(1), np.array(1))
        same(as_variable([[1.0, 2.0]]), np.array([[1.0, 2.0]]))
        with pytest.raises(DtypeError, match="does not hold numbers"):
            as_variable("abc")

    def test_as_array(self):
        x = v([1.0])
        assert as_array(x) is x.data
        assert as_array(x.data) is x.data
        assert isinstance(as_array(np.float64(1.0)), np.ndarray)
        assert as_array([1, 2]).dtype == np.dtype(int)

    def test_parameters_are_variables(self):
        p = Parameter(np.zeros(2), name="bias")
        assert isinstance(p, Variable)
        assert type(p * 2.0) is Variable
        assert (p.name, p.requires_grad) == ("bias", True)


class TestWhatItShows:
    def test_the_array_s_attributes(self):
        x = v(np.zeros((2, 3, 4)), name="x")
        assert (x.shape, x.ndim, x.size, x.dtype, len(x), x.name) == ((2, 3, 4), 3, 24, np.float64, 2, "x")
        assert (x.T.shape, x.mT.shape) == ((4, 3, 2), (2, 4, 3))

    @pytest.mark.parametrize("name", ["shape", "ndim", "size", "dtype", "T", "mT", "creator", "generation"])
    def test_they_cannot_be_set(self, name):
        with pytest.raises(AttributeError):
            setattr(v(1.0), name, None)

    def test_misspelled_attributes_are_errors(self):
        with pytest.raises(AttributeError):
            v(1.0).gard = 1.0

    @pytest.mark.parametrize(
        ("data", "text"),
        [
            (np.array([1.0, 2.0, 3.0]), "variable([1. 2. 3.])"),
            (np.array([[1, 2, 3], [4, 5, 6]]), "variable([[1 2 3]\n          [4 5 6]])"),
            (np.array(7.0), "variable(7.0)"),
            (np.array(5), "variable(5)"),
            (np.array([True]), "variable([ True])"),
            (np.array([1 + 2j]), "variable([1.+2.j])"),
            (np.zeros((2, 1, 1)), "variable([[[0.]]\n         \n          [[0.]]])"),
            (np.zeros(0), "variable([])"),
        ],
    )
    def test_repr_is_the_book_s(self, data, text):
        assert repr(Variable(data)) == str(Variable(data)) == text

    def test_repr_of_large_arrays_is_short(self):
        assert repr(v(np.zeros(10_000))) == "variable([0. 0. 0. ... 0. 0. 0.])"

    def test_repr_without_data(self):
        x = v(1.0)
        x.data = None
        assert repr(x) == "variable(None)"

    def test_format(self):
        assert f"{v(2.5):.2f}" == "2.50"
        assert f"{v(2.5):>8.3f}|" == "   2.500|"
        assert f"{const(12):04d}" == "0012"
        assert f"{v([1.0, 2.0])}" == "variable([1. 2.])"
        with pytest.raises(ValueError, match="format code"):
            format(v([1.0, 2.0]), ".2f")

    def test_length_and_iteration(self):
        assert [x.item() for x in v([3.0, 1.0])] == [3.0, 1.0]
        assert [row.shape for row in v(np.zeros((2, 3)))] == [(3,)] * 2
        assert [x.item() for x in reversed(v([3.0, 1.0]))] == [1.0, 3.0]
        a, b = v([1.0, 2.0])
        assert a.item() + b.item() == 3.0
        for ask in (len, list):
            with pytest.raises(TypeError):
                ask(v(1.0))

    def test_iteration_is_recorded(self):
        x = v([1.0, 2.0, 3.0])
        total = 0
        for i, entry in enumerate(x):
            total += i * entry
        total.backward()
        same(x.grad, [0.0, 1.0, 2.0])

    def test_membership_is_by_value(self):
        assert 3.0 in v([3.0, 1.0])
        assert 2.0 not in v([3.0, 1.0])


class TestPlainNumbers:
    def test_truth(self):
        assert bool(v(2.0))
        assert not bool(v(0.0))
        assert not bool(v([0.0]))
        for ambiguous in ([], [0.0, 0.0], [1.0, 2.0]):
            with pytest.raises(ValueError, match="ambiguous"):
                bool(v(ambiguous))

    @pytest.mark.parametrize("convert", [float, int, complex])
    def test_a_value_with_a_gradient_does_not_turn_into_a_number(self, convert):
        for value in (v(1.5), v(1.5) * 2.0):
            with pytest.raises(DtypeError, match="item"):
                convert(value)
            with no_grad():
                assert convert(value) == convert(value.data)

    def test_a_constant_does(self):
        assert (float(const(2.5)), int(const(2.5)), complex(const(2.5))) == (2.5, 2, 2.5 + 0j)
        for convert in (float, int):
            with pytest.raises(TypeError):
                convert(const([1.0, 2.0]))

    def test_the_explicit_ways(self):
        x = v(2.5)
        assert type(x.item()) is float
        assert type(x.tolist()) is float
        assert (x * x).item() == 6.25
        assert v([[1.0, 2.0], [3.0, 4.0]]).tolist() == [[1.0, 2.0], [3.0, 4.0]]
        assert const([1, 2]).tolist() == [1, 2]
        with pytest.raises(ValueError, match="size 1"):
            v([1.0, 2.0]).item()

    def test_integers_are_indices(self):
        three = const(3)
        assert [10, 11, 12, 13][three] == 13
        assert list(range(three)) == [0, 1, 2]
        assert np.arange(5)[three] == 3
        for wrong in (const(1.0), const([1, 2])):
            with pytest.raises(TypeError):
                [10, 11][wrong]


class TestOperators:
    BINARY = [
        operator.add,
        operator.sub,
        operator.mul,
        operator.truediv,
        operator.pow,
        operator.floordiv,
        operator.mod,
        operator.eq,
        operator.ne,
        operator.lt,
        operator.le,
        operator.gt,
        operator.ge,
    ]

    @pytest.mark.parametrize("apply", BINARY)
    @pytest.mark.parametrize("other", [2, 2.0, True, np.float64(2.0), np.array(2.0), np.array([1.0, 2.0, 4.0]), np.array([[3], [2]])])
    def test_like_numpy_s_on_either_side(self, apply, other):
        data = np.array([1.0, 2.0, 3.0])
        x = Variable(data)
        same(apply(x, other), apply(data, other))
        same(apply(other, x), apply(other, data))
        if not isinstance(other, bool | int | float):
            same(apply(Variable(np.asarray(other)), x), apply(other, data))

    @pytest.mark.parametrize("apply", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow])
    @pytest.mark.parametrize("other", [2, 2.0, np.array([1.5, 2.0, 4.0])])
    def test_both_sides_have_derivatives(self, apply, other):
        data = np.array([1.0, 2.0, 3.0])
        h = 1e-6
        for call in (lambda x: apply(x, other), lambda x: apply(other, x)):
            x = Variable(data)
            F.sum(call(x)).backward()
            np.testing.assert_allclose(x.grad.data, (call(data + h) - call(data - h)) / (2 * h), rtol=1e-7)

    def test_matrix_products(self):
        a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
        for product in (Variable(a) @ b, a @ Variable(b), Variable(a) @ Variable(b)):
            same(product, a @ b)
        with pytest.raises(ShapeError, match="matmul"):
            Variable(a) @ a
        with pytest.raises((ShapeError, DtypeError)):
            Variable(a) @ 2.0

    def test_one_operand(self):
        x = v([-1.0, 2.0])
        same(-x, [1.0, -2.0])
        same(abs(x), [1.0, 2.0])
        same(+x, [-1.0, 2.0])
        assert +x is not x  # which is a copy in NumPy, to be written into

    @pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
    def test_python_numbers_leave_the_dtype(self, dtype):
        x = Variable(np.array([1.5, 2.5], dtype))
        for apply in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod):
            assert apply(x, 2).dtype == apply(2.0, x).dtype == np.dtype(dtype)
        assert (x * np.float64(2.0)).dtype == np.float64  # which is what NumPy does with its own numbers

    def test_integers(self):
        i = Variable(np.array([1, 2, 4]))
        same(i + i, [2, 4, 8])
        same(i / 2, [0.5, 1.0, 2.0])
        same(i**-1, [1.0, 0.5, 0.25])
        same(i // 3, [0, 0, 1])
        x = v([1.0, 1.0, 1.0])
        F.sum(i * x).backward()
        same(x.grad, [1.0, 2.0, 4.0])

    def test_augmented_assignment_changes_the_value_itself(self):
        x = v([1.0, 2.0])
        y = z = x * 1.0
        y += 1.0
        y *= y
        F.sum(z).backward()
        same(z, [4.0, 9.0])
        same(x, [1.0, 2.0])
        same(x.grad, [4.0, 6.0])

    def test_an_array_cannot_take_in_a_gradient_unseen(self):
        total = np.ones(2)
        with pytest.raises(NotImplementedError, match="a = a \\+ b"):
            total += v([1.0, 2.0])
        np.testing.assert_array_equal(total, [1.0, 1.0])

    @pytest.mark.parametrize("other", ["ab", object(), {}, {1.0, 2.0}])
    def test_what_is_no_number_is_refused(self, other):
        for apply in (operator.add, operator.mul, operator.truediv):
            with pytest.raises(TypeError):
                apply(v([1.0, 2.0]), other)
            with pytest.raises(TypeError):
                apply(other, v([1.0, 2.0]))

    def test_shapes_that_do_not_broadcast(self):
        for apply in (operator.add, operator.mul, operator.lt):
            with pytest.raises(ShapeError, match=r"\(2,\)(.|\n)*\(3,\)"):
                apply(v([1.0, 2.0]), np.ones(3))
            with pytest.raises(ShapeError, match=r"\(3,\)(.|\n)*\(2,\)"):
                apply(np.ones(3), v([1.0, 2.0]))

    def test_jax_arrays_on_either_side(self):
        jnp = pytest.importorskip("jax", reason="JAX is an optional extra").numpy
        x, a = Variable(jnp.asarray([1.0, 2.0])), jnp.asarray([3.0, 5.0])
        for apply in (operator.add, operator.sub, operator.mul, operator.truediv, operator.matmul, operator.lt):
            for left, right in ((x, a), (a, x)):
                out = apply(left, right)
                assert isinstance(out, Variable)
                plain = [side.data if isinstance(side, Variable) else side for side in (left, right)]
                np.testing.assert_array_equal(out.data, apply(*plain))

    def test_logic_of_booleans(self):
        x = v([1.0, 2.0, 3.0])
        same((x > 1) & (x < 3), [False, True, False])
        same((x > 2) | (x < 2), [True, False, True])
        same((x > 1) ^ (x < 3), [True, False, True])
        same(~(x > 1), [True, False, False])
        same(np.array([True, True, False]) & (x > 1), [False, True, False])

    def test_bits_of_integers_are_numpy_s_or_refused(self):
        data = np.array([1, 2, 4])
        i = Variable(data)
        for call in (lambda x: x & 3, lambda x: x | 8, lambda x: x ^ 1, operator.invert):
            try:
                out = call(i)
            except DtypeError:
                continue
            same(out, call(data))

    @pytest.mark.parametrize(
        "call",
        [lambda b, x: True & b, lambda b, x: False | b, lambda b, x: True ^ b, lambda b, x: divmod(x, 2.0)[1]],
    )
    def test_operators_that_numpy_has_too(self, call):
        b, x = np.array([True, False]), np.array([3.0, 4.5])
        same(call(Variable(b), Variable(x)), call(b, x))


class TestComparison:
    def test_is_elementwise_and_constant(self):
        x = v([1.0, 2.0])
        for out in (x == x, x != x, x < x, x >= x):
            assert out.dtype == np.bool_
            assert not out.requires_grad
        same(x == np.array([1.0, 0.0]), [True, False])
        same(np.array([1.0, 0.0]) == x, [True, False])

    def test_hash_is_by_identity(self):
        x, y = v(1.0), v(1.0)
        assert len({x, x, y}) == 2
        assert {x: "x", y: "y"}[x] == "x"

    def test_branches_may_depend_on_values(self):
        x = v(-3.0)
        y = x * x if x > 0 else -x
        y.backward()
        assert x.grad.item() == -1.0


class TestComplex:
    def test_computes_as_a_constant(self):
        c = Variable(np.array([3 + 4j, 1.0]))
        same(abs(c), [5.0, 1.0])
        same(c + 1, [4 + 4j, 2.0])
        same(c * np.array([2.0, 1j]), [6 + 8j, 1j])
        assert F.sum(c).item() == 4 + 4j

    def test_no_gradient_comes_out_of_it(self):
        x, c = v([1.0, 2.0]), np.array([1 + 2j, 3.0])
        with pytest.raises((DtypeError, NotImplementedError)):
            F.sum(abs(c * x)).backward()
        assert x.grad is None


class TestGradient:
    def test_is_checked(self):
        x = v([1.0, 2.0])
        with pytest.raises(ShapeError, match=r"\(2,\)"):
            x.grad = np.ones(3)
        for wrong in (np.ones(2, int), np.array(["a", "b"]), np.ones(2, complex)):
            with pytest.raises(DtypeError):
                x.grad = wrong
        x.grad = np.ones(2, np.float32)
        assert x.grad.dtype == np.float64
        x.grad = v([3.0, 4.0])
        same(x.grad, [3.0, 4.0])
        x.grad = None
        assert x.grad is None


class TestCopies:
    @pytest.mark.parametrize(
        "duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"]
    )
    def test_leaves_can_be_copied(self, duplicate):
        x = v([1.0, 2.0], name="x")
        x.grad = np.ones(2)
        y = duplicate(x)
        y.data[0] = 9.0
        same(x, [1.0, 2.0])
        same(y.grad, [1.0, 1.0])
        assert (y.name, y.requires_grad) == ("x", True)

    @pytest.mark.parametrize("duplicate", [copy.deepcopy, pickle.dumps])
    def test_recorded_values_say_why_they_cannot_be(self, duplicate):
        with pytest.raises(GraphError, match="detach"):
            duplicate(v([1.0, 2.0]) * 2.0)

    def test_detach(self):
        x = v([1.0, 2.0])
        y = x.detach()
        assert y.data is x.data
        assert not y.requires_grad
        assert (x * y).creator.inputs[0] is x


# Methods: each is a function of the same name, with NumPy's arguments

_MATRIX = np.random.default_rng(0).uniform(0.5, 2.0, (3, 4))
_METHODS = {
    "sum": [(), {"axis": 0}, {"axis": (0, 1)}, {"axis": -1, "keepdims": True}],
    "mean": [(), {"axis": 1}, {"axis": -1, "keepdims": True}],
    "prod": [(), {"axis": 1}, {"axis": 0, "keepdims": True}],
    "max": [(), {"axis": 1}, {"axis": 0, "keepdims": True}],
    "min": [(), {"axis": 1}, {"axis": 0, "keepdims": True}],
    "var": [(), {"axis": 1}, {"ddof": 1}, {"correction": 1}, {"axis": 0, "ddof": 2, "keepdims": True}],
    "std": [(), {"axis": 1}, {"ddof": 1}, {"correction": 1}, {"axis": 0, "ddof": 2, "keepdims": True}],
    "cumsum": [(), {"axis": 0}, {"axis": -1}],
    "cumprod": [(), {"axis": 0}, {"axis": -1}],
    "any": [(), {"axis": 0}, {"axis": (0, 1)}, {"axis": -1, "keepdims": True}],
    "all": [(), {"axis": 0}, {"axis": (0, 1)}, {"axis": -1, "keepdims": True}],
    "squeeze": [(), {"axis": ()}],
    "clip": [(0.7, 1.5), {"max": 1.5}, {"min": 0.7}],
    "dot": [(np.arange(4.0),)],
    "flatten": [()],
    "ravel": [()],
    "copy": [()],
    "astype": [(np.float32,), (np.int32,)],
    "repeat": [(2,), {"repeats": [1, 0, 2], "axis": 0}],
    "swapaxes": [(0, 1)],
    "trace": [(), {"offset": 1}],
    "diagonal": [(), {"offset": -1}],
    "argmax": [(), {"axis": 1}, {"axis": 0, "keepdims": True}],
    "argmin": [(), {"axis": 1}, {"axis": 0, "keepdims": True}],
    "argsort": [(), {"axis": 0}, {"axis": None}],
    "take": [([0, 0, 5],), (1,), {"indices": [-1, 0], "axis": 1}, {"indices": np.array([[0, 1]]), "axis": 0}],
    "nonzero": [()],
    "tolist": [()],
    "round": [(), (1,)],
    "reshape": [(4, 3), ((2, 6),), (-1,)],
    "transpose": [(), (1, 0), ((1, 0),), (None,)],
}
_CALLS = [
    pytest.param(name, given if isinstance(given, tuple) else (), given if isinstance(given, dict) else {}, id=f"{name}-{i}")
    for name, calls in _METHODS.items()
    for i, given in enumerate(calls)
]


def _ours(name, options):
    """NumPy's options, where its methods do not know ours."""
    return {{"correction": "ddof"}.get(key, key): value for key, value in options.items()} if name in ("var", "std") else options


class TestMethods:
    @pytest.mark.parametrize(("name", "args", "options"), _CALLS)
    def test_like_numpy_s(self, name, args, options):
        got = getattr(Variable(_MATRIX), name)(*args, **options)
        expected = getattr(_MATRIX, name)(*args, **_ours(name, options))
        if name == "tolist":
            assert got == expected
            return
        for g, e in zip(got, expected, strict=True) if isinstance(expected, tuple) else [(got, expected)]:
            assert isinstance(g, Variable)
            assert g.dtype == np.asarray(e).dtype
            np.testing.assert_allclose(g.data, e, rtol=1e-14, strict=True)

    @pytest.mark.parametrize(
        ("name", "args", "options"),
        [c for c in _CALLS if c.values[0] not in ("any", "all", "argmax", "argmin", "argsort", "nonzero", "tolist", "round")],
    )
    def test_recorded_like_the_function(self, name, args, options):
        x, y = Variable(_MATRIX), Variable(_MATRIX)
        out = getattr(x, name)(*args, **options)
        if not np.issubdtype(out.dtype, np.floating):
            assert not out.requires_grad
            return
        weights = np.random.default_rng(1).uniform(0.5, 1.5, out.shape).astype(out.dtype)
        F.sum(out * weights).backward()
        function = F.ravel if name == "flatten" else getattr(F, name)
        if name == "reshape":
            args = (args[0] if isinstance(args[0], tuple) else args,)
        if name == "transpose":
            args, options = (), {}
        options = {{"ddof": "correction"}.get(key, key): value for key, value in options.items()}
        F.sum(function(y, *args, **options) * weights).backward()
        np.testing.assert_array_equal(x.grad.data, y.grad.data)
        assert np.any(x.grad.data)

    def test_argsort_descending(self):
        same(v([3.0, 1.0, 2.0]).argsort(descending=True), [0, 2, 1])

    @pytest.mark.parametrize("name", ["var", "std"])
    def test_correction_has_two_names(self, name):
        x = Variable(_MATRIX)
        np.testing.assert_array_equal(getattr(x, name)(ddof=1).data, getattr(x, name)(correction=1).data)
        np.testing.assert_array_equal(getattr(x, name)(ddof=1, correction=1).data, getattr(x, name)(ddof=1).data)
        for both in ({"ddof": 1, "correction": 0}, {"ddof": 0, "correction": 1}):
            with pytest.raises(InputError, match=r"names of one number(.|\n)*Fix"):
                getattr(x, name)(**both)

    def test_of_integers(self):
        i = Variable(np.array([[3, 1], [2, 4]]))
        same(i.sum(), 10)
        same(i.mean(), 2.5)
        same(i.cumprod(), [3, 3, 6, 24])
        same(i.take([0, 3]), [3, 4])
        same(i.max(axis=0), [3, 4])
        same(i.astype(float), [[3.0, 1.0], [2.0, 4.0]])
        assert not i.astype(float).requires_grad

    def test_of_booleans(self):
        b = v([1.0, 2.0, 3.0]) > 1.5
        assert (b.sum().item(), bool(b.any()), bool(b.all())) == (2, True, False)
        same(b.nonzero()[0], [1, 2])

    @pytest.mark.parametrize(
        ("call", "error", "says"),
        [
            (lambda x: x.reshape(5, 5), ShapeError, "reshape"),
            (lambda x: x.transpose(0, 0), ShapeError, "permute_dims"),
            (lambda x: x.sum(axis=2), Exception, "axis 2"),
            (lambda x: x.take([99]), IndexError, "99"),
            (lambda x: x.take([0], axis=5), IndexError, "axis 5"),
            (lambda x: x.cumprod(axis=2), ShapeError, "axis 2"),
            (lambda x: x[7], IndexError, "7"),
            (lambda x: x[0, 0, 0], IndexError, "too many"),
            (lambda x: x.dot(np.ones(3)), ShapeError, "dot|matmul"),
            (lambda x: x.squeeze(axis=0), ShapeError, "squeeze"),
            (lambda x: x.no_such_method(), AttributeError, "no_such_method"),
        ],
    )
    def test_what_they_refuse(self, call, error, says):
        with pytest.raises(error, match=says):
            call(Variable(_MATRIX))

    @pytest.mark.parametrize(("name", "args", "options"), _CALLS)
    def test_jax_arrays_stay_jax_arrays(self, name, args, options):
        jax = pytest.importorskip("jax", reason="JAX is an optional extra")
        matrix = _MATRIX.astype(np.float32)
        args = tuple(jax.numpy.asarray(a) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in args)
        got = getattr(Variable(jax.numpy.asarray(matrix)), name)(*args, **options)
        expected = getattr(matrix, name)(*[np.asarray(a) if isinstance(a, jax.Array) else a for a in args], **_ours(name, options))
        if name == "tolist":
            assert got == expected
            return
        for g, e in zip(got, expected, strict=True) if isinstance(expected, tuple) else [(got, expected)]:
            assert isinstance(g.data, jax.Array)
            np.testing.assert_allclose(g.data, e, rtol=1e-5)
            assert g.shape == np.shape(e)

    def test_every_method_is_tried(self):
        fine = {
            "argpartition", "backward", "choose", "cleargrad", "compress", "conj", "conjugate", "detach", "item", "leaf",
            "matmul", "searchsorted", "to_device", "tobytes", "unchain", "unchain_backward",
            "fill", "partition", "put", "sort",  # these write: tests/test_views.py
        }  # fmt: skip
        methods = {name for name in dir(Variable) if not name.startswith("_") and callable(getattr(Variable, name))}
        assert methods - fine == set(_METHODS)
