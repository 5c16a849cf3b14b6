"""The rooms of the package and the one contract that keeps arrows between them going down."""

from __future__ import annotations

import tomllib
from typing import Any

from tests.conftest import ROOT

ORDER = [  # top floor first; rooms of one floor do not import each other
    {"cli"},
    {"pipeline"},
    {"studies"},
    {"report"},
    {"agents", "offline"},
    {"rewards"},
    {"learning"},
    {"policies"},
    {"datasets"},
    {"networks", "envs"},
    {"config"},
    {"core"},
]


def contract() -> dict[str, Any]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert settings["root_package"] == "energyflow"
    (found,) = settings["contracts"]
    return dict(found)


def test_the_contract_is_not_weakened() -> None:
    found = contract()
    assert set(found) == {"name", "type", "containers", "layers"}  # no import is let through
    assert (found["type"], found["containers"]) == ("layers", ["energyflow"])
    assert [{room.strip() for room in floor.split("|")} for floor in found["layers"]] == ORDER


def test_every_room_is_in_the_contract() -> None:
    rooms = {path.name for path in (ROOT / "energyflow").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set().union(*ORDER)
    doors = {path.name for path in (ROOT / "energyflow").glob("*.py")}
    assert doors == {"__init__.py", "params.py"}  # what users import from the top


def test_lint_checks_the_contract() -> None:
    assert "lint-imports" in (ROOT / "Makefile").read_text()
