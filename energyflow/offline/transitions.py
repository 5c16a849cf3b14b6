"""Transitions that offline methods learn from: typed, standardised, checked before any training.

s --a--> s'   reward r         next state  states[here + 1]
terminal  1: the episode ended for good, and no value follows: y = r
timeout   1: a clock ended it, and the value of s' is bootstrapped as everywhere else: y = r + gamma V(s')
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from energyflow.core.errors import UserError
from energyflow.datasets.box import into_box
from energyflow.datasets.episodes import Episodes, Floats
from energyflow.networks.normalizer import Normalizer
from energyflow.offline.actors import Clip
from energyflow.offline.environment import horizon_of

RANGE = 1000.0  # of returns, after scaling by it


@dataclass(frozen=True)
class Transitions:
    """N transitions of E episodes.

    Attributes:
        states: [N + E, Do] every observation once, standardised; those of an episode follow each other.
        here: [N] the row of the observation before each action; the one after it is the next row.
        action: [N, Da] standardised.
        reward: [N] times `reward_scale`.
        terminal: [N] 1 where no value follows.
        timeout: [N] 1 where a clock ended the episode.
        bounds: [E + 1] first transition of each episode, and N.
        normalizer: units of the file to standardised ones.
        reward_scale: what rewards were multiplied by.
        clip: moves standardised actions into the box.
    """

    states: Tensor
    here: Tensor
    action: Tensor
    reward: Tensor
    terminal: Tensor
    timeout: Tensor
    bounds: Tensor
    normalizer: Normalizer
    reward_scale: float
    clip: Clip

    def __len__(self) -> int:
        """N."""
        return len(self.here)

    @property
    def obs_dim(self) -> int:
        """Do."""
        return self.states.shape[1]

    @property
    def action_dim(self) -> int:
        """Da."""
        return self.action.shape[1]

    def obs(self, rows: Tensor) -> Tensor:
        """Observations [B, Do] before the actions of some transitions."""
        return self.states[self.here[rows]]

    def next_obs(self, rows: Tensor) -> Tensor:
        """Observations [B, Do] after them."""
        return self.states[self.here[rows] + 1]


def clip_of(normalizer: Normalizer) -> Clip:
    """Moves standardised actions [..., Da] into the box."""
    edge = torch.ones_like(normalizer.action_mean)
    low, high = (normalizer.standardize_action(end).float() for end in (-edge, edge))
    return lambda action: torch.minimum(torch.maximum(action, low), high)


def check_ends(data: Episodes) -> None:
    """Whether the ends of the episodes can be what the file says.

    Raises:
        UserError: an episode is longer than the environment's clock allows, so its end is not marked; or all episodes
            that reach the clock are marked as ended for good, so time-outs were written as terminals.
    """
    horizon = horizon_of(data)
    if horizon is None:
        return
    _, terminals, timeouts = data.keys
    for number, episode in enumerate(data.episodes):
        if len(episode) > horizon:
            raise UserError(
                f"{data.path}: {terminals}, {timeouts}: episode {number} has {len(episode)} steps, but {data.env_id}"
                f" ends after {horizon}: mark where episodes end"
            )
    full = [episode.terminated for episode in data.episodes if len(episode) == horizon]
    if full and all(full) and (len(full) > 1 or len(data.episodes) == 1):
        raise UserError(
            f"{data.path}: {terminals}: all {len(full)} episodes of {horizon} steps end for good exactly where the"
            f" clock of {data.env_id} runs out: these are time-outs; move them to {timeouts}"
        )


def scale_of(data: Episodes, rewards: str) -> float:
    """What rewards are multiplied by; see `LearnParams.rewards`.

    Raises:
        UserError: all returns are equal, and are to be scaled by their range.
    """
    if rewards == "as_recorded":
        return 1.0
    returns = [episode.ret for episode in data.episodes]
    if max(returns) <= min(returns):
        raise UserError(
            f"{data.path}: {data.keys[0]}: every episode returns {returns[0]:g}, no range to scale by; set"
            " rewards=as_recorded"
        )
    return RANGE / (max(returns) - min(returns))


def prepare(data: Episodes, box: Floats, rewards: str) -> Transitions:
    """Check the episodes, and standardise them.

    Args:
        data: as read.
        box: [2, Da], least and largest action of the environment; that of the file, if it has one, goes before it.
        rewards: see `LearnParams.rewards`.

    Raises:
        UserError: see `check_ends` and `scale_of`; or the box is not finite.
    """
    check_ends(data)
    bounds = box if data.box is None else data.box
    if not np.isfinite(bounds).all():
        raise UserError(f"{data.path}: actions: neither the file nor {data.env_id} says how large they can be")
    scale = scale_of(data, rewards)
    episodes = data.episodes
    lengths = np.array([len(episode) for episode in episodes])
    observed = np.concatenate([episode.observations for episode in episodes])
    actions = into_box(np.concatenate([episode.actions for episode in episodes]), bounds)
    normalizer = Normalizer(data.obs_dim, data.action_dim)
    normalizer.fit(observed, actions, standardize_obs=True, box=bounds)
    ends, last = np.cumsum(lengths), np.zeros(len(actions), dtype=bool)
    last[ends - 1] = True

    def flags(values: list[bool]) -> Tensor:
        return torch.from_numpy(last & np.repeat(values, lengths)).float()

    return Transitions(
        states=normalizer.standardize_obs(torch.from_numpy(observed)).float(),
        here=torch.from_numpy(np.arange(len(actions)) + np.repeat(np.arange(len(episodes)), lengths)),
        action=normalizer.standardize_action(torch.from_numpy(actions)).float(),
        reward=torch.from_numpy(np.concatenate([episode.rewards for episode in episodes]) * scale).float(),
        terminal=flags([episode.terminated for episode in episodes]),
        timeout=flags([episode.truncated for episode in episodes]),
        bounds=torch.from_numpy(np.concatenate([[0], ends])),
        normalizer=normalizer,
        reward_scale=scale,
        clip=clip_of(normalizer),
    )
