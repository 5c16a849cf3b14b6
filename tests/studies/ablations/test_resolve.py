"""Axes: the preset's value is not run again, every other one has a section that differs in one number."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.pipeline import plan
from energyflow.pipeline.params import resolve as resolve_params
from energyflow.studies.ablations import resolve
from energyflow.studies.ablations import study as grid
from energyflow.studies.registry import STUDIES
from tests.conftest import ROOT


@pytest.fixture
def raw() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    return content


def test_the_value_of_the_preset_is_that_of_the_main_results(laptop: Params) -> None:
    for axis in resolve.ablations_of(laptop).axes:
        for run in grid.compared(laptop, axis):
            main = run.value == resolve.reference(laptop, axis, run.item)
            assert grid.rows_file(laptop, run).startswith("results/laptop/" if main else "results/ablations/")
    owned = {file for files in plan.stages(laptop).values() for file in files}
    used = [file for point in grid.points(laptop) for file in grid.rows_of(laptop, point) if "/laptop/" in file]
    assert used
    assert set(used) <= owned


def test_a_point_reads_a_file_once_though_several_of_its_axes_share_it(laptop: Params) -> None:
    shared = [
        {grid.rows_file(laptop, run) for run in grid.compared(laptop, axis)} for axis in ("readout", "references")
    ]
    assert set.intersection(*shared)
    for point in grid.points(laptop):
        files = grid.rows_of(laptop, point)
        assert len(files) == len(set(files)), point


def test_paths_read_like_a_sentence(laptop: Params) -> None:
    run = grid.Run("activation", "mish", "metaworld/assembly", "energyflow", 0)
    assert grid.checkpoint(laptop, run)[0] == (
        "results/ablations/train/activation/mish/metaworld/assembly/energyflow/seed0/model.safetensors"
    )
    assert grid.checkpoint(laptop, run._replace(axis="gamma", value="0.1"))[0] == (
        "results/ablations/sample/gamma/0.1/metaworld/assembly/energyflow/seed0/model.safetensors"
    )
    assert grid.checkpoint(laptop, run._replace(value="silu")) == [
        f"results/laptop/train/metaworld/assembly/energyflow/seed0/{name}"
        for name in ("model.safetensors", "model.json")
    ]
    few = run._replace(axis="demonstrations", value="25")
    assert grid.demos_file(laptop, few) == "results/ablations/demos/metaworld/assembly/n25/demos.hdf5"
    assert grid.demos_file(laptop, run) == "data/laptop/metaworld/assembly/demos.hdf5"


def test_one_number_differs(laptop: Params) -> None:
    base = laptop.train["energyflow"]
    section = resolve.train_section(laptop, "activation", "relu", "metaworld/assembly", "energyflow")
    assert section.method == "energyflow_variant"
    assert section.method_params | {"activation": "silu"} == section.method_params | base.method_params
    assert section.method_params["activation"] == "relu"
    changes = {"method": base.method, "method_params": base.method_params}
    assert section.model_copy(update=changes) == base
    paper = resolve.train_section(laptop, "spectral_norm", "off", "metaworld/assembly", "energyflow_paper")
    assert (paper.method, paper.lr) == ("energyflow_paper", 4e-3)
    assert paper.method_params == laptop.train["energyflow_paper"].method_params | {"spectral_norm": False}
    few = resolve.train_section(laptop, "demonstrations", "10", "metaworld/assembly", "unconstrained")
    assert few == laptop.train["unconstrained"]
    read = resolve.shape_section(laptop, "readout", "0.3", "metaworld/button_press", "centered_energy")
    assert read.source_params == {"sigma": 0.3, "references": 16}
    assert (
        read.model_copy(update={"source_params": laptop.shape["centered_energy"].source_params})
        == (laptop.shape["centered_energy"])
    )


def test_gammas_of_the_readout_are_those_of_the_paper(laptop: Params) -> None:
    own = laptop.train["energyflow_paper"].method_params
    low, high = own["sigma_min"], own["sigma_max"]
    values = [float(value) for value in resolve.settings(laptop, "readout", "centered_energy")]
    for gamma, sigma in zip((1e-4, 1e-3, 1e-2, 1e-1), values, strict=False):
        assert sigma == pytest.approx(low ** (1 - gamma) * high**gamma, rel=1e-3)


def test_an_unlisted_value_of_the_preset_belongs_to_the_axis(raw: dict[str, Any]) -> None:
    raw["ablations"]["axes"] = {
        "rho": {"kind": "sample", "of": ["energyflow"], "key": "rho", "values": [9.0, 3.0]},
        "head": {"kind": "train", "of": ["energyflow"], "key": "head", "values": ["inner_product"]},
    }
    p = resolve_params(raw)
    assert list(resolve.settings(p, "rho", "energyflow")) == ["3", "7", "9"]
    assert list(resolve.settings(p, "head", "energyflow")) == ["pooled", "inner_product"]
    assert "rho" in grid.points(p)  # an axis of one's own has a point of its own


def test_what_the_preset_does_not_run_is_left_out(raw: dict[str, Any]) -> None:
    run = {"methods": ["energyflow", "energyflow_paper"], "seeds": [1, 7], "sources": [], "shape_tasks": []}
    raw["presets"]["laptop"]["run"] |= run | {"tasks": ["metaworld/assembly"]}
    raw["presets"]["laptop"]["full"] = {}
    p = resolve_params(raw)
    runs = [run for axis in resolve.ablations_of(p).axes for run in grid.compared(p, axis)]
    assert {run.item for run in runs} == {"energyflow", "energyflow_paper"}
    assert {(run.task, run.seed) for run in runs} == {("metaworld/assembly", 1)}
    assert not {"levels", "reward"} & set(grid.points(p))


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        ({"key": "sgima_min"}, "ablations.axes.own.key: unknown 'sgima_min' of energyflow; did you mean 'sigma_min'?"),
        ({"of": ["energyflwo"]}, "did you mean 'energyflow'?"),
        ({"of": ["iq_learn"]}, "'iq_learn' is trained in the simulator: it has no ablations"),
        ({"kind": "trian"}, "kind"),
        ({"kind": "sample"}, "'sigma_min' is no number of the sampler: use kind train"),
        ({"values": []}, "values"),
        ({"values": [0.1, 0.1]}, "a value is listed twice"),
        ({"values": [-0.1]}, "ablations.axes.own.values: energyflow: sigma_min"),
        ({"key": "activation", "values": ["rleu"]}, "did you mean 'relu'?"),
        ({"kind": "data", "key": "demos", "values": [201]}, "there are 1 to 200 demonstrations"),
        ({"kind": "data", "values": [2]}, "unknown 'sigma_min' of energyflow; allowed: demos"),
        ({"kind": "shape", "of": ["centred_energy"]}, "did you mean 'centered_energy'?"),
        ({"kind": "shape", "of": ["centered_energy"], "key": "sigma", "values": [0.0]}, "centered_energy: sigma"),
        ({"vlaues": [1]}, "did you mean 'values'?"),
    ],
)
def test_a_wrong_axis_is_named(raw: dict[str, Any], axis: dict[str, Any], expected: str) -> None:
    own = {"kind": "train", "of": ["energyflow"], "key": "sigma_min", "values": [0.1]}
    raw["ablations"]["axes"]["own"] = own | axis
    with pytest.raises(UserError, match=expected.replace("?", r"\?")):
        resolve_params(raw)


def test_wrong_names_are_named(raw: dict[str, Any]) -> None:
    raw["ablations"]["tasks"] = ["metaworld/asembly"]
    with pytest.raises(UserError, match="did you mean 'metaworld/assembly'"):
        resolve_params(raw)
    raw["presets"]["laptop"]["run"]["studies"] = []
    assert STUDIES["ablations"].stages(resolve_params(raw)) == {}
