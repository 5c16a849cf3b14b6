"""A table as CSV (all columns), Markdown and LaTeX (the columns that a reader needs, with their caption)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "—": "---",
    "−": "$-$",
    "≥": r"$\ge$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "σ": r"$\sigma$",
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """One column of the readable table."""

    header: str
    text: Callable[[Row], str]
    numeric: bool = True  # right-aligned


@dataclass(frozen=True)
class Table:
    """A table in the three formats: `frame` is the CSV, `columns` what a reader sees."""

    title: str
    caption: str
    frame: pd.DataFrame
    columns: Sequence[Column]
    groups: str | None = None  # a rule is drawn where this column changes (LaTeX)
    notes: Sequence[str] = field(default_factory=tuple)

    def csv(self) -> pd.DataFrame:
        """All columns; floats to four decimals, so that a diff shows changes rather than noise."""
        return self.frame.round(4)

    def _cells(self) -> list[list[str]]:
        return [[column.text(row) for column in self.columns] for row in records(self.frame)]

    def markdown(self) -> str:
        """Title, caption, aligned table, notes."""
        cells = [[cell.replace("|", r"\|") for cell in row] for row in self._cells()]
        head = [column.header for column in self.columns]
        lines = [f"# {self.title}", "", self.caption, "", *aligned([head, *cells], [c.numeric for c in self.columns])]
        lines += ["", *(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n".join(lines) + "\n"

    def latex(self) -> str:
        """A `table*` for a document that loads `booktabs`."""
        align = "".join("r" if column.numeric else "l" for column in self.columns)
        lines = [r"\begin{table*}[t]", r"\centering", r"\small"]
        lines += [rf"\caption{{{tex(self.title)}. {tex(self.caption)}}}"]
        lines += [rf"\begin{{tabular}}{{{align}}}", r"\toprule"]
        lines += [" & ".join(tex(column.header) for column in self.columns) + r" \\", r"\midrule"]
        before = None
        for row, cells in zip(records(self.frame), self._cells(), strict=True):
            group = row[self.groups] if self.groups else None
            if before is not None and group != before:
                lines += [r"\midrule"]
            before = group
            lines += [" & ".join(map(tex, cells)) + r" \\"]
        lines += [r"\bottomrule", r"\end{tabular}", r"\end{table*}"]
        return "\n".join(lines) + "\n"


def records(frame: pd.DataFrame) -> list[Row]:
    """Rows as dictionaries, with None for everything that is empty."""
    plain = frame.astype(object)
    return [{str(k): v for k, v in row.items()} for row in plain.where(plain.notna(), None).to_dict("records")]


def tex(text: str) -> str:
    """Escape plain text (with the few Markdown marks that captions use) for LaTeX."""
    return "".join(_TEX.get(character, character) for character in text.replace("**", "").replace("`", ""))


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Lines of a Markdown table, the first row being its head; `right` says which columns are right-aligned."""
    widths = [max(4, *map(len, column)) for column in zip(*rows, strict=True)]
    head, *body = rows
    ruled = [head, ["---:" if numeric else "---" for numeric in right], *body]
    return [f"| {' | '.join(_padded(row, widths, right))} |" for row in ruled]


def _padded(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    return [c.rjust(w) if numeric else c.ljust(w) for c, w, numeric in zip(row, widths, right, strict=True)]
