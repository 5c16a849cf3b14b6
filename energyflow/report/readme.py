"""Rows of committed tables in a document: `python -m energyflow.report.readme` copies them again.

<!-- rows of results/laptop/tables/success.md with Average -->
(replaced: the header of the table in that file, and its rows that match the regular expression)
<!-- end of rows -->
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from energyflow.core.errors import UserError
from energyflow.core.files import atomic_path
from energyflow.report.render import aligned

MARKED = re.compile(
    r"(?P<begin><!-- rows of (?P<file>\S+) with (?P<which>.+?) -->\n)(?P<rows>.*?)(?P<end><!-- end of rows -->)", re.S
)


def filled(text: str, root: Path) -> str:
    """The document with the rows that its marks name.

    Args:
        text: Markdown.
        root: folder that the marks' paths start from.

    Raises:
        UserError: a file is missing, or has no such row.
    """
    return MARKED.sub(lambda m: m["begin"] + rows(root / m["file"], m["which"]) + m["end"], text)


def rows(file: Path, which: str) -> str:
    """Header, rule and the rows that match `which` of the table in a Markdown file, columns aligned anew.

    Raises:
        UserError: the file is missing, or has no such row.
    """
    if not file.is_file():
        raise UserError(f"{file}: no such table; the workflow makes it")
    header, rule, *body = [line for line in file.read_text().splitlines() if line.startswith("|")]
    chosen = [line for line in body if re.search(which, line)]
    if not chosen:
        raise UserError(f"{file}: no row matches {which!r}")
    right = [cell.endswith(":") for cell in _cells(rule)]
    return "".join(f"{line}\n" for line in aligned([_cells(line) for line in (header, *chosen)], right))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def main(root: Path = Path()) -> int:
    """Fill README.md; the exit status is 0 if every table was there."""
    readme = root / "README.md"
    try:
        text = filled(readme.read_text(encoding="utf-8"), root)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    with atomic_path(readme) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
