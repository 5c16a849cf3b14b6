"""One offline run: behaviour model, critic, improvement, in that order; resumable bit for bit on a CPU.

The outputs are `model.safetensors` (what acts) and `parts.safetensors` (behaviour model and critic, if they were
trained here, for other runs to start from), each with its JSON, `train.csv` and `run.json`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from energyflow.core.errors import UserError
from energyflow.core.provenance import Existing, Run
from energyflow.core.resume import ResumePoint
from energyflow.core.tensors import below, within
from energyflow.datasets.episodes import Episodes, Floats
from energyflow.learning.kernels import fastest, using
from energyflow.learning.trainer import learning_rate
from energyflow.offline.checkpoint import MODEL, Description, Source, save
from energyflow.offline.environment import environment_of
from energyflow.offline.fit import check_finite
from energyflow.offline.learner import Learner, Sizes, learner_of
from energyflow.offline.methods.sections import LearnParams
from energyflow.offline.parts import PARTS, SHARED, read_part, write_parts
from energyflow.offline.references import Normalisation, d4rl_reference
from energyflow.offline.stage import Stage
from energyflow.offline.transitions import Transitions, prepare

COLUMNS = ["stage", "step", "loss", "lr", "ess", "seconds"]  # of train.csv
FILES = (MODEL, "model.json", PARTS, "parts.json", "train.csv")


class Training:
    """State of a run: finished networks, the stage at work, the log."""

    def __init__(self, learner: Learner, data: Transitions, given: dict[str, nn.Module]) -> None:
        """Start with the networks of other runs."""
        self.learner, self.data, self.parts = learner, data, dict(given)
        self.given = tuple(given)
        self.stage: Stage | None = None
        self.rows: list[dict[str, Any]] = []
        self.seconds = 0.0  # of earlier sessions of a resumed run

    @property
    def todo(self) -> list[str]:
        """Names of the networks that are still to be trained."""
        return [name for name in self.learner.order if name not in self.parts]

    def start(self) -> Stage:
        """The stage at work; the next one, if there is none."""
        if self.stage is None:
            self.stage = self.learner.stage(self.todo[0], self.data, self.parts)
        return self.stage

    def finish(self) -> None:
        """Keep the averaged network of the stage at work: nothing trains it any more."""
        assert self.stage is not None
        self.parts[self.todo[0]] = self.stage.fit.average
        self.stage = None

    def tensors(self) -> dict[str, Tensor]:
        """For a resume point, with `note`."""
        found: dict[str, Tensor] = {}
        for name, network in self.parts.items():
            if name not in self.given:
                found |= below(f"part/{name}/", network.state_dict())
        return found | (below("stage/", self.stage.tensors()) if self.stage else {})

    def note(self, seconds: float) -> dict[str, Any]:
        """See `tensors`."""
        done = [name for name in self.parts if name not in self.given]
        return {"done": done, "rows": self.rows, "seconds": seconds}

    def restore(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Continue where both were taken."""
        for name in note["done"]:
            network = self.learner.network(name)
            network.load_state_dict(within(tensors, f"part/{name}/"))
            self.parts[name] = network.eval().requires_grad_(False)
        self.start().restore(within(tensors, "stage/"))
        self.rows, self.seconds = note["rows"], note["seconds"]


def _loop(training: Training, point: ResumePoint, params: LearnParams, title: str) -> None:
    started = time.perf_counter() - training.seconds
    while training.todo:
        stage, losses = training.start(), list[Tensor]()
        with tqdm(
            total=stage.steps, initial=stage.step, desc=f"{title} {stage.name}", unit="step", mininterval=5
        ) as bar:
            while stage.step < stage.steps:
                losses.append(stage.advance())
                bar.update()
                if stage.step % params.log_every and stage.step < stage.steps:
                    continue
                mean, losses = torch.stack(losses).mean(), []
                check_finite(mean, stage.fit)
                rate = learning_rate(stage.fit.step - 1, stage.fit.params)  # type: ignore[arg-type]  # reads lr, steps, warmup
                row = {"stage": stage.name, "step": stage.step, "loss": float(mean), "lr": rate, **stage.measured()}
                training.rows.append(row | {"seconds": round(time.perf_counter() - started, 3)})
                bar.set_postfix(loss=f"{float(mean):.3f}")
                if stage.step % params.resume_every == 0 and stage.step < stage.steps:
                    point.store(training.tensors(), training.note(time.perf_counter() - started))
        training.finish()


