"""The agent: Stable-Baselines3's soft actor-critic, and one whose reward source learns beside it."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from stable_baselines3 import SAC
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import Tensor

from energyflow.agents.env import EpisodeEnv
from energyflow.agents.relabel import RelabelBuffer
from energyflow.config.sections import ShapeParams
from energyflow.core.seeding import integer_seed
from energyflow.policies import squashed
from energyflow.rewards.base import ChangingSource, RewardSource


class Agent(SAC):
    """SAC that keeps account of its critic's loss, and may act by its own policy from the first step."""

    loss_sum = 0.0  # of the critic, since `mean_loss` was last asked
    loss_count = 0
    acts_at_once = False  # whether the first `learning_starts` steps are the actor's, not random

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """See SAC."""
        super().train(gradient_steps, batch_size)
        self.count(self.logger.name_to_value["train/critic_loss"])

    def count(self, loss: float) -> None:
        """Enter a loss of the critic."""
        self.loss_sum, self.loss_count = self.loss_sum + float(loss), self.loss_count + 1

    def mean_loss(self) -> float | None:
        """Mean loss of the critic since this was last asked; None if there was no update."""
        mean = self.loss_sum / self.loss_count if self.loss_count else None
        self.loss_sum, self.loss_count = 0.0, 0
        return mean

    def _sample_action(
        self, learning_starts: int, action_noise: Any = None, n_envs: int = 1
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        return super()._sample_action(0 if self.acts_at_once else learning_starts, action_noise, n_envs)


class FollowedSAC(Agent):
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


def build_sac(
    env: EpisodeEnv,
    source: RewardSource,
    params: ShapeParams,
    seed: int,
    kind: type[Agent] | None = None,
    policy: dict[str, Any] | None = None,
    **options: Any,
) -> Agent:
    """Set up SAC: equal seeds give equal initial networks and warm-up actions, whatever the source.

    Stable-Baselines3 draws from the global generators of NumPy and torch; this seeds both.

    Args:
        env: to act in.
        source: of the reward.
        params: every number.
        seed: of the run.
        kind: of agent; by default the one that the source needs.
        policy: options of the networks beside those of `params`.
        options: of the agent, in place of the usual ones.
    """
    usual: dict[str, Any] = {
        "learning_rate": params.learning_rate,
        "buffer_size": params.steps + params.train_freq,  # the whole run; the last rollout may overshoot
        "learning_starts": params.learning_starts,
        "batch_size": params.batch_size,
        "gamma": params.gamma,
        "train_freq": params.train_freq,
        "ent_coef": f"auto_{params.ent_coef}",
        "replay_buffer_class": RelabelBuffer,
        "replay_buffer_kwargs": {"source": source},
        "policy_kwargs": {"net_arch": list(params.hidden), "optimizer_kwargs": {"fused": True}} | (policy or {}),
        "seed": integer_seed(seed, "sac") % 2**32,
        "device": "cpu",  # networks this small are faster there
    }
    kind = kind or (Agent if source.frozen else FollowedSAC)
    sac = kind("MlpPolicy", DummyVecEnv([lambda: env]), **usual | options)
    sac.set_logger(Logger(folder=None, output_formats=[]))  # the default leaves a folder per run in the temporary one
    return sac
