"""A pinned reading of a store: the same rows for every worker of a stage, and only those that the configuration names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.store.duck import connect, reads
from prefcurate.transforms.store.store import Store

# Rows that came with the data take part when an active file says them, in the reading that the configuration describes.
# Where two active rows answer one question (a corrected row under one row_id), the first in file order stands.
_ACTIVE = "SELECT * FROM all_occurrences WHERE intake_id IN (SELECT id FROM active_intakes)"
_STANDING = (
    "SELECT occurrence_id, fingerprint, row_hash FROM occurrences "
    "QUALIFY row_number() OVER (PARTITION BY prompt_id, occurrence_id ORDER BY file, number, intake_id) = 1"
)
_SAID = f"(occurrence_id, fingerprint, row_hash) IN ({_STANDING})"
_OURS = "fingerprint IN (SELECT id FROM active_fingerprints)"
# New labels make new rubrics beside the old.
_NEWEST = "rubric_id IN (SELECT id FROM active_rubrics)"
_VIEWS = {
    "occurrences": _ACTIVE,
    "intakes": "SELECT * FROM all_intakes WHERE intake_id IN (SELECT id FROM active_intakes)",
    "quarantine": "SELECT * FROM all_quarantine WHERE intake_id IN (SELECT id FROM active_intakes)",
    "comparisons": "SELECT * FROM all_comparisons "
    "WHERE origin = 'probe' OR comparison_id IN (SELECT comparison_id FROM occurrences)",
    "annotations": f"SELECT * FROM all_annotations WHERE occurrence_id IS NULL AND {_OURS} OR {_SAID}",
    "ratings": f"SELECT * FROM all_ratings WHERE occurrence_id IS NULL AND {_OURS} OR {_SAID}",
    "spans": f"SELECT * FROM all_spans WHERE {_SAID}",
    "materials": f"SELECT * FROM all_materials WHERE {_SAID}",
    "embeddings": f"SELECT * FROM all_embeddings WHERE {_OURS}",
    "attributes": f"SELECT * FROM all_attributes WHERE {_OURS}",
    "rubrics": f"SELECT * FROM all_rubrics WHERE {_OURS} AND {_NEWEST}",
    "criteria": f"SELECT * FROM all_criteria WHERE {_OURS} AND {_NEWEST}",
}
_NEEDS_OCCURRENCES = frozenset({"comparisons", "annotations", "ratings", "spans", "materials"})


@dataclass(frozen=True)
class Snapshot:
    """What one run of a stage reads.

    Attributes:
        store: where the tables lie.
        versions: of the tables.
        intakes: the active files.
        fingerprints: of ours that count.
        rubrics: the newest ones.
        run_id: of the run that fixed all this; "" for one that only looks.
        inputs: what the run builds on, for the ledger.
        pinned_ms: when a stage fixed it, for counters alone; 0 for one that no stage did.
    """

    store: Store
    versions: tuple[tuple[str, int], ...]
    intakes: tuple[str, ...]
    fingerprints: tuple[str, ...]
    rubrics: tuple[str, ...] = ()
    run_id: str = ""
    inputs: tuple[tuple[str, str], ...] = ()
    pinned_ms: int = field(default=0, compare=False)

    def version(self, table: str) -> int:
        """The pinned version of a table.

        Raises:
            KeyError: the stage did not name the table among those it reads or writes.
        """
        return dict(self.versions)[table]

    def connect(self, tables: Sequence[str], shard: int | None = None) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection in which ``tables`` are views of active rows (of one shard, or of all).

        Every table is also there unfiltered as ``all_<table>``.
        """
        connection = connect()
        needed = set(tables)
        if needed & _NEEDS_OCCURRENCES:
            needed.add("occurrences")
        connection.register("active_intakes", pa.table({"id": pa.array(self.intakes, pa.string())}))
        connection.register("active_fingerprints", pa.table({"id": pa.array(self.fingerprints, pa.string())}))
        connection.register("active_rubrics", pa.table({"id": pa.array(self.rubrics, pa.string())}))
        for table in sorted(needed):
            self._register(connection, table, shard)
        for table in sorted(needed, key=lambda t: (t != "occurrences", t)):
            # Names and queries are constants of this module and of schemas.tables; no data enters the text.
            connection.execute(f"CREATE TEMP VIEW {table} AS {_VIEWS.get(table, f'SELECT * FROM all_{table}')}")
        return connection

    def _register(self, connection: duckdb.DuckDBPyConnection, table: str, shard: int | None) -> None:
        version = self.version(table)
        paths = [path for of, path in self.store.files(table, version) if shard is None or of == shard]
        if paths and reads(paths):
            parts = connection.read_parquet(paths, hive_partitioning=False, union_by_name=True)
            empty = connection.from_arrow(TABLES[table].schema.remove_metadata().empty_table())
            # Parts of an older version lack the columns that came later.
            columns = [
                f'"{name}"' if name in parts.columns else f'NULL::{kind} AS "{name}"'
                for name, kind in zip(empty.columns, empty.types, strict=True)
            ]
            parts.select(", ".join(columns)).create_view(f"all_{table}")
            return
        connection.register(f"all_{table}", self.store.dataset(table, version, shard))

    def table(self, name: str, shard: int | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """The active rows of a table (of one shard), in the table's order."""
        with self.connect([name], shard) as connection:
            return self._ordered(connection, name, shard, columns).to_arrow_table()

    def batches(
        self, name: str, shard: int | None = None, columns: Sequence[str] | None = None, rows: int = 2048
    ) -> Iterator[pa.RecordBatch]:
        """The same as `table`, in batches of at most ``rows``, so that a shard need not fit in memory."""
        with self.connect([name], shard) as connection:
            yield from self._ordered(connection, name, shard, columns).to_arrow_reader(rows)

    def _ordered(
        self, connection: duckdb.DuckDBPyConnection, name: str, shard: int | None, columns: Sequence[str] | None
    ) -> duckdb.DuckDBPyRelation:
        table = TABLES[name]
        wanted = ", ".join(f'"{column}"' for column in (columns or table.schema.names))
        order = ", ".join(f'"{column}"' for column in table.order)
        parts = [of for of, _ in self.store.files(name, self.version(name)) if of == shard]
        if name == "comparisons" and len(parts) == 1:
            # A part is in order, and a mark join keeps it: all the text of a shard need not be held to be sorted.
            return connection.sql(f"SELECT {wanted} FROM {name}")
        return connection.sql(f"SELECT {wanted} FROM {name} ORDER BY {order}")
