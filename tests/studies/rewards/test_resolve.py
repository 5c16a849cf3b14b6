"""Variants: what they change, what they leave, and how their mistakes are told."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.pipeline import plan
from energyflow.pipeline.params import resolve as resolve_params
from energyflow.studies.registry import STUDIES
from energyflow.studies.rewards import resolve, study
from tests.conftest import ROOT

TASK = "metaworld/button_press"


@pytest.fixture
def raw() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    return content


def test_a_variant_changes_what_it_names_alone(laptop: Params) -> None:
    base = laptop.of(TASK).shape["gail"]
    for name, variant in resolve.rewards_of(laptop).variants.items():
        assert resolve.section(laptop, name, TASK, "gail") == base.model_copy(update=variant.shape)


def test_the_runs_of_the_preset_are_read_and_not_made_again(laptop: Params) -> None:
    full = {
        f
        for files in plan.stages(
            resolve_params(yaml.safe_load((ROOT / "params.yaml").read_text()) | {"grid": "full"})
        ).values()
        for f in files
    }
    used = [study.outputs(laptop, run)[0] for run in study.runs(laptop)]
    assert set(used) <= full
    owned = {f for files in study.owned(laptop).values() for f in files}
    assert not owned & full
    assert study.outputs(laptop, study.Run("demonstrations", TASK, "dense", 0))[0] == (
        "results/rewards/shape/demonstrations/metaworld/button_press/dense/seed0/curve.csv"
    )
    assert len(study.added(laptop)) == len(set(study.added(laptop)))


def test_what_the_preset_does_not_have_is_left_out(raw: dict[str, Any]) -> None:
    run = {"sources": ["dense", "constant"], "shape_tasks": [TASK], "seeds": [1, 7]}
    raw["presets"]["laptop"]["run"] |= run
    raw["presets"]["laptop"]["full"] = {}
    p = resolve_params(raw)
    assert {(run.task, run.source, run.seed) for run in study.runs(p)} == {(TASK, "dense", 1), (TASK, "constant", 1)}
    assert {run.source for run in study.added(p)} == {"dense", "constant"}
    assert {run.task for run in study.added(p)} == set(raw["rewards"]["tasks"]) > {TASK}
    raw["rewards"]["variants"] = {}
    raw["rewards"]["ranking"]["judge"] = "scratch"
    assert [key.subject for key in study.ranked(resolve_params(raw))] == [TASK]
    assert {"demonstrations", "unit"} & set(study.points(resolve_params(raw))) == set()
    raw["presets"]["laptop"]["run"]["studies"] = []
    assert STUDIES["rewards"].stages(resolve_params(raw)) == {}


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        (
            {"shape": {"demo_shar": 0.5}},
            "own.shape: unknown key 'demo_shar'; did you mean 'demo_share'?",
        ),
        ({"shape": {"unit": 0.0}}, "params.yaml: rewards.variants.own.shape: unit"),
        ({"shape": {"n_step": 1.5}}, "rewards.variants.own.shape: n_step"),
        (
            {"shape": {"demo_share": 0.5, "action_repeat": 2}},
            "variants.own.shape: shape.demo_share = 0.5 needs",
        ),
        ({"shape": {"source_params": {}}}, "rewards.variants.own.shape: unknown key 'source_params'"),
        ({"shape": {}}, "rewards.variants.own.shape"),
        ({"sources": ["dens"]}, "did you mean 'dense'?"),
        ({"tasks": ["metaworld/buton_press"]}, "did you mean 'metaworld/button_press'?"),
        ({"taks": []}, "did you mean 'tasks'?"),
    ],
)
def test_a_wrong_variant_is_named(raw: dict[str, Any], variant: dict[str, Any], expected: str) -> None:
    raw["rewards"]["variants"]["own"] = {"sources": ["dense"], "shape": {"unit": 0.5}} | variant
    with pytest.raises(UserError) as error:
        resolve_params(raw)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_runs_from_scratch_hold_no_demonstrations(raw: dict[str, Any]) -> None:
    raw["shape"]["demo_share"] = 0.25
    raw["presets"]["laptop"]["shape"]["action_repeat"] = 1
    with pytest.raises(UserError, match=r"shape\.demo_share: the study `rewards`"):
        resolve_params(raw)


def test_an_unknown_judge_is_named(raw: dict[str, Any]) -> None:
    raw["rewards"]["ranking"]["judge"] = "demonstration"
    with pytest.raises(UserError, match=r"rewards\.ranking\.judge: .*did you mean 'demonstrations'\?"):
        resolve_params(raw)


def test_a_name_stands_in_paths(raw: dict[str, Any]) -> None:
    for name in ("Half", "a/b", "scratch"):
        raw["rewards"]["variants"] = {name: {"shape": {"unit": 0.5}}}
        with pytest.raises(UserError, match="stands in paths"):
            resolve_params(raw)
