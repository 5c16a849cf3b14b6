"""Resume points: continued as they were written, or not at all and said aloud."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energyflow.core import resume
from energyflow.core.errors import UserError
from energyflow.core.resume import ResumePoint
from energyflow.core.tensors import optimizer_tensors, restore_optimizer
from tests.core.damage import flip

IDENTITY = {"task": "custom/x", "seed": 0}
TENSORS = {
    "a": torch.arange(6.0).reshape(2, 3),
    "b": torch.tensor(3, dtype=torch.int64),
    "c": torch.tensor([True, False]),
    "d": torch.zeros(0),
    "e": torch.ones(3, dtype=torch.bfloat16),
    "f": torch.arange(5, dtype=torch.uint8),
}
STATE = {"step": 40, "rows": [{"loss": 0.1, "norm": float("inf")}], "of": {"x": None}}


@pytest.fixture
def point(tmp_path: Path) -> ResumePoint:
    found = ResumePoint(tmp_path, IDENTITY)
    found.store(TENSORS, STATE)
    return found


def test_everything_comes_back_bit_for_bit(point: ResumePoint, tmp_path: Path) -> None:
    stored = ResumePoint(tmp_path, IDENTITY).load()
    assert stored is not None
    tensors, state = stored
    assert state == STATE
    assert tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert tensors[name].dtype == value.dtype
        assert torch.equal(tensors[name], value)
    point.remove()
    assert not list(tmp_path.iterdir())
    point.remove()


def test_none_is_nothing_to_speak_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ResumePoint(tmp_path / "nowhere", IDENTITY).load() is None
    assert capsys.readouterr().out == ""


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_byte_starts_over(
    point: ResumePoint, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    point.store(TENSORS, STATE)
    file = data.draw(st.sampled_from([point.path, point.path.with_suffix(".json")]))
    content = file.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        flip(file, at, data.draw(st.integers(0, 7)))
    else:
        file.write_bytes(content[:at])
    capsys.readouterr()
    stored = point.load()
    said = capsys.readouterr().out.splitlines()
    if stored is None:
        assert len(said) == 1
        assert said[0].endswith("; starting over")
    else:  # white space of the note
        assert stored[1] == STATE
        assert all(torch.equal(stored[0][name], value) for name, value in TENSORS.items())


@pytest.mark.parametrize("missing", ["resume.safetensors", "resume.json"])
def test_half_a_point_starts_over(
    point: ResumePoint, tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    """As of a run that was killed between the two files."""
    (tmp_path / missing).unlink()
    assert point.load() is None
    assert capsys.readouterr().out.endswith(f"{missing}: no such file; starting over\n")


def test_the_tensors_of_another_step_start_over(
    point: ResumePoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = point.path.read_bytes()
    point.store({**TENSORS, "a": TENSORS["a"] + 1}, STATE)
    point.path.write_bytes(before)
    assert point.load() is None
    assert "the digest differs" in capsys.readouterr().out


def test_another_run_or_other_code_starts_over(
    point: ResumePoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ResumePoint(tmp_path, IDENTITY | {"seed": 1}).load() is None
    assert "left by another run (seed); starting over" in capsys.readouterr().out
    monkeypatch.setattr(resume, "_code", lambda: "other")
    assert ResumePoint(tmp_path, IDENTITY).load() is None
    assert "left by another run (code); starting over" in capsys.readouterr().out


def test_a_point_without_digest_starts_over(
    point: ResumePoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "resume.json").write_text(json.dumps({"identity": IDENTITY, "step": 3, "rows": []}))
    assert point.load() is None
    assert "format None, this version reads 1; starting over" in capsys.readouterr().out


def test_a_full_disk_is_one_line_and_keeps_the_point_before(small_disk: Path) -> None:
    point = ResumePoint(small_disk, IDENTITY)
    point.store(TENSORS, STATE)
    with pytest.raises(UserError, match=r"resume\.safetensors: could not be written \(No space left on device\)"):
        point.store({"a": torch.zeros(100_000)}, STATE)
    stored = point.load()
    assert stored is not None
    assert stored[1] == STATE
    assert len(list(small_disk.iterdir())) == 2


def test_an_optimiser_continues_where_it_was() -> None:
    def trained(steps: int) -> tuple[torch.nn.Linear, torch.optim.Adam]:
        torch.manual_seed(0)
        layer = torch.nn.Linear(3, 1)
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
        return advance(layer, optimizer, steps), optimizer

    def advance(layer: torch.nn.Linear, optimizer: torch.optim.Adam, steps: int) -> torch.nn.Linear:
        for _ in range(steps):
            optimizer.zero_grad()
            layer(torch.ones(2, 3)).square().sum().backward()
            optimizer.step()
        return layer

    whole, _ = trained(6)
    half, before = trained(3)
    after = torch.optim.Adam(half.parameters(), lr=0.1)
    restore_optimizer(after, optimizer_tensors(before))
    assert torch.equal(advance(half, after, 3).weight, whole.weight)
