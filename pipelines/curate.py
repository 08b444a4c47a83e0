"""The whole line: a plain loop over the stages, each one Beam job, each skipped when nothing that it builds on has changed.

The graph of a stage is built from the configuration alone; the ledger of the store says what has run.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prefcurate.pipelines import annotate, consensus, describe, embed, ingest, publish, report, route, rubrics, screen
from prefcurate.pipelines.config import Config, named_paths
from prefcurate.pipelines.guards import check_intakes, clear, guarded, remembering_forgotten
from prefcurate.pipelines.launch import Engine, Said
from prefcurate.pipelines.progress import Progress
from prefcurate.pipelines.stage import Stage
from prefcurate.pipelines.written import write_job
from prefcurate.transforms.annotate.remarks import unfinished
from prefcurate.transforms.publish.restore import restore_splits
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.begun import begun
from prefcurate.transforms.store.files import join, write_bytes
from prefcurate.transforms.store.lease import Lease, new_run_id
from prefcurate.transforms.store.losses import losses
from prefcurate.transforms.store.store import Store
from prefcurate.transforms.store.trouble import check_writable

STAGES: tuple[Stage, ...] = (
    ingest.STAGE,
    embed.STAGE,
    screen.STAGE,
    describe.STAGE,
    rubrics.STAGE,
    annotate.STAGE,
    consensus.STAGE,
    route.STAGE,
    publish.STAGE,
    report.STAGE,
)
"""In the order in which they run; no stage reads what a later one writes."""


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        ran: the stages that ran; the others were up to date.
        unfinished: what is left to ask, in words, one a line; empty when all is done.
    """

    ran: tuple[str, ...]
    unfinished: tuple[str, ...]


def curate(
    config: Config, progress: Progress, names: Sequence[str] | None = None, flags: Sequence[str] = ()
) -> Outcome:
    """Computes what is missing, stage by stage.

    Args:
        config: validated; see `prefcurate.pipelines.config`.
        progress: is told what happens.
        names: the stages to run; all by default.
        flags: Beam's, such as ``--runner=SparkRunner``.

    Raises:
        StoreError: the store does not fit the configuration, another run was faster, too many rows are in quarantine.
        FlagError: a Beam flag is wrong; nothing ran.
        StoreBusy: another run is at work on the store.
        StageFailed: a stage's job failed; what it finished is taken up by the next run.
    """
    engine = Engine(Said(tuple(flags), config.store, config.shards, config.limit, tuple(named_paths(config))))
    store = Store(config.store, config.shards)
    if engine.written_to:
        chosen = [stage for stage in STAGES if names is not None and stage.name in names]
        write_job(
            engine, store, progress, chosen, lambda stage: stage.transform(config, stage_context(config, stage, store))
        )
        return Outcome((), ())
    store.create()
    check_writable(store.root)
    run_id = new_run_id()
    ran: list[str] = []
    progress.begin(run_id, engine.words)
    with engine, Lease(config.store, run_id, "run", progress.say) as lease:
        config = remembering_forgotten(config, store, progress, lease)
        for stage in STAGES:
            if names is not None and stage.name not in names:
                continue
            context = stage_context(config, stage, store, run_id)
            if not up_to_date(context) and not lease.taken:
                # Another run may have done it before it gave the lease back.
                lease.take()
                context = stage_context(config, stage, store, run_id)
            if up_to_date(context):
                progress.skipped(stage.name)
            else:
                if not ran:
                    _write_run(config, store, run_id)
                if stage is publish.STAGE and (found := restore_splits(store, run_id)):
                    progress.say(f"splits of {found:,} prompts that a repair found lost come back from the releases")
                with guarded(context, lease), progress.running(context, stage):
                    engine.launch(stage.name, stage.transform(config, context))
                ran.append(stage.name)
            entry = store.latest(stage.name, context.settings)
            progress.remarks(entry)
            if stage is ingest.STAGE:
                check_intakes(config, context)
        clear(store, lease)
    return Outcome(tuple(ran), tuple(_left(store)))


def stage_context(config: Config, stage: Stage, store: Store, run_id: str = "") -> StageContext:
    """What a stage's graph is told, all of it from the configuration; see `StageContext`."""
    after = stage.builds_on(config)
    made_here = [other for other in STAGES if other is stage or other.name in after]
    return StageContext(
        store=store,
        stage=stage.name,
        run_id=run_id,
        reads=stage.reads,
        writes=stage.writes,
        ingest_settings=ingest.STAGE.fingerprint(config),
        settings=stage.fingerprint(config),
        after=after,
        files=stage.files(config),
        makes=active_fingerprints(config, made_here),
        fingerprints=active_fingerprints(config, STAGES),
        seed=config.seed,
    )


def active_fingerprints(config: Config, stages: Sequence[Stage]) -> tuple[str, ...]:
    """What of ours takes part in views under a configuration, as far as these stages make it."""
    return tuple(sorted({fingerprint for stage in stages for fingerprint in stage.fingerprints(config)}))


def up_to_date(context: StageContext) -> bool:
    """Whether the last run of a stage had these settings, built on what stands now, left nothing to ask, and nothing
    was lost or begun since: a run of other settings that died may have replaced what the stage writes.

    Raises:
        StoreError: a stage that it builds on has not run yet.
    """
    inputs, ledger = context.inputs(), context.store.ledger()
    last = next((entry for entry in reversed(ledger) if entry.stage == context.stage), None)
    if last is None:
        return False
    lost = {table for table, _ in losses(ledger, context.store.shards).after(last.sequence)}
    return (
        (last.settings, last.inputs) == (context.settings, inputs)
        and not unfinished(last.detail)
        and not lost & {*context.writes, "stages"}
        and not begun(context.store.root, context.stage)
    )


def _write_run(config: Config, store: Store, run_id: str) -> None:
    told = json.dumps(publish.resolved(config), indent=1, sort_keys=True)
    write_bytes(join(store.root, "_runs", f"{run_id}.json"), told.encode())


def _left(store: Store) -> Iterator[str]:
    latest = {entry.stage: entry for entry in store.ledger()}
    for entry in latest.values():
        yield from unfinished(entry.detail)
