"""What a stage's graph is told before it runs: its store, what it reads and writes, what the configuration names."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from prefcurate.transforms.store.begun import begun, mark_begun
from prefcurate.transforms.store.lease import new_run_id, still_holds
from prefcurate.transforms.store.ledger import FINGERPRINTS, LedgerEntry
from prefcurate.transforms.store.snapshot import Snapshot
from prefcurate.transforms.store.store import CommitConflict, Store, StoreError
from prefcurate.transforms.store.tombstones import digest, unapplied

INGEST = "ingest"
"""The stage whose entry in the ledger names the active files; it counts only under the configured sources."""
FILES = "files"
"""Among the inputs of a ledger entry: the files outside the store that the stage reads, as they lay when it ran."""


@dataclass(frozen=True)
class StageContext:
    """Built from the configuration alone, never from the store: the same graph can run again tomorrow.

    Attributes:
        store: where the tables lie.
        stage: the stage's name.
        reads: tables whose versions the first step pins (those written are pinned too).
        writes: tables that the stage commits.
        ingest_settings: the fingerprint of the configured sources, which finds the active files in the ledger.
        settings: fingerprint of the stage's own part of the configuration, for the ledger.
        after: the stages that it builds on.
        files: tells the state of the files outside the store that it reads, when it is asked; picklable.
        makes: fingerprints of what it and the stages that it builds on make, for the ledger.
        fingerprints: of everything of ours that takes part: embedding model, annotators, describers, rubric makers.
        seed: for every choice by chance.
        run_id: names the run; empty in a graph that is kept to be run later, whose first step then draws one.
    """

    store: Store
    stage: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    ingest_settings: str
    settings: str = ""
    after: tuple[str, ...] = ()
    files: Callable[[], str] | None = None
    makes: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()
    seed: int = 7
    run_id: str = ""

    def inputs(self) -> dict[str, str]:
        """What the stage builds on, as it is now: states of other stages, files outside, what of ours takes part.

        Raises:
            StoreError: a stage that it builds on has not run yet, or was begun and not ended.
        """
        found = {name: self._standing(name).state for name in self.after}
        if self.files is not None:
            found[FILES] = self.files()
        if self.stage == INGEST and digest(self.store.root):
            # Files that lost rows are read again, and everything that builds on them is made anew.
            found["forgotten"] = digest(self.store.root)
        if self.after or self.makes:
            found[FINGERPRINTS] = ",".join(self.makes)
        return found

    def pin(self) -> Snapshot:
        """The newest versions of the tables, fixed for the whole stage.

        Raises:
            CommitConflict: something is being forgotten in the store; its files go away under a reader.
        """
        versions = self.store.versions(dict.fromkeys((*self.reads, *self.writes, "occurrences", "intakes")))
        # Looked at last: a forgetting that begins later makes every commit on these versions fail.
        if unapplied(self.store.root):
            raise CommitConflict(
                f"something is being forgotten in the store {self.store.root}; run again when that has ended (if it was "
                "stopped, `prefcurate run` and `prefcurate forget` finish it)"
            )
        entry = self.store.latest(INGEST, self.ingest_settings)
        intakes = tuple(entry.detail.get("intakes", ())) if entry else ()
        mined = self.store.latest("rubrics")
        rubrics = tuple(mined.detail.get("rubrics", ())) if mined else ()
        return Snapshot(self.store, tuple(sorted(versions.items())), intakes, self.fingerprints, rubrics, self.run_id)

    def begin(self) -> Snapshot:
        """What a run of the stage does first: it meets the store as it is tonight, whenever its graph was made.

        Raises:
            StoreError: a stage that it builds on has not run yet, or the store has other shards or a newer schema.
            Overtaken: another run is at work on the store.
        """
        self.store.create()
        # Before the versions: whoever commits in between leaves the stage out of date, not wrongly up to date.
        inputs, run_id = self.inputs(), self.run_id or new_run_id()
        still_holds(self.store.root, run_id)
        mark_begun(self.store.root, self.stage, run_id)
        return replace(self.pin(), run_id=run_id, inputs=tuple(sorted(inputs.items())))

    def _standing(self, name: str) -> LedgerEntry:
        # Which files take part is asked of ingest under these very sources; other stages may stand as they were left.
        entry = self.store.latest(name, self.ingest_settings if name == INGEST else None)
        if entry is None:
            raise StoreError(
                f"stage {self.stage} builds on {name}, which has not run with this configuration; "
                f"run without --stages, or with --stages {name},{self.stage}"
            )
        if begun(self.store.root, name):
            raise StoreError(
                f"stage {self.stage} builds on {name}, which a run has begun and not ended: what it left may be of other settings; "
                f"run without --stages, or with --stages {name},{self.stage}"
            )
        return entry
