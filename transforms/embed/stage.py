"""The stage embed: a vector for every prompt and response that has none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.pvalue import AsSingleton

from prefcurate.schemas.canonical import shard_of
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.embed.embedder import CHARACTERS_A_TOKEN, Vectors, embedder_of
from prefcurate.transforms.embed.missing import Group, TextKey, groups, texts_of_group
from prefcurate.transforms.embed.options import EmbedOptions
from prefcurate.transforms.embed.pending import finished_groups
from prefcurate.transforms.ingest.benchmarks import read_benchmark
from prefcurate.transforms.ingest.options import BenchmarkOptions
from prefcurate.transforms.steps.commit import CommitStage, Finished
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.signs import to_do
from prefcurate.transforms.steps.units import Pin, ShardUnits, Unit
from prefcurate.transforms.store.parts import Part, write_part

READS = ("comparisons",)
WRITES = ("embeddings",)


@dataclass(frozen=True)
class GroupUnit:
    """A group of texts of a shard, and the part that holds its vectors when an earlier run finished it."""

    unit: Unit
    group: Group
    finished: Part | None


@dataclass
class Embed(beam.PTransform):
    """Adds to the facts `embeddings`: role `prompt` with text_id = prompt_id, role `response` with the response's id, and role
    `benchmark` for the texts of benchmarks, which screen looks for in prompts.

    Each group of texts becomes a part as soon as it is done; a run after a killed one takes those parts up. A text for which
    the model gives no finite numbers has no vector, and the ledger says so.

    Args:
        context: the stage; reads comparisons.
        options: the model.
        benchmarks: whose texts get vectors too.
    """

    context: StageContext
    options: EmbedOptions = EmbedOptions()
    benchmarks: tuple[BenchmarkOptions, ...] = ()

    def expand(self, root: beam.Pipeline) -> beam.PCollection[str]:
        """From a pipeline's root to the ledger entry's state."""
        pinned = root | Pin(self.context)
        texts = AsSingleton(
            root | "benchmarks" >> beam.Create([self.benchmarks]) | "texts" >> beam.Map(benchmark_texts)
        )
        parts = (
            pinned
            | ShardUnits()
            | "missing texts" >> beam.FlatMap(plan, self.context, self.options, texts).with_output_types(GroupUnit)
            | "spread groups" >> beam.Reshuffle()
            | "embed" >> self._embed(texts)
        )
        return parts | CommitStage(self.context, pinned)

    def _embed(self, texts: AsSingleton) -> beam.PTransform:
        step = beam.FlatMap(embed_group, self.context, self.options, texts).with_output_types(Part | Finished)
        accelerator = self.options.accelerator
        return step if accelerator is None else step.with_resource_hints(accelerator=accelerator)


Texts = tuple[tuple[str, str], ...]
"""Ids and texts of benchmarks, each id once, sorted."""


def benchmark_texts(benchmarks: Sequence[BenchmarkOptions]) -> Texts:
    """What of the benchmarks gets vectors."""
    return tuple(sorted({text.id: text.text for benchmark in benchmarks for text in read_benchmark(benchmark)}.items()))


def _of_shard(texts: Texts, unit: Unit) -> pa.Table:
    mine = [(key, text) for key, text in texts if shard_of(key, unit.snapshot.store.shards) == unit.shard]
    ids, words = zip(*mine, strict=True) if mine else ((), ())
    return pa.table({"id": pa.array(ids, pa.string()), "text": pa.array(words, pa.string())})


def plan(unit: Unit, context: StageContext, options: EmbedOptions, texts: Texts = ()) -> Iterator[GroupUnit]:
    """The groups of a shard, with the parts that a dead run left."""
    fingerprint = options.fingerprint()
    finished = finished_groups(context.store, context.stage, unit.shard, fingerprint)
    found = [
        GroupUnit(unit, g, finished.get(g.name))
        for g in groups(unit.snapshot, unit.shard, fingerprint, _of_shard(texts, unit))
    ]
    to_do(context, unit.shard, sum(work.group.texts for work in found if work.finished is None))
    yield from found


def embed_group(
    work: GroupUnit, context: StageContext, options: EmbedOptions, benchmarks: Texts = ()
) -> Iterator[Part | Finished]:
    """The part with the vectors of a group, and a word on texts that got none."""
    part = work.finished or _embedded(work, context, options, benchmarks)
    if part is not None:
        yield part
    without = work.group.texts - (part.rows if part else 0)
    if without:
        first, last = work.group.first[:12], work.group.last[:12]
        advice = "" if options.precision == "float32" else "; try `embed: {precision: float32}`"
        yield Finished(
            "embed.without",
            f"{without:,} of {work.group.texts:,} texts (prompts {first} to {last}) have no vector: {options.model} gives no finite "
            f"numbers for them{advice}",
        )


def _embedded(work: GroupUnit, context: StageContext, options: EmbedOptions, benchmarks: Texts) -> Part | None:
    fingerprint, unit = options.fingerprint(), work.unit
    characters = options.max_tokens * CHARACTERS_A_TOKEN
    beside = _of_shard(benchmarks, unit)
    keys, texts = texts_of_group(unit.snapshot, unit.shard, fingerprint, work.group, characters, beside)
    vectors = embedder_of(options).encode(texts)
    finite = np.isfinite(vectors).all(axis=1)
    table = embedding_rows(
        [key for key, sound in zip(keys, finite, strict=True) if sound], vectors[finite], fingerprint
    )
    footer = {"fingerprint": fingerprint, "group": work.group.name}
    return write_part(context.store.root, "embeddings", unit.shard, [table], pending=context.stage, footer=footer)


def embedding_rows(keys: list[TextKey], vectors: Vectors, fingerprint: str) -> pa.Table:
    """Rows of the table `embeddings`."""
    offsets = np.arange(len(vectors) + 1, dtype=np.int32) * (vectors.shape[1] if len(vectors) else 0)
    return pa.table(
        {
            "prompt_id": [key.prompt_id for key in keys],
            "text_id": [key.text_id for key in keys],
            "role": [key.role for key in keys],
            "fingerprint": [fingerprint] * len(keys),
            "vector": pa.ListArray.from_arrays(pa.array(offsets), pa.array(vectors.ravel())),
        },
        schema=TABLES["embeddings"].schema.remove_metadata(),
    )
