"""A policy in one's own environment, after examples/own_data.py: success and return of 50 episodes, and a film.

python examples/own_env.py         in the same folder; writes reach.gif
"""

from __future__ import annotations

import sys

import gymnasium as gym
import reach  # noqa: F401  registers Reach-v0

import energyflow

EPISODES = int(sys.argv[1]) if len(sys.argv) > 1 else 50

policy = energyflow.load("runs/custom/reach/energyflow/seed0")
env = gym.make("Reach-v0", render_mode="rgb_array")
rows = energyflow.evaluate(policy, env, episodes=EPISODES, seed=1000, video="reach.gif")
print(rows[["env_seed", "success", "return", "length"]].head())
print(f"success {rows['success'].mean():.2f}, return {rows['return'].mean():.2f}")
