"""The one error of this project: what a user can mend, said in one line. Everything else is a bug, and a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """An input, a parameter or the machine is not as it must be; the message names it, and what to do."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a "did you mean" clause for a mistyped name, or the list of what is allowed."""
    allowed = list(known)
    close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"allowed: {', '.join(sorted(allowed))}"
