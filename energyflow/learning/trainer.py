"""The one trainer, the same for every method: data in memory, EMA, warm-up and cosine, clipping, exact resume."""

from __future__ import annotations

import copy
import math
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from energyflow.config.sections import TrainParams
from energyflow.core.errors import UserError
from energyflow.core.provenance import Run
from energyflow.core.resume import ResumePoint
from energyflow.core.seeding import integer_seed, torch_generator
from energyflow.core.tensors import below, optimizer_tensors, restore_optimizer, within
from energyflow.datasets.format import load_demos
from energyflow.datasets.windows import Windows, make_windows
from energyflow.envs.tasks import check_task
from energyflow.networks.build import Spec
from energyflow.policies.base import Model, default_device
from energyflow.policies.checkpoint import build, save
from energyflow.policies.registry import class_of

COLUMNS = ["step", "loss", "lr", "grad_norm", "seconds"]  # of train.csv


def learning_rate(step: int, params: TrainParams) -> float:
    """Linear warm-up, then cosine to zero at the last step."""
    if step < params.warmup_steps:
        return params.lr * (step + 1) / params.warmup_steps
    progress = (step - params.warmup_steps) / max(1, params.steps - params.warmup_steps)
    return params.lr * 0.5 * (1.0 + math.cos(math.pi * progress))


