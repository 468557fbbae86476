"""grad and its kin: what goes in and out, nesting, structures, errors, and agreement with JAX."""

import gc
import tracemalloc
from collections import namedtuple

import numpy as np
import pytest

import wengert
from wengert import (
    Function,
    Variable,
    checkpoint,
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    stop_gradient,
    value_and_grad,
    vjp,
)
from wengert import functions as F
from wengert.errors import DtypeError, GraphError, InputError, ShapeError

A = np.array
X = A([0.3, 0.7, -1.1])


@pytest.fixture
def jax():
    """JAX, in double precision."""
    jax = pytest.importorskip("jax", reason="JAX is an optional extra")
    with jax.enable_x64(True):
        yield jax


def close(got, expected, rtol=1e-12, atol=1e-12):
    """The same structure, and close to the last digits."""
    if isinstance(expected, dict):
        assert list(got) == list(expected)
        got, expected = list(got.values()), list(expected.values())
    if isinstance(expected, tuple | list):
        assert len(got) == len(expected)
        for g, e in zip(got, expected, strict=True):
            close(g, e, rtol, atol)
        return
    got = got.data if isinstance(got, Variable) else got
    assert np.shape(got) == np.shape(expected)
    np.testing.assert_allclose(np.asarray(got), np.asarray(expected), rtol=rtol, atol=atol)


def leaves(tree):
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [leaf for part in tree for leaf in leaves(part)] if isinstance(tree, tuple | list) else [tree]


def scalar(x):
    return F.sum(F.exp(x) * F.sin(x)) + F.prod(x)


def vector(x):
    return F.tanh(x[::-1] * x + F.sum(x)) * x * x


# Every transformation as a function of x, all of them of the scalar function or the vector function above
EACH = {
    "grad": lambda x: grad(scalar)(x),
    "value_and_grad": lambda x: value_and_grad(scalar)(x),
    "elementwise_grad": lambda x: elementwise_grad(F.tanh)(x),
    "vjp": lambda x: vjp(vector, x)[1](x),
    "jvp": lambda x: jvp(vector, (x,), (x,)),
    "jacobian": lambda x: jacobian(vector)(x),
    "jacobian of more rows": lambda x: jacobian(lambda u: F.concatenate([u, vector(u)]))(x),
    "hessian": lambda x: hessian(scalar)(x),
    "hvp": lambda x: hvp(scalar, (x,), (x,)),
    "checkpoint": lambda x: grad(lambda u: F.sum(checkpoint(vector)(u)))(x),
}
each = pytest.mark.parametrize("transform", EACH.values(), ids=EACH)


class TestInAndOut:
    @each
    def test_arrays_give_arrays(self, transform):
        for out in leaves(transform(X)):
            assert type(out) is np.ndarray

    @each
    def test_variables_give_variables(self, transform):
        plain = transform(X)
        out = transform(Variable(X))
        assert all(isinstance(leaf, Variable) for leaf in leaves(out))
        close(out, plain)

    @each
    def test_what_variables_give_is_on_the_tape(self, transform):
        x, h = Variable(X), 1e-6
        weights = [np.random.default_rng(1).uniform(0.5, 1.5, np.shape(leaf)) for leaf in leaves(transform(X))]

        def total(x):
            return sum(F.sum(leaf * w) for leaf, w in zip(leaves(transform(x)), weights, strict=True))

        total(x).backward()
        steps = h * np.eye(3)
        numeric = [(total(X + step).item() - total(X - step).item()) / (2 * h) for step in steps]
        np.testing.assert_allclose(x.grad.data, numeric, rtol=1e-6, atol=1e-7)

    @each
    def test_dtype_is_kept(self, transform):
        assert all(leaf.dtype == np.float32 for leaf in leaves(transform(X.astype(np.float32))))

    @each
    def test_jax_arrays_stay_jax_arrays(self, transform, jax):
        out = transform(jax.numpy.asarray(X))
        assert all(isinstance(leaf, jax.Array) for leaf in leaves(out))
        close(out, transform(X))

    @each
    def test_inside_no_grad_as_outside(self, transform):
        with no_grad():
            inside = transform(X)
            assert not wengert.core.modes.current_config().enable_backprop
        close(inside, transform(X), rtol=0, atol=0)

    @each
    def test_inputs_are_not_changed_nor_given_a_gradient(self, transform):
        x, data = Variable(X.copy()), X.copy()
        x.grad = np.full(3, 7.0)
        transform(x)
        transform(data)
        np.testing.assert_array_equal(x.grad.data, [7.0] * 3)
        np.testing.assert_array_equal(x.data, X)
        np.testing.assert_array_equal(data, X)

    @each
    def test_leaves_no_garbage(self, transform):
        transform(X)
        gc.collect()
        gc.disable()
        try:
            transform(X)
            assert gc.collect() == 0
        finally:
            gc.enable()

    @each
    def test_compiled_by_jax(self, transform, jax):
        close(jax.jit(transform)(jax.numpy.asarray(X)), transform(X))

    def test_python_numbers_are_scalars(self):
        out = grad(lambda x: x**3)(2.0)
        assert type(out) is np.ndarray
        assert (out.shape, out.dtype, float(out)) == ((), np.float64, 12.0)

    def test_a_variable_among_the_other_arguments_counts(self):
        w = Variable(A(3.0))
        g = grad(lambda x, w: x * x * w)(2.0, w)
        assert isinstance(g, Variable)
        g.backward()
        assert w.grad.item() == 4.0
        assert isinstance(grad(lambda x, *, w: x * w)(2.0, w=w), Variable)

    def test_a_constant_variable_is_differentiated_too(self):
        x = Variable(A(3.0), requires_grad=False)
        assert grad(lambda x: x * x)(x).item() == 6.0
        assert x.grad is None

    def test_one_variable_as_two_arguments(self):
        x = Variable(A(3.0))
        close(grad(lambda a, b: a * b * b, (0, 1))(x, x), (9.0, 18.0))

    def test_variables_from_outside_keep_their_gradient(self):
        w = Variable(A(3.0))
        w.grad = A(7.0)
        close(grad(lambda x: x * w * w)(2.0), 9.0)
        assert w.grad.item() == 7.0

    def test_names_and_docstrings_are_the_function_s(self):
        for transform in (grad, value_and_grad, elementwise_grad, jacobian, hessian, checkpoint):
            assert transform(F.tanh).__name__ == "tanh"

    def test_what_comes_out_may_be_written_into(self):
        seed = np.ones(2)
        _, pull = vjp(lambda x: x, A([1.0, 2.0]))
        (g,) = pull(seed)
        g[0] = 99.0
        np.testing.assert_array_equal(seed, 1.0)
        np.testing.assert_array_equal(pull(seed)[0], 1.0)


