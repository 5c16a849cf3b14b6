"""What a policy server counts, as a page that Prometheus reads."""

from __future__ import annotations

from collections import Counter

PREFIX = "energyflow"
BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # seconds: upper edges of the histogram
COUNTS = {
    "connections_total": "robots that connected",
    "actions_total": "actions that were sent",
    "plans_total": "plans that were made",
    "limited_actions_total": "actions that range or rate changed",
    "deadline_misses_total": "actions that took longer than a period of the control loop",
    "malformed_total": "requests that were no observation of this policy",
    "overflow_total": "requests that were refused because the queue was full",
    "unauthorized_total": "connections without the token",
}


class Metrics:
    """Counters since the server began, and the seconds that actions took."""

    def __init__(self) -> None:
        """All zero."""
        self.counts = Counter(dict.fromkeys(COUNTS, 0))
        self.seconds = 0.0
        self._below = [0] * len(BOUNDS)

    def observe(self, seconds: float, *, deadline: float) -> bool:
        """Take an action's time in; whether it missed its deadline."""
        missed = seconds > deadline
        self.counts["actions_total"] += 1
        self.counts["deadline_misses_total"] += missed
        self.seconds += seconds
        for place, bound in enumerate(BOUNDS):
            self._below[place] += seconds <= bound
        return missed

    def page(self, **gauges: float) -> str:
        """The page, in Prometheus' text format; `gauges` are numbers of this moment."""
        lines = []
        for name, meaning in COUNTS.items():
            lines += _entry(name, "counter", meaning, {"": self.counts[name]})
        for name, value in gauges.items():
            lines += _entry(name, "gauge", "now", {"": value})
        count = self.counts["actions_total"]
        buckets = {f'_bucket{{le="{bound}"}}': below for bound, below in zip(BOUNDS, self._below, strict=True)}
        whole = {'_bucket{le="+Inf"}': count, "_sum": self.seconds, "_count": count}
        lines += _entry("action_seconds", "histogram", "seconds from an observation to its action", buckets | whole)
        return "\n".join(lines) + "\n"


def _entry(name: str, kind: str, meaning: str, values: dict[str, float]) -> list[str]:
    full = f"{PREFIX}_{name}"
    return [
        f"# HELP {full} {meaning}",
        f"# TYPE {full} {kind}",
        *(f"{full}{suffix} {value}" for suffix, value in values.items()),
    ]
