"""Points follow the rows: intervals, paired differences, and sentences that say clear or not both ways."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.core.files import read_json, write_json
from energyflow.report import names, point, style
from energyflow.report.page import assemble
from energyflow.report.summaries import overall
from energyflow.studies.ablations import page, resolve
from energyflow.studies.ablations import study as grid
from energyflow.studies.registry import STUDIES
from tests.report import drawn
from tests.report.synthetic import LEVELS, curve_rows, episode_rows, write

Success = Callable[[grid.Run], float]


def equal(_run: grid.Run) -> float:
    return 0.6


def write_rows(p: Params, point: str, root: Path, success: Success = equal) -> list[Path]:
    """The files of a point, every setting with its own probability of success; the same states, draws apart."""
    rng = np.random.default_rng(0)
    runs = {grid.rows_file(p, run): run for axis in grid.axes_of(p, point) for run in grid.compared(p, axis)}
    found = []
    for name in dict.fromkeys(grid.rows_of(p, point)):
        path, run = root / name, runs.get(name)
        if path.name == "episodes.csv" and run is not None:
            nfe = p.evaluate.nfe if "/nfe/" in name or run.axis == "sampler" else [10]
            cells = {("0", each): success(run) for each in nfe}
            write(path, episode_rows(rng, run.task, run.item, run.seed, cells))
        elif path.name == "curve.csv" and run is not None:
            write(path, curve_rows(rng, run.task, run.item, run.seed, success(run)))
        elif "/check/tails/" in name:
            write(path, tail_rows(rng, "/".join(path.parts[-4:-2]), int(path.parts[-2][4:])))
        elif path.name == "rows.csv":
            zero = 0.25 if "/relu/" in name else 0.0
            write(path, [{"parameters": 100, "zero": zero, "zero_biases": 4 * zero, "loss": 0.1 + zero}])
        elif path.name == "latency.csv":
            about = {"method": path.parent.name, "network": "mlp", "parameters": 9, "nfe": 10, "exec_horizon": 8}
            ms = [(1, 8.0), (50, 40.0)]
            write(path, [about | {"batch": b, "repeat": i, "ms": t + 0.01 * i} for b, t in ms for i in range(50)])
        elif path.name == "run.json":
            write_json(path, {"device": "cpu", "processor": "A processor", "threads": 1})
        else:  # levels: every level of every method of the pair
            task, method, seed = "/".join(path.parts[-5:-3]), path.parts[-3], int(path.parts[-2][4:])
            p_of = {(level, 10): 0.9 if method == "energyflow" else 0.9 - drop for level, drop in LEVELS.items()}
            write(path, episode_rows(rng, task, method, seed, p_of))
        found.append(path)
    return found


TAILS = {  # setting -> share beyond 3 s, mean square, variance
    ("energyflow", "on", "flow"): (0.02, 1.44, 1.0),
    ("unconstrained", "", "flow"): (0.05, 2.0, 2.0),
    ("flow_policy", "", ""): (0.05, 2.0, 1.0),
    ("energyflow", "off", "flow"): (0.2, 4.0, 3.0),
    ("unconstrained", "", "log_uniform"): (0.3, 5.0, 4.0),
}


def tail_rows(rng: np.random.Generator, task: str, seed: int) -> list[dict[str, Any]]:
    """Twenty demonstrations of every setting, whose shares scatter a little."""
    return [
        dict(zip(("method", "centred", "law"), setting, strict=True))
        | {"task": task, "seed": seed, "nfe": 10, "std": 0.02, "demo": 90000 + demo, "n": 800}
        | {"beyond": beyond + 0.001 * rng.standard_normal(), "square": square, "spread": spread}
        for setting, (beyond, square, spread) in TAILS.items()
        for demo in range(20)
    ]


def build(p: Params, name: str, root: Path, success: Success = equal) -> Any:
    section = resolve.point_section(p, grid.axes_of(p, name))
    section = section.model_copy(update={"report": p.report.model_copy(update={"bootstrap": 200})})
    with style.look():
        return page.build(name, write_rows(p, name, root, success), section)


def test_every_point_is_written_in_every_format(smoke: Params, tmp_path: Path) -> None:
    files = []
    for name in grid.points(smoke):
        pattern = STUDIES["ablations"].outputs(smoke.preset)[f"{grid.NAME}_point"]
        outputs = [
            tmp_path / "page" / Path(each.format(point=name)).relative_to(STUDIES["ablations"].folder("smoke"))
            for each in pattern
        ]
        point.write(build(smoke, name, tmp_path / name), 50, outputs)
        assert all(path.stat().st_size > 0 for path in outputs)
        files += outputs
    assemble(page.HEAD, files, tmp_path / "page/README.md")
    text = (tmp_path / "page/README.md").read_text()
    assert text.count("\n## ") == 1 + len(grid.points(smoke))
    words = read_json(next(path for path in files if path.name == "gamma.json"))
    assert f"**{words['sentences'][0]}**" in text
    assert words["claim"] in text


@pytest.fixture(scope="module")
def full(laptop: Params, tmp_path_factory: pytest.TempPathFactory) -> dict[str, point.Point]:
    """Every point of the preset laptop; no two settings have the same success."""
    root = tmp_path_factory.mktemp("full")

    def success(run: grid.Run) -> float:
        return 0.2 + 0.7 * (sum(map(ord, run.item + run.value)) % 11) / 11

    return {name: build(laptop, name, root / name, success) for name in grid.points(laptop)}


def test_figures_are_readable_and_their_legends_complete(full: dict[str, point.Point]) -> None:
    for found in full.values():
        drawn.check_readable(found.figure)
        looks = drawn.legend(found.figure)
        assert len(set(looks.values())) == len(looks)


@pytest.mark.parametrize(
    ("name", "axis", "measure"),
    [
        ("gamma", "gamma", "success"),
        ("activation", "activation", "success"),
        ("noise", "sigma_max", "success"),
        ("demonstrations", "demonstrations", "success"),
        ("reward", "references", "area"),
    ],
)
def test_each_line_shows_the_values_of_its_method(
    full: dict[str, point.Point], laptop: Params, name: str, axis: str, measure: str
) -> None:
    found, key = full[name], resolve.point_section(laptop, [axis]).axes[axis].key.replace("_", " ")
    panels = [axes for axes in found.figure.axes if axes.get_xlabel() == key]
    rows = found.rows[found.rows["axis"] == axis]
    assert [axes.get_title() for axes in panels] == [names.task_label(task) for task in dict.fromkeys(rows["task"])]
    for axes, (_, part) in zip(panels, rows.groupby("task", sort=False), strict=True):
        values = [tick.get_text() for tick in axes.get_xticklabels()]
        rings = np.concatenate([drawn.points(line) for line in axes.lines if line.get_markersize() == 10])
        for item, own in part.groupby("item", sort=False):
            title = names.source_name(item) if measure == "area" else names.method_name(item)
            shown = drawn.lines(axes)[title]
            by = own.set_index("value")
            assert [by.loc[values[round(x)], measure] for x in shown[:, 0]] == pytest.approx(list(shown[:, 1]))
            assert len(shown) == len(own)
            (reference,) = own[own["reference"]]["value"]
            (ring,) = [at for at in rings if at.tolist() in shown.tolist()]
            assert values[round(ring[0])] == reference


def test_the_published_number_is_drawn_at_its_setting(full: dict[str, point.Point]) -> None:
    for axes in full["gamma"].figure.axes:
        ((x, y),) = drawn.lines(axes)["Published (RoboMimic Square)"]
        assert (axes.get_xticklabels()[round(x)].get_text(), y) == ("0.001", 95.3)


def test_a_sweep_is_drawn_over_the_numbers_of_evaluations(full: dict[str, point.Point]) -> None:
    found = full["sampler"]
    for axes, (_, part) in zip(found.figure.axes, found.rows.groupby("task", sort=False), strict=True):
        for value, own in part.groupby("value"):
            ordered = own.sort_values("nfe")
            assert drawn.lines(axes)[value][:, 1] == pytest.approx(list(ordered["success"]))
            assert [tick.get_text() for tick in axes.get_xticklabels()] == [f"{nfe:g}" for nfe in ordered["nfe"]]


def test_levels_and_latency_are_drawn_as_measured(full: dict[str, point.Point]) -> None:
    levels = full["levels"]
    average = overall(levels.rows)
    success, change = levels.figure.axes
    for field in grid.FIELDS:
        assert drawn.lines(success)[names.method_name(field)][:, 1] == pytest.approx(list(average[field]))
    (difference,) = change.containers
    assert drawn.points(difference.lines[0])[:, 1] == pytest.approx(list(average["difference"]))
    latency = full["latency"]
    (axes,) = latency.figure.axes
    ticks = [tick.get_text() for tick in axes.get_yticklabels()]
    for batch, part in latency.rows.groupby("batch"):
        shown = drawn.lines(axes)[f"batch {batch}"]
        expected = {names.method_name(row["method"]): row["per_action"] for _, row in part.iterrows()}
        assert {ticks[round(y)]: x for x, y in shown} == pytest.approx(expected)


def test_tails_are_compared_with_the_flow_s(full: dict[str, point.Point]) -> None:
    found = full["tails"]
    average = overall(found.rows).set_index(["method", "centred", "law"])
    for setting, (beyond, square, spread) in TAILS.items():
        row = average.loc[setting]
        assert row["beyond"] == pytest.approx(100 * beyond, abs=0.3)
        assert (row["rms"] ** 2, row["width"] ** 2) == pytest.approx((square, spread))
        assert row["bias"] ** 2 == pytest.approx(square - spread)
    assert average.loc[("flow_policy", "", ""), "difference"] is None or np.isnan(
        average.loc[("flow_policy", "", ""), "difference"]
    )
    first, second = found.sentences
    assert first.index("EnergyFlow (centred, flow law) 2.0") < first.index("Unconstrained field (log-uniform law) 30.0")
    more, fewer = second.split("; ")
    assert "EnergyFlow (not centred, flow law) +15.0" in more
    assert "Unconstrained field (log-uniform law) +25.0" in more
    assert "fewer: EnergyFlow (centred, flow law) -3.0" in fewer
    assert "Unconstrained field (flow law)" not in second
    labels = [tick.get_text() for tick in found.figure.axes[0].get_yticklabels()]
    for axes, (_, part) in zip(found.figure.axes, found.rows.groupby("task", sort=False), strict=True):
        shown = np.concatenate([drawn.points(line) for bars in axes.containers for line in bars.lines[:1]])
        assert len(shown) == len(part)
        assert sorted(shown[:, 0]) == pytest.approx(sorted(part["beyond"]))
    assert len(labels) == len(TAILS)


def test_equal_values_show_no_clear_difference(laptop: Params, tmp_path: Path) -> None:
    found = build(laptop, "head", tmp_path)
    assert "no clear difference: inner product" in found.sentences[0]
    assert "clearly" not in found.sentences[0]
    row = found.rows[(found.rows["value"] == "inner_product") & found.rows["task"].str.endswith("average")].iloc[0]
    assert row["difference_low"] <= 0 <= row["difference_high"]
    assert row["success_low"] <= row["success"] <= row["success_high"]
    assert (row["n"], row["seeds"]) == (120, 3)


def test_a_worse_and_a_better_value_are_clear(laptop: Params, tmp_path: Path) -> None:
    success = {"relu": 0.05, "mish": 0.98}
    found = build(laptop, "activation", tmp_path, lambda run: success.get(run.value, 0.6))
    first = found.sentences[0]
    worse, better, same = (first.index(word) for word in ("clearly lower", "clearly higher", "no clear difference"))
    assert worse < first.index("relu") < better < first.index("mish") < same < first.index("softplus")
    assert "relu 25.0 % (100 % of the biases; loss 0.350)" in found.sentences[1]
    row = overall(found.rows).set_index("value").loc["relu"]
    assert row["difference"] == pytest.approx(
        row["success"] - overall(found.rows).set_index("value").loc["silu", "success"]
    )


def test_differences_are_paired_on_initial_states(laptop: Params, tmp_path: Path) -> None:
    """Two settings that succeed on the same states: the difference is certain to be small, each success is not."""
    files = write_rows(laptop, "gamma", tmp_path)
    for path in files:
        frame = pd.read_csv(path)
        frame.assign(success=(frame["episode"] % 2 == 0).astype(int)).to_csv(path, index=False)
    section = resolve.point_section(laptop, ["gamma"])
    row = overall(page.build("gamma", files, section).rows).query("value == '0.1'").iloc[0]
    assert row["difference"] == 0.0
    assert row["success_high"] - row["success_low"] > 10.0


def test_a_run_of_the_preset_belongs_to_every_axis_of_its_method(laptop: Params, tmp_path: Path) -> None:
    found = build(laptop, "noise", tmp_path, lambda run: 0.1 if run.value == "0.05" else 0.7)
    assert set(found.rows["axis"]) == {"sigma_min", "sigma_max"}
    assert dict(found.rows[found.rows["reference"]].groupby("axis")["value"].first()) == {
        "sigma_max": "10",
        "sigma_min": "0.01",
    }
    assert "`sigma_min`: success" in found.sentences[0]
    assert "clearly lower: 0.05" in found.sentences[0]
    assert found.sentences[1].startswith("`sigma_max`: success")


def test_samplers_are_compared_at_each_number_of_evaluations(laptop: Params, tmp_path: Path) -> None:
    found = build(laptop, "sampler", tmp_path, lambda run: 0.1 if run.value == "heun" else 0.8)
    assert sorted(found.rows["nfe"].unique()) == laptop.evaluate.nfe
    assert "clearly lower: heun (NFE 2) " in found.sentences[0]
    assert "euler (NFE 20)" in found.sentences[0].split("no clear difference")[1]
    assert "| 20 |" in found.table.markdown().replace("  ", " ").replace("  ", " ")


def test_remarks_on_forms_and_fewer_demonstrations(laptop: Params, tmp_path: Path) -> None:
    form = build(laptop, "parameterisation", tmp_path / "a", lambda run: 0.95 if run.item == "energyflow" else 0.1)
    assert form.sentences[1].startswith("Preconditioned minus raw form")
    assert "with it off" in form.sentences[1]
    assert "+8" in form.sentences[1]
    few = build(
        laptop,
        "demonstrations",
        tmp_path / "b",
        lambda run: 0.95 if run.item == "energyflow" or run.value == "200" else 0.1,
    )
    assert "with 10" in few.sentences[1]
    assert "with 200 demonstrations" in few.sentences[1]
    gain = float(few.sentences[1].split("points: ")[1].split(" ")[0])
    assert gain > 70


def test_levels_compare_the_fields(laptop: Params, tmp_path: Path) -> None:
    found = build(laptop, "levels", tmp_path)
    last = found.rows[found.rows["task"].str.endswith("average")].set_index("level")
    assert list(last.index) == ["0", "S", "M", "L"]
    assert last.loc["L", "difference"] == pytest.approx(50, abs=10)
    assert "clear at level" in found.sentences[0]
    assert found.sentences[0].rstrip(".").endswith("L")


def test_reward_is_judged_by_the_area(laptop: Params, tmp_path: Path) -> None:
    found = build(laptop, "reward", tmp_path, lambda run: 0.0 if run.value in ("1", "0.3") else 0.9)
    assert "clearly lower: 0.3" in found.sentences[0]
    assert "`references`: area under the curve" in found.sentences[1]
    rows = found.rows[found.rows["axis"] == "references"].set_index("value")
    assert rows.loc["1", "area"] == 0.0
    assert rows.loc["64", "final"] > 60


def test_latency_per_action(laptop: Params, tmp_path: Path) -> None:
    found = build(laptop, "latency", tmp_path)
    row = found.rows.query("method == 'energyflow' and batch == 50").iloc[0]
    assert row["per_action"] == pytest.approx(row["ms"] / (8 * 50))
    assert "A processor, 1 thread(s)" in found.table.caption
    assert found.rows.set_index("method").loc["diffusion_policy", "published"].iloc[0] == 32
    assert "EnergyFlow 10.2" in found.sentences[1]  # 8.2 / (40.2 / 50)


def test_missing_rows_and_axes_without_other_values_are_errors(laptop: Params, tmp_path: Path) -> None:
    section = resolve.point_section(laptop, ["head"])
    with pytest.raises(UserError, match="no rows of the axes head"):
        page.build("head", [tmp_path / "results/ablations/evaluate/gamma/1/a/b/energyflow/seed0/episodes.csv"], section)
    own = grid.Run("head", "pooled", "metaworld/assembly", "energyflow", 0)
    path = tmp_path / grid.rows_file(laptop, own)
    write(path, episode_rows(np.random.default_rng(0), own.task, own.item, 0, {("0", 10): 0.5}))
    alone = section.axes["head"].model_copy(update={"values": {"energyflow": ["pooled"]}})
    with pytest.raises(UserError, match="no value but the preset's own"):
        page.build("head", [path], section.model_copy(update={"axes": {"head": alone}}))
