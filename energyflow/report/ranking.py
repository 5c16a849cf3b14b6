"""Methods of each suite in the order of their success by either decoder, beside the paper's order."""

from __future__ import annotations

from typing import Any

import pandas as pd

from energyflow.config.sections import ReportParams
from energyflow.report import names, published
from energyflow.report.comparisons import improvement
from energyflow.report.statistics import estimate, numbers, verdict
from energyflow.report.summaries import Cells, by_decoder, methods, pick, tasks_of


def ranking(rows: pd.DataFrame, params: ReportParams) -> pd.DataFrame:
    """Methods of each suite by interquartile mean, with the probability that they improve on the reference.

    One ranking a decoder: which decoder is the better one is read from the success table, and not chosen for a method.
    `published` is the mean of the paper's numbers for the same tasks, empty where one of them is not known; of a range
    there is no rank. The paper ranks the reference above a method with a lower number; `verdict` says what the runs say
    about that: `holds` or `contradicted` where the whole interval of `improvement` lies on one side of 50 %, else
    `undecided`. Methods that were not run on every task of the suite are left out.

    Args:
        rows: from `summaries.episodes`.
        params: confidence, number of resamples, seed.

    Returns:
        One row per suite, decoder and method, best first; columns in results/README.md.
    """
    base = rows[(rows["level"] == names.BASE_LEVEL) & (rows["method"] != names.EXPERT)]
    out = []
    for suite in dict.fromkeys(map(names.suite, base["task"])):
        for decoder, grid in by_decoder(base[base["task"].map(names.suite) == suite]).items():
            ranked = [_ranked(grid, suite, decoder, method, params) for method in methods(grid)]
            if found := [row for row in ranked if row is not None]:
                frame = pd.DataFrame(found)
                order = frame["iqm"].rank(ascending=False, method="min").astype(int)
                paper = frame["published"].astype(float).rank(ascending=False, method="min")
                out.append(frame.assign(rank=order, published_rank=paper).sort_values("rank", kind="stable"))
    return pd.concat(out, ignore_index=True)


def _ranked(grid: Cells, suite: str, decoder: str, method: str, params: ReportParams) -> dict[str, Any] | None:
    tasks, scope = tasks_of(grid), f"{suite}/{names.AVERAGE}"
    found = pick(grid, tasks, method, names.BASE_LEVEL)
    if found is None:
        return None
    value = estimate(found, params, f"{scope} {method} {names.BASE_LEVEL}", "iqm")
    row: dict[str, Any] = {"task": scope, "decoder": decoder, "method": method, "n": value.n, "seeds": value.seeds}
    row |= {"tasks": len(tasks)} | numbers("iqm", value)
    reference = pick(grid, tasks, names.REFERENCE, names.BASE_LEVEL)
    better = None
    if reference is not None and method != names.REFERENCE:
        pairs = list(zip(found, reference, strict=True))
        better = improvement(pairs, params, f"{suite} {method} > {names.REFERENCE}")
    paper, reference_paper = published.over(tasks, method), published.over(tasks, names.REFERENCE)
    told = published.columns(paper)
    row |= numbers("improvement", better) | {key: told[key] for key in ("published", "published_low", "published_high")}
    row["verdict"] = None
    if better is not None and paper and reference_paper and paper.ends[1] < reference_paper.ends[0]:
        row["verdict"] = verdict(better.high < 0.5, better.low > 0.5)
    return row
