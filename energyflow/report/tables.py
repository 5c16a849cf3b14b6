"""One builder per table: inputs -> rows (in percent) -> the columns, caption and notes for a reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from energyflow.config.sections import ReportParams
from energyflow.report import captions, columns, costs, learning, names, published, summaries
from energyflow.report.columns import NONE, fixed, plain, whole, with_interval
from energyflow.report.render import Column, Row, Table
from energyflow.report.wording import counted, grouped, joined, span

Build = Callable[[Sequence[Path], ReportParams], Table]

REFERENCE = names.method_name(names.REFERENCE)


def _reported(row: Row) -> str:
    if row["published"] is None:
        return NONE
    return f"{row['published']:.1f}" + ("" if row["published_std"] is None else f" ± {row['published_std']:.1f}")


def _covered(row: Row) -> str:
    return NONE if row["covered"] is None else "yes" if row["covered"] else "no"


def _iqm(row: Row) -> str:
    # For the few seeds of a single task it would only repeat the mean.
    return with_interval("iqm")(row) if names.is_average(row["task"]) else NONE


def _success(params: ReportParams) -> tuple[Column, ...]:
    return columns.N, columns.SEEDS, columns.SUCCESS, columns.interval_column(params, "success")


def success(paths: Sequence[Path], params: ReportParams) -> Table:
    """Success by task and method, with the published numbers beside ours."""
    rows = summaries.episodes(paths, "table success")
    base = rows[rows["level"] == names.BASE_LEVEL]
    frame = summaries.success(rows, params)
    return Table(
        title="Success by task and method",
        caption=joined(
            f"Success at level {names.BASE_LEVEL} (unperturbed initial states), in percent. Run here:",
            captions.run(paths, base, params),
        ),
        frame=frame,
        columns=(
            *(columns.TASK, columns.METHOD, *_success(params)),
            Column("Worst seed", fixed("worst_seed")),
            Column("IQM", _iqm),
            Column(f"Minus {REFERENCE}", with_interval("difference", sign="+")),
            Column("Published", _reported),
            Column("on", plain("published_on"), numeric=False),
            Column("Grade", plain("grade"), numeric=False),
            Column("Interval covers it", _covered, numeric=False),
        ),
        groups="task",
        notes=(
            "n: episodes. Worst seed: lowest success of one training seed on one task. IQM: interquartile mean of the"
            " scores of all seeds and tasks.",
            f"Minus {REFERENCE}: paired difference on the same initial states, in percentage points.",
            "Published: success in the paper, ± its standard deviation where given, and what its policies were trained"
            " on. Grade of its source: primary (official README), secondary (quoted by third parties), derived (implied"
            " by another quoted number). Covers: the published value, to its rounding, lies in our interval; the"
            " budgets differ as stated above.",
            f"Both {REFERENCE} (our preconditioned energy) and {names.method_name('energyflow_paper')} are set against"
            " the one number that the paper gives for its method.",
            "Scripted expert: the ceiling on these initial states; it has no training seeds.",
            *filter(None, [captions.variants(base), captions.demonstrations(paths)]),
        ),
    )


def ranking(paths: Sequence[Path], params: ReportParams) -> Table:
    """Methods of each suite, best first, and what the runs say about the paper's order."""
    rows = summaries.episodes(paths, "table ranking")
    base = rows[rows["level"] == names.BASE_LEVEL]
    return Table(
        title="Ranking of the methods",
        caption=joined(
            f"Interquartile mean (IQM) of success at level {names.BASE_LEVEL}, in percent, over seeds and the tasks of"
            " the suite that every method was run on.",
            "Run here:",
            captions.run(paths, base, params),
        ),
        frame=summaries.ranking(rows, params),
        columns=(
            Column("Suite", lambda row: names.suite_name(names.suite(row["task"])), numeric=False),
            Column("Rank", whole("rank")),
            columns.METHOD,
            Column("Tasks", whole("tasks")),
            *(columns.N, columns.SEEDS),
            Column("IQM", with_interval("iqm")),
            Column(f"Better than {REFERENCE} (%)", with_interval("improvement")),
            Column("Published", fixed("published")),
            Column("Published rank", whole("published_rank")),
            Column(f"{REFERENCE} above it, as published", plain("verdict"), numeric=False),
        ),
        groups="task",
        notes=(
            f"Better than {REFERENCE}: probability of improvement as in rliable, the share of pairs of runs (one of"
            " each method, same task) in which the method has the higher success, ties counted half, averaged over"
            " tasks. Even: 50 %. Resampled as above, never narrower than the Wilson interval of as many runs.",
            "Published: mean of the paper's numbers for the same tasks. Rank: among the methods listed.",
            "Holds: the whole interval lies below 50 %. Contradicted: above. Undecided: it covers 50 %.",
        ),
    )


