"""Rows of JSON Lines and JSON files, one by one, from files that nobody has checked.

Lines end at ``\\n`` alone (a raw U+2028 inside a string is text); a byte order mark is skipped; whatever cannot be read
is a row with a `problem` instead of an exception. Memory holds one row, or for a file that is one JSON object, the file.
"""

import codecs
import gzip
import io
import json
import math
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from prefcurate.schemas.records import Unreadable

MAX_ROW_BYTES = 64 * 2**20
"""A row longer than this is unreadable: it is a broken file, or a danger to memory."""
MAX_DOCUMENT_BYTES = 1024 * 2**20
"""A file that is one JSON object is read as a whole up to this size."""
RAW_LIMIT = 100_000
"""Characters of a row's raw text that are kept for quarantine."""
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


@dataclass(frozen=True, slots=True)
class JsonRow:
    """A parsed row, or why it cannot be read. `line` is the line in JSON Lines, the element's number (from 1) in a list."""

    line: int
    value: Any
    raw: str
    problem: Unreadable | None = None
    beside: Mapping[str, Any] | None = None
    """What was joined into an object, under keys of its own; no part of what the row itself says."""

    @property
    def whole(self) -> Any:
        """The value with what stands beside it."""
        return self.value if self.beside is None else {**self.value, **self.beside}


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
    whole = io.BufferedReader(guard, _CHUNK)
    if _starts_list(whole.peek(_CHUNK)):
        yield from _list_rows(guard, whole, max_bytes)
        return
    lines = _lines(guard, whole, max_bytes)
    first = next(lines, None)
    if first is None:
        return
    if first.problem is None and first.text.lstrip().startswith("{") and parse_json(1, first.text).problem is not None:
        yield from _document_rows(first, lines, max_document)
    else:
        yield from _line_rows(first, lines)


def _starts_list(head: bytes) -> bool:
    """Whether a file is one list, rather than lines each of which is a list."""
    head = head.removeprefix(_BOM).lstrip()
    if not head.startswith(b"["):
        return False
    line, _, rest = head.partition(b"\n")
    return not rest.strip() or parse_json(1, line.decode("utf-8", errors="replace")).problem is not None


def parse_json(line: int, text: str, *, nulls: bool = False) -> JsonRow:
    """One JSON value from text; infinities, lone surrogates, what is no JSON, and NaN unless `nulls` says that it is null, are problems."""
    try:
        value = (_WITH_NULLS if nulls else _STRICT).decode(text)
    except (ValueError, RecursionError) as error:
        return JsonRow(line, None, text[:RAW_LIMIT], _bad_json(error))
    if "\\ud" in text or "\\uD" in text:  # only an escape can smuggle half a character through UTF-8
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            detail = "a lone surrogate, which is half of a character"
            return JsonRow(line, None, text[:RAW_LIMIT], Unreadable("not Unicode", detail))
    return JsonRow(line, value, text[:RAW_LIMIT])


def _line_rows(first: Line, lines: Iterator[Line]) -> Iterator[JsonRow]:
    """JSON Lines. An object that is alone in its file may hold the rows in a list."""
    row = _of_line(first)
    second = next(lines, None)
    if second is None:
        yield from _rows_of_object(row)
        return
    yield row
    yield _of_line(second)
    for line in lines:
        yield _of_line(line)


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
        if size > max_document:
            problem = Unreadable("file too large", "the file is one JSON object; write it as JSON Lines")
            yield JsonRow(1, None, first.text[:RAW_LIMIT], problem)
            return
    broken = next((line for line in kept if line.problem is not None), None)
    row = parse_json(first.number, "\n".join(line.text for line in kept))
    if broken is None and row.problem is None:
        yield from _rows_of_object(row)
    elif any(_is_object(parse_json(line.number, line.text)) for line in kept[1:]):
        yield from (_of_line(line) for line in kept)
    else:
        yield row if broken is None else _of_line(broken)


def _is_object(row: JsonRow) -> bool:
    return isinstance(row.value, dict)


def _rows_of_object(row: JsonRow) -> Iterator[JsonRow]:
    rows = _list_inside(row.value)
    if row.problem is not None or rows is None:
        yield row
        return
    for number, value in enumerate(rows, start=1):
        yield JsonRow(number, value, json.dumps(value, ensure_ascii=False)[:RAW_LIMIT])


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


def _list_rows(guard: Guarded, stream: IO[bytes], max_bytes: int) -> Iterator[JsonRow]:
    """Elements of a JSON list as they come, without holding the list; after a broken element nothing can be trusted."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    text, number, ended = "", 0, False
    problem: Unreadable | None = None
    # Reads at least as much as waits, so that a long element is not tried again at each MiB.
    while not ended and len(text) <= max_bytes and (data := stream.read(max(_CHUNK, len(text)))):
        try:
            piece = decoder.decode(data)
        except UnicodeDecodeError as error:
            problem = _not_utf8(error.object, error)
            break
        elements, text, ended = _take_elements(text + piece if number or text else piece.lstrip()[1:])
        for raw in elements:
            number += 1
            yield parse_json(number, raw)
    if ended:
        yield from _after_list(number, text.strip() or _kept(stream.read(RAW_LIMIT)))
    else:
        problem = problem or guard.problem or _why_broken(text, max_bytes)
        yield JsonRow(number + 1, None, text[:RAW_LIMIT], problem)


def _take_elements(text: str) -> tuple[list[str], str, bool]:
    """The complete elements at the start of `text`, what is left, and whether the list ended."""
    elements: list[str] = []
    position = 0
    while True:
        start = _skip(text, position, ",")
        if text[start : start + 1] == "]":
            return elements, text[start + 1 :], True
        try:
            _, end = _LENIENT.raw_decode(text, start)
        except (ValueError, RecursionError):
            return elements, text[position:], False
        following = _skip(text, end)
        if text[following : following + 1] not in (",", "]"):
            return elements, text[position:], False
        elements.append(text[start:end])
        position = following


_SPACE = re.compile(r"[ \t\r\n]*")


def _skip(text: str, position: int, mark: str = "") -> int:
    """The next position behind white space, and behind one `mark` where it stands there."""
    position = _SPACE.match(text, position).end()  # type: ignore[union-attr]
    if mark and text.startswith(mark, position):
        return _skip(text, position + len(mark))
    return position


def _after_list(number: int, rest: str) -> Iterator[JsonRow]:
    if rest:
        yield JsonRow(number + 1, None, rest[:RAW_LIMIT], Unreadable("bad JSON", "text after the end of the list"))


def _why_broken(text: str, max_bytes: int) -> Unreadable:
    if len(text) > max_bytes:
        return Unreadable("row too large", f"more than {max_bytes:,} characters in one element")
    try:
        _LENIENT.raw_decode(text, _skip(text, 0, ","))
    except (ValueError, RecursionError) as error:
        return _bad_json(error)
    return Unreadable("bad JSON", "the list does not end, or a comma is missing")


def _bad_json(error: Exception) -> Unreadable:
    if isinstance(error, RecursionError):
        return Unreadable("bad JSON", "nested too deeply")
    if isinstance(error, json.JSONDecodeError):
        return Unreadable("bad JSON", f"{error.msg} at character {error.pos + 1}")
    return Unreadable("bad JSON", str(error))


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:40]} is too large a number")
    return value


def _null(name: str) -> None:
    return None


_WITH_NULLS = json.JSONDecoder(parse_constant=_null, parse_float=_finite)
_STRICT = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)
_LENIENT = json.JSONDecoder(parse_int=len)
"""Finds where an element ends, whatever numbers it holds."""
