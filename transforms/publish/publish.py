"""The stage publish: consensus into an immutable release.

pins -> splits (one worker, ids) -> fate of every pair (shards) -> near duplicates and files (one worker, ids)
     -> Parquet files (workers) -> names, manifest, card (one worker) -> commit -> `current`
"""

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam

from prefcurate.transforms.publish.fates import judge_shard
from prefcurate.transforms.publish.options import PublishOptions
from prefcurate.transforms.publish.plan import plan
from prefcurate.transforms.publish.seal import point_current, seal
from prefcurate.transforms.publish.settle import settle
from prefcurate.transforms.publish.work import FileTask, Load, Planned, ReleaseFile, ShardTask
from prefcurate.transforms.publish.write import write_release
from prefcurate.transforms.steps.commit import CommitStage
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.units import Pin

READS = ("comparisons", "occurrences", "annotations", "consensus", "clusters", "screening")
WRITES = ("splits", "releases")


@dataclass
class Publish(beam.PTransform):
    """From a pipeline's root to the ledger entry; leaves a release under `STORE/releases/` and names it `current`.

    Args:
        context: the stage.
        options: splits, exports, cap.
        configuration: the resolved configuration as JSON, without keys, for the manifest.
    """

    context: StageContext
    options: PublishOptions
    configuration: str = "{}"

    def expand(self, root: beam.Pipeline) -> beam.PCollection[str]:
        """From the root to the ledger entry's state."""
        pinned = root | Pin(self.context)
        planned = pinned | "give splits" >> beam.Map(plan, self.context, self.options.splits).with_output_types(Planned)
        the_plan = beam.pvalue.AsSingleton(planned)
        files = (
            planned
            | "shards" >> beam.FlatMap(shard_tasks).with_output_types(ShardTask)
            | "spread shards" >> beam.Reshuffle()
            | "judge pairs" >> beam.FlatMap(judge_shard, self.options.bands).with_output_types(Load)
            | "all loads" >> beam.CombineGlobally(beam.combiners.ToListCombineFn())
            | "settle" >> beam.FlatMap(settle, the_plan, self.options.max_per_prompt).with_output_types(FileTask)
            | "spread files" >> beam.Reshuffle()
            | "write files" >> beam.FlatMap(write_release, self.options).with_output_types(ReleaseFile)
        )
        return (
            files
            | "all files" >> beam.CombineGlobally(beam.combiners.ToListCombineFn())
            | "seal" >> beam.FlatMap(seal, the_plan, self.context, self.configuration)
            | CommitStage(self.context, pinned, before_ledger=point_current)
        )


def shard_tasks(planned: Planned) -> Iterator[ShardTask]:
    """One task for every shard."""
    for shard in range(planned.snapshot.store.shards):
        yield ShardTask(planned.snapshot, planned.work, shard)
