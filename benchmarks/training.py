"""CPU time of a training step of every method, and of the paper's U-Net, against the same as usually written.

    python -m benchmarks training    # about 3 minutes on one core

The MLPs' reference is the same loss with autograd's slope, PyTorch's default products, its optimiser on each parameter,
its clipping and its average. The U-Net's is the published model and step (`benchmarks/official.py`).
Writes `training.json` and `training.md` into `benchmarks/`.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.official import Energy, Training
from benchmarks.timing import compare, machine, table
from energyflow.core.files import write_json, write_text
from energyflow.datasets.windows import Windows
from energyflow.learning.trainer import Trainer
from energyflow.networks.build import ScalarPotential, Spec
from energyflow.pipeline import params
from energyflow.policies.checkpoint import build
from energyflow.studies.timing import interleave

OBS, ACTION, COUNT = 39, 4, 4096  # Meta-World's sizes
METHODS = (
    *("energyflow", "energyflow_paper", "unconstrained", "diffusion_policy", "flow_policy"),
    *("implicit_bc", "ebt_policy", "lstm_gmm"),
)
CPU = torch.device("cpu")
SLOW = ("implicit_bc", "ebt_policy", "lstm_gmm")
REMARKS = """
Tried, and of no help:

- Several seeds of one task and method as one batched product: three products of 128 x 256 x 256 at once take as long a
  seed as one (82 against 86 microseconds, oneDNN), so that only the calls around them would be saved. Not built.
- Splitting the U-Net's batch so that activations fit in the cache: in parts of 128 rows as slow, in parts of 64 a third
  slower, as the weights are read again for every part.
- Unfolding the inputs of a convolution into one product: it copies them five times, and is slower than PyTorch's own.
- `torch.compile` on the derivatives of the U-Net's normalisation: 1.3 to 3 times as fast each, a twentieth of a step in
  all, after 28 seconds of compiling. Channels last is what time first amounts to.
- A convolution by frequencies (`networks/spectral.py`, which took the U-Net's step from 0.8 to 0.65 of the published
  one) for the first layer, kernels of one tap or single plans: its transforms cost more than the products it saves.
- Keeping tensors outside `save_for_backward`, or calling the fused optimiser without its wrapper: within the noise.
"""


class AsUsual:
    """The step of `Trainer` as one would write it without its savings."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer, self.model = trainer, copy.deepcopy(trainer.model)
        for module in self.model.modules():
            if isinstance(module, ScalarPotential):
                module.value_and_slope = super(ScalarPotential, module).value_and_slope  # type: ignore[method-assign]
        for parameter in self.model.parameters():
            parameter.data = parameter.data.clone()
        self.average = copy.deepcopy(self.model)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, weight_decay=1e-6, fused=True)
        self.generator = torch.Generator().manual_seed(0)

    def __call__(self) -> None:
        """One step."""
        given = self.trainer
        index = torch.randint(len(given.obs), (given.params.batch_size,), generator=self.generator)
        loss = self.model.loss(given.obs[index], given.actions[index], self.generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), given.params.grad_clip)
        if bool(torch.isfinite(norm)):
            self.optimizer.step()
        self.model.after_step()
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1e-3)


def trainer_of(section: Any) -> Trainer:
    """A trainer on random windows: a step's time does not depend on what they hold."""
    torch.manual_seed(0)
    spec = Spec(OBS, ACTION, section.obs_horizon, section.pred_horizon, section.exec_horizon, ("state",))
    obs = torch.randn(COUNT, section.obs_horizon, OBS)
    return Trainer(build(spec, section), Windows(obs, torch.randn(COUNT, section.pred_horizon, ACTION)), 0, CPU)


def main(out: Path, quick: bool) -> None:
    """Measure, and write `training.json` and `training.md` into `out`; `quick`: fewer rounds."""
    torch.set_num_threads(1)
    rounds, rows = (3 if quick else 9), []
    laptop, paper = (params.load(preset=name, grid="full") for name in ("laptop", "paper"))
    for method in METHODS:
        trainer = trainer_of(laptop.train[method])
        times = interleave({"ours": trainer.advance, "usual": AsUsual(trainer)}, rounds, 5 if method in SLOW else 20)
        row = {"what": f"{method}, MLP, batch 128", "against": "the same as usually written"}
        rows.append(row | compare(times, "ours", "usual"))
    obs, actions = torch.randn(256, 2 * OBS), torch.randn(256, 16, ACTION)
    official = Training(Energy(2 * OBS, ACTION), obs, actions)
    ours = {method: trainer_of(paper.train[method]).advance for method in ("energyflow", "energyflow_paper")}
    times = interleave({"official": official, **ours}, rounds, 1)
    for method in ours:
        row = {"what": f"{method}, U-Net of the paper's size, batch 256", "against": "the published model and step"}
        rows.append(row | compare(times, method, "official"))
    about = machine() | {"official_parameters": sum(p.numel() for p in official.energy.parameters())}
    write_json(out / "training.json", {"machine": about, "rows": rows, "quick": quick})
    write_text(out / "training.md", table(rows, about, "Training: time of a step", REMARKS))
