"""Rows of JSON Lines and JSON files, one by one, from files that nobody has checked.

Lines end at ``\\n`` (a raw U+2028 inside a string is text), or at a lone ``\\r`` where whole rows stand between; a byte order mark is
skipped, UTF-16 understood by its mark; whatever cannot be read is a row with a `problem` instead of an exception. Memory holds one row, or for a file that is one JSON object, the file.
"""

import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import IO, Any

from prefcurate.schemas.formats.json_lists import list_rows
from prefcurate.schemas.formats.json_values import RAW_LIMIT as RAW_LIMIT
from prefcurate.schemas.formats.json_values import JsonRow as JsonRow
from prefcurate.schemas.formats.json_values import as_it_stands, is_cut_off, is_whole, rows_of
from prefcurate.schemas.formats.json_values import parse_json as parse_json
from prefcurate.schemas.formats.looks import in_utf8, wrong_format
from prefcurate.schemas.records import Unreadable

MAX_ROW_BYTES = 64 * 2**20
"""A row longer than this is unreadable: it is a broken file, or a danger to memory."""
MAX_DOCUMENT_BYTES = 1024 * 2**20
"""A file that is one JSON object is read as a whole up to this size."""
LIST_KEYS = ("data", "rows", "examples", "items", "instances", "records")
"""Keys of a JSON object under which its rows are looked for; a list of objects that stands alone is taken too."""

_BOM = b"\xef\xbb\xbf"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text file, or why it cannot be read. `number` counts from 1, blank lines included."""

    number: int
    text: str
    problem: Unreadable | None = None


class Guarded(io.RawIOBase):
    """A stream that may be broken off: it ends where its compressed data breaks, and `problem` says so afterwards.

    Closing it leaves the stream below open: that belongs to whoever opened it.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        # A full read would drop what it had got when it meets a break; read1 gives what there is.
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self.problem: Unreadable | None = None

    def readable(self) -> bool:
        """For `io.BufferedReader`."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer unless the stream ends or breaks; what stands before a break is not lost."""
        filled = 0
        while filled < len(buffer) and (data := self._some(len(buffer) - filled)):
            buffer[filled : filled + len(data)] = data
            filled += len(data)
        return filled

    def _some(self, size: int) -> bytes:
        if self.problem is not None:
            return b""
        try:
            return self._read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.problem = Unreadable("file broken off", f"the compressed data ends or breaks here: {error}")
            return b""


def text_lines(stream: IO[bytes], max_bytes: int = MAX_ROW_BYTES) -> Iterator[Line]:
    """Every line that is not blank, decoded from UTF-8; a file that breaks off ends with a line that says so."""
    guard = Guarded(stream)
    yield from _lines(guard, io.BufferedReader(guard, _CHUNK), max_bytes)


def _lines(guard: Guarded, stream: IO[bytes], max_bytes: int) -> Iterator[Line]:
    number = 0
    while data := stream.readline(max_bytes + 1):
        number += 1
        if len(data) > max_bytes and not data.endswith(b"\n"):
            size = len(data) + _skip_rest(stream)
            yield Line(number, _kept(data), Unreadable("row too large", f"{size:,} bytes on one line"))
            continue
        if guard.problem is not None and not data.endswith(b"\n"):
            yield Line(number, _kept(data), guard.problem)
            return
        line = _decode(number, data.removeprefix(_BOM) if number == 1 else data)
        if line.problem is not None or line.text.strip():
            yield line
    if guard.problem is not None:
        yield Line(number + 1, "", guard.problem)


def _skip_rest(stream: IO[bytes]) -> int:
    skipped = 0
    while data := stream.readline(_CHUNK):
        skipped += len(data)
        if data.endswith(b"\n"):
            break
    return skipped


def _decode(number: int, data: bytes) -> Line:
    try:
        return Line(number, data.decode("utf-8").removesuffix("\n").removesuffix("\r"))
    except UnicodeDecodeError as error:
        return Line(number, _kept(data), _not_utf8(data, error))


def _not_utf8(data: bytes, error: UnicodeDecodeError) -> Unreadable:
    return Unreadable("not UTF-8", f"byte {error.start} is 0x{data[error.start]:02x}")


def _kept(data: bytes) -> str:
    return data[:RAW_LIMIT].decode("utf-8", errors="replace").strip()


