"""What a repair of a store does about releases, and how splits that were lost come back out of them."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.publish.options import SPLITS
from prefcurate.transforms.publish.releases import current_id, name_current, open_release, release_folder, release_ids
from prefcurate.transforms.store.duck import connect
from prefcurate.transforms.store.files import exists, join, move
from prefcurate.transforms.store.losses import losses
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.store import Store
from prefcurate.transforms.store.verify import Damage

_GIVEN = """
    SELECT g.prompt_id, coalesce(min(k.prompt_cluster), g.prompt_id) AS prompt_cluster,
        coalesce(min(c.conversation_id), g.prompt_id) AS conversation_id, min(g.split) AS split
    FROM given g
    LEFT JOIN comparisons c ON c.prompt_id = g.prompt_id
    LEFT JOIN clusters k ON k.comparison_id = c.comparison_id
    WHERE g.split IS NOT NULL AND g.prompt_id NOT IN (SELECT prompt_id FROM splits)
    GROUP BY g.prompt_id ORDER BY g.prompt_id
"""


def restore_splits(store: Store, run_id: str) -> int:
    """Splits that were lost since something was published go back into the table as the releases say them; how many prompts.

    A split is a fact that must not move: whatever was published in one stays in it. A prompt that no release names gets
    its split as a new one does: that of its cluster or conversation, or the one that the same chance gives. Pairs and their
    clusters must be there, so this comes when the stages before publish have made again what they lost.
    """
    published = store.latest("publish")
    lost = losses(store.ledger(), store.shards).after(published.sequence if published else 0)
    shards = sorted(shard for table, shard in lost if table == "splits")
    given = list(_told(store)) if shards else []
    parts = [part for shard in shards for part in _of_shard(store, shard, given)]
    if parts:
        base = store.delta("splits").version()
        about = {"prefcurate.stage": "repair"}
        store.commit(
            "splits", parts, base=base, replace=False, transaction=f"{run_id}/repair/splits/releases", metadata=about
        )
    return sum(part.rows for part in parts)


def _told(store: Store) -> Iterator[pa.Table]:
    for name in release_ids(store.root):
        release = open_release(store.root, name)
        for folder in (*SPLITS, "withheld"):
            if all(exists(path) for path in release.files(folder)):
                yield release.dataset(folder).to_table(columns=["prompt_id", "split"])


def _of_shard(store: Store, shard: int, given: list[pa.Table]) -> Iterator[Part]:
    low, high = shard << 32, (shard + 1) << 32
    with connect() as connection:
        for index, table in enumerate(given):
            connection.register(f"given_{index}", table)
        union = " UNION ALL ".join(f"SELECT prompt_id, split FROM given_{i}" for i in range(len(given)))  # noqa: S608
        if not union:
            return
        connection.execute(
            f"CREATE TEMP TABLE given AS SELECT DISTINCT prompt_id, split FROM ({union}) "  # noqa: S608
            "WHERE ('0x' || prompt_id[1:8])::BIGINT * $shards BETWEEN $low AND $high - 1",
            {"shards": store.shards, "low": low, "high": high},
        )
        for table in ("comparisons", "clusters", "splits"):
            columns = [
                c
                for c in ("prompt_id", "comparison_id", "conversation_id", "prompt_cluster")
                if c in TABLES[table].schema.names
            ]
            connection.register(table, store.dataset(table, shard=shard).scanner(columns=columns).to_table())
        found = connection.sql(_GIVEN).to_arrow_table()
        part = write_part(store.root, "splits", shard, [found])
        if part is not None:
            yield part


def mend_releases(store: Store, damage: Iterable[Damage], aside: str, run_id: str) -> list[str]:
    """Sets damaged files of releases aside and says, line by line, what becomes of each release.

    The next run writes the files of the current release again. Of an older one nobody knows the tables any more: all of it
    goes aside, with its row.
    """
    damage = [found for found in damage if found.kind == "release"]
    if any(found.table == "current" for found in damage):
        entry = store.latest("publish")
        named = (entry.detail.get("release") or [None])[0] if entry else None
        if named is not None:
            name_current(store.root, named)
    current, told = current_id(store.root), []
    for name in sorted({found.table for found in damage} - {"current"}):
        if name == current:
            for path in sorted({found.path for found in damage if found.table == name}):
                _aside(store.root, aside, path)
            told.append(f"release {name} is the current one: the next run writes its missing files again")
        else:
            _aside(store.root, aside, release_folder(store.root, name))
            _forget_row(store, name, run_id)
            told.append(
                f"release {name} is an older one and cannot be made again; what is left of it is in "
                f"{join(aside, 'releases', name)}"
            )
    return told


def _aside(root: str, aside: str, path: str) -> None:
    if exists(path):
        move(path, join(aside, path.removeprefix(root).lstrip("/")))


def _forget_row(store: Store, name: str, run_id: str) -> None:
    base = store.delta("releases").version()
    rows = store.dataset("releases", base).to_table()
    kept = rows.filter(pc.field("release_id") != name).sort_by("release_id")
    part = write_part(store.root, "releases", 0, [kept])
    store.commit(
        "releases",
        [] if part is None else [part],
        base=base,
        replace=True,
        transaction=f"{run_id}/repair/releases/{name}",
        metadata={"prefcurate.stage": "repair"},
    )
