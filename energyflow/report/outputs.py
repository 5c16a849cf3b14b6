"""What the command line calls: a table, a figure, the data of `dvc plots`, the numbers of `dvc metrics`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from energyflow.config import layout
from energyflow.config.plots import PLOTS as PLOT_SECTIONS
from energyflow.config.plots import Plot
from energyflow.config.section import parse_section
from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError, nearest
from energyflow.core.files import write_csv, write_json, write_text
from energyflow.report import learning, names, robustness, style, summaries
from energyflow.report.figures import FIGURES
from energyflow.report.rows import select
from energyflow.report.tables import TABLES


def _suffixes(outputs: Sequence[Path], wanted: tuple[str, ...], what: str) -> dict[str, Path]:
    found = {path.suffix.removeprefix("."): path for path in outputs}
    if set(found) != set(wanted) or len(found) != len(outputs):
        raise UserError(f"{what}: expected one output each of {', '.join(wanted)}; got {list(map(str, outputs))}")
    return found


def write_table(name: str, inputs: Sequence[Path], params: ReportParams, outputs: Sequence[Path]) -> None:
    """Write one table as CSV, Markdown and LaTeX.

    Args:
        name: key of `tables.TABLES`.
        inputs: files of rows, told apart by their stage and file name.
        params: the report section.
        outputs: one .csv, one .md, one .tex.

    Raises:
        UserError: unknown table, or an input is missing, incomplete or contradictory.
    """
    if name not in TABLES:
        raise UserError(f"unknown table '{name}'; {nearest(name, list(TABLES))}")
    files = _suffixes(outputs, ("csv", "md", "tex"), f"table {name}")
    table = TABLES[name](inputs, params)
    write_csv(files["csv"], table.csv())
    write_text(files["md"], table.markdown())
    write_text(files["tex"], table.latex())


def write_figure(name: str, inputs: Sequence[Path], plot: Plot, report: ReportParams, outputs: Sequence[Path]) -> None:
    """Draw one figure in the format of each output's suffix; equal inputs and options give equal bytes.

    Args:
        name: key of `figures.FIGURES`.
        inputs: files of rows, told apart by their stage and file name.
        plot: the figure's own section, of the class that `config.plots.PLOTS` names.
        report: the report section.
        outputs: .png, .svg and .pdf files.

    Raises:
        UserError: unknown figure, or an input is missing, incomplete or contradictory.
    """
    if name not in FIGURES:
        raise UserError(f"unknown figure '{name}'; {nearest(name, FIGURES)}")
    with style.look():
        style.save(FIGURES[name](inputs, plot, report), plot.dpi, outputs)


def draw(name: str, params: str, report: str, inputs: Sequence[Path], outputs: Sequence[Path]) -> None:
    """`write_figure` with both sections as JSON; raises as it does, and where a section does not fit."""
    if name not in PLOT_SECTIONS:
        raise UserError(f"unknown figure '{name}'; {nearest(name, PLOT_SECTIONS)}")
    plot = parse_section(PLOT_SECTIONS[name], params)
    write_figure(name, inputs, plot, parse_section(ReportParams, report), outputs)


def write_plot_data(inputs: Sequence[Path], params: ReportParams, outputs: Sequence[Path]) -> None:
    """Write the small CSV files that `dvc plots` draws, one per name in `paths.PLOT_DATA`.

    Each has one row per mark of each method (or source), the line that it belongs to: averages over tasks where there
    are several. The templates of `.dvc/plots` draw one line per name.

    Raises:
        UserError: an output of an unknown name, or an input is missing or incomplete.
    """
    for path in outputs:
        if path.stem not in PLOTS:
            raise UserError(f"{path}: unknown plot data '{path.stem}'; {nearest(path.stem, list(PLOTS))}")
        write_csv(path, PLOTS[path.stem](inputs, params).round(4))


def _lines(frame: pd.DataFrame, x: str, by: str, value: str = "success") -> pd.DataFrame:
    """Columns `name`, `<x>`, `<value>`, `<value>_low`, `<value>_high`."""
    values = [value, f"{value}_low", f"{value}_high"]
    return frame[[by, x, *values]].rename(columns={by: "name"}).astype(dict.fromkeys(values, float))


def _plot_ood(inputs: Sequence[Path], params: ReportParams) -> pd.DataFrame:
    frame = summaries.overall(robustness.ood(by_sample(inputs, "plots"), params))
    return _lines(frame, "level", "method")


def by_sample(inputs: Sequence[Path], wanted_by: str) -> pd.DataFrame:
    """Rows of episodes by sample, and of the expert."""
    return summaries.decoded(summaries.episodes(inputs, wanted_by), names.SAMPLE)


def _plot_nfe(inputs: Sequence[Path], params: ReportParams) -> pd.DataFrame:
    frame = summaries.overall(summaries.nfe(summaries.sweep(inputs, "plots"), params))
    return _lines(frame.sort_values("nfe", kind="stable"), "nfe", "method")


def _plot_learning(inputs: Sequence[Path], params: ReportParams) -> pd.DataFrame:
    curves = learning.bands(learning.curve_rows(inputs, "plots"), params)
    return _lines(curves[curves["task"] == curves["task"].iloc[0]], "step", "source")


def _plot_loss(inputs: Sequence[Path], _params: ReportParams) -> pd.DataFrame:
    frame = summaries.losses(inputs, "plots")
    mean = frame.groupby(["method", "step"], sort=False)[["loss", "loss_low", "loss_high"]].mean().reset_index()
    return _lines(mean, "step", "method", "loss")


PLOTS = {"ood": _plot_ood, "nfe": _plot_nfe, "learning": _plot_learning, "loss": _plot_loss}


def write_metrics(inputs: Sequence[Path], params: ReportParams, outputs: Sequence[Path]) -> None:
    """Write the numbers behind `dvc metrics`, in percent: a file a method, and one a source of reward below `sac`.

    Of a method, success by each decoder at level 0 (`sample`, `mean`), and by sample at each other level; of a source,
    as in its table. All are averages over tasks.

    Raises:
        UserError: an input is missing or incomplete.
    """
    rows, curves = summaries.episodes(inputs, "metrics"), select(inputs, "shape", "curve.csv")
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for row in summaries.overall(summaries.success(rows, params)).to_dict("records"):
        for decoder in (names.SAMPLE, names.MEAN):
            found[row["method"]][decoder] = row[f"by_{decoder}"]
    levels = summaries.overall(robustness.ood(summaries.decoded(rows, names.SAMPLE), params))
    for row in levels[levels["level"] != "0"].to_dict("records"):
        found[row["method"]][str(row["level"])] = row["success"]
    if curves:
        shaped = learning.learning(learning.curve_rows(curves, "metrics"), params)
        means = shaped.groupby("source")[["final", "area", "peak"]].mean()
        for source, row in means.to_dict("index").items():
            found[f"{layout.SAC}{source}"] = {str(key): value for key, value in row.items()}
    for path in outputs:
        entry = found.get(f"{layout.SAC}{path.stem}" if f"{path.parent.name}/" == layout.SAC else path.stem, {})
        write_json(path, {key: round(float(value), 2) for key, value in entry.items() if pd.notna(value)})