class TestValues:
    def test_numpy_functions_are_recorded(self):
        close(grad(lambda x: np.sum(np.sin(x) * np.cos(x)))(X), np.cos(2 * X))

    def test_python_s_control_flow(self):
        def f(x):
            y = x
            while y < 10:
                y = y * x
            return y if x > 2 else -y

        close([grad(f)(x) for x in (1.5, 2.0, 3.0)], [-6 * 1.5**5, -4 * 2.0**3, 3 * 3.0**2])

    def test_values_come_with_gradients(self):
        close(value_and_grad(lambda x, y: x * y, (0, 1))(2.0, 3.0), (6.0, (3.0, 2.0)))
        value, gradient = value_and_grad(lambda x, y: x * y)(2.0, 3.0)
        close((value, gradient), (6.0, 3.0))

    def test_keywords_are_passed_on(self):
        close(grad(lambda x, *, power: x**power)(2.0, power=3), 12.0)
        close(jacobian(lambda x, *, power: x**power)(A([2.0]), power=3), [[12.0]])
        close(hessian(lambda x, *, power: x**power)(2.0, power=3), 12.0)

    def test_what_is_ignored_has_gradient_zero(self):
        close(grad(lambda x, y: x * x, (0, 1))(2.0, X), (4.0, np.zeros(3)))
        close(jacobian(lambda x, y: x * x, 1, allow_unused=True)(A([2.0]), X), np.zeros((1, 3)))
        close(hessian(lambda x, y: x * x, (0, 1))(2.0, 3.0), ((2.0, 0.0), (0.0, 0.0)))
        close(vjp(lambda x, y: x * 2.0, 1.0, X)[1](1.0), (2.0, np.zeros(3)))
        close(jvp(lambda x, y: x * 2.0, (1.0, X), (3.0, X)), (2.0, 6.0))
        close(hvp(lambda x, y: x * x, (A(1.0), X), (A(3.0), X)), (6.0, np.zeros(3)))

    @pytest.mark.parametrize("constant", [3.0, 3, A(3.0), np.float32(3), Variable(A(3.0))])
    def test_constant_results_have_gradient_zero_where_asked_for(self, constant):
        f = lambda x: constant  # noqa: E731
        close(grad(f, allow_unused=True)(X), np.zeros(3))
        close(value_and_grad(f, allow_unused=True)(X), (3.0, np.zeros(3)))
        close(elementwise_grad(f, allow_unused=True)(X), np.zeros(3))
        close(jacobian(f, allow_unused=True)(X), np.zeros(3))
        close(hessian(f, allow_unused=True)(X), np.zeros((3, 3)))
        close(vjp(f, X, allow_unused=True)[1](A(1.0)), (np.zeros(3),))
        close(jvp(f, (X,), (X,), allow_unused=True), (3.0, 0.0))
        close(hvp(f, (X,), (X,), allow_unused=True), (np.zeros(3),))

    def test_linear_functions_have_no_second_derivative(self):
        close(hessian(F.sum)(X), np.zeros((3, 3)))
        close(hvp(F.sum, (X,), (X,)), (np.zeros(3),))
        close(grad(grad(lambda x: 3.0 * x))(2.0), 0.0)

    def test_results_without_a_derivative(self):
        close(grad(lambda x: x > 1.0, allow_unused=True)(2.0), 0.0)
        close(jacobian(lambda x: x > 0.5, allow_unused=True)(X), np.zeros((3, 3)))
        close(jacobian(F.argmax, allow_unused=True)(X), np.zeros(3))

    def test_nan_and_infinity_pass_through(self):
        close(grad(lambda x: F.sum(x * x))(A([np.nan, 1.0, np.inf])), [np.nan, 2.0, np.inf])
        close(jacobian(lambda x: x * x)(A([np.nan])), [[np.nan]])

    def test_empty_arrays(self):
        empty = np.zeros(0)
        close(grad(F.sum)(empty), empty)
        close(jacobian(lambda x: x * 2.0)(empty), np.zeros((0, 0)))
        close(jacobian(lambda x: x[:0])(X), np.zeros((0, 3)))
        close(jacobian(F.sum)(empty), empty)
        close(hessian(F.sum)(empty), np.zeros((0, 0)))

    def test_shapes_of_jacobians(self):
        close(jacobian(lambda x: x * x)(3.0), 6.0)
        assert jacobian(lambda x: x @ np.ones((2, 3)))(np.ones((4, 2))).shape == (4, 3, 4, 2)
        assert jacobian(lambda x: F.stack([x, x, x]))(np.ones((4, 2))).shape == (3, 4, 2, 4, 2)
        assert jacobian(F.sum)(np.ones((4, 2))).shape == (4, 2)
        assert hessian(lambda x: F.sum(x * x))(np.ones((2, 3))).shape == (2, 3, 2, 3)

    def test_rows_and_columns_agree(self):
        tall = lambda x: F.concatenate([F.sin(x), x * x, F.reshape(F.sum(x), (1,))])  # noqa: E731 (by columns)
        by_rows = np.stack([grad(lambda x, i=i: tall(x)[i])(X) for i in range(7)])
        close(jacobian(tall)(X), by_rows)

    def test_assignment_inside(self):
        def f(x):
            y = x.copy()
            y[0] = y[1] * y[2]
            return F.sum(y * y)

        close(grad(f)(A([5.0, 2.0, 3.0])), [0.0, 2 * 6 * 3 + 4, 2 * 6 * 2 + 6])

        def g(x):
            y = x
            y *= 2.0
            return F.sum(y)

        close(grad(g)(X), [2.0] * 3)

    def test_arguments_may_be_written_into(self):
        def f(x):
            x[0] = x[1] * x[2]
            x *= 2.0
            return F.sum(x * x)

        at, expected = A([5.0, 2.0, 3.0]), [0.0, 8 * 6 * 3 + 16, 8 * 6 * 2 + 24]
        for given in (at, Variable(at)):
            close(grad(f)(given), expected)
            close(vjp(f, given)[1](1.0)[0], expected)
            close(jvp(f, (given,), (A([1.0, 2.0, 3.0]),))[1], np.dot(expected, [1.0, 2.0, 3.0]))
            close(hessian(f)(given), [[0, 0, 0], [0, 8 * 9 + 8, 8 * 12], [0, 8 * 12, 8 * 4 + 8]])
            close(grad(lambda x: F.sum(checkpoint(lambda u: f(u) * 1.0)(x)))(given), expected)
        np.testing.assert_array_equal(at, [5.0, 2.0, 3.0])

    def test_backward_inside(self):
        """What happens inside on leaves of its own is nobody else's business."""

        def f(x):
            w = Variable(A(3.0))
            (w * w).backward()
            return x * w.grad

        close(grad(f)(2.0), 6.0)

    def test_recording_may_be_off_inside(self):
        def f(x):
            with no_grad():
                factor = x * x
            return x * factor

        close(grad(f)(3.0), 9.0)


