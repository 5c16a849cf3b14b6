"""Own demonstrations: record some, write them in robomimic's layout, and train a policy on them.

python examples/own_data.py        in an empty folder; writes reach.hdf5 and runs/
"""

from __future__ import annotations

import sys

import gymnasium as gym
import h5py
import numpy as np
import reach  # noqa: F401  registers Reach-v0

from energyflow.cli import main

STEPS = sys.argv[1] if len(sys.argv) > 1 else "3000"  # of training

env, rng = gym.make("Reach-v0"), np.random.default_rng(0)
with h5py.File("reach.hdf5", "w") as file:
    file.create_group("data").attrs["env_args"] = '{"env_name": "Reach-v0", "env_kwargs": {"control_freq": 10}}'
    for episode in range(50):
        obs, _ = env.reset(seed=episode)
        seen, done, acted = [], [], False
        while not acted:
            action = np.clip(10 * (obs["goal"] - obs["position"]) + rng.normal(0, 0.1, 2), -1, 1)
            seen.append(obs)
            done.append(action)
            obs, _, terminated, truncated, _ = env.step(action.astype(np.float32))
            acted = terminated or truncated
        demo = file.create_group(f"data/demo_{episode}")
        demo["actions"] = np.array(done)
        for key in ("position", "goal"):  # each observation belongs before its action
            demo[f"obs/{key}"] = np.array([each[key] for each in seen])

main(["data", "reach.hdf5"])
sys.exit(main(["train", "--demos", "reach.hdf5", f"train.steps={STEPS}"]))
