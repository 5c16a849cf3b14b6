"""Each way to add a thing is a page of docs/guides, and is carried out to the letter on a copy of the real project."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.colors import to_hex

from tests import guides
from tests.conftest import ROOT
from tests.guides import Reader
from tests.pipeline.tree import TINY, Tree

TASK = "metaworld/button_press"
PRESETS = {"smoke", "laptop", "robomimic", "paper"}
LOOKS = """
import json, sys
from energyflow.report import names, style
kind, = sys.argv[1:]
print(json.dumps({name: style.look_of(name, kind, "colorblind") for name in names.order(kind)}))
"""


def small(raw: dict[str, Any]) -> None:
    """The preset `laptop` with tiny jobs on one task; the other presets are the real ones."""
    own = {key: value for key, value in {**raw["presets"]["smoke"], **TINY}.items() if key != "run"}
    raw["presets"]["laptop"] = own | {"run": {"studies": []}, "full": raw["presets"]["laptop"]["full"]}
    raw["run"] |= {"methods": ["energyflow", "energyflow_paper"], "sources": ["sparse"], "seeds": [0]}
    raw["run"] |= {"tasks": [TASK], "shape_tasks": [TASK]}
    raw["report"]["bootstrap"] = 100


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    tree = Tree.fresh(tmp_path_factory.mktemp("guides") / "project", tiny=False)
    shutil.copytree(ROOT / "tests", tree.path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    tree.write_params(small)
    return tree


@pytest.fixture
def reader(copied: Tree, tmp_path: Path) -> Iterator[Reader]:
    found = Reader(copied.copy(tmp_path / "project"), engine=False)
    yield found
    found.close()


def table(reader: Reader, name: str) -> pd.DataFrame:
    return pd.read_csv(reader.tree.path / f"results/laptop/tables/{name}.csv")


def check_planned(reader: Reader, key: str, name: str, presets: set[str], *, at_once: set[str]) -> None:
    """Presets that run anything of the kind plan a name once they name it; a full grid of `all` does at once."""
    found = reader.planned(key, name)
    assert {where.split()[0] for where in found} == presets
    assert all(each["files"] for each in found.values()), found
    assert {where.split()[0] for where, each in found.items() if each["at once"] and where.endswith("full")} == at_once


def looks(reader: Reader, kind: str) -> dict[str, list[Any]]:
    """Colour and marker of each name."""
    found: dict[str, list[Any]] = json.loads(reader.tree.python(LOOKS, kind))
    return found


def check_looks(reader: Reader, kind: str, names: Sequence[str], figure: str) -> None:
    """Each name has a colour and a marker of its own, and the figure has the colour."""
    known = looks(reader, kind)
    drawn = (reader.tree.path / figure).read_text()
    for name in names:
        for other, (colour, marker) in known.items():
            assert other == name or (colour != known[name][0] and marker != known[name][1]), other
        assert to_hex(known[name][0]) in drawn


def test_a_method(reader: Reader) -> None:
    before = looks(reader, "method")
    reader.follow("add_method.md")
    for name in ("regression", "gail_bc"):
        check_planned(reader, "methods", name, PRESETS, at_once=PRESETS - {"smoke"})
    check_looks(reader, "method", ["regression", "gail_bc"], "results/laptop/figures/success.svg")
    assert before.items() <= looks(reader, "method").items()
    rows = table(reader, "success")
    assert {"regression", "gail_bc"} <= set(rows["method"])
    assert "| Linear regression " in (reader.tree.path / "results/laptop/tables/success.md").read_text()
    trained = json.loads((reader.tree.path / f"runs/{TASK}/regression/seed0/model.json").read_text())
    assert trained["params"]["method_params"] == {"scale": 0.5, "nfe": 1}
    assert trained["params"]["pred_horizon"] == 12


def test_a_mistake_in_the_numbers_of_a_new_method_is_named(reader: Reader) -> None:
    for step in guides.steps("add_method.md")[:2]:
        getattr(reader, step.what)(step)
    for method, flag, message in (
        ("regression", "method.regression.train={pred_horizn: 12}", "pred_horizn"),
        ("regression", "method.regression.nfs=1", "method.regression: unknown key 'nfs'; did you mean 'nfe'?"),
        ("regresion", "method.regression.nfe=2", "unknown method 'regresion'; did you mean 'regression'?"),
    ):
        command = f"train --demos none.hdf5 --task custom/x --dry --method {method} '{flag}'"
        assert message in reader.energyflow(command, status=2)


def test_a_source_of_reward(reader: Reader) -> None:
    reader.follow("add_reward.md")
    for name in ("nearest", "familiar"):
        check_planned(reader, "sources", name, PRESETS - {"robomimic"}, at_once={"laptop", "paper"})
    check_looks(reader, "source", ["nearest", "familiar"], "results/laptop/figures/learning.svg")
    assert {"sparse", "nearest", "familiar"} == set(table(reader, "learning")["source"])
    shown = (reader.tree.path / "results/laptop/tables/learning.md").read_text()
    assert "| Nearest pair " in shown
    assert "| Familiarity " in shown


def test_a_task(reader: Reader) -> None:
    reader.follow("add_task.md")
    check_planned(reader, "tasks", "metaworld/window_open", PRESETS, at_once=set())
    assert "metaworld/window_open" in set(table(reader, "success")["task"])
    assert "Window open" in (reader.tree.path / "results/laptop/tables/success.md").read_text()


def test_a_suite(reader: Reader) -> None:
    reader.follow("add_suite.md")
    check_planned(reader, "tasks", "table/push", PRESETS, at_once=set())
    rows = table(reader, "success")
    assert "table/push" in set(rows["task"])
    assert "| Table " in (reader.tree.path / "results/laptop/tables/ranking.md").read_text()


def test_a_study(reader: Reader) -> None:
    reader.follow("add_study.md")
    for study, point in (("seeds", "seeds"), ("variety", "plans")):
        folder = reader.tree.path / "results" / study
        page = (folder / "README.md").read_text()
        assert f"](figures/{point}.png)" in page
        assert "| EnergyFlow " in page
        check_looks(reader, "method", ["energyflow"], f"results/{study}/figures/{point}.svg")
        assert (reader.tree.path / f"workflow/{study}/dvc.yaml").is_file()
        check_planned(reader, "studies", study, {"smoke", "laptop"}, at_once={"laptop"})


@pytest.mark.parametrize("page", sorted(path.name for path in guides.PAGES.glob("add_*.md")))
@pytest.mark.slow
def test_the_workflow_itself_carries_each_page_out(copied: Tree, tmp_path: Path, page: str) -> None:
    Reader(copied.copy(tmp_path / "project"), engine=True).follow(page)


@pytest.mark.parametrize("page", sorted(path.name for path in guides.PAGES.glob("add_*.md")))
def test_the_code_of_a_page_is_in_the_style_of_the_house(page: str, tmp_path: Path) -> None:
    for step in (step for step in guides.steps(page) if step.what == "write"):
        (tmp_path / Path(step.file).name).write_text(step.text)
    for command in (["format", "--check"], ["check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--config", str(ROOT / "pyproject.toml")]
        ours = ["--config", "lint.isort.known-first-party=['energyflow']"]  # whose files of these pages are not there
        done = subprocess.run([*ruff, *ours, str(tmp_path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_a_block_that_nobody_carries_out_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guides, "PAGES", tmp_path)
    (tmp_path / "page.md").write_text("Also edit this:\n\n```python\nx = 1\n```\n")
    with pytest.raises(ValueError, match="no test carries out the block after 'Also edit this:'"):
        guides.steps("page.md")
