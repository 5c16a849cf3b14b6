"""Packed rows: a clone goes on from them as from its own, and what other code or numbers made is no result there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from energyflow.cli import main
from energyflow.config import layout
from energyflow.core.errors import UserError
from energyflow.pipeline import params, plan, records, rows
from energyflow.report import archive
from tests.conftest import ROOT
from tests.pipeline.test_plans import LEARNING, SUCCESS, faster, tiny
from tests.pipeline.tree import ALL_REPORTS, Tree

FOLDER = Path("results/tiny/rows")
FLOW = "results/tiny/evaluate/metaworld/button_press/flow_policy/seed0"
DRAWN_AGAIN = {rule: 1 for rule in ALL_REPORTS if rule != "landscape"}


def small(tree: Tree) -> dict[str, bytes]:
    """Rows and records of every run of the target `all`."""
    files = [f for stage, found in plan.stages(tree.params).items() if stage != plan.REPORT for f in found]
    return {file: (tree.path / file).read_bytes() for file in layout.small(files)}


def clone(tree: Tree, path: Path) -> Tree:
    tree.run("git", "clone", "--quiet", str(tree.path), str(path))
    return Tree(path)


def here(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Work in a tree; what its archive holds, by file."""
    monkeypatch.chdir(tree.path)
    return packed(tree)


def packed(tree: Tree) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (tree.path / FOLDER).iterdir()}


def repack(tree: Tree) -> rows.Count:
    p = tree.params
    return rows.pack(p, str(FOLDER), plan.archives(p)[str(FOLDER)])


def test_a_clone_goes_on_from_packed_rows(finished: Tree, tmp_path: Path) -> None:
    """Byte for byte, without a job; what would be new meets the same demonstrations, made again."""
    tree = clone(finished, tmp_path / "clone")
    tree.write_params(lambda raw: tiny(raw)["run"].update(studies=[]))
    said = tree.engines("unpack").stdout
    assert said == f"{FOLDER}: 18 run(s), beside 0 as they were\n"
    assert tree.engines("unpack").stdout == f"{FOLDER}: 0 run(s), beside 18 as they were\n"
    assert small(tree) == small(finished)
    assert tree.plan() == DRAWN_AGAIN
    drawn = tree.engines("tables").stdout
    assert drawn.splitlines()[-1].endswith("files drawn: all as in git"), drawn
    tree.snakemake()
    assert tree.plan() == {}
    assert packed(tree) == packed(finished)  # what it took from there
    for command in ("check", "commit"):
        done = tree.engines(command, ok=False)
        assert done.returncode
        assert "DVC versions whole results" in done.stdout + done.stderr
        assert len((done.stdout + done.stderr).splitlines()) == 1
    tree.snakemake("stage_collect")
    assert tree.plan() == {}
    flow = {"train": 1, "evaluate": 1, "nfe": 1, "latency": 1} | SUCCESS
    with tree.edited():
        tree.write_params(faster)
        assert tree.plan() == flow
    with tree.edited("energyflow/policies/flow_policy.py") as path:
        path.write_text(path.read_text() + "# a comment\n")
        assert tree.plan() == flow
    with tree.edited("energyflow/rewards/energy.py") as path:
        path.write_text(path.read_text() + "# a comment\n")
        assert tree.plan() == {"reward_model": 1, "shape": 1} | LEARNING  # whose checkpoint did not come along


