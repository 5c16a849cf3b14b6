"""CPU time of soft actor-critic: `energyflow.agents` against Stable-Baselines3 at equal networks, batches and updates.

    python -m benchmarks sac

Both take the numbers of the laptop preset, and Stable-Baselines3 its fastest optimiser. They take turns in one
process, and a ratio is that of two neighbours, so that whatever else the machine does meets both. Seconds are those
of the processor (`time.process_time`), not of the clock.

    update    one gradient step, from drawing the batch
    act       one action in one state, drawn (in training) and most likely (in evaluation)
    run       building the agents, acting, learning and evaluating on button press with the dense reward

Writes `benchmarks/sac.json` (every round) and `benchmarks/sac.md`.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from energyflow.agents.env import EpisodeEnv
from energyflow.agents.learner import Learner
from energyflow.agents.sac import EPISODES_PER_SEED, build_agent, train_sac
from energyflow.config.sections import ShapeParams
from energyflow.core.files import write_json, write_text
from energyflow.core.provenance import package_versions
from energyflow.core.seeding import integer_seed
from energyflow.envs.simulator import Simulator
from energyflow.envs.tasks import make_env, suite_of
from energyflow.pipeline import params as params_module
from energyflow.report.columns import fixed, plain, whole
from energyflow.report.render import Column, Table
from energyflow.rewards.dense import Dense

TASK = "metaworld/button_press"
FILLED = 2000  # transitions in the replay that updates draw from
CALLS = {"update": 200, "act, drawn": 500, "act, most likely": 500}  # in one round
WARM = 50


class DenseEnv(EpisodeEnv):
    """With the reward of the source `dense`, for an agent that stores rewards."""

    def step(self, action: Any) -> Any:
        """See `EpisodeEnv.step`."""
        obs, reward, terminated, truncated, info = super().step(action)
        return obs, reward / 10.0, terminated, truncated, info


def reference(simulator: Simulator, params: ShapeParams, seed: int) -> SAC:
    """Stable-Baselines3's agent in an environment of its own, with our numbers."""
    env = DenseEnv(
        simulator, horizon=params.horizon, first_seed=params.seed + EPISODES_PER_SEED * seed, terminate=False
    )
    sac = SAC(
        "MlpPolicy",
        env,
        learning_rate=params.learning_rate,
        buffer_size=params.steps,
        learning_starts=params.learning_starts,
        batch_size=params.batch_size,
        gamma=params.gamma,
        train_freq=params.train_freq,
        ent_coef=f"auto_{params.ent_coef}",
        policy_kwargs={"net_arch": list(params.hidden), "optimizer_kwargs": {"fused": True}},
        seed=integer_seed(seed, "reference") % 2**32,
        device="cpu",
    )
    sac.set_logger(Logger(folder=None, output_formats=[]))
    return sac


class Marks(BaseCallback):
    """Evaluates as `agents.sac.evaluate` does: returns of deterministic episodes at each mark."""

    def __init__(self, simulator: Simulator, params: ShapeParams) -> None:
        super().__init__()
        self.simulator, self.params = simulator, params
        self.rows: list[dict[str, float]] = []

    def _on_step(self) -> bool:
        if self.num_timesteps % self.params.eval_every == 0:
            for episode in range(self.params.eval_episodes):
                self.rows.append({"step": self.num_timesteps, "return": self._episode(self.params.eval_seed + episode)})
        return True

    def _episode(self, seed: int) -> float:
        obs, total = self.simulator.reset(seed), 0.0
        for _ in range(self.params.horizon):
            action, _ = self.model.predict(obs.astype(np.float32), deterministic=True)
            obs, reward, _ = self.simulator.step(action.astype(np.float64))
            total += reward
        return total


def run_reference(make: Callable[[], Simulator], params: ShapeParams, seed: int) -> list[dict[str, float]]:
    """A whole run of Stable-Baselines3; the rows of its evaluations."""
    marks = Marks(make(), params)
    reference(make(), params, seed).learn(params.steps, callback=marks, log_interval=10**9)
    return marks.rows


