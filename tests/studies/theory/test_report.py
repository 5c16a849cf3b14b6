"""Verdicts and sentences follow the numbers; every point has a table, a figure and words; the page holds them all."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.report import drawing, point, style
from energyflow.report.page import assemble
from energyflow.report.seeds import difference, interval, over_seeds
from energyflow.report.wording import grouped, listed
from energyflow.studies.registry import STUDIES
from energyflow.studies.theory import page, study
from energyflow.studies.theory.page import POINTS
from energyflow.studies.theory.points import bound, circulation, generalisation, modes, recovery, subjects
from energyflow.studies.theory.points.verdicts import band, exponent, judge, read_rows
from energyflow.studies.theory.sections import VerdictParams
from tests.report import drawn

from . import synthetic

PARAMS = VerdictParams(confidence=0.95, tolerance=0.1, dpi=60, palette="colorblind")


def test_the_interval_is_students() -> None:
    mean, low, high = interval([1.0, 2.0, 3.0], 0.95)
    assert mean == 2.0
    assert high - mean == pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)  # t of two degrees of freedom
    assert mean - low == pytest.approx(high - mean)
    assert np.isnan(interval([1.0], 0.95)[1:]).all()


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.95, 1.05, "holds"), (0.8, 0.85, "fails"), (1.2, 9.0, "fails"), (0.85, 0.95, "open"), (0.5, 1.5, "open")],
)
def test_a_prediction_holds_fails_or_stays_open(low: float, high: float, verdict: str) -> None:
    assert judge(low, high, 1.0, 0.1) == verdict


def test_one_seed_decides_nothing() -> None:
    assert judge(math.nan, math.nan, 1.0, 0.1) == "open"


def test_exponents() -> None:
    d = np.array([1, 2, 8, 16])
    assert exponent(pd.DataFrame({"d": d, "gap": 3 * d**0.5}), "d", "gap") == pytest.approx(0.5)
    assert math.isnan(exponent(pd.DataFrame({"d": [1, 2], "gap": [0.1, -0.1]}), "d", "gap"))
    assert math.isnan(exponent(pd.DataFrame({"d": [1], "gap": [0.1]}), "d", "gap"))


def test_two_rows_of_one_seed_are_an_error() -> None:
    rows = pd.DataFrame({"subject": ["a", "a"], "seed": [0, 0], "slope": [1.0, 2.0]})
    with pytest.raises(UserError, match="two rows of one seed"):
        over_seeds(rows, ("subject",), ("slope",), 0.95)


def test_missing_rows_are_named() -> None:
    with pytest.raises(UserError, match="recovery"):
        read_rows([Path("results/theory/check/bound/a/seed0/rows.csv")], "recovery")


def test_names() -> None:
    assert subjects.label("gaussian8") == "Gaussian (d = 8)"
    assert subjects.label("modes12") == "Modes (separation 12)"
    assert subjects.label("metaworld/hammer") == "Hammer"
    assert listed(["a", "b", "c"]) == "a, b and c"


def edited(path: Path, tmp_path: Path, **values: float) -> Path:
    """The rows of a file with some columns replaced, at a path of the same form."""
    out = tmp_path / Path(*path.parts[path.parts.index("results") :])
    out.parent.mkdir(parents=True)
    pd.read_csv(path).assign(**values).to_csv(out, index=False)
    return out


def test_a_violated_bound_fails(rows: dict[str, list[Path]], tmp_path: Path) -> None:
    assert bound.build(rows["bound"], PARAMS).sentences[0].startswith("No pair beyond the bound: holds; at most 0 %")
    bad = [edited(rows["bound"][0], tmp_path, violated=0.25), *rows["bound"][1:]]
    assert "fails; at most 12.5 %" in bound.build(bad, PARAMS).sentences[0]


def test_a_curl_in_an_energy_fails(rows: dict[str, list[Path]], tmp_path: Path) -> None:
    assert "the claim holds" in circulation.build(rows["circulation"], PARAMS).sentences[0]
    bad = [edited(rows["circulation"][0], tmp_path, rotational=1e-3), *rows["circulation"][1:]]
    assert "the claim fails" in circulation.build(bad, PARAMS).sentences[0]


def test_noise_of_the_right_slope_is_no_recovery() -> None:
    made = [
        {"slope_low": 0.95, "slope_high": 1.05, "correlation_low": low, "correlation_high": high}
        for low, high in ((0.95, 0.99), (0.4, 0.5), (0.85, 0.95))
    ]
    assert recovery.both(pd.DataFrame(made), 0.1)["verdict"].tolist() == ["holds", "fails", "open"]


def test_what_seeds_share_cancels_in_a_paired_difference() -> None:
    seeds = pd.DataFrame({"subject": "a", "seed": [0, 1, 2], "gap": [5.0, -3.0, 1.0]})
    found = difference(seeds.assign(gap=seeds["gap"] + 0.5), seeds, ("subject",), "gap", 0.95).iloc[0]
    assert (found["difference"], found["difference_low"], found["difference_high"]) == (0.5, 0.5, 0.5)


def test_nothing_is_asked_of_a_model_where_smoothing_decides() -> None:
    made = {"subject": "modes4", "separation": 4.0, "reader": "single", "order": 1.0, "rms": 0.1}
    rows = [
        made | {"sigma": sigma, "seed": seed, "slope": slope + 0.001 * seed, "slope_exact": exact}
        for seed in (0, 1, 2)
        for sigma, slope, exact in ((0.03, 0.2, 1.0), (0.1, 1.0, 0.98), (3.0, 0.2, 0.2))
    ]
    assert modes.judgements(pd.DataFrame(rows), PARAMS)["verdict"].tolist() == ["fails", "holds", "smoothed"]


def test_every_value_is_inside_the_axes() -> None:
    _, (axes,) = drawing.panels(1)
    band(axes, 1.0, 0.1, pd.Series([0.2, 1.0]), 0.0, 2.0)
    assert axes.get_ylim() == (0.0, 2.0)
    band(axes, 1.0, 0.1, pd.Series([-7.0, 3.0]), 0.0, 2.0)
    assert axes.get_ylim()[0] < -7.0
    assert axes.get_ylim()[1] > 3.0


def test_exponents_of_the_gap_are_compared_per_seed() -> None:
    made = [
        {"family": "gaussian", "subject": f"gaussian{d}", "dim": d, "model": model, "demos": 64, "seed": seed,
         "gap": (1.0 + 0.1 * seed) * d**power}
        for d in (1, 2, 8) for model, power in (("energyflow", 0.2), ("unconstrained", 0.6)) for seed in (0, 1, 2)
    ]  # fmt: skip
    found = generalisation.exponents(pd.DataFrame(made))
    assert found["difference"].to_numpy() == pytest.approx(0.4)


def test_the_predicted_gap_is_relative_to_the_energys() -> None:
    """At d = 4 the energy's gap has grown by 3, so the field's is predicted to have grown by 3 sqrt(4)."""
    made = [("energyflow", 1, 0.1), ("energyflow", 4, 0.3), ("unconstrained", 1, 0.2), ("unconstrained", 4, 9.0)]
    frame = pd.DataFrame(made, columns=["model", "dim", "gap"])
    assert generalisation.predicted(frame, "gap").to_dict() == {1: pytest.approx(0.2), 4: pytest.approx(1.2)}
    assert generalisation.predicted(frame.assign(gap=-0.1), "gap").empty


def test_every_point_is_written_in_every_format(rows: dict[str, list[Path]], smoke: Params, tmp_path: Path) -> None:
    files = []
    for name in POINTS:
        inputs = [path for check in study.POINTS[name] for path in rows.get(check, [])]
        patterns = STUDIES["theory"].outputs(smoke.preset)["theory_point"]
        names = [Path(file.format(point=name)).relative_to(STUDIES["theory"].folder(smoke.preset)) for file in patterns]
        with style.look():
            made = page.build(name, inputs, PARAMS)
        outputs = [tmp_path / file for file in names]
        point.write(made, PARAMS.dpi, outputs)
        assert all(path.stat().st_size > 0 for path in outputs)
        drawn.check_readable(made.figure)
        files += outputs
    assemble(page.HEAD, files, tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text()
    assert text.count("![") == len(POINTS)
    assert "nan" not in text.lower().replace("dominant", "")


@pytest.fixture(scope="module")
def full(laptop: Params, tmp_path_factory: pytest.TempPathFactory) -> dict[str, point.Point]:
    """Every point of rows in the sizes of the preset laptop."""
    made = synthetic.write_rows(laptop, tmp_path_factory.mktemp("full"))
    with style.look():
        return {
            name: page.build(name, [path for check in checks for path in made[check]], PARAMS)
            for name, checks in study.POINTS.items()
        }


@pytest.mark.parametrize("name", list(POINTS))
def test_a_figure_is_readable_and_its_legend_complete(name: str, full: dict[str, point.Point]) -> None:
    drawn.check_readable(full[name].figure)
    looks = drawn.legend(full[name].figure)
    assert len(set(looks.values())) == len(looks)


def at_base(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows["demos"] == rows["demos"].max()) & (rows["steps"] == rows["steps"].max())]


def single(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["reader"] == "single"]


@pytest.mark.parametrize(
    ("name", "panel", "at", "value", "by", "label", "chosen"),
    [
        ("recovery", 0, "sigma", "slope", "subject", subjects.label, at_base),
        ("recovery", 1, "sigma", "slope_sharp", "subject", subjects.label, at_base),
        ("lipschitz", 0, "dim", "energy", "model", subjects.MODELS.__getitem__, None),
        ("lipschitz", 1, "dim", "ratio", "model", subjects.MODELS.__getitem__, None),
        ("modes", 0, "sigma", "slope", "separation", lambda value: f"{value:g} widths", single),
    ],
)
def test_each_line_shows_its_rows(
    full: dict[str, point.Point], name: str, panel: int, at: str, value: str, by: str, label: Any, chosen: Any
) -> None:
    frame, axes = full[name].rows, full[name].figure.axes[panel]
    frame = frame if chosen is None else chosen(frame)
    lines = drawn.lines(axes)
    assert frame[by].nunique() > 3
    for each, part in frame.groupby(by):
        ordered = part.sort_values(at)
        assert lines[label(each)] == pytest.approx(ordered[[at, value]].to_numpy())
        ends = ordered[[f"{value}_low", f"{value}_high"]].to_numpy()
        assert drawn.whiskers(axes, label(each)) == pytest.approx(ends)


def test_the_gap_is_drawn_by_model_and_number_of_demonstrations(full: dict[str, point.Point]) -> None:
    found = full["generalisation"]
    for row, family in enumerate(("gaussian", "mixture")):
        own = found.rows[found.rows["family"] == family]
        for column, value in ((0, "gap"), (2, "gap_shifted")):
            lines = drawn.lines(found.figure.axes[3 * row + column])
            for (model, n), part in own.groupby(["model", "demos"]):
                ordered = part[part[value] > 0].sort_values("dim")
                label = f"{subjects.MODELS[model]}, n = {grouped(n)}"
                assert lines[label] == pytest.approx(ordered[["dim", value]].to_numpy())


def test_errors_are_drawn_below_their_bound(full: dict[str, point.Point]) -> None:
    found = full["bound"]
    at = found.rows[found.rows["sigma"] == 0.3].set_index("subject")
    for axes in found.figure.axes:
        lines = drawn.lines(axes)
        assert len(lines["largest error"]) == len(lines["median error"]) == 4
        assert (lines["largest error"][:, 1] > lines["median error"][:, 1]).all()
        (subject,) = [name for name in at.index if subjects.label(name) == axes.get_title()]
        bound_line = lines["bound eta |a - a'|"]
        slope = (bound_line[:, 1] / bound_line[:, 0])[0]  # of the first seed, one of three
        assert at.loc[subject, "eta_low"] <= slope <= at.loc[subject, "eta_high"]


def test_demonstrators_are_drawn_beside_their_names(full: dict[str, point.Point]) -> None:
    found = full["misfit"]
    order, slope = found.figure.axes
    ticks = [tick.get_text() for tick in order.get_yticklabels()]
    at = found.rows[(found.rows["reader"] == "single") & (found.rows["sigma"] == 0.1)].set_index("subject")
    assert ticks == [subjects.label(name) for name in at.index]
    for axes, value in ((order, "agreement"), (slope, "slope")):
        lines = drawn.lines(axes)
        for label, column in (("measured, sigma = 0.1", value), ("predicted: theory leaves", f"{value}_exact")):
            expected = np.column_stack([at[column], range(len(at))])
            assert lines[label] == pytest.approx(expected)


def test_only_unconstrained_fields_have_cyclic_preferences_in_the_figure(full: dict[str, point.Point]) -> None:
    found = full["circulation"]
    for row, kind in enumerate(("expert", "robot")):
        axes = found.figure.axes[3 * row + 2]
        assert axes.get_ylabel() == "cyclic preferences (%)"
        drawn_at: dict[str, list[float]] = {}
        for container in axes.containers:
            drawn_at.setdefault(container.get_label(), []).extend(drawn.points(container.lines[0])[:, 1])
        for model in ("energyflow", "unconstrained"):
            rows = found.rows[(found.rows["kind"] == kind) & (found.rows["triangles"] == "support")]
            expected = rows[rows["model"] == model]["cyclic"]
            assert sorted(drawn_at[subjects.MODELS[model]]) == pytest.approx(sorted(expected))


def test_agreement_is_drawn_as_the_mean_over_experts(full: dict[str, point.Point]) -> None:
    found = full["baseline"]
    centred = found.rows[found.rows["reward"] == "centred"]
    for axes, value in zip(found.figure.axes[1:], ("within", "across"), strict=True):
        for (reference, draw), part in centred.groupby(["reference", "draw"]):
            name = {"normal": "N(0, I)", "proposals": "proposals"}[reference]
            mean = part.groupby("m")[value].mean()
            assert drawn.lines(axes)[f"{name}, {draw}"][:, 1] == pytest.approx(mean.to_numpy())


def test_points_of_the_grid_are_points_of_the_page() -> None:
    assert list(study.POINTS) == list(POINTS)
    assert {check for checks in study.POINTS.values() for check in checks} == set(study.CHECKS)
