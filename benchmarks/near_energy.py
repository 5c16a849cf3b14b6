"""What NEAR's energy learns, by the weight of |E| in its loss.

    python benchmarks/near_energy.py    # ten minutes on 2 cores, after the demonstrations of `laptop`

The published loss adds |E| at the noised transitions to the score matching, with weight w = 1. Around a point in D
dimensions, the energy that matches the score at every noise level is f = -a sqrt(D) distance with a = 1, so that
E = f / sigma is about -a D at each level, and the loss (1 - a)^2 D / 2 + w a D is least at a = 1 - w: nothing at all
for w = 1. Without the weight, E has an arbitrary constant, of which the rule that lowers the noise (E must rise by
2 %) is a fraction. This trains the energy of the preset with several weights, with a seed that no result uses, and
writes

- learned: by how much it lowers the loss of score matching below that of E = 0, mean over the noise levels;
- reach: the largest noise level where it does so by half, in standard deviations;
- rise: by how much E is higher on demonstrated transitions than on those of random actions, as a fraction of the
  latter.
"""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from energyflow.core.files import write_csv
from energyflow.datasets.format import load_demos
from energyflow.envs.tasks import make_env
from energyflow.learning.trainer import train
from energyflow.networks.blocks import gradient
from energyflow.pipeline import params as params_module
from energyflow.policies.checkpoint import load_model
from energyflow.policies.near_energy import NEAREnergy

TASKS = ("metaworld/assembly", "metaworld/button_press")
WEIGHTS = (1.0, 0.1, 0.01, 0.001, 0.0)
SEED = 100  # of training; results use the seeds of the preset
FIRST_STATE, EPISODES, STEPS = 60_000, 3, 200  # of random actions: collection range, neither collected nor evaluated
OUT = Path("results/near_energy")
TABLE = Path("benchmarks/near_energy.csv")


def transitions(model: NEAREnergy, episodes: list[NDArray[np.float64]]) -> Tensor:
    """Pairs (s, s') [B, 2 Do] of observations in a row, standardised units."""
    pairs = [np.stack([obs[:-1], obs[1:]], axis=1) for obs in episodes]
    return model.normalizer.standardize_obs(torch.from_numpy(np.concatenate(pairs)).float()).flatten(1)


def random_episodes(task: str, obs_keys: tuple[str, ...]) -> list[NDArray[np.float64]]:
    """Observations of episodes of uniform actions."""
    env, generator, episodes = make_env(task, obs_keys), np.random.default_rng(SEED), []
    for episode in range(EPISODES):
        obs = [env.reset(FIRST_STATE + episode)]
        obs += [env.step(generator.uniform(-1.0, 1.0, env.action_dim))[0] for _ in range(STEPS)]
        episodes.append(np.stack(obs))
    return episodes


def learned(model: NEAREnergy, pairs: Tensor) -> Tensor:
    """Share [levels] of the loss of E = 0 that score matching does not have."""
    noise, shares = torch.randn(pairs.shape, generator=torch.Generator().manual_seed(SEED)), []
    for sigma in model.sigmas:
        level = sigma.expand(len(pairs))
        slope = gradient(partial(model.energy, sigma=level), pairs + sigma * noise, create_graph=False)
        shares.append(1.0 - (sigma * slope + noise).square().sum() / noise.square().sum())
    return torch.stack(shares).detach()


def trial(task: str, weight: float) -> dict[str, object]:
    """Train one energy, unless that was done before; return its row."""
    torch.set_num_threads(1)
    section = params_module.load(preset="laptop", grid="full").reward_model["near_energy"]
    section = section.model_copy(update={"method_params": section.method_params | {"energy_weight": weight}})
    demos, out = Path("data/laptop", task, "demos.hdf5"), OUT / task / f"{weight:g}"
    if not (out / "run.json").is_file():
        train(task, SEED, section, demos, out)
    model, data = load_model(out / "model.safetensors"), load_demos(demos)
    assert isinstance(model, NEAREnergy)
    shown = transitions(model, [episode.obs for episode in data.episodes])
    random = transitions(model, random_episodes(task, data.obs_keys))
    shares = learned(model, shown)
    half = model.sigmas[shares >= 0.5]
    with torch.no_grad():
        high, low = (float(model.energy(x, model.sigmas[0].expand(len(x))).mean()) for x in (shown, random))
    row = {"learned": float(shares.mean()), "reach": float(half.max()) if len(half) else 0.0}
    return {"task": task, "weight": weight, "seed": SEED, **row, "rise": (high - low) / abs(low)}


def main() -> None:
    """Run the trials, in parallel, and write the table."""
    tasks, weights = zip(*itertools.product(TASKS, WEIGHTS), strict=True)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        rows = list(tqdm(pool.map(trial, tasks, weights), total=len(tasks), desc="energies"))
    frame = pd.DataFrame(rows)
    write_csv(TABLE, frame)
    print(frame.to_string(index=False, float_format="%.3g"))


if __name__ == "__main__":
    main()
