"""params.yaml and the typed sections behind it, as pages show them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import yaml

from energyflow.config.section import Section

HOLDERS = (  # modules that define sections
    *("energyflow.config.sections", "energyflow.rewards.settings"),
    *("energyflow.studies.theory.sections", "energyflow.studies.ablations.sections"),
)


def excerpt(text: str, *path: str) -> str:
    """The lines of params.yaml that hold the value at some keys, with the comments beside and the keys above them.

    Raises:
        KeyError: there is no such key.
    """
    lines, value, above, first = text.splitlines(), _root(text), [], 0
    for key in path:
        name, value = _entries(value)[key]
        first = name.start_mark.line
        above.append(lines[first].split("#")[0].rstrip())
    block = isinstance(value, yaml.CollectionNode) and not value.flow_style
    end = value.end_mark.line + (0 if block else 1)  # a block ends where the next key begins
    return "\n".join([*above[:-1], *lines[first:end]]).rstrip()


def keys(text: str, *path: str) -> list[str]:
    """Keys of params.yaml, at the top or in a mapping, in the order of the file."""
    value = _root(text)
    for key in path:
        value = _entries(value)[key][1]
    return list(_entries(value))


def rates(text: str, method: str) -> dict[str, str]:
    """Learning rate of a method by preset, as the file writes it; only of presets that give one."""
    presets = _entries(_entries(_root(text))["presets"][1])
    given = {name: _entries(_entries(preset)["lr"][1]) for name, (_, preset) in presets.items()}
    return {name: str(rate[method][1].value) for name, rate in given.items() if method in rate}


def _root(text: str) -> yaml.Node:
    root = yaml.compose(text)
    assert root is not None
    return root


def _entries(mapping: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    return {key.value: (key, value) for key, value in mapping.value}


def sections() -> list[type[Section]]:
    """The typed sections, in the order of their definition."""
    found: list[type[Section]] = []
    for module in map(import_module, HOLDERS):
        for _, cls in inspect.getmembers(module, inspect.isclass):
            if issubclass(cls, Section) and cls.__module__ == module.__name__:
                found.append(cls)
    return sorted(found, key=lambda cls: (HOLDERS.index(cls.__module__), inspect.getsourcelines(cls)[1]))


def table(section: type[Section]) -> str:
    """Keys of a section, their types and what they must satisfy."""
    rows = ["| key | type | must be | default |", "|---|---|---|---|"]
    for name, field in section.model_fields.items():
        kind = inspect.formatannotation(field.annotation).replace("energyflow.config.sections.", "").replace("|", "\\|")
        needs = ", ".join(_bounds(field.metadata)) or "–"
        default = "needed" if field.is_required() else f"`{field.get_default(call_default_factory=True)}`"
        rows.append(f"| `{name}` | `{_plain(kind)}` | {needs} | {default} |")
    return "\n".join(rows)


def _plain(kind: str) -> str:
    return (
        kind.replace("typing.", "").replace("Literal", "one of ") if "Literal" in kind else kind.replace("typing.", "")
    )


def _bounds(metadata: list[Any]) -> Iterator[str]:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "multiple_of": "a multiple of"}
    for constraint in metadata:
        for attribute, sign in signs.items():
            if getattr(constraint, attribute, None) is not None:
                yield f"{sign} {getattr(constraint, attribute):g}"
        if getattr(constraint, "min_length", None) is not None:
            yield "not empty"
