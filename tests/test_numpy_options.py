"""NumPy's functions with their options, a Variable in the place of each array and of all: where a gradient is recorded
they have NumPy's value, shape and dtype, in the precision that NumPy computes in, and the derivative that differences
give. What NumPy refuses is refused."""

import itertools
import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from wengert import Variable, functions
from wengert.errors import DtypeError, WengertError

RNG = np.random.default_rng(7)
N = RNG.standard_normal

ARRAYS: dict[str, Any] = {
    "s": N(()), "v": N(3), "w": N(3), "v4": N(4), "w4": N(4), "m": N((3, 4)), "n": N((3, 4)), "m43": N((4, 3)),
    "sq": N((3, 3)), "t": N((2, 3, 4)), "e": N(0), "em": N((0, 3)), "pv": RNG.uniform(0.5, 2, 3),
    "p4": RNG.uniform(0.5, 2, 4), "pm": RNG.uniform(0.5, 2, (3, 4)), "s3": np.array(3.5), "v31": N((3, 1)) + 5,
    "x3": np.array([-1.0, 0.25, 1.5]), "x4": np.array([-1.0, 0.25, 1.5, 2.75]), "q": np.array(0.3), "qs": np.array([0.2, 0.7]),
    "nv": np.array([0.5, np.nan, -1.25]),
    "nm": np.array([[0.5, np.nan, 1.0, np.nan], [2.0, 5.0, np.nan, np.nan], [1.5, np.nan, 4.0, np.nan]]),
}  # fmt: skip
CONSTANTS: dict[str, Any] = {
    "np": np, "x3d": np.array([-1.0, 0.25, 1.5]), "bm": np.arange(12).reshape(3, 4) % 3 < 2, "b4": np.array([True, False, True, True]),
    "i3": np.array([2, 1, 3]), "i4": np.array([2, 1, 1, 3]), "c3": np.array([1, 0, 1]),
}  # fmt: skip

CALLS = """
np.{average}({v|m}, axis={None|0|-1}, weights={pv|p4|pm|[1,2,3]|i3|i4}, returned={True|False}, keepdims={True|False})
np.{sum|prod|max|min|nansum|nanprod|nanmax|nanmin}({m|v|e|em|nm}, axis={None|0|-1}, initial={2.0|0|-1})
np.{sum|prod|max|min|nansum|nanprod|nanmax|nanmin}({m|nm}, axis={None|0}, initial={2.0|0}, where={bm|b4}, keepdims={True|False})
np.{nanmedian|nanmean|nansum|nanmax|nanmin|nanvar}({nv|nm|m|t}, axis={None|0|-1}, keepdims={True|False})
np.{nanquantile|quantile|nanpercentile|percentile}({v|m|nm}, {0.3|q|qs|[0.2,0.7]}, axis={None|0|-1}, keepdims={True|False})
np.gradient({m|t|sq}, {1.0|s3|x3d}, axis={0|-1|None}, edge_order={1|2})
np.linalg.{norm|vector_norm}({v|m}, ord={np.float64(3)|np.array(2.5)|np.float64(1)|3}, axis={None|0})
np.{cov|corrcoef}({v|m|sq}, {None|w|n}, rowvar={True|False})
np.cov({m|sq}, {v|w[None,:]}, rowvar={True|False})
np.cov(m, bias={True|False}, ddof={None|0|1}, fweights={None|i4|p4}, aweights={None|p4})
np.{dot|inner|kron}({s|v|m|2.0|3}, {s|v|m|m43|2|0.5|[1.0,2.0,3.0]})
({v|m|sq}).dot({2.0|3})
np.{add|multiply|subtract|maximum|divide|arctan2|logaddexp|hypot}.outer({pv|s3|2.0|3}, {v|m|s|3|0.5})
np.diff({v|m}, n={1|2}, prepend={0|s|1.5}, append={0|s}, axis={0|-1})
np.ediff1d({v|m}, {None|s|1.0}, {None|s|[1.0]|1})
np.trapezoid({v|m|t|sq}, x={None|v|x3|x4|m}, dx={1.0|s|2}, axis={-1|0|1})
np.interp({s|v|m|0.5}, {x3|x4}, {w|v4|i4}, left={None|1.0}, right={None|2})
np.{polyint|polyder}({v|v4|sq}, {0|1|2|-1})
np.{polyfit}(x4, {w4|m43}, {0|1|2})
np.vander({v|v4}, N={None|2}, increasing={True|False})
np.poly({v|v4})
np.geomspace({pv|1.0|2}, {s3|v31|5}, num={0|1|5}, endpoint={True|False})
np.bincount(c3, weights={v|w}, minlength={0|5})
np.{cumulative_sum|cumulative_prod}({s|v|m}, axis={None|0|-1}, include_initial={True|False})
np.{tril|triu}({v|m|t}, {0|1|-1})
np.take({v|m}, {[]|[0,2]|-1|()}, axis={None|0|-1}, mode={'raise'|'wrap'|'clip'})
np.{matvec|vecmat}({v|m|sq|t}, {v|v4|sq|m43})
np.{array_equal|array_equiv}({v|m}, {v|1.0|[1.0,2.0,3.0]|s})
({v|m}).clip({-0.1|s|None|w}, {0.2|s3})
np.clip({v|m}, {None|-0.2|s}, {0.5|s3})
"""

