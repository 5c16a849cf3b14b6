"""A study: a question of its own beside the results. `snakemake <study>` makes results/<study>, a page of points.

Each point is a claim, a table, a figure and sentences, made of rows. Rows come from the preset's own runs, from jobs
that the study's rules file adds (workflow/rules/<study>.smk), or from `checks`: jobs that need no rule of their own.

Light: the Snakefile and DVC's glue read what studies declare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from energyflow.config import layout
from energyflow.config.params import Params
from energyflow.config.section import Section

SMOKE = "smoke"  # the preset whose numbers mean nothing: its pages are not those that readers find
CHECK = "check/{check}/{subject}/seed{seed}/"
POINT_FILES = (
    *(f"tables/{{point}}.{suffix}" for suffix in ("csv", "md", "tex", "json")),
    *(f"figures/{{point}}.{suffix}" for suffix in ("png", "svg", "pdf")),
)


class CheckKey(NamedTuple):
    """One job of a check; its subject is what it is done on, such as an expert or a task."""

    check: str
    subject: str
    seed: int


@dataclass(frozen=True)
class Check:
    """Jobs without a rule of their own: `rows(subject, seed, section, inputs)` of a module, written as rows.csv.

    Attributes:
        params: type of the section that a job reads.
        module: whose `rows` computes it.
        keys: params -> its jobs.
        section: params -> what each reads of params.yaml.
        inputs: (params, key) -> files that a job reads.
        code: (params, key) -> further modules that a job runs, beside what `module` imports.
    """

    params: type[Section]
    module: str
    keys: Callable[[Params], list[CheckKey]]
    section: Callable[[Params], Section]
    inputs: Callable[[Params, CheckKey], list[str]] = lambda _p, _key: []
    code: Callable[[CheckKey], Sequence[str]] = lambda _key: ()


@dataclass(frozen=True)
class Job:
    """Jobs that the study's rules file adds; they are a DVC stage of their own.

    Attributes:
        entry: the job whose function the command line calls, a key of `pipeline.jobs.JOBS`.
        where: folder in the study of its outputs, wildcards in braces; the first part is the stage's own.
        files: its outputs in there.
        reads: stages whose outputs it reads.
    """

    entry: str
    where: str
    files: tuple[str, ...]
    reads: tuple[str, ...]


@dataclass(frozen=True)
class Study:
    """A study, as its file declares it: `STUDIES = {"theory": Study(...)}`.

    Attributes:
        name: of the target, its section in params.yaml, its folder under results/ and the DVC stage of its page.
        title: what readers see.
        params: type of its section.
        points: params -> names of the points, in the order of the page.
        rows: (params, point) -> files that a point is made of.
        reads: type of the section that a point reads.
        section: (params, point) -> that section; its `dpi` is that of the figure.
        build: `module:function` of (name, inputs, section) that makes a `report.point.Point`.
        head: `module:constant` of what stands above the points.
        checks: by name; see `Check`.
        reads_stages: stages whose outputs the points, or the checks, read beside the study's own.
        sections: of params.yaml, beside its own, that its jobs may depend on.
        jobs: rule, and DVC stage, of jobs that the study's rules file adds; see `Job`.
        made: params -> what those DVC stages own.
        valid: raises UserError where the section does not go together with the rest of the preset.
    """

    name: str
    title: str
    params: type[Section]
    points: Callable[[Params], list[str]]
    rows: Callable[[Params, str], list[str]]
    reads: type[Section]
    section: Callable[[Params, str], Section]
    build: str
    head: str
    checks: Mapping[str, Check] = field(default_factory=dict)
    reads_stages: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    jobs: Mapping[str, Job] = field(default_factory=dict)
    made: Callable[[Params], dict[str, list[str]]] = lambda _: {}
    valid: Callable[[Params], None] = lambda _: None

    def wanted(self, p: Params) -> bool:
        """Whether the preset has it."""
        return self.name in p.studies

    def folder(self, preset: str) -> str:
        """Where it lies. There is one: of the presets in params.yaml, one alone has it, besides `smoke`."""
        return f"results/{preset}/{self.name}" if preset == SMOKE else f"results/{self.name}"

    def outputs(self, preset: str) -> dict[str, list[str]]:
        """As `layout.patterns`."""
        found = {rule: tuple(job.where + file for file in job.files) for rule, job in self.jobs.items()}
        found |= {f"{self.name}_point": POINT_FILES, self.name: ("README.md",)}
        if self.checks:
            found[f"{self.name}_check"] = (f"{CHECK}rows.csv", f"{CHECK}run.json")
        top = self.folder(preset)
        return {rule: [f"{top}/{name}" for name in names] for rule, names in found.items()}

    def every_check(self, p: Params) -> list[CheckKey]:
        """Every job of every check."""
        return [key for check in self.checks.values() for key in check.keys(p)]

    def check_files(self, p: Params, key: CheckKey) -> list[str]:
        """Outputs of one job of a check."""
        return [pattern.format(**key._asdict()) for pattern in self.outputs(p.preset)[f"{self.name}_check"]]

    def page(self, preset: str) -> str:
        """The page."""
        return self.outputs(preset)[self.name][0]

    def point_files(self, p: Params) -> list[str]:
        """Outputs of every point, in the order of the page."""
        patterns = self.outputs(p.preset)[f"{self.name}_point"]
        return [pattern.format(point=point) for point in self.points(p) for pattern in patterns]

    def archive(self, preset: str) -> str:
        """Folder of its packed rows."""
        return f"{self.folder(preset)}/{layout.ROWS}"

    def computed(self, p: Params) -> dict[str, list[str]]:
        """What each DVC stage owns but that of the page."""
        owned = self.made(p)
        if self.checks:
            owned[f"{self.name}_check"] = [file for key in self.every_check(p) for file in self.check_files(p, key)]
        return owned

    def archive_files(self, p: Params) -> list[str]:
        """Its packed rows."""
        return layout.archive_files(self.archive(p.preset), self.computed(p))

    def stages(self, p: Params) -> dict[str, list[str]]:
        """What each DVC stage owns; nothing where the preset does not have the study."""
        if not self.wanted(p):
            return {}
        return self.computed(p) | {self.name: [*self.point_files(p), self.page(p.preset), *self.archive_files(p)]}

    def stage_folders(self) -> dict[str, tuple[str, ...]]:
        """DVC stage -> the folders of the study that it owns, beside the page."""
        folders: dict[str, tuple[str, ...]] = {rule: (job.where.split("/")[0],) for rule, job in self.jobs.items()}
        checks: dict[str, tuple[str, ...]] = {f"{self.name}_check": ("check",)} if self.checks else {}
        return folders | checks | {self.name: ("tables", "figures", layout.ROWS)}
