"""Which texts of a shard have no vector yet, in groups that are worked on, written and taken up as a whole."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from prefcurate.transforms.store.snapshot import Snapshot

GROUP = 1024
"""Texts of a group: what a killed run loses at most, in each process."""

# Probes are never embedded: nothing may be learned from them.
_WANTED = """
    WITH range AS (
        SELECT prompt_id, response_a_id, response_b_id FROM comparisons
        WHERE origin <> 'probe' AND prompt_id BETWEEN $first AND $last
    )
    SELECT DISTINCT prompt_id, text_id, role FROM (
        SELECT prompt_id, prompt_id AS text_id, 'prompt' AS role FROM range
        UNION ALL SELECT prompt_id, response_a_id, 'response' FROM range
        UNION ALL SELECT prompt_id, response_b_id, 'response' FROM range
        UNION ALL SELECT id, id, 'benchmark' FROM benchmarks WHERE id BETWEEN $first AND $last
    ) ANTI JOIN (SELECT prompt_id, text_id, role FROM all_embeddings WHERE fingerprint = $fingerprint)
        USING (prompt_id, text_id, role)
    ORDER BY prompt_id, text_id, role
"""
# The sorted range skips the other row groups; only the beginning of each text leaves the file.
_TEXTS = """
    WITH range AS (
        SELECT prompt_id, response_a_id, response_b_id, left(prompt_text, $characters) AS prompt_text,
            left(response_a_text, $characters) AS a_text, left(response_b_text, $characters) AS b_text
        FROM comparisons WHERE origin <> 'probe' AND prompt_id BETWEEN $first AND $last
    )
    SELECT prompt_id, text_id, role, any_value(text) AS text FROM (
        SELECT prompt_id, prompt_id AS text_id, 'prompt' AS role, prompt_text AS text FROM range
        UNION ALL SELECT prompt_id, response_a_id, 'response', a_text FROM range
        UNION ALL SELECT prompt_id, response_b_id, 'response', b_text FROM range
        UNION ALL SELECT id, id, 'benchmark', left(text, $characters) FROM benchmarks WHERE id BETWEEN $first AND $last
    ) SEMI JOIN wanted USING (prompt_id, text_id, role)
    GROUP BY ALL ORDER BY prompt_id, text_id, role
"""
NO_BENCHMARKS = pa.table({"id": pa.array([], pa.string()), "text": pa.array([], pa.string())})
_FIRST, _LAST = "", "g"
"""Ids are hexadecimal: every id lies between."""


@dataclass(frozen=True, order=True, slots=True)
class TextKey:
    """A prompt (its own id twice), a response to it, or a benchmark's text (under the id of a prompt of these words)."""

    prompt_id: str
    text_id: str
    role: str


@dataclass(frozen=True)
class Group:
    """The missing texts of the prompts from `first` to `last`, so many; `name` is the hash of their keys."""

    first: str
    last: str
    name: str
    texts: int


def groups(
    snapshot: Snapshot, shard: int, fingerprint: str, benchmarks: pa.Table = NO_BENCHMARKS, size: int = GROUP
) -> Iterator[Group]:
    """The groups of a shard, in key order: whole prompts, of about ``size`` texts.

    They follow from the pinned tables and the benchmarks alone, so that a run after a killed one finds the same.

    Args:
        snapshot: what the stage reads.
        shard: the shard.
        fingerprint: of the model.
        benchmarks: `id` and `text` of the shard's benchmark texts.
        size: of a group.
    """
    keys: list[TextKey] = []
    with _connected(snapshot, shard, benchmarks) as connection:
        params = {"fingerprint": fingerprint, "first": _FIRST, "last": _LAST}
        for batch in connection.sql(_WANTED, params=params).to_arrow_reader(8192):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                key = TextKey(*row)
                if len(keys) >= size and key.prompt_id != keys[-1].prompt_id:
                    yield _group(keys)
                    keys = []
                keys.append(key)
    if keys:
        yield _group(keys)


def _group(keys: Sequence[TextKey]) -> Group:
    digest = hashlib.sha256()
    for key in keys:
        digest.update(f"{key.prompt_id} {key.text_id} {key.role}\n".encode())
    return Group(keys[0].prompt_id, keys[-1].prompt_id, digest.hexdigest(), len(keys))


def texts_of_group(
    snapshot: Snapshot,
    shard: int,
    fingerprint: str,
    group: Group,
    characters: int,
    benchmarks: pa.Table = NO_BENCHMARKS,
) -> tuple[list[TextKey], list[str]]:
    """The missing texts of a group in key order, each cut to ``characters``."""
    params = {"first": group.first, "last": group.last}
    with _connected(snapshot, shard, benchmarks) as connection:
        wanted = connection.sql(_WANTED, params={**params, "fingerprint": fingerprint}).to_arrow_table()
        connection.register("wanted", wanted)
        found = connection.sql(_TEXTS, params={**params, "characters": characters}).fetchall()
    return [TextKey(*row[:3]) for row in found], [row[3] for row in found]


def _connected(snapshot: Snapshot, shard: int, benchmarks: pa.Table) -> duckdb.DuckDBPyConnection:
    connection = snapshot.connect(["comparisons", "embeddings"], shard)
    connection.register("benchmarks", benchmarks)
    return connection
