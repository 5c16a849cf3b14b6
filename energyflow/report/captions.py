"""Captions that are derived from the rows: they state what was run here, not what was planned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from energyflow.config.sections import ReportParams
from energyflow.core.files import read_json
from energyflow.report import names, published
from energyflow.report.recorded import trained
from energyflow.report.rows import select
from energyflow.report.wording import counted, grouped, joined, span

DECODERS = (
    "By sample: a draw of the policy at each plan. By mean: the mean of its actions, or what the method has nearest to"
    " it (the page of each method says what)."
)


def intervals(params: ReportParams) -> str:
    """How the intervals were made."""
    return (
        f"Intervals: {100 * params.confidence:g} % percentile bootstrap over training seeds and initial states"
        f" ({grouped(params.bootstrap)} resamples, tasks as strata), never narrower than the Wilson interval of the"
        " pooled episodes."
    )


def budget(rows: pd.DataFrame) -> str:
    """What was run, from the rows of episodes: tasks, methods, seeds, initial states, network evaluations."""
    policies = rows[rows["method"] != names.EXPERT]
    states = policies.groupby(["task", "method", "seed", "level"])["env_seed"].nunique()
    order = names.in_order(policies["method"], "method")
    nfe = "; ".join(f"{names.method_name(m)} {_evaluations(policies[policies['method'] == m])}" for m in order)
    return (
        f"{counted(policies['task'].nunique(), 'task')}, {counted(len(order), 'method')},"
        f" {counted(policies['seed'].nunique(), 'training seed')}, {span(states)} held-out initial states per"
        f" seed and level, the same for every method. Function evaluations per plan, by sample and by mean: {nfe}."
    )


def _evaluations(rows: pd.DataFrame) -> str:
    """Evaluations by each decoder, `10, 1`; the range where they differ between tasks."""
    found = [rows.loc[rows["decoder"] == decoder, "nfe"] for decoder in (names.SAMPLE, names.MEAN)]
    return ", ".join(span(values) if len(values) else "–" for values in found)


def published_on(frame: pd.DataFrame) -> str:
    """What the paper's policies were trained on, suite by suite."""
    known = frame.dropna(subset=["published_on"])
    parts = {names.suite(row["task"]): row["published_on"] for row in known.to_dict("records")}
    said = "; ".join(f"on {names.suite_name(suite)} {trained_on}" for suite, trained_on in parts.items())
    return f"The paper's policies were trained on: {said}." if said else ""


def training(paths: Sequence[Path]) -> str:
    """Training budget, from the model.json files among the inputs."""
    if not select(paths, "train", "model.json"):
        return ""
    models = trained(paths, "caption")
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
        elif found.get("source") == "own":
            parts.append(f"{kept} from {found['origin']} ({found['format']})")
        else:
            rate = f"{100 * found['expert_success_rate']:.1f} % of {found['attempts']} attempts"
            noise = found.get("params", {})
            executed, label = noise.get("noise"), noise.get("label_noise")
            told = f", executed with noise of {executed:g}" if executed is not None else ""
            told += f", recorded with {label:g}" if label is not None else ""
            parts.append(f"{kept} of a scripted expert{told} ({rate} succeeded and were kept)")
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
