"""What a reader finds in the tables: numbers that follow from the rows, the published value, the verdicts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from energyflow.config import layout as paths
from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError
from energyflow.report import captions, claims, costs, learning, published, render, robustness, summaries, tables
from energyflow.report.outputs import write_metrics, write_plot_data, write_table
from energyflow.report.ranking import ranking
from energyflow.report.statistics import Estimate
from energyflow.report.tables import TABLES

from . import synthetic

BUTTON, DRAWER = synthetic.TASKS[:2]


def rows(
    successes: dict[str, list[int]], task: str = BUTTON, level: str = "0", decoder: str = "sample"
) -> pd.DataFrame:
    """Episodes of one seed by one decoder; a method's list holds the outcome of each initial state."""
    return pd.DataFrame(
        [
            {
                "task": task,
                "method": m,
                "seed": 0,
                "level": level,
                "nfe": 10,
                "decoder": "expert" if m == "expert" else decoder,
                "env_seed": i,
                "success": float(x),
            }
            for m, outcomes in successes.items()
            for i, x in enumerate(outcomes)
        ]
    )


def row(frame: pd.DataFrame, **where: str) -> pd.Series:
    for column, value in where.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def written(name: str, results: list[Path], report: ReportParams, out: Path) -> dict[str, str]:
    files = {e: out / f"{name}.{e}" for e in ("csv", "md", "tex")}
    write_table(name, results, report, list(files.values()))
    return {e: path.read_text() for e, path in files.items()}


def test_the_markdown_success_table_is_enough_for_a_reader(
    tmp_path: Path, results: list[Path], report: ReportParams
) -> None:
    text = written("success", results, report, tmp_path)["md"]
    lines = text.splitlines()
    header = next(line for line in lines if line.startswith("| Task"))
    columns = [cell.strip() for cell in header.strip("|").split("|")]
    assert columns[:6] == ["Task", "Method", "n", "By sample (%)", "By mean (%)", "Mean - sample"]
    assert columns[-4:] == ["Training CPU (s)", "Published", "Grade", "Intervals cover it"]
    body = [line for line in lines if line.startswith("| ")][2:]
    assert all(line.count("|") == header.count("|") for line in body)
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in body]
    assert len(cells) == 3 * 6  # two tasks and their average; five methods and the expert
    ours = next(c for c in cells if c[:2] == ["Drawer open", "EnergyFlow"])
    assert (ours[2], *ours[-4:-1]) == ("60", f"{synthetic.CPU_SECONDS:.0f}", "94.2 ± 1.4", "primary")
    expert = next(c for c in cells if c[:2] == ["Drawer open", "Scripted expert"])
    assert expert[3] == expert[4] != "–"
    assert expert[5] == expert[8] == "–"
    assert {c[1] for c in cells if c[0] == "Average (Meta-World)"} >= {"EnergyFlow", "Scripted expert"}
    caption = lines[2]
    for fact in (
        "2 tasks",
        "5 methods",
        "3 training seeds",
        "20 held-out",
        "8 000 steps of batch 128",
        "EnergyFlow 10, 1",
    ):
        assert fact in caption
    for fact in ("3 seeds", "50 rollouts", "100 000 steps of batch 256"):
        assert fact in caption.split("The paper")[1]


def test_numbers_follow_from_the_rows(report: ReportParams) -> None:
    data = rows({"energyflow": [1, 1, 1, 0], "flow_policy": [1, 0, 0, 0], "expert": [1, 1, 1, 1]})
    frame = summaries.success(data, report)
    ours, flow = row(frame, method="energyflow"), row(frame, method="flow_policy")
    assert (ours["by_sample"], ours["n"], ours["worst_seed_sample"]) == (75.0, 4, 75.0)
    assert flow["difference_sample"] == -50.0
    assert pd.isna(ours["difference_sample"])
    assert ours["by_sample_low"] < 75 < ours["by_sample_high"]
    assert row(frame, method="expert")["by_sample"] == row(frame, method="expert")["by_mean"] == 100.0
    assert frame[["by_mean", "gain", "difference_mean", "covered_mean"]].iloc[:2].isna().all(axis=None)  # not run


