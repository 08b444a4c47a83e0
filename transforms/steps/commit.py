"""The last step of a stage: parts merged per shard, then one commit and the ledger entry."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.counters import count
from prefcurate.transforms.steps.signs import clear_signs
from prefcurate.transforms.store.begun import mark_ended
from prefcurate.transforms.store.files import exists, join, remove
from prefcurate.transforms.store.lease import still_holds
from prefcurate.transforms.store.merge import merge_parts
from prefcurate.transforms.store.parts import Part
from prefcurate.transforms.store.snapshot import Snapshot


@dataclass(frozen=True)
class Finished:
    """What a stage wants remembered in the ledger beside its parts, e.g. the active files (kept sorted by key)."""

    key: str
    value: str


@dataclass(frozen=True)
class _Merged:
    """A pending part whose rows are in a part that is about to be committed."""

    path: str


@dataclass
class CommitStage(beam.PTransform):
    """Parts (and `Finished` remarks) in, one commit a table and the stage's ledger entry out.

    Facts grow by the parts, each key once; views are replaced by them. All parts must come from units of one `pin`.

    Args:
        context: the stage.
        pinned: the one snapshot (of `Pin`) that all units came from: the commit goes on top of exactly its versions.
        before_ledger: what must come after the commits and before the stage counts as finished, such as naming the
            current release; a function of a module that may run again.
        paid: what lies pending of this run in a table's shard: it is committed too, whichever of an engine's attempts gave the
            parts, and the rest is left there, since it may be another run's. By default everything pending of the stage goes.
    """

    context: StageContext
    pinned: beam.PCollection[Snapshot]
    before_ledger: Callable[[StageContext, list[Part | Finished]], None] | None = None
    paid: Callable[[StageContext, str, int], list[Part]] | None = None

    def expand(self, outputs: beam.PCollection[Part | Finished]) -> beam.PCollection[str]:
        """From parts and remarks to the ledger entry's state."""
        snapshot = beam.pvalue.AsSingleton(self.pinned)
        merged = (
            outputs
            | "by table and shard" >> beam.Map(_keyed)
            | "gather" >> beam.GroupByKey()
            | "merge parts" >> beam.FlatMap(_merge, self.context, snapshot, self.paid)
        )
        return (
            merged
            | "all of the stage" >> beam.CombineGlobally(beam.combiners.ToListCombineFn())
            | "commit" >> beam.Map(_commit, self.context, snapshot, self.before_ledger, self.paid is not None)
        )


def _keyed(output: Part | Finished) -> tuple[tuple[str, int], Part | Finished]:
    return (("", 0), output) if isinstance(output, Finished) else ((output.table, output.shard), output)


def _merge(
    keyed: tuple[tuple[str, int], Iterable[Any]],
    context: StageContext,
    snapshot: Snapshot,
    paid: Callable[[StageContext, str, int], list[Part]] | None = None,
) -> Iterable[Part | Finished | _Merged]:
    (table, shard), outputs = keyed
    if not table:
        yield from sorted(set(outputs), key=lambda finished: (finished.key, finished.value))
        return
    base = snapshot.version(table) if TABLES[table].role == "fact" else None
    parts = sorted(set(outputs))
    if paid is not None:
        # Another attempt may have made one part of several by now.
        of_run = replace(context, run_id=snapshot.run_id)
        parts = sorted({p for p in parts if not p.pending or exists(p.path)} | set(paid(of_run, table, shard)))
    yield from (_Merged(part.path) for part in parts if part.pending)
    part = merge_parts(context.store, parts, base)
    if part is not None:
        count(context.stage, "rows_out", part.rows)
        count(context.stage, "bytes_out", part.bytes)
        yield part


def _commit(
    outputs: list[Part | Finished | _Merged],
    context: StageContext,
    snapshot: Snapshot,
    before_ledger: Callable[[StageContext, list[Part | Finished]], None] | None,
    keep_unmerged: bool,
) -> str:
    still_holds(context.store.root, snapshot.run_id)
    parts = [output for output in outputs if isinstance(output, Part)]
    detail: dict[str, list[str]] = {}
    for finished in sorted((o for o in outputs if isinstance(o, Finished)), key=lambda f: (f.key, f.value)):
        detail.setdefault(finished.key, []).append(finished.value)
    versions = {
        table: context.store.commit(
            table,
            [part for part in parts if part.table == table],
            base=snapshot.version(table),
            replace=TABLES[table].role == "view",
            transaction=f"{snapshot.run_id}/{context.stage}/{table}",
            metadata={
                "prefcurate.run": snapshot.run_id,
                "prefcurate.stage": context.stage,
                "prefcurate.settings": context.settings,
                "prefcurate.inputs": ",".join(f"{name}@{version}" for name, version in snapshot.versions),
                "prefcurate.fingerprints": ",".join(context.fingerprints),
            },
        )
        for table in context.writes
    }
    # A machine may have slept since the first look.
    still_holds(context.store.root, snapshot.run_id)
    if before_ledger is not None:
        before_ledger(context, [output for output in outputs if not isinstance(output, _Merged)])
    entry = context.store.record(
        context.stage, snapshot.run_id, context.settings, dict(snapshot.inputs), versions, detail
    )
    mark_ended(context.store.root, context.stage)
    # Everything finished is in the tables now.
    if not keep_unmerged:
        remove(join(context.store.root, "_pending", context.stage))
    clear_signs(context)
    count(context.stage, "milliseconds", time.time_ns() // 1_000_000 - snapshot.pinned_ms)
    for merged in sorted({output.path for output in outputs if isinstance(output, _Merged)}):
        remove(merged)
    return entry.state
