"""The section `rewards` of params.yaml, typed, and what its jobs read of it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from energyflow.config.section import Section
from energyflow.config.sections import Count, Names, ReportParams, Seeds, ShapeParams, Share, Steps


class Rules(Section):
    """Verdict rules, fixed before the run: shares of success, of area or of rank.

    Attributes:
        solved: final success of the oracle from which a task tests anything.
        near: of area, by which a source may lie behind the oracle and still come near it; with demonstrations also by
            which the oracle has to lead the control without reward, for a task to test anything.
        plateau: of final success, by which the raw energy has to end below the centred one.
        drift: of success between peak and end, by which the centred energy has to lose more than the oracle.
        ranks: rank correlation from which a source counts as ranking.
    """

    solved: Share
    near: Share
    plateau: Share
    drift: Share
    ranks: Share


class Variant(Section):
    """Another agent on the sources.

    Attributes:
        sources: those of them that the preset runs on any grid.
        tasks: some of those of the study, by default all.
        shape: what is otherwise than in the section `shape`, key by key.
    """

    sources: Names | Literal["all"] = "all"
    tasks: Names | None = None
    shape: dict[str, Any] = Field(min_length=1)


class RankingGrid(Section):
    """What is ranked, and by whom.

    Attributes:
        seeds: of the reward models and the judge; of these, those that the preset has.
        judge: the agent, a variant or `scratch`, that is trained on the dense reward, on a seed that no result shares.
        steps: of the simulator, for which it is trained.
        states: drawn from the first, the middle and the last third of its replay each, and from the demonstrations.
        draws: of the judge in each state, and as many uniform actions.
        episodes: at most, of the replay, evenly spread.
        updates: of a source that changes beside an agent, on the finished replay.
    """

    seeds: Seeds
    judge: str
    steps: Steps
    states: Count
    draws: int = Field(ge=2, le=1000)
    episodes: Count
    updates: int = Field(ge=0, le=10**6)


class RewardsParams(Section):
    """Everything behind results/rewards.

    Attributes:
        tasks: of the variants and of the ranking; of the preset's own runs, those where it tries rewards on any grid.
        seeds: likewise.
        variants: by name.
        ranking: see `RankingGrid`.
        rules: see `Rules`.
    """

    tasks: Names = Field(min_length=1)
    seeds: Seeds
    variants: dict[str, Variant]
    ranking: RankingGrid
    rules: Rules


class RankingParams(RankingGrid):
    """What a job of the ranking reads: as above, the sections of the judges by task, and the numbers of each source."""

    judges: dict[str, ShapeParams]
    sources: dict[str, dict[str, Any]]


class PointParams(Section):
    """How rows become a point.

    Attributes:
        rules: see `Rules`.
        changes: variant -> what of `shape` is otherwise.
        unit: that of the preset.
        report: intervals.
        dpi: of the figure.
        palette: likewise.
    """

    rules: Rules
    changes: dict[str, dict[str, Any]]
    unit: float
    report: ReportParams
    dpi: int = Field(ge=50, le=600)
    palette: str
