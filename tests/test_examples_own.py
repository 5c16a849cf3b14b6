"""The examples of own data and own environment run in an empty folder, one after the other, with fewer steps."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


def test_own_data_and_own_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT / "examples")  # as Python does for a script
    monkeypatch.setattr(sys, "argv", ["own_data.py", "20"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(str(ROOT / "examples/own_data.py"))
    said = capsys.readouterr().out
    assert "demonstrations  50, of " in said
    assert "observations    goal [2], position [2]" in said
    assert "wrote runs/custom/reach/energyflow/seed0/model.safetensors" in said
    monkeypatch.setattr(sys, "argv", ["own_env.py", "2"])
    runpy.run_path(str(ROOT / "examples/own_env.py"))
    assert "success " in capsys.readouterr().out
    assert (tmp_path / "reach.gif").stat().st_size > 100
