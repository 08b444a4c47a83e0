"""The tables without what is forgotten: parts that hold some of it are written anew, all others stay as they are."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from prefcurate.schemas.canonical import shard_of, stable_hash
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.forget.going import GOING, Gone, conditions, rest, shard_of_store
from prefcurate.transforms.forget.pending import paid
from prefcurate.transforms.store.merge import dataset_of
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.store import Store

_MONEY = """
    SELECT stage, CASE WHEN annotator IN (SELECT name FROM annotators_gone) THEN 'forgotten' ELSE annotator END AS annotator,
        fingerprint, status, sum(tokens_in)::BIGINT AS tokens_in, sum(tokens_out)::BIGINT AS tokens_out,
        sum(price_usd) AS price_usd
    FROM calls WHERE {} GROUP BY ALL ORDER BY ALL
"""


@dataclass
class Rewritten:
    """What replaces a table's parts.

    Attributes:
        parts: by table, everything that it holds afterwards.
        moved: tables of which some part is not what it was.
        money: sums of what calls cost that go; the cap of the store must still know of it.
    """

    parts: dict[str, list[Part]] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)
    money: list[dict[str, object]] = field(default_factory=list)


def rewrite(store: Store, gone: Gone, name: str, tables: Sequence[str] = tuple(GOING)) -> Rewritten:
    """Writes every part that is to change, and commits nothing.

    Args:
        store: nobody else may be at work on it.
        gone: what goes.
        name: of the request; part of the ids of the sums of money.
        tables: those that are looked at.
    """
    done = Rewritten({table: [] for table in tables})
    files = {table: store.files(table) for table in tables}
    for shard in range(store.shards):
        with shard_of_store(store, shard, gone) as connection:
            for table in tables:
                for path in (path for of, path in files[table] if of == shard):
                    _part(store, connection, Part(table, shard, path, 0, 0), name, done)
            for pending in paid(store, "calls", shard):
                connection.register("calls", dataset_of(pending.part))
                _money(connection, pending.part, name, done)
                connection.unregister("calls")
    _add(store, "calls", 0, done.money, done)
    for shard in sorted({shard_of(str(row["intake_id"]), store.shards) for row in gone.quarantined}):
        rows = [row for row in gone.quarantined if shard_of(str(row["intake_id"]), store.shards) == shard]
        _add(store, "quarantine", shard, [dict(row) for row in rows], done)
    return done


def _part(store: Store, connection: duckdb.DuckDBPyConnection, part: Part, name: str, done: Rewritten) -> None:
    table = part.table
    connection.register(table, dataset_of(part))
    goes, changes = conditions(table)
    if connection.sql(f"SELECT count(*) FROM {table} WHERE {goes} OR {changes}").fetchall() == [(0,)]:  # noqa: S608
        done.parts[table].append(part)
    else:
        done.moved.add(table)
        if table == "calls":
            _money(connection, part, name, done)
        new = write_part(store.root, table, part.shard, connection.sql(rest(table)).to_arrow_reader(2048))
        done.parts[table] += [] if new is None else [new]
    connection.unregister(table)


def _money(connection: duckdb.DuckDBPyConnection, part: Part, name: str, done: Rewritten) -> None:
    goes, _ = conditions("calls")
    for row in connection.sql(_MONEY.format(goes)).to_arrow_table().to_pylist():
        call_id = stable_hash("forgotten calls", name, part.path.rpartition("/")[2], *map(str, list(row.values())[:4]))
        done.money.append({"prompt_id": "", "call_id": call_id, **row})


def _add(store: Store, table: str, shard: int, rows: list[dict[str, object]], done: Rewritten) -> None:
    if not rows:
        return
    rows.sort(
        key=lambda row: [str(row[column]) if column != "number" else row[column] for column in TABLES[table].order]
    )
    part = write_part(store.root, table, shard, [pa.Table.from_pylist(rows, schema=TABLES[table].schema)])
    assert part is not None
    done.parts[table].append(part)
    done.moved.add(table)