def ood(paths: Sequence[Path], params: ReportParams) -> Table:
    """Success by perturbation level."""
    rows = summaries.episodes(paths, "table ood")
    return Table(
        title="Out-of-distribution success by perturbation level",
        caption=joined(
            "Success in percent. Run here:",
            *(captions.budget(rows), captions.training(paths), captions.intervals(params)),
        ),
        frame=summaries.ood(rows, params),
        columns=(
            *(columns.TASK, columns.LEVEL, columns.METHOD, *_success(params)),
            Column(f"Drop from level {names.BASE_LEVEL}", with_interval("drop", sign="+")),
            Column("Expert ceiling", fixed("expert")),
            Column("Success where the expert succeeds", with_interval("solvable")),
        ),
        groups="task",
        notes=(
            "Levels move the initial hand, object and goal beyond the training range, by distances in metres"
            f" that params.yaml states (evaluate.levels). Level {names.BASE_LEVEL} is unperturbed.",
            "Drop: paired over the same checkpoints and initial-state seeds, in percentage points.",
            "Expert ceiling: success of the scripted expert on the same states. States that it cannot solve are left"
            " out of the last column.",
        ),
    )


def nfe(paths: Sequence[Path], params: ReportParams) -> Table:
    """Success by number of function evaluations."""
    rows = summaries.sweep(paths, "table nfe")
    states = rows.groupby(["task", "method", "seed", "nfe"])["env_seed"].nunique()
    return Table(
        title="Success by number of function evaluations (NFE)",
        caption=joined(
            f"Success at level {names.BASE_LEVEL}, in percent: {counted(rows['task'].nunique(), 'task')},"
            f" {counted(rows['seed'].nunique(), 'training seed')}, {span(states)} initial states per seed"
            " and NFE.",
            captions.intervals(params),
        ),
        frame=summaries.nfe(rows, params),
        columns=(columns.TASK, columns.METHOD, columns.NFE, *_success(params)),
        groups="task",
        notes=("NFE: network evaluations per plan; one plan serves several executed actions (cost table).",),
    )


def _solved(row: Row) -> str:
    point, low, high = (
        "never" if row[key] is None else grouped(row[key])
        for key in ("solved_step", "solved_step_low", "solved_step_high")
    )
    return point if low == high == point else f"{point} [{low}, {high}]"


def learned(paths: Sequence[Path], params: ReportParams) -> Table:
    """Summary of the learning curves by source of reward, with verdicts on the paper's claim."""
    rows = learning.curve_rows(paths, "table learning")
    frame = learning.learning(rows, params)
    episodes = rows.groupby(["task", "source", "seed", "step"])["episode"].nunique()
    marks = rows.groupby(["task", "source", "seed"])["step"].nunique()
    verdicts = [row for row in frame.to_dict("records") if isinstance(row["verdict"], str)]
    return Table(
        title="Reward shaping: SAC on each source of reward",
        caption=joined(
            f"True success in percent. Run here: {counted(rows['seed'].nunique(), 'seed')} per source,"
            f" {span(frame['steps'])} environment steps (the paper:"
            f" {grouped(published.protocol('sac')['steps'])}),"
            f" {span(episodes)} deterministic evaluation episodes at each of {span(marks)} marks; n is the number of"
            " episodes at one mark.",
            captions.intervals(params),
        ),
        frame=frame,
        columns=(
            *(columns.TASK, columns.SOURCE, columns.N, columns.SEEDS),
            Column("Final success", with_interval("final")),
            Column("Area under the curve", with_interval("area")),
            Column("Best mark", with_interval("peak")),
            Column("at step", whole("peak_step")),
            Column(f"First step with ≥ {100 * learning.SOLVED:g} %", _solved),
            Column("The paper's claim", plain("claim"), numeric=False),
            Column("On these curves", plain("verdict"), numeric=False),
        ),
        groups="task",
        notes=(
            *(
                f"Claim: {r['claim']} ({names.task_name(r['task'])}). **{r['verdict'].capitalize()}**"
                f" ({r['evidence']})."
                for r in verdicts
            ),
            "Holds, with its whole interval: sparse – the centred energy has the larger area; raw – final success"
            f" below {100 * learning.FAILS:g} %; centred – area less than {100 * learning.NEAR:g} points behind the"
            " dense oracle; centred + sparse – larger area than each other source of the paper. Contradicted: the"
            " whole interval says the opposite. Undecided: it covers both.",
            "Area: success averaged over the steps covered. Best mark: the mark with the highest mean, hence"
            " optimistic; its gap to the final success shows a drift after learning. Never: not in these steps.",
        ),
    )


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


TABLES: dict[str, Build] = {
    "success": success,
    "ranking": ranking,
    "ood": ood,
    "nfe": nfe,
    "learning": learned,
    "cost": cost,
}
