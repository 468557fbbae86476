"""NumPy's functions on Variables: values and derivatives against NumPy, and what is refused."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from rows.row import draw
from wengert import Variable, numpy_protocol
from wengert import functions as F
from wengert.core.modes import no_grad
from wengert.errors import DtypeError, InputError, NotDifferentiableError, WengertError
from wengert.numpy_writes import WRITES

A, B, C = draw(3, 4), draw(3, 4, seed=1), draw(4, 3, seed=2)
S, T = draw(4, 4, seed=3) + 4 * np.eye(4), draw(2, 3, 4, seed=4)
P = draw(3, 4, low=0.5, seed=5)
X, Y, Z = draw(5), draw(5, seed=1), draw(3, seed=2)
D = np.array(1.3)
GAPS = np.array([[1.0, np.nan, 3.0, -2.0], [np.nan, 0.5, 2.5, 1.5], [4.0, -1.0, 0.3, 0.2]])
UP = np.array([0.0, 0.4, 1.1, 2.0, 2.6])
MASK = np.array([True, False, True, True, False])
INDEX = np.array([2, 0, 1])

VERSION = tuple(map(int, np.__version__.split(".")[:2]))

CASES: list[Any] = []


def case(function: Callable[..., Any], *args: Any, **options: Any) -> None:
    """Try a NumPy function with these arguments; every float64 array among them is differentiated."""
    name = getattr(function, "__name__", "call")
    CASES.append(pytest.param(function, args, options, id=f"{name}-{len(CASES)}"))


# Elementwise
for function in (np.sin, np.exp, np.tanh, np.arctan, np.sinh, np.cosh, np.arcsinh, np.expm1, np.exp2, np.sinc, np.cbrt,
                 np.square, np.negative, np.positive, np.absolute, np.fabs, np.radians, np.deg2rad, np.degrees,
                 np.rad2deg, np.conj, np.real, np.imag, np.tan, np.nan_to_num, np.copy, np.cos):  # fmt: skip
    case(function, A)
for function in (np.log, np.log2, np.log10, np.log1p, np.sqrt, np.reciprocal, np.arccosh):
    case(function, P + 1)
for function in (np.arcsin, np.arccos, np.arctanh):
    case(function, A / 3)
for function in (np.add, np.subtract, np.multiply, np.divide, np.arctan2, np.hypot, np.maximum, np.minimum, np.fmax,
                 np.fmin, np.logaddexp, np.logaddexp2, np.fmod, np.remainder, np.copysign, np.heaviside):  # fmt: skip
    case(function, A, B + 3)
    case(function, A, B[1] + 3)
    case(function, D, B + 3)
    case(function, 1.5, B + 3)
case(special.erf, A)
case(special.erfc, A)
case(special.expit, A)
for function in (special.cbrt, special.entr, special.exp10, special.exp2, special.expm1, special.gamma, special.gammaln,
                 special.log1p, special.psi, special.digamma, special.rgamma, special.log_expit, special.log_ndtr,
                 special.ndtr):  # fmt: skip
    case(function, P)
for function in (special.erfcinv, special.erfinv, special.logit, special.ndtri):
    case(function, P / 4)
for function in (special.beta, special.betaln, special.kl_div, special.rel_entr, special.xlog1py, special.xlogy):
    case(function, P, P[0] + 1)
    case(function, 1.5, P)
case(lambda x: special.xlogy(x, x), P)
case(np.power, P, B)
case(np.power, A, 3)
case(np.float_power, P, 2)
case(np.float_power, 2.0, A)
case(np.float_power, [1, 2, 3, 4], A)
case(np.power, 2.0, B)
case(np.ldexp, A, np.array([1, 2, 3, 0]))
case(np.frexp, A)
case(np.angle, A)
case(np.angle, A, deg=True)
case(np.modf, A)
case(np.divmod, A, 0.7)
case(np.clip, A, -1, 1)
case(np.clip, A, None, 0.5)
case(np.clip, A, a_min=-0.5, a_max=None)
case(np.clip, A, min=B - 3, max=1.0)
case(np.where, A > 0, A, B)
case(np.where, [True, False, True, False], A, 0.0)
case(np.select, [A > 1, A > 0], [A**2, B], default=3.0)
case(lambda x: np.piecewise(x, [x < -0.5, x >= 0.5], [lambda t: t**2, lambda t: np.sin(t), 7.0]), A)
case(np.choose, np.array([0, 1, 1, 0, 1]), [X, Y])
case(np.choose, [0, 1, 1, 0, 1], [X, Y])
case(np.choose, [[0, 3], [-1, 1]], [Z[:2], D, 2.0], mode="wrap")
case(np.choose, [[0, 3], [-1, 1]], (A[:2, :2], [1.0, 2.0]), mode="clip")
case(np.round, A, 1)
case(np.around, A)
case(np.floor, A)
case(np.ceil, A)
case(np.fix, A)
case(np.rint, A)
case(np.sign, A)
case(np.trunc, A)
case(np.add, A, B, dtype=np.float64)
case(np.multiply, X, [1, 2, 3, 4, 5])
case(np.maximum, X, 0)
case(np.unwrap, np.array([0.1, 3.0, 6.0, 9.0, 12.5]))
case(np.interp, np.array([-1.0, 0.2, 0.9, 2.3, 3.0]), UP, Y)
case(np.interp, np.array([-1.0, 0.2, 3.0]), UP, Y, left=0.0, right=-1.0)
case(np.interp, np.array([-1.1, 0.2, 5.7]), UP, Y, period=3.0)
case(np.interp, 0.7, UP.tolist(), Y)

# Reductions
for function in (np.sum, np.mean, np.prod, np.max, np.min, np.amax, np.amin, np.var, np.std, np.median, np.ptp,
                 np.average, np.cumsum, np.cumprod, np.linalg.norm, np.nansum, np.nanmean, np.nanprod, np.nanvar,
                 np.nanstd, np.nanmax, np.nanmin, np.nancumsum, np.nancumprod):  # fmt: skip
    case(function, A)
    case(function, A, axis=0)
    case(function, A, axis=-1)
for function in (np.sum, np.mean, np.prod, np.max, np.var, np.std, np.median, np.average, np.nansum):
    case(function, T, axis=(0, 2))
    case(function, T, axis=(-1, 0), keepdims=True)
case(np.sum, A, 0, None, None, True)
case(np.sum, A, 1, np.float64)
case(np.sum, A, axis=0, where=True)
case(np.mean, A, axis=1, keepdims=True, dtype=np.float64)
case(np.var, A, axis=0, ddof=1)
case(np.std, A, 1, None, None, 1)
case(np.std, A, ddof=1, keepdims=True)
case(np.std, A, correction=1)
for function in (np.nansum, np.nanmean, np.nanprod, np.nanvar, np.nanstd, np.nanmax, np.nanmin, np.nancumsum):
    case(function, GAPS, axis=1)
case(np.nanvar, GAPS, axis=0, ddof=1, keepdims=True)
case(np.nanmedian, GAPS)
case(np.nanmedian, GAPS, axis=1)
case(np.nanmedian, T, axis=(0, 2), keepdims=True)
case(np.nanquantile, GAPS, [0.0, 0.31, 1.0], axis=1)
case(np.nanquantile, GAPS, 0.7, axis=0, keepdims=True)
case(np.nanpercentile, GAPS, [[20.0], [65.0]])
case(np.average, A, axis=1, weights=np.abs(B[0]))
case(np.average, T, axis=(2, 0), weights=draw(4, 2, low=0.5))
case(np.average, X, weights=[1.0, 2.0, 3.0, 4.0, 5.0])
case(np.average, A, axis=0, weights=P, returned=True)
case(np.average, A, weights=P, keepdims=True)
case(np.cumulative_sum, X)
case(np.cumulative_sum, A, axis=1, include_initial=True)
case(np.cumulative_prod, A, axis=0, include_initial=True)
case(np.quantile, A, 0.3)
case(np.quantile, A, [0.0, 0.31, 1.0], axis=1)
case(np.quantile, T, 0.4, axis=(0, 2), keepdims=True)
case(np.quantile, T, np.array([0.2, 0.7]), axis=1, keepdims=True)
case(np.percentile, A, 40, axis=0)
case(np.trapezoid, A)
case(np.trapezoid, A, dx=0.3, axis=0)
case(np.trapezoid, T[..., :], np.array([0.0, 0.3, 1.0]), axis=1)
case(np.trapezoid, A, P.cumsum(axis=1))
case(np.diff, X)
case(np.diff, A, n=2, axis=1)
case(np.diff, A, axis=0, prepend=0.0, append=B[:1])
case(np.ediff1d, X)
case(np.ediff1d, A, to_end=Z, to_begin=D)
case(np.gradient, X)
case(np.gradient, X, 0.5)
case(np.gradient, X, UP)
case(np.gradient, X, UP, edge_order=2)
case(np.gradient, A)
case(np.gradient, A, 0.2, UP[:4], edge_order=2)
case(np.gradient, A, axis=1)
case(np.cov, A)
case(np.cov, A, B, rowvar=True)
case(np.cov, X, Y, ddof=0)
case(np.cov, C, rowvar=False, bias=True)
case(np.cov, A, aweights=P[0])
case(np.cov, X)
case(np.cov, X, aweights=P.ravel()[:5])
case(np.corrcoef, X)
case(np.polymul, [0.0, 0.0, 2.0], X)
case(np.polymul, [0.0, 0.0], X)
case(np.polyadd, D, X)
case(np.cov, A, fweights=np.array([1, 2, 1, 3]))
case(np.cov, A, fweights=np.array([1, 2, 1, 3]), aweights=P[0])
case(np.corrcoef, X, Y)
case(np.corrcoef, C)
case(np.bincount, np.array([0, 2, 2, 5, 0]), X)
case(np.bincount, np.array([0, 2, 2]), weights=Z, minlength=6)
case(np.convolve, X, Z)
case(np.convolve, Z, X, "same")
case(np.convolve, X, draw(4), mode="same")
case(np.convolve, X, Z, mode="valid")
for mode in ("full", "same", "valid"):
    case(np.correlate, X, Z, mode)
    case(np.correlate, Z, X, mode)
    case(np.correlate, X, draw(2), mode)
    case(np.correlate, draw(2), X, mode)
    case(np.correlate, X, draw(8), mode)
case(np.add.reduce, A)
case(np.add.reduce, A, axis=(0, 1))
case(np.add.reduce, A, axis=None, keepdims=True)
case(np.add.reduce, A, initial=2.5)
case(np.add.reduce, A, axis=1, initial=D, where=B > 0)
case(np.add.reduce, A, initial=A[0, 0], keepdims=True)
case(np.multiply.reduce, A, axis=None, initial=D)
case(np.logaddexp.reduce, A, axis=1, initial=D, where=B > 0)
for function in (np.sum, np.prod, np.max, np.min, np.amax, np.amin, np.nansum, np.nanprod, np.nanmax, np.nanmin):
    case(function, A, initial=D)
    case(function, A, axis=1, initial=0.25, where=B > 0)
    case(function, T, axis=(0, 2), keepdims=True, initial=D, where=A[:, :1] > 0)
for function in (np.sum, np.prod, np.mean, np.var, np.std, np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanstd):
    case(function, A, where=B > 0)
    case(function, A, axis=1, where=[True, False, True, True], keepdims=True)
    case(function, T, axis=(0, 2), where=np.resize([True, False, True, True, False], (3, 4)))
    case(function, GAPS if "nan" in function.__name__ else A, axis=1, where=[[True, True, False, True]])
for function in (np.var, np.std):
    case(function, A, axis=1, mean=B[:, :1])
    case(function, A, ddof=1, where=B > 0, mean=D)
case(np.max, draw(0, 3), axis=0, initial=D)
case(np.multiply.reduce, A, axis=1)
case(np.maximum.reduce, A, axis=-1, initial=0.3)
case(np.minimum.reduce, A)
case(np.logaddexp.reduce, A, axis=1)
for function in (np.add, np.multiply, np.maximum, np.minimum, np.logaddexp):
    case(function.accumulate, A)
    case(function.accumulate, A, axis=1)
    case(function.outer, X, C)
case(np.subtract.outer, X, Y)
for function in (np.subtract, np.divide, np.hypot, np.fmax, np.fmin, np.logaddexp2, np.copysign):
    case(function.reduce, P)
    case(function.reduce, P, axis=1, keepdims=True)
    case(function.reduce, P, axis=1, initial=D)
    case(function.accumulate, P, axis=1)
    case(function.reduceat, P, [0, 2, 1], axis=1)
for function in (np.hypot, np.fmax, np.fmin, np.logaddexp2):
    case(function.reduce, T, axis=(0, 2))
    case(function.reduce, T, axis=None, keepdims=True)
for function in (np.add, np.multiply, np.maximum, np.minimum, np.logaddexp):
    case(function.reduceat, X, [0, 3, 1, 1])
    case(function.reduceat, A, np.array([2, 0]), axis=0)
case(np.arctan2.accumulate, P)

# Polynomials
case(np.polyval, X, Z)
case(np.polyval, [1.0, 2.0, 3.0], A)
case(np.vander, X)
case(np.vander, X, 3, increasing=True)
case(np.polyfit, UP, Y, 2)
case(np.polyfit, UP, draw(5, 2), 3)
case(np.polyadd, X, Z)
case(np.polysub, Z, X)
case(np.polymul, X, Z)
case(np.poly, Z)
case(np.polyder, X, 2)
case(np.polyint, X, 2)

# Shape
case(np.reshape, A, (2, 6))
case(np.reshape, A, -1)
case(np.reshape, T, (4, -1), order="F")
case(np.ravel, A)
case(np.ravel, A, order="F")
case(np.transpose, T)
case(np.transpose, T, (1, 0, 2))
case(np.permute_dims, T, axes=(2, 0, 1))
case(np.matrix_transpose, T)
case(np.expand_dims, A, 1)
case(np.expand_dims, A, (0, -1))
case(np.squeeze, A[:, :1])
case(np.squeeze, A[None, :, :1], axis=(0, 2))
case(np.broadcast_to, A, (2, 3, 4))
case(np.broadcast_arrays, A, B[0], D)
case(np.concatenate, [A, B])
case(np.concatenate, (A, B), axis=1)
case(np.concatenate, [A, B], axis=None)
case(np.concat, [A, [[1.0, 2.0, 3.0, 4.0]]], 0)
case(np.stack, [A, B], axis=-1)
case(np.stack, [D, 1.0, D])
case(np.hstack, [D, 2, X, [1.0]])
case(np.linalg.multi_dot, [A, C.tolist(), B])
case(np.unstack, A, axis=1)
case(np.split, A, 2, axis=1)
case(np.split, X, [1, 3])
case(np.array_split, X, 3)
case(np.hsplit, A, 2)
case(np.vsplit, A, 3)
case(np.dsplit, T, [1])
case(np.hstack, [A, B])
case(np.hstack, [X, 1.0, Z])
case(np.vstack, [X, Y])
case(np.dstack, [A, B])
case(np.dstack, [X, Y])
case(np.column_stack, [Z, A])
case(np.block, [[A, B], [C.T, 2 * A]])
case(np.block, [X, 1.0, Z])
case(np.append, A, Z)
case(np.append, A, B, axis=0)
case(np.insert, X, 2, 7.0)
case(np.insert, X, [1, 3], Z[:2])
case(np.insert, X, 1, Z)
case(np.insert, A, 3, D)
case(np.insert, A, 1, 5.0, axis=1)
case(np.insert, A, 1, Z, axis=1)
case(np.insert, A, [1], Z[:, None], axis=1)
case(np.insert, A, [1], B[:, :2], axis=1)
case(np.insert, A, [3, -3], B[:, :2], axis=1)
case(np.insert, A, slice(0, 3, 2), D, axis=0)
case(np.insert, T, -1, B, axis=0)
case(np.insert, T, [0, 0, 2], [[[1.0], [2.0], [3.0]]], axis=1)
case(np.insert, X, np.array([True, False, True, False, False]), Z[:2])
case(np.insert, X, [], [])
case(np.insert, [1.0, 2.0], 1, X)
case(np.delete, X, 2)
case(np.delete, A, [0, 2], axis=1)
case(np.delete, A, slice(1, 5))
case(np.tile, A, 2)
case(np.tile, A, (2, 1, 2))
case(np.repeat, A, 2)
case(np.repeat, A, [1, 0, 2], axis=0)
case(np.resize, X, (2, 4))
case(np.flip, A)
case(np.flip, T, axis=(0, 2))
case(np.fliplr, A)
case(np.flipud, A)
for k in range(-1, 5):
    case(np.rot90, A, k)
case(np.rot90, T, 1, (2, 0))
case(np.roll, A, 1)
case(np.roll, A, (1, -2), axis=(0, 1))
case(np.pad, A, 1)
case(np.pad, A, ((1, 0), (2, 1)), constant_values=0.5)
case(np.pad, A, 2, mode="edge")
case(np.pad, A, ((1, 1), (0, 2)), mode="reflect")
case(np.pad, A, 1, mode="wrap")
case(np.moveaxis, T, 0, -1)
case(np.moveaxis, T, [0, 1], [-1, 0])
case(np.swapaxes, T, 0, 2)
case(np.rollaxis, T, 2)
case(np.rollaxis, T, 0, 2)
for function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    for array in (D, X, A, T):
        case(function, array)
    case(function, D, X)
case(np.meshgrid, X, Z)
case(np.meshgrid, X, Z, indexing="ij", sparse=True)
case(np.meshgrid, X, Z, UP)
case(np.apply_along_axis, lambda line: line[:2] * np.sum(line), 1, A)
case(np.apply_along_axis, np.sum, 0, T)
case(np.apply_along_axis, lambda line: np.outer(line, line), 1, T)
case(lambda x: np.apply_along_axis(lambda line, k: line**k, 1, x, k=3), A)
case(np.apply_over_axes, np.sum, T, [0, 2])
case(np.lib.stride_tricks.sliding_window_view, X, 3)
case(np.lib.stride_tricks.sliding_window_view, T, (2, 3), axis=(2, 1))
case(np.fft.fftshift, A)
case(np.fft.ifftshift, X)

# Picking
case(np.take, A, [0, 5, 5])
case(np.take, A, INDEX, axis=1)
case(np.take, A, [[0, 1], [5, -7]], axis=1, mode="wrap")
case(np.take_along_axis, A, np.argsort(A, axis=1), axis=1)
case(np.take_along_axis, A, INDEX, axis=None)
case(np.sort, A)
case(np.sort, A, axis=0, kind="stable")
case(np.sort, A, axis=None)
case(np.partition, X, 2)
case(np.unique, X)
case(np.unique, A, axis=1)
case(np.unique, X, return_index=True, return_inverse=True, return_counts=True)
for function in (np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values):
    case(function, X)
case(lambda x: np.intersect1d(x, x[::2]), X)
for function in (np.setdiff1d, np.setxor1d, np.union1d):
    case(function, A, [0.5, 7.0])
case(lambda x: np.setdiff1d(x, x[::2]), X)
case(np.compress, [True, False, True], A, axis=0)
case(np.extract, MASK, X)

# New arrays
case(np.zeros_like, A)
case(np.ones_like, A, dtype=np.float32)
case(np.ones_like, A, shape=(2, 2))
case(np.full_like, A, D)
case(np.linspace, D, 4.0, 7)
case(np.linspace, X, 3.0, 4, endpoint=False, axis=1)
case(np.linspace, D, 4.0, num=5, retstep=True)
case(np.linspace, X, [2.0, 1.0, 0.0, -1.0, 3.0], 3)
case(np.linspace, D, 4.0, 1, retstep=False)
case(np.logspace, D, 2.0, 4)
case(np.logspace, X, 2.0, 4, base=2.0, axis=1)
case(np.geomspace, D, 20.0, 5)
case(np.geomspace, P[0], 20.0, 5, axis=-1)

# Linear algebra
case(np.matmul, A, C)
case(np.matmul, T, C)
case(np.dot, A, C)
case(np.dot, X, Y)
case(np.dot, 2.0, A)
case(np.dot, X, [1.0, 2.0, 3.0, 4.0, 5.0])
case(np.inner, [1.0, 2.0, 3.0, 4.0, 5.0], X)
case(np.tensordot, [[1.0], [2.0]], T, axes=([0], [0]))
case(np.linalg.solve, [[2.0, 1.0], [1.0, 3.0]], draw(2))
case(np.kron, [1.0, -1.0], Z)
case(np.dot, T, C)
case(np.vdot, A, B)
case(np.vecdot, A, B)
case(np.vecdot, A, B, axis=0)
case(np.matvec, A, draw(4))
case(np.matvec, T, draw(2, 4))
case(np.vecmat, Z, A)
case(np.tensordot, T, C, axes=1)
case(np.tensordot, T, T, axes=([0, 2], [0, 2]))
case(np.outer, A, X)
case(np.inner, A, B)
case(np.einsum, "ij,jk->ik", A, C)
case(np.einsum, "bij,ij->b", T, A, optimize=True)
case(np.einsum, "ij->ji", A)
case(np.einsum, "ii", S)
case(np.trace, S)
case(np.trace, draw(3, 3, 2), 1)
case(np.trace, T, offset=1, axis1=2, axis2=0)
case(np.diag, X)
case(np.diag, S, k=1)
case(np.diagonal, T)
case(np.diagonal, T, -1, 1, 2)
case(np.diagflat, A, 1)
case(np.tril, S)
case(np.triu, T, 1)
case(np.kron, Z, A)
case(np.cross, C, C[::-1])
case(np.cross, A, B, axis=0)
case(np.cross, A, C, axisa=0, axisc=0)
for function in (np.linalg.det, np.linalg.inv, np.linalg.slogdet, np.linalg.cond, np.linalg.svdvals, np.linalg.pinv,
                 np.linalg.qr, np.linalg.matrix_transpose, np.linalg.trace, np.linalg.diagonal):  # fmt: skip
    case(function, S)
case(np.linalg.solve, S, C)
case(np.linalg.solve, S, draw(4))
case(lambda x: np.linalg.cholesky(x @ x.T), S)
case(lambda x: np.linalg.eigvalsh(x + x.T), S)
case(lambda x: np.linalg.eigh(x + x.T).eigenvalues, S)
case(lambda x: np.linalg.svd(x, compute_uv=False), A)
case(lambda x: np.linalg.svd(x).S, S)
case(lambda x: np.linalg.svd(x, full_matrices=False)[1], A)
case(lambda x: np.linalg.slogdet(x).logabsdet, S)
case(lambda x: np.linalg.qr(x, mode="r"), C)
for p in (None, 1, -1, 2, -2, np.inf, -np.inf, "fro", "nuc"):
    case(np.linalg.norm, A, p)
    if p is not None:
        case(np.linalg.matrix_norm, T, ord=p)
        case(np.linalg.cond, S, p)
for p in (None, 0, 1, -1, 2, -2, 3, 0.5, np.inf, -np.inf):
    case(np.linalg.norm, X, p)
    case(np.linalg.norm, A, p, axis=1, keepdims=True)
case(np.linalg.norm, T, axis=(0, 2))
case(np.linalg.norm, T, "nuc", (2, 0), True)
case(np.linalg.norm, T)
case(np.linalg.vector_norm, A)
case(np.linalg.vector_norm, T, axis=(0, 1), ord=3)
case(np.linalg.pinv, C)
case(np.linalg.pinv, A, rcond=1e-8)
case(np.linalg.pinv, A, rtol=None)
case(np.linalg.pinv, np.stack([A, B]), rtol=np.float32([1e-6, 1e-7]))
for triangle in "LUu":
    case(lambda x, UPLO: np.linalg.eigvalsh(x + x.T, UPLO), S, triangle)
    case(lambda x, UPLO: np.linalg.eigh(x + x.T, UPLO)[0], S, triangle)
case(lambda x: np.linalg.cholesky(x @ x.T, upper=True), S)
case(lambda a, b: np.linalg.lstsq(a, b, rcond=-1)[0], C, draw(4, seed=9))
case(lambda b: np.linalg.lstsq(np.ones((4, 2)), b)[0], draw(4))
case(np.linalg.qr, C)
case(lambda x: np.linalg.qr(x, "complete").R, C.T[:, :3])
case(np.linalg.qr, S, "complete")
case(np.linalg.matrix_power, S, 3)
case(np.linalg.matrix_power, S, -2)
case(np.linalg.multi_dot, [A, C, B])
case(np.linalg.cross, C, C[::-1])
case(np.linalg.outer, X, Z)
case(np.linalg.vecdot, A, B, axis=0)
case(np.linalg.matmul, A, C)
case(np.linalg.tensordot, T, C, axes=1)
case(lambda a, b: np.linalg.lstsq(a, b)[0], C, draw(4, seed=9))
case(lambda a, b: np.linalg.lstsq(a, b)[1], C, draw(4, 2, seed=9))
case(np.linalg.tensorinv, draw(6, 2, 3), ind=1)
case(np.linalg.tensorsolve, draw(2, 3, 6), draw(2, 3))


def is_float64(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.float64


def arrays_in(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [array for part in value for array in arrays_in(part)]
    if isinstance(value, dict):
        return arrays_in(list(value.values()))
    return [value] if is_float64(value) else []


def replaced(value: Any, new: Any) -> Any:
    """The same arguments with the float64 arrays in them replaced by those of an iterator, in order."""
    if isinstance(value, list | tuple):
        return type(value)(replaced(part, new) for part in value)
    if isinstance(value, dict):
        return {key: replaced(part, new) for key, part in value.items()}
    return next(new) if is_float64(value) else value


def results_in(value: Any) -> list[Any]:
    return [r for part in value for r in results_in(part)] if isinstance(value, list | tuple) else [value]


def scalar(function: Any, call: Any, arrays: Any) -> Any:
    """The results of a call, each times random numbers, as one number."""
    args, options = replaced(call, iter(arrays))
    total: Any = 0.0
    for i, result in enumerate(results_in(function(*args, **options))):
        data = np.asarray(getattr(result, "data", result) if isinstance(result, Variable) else result)
        if data.dtype.kind == "f" and data.size:
            total = total + (result * np.random.default_rng(i).normal(size=data.shape)).sum()
    return total


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("function", "args", "options"), CASES)
def test_values_and_derivatives(function: Any, args: Any, options: Any) -> None:
    call, arrays = (args, options), arrays_in((args, options))
    variables = [Variable(array) for array in arrays]
    new_args, new_options = replaced(call, iter(variables))
    found = function(*new_args, **new_options)
    expected = function(*args, **options)
    if isinstance(expected, list | tuple):
        assert isinstance(found, list | tuple)
        assert len(found) == len(expected)
    for result, right in zip(results_in(found), results_in(expected), strict=True):
        if np.asarray(right).dtype.kind == "f":
            assert isinstance(result, Variable)
            assert result.shape == np.shape(right)
            assert result.dtype == right.dtype
        data = result.data if isinstance(result, Variable) else result
        np.testing.assert_allclose(data, right, rtol=1e-8, atol=1e-11)

    total = scalar(function, call, variables)
    if total.node is None:  # a constant: then the differences must vanish
        first = [np.zeros_like(array) for array in arrays]
    else:
        total.backward(create_graph=True)
        first = [np.zeros_like(v.data) if v.grad is None else v.grad.data for v in variables]
    h = 1e-6
    directions = [np.random.default_rng((5, i)).normal(size=array.shape) for i, array in enumerate(arrays)]

    def moved(step: float) -> list[Any]:
        return [array + step * direction for array, direction in zip(arrays, directions, strict=True)]

    slope = (scalar(function, call, moved(h)) - scalar(function, call, moved(-h))) / (2 * h)
    by_tape = sum(float(np.nansum(g * direction)) for g, direction in zip(first, directions, strict=True))
    np.testing.assert_allclose(by_tape, slope, rtol=2e-6, atol=2e-7)

    seconds = [Variable(array) for array in arrays]
    total = scalar(function, call, seconds)
    if total.node is None:
        return
    total.backward(create_graph=True)
    slope = Variable(np.zeros(())) * 1.0
    for variable, direction in zip(seconds, directions, strict=True):
        if variable.grad is not None:
            slope = slope + np.sum(variable.grad * direction)
    for variable in seconds:
        variable.cleargrad()
    slope.backward()
    for i, variable in enumerate(seconds):
        high, low = first_derivative(function, call, moved(h), i), first_derivative(function, call, moved(-h), i)
        second = np.zeros_like(variable.data) if variable.grad is None else variable.grad.data
        np.testing.assert_allclose(second, (high - low) / (2 * h), rtol=1e-5, atol=1e-5)


def first_derivative(function: Any, call: Any, arrays: Any, i: int) -> Any:
    variables = [Variable(array) for array in arrays]
    scalar(function, call, variables).backward()
    return np.zeros_like(arrays[i]) if variables[i].grad is None else variables[i].grad.data


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("function", "args", "options"), CASES)
def test_float32_stays_float32(function: Any, args: Any, options: Any) -> None:
    call = (args, options)
    singles = [array.astype(np.float32) for array in arrays_in(call)]
    plain_args, plain_options = replaced(call, iter(singles))
    expected = results_in(function(*plain_args, **plain_options))
    variables = [Variable(single) for single in singles]
    new_args, new_options = replaced(call, iter(variables))
    found = results_in(function(*new_args, **new_options))
    for result, right in zip(found, expected, strict=True):
        if isinstance(result, Variable):  # where NumPy itself computes in double, as interp does, float32 stays here
            assert result.dtype in (np.asarray(right).dtype, np.float32)
    for result in found:
        if isinstance(result, Variable) and result.requires_grad:
            result.sum().backward(retain_graph=True)
    assert all(v.grad is None or v.grad.dtype == np.float32 for v in variables)


@pytest.mark.parametrize("function", [np.stack, np.hstack, np.concatenate])
def test_numbers_beside_arrays_are_computed_in_the_type_too(function: Any) -> None:
    parts = [D, 2.0, D] if function is np.stack else [X, [1, 2]] if function is np.concatenate else [X, 2, [1.0]]
    variables = [Variable(part) if isinstance(part, np.ndarray) else part for part in parts]
    result, right = function(variables, dtype=np.float32), function(parts, dtype=np.float32)
    assert result.dtype == right.dtype
    np.testing.assert_array_equal(result.data, right)


@pytest.mark.parametrize(
    "call",
    [
        lambda v: np.gradient(v, axis=2), lambda v: np.gradient(v, np.arange(3.0), axis=(0, 1)),
        lambda v: np.gradient(v, edge_order=3), lambda v: np.rollaxis(v, 5), lambda v: np.take(v, [0], mode="full"),
        lambda v: np.choose([0], [v], mode="full"), lambda v: np.choose([1], [v]), lambda v: np.clip(v, 0, 1, max=2),
        lambda v: np.cov(v, ddof=0.5), lambda v: np.cov(v, aweights=[1.0, 2.0]), lambda v: np.cov(v, aweights=[-1.0, 1, 1]),
        lambda v: np.cov(v, fweights=[0, 0, 0]), lambda v: np.cov(np.stack([v, v])), lambda v: np.bincount([0, 1], v[0]),
        lambda v: np.vander(v), lambda v: np.geomspace(v, -v), lambda v: np.ldexp(v, 1.5), lambda v: np.sum(v, initial=v),
        lambda v: np.nansum(v, initial=v), lambda v: np.linalg.outer(v, v), lambda v: np.add.accumulate(v, axis=None),
        lambda v: np.lib.stride_tricks.sliding_window_view(v, 9, axis=0), lambda v: np.nanmedian(v[:0]),
        lambda v: np.polyfit(v[0], v[0, :2], 1), lambda v: np.insert(v, 9, 0.0, axis=0), lambda v: np.insert(v, 0, v),
    ],
)  # fmt: skip
def test_what_numpy_refuses_is_refused(call: Any) -> None:
    array = S[:3, :3]
    if not {"nanmedian", "geomspace"} & set(call.__code__.co_names):  # to which NumPy says nan
        with pytest.raises((ValueError, IndexError, TypeError, RuntimeError, ZeroDivisionError)):
            call(array)
    with pytest.raises((ValueError, IndexError, TypeError)):
        call(Variable(array))


def test_powers_of_two_beyond_what_a_float_holds() -> None:
    v = Variable(np.array([2.0**-1050, 1.0]))
    np.testing.assert_array_equal(np.ldexp(v, np.array([1040, 1])).data, [2.0**-10, 2.0])
    mantissa, exponent = np.frexp(v)
    np.testing.assert_array_equal(mantissa.data, [0.5, 0.5])
    np.testing.assert_array_equal(exponent, [-1049, 1])


@pytest.mark.parametrize(
    "function",
    [np.sum, np.mean, np.prod, np.var, np.std, np.cumsum, np.cumprod, np.nansum, np.nanmean, np.nanvar, np.nancumsum]
    + [np.cumulative_sum, np.cumulative_prod, np.trace, np.linalg.trace, np.cov, np.corrcoef, np.zeros_like, np.add.reduce]
    + [np.multiply.reduce, np.exp, lambda v, dtype: np.add(v, 1, dtype=dtype), lambda v, dtype: np.stack([v, v], dtype=dtype)]
    + [lambda v, dtype: np.concatenate([v, A[0]], dtype=dtype), lambda v, dtype: np.linspace(v, 1, 3, dtype=dtype)]
    + [lambda v, dtype: np.logspace(v, 1.0, 3, dtype=dtype), lambda v, dtype: np.geomspace(v + 5, 1.0, 3, dtype=dtype)],
)  # fmt: skip
def test_types_to_compute_in(function: Any) -> None:
    array = S if function in (np.trace, np.linalg.trace, np.cov, np.corrcoef) else X
    if getattr(function, "__code__", None) is not None and "concatenate" in function.__code__.co_names:
        array = A[1]
    for source, target in ((np.float32, np.float64), (np.float64, np.float32)):
        data = array.astype(source)
        result, right = function(Variable(data), dtype=target), function(data, dtype=target)
        assert result.dtype == right.dtype == target
        np.testing.assert_allclose(result.data, right, rtol=1e-5)


@pytest.mark.parametrize("function", [np.mean, np.var, np.std, np.nanmean, np.exp, np.trace])
def test_types_without_a_derivative_to_compute_in_are_refused(function: Any) -> None:
    v = Variable(S)
    with pytest.raises(InputError, match="dtype="):
        function(v, dtype=complex)
    with pytest.raises(InputError, match="dtype="):
        function(v, dtype=int)
    c = v.detach()
    if function not in (np.exp, np.nanmean):  # which NumPy refuses as well
        np.testing.assert_array_equal(function(c, dtype=int).data, function(S, dtype=int))


# What NumPy may not take away in silence


def test_arrays_are_not_made_of_variables_that_need_a_gradient() -> None:
    for data in (np.array(2.0), np.array([1.0, 2.0]), np.array([2.0])):
        v = Variable(data)
        for make in (
            np.asarray,
            np.array,
            np.asanyarray,
            np.ascontiguousarray,
            np.float32,
            lambda x: np.array([x, x]),
            lambda x: np.array([x, 1.0], dtype=object),
            lambda x: np.full((2,), x),
            lambda x: np.r_[x, x],
            lambda x: np.vectorize(math.sin)(x),
            lambda x: np.random.default_rng(0).normal(x),
            lambda x: np.exp([x, [x]]) if x.ndim else np.array([[x]]),
            lambda x: np.zeros(3).dot(x),
        ):
            with pytest.raises((WengertError, ValueError)):
                make(v)


def test_the_message_names_the_ways_out() -> None:
    with pytest.raises(
        DtypeError, match=r"(?s)derivative would be lost.*\(2,\) float64  speed.*np\.stack.*np\.zeros_like.*functions\.zeros.*variable\.data.*no gradient"
    ):
        np.asarray(Variable(np.ones(2), name="speed"))


def test_constants_become_arrays() -> None:
    v = Variable(np.array([1.0, 2.0], np.float32), requires_grad=False)
    assert np.asarray(v) is v.data
    assert np.array(v) is not v.data
    assert np.asarray(v, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy"):
        np.asarray(v, dtype=np.float64, copy=False)
    assert np.array([v, v]).shape == (2, 2)
    with no_grad():
        np.testing.assert_array_equal(np.asarray(Variable(np.ones(2))), np.ones(2))


@pytest.mark.parametrize("index", [0, slice(None), [0, 1], np.array([True, False]), Ellipsis, (), (slice(None), None)])
@pytest.mark.parametrize("shape", [(), (1,), (2,)])
def test_assignment_into_an_array_raises(index: Any, shape: Any) -> None:
    out = np.zeros(()) if isinstance(index, tuple) and not index else np.zeros(2)
    with pytest.raises((DtypeError, ValueError)):
        out[index] = Variable(np.ones(shape))
    np.testing.assert_array_equal(out, np.zeros_like(out))


def test_numbers_are_not_made_of_variables_that_need_a_gradient() -> None:
    v = Variable(np.array(2.0))
    for make in (float, math.sin, np.float64, complex, np.zeros(2).fill, lambda x: np.fromiter([x], float)):
        with pytest.raises((DtypeError, ValueError)):
            make(v)
    assert v.item() == 2.0
    assert f"{v:.1f}" == "2.0"
    assert float(Variable(np.array(2))) == 2.0
    with no_grad():
        assert float(v) == 2.0


def test_in_place_operators_on_an_array_raise() -> None:
    v, a = Variable(np.ones(2)), np.zeros(2)
    with pytest.raises(NotDifferentiableError, match="a = a \\+ b"):
        a += v
    with pytest.raises(NotDifferentiableError):
        a **= v
    with pytest.raises(NotDifferentiableError):
        np.add.at(a, [0], v)
    with pytest.raises(NotDifferentiableError):
        np.add(v, v, out=a)
    with pytest.raises(NotDifferentiableError, match="out="):
        np.sum(v, out=np.zeros(()))
    m = np.eye(2)
    with pytest.raises(NotDifferentiableError):
        m @= Variable(np.eye(2))
    np.testing.assert_array_equal(a, np.zeros(2))
    assert a.dtype == np.float64


def test_in_place_operators_with_constants_write() -> None:
    a, c = np.zeros(2), Variable(np.ones(2), requires_grad=False)
    before = a
    a += c
    assert a is before
    np.testing.assert_array_equal(a, np.ones(2))
    assert np.add(c, c, out=c) is c
    np.testing.assert_array_equal(c.data, [2.0, 2.0])


def test_in_place_operators_on_a_variable_change_it() -> None:
    v = Variable(np.ones(2))
    total = same = v * 3.0
    total += np.ones(2)
    assert total is same
    np.testing.assert_array_equal(same.data, [4.0, 4.0])
    (same * same).sum().backward()
    np.testing.assert_array_equal(v.grad.data, [24.0, 24.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda v: np.add(v, v, where=np.array([True, False])),
        lambda v: np.max(v, where=np.array([True, False])),
        lambda v: np.quantile(v, 0.3, method="lower"),
        lambda v: np.reshape(v, (1, 2), order="A"),
        lambda v: np.quantile(v, 0.3, weights=v),
        lambda v: np.std(v, ddof=1, correction=0),
        lambda v: np.unique(v, equal_nan=False, sorted=False) if VERSION >= (2, 3) else np.sort(v, order="x"),
        lambda v: np.sort(v, order="x"),
        lambda v: np.setdiff1d(v, v, assume_unique=True),
        lambda v: np.intersect1d(v, v, return_indices=True),
        lambda v: np.linalg.svd(v * np.eye(2), hermitian=True),
        lambda v: np.linalg.pinv(v * np.eye(2), hermitian=True),
        lambda v: np.linalg.pinv(v * np.eye(2), 1e-3, rtol=1e-3),
        lambda v: np.linalg.qr(v * np.eye(2), "raw"),
        lambda v: np.linalg.eigh(v * np.eye(2), "M"),
        lambda v: np.linalg.norm(v, "fro"),
        lambda v: np.polyfit(v, v, 1, w=v),
        lambda v: np.polyint(v, k=1.0),
        lambda v: np.pad(v, 1, mode="linear_ramp"),
        lambda v: np.pad(v, 1, mode="maximum", stat_length=1),
        lambda v: np.logspace(v, 1.0, 2, base=np.ones(2)),
        lambda v: np.matmul(v, v, axes=[0, 0, ()]),
        lambda v: np.fmax.reduce(v, where=np.array([True, False]), initial=0.0),
    ],
)
def test_arguments_that_cannot_be_honoured_are_refused(call: Any) -> None:
    with pytest.raises(InputError, match="Fix"):
        call(Variable(np.ones(2)))


def test_arguments_that_cannot_be_recorded_are_honoured_on_constants() -> None:
    c = Variable(np.array([3.0, 1.0, 2.0]), requires_grad=False)
    assert np.quantile(c, 0.3, method="lower").data == np.quantile(c.data, 0.3, method="lower")
    np.testing.assert_array_equal(np.linalg.pinv(c * np.eye(3), hermitian=True).data, np.diag([1 / 3, 1.0, 0.5]))
    np.testing.assert_array_equal(np.insert(c * np.eye(3), 1, 0.0, axis=0).data, np.insert(c.data * np.eye(3), 1, 0.0, 0))
    with pytest.raises(ValueError, match="Quantiles must be in the range"):
        np.quantile(c, 2.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda v: np.histogram(v),
        lambda v: np.linalg.eig(v * np.eye(2)),
        lambda v: np.roots(v),
        lambda v: np.i0(v),
        lambda v: np.spacing(v),
        lambda v: np.emath.sqrt(v),
        lambda v: np.polydiv(v, v),
        lambda v: np.put(np.zeros(2), [0, 1], v),
        lambda v: np.copyto(np.zeros(2), v),
        lambda v: np.nextafter.reduce(v),
        lambda v: np.nextafter.accumulate(v),
        lambda v: np.nextafter.reduceat(v, [0, 1]),
    ],
)
def test_functions_without_a_derivative_raise(call: Any) -> None:
    with pytest.raises(NotDifferentiableError, match=r"(?s)numpy\..*Fix"):
        call(Variable(np.ones(2)))


def test_every_numpy_function_differentiates_or_raises() -> None:
    """Whatever is not in the tables must raise for a Variable that needs a gradient, and not fall through to NumPy."""
    for module in (np, np.linalg, np.fft):
        for name in dir(module):
            function = getattr(module, name)
            if not isinstance(function, type(np.sum) | np.ufunc) or numpy_protocol.find(function):
                continue
            if function in WRITES:
                continue
            if isinstance(function, np.ufunc):
                inputs = (Variable(np.ones((2, 2))),) * function.nin
                with pytest.raises(NotDifferentiableError, match=f"numpy.{function.__name__}"):
                    function(*inputs)
            elif not numpy_protocol.is_constant(function):
                with pytest.raises(NotDifferentiableError, match=f"{function.__name__}"):
                    numpy_protocol.call_function(function, (Variable(np.ones((2, 2))),), {})


def test_functions_without_a_derivative_run_on_constants() -> None:
    c = Variable(np.array([3.0, 1.0, 3.0]), requires_grad=False)
    values, counts = np.unique_counts(c)
    assert isinstance(values, Variable)
    assert not values.requires_grad
    np.testing.assert_array_equal(counts.data, [1, 2])
    np.testing.assert_array_equal(np.sum(c, where=np.array([True, False, True])).data, 6.0)
    with no_grad():
        np.testing.assert_array_equal(np.histogram(Variable(np.ones(3)), 1)[0].data, [3])
    assert np.max(c, initial=5.0).data == 5.0
    np.testing.assert_array_equal(np.add(c, 1, where=True, dtype=np.float32).data, np.float32([4, 2, 4]))


def test_questions_about_an_array_are_answered() -> None:
    v = Variable(A)
    assert np.shape(v) == (3, 4)
    assert np.ndim(v) == 2
    assert np.size(v) == 12
    assert np.size(v, 0) == 3
    assert np.allclose(v, A)
    assert not np.array_equal(v, B)
    assert np.result_type(v, np.float32) == np.float64
    assert np.count_nonzero(v) == 12
    assert np.iscomplexobj(v) is False
    assert np.argmax(v).data == np.argmax(A)
    np.testing.assert_array_equal(np.argsort(v, axis=0, kind="stable").data, np.argsort(A, axis=0))
    np.testing.assert_array_equal(np.isclose(v, A).data, np.ones((3, 4), bool))
    np.testing.assert_array_equal(np.argwhere(v > 1).data, np.argwhere(A > 1))
    assert np.searchsorted(np.sort(v, axis=None), 0.1).data == np.searchsorted(np.sort(A, axis=None), 0.1)
    assert np.all(v < 10)
    assert np.any(v < 0)
    np.testing.assert_array_equal(A[v > 0], A[A > 0])
    np.testing.assert_array_equal(np.where(v > 0)[1].data, np.where(A > 0)[1])


# Complex numbers, which have no derivative here, and arrays that are more than arrays

I = np.array([1j, 2.0])  # noqa: E741


@pytest.mark.parametrize(
    "call",
    [
        lambda v: v * 1j,
        lambda v: 1j * v,
        lambda v: v**1j,
        lambda v: np.exp(1j * v),
        lambda v: np.multiply(v, 2.0, dtype=complex),
        lambda v: np.sum(v, dtype=complex),
        lambda v: np.cumsum(v, dtype=complex),
        lambda v: np.mean(v, dtype=complex),
        lambda v: v.astype(complex),
        lambda v: v.copy().__setitem__(0, 1j),
    ],
)
def test_complex_numbers_are_refused(call: Any) -> None:
    with pytest.raises((DtypeError, InputError), match=r"complex|dtype=|real floating"):
        call(Variable(np.array([1.0, 2.0])))


@pytest.mark.parametrize(
    "call",
    [
        lambda v: v + np.complex64(1j),
        lambda v: np.complex128(1j) - v,
        lambda v: v * I,
        lambda v: I / v,
        lambda v: I**v,
        lambda v: v @ I,
        lambda v: v * Variable(I),
        lambda v: np.add(v, I),
        lambda v: np.multiply.outer(v, I),
        lambda v: np.where(v > 1, v, I),
        lambda v: np.concatenate([v, I]),
        lambda v: np.stack([v, I]),
        lambda v: np.einsum("i,i", v, I),
        lambda v: np.dot(v, I),
        lambda v: np.kron(v, I),
        lambda v: np.average(v, weights=I),
        lambda v: np.interp(v, [0.0, 1.0, 5.0], np.array([1j, 1.0, 2.0])),
        lambda v: np.polyval(I, v),
        lambda v: np.convolve(v, I),
        lambda v: np.linalg.solve(np.eye(2) * 1j, v),
        lambda v: np.linalg.lstsq(v * np.eye(2), I),
        lambda v: F.where(v > 1, v, I),
        lambda v: F.concat([v, I]),
        lambda v: F.maximum(v, I),
    ],
)
def test_complex_results_are_refused(call: Any) -> None:
    with pytest.raises(DtypeError, match="complex numbers have no gradient"):
        call(Variable(np.array([1.0, 2.0])))


def test_complex_constants_are_computed_with() -> None:
    c = Variable(I)
    np.testing.assert_array_equal((c * Variable(np.ones(2), requires_grad=False)).data, I)
    with no_grad():
        np.testing.assert_array_equal((Variable(np.ones(2)) * c).data, I)
        assert Variable(np.ones(2)).astype(complex).dtype == complex


class Quantity(np.ndarray):
    """An array that is more than one, as of a unit."""


def test_masked_arrays_on_the_left_are_refused() -> None:
    masked = np.ma.masked_array(S[:2, :2], mask=np.eye(2))
    for call in (lambda v: masked * v, lambda v: masked - v, lambda v: np.ma.multiply(masked, v), lambda v: Variable(masked)):
        with pytest.raises(DtypeError):
            call(Variable(np.ones((2, 2))))


@pytest.mark.parametrize("other", [np.ma.masked_array(S[:2, :2], mask=np.eye(2)), S[:2, :2].view(Quantity)])
@pytest.mark.parametrize(
    "call",
    [
        lambda v, a: v * a,
        lambda v, a: v - a,
        lambda v, a: v @ a,
        lambda v, a: a @ v,
        lambda v, a: np.add(v, a),
        lambda v, a: np.add(a, v),
        lambda v, a: np.where(v > 1, v, a),
        lambda v, a: np.concatenate([v, a]),
        lambda v, a: np.einsum("ij,jk", v, a),
        lambda v, a: F.multiply(v, a),
        lambda v, a: F.concat([a, v]),
        lambda v, a: F.where(v > 1, v, a),
        lambda v, a: v.copy().__setitem__(slice(None), a),
    ],
)
def test_arrays_that_are_more_than_arrays_are_refused(call: Any, other: Any) -> None:
    for requires_grad in (True, False):
        with pytest.raises(DtypeError):
            call(Variable(np.ones((2, 2)), requires_grad=requires_grad), other)


def test_arrays_in_files_are_arrays(tmp_path: Any) -> None:
    stored = np.memmap(tmp_path / "numbers", dtype=float, mode="w+", shape=(2,))
    np.testing.assert_array_equal((Variable(np.ones(2)) + stored).data, [1.0, 1.0])


# Operators between arrays, NumPy's numbers and Variables


@pytest.mark.parametrize(
    "left", [np.arange(2.0) + 1, np.float64(2.0), np.float32(2.0), np.int64(2), np.array(2.0), 2, 2.5]
)
def test_operators_with_an_array_on_either_side(left: Any) -> None:
    v = np.array([1.5, 2.5])
    for operator in (
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a * b,
        lambda a, b: a / b,
        lambda a, b: a**b,
        lambda a, b: a // b,
        lambda a, b: a % b,
        lambda a, b: a < b,
        lambda a, b: a == b,
        lambda a, b: a != b,
        lambda a, b: a >= b,
    ):
        for swap in (False, True):
            pair = (v, left) if swap else (left, v)
            expected = operator(*pair)
            found = operator(*((Variable(v), left) if swap else (left, Variable(v))))
            assert isinstance(found, Variable)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found.data, expected)


def test_numpys_numbers_are_strong_as_in_numpy() -> None:
    v = Variable(np.ones(2, np.float32))
    assert (np.float64(2.0) * v).dtype == np.float64
    assert (v * np.float64(2.0)).dtype == np.float64
    assert (2.0 * v).dtype == np.float32
    assert (v ** np.float32(2)).dtype == np.float32


def test_lists_in_functions_are_read() -> None:
    v = Variable(np.ones(2))
    total = np.add(v, [v[0], 2.0 * v[1]]).sum()
    total.backward()
    np.testing.assert_array_equal(v.grad.data, [2.0, 3.0])


def test_new_arrays_in_the_likeness_of_a_variable() -> None:
    v = Variable(np.ones(2))
    assert isinstance(np.zeros(3, like=v), Variable)
    out = np.zeros(2, like=v)
    out[0] = v[1] * 3.0
    out.sum().backward()
    np.testing.assert_array_equal(v.grad.data, [0.0, 3.0])


def test_matmul_with_an_array_on_either_side() -> None:
    v = Variable(A)
    assert (C @ v).shape == (4, 4)
    assert (v @ C).shape == (3, 3)
    assert isinstance(np.matmul(C, v), Variable)


def test_other_libraries_work_through_numpys_functions() -> None:
    jnp = pytest.importorskip("jax.numpy")
    v = Variable(jnp.ones((2, 3)))
    out = np.sum(np.sin(v) * 2, axis=0)
    assert isinstance(out.data, jnp.ndarray)
    out.sum().backward()
    np.testing.assert_allclose(v.grad.data, 2 * np.cos(np.ones((2, 3))), rtol=1e-6)
    assert np.shape(v) == (2, 3)
    with pytest.raises(DtypeError, match="copy"):
        np.array_equiv(v, v)


def test_results_with_names() -> None:
    v = Variable(S @ S.T)
    assert np.linalg.eigh(v).eigenvalues.shape == (4,)
    assert np.linalg.slogdet(v).sign.data == 1.0
    assert np.linalg.svd(v).Vh.shape == (4, 4)
    assert np.linalg.qr(v).R.shape == (4, 4)


def test_entries_that_are_left_out() -> None:
    v = Variable(np.array([0.0, 3.0, 0.0, 3.0, 2.0, 0.0]))
    for result, expected, gradient in (
        (np.trim_zeros(v), [3.0, 0.0, 3.0, 2.0], [0.0, 1.0, 1.0, 1.0, 1.0, 0.0]),
        (np.trim_zeros(v, "f"), [3.0, 0.0, 3.0, 2.0, 0.0], [0.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
        (np.unique(v), [0.0, 2.0, 3.0], [1.0, 1.0, 0.0, 0.0, 1.0, 0.0]),
        (np.unique_values(v), [0.0, 2.0, 3.0], [1.0, 1.0, 0.0, 0.0, 1.0, 0.0]),
        (np.union1d([5.0, 2.0], v), [0.0, 2.0, 3.0, 5.0], [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]),
    ):
        np.testing.assert_array_equal(result.data, expected)
        v.cleargrad()
        result.sum().backward()
        np.testing.assert_array_equal(v.grad.data, gradient)


def test_functions_of_others_are_not_taken_by_their_name() -> None:
    """Whatever is called as a function of wengert.functions is called, in NumPy's other spaces and in SciPy."""
    v, c = Variable(np.array([0.3, 0.7])), Variable(np.array([0.3, 0.7]), requires_grad=False)
    sin = np.frompyfunc(lambda x: 2 * x, 1, 1)
    own = np.vectorize(np.sum)  # no ufunc, and of no module of NumPy's
    assert numpy_protocol.find(own) is None
    assert numpy_protocol.find(sin) is None
    with pytest.raises(NotDifferentiableError, match="there is no derivative"):
        sin(v)
    for space in (np.char, np.strings, np.emath, np.ma, np.rec, np.lib.scimath, special):
        for name in set(dir(space)) & set(F.__all__):
            theirs = getattr(space, name)
            ours = numpy_protocol.find(theirs) if isinstance(theirs, type(np.sum) | np.ufunc) else None
            if ours is None or theirs is getattr(np, name, None):
                continue
            assert space is special
            with np.errstate(all="ignore"):
                right = theirs(*[c.data] * theirs.nin)
                np.testing.assert_allclose(ours(*[v] * theirs.nin).data, right, rtol=1e-13)
    with pytest.raises(NotDifferentiableError, match=r"emath|scimath"):
        np.emath.sqrt(v)
    np.testing.assert_array_equal(special.kl_div(v, c).data, special.kl_div(c.data, c.data))


@pytest.mark.parametrize("space", [np, np.linalg, np.fft, np.lib.stride_tricks])
def test_a_function_is_found_by_itself(space: Any) -> None:
    """One that is called the same, and is another, is not."""

    class Impostor:
        def __init__(self, function: Any) -> None:
            self.__name__, self.__module__ = function.__name__, function.__module__

    for name in dir(space):
        function = getattr(space, name)
        if isinstance(function, type(np.sum) | np.ufunc):
            assert numpy_protocol.find(Impostor(function)) is None
            assert not numpy_protocol.is_constant(Impostor(function))


def test_functions_are_the_ones_of_the_namespace() -> None:
    for name, ours in {"sin": F.sin, "absolute": F.abs, "arctan2": F.atan2, "matmul": F.matmul}.items():
        assert numpy_protocol.find(getattr(np, name)) is ours
