"""The command line as a user types it, with their own files and without sections as JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import energyflow
from energyflow.cli import main, parser
from energyflow.core.files import read_json
from energyflow.datasets.format import Demonstration, write_demos
from energyflow.pipeline.params import Params
from energyflow.report.runs import success_of

SMOKE = ["--preset", "smoke"]


def test_anyones_robomimic_file_trains_and_its_policy_acts(tmp_path: Path) -> None:
    """Observation keys, widths and task of their own; only the layout is robomimic's."""
    rng = np.random.default_rng(0)
    episodes = [
        Demonstration(
            obs=rng.normal(size=(30, 9)),
            actions=rng.uniform(-1, 1, (30, 3)),
            rewards=np.zeros(30),
            success=np.zeros(30),
        )
        for _ in range(3)
    ]
    write_demos(tmp_path / "cup stacking.hdf5", episodes, {}, {"wrist": 6, "cup": 3})
    assert main(["train", "--demos", str(tmp_path / "cup stacking.hdf5"), *SMOKE, "--out", str(tmp_path)]) == 0
    trained = read_json(tmp_path / "model.json")
    assert trained["task"] == "custom/cup_stacking"
    assert trained["spec"]["obs_keys"] == ["cup", "wrist"]
    policy = energyflow.load(tmp_path / "model.safetensors")
    chunk = policy.act(torch.zeros(2, policy.spec.obs_horizon, 9), torch.Generator().manual_seed(0))
    assert chunk.shape == (2, policy.spec.pred_horizon, 3)
    assert chunk.abs().max() <= 1.0


def test_a_policy_without_a_simulator_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    test_anyones_robomimic_file_trains_and_its_policy_acts(tmp_path)
    capsys.readouterr()
    assert main(["evaluate", "--model", str(tmp_path / "model.safetensors"), *SMOKE]) == 2
    said = capsys.readouterr().err
    assert "custom/cup_stacking has demonstrations only" in said
    assert "--env ID names an environment of your own" in said


def test_a_file_of_a_known_task_is_recognised_and_evaluated(
    lift_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    command = ["train", "--demos", str(lift_path), *SMOKE, "--method", "flow_policy", "--seed", "3", "--out", str(out)]
    assert main(command) == 0
    assert (read_json(out / "model.json")["task"], read_json(out / "model.json")["seed"]) == ("robomimic/lift", 3)
    assert main(["evaluate", "--model", str(out / "model.safetensors"), *SMOKE]) == 0
    said = capsys.readouterr().out.splitlines()[-2:]
    wilson = r"(0 % \[0, 66\]|50 % \[9, 91\]|100 % \[34, 100\])"  # of 2: even such a policy may push the cube up
    assert [re.sub(f": level 0 {wilson}, level S .*", "", line) for line in said] == ["sample", "mean"]
    assert all(line.endswith("; 2 episodes each, 95 % intervals") for line in said)
    rows = pd.read_csv(out / "evaluate/episodes.csv")
    assert set(rows["task"]) == {"robomimic/lift"}
    assert set(rows["seed"]) == {3}
    assert main(["evaluate", "--model", str(out), *SMOKE, "--decoder", "mean", "--dry"]) == 0
    assert json.loads(capsys.readouterr().out)["decoders"] == ["mean"]
    assert len(rows) == 16  # by either decoder, two episodes at each of four levels


def test_demonstrations_are_the_same_whatever_kernels_a_processor_would_choose(tmp_path: Path) -> None:
    """OpenBLAS chooses when it is loaded; these two round differently."""
    found = set()
    for kernels in ("Haswell", "Prescott"):
        out = tmp_path / kernels
        told = ["collect", "metaworld/button_press", "collect.demos=2", *SMOKE, "--out", str(out)]
        subprocess.run(
            [sys.executable, "-m", "energyflow.cli", *told],
            env=os.environ | {"OPENBLAS_CORETYPE": kernels},
            check=True,
            capture_output=True,
        )
        found.add((out / "demos.hdf5").read_bytes())
    assert len(found) == 1


def test_demonstrations_are_collected_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["collect", "metaworld/button_press", *SMOKE, "--out", str(tmp_path)]) == 0
    assert read_json(tmp_path / "manifest.json")["source"] == "scripted"
    assert main(["collect", "metaworld/button_press", "collect.source=human", *SMOKE, "--out", str(tmp_path)]) == 2
    assert "no official recordings" in capsys.readouterr().err
    assert main(["collect", "metaworld/buton_press", *SMOKE]) == 2
    assert "did you mean 'metaworld/button_press'" in capsys.readouterr().err


