"""The first half of ingest: a file's rows are read, oriented and staged by shard. Text moves between machines here only."""

import hashlib
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prefcurate.schemas.canonical import shard_of
from prefcurate.schemas.records import InputRow, Pairs, Unreadable
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.ingest.orient import STAGED, orient, row_hash
from prefcurate.transforms.ingest.sources import Intake, open_source_file
from prefcurate.transforms.store.files import join, replacing
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.tombstones import FORGOTTEN, Tombstones

FLUSH_CHARACTERS = 32_000_000
"""Text held in memory before it is written: bounds a worker's memory whatever the file's size."""
RAW_CHARACTERS = 20_000
"""How much of an unreadable row is kept in quarantine."""
_BATCH = 64
_PAIR = pa.struct(list(STAGED))
_NOTHING_FORGOTTEN = Tombstones()


@dataclass(frozen=True, order=True)
class Slice:
    """The rows of one shard in a staged file: some of its row groups."""

    shard: int
    path: str
    row_groups: tuple[int, ...]


@dataclass(frozen=True)
class Staged:
    """A file that has been read, or that an earlier run had read: its accounts and where its rows wait."""

    intake_id: str
    source: str
    format: str
    file: str
    sha256: str
    rows_digest: str
    fingerprint: str
    licence: str | None
    rows: int
    auxiliary: int
    quarantined: int
    pairs: int
    same_as: str | None = None
    slices: tuple[Slice, ...] = ()
    quarantine: Part | None = None
    committed: bool = False


@dataclass(frozen=True)
class _Row:
    """An input row on its way: its number in the file, its hash, and its pairs in stored form with their place in it."""

    number: int
    given: InputRow
    hashed: str
    pairs: tuple[tuple[int, dict[str, Any]], ...] = ()

    def refused(self, reason: str, error: Exception) -> "_Row":
        """The row as one that cannot be used after all."""
        raw = self.given.raw or json.dumps(self.given.identity, ensure_ascii=False, default=repr)
        given = replace(self.given, outcome=Unreadable(reason, str(error)), raw=raw)
        return replace(self, given=given, pairs=())

    def forgotten(self, reason: str) -> "_Row":
        """The row as one that cannot be used, without a word of it."""
        return replace(self, given=replace(self.given, outcome=Unreadable(reason, ""), raw=""), pairs=())


def stage_intake(
    intake: Intake, root: str, shards: int, run_id: str, tombstones: Tombstones = _NOTHING_FORGOTTEN
) -> Staged:
    """Reads a file row by row and stages its pairs by shard in one Parquet file beside the tables.

    Args:
        intake: the file.
        root: the store's address.
        shards: of the store.
        run_id: of this run.
        tombstones: what was forgotten and is left out.
    """
    writer = _StagedFile(join(root, "_pending", "ingest", run_id, f"{intake.intake_id}.parquet"))
    accounts = _Accounts()
    fingerprint = intake.source.fingerprint()
    with writer:
        for row in _storable(_oriented(intake)):
            row = remembering(row, intake.source.name, tombstones)
            accounts.count(row, intake)
            about = _about(row, intake, fingerprint)
            for index, pair in row.pairs:
                writer.add(pair | about | {"shard": shard_of(pair["prompt_id"], shards), "pair": index})
    quarantine = None
    if accounts.quarantined:
        table = pa.Table.from_pylist(accounts.quarantined, schema=TABLES["quarantine"].schema)
        quarantine = write_part(root, "quarantine", shard_of(intake.intake_id, shards), [table], pending="ingest")
    return Staged(
        intake_id=intake.intake_id,
        source=intake.source.name,
        format=intake.source.reader.format,
        file=intake.unit.file.name,
        sha256=intake.sha256,
        rows_digest=accounts.digest(fingerprint),
        fingerprint=fingerprint,
        licence=intake.source.licence,
        rows=accounts.rows,
        auxiliary=accounts.auxiliary,
        quarantined=len(accounts.quarantined),
        pairs=accounts.pairs,
        slices=writer.slices(),
        quarantine=quarantine,
    )


def _oriented(intake: Intake) -> Iterator[_Row]:
    for number, given in enumerate(_rows(intake)):
        row = _Row(number, given, row_hash(given.identity))
        pairs = given.outcome.pairs if isinstance(given.outcome, Pairs) else ()
        try:
            stored = (orient(pair, intake.source.name) | {"row_id": given.row_id} for pair in pairs)
            yield replace(row, pairs=tuple(enumerate(stored)))
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            yield row.refused("bad text", error)


def _storable(rows: Iterator[_Row]) -> Iterator[_Row]:
    """The rows, of which those that no table can hold are refused: one of them would lose the whole file."""
    while batch := list(islice(rows, _BATCH)):
        if _misfit(batch) is None:
            yield from batch
            continue
        for row in batch:
            error = _misfit([row])
            yield row if error is None else row.refused("bad value", error)


