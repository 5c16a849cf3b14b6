"""The text of params.yaml: which file, and YAML that is strict about repeated keys and lax about 1e-3."""

from __future__ import annotations

import re
from collections.abc import Hashable
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from energyflow.core.errors import UserError

SHIPPED = "params.yaml"  # beside the checkout's Snakefile, and inside an installed package


class _Loader(yaml.SafeLoader):
    """YAML in which a key that is given twice is an error, and 1e-3 is a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse repeated keys."""
        seen: set[Any] = set()
        for key in (self.construct_object(each, deep=True) for each, _ in node.value):
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key '{key}' is given twice", node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


# YAML 1.1 takes 1e-3, which everybody writes, for text.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9][0-9_]*(?:\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def parsed(text: str) -> Any:
    """Plain values of a YAML document: a safe loader builds numbers, text, lists and mappings, and no other object."""
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def read(path: str | Path | None = None) -> dict[str, Any]:
    """Content of a params file; without a path, that of the working directory, or else the one that is shipped.

    Raises:
        UserError: the file is missing, or is not a YAML mapping.
    """
    shipped = resources.files("energyflow").joinpath(SHIPPED)
    local = Path(path or SHIPPED)
    file = shipped if path is None and not local.is_file() and shipped.is_file() else local
    try:
        raw = parsed(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; run from the repository root") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{file}: expected a mapping of sections")
    return raw
