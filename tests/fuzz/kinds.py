"""One writer for each kind of file: rows and planted damage in, bytes out, and for each row its line and what must become of it."""

import csv
import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl import Workbook

from tests.fuzz.rows import JSON_LINE, JSON_TEXT, TYPES, VALUES, Damage, Row, written


@dataclass(frozen=True)
class Planted:
    """A row on its way into a file: whole, or with a damage."""

    row: Row
    damage: Damage | None = None

    def content(self, rng: Random) -> Any:
        """The row as it is written: an object, or what is left of its text."""
        return self.row if self.damage is None else self.damage.hurt(self.row, rng)


Lines = list[int]
Writer = Callable[[Sequence[Planted], Random], tuple[bytes, Lines]]


@dataclass(frozen=True)
class Kind:
    """A kind of file: its ending, how rows are written and damaged, and what its source says of it."""

    name: str
    ending: str
    write: Writer
    damages: tuple[Damage, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    share: float = 1.0
    """Of the rows of an ordinary kind; some are slow to write."""


def _piece(planted: Planted, rng: Random) -> bytes:
    content = planted.content(rng)
    return content if isinstance(content, bytes) else written(content)


def jsonl(end: bytes = b"\n") -> Writer:
    def write(rows: Sequence[Planted], rng: Random) -> tuple[bytes, Lines]:
        # An object that is alone in its file may be a document, and blank lines are no rows.
        return end.join(_piece(row, rng) for row in rows) + end, list(range(1, len(rows) + 1))

    return write


def cr_lines(rows: Sequence[Planted], rng: Random) -> tuple[bytes, Lines]:
    return jsonl(b"\r")(rows, rng)[0], [1] * len(rows)


def json_list(indent: int | None) -> Writer:
    def write(rows: Sequence[Planted], rng: Random) -> tuple[bytes, Lines]:
        pieces = [
            json.dumps(row.row, indent=indent).replace("\n", "\n" + " " * (indent or 0)).encode()
            if row.damage is None
            else _piece(row, rng)
            for row in rows
        ]
        space = b"\n" + b" " * (indent or 0)
        return b"[" + space + (b"," + space).join(pieces) + b"\n]", list(range(1, len(rows) + 1))

    return write


def document(rows: Sequence[Planted], rng: Random) -> tuple[bytes, Lines]:
    body = b",".join(_piece(row, rng) for row in rows)
    return b'{"meta": {"n": 1}, "data": {"items": [' + body + b"]}}", list(range(1, len(rows) + 1))


COLUMNS = ("id", "q", "one", "two", "vote")


def table(delimiter: str) -> Writer:
    def write(rows: Sequence[Planted], rng: Random) -> tuple[bytes, Lines]:
        made, lines, number = [_cells(COLUMNS, delimiter)], [], 2
        for planted in rows:
            content = planted.content(rng)
            line = content if isinstance(content, bytes) else _cells([content[c] for c in COLUMNS], delimiter)
            lines.append(number)
            number += line.count(b"\n") + 1
            made.append(line)
        return b"\n".join(made) + b"\n", lines

    return write


def _cells(cells: Sequence[Any], delimiter: str) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerow(["" if c is None else c for c in cells])
    return stream.getvalue().removesuffix("\n").encode()


def _flat(row: Row, cells: Sequence[str] = COLUMNS) -> bytes:
    return b",".join(str(row[c]).encode("ascii", "ignore").translate(None, b'\n\t",') for c in cells)


CSV = (
    Damage("vote that nobody knows", "unknown label", lambda row, _: row | {"vote": "z"}),
    Damage("prompt blank", "no prompt", lambda row, _: row | {"q": ""}),
    Damage("a cell too many", "ragged row", lambda row, _: _flat(row) + b",more"),
    Damage("a cell too few", "ragged row", lambda row, _: _flat(row, COLUMNS[:3])),
    Damage("not UTF-8", "bad encoding", lambda row, _: _flat(row).replace(b"First", b"F\xefrst")),
    Damage("a quotation mark that nothing closes", "bad CSV", lambda row, _: _flat(row).replace(b",First", b',"First')),
    Damage("text behind a quotation mark", "bad CSV", lambda row, _: _flat(row).replace(b",First", b',"First" more ')),
)


def workbook(rows: Sequence[Planted], rng: Random) -> tuple[bytes, Lines]:
    made = Workbook(write_only=True)
    sheet = made.create_sheet("Votes")
    sheet.append(list(COLUMNS))
    lines, number = [], 2
    for planted in rows:
        if rng.random() < 0.05:
            sheet.append([])
            number += 1
        sheet.append([planted.content(rng)[c] for c in COLUMNS])
        lines.append(number)
        number += 1
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue(), lines


XLSX = (
    *VALUES[:2],
    Damage("a formula without a value", "bad cell", lambda row, _: row | {"vote": '=IF(1,"a","b")'}),
    Damage("an error", "bad cell", lambda row, _: row | {"one": "#REF!"}),
)


def _columns(rows: Sequence[Planted], rng: Random) -> pa.Table:
    found = [{"n": 0.5} | row.content(rng) for row in rows]
    return pa.Table.from_pylist(found, schema=pa.schema([*((c, pa.string()) for c in COLUMNS), ("n", pa.float64())]))


def parquet(rows: Sequence[Planted], rng: Random) -> tuple[bytes, Lines]:
    sink = pa.BufferOutputStream()
    pq.write_table(_columns(rows, rng), sink, row_group_size=700)
    return sink.getvalue().to_pybytes(), list(range(1, len(rows) + 1))


def arrow(rows: Sequence[Planted], rng: Random) -> tuple[bytes, Lines]:
    sink = pa.BufferOutputStream()
    found = _columns(rows, rng)
    with pa.ipc.new_stream(sink, found.schema) as writer:
        writer.write_table(found, max_chunksize=300)
    return sink.getvalue().to_pybytes(), list(range(1, len(rows) + 1))


TYPED = (*VALUES, Damage("an infinite number", "bad value", lambda row, _: row | {"n": float("-inf")}))


def packed(write: Writer, pack: Callable[[bytes], bytes]) -> Writer:
    def packing(rows: Sequence[Planted], rng: Random) -> tuple[bytes, Lines]:
        data, lines = write(rows, rng)
        return pack(data), lines

    return packing


def _zip(data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("inner/rows.jsonl", data)
        made.writestr("read.me", "nothing")
    return stream.getvalue()


def _tar(data: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as made:
        info = tarfile.TarInfo("./rows.csv")
        info.size = len(data)
        made.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def _zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


def _utf16(data: bytes) -> bytes:
    return data.decode().encode("utf-16")


LINE = (*VALUES, *TYPES, *JSON_TEXT, *JSON_LINE)
LISTED = (*VALUES, *TYPES, *JSON_TEXT)
VALID = tuple(
    d
    for d in LISTED
    if d.name in ("a key twice", "a key twice inside", "Infinity", "a number too large", "half a character")
)
DECODED = tuple(d for d in LINE if d.reason != "not UTF-8")

KINDS = (
    Kind("jsonl", ".jsonl", jsonl(), LINE),
    Kind("crlf", ".jsonl", jsonl(b"\r\n"), LINE),
    Kind("cr", ".jsonl", cr_lines, tuple(d for d in LISTED if d.reason != "not UTF-8"), share=0.3),
    Kind("utf16", ".jsonl", packed(jsonl(), _utf16), DECODED, share=0.5),
    Kind("bom", ".jsonl", packed(jsonl(), lambda data: b"\xef\xbb\xbf" + data), LINE, share=0.5),
    Kind("gz", ".jsonl.gz", packed(jsonl(), lambda data: gzip.compress(data, 1)), LINE),
    Kind("zst", ".jsonl.zst", packed(jsonl(), _zstd), LINE),
    Kind("zip", ".zip", packed(jsonl(), _zip), LINE),
    Kind("list", ".json", json_list(None), LISTED),
    Kind("pretty", ".json", json_list(2), LISTED),
    Kind("document", ".json", document, (*VALUES, *TYPES, *VALID), {"rows": "data.items"}),
    Kind("csv", ".csv", table(","), CSV),
    Kind("tar", ".tgz", packed(table(","), _tar), CSV, share=0.5),
    Kind("tsv", ".tsv", table("\t"), CSV[:2], share=0.5),
    Kind("xlsx", ".xlsx", workbook, XLSX, share=0.1),
    Kind("parquet", ".parquet", parquet, TYPED),
    Kind("arrow", ".arrow", arrow, TYPED, share=0.5),
)
INSIDE = {".zip": "/inner/rows.jsonl", ".tgz": "/rows.csv"}
"""The member of an archive that holds the rows."""
