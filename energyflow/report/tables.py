"""One builder per table: inputs -> rows (in percent) -> the columns, caption and notes for a reader.

Those of levels and of costs stand in level_tables.py and cost_tables.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from energyflow.config.sections import ReportParams
from energyflow.report import captions, columns, costs, learning, names, published, summaries
from energyflow.report.columns import NONE, fixed, plain, whole, with_interval
from energyflow.report.cost_tables import claims_cost, cost
from energyflow.report.level_tables import ood, ood_differences
from energyflow.report.ranking import ranking
from energyflow.report.render import Column, Row, Table
from energyflow.report.wording import counted, grouped, joined, span

Build = Callable[[Sequence[Path], ReportParams], Table]

REFERENCE = names.method_name(names.REFERENCE)


def _reported(row: Row) -> str:
    std = "" if row["published_std"] is None else f" ± {row['published_std']:.1f}"
    spread = "" if row["published_low"] is None else f"{row['published_low']:g}–{row['published_high']:g}"
    if row["published"] is None:
        return spread or NONE
    return f"{row['published']:.1f}{std}" + (f" ({spread})" if spread else "")


def _covered(row: Row) -> str:
    told = {decoder: row[f"covered_{decoder}"] for decoder in (names.SAMPLE, names.MEAN)}
    if all(value is None for value in told.values()):
        return NONE
    return {2: "both", 0: "neither"}.get(sum(map(bool, told.values())), next((d for d in told if told[d]), NONE))


def _success(params: ReportParams) -> tuple[Column, ...]:
    return columns.N, columns.SEEDS, columns.SUCCESS, columns.interval_column(params, "success")


def _by_decoder(header: str, name: str, sign: str = "") -> tuple[Column, ...]:
    return tuple(
        Column(header.format(decoder), with_interval(f"{name}_{decoder}", sign=sign))
        for decoder in (names.SAMPLE, names.MEAN)
    )


def success(paths: Sequence[Path], params: ReportParams) -> Table:
    """Success by task and method with both decoders, CPU seconds of training, and the published numbers."""
    rows = summaries.episodes(paths, "table success")
    base = rows[rows["level"] == names.BASE_LEVEL]
    seconds = costs.cpu_seconds(paths, params, "table success")
    frame = summaries.success(rows, params).merge(seconds, "left", ["task", "method"])
    return Table(
        title="Success by task and method",
        caption=joined(
            f"Success at level {names.BASE_LEVEL} (unperturbed initial states), in percent. Run here:",
            captions.run(paths, base, params),
        ),
        frame=frame,
        columns=(
            *(columns.TASK, columns.METHOD, columns.N),
            *_by_decoder("By {} (%)", "by"),
            Column("Mean - sample", with_interval("gain", sign="+")),
            *_by_decoder(f"Minus {REFERENCE}, by {{}}", "difference", "+"),
            Column("Training CPU (s)", fixed("train_cpu_seconds", 0)),
            Column("Published", _reported),
            Column("Grade", plain("grade"), numeric=False),
            Column("Intervals cover it", _covered, numeric=False),
        ),
        groups="task",
        notes=(
            f"{captions.DECODERS} Both columns are of the same checkpoints on the same initial states, and n is the"
            " number of episodes behind each. The larger of the two would be chosen on the rows that it is scored on:"
            " no column holds it.",
            f"Mean - sample, and minus {REFERENCE} (each method by the same decoder): paired differences on the same"
            " initial states, in percentage points.",
            "Training CPU: mean CPU seconds of a training run, all threads, the simulator's included where a method"
            " trains in it.",
            "Published: success in the paper, ± its standard deviation where given. Grade of its source: primary"
            " (official README), secondary (quoted by third parties), derived (implied by another quoted number), range"
            " (over EBIL, NEAR and IQ-Learn, in a summary; in brackets beside a number from another source). Cover: by"
            " which decoder our interval has a point in common with the published value, to its rounding, or else with"
            " the range; the budgets differ as stated above.",
            f"Both {REFERENCE} (our preconditioned energy) and {names.method_name('energyflow_paper')} are set against"
            " the one number that the paper gives for its method.",
            "Scripted expert: the ceiling on these initial states; it has neither training seeds nor a decoder, and its"
            " success stands in both columns.",
            *filter(None, [captions.published_on(frame), captions.variants(base), captions.demonstrations(paths)]),
        ),
    )


def ranked(paths: Sequence[Path], params: ReportParams) -> Table:
    """Methods of each suite, best first by either decoder, and what the runs say about the paper's order."""
    rows = summaries.episodes(paths, "table ranking")
    base = rows[rows["level"] == names.BASE_LEVEL]
    return Table(
        title="Ranking of the methods",
        caption=joined(
            f"Interquartile mean (IQM) of success at level {names.BASE_LEVEL}, in percent, over seeds and the tasks of"
            " the suite that every method was run on, one ranking a decoder.",
            "Run here:",
            captions.run(paths, base, params),
        ),
        frame=ranking(rows, params),
        columns=(
            Column("Suite", lambda row: names.suite_name(names.suite(row["task"])), numeric=False),
            *(columns.DECODER, Column("Rank", whole("rank")), columns.METHOD, columns.N),
            Column("IQM", with_interval("iqm")),
            Column(f"Better than {REFERENCE} (%)", with_interval("improvement")),
            Column("Published", lambda row: _reported(row | {"published_std": None})),
            Column("Published rank", whole("published_rank")),
            Column(f"{REFERENCE} above it, as published", plain("verdict"), numeric=False),
        ),
        groups="decoder",
        notes=(
            captions.DECODERS,
            f"Better than {REFERENCE}: probability of improvement as in rliable, the share of pairs of runs (one of"
            " each method, same task) in which the method has the higher success, ties counted half, averaged over"
            " tasks. Even: 50 %. Resampled as above, never narrower than the Wilson interval of as many runs.",
            "Published: mean of the paper's numbers for the same tasks, or the range of its average. Rank: among the"
            " methods listed; a range has none.",
            "Holds: the whole interval lies below 50 %. Contradicted: above. Undecided: it covers 50 %.",
        ),
    )


def nfe(paths: Sequence[Path], params: ReportParams) -> Table:
    """Success by number of function evaluations."""
    rows = summaries.sweep(paths, "table nfe")
    states = rows.groupby(["task", "method", "seed", "nfe"])["env_seed"].nunique()
    return Table(
        title="Success by number of function evaluations (NFE)",
        caption=joined(
            f"Success at level {names.BASE_LEVEL} by sample, in percent: {counted(rows['task'].nunique(), 'task')},"
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
            f"Not testable here, whatever the sources do: the dense oracle ends below {100 * learning.SOLVED:g} %."
            " Holds, with its whole interval: sparse – the centred energy has the larger area; raw – final success"
            f" below {100 * learning.FAILS:g} %; centred – area less than {100 * learning.NEAR:g} points behind the"
            " dense oracle; centred + sparse – larger area than each other source of the paper. Contradicted: the"
            " whole interval says the opposite. Undecided: it covers both.",
            "Area: success averaged over the steps covered. Best mark: the mark with the highest mean, hence"
            " optimistic; its gap to the final success shows a drift after learning. Never: not in these steps.",
        ),
    )


TABLES: dict[str, Build] = {
    "success": success,
    "ranking": ranked,
    "ood": ood,
    "ood_differences": ood_differences,
    "nfe": nfe,
    "learning": learned,
    "cost": cost,
    "claims_cost": claims_cost,
}
