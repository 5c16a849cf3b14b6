"""Theorem 4.3 and Corollary 4.7: the conditional loss has the gradient of the marginal one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from energyflow.core.seeding import torch_generator
from energyflow.offline.network import Field
from energyflow.offline.paths import PATHS, ProbabilityPath
from energyflow.studies.offline.mixtures import DIM, Mixture, example, guided_target
from energyflow.studies.offline.sections import Gradient

HIDDEN, TIME_DIM = (16, 16), 8


def rows(subject: str, seed: int, params: Gradient, _inputs: Sequence[Path]) -> list[dict[str, Any]]:
    """One row a path, beta and number of samples.

    error   norm of the difference of the two gradients over that of the marginal one, root mean square over repeats;
            in expectation the difference is zero, so it shrinks as n^(-1/2)
    cosine  between the two, mean over repeats
    """
    law, toward = example(seed)
    found = []
    for name, path in PATHS.items():
        network = small_network(seed)
        for beta in params.betas:
            draws = torch_generator(seed, f"offline gradient {name} {beta:g}")
            for n in params.samples:
                pairs = [gradients(network, law, path, beta * toward, n, draws) for _ in range(params.repeats)]
                scale = torch.stack([marginal for _, marginal in pairs]).mean(dim=0).norm()
                apart = torch.stack([(one - two).norm() for one, two in pairs]).square().mean().sqrt() / scale
                cosine = torch.stack([nn.functional.cosine_similarity(one, two, dim=0) for one, two in pairs]).mean()
                row = {"seed": seed, "subject": subject, "path": name, "beta": beta, "samples": n}
                found.append(row | {"error": float(apart), "cosine": float(cosine)})
    return found


def small_network(seed: int) -> Field:
    """An untrained field in double precision."""
    return Field(DIM, HIDDEN, TIME_DIM, seed, purpose="offline gradient").double()


def gradients(
    network: Field, law: Mixture, path: ProbabilityPath, slope: Tensor, count: int, draws: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Gradients [P] of the conditional and of the marginal energy-weighted loss, on the same x_t.

    The first sees the data and its weight exp(-beta E(x_0)) / Z, the second the guided field and exp(-E_t(x_t)) / Z.
    """
    data = law.sample(count, draws)
    noise = torch.randn(data.shape, generator=draws, dtype=data.dtype)
    t = path.t_min + (1.0 - path.t_min) * torch.rand(count, generator=draws, dtype=data.dtype)
    x = path.noisy(data, noise, t)
    log_mass = law.tilted(slope)[1]
    guided, log_weight = guided_target(law, path, x, t.clamp(min=1e-6), slope)
    predicted = network(x, t)
    losses = (
        (((data @ slope) - log_mass).exp(), path.target(data, noise, t)),
        ((log_weight - log_mass).exp(), guided),
    )
    return tuple(  # type: ignore[return-value]  # two of them
        flat_gradient(network, (weight * (predicted - target).square().sum(dim=-1)).mean()) for weight, target in losses
    )


def flat_gradient(network: nn.Module, loss: Tensor) -> Tensor:
    """Gradient [P] of a loss."""
    parts = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
    return torch.cat([part.flatten() for part in parts])
