"""A standalone Spark master with workers on loopback addresses, and nothing of it left when the block ends."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyspark

from tests.engines.lines import QUICK_JVM
from tests.faults.processes import children

SPARK_HOME = Path(pyspark.__file__).parent
_UP_WITHIN, _DOWN_WITHIN = 300.0, 10.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class Cluster:
    """A master, and the processes of its workers (each the head of a group that holds its executors)."""

    url: str
    workers: tuple[subprocess.Popen[bytes], ...]
    logs: Path

    def executors(self) -> list[psutil.Process]:
        """The processes that do a job's work, below the workers."""
        return [found for worker in self.workers for found in children(worker.pid, "CoarseGrainedExecutorBackend")]

    def applications(self) -> set[str]:
        """The names of those that executors were started for."""
        return {folder.name for folder in self.logs.glob("worker*/app-*")}

    def told(self) -> str:
        """What its processes wrote, for the message of a test that fails."""
        files = sorted(self.logs.rglob("*.log")) + sorted(self.logs.rglob("stderr"))
        return "\n".join(f"== {file}\n{file.read_text(errors='replace')[-4000:]}" for file in files)


@contextmanager
def standalone(folder: Path, workers: int = 2, memory: str = "1g") -> Iterator[Cluster]:
    """Starts a master and workers of one core each, waits until all have registered, and stops them."""
    port, web = free_ports(2)
    url = f"spark://127.0.0.1:{port}"
    address = ["--host", "127.0.0.1"]
    with ExitStack() as running:
        master = ["deploy.master.Master", *address, "--port", str(port), "--webui-port", str(web)]
        running.enter_context(_daemon(master, folder / "master.log"))
        started = [
            running.enter_context(
                _daemon(
                    ["deploy.worker.Worker", *address, "--webui-port", "0", "-c", "1", "-m", memory]
                    + ["-d", str(folder / f"worker{number}"), url],
                    folder / f"worker{number}.log",
                )
            )
            for number in range(workers)
        ]
        cluster = Cluster(url, tuple(started), folder)
        _wait(lambda: _alive(web) == workers, f"{workers} workers at {url}", cluster)
        yield cluster


@contextmanager
def _daemon(arguments: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {
        "SPARK_HOME": str(SPARK_HOME),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": QUICK_JVM,
    }
    command = [str(SPARK_HOME / "bin" / "spark-class"), f"org.apache.spark.{arguments[0]}", *arguments[1:]]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
            preexec_fn=_die_with_the_test,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_DOWN_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
        # Its executors, where it could not stop them itself.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _die_with_the_test() -> None:
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _alive(web: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{web}/json/", timeout=5) as answer:
            return int(json.load(answer)["aliveworkers"])
    except OSError:
        return 0


def _wait(done, what: str, cluster: Cluster) -> None:
    until = time.monotonic() + _UP_WITHIN
    while not done():
        assert time.monotonic() < until, f"no {what} within {_UP_WITHIN:.0f} s\n{cluster.told()}"
        time.sleep(0.2)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
