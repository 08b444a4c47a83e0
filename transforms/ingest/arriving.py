"""An input row between its reader and the tables: its pairs, or why it cannot be used; and what of it was forgotten for good."""

import json
from dataclasses import dataclass, replace
from typing import Any

from prefcurate.schemas.records import InputRow, Unreadable
from prefcurate.transforms.ingest.sources import Intake
from prefcurate.transforms.store.tombstones import FORGOTTEN, Tombstones

RAW_CHARACTERS = 20_000
"""How much of an unreadable row is kept in quarantine."""
NOTHING_FORGOTTEN = Tombstones()


@dataclass(frozen=True)
class Row:
    """An input row on its way: its number in the file, its hash, and its pairs (or what it says of a prompt alone) as rows of `STAGED`."""

    number: int
    given: InputRow
    hashed: str
    pairs: tuple[dict[str, Any], ...] = ()

    @property
    def characters(self) -> int:
        """Of its pairs' text."""
        return sum(len(p["prompt_text"]) + len(p["response_a_text"]) + len(p["response_b_text"]) for p in self.pairs)

    def refused(self, reason: str, error: Exception) -> "Row":
        """The row as one that cannot be used after all."""
        raw = self.given.raw or json.dumps(self.given.identity, ensure_ascii=False, default=repr)
        given = replace(self.given, outcome=Unreadable(reason, str(error)), raw=raw)
        return replace(self, given=given, pairs=())

    def forgotten(self, reason: str) -> "Row":
        """The row as one that cannot be used, without a word of it."""
        return replace(self, given=replace(self.given, outcome=Unreadable(reason, ""), raw=""), pairs=())


def remembering(row: Row, source: str, tombstones: Tombstones) -> Row:
    """The row without what was forgotten: a row of which nothing is left is refused, and its text is not kept.

    Places of pairs in a row and of facts about a pair stay what they were, since ids hash them.
    """
    if isinstance(row.given.outcome, Unreadable):
        if tombstones.has_source(source):
            return row.forgotten(FORGOTTEN)
        return row.forgotten(row.given.outcome.reason) if row.hashed in tombstones.rows else row
    left = tuple(pair for pair in row.pairs if pair["prompt_id"] not in tombstones.prompts)
    if tombstones.has_source(source) or len(left) < len(row.pairs) and not left:
        return row.forgotten(FORGOTTEN)
    if tombstones.annotators:
        left = tuple(_without(pair, tombstones) for pair in left)
    return replace(row, pairs=left)


def _without(pair: dict[str, Any], tombstones: Tombstones) -> dict[str, Any]:
    """A pair without what forgotten annotators said of it."""
    left = {
        table: [fact for fact in pair[table] if not tombstones.has_annotator(fact["annotator"])]
        for table in ("annotations", "ratings", "spans")
    }
    return pair | left | {"facts": sum(map(len, left.values())) + len(pair["materials"])}


def quarantined(row: Row, intake: Intake, outcome: Unreadable) -> dict[str, Any]:
    """A row that cannot be used, as one of the table `quarantine`."""
    storable = {
        key: value.encode("utf-8", "backslashreplace").decode()
        for key, value in {"detail": outcome.detail, "raw": row.given.raw[:RAW_CHARACTERS]}.items()
    }
    return {
        "prompt_id": "",
        "intake_id": intake.intake_id,
        "number": row.number,
        "source": intake.source.name,
        "file": intake.unit.file.name,
        "line": row.given.line,
        "row_hash": row.hashed,
        "reason": outcome.reason,
        **storable,
    }
