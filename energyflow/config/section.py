"""A closed, typed group of parameters, and how its mistakes are told."""

from __future__ import annotations

import json
import re
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


def problems(error: ValidationError) -> list[tuple[tuple[str, ...], str]]:
    """The keys that are wrong, and how each is."""
    found = []
    for item in error.errors():
        message = item["msg"].removeprefix("Value error, ")
        got = "" if isinstance(item["input"], dict) else f" (got {item['input']!r})"
        if item["type"] == "literal_error" and isinstance(item["input"], str):
            allowed = re.findall(r"'([^']*)'", item["ctx"]["expected"])
            message, got = f"unknown '{item['input']}'; {nearest(item['input'], allowed)}", ""
        keys = tuple(str(key) for key in item["loc"])
        found.append((keys, f"{message}{got}" if keys else message))
    return found


def describe(error: ValidationError) -> str:
    """Say which keys are wrong, how, and what was given, on one line."""
    return "; ".join(f"{'.'.join(keys)}: {message}" if keys else message for keys, message in problems(error))


def parse_section(model: type[S], text: str) -> S:
    """Read a section from the JSON that a rule passes on its command line.

    Raises:
        UserError: the JSON does not match the section.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise UserError(f"--params: {model.__name__}: {describe(error)}") from None
