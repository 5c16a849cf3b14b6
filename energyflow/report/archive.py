"""Packed rows: the small files of many jobs in a few compressed tables, which git holds and pandas reads.

    evaluate_episodes.csv.gz  every episodes.csv of the stage: first column `file`, then all columns of theirs, as text
    files.jsonl.gz            a line a file: its path, with `table` and `columns`, or the `content` of a JSON file
    snakemake.jsonl.gz        a line a job: `run`, the folder of its outputs, and what Snakemake recorded of it

Unpacking gives the same bytes, which packing makes sure of; equal content is equal bytes.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from energyflow.config.layout import INDEX, RECORDS
from energyflow.core.errors import UserError
from energyflow.core.files import atomic_path, json_text

FILE = "file"  # the first column
DAMAGE = (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, csv.Error)  # what unpacking raises on damage


@dataclass
class Packed:
    """Content of an archive.

    Attributes:
        texts: file -> what it holds.
        records: folder of a job's outputs -> Snakemake's record of the job.
    """

    texts: dict[str, str] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)


def _csv_text(lines: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def _cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def _table(texts: Mapping[str, str]) -> tuple[str, dict[str, list[str]]]:
    """One table of several CSV files, and the columns of each."""
    own = {file: _cells(text) for file, text in texts.items()}
    for file, lines in own.items():
        if not lines or FILE in lines[0] or _csv_text(lines) != texts[file]:
            raise UserError(f"{file}: not rows as a job writes them; move it away and run its stage again")
    columns = list(dict.fromkeys(column for lines in own.values() for column in lines[0]))
    found = [[FILE, *columns]]
    for file, (head, *rows) in own.items():
        place = [head.index(column) if column in head else None for column in columns]
        found += [[file, *("" if at is None else row[at] for at in place)] for row in rows]
    return _csv_text(found), {file: lines[0] for file, lines in own.items()}


def _untable(text: str, columns: Mapping[str, list[str]]) -> dict[str, str]:
    """The CSV files of a table, given the columns of each."""
    head, *rows = _cells(text)
    found: dict[str, list[list[str]]] = {file: [names] for file, names in columns.items()}
    places = {file: [head.index(name) for name in names] for file, names in columns.items()}
    for row in rows:
        found[row[0]].append([row[at] for at in places[row[0]]])
    return {file: _csv_text(lines) for file, lines in found.items()}


def _compress(path: Path, text: str) -> None:
    """Write a text compressed; one that is there already stays as it is, for compressors differ."""
    with suppress(*DAMAGE):
        if _text(path) == text:
            os.utime(path)
            return
    with (
        atomic_path(path) as temporary,
        temporary.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
    ):
        packed.write(text.encode())


def _text(path: Path) -> str:
    """What a file holds; raises any of `DAMAGE`."""
    data = path.read_bytes()
    if not data:  # which gzip takes for a compressed nothing
        raise EOFError("empty file")
    return gzip.decompress(data).decode()


def _lines(values: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n" for value in values)


def write(folder: Path, packed: Packed, tables: Mapping[str, str]) -> None:
    """Pack files.

    Args:
        folder: of the archive.
        packed: JSON and CSV files, and the records of their jobs.
        tables: names of the packed tables by CSV file; every table is written, be it empty.

    Raises:
        UserError: a file is not as jobs write them, so that unpacking would not give its bytes.
    """
    texts = dict(sorted(packed.texts.items()))
    columns: dict[str, Mapping[str, Any]] = {}
    for table in sorted(set(tables.values())):
        content, found = _table({file: text for file, text in texts.items() if tables.get(file) == table})
        _compress(folder / table, content)
        columns |= {file: {FILE: file, "table": table, "columns": names} for file, names in found.items()}
    index: list[Mapping[str, Any]] = []
    for file, text in texts.items():
        index.append(columns.get(file) or {FILE: file, "content": _content(file, text)})
    for stray in {path.name for path in folder.glob("*.csv.gz")} - set(tables.values()):
        (folder / stray).unlink()
    _compress(folder / INDEX, _lines(index))
    _compress(folder / RECORDS, _lines({"run": run} | packed.records[run] for run in sorted(packed.records)))


def _content(file: str, text: str) -> Any:
    try:
        value = json.loads(text)
        if json_text(value) == text:
            return value
    except ValueError:
        pass
    raise UserError(f"{file}: not a record as a job writes it; move it away and run its stage again")


def read(folder: Path) -> Packed:
    """Unpack an archive in memory; a folder without one is an empty one.

    Raises:
        UserError: a file of it is damaged, or of another state than the others.
    """
    if not any(folder.glob("*.gz")):
        return Packed()
    reading = folder / INDEX
    try:
        index = [json.loads(line) for line in _text(reading).split("\n")[:-1]]
        texts = {each[FILE]: json_text(each["content"]) for each in index if "content" in each}
        for table in dict.fromkeys(each["table"] for each in index if "table" in each):
            reading = folder / table
            columns = {each[FILE]: each["columns"] for each in index if each.get("table") == table}
            texts |= _untable(_text(reading), columns)
        reading = folder / RECORDS
        records = [json.loads(line) for line in _text(reading).split("\n")[:-1]]
        return Packed(texts, {each.pop("run"): each for each in records})
    except DAMAGE as error:
        said = str(error) or type(error).__name__
        raise UserError(f"{reading}: damaged, or not packed with {folder / INDEX} ({said}); git checkout it") from None
