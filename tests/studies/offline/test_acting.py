"""Time of one action: who acts, and how often a network is evaluated for it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.offline.network import Energy, Field
from energyflow.studies.offline import study
from energyflow.studies.offline.checks import acting
from energyflow.studies.offline.sections import ActingCheck


@pytest.fixture(scope="module")
def params(smoke: Params) -> ActingCheck:
    found = study.section("acting", smoke)
    assert isinstance(found, ActingCheck)
    return found


def test_one_row_a_size_and_method(params: ActingCheck) -> None:
    rows = acting.rows("hopper", 0, params, [])
    methods = ["qipo_ot", "qipo_diff", "qgpo", "energyflow", "energyflow_frozen"]
    assert [(row["size"], row["method"]) for row in rows] == [(size, name) for size in params.sizes for name in methods]
    for row in rows:
        assert 0.0 < row["ms_low"] <= row["ms"] <= row["ms_high"]
        assert row["faster_low"] <= row["faster"] <= row["faster_high"] < 1.0
        assert row["method"] != "qgpo" or row["faster"] == 0.0


def test_passes_are_what_the_networks_are_asked(params: ActingCheck, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gradient counts as two: QGPO asks its field once and differentiates its energy once in an evaluation."""
    asked: list[str] = []
    for kind in (Field, Energy):
        real = kind.forward

        def forward(self: torch.nn.Module, *given: Tensor, real=real, name=kind.__name__) -> Tensor:  # type: ignore[no-untyped-def]
            asked.append(name)
            return real(self, *given)  # type: ignore[no-any-return]

        monkeypatch.setattr(kind, "forward", forward)
    for name, (work, about) in acting.works(11, 3, params.sizes["ours"], params, 0).items():
        asked.clear()
        action = work()
        assert torch.as_tensor(action).shape[-1] == 3
        if not name.startswith("energyflow"):
            assert asked.count("Field") + 2 * asked.count("Energy") == about["passes"], name


def test_the_sizes_are_the_pilots_and_the_published(laptop: Params) -> None:
    section, own = study.section("acting", laptop), study.offline_of(laptop)
    assert isinstance(section, ActingCheck)
    assert section.sizes["ours"].hidden == own.rl.hidden
    assert section.sizes["ours"].vp == own.rl.acting.vp
    assert section.sizes["published"].vp.evaluations == 15
    assert section.energyflow == laptop.train["energyflow"].method_params


def test_unknown_widths_are_named(params: ActingCheck) -> None:
    with pytest.raises(UserError, match="unknown subject 'hoper' of the acting check; did you mean 'hopper'"):
        acting.rows("hoper", 0, params, [])
