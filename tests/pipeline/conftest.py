"""One complete run of a tiny grid in the real simulator, which the scenarios start from."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from tests.pipeline.tree import Tree


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Tree:
    """Everything run and committed, in git and DVC; a test that leaves a mark uses `scratch`.

    Of the theory one point is run, and the others are pretended: a process each for what tests/theory computes in one.

    Parallel test processes share the run: the first one does it, each takes a copy.
    """
    own = tmp_path_factory.mktemp("workflow") / "project"
    shared = tmp_path_factory.getbasetemp().parent / "workflow-run" if worker_id != "master" else own.parent / "run"
    with FileLock(f"{shared}.lock"):
        complete = shared / ".snakemake/complete"
        if not complete.exists():
            tree = Tree.fresh(shared)
            # the logs then list what each job imported
            tree.snakemake("all", *tree.theory_run(), PYTHONPROFILEIMPORTTIME="1")
            tree.pretend_theory()
            tree.engines("commit")
            tree.commit()
            complete.touch()
    return Tree(shared).copy(own)


@pytest.fixture
def scratch(finished: Tree, tmp_path: Path) -> Tree:
    """A copy of the finished run to do anything with."""
    return finished.copy(tmp_path / "project")
