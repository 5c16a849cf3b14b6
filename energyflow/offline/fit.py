"""The one loop of the room: AdamW, warm-up and cosine, a running average of the weights, seeded, resumable."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from energyflow.core.errors import UserError
from energyflow.core.seeding import torch_generator
from energyflow.core.tensors import below, optimizer_tensors, restore_optimizer, within
from energyflow.learning.trainer import gather, learning_rate
from energyflow.offline.sections import FitParams

Network = TypeVar("Network", bound=nn.Module)
# (network, generator) -> scalar: draws its own batch, and whatever else is random, from the generator
Loss = Callable[[Network, torch.Generator], Tensor]


class Fit(Generic[Network]):
    """State of one training: the network, its average, optimiser, generator, step."""

    def __init__(self, network: Network, params: FitParams, seed: int, purpose: str) -> None:
        """Start at step 0.

        Args:
            network: is trained in place; `average` is what is used afterwards.
            params: the recipe.
            seed: of batches, times and noise.
            purpose: makes the draws of trainings of one seed independent.
        """
        self.network, self.params, self.purpose, self.step = network.train(), params, purpose, 0
        self.average: Network = copy.deepcopy(network).requires_grad_(False).eval()
        self.trained = list(network.parameters())
        vector, self.average_vector = gather(network), gather(self.average)  # type: ignore[arg-type]  # any module
        self.weights = nn.Parameter(vector)
        self.optimizer = torch.optim.AdamW([self.weights], lr=params.lr, weight_decay=params.weight_decay, fused=True)
        self.generator = torch_generator(seed, f"fit {purpose}", vector.device)

    def advance(self, loss: Loss[Network]) -> Tensor:
        """One optimiser step; return the loss, detached."""
        value = loss(self.network, self.generator)
        parts = torch.autograd.grad(value, self.trained, materialize_grads=True)
        self.weights.grad = torch.cat([part.flatten() for part in parts])
        rate = learning_rate(self.step, self.params)  # type: ignore[arg-type]  # reads lr, steps, warmup_steps
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.step()
        self.step += 1
        decay = min(self.params.ema_decay, (1.0 + self.step) / (10.0 + self.step))
        self.average_vector.lerp_(self.weights.detach(), 1.0 - decay)
        return value.detach()

    def tensors(self) -> dict[str, Tensor]:
        """Everything that `restore` needs, with the step."""
        return {
            "weights": self.weights.detach().clone(),
            "average": self.average_vector.clone(),
            "generator": self.generator.get_state(),
            "step": torch.tensor(self.step),
            **below("optimizer/", optimizer_tensors(self.optimizer)),
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Continue, bit for bit on a CPU, where `tensors` was taken."""
        with torch.no_grad():
            self.weights.copy_(tensors["weights"])
        self.average_vector.copy_(tensors["average"])
        self.generator.set_state(tensors["generator"])
        self.step = int(tensors["step"])
        restore_optimizer(self.optimizer, within(tensors, "optimizer/"))


def fit(network: Network, loss: Loss[Network], params: FitParams, seed: int, purpose: str) -> Network:
    """Train for `params.steps` steps and return the averaged network.

    Args:
        network: trained in place.
        loss: see `Loss`.
        params: the recipe.
        seed: of the run.
        purpose: name of the training.

    Raises:
        UserError: the loss became NaN or infinite.
    """
    training: Fit[Any] = Fit(network, params, seed, purpose)
    value = torch.zeros(())
    for step in range(params.steps):
        value = training.advance(loss)
        if step % 100 == 0 or step == params.steps - 1:
            check_finite(value, training)
    found: Network = training.average
    return found


def check_finite(value: Tensor, training: Fit[Any]) -> None:
    """Say so where a loss is not finite.

    Raises:
        UserError: it is not.
    """
    if not torch.isfinite(value):
        raise UserError(
            f"training of {training.purpose}: the loss is {float(value)} at step {training.step};"
            f" lower lr ({training.params.lr:g})"
        )
