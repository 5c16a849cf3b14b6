"""What a source of demonstrations holds, whatever its format: every key, and what training would read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from energyflow.core.errors import UserError
from energyflow.datasets.formats import FORMATS, ROBOMIMIC, file_name, format_of, found
from energyflow.datasets.info import describe
from energyflow.datasets.reading import DemoFile, env_args
from energyflow.datasets.recording import Array, write_recording
from energyflow.datasets.selection import demo_names


def contents(path: Path, filter_key: str | None = None, out: Path | None = None) -> str:
    """Format, rate, environment, every key with shape and range, and what would be used.

    Args:
        path: of a file or folder of any format.
        filter_key: list of demonstrations to read.
        out: where a source of another format is written in the layout that is trained on; by default nowhere.

    Raises:
        UserError: it is missing, damaged, of no known format, or `out` is asked for where nothing is to be converted.
    """
    path = found(path)
    kind = format_of(path)
    if kind == ROBOMIMIC:
        if out is not None:
            raise UserError(f"{path}: is in the layout that is trained on already; copy it, or leave --out away")
        used = describe(path, filter_key)  # first: it says in one line what is wrong with a file
        return f"{_of_file(path, filter_key)}\n\n{used}"
    recording = FORMATS[kind].read(path)
    with TemporaryDirectory() as scratch:
        file = out or Path(scratch) / file_name(recording)
        write_recording(recording, file)
        used = describe(file, filter_key)
    if out is None:
        used = used.partition("\n")[2]  # without the name of a file that is gone
    episodes = recording.episodes
    arrays: dict[str, list[Array]] = {key: [each.obs[key] for each in episodes] for key in recording.layout}
    arrays["actions"] = [each.actions for each in episodes]
    for name in ("rewards", "success"):
        kept = [values for each in episodes if (values := getattr(each, name)) is not None]
        arrays |= {name: kept} if kept else {}
    held = {key: _numbers(values) for key, values in arrays.items()} | recording.left_out
    return f"{_lines(path, recording.format, recording.rate, recording.environment, held)}\n\n{used}"


def _lines(path: Path, kind: str, rate: float | None, environment: str, held: Mapping[str, str]) -> str:
    lines = {"source": str(path), "format": kind, "rate": f"{rate:g} Hz" if rate else "not said"}
    lines["environment"] = environment or "not said"
    wide = max(map(len, held))
    keys = [f"  {key:{wide}}  {text}" for key, text in held.items()]
    return "\n".join([*(f"{name:15} {text}" for name, text in lines.items()), "holds", *keys])


def _numbers(values: list[Array]) -> str:
    """Shape and range of an array of every episode, [T, D] or [T]."""
    low, high = min(float(each.min()) for each in values), max(float(each.max()) for each in values)
    shape = ", ".join(map(str, ("T", *values[0].shape[1:])))
    return f"[{shape}]  {low:.3g} to {high:.3g}"


def _of_file(path: Path, filter_key: str | None) -> str:
    """The same of a file in robomimic's layout."""
    with DemoFile(path) as file:
        _, names = demo_names(file, filter_key)
        place = f"data/{names[0]}"
        keys = [f"obs/{key}" for key in file.names(f"{place}/obs")] + [k for k in file.names(place) if k != "obs"]
        held = {}
        for key in keys:
            problem = file.objection(f"{place}/{key}")
            held[key.removeprefix("obs/")] = problem or _numbers([file.array(f"data/{name}/{key}") for name in names])
        args = env_args(file)
    settings = args.get("env_kwargs")
    rate = settings.get("control_freq") if isinstance(settings, dict) else None
    return _lines(
        path, "robomimic", rate if isinstance(rate, int | float) else None, str(args.get("env_name", "")), held
    )
