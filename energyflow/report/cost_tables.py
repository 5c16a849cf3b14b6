"""Tables of what the methods cost, and of what the paper says about that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from energyflow.config.sections import ReportParams
from energyflow.report import claims, columns, costs, names
from energyflow.report.columns import fixed, plain, whole, with_interval
from energyflow.report.render import Column, Table


def cost(paths: Sequence[Path], params: ReportParams) -> Table:
    """Cost of each method."""
    frame = costs.cost(paths, params)
    devices, threads = (", ".join(sorted(set(frame[key]))) for key in ("device", "threads"))
    return Table(
        title="Cost of each method",
        caption=(
            "Wall-clock seconds and latency on the machine that made these results"
            f" (device: {devices}; threads per job: {threads}), other jobs running beside them. Latency: one plan at"
            " batch size 1, median over repeats; an executed action costs one plan divided by the executed steps of"
            " its chunk, both of the first task."
            f" Intervals: {100 * params.confidence:g} % bootstrap over runs, or over repeats."
        ),
        frame=frame,
        columns=(
            *(columns.METHOD, columns.NETWORK, columns.PARAMETERS),
            Column("Training steps", whole("steps")),
            Column("Runs", whole("runs")),
            Column("Training (s per run)", with_interval("train_seconds")),
            Column("Training CPU (s)", fixed("train_cpu_seconds")),
            Column("Evaluation (s per run)", fixed("evaluate_seconds")),
            Column("Peak memory (MB)", fixed("peak_memory_mb", 0)),
            columns.NFE,
            Column("Repeats", whole("repeats")),
            Column("ms per plan", with_interval("ms_per_plan", 2)),
            Column("Executed steps", whole("exec_horizon")),
            Column("ms per action", fixed("ms_per_action", 2)),
        ),
        notes=("Peak memory: largest resident set of a training process, libraries included.",),
    )


def claims_cost(paths: Sequence[Path], params: ReportParams) -> Table:
    """The paper's claims about costs."""
    return Table(
        title="What the paper says of costs",
        caption=(
            "Each claim as a ratio of two measurements on the machine that made these results, other jobs running"
            f" beside them. Intervals: {100 * params.confidence:g} % bootstrap over training runs, or over timed plans"
            " (batch size 1)."
        ),
        frame=claims.claims(paths, params),
        columns=(
            Column("The paper's claim", plain("claim"), numeric=False),
            columns.METHOD,
            Column("Rival", lambda row: names.method_name(row["rival"]), numeric=False),
            Column("Measured", plain("quantity"), numeric=False),
            Column("Method's", fixed("value", 2)),
            Column("Rival's", fixed("rival_value", 2)),
            Column("Ratio", with_interval("ratio", 2)),
            Column("Holds below", fixed("limit")),
            Column("Published ratio", fixed("published_ratio", 2)),
            Column("Verdict", plain("verdict"), numeric=False),
        ),
        groups="claim",
        notes=(
            "Holds: the whole interval of the ratio lies below the limit. Contradicted: above. Undecided: it covers it."
            f" Two costs that differ by less than {100 * (claims.ALIKE - 1):.0f} % count as comparable [ours].",
            "Training steps of all methods have the same batch, so the ratio of steps is that of runs of equal length."
            " Plans are as each method makes them by sample: their numbers of evaluations are in the table of costs.",
            "Published ratio: of the paper's milliseconds (another network, on an A100; quoted by third parties).",
        ),
    )
