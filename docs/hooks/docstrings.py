"""Docstrings as Markdown: drawings and columns keep their shape; angle brackets are no tags, shapes no links."""

from __future__ import annotations

import re
from typing import Any

import griffe

SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields):$")
COLUMNS = re.compile(r"\S {2,}\S")
SIGNS = re.compile(r"`[^`]*`|<|\] \[")  # code, which stays as it is; and what Markdown takes for tags and links
SAFE = {"<": "&lt;", "] [": "] \\["}  # E[x | y] [B] is an expectation of B numbers


def as_markdown(text: str) -> str:
    """A docstring, in which a paragraph with columns becomes a block of code.

    Args:
        text: of the docstring, without common indentation.
    """
    return "\n\n".join(map(_paragraph, re.split(r"\n\s*\n", text)))


def _paragraph(text: str) -> str:
    lines = text.split("\n")
    section = SECTION.match(lines[0])
    if lines[0].startswith("    ") or lines[0].startswith("|"):
        return text
    if not section and any(COLUMNS.search(line) for line in lines):
        return "\n".join(f"    {line}" for line in lines)
    return SIGNS.sub(lambda found: SAFE.get(found[0], found[0]), text)


class Docstrings(griffe.Extension):
    """Lets mkdocstrings show docstrings so."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute as it is loaded."""
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)
