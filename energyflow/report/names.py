"""What a reader sees for each name in params.yaml, in which order, and its fixed place among its kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

AVERAGE = "average"
EXPERT = "expert"
REFERENCE = "energyflow"  # paired differences are taken against it
BASE_LEVEL = "0"

METHODS = {
    "energyflow": "EnergyFlow",
    "diffusion_policy": "Diffusion Policy",
    "energyflow_paper": "EnergyFlow (paper's form)",
    "flow_policy": "Flow Policy",
    "unconstrained": "Unconstrained field",
    "lstm_gmm": "LSTM-GMM",
    "implicit_bc": "Implicit BC",
    "ebt_policy": "EBT-Policy",
    "iq_learn": "IQ-Learn",
    "ebil": "EBIL",
    "near": "NEAR",
}
SOURCES = {
    "centered_energy": "Centred energy",
    "centered_energy_sparse": "Centred energy + sparse",
    "sparse": "Sparse only",
    "raw_energy": "Raw energy",
    "centered_energy_bounded": "Centred energy, bounded",
    "dense": "Dense (oracle)",
    "gail": "GAIL",
    "airl": "AIRL",
    "ebil": "EBIL",
    "near": "NEAR",
    "iq_learn": "IQ-Learn",
    "likelihood": "Likelihood",
}
SUITES = {"metaworld": "Meta-World", "robomimic": "RoboMimic"}
NETWORKS = {"mlp": "MLP", "unet": "U-Net", "recurrent": "LSTM"}
LEVELS = ("0", "XS", "S", "M", "L", "XL")  # params travel as sorted JSON, so the order of a file says nothing
DISPLAY_ORDER = ("energyflow", "energyflow_paper", "unconstrained", "diffusion_policy", "flow_policy")
SOURCE_ORDER = (
    "sparse",
    "raw_energy",
    "centered_energy",
    "centered_energy_sparse",
    "centered_energy_bounded",
    "likelihood",
    "ebil",
    "near",
    "iq_learn",
    "gail",
    "airl",
    "dense",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")


def method_name(name: str) -> str:
    """Display name of a method."""
    return "Scripted expert" if name == EXPERT else METHODS.get(name, _plain(name))


def source_name(name: str) -> str:
    """Display name of a source of reward."""
    return SOURCES.get(name, _plain(name))


def suite(task: str) -> str:
    """Suite of a task: `metaworld` of `metaworld/hammer`."""
    return task.split("/")[0]


def task_name(task: str) -> str:
    """Display name of a task, or of the average over a suite."""
    head, _, tail = task.rpartition("/")
    return f"Average ({SUITES.get(head, _plain(head))})" if tail == AVERAGE else _plain(tail)


def task_label(task: str) -> str:
    """Short display name, for panels and axes."""
    return "Average" if task.endswith(f"/{AVERAGE}") else task_name(task)


def level_key(level: str) -> tuple[int, str]:
    """Sort key of perturbation levels: known ones by size, others by name."""
    return (LEVELS.index(level), "") if level in LEVELS else (len(LEVELS), level)


def in_order(names: Iterable[str], order: tuple[str, ...]) -> list[str]:
    """Distinct names: those of `order` first, the others as they appear."""
    found = list(dict.fromkeys(names))
    return [n for n in order if n in found] + [n for n in found if n not in order]


def rank(name: str, table: Mapping[str, str]) -> int:
    """Fixed place of a name, so that its colour and marker do not depend on what else is drawn."""
    known = list(table)
    return known.index(name) if name in known else len(known) + sum(map(ord, name)) % 7


def _plain(name: str) -> str:
    return name.replace("_", " ").capitalize()
