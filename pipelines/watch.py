"""How far a stage is, seen from the files that its run has written so far: the same for every runner and every kind of store."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow.compute as pc
import pyarrow.parquet as pq

from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.signs import rows_to_do
from prefcurate.transforms.store.files import join, listed, opened

_PART = re.compile(r"/([^/]+)/shard=(\d+)/[^/]+\.parquet$")
_BOOKS = frozenset({"calls", "quarantine", "intakes"})
"""Tables of a stage whose rows are kept on the way, and are not what it works for."""


@dataclass(frozen=True)
class Seen:
    """What a look at the store shows of a stage's run.

    Attributes:
        seconds: since the stage began.
        shards: that have a part of this run, finished or about to be merged.
        of_shards: of the store.
        rows: in those parts; while ingest has none, what it has read of its files.
        of_rows: that the stage has to give, where it says so; 0 where it does not.
        spent_usd: by calls of this run; None for a stage that asks nobody.
    """

    seconds: float
    shards: int
    of_shards: int
    rows: int
    of_rows: int = 0
    spent_usd: float | None = None

    @property
    def rows_a_second(self) -> float:
        """Since the stage began."""
        return self.rows / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None while nothing can be said."""
        done, of = (self.rows, self.of_rows) if self.of_rows else (self.shards, self.of_shards)
        # When all that can be counted is there, the commit is left: seconds, and nothing tells how many.
        return self.seconds * (of - done) / done if 0 < done < of else None


@dataclass
class Watch:
    """Looks at the files of a stage's tables again and again, and reads the footer of each new one once.

    Args:
        context: of the stage that is about to run.
    """

    context: StageContext
    _rows: dict[str, int] = field(default_factory=dict)
    _spent: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._before = {path for _, _, path in self._parts()}

    def look(self, seconds: float) -> Seen:
        """What there is now, ``seconds`` after the stage began.

        Raises:
            OSError: the store cannot be read at the moment.
        """
        new = [part for part in self._parts() if part[2] not in self._before]
        rows: dict[tuple[str, bool], int] = {}
        for table, _, path in new:
            place = table, "/_pending/" in path
            rows[place] = rows.get(place, 0) + self._counted(path)
        # A part that was merged is there twice for a while.
        written = {t: max(rows.get((t, True), 0), rows.get((t, False), 0)) for t, _ in rows if t not in _BOOKS}
        return Seen(
            seconds,
            len({shard for table, shard, _ in new if table not in _BOOKS}),
            self.context.store.shards,
            sum(written.values()) or self._staged(),
            rows_to_do(self.context),
            self._paid([p for t, _, p in new if t == "calls"]) if "calls" in self.context.writes else None,
        )

    def _parts(self) -> Iterator[tuple[str, int, str]]:
        root = self.context.store.root
        tables = [self.context.store.address(table) for table in self.context.writes]
        for folder in (*tables, join(root, "_pending", self.context.stage)):
            for path in listed(folder, ".parquet"):
                # Beside the parts lie sketches and votes, which are on the way to rows.
                if (found := _PART.search(path)) and found[1] in (*self.context.writes, "_releases"):
                    yield found[1], int(found[2]), path

    def _staged(self) -> int:
        folder = join(self.context.store.root, "_pending", "ingest", self.context.run_id)
        return sum(self._counted(path) for path in listed(folder, ".parquet")) if self.context.stage == "ingest" else 0

    def _counted(self, path: str) -> int:
        if path not in self._rows:
            try:
                with opened(path) as stream:
                    self._rows[path] = pq.read_metadata(stream).num_rows
            except FileNotFoundError:
                return 0  # merged and gone since it was listed
        return self._rows[path]

    def _paid(self, paths: list[str]) -> float:
        for path in paths:
            if path not in self._spent:
                try:
                    with opened(path) as stream:
                        prices = pq.read_table(stream, columns=["price_usd"])["price_usd"]
                except FileNotFoundError:
                    continue
                self._spent[path] = pc.sum(prices).as_py() or 0.0
        pending = sum(self._spent[path] for path in paths if path in self._spent and "/_pending/" in path)
        final = sum(self._spent[path] for path in paths if path in self._spent and "/_pending/" not in path)
        return max(pending, final)
