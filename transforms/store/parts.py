"""Parts: immutable Parquet files named by the sha256 of their bytes."""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.store.files import absolute, exists, join, opened, replacing, write_by_hash

ROW_GROUP_ROWS = 8192
"""Rows of a row group; steps stream row groups, so no shard must fit in memory."""


@dataclass(frozen=True, order=True)
class Part:
    """A finished part: where it lies, and what a commit must know of it. Small: this is what flows through Beam."""

    table: str
    shard: int
    path: str  # address of the file
    rows: int
    bytes: int
    pending: bool = False  # lies beside the tables, to be merged before it can be committed


def table_folder(root: str, table: str) -> str:
    """Where a table lies: ``STORE/<table>``, but for `releases`.

    ``STORE/releases`` holds the releases themselves, which a full vacuum of a table in that folder would take for files
    that a crash left; the table lies in ``STORE/_releases``.
    """
    return join(root, "_releases" if table == "releases" else table)


def write_part(
    root: str,
    table: str,
    shard: int,
    batches: Iterable[pa.RecordBatch | pa.Table],
    *,
    pending: str | None = None,
    footer: Mapping[str, str] | None = None,
) -> Part | None:
    """Writes batches as one part of a table's shard and returns its description, or None when there are no rows.

    Args:
        root: the store's address.
        table: a name of `prefcurate.schemas.tables.TABLES`; batches are cast to its schema.
        shard: the shard that all rows belong to.
        batches: record batches in the order in which they are stored.
        pending: a stage's name, for a part which is not yet in its final, merged form: it goes to
            ``STORE/_pending/<stage>/…``, where the next run of the stage finds it.
        footer: what a later run must compare before it trusts the file (a fingerprint, say).
    """
    schema = TABLES[table].schema
    schema = schema.with_metadata(
        {**(schema.metadata or {}), **{f"prefcurate.{k}": v for k, v in (footer or {}).items()}}
    )
    rows = 0
    # Written locally first: the name is the hash of the bytes, known only at the end.
    with tempfile.TemporaryDirectory(dir=_scratch(root)) as folder:
        local = Path(folder) / "part.parquet"
        with pq.ParquetWriter(local, schema, compression="zstd", **_encoding(schema)) as writer:
            for batch in batches:
                chunk = conform(batch, schema)
                rows += chunk.num_rows
                writer.write_table(chunk, row_group_size=ROW_GROUP_ROWS)
        if not rows:
            return None
        with local.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        folder_of_part = join(root, "_pending", pending, table) if pending else table_folder(root, table)
        path = join(folder_of_part, f"shard={shard}", f"{digest}.parquet")
        size = local.stat().st_size
        if not exists(path):
            with replacing(path) as target:
                os.replace(local, target)
    return Part(table, shard, path, rows, size, pending is not None)


def write_aside(root: str, stage: str, name: str, shard: int, table: pa.Table) -> str:
    """Writes what a shard tells the one worker of its stage, and returns its address; the stage's commit clears it away.

    Args:
        root: the store's address.
        stage: the stage's name.
        name: what it is: a folder beside those of other things that the stage writes.
        shard: the shard that tells it.
        table: of any schema.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    folder = join(root, "_pending", stage, name, f"shard={shard}")
    return write_by_hash(folder, sink.getvalue().to_pybytes(), ".parquet")


def read_aside(path: str) -> pa.Table:
    """What `write_aside` wrote, with the types that it had."""
    with opened(path) as stream:
        return pq.read_table(stream)


def conform(batch: pa.RecordBatch | pa.Table, schema: pa.Schema) -> pa.Table:
    """A table with exactly the schema's columns, in its order and types; missing columns are null.

    Raises:
        ValueError: the batch has a column that the schema does not know (it would silently be lost).
    """
    unknown = set(batch.schema.names) - set(schema.names)
    if unknown:
        raise ValueError(f"columns {sorted(unknown)} are not in the schema {schema.names}")
    columns = [
        batch.column(field.name).cast(field.type)
        if field.name in batch.schema.names
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _encoding(schema: pa.Schema) -> dict[str, object]:
    vectors = [f"{f.name}.list.element" for f in schema if f.type == pa.list_(pa.float32())]
    if not vectors:
        return {}
    # Rounded float32 vectors pack well byte by byte; a dictionary of them would only cost.
    dictionary = [f.name for f in schema if pa.types.is_string(f.type)]
    return {"column_encoding": dict.fromkeys(vectors, "BYTE_STREAM_SPLIT"), "use_dictionary": dictionary}


def _scratch(root: str) -> str | None:
    if "://" in root:
        return None
    scratch = Path(absolute(root)) / "_tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    return str(scratch)
