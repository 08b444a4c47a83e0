"""What a stage's graph is told before it runs: its store, what it reads and writes, what the configuration names."""

from dataclasses import dataclass

from prefcurate.transforms.store.snapshot import Snapshot
from prefcurate.transforms.store.store import CommitConflict, Store
from prefcurate.transforms.store.tombstones import unapplied


@dataclass(frozen=True)
class StageContext:
    """Built from the configuration alone, never from the store: the same graph can run again tomorrow.

    Attributes:
        store: where the tables lie.
        stage: the stage's name.
        run_id: names this run in commit metadata; never in a published table.
        reads: tables whose versions the first step pins (those written are pinned too).
        writes: tables that the stage commits.
        ingest_settings: the fingerprint of the configured sources, which finds the active files in the ledger.
        settings: fingerprint of the stage's own part of the configuration, for the ledger.
        inputs: the states of the stages that it builds on, as the run found them, for the ledger.
        fingerprints: of everything of ours that takes part: embedding model, annotators, describers, rubric makers.
        seed: for every choice by chance.
    """

    store: Store
    stage: str
    run_id: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    ingest_settings: str
    settings: str = ""
    inputs: tuple[tuple[str, str], ...] = ()
    fingerprints: tuple[str, ...] = ()
    seed: int = 7

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
        entry = self.store.latest("ingest", self.ingest_settings)
        intakes = tuple(entry.detail.get("intakes", ())) if entry else ()
        mined = self.store.latest("rubrics")
        rubrics = tuple(mined.detail.get("rubrics", ())) if mined else ()
        return Snapshot(self.store, tuple(sorted(versions.items())), intakes, self.fingerprints, rubrics)