# The cases that NumPy itself knows of, with arrays of no number: warnings are not what is tried here.
QUIET = pytest.mark.filterwarnings("ignore")
DTYPES = [np.float64, np.float32, np.float16]


def expanded() -> Iterator[str]:
    for line in CALLS.split("\n"):
        parts = re.split(r"\{([^{}]*)\}", line)
        choices = [part.split("|") if i % 2 else [part] for i, part in enumerate(parts)]
        yield from ("".join(choice) for choice in itertools.product(*choices) if line)


def called(expression: str) -> list[str]:
    found = re.findall(r"(?<![\w.'])[a-z]\w*(?![\w'])", expression)
    return [name for name in dict.fromkeys(found) if name in ARRAYS]


def evaluate(expression: str, arrays: dict[str, Any]) -> list[Any]:
    result = eval(expression, {**CONSTANTS, **arrays})
    return list(result) if isinstance(result, tuple | list) else [result]


def differentiated(names: list[str]) -> list[list[str]]:
    return [*([name] for name in names), *([names] if len(names) > 1 else [])]


def families() -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for expression in expanded():
        groups.setdefault(expression.split("(")[0] or expression.split(").")[1].split("(")[0], []).append(expression)
    return groups


FAMILIES = families()


@QUIET
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_values_shapes_and_dtypes(family: str, dtype: Any) -> None:
    arrays = {name: array.astype(dtype) for name, array in ARRAYS.items()}
    tried = 0
    for expression in FAMILIES[family]:
        try:
            right = evaluate(expression, arrays)
        except Exception:
            right = []
        for names in differentiated(called(expression)):
            recorded = {name: Variable(arrays[name], requires_grad=True) for name in names}
            if not right:
                if dtype == np.float16:  # of which NumPy's linear algebra takes none
                    continue
                with pytest.raises((WengertError, ValueError, TypeError, IndexError, ZeroDivisionError)):
                    evaluate(expression, {**arrays, **recorded})
                    pytest.fail(f"{expression} of {names} is no call of NumPy's")
                continue
            tried += 1
            results = evaluate(expression, {**arrays, **recorded})
            assert len(results) == len(right), expression
            for result, wanted in zip(results, right, strict=True):
                value, wanted = np.asarray(result.data if isinstance(result, Variable) else result), np.asarray(wanted)
                assert (value.shape, value.dtype) == (wanted.shape, wanted.dtype), (expression, names)
                close = 64 * float(np.finfo(dtype).eps)
                np.testing.assert_allclose(value, wanted, rtol=close, atol=close, err_msg=f"{expression} {names}")
    assert tried or dtype == np.float16