def test_both_decoders_stand_side_by_side_and_are_compared_with_their_own(report: ReportParams) -> None:
    sampled = rows({"energyflow": [1, 1, 0, 0], "flow_policy": [1, 1, 1, 0]})
    mean = rows({"energyflow": [1, 1, 1, 1], "flow_policy": [0, 0, 1, 0]}, decoder="mean")
    frame = summaries.success(pd.concat([sampled, mean]), report)
    ours, flow = row(frame, method="energyflow"), row(frame, method="flow_policy")
    assert (ours["by_sample"], ours["by_mean"], ours["gain"]) == (50.0, 100.0, 50.0)
    assert (flow["by_sample"], flow["by_mean"], flow["gain"]) == (75.0, 25.0, -50.0)
    assert (flow["difference_sample"], flow["difference_mean"]) == (25.0, -75.0)
    assert ours["gain_low"] < 50.0 < ours["gain_high"]
    assert ours["n"] == 4
    many = pd.concat([pd.concat([sampled, mean]).assign(seed=seed) for seed in range(5)])
    order = ranking(many, report)
    assert list(zip(order["decoder"], order["method"], order["rank"], strict=True)) == [
        ("sample", "flow_policy", 1),
        ("sample", "energyflow", 2),
        ("mean", "energyflow", 1),
        ("mean", "flow_policy", 2),
    ]
    wins = order[order["method"] == "flow_policy"].set_index("decoder")["improvement"]
    assert wins.to_dict() == {"sample": 100.0, "mean": 0.0}


def test_an_average_needs_every_task_and_is_compared_only_with_the_papers_own_tasks(
    report: ReportParams,
) -> None:
    both = pd.concat([rows({"energyflow": [1, 0], "flow_policy": [1, 1]}), rows({"energyflow": [1, 1]}, DRAWER)])
    frame = summaries.success(both, report)
    average = row(frame, task="metaworld/average")  # flow_policy lacks a task, so it has no average
    assert (average["method"], average["by_sample"]) == ("energyflow", 75.0)
    assert pd.isna(average["published"])
    every = pd.concat([rows({"energyflow": [1, 0]}, task) for task in synthetic.TASKS])
    assert row(summaries.success(every, report), task="metaworld/average")["published"] == 92.5


def test_the_ranking_orders_by_iqm_and_judges_the_papers_order(report: ReportParams) -> None:
    outcomes = {"energyflow": [1, 1, 1, 0], "flow_policy": [1, 0, 0, 0], "diffusion_policy": [1, 1, 1, 1]}
    frame = ranking(rows(outcomes | {"expert": [1, 1, 1, 1]}, DRAWER), report)
    assert list(frame["method"]) == ["diffusion_policy", "energyflow", "flow_policy"]
    assert list(frame["rank"]) == [1, 2, 3]
    assert list(frame["published_rank"]) == [2, 1, 3]
    assert list(frame["improvement"].astype(float))[::2] == [100.0, 0.0]
    assert pd.isna(row(frame, method="energyflow")["verdict"])
    assert row(frame, method="flow_policy")["verdict"] == "undecided"  # one run each says next to nothing
    longer = {method: found * 6 for method, found in outcomes.items()}
    many = pd.concat([rows(longer, DRAWER).assign(seed=seed) for seed in range(5)])
    assert list(ranking(many, report)["verdict"].dropna()) == ["contradicted", "holds"]


def test_the_ranking_leaves_out_a_method_that_lacks_a_task(report: ReportParams) -> None:
    """A mean over fewer, perhaps easier, tasks would mislead."""
    hard = rows({"energyflow": [1, 1], "unconstrained": [1, 1]}, DRAWER)  # without flow_policy
    both = pd.concat([rows({"energyflow": [1, 1], "unconstrained": [0, 0], "flow_policy": [1, 0]}), hard])
    frame = ranking(both, report)
    assert list(frame["method"]) == ["energyflow", "unconstrained"]
    assert list(frame["iqm"]) == [100.0, 50.0]
    assert set(frame["tasks"]) == {2}


