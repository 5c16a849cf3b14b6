"""The pilot: who starts from whom, what is planned, and the point that is made of its episodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.offline.methods.registry import METHODS
from energyflow.report import point, style
from energyflow.studies.offline import page, pilot, study
from energyflow.studies.offline.sections import OfflineParams, OfflineVerdicts
from energyflow.studies.registry import STUDIES


@pytest.fixture(scope="module")
def own(smoke: Params) -> OfflineParams:
    found = study.offline_of(smoke)
    return found.model_copy(update={"pilot": found.pilot.model_copy(update={"seeds": [0, 1, 2]})})


def test_without_seeds_there_is_no_pilot(smoke: Params) -> None:
    assert study.PILOT not in study.points(smoke)
    assert not any(study.owned(smoke).values())


def test_every_method_finds_its_parts_in_the_plan(own: OfflineParams, smoke: Params) -> None:
    assert set(own.pilot.methods) == set(METHODS)
    pilot.check(own)
    p = smoke.model_copy(update={"studies": {"offline": own}})
    owned = study.owned(p)
    sets = len(own.recording.environments) * len(own.pilot.qualities)
    assert len(owned["offline_learn"]) == sets * 3 * len(METHODS) * len(pilot.CHECKPOINT)
    assert len(study.rows(p, study.PILOT)) == sets * 3 * len(METHODS)
    assert study.points(p)[-1] == study.PILOT
    assert len(set(owned["offline_record"])) == len(own.recording.environments) * len(
        pilot.JOBS["offline_record"].files
    )


def test_nobody_starts_from_itself_and_the_order_ends() -> None:
    def depth(method: str) -> int:
        return 1 + max((depth(other) for other in pilot.starts_from(method)), default=0)

    assert {method: depth(method) for method in ("bc", "iql", "best_of", "qipo_ot", "qgpo")} == {
        **{"bc": 1, "iql": 1, "best_of": 2},
        **{"qipo_ot": 3, "qgpo": 3},
    }
    for method in METHODS:
        assert depth(method) <= 3


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"methods": ["qipo_ot"]}, "offline.pilot.methods: 'qipo_ot' starts from the run of 'bc'; list that too"),
        ({"methods": ["qippo_ot"]}, "unknown offline method 'qippo_ot'; did you mean 'qipo_ot'"),
        ({"qualities": ["medum"]}, "offline.pilot.qualities: unknown quality 'medum'; did you mean 'medium'"),
    ],
)
def test_what_does_not_go_together_is_named(own: OfflineParams, entry: dict[str, list[str]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        pilot.check(own.model_copy(update={"pilot": own.pilot.model_copy(update=entry)}))


def test_the_point_says_where_qipo_is_above(own: OfflineParams, smoke: Params, tmp_path: Path) -> None:
    """Made-up episodes, in which QIPO-OT is 50 above cloning in one data set, and 50 below in the other."""
    rng, files = np.random.default_rng(0), []
    for quality, gain in (("medium", 50.0), ("medium-replay", -50.0)):
        for method in ("bc", "qipo_ot"):
            for seed in range(3):
                value = 20.0 + (gain if method == "qipo_ot" else 0.0) + rng.normal(size=4)
                rows = pd.DataFrame({"return": value, "normalised_own": value, "normalised_d4rl": value - 1})
                named = {
                    "task": "Hopper-v5",
                    "method": method,
                    "seed": seed,
                    "dataset": f"made-here/hopper/{quality}-v0",
                }
                files.append(tmp_path / quality / method / f"seed{seed}" / "episodes.csv")
                files[-1].parent.mkdir(parents=True)
                rows.assign(**named).to_csv(files[-1], index=False)
    params: OfflineVerdicts = study.verdicts(smoke, "toys").model_copy(update={"dpi": 60})
    with style.look():
        made = page.build(study.PILOT, files, params)
        point.write(made, params.dpi, [tmp_path / f"pilot.{suffix}" for suffix in ("csv", "md", "json", "png")])
    assert "QIPO-OT returns more than Behaviour cloning (flow) in 1 of 2 data sets and less in 1" in made.sentences[0]
    frame = pd.read_csv(tmp_path / "pilot.csv")
    best = frame[(frame["method"] == "qipo_ot") & (frame["quality"] == "medium")].iloc[0]
    assert best["normalised_own"] == pytest.approx(70.0, abs=1.0)
    assert best["seeds"] == 3


def test_stages_name_jobs_that_the_command_line_has() -> None:
    from energyflow.pipeline.jobs import JOBS

    assert all(job.entry in JOBS for job in STUDIES["offline"].jobs.values())
