"""The second half of ingest: one shard's staged rows become comparisons, occurrences and the facts about them."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.tables import TABLES, Table
from prefcurate.transforms.ingest.orient import NO_COMPARISON, TEXTS
from prefcurate.transforms.ingest.staged_file import Slice
from prefcurate.transforms.store.duck import connect, reads
from prefcurate.transforms.store.files import arrow_files, opened
from prefcurate.transforms.store.losses import Losses
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.snapshot import Snapshot

Place = tuple[str, int, str]
"""Of an input row about a prompt: the intake, the row's number in it, the prompt."""
_NOTHING_LOST = Losses()
PASS_BYTES = 100_000_000
"""Staged rows, before compression, that are sorted at once; every text is there twice (in messages, and as text)."""


class _Key(NamedTuple):
    """What of a staged pair tells which occurrence it is."""

    intake_id: str
    number: int
    pair: int
    source: str
    row_hash: str
    row_id: str | None
    prompt_id: str


def build_shard(
    snapshot: Snapshot, shard: int, slices: Sequence[Slice], active: Iterable[str], lost: Losses = _NOTHING_LOST
) -> Iterator[Part]:
    """The parts of one shard out of its staged rows.

    Args:
        snapshot: the store as it was pinned.
        shard: which shard.
        slices: its rows in the staged files of this run.
        active: the intakes that the configuration names, new ones and old: identical rows are numbered among them.
        lost: which files are read again, because a repair took rows out.
    """
    with connect() as connection:
        _register(connection, slices)
        keys = connection.sql(
            f"SELECT {', '.join(_Key._fields)} FROM staged ORDER BY source, file, number, pair"  # noqa: S608
        ).to_arrow_table()
        known, given = _known_occurrences(snapshot, shard, active)
        connection.register("keyed", occurrence_ids(_as_first_read(keys, lost), known, given))
        yield from _write(snapshot, shard, "comparisons", connection, _comparisons(), passes_for(slices))
        yield from _write(snapshot, shard, "occurrences", connection, _occurrences())
        for table in ("annotations", "ratings", "spans", "materials"):
            yield from _facts(snapshot, shard, TABLES[table], connection)


def _register(connection: duckdb.DuckDBPyConnection, slices: Sequence[Slice]) -> None:
    """The staged rows of a shard as `staged`."""
    paths = [piece.path for piece in sorted(slices)]
    if reads(paths):
        # A dozen queries read the same files, of which each has a row group for every shard.
        connection.execute("SET parquet_metadata_cache = true")
        written = connection.read_parquet(paths, hive_partitioning=False)
        written.filter(f"shard = {int(slices[0].shard)}").create_view("written")
    else:
        connection.register("written", staged_rows(slices))
    texts = ", ".join(f"{read} AS {text}" for text, read in TEXTS.items())
    connection.execute(f"CREATE TEMP VIEW staged AS SELECT * REPLACE ({texts}) FROM written")  # noqa: S608


def passes_for(slices: Sequence[Slice]) -> int:
    """In how many ranges of ids the text of a shard is sorted, a power of two: one fits in memory however large a shard is."""
    size = 0
    for piece in slices:
        with opened(piece.path) as stream:
            about = pq.ParquetFile(stream).metadata
            size += sum(about.row_group(group).total_byte_size for group in piece.row_groups)
    return 1 << max(0, math.ceil(math.log2(size / PASS_BYTES))) if size else 1


def staged_rows(slices: Sequence[Slice]) -> ds.Dataset:
    """The staged rows of some slices as one dataset, read row group by row group."""
    fragments = []
    for piece in sorted(slices):
        fs, path = arrow_files(piece.path)
        fragment = ds.ParquetFileFormat().make_fragment(path, fs)
        fragments.append(fragment.subset(row_group_ids=list(piece.row_groups)))
    return ds.FileSystemDataset(fragments, fragments[0].physical_schema, ds.ParquetFileFormat())


def _as_first_read(keys: pa.Table, lost: Losses) -> pa.Table:
    """Rows of files that are read again before those of new ones, in the order in which their files were read at first."""
    order = lost.first_read()
    if not order:
        return keys
    ranks = [order.get(intake, len(order) + max(order.values())) for intake in keys["intake_id"].to_pylist()]
    return keys.take(pa.array(sorted(range(len(ranks)), key=lambda index: ranks[index]), pa.int64()))