class TestNesting:
    def test_to_order_four(self):
        close(grad(grad(grad(grad(lambda x: x**5))))(2.0), 240.0)
        close(grad(grad(grad(grad(F.sin))))(0.5), np.sin(0.5))
        close(elementwise_grad(elementwise_grad(elementwise_grad(elementwise_grad(F.tanh))))(1.0), 0.665091, rtol=1e-5)

    def test_values_at_every_level(self):
        close(value_and_grad(lambda x: value_and_grad(lambda y: y**3)(x)[1])(2.0), (12.0, 12.0))
        close(grad(lambda x: value_and_grad(lambda y: y**3)(x)[0])(2.0), 12.0)

    @pytest.mark.parametrize(
        ("f", "at", "expected"),
        [
            (lambda x: x * grad(lambda y: x * y)(1.0), 2.0, 4.0),
            (lambda x: x * grad(lambda y: x + y)(1.0), 1.0, 1.0),
            (lambda x: grad(lambda y: x * y * y)(3.0) * x, 2.0, 24.0),
            (lambda x: x * jvp(lambda y: x * y, (1.0,), (1.0,))[1], 2.0, 4.0),
            (lambda x: x * vjp(lambda y: x * y, 1.0)[1](1.0)[0], 2.0, 4.0),
            (lambda x: F.sum(jacobian(lambda y: x * y)(np.ones(2))), 2.0, 2.0),
            (lambda x: grad(lambda y: stop_gradient(x) * y)(1.0) * x, 3.0, 3.0),
            (lambda x: grad(lambda x: x * x)(x) * x, 3.0, 12.0),
        ],
    )
    def test_each_derivative_is_in_its_own_variable(self, f, at, expected):
        """No perturbation is taken for another's."""
        close(grad(f)(at), expected)

    @pytest.mark.parametrize(
        ("f", "expected"),
        [
            (lambda x: value_and_grad(lambda y: x + y)(1.0)[0], 1.0),
            (lambda x: vjp(lambda y: x * y, 5.0)[0], 5.0),
            (lambda x: jvp(lambda y: x + y, (1.0,), (1.0,))[0], 1.0),
            (lambda x: jvp(lambda y: y**3, (2.0,), (x,))[1], 12.0),
            (lambda x: vjp(lambda y: y**3, 2.0)[1](x)[0], 12.0),
            (lambda x: grad(lambda y: F.sum(F.stack([y, x]) * F.stack([x, y])))(1.0), 2.0),
            (lambda x: grad(lambda y: Product()(x, y))(1.0), 1.0),
            (lambda x: F.sum(hessian(lambda y: x * x * F.sum(y * y))(np.ones(2))), 16.0),
            (lambda x: hvp(lambda y: x * x * y * y, (A(1.0),), (A(1.0),))[0], 8.0),
            (lambda x: grad(lambda y: grad(lambda z: x * y * z)(1.0))(2.0), 1.0),
            (lambda x: x * grad(lambda y: grad(lambda z: y * z * z)(x))(3.0), 8.0),
        ],
        ids=["value", "value-vjp", "value-jvp", "tangent", "cotangent", "stack", "Function", "hessian", "hvp", "three", "three-passed"],
    )
    def test_what_reaches_an_enclosing_variable_directly(self, f, expected):
        close(grad(f)(2.0), expected)

    def test_derivative_of_hvp_in_its_tangent_is_the_hessian(self):
        close(jacobian(lambda v: hvp(scalar, (X,), (v,))[0])(X), hessian(scalar)(X))

    def test_derivative_in_a_tangent_is_the_jacobian(self):
        j = jacobian(vector)(X)
        close(jacobian(lambda v: jvp(vector, (X,), (v,))[1])(X), j)
        close(jacobian(lambda v: vjp(vector, X)[1](v)[0])(X), j.T)

    def test_forms_of_one_derivative(self):
        v = A([0.2, -0.5, 1.3])
        j, h = jacobian(vector)(X), hessian(scalar)(X)
        close(jvp(vector, (X,), (v,))[1], j @ v)
        close(vjp(vector, X)[1](v)[0], v @ j)
        close(hvp(scalar, (X,), (v,))[0], h @ v)
        close(jacobian(grad(scalar))(X), h)
        close(h, h.T)
        close(jvp(grad(scalar), (X,), (v,))[1], h @ v)
        close(grad(lambda x: F.sum(grad(scalar)(x) * v))(X), h @ v)
        close(grad(lambda x: jvp(scalar, (x,), (v,))[1])(X), h @ v)
        close(vjp(grad(scalar), X)[1](v)[0], v @ h)
        close(jvp(lambda x: jvp(scalar, (x,), (v,))[1], (X,), (v,))[1], v @ h @ v)
        close(elementwise_grad(F.tanh)(X), np.diag(jacobian(F.tanh)(X)))

    def test_mixed_to_order_four(self):
        v = A([0.2, -0.5, 1.3])
        third = jacobian(hessian(scalar))(X)
        fourth = jacobian(jacobian(jacobian(grad(scalar))))(X)
        close(fourth, jacobian(jacobian(hessian(scalar)))(X))
        close(fourth, fourth.transpose(3, 1, 0, 2))
        close(jvp(hessian(scalar), (X,), (v,))[1], third @ v)
        close(hessian(lambda x: hvp(scalar, (x,), (v,))[0] @ v)(X), np.einsum("abcd,c,d->ab", fourth, v, v))
        close(hvp(lambda x: F.sum(hvp(scalar, (x,), (v,))[0] * v), (X,), (v,))[0], np.einsum("abcd,b,c,d->a", fourth, v, v, v))
        close(grad(lambda x: F.sum(hessian(scalar)(x) * np.outer(v, v)))(X), third @ v @ v)
        close(jacobian(lambda x: vjp(grad(scalar), x)[1](v)[0])(X), third @ v)

    def test_a_pullback_may_be_used_later_and_again(self):
        _, pull = vjp(vector, X)
        close(pull(X * 2.0), (2.0 * pull(X)[0],))
        close(grad(lambda x: vjp(lambda y: x * y * y, x)[1](1.0)[0])(3.0), 12.0)

    def test_functions_written_as_classes(self):
        close(grad(grad(lambda x: Product()(x, x * x)))(2.0), 12.0)
        close(jacobian(lambda x: Product()(x, x))(X), np.diag(2 * X))

    def test_jax_around_and_inside(self, jax):
        close(jax.grad(lambda x: grad(lambda y: y**3)(x))(2.0), 12.0)
        close(jax.vmap(grad(F.tanh))(jax.numpy.asarray(X)), 1 - np.tanh(X) ** 2)