class Trainer:
    """State of one run: model, averaged model, optimiser, generators, step, log rows."""

    def __init__(self, model: Model, windows: Windows, seed: int, device: torch.device) -> None:
        """Standardise the windows once and move everything to the device."""
        self.params, self.device = model.params, device
        self.model = model.to(device).train()
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        normalizer = self.model.normalizer
        self.obs = normalizer.standardize_obs(windows.obs.to(device))
        self.actions = normalizer.standardize_action(windows.actions.to(device))
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=self.params.lr, weight_decay=self.params.weight_decay, fused=True
        )
        self.generators = {
            "batch": torch_generator(seed, "training batches", device),
            "noise": torch_generator(seed, "training noise", device),
        }
        self.step = 0
        self.rows: list[dict[str, float]] = []
        self.skipped = 0
        self.seconds = 0.0  # of earlier sessions of a resumed run

    def advance(self) -> tuple[Tensor, Tensor]:
        """One optimiser step; return loss and gradient norm, still on the device."""
        params = self.params
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, params)
        index = torch.randint(
            len(self.obs), (params.batch_size,), generator=self.generators["batch"], device=self.device
        )
        loss = self.model.loss(self.obs[index], self.actions[index], self.generators["noise"])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), params.grad_clip)
        if bool(torch.isfinite(norm)):  # as the official code: a non-finite gradient is skipped
            self.optimizer.step()
        else:
            self.skipped += 1
        self.model.after_step()
        self.step += 1
        self._average()
        return loss.detach(), norm

    def _average(self) -> None:
        # Early on, a long memory would keep the random initialisation alive: the decay grows to its final value.
        decay = min(self.params.ema_decay, (1.0 + self.step) / (10.0 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1.0 - decay)

    def final(self) -> Model:
        """The averaged model, its spectral-norm vectors re-derived for the averaged weights."""
        self.average.train()
        for module in self.average.modules():
            if nn.utils.parametrize.is_parametrized(module):
                for _ in range(100):  # each access in training mode is one power iteration
                    _ = module.weight
        return self.average.eval()

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a resumed run needs beside `state`, as named tensors."""
        return {
            **below("model/", self.model.state_dict()),
            **below("average/", self.average.state_dict()),
            **below("generator/", {name: generator.get_state() for name, generator in self.generators.items()}),
            **below("optimizer/", optimizer_tensors(self.optimizer)),
        }

    def state(self, seconds: float) -> dict[str, Any]:
        """The rest of it, after so many seconds of training."""
        return {"step": self.step, "rows": self.rows, "skipped": self.skipped, "seconds": seconds}

    def restore(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Continue where `tensors` and `state` were taken."""
        self.model.load_state_dict(within(tensors, "model/"))
        self.average.load_state_dict(within(tensors, "average/"))
        for name, generator in self.generators.items():
            generator.set_state(tensors[f"generator/{name}"])
        restore_optimizer(self.optimizer, within(tensors, "optimizer/"))
        self.step, self.rows = state["step"], state["rows"]
        self.skipped, self.seconds = state["skipped"], state["seconds"]


def train(
    task: str, seed: int, params: TrainParams, demos: Path, out: Path, device: torch.device | None = None
) -> None:
    """Train one model and write `model.safetensors`, `model.json`, `train.csv` and `run.json` into `out`.

    A killed run continues from its last resume point and ends bit-equal to an uninterrupted one on CPU; see
    energyflow/core/resume.py. The final
    averaged weights are saved: there is no selection of checkpoints on test results.

    Raises:
        UserError: the demonstrations are missing or damaged.
        UserError: the loss or a weight became NaN or infinite.
        UserError: the disk is full, or another process is writing into `out`.
    """
    check_task(task)
    device = device or default_device()
    data = load_demos(demos, params.obs_keys)
    sequences = class_of(params.method).sequences
    windows = make_windows(data, params.obs_horizon, params.pred_horizon, sequences=sequences)
    horizons = (params.obs_horizon, params.pred_horizon, params.exec_horizon)
    spec = Spec(data.obs_dim, data.action_dim, *horizons, data.obs_keys)
    with torch.random.fork_rng(devices=[]):  # initialisers only know the global generator
        torch.manual_seed(integer_seed(seed, "initial weights"))
        model = build(spec, params)
    model.normalizer.fit(data.observations, data.actions, standardize_obs=params.standardize_obs)
    with Run(
        "train",
        out,
        params=params.model_dump(mode="json"),
        inputs=[demos],
        task=task,
        method=params.method,
        seed=seed,
    ) as run:
        trainer = Trainer(model, windows, seed, device)
        identity = {"params": params.model_dump(mode="json"), "data": data.sha256, "task": task, "seed": seed}
        point = ResumePoint(out, identity | {"device": device.type})
        stored = point.load()
        if stored is not None:
            trainer.restore(*stored)
            print(f"resuming at step {trainer.step}")
        _loop(trainer, point, f"train {task} {params.method} seed {seed}")
        average = trainer.final()
        save(
            average,
            out / "model.safetensors",
            {"task": task, "seed": seed, "demos": {"sha256": data.sha256, "demos": len(data.episodes)}},
        )
        run.write_csv("train.csv", pd.DataFrame(trainer.rows, columns=COLUMNS))
        point.remove()
        run.note(
            device=str(device),
            skipped_steps=trainer.skipped,
            train_seconds=round(trainer.rows[-1]["seconds"], 3),
        )


def _loop(trainer: Trainer, point: ResumePoint, title: str) -> None:
    params, started, losses = trainer.params, time.perf_counter() - trainer.seconds, []
    with tqdm(total=params.steps, initial=trainer.step, desc=title, unit="step", mininterval=2.0) as bar:
        while trainer.step < params.steps:
            loss, norm = trainer.advance()
            losses.append(loss)
            bar.update()
            if trainer.step % params.log_every == 0 or trainer.step == params.steps:
                mean = float(torch.stack(losses).mean())
                losses = []
                if not math.isfinite(mean):
                    raise UserError(
                        f"{title}: the loss is {mean} at step {trainer.step}; lower the learning rate ({params.lr})"
                    )
                seconds = time.perf_counter() - started
                lr = learning_rate(trainer.step - 1, params)
                trainer.rows.append(
                    {
                        "step": trainer.step,
                        "loss": mean,
                        "lr": lr,
                        "grad_norm": float(norm),
                        "seconds": round(seconds, 3),
                    }
                )
                bar.set_postfix(loss=f"{mean:.3f}")
            # Only where the log is empty of pending losses, so that a resumed run logs the same means.
            if trainer.step % params.resume_every == 0 and not losses and trainer.step < params.steps:
                point.store(trainer.tensors(), trainer.state(time.perf_counter() - started))
