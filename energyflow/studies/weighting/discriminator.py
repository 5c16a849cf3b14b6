"""Discriminator weights: a classifier of the few demonstrations against the mixture, as DWBC and ISW-BC have one.

    min_d  -E_demos[log d(s, a)] - E_mixture[log (1 - d(s, a))],    w = d / (1 - d)

Batches are half and half, so at its minimum w is the ratio of the two laws, p_demos(s, a) / p_mixture(s, a), and the
mixture weighted by w is the demonstrations' law (ISW-BC, Li et al. 2023). DWBC (Xu et al. 2022) weighs by 1 / (1 - d),
lets d read the policy's likelihood and corrects for the expert's share in the mixture; none of that is done here. From
it is the clip of d: few demonstrations are known by heart at last.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from energyflow.offline.critic import Perceptrons
from energyflow.offline.fit import fit
from energyflow.studies.weighting.sections import Discriminator


class Classifier(nn.Module):
    """The logit [N] of d at inputs [N, D]."""

    def __init__(self, inputs: int, hidden: list[int], seed: int) -> None:
        """One perceptron, with the first weights of the offline room's."""
        super().__init__()
        self.layers = Perceptrons(1, inputs, hidden, seed, "discriminator")

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        found: Tensor = self.layers(x)[0]
        return found


def log_ratio(logit: Tensor, clip: float) -> Tensor:
    """The logit of d [N], its log odds, kept between those of `clip` and 1 - `clip`."""
    most = float(torch.logit(torch.tensor(1.0 - clip)))
    return logit.clamp(-most, most)


def log_weights(demos: Tensor, mixture: Tensor, hidden: list[int], params: Discriminator, seed: int) -> Tensor:
    """Log weights [N] of the mixture's rows.

    Args:
        demos: [K, D] states and actions of the demonstrations, standardised as those of the mixture.
        mixture: [N, D].
        hidden: widths.
        params: the recipe and the clip.
        seed: of weights and batches.
    """
    half = params.batch_size // 2

    def loss(network: Classifier, generator: torch.Generator) -> Tensor:
        shown, others = (part[torch.randint(len(part), (half,), generator=generator)] for part in (demos, mixture))
        return functional.softplus(-network(shown)).mean() + functional.softplus(network(others)).mean()

    network = fit(Classifier(demos.shape[1], hidden, seed), loss, params, seed, "discriminator")
    with torch.no_grad():
        return log_ratio(network(mixture), params.clip)
