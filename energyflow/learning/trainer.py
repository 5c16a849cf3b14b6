"""The one trainer, the same for every method: data in memory, EMA, warm-up and cosine, clipping, exact resume."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from energyflow.config.sections import TrainParams
from energyflow.core.errors import UserError
from energyflow.core.provenance import Existing, Run
from energyflow.core.resume import ResumePoint
from energyflow.core.seeding import integer_seed, torch_generator
from energyflow.core.tensors import below, optimizer_tensors, restore_optimizer, within
from energyflow.datasets.format import Demos, load_demos
from energyflow.datasets.windows import Windows, make_windows
from energyflow.envs.tasks import check_task
from energyflow.learning.kernels import fastest, keep_memory, using
from energyflow.networks.build import Spec
from energyflow.policies.base import Model, default_device
from energyflow.policies.checkpoint import build, save
from energyflow.policies.registry import class_of

COLUMNS = ["step", "loss", "lr", "grad_norm", "seconds"]  # of train.csv; with a valid split, and valid_loss
VALID_WINDOWS = 1024  # of the split, spread over it, in each look at it
FILES = ("model.safetensors", "model.json", "train.csv")  # beside run.json
Watch = Callable[["Trainer"], None]  # is shown the trainer after each row of its log, and leaves it as it is


def learning_rate(step: int, params: TrainParams) -> float:
    """Linear warm-up, then cosine to zero at the last step."""
    if step < params.warmup_steps:
        return params.lr * (step + 1) / params.warmup_steps
    progress = (step - params.warmup_steps) / max(1, params.steps - params.warmup_steps)
    return params.lr * 0.5 * (1.0 + math.cos(math.pi * progress))


def gather(model: Model) -> Tensor:
    """Move a model's parameters, those that are trained first, into one vector; they become views of it.

    Clipping, the optimiser and the average are then one operation each, however many layers there are.
    """
    parameters = sorted(model.parameters(), key=lambda parameter: not parameter.requires_grad)
    vector = torch.cat([parameter.detach().flatten() for parameter in parameters])
    for parameter, part in zip(parameters, torch.split(vector, [p.numel() for p in parameters]), strict=True):
        parameter.data = part.view_as(parameter)
    return vector


class Trainer:
    """State of one run: model, averaged model, optimiser, generators, step, log rows."""

    def __init__(
        self, model: Model, windows: Windows, seed: int, device: torch.device, valid: Windows | None = None
    ) -> None:
        """Standardise the windows once and move everything to the device; `valid` are those held out."""
        self.params, self.device = model.params, device
        self.model = model.to(device).train()
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        self.trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.vector, self.average_vector = gather(self.model), gather(self.average)
        normalizer = self.model.normalizer
        self.obs = normalizer.standardize_obs(windows.obs.to(device)).float()
        self.actions = normalizer.standardize_action(windows.actions.to(device)).float()
        self.valid: tuple[Tensor, Tensor] | None = None
        if valid is not None:
            chosen = torch.linspace(0, len(valid.obs) - 1, min(VALID_WINDOWS, len(valid.obs))).long()
            obs, actions = valid.obs[chosen].to(device), valid.actions[chosen].to(device)
            self.valid = (normalizer.standardize_obs(obs).float(), normalizer.standardize_action(actions).float())
        self.weights = nn.Parameter(self.vector[: sum(parameter.numel() for parameter in self.trained)])
        self.optimizer = torch.optim.AdamW(
            [self.weights], lr=self.params.lr, weight_decay=self.params.weight_decay, fused=True
        )
        self.generators = {
            "batch": torch_generator(seed, "training batches", device),
            "noise": torch_generator(seed, "training noise", device),
        }
        self.kernels = fastest(device, self.params.precision)
        keep_memory()
        self.step = 0
        self.rows: list[dict[str, float]] = []
        self.skipped = torch.zeros((), device=device)
        self.seconds = 0.0  # of earlier sessions of a resumed run

    def advance(self) -> tuple[Tensor, Tensor]:
        """One optimiser step; return loss and gradient norm, still on the device."""
        index = torch.randint(
            len(self.obs), (self.params.batch_size,), generator=self.generators["batch"], device=self.device
        )
        obs, actions = self.obs.index_select(0, index), self.actions.index_select(0, index)
        with using(self.kernels):
            loss = self.model.loss(obs, actions, self.generators["noise"])
            parts = torch.autograd.grad(loss, self.trained, materialize_grads=True)
        norm = self._update(torch.cat([part.flatten() for part in parts]))
        self.model.after_step()
        self.step += 1
        self._average()
        return loss.detach(), norm

    def valid_loss(self) -> float | None:
        """Loss on a fixed part of the windows held out, under the same noise each time; None if there are none."""
        if self.valid is None:
            return None
        training = self.model.training
        self.model.eval()  # no power iteration of a spectral norm: the run is the same without this look
        loss = float(self.model.loss(*self.valid, torch_generator(0, "validation noise", self.device)).detach())
        self.model.train(training)
        return loss

    def _update(self, gradient: Tensor) -> Tensor:
        """Follow the gradient, clipped; one that is not finite is skipped, as in the official code."""
        norm: Tensor = torch.linalg.vector_norm(gradient)
        skip = (~torch.isfinite(norm)).float()
        # As PyTorch's gradient scaler tells a fused optimiser to divide, or to stand still, without asking the device.
        self.optimizer.grad_scale = (norm / self.params.grad_clip).clamp(min=1.0)  # type: ignore[attr-defined]
        self.optimizer.found_inf = skip  # type: ignore[attr-defined]
        self.optimizer.param_groups[0]["lr"] = learning_rate(self.step, self.params)
        self.weights.grad = gradient
        self.optimizer.step()
        self.skipped += skip
        return norm

    def _average(self) -> None:
        decay = self.params.ema_decay
        if self.params.ema_warmup:
            decay = min(decay, (1.0 + self.step) / (10.0 + self.step))
        self.average_vector.lerp_(self.vector, 1.0 - decay)

    def averaged(self) -> Model:
        """A copy of the averaged model, its spectral-norm vectors re-derived for the averaged weights."""
        model = copy.deepcopy(self.average).train()
        for module in model.modules():
            if nn.utils.parametrize.is_parametrized(module):
                for _ in range(100):  # each access in training mode is one power iteration
                    _ = module.weight
        return model.eval()

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
        return {"step": self.step, "rows": self.rows, "skipped": int(self.skipped), "seconds": seconds}

    def restore(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Continue where `tensors` and `state` were taken."""
        self.model.load_state_dict(within(tensors, "model/"))
        self.average.load_state_dict(within(tensors, "average/"))
        for name, generator in self.generators.items():
            generator.set_state(tensors[f"generator/{name}"])
        restore_optimizer(self.optimizer, within(tensors, "optimizer/"))
        self.step, self.rows, self.seconds = state["step"], state["rows"], state["seconds"]
        self.skipped.fill_(state["skipped"])


