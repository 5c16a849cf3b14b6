"""What is damaged: a small whole of everything, made once, in the layout and by the commands that users have."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from energyflow.pipeline import params as params_module
from tests.faults.trial import run

TASK = "metaworld/button_press"
LEVELS = {"0": {"hand": 0.0, "object": 0.0, "goal": 0.0}, "S": {"hand": 0.02, "object": 0.01, "goal": 0.01}}
EVALUATE = {"episodes": 2, "horizon": 5, "seed": 100_000, "levels": LEVELS, "nfe": []}
TIMES = ("seconds",)  # columns that differ from run to run


@dataclass(frozen=True)
class Inputs:
    """Files of a whole run below `root`, and the sections that made them."""

    root: Path
    train: dict[str, Any]
    evaluate: dict[str, Any]
    report: dict[str, Any]

    @property
    def demos(self) -> Path:
        return self.root / "demos/demos.hdf5"

    @property
    def model(self) -> Path:
        return self.root / "train/model.safetensors"

    @property
    def rows(self) -> Path:
        return self.root / f"results/laptop/evaluate/{TASK}/energyflow/seed0/episodes.csv"

    @property
    def table(self) -> Path:
        return self.root / "table/success.csv"

    def train_command(self, out: Path, section: Any = None, demos: Path | None = None) -> list[str]:
        text = json.dumps(self.train if section is None else section)
        where = ["--demos", str(demos or self.demos), "--out", str(out)]
        return ["job", "train", "--task", TASK, "--seed", "0", "--params", text, *where]

    def evaluate_command(self, out: Path, section: Any = None, model: Path | None = None) -> list[str]:
        text = json.dumps(self.evaluate if section is None else section)
        return [
            "job",
            "evaluate",
            "--task",
            TASK,
            "--model",
            str(model or self.model),
            "--seed",
            "0",
            "--params",
            text,
            "--out",
            str(out),
        ]

    def table_command(self, out: Path, section: Any = None, rows: Path | None = None) -> list[str]:
        text = json.dumps(self.report if section is None else section)
        outputs = [str(out / f"success.{kind}") for kind in ("csv", "md", "tex")]
        return ["job", "table", "success", "--params", text, "--inputs", str(rows or self.rows), "--outputs", *outputs]


@cache
def make(root: Path) -> Inputs:
    """Make the inputs, or find them made."""
    params = params_module.load(preset="smoke")
    section = params.train["energyflow"].model_copy(
        update={"steps": 8, "batch_size": 8, "log_every": 2, "resume_every": 4, "warmup_steps": 2}
    )
    report = params.report.model_copy(update={"bootstrap": 100}).model_dump(mode="json")
    inputs = Inputs(root, section.model_dump(mode="json"), EVALUATE, report)
    if not inputs.table.is_file():
        shutil.rmtree(root, ignore_errors=True)
        collect = params.collect.model_copy(update={"demos": 2}).model_dump_json()
        for command in (
            ["job", "collect", "--task", TASK, "--params", collect, "--out", str(inputs.demos.parent)],
            inputs.train_command(inputs.model.parent),
            inputs.evaluate_command(inputs.rows.parent),
            inputs.table_command(inputs.table.parent),
        ):
            ended = run(command, limit=600)
            assert ended.status == 0, ended.said
    return inputs


def comparable(path: Path) -> Any:
    """Content of an output without what differs from run to run."""
    if path.suffix != ".csv":
        return path.read_bytes()
    import pandas as pd

    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    return frame.drop(columns=[name for name in TIMES if name in frame]).to_csv(index=False)
