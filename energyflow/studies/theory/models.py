"""Train one model on an expert of the theory, with the project's own trainer and networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from energyflow.config.sections import TrainParams
from energyflow.core.errors import UserError
from energyflow.core.provenance import Run
from energyflow.core.seeding import integer_seed, torch_generator
from energyflow.datasets.format import Demonstration, Demos
from energyflow.datasets.windows import Windows, make_windows
from energyflow.learning.trainer import Trainer
from energyflow.networks.build import Spec
from energyflow.policies.base import EnergyPolicy, Model, ScorePolicy
from energyflow.policies.checkpoint import build, load, save
from energyflow.studies.theory.experts.base import Expert
from energyflow.studies.theory.experts.registry import make_expert

TRIM_SIGMA = 0.3  # read-out of the first fit that decides which demonstrations are the least likely
TRIM_REFERENCES = 64
OBS_KEYS = ("state",)


def demonstrations(states: Tensor, actions: Tensor) -> Demos:
    """Independent pairs of state [N, Do] and action [N, Da] as what trainer and normaliser read (To = Tp = 1)."""
    zeros = torch.zeros(len(states)).numpy()
    pairs = Demonstration(states.numpy(), actions.numpy(), zeros, zeros)
    return Demos(Path(), "", {}, OBS_KEYS, [pairs])


def draw(expert: Expert, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Demonstrations of one seed: states [N, Do] and actions [N, Da]."""
    generator = torch_generator(seed, "theory demonstrations")
    states = expert.states(count, generator)
    return states, expert.sample(states, generator)


def fit(states: Tensor, actions: Tensor, params: TrainParams, seed: int) -> Model:
    """Train on pairs of state [N, Do] and action [N, Da], environment units; return the averaged model."""
    demos = demonstrations(states, actions)
    with torch.random.fork_rng(devices=[]):  # initialisers only know the global generator
        torch.manual_seed(integer_seed(seed, "initial weights"))
        model = build(Spec(states.shape[1], actions.shape[1], 1, 1, 1, OBS_KEYS), params)
    model.normalizer.fit(demos.observations, demos.actions, standardize_obs=params.standardize_obs)
    windows: Windows = make_windows(demos, 1, 1)
    trainer = Trainer(model, windows, seed, torch.device("cpu"))
    for _ in range(params.steps):
        trainer.advance()
    return trainer.averaged()


@torch.no_grad()
def likeliest(model: Model, states: Tensor, actions: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """The given share of the demonstrations with the lowest energy, centred so that states can be compared."""
    assert isinstance(model, EnergyPolicy)
    obs = model.normalizer.standardize_obs(states.float())[:, None]
    chunk = model.normalizer.standardize_action(actions.float())[:, None]
    level = torch.full((len(chunk),), TRIM_SIGMA)
    references = torch.randn(TRIM_REFERENCES, 1, actions.shape[1], generator=torch_generator(seed, "theory trim"))
    baseline = torch.stack([model.energy(one.expand_as(chunk), obs, level) for one in references]).mean(dim=0)
    regret = model.energy(chunk, obs, level) - baseline
    kept = regret.argsort()[: round(share * len(regret))].sort().values
    return states[kept], actions[kept]


def train_model(name: str, params: TrainParams, count: int, seed: int, out: Path) -> None:
    """Train on `count` demonstrations of the expert `name`; write model.safetensors, model.json and run.json."""
    expert = make_expert(name)
    section: dict[str, Any] = params.model_dump(mode="json")
    with Run("theory_model", out, params=section, inputs=[], expert=name, demos=count, seed=seed):
        states, actions = draw(expert, count, seed)
        model = fit(states, actions, params, seed)
        if expert.trim:
            model = fit(*likeliest(model, states, actions, 1.0 - expert.trim, seed), params, seed)
        save(model, out / "model.safetensors", {"task": f"theory/{name}", "seed": seed, "demos": {"demos": count}})


def read_model(path: Path) -> ScorePolicy:
    """Load a trained model for checking, in double precision: its own rounding is then no part of an error.

    Raises:
        UserError: the model has no score, or its checkpoint is damaged.
    """
    model = load(path).double()
    if not isinstance(model, ScorePolicy):
        raise UserError(f"{path}: '{model.params.method}' has no score for the theory to look at")
    return model
