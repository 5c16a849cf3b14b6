"""Figures show what the rows say, in looks that are told apart, and nothing of them is cut off or covered."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from pydantic import ValidationError
from torch import Tensor

from energyflow.config import layout as paths
from energyflow.config.params import Params
from energyflow.config.plots import PLOTS, ColouredPlot, LandscapePlot, LearningPlot
from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError
from energyflow.datasets.format import load_demos
from energyflow.learning.landscape import demonstrated, load_energy, measure_landscape, slice_energy
from energyflow.networks.build import Spec
from energyflow.policies.base import EnergyPolicy
from energyflow.policies.checkpoint import build, save
from energyflow.report import drawing, names, published, style, summaries
from energyflow.report.figures import FIGURES
from energyflow.report.outputs import write_figure
from energyflow.report.own_landscape import draw_landscape

from . import drawn, synthetic
from .synthetic import at

MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
LANDSCAPE = LandscapePlot(dpi=60, cmap="viridis", resolution=21, samples=64, sigma=0.5, extent=2.0)
LEVELS = ["0", "S", "M", "L"]  # by size


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Rows of every method and source that has a name, and of two that have none yet, on five tasks."""
    further = ["further", "another"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            synthetic, "METHODS", {m: 0.9 - 0.05 * i for i, m in enumerate([*names.order("method"), *further])}
        )
        patch.setattr(
            synthetic, "SOURCES", {s: 0.9 - 0.06 * i for i, s in enumerate([*names.order("source"), *further])}
        )
        return synthetic.write_results(tmp_path_factory.mktemp("every"), shape_tasks=synthetic.TASKS[:2])


def drawing_of(name: str, inputs: list[Path], report: ReportParams, **options: object) -> Figure:
    plot = {"dpi": 60, "palette": "colorblind"} | ({"smooth": 1} if name == "learning" else {}) | options
    with style.look():
        return FIGURES[name](inputs, PLOTS[name].model_validate(plot), report)


def frame(inputs: list[Path], folder: str, file: str) -> pd.DataFrame:
    """The rows of a stage, read here without the report's own code; `level` as text."""
    files = [path for path in inputs if f"/{folder}/" in path.as_posix() and path.name == file]
    return pd.concat([pd.read_csv(path, dtype={"level": str}) for path in files], ignore_index=True)


def percent(rows: pd.DataFrame, by: str, order: list[str] | list[int]) -> list[float]:
    """Mean success at each mark: all seeds have as many episodes."""
    return list(100 * rows.groupby(by)["success"].mean().loc[order])


@pytest.mark.parametrize("inputs", ["results", "every"])
def test_the_success_figure_shows_every_mean_and_every_published_number(
    inputs: str, report: ReportParams, request: pytest.FixtureRequest
) -> None:
    files: list[Path] = request.getfixturevalue(inputs)
    every = frame(files, "evaluate", "episodes.csv")
    rows, mean = (every[(every["level"] == "0") & (every["decoder"] == each)] for each in ("sample", "mean"))
    figure = drawing_of("success", files, report)
    (axes,) = figure.axes
    lines, dashes = drawn.lines(axes), drawn.dashes(axes)
    tasks = list(dict.fromkeys(rows["task"]))
    summary = summaries.success(summaries.episodes(files, "test"), report)
    for method in dict.fromkeys(rows["method"]):
        own = rows[rows["method"] == method]
        means = percent(own, "task", tasks)
        shown = lines[names.method_name(method)]
        assert shown[:, 1] == pytest.approx([*means, np.mean(means)])
        assert list(np.round(shown[:, 0])) == list(range(len(tasks) + 1))  # each over the name of its task
        other = f"_{names.method_name(method)}, by mean"
        means = percent(mean[mean["method"] == method], "task", tasks)
        assert lines[other][:, 1] == pytest.approx([*means, np.mean(means)])
        assert (lines[other][:, 0] > shown[:, 0]).all()
        for decoder, label in (("sample", names.method_name(method)), ("mean", other)):
            part = summary[summary["method"] == method]
            ends = part[[f"by_{decoder}_low", f"by_{decoder}_high"]].to_numpy(dtype=float)
            assert drawn.whiskers(axes, label) == pytest.approx(ends)
            assert drawn.is_hollow(axes, label) == (decoder == "mean")
        scopes = [*tasks, f"metaworld/{names.AVERAGE}"]
        known = [(i, published.find(scope, method, tasks)) for i, scope in enumerate(scopes)]
        between = (shown[:, 0] + lines[other][:, 0]) / 2
        expected = [[between[i], paper.value] for i, paper in known if paper is not None]
        colour = to_hex(style.look_of(method, "method", "colorblind").colour)
        assert dashes.get(colour, np.empty((0, 2))) == pytest.approx(np.array(expected).reshape(-1, 2))
    assert [label.get_text() for label in axes.get_xticklabels()] == [*map(names.task_label, tasks), "Average"]
    (ceiling,) = [each for each in axes.collections if each.get_label() == "Scripted expert"]
    expert = frame(files, "expert", "episodes.csv")
    means = percent(expert[expert["level"] == "0"], "task", tasks)
    assert [segment[0][1] for segment in ceiling.get_segments()] == pytest.approx([*means, np.mean(means)])


