"""What readers share: parsed rows into input rows, fields that must be there, tables that are joined, verdicts in text."""

import ast
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any

import pyarrow as pa

from prefcurate.schemas.formats.base import Opener, SourceFile, plain_name
from prefcurate.schemas.formats.json_values import parse_json
from prefcurate.schemas.formats.lines import RAW_LIMIT, JsonRow, json_rows
from prefcurate.schemas.records import Auxiliary, InputRow, Message, Pairs, ParseStatus, Unreadable, Verdict

Outcome = Pairs | Auxiliary | Unreadable
BROKEN_OFF = (OSError, EOFError, zlib.error, UnicodeError, pa.ArrowException)
"""What the rows of a file raise that breaks in its middle."""
TOO_DEEP = Unreadable("bad JSON", "nested too deeply")


class RowError(Exception):
    """A row that cannot be used: raised while a row is read, and turned into `Unreadable` by `input_rows`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def input_rows(
    stream: IO[bytes],
    build: Callable[[Mapping[str, Any]], Outcome],
    about: Any = None,
    row_id: str | None = None,
) -> Iterator[InputRow]:
    """Every row of a JSON file as an input row. `build` makes the outcome of an object and may raise `RowError`.

    `about` is what was taken from the file's name and so is part of what the row says; `row_id` names the field
    that holds the source's own id of the row.
    """
    for row in json_rows(stream):
        yield input_row(row, build, about, row_id)


def input_row(
    row: JsonRow, build: Callable[[Mapping[str, Any]], Outcome], about: Any = None, row_id: str | None = None
) -> InputRow:
    """One parsed row as an input row; see `input_rows`."""
    if row.problem is not None:
        return InputRow(row.line, [about, row.raw], row.problem, raw=row.raw)
    identity = row.value if about is None else [about, row.value]
    if not isinstance(row.value, dict):
        problem = Unreadable("not an object", f"the row is {_kind(row.value)}")
        return InputRow(row.line, identity, problem, raw=row.raw)
    given = row.value.get(row_id) if row_id else None
    try:
        outcome: Outcome = build(row.value)
    except RowError as error:
        outcome = Unreadable(error.reason, error.detail)
    except RecursionError:
        outcome = TOO_DEEP
    return InputRow(row.line, identity, outcome, row_id=given if isinstance(given, str) else None, raw=row.raw)


def auxiliary(_: Mapping[str, Any]) -> Auxiliary:
    """The outcome of a row that is joined into others."""
    return Auxiliary()


def text_in(row: Mapping[str, Any], key: str, *, empty: bool = True) -> str:
    """A field that must be text.

    Raises:
        RowError: it is missing, is no text, or is blank although `empty` is false.
    """
    value = value_in(row, key)
    if not isinstance(value, str):
        raise RowError("wrong type", f"{key!r} should be text and is {_kind(value)}")
    if not empty and not value.strip():
        raise RowError("empty field", f"{key!r} is blank")
    return value


def list_in(row: Mapping[str, Any], key: str) -> list[Any]:
    """A field that must be a list.

    Raises:
        RowError: it is missing or is no list.
    """
    value = held(value_in(row, key))
    if not isinstance(value, list):
        raise RowError("wrong type", f"{key!r} should be a list and is {_kind(value)}")
    return value


def optional_list(row: Mapping[str, Any], key: str) -> list[Any]:
    """A list that may be left out; empty where it is absent or null.

    Raises:
        RowError: it is something else.
    """
    return [] if row.get(key) is None else list_in(row, key)


def value_in(row: Mapping[str, Any], key: str) -> Any:
    """A field that must be there.

    Raises:
        RowError: it is missing.
    """
    if key not in row:
        raise RowError("field missing", f"there is no {key!r}; the row has {', '.join(map(repr, list(row)[:12]))}")
    return row[key]


def object_of(value: Any, what: str) -> Mapping[str, Any]:
    """A nested value that must be an object.

    Raises:
        RowError: it is not.
    """
    value = held(value)
    if not isinstance(value, dict):
        raise RowError("wrong type", f"{what} should be an object and is {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def json_in(text: str, where: str) -> Any:
    """The value of a cell that holds JSON, or a list or an object as Python prints it (what pandas writes into a CSV).

    Raises:
        RowError: it holds neither.
    """
    row = parse_json(0, text, nulls=True)
    if row.problem is None:
        return row.value
    if row.problem.reason == "bad JSON" and (printed := _printed(text)) is not None:
        return printed
    raise RowError(row.problem.reason, f"{where} should hold JSON: {row.problem.detail}")


PRINTED = 1_000_000
"""Characters of a Python literal that are read at most: reading one takes a hundred times its memory."""


def _printed(text: str) -> Any:
    """A list or an object as Python prints it, as JSON would give it; None for anything else."""
    if not text.lstrip().startswith(("[", "{")) or len(text) > PRINTED:
        return None
    try:
        row = parse_json(0, json.dumps(ast.literal_eval(text.strip()), allow_nan=False))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return row.value if row.problem is None else None


def held(text: Any) -> Any:
    """The list or the object that a cell holds as text, in JSON or as Python prints it; anything else as it is."""
    return _held(text) if isinstance(text, str) and text.startswith(("[", "{")) else text


# Each path into a cell asks again.
@lru_cache(maxsize=16)
def _held(text: str) -> Any:
    try:
        return json_in(text, "")
    except RowError:
        return text


def joined_rows(files: tuple[SourceFile, ...], open_file: Opener) -> Iterator[Mapping[str, Any]]:
    """The objects in files that are joined; their unreadable rows are reported when the files themselves are read."""
    for file in files:
        with open_file(file) as stream:
            for row in json_rows(stream):
                if isinstance(row.value, dict):
                    yield row.value


def file_name(file: SourceFile) -> str:
    """The last step of a file's address, without the ending of a compression."""
    return plain_name(file.address.rsplit("/", 1)[-1])


