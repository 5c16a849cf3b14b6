"""Which of two policies does better, on the same initial states: the difference of their success, with an interval."""

# energyflow evaluate --model runs/metaworld/button_press/energyflow/seed0
# energyflow evaluate --model runs/metaworld/button_press/flow_policy/seed0
# python examples/compare_two_methods.py runs/metaworld/button_press/{energyflow,flow_policy}/seed0

from __future__ import annotations

import sys
from pathlib import Path

from energyflow.params import load
from energyflow.report.paired import compare


def main(one: str, two: str) -> None:
    """Print a line a decoder and level."""
    for row in compare(Path(one), Path(two), load().report):
        print(row)


if __name__ == "__main__":
    main(*sys.argv[1:3])