@pytest.mark.parametrize(("name", "folder", "column"), [("ood", "evaluate", "level"), ("nfe", "nfe", "nfe")])
def test_each_panel_shows_its_task_and_each_line_its_method(
    name: str, folder: str, column: str, results: list[Path], report: ReportParams
) -> None:
    rows, marks = frame(results, folder, "episodes.csv"), LEVELS if name == "ood" else list(synthetic.NFE)
    rows = rows[rows["decoder"] == "sample"]
    distances = {"0": "0", "S": "0.02\n0.01", "M": "0.04\n0.02", "L": "0.08\n0.04"}  # of hand; object and goal
    ticks = ["0\n0\n0" if mark == "0" else f"{mark}\n{distances[mark]}" for mark in LEVELS]
    figure = drawing_of(name, results, report)
    tasks = list(dict.fromkeys(rows["task"]))
    assert [axes.get_title() for axes in figure.axes] == [*map(names.task_label, tasks), "Average"]
    for method in dict.fromkeys(rows["method"]):
        own, label = rows[rows["method"] == method], names.method_name(method)
        for task in tasks:
            axes = drawn.panel(figure, names.task_label(task))
            expected = percent(own[own["task"] == task], column, marks)
            assert drawn.lines(axes)[label][:, 1] == pytest.approx(expected)
            low, high = drawn.whiskers(axes, label).T
            assert (low <= expected).all()
            assert (expected <= high).all()
            expected_ticks = ticks if name == "ood" else [str(mark) for mark in marks]
            assert [tick.get_text() for tick in axes.get_xticklabels()] == expected_ticks
        assert drawn.lines(drawn.panel(figure, "Average"))[label][:, 1] == pytest.approx(percent(own, column, marks))


def test_ranges_of_the_paper_are_bars_behind_the_measurements(tmp_path: Path, report: ReportParams) -> None:
    every = [f"robomimic/{task}" for task in ("lift", "square")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "METHODS", {"energyflow": 0.9, "near": 0.4})
        files = synthetic.write_results(tmp_path, tuple(every), ())
    (axes,) = drawing_of("success", files, report).axes
    colour = to_hex(style.look_of("near", "method", "colorblind").colour)
    bars = [each for each in axes.collections if each.get_linewidth()[0] == 6]
    found = {to_hex(each.get_color()[0]): [segment[:, 1].tolist() for segment in each.get_segments()] for each in bars}
    assert found[colour] == [[92.0, 95.0], [58.0, 68.0]]
    assert sum(map(len, found.values())) == 2


def test_success_is_drawn_against_the_seconds_of_training(results: list[Path], report: ReportParams) -> None:
    (axes,) = drawing_of("time", results, report).axes
    assert axes.get_title() == "Average (Meta-World)"
    assert axes.get_xscale() == "log"
    rows, lines = frame(results, "evaluate", "episodes.csv"), drawn.lines(axes)
    for place, method in enumerate(synthetic.METHODS):
        own = rows[(rows["method"] == method) & (rows["level"] == "0")]
        for decoder, label in (
            ("sample", names.method_name(method)),
            ("mean", f"_{names.method_name(method)}, by mean"),
        ):
            ((seconds, success),) = lines[label]
            assert seconds == pytest.approx(synthetic.CPU_SECONDS * (1 + place))
            assert success == pytest.approx(100 * own[own["decoder"] == decoder]["success"].mean())
            assert drawn.is_hollow(axes, label) == (decoder == "mean")
            ((low, high),) = drawn.whiskers(axes, label)
            assert low < success < high or success in (low, high)


