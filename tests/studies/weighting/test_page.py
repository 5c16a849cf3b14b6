"""Rows of every job, verdict rules on made-up rows, points in every format, and mistakes that are told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.pipeline.params import resolve as resolve_params
from energyflow.report import point, style
from energyflow.report.page import assemble
from energyflow.studies.registry import STUDIES
from energyflow.studies.verdicts import FAILS, HOLDS, OPEN, UNTESTED
from energyflow.studies.weighting import page, resolve, study
from energyflow.studies.weighting.points import claims
from energyflow.studies.weighting.points.success import CHAIN, IMITATION, Trial
from energyflow.studies.weighting.sections import PointParams
from tests.conftest import ROOT

TASKS = ("metaworld/hammer", "metaworld/bin_picking")
GOOD = {
    "imitation": dict.fromkeys(IMITATION.methods, 0.5)
    | {"clone": 0.1, "energy": 1.0, "renewed": 1.0, "expert_share": 1.0},
    "chain": {"clone": 0.1, "centred": 0.95, "dense": 0.97},
}


def episodes(trial: Trial, success: Mapping[str, float]) -> pd.DataFrame:
    """Twenty episodes a method, task and seed; of each a share succeeds, the same states first."""
    return pd.DataFrame(
        [
            {"subject": task, "seed": seed, "method": method, "episode": episode, "env_seed": 100000 + episode}
            | {"success": int(episode < round(20 * success[method])), "length": 50, "ess": 0.5, "expert_weight": 0.8}
            for task in TASKS
            for seed in range(3)
            for method in trial.methods
            for episode in range(20)
        ]
    )


def tempered(factor: float) -> pd.DataFrame:
    """A temperature of so much of the law, and hardly another for each seed."""
    return pd.DataFrame(
        [
            {"subject": "gaussian2", "dim": 2, "seed": seed, "kind": kind, "renewals": count, "beta": 0.5}
            | {
                "law": (law := 1 / (1 + 0.5 * count)),
                "temperature": law * (1 if kind == "closed" else factor + seed / 500),
            }
            for kind in ("closed", "exact", "learned", "coarse")
            for count in range(4)
            for seed in range(3)
        ]
    )


def rescaled(factor: float) -> pd.DataFrame:
    """A slope of so much of the exact one, which is 1 + beta at the least noise level alone."""
    return pd.DataFrame(
        [
            {"subject": "gaussian2", "dim": 2, "seed": seed, "beta": beta, "sigma": sigma, "correlation": 0.99}
            | {
                "law": 1 + beta,
                "slope_exact": (exact := 1 + beta * (sigma < 0.2)),
                "slope": exact * (factor + seed / 500),
            }
            for beta in (0.5, 1.0)
            for sigma in (0.1, 1.0)
            for seed in range(3)
        ]
    )


def write(root: Path, success: Mapping[str, Mapping[str, float]] = GOOD, factor: float = 1.0) -> list[Path]:
    frames = {trial.check: episodes(trial, success[trial.check]) for trial in (IMITATION, CHAIN)}
    frames |= {"temperature": tempered(factor), "rescaling": rescaled(factor)}
    found = []
    for check, frame in frames.items():
        for seed, part in frame.groupby("seed"):
            path = root / f"results/weighting/check/{check}/any/seed{seed}/rows.csv"
            path.parent.mkdir(parents=True)
            part.to_csv(path, index=False)
            found.append(path)
    return found


@pytest.fixture
def params(laptop: Params) -> PointParams:
    report = laptop.report.model_copy(update={"bootstrap": 200})
    return resolve.point_section(laptop).model_copy(update={"report": report})


def verdicts(paths: list[Path], params: PointParams) -> dict[str, str]:
    return {claim.claim: claim.verdict for claim in claims.judged(paths, params)}


def test_claims_hold_where_the_numbers_say_so(tmp_path: Path, params: PointParams) -> None:
    found = verdicts(write(tmp_path), params)
    assert list(found) == [f"ew{number:02d}" for number in range(1, 14)]
    assert {claim for claim, verdict in found.items() if verdict != HOLDS} <= {"ew06"}  # a tie is undecided
    assert found["ew06"] == OPEN


def test_claims_fail_where_the_numbers_say_so(tmp_path: Path, params: PointParams) -> None:
    bad = GOOD["imitation"] | {"energy": 0.0, "renewed": 0.0}
    found = verdicts(write(tmp_path, {**GOOD, "imitation": bad}, factor=1.5), params)
    assert {found[f"ew{number:02d}"] for number in (*range(1, 6), *range(7, 12))} == {FAILS}
    assert found["ew12"] == HOLDS


@pytest.mark.parametrize(
    "imitation",
    [{"expert_share": 0.7}, {"clone": 0.9, "expert_share": 1.0}],
    ids=["the ceiling does not solve it", "no room below the ceiling"],
)
def test_a_task_without_a_ceiling_or_room_tests_nothing(
    imitation: dict[str, float], tmp_path: Path, params: PointParams
) -> None:
    paths = write(tmp_path, {**GOOD, "imitation": GOOD["imitation"] | imitation})
    found = verdicts(paths, params)
    assert {found[f"ew{number:02d}"] for number in range(1, 8)} == {UNTESTED}
    assert found["ew12"] == HOLDS
    with style.look():
        said = page.build("imitation", paths, params).sentences
    assert said[0].startswith("No task tests a claim.")


def test_every_point_is_written_and_the_page_has_them_all(tmp_path: Path, params: PointParams, laptop: Params) -> None:
    paths, own = write(tmp_path), STUDIES["weighting"]
    outputs: list[Path] = []
    for name in own.points(laptop):
        files = [tmp_path / file for file in own.point_files(laptop) if Path(file).stem == name]
        with style.look():
            found = page.build(name, paths, params)
            point.write(found, 50, files)
        assert len(files) == 7
        assert all(file.stat().st_size for file in files)
        assert all("nan" not in sentence.lower() for sentence in found.sentences)
        outputs += files
    assemble(page.HEAD, outputs, tmp_path / "results/weighting/README.md")
    text = (tmp_path / "results/weighting/README.md").read_text()
    assert "Rules, written before the run" in text
    with pytest.raises(UserError, match="unknown point 'imitatio'"):
        page.build("imitatio", paths, params)


def test_rows_of_every_check_become_points(rows: dict[str, Path], params: PointParams) -> None:
    assert list(rows) == list(study.CHECKS)
    for check, path in rows.items():
        with style.look():
            assert page.build(check, list(rows.values()), params).rows.notna().any().any()
        frame = pd.read_csv(path)
        assert {"subject", "seed"} <= set(frame.columns)
    found = pd.read_csv(rows["imitation"])
    assert set(found["method"]) == set(IMITATION.methods)
    assert set(found.groupby("method")["env_seed"].apply(tuple)) == {(100000, 100001)}  # all meet the same states
    share = found.drop_duplicates("method").set_index("method")
    assert share.loc["clone", "ess"] == pytest.approx(1.0)
    assert share.loc["expert_share", "ess"] == pytest.approx(share.loc["clone", "expert_weight"])
    assert share.loc["expert_share", "expert_weight"] == pytest.approx(1.0)
    assert np.isnan(share.loc["best_of", "ess"])
    assert set(pd.read_csv(rows["chain"])["method"]) == set(CHAIN.methods)


def test_jobs_read_their_own_section_alone(laptop: Params) -> None:
    section = resolve.imitation(laptop)
    assert section.learn.evaluate.seed == laptop.evaluate.seed
    assert section.mixture.horizon == laptop.evaluate.horizon
    assert section.learn.hidden == laptop.train["flow_policy"].network.mlp.hidden  # type: ignore[union-attr]
    assert section.learn.behaviour.steps == laptop.train["flow_policy"].steps
    assert all(own.label_noise is None and not own.burst.chance for own in section.collect.values())
    assert (section.model.obs_horizon, section.model.pred_horizon) == (1, 1)
    tempering = resolve.temperature(laptop)
    assert tempering.learn.hidden == tempering.model.network.mlp.hidden  # type: ignore[union-attr]
    assert tempering.learn.improvement == tempering.improvement


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"imitation": {"tasks": ["metaworld/buton_press"]}}, "unknown task.*button_press"),
        ({"mixture": {"random": 9000}}, r"weighting\.mixture: .* raise states"),
        ({"mixture": {"seed": 95000}}, r"95000 to 124999, meet those of learn\.evaluate\.seed = 100000"),
        ({"temperature": {"experts": ["gausian2"]}}, "unknown expert"),
        ({"rules": {"solvd": 0.5}}, "unknown key 'solvd'"),
    ],
)
def test_mistakes_are_told_before_any_job(changes: dict[str, Any], message: str) -> None:
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    for group, values in changes.items():
        raw["weighting"][group] |= values
    with pytest.raises(UserError, match=message):
        resolve_params(raw)
