"""NEAR's annealed reward: tanh((E(s, s', sigma_c) - running mean) / scale), with a noise level that falls as E rises.

E is higher where a transition is more expert-like. The level c starts at the largest noise. Whenever the agent has
lived through another `batch` steps, their mean energy enters the running mean of the last `memory` batches; once that
mean has risen by `rise` since the level began, c advances, and memory and beginning are those of the new level. It
never goes back.

Divided by its standard deviation over the replay: E is small where the noise is large, a few hundredths of `scale`. The
published agent, PPO, normalises its advantages and does not mind; soft actor-critic would see its entropy alone.
"""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from energyflow.config.section import Section
from energyflow.core.errors import UserError
from energyflow.policies.near_energy import NEAREnergy
from energyflow.rewards.base import ChangingSource, Ingredients, LogDensity, Replay, RewardSource, Transitions
from energyflow.rewards.registry import Source

MEASURED = 2000  # rows of the replay that the standard deviation is taken over, evenly spread
TINY = 1e-8  # an energy that is the same everywhere rewards nothing, whatever it is divided by


class NEARSettings(Section):
    """Annealing of the noise level at which the energy is read."""

    batch: int = Field(200, ge=1, le=10**6)  # [ours] steps of one average: an episode; a rollout in the code
    memory: int = Field(3, ge=1, le=10**6)  # [code] averages that the running mean remembers
    rise: float = Field(0.02, ge=0, le=1e6)  # [code] rise of the running mean after which the noise level falls
    scale: float = Field(10.0, gt=0, le=1e6)  # [code] r = tanh((E - running mean) / scale)


SOURCES = {
    "near": Source(
        "NEAR",
        "energy of (s, s') at a noise level that falls as the agent improves",
        NEARSettings,
        "near_energy",
        demos=False,
    ),
}


class AnnealedEnergy(ChangingSource):
    """Reads a frozen energy at a level that changes."""

    columns = ("level", "sigma", "running_energy", "reward_mean")

    def __init__(self, model: NEAREnergy, own: NEARSettings) -> None:
        """Start at the largest noise, having seen nothing."""
        super().__init__()
        self.model, self.own = model, own
        self.level = 0
        self.seen = 0  # rows of the replay that entered the running mean
        self.recent: list[float] = []  # mean energies of the last batches, at this level
        self.initial: float | None = None  # the first of them at this level
        self.spread = 1.0  # standard deviation of the bounded energy over the replay

    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`. Before the first batch the running mean is 0 and nothing is divided."""
        return self.bounded(batch) / self.spread

    def bounded(self, batch: Transitions) -> Tensor:
        """The published reward [B]."""
        return ((self.energy(batch) - self.mean) / self.own.scale).tanh()

    @property
    def mean(self) -> float:
        """Running mean of the energy at this level."""
        return float(np.mean(self.recent)) if self.recent else 0.0

    @torch.no_grad()
    def energy(self, batch: Transitions) -> Tensor:
        """E(s, s') [B] at the present level."""
        standardize = self.model.normalizer.standardize_obs
        pair = torch.cat([standardize(batch.obs[:, -1]), standardize(batch.next_obs)], dim=-1)
        return self.model.energy(pair, self.model.sigmas[self.level].expand(len(pair)))

    def update(self, replay: Replay, log_density: LogDensity) -> None:
        """Take in whole batches of new steps, and measure the reward anew if there were any."""
        before = self.seen
        while replay.size() - self.seen >= self.own.batch:
            self.observe(replay.transitions(np.arange(self.seen, self.seen + self.own.batch)))
            self.seen += self.own.batch
        if self.seen > before:
            rows = np.linspace(0, self.seen - 1, min(self.seen, MEASURED)).astype(int)
            self.spread = max(TINY, float(self.bounded(replay.transitions(rows)).double().std()))

    def observe(self, batch: Transitions) -> None:
        """Let one batch enter the running mean, and advance the level if that has risen enough.

        The published rule compares with initial * (1 + rise), which is met at once where the initial energy is
        negative: the rise is therefore taken of its magnitude.
        """
        self._remember(batch)
        assert self.initial is not None
        last = self.level == len(self.model.sigmas) - 1
        risen = self.mean - self.initial
        if not last and risen > 0 and risen >= self.own.rise * abs(self.initial):
            self.level, self.recent, self.initial = self.level + 1, [], None
            self._remember(batch)
        reward = float(self.reward(batch).double().mean())
        self.record(self.level, float(self.model.sigmas[self.level]), self.mean, reward)

    def _remember(self, batch: Transitions) -> None:
        value = float(self.energy(batch).double().mean())
        self.recent = [*self.recent, value][-self.own.memory :]
        self.initial = value if self.initial is None else self.initial

    def state(self) -> dict[str, Tensor]:
        """See `ChangingSource.state`."""
        initial = [] if self.initial is None else [self.initial]
        return {
            "counters": torch.tensor([self.level, self.seen]),
            "recent": torch.tensor(self.recent, dtype=torch.float64),
            "initial": torch.tensor(initial, dtype=torch.float64),
            "spread": torch.tensor(self.spread, dtype=torch.float64),
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """See `ChangingSource.restore`."""
        self.level, self.seen = tensors["counters"].tolist()
        self.recent = tensors["recent"].tolist()
        initial = tensors["initial"].tolist()
        self.initial = initial[0] if initial else None
        self.spread = float(tensors["spread"])


def make(given: Ingredients) -> RewardSource:
    """Read the model from the largest noise on.

    Raises:
        UserError: the model is not NEAR's.
    """
    if not isinstance(given.model, NEAREnergy):
        raise UserError(f"source '{given.name}' reads a model of method 'near_energy'")
    return AnnealedEnergy(given.model, NEARSettings(**given.params.source_params))
