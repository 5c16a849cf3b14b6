"""Verdicts follow the numbers; every point has a table, a figure and words; bad params are told before any job."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from energyflow.cli import main
from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.offline.sets import SETS
from energyflow.pipeline import params as params_module
from energyflow.report import point, style
from energyflow.report.page import assemble
from energyflow.studies.offline import page, study
from energyflow.studies.offline.points import acting, classifier_free, field, gradient, toys
from energyflow.studies.offline.points.claims import judged
from energyflow.studies.offline.sections import OfflineVerdicts
from energyflow.studies.registry import STUDIES
from energyflow.studies.verdicts import FAILS, HOLDS, OPEN, UNTESTED, VERDICTS, Estimate, at_least, at_most, every, near
from tests.conftest import ROOT

SUFFIXES = ("csv", "md", "tex", "json", "png")


@pytest.fixture(scope="session")
def params(smoke: Params) -> OfflineVerdicts:
    return study.verdicts(smoke, "toys").model_copy(update={"dpi": 60})


def files(rows: dict[str, list[Path]], name: str) -> list[Path]:
    return [file for check in study.POINTS[name] for file in rows[check]]


def edited(paths: list[Path], tmp_path: Path, change: Any) -> list[Path]:
    """The same rows, changed, at paths of the same form."""
    found = []
    for path in paths:
        out = tmp_path / Path(*path.parts[path.parts.index("results") :])
        out.parent.mkdir(parents=True)
        change(pd.read_csv(path)).to_csv(out, index=False)
        found.append(out)
    return found


def test_verdicts() -> None:
    low, wide, one = Estimate(0.5, 0.4, 0.6), Estimate(0.5, 0.0, 1.0), Estimate(0.5, math.nan, math.nan)
    assert [at_most(low, limit) for limit in (0.7, 0.3)] == [HOLDS, FAILS]
    assert [at_least(low, limit) for limit in (0.3, 0.7)] == [HOLDS, FAILS]
    assert [near(low, target, 0.2) for target in (0.5, 1.0, 0.7)] == [HOLDS, FAILS, OPEN]
    assert {at_most(wide, 0.5), at_least(wide, 0.5), near(wide, 0.5, 0.1)} == {OPEN}
    assert {at_most(one, 1.0), at_least(one, 0.0), near(one, 0.5, 1.0)} == {OPEN}  # one seed decides nothing
    assert [every(HOLDS, HOLDS), every(HOLDS, OPEN), every(OPEN, FAILS)] == [HOLDS, OPEN, FAILS]


def test_every_point_is_written_and_the_page_holds_them(
    rows: dict[str, list[Path]], params: OfflineVerdicts, tmp_path: Path
) -> None:
    written = []
    with style.look():
        for name in study.POINTS:
            outputs = [tmp_path / f"{name}.{suffix}" for suffix in SUFFIXES]
            point.write(page.build(name, files(rows, name), params), params.dpi, outputs)
            written += outputs
    assert all(path.stat().st_size > 0 for path in written)
    assemble(page.HEAD, written, tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text()
    assert all(f"{name}.png" in text for name in study.POINTS)
    claims = pd.read_csv(tmp_path / "claims.csv")
    assert claims["claim"].tolist() == [f"qi{number:02d}" for number in range(1, 11)]
    assert set(claims["verdict"]) <= set(VERDICTS)
    assert set(claims.loc[claims["verdict"] == UNTESTED, "claim"]) == {"qi07", "qi08", "qi09"}


def test_a_field_that_differs_does_not_hold(
    rows: dict[str, list[Path]], params: OfflineVerdicts, tmp_path: Path
) -> None:
    def off(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(error=frame["error"] * 0 + 1e-3)

    assert field.judged(edited(rows["field"], tmp_path, off), params).verdict == FAILS


def test_gradients_that_do_not_meet_do_not_hold(
    rows: dict[str, list[Path]], params: OfflineVerdicts, tmp_path: Path
) -> None:
    exact = edited(rows["gradient"], tmp_path / "exact", lambda f: f.assign(error=f["samples"] ** -0.5))
    assert {one.verdict for one in gradient.judged(exact, params)} == {HOLDS}
    flat = edited(rows["gradient"], tmp_path / "flat", lambda f: f.assign(error=1.0))
    assert {one.verdict for one in gradient.judged(flat, params)} == {FAILS}


def test_guidance_that_is_exact_everywhere_contradicts_the_claim(
    rows: dict[str, list[Path]], params: OfflineVerdicts, tmp_path: Path
) -> None:
    frame = pd.concat(map(pd.read_csv, rows["classifier_free"]))
    exact = frame.assign(mean_error=0.0, spread=1.0)
    assert classifier_free.exactness(exact, params) == FAILS
    paper = exact.assign(mean_error=0.5 * (exact["beta"] != 1.0))
    assert classifier_free.exactness(paper, params) == HOLDS


def test_a_better_classifier_free_guidance_contradicts_the_claim(
    rows: dict[str, list[Path]], params: OfflineVerdicts
) -> None:
    frame = toys.measured(rows["toys"])
    w2 = frame["method"].map({"cfg": 1.0, "ed": 0.2}).fillna(0.5)
    assert toys.behind(frame.assign(sliced_w2=w2), params).low > 0
    assert toys.behind(frame.assign(sliced_w2=1.2 - w2), params).high < 0


@pytest.mark.parametrize(
    ("ot", "diff", "verdict"), [(0.7, 0.5, HOLDS), (0.7, 0.1, FAILS), (0.5, 0.5, FAILS), (None, 0.5, OPEN)]
)
def test_slower_actions_than_published_contradict_the_claim(
    rows: dict[str, list[Path]], params: OfflineVerdicts, tmp_path: Path, ot: float | None, diff: float, verdict: str
) -> None:
    """Of two repetitions that agree but for a thousandth; None: that differ by far."""

    def told(frame: pd.DataFrame) -> pd.DataFrame:
        apart = 1.0 * frame["seed"]
        straight = 0.1 + 0.8 * apart if ot is None else ot + 1e-3 * apart
        value = frame["faster"].where(frame["method"] != "qipo_ot", straight)
        return frame.assign(faster=value.where(frame["method"] != "qipo_diff", diff + 1e-3 * apart))

    assert acting.judged(edited(rows["acting"], tmp_path, told), params).verdict == verdict


def test_all_claims_are_judged_from_all_rows(rows: dict[str, list[Path]], params: OfflineVerdicts) -> None:
    found = judged(files(rows, "claims"), params)
    assert all(one.quantity and one.limit and one.text for one in found)


def test_the_light_list_of_sets_is_that_of_the_room() -> None:
    assert tuple(SETS) == study.SETS


def test_the_grid_of_the_laptop(laptop: Params) -> None:
    own = study.offline_of(laptop)
    keys = STUDIES["offline"].every_check(laptop)
    assert len(keys) == len(set(keys)) == len(own.seeds) * (len(own.toys.sets) + 10)
    assert 99 not in own.seeds  # of the learning rate's trials


@pytest.mark.parametrize(
    ("toys", "said"),
    [
        ({"sets": ["moon"]}, r"offline\.toys\.sets: unknown set 'moon'.*moons"),
        ({"group": 60}, r"offline\.toys: fit\.batch_size 256 is no multiple of group 60"),
        ({"betas": [200.0]}, r"offline\.toys\.betas: swissroll has no law at 200"),
        ({"beta": [1.0]}, "beta"),
        ({"fit": {"lr": -1.0}}, "lr"),
    ],
)
def test_bad_params_are_told_in_one_line(toys: dict[str, Any], said: str) -> None:
    raw = params_module.read(ROOT / "params.yaml")
    raw["presets"]["laptop"]["offline"] = {"toys": toys}
    with pytest.raises(UserError, match=said) as error:
        params_module.resolve(raw, preset="laptop")
    assert "\n" not in str(error.value)


def test_a_check_without_inputs_runs_from_the_command_line(smoke: Params, tmp_path: Path) -> None:
    """The rule writes `--inputs` with nothing after it."""
    section = STUDIES["offline"].checks["support"].section(smoke).canonical()
    told = ["check", "offline", "support", "--subject", "normal", "--seed", "0", "--params", section]
    main(["job", *told, "--inputs", "--out", str(tmp_path)])
    assert len(pd.read_csv(tmp_path / "rows.csv")) == len(study.offline_of(smoke).support.offsets)
