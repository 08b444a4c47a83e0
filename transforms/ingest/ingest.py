"""The ingest stage: sources in; comparisons, occurrences, annotations, ratings, spans, materials and quarantine out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import apache_beam as beam
import pyarrow as pa

from prefcurate.schemas.canonical import shard_of
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.ingest.build import build_shard
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.ingest.sources import Intake, identify, plan_source, verify_unchanged
from prefcurate.transforms.ingest.staged_file import Slice
from prefcurate.transforms.ingest.staging import Staged, stage_intake
from prefcurate.transforms.steps.commit import CommitStage, Finished
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.counters import count
from prefcurate.transforms.steps.units import Pin
from prefcurate.transforms.store.losses import Losses, Lost, losses
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.snapshot import Snapshot
from prefcurate.transforms.store.tombstones import tombstones

TABLES_OF_INGEST = (
    "comparisons", "occurrences", "annotations", "ratings", "spans", "materials", "quarantine", "intakes",
)  # fmt: skip


@dataclass
class Ingest(beam.PTransform):
    """Reads the files that no earlier run has read, once each, and keeps an account of every row.

    Args:
        context: the stage.
        sources: where data comes from.
        limit: rows of each file to read, for a taste; all when None.
    """

    context: StageContext
    sources: tuple[SourceOptions, ...]
    limit: int | None = None

    def expand(self, root: beam.Pipeline) -> beam.PCollection[str]:
        """From a pipeline's root to the ledger entry."""
        pinned = root | Pin(self.context)
        snapshot = beam.pvalue.AsSingleton(pinned)
        lost = beam.pvalue.AsSingleton(pinned | "what was lost" >> beam.Map(_losses).with_output_types(Losses))
        staged = (
            root
            | "sources" >> beam.Create(list(self.sources), reshuffle=False)
            | "files" >> beam.FlatMap(plan_source, self.limit).with_output_types(Intake)
            | "spread files" >> beam.Reshuffle()
            | "read new files" >> beam.Map(_stage, self.context, snapshot, lost).with_output_types(Staged)
        )
        resolved = (
            staged
            | "by source" >> beam.Map(_by_source)
            | "files of a source" >> beam.GroupByKey()
            | "same files" >> beam.FlatMap(_resolve).with_output_types(Staged)
            | "resolved once" >> beam.Reshuffle()
        )
        active = resolved | "active" >> beam.Map(_active_id) | "all active" >> beam.CombineGlobally(_Distinct())
        shards = (
            resolved
            | "slices" >> beam.FlatMap(_by_shard)
            | "slices of a shard" >> beam.GroupByKey()
            | "build shards" >> beam.FlatMap(_build, snapshot, beam.pvalue.AsSingleton(active), lost)
        )
        files = resolved | "accounts" >> beam.FlatMap(_accounts, self.context)
        return (shards, files) | "outputs" >> beam.Flatten() | CommitStage(self.context, pinned)


def _losses(snapshot: Snapshot) -> Losses:
    return losses(snapshot.store.ledger(), snapshot.store.shards)


def _stage(intake: Intake, context: StageContext, snapshot: Snapshot, lost: Losses) -> Staged:
    intake = identify(intake)
    known = _committed(intake, snapshot)
    missing = lost.of_file(intake.intake_id) if known is not None and known.same_as is None else frozenset()
    if known is not None and not missing:
        return known
    root = context.store.root
    staged = stage_intake(intake, root, context.store.shards, snapshot.run_id, tombstones(root))
    verify_unchanged(intake)
    count(context.stage, "rows_in", staged.rows)
    if intake.source.reader.has_files:
        count(context.stage, "bytes_in", intake.bytes)
    return staged if known is None else _again(known, staged, missing, context.store.shards)


def _again(known: Staged, staged: Staged, missing: frozenset[Lost], shards: int) -> Staged:
    """A file that an earlier run committed, with the rows that may be missing since a repair."""
    among = {shard for table, shard in missing if table not in ("quarantine", "intakes")}
    refused = ("quarantine", shard_of(known.intake_id, shards)) in missing
    return replace(
        known,
        slices=tuple(piece for piece in staged.slices if piece.shard in among),
        quarantine=staged.quarantine if refused else None,
    )


def _committed(intake: Intake, snapshot: Snapshot) -> Staged | None:
    """What an earlier run committed of a file that is read in the same way; None when it is new."""
    dataset = snapshot.store.dataset("intakes", snapshot.version("intakes"))
    rows = dataset.to_table(filter=pa.compute.field("intake_id") == intake.intake_id).to_pylist()
    if not rows:
        return None
    fields = {key: value for key, value in rows[0].items() if key != "prompt_id"}
    return Staged(**fields, committed=True)


def _resolve(keyed: tuple[str, Iterable[Staged]]) -> Iterator[Staged]:
    """Of files with the same rows (the same bytes under a second name, or an export whose rows were shuffled) one counts."""
    _, files = keyed
    first: dict[str, str] = {}
    # A file that an earlier run committed stays the one that counts.
    for staged in sorted(files, key=lambda s: (not s.committed or s.same_as is not None, s.file, s.intake_id)):
        # Files of which nothing could be read may look alike and be different ones.
        is_unread = staged.rows == staged.quarantined
        alike = staged.sha256 if is_unread else staged.rows_digest
        original = first.setdefault(alike, staged.same_as or staged.intake_id)
        if original == staged.intake_id or staged.rows == 0:
            yield replace(staged, same_as=None) if not staged.committed else staged
        else:
            yield replace(staged, same_as=original, slices=(), quarantine=None)


def _by_source(staged: Staged) -> tuple[str, Staged]:
    return staged.source, staged


def _by_shard(staged: Staged) -> Iterator[tuple[int, Slice]]:
    for piece in staged.slices:
        yield piece.shard, piece


def _active_id(staged: Staged) -> str:
    return staged.same_as or staged.intake_id


@beam.typehints.with_input_types(str)
@beam.typehints.with_output_types(tuple[str, ...])
class _Distinct(beam.CombineFn):
    """The sorted distinct strings of a collection, as a tuple."""

    def create_accumulator(self) -> set[str]:
        return set()

    def add_input(self, accumulator: set[str], value: str) -> set[str]:
        return accumulator | {value}

    def merge_accumulators(self, accumulators: Iterable[set[str]]) -> set[str]:
        return set().union(*accumulators)

    def extract_output(self, accumulator: set[str]) -> tuple[str, ...]:
        return tuple(sorted(accumulator))


def _build(
    keyed: tuple[int, Iterable[Slice]], snapshot: Snapshot, active: tuple[str, ...], lost: Losses
) -> Iterator[Part]:
    shard, slices = keyed
    return build_shard(snapshot, shard, list(slices), active, lost)


def _accounts(staged: Staged, context: StageContext) -> Iterator[Part | Finished]:
    yield Finished("intakes", staged.intake_id)
    if staged.same_as is not None:
        yield Finished("intakes", staged.same_as)
    if staged.quarantine is not None:
        yield staged.quarantine
    if staged.committed:
        return
    columns = TABLES["intakes"].schema.names
    row = {"prompt_id": "", **{name: getattr(staged, name) for name in columns if name != "prompt_id"}}
    part = write_part(
        context.store.root,
        "intakes",
        0,
        [pa.Table.from_pylist([row], schema=TABLES["intakes"].schema)],
        pending="ingest",
    )
    assert part is not None
    yield part
