"""What a request means in a store: names behind its hashes, and what has to be known of all shards before any is rewritten."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import duckdb
import pyarrow as pa

from prefcurate.transforms.forget.going import GOING, Gone, conditions, named, rows_of_prompts, shard_of_store
from prefcurate.transforms.forget.pending import far_pairs_asked, pending_annotators
from prefcurate.transforms.store.duck import connect
from prefcurate.transforms.store.store import Store
from prefcurate.transforms.store.tombstones import Tombstones

_ASKED_FAR = """
    SELECT comparison_id FROM annotations WHERE prompt_id = ''
    UNION SELECT comparison_id FROM calls WHERE prompt_id = ''
    UNION SELECT unnest(evidence) FROM criteria
"""
_WRITERS = "SELECT DISTINCT fingerprint FROM calls WHERE starts_with(annotator, 'rubrics:')"
_CLEAN = f"""
    SELECT r.theme FROM rubrics r JOIN criteria c USING (rubric_id) WHERE r.fingerprint IN ({_WRITERS}) AND r.theme IS NOT NULL
    GROUP BY r.theme HAVING bool_and(NOT list_has_any(c.evidence, (SELECT coalesce(list(id), []) FROM far)))
"""  # noqa: S608 constants


@dataclass(frozen=True)
class Counts:
    """Rows of one table that go, and that stay with another value."""

    going: int = 0
    changing: int = 0


def survey(store: Store, wanted: Tombstones) -> Gone:
    """Everything that must be known to take a request's rows away; reads ids alone."""
    gone = replace(named(store, wanted), pairs=bool(wanted.sources or wanted.prompts))
    waiting = (name for name in pending_annotators(store) if wanted.has_annotator(name))
    gone = replace(gone, annotators=tuple(sorted({*gone.annotators, *waiting})))
    quarantined, less = rows_of_prompts(store, gone)
    gone = replace(gone, quarantined=quarantined, intakes_less=less)
    with connect() as connection:
        for table in ("annotations", "calls", "rubrics", "criteria"):
            connection.register(table, store.dataset(table))
        asked = {pair for (pair,) in connection.sql(_ASKED_FAR).fetchall() if pair} | far_pairs_asked(store)
        far = sorted(asked - _left_of(store, gone, asked)) if asked else []
        connection.register("far", pa.table({"id": pa.array(far, pa.string())}))
        clean = [theme for (theme,) in connection.sql(_CLEAN).fetchall()]
        query = "SELECT DISTINCT fingerprint FROM calls WHERE list_contains($names, annotator) ORDER BY 1"
        made = connection.sql(query, params={"names": list(gone.annotators)}).fetchall()
    return replace(
        gone, far_pairs=tuple(far), clean_themes=tuple(sorted(clean)), fingerprints=tuple(f for (f,) in made if f)
    )


def counted(store: Store, gone: Gone) -> dict[str, Counts]:
    """By table, how many rows go and change; tables that keep everything are left out."""
    found: dict[str, Counts] = {}
    for shard in range(store.shards):
        with shard_of_store(store, shard, gone) as connection:
            for table, counts in _counts(connection):
                before = found.get(table, Counts())
                found[table] = Counts(before.going + counts.going, before.changing + counts.changing)
    return {table: counts for table, counts in found.items() if counts != Counts()}


def _counts(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, Counts]]:
    for table in GOING:
        goes, changes = conditions(table)
        query = f"SELECT count(*) FILTER ({goes}), count(*) FILTER ({changes}) FROM now_{table} AS {table}"  # noqa: S608
        yield table, Counts(*connection.sql(query).fetchall()[0])


def _left_of(store: Store, gone: Gone, pairs: set[str]) -> set[str]:
    """Those of some comparisons that stay."""
    left: set[str] = set()
    wanted = pa.table({"comparison_id": pa.array(sorted(pairs), pa.string())})
    for shard in range(store.shards):
        with shard_of_store(store, shard, gone) as connection:
            connection.register("wanted", wanted)
            found = connection.sql(
                "SELECT comparison_id FROM left_pairs SEMI JOIN wanted USING (comparison_id)"
            ).fetchall()
            left |= {pair for (pair,) in found}
    return left
