"""One run of soft actor-critic: act, remember, learn; everything that its next step depends on in one place."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from energyflow.agents.agent import Agent
from energyflow.agents.env import Array, EpisodeEnv
from energyflow.agents.mixed import MixedSampler, demonstration_buffer
from energyflow.agents.relabel import RelabelBuffer, Sampler
from energyflow.config.sections import ShapeParams
from energyflow.core.seeding import generator
from energyflow.core.tensors import within
from energyflow.datasets.format import Demonstration
from energyflow.learning.kernels import fastest, using
from energyflow.rewards.base import ChangingSource, RewardSource

Row = dict[str, Any]


class Learner:
    """An agent in its environment, with what it lived through.

    Attributes:
        replay: the agent's own transitions, which is all that a source sees of it.
        batches: where batches come from: `replay`, or that beside demonstrations.
        step: of the simulator, so far.
        episodes: one row for each that ended.
        obs: the present observation; None between two episodes.
    """

    def __init__(
        self,
        agent: Agent,
        env: EpisodeEnv,
        source: RewardSource,
        params: ShapeParams,
        seed: int,
        demos: list[Demonstration] | None = None,
    ) -> None:
        """Set up a run.

        Args:
            agent: freshly built.
            env: to act in.
            source: of the reward.
            params: every number.
            seed: of batches and random actions.
            demos: of which each batch holds `params.demo_share`.
        """
        self.agent, self.env, self.source, self.params = agent, env, source, params
        dims = env.simulator.obs_dim, env.simulator.action_dim
        returns: dict[str, Any] = {"gamma": params.gamma, "n_step": params.n_step, "unit": params.unit}
        self.replay = RelabelBuffer(params.steps // params.action_repeat, *dims, source, **returns)
        self.batches: Sampler = self.replay
        if params.demo_share:
            shown = demonstration_buffer(demos or [], source, terminate=env.terminate, **returns)
            self.batches = MixedSampler(self.replay, shown, params.demo_share)
        self.rng = generator(seed, "batches and random actions")
        self.kernels = fastest(torch.device("cpu"))  # for batches; single states are faster on the default ones
        self.step = 0
        self.episodes: list[Row] = []
        self.obs: Array | None = None

    def advance(self) -> None:
        """Take one action, and the updates that are due after it."""
        if self.obs is None:
            self.obs, _ = self.env.reset()
        action = self._action(self.obs)
        following, reward, terminal, truncated, info = self.env.step(action)
        success = info["success"]
        self.replay.add(
            self.obs, action, following, success=success, env_reward=reward, terminal=terminal, truncated=truncated
        )
        self.step += self.params.action_repeat
        if self.step > self.params.learning_starts and self.replay.size() % self.params.train_freq == 0:
            self.update()
        self.obs = following
        if terminal or truncated:
            self.obs = None
            self.episodes.append(self._episode())

    def _action(self, obs: Array) -> Array:
        if self.step < self.params.learning_starts and not self.agent.acts_at_once:
            return self.rng.uniform(-1.0, 1.0, self.agent.action_dim).astype(np.float32)
        return self.agent.act(obs)

    def update(self) -> None:
        """Let the source follow the agent once, and the agent learn from `gradient_steps` batches."""
        with using(self.kernels):
            if isinstance(self.source, ChangingSource):
                self.source.update(self.replay, self.agent.log_density)
            for _ in range(self.params.gradient_steps):
                self.agent.learn(self.batches.sample(self.params.batch_size, self.rng))

    def _episode(self) -> Row:
        """The row of the episode that has just ended; lengths are the simulator's."""
        stop = self.replay.size()
        first = int(self.replay.start[stop - 1])
        flags, repeat = self.replay.record.success[first:stop] > 0, self.params.action_repeat
        number = len(self.episodes)
        return {
            "step": self.step,
            "episode": number,
            "env_seed": self.env.first_seed + number,
            "success": int(flags.any()),
            "return": float(self.replay.record.env_reward[first:stop].sum(dtype=np.float64)),
            "shaped_return": float(self.replay.rewards_of(np.arange(first, stop)).sum(dtype=np.float64)),
            "length": repeat * (int(flags.argmax()) + 1 if flags.any() else stop - first),
        }

    def tensors(self) -> dict[str, Tensor]:
        """For a resume point, with `note`; between two episodes, when the simulator needs no saving."""
        parts = {"agent": self.agent.state(), "replay": self.replay.state()}
        if isinstance(self.source, ChangingSource):
            parts["source"] = self.source.tensors()
        return {f"{part}/{name}": value for part, found in parts.items() for name, value in found.items()}

    def note(self) -> dict[str, Any]:
        """See `tensors`."""
        return {
            "step": self.step,
            "episode": self.env.episode,
            "episodes": self.episodes,
            "rng": self.rng.bit_generator.state,
        }

    def restore(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Continue where `tensors` and `note` were taken."""
        self.agent.restore(within(tensors, "agent/"))
        self.replay.restore(within(tensors, "replay/"))
        if isinstance(self.source, ChangingSource):
            self.source.load(within(tensors, "source/"))
        self.step, self.env.episode, self.obs = note["step"], note["episode"], None
        self.episodes[:] = note["episodes"]
        self.rng.bit_generator.state = note["rng"]
