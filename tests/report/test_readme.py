"""The numbers of the README and of the site are those of the committed tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from energyflow.core.errors import UserError
from energyflow.report import readme
from tests.conftest import ROOT

TABLE = """# Title

| Task   | Method |  n |
| ---    | ---    | ---: |
| Lift   | ours   |  3 |
| Lift   | theirs | 10 |
| Square | ours   |  7 |
"""
COST = """
| Method |   ms | Low | n |
| ---    | ---: | ---: | ---: |
| ours   |  0.5 | [0.4, 0.6] | 50 |
"""
MARK = "before\n<!-- rows of {} -->\n{}<!-- end of rows -->\nafter\n"
SHOWN = """| Task   | Method |    n |
| ---    | ---    | ---: |
| Lift   | ours   |    3 |
| Square | ours   |    7 |
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "t.md").write_text(TABLE)
    (tmp_path / "cost.md").write_text(COST)
    (tmp_path / "README.md").write_text("nothing\n")
    return tmp_path


def test_the_documents_quote_the_tables() -> None:
    marks = 0
    for document in readme.documents(ROOT):
        text = document.read_text(encoding="utf-8")
        marks += len(readme.MARKED.findall(text))
        assert text.count("<!-- rows of") == len(readme.MARKED.findall(text)), f"{document}: a mark that is not read"
        assert readme.filled(text, ROOT) == text, f"{document}: make readme"
    assert marks >= 8


def test_rows_are_copied_by_pattern_and_nothing_else_changes(folder: Path) -> None:
    (folder / "README.md").write_text(MARK.format("t.md with ours", "old | rows\n") * 2)
    (folder / "docs" / "deep").mkdir(parents=True)
    (folder / "docs" / "deep" / "page.md").write_text(MARK.format("t.md with ours", ""))
    assert readme.main(folder) == 0
    assert (folder / "README.md").read_text() == MARK.format("t.md with ours", SHOWN) * 2
    assert (folder / "docs" / "deep" / "page.md").read_text() == MARK.format("t.md with ours", SHOWN)


def test_columns_are_chosen_joined_renamed_and_added_from_a_further_table(folder: Path) -> None:
    showing = "t.md and cost.md with Lift showing Method; n => Episodes; ms + Low => Time [95 %]"
    text = readme.filled(MARK.format(showing, ""), folder)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    assert rows == [
        ["Method", "Episodes", "Time [95 %]"],
        ["---", "---:", "---:"],
        ["ours", "3", "0.5 [0.4, 0.6]"],  # n is the first table's, though both have one
        ["theirs", "10", "–"],
    ]


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("t.md with nobody", "t.md: no row matches 'nobody'"),
        ("u.md with ours", "u.md: no such table"),
        ("t.md with ours showing Metod", "t.md: no column 'Metod'; did you mean 'Method'"),
        ("t.md and cost.md with ours showing Task; ms", "cost.md: no column 'Task'"),
    ],
)
def test_what_is_missing_is_named_and_every_document_stays(folder: Path, mark: str, said: str) -> None:
    text = MARK.format("t.md with ours", "old\n") + MARK.format(mark, SHOWN)
    (folder / "README.md").write_text(text)
    with pytest.raises(UserError, match=said.replace("(", r"\(")):
        readme.filled(text, folder)
    assert readme.main(folder) == 1
    assert (folder / "README.md").read_text() == text
