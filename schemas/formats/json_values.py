"""One JSON value out of text that nobody has checked: whatever a careful reader would not guess about is a problem."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from prefcurate.schemas.records import Unreadable

RAW_LIMIT = 100_000
"""Characters of a row's raw text that are kept for quarantine."""


_HALF = re.compile("[\ud800-\udfff]")
_HALF_A_CHARACTER = Unreadable("not Unicode", "a lone surrogate, which is half of a character")


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


class _Doubled(ValueError):
    """A key stands twice in one object, and which value is meant nobody knows."""


def parse_json(line: int, text: str, *, nulls: bool = False) -> JsonRow:
    """One JSON value from text; infinities, lone surrogates, what is no JSON, and NaN unless `nulls` says that it is null, are problems."""
    try:
        value = (_WITH_NULLS if nulls else _STRICT).decode(text)
    except (ValueError, RecursionError) as error:
        return JsonRow(line, None, text[:RAW_LIMIT], bad_json(error))
    if "\\ud" in text or "\\uD" in text:  # only an escape can smuggle half a character through UTF-8
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            return JsonRow(line, None, text[:RAW_LIMIT], _HALF_A_CHARACTER)
    return JsonRow(line, value, text[:RAW_LIMIT])


class Twice(dict[str, Any]):
    """An object in which a key stands twice."""


def rows_of(value: list[Any]) -> Iterator[JsonRow]:
    """The elements of a list in a document as rows, each with what is wrong with it; see `as_it_stands`."""
    for number, element in enumerate(value, start=1):
        raw = json.dumps(element, ensure_ascii=False)
        if (twice := _twice_in(element)) is not None:
            raw = raw.encode("utf-8", "replace").decode()
            yield JsonRow(number, None, raw[:RAW_LIMIT], Unreadable("duplicate key", f"the key {twice!r} stands twice"))
        elif not raw.isascii() and _HALF.search(raw):
            raw = raw.encode("utf-8", "replace").decode()
            yield JsonRow(number, None, raw[:RAW_LIMIT], _HALF_A_CHARACTER)
        elif "NaN" in raw or "Infinity" in raw:
            yield replace(parse_json(number, raw), line=number)
        else:
            yield JsonRow(number, element, raw[:RAW_LIMIT])


def as_it_stands(text: str) -> Any:
    """A document although something in it is wrong, so that its other rows are not lost; None when it is no JSON."""
    try:
        return _AS_IT_STANDS.decode(text)
    except (ValueError, RecursionError):
        return None


def _twice_in(value: Any) -> str | None:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Twice):
            return str(item["twice"])
        waiting.extend(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
    return None


def is_whole(text: str) -> bool:
    """Whether text is one JSON value, whatever is wrong with what it says."""
    try:
        _LENIENT.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def end_of(text: str, start: int) -> int:
    """Where the value that starts in a text ends.

    Raises:
        ValueError: it does not.
        RecursionError: it is nested too deeply.
    """
    return _LENIENT.raw_decode(text, start)[1]


def is_cut_off(text: str, error: Exception) -> bool:
    """Whether what is wrong with text may be that it ends too early."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    # Half of a literal, of an escape or of a number ends a little before the end.
    return error.msg.startswith("Unterminated string") or error.pos >= len(text.rstrip()) - 12


def bad_json(error: Exception) -> Unreadable:
    """What is wrong, in words."""
    if isinstance(error, RecursionError):
        return Unreadable("bad JSON", "nested too deeply")
    if isinstance(error, _Doubled):
        return Unreadable("duplicate key", str(error))
    if isinstance(error, json.JSONDecodeError):
        return Unreadable("bad JSON", f"{error.msg.removesuffix(' at')} at character {error.pos + 1}")
    return Unreadable("bad JSON", str(error))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:40]} is too large a number")
    return value


def _null(name: str) -> None:
    return None if name == "NaN" else _no_constant(name)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _Doubled(f"the key {twice[:80]!r} stands twice in one object")
    return made


def _marked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    try:
        return _object(pairs)
    except _Doubled:
        keys = [key for key, _ in pairs]
        return Twice(dict(pairs) | {"twice": next(key for key in keys if keys.count(key) > 1)})


_AS_IT_STANDS = json.JSONDecoder(object_pairs_hook=_marked)
_WITH_NULLS = json.JSONDecoder(parse_constant=_null, parse_float=_finite, object_pairs_hook=_object)
_STRICT = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_object)
_LENIENT = json.JSONDecoder(parse_int=len)
"""Finds where an element ends, whatever numbers it holds."""
