"""A target of its own: `snakemake <target>` makes results/<target>, a page of points, each a table and a figure.

Light: the Snakefile and DVC's glue read it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from energyflow.pipeline.params import Params

SMOKE = "smoke"  # the preset whose numbers mean nothing: its pages are not those that readers find
POINT_FILES = (
    *(f"tables/{{point}}.{suffix}" for suffix in ("csv", "md", "tex", "json")),
    *(f"figures/{{point}}.{suffix}" for suffix in ("png", "svg", "pdf")),
)


@dataclass(frozen=True)
class Target:
    """A target beside `all`.

    Attributes:
        name: of the target, of its section in params.yaml (null in presets that do not have it), of its rules file, of
            its folder under results/, and of the DVC stage of its points and page.
        folders: DVC stage -> the folders in there that it owns, beside the page.
        patterns: rule -> patterns in there of its outputs; those of points and page come on top.
        points: params -> names of the points, in the order of the page.
        made: params -> what each DVC stage owns; that of points and page comes on top.
    """

    name: str
    folders: dict[str, tuple[str, ...]]
    patterns: dict[str, tuple[str, ...]]
    points: Callable[[Params], list[str]]
    made: Callable[[Params], dict[str, list[str]]]

    def wanted(self, p: Params) -> bool:
        """Whether the preset has it."""
        return getattr(p, self.name) is not None

    def folder(self, preset: str) -> str:
        """Where it lies. There is one: of the presets in params.yaml, one alone has it, besides `smoke`."""
        return f"results/{preset}/{self.name}" if preset == SMOKE else f"results/{self.name}"

    def outputs(self, preset: str) -> dict[str, list[str]]:
        """As `paths.patterns`."""
        report = {f"{self.name}_point": POINT_FILES, f"{self.name}_page": ("README.md",)}
        top = self.folder(preset)
        return {rule: [f"{top}/{name}" for name in names] for rule, names in (self.patterns | report).items()}

    def page(self, preset: str) -> str:
        """The page."""
        return self.outputs(preset)[f"{self.name}_page"][0]

    def point_files(self, p: Params) -> list[str]:
        """Outputs of every point, in the order of the page."""
        patterns = self.outputs(p.preset)[f"{self.name}_point"]
        return [pattern.format(point=point) for point in self.points(p) for pattern in patterns]

    def stages(self, p: Params) -> dict[str, list[str]]:
        """As `paths.stages`; nothing where the preset does not have it."""
        if not self.wanted(p):
            return {}
        return self.made(p) | {self.name: [*self.point_files(p), self.page(p.preset)]}
