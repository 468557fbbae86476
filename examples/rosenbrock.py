"""Rosenbrock's valley: gradient descent, and Newton's method, which also uses the second derivatives.

    python examples/rosenbrock.py
"""

import argparse

import numpy as np

import wengert


def rosenbrock(x):
    """100 * (x1 - x0**2)**2 + (1 - x0)**2: a bent valley, with its lowest point, 0, at (1, 1)."""
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def gradient_descent(x: np.ndarray, lr: float, steps: int) -> np.ndarray:
    slope = wengert.grad(rosenbrock)
    for _ in range(steps):
        x = x - lr * slope(x)
    return x


def newton(x: np.ndarray, most: int) -> tuple[np.ndarray, int]:
    slope, curvature = wengert.grad(rosenbrock), wengert.hessian(rosenbrock)
    for step in range(most):
        g = slope(x)
        if np.abs(g).max() < 1e-10:
            return x, step
        x = x - np.linalg.solve(curvature(x), g)
    return x, most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=10_000, help="of gradient descent")
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    options = parser.parse_args()
    steps = 1000 if options.quick else options.steps

    start = np.array([0.0, 2.0])
    down = gradient_descent(start, 0.001, steps)
    print(f"gradient descent, {steps} steps: x = {down}, f = {rosenbrock(down):.3e}")
    lowest, count = newton(start, 50)
    print(f"Newton's method, {count} steps: x = {lowest}, f = {rosenbrock(lowest):.3e}")
    print(f"f by gradient descent {rosenbrock(start):.4f} -> {rosenbrock(down):.4f}")


if __name__ == "__main__":
    main()
