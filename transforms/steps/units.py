"""Units of work: what flows through a stage's graph instead of rows."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import apache_beam as beam
import pyarrow.compute as pc

from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.counters import count
from prefcurate.transforms.store.snapshot import Snapshot


@dataclass(frozen=True)
class Unit:
    """One shard of a pinned store: a worker reads the columns it needs of it."""

    snapshot: Snapshot
    shard: int


@dataclass
class Pin(beam.PTransform):
    """The first step of a stage: marks it as begun and fixes the versions of the tables for all of its workers."""

    context: StageContext

    def expand(self, root: beam.Pipeline) -> beam.PCollection[Snapshot]:
        """From a pipeline's root to one snapshot."""
        return (
            root
            | "stage" >> beam.Create([self.context])
            | "newest versions" >> beam.Map(_pin).with_output_types(Snapshot)
            # An engine that runs a step again must not pin anew.
            | "once" >> beam.Reshuffle()
        )


@dataclass
class ShardUnits(beam.PTransform):
    """One unit for every shard of a snapshot, spread over the workers."""

    def expand(self, pinned: beam.PCollection[Snapshot]) -> beam.PCollection[Unit]:
        """From one snapshot to units."""
        return pinned | "shards" >> beam.FlatMap(shard_units).with_output_types(Unit) | "spread" >> beam.Reshuffle()


def shard_units(snapshot: Snapshot) -> Iterator[Unit]:
    """One unit for every shard."""
    for shard in range(snapshot.store.shards):
        yield Unit(snapshot, shard)


def _pin(context: StageContext) -> Snapshot:
    snapshot = replace(context.begin(), pinned_ms=time.time_ns() // 1_000_000)
    for table in context.reads:
        files = context.store.actions(table, snapshot.version(table))
        count(context.stage, "rows_in", pc.sum(files["num_records"]).as_py() or 0)
        count(context.stage, "bytes_in", pc.sum(files["size_bytes"]).as_py() or 0)
    return snapshot
