"""What a run watches over while its stages work: its lease, what is forgotten meanwhile, unforeseen errors, unusable sources."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from prefcurate.pipelines.config import Config
from prefcurate.pipelines.forget import remembering
from prefcurate.pipelines.launch import StageFailed
from prefcurate.pipelines.progress import Progress
from prefcurate.schemas.errors import SpokenError
from prefcurate.transforms.forget.forget import finish, sweep_pending, work_waits
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.errors import CommitConflict, StoreError
from prefcurate.transforms.store.files import join, write_bytes
from prefcurate.transforms.store.lease import Lease, clear_dead
from prefcurate.transforms.store.store import Store
from prefcurate.transforms.store.tombstones import FORGOTTEN, digest, unapplied
from prefcurate.transforms.store.vacuum import sweep_temporary

_COUNTED = """
    WITH kept_out AS (SELECT intake_id, count(*) AS gone FROM quarantine WHERE reason = $forgotten GROUP BY 1)
    SELECT source, sum(quarantined - coalesce(gone, 0)), sum(coalesce(gone, 0)), sum(rows)
    FROM intakes LEFT JOIN kept_out USING (intake_id) WHERE same_as IS NULL GROUP BY 1 ORDER BY 1
"""


def remembering_forgotten(config: Config, store: Store, progress: Progress, lease: Lease) -> Config:
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
def guarded(context: StageContext, lease: Lease) -> Iterator[None]:
    """Around the job of one stage: an error that ends it says what really happened.

    Raises:
        Overtaken: another run holds the lease.
        CommitConflict: something was forgotten in the store meanwhile.
        StageFailed: as the job raised it; its pages are kept in the store.
    """
    lease.check()
    try:
        with _nothing_forgotten_meanwhile(context.store), _pages_kept(context):
            yield
    except SpokenError:
        # A run that was taken over fails in many ways; only this one says why.
        lease.check()
        raise


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


def check_intakes(config: Config, context: StageContext) -> None:
    """Looks at what ingest made of the sources before anything is built on it.

    Raises:
        StoreError: no row can be used, or more rows of a source are in quarantine than the configuration allows.
    """
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


def clear(store: Store, lease: Lease) -> None:
    """Removes what a dead run left beside the tables: nobody else writes now."""
    if not lease.taken:
        clear_dead(store.root)
    elif lease.took_over and not lease.lost:
        sweep_temporary(store)