def valid_key(demos: Demos) -> str | None:
    """The filter key of the demonstrations held out: `valid` beside `train`, as robomimic's split script names them."""
    key = demos.filter_key.replace("train", "valid")
    return key if key != demos.filter_key and key in demos.filter_keys else None


def train(
    task: str,
    seed: int,
    params: TrainParams,
    demos: Path,
    out: Path,
    device: torch.device | None = None,
    *,
    filter_key: str | None = None,
    existing: Existing = "replace",
    watch: Watch | None = None,
) -> None:
    """Train one model and write `model.safetensors`, `model.json`, `train.csv` and `run.json` into `out`.

    A killed run continues from its last resume point and ends bit-equal to an uninterrupted one on CPU; see
    energyflow/core/resume.py. The final averaged weights are saved: there is no selection of checkpoints on test
    results.

    Args:
        task: simulated one, or `custom/<name>`.
        seed: of the run.
        params: every number.
        demos: the demonstrations.
        out: folder of the outputs.
        device: by default the GPU if there is one.
        filter_key: which demonstrations; see `load_demos`. Where a list is held out, its loss is logged.
        existing: what to do with a complete run in `out`.
        watch: is shown the trainer after each row of its log.

    Raises:
        UserError: the demonstrations are missing, damaged or of another task; `out` holds a run of other inputs, and
            `existing` says to refuse; the loss or a weight became NaN or infinite; the disk is full; or another
            process is writing into `out`.
    """
    check_task(task)
    device = device or default_device()
    data = load_demos(demos, params.obs_keys, filter_key=filter_key)
    data.check_fits(task)
    run = Run(
        "train",
        out,
        params=params.model_dump(mode="json"),
        inputs=[demos],
        task=task,
        method=params.method,
        seed=seed,
        filter_key=data.filter_key,
    )
    if run.is_there(FILES, existing):
        return
    cut = partial(
        make_windows,
        obs_horizon=params.obs_horizon,
        pred_horizon=params.pred_horizon,
        sequences=class_of(params.method).sequences,
        executed=class_of(params.method).transitions,
    )
    key = valid_key(data)
    valid = cut(load_demos(demos, data.obs_keys, filter_key=key, like=data)) if key else None
    horizons = (params.obs_horizon, params.pred_horizon, params.exec_horizon)
    spec = Spec(data.obs_dim, data.action_dim, *horizons, data.obs_keys)
    with torch.random.fork_rng(devices=[]):  # initialisers only know the global generator
        torch.manual_seed(integer_seed(seed, "initial weights"))
        model = build(spec, params)
    model.normalizer.fit(data.observations, data.actions, standardize_obs=params.standardize_obs, box=data.box)
    with run:
        trainer = Trainer(model, cut(data), seed, device, valid)
        identity = {"params": params.model_dump(mode="json"), "data": data.sha256, "task": task, "seed": seed}
        identity |= {"filter_key": data.filter_key}
        point = ResumePoint(out, identity | {"device": device.type})
        stored = point.load()
        if stored is not None:
            trainer.restore(*stored)
            print(f"resuming at step {trainer.step}")
        _loop(trainer, point, f"train {task} {params.method} seed {seed}", watch)
        save(
            trainer.averaged(),
            out / "model.safetensors",
            {"task": task, "seed": seed, "demos": data.description},
        )
        columns = COLUMNS + ["valid_loss"] * (key is not None)
        run.write_csv("train.csv", pd.DataFrame(trainer.rows, columns=columns))
        point.remove()
        run.note(
            device=str(device),
            matmul=trainer.kernels,
            skipped_steps=int(trainer.skipped),
            train_seconds=round(trainer.rows[-1]["seconds"], 3),
            **({"valid_loss": trainer.rows[-1]["valid_loss"]} if key else {}),
        )


def _loop(trainer: Trainer, point: ResumePoint, title: str, watch: Watch | None) -> None:
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
                    | ({} if (held_out := trainer.valid_loss()) is None else {"valid_loss": held_out})
                )
                bar.set_postfix(loss=f"{mean:.3f}")
                if watch is not None:
                    watch(trainer)
            # Only where the log is empty of pending losses, so that a resumed run logs the same means.
            if trainer.step % params.resume_every == 0 and not losses and trainer.step < params.steps:
                point.store(trainer.tensors(), trainer.state(time.perf_counter() - started))
