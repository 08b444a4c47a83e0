"""The texts that programs answer from, streamed in the order of the questions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from prefcurate.transforms.annotate.annotator import Question
from prefcurate.transforms.store.snapshot import Snapshot

ALL = ("", "g")
"""Ids are hexadecimal: every id lies between."""
ROWS = 512
"""Comparisons held as text at a time."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A question with what it is about; `asked` is the text of the last turn of the user (the whole prompt without one)."""

    question: Question
    asked: str
    response_a: str
    response_b: str


def texts(snapshot: Snapshot, shard: int, questions: Sequence[Question]) -> Iterator[Texts]:
    """The texts of questions about one shard, one comparison once, in the questions' order (by prompt and comparison)."""
    by_id = {question.comparison_id: question for question in questions}
    wanted = pa.table({"comparison_id": pa.array(by_id, pa.string())})
    with snapshot.connect(["comparisons"], shard) as connection:
        connection.register("wanted", wanted)
        query = (
            "SELECT comparison_id, prompt, prompt_text, response_a_text, response_b_text FROM comparisons "
            "SEMI JOIN wanted USING (comparison_id) WHERE prompt_id BETWEEN $first AND $last "
            "ORDER BY prompt_id, comparison_id"
        )
        params = dict(zip(("first", "last"), span(questions), strict=True))
        for batch in connection.sql(query, params=params).to_arrow_reader(ROWS):
            for row in batch.to_pylist():
                asked = last_user_text(row["prompt"]) or row["prompt_text"]
                yield Texts(by_id[row["comparison_id"]], asked, row["response_a_text"], row["response_b_text"])


def span(questions: Sequence[Question]) -> tuple[str, str]:
    """The first and last prompt of questions that are sorted by prompt: a range that skips row groups of sorted parts."""
    return (questions[0].prompt_id, questions[-1].prompt_id) if questions else ("", "")


def last_user_text(prompt: Iterable[Mapping[str, Any]]) -> str:
    """The text of the last turn of the user in a stored prompt, empty when there is none."""
    turns = [message for message in prompt if message["role"] == "user"]
    return "\n".join(part["text"] or "" for part in turns[-1]["content"]) if turns else ""


def materials(
    snapshot: Snapshot, shard: int, kind: str, questions: Sequence[Question] | None = None
) -> dict[str, tuple[str, ...]]:
    """The texts of one kind of material that sources gave, by prompt id (of the questions' prompts), each once, sorted."""
    first, last = ALL if questions is None else span(questions)
    with snapshot.connect(["materials"], shard) as connection:
        query = (
            "SELECT DISTINCT prompt_id, text FROM materials WHERE kind = $kind AND text <> '' "
            "AND prompt_id BETWEEN $first AND $last ORDER BY prompt_id, text"
        )
        found: dict[str, tuple[str, ...]] = {}
        for prompt_id, text in connection.sql(query, params={"kind": kind, "first": first, "last": last}).fetchall():
            found[prompt_id] = (*found.get(prompt_id, ()), text)
    return found