class Product(Function):
    def forward(self, x, y):
        return x * y

    def backward(self, g):
        x, y = self.inputs
        return g * y, g * x


Point = namedtuple("Point", "x y")


class TestStructures:
    PARAMETERS = {"w": A([1.0, 2.0]), "layers": [(A(3.0), A([4.0])), A([[5.0, 6.0]])]}

    @staticmethod
    def loss(p):
        (a, b), c = p["layers"]
        return F.sum(p["w"] * p["w"]) * a + F.sum(b * c)

    def test_gradients_have_the_structure_of_the_argument(self):
        expected = {"w": A([6.0, 12.0]), "layers": [(A(5.0), A([11.0])), A([[4.0, 4.0]])]}
        got = grad(self.loss)(self.PARAMETERS)
        close(got, expected)
        assert isinstance(got["layers"], list)
        assert isinstance(got["layers"][0], tuple)

    def test_several_structures(self):
        close(grad(lambda a, b: a["x"] * b[0], (0, 1))({"x": 2.0}, [3.0]), ({"x": 3.0}, [2.0]))

    def test_named_tuples(self):
        got = grad(lambda p: p.x * p.y)(Point(2.0, 3.0))
        assert isinstance(got, Point)
        close(got, (3.0, 2.0))

    def test_lists_of_numbers(self):
        close(grad(lambda x: x[0] * x[1])([2.0, 3.0]), [3.0, 2.0])

    def test_empty_structures(self):
        assert grad(lambda x: A(1.0))({}) == {}
        assert grad(lambda x, y: y * y, (0, 1))((), 3.0)[0] == ()

    def test_variables_inside(self):
        out = grad(lambda p: p["a"] * p["b"])({"a": Variable(A(2.0)), "b": 3.0})
        assert all(isinstance(leaf, Variable) for leaf in out.values())
        close(out, {"a": 3.0, "b": 2.0})

    def test_jacobians_nest_output_over_argument(self):
        out = jacobian(lambda d: [d["a"] * d["b"], (F.sum(d["a"]),)])({"a": A([1.0, 2.0]), "b": A([3.0])})
        close(
            out,
            [
                {"a": 3.0 * np.eye(2), "b": A([[1.0], [2.0]])},
                ({"a": A([1.0, 1.0]), "b": A([0.0])},),
            ],
        )

    def test_hessians_nest_argument_over_argument(self):
        out = hessian(lambda p: p["a"] ** 2 * p["b"])({"a": 2.0, "b": 3.0})
        close(out, {"a": {"a": 6.0, "b": 4.0}, "b": {"a": 4.0, "b": 0.0}})

    def test_vjp_and_jvp(self):
        f = lambda d: {"product": d["a"] * d["b"], "more": (F.sum(d["a"]), 1.0)}  # noqa: E731
        given = {"a": A([1.0, 2.0]), "b": A([3.0, 4.0])}
        value, pull = vjp(f, given)
        close(value, {"product": A([3.0, 8.0]), "more": (3.0, 1.0)})
        (g,) = pull({"product": np.ones(2), "more": (10.0, 0.0)})
        close(g, {"a": A([13.0, 14.0]), "b": A([1.0, 2.0])})
        value, tangent = jvp(f, (given,), ({"a": np.ones(2), "b": np.zeros(2)},))
        close(tangent, {"product": A([3.0, 4.0]), "more": (2.0, 0.0)})

    def test_hvp(self):
        f = lambda d: F.sum(d["a"] ** 2 * d["b"])  # noqa: E731
        given, along = {"a": A([2.0]), "b": A([3.0])}, {"a": A([1.0]), "b": A([0.5])}
        close(hvp(f, (given,), (along,)), ({"a": A([8.0]), "b": A([4.0])},))

    def test_stop_gradient(self):
        out = stop_gradient({"a": Variable(X), "b": [1.0, (Variable(X) * 2.0,)], "c": X})
        assert not out["a"].requires_grad
        assert out["b"][1][0].creator is None
        assert out["b"][0] == 1.0
        assert out["c"] is X

    def test_gradients_of_structures_are_differentiable(self):
        def penalty(p):
            return sum(F.sum(g * g) for g in leaves(grad(self.loss)(p)))

        p, h = {"w": A([1.0, 2.0]), "layers": [(A(3.0), A([4.0])), A([[5.0, 6.0]])]}, 1e-6
        got = grad(penalty)(p)["w"][0]
        above, below = ({**p, "w": A([1.0 + t, 2.0])} for t in (h, -h))
        np.testing.assert_allclose(got, (penalty(above) - penalty(below)).item() / (2 * h), rtol=1e-8)


