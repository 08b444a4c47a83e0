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
says so, rather than a tie.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar

from prefcurate.schemas.formats.base import Opener, ReadUnit
from prefcurate.schemas.formats.gather import gathered
from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.formats.mapping_pairs import PairBuilder
from prefcurate.schemas.formats.mapping_row import Fields
from prefcurate.schemas.formats.tabular import TabularReader
from prefcurate.schemas.records import InputRow


class MappingReader(TabularReader):
    """Rows of any JSONL, JSON, CSV, TSV, Parquet or Arrow file, described by `fields`."""

    format: ClassVar[str] = "mapping"
    fields: Fields

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every row of the file."""
        columns = self.has_columns(unit.file)
        if self.fields.is_spread:
            yield from gathered(self.builder, lambda: self.rows(unit.file, open_file), columns)
            return
        for row in self.rows(unit.file, open_file):
            yield self.input_row(row, columns)

    def input_row(self, row: JsonRow, columns: bool = False) -> InputRow:
        """One parsed row as an input row; `columns` says that all rows have the same keys."""
        return self.builder.input_row(row, columns)

    @cached_property
    def builder(self) -> "PairBuilder":
        """What makes pairs out of rows."""
        return PairBuilder(self.fields)
