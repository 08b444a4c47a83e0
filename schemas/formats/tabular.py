"""Rows of any plain file: JSON Lines, JSON, CSV, TSV, XLSX, Parquet and Arrow, one at a time, whatever state it is in.

Where a row stands: the line of the file where it begins (JSON Lines, CSV and TSV; a quoted cell may hold line breaks), the
sheet's own number of the row (XLSX), else its number from 1 (JSON lists, Parquet, Arrow).
"""

import base64
import codecs
import datetime
import gzip
import math
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import IO, Any, ClassVar, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ConfigDict, Field, field_validator

from prefcurate.schemas.formats.base import Opener, Reader, SourceFile
from prefcurate.schemas.formats.cells import cell_records, is_broken
from prefcurate.schemas.formats.documents import RowsPath, rows_inside
from prefcurate.schemas.formats.file_names import FILE, NAME, NamePattern, groups_of
from prefcurate.schemas.formats.lines import RAW_LIMIT, JsonRow, json_rows, parse_json
from prefcurate.schemas.formats.mapping_paths import otherwise_named, parse_path
from prefcurate.schemas.formats.rows import file_name, raw_of
from prefcurate.schemas.formats.spreadsheet import Sheet, needs_openpyxl, sheet_rows
from prefcurate.schemas.records import Unreadable

FileType = Literal["jsonl", "json", "csv", "tsv", "xlsx", "parquet", "arrow"]

SUFFIXES: dict[str, FileType] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
_BATCH = 256
# No UTF-8, a time that no calendar holds, a structure with one name twice.
_UNHELD = (ValueError, OverflowError, TypeError, RecursionError, ImportError, pa.ArrowException)
_SPOOLED = 1 << 24


