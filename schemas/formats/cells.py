"""Records of files whose cells are separated by a character (CSV, TSV), one at a time, whatever state the file is in."""

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO, Literal

from prefcurate.schemas.formats.lines import MAX_ROW_BYTES, RAW_LIMIT, Guarded
from prefcurate.schemas.formats.looks import in_utf8, wrong_format
from prefcurate.schemas.records import Unreadable

_TRIED = 64
"""Lines that are looked at to see where to go on behind a wrong record."""
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
        encoding: how the text is encoded; a byte order mark says it as well, and is left out.
    """
    guard = Guarded(stream)
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    given = io.BufferedReader(guard, 1 << 20)
    problem = wrong_format(given.peek(1 << 20))
    if problem is not None:
        yield Cells(1, [], problem)
        return
    if encoding == "utf-8":
        given = in_utf8(given)  # spreadsheet programs write "Unicode text" in UTF-16, with a mark that says so
    text = io.TextIOWrapper(given, codec, "surrogateescape", newline="")
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
    lines = _Lines(text)
    reader = _reader(lines, delimiter, quote)
    width: int | None = None
    while True:
        lines.taken.clear()
        line = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raw = lines.taken[0].rstrip("\r\n")[:RAW_LIMIT] if lines.taken else ""
            if _has_swallowed(lines, delimiter, quote, width):
                # They are read again.
                detail = f"the row begins on line {line} with a quotation mark that is not closed there"
                lines.give_back()
            else:
                detail = f"{error}; the row begins on line {line} and was read to line {lines.number}"
            yield Cells(line, [raw], Unreadable("bad CSV", detail))
            continue
        if cells:
            width = width or len(cells)
            yield Cells(line, cells)


class _Lines:
    """Physical lines, of which those of the present record are kept, to be read again."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.number = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._text)
        if self.number == 0:
            line = line.removeprefix("\ufeff")
        self.number += 1
        self.taken.append(line)
        return line

    def ahead(self, count: int) -> list[str]:
        """The next lines, which are given again."""
        while len(self._again) < count and (line := next(self._text, None)) is not None:
            self._again.append(line)
        return list(islice(self._again, count))

    def give_back(self) -> None:
        """All lines of the record but its first."""
        self._again.extendleft(reversed(self.taken[1:]))
        self.number -= len(self.taken) - 1


def _has_swallowed(lines: _Lines, delimiter: str, quote: str, width: int | None) -> bool:
    """Whether a quotation mark that nothing closes has swallowed rows: read from the wrong record's second line on, what follows makes
    more sense than behind it.
    """
    tail = lines.taken[1:]
    if not tail or width is None or width < 2:
        return False
    if len(tail) > _TRIED:
        return _sense(tail[:_TRIED], delimiter, quote, width) > 0
    if _looks_like_a_row(tail[-1], delimiter, width):
        return True
    ahead = lines.ahead(_TRIED)
    return _sense([*tail, *ahead], delimiter, quote, width) > _sense(ahead, delimiter, quote, width)


def _looks_like_a_row(line: str, delimiter: str, width: int) -> bool:
    """Whether a line has as many cells as a row when quotation marks are ordinary text: its own may be the one that nothing closes."""
    try:
        return len(next(_reader(iter([line]), delimiter, ""))) == width
    except (csv.Error, StopIteration):
        return False


def _sense(lines: list[str], delimiter: str, quote: str, width: int) -> int:
    """How many records are like the others, less those that are not."""
    reader, sense = _reader(iter(lines), delimiter, quote), 0
    while True:
        try:
            sense += 1 if len(next(reader)) == width else -1
        except StopIteration:
            return sense
        except csv.Error:
            sense -= 1


def _reader(lines: Iterator[str], delimiter: str, quote: str) -> Iterator[list[str]]:
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    return csv.reader(lines, delimiter=delimiter, quotechar=quote or None, quoting=quoting, strict=True)
