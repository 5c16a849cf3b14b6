"""The numbers of the README are those of the committed tables."""

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
MARK = "before\n<!-- rows of t.md with {} -->\n{}<!-- end of rows -->\nafter\n"
SHOWN = """| Task   | Method |    n |
| ---    | ---    | ---: |
| Lift   | ours   |    3 |
| Square | ours   |    7 |
"""


def test_the_readme_quotes_the_tables() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.MARKED.findall(text)) >= 4
    assert readme.filled(text, ROOT) == text, "make readme"


def test_rows_are_copied_by_pattern_and_nothing_else_changes(tmp_path: Path) -> None:
    (tmp_path / "t.md").write_text(TABLE)
    (tmp_path / "README.md").write_text(MARK.format("ours", "old | rows\n") * 2)
    assert readme.main(tmp_path) == 0
    assert (tmp_path / "README.md").read_text() == MARK.format("ours", SHOWN) * 2


@pytest.mark.parametrize(("pattern", "said"), [("nobody", "no row matches 'nobody'"), ("ours", "no such table")])
def test_what_is_missing_is_named_and_the_readme_stays(tmp_path: Path, pattern: str, said: str) -> None:
    text = MARK.format(pattern, SHOWN)
    if pattern == "nobody":
        (tmp_path / "t.md").write_text(TABLE)
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(UserError, match=f"t.md: {said}"):
        readme.filled(text, tmp_path)
    assert readme.main(tmp_path) == 1
    assert (tmp_path / "README.md").read_text() == text
