"""What became of answers that were paid for, over a store's kills, also of a judge who never says the same twice."""

from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from prefcurate.transforms.store.files import listed
from prefcurate.transforms.store.store import Store

_COLUMNS = ["annotation_id", "raw_output", "call_id", "asked_by", "kind"]


@dataclass
class Answers:
    """The answers seen so far: committed ones must stand as they are, pending ones must be taken up."""

    committed: dict[str, str] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)

    def look(self, root: Path) -> list[str]:
        """Looks at a store after a kill, and says what is wrong."""
        if not (root / "store.json").exists():
            return []
        store = Store.open(str(root))
        rows = store.dataset("annotations").to_table(columns=[*_COLUMNS]).to_pylist()
        ours = [row for row in rows if row["call_id"]]
        now = {row["annotation_id"]: row["raw_output"] for row in ours}
        wrong = [f"{len(ours) - len(now)} annotation ids come twice"] if len(ours) > len(now) else []
        moved = [key for key, said in self.committed.items() if now.get(key) != said]
        wrong += [f"{len(moved)} committed answers are gone or changed"] if moved else []
        self.committed = now
        for path in listed(str(root / "_pending"), ".parquet"):
            if "/annotations/" in path:
                self.pending |= set(pq.read_table(path, columns=["annotation_id"])["annotation_id"].to_pylist())
        return wrong

    def lost(self, root: Path) -> list[str]:
        """At the end: answers that were written and are in no table."""
        wrong = self.look(root)
        kept = set(
            Store.open(str(root))
            .dataset("annotations")
            .to_table(columns=["annotation_id"])["annotation_id"]
            .to_pylist()
        )
        return wrong + (
            [f"{len(self.pending - kept)} answers that were written are lost"] if self.pending - kept else []
        )
