"""A stage of a run: one network fitted to one loss, and what it keeps beside that from step to step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from energyflow.core.seeding import torch_generator
from energyflow.offline.fit import Fit
from energyflow.offline.sections import FitParams
from energyflow.offline.transitions import Transitions


class Stage(ABC):
    """What the runner advances, stores and continues.

    Attributes:
        name: in the log and in messages.
        data: what is learned from.
        fit: network, its average, optimiser, step.
    """

    def __init__(self, name: str, network: nn.Module, data: Transitions, params: FitParams, seed: int) -> None:
        """Start at step 0; `name` makes its draws independent of those of other stages."""
        self.name, self.data, self.seed = name, data, seed
        self.fit: Fit[Any] = Fit(network, params, seed, name)

    @property
    def step(self) -> int:
        """Steps done."""
        return self.fit.step

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self.fit.params.steps

    @abstractmethod
    def loss(self, network: Any, generator: torch.Generator) -> Tensor:
        """Loss of a batch that it draws from the generator."""

    def advance(self) -> Tensor:
        """One step; return the loss."""
        return self.fit.advance(self.loss)

    def measured(self) -> dict[str, float]:
        """Further columns of the log."""
        return {}

    def rows(self, generator: torch.Generator) -> Tensor:
        """A batch of transitions, uniformly and with replacement."""
        return torch.randint(len(self.data), (self.fit.params.batch_size,), generator=generator)

    def generator(self, purpose: str) -> torch.Generator:
        """One for a purpose of this stage."""
        return torch_generator(self.seed, f"{self.name} {purpose}")

    def tensors(self) -> dict[str, Tensor]:
        """Everything that `restore` needs."""
        return self.fit.tensors()

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Continue where `tensors` was taken."""
        self.fit.restore(tensors)