class TabularReader(Reader):
    """The base of readers of plain files: what the file is follows from its name unless `type` says it."""

    suffixes = tuple(SUFFIXES)
    added: ClassVar[frozenset[str]] = frozenset({"sheet", "rows_at", "file_name"})
    model_config = ConfigDict(populate_by_name=True)

    type: FileType | None = None
    """What the files are, when their names do not say it."""
    delimiter: str | None = None
    """CSV: what separates cells; a comma in .csv, a tab in .tsv."""
    quote: str = '"'
    """CSV: what encloses cells; empty when quotation marks are ordinary text."""
    encoding: str = "utf-8"
    """CSV: how the text is encoded."""
    header: bool | int = True
    """CSV, XLSX: whether the first row names the columns, or the line that does, where titles or remarks stand above it, which are
    no rows; without names columns are "0", "1", …"""
    columns: tuple[str, ...] | None = None
    """CSV, XLSX: the names of the columns, for files without a header."""
    sheet: str | int | None = None
    """XLSX: the name of the sheet, or its number from 1; the first that is not hidden by default."""
    rows_at: RowsPath | None = Field(default=None, alias="rows")
    """JSON: the field path of the list of rows inside the document, such as data.items."""
    file_name: NamePattern | None = None
    """What the files' names say: a regular expression with named groups, which lie at `@file.…` in the rows."""

    @field_validator("delimiter", "quote")
    @classmethod
    def _one_character(cls, given: str | None, info: Any) -> str | None:
        if given is not None and len(given) != 1 and not (info.field_name == "quote" and given == ""):
            raise ValueError(f"{given!r} is not one character")
        return given

    @field_validator("header")
    @classmethod
    def _a_line(cls, given: bool | int) -> bool | int:
        if not isinstance(given, bool) and given < 1:
            raise ValueError(f"{given} is no line; the first line of a file is 1")
        return given

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, given: str) -> str:
        try:
            return codecs.lookup(given).name
        except LookupError as error:
            raise ValueError(
                f"{given!r} is no encoding that Python knows; usual ones: utf-8, latin-1, cp1252"
            ) from error

    def type_of(self, file: SourceFile) -> FileType:
        """What a file is.

        Raises:
            ValueError: neither its name nor `type` says it.
        """
        if self.type is not None:
            return self.type
        name = file_name(file).lower()
        found = next((kind for suffix, kind in SUFFIXES.items() if name.endswith(suffix)), None)
        if found is None:
            hint = "save it as .xlsx or CSV" if name.endswith((".xls", ".ods")) else "set `type:`"
            raise ValueError(
                f"{file.name}: the name does not say what the file is; {hint} ({', '.join(SUFFIXES)}; also compressed)"
            )
        return found

    def plan(self, files: Sequence[SourceFile]) -> list[Any]:
        """One unit a file; a file of unknown type is an error here, before anything is read."""
        for file in files:
            self.check_file(file)
        return super().plan(files)

    def check_file(self, file: SourceFile) -> None:
        """Whether a file can be read at all.

        Raises:
            ValueError: its name says too little, or a setting does not go with it.
            MissingExtra: the library that reads it is not installed.
        """
        kind = self.type_of(file)
        if kind == "xlsx":
            needs_openpyxl()
        if kind != "json" and self.rows_at is not None:
            raise ValueError(f"{file.name}: `rows` is a path inside of one JSON document, and this is {kind}")
        self.told_by_name(file)

    def rows(self, file: SourceFile, open_file: Opener) -> Iterator[JsonRow]:
        """Every row of a file, each with its value or its problem; the raw text of a table's good rows is left empty.

        What the file's name says is part of what a row says, where it is asked for.
        """
        told = self.told_by_name(file)
        if self._asks_for_name:
            told[NAME] = file.name
        rows = self._rows(file, open_file)
        return (_told(row, told) for row in rows) if told else rows

    def told_by_name(self, file: SourceFile) -> dict[str, str | None]:
        """The groups of `file_name`.

        Raises:
            ValueError: the file's name does not match.
        """
        return {} if self.file_name is None else groups_of(file, self.file_name)

    @cached_property
    def _asks_for_name(self) -> bool:
        return f"{FILE}.{NAME}" in self.model_dump_json()

    def _rows(self, file: SourceFile, open_file: Opener) -> Iterator[JsonRow]:
        kind = self.type_of(file)
        with open_file(file) as stream:
            if self.rows_at is not None:
                yield from map(_with_nulls, rows_inside(stream, parse_path(self.rows_at)))
            elif kind in ("jsonl", "json"):
                yield from map(_with_nulls, json_rows(stream))
            elif kind in ("csv", "tsv"):
                yield from self._csv_rows(stream, self.delimiter or ("\t" if kind == "tsv" else ","))
            elif kind == "xlsx":
                with _seekable(stream) as file_:
                    yield from sheet_rows(file_, Sheet(self.sheet, self.header, self.columns))
            else:
                yield from parquet_rows(stream) if kind == "parquet" else arrow_rows(stream)

    def told_by_address(self, file: SourceFile) -> Any:
        """What the file is, and what else its name says; the same bytes as CSV and as TSV say different things."""
        kind = self.type_of(file)
        return kind if self.file_name is None else [kind, self.told_by_name(file)]

    def has_columns(self, file: SourceFile) -> bool:
        """Whether every row has the same columns, so that a name that somebody typed and that is not among them is a mistake."""
        return not self.is_named and self.type_of(file) not in ("jsonl", "json")

    def _csv_rows(self, stream: IO[bytes], delimiter: str) -> Iterator[JsonRow]:
        columns = self.columns
        begin = 1 if isinstance(self.header, bool) else self.header
        for record in cell_records(stream, delimiter, self.quote, self.encoding):
            cells, problem = record.cells, record.problem
            if record.line < begin and columns is None:
                continue
            if columns is None and self.header:
                problem = problem or _bad_header(cells, self.encoding)
                if problem is not None:
                    yield JsonRow(record.line, None, raw_of(cells), problem)
                    return
                columns = tuple(cells)
                continue
            names = columns if columns is not None else tuple(map(str, range(len(cells))))
            yield _csv_row(record.line, cells, names, problem, self.encoding)


def _bad_header(cells: list[str], encoding: str) -> Unreadable | None:
    if any(is_broken(name) or "\0" in name for name in cells):
        return Unreadable("bad encoding", f"the names of the columns are not {encoding}; set `encoding:`, e.g. cp1252")
    twice = sorted({name for name in cells if name and cells.count(name) > 1})
    if twice:
        return Unreadable("bad header", f"the column {twice[0]!r} stands twice, so that no row can be read; rename one")
    return None


