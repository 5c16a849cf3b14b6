"""Runs: equal twice, equal after a kill at any stage, the same critic for all, and what does not fit is named."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from energyflow.core.errors import UserError
from energyflow.core.files import read_json, write_json
from energyflow.core.resume import ResumePoint
from energyflow.core.seeding import torch_generator
from energyflow.datasets.episodes import Episode, Episodes
from energyflow.offline.checkpoint import load
from energyflow.offline.evaluate import evaluate
from energyflow.offline.learner import Sizes, learner_of
from energyflow.offline.methods.registry import METHODS
from energyflow.offline.methods.sections import LearnParams
from energyflow.offline.train import train
from tests.conftest import ROOT, kill_at_resume_point
from tests.offline.worlds import in_memory, numbers, two_modes

QUICK: dict[str, Any] = {"steps": 40, "batch_size": 16, "warmup_steps": 2}


def quick(**changes: Any) -> LearnParams:
    """A run of a moment: three stages of 40 steps, two periods, a resume point every 10."""
    params = numbers(hidden=[8, 8], time_dim=4, log_every=5, resume_every=10)
    return params.model_copy(
        update={
            "behaviour": params.behaviour.model_copy(update=QUICK),
            "critic": params.critic.model_copy(update=QUICK | {"hidden": [8], "support": 2}),
            "improvement": params.improvement.model_copy(
                update=QUICK | {"renew_every": 20, "support": 3, "states": 32}
            ),
            **changes,
        }
    )


def run(out: Path, method: str = "qipo_ot", **options: Any) -> None:
    """In a process of its own, if need be."""
    out.parent.mkdir(parents=True, exist_ok=True)
    train(two_modes(out.parent / "data", 64), method, quick(), 0, out, **options)


def same(one: Path, other: Path) -> None:
    """Equal weights and losses; seconds differ."""
    for name in ("model.safetensors", "parts.safetensors"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    rows = [pd.read_csv(run / "train.csv").drop(columns="seconds") for run in (one, other)]
    pd.testing.assert_frame_equal(*rows)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "run"
    run(out)
    return out


def test_training_twice_gives_the_same_bits(whole: Path, tmp_path: Path) -> None:
    run(tmp_path / "run")
    same(whole, tmp_path / "run")
    assert not list(whole.glob("resume.*"))


@pytest.mark.parametrize("point", [2, 5, 7, 9])
def test_a_run_that_stops_continues_bit_for_bit(
    whole: Path, tmp_path: Path, point: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three points in each stage: in the warm-up, in the critic, in the first and in the second period."""
    real, stored = ResumePoint.store, []

    def store(self: ResumePoint, *given: Any) -> None:
        real(self, *given)
        stored.append(given)
        if len(stored) == point:
            raise KeyboardInterrupt

    monkeypatch.setattr(ResumePoint, "store", store)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run")
    monkeypatch.undo()
    assert not (tmp_path / "run/model.safetensors").exists()
    run(tmp_path / "run")
    same(whole, tmp_path / "run")