def test_levels_without_common_distances_are_drawn_by_name(
    tmp_path: Path, results: list[Path], report: ReportParams
) -> None:
    other = at(paths.EXPERT, tmp_path, task=synthetic.TASKS[4]) / "run.json"
    synthetic.write_json(other, {"params": {"levels": {"0": {"hand": 0.0, "object": 0.0, "goal": 0.0}}}})
    figure = drawing_of("ood", [*results, other], report)
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == LEVELS
    drawn.check_readable(figure)


def test_the_expert_is_the_ceiling_of_the_levels(results: list[Path], report: ReportParams) -> None:
    rows = frame(results, "expert", "episodes.csv")
    figure = drawing_of("ood", results, report)
    for task in dict.fromkeys(rows["task"]):
        shown = drawn.lines(drawn.panel(figure, names.task_label(task)))["Scripted expert"]
        assert shown[:, 1] == pytest.approx(percent(rows[rows["task"] == task], "level", LEVELS))


@pytest.mark.parametrize("smooth", [1, 3])
def test_the_learning_figure_shows_each_curve_and_its_area(
    smooth: int, results: list[Path], report: ReportParams
) -> None:
    rows = frame(results, "shape", "curve.csv")
    figure = drawing_of("learning", results, report, smooth=smooth)
    areas = drawn.panel(figure, "Area under the curve")
    ticks = [tick.get_text() for tick in areas.get_yticklabels()]
    for source in synthetic.SOURCES:
        label, mean = names.source_name(source), 100 * rows[rows["source"] == source].groupby("step")["success"].mean()
        shown = drawn.lines(drawn.panel(figure, label))[label]
        assert list(shown[:, 0]) == list(mean.index)
        middle = mean.rolling(smooth, center=True, min_periods=1).mean()
        assert shown[:, 1] == pytest.approx(middle.to_numpy())
        area = (mean.iloc[0] / 2 + mean.iloc[1:-1].sum() + mean.iloc[-1] / 2) / (len(mean) - 1)  # equal steps
        ((value, place),) = drawn.lines(areas)[label]
        assert value == pytest.approx(area)
        assert ticks[round(place)] == label


def test_the_loss_figure_shows_mean_and_range_over_seeds(results: list[Path], report: ReportParams) -> None:
    figure = drawing_of("loss", results, report)
    for task, method in itertools.product(synthetic.TASKS[:2], synthetic.METHODS):
        runs = [at(paths.TRAIN, Path(), task=task, method=method, seed=seed) / "train.csv" for seed in synthetic.SEEDS]
        files = [path for path in results if any(path.match(str(run)) for run in runs)]
        losses = np.stack([pd.read_csv(path)["loss"].to_numpy() for path in files])
        shown = drawn.lines(drawn.panel(figure, names.task_label(task)))[names.method_name(method)]
        assert shown[:, 1] == pytest.approx(losses.mean(axis=0))


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "landscape"])
@pytest.mark.parametrize("inputs", ["results", "every"])
def test_a_figure_is_readable_and_its_legend_complete(
    name: str, inputs: str, report: ReportParams, request: pytest.FixtureRequest
) -> None:
    files: list[Path] = request.getfixturevalue(inputs)
    figure = drawing_of(name, files, report.model_copy(update={"bootstrap": 100}))
    drawn.check_readable(figure)
    if name == "learning":  # a panel has its source's name
        titles = {axes.get_title().replace("\n", " ") for axes in figure.axes}
        assert {names.source_name(s) for s in frame(files, "shape", "curve.csv")["source"]} < titles
        return
    rows = frame(files, "nfe" if name == "nfe" else "evaluate", "episodes.csv")
    looks = drawn.legend(figure)
    assert {names.method_name(method) for method in rows["method"]} <= set(looks)
    assert len(set(looks.values())) == len(looks)
    heights = [axes.get_window_extent().height / figure.dpi for axes in figure.axes]
    assert min(heights) > 0.55 * drawing.PANEL[1]  # a long legend has room of its own


