"""`energyflow --print-completion bash`: what a shell needs to complete commands, by shtab if it is there."""

from __future__ import annotations

import argparse
from typing import Any

SHELLS = ("bash", "zsh", "tcsh")


class _Print(argparse.Action):
    """Print the completion of the whole command line, and end."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        try:
            import shtab
        except ModuleNotFoundError:
            parser.error("completion needs shtab: pip install 'energyflow[completion]'")
        print(shtab.complete(parser, shell=values))
        parser.exit()


def add(top: argparse.ArgumentParser) -> None:
    """Add the option."""
    said = f"for eval in a start file of {', '.join(SHELLS)}"
    top.add_argument("--print-completion", action=_Print, choices=SHELLS, metavar="SHELL", help=said)
