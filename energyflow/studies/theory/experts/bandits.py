"""One-step tasks: the soft Q is the reward, and exp(Q / alpha) is a Gaussian or a mixture of Gaussians.

States are uniform on [-1, 1]^2; modes, widths, weights and the state's own value are smooth functions of them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from energyflow.studies.theory.experts.base import DTYPE, Expert, Wave, normal, normal_log_prob

OBS_DIM = 2
EDGE = 1.5  # states beyond the training range lie between [-1, 1]^2 and [-EDGE, EDGE]^2
WIDTH_SPEED = 0.75  # of the widths of Gaussians over states: score matching learns widths more slowly than means
MIXTURE_WIDTH = 0.3  # standard deviation of one mode
SEPARATED_CONTRAST = 1.5  # of separated modes: log weight ratios within 3, weights between 5 and 95 %


class Bandit(Expert):
    """States and the value of a state, shared by both families."""

    alpha = 0.5
    obs_dim = OBS_DIM

    def __init__(self, name: str, dim: int) -> None:
        """`name` decides the smooth functions."""
        self.action_dim = dim
        self._offset = Wave(f"{name} offset", OBS_DIM, 1)

    def states(self, count: int, generator: torch.Generator) -> Tensor:
        """Uniform on [-1, 1]^2."""
        return 2.0 * torch.rand(count, OBS_DIM, generator=generator, dtype=DTYPE) - 1.0

    def shifted_states(self, count: int, generator: torch.Generator) -> Tensor:
        """Uniform on the frame around [-1, 1]^2: states that no demonstration visits, for Lemma 3.8."""
        point = self.states(count, generator)
        border = point / point.abs().amax(dim=1, keepdim=True)  # uniform on the border of [-1, 1]^2
        share = torch.rand(count, 1, generator=generator, dtype=DTYPE)
        return border * (1.0 + share * (EDGE**2 - 1.0)).sqrt()

    def offset(self, states: Tensor) -> Tensor:
        """What a state is worth whatever is done in it, [N]: between -2 and 2, against action effects of order one."""
        return 2.0 * self._offset(states)[:, 0]


class GaussianBandit(Bandit):
    """Q* = b(s) - 1/2 sum_i k_i(s) (a_i - m_i(s))^2, so pi = N(m, alpha / k)."""

    def __init__(self, dim: int) -> None:
        """Every other coordinate matters four times as much."""
        super().__init__(f"gaussian{dim}", dim)
        self._mean = Wave(f"gaussian{dim} mean", OBS_DIM, dim)
        self._width = Wave(f"gaussian{dim} width", OBS_DIM, dim, WIDTH_SPEED)
        self._base = 2.0 * 4.0 ** (torch.arange(dim, dtype=DTYPE) % 2)

    def mean(self, states: Tensor) -> Tensor:
        """The best action m(s), [N, Da]."""
        return 0.8 * self._mean(states)

    def stiffness(self, states: Tensor) -> Tensor:
        """Curvature k(s) of minus Q*, [N, Da]."""
        return self._base * torch.exp(0.5 * self._width(states))

    def variance(self, states: Tensor) -> Tensor:
        """Variance of the policy, [N, Da]."""
        return self.alpha / self.stiffness(states)

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """See `Expert.sample`."""
        eps = normal((len(states), self.action_dim), generator)
        return self.mean(states) + self.variance(states).sqrt() * eps

    def log_prob(self, actions: Tensor, states: Tensor, noise: Tensor) -> Tensor:
        """See `Expert.log_prob`."""
        return normal_log_prob(actions, self.mean(states), self.variance(states) + noise**2)

    def soft_q(self, actions: Tensor, states: Tensor) -> Tensor:
        """See `Expert.soft_q`."""
        cost = (self.stiffness(states) * (actions - self.mean(states)).square()).sum(dim=-1)
        return self.offset(states) - 0.5 * cost

    def soft_value(self, states: Tensor) -> Tensor:
        """See `Expert.soft_value`."""
        return self.offset(states) + 0.5 * self.alpha * torch.log(2.0 * math.pi * self.variance(states)).sum(dim=-1)


class MixtureBandit(Bandit):
    """Q* = b(s) + alpha log sum_k exp(g_k(s) - |a - m_k(s)|^2 / (2 w^2)), so pi is a mixture of two Gaussians."""

    def __init__(self, dim: int, separation: float = 4.0, *, moving: bool = True, contrast: float = 0.8) -> None:
        """Two modes on either side of a centre.

        Args:
            dim: Da.
            separation: distance of the modes in widths of one mode; at 4 a bridge of density remains.
            moving: whether the centre depends on the state.
            contrast: largest |g|; the log ratio of the two weights is within twice that.
        """
        super().__init__(f"mixture{dim}", dim)
        self._centre = Wave(f"mixture{dim} centre", OBS_DIM, dim)
        self._weight = Wave(f"mixture{dim} weight", OBS_DIM, 1)
        self._speed = 0.5 if moving else 0.0
        self.contrast = contrast
        signs = 1.0 - 2.0 * (torch.arange(dim, dtype=DTYPE) % 2)
        self.arm = 0.5 * separation * MIXTURE_WIDTH * signs / math.sqrt(dim)  # from the centre to the second mode

    def modes(self, states: Tensor) -> Tensor:
        """Means of the modes, [N, 2, Da]."""
        centre = self._speed * self._centre(states)
        return torch.stack([centre - self.arm, centre + self.arm], dim=1)

    def logits(self, states: Tensor) -> Tensor:
        """Unnormalised log weights g of the modes, [N, 2]."""
        half = self.contrast * self._weight(states)
        return torch.cat([-half, half], dim=1)

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """See `Expert.sample`."""
        chosen = torch.multinomial(self.logits(states).softmax(dim=1), 1, generator=generator)[:, 0]
        mean = self.modes(states)[torch.arange(len(states)), chosen]
        return mean + MIXTURE_WIDTH * normal((len(states), self.action_dim), generator)

    def log_prob(self, actions: Tensor, states: Tensor, noise: Tensor) -> Tensor:
        """See `Expert.log_prob`."""
        each = normal_log_prob(actions[:, None], self.modes(states), MIXTURE_WIDTH**2 + noise**2)
        return torch.logsumexp(self.logits(states).log_softmax(dim=1) + each, dim=1)

    def soft_q(self, actions: Tensor, states: Tensor) -> Tensor:
        """See `Expert.soft_q`."""
        distance = (actions[:, None] - self.modes(states)).square().sum(dim=-1)
        exponent = self.logits(states) - 0.5 * distance / MIXTURE_WIDTH**2
        return self.offset(states) + self.alpha * torch.logsumexp(exponent, dim=1)

    def soft_value(self, states: Tensor) -> Tensor:
        """See `Expert.soft_value`."""
        volume = 0.5 * self.action_dim * math.log(2.0 * math.pi * MIXTURE_WIDTH**2)
        return self.offset(states) + self.alpha * (torch.logsumexp(self.logits(states), dim=1) + volume)


class SeparatedModes(MixtureBandit):
    """Two modes in one dimension, at the same places in every state; which is heavier depends on the state alone."""

    def __init__(self, separation: int) -> None:
        """`separation` in widths of one mode."""
        super().__init__(1, float(separation), moving=False, contrast=SEPARATED_CONTRAST)

    def logits(self, states: Tensor) -> Tensor:
        """Unnormalised log weights [N, 2]: a full wave over the states, so that either mode is heavier in half."""
        half = self.contrast * torch.sin(math.pi * states[:, :1])
        return torch.cat([-half, half], dim=1)
