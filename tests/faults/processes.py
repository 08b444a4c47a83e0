"""The processes of one store's runs: found by a mark in their environment, whoever their parents are by now."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_MARK = "PREFCURATE_FAULTS"
_ROOT = str(Path(__file__).parents[2])
ORPHAN_SECONDS = 30.0
"""How long what a killed process started may go on."""


@dataclass(frozen=True)
class Marked:
    """A mark that all processes of one store's runs inherit."""

    mark: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def environment(self) -> dict[str, str]:
        """For a process that is started."""
        more = {_MARK: self.mark, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        more["PYTHONFAULTHANDLER"] = "1"
        # Runners of tests are found from here, whatever the folder.
        return os.environ | more | {"PYTHONPATH": os.pathsep.join([_ROOT, os.environ.get("PYTHONPATH", "")])}

    def alive(self) -> list[psutil.Process]:
        """Those that live, zombies apart."""
        return [process for process in psutil.process_iter() if self._is_mine(process)]

    def _is_mine(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(_MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def tell_where(self) -> None:
        """Ends all; Python ones print the traceback of every thread before."""
        for process in self.alive():
            with suppress(psutil.Error):
                process.send_signal(signal.SIGABRT)
        time.sleep(1.0)

    def orphans(self, known: Sequence[int] = ()) -> list[str]:
        """What still lives a while after its command has ended; it is killed now."""
        deadline = time.monotonic() + ORPHAN_SECONDS
        while (left := [p for p in self.alive() if p.pid not in known]) and time.monotonic() < deadline:
            time.sleep(0.2)
        return [_killed(process) for process in left]


def _killed(process: psutil.Process) -> str:
    said = describe(process)
    process.kill()
    return said


def describe(process: psutil.Process) -> str:
    """A process in words."""
    try:
        return f"{process.pid} {' '.join(process.cmdline())[:160]}"
    except psutil.Error:
        return str(process.pid)


def children(pid: int, named: str = "") -> list[psutil.Process]:
    """The processes that another one started, oldest first; of these, whose command line holds a word."""
    try:
        found = psutil.Process(pid).children()
    except psutil.Error:
        return []
    alive = [child for child in found if _words(child) and named in _words(child)]
    return sorted(alive, key=lambda child: (child.create_time(), child.pid))


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        # A zombie, such as what the start of a JVM leaves.
        return ""


class Command:
    """`prefcurate run CONFIG …` as a process of its own group; what it prints goes to a file.

    Args:
        log: the file.
        environment: with a mark.
        arguments: of the command.
    """

    def __init__(self, log: Path, environment: Mapping[str, str], *arguments: str) -> None:
        self.started = time.monotonic()
        self.log = log
        command = [str(Path(sys.executable).with_name("prefcurate")), *arguments]
        with log.open("w") as printed:
            self._process = subprocess.Popen(
                command, stdout=printed, stderr=subprocess.STDOUT, env=dict(environment), start_new_session=True
            )

    @property
    def status(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._process.poll()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self, seconds: float) -> int | None:
        """Waits for its end; None when it goes on."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def workers(self) -> list[psutil.Process]:
        """The worker processes of its job, which the fork server made, oldest first."""
        return [worker for server in children(self.pid, "forkserver") for worker in children(server.pid)]

    def job_servers(self) -> list[psutil.Process]:
        """Beam's job server, which it started."""
        return children(self.pid, "--spark-master-url")

    def kill(self) -> None:
        """The launcher alone: what it started goes on without it."""
        self._process.kill()
        self._process.wait()

    def kill_all(self) -> None:
        """It and its process group: what a machine that goes dark does."""
        os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def said(self) -> str:
        """The last words that it printed."""
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1][:200] if lines else "(nothing)"


def polled(seconds: float, every: float = 0.05) -> Iterator[None]:
    """Turns of a loop that looks again and again for some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(every)
