"""Each way to add a thing is a page of docs/guides, and is carried out to the letter on a copy of the real project."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
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
FULL = ("laptop full", "robomimic full", "paper full")
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


def own_look(reader: Reader, kind: str, name: str, figure: str) -> None:
    """A colour of its own, and with its marker a look of its own; and the figure has it."""
    looks = json.loads(reader.tree.python(LOOKS, kind))
    others = [look for other, look in looks.items() if other != name]
    assert looks[name] not in others
    assert looks[name][0] not in [colour for colour, _ in others]
    assert to_hex(looks[name][0]) in (reader.tree.path / figure).read_text()


def test_a_method(reader: Reader) -> None:
    before = json.loads(reader.tree.python(LOOKS, "method"))
    reader.follow("add_method.md")
    for name in ("regression", "gail_bc"):
        planned = reader.planned("methods", name)
        assert all(planned.values()), planned
        own_look(reader, "method", name, "results/laptop/figures/success.svg")
    assert {name: json.loads(reader.tree.python(LOOKS, "method"))[name] for name in before} == before
    rows = table(reader, "success")
    assert {"regression", "gail_bc"} <= set(rows["method"])
    shown = (reader.tree.path / "results/laptop/tables/success.md").read_text()
    assert "| Linear regression " in shown
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
        planned = reader.planned("sources", name)
        assert {key for key, files in planned.items() if files} >= {"smoke core", "laptop core", *FULL[::2]}
        own_look(reader, "source", name, "results/laptop/figures/learning.svg")
    assert {"sparse", "nearest", "familiar"} == set(table(reader, "learning")["source"])
    shown = (reader.tree.path / "results/laptop/tables/learning.md").read_text()
    assert "| Nearest pair " in shown
    assert "| Familiarity " in shown


def test_a_task(reader: Reader) -> None:
    reader.follow("add_task.md")
    planned = reader.planned("tasks", "metaworld/window_open")
    assert all(planned.values()), planned
    assert "metaworld/window_open" in set(table(reader, "success")["task"])
    assert "Window open" in (reader.tree.path / "results/laptop/tables/success.md").read_text()


def test_a_suite(reader: Reader) -> None:
    reader.follow("add_suite.md")
    planned = reader.planned("tasks", "table/push")
    assert all(planned.values()), planned
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
        own_look(reader, "method", "energyflow", f"results/{study}/figures/{point}.svg")
        assert (reader.tree.path / f"workflow/{study}/dvc.yaml").is_file()
    presets = {name for name, files in reader.planned("studies", "seeds").items() if files}
    assert presets == {"smoke core", "smoke full", "laptop core", "laptop full"}  # those that have studies


@pytest.mark.parametrize("page", sorted(path.name for path in guides.PAGES.glob("add_*.md")))
@pytest.mark.slow
def test_the_workflow_itself_carries_each_page_out(copied: Tree, tmp_path: Path, page: str) -> None:
    Reader(copied.copy(tmp_path / "project"), engine=True).follow(page)


def test_a_block_that_nobody_carries_out_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guides, "PAGES", tmp_path)
    (tmp_path / "page.md").write_text("Also edit this:\n\n```python\nx = 1\n```\n")
    with pytest.raises(ValueError, match="no test carries out the block after 'Also edit this:'"):
        guides.steps("page.md")