def test_a_killed_process_continues_bit_for_bit(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    kill_at_resume_point(tmp_path / "run", run, tmp_path / "run")
    run(tmp_path / "run")
    same(whole, tmp_path / "run")


def test_a_log_says_how_many_support_actions_count(whole: Path) -> None:
    rows = pd.read_csv(whole / "train.csv")
    assert list(rows["stage"].unique()) == ["behaviour", "critic", "policy"]
    ess = rows.loc[rows["stage"] == "policy", "ess"]
    assert ess.between(1, 4).all()
    assert rows.loc[rows["stage"] != "policy", "ess"].isna().all()


def test_methods_share_behaviour_and_critic(whole: Path, tmp_path: Path) -> None:
    run(tmp_path / "run", "efm", parts=[whole])
    assert read_json(tmp_path / "run/parts.json")["networks"] == {}  # it trained none itself
    rows = pd.read_csv(tmp_path / "run/train.csv")
    assert list(rows["stage"].unique()) == ["policy"]
    assert read_json(tmp_path / "run/run.json")["parts"] == ["behaviour", "critic"]


def test_parts_that_are_not_of_these_data_are_refused(whole: Path, tmp_path: Path) -> None:
    data = two_modes(tmp_path / "data", 64)
    with pytest.raises(UserError, match=r"behaviour_ot of .*parts\.safetensors: trained otherwise \(seed\)"):
        train(data, "efm", quick(), 1, tmp_path / "run", parts=[whole])
    wide = [replace(e, observations=np.zeros((2, 3)), actions=np.zeros((1, 1))) for e in data.episodes]
    other = replace(in_memory(wide, "Pendulum-v1", tmp_path / "data"), box=np.array([[-2.0], [2.0]]))
    with pytest.raises(UserError, match=r"data: observations: 3 numbers at each step, but behaviour_ot of .* has 1"):
        train(other, "efm", quick(), 0, tmp_path / "run", parts=[whole])
    with pytest.raises(UserError, match="no behaviour model or critic of the kinds that 'iql' has"):
        train(data, "iql", quick(), 0, tmp_path / "run", parts=[whole])
    assert not (tmp_path / "run/model.safetensors").exists()


def test_a_critic_of_the_wrong_kind_is_refused() -> None:
    params = quick()
    soft = params.model_copy(update={"critic": params.critic.model_copy(update={"kind": "softmax"})})
    with pytest.raises(UserError, match="needs a behaviour model, and method 'iql' has none"):
        learner_of("iql", Sizes(1, 1), soft, 0)
    with pytest.raises(UserError, match="unknown offline method 'qipo_o'; did you mean 'qipo_ot'"):
        learner_of("qipo_o", Sizes(1, 1), params, 0)


def test_qipo_can_have_the_expectile_critic(whole: Path, tmp_path: Path) -> None:
    params = quick()
    params = params.model_copy(update={"critic": params.critic.model_copy(update={"kind": "expectile"})})
    train(two_modes(tmp_path / "data", 64), "qipo_ot", params, 0, tmp_path / "run", parts=[whole])
    assert list(read_json(tmp_path / "run/parts.json")["networks"]) == ["critic_expectile"]


@pytest.mark.parametrize("name", ["model.safetensors", "model.json"])
def test_a_damaged_checkpoint_is_refused(whole: Path, tmp_path: Path, name: str) -> None:
    for each in ("model.safetensors", "model.json"):
        (tmp_path / each).write_bytes((whole / each).read_bytes())
    load(tmp_path)
    content = bytearray((tmp_path / name).read_bytes())
    content[-20] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=r"model\.(safetensors|json)") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_actions_are_in_the_environments_box_and_seeded(whole: Path) -> None:
    policy = load(whole)
    one, other = (policy.act(np.zeros((64, 1)), torch_generator(3, "test")) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert np.abs(one).max() <= 1.0
    assert one.dtype == np.float64


def test_evaluation_rows_and_both_normalisations(whole: Path, tmp_path: Path) -> None:
    note = read_json(whole / "model.json")
    assert note["source"]["references"] == []
    evaluate(whole, quick().evaluate, tmp_path / "one")
    evaluate(whole, quick().evaluate, tmp_path / "two")
    rows = [pd.read_csv(tmp_path / name / "episodes.csv").drop(columns="seconds") for name in ("one", "two")]
    pd.testing.assert_frame_equal(*rows)
    assert list(rows[0]["env_seed"]) == [0, 1, 2, 3]
    assert (rows[0]["length"] == 1).all()
    assert rows[0]["terminated"].all()


def hopper(path: Path) -> Episodes:
    """Two episodes of a few steps of Hopper's widths, with references of their own."""
    rng = np.random.default_rng(0)
    path.write_bytes(b"the episodes are in memory")
    episodes = [
        Episode(rng.normal(size=(6, 11)), rng.uniform(-1, 1, (5, 3)), rng.normal(size=5), True, False) for _ in range(2)
    ]
    return replace(in_memory(episodes, "Hopper-v5", path), references=(10.0, 1010.0))


def test_returns_are_normalised_by_own_and_by_d4rls_references(tmp_path: Path) -> None:
    pytest.importorskip("mujoco")
    train(hopper(tmp_path / "data"), "bc", quick(), 0, tmp_path / "run")
    evaluate(tmp_path / "run", quick().evaluate.model_copy(update={"episodes": 1}), tmp_path / "rows")
    row = pd.read_csv(tmp_path / "rows/episodes.csv").iloc[0]
    assert row["normalised_own"] == pytest.approx((row["return"] - 10) / 10)
    assert row["normalised_d4rl"] == pytest.approx(100 * (row["return"] + 20.272305) / (3234.3 + 20.272305))


def test_a_run_of_other_inputs_is_not_overwritten(whole: Path, tmp_path: Path) -> None:
    data = two_modes(tmp_path / "data", 64)
    with pytest.raises(UserError, match="holds another run, which differs in"):
        train(data, "bc", quick(), 0, whole, existing="refuse")


def test_a_checkpoint_of_another_format_is_named(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((whole / "model.safetensors").read_bytes())
    write_json(tmp_path / "model.json", read_json(whole / "model.json") | {"format": 0})
    with pytest.raises(UserError, match=r"model\.json: format 0, this version reads 1"):
        load(tmp_path)


def test_every_method_declares_what_its_file_has() -> None:
    for name in METHODS:
        learner = learner_of(name, Sizes(2, 1), quick(), 0)
        assert set(learner.keeps) <= set(learner.order)
        for part in learner.order:
            assert isinstance(learner.network(part), torch.nn.Module)


def test_the_room_knows_neither_rewards_nor_agents() -> None:
    """Their floor allows the former; data and a critic are all that offline methods learn from."""
    for file in (ROOT / "energyflow/offline").rglob("*.py"):
        assert not re.search(r"energyflow\.(rewards|agents)", file.read_text()), file
