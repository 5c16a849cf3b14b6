"""The campaign's own judgement, and a sample of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from energyflow.core.files import read_json
from tests.faults import __main__ as campaign
from tests.faults.kinds import KINDS, rng_of
from tests.faults.mutations import SLIPS, damage_bytes, damage_json, damage_rows, leaves
from tests.faults.trial import Ended, Trial, judge, run


def trial(*, senseless: bool = False, same: bool = True) -> Trial:
    return Trial("", [], senseless, lambda: same)


@pytest.mark.parametrize(
    ("tried", "ended", "verdict"),
    [
        (trial(), Ended(0, ""), "fine"),
        (trial(senseless=True), Ended(0, ""), "silent"),
        (trial(same=False), Ended(0, ""), "silent"),
        (trial(), Ended(2, "error: x"), "refused"),
        (trial(), Ended(2, "Traceback (most recent call last)\nerror: x"), "traceback"),
        (trial(), Ended(1, "error: x"), "traceback"),
        (trial(), Ended(2, ""), "traceback"),
        (trial(), Ended(-9, ""), "traceback"),
        (trial(), Ended(None, ""), "hang"),
    ],
)
def test_a_verdict_is_what_the_user_met(tried: Trial, ended: Ended, verdict: str) -> None:
    assert judge(tried, ended) == verdict


def test_a_command_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.faults.trial.main", lambda _: __import__("time").sleep(60))
    assert run([], limit=0.2).status is None


def test_a_bug_is_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.faults.trial.main", lambda _: 1 // 0)
    assert judge(trial(), run([])) == "traceback"


def test_damage_is_damage_and_the_same_seed_does_the_same(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    for number in range(40):
        found = []
        for _ in range(2):
            file.write_text("a,b\n1,2\n3,4\n5,6\n")
            rng = rng_of(0, "rows", number)
            what = damage_rows(file, rng) if number % 2 else damage_bytes(file, rng)
            found.append((what, file.read_bytes()))
        assert found[0] == found[1]
        assert found[0][1] != b"a,b\n1,2\n3,4\n5,6\n", what


def test_a_section_is_changed_in_one_place() -> None:
    section: dict[str, Any] = {"a": 1, "b": {"c": [1.5, 2.5], "method": "energyflow"}}
    before = dict(leaves(section))
    seen = set()
    for number in range(200):
        changed, what, _ = damage_json(section, rng_of(0, "params", number))
        after = dict(leaves(changed))
        assert repr(after) != repr(before), what
        seen.update(kind for kind in SLIPS if kind in what)
    assert seen == set(SLIPS)
    assert dict(leaves(section)) == before


def test_a_stopped_campaign_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(campaign, "PRELOADED", ())
    monkeypatch.setattr(
        campaign, "trial", lambda work, kind, seed, n, folder: (asked.append((kind, n)), ("", "fine"))[1]
    )
    arguments = ["--kinds", "rows", "--work", str(tmp_path), "--count"]
    assert campaign.main([*arguments, "2"]) == 0
    with (tmp_path / "trials-0.jsonl").open("a") as notes:
        notes.write('{"kind": "rows", "num')
    assert campaign.main([*arguments, "3"]) == 0
    assert asked == [("rows", 0), ("rows", 1), ("rows", 2)]


def test_the_page_shows_the_figures() -> None:
    page = campaign.PAGE.read_text()
    if campaign.FIGURES.is_file():
        assert campaign.filled(page, read_json(campaign.FIGURES)) == page
    else:
        assert "has not been run" in page


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_silent_or_a_traceback(kind: str, tmp_path: Path) -> None:
    assert campaign.main(["--kinds", kind, "--count", "5", "--seed", "1", "--work", str(tmp_path)]) == 0
