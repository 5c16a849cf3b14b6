"""Every point of the page: what is asked, which rows answer, and how it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from energyflow.report.point import Point
from energyflow.studies.ablations.points import latency, levels, remarks, reward, success
from energyflow.studies.ablations.sections import PointParams


@dataclass(frozen=True)
class Question:
    """What is asked of some axes whose values are judged by success."""

    title: str
    claim: str
    more: Sequence[success.More] = ()


QUESTIONS = {
    "gamma": Question(
        "At which noise level should sampling stop?",
        "The paper's table 3: gamma from 1e-4 to 1e-2 is stable on Square, 0.1 or more is worse. gamma"
        " is the last time of the probability flow, sigma = sigma_min^(1 - gamma) sigma_max^gamma. The paper's form"
        " stops there; `energyflow` takes its last step from there to the denoised action, so gamma 0, its own"
        " value, is sigma_min.",
        (remarks.table_three,),
    ),
    "sampler": Question(
        "Which sampler, and how many evaluations (K)?",
        "The paper takes K = 20 Euler steps. Here the same weights under three samplers: `karras`, Euler steps on"
        " the Karras schedule, is the preset's; `euler` takes steps of equal size in log sigma, as the paper's"
        " schedule does; `heun` is of second order on the Karras schedule and takes two evaluations a step but the"
        " last: as many steps as fit, that is 1, 2, 3, 5 and 10 for 2, 3, 5, 10 and 20 evaluations. All end on the"
        " denoised action. With few steps Heun's second slope is the network's error divided by a sigma much smaller"
        " than the step it is multiplied by; in one step there is no second slope.",
    ),
    "parameterisation": Question(
        "Raw or preconditioned energy, spectral norm on or off?",
        "The paper trains a raw variance-exploding energy with spectral norm on its scalar head; `energyflow` is"
        " preconditioned and has none. Here both forms with and without the norm.",
        (remarks.forms,),
    ),
    "head": Question(
        "Pooled scalar or inner product?",
        "The paper maps pooled features to one number. The alternative <a, g(a, s)>, with a vector network g, is a"
        " scalar as well, so its gradient is conservative too, and as large as the unconstrained network.",
    ),
    "activation": Question(
        "Which activation?",
        "The loss differentiates the energy twice, so activations must have two derivatives: the paper's code takes"
        " Softplus, its text Mish, `energyflow` SiLU. ReLU, which has one, must fail.",
        (remarks.gradients,),
    ),
    "noise": Question(
        "Which range of noise levels?",
        "The paper: sigma from 0.01 to 10. Each end is moved in turn, in training and in sampling. Sampling starts"
        " from pure noise of standard deviation sigma_max. The numbers of a chunk are correlated, so noise of 2 still"
        " shows in training what the chunk was: a network may read the action off it instead of the observation, and"
        " miss it when sampling starts.",
    ),
    "demonstrations": Question(
        "How many demonstrations?",
        "Theorem 3.6 promises the conservative field an advantage with few demonstrations. Both fields learn from"
        " the first n of the same file, with the same number of training steps.",
        (remarks.fewer,),
    ),
}
SPECIAL = {"levels": levels.build, "reward": reward.build, "latency": latency.build}


def build(name: str, inputs: Sequence[Path], params: PointParams) -> Point:
    """A point; an axis that no question is about has its own name as title."""
    if name in SPECIAL:
        return SPECIAL[name](inputs, params)
    if any(section.kind == "shape" for section in params.axes.values()):
        return reward.build(inputs, params)
    keys = ", ".join(f"`{section.key}`" for section in params.axes.values())
    asked = QUESTIONS.get(name, Question(name.replace("_", " ").capitalize(), f"Varied: {keys}."))
    return success.build(name, asked.title, asked.claim, inputs, params, asked.more)
