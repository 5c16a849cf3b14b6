"""The numbers of the README are those of the committed tables."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT


def lines(text: str) -> list[str]:
    """Rows of the tables in a text, without the padding of their cells."""
    return [re.sub(r" *\| *", "|", line) for line in text.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize(
    ("mark", "file", "least"),
    [
        ("laptop", "results/laptop/tables/success.md", 6),
        ("robomimic", "results/robomimic/tables/success.md", 6),
        ("robomimic-nfe", "results/robomimic/tables/nfe.md", 4),
        ("speed", "benchmarks/robosuite_speed.md", 6),
    ],
)
def test_the_readme_quotes_the_table(mark: str, file: str, least: int) -> None:
    text = (ROOT / "README.md").read_text()
    quoted = text.split(f"<!-- {mark}:begin -->")[1].split(f"<!-- {mark}:end -->")[0]
    rows = [line for line in lines(quoted) if not line.startswith("|---")]
    assert len(rows) >= least
    assert set(rows) <= set(lines((ROOT / file).read_text()))
