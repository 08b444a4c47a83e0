"""Kills whatever can be killed, a hundred times: ``python -m tests.faults --rounds 100 --runner local --seed 7``."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.faults.harness import Harness
from tests.faults.modes import RUNNERS, modes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="kills in all")
    parser.add_argument("--runner", choices=RUNNERS, default="local")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kills", type=int, default=6, help="kills of one store, before it must be whole")
    parser.add_argument(
        "--folder", help="keeps the stores here; by default a temporary folder, kept where something was wrong"
    )
    given = parser.parse_args()
    folder = Path(given.folder or tempfile.mkdtemp(prefix="prefcurate-faults-"))
    with modes(given.runner, folder) as found:
        harness = Harness(folder, found, given.seed, lambda line: print(line, flush=True))
        return 1 if harness.run(given.rounds, given.kills) else 0


if __name__ == "__main__":
    sys.exit(main())
