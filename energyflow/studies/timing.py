"""CPU time of alternatives in one run: called in turn, so that whatever else the machine does meets them all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

Work = Callable[[], object]


def cpu_seconds(work: Work, calls: int) -> float:
    """CPU seconds of one call, of so many in a row."""
    started = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - started) / calls


def interleave(alternatives: Mapping[str, Work], rounds: int, calls: int) -> dict[str, list[float]]:
    """CPU milliseconds of a call of each alternative, one number a round, after a round that is not counted."""
    found: dict[str, list[float]] = {name: [] for name in alternatives}
    for index in range(-1, rounds):
        for name, work in alternatives.items():
            taken = 1000.0 * cpu_seconds(work, calls)
            if index >= 0:
                found[name].append(taken)
    return found
