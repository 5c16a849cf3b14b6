"""Tasks of one's own in params.yaml: every table, and one line for what cannot be."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.pipeline import params, plan
from energyflow.pipeline.code import code
from tests.conftest import ROOT
from tests.pipeline.tree import Tree

REACH = {"demos": "reach.hdf5", "env": {"id": "Reach-v0", "imports": "reach"}, "horizon": 30}
RUN = {
    "methods": ["energyflow", "bc"],
    "sources": [],
    "tasks": ["custom/reach", "metaworld/button_press"],
    "seeds": [0],
    "shape_tasks": [],
    "studies": [],
}


def raw() -> dict[str, Any]:
    """params.yaml with a preset that has a task of one's own beside one of ours."""
    found = yaml.safe_load((ROOT / "params.yaml").read_text())
    found |= {"preset": "mine", "tasks": {"custom/reach": copy.deepcopy(REACH)}}
    found["evaluate"]["nfe_methods"] = ["energyflow"]
    found["presets"]["mine"] = {**found["presets"]["smoke"], "run": copy.deepcopy(RUN)}
    return dict(found)


def test_it_is_evaluated_in_its_own_environment() -> None:
    p = params.resolve(raw())
    mine, ours = p.of("custom/reach").evaluate, p.of("metaworld/button_press").evaluate
    assert mine.env is not None
    assert mine.env.model_dump() == {"id": "Reach-v0", "imports": "reach", "arguments": {}}
    assert (mine.horizon, list(mine.levels), mine.episodes) == (30, ["0"], ours.episodes)
    assert ours.env is None
    assert "env" not in ours.canonical()  # what tasks of ours read is as if there were no others
    assert "energyflow/envs/own.py" in code("evaluate", method="bc", task="custom/reach")


def test_a_presets_entry_of_the_task_wins() -> None:
    given = raw()
    given["presets"]["mine"]["task"] = {"custom/reach": {"evaluate": {"horizon": 7}, "train": {"steps": 9}}}
    found = params.resolve(given).of("custom/reach")
    assert (found.evaluate.horizon, found.train["bc"].steps) == (7, 9)


def test_no_expert_and_no_film_is_asked_of_it() -> None:
    files = [file for files in plan.outputs(params.resolve(raw())).values() for file in files]
    mine = [file for file in files if "custom/reach" in file]
    assert "data/mine/custom/reach/demos.hdf5" in mine
    assert not [file for file in mine if "/expert/" in file or file.endswith(".gif")]
    assert [file for file in files if "/expert/metaworld/button_press/" in file]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tasks": {"pick": REACH}}, "tasks: 'pick': a task of your own is called custom/NAME"),
        ({"tasks": {"custom/reach": {"demos": "x"}}}, "tasks.custom/reach: env: Field required; horizon"),
        ({"tasks": {"custom/reach": REACH | {"demo": "x"}}}, "tasks.custom/reach: unknown key 'demo'"),
        ({"tasks": {}}, "unknown task 'custom/reach'"),
    ],
)
def test_one_line_for_an_entry_that_cannot_be(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        params.resolve(raw() | change)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_method_that_learns_in_the_simulator_is_refused() -> None:
    given = raw()
    given["presets"]["mine"]["run"]["methods"] = ["energyflow", "iq_learn"]
    with pytest.raises(UserError, match="'iq_learn' learns in a simulator of ours, not on custom/reach"):
        params.resolve(given)


@pytest.mark.slow
def test_from_own_demonstrations_to_every_table(tmp_path: Path) -> None:
    tree = Tree.fresh(tmp_path / "project", tiny=False)
    shutil.copy(ROOT / "examples/reach.py", tree.path)
    example = (ROOT / "examples/own_data.py").read_text().partition("main([")[0]
    tree.python(example)
    given = raw()
    given["report"]["bootstrap"] = 100
    tree.write_params(lambda found: (found.clear(), found.update(given)))
    tree.snakemake()
    rows = pd.read_csv(tree.path / "results/mine/tables/success.csv")
    assert {"custom/reach", "metaworld/button_press"} <= set(rows["task"])
    manifest = read_json(tree.path / "data/mine/custom/reach/manifest.json")
    assert (manifest["origin"], manifest["format"], manifest["demos"]) == ("reach.hdf5", "robomimic", 50)
    assert tree.plan() == {}
    (tree.path / "reach.hdf5").touch()
    assert tree.plan()["adopt"] == 1