def run_ours(make: Callable[[], Simulator], params: ShapeParams, seed: int) -> list[dict[str, float]]:
    """A whole run of ours; likewise."""
    return train_sac(make, Dense(suite_of(TASK).best_reward), params, seed, terminate=False)[1]["curve"]


def seconds(call: Callable[[], object], count: int) -> float:
    """Processor seconds of one call, mean of `count`."""
    started = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - started) / count


def warm(params: ShapeParams) -> dict[str, dict[str, Callable[[], object]]]:
    """What is timed call by call, ours and theirs, on agents that have learned a little."""
    short = params.model_copy(update={"steps": FILLED + WARM, "learning_starts": FILLED, "eval_every": FILLED + WARM})
    env = EpisodeEnv(make_env(TASK), horizon=params.horizon, first_seed=params.seed, terminate=False)
    ours = Learner(build_agent(env.simulator, short, 0), env, Dense(suite_of(TASK).best_reward), short, 0)
    while ours.step < short.steps:
        ours.advance()
    theirs = reference(make_env(TASK), short, 0)
    theirs.learn(short.steps, log_interval=10**9)
    obs = make_env(TASK).reset(params.seed).astype(np.float32)
    return {
        "update": {"ours": ours.update, "theirs": lambda: theirs.train(1, params.batch_size)},
        "act, drawn": {"ours": lambda: ours.agent.act(obs), "theirs": lambda: theirs.predict(obs)},
        "act, most likely": {
            "ours": lambda: ours.agent.mode(obs[None]),
            "theirs": lambda: theirs.predict(obs, deterministic=True),
        },
    }


def measure(params: ShapeParams, rounds: int, runs: int) -> list[dict[str, Any]]:
    """One row a round: processor seconds of both, and their ratio."""
    rows = []
    pairs, runners, make = warm(params), {"ours": run_ours, "theirs": run_reference}, partial(make_env, TASK)
    for number in range(max(rounds, runs)):
        taken = {}
        if number < rounds:
            for name, pair in pairs.items():
                taken[name] = {who: seconds(call, CALLS[name]) for who, call in pair.items()}
        if number < runs:
            taken["run"] = {who: seconds(partial(run, make, params, number), 1) for who, run in runners.items()}
        for name, found in taken.items():
            rows.append({"measure": name, "round": number, **found, "ratio": found["theirs"] / found["ours"]})
    return rows


def table(rows: list[dict[str, Any]], steps: int) -> Table:
    """Medians, and the median and range of the ratio."""
    found = []
    for name, group in pd.DataFrame(rows).groupby("measure", sort=False):
        unit, scale = (f"{steps} steps (s)", 1.0) if name == "run" else (f"{name} (ms)", 1e3)
        low, middle, high = group["ratio"].min(), group["ratio"].median(), group["ratio"].max()
        median = scale * group[["ours", "theirs"]].median()
        ratio = f"{middle:.2f} [{low:.2f}, {high:.2f}]"
        found.append({"measure": unit, "n": len(group), **median, "ratio": ratio})
    return Table(
        title="Processor time of soft actor-critic",
        caption=f"Ours and Stable-Baselines3 in turns. {machine()}. Ratio: median [smallest, largest] of n rounds.",
        frame=pd.DataFrame(found),
        columns=(
            Column("Measure", plain("measure"), numeric=False),
            Column("n", whole("n")),
            Column("Stable-Baselines3", fixed("theirs", 3)),
            Column("Ours", fixed("ours", 3)),
            Column("Ratio", plain("ratio")),
        ),
    )


def machine() -> str:
    """What it ran on."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = [line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, {torch.get_num_threads()} thread(s)"


def main(out: Path, quick: bool) -> None:
    """Measure, and write `sac.json` and `sac.md` into `out`; `quick`: shorter runs."""
    steps, rounds, runs = (3000, 9, 2) if quick else (20_000, 20, 3)
    laptop = params_module.load(preset="laptop").shape["dense"]
    params = laptop.model_copy(update={"steps": steps, "eval_every": min(laptop.eval_every, steps)})
    rows = measure(params, rounds, runs)
    about = {"machine": machine(), "versions": package_versions(), "params": params.model_dump(mode="json")}
    write_json(out / "sac.json", about | {"rows": rows})
    write_text(out / "sac.md", table(rows, steps).markdown())
