"""What a reader sees for each name in params.yaml, and in which order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Kind = Literal["method", "source"]

AVERAGE = "average"
EXPERT = "expert"
REFERENCE = "energyflow"  # paired differences are taken against it
BASE_LEVEL = "0"

# In the order of tables, legends and colours: a name that is appended changes the look of no other.
TITLES: dict[Kind, dict[str, str]] = {
    "method": {
        "energyflow": "EnergyFlow",
        "energyflow_paper": "EnergyFlow (paper's form)",
        "unconstrained": "Unconstrained field",
        "diffusion_policy": "Diffusion Policy",
        "flow_policy": "Flow Policy",
        "lstm_gmm": "LSTM-GMM",
        "implicit_bc": "Implicit BC",
        "ebt_policy": "EBT-Policy",
        "iq_learn": "IQ-Learn",
        "iq_learn_offline": "IQ-Learn (offline)",
        "ebil": "EBIL",
        "ebil_bc": "EBIL (cloned, demos in replay)",
        "near": "NEAR",
        "near_bc": "NEAR (cloned, demos in replay)",
    },
    "source": {
        "sparse": "Sparse only",
        "raw_energy": "Raw energy",
        "centered_energy": "Centred energy",
        "centered_energy_sparse": "Centred energy + sparse",
        "centered_energy_bounded": "Centred energy, bounded",
        "likelihood": "Likelihood",
        "ebil": "EBIL",
        "near": "NEAR",
        "iq_learn": "IQ-Learn",
        "gail": "GAIL",
        "airl": "AIRL",
        "dense": "Dense (oracle)",
    },
}
VARIANTS = {"iq_learn": "iq_learn_offline", "ebil": "ebil_bc", "near": "near_bc"}  # as published -> ours beside it
# Where two rows of ours stand for one of the paper's, both are measured against the one number that it gives.
PUBLISHED_AS = {"energyflow_paper": "energyflow", "iq_learn_offline": "iq_learn"}
SUITES = {"metaworld": "Meta-World", "robomimic": "RoboMimic"}
NETWORKS = {"mlp": "MLP", "unet": "U-Net", "recurrent": "LSTM"}
LEVELS = ("0", "XS", "S", "M", "L", "XL")  # params travel as sorted JSON, so the order of a file says nothing


def method_name(name: str) -> str:
    """Display name of a method."""
    return "Scripted expert" if name == EXPERT else item_name(name, "method")


def source_name(name: str) -> str:
    """Display name of a source of reward."""
    return item_name(name, "source")


def item_name(name: str, kind: Kind) -> str:
    """Display name of a method or a source."""
    return TITLES[kind].get(name, plain(name))


def order(kind: Kind) -> list[str]:
    """Every method or source that has a name, in the order of tables."""
    return list(TITLES[kind])


def in_order(names: Iterable[str], kind: Kind) -> list[str]:
    """Distinct names: those of `order` first, the others as they appear."""
    found = list(dict.fromkeys(names))
    known = order(kind)
    return [n for n in known if n in found] + [n for n in found if n not in known]


def suite(task: str) -> str:
    """Suite of a task: `metaworld` of `metaworld/hammer`."""
    return task.split("/")[0]


def is_average(task: str) -> bool:
    """Whether a row is about the average over a suite."""
    return task.endswith(f"/{AVERAGE}")


def task_name(task: str) -> str:
    """Display name of a task, or of the average over a suite."""
    head, _, tail = task.rpartition("/")
    return f"Average ({SUITES.get(head, plain(head))})" if is_average(task) else plain(tail)


def task_label(task: str) -> str:
    """Short display name, for panels and axes."""
    return "Average" if is_average(task) else task_name(task)


def level_key(level: str) -> tuple[int, str]:
    """Sort key of perturbation levels: known ones by size, others by name."""
    return (LEVELS.index(level), "") if level in LEVELS else (len(LEVELS), level)


def plain(name: str) -> str:
    """A name of params.yaml in words."""
    return name.replace("_", " ").capitalize()
