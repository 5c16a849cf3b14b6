"""The trainer: bit-equal repeats, exact resume after SIGKILL, and clear errors."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import energyflow
from energyflow.config.params import Params
from energyflow.config.sections import TrainParams
from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.datasets.windows import Windows
from energyflow.learning import trainer as training
from energyflow.learning.kernels import fastest
from energyflow.learning.trainer import Trainer, learning_rate, train
from energyflow.networks.build import Spec
from energyflow.policies.checkpoint import build, load
from tests.conftest import ROOT, TASK
from tests.core.damage import flip

CPU = torch.device("cpu")
BASELINES = ["lstm_gmm", "implicit_bc", "ebt_policy"]


def assert_equal_runs(one: Path, two: Path) -> None:
    first, second = load_file(one / "model.safetensors"), load_file(two / "model.safetensors")
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name

    def log(out: Path) -> list[list[str]]:  # without the seconds
        return [line.split(",")[:-1] for line in (out / "train.csv").read_text().splitlines()]

    assert log(one) == log(two)


@pytest.mark.parametrize("method", ["energyflow", "energyflow_paper", "diffusion_policy", *BASELINES])
def test_one_seed_twice_is_bit_equal(smoke: Params, demos_path: Path, tmp_path: Path, method: str) -> None:
    section = smoke.train[method].model_copy(update={"steps": 12})
    for name in ("one", "two"):
        train(TASK, 0, section, demos_path, tmp_path / name, CPU)
    assert_equal_runs(tmp_path / "one", tmp_path / "two")


def test_another_seed_is_another_policy(short: TrainParams, demos_path: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        train(TASK, seed, short, demos_path, tmp_path / str(seed), CPU)
    first, second = (load_file(tmp_path / str(s) / "model.safetensors") for s in (0, 1))
    weight = next(name for name in first if name.endswith("layers.0.weight"))
    assert not torch.equal(first[weight], second[weight])


@pytest.mark.parametrize(
    "method",
    [
        "energyflow",
        "lstm_gmm",  # the only one that sees sequences
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("energyflow_paper", *BASELINES)
            if name != "lstm_gmm"
        ),
    ],
)
def test_a_killed_run_resumes_to_the_same_bits(smoke: Params, demos_path: Path, tmp_path: Path, method: str) -> None:
    section = smoke.train[method].model_copy(update={"steps": 240, "log_every": 20, "resume_every": 20})
    train(TASK, 0, section, demos_path, tmp_path / "whole", CPU)
    killed = tmp_path / "killed"
    command = [sys.executable, "-m", "energyflow.cli", "job", "train", "--task", TASK, "--seed", "0"]
    command += ["--params", section.canonical(), "--demos", str(demos_path), "--out", str(killed)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (killed / "resume.json").exists():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "model.safetensors").exists()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert "resuming at step" in done.stdout
    assert_equal_runs(tmp_path / "whole", killed)
    assert not list(killed.glob("resume.*"))


def interrupt(params: TrainParams, demos: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train, and stop before the model is written: a resume point stays."""
    with monkeypatch.context() as patch:
        patch.setattr(training, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(TASK, 0, params, demos, out, CPU)


def test_a_resume_point_of_other_params_is_not_continued(
    short: TrainParams,
    demos_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    interrupt(short, demos_path, out, monkeypatch)
    assert (out / "resume.json").exists()
    changed = short.model_copy(update={"lr": 2 * short.lr})
    train(TASK, 0, changed, demos_path, out, CPU)
    assert "resuming" not in capsys.readouterr().out
    train(TASK, 0, changed, demos_path, tmp_path / "clean", CPU)
    assert_equal_runs(out, tmp_path / "clean")


def test_a_damaged_resume_point_starts_over_to_the_same_bits(
    short: TrainParams,
    demos_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    interrupt(short, demos_path, out, monkeypatch)
    flip(out / "resume.safetensors", -1)
    capsys.readouterr()
    train(TASK, 0, short, demos_path, out, CPU)
    assert capsys.readouterr().out.strip().endswith("; starting over")
    train(TASK, 0, short, demos_path, tmp_path / "clean", CPU)
    assert_equal_runs(out, tmp_path / "clean")


def test_a_gradient_that_is_not_finite_does_not_stop_the_resume_points(
    short: TrainParams, demos_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a step is skipped, and has no norm in the log, which the resume point carries on."""
    update = Trainer._update
    monkeypatch.setattr(
        Trainer, "_update", lambda self, slope: update(self, slope * (float("inf") if self.step == 7 else 1.0))
    )
    train(TASK, 0, short, demos_path, tmp_path, CPU)
    record = read_json(tmp_path / "run.json")
    assert record["skipped_steps"] == 1
    rows = pd.read_csv(tmp_path / "train.csv")
    assert rows["step"][rows["grad_norm"].isna()].tolist() == [8]


def test_the_checkpoint_acts_like_the_trained_policy(short: TrainParams, demos_path: Path, tmp_path: Path) -> None:
    train(TASK, 0, short, demos_path, tmp_path, CPU)
    policy = energyflow.load(tmp_path / "model.safetensors")
    obs = torch.randn(3, 2, 39, generator=torch.Generator().manual_seed(0))
    first, second = (policy.act(obs, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == (3, 16, 4)
    assert float(first.abs().max()) <= 1.0


def test_checkpoint_of_another_task_is_refused(short: TrainParams, demos_path: Path, tmp_path: Path) -> None:
    train(TASK, 0, short, demos_path, tmp_path, CPU)
    with pytest.raises(UserError, match=r"trained on metaworld/button_press, asked for metaworld/hammer"):
        load(tmp_path / "model.safetensors", "metaworld/hammer")


def test_damaged_checkpoints_are_named(short: TrainParams, demos_path: Path, tmp_path: Path) -> None:
    train(TASK, 0, short, demos_path, tmp_path, CPU)
    model = tmp_path / "model.safetensors"
    whole = model.read_bytes()
    model.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"model\.safetensors: damaged"):
        load(model)
    model.write_bytes(whole)
    model.with_suffix(".json").write_text("{")
    with pytest.raises(UserError, match=r"model\.json: damaged"):
        load(model)


def test_divergence_is_an_error_and_leaves_no_checkpoint(short: TrainParams, demos_path: Path, tmp_path: Path) -> None:
    diverging = short.model_copy(update={"lr": 1e30, "warmup_steps": 0})
    title = f"^train {TASK} energyflow seed 0"
    with pytest.raises(UserError, match=title + r": the loss is (nan|inf) at step \d+; lower the learning rate"):
        train(TASK, 0, diverging, demos_path, tmp_path, CPU)
    assert not (tmp_path / "model.safetensors").exists()


def test_learning_rate_warms_up_and_ends_at_zero(short: TrainParams) -> None:
    section = short.model_copy(update={"steps": 100, "warmup_steps": 10, "lr": 1.0})
    rates = [learning_rate(step, section) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) in (9, 10)
    assert rates[-1] < 1e-3


def test_loss_falls_on_real_demonstrations(smoke: Params, demos_path: Path, tmp_path: Path) -> None:
    section = smoke.train["energyflow"].model_copy(update={"steps": 400, "log_every": 50})
    train(TASK, 0, section, demos_path, tmp_path, CPU)
    losses = [float(line.split(",")[1]) for line in (tmp_path / "train.csv").read_text().splitlines()[1:]]
    assert losses[-1] < 0.85 * losses[0]


def windows(count: int = 64) -> Windows:
    generator = torch.Generator().manual_seed(4)
    return Windows(torch.randn(count, 2, 9, generator=generator), torch.randn(count, 16, 3, generator=generator))


def trainer_of(params: TrainParams) -> Trainer:
    torch.manual_seed(0)
    return Trainer(build(Spec(9, 3, 2, 16, 8, ("state",)), params), windows(), 0, CPU)


def test_a_step_is_clipped_adamw_and_an_average(smoke: Params) -> None:
    """Against PyTorch's optimiser, clipping and per-parameter average, on the losses of the same draws."""
    section = smoke.train["energyflow"].model_copy(update={"grad_clip": 1e-5, "lr": 0.01, "warmup_steps": 0})
    ours = trainer_of(section)
    model = copy.deepcopy(ours.model)
    average = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=section.lr, weight_decay=section.weight_decay)
    generators = {name: torch.Generator() for name in ours.generators}
    for name, generator in generators.items():
        generator.set_state(ours.generators[name].get_state())
    for step in range(4):
        optimizer.param_groups[0]["lr"] = learning_rate(step, section)
        index = torch.randint(64, (section.batch_size,), generator=generators["batch"])
        loss = model.loss(ours.obs[index], ours.actions[index], generators["noise"])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), section.grad_clip)
        optimizer.step()
        decay = min(section.ema_decay, (2.0 + step) / (11.0 + step))
        for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
            slow.data.lerp_(fast.data, 1.0 - decay)
        found, found_norm = ours.advance()
        assert float(found) == pytest.approx(float(loss.detach()), rel=1e-4)
        assert float(found_norm) == pytest.approx(float(norm), rel=2e-3)
        assert float(norm) > section.grad_clip  # otherwise clipping would not be tested
        assert ours.weights.grad is not None
        assert float(ours.weights.grad.norm()) == pytest.approx(section.grad_clip, rel=1e-3)
    for ours_side, other in ((ours.model, model), (ours.average, average)):
        for one, two in zip(ours_side.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(one.data, two.data, rtol=1e-3, atol=1e-4)


def test_a_gradient_that_is_not_finite_is_skipped_and_counted(smoke: Params) -> None:
    ours = trainer_of(smoke.train["energyflow"])
    ours.advance()
    before, state = ours.vector.clone(), {k: v.clone() for k, v in ours.optimizer.state[ours.weights].items()}
    good = ours.actions
    ours.actions = torch.full_like(good, float("nan"))
    ours.advance()
    assert torch.equal(ours.vector, before)
    assert all(torch.equal(ours.optimizer.state[ours.weights][key], value) for key, value in state.items())
    assert int(ours.skipped) == 1
    ours.actions = good
    ours.advance()
    assert not torch.equal(ours.vector, before)
    assert int(ours.skipped) == 1


def test_parameters_are_views_of_one_vector(smoke: Params) -> None:
    ours = trainer_of(smoke.train["energyflow"])
    ours.vector.fill_(0.5)
    assert all(bool((parameter == 0.5).all()) for parameter in ours.model.parameters())
    assert ours.vector.numel() == sum(parameter.numel() for parameter in ours.model.parameters())


def test_the_switch_of_kernels_ends_with_the_step(smoke: Params) -> None:
    before = torch.backends.mkldnn.matmul.fp32_precision  # type: ignore[attr-defined]
    trainer_of(smoke.train["energyflow"]).advance()
    assert torch.backends.mkldnn.matmul.fp32_precision == before  # type: ignore[attr-defined]


def test_the_record_names_the_kernels(short: TrainParams, demos_path: Path, tmp_path: Path) -> None:
    train(TASK, 0, short, demos_path, tmp_path, CPU)
    assert read_json(tmp_path / "run.json")["matmul"] == fastest(CPU, short.precision)
