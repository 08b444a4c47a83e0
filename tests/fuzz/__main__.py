"""Rows in files of every kind, with planted damage, through `prefcurate run --stages ingest`, and exact accounts of them all:

python -m tests.fuzz --rows 1000000 --seed 7
"""

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.compare import differences
from tests.fuzz.corpus import write_corpus


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2, help="processes of the ingest; 1 stays in one")
    parser.add_argument(
        "--folder", help="keeps the files here; by default a temporary folder, kept where something is wrong"
    )
    given = parser.parse_args()
    folder = Path(given.folder or tempfile.mkdtemp(prefix="prefcurate-fuzz-"))
    wrong = fuzz(folder, given.rows, given.seed, given.workers)
    if not wrong and given.folder is None:
        shutil.rmtree(folder)
    elif wrong:
        print(f"the files and the store are kept in {folder}")
    return 1 if wrong else 0


def fuzz(folder: Path, rows: int, seed: int, workers: int = 1) -> list[str]:
    """Everything that is not as it must be after one run; printed as well."""
    began = time.monotonic()
    expected = write_corpus(folder, rows, seed)
    total = sum(told.rows for told in expected.values())
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(
        f"{total:,} rows of {len(expected)} sources, {size / 1e6:,.0f} MB, in {time.monotonic() - began:.0f} s",
        flush=True,
    )
    began = time.monotonic()
    command = [
        str(Path(sys.executable).with_name("prefcurate")),
        "run",
        str(folder / "fuzz.yaml"),
        "--stages",
        "ingest",
    ]
    done = subprocess.run([*command, f"--direct_num_workers={workers}"], capture_output=True, text=True, check=False)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(
        f"ingest: exit status {done.returncode}, {time.monotonic() - began:.0f} s, at most {peak:,} MiB in a process",
        flush=True,
    )
    if done.returncode:
        return [done.stdout[-2000:] + done.stderr[-2000:]]
    wrong = differences(str(folder / "store"), expected)
    for source, told in expected.items():
        print(
            f"  {source:10} {told.rows:>9,} rows = {len(told.votes):,} used + {told.merged:,} merged + {told.auxiliary:,} auxiliary"
            f" + {told.quarantine.total():,} quarantined"
        )
    reasons = Counter[str]()
    for told in expected.values():
        for (_, _, reason), n in told.quarantine.items():
            reasons[reason] += n
    print("  planted: " + ", ".join(f"{n:,} {reason}" for reason, n in sorted(reasons.items())))
    print("\n".join(wrong) if wrong else "every account is exact")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
