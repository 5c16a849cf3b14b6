"""Rows of every check in the sizes of a preset, with numbers drawn at random: nothing is trained."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from energyflow.config.params import Params
from energyflow.studies.registry import STUDIES
from energyflow.studies.theory import study

Row = dict[str, Any]


def write_rows(p: Params, root: Path) -> dict[str, list[Path]]:
    """Map each check to its rows.csv files under `root`, at paths as in results/."""
    rng = np.random.default_rng(0)
    found: dict[str, list[Path]] = {}
    for key in STUDIES["theory"].every_check(p):
        path = root / STUDIES["theory"].check_files(p, key)[0]
        path.parent.mkdir(parents=True)
        about = {"seed": key.seed, "subject": key.subject, "dim": dimension(key.subject), "parameters": 1_000}
        pd.DataFrame(ROWS[key.check](p, rng, about)).to_csv(path, index=False)
        found.setdefault(key.check, []).append(path)
    return found


def dimension(subject: str) -> int:
    """Action dimension: the number that a name ends in."""
    number = re.search(r"\d+$", subject)
    return int(number[0]) if number and not subject.startswith("modes") else 2


def _near(rng: np.random.Generator, values: Row, spread: float = 0.1) -> Row:
    """The values, each times its own factor around 1."""
    return {name: value * (1 + spread * rng.standard_normal()) for name, value in values.items()}


def _recovery(p: Params, rng: np.random.Generator, about: Row) -> list[Row]:
    theory = study.theory_of(p)
    section = theory.recovery
    runs = [(theory.demos, steps) for steps in section.steps]
    runs += [(demos, theory.steps) for demos in (*section.demos, theory.demos)]
    values = {"slope": 1.0, "slope_sharp": 0.9, "slope_sharp_exact": 0.9, "correlation": 0.97, "agreement": 0.9}
    values |= {"agreement_sharp": 0.9, "agreement_sharp_exact": 0.95, "advantage_error": 0.3, "offset": 2.0}
    return [
        about | {"demos": demos, "steps": steps, "sigma": sigma} | _near(rng, values | {"score_error": 0.2})
        for (demos, steps), sigma in product(runs, section.sigmas)
    ]


def _baseline(p: Params, rng: np.random.Generator, about: Row) -> list[Row]:
    section = study.theory_of(p).baseline
    order = {"within": 0.9, "across": 0.7}
    rows = [about | {"reward": "raw"} | _near(rng, order)]
    for reference in ("normal", "proposals"):
        rows.append(about | {"reward": "exact", "reference": reference} | _near(rng, {"across": 0.9, "within": 1.0}))
        for draw, m in product(("fixed", "fresh"), section.references):
            noise = {"variance": 1 / m, "variance_predicted": 1 / m, "noise": m**-0.5}
            centred = {"reward": "centred", "reference": reference, "draw": draw, "m": m}
            rows.append(about | centred | _near(rng, order | noise))
    return rows


def _bound(p: Params, rng: np.random.Generator, about: Row) -> list[Row]:
    summary = {"eta": 4.0, "eta_rms": 1.0, "violated_rms": 0.1, "tightness": 0.1, "tightness_max": 0.5}
    rows = []
    for sigma in study.theory_of(p).bound.sigmas:
        rows.append(about | {"sigma": sigma, "kind": "summary", "violated": 0.0} | _near(rng, summary))
        for distance in (0.3, 0.6, 1.2, 2.4):
            bin_ = {"distance": distance, "error": distance, "distance_max": 1.3 * distance, "error_max": 2 * distance}
            rows.append(about | {"sigma": sigma, "kind": "bin"} | _near(rng, bin_))
    return rows


def _circulation(p: Params, rng: np.random.Generator, about: Row) -> list[Row]:
    rows = []
    for sigma, triangles in product(study.theory_of(p).circulation.sigmas, ("support", "reference")):
        own = about | {"sigma": sigma, "triangles": triangles, "count": 400}
        zero = {"circulation": 1e-14, "circulation_max": 1e-13, "cyclic": 0.0, "rotational": 1e-17}
        rows.append(own | {"model": "energyflow"} | _near(rng, zero))
        large = {"circulation": 0.05, "circulation_max": 0.2, "cyclic": 0.002, "rotational": 0.1}
        rows.append(own | {"model": "unconstrained"} | _near(rng, large))
    return rows


def _generalisation(p: Params, rng: np.random.Generator, about: Row) -> list[Row]:
    theory = study.theory_of(p)
    rows = []
    for demos in (*theory.generalisation.demos, theory.demos):
        for model, power in (("energyflow", 0.3), ("unconstrained", 0.8)):
            gap = 10 * about["dim"] ** power / demos
            values = {"train": 1.0, "held_out": 1.0 + gap, "shifted": 1.0 + 2 * gap, "gap": gap, "gap_shifted": 2 * gap}
            rows.append(about | {"model": model, "demos": demos} | _near(rng, values))
    return rows


def _lipschitz(_p: Params, rng: np.random.Generator, about: Row) -> list[Row]:
    models = (*study.KINDS, "exact")
    values = {"component": 1.0, "field": 2.0}
    return [
        about | {"model": model} | _near(rng, values | {"energy": (1 + 0.2 * i) * about["dim"] ** 0.4})
        for i, model in enumerate(models)
    ]


def _modes(p: Params, rng: np.random.Generator, about: Row) -> list[Row]:
    rows = []
    for sigma, reader in product(study.theory_of(p).modes.sigmas, ("single", "average", "flow")):
        own = {"separation": float(about["subject"].removeprefix("modes")), "sigma": sigma, "reader": reader}
        exact = {"slope_exact": 1 / (1 + sigma**2)}
        rows.append(about | own | _near(rng, {"slope": 1.0, "order": 0.9, "rms": 0.3}) | exact)
    return rows


def _misfit(p: Params, rng: np.random.Generator, about: Row) -> list[Row]:
    values = {"slope": 0.8, "slope_exact": 0.9, "agreement": 0.8, "agreement_exact": 0.85, "follows": 0.9}
    read = [("single", sigma) for sigma in study.theory_of(p).misfit.sigmas]
    return [
        about | {"reader": reader, "sigma": sigma} | _near(rng, values, 0.05)
        for reader, sigma in [*read, ("average", None)]
    ]


ROWS = {
    "recovery": _recovery,
    "baseline": _baseline,
    "bound": _bound,
    "circulation": _circulation,
    "robots": _circulation,
    "generalisation": _generalisation,
    "lipschitz": _lipschitz,
    "modes": _modes,
    "misfit": _misfit,
}
