"""params.yaml and the typed sections behind it, as pages show them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from energyflow.config.section import Section

HOLDERS = (  # modules that define sections
    *("energyflow.config.sections", "energyflow.rewards.settings"),
    *("energyflow.studies.theory.sections", "energyflow.studies.ablations.sections"),
)


def excerpt(text: str, *keys: str) -> str:
    """The lines of params.yaml that hold the value at some keys, with the comments beside and the keys above them.

    Raises:
        KeyError: there is no such key.
    """
    lines, node, kept = text.splitlines(), yaml.compose(text), []
    for depth, key in enumerate(keys):
        pairs = {k.value: (k, v) for k, v in node.value}
        start, node = pairs[key]
        kept.append(lines[start.start_mark.line] if depth < len(keys) - 1 else "")
    last = node.end_mark.line + (1 if node.end_mark.column else 0)
    body = [line for line in lines[start.start_mark.line : max(last, start.start_mark.line + 1)] if line.strip()]
    return "\n".join([line.split("#")[0].rstrip() for line in kept[:-1]] + body)


def keys(text: str, *above: str) -> list[str]:
    """Keys of params.yaml, at the top or in a mapping, in the order of the file."""
    node = yaml.compose(text)
    for key in above:
        node = {k.value: v for k, v in node.value}[key]
    return [key.value for key, _ in node.value]


def rates(text: str, method: str) -> dict[str, str]:
    """Learning rate of a method by preset, as the file writes it."""
    presets = {k.value: v for k, v in yaml.compose(text).value}["presets"]
    found = {}
    for name, preset in presets.value:
        rate = {k.value: v for k, v in preset.value}.get("lr")
        values = {k.value: v.value for k, v in rate.value} if rate is not None else {}
        found |= {name.value: values[method]} if method in values else {}
    return found


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
    return kind.replace("typing.", "").replace("Literal", "one of ") if "Literal" in kind else kind.replace("typing.", "")


def _bounds(metadata: list[Any]) -> Iterator[str]:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "multiple_of": "a multiple of"}
    for constraint in metadata:
        for attribute, sign in signs.items():
            if getattr(constraint, attribute, None) is not None:
                yield f"{sign} {getattr(constraint, attribute):g}"
        if getattr(constraint, "min_length", None) is not None:
            yield "not empty"
