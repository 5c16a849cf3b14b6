"""The documents: links lead somewhere, tables fit a page, and what is made from the code is whole."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import catalogue
import events
import house
import mount
import pandas as pd
import pytest
import settings
import yaml
from docstrings import as_markdown

from energyflow.policies.registry import policies
from energyflow.rewards.registry import SOURCES
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
DEVIATIONS = (ROOT / "DEVIATIONS.md").read_text(encoding="utf-8")
PARAMS = (ROOT / "params.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def documents() -> dict[str, str]:
    """Text of every document, those that are made from the code as well, by its place in the repository."""
    folders = [
        ROOT.glob("*.md"),
        (ROOT / "data").glob("*.md"),
        (ROOT / "docs").rglob("*.md"),
        ROOT.glob("results/**/*.md"),
    ]
    files = [file for found in folders for file in found if "smoke" not in file.parts]
    texts = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}
    return texts | {f"docs/{uri}": text for uri, text in events.made().items()}


def anchors(text: str) -> set[str]:
    """Anchors of a Markdown text: of its headings, and those that it sets."""
    headings = re.findall(r"^#+ +(.+?)\s*$", mount.FENCED.sub(lambda m: m[0] if "\n" not in m[0] else "", text), re.M)
    slugs = {re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading.lower())) for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


def broken(documents: dict[str, str]) -> list[str]:
    """Links that lead nowhere."""
    found = []
    for page, text in documents.items():
        for path, anchor in mount.links(text):
            file = mount.target(page, path) if path else page
            if file not in documents and not (ROOT / file).is_file():
                found.append(f"{page}: {path}: no such file")
            elif anchor and anchor not in anchors(documents.get(file, "")):
                found.append(f"{page}: {path}#{anchor}: no such heading")
    return found


def tables(text: str) -> list[list[list[str]]]:
    """Cells of every table of a Markdown text."""
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.M)
    return [[re.split(r"(?<!\\)\|", line)[1:-1] for line in block.splitlines()] for block in blocks]


def test_every_link_and_anchor_leads_somewhere(documents: dict[str, str]) -> None:
    assert len(documents) > 60
    assert not broken(documents)


def test_a_link_that_leads_nowhere_is_found(documents: dict[str, str]) -> None:
    page = "# One\n[a](#one) [b](b.md#two) [c](c.md) [d](b.md#three) ![e](e.png) `[f](f.md)` [g](https://example.org)\n"
    planted = documents | {"docs/a.md": page, "docs/b.md": "## Two\n"}
    assert broken(planted) == [
        "docs/a.md: c.md: no such file",
        "docs/a.md: b.md#three: no such heading",
        "docs/a.md: e.png: no such file",
    ]


def test_the_readme_is_short_and_begins_with_the_two_commands() -> None:
    assert len(README.splitlines()) <= 120
    commands = re.findall(r"^(make \w+)", README, re.M)
    assert commands[:2] == ["make results", "make test"]
    assert README.index("make test") < README.index("\n|")
    assert max(len(row) for table in tables(README) for row in table) <= 6
    assert all(f" {room}" in README.split("## Map")[1] for room in house.rooms(ROOT))


def test_departures_are_numbered_entries_with_all_they_must_say() -> None:
    entries = catalogue.departures(DEVIATIONS)
    assert sorted(entry.number for entry in entries) == list(range(1, len(entries) + 1))
    for label in ("Paper or code", "Here", "Why", "Effect"):
        assert DEVIATIONS.count(f"- **{label}:** ") == len(entries)
    assert max(len(cell) for table in tables(DEVIATIONS) for row in table for cell in row) <= 80


def test_every_method_and_source_has_a_page_with_its_rows_and_departures(documents: dict[str, str]) -> None:
    for folder, names, files, column in (
        ("methods", policies(), ("laptop/tables/success", "laptop/full/tables/success"), "method"),
        ("rewards", list(SOURCES), ("laptop/full/tables/learning", "rewards/tables/demonstrations"), "source"),
    ):
        shown = {name for file in files for name in pd.read_csv(ROOT / f"results/{file}.csv")[column]}
        for name in names:
            page = documents[f"docs/{folder}/{name}.md"]
            assert bool(re.search(r"## Its rows\n", page)) == (name in shown), name
            assert "## Departures" in page, name
        assert set(names) & shown
    assert "- [22. GAIL's reward](../../DEVIATIONS.md#22-gails-reward)" in documents["docs/rewards/gail.md"]
    assert "-softplus(-f)" in documents["docs/rewards/gail.md"]
    for heading in ("### From scratch", "### With demonstrations", "### Ranks", "### By the agent of 0.1.0"):
        assert f"{heading}\n\n|" in documents["docs/rewards/raw_energy.md"]
    flow = documents["docs/methods/flow_policy.md"]
    assert "99.9 [99.2, 100.0]" in flow
    assert "| mlp | 0.004 |" in flow
    assert "nfe: int = Field(10, ge=1, le=10_000)  # [ours] Euler steps" in flow
    assert "class DFOParams" in documents["docs/methods/implicit_bc.md"]


@pytest.mark.parametrize(
    "path", [("train",), ("network", "unet"), ("evaluate", "levels", "S"), ("plots",), ("preset",)]
)
def test_an_excerpt_holds_one_value_and_no_more(path: tuple[str, ...]) -> None:
    shown, whole = yaml.safe_load(settings.excerpt(PARAMS, *path)), yaml.safe_load(PARAMS)
    for key in path:
        assert list(shown) == [key]
        shown, whole = shown[key], whole[key]
    assert shown == whole


def test_every_section_is_in_the_reference() -> None:
    shown = {section.__name__: settings.table(section) for section in settings.sections()}
    assert "| `demos` | int | ≥ 1, ≤ 1 000 000 | needed |" in shown["CollectParams"]
    assert "| `source` | `scripted` or `human` | – | needed |" in shown["CollectParams"]
    assert "| `obs_keys` | list of str or null | – | needed |" in shown["TrainParams"]
    assert {"RunParams", "TheoryParams", "AblationsParams"} <= set(shown)


def test_docstrings_keep_their_drawings_and_angle_brackets() -> None:
    text = "E of <a, b> and `<c>`.\n\ntime   t-1    t\nobs     o     o\n\n    L = |a|  < c\n\nArgs:\n    a: below  <x>."
    assert as_markdown(text) == (
        "E of &lt;a, b> and `<c>`.\n\n    time   t-1    t\n    obs     o     o\n\n    L = |a|  < c\n\n"
        "Args:\n    a: below  &lt;x>."
    )
    assert as_markdown("E[x | y] [B] of y, `a] [b`") == "E[x | y] \\[B] of y, `a] [b`"


def test_links_to_the_repository_lead_to_the_same_file_on_the_site() -> None:
    for file in ("README.md", "docs/results/full.md", "results/laptop/tables/ood.md", "DEVIATIONS.md"):
        assert mount.in_repository(mount.on_site(file)) == file
    text = "[a](../../DEVIATIONS.md#x) [b](index.md) ![c](../../a.png) [d](https://e.org/f.md) [g](#h)"
    assert mount.relinked(text, "docs/results/full.md") == (
        "[a](../repository/DEVIATIONS.md#x) [b](index.md) ![c](../repository/a.png) [d](https://e.org/f.md) [g](#h)"
    )
    assert mount.relinked("[a](docs/b/c.md)", "README.md") == "[a](b/c.md)"
    assert mount.relinked("[a](docs/b/c.md)", "DEVIATIONS.md") == "[a](../b/c.md)"


def test_the_picture_has_every_room_and_every_arrow() -> None:
    order, drawn = house.floors(ROOT), house.arrows()
    assert sorted(drawn) == house.rooms(ROOT)
    svg = house.picture(order, drawn)
    assert sorted(re.findall(r'data-room="(\w+)"', svg)) == house.rooms(ROOT)
    count = sum(len(others) for others in drawn.values())
    assert len(re.findall(r'data-arrow="', svg)) == count > 30
    assert all(house.purpose(ROOT, room) for room in drawn)


def test_an_arrow_that_leads_upwards_is_told_and_a_room_without_a_floor_is_an_error() -> None:
    order = [["cli"], ["networks", "envs"], ["core"]]
    drawn: dict[str, set[str]] = {"cli": {"core"}, "networks": {"envs"}, "envs": {"core"}, "core": {"cli"}}
    assert house.upward(order, drawn) == [("core", "cli"), ("networks", "envs")]
    assert house.picture(order, drawn).count('class="upward"') == 2
    with pytest.raises(ValueError, match=r"on no floor .*: attic"):
        house.picture(order, {**drawn, "attic": {"core"}})


def test_no_arrow_leads_upwards() -> None:
    assert house.upward(house.floors(ROOT), house.arrows()) == []


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=600)
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 80
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]* src=\"([^\"]+)\"", text)
        loaded += re.findall(r"<link[^>]* rel=\"(?:stylesheet|preconnect|icon|preload)\"[^>]* href=\"([^\"]+)\"", text)
        loaded += re.findall(r"<link[^>]* href=\"([^\"]+)\"[^>]* rel=\"(?:stylesheet|preconnect|icon|preload)\"", text)
        assert not [source for source in loaded if re.match(r"(https?:)?//", source)], page
        missing = [s for s in loaded if not (page.parent / s.split("?")[0].split("#")[0]).exists()]
        assert not missing or page.name == "404.html", page
