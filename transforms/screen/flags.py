"""Flags as rows of the table `screening`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import pyarrow as pa

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.screen.benchmarks import BenchmarkIndex, contamination_flags
from prefcurate.transforms.screen.options import ScreenOptions
from prefcurate.transforms.screen.people import Votes, contradiction_flags
from prefcurate.transforms.screen.responses import Flag, Texts, flags_of_texts
from prefcurate.transforms.screen.rows import Row

SCHEMA = TABLES["screening"].schema


def flags_of_rows(
    rows: Sequence[Row],
    votes: Mapping[str, Votes],
    index: BenchmarkIndex,
    options: ScreenOptions,
    rephrased: Mapping[str, Flag] = MappingProxyType({}),
) -> pa.Table:
    """The flags that need no other shard. Rows of one prompt stand together, so that it is looked up once.

    Args:
        rows: comparisons.
        votes: of people, by comparison.
        index: of runs of words in benchmarks.
        options: thresholds.
        rephrased: by prompt, that it says a benchmark's item in other words.
    """
    found = []
    prompt_id, of_prompt = "", list[Flag]()
    of_texts = flags_of_texts([Texts(row.prompt, _question(row), row.a, row.b) for row in rows], options)
    for row, of_responses in zip(rows, of_texts, strict=True):
        if row.prompt_id != prompt_id:
            prompt_id, of_prompt = row.prompt_id, contamination_flags(row.prompt, row.messages, index)
            of_prompt += _besides(of_prompt, rephrased.get(prompt_id))
        contradictions = contradiction_flags(row.comparison_id, votes.get(row.comparison_id))
        flags = (*of_prompt, *of_responses, *contradictions)
        found += [flag_row(row.prompt_id, row.comparison_id, flag) for flag in flags]
    return pa.Table.from_pylist(found, schema=SCHEMA)


def _besides(found: Iterable[Flag], rephrased: Flag | None) -> Iterator[Flag]:
    """What is also there in other words; an item that is there word for word is not told twice."""
    known = {(flag.matched_source, flag.matched_id) for flag in found}
    if rephrased is not None and (rephrased.matched_source, rephrased.matched_id) not in known:
        yield rephrased


def _question(row: Row) -> str:
    return row.messages[-1] if row.messages else row.prompt


def flag_row(prompt_id: str, comparison_id: str, flag: Flag) -> dict[str, str | float | None]:
    """One row of the table."""
    return {
        "prompt_id": prompt_id,
        "comparison_id": comparison_id,
        "flag": flag.flag,
        "value": flag.value,
        "matched_source": flag.matched_source,
        "matched_id": flag.matched_id,
        "evidence": flag.evidence,
    }