class TestArgnums:
    F = staticmethod(lambda a, b: a * b * b)

    @pytest.mark.parametrize(
        ("argnums", "expected"),
        [(0, 9.0), (1, 12.0), (-1, 12.0), (-2, 9.0), ((0,), (9.0,)), ((1, 0), (12.0, 9.0)), ([0, -1], (9.0, 12.0)), ((), ())],
    )
    def test_name_the_arguments(self, argnums, expected):
        close(grad(self.F, argnums)(2.0, 3.0), expected)
        close(value_and_grad(self.F, argnums)(2.0, 3.0), (18.0, expected))
        close(elementwise_grad(self.F, argnums)(2.0, 3.0), expected)
        close(jacobian(self.F, argnums)(2.0, 3.0), expected)

    def test_of_hessians(self):
        close(hessian(self.F, 1)(2.0, 3.0), 4.0)
        close(hessian(self.F, (0, 1))(2.0, 3.0), ((0.0, 6.0), (6.0, 4.0)))

    @pytest.mark.parametrize("argnums", [2, -3, (0, 2)])
    def test_out_of_range(self, argnums):
        for transform in (grad, value_and_grad, elementwise_grad, jacobian, hessian):
            with pytest.raises(InputError, match="2 positional arguments"):
                transform(self.F, argnums)(2.0, 3.0)

    def test_keywords_are_not_counted(self):
        with pytest.raises(InputError, match="0 positional"):
            grad(self.F)(a=2.0, b=3.0)

    def test_other_arguments_may_be_anything(self):
        close(grad(lambda x, mode, n, none: x**n if mode == "power" and none is None else x)(2.0, "power", 3, None), 12.0)

    @pytest.mark.parametrize("argnums", [(0, 0), (0, -2)])
    def test_an_argument_named_twice(self, argnums):
        try:
            got = grad(self.F, argnums)(2.0, 3.0)
        except InputError:
            return
        close(got, (9.0, 9.0))

    def test_numpy_s_integers(self):
        close(grad(self.F, np.int64(1))(2.0, 3.0), 12.0)


