"""A network solves a differential equation (Lagaris et al. 1998; Raissi et al. 2019).

The equation of a damped swing, u'' + 2*d*u' + w**2*u = 0 with u(0) = 1 and u'(0) = 0, is itself the loss: the network
is differentiated twice in the time, and that once more in its weights. Its activation is a sine, which has derivatives
of every order that do not fade (Sitzmann et al. 2020). The solution is known, to compare with.

    python examples/differential_equation.py
"""

import argparse

import numpy as np

import wengert
from wengert import functions as F
from wengert.models import MLP
from wengert.optimizers import Adam

DAMPING, FREQUENCY = 0.4, 3.0


def solution(t: np.ndarray) -> np.ndarray:
    w = np.sqrt(FREQUENCY**2 - DAMPING**2)
    return np.exp(-DAMPING * t) * (np.cos(w * t) + DAMPING / w * np.sin(w * t))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    options = parser.parse_args()
    steps = 600 if options.quick else options.steps

    wengert.seed(0)
    model = MLP((32, 32, 1), F.sin, in_size=1, dtype=np.float64)
    times = np.linspace(0, 4, 60)[:, np.newaxis]

    def u(t):
        # What stands before the network makes u(0) = 1 and u'(0) = 0, whatever the network gives.
        return 1 + t**2 / (1 + t**2) * model(2 * t - 4)

    velocity = wengert.elementwise_grad(u)
    acceleration = wengert.elementwise_grad(velocity)

    def residual(t: wengert.Variable) -> wengert.Variable:
        return acceleration(t) + 2 * DAMPING * velocity(t) + FREQUENCY**2 * u(t)

    def error() -> float:
        with wengert.no_grad():
            return float(np.abs(u(times).data - solution(times)).max())

    optimizer = Adam(0.005).setup(model)
    first = error()
    for step in range(1, steps + 1):
        loss = (residual(wengert.Variable(times)) ** 2).mean()
        model.cleargrads()
        loss.backward()
        optimizer.lr = 0.005 * 0.01 ** (step / steps)
        optimizer.update()
        if step % (steps // 5) == 0:
            print(f"step {step}: loss {loss.item():.3e}, largest error {error():.4f}")
    print(f"largest error of the solution {first:.4f} -> {error():.4f}")


if __name__ == "__main__":
    main()
