"""Forgetting from the first word to the last: what would go, the request, its rows out of every table, and everything else.

request written -> every table fenced (runs at work conflict) -> parts without the rows -> commits -> pending work -> releases
     -> older versions and files beside the tables -> request marked as applied

Nothing but the commits is seen by readers, and every step can be done again: killed anywhere, the next command goes on.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.forget.beside import purge, settle_reservations, sweep_beside
from prefcurate.transforms.forget.going import GOING, Gone, shard_of_store
from prefcurate.transforms.forget.mentions import rows_that_mention
from prefcurate.transforms.forget.pending import PAID, paid, pending_stages, rewrite_pending
from prefcurate.transforms.forget.releases import Touched, touched, withdraw
from prefcurate.transforms.forget.rewrite import rewrite
from prefcurate.transforms.forget.survey import Counts, counted, survey
from prefcurate.transforms.publish.seal import release_row
from prefcurate.transforms.store.store import Store
from prefcurate.transforms.store.tombstones import (
    Request,
    Tombstones,
    hashed,
    mark_applied,
    tombstones,
    unapplied,
    write_request,
)


@dataclass(frozen=True)
class Foreseen:
    """What a request would take away.

    Attributes:
        tombstones: the request.
        tables: rows that go and change, by table.
        rows: of every table today.
        releases: those that would be withdrawn.
    """

    tombstones: Tombstones
    tables: Mapping[str, Counts]
    rows: Mapping[str, int]
    releases: tuple[Touched, ...]


@dataclass(frozen=True)
class Done:
    """What was taken away: rows by table, withdrawn releases, what `current` names now, files of older versions."""

    rows: Mapping[str, int]
    withdrawn: tuple[str, ...]
    current: str | None
    files: int


def foresee(store: Store, sources: Iterable[str], prompts: Iterable[str], annotators: Iterable[str]) -> Foreseen:
    """What forgetting these would take away; changes nothing. The names must be known to the store."""
    wanted = Tombstones(
        frozenset(hashed("source", name) for name in sources),
        frozenset(prompts),
        frozenset(hashed("annotator", name) for name in annotators),
    )
    wanted = replace(wanted, rows=rows_that_mention(store, wanted.prompts, tuple(annotators)))
    gone = survey(store, wanted)
    found = counted(store, gone)
    concerned = touched(store, wanted, _left(store, gone)) if gone.pairs else []
    return Foreseen(wanted, found, {table: store.rows(table) for table in TABLES}, tuple(concerned))


def forget(store: Store, wanted: Tombstones) -> Done:
    """Takes everything away that a request names, after whatever was left unfinished.

    Raises:
        CommitConflict: a run committed at the same moment; the same command, or the next run, goes on.
    """
    finish(store)
    return _apply(store, write_request(store.root, wanted))


def finish(store: Store) -> int:
    """Finishes what a forgetting that was stopped has left; gives how many requests that were."""
    left = unapplied(store.root)
    for request in left:
        _apply(store, request)
    return len(left)


def work_waits(store: Store) -> bool:
    """Whether something was ever forgotten and finished work of a killed run waits: see `sweep_pending`."""
    return tombstones(store.root) != Tombstones() and bool(pending_stages(store))


def sweep_pending(store: Store) -> None:
    """Takes out of finished work what a run left there that was killed while, or after, its subject was forgotten.

    Such a run could not commit; what it asked about is no more in the store, and must not come back with what else it finished.
    """
    if not work_waits(store):
        return
    gone = survey(store, Tombstones(annotators=tombstones(store.root).annotators))
    waiting = [part.part.path for table in PAID for shard in range(store.shards) for part in paid(store, table, shard)]
    # Named by the files: stopped before they are written anew, the money is not counted twice.
    _commit(store, Request(f"late/{stable_hash('waiting', waiting)}", Tombstones()), gone, ("calls",))
    rewrite_pending(store, gone)


def _apply(store: Store, request: Request) -> Done:
    wanted = request.tombstones
    store.versions()  # of a store that is being resharded there are none
    before = {table: store.rows(table) for table in TABLES}
    for table in TABLES:
        store.fence(table, f"forget/{request.request_id}/fence/{table}", _metadata(request))
    settle_reservations(store)
    gone = survey(store, wanted)
    _commit(store, request, gone)
    rewrite_pending(store, gone)
    concerned = touched(store, wanted, store.dataset("comparisons")) if gone.pairs else []
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    current = withdraw(store, concerned, moment)
    if current is not None:
        _record_release(store, request, current)
    sweep_beside(store, wanted)
    files = purge(store)
    after = {table: store.rows(table) for table in TABLES}
    rows = {table: before[table] - after[table] for table in TABLES if before[table] != after[table]}
    withdrawn = tuple(release.release_id for release in concerned)
    told = {"when": moment, "rows": rows, "releases": withdrawn, "files": files}
    mark_applied(store.root, request, json.dumps(told, indent=1) + "\n")
    return Done(rows, withdrawn, current, files)


def _commit(store: Store, request: Request, gone: Gone, tables: Sequence[str] = tuple(GOING)) -> None:
    bases = {table: store.delta(table).version() for table in tables}
    done = rewrite(store, gone, request.request_id, tables)
    for table in tables:
        if table in done.moved:
            store.commit(
                table,
                done.parts[table],
                base=bases[table],
                replace=True,
                transaction=f"forget/{request.request_id}/{table}",
                metadata=_metadata(request),
            )


def _record_release(store: Store, request: Request, release_id: str) -> None:
    row = release_row(store, release_id, settings=f"forget/{request.request_id}")
    store.commit(
        "releases",
        [row],
        base=store.delta("releases").version(),
        replace=False,
        transaction=f"forget/{request.request_id}/releases",
        metadata=_metadata(request),
    )


def _metadata(request: Request) -> dict[str, str]:
    return {"prefcurate.stage": "forget", "prefcurate.run": request.request_id}


def _left(store: Store, gone: Gone) -> pa.Table:
    """The ids of all comparisons that stay."""
    found = []
    for shard in range(store.shards):
        with shard_of_store(store, shard, gone) as connection:
            found.append(connection.sql("SELECT comparison_id FROM left_pairs").to_arrow_table())
    return pa.concat_tables(found)
