"""Rounds: something is killed with -9 at some moment of a run, and the same command runs again, until the store is whole.

A moment is a share of a stage's time, counted from when the ledger says that the stage before it has ended: a seed means the
same on a slow machine, as far as timing allows.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prefcurate.pipelines.curate import STAGES
from tests.faults import stores
from tests.faults.answers import Answers
from tests.faults.judge import Judge
from tests.faults.modes import Mode
from tests.faults.processes import Command, Marked, polled

NAMES = [stage.name for stage in STAGES]
ASKING = ("describe", "annotate")
HANGS = 900.0
"""Seconds without any stage's end after which a run counts as hanging."""
STARTS = 60.0
"""Seconds in which a process comes that is to be killed: an engine's take as long on a busy machine."""
TRIES = 3
"""Runs of one store that may end unfinished although nothing was killed in them, as after the judge was away."""
START = "start"
"""What a command takes before its first stage, among the seconds of stages."""


class Failed(Exception):  # noqa: N818 what the harness found
    """A store's rounds cannot go on."""


@dataclass(frozen=True)
class Kill:
    """One kill as the seed plans it: a share of a stage's time, a kind of process, and which of them (from 0 to 1)."""

    stage: str
    share: float
    victim: str
    which: float

    def __str__(self) -> str:
        return f"{self.victim} at {self.share:.0%} of {self.stage}"


def planned(seed: str, mode: Mode, stages: Sequence[str], kills: int) -> list[Kill]:
    """The kills of one store, in the order of the stages."""
    chance = random.Random(seed)
    drawn = []
    for _ in range(kills):
        victim = chance.choice(mode.victims)
        among = [name for name in stages if name in ASKING] if victim == "judge" else stages
        drawn.append(Kill(chance.choice(among), chance.random(), victim, chance.random()))
    return sorted(drawn, key=lambda kill: (NAMES.index(kill.stage), kill.share))


@dataclass
class Disturbed:
    """One store on its way through its kills; `killed` counts them, `wrong` says what should not be.

    Args:
        folder: of the store and its configuration.
        judge: who is asked.
        mode: how the command is run.
        tell: is given a line for each kill.
    """

    folder: Path
    judge: Judge
    mode: Mode
    tell: Callable[[str], None]
    killed: int = 0
    wrong: list[str] = field(default_factory=list)
    answers: Answers = field(default_factory=Answers)
    _marked: Marked = field(default_factory=Marked)
    _runs: int = 0
    _unfinished: int = 0

    def __post_init__(self) -> None:
        self._ledger = stores.Ledger(self.store)

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def calmly(self, *arguments: str) -> dict[str, float]:
        """Runs the command undisturbed and gives the seconds of each stage that ran."""
        self.judge.start(self._marked.environment)
        command, seconds = self._start(*arguments), {}
        before, since = set(self._ledger.done()), command.started
        for _ in polled(10 * HANGS):
            for name in self._ledger.done():
                if name not in before | seconds.keys():
                    seconds[name], since = time.monotonic() - since, time.monotonic()
            if command.status is not None:
                break
        self.judge.kill()
        self._ended_well(command)
        return seconds

    def through(self, kills: Sequence[Kill], seconds: Mapping[str, float]) -> None:
        """Kills, runs again, and at last lets it end.

        Args:
            kills: in the order of the stages.
            seconds: what each stage and START take.
        """
        waiting = list(kills)
        self.judge.start(self._marked.environment)
        command = self._start()
        try:
            while command.status != 0:
                if command.status is not None:
                    self._again(command)
                    command = self._start()
                elif waiting and self._moment(command, waiting[0], seconds):
                    self._kill(command, waiting.pop(0))
                    command = self._start() if command.status is not None else command
                elif not waiting:
                    self._goes_on(command)
        except Failed as failed:
            self.wrong.append(str(failed))
            command.kill_all()
        finally:
            self.judge.kill()
        self.wrong += [f"orphan process: {orphan}" for orphan in self._marked.orphans()]

    def _start(self, *arguments: str) -> Command:
        self._runs += 1
        log = self.folder / f"run-{self._runs:03d}.log"
        config = str(self.folder / "config.yaml")
        return Command(log, self._marked.environment, "run", config, *arguments, *self.mode.flags)

    def _goes_on(self, command: Command) -> None:
        """Waits for the command's end, or for the next stage's."""
        done = self._ledger.done()
        for _ in polled(HANGS):
            if command.status is not None or self._ledger.done() != done:
                return
        raise Failed(self._hangs(command, "after the last kill"))

    def _hangs(self, command: Command, when: str) -> str:
        said = f"hangs {when}: {command.said()}; where every thread stood is in {command.log}"
        self._marked.tell_where()
        return said

    def _again(self, command: Command) -> None:
        self._unfinished += 1
        if self._unfinished > TRIES + self.killed:
            self._ended_well(command)

    def _ended_well(self, command: Command) -> None:
        if command.status != 0:
            raise Failed(f"ends with {command.status}: {command.said()}")

    def _moment(self, command: Command, kill: Kill, seconds: Mapping[str, float]) -> bool:
        """Waits for a kill's moment; False when the command ended before."""
        before = set(NAMES[: NAMES.index(kill.stage)])
        for _ in polled(HANGS):
            if command.status is not None:
                return False
            if before <= set(self._ledger.done()):
                break
        else:
            raise Failed(self._hangs(command, f"before {kill.stage}"))
        # A command that has just been started still needs its time before the stage.
        start = max(0.0, seconds[START] - (time.monotonic() - command.started))
        return command.wait(kill.share * (start + seconds[kill.stage])) is None

    def _kill(self, command: Command, kill: Kill) -> None:
        stage = next((name for name in NAMES if name not in self._ledger.done()), "the end")
        after = time.monotonic() - command.started
        self.killed += 1
        killed = self._strike(command, kill)
        self.tell(f"{kill}: killed {killed}, {after:.1f} s after the start, in {stage}")
        self.wrong += [f"after {kill}: {path} is broken" for path in stores.broken_parts(self.store)]
        self.wrong += [f"after {kill}: {said}" for said in self.answers.look(self.store)]

    def _strike(self, command: Command, kill: Kill) -> str:
        if kill.victim == "judge":
            self.judge.kill()
            time.sleep(0.3)
            self.judge.start(self._marked.environment)
            return "the judge"
        if kill.victim in self.mode.processes:
            for _ in polled(STARTS):
                found = self.mode.processes[kill.victim](command)
                if command.status is not None:
                    return "nobody: it had ended"
                if found:
                    index = int(kill.which * len(found))
                    found[index].kill()
                    return f"{kill.victim} {index + 1} of {len(found)}"
        if kill.victim == "machine":
            command.kill_all()
            return "the launcher and all it started"
        command.kill()
        return "the launcher"