def json_rows(
    stream: IO[bytes], *, max_bytes: int = MAX_ROW_BYTES, max_document: int = MAX_DOCUMENT_BYTES
) -> Iterator[JsonRow]:
    """Rows of a file that holds JSON Lines, a JSON list, or one JSON object with a list of rows in it.

    Which of them it is shows in its beginning: a list starts with ``[``; an object that ends on its line is JSON
    Lines, as is anything that is no JSON document as a whole.
    """
    guard = Guarded(stream)
    given = io.BufferedReader(guard, _CHUNK)
    problem = wrong_format(given.peek(_CHUNK))
    if problem is not None:
        yield JsonRow(1, None, _kept(given.peek(_CHUNK)[:1000]), problem)
        return
    whole = in_utf8(given)
    if _starts_list(whole.peek(_CHUNK)):
        yield from _list_rows(guard, whole, max_bytes)
        return
    lines = _lines(guard, whole, max_bytes)
    first = next(lines, None)
    if first is None:
        return
    if first.problem is None and first.text.lstrip().startswith("{") and _is_beginning(first.text):
        yield from _document_rows(first, lines, max_document)
    else:
        yield from _line_rows(first, lines)


def _starts_list(head: bytes) -> bool:
    """Whether a file is one list, rather than lines each of which is a list."""
    head = head.removeprefix(_BOM).lstrip()
    if not head.startswith(b"["):
        return False
    line, _, rest = head.partition(b"\n")
    return not rest.strip() or not is_whole(line.decode("utf-8", errors="replace"))


def _is_beginning(text: str) -> bool:
    """Whether a first line is no JSON because it ends too early: inside of a string no document breaks its lines."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return not error.msg.startswith("Unterminated string") and is_cut_off(text, error)
    except (ValueError, RecursionError):
        pass
    return False


def _list_rows(guard: Guarded, stream: io.BufferedReader, max_bytes: int) -> Iterator[JsonRow]:
    for row in list_rows(stream, max_bytes):
        # Nothing follows where a file breaks off.
        lost = row.problem is not None and guard.problem is not None and row.problem.detail.endswith("could be read")
        yield replace(row, problem=guard.problem) if lost else row


def _line_rows(first: Line, lines: Iterator[Line]) -> Iterator[JsonRow]:
    """JSON Lines. An object that is alone in its file may hold the rows in a list."""
    second = next(lines, None)
    if second is None and "\r" not in first.text:
        yield from _rows_of_object(_of_line(first), first.text)
        return
    yield from _of_lines(first)
    if second is not None:
        yield from _of_lines(second)
    for line in lines:
        yield from _of_lines(line)


def _of_lines(line: Line) -> Iterator[JsonRow]:
    """A line's row, or several where lone carriage returns end them."""
    row = _of_line(line)
    if row.problem is not None and line.problem is None and "\r" in line.text:
        pieces = [parse_json(line.number, piece) for piece in line.text.split("\r") if piece.strip()]
        if len(pieces) > 1 and any(map(_is_object, pieces)):
            yield from pieces
            return
    yield row


def _of_line(line: Line) -> JsonRow:
    if line.problem is not None:
        return JsonRow(line.number, None, line.text, line.problem)
    return parse_json(line.number, line.text)


def _document_rows(first: Line, lines: Iterator[Line], max_document: int) -> Iterator[JsonRow]:
    """A file whose first line is only the beginning of an object: one document, or JSON Lines whose first is broken."""
    kept, size = [first], len(first.text)
    for line in lines:
        kept.append(line)
        size += len(line.text)
        if size > max_document and any(map(_is_object, map(_of_line, kept[1:100]))):
            # Lines, of which the first is cut off.
            for known in kept:
                yield from _of_lines(known)
            for more in lines:
                yield from _of_lines(more)
            return
        if size > max_document:
            problem = Unreadable("file too large", "the file is one JSON object; write it as JSON Lines")
            yield JsonRow(1, None, first.text[:RAW_LIMIT], problem)
            return
    broken = next((line for line in kept if line.problem is not None), None)
    text = "\n".join(line.text for line in kept)
    row = parse_json(first.number, text)
    if broken is None and (row.problem is None or as_it_stands(text) is not None):
        yield from _rows_of_object(row, text)
    elif any(_is_object(parse_json(line.number, line.text)) for line in kept[1:]):
        for line in kept:
            yield from _of_lines(line)
    else:
        yield row if broken is None else _of_line(broken)


def _is_object(row: JsonRow) -> bool:
    return isinstance(row.value, dict)


def _rows_of_object(row: JsonRow, text: str) -> Iterator[JsonRow]:
    rows = _list_inside(row.value if row.problem is None else as_it_stands(text))
    if rows is None:
        yield row
    else:
        yield from rows_of(rows)


def _list_inside(value: Any) -> list[Any] | None:
    if not isinstance(value, dict):
        return None
    lists: dict[str, list[Any]] = {key: item for key, item in value.items() if _is_rows(item)}
    named = [key for key in LIST_KEYS if key in lists]
    if named:
        return lists[named[0]]
    return next(iter(lists.values())) if len(lists) == 1 == len(value) else None


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
