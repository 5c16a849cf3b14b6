"""How much of a network the loss can train at all: the share of its parameters whose gradient is exactly zero.

The loss differentiates the energy twice. With ReLU the energy is piecewise linear in the chunk, so its slope depends on
the parameters only through the slopes of the pieces, and on which piece the chunk lies on: whatever merely moves the
borders between pieces, such as biases, has a gradient of zero almost everywhere, and so has what the first layer reads
of observations and noise levels. Of a centred potential it is g that is looked at: the loss differentiates the rest
once.
"""

from __future__ import annotations

from pathlib import Path

import torch

from energyflow.core.provenance import Run
from energyflow.core.seeding import torch_generator
from energyflow.datasets.format import load_demos
from energyflow.datasets.windows import make_windows
from energyflow.networks.centred import CentredPotential
from energyflow.policies.checkpoint import load

WINDOWS = 1024  # enough that a unit which no window reaches hardly counts


def measure(model: Path, demos: Path, out: Path) -> None:
    """Write rows.csv, one row, and run.json.

    `parameters`; `zero`: share of those with a gradient of exactly zero; `zero_biases`: of the biases; `loss`: on the
    windows, with the averaged weights, comparable between models of one loss.

    Args:
        model: a checkpoint.
        demos: the demonstrations that it learnt from.
        out: folder of the outputs.
    """
    policy = load(model).requires_grad_(True)
    data = load_demos(demos, policy.spec.obs_keys)
    windows = make_windows(data, policy.spec.obs_horizon, policy.spec.pred_horizon)
    with Run("ablations_gradients", out, params={}, inputs=[model, demos], method=policy.params.method) as run:
        generator = torch_generator(0, "gradients")
        index = torch.randint(len(windows.obs), (WINDOWS,), generator=generator)
        obs = policy.normalizer.standardize_obs(windows.obs[index]).float()
        loss = policy.loss(obs, policy.normalizer.standardize_action(windows.actions[index]).float(), generator)
        loss.backward()  # type: ignore[no-untyped-call]
        potential = getattr(policy, "potential", None)
        looked_at = potential.curved if isinstance(potential, CentredPotential) else policy
        rows = [(parameter.dim() == 1, parameter.numel(), _zeros(parameter)) for parameter in looked_at.parameters()]
        total, biases = sum(count for _, count, _ in rows), sum(count for bias, count, _ in rows if bias)
        row = {"parameters": total, "zero": sum(zeros for _, _, zeros in rows) / total}
        row |= {"zero_biases": sum(zeros for bias, _, zeros in rows if bias) / max(biases, 1)}
        run.write_csv("rows.csv", [row | {"loss": float(loss.detach())}])
        run.note(windows=WINDOWS)


def _zeros(parameter: torch.nn.Parameter) -> int:
    """How many entries have no gradient, or one of exactly zero."""
    return parameter.numel() if parameter.grad is None else int((parameter.grad == 0).sum())
