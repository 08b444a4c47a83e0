"""Many stores through many kills: what is undisturbed, what is drawn by the seed, and what must hold at the end."""

import json
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.e2e.line import contents
from tests.faults import stores
from tests.faults.judge import Judge
from tests.faults.modes import LOCAL, Mode
from tests.faults.rounds import NAMES, START, Disturbed, Failed, planned

SLOW = ("ingest", "embed")
"""Loading a model takes half of a run: five stores in six start with these stages done."""
VIEWS = ("consensus", "route", "publish", "report")


@dataclass
class Harness:
    """Runs stores through kills.

    Args:
        folder: where the stores lie; a store that came out right is removed.
        modes: how stores are run, one after the other.
        seed: decides what is killed when.
        tell: is given lines.
    """

    folder: Path
    modes: Sequence[Mode]
    seed: int
    tell: Callable[[str], None]
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A release names the judge's address: all stores have one, also those of a later call in the same folder.
        known = self.folder / "known.json"
        self.port = _free_port()
        if known.exists():
            self.port, self.seconds = json.loads(known.read_text())

    def run(self, rounds: int, kills: int) -> list[str]:
        """Kills so often, over as many stores as that takes; what was wrong, one a line."""
        named = " and ".join(mode.name for mode in self.modes)
        self.tell(f"seed {self.seed}: {rounds} rounds ({named}), in {self.folder}")
        self.calm()
        wrong: list[str] = []
        done, number, victims = 0, 0, Counter[str]()
        while done < rounds:
            number += 1
            store, told = self.disturbed(number, min(kills, rounds - done), done)
            done += store.killed
            victims.update(told)
            wrong += [f"seed {self.seed}, store {number}: {said}" for said in store.wrong]
        said = ", ".join(f"{name} {count}" for name, count in sorted(victims.items()))
        self.tell(f"seed {self.seed}: {done} kills ({said}) of {number} stores; {len(wrong)} things wrong")
        for line in wrong:
            self.tell(f"  {line}")
        return wrong

    def judge(self, folder: Path, fickle: bool = False) -> Judge:
        """The judge of the store in a folder."""
        return Judge(self.port, folder / "asked.txt", fickle)

    def disturbed(self, number: int, kills: int, done: int = 0) -> tuple[Disturbed, list[str]]:
        """Runs one store through kills, looks at it, and removes it when all is well."""
        mode = self.modes[(self.seed + number) % len(self.modes)]
        fickle, whole = number % 4 == 0, number % 6 == 0
        seconds = self.calm(mode)
        stages = NAMES if whole else [name for name in NAMES if name not in SLOW]
        plan = planned(f"{self.seed}/{number}", mode, stages, kills)
        folder = self.folder / f"store-{number}"
        if not whole:
            shutil.copytree(self.folder / "begun", folder)
        judge = self.judge(folder, fickle)
        stores.configured(folder, judge.endpoint)
        self.tell(
            f"store {number}: {mode.name}, {'from the first stage' if whole else 'from screen'}"
            f"{', a judge who never says the same twice' if fickle else ''}"
        )
        told: list[str] = []

        def tell(line: str) -> None:
            told.append(line.split()[0])
            self.tell(f"  {done + len(told)}: {line}")

        store = Disturbed(folder, judge, mode, tell)
        started = time.monotonic()
        store.through(plan, seconds)
        if not any(said.startswith(("hangs", "ends with")) for said in store.wrong):
            store.wrong += self._looked_at(store, fickle)
        self.tell(f"  {'right' if not store.wrong else 'WRONG'} after {time.monotonic() - started:.0f} s")
        for said in store.wrong:
            self.tell(f"    {said}")
        if not store.wrong:
            shutil.rmtree(folder)
        return store, told

    def _looked_at(self, store: Disturbed, fickle: bool) -> list[str]:
        calm = self.folder / "calm"
        expected = self.judge(calm).asked()
        wrong = store.answers.lost(store.store)
        wrong += stores.paid_wrongly(store.store, store.judge.asked(), expected, store.killed)
        if fickle:
            return wrong + self._not_views_of_facts(store)
        wrong += [
            f"{name} differs from an undisturbed run's" for name in stores.differences(store.store, calm / "store")
        ]
        return wrong + [f"left behind: {name}" for name in stores.left_behind(store.store, calm / "store")]

    def _not_views_of_facts(self, store: Disturbed) -> list[str]:
        """Views made under another policy and back again must be the same bytes: they hang on the facts alone."""
        # That a release was made in between is a fact, and stays one.
        before = contents(store.store, but=("releases",))
        path = store.folder / "config.yaml"
        settings = yaml.safe_load(path.read_text())
        other = settings | {"consensus": settings["consensus"] | {"min_accuracy": 0.7}}
        try:
            for values in (other, settings):
                path.write_text(yaml.safe_dump(values))
                store.calmly("--stages", ",".join(VIEWS))
        except Failed as failed:
            return [str(failed)]
        after = contents(store.store)
        return [f"{name} is no function of the facts" for name in before if before[name] != after.get(name)]

    def calm(self, mode: Mode = LOCAL[0]) -> dict[str, float]:
        """The seconds of each stage in a mode, from an undisturbed run; the first one is kept to compare with."""
        if mode.name in self.seconds:
            return self.seconds[mode.name]
        first = not self.seconds
        folder = self.folder / ("calm" if first else f"calm in {mode.name}")
        judge = self.judge(folder)
        if not first:
            shutil.copytree(self.folder / "begun", folder)
        stores.configured(folder, judge.endpoint)
        store = Disturbed(folder, judge, mode, self.tell)
        seconds = {}
        if first:
            seconds = store.calmly("--stages", ",".join(SLOW))
            (self.folder / "begun").mkdir()
            shutil.copytree(folder / "store", self.folder / "begun" / "store")
        seconds = dict(next(iter(self.seconds.values()), {})) | seconds | store.calmly()
        # Whatever was not measured apart: the imports of the command, some seconds.
        seconds[START] = 0.3 * seconds["screen"]
        self.tell(f"undisturbed, {mode.name}: " + ", ".join(f"{name} {took:.1f} s" for name, took in seconds.items()))
        calm = self.folder / "calm" / "store"
        wrong = stores.left_behind(store.store, calm) + stores.differences(store.store, calm)
        if wrong:
            raise Failed(f"an undisturbed run in {mode.name}: {wrong}")
        self.seconds[mode.name] = seconds
        (self.folder / "known.json").write_text(json.dumps([self.port, self.seconds]))
        return seconds


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