def test_a_figure_is_whole_and_the_same_bytes_twice(
    tmp_path: Path, results: list[Path], plot: ColouredPlot, report: ReportParams
) -> None:
    for run in ("first", "second"):
        write_figure("success", results, plot, report, [tmp_path / run / f"success.{kind}" for kind in MAGIC])
    for kind, start in MAGIC.items():
        first, second = ((tmp_path / run / f"success.{kind}").read_bytes() for run in ("first", "second"))
        assert first == second
        assert first.startswith(start)
        assert b"CreationDate" not in first
        assert b"<dc:date>" not in first


def test_each_figure_takes_its_own_options_and_no_other() -> None:
    assert LearningPlot(dpi=60, palette="deep", smooth=5).smooth == 5
    with pytest.raises(ValidationError, match="unknown key 'smooth'"):
        PLOTS["nfe"].model_validate({"dpi": 60, "palette": "deep", "smooth": 5})
    with pytest.raises(ValidationError, match="palette"):
        PLOTS["nfe"].model_validate({"dpi": 60, "palette": "viridis"})
    with pytest.raises(ValidationError, match="sigma"):
        PLOTS["landscape"].model_validate(LANDSCAPE.model_dump(exclude={"sigma"}))
    assert set(FIGURES) < set(PLOTS)


@pytest.mark.parametrize("kind", ["method", "source"])
def test_every_name_has_a_look_of_its_own_that_a_further_name_does_not_change(
    kind: names.Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: style.look_of(name, kind, "colorblind") for name in names.order(kind)}
    every = [*before, *(f"further_{i}" for i in range(20 - len(before)))]
    monkeypatch.setattr(names, "order", lambda _kind: every)
    after = {name: style.look_of(name, kind, "colorblind") for name in every}
    assert len({look.colour for look in after.values()}) == 20
    assert len({look.marker for look in after.values()}) == 20  # so that a print without colours will do
    assert before.items() <= after.items()
    unknown = [style.look_of(name, kind, "colorblind") for name in ("unheard_of", "2nd", "another")]
    assert not set(unknown) & set(after.values())


def test_a_name_without_a_place_is_drawn(tmp_path: Path, results: list[Path], report: ReportParams) -> None:
    rows = frame(results, "evaluate", "episodes.csv")
    folder = at(paths.EVALUATE, tmp_path, task=synthetic.TASKS[0], method="unheard_of", seed=0)
    theirs = rows[(rows["method"] == "energyflow") & (rows["task"] == synthetic.TASKS[0]) & (rows["seed"] == 0)]
    added = synthetic.write(folder / "episodes.csv", theirs.assign(method="unheard_of"))
    figure = drawing_of("success", [*results, added], report)
    looks = drawn.legend(figure)
    assert len(set(looks.values())) == len(looks)
    assert "Unheard of" in looks
    drawn.check_readable(figure)


@pytest.mark.parametrize("which", ["x", "y"])
@pytest.mark.parametrize(("low", "high"), [(0.9, 1.4), (0.02, 0.7), (0.5, 60.0), (1e-7, 1e3)])
def test_the_labels_of_a_logarithmic_axis_do_not_overlap(which: drawing.Which, low: float, high: float) -> None:
    with style.look():
        figure, panels = drawing.panels(5, shared=True, x="Training steps", y="Loss")
        values = np.geomspace(low, high, 50)
        for axes in panels:
            axes.plot(*((values, np.arange(50)) if which == "x" else (np.arange(50), values)))
        drawing.log_axis(panels[0], which)
        drawn.check_readable(figure)
        axis = panels[3].xaxis if which == "x" else panels[3].yaxis  # shares them with the one that was set
        first, last = axis.get_view_interval()
        assert sum(first <= tick.get_loc() <= last for tick in axis.get_major_ticks()) >= 2


