"""What a user of the workflow sees, whatever the workflow did."""

from __future__ import annotations

from pathlib import Path

from energyflow.pipeline.lock import LOCK
from tests.pipeline.tree import Tree


def test_a_run_gives_its_lock_back_before_python_goes_to_pieces(tmp_path: Path) -> None:
    """What is left to the interpreter's end, when modules are gone already, fails there, and says so to the user."""
    tree = Tree.fresh(tmp_path / "project")
    done = tree.snakemake("--", "no_such_target", ok=False)
    assert (tree.path / LOCK).stat().st_size  # it was held
    assert "No rule to produce no_such_target" in done.stderr
    assert "Traceback" not in done.stderr
