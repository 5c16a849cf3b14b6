"""CPU time of the simulators: Meta-World and robosuite as they come against `energyflow.envs`, in one run.

    python -m benchmarks simulators    # about 5 minutes on one core

Both execute the same actions of the scripted expert from the same states, one after the other in each episode, and must
end in bit-equal states; the ratio is taken within an episode. Stock robosuite is what robomimic builds: no renderer,
every observable at every substep, hard resets (timed on an environment of their own, as they also draw new object
sizes). Writes `simulators.json` (all episodes) and `simulators.md` (medians and ranges).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import robosuite
from metaworld.env_dict import ALL_V3_ENVIRONMENTS

from energyflow.core.files import write_json, write_text
from energyflow.core.provenance import package_versions
from energyflow.core.seeding import generator
from energyflow.envs.metaworld.simulator import MetaWorldEnv
from energyflow.envs.robomimic.simulator import MODEL_SEED, env_kwargs
from energyflow.envs.robomimic.tasks import SPECS
from energyflow.envs.simulator import Array, Simulator
from energyflow.envs.tasks import every_task, make_env
from energyflow.report import names
from energyflow.report.render import Column, Table

EPISODES, QUICK = 8, 3
LONGEST = 500  # steps of an episode

Row = dict[str, Any]


class StockMetaWorld(MetaWorldEnv):
    """The same states and the same visible goal, stepped and reset by Meta-World's own methods."""

    def _build(self) -> Any:
        return ALL_V3_ENVIRONMENTS[self.spec.simulator_id]()


class StockRobomimic:
    """What robomimic builds, which resets hard; and the same for steps, which keeps its model, as ours does."""

    def __init__(self, task: str) -> None:
        self.hard, self.env = (
            robosuite.make(SPECS[task].env_name, **copy.deepcopy(env_kwargs(task)), hard_reset=hard, seed=MODEL_SEED)
            for hard in (True, False)
        )
        self.step = self.env.step

    def reset(self, seed: int) -> None:
        """Time this."""
        restart(self.hard, seed)


def restart(env: Any, seed: int) -> None:
    """Reset a robosuite environment to the initial state of a seed of ours."""
    env.rng, sampler = generator(seed, "initial state"), env.placement_initializer
    for each in (sampler, *getattr(sampler, "samplers", {}).values()):
        each.rng = env.rng
        for obj in each.mujoco_objects:
            obj.rng = env.rng
    env.reset()


def positions(simulator: Any) -> Array:
    """Of all joints, m and rad."""
    inside = simulator._env if isinstance(simulator, MetaWorldEnv) else simulator.env.sim
    found: Array = inside.data.qpos
    return found


def seconds(call: Callable[..., object], *arguments: Any) -> float:
    """CPU seconds of a call."""
    started = time.process_time()
    call(*arguments)
    return time.process_time() - started


def run(step: Callable[[Array], object], actions: list[Array]) -> None:
    """Execute actions."""
    for action in actions:
        step(action)


def expert_actions(env: Simulator, seed: int) -> list[Array]:
    """The actions of an episode of the expert's, to its success."""
    obs, success = env.reset(seed), False
    actions: list[Array] = []
    expert = env.expert(seed)
    while not success and len(actions) < LONGEST:
        actions.append(expert(obs))
        obs, _, success = env.step(actions[-1])
    return actions


def compare(task: str, episodes: int) -> list[Row]:
    """One row an episode: milliseconds of a reset and of a step, and the ratios of both."""
    ours, rows = make_env(task), []
    stock: Any = StockMetaWorld(task) if task.startswith("metaworld/") else StockRobomimic(task)
    for seed in range(episodes + 1):
        actions = expert_actions(ours, seed)
        resets = {"stock": seconds(stock.reset, seed), "ours": seconds(ours.reset, seed)}
        if isinstance(stock, StockRobomimic):
            restart(stock.env, seed)
        steps = {"stock": seconds(run, stock.step, actions), "ours": seconds(run, ours.step, actions)}
        row: Row = {"task": task, "episode": seed, "steps": len(actions)}
        row["bit_equal"] = bool(np.array_equal(positions(stock), positions(ours)))
        row |= {f"{name}_reset_ms": 1e3 * value for name, value in resets.items()}
        row |= {f"{name}_step_ms": 1e3 * value / len(actions) for name, value in steps.items()}
        row["step_ratio"] = steps["stock"] / steps["ours"]
        rows.append(row | {"episode_ratio": (resets["stock"] + steps["stock"]) / (resets["ours"] + steps["ours"])})
    return rows[1:]  # the first one compiles


def table(rows: list[Row]) -> Table:
    """One line a task: medians over episodes, and their range."""
    frame = pd.DataFrame(rows)

    def cell(key: str, digits: int) -> Callable[[Row], str]:
        def text(row: Row) -> str:
            values = frame.loc[frame.task == row["task"], key]
            return f"{values.median():.{digits}f} [{values.min():.{digits}f}, {values.max():.{digits}f}]"

        return text

    tasks = frame.groupby("task", sort=False).agg(n=("steps", "size"), equal=("bit_equal", "sum")).reset_index()
    return Table(
        title="CPU time of the simulators, as they come and here",
        caption="Episodes of the scripted expert, stock and ours in turn on one core: median [range] of CPU times.",
        frame=tasks,
        columns=(
            Column("Task", lambda row: names.task_name(row["task"]), numeric=False),
            Column("Stock step (ms)", cell("stock_step_ms", 2)),
            Column("Our step (ms)", cell("ours_step_ms", 2)),
            Column("Ratio of steps", cell("step_ratio", 2)),
            Column("Ratio with resets", cell("episode_ratio", 2)),
            Column("Bit-equal", lambda row: f"{row['equal']} of {row['n']}"),
        ),
    )


def main(out: Path, quick: bool) -> None:
    """Measure every task, and write `simulators.json` and `simulators.md` into `out`; `quick`: fewer episodes."""
    rows = [row for task in every_task() for row in compare(task, QUICK if quick else EPISODES)]
    write_json(out / "simulators.json", {"versions": package_versions(), "threads": 1, "rows": rows})
    write_text(out / "simulators.md", table(rows).markdown())
