"""Rows into Parquet files of bounded size, named by their content until the release gives them their names."""

import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from prefcurate.transforms.publish.mask import MASKED
from prefcurate.transforms.publish.options import PublishOptions
from prefcurate.transforms.publish.rows import release_rows, schema_of
from prefcurate.transforms.publish.settle import FILE_BYTES
from prefcurate.transforms.publish.work import FileTask, ReleaseFile
from prefcurate.transforms.store.files import exists, join, replacing

GROUP_BYTES = 64 * 2**20
"""Bytes of a row group before compression; 128 MB is what readers may be asked to hold."""

TALLIED = ("decision", "label_source", "sources", "licences", "reason", "band")
"""Columns whose values are counted for the manifest and the card."""


def write_release(task: FileTask, options: PublishOptions) -> list[ReleaseFile]:
    """Writes one file task's rows and describes the files: for each folder usually one, several when a shard is large."""
    found: dict[str, Counter[str]] = {}
    files = write_files(task.work, task.shards[0], release_rows(task, options, found))
    return [_with_masked(file, found) for file in files]


def _with_masked(file: ReleaseFile, found: Mapping[str, Counter[str]]) -> ReleaseFile:
    """A file with what was masked in its folder in its tally: the first file of a folder tells for all of them."""
    if file.roll or file.folder not in found:
        return file
    counts = ((MASKED, kind, n) for kind, n in found[file.folder].items())
    return replace(file, tally=tuple(sorted((*file.tally, *counts))))


def write_files(work: str, first_shard: int, tables: Iterable[tuple[str, pa.Table]]) -> list[ReleaseFile]:
    """Writes rows, each table with its folder of the release, into files of bounded size below ``work``."""
    rolls: dict[str, Roll] = {}
    with ExitStack() as scratch:
        for folder, table in tables:
            if folder not in rolls:
                rolls[folder] = scratch.enter_context(Roll(work, folder, first_shard))
            rolls[folder].add(table)
        return [file for roll in rolls.values() for file in roll.finish()]


class Roll:
    """The rows of one folder on their way into row groups of bounded size, and these into files of bounded size.

    Args:
        work: below it the files are put.
        folder: of the release.
        first_shard: of the rows.
        group_bytes: of a row group (a row that is larger stands alone).
        file_bytes: after so many a new file begins.
    """

    def __init__(
        self, work: str, folder: str, first_shard: int, group_bytes: int = GROUP_BYTES, file_bytes: int = FILE_BYTES
    ) -> None:
        self._work, self._folder, self._first_shard = work, folder, first_shard
        self._group_bytes, self._file_bytes = group_bytes, file_bytes
        self._waiting: list[pa.Table] = []
        self._waiting_bytes = 0
        self._open: _OpenFile | None = None
        self._written: list[ReleaseFile] = []

    def __enter__(self) -> "Roll":
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._open.leave()

    def add(self, table: pa.Table) -> None:
        """Takes the next rows."""
        for piece in _halves(table, self._group_bytes):
            if self._waiting and self._waiting_bytes + piece.nbytes > self._group_bytes:
                self._write_group()
            self._waiting.append(piece)
            self._waiting_bytes += piece.nbytes

    def finish(self) -> list[ReleaseFile]:
        """Writes what waits and describes all files; there are none when there was no row."""
        if self._waiting:
            self._write_group()
        if self._open is not None:
            self._end_file()
        return self._written

    def _write_group(self) -> None:
        if self._open is not None and self._open.bytes >= self._file_bytes:
            self._end_file()
        if self._open is None:
            self._open = _OpenFile(schema_of(self._folder))
        self._open.write(pa.concat_tables(self._waiting))
        self._waiting, self._waiting_bytes = [], 0

    def _end_file(self) -> None:
        assert self._open is not None
        self._written.append(self._open.end(self._work, self._folder, self._first_shard, len(self._written)))
        self._open = None


class _OpenFile:
    """A Parquet file that is being written on this machine."""

    def __init__(self, schema: pa.Schema) -> None:
        self.bytes = 0
        self._rows = 0
        self._tally: Counter[tuple[str, str]] = Counter()
        self._scratch = tempfile.TemporaryDirectory()
        self._path = Path(self._scratch.name) / "file.parquet"
        self._writer = pq.ParquetWriter(self._path, schema, compression="zstd")

    def write(self, group: pa.Table) -> None:
        self._writer.write_table(group, row_group_size=len(group))
        self.bytes += group.nbytes
        self._rows += len(group)
        self._tally.update(_tally(group))

    def end(self, work: str, folder: str, first_shard: int, roll: int) -> ReleaseFile:
        """Puts the file below ``work`` under the name of its content."""
        self._writer.close()
        with self._path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        size = self._path.stat().st_size
        path = join(work, "files", f"{digest}.parquet")
        if not exists(path):
            with replacing(path) as target:
                shutil.copyfile(self._path, target)
        self._scratch.cleanup()
        counts = tuple((column, value, n) for (column, value), n in sorted(self._tally.items()))
        return ReleaseFile(folder, first_shard, roll, path, digest, self._rows, size, counts)

    def leave(self) -> None:
        """Gives the file up."""
        self._writer.close()
        self._scratch.cleanup()


def _halves(table: pa.Table, limit: int) -> Iterator[pa.Table]:
    if not len(table):
        return
    if table.nbytes <= limit or len(table) == 1:
        yield table
        return
    middle = len(table) // 2
    yield from _halves(table.slice(0, middle), limit)
    yield from _halves(table.slice(middle), limit)


def _tally(group: pa.Table) -> Counter[tuple[str, str]]:
    counted: Counter[tuple[str, str]] = Counter()
    for column in TALLIED:
        if column in group.schema.names:
            values = group[column].combine_chunks()
            values = values.flatten() if pa.types.is_list(values.type) else values
            counted.update({(column, str(v["values"])): v["counts"] for v in values.value_counts().to_pylist()})
    return counted
