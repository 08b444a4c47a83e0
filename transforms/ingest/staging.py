"""The first half of ingest: a file's rows are read, oriented and staged by shard. Text moves between machines here only."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import pyarrow as pa

from prefcurate.schemas.canonical import shard_of
from prefcurate.schemas.formats.rows import BROKEN_OFF, TOO_DEEP
from prefcurate.schemas.records import Auxiliary, InputRow, Pairs, Unreadable
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.ingest.arriving import NOTHING_FORGOTTEN, Row, quarantined, remembering
from prefcurate.transforms.ingest.orient import STAGED, orient, orient_materials, row_hash, slim
from prefcurate.transforms.ingest.packed import RefusedMember
from prefcurate.transforms.ingest.sources import Intake, opener
from prefcurate.transforms.ingest.staged_file import Slice, StagedFile
from prefcurate.transforms.store.files import join
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.tombstones import Tombstones

_BATCH = 256
_BATCH_CHARACTERS = 4_000_000


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


def stage_intake(
    intake: Intake, root: str, shards: int, run_id: str, tombstones: Tombstones = NOTHING_FORGOTTEN
) -> Staged:
    """Reads a file row by row and stages its pairs by shard in one Parquet file beside the tables.

    Args:
        intake: the file.
        root: the store's address.
        shards: of the store.
        run_id: of this run.
        tombstones: what was forgotten and is left out.
    """
    writer = StagedFile(join(root, "_pending", "ingest", run_id, f"{intake.intake_id}.parquet"))
    accounts = _Accounts()
    fingerprint = intake.source.fingerprint()
    about = _about(intake, fingerprint)
    remember = (
        _whole
        if tombstones == NOTHING_FORGOTTEN
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


def _oriented(intake: Intake, shards: int) -> Iterator[Row]:
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
            yield Row(number, given, hashed).refused("bad text", error)
            continue
        for index, pair in enumerate(stored):
            pair["line"], pair["number"], pair["row_id"], pair["row_hash"] = given.line, number, given.row_id, hashed
            pair["shard"], pair["pair"] = shard_of(pair["prompt_id"], shards), index
        yield Row(number, given, hashed, stored)


def _stored(outcome: Pairs | Auxiliary | Unreadable, source: str) -> Iterator[dict[str, Any]]:
    if isinstance(outcome, Pairs):
        yield from (orient(pair, source) for pair in outcome.pairs)
    elif isinstance(outcome, Auxiliary) and outcome.materials:
        yield orient_materials(outcome.prompt, outcome.materials)


def _batches(rows: Iterator[Row]) -> Iterator[tuple[list[Row], int]]:
    """Some rows at a time, with the characters of their text."""
    batch: list[Row] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += row.characters
        if len(batch) == _BATCH or characters > _BATCH_CHARACTERS:
            yield batch, characters
            batch, characters = [], 0
    if batch:
        yield batch, characters


def _storable(rows: list[Row], about: Mapping[str, str | None]) -> tuple[list[Row], pa.Table]:
    """The rows and their pairs as a table; those that no table can hold are refused: one would lose the whole file."""
    try:
        return rows, _table(rows, about)
    except (ValueError, TypeError, OverflowError):
        kept = [row if (error := _misfit(row, about)) is None else row.refused("bad value", error) for row in rows]
        return kept, _table(kept, about)


def _misfit(row: Row, about: Mapping[str, str | None]) -> Exception | None:
    try:
        _table([row], about)
    except (ValueError, TypeError, OverflowError) as error:
        return error
    return None


def _table(rows: Iterable[Row], about: Mapping[str, str | None]) -> pa.Table:
    own = pa.schema([field for field in STAGED if field.name not in about])
    pairs = pa.Table.from_pylist([slim(pair) for row in rows for pair in row.pairs], schema=own)
    same = {name: pa.repeat(pa.scalar(value, pa.string()), pairs.num_rows) for name, value in about.items()}
    return pa.table([same[name] if name in about else pairs[name] for name in STAGED.names], schema=STAGED)


def _whole(row: Row) -> Row:
    return row


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


@dataclass
class _Accounts:
    rows: int = 0
    auxiliary: int = 0
    pairs: int = 0
    quarantined: list[dict[str, Any]] = field(default_factory=list)
    _total: int = 0

    def count(self, row: Row, intake: Intake) -> None:
        self.rows += 1
        self.pairs += len(row.pairs) if isinstance(row.given.outcome, Pairs) else 0
        # A sum does not depend on the order of the rows, and counts repeats.
        self._total = (self._total + int(row.hashed, 16)) % (1 << 128)
        if isinstance(row.given.outcome, Unreadable):
            self.quarantined.append(quarantined(row, intake, row.given.outcome))
        elif not isinstance(row.given.outcome, Pairs):
            self.auxiliary += 1

    def digest(self, fingerprint: str) -> str:
        return hashlib.sha256(json.dumps([fingerprint, self.rows, self._total]).encode()).hexdigest()[:32]
