"""Files of the repository that the site shows where they are: the README, the departures, tables, figures.

A page links to them as it does on disk, `../../results/laptop/figures/ood.png`. The site has the same tree, but for two
moves: what is in docs/ stands at its top, and everything else in repository/ below; the README is the front page.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s#]*)(?P<anchor>#[^)\s]*)?(?=\))")
FENCED = re.compile(r"^ *```.*?^ *```$|`[^`\n]+`", re.S | re.M)
FRONT = "README.md"
ELSEWHERE = "repository/"


def on_site(path: str) -> str:
    """Where the site has a file of the repository."""
    return "index.md" if path == FRONT else path[5:] if path.startswith("docs/") else ELSEWHERE + path


def in_repository(uri: str) -> str:
    """The file of the repository that the site has at `uri`."""
    if uri == "index.md":
        return FRONT
    return uri[len(ELSEWHERE) :] if uri.startswith(ELSEWHERE) else f"docs/{uri}"


def links(text: str) -> Iterator[tuple[str, str]]:
    """Relative links of a Markdown text, outside of code: path (empty: the page itself) and anchor (or empty)."""
    for found in LINK.finditer(FENCED.sub("", text)):
        if not re.match(r"[a-z]+:", found["path"]):
            yield found["path"], (found["anchor"] or "#")[1:]


def target(page: str, link: str) -> str:
    """The file of the repository that a link in a file of the repository leads to."""
    return posixpath.normpath(PurePosixPath(page).parent / link)


def relinked(text: str, page: str) -> str:
    """A page's text with its links as they have to be on the site.

    Args:
        text: Markdown.
        page: where it lies in the repository.
    """
    folder = posixpath.dirname(on_site(page))

    def moved(found: re.Match[str]) -> str:
        path, anchor = found["path"], found["anchor"] or ""
        if not path or re.match(r"[a-z]+:", path):
            return path + anchor
        return posixpath.relpath(on_site(target(page, path)), folder or ".") + anchor

    return LINK.sub(moved, text)


def mounted(root: Path, pages: dict[str, str]) -> set[str]:
    """Files outside docs/ that pages link to, and what those link to in turn; paths in the repository.

    Args:
        root: of the repository.
        pages: text of every page of the site, by its path in the repository.
    """
    found: set[str] = set()
    left = list(pages.items())
    while left:
        page, text = left.pop()
        for path, _ in links(text):
            file = target(page, path) if path else page
            if file in found or file in pages or file.startswith("docs/") or not (root / file).is_file():
                continue
            found.add(file)
            if file.endswith(".md"):
                left.append((file, (root / file).read_text(encoding="utf-8")))
    return found
