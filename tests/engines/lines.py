"""The command on an engine: run to its end, with nothing left of it; and the local run's store, which all are compared with."""

import fcntl
import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.e2e.line import SOURCES, config, contents, start

TASTE = "--limit=40"
"""Of each file: every stage has something to do, and the model that embeds has little."""
WITHIN = float(os.environ.get("ENGINES_WITHIN", 1500))
"""Seconds for one run; engines are known to hang."""
QUICK_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Processes that live for a minute are not worth what Java spends on making them fast."""
QUICK = tuple(f"--job_server_jvm_properties={each}" for each in QUICK_JVM.split())
QUICK_EXECUTORS = f"spark.executor.extraJavaOptions={QUICK_JVM}"


def run(*arguments: str, status: int | None = 0) -> str:
    """Runs the command and gives what it printed."""
    return ended(start("run", *arguments), status)


def ended(process: subprocess.Popen[str], status: int | None = 0) -> str:
    """What a command printed, which must leave no process behind."""
    try:
        printed, _ = process.communicate(timeout=WITHIN)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert status is None or process.returncode == status, printed
    assert not group(process.pid), "processes are left behind"
    return printed


def group(leader: int) -> list[int]:
    """The processes of a group that still live."""
    found = subprocess.run(["ps", "-o", "pid=,stat=", "-g", str(leader)], capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in found.splitlines() if "Z" not in line.split()[1]]


def small(folder: Path) -> str:
    """The configuration of the small line, with its store beside it."""
    return str(config(folder, SOURCES[:2]))


def local_run(shared: Path) -> dict[str, str]:
    """The small line's store as the local runner makes it: once, whichever test process comes first."""
    folder = shared / "engines-local"
    with (shared / "engines-local.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            run(small(folder), TASTE)
            (folder / "done").touch()
    return contents(folder / "store")
