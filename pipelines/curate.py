"""The whole line: a plain loop over the stages, each one Beam job, each skipped when nothing that it builds on has changed.

The graph of a stage is built from the configuration alone; the ledger of the store says what has run.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from prefcurate.pipelines import annotate, consensus, describe, embed, ingest, publish, report, route, rubrics, screen
from prefcurate.pipelines.config import Config, named_paths
from prefcurate.pipelines.forget import remembering
from prefcurate.pipelines.launch import Engine, FlagError, Said, StageFailed
from prefcurate.pipelines.progress import Progress
from prefcurate.pipelines.stage import Stage
from prefcurate.schemas.errors import SpokenError
from prefcurate.transforms.annotate.remarks import unfinished
from prefcurate.transforms.forget.forget import finish, sweep_pending, work_waits
from prefcurate.transforms.publish.restore import restore_splits
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.begun import begun
from prefcurate.transforms.store.files import join, write_bytes
from prefcurate.transforms.store.lease import Lease, clear_dead, new_run_id
from prefcurate.transforms.store.losses import losses
from prefcurate.transforms.store.store import CommitConflict, Store, StoreError
from prefcurate.transforms.store.tombstones import FORGOTTEN, digest, unapplied
from prefcurate.transforms.store.trouble import check_writable
from prefcurate.transforms.store.vacuum import sweep_temporary

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
_COUNTED = """
    WITH kept_out AS (SELECT intake_id, count(*) AS gone FROM quarantine WHERE reason = $forgotten GROUP BY 1)
    SELECT source, sum(quarantined - coalesce(gone, 0)), sum(coalesce(gone, 0)), sum(rows)
    FROM intakes LEFT JOIN kept_out USING (intake_id) WHERE same_as IS NULL GROUP BY 1 ORDER BY 1
"""


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
        return _write_out(engine, config, store, progress, names)
    store.create()
    check_writable(store.root)
    run_id = new_run_id()
    ran: list[str] = []
    progress.begin(run_id, engine.words)
    with engine, Lease(config.store, run_id, "run", progress.say) as lease:
        config = _remembering(config, store, progress, lease)
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
                _run_stage(engine, lease, progress, stage, config, context)
                ran.append(stage.name)
            entry = store.latest(stage.name, context.settings)
            progress.remarks(entry)
            if stage is ingest.STAGE:
                _check_intakes(config, context)
        _clear(store, lease)
    return Outcome(tuple(ran), tuple(_left(store)))


def _write_out(
    engine: Engine, config: Config, store: Store, progress: Progress, names: Sequence[str] | None
) -> Outcome:
    """Writes the job of one stage to where somebody else finds and starts it: no lease is taken, nothing is computed here."""
    stages = [stage for stage in STAGES if names is not None and stage.name in names]
    if len(stages) != 1:
        raise FlagError(f"what is written to {engine.written_to} is one job, so one stage: name it with --stages")
    (stage,) = stages
    store.create()
    with engine:
        # It names no run: each time that it is started is one.
        engine.launch(stage.name, stage.transform(config, stage_context(config, stage, store)))
    progress.say(f"the job of stage {stage.name} is written to {engine.written_to}; nothing has run yet")
    if engine.start_with:
        progress.say(f"start it, as often as there is something new, with: {engine.start_with}")
    return Outcome((), ())


def _run_stage(
    engine: Engine, lease: Lease, progress: Progress, stage: Stage, config: Config, context: StageContext
) -> None:
    lease.check()
    try:
        with _nothing_forgotten_meanwhile(context.store), progress.running(context, stage), _pages_kept(context):
            engine.launch(stage.name, stage.transform(config, context))
    except SpokenError:
        # A run that was taken over fails in many ways; only this one says why.
        lease.check()
        raise


@contextmanager
def _pages_kept(context: StageContext) -> Iterator[None]:
    """What an error that nobody foresaw has to say to those who mend programs is kept beside the run's configuration."""
    try:
        yield
    except StageFailed as error:
        if error.pages:
            kept = join(context.store.root, "_runs", f"{context.run_id}-{context.stage}.txt")
            # The store itself may be what failed; the first error is the one to tell.
            with suppress(OSError, SpokenError):
                write_bytes(kept, error.pages.encode())
                error.args = (f"{error} (all of it: {kept})",)
        raise


def _clear(store: Store, lease: Lease) -> None:
    """Removes what a dead run left beside the tables: nobody else writes now."""
    if not lease.taken:
        clear_dead(store.root)
    elif lease.took_over and not lease.lost:
        sweep_temporary(store)


def _remembering(config: Config, store: Store, progress: Progress, lease: Lease) -> Config:
    """The configuration as what was forgotten leaves it; a forgetting that was stopped is finished first."""
    if unapplied(store.root) or work_waits(store):
        lease.take()
        if finish(store):
            progress.say("a forgetting that was stopped is finished now")
        sweep_pending(store)
    config, told = remembering(config)
    for line in told:
        progress.say(line)
    return config


@contextmanager
def _nothing_forgotten_meanwhile(store: Store) -> Iterator[None]:
    """A stage whose files were taken away under it fails in many ways; all of them mean this one."""
    before = digest(store.root)
    try:
        yield
    except Exception as error:
        if isinstance(error, CommitConflict) or digest(store.root) == before:
            raise
        raise CommitConflict(
            f"something was forgotten in the store {store.root} while this run was at work on it. Run again: what was finished "
            "of the rest is taken up, nothing is asked twice."
        ) from error


def stage_context(config: Config, stage: Stage, store: Store, run_id: str = "") -> StageContext:
    """What a stage's graph is told, all of it from the configuration; see `StageContext`."""
    made_here = [other for other in STAGES if other is stage or other.name in stage.after]
    return StageContext(
        store=store,
        stage=stage.name,
        run_id=run_id,
        reads=stage.reads,
        writes=stage.writes,
        ingest_settings=ingest.STAGE.fingerprint(config),
        settings=stage.fingerprint(config),
        after=stage.after,
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


def _check_intakes(config: Config, context: StageContext) -> None:
    with context.pin().connect(["intakes", "quarantine"]) as connection:
        counted = connection.sql(_COUNTED, params={"forgotten": FORGOTTEN}).fetchall()
    if all(rows == bad + gone for _, bad, gone, rows in counted):
        # Going on would publish an empty release above what is there.
        raise StoreError(
            f"no row of any source can be used: {sum(rows for *_, rows in counted):,} rows came in, all in quarantine; "
            "`prefcurate check CONFIG` says why"
        )
    for source, bad, _, rows in counted:
        if config.max_quarantined is not None and bad > config.max_quarantined * rows:
            raise StoreError(
                f"source {source!r}: {bad:,} of {rows:,} rows are in quarantine, more than max_quarantined: "
                f"{config.max_quarantined}; the view `quarantine` of {context.store.root} says why and where"
            )


def _left(store: Store) -> Iterator[str]:
    latest = {entry.stage: entry for entry in store.ledger()}
    for entry in latest.values():
        yield from unfinished(entry.detail)
