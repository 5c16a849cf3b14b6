"""The agent: Stable-Baselines3's soft actor-critic, and one whose reward source learns beside it."""

from __future__ import annotations

import torch
from stable_baselines3 import SAC
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import Tensor

from energyflow.policies import squashed
from energyflow.rewards.base import ChangingSource, RewardSource
from energyflow.rewards.env import EpisodeEnv
from energyflow.rewards.relabel import RelabelBuffer
from energyflow.sections import ShapeParams
from energyflow.seeding import integer_seed


class FollowedSAC(SAC):
    """SAC whose source is updated before each of its gradient steps, on the agent's own replay buffer and policy."""

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """Alternate one update of the source and one of the agent."""
        buffer = self.replay_buffer
        assert isinstance(buffer, RelabelBuffer)
        assert isinstance(buffer.source, ChangingSource)
        for _ in range(gradient_steps):
            buffer.source.update(buffer, self.log_density)
            super().train(1, batch_size)

    @torch.no_grad()
    def log_density(self, obs: Tensor, action: Tensor) -> Tensor:
        """Log-density [B] of actions [B, Da] under the present policy in states [B, Do], environment units."""
        mean, log_std, _ = self.actor.get_action_dist_params(obs)
        return squashed.log_density(mean, log_std, action)


def build_sac(env: EpisodeEnv, source: RewardSource, params: ShapeParams, seed: int) -> SAC:
    """Set up SAC: equal seeds give equal initial networks and warm-up actions, whatever the source.

    Stable-Baselines3 draws from the global generators of NumPy and torch; this seeds both.
    """
    sac = (SAC if source.frozen else FollowedSAC)(
        "MlpPolicy",
        DummyVecEnv([lambda: env]),
        learning_rate=params.learning_rate,
        buffer_size=params.steps + params.train_freq,  # the whole run; the last rollout may overshoot
        learning_starts=params.learning_starts,
        batch_size=params.batch_size,
        gamma=params.gamma,
        train_freq=params.train_freq,
        ent_coef=f"auto_{params.ent_coef}",
        replay_buffer_class=RelabelBuffer,
        replay_buffer_kwargs={"source": source},
        policy_kwargs={"net_arch": list(params.hidden), "optimizer_kwargs": {"fused": True}},
        seed=integer_seed(seed, "sac") % 2**32,
        device="cpu",  # networks this small are faster there
    )
    sac.set_logger(Logger(folder=None, output_formats=[]))  # the default leaves a folder per run in the temporary one
    return sac
