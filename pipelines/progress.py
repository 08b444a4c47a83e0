"""What a person, or a scheduler, sees while a run goes on: a line a stage, and how far the stage is."""

import json
import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from prefcurate.pipelines.plain import neutral
from prefcurate.pipelines.stage import Stage
from prefcurate.pipelines.watch import Seen, Watch
from prefcurate.schemas.errors import SpokenError
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.ledger import LedgerEntry

EVERY_TERMINAL = 1.0
EVERY_LOG = 60.0
"""Seconds between two looks at the store."""


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, event, words, and whatever the event carries."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record; what it carries stands in its attribute ``carries``."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            **getattr(record, "carries", {}),
            "words": record.getMessage(),
        }
        return json.dumps(told, ensure_ascii=False)


def json_logger() -> logging.Logger:
    """The logger of a run for schedulers: JSON lines to standard output."""
    logger = logging.getLogger("prefcurate.run")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    return logger


class Progress:
    """Tells a terminal (a live bar), a log (a line a minute) or a scheduler (JSON lines) how far a run is.

    Args:
        console: where words go.
        logger: takes events instead, for a scheduler.
    """

    def __init__(self, console: Console, logger: logging.Logger | None = None) -> None:
        self.console = console
        self._logger = logger
        self._run_id = ""

    def open(self, line: str) -> None:
        """The first line: what runs, and where to."""
        if self._logger:
            self._tell("command", line)
        else:
            self.console.print(line, highlight=False, markup=False)

    def begin(self, run_id: str, where: str) -> None:
        """A run starts; where its stages' jobs run."""
        self._run_id = run_id
        self._tell("run_started", where, where=where)

    def say(self, line: str) -> None:
        """Something that a person who waits should know."""
        self._tell("said", line)

    def skipped(self, stage: str) -> None:
        """A stage had nothing to do."""
        self._tell("stage_skipped", f"{stage:<10} up to date", "dim", stage=stage)

    def remarks(self, entry: LedgerEntry | None) -> None:
        """What the stage itself has to say to a person."""
        for key, lines in sorted((entry.detail if entry else {}).items()):
            # `annotate.unasked` is said to people, `intakes` to later stages.
            if entry and "." in key:
                for line in lines:
                    self._tell("remark", f"           {neutral(line)}", stage=entry.stage)

    def ended(self, unfinished: tuple[str, ...]) -> None:
        """The run is over; what is left to ask."""
        if self._logger:
            self._tell("run_finished", "; ".join(unfinished) or "all done", unfinished=list(unfinished))

    @contextmanager
    def failures_told(self) -> Iterator[None]:
        """An error that ends the block is an event too; the command tells it to people."""
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:
            if self._logger:
                words = str(error) or "stopped; the same command goes on where this one ended"
                self._tell("run_failed", words, level=logging.ERROR, kind=type(error).__name__)
            raise

    @contextmanager
    def running(self, context: StageContext, stage: Stage) -> Iterator[None]:
        """Watches a stage until the block ends, then says what it added."""
        store = context.store
        before = {table: store.rows(table) for table in stage.writes}
        watch, started, done = Watch(context), time.monotonic(), threading.Event()
        if self._logger:
            self._tell("stage_started", stage.name, stage=stage.name)
        with self._bar(store.shards) as bar:
            watching = threading.Thread(target=self._look, args=(watch, bar, stage.name, started, done), daemon=True)
            watching.start()
            try:
                yield
            finally:
                done.set()
                watching.join()
        after = {table: store.rows(table) for table in stage.writes}
        told = ", ".join(_change(table, before[table], after[table]) for table in stage.writes if after[table])
        seconds = time.monotonic() - started
        self._tell(
            "stage_finished",
            f"{stage.name:<10} {seconds:6.1f} s  {told}",
            stage=stage.name,
            seconds=round(seconds, 1),
            rows=after,
            new={table: after[table] - before[table] for table in stage.writes},
        )

    @contextmanager
    def _bar(self, shards: int) -> Iterator[Bar | None]:
        if not self._live:
            yield None
            return
        columns = (
            TextColumn("  {task.description:<10}"),
            BarColumn(20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"),
        )
        with Bar(*columns, console=self.console, transient=True, refresh_per_second=4) as bar:
            bar.add_task("", total=shards, told="")
            yield bar

    @property
    def _live(self) -> bool:
        return self._logger is None and self.console.is_terminal

    def _look(self, watch: Watch, bar: Bar | None, stage: str, started: float, done: threading.Event) -> None:
        interval = EVERY_TERMINAL if bar and "://" not in watch.context.store.root else EVERY_LOG if not bar else 10.0
        if bar:
            bar.update(bar.task_ids[0], description=stage, told="")
        while not done.wait(interval):
            try:
                seen = watch.look(time.monotonic() - started)
            except (OSError, SpokenError):
                continue  # what cannot be read now may be the next time; the stage itself says what is wrong with the store
            if bar:
                total, at = (seen.of_rows, seen.rows) if seen.of_rows else (seen.of_shards, seen.shards)
                bar.update(bar.task_ids[0], total=total, completed=min(at, total), told=", ".join(_words(seen)))
            else:
                self._tell("progress", f"{stage}: {', '.join(_words(seen))} …", stage=stage, **_figures(seen))

    def _tell(self, event: str, words: str, style: str | None = None, level: int = logging.INFO, **more: Any) -> None:
        if self._logger:
            carries = {"run_id": self._run_id, "event": event, **more}
            self._logger.log(level, words.strip(), extra={"carries": carries})
        else:
            self.console.print(f"  {words}", style=style, highlight=False, markup=False, emoji=False, soft_wrap=True)


def _words(seen: Seen) -> Iterator[str]:
    yield _duration(seen.seconds)
    if seen.shards:
        yield f"shards {seen.shards:,} of {seen.of_shards:,}"
    if seen.rows or seen.of_rows:
        yield f"rows {seen.rows:,}" + (f" of {seen.of_rows:,}" if seen.of_rows else "")
    if seen.rows:
        yield f"{seen.rows_a_second:,.0f} rows/s" if seen.rows_a_second >= 10 else f"{seen.rows_a_second:.1f} rows/s"
    if seen.spent_usd is not None:
        yield f"${seen.spent_usd:.2f} spent"
    if seen.seconds_left is not None:
        yield f"about {_duration(seen.seconds_left)} left"


def _figures(seen: Seen) -> dict[str, Any]:
    left = seen.seconds_left
    return {
        "seconds": round(seen.seconds, 1),
        "shards": seen.shards,
        "of_shards": seen.of_shards,
        "rows": seen.rows,
        "of_rows": seen.of_rows or None,
        "rows_a_second": round(seen.rows_a_second, 2),
        "spent_usd": seen.spent_usd,
        "seconds_left": None if left is None else round(left),
    }


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _change(table: str, before: int, after: int) -> str:
    return f"{table} {after:,}" + (f" (+{after - before:,})" if 0 < before < after else "")
