"""Sets damaged files of a store aside and takes them out of the tables, so that the next run makes again what it can.

Nothing is deleted: a damaged file goes to ``STORE/_damaged/<run>/`` under the path that it had. Killed at any moment, a repair
goes on where it is run again: what will be missing stands in the ledger before anything is taken away.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import pyarrow as pa
import pyarrow.parquet as pq

from prefcurate.schemas.canonical import CANONICAL_VERSION, comparison_id, shard_of
from prefcurate.schemas.tables import SCHEMA_VERSION, TABLES
from prefcurate.transforms.store.about import About, about_file, read_about, write_about
from prefcurate.transforms.store.errors import StoreError
from prefcurate.transforms.store.files import described, exists, join, move, opened, remove
from prefcurate.transforms.store.losses import REPAIR, Lost, remark
from prefcurate.transforms.store.merge import merge_parts
from prefcurate.transforms.store.parts import Part, table_folder
from prefcurate.transforms.store.reshard import shards_of_rows
from prefcurate.transforms.store.store import Store, forget_logs
from prefcurate.transforms.store.verify import Damage, damaged_parts

_KEYS = ["prompt_id", "comparison_id", "response_a_id", "response_b_id"]
_MOST_SHARDS = 16


@dataclass(frozen=True)
class Repaired:
    """What a repair did.

    Attributes:
        store: the store, which opens now.
        damage: everything that was set aside.
        aside: the folder where it lies.
        lost: tables and shards of which rows may be missing until the next run.
        found: by table, rows that older parts still held and that are back.
    """

    store: Store
    damage: tuple[Damage, ...]
    aside: str
    lost: frozenset[Lost]
    found: dict[str, int] = field(default_factory=dict)


def repair(root: str, run_id: str, damage: Sequence[Damage]) -> Repaired:
    """Mends what `find_damage` found; nobody else may be at work on the store.

    Args:
        root: the store's address.
        run_id: names the folder for the damaged files and the commits.
        damage: everything that was found.

    Raises:
        StoreError: nothing tells how many shards the store has.
    """
    aside = join(root, "_damaged", run_id)
    found = sorted(set(damage))
    if any(one.kind == "about" for one in found):
        about = _about_of_parts(root)
        _set_aside(root, aside, [about_file(root)])
        write_about(root, about)
    about_now = read_about(root)
    assert about_now is not None
    store = Store(root, about_now.shards)
    # The ledger comes first: what is lost must stand there before anything of it is taken away.
    _mend(store, [one for one in found if one.table == "stages"], aside, run_id)
    lost = _lost(found, store.shards)
    if lost:
        store.record(REPAIR, run_id, "", {"run": run_id}, store.versions(["stages"]), remark(lost, store.shards))
    _set_aside(root, aside, [one.path for one in found if one.kind == "spare"])
    _mend(store, [one for one in found if one.table != "stages"], aside, run_id)
    parts = [one for one in found if one.kind == "part"]
    again = _found_again(store, {(part.table, part.shard) for part in parts}, run_id)
    return Repaired(store, tuple(sorted(set(found))), aside, lost, again)


def _mend(store: Store, damage: Sequence[Damage], aside: str, run_id: str) -> None:
    """Makes damaged logs again and takes damaged parts out of the tables."""
    for table in sorted({found.table for found in damage if found.kind == "log"}):
        _rebuild(store, table, aside, run_id)
    _take_out(store, [found for found in damage if found.kind == "part"], aside, run_id)


def _lost(damage: Iterable[Damage], shards: int) -> frozenset[Lost]:
    lost: set[Lost] = set()
    for found in damage:
        if found.kind == "part":
            lost.add((found.table, found.shard))
        elif found.kind == "release":
            lost.add(("releases", 0))
        elif found.kind == "log":
            # Which parts it named is not known any more, and a view is empty until it is computed again.
            lost |= {(found.table, shard) for shard in range(shards)}
    return frozenset(lost)


def _set_aside(root: str, aside: str, paths: Iterable[str]) -> None:
    for path in paths:
        if exists(path):
            move(path, join(aside, path.removeprefix(root).lstrip("/")))


def _take_out(store: Store, parts: Sequence[Damage], aside: str, run_id: str) -> None:
    """Moves the parts away and commits the tables without them."""
    for table, of_table in groupby(sorted(parts, key=lambda p: p.table), key=lambda p: p.table):
        gone = {damage.path for damage in of_table}
        # Moved before the commit: a part that is made again has the same name, and must not find the damaged one there.
        _set_aside(store.root, aside, sorted(gone))
        base = store.delta(table).version()
        kept = [Part(table, shard, path, 0, 0) for shard, path in store.files(table, base) if path not in gone]
        _commit(store, table, kept, base, f"{run_id}/{REPAIR}/{table}")


def _found_again(store: Store, lost: Iterable[Lost], run_id: str) -> dict[str, int]:
    """Facts of lost parts that whole parts of older versions (merged or left over since) still hold go back into the tables."""
    again: dict[str, list[Part]] = defaultdict(list)
    for table, shard in sorted(lost):
        if TABLES[table].role != "fact":
            continue
        base = store.delta(table).version()
        named = {path for _, path in store.files(table, base)}
        spare = [part for part in _parts_on_disk(store.root, table, store.shards, shard) if part.path not in named]
        if spare:
            merged = merge_parts(store, spare, base)
            again[table] += [] if merged is None else [merged]
    for table, parts in again.items():
        base = store.delta(table).version()
        kept = [Part(table, shard, path, 0, 0) for shard, path in store.files(table, base)]
        _commit(store, table, [*kept, *parts], base, f"{run_id}/{REPAIR}/{table}/found")
    return {table: sum(part.rows for part in parts) for table, parts in again.items() if parts}


def _rebuild(store: Store, table: str, aside: str, run_id: str) -> None:
    """A table's log out of its parts: facts as they lie there, each key once; a view is empty until it is computed again."""
    log, work = join(store.address(table), "_delta_log"), join(store.root, "_damaged", "work")
    bad = [found.path for found in damaged_parts(store.root, table)]
    _set_aside(store.root, aside, bad)
    by_shard: dict[int, list[Part]] = defaultdict(list)
    if TABLES[table].role == "fact":
        for part in _parts_on_disk(store.root, table, store.shards):
            by_shard[part.shard].append(part)
    merged = [_once(store, parts) for _, parts in sorted(by_shard.items())]
    # Made beside and moved in one step: without its log the table is found damaged again, with an empty one it would not be.
    remove(work)
    made = Store(work, store.shards)
    made.make_table(table)
    whole = [
        replace(part, path=join(made.address(table), part.path.removeprefix(store.address(table) + "/")))
        for part in merged
    ]
    _commit(made, table, whole, 0, f"{run_id}/{REPAIR}/{table}")
    _set_aside(store.root, aside, [log])
    move(join(made.address(table), "_delta_log"), log)
    forget_logs()
    remove(work)


