"""Regression on a path, weighted or not, and the contrastive loss of an intermediate energy."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from energyflow.offline.paths import ProbabilityPath

# (x_t [B, D], t [B], condition [B, C] or None) -> prediction [B, D]
Predictor = Callable[[Tensor, Tensor, Tensor | None], Tensor]
# ... -> energy [B]
IntermediateEnergy = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def matching_errors(
    predict: Predictor,
    path: ProbabilityPath,
    data: Tensor,
    generator: torch.Generator,
    condition: Tensor | None = None,
) -> Tensor:
    """|prediction - target|^2 [B] at a random time and noise each, summed over the D dimensions.

    Args:
        predict: the network.
        path: says what it predicts.
        data: [B, D].
        generator: of times and noise.
        condition: [B, C], such as states.
    """
    t = path.times(len(data), generator)
    noise = torch.randn(data.shape, generator=generator, device=data.device, dtype=data.dtype)
    t = t.to(data.dtype)
    predicted = predict(path.noisy(data, noise, t), t, condition)
    return (predicted - path.target(data, noise, t)).square().sum(dim=-1)


def matching_loss(
    predict: Predictor,
    path: ProbabilityPath,
    data: Tensor,
    generator: torch.Generator,
    condition: Tensor | None = None,
    weight: Tensor | None = None,
) -> Tensor:
    """Mean over the batch of weight times `matching_errors`.

    Without a weight: conditional flow matching on `ot` (Theorem 3.1), denoising score matching on `vp`. With weights
    exp(-beta E(x_0)) / E[exp(-beta E)], of mean 1: conditional energy-weighted flow matching on `ot` (equation 4.3),
    energy-weighted diffusion on `vp` (Corollary 4.8, Algorithm 1, with lambda(t) = sigma_t^2 / mu_t^2).

    Args:
        predict: the network.
        path: the path.
        data: [B, D].
        generator: of times and noise.
        condition: [B, C].
        weight: [B], without gradient.
    """
    errors = matching_errors(predict, path, data, generator, condition)
    return errors.mean() if weight is None else (weight * errors).mean()


def contrastive_loss(
    energy: IntermediateEnergy,
    path: ProbabilityPath,
    data: Tensor,
    log_weight: Tensor,
    generator: torch.Generator,
    condition: Tensor | None = None,
) -> Tensor:
    """Contrastive energy prediction (Lu et al. 2023): -sum_j softmax_j(-beta E(x_0)) log softmax_j(-E_t(x_t)).

    Its minimiser is E_t(x) = -log E[exp(-beta E(x_0)) | x_t = x], up to a function of t and, if there is one, of the
    condition.

    Args:
        energy: the network.
        path: the path.
        data: [G, K, D], G groups of K that share a time (and a condition).
        log_weight: [G, K], -beta E(x_0).
        generator: of times and noise.
        condition: [G, C].
    """
    groups, each, dim = data.shape
    t = path.times(groups, generator).to(data.dtype).repeat_interleave(each)
    noise = torch.randn((groups * each, dim), generator=generator, device=data.device, dtype=data.dtype)
    repeated = None if condition is None else condition.repeat_interleave(each, dim=0)
    predicted = energy(path.noisy(data.reshape(-1, dim), noise, t), t, repeated).view(groups, each)
    share = torch.softmax(log_weight, dim=-1)
    return -(share * torch.log_softmax(-predicted, dim=-1)).sum(dim=-1).mean()
