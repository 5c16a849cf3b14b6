"""The one unit of rewards: on average, demonstrated actions lie 1 above random ones in demonstrated states.

A random action is a draw from N(0, I), standardised as the model standardises its actions: the references of the paper.
Sources that are known up to a constant are shifted too: random actions average 0, demonstrated ones 1. The oracles have
the unit of their task, and NEAR, which sees no action, that of its spread over the replay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from energyflow.core.errors import UserError
from energyflow.core.seeding import torch_generator
from energyflow.networks.normalizer import Normalizer

REFERENCES = 16  # random actions in each demonstrated state


@dataclass(frozen=True)
class Unit:
    """Mean reward of random actions, and how far above it demonstrated ones lie on average: what was measured."""

    zero: float
    contrast: float  # negative, if the reward prefers random actions: it then goes on doing so

    def of(self, reward: Tensor) -> Tensor:
        """A reward in this unit."""
        return (reward - self.zero) / abs(self.contrast)

    @property
    def measured(self) -> dict[str, float]:
        """For run.json."""
        return {"random": self.zero, "contrast": self.contrast}


def random_actions(normalizer: Normalizer, like: Tensor, seed: int) -> Tensor:
    """As many actions as there are in `like` [B, Tp, Da], each from N(0, I), standardised; in environment units."""
    drawn = torch.randn(like.shape, generator=torch_generator(seed, "unit of the reward"))
    return normalizer.unstandardize_action(drawn)


@torch.no_grad()
def measure(reward: Callable[[Tensor], Tensor], action: Tensor, normalizer: Normalizer, seed: int, model: str) -> Unit:
    """The unit of a reward.

    Args:
        reward: of actions [B, Tp, Da], environment units, each in the state of the demonstrated one.
        action: [B, Tp, Da], the demonstrated ones.
        normalizer: of the model.
        seed: of the random actions.
        model: what the reward is read from, for the message.

    Raises:
        UserError: it tells demonstrated from random actions no better than not at all.
    """
    shown = float(reward(action).double().mean())
    drawn = [reward(random_actions(normalizer, action, seed * REFERENCES + k)).double() for k in range(REFERENCES)]
    zero = float(torch.stack(drawn).mean())
    if not np.isfinite(shown - zero) or shown == zero:
        raise UserError(
            f"{model} does not tell demonstrated from random actions (their rewards are {shown:.3g} and {zero:.3g} on"
            " average); train the reward model longer"
        )
    return Unit(zero, shown - zero)
