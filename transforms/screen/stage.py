"""The stage screen: flags and clusters of every comparison, and the gold sides of clusters."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.pvalue import AsIter, AsSingleton, TaggedOutput

from prefcurate.transforms.ingest.benchmarks import read_benchmark, reading
from prefcurate.transforms.ingest.options import BenchmarkOptions, GoldOptions
from prefcurate.transforms.labels import gold_prompts
from prefcurate.transforms.screen.bands import BandSlice, Keyed, load_bands, save_bands
from prefcurate.transforms.screen.benchmarks import BenchmarkIndex, build_index
from prefcurate.transforms.screen.candidates import bucket_pairs, shards_of, star_pairs, unique_pairs
from prefcurate.transforms.screen.clusters import EDGE
from prefcurate.transforms.screen.compare import compare, decide, exact_edge
from prefcurate.transforms.screen.flags import flags_of_rows
from prefcurate.transforms.screen.gold import GoldPrompt
from prefcurate.transforms.screen.joining import KINDS, Rules, ShardShare, join
from prefcurate.transforms.screen.meeting import met_by
from prefcurate.transforms.screen.near import shingles_of_edges
from prefcurate.transforms.screen.options import ScreenOptions
from prefcurate.transforms.screen.people import Votes, votes_that_came
from prefcurate.transforms.screen.rephrased import Rephrased, RephrasedIndex, rephrased_index
from prefcurate.transforms.screen.responses import Flag
from prefcurate.transforms.screen.rows import Row, portions
from prefcurate.transforms.screen.share import cluster_rows, gold_rows, neighbour_rows
from prefcurate.transforms.screen.sketch import SketchFile, load, save
from prefcurate.transforms.screen.sketching import Sketcher
from prefcurate.transforms.steps.commit import CommitStage, Finished
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.units import Pin, ShardUnits, Unit
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.snapshot import Snapshot

READS = ("comparisons", "annotations", "embeddings", "gold")
WRITES = ("screening", "clusters", "gold")
ALGORITHM = 4
"""Raised by hand when the same rows give other flags or clusters; part of the stage's settings."""
Between = tuple[str, int, int]


@dataclass
class Screen(beam.PTransform):
    """Near duplicates, contradictions, contamination, bad responses and lengths of all comparisons, and gold sides.

    Text is read by the shard that holds it; what moves between shards is hashes, numbers of rows, and ids. Writes the views
    `screening` and `clusters` and adds to the facts `gold`. Nothing is deleted: later stages decide.

    Args:
        context: the stage; reads comparisons, occurrences, annotations, embeddings and gold.
        options: thresholds.
        benchmarks: whose prompts must not be trained on.
        gold: whose labels are trusted.
        model: fingerprint of the embedding model by whose vectors rephrased benchmarks are found.
    """

    context: StageContext
    options: ScreenOptions = ScreenOptions()
    benchmarks: tuple[BenchmarkOptions, ...] = ()
    gold: GoldOptions = GoldOptions()
    model: str = ""

    def expand(self, root: beam.Pipeline) -> beam.PCollection[str]:
        """From a pipeline's root to the ledger entry's state."""
        pinned = root | Pin(self.context)
        index = pinned | "benchmarks" >> beam.Map(_index, self.benchmarks, self.options, self.model)
        sketched = (
            pinned
            | ShardUnits()
            | "sketch"
            >> beam.ParDo(
                SketchShard(self.context, self.options, self.gold, self.model), AsSingleton(index)
            ).with_outputs("sketches", "bands", "gold", main="parts")
        )
        sketches = AsIter(_typed(sketched.sketches, "sketches", SketchFile))
        edges = _typed(sketched.bands, "bands", tuple[Keyed, BandSlice]) | "near duplicates" >> _Edges(
            self.options, sketches, AsSingleton(pinned)
        )
        shares = (
            edges
            | "all edges" >> beam.CombineGlobally(beam.combiners.ToListCombineFn())
            | "join"
            >> beam.FlatMap(
                _join, sketches, AsIter(_typed(sketched.gold, "gold prompts", GoldPrompt)), self._rules()
            ).with_output_types(ShardShare)
            | "spread" >> beam.Reshuffle()
        )
        found = shares | "write" >> beam.FlatMap(_write_share, self.context)
        parts = (_typed(sketched.parts, "flags", Part), found) | "parts" >> beam.Flatten()
        return parts | CommitStage(self.context, pinned)

    def _rules(self) -> Rules:
        return Rules(self.context.store.shards, self.options.largest_cluster, self.context.seed, self.gold.audit)


