"""The first half of ingest: a file's rows are read, oriented and staged by shard. Text moves between machines here only."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prefcurate.schemas.canonical import shard_of
from prefcurate.schemas.formats.rows import BROKEN_OFF, TOO_DEEP
from prefcurate.schemas.records import Auxiliary, InputRow, Pairs, Unreadable
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.ingest.orient import STAGED, orient, orient_materials, row_hash, slim
from prefcurate.transforms.ingest.packed import RefusedMember
from prefcurate.transforms.ingest.sources import Intake, opener
from prefcurate.transforms.store.files import join, replacing
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.tombstones import FORGOTTEN, Tombstones

FLUSH_CHARACTERS = 32_000_000
"""Text held in memory before it is written: bounds a worker's memory whatever the file's size."""
RAW_CHARACTERS = 20_000
"""How much of an unreadable row is kept in quarantine."""
_NOTHING_FORGOTTEN = Tombstones()
_BATCH = 256
_BATCH_CHARACTERS = 4_000_000
_REPEATING = ["source", "file", "intake_id", "licence", "fingerprint", "model_a", "model_b", "origin"]


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
    """An input row on its way: its number in the file, its hash, and its pairs (or what it says of a prompt alone) as rows of `STAGED`."""

    number: int
    given: InputRow
    hashed: str
    pairs: tuple[dict[str, Any], ...] = ()

    @property
    def characters(self) -> int:
        """Of its pairs' text."""
        return sum(len(p["prompt_text"]) + len(p["response_a_text"]) + len(p["response_b_text"]) for p in self.pairs)

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
    about = _about(intake, fingerprint)
    remember = (
        _whole
        if tombstones == _NOTHING_FORGOTTEN
        else partial(remembering, source=intake.source.name, tombstones=tombstones)
    )
    with writer:
        for batch, characters in _batches(map(remember, _oriented(intake, shards))):
            rows, table = _storable(batch, about)
            # Of rows that turned out to be unreadable only now, too, nothing forgotten may be kept.
            for row in map(remember, rows):
                accounts.count(row, intake)
            writer.add(table, characters)
    quarantine = None
    if accounts.quarantined:
        table = pa.Table.from_pylist(accounts.quarantined, schema=TABLES["quarantine"].schema)
        quarantine = write_part(root, "quarantine", shard_of(intake.intake_id, shards), [table], pending="ingest")
    return Staged(
        intake_id=intake.intake_id,
        source=intake.source.name,
        format=intake.source.reader.title,
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


def _oriented(intake: Intake, shards: int) -> Iterator[_Row]:
    source = intake.source.name
    for number, given in enumerate(_rows(intake)):
        try:
            hashed = row_hash(given.identity)
        except RecursionError:
            given = InputRow(given.line, ["nested too deeply", given.raw], TOO_DEEP, raw=given.raw)
            hashed = row_hash(given.identity)
        try:
            stored = tuple(_stored(given.outcome, source))
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            yield _Row(number, given, hashed).refused("bad text", error)
            continue
        for index, pair in enumerate(stored):
            pair["line"], pair["number"], pair["row_id"], pair["row_hash"] = given.line, number, given.row_id, hashed
            pair["shard"], pair["pair"] = shard_of(pair["prompt_id"], shards), index
        yield _Row(number, given, hashed, stored)


def _stored(outcome: Pairs | Auxiliary | Unreadable, source: str) -> Iterator[dict[str, Any]]:
    if isinstance(outcome, Pairs):
        yield from (orient(pair, source) for pair in outcome.pairs)
    elif isinstance(outcome, Auxiliary) and outcome.materials:
        yield orient_materials(outcome.prompt, outcome.materials)


def _batches(rows: Iterator[_Row]) -> Iterator[tuple[list[_Row], int]]:
    """Some rows at a time, with the characters of their text."""
    batch: list[_Row] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += row.characters
        if len(batch) == _BATCH or characters > _BATCH_CHARACTERS:
            yield batch, characters
            batch, characters = [], 0
    if batch:
        yield batch, characters


def _storable(rows: list[_Row], about: Mapping[str, str | None]) -> tuple[list[_Row], pa.Table]:
    """The rows and their pairs as a table; those that no table can hold are refused: one would lose the whole file."""
    try:
        return rows, _table(rows, about)
    except (ValueError, TypeError, OverflowError):
        kept = [row if (error := _misfit(row, about)) is None else row.refused("bad value", error) for row in rows]
        return kept, _table(kept, about)


def _misfit(row: _Row, about: Mapping[str, str | None]) -> Exception | None:
    try:
        _table([row], about)
    except (ValueError, TypeError, OverflowError) as error:
        return error
    return None


def _table(rows: Iterable[_Row], about: Mapping[str, str | None]) -> pa.Table:
    own = pa.schema([field for field in STAGED if field.name not in about])
    pairs = pa.Table.from_pylist([slim(pair) for row in rows for pair in row.pairs], schema=own)
    same = {name: pa.repeat(pa.scalar(value, pa.string()), pairs.num_rows) for name, value in about.items()}
    return pa.table([same[name] if name in about else pairs[name] for name in STAGED.names], schema=STAGED)


def _whole(row: _Row) -> _Row:
    return row


def remembering(row: _Row, source: str, tombstones: Tombstones) -> _Row:
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


def _about(intake: Intake, fingerprint: str) -> dict[str, str | None]:
    """What is the same in every row of a file."""
    return {
        "intake_id": intake.intake_id,
        "source": intake.source.name,
        "file": intake.unit.file.name,
        "licence": intake.source.licence,
        "fingerprint": fingerprint,
    }


def _rows(intake: Intake) -> Iterator[InputRow]:
    # A file that breaks in the middle gives the rows before the break, and one unreadable row that says so.
    line = 0
    try:
        for row in islice(intake.source.reader.read(intake.unit, opener(intake)), intake.limit):
            line = row.line
            yield row
    except BROKEN_OFF as error:
        yield broken_off(error, line, intake.unit.file.name)


def broken_off(error: Exception, line: int, name: str) -> InputRow:
    """The row that stands for what could not be read of a file after a line."""
    if isinstance(error, RefusedMember):
        return InputRow(line + 1, [error.reason, name], Unreadable(error.reason, str(error)))
    detail = f"{type(error).__name__}: {error}; rows after line {line} of this file could not be read"
    return InputRow(line + 1, ["broken file", name], Unreadable("broken file", detail))


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
        self.pairs += len(row.pairs) if isinstance(row.given.outcome, Pairs) else 0
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
        self._waiting: list[pa.Table] = []
        self._characters = 0
        self._groups: dict[int, list[int]] = defaultdict(list)
        self._written = 0

    def __enter__(self) -> "_StagedFile":
        self._replacing = replacing(self._path)
        # Read once and deleted: quick to write counts, and no dictionary of texts that come once.
        self._writer = pq.ParquetWriter(
            self._replacing.__enter__(),
            STAGED,
            compression="lz4",
            use_dictionary=_REPEATING,
            write_statistics=["shard", "prompt_id"],
        )
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self._flush()
        self._writer.close()
        self._replacing.__exit__(kind, error, trace)

    def add(self, pairs: pa.Table, characters: int) -> None:
        if not pairs.num_rows:
            return
        self._waiting.append(pairs)
        self._characters += characters
        if self._characters > FLUSH_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        waiting = pa.concat_tables(self._waiting).combine_chunks()
        self._waiting, self._characters = [], 0
        # Arrow sorts stably: rows of a shard stay in the order of the file.
        waiting = waiting.take(pc.sort_indices(waiting, [("shard", "ascending")]))
        start = 0
        for shard, count in zip(*np.unique(waiting["shard"].to_numpy(), return_counts=True), strict=True):
            self._writer.write_table(waiting.slice(start, count), row_group_size=count)
            self._groups[int(shard)].append(self._written)
            self._written += 1
            start += count

    def slices(self) -> tuple[Slice, ...]:
        return tuple(Slice(shard, self._path, tuple(groups)) for shard, groups in sorted(self._groups.items()))
