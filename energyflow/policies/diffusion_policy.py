"""Diffusion Policy (Chi et al. 2023): DDPM with epsilon prediction, written from its equations.

It has no mean that one evaluation tells: decoded by `mean`, it takes all its steps from zero noise and adds none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from energyflow.config.section import Section
from energyflow.config.sections import Activation, Decoder, TrainParams
from energyflow.networks.blocks import expand
from energyflow.networks.build import Spec, VectorField
from energyflow.networks.closed_form import Array
from energyflow.policies.base import TransportPolicy
from energyflow.policies.registry import Method

MAX_BETA = 0.999


class DDPMParams(Section):
    """Noise schedule and sampling steps."""

    activation: Activation = "silu"  # [ours] the same for every method compared; Mish in the published code
    train_steps: int = Field(100, ge=2, le=10_000)  # [code] DDPM steps; sampling uses them all
    nfe: int = Field(100, ge=1, le=10_000)  # [code]
    schedule: Literal["squaredcos_cap_v2"] = "squaredcos_cap_v2"  # [code]

    @model_validator(mode="after")
    def _fits(self) -> DDPMParams:
        if self.nfe > self.train_steps:
            raise ValueError(f"nfe = {self.nfe} exceeds train_steps = {self.train_steps}")
        return self


METHODS = {
    "diffusion_policy": Method("Diffusion Policy", DDPMParams, "DiffusionPolicy", lr={"mlp": 8.0e-3, "unet": 1.0e-4}),
}


def cumulative_alphas(steps: int) -> Tensor:
    """Squared-cosine schedule of Nichol and Dhariwal, betas capped at 0.999: cumulative products [steps], float64."""

    def signal(t: float) -> float:
        return math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [min(1 - signal((i + 1) / steps) / signal(i / steps), MAX_BETA) for i in range(steps)]
    return torch.cumprod(1.0 - torch.tensor(betas, dtype=torch.float64), dim=0)


class DiffusionPolicy(TransportPolicy):
    """Predicts the noise of a chunk; ancestral sampling with the small fixed variance."""

    def __init__(self, spec: Spec, params: TrainParams) -> None:
        """Build the noise predictor."""
        super().__init__(spec, params)
        self.own = DDPMParams(**params.method_params)
        self.field = VectorField(spec, params.network, self.own.activation)
        self.register_buffer("ones", torch.ones(spec.action_dim), persistent=False)
        self.register_buffer("alphas", cumulative_alphas(self.own.train_steps).float(), persistent=False)

    ones: Tensor
    alphas: Tensor

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        """|| eps - eps_theta(sqrt(abar_k) a + sqrt(1 - abar_k) eps, s, k) ||^2, k uniform."""
        step = torch.randint(self.own.train_steps, (len(action),), generator=generator, device=action.device)
        signal, eps = expand(self.alphas[step]), self.noise(action, generator)
        noised = signal.sqrt() * action + (1.0 - signal).sqrt() * eps
        return (self.epsilon(noised, obs, step) - eps).square().mean()

    def epsilon(self, noised: Tensor, obs: Tensor, step: Tensor) -> Tensor:
        """Predicted noise [B, Tp, Da] at integer diffusion steps [B]."""
        field: Tensor = self.field(noised, obs, step / self.own.train_steps)
        return field

    @property
    def network(self) -> VectorField:
        """The noise predictor; its time is the share of the training steps."""
        return self.field

    def transport(self, vector: Callable[[Array, float], Array], draw: Callable[[], Array], nfe: int) -> Array:
        """Ancestral DDPM over `nfe` evenly spaced training steps (all of them when nfe = train_steps).

        The predicted clean chunk is clipped to the action box in standardised units: the published clip to [-1, 1]
        presumes actions scaled to that range, and would cut standardised ones.
        """
        steps = [round(index * self.own.train_steps / nfe) for index in range(nfe)]
        signals = [1.0, *(float(self.alphas[step]) for step in steps)]
        action = draw()
        low, high = (like(action, self.normalizer.standardize_action(sign)) for sign in (-self.ones, self.ones))
        for index, step in reversed(list(enumerate(steps))):
            eps = vector(action, step / self.own.train_steps)
            action = ancestral(action, eps, signals[index + 1], signals[index], low, high, draw())
        return action

    def mean_transport(self, vector: Callable[[Array, float], Array], zero: Array, nfe: int) -> Array:
        """The same steps, each to the mean of its distribution, from the mean of the prior."""
        return self.transport(vector, lambda: zero, nfe)

    def evaluations(self, decoder: Decoder, nfe: int) -> int:
        """As many by either decoder."""
        return nfe


def like(array: Array, bound: Tensor) -> Array:
    """`bound` as whatever `array` is, a tensor or a NumPy array."""
    return bound if isinstance(array, Tensor) else bound.numpy()


def ancestral(
    noised: Array, eps: Array, alpha: float, alpha_before: float, low: Array, high: Array, noise: Array
) -> Array:
    """One DDPM step with epsilon prediction, clipped clean sample and variance `fixed_small` (Ho et al. 2020, eq. 6-7).

    Args:
        noised: [B, Tp, Da] at cumulative signal `alpha`.
        eps: predicted noise, same shape.
        alpha: cumulative product at this step.
        alpha_before: at the step it leads to; 1 at the last, which adds no noise.
        low: [Da] bounds of the clean sample.
        high: [Da].
        noise: standard normal, same shape as `noised`.

    Returns:
        [B, Tp, Da] at cumulative signal `alpha_before`.
    """
    clean = ((noised - math.sqrt(1.0 - alpha) * eps) / math.sqrt(alpha)).clip(low, high)
    ratio = alpha / alpha_before  # 1 - beta of this step
    mean = (math.sqrt(alpha_before) * (1.0 - ratio) * clean + math.sqrt(ratio) * (1.0 - alpha_before) * noised) / (
        1.0 - alpha
    )
    if alpha_before == 1.0:
        return mean
    variance = max((1.0 - alpha_before) / (1.0 - alpha) * (1.0 - ratio), 1e-20)
    return mean + math.sqrt(variance) * noise
