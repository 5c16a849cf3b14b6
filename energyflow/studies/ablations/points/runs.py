"""Which setting of which axis an input belongs to: of the ablations by its path, of the preset by its value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

from energyflow.core.errors import UserError
from energyflow.report import names
from energyflow.report.rows import identity, read_rows
from energyflow.studies.ablations.sections import PointParams

_RUN = re.compile(
    r"/ablations/\w+/(?P<axis>[^/]+)/(?P<value>[^/]+)/(?P<task>[^/]+/[^/]+)/(?P<item>[^/]+)/seed(?P<seed>\d+)/"
)


@cache
def published() -> pd.DataFrame:
    """What the paper reports for some settings."""
    with resources.files("energyflow.studies.ablations.points").joinpath("published.csv").open() as file:
        return pd.read_csv(file, dtype={"value": str})


def places(path: Path, params: PointParams) -> list[dict[str, Any]]:
    """The settings that a file holds rows of: `axis`, `item`, `value`, `task`, `seed`.

    A run of the ablations belongs to one axis. A run of the preset belongs to every axis of its method or source, with
    the preset's value.

    Raises:
        UserError: the path is none of results/.
    """
    match = _RUN.search(path.as_posix())
    if match is not None:
        return [match.groupdict() | {"seed": int(match["seed"])}] if match["axis"] in params.axes else []
    run = identity(path)
    own = {"item": run.item, "task": run.task, "seed": run.seed}
    axes = {axis: section.reference for axis, section in params.axes.items() if run.item in section.reference}
    return [own | {"axis": axis, "value": reference[run.item]} for axis, reference in axes.items()]


def read(paths: Sequence[Path], columns: Sequence[str], params: PointParams) -> pd.DataFrame:
    """Rows of all files with the columns of `places` before `columns`.

    Raises:
        UserError: no file belongs to an axis, or one is damaged.
    """
    found = []
    for path in paths:
        for place in places(path, params):
            rows: pd.DataFrame = read_rows([path], columns).assign(**place)
            found.append(rows)
    if not found:
        raise UserError(f"no rows of the axes {', '.join(params.axes)} among {len(paths)} inputs")
    return pd.concat(found, ignore_index=True)


def item_name(item: str) -> str:
    """Display name of a method or a source."""
    return names.source_name(item) if item in names.SOURCES and item not in names.METHODS else names.method_name(item)


def value_name(value: str) -> str:
    """Display name of a value."""
    return value.replace("_", " ")