def occurrence_ids(
    keys: pa.Table, known: dict[tuple[str, ...], set[int]], given: Mapping[Place, int] = MappingProxyType({})
) -> pa.Table:
    """The repeat number and the occurrence id of every staged pair.

    A row with an id of its own (`row_id`) is known by it: rows of different files with the same id are one occurrence.
    Rows of one file that share an id but not their content are numbered, so that a bad id loses no vote. A row without an id is known by
    its hash and its number among identical rows of its source, so that anonymous votes which happen to agree all count.

    Args:
        keys: staged pairs in source, file, row order.
        known: repeats that active files of earlier runs already have, by (source, row hash, prompt).
        given: the repeat of rows that are there already and are read again, by (file, number, prompt).
    """
    taken = defaultdict(set, {key: set(numbers) for key, numbers in known.items()})
    variants: dict[tuple[str | None, ...], set[str]] = defaultdict(set)
    rows = [_Key(*row) for row in zip(*(keys[name].to_pylist() for name in _Key._fields), strict=True)]
    for row in rows:
        if row.row_id is not None:
            variants[_named(row)].add(row.row_hash)
    numbered: dict[Place, int] = {}
    repeats, ids = [], []
    for row in rows:
        place = (row.intake_id, row.number, row.prompt_id)
        if place not in numbered:
            numbered[place] = given[place] if place in given else _repeat(row, variants, taken)
        repeats.append(numbered[place])
        name = ("row_hash", row.row_hash) if row.row_id is None else ("row_id", row.row_id)
        ids.append(stable_hash("occurrence", row.source, *name, numbered[place], row.pair))
    return (
        keys.select(["intake_id", "number", "pair"])
        .append_column("repeat", pa.array(repeats, pa.int64()))
        .append_column("occurrence_id", pa.array(ids, pa.string()))
    )


def _named(row: _Key) -> tuple[str | None, ...]:
    # Shards know nothing of each other: rows are numbered within a prompt.
    return row.intake_id, row.source, row.row_id, row.prompt_id


def _repeat(row: _Key, variants: dict[tuple[str | None, ...], set[str]], taken: dict[tuple[str, ...], set[int]]) -> int:
    if row.row_id is not None:
        return sorted(variants[_named(row)]).index(row.row_hash)
    used = taken[row.source, row.row_hash, row.prompt_id]
    number = next(n for n in range(len(used) + 1) if n not in used)
    used.add(number)
    return number


def _known_occurrences(
    snapshot: Snapshot, shard: int, active: Iterable[str]
) -> tuple[dict[tuple[str, ...], set[int]], dict[Place, int]]:
    columns = ["source", "row_hash", "row_id", "prompt_id", "repeat", "intake_id", "number"]
    dataset = snapshot.store.dataset("occurrences", snapshot.version("occurrences"), shard)
    wanted = ds.field("intake_id").isin(pa.array(list(active), pa.string())) & ds.field("row_id").is_null()
    known: dict[tuple[str, ...], set[int]] = defaultdict(set)
    given: dict[Place, int] = {}
    for row in dataset.to_table(columns=columns, filter=wanted).to_pylist():
        known[row["source"], row["row_hash"], row["prompt_id"]].add(row["repeat"])
        given[row["intake_id"], row["number"], row["prompt_id"]] = row["repeat"]
    return known, given


def _write(
    snapshot: Snapshot, shard: int, table: str, connection: duckdb.DuckDBPyConnection, query: str, passes: int = 1
) -> Iterator[Part]:
    """Writes a query's rows that the pinned version of the table does not hold yet, one range of prompt ids after another."""
    about = TABLES[table]
    key = ", ".join(about.key)
    connection.register("committed", snapshot.store.dataset(table, snapshot.version(table), shard))
    new = f"SELECT * FROM ({query}) ANTI JOIN (SELECT {key} FROM committed) USING ({key})"  # noqa: S608

    def batches() -> Iterator[pa.RecordBatch]:
        for first, last in ranges(shard, snapshot.store.shards, passes):
            here = f"prompt_id >= '{first}' AND prompt_id < '{last}'"
            ordered = f"SELECT * FROM ({new}) WHERE {here} ORDER BY {', '.join(about.order)}"  # noqa: S608
            yield from connection.sql(ordered).to_arrow_reader(2048)

    part = write_part(snapshot.store.root, table, shard, batches())
    connection.unregister("committed")
    if part is not None:
        yield part


def ranges(shard: int, shards: int, passes: int) -> Iterator[tuple[str, str]]:
    """A shard's ids cut into ranges: the beginning of the first id in each, and of the first beyond it."""
    step = 2**32 // (shards * passes)
    for number in range(shard * passes, (shard + 1) * passes):
        last = (number + 1) * step
        yield f"{number * step:08x}", f"{last:08x}" if last < 2**32 else "g"


