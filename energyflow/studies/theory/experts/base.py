"""What a check needs to know of an expert: its soft Q, its actions, and their exact density under noise."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from energyflow.core.seeding import torch_generator

DTYPE = torch.float64


class Expert(ABC):
    """A policy pi(a | s) and the soft Q that it acts on, in environment units.

    Inside the paper's assumption pi = exp((Q* - V*) / alpha) with V* = alpha log of the integral of exp(Q* / alpha)
    over actions; the experts of misfits.py act otherwise, on the same Q*.

    Attributes:
        obs_dim: Do.
        action_dim: Da.
        alpha: temperature of the soft Q.
        box: actions lie in [-box, box] per coordinate; None if they are unbounded.
        trim: share of its demonstrations that training drops, after a first fit, as the least likely ones.
    """

    obs_dim: int
    action_dim: int
    alpha: float
    box: float | None = None
    trim: float = 0.0

    @abstractmethod
    def states(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw states [N, Do] independently, as demonstrations meet them."""

    def test_states(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw states [N, Do] in which the expert is judged: those of demonstrations, unless it says otherwise."""
        return self.states(count, generator)

    @abstractmethod
    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """Draw one action [N, Da] in each state [N, Do]."""

    @abstractmethod
    def log_prob(self, actions: Tensor, states: Tensor, noise: Tensor) -> Tensor:
        """Log density [N] of a + noise * eps at `actions` [N, Da], a ~ pi(. | s), eps ~ N(0, I); `noise` is [Da].

        With zero noise it is log pi.
        """

    @abstractmethod
    def soft_q(self, actions: Tensor, states: Tensor) -> Tensor:
        """Q*(s, a) [N] of actions [N, Da] in states [N, Do]."""

    @abstractmethod
    def soft_value(self, states: Tensor) -> Tensor:
        """V*(s) [N] of states [N, Do]."""

    def advantage(self, actions: Tensor, states: Tensor) -> Tensor:
        """Soft advantage A* = Q* - V* [N]: alpha log pi for a max-ent expert (Corollary 3.4)."""
        return self.soft_q(actions, states) - self.soft_value(states)

    def clip(self, actions: Tensor) -> Tensor:
        """Actions inside the box, for an expert that has one."""
        return actions if self.box is None else actions.clamp(-self.box, self.box)


class Wave:
    """A smooth map of states [N, Do] to [N, K] in [-1, 1]: sines of fixed random frequencies and phases."""

    def __init__(self, name: str, obs_dim: int, outputs: int, speed: float = 1.5) -> None:
        """The name decides the map, up to `speed`, the standard deviation of its frequencies."""
        generator = torch_generator(0, f"theory {name}")
        self.frequency = speed * torch.randn(obs_dim, outputs, generator=generator, dtype=DTYPE)
        self.phase = 2.0 * math.pi * torch.rand(outputs, generator=generator, dtype=DTYPE)

    def __call__(self, states: Tensor) -> Tensor:
        """[N, Do] -> [N, K]."""
        return torch.sin(states @ self.frequency + self.phase)


def normal_log_prob(actions: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Log density [...] of independent Gaussians over the last axis; all broadcast to [..., Da]."""
    terms = (actions - mean).square() / variance + torch.log(2.0 * math.pi * variance)
    return -0.5 * terms.sum(dim=-1)


def normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Standard normal draws in double precision."""
    return torch.randn(shape, generator=generator, dtype=DTYPE)
