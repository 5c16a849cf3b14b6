"""`energyflow` with the switches that the ablations turn; at their defaults it is `energyflow`, bit for bit.

The switches live here, and not in the method, because nobody should use the alternatives: each is a choice that was
made, and results/ablations shows what the others give.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Literal

from pydantic import Field, model_validator
from torch import Tensor, nn

from energyflow.config.sections import NetworkParams
from energyflow.networks.build import Potential, ScalarPotential, Spec, VectorField
from energyflow.networks.closed_form import Array
from energyflow.policies import karras
from energyflow.policies.energyflow import EnergyFlow, EnergyFlowParams
from energyflow.policies.registry import Method

ROUGH = "relu"  # its second derivative is zero almost everywhere: no use in a loss that differentiates the energy twice


class VariantParams(EnergyFlowParams):
    """The numbers of `energyflow`, and the switches; of a centred potential, they are about g.

    Attributes:
        activation: one of the smooth ones, or `relu`.
        head: `pooled`: features to one number; `inner_product`: <a, v(a, s)> of a vector network v.
        spectral_norm: on the linear layers of the pooled head, as in the paper's form.
        sampler: `karras`: Karras schedule, Euler steps; `euler`: equal steps in log sigma, Euler; `heun`: Karras
            schedule, Heun's second-order steps.
        gamma: time of the last positive noise level, sigma = sigma_min^(1 - gamma) sigma_max^gamma; 0 is sigma_min.
    """

    activation: Literal["mish", "silu", "softplus", "tanh", "relu"] = "silu"  # type: ignore[assignment]
    head: Literal["pooled", "inner_product"] = "pooled"
    spectral_norm: bool = False
    sampler: Literal["karras", "euler", "heun"] = "karras"
    gamma: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _fits(self) -> VariantParams:
        if self.spectral_norm and self.head == "inner_product":
            raise ValueError("spectral_norm is on the pooled head; the inner product has none: set it to false")
        return self

    @property
    def last_sigma(self) -> float:
        """The last positive noise level of the sampler."""
        return float(self.sigma_min ** (1.0 - self.gamma) * self.sigma_max**self.gamma)


METHODS = {
    "energyflow_variant": Method("EnergyFlow with switches", VariantParams, "EnergyFlowVariant", role="variant"),
}


class InnerProduct(Potential):
    """(chunk [B, Tp, Da], obs [B, To, Do], time [B]) -> <chunk, v(chunk, obs, time)> [B], v a vector network."""

    def __init__(self, spec: Spec, params: NetworkParams, activation: str) -> None:
        """Build v."""
        super().__init__()
        self.field = VectorField(spec, params, activation)

    def forward(self, chunk: Tensor, obs: Tensor, time: Tensor) -> Tensor:
        """See the class."""
        product: Tensor = (chunk * self.field(chunk, obs, time)).sum(dim=(1, 2))
        return product


def roughen(module: nn.Module) -> None:
    """Put ReLU in the place of every SiLU: the networks themselves accept smooth activations alone."""
    for name, child in module.named_children():
        if isinstance(child, nn.SiLU):
            setattr(module, name, nn.ReLU())
        else:
            roughen(child)


def heun_steps(nfe: int) -> int:
    """Most steps of Heun's method within `nfe` evaluations: two a step, one for the last, which lands on D."""
    return (nfe + 1) // 2


def heun(denoise: Callable[[Array, float], Array], start: Array, sigmas: list[float]) -> Array:
    """As `karras.euler`, with Heun's second-order steps; a step to zero is Euler's, for the slope has no value there.

    Args:
        denoise: (a [B, Tp, Da], sigma) -> D [B, Tp, Da].
        start: [B, Tp, Da], of standard deviation sigmas[0].
        sigmas: decreasing levels; the last may be zero.

    Returns:
        [B, Tp, Da].
    """
    action = start
    for now, after in itertools.pairwise(sigmas):
        denoised = denoise(action, now)
        guess = denoised + (after / now) * (action - denoised)
        if after == 0.0:
            return guess
        slope = (action - denoised) / now
        slope_after = (guess - denoise(guess, after)) / after
        action = action + (after - now) * 0.5 * (slope + slope_after)
    return action


def uniform_schedule(nfe: int, sigma_min: float, sigma_max: float) -> list[float]:
    """`nfe` levels from sigma_max down to sigma_min, equally spaced in log sigma, then zero."""
    if nfe == 1:
        return [sigma_max, 0.0]
    ratio = math.log(sigma_min / sigma_max)
    return [*(sigma_max * math.exp(ratio * i / (nfe - 1)) for i in range(nfe)), 0.0]


class EnergyFlowVariant(EnergyFlow):
    """`energyflow` with another activation or head of the potential g, sampler or last noise level."""

    kind = VariantParams
    own: VariantParams

    def scalar(self, spec: Spec, params: NetworkParams) -> Potential:
        """Another head, spectral norm or ReLU, as the switches say."""
        rough = self.own.activation == ROUGH
        activation = "silu" if rough else self.own.activation
        if self.own.head == "inner_product":
            found: Potential = InnerProduct(spec, params, activation)
        else:
            found = ScalarPotential(spec, params, activation, spectral=self.own.spectral_norm)
        if rough:
            roughen(found)
        return found

    def integrate(self, denoise: Callable[[Array, float], Array], start: Array, nfe: int) -> Array:
        """At most `nfe` evaluations from sigma_max to the last level, of which the last lands on the denoiser."""
        low, high, rho = self.own.last_sigma, self.own.sigma_max, self.own.rho
        if self.own.sampler == "heun":
            return heun(denoise, start, karras.schedule(heun_steps(nfe), low, high, rho))
        uniform = self.own.sampler == "euler"
        sigmas = uniform_schedule(nfe, low, high) if uniform else karras.schedule(nfe, low, high, rho)
        return karras.euler(denoise, start, sigmas)
