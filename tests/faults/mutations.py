"""Seeded damage: of bytes, of JSON values, of tables, of HDF5 files. Each says whether it can still mean anything."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

SLIPS = ("unknown key", "no number", "text", "list", "negative", "huge", "zero", "true", "slip", "gone")
Rng = np.random.Generator
Place = tuple[Any, ...]


def damage_bytes(path: Path, rng: Rng) -> str:
    """Flip a bit, cut, insert or overwrite; the file is never left as it was."""
    content = bytearray(path.read_bytes())
    at = int(rng.integers(len(content)))
    match how := str(rng.choice(["flip", "cut", "insert", "overwrite"])):
        case "flip":
            content[at] ^= 1 << int(rng.integers(8))
        case "cut":
            del content[at:]
        case "insert":
            content[at:at] = rng.bytes(int(rng.integers(1, 9)))
        case "overwrite":
            content[at : at + 8] = bytes(255 - byte for byte in content[at : at + 8])
    path.write_bytes(bytes(content))
    return f"{how} at byte {at} of {path.name}"


def leaves(value: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value of nested dictionaries and lists that holds no others."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inner = list(items)
    if not inner and at:
        yield at, value
    for key, one in inner:
        yield from leaves(one, (*at, key))


def change(value: Any, at: Place, new: Any) -> Any:
    """A copy with another value in one place."""
    found = copy.deepcopy(value)
    inner = found
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = new
    return found


def damage_json(value: dict[str, Any], rng: Rng) -> tuple[Any, str, bool]:
    """Another value in one place; the new value, what was done, and whether it must be refused."""
    places = list(leaves(value))
    at, old = places[int(rng.integers(len(places)))]
    where = ".".join(map(str, at))
    kind = str(
        rng.choice(["unknown key", "no number", "text", "list", "negative", "huge", "zero", "true", "slip", "gone"])
    )
    number = isinstance(old, int | float) and not isinstance(old, bool)
    if kind == "unknown key":
        return {**value, f"{rng.choice(list(value))}x": 1}, kind, True
    if kind == "gone" and isinstance(at[0], str):
        return {key: one for key, one in value.items() if key != at[0]}, f"{at[0]}: {kind}", False
    if kind == "slip" and isinstance(old, str) and len(old) > 2:
        return change(value, at, old[:-1]), f"{where}: {kind}", at[-1] in ("method", "kind", "activation")
    new = {
        "no number": float(rng.choice([np.nan, np.inf, -np.inf])),
        "text": str(rng.choice(["", "1", "a;touch X", "$(touch X)", "\n", "é" * 300])),
        "list": [],
        "negative": -abs(old) - 1 if number else -1,
        "huge": 10**12 if isinstance(old, int) else 1e30,
        "zero": 0 if isinstance(old, int) else 0.0,
        "true": True,
    }.get(kind, {})
    free = not number or kind == "zero" or "log_std" in at
    return change(value, at, new), f"{where}: {kind} {new!r:.40}", not free


HDF5: dict[str, tuple[Callable[[Any], object], bool]] = {
    "no group data": (lambda f: f.move("data", "date"), True),
    "no demonstrations": (lambda f: [f["data"].pop(name) for name in list(f["data"])], True),
    "no actions": (lambda f: f["data/demo_0"].pop("actions"), True),
    "no observations": (lambda f: f["data/demo_0"].pop("obs"), True),
    "NaN among the actions": (lambda f: _set(f, "actions", lambda a: _put(a, np.nan)), True),
    "infinity among the observations": (lambda f: _set(f, "obs/state", lambda a: _put(a, np.inf)), True),
    "actions of rank 1": (lambda f: _set(f, "actions", lambda a: a[:, 0]), True),
    "actions of rank 3": (lambda f: _set(f, "actions", lambda a: np.stack([a, a], axis=1)), True),
    "actions of another width": (lambda f: _set(f, "actions", lambda a: a[:, :-1]), True),
    "observations of another width": (lambda f: _set(f, "obs/state", lambda a: a[:, :-1]), True),
    "fewer observations than actions": (lambda f: _set(f, "obs/state", lambda a: a[:-3]), True),
    "no transitions": (lambda f: [_set(f, key, lambda a: a[:0]) for key in ("actions", "obs/state")], True),
    "text for actions": (lambda f: _set(f, "actions", lambda a: np.array([b"x"] * len(a))), True),
    "a group for actions": (lambda f: (f["data/demo_0"].pop("actions"), f.create_group("data/demo_0/actions")), True),
    "a broken link": (lambda f: _link(f, h5py.SoftLink("/nowhere")), True),
    "a link to another file": (lambda f: _link(f, h5py.ExternalLink("/etc/hostname", "/x")), True),
    "a link to itself": (lambda f: _link(f, h5py.SoftLink("/data/demo_0/actions")), True),
    "env_args that is no JSON": (lambda f: f["data"].attrs.modify("env_args", "{"), False),
    "env_args that is a list": (lambda f: f["data"].attrs.modify("env_args", "[]"), False),
    "env_args that is a number": (lambda f: f["data"].attrs.create("env_args", 3), False),
    "a name without a number": (lambda f: f.move("data/demo_0", "data/demo_x"), False),
    "a name without demo": (lambda f: f.move("data/demo_0", "data/first"), False),
    "a picture beside the observations": (lambda f: _picture(f), False),
    "whole numbers": (lambda f: _set(f, "obs/state", lambda a: a.round().astype(np.int64)), False),
    "single precision": (lambda f: _set(f, "actions", lambda a: a.astype(np.float32)), False),
}


def _put(values: Any, new: float) -> Any:
    values[3, 0] = new
    return values


def _set(file: Any, key: str, make: Callable[[Any], Any]) -> None:
    group = file["data/demo_0"]
    values = make(group[key][()])
    del group[key]
    group[key] = values


def _link(file: Any, link: Any) -> None:
    del file["data/demo_0/actions"]
    file["data/demo_0/actions"] = link


def _picture(file: Any) -> None:
    for demo in file["data"].values():
        demo["obs/image"] = np.zeros((len(demo["actions"]), 4, 4, 3), dtype=np.uint8)


def damage_hdf5(path: Path, rng: Rng) -> tuple[str, bool]:
    """One of the ways in which files of others are odd; the manifest goes, for it would tell."""
    what = str(rng.choice(list(HDF5)))
    act, senseless = HDF5[what]
    path.with_name("manifest.json").unlink(missing_ok=True)
    with h5py.File(path, "r+") as file:
        act(file)
    return what, senseless


def damage_rows(path: Path, rng: Rng) -> str:
    """Another value in a cell, a row less, a row twice, or other bytes."""
    lines = path.read_text().splitlines()
    at = int(rng.integers(1, len(lines)))
    match how := str(rng.choice(["cell", "less", "twice", "swap", "bytes"])):
        case "cell":
            cells = lines[at].split(",")
            column = int(rng.integers(len(cells)))
            cells[column] = str(rng.choice([c for c in ("0", "1", "x", "nan", "-1", "1e9", "") if c != cells[column]]))
            lines[at] = ",".join(cells)
            how = f"cell {lines[0].split(',')[column]} = {cells[column]!r}"
        case "less":
            del lines[at]
        case "twice":
            lines.append(lines[at])
        case "swap":
            lines[at], lines[-at] = lines[-at], lines[at]
            if lines[at] == lines[-at]:
                del lines[at]
        case _:
            return damage_bytes(path, rng)
    path.write_text("\n".join(lines) + "\n")
    return f"{how}, line {at + 1}"
