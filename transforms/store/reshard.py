"""Cuts every shard of a store into several: each part is split by the further bits of its rows' ids, then all tables switch at once.

The new parts are written beside the old ones, which nobody names until the switch; what has been split is remembered in
``STORE/_resharding``, so that a run after a killed one goes on. While the tables switch, which takes a commit each,
`store.json` says so and nobody opens the store; who pinned versions before finishes on them.
"""

import hashlib
import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace

import pyarrow as pa
import pyarrow.parquet as pq

from prefcurate.schemas.canonical import shard_of
from prefcurate.schemas.errors import WrongSetting
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.store.about import read_about, write_about
from prefcurate.transforms.store.errors import CommitConflict, StoreError
from prefcurate.transforms.store.files import exists, join, listed, opened, read_bytes, remove, write_bytes
from prefcurate.transforms.store.merge import merge_parts
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.store import Store

KEPT = ("annotations", "calls", "embeddings")
"""Facts whose pending rows of dead runs cost money or hours: they are committed before anything is split."""
_ROWS = 2048


def target(root: str, shards: int) -> Store | None:
    """The store as it is, when it can be cut into so many shards; None when it is cut so already.

    Raises:
        StoreError: there is no store, or it was left on the way to another number.
        WrongSetting: the number is no power of two times what the store has.
    """
    about = read_about(root)
    if about is None:
        raise StoreError(f"there is no store at {root} (no store.json)")
    if about.resharding not in (None, shards):
        raise StoreError(
            f"the store {root} is on its way to {about.resharding} shards; "
            f"`prefcurate reshard {root} --shards {about.resharding}` finishes that first"
        )
    if about.shards == shards and about.resharding is None:
        return None
    if (
        shards <= about.shards
        or shards % about.shards
        or (shards // about.shards) & (shards // about.shards - 1)
        or shards > 65_536
    ):
        raise WrongSetting(
            f"--shards {shards}: the store {root} has {about.shards}; it can be doubled once or several times "
            f"({about.shards * 2}, {about.shards * 4}, … up to 65536). For fewer shards make a new store"
        )
    return Store(root, about.shards)


def reshard(store: Store, shards: int, say: Callable[[str], None] = lambda line: None) -> None:
    """Cuts a store into more shards; nobody else may be at work on it.

    Args:
        store: as `target` gave it.
        shards: the new number.
        say: is told what happens, a line at a time.
    """
    about = read_about(store.root)
    assert about is not None
    work = join(store.root, "_resharding", f"{store.shards}-{shards}")
    if about.resharding is None:
        commit_pending(store, say)
        for table in TABLES:
            rows = sum(part.rows for part in _new_parts(store, table, shards, work, None))
            say(f"{table}: {rows:,} rows in {shards} shards")
        write_about(store.root, replace(about, resharding=shards))
    for table in TABLES:
        _switch(store, table, shards, work)
    # Sketches, staged files and the like are of the old shards, and made again.
    remove(join(store.root, "_pending"))
    write_about(store.root, replace(about, shards=shards, resharding=None))
    remove(join(store.root, "_resharding"))


def commit_pending(store: Store, say: Callable[[str], None] = lambda line: None) -> None:
    """Commits the rows that dead runs finished and that cost money or hours, so that no run asks or computes them again."""
    waiting: dict[str, dict[int, list[Part]]] = defaultdict(lambda: defaultdict(list))
    for path in listed(join(store.root, "_pending"), ".parquet"):
        folder, _, name = path.rpartition("/shard=")
        stage, _, table = folder.removeprefix(join(store.root, "_pending") + "/").rpartition("/")
        if table in KEPT and stage != "ingest":
            shard = int(name.partition("/")[0])
            with opened(path) as stream:
                rows = pq.read_metadata(stream).num_rows
            waiting[table][shard].append(Part(table, shard, path, rows, 0, pending=True))
    for table, by_shard in sorted(waiting.items()):
        base = store.delta(table).version()
        merged = [merge_parts(store, parts, base) for _, parts in sorted(by_shard.items())]
        parts = [part for part in merged if part is not None]
        names = ",".join(sorted(part.path for part in parts))
        if parts:
            about = {"prefcurate.stage": "reshard"}
            transaction = f"reshard/pending/{table}/{_hash_of(names)}"
            store.commit(table, parts, base=base, replace=False, transaction=transaction, metadata=about)
            say(f"{table}: {sum(part.rows for part in parts):,} rows that a dead run had finished are committed")
        for path in (part.path for parts_of in by_shard.values() for part in parts_of):
            remove(path)


def _hash_of(text: str) -> str:
    """A short name for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _switch(store: Store, table: str, shards: int, work: str) -> None:
    transaction = f"reshard/{store.shards}-{shards}/{table}"
    while store.delta(table).transaction_version(transaction) is None:
        base = store.delta(table).version()
        parts = list(_new_parts(store, table, shards, work, base))
        try:
            made = store.commit(
                table, parts, base=base, replace=True, transaction=transaction, metadata={"prefcurate.stage": "reshard"}
            )
        except CommitConflict:
            # Whoever was at work committed once more: its parts are split too.
            continue
        if made == base:
            # Nothing had to move: no commit was made.
            return


def _new_parts(store: Store, table: str, shards: int, work: str, version: int | None) -> Iterator[Part]:
    """The parts that a table's parts become; written where an earlier attempt has not written them."""
    for shard, path in store.files(table, version):
        journal = join(work, table, f"{shard}-{path.rpartition('/')[2]}.json")
        if exists(journal):
            yield from (Part(**told) for told in json.loads(read_bytes(journal)))
            continue
        parts = list(split_part(store.root, table, path, shards))
        write_bytes(journal, json.dumps([asdict(part) for part in parts]).encode())
        yield from parts


def split_part(root: str, table: str, path: str, shards: int) -> Iterator[Part]:
    """Writes the rows of a part as parts of a store with so many shards; a row group is in memory at a time."""
    with opened(path) as stream:
        batches = pq.ParquetFile(stream).iter_batches(_ROWS)
        pieces = (piece for batch in batches for piece in _cut(table, batch, shards))
        for shard, of_shard in itertools.groupby(pieces, key=lambda piece: piece[0]):
            part = write_part(root, table, shard, (batch for _, batch in of_shard))
            if part is not None:
                yield part


def shards_of_rows(table: str, columns: pa.RecordBatch | pa.Table, shards: int) -> list[int]:
    """The shard of every row: its prompt's; rows about no prompt lie in shard 0, those in quarantine in their file's."""
    if table == "quarantine":
        return [shard_of(intake, shards) for intake in columns.column("intake_id").to_pylist()]
    return [shard_of(prompt, shards) if prompt else 0 for prompt in columns.column("prompt_id").to_pylist()]


def _cut(table: str, batch: pa.RecordBatch, shards: int) -> Iterable[tuple[int, pa.RecordBatch]]:
    owners = shards_of_rows(table, batch, shards)
    start = 0
    for shard, rows in itertools.groupby(owners):
        length = sum(1 for _ in rows)
        yield shard, batch.slice(start, length)
        start += length