def _misfit(rows: Iterable[_Row]) -> Exception | None:
    try:
        pa.array([pair for row in rows for _, pair in row.pairs], _PAIR)
    except (ValueError, TypeError, OverflowError) as error:
        return error
    return None


def remembering(row: _Row, source: str, tombstones: Tombstones) -> _Row:
    """The row without what was forgotten: a row of which nothing is left is refused, and its text is not kept.

    Places of pairs in a row and of facts about a pair stay what they were, since ids hash them.
    """
    if isinstance(row.given.outcome, Unreadable):
        if tombstones.has_source(source):
            return row.forgotten(FORGOTTEN)
        return row.forgotten(row.given.outcome.reason) if row.hashed in tombstones.rows else row
    left = tuple((index, pair) for index, pair in row.pairs if pair["prompt_id"] not in tombstones.prompts)
    if tombstones.has_source(source) or len(left) < len(row.pairs) and not left:
        return row.forgotten(FORGOTTEN)
    if not tombstones.annotators:
        return replace(row, pairs=left)
    return replace(row, pairs=tuple((index, _without(pair, tombstones)) for index, pair in left))


def _without(pair: dict[str, Any], tombstones: Tombstones) -> dict[str, Any]:
    """A pair without what forgotten annotators said of it."""
    left = {
        table: [fact for fact in pair[table] if not tombstones.has_annotator(fact["annotator"])]
        for table in ("annotations", "ratings", "spans")
    }
    return pair | left | {"facts": sum(map(len, left.values())) + len(pair["materials"])}


def _about(row: _Row, intake: Intake, fingerprint: str) -> dict[str, Any]:
    return {
        "intake_id": intake.intake_id,
        "source": intake.source.name,
        "file": intake.unit.file.name,
        "line": row.given.line,
        "number": row.number,
        "row_hash": row.hashed,
        "licence": intake.source.licence,
        "fingerprint": fingerprint,
    }


def _rows(intake: Intake) -> Iterator[InputRow]:
    # A file that breaks in the middle gives the rows before the break, and one unreadable row that says so.
    line = 0
    try:
        for row in islice(intake.source.reader.read(intake.unit, open_source_file), intake.limit):
            line = row.line
            yield row
    except (OSError, EOFError, zlib.error, UnicodeError, pa.ArrowException) as error:
        detail = f"{type(error).__name__}: {error}; rows after line {line} of this file could not be read"
        yield InputRow(line + 1, ["broken file", intake.unit.file.name], Unreadable("broken file", detail))


def _quarantined(row: _Row, intake: Intake, outcome: Unreadable) -> dict[str, Any]:
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


@dataclass
class _Accounts:
    rows: int = 0
    auxiliary: int = 0
    pairs: int = 0
    quarantined: list[dict[str, Any]] = field(default_factory=list)
    _total: int = 0

    def count(self, row: _Row, intake: Intake) -> None:
        self.rows += 1
        self.pairs += len(row.pairs)
        # A sum does not depend on the order of the rows, and counts repeats.
        self._total = (self._total + int(row.hashed, 16)) % (1 << 128)
        if isinstance(row.given.outcome, Unreadable):
            self.quarantined.append(_quarantined(row, intake, row.given.outcome))
        elif not isinstance(row.given.outcome, Pairs):
            self.auxiliary += 1

    def digest(self, fingerprint: str) -> str:
        return hashlib.sha256(json.dumps([fingerprint, self.rows, self._total]).encode()).hexdigest()[:32]


class _StagedFile:
    """One Parquet file whose row groups each belong to one shard."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._waiting: list[dict[str, Any]] = []
        self._characters = 0
        self._groups: dict[int, list[int]] = defaultdict(list)
        self._written = 0

    def __enter__(self) -> "_StagedFile":
        self._replacing = replacing(self._path)
        self._writer = pq.ParquetWriter(self._replacing.__enter__(), STAGED, compression="zstd")
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self._flush()
        self._writer.close()
        self._replacing.__exit__(kind, error, trace)

    def add(self, row: dict[str, Any]) -> None:
        self._waiting.append(row)
        self._characters += len(row["prompt_text"]) + len(row["response_a_text"]) + len(row["response_b_text"])
        if self._characters > FLUSH_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        by_shard: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for row in self._waiting:
            by_shard[row["shard"]].append(row)
        for shard, rows in sorted(by_shard.items()):
            self._writer.write_table(pa.Table.from_pylist(rows, schema=STAGED), row_group_size=len(rows))
            self._groups[shard].append(self._written)
            self._written += 1
        self._waiting, self._characters = [], 0

    def slices(self) -> tuple[Slice, ...]:
        return tuple(Slice(shard, self._path, tuple(groups)) for shard, groups in sorted(self._groups.items()))
