"""The picture of the house: its rooms by floor, and which imports which, as the imports of today have it."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import grimp

HOUSE = "energyflow"
ROW, LEFT = 46, 250  # pixels: height of a room, and where arrows begin
ARC = 45  # how far an arrow is pulled to the right for each row that it passes


def floors(root: Path) -> list[list[str]]:
    """Rooms by floor, top first: the layers of the contract in pyproject.toml that `make lint` checks."""
    contracts = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(c["layers"] for c in contracts["contracts"] if c["type"] == "layers")
    return [[room.strip(" ()") for room in layer.replace(":", "|").split("|")] for layer in layers]


def rooms(root: Path) -> list[str]:
    """Folders at the top of the package."""
    return sorted(path.name for path in (root / HOUSE).iterdir() if path.is_dir() and path.name[0] not in "_.")


def arrows() -> dict[str, set[str]]:
    """For each room, the rooms that it imports."""
    graph = grimp.build_graph(HOUSE, cache_dir=None)
    doors = {f"{HOUSE}.{path.stem}" for path in Path(HOUSE).glob("*.py")}  # what users import from the top
    top = sorted(set(graph.find_children(HOUSE)) - doors)
    for room in top:
        graph.squash_module(room)
    short = len(HOUSE) + 1
    found = {room: graph.find_modules_directly_imported_by(room) & set(top) - {room} for room in top}
    return {room[short:]: {other[short:] for other in others} for room, others in found.items()}


def upward(order: list[list[str]], drawn: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Arrows that do not lead to a lower floor."""
    floor = {room: number for number, layer in enumerate(order) for room in layer}
    return sorted((a, b) for a, others in drawn.items() for b in others if floor[b] <= floor[a])


def purpose(root: Path, room: str) -> str:
    """What a room is for: the first line of its docstring."""
    text = (root / HOUSE / room / "__init__.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]


def picture(order: list[list[str]], drawn: dict[str, set[str]]) -> str:
    """SVG: a row for each room, floors from the top, and an arc for each arrow; dashed if it leads upwards.

    Raises:
        ValueError: a room stands on no floor.
    """
    listed = [room for layer in order for room in layer if room in drawn]
    if set(listed) != set(drawn):
        raise ValueError(f"rooms on no floor of pyproject.toml: {', '.join(sorted(set(drawn) - set(listed)))}")
    row = {room: number for number, room in enumerate(listed)}
    width, height = LEFT + ARC * len(listed) * 3 // 4, ROW * len(listed) + 8
    parts = [
        f'<svg class="house" viewBox="0 0 {width} {height}" role="img" aria-label="rooms and arrows of {HOUSE}"'
        ' xmlns="http://www.w3.org/2000/svg">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="context-stroke"/></marker></defs>',
    ]
    for room, number in row.items():
        top = ROW * number + 4
        parts.append(
            f'<g data-room="{room}"><rect x="1" y="{top}" width="{LEFT - 20}" height="{ROW - 10}" rx="5"/>'
            f'<text x="14" y="{top + 23}" class="room">{room}</text></g>'
        )
    wrong = upward(order, drawn)
    for start in listed:
        for end in sorted(drawn[start], key=row.__getitem__):
            parts.append(_arc(start, end, row, "upward" if (start, end) in wrong else "down"))
    return "".join([*parts, "</svg>"])


def _arc(start: str, end: str, row: dict[str, int], kind: str) -> str:
    """From the right edge of one room, bulging to the right, to that of another."""
    leave, arrive = ROW * row[start] + ROW // 2 + 3, ROW * row[end] + ROW // 2 - 7
    reach = LEFT + ARC * abs(row[end] - row[start])
    hue = 360 * row[start] // len(row)
    return (
        f'<path class="{kind}" data-arrow="{start} {end}" stroke="hsl({hue} 55% 50%)" marker-end="url(#tip)"'
        f' d="M{LEFT - 18} {leave}C{reach} {leave} {reach} {arrive} {LEFT - 16} {arrive}">'
        f"<title>{start} imports {end}</title></path>"
    )


def table(root: Path, order: list[list[str]], drawn: dict[str, set[str]]) -> str:
    """Markdown: what each room is for, and what it imports."""
    rows = ["| room | holds | imports |", "|---|---|---|"]
    for room in (room for layer in order for room in layer if room in drawn):
        others = [f"`{other}`" for layer in order for other in layer if other in drawn[room]]
        rows.append(f"| [`{room}`](../reference/api/{room}.md) | {purpose(root, room)} | {', '.join(others) or '–'} |")
    return "\n".join(rows)
