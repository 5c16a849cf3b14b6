"""What every source of reward shares: the transitions it reads, and what a changing one does beside the agent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from energyflow.config.sections import ShapeParams
from energyflow.datasets.format import Demos
from energyflow.policies.base import Model
from energyflow.rewards.windows import Index

LogDensity = Callable[[Tensor, Tensor], Tensor]  # (obs [B, Do], action [B, Da]), environment units -> log pi(a | s) [B]


@dataclass(frozen=True)
class Transitions:
    """What happened in B steps, environment units; all that a reward may read.

    Attributes:
        obs: [B, To, Do]; the last one is the observation before the step, unless the chunk reaches further back.
        action: [B, Tp, Da]; the last one is the action of the step, which the reward is credited to.
        next_obs: [B, Do], the observation after the step: the true one, also where an episode ended.
        success: [B], 1 where the step reached the goal.
        env_reward: [B], the simulator's dense reward.
    """

    obs: Tensor
    action: Tensor
    next_obs: Tensor
    success: Tensor
    env_reward: Tensor

    def __len__(self) -> int:
        """B."""
        return len(self.obs)

    def __getitem__(self, rows: Tensor) -> Transitions:
        """Some of them, by their numbers."""
        return Transitions(
            self.obs[rows], self.action[rows], self.next_obs[rows], self.success[rows], self.env_reward[rows]
        )


class RewardSource(Protocol):
    """A reward, computed from transitions when a batch is sampled.

    Attributes:
        window: (To, Tp), how many observations and actions one reward reads.
        frozen: whether the reward of a transition never changes, so that a buffer may compute it only once.
        measured: numbers that were measured on demonstrations, such as a scale; they go into run.json.
    """

    window: tuple[int, int]
    frozen: bool
    measured: dict[str, float]

    def reward(self, batch: Transitions) -> Tensor:
        """Reward [B] of transitions, float32, more is better."""
        ...


class Replay(Protocol):
    """What a changing source may look at: all that the agent has lived through, oldest first."""

    def size(self) -> int:
        """Number of transitions."""
        ...

    def transitions(self, rows: Index) -> Transitions:
        """The transitions of some rows, windows as the source reads them."""
        ...


class ChangingSource(ABC):
    """A source that changes while the agent learns: `update` is called before the agent learns from a step.

    The buffer asks for rewards anew at every sampling, so none is ever stale.
    """

    frozen = False
    window: tuple[int, int] = (1, 1)
    columns: ClassVar[tuple[str, ...]]  # further columns of curve.csv, in the order in which `record` gets them

    def __init__(self) -> None:
        """Start with an empty log."""
        self.measured: dict[str, float] = {}
        self._log = torch.zeros(len(self.columns) + 1, dtype=torch.float64)  # sums since the last mark, and how many

    @abstractmethod
    def reward(self, batch: Transitions) -> Tensor:
        """See `RewardSource.reward`."""

    @abstractmethod
    def update(self, replay: Replay, log_density: LogDensity) -> None:
        """Follow the agent.

        Args:
            replay: what the agent has lived through.
            log_density: of the agent's present policy.
        """

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """Everything that the next update and reward depend on, as named tensors."""

    @abstractmethod
    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Continue where `state` was taken."""

    def record(self, *values: float) -> None:
        """Add one row to the log, in the order of `columns`."""
        self._log += torch.tensor([*values, 1.0], dtype=torch.float64)

    def report(self) -> dict[str, float | None]:
        """Means since the last report, by column; None where nothing was recorded."""
        *sums, count = self._log.tolist()
        self._log.zero_()
        return {name: total / count if count else None for name, total in zip(self.columns, sums, strict=True)}

    def tensors(self) -> dict[str, Tensor]:
        """`state` and the log, for a resume point."""
        return {"log": self._log.clone(), **self.state()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Continue where `tensors` was taken."""
        self._log.copy_(tensors["log"])
        self.restore(tensors)


@dataclass(frozen=True)
class Ingredients:
    """What a source is made of; its module's `make` takes them.

    Attributes:
        name: of the source.
        params: the section `shape`; `source_params` are the source's own numbers.
        seed: of the run.
        model: the trained model that the source reads, if it reads one.
        demos: the demonstrations, if it reads them.
        task: that the agent learns, if it is known.
    """

    name: str
    params: ShapeParams
    seed: int
    model: Model | None
    demos: Demos | None
    task: str | None = None
