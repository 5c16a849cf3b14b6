"""Tables of success beyond the training range."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from energyflow.config.sections import ReportParams
from energyflow.report import captions, columns, names, robustness, summaries
from energyflow.report.columns import fixed, plain, with_interval
from energyflow.report.render import Column, Table
from energyflow.report.wording import joined

REFERENCE = names.method_name(names.REFERENCE)


def ood(paths: Sequence[Path], params: ReportParams) -> Table:
    """Success by decoder and perturbation level."""
    rows = summaries.episodes(paths, "table ood")
    return Table(
        title="Out-of-distribution success by perturbation level",
        caption=joined(
            "Success in percent. Run here:",
            *(captions.budget(rows), captions.training(paths), captions.intervals(params)),
        ),
        frame=robustness.ood(rows, params),
        columns=(
            *(columns.TASK, columns.DECODER, columns.LEVEL, columns.METHOD, columns.N),
            columns.SUCCESS,
            columns.interval_column(params, "success"),
            Column(f"Drop from level {names.BASE_LEVEL}", with_interval("drop", sign="+")),
            Column("Expert ceiling", fixed("expert")),
            Column("Success where the expert succeeds", with_interval("solvable")),
        ),
        groups="task",
        notes=(
            *_levels(paths, "table ood"),
            "Drop: paired over the same checkpoints and initial-state seeds, in percentage points.",
            "Expert ceiling: success of the scripted expert on the same states. States that it cannot solve are left"
            " out of the last column.",
        ),
    )


def _levels(paths: Sequence[Path], wanted_by: str) -> tuple[str, str]:
    moved = robustness.distances(paths, wanted_by)
    levels = f"Levels move the initial hand, object and goal beyond the training range; {names.BASE_LEVEL} does not."
    return joined(levels, str(moved) if moved else "The distances differ between tasks."), captions.DECODERS


def ood_differences(paths: Sequence[Path], params: ReportParams) -> Table:
    """The paper's claim of robustness: differences and verdicts at every level beyond the training range."""
    rows = summaries.episodes(paths, "table ood_differences")
    ceiling = f"{100 * robustness.CEILING:g} %"
    return Table(
        title=f"{REFERENCE} out of distribution against its rivals",
        caption=joined(
            f"Success of {REFERENCE} minus that of each rival, in percentage points. Run here:",
            *(captions.budget(rows), captions.training(paths), captions.intervals(params)),
        ),
        frame=robustness.differences(rows, params),
        columns=(
            *(columns.TASK, columns.DECODER, columns.LEVEL),
            Column("Rival", lambda row: names.method_name(row["rival"]), numeric=False),
            columns.N,
            Column("Expert ceiling", fixed("expert")),
            columns.DIFFERENCE,
            Column("More successful", plain("verdict"), numeric=False),
            Column(f"Relative to level {names.BASE_LEVEL}", with_interval("relative", sign="+")),
            Column("Loses less", plain("verdict_relative"), numeric=False),
        ),
        groups="task",
        notes=(
            "The paper's claim: EnergyFlow is more robust out of distribution than Diffusion Policy and Flow Policy,"
            " significantly so under medium and large perturbations. The unconstrained field is the same network"
            " without the conservative constraint.",
            "Difference: paired on the initial states of the level. Relative: difference at the level minus difference"
            f" at level {names.BASE_LEVEL}, of the same checkpoints and initial-state seeds; above 0 {REFERENCE} loses"
            " less than its rival.",
            "Holds: the whole interval lies above 0. Contradicted: below. Undecided: it covers 0. Not testable: the"
            f" scripted expert itself succeeds in less than {ceiling} at the level, or was not run.",
            *_levels(paths, "table ood_differences"),
        ),
    )
