"""CPU time of a plan at batch 1 and 12, against the policies as PyTorch runs them, step by step with autograd.

    python -m benchmarks acting    # about 2 minutes on one core

Writes `acting.json` and `acting.md` into `benchmarks/`.
"""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.official import Energy
from benchmarks.timing import compare, machine, table
from energyflow.config.sections import TrainParams
from energyflow.core.files import write_json, write_text
from energyflow.networks.build import ScalarPotential, Spec
from energyflow.pipeline import params
from energyflow.policies.base import Policy
from energyflow.policies.checkpoint import build
from energyflow.policies.plan import fast_plan
from energyflow.studies.timing import Work, interleave

OBS, ACTION = 39, 4
METHODS = ("energyflow", "energyflow_paper", "unconstrained", "flow_policy", "diffusion_policy")
REMARKS = """
Tried, and of no help: PyTorch's traced and frozen modules (0.77 ms for `energyflow` where NumPy takes 0.4 to 0.5,
and deprecated); `torch.compile` (0.46 ms) needs a compiler where policies act, ONNX Runtime (0.37 ms) one more
dependency. At batch 12 the products themselves are most of a plan.
"""


def policy_of(section: TrainParams) -> Policy:
    """Fresh weights: a plan's time does not depend on them."""
    torch.manual_seed(0)
    spec = Spec(OBS, ACTION, section.obs_horizon, section.pred_horizon, section.exec_horizon, ("state",))
    found = build(spec, section).eval().requires_grad_(False)
    assert isinstance(found, Policy)
    return found


def by_autograd(policy: Policy) -> Policy:
    """The same policy with autograd's slope in place of the one written out."""
    found = copy.deepcopy(policy)
    for module in found.modules():
        if isinstance(module, ScalarPotential):
            module.value_and_slope = super(ScalarPotential, module).value_and_slope  # type: ignore[method-assign]
    return found


def main(out: Path, quick: bool) -> None:
    """Measure, and write `acting.json` and `acting.md` into `out`; `quick`: fewer rounds."""
    torch.set_num_threads(1)
    alternatives: dict[str, Work]
    rounds, rows, generator = (3 if quick else 9), [], torch.Generator().manual_seed(0)
    laptop, paper = (params.load(preset=name) for name in ("laptop", "paper"))
    for method in METHODS:
        policy = policy_of(laptop.train[method])
        for batch in (1, 12):
            obs, frames = np.zeros((batch, 2, OBS)), torch.zeros(batch, 2, OBS)
            alternatives = {
                "ours": partial(fast_plan(policy, generator), obs, None),
                "eager": partial(by_autograd(policy).act, frames, generator),
            }
            row = {"what": f"{method}, MLP, {policy.nfe} evaluations, batch {batch}", "against": "PyTorch, eager"}
            rows.append(row | compare(interleave(alternatives, rounds, 20), "ours", "eager"))
    official = Energy(2 * OBS, ACTION).eval()
    alternatives = {
        "ours": partial(fast_plan(policy_of(paper.train["energyflow"]), generator), np.zeros((1, 2, OBS)), None),
        "official": partial(official.plan, torch.zeros(1, 2 * OBS), (1, 16, ACTION)),
    }
    row = {"what": "energyflow, U-Net of the paper's size, 10 evaluations, batch 1"}
    row |= {"against": "the published model, 20 evaluations"}
    rows.append(row | compare(interleave(alternatives, max(3, rounds // 2), 2), "ours", "official"))
    about = machine()
    write_json(out / "acting.json", {"machine": about, "rows": rows, "quick": quick})
    write_text(out / "acting.md", table(rows, about, "Acting: time of a plan", REMARKS))
