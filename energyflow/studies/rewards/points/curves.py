"""Learning curves of each regime, which tasks test anything in it, and differences paired by seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from energyflow.config import layout
from energyflow.report import names
from energyflow.report.comparisons import paired
from energyflow.report.learning import Curve, curves
from energyflow.report.rows import CURVE_COLUMNS, parsed, read_rows
from energyflow.report.statistics import Cell, estimate, measured, numbers
from energyflow.report.summaries import scopes
from energyflow.studies.rewards.resolve import CONTROL, ORACLE, SCRATCH
from energyflow.studies.rewards.sections import PointParams
from energyflow.studies.rewards.study import NAME, RUN
from energyflow.studies.verdicts import Estimate

CENTRED = "centered_energy"
COVERAGE = (
    "Where a seed learns all or nothing, intervals of three seeds with ten episodes each cover the truth in 83 % of"
    " cases, not in 95 %."
)
Pick = Callable[[Curve], Cell]


def area(curve: Curve) -> Cell:
    """Success averaged over the steps covered."""
    return curve.area


def final(curve: Curve) -> Cell:
    """Success at the end."""
    return curve.at(-1)


def drift(curve: Curve) -> Cell:
    """Success at the mark that is best on average, less that at the end: 0 or more on average."""
    return Cell(peak(curve).scores - curve.scores[-1], curve.seeds, curve.states)


def peak(curve: Curve) -> Cell:
    """Success at the mark that is best on average."""
    return curve.at(int(curve.scores.mean(axis=(1, 2)).argmax()))


@dataclass(frozen=True)
class Regime:
    """One agent on the sources.

    Attributes:
        name: of the variant, or `scratch`.
        found: by task and source.
        params: rules, and how intervals are made.
    """

    name: str
    found: Mapping[tuple[str, str], Curve]
    params: PointParams

    @property
    def shown(self) -> bool:
        """Whether its batches hold demonstrations."""
        return bool(self.params.changes.get(self.name, {}).get("demo_share"))

    @property
    def title(self) -> str:
        """What readers see."""
        return "From scratch" if self.name == SCRATCH else names.plain(self.name)

    @property
    def tasks(self) -> list[str]:
        """As they appear."""
        return list(dict.fromkeys(task for task, _ in self.found))

    def has(self, source: str, tasks: Sequence[str]) -> bool:
        """Whether a source was run on all of some tasks."""
        return all((task, source) in self.found for task in tasks)

    def testable(self) -> list[str]:
        """Tasks that test a claim: solved by the oracle, and with demonstrations not without a reward as well."""
        return [task for task in self.tasks if self.has(ORACLE, [task]) and self._tests(task)]

    def _tests(self, task: str) -> bool:
        rules, oracle = self.params.rules, self.found[task, ORACLE]
        if final(oracle).seed_means.mean() < rules.solved - 1e-9:
            return False
        if not self.shown:
            return True
        if not self.has(CONTROL, [task]):
            return False
        lead = area(oracle).seed_means.mean() - area(self.found[task, CONTROL]).seed_means.mean()
        return bool(lead >= rules.near - 1e-9)

    def value(self, source: str, tasks: Sequence[str], pick: Pick) -> Any:
        """A measure of a source over tasks, of which it has all, as `report.statistics.Estimate`."""
        cells = [pick(self.found[task, source]) for task in tasks]
        return estimate(cells, self.params.report, f"{self.name} {' '.join(tasks)} {source} {pick.__name__}")

    def gap(self, first: str, second: str, tasks: Sequence[str], pick: Pick = area) -> Estimate:
        """First less second in percentage points, paired by seed and initial state."""
        pairs = [(pick(self.found[task, first]), pick(self.found[task, second])) for task in tasks]
        purpose = f"{self.name} {' '.join(tasks)} {first} - {second} {pick.__name__}"
        value = paired(pairs, self.params.report, purpose, same_seeds=True).scaled(100)
        return Estimate(value.mean, value.low, value.high)


def read(paths: Sequence[Path], params: PointParams) -> dict[str, Regime]:
    """The regimes by name, `scratch` first."""
    rows: dict[str, list[pd.DataFrame]] = {}
    for path in paths:
        own = parsed(path, f"{NAME}/shape/{RUN}")
        if own is None and parsed(path, layout.SHAPE) is None:
            continue
        rows.setdefault(own["variant"] if own else SCRATCH, []).append(read_rows([path], CURVE_COLUMNS))
    order = [name for name in (SCRATCH, *params.changes) if name in rows]
    return {name: Regime(name, curves(pd.concat(rows[name], ignore_index=True)), params) for name in order}


def split(regimes: Mapping[str, Regime]) -> tuple[list[Regime], list[Regime], list[Regime]]:
    """Those from scratch by any agent, those with demonstrations, and those that differ by the unit alone."""
    scaled = [each for each in regimes.values() if set(each.params.changes.get(each.name, {})) == {"unit"}]
    shown = [each for each in regimes.values() if each.shown]
    return [each for each in regimes.values() if each not in scaled and each not in shown], shown, scaled


def table_rows(regimes: Sequence[Regime]) -> pd.DataFrame:
    """One row a regime, task (and the average over those that test) and source, in percent.

    `final` and `area` with intervals; `behind`: area less the oracle's; `gain`: area less that without reward;
    `testable`: whether the task tests a claim in this regime.
    """
    found = []
    for regime in regimes:
        tested = regime.testable()
        averages = {scope: each for scope, each in scopes(tested).items() if names.is_average(scope)}
        for scope, tasks in ({task: [task] for task in regime.tasks} | averages).items():
            own = names.in_order((source for task, source in regime.found if task in tasks), "source")
            for source in (each for each in own if regime.has(each, tasks)):
                row: dict[str, Any] = {"regime": regime.name, "task": scope, "source": source}
                row |= {"testable": all(task in tested for task in tasks)}
                row |= measured("final", regime.value(source, tasks, final))
                row |= numbers("area", regime.value(source, tasks, area))
                for name, rival in (("behind", ORACLE), ("gain", CONTROL)):
                    row |= against(regime, name, source, rival, tasks)
                found.append(row)
    return pd.DataFrame(found)


def against(
    regime: Regime, name: str, source: str, rival: str, tasks: Sequence[str], pick: Pick = area
) -> dict[str, float | None]:
    """Columns of a difference; empty where the rival was not run, or is the source itself."""
    known = source != rival and regime.has(rival, tasks)
    value = regime.gap(source, rival, tasks, pick) if known else (None, None, None)
    return dict(zip((name, f"{name}_low", f"{name}_high"), value, strict=True))
