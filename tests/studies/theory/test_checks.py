"""The checks on models trained for seconds, and on energies made by hand whose numbers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from energyflow.config.params import Params
from energyflow.config.sections import TrainParams
from energyflow.studies.check import run_check
from energyflow.studies.theory import models, sections, study
from energyflow.studies.theory.checks import baseline, generalisation, modes, recovery
from energyflow.studies.theory.experts.misfits import STRAY_BOX
from energyflow.studies.theory.experts.registry import make_expert

RNG = np.random.default_rng(1)


def section(laptop: Params, kind: str, steps: int) -> TrainParams:
    return study.train_section(laptop, kind, steps)


@pytest.fixture(scope="module")
def trained(laptop: Params, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Energies of two experts, 1500 steps: seconds."""
    root = tmp_path_factory.mktemp("theory")
    found = {}
    for name in ("gaussian1", "modes4"):
        models.train_model(name, section(laptop, "energyflow", 1500), 16384, 0, root / name)
        found[name] = root / name / "model.safetensors"
    return found


def test_the_energy_is_the_soft_q(trained: dict[str, Path]) -> None:
    """Theorem 3.3 on a Gaussian: slope 1 on the noised density, and the known bias on the soft Q itself."""
    params = sections.Recovery(sigmas=[0.3, 1.0], states=32, actions=64)
    for row in recovery.rows("gaussian1", 0, params, [trained["gaussian1"]]):
        assert row["slope"] == pytest.approx(1.0, abs=0.1)
        assert row["slope_sharp"] == pytest.approx(row["slope_sharp_exact"], abs=0.1)
        assert row["slope_sharp_exact"] < 0.95  # the bias is there to be seen
        assert row["correlation"] > 0.97
        assert row["agreement"] > 0.93
        assert row["advantage_error"] < 0.3
        assert row["score_error"] < 0.3


def test_the_advantage_error_ignores_c_of_s_alone() -> None:
    """Importance sampling finds log Z: an offset a state costs nothing, a wrong slope does."""
    sigma = 0.8
    actions = sigma * RNG.normal(size=(5, 4000))
    exact = 0.5 * (actions / sigma) ** 2 + np.log(sigma)
    offset = 3.0 * RNG.normal(size=(5, 1))
    assert recovery.advantage_error(exact + offset, exact) < 1e-9
    assert recovery.advantage_error(1.3 * exact + offset, exact) > 0.1


def test_centring_removes_c_of_s_and_a_fresh_baseline_adds_noise() -> None:
    truth, offset = RNG.normal(size=(30, 20)), 50.0 * RNG.normal(size=(30, 1))
    energy, pool = offset - truth, baseline.Pool("normal", offset - RNG.normal(size=(30, 512)))
    raw = baseline.agreements(-energy, truth)
    assert raw["within"] == 1.0
    assert raw["across"] == pytest.approx(0.5, abs=0.1)
    fixed, fresh = (baseline.centred(energy, truth, pool, 16, drawn, 0) for drawn in ("fixed", "fresh"))
    assert fixed["within"] == 1.0  # one number a state cannot change the order within it
    assert fixed["across"] > 0.8
    assert 0.8 < fresh["within"] < 1.0
    for m in (1, 4, 64, 256):
        row = baseline.centred(energy, truth, pool, m, "fresh", 0)
        assert row["variance"] == pytest.approx(1.0 / m, rel=0.25)
        assert row["variance_predicted"] == pytest.approx(1.0 / m, rel=0.1)


def test_a_model_of_few_demonstrations_has_a_gap(laptop: Params, tmp_path: Path) -> None:
    for kind in ("energyflow", "unconstrained"):
        models.train_model("gaussian8", section(laptop, kind, 300), 64, 0, tmp_path / kind)
    paths = [tmp_path / kind / "model.safetensors" for kind in ("energyflow", "unconstrained")]
    rows = generalisation.rows("gaussian8", 0, sections.Generalisation(samples=2048), paths)
    for row in rows:
        assert row["gap"] > 0.02
        assert row["train"] < row["held_out"]
    sizes = [row["parameters"] for row in rows]
    assert max(sizes) / min(sizes) < 1.1  # networks of equal size


def test_the_gap_between_modes_is_compared_over_states() -> None:
    truth = RNG.normal(size=50)
    row = modes.compared(0.4 * truth + 1.0, truth, truth)
    assert row["slope"] == pytest.approx(0.4)
    assert row["slope_exact"] == pytest.approx(1.0)


def test_bridged_modes_are_weighed(trained: dict[str, Path]) -> None:
    """Four widths apart, some density is left between them: energy and flow both find the weights."""
    params = sections.Modes(sigmas=[0.3], states=24, flow_steps=24)
    rows = {row["reader"]: row for row in modes.rows("modes4", 0, params, [trained["modes4"]])}
    assert rows["single"]["separation"] == 4
    assert rows["single"]["slope"] == pytest.approx(rows["single"]["slope_exact"], abs=0.3)
    assert rows["flow"]["slope"] == pytest.approx(rows["flow"]["slope_exact"], abs=0.3)


def test_trimming_drops_strays(laptop: Params) -> None:
    expert = make_expert("trimmed")
    states, actions = models.draw(expert, 2048, 0)
    model = models.fit(states, actions, section(laptop, "energyflow", 400), 0)
    far = (actions - expert.mean(states)).abs().amax(dim=1) > 0.6 * STRAY_BOX  # type: ignore[attr-defined]
    kept_states, kept_actions = models.likeliest(model, states, actions, 0.75, 0)
    still = (kept_actions - expert.mean(kept_states)).abs().amax(dim=1) > 0.6 * STRAY_BOX  # type: ignore[attr-defined]
    assert len(kept_actions) == round(0.75 * 2048)
    assert int(still.sum()) < 0.2 * int(far.sum())


def test_training_twice_gives_the_same_model(laptop: Params, tmp_path: Path) -> None:
    for name in ("first", "second"):
        models.train_model("mixture2", section(laptop, "energyflow", 5), 64, 3, tmp_path / name)
    first, second = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("first", "second"))
    assert first == second


def test_an_unknown_check_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'recovery'"):
        run_check("theory", "recovry", "gaussian1", 0, "{}", [], tmp_path)
