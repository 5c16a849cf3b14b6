"""Batched rollouts: one policy call for all running episodes, static division of episodes over simulators."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from energyflow.config.sections import Level
from energyflow.envs.simulator import Array, Ending, Simulator

Plan = Callable[[Array, NDArray[np.int64]], Array]  # obs [B, To, Do], elapsed [B] -> actions [B, exec_horizon, Da]


@dataclass(frozen=True)
class Episode:
    """What to run: an initial state at a level."""

    index: int
    env_seed: int
    level_name: str
    level: Level


@dataclass
class Outcome:
    """What came of it. `total_reward` is the simulator's undiscounted dense return."""

    episode: Episode
    success: bool
    total_reward: float
    length: int
    seconds: float


class History:
    """The last To observations of an episode; before there are so many, its first one stands for those that lack."""

    def __init__(self, first: Array, obs_horizon: int) -> None:
        """Begin with the observation [Do] of the reset."""
        self._frames = [first] * obs_horizon

    def add(self, obs: Array) -> None:
        """Take the observation [Do] after a step, and drop the oldest."""
        self._frames = [*self._frames[1:], obs]

    def stacked(self) -> Array:
        """What a policy plans from: [To, Do], oldest first."""
        return np.stack(self._frames)


class _Slot:
    """One simulator working through its own queue of episodes."""

    def __init__(self, env: Simulator, queue: list[Episode], obs_horizon: int) -> None:
        self.env, self.queue, self.obs_horizon = env, queue, obs_horizon
        self.ending = env if isinstance(env, Ending) else None
        self.history: History
        self.outcome: Outcome | None = None
        self.started = 0.0

    def begin(self) -> bool:
        """Start the next episode if none is running; say whether one is."""
        if self.outcome is None and self.queue:
            episode = self.queue.pop(0)
            self.started = time.perf_counter()
            self.history = History(self.env.reset(episode.env_seed, episode.level), self.obs_horizon)
            self.outcome = Outcome(episode, False, 0.0, 0, 0.0)
        return self.outcome is not None

    def run(self, actions: Array, horizon: int) -> Outcome | None:
        """Execute a chunk [exec_horizon, Da]; return the outcome when the episode ends."""
        assert self.outcome is not None
        for action in actions:
            obs, reward, success = self.env.step(action)
            self.history.add(obs)
            self.outcome.total_reward += reward
            self.outcome.length += 1
            over = self.ending is not None and self.ending.over
            if success or over or self.outcome.length >= horizon:
                done, self.outcome = self.outcome, None
                done.success, done.seconds = success, time.perf_counter() - self.started
                return done
        return None


def rollout(
    plan: Plan, envs: Sequence[Simulator], episodes: Sequence[Episode], *, obs_horizon: int, horizon: int
) -> list[Outcome]:
    """Run every episode to success, to its end where it has one, or to the horizon.

    Episode i belongs to simulator i mod len(envs), so a fast episode never takes the place of a slow one. A slot whose
    episode ends waits for the next planning tick: all running episodes plan in one call.

    Args:
        plan: the policy, in environment units; `elapsed` is how many steps each episode has run.
        envs: simulators of one task; reused from episode to episode.
        episodes: what to run.
        obs_horizon: To; at the start the first observation is repeated.
        horizon: step budget of an episode.

    Returns:
        One outcome per episode, in the order of `episodes`.
    """
    slots = [_Slot(env, list(episodes[i :: len(envs)]), obs_horizon) for i, env in enumerate(envs)]
    outcomes: dict[int, Outcome] = {}
    while running := [slot for slot in slots if slot.begin()]:
        elapsed = np.array([slot.outcome.length for slot in running if slot.outcome is not None])
        actions = plan(np.stack([slot.history.stacked() for slot in running]), elapsed)
        for slot, chunk in zip(running, actions, strict=True):
            outcome = slot.run(chunk, horizon)
            if outcome is not None:
                outcomes[id(outcome.episode)] = outcome
    return [outcomes[id(episode)] for episode in episodes]
