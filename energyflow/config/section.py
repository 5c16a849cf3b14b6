"""A closed, typed group of parameters, and how its mistakes are told."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from energyflow.core.errors import UserError, nearest

S = TypeVar("S", bound="Section")


class Section(BaseModel):
    """A frozen, closed group of parameters: unknown keys and mistyped values are errors."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _closed(cls, data: Any) -> Any:
        for key in data if isinstance(data, dict) else ():
            if key not in cls.model_fields:
                raise ValueError(f"unknown key '{key}'; {nearest(str(key), list(cls.model_fields))}")
        return data

    def canonical(self) -> str:
        """Return sorted, compact JSON: equal sections are equal strings, whatever the order in the file."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


def describe(error: ValidationError) -> str:
    """Say which keys are wrong, how, and what was given, on one line."""
    parts = []
    for item in error.errors():
        key, message = ".".join(str(k) for k in item["loc"]), item["msg"].removeprefix("Value error, ")
        got = "" if isinstance(item["input"], dict) else f" (got {item['input']!r})"
        parts.append(f"{key}: {message}{got}" if key else message)
    return "; ".join(parts)


def layered(layers: dict[str, Any]) -> None:
    """Check the layers of a section, by where they stand.

    Raises:
        UserError: one of them is no mapping.
    """
    for where, layer in layers.items():
        if not isinstance(layer, dict):
            raise UserError(f"{where}: expected a mapping, got {type(layer).__name__}")


def closed(mapping: Any, where: str, allowed: tuple[str, ...] | list[str], *, complete: bool = True) -> None:
    """Check the keys of a mapping: none but the allowed ones, and, if `complete`, all of them.

    Raises:
        UserError: no mapping, or an unknown or missing key, with the nearest allowed name.
    """
    layered({where: mapping})
    for key in mapping:
        if key not in allowed:
            raise UserError(f"{where}: unknown key '{key}'; {nearest(str(key), list(allowed))}")
    for key in allowed if complete else ():
        if key not in mapping:
            raise UserError(f"{where}: missing key '{key}'")


def parse_section(model: type[S], text: str) -> S:
    """Read a section from the JSON that a rule passes on its command line.

    Raises:
        UserError: the JSON does not match the section.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise UserError(f"--params: {model.__name__}: {describe(error)}") from None
