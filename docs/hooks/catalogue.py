"""A page for each method and each source of reward: from its docstring, its numbers, its rows and its departures."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import settings
from docstrings import as_markdown

from energyflow.config.section import Section
from energyflow.core.errors import UserError
from energyflow.policies.registry import METHODS, Method
from energyflow.report import readme
from energyflow.rewards.registry import SOURCES

SUCCESS = "Task; By sample (%); By mean (%); Minus EnergyFlow, by sample; Published; Intervals cover it"
TRAINED = "Agent; Task; n; Final success; Area; Behind the oracle; Over no reward"
RANKED = "Task; n; Within a state; Across states; Demonstrated preferred; Episodes by success"
STUDIED = {  # tables of the study of rewards
    "From scratch": ("scratch", TRAINED),
    "With demonstrations": ("demonstrations", TRAINED),
    "Ranks": ("ranking", RANKED),
}
# of the tables of 0.1.0
ONE_DECODER = "Task; Success (%) + 95 % interval => Success (%) [95 %]; Worst seed; Minus EnergyFlow; Published; on"
LEARNING = "Task; Final success; Area under the curve; Best mark; at step; On these curves"
TABLES = {  # of success, by the grid that made them
    "Meta-World": "laptop",
    "Meta-World, every method": "laptop/full",
    "RoboMimic": "robomimic",
    "RoboMimic, every method": "robomimic/full",
}
FOR_ALL = "every "


@dataclass(frozen=True)
class Subject:
    """What a page is about.

    Attributes:
        folder: `methods` or `rewards`.
        name: in params.yaml.
        title: display name.
        module: that declares it, whose docstring says what it is.
        numbers: section of its numbers.
        facts: further sentences.
    """

    folder: str
    name: str
    title: str
    module: str
    numbers: type[Section]
    facts: tuple[str, ...]


@dataclass(frozen=True)
class Departure:
    """An entry of DEVIATIONS.md."""

    number: int
    title: str
    concerns: str

    @property
    def anchor(self) -> str:
        """Of its heading, as GitHub and the site form it."""
        return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", f"{self.number}. {self.title}".lower()))


def methods() -> list[Subject]:
    """Every method, and every model that a reward reads, in the order of the tables."""
    return [
        Subject("methods", name, METHODS[name].title, METHODS.module(name), METHODS[name].params, _facts(name))
        for name in METHODS
    ]


def _facts(name: str) -> tuple[str, ...]:
    method = METHODS[name]
    readers = [f"[`{source}`](../rewards/{source}.md)" for source in SOURCES if SOURCES[source].model == name]
    return (
        *_online(method),
        *([f"Needs of `train`: {_mapping(method)}."] if method.train else []),
        *([f"Reads single transitions: To = {method.transitions[0]}."] if method.transitions else []),
        *([f"A variant of [`{method.variant_of}`]({method.variant_of}.md)."] if method.variant_of else []),
        *([f"Rewards that read it: {', '.join(readers)}."] if readers else []),
    )


def _mapping(method: Method) -> str:
    return ", ".join(f"`{key}: {value}`" for key, value in method.train.items())


def _online(method: Method) -> list[str]:
    if method.online is None:
        return []
    spec = method.online
    agent = (spec.agent or "energyflow.agents.sac:").split(":")[0]
    reward = f"on the source [`{spec.source}`](../rewards/{spec.source}.md)"
    return [
        f"Learns in the simulator ([`{agent}`][{agent}]), {reward}, within the budget of `shape`.",
        *["Its actor starts as a clone of the demonstrations."] * spec.cloned,
        *["A share of every batch is demonstrated (`online.demo_share`)."] * spec.mixed,
    ]


def sources() -> list[Subject]:
    """Every source of reward, in the order of the tables."""
    found = []
    for name in SOURCES:
        spec = SOURCES[name]
        facts = [f"{spec.description[0].upper()}{spec.description[1:]}."]
        facts += [f"It reads a model, [`{spec.model}`](../methods/{spec.model}.md)."] if spec.model else []
        facts += ["It reads the demonstrations."] if spec.demos else []
        found.append(Subject("rewards", name, spec.title, SOURCES.module(name), spec.settings, tuple(facts)))
    return found


def departures(text: str) -> list[Departure]:
    """The entries of DEVIATIONS.md."""
    found = re.findall(r"^### (\d+)\. (.+)\n\nConcerns (.+)\.$", text, re.M)
    return [Departure(int(number), title, concerns) for number, title, concerns in found]


def page(subject: Subject, root: Path) -> str:
    """The page of a method or source.

    Args:
        subject: what it is about.
        root: of the repository.
    """
    parts = [
        f"# {subject.title}",
        f"`{subject.name}` in `params.yaml`; code and docstrings: [`{subject.module}`][{subject.module}].",
        " ".join(subject.facts),
        "## What it is",
        docstring(root, subject.module),
        *_numbers(subject, root),
        *(_success(subject, root) if subject.folder == "methods" else _learning(subject, root)),
        *_departures(subject, (root / "DEVIATIONS.md").read_text(encoding="utf-8")),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def docstring(root: Path, module: str) -> str:
    """Docstring of a module, as Markdown."""
    path = root / (module.replace(".", "/") + ".py")
    return as_markdown(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")


def _numbers(subject: Subject, root: Path) -> list[str]:
    blocks = [f"```python\n{settings.source(root, subject.numbers)}\n```"] if subject.numbers.model_fields else []
    method = METHODS[subject.name] if subject.folder == "methods" else None
    if method is not None and method.online is None:
        rows = [f"| {network} | {rate:g} |" for network, rate in method.lr.items()]
        blocks.append("\n".join(["| network | learning rate |", "|---|---:|", *rows]))
    key = {"methods": "method", "rewards": "source"}[subject.folder]
    changed = f"`params.yaml` changes them under `{key}.{subject.name}`."
    return ["## Its numbers", changed, *blocks] if blocks else []


def _success(subject: Subject, root: Path) -> list[str]:
    found = []
    for title, grid in TABLES.items():
        file = root / f"results/{grid}/tables/success.md"
        rows = quoted(file, subject.title, SUCCESS) or quoted(file, subject.title, ONE_DECODER)
        found += [f"### {title}", rows] if rows else []
    return ["## Its rows", *found] if found else []


def _learning(subject: Subject, root: Path) -> list[str]:
    found = []
    for title, (table, columns) in STUDIED.items():
        rows = quoted(root / f"results/rewards/tables/{table}.md", subject.title, columns)
        found += [f"### {title}", rows] if rows else []
    rows = quoted(root / "results/laptop/full/tables/learning.md", subject.title, LEARNING)
    found += ["### By the agent of 0.1.0", rows] if rows else []
    said = "Success of SAC on it, in percent; rank correlations; [how to read them](../results/rewards.md)."
    return ["## Its rows", said, *found] if found else []


def quoted(file: Path, title: str, columns: str) -> str:
    """Rows of a table that are about one method or source; empty if there are none."""
    try:
        return readme.rows([file], rf"\| {re.escape(title)} +\|", columns)
    except UserError:
        return ""


def _departures(subject: Subject, text: str) -> list[str]:
    entries = departures(text)
    own = [e for e in entries if f"`{subject.name}`" in e.concerns]
    shared = [e for e in entries if e.concerns.startswith(FOR_ALL)]
    lines = [f"- [{e.number}. {e.title}](../../DEVIATIONS.md#{e.anchor})" for e in own]
    also = ", ".join(f"[{e.number}](../../DEVIATIONS.md#{e.anchor})" for e in shared)
    listed = "\n".join(lines) or "None of its own."
    return ["## Departures from the paper", listed, f"And what holds for all: {also}."]


def table(subjects: list[Subject], root: Path) -> str:
    """Markdown: name, display name and first sentence of each, linked to its page."""
    rows = ["| name | in tables | what it is |", "|---|---|---|"]
    for s in subjects:
        first = docstring(root, s.module).split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
        rows.append(f"| [`{s.name}`]({s.name}.md) | {s.title} | {s.facts[0] if s.folder == 'rewards' else first} |")
    return "\n".join(rows)