class TestErrors:
    @pytest.mark.parametrize("f", [lambda x: x, lambda x: F.reshape(F.sum(x), (1,)), lambda x: F.stack([x, x])])
    def test_gradients_are_of_scalars(self, f):
        for transform in (grad, value_and_grad, hessian):
            with pytest.raises(ShapeError, match=r"must return a scalar(.|\n)*it returned +\((.|\n)*jacobian"):
                transform(f)(X)
        with pytest.raises(ShapeError, match="must return a scalar"):
            hvp(f, (X,), (X,))

    @pytest.mark.parametrize("f", [lambda x: (x, x), lambda x: {"a": x, "b": x}, lambda x: ()])
    def test_gradients_are_of_one_result(self, f):
        for transform in (grad, value_and_grad, elementwise_grad):
            with pytest.raises(ShapeError, match="must return one array, and returned [02]"):
                transform(f)(2.0)

    @pytest.mark.parametrize("result", [None, "text", object(), [1.0, None]])
    def test_results_are_arrays(self, result):
        for transform in (grad, jacobian, lambda f: lambda x: vjp(f, x), lambda f: lambda x: jvp(f, (x,), (x,))):
            with pytest.raises(DtypeError, match="must return arrays"):
                transform(lambda x: result)(2.0)

    @pytest.mark.parametrize("wrong", [3, True, A([1, 2]), A([True]), A([1j]), Variable(A([1, 2])), None, "text", {"a": 1}])
    def test_arguments_are_of_floating_point(self, wrong):
        f = lambda x: 0.0  # noqa: E731
        for call in (
            lambda: grad(f)(wrong),
            lambda: value_and_grad(f)(wrong),
            lambda: elementwise_grad(f)(wrong),
            lambda: jacobian(f)(wrong),
            lambda: hessian(f)(wrong),
            lambda: vjp(f, wrong),
            lambda: jvp(f, (wrong,), (wrong,)),
            lambda: hvp(f, (wrong,), (wrong,)),
        ):
            with pytest.raises(DtypeError, match=r"floating point(.|\n)*argnums"):
                call()

    def test_integers_may_be_arguments_that_are_not_differentiated(self):
        close(grad(lambda x, i: F.sum(x[i]))(X, A([0, 0, 2])), [2.0, 0.0, 1.0])

    @pytest.mark.parametrize("cotangent", [1.0, np.ones(2), np.ones((1, 3)), (np.ones(3), np.ones(3)), ()])
    def test_cotangents_have_the_shape_of_the_result(self, cotangent):
        _, pull = vjp(vector, X)
        with pytest.raises(ShapeError, match=r"cotangent(.|\n)*wanted \(3,\)"):
            pull(cotangent)

    @pytest.mark.parametrize("tangents", [(1.0,), (np.ones(2),), (np.ones(3), np.ones(3)), ()])
    def test_tangents_have_the_shapes_of_the_arguments(self, tangents):
        with pytest.raises(ShapeError, match=r"tangent(.|\n)*wanted \(3,\)"):
            jvp(vector, (X,), tangents)
        with pytest.raises(ShapeError, match=r"tangent(.|\n)*wanted \(3,\)"):
            hvp(scalar, (X,), tuple(np.asarray(t) for t in tangents))

    def test_tangents_may_be_numbers(self):
        close(jvp(lambda x: x**3, (2.0,), (1.0,))[1], 12.0)
        close(hvp(lambda x: x**3, (2.0,), (1.0,)), (12.0,))

    def test_tangents_have_the_dtype_of_the_result(self):
        value, tangent = jvp(lambda x: x * x, (X.astype(np.float32),), (X,))
        assert value.dtype == tangent.dtype == np.float32

    def test_primals_are_a_sequence(self):
        with pytest.raises((DtypeError, InputError), match="primals"):
            jvp(lambda x: x * x, A([2.0]), A([1.0]))

    def test_no_gradient_comes_out_of_complex_numbers(self):
        c = A([1 + 2j, 3.0, 1j])
        for transform in (grad, lambda f: lambda x: vjp(f, x)[1](1.0), lambda f: lambda x: hvp(f, (x,), (x,))):
            with pytest.raises((DtypeError, NotImplementedError)):
                transform(lambda x: F.sum(abs(c * x)))(X)

    def test_errors_inside_leave_everything_as_it_was(self):
        def fail(x):
            raise RuntimeError("on purpose")

        for transform in (grad, jacobian, checkpoint):
            with no_grad(), pytest.raises(RuntimeError, match="on purpose"):
                transform(fail)(2.0)
            assert wengert.core.modes.current_config().enable_backprop
        close(grad(lambda x: x * x)(3.0), 6.0)
        assert isinstance(grad(lambda x: x * x)(3.0), np.ndarray)