def test_published_numbers_carry_their_grade_and_apply_to_both_forms_of_the_method() -> None:
    ours = published.find("metaworld/assembly", "energyflow", [])
    assert ours is not None
    assert (ours.value, ours.std, ours.grade) == (82.6, 2.8, "primary")
    assert published.find("metaworld/assembly", "energyflow_paper", []) == ours
    quoted = published.find("metaworld/assembly", "diffusion_policy", [])
    assert quoted is not None
    assert (quoted.value, quoted.std, quoted.grade) == (76.4, None, "secondary")
    assert published.find("metaworld/assembly", "unconstrained", []) is None
    assert published.find("metaworld/no_such_task", "energyflow", []) is None
    online, offline = (published.find("robomimic/can", method, []) for method in ("iq_learn", "iq_learn_offline"))
    assert online == offline
    assert online is not None
    assert online.value == 82.6
    assert published.protocol("metaworld")["train_steps"] == 100_000


def test_variants_of_a_method_are_named_where_they_ran() -> None:
    def caption(*methods: str) -> str:
        return captions.variants(pd.DataFrame({"method": methods}))

    assert caption("energyflow", "iq_learn", "ebil") == ""
    text = caption("energyflow", "iq_learn", "iq_learn_offline", "near_bc")
    assert text.startswith("IQ-Learn runs as published, in the simulator; IQ-Learn (offline) is a variant; NEAR runs")
    assert "EBIL" not in text


def test_covers_is_whether_the_published_value_lies_in_the_interval(report: ReportParams) -> None:
    def paper(value: float | None, low: float | None = None, high: float | None = None) -> published.Published:
        return published.Published(value, None, low, high, "secondary", "", "")

    ours = Estimate(90.0, 85.0, 94.16, 75, 3)
    assert paper(94.1).overlaps(ours)
    assert paper(94.2).overlaps(ours)  # may be 94.16 before rounding
    assert not paper(94.3).overlaps(ours)
    assert not paper(84.9).overlaps(ours)
    assert paper(None, 80, 85).overlaps(ours)
    assert paper(None, 94, 99).overlaps(ours)
    assert not paper(None, 95, 99).overlaps(ours)
    assert not paper(84.0, 80, 99).overlaps(ours)  # a number counts for more than a range
    frame = summaries.success(rows({"energyflow": [1] * 40, "diffusion_policy": [0] * 40}), report)
    assert row(frame, method="energyflow")["covered_sample"]  # 100.0 published
    assert not row(frame, method="diffusion_policy")["covered_sample"]


def test_a_range_is_published_as_a_range(report: ReportParams) -> None:
    square, every = "robomimic/square", [f"robomimic/{t}" for t in ("lift", "can", "square", "transport", "tool_hang")]
    for method in ("ebil", "near"):
        found = published.find(square, method, every)
        assert found is not None
        assert (found.value, found.low, found.high, found.grade) == (None, 58.0, 68.0, "range")
        assert published.find("robomimic/can", method, every) is None
    both = published.find(square, "iq_learn", every)
    assert both is not None
    assert (both.value, both.low, both.high, both.grade) == (68.8, 58.0, 68.0, "secondary; range")
    average = published.over(every, "near")  # Can is not known, but their average is
    assert average is not None
    assert (average.value, average.low, average.high) == (None, 61.0, 70.0)
    assert published.over(every[:3], "near") is None
    mean = published.over(every, "energyflow")
    assert mean is not None
    assert mean.value == pytest.approx((100 + 100 + 95.3 + 89.4 + 84.2) / 5)
    data = pd.concat(
        [rows({"near": [1, 1, 0], "energyflow": [1, 1, 1], "iq_learn": [0, 0, 0]}, task) for task in every]
    )
    frame = summaries.success(data, report)
    shown = [tables._reported(each) for each in render.records(frame[frame["task"] == square])]
    assert shown == ["95.3 ± 0.5", "68.8 (58–68)", "58–68"]
    assert list(frame[frame["task"] == square]["covered_sample"]) == [True, False, True]  # of three episodes each
    order = ranking(pd.concat([data.assign(seed=seed) for seed in range(5)]), report)
    assert list(order["method"]) == ["energyflow", "near", "iq_learn"]
    assert list(order["published_rank"].fillna(0)) == [1, 0, 2]
    assert list(order["verdict"].dropna()) == ["holds", "holds"]


