"""Everything that a store knows about one comparison, gathered from all its tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow.compute as pc

from prefcurate.schemas.canonical import shard_of
from prefcurate.transforms.publish.releases import current_id, open_release, release_ids
from prefcurate.transforms.store.duck import connect
from prefcurate.transforms.store.ledger import FINGERPRINTS
from prefcurate.transforms.store.snapshot import Snapshot
from prefcurate.transforms.store.store import Store, StoreError

Row = Mapping[str, Any]
"""A row of the table that the field is named after."""


@dataclass(frozen=True)
class Published:
    """What one release says of a comparison: the published row (without text), or why it is withheld."""

    release_id: str
    current: bool
    row: Row | None
    reason: str | None
    detail: str | None


@dataclass(frozen=True)
class PairStory:
    """One comparison with all that was said, found and decided about it; empty where a stage has not run."""

    comparison: Row
    occurrences: tuple[Row, ...]
    annotations: tuple[Row, ...]
    annotators: Mapping[str, Row]
    screening: tuple[Row, ...]
    cluster: Row | None
    near_prompts: int
    near_pairs: int
    attributes: tuple[Row, ...]
    consensus: tuple[Row, ...]
    gold: Row | None
    route: Row | None
    split: Row | None
    published: tuple[Published, ...]

    @property
    def decision(self) -> Row | None:
        """The overall consensus."""
        return next((r for r in self.consensus if (r["attribute"], r["context"]) == ("overall", "none")), None)


_OF_PAIR = {
    "occurrences": "SELECT * FROM occurrences WHERE comparison_id = $id ORDER BY source, file, number",
    "annotations": "SELECT * FROM annotations WHERE comparison_id = $id "
    "ORDER BY attribute <> 'overall', attribute, kind, annotator, order_shown, sample, annotation_id",
    "screening": "SELECT * FROM screening WHERE comparison_id = $id ORDER BY ALL",
    "clusters": "SELECT * FROM clusters WHERE comparison_id = $id",
    "consensus": "SELECT * FROM consensus WHERE comparison_id = $id ORDER BY ALL",
    "routes": "SELECT * FROM routes WHERE comparison_id = $id",
}
_OF_PROMPT = {
    "attributes": "SELECT * FROM attributes WHERE prompt_id = $id ORDER BY name",
    "splits": "SELECT * FROM splits WHERE prompt_id = $id",
    "gold": "SELECT * FROM gold WHERE prompt_id = $id",
}


def standing(store: Store) -> Snapshot:
    """The store as its last run saw it, for those who look at it without a configuration: the files that the last ingest
    read, and the fingerprints that the last run of each stage named.
    """
    entry = store.latest("ingest")
    intakes = tuple(entry.detail.get("intakes", ())) if entry else ()
    mined = store.latest("rubrics")
    rubrics = tuple(mined.detail.get("rubrics", ())) if mined else ()
    return Snapshot(store, tuple(sorted(store.versions().items())), intakes, _last_fingerprints(store), rubrics)


def find_pairs(store: Store, beginning: str, most: int = 20) -> list[tuple[str, str, str]]:
    """Comparisons whose id, or whose prompt's id, begins so: (comparison_id, prompt_id, prompt text).

    Raises:
        StoreError: there is none.
    """
    wanted = beginning.strip().lower()
    with connect() as connection:
        connection.register("comparisons", store.dataset("comparisons"))
        found = connection.sql(
            "SELECT comparison_id, prompt_id FROM comparisons WHERE starts_with(comparison_id, $id) "
            "OR starts_with(prompt_id, $id) ORDER BY prompt_id, comparison_id LIMIT $most",
            params={"id": wanted, "most": most},
        ).fetchall()
        if not found or not wanted:
            raise StoreError(
                f"no comparison or prompt in {store.root} has an id that begins with {beginning[:64]!r}; "
                "ids are in every table, see `prefcurate query`"
            )
        texts = connection.sql(
            "SELECT comparison_id, prompt_text FROM comparisons WHERE comparison_id IN (SELECT unnest($ids))",
            params={"ids": [pair for pair, _ in found]},
        ).fetchall()
    return [(pair, prompt, dict(texts)[pair]) for pair, prompt in found]


def tell(snapshot: Snapshot, comparison_id: str, prompt_id: str) -> PairStory:
    """Gathers the story of one comparison; only its own shard is read, but for neighbours and releases."""
    shard = shard_of(prompt_id, snapshot.store.shards)
    of_pair = {"comparisons": "SELECT * FROM all_comparisons WHERE comparison_id = $id", **_OF_PAIR}
    with snapshot.connect([*of_pair, *_OF_PROMPT], shard) as connection:
        rows = {name: _rows(connection, query, comparison_id) for name, query in of_pair.items()}
        rows |= {name: _rows(connection, query, prompt_id) for name, query in _OF_PROMPT.items()}
    cluster = next(iter(rows["clusters"]), None)
    near = _neighbours(snapshot, cluster)
    said = {row["annotator"] for row in rows["annotations"]}
    annotators = {row["annotator"]: row for row in snapshot.table("annotators").to_pylist() if row["annotator"] in said}
    return PairStory(
        comparison=rows["comparisons"][0],
        occurrences=rows["occurrences"],
        annotations=rows["annotations"],
        annotators=annotators,
        screening=rows["screening"],
        cluster=cluster,
        near_prompts=near[0],
        near_pairs=near[1],
        attributes=rows["attributes"],
        consensus=rows["consensus"],
        gold=next(iter(rows["gold"]), None),
        route=next(iter(rows["routes"]), None),
        split=next(iter(rows["splits"]), None),
        published=_published(snapshot.store, comparison_id),
    )


def _rows(connection: duckdb.DuckDBPyConnection, query: str, identity: str) -> tuple[Row, ...]:
    return tuple(connection.sql(query, params={"id": identity}).to_arrow_table().to_pylist())


def _neighbours(snapshot: Snapshot, cluster: Row | None) -> tuple[int, int]:
    """How many other prompts, and other pairs, are near duplicates."""
    if cluster is None:
        return 0, 0
    with snapshot.connect(["clusters"]) as connection:
        counted = connection.sql(
            "SELECT count(DISTINCT prompt_id) FILTER (prompt_cluster = $prompt) - 1, "
            "count(*) FILTER (pair_cluster = $pair) - 1 FROM clusters WHERE prompt_cluster = $prompt OR pair_cluster = $pair",
            params={"prompt": cluster["prompt_cluster"], "pair": cluster["pair_cluster"]},
        ).fetchall()[0]
    return max(0, counted[0]), max(0, counted[1])


def _published(store: Store, comparison_id: str) -> tuple[Published, ...]:
    """What every release says, the current one first."""
    current = current_id(store.root)
    found = []
    for release_id in sorted(release_ids(store.root), key=lambda name: (name != current, name)):
        release = open_release(store.root, release_id)
        mine = pc.field("comparison_id") == comparison_id
        columns = [name for name in release.dataset().schema.names if name not in ("prompt", "chosen", "rejected")]
        row = next(iter(release.dataset().to_table(columns=columns, filter=mine).to_pylist()), None)
        why: Row = {} if row else next(iter(release.dataset("withheld").to_table(filter=mine).to_pylist()), {})
        found.append(Published(release_id, release_id == current, row, why.get("reason"), why.get("detail")))
    return tuple(found)


def _last_fingerprints(store: Store) -> tuple[str, ...]:
    latest = {entry.stage: entry for entry in store.ledger()}
    named = (entry.inputs.get(FINGERPRINTS, "").split(",") for entry in latest.values())
    return tuple(sorted({each for some in named for each in some if each}))
