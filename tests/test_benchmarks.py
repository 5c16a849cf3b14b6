"""The reference that speed is measured against has the size that was published."""

from __future__ import annotations

import pytest
import torch

from benchmarks import sources
from benchmarks.official import Energy, Training
from benchmarks.paper import row, table
from benchmarks.timing import compare
from benchmarks.trials import marks
from energyflow.pipeline import params
from energyflow.studies.timing import interleave


def test_the_published_model_has_its_published_size_and_learns() -> None:
    torch.manual_seed(0)
    energy = Energy(2 * 39, 4)
    assert sum(parameter.numel() for parameter in energy.parameters()) == 4_812_032
    before = [parameter.detach().clone() for parameter in energy.parameters()]
    Training(energy, torch.randn(4, 78), torch.randn(4, 16, 4))()
    assert all(not torch.equal(one, two) for one, two in zip(before, energy.parameters(), strict=True))
    assert energy.plan(torch.randn(2, 78), (2, 16, 4), nfe=2).isfinite().all()


def test_hours_of_the_papers_grid_follow_from_a_step() -> None:
    rows = [row("one", 0.36, 100_000, 30), row("two", 0.0036, 50_000, 6)]
    assert [each["run_hours"] for each in rows] == [10.0, 0.05]
    about = {"cpu": "", "cores": 2, "threads": 1, "load": 0.0, "torch": "", "vector": ""}
    lines = table(rows, about).splitlines()
    assert "| one | 360 | 100000 | 30 | 10 | 300 |" in lines
    assert "| two | 3.6 | 50000 | 6 | 0.05 | 0.3 |" in lines
    assert "| All | | | 36 | | 300 |" in lines


def test_ratios_are_taken_within_a_round() -> None:
    found = compare({"a": [1.0, 2.0, 9.0], "b": [2.0, 2.0, 3.0]}, "a", "b")
    assert (found["ratio"], found["ratio_low"], found["ratio_high"], found["rounds"]) == (1.0, 0.5, 3.0, 3)
    calls: list[str] = []
    times = interleave({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=2, calls=1)
    assert calls == ["a", "b"] * 3  # the first round is not counted
    assert [len(values) for values in times.values()] == [2, 2]


def test_a_soak_is_told_in_one_row() -> None:
    pytest.importorskip("websockets")
    from benchmarks import serving

    found = {"ticks": 6000, "p50": 1.234, "p99": 5.678, "worst": 101.0, "misses": 2, "late": 1, "every": 4}
    about = {"cpu": "a", "cores": 2, "load": 0.5, "torch": "2"}
    assert "| 10 | 6000 | 1.23 | 5.68 | 101 | 2 | 1 |" in serving.table(found, about).splitlines()


def test_every_source_has_as_many_values_in_the_trials_and_the_presets_among_them() -> None:
    shape = params.load(preset=sources.PRESET).of(sources.TASK).shape
    for source, (key, values) in sources.NUMBERS.items():
        assert len(set(values)) == 3
        assert shape[source].source_params.get(key, getattr(shape[source], key, None)) in values, source


def test_marks_of_a_trial_are_means_over_its_episodes() -> None:
    curve = [{"step": step, "success": success} for step, success in ((10, 0), (10, 1), (20, 1), (20, 1))]
    found = marks(curve, 3.0, {"source": "near", "seed": 100})
    assert found[["seed", "step", "n", "success", "cpu_seconds"]].to_numpy().tolist() == [
        [100, 10, 2, 0.5, 3.0],
        [100, 20, 2, 1.0, 3.0],
    ]
