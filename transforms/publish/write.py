"""Rows into Parquet files of bounded size, named by their content until the release gives them their names."""

import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from prefcurate.transforms.publish.rows import release_rows, schema_of
from prefcurate.transforms.publish.settle import FILE_BYTES
from prefcurate.transforms.publish.work import FileTask, ReleaseFile
from prefcurate.transforms.store.files import exists, join, replacing

GROUP_BYTES = 64 * 2**20
"""Bytes of a row group before compression; 128 MB is what readers may be asked to hold."""

TALLIED = ("decision", "label_source", "sources", "licences", "reason")
"""Columns whose values are counted for the manifest and the card."""


def write_release(task: FileTask, most: int | None) -> list[ReleaseFile]:
    """Writes one file task's rows and describes the files: usually one, several when a shard is large, none without rows."""
    return write_files(task.work, task.folder, task.shards[0], release_rows(task, most))


def write_files(work: str, folder: str, first_shard: int, tables: Iterable[pa.Table]) -> list[ReleaseFile]:
    """Writes the rows of one folder of a release into files of bounded size below ``work``."""
    rolls = enumerate(_rolls(tables, FILE_BYTES))
    return [_write_file(work, folder, first_shard, roll, groups) for roll, groups in rolls]


def row_groups(tables: Iterable[pa.Table], limit: int = GROUP_BYTES) -> Iterator[pa.Table]:
    """The same rows in tables of at most ``limit`` bytes each (a row that is larger stands alone)."""
    waiting: list[pa.Table] = []
    size = 0
    for table in (piece for whole in tables for piece in _halves(whole, limit)):
        if waiting and size + table.nbytes > limit:
            yield pa.concat_tables(waiting)
            waiting, size = [], 0
        waiting.append(table)
        size += table.nbytes
    if waiting:
        yield pa.concat_tables(waiting)


def _halves(table: pa.Table, limit: int) -> Iterator[pa.Table]:
    if not len(table):
        return
    if table.nbytes <= limit or len(table) == 1:
        yield table
        return
    middle = len(table) // 2
    yield from _halves(table.slice(0, middle), limit)
    yield from _halves(table.slice(middle), limit)


def _rolls(tables: Iterable[pa.Table], limit: int) -> Iterator[Iterator[pa.Table]]:
    """Row groups, cut into files of about ``limit`` bytes; each inner iterator must be read to its end."""
    groups = row_groups(tables)
    following = next(groups, None)

    def one_file() -> Iterator[pa.Table]:
        nonlocal following
        size = 0
        while following is not None and size < limit:
            size += following.nbytes
            yield following
            following = next(groups, None)

    while following is not None:
        yield one_file()


def _write_file(work: str, folder: str, first_shard: int, roll: int, groups: Iterator[pa.Table]) -> ReleaseFile:
    tally: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        local = Path(scratch) / "file.parquet"
        rows = 0
        with pq.ParquetWriter(local, schema_of(folder), compression="zstd") as writer:
            for group in groups:
                writer.write_table(group, row_group_size=len(group))
                rows += len(group)
                tally.update(_tally(group))
        with local.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        size = local.stat().st_size
        path = join(work, "files", f"{digest}.parquet")
        if not exists(path):
            with replacing(path) as target:
                shutil.copyfile(local, target)
    counts = tuple((column, value, n) for (column, value), n in sorted(tally.items()))
    return ReleaseFile(folder, first_shard, roll, path, digest, rows, size, counts)


def _tally(group: pa.Table) -> Counter[tuple[str, str]]:
    counted: Counter[tuple[str, str]] = Counter()
    for column in TALLIED:
        if column in group.schema.names:
            values = group[column].combine_chunks()
            values = values.flatten() if pa.types.is_list(values.type) else values
            counted.update({(column, str(v["values"])): v["counts"] for v in values.value_counts().to_pylist()})
    return counted
