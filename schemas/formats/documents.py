"""Rows that lie at a path inside of one JSON document: `rows: data.items`, or `rows: .` where the document is an object of rows by their ids."""

import io
from collections.abc import Iterator
from typing import IO, Annotated, Any

from pydantic import AfterValidator

from prefcurate.schemas.formats.json_values import Twice, as_it_stands, rows_of
from prefcurate.schemas.formats.lines import MAX_DOCUMENT_BYTES, RAW_LIMIT, Guarded, JsonRow, parse_json
from prefcurate.schemas.formats.mapping_paths import ABSENT, Path, missing_message, parse_path, row_scope
from prefcurate.schemas.records import Unreadable


def _is_path(text: str) -> str:
    parse_path(text)
    return text


RowsPath = Annotated[str, AfterValidator(_is_path)]
"""A setting that is the path of the rows inside of a document."""


def rows_inside(stream: IO[bytes], path: Path, max_document: int = MAX_DOCUMENT_BYTES) -> Iterator[JsonRow]:
    """The elements of the list at a path, numbered from 1.

    A document without a list there, or one that cannot be read, is one row with a problem.
    """
    guard = Guarded(stream)
    data = io.BufferedReader(guard, 1 << 20).read(max_document + 1)
    problem = guard.problem
    if len(data) > max_document:
        problem = Unreadable("file too large", "the file is one JSON object; write it as JSON Lines")
    if problem is not None:
        yield JsonRow(1, None, data[:RAW_LIMIT].decode("utf-8", "replace"), problem)
        return
    if not data.strip():
        return
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raw = data[:RAW_LIMIT].decode("utf-8", "replace")
        detail = f"byte {error.start} is 0x{data[error.start]:02x}"
        yield JsonRow(1, None, raw, Unreadable("not UTF-8", detail))
        return
    whole = parse_json(1, text)
    value = whole.value if whole.problem is None else as_it_stands(text)
    if value is None and whole.problem is not None:
        yield whole
        return
    scope = row_scope(value)
    found = _by_key(path.find(scope))
    if not isinstance(found, list):
        yield JsonRow(1, None, whole.raw, _no_list(path, found, scope))
        return
    yield from rows_of(found)


KEY = "_key"
"""Where a row of an object of rows has its own key."""


def _by_key(found: Any) -> Any:
    """Of an object that holds nothing but objects, these as rows with their keys; anything else as it is."""
    if not isinstance(found, dict) or isinstance(found, Twice) or not found:
        return found
    are_rows = all(isinstance(row, dict) for row in found.values())
    return [type(row)({KEY: key, **row}) for key, row in found.items()] if are_rows else found


def _no_list(path: Path, found: Any, scope: Any) -> Unreadable:
    if found is ABSENT:
        missing = missing_message(path, scope).removeprefix(f"field {path.text!r} is not in the row")
        return Unreadable("no rows", f"`rows: {path.text}` is not in the document{missing}")
    kind = "an object" if isinstance(found, dict) else type(found).__name__
    return Unreadable("no rows", f"`rows: {path.text}` is {kind} where a list of rows should be")
