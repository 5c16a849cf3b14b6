"""Rows in git: pack what jobs wrote, and unpack it in another checkout, where Snakemake goes on from it.

A packed run comes with Snakemake's record of it: parameters, inputs, and a digest of each source file that it ran. So
what other numbers or other code made is not taken for results: Snakemake runs it again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from energyflow.config import layout
from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.core.files import read_json, write_json, write_text
from energyflow.core.provenance import check_rows
from energyflow.pipeline import params, plan, records
from energyflow.report import archive

# Of unpacked files. Older than any source file, so that Snakemake holds each of these against the digest in the record;
# newer than a table that came with the clone and has no record (`records.guard`).
OLD = 2 * 86400


@dataclass
class Count:
    """What became of the runs of an archive.

    Attributes:
        folder: of the archive.
        moved: how many were packed from here, or unpacked to here.
        kept: how many stayed as they were, packed or here.
        absent: folders of those that are neither here nor packed.
    """

    folder: str
    moved: int = 0
    kept: int = 0
    absent: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lacking = f"; {len(self.absent)} of the grid nowhere yet, e.g. {self.absent[0]}" if self.absent else ""
        return f"{self.folder}: {self.moved} run(s), beside {self.kept} as they were{lacking}"


def of_preset(preset: str | None, grid: str | None = None) -> Iterator[tuple[Params, str, dict[str, list[str]]]]:
    """Archives of a preset on the grids, or on one: parameters, folder, what is in there; studies with `core`."""
    for each in [grid] if grid else params.GRIDS:
        p = params.load(preset=preset, grid=each)
        for folder, owned in plan.archives(p).items():
            if any(owned.values()) and (each == "core" or folder == plan.archive(p)):
                yield p, folder, owned


def _runs(owned: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Folder of each job -> its outputs."""
    found: dict[str, list[str]] = {}
    for file in dict.fromkeys(file for files in owned.values() for file in files):
        found.setdefault(str(Path(file).parent), []).append(file)
    return found


def _record(outputs: list[str]) -> dict[str, Any]:
    """Snakemake's record of a job: its outputs' differ by their times alone."""
    found = [read_json(records.record(file)) for file in outputs]
    times = {"starttime": min(each["starttime"] for each in found), "endtime": max(each["endtime"] for each in found)}
    return found[0] | times


def _text(file: str) -> str:
    check_rows(Path(file))
    try:
        return Path(file).read_bytes().decode()
    except UnicodeDecodeError:
        raise UserError(f"{file}: damaged, no text; move it away and run its stage again") from None


def is_whole(p: Params, outputs: list[str]) -> bool:
    """Whether a run is here: all that is small of it, recorded, and not being made again just now."""
    if not all(Path(file).is_file() for file in layout.small(outputs)):
        return False
    if p.preset in records.UNRECORDED:
        return True
    return all(records.record(f).is_file() and not records.record(f, records.INCOMPLETE).exists() for f in outputs)


def pack(p: Params, folder: str, owned: Mapping[str, list[str]]) -> Count:
    """Bring an archive up to date: runs that are here replace theirs, those that no rule makes any more go.

    Args:
        p: the parameters.
        folder: of the archive.
        owned: as in `plan.archives`.

    Raises:
        UserError: the archive is damaged, or a file is not what its job wrote.
    """
    before, after, count = archive.read(Path(folder)), archive.Packed(), Count(folder)
    for run, outputs in _runs(owned).items():
        files = layout.small(outputs)
        if is_whole(p, outputs):
            count.moved += 1
            after.texts |= {file: _text(file) for file in files}
            after.records |= {} if p.preset in records.UNRECORDED else {run: _record(outputs)}
        elif before.texts.keys() >= set(files):
            count.kept += 1
            after.texts |= {file: before.texts[file] for file in files}
            after.records |= {run: before.records[run]} if run in before.records else {}
        else:
            count.absent.append(run)
    archive.write(Path(folder), after, layout.kinds(owned))
    return count


def pack_finished(preset: str, grid: str, out: Path) -> None:
    """The job of the rules that pack: every run is here, or has been packed before.

    Raises:
        UserError: as `pack`, or there is a run that is neither.
    """
    p = params.load(preset=preset, grid=grid)
    count = pack(p, str(out), plan.archives(p)[str(out)])
    print(count)
    if count.absent:
        raise UserError(f"{out}: {len(count.absent)} run(s) are neither here nor packed, e.g. {count.absent[0]}")


def pack_here(preset: str | None, grid: str | None) -> Iterator[Count]:
    """`pack` on each archive of a preset, of whatever is finished; one is begun where there is a run for it."""
    for p, folder, owned in of_preset(preset, grid):
        if Path(folder).is_dir() or any(is_whole(p, outputs) for outputs in _runs(owned).values()):
            yield pack(p, folder, owned)


def unpack(folder: str, owned: Mapping[str, list[str]]) -> Count:
    """Write the packed runs that are not here, with Snakemake's records; what is here stays as it is.

    A run of which a file is here that is not the packed one is another run, and is left alone.

    Raises:
        UserError: the archive is damaged.
    """
    packed, count = archive.read(Path(folder)), Count(folder)
    for run, outputs in _runs(owned).items():
        texts = {file: packed.texts[file] for file in layout.small(outputs) if file in packed.texts}
        here = [file for file in texts if Path(file).is_file()]
        if len(texts) < len(layout.small(outputs)):
            if not all(Path(file).is_file() for file in layout.small(outputs)):
                count.absent.append(run)
        elif len(here) == len(texts) or any(Path(file).read_bytes() != texts[file].encode() for file in here):
            count.kept += 1
        else:
            count.moved += 1
            if run in packed.records:  # first, and of every output: Snakemake believes none if one lacks its record
                for file in outputs:
                    write_json(records.record(file), packed.records[run])
            for file in (file for file in texts if file not in here):
                write_text(file, texts[file])
                os.utime(file, (OLD, OLD))
    return count


def unpack_here(preset: str | None, grid: str | None) -> Iterator[Count]:
    """`unpack` of each archive of a preset that there is."""
    for _, folder, owned in of_preset(preset, grid):
        if Path(folder).is_dir():
            yield unpack(folder, owned)
