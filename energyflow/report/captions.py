"""Captions that are derived from the rows: they state what was run here, not what was planned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from energyflow.config.sections import ReportParams
from energyflow.core.files import read_json
from energyflow.report import costs, names, published
from energyflow.report.rows import select
from energyflow.report.wording import counted, grouped, joined, span


def intervals(params: ReportParams) -> str:
    """How the intervals were made."""
    return (
        f"Intervals: {100 * params.confidence:g} % percentile bootstrap over training seeds and initial states"
        f" ({grouped(params.bootstrap)} resamples, tasks as strata), never narrower than the Wilson interval of the"
        " pooled episodes."
    )


def budget(rows: pd.DataFrame) -> str:
    """What was run, from the rows of episodes: tasks, methods, seeds, initial states, sampler evaluations."""
    policies = rows[rows["method"] != names.EXPERT]
    states = policies.groupby(["task", "method", "seed", "level"])["env_seed"].nunique()
    order = names.in_order(policies["method"], "method")
    evaluations = policies.groupby("method")["nfe"].unique()
    nfe = "; ".join(f"{names.method_name(m)} {'/'.join(str(int(v)) for v in sorted(evaluations[m]))}" for m in order)
    return (
        f"{counted(policies['task'].nunique(), 'task')}, {counted(len(order), 'method')},"
        f" {counted(policies['seed'].nunique(), 'training seed')}, {span(states)} held-out initial states per"
        f" seed and level, the same for every method. Function evaluations per plan: {nfe}."
    )


def training(paths: Sequence[Path]) -> str:
    """Training budget, from the model.json files among the inputs."""
    if not select(paths, "train", "model.json"):
        return ""
    models = costs.recorded(paths, "train", "model.json", "caption")
    return f"Training: {span(models['steps'])} steps of batch {span(models['batch_size'])}."


def demonstrations(paths: Sequence[Path]) -> str:
    """What the policies were trained on, from the manifest.json files among the inputs: one sentence a task."""
    parts = []
    for path in select(paths, "collect", "manifest.json"):
        found = read_json(path)
        kept = f"{names.task_name(found['task'])}: {found['demos']} demonstrations"
        if found.get("source") == "human":
            parts.append(
                f"{kept} of people (official file {found['version']}; {100 * found['replay_success_rate']:.0f} % of"
                f" {found['replayed']} replayed ones succeed again)"
            )
        else:
            rate = f"{100 * found['expert_success_rate']:.1f} % of {found['attempts']} attempts"
            parts.append(f"{kept} of a scripted expert with action noise ({rate} succeeded and were kept)")
    return "; ".join(parts) + "." if parts else ""


def variants(rows: pd.DataFrame) -> str:
    """Which rows are methods as published and which are variants, where a variant ran."""
    shown = [
        f"{names.method_name(first)} runs as published, in the simulator; {names.method_name(second)} is a variant"
        for first, second in names.variants().items()
        if (rows["method"] == second).any()
    ]
    return f"{'; '.join(shown)}. The paper does not say which of the two it ran." if shown else ""


def paper(rows: pd.DataFrame) -> str:
    """The paper's own budget for the suites in the rows."""
    parts = []
    for suite in dict.fromkeys(names.suite(task) for task in rows["task"]):
        p = published.protocol(suite)
        if p:
            parts.append(
                f"The paper on {names.suite_name(suite)}: {p['seeds']} seeds, {p['episodes']} rollouts"
                f" each, {grouped(p['train_steps'])} steps of batch {p['batch_size']},"
                f" {p['nfe']} function evaluations per plan."
            )
    return " ".join(parts)


def run(paths: Sequence[Path], rows: pd.DataFrame, params: ReportParams) -> str:
    """What was run here, beside what the paper ran, and how the intervals were made."""
    return joined(budget(rows), training(paths), paper(rows), intervals(params))