def test_a_method_of_the_simulator_trains_from_one_line(
    demos_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--demos", str(demos_path), *SMOKE, "--method", "iq_learn", "--seed", "2", "--out", str(tmp_path)]
    assert main(["train", *command]) == 0
    trained = read_json(tmp_path / "model.json")
    assert (trained["method"], trained["task"], trained["seed"]) == ("iq_learn", "metaworld/button_press", 2)
    assert pd.read_csv(tmp_path / "train.csv")["step"].tolist() == [150, 300]
    assert main(["train", *command, "--overwrite"]) == 2
    assert "iq_learn is trained in the simulator" in capsys.readouterr().err


def test_own_data_and_own_runs_are_shown(demos_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", str(demos_path)]) == 0
    said = capsys.readouterr().out
    assert "metaworld/button_press" in said
    assert "state [39]" in said
    assert "3 of 3 reach it" in said
    run = tmp_path / "run"
    train = ["train", "--demos", str(demos_path), *SMOKE, "train.steps=3", "train.log_every=1", "--out", str(run)]
    assert main(train) == 0
    for name in ("loss.png", "both.svg"):
        assert main(["plot", str(run), "--out", str(tmp_path / name)]) == 0
        assert (tmp_path / name).stat().st_size > 1000
        (run / "evaluate").mkdir(exist_ok=True)
        rows = [
            {"decoder": decoder, "level": level, "success": int(level == "0" and decoder == "sample")}
            for decoder in ("sample", "mean")
            for level in ("0", "S")
            for _ in range(4)
        ]
        pd.DataFrame(rows).to_csv(run / "evaluate/episodes.csv", index=False)
    shown = success_of(run).set_index(["decoder", "level"])
    assert shown["success"].to_dict() == {
        ("sample", "0"): 100.0, ("sample", "S"): 0.0, ("mean", "0"): 0.0, ("mean", "S"): 0.0,
    }  # fmt: skip
    assert shown.loc[("sample", "0"), "success_low"] == pytest.approx(51.0, abs=0.1)  # Wilson, 4 of 4
    assert main(["plot", str(tmp_path), "--out", str(tmp_path / "no.png")]) == 2
    assert "no train.csv" in capsys.readouterr().err


def test_any_number_is_one_flag(demos_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    command = ["train", "--demos", str(demos_path), *SMOKE, "train.steps=3", "method.energyflow.nfe=4"]
    assert main([*command, "--dry"]) == 0
    section = json.loads(capsys.readouterr().out)
    assert (section["steps"], section["method_params"]["nfe"]) == (3, 4)
    assert main([*command, "--out", str(out)]) == 0
    assert read_json(out / "model.json")["params"]["steps"] == 3
    assert main([*command, "train.stepz=3"]) == 2
    assert "did you mean 'steps'" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["job", "latency", "--model", "m", "--out", "o", "train.steps=3"])


def test_what_dry_prints_is_taken_whole(
    demos_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], smoke: Params
) -> None:
    out, method = tmp_path / "run", ["--method", "flow_policy"]
    command = ["train", "--demos", str(demos_path)]
    assert main([*command, *method, *SMOKE, "train.steps=3", "--dry"]) == 0
    section = capsys.readouterr().out
    assert main([*command, *method, "--params", section, "--out", str(out)]) == 0
    assert read_json(out / "model.json")["params"] == json.loads(section)
    levels = {"0": {"hand": 0.0, "object": 0.0, "goal": 0.0}}
    rolled = smoke.evaluate_levels().model_copy(update={"episodes": 1, "horizon": 2, "levels": levels})
    assert main(["evaluate", "--model", str(out), "--params", rolled.canonical()]) == 0
    assert len(pd.read_csv(out / "evaluate/episodes.csv")) == 2
    capsys.readouterr()
    collected = smoke.collect.model_copy(update={"demos": 2})
    assert main(["collect", "metaworld/hammer", "--params", collected.canonical(), "--dry"]) == 0
    assert json.loads(capsys.readouterr().out) == collected.model_dump(mode="json")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--preset", "smoke"], "--params gives every number: leave out"),
        (["--config", "params.yaml"], "--params gives every number: leave out"),
        (["train.steps=3"], "--params gives every number: leave out"),
        (["--method", "flow_policy"], "--params is a section of 'energyflow': give --method energyflow too"),
        (["--method", "iq_learn"], "--params: OnlineParams: "),
        (["--params", "{}"], "--params: TrainParams: "),
        (["--params", ""], "--params: TrainParams: Invalid JSON"),
    ],
)
def test_a_whole_section_and_other_numbers_contradict_each_other(
    capsys: pytest.CaptureFixture[str], smoke: Params, more: list[str], message: str
) -> None:
    section = smoke.training("energyflow").canonical()
    assert main(["train", "--demos", "none.hdf5", "--task", "custom/x", "--params", section, *more]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {message}")
    assert said.count("\n") == 1


def test_a_mistake_is_one_line_and_a_bug_is_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def bug(*_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("energyflow.pipeline.engines.plots", bug)
    with pytest.raises(ValueError, match="a bug"):
        main(["results", "plots"])
    for text in ("four", "0", "-1"):
        monkeypatch.setenv("OMP_NUM_THREADS", text)
        assert main(["train", "--demos", "none.hdf5"]) == 2
        assert capsys.readouterr().err.startswith(f"error: OMP_NUM_THREADS={text}: ")
    monkeypatch.setenv("OMP_NUM_THREADS", "1,2")
    assert main(["train", "--demos", "none.hdf5"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_help_fits_a_screen() -> None:
    assert len(parser().format_help().splitlines()) <= 24
