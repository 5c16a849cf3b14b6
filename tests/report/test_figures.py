"""Figures: whole files whose bytes depend on the data and the options alone; the same colours everywhere."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from energyflow.config import layout as paths
from energyflow.config.params import Params
from energyflow.config.sections import PlotParams, ReportParams
from energyflow.core.errors import UserError
from energyflow.networks.build import Spec
from energyflow.policies.base import EnergyPolicy
from energyflow.policies.checkpoint import build, save
from energyflow.report import names, style
from energyflow.report.figures import FIGURES
from energyflow.report.landscape import slice_energy
from energyflow.report.outputs import write_figure

from .synthetic import at

MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
LANDSCAPE = PlotParams(dpi=60, cmap="viridis", resolution=21, samples=64, sigma=0.5, extent=2.0)


def draw(name: str, inputs: list[Path], plot: PlotParams, report: ReportParams, out: Path) -> dict[str, bytes]:
    files = {kind: out / f"{name}.{kind}" for kind in MAGIC}
    write_figure(name, inputs, plot, report, list(files.values()))
    return {kind: path.read_bytes() for kind, path in files.items()}


@pytest.mark.parametrize("name", list(FIGURES))
def test_a_figure_is_whole_and_the_same_bytes_twice(
    tmp_path: Path, results: list[Path], plot: PlotParams, report: ReportParams, name: str
) -> None:
    first = draw(name, results, plot, report, tmp_path / "first")
    assert draw(name, results, plot, report, tmp_path / "second") == first
    for kind, start in MAGIC.items():
        assert first[kind].startswith(start)
        assert len(first[kind]) > 5_000
        assert b"CreationDate" not in first[kind]
        assert b"<dc:date>" not in first[kind]


def test_a_plot_option_changes_the_drawing(
    tmp_path: Path, results: list[Path], plot: PlotParams, report: ReportParams
) -> None:
    drawn = []
    for change in ({}, {"smooth": 5}, {"palette": "deep"}):
        path = tmp_path / "learning.svg"
        write_figure("learning", results, plot.model_copy(update=change), report, [path])
        drawn.append(path.read_bytes())
    assert len(set(drawn)) == 3


def test_a_method_has_its_own_colour_and_marker_whatever_else_is_drawn(plot: PlotParams) -> None:
    for table in (names.METHODS, names.SOURCES):
        assert len({style.colour(name, table, plot) for name in table}) == len(table)
        assert len({style.marker(name, table) for name in table}) == len(table)
    assert style.colour("unheard_of", names.METHODS, plot) == style.colour("unheard_of", names.METHODS, plot)


@pytest.mark.parametrize("which", ["x", "y"])
@pytest.mark.parametrize(("low", "high"), [(0.9, 1.4), (0.02, 0.7), (0.5, 60.0), (1e-7, 1e3)])
def test_the_labels_of_a_logarithmic_axis_do_not_overlap(which: str, low: float, high: float) -> None:
    with style.look():
        figure, panels = style.panels(5, "Training steps", "Loss")
        values = np.geomspace(low, high, 50)
        for axes in panels:
            axes.plot(*((values, np.arange(50)) if which == "x" else (np.arange(50), values)))
        style.log_axis(panels[0], which)
        figure.draw_without_rendering()
        axes = panels[3]  # the first of the last row has labels on both axes, and shares them with the one that was set
        axis = axes.xaxis if which == "x" else axes.yaxis
        first, last = axis.get_view_interval()
        boxes = [tick.label1.get_window_extent() for tick in axis.get_major_ticks() if first <= tick.get_loc() <= last]
        ends = sorted((box.x0, box.x1) if which == "x" else (box.y0, box.y1) for box in boxes)
        assert len(ends) >= 2
        assert all(end < start for (_, end), (start, _) in itertools.pairwise(ends))


class Gaussian(EnergyPolicy):
    """The energy of a Gaussian expert with a standard deviation per number of the chunk; no state matters."""

    spread = torch.tensor([[2.0, 0.1], [1.0, 0.1]])

    def __init__(self, params: Params) -> None:
        spec = Spec(obs_dim=3, action_dim=2, obs_horizon=1, pred_horizon=2, exec_horizon=1, obs_keys=("state",))
        super().__init__(spec, params.reward_model["energyflow"])

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        raise AssertionError("a landscape trains nothing")

    def sample(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        return 0.1 * self.spread * self.prior(obs, generator)

    def energy(self, action: Tensor, obs: Tensor, sigma: Tensor) -> Tensor:
        variance = (0.1 * self.spread) ** 2 + sigma[:, None, None] ** 2
        return (action**2 / (2 * variance)).sum(dim=(1, 2))


def test_the_slice_is_the_energy_on_the_plane_of_the_widest_directions(smoke: Params) -> None:
    plot = LANDSCAPE.model_copy(update={"samples": 4000, "sigma": 0.1})
    found = slice_energy(Gaussian(smoke), torch.zeros(1, 1, 3), torch.zeros(1, 2, 2), plot, seed=0)
    # The two widest directions are the first numbers of the two steps: standard deviations 0.2 and 0.1.
    first, second = np.meshgrid(found.axis, found.axis)
    expected = first**2 / (2 * (0.2**2 + 0.1**2)) + second**2 / (2 * (0.1**2 + 0.1**2))
    np.testing.assert_allclose(found.energy, expected, atol=0.05 * expected.max())
    assert found.energy.min() == 0.0
    assert found.samples.std(axis=0) == pytest.approx([0.2, 0.1], rel=0.05)
    assert found.explained == pytest.approx(5 / 5.02, abs=0.01)
    assert found.axis[-1] == pytest.approx(2.0 * np.sqrt((0.2**2 + 0.1**2) / 2), rel=0.05)


@pytest.fixture
def checkpoint(tmp_path: Path, smoke: Params) -> Path:
    torch.manual_seed(0)
    policy = build(Spec(39, 4, 2, 16, 8, ("state",)), smoke.train["energyflow"])
    run = {"task": "metaworld/button_press", "method": "energyflow", "seed": 0}
    path = at(paths.TRAIN, tmp_path, **run) / "model.safetensors"
    path.parent.mkdir(parents=True)
    save(policy, path, {"task": "metaworld/button_press", "seed": 0})
    return path


def test_the_landscape_of_a_checkpoint(
    tmp_path: Path, checkpoint: Path, demos_path: Path, report: ReportParams
) -> None:
    inputs = [checkpoint, checkpoint.with_suffix(".json"), demos_path]
    first = draw("landscape", inputs, LANDSCAPE, report, tmp_path / "first")
    assert draw("landscape", inputs, LANDSCAPE, report, tmp_path / "second") == first
    with pytest.raises(UserError, match=r"one model\.safetensors and one demos\.hdf5"):
        draw("landscape", inputs[:2], LANDSCAPE, report, tmp_path)
    with pytest.raises(UserError, match="needs samples, resolution, sigma and extent"):
        draw("landscape", inputs, LANDSCAPE.model_copy(update={"sigma": None}), report, tmp_path)
