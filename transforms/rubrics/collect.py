"""From a shard of the store to contrasts: who has a trusted label, of what theme and cluster, and what criteria say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from prefcurate.schemas.canonical import unit_interval
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.labels import trusted_labels
from prefcurate.transforms.rubrics.contrasts import Contrast
from prefcurate.transforms.rubrics.library import LIBRARY, Asked, opinions
from prefcurate.transforms.steps.units import Unit
from prefcurate.transforms.store.snapshot import Snapshot

TEXTS = ("comparison_id", "prompt_id", "prompt", "response_a_text", "response_b_text")
_SIGNS = {"a": 1, "b": -1}


@dataclass(frozen=True)
class Collect:
    """Gives the contrasts of a shard, with the opinions of the whole library.

    Args:
        gold: whose labels are gold.
        seed: of the configuration.
        max_pairs: of the whole store; a shard gives its share of them, those first by hash.
        describers: fingerprints of whoever names a prompt's task, the most believed first.
    """

    gold: GoldOptions
    seed: int
    max_pairs: int
    describers: tuple[str, ...]

    def __call__(self, unit: Unit) -> Iterator[tuple[Contrast, ...]]:
        """All of the shard's contrasts as one element, or none."""
        snapshot, shard = unit.snapshot, unit.shard
        chosen = sample(labelled_pairs(snapshot, shard, self.gold, self.describers), self.seed, self._share(unit))
        found = tuple(with_opinions(snapshot, shard, chosen))
        if found:
            yield found

    def _share(self, unit: Unit) -> int:
        return -(-self.max_pairs // unit.snapshot.store.shards)


def labelled_pairs(snapshot: Snapshot, shard: int, gold: GoldOptions, describers: Sequence[str]) -> list[Contrast]:
    """The pairs of a shard with a trusted label for a or b, before any criterion looked at them."""
    labels = trusted_labels(snapshot, gold, shard)
    clusters, themes = clusters_of(snapshot, shard), themes_of(snapshot, shard, describers)
    with snapshot.connect(["comparisons"], shard) as connection:
        query = "SELECT comparison_id, prompt_id FROM comparisons WHERE origin <> 'probe' ORDER BY comparison_id"
        pairs = connection.sql(query).fetchall()
    return [
        # Where screening did not run, a prompt is its own cluster.
        Contrast(pair, prompt, clusters.get(pair, prompt), themes.get(prompt, ""), _SIGNS[labels[pair]])
        for pair, prompt in pairs
        if labels.get(pair) in _SIGNS
    ]


def clusters_of(snapshot: Snapshot, shard: int) -> dict[str, str]:
    """The prompt cluster of each comparison."""
    table = snapshot.table("clusters", shard, ["comparison_id", "prompt_cluster"])
    return dict(zip(table["comparison_id"].to_pylist(), table["prompt_cluster"].to_pylist(), strict=True))


def themes_of(snapshot: Snapshot, shard: int, describers: Sequence[str]) -> dict[str, str]:
    """The task of each prompt, by the first of the describers that names it."""
    found: dict[str, str] = {}
    with snapshot.connect(["attributes"], shard) as connection:
        for fingerprint in describers:
            query = "SELECT prompt_id, value FROM attributes WHERE name = 'task' AND fingerprint = ?"
            found = {**dict(connection.execute(query, [fingerprint]).fetchall()), **found}
    return found


def sample(contrasts: Sequence[Contrast], seed: int, most: int) -> list[Contrast]:
    """At most so many of them, the same whatever their order."""
    drawn = sorted(contrasts, key=lambda c: (unit_interval(seed, c.comparison_id, "rubric sample"), c.comparison_id))
    return sorted(drawn[:most])


def with_opinions(snapshot: Snapshot, shard: int, contrasts: Sequence[Contrast]) -> Iterator[Contrast]:
    """The contrasts with what each criterion of the library says; texts are streamed."""
    wanted = {contrast.comparison_id: contrast for contrast in contrasts}
    of, asked = "", Asked("", "")
    for row in texts_of(snapshot, shard, wanted):
        if row["prompt_id"] != of:
            # What a prompt demands is read once for all of its pairs.
            of, asked = row["prompt_id"], Asked.of(row["prompt"])
        said = opinions(LIBRARY, asked, row["response_a_text"], row["response_b_text"])
        yield replace(wanted[row["comparison_id"]], opinions=said)


def texts_of(
    snapshot: Snapshot, shard: int, wanted: Mapping[str, object], columns: Sequence[str] = TEXTS
) -> Iterator[dict[str, Any]]:
    """Columns of some comparisons of a shard, in order of prompts and ids, never all in memory."""
    if not wanted:
        return
    with snapshot.connect(["comparisons"], shard) as connection:
        connection.register("wanted", pa.table({"comparison_id": pa.array(sorted(wanted), pa.string())}))
        named = ", ".join(f'"{column}"' for column in columns)  # constants of this package
        query = (
            f"SELECT {named} FROM comparisons SEMI JOIN wanted USING (comparison_id) ORDER BY prompt_id, comparison_id"  # noqa: S608
        )
        for batch in connection.sql(query).to_arrow_reader(256):
            yield from batch.to_pylist()