def references_of(data: Episodes) -> list[Normalisation]:
    """Returns that stand for 0 and 100: the data set's own, and D4RL's where it has some of that environment."""
    own = data.references and Normalisation(random=data.references[0], expert=data.references[1], source="own")
    theirs = d4rl_reference(data.env_id)
    return [each for each in (own, theirs) if each is not None]


def box_of(data: Episodes) -> Floats:
    """The box of the environment, which is built once, so that what does not fit is said before any training.

    Raises:
        UserError: see `environment_of`.
    """
    environment = environment_of(data)
    environment.close()
    return environment.box


def train(
    data: Episodes,
    method: str,
    params: LearnParams,
    seed: int,
    out: Path,
    *,
    parts: Sequence[Path] = (),
    existing: Existing = "replace",
) -> None:
    """Train a method on a data set.

    Args:
        data: as a reader of `energyflow.datasets` gives it.
        method: see `methods/registry.py`.
        params: every number.
        seed: of networks, batches, noise and support.
        out: folder of the outputs.
        parts: folders of other runs, whose behaviour model and critic are taken where they have them.
        existing: what to do with a complete run in `out`.

    Raises:
        UserError: the method or the environment is unknown; widths of data, environment or parts differ; ends of
            episodes are not marked, or time-outs are marked as terminals; `out` holds a run of other inputs, and
            `existing` says to refuse; a loss or a weight became NaN or infinite; the disk is full; or another process
            is writing into `out`.
    """
    learner = learner_of(method, Sizes(data.obs_dim, data.action_dim), params, seed)
    transitions = prepare(data, box_of(data), params.rewards)
    given, files = {}, []
    for name in (each for each in SHARED if each in learner.order):
        for folder in parts:
            if name not in given and (network := read_part(folder, name, learner, data)) is not None:
                given[name] = network
                files.append(folder / PARTS)
    if parts and not given:
        raise UserError(f"{', '.join(map(str, parts))}: no behaviour model or critic of the kinds that '{method}' has")
    section = params.model_dump(mode="json")
    inputs = [data.path, *dict.fromkeys(files)]
    run = Run("offline", out, params=section, inputs=inputs, task=data.env_id, method=method, seed=seed)
    if run.is_there(FILES, existing):
        return
    with run, using(fastest(torch.device("cpu"))):
        training = Training(learner, transitions, given)
        keys = {"data": data.sha256, "layout": list(data.layout), "env": data.env, "given": sorted(given)}
        point = ResumePoint(out, {"params": section, "method": method, "seed": seed, **keys})
        if (stored := point.load()) is not None:
            training.restore(*stored)
            print(f"resuming {method} in stage {training.start().name} at step {training.start().step}", flush=True)
        _loop(training, point, params, f"{data.env_id} {method} seed {seed}")
        shared = {name: training.parts[name] for name in SHARED if name in training.parts and name not in given}
        write_parts(out, shared, learner, data)
        source = Source(
            name=data.name,
            sha256=data.sha256,
            path=str(data.path),
            layout=data.layout,
            env=data.env,
            references=references_of(data),
        )
        description = Description(
            method=method,
            seed=seed,
            obs_dim=data.obs_dim,
            action_dim=data.action_dim,
            params=params,
            source=source,
        )
        kept = {name: training.parts[name] for name in learner.keeps}
        save(out / MODEL, description, transitions.normalizer, kept)
        run.write_csv("train.csv", pd.DataFrame(training.rows, columns=COLUMNS))
        point.remove()
        seconds = training.rows[-1]["seconds"] if training.rows else 0.0
        run.note(train_seconds=seconds, transitions=len(transitions), parts=sorted(given))