def test_levels_are_ordered_by_size_and_the_drop_is_paired(report: ReportParams) -> None:
    data = pd.concat(
        [
            rows({"energyflow": [1, 1, 1, 1], "expert": [1, 1, 1, 1]}, level="0"),
            rows({"energyflow": [0, 0, 0, 1], "expert": [0, 0, 1, 1]}, level="L"),
            rows({"energyflow": [1, 1, 0, 1], "expert": [1, 1, 1, 1]}, level="S"),
        ]
    )
    frame = robustness.ood(data, report)
    assert list(dict.fromkeys(frame["level"])) == ["0", "S", "L"]
    far = row(frame, method="energyflow", level="L")
    assert (far["success"], far["drop"], far["expert"]) == (25.0, 75.0, 50.0)
    assert (far["solvable"], far["solvable_n"]) == (50.0, 2)  # of the two states that the expert solves
    assert pd.isna(row(frame, method="energyflow", level="0")["drop"])
    both = robustness.ood(pd.concat([data, data[data["method"] != "expert"].assign(decoder="mean")]), report)
    assert both.groupby("decoder", sort=False).size().to_dict() == {"sample": 3, "expert": 3, "mean": 3}


def levels_of(outcomes: dict[str, dict[str, list[int]]], seeds: int = 5) -> pd.DataFrame:
    """Episodes by level, method and initial state, the same for every seed, each state ten times."""
    parts = [rows({m: 10 * found for m, found in each.items()}, level=level) for level, each in outcomes.items()]
    return pd.concat([pd.concat(parts).assign(seed=seed) for seed in range(seeds)])


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict", "relative"),
    [
        ([1, 1, 0, 0], [0, 0, 0, 0], ("holds", 50.0), ("holds", 50.0)),
        ([0, 0, 0, 0], [1, 1, 0, 0], ("contradicted", -50.0), ("contradicted", -50.0)),
        ([1, 0, 0, 0], [0, 1, 0, 0], ("undecided", 0.0), ("undecided", 0.0)),
    ],
)
def test_the_claim_of_robustness_can_hold_fail_and_stay_open(
    ours: list[int],
    theirs: list[int],
    verdict: tuple[str, float],
    relative: tuple[str, float],
    report: ReportParams,
) -> None:
    base = {"energyflow": [1, 1, 1, 1], "flow_policy": [1, 1, 1, 1], "expert": [1, 1, 1, 1]}
    far = {"energyflow": ours, "flow_policy": theirs, "expert": [1, 1, 1, 1]}
    found = row(robustness.differences(levels_of({"0": base, "M": far}), report), level="M", rival="flow_policy")
    assert (found["verdict"], found["difference"]) == verdict
    assert (found["verdict_relative"], found["relative"]) == relative
    assert found["difference_low"] < found["difference"] < found["difference_high"]


def test_a_method_that_was_ahead_before_may_lose_more_and_still_be_ahead(report: ReportParams) -> None:
    base = {"energyflow": [1, 1, 1, 1], "flow_policy": [1, 0, 0, 0], "expert": [1, 1, 1, 1]}
    far = {"energyflow": [1, 1, 0, 0], "flow_policy": [1, 0, 0, 0], "expert": [1, 1, 1, 0]}
    found = robustness.differences(levels_of({"0": base, "S": far | {"expert": [1, 1, 1, 1]}, "L": far}), report)
    near = row(found, level="S")
    assert (near["difference"], near["verdict"]) == (25.0, "holds")
    assert (near["relative"], near["verdict_relative"]) == (-50.0, "contradicted")
    late = row(found, level="L")  # the same, but the expert solves three in four
    assert (late["difference"], late["relative"], late["expert"]) == (25.0, -50.0, 75.0)
    assert late["verdict"] == late["verdict_relative"] == "not testable"
    alone = levels_of({"0": {"energyflow": [1]}, "S": {"energyflow": [1]}})
    assert list(robustness.differences(alone, report).columns) == list(robustness.DIFFERENCES)
    without = levels_of({"0": base, "S": {k: v for k, v in far.items() if k != "expert"}})
    assert set(robustness.differences(without, report)["verdict"]) == {"not testable"}