def _comparisons() -> str:
    columns = ", ".join(TABLES["comparisons"].schema.names)
    # Ids are hashes of the content: whichever row gave it, a comparison is the same bytes.
    first = (
        "SELECT intake_id, number, pair FROM staged "  # noqa: S608
        f"WHERE comparison_id <> '{NO_COMPARISON}' "
        "QUALIFY row_number() OVER (PARTITION BY comparison_id ORDER BY source, file, number, pair) = 1"
    )
    return f"SELECT {columns} FROM staged SEMI JOIN ({first}) USING (intake_id, number, pair)"  # noqa: S608


def _occurrences() -> str:
    columns = ", ".join(TABLES["occurrences"].schema.names)
    once = "QUALIFY row_number() OVER (PARTITION BY comparison_id, occurrence_id, intake_id ORDER BY number) = 1"
    return f"SELECT {columns} FROM staged JOIN keyed USING (intake_id, number, pair) {once}"  # noqa: S608


def _facts(snapshot: Snapshot, shard: int, table: Table, connection: duckdb.DuckDBPyConnection) -> Iterator[Part]:
    """One table of facts: unnested from the staged rows, given their ids, written in key order."""
    query = (
        f"SELECT prompt_id, comparison_id, source, file, number, row_hash, row_id, repeat, pair, fingerprint, occurrence_id, "  # noqa: S608
        f"unnest({table.name}) AS fact FROM staged JOIN keyed USING (intake_id, number, pair) WHERE len({table.name}) > 0"
    )
    keys = connection.sql(
        f"SELECT occurrence_id, row_hash, fingerprint, source, row_id, repeat, pair, fact.index AS index, "  # noqa: S608
        f"{'fact.judgement_id' if table.name == 'annotations' else 'NULL'} AS judgement "
        f"FROM ({query}) QUALIFY row_number() OVER (PARTITION BY occurrence_id, fingerprint, row_hash, index ORDER BY file, number) = 1"
    ).to_arrow_table()
    if not keys.num_rows:
        return
    connection.register("identified", fact_ids(keys, table.key[0]))
    named = {field.name for field in table.schema}
    given = [f.name for f in table.schema if f.name not in _OUTER | {table.key[0], "judgement_id"}]
    columns = ["f.prompt_id", "f.row_hash", "f.fingerprint", "f.occurrence_id", f"i.id AS {table.key[0]}"]
    columns += ["f.comparison_id"] if "comparison_id" in named else []
    columns += ["i.judgement AS judgement_id"] if "judgement_id" in named else []
    columns += ["0::BIGINT AS attempt"] if "attempt" in named else []
    columns += [f'f.fact."{name}" AS "{name}"' for name in given]
    rows = (
        f"SELECT {', '.join(columns)} FROM ({query}) f JOIN identified i ON f.occurrence_id = i.occurrence_id "  # noqa: S608
        f"AND f.row_hash = i.row_hash AND f.fingerprint = i.fingerprint AND f.fact.index = i.index "
        f"QUALIFY row_number() OVER (PARTITION BY {', '.join(f'{table.key[0]}' if k == table.key[0] else f'f.{k}' for k in table.key)} "
        f"ORDER BY f.file, f.number) = 1"
    )
    yield from _write(snapshot, shard, table.name, connection, rows)
    connection.unregister("identified")


_OUTER = frozenset(
    ["prompt_id", "comparison_id", "occurrence_id", "row_hash", "fingerprint", "call_id", "rubric_id", "attempt"]
)


def fact_ids(keys: pa.Table, name: str) -> pa.Table:
    """The id of every fact: a hash of the question (source, row, pair, index in the row), never of the answer.

    Labels of one act share a `judgement`: its id is a hash of the row and the act's name.
    """
    kind = name.removesuffix("_id")
    ids, judgements = [], []
    columns = ("source", "row_id", "row_hash", "repeat", "pair", "index", "judgement")
    for source, row_id, row_hash, repeat, pair, index, judgement in zip(
        *(keys[column].to_pylist() for column in columns), strict=True
    ):
        where = (source, row_hash if row_id is None else row_id, repeat)
        identity = stable_hash(kind, *where, pair, index)
        ids.append(identity)
        judgements.append(identity if judgement is None else stable_hash("judgement", *where, judgement))
    return (
        keys.select(["occurrence_id", "row_hash", "fingerprint", "index"])
        .append_column("id", pa.array(ids, pa.string()))
        .append_column("judgement", pa.array(judgements, pa.string()))
    )
