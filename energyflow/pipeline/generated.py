"""Files that are generated from the plan and the schema, and committed: `make generated` writes them anew."""

from __future__ import annotations

import json
from typing import Any

from energyflow.config.plots import PLOTS
from energyflow.config.sections import OwnTask, TrainSection
from energyflow.core.files import write_text
from energyflow.pipeline import dvcfile, params
from energyflow.pipeline.code import ROOT
from energyflow.policies.registry import METHODS
from energyflow.rewards.registry import SOURCES
from energyflow.studies.registry import STUDIES

SCHEMA = "workflow/params.schema.json"
OWNER = "laptop"  # the preset that studies belong to


def schema() -> str:
    """JSON schema of params.yaml, for editors: keys, types, bounds and defaults."""
    definitions: dict[str, Any] = {}

    def of(model: type[Any]) -> dict[str, Any]:
        found: dict[str, Any] = model.model_json_schema(ref_template="#/$defs/{model}")
        for name, one in (found.pop("$defs", {}) | {"": found}).items():
            # layers complete each other: what is missing at last is told when they are merged
            one.pop("required", None)
            one["additionalProperties"] = False
            if name:
                known = definitions.setdefault(name, one)
                assert known == one, f"two sections of params.yaml are called {name}"
        return found

    train = {"train": of(TrainSection)}
    sections = {name: of(model) for name, model in params.SECTIONS.items()}
    sections |= {name: of(STUDIES[name].params) for name in STUDIES}
    sections["plots"] = _closed({name: of(model) for name, model in PLOTS.items()})
    sections["source"] = _closed({name: of(SOURCES[name].settings) for name in SOURCES})
    own = {name: of(METHODS[name].params) for name in METHODS}
    train["train"]["properties"]["lr"] = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
    with_train = {name: {**one, "properties": one.get("properties", {}) | train} for name, one in own.items()}
    sections["method"] = _closed(with_train)
    sections[params.TASKS] = {"type": "object", "additionalProperties": of(OwnTask)}
    task = _closed({name: sections[name] for name in params.OF_A_TASK})
    preset = _closed(sections | {"full": sections["run"], "task": {"type": "object", "additionalProperties": task}})
    top = sections | {"preset": {"type": "string"}, "grid": {"enum": list(params.GRIDS)}}
    top["presets"] = {"type": "object", "additionalProperties": preset}
    text = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": definitions, **_closed(top)}
    return json.dumps(text, indent=1, sort_keys=True) + "\n"


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def files() -> dict[str, str]:
    """Every generated file, relative to the project, and what it must hold."""
    p = params.load(ROOT / "params.yaml", OWNER)
    found = {dvcfile.stage_file("all"): dvcfile.main_file(p), SCHEMA: schema()}
    return found | {dvcfile.stage_file(name): dvcfile.study_file(name, p) for name in p.studies}


def write() -> None:
    """Write them all, and say where."""
    for name, text in files().items():
        write_text(ROOT / name, text)
        print(f"wrote {name}")
