"""What single points say beside "clear or not": zero gradients, one form against another, fewer demonstrations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from energyflow.report import names, published
from energyflow.report.columns import signed
from energyflow.report.comparisons import paired
from energyflow.report.statistics import cell, numbers
from energyflow.report.summaries import overall, scopes
from energyflow.report.wording import listed
from energyflow.studies.ablations.points import runs
from energyflow.studies.ablations.points.effects import value_name
from energyflow.studies.ablations.sections import PointParams
from energyflow.studies.ablations.study import FIELDS

GRADIENTS = ("zero", "zero_biases", "loss")
EPISODES = ("level", "decoder", "env_seed", "success")


def gradients(_frame: pd.DataFrame, paths: Sequence[Path], params: PointParams) -> list[str]:
    """How much of each network the loss can train, and the loss that it reaches."""
    files = [path for path in paths if path.name == "rows.csv"]
    mean = runs.read(files, GRADIENTS, params).groupby("value", sort=False)[list(GRADIENTS)].mean()
    said = [
        f"{value_name(str(value))} {100 * row['zero']:.1f} % ({100 * row['zero_biases']:.0f} % of the biases; loss"
        f" {row['loss']:.3f})"
        for value, row in mean.iterrows()
    ]
    return [
        f"Share of the trained parameters on which the gradient of the loss is exactly zero: {listed(said)}. With"
        " ReLU the energy is piecewise linear in the action, its second derivative zero almost everywhere:"
        " parameters that only move the borders between the pieces, such as biases and what the first layer reads of"
        " observation and noise level, are never trained. (Weights of coordinates of the observation that never"
        " change are trained with no activation.)"
    ]


def table_three(frame: pd.DataFrame, _paths: Sequence[Path], _params: PointParams) -> list[str]:
    """Whether 1e-4 to 1e-2 is as good as the paper says, and 0.1 as bad."""
    found = []
    for item, part in overall(frame).groupby("item", sort=False):
        by = {float(str(row["value"])): row["success"] for row in part.to_dict("records")}
        stable = [by[gamma] for gamma in by if 1e-4 <= gamma <= 1e-2]
        late = [f"{by[gamma]:.1f} at {gamma:g}" for gamma in by if gamma >= 0.1]
        if stable and late:
            found.append(
                f"{names.method_name(str(item))}: {min(stable):.1f} to {max(stable):.1f} % up to 1e-2, {listed(late)}."
            )
    (row,) = published.settings("gamma")
    where = f"on {names.plain(row['task'])}: {row['value']:.1f} at {row['setting']}"
    return [*found, f"The paper, {where} ({row['grade']}: {row['source']})."]


Setting = tuple[str, str]  # method and value


def _between(
    paths: Sequence[Path], params: PointParams, pairs: Sequence[tuple[Setting, Setting]]
) -> list[tuple[Setting, str]]:
    """First setting of each pair that ran, and its paired difference in success, averaged over tasks, in words."""
    (axis,) = params.axes
    rows = runs.read([path for path in paths if path.name == "episodes.csv"], EPISODES, params)
    rows = rows[(rows["axis"] == axis) & (rows["level"] == names.BASE_LEVEL)]
    *_, tasks = scopes(rows["task"]).values()
    ran = {(str(i), str(v), str(t)): cell(part) for (i, v, t), part in rows.groupby(["item", "value", "task"])}
    found = []
    for first, second in pairs:
        if all((*setting, task) in ran for setting in (first, second) for task in tasks):
            cells = [(ran[*first, task], ran[*second, task]) for task in tasks]
            change = paired(cells, params.report, f"{axis} {first} against {second}")
            found.append((first, signed(numbers("difference", change))))
    return found


def forms(_frame: pd.DataFrame, paths: Sequence[Path], params: PointParams) -> list[str]:
    """The preconditioned form against the raw one, with and without spectral norm."""
    pairs = [(("energyflow", norm), ("energyflow_paper", norm)) for norm in ("off", "on")]
    said = [f"{change} with it {norm}" for (_, norm), change in _between(paths, params, pairs)]
    if not said:
        return []
    return [
        f"Preconditioned minus raw form, in percentage points, spectral norm alike: {listed(said)}. The two differ in"
        " their activation, sampler, number of evaluations and learning rate too, each as in the preset."
    ]


def fewer(_frame: pd.DataFrame, paths: Sequence[Path], params: PointParams) -> list[str]:
    """Whether the conservative field needs fewer demonstrations."""
    (section,) = params.axes.values()
    counts = section.values.get(FIELDS[0], [])
    compared = _between(paths, params, [((FIELDS[0], count), (FIELDS[1], count)) for count in counts])
    if not compared:
        return []
    said = [f"{change} with {count}" for (_, count), change in compared]
    return [f"Conservative minus unconstrained field, in percentage points: {listed(said)} demonstrations."]
