"""Finished work that waits to be committed: what was paid for is kept, without what goes."""

from collections.abc import Iterator

import duckdb

from prefcurate.transforms.annotate.pending import Pending, pending_parts, rows_of
from prefcurate.transforms.forget.going import Gone, conditions, rest, shard_of_store
from prefcurate.transforms.store.files import join, listed, remove
from prefcurate.transforms.store.merge import dataset_of
from prefcurate.transforms.store.parts import write_part
from prefcurate.transforms.store.store import Store

PAID = ("annotations", "calls")
"""Tables whose pending parts were paid for."""


def pending_annotators(store: Store) -> list[str]:
    """Everybody who gave an answer that waits."""
    return sorted({name for name, _, _ in _waiting(store) if name})


def far_pairs_asked(store: Store) -> set[str]:
    """Comparisons that answers about no single prompt, which wait, were asked with."""
    return {pair for _, prompt, pair in _waiting(store) if not prompt and pair}


def _waiting(store: Store) -> Iterator[tuple[str, str, str]]:
    columns = ["annotator", "prompt_id", "comparison_id"]
    for table in PAID:
        for shard in range(store.shards):
            rows = rows_of([pending.part for pending in paid(store, table, shard)], columns)
            yield from zip(*(rows[column].to_pylist() for column in columns), strict=True)


def rewrite_pending(store: Store, gone: Gone) -> None:
    """Takes what goes out of parts that are paid for and not committed; the sums of money must have been."""
    for shard in range(store.shards):
        found = [pending for table in PAID for pending in paid(store, table, shard)]
        if not found:
            continue
        with shard_of_store(store, shard, gone) as connection:
            for pending in found:
                _rewritten(store, connection, pending)


def paid(store: Store, table: str, shard: int) -> Iterator[Pending]:
    """The pending parts of a table's shard, of all stages."""
    for stage in pending_stages(store):
        yield from pending_parts(store, stage, table, shard)


def pending_stages(store: Store) -> list[str]:
    """The stages of which parts of `PAID` wait to be taken up."""
    split = [path.rsplit("/", 4) for path in listed(join(store.root, "_pending"), ".parquet")]
    return sorted(
        {steps[1] for steps in split if len(steps) == 5 and steps[2] in PAID and steps[3].startswith("shard=")}
    )


def _rewritten(store: Store, connection: duckdb.DuckDBPyConnection, pending: Pending) -> None:
    part = pending.part
    connection.register(part.table, dataset_of(part))
    goes, _ = conditions(part.table)
    if connection.sql(f"SELECT count(*) FROM {part.table} WHERE {goes}").fetchall() != [(0,)]:  # noqa: S608
        stage = part.path.rsplit("/", 4)[1]
        footer = {"run": pending.run_id, "unit": pending.unit}
        left = connection.sql(rest(part.table)).to_arrow_reader(2048)
        write_part(store.root, part.table, part.shard, left, pending=stage, footer=footer)
        remove(part.path)
    connection.unregister(part.table)
