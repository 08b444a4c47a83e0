"""What a person sees while a run goes on: a line a stage, and how far the stage is."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status

from prefcurate.pipelines.plain import neutral
from prefcurate.pipelines.stage import Stage
from prefcurate.transforms.store.files import join, listed
from prefcurate.transforms.store.store import LedgerEntry, Store

_EVERY_TERMINAL = 1.0
_EVERY_LOG = 60.0


class Progress:
    """Tells a terminal (a live line) or a log (a line a minute) how far a run is.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, line: str) -> None:
        """Something that a person who waits should know."""
        self.console.print(f"  {line}", highlight=False, markup=False, emoji=False)

    def skipped(self, stage: str) -> None:
        """A stage had nothing to do."""
        self.console.print(f"  {stage:<10} up to date", style="dim", highlight=False)

    def remarks(self, entry: LedgerEntry | None) -> None:
        """What the stage itself has to say to a person."""
        for key, lines in sorted((entry.detail if entry else {}).items()):
            # `annotate.unasked` is said to people, `intakes` to later stages.
            if "." in key:
                for line in lines:
                    self.console.print(f"             {neutral(line)}", highlight=False, markup=False, emoji=False)

    @contextmanager
    def running(self, store: Store, stage: Stage) -> Iterator[None]:
        """Watches a stage until the block ends, then says what it added."""
        before = {table: store.rows(table) for table in stage.writes}
        started = time.monotonic()
        done = threading.Event()
        with self.console.status(f"{stage.name} …") as status:
            watch = threading.Thread(target=self._watch, args=(store, stage, status, started, done), daemon=True)
            watch.start()
            try:
                yield
            finally:
                done.set()
                watch.join()
        after = {table: store.rows(table) for table in stage.writes}
        told = ", ".join(_change(table, before[table], after[table]) for table in stage.writes if after[table])
        seconds = time.monotonic() - started
        self.console.print(f"  {stage.name:<10} {seconds:6.1f} s  {told}", highlight=False, soft_wrap=True)

    def _watch(self, store: Store, stage: Stage, status: Status, started: float, done: threading.Event) -> None:
        interval = _EVERY_TERMINAL if self.console.is_terminal else _EVERY_LOG
        while not done.wait(interval):
            parts = len(listed(join(store.root, "_pending", stage.name), ".parquet"))
            told = f"{stage.name}: {time.monotonic() - started:.0f} s" + (f", {parts:,} parts written" if parts else "")
            if self.console.is_terminal:
                status.update(f"{told} …")
            else:
                self.console.print(f"  {told} …", highlight=False)


def _change(table: str, before: int, after: int) -> str:
    return f"{table} {after:,}" + (f" (+{after - before:,})" if 0 < before < after else "")
