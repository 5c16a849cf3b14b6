"""Two own runs on the same initial states: the difference of their success."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from energyflow.core.errors import UserError
from energyflow.pipeline.params import Params
from energyflow.report.paired import compare


def run(folder: Path, successes: list[int], *, first: int = 500, task: str = "custom/cup", level: str = "0") -> Path:
    rows = pd.DataFrame({"env_seed": first + np.arange(len(successes)), "success": successes})
    rows = rows.assign(task=task, method="bc", seed=0, decoder="sample", level=level)
    (folder / "evaluate").mkdir(parents=True)
    rows.to_csv(folder / "evaluate/episodes.csv", index=False)
    return folder


def test_the_difference_is_taken_state_by_state(tmp_path: Path, smoke: Params) -> None:
    better, worse = [1] * 30 + [0] * 10, [1] * 10 + [0] * 30  # 20 states more, and none the other way
    one, two = run(tmp_path / "one", better), run(tmp_path / "two", worse)
    (line,) = compare(one, two, smoke.report)
    said = f"sample, level 0: {one} less {two}: +50 % ["
    assert line.startswith(said)
    assert line.endswith("40 common initial states")
    low, high = (int(each) for each in line.removeprefix(said).partition("]")[0].split(", "))
    assert 20 < low < 50 < high < 75
    (same,) = compare(one, one, smoke.report)
    assert "+0 % [-9, +9]" in same
    (back,) = compare(two, one, smoke.report)
    assert "-50 %" in back
    (part,) = compare(one, run(tmp_path / "three", worse, first=520), smoke.report)
    assert part.endswith("20 common initial states")


def test_what_cannot_be_compared_is_told(tmp_path: Path, smoke: Params) -> None:
    one = run(tmp_path / "one", [1, 0])
    for other, message in (
        (tmp_path / "none", "run energyflow evaluate --model"),
        (run(tmp_path / "task", [1], task="custom/pot"), "different tasks, custom/cup and custom/pot"),
        (run(tmp_path / "level", [1], level="S"), "no decoder and level that both"),
        (run(tmp_path / "states", [1], first=0), "initial state"),
    ):
        with pytest.raises(UserError, match=message):
            compare(one, other, smoke.report)