def test_the_levels_are_told_in_metres(tmp_path: Path, results: list[Path]) -> None:
    moved = robustness.distances(results, "test")
    assert str(moved) == (
        "Distances in metres (hand / object and goal): 0 0 / 0, S 0.02 / 0.01, M 0.04 / 0.02, L 0.08 / 0.04."
    )
    other = synthetic.at(paths.EXPERT, tmp_path, task="metaworld/hammer") / "run.json"
    synthetic.write_json(other, {"params": {"levels": {"0": {"hand": 0.0, "object": 0.0, "goal": 0.0}}}})
    assert robustness.distances([*results, other], "test") is None
    synthetic.write_json(other, {"params": {}})
    with pytest.raises(UserError, match=r"run\.json: params\.levels: Field required"):
        robustness.distances([*results, other], "test")


def test_the_nfe_table_has_a_row_per_budget_in_order(results: list[Path], report: ReportParams) -> None:
    frame = summaries.nfe(summaries.sweep(results, "test"), report)
    ours = frame[(frame["task"] == BUTTON) & (frame["method"] == "energyflow")]
    assert ours["nfe"].tolist() == [2, 3, 5, 10, 20]
    assert set(ours["n"]) == {60}


def curve(source: str, success: dict[int, float], task: str = BUTTON, episodes: int = 10) -> pd.DataFrame:
    """Three seeds, a share of whose episodes succeeds at each step."""
    return pd.DataFrame(
        [
            {
                "task": task,
                "source": source,
                "seed": seed,
                "step": step,
                "episode": i,
                "success": float(i < p * episodes),
            }
            for seed in range(3)
            for step, p in success.items()
            for i in range(episodes)
        ]
    )


def test_learning_summary_against_hand_computed_values(report: ReportParams) -> None:
    frame = learning.learning(curve("dense", {1000: 0.0, 2000: 0.4, 4000: 1.0, 5000: 0.6}), report)
    found = row(frame, source="dense")
    assert found["final"] == pytest.approx(60.0)
    # Trapezoids of widths 1000, 2000, 1000: (0.2 + 2 * 0.7 + 0.8) / 4.
    assert found["area"] == pytest.approx(60.0)
    assert (found["peak"], found["peak_step"]) == (pytest.approx(100.0), 4000)
    assert found["solved_step"] == 4000
    assert found["final_low"] < 60.0 < found["final_high"]
    assert pd.isna(found["verdict"])


def test_a_source_that_never_learns_has_no_first_step(report: ReportParams) -> None:
    found = learning.learning(curve("raw_energy", {1000: 0.0, 2000: 0.0}), report).iloc[0]
    assert found[["solved_step", "solved_step_low", "solved_step_high"]].isna().all()
    assert (found["final"], found["final_low"]) == (0.0, 0.0)
    assert found["final_high"] > 5.0
    assert found["verdict"] == "not run"  # without an oracle its failure says nothing


def test_each_part_of_the_claim_can_hold_fail_and_stay_open(report: ReportParams) -> None:
    def verdicts(**final: float) -> dict[str, str]:
        parts = [curve(s, {1000: p, 2000: p}, episodes=40) for s, p in final.items()]
        return learning.learning(pd.concat(parts), report).set_index("source")["verdict"].to_dict()

    paper = verdicts(sparse=0.1, raw_energy=0.0, centered_energy=0.85, centered_energy_sparse=1.0, dense=0.85)
    assert set(paper.values()) - {None, np.nan} >= {"holds"}
    assert [paper[s] for s in learning.PAPER_SOURCES] == ["holds"] * 4
    other = verdicts(sparse=0.9, raw_energy=0.9, centered_energy=0.3, centered_energy_sparse=0.3, dense=0.9)
    assert [other[s] for s in learning.PAPER_SOURCES] == ["contradicted"] * 4
    close = verdicts(sparse=0.725, raw_energy=0.5, centered_energy=0.75, centered_energy_sparse=0.775, dense=0.85)
    assert [close[s] for s in learning.PAPER_SOURCES] == ["undecided"] * 4
    floor = verdicts(sparse=0.1, raw_energy=0.0, centered_energy=0.7, centered_energy_sparse=1.0, dense=0.775)
    assert [floor[s] for s in learning.PAPER_SOURCES] == ["not testable here"] * 4
    alone = verdicts(centered_energy=0.5)
    assert alone == {"centered_energy": "not run"}


