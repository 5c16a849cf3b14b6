"""Six sets: every method against the exact tilted law, and against what plain resampling of the data gives."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from energyflow.core.errors import UserError
from energyflow.core.seeding import generator, torch_generator
from energyflow.offline import weights
from energyflow.offline.sets import Array, ToySet, make_set
from energyflow.studies.offline import distances
from energyflow.studies.offline.methods import METHODS, Bench
from energyflow.studies.offline.sections import Toys

REFERENCE = 10  # reference points of the support test for each sample
FIRST_SEED = 0  # whose samples are kept


class Truth(NamedTuple):
    """Exact samples of a tilted law: to compare with, of the support test, and a floor of every distance."""

    target: Array
    reference: Array
    fresh: Array


def rows(subject: str, seed: int, params: Toys, _inputs: Sequence[Path]) -> list[dict[str, Any]]:
    """One row a beta and method; of the first seed, also some of its samples.

    kind            `measured`, or `sample`: one point (x, y) of the scatter figure
    method          of `methods.METHODS`; `resample`: points of the data drawn with their weights; `exact`: an exact
                    sample of equal size, the floor
    sliced_w2, energy_distance    to an independent exact sample of equal size
    energy_error    |mean E of the samples - mean E of the exact sample|
    mode_error      total variation between the masses of the modes and the exact ones, where there are modes
    off_support     share of samples beyond the support test
    ess, batch_ess  effective sample size of the weights over the number of points, and in one batch
    train_seconds   CPU seconds of all trainings; sample_ms: CPU milliseconds of all samples
    parameters, evaluations    of all networks; for one sample

    Raises:
        UserError: there is no such set, or the batch is not a multiple of the contrastive groups.
    """
    if params.fit.batch_size % params.group:
        raise UserError(
            f"offline.toys: fit.batch_size {params.fit.batch_size} is no multiple of group {params.group}; change one"
        )
    made = make_set(subject)
    data = made.draw(params.points, generator(seed, f"toys {subject} points"))
    bench = Bench.of(data, params, seed)
    noise = torch.randn((params.samples, 2), generator=torch_generator(seed, f"toys {subject} noise"))
    bench.warm_up()
    found: list[dict[str, Any]] = []
    for beta in params.betas:
        truth = exact_samples(made, beta, params, seed, subject)
        shared = {"seed": seed, "subject": subject, "beta": beta, **sizes(bench, beta)}
        drawn: dict[str, tuple[Array, dict[str, Any]]] = {
            "exact": (truth.fresh, {}),
            "resample": (resample(bench, beta), {}),
        }
        for name, train in METHODS.items():
            model = train(bench, beta)
            started = time.process_time()
            points = model.draw(noise).double().numpy()
            milliseconds = 1000.0 * (time.process_time() - started)
            costs = {"train_seconds": model.seconds, "sample_ms": milliseconds}
            drawn[name] = (points, costs | {"parameters": model.size, "evaluations": model.passes})
        for name, (points, costs) in drawn.items():
            row = shared | {"kind": "measured", "method": name} | measured(made, beta, points, truth, params, seed)
            found.append(row | costs)
        if seed == FIRST_SEED:
            kept = {name: points[: params.drawn] for name, (points, _) in drawn.items()}
            found += [
                {"kind": "sample", "seed": seed, "subject": subject, "beta": beta, "method": name, "x": x, "y": y}
                for name, points in kept.items()
                for x, y in points.round(4).tolist()
            ]
    return found


def exact_samples(made: ToySet, beta: float, params: Toys, seed: int, subject: str) -> Truth:
    """Independent exact samples of the tilted law."""
    rng = generator(seed, f"toys {subject} exact {beta:g}")
    counts = (params.samples, REFERENCE * params.samples, params.samples)
    return Truth(*(made.tilted(count, beta, rng).points for count in counts))


def resample(bench: Bench, beta: float) -> Array:
    """Points of the data, drawn with their weights: importance resampling without any learning."""
    draws = torch_generator(bench.seed, f"toys resample {beta:g}")
    index = weights.resampled(-beta * bench.energy, bench.params.samples, draws)
    found: Array = bench.points[index].double().numpy()
    return found


def sizes(bench: Bench, beta: float) -> dict[str, float]:
    """Effective sample sizes of the weights: share of the points, and of an average batch."""
    log_weight = -beta * bench.energy.double()
    whole = weights.effective_sample_size(weights.support_softmax(log_weight))
    batch = bench.params.fit.batch_size
    cut = log_weight[: len(log_weight) // batch * batch].view(-1, batch)
    each = weights.effective_sample_size(weights.support_softmax(cut))
    return {"ess": float(whole) / len(log_weight), "batch_ess": float(each.mean())}


def measured(made: ToySet, beta: float, points: Array, truth: Truth, params: Toys, seed: int) -> dict[str, Any]:
    """Distances of samples to a tilted law; see `rows`."""
    if not np.isfinite(points).all():
        raise UserError(f"offline.toys: samples at beta {beta:g} are not finite; lower fit.lr ({params.fit.lr:g})")
    directions = generator(seed, "toys directions")
    row: dict[str, Any] = {
        "sliced_w2": distances.sliced_w2(points, truth.target, params.directions, directions),
        "energy_distance": distances.energy_distance(points, truth.target),
        "energy_error": float(abs(made.energy(points).mean() - made.energy(truth.reference).mean())),
        "off_support": distances.off_support(points, truth.reference, truth.target),
    }
    if made.modes:
        shares = np.bincount(made.mode(points), minlength=made.modes) / len(points)
        row["mode_error"] = distances.total_variation(shares, made.masses(beta))
    return row
