"""One Spark worker and two on the same rows: what the second adds, stage by stage, beside each other in one run.

    python -m tests.benchmarks.bench_spark_workers [ROWS] [--stages ingest,screen] [--share 0.6] [--store FOLDER]

A standalone cluster on this machine (`tests/engines/cluster.py`), each worker with one core. Where there are fewer cores than the
two workers, the launcher and the job server need together, `--share` gives each worker, with its executors and the Python
processes below them, no more than that share of a core (Linux control groups; needs root): then the second worker finds as much as
the first. Seconds are by the clock, with the start of the stage's job; `bare start` is the same job on a store of no rows.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.benchmarks.bench_line import NAMES, pass_over, run, write_config
from tests.benchmarks.corpus import write_corpus
from tests.benchmarks.watching import Cost
from tests.engines.cluster import standalone
from tests.engines.jars import job_server

GROUPS = Path("/sys/fs/cgroup/cpu")
PERIOD = 100_000
"""Microseconds over which a share is counted."""
SHARDS = 8
ROWS_OF_A_START = 16


@contextmanager
def shares(workers: int, share: float | None) -> Iterator[list[Path]]:
    """A control group for each worker, in which nobody is yet; none without a share.

    Raises:
        SystemExit: control groups of version 1 are not here, or may not be made.
    """
    groups = [] if share is None else [GROUPS / f"prefcurate-{os.getpid()}-{number}" for number in range(workers)]
    try:
        for group in groups:
            group.mkdir()
            (group / "cpu.cfs_period_us").write_text(str(PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(int((share or 1) * PERIOD)))
    except OSError as error:
        raise SystemExit(f"--share needs {GROUPS} and root: {error}") from error
    try:
        yield groups
    finally:
        for group in groups:
            _remove(group)


def _remove(group: Path) -> None:
    """What still ends in it goes to the group above."""
    for process in (group / "cgroup.procs").read_text().split():
        with suppress(OSError):
            (GROUPS / "cgroup.procs").write_text(process)
    group.rmdir()


def measure(folder: Path, rows: Path, count: int, workers: int, given: argparse.Namespace) -> dict[str, Cost]:
    """What each stage costs on so many workers."""
    folder.mkdir(parents=True)
    os.symlink(rows, folder / "rows")
    config = write_config(folder, count, SHARDS)
    found = {}
    with shares(workers, given.share) as groups, standalone(folder / "cluster", workers) as cluster:
        # Executors, and the Python processes below them, come into the group of the worker that starts them.
        for group, worker in zip(groups, cluster.workers, strict=bool(groups)):
            (group / "cgroup.procs").write_text(str(worker.pid))
        jar = job_server("spark")
        flags = ["--runner=SparkRunner", f"--spark_master_url={cluster.url}", f"--spark_job_server_jar={jar}"]
        for stage in NAMES[: max(map(NAMES.index, given.stages)) + 1]:
            if stage in given.stages:
                found[stage] = run(config, [stage], flags, stage)
            else:
                pass_over(config, [stage])
    return found


def told(stages: Sequence[str], count: int, start: dict[str, Cost], one: dict[str, Cost], two: dict[str, Cost]) -> str:
    """The table: seconds on one worker and two, what the second adds, and that without the start of a job."""
    lines = [f"{'stage':<10}{'bare start':>12}{'one worker':>12}{'two':>8}{'times':>8}{'without the start':>20}"]
    for stage in stages:
        begun, alone, both = (found[stage].wall for found in (start, one, two))
        lines.append(
            f"{stage:<10}{begun:>11.1f}s{alone:>11.1f}s{both:>7.1f}s{alone / both:>8.2f}{(alone - begun) / (both - begun):>20.2f}"
        )
    return "\n".join([f"{count:,} rows, {SHARDS} shards", *lines])


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int, nargs="?", default=100_000)
    parser.add_argument("--stages", type=lambda text: text.split(","), default=["ingest", "screen"])
    parser.add_argument("--share", type=float, help="of a core for each worker")
    parser.add_argument("--store", type=Path, help="keeps rows, stores and logs here; a temporary folder by default")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = given.store or Path(temporary)
        for name, count in (("few", ROWS_OF_A_START), ("rows", given.rows)):
            if not (root / name).exists():
                write_corpus(root / name, count)
        start = measure(root / "start", root / "few", ROWS_OF_A_START, 1, given)
        one, two = (measure(root / f"workers-{n}", root / "rows", given.rows, n, given) for n in (1, 2))
        print(told(given.stages, given.rows, start, one, two))


if __name__ == "__main__":
    main()
