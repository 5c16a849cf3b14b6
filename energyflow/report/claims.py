"""What the paper says of costs, each as a ratio of two measurements with an interval and a verdict.

A claim that two costs are alike holds where the whole interval of their ratio lies below `ALIKE`, and is contradicted
where it lies above; a claim that one is lower is judged by 1. What is compared is what this machine does at the
preset's network: the paper's milliseconds are of another network on an A100, so their ratio stands beside ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from energyflow.config.sections import ReportParams
from energyflow.core.seeding import generator
from energyflow.report import names, published
from energyflow.report.costs import latencies
from energyflow.report.recorded import trained, training
from energyflow.report.statistics import Estimate, percentiles, verdict

ALIKE = 1.1  # [ours] costs that differ by less than a tenth are the same
COLUMNS = (
    *("claim", "method", "rival", "quantity", "value", "rival_value"),
    *("ratio", "ratio_low", "ratio_high", "limit", "published_ratio", "verdict"),
)
Array = NDArray[np.float64]
Values = Callable[["Measured", str], Array]


@dataclass(frozen=True)
class Measured:
    """What claims are judged by: runs with their steps, and single plans."""

    runs: pd.DataFrame
    plans: pd.DataFrame

    def per_step(self, method: str) -> Array:
        """CPU milliseconds of a gradient step, of every training run."""
        own = self.runs[self.runs["method"] == method]
        return np.asarray(1000 * own["cpu_seconds"] / own["steps"], dtype=np.float64)

    def per_evaluation(self, method: str) -> Array:
        """Milliseconds of a network evaluation, of every timed plan."""
        own = self.plans[self.plans["method"] == method]
        return np.asarray(own["ms"] / own["nfe"], dtype=np.float64)

    def per_plan(self, method: str) -> Array:
        """Milliseconds of a plan, as the method plans, of every timed one."""
        return self.plans.loc[self.plans["method"] == method, "ms"].to_numpy(dtype=np.float64)


@dataclass(frozen=True)
class Claim:
    """One sentence of the paper.

    Attributes:
        text: the sentence.
        rival: the method that it compares with.
        quantity: what is measured, for a reader.
        values: single measurements of a method.
        statistic: what stands for them.
        limit: ratio up to which the claim holds.
    """

    text: str
    rival: str
    quantity: str
    values: Values
    statistic: Callable[..., Any]
    limit: float


EVALUATION, PLAN = "ms of an evaluation", "ms of a plan"
CLAIMS = (
    Claim(
        "no additional training cost against a diffusion policy",
        *("diffusion_policy", "CPU ms of a training step", Measured.per_step, np.mean, ALIKE),
    ),
    Claim(
        "the overhead of differentiating the energy is negligible",
        *("unconstrained", EVALUATION, Measured.per_evaluation, np.median, ALIKE),
    ),
    Claim(
        "latency comparable to a flow policy, at equal evaluations",
        *("flow_policy", EVALUATION, Measured.per_evaluation, np.median, ALIKE),
    ),
    Claim(
        "latency comparable to a flow policy, as both plan",
        *("flow_policy", PLAN, Measured.per_plan, np.median, ALIKE),
    ),
    Claim("faster than a diffusion policy", *("diffusion_policy", PLAN, Measured.per_plan, np.median, 1.0)),
    Claim("faster than implicit BC", *("implicit_bc", PLAN, Measured.per_plan, np.median, 1.0)),
)


def ratio(
    first: Array, second: Array, params: ReportParams, purpose: str, statistic: Callable[..., Any] = np.mean
) -> Estimate:
    """A statistic of the first measurements over that of the second, by bootstrap of both independently."""
    parts = []
    for which, values in (("first", first), ("second", second)):
        draws = generator(params.seed, f"bootstrap {purpose} {which}")
        index = draws.integers(len(values), size=(params.bootstrap, len(values)))
        parts.append(statistic(values[index], axis=1))
    low, high = percentiles(parts[0] / parts[1], params.confidence)
    return Estimate(float(statistic(first) / statistic(second)), low, high, min(len(first), len(second)), 0)


def claims(paths: Sequence[Path], params: ReportParams) -> pd.DataFrame:
    """Every claim about costs whose methods ran, for either form of the paper's method.

    Returns:
        One row per claim and form, columns `COLUMNS`.

    Raises:
        UserError: an input is missing or incomplete.
    """
    wanted_by, key = "table claims_cost", ["task", "method", "seed"]
    runs = training(paths, wanted_by).merge(trained(paths, wanted_by)[[*key, "steps"]], on=key)
    found = Measured(runs, latencies(paths, wanted_by))
    ran = set(runs["method"]) & set(found.plans["method"])
    forms = [method for method in names.order("method") if names.published_as(method) == names.REFERENCE]
    out = [_judged(claim, form, found, params) for claim in CLAIMS for form in forms if {form, claim.rival} <= ran]
    return pd.DataFrame(out, columns=list(COLUMNS))


def _judged(claim: Claim, form: str, found: Measured, params: ReportParams) -> dict[str, Any]:
    first, second = claim.values(found, form), claim.values(found, claim.rival)
    value = ratio(first, second, params, f"{claim.text} {form}", claim.statistic)
    paper = published.latency() if claim.quantity == PLAN else {}
    known = names.REFERENCE in paper and claim.rival in paper
    return {
        "claim": claim.text,
        "method": form,
        "rival": claim.rival,
        "quantity": claim.quantity,
        "value": float(claim.statistic(first)),
        "rival_value": float(claim.statistic(second)),
        "ratio": value.mean,
        "ratio_low": value.low,
        "ratio_high": value.high,
        "limit": claim.limit,
        "published_ratio": paper[names.REFERENCE] / paper[claim.rival] if known else None,
        "verdict": verdict(value.high < claim.limit, value.low > claim.limit),
    }
