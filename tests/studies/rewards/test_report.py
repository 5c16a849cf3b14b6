"""Verdict rules on made-up rows, and figures that show them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.report import names, point, style
from energyflow.report.comparisons import paired
from energyflow.report.learning import Curve
from energyflow.rewards.registry import SOURCES
from energyflow.studies.registry import STUDIES
from energyflow.studies.rewards import page, resolve, study
from energyflow.studies.rewards.points import curves
from energyflow.studies.rewards.sections import PointParams
from energyflow.studies.verdicts import FAILS, HOLDS, OPEN, UNTESTED
from tests.report import drawn
from tests.report.synthetic import write

Success = Callable[[study.Run], float]
STEPS = (2000, 4000, 6000, 8000)
RANKS = dict.fromkeys(SOURCES, 0.6) | {"raw_energy": 0.1}  # across states


def curve_rows(run: study.Run, success: float) -> list[dict[str, Any]]:
    """Ten episodes at each mark, which succeed with a probability that grows to `success` until half of the steps."""
    rng = np.random.default_rng([sum(map(ord, run.source)), run.seed])
    return [
        {"task": run.task, "source": run.source, "seed": run.seed, "step": step, "episode": episode}
        | {"success": int(rng.random() < success * min(1.0, 2.0 * step / STEPS[-1]))}
        for step in STEPS
        for episode in range(10)
    ]


def ranking_rows(task: str, seed: int, judge: float, ranks: Mapping[str, float]) -> list[dict[str, Any]]:
    about = {"subject": task, "seed": seed}
    itself = {"success": judge, "drawn": 0.96, "surpassed": 0.8, "demonstrated": 0.7}
    rows = [about | {"source": "judge", "measure": name, "value": value, "n": 10} for name, value in itself.items()]
    for source, across in ranks.items():
        given = {
            "within": 0.7,
            "uniform": 0.6,
            "across": across + 0.01 * seed,
            "demonstrated": 0.9,
            "trajectories": 0.4,
        }
        rows += [about | {"source": source, "measure": name, "value": value, "n": 8} for name, value in given.items()]
    return rows


def write_rows(
    p: Params, name: str, root: Path, success: Success, judge: float = 1.0, ranks: Mapping[str, float] = RANKS
) -> list[Path]:
    runs = {study.outputs(p, run)[0]: run for run in (*study.runs(p), *study.added(p))}
    keys = {STUDIES["rewards"].check_files(p, key)[0]: key for key in study.ranked(p)}
    for file in study.rows_of(p, name):
        if file in runs:
            write(root / file, curve_rows(runs[file], success(runs[file])))
        else:
            write(root / file, ranking_rows(keys[file].subject, keys[file].seed, judge, ranks))
    return [root / file for file in study.rows_of(p, name)]


def section(p: Params) -> PointParams:
    found = resolve.point_section(p)
    return found.model_copy(update={"report": p.report.model_copy(update={"bootstrap": 200})})


def build(p: Params, name: str, root: Path, success: Success, **more: Any) -> point.Point:
    with style.look():
        return page.build(name, write_rows(p, name, root, success, **more), section(p))


def verdicts(found: point.Point, column: str = "verdict") -> dict[str, str]:
    return dict(zip(found.rows["claim"], found.rows[column], strict=True))


def level(**by: float) -> Success:
    """Success by source; where it is not named that of the centred energy, with no reward 0."""
    return lambda run: by.get(run.source, 0.0 if run.source == "constant" else by["centered_energy"])


GOOD = level(
    dense=1.0, centered_energy=1.0, raw_energy=0.2, sparse=0.3, gail=0.2, airl=0.3, likelihood=0.2,
    centered_energy_sparse=1.0,
)  # fmt: skip


def test_no_claim_is_tested_where_the_oracle_solves_a_third(laptop: Params, tmp_path: Path) -> None:
    found = build(laptop, "claims", tmp_path, level(dense=0.33, centered_energy=0.3), judge=0.33)
    for column in ("verdict", "with_demonstrations_verdict"):
        told = verdicts(found, column)
        assert {word for claim, word in told.items() if claim != "ef06"} == {UNTESTED}
    assert verdicts(found)["ef06"] == UNTESTED
    assert list(found.rows["claim"]) == ["ef06", "ef14", "ef15", "ef16", "ef17", "ef18", "ef25"]


def test_verdicts_follow_the_rows(laptop: Params, tmp_path: Path) -> None:
    good = verdicts(build(laptop, "claims", tmp_path / "good", GOOD))
    assert {claim: good[claim] for claim in ("ef06", "ef14", "ef15", "ef17", "ef18")} == dict.fromkeys(
        ("ef06", "ef14", "ef15", "ef17", "ef18"), HOLDS
    )
    assert good["ef16"] in (OPEN, HOLDS)  # level with the centred energy
    assert good["ef25"] != HOLDS  # nothing drifts
    poor = level(dense=1.0, centered_energy=0.3, raw_energy=0.9, sparse=0.9, gail=0.9, airl=0.9, likelihood=0.9)
    bad = verdicts(build(laptop, "claims", tmp_path / "bad", poor, ranks=dict.fromkeys(SOURCES, 0.6)))
    for claim in ("ef06", "ef14", "ef15", "ef16", "ef17", "ef18"):
        assert bad[claim] == FAILS, claim


def test_the_lead_that_decides_is_the_one_that_is_shown(laptop: Params, tmp_path: Path) -> None:
    """Centred + sparse leads everywhere, and the centred energy does not lead sparse."""
    slow = level(dense=1.0, centered_energy=0.2, centered_energy_sparse=1.0, sparse=0.6, raw_energy=0.2)
    found = build(laptop, "claims", tmp_path, slow).rows.set_index("claim").loc["ef16"]
    assert found["verdict"] == FAILS
    assert found["number"] < 0.0


def test_with_demonstrations_the_oracle_has_to_lead_the_control(laptop: Params, tmp_path: Path) -> None:
    found = build(laptop, "claims", tmp_path, lambda run: 1.0 if run.variant == "demonstrations" else GOOD(run))
    told = verdicts(found, "with_demonstrations_verdict")
    assert {word for claim, word in told.items() if claim != "ef06"} == {UNTESTED}
    assert verdicts(found)["ef14"] == HOLDS


def test_differences_are_paired_by_seed(laptop: Params) -> None:
    rng = np.random.default_rng(0)
    base = np.array([0.1, 0.5, 0.9])[None, :, None] + np.zeros((2, 3, 10))
    behind = base - 0.05 + 0.005 * rng.standard_normal(base.shape)
    first, second = (Curve((1, 2), scores, (0, 1, 2), tuple(range(10))) for scores in (behind, base))
    regime = curves.Regime("scratch", {("t/a", "gail"): first, ("t/a", "dense"): second}, section(laptop))
    gap = regime.gap("gail", "dense", ["t/a"])
    assert gap.high < 0
    apart = paired([(first.area, second.area)], section(laptop).report, "not paired")
    assert apart.low < 0 < apart.high


def test_drift_is_what_is_lost_after_the_peak(laptop: Params) -> None:
    scores = np.array([0.0, 1.0, 0.4])[:, None, None] + np.zeros((3, 3, 10))
    curve = Curve((1, 2, 3), scores, (0, 1, 2), tuple(range(10)))
    assert curves.drift(curve).scores == pytest.approx(0.6)
    steady = Curve((1, 2, 3), np.sort(scores, axis=0), (0, 1, 2), tuple(range(10)))
    assert not curves.drift(steady).scores.any()


@pytest.fixture(scope="module")
def full(laptop: Params, tmp_path_factory: pytest.TempPathFactory) -> dict[str, point.Point]:
    root = tmp_path_factory.mktemp("rewards")
    return {name: build(laptop, name, root / name, GOOD) for name in study.points(laptop)}


def test_every_point_has_a_readable_figure_and_says_its_intervals(full: dict[str, point.Point]) -> None:
    assert list(full) == ["claims", "scratch", "demonstrations", "unit", "ranking", "drift"]
    for name, found in full.items():
        drawn.check_readable(found.figure)
        if name != "ranking":
            assert "83 %" in found.table.caption, name
        if name != "claims":
            headers = [column.header for column in found.table.columns]
            assert {"n", "Seeds"} <= set(headers), name
            assert "95 %" in found.table.caption, name


def test_the_bounded_energy_is_held_against_what_an_end_at_success_says(laptop: Params, tmp_path: Path) -> None:
    reached = level(dense=1.0, centered_energy=1.0, centered_energy_bounded=0.9, step_cost=0.6)
    said = build(laptop, "demonstrations", tmp_path, reached).sentences[0]
    assert "Centred energy, bounded, less cost of each step, in area: " in said
    assert re.search(r"on average \d+\.\d \[", said)


def test_the_figure_of_training_shows_the_curves_and_the_areas(full: dict[str, point.Point]) -> None:
    found = full["demonstrations"]
    task = "metaworld/drawer_open"
    title = f"Demonstrations\n{names.task_label(task)}"
    left = drawn.panel(found.figure, title)
    shown = drawn.lines(left)
    assert len(shown) == len(SOURCES)
    for source, top in (("dense", 1.0), ("gail", 0.2)):
        rows = [row for seed in (0, 1, 2) for row in curve_rows(study.Run("", task, source, seed), top)]
        expected = [100.0 * np.mean([row["success"] for row in rows if row["step"] == step]) for step in STEPS]
        line = shown[names.source_name(source)]
        assert list(line[:, 1]) == pytest.approx(expected)
        assert list(line[:, 0]) == list(STEPS)
    right = found.figure.axes[found.figure.axes.index(left) + 1]
    own = found.rows[found.rows["task"] == task].reset_index(drop=True)
    marks = [float(c.lines[0].get_xdata()[0]) for c in right.containers]
    assert marks == pytest.approx(list(own["area"]))
    (control,) = [line for line in right.lines if line.get_linestyle() == ":"]
    assert control.get_xdata()[0] == pytest.approx(float(own.loc[own["source"] == "constant", "area"].iloc[0]))


def test_the_figure_of_claims_has_a_filled_and_a_hollow_mark_for_each(full: dict[str, point.Point]) -> None:
    found = full["claims"]
    (axes,) = found.figure.axes
    marks = np.concatenate([drawn.points(line) for line in axes.lines if len(line.get_xdata())])
    assert len(marks) == len(found.rows) + len(found.rows) - 1  # no agent decides ef06


def test_an_unknown_point_is_named(laptop: Params) -> None:
    with pytest.raises(UserError, match="did you mean 'drift'"):
        page.build("drif", [], section(laptop))
