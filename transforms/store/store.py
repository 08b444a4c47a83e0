"""A store: a folder of Delta tables, its pinned versions, and the ledger of what each stage did."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError, TableNotFoundError

from prefcurate.schemas.tables import SCHEMA_VERSION, TABLES, Table
from prefcurate.transforms.store.about import About, about_ours, check_fits, check_readable, read_about, write_about
from prefcurate.transforms.store.commits import TableLog, changes, conflict
from prefcurate.transforms.store.errors import FULL_WORDS
from prefcurate.transforms.store.errors import CommitConflict as CommitConflict
from prefcurate.transforms.store.errors import DamagedStore as DamagedStore
from prefcurate.transforms.store.errors import StoreError as StoreError
from prefcurate.transforms.store.errors import WrongStore as WrongStore
from prefcurate.transforms.store.files import Listed, arrow_dataset, described_file, exists, join, listed
from prefcurate.transforms.store.ledger import LedgerEntry
from prefcurate.transforms.store.logs import check_logs, has_log
from prefcurate.transforms.store.parts import Part, table_folder, write_part
from prefcurate.transforms.store.remote import Unreachable, persistently, refused, table_options, told

NEVER = -1
"""The version of a table that the older prefcurate which wrote a store did not know: it has no rows, and the next run makes it."""
_NO_ADDS = pa.table(
    {
        "path": pa.array([], pa.string()),
        "size_bytes": pa.array([], pa.int64()),
        "num_records": pa.array([], pa.int64()),
        "partition.shard": pa.array([], pa.int32()),
    }
)


@dataclass(frozen=True)
class Store:
    """The address of a store and its number of shards. Cheap, immutable, safe to send to workers."""

    root: str
    shards: int

    def create(self) -> None:
        """Makes the tables (and columns) that are missing; an existing store is checked against `shards`.

        Raises:
            WrongStore: the store has another number of shards or ids of another meaning, or cannot be written.
            StoreError: a newer prefcurate wrote it.
            DamagedStore: `store.json` or a table's log is missing or damaged; nothing is made in its place.
        """
        about = None
        try:
            about = read_about(self.root)
            if about is not None:
                check_fits(self.root, about, self.shards)
            self._create_tables(about)
        except (DeltaError, OSError, Unreachable) as error:
            elsewhere = isinstance(error, Unreachable) and not refused(error)
            if about is not None or elsewhere or FULL_WORDS.search(str(error)):
                raise
            raise WrongStore(
                f"no store can be made at {self.root}: {told(error)}; set `store:` to a folder that you may write"
            ) from error
        if about != about_ours(self.shards):
            write_about(self.root, about_ours(self.shards))

    def _create_tables(self, about: About | None) -> None:
        check_logs(self.root)
        for table in TABLES.values():
            if not has_log(self.root, table.name):
                if listed(self.address(table.name), ".parquet") or (about and about.schema_version == SCHEMA_VERSION):
                    raise DamagedStore(
                        f"the table {table.name} has no log ({self.address(table.name)}/_delta_log is missing); "
                        f"`prefcurate repair {self.root}` makes it again from the table's files"
                    )
                self.make_table(table.name)
            elif about is None and self.delta(table.name).version() > 0 and read_about(self.root) is None:
                raise DamagedStore(
                    f"{self.root} holds tables and no store.json; `prefcurate repair {self.root}` writes it again"
                )
            elif about is not None and about.schema_version < SCHEMA_VERSION:
                self._add_columns(table)

    def make_table(self, table: str) -> None:
        """Makes an empty table, where there is none."""
        partitioned = Schema.from_arrow(TABLES[table].schema.append(pa.field("shard", pa.int32())))
        try:
            persistently(
                self.root,
                lambda: DeltaTable.create(
                    self.address(table),
                    partitioned,
                    mode="ignore",
                    partition_by=["shard"],
                    storage_options=table_options(self.root),
                ),
            )
        except DeltaError:
            # Two runs may begin a store at the same time: one of them makes the table.
            if not exists(self._commit(table, 0)):
                raise

    def _add_columns(self, table: Table) -> None:
        """Adds the columns that a newer version brought; parts from before say nothing there and stay as they are."""
        delta = self.delta(table.name)
        present = {column.name for column in delta.schema().fields}
        missing = pa.schema([column for column in table.schema if column.name not in present])
        if len(missing):
            delta.alter.add_columns(list(Schema.from_arrow(missing).fields))

    @classmethod
    def open(cls, root: str) -> "Store":
        """An existing store.

        Raises:
            StoreError: there is none at this address, or a newer prefcurate wrote it.
            DamagedStore: `store.json` or a table's log is damaged.
        """
        about = read_about(root)
        if about is None:
            if exists(join(table_folder(root, "comparisons"), "_delta_log")):
                raise DamagedStore(f"{root} holds tables and no store.json; `prefcurate repair {root}` writes it again")
            raise StoreError(f"there is no store at {root} (no store.json); `prefcurate run CONFIG` makes one")
        check_readable(root, about)
        check_logs(root)
        return cls(root, about.shards)

    def address(self, table: str) -> str:
        """Where a table lies."""
        return table_folder(self.root, table)

    def delta(self, table: str, version: int | None = None) -> DeltaTable:
        """The Delta table, at a version or the newest."""
        options = table_options(self.root)
        return persistently(
            self.root, lambda: DeltaTable(self.address(table), version=version, storage_options=options)
        )

    def version(self, table: str) -> int:
        """The newest version of a table; `NEVER` where the store is older than the table."""
        # Read once: another thread may see more meanwhile.
        newest = _last_seen(self.address(table)).newest
        if newest is not None and self._is_newest(table, *newest):
            return newest[0]
        try:
            version = self.delta(table).version()
        except TableNotFoundError:
            if not self._is_older():
                raise
            return NEVER
        commit = described_file(self._commit(table, version))
        _last_seen(self.address(table)).newest = None if commit is None else (version, commit)
        return version

    def _is_newest(self, table: str, version: int, commit: Listed) -> bool:
        """Whether a version that was seen is the newest still: two requests, where opening the table takes one for each commit."""
        if described_file(commit.path) != commit:
            forget_logs()
            return False
        return described_file(self._commit(table, version + 1)) is None

    def _commit(self, table: str, version: int) -> str:
        return join(self.address(table), "_delta_log", f"{version:020d}.json")

    def _is_older(self) -> bool:
        about = read_about(self.root)
        return about is not None and about.schema_version < SCHEMA_VERSION

    def versions(self, tables: Iterable[str] | None = None) -> dict[str, int]:
        """The newest version of each table.

        Raises:
            StoreError: the store was resharded since it was opened: shards no longer mean the same.
        """
        found = {name: self.version(name) for name in tables or TABLES}
        about = read_about(self.root)
        if about is not None and (about.shards, about.resharding) != (self.shards, None):
            raise StoreError(f"the store {self.root} was resharded meanwhile; run the same command again")
        return found

    def dataset(self, table: str, version: int | None = None, shard: int | None = None) -> ds.Dataset:
        """A table (or one shard of it) at a version, as an Arrow dataset without the column `shard`."""
        paths = [path for s, path in self.files(table, version) if shard is None or s == shard]
        schema = TABLES[table].schema.remove_metadata()
        if not paths:
            return ds.dataset(pa.table({f.name: pa.array([], f.type) for f in schema}, schema=schema))
        return arrow_dataset(paths, schema)

    def files(self, table: str, version: int | None = None) -> list[tuple[int, str]]:
        """The shard and address of every part of a table at a version, in a fixed order."""
        actions = self._adds(table, version).select(["partition.shard", "path"]).to_pylist()
        found = [(int(a["partition.shard"]), join(self.address(table), a["path"])) for a in actions]
        return sorted(found)

    def _adds(self, table: str, version: int | None) -> pa.Table:
        return _adds_at(self, table, self.version(table) if version is None else version)

    def actions(self, table: str, version: int | None = None) -> pa.Table:
        """The parts of a table at a version, as its log names them: path, size_bytes, num_records, partition.shard, ….

        There are none where the store is older than the table.
        """
        if version == NEVER:
            return _NO_ADDS
        try:
            return persistently(self.root, lambda: pa.table(self.delta(table, version).get_add_actions(flatten=True)))
        except TableNotFoundError:
            if not self._is_older():
                raise
            return _NO_ADDS

    def rows(self, table: str, version: int | None = None) -> int:
        """How many rows a table has at a version, from its log alone."""
        return sum(self._adds(table, version)["num_records"].to_pylist())

    def commit(
        self,
        table: str,
        parts: Sequence[Part],
        *,
        base: int,
        replace: bool,
        transaction: str,
        metadata: Mapping[str, str],
    ) -> int:
        """Adds parts to a table in one transaction, on top of exactly version ``base``, and returns the new version.

        Args:
            table: the table's name.
            parts: parts in their final place. Those that the table already has are not added again.
            base: the version that the work was based on.
            replace: whether all other parts are removed (views), or stay (facts).
            transaction: names the stage and run: a commit that an engine retries is a no-op, and gives the version that it made.
            metadata: kept in the commit: run, stage, inputs' versions, fingerprints.

        Raises:
            CommitConflict: somebody else committed after ``base``.
        """
        newest = self.delta(table)
        made = newest.transaction_version(transaction)
        if made is not None:
            return made
        present = {path for _, path in self.files(table, base)}
        actions = changes(self.address(table), present, parts, replace)
        if not actions:
            if replace and newest.version() != base:
                raise conflict(self.root, table, base)
            return base
        return self._log(table).put(base, actions, transaction, metadata)

    def fence(self, table: str, transaction: str, metadata: Mapping[str, str]) -> int:
        """A commit that changes no row: whoever is at work on an earlier version of the table cannot commit any more.

        Raises:
            CommitConflict: somebody else committed at the same moment.
        """
        newest = self.delta(table)
        made = newest.transaction_version(transaction)
        return self._log(table).put(newest.version(), [], transaction, metadata) if made is None else made

    def _log(self, table: str) -> TableLog:
        return TableLog(self.root, table, partial(self.delta, table))

    def ledger(self) -> list[LedgerEntry]:
        """Every finished run of every stage, oldest first."""
        # A run reads the ledger some fifty times, and each night adds parts to it.
        rows = [row for _, path in self.files("stages") for row in _rows_behind(path)]
        return sorted(map(LedgerEntry.of, rows), key=lambda entry: entry.sequence)

    def latest(self, stage: str, settings: str | None = None) -> LedgerEntry | None:
        """The newest entry of a stage (under one configuration of it)."""
        found = [e for e in self.ledger() if e.stage == stage and settings in (None, e.settings)]
        return found[-1] if found else None

    def record(
        self,
        stage: str,
        run_id: str,
        settings: str,
        inputs: Mapping[str, str],
        versions: Mapping[str, int],
        detail: Mapping[str, Any],
    ) -> LedgerEntry:
        """Writes the ledger entry that makes a stage's run count as finished (`LedgerEntry.after`).

        Args:
            stage: the stage.
            run_id: the run.
            settings: fingerprint of the stage's part of the configuration.
            inputs: the states that the stage built on.
            versions: of each table that the stage writes: what its commit gave.
            detail: what the stage wants remembered.

        Raises:
            CommitConflict: another run has replaced one of the stage's views since.
        """
        base = self.delta("stages").version()
        newest = self.versions(versions)
        for table, version in versions.items():
            if TABLES[table].role == "view" and newest[table] != version:
                raise conflict(self.root, table, version)
        ledger = self.ledger()
        made = LedgerEntry(stage, 0, run_id, settings, dict(inputs), "", dict(versions), dict(detail))
        entry = made.after(ledger)
        if entry in ledger:
            return entry
        schema = TABLES["stages"].schema
        part = write_part(self.root, "stages", 0, [pa.Table.from_pylist([entry.row()], schema=schema)])
        assert part is not None
        transaction = f"{run_id}/{stage}/ledger"
        self.commit("stages", [part], base=base, replace=False, transaction=transaction, metadata={"stage": stage})
        return entry


def forget_logs() -> None:
    """For whoever makes a table's log anew, in which old numbers name new versions."""
    _last_seen.cache_clear()
    _adds_at.cache_clear()


@dataclass
class _Seen:
    """The newest version of a table that this process knows of, and its commit as it lay there."""

    newest: tuple[int, Listed] | None = None


@cache
def _last_seen(address: str) -> _Seen:
    return _Seen()


@lru_cache(maxsize=256)
def _adds_at(store: Store, table: str, version: int) -> pa.Table:
    """What a version of a table holds never changes, and asking for it reads every commit."""
    return store.actions(table, version)


@cache
def _rows_behind(path: str) -> list[dict[str, Any]]:
    """The rows of a part of the ledger: its name is the hash of its bytes, so they never change."""
    rows: list[dict[str, Any]] = arrow_dataset([path], TABLES["stages"].schema.remove_metadata()).to_table().to_pylist()
    return rows
