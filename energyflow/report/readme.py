"""Rows of committed tables in the documents: `python -m energyflow.report.readme` copies them again.

<!-- rows of results/laptop/tables/success.md with Average -->
(replaced: the header of the table in that file, and its rows that match the regular expression)
<!-- end of rows -->

A document that needs fewer columns names them, in order, and may join several, rename them, or add those of further
tables; the first one is what the tables are joined on:

<!-- rows of success.md and cost.md with Average showing Method; Success (%) + 95 % interval => Success; ms -->
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from energyflow.core.errors import UserError, nearest
from energyflow.core.files import write_text
from energyflow.report.render import aligned

MARKED = re.compile(
    r"(?P<begin><!-- rows of (?P<files>\S+(?: and \S+)*) with (?P<which>[^\n]+?)(?: showing (?P<columns>[^\n]+?))?"
    r" -->\n)(?P<rows>.*?)(?P<end><!-- end of rows -->)",
    re.S,
)
ABSENT = "–"  # as in the tables


@dataclass(frozen=True)
class Table:
    """Cells of a Markdown table by column, and which columns are set to the right."""

    right: dict[str, bool]
    rows: list[dict[str, str]]

    def joined(self, other: Table, key: str) -> Table:
        """This table, with the further columns of another one in the row of the same `key`."""
        added = {column: right for column, right in other.right.items() if column not in self.right}
        found = {row[key]: row for row in other.rows}
        empty = dict.fromkeys(added, ABSENT)
        rows = [row | {column: found.get(row[key], empty)[column] for column in added} for row in self.rows]
        return Table(self.right | added, rows)

    def showing(self, columns: dict[str, list[str]]) -> Table:
        """Some columns, each by its new name the old ones that are joined in it."""
        right = {name: all(self.right[part] for part in parts) for name, parts in columns.items()}
        rows = [{name: _one([row[part] for part in parts]) for name, parts in columns.items()} for row in self.rows]
        return Table(right, rows)

    def __str__(self) -> str:
        """Markdown, columns aligned."""
        lines = [list(self.right), *([row[name] for name in self.right] for row in self.rows)]
        return "".join(f"{line}\n" for line in aligned(lines, list(self.right.values())))


def filled(text: str, root: Path) -> str:
    """The document with the rows that its marks name.

    Args:
        text: Markdown.
        root: folder that the marks' paths start from.

    Raises:
        UserError: a file is missing, or has no such row or column.
    """
    return MARKED.sub(
        lambda m: m["begin"] + rows([root / f for f in m["files"].split(" and ")], m["which"], m["columns"]) + m["end"],
        text,
    )


def rows(files: Sequence[Path], which: str, columns: str | None = None) -> str:
    """Header, rule and the rows of the first file's table that match `which`, columns aligned anew.

    Args:
        files: Markdown files with a table each; columns of all but the first are joined to it.
        which: regular expression for a line of the first table.
        columns: `NAME; NAME => OTHER; NAME + NAME => OTHER`, what to show of them; by default, all.

    Raises:
        UserError: a file is missing, or has no such row or column.
    """
    tables = [table(file, which if file is files[0] else "") for file in files]
    if columns is None:
        return str(tables[0])
    parts = dict(_column(part) for part in columns.split(";"))
    key = next(iter(parts.values()))[0]
    for file, other in zip(files, tables, strict=True):
        _known(key, other, file)
    whole = reduce(lambda left, right: left.joined(right, key), tables)
    for name in (name for names in parts.values() for name in names):
        _known(name, whole, files[0])
    return str(whole.showing(parts))


def table(file: Path, which: str = "") -> Table:
    """The table of a Markdown file, of its rows those that match a regular expression.

    Raises:
        UserError: the file is missing, or has no such row.
    """
    if not file.is_file():
        raise UserError(f"{file}: no such table; the workflow makes it")
    header, rule, *body = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    chosen = [line for line in body if re.search(which, line)]
    if not chosen:
        raise UserError(f"{file}: no row matches {which!r}")
    names = _cells(header)
    right = {name: cell.endswith(":") for name, cell in zip(names, _cells(rule), strict=True)}
    return Table(right, [dict(zip(names, _cells(line), strict=True)) for line in chosen])


def _one(cells: list[str]) -> str:
    return " ".join(cells) if set(cells) != {ABSENT} else ABSENT


def _column(text: str) -> tuple[str, list[str]]:
    parts, _, name = text.strip().partition(" => ")
    return name or parts, parts.split(" + ")


def _known(name: str, where: Table, file: Path) -> None:
    if name not in where.right:
        raise UserError(f"{file}: no column '{name}'; {nearest(name, where.right)}")


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def documents(root: Path) -> list[Path]:
    """The documents that may quote tables: the README and the pages of the site."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def main(root: Path = Path()) -> int:
    """Fill the documents; the exit status is 0 if every table was there, else none of them has changed."""
    try:
        texts = {file: file.read_text(encoding="utf-8") for file in documents(root)}
        new = {file: filled(text, root) for file, text in texts.items()}
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    for file, text in new.items():
        if text != texts[file]:
            write_text(file, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
