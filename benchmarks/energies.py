"""What the energies of EBIL and NEAR learn: by the weight of |E| in NEAR's loss, and by the steps of training.

    python -m benchmarks.energies    # half an hour on 2 cores; finished runs are kept

NEAR's published loss adds |E| at the noised transitions to the score matching, with weight w = 1. Around a point in D
dimensions, the energy that matches the score at every noise level is f = -a sqrt(D) distance with a = 1, so that
E = f / sigma is about -a D at each level, and the loss (1 - a)^2 D / 2 + w a D is least at a = 1 - w: nothing at all
for w = 1. Without the weight, E has an arbitrary constant, of which the rule that lowers the noise (E must rise by
2 %) is a fraction.

EBIL's energy ends in a sigmoid, so it tells at most one nat, where the score of noise in D dimensions is the slope of D
/ 2 nats: more training cannot help. This trains the energies of the preset with a seed that no result uses, and writes

- learned: by how much it lowers the loss of score matching below that of E = 0, mean over the noise levels, on
  demonstrations that it was not trained on;
- reach: the largest noise level where it does so by half, in standard deviations;
- contrast: by how much demonstrated states and actions, or transitions, are preferred to those of random actions, in
  nats.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.trials import FIRST_SEED, carry_out, demonstrations
from energyflow.core.files import read_json
from energyflow.datasets.collect import collect
from energyflow.datasets.format import load_demos
from energyflow.envs.tasks import make_env
from energyflow.learning.trainer import train
from energyflow.networks.blocks import gradient
from energyflow.pipeline import params as params_module
from energyflow.pipeline.sections import COLLECT_SEEDS
from energyflow.policies.checkpoint import load_model
from energyflow.policies.ebil_energy import EBILEnergy
from energyflow.policies.near_energy import NEAREnergy

PRESET = "laptop"
TASKS = ("metaworld/assembly", "metaworld/button_press")
WEIGHTS = (1.0, 0.1, 0.01, 0.001, 0.0)
LONGER = (4,)  # times the steps of the preset
HELD_OUT, EPISODES, STEPS = 20, 3, 200  # demonstrations of other initial states; episodes of random actions
OUT = Path("results/energies")
TABLE = Path("benchmarks/energies.csv")
TRIAL = ["task", "energy", "weight", "times"]
Energy = EBILEnergy | NEAREnergy


def held_out(task: str) -> Path:
    """Demonstrations from initial states that neither collection nor evaluation meets."""
    out = OUT / task / "held_out"
    if not (out / "manifest.json").is_file():
        out.mkdir(parents=True, exist_ok=True)
        own = params_module.load(preset=PRESET).of(task).collect
        collect(task, own.model_copy(update={"demos": HELD_OUT, "seed": own.seed + COLLECT_SEEDS // 2}), out)
    return out / "demos.hdf5"


def points(model: Energy, obs: NDArray[np.float64], action: NDArray[np.float64]) -> Tensor:
    """What the energy is a function of, standardised: pairs (s, s') [B, 2 Do] or (s, a) [B, Do + Da]."""
    states = model.normalizer.standardize_obs(torch.from_numpy(obs).float())
    if isinstance(model, NEAREnergy):
        return torch.cat([states[:-1], states[1:]], dim=1)
    return torch.cat([states, model.normalizer.standardize_action(torch.from_numpy(action).float())], dim=1)


def random_points(model: Energy, task: str, obs_keys: tuple[str, ...]) -> Tensor:
    """The same of episodes of uniform actions."""
    env, rng, found = make_env(task, obs_keys), np.random.default_rng(FIRST_SEED), []
    first = params_module.load(preset=PRESET).of(task).collect.seed + COLLECT_SEEDS // 2
    for episode in range(EPISODES):
        obs, actions = [env.reset(first + episode)], rng.uniform(-1.0, 1.0, (STEPS, env.action_dim))
        obs += [env.step(action)[0] for action in actions[:-1]]
        found.append(points(model, np.stack(obs), actions))
    return torch.cat(found)


def value(model: Energy, sigma: Tensor, x: Tensor) -> Tensor:
    """Energy [B] that is higher for what is more expert-like, at noise levels sigma [B]."""
    return model.energy(x, sigma) if isinstance(model, NEAREnergy) else -model.pair_energy(x)


def learned(model: Energy, sigmas: Tensor, x: Tensor) -> Tensor:
    """Share [levels] of the loss of E = 0 that score matching does not have."""
    noise, shares = torch.randn(x.shape, generator=torch.Generator().manual_seed(FIRST_SEED)), []
    for sigma in sigmas:
        slope = gradient(partial(value, model, sigma.expand(len(x))), x + sigma * noise, create_graph=False)
        shares.append(1.0 - (sigma * slope + noise).square().sum() / noise.square().sum())
    return torch.stack(shares).detach()


def trial(task: str, energy: str, weight: float, times: int) -> pd.DataFrame:
    """Train one energy, unless that was done before; return its row."""
    torch.set_num_threads(1)
    own = params_module.load(preset=PRESET).of(task).reward_model[energy]
    numbers = own.method_params | ({"energy_weight": weight} if energy == "near_energy" else {})
    own = own.model_copy(update={"method_params": numbers, "steps": times * own.steps})
    out = OUT / task / energy / f"{weight:g}" / f"x{times}"
    if not (out / "run.json").is_file():
        train(task, FIRST_SEED, own, demonstrations(task, PRESET, OUT), out)
    model, shown = load_model(out / "model.safetensors"), load_demos(held_out(task))
    assert isinstance(model, EBILEnergy | NEAREnergy)
    x = torch.cat([points(model, each.obs, each.actions) for each in shown.episodes])
    sigmas = model.sigmas if isinstance(model, NEAREnergy) else torch.tensor([model.own.sigma])
    shares = learned(model, sigmas, x)
    half = sigmas[shares >= 0.5]
    with torch.no_grad():
        high, low = (
            float(value(model, sigmas[:1].expand(len(each)), each).mean())
            for each in (x, random_points(model, task, shown.obs_keys))
        )
    found = {"steps": own.steps, "learned": float(shares.mean()), "reach": float(half.max()) if len(half) else 0.0}
    found |= {"contrast": high - low, "cpu_seconds": read_json(out / "run.json")["cpu_seconds"]}
    return pd.DataFrame([dict(zip(TRIAL, (task, energy, weight, times), strict=True)) | found])


def main() -> None:
    """Run the trials, in parallel, and write the table."""
    preset = params_module.load(preset=PRESET).reward_model["near_energy"].method_params["energy_weight"]
    for task in TASKS:
        demonstrations(task, PRESET, OUT)
        held_out(task)
    trials = [(task, "near_energy", weight, 1) for task in TASKS for weight in WEIGHTS]
    trials += [(task, "ebil_energy", 0.0, 1) for task in TASKS]
    energies = (("near_energy", preset), ("ebil_energy", 0.0))
    trials += [(task, name, weight, times) for task in TASKS[1:] for name, weight in energies for times in LONGER]
    found = carry_out(trial, trials, TRIAL, TABLE, os.cpu_count() or 1)
    print(found.to_string(index=False, float_format="%.3g"))


if __name__ == "__main__":
    main()
