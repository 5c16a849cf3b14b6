"""Remark 4.6: weighting the loss, and resampling the data, estimate one gradient; which of them with less noise."""

from __future__ import annotations

from collections.abc import Sequence
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

ESTIMATORS = ("weighted", "softmax", "resampled")


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

        def one(name: str, log_weight: Tensor = log_weight, whole: Tensor = whole) -> Tensor:
            if name == "resampled":
                index, weight = weights.resampled(log_weight, params.batch, draws), None
            else:
                index = torch.randint(len(data), (params.batch,), generator=draws)
                weight = whole[index] if name == "weighted" else weights.batch_softmax(log_weight[index])
            return flat_gradient(network, matching_loss(network, path, data[index], draws, weight=weight))

        drawn = {name: torch.stack([one(name) for _ in range(params.repeats)]) for name in ESTIMATORS}
        first = drawn["weighted"]
        batches = whole[torch.randint(len(data), (params.repeats, params.batch), generator=draws)]
        ess = weights.effective_sample_size(batches).mean()
        for name, each in drawn.items():
            noise = (each.var(dim=0).sum() + first.var(dim=0).sum()) / params.repeats
            apart = 0.0 if name == "weighted" else float((each.mean(dim=0) - first.mean(dim=0)).norm() / noise.sqrt())
            row = {"seed": seed, "subject": subject, "beta": beta, "estimator": name, "apart": apart}
            variance = float(each.var(dim=0).sum() / first.mean(dim=0).square().sum())
            found.append(row | {"variance": variance, "batch_ess": float(ess)})
    return found
