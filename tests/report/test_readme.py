"""The numbers of the README are those of the committed tables."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT


def lines(text: str) -> list[str]:
    """Rows of the tables in a text, without the padding of their cells."""
    return [re.sub(r" *\| *", "|", line) for line in text.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize("preset", ["laptop", "robomimic"])
def test_the_readme_quotes_the_success_table(preset: str) -> None:
    text = (ROOT / "README.md").read_text()
    quoted = text.split(f"<!-- {preset}:begin -->")[1].split(f"<!-- {preset}:end -->")[0]
    table = lines((ROOT / f"results/{preset}/tables/success.md").read_text())
    rows = [line for line in lines(quoted) if not line.startswith("|---")]
    assert len(rows) > 5
    assert set(rows) <= set(table)
