"""What has been paid for or computed but not committed yet: parts beside the tables, written after each small batch."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.duck import connect
from prefcurate.transforms.store.files import arrow_dataset, join, listed, opened, remove
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.store import Store

T = TypeVar("T")
_LOOKS = 20


@dataclass(frozen=True)
class Site:
    """Where answers are made: one unit of one run. Everything that the unit writes bears its name.

    Attributes:
        store: the store.
        stage: the stage that asks; its folder under ``_pending`` and ``_reservations``.
        run_id: the run.
        unit: a stable id of the unit, the same when an engine runs it again.
        shard: the shard of all its rows.
        annotator: who is asked, as in the tables.
        fingerprint: of whoever is asked.
        attempt: tells one of an engine's attempts at the unit from another, where both may be at work; empty where all
            attempts write the same.
    """

    store: Store
    stage: str
    run_id: str
    unit: str
    shard: int
    annotator: str
    fingerprint: str
    attempt: str = ""

    @property
    def footer(self) -> dict[str, str]:
        """What the unit's parts say of where they come from."""
        return {"run": self.run_id, "unit": self.unit} | ({"attempt": self.attempt} if self.attempt else {})

    def write(self, table: str, rows: pa.Table) -> Part | None:
        """Writes rows as a pending part of this unit; None when there are none."""
        return write_part(self.store.root, table, self.shard, [rows], pending=self.stage, footer=self.footer)


@dataclass(frozen=True)
class Pending:
    """A pending part, and the run, unit and attempt that wrote it."""

    part: Part
    run_id: str
    unit: str
    attempt: str = ""


def steady(look: Callable[[], T]) -> T:
    """What a look at pending parts gives; another when a part is gone, as another attempt had made one of several."""
    for _ in range(_LOOKS):
        try:
            return look()
        except FileNotFoundError:
            continue
    return look()


def pending_parts(store: Store, stage: str, table: str, shard: int) -> list[Pending]:
    """The pending parts of a table's shard, of this run and of dead ones, in a fixed order.

    Another attempt at a unit may be at work: read them within `steady`.
    """
    folder = _folder(store, stage, table, shard)
    return steady(lambda: [_described(path, table, shard) for path in listed(folder, ".parquet")])


def pending_of_run(context: StageContext, table: str, shard: int) -> list[Part]:
    """What lies pending of this run, whichever of an engine's attempts wrote it: all of it was paid for."""
    found = pending_parts(context.store, context.stage, table, shard)
    return [pending.part for pending in found if pending.run_id == context.run_id]


def _folder(store: Store, stage: str, table: str, shard: int) -> str:
    return join(store.root, "_pending", stage, table, f"shard={shard}")


def _described(path: str, table: str, shard: int) -> Pending:
    with opened(path) as stream:
        about = pq.read_metadata(stream)
        size = stream.seek(0, 2)
    footer = {key.decode(): value.decode() for key, value in (about.metadata or {}).items() if key != b"ARROW:schema"}
    part = Part(table, shard, path, about.num_rows, size, pending=True)
    return Pending(part, *(footer.get(f"prefcurate.{name}", "") for name in ("run", "unit", "attempt")))


def rows_of(parts: Iterable[Part], columns: Sequence[str]) -> pa.Table:
    """Some columns of several parts of one table, one after the other; without rows when there are no parts."""
    found = list(parts)
    if not found:
        return pa.table({column: pa.array([], pa.string()) for column in columns})
    return _dataset(found).to_table(columns=list(columns))


def compacted(site: Site, table: str) -> list[Part]:
    """The attempt's pending parts of a table as one, so that a long run leaves hundreds of files and not hundred thousands.

    A run that dies in between leaves rows twice; the commit keeps each key once. What other attempts at the unit wrote stands
    beside it: they may still be at work.
    """
    unit = [p for p in pending_parts(site.store, site.stage, table, site.shard) if p.unit == site.unit]
    found = [p.part for p in unit if p.attempt == site.attempt]
    others = [p.part for p in unit if p.attempt != site.attempt]
    if len(found) < 2:
        return found + others
    batches = _dataset(found).to_batches(batch_size=2048)
    whole = write_part(site.store.root, table, site.shard, batches, pending=site.stage, footer=site.footer)
    assert whole is not None
    for part in found:
        if part.path != whole.path:
            remove(part.path)
    return [whole, *others]


def _dataset(parts: Sequence[Part]) -> ds.Dataset:
    schema = TABLES[parts[0].table].schema.remove_metadata()
    return arrow_dataset([part.path for part in parts], schema)


def pending_spend(store: Store, committed: ds.Dataset, except_run: str) -> dict[str, float]:
    """USD by annotator in pending calls of all stages, without those of one run and those that are committed by now."""
    paths = [path for path in listed(join(store.root, "_pending"), ".parquet") if "/calls/shard=" in path]
    parts = [p.part for p in (_described(path, "calls", 0) for path in paths) if p.run_id != except_run]
    if not parts:
        return {}
    with connect() as connection:
        connection.register("committed", committed)
        connection.register("pending", rows_of(parts, ["call_id", "annotator", "price_usd"]))
        rows = connection.sql(
            "SELECT annotator, sum(price_usd) FROM (SELECT DISTINCT ON (call_id) * FROM pending "
            "ANTI JOIN committed USING (call_id) ORDER BY call_id) GROUP BY annotator"
        ).fetchall()
    return {str(annotator): float(usd) for annotator, usd in rows}
