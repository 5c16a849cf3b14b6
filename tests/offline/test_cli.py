"""`energyflow offline`: from a data set on disk to a return with its interval, and one line for what does not fit."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from energyflow.cli import main
from energyflow.core.files import read_json
from energyflow.datasets.minari import write_minari
from tests.conftest import ROOT
from tests.datasets.recordings import a_d4rl_file
from tests.offline.worlds import two_modes

FIT = "{steps: 20, batch_size: 16, lr: 1e-3, warmup_steps: 2, ema_decay: 0.9"
NUMBERS = [
    "offline.rl.rewards=as_recorded",
    "offline.rl.hidden=[8]",
    "offline.rl.behaviour=" + FIT + "}",
    "offline.rl.critic=" + FIT + ", kind: null, hidden: [8], gamma: 0.9, alpha: 1.0, support: 2, expectile: 0.7}",
    "offline.rl.improvement=" + FIT + ", beta: 2, support: 3, renew_every: 10, states: null, draw: all, clip: 100}",
    "offline.rl.evaluate.episodes=5",
]


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bandit on disk, in a working directory of a user's."""
    data = two_modes(tmp_path / "data", 64)
    write_minari(
        tmp_path / "set",
        data.episodes,
        name="test/bandit/small-v0",
        env={"id": "test/Bandit-v0"},
        box=np.array([[-1.0], [1.0]]),
        metadata={"ref_min_score": 0.0, "ref_max_score": 0.5},
    )
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path / "set"


def test_it_trains_evaluates_and_says_the_return(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["offline", "--dataset", str(dataset), "--method", "qipo_ot", *NUMBERS]) == 0
    said = capsys.readouterr().out.splitlines()
    out = Path("runs/offline/test/bandit/small-v0/qipo_ot/seed0")
    assert f"wrote {out}/model.safetensors" in said
    rows = pd.read_csv(out / "evaluate/episodes.csv")
    mean = rows["return"].mean()
    ends = r"\[-?\d+\.\d, -?\d+\.\d\]"
    wanted = rf"return {mean:.1f} {ends}, normalised by own {200 * mean:.1f} {ends}; 5 episodes, 95 % intervals"
    assert re.fullmatch(wanted, said[-1])
    note = read_json(out / "model.json")
    assert note["params"]["improvement"]["beta"] == 2
    assert note["source"]["env"]["id"] == "test/Bandit-v0"


def test_other_methods_start_from_its_parts(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["offline", "--dataset", str(dataset), "--out", "first", *NUMBERS]) == 0
    given = ["offline", "--dataset", str(dataset), "--method", "best_of", "--parts", "first", "--out", "second"]
    assert main([*given, *NUMBERS]) == 0
    assert read_json(Path("second/run.json"))["parts"] == ["behaviour", "critic"]
    assert main([*given, *NUMBERS, "offline.rl.critic.gamma=0.5"]) == 2
    assert "parts.safetensors: trained otherwise (critic)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dataset", "nowhere"], "error: nowhere: no such file or folder, and no id of Minari's"),
        (["--dataset", "set", "--method", "qippo_ot"], "unknown offline method 'qippo_ot'; did you mean 'qipo_ot'?"),
        (["--dataset", "set", "--env", "Pendulum-v1"], "observations: 1 numbers at each step, but Pendulum-v1 has 3"),
        (["--dataset", "set", "--env", "Hoper-v5"], "unknown environment 'Hoper-v5'; did you mean 'Hopper-v5'?"),
        (["--dataset", "flat.hdf5"], "does not say which environment it is of; pass --env"),
        (["--dataset", "set", "offline.rl.critic.step=1"], "unknown key 'step'; did you mean 'steps'?"),
        (["--dataset", "set", "--obs-keys", "state"], "is one array, without the keys state; leave obs_keys out"),
    ],
)
def test_what_does_not_fit_is_one_line_before_any_training(
    dataset: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    a_d4rl_file(Path("flat.hdf5"))
    assert main(["offline", *options]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
    assert not Path("runs").exists()


def test_dry_prints_the_numbers_and_params_takes_them(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["offline", "--dataset", "set", "--dry", *NUMBERS]) == 0
    numbers = capsys.readouterr().out
    assert main(["offline", "--dataset", "set", "--method", "bc", "--params", numbers, "--out", "given"]) == 0
    assert read_json(Path("given/model.json"))["params"]["behaviour"]["steps"] == 20
