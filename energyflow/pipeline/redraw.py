"""Tables and figures from packed rows alone: no simulator, no training, no engine, whatever code made the rows.

The same functions on the same files as the rules call, but in processes that go on instead of one each.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from energyflow.config import layout
from energyflow.config.params import Params
from energyflow.core.errors import UserError
from energyflow.core.registry import implementation
from energyflow.pipeline import params, params_file, plan
from energyflow.pipeline.jobs import JOBS
from energyflow.pipeline.rows import unpack_here
from energyflow.studies.registry import STUDIES
from energyflow.studies.study import Study

Call = tuple[str, dict[str, Any]]  # a key of JOBS, and what its function is given


def _paths(files: list[str]) -> list[Path]:
    return [Path(file) for file in files]


def report_calls(p: Params) -> list[Call]:
    """How the tables, figures, plots and metrics of a grid are made; videos show no rows."""
    rows, section = plan.report_rows(p), p.report
    made = [(f"table {name}", layout.table_files(p, name)) for name in layout.shown(p, layout.TABLES)]
    made += [("plots", layout.plot_files(p)), ("metrics", layout.metrics_files(p))]
    found: list[Call] = []
    for what, files in made:
        job, _, name = what.partition(" ")
        given = {"inputs": _paths(rows[name or job]), "params": section, "outputs": _paths(files)}
        found.append((job, given | ({"name": name} if name else {})))
    for name in layout.shown(p, layout.FIGURES):
        given = {"name": name, "params": p.plots[name].canonical(), "report": section.canonical()}
        drawn = _paths(layout.figure_files(p, name))
        found.append(("figure", given | {"inputs": _paths(rows[name]), "outputs": drawn}))
    return found


def point_calls(p: Params, study: Study) -> list[Call]:
    """How the points of a study are made."""
    found: list[Call] = []
    patterns = study.outputs(p.preset)[f"{study.name}_point"]
    for point in study.points(p):
        files = _paths([pattern.format(point=point) for pattern in patterns])
        given = {"study": study.name, "name": point, "params": study.section(p, point).canonical()}
        found.append(("point", given | {"inputs": _paths(study.rows(p, point)), "outputs": files}))
    return found


def _call(job: str, given: dict[str, Any]) -> None:
    implementation(JOBS[job].function)(**given)


def _absent(calls: list[Call]) -> list[Path]:
    return [file for _, given in calls for file in given["inputs"] if not file.is_file()]


def redraw(pool: ProcessPoolExecutor, preset: str, grid: str) -> Iterator[str]:
    """Draw what is made of a preset's rows on a grid; with `core`, the studies too.

    Yields:
        What could not be drawn, and what is not as git has it.

    Raises:
        UserError: rows are damaged.
    """
    p = params.load(preset=preset, grid=grid)
    parts = {layout.report_dir(p): report_calls(p)}
    if grid == "core":
        parts |= {STUDIES[name].folder(preset): point_calls(p, STUDIES[name]) for name in p.studies}
    pages: list[Call] = []
    calls: list[Call] = []
    for folder, found in parts.items():
        if absent := _absent(found):
            yield f"{folder}: not drawn, for {len(absent)} file(s) of its rows are not packed yet, e.g. {absent[0]}"
            continue
        calls += found
        study = next((study for study in STUDIES.values() if study.folder(preset) == folder), None)
        if study is not None:
            given = {"inputs": _paths(study.point_files(p)), "outputs": _paths([study.page(preset)])}
            pages.append(("page", given | {"study": study.name}))
    for batch in (calls, pages):
        for done in [pool.submit(_call, *call) for call in batch]:
            done.result()
    yield from _changed([str(file) for _, given in (*calls, *pages) for file in given["outputs"]])


def _changed(files: list[str]) -> Iterator[str]:
    """What is not as git has it."""
    if not files:
        return
    done = subprocess.run(["git", "status", "--porcelain", "--", *files], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    said = "no git here to compare them with" if done.returncode else "all as in git"
    yield f"{len(files)} files drawn: {f'{len(lines)} are not as in git' if lines else said}"
    yield from lines


def redraw_all(preset: str | None, grid: str | None) -> Iterator[str]:
    """Unpack the rows of every preset, or of one, and `redraw` every grid, or one, that rows are packed of.

    Rows of all grids are unpacked first: `full` shares some with `core`, and studies read both.

    Raises:
        UserError: as `redraw`, an archive is damaged, or there is nothing packed.
    """
    presets = [preset] if preset else list(params_file.read()["presets"])
    wanted = [(name, each) for name in presets for each in ([grid] if grid else params.GRIDS)]
    packed = [each for each in wanted if Path(plan.archive(params.load(preset=each[0], grid=each[1]))).is_dir()]
    if not packed:
        raise UserError("no rows are packed (results/<preset>/rows): energyflow results pack, after a run")
    os.environ |= {"PYTHONHASHSEED": "0", "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}  # as in the workflow
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for name in dict.fromkeys(name for name, _ in packed):
            yield from map(str, unpack_here(name, None))
        for name, each in packed:
            yield from redraw(pool, name, each)
