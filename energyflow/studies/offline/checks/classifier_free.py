"""Classifier-free against exact guidance on a line, by quadrature: Section 4.3 and Lemmas 4.10 and 4.11.

    p_0 = N(-1.5, 0.4^2) / 2 + N(1.5, 0.4^2) / 2,    p(c | x) = sigmoid(1.2 x),    target q ~ p_0 p(c | x)^beta

Exact guidance is the gradient of log E[p(c | x_0)^beta | x_t]; classifier-free guidance is beta times that of
log E[p(c | x_0) | x_t]. Both are posterior means of x_0: grad log E[f(x_0) | x_t] = mu (E_f - E) / sigma^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from energyflow.core.seeding import torch_generator
from energyflow.offline.paths import VP
from energyflow.offline.samplers import sample
from energyflow.studies.offline.mixtures import target_of
from energyflow.studies.offline.sections import ClassifierFree

CENTRE, WIDTH, STEEPNESS, REACH = 1.5, 0.4, 1.2, 4.0


class Line:
    """The law on a grid of x_0 in [-4, 4]."""

    def __init__(self, points: int) -> None:
        self.grid = torch.linspace(-REACH, REACH, points, dtype=torch.float64)
        modes = torch.stack([-(((self.grid - c) / WIDTH) ** 2) / 2 for c in (-CENTRE, CENTRE)])
        self.log_p = torch.logsumexp(modes, dim=0)
        self.log_class = torch.nn.functional.logsigmoid(STEEPNESS * self.grid)

    def tilted(self, beta: float) -> Tensor:
        """Shares [G] of the target law on the grid."""
        return torch.softmax(self.log_p + beta * self.log_class, dim=0)

    def means(self, x: Tensor, mu: Tensor, sigma: Tensor, beta: float) -> Tensor:
        """E[x_0 | x_t = x] [B] under q ~ p_0 p(c | x)^beta, of x [B], mu and sigma [B]."""
        near = -(((x[:, None] - mu[:, None] * self.grid) / sigma[:, None]) ** 2) / 2
        return torch.softmax(self.log_p + beta * self.log_class + near, dim=-1) @ self.grid

    def guidance(self, x: Tensor, mu: float, sigma: float, beta: float, *, classifier_free: bool) -> Tensor:
        """Gradient [B] that is added to the score of p_t at x [B]."""
        mus, sigmas = torch.full_like(x, mu), torch.full_like(x, sigma)
        plain = self.means(x, mus, sigmas, 0.0)
        toward = self.means(x, mus, sigmas, 1.0 if classifier_free else beta)
        return (beta if classifier_free else 1.0) * mu / sigma**2 * (toward - plain)

    def drawn(self, noise: Tensor, beta: float, steps: int, *, classifier_free: bool) -> Tensor:
        """Samples [B, 1] of the probability flow from noise [B, 1] with either guidance."""
        path = VP()

        def predict(x: Tensor, t: Tensor, _condition: Tensor | None) -> Tensor:
            at = path.at(t)
            mu, sigma = at.mu[:, 0], at.sigma[:, 0]
            if classifier_free:
                plain, told = (self.means(x[:, 0], mu, sigma, b) for b in (0.0, 1.0))
                data = plain + beta * (told - plain)
            else:
                data = self.means(x[:, 0], mu, sigma, beta)
            return target_of(path, x, t, data[:, None])

        return sample(predict, path, noise, steps, "heun")


def rows(subject: str, seed: int, params: ClassifierFree, _inputs: Sequence[Path]) -> list[dict[str, Any]]:
    """One row a beta and guidance, `exact` or `classifier_free`.

    gradient_error   RMS difference of the guidance from the exact one at mu = 0.7 and points of the exact samples' law
    mean, std        of samples; exact_mean, exact_std: of the target law
    mean_error       (mean - exact_mean) / exact_std; spread: std / exact_std
    """
    line = Line(params.grid)
    draws = torch_generator(seed, f"offline classifier free {subject}")
    # evenly spaced quantiles of N(0, 1) from a random start: the law of the samples is read almost without noise
    start = torch.rand(1, generator=draws, dtype=torch.float64)
    noise = torch.special.ndtri((torch.arange(params.samples, dtype=torch.float64) + start) / params.samples)[:, None]
    mu, sigma = 0.7, float(np.sqrt(0.51))
    found = []
    for beta in params.betas:
        share = line.tilted(beta)
        mean = float(share @ line.grid)
        std = float((share @ (line.grid - mean).square()).sqrt())
        index = torch.multinomial(share, params.samples, replacement=True, generator=draws)
        at = mu * line.grid[index] + sigma * torch.randn(params.samples, generator=draws, dtype=torch.float64)
        exact = line.guidance(at, mu, sigma, beta, classifier_free=False)
        for name in ("exact", "classifier_free"):
            free = name == "classifier_free"
            gap = line.guidance(at, mu, sigma, beta, classifier_free=free) - exact
            points = line.drawn(noise, beta, params.steps, classifier_free=free)
            row: dict[str, Any] = {"seed": seed, "subject": subject, "beta": beta, "guidance": name, "exact_mean": mean}
            row |= {"exact_std": std, "mean": float(points.mean()), "std": float(points.std())}
            row |= {"gradient_error": float(gap.square().mean().sqrt())}
            row |= {"mean_error": (row["mean"] - mean) / std, "spread": row["std"] / std}
            found.append(row)
    return found
