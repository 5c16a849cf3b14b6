"""The pilot: who starts from whom, what is planned, and the point that is made of its episodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.core.files import write_json
from energyflow.offline.methods.registry import METHODS
from energyflow.report import point, style
from energyflow.studies.offline import page, pilot, study
from energyflow.studies.offline.points import returns
from energyflow.studies.offline.sections import OfflineParams, OfflineVerdicts
from energyflow.studies.registry import STUDIES
from energyflow.studies.verdicts import FAILS, HOLDS, OPEN, UNTESTED, Estimate


@pytest.fixture(scope="module")
def own(laptop: Params) -> OfflineParams:
    found = study.offline_of(laptop)
    return found.model_copy(update={"pilot": found.pilot.model_copy(update={"seeds": [0, 1, 2]})})


def test_without_seeds_there_is_no_pilot(laptop: Params) -> None:
    assert study.PILOT not in study.points(laptop)
    assert not any(study.owned(laptop).values())


def test_every_learner_finds_its_parts_in_the_plan(own: OfflineParams, laptop: Params) -> None:
    assert set(own.pilot.methods) == set(METHODS)
    pilot.check(own)
    p = laptop.model_copy(update={"studies": {"offline": own}})
    owned = study.owned(p)
    environments, policies = len(own.recording.environments), len(METHODS) + len(own.pilot.supports)
    sets = environments * len(own.pilot.qualities)
    assert len(owned["offline_learn"]) == sets * 3 * policies * len(pilot.CHECKPOINT)
    assert len(study.rows(p, study.PILOT)) == sets * 3 * policies + environments
    assert set(study.rows(p, study.PILOT)) < set(study.rows(p, study.CLAIMS))
    assert study.points(p)[-1] == study.PILOT
    assert len(set(owned["offline_record"])) == environments * len(pilot.JOBS["offline_record"].files)


def test_a_learner_with_another_support_differs_in_nothing_else(own: OfflineParams) -> None:
    assert pilot.learners(own)[-2:] == ["qipo_ot_m16", "qipo_ot_m64"]
    assert (pilot.method_of("qipo_ot_m64"), pilot.support_of("qipo_ot_m64")) == ("qipo_ot", 64)
    assert (pilot.method_of("qipo_ot"), pilot.support_of("qipo_ot")) == ("qipo_ot", None)
    assert pilot.numbers(own, "qipo_ot") == own.rl
    wider = pilot.numbers(own, "qipo_ot_m64")
    assert wider.improvement == own.rl.improvement.model_copy(update={"support": 64})
    assert wider.model_copy(update={"improvement": own.rl.improvement}) == own.rl
    assert pilot.starts_from("qipo_ot_m64") == pilot.starts_from("qipo_ot")


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
        (
            {"methods": ["qipo_ot"], "supports": []},
            "offline.pilot.methods: 'qipo_ot' starts from the run of 'bc'; list that too",
        ),
        ({"methods": ["qippo_ot"], "supports": []}, "unknown offline method 'qippo_ot'; did you mean 'qipo_ot'"),
        ({"methods": ["bc"]}, "offline.pilot.supports: are of 'qipo_ot'; list that in offline.pilot.methods"),
        ({"supports": [32]}, "offline.pilot.supports: offline.rl.improvement.support is 32 already; leave it out"),
        ({"qualities": ["medum"]}, "offline.pilot.qualities: unknown quality 'medum'; did you mean 'medium'"),
    ],
)
def test_what_does_not_go_together_is_named(own: OfflineParams, entry: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        pilot.check(own.model_copy(update={"pilot": own.pilot.model_copy(update=entry)}))


Returns = dict[str, float]  # learner -> mean return, own scale
EQUAL = {"qipo_ot": 60.0, "efm": 50.0, "best_of": 50.0, "bc": 30.0, "qipo_ot_m16": 40.0, "qipo_ot_m64": 70.0}


def made_up(root: Path, sets: dict[str, Returns], ceiling: float = 50.0, seeds: int = 3) -> list[Path]:
    """Episodes of learners on data sets of Hopper, and the manifest of its recording; 0 and 100 are 0 and 1000."""
    rng, files = np.random.default_rng(0), []
    for quality, means in sets.items():
        for learner, mean in means.items():
            for seed in range(seeds):
                value = mean + seed + 0.1 * rng.normal(size=4)
                file = root / f"results/offline/rollouts/Hopper-v5/{quality}/{learner}/seed{seed}/episodes.csv"
                file.parent.mkdir(parents=True)
                frame = {"return": 10.0 * value, "normalised_own": value, "normalised_d4rl": value - 1.0}
                pd.DataFrame(frame).to_csv(file, index=False)
                files.append(file)
    manifest = root / "results/offline/record/Hopper-v5/manifest.json"
    sets_of = {quality: {"ceiling": 10.0 * ceiling} for quality in sets}
    write_json(manifest, {"random": 0.0, "expert": 1000.0, "sets": sets_of})
    return [manifest, *files]


@pytest.fixture(scope="module")
def params(smoke: Params) -> OfflineVerdicts:
    return study.verdicts(smoke, "toys").model_copy(update={"dpi": 60})


def verdicts(files: list[Path], params: OfflineVerdicts) -> list[str]:
    return [one.verdict for one in returns.judged(files, params)]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, [HOLDS, HOLDS, HOLDS]),
        ({"best_of": 70.0}, [FAILS, HOLDS, HOLDS]),  # one baseline is enough
        ({"efm": 70.0}, [HOLDS, FAILS, HOLDS]),
        ({"qipo_ot_m16": 80.0}, [HOLDS, HOLDS, FAILS]),
        ({"best_of": 60.0}, [OPEN, HOLDS, HOLDS]),
    ],
)
def test_verdicts_follow_the_returns(
    change: Returns, found: list[str], params: OfflineVerdicts, tmp_path: Path
) -> None:
    assert verdicts(made_up(tmp_path, {"medium": EQUAL | change}), params) == found


def test_returns_below_the_datas_ceiling_decide_nothing(params: OfflineVerdicts, tmp_path: Path) -> None:
    assert verdicts(made_up(tmp_path, {"medium": EQUAL}, ceiling=90.0), params) == [OPEN] * 3


def test_one_seed_decides_nothing(params: OfflineVerdicts, tmp_path: Path) -> None:
    assert verdicts(made_up(tmp_path, {"medium": EQUAL}, seeds=1), params) == [OPEN] * 3


def test_what_was_not_run_is_not_testable(params: OfflineVerdicts, tmp_path: Path) -> None:
    few = {name: EQUAL[name] for name in ("qipo_ot", "efm")}
    assert verdicts(made_up(tmp_path, {"medium": few}), params) == [UNTESTED, HOLDS, UNTESTED]


def test_equal_returns_are_no_gain() -> None:
    assert returns.improves(Estimate(0.0, 0.0, 0.0)) == FAILS


def test_the_point_says_where_qipo_is_above(params: OfflineVerdicts, tmp_path: Path) -> None:
    """QIPO-OT is 50 above cloning in one data set, and 50 below in the other."""
    sets = {"medium": {"bc": 20.0, "qipo_ot": 70.0}, "medium-replay": {"bc": 70.0, "qipo_ot": 20.0}}
    with style.look():
        made = page.build(study.PILOT, made_up(tmp_path, sets), params)
        point.write(made, params.dpi, [tmp_path / f"pilot.{suffix}" for suffix in ("csv", "md", "json", "png")])
    assert made.sentences[0].startswith("Verdicts: QIPO improves on the baselines on D4RL (qi07): ")
    assert "QIPO-OT returns more than Behaviour cloning (flow) in 1 of 2 data sets and less in 1" in made.sentences[1]
    frame = pd.read_csv(tmp_path / "pilot.csv")
    best = frame[(frame["learner"] == "qipo_ot") & (frame["quality"] == "medium")].iloc[0]
    assert best["normalised_own"] == pytest.approx(71.0, abs=1.0)
    assert (best["seeds"], best["ceiling"]) == (3, 50.0)


def test_stages_name_jobs_that_the_command_line_has() -> None:
    from energyflow.pipeline.jobs import JOBS

    assert all(job.entry in JOBS for job in STUDIES["offline"].jobs.values())