@QUIET
@pytest.mark.parametrize("family", [family for family in FAMILIES if "array_eq" not in family])
def test_derivatives(family: str) -> None:
    """Along a random direction, of a random sum of the entries that are numbers."""
    rng = np.random.default_rng(3)
    for expression in FAMILIES[family]:
        try:
            right = evaluate(expression, ARRAYS)
        except Exception:
            continue
        if "nan" not in family and not all(np.isfinite(part).all() for part in right):
            continue
        known = [np.isfinite(part) for part in right]
        cotangents = [rng.standard_normal(np.shape(part))[place] for part, place in zip(right, known, strict=True)]
        for names in differentiated(called(expression)):
            leaves = {name: Variable(ARRAYS[name], requires_grad=True) for name in names}
            directions = {name: rng.standard_normal(ARRAYS[name].shape) for name in names}
            parts = [
                np.sum(part[place] * cotangent)
                for part, place, cotangent in zip(
                    evaluate(expression, {**ARRAYS, **leaves}), known, cotangents, strict=True
                )
                if isinstance(part, Variable) and part.requires_grad
            ]
            if parts:
                sum(parts[1:], parts[0]).backward()
            grads = {name: np.zeros(()) if leaf.grad is None else leaf.grad.data for name, leaf in leaves.items()}

            def value(step: float, names: Any = names, directions: Any = directions) -> float:
                moved = {name: ARRAYS[name] + step * directions[name] for name in names}
                made = evaluate(expression, {**ARRAYS, **moved})  # noqa: B023
                parts = zip(made, known, cotangents, strict=True)  # noqa: B023
                return sum(float(np.sum(np.asarray(part)[place] * cotangent)) for part, place, cotangent in parts)

            numerical = (value(1e-6) - value(-1e-6)) / 2e-6
            ours = sum(float(np.sum(grads[name] * directions[name])) for name in names)
            assert abs(ours - numerical) <= 1e-5 * (1 + abs(numerical)), (expression, names, ours, numerical)


def test_the_nan_of_a_line_without_numbers_depends_on_nothing() -> None:
    x = np.full((2, 3), np.nan)
    for function in (np.nanmedian, np.nanmax, np.nanmin, lambda x, axis: np.nanquantile(x, [0.2, 0.5], axis=axis)):
        v = Variable(x, requires_grad=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = function(v, axis=1)
        np.sum(result * RNG.standard_normal(result.shape)).backward()
        assert np.isnan(result.data).all()
        np.testing.assert_array_equal(v.grad.data, np.zeros((2, 3)))


def test_bounds_that_are_variables_of_an_array_of_numpys() -> None:
    low, high = Variable(np.array(-0.5), requires_grad=True), Variable(np.array([0.25, 1.0]), requires_grad=True)
    np.sum(np.array([[-2.0, 3.0], [2.0, 0.5]]).clip(low, high) * np.array([[2.0, 3.0], [5.0, 7.0]])).backward()
    assert low.grad.data == 2.0
    np.testing.assert_array_equal(high.grad.data, [5.0, 3.0])


@pytest.mark.parametrize("order", [1.0, 2.0, 3.0, 0.0, np.inf])
@pytest.mark.parametrize("needs_gradient", [True, False])
def test_the_order_of_a_norm_is_no_variable(order: float, needs_gradient: bool) -> None:
    """Its derivative would be lost wherever the order is one that has a formula of its own."""
    x = Variable(ARRAYS["m"], requires_grad=needs_gradient)
    p = Variable(np.array(order), requires_grad=True)
    for norm in (functions.norm, functions.vector_norm):
        with pytest.raises(DtypeError, match="ord is an option"):
            norm(x, ord=p)
    with pytest.raises(DtypeError, match="ord is an option"):
        functions.pairwise_distance(x, ARRAYS["n"], p=p)


@pytest.mark.parametrize("correction", [0.0, 1.0])
def test_what_is_taken_off_the_count_is_no_variable(correction: float) -> None:
    c = Variable(np.array(correction), requires_grad=True)
    x = Variable(ARRAYS["m"], requires_grad=True)
    for call in (x.std, x.var):
        for name in ("ddof", "correction"):
            with pytest.raises(DtypeError, match="correction is an option"):
                call(**{name: c})
