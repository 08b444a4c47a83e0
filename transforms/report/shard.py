"""What one shard contributes to the report: counts, its pairs with audit gold, and a few pairs worth showing.

No text is kept; the length of the responses is computed as they stream by.
"""

from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from prefcurate.schemas.canonical import ID_LENGTH
from prefcurate.transforms.accounts import UsedRows, used_rows
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.labels import gold_labels
from prefcurate.transforms.measures.text import CLEARLY_LONGER
from prefcurate.transforms.publish.options import SPLITS
from prefcurate.transforms.publish.releases import open_release
from prefcurate.transforms.report.audit import Audited
from prefcurate.transforms.report.looks import read_looks
from prefcurate.transforms.report.quality.shard import OpinionPart, write_opinions
from prefcurate.transforms.report.sources import SourceSums, source_sums
from prefcurate.transforms.store.snapshot import Snapshot

SHOWN = 6
"""Pairs of a kind that the page shows."""
NOT_PUBLISHED = "no release yet"

_FATES = pa.schema([("comparison_id", pa.string()), ("outcome", pa.string()), ("published", pa.bool_())])
_PAIRS = """
    CREATE TEMP TABLE pairs AS
    WITH overall AS (SELECT * FROM consensus WHERE attribute = 'overall' AND context = 'none'),
    lengths AS (
        SELECT prompt_id, comparison_id, length(response_a_text) AS a, length(response_b_text) AS b
        FROM comparisons WHERE origin <> 'probe'
    )
    SELECT l.prompt_id, l.comparison_id, o.p_a, o.p_b, o.label_in AS came,
        CASE WHEN o.decision IN ('keep', 'flip', 'assign', 'soften') AND o.label IN ('a', 'b') THEN o.label END AS made,
        coalesce(o.decision, 'undecided') AS decision,
        coalesce(starts_with(o.reason, 'override by '), false) AS overridden,
        CASE WHEN l.a > $clearly * l.b THEN 'a' WHEN l.b > $clearly * l.a THEN 'b' END AS longer,
        coalesce(f.outcome, $unknown) AS outcome, coalesce(f.published, false) AS published
    FROM lengths l LEFT JOIN overall o USING (comparison_id) LEFT JOIN fates f USING (comparison_id)
"""
_LONGER = """
    WITH said AS (
        SELECT unnest(['label_in', 'published']) AS labels, unnest([came, made]) AS label, longer FROM pairs
    )
    SELECT labels, count(*), count(*) FILTER (label = longer) FROM said
    WHERE longer IS NOT NULL AND label IN ('a', 'b') GROUP BY 1 ORDER BY 1
"""
_AUDITED = """
    SELECT p.comparison_id, coalesce(g.prompt_cluster, p.prompt_id) AS cluster, p.decision, a.label AS gold,
        p.came, p.made, p.longer, coalesce(o.sources, []) AS sources
    FROM pairs p JOIN audited a USING (comparison_id)
    LEFT JOIN gold g USING (prompt_id)
    LEFT JOIN (SELECT comparison_id, list_sort(list_distinct(list(source))) AS sources FROM occurrences GROUP BY 1) o
        USING (comparison_id)
    ORDER BY p.prompt_id, p.comparison_id
"""
_CALLS = """
    SELECT coalesce(stage, ''), coalesce(annotator, ''), coalesce(status, ''), count(*), coalesce(sum(tokens_in), 0)::BIGINT,
        coalesce(sum(tokens_out), 0)::BIGINT, round(coalesce(sum(price_usd ORDER BY call_id), 0), 9)
    FROM calls GROUP BY ALL ORDER BY ALL
"""
_FLAGS = """
    SELECT flag, CASE WHEN flag = 'contamination' THEN coalesce(matched_source, '') ELSE '' END AS matched,
        count(DISTINCT s.comparison_id),
        count(DISTINCT s.comparison_id) FILTER (published AND contains(evidence->>'sides', '"' || made || '"'))
    FROM screening s LEFT JOIN pairs USING (comparison_id) GROUP BY ALL ORDER BY ALL
"""
_QUEUES = "SELECT queue, count(*), round(coalesce(sum(price_usd ORDER BY comparison_id), 0), 9) FROM routes GROUP BY 1 ORDER BY 1"
# Most telling first: flips that consensus is surest of, then labels it doubts most against what came.
_WORTH_SHOWING = """
    SELECT decision, greatest(p_a, p_b) AS certain, comparison_id, prompt_id FROM pairs
    WHERE decision IN ('flip', 'soften') AND came IN ('a', 'b') AND made <> came
    QUALIFY row_number() OVER (PARTITION BY decision ORDER BY certain DESC, comparison_id) <= $shown
    ORDER BY ALL
"""


