"""The `mapping` reader: any file of rows, described in the configuration by what each field is called.

    fields:
      prompt: question                                a path (a.b[0]), a template "{instruction}\\n{input}", {constant: …}
      response_a: answer1
      response_b: answer2
      label: {path: vote, values: {"1": a, "2": b, "0": tie}}
      annotator: worker_id
      kind: {constant: person}
      order: {constant: ab}

Labels are about the row's own response_a and response_b; ingest alone turns them into stored orientation. A row without
a label (absent, null, blank) is a pair without one; a label that `values` does not know makes the row unreadable, and
says so, rather than a tie. Fields that name a prompt and its `reference`, `checks` or `rubric`, and no response, are kept for that prompt.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

from pydantic import field_validator

from prefcurate.schemas.formats.base import Opener, ReadUnit, SourceFile
from prefcurate.schemas.formats.file_names import is_called
from prefcurate.schemas.formats.gather import gathered
from prefcurate.schemas.formats.joins import JoinSpec, Table, auxiliary_rows, joined_into, names_used, planned
from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.formats.mapping_pairs import PairBuilder
from prefcurate.schemas.formats.mapping_row import Fields
from prefcurate.schemas.formats.tabular import TabularReader
from prefcurate.schemas.records import InputRow


class MappingReader(TabularReader):
    """Rows of any JSONL, JSON, CSV, TSV, XLSX, Parquet or Arrow file, described by `fields`."""

    format: ClassVar[str] = "mapping"
    added: ClassVar[frozenset[str]] = frozenset({"join"})
    fields: Fields
    join: tuple[JoinSpec, ...] = ()
    """Files whose rows are joined into those of the others (see `joins.py`)."""

    @field_validator("join")
    @classmethod
    def _names_of_joins(cls, given: tuple[JoinSpec, ...]) -> tuple[JoinSpec, ...]:
        names = [join.name for join in given]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two joins are called {twice!r}")
        return given

    def plan(self, files: Sequence[SourceFile]) -> list[ReadUnit]:
        """One unit a file; into those with pairs all others are joined."""
        if not self.join:
            return super().plan(files)
        joined = planned(self.join, sorted(files))
        for file, joins in joined.items():
            for join in joins:
                self._joined_by(join).check_file(file)
        units = super().plan([file for file in files if file not in joined])
        return sorted(
            [*(replace(unit, joined=tuple(joined)) for unit in units), *map(ReadUnit, joined)],
            key=lambda unit: unit.file,
        )

    def told_by_address(self, file: SourceFile) -> Any:
        """What the file is, what its name says, and whether it is joined into others."""
        joins = [join for join in self.join if is_called(file, join.files)]
        if not joins:
            return super().told_by_address(file)
        return {join.name: self._joined_by(join).told_by_address(file) for join in joins}

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every row of the file."""
        joins = [join for join in self.join if is_called(unit.file, join.files)]
        if joins:
            readers = [(join, self._joined_by(join)) for join in joins]
            yield from auxiliary_rows(readers, unit.file, open_file)
            return
        columns = self.has_columns(unit.file)
        tables = {join.name: Table.of(join, self._joined_by(join), unit.joined, open_file) for join in self.join}
        if self.fields.is_spread:
            yield from gathered(self.builder, lambda: joined_into(self.rows(unit.file, open_file), tables), columns)
            return
        for row in joined_into(self.rows(unit.file, open_file), tables):
            yield self.input_row(row, columns)

    def _joined_by(self, join: JoinSpec) -> TabularReader:
        """Reads the files of a join."""
        return self.model_copy(update={"file_name": join.file_name, "rows_at": join.rows_at, "join": ()})

    def input_row(self, row: JsonRow, columns: bool = False) -> InputRow:
        """One parsed row as an input row; `columns` says that all rows have the same keys."""
        return self.builder.input_row(row, columns)

    @cached_property
    def builder(self) -> "PairBuilder":
        """What makes pairs out of rows."""
        return PairBuilder(self.fields, names_used(self.join))
