"""What must never pass unnoticed: lost records, unsafe links, corrupt caches, two runs at once, kills."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from energyflow.cli import main
from energyflow.pipeline import engines, params, plan, records
from energyflow.pipeline.dvcfile import stage_file
from tests.conftest import ROOT
from tests.pipeline.test_dag import jobs
from tests.pipeline.test_plans import LEARNING, SUCCESS, faster, tiny
from tests.pipeline.tree import Tree, reports


def drop(raw: dict[str, Any]) -> None:
    tiny(raw)["run"]["methods"] = raw["evaluate"]["nfe_methods"] = ["energyflow"]


def models(tree: Tree) -> dict[str, str]:
    files = sorted(tree.path.glob("results/tiny/**/model.safetensors"))
    return {str(f.relative_to(tree.path)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_lost_records_stop_every_engine(scratch: Tree) -> None:
    shutil.rmtree(scratch.path / ".snakemake/metadata")
    scratch.write_params(faster)
    for done in (
        scratch.snakemake("-n", ok=False),
        scratch.engines("guard", ok=False),
        scratch.dvc("repro", ok=False),
    ):
        said = done.stdout + done.stderr
        assert done.returncode != 0
        assert "dvc checkout .snakemake/metadata" in said
        assert "Traceback" not in said
    scratch.dvc("checkout", ".snakemake/metadata")
    assert scratch.plan() == {"train": 1, "evaluate": 1, "nfe": 1, "latency": 1} | SUCCESS


def test_report_of_an_older_state_is_made_again(scratch: Tree) -> None:
    """Tables and figures that came with git, newer than results whose report never ran here."""
    for file in plan.outputs(scratch.params)[plan.REPORT]:
        record = scratch.path / records.record(file)
        record.unlink()
        (scratch.path / file).touch()
    assert set(scratch.plan()) == {name for name in jobs(scratch.params) if name.startswith(("table", "figure"))} | {
        "plots",
        "metrics",
        "rows",
    }


def test_commit_refuses_stale_outputs(scratch: Tree) -> None:
    before = (scratch.path / "dvc.lock").read_text()
    scratch.write_params(faster)
    done = scratch.engines("commit", ok=False)
    assert done.returncode == 2
    assert "still has work" in done.stderr
    assert (scratch.path / "dvc.lock").read_text() == before


def test_a_stage_without_jobs_has_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC refuses to commit an output that does not exist: the pilot offline, before it has seeds."""
    p = params.load(ROOT / "params.yaml", "laptop")
    monkeypatch.chdir(tmp_path)
    engines._make_folders(["offline_record", plan.REPORT], p)
    assert Path("results/offline/record").is_dir()
    assert Path("results/laptop/tables").is_dir()


def test_orphans_move_away_and_resume_points_stay(scratch: Tree) -> None:
    point = scratch.path / "results/tiny/train/metaworld/button_press/energyflow/seed0/resume.safetensors"
    point.write_bytes(b"x")
    scratch.write_params(
        lambda raw: (
            tiny(raw)["run"].update(methods=["energyflow"]),
            tiny(raw)["evaluate"].update(nfe_methods=["energyflow"]),
        )
    )
    assert "results prune" in scratch.engines("check", ok=False).stdout
    scratch.engines("prune")
    assert not list(scratch.path.glob("results/tiny/*/**/flow_policy"))
    assert list(scratch.path.glob(".snakemake/orphans/*/results/tiny/train/**/flow_policy/**/model.safetensors"))
    assert point.exists()


def test_grids_share_their_rows_and_not_their_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    core, full = (params.load(grid=grid) for grid in params.GRIDS)
    assert not set(plan.outputs(core)["report"]) & set(plan.outputs(full)["report"])
    few, many = (set(plan.outputs(p)["train"]) for p in (core, full))
    assert few & many  # rows of the same method, task and seed are trained once
    assert few - many  # tasks
    assert many - few  # methods
    stray = "results/laptop/train/metaworld/hammer/nobody/seed0/model.json"
    for file in (stray, *few, *many, *plan.outputs(full)["report"]):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).touch()
    assert records.orphans(core) == records.orphans(full) == [stray]


def test_times_sums_the_records_of_finished_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    p = params.load(preset="robomimic", grid="full")
    runs = [file for file in plan.outputs(p)["train"] if file.endswith("run.json")]
    for file in runs[:2]:
        Path(file).parent.mkdir(parents=True)
        Path(file).write_text(json.dumps({"wall_seconds": 2700.0, "cpu_seconds": 1.0}))
    assert records.times(p) == [("train", 2, len(runs), 1.5)]
    assert main(["results", "times", "--preset", "robomimic", "--grid", "full"]) == 0
    assert "1.50 h of one core" in capsys.readouterr().out


def test_links_into_the_cache_are_refused(scratch: Tree) -> None:
    scratch.dvc("config", "--local", "cache.type", "hardlink")
    for command in ("check", "commit"):
        done = scratch.engines(command, ok=False)
        assert done.returncode == 2
        assert "reflink,copy" in done.stderr


def test_a_deep_check_finds_what_time_stamps_hide(scratch: Tree) -> None:
    """In DVC's cache, and in an output that was flipped without its time changing."""
    assert scratch.engines("check", "--deep").stdout == ""
    victim = max((f for f in scratch.path.glob(".dvc/cache/files/md5/??/*")), key=lambda f: f.stat().st_size)
    model = next(scratch.path.glob("results/tiny/train/**/model.safetensors"))
    for path in (victim, model):
        before = path.stat()
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"!")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    done = scratch.engines("check", "--deep", ok=False)
    assert done.returncode == 1
    assert victim.name in done.stdout
    assert str(model.relative_to(scratch.path)) in done.stdout