def folder_name(file: SourceFile) -> str:
    """The name of the folder that a file lies in; empty when its address has none."""
    return file.address.rsplit("/", 2)[-2] if file.address.count("/") else ""


def user(text: str) -> tuple[Message, ...]:
    """A prompt of one user turn."""
    return (Message.of_text("user", text),)


def assistant(text: str) -> tuple[Message, ...]:
    """A response of one assistant turn."""
    return (Message.of_text("assistant", text),)


@dataclass(frozen=True, slots=True)
class ParsedVerdict:
    """What a judge's text says, and whether it could be read."""

    verdict: Verdict | None
    status: ParseStatus


_BRACKETS = re.compile(r"\[\[\s*([ABC])\s*\]\]")
_OF_BRACKET = {"A": Verdict.FIRST, "B": Verdict.SECOND, "C": Verdict.TIE}


def bracket_verdict(text: str) -> ParsedVerdict:
    """The verdict of a judge that was told to end with [[A]], [[B]] or [[C]] (tie), A being the first response.

    A text with different verdicts counts as what its last line says, if that is one of them alone; "[[B]] is better
    than [[A]]" is unparsed rather than guessed. (MT-bench's own parser takes any [[A]] first; Zheng et al. 2023.)
    """
    if not text.strip():
        return ParsedVerdict(None, "empty")
    found = set(_BRACKETS.findall(text))
    if len(found) > 1:
        found = set(_BRACKETS.findall(text.rstrip().rsplit("\n", 1)[-1]))
    if len(found) != 1:
        return ParsedVerdict(None, "unparsed")
    return ParsedVerdict(_OF_BRACKET[found.pop()], "ok")


def raw_of(value: Any) -> str:
    """A row of a format that is no JSON, as text for quarantine."""
    return json.dumps(value, ensure_ascii=False)[:RAW_LIMIT].encode("utf-8", "replace").decode()
