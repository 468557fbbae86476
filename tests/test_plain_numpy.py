"""Plain NumPy code, as scientists write it, differentiates as it stands.

Each piece below knows nothing of Wengert.  It is run on float64 arrays and on Variables; values must agree, and first
and second derivatives must agree with central differences of the plain NumPy function.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from wengert import Variable, grad


@dataclass(frozen=True)
class Piece:
    """A scalar function of float64 arrays, and arguments to try it with."""

    function: Callable[..., Any]
    args: tuple[Any, ...]


PIECES: list[Any] = []


def piece(*args: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put a function among the pieces, to be tried with these arguments."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        arrays = tuple(np.asarray(arg, dtype=float) for arg in args)
        PIECES.append(pytest.param(Piece(function, arrays), id=function.__name__))
        return function

    return add


rng = np.random.default_rng(20261120)


# Regression and classification


@piece(rng.normal(size=7), 0.4)
def kernel_regression(y, bandwidth):
    """Nadaraya-Watson estimate, leave one out."""
    x = np.linspace(0.0, 1.0, 7)
    distance = (x[:, np.newaxis] - x[np.newaxis, :]) / bandwidth
    kernel = np.exp(-0.5 * distance**2) / np.sqrt(2 * np.pi)
    kernel = kernel * (1 - np.eye(7))
    estimate = np.dot(kernel, y) / np.sum(kernel, axis=1)
    return np.mean((y - estimate) ** 2)


@piece(rng.normal(size=(4, 3)), rng.normal(size=3))
def softmax_regression(W, b):
    X = np.sin(np.arange(24.0)).reshape(6, 4)
    labels = np.array([0, 2, 1, 1, 0, 2])
    scores = X @ W + b
    scores = scores - np.max(scores, axis=1, keepdims=True)
    log_p = scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(6), labels]) + 0.01 * np.sum(W**2)


@piece(rng.normal(size=(3, 5)) * 0.5, rng.normal(size=5) * 0.1, rng.normal(size=5), 0.3)
def two_layer_network(W1, b1, w2, b2):
    X = np.cos(np.arange(12.0)).reshape(4, 3)
    hidden = np.tanh(np.dot(X, W1) + b1)
    output = 1 / (1 + np.exp(-(hidden.dot(w2) + b2)))
    target = np.array([0.0, 1.0, 1.0, 0.0])
    return -np.sum(target * np.log(output) + (1 - target) * np.log(1 - output))


@piece(rng.normal(size=8))
def polynomial_fit(y):
    """Where the fitted cubic stands at 0.3, and how badly it fits."""
    x = np.linspace(-1, 1, 8)
    A = np.vander(x, 4)
    coefficients = np.linalg.solve(A.T @ A, A.T @ y)
    return np.polyval(coefficients, 0.3) ** 2 + np.linalg.norm(y - np.polyval(coefficients, x))


@piece(rng.normal(size=9) + 2)
def polyfit_and_derivative(y):
    x = np.linspace(0, 2, 9)
    p = np.polyfit(x, y, 3)
    return np.polyval(np.polyder(p), 1.2) * np.polyval(np.polymul(p, [1.0, -1.0]), 0.5)


@piece(rng.normal(size=(6, 3)), rng.normal(size=6), 0.7)
def ridge_regression(X, y, strength):
    w = np.linalg.inv(X.T @ X + strength * np.eye(3)) @ X.T @ y
    residual = y - X @ w
    return np.vdot(residual, residual) + strength * np.linalg.norm(w, 1)


# Probability


@piece(rng.normal(size=3), rng.normal(size=(3, 3)) + 3 * np.eye(3), rng.normal(size=(5, 3)))
def gaussian_log_likelihood(mean, root, X):
    covariance = root @ root.T + np.eye(3)
    L = np.linalg.cholesky(covariance)
    apart = np.linalg.solve(L, (X - mean).T)
    sign, logdet = np.linalg.slogdet(covariance)
    n, d = X.shape
    return -0.5 * np.sum(apart**2) - 0.5 * n * (logdet + d * np.log(2 * np.pi))


@piece(rng.normal(size=3), rng.normal(size=3), rng.normal(size=3))
def mixture_density(means, log_scales, scores):
    data = np.array([-1.0, 0.2, 0.5, 2.0, 3.1])
    weights = np.exp(scores) / np.exp(scores).sum()
    scales = np.exp(log_scales)
    z = (data[:, None] - means) / scales
    densities = np.exp(-z * z / 2) / (scales * np.sqrt(2 * np.pi))
    return np.log(np.average(densities, axis=1, weights=np.ones(3)) * 3 + densities @ weights).sum()


@piece(rng.normal(size=(3, 3)), rng.normal(size=(3, 4)), rng.normal(size=3))
def hmm_forward(transitions, emissions, start):
    """Log likelihood of a sequence of observations, by the forward algorithm in logarithms."""

    def logsumexp(a, axis):
        top = np.max(a, axis=axis, keepdims=True)
        return np.squeeze(top, axis=axis) + np.log(np.sum(np.exp(a - top), axis=axis))

    A = transitions - np.expand_dims(logsumexp(transitions, 1), 1)
    B = emissions - np.expand_dims(logsumexp(emissions, 1), 1)
    alpha = start - logsumexp(start, 0) + B[:, 0]
    for observed in [2, 1, 3, 0, 2]:
        alpha = logsumexp(alpha[:, None] + A, axis=0) + B[:, observed]
    return np.logaddexp.reduce(alpha)


@piece(np.array([0.5, -0.2, 1.0]), np.array([0.1, 0.3]), 0.4)
def kalman_filter(observations, state, noise):
    F = np.array([[1.0, 0.1], [0.0, 1.0]])
    H = np.array([[1.0, 0.0]])
    P = np.eye(2)
    loss = 0.0
    for z in observations:
        state = F @ state
        P = F @ P @ F.T + noise * np.eye(2)
        S = H @ P @ H.T + 0.5
        K = P @ H.T @ np.linalg.inv(S)
        innovation = z - H @ state
        loss = loss + np.log(S[0, 0]) + innovation @ np.linalg.solve(S, innovation)
        state = state + K @ innovation
        P = (np.eye(2) - K @ H) @ P
    return 0.5 * loss


@piece(100.0, 105.0, 0.5, 0.03, 0.25)
def black_scholes(spot, strike, years, rate, volatility):
    def cdf(x):
        """Abramowitz and Stegun 26.2.17."""
        t = 1 / (1 + 0.2316419 * np.abs(x))
        tail = (
            np.exp(-x * x / 2)
            / np.sqrt(2 * np.pi)
            * np.polyval([1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.319381530, 0.0], t)
        )
        return np.where(x >= 0, 1 - tail, tail)

    d1 = (np.log(spot / strike) + (rate + volatility**2 / 2) * years) / (volatility * np.sqrt(years))
    d2 = d1 - volatility * np.sqrt(years)
    return spot * cdf(d1) - strike * np.exp(-rate * years) * cdf(d2)


@piece(rng.normal(size=(3, 10)))
def portfolio(returns):
    """Sharpe ratio of the minimum variance portfolio, less its worst fall."""
    covariance = np.cov(returns)
    weights = np.linalg.solve(covariance, np.ones(3))
    weights /= np.sum(weights)
    path = np.cumsum(weights @ returns)
    fall = np.max(np.maximum.accumulate(path) - path)
    return np.mean(weights @ returns) / np.std(weights @ returns, ddof=1) - 0.1 * fall + np.corrcoef(returns)[0, 1]


# Linear algebra


@piece(rng.normal(size=(8, 4)))
def principal_components(X):
    """What is lost where the two largest components are kept."""
    X = X - X.mean(axis=0)
    values, vectors = np.linalg.eigh(X.T @ X / (len(X) - 1))
    kept = vectors[:, -2:]
    return np.sum((X - X @ kept @ kept.T) ** 2) + values[-1] / values.sum()


@piece(rng.normal(size=(5, 3)))
def low_rank_by_svd(A):
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    nearest = (U[:, :2] * s[:2]) @ Vt[:2]
    return np.linalg.norm(A - nearest, "fro") + np.linalg.norm(A, "nuc") + np.linalg.cond(A)


@piece(rng.normal(size=(4, 4)), rng.normal(size=4))
def conjugate_gradients(root, b):
    A = root @ root.T + 4 * np.eye(4)
    x = np.zeros_like(b)
    r = b - np.dot(A, x)
    p = np.copy(r)
    for _ in range(4):
        Ap = np.dot(A, p)
        alpha = np.inner(r, r) / np.inner(p, Ap)
        x = x + alpha * p
        new = r - alpha * Ap
        p = new + np.inner(new, new) / np.inner(r, r) * p
        r = new
    return np.dot(x, np.arange(4.0))


@piece(rng.normal(size=(3, 3)) * 0.3 + np.eye(3), rng.normal(size=3))
def least_squares_by_qr(A, b):
    Q, R = np.linalg.qr(A)
    x = np.linalg.solve(R, Q.T @ b)
    return np.sum(x**2) + np.trace(np.linalg.matrix_power(A, 3)) + np.log(np.abs(np.linalg.det(A)))


@piece(rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 4, 3)), rng.normal(size=(3, 3)))
def attention_by_einsum(q, k, v):
    scores = np.einsum("bqd,bdk->bqk", q, k) / np.sqrt(q.shape[-1])
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    mixed = np.einsum("bqk,kd->bqd", weights, v)
    return np.sum(np.tensordot(mixed, v, axes=([2], [0])) ** 2) + np.kron(v, v).sum()


# Mechanics


@piece(np.array([0.7, 0.1]), 9.81, 1.3)
def rk4_pendulum(state, gravity, length):
    def f(y):
        return np.array([1.0, 0.0]) * y[1] - np.array([0.0, 1.0]) * (gravity / length * np.sin(y[0]) + 0.1 * y[1])

    y, h = state, 0.05
    for _ in range(10):
        k1 = f(y)
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        k4 = f(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return 0.5 * (length * y[1]) ** 2 + gravity * length * (1 - np.cos(y[0]))


@piece(np.array([1.0, 1.2, 0.9]), 10.0, 28.0, 8 / 3)
def lorenz(position, sigma, rho, beta):
    dt = 0.01
    x, y, z = position
    track = []
    for _ in range(12):
        x, y, z = x + dt * sigma * (y - x), y + dt * (x * (rho - z) - y), z + dt * (x * y - beta * z)
        track.append(np.stack([x, y, z]))
    return np.sum(np.array([1.0, 0.5, 0.2]) * np.stack(track).mean(axis=0)) + np.vstack(track).std()


@piece(rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), rng.uniform(1, 2, size=4))
def n_body_energy(positions, velocities, masses):
    kinetic = 0.5 * np.sum(masses * np.sum(velocities**2, axis=1))
    potential = 0.0
    for i in range(len(masses)):
        for j in range(i + 1, len(masses)):
            potential -= masses[i] * masses[j] / np.linalg.norm(positions[i] - positions[j])
    momentum = np.cross(positions, velocities * masses[:, None]).sum(axis=0)
    return kinetic + potential + np.hypot(momentum[0], momentum[1])


@piece(rng.normal(size=(5, 3)))
def lennard_jones(positions):
    apart = positions[:, None, :] - positions[None, :, :]
    i, j = np.triu_indices(5, k=1)
    r2 = np.sum(apart**2, axis=-1)[i, j]
    s6 = 1 / (r2 + 0.3) ** 3
    return 4 * np.sum(s6**2 - s6)


@piece(np.array([0.3, -0.4, 0.8, 0.1, 0.5, -0.2]))
def robot_arm(angles):
    """How far the hand of an arm in the plane is from where it should be."""
    total = np.cumsum(angles)
    reach = np.array([np.linspace(1, 0.5, 6)])
    hand = np.concatenate([reach @ np.cos(total), reach @ np.sin(total)])
    R = np.block([[np.cos(total[-1:]), -np.sin(total[-1:])], [np.sin(total[-1:]), np.cos(total[-1:])]])
    return np.linalg.norm(hand - np.array([1.5, 2.0])) + np.sum((R @ hand) * np.array([0.1, 0.2]))


# Fields


@piece(rng.uniform(1, 2, size=12), 0.8)
def finite_volume_step(density, speed):
    """Three steps of upwind advection with a minmod limiter, on a ring."""
    u = density
    for _ in range(3):
        left, right = u - np.roll(u, 1), np.roll(u, -1) - u
        slope = np.where(left * right > 0, np.where(np.abs(left) < np.abs(right), left, right), 0.0)
        flux = speed * (u + 0.5 * (1 - 0.4) * slope)
        u = u - 0.4 * (flux - np.roll(flux, 1))
    return np.sum(u**2) - np.ptp(u)


@piece(np.exp(-(np.linspace(-3, 3, 15) ** 2)), 1.0)
def wave_equation(initial, speed):
    u, before = initial, initial
    for _ in range(6):
        bend = np.zeros_like(u)
        bend[1:-1] = u[2:] - 2 * u[1:-1] + u[:-2]
        u, before = 2 * u - before + 0.2 * speed**2 * bend, u
    return np.trapezoid(u**2, dx=0.4) + np.sum(np.gradient(u, 0.4) ** 2)


@piece(rng.normal(size=(5, 6)))
def heat_by_padding(field):
    for _ in range(3):
        padded = np.pad(field, 1, mode="edge")
        around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
        field = field + 0.1 * (around - 4 * field)
    dy, dx = np.gradient(field)
    return np.sum(np.sqrt(1 + dx**2 + dy**2))


@piece(rng.normal(size=(6, 7)), rng.normal(size=(3, 3)))
def convolution_by_loops(image, kernel):
    rows, columns = image.shape[0] - 2, image.shape[1] - 2
    out = []
    for i in range(rows):
        for j in range(columns):
            out.append(np.sum(image[i : i + 3, j : j + 3] * kernel))
    out = np.reshape(np.stack(out), (rows, columns))
    pooled = np.maximum(out, 0)[::2, ::2]
    return np.sum(pooled**2) + np.sum(np.tanh(out))


@piece(rng.normal(size=20), rng.normal(size=5))
def matched_filter(signal, template):
    response = np.convolve(signal, template[::-1], mode="same")
    other = np.correlate(signal, template, mode="full")
    bend = np.dot(np.diff(signal, n=2), np.hanning(18))
    return np.log(np.sum(np.exp(response))) + np.mean(np.abs(other) ** 1.5) + bend


@piece(np.array([0.1, 1.0, 0.5, 2.0, 1.3]), np.array([0.3, 1.7, 3.2]))
def interpolation(heights, places):
    knots = np.arange(5.0)
    linear = np.interp(places, knots, heights)
    smooth = np.interp(np.sin(places) + 1, knots, heights**2)
    return np.prod(linear) + np.sum(smooth * places) + np.percentile(heights, 40) * np.median(heights)


# Optimization


@piece(np.array([-1.2, 1.0, 0.5, 2.0]))
def rosenbrock(x):
    return sum(100.0 * (x[1:] - x[:-1] ** 2.0) ** 2.0 + (1 - x[:-1]) ** 2.0)


@piece(np.array([0.7, -0.3]))
def ackley(x):
    first = -20 * np.exp(-0.2 * np.sqrt(np.mean(np.square(x))))
    return first - np.exp(np.mean(np.cos(2 * np.pi * x))) + 20 + np.e


@piece(np.array([1.0, 2.0, 3.0]))
def newton_square_roots(x):
    """Differentiated through the iteration itself."""
    root = np.ones_like(x)
    for _ in range(6):
        root = 0.5 * (root + x / root)
    return np.prod(root) * np.sum(np.reciprocal(root))


@piece(rng.normal(size=(4, 4)))
def sinkhorn(cost):
    """Optimal transport with entropy, six rounds."""
    K = np.exp(-cost / 0.5)
    u = np.ones(4)
    for _ in range(6):
        v = 0.25 / (K.T @ u)
        u = 0.25 / (K @ v)
    plan = u[:, None] * K * v[None, :]
    return np.sum(plan * cost) + np.sum(np.outer(u, v)) * 0.01


@piece(rng.normal(size=(3, 4)), rng.normal(size=(3, 4)))
def procrustes(X, Y):
    """Turning one cloud of points onto another, with sorting and selecting on the way."""
    X, Y = X - np.mean(X, axis=1, keepdims=True), Y - np.mean(Y, axis=1, keepdims=True)
    U, _, Vt = np.linalg.svd(Y @ X.T)
    apart = np.linalg.norm(U @ Vt @ X - Y, axis=0)
    worst = np.sort(apart)[-2:]
    return np.sum(worst) + np.take(apart, [0, 1]).prod() + np.clip(apart, 0.1, 5.0).var()


@piece(rng.normal(size=6), rng.normal(size=6))
def time_series(noise, start):
    """An autoregression written entry by entry, as one does in NumPy."""
    series = np.zeros_like(noise)
    series[0] = start[0]
    for t in range(1, len(noise)):
        series[t] = 0.7 * series[t - 1] + noise[t] * np.exp(0.1 * series[t - 1])
    windows = np.lib.stride_tricks.sliding_window_view(series, 3)
    return np.sum(windows.std(axis=1)) + np.nansum(np.where(series > 0, series, np.nan)) + np.dot(start, series)


def gradients(function: Callable[..., Any], args: tuple[Any, ...]) -> list[Any]:
    """The first derivatives, by the tape."""
    variables = [Variable(arg) for arg in args]
    function(*variables).backward()
    return [variable.grad.data for variable in variables]


def test_pieces_are_many() -> None:
    assert len(PIECES) >= 30


@pytest.mark.parametrize("piece", PIECES)
def test_the_value_is_that_of_numpy(piece: Piece) -> None:
    variables = [Variable(arg.copy()) for arg in piece.args]
    value = piece.function(*variables)
    assert isinstance(value, Variable)
    assert value.shape == ()
    np.testing.assert_allclose(value.data, piece.function(*piece.args), rtol=1e-9)
    for variable, arg in zip(variables, piece.args, strict=True):
        np.testing.assert_array_equal(variable.data, arg)


@pytest.mark.parametrize("piece", PIECES)
def test_grad_takes_them_as_they_are(piece: Piece) -> None:
    found = grad(piece.function, tuple(range(len(piece.args))))(*piece.args)
    for gradient, expected in zip(found, gradients(piece.function, piece.args), strict=True):
        np.testing.assert_allclose(np.asarray(gradient), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("piece", PIECES)
def test_first_derivatives_agree_with_differences(piece: Piece) -> None:
    found = gradients(piece.function, piece.args)
    for i, arg in enumerate(piece.args):
        expected = np.empty_like(arg)
        for place in np.ndindex(*arg.shape):
            step = np.zeros_like(arg)
            step[place] = 1e-6 * max(1.0, abs(arg[place]))
            above = piece.function(*piece.args[:i], arg + step, *piece.args[i + 1 :])
            below = piece.function(*piece.args[:i], arg - step, *piece.args[i + 1 :])
            expected[place] = (above - below) / (2 * step[place])
        scale = max(1.0, float(np.max(np.abs(expected))))
        np.testing.assert_allclose(found[i], expected, rtol=1e-5, atol=1e-7 * scale)


@pytest.mark.parametrize("piece", PIECES)
def test_second_derivatives_agree_with_differences(piece: Piece) -> None:
    directions = np.random.default_rng(7)
    u = [directions.normal(size=arg.shape) for arg in piece.args]
    w = [directions.normal(size=arg.shape) for arg in piece.args]

    variables = [Variable(arg) for arg in piece.args]
    piece.function(*variables).backward(create_graph=True)
    slope = sum(np.sum(variable.grad * part) for variable, part in zip(variables, u, strict=True))
    for variable in variables:
        variable.cleargrad()
    slope.backward()
    products = [np.zeros_like(v.data) if v.grad is None else v.grad.data for v in variables]  # the Hessian times u

    def moved(along_u: float, along_w: float) -> tuple[Any, ...]:
        return tuple(arg + along_u * a + along_w * b for arg, a, b in zip(piece.args, u, w, strict=True))

    h = 1e-4
    f = piece.function
    plain = (f(*moved(h, h)) - f(*moved(h, -h)) - f(*moved(-h, h)) + f(*moved(-h, -h))) / (4 * h * h)
    by_tape = sum(np.sum(product * part) for product, part in zip(products, w, strict=True))
    scale = max(1.0, abs(float(f(*piece.args))), *(float(np.max(np.abs(product))) for product in products))
    np.testing.assert_allclose(by_tape, plain, rtol=1e-4, atol=1e-5 * scale)

    h = 1e-5
    above, below = gradients(f, moved(h, 0.0)), gradients(f, moved(-h, 0.0))
    for product, high, low in zip(products, above, below, strict=True):
        np.testing.assert_allclose(product, (high - low) / (2 * h), rtol=1e-5, atol=1e-6 * scale)
