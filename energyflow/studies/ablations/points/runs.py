"""Which setting of which axis an input belongs to: of the ablations by its path, of the preset by its value."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from energyflow.core.errors import UserError
from energyflow.report.names import SAMPLE
from energyflow.report.rows import identity, parsed, read_rows
from energyflow.studies.ablations import study
from energyflow.studies.ablations.sections import PointParams


def places(path: Path, params: PointParams) -> list[dict[str, Any]]:
    """The settings that a file holds rows of: `axis`, `item`, `value`, `task`, `seed`.

    A run of the ablations belongs to one axis. A run of the preset belongs to every axis of its method or source, with
    the preset's value.

    Raises:
        UserError: the path is none of results/.
    """
    own = parsed(path, f"{study.NAME}/{{rule}}/{study.RUN}")
    if own is not None:
        del own["rule"]
        return [own] if own["axis"] in params.axes else []
    run = identity(path)
    item = str(run.get("method", run.get("source")))
    axes = {axis: section.reference for axis, section in params.axes.items() if item in section.reference}
    about = {"item": item, "task": run["task"], "seed": run["seed"]}
    return [about | {"axis": axis, "value": reference[item]} for axis, reference in axes.items()]


def read(paths: Sequence[Path], columns: Sequence[str], params: PointParams) -> pd.DataFrame:
    """Rows of all files with the columns of `places` before `columns`; of episodes, those planned by draws.

    Raises:
        UserError: no file belongs to an axis, or one is damaged.
    """
    found = [read_rows([path], columns).assign(**place) for path in paths for place in places(path, params)]
    if not found:
        raise UserError(f"no rows of the axes {', '.join(params.axes)} among {len(paths)} inputs")
    rows = pd.concat(found, ignore_index=True)
    # runs of the ablations have no other decoder, those of the preset do
    return rows[rows["decoder"] == SAMPLE].reset_index(drop=True) if "decoder" in rows else rows
