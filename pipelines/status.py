"""`prefcurate status STORE`: rows, shards, bytes of every table, what each stage last did, what was spent."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from prefcurate.pipelines.query import connect
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.annotate.remarks import unfinished
from prefcurate.transforms.consensus.how import How, last_how
from prefcurate.transforms.publish.releases import current_id, release_ids
from prefcurate.transforms.store.files import join, listed
from prefcurate.transforms.store.ledger import LedgerEntry
from prefcurate.transforms.store.store import Store


@dataclass(frozen=True)
class TableStatus:
    """One table: rows in its files, rows that count today, parts, shards that have any, bytes, Delta version."""

    name: str
    rows: int
    active: int
    parts: int
    shards: int
    bytes: int
    version: int


@dataclass(frozen=True)
class StoreStatus:
    """A store as it stands; `stages` holds the last ledger entry of each stage, in the order of their runs; `how` its pairs
    were decided last."""

    root: str
    shards: int
    tables: tuple[TableStatus, ...]
    stages: tuple[LedgerEntry, ...]
    pending: int
    spent_usd: float
    calls: int
    releases: int
    current: str | None
    how: How | None = None


def status(store: Store) -> StoreStatus:
    """Gathers the state of a store from its logs and footers, and the money from `calls`."""
    with connect(store) as connection:
        active = {name: connection.sql(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in TABLES}  # noqa: S608
        spent, calls = connection.sql("SELECT coalesce(sum(price_usd), 0), count(*) FROM calls").fetchall()[0]
    latest = {entry.stage: entry for entry in store.ledger()}
    return StoreStatus(
        store.root,
        store.shards,
        tuple(_table(store, name, active[name]) for name in TABLES),
        tuple(sorted(latest.values(), key=lambda entry: entry.sequence)),
        len(listed(join(store.root, "_pending"), ".parquet")),
        spent,
        calls,
        len(release_ids(store.root)),
        current_id(store.root),
        last_how(store),
    )


def _table(store: Store, name: str, active: int) -> TableStatus:
    files = store.actions(name)
    rows, sizes = files["num_records"].to_pylist(), files["size_bytes"].to_pylist()
    shards = len(set(files["partition.shard"].to_pylist())) if files.num_rows else 0
    return TableStatus(name, sum(rows), active, len(rows), shards, sum(sizes), store.version(name))


def render(found: StoreStatus, console: Console) -> None:
    """Prints a status for people."""
    console.print(f"{found.root}: {found.shards} shards", highlight=False, markup=False)
    table = Table("table", "rows", "that count", "parts", "shards", "MB", "version", show_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for each in found.tables:
        numbers = (each.rows, each.active, each.parts, each.shards)
        table.add_row(each.name, *(f"{n:,}" for n in numbers), f"{each.bytes / 1e6:.1f}", str(each.version))
    console.print(table)
    for line in _lines(found):
        console.print(line, highlight=False, markup=False)


def _lines(found: StoreStatus) -> Iterator[str]:
    for entry in found.stages:
        yield f"{entry.stage:<10} last ran as {entry.run_id}, state {entry.state}"
        if entry.stage == "consensus" and found.how is not None:
            yield f"           decided by {found.how.words}"
        yield from (f"           not finished: {line}" for line in unfinished(entry.detail))
    yield f"spent: ${found.spent_usd:.4f} in {found.calls:,} calls"
    yield f"releases: {found.releases:,}" + (f", current {found.current}" if found.current else "")
    if found.pending:
        yield f"{found.pending:,} finished parts of an interrupted run are waiting: the next run takes them up"
