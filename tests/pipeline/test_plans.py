"""After a complete run: nothing to do in either engine; every change re-plans exactly what depends on it."""

from __future__ import annotations

import re
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from energyflow.pipeline import params
from energyflow.studies.ablations import study as ablations
from energyflow.studies.registry import STUDIES
from tests.pipeline.test_dag import ablations_jobs, counts, jobs, theory_jobs
from tests.pipeline.tree import ALL_REPORTS, DRAWN, ROOT, Tree, reports

LEARNING = reports(tables="learning", figures="learning")
# what the checkpoint of a method that is trained in the simulator changes: it is in no NFE sweep
ONLINE = {"train_online": 1, "evaluate": 1, "latency": 1}
ONLINE |= reports(tables="success ranking ood ood_differences cost claims_cost", figures="success ood loss time")
SUCCESS = reports(
    tables="success ranking ood ood_differences nfe cost claims_cost", figures="success ood nfe loss time"
)
# What every job passes through before its own module is called; its command line is tracked instead.
ENTRANCE = {f"energyflow/cli/{path.name}" for path in (ROOT / "energyflow/cli").glob("*.py")}
ENTRANCE |= {"energyflow/datasets/collect.py", "energyflow/pipeline/jobs.py", "energyflow/studies/offline/pilot.py"}
ONE_CHECK = {"theory_check": 1, "theory_point": 1, "theory_rows": 1, "theory": 1}


def faster(raw: dict[str, Any]) -> None:
    """Another learning rate of one method."""
    raw["method"]["flow_policy"] = {"train": {"lr": 5.0e-4}}


