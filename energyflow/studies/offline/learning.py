"""The pilot's jobs: a policy from a data set, and its episodes."""

from __future__ import annotations

from pathlib import Path

from energyflow.datasets.minari import read_minari
from energyflow.offline.evaluate import evaluate
from energyflow.offline.methods.sections import LearnParams, RolloutParams
from energyflow.offline.train import train


def learn(name: str, params: LearnParams, seed: int, inputs: list[Path], out: Path) -> None:
    """Train a method; see `energyflow.offline.train.train`.

    Args:
        name: of the method.
        params: every number.
        seed: of the run.
        inputs: the HDF5 file of the data set, then `parts.safetensors` of the runs that it starts from.
        out: folder of the outputs.

    Raises:
        UserError: see there.
    """
    data, *parts = inputs
    train(read_minari(data), name, params, seed, out, parts=[file.parent for file in parts])


def roll_out(model: Path, params: RolloutParams, out: Path) -> None:
    """Episodes of a policy; see `energyflow.offline.evaluate.evaluate`.

    Raises:
        UserError: see there.
    """
    evaluate(model, params, out)
