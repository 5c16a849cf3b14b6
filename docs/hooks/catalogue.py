"""A page for each method and each source of reward: from its docstring, its numbers, its rows and its departures."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import settings
from docstrings import as_markdown

from energyflow.core.errors import UserError
from energyflow.policies.registry import METHODS
from energyflow.report import names, readme
from energyflow.rewards.registry import ONLINE, SOURCES

SUCCESS = "Task; Success (%) + 95 % interval => Success (%) [95 %]; Worst seed; Minus EnergyFlow; Published; on"
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
        name: in params.yaml.
        title: display name.
        module: whose docstring says what it is.
        numbers: keys of params.yaml that hold its numbers, if it has any there.
        facts: further sentences.
    """

    name: str
    title: str
    module: str
    numbers: tuple[tuple[str, ...], ...]
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


def methods(text: str) -> list[Subject]:
    """Every method, and every model that a reward reads, in the order of the tables.

    Args:
        text: of params.yaml.
    """
    own = settings.keys(text, "method")
    return [_method(name, own) for name in names.in_order(METHODS, names.DISPLAY_ORDER)]


def _method(name: str, own: list[str]) -> Subject:
    numbers = ((("method", name),) if name in own else ()) + ((("online",),) if name in ONLINE else ())
    module = METHODS[name].split(":")[0]
    if name in ONLINE:
        module = (
            "energyflow.agents.iq_learn_online" if name == "iq_learn" else f"energyflow.rewards.{ONLINE[name].source}"
        )
    readers = [f"[`{s}`](../rewards/{s}.md)" for s, spec in SOURCES.items() if spec.model == name]
    facts = _online(name) + ([f"Rewards that read it: {', '.join(readers)}."] if readers else [])
    return Subject(name, names.method_name(name), module, numbers, tuple(facts))


def _online(name: str) -> list[str]:
    if name not in ONLINE:
        return []
    spec = ONLINE[name]
    reward = (
        "with the critic below"
        if name == "iq_learn"
        else f"on the source [`{spec.source}`](../rewards/{spec.source}.md)"
    )
    return [
        f"Soft actor-critic in the simulator, {reward}; its budget is that of `shape`.",
        *["The actor starts as a clone of the demonstrations."] * spec.cloned,
        *["A share of every batch is demonstrated (`online.demo_share`)."] * spec.mixed,
    ]


def sources() -> list[Subject]:
    """Every source of reward, in the order of the tables."""
    found = []
    for name in names.in_order(SOURCES, names.SOURCE_ORDER):
        spec = SOURCES[name]
        facts = [f"{spec.description[0].upper()}{spec.description[1:]}."]
        facts += [f"It reads a model, [`{spec.model}`](../methods/{spec.model}.md)."] if spec.model else []
        facts += ["It reads the demonstrations."] if spec.needs_demos else []
        numbers = tuple(("shape", section) for section in spec.sections)
        found.append(
            Subject(name, names.source_name(name), f"energyflow.rewards.{spec.modules[0]}", numbers, tuple(facts))
        )
    return found


def departures(text: str) -> list[Departure]:
    """The entries of DEVIATIONS.md."""
    found = re.findall(r"^### (\d+)\. (.+)\n\nConcerns (.+)\.$", text, re.M)
    return [Departure(int(number), title, concerns) for number, title, concerns in found]


def page(subject: Subject, folder: str, root: Path) -> str:
    """The page of a method or source.

    Args:
        subject: what it is about.
        folder: `methods` or `rewards`.
        root: of the repository.
    """
    parts = [
        f"# {subject.title}",
        f"`{subject.name}` in `params.yaml`; code and docstrings: [`{subject.module}`][{subject.module}].",
        " ".join(subject.facts),
        "## What it is",
        docstring(root, subject.module),
        *_numbers(subject, folder, (root / "params.yaml").read_text(encoding="utf-8")),
        *(_success(subject, root) if folder == "methods" else _learning(subject, root)),
        *_departures(subject, (root / "DEVIATIONS.md").read_text(encoding="utf-8")),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def docstring(root: Path, module: str) -> str:
    """Docstring of a module, as Markdown."""
    path = root / (module.replace(".", "/") + ".py")
    return as_markdown(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")


def _numbers(subject: Subject, folder: str, text: str) -> list[str]:
    blocks = [f"```yaml\n{settings.excerpt(text, *keys)}\n```" for keys in subject.numbers]
    rates = settings.rates(text, subject.name) if folder == "methods" else {}
    if rates:
        rows = [f"| {preset} | {rate} |" for preset, rate in rates.items()]
        blocks.append("\n".join(["| preset | learning rate |", "|---|---:|", *rows]))
    return ["## Its numbers", *blocks] if blocks else []


def _success(subject: Subject, root: Path) -> list[str]:
    found = []
    for title, grid in TABLES.items():
        rows = quoted(root / f"results/{grid}/tables/success.md", subject.title, SUCCESS)
        found += [f"### {title}", rows] if rows else []
    return ["## Its rows", *found] if found else []


def _learning(subject: Subject, root: Path) -> list[str]:
    rows = quoted(root / "results/laptop/full/tables/learning.md", subject.title, LEARNING)
    return ["## Its row", "True success of SAC on it, in percent.", rows] if rows else []


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
        first = docstring(root, s.module).split("\n")[0].replace("|", "\\|")
        rows.append(f"| [`{s.name}`]({s.name}.md) | {s.title} | {' '.join(_online(s.name)[:2]) or first} |")
    return "\n".join(rows)
