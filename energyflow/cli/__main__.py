"""`python -m energyflow.cli`: the command line of this checkout, installed or not."""

from __future__ import annotations

import sys

from energyflow.cli import main

if __name__ == "__main__":
    sys.exit(main())
