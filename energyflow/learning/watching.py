"""What looks on while a policy trains, and changes nothing of it: lines for a log, curves elsewhere, evaluations.

Each is a `trainer.Watch`: called with the trainer after each row of its log.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from energyflow.config.sections import EvaluateParams
from energyflow.core.errors import UserError
from energyflow.core.files import write_csv
from energyflow.core.seeding import torch_generator
from energyflow.envs.rollout import rollout
from energyflow.envs.tasks import make_env
from energyflow.learning.evaluation import SIMULATORS, episodes_of, planner
from energyflow.learning.trainer import Trainer, Watch
from energyflow.policies.base import Policy
from energyflow.policies.checkpoint import save

EVERY_SECONDS = 10.0  # between lines
SEED = 95_000  # of the first initial state: between those of collecting and of evaluation, which choose nothing
# What rolls a policy out: one row an episode, with `return` and, where there is such a thing, `success`.
Score = Callable[[Policy], Sequence[Mapping[str, Any]]]


def together(watches: Sequence[Watch]) -> Watch:
    """All of them, one after the other."""

    def watch(trainer: Trainer) -> None:
        for each in watches:
            each(trainer)

    return watch


def lines() -> Watch:
    """Progress as lines on stderr, now and then: what a log file takes in place of a bar (TQDM_DISABLE=1)."""
    began, said = time.perf_counter(), -EVERY_SECONDS
    first: list[int] = []

    def watch(trainer: Trainer) -> None:
        nonlocal said
        row, steps, now = trainer.rows[-1], trainer.params.steps, time.perf_counter() - began
        first.append(trainer.step)
        if now - said < EVERY_SECONDS and trainer.step < steps:
            return
        said = now
        done = trainer.step - first[0]
        left = f", about {now / done * (steps - trainer.step):.0f} s left" if done else ""
        print(f"step {trainer.step} of {steps}, loss {row['loss']:.4g}, {now:.0f} s{left}", file=sys.stderr, flush=True)

    return watch


def tensorboard(folder: Path) -> Watch:
    """Curves of every column of train.csv for TensorBoard.

    Raises:
        UserError: it is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError:
        raise UserError("--log tensorboard: not installed here: pip install tensorboard") from None
    writer = SummaryWriter(str(folder))

    def watch(trainer: Trainer) -> None:
        row = trainer.rows[-1]
        for key, value in row.items():
            if key != "step":
                writer.add_scalar(key, value, int(row["step"]))
        writer.flush()

    return watch


def wandb(folder: Path, title: str) -> Watch:
    """The same for Weights & Biases, by its user's own settings; WANDB_MODE=offline keeps them here.

    Raises:
        UserError: it is not installed.
    """
    try:
        import wandb as client
    except ModuleNotFoundError:
        raise UserError("--log wandb: not installed here: pip install wandb") from None
    run = client.init(project="energyflow", name=title, dir=str(folder))

    def watch(trainer: Trainer) -> None:
        row = trainer.rows[-1]
        run.log({key: value for key, value in row.items() if key != "step"}, step=int(row["step"]))
        if trainer.step == trainer.params.steps:
            run.finish()

    return watch


def in_simulator(task: str, obs_keys: Sequence[str], params: EvaluateParams) -> Score:
    """Roll policies out in a task's simulator, by sample, in the same initial states each time."""
    episodes = episodes_of(params)
    envs = [make_env(task, obs_keys) for _ in range(min(SIMULATORS, len(episodes)))]

    def score(policy: Policy) -> list[dict[str, Any]]:
        generator = torch_generator(params.seed, "evaluations while training", next(policy.parameters()).device)
        outcomes = rollout(
            planner(policy, generator, policy.nfe),
            envs,
            episodes,
            obs_horizon=policy.spec.obs_horizon,
            horizon=params.horizon,
        )
        return [{"success": int(each.success), "return": each.total_reward} for each in outcomes]

    return score


class Evaluations:
    """A `Watch` that rolls the averaged policy out now and then: `evaluations.csv`, and the best one in `best/`.

    Best is by success where episodes have one, else by return; the earlier one of equals. A run that continues after it
    was killed keeps what was evaluated before the point that it continues from.
    """

    def __init__(self, score: Score, every: int, out: Path, description: Mapping[str, Any]) -> None:
        """Evaluate after every so many steps and after the last one.

        Args:
            score: rolls a policy out.
            every: steps.
            out: folder of the run.
            description: of checkpoints; see `checkpoint.save`.
        """
        self.score, self.every, self.out, self.description = score, every, out, dict(description)
        self.file = out / "evaluations.csv"
        self.rows: list[dict[str, Any]] | None = None

    def __call__(self, trainer: Trainer) -> None:
        """Look at a trainer; most often, there is nothing to do."""
        before = int(trainer.rows[-2]["step"]) if len(trainer.rows) > 1 else 0
        if self.rows is None:
            self.rows = self._kept(before)
        if trainer.step // self.every == before // self.every and trainer.step < trainer.params.steps:
            return
        policy = trainer.averaged()
        assert isinstance(policy, Policy)
        found = pd.DataFrame([dict(row) for row in self.score(policy)])
        kind = "success" if "success" in found else "return"
        best = max((row[kind] for row in self.rows), default=float("-inf"))
        means = {key: float(found[key].mean()) for key in ("success", "return") if key in found}
        self.rows.append({"step": trainer.step, "episodes": len(found)} | means)
        write_csv(self.file, self.rows)
        if means[kind] > best:
            save(policy, self.out / "best" / "model.safetensors", self.description)

    def _kept(self, step: int) -> list[dict[str, Any]]:
        """What a run that continues after this step evaluated up to it; nothing of a run that begins."""
        if not step or not self.file.is_file():
            return []
        rows = pd.read_csv(self.file)
        return [
            {str(key): value for key, value in row.items()} for row in rows[rows["step"] <= step].to_dict("records")
        ]
