"""Environment steps per second on the RoboMimic tasks: robosuite as it comes against `energyflow.envs.robomimic`.

    python benchmarks/robosuite_speed.py          # about 3 minutes on one core, which should have nothing else to do

Both run the same actions from the same state, one after the other in each repeat, and should end in bit-equal states;
the ratio is taken within a repeat. "Stock" is what robomimic builds: hard resets (timed on an environment of their
own, as they also draw new object sizes), every observable at every substep, no renderer.
Writes `benchmarks/robosuite_speed.csv`, and `.md`, which the README quotes.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import robosuite
from scipy import stats

from energyflow.core.files import write_csv, write_text
from energyflow.envs.robomimic.control import Controllers
from energyflow.envs.robomimic.simulator import MODEL_SEED, SPECS, RobomimicEnv, env_kwargs
from energyflow.envs.simulator import Array
from energyflow.envs.tasks import TASKS
from energyflow.report import names
from energyflow.report.render import Column, Table, fixed, plain, whole, with_interval

Step = Callable[[Any], object]


def seconds(step: Step, actions: Array) -> float:
    """Wall seconds of a run of actions."""
    started = time.perf_counter()
    for action in actions:
        step(action)
    return time.perf_counter() - started


def restart(env: Any, seed: int) -> float:
    """Reset a robosuite environment to the initial state of a seed; return the seconds that it took."""
    env.rng, sampler = np.random.default_rng(seed), env.placement_initializer
    for each in (sampler, *getattr(sampler, "samplers", {}).values()):
        each.rng = env.rng
        for obj in each.mujoco_objects:
            obj.rng = env.rng
    started = time.perf_counter()
    env.reset()
    return time.perf_counter() - started


def compare(task: str, steps: int, repeats: int) -> list[dict[str, Any]]:
    """One row a repeat: steps per second and seconds of a reset, stock and ours."""
    ours, kwargs = RobomimicEnv(task), env_kwargs(task)
    hard, stock = (
        robosuite.make(TASKS[task], **copy.deepcopy(kwargs), hard_reset=reset, seed=MODEL_SEED)
        for reset in (True, False)
    )
    rng, rows = np.random.default_rng(0), []
    for repeat in range(-1, repeats):  # the first one compiles, and is not counted
        resets = {"stock": restart(hard, repeat + 1), "ours": restart(ours.env, repeat + 1)}
        restart(stock, repeat + 1)
        ours.controllers = Controllers(ours.env)
        actions = rng.uniform(-0.5, 0.5, (steps, ours.action_dim))
        taken = {"stock": seconds(stock.step, actions), "ours": seconds(ours.step, actions)}
        row: dict[str, Any] = {"task": task, "repeat": repeat, "steps": steps}
        row["bit_equal"] = int(np.array_equal(stock.sim.data.qpos, ours.env.sim.data.qpos))
        row |= {f"{name}_steps_per_s": round(steps / value, 1) for name, value in taken.items()}
        row |= {f"{name}_reset_s": round(value, 4) for name, value in resets.items()}
        if repeat >= 0:
            rows.append(row | {"ratio": taken["stock"] / taken["ours"]})
    return rows


def table(frame: pd.DataFrame) -> Table:
    """Means over repeats, and the ratio with its 95 % t-interval."""
    rows = []
    for task, found in frame.groupby("task", sort=False):
        half = stats.t.ppf(0.975, len(found) - 1) * found["ratio"].sem()
        mean = found.drop(columns="task").mean()
        row = {"task": task, "n": len(found), "bit_equal": f"{found['bit_equal'].sum()} of {len(found)}"}
        row |= {f"ratio{end}": mean["ratio"] + sign * half for end, sign in (("", 0), ("_low", -1), ("_high", 1))}
        rows.append(row | {key: mean[key] for key in mean.index if key.endswith("_s")})
    return Table(
        title="Environment steps per second on the RoboMimic tasks",
        caption="Stock robosuite against energyflow.envs.robomimic: the same actions in the same run, on one core.",
        frame=pd.DataFrame(rows),
        columns=(
            Column("Task", lambda row: names.task_name(row["task"]), numeric=False),
            Column("n", whole("n")),
            Column("Stock (steps/s)", fixed("stock_steps_per_s", 0)),
            Column("Ours (steps/s)", fixed("ours_steps_per_s", 0)),
            Column("Ratio", with_interval("ratio", 2)),
            Column("Stock reset (s)", fixed("stock_reset_s", 3)),
            Column("Our reset (s)", fixed("ours_reset_s", 3)),
            Column("Bit-equal", plain("bit_equal")),
        ),
    )


def main() -> None:
    """Measure every task, and write and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    frame = pd.DataFrame([row for task in SPECS for row in compare(task, given.steps, given.repeats)])
    write_csv(Path("benchmarks/robosuite_speed.csv"), frame)
    text = table(frame).markdown()
    write_text(Path("benchmarks/robosuite_speed.md"), text)
    print(text)


if __name__ == "__main__":
    main()