class Gaussian(EnergyPolicy):
    """The energy of a Gaussian expert with a standard deviation per number of the chunk; no state matters."""

    spread: Tensor

    def __init__(self, params: Params) -> None:
        spec = Spec(obs_dim=3, action_dim=2, obs_horizon=1, pred_horizon=2, exec_horizon=1, obs_keys=("state",))
        super().__init__(spec, params.reward_model["energyflow"])
        self.spread = torch.nn.Parameter(torch.tensor([[2.0, 0.1], [1.0, 0.1]]), requires_grad=False)

    def loss(self, obs: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        raise AssertionError("a landscape trains nothing")

    def sample(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        return 0.1 * self.spread * self.prior(obs, generator)

    def mean(self, obs: Tensor, generator: torch.Generator, nfe: int) -> Tensor:
        return self.zero(obs)

    def energy(self, action: Tensor, obs: Tensor, sigma: Tensor) -> Tensor:
        variance = (0.1 * self.spread) ** 2 + sigma[:, None, None] ** 2
        return (action**2 / (2 * variance)).sum(dim=(1, 2))


def test_the_slice_is_the_energy_on_the_plane_of_the_widest_directions(smoke: Params) -> None:
    params = LANDSCAPE.model_copy(update={"samples": 4000, "sigma": 0.1}).slice(seed=0)
    found = slice_energy(Gaussian(smoke), torch.zeros(1, 1, 3), torch.zeros(1, 2, 2), params)
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
    save(policy, path, {"task": "metaworld/button_press", "seed": 0, "demos": {"demos": 1}})
    return path


def test_the_landscape_of_a_checkpoint(
    tmp_path: Path, checkpoint: Path, demos_path: Path, report: ReportParams
) -> None:
    out = at(paths.LANDSCAPE, tmp_path, task="metaworld/button_press", method="energyflow", seed=0)
    measure_landscape(checkpoint, demos_path, LANDSCAPE.slice(seed=0), out)
    inputs = sorted(out.iterdir())
    assert [path.name for path in inputs] == ["grid.csv", "run.json", "samples.csv"]
    with style.look():
        figure = FIGURES["landscape"](inputs, LANDSCAPE, report)
    drawn.check_readable(figure)
    (axes, _bar) = figure.axes
    assert axes.get_title().startswith("EnergyFlow, Button press, step ")
    (samples,) = [each for each in axes.collections if each.get_label() == "Policy samples (projected)"]
    np.testing.assert_allclose(samples.get_offsets(), pd.read_csv(out / "samples.csv"))
    assert len(samples.get_offsets()) == LANDSCAPE.samples
    assert set(drawn.legend(figure)) == {"Policy samples (projected)", "Demonstration"}
    with pytest.raises(UserError, match=r"no results/<preset>/landscape/\*\*/grid\.csv"):
        write_figure("landscape", inputs[1:], LANDSCAPE, report, [tmp_path / "landscape.png"])
    lines = (out / "grid.csv").read_text().splitlines()
    (out / "run.json").unlink()  # with it, its digest would tell
    (out / "grid.csv").write_text("\n".join(lines[:-1]))
    (out / "run.json").write_text('{"step": 3, "explained": 0.5}')
    with pytest.raises(UserError, match=r"grid\.csv: the rows are no square grid"):
        write_figure("landscape", inputs, LANDSCAPE, report, [tmp_path / "landscape.png"])
    (out / "run.json").write_text('{"step": 3}')
    with pytest.raises(UserError, match=r"run\.json: explained: "):
        write_figure("landscape", inputs, LANDSCAPE, report, [tmp_path / "landscape.png"])


def test_the_landscape_of_ones_own_state(checkpoint: Path, demos_path: Path, tmp_path: Path) -> None:
    policy, demos = load_energy(checkpoint), load_demos(demos_path)
    obs, chunk, step = demonstrated(policy, demos_path, episode=1, step=7)
    episode = demos.episodes[1]
    assert step == 7
    np.testing.assert_allclose(obs[0, -1], episode.obs[7], rtol=1e-6)
    np.testing.assert_allclose(chunk[0, 0], episode.actions[7], rtol=1e-6)
    out = tmp_path / "mine.png"
    draw_landscape(checkpoint, demos_path, 1, 7, LANDSCAPE, out)
    assert out.stat().st_size > 5000
    for wrong, said in (((99, None), "no demonstration 99"), ((0, 100_000), "none is 100000")):
        with pytest.raises(UserError, match=said):
            draw_landscape(checkpoint, demos_path, *wrong, LANDSCAPE, out)