def test_a_checkout_that_cannot_be_committed_is_told_before_a_run(scratch: Tree, tmp_path: Path) -> None:
    assert scratch.engines("ready").returncode == 0
    (scratch.path / "data").rename(tmp_path / "big")
    (scratch.path / "data").symlink_to(tmp_path / "big")
    assert "dvc cache dir" in scratch.engines("ready", ok=False).stderr
    shutil.rmtree(scratch.path / ".git")
    assert "git init" in scratch.engines("ready", ok=False).stderr
    assert "git init" in scratch.engines("commit", ok=False).stderr


def test_metrics_and_plots_are_shown(scratch: Tree) -> None:
    lines = scratch.dvc("metrics", "show").stdout.splitlines()
    assert {"sample", "mean", "L", "area"} <= set(lines[0].split())
    assert {"results/tiny/metrics/flow_policy.json", "results/tiny/metrics/sac/sparse.json"} <= {
        line.split()[0] for line in lines[1:]
    }
    assert max(map(len, lines)) <= 120  # a terminal
    page = (scratch.path / scratch.engines("plots").stdout.strip()).read_text()
    assert page.count('"name": "flow_policy"') > 0
    assert "src=" not in re.sub("<script>.*?</script>", "", page, flags=re.S)


def start(tree: Tree, *command: str) -> subprocess.Popen[bytes]:
    """Start a run in a process group of its own, and return once its first job runs."""
    group = subprocess.Popen(
        command,
        cwd=tree.path,
        env=tree.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not any((tree.path / ".snakemake/incomplete").glob("*")):
        assert group.poll() is None, "the run ended before its first job"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return group


def test_two_runs_at_once_and_a_killed_run(scratch: Tree) -> None:
    """The second run says which process it waits for; after a kill -9 the same command does the rest."""
    scratch.write_params(lambda raw: raw["plots"]["nfe"].update(dpi=70))
    first = start(scratch, sys.executable, "-m", "snakemake", "--cores", "1")
    os.killpg(first.pid, signal.SIGSTOP)  # a job that takes its time
    second = scratch.snakemake(ok=False)
    stage = scratch.stage("report", ok=False)
    for refused in (second, stage):
        said = refused.stdout + refused.stderr
        assert refused.returncode != 0
        assert "the workflow is being run by process" in said
        assert "Traceback" not in said
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    since = scratch.clock()
    scratch.snakemake()
    assert scratch.executed(since) == reports(figures="nfe", others=False)
    assert scratch.plan() == {}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["dvc repro", "snakemake, commit", "snakemake, dvc repro"])
def test_a_learning_rate_runs_its_method_alone(scratch: Tree, mode: str) -> None:
    before, since = models(scratch), scratch.clock()
    scratch.write_params(faster)
    if mode.startswith("snakemake"):
        scratch.snakemake()
    if mode.endswith("repro"):
        scratch.dvc("repro")
    else:
        scratch.engines("commit")
    assert scratch.executed(since) == {"train": 1, "evaluate": 1, "nfe": 1, "latency": 1} | SUCCESS
    assert scratch.engines("check").stdout == ""
    after = models(scratch)
    assert {f for f in after if after[f] != before[f]} == {f for f in after if "flow_policy" in f}


@pytest.mark.slow
def test_dropping_a_method_runs_reports_alone(scratch: Tree) -> None:
    since = scratch.clock()
    scratch.write_params(
        lambda raw: (
            tiny(raw)["run"].update(methods=["energyflow"]),
            tiny(raw)["evaluate"].update(nfe_methods=["energyflow"]),
        )
    )
    scratch.dvc("repro")
    redrawn = SUCCESS | LEARNING | reports(figures="landscape")  # what is said of the methods is passed to each
    assert scratch.executed(since) == redrawn
    scratch.dvc("repro", stage_file("theory"))  # it looks at no policy of that method: DVC cannot know
    assert scratch.executed(since) == redrawn
    assert scratch.engines("check").stdout == ""


@pytest.mark.slow
def test_bit_identical_data_stop_the_change(scratch: Tree) -> None:
    """DVC sees that the demonstrations did not change, although the code that made them did."""
    since = scratch.clock()
    file = scratch.path / "energyflow/datasets/scripted.py"
    file.write_text(file.read_text() + "# a comment\n")
    scratch.dvc("repro", "collect")
    assert scratch.executed(since) == {"collect": 1}
    scratch.dvc("repro")
    assert scratch.engines("check").stdout == ""


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["snakemake", "dvc"])
def test_kill_in_the_middle_converges(finished: Tree, tmp_path: Path, engine: str) -> None:
    tree = Tree.fresh(tmp_path / "project")
    command = ["snakemake", "--cores", "1"] if engine == "snakemake" else ["dvc", "repro"]
    group = start(tree, sys.executable, "-m", *command)
    deadline = time.monotonic() + 300
    while not models(tree):
        assert group.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(group.pid, signal.SIGKILL)
    group.wait()
    if engine == "dvc":
        tree.dvc("repro")
    else:
        tree.snakemake()
        tree.engines("commit")
    assert tree.engines("check").stdout == ""
    assert models(tree) == models(finished)
