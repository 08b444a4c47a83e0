"""What repairs took out of the tables and nobody has made again yet: remarks in the ledger that stages look at.

A repair writes an entry of the stage `REPAIR` that names tables and shards before it takes anything away. A stage that writes one of
the tables is not up to date until it has an entry of its own after that; ingest reads a file again for the lost shards
until an entry of its own after that names the file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prefcurate.transforms.store.ledger import LedgerEntry

REPAIR = "repair"
"""The stage under which a repair stands in the ledger."""
_LOST, _SHARDS = "lost", "shards"
Lost = tuple[str, int]
"""A table and a shard."""


@dataclass(frozen=True)
class Losses:
    """The entries of the ledger that say what was lost and which files were read, as a stage found them.

    Attributes:
        entries: of repairs and of ingest, oldest first; empty when nothing was ever lost.
        shards: of the store, now.
    """

    entries: tuple[LedgerEntry, ...] = ()
    shards: int = 1

    def after(self, sequence: int) -> frozenset[Lost]:
        """What was lost after an entry of the ledger."""
        return frozenset(lost for entry in self.entries if entry.sequence > sequence for lost in self._of(entry))

    def of_file(self, intake_id: str) -> frozenset[Lost]:
        """Where rows of a file may be missing: what was lost after the last ingest that looked at it."""
        looked = [entry.sequence for entry in self.entries if intake_id in entry.detail.get("intakes", ())]
        return self.after(max(looked, default=0))

    def first_read(self) -> dict[str, int]:
        """By file, when it was first read: identical rows were numbered in that order."""
        order: dict[str, int] = {}
        for entry in self.entries:
            for intake_id in entry.detail.get("intakes", ()):
                order.setdefault(intake_id, entry.sequence)
        return order

    def _of(self, entry: LedgerEntry) -> Iterator[Lost]:
        if entry.stage != REPAIR:
            return
        # A store that was resharded since has several shards where there was one.
        times = self.shards // int(entry.detail[_SHARDS][0])
        for told in entry.detail[_LOST]:
            table, _, shard = told.rpartition("/")
            yield from ((table, int(shard) * times + i) for i in range(times))


def losses(ledger: Iterable[LedgerEntry], shards: int) -> Losses:
    """What the ledger says was lost."""
    entries = tuple(entry for entry in ledger if entry.stage in (REPAIR, "ingest"))
    return Losses(entries if any(entry.stage == REPAIR for entry in entries) else (), shards)


def remark(lost: Iterable[Lost], shards: int) -> dict[str, list[str]]:
    """The detail of a repair's entry in the ledger."""
    return {_LOST: sorted({f"{table}/{shard}" for table, shard in lost}), _SHARDS: [str(shards)]}
