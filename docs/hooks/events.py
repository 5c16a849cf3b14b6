"""What MkDocs calls while it builds the site: it shows files of the repository, and makes pages from the code."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import catalogue
import house
import mount
import settings
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from energyflow.report import readme

ROOT = Path(__file__).resolve().parents[2]
BUILT = re.compile(r"<!-- built: (?P<what>\w+)(?: (?P<of>\w+(?: \w+)?))? -->")


def subjects() -> dict[str, list[catalogue.Subject]]:
    """What has a page of its own, by the folder of these pages."""
    return {"methods": catalogue.methods(), "rewards": catalogue.sources()}


def made() -> dict[str, str]:
    """Pages that are made from the code, by their place on the site."""
    pages = {f"{kind}/{s.name}.md": catalogue.page(s, ROOT) for kind, found in subjects().items() for s in found}
    return pages | {f"reference/api/{room}.md": reference(room) for room in house.rooms(ROOT)}


def reference(room: str) -> str:
    """The page of a room in the reference: every module in it."""
    path = ROOT / house.HOUSE / room
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files if file.name != "__init__.py"]
    blocks = "".join(f"::: {name}\n\n" for name in names)
    return f"# {house.HOUSE}.{room}\n\n{house.purpose(ROOT, room)}\n\n{blocks}"


def _house() -> str:
    return house.picture(house.floors(ROOT), house.arrows())


def _rooms() -> str:
    return house.table(ROOT, house.floors(ROOT), house.arrows())


def _methods() -> str:
    return catalogue.table(subjects()["methods"], ROOT)


def _rewards() -> str:
    return catalogue.table(subjects()["rewards"], ROOT)


def _params() -> str:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    return "\n\n".join(
        f"### `{key}`\n\n```yaml\n{settings.excerpt(text, key)}\n```" for key in settings.keys(text) if key != "presets"
    )


def _sections() -> str:
    return "\n\n".join(f"### {s.__name__}\n\n{inspect.getdoc(s)}\n\n{settings.table(s)}" for s in settings.sections())


def _help(command: str) -> str:
    asked = [sys.executable, "-m", "energyflow.cli", *command.split(), "--help"]
    said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)
    return f"```text\n{said.stdout.rstrip()}\n```"


BUILDERS: dict[str, Callable[[], str]] = {
    "house": _house,
    "rooms": _rooms,
    "methods": _methods,
    "rewards": _rewards,
    "params": _params,
    "sections": _sections,
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the pages that are made from the code under the entries of their folders."""
    uris = list(made())
    for entry in config.nav or []:
        for title, item in entry.items():
            if isinstance(item, str):
                entry[title] = [item, *(uri for uri in uris if uri.startswith(item.removesuffix("index.md")))]
            elif "reference/api.md" in item:
                rooms = {uri.split("/")[-1][:-3]: uri for uri in uris if uri.startswith("reference/api/")}
                item += [{"Rooms": [{room: uri} for room, uri in rooms.items()]}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from the code, and the files of the repository that pages link to."""
    pages = {mount.in_repository(f.src_uri): f.content_string for f in files.documentation_pages()}
    for uri, text in made().items():
        files.append(File.generated(config, uri, content=text))
        pages[mount.in_repository(uri)] = text
    files.append(File.generated(config, "index.md", abs_src_path=str(ROOT / mount.FRONT)))
    pages[mount.FRONT] = (ROOT / mount.FRONT).read_text(encoding="utf-8")
    for file in sorted(mount.mounted(ROOT, pages)):
        files.append(File.generated(config, mount.on_site(file), abs_src_path=str(ROOT / file)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Build the marked parts, and point links at the places that files have on the site."""
    text = BUILT.sub(lambda m: _help(m["of"] or "") if m["what"] == "help" else BUILDERS[m["what"]](), markdown)
    if re.fullmatch(r"repository/.*/tables/\w+\.md", page.file.src_uri):
        page.meta["hide"] = ["navigation", "toc"]  # a table of thirteen columns has the width of the page
    quoted = readme.MARKED.sub(lambda m: f"\n{m['rows']}", text)
    return mount.relinked(quoted, mount.in_repository(page.file.src_uri))
