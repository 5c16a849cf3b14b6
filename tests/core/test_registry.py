"""What a module declares is read without what it computes with, and is what the module itself says."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from energyflow.core.errors import UserError
from energyflow.core.registry import Registry, declared
from energyflow.envs.registry import SUITES
from energyflow.policies.registry import METHODS, Method
from energyflow.rewards.registry import SOURCES
from tests.conftest import ROOT

MODULE = """
from __future__ import annotations

import a_simulator_that_is_not_there
from energyflow.config.section import Section
from energyflow.policies.registry import Method
from energyflow.policies.karras import KarrasParams

raise_if_run = a_simulator_that_is_not_there.start()


class Own(Section):
    width: int = 3


METHODS = {"own": Method("Own", Own, "Model"), "other": Method("Other", KarrasParams, "Model")}


class Model(a_simulator_that_is_not_there.Base):
    own: Own
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_methods.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "own_methods"


def test_a_declaration_is_evaluated_without_the_rest(module: str) -> None:
    found: dict[str, Method] = declared(module, "METHODS")
    assert found["own"].params().model_dump() == {"width": 3}
    assert found["other"].params().model_dump()["sigma_max"] == 10.0
    with pytest.raises(UserError, match="declares no SOURCES"):
        declared(module, "SOURCES")


@pytest.mark.parametrize("registry", [METHODS, SOURCES], ids=["methods", "sources"])
def test_declarations_are_those_of_the_modules(registry: Registry[Any]) -> None:
    for name in registry:
        real = getattr(import_module(registry.module(name)), registry.constant)[name]
        settings = "params" if isinstance(real, Method) else "settings"
        ours, theirs = vars(registry[name]).copy(), vars(real).copy()
        one, other = ours.pop(settings), theirs.pop(settings)
        assert ours == theirs
        assert one.model_json_schema() == other.model_json_schema()
        assert one().model_dump() == other().model_dump()


def test_suites_are_those_of_the_modules() -> None:
    for name in SUITES:
        ours, theirs = SUITES[name], import_module(SUITES.module(name)).SUITES[name]
        assert replace(ours, widths=None) == replace(theirs, widths=None)
        for task in ours.tasks:
            assert task.startswith(f"{name}/")
            assert ours.widths is None or ours.widths(task) == theirs.widths(task)


def test_registries_import_neither_torch_nor_a_simulator() -> None:
    code = (
        "import sys; from energyflow.policies.registry import METHODS; from energyflow.rewards.registry import SOURCES;"
        "from energyflow.envs.registry import SUITES; from energyflow.studies.registry import STUDIES;"
        "list(METHODS), list(SOURCES), list(SUITES), list(STUDIES); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"torch", "numpy", "mujoco", "metaworld", "robosuite"}.isdisjoint(done.stdout.split())


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(UserError, match=r"unknown method 'flow_polcy'; did you mean 'flow_policy'\?"):
        METHODS["flow_polcy"]
    with pytest.raises(UserError, match="unknown reward source 'gial'"):
        SOURCES["gial"]
