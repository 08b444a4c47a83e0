"""One writer at a time: a run, a vacuum, a repair holds the store's lease; whoever comes meanwhile leaves before anything is paid.

The lease saves money and says who is at work; it is the commit of a stage, on top of the versions that it pinned, that keeps a store
whole. Leases are numbered files in ``STORE/_lease``: the highest number holds. A number is created by one process alone
(`create_bytes`), also on an object store, so that of two that take over from a dead holder one gets it. The holder writes its
file anew every few seconds. On its machine a dead holder is known by its process; elsewhere by a file that no longer changes
while one watches: no two clocks are compared.
"""

import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from prefcurate.schemas.errors import SpokenError
from prefcurate.transforms.store.errors import StoreError
from prefcurate.transforms.store.files import create_bytes, join, names_in, read_bytes, remove, write_bytes

BEAT_SECONDS = 10.0
"""How often a holder renews its file."""
EXPIRY_SECONDS = 60.0
"""How long a file of another machine must stay unchanged before its holder counts as dead."""


class StoreBusy(StoreError):
    """Another run is at work on the store; nothing was done and nothing was paid."""


class Overtaken(StoreError):
    """Another run took the store over, since this one seemed dead; what it finished is kept."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lease, as its file says."""

    run_id: str
    what: str
    machine: str
    host: str
    pid: int
    started: str
    beat: int = 0

    def __str__(self) -> str:
        return f"{self.what} {self.run_id} (process {self.pid} on {self.host})"


@dataclass
class Lease:
    """``with Lease(root, run_id, "run") as lease: lease.take() …``; taken once, given back at the end of the block.

    Args:
        root: the store's address.
        run_id: of the run; the ids of two runs differ.
        what: the command, for people.
        say: is told what one waits for.
        beat_seconds: see `BEAT_SECONDS`.
        expiry_seconds: see `EXPIRY_SECONDS`.
    """

    root: str
    run_id: str
    what: str
    say: Callable[[str], None] = lambda line: None
    beat_seconds: float = BEAT_SECONDS
    expiry_seconds: float = EXPIRY_SECONDS
    took_over: bool = field(default=False, init=False)
    """Whether the holder before died: it may have left temporary files."""
    lost: bool = field(default=False, init=False)
    """Whether another run has taken over; see `check`."""

    def __post_init__(self) -> None:
        self._number = -1
        self._done = threading.Event()
        pid = os.getpid()
        self._me = Holder(self.run_id, self.what, machine(), platform.node(), pid, started(pid))
        self._token = secrets.token_hex(4)

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._number < 0:
            return
        self._done.set()
        self._beats.join()
        if not self.lost:
            # A store that is out of reach now will find a dead holder.
            with suppress(OSError, SpokenError):
                for number in _numbers(self.root):
                    if number <= self._number:
                        remove(_path(self.root, number))

    @property
    def taken(self) -> bool:
        """Whether `take` has been called."""
        return self._number >= 0

    def take(self) -> None:
        """Takes the lease; the second time it does nothing.

        Raises:
            StoreBusy: another run lives.
        """
        while not self.taken:
            numbers = _numbers(self.root)
            number = numbers[-1] if numbers else -1
            if numbers and not self._dead(number):
                continue  # it has just been given back
            if create_bytes(_path(self.root, number + 1), self._content()):
                self._number, self.took_over = number + 1, bool(numbers)
                self._beats = threading.Thread(target=self._beat, daemon=True)
                self._beats.start()

    def check(self) -> None:
        """Asks whether this run still holds the lease.

        Raises:
            Overtaken: another run took over.
        """
        if self.taken:
            still_holds(self.root, self.run_id)

    def _dead(self, number: int) -> bool:
        """Whether the holder of a number is dead; False when it has gone meanwhile."""
        before = holder(self.root, number)
        if before is None:
            return False
        if before.machine == self._me.machine:
            if alive(before):
                raise self._busy(before)
            return True
        self.say(f"{before} was at work on {self.root}; waiting {self.expiry_seconds:.0f} s for a sign of life")
        watched = time.monotonic()
        while time.monotonic() - watched < self.expiry_seconds:
            time.sleep(self.beat_seconds / 4)
            now = holder(self.root, number)
            if now is None:
                return False
            if now.beat != before.beat:
                raise self._busy(now)
        return True

    def _busy(self, other: Holder) -> StoreBusy:
        return StoreBusy(
            f"{other} is at work on {self.root}; this one leaves, nothing was done or paid. Run again when it has ended: "
            "it takes up what is finished"
        )

    def _content(self, beat: int = 0) -> bytes:
        return (json.dumps(vars(replace(self._me, beat=beat)) | {"token": self._token}) + "\n").encode()

    def _beat(self) -> None:
        beat = 0
        while not self._done.wait(self.beat_seconds):
            beat += 1
            # A store that is out of reach for a moment is no reason to stop: the commit decides.
            with suppress(OSError, SpokenError):
                if _numbers(self.root)[-1:] != [self._number]:
                    self.lost = True
                    return
                write_bytes(_path(self.root, self._number), self._content(beat))


def new_run_id() -> str:
    """Names a run: when it began, and chance."""
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"


def holder(root: str, number: int | None = None) -> Holder | None:
    """Who holds the store's lease (or held a number of it); None when nobody does. It may be dead: see `alive`."""
    if number is None:
        numbers = _numbers(root)
        if not numbers:
            return None
        number = numbers[-1]
    try:
        told = json.loads(read_bytes(_path(root, number)))
    except FileNotFoundError:
        return None
    told.pop("token")
    return Holder(**told)


def still_holds(root: str, run_id: str) -> None:
    """For workers, before they spend or commit: whether their run has not been taken over.

    Raises:
        Overtaken: another run holds the lease.
    """
    other = holder(root)
    if other is not None and other.run_id != run_id:
        raise Overtaken(
            f"{other} has taken {root} over, since run {run_id} gave no sign of life; this one stops. What it finished is "
            "taken up by the other or the next, nothing is asked twice"
        )


def clear_dead(root: str) -> None:
    """Removes what a dead holder of this machine left, for a run that had nothing to do."""
    numbers = _numbers(root)
    last = holder(root, numbers[-1]) if numbers else None
    if last is not None and last.machine == machine() and not alive(last):
        for number in numbers:
            remove(_path(root, number))


def machine() -> str:
    """Names the process table that a process id belongs to: of this boot, and of this container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return platform.node()


def started(pid: int) -> str:
    """When a process started, where the system tells: an id may be used again. Empty for one that is dead or a zombie."""
    try:
        # The name in parentheses may hold anything.
        after = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if after[0] in "ZX" else after[19]


def alive(found: Holder) -> bool:
    """Whether a holder of this machine lives."""
    if found.started:
        return started(found.pid) == found.started
    try:
        os.kill(found.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _numbers(root: str) -> list[int]:
    names = (name.partition(".")[0] for name in names_in(join(root, "_lease")) if not name.startswith("."))
    return sorted(int(name) for name in names)


def _path(root: str, number: int) -> str:
    return join(root, "_lease", f"{number:010d}.json")
