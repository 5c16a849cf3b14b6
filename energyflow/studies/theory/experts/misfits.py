"""Demonstrators that do not act as exp(Q* / alpha): sub-optimal, mixed and deterministic ones, and remedies.

All share the Q* of the two-dimensional Gaussian bandit; `log_prob` is the exact density of what they demonstrate,
which is what score matching can recover, and not exp(Q* / alpha).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from energyflow.studies.theory.experts.bandits import OBS_DIM, GaussianBandit
from energyflow.studies.theory.experts.base import DTYPE, Wave, normal, normal_log_prob

DIM = 2
HEAT = 4.0  # times the temperature
BIAS = 1.0  # of each coordinate, in standard deviations of the sound policy
STRAY = 0.2  # share of demonstrated actions that are uniform
STRAY_BOX = 2.0  # on [-2, 2]^2
TRIM = 0.25  # share of demonstrations that the remedy drops
COLLECTION_NOISE = 0.1  # as collect.noise


class Sound(GaussianBandit):
    """The max-ent expert itself: the control of every comparison."""

    def __init__(self) -> None:
        super().__init__(DIM)


class Hot(Sound):
    """Acts at four times the temperature: noisier than its Q says, still in the right order."""

    def variance(self, states: Tensor) -> Tensor:
        """Variance of the policy, [N, Da]."""
        return HEAT * super().variance(states)

    def soft_value(self, states: Tensor) -> Tensor:
        """That of the sound expert, whose Q* it is judged by."""
        return self.offset(states) + 0.5 * self.alpha * torch.log(
            2.0 * math.pi * self.alpha / self.stiffness(states)
        ).sum(dim=-1)


class Biased(Sound):
    """Misses the best action by one standard deviation, always to the same side."""

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """See `Expert.sample`."""
        return super().sample(states, generator) + BIAS * self.variance(states).sqrt()

    def log_prob(self, actions: Tensor, states: Tensor, noise: Tensor) -> Tensor:
        """See `Expert.log_prob`."""
        return super().log_prob(actions - BIAS * self.variance(states).sqrt(), states, noise)


class Contaminated(Sound):
    """Every fifth action is uniform on a box, whatever the state."""

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """See `Expert.sample`."""
        stray = torch.rand(len(states), 1, generator=generator, dtype=DTYPE) < STRAY
        anywhere = STRAY_BOX * (2.0 * torch.rand(len(states), DIM, generator=generator, dtype=DTYPE) - 1.0)
        return torch.where(stray, anywhere, super().sample(states, generator))

    def log_prob(self, actions: Tensor, states: Tensor, noise: Tensor) -> Tensor:
        """See `Expert.log_prob`."""
        if bool((noise > 0).all()):
            reach = [torch.special.ndtr((end - actions) / noise) for end in (-STRAY_BOX, STRAY_BOX)]
            inside = (reach[1] - reach[0]).prod(dim=-1)
        else:
            inside = (actions.abs() <= STRAY_BOX).all(dim=-1).to(actions.dtype)
        uniform = math.log(STRAY) - DIM * math.log(2.0 * STRAY_BOX) + inside.clamp(min=1e-300).log()
        return torch.logaddexp(math.log(1.0 - STRAY) + super().log_prob(actions, states, noise), uniform)


class Trimmed(Contaminated):
    """Remedy for `Contaminated`: fit once, drop the least likely quarter of the demonstrations, fit again."""

    trim = TRIM


class Mixed(Sound):
    """Half of the demonstrations come from someone who wants something else."""

    def __init__(self) -> None:
        """The other one's best actions are another smooth function of the state."""
        super().__init__()
        self._other = Wave("misfit other", OBS_DIM, DIM)

    def other(self, states: Tensor) -> Tensor:
        """The other one's best action, [N, Da]."""
        return 0.8 * self._other(states[:, :OBS_DIM])

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """See `Expert.sample`."""
        theirs = torch.rand(len(states), 1, generator=generator, dtype=DTYPE) < 0.5
        return super().sample(states, generator) + theirs * (self.other(states) - self.mean(states))

    def log_prob(self, actions: Tensor, states: Tensor, noise: Tensor) -> Tensor:
        """See `Expert.log_prob`."""
        moved = actions - self.other(states) + self.mean(states)
        ours, theirs = (super(Mixed, self).log_prob(a, states, noise) for a in (actions, moved))
        return torch.logaddexp(ours, theirs) - math.log(2.0)


class Labelled(Mixed):
    """Remedy for `Mixed`: the state says who demonstrates (0: the expert, 1: the other one)."""

    obs_dim = OBS_DIM + 1

    def states(self, count: int, generator: torch.Generator) -> Tensor:
        """Either demonstrator, with equal shares."""
        who = torch.randint(2, (count, 1), generator=generator).to(DTYPE)
        return torch.cat([super().states(count, generator), who], dim=1)

    def test_states(self, count: int, generator: torch.Generator) -> Tensor:
        """The expert alone is judged."""
        return torch.cat([super().states(count, generator), torch.zeros(count, 1, dtype=DTYPE)], dim=1)

    def mean(self, states: Tensor) -> Tensor:
        """The best action m(s), [N, Da]."""
        return super().mean(states[:, :OBS_DIM])

    def stiffness(self, states: Tensor) -> Tensor:
        """Curvature k(s) of minus Q*, [N, Da]."""
        return super().stiffness(states[:, :OBS_DIM])

    def offset(self, states: Tensor) -> Tensor:
        """See `Bandit.offset`."""
        return super().offset(states[:, :OBS_DIM])

    def centre(self, states: Tensor) -> Tensor:
        """What the demonstrator of each state wants, [N, Da]."""
        return torch.where(states[:, OBS_DIM:] > 0.5, self.other(states), self.mean(states))

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """See `Expert.sample`."""
        return self.centre(states) + self.variance(states).sqrt() * normal((len(states), DIM), generator)

    def log_prob(self, actions: Tensor, states: Tensor, noise: Tensor) -> Tensor:
        """See `Expert.log_prob`."""
        return normal_log_prob(actions, self.centre(states), self.variance(states) + noise**2)


class Deterministic(Sound):
    """Always the best action: its density is a point, and only the noise of score matching gives it a width."""

    jitter = 0.0

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """See `Expert.sample`."""
        return self.mean(states) + self.jitter * normal((len(states), DIM), generator)

    def log_prob(self, actions: Tensor, states: Tensor, noise: Tensor) -> Tensor:
        """See `Expert.log_prob`; without any noise there is no density, and the result is not finite."""
        return normal_log_prob(actions, self.mean(states), self.jitter**2 + noise**2)


class Jittered(Deterministic):
    """Remedy for `Deterministic`: noise on the demonstrated action, as this project collects its own."""

    jitter = COLLECTION_NOISE