def _csv_row(
    line: int, cells: list[str], columns: tuple[str, ...], problem: Unreadable | None, encoding: str
) -> JsonRow:
    if problem is not None and problem.reason == "bad CSV":
        problem = replace(problem, detail=f"{problem.detail}; if quotation marks are ordinary text, set quote: ''")
    if problem is None and len(cells) != len(columns):
        problem = Unreadable(
            "ragged row", f"{len(cells)} cells where the header has {len(columns)}{otherwise_named(columns)}"
        )
    if problem is None and (broken := [name for name, cell in zip(columns, cells, strict=True) if is_broken(cell)]):
        problem = Unreadable(
            "bad encoding", f"column {broken[0]!r} holds bytes that are not {encoding}; set `encoding:`, e.g. cp1252"
        )
    if problem is not None:
        return JsonRow(line, None, raw_of(cells), problem)
    return JsonRow(line, dict(zip(columns, cells, strict=True)), "")


def _told(row: JsonRow, told: Mapping[str, str | None]) -> JsonRow:
    if row.problem is not None or not isinstance(row.value, dict):
        return row
    return JsonRow(row.line, {**row.value, FILE: told}, row.raw)


def _with_nulls(row: JsonRow) -> JsonRow:
    """NaN, which Python writes into JSON for what is missing, is read as null."""
    if row.problem is None or not row.problem.detail.endswith("is not JSON") or len(row.raw) >= RAW_LIMIT:
        return row
    again = parse_json(row.line, row.raw, nulls=True)
    return row if again.problem is not None else again


def parquet_rows(stream: IO[bytes]) -> Iterator[JsonRow]:
    """Every row of a Parquet file, a few hundred in memory at a time."""
    with _seekable(stream) as file:
        try:
            reader = pq.ParquetFile(file)
        except pa.ArrowInvalid as error:
            yield JsonRow(1, None, "", Unreadable("bad Parquet", str(error)))
            return
        yield from _numbered(reader.iter_batches(batch_size=_BATCH))


def arrow_rows(stream: IO[bytes]) -> Iterator[JsonRow]:
    """Every row of an Arrow IPC file or stream."""
    with _seekable(stream) as file:
        try:
            try:
                reader = pa.ipc.open_file(file)
                batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
            except pa.ArrowInvalid:
                file.seek(0)
                batches = iter(pa.ipc.open_stream(file))
        except (pa.ArrowException, OSError) as error:
            if getattr(error, "errno", None) is not None:
                raise
            yield JsonRow(1, None, "", Unreadable("bad Arrow", str(error)))
            return
        yield from _numbered(piece for batch in batches for piece in _sliced(batch))


def _sliced(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    return (batch.slice(start, _BATCH) for start in range(0, batch.num_rows, _BATCH))


def _numbered(batches: Iterator[pa.RecordBatch]) -> Iterator[JsonRow]:
    number = 0
    for batch in batches:
        if number == 0 and (twice := _twice(batch.schema.names)):
            yield JsonRow(1, None, "", Unreadable("bad header", f"the column {twice!r} stands twice; rename one"))
            return
        for row in _values(batch):
            number += 1
            yield JsonRow(number, None, "", row) if isinstance(row, Unreadable) else JsonRow(number, row, "")


def _values(batch: pa.RecordBatch) -> Iterator[Any]:
    """The rows of a batch as JSON holds them; those that Python cannot hold are `Unreadable`, each alone."""
    try:
        rows = [plain(row) for row in batch.to_pylist()]
    except _UNHELD as error:
        if batch.num_rows == 1:
            yield Unreadable("bad value", f"{type(error).__name__}: {str(error)[:200]}")
            return
        for at in range(batch.num_rows):
            yield from _values(batch.slice(at, 1))
    else:
        yield from rows


def _twice(names: Sequence[str]) -> str | None:
    return next((name for name in names if list(names).count(name) > 1), None)


@contextmanager
def _seekable(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """The stream itself where it can jump cheaply, else a copy on disk: Parquet is read from its end."""
    if stream.seekable() and not isinstance(stream, gzip.GzipFile | zipfile.ZipExtFile):
        yield stream
        return
    with tempfile.SpooledTemporaryFile(max_size=_SPOOLED) as copy:
        shutil.copyfileobj(stream, copy, 1 << 20)
        copy.seek(0)
        yield copy


def plain(value: Any) -> Any:
    """A value of Arrow or of `datasets` as JSON holds it; not-a-number is null, bytes are base64, times are ISO 8601."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        if value != value:
            return None
        raise ValueError(f"the number {value}")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Decimal):
        if not value.is_finite():
            return plain(float(value))
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return str(value)
