"""Files of a source whose rows are joined into the rows of the others, by a key.

    join:
      - as: answer_1                      the row that is found lies at answer_1.… in the rows of the other files
        files: "answers/*.jsonl"          the files whose rows are joined; they hold no pairs of their own
        key: "{model_id}/{question_id}"   of a joined row
        on: "{model_1}/{question_id}"     of the row that it is joined into

What is joined is held in memory while a file is read.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pydantic import ConfigDict, Field, model_validator

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.formats.base import Lasting, Opener, SourceFile
from prefcurate.schemas.formats.documents import RowsPath
from prefcurate.schemas.formats.file_names import FILE, NAME, NamePattern, is_called
from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.formats.mapping_fields import FieldSpec, Looker
from prefcurate.schemas.formats.mapping_paths import Missing, Path, look_up, row_scope
from prefcurate.schemas.formats.mapping_template import Template
from prefcurate.schemas.formats.mapping_values import is_nothing
from prefcurate.schemas.formats.rows import RowError, raw_of
from prefcurate.schemas.formats.tabular import TabularReader
from prefcurate.schemas.records import Auxiliary, InputRow, Unreadable


class JoinSpec(Lasting):
    """One join."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: str = Field(alias="as", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """What the row that is found is called in the rows of the other files."""
    files: str = Field(min_length=1)
    """A pattern of the last steps of a file's address: answers.csv, answers/*.jsonl."""
    key: FieldSpec
    on: FieldSpec
    file_name: NamePattern | None = None
    """What the names of the joined files say: a pattern whose groups lie at `@file.…` in their rows, for `key`."""
    rows_at: RowsPath | None = Field(default=None, alias="rows")
    """JSON: the field path of the list of rows inside the joined document."""

    @model_validator(mode="before")
    @classmethod
    def _on_is_a_word(cls, given: Any) -> Any:
        # YAML reads a bare `on` as true.
        return (
            {"on" if key is True else key: value for key, value in given.items()} if isinstance(given, dict) else given
        )


@dataclass(frozen=True, slots=True)
class Several:
    """Rows that differ and have one key, where one was looked for."""

    rows: int


def planned(joins: Sequence[JoinSpec], files: Sequence[SourceFile]) -> dict[SourceFile, list[JoinSpec]]:
    """The files that are joined, each with its joins.

    Raises:
        ValueError: a pattern matches no file, or no file is left whose rows could be pairs.
    """
    joined: dict[SourceFile, list[JoinSpec]] = {}
    for join in joins:
        found = [file for file in files if is_called(file, join.files)]
        if not found:
            names = ", ".join(file.name for file in files[:6]) + (", …" if len(files) > 6 else "")
            raise ValueError(f"join {join.name!r}: no file of the source is called {join.files!r}; its files: {names}")
        for file in found:
            joined.setdefault(file, []).append(join)
    if len(joined) == len(files):
        raise ValueError(
            "every file of the source is joined into others; `path` must also name those that hold the pairs"
        )
    return joined


def key_of(spec: FieldSpec, value: Any) -> str | None:
    """A row's key; None where a part of it is missing.

    Raises:
        RowError: a part of it is no name or number, or looks like a typing error.
    """
    look, scope = Looker(frozenset(path.first() or "" for path in spec.paths())), row_scope(value)
    if isinstance(spec.parsed, Template) and any(is_nothing(look_up(path, scope, look.used)) for path in spec.paths()):
        return None
    return look.text(spec, scope)


class Table:
    """The rows of a join by their key."""

    def __init__(self, join: JoinSpec) -> None:
        self._join = join
        self._rows: dict[str, Any] = {}

    @classmethod
    def of(cls, join: JoinSpec, reader: TabularReader, files: Sequence[SourceFile], open_file: Opener) -> "Table":
        """The table of a join's files. What cannot be read of them is reported where they are read themselves."""
        table = cls(join)
        for file in files:
            if is_called(file, join.files):
                table._load(reader.rows(file, open_file))
        return table

    def _load(self, rows: Iterable[JsonRow]) -> None:
        try:
            for row in rows:
                if row.problem is None and isinstance(row.value, Mapping):
                    self._add(row.value)
        except (EOFError, zlib.error, UnicodeError, pa.ArrowException):
            return
        except OSError as error:
            # Without a number it is the data that are broken, not the way to them.
            if error.errno is not None:
                raise

    def _add(self, value: Mapping[str, Any]) -> None:
        try:
            key = key_of(self._join.key, value)
        except RowError:
            return  # the row says so itself, where its file is read
        if key is None:
            return
        known = self._rows.setdefault(key, value)
        if isinstance(known, Several):
            self._rows[key] = Several(known.rows + 1)
        elif known is not value and stable_hash("joined", known) != stable_hash("joined", value):
            self._rows[key] = Several(2)

    def partner(self, value: Any) -> Any:
        """What is joined into a row: a row, or why there is none."""
        join = self._join
        try:
            key = key_of(join.on, value)
        except RowError as error:
            return Missing(f"nothing is joined as {join.name!r}: {error.detail}")
        if key is None:
            return Missing(f"nothing is joined as {join.name!r}: the row's key ({join.on}) is not whole")
        found = self._rows.get(key)
        if found is None:
            return Missing(f"no row of {join.files!r} has the key {key!r}")
        if isinstance(found, Several):
            return Missing(f"{found.rows} rows of {join.files!r} have the key {key!r}, and they differ")
        return found


def joined_into(rows: Iterator[JsonRow], tables: Mapping[str, Table]) -> Iterator[JsonRow]:
    """Rows, each beside what is joined into it."""
    return (_beside(row, tables) for row in rows) if tables else rows


def _beside(row: JsonRow, tables: Mapping[str, Table]) -> JsonRow:
    if row.problem is not None or not isinstance(row.value, Mapping):
        return row
    beside = {name: table.partner(row.value) for name, table in tables.items()}
    return JsonRow(row.line, row.value, row.raw, beside=beside)


def auxiliary_rows(
    readers: Sequence[tuple[JoinSpec, TabularReader]], file: SourceFile, open_file: Opener
) -> Iterator[InputRow]:
    """The rows of a file that is joined; one without a key for any of its joins is unreadable."""
    join, reader = readers[0]
    for row in reader.rows(file, open_file):
        if row.problem is not None:
            yield InputRow(row.line, ["unreadable", row.raw], row.problem, raw=row.raw)
            continue
        problem = _without_key(readers, file, row.value)
        outcome = problem if problem is not None else Auxiliary()
        yield InputRow(row.line, ["joined", row.value], outcome, raw=row.raw or raw_of(row.value))


def _without_key(readers: Sequence[tuple[JoinSpec, TabularReader]], file: SourceFile, value: Any) -> Unreadable | None:
    if not isinstance(value, Mapping):
        return Unreadable("not an object", f"the row is {str(value)[:80]!r}")
    why = None
    for join, reader in readers:
        about = {FILE: reader.told_by_name(file) | {NAME: file.name}}
        try:
            if key_of(join.key, {**value, **about}) is not None:
                return None
            why = why or Unreadable("field missing", f"the key of join {join.name!r} ({join.key}) is not whole")
        except RowError as error:
            why = why or Unreadable(error.reason, error.detail)
    return why


def names_used(joins: Sequence[JoinSpec]) -> frozenset[str]:
    """The top-level keys of the rows that the joins look for, and those that they add."""
    paths: list[Path] = [path for join in joins for path in join.on.paths()]
    return frozenset(name for path in paths if (name := path.first()) is not None) | {join.name for join in joins}
