"""The methods that are compared on the sets: each trains on the same points, by the same recipe, and draws samples."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from energyflow.offline import weights
from energyflow.offline.fit import fit
from energyflow.offline.losses import Predictor, contrastive_loss, matching_loss
from energyflow.offline.network import Energy, Field, parameters
from energyflow.offline.paths import OT, VP, ProbabilityPath
from energyflow.offline.samplers import classifier_free, energy_guided, sample
from energyflow.offline.sections import SolverParams
from energyflow.offline.sets import Draw
from energyflow.studies.offline.sections import Toys

CLASS_DIM = 2  # one-hot: c = 1, c = 0; zeros: not told
WANTED = (1.0, 0.0)


@dataclass(frozen=True)
class Guided:
    """A model of one tilted law.

    Attributes:
        predictor: what its solver integrates.
        path: of the training.
        solver: of the sampling.
        seconds: of all trainings that it needs, on this machine.
        size: learned numbers of all its networks.
        passes: evaluations of networks in one sample; a gradient counts as two.
    """

    predictor: Predictor
    path: ProbabilityPath
    solver: SolverParams
    seconds: float
    size: int
    passes: int

    def draw(self, noise: Tensor) -> Tensor:
        """Samples [B, 2] from noise [B, 2]."""
        return sample(self.predictor, self.path, noise, self.solver.steps, self.solver.solver)


@dataclass
class Bench:
    """Points of a set, and what several methods train on them; a network that serves all betas is trained once."""

    points: Tensor
    energy: Tensor
    params: Toys
    seed: int
    trained: dict[str, tuple[Field, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Draw, params: Toys, seed: int) -> Bench:
        """From points with their energies."""
        points, energy = (torch.from_numpy(part).float() for part in data)
        return cls(points, energy, params, seed)

    def batch(self, generator: torch.Generator) -> Tensor:
        """Indices of a batch."""
        return torch.randint(len(self.points), (self.params.fit.batch_size,), generator=generator)

    def network(self, purpose: str, condition_dim: int = 0) -> Field:
        """A fresh field; methods of one seed start from the same weights."""
        own = self.params
        return Field(2, own.hidden, own.time_dim, self.seed, condition_dim=condition_dim, purpose=purpose)

    def warm_up(self) -> None:
        """Take two steps that are thrown away: the first training does not pay for what is loaded once."""
        fit(self.network("warm-up"), self.plain, self.params.fit.model_copy(update={"steps": 2}), 0, "warm-up")

    def plain(self, network: Field, generator: torch.Generator) -> Tensor:
        """Loss of a diffusion of p."""
        return matching_loss(network, VP(), self.points[self.batch(generator)], generator)

    def once(self, name: str, train: Callable[[], Field]) -> tuple[Field, float]:
        """A network that several betas share, with its seconds."""
        if name not in self.trained:
            self.trained[name] = timed(train)
        return self.trained[name]


def timed(train: Callable[[], Field]) -> tuple[Field, float]:
    """A network and the CPU seconds of its training, which other jobs on the machine change least."""
    started = time.process_time()
    found = train()
    return found, time.process_time() - started


def weighted(bench: Bench, path: ProbabilityPath, solver: SolverParams, beta: float) -> Guided:
    """EFM on the straight path, ED on the other: softmax weights of the batch (Algorithm 1)."""

    def loss(network: Field, generator: torch.Generator) -> Tensor:
        index = bench.batch(generator)
        weight = weights.batch_softmax(-beta * bench.energy[index])
        return matching_loss(network, path, bench.points[index], generator, weight=weight)

    network, seconds = timed(lambda: fit(bench.network("field"), loss, bench.params.fit, bench.seed, "toys"))
    return Guided(network, path, solver, seconds, parameters(network), solver.evaluations)


def efm(bench: Bench, beta: float) -> Guided:
    """Energy-weighted flow matching."""
    return weighted(bench, OT(), bench.params.ot, beta)


def ed(bench: Bench, beta: float) -> Guided:
    """Energy-weighted diffusion."""
    return weighted(bench, VP(), bench.params.vp, beta)


def efm_resampled(bench: Bench, beta: float) -> Guided:
    """The plain loss on points drawn with probability ~ exp(-beta E) (Remark 4.6)."""
    path, solver = OT(), bench.params.ot

    def loss(network: Field, generator: torch.Generator) -> Tensor:
        index = weights.resampled(-beta * bench.energy, bench.params.fit.batch_size, generator)
        return matching_loss(network, path, bench.points[index], generator)

    network, seconds = timed(lambda: fit(bench.network("field"), loss, bench.params.fit, bench.seed, "toys"))
    return Guided(network, path, solver, seconds, parameters(network), solver.evaluations)


def cfg(bench: Bench, beta: float) -> Guided:
    """Classifier-free guidance of scale beta towards c = 1, p(c = 1 | x) = exp(E_min - E(x)): q ~ p p(c = 1 | x)^beta.

    The class is drawn anew for each batch. One network serves all betas.
    """
    path, solver, chance = VP(), bench.params.vp, (bench.energy.min() - bench.energy).exp()

    def loss(network: Field, generator: torch.Generator) -> Tensor:
        index = bench.batch(generator)
        draws = torch.rand((2, len(index)), generator=generator)
        chosen, told = draws[0] < chance[index], draws[1] >= bench.params.dropout
        condition = torch.stack([chosen, ~chosen], dim=1) & told[:, None]
        return matching_loss(network, path, bench.points[index], generator, condition.float())

    network, seconds = bench.once(
        "cfg", lambda: fit(bench.network("field", CLASS_DIM), loss, bench.params.fit, bench.seed, "toys")
    )
    guided = classifier_free(network, beta, torch.tensor(WANTED))
    return Guided(guided, path, solver, seconds, parameters(network), 2 * solver.evaluations)


def cep(bench: Bench, beta: float) -> Guided:
    """Contrastive energy prediction: a diffusion of p, an intermediate energy, its gradient at sampling."""
    path, solver, own = VP(), bench.params.vp, bench.params

    def contrast(network: Energy, generator: torch.Generator) -> Tensor:
        index = bench.batch(generator).view(-1, own.group)
        return contrastive_loss(network, path, bench.points[index], -beta * bench.energy[index], generator)

    behaviour, seconds = bench.once(
        "cep", lambda: fit(bench.network("field"), bench.plain, own.fit, bench.seed, "toys")
    )
    started = time.process_time()
    energy = fit(Energy(2, own.hidden, own.time_dim, bench.seed), contrast, own.fit, bench.seed, "toys energy")
    seconds += time.process_time() - started
    size = parameters(behaviour, energy)
    return Guided(energy_guided(behaviour, energy, path), path, solver, seconds, size, 3 * solver.evaluations)


METHODS: dict[str, Callable[[Bench, float], Guided]] = {
    "efm": efm,
    "ed": ed,
    "efm_resampled": efm_resampled,
    "cfg": cfg,
    "cep": cep,
}
