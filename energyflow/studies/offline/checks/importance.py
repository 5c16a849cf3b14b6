"""Remark 4.6: weighting the loss, and resampling the data, estimate one gradient; which of them with less noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from energyflow.core.seeding import torch_generator
from energyflow.offline import weights
from energyflow.offline.losses import matching_loss
from energyflow.offline.paths import OT
from energyflow.studies.offline.checks.gradient import flat_gradient, small_network
from energyflow.studies.offline.mixtures import example
from energyflow.studies.offline.sections import Importance


def rows(subject: str, seed: int, params: Importance, _inputs: Sequence[Path]) -> list[dict[str, Any]]:
    """One row a beta and estimator of the gradient from a batch.

    estimator   `weighted`: weights normalised over the population; `softmax`: over the batch (Algorithm 1);
                `resampled`: drawn with the weights, plain loss
    variance    trace of the covariance of the gradient, over the squared norm of the mean of `weighted`
    apart       distance of the mean gradient from that of `weighted`, in standard errors of the difference
    batch_ess   mean effective sample size of the weights of a batch
    """
    law, toward = example(seed)
    draws = torch_generator(seed, "offline importance")
    data = law.sample(params.population, draws)
    network, path = small_network(seed), OT()
    found = []
    for beta in params.betas:
        log_weight = beta * (data @ toward)
        whole = len(data) * weights.support_softmax(log_weight)

        def uniform() -> Tensor:
            return torch.randint(len(data), (params.batch,), generator=draws)

        def of_batch(index: Tensor, weight: Tensor | None) -> Tensor:
            return flat_gradient(network, matching_loss(network, path, data[index], draws, weight=weight))

        def softmax(index: Tensor, log_weight: Tensor = log_weight) -> Tensor:
            return of_batch(index, weights.batch_softmax(log_weight[index]))

        estimators: dict[str, Callable[[], Tensor]] = {
            "weighted": lambda whole=whole: (lambda index: of_batch(index, whole[index]))(uniform()),
            "softmax": lambda: softmax(uniform()),
            "resampled": lambda log_weight=log_weight: of_batch(
                weights.resampled(log_weight, params.batch, draws), None
            ),
        }
        drawn = {name: torch.stack([one() for _ in range(params.repeats)]) for name, one in estimators.items()}
        first = drawn["weighted"]
        ess = torch.stack([weights.effective_sample_size(whole[uniform()]) for _ in range(params.repeats)]).mean()
        for name, each in drawn.items():
            noise = (each.var(dim=0).sum() + first.var(dim=0).sum()) / params.repeats
            apart = 0.0 if name == "weighted" else float((each.mean(dim=0) - first.mean(dim=0)).norm() / noise.sqrt())
            row = {"seed": seed, "subject": subject, "beta": beta, "estimator": name, "apart": apart}
            variance = float(each.var(dim=0).sum() / first.mean(dim=0).square().sum())
            found.append(row | {"variance": variance, "batch_ess": float(ess)})
    return found