def test_a_curve_with_a_missing_episode_is_an_error(report: ReportParams) -> None:
    data = curve("dense", {1000: 0.0, 2000: 1.0})
    with pytest.raises(UserError, match="step 2000 lacks episodes"):
        learning.learning(data.drop(index=data.index[(data["step"] == 2000) & (data["seed"] == 1)][:1]), report)


def test_the_learning_table_states_the_verdicts(tmp_path: Path, results: list[Path], report: ReportParams) -> None:
    text = written("learning", results, report, tmp_path)["md"]
    assert text.count("- Claim: ") == 4
    assert "raw energy fails (Button press). **Holds**" in text
    assert "30 000 environment steps (the paper: 200 000)" in text


def test_costs_follow_from_the_records(results: list[Path], report: ReportParams) -> None:
    frame = costs.cost(results, report)
    ours = row(frame, method="energyflow")
    assert (ours["parameters"], ours["runs"], ours["repeats"]) == (180_000, 6, 50)
    assert 90 < ours["train_seconds_low"] <= ours["train_seconds"] <= ours["train_seconds_high"] < 91
    assert ours["ms_per_action"] == pytest.approx(ours["ms_per_plan"] / 8)


def test_cpu_seconds_stand_beside_success(results: list[Path], report: ReportParams) -> None:
    frame = costs.cpu_seconds(results, report, "test")
    place = list(synthetic.METHODS).index("flow_policy")
    for task in (BUTTON, "metaworld/average"):
        found = row(frame, task=task, method="flow_policy")
        ends = [found[f"train_cpu_seconds{end}"] for end in ("", "_low", "_high")]
        assert ends == pytest.approx([synthetic.CPU_SECONDS * (1 + place)] * 3)
    some = [path for path in results if "drawer_open/flow_policy" not in path.as_posix()]
    assert ("metaworld/average", "flow_policy") not in set(
        costs.cpu_seconds(some, report, "test")[["task", "method"]].itertuples(index=False, name=None)
    )


def test_claims_about_costs_are_ratios_with_verdicts(tmp_path: Path, results: list[Path], report: ReportParams) -> None:
    def judged(evaluations: int, slower: float) -> pd.DataFrame:
        ms = {"energyflow": slower * evaluations, "unconstrained": 10, "flow_policy": 10, "diffusion_policy": 100}
        made = [path for path in results if path.name != "latency.csv"]
        for method, each in ms.items():
            about = {"method": method, "network": "mlp", "parameters": 9, "batch": 1}
            about["nfe"] = {"energyflow": evaluations, "diffusion_policy": 100}.get(method, 10)
            plans = [about | {"repeat": i, "ms": each * (1 + 0.01 * (i % 5 - 2))} for i in range(50)]
            made.append(synthetic.write(synthetic.at(paths.LATENCY, tmp_path, method=method) / "latency.csv", plans))
        return claims.claims(made, report)

    frame = judged(20, 1.0)
    assert set(frame["method"]) == {"energyflow"}  # of the paper's form no plan was timed
    assert "implicit_bc" not in set(frame["rival"])
    said = dict(zip(frame["claim"], frame["verdict"], strict=True))
    assert said == {
        "no additional training cost against a diffusion policy": "holds",  # 89 s against 356 s
        "the overhead of differentiating the energy is negligible": "holds",
        "latency comparable to a flow policy, at equal evaluations": "holds",
        "latency comparable to a flow policy, as both plan": "contradicted",
        "faster than a diffusion policy": "holds",
    }
    training = frame.iloc[0]
    assert [training[f"ratio{end}"] for end in ("", "_low", "_high")] == pytest.approx([0.25] * 3)
    assert training["value"] == pytest.approx(1000 * synthetic.CPU_SECONDS / 8_000)
    flow = row(frame, claim="latency comparable to a flow policy, as both plan")
    assert (flow["ratio"], flow["value"], flow["rival_value"]) == pytest.approx((2.0, 20.0, 10.0))
    assert row(frame, claim="faster than a diffusion policy")["published_ratio"] == 8 / 32
    twice = judged(10, 2.0)
    assert row(twice, rival="unconstrained")["verdict"] == "contradicted"
    assert row(judged(10, 1.1), rival="unconstrained")["verdict"] == "undecided"
    assert list(claims.claims([p for p in results if "energyflow" not in p.as_posix()], report)) == list(claims.COLUMNS)


