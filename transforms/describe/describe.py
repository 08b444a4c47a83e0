"""The stage describe: the attributes of every prompt that has none yet, measured, and by a chat model where one is named."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import apache_beam as beam
import pyarrow as pa

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.annotate.maker import TABLES_OF_ASKING
from prefcurate.transforms.annotate.pending import pending_of_run
from prefcurate.transforms.describe.asking import AskAll
from prefcurate.transforms.describe.features import features
from prefcurate.transforms.describe.options import DescribeOptions
from prefcurate.transforms.describe.rows import attribute_rows, described
from prefcurate.transforms.steps.commit import CommitStage, Finished
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.shards import MapShards
from prefcurate.transforms.steps.units import Pin, ShardUnits, Unit
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.snapshot import Snapshot

READS = ("comparisons", "attributes")
WRITES = ("attributes",)


@dataclass
class Describe(beam.PTransform):
    """Facts about prompts, each prompt once under each describer's fingerprint: measured features, and a chat model's word.

    Args:
        context: the stage; it reads `READS` and writes `WRITES`, and with a chat model `TABLES_OF_ASKING`.
        options: who describes.
        budget: the cap of the whole store in USD.
    """

    context: StageContext
    options: DescribeOptions = field(default_factory=DescribeOptions)
    budget: float | None = None

    def expand(self, root: beam.Pipeline) -> beam.PCollection[str]:
        """From a pipeline's root to the ledger entry's state."""
        context, llm = self.context, self.options.llm
        if llm is not None:
            context = replace(context, writes=(*WRITES, *TABLES_OF_ASKING))
        pinned = root | Pin(context)
        parts = pinned | ShardUnits() | MapShards(Measure(self.options.fingerprint(), context.stage if llm else None))
        if llm is not None:
            asked = pinned | "ask" >> beam.FlatMap(AskAll(context, llm, self.budget))
            parts = (parts, asked) | "measured and asked" >> beam.Flatten()
        # Answers that another run has pending were paid for.
        return parts | CommitStage(context, pinned, paid=pending_of_run)


@dataclass(frozen=True)
class Measure:
    """Measures the prompts of a shard that have no attributes under the fingerprint.

    Args:
        fingerprint: of the measured features.
        pending: the stage's name where another step writes attributes of the shard too: the commit makes one part of both,
            and what they wrote must not lie where only named parts do.
    """

    fingerprint: str
    pending: str | None = None

    def __call__(self, unit: Unit) -> Iterable[Part | Finished]:
        """The shard's new attributes as a part, if there are any."""
        done = described(unit.snapshot, unit.shard, self.fingerprint)
        rows = attribute_batches(prompts(unit.snapshot, unit.shard), done, self.fingerprint)
        part = write_part(unit.snapshot.store.root, "attributes", unit.shard, rows, pending=self.pending)
        return [] if part is None else [part]


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
    size: int = 256,
) -> Iterator[pa.RecordBatch]:
    """Rows of `attributes` for the prompts that are not ``done``, in the table's order."""
    rows: list[dict[str, str]] = []
    for prompt_id, messages in prompts:
        if prompt_id not in done:
            rows += attribute_rows(prompt_id, features(messages), fingerprint)
        if len(rows) >= size:
            yield _batch(rows)
            rows = []
    if rows:
        yield _batch(rows)


def _batch(rows: list[dict[str, str]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=TABLES["attributes"].schema)
