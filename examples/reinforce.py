"""REINFORCE (Williams 1992): a pole learns to be balanced on a cart.

The cart is pushed to the left or to the right at every step; the episode ends when the pole falls or the cart leaves
the track, and every step before that is worth 1. The equations of motion are those of Barto, Sutton and Anderson
(1983).

    python examples/reinforce.py
"""

import argparse

import numpy as np

import wengert
from wengert import functions as F
from wengert.models import MLP
from wengert.optimizers import Adam


class CartPole:
    """Many carts at once: states (count, 4) of position, velocity, angle and angular velocity."""

    def __init__(self, count: int) -> None:
        self.state = wengert.random.generator().uniform(-0.05, 0.05, (count, 4))

    def step(self, pushes: np.ndarray) -> np.ndarray:
        """Push each cart, 0 to the left and 1 to the right, and tell whose episodes are not over."""
        x, v, angle, turn = self.state.T
        force = np.where(pushes == 1, 10.0, -10.0)
        cart, pole, length, gravity, tau = 1.0, 0.1, 0.5, 9.8, 0.02
        sin, cos = np.sin(angle), np.cos(angle)
        pull = (force + pole * length * turn**2 * sin) / (cart + pole)
        turning = (gravity * sin - cos * pull) / (length * (4 / 3 - pole * cos**2 / (cart + pole)))
        moving = pull - pole * length * turning * cos / (cart + pole)
        self.state = np.stack([x + tau * v, v + tau * moving, angle + tau * turn, turn + tau * turning], axis=1)
        return (np.abs(self.state[:, 0]) < 2.4) & (np.abs(self.state[:, 2]) < np.radians(12))


def play(policy: MLP, carts: int, longest: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Episodes side by side: states and pushes (steps, carts, ...), and which steps were played."""
    environment = CartPole(carts)
    going = np.ones(carts, bool)
    states, pushes, played = [], [], []
    with wengert.no_grad():
        while going.any() and len(states) < longest:
            state = environment.state.astype(np.float32)
            chances = F.softmax(policy(state)).data
            push = (wengert.random.generator().random(carts) < chances[:, 1]).astype(int)
            states.append(state)
            pushes.append(push)
            played.append(going)
            going = going & environment.step(push)
    return np.stack(states), np.stack(pushes), np.stack(played)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=80)
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    options = parser.parse_args()
    updates, carts, longest = (25, 20, 100) if options.quick else (options.updates, 32, 300)

    wengert.seed(0)
    policy = MLP((32, 2), F.tanh, in_size=4)
    optimizer = Adam(0.02).setup(policy)
    lengths = []
    for update in range(1, updates + 1):
        states, pushes, played = play(policy, carts, longest)
        lengths.append(played.sum(axis=0).mean())
        # The return of a step is the discounted number of steps that follow it.
        returns, following = np.zeros(played.shape), np.zeros(carts)
        for i in reversed(range(len(played))):
            following = returns[i] = played[i] * (1 + 0.99 * following)
        advantages = returns[played]
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        scores = F.log_softmax(policy(states[played]))
        chosen = scores[np.arange(len(scores)), pushes[played]]
        loss = -(chosen * advantages.astype(np.float32)).mean()
        policy.cleargrads()
        loss.backward()
        optimizer.update()
        if update % (updates // 5) == 0:
            print(f"update {update}: the pole stands for {lengths[-1]:.1f} steps of at most {longest}")
    few = updates // 5
    first, last = (1 - np.mean(part) / longest for part in (lengths[:few], lengths[-few:]))
    print(f"share of the time that the pole lies, first and last {few} updates: {first:.4f} -> {last:.4f}")


if __name__ == "__main__":
    main()