def test_a_task_may_execute_fewer_steps_than_the_first_but_not_a_seed(
    tmp_path: Path, results: list[Path], report: ReportParams
) -> None:
    def changed(task: str) -> list[Path]:
        run = synthetic.at(paths.TRAIN, Path(), task=task, method="energyflow", seed=0) / "model.json"
        (old,) = (path for path in results if path.match(str(run)))
        new = tmp_path / run
        new.parent.mkdir(parents=True)
        new.write_text(json.dumps(json.loads(old.read_text()) | {"spec": {"exec_horizon": 1}}))
        return [new if path == old else path for path in results]

    assert row(costs.cost(changed(DRAWER), report), method="energyflow")["exec_horizon"] == 8
    with pytest.raises(UserError, match="differ in exec_horizon"):
        costs.cost(changed(BUTTON), report)


def test_a_record_without_a_number_is_an_error(tmp_path: Path, results: list[Path], report: ReportParams) -> None:
    broken = synthetic.at(paths.TRAIN, tmp_path, task=BUTTON, method="energyflow", seed=9) / "run.json"
    broken.parent.mkdir(parents=True)
    for content, message in (
        ({"device": "cpu"}, "wall_seconds: Field required"),
        ({"wall_seconds": None}, "wall_seconds: Input should be a valid number"),
        ({"wall_seconds": float("nan")}, "wall_seconds: Input should be a finite number"),
        ({"wall_seconds": True}, "wall_seconds: Input should be a valid number"),
    ):
        broken.write_text(json.dumps(content))
        with pytest.raises(UserError, match=message) as error:
            costs.cost([*results, broken], report)
        assert str(broken) in str(error.value)


@pytest.mark.parametrize("name", list(TABLES))
def test_every_table_is_written_in_three_formats_and_twice_alike(
    tmp_path: Path, results: list[Path], report: ReportParams, name: str
) -> None:
    first = written(name, results, report, tmp_path / "first")
    assert written(name, results, report, tmp_path / "second") == first
    assert first["md"].startswith("# ")
    assert first["tex"].count(r"\begin{tabular}") == first["tex"].count(r"\end{tabular}") == 1
    body = first["tex"].split(r"\midrule")[1]
    assert "%" not in body.replace(r"\%", "")  # a bare % would comment the rest of a line out
    assert "nan" not in first["md"].lower().replace("unconstrained", "")


def test_latex_escapes_what_is_special() -> None:
    assert render.tex("a_b & 5 % – ≥ 1 {x}") == r"a\_b \& 5 \% -- $\ge$ 1 \{x\}"


