"""Implicit BC (Florence et al. 2021): an energy trained to tell the demonstrated chunk from sampled ones (InfoNCE).

    L = -log [ exp(-E(a)) / (exp(-E(a)) + sum_j exp(-E(a_j))) ]

Two published samplers. `langevin` (google-research/ibc): negatives descend the energy with noise, in training and in
rollouts. `dfo` (Diffusion Policy's implementation): uniform negatives; rollouts resample, without a gradient.
Samples live in the action box [-1, 1], and so do lengths and gradients of the energy here.

Either sampler makes candidates. Decoded by `sample`, one is drawn with weight exp(-E), as published for `dfo`; by
`mean`, the one of lowest energy, as published for `langevin`: the model has no mean that can be computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from energyflow.config.section import Section
from energyflow.config.sections import Activation, TrainParams
from energyflow.networks.build import Potential, ScalarPotential, Spec
from energyflow.policies.base import Policy
from energyflow.policies.registry import Method

Energy = Callable[[Tensor], Tensor]  # candidates [B, N, Tp, Da] in the action box -> [B, N]
Slope = Callable[[Tensor], Tensor]  # the same -> gradient of the energy, [B, N, Tp, Da]


class LangevinParams(Section):
    """Noisy descent of the energy."""

    nfe: int = Field(50, ge=1, le=10_000)  # [paper] iterations in rollouts, of the latency table; 100 [code]
    samples: int = Field(16, ge=1, le=10**6)  # [ours] candidates of a plan; 512 [code]: time
    train_iterations: int = Field(8, ge=1, le=10_000)  # [ours] of a chain in training; 100 [code]: time
    negatives: int = Field(4, ge=1, le=10**6)  # [ours] chains a demonstrated chunk; 8 [code]: time
    step: float = Field(0.5, gt=0, le=1e6)  # [code: D4RL] first step, in half-widths of the action box
    last_step: float = Field(1.0e-5, gt=0, le=1e6)  # [code]
    noise: float = Field(0.5, ge=0, le=1e6)  # [code: D4RL]
    max_move: float = Field(0.5, gt=0, le=1e6)  # [code: D4RL]
    margin: float = Field(1.0, ge=0, le=1e6)  # [code] of the gradient penalty

    @model_validator(mode="after")
    def _decays(self) -> LangevinParams:
        if self.last_step > self.step:
            raise ValueError(f"last_step = {self.last_step} exceeds step = {self.step}")
        return self


class DFOParams(Section):
    """Derivative-free optimiser."""

    nfe: int = Field(5, ge=1, le=10_000)  # [code]
    samples: int = Field(1024, ge=1, le=10**6)  # [code]
    negatives: int = Field(256, ge=1, le=10**6)  # [ours] 1024 [code]: time
    noise: float = Field(0.03, ge=0, le=1e6)  # [code]


class ImplicitBCParams(Section):
    """Which sampler, and its numbers."""

    activation: Activation = "silu"
    sampler: Literal["langevin", "dfo"] = "langevin"  # of google-research/ibc, or of Diffusion Policy's version
    langevin: LangevinParams = LangevinParams()
    dfo: DFOParams = DFOParams()

    def numbers(self) -> LangevinParams | DFOParams:
        """Those of the sampler in use."""
        return self.langevin if self.sampler == "langevin" else self.dfo


METHODS = {
    "implicit_bc": Method(
        "Implicit BC",
        ImplicitBCParams,
        "ImplicitBC",
        lr={"mlp": 4.0e-3, "unet": 5.0e-4},
        # [code] one action a plan; the last weights, not an average
        train={"pred_horizon": 1, "exec_horizon": 1, "ema_decay": 0.0},
    ),
}


def step_sizes(count: int, first: float, last: float) -> list[float]:
    """Quadratic decay over `count` iterations."""
    return [(first - last) * (1.0 - index / max(1, count - 1)) ** 2 + last for index in range(count)]


def langevin(slope: Slope, start: Tensor, count: int, own: LangevinParams, generator: torch.Generator) -> Tensor:
    """Descend with noise, inside the box; the moves are detached from the energy's parameters.

    Args:
        slope: of the energy, at candidates.
        start: [B, N, Tp, Da].
        count: iterations.
        own: sizes of gradient, noise and moves; lengths are in half-widths of the box.
        generator: draws the noise.

    Returns:
        [B, N, Tp, Da].
    """
    found = start
    for size in step_sizes(count, own.step, own.last_step):
        noise = torch.randn(found.shape, generator=generator, device=found.device)
        move = size * (0.5 * slope(found) + own.noise * noise)
        found = (found - move.clamp(-own.max_move, own.max_move)).clamp(-1.0, 1.0)
    return found


def resample(energy: Energy, start: Tensor, count: int, own: DFOParams, generator: torch.Generator) -> Tensor:
    """Draw candidates with replacement, weighted by exp(-E), and move them a little, `count` - 1 times.

    Args and returns as of `langevin`, with the energy in place of its slope.
    """
    found = start
    for _ in range(count - 1):
        chosen = torch.multinomial((-energy(found)).softmax(dim=1), found.shape[1], True, generator=generator)
        noise = torch.randn(found.shape, generator=generator, device=found.device)
        found = (pick(found, chosen) + own.noise * noise).clamp(-1.0, 1.0)
    return found


def pick(candidates: Tensor, index: Tensor) -> Tensor:
    """Candidates [B, N, Tp, Da] at index [B, M] -> [B, M, Tp, Da]."""
    return candidates[torch.arange(len(index), device=index.device)[:, None], index]


class ImplicitBC(Policy):
    """Energy of a chunk; a plan is the best of many sampled chunks."""

    def __init__(self, spec: Spec, params: TrainParams) -> None:
        """Build the energy."""
        super().__init__(spec, params)
        self.own = ImplicitBCParams(**params.method_params)
        self.sampler = self.own.numbers()
        self.potential: Potential = ScalarPotential(spec, params.network, self.own.activation, spectral=False)

    @property
    def nfe(self) -> int:
        """Iterations of the sampler."""
        return self.sampler.nfe

    def energy(self, candidates: Tensor, obs: Tensor) -> Tensor:
        """Energy [B, N] of candidates [B, N, Tp, Da] in the action box, at obs [B, To, Do], standardised."""
        energy: Tensor = self.potential(*self._inputs(candidates, obs))
        return energy.reshape(candidates.shape[:2])

    def energy_and_slope(self, candidates: Tensor, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Energy [B, N] and its gradient [B, N, Tp, Da] in units of the action box."""
        energy, slope = self.potential.value_and_slope(*self._inputs(candidates, obs))
        in_box = (slope.reshape(candidates.shape) / self.normalizer.action_std).to(slope.dtype)
        return energy.reshape(candidates.shape[:2]), in_box

    def _inputs(self, candidates: Tensor, obs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        chunks = self.normalizer.standardize_action(candidates).flatten(0, 1)
        # one time: none
        return chunks, obs.repeat_interleave(candidates.shape[1], dim=0), chunks.new_zeros(len(chunks))

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        """InfoNCE, and with Langevin sampling the gradient penalty; see `Model.loss`."""
        demonstrated = self.normalizer.unstandardize_action(action)[:, None]
        candidates = torch.cat([demonstrated, self.negatives(obs, generator)], dim=1)
        if isinstance(self.sampler, DFOParams):
            return contrast(self.energy(candidates, obs))
        energy, slope = self.energy_and_slope(candidates, obs)
        steep = (slope.abs().amax(dim=(2, 3)) - self.sampler.margin).clamp(min=0.0)
        return contrast(energy) + steep.square().mean()

    def negatives(self, obs: Tensor, generator: torch.Generator) -> Tensor:
        """Counter-examples [B, N, Tp, Da] in the action box, detached from the parameters."""
        start = self.uniform(obs, self.sampler.negatives, generator)
        if isinstance(self.sampler, DFOParams):
            return start
        return self._descend(obs, start, self.sampler.train_iterations, generator)

    def uniform(self, obs: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Chunks [B, count, Tp, Da], uniform in the action box."""
        shape = (len(obs), count, self.spec.pred_horizon, self.spec.action_dim)
        return 2.0 * torch.rand(shape, generator=generator, device=obs.device) - 1.0

    def candidates(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """What `nfe` iterations of the sampler make of uniform chunks: [B, samples, Tp, Da], in the action box."""
        start = self.uniform(obs, self.sampler.samples, generator)
        if isinstance(self.sampler, DFOParams):
            return resample(lambda a: self.energy(a, obs), start, nfe, self.sampler, generator)
        return self._descend(obs, start, nfe, generator)

    @torch.no_grad()
    def _descend(self, obs: Tensor, start: Tensor, count: int, generator: torch.Generator) -> Tensor:
        assert isinstance(self.sampler, LangevinParams)
        return langevin(lambda a: self.energy_and_slope(a, obs)[1], start, count, self.sampler, generator)

    def sample(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """A candidate, drawn with weight exp(-E)."""
        found = self.candidates(obs, generator, nfe)
        weights = (-self.energy(found, obs)).softmax(dim=1)
        chosen = torch.multinomial(weights, 1, generator=generator)
        return self.normalizer.standardize_action(pick(found, chosen)[:, 0])

    def mean(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        """The candidate of lowest energy; the candidates are drawn."""
        found = self.candidates(obs, generator, nfe)
        best = self.energy(found, obs).argmin(dim=1, keepdim=True)
        return self.normalizer.standardize_action(pick(found, best)[:, 0])


def contrast(energy: Tensor) -> Tensor:
    """InfoNCE of energies [B, 1 + n], the demonstrated chunk first: log(1 + n) if they are all the same."""
    return (energy[:, 0] + torch.logsumexp(-energy, dim=1)).mean()