def test_packing_keeps_what_is_not_here(scratch: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    before = here(scratch, monkeypatch)
    for file in Path(FLOW).iterdir():
        file.unlink()
    count = repack(scratch)
    assert (count.moved, count.kept, count.absent) == (17, 1, [])
    assert packed(scratch) == before
    assert main(["results", "unpack"]) == 0
    assert small(scratch) == {file: text.encode() for file, text in archive.read(FOLDER).texts.items()}


def test_what_is_here_replaces_what_was_packed(scratch: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    here(scratch, monkeypatch)
    record = Path(FLOW, "run.json")
    content = json.loads(record.read_text()) | {"wall_seconds": 12345.0}
    record.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    repack(scratch)
    assert json.loads(archive.read(FOLDER).texts[str(record)])["wall_seconds"] == 12345.0


def test_a_run_that_is_not_whole_is_not_packed(scratch: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is made again just now, one without a record, and one that lacks a file."""
    here(scratch, monkeypatch)
    again = records.record(f"{FLOW}/episodes.csv", records.INCOMPLETE)
    again.parent.mkdir(exist_ok=True)
    again.touch()
    records.record("results/tiny/latency/flow_policy/run.json").unlink()
    Path("results/tiny/expert/metaworld/button_press/run.json").unlink()
    assert repack(scratch).kept == 3
    for path in FOLDER.iterdir():
        path.unlink()
    absent = [FLOW, "results/tiny/latency/flow_policy", "results/tiny/expert/metaworld/button_press"]
    assert sorted(repack(scratch).absent) == sorted(absent)
    assert not {Path(file).parent.as_posix() for file in archive.read(FOLDER).texts} & set(absent)
    with pytest.raises(UserError, match=r"3 run\(s\) are neither here nor packed, e\.g\. results/tiny/"):
        rows.pack_finished("tiny", "core", FOLDER)


def test_runs_that_no_rule_makes_any_more_are_dropped(scratch: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    here(scratch, monkeypatch)
    scratch.write_params(
        lambda raw: (
            tiny(raw)["run"].update(methods=["energyflow"]),
            raw["evaluate"].update(nfe_methods=["energyflow"]),
        )
    )
    repack(scratch)
    found = archive.read(FOLDER)
    assert not [file for file in [*found.texts, *found.records] if "flow_policy" in file]
    assert [file for file in found.texts if "/energyflow/" in file]


def test_changed_rows_are_not_packed(scratch: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    before = here(scratch, monkeypatch)
    path = Path(FLOW, "episodes.csv")
    path.write_text(path.read_text().replace(",0,", ",1,"))
    with pytest.raises(UserError, match=f"{path}: not the 8 rows that its job wrote"):
        repack(scratch)
    assert packed(scratch) == before


def test_another_run_in_the_place_of_a_packed_one_is_left_alone(scratch: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a file of the same run that is gone comes back alone."""
    here(scratch, monkeypatch)
    record, episodes = Path(FLOW, "run.json"), Path(FLOW, "episodes.csv")
    text = episodes.read_text()
    episodes.unlink()
    assert main(["results", "unpack"]) == 0
    assert episodes.read_text() == text
    record.write_text("{}\n")
    episodes.unlink()
    assert main(["results", "unpack"]) == 0
    assert record.read_text() == "{}\n"
    assert not episodes.exists()


def test_a_damaged_archive_is_one_line(
    scratch: Tree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here(scratch, monkeypatch)
    path = FOLDER / "evaluate_episodes.csv.gz"
    path.write_bytes(path.read_bytes()[:-9])
    for command in ("unpack", "pack", "tables"):
        assert main(["results", command]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"error: {path}: damaged")
        assert said.count("\n") == 1


def test_each_row_of_a_preset_has_one_place() -> None:
    for preset in ("laptop", "robomimic"):
        core, full = (params.load(ROOT / "params.yaml", preset, grid) for grid in params.GRIDS)
        parts = [plan.archives(p)[plan.archive(p)] for p in (core, full)]
        first, second = ({f for files in part.values() for f in files} for part in parts)
        assert not first & second
        owned = plan.stages(full)
        assert {f for stage, files in owned.items() if stage != plan.REPORT for f in files} <= first | second


def test_there_is_something_to_draw_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert main(["results", "tables"]) == 2
    assert main(["results", "unpack"]) == 0
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_committed_tables_are_those_of_the_committed_rows(tmp_path: Path) -> None:
    """Every table and figure of every archive in git, drawn again in a clone; without any, that is what is said."""
    git = Tree(ROOT)
    packed = git.run("git", "ls-files", "--", "results/*/rows/*.gz").stdout
    tree = clone(git, tmp_path / "clone")
    done = tree.engines("tables", ok=False)
    said = done.stdout + done.stderr
    assert (done.returncode == 0) == bool(packed), said
    assert ("files drawn: all as in git" if packed else "no rows are packed") in said
    assert "not as in git" not in said, said
    pages = git.run("git", "ls-files", "--", "results/*/README.md").stdout.split()
    drawn = [Path(page).parent for page in pages if f"{Path(page).parent}/rows/" in packed]
    assert not [folder for folder in drawn if f"{folder}: not drawn" in said], said


def test_unpacked_files_are_older_than_any_code(scratch: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that Snakemake compares digests of the code."""
    here(scratch, monkeypatch)
    for file in Path(FLOW).iterdir():
        file.unlink()
    assert main(["results", "unpack"]) == 0
    code = [os.stat(file).st_mtime for file in Path("energyflow").rglob("*.py")]
    assert max(os.stat(file).st_mtime for file in Path(FLOW).iterdir()) < min(code)
