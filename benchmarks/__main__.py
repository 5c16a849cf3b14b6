"""Every benchmark in one run: `make benchmark`. Ratios against a reference in the same run, as CPU time.

Each is a module with `main(out, quick)` that writes `<name>.json` and `<name>.md`.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

NAMES = ("pipeline", "acting", "training", "paper", "simulators", "sac", "serving")

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"which (default: all of {', '.join(NAMES)})")
    parser.add_argument("--out", type=Path, default=Path("benchmarks"), help="folder of the results (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: minutes instead of twenty")
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    for name in given.names or NAMES:
        import_module(f"benchmarks.{name}").main(given.out, given.quick)
        print((given.out / f"{name}.md").read_text(), flush=True)
