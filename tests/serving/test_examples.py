"""The scripts of examples/, run with tiny numbers on real demonstrations."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from energyflow.cli import main
from energyflow.learning.trainer import train
from energyflow.pipeline.params import Params
from tests.conftest import ROOT, TASK


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def policy(smoke: Params, demos_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("policy")
    train(TASK, 0, smoke.train["bc"].model_copy(update={"steps": 20}), demos_path, out, torch.device("cpu"))
    return out


def test_a_reward_for_ppo(demos_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the command that the script names to what it prints; the model is one of single steps."""
    pytest.importorskip("stable_baselines3")
    options = ["--preset", "smoke", "reward_model.steps=400", "--out", str(tmp_path)]
    assert main(["train", "--as", "reward", "--demos", str(demos_path), *options]) == 0
    returns = script("reward_with_ppo").main(str(tmp_path), str(demos_path), steps=64, envs=2, horizon=16)
    assert len(returns.true) == 4
    assert capsys.readouterr().out.splitlines()[-1].startswith("4 episodes; the last ten: shaped ")
    assert all(one != other for one, other in zip(returns.shaped, returns.true, strict=True))
    out = tmp_path / "reward.svg"
    command = ["reward", "plot", "--model", str(tmp_path), "--demos", str(demos_path), "--out", str(out)]
    assert main(command) == 0
    assert out.read_text().count("demonstrated action") == 1
    assert main([*command, "--episode", "3"]) == 2
    assert "no demonstration 3; there are 0 to 2" in capsys.readouterr().err
    assert main(["train", "--as", "reward", "--method", "bc", "--demos", str(demos_path), *options]) == 2
    assert "no reward reads a model of 'bc'" in capsys.readouterr().err


def test_two_methods_on_the_same_states(policy: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    flags = ["evaluate.episodes=2", "evaluate.horizon=5", "--preset", "smoke", "--decoder", "mean"]
    assert main(["evaluate", "--model", str(policy), *flags, "--out", str(policy / "evaluate")]) == 0
    capsys.readouterr()
    script("compare_two_methods").main(str(policy), str(policy))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all("+0 % [" in line and line.endswith("2 common initial states") for line in lines)


def test_a_policy_behind_a_socket(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("websockets")
    script("serve").main(str(policy), steps=3)
    said: Any = capsys.readouterr().out
    assert said.startswith(f"bc for {TASK} observes ['state']\n3 actions, the last one: [")
