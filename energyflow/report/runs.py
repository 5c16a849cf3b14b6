"""A figure of one's own runs: losses, and success where they were rolled out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.report import drawing, style
from energyflow.report.names import BASE_LEVEL, MEAN, method_name
from energyflow.report.rows import read_rows, read_table
from energyflow.report.statistics import wilson
from energyflow.report.style import nth_look

PALETTE = "colorblind"
DPI = 150
CONFIDENCE = 0.95
KEYS = ["decoder", "level"]


def success_of(run: Path) -> pd.DataFrame:
    """Success by decoder and level of a run that was evaluated, in percent with Wilson intervals; else no rows.

    Args:
        run: folder of a checkpoint; its rollouts are in `evaluate`.
    """
    files = sorted(run.glob("evaluate/episodes.csv"))
    if not files or "success" not in read_table(files[0], KEYS):  # an environment of a user's may not say it
        return pd.DataFrame(columns=["decoder", "level", "success", "success_low", "success_high"])
    rows = []
    for (decoder, level), part in read_rows(files, ("decoder", "level", "success")).groupby(KEYS, sort=False):
        low, high = wilson(float(part["success"].sum()), len(part), CONFIDENCE)
        share = float(part["success"].mean())
        percent = {"success": 100 * share, "success_low": 100 * low, "success_high": 100 * high}
        rows.append({"decoder": decoder, "level": level} | percent)
    return pd.DataFrame(rows)


def draw_runs(runs: Sequence[Path], out: Path) -> None:
    """Draw the losses of runs, and their success by level where there are rollouts.

    Args:
        runs: folders with model.json and train.csv.
        out: .png, .svg or .pdf file.

    Raises:
        UserError: a folder holds no run, or a file is damaged.
    """
    for run in runs:
        if not (run / "train.csv").is_file():
            raise UserError(f"{run}: no train.csv; name the folder that energyflow train wrote")
    evaluated = {run: success_of(run) for run in runs}
    levels = list(dict.fromkeys(level for rows in evaluated.values() for level in rows["level"]))
    with style.look():
        figure, axes = drawing.panels(2 if levels else 1, 2)
        for place, run in enumerate(runs):
            look, loss = nth_look(place, PALETTE), read_rows([run / "train.csv"], ("step", "loss"))
            about = read_json(run / "model.json")
            label = f"{method_name(about['method'])}, {about['task']}, seed {about['seed']}"
            axes[0].plot(loss["step"], loss["loss"], color=look.colour, lw=1, label=None if levels else label)
            if levels:
                part = evaluated[run].assign(place=[levels.index(level) for level in evaluated[run]["level"]])
                for decoder, own in part.groupby("decoder", sort=False):
                    told, hollow = (f"_{label}", True) if decoder == MEAN else (label, False)
                    drawing.estimates(axes[1], own, "place", "success", look, told, hollow=hollow)
        axes[0].set_xlabel("training step")
        axes[0].set_ylabel("loss")
        if levels:
            drawing.category_axis(axes[1], levels)
            drawing.percent_axis(axes[1])
            axes[1].set_xlabel("level" if levels != [BASE_LEVEL] else "initial states as in training")
            axes[1].set_ylabel("success (%)")
            drawing.decoders(axes[1])
        drawing.legend_below(figure, 2)
        style.save(figure, DPI, [out])
