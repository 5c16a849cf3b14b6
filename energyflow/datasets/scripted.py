"""Demonstrations of the simulators' scripted experts, disturbed while they act."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from energyflow.config.sections import CollectParams
from energyflow.core.errors import UserError
from energyflow.core.provenance import package_versions
from energyflow.core.seeding import generator
from energyflow.datasets.format import Demonstration, write_demos
from energyflow.datasets.manifest import write_manifest
from energyflow.datasets.replay import Replayable
from energyflow.envs.simulator import Array, Simulator
from energyflow.envs.tasks import make_env


def disturbances(env: Simulator, seed: int, params: CollectParams) -> Array:
    """What happens to the intended actions of an episode [horizon, Da]: noise on all, and pushes of the hands.

    A push is a constant action of a few steps: it leads to states from which the way back is then demonstrated.
    """
    shape = (params.horizon, env.action_dim)
    added = params.noise * generator(seed, "action noise").standard_normal(shape)
    hands = np.setdiff1d(np.arange(env.action_dim), env.grippers)
    rng, step = generator(seed, "pushes"), 0
    while step < params.horizon:
        if rng.random() < params.burst.chance:
            length = int(rng.integers(params.burst.steps[0], params.burst.steps[1] + 1))
            added[step : step + length, hands] += params.burst.std * rng.standard_normal(len(hands))
            step += length
        else:
            step += 1
    return added


def demonstrate(env: Simulator, seed: int, params: CollectParams) -> Demonstration | None:
    """Run the expert once; None if it does not succeed within the horizon.

    What is executed is disturbed (`disturbances`), so that the states around the expert's path are seen; what is
    recorded to be imitated is its own intention there (DART, Laskey et al. 2017), plus N(0, label_noise^2), without
    which its density would be singular. The episode ends `extra_steps` after the first success.
    """
    added, reached = disturbances(env, seed, params), False
    steps: list[tuple[Any, ...]] = []
    labels = generator(seed, "label noise").standard_normal(added.shape)
    obs = env.reset(seed)
    expert = env.expert(seed if params.style == "varied" else None)
    stored = env if isinstance(env, Replayable) else None
    length = params.horizon
    while len(steps) < length:
        step = len(steps)
        intended = expert(obs)
        executed = np.clip(intended + added[step], -1.0, 1.0)
        label = executed
        if params.label_noise is not None:
            label = np.clip(intended + params.label_noise * labels[step], -1.0, 1.0)
        state = stored.state() if stored else None
        following, reward, success = env.step(executed)
        if success and not reached:
            length, reached = min(length, step + 1 + params.extra_steps), True
        steps.append((obs, label, reward, float(success), state, executed))
        obs = following
    if not reached:
        return None
    frames, actions, rewards, successes, states, given = (np.array(column) for column in zip(*steps, strict=True))
    return Demonstration(
        frames,
        actions,
        rewards,
        successes,
        states=states if stored else None,
        model_file=stored.model_xml() if stored else None,
        actions_executed=None if params.label_noise is None else given,
    )


def collect(task: str, params: CollectParams, out: Path) -> None:
    """Collect successful demonstrations into `demos.hdf5` and describe them in `manifest.json`.

    Attempt i starts from the initial state of seed `params.seed + i`; the first `params.demos` successes are kept.

    Raises:
        UserError: the success rate is below `params.min_success`.
    """
    env = make_env(task)
    kept: list[Demonstration] = []
    attempts = 0
    limit = int(np.ceil(params.demos / max(params.min_success, 1e-3))) + 5
    with tqdm(total=params.demos, desc=f"collect {task}", unit="demo", mininterval=2.0) as bar:
        while len(kept) < params.demos:
            if attempts >= limit:
                raise UserError(
                    f"{task}: the scripted expert succeeded in {len(kept)} of {attempts} attempts, below"
                    f" collect.min_success = {params.min_success}; lower collect.noise or collect.burst"
                )
            demonstration = demonstrate(env, params.seed + attempts, params)
            attempts += 1
            if demonstration is not None:
                kept.append(demonstration)
                bar.update()
    write_demos(out / "demos.hdf5", kept, env.env_args(), env.obs_layout)
    write_manifest(
        out / "demos.hdf5",
        {
            "task": task,
            "source": "scripted",
            "demos": len(kept),
            "transitions": sum(len(d.actions) for d in kept),
            "attempts": attempts,
            "expert_success_rate": len(kept) / attempts,
            "versions": package_versions(),
            "params": params.model_dump(),
        },
    )