def _once(store: Store, parts: Sequence[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    merged = merge_parts(store, parts, None)
    assert merged is not None
    return merged


def _commit(store: Store, table: str, parts: Sequence[Part], base: int, transaction: str) -> None:
    store.commit(table, parts, base=base, replace=True, transaction=transaction, metadata={"prefcurate.stage": REPAIR})


def _parts_on_disk(root: str, table: str, shards: int | None, shard: int | None = None) -> list[Part]:
    found = []
    for file in described(table_folder(root, table), ".parquet"):
        path = file.path
        told = path.rpartition("/shard=")[2].partition("/")[0]
        if "/_delta_log/" in path or not told.isdigit() or shard not in (None, int(told)):
            continue
        try:
            with opened(path) as stream:
                about = pq.read_metadata(stream)
        except pa.ArrowInvalid:
            # Damaged itself: it is named and set aside as a part, and tells nothing of the others.
            continue
        if shards is None or _fits(table, about, int(told), shards):
            found.append(Part(table, int(told), path, about.num_rows, file.bytes))
    return found


def _fits(table: str, about: pq.FileMetaData, shard: int, shards: int) -> bool:
    """Whether the rows of a part belong into its shard: parts from before a resharding lie in the same folders."""
    column = about.schema.names.index("intake_id" if table == "quarantine" else "prompt_id")
    ends = [about.row_group(group).column(column).statistics for group in range(about.num_row_groups)]
    ids = pa.table({"prompt_id": [end for s in ends for end in (s.min, s.max)]})
    owners = shards_of_rows(table, ids.rename_columns(["intake_id"]) if table == "quarantine" else ids, shards)
    return set(owners) <= {shard}


def _about_of_parts(root: str) -> About:
    """What `store.json` said: the number of shards under which every part of the comparisons lies where it does.

    Raises:
        StoreError: there is no comparison, or no number fits them.
    """
    known: list[tuple[str, int]] = []
    versions = {SCHEMA_VERSION}
    for part in _parts_on_disk(root, "comparisons", None):
        with opened(part.path) as stream:
            file = pq.ParquetFile(stream)
            versions.add(int((file.metadata.metadata or {}).get(b"prefcurate.schema", SCHEMA_VERSION)))
            groups = sorted({0, file.num_row_groups - 1})
            rows = file.read_row_groups(groups, columns=_KEYS).to_pylist()
        for row in (rows[0], rows[-1]):
            known.append((row["prompt_id"], part.shard))
            if comparison_id(row["prompt_id"], row["response_a_id"], row["response_b_id"]) != row["comparison_id"]:
                raise StoreError(
                    f"the ids of {part.path} are not of this prefcurate's canonical form; use the one that made it"
                )
    fitting = [1 << bits for bits in range(_MOST_SHARDS + 1)]
    fitting = [n for n in fitting if all(shard_of(prompt, n) == shard for prompt, shard in known)]
    if not known or not fitting:
        raise StoreError(
            f"nothing in {root} tells how many shards it has; write {join(root, 'store.json')} by hand: "
            f'{{"shards": …, "schema_version": {SCHEMA_VERSION}, "canonical_version": {CANONICAL_VERSION}}}'
        )
    return About(fitting[0], min(versions), CANONICAL_VERSION)
