"""PPO of Stable-Baselines3 on a reward that was recovered from demonstrations, in four environments at once."""

# energyflow train --as reward --demos data/scripted/metaworld/button_press/demos.hdf5
# python examples/reward_with_ppo.py runs/metaworld/button_press/energyflow_reward/seed0 \
#     data/scripted/metaworld/button_press/demos.hdf5

from __future__ import annotations

import sys

import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv

import energyflow
from energyflow.agents.env import EpisodeEnv
from energyflow.envs.tasks import make_env
from energyflow.policies.checkpoint import checkpoint_file, read_description
from energyflow.rewards.vectorised import VecRewardWrapper


class Returns(BaseCallback):
    """Keeps both returns of every episode; PPO itself sees the shaped one alone."""

    def __init__(self) -> None:
        """No episode yet."""
        super().__init__()
        self.shaped: list[float] = []
        self.true: list[float] = []

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if "true_return" in info:
                self.shaped.append(info["shaped_return"])
                self.true.append(info["true_return"])
        return True


def main(model: str, demos: str, steps: int = 100_000, envs: int = 4, horizon: int = 200) -> Returns:
    """Learn, and print what the agent was told beside what it was worth."""
    task = read_description(checkpoint_file(model)).task
    reward = energyflow.reward(model, demos, source="centered_energy")

    def make(place: int) -> EpisodeEnv:  # any Gymnasium environment of the demonstrated task
        return EpisodeEnv(make_env(task), horizon=horizon, first_seed=10_000 * place, terminate=False)

    venv = VecRewardWrapper(DummyVecEnv([lambda place=place: make(place) for place in range(envs)]), reward)
    agent = PPO("MlpPolicy", venv, n_steps=min(512, steps // envs), seed=0, device="cpu")
    returns = Returns()
    agent.learn(steps, callback=returns)
    shaped, true = np.mean(returns.shaped[-10:]), np.mean(returns.true[-10:])
    print(f"{len(returns.true)} episodes; the last ten: shaped {shaped:.1f}, true {true:.1f}")
    return returns


if __name__ == "__main__":
    main(*sys.argv[1:3])
