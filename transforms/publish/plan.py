"""The first step of publish, on one worker and on ids alone: splits, contaminated prompts, shared pair clusters."""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from prefcurate.schemas.canonical import shard_of
from prefcurate.transforms.publish.options import SplitShares
from prefcurate.transforms.publish.splits import KNOWN, assign_splits
from prefcurate.transforms.publish.work import Planned, work_folder, write_work
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.files import join
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.snapshot import Snapshot

PLAN = pa.schema(
    [
        ("comparison_id", pa.string()),
        ("prompt_id", pa.string()),
        ("split", pa.string()),
        ("group_split", pa.string()),
        ("pair_cluster", pa.string()),  # null for a pair that has no near duplicate
        ("benchmark", pa.string()),  # the benchmark that this prompt or a near duplicate of it was taken from
    ]
)
# A pair that came after the last screening is in the cluster of its prompt.
_BY_PROMPT = "(SELECT prompt_id, min(prompt_cluster) AS prompt_cluster FROM clusters GROUP BY prompt_id)"
_MEMBERS = f"""
    SELECT DISTINCT c.prompt_id, coalesce(m.prompt_cluster, c.prompt_id) AS prompt_cluster, c.conversation_id
    FROM comparisons c LEFT JOIN {_BY_PROMPT} m USING (prompt_id)
    WHERE c.origin <> 'probe' ORDER BY ALL
"""  # noqa: S608 of this module
_PLAN = f"""
    WITH shared AS (SELECT DISTINCT pair_cluster FROM clusters WHERE pair_cluster <> comparison_id),
    contaminated AS (
        SELECT coalesce(m.prompt_cluster, s.prompt_id) AS prompt_cluster, min(s.matched_source) AS benchmark
        FROM screening s LEFT JOIN {_BY_PROMPT} m USING (prompt_id) WHERE s.flag = 'contamination' GROUP BY 1
    )
    SELECT c.comparison_id, c.prompt_id, a.split, a.group_split, shared.pair_cluster,
        CASE WHEN x.prompt_cluster IS NOT NULL THEN coalesce(x.benchmark, 'a benchmark') END AS benchmark
    FROM (SELECT comparison_id, prompt_id FROM comparisons WHERE origin <> 'probe') c
    JOIN assigned a USING (prompt_id)
    LEFT JOIN clusters k USING (comparison_id)
    LEFT JOIN shared ON shared.pair_cluster = k.pair_cluster
    LEFT JOIN {_BY_PROMPT} m ON m.prompt_id = c.prompt_id
    LEFT JOIN contaminated x ON x.prompt_cluster = coalesce(m.prompt_cluster, c.prompt_id)
    ORDER BY c.prompt_id, c.comparison_id
"""  # noqa: S608 of this module
_ROWS = 65_536


def plan(snapshot: Snapshot, context: StageContext, shares: SplitShares) -> Planned:
    """Gives every prompt its split and writes, for each shard, what must be known of other shards to judge its pairs.

    Cost: about 200 bytes a prompt in memory on one worker; no text is read.
    """
    work = work_folder(context, snapshot)
    shards = snapshot.store.shards
    with snapshot.connect(["comparisons", "clusters", "screening", "splits"]) as connection:
        members = connection.sql(_MEMBERS).to_arrow_table()
        known = connection.sql(
            "SELECT prompt_id, prompt_cluster, conversation_id, split FROM splits ORDER BY ALL"
        ).to_arrow_table()
        assigned = assign_splits(members, known, shares, context.seed)
        connection.register("assigned", assigned)
        reader: pa.RecordBatchReader = connection.sql(_PLAN).to_arrow_reader(_ROWS)
        for shard, batches in _by_shard(reader, shards):
            write_work(plan_file(work, shard), batches, PLAN)
    return Planned(snapshot, work, tuple(_split_parts(assigned, snapshot)))


def plan_file(work: str, shard: int) -> str:
    """Where a shard's plan lies; it has none when it has no pairs."""
    return join(work, "plan", f"{shard:05d}.parquet")


def _split_parts(assigned: pa.Table, snapshot: Snapshot) -> Iterator[Part]:
    new = assigned.filter(assigned["new"]).select(KNOWN.names)
    for shard, batches in _by_shard(new.to_batches(_ROWS), snapshot.store.shards):
        part = write_part(snapshot.store.root, "splits", shard, batches)
        if part is not None:
            yield part


def _by_shard(batches: Iterable[pa.RecordBatch], shards: int) -> Iterator[tuple[int, Iterator[pa.RecordBatch]]]:
    """Cuts batches that are sorted by prompt_id where the shard changes: a shard is a range of ids."""
    pieces = (piece for batch in batches for piece in _cut(batch, shards))
    for shard, of_shard in itertools.groupby(pieces, key=lambda piece: piece[0]):
        yield shard, (batch for _, batch in of_shard)


def _cut(batch: pa.RecordBatch, shards: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    owner = np.array([shard_of(prompt, shards) for prompt in batch.column("prompt_id").to_pylist()], dtype=np.int64)
    starts = [0, *(np.flatnonzero(np.diff(owner)) + 1).tolist(), len(owner)]
    for start, end in itertools.pairwise(starts):
        if end > start:
            yield int(owner[start]), batch.slice(start, end - start)
