"""params.yaml and the typed sections behind it, as pages show them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml

from energyflow.config.section import Section
from energyflow.studies.registry import STUDIES

SHARED = ("energyflow.config.sections", "energyflow.config.plots")


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


def keys(text: str) -> list[str]:
    """Keys at the top of params.yaml, in the order of the file."""
    return list(_entries(_root(text)))


def _root(text: str) -> yaml.Node:
    root = yaml.compose(text)
    assert root is not None
    return root


def _entries(mapping: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    return {key.value: (key, value) for key, value in mapping.value}


def source(root: Path, section: type[Section]) -> str:
    """The lines that define a section, what it inherits and what it holds: numbers with their sources beside them.

    Args:
        root: of the repository.
        section: of a method or of a source of reward.
    """
    return "\n\n\n".join(_definition(root, each) for each in dict.fromkeys(_parts(section)))


def _parts(section: type[Section]) -> Iterator[type[Section]]:
    for base in reversed(section.__mro__):
        if issubclass(base, Section) and base is not Section:
            for field in base.model_fields.values():
                if inspect.isclass(field.annotation) and issubclass(field.annotation, Section):
                    yield from _parts(field.annotation)
            yield base


def _definition(root: Path, section: type[Section]) -> str:
    module = _module(section)
    text = (root / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8")
    statements = (node for node in ast.parse(text).body if isinstance(node, ast.ClassDef))
    node = next(each for each in statements if each.name == section.__name__)
    return "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno])


def sections() -> list[type[Section]]:
    """The typed sections that a reader of params.yaml meets, in the order of their definition.

    Those of methods and sources are on their own pages.
    """
    modules = list(dict.fromkeys([*SHARED, *(_module(STUDIES[study].params) for study in STUDIES)]))
    found: list[type[Section]] = []
    for module in map(import_module, modules):
        for _, cls in inspect.getmembers(module, inspect.isclass):
            if issubclass(cls, Section) and cls.__module__ == module.__name__:
                found.append(cls)
    return sorted(found, key=lambda cls: (modules.index(cls.__module__), inspect.getsourcelines(cls)[1]))


def _module(section: type[Section]) -> str:
    """Where a section is defined, also of one that was only declared; see energyflow.core.registry."""
    return section.__module__.removesuffix(" (declared)")


def table(section: type[Section]) -> str:
    """Keys of a section, their types and what they must satisfy."""
    rows = ["| key | type | must be | default |", "|---|---|---|---|"]
    for name, field in section.model_fields.items():
        needs = ", ".join(_bounds(field.metadata)) or "–"
        default = "needed" if field.is_required() else f"`{field.get_default(call_default_factory=True)}`"
        rows.append(f"| `{name}` | {kind(field.annotation)} | {needs} | {default} |")
    return "\n".join(rows)


def kind(annotation: Any) -> str:
    """A type as one says it: `list of int`, `mlp or unet`."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        bounds = ", ".join(_bounds(args[1:]))
        return kind(args[0]) + (f" ({bounds})" if bounds else "")
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in args)
    if origin in (Union, UnionType):
        return " or ".join(map(kind, args))
    if origin is list:
        return f"list of {kind(args[0])}"
    if origin is dict:
        return f"{kind(args[1])} by name"
    return "null" if annotation is type(None) else str(getattr(annotation, "__name__", annotation))


def _bounds(metadata: Any) -> Iterator[str]:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "multiple_of": "a multiple of"}
    for constraint in (each for one in metadata for each in getattr(one, "metadata", [one])):
        for attribute, sign in signs.items():
            if getattr(constraint, attribute, None) is not None:
                yield f"{sign} {_number(getattr(constraint, attribute))}"
        if getattr(constraint, "min_length", None):
            yield "not empty"


def _number(value: float) -> str:
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else f"{value:g}"