def tiny(raw: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = raw["presets"]["tiny"]
    return found


def test_nothing_to_do_after_a_run(finished: Tree) -> None:
    assert finished.plan("all", "theory") == {}
    assert finished.changed() == set()
    assert finished.engines("check").stdout == ""
    assert finished.executed(0.0) == jobs(finished.params) | theory_jobs(finished.params)
    assert finished.run("git", "status", "--porcelain").stdout == ""


def test_jobs_import_what_snakemake_has_as_their_inputs(finished: Tree) -> None:
    """The logs of the real run list every import: each is an input of its job, however it came to be imported."""
    inputs = {record_of["log"][0]: set(record_of["input"]) for record_of in finished.records() if record_of["log"]}
    seen = 0
    for log, known in inputs.items():
        path = finished.path / log
        text = path.read_text() if path.exists() else ""
        modules = {m for m in re.findall(r"^import time:.*\| +(energyflow[\w.]*)$", text, re.M) if counts(m)}
        files = {m.replace(".", "/") + ".py" for m in modules} - ENTRANCE
        assert files <= known, f"{log}: no input {sorted(files - known)}"
        seen += bool(files)
    assert seen > 30


@pytest.mark.parametrize(
    ("edit", "plan", "stages"),
    [
        pytest.param(
            faster,
            {"train": 1, "evaluate": 1, "nfe": 1, "latency": 1} | SUCCESS,
            {"train", "reward_model"},  # DVC takes sections as one; Snakemake does not
            id="learning rate of one method",
        ),
        pytest.param(
            lambda raw: raw["plots"]["nfe"].update(dpi=70),
            reports(figures="nfe", others=False),
            {"report"},
            id="option of one figure",
        ),
        pytest.param(
            lambda raw: raw["source"].update(centered_energy={"references": 3}),
            {"shape": 1} | LEARNING,
            {"shape", "train"},  # DVC cannot know that no method here learns from this source; Snakemake does
            id="number of one source",
        ),
        pytest.param(
            lambda raw: raw["source"].update(gail={"gradient_penalty": 3.0}),
            {},
            {"shape", "train"},
            id="number of a source that is not run",
        ),
        pytest.param(
            lambda raw: raw["online"].update(demo_share=0.25),
            ONLINE,
            {"train"},
            id="share of demonstrations",
        ),
        pytest.param(
            lambda raw: raw["shape"].update(demo_share=0.25),
            {"shape": 2} | ONLINE | LEARNING,
            {"shape", "train"},
            id="demonstrations in every replay",
        ),
        pytest.param(
            lambda raw: raw["shape"].update(batch_size=64),
            {"shape": 2} | ONLINE | LEARNING,
            {"shape", "train"},
            id="agent",
        ),
        pytest.param(
            lambda raw: tiny(raw)["run"].update(seeds=[7]),
            {"train": 2, "train_online": 1, "evaluate": 3, "nfe": 2, "latency": 3, "reward_model": 2, "shape": 2}
            | ALL_REPORTS,
            None,
            id="seed replaced",
        ),
        pytest.param(
            lambda raw: tiny(raw)["run"]["tasks"].append("metaworld/drawer_open"),
            {"collect": 1, "expert": 1, "train": 2, "train_online": 1, "reward_model": 1, "evaluate": 3, "nfe": 2}
            | SUCCESS,
            None,
            id="task added",
        ),
        pytest.param(
            lambda raw: raw["evaluate"].update(
                nfe_methods=tiny(raw)["run"].update(methods=["energyflow"]) or ["energyflow"]
            ),
            SUCCESS | LEARNING | reports(figures="landscape"),  # what is said of the methods is passed to each
            None,
            id="method dropped",
        ),
        pytest.param(
            lambda raw: (
                raw["presets"]["laptop"]["train"].update(steps=5),
                raw.update(reversed([(key, raw.pop(key)) for key in list(raw)])),
            ),
            {},
            set(),
            id="inactive preset edited, keys reordered",
        ),
    ],
)
def test_a_change_plans_what_depends_on_it(
    finished: Tree, edit: Any, plan: dict[str, int], stages: set[str] | None
) -> None:
    with finished.edited():
        finished.write_params(edit)
        assert finished.plan() == plan
        if stages is not None:
            assert finished.changed() == stages


@pytest.mark.parametrize(
    ("file", "plan"),
    [
        ("energyflow/report/statistics.py", DRAWN),
        ("energyflow/rewards/energy.py", {"shape": 1} | LEARNING),
        ("energyflow/agents/sac.py", {"shape": 2} | ONLINE | LEARNING),
        ("energyflow/rewards/ebil.py", ONLINE),
        # that they are declared for the same jobs as ebil.py: test_dag.py
        pytest.param("energyflow/agents/online.py", ONLINE, marks=pytest.mark.slow),
        pytest.param("energyflow/policies/soft_actor.py", ONLINE, marks=pytest.mark.slow),
        ("energyflow/policies/flow_policy.py", {"train": 1, "evaluate": 1, "nfe": 1, "latency": 1} | SUCCESS),
    ],
)
def test_a_change_of_code_plans_what_runs_it(finished: Tree, file: str, plan: dict[str, int]) -> None:
    with finished.edited(file) as path:
        path.write_text(path.read_text() + "# a comment\n")
        assert finished.plan() == plan


def test_code_that_no_job_runs_plans_nothing(finished: Tree) -> None:
    """All at once: what any of them planned would be seen."""
    files = (
        "agents/iq_learn_online.py",
        "rewards/gail.py",
        "studies/theory/models.py",
        "cli/job.py",
        "config/sections.py",
    )
    with ExitStack() as edits:
        for file in files:
            path = edits.enter_context(finished.edited(f"energyflow/{file}"))
            path.write_text(path.read_text() + "# a comment\n")
        assert finished.plan() == {}


@pytest.mark.parametrize(
    ("edit", "plan", "stages"),
    [
        pytest.param(
            lambda raw: raw["theory"]["baseline"].update(sigma=0.2),
            ONE_CHECK,
            {"theory_check", "theory_model", "theory"},  # DVC takes the section as one; Snakemake does not
            id="number of one check",
        ),
        pytest.param(
            lambda raw: tiny(raw)["theory"]["recovery"].update(experts=["mixture2", "gaussian1"]),
            {"theory_model": 2} | ONE_CHECK,
            {"theory_check", "theory_model", "theory"},
            id="expert added to one check",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            lambda raw: raw["plots"]["theory"].update(dpi=70),
            {"theory_point": 8, "theory": 1},
            {"theory"},
            id="option of its figures",
        ),
        pytest.param(
            lambda raw: tiny(raw)["run"].update(seeds=[7]),
            {"train": 1} | ONE_CHECK,
            None,
            id="policies of another seed",
            marks=pytest.mark.slow,
        ),
        pytest.param(faster, {}, None, id="policy that it ignores"),
    ],
)
def test_a_change_plans_what_depends_on_it_in_the_theory(
    finished: Tree, edit: Any, plan: dict[str, int], stages: set[str] | None
) -> None:
    with finished.edited():
        finished.write_params(edit)
        assert finished.plan("theory") == plan
        if stages is not None:
            assert finished.plan() == {}
            assert finished.changed() == stages


@pytest.mark.parametrize(
    ("file", "plan"),
    [
        ("energyflow/studies/theory/checks/baseline.py", ONE_CHECK),
        ("energyflow/studies/theory/experts/misfits.py", {"theory_model": 1} | ONE_CHECK),
        pytest.param("energyflow/studies/theory/page.py", {"theory": 1}, marks=pytest.mark.slow),
        pytest.param("energyflow/agents/sac.py", {}, marks=pytest.mark.slow),
    ],
)
def test_a_change_of_code_plans_what_runs_it_in_the_theory(finished: Tree, file: str, plan: dict[str, int]) -> None:
    with finished.edited(file) as path:
        path.write_text(path.read_text() + "# a comment\n")
        assert finished.plan("theory") == plan


@pytest.mark.slow
def test_the_theory_runs(scratch: Tree) -> None:
    """All that `finished` pretends; `make smoke` runs the same rules, after `make test` (.ci/run)."""
    shutil.rmtree(scratch.path / "results/theory")
    scratch.snakemake("theory")
    assert scratch.plan("all", "theory") == {}
    page = (scratch.path / STUDIES["theory"].page("tiny")).read_text()
    assert all(f'<a id="{name}"></a>' in page for name in STUDIES["theory"].points(scratch.params))


@pytest.mark.slow
def test_ablations_run_and_follow_a_change(scratch: Tree) -> None:
    """From the tiny preset's results to their page, in both engines; then one axis alone is made again."""
    scratch.snakemake("ablations")
    assert scratch.executed(0.0).items() >= ablations_jobs(scratch.params).items()
    assert scratch.plan("all", "ablations") == {}
    page = (scratch.path / STUDIES["ablations"].page("tiny")).read_text()
    assert all(f'<a id="{point}"></a>' in page for point in ablations.points(scratch.params))
    scratch.engines("commit")
    assert scratch.engines("check").stdout == ""
    changes = {
        ("gamma", 0.2): ("sample", "evaluate"),
        ("references", 8): ("shape",),
        ("activation", "mish"): ("train", "evaluate", "gradients"),
    }
    for (axis, value), rules in changes.items():
        with scratch.edited():
            scratch.write_params(lambda raw, a=axis, v=value: tiny(raw)["ablations"]["axes"][a].update(values=[v]))
            planned = {f"ablations_{rule}": 1 for rule in (*rules, "point", "rows")} | {"ablations": 1}
            assert scratch.plan("ablations") == planned
    with scratch.edited():
        scratch.write_params(lambda raw: raw["plots"]["ablations"].update(dpi=70))
        assert scratch.plan("ablations") == {"ablations_point": len(ablations.points(scratch.params)), "ablations": 1}
        assert scratch.plan() == {}


def test_a_clone_with_a_remote_has_nothing_to_do(scratch: Tree, tmp_path: Path) -> None:
    scratch.dvc("remote", "add", "--default", "store", str(tmp_path / "remote"))
    scratch.commit()
    scratch.dvc("push")
    scratch.run("git", "clone", "--quiet", str(scratch.path), str(tmp_path / "clone"))
    clone = Tree(tmp_path / "clone")
    clone.dvc("pull", "--allow-missing")  # of the ablations, which were never run, there is nothing
    assert clone.plan("all", "theory") == {}
    assert clone.changed() == set()
    clone.write_params(faster)  # and it sees what changes from here
    assert clone.plan() == {"train": 1, "evaluate": 1, "nfe": 1, "latency": 1} | SUCCESS


def test_a_clone_without_a_remote_runs_everything(finished: Tree, tmp_path: Path) -> None:
    finished.run("git", "clone", "--quiet", str(finished.path), str(tmp_path / "clone"))
    clone = Tree(tmp_path / "clone")
    assert (clone.path / "results/tiny/tables/success.csv").exists()
    assert clone.plan() == jobs(params.load(clone.path / "params.yaml"))


def test_a_clone_without_data_says_what_a_change_would_run(finished: Tree, tmp_path: Path) -> None:
    finished.run("git", "clone", "--quiet", str(finished.path), str(tmp_path / "clone"))
    clone = Tree(tmp_path / "clone")

    def would_run() -> set[str]:
        return set(re.findall(r"Running stage '(\w+)'", clone.dvc("repro", "--dry", "--allow-missing").stdout))

    assert would_run() <= {"provenance"}  # Snakemake's records are of one machine
    clone.write_params(faster)
    assert would_run() - {"provenance"} == {"train", "reward_model"}  # what they lead to, DVC cannot know before
