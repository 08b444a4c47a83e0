"""What a command costs with all the processes that it starts: time, processor, memory, bytes read and written."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

INTERVAL = 0.2
"""Seconds between two looks at the processes."""


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        wall: seconds by the clock.
        cpu: seconds of the processors, of all processes.
        peak: MiB that all processes held at the worst moment; a page that several share counts once.
        read, written: MiB that the processes asked of files, whether a disk or the cache answered.
    """

    wall: float
    cpu: float
    peak: float
    read: float
    written: float

    def and_then(self, other: "Cost") -> "Cost":
        """What this and another cost one after the other."""
        return Cost(
            self.wall + other.wall,
            self.cpu + other.cpu,
            max(self.peak, other.peak),
            self.read + other.read,
            self.written + other.written,
        )


def by_share(process: psutil.Process) -> float:
    """Bytes that a process holds, shared pages by its share (on Linux; elsewhere all of them)."""
    about = process.memory_full_info()
    return float(getattr(about, "pss", about.rss))


def alone(process: psutil.Process) -> float:
    """Bytes that a process holds, shared pages too: the same whatever other commands share them at the moment."""
    return float(process.memory_info().rss)


@dataclass
class Watch:
    """Adds up what a process and its descendants use, by looking at them again and again."""

    root: psutil.Process
    held: Callable[[psutil.Process], float] = by_share
    peak: float = 0.0
    _seen: dict[tuple[int, float], tuple[float, float, float]] = field(default_factory=dict)

    def look(self) -> None:
        """Looks once."""
        total = 0.0
        for process in self._alive():
            try:
                with process.oneshot():
                    total += self.held(process)
                    times, moved = process.cpu_times(), process.io_counters()
                    used = times.user + times.system
                    self._seen[process.pid, process.create_time()] = (used, moved.read_chars, moved.write_chars)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        self.peak = max(self.peak, total)

    def sums(self) -> tuple[float, float, float]:
        """Seconds of the processors, bytes read, bytes written: as far as they were seen."""
        columns = list(zip(*self._seen.values(), strict=True)) or [(), (), ()]
        return sum(columns[0]), sum(columns[1]), sum(columns[2])

    def _alive(self) -> list[psutil.Process]:
        try:
            return [self.root, *self.root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def watched(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Cost:
    """Runs a command to its end.

    Raises:
        SystemExit: it failed; what it printed lies in the log.
    """
    start = time.perf_counter()
    before = os.times()
    with log.open("w") as stream:
        child = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=dict(environment))
        watch = Watch(psutil.Process(child.pid))
        while child.poll() is None:
            watch.look()
            time.sleep(INTERVAL)
    wall = time.perf_counter() - start
    after = os.times()
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} failed, see {log}:\n{log.read_text()[-2000:]}")
    seen, read, written = watch.sums()
    # The system counts to the end those that were waited for; what was looked at may lack the last moment.
    cpu = max(seen, after.children_user + after.children_system - before.children_user - before.children_system)
    return Cost(wall, cpu, watch.peak / 2**20, read / 2**20, written / 2**20)
