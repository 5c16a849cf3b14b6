"""Data of mixed quality from the simulator, and a few demonstrations from other initial states.

expert   the scripted expert and N(0, noise^2) on what it executes, which is its spread: it is no single action a state
noisy    the same expert under so much noise that what it executes is bad
random   uniform actions

What is recorded is what was executed, in every share, and whether an episode succeeded: failures stay. No share is
marked in the data; `shares` is for whoever measures, and for the ceiling.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from energyflow.config.sections import CollectParams
from energyflow.core.errors import UserError
from energyflow.core.seeding import generator
from energyflow.datasets.episodes import Episode, Episodes
from energyflow.datasets.scripted import disturbances
from energyflow.envs.simulator import Array, Simulator
from energyflow.envs.tasks import make_env
from energyflow.offline.transitions import Transitions, prepare
from energyflow.studies.weighting.sections import Robots

SHARES = ("expert", "noisy", "random")
MOST = 5  # attempts at each demonstration: an expert that fails more often is no demonstrator


@dataclass(frozen=True)
class Mixture:
    """Episodes, those of a share after those of another.

    Attributes:
        data: all of them; each is cut off where it ends, for success is no part of the data.
        shares: [N] of each transition, its place in `SHARES`.
        success: [E] whether an episode succeeded.
    """

    data: Episodes
    shares: Tensor
    success: Array

    def of(self, share: str) -> Tensor:
        """Which of the transitions [N] are of a share."""
        return self.shares == SHARES.index(share)


def act_of(share: str, env: Simulator, seed: int, collect: CollectParams) -> Callable[[Array, int], Array]:
    """What a share executes [Da] after an observation [Do] at a step of the episode that has just been reset."""
    if share == "random":
        uniform = generator(seed, "random actions").uniform(-1.0, 1.0, (collect.horizon, env.action_dim))
        return lambda _obs, step: np.asarray(uniform[step])
    added, expert = disturbances(env, seed, collect), env.expert(None)
    return lambda obs, step: np.clip(expert(obs) + added[step], -1.0, 1.0)


def record(env: Simulator, share: str, seed: int, collect: CollectParams) -> tuple[Episode, bool]:
    """One episode of a share from the initial state of a seed, and whether it succeeded.

    It goes on for `collect.extra_steps` after success, and to `collect.horizon` without.
    """
    obs, reached, length = env.reset(seed), False, collect.horizon
    act = act_of(share, env, seed, collect)
    seen, actions, rewards = [obs], list[Array](), list[float]()
    while len(actions) < length:
        action = act(obs, len(actions))
        obs, reward, success = env.step(action)
        seen.append(obs)
        actions.append(action)
        rewards.append(reward)
        if success and not reached:
            reached, length = True, min(length, len(actions) + collect.extra_steps)
    return Episode(np.array(seen), np.array(actions), np.array(rewards), terminated=False, truncated=True), reached


def collecting(params: Robots, task: str, share: str) -> CollectParams:
    """How a share is recorded: the preset's way, under its own noise."""
    noise = params.mixture.noisy_noise if share == "noisy" else params.mixture.noise
    return params.collect[task].model_copy(update={"noise": noise})


def gathered(task: str, env: Simulator, episodes: list[Episode], collect: CollectParams) -> Episodes:
    """Episodes as the offline room reads them."""
    box = np.stack([-np.ones(env.action_dim), np.ones(env.action_dim)])
    clock = {"id": task, "max_episode_steps": collect.horizon}
    return Episodes(Path(task), "", episodes, dict(env.obs_layout), env=clock, box=box, name=task)


def standardised(data: Episodes, rewards: str) -> Transitions:
    """Episodes as methods learn from them; `rewards` as of `LearnParams`."""
    assert data.box is not None
    return prepare(data, data.box, rewards)


def mix(task: str, seed: int, params: Robots) -> Mixture:
    """The mixture of a training seed; no two seeds share an initial state."""
    own, env = params.mixture, make_env(task)
    episodes, shares, success = list[Episode](), list[int](), list[bool]()
    for place, share in enumerate(SHARES):
        collect = collecting(params, task, share)
        for _ in range(getattr(own, share)):
            episode, reached = record(env, share, own.seed + own.states * seed + len(episodes), collect)
            episodes.append(episode)
            success.append(reached)
            shares += [place] * len(episode)
    data = gathered(task, env, episodes, collecting(params, task, SHARES[0]))
    return Mixture(data, torch.tensor(shares), np.array(success, dtype=np.float64))


def demonstrations(task: str, seed: int, params: Robots) -> Episodes:
    """The few successful episodes of the expert; their initial states lie in the second half of the seed's.

    Raises:
        UserError: the expert fails too often.
    """
    own, env, collect = params.mixture, make_env(task), collecting(params, task, "expert")
    found: list[Episode] = []
    first = own.seed + own.states * seed + own.states // 2
    for start in range(first, first + min(MOST * own.demos, own.states // 2)):
        episode, reached = record(env, "expert", start, collect)
        found += [episode] * reached
        if len(found) == own.demos:
            return gathered(task, env, found, collect)
    raise UserError(f"{task}: the scripted expert succeeded {len(found)} times of {own.demos}; lower mixture.noise")
