"""Bad inputs of the report: each is one clear error that names the file, the line and the column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from energyflow.config import layout as paths
from energyflow.config.plots import ColouredPlot
from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError
from energyflow.core.provenance import Run
from energyflow.report.outputs import write_figure, write_metrics, write_plot_data, write_table
from energyflow.report.rows import CURVE_COLUMNS, EPISODE_COLUMNS, identity, parsed, read_rows, stage

from . import synthetic

RUN = paths.EVALUATE.format(preset="laptop", task="metaworld/hammer", method="energyflow", seed=2)


@pytest.fixture
def episodes(tmp_path: Path) -> Path:
    run = {"task": "metaworld/hammer", "method": "energyflow", "seed": 2, "level": "0", "decoder": "sample"}
    rows = [dict.fromkeys(EPISODE_COLUMNS, 1) | run for _ in range(3)]
    return synthetic.write(tmp_path / RUN / "episodes.csv", [row | {"env_seed": i} for i, row in enumerate(rows)])


def test_a_path_says_which_run_it_belongs_to() -> None:
    path = Path("/anywhere") / RUN / "episodes.csv"
    assert stage(path) == "evaluate"
    assert identity(path) == {"task": "metaworld/hammer", "method": "energyflow", "seed": 2}
    with pytest.raises(UserError, match=r"results/<preset>/<stage>"):
        stage(Path("somewhere/episodes.csv"))
    shaped = Path(paths.SHAPE.format(preset="laptop", task="metaworld/hammer", source="dense", seed=1)) / "curve.csv"
    assert (stage(shaped), identity(shaped)["source"]) == ("shape", "dense")
    with pytest.raises(UserError, match="one task, method and seed"):
        identity(Path(paths.LATENCY.format(preset="laptop", method="energyflow")) / "latency.csv")


def test_one_parser_reads_the_paths_of_studies_too() -> None:
    pattern = "theory/check/{check}/{subject}/seed{seed}/"
    robots = Path("/a/results/smoke/theory/check/robots/metaworld/hammer/seed1/rows.csv")
    assert parsed(robots, pattern) == {"check": "robots", "subject": "metaworld/hammer", "seed": 1}
    assert parsed(Path("results/theory/check/bound/gaussian2/seed0/rows.csv"), pattern) == {
        "check": "bound", "subject": "gaussian2", "seed": 0,
    }  # fmt: skip
    assert parsed(Path("results/theory/tables/bound.csv"), pattern) is None


def test_levels_stay_text(episodes: Path) -> None:
    assert read_rows([episodes], EPISODE_COLUMNS)["level"].tolist() == ["0"] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task,method,seed\n", "missing column 'level'; found: task, method, seed"),
        ("task,method,seed,level,nfe,decoder,env_seed,success\n", "no rows, only a header"),
        ("", "empty file"),
        (
            "task,method,seed,level,nfe,decoder,env_seed,success\na/b,m,0,0,1,mean,1,1\na/b,m,0,0,1,mean,2,\n",
            ":3: column 'success' is empty",
        ),
        (
            "task,method,seed,level,nfe,decoder,env_seed,success\na/b,m,0,0,1,mean,1,nan\n",
            ":2: column 'success' is empty",
        ),
        (
            "task,method,seed,level,nfe,decoder,env_seed,success\na/b,m,0,0,1,mean,inf,1\n",
            ":2: column 'env_seed' .* not finite",
        ),
        (
            "task,method,seed,level,nfe,decoder,env_seed,success\na/b,m,0,0,1,mean,1,2\n",
            ":2: column 'success' must be 0 or 1",
        ),
        (
            "task,method,seed,level,nfe,decoder,env_seed,success\na/b,m,0,0,1,mean,1,yes\n",
            ":2: column 'success' is not a number",
        ),
        (
            "task,method,seed,level,nfe,decoder,env_seed,success\na/b,m,0,0,1,sampl,1,1\n",
            ":2: column 'decoder' must be one of sample, mean, expert .got sampl.",
        ),
        ("task,method,seed,level,nfe,decoder,env_seed,success\na/b,,0,0,1,mean,1,1\n", ":2: column 'method' is empty"),
    ],
)
def test_a_bad_file_is_an_error_that_names_it(episodes: Path, text: str, message: str) -> None:
    bad = episodes.with_name("bad.csv")
    bad.write_text(text)
    with pytest.raises(UserError, match=message) as error:
        read_rows([episodes, bad], EPISODE_COLUMNS)
    assert str(bad) in str(error.value)


@pytest.mark.parametrize(("column", "value"), [("task", "metaworld/assembly"), ("method", "flow_policy"), ("seed", 3)])
def test_rows_of_another_run_than_the_path_says_are_an_error(episodes: Path, column: str, value: object) -> None:
    frame = pd.read_csv(episodes)
    frame[column] = frame[column].astype(object)
    frame.loc[1, column] = value
    synthetic.write(episodes, frame)
    with pytest.raises(UserError, match=f"episodes.csv:3: column '{column}' is {value}, but the file lies among"):
        read_rows([episodes], EPISODE_COLUMNS)


def test_rows_that_their_job_did_not_write_are_an_error(tmp_path: Path) -> None:
    folder = tmp_path / paths.SHAPE.format(preset="laptop", task="metaworld/hammer", source="dense", seed=1)
    rows = synthetic.curve_rows(np.random.default_rng(0), "metaworld/hammer", "dense", 1, 0.5)
    with Run("shape", folder, params={}, inputs=[]) as run:
        run.write_csv("curve.csv", rows)
    assert len(read_rows([folder / "curve.csv"], CURVE_COLUMNS)) == len(rows)
    changed = [row | {"success": 1 - int(str(row["success"]))} if index == 7 else row for index, row in enumerate(rows)]
    for other in (rows[:-1], rows + rows[-1:], rows[::-1], changed):
        synthetic.write(folder / "curve.csv", other)
        with pytest.raises(UserError, match=rf"curve\.csv: not the {len(rows)} rows that its job wrote"):
            read_rows([folder / "curve.csv"], CURVE_COLUMNS)
    (folder / "run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json: damaged"):
        read_rows([folder / "curve.csv"], CURVE_COLUMNS)


def test_a_missing_file_and_no_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_rows([tmp_path / "none.csv"], EPISODE_COLUMNS)
    with pytest.raises(UserError, match="no input files"):
        read_rows([], EPISODE_COLUMNS)


def test_an_error_leaves_what_was_written_before(
    tmp_path: Path, results: list[Path], report: ReportParams, plot: ColouredPlot
) -> None:
    outputs = [tmp_path / f"success.{e}" for e in ("csv", "md", "tex")]
    write_table("success", results, report, outputs)
    before = [path.read_bytes() for path in outputs]
    broken = synthetic.write(tmp_path / RUN / "episodes.csv", pd.DataFrame({"task": ["a/b"]}))
    with pytest.raises(UserError, match="missing column 'method'"):
        write_table("success", [*results, broken], report, outputs)
    assert [path.read_bytes() for path in outputs] == before
    with pytest.raises(UserError, match="missing column 'method'"):
        write_figure("success", [*results, broken], plot, report, [tmp_path / "success.png"])
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["success.csv", "success.md", "success.tex"]


def test_wrong_names_and_missing_stages_say_what_is_allowed(
    tmp_path: Path, results: list[Path], report: ReportParams, plot: ColouredPlot
) -> None:
    table = [tmp_path / f"t.{e}" for e in ("csv", "md", "tex")]
    with pytest.raises(UserError, match="did you mean 'success'"):
        write_table("sucess", results, report, table)
    with pytest.raises(UserError, match="did you mean 'learning'"):
        write_figure("learnin", results, plot, report, [tmp_path / "f.png"])
    with pytest.raises(UserError, match="one output each of csv, md, tex"):
        write_table("success", results, report, table[:2])
    with pytest.raises(UserError, match="not 'jpg'"):
        write_figure("success", results, plot, report, [tmp_path / "f.jpg"])
    with pytest.raises(UserError, match="unknown plot data 'odd'"):
        write_plot_data(results, report, [tmp_path / "odd.csv"])
    only_training = [path for path in results if path.name == "train.csv"]
    with pytest.raises(UserError, match="run the stage 'evaluate' first"):
        write_table("success", only_training, report, table)
    with pytest.raises(UserError, match="run the stage 'evaluate' first"):
        write_metrics(only_training, report, [tmp_path / "metrics/energyflow.json"])


def test_one_file_given_twice_is_an_error(tmp_path: Path, results: list[Path], report: ReportParams) -> None:
    with pytest.raises(UserError, match="appears twice"):
        write_table("success", results + results, report, [tmp_path / f"t.{e}" for e in ("csv", "md", "tex")])