def test_plot_data_has_a_line_per_method_and_marks_in_order(
    tmp_path: Path, results: list[Path], report: ReportParams
) -> None:
    names = ("ood", "nfe", "learning", "loss")
    write_plot_data(results, report, [tmp_path / f"{name}.csv" for name in names])
    frames = {name: pd.read_csv(tmp_path / f"{name}.csv") for name in names}
    for name, x, value, lines in (
        ("ood", "level", "success", {*synthetic.METHODS, "expert"}),
        ("nfe", "nfe", "success", {"energyflow", "energyflow_paper", "flow_policy"}),
        ("learning", "step", "success", set(synthetic.SOURCES)),
        ("loss", "step", "loss", set(synthetic.METHODS)),
    ):
        frame = frames[name]
        assert list(frame.columns) == ["name", x, value, f"{value}_low", f"{value}_high"]
        assert set(frame["name"]) == lines
        assert (frame[f"{value}_low"] <= frame[value]).all()
        assert (frame[value] <= frame[f"{value}_high"]).all()
        for _, line in frame.groupby("name"):
            assert (
                line[x].astype(str).tolist() == ["0", "S", "M", "L"]
                if name == "ood"
                else line[x].is_monotonic_increasing
            )


def test_metrics_repeat_the_tables(tmp_path: Path, results: list[Path], report: ReportParams) -> None:
    ours, sparse = tmp_path / "metrics/energyflow.json", tmp_path / "metrics/sac/sparse.json"
    write_metrics(results, report, [ours, sparse])
    frame = summaries.success(summaries.episodes(results, "test"), report)
    average = row(frame, task="metaworld/average", method="energyflow")
    said = json.loads(ours.read_text())
    assert [said[key] for key in ("sample", "mean")] == [round(average[key], 2) for key in ("by_sample", "by_mean")]
    assert set(said) == {"sample", "mean", "S", "M", "L"}
    assert set(json.loads(sparse.read_text())) == {"final", "area", "peak"}


def test_the_dictionary_names_every_column(tmp_path: Path, results: list[Path], report: ReportParams) -> None:
    text = (Path(__file__).parents[2] / "results" / "README.md").read_text()
    sections = {part.split("\n", 1)[0]: part for part in re.split(r"\n##+ ", text)}

    def documented(heading: str) -> set[str]:
        section = next(part for title, part in sections.items() if title.startswith(heading))
        cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
        return {name.strip(" `") for cell in cells for name in cell.split(",")}

    for name in TABLES:
        written(name, results, report, tmp_path)
        assert documented(f"`tables/{name}.csv`") == set(pd.read_csv(tmp_path / f"{name}.csv").columns)
    for heading, file in (
        ("`episodes.csv` of `evaluate`", "episodes.csv"),
        ("`train.csv`", "train.csv"),
        ("`curve.csv`", "curve.csv"),
        ("`latency.csv`", "latency.csv"),
    ):
        path = next(path for path in results if path.name == file)
        assert documented(heading) == set(pd.read_csv(path).columns)


def test_the_success_table_says_what_both_sides_were_trained_on(
    tmp_path: Path, results: list[Path], report: ReportParams
) -> None:
    """RoboMimic's published numbers are of people's demonstrations: beside ours, a reader must see that."""
    assert published.find("robomimic/can", "energyflow", []).demonstrations == "human demonstrations"  # type: ignore[union-attr]
    manifests = []
    for task, found in {
        BUTTON: {"source": "scripted", "demos": 200, "attempts": 250, "expert_success_rate": 0.8},
        "metaworld/assembly": {
            "source": "scripted",
            "demos": 9,
            "attempts": 9,
            "expert_success_rate": 1.0,
            "params": {"noise": 0.07, "label_noise": 0.02},
        },
        DRAWER: {"source": "human", "demos": 198, "version": "v1.5", "replayed": 20, "replay_success_rate": 0.95},
    }.items():
        manifests.append(synthetic.at(paths.DATA, tmp_path, task=task) / "manifest.json")
        manifests[-1].parent.mkdir(parents=True)
        manifests[-1].write_text(json.dumps({"task": task, **found}))
    text = written("success", [*results, *manifests], report, tmp_path)["md"]
    assert "Button press: 200 demonstrations of a scripted expert (80.0 % of 250 attempts" in text
    assert "9 demonstrations of a scripted expert, executed with noise of 0.07, recorded with 0.02 (100.0 %" in text
    assert "Drawer open: 198 demonstrations of people (official file v1.5; 95 % of 20 replayed ones" in text
    assert "The paper's policies were trained on: on Meta-World scripted experts." in text
