"""Verdicts and sentences follow the numbers; every point has a table, a figure and words; the page holds them all."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from energyflow.studies.theory.points.estimates import exponent, interval, judge, over_seeds, paired, read_rows

from energyflow.core.errors import UserError
from energyflow.pipeline.params import Params
from energyflow.report.point import listed
from energyflow.studies.theory import grid
from energyflow.studies.theory.page import write_page
from energyflow.studies.theory.points import bound, circulation, generalisation, modes, point, recovery, subjects
from energyflow.studies.theory.sections import VerdictParams

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
    assert exponent([1, 2, 8, 16], [3 * d**0.5 for d in (1, 2, 8, 16)]) == pytest.approx(0.5)
    assert math.isnan(exponent([1, 2], [0.1, -0.1]))


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
    found = paired(seeds.assign(gap=seeds["gap"] + 0.5), seeds, ("subject",), "gap", 0.95).iloc[0]
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
    _, (axes,) = point.panels(1, 1)
    point.limits(axes, pd.Series([0.2, 1.0]), 0.0, 2.0)
    assert axes.get_ylim() == (0.0, 2.0)
    point.limits(axes, pd.Series([-7.0, 3.0]), 0.0, 2.0)
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


@pytest.mark.parametrize("name", list(POINTS))
def test_every_point_writes_its_files_and_the_same_bytes(
    name: str, rows: dict[str, list[Path]], smoke: Params, tmp_path: Path
) -> None:
    inputs = [path for check in grid.POINTS[name] for path in rows.get(check, [])]
    for run in ("first", "second"):
        patterns = grid.TARGET.outputs(smoke.preset)["theory_point"]
        files = [Path(file.format(point=name)).relative_to(grid.TARGET.folder(smoke.preset)) for file in patterns]
        outputs = [tmp_path / run / file for file in files]
        write_point(name, inputs, PARAMS.canonical(), outputs)
    for path in outputs:
        assert path.read_bytes() == (tmp_path / "first" / path.relative_to(tmp_path / "second")).read_bytes()
    page = tmp_path / "second/README.md"
    write_page(outputs, page)
    text = page.read_text()
    assert f"![{POINTS[name](inputs, PARAMS).title}](figures/{name}.png)" in text
    assert "nan" not in text.lower().replace("dominant", "")


def test_points_of_the_grid_are_points_of_the_report() -> None:
    assert set(grid.POINTS) == set(POINTS)
    assert {check for checks in grid.POINTS.values() for check in checks} == set(grid.CHECKS)
