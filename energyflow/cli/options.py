"""What the commands of people share: the numbers of params.yaml under their flags, and where outputs go."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from energyflow.core.errors import UserError

if TYPE_CHECKING:
    from energyflow.cli.job import Commands
    from energyflow.config.params import Params
    from energyflow.config.section import Section

Arguments = argparse.Namespace
S = TypeVar("S", bound="Section")


def add_command(commands: Commands, name: str, text: str, *, flags: bool = True) -> argparse.ArgumentParser:
    """A command; with `flags`, one that reads params.yaml under `section.key=value`."""
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(flagged=flags)
    if flags:
        command.epilog = "section.key=value, for example train.steps=2000, changes a number of the params file"
        command.add_argument("--config", type=Path, help="params file (default: params.yaml, or what is shipped)")
        command.add_argument("--preset", help="preset of the file (default: the one that it names)")
        command.add_argument("--params", metavar="JSON", help="every number at once, as --dry prints them")
        command.add_argument("--dry", action="store_true", help="print the numbers that would be used, and stop")
        command.add_argument("--out", type=Path, help="folder of the outputs")
    return command


def params_of(a: Arguments) -> Params:
    """The parameters of the command line: those of a file under its flags."""
    from energyflow.pipeline.params import load

    return load(a.config, a.preset, flags=a.flags)


def given(a: Arguments, section: S) -> S:
    """The section of the params file, or the one that `--params` gives whole.

    Raises:
        UserError: it is no section of that kind, or other numbers are given beside it.
    """
    from energyflow.config.section import parse_section

    if a.params is None:
        return section
    if a.config or a.preset or a.flags:
        raise UserError("--params gives every number: leave out --config, --preset and section.key=value")
    return parse_section(type(section), a.params)


def results_of(path: Path) -> Path | None:
    """The folder `results` of a workflow that a path lies in: what the workflow did not make is removed from it."""
    return next((p for p in path.resolve().parents if p.name == "results" and (p.parent / "dvc.yaml").is_file()), None)


def own_folder(a: Arguments, usual: Path) -> Path:
    """Where a user's outputs go.

    Raises:
        UserError: the folder is the workflow's.
    """
    out: Path = a.out or usual
    if (results := results_of(out)) is not None:
        raise UserError(f"{out}: {results} is the workflow's, which removes what it did not make; give another --out")
    return out


def existing(a: Arguments) -> Literal["refuse", "replace", "redo"]:
    """What becomes of a complete run in the folder: one that was not asked for by name is not touched."""
    return "redo" if a.overwrite else "replace" if a.out else "refuse"


def whole_number(text: str) -> int:
    """A seed, or a count, as it is typed."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 0 on")
    return int(text)


def dry(a: Arguments, section: Section) -> bool:
    """With `--dry`, print what would be used instead of using it."""
    if a.dry:
        print(section.model_dump_json(indent=2))
    return bool(a.dry)
