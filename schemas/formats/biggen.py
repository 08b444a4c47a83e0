"""BiGGen-Bench: a rubric and a reference answer for each instance (Kim et al. 2024, arXiv:2406.05761).

One JSON object of instances by their id, or a list or lines of them: `system_prompt`, `input`, `reference_answer`, `score_rubric` with
`criteria` and five `score{n}_description` (https://github.com/prometheus-eval/prometheus-eval, BiGGen-Bench). A file holds the answers of
one model (in the published sample the placeholder "Hello World!" everywhere), so there is nothing to compare: answers are not read.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit
from prefcurate.schemas.formats.lines import RAW_LIMIT, JsonRow, json_rows
from prefcurate.schemas.formats.rows import input_row, object_of, text_in, user, value_in
from prefcurate.schemas.records import Auxiliary, GivenMaterial, InputRow, Message


class BiggenReader(Reader):
    """Each instance is one row that gives its prompt a rubric and a reference answer, and no pair."""

    format: ClassVar[str] = "biggen"
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".jsonl")

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every instance of the unit's file, in file order."""
        with open_file(unit.file) as stream:
            for row in json_rows(stream):
                yield from (input_row(one, _materials, row_id="id") for one in _instances(row))


def _instances(row: JsonRow) -> Iterator[JsonRow]:
    """The instances of an object that names them by their ids; any other row as it is."""
    if not isinstance(row.value, dict) or not row.value or not all(isinstance(v, dict) for v in row.value.values()):
        yield row
        return
    for number, value in enumerate(row.value.values(), start=row.line):
        yield JsonRow(number, value, json.dumps(value, ensure_ascii=False)[:RAW_LIMIT])


def _materials(row: Mapping[str, Any]) -> Auxiliary:
    system = text_in(row, "system_prompt") if row.get("system_prompt") is not None else ""
    asked = user(text_in(row, "input", empty=False))
    rubric = object_of(value_in(row, "score_rubric"), "'score_rubric'")
    text_in(rubric, "criteria", empty=False)
    reference = text_in(row, "reference_answer") if row.get("reference_answer") is not None else ""
    materials = [GivenMaterial("rubric", json.dumps(rubric, sort_keys=True, ensure_ascii=False))]
    materials += [GivenMaterial("reference", reference)] if reference.strip() else []
    return Auxiliary((Message.of_text("system", system), *asked) if system.strip() else asked, tuple(materials))
