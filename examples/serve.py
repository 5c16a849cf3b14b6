"""A policy behind a socket, and a robot that asks it: here both in one script, and the robot is random numbers."""

# python examples/serve.py runs/metaworld/button_press/energyflow/seed0
#
# On the robot's own computer, NumPy, msgpack, websockets and what stands within `Client` are all that it takes.

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from energyflow.serving.client import Client
from energyflow.serving.soak import started


def main(model: str, steps: int = 20) -> None:
    """Ask for some actions."""
    rng = np.random.default_rng(0)
    with started(Path(model), "--hz", "10", "--rate", "0.2") as address, Client(f"ws://{address}") as policy:
        print(f"{policy.metadata['method']} for {policy.metadata['task']} observes {policy.metadata['obs_keys']}")
        policy.reset()
        for _ in range(steps):
            action = policy(rng.normal(size=policy.metadata["obs_dim"]))  # robot.observe()
        print(f"{steps} actions, the last one: {np.round(action, 3)}")  # robot.command(action)


if __name__ == "__main__":
    main(*sys.argv[1:2])