@dataclass(frozen=True)
class Task:
    """One shard of a pinned store, with the release that the report is about."""

    snapshot: Snapshot
    shard: int
    release: str | None


@dataclass(frozen=True, order=True)
class Candidate:
    """A pair that the page may show; the most instructive sort first."""

    decision: str
    doubt: float
    comparison_id: str
    prompt_id: str


@dataclass(frozen=True)
class ShardFigures:
    """Counts as rows of small tuples, in the order of the columns that the queries above name."""

    shard: int
    release: str | None
    used: tuple[UsedRows, ...]
    pairs: int
    overridden: int
    flows: tuple[tuple[str, str, bool, int], ...]
    longer: tuple[tuple[str, int, int], ...]
    audited: tuple[Audited, ...]
    calls: tuple[tuple[str, str, str, int, int, int, float], ...]
    flags: tuple[tuple[str, str, int, int], ...]
    queues: tuple[tuple[str, int, float], ...]
    candidates: tuple[Candidate, ...]
    sources: SourceSums
    opinions: OpinionPart


def shard_figures(task: Task, gold: GoldOptions) -> ShardFigures:
    """Reads one shard of every table that the report is about."""
    snapshot, shard = task.snapshot, task.shard
    audited = gold_labels(snapshot, gold, "audit", shard)
    looks = read_looks(snapshot, shard)
    tables = ["comparisons", "consensus", "occurrences", "gold", "calls", "screening", "routes"]
    with snapshot.connect(tables, shard) as connection:
        connection.register("fates", release_fates(snapshot.store.root, task.release, shard, snapshot.store.shards))
        connection.register("audited", _labels(audited))
        unknown = "not in the release" if task.release else NOT_PUBLISHED
        connection.execute(_PAIRS, {"unknown": unknown, "clearly": CLEARLY_LONGER})
        pairs, overridden = connection.sql("SELECT count(*), count(*) FILTER (overridden) FROM pairs").fetchall()[0]
        return ShardFigures(
            shard=shard,
            release=task.release,
            used=tuple(used_rows(snapshot, shard)),
            pairs=pairs,
            overridden=overridden,
            flows=_rows(
                connection, "SELECT decision, outcome, published, count(*) FROM pairs GROUP BY ALL ORDER BY ALL"
            ),
            longer=_rows(connection, _LONGER),
            audited=tuple(_audited(connection)),
            calls=_rows(connection, _CALLS),
            flags=_rows(connection, _FLAGS),
            queues=_rows(connection, _QUEUES),
            candidates=tuple(_candidates(connection)),
            sources=source_sums(snapshot, shard, _labels(audited), looks),
            opinions=write_opinions(snapshot, shard, gold, looks),
        )


def release_fates(root: str, release: str | None, shard: int, shards: int) -> pa.Table:
    """What a release says of every pair of a shard: its split, or the reason why it is withheld."""
    if release is None:
        return _FATES.empty_table()
    first, after = shard * 16**ID_LENGTH // shards, (shard + 1) * 16**ID_LENGTH // shards
    mine = pc.field("prompt_id") >= f"{first:0{ID_LENGTH}x}"
    if shard + 1 < shards:
        mine &= pc.field("prompt_id") < f"{after:0{ID_LENGTH}x}"
    opened = open_release(root, release)
    found = []
    for folder, column in (*((split, "split") for split in SPLITS), ("withheld", "reason")):
        rows = opened.dataset(folder).to_table(columns=["comparison_id", column], filter=mine)
        published = pa.array([folder != "withheld"] * len(rows), pa.bool_())
        found.append(pa.Table.from_arrays([rows["comparison_id"], rows[column], published], schema=_FATES))
    return pa.concat_tables(found)


def _labels(labels: dict[str, str]) -> pa.Table:
    ids = sorted(labels)
    return pa.table(
        {"comparison_id": pa.array(ids, pa.string()), "label": pa.array([labels[i] for i in ids], pa.string())}
    )


def _audited(connection: duckdb.DuckDBPyConnection) -> list[Audited]:
    rows = connection.sql(_AUDITED).to_arrow_table().drop_columns(["comparison_id"]).to_pylist()
    return [Audited(**{**row, "sources": tuple(row["sources"])}) for row in rows]


def _candidates(connection: duckdb.DuckDBPyConnection) -> list[Candidate]:
    rows = connection.sql(_WORTH_SHOWING, params={"shown": SHOWN}).fetchall()
    return sorted(Candidate(decision, -certain, comparison, prompt) for decision, certain, comparison, prompt in rows)


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[tuple[Any, ...], ...]:
    return tuple(connection.sql(query).fetchall())
