"""What a commit puts into a table's log: parts that come and go, in one transaction, on top of one version, once."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.store.errors import CommitConflict
from prefcurate.transforms.store.parts import Part
from prefcurate.transforms.store.remote import TRIES, failed_to_answer, reaching

Action = AddAction | RemoveAction


def changes(address: str, present: Iterable[str], parts: Sequence[Part], replace: bool) -> list[Action]:
    """What turns a version of a table into the one with the parts.

    Args:
        address: of the table.
        present: the parts' paths of that version.
        parts: in their final place.
        replace: whether all other parts are removed.
    """
    there = set(present)
    wanted = {part.path: part for part in sorted(parts)}
    folder, moment = address + "/", int(time.time() * 1000)
    adds: list[Action] = [
        AddAction(
            path=path.removeprefix(folder),
            size=part.bytes,
            partition_values={"shard": str(part.shard)},
            modification_time=moment,
            data_change=True,
            stats=json.dumps({"numRecords": part.rows}),
        )
        for path, part in wanted.items()
        if path not in there
    ]
    gone = sorted(there - set(wanted)) if replace else []
    return adds + [RemoveAction(path.removeprefix(folder), True, moment) for path in gone]


@dataclass(frozen=True)
class TableLog:
    """The log of a table.

    Args:
        root: of the store.
        table: its name.
        opened: gives the table at a version, or the newest for None.
    """

    root: str
    table: str
    opened: Callable[[int | None], DeltaTable]

    def put(self, base: int, actions: list[Action], transaction: str, metadata: Mapping[str, str]) -> int:
        """Puts version ``base + 1`` into the log, once: when the answer is lost on the way, the log tells whose it is.

        Raises:
            CommitConflict: another run's commit stands there.
            Unreachable: the object store does not answer.
        """
        schema = Schema.from_arrow(TABLES[self.table].schema.append(pa.field("shard", pa.int32())))
        # The object that wrote still says the version that it was opened at: the transaction keeps the one that it made.
        made = Transaction(transaction, base + 1)
        properties = CommitProperties(custom_metadata=dict(metadata), max_commit_retries=0, app_transactions=[made])
        for attempt in range(TRIES):
            try:
                self.opened(base).create_write_transaction(
                    actions, "append", schema, ["shard"], commit_properties=properties
                )
                break
            except (CommitFailedError, DeltaError, OSError) as error:
                newest = self.opened(None)
                if newest.transaction_version(transaction) is not None:
                    break
                if newest.version() != base:
                    raise conflict(self.root, self.table, base) from error
                if not failed_to_answer(error) or attempt == TRIES - 1:
                    with reaching(self.root):
                        raise
                time.sleep(0.2 * 2**attempt)
        return base + 1


def conflict(root: str, table: str, base: int) -> CommitConflict:
    """The error of whoever comes second."""
    return CommitConflict(
        f"another run changed the table {table} of {root} after version {base}; nothing of this run's stage was "
        "committed there. Run again: what was finished is taken up, nothing is asked twice."
    )
