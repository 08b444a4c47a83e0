"""Small rows of a fact table and of a view, and the parts and commits that they make."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.store import Store

FACT, VIEW = "attributes", "clusters"


def new_store(tmp_path: Path, shards: int = 2) -> Store:
    store = Store(str(tmp_path / "store"), shards)
    store.create()
    return store


def facts(*rows: tuple[str, str], fingerprint: str = "f") -> pa.Table:
    """Rows of `attributes`, one for each (prompt_id, value)."""
    given = [{"prompt_id": p, "name": "task", "value": value, "fingerprint": fingerprint} for p, value in rows]
    return pa.Table.from_pylist(given, schema=TABLES[FACT].schema)


def fact_part(store: Store, *rows: tuple[str, str], shard: int = 0, pending: str | None = None) -> Part:
    part = write_part(store.root, FACT, shard, [facts(*rows)], pending=pending)
    assert part is not None
    return part


def view_part(store: Store, *ids: str, shard: int = 0) -> Part:
    rows = [{"prompt_id": i, "comparison_id": i, "prompt_cluster": i, "pair_cluster": i} for i in ids]
    part = write_part(store.root, VIEW, shard, [pa.Table.from_pylist(rows, schema=TABLES[VIEW].schema)])
    assert part is not None
    return part


def commit(
    store: Store, parts: Sequence[Part], run: str, base: int | None = None, table: str = FACT, replace: bool = False
) -> int:
    """Commits parts on the newest version (or on `base`): facts are added to (or, on demand, replaced), views replaced."""
    base = store.delta(table).version() if base is None else base
    replace = replace or TABLES[table].role == "view"
    return store.commit(table, parts, base=base, replace=replace, transaction=f"{run}/x/{table}", metadata={"run": run})


def held(store: Store, version: int | None = None, table: str = FACT) -> list[str]:
    """The values (or ids) that a table holds at a version."""
    column = "value" if table == FACT else "comparison_id"
    return sorted(store.dataset(table, version).to_table(columns=[column])[column].to_pylist())