class TestCheckpoint:
    @staticmethod
    def block(x):
        for _ in range(3):
            x = F.tanh(x * x + 0.3)
        return x

    def test_runs_again_when_going_back(self):
        calls = []

        def counted(x):
            calls.append(1)
            return self.block(x)

        x = Variable(X)
        y = F.sum(checkpoint(counted)(x))
        assert len(calls) == 1
        y.backward()
        assert len(calls) == 2
        with no_grad():
            checkpoint(counted)(x)
        checkpoint(counted)(X)
        assert len(calls) == 4

    def test_derivatives_are_the_same_to_any_order(self):
        plain, forgetful = (lambda x: F.sum(self.block(x))), (lambda x: F.sum(checkpoint(self.block)(x)))
        close(grad(forgetful)(X), grad(plain)(X), rtol=0, atol=0)
        close(hessian(forgetful)(X), hessian(plain)(X))
        close(jacobian(hessian(forgetful))(X), jacobian(hessian(plain))(X))
        close(jacobian(checkpoint(self.block))(X), jacobian(self.block)(X))

    def test_backward_of_the_recorded_pass(self):
        x, w = Variable(A(2.0)), Variable(A(3.0))
        y = checkpoint(lambda x: x * x * w * w)(x)
        y.backward(create_graph=True)
        gx = x.grad
        close((gx, w.grad), (36.0, 24.0))
        x.cleargrad()
        w.cleargrad()
        gx.backward()
        close((x.grad, w.grad), (18.0, 24.0))

    @pytest.mark.parametrize("at", [X, A(0.0)], ids=["array", "zero"])
    def test_backward_of_the_recorded_pass_at_a_leaf(self, at):
        x = Variable(at)
        y = F.sum(checkpoint(lambda x: x * x)(x))
        y.backward(create_graph=True)
        gx = F.sum(x.grad)
        x.cleargrad()
        gx.backward()
        close(x.grad, np.full_like(at, 2.0))
        close(jvp(checkpoint(self.block), (at,), (at,)), jvp(self.block, (at,), (at,)))

    def test_one_inside_another(self):
        inner = checkpoint(self.block)
        close(grad(checkpoint(lambda x: inner(x) * x))(0.5), grad(lambda x: self.block(x) * x)(0.5))
        close(grad(grad(checkpoint(lambda x: inner(x) * x)))(0.5), grad(grad(lambda x: self.block(x) * x))(0.5))

    def test_structures_and_keywords(self):
        x, w, k = Variable(X), Variable(X * 2.0), Variable(A(3.0))

        def f(d, factor, *, k):
            return {"a": d["x"] * d["w"] * k, "b": (d["x"] * factor,)}

        out = checkpoint(f)({"x": x, "w": w}, 2.0, k=k)
        (F.sum(out["a"]) + F.sum(out["b"][0])).backward()
        close(x.grad, w.data * 3.0 + 2.0)
        close(w.grad, X * 3.0)
        close(k.grad, np.sum(2.0 * X * X))

    def test_one_of_several_results(self):
        x, w = Variable(X), Variable(X)
        _, b = checkpoint(lambda x, w: (x * w, x * 2.0))(x, w)
        F.sum(b).backward()
        close(x.grad, np.full(3, 2.0))
        assert w.grad is None or not w.grad.data.any()

    def test_results_that_are_constants_stay_so(self):
        x = Variable(X)
        y, mask, count, nothing = checkpoint(lambda x: (x * 2.0, x > 0, 3.0, None))(x)
        assert not mask.requires_grad
        assert count == 3.0
        assert nothing is None
        F.sum(F.where(mask, y, 0.0)).backward()
        close(x.grad, [2.0, 2.0, 0.0])

    def test_constants_in_constants_out(self):
        assert not isinstance(checkpoint(lambda x: x)(X), Variable)
        assert not checkpoint(lambda x: x * 2.0)(Variable(X, requires_grad=False)).requires_grad

    def test_the_identity(self):
        close(grad(lambda x: F.sum(checkpoint(lambda x: x)(x)))(X), np.ones(3))

    def test_one_variable_as_two_arguments(self):
        x = Variable(X)
        F.sum(checkpoint(lambda a, b: a * b)(x, x)).backward()
        close(x.grad, 2 * X)

    def test_parameters_of_layers_get_their_gradients(self):
        model = wengert.models.MLP((5, 2), dtype=float)
        x = np.random.default_rng(0).normal(size=(3, 2))
        gradients = []
        for f in (checkpoint(model), model):  # the first call is the one that gives the layers their sizes
            model.cleargrads()
            F.sum(f(x) ** 2).backward()
            gradients.append([p.grad.data for p in model.params()])
        close(*gradients, rtol=0, atol=0)

    def test_chance_is_the_same_in_both_runs(self):
        x = Variable(np.ones(1000))
        y = checkpoint(lambda x: F.dropout(x * 2.0, 0.5))(x)
        state = wengert.random.get_state()
        F.sum(y).backward()
        np.testing.assert_array_equal(x.grad.data, y.data)
        assert wengert.random.get_state() == state

    def test_training_or_testing_is_as_it_was(self):
        x = Variable(np.ones(1000))
        with wengert.test_mode():
            y = checkpoint(lambda x: F.dropout(x * 2.0, 0.5))(x)
        F.sum(y).backward()
        np.testing.assert_array_equal(x.grad.data, 2.0)

    def test_a_failing_second_run_leaves_nothing(self):
        calls = []

        def f(x):
            calls.append(1)
            if len(calls) == 2:
                raise RuntimeError("on purpose")
            return x * x

        x = Variable(X)
        y = F.sum(checkpoint(f)(x) + x)
        with pytest.raises(RuntimeError, match="on purpose"):
            y.backward()
        assert x.grad is None

    def test_going_back_twice(self):
        x = Variable(X)
        y = F.sum(checkpoint(lambda x: x * x)(x))
        y.backward(retain_graph=True)
        y.backward()
        close(x.grad, 4 * X)
        with pytest.raises(GraphError, match="retain_graph"):
            y.backward()

    def test_memory(self):
        def long(x):
            for _ in range(30):
                x = F.tanh(x)
            return x

        def run(f):
            x = Variable(np.ones(50_000))
            gc.collect()
            tracemalloc.start()
            try:
                y = x
                for _ in range(4):
                    y = f(y)
                held = tracemalloc.get_traced_memory()[0]
                F.sum(y).backward()
                return held / x.data.nbytes, tracemalloc.get_traced_memory()[1] / x.data.nbytes
            finally:
                tracemalloc.stop()

        assert run(long)[0] > 100
        held, peak = run(checkpoint(long))
        assert held < 6  # four results, and little else
        assert peak < 40  # one stretch at a time


