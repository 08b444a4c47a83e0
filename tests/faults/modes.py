"""How the harness runs the command: on this machine, or on a Spark cluster that stands while it does."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.faults.processes import Command

RUNNERS = ("local", "spark", "both")


@dataclass(frozen=True)
class Mode:
    """How the command is run: its flags, and which processes can be killed beside launcher, machine and judge."""

    name: str
    flags: tuple[str, ...]
    processes: Mapping[str, Callable[[Command], list[psutil.Process]]] = field(default_factory=dict)

    @property
    def victims(self) -> tuple[str, ...]:
        return "launcher", "machine", "judge", *self.processes


LOCAL = (
    Mode("one process", ("--direct_num_workers=1",)),
    Mode("two processes", ("--direct_num_workers=2",), {"worker": Command.workers}),
)


@contextmanager
def modes(runner: str, folder: Path) -> Iterator[tuple[Mode, ...]]:
    """The modes of a runner, or of both in turn, whose cluster stands while the block runs; `folder` is for its logs."""
    if runner == "local":
        yield LOCAL
        return
    # Needs Java, Maven and pyspark.
    from tests.engines.cluster import standalone
    from tests.engines.jars import job_server
    from tests.engines.lines import QUICK, QUICK_EXECUTORS

    jar = job_server("spark")
    with standalone(folder / "cluster") as cluster:
        there = "--runner=SparkRunner", f"--spark_master_url={cluster.url}", f"--spark_job_server_jar={jar}"
        flags = *there, *QUICK, f"--job_server_jvm_properties=-D{QUICK_EXECUTORS}"
        spark = Mode(
            "Spark", flags, {"executor": lambda command: cluster.executors(), "job server": Command.job_servers}
        )
        yield (*LOCAL, spark) if runner == "both" else (spark,)
