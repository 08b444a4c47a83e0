"""Records of files whose cells are separated by a character (CSV, TSV), one at a time, whatever state the file is in."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Literal

from prefcurate.schemas.formats.lines import MAX_ROW_BYTES, Guarded
from prefcurate.schemas.records import Unreadable

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Cells:
    """A record: the line on which it begins, its cells, and what is wrong with it as a record, if anything."""

    line: int
    cells: list[str]
    problem: Unreadable | None = None


def cell_records(stream: IO[bytes], delimiter: str, quote: str = '"', encoding: str = "utf-8") -> Iterator[Cells]:
    """Every record of a file; blank lines are no records.

    Bytes that are not of the encoding come as lone surrogates, so that they end no file; `is_broken` finds them. Where the
    compressed data breaks off, the record before the break may be cut anywhere, and still look whole: it is given as a problem.

    Args:
        stream: the file, decompressed.
        delimiter: what separates cells.
        quote: what encloses cells; empty when quotation marks are ordinary text.
        encoding: how the text is encoded; a byte order mark of UTF-8 is left out.
    """
    guard = Guarded(stream)
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    text = io.TextIOWrapper(io.BufferedReader(guard, 1 << 20), codec, "surrogateescape", newline="")
    last: Cells | None = None
    for record in _parsed(text, delimiter, quote):
        if last is not None:
            yield last
        last = record
    if guard.problem is not None:
        yield Cells(last.line, last.cells, guard.problem) if last is not None else Cells(1, [], guard.problem)
    elif last is not None:
        yield last


def is_broken(text: str) -> bool:
    """Whether text holds lone surrogates: bytes that were not of the encoding."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def _parsed(text: IO[str], delimiter: str, quote: str) -> Iterator[Cells]:
    csv.field_size_limit(MAX_ROW_BYTES)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    reader = csv.reader(text, delimiter=delimiter, quotechar=quote or None, quoting=quoting, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            detail = f"{error}; the row begins on line {line} and was read to line {reader.line_num}"
            yield Cells(line, [], Unreadable("bad CSV", detail))
            continue
        if cells:
            yield Cells(line, cells)
