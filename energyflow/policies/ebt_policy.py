"""EBT-Policy (arXiv 2510.27545): an energy whose descent, with momentum, is trained to land on the action.

    a <- a / RMS(a) + sigma_i xi            (xi in training alone)
    g  = dE/da at a + mu v
    v <- mu v - alpha exp(E) g,  a <- a + v

The loss is the squared error after the last step, the only one that is differentiated. No time enters the energy.
It has no mean that can be computed: decoded by `mean`, the same descent starts from zero noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from pydantic import Field
from torch import Tensor, nn

from energyflow.config.sections import Activation, TrainParams
from energyflow.networks.blocks import expand
from energyflow.networks.build import ScalarPotential, Spec
from energyflow.policies.base import Policy
from energyflow.policies.noise import NoiseRange
from energyflow.policies.registry import Method

RMS_EPSILON = 1e-7  # keeps a chunk of zeros finite


class EBTParams(NoiseRange):
    """Descent in training and in rollouts; [code] is the authors' benchmark repository."""

    activation: Activation = "silu"
    train_steps: int = Field(6, ge=1, le=10_000)  # [code] and 0 to 4 more
    extra_steps: int = Field(4, ge=0, le=10_000)  # [code]
    nfe: int = Field(20, ge=1, le=10_000)  # [code] at most
    step: float = Field(0.99, gt=0, le=1e6)  # [code] 1000 / 9 for the 112 numbers of a chunk
    step_spread: float = Field(1.5, ge=1, le=100)  # [code]
    momentum: float = Field(0.9, ge=0, lt=1)  # [code]
    sigma_min: float = Field(0.002, gt=0, le=1e4)  # [code]
    sigma_max: float = Field(0.2, gt=0, le=1e4)  # [code]
    min_grad: float = Field(1.0e-3, ge=0, le=1e6)  # [code]


METHODS = {"ebt_policy": Method("EBT-Policy", EBTParams, "EBTPolicy", lr={"mlp": 2.0e-3, "unet": 3.0e-5})}


def normalized(action: Tensor) -> Tensor:
    """Chunks [B, Tp, Da] divided by their own root mean square.

    The published code divides by that of the whole batch in training, and of the one chunk at hand in rollouts.
    """
    return action / (action.square().mean(dim=(1, 2), keepdim=True) + RMS_EPSILON).sqrt()


def descend(
    energy: Callable[[Tensor], Tensor],
    action: Tensor,
    velocity: Tensor,
    size: Tensor,
    momentum: float,
    *,
    differentiable: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """One step of Nesterov's momentum whose length grows with exp(E): far from the data, steps are longer.

    Args:
        energy: [B, Tp, Da] -> [B]; element b depends on chunk b alone.
        action: [B, Tp, Da].
        velocity: [B, Tp, Da] of the step before.
        size: [B] step length at zero energy.
        momentum: mu.
        differentiable: whether the result depends on the energy's parameters: through its gradient and through exp(E).

    Returns:
        Action and velocity after the step, and the gradient [B, Tp, Da] at the look-ahead.
    """
    ahead = (action + momentum * velocity).detach().requires_grad_()
    with torch.enable_grad():
        value = energy(ahead)
        (slope,) = torch.autograd.grad(value.sum(), ahead, create_graph=differentiable)
    factor = size * (value if differentiable else value.detach()).exp()
    velocity = momentum * velocity - expand(factor) * slope
    return action + velocity, velocity, slope


class EBTPolicy(Policy):
    """Scalar energy of a chunk, descended from noise."""

    def __init__(self, spec: Spec, params: TrainParams) -> None:
        """Build the energy."""
        super().__init__(spec, params)
        self.own = EBTParams(**params.method_params)
        self.potential = ScalarPotential(spec, params.network, self.own.activation, spectral=False)
        # As published, RMS normalisation before the head: it bounds the energy, and so exp(E), for chunks far away.
        self.potential.head.layers.insert(0, nn.RMSNorm(self.potential.trunk.width))
        # Published: alpha0 / temperature = 1000 / 9 for an energy that is a mean over 16 x 7 numbers, whose gradient
        # with respect to one of them is of order 1 / 112. That is `step` = 0.99 a number: the first steps are then of
        # order one, like the chunks, whatever Tp and Da are.
        self.size = self.own.step * spec.pred_horizon * spec.action_dim

    def energy(self, action: Tensor, obs: Tensor) -> Tensor:
        """Energy [B] of chunks [B, Tp, Da] at obs [B, To, Do], both standardised; lower is more expert-like."""
        energy: Tensor = self.potential(action, obs, action.new_zeros(len(action)))  # one time: none
        return energy

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of the chunk after a random number of steps from noise; see `Model.loss`."""
        extra = torch.randint(self.own.extra_steps + 1, (1,), generator=generator, device=generator.device)
        count = self.own.train_steps + int(extra)
        chunk = self.noise(action, generator)
        velocity = torch.zeros_like(chunk)
        for index in range(count):
            start = normalized(chunk) + self.sigma(index, count) * self.noise(chunk, generator)
            size = self._spread(len(chunk), generator)
            last = index == count - 1
            chunk, velocity, _ = descend(
                lambda a: self.energy(a, obs), start, velocity, size, self.own.momentum, differentiable=last
            )
        return (chunk - action).square().mean()

    def sigma(self, index: int, count: int) -> float:
        """Noise of training step `index` of `count`: half a cosine from sigma_max towards sigma_min."""
        low, high = self.own.sigma_min, self.own.sigma_max
        return low + 0.5 * (high - low) * (1.0 + math.cos(math.pi * index / count))

    def _spread(self, count: int, generator: torch.Generator) -> Tensor:
        """[count] step lengths, uniform between the nominal one divided and multiplied by `step_spread`."""
        low, high = self.size / self.own.step_spread, self.size * self.own.step_spread
        return low + (high - low) * torch.rand(count, generator=generator, device=generator.device)

    def sample(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """At most `nfe` steps from noise."""
        return self.settle(obs, self.prior(obs, generator), nfe)

    def mean(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """At most `nfe` steps from zero; draws nothing."""
        return self.settle(obs, self.zero(obs), nfe)

    def settle(self, obs: Tensor, start: Tensor, nfe: int) -> Tensor:
        """Descend from `start` [B, Tp, Da] until the gradient is small, then take one more step; at most `nfe` steps.

        Each chunk stops by its own gradient. The published code stops all by the norm over the batch, which is the same
        for the single chunk that it samples, and would otherwise make a plan depend on whatever is planned beside it.
        """
        size = start.new_full((len(start),), self.size)
        chunk, velocity = start, torch.zeros_like(start)
        running = torch.ones(len(start), dtype=torch.bool, device=start.device)

        def step() -> tuple[Tensor, Tensor, Tensor]:
            return descend(
                lambda a: self.energy(a, obs),
                normalized(chunk),
                velocity,
                size,
                self.own.momentum,
                differentiable=False,
            )

        for _ in range(nfe - 1):
            moved, faster, slope = step()
            chunk = torch.where(expand(running), moved, chunk)
            velocity = torch.where(expand(running), faster, velocity)
            running = running & (slope.flatten(1).norm(dim=1) > self.own.min_grad)
            if not bool(running.any()):
                break
        return step()[0]
