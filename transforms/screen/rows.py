"""The comparisons of a shard as small rows of text, in portions that fit in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from prefcurate.transforms.store.snapshot import Snapshot

PORTION = 1_000_000
"""Characters of a portion."""
LONGEST = 200_000
"""Characters of a text that near duplicates are judged by; what follows is not looked at."""
_COLUMNS = (
    "comparison_id",
    "prompt_id",
    "conversation_id",
    "prompt",
    "prompt_text",
    "response_a_text",
    "response_b_text",
    "origin",
)


@dataclass(frozen=True, slots=True)
class Row:
    """A comparison: ids, the whole prompt as text, the texts of its messages, both responses."""

    comparison_id: str
    prompt_id: str
    conversation_id: str
    prompt: str
    messages: tuple[str, ...]
    a: str
    b: str


def portions(snapshot: Snapshot, shard: int) -> Iterator[list[Row]]:
    """The comparisons of a shard (no probes) in order of (prompt_id, comparison_id)."""
    rows: list[Row] = []
    size = 0
    for batch in snapshot.batches("comparisons", shard, _COLUMNS, rows=256):
        for row in _rows(batch):
            rows.append(row)
            size += len(row.prompt) + len(row.a) + len(row.b)
            if size >= PORTION:
                yield rows
                rows, size = [], 0
    if rows:
        yield rows


def _rows(batch: pa.RecordBatch) -> Iterator[Row]:
    for row in batch.to_pylist():
        if row["origin"] == "probe":
            continue
        messages = tuple(_texts(row["prompt"])) if len(row["prompt"]) > 1 else ()
        yield Row(
            row["comparison_id"],
            row["prompt_id"],
            row["conversation_id"],
            row["prompt_text"],
            messages,
            row["response_a_text"],
            row["response_b_text"],
        )


def _texts(messages: Sequence[Any]) -> Iterator[str]:
    for message in messages:
        yield "\n".join(part["text"] for part in message["content"] if part["text"])
