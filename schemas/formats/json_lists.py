"""Rows of a file that is one JSON list, as they come, without holding the list.

A broken element is one row with a problem. Where the elements stand on lines of their own, as nearly all programs write them, reading
goes on behind it: no JSON string holds a line break, so a line that is indented like the first element and opens an object begins
another one. In a list that is one line nothing behind a broken element can be trusted.
"""

import codecs
import io
import json
import re
from collections.abc import Iterator
from typing import IO

from prefcurate.schemas.formats.json_values import (
    RAW_LIMIT,
    JsonRow,
    bad_json,
    end_of,
    is_cut_off,
    parse_json,
)
from prefcurate.schemas.records import Unreadable

_CHUNK = 1 << 20
_KEPT = 1 << 12
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
_SPACE = re.compile(r"[ \t\r\n]*")


def list_rows(stream: io.BufferedReader, max_bytes: int) -> Iterator[JsonRow]:
    """Every element of a list, numbered from 1. Where the stream breaks off is a problem of the caller's."""
    source = _Elements(stream, max_bytes)
    number = 0
    while (raw := source.next()) is not None:
        number += 1
        yield _row(number, raw, source.problem)
        if source.is_lost:
            return
    rest = source.rest()
    if rest:
        yield _row(number + 1, rest, Unreadable("bad JSON", "text after the end of the list"))


def _row(number: int, raw: str, problem: Unreadable | None) -> JsonRow:
    if not raw.isascii() and _ESCAPED_BYTE.search(raw):
        why = problem.detail if problem is not None else "the element holds bytes that are not UTF-8"
        problem = Unreadable("not UTF-8", why)
        raw = raw.encode("utf-8", "replace").decode()
    return parse_json(number, raw) if problem is None else JsonRow(number, None, raw[:RAW_LIMIT], problem)


class _Elements:
    """The elements' texts one by one. `problem` is about the one given last; `is_lost` says that nothing more can be read."""

    def __init__(self, stream: IO[bytes], max_bytes: int) -> None:
        self._stream, self._max = stream, max_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._text, self._at = "", 0
        self._is_finished = False
        self._start: re.Pattern[str] | None = None
        self.problem: Unreadable | None = None
        self.is_lost = False
        self._more()
        self._text = self._text.lstrip()[1:]

    def rest(self) -> str:
        """What stands behind the list."""
        return self._text[self._at :].strip() or self._stream.read(RAW_LIMIT).decode("utf-8", "replace").strip()

    def next(self) -> str | None:
        """The next element; None at the end of the list."""
        self.problem = None
        while True:
            start = self._skip(self._skip(self._at), ",")
            if self._text[start : start + 1] == "]":
                self._at = start + 1
                return None
            if self._start is None:
                self._note_indent(start)
            error = self._take(start)
            if error is None:
                return self._taken
            if not self._is_finished and is_cut_off(self._text, error) and len(self._text) - start <= self._max:
                self._cut()
                self._more()
                continue
            return self._broken(start, error)

    def _take(self, start: int) -> Exception | None:
        try:
            end = end_of(self._text, start)
        except (ValueError, RecursionError) as error:
            return error
        following = self._skip(end)
        mark = self._text[following : following + 1]
        if mark not in (",", "]"):
            # Said like what is cut off, which it may be.
            return _no_comma(self._text, following, mark)
        self._taken = self._text[start:end]
        self._at = following
        return None

    def _broken(self, start: int, error: Exception) -> str:
        self._at = start
        head, is_large = self._text[start : start + RAW_LIMIT], len(self._text) - start > self._max
        is_end = not self._text[start:].strip()
        said = _at_element(error, start)
        found = self._resumed()
        if is_large:
            self.problem = Unreadable("row too large", f"more than {self._max:,} characters in one element")
        elif is_end:
            self.problem = Unreadable("bad JSON", "the list does not end, or a comma is missing")
        else:
            self.problem = said
        lost = head if found is None else head[: max(1, found - self._at)]
        if found is None:
            self.is_lost = True
            detail = f"{self.problem.detail}; nothing behind it in this file could be read"
            self.problem = Unreadable(self.problem.reason, detail)
        else:
            self._at = found
        return lost

    def _resumed(self) -> int | None:
        """Where the next element begins behind a broken one."""
        while self._start is not None:
            found = self._start.search(self._text, self._at + 1)
            if found is not None:
                return found.end()
            closed = _END.search(self._text, self._at + 1) if self._is_finished else None
            if closed is not None:
                return closed.end() - 1
            if self._is_finished:
                return None
            if len(self._text) - self._at > self._max:
                # Whatever it is, it is not held.
                self._text, self._at = self._text[-_KEPT:], 0
            self._cut()
            self._more()
        return None

    def _note_indent(self, start: int) -> None:
        line = self._text.rfind("\n", 0, start)
        if line >= 0 and not self._text[line + 1 : start].strip():
            self._start = re.compile(rf"\n{re.escape(self._text[line + 1 : start])}(?=[{{\[])")

    def _skip(self, position: int, mark: str = "") -> int:
        """The next position behind white space, and behind one `mark` where it stands there."""
        position = _SPACE.match(self._text, position).end()  # type: ignore[union-attr]
        if mark and self._text.startswith(mark, position):
            return self._skip(position + len(mark))
        return position

    def _cut(self) -> None:
        self._text, self._at = self._text[self._at :], 0

    def _more(self) -> None:
        # Reads at least as much as waits, so that a long element is not tried again at each MiB.
        data = self._stream.read(max(_CHUNK, len(self._text)))
        self._is_finished = not data
        self._text += self._decoder.decode(data, final=not data)


_END = re.compile(r"\n[ \t]*\](?=\s*\Z)")


def _no_comma(text: str, position: int, mark: str) -> ValueError:
    return json.JSONDecodeError("the list does not end, or a comma is missing", text, position)


def _at_element(error: Exception, start: int) -> Unreadable:
    if isinstance(error, json.JSONDecodeError):
        return Unreadable(
            "bad JSON", f"{error.msg.removesuffix(' at')} at character {error.pos - start + 1} of the element"
        )
    return bad_json(error)
