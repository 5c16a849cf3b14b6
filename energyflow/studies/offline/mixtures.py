"""Gaussian mixtures under a linear energy: what flow matching, guidance and tilting do to them, in closed form.

    p = sum_k w_k N(m_k, s_k^2 I),    E(x) = -a . x,    q ~ p exp(-beta E) has
    weights ~ w_k exp(beta a . m_k + beta^2 |a|^2 s_k^2 / 2),    means m_k + beta s_k^2 a,    deviations s_k

Given x_t, the data of mode k are Gaussian again: precision 1 / s_k^2 + mu^2 / sigma^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from energyflow.core.seeding import torch_generator
from energyflow.offline.paths import ProbabilityPath

MODES, DIM = 3, 2


@dataclass(frozen=True)
class Mixture:
    """Log weights [..., K], means [..., K, D], variances [..., K] of isotropic modes; sums to one."""

    log_weight: Tensor
    mean: Tensor
    variance: Tensor

    def tilted(self, slope: Tensor) -> tuple[Mixture, Tensor]:
        """The law ~ p exp(slope . x), and log E_p[exp(slope . x)] [...], of a slope [D]."""
        shift = (self.mean * slope).sum(dim=-1) + 0.5 * self.variance * slope.square().sum()
        log_mass = torch.logsumexp(self.log_weight + shift, dim=-1)
        mean = self.mean + self.variance[..., None] * slope
        return Mixture(self.log_weight + shift - log_mass[..., None], mean, self.variance), log_mass

    def average(self) -> Tensor:
        """Mean [..., D]."""
        return (self.log_weight.exp()[..., None] * self.mean).sum(dim=-2)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """[count, D]; of one mixture, without a batch."""
        k = torch.multinomial(self.log_weight.exp(), count, replacement=True, generator=generator)
        noise = torch.randn((count, self.mean.shape[-1]), generator=generator, dtype=self.mean.dtype)
        return self.mean[k] + self.variance[k, None].sqrt() * noise

    def posterior(self, path: ProbabilityPath, x: Tensor, t: Tensor) -> Mixture:
        """Law of x_0 given x_t = x [B, D] at times [B]: a batch of mixtures."""
        at = path.at(t)
        spread = at.mu.square() * self.variance + at.sigma.square()  # of x_t in each mode, [B, K]
        away = x[:, None] - at.mu[..., None] * self.mean
        log_weight = self.log_weight - 0.5 * away.square().sum(dim=-1) / spread - 0.5 * x.shape[-1] * spread.log()
        gain = at.mu * self.variance / spread
        return Mixture(
            torch.log_softmax(log_weight, dim=-1),
            self.mean + gain[..., None] * away,
            self.variance * at.sigma.square() / spread,
        )


def target_of(path: ProbabilityPath, x: Tensor, t: Tensor, data: Tensor) -> Tensor:
    """What a network should predict at x [B, D] where the mean of x_0 is `data` [B, D]: targets are linear in it."""
    at = path.at(t)
    return path.target(data, (x - at.mu * data) / at.sigma, t)


def marginal_target(law: Mixture, path: ProbabilityPath, x: Tensor, t: Tensor) -> Tensor:
    """The marginal field of plain matching on a law (Theorem 3.1); on `vp`, its v."""
    return target_of(path, x, t, law.posterior(path, x, t).average())


def guided_target(law: Mixture, path: ProbabilityPath, x: Tensor, t: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """The guided field of Theorem 4.1, and log exp(-E_t(x)) [B], for exp(-beta E(x_0)) = exp(slope . x_0)."""
    tilted, log_mass = law.posterior(path, x, t).tilted(slope)
    return target_of(path, x, t, tilted.average()), log_mass


def example(seed: int) -> tuple[Mixture, Tensor]:
    """A mixture of three modes in the plane and a direction a of length one, in double precision."""
    generator = torch_generator(seed, "offline mixture")
    draw = torch.randn((MODES, DIM + 2), generator=generator, dtype=torch.float64)
    law = Mixture(
        torch.log_softmax(0.5 * draw[:, 0], dim=0), 1.5 * draw[:, 2:], (0.3 + 0.3 * torch.sigmoid(draw[:, 1])).square()
    )
    slope = torch.randn(DIM, generator=generator, dtype=torch.float64)
    return law, slope / slope.norm()