@dataclass
class _Edges(beam.PTransform):
    """From band hashes to verified edges."""

    options: ScreenOptions
    sketches: AsIter
    pinned: AsSingleton

    def expand(self, bands: beam.PCollection[tuple[Keyed, BandSlice]]) -> beam.PCollection[tuple[str, bytes]]:
        """From (kind, partition) and where records lie to kind and edges."""
        threshold = self.options.similarity
        compared = (
            bands
            | "same band" >> beam.GroupByKey()
            | "candidates" >> beam.FlatMap(_candidates).with_output_types(tuple[Between, bytes])
            | "same shards" >> beam.GroupByKey()
            | "compare" >> beam.ParDo(Compare(threshold), self.sketches).with_outputs("near", main="edges")
        )
        exact = (
            _typed(compared.near, "near the threshold", tuple[int, tuple[str, bytes]])
            | "same shard" >> beam.GroupByKey()
            | "shingles"
            >> beam.FlatMap(_shingles, self.sketches, self.pinned).with_output_types(
                tuple[tuple[str, bytes], tuple[int, tuple[bytes, ...]]]
            )
            | "both ends" >> beam.GroupByKey()
            | "exact" >> beam.FlatMap(_exact, threshold).with_output_types(tuple[str, bytes])
        )
        return (_typed(compared.edges, "sure", tuple[str, bytes]), exact) | "edges" >> beam.Flatten()


@dataclass(frozen=True)
class Indexes:
    """What prompts are looked up in: runs of words of benchmarks, and vectors of their items."""

    runs: BenchmarkIndex
    items: RephrasedIndex


class SketchShard(beam.DoFn):
    """Reads a shard's text once: flags that need no other shard, its sketch, its band hashes, its gold prompts."""

    def __init__(self, context: StageContext, options: ScreenOptions, gold: GoldOptions, model: str) -> None:
        self._context, self._options, self._gold, self._model = context, options, gold, model

    def process(self, unit: Unit, index: Indexes) -> Iterator[Any]:
        """A unit to parts, sketches, bands and gold."""
        store, sketcher = unit.snapshot.store, Sketcher(self._options.shortest_response)
        votes = votes_that_came(unit.snapshot, unit.shard)
        tables = self._screened(unit, sketcher, votes, index)
        part = write_part(store.root, "screening", unit.shard, tables, pending=self._context.stage)
        if part is not None:
            yield part
        sketch = sketcher.sketch(votes)
        yield TaggedOutput("sketches", save(sketch, store.root, self._context.stage, unit.shard))
        # As many partitions as shards: a step holds one, and each is read from as many files as there are shards.
        for band in save_bands(met_by(sketch, unit.shard), store.root, self._context.stage, unit.shard, store.shards):
            yield TaggedOutput("bands", band)
        for prompt in self._gold_of(unit):
            yield TaggedOutput("gold", prompt)

    def _screened(self, unit: Unit, sketcher: Sketcher, votes: dict[str, Votes], index: Indexes) -> Iterator[pa.Table]:
        rephrased = Rephrased(unit.snapshot, unit.shard, self._model, index.items, self._options.rephrased or 1.0)
        for rows in portions(unit.snapshot, unit.shard):
            sketcher.add(rows)
            prompts = list({row.prompt_id: row.prompt for row in rows}.items())
            yield self._flags(rows, votes, index.runs, rephrased.flags(prompts))

    def _flags(
        self, rows: list[Row], votes: dict[str, Votes], index: BenchmarkIndex, rephrased: Mapping[str, Flag]
    ) -> pa.Table:
        return flags_of_rows(rows, votes, index, self._options, rephrased)

    def _gold_of(self, unit: Unit) -> Iterator[GoldPrompt]:
        assigned = unit.snapshot.table("gold", unit.shard, ["prompt_id", "side"]).to_pylist()
        sides = {row["prompt_id"]: row["side"] for row in assigned}
        for prompt_id in sorted({*gold_prompts(unit.snapshot, self._gold, unit.shard), *sides}):
            yield GoldPrompt(prompt_id, sides.get(prompt_id, ""))


