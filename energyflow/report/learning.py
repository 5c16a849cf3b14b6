"""Reward shaping: learning curves, their summary, and whether each part of the paper's claim holds on them.

The paper's claim has four parts (section 3 of its experiments): sparse rewards are slow, the raw energy
fails, the centred energy comes near the oracle's dense reward, and centred + sparse is the best of its
sources. Each is turned into one comparison with an interval, and its verdict is *holds*, *contradicted*, or
*undecided* where the interval covers the line between them. Where the oracle itself has not learnt the task, no
verdict says anything about a reward: *not testable here*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError
from energyflow.report import names
from energyflow.report.comparisons import paired
from energyflow.report.rows import CURVE_COLUMNS, read_rows, require
from energyflow.report.statistics import (
    Cell,
    Estimate,
    cell,
    draws,
    estimate,
    measured,
    numbers,
    replicate,
    verdict,
)

SOLVED = 0.8  # success from which a source counts as having learnt the task
UNTESTED = "not testable here"
FAILS = 0.5  # a source whose final success lies below this has failed
NEAR = 0.1  # a source whose area under the curve is less than this behind the oracle's is near it
PAPER_SOURCES = ("sparse", "raw_energy", "centered_energy", "centered_energy_sparse")  # the oracle apart

Claim = tuple[str, str]  # verdict, what it rests on


@dataclass(frozen=True)
class Curve:
    """Evaluation outcomes of one source on one task: `scores[K, S, E]` at K step marks, complete."""

    steps: tuple[int, ...]
    scores: NDArray[np.float64]
    seeds: tuple[int, ...]
    states: tuple[int, ...]

    def at(self, mark: int) -> Cell:
        """Outcomes at one mark."""
        return Cell(self.scores[mark], self.seeds, self.states)

    @property
    def area(self) -> Cell:
        """Area under the success curve of each seed and initial state, over the steps covered; in [0, 1]."""
        if len(self.steps) == 1:
            return self.at(0)
        widths = np.diff(np.asarray(self.steps, dtype=np.float64))
        middle = (self.scores[1:] + self.scores[:-1]) / 2  # trapezoids
        return Cell(np.tensordot(widths / widths.sum(), middle, axes=1), self.seeds, self.states)


def curve_rows(paths: Sequence[Path], wanted_by: str) -> pd.DataFrame:
    """Rows of the deterministic evaluations during SAC."""
    return read_rows(require(paths, "shape", "curve.csv", wanted_by), CURVE_COLUMNS)


def curves(rows: pd.DataFrame) -> dict[tuple[str, str], Curve]:
    """Arrange rows by (task, source).

    An episode number stands for the same initial state at every step mark and for every seed.

    Raises:
        UserError: a seed lacks an episode at a mark, so that a curve would mix different sets of episodes.
    """
    order = names.in_order(rows["source"], "source")
    out = {}
    for task in dict.fromkeys(rows["task"]):
        for source in order:
            part = rows[(rows["task"] == task) & (rows["source"] == source)]
            if not part.empty:
                out[task, source] = _curve(part, f"{task} {source}")
    return out


def _curve(part: pd.DataFrame, where: str) -> Curve:
    marks = sorted({int(step) for step in part["step"]})
    layers = [cell(part[part["step"] == mark], state="episode") for mark in marks]
    seeds = tuple(sorted({int(seed) for seed in part["seed"]}))
    for mark, layer in zip(marks, layers, strict=True):
        if layer.seeds != seeds or layer.states != layers[0].states or not np.isfinite(layer.scores).all():
            raise UserError(f"shape/{where}: step {mark} lacks episodes that other seeds or steps have; run it again")
    return Curve(tuple(marks), np.stack([layer.scores for layer in layers]), seeds, layers[0].states)


def bands(rows: pd.DataFrame, params: ReportParams, smooth: int = 1) -> pd.DataFrame:
    """Success with interval at each step mark of each curve, in percent.

    Args:
        rows: from `curve_rows`.
        params: confidence, number of resamples, seed; the same resamples serve every mark of a curve.
        smooth: width of a running mean over marks.

    Returns:
        Columns task, source, step, n, seeds, success, success_low, success_high.
    """
    table: list[dict[str, Any]] = []
    for (task, source), curve in curves(rows).items():
        for mark, step in enumerate(curve.steps):
            near = slice(max(0, mark - (smooth - 1) // 2), mark + smooth // 2 + 1)
            outcomes = Cell(curve.scores[near].mean(axis=0), curve.seeds, curve.states)
            value = estimate([outcomes], params, f"{task} {source}")
            table.append({"task": task, "source": source, "step": step} | measured("success", value))
    return pd.DataFrame(table)


def learning(rows: pd.DataFrame, params: ReportParams) -> pd.DataFrame:
    """Summary of each source, with the verdict on the part of the paper's claim that concerns it.

    Returns:
        One row per task and source; columns in results/README.md.
    """
    found = curves(rows)
    out = []
    for (task, source), curve in found.items():
        purpose = f"{task} {source}"
        final = estimate([curve.at(-1)], params, purpose)
        row: dict[str, Any] = {"task": task, "source": source, "steps": curve.steps[-1]}
        row |= measured("final", final) | numbers("area", estimate([curve.area], params, purpose))
        row |= _peak(curve, params, purpose) | _first_solved(curve, params, purpose)
        here = {s: c for (t, s), c in found.items() if t == task}
        claim, judge = CLAIMS.get(source, (None, None))
        said, evidence = (_untestable(here) or judge(here, params, task)) if judge else (None, None)
        out.append(row | {"claim": claim, "verdict": said, "evidence": evidence})
    return pd.DataFrame(out)


def _mean_curves(curve: Curve, params: ReportParams, purpose: str) -> NDArray[np.float64]:
    """Resampled mean curves, [bootstrap, K]; one draw of seeds and states for the whole curve."""
    drawn = draws(curve.at(0), params, f"{purpose} 0")
    return np.stack([replicate(curve.at(k), *drawn).mean(axis=1) for k in range(len(curve.steps))], axis=1)


def _peak(curve: Curve, params: ReportParams, purpose: str) -> dict[str, Any]:
    """Success at the mark that is best on average: the gap to `final` shows a drift after learning."""
    best = int(curve.scores.mean(axis=(1, 2)).argmax())
    return numbers("peak", estimate([curve.at(best)], params, purpose)) | {
        "peak_step": curve.steps[best] if curve.scores.any() else None
    }


def _first_solved(curve: Curve, params: ReportParams, purpose: str) -> dict[str, float | None]:
    """First mark with mean success of at least `SOLVED`; an empty value means not within the budget."""

    def first(mean: NDArray[np.float64]) -> NDArray[np.float64]:
        reached = mean >= SOLVED - 1e-9
        steps = np.asarray(curve.steps, dtype=np.float64)[reached.argmax(axis=-1)]
        return np.where(reached.any(axis=-1), steps, np.inf)

    samples = first(_mean_curves(curve, params, purpose))
    tail = (1 - params.confidence) / 2
    # Order statistics, not interpolated: a resample that never gets there counts as infinitely late.
    low, high = np.quantile(samples, [tail, 1 - tail], method="inverted_cdf")
    point = float(first(curve.scores.mean(axis=(1, 2))))
    found = {"": point, "_low": min(float(low), point), "_high": max(float(high), point)}
    return {f"solved_step{end}": value if np.isfinite(value) else None for end, value in found.items()}


def _untestable(found: dict[str, Curve]) -> Claim | None:
    """Why a task says nothing about any reward: an agent that is told what to do does not learn it there."""
    if "dense" not in found:
        return "not run", "needs dense"
    reached = float(found["dense"].scores[-1].mean())
    if reached >= SOLVED - 1e-9:
        return None
    return UNTESTED, f"the dense oracle ends at {100 * reached:.0f} %, and {100 * SOLVED:g} % are needed"


def _gap(found: dict[str, Curve], first: str, second: str, params: ReportParams, purpose: str) -> Estimate:
    """Difference in area, in percentage points."""
    return paired([(found[first].area, found[second].area)], params, purpose).scaled(100)


def _text(gap: Estimate, what: str) -> str:
    return f"{what}: {gap.mean:+.1f} [{gap.low:+.1f}, {gap.high:+.1f}] points of area"


def _ahead(found: dict[str, Curve], params: ReportParams, task: str, rival: str, margin: float) -> Claim:
    """Whether the centred energy is ahead of a rival, or behind it by less than a margin."""
    for name in ("centered_energy", rival):
        if name not in found:
            return "not run", f"needs {name}"
    gap = _gap(found, "centered_energy", rival, params, f"{task} centered - {rival}")
    return verdict(gap.low > -100 * margin, gap.high < -100 * margin), _text(gap, f"centred - {rival}")


def _raw_fails(found: dict[str, Curve], params: ReportParams, task: str) -> Claim:
    final = estimate([found["raw_energy"].at(-1)], params, f"{task} raw_energy")
    shown = final.scaled(100)
    text = f"final success {shown.mean:.1f} [{shown.low:.1f}, {shown.high:.1f}] % against {100 * FAILS:g} %"
    return verdict(final.high < FAILS, final.low >= FAILS), text


def _best(found: dict[str, Curve], params: ReportParams, task: str) -> Claim:
    best = "centered_energy_sparse"
    gaps = {s: _gap(found, best, s, params, f"{task} {best} - {s}") for s in PAPER_SOURCES if s in found and s != best}
    if not gaps:
        return "not run", "needs another source of the paper"
    said = verdict(all(g.low > 0 for g in gaps.values()), any(g.high < 0 for g in gaps.values()))
    closest = min(gaps, key=lambda s: gaps[s].mean)
    return said, _text(gaps[closest], f"over its closest rival, {names.source_name(closest).lower()}")


# source -> what the paper says of it, and how that is judged
CLAIMS: dict[str, tuple[str, Callable[[dict[str, Curve], ReportParams, str], Claim]]] = {
    "sparse": ("sparse reward alone is slow", partial(_ahead, rival="sparse", margin=0.0)),
    "raw_energy": ("raw energy fails", _raw_fails),
    "centered_energy": ("centred energy comes near the dense oracle", partial(_ahead, rival="dense", margin=NEAR)),
    "centered_energy_sparse": ("centred + sparse is the best of the paper's sources", _best),
}
