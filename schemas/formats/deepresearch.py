"""DeepResearch Bench: weighted criteria for each research task (Du et al. 2025, arXiv:2506.11763).

``criteria_data/criteria.jsonl`` has for each `prompt` a `dimension_weight` and under `criterions` a list of `criterion`, `explanation` and
`weight` for each dimension; the weights of a list sum to 1. ``prompt_data/query.jsonl`` has the same prompts with topic and language
(https://github.com/Ayanami0730/deep_research_bench). There are no answers, so there is nothing to compare.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit
from prefcurate.schemas.formats.rows import RowError, input_rows, list_in, object_of, text_in, user, value_in
from prefcurate.schemas.records import Auxiliary, GivenMaterial, InputRow


class DeepresearchReader(Reader):
    """Each row of criteria gives its prompt a rubric, and no pair; rows of queries say nothing that those do not say."""

    format: ClassVar[str] = "deepresearch"
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl",)

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every row of the unit's file, in file order."""
        with open_file(unit.file) as stream:
            yield from input_rows(stream, _materials)


def _materials(row: Mapping[str, Any]) -> Auxiliary:
    prompt = user(text_in(row, "prompt", empty=False))
    if "criterions" not in row and "topic" in row:
        return Auxiliary()
    dimensions = object_of(value_in(row, "criterions"), "'criterions'")
    weights = object_of(value_in(row, "dimension_weight"), "'dimension_weight'")
    for name in dimensions:
        _weight(weights, name)
        for one in list_in(dimensions, name):
            text_in(object_of(one, "a criterion"), "criterion", empty=False)
            _weight(one, "weight")
    rubric = {"dimension_weight": weights, "criterions": dimensions}
    return Auxiliary(prompt, (GivenMaterial("rubric", json.dumps(rubric, sort_keys=True, ensure_ascii=False)),))


def _weight(row: Mapping[str, Any], key: str) -> None:
    weight = value_in(row, key)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1:
        raise RowError("wrong type", f"{key!r} should be a weight from 0 to 1 and is {str(weight)[:40]!r}")