class TestStopGradient:
    def test_is_a_constant(self):
        close(grad(lambda x: x * stop_gradient(x))(3.0), 3.0)
        close(hessian(lambda x: x * x * stop_gradient(x))(3.0), 6.0)
        close(jvp(lambda x: stop_gradient(x) + x, (3.0,), (1.0,))[1], 1.0)

    def test_leaves_the_value_on_its_tape(self):
        x = Variable(X)
        y = x * x
        assert not stop_gradient(y).requires_grad
        F.sum(y).backward()
        close(x.grad, 2 * X)

    def test_arrays_and_others_pass(self):
        assert stop_gradient(X) is X
        assert stop_gradient(2.0) == 2.0
        assert stop_gradient("text") == "text"


# Against JAX: the same function in its namespace and in ours

_W = np.random.default_rng(1).normal(size=(4, 3))
_JAX = {
    "rosenbrock": lambda xp, x: xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2),
    "network": lambda xp, x: xp.sum(xp.tanh(xp.matmul(_W, xp.exp(-x))) ** 2),
    "quotient": lambda xp, x: xp.prod(x) / (1.0 + xp.sum(x * x)),
    "log of a sum": lambda xp, x: xp.log(xp.sum(xp.exp(xp.reshape(x, (3, 1)) * xp.reshape(x, (1, 3))))),
    "choices": lambda xp, x: xp.sum(xp.where(x > 0.5, xp.sin(x) * x[::-1], xp.cumsum(x) ** 3)) + xp.max(x) * xp.abs(x[0]),
}


@pytest.mark.parametrize("name", _JAX)
def test_agrees_with_jax(name, jax):
    def f(x):
        return _JAX[name](F, x)

    def g(x):
        return _JAX[name](jax.numpy, x)

    def stack(xp, f):
        return lambda x: xp.stack([f(x), f(x * x), xp.sin(f(x)), xp.sum(x)])  # four rows, three columns

    close(grad(f)(X), jax.grad(g)(X), rtol=1e-11)
    close(value_and_grad(f)(X), jax.value_and_grad(g)(X), rtol=1e-11)
    close(hessian(f)(X), jax.hessian(g)(X), rtol=1e-10, atol=1e-11)
    close(jacobian(stack(F, f))(X), jax.jacobian(stack(jax.numpy, g))(X), rtol=1e-10, atol=1e-11)
    close(jvp(f, (X,), (X * X,)), jax.jvp(g, (X,), (X * X,)), rtol=1e-11)
    close(vjp(stack(F, f), X)[1](np.ones(4)), jax.vjp(stack(jax.numpy, g), X)[1](np.ones(4)), rtol=1e-11)


def test_the_pullback_of_a_recorded_cotangent_is_recorded():
    """Of what vjp was given as plain arrays, too: it is linear in the cotangent, with slope cos x here."""
    x, v, u = np.array([0.3, 1.0]), np.array([1.0, 2.0]), np.array([5.0, 7.0])
    _, pull = wengert.vjp(np.sin, x)
    _, pull_again = wengert.vjp(lambda v: pull(v)[0], v)
    np.testing.assert_allclose(pull_again(u)[0], np.cos(x) * u)
    np.testing.assert_allclose(pull(v)[0], np.cos(x) * v)