class Compare(beam.DoFn):
    """Compares the candidates between two shards by their sketches."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold

    def process(self, keyed: tuple[Between, Iterable[bytes]], sketches: Iterable[SketchFile]) -> Iterator[Any]:
        """Candidates to edges, and to pairs whose shingles both of their shards are asked for."""
        (kind, first, second), found = keyed
        files = {file.shard: file.path for file in sketches}
        pairs = unique_pairs(np.concatenate([np.frombuffer(content, np.uint64).reshape(-1, 2) for content in found]))
        edges = compare(kind, pairs, load(files[first]), load(files[second]), self._threshold)
        accepted, near = decide(edges, self._threshold)
        joins = "prompt" if kind == "conversation" else kind
        if len(accepted):
            yield joins, accepted.tobytes()
        if len(near):
            for shard in sorted({first, second}):
                yield TaggedOutput("near", (shard, (kind, near.tobytes())))


def settings(
    options: ScreenOptions, benchmarks: Sequence[BenchmarkOptions], gold: GoldOptions, model: str = ""
) -> dict[str, Any]:
    """What of the configuration can change the stage's result."""
    told = {
        "algorithm": ALGORITHM,
        "options": options.model_dump(mode="json"),
        "benchmarks": reading(benchmarks),
        "gold": gold.model_dump(mode="json"),
    }
    return told | ({"model": model} if benchmarks and options.rephrased is not None else {})


def _typed(found: beam.PCollection, label: str, kind: Any) -> beam.PCollection:
    """A tagged output with its type: Beam knows none, and would pickle what it has a coder for."""
    return found | label >> beam.Map(_same).with_output_types(kind)


def _same(value: Any) -> Any:
    return value


def _index(snapshot: Snapshot, benchmarks: Sequence[BenchmarkOptions], options: ScreenOptions, model: str) -> Indexes:
    texts = [text for benchmark in benchmarks for text in read_benchmark(benchmark)]
    alike = texts if options.rephrased is not None else []
    return Indexes(build_index(texts, options.ngram, options.common_ngram), rephrased_index(alike, snapshot, model))


def _candidates(keyed: tuple[Keyed, Iterable[BandSlice]]) -> Iterator[tuple[Between, bytes]]:
    """The pairs of a partition, by the two shards that they lie in."""
    (kind, _), found = keyed
    records = load_bands(found)
    pairs = star_pairs(records) if kind == "conversation" else bucket_pairs(records)
    between = np.stack([shards_of(pairs[:, 0]), shards_of(pairs[:, 1])], axis=1)
    for first, second in np.unique(between, axis=0).tolist():
        here = (between == (first, second)).all(axis=1)
        yield (kind, first, second), pairs[here].tobytes()


def _shingles(
    keyed: tuple[int, Iterable[tuple[str, bytes]]], sketches: Iterable[SketchFile], snapshot: Snapshot
) -> Iterator[tuple[tuple[str, bytes], tuple[int, tuple[bytes, ...]]]]:
    shard, found = keyed[0], list(keyed[1])
    path = next(file.path for file in sketches if file.shard == shard)
    for kind in KINDS:
        edges = np.unique(np.concatenate([np.zeros(0, EDGE), *(np.frombuffer(c, EDGE) for k, c in found if k == kind)]))
        for edge, end, texts in shingles_of_edges(kind, edges, shard, load(path), snapshot):
            yield (kind, edge), (end, texts)


def _exact(
    keyed: tuple[tuple[str, bytes], Iterable[tuple[int, tuple[bytes, ...]]]], threshold: float
) -> Iterator[tuple[str, bytes]]:
    (kind, edge), ends = keyed
    first, second = (texts for _, texts in sorted(ends))
    for found in exact_edge(edge, first, second, threshold):
        yield kind, found


def _join(
    edges: list[tuple[str, bytes]], sketches: Iterable[SketchFile], gold: Iterable[GoldPrompt], rules: Rules
) -> Iterator[ShardShare]:
    yield from join(edges, list(sketches), list(gold), rules)


def _write_share(share: ShardShare, context: StageContext) -> Iterator[Part | Finished]:
    if share.sketch is None:
        return
    root, sketch = context.store.root, load(share.sketch.path)
    parts = (
        write_part(root, "clusters", share.shard, cluster_rows(share, sketch)),
        write_part(root, "screening", share.shard, neighbour_rows(share, sketch), pending=context.stage),
        write_part(root, "gold", share.shard, gold_rows(share), pending=context.stage),
    )
    yield from (part for part in parts if part is not None)
    yield from (Finished(key, value) for key, value in share.remarks)
