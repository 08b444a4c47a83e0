"""The stage describe: the attributes of every prompt that has none yet."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import apache_beam as beam
import pyarrow as pa

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.describe.features import features
from prefcurate.transforms.describe.options import DescribeOptions
from prefcurate.transforms.steps.commit import CommitStage, Finished
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.counters import count
from prefcurate.transforms.steps.shards import MapShards
from prefcurate.transforms.steps.units import Pin, ShardUnits, Unit
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.snapshot import Snapshot

READS = ("comparisons", "attributes")
WRITES = ("attributes",)


@dataclass
class Describe(beam.PTransform):
    """Facts about prompts: measured features, each prompt once under their fingerprint.

    Args:
        context: the stage; it reads `READS` and writes `WRITES`.
        options: who describes.
    """

    context: StageContext
    options: DescribeOptions = field(default_factory=DescribeOptions)

    def expand(self, root: beam.Pipeline) -> beam.PCollection[str]:
        """From a pipeline's root to the ledger entry's state."""
        pinned = root | Pin(self.context)
        parts = pinned | ShardUnits() | MapShards(Measure(self.context.stage, self.options.fingerprint()))
        return parts | CommitStage(self.context, pinned)


@dataclass(frozen=True)
class Measure:
    """Measures the prompts of a shard that have no attributes under the fingerprint."""

    stage: str
    fingerprint: str

    def __call__(self, unit: Unit) -> Iterable[Part | Finished]:
        """The shard's new attributes as a part, if there are any."""
        done = described(unit.snapshot, unit.shard, self.fingerprint)
        rows = attribute_batches(prompts(unit.snapshot, unit.shard), done, self.fingerprint, self.stage)
        part = write_part(unit.snapshot.store.root, "attributes", unit.shard, rows)
        return [] if part is None else [part]


def described(snapshot: Snapshot, shard: int, fingerprint: str) -> frozenset[str]:
    """The prompts of a shard that have attributes under a fingerprint."""
    with snapshot.connect(["attributes"], shard) as connection:
        query = "SELECT DISTINCT prompt_id FROM attributes WHERE fingerprint = ?"
        return frozenset(row[0] for row in connection.execute(query, [fingerprint]).fetchall())


def prompts(snapshot: Snapshot, shard: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Every prompt of a shard once, with its messages, in order of its id; never all in memory."""
    rows = (
        row
        for batch in snapshot.batches("comparisons", shard, ["prompt_id", "prompt"], rows=512)
        for row in batch.to_pylist()
    )
    for prompt_id, same in groupby(rows, key=lambda row: row["prompt_id"]):
        yield prompt_id, next(same)["prompt"]


def attribute_batches(
    prompts: Iterable[tuple[str, list[dict[str, Any]]]],
    done: frozenset[str],
    fingerprint: str,
    stage: str = "describe",
    size: int = 256,
) -> Iterator[pa.RecordBatch]:
    """Rows of `attributes` for the prompts that are not ``done``, in the table's order."""
    rows: list[dict[str, str]] = []
    for prompt_id, messages in prompts:
        if prompt_id not in done:
            rows += attribute_rows(prompt_id, features(messages), fingerprint)
            count(stage, "rows_in", 1)
        if len(rows) >= size:
            yield _batch(rows)
            rows = []
    if rows:
        yield _batch(rows)


def attribute_rows(prompt_id: str, values: dict[str, str], fingerprint: str) -> list[dict[str, str]]:
    """One row of `attributes` for each value, sorted by name."""
    return [
        {"prompt_id": prompt_id, "name": name, "value": values[name], "fingerprint": fingerprint}
        for name in sorted(values)
    ]


def _batch(rows: list[dict[str, str]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=TABLES["attributes"].schema)
