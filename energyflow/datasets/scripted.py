"""Demonstrations of the simulators' scripted experts, with the action noise that makes them max-ent experts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tqdm import tqdm

from energyflow.config.sections import CollectParams
from energyflow.core.errors import UserError
from energyflow.core.provenance import package_versions
from energyflow.core.seeding import generator
from energyflow.datasets.format import Demonstration, write_demos
from energyflow.datasets.manifest import write_manifest
from energyflow.datasets.replay import Replayable
from energyflow.envs.simulator import Simulator
from energyflow.envs.tasks import make_env


def demonstrate(env: Simulator, seed: int, params: CollectParams) -> Demonstration | None:
    """Run the expert once; None if it does not succeed within the horizon.

    The scripted experts are deterministic, so their score would be singular: N(0, action_noise^2) is added to each
    action and the sum clipped to the box. The episode ends `extra_steps` after the first success.
    """
    noise = generator(seed, "action noise")
    obs = env.reset(seed)
    expert = env.expert(seed)
    frames, actions, rewards, successes, states = [], [], [], [], []
    model = env.model_xml() if isinstance(env, Replayable) else None
    remaining = params.horizon
    while remaining > 0:
        action = expert(obs) + params.action_noise * noise.standard_normal(env.action_dim)
        action = np.clip(action, -1.0, 1.0)
        frames.append(obs)
        if isinstance(env, Replayable):
            states.append(env.state())
        actions.append(action)
        obs, reward, success = env.step(action)
        rewards.append(reward)
        successes.append(float(success))
        first_success = success and sum(successes) == 1
        remaining = min(remaining - 1, params.extra_steps) if first_success else remaining - 1
    if not any(successes):
        return None
    return Demonstration(
        np.array(frames),
        np.array(actions),
        np.array(rewards),
        np.array(successes),
        states=np.array(states) if states else None,
        model_file=model,
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
                    f" collect.min_success = {params.min_success}; lower collect.action_noise"
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
